/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/indicator.h"

#include <assert.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SLOTS 4 /* in a bucket, which is a cache line */

struct bucket {
	struct indicator_slot slot[SLOTS];
};

static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");
static_assert(sizeof(struct indicator_class) == 20, "as it stands in the image");

uint64_t indicator_hash(uint64_t seed, unsigned kind, const void *value, size_t len)
{
	uint64_t h = XXH3_64bits_withSeed(value, len, seed + kind * 0x9e3779b97f4a7c15ull);

	return h ? h : 1;
}

uint64_t indicator_bucket(uint64_t bucket_count, uint64_t tag)
{
	/* The high half times a power of two, shifted: the tag's high bits. */
	return (uint64_t)(((__uint128_t)tag * bucket_count) >> 64);
}

/* Whether count things of that size at an offset stay inside the image. */
static bool inside(const struct indicator_image *im, uint64_t at, uint64_t count, uint64_t size)
{
	return at >= sizeof(*im) && at <= im->bytes && count <= (im->bytes - at) / size;
}

bool indicator_image_valid(const void *image, size_t bytes)
{
	const struct indicator_image *im = image;
	const uint8_t *base = image;

	if (bytes < sizeof(*im) || im->magic != INDICATOR_MAGIC || im->bytes != bytes)
		return false;
	if (!im->bucket_count || (im->bucket_count & (im->bucket_count - 1)) ||
	    im->buckets_at % sizeof(struct bucket) ||
	    !inside(im, im->buckets_at, im->bucket_count, sizeof(struct bucket)))
		return false;
	if (im->classes_at % 4 || im->class_count > UINT32_MAX ||
	    !inside(im, im->classes_at, im->class_count, sizeof(struct indicator_class)))
		return false;
	if (!im->texts_bytes || im->texts_bytes > UINT32_MAX ||
	    !inside(im, im->texts_at, im->texts_bytes, 1) || base[im->texts_at] ||
	    base[im->texts_at + im->texts_bytes - 1])
		return false;
	for (unsigned v = 0; v < 2; v++) {
		if (im->net_count[v] > (v ? 129 : 33))
			return false;
		for (unsigned i = 0; i < im->net_count[v]; i++)
			if (im->net_bits[v][i] > (v ? 128 : 32))
				return false;
	}
	return true;
}

const char *indicator_text(const struct indicator_image *image, uint32_t at)
{
	if (at >= image->texts_bytes)
		at = 0;
	return (const char *)image + image->texts_at + at;
}

/* One look-up while it goes on: what was found so far. */
struct search {
	const struct indicator_image *image;
	const struct bucket *buckets;
	struct indicator_hit *hit;
	bool found, allowed;
};

/* One value to be tried: an entry of this kind and canonical value. */
struct probe {
	uint64_t tag;
	const uint8_t *value;
	size_t len;
	uint32_t needs; /* slot flag: SLOT_EXACT or SLOT_BELOW */
	int kind;
};

static void prepare(const struct search *s, struct probe *p)
{
	p->tag = indicator_hash(s->image->seed, (unsigned)p->kind, p->value, p->len);
	__builtin_prefetch(&s->buckets[indicator_bucket(s->image->bucket_count, p->tag)]);
}

static void take(struct search *s, const struct probe *p, const struct indicator_slot *slot)
{
	const struct indicator_class *classes =
		(const void *)((const uint8_t *)s->image + s->image->classes_at);
	const struct indicator_class *cls;

	if (!(slot->flags & p->needs) || slot->class_index >= s->image->class_count)
		return;
	cls = &classes[slot->class_index];
	if (slot->flags & SLOT_ALLOW) {
		s->allowed = true;
		return;
	}
	if (s->found && s->hit->cls->score >= cls->score)
		return;
	s->found = true;
	s->hit->cls = cls;
	s->hit->kind = p->kind;
	s->hit->value = p->value;
	s->hit->len = p->len;
}

static void try_probe(struct search *s, const struct probe *p)
{
	uint64_t mask = s->image->bucket_count - 1;
	uint64_t at = indicator_bucket(s->image->bucket_count, p->tag);

	for (unsigned spill = 0; spill < INDICATOR_SPILL_MAX; spill++) {
		const struct bucket *b = &s->buckets[(at + spill) & mask];

		for (unsigned i = 0; i < SLOTS; i++) {
			if (!b->slot[i].tag)
				return;
			if (b->slot[i].tag == p->tag)
				take(s, p, &b->slot[i]);
		}
		if (spill == mask)
			return;
	}
}

static bool has_kind(const struct indicator_image *im, unsigned kind)
{
	unsigned bit = kind == INDICATOR_NET ? 62 : kind == INDICATOR_ENDPOINT ? 63 : kind;

	return bit < 64 && im->kinds >> bit & 1;
}

/* The name, and the names above it that have at most INDICATOR_LABELS_MAX labels. */
static void find_name(struct search *s, int kind, const uint8_t *name, size_t len)
{
	struct probe p[INDICATOR_LABELS_MAX + 1];
	unsigned n = 0;

	for (size_t i = len; i > 1 && n < INDICATOR_LABELS_MAX; i--) {
		if (name[i - 1] != '.' || i == len)
			continue;
		p[n] = (struct probe){
			.value = name + i, .len = len - i, .needs = SLOT_BELOW, .kind = kind};
		prepare(s, &p[n++]);
	}
	p[n] = (struct probe){.value = name, .len = len, .needs = SLOT_EXACT, .kind = kind};
	prepare(s, &p[n++]);
	/* The longest first: of two with the same score it is the one to name. */
	while (n)
		try_probe(s, &p[--n]);
}

static void mask_address(uint8_t *b, size_t len, unsigned bits)
{
	for (size_t i = 0; i < len; i++) {
		unsigned keep = bits > 8 * i ? bits - 8 * (unsigned)i : 0;

		if (keep < 8)
			b[i] &= (uint8_t) ~(0xff >> keep);
	}
}

/* The value of a hit that is not part of the value given moves to where the caller finds it. */
static void try_own(struct search *s, struct probe *p)
{
	prepare(s, p);
	try_probe(s, p);
	if (s->found && s->hit->value == p->value) {
		memcpy(s->hit->net, p->value, p->len);
		s->hit->value = s->hit->net;
	}
}

static void find_address(struct search *s, const uint8_t *addr, size_t len, uint16_t port)
{
	const struct indicator_image *im = s->image;
	unsigned v = len == 16;
	uint8_t room[18];

	if (port && has_kind(im, INDICATOR_ENDPOINT)) {
		memcpy(room, addr, len);
		room[len] = (uint8_t)(port >> 8);
		room[len + 1] = (uint8_t)port;
		try_own(s, &(struct probe){0, room, len + 2, SLOT_EXACT, INDICATOR_ENDPOINT});
	}
	for (unsigned i = 0; has_kind(im, INDICATOR_NET) && i < im->net_count[v]; i++) {
		memcpy(room, addr, len);
		mask_address(room, len, im->net_bits[v][i]);
		room[len] = im->net_bits[v][i];
		try_own(s, &(struct probe){0, room, len + 1, SLOT_EXACT, INDICATOR_NET});
	}
}

bool indicator_find(const struct indicator_image *image, unsigned kind, const void *value,
		    size_t len, uint16_t port, struct indicator_hit *hit)
{
	struct search s = {image, (const void *)((const uint8_t *)image + image->buckets_at), hit,
			   false, false};
	bool name = kind == CONTACT_DOMAIN || kind == CONTACT_SNI;

	if (!len || !image->entries)
		return false;
	if (name && has_kind(image, CONTACT_DOMAIN))
		find_name(&s, CONTACT_DOMAIN, value, len);
	if (kind == CONTACT_SNI && has_kind(image, CONTACT_SNI))
		find_name(&s, CONTACT_SNI, value, len);
	if (!name && has_kind(image, kind)) {
		struct probe p = {
			.value = value, .len = len, .needs = SLOT_EXACT, .kind = (int)kind};

		prepare(&s, &p);
		try_probe(&s, &p);
	}
	if (kind == CONTACT_IP && (len == 4 || len == 16))
		find_address(&s, value, len, port);
	return s.found && !s.allowed;
}

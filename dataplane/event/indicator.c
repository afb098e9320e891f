/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/indicator.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BUCKET_SLOTS 4

uint64_t indicator_hash(uint64_t seed, unsigned kind, const void *value, size_t len)
{
	XXH3_state_t s;
	uint8_t k = (uint8_t)kind;
	uint64_t h;

	XXH3_INITSTATE(&s);
	XXH3_64bits_reset_withSeed(&s, seed);
	XXH3_64bits_update(&s, &k, 1);
	XXH3_64bits_update(&s, value, len);
	h = XXH3_64bits_digest(&s);
	return h ? h : 1;
}

static bool inside(uint64_t at, uint64_t count, uint64_t size, uint64_t bytes)
{
	return at <= bytes && count <= (bytes - at) / size;
}

bool indicator_image_valid(const void *image, size_t bytes)
{
	const struct indicator_image *i = image;

	return bytes >= sizeof(*i) && i->magic == INDICATOR_MAGIC && i->bytes == bytes &&
	       i->bucket_count && !(i->bucket_count & (i->bucket_count - 1)) &&
	       i->classes_at % 4 == 0 && i->buckets_at % 64 == 0 &&
	       inside(i->classes_at, i->class_count, sizeof(struct indicator_class), bytes) &&
	       inside(i->texts_at, i->texts_bytes, 1, bytes) && i->texts_bytes &&
	       ((const char *)image)[i->texts_at + i->texts_bytes - 1] == 0 &&
	       inside(i->buckets_at, i->bucket_count, 64, bytes) && i->net_count[0] <= 33 &&
	       i->net_count[1] <= 129;
}

const char *indicator_text(const struct indicator_image *image, uint32_t at)
{
	return at < image->texts_bytes ? (const char *)image + image->texts_at + at : "";
}

static const struct indicator_slot *find(const struct indicator_image *image, unsigned kind,
					 const void *value, size_t len)
{
	const struct indicator_slot *slots = (const void *)((const char *)image + image->buckets_at);
	uint64_t h, b, shift = 64;

	if (!(image->kinds >> (kind & 63) & 1) && kind < 64)
		return NULL;
	h = indicator_hash(image->seed, kind, value, len);
	for (uint64_t n = image->bucket_count; n > 1; n /= 2)
		shift--;
	b = shift == 64 ? 0 : h >> shift;
	for (uint64_t n = 0; n < image->bucket_count; n++, b = (b + 1) & (image->bucket_count - 1))
		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			const struct indicator_slot *s = &slots[b * BUCKET_SLOTS + i];

			if (!s->tag)
				return NULL;
			if (s->tag == h)
				return s;
		}
	return NULL;
}

struct search {
	const struct indicator_image *image;
	struct indicator_hit *hit;
	bool found, allowed;
};

static void try(struct search *s, unsigned kind, const void *value, size_t len, uint32_t flags)
{
	const struct indicator_slot *slot = find(s->image, kind, value, len);

	if (!slot || (slot->flags & flags) != flags || slot->class_index >= s->image->class_count)
		return;
	if (slot->flags & SLOT_ALLOW) {
		s->allowed = true;
		return;
	}
	if (s->found)
		return;
	s->found = true;
	s->hit->cls = (const struct indicator_class *)(const void *)((const char *)s->image +
								     s->image->classes_at) +
		      slot->class_index;
	s->hit->kind = (int)kind;
	s->hit->value = value;
	s->hit->len = len;
	if (len <= sizeof(s->hit->net) && kind >= INDICATOR_NET) {
		memcpy(s->hit->net, value, len);
		s->hit->value = s->hit->net;
	}
}

static void try_name(struct search *s, unsigned kind, const uint8_t *v, size_t len)
{
	try(s, kind, v, len, SLOT_EXACT);
	for (size_t at = 0, n = 0; at < len && n < INDICATOR_LABELS_MAX; n++) {
		try(s, kind, v + at, len - at, SLOT_BELOW);
		while (at < len && v[at] != '.')
			at++;
		at++;
	}
}

static void try_addr(struct search *s, const uint8_t *v, size_t len, uint16_t port)
{
	unsigned family = len == 16;
	uint8_t key[18];

	try(s, CONTACT_IP, v, len, 0);
	if (port) {
		memcpy(key, v, len);
		key[len] = (uint8_t)(port >> 8);
		key[len + 1] = (uint8_t)port;
		try(s, INDICATOR_ENDPOINT, key, len + 2, 0);
	}
	for (unsigned i = 0; i < s->image->net_count[family]; i++) {
		unsigned bits = s->image->net_bits[family][i];

		for (unsigned k = 0; k < len; k++) {
			unsigned keep = bits > k * 8 ? bits - k * 8 : 0;

			key[k] = keep < 8 ? v[k] & (uint8_t)(0xff00u >> keep) : v[k];
		}
		key[len] = (uint8_t)bits;
		try(s, INDICATOR_NET, key, len + 1, 0);
	}
}

bool indicator_find(const struct indicator_image *image, unsigned kind, const void *value,
		    size_t len, uint16_t port, struct indicator_hit *hit)
{
	struct search s = {.image = image, .hit = hit};

	if (kind == CONTACT_IP && (len == 4 || len == 16)) {
		try_addr(&s, value, len, port);
	} else if (kind == CONTACT_DOMAIN || kind == CONTACT_SNI) {
		if (kind == CONTACT_SNI)
			try_name(&s, CONTACT_SNI, value, len);
		try_name(&s, CONTACT_DOMAIN, value, len);
	} else {
		try(&s, kind, value, len, 0);
	}
	return s.found && !s.allowed;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The workers' table of the published version (dataplane/event/indicator.h), written straight into
 * the memfd: as many buckets as there are entries, filled in one walk. In memory are only the
 * classes and their texts, of which there are few.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include <xxhash.h>

#include "control/intel/row.h"
#include "control/store/bytes.h"
#include "dataplane/event/indicator.h"

static_assert(INDICATOR_NET == INDICATOR_CIDR && INDICATOR_ENDPOINT == INDICATOR_IP_PORT,
	      "kinds as the dataplane has them");

#define SLOTS 4
#define BUCKET_BYTES (SLOTS * sizeof(struct indicator_slot))
#define BUCKETS_AT ((sizeof(struct indicator_image) + 63) / 64 * 64)
#define CLASSES_MAX (1u << 20) /* beyond: classes that name nothing but the source */
#define TEXTS_MAX (256u << 20)

/* A set of numbers, found by the hash of what they stand for. */
struct set {
	uint32_t *slots; /* number + 1; 0: empty */
	size_t cap, count;
};

struct builder {
	struct intel *in;
	int fd;
	uint8_t *map;
	size_t bytes; /* mapped */
	struct indicator_image *head;
	struct indicator_slot *slots;
	struct text texts, classes, value;
	struct set text_set, class_set;
	struct intel_counts counts;
	uint64_t version;
	bool net_bits[2][129];
};

static const struct indicator_class *class_at(const struct builder *b, uint32_t i)
{
	return (const struct indicator_class *)b->classes.data + i;
}

static uint64_t class_hash(const struct indicator_class *c)
{
	return XXH3_64bits(c, sizeof(*c));
}

static uint64_t text_hash(const struct builder *b, uint32_t at)
{
	const char *t = (const char *)b->texts.data + at;

	return XXH3_64bits(t, strlen(t));
}

static int set_grow(const struct builder *b, struct set *s, bool of_texts)
{
	size_t cap = s->cap ? s->cap * 2 : 1024;
	uint32_t *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->cap; i++) {
		uint32_t n = s->slots[i];
		size_t at;

		if (!n)
			continue;
		at = (of_texts ? text_hash(b, n - 1) : class_hash(class_at(b, n - 1))) & (cap - 1);
		while (slots[at])
			at = (at + 1) & (cap - 1);
		slots[at] = n;
	}
	free(s->slots);
	s->slots = slots;
	s->cap = cap;
	return 0;
}

/* Offset of a text among the texts; 0 (the empty text) also when there is no room. */
static uint32_t text_of(struct builder *b, struct slice t)
{
	const uint8_t *nul = t.len ? memchr(t.data, 0, t.len) : NULL;
	struct set *s = &b->text_set;
	size_t len = nul ? (size_t)(nul - (const uint8_t *)t.data) : t.len, at;
	uint32_t n;

	if (!len || b->texts.len + len + 1 > TEXTS_MAX)
		return 0;
	if (s->count * 2 >= s->cap && set_grow(b, s, true) != 0)
		return 0;
	at = XXH3_64bits(t.data, len) & (s->cap - 1);
	for (; (n = s->slots[at]) != 0; at = (at + 1) & (s->cap - 1)) {
		const char *have = (const char *)b->texts.data + n - 1;

		if (strlen(have) == len && memcmp(have, t.data, len) == 0)
			return n - 1;
	}
	n = (uint32_t)b->texts.len;
	text_bytes(&b->texts, t.data, len);
	text_char(&b->texts, '\0');
	s->slots[at] = n + 1;
	s->count++;
	return n;
}

static enum config_intel action_of(const struct builder *b, const struct group_row *r)
{
	static const char *const names[] = {"alert", "drop", "reject"};
	const struct config *config = b->in->config;
	char key[INTEL_SOURCE_MAX + 8];
	const char *own;

	if (!config || r->score < config->intel_action_score)
		return INTEL_ALERT;
	snprintf(key, sizeof(key), "%s.action", r->source->name);
	own = config_map_get(&config->intel_feeds, key);
	for (unsigned i = 0; own && i < 3; i++)
		if (strcmp(own, names[i]) == 0)
			return (enum config_intel)i;
	return config->intel_action;
}

/* Index of the class of an entry, or -errno. */
static int64_t class_of(struct builder *b, const struct group_row *r)
{
	struct indicator_class c = {
		.score = r->score, .severity = r->row.severity, .action = (uint8_t)action_of(b, r)};
	struct set *s = &b->class_set;
	size_t at;
	uint32_t n;

	c.source = text_of(b, (struct slice){r->source->name, strlen(r->source->name)});
	if (s->count < CLASSES_MAX) {
		c.threat = text_of(b, r->row.threat);
		c.family = text_of(b, r->row.family);
		c.category = text_of(b, r->row.category);
	}
	if (s->count * 2 >= s->cap && set_grow(b, s, false) != 0)
		return -ENOMEM;
	at = class_hash(&c) & (s->cap - 1);
	for (; (n = s->slots[at]) != 0; at = (at + 1) & (s->cap - 1))
		if (memcmp(class_at(b, n - 1), &c, sizeof(c)) == 0)
			return n - 1;
	text_bytes(&b->classes, &c, sizeof(c));
	s->slots[at] = (uint32_t)++s->count;
	return b->classes.failed || b->texts.failed ? -ENOMEM : (int64_t)s->count - 1;
}

/* The canonical form of a key: borrowed from it or from b->value. */
static struct slice canonical(struct builder *b, const uint8_t *key, size_t len)
{
	switch (key[0]) {
	case CONTACT_IP:
	case INDICATOR_CIDR:
	case INDICATOR_IP_PORT:
		return (struct slice){key + 2, len - 2};
	case CONTACT_JA3:
	case CONTACT_CERT_SHA1:
	case CONTACT_CERT_SHA256:
	case CONTACT_FILE_MD5:
	case CONTACT_FILE_SHA1:
	case CONTACT_FILE_SHA256:
		return (struct slice){key + 1, len - 1};
	default:
		text_clear(&b->value);
		intel_print(&b->value, (struct slice){key, len});
		return (struct slice){b->value.data, b->value.len};
	}
}

static void note_kind(struct builder *b, const uint8_t *key, size_t len)
{
	unsigned bit = key[0];

	if (bit == INDICATOR_NET) {
		b->net_bits[key[1] == 6][key[len - 1]] = true;
		bit = 62;
	} else if (bit == INDICATOR_ENDPOINT) {
		bit = 63;
	}
	b->head->kinds |= 1ull << bit;
}

/* 0; -E2BIG: the table is too full here, and must be larger. */
static int put_slot(struct builder *b, unsigned kind, struct slice value, uint32_t class_index,
		    uint32_t flags)
{
	uint64_t tag = indicator_hash(b->head->seed, kind, value.data, value.len);
	uint64_t at = indicator_bucket(b->head->bucket_count, tag),
		 mask = b->head->bucket_count - 1;

	for (unsigned spill = 0; spill < INDICATOR_SPILL_MAX; spill++) {
		struct indicator_slot *s = &b->slots[((at + spill) & mask) * SLOTS];

		for (unsigned i = 0; i < SLOTS; i++) {
			if (s[i].tag)
				continue;
			s[i] = (struct indicator_slot){tag, class_index, flags};
			b->head->entries++;
			return 0;
		}
		if (spill == mask)
			break;
	}
	return -E2BIG;
}

static int put_denied(struct builder *b, unsigned kind, struct slice value,
		      const struct group_row *r, uint32_t flags)
{
	int64_t c = class_of(b, r);

	return c < 0 ? (int)c : put_slot(b, kind, value, (uint32_t)c, flags);
}

/* What denies with the highest score, itself and what is below apart where they differ; and what
 * allows. */
static int put_group(struct builder *b, const struct group *g)
{
	const struct group_row *best = NULL, *below = NULL;
	struct slice value = canonical(b, g->key, g->key_len);
	uint32_t allow = 0;
	int err = 0;

	b->counts.entries += g->count;
	b->counts.indicators++;
	for (size_t i = 0; i < g->count; i++) {
		const struct group_row *r = &g->rows[i];
		bool is_below = r->row.flags & ROW_BELOW;

		if (r->expired)
			continue;
		if (r->row.flags & ROW_ALLOW) {
			allow |= SLOT_ALLOW | SLOT_EXACT | (is_below ? SLOT_BELOW : 0);
			continue;
		}
		if (!best || r->score > best->score)
			best = r;
		if (is_below && (!below || r->score > below->score))
			below = r;
	}
	if (best || allow)
		note_kind(b, g->key, g->key_len);
	b->counts.allowed += allow != 0;
	if (below && below->score == best->score)
		best = NULL;
	if (below)
		err = put_denied(b, g->key[0], value, below, SLOT_BELOW | (best ? 0 : SLOT_EXACT));
	if (best && !err)
		err = put_denied(b, g->key[0], value, best, SLOT_EXACT);
	if (allow && !err)
		err = put_slot(b, g->key[0], value, 0, allow);
	return err;
}

static int make_table(struct builder *b, uint64_t bucket_count)
{
	b->bytes = BUCKETS_AT + bucket_count * BUCKET_BYTES;
	b->fd = memfd_create("intel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->fd < 0 || ftruncate(b->fd, (off_t)b->bytes) != 0)
		return -errno;
	b->map = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (b->map == MAP_FAILED) {
		b->map = NULL;
		return -errno;
	}
	b->head = (void *)b->map;
	b->slots = (void *)(b->map + BUCKETS_AT);
	b->head->magic = INDICATOR_MAGIC;
	b->head->bucket_count = bucket_count;
	b->head->buckets_at = BUCKETS_AT;
	if (getrandom(&b->head->seed, sizeof(b->head->seed), 0) != sizeof(b->head->seed))
		return -errno;
	text_char(&b->texts, '\0');
	/* Class 0: of what is allowed. */
	text_bytes(&b->classes, &(struct indicator_class){.score = 0},
		   sizeof(struct indicator_class));
	b->class_set.count = 1;
	return 0;
}

static int fill(struct builder *b)
{
	struct walk *w;
	int err = walk_new(&w, b->in, 0);

	if (err)
		return err;
	while (!err && (err = walk_next(w)) == 1)
		err = put_group(b, &w->group);
	b->version = w->version;
	walk_free(w);
	return err;
}

static int append(struct builder *b, uint64_t at, const struct text *t)
{
	for (size_t done = 0; done < t->len;) {
		ssize_t n = pwrite(b->fd, t->data + done, t->len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Classes and texts behind the buckets; then nobody may write any more. */
static int finish(struct builder *b)
{
	struct indicator_image *h = b->head;
	int err;

	if (b->texts.failed || b->classes.failed)
		return -ENOMEM;
	h->version = b->version;
	h->classes_at = b->bytes;
	h->class_count = b->classes.len / sizeof(struct indicator_class);
	h->texts_at = h->classes_at + b->classes.len;
	h->texts_bytes = b->texts.len;
	h->bytes = h->texts_at + h->texts_bytes;
	for (unsigned v = 0; v < 2; v++)
		for (int bits = 128; bits >= 0; bits--)
			if (b->net_bits[v][bits])
				h->net_bits[v][h->net_count[v]++] = (uint8_t)bits;
	err = append(b, h->classes_at, &b->classes);
	if (!err)
		err = append(b, h->texts_at, &b->texts);
	munmap(b->map, b->bytes);
	b->map = NULL;
	if (!err && fcntl(b->fd, F_ADD_SEALS,
			  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		err = -errno;
	return err;
}

static void builder_free(struct builder *b, bool keep_fd)
{
	if (b->map)
		munmap(b->map, b->bytes);
	if (!keep_fd && b->fd >= 0)
		close(b->fd);
	text_free(&b->texts);
	text_free(&b->classes);
	text_free(&b->value);
	free(b->text_set.slots);
	free(b->class_set.slots);
}

/* A slot for each entry at three quarters full. */
static uint64_t buckets_for(uint64_t entries)
{
	uint64_t n = 1;

	while (n * SLOTS * 3 / 4 < entries)
		n *= 2;
	return n;
}

int intel_image(struct intel *in, int *fd)
{
	uint64_t buckets;
	int err;

	pthread_mutex_lock(&in->lock);
	buckets = buckets_for(sources_entries(in));
	pthread_mutex_unlock(&in->lock);
	for (int try = 0;; try++) {
		struct builder b = {.in = in, .fd = -1};

		err = make_table(&b, buckets << try);
		if (!err)
			err = fill(&b);
		if (!err)
			err = finish(&b);
		builder_free(&b, !err);
		if (!err) {
			*fd = b.fd;
			pthread_mutex_lock(&in->lock);
			in->counts = b.counts;
			in->counts_version = b.version;
			pthread_mutex_unlock(&in->lock);
		}
		if (err != -E2BIG || try == 2)
			return err;
	}
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reassembly of IPv4 (RFC 791, 815) and IPv6 (RFC 8200, 4.5) fragments. Worker thread; all memory
 * is allocated at start.
 *
 * A tracker is a packet being put together. Offsets of fragments are multiples of 8 bytes, so it
 * keeps 8-byte blocks, each with the extent of the fragment it came from. That is all a policy for
 * overlaps asks for; fragments themselves are not kept, and adding one costs time linear in its
 * length however the ones before it were cut. Blocks lie in chunks, which come from a pool.
 *
 * In the wire nothing is guessed: a fragment that differs from what was let through before is
 * dropped, so the receiver can only put together what was inspected.
 */
#include "dataplane/packet/defrag.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/base/list.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/layer.h"
#include "dataplane/packet/siphash.h"
#include "dataplane/packet/os_policy.h"

#define BLOCK_BYTES 8
#define CHUNK_BLOCKS 128
#define CHUNK_BYTES (CHUNK_BLOCKS * BLOCK_BYTES)
#define PACKET_BYTES_MAX 65535
#define TRACKER_CHUNKS ((PACKET_BYTES_MAX + CHUNK_BYTES) / CHUNK_BYTES)
#define IPV6_HEADER_BYTES 40
/* Reassembled packets alive at once: those of one burst. */
#define BUFFER_COUNT 64
#define BUFFER_BYTES (PACKET_BYTES_MAX + IPV6_HEADER_BYTES + 1)

/* Of the fragment that owns a block, in blocks: first, and one past the last; 0, 0: no owner. */
struct extent {
	uint16_t start, end;
};

struct chunk {
	union {
		struct {
			uint8_t data[CHUNK_BYTES];
			struct extent owner[CHUNK_BLOCKS];
		};
		uint8_t header[CHUNK_BYTES + CHUNK_BLOCKS * sizeof(struct extent)];
		struct chunk *next_free;
	};
};

struct defrag_key {
	struct addr src, dst;
	uint32_t id;
	uint16_t vlan[PACKET_VLAN_MAX];
	uint8_t vlan_count;
	uint8_t depth;
	uint8_t ip_version;
	uint8_t ip_proto; /* IPv4 only: IPv6 has no such field in its key */
	uint8_t pad[2];
};
_Static_assert(sizeof(struct defrag_key) == 48, "hashed as six words");

struct tracker {
	struct defrag_key key;
	struct tracker *next; /* in its bucket, or free */
	struct list age;      /* in defrag.ages, oldest first */
	uint64_t last_ns;     /* packet time of the newest fragment */
	uint32_t fragments;
	uint32_t total;    /* bytes, known with the last fragment; 0 not yet */
	uint32_t seen_end; /* bytes: furthest end of any fragment */
	uint32_t blocks;   /* that have an owner */
	uint16_t header_len;
	uint16_t names_at;    /* IPv6: offset of the byte that names what follows */
	uint8_t next_header;  /* IPv6 */
	uint8_t policy;       /* enum defrag_policy */
	struct chunk *header; /* the IP header, from the fragment that owns block 0 */
	struct chunk *chunks[TRACKER_CHUNKS];
};

struct buffer {
	struct buffer *next_free;
	uint8_t data[DECODE_LINK_MAX + BUFFER_BYTES]; /* link headers, then the IP packet */
};

struct defrag {
	struct os_policies *policies;
	struct siphash_key hash_key;
	uint64_t timeout_ns;
	uint32_t fragments, fragments_max;
	bool drop_at_limit;
	uint32_t bucket_mask;
	struct tracker **buckets;
	struct tracker *trackers, *free_tracker;
	uint32_t tracker_count;
	struct list ages;
	struct chunk *chunks, *free_chunk;
	uint32_t chunk_count;
	struct buffer *buffers, *free_buffer;
};

/* One fragment as it goes through this file. */
struct fragment {
	const uint8_t *data;
	uint32_t start, end; /* bytes within the packet */
	bool more;
	const uint8_t *header; /* what stands before the fragmented part */
	uint32_t header_len;
	uint16_t names_at;
	uint8_t next_header;
	enum anomaly_id overlap, too_large, ignored;
};

/* ---- memory ---- */

static struct chunk *chunk_get(struct defrag *s)
{
	struct chunk *c = s->free_chunk;

	if (c)
		s->free_chunk = c->next_free;
	return c;
}

static void chunk_put(struct defrag *s, struct chunk *c)
{
	if (!c)
		return;
	c->next_free = s->free_chunk;
	s->free_chunk = c;
}

static uint32_t key_bucket(const struct defrag *s, const struct defrag_key *key)
{
	struct siphash h;
	uint64_t words[6], hash;

	memcpy(words, key, sizeof(words));
	siphash_start(&h, &s->hash_key);
	for (unsigned i = 0; i < 6; i++)
		siphash_word(&h, words[i]);
	hash = siphash_end(&h, 6);
	return (uint32_t)(hash ^ hash >> 32) & s->bucket_mask;
}

static void tracker_free(struct defrag *s, struct tracker *t)
{
	struct tracker **at = &s->buckets[key_bucket(s, &t->key)];

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	list_remove(&t->age);
	chunk_put(s, t->header);
	for (unsigned i = 0; i < TRACKER_CHUNKS && i * CHUNK_BYTES < t->seen_end; i++)
		chunk_put(s, t->chunks[i]);
	s->fragments -= t->fragments;
	t->next = s->free_tracker;
	s->free_tracker = t;
}

static struct tracker *tracker_find(struct defrag *s, const struct defrag_key *key)
{
	for (struct tracker *t = s->buckets[key_bucket(s, key)]; t; t = t->next)
		if (memcmp(&t->key, key, sizeof(*key)) == 0)
			return t;
	return NULL;
}

/* At the limit the oldest packet is given up for the new one. */
static struct tracker *tracker_new(struct worker *w, struct defrag *s, const struct defrag_key *key)
{
	struct tracker **bucket = &s->buckets[key_bucket(s, key)];
	struct tracker *t;

	if (!s->free_tracker) {
		w->counters->defrag_max_trackers_reached++;
		tracker_free(s, list_entry(s->ages.next, struct tracker, age));
	}
	t = s->free_tracker;
	s->free_tracker = t->next;
	memset(t, 0, sizeof(*t));
	t->key = *key;
	t->policy = (uint8_t)os_policy_find(s->policies, &key->dst, key->ip_version);
	t->next = *bucket;
	*bucket = t;
	list_push_back(&s->ages, &t->age);
	return t;
}

static void pools_fill(struct defrag *s)
{
	s->free_tracker = NULL;
	for (uint32_t i = s->tracker_count; i-- > 0;) {
		s->trackers[i].next = s->free_tracker;
		s->free_tracker = &s->trackers[i];
	}
	s->free_chunk = NULL;
	for (uint32_t i = s->chunk_count; i-- > 0;)
		chunk_put(s, &s->chunks[i]);
	list_init(&s->ages);
	s->fragments = 0;
	memset(s->buckets, 0, ((size_t)s->bucket_mask + 1) * sizeof(*s->buckets));
}

int defrag_new(struct worker *w, struct defrag **out)
{
	const struct config *c = w->config;
	struct defrag *s = worker_memory(w, sizeof(*s), 64);
	uint32_t buckets = 1;
	int error = -ENOMEM;

	if (!s)
		return error;
	s->tracker_count = c->defrag_max_trackers ? (uint32_t)c->defrag_max_trackers : 1;
	s->fragments_max = c->defrag_max_fragments ? (uint32_t)c->defrag_max_fragments : 1;
	/* A full-sized fragment touches two chunks, many a last one only one. */
	s->chunk_count = s->fragments_max + s->fragments_max / 2 + 2 * TRACKER_CHUNKS;
	s->timeout_ns = c->defrag_timeout * 1000000000ull;
	s->drop_at_limit = c->exception_policy >= EXCEPTION_DROP;
	while (buckets < s->tracker_count)
		buckets *= 2;
	s->bucket_mask = buckets - 1;
	s->buckets = worker_memory(w, (size_t)buckets * sizeof(*s->buckets), 64);
	s->trackers = worker_memory(w, (size_t)s->tracker_count * sizeof(*s->trackers), 64);
	s->chunks = worker_memory(w, (size_t)s->chunk_count * sizeof(*s->chunks), 64);
	s->buffers = worker_memory(w, BUFFER_COUNT * sizeof(*s->buffers), 64);
	if (!s->buckets || !s->trackers || !s->chunks || !s->buffers)
		goto fail;
	error = os_policies_new(w, &s->policies);
	if (error)
		goto fail;
	error = -EIO;
	if (getrandom(&s->hash_key, sizeof(s->hash_key), 0) != sizeof(s->hash_key))
		goto fail;
	pools_fill(s);
	for (unsigned i = BUFFER_COUNT; i-- > 0;) {
		s->buffers[i].next_free = s->free_buffer;
		s->free_buffer = &s->buffers[i];
	}
	*out = s;
	return 0;
fail:
	defrag_free(w, s);
	return error;
}

void defrag_free(struct worker *w, struct defrag *s)
{
	if (!s)
		return;
	os_policies_free(w, s->policies);
	worker_memory_free(w, s->buffers);
	worker_memory_free(w, s->chunks);
	worker_memory_free(w, s->trackers);
	worker_memory_free(w, s->buckets);
	worker_memory_free(w, s);
}

void defrag_reset(struct defrag *s)
{
	pools_fill(s);
}

void defrag_buffer_put(struct worker *w, void *buffer)
{
	struct buffer *b = buffer;

	b->next_free = w->decode->defrag->free_buffer;
	w->decode->defrag->free_buffer = b;
}

void defrag_expire(struct worker *w, struct defrag *s, uint64_t now_ns)
{
	while (!list_empty(&s->ages)) {
		struct tracker *t = list_entry(s->ages.next, struct tracker, age);

		if (now_ns < t->last_ns || now_ns - t->last_ns < s->timeout_ns)
			return;
		w->counters->defrag_timeouts++;
		tracker_free(s, t);
	}
}

/* ---- fragments ---- */

/* Does a block of the new fragment take the place of the one that is there? */
static bool new_wins(enum defrag_policy policy, struct extent new, struct extent old)
{
	switch (policy) {
	case DEFRAG_FIRST:
		return false;
	case DEFRAG_LAST:
		return true;
	case DEFRAG_BSD:
		return new.start < old.start;
	case DEFRAG_BSD_RIGHT:
		return new.start >= old.start;
	case DEFRAG_LINUX:
		return new.start <= old.start;
	case DEFRAG_SOLARIS:
		return new.start < old.start &&new.end >= old.end;
	case DEFRAG_WINDOWS:
		return new.start<old.start &&new.end> old.end;
	}
	return false;
}

static struct extent *block_owner(struct tracker *t, uint32_t block)
{
	struct chunk *c = t->chunks[block / CHUNK_BLOCKS];

	return c ? &c->owner[block % CHUNK_BLOCKS] : NULL;
}

static uint8_t *block_data(struct tracker *t, uint32_t block)
{
	return t->chunks[block / CHUNK_BLOCKS]->data + block % CHUNK_BLOCKS * BLOCK_BYTES;
}

static uint32_t block_bytes(const struct fragment *f, uint32_t block)
{
	uint32_t left = f->end - block * BLOCK_BYTES;

	return left < BLOCK_BYTES ? left : BLOCK_BYTES;
}

/* Looks at what the fragment meets: *overlaps, and whether any byte *differs. */
static void fragment_compare(struct tracker *t, const struct fragment *f, bool *overlaps,
			     bool *differs)
{
	*overlaps = *differs = false;
	if (f->start >= t->seen_end)
		return;
	for (uint32_t b = f->start / BLOCK_BYTES; b * BLOCK_BYTES < f->end; b++) {
		const struct extent *owner = block_owner(t, b);

		if (!owner || !owner->end)
			continue;
		*overlaps = true;
		if (memcmp(block_data(t, b), f->data + (b * BLOCK_BYTES - f->start),
			   block_bytes(f, b)) != 0)
			*differs = true;
	}
}

/* Chunks for all its blocks (and a header); false when there are not enough. */
static bool fragment_room(struct defrag *s, struct tracker *t, const struct fragment *f)
{
	uint32_t last = (f->end - 1) / CHUNK_BYTES;

	if (s->fragments >= s->fragments_max)
		return false;
	if (f->start == 0 && !t->header && !(t->header = chunk_get(s)))
		return false;
	for (uint32_t i = f->start / CHUNK_BYTES; i <= last; i++) {
		if (t->chunks[i])
			continue;
		t->chunks[i] = chunk_get(s);
		if (!t->chunks[i])
			return false;
		memset(t->chunks[i]->owner, 0, sizeof(t->chunks[i]->owner));
		/* tracker_free looks no further than this. */
		if (t->seen_end < i * CHUNK_BYTES + 1)
			t->seen_end = i * CHUNK_BYTES + 1;
	}
	return true;
}

static void fragment_store(struct tracker *t, const struct fragment *f)
{
	struct extent new = {(uint16_t)(f->start / BLOCK_BYTES),
			     (uint16_t)((f->end + BLOCK_BYTES - 1) / BLOCK_BYTES)};

	for (uint32_t b = new.start; b < new.end; b++) {
		struct extent *owner = block_owner(t, b);

		if (!owner->end)
			t->blocks++;
		else if (!new_wins(t->policy, new, *owner))
			continue;
		*owner = new;
		memcpy(block_data(t, b), f->data + (b * BLOCK_BYTES - f->start), block_bytes(f, b));
		if (b == 0) {
			memcpy(t->header->header, f->header, f->header_len);
			t->header_len = (uint16_t)f->header_len;
			t->names_at = f->names_at;
			t->next_header = f->next_header;
		}
	}
	if (f->end > t->seen_end)
		t->seen_end = f->end;
}

/* Does it contradict what is known of the packet's end? */
static bool end_conflicts(const struct tracker *t, const struct fragment *f, uint32_t seen_end)
{
	if (t->total)
		return f->end > t->total || (!f->more && f->end != t->total);
	return !f->more && f->end < seen_end;
}

static void header_ipv4(uint8_t *h, uint32_t header_len, uint32_t len)
{
	uint16_t sum;

	h[2] = (uint8_t)(len >> 8);
	h[3] = (uint8_t)len;
	h[6] = h[7] = 0; /* neither offset nor flags */
	h[10] = h[11] = 0;
	sum = (uint16_t)~checksum_fold(checksum_add(0, h, header_len));
	h[10] = (uint8_t)(sum >> 8);
	h[11] = (uint8_t)sum;
}

static void header_ipv6(uint8_t *h, const struct tracker *t, uint32_t len)
{
	len -= IPV6_HEADER_BYTES;
	h[4] = (uint8_t)(len >> 8);
	h[5] = (uint8_t)len;
	h[t->names_at] = t->next_header;
}

/* The tracker is complete: makes its packet. NULL when there is no room for it. */
static struct packet *reassemble(struct decoder *d, struct defrag *s, const struct packet *p,
				 struct tracker *t)
{
	struct buffer *b = s->free_buffer;
	struct packet *whole;
	uint32_t len = t->header_len + t->total, link_len = decode_link_len(p);
	uint8_t *ip;

	if (!b || !decode_room(d))
		return NULL;
	whole = packet_get(d->w);
	if (!whole)
		return NULL;
	s->free_buffer = b->next_free;
	ip = b->data + link_len;
	memcpy(b->data, p->data, link_len);
	memcpy(ip, t->header->header, t->header_len);
	for (uint32_t at = 0; at < t->total; at += CHUNK_BYTES) {
		uint32_t left = t->total - at;

		memcpy(ip + t->header_len + at, t->chunks[at / CHUNK_BYTES]->data,
		       left < CHUNK_BYTES ? left : CHUNK_BYTES);
	}
	if (t->key.ip_version == 4)
		header_ipv4(ip, t->header_len, len);
	else
		header_ipv6(ip, t, len);
	whole->buffer = b;
	whole->data = b->data;
	whole->len = link_len + len;
	return whole;
}

static void give_up(struct decoder *d, struct defrag *s, struct packet *p, const struct fragment *f)
{
	d->w->counters->defrag_max_frags_reached++;
	decode_event(d, p, f->ignored);
	if (s->drop_at_limit)
		packet_drop(p, DROP_defrag_memcap);
}

static void complete(struct decoder *d, struct defrag *s, struct packet *p, struct tracker *t,
		     const struct fragment *f)
{
	uint32_t most = PACKET_BYTES_MAX + (t->key.ip_version == 6 ? IPV6_HEADER_BYTES : 0);
	struct packet *whole;

	if (t->header_len + t->total > most) {
		decode_event(d, p, f->too_large);
	} else if ((whole = reassemble(d, s, p, t))) {
		if (t->key.ip_version == 4)
			d->w->counters->defrag_ipv4_reassembled++;
		else
			d->w->counters->defrag_ipv6_reassembled++;
		decode_reassembled(d, p, whole);
	} else {
		give_up(d, s, p, f);
	}
	tracker_free(s, t);
}

static void fragment_add(struct decoder *d, struct packet *p, const struct defrag_key *key,
			 const struct fragment *f)
{
	struct defrag *s = d->s->defrag;
	struct worker *w = d->w;
	bool overlaps, differs, conflicts;
	struct tracker *t;
	uint32_t seen_end;

	defrag_expire(w, s, p->ts_ns);
	t = tracker_find(s, key);
	if (!t)
		t = tracker_new(w, s, key);
	t->last_ns = p->ts_ns;
	list_remove(&t->age);
	list_push_back(&s->ages, &t->age);
	fragment_compare(t, f, &overlaps, &differs);
	conflicts = end_conflicts(t, f, t->seen_end);
	if (overlaps || conflicts)
		decode_event(d, p, f->overlap);
	if (w->in_the_wire && (differs || conflicts)) {
		packet_drop(p, DROP_defrag_error);
		return;
	}
	if (conflicts) {
		/* No receiver puts this together: it has an end, and something behind it. */
		tracker_free(s, t);
		return;
	}
	seen_end = t->seen_end;
	if (!fragment_room(s, t, f)) {
		tracker_free(s, t);
		give_up(d, s, p, f);
		return;
	}
	t->seen_end = seen_end;
	s->fragments++;
	t->fragments++;
	fragment_store(t, f);
	if (!f->more)
		t->total = f->end;
	if (t->total && t->blocks == (t->total + BLOCK_BYTES - 1) / BLOCK_BYTES)
		complete(d, s, p, t, f);
}

static void key_of(struct defrag_key *key, const struct packet *p, uint32_t id, uint8_t ip_proto)
{
	memset(key, 0, sizeof(*key));
	key->src = p->src;
	key->dst = p->dst;
	key->id = id;
	memcpy(key->vlan, p->vlan, sizeof(key->vlan));
	key->vlan_count = p->vlan_count;
	key->depth = p->tunnel_depth;
	key->ip_version = p->ip_version;
	key->ip_proto = ip_proto;
}

/* Offset and length as the header has them. All fragments but the last end at a block: what goes
 * beyond is cut off. False: nothing is left, or it would reach past the largest packet. */
static bool extent_of(struct decoder *d, struct packet *p, struct fragment *f, uint32_t start,
		      uint32_t header_bytes)
{
	uint32_t len = p->payload_len;

	if (header_bytes + start + len > PACKET_BYTES_MAX) {
		decode_event(d, p, f->too_large);
		if (d->w->in_the_wire)
			packet_drop(p, DROP_defrag_error);
		return false;
	}
	if (f->more)
		len -= len % BLOCK_BYTES;
	f->start = start;
	f->end = start + len;
	f->data = p->payload;
	return len > 0;
}

void defrag_ipv4(struct decoder *d, struct packet *p)
{
	struct fragment f = {
		.overlap = ANOMALY_ipv4_frag_overlap,
		.too_large = ANOMALY_ipv4_frag_pkt_too_large,
		.ignored = ANOMALY_ipv4_frag_ignored,
	};
	uint16_t field = get_be16(p->l3 + 6);
	struct defrag_key key;

	d->w->counters->defrag_ipv4_fragments++;
	if (d->s->validate_checksums && !packet_checksum_ok(p, CHECKSUM_IPV4))
		return;
	f.more = field & 0x2000;
	f.header = p->l3;
	f.header_len = (uint32_t)(p->payload - p->l3);
	if (!extent_of(d, p, &f, (field & 0x1fffu) * BLOCK_BYTES, 20))
		return;
	key_of(&key, p, get_be16(p->l3 + 4), p->ip_proto);
	fragment_add(d, p, &key, &f);
}

void defrag_ipv6(struct decoder *d, struct packet *p, const uint8_t *names, const uint8_t *header)
{
	struct fragment f = {
		.overlap = ANOMALY_ipv6_frag_overlap,
		.too_large = ANOMALY_ipv6_frag_pkt_too_large,
		.ignored = ANOMALY_ipv6_frag_ignored,
	};
	struct defrag_key key;

	d->w->counters->defrag_ipv6_fragments++;
	f.more = header[3] & 1;
	f.header = p->l3;
	f.header_len = (uint32_t)(header - p->l3);
	f.names_at = (uint16_t)(names - p->l3);
	f.next_header = header[0];
	if (f.header_len > sizeof(((struct chunk *)0)->header)) {
		give_up(d, d->s->defrag, p, &f);
		return;
	}
	if (!extent_of(d, p, &f, get_be16(header + 2) & 0xfff8u, 0))
		return;
	key_of(&key, p, get_be32(header + 4), 0);
	fragment_add(d, p, &key, &f);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See range.h. A growing file is on no transaction's list while it is small; once rules should see it, it is on
 * the list of the transaction that brought its last bytes (.shown_by), and goes on to the next one's.
 * Runs in the worker that owns the flows.
 */
#include "dataplane/app/range.h"

#include <stdlib.h>
#include <sys/random.h>

#include "dataplane/base/list.h"
#include "dataplane/packet/siphash.h"

#define RANGE_BUCKETS 256
#define RANGE_MEMCAP (100u << 20)
#define RANGE_TIMEOUT_S 60

struct range_file {
	struct range_file *next; /* in its bucket */
	struct list age;         /* oldest first, by the last range that began */
	uint64_t used_ns, total;
	struct chunks parts;     /* .file NULL: complete, or given up: in no bucket */
	struct tx *shown_by;
	uint64_t bytes;          /* of memory, as counted in the table */
	uint32_t users, bucket, key_len;
	uint8_t key[];           /* client, host in lower case, NUL, name */
};

struct range_table {
	struct siphash_key secret;
	struct range_file *buckets[RANGE_BUCKETS];
	struct list ages;
	uint32_t count;          /* in buckets */
	uint64_t bytes, memcap, timeout_ns;
};

int range_worker_new(struct worker *w)
{
	static const struct config_map none;
	const struct config_map *m = w->config ? &w->config->app : &none;
	const char *seconds = config_map_get(m, "http.byterange.timeout");
	struct range_table *t = worker_memory(w, sizeof(*t), 64);

	if (!t)
		return -1;
	w->ranges = t;
	list_init(&t->ages);
	t->memcap = config_map_size(m, "http.byterange.memcap", RANGE_MEMCAP);
	t->timeout_ns = (seconds ? strtoul(seconds, NULL, 10) : RANGE_TIMEOUT_S) * 1000000000ull;
	if (getrandom(&t->secret, sizeof(t->secret), 0) != sizeof(t->secret)) {
		range_worker_free(w);
		return -1;
	}
	return 0;
}

void range_worker_free(struct worker *w)
{
	if (!w->ranges)
		return;
	range_worker_reset(w);
	worker_memory_free(w, w->ranges);
	w->ranges = NULL;
}

/* ---- one file's memory and end ---- */

static void charge(struct range_table *t, struct range_file *rf)
{
	const struct chunks *c = &rf->parts;
	uint64_t now = sizeof(*rf) + rf->key_len + c->held_bytes + c->cap * sizeof(*c->held);

	if (c->file)
		now += c->file->window.cap + c->file->name_len;
	t->bytes += now - rf->bytes;
	rf->bytes = now;
}

static void free_unused(struct worker *w, struct range_file *rf)
{
	if (rf->parts.file || rf->users)
		return;
	w->ranges->bytes -= rf->bytes;
	heap_free(&w->heap, rf);
}

/* Out of the table. Its file has been taken away; it lives as long as responses are in hand that knew it. */
static void retire(struct worker *w, struct range_file *rf)
{
	struct range_table *t = w->ranges;
	struct range_file **at = &t->buckets[rf->bucket];

	for (; *at != rf; at = &(*at)->next)
		;
	*at = rf->next;
	list_remove(&rf->age);
	t->count--;
	chunks_free(w, &rf->parts);
	charge(t, rf);
	free_unused(w, rf);
}

static void give_up(struct worker *w, struct range_file *rf)
{
	struct file *file = rf->parts.file;

	if (rf->shown_by)
		file_move(file, rf->shown_by, NULL);
	rf->shown_by = NULL;
	file_free(w, file);
	retire(w, rf);
}

void range_worker_reset(struct worker *w)
{
	struct range_table *t = w->ranges;

	while (t && !list_empty(&t->ages))
		give_up(w, list_entry(t->ages.next, struct range_file, age));
}

/* The one that has waited longest and is in nobody's hand. False: there is none. */
static bool give_up_oldest(struct worker *w)
{
	list_for_each(at, &w->ranges->ages) {
		struct range_file *rf = list_entry(at, struct range_file, age);

		if (rf->users)
			continue;
		give_up(w, rf);
		return true;
	}
	return false;
}

static void forget_old(struct worker *w)
{
	struct range_table *t = w->ranges;

	list_for_each_safe(at, &t->ages) {
		struct range_file *rf = list_entry(at, struct range_file, age);

		if (rf->used_ns + t->timeout_ns >= w->now_ns)
			break;
		if (!rf->users)
			give_up(w, rf);
	}
}

/* ---- finding it ---- */

static uint32_t key_make(const struct flow *f, const struct range_origin *o, uint8_t *key)
{
	uint32_t n = sizeof(f->client.b);

	memcpy(key, f->client.b, n);
	for (uint32_t i = 0; i < o->host.len; i++) {
		uint8_t b = o->host.data[i];

		key[n++] = b >= 'A' && b <= 'Z' ? (uint8_t)(b | 0x20) : b;
	}
	key[n++] = 0;
	memcpy(key + n, o->name.data, o->name.len);
	return n + o->name.len;
}

static struct range_file *find(struct range_table *t, const uint8_t *key, uint32_t len, uint32_t bucket)
{
	for (struct range_file *rf = t->buckets[bucket]; rf; rf = rf->next)
		if (rf->key_len == len && memcmp(rf->key, key, len) == 0)
			return rf;
	return NULL;
}

static struct range_file *make(struct worker *w, struct flow *f, struct tx *tx, const struct range_origin *o,
			       const uint8_t *key, uint32_t key_len, uint32_t bucket)
{
	struct range_table *t = w->ranges;
	struct range_file *rf;

	if (t->count >= RANGE_FILES_MAX && !give_up_oldest(w))
		return NULL;
	rf = heap_zalloc(&w->heap, sizeof(*rf) + key_len);
	if (!rf)
		return NULL;
	rf->parts.file = file_open(w, f, tx, TO_CLIENT, o->name.data, o->name.len);
	if (!rf->parts.file) {
		heap_free(&w->heap, rf);
		return NULL;
	}
	file_move(rf->parts.file, tx, NULL);
	if (o->limits)
		file_set_limits(rf->parts.file, o->limits);
	rf->parts.file->joins = rf;
	memcpy(rf->key, key, key_len);
	rf->key_len = key_len;
	rf->bucket = bucket;
	rf->next = t->buckets[bucket];
	t->buckets[bucket] = rf;
	list_init(&rf->age);
	t->count++;
	return rf;
}

void range_begin(struct worker *w, struct flow *f, struct tx *tx, struct range_part *part,
		 const struct range_origin *o)
{
	struct range_table *t = w->ranges;
	uint8_t key[sizeof(f->client.b) + RANGE_KEY_MAX + 1];
	struct siphash hash;
	struct range_file *rf;
	uint32_t len, bucket;

	forget_old(w);
	if (!o->host.len || (uint64_t)o->host.len + o->name.len > RANGE_KEY_MAX)
		return;
	len = key_make(f, o, key);
	siphash_start(&hash, &t->secret);
	bucket = (uint32_t)(siphash_end(&hash, siphash_bytes(&hash, key, len)) % RANGE_BUCKETS);
	rf = find(t, key, len, bucket);
	if (!rf)
		rf = make(w, f, tx, o, key, len, bucket);
	if (!rf) {
		w->counters->app_ranges_lost++;
		return;
	}
	if (o->total > rf->total)
		rf->total = o->total;
	rf->used_ns = w->now_ns;
	list_remove(&rf->age);
	list_push_back(&t->ages, &rf->age);
	rf->users++;
	*part = (struct range_part){rf, o->start};
	charge(t, rf);
}

/* ---- its bytes ---- */

static void show(struct range_file *rf, struct tx *tx)
{
	if (rf->shown_by == tx)
		return;
	file_move(rf->parts.file, rf->shown_by, tx);
	rf->shown_by = tx;
}

void range_file_left(struct range_file *rf)
{
	rf->shown_by = NULL;
}

static void complete(struct worker *w, struct flow *f, struct tx *tx, struct range_file *rf)
{
	struct file *file = rf->parts.file;

	show(rf, tx);
	rf->shown_by = NULL;
	file->joins = NULL; /* it is the transaction's now */
	file_store_inherit(w, f, tx, file);
	file_close(w, file, FILE_CLOSED);
	w->counters->app_ranges_joined++;
	retire(w, rf);
}

/* The table has grown beyond its memory: others go first. */
static void shrink(struct worker *w, struct range_file *rf)
{
	while (w->ranges->bytes > w->ranges->memcap)
		if (!give_up_oldest(w)) {
			w->counters->app_ranges_lost++;
			give_up(w, rf);
			return;
		}
}

void range_take(struct worker *w, struct flow *f, struct tx *tx, struct range_part *part,
		const uint8_t *data, uint32_t len)
{
	struct range_table *t = w->ranges;
	struct range_file *rf = part->of;
	struct chunks_room room = {.count = RANGE_CHUNKS_MAX};
	uint64_t before;

	if (!rf || !rf->parts.file || part->at >= rf->total)
		return;
	if (len > rf->total - part->at)
		len = (uint32_t)(rf->total - part->at);
	before = rf->parts.at;
	room.bytes = rf->parts.held_bytes + (t->memcap > t->bytes ? t->memcap - t->bytes : 0);
	if (!chunks_try(w, &rf->parts, part->at, data, len, &room)) {
		w->counters->app_ranges_lost++;
		range_end(w, part);
		return;
	}
	part->at += len;
	if (rf->parts.at >= rf->total) {
		complete(w, f, tx, rf);
		return;
	}
	if (rf->parts.at > before && rf->parts.file->size >= RANGE_SHOWN_FROM)
		show(rf, tx);
	charge(t, rf);
	shrink(w, rf);
}

void range_end(struct worker *w, struct range_part *part)
{
	struct range_file *rf = part->of;

	*part = (struct range_part){0};
	if (!rf)
		return;
	rf->users--;
	free_unused(w, rf);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Batches of facts into the store, and expiry. See hosts.h; what a fact does to intervals is row.c.
 */
#include "control/hosts/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/say.h"
#include "control/hosts/hosts_private.h"
#include "control/store/bytes.h"

#define EXPIRE_ROWS 1000 /* of one batch, so that ingestion never waits for long */

static const char *const source_names[HOST_SOURCE_COUNT] = {
	[HOST_ARP] = "arp",   [HOST_TLS] = "tls",   [HOST_NBNS] = "nbns",
	[HOST_MDNS] = "mdns", [HOST_KRB5] = "krb5", [HOST_DHCP] = "dhcp",
};

const char *host_source_name(unsigned source)
{
	return source < HOST_SOURCE_COUNT ? source_names[source] : NULL;
}

int hosts_new(struct hosts **out, struct store *s, const struct config *config)
{
	struct hosts *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (!h)
		return -ENOMEM;
	h->store = s;
	pthread_mutex_init(&h->writing, NULL);
	*out = h;
	return 0;
}

void hosts_free(struct hosts *h)
{
	if (!h)
		return;
	hosts_forget(h);
	rows_free(&h->rows);
	free(h->staged);
	pthread_mutex_destroy(&h->writing);
	free(h);
}

/* ---- keys ---- */

size_t address_key(uint8_t *key, const struct addr *a, int ip_version, uint64_t from_ns)
{
	size_t ip = ip_version == 4 ? 4 : 16;

	key[0] = 'a';
	key[1] = (uint8_t)ip_version;
	memcpy(key + 2, a->b, ip);
	put_be64(key + 2 + ip, from_ns);
	return 2 + ip + 8;
}

bool address_key_read(struct slice key, struct addr *a, int *ip_version, uint64_t *from_ns)
{
	const uint8_t *k = key.data;
	size_t ip;

	if (key.len < 2 || k[0] != 'a' || (k[1] != 4 && k[1] != 6))
		return false;
	ip = k[1] == 4 ? 4 : 16;
	if (key.len != 2 + ip + 8)
		return false;
	*a = (struct addr){0};
	memcpy(a->b, k + 2, ip);
	*ip_version = k[1];
	*from_ns = read_be64(k + 2 + ip);
	return true;
}

bool place_read(const uint8_t *place, size_t len, struct addr *a, uint8_t *ip_version,
		uint64_t *from_ns)
{
	size_t ip = len > 8 && place[8] == 4 ? 4 : 16;

	if (len != 9 + ip)
		return false;
	*a = (struct addr){0};
	memcpy(a->b, place + 9, ip);
	*ip_version = place[8];
	*from_ns = read_be64(place);
	return true;
}

/* start | 4 or 6 | address */
static size_t put_place(uint8_t *at, const struct addr *a, int ip_version, uint64_t from_ns)
{
	size_t ip = ip_version == 4 ? 4 : 16;

	put_be64(at, from_ns);
	at[8] = (uint8_t)ip_version;
	memcpy(at + 9, a->b, ip);
	return 9 + ip;
}

size_t name_prefix(uint8_t *key, char kind, const char *name, size_t len)
{
	key[0] = (uint8_t)kind;
	for (size_t i = 0; i < len; i++)
		key[1 + i] = (uint8_t)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
	return 1 + len;
}

static size_t name_key(uint8_t *key, char kind, const struct host_text *name, const struct addr *a,
		       int ip_version, uint64_t from_ns)
{
	size_t n = name_prefix(key, kind, name->text, name->len);

	key[n++] = 0;
	return n + put_place(key + n, a, ip_version, from_ns);
}

static size_t mac_key(uint8_t *key, const uint8_t *mac, const struct addr *a, int ip_version,
		      uint64_t from_ns)
{
	key[0] = 'm';
	memcpy(key + 1, mac, 6);
	return 7 + put_place(key + 7, a, ip_version, from_ns);
}

/* ---- rows of an address ---- */

/* A place in the batch where rows of one address go. */
struct writing {
	struct store *store;
	struct store_batch *batch;
	const struct addr *addr;
	int ip_version;
};

/* Takes a row and all that leads to it out. */
static void delete_row(const struct writing *w, const struct host_row *r)
{
	uint8_t key[HOST_KEY_MAX];
	size_t n = address_key(key, w->addr, w->ip_version, r->from_ns);

	store_batch_delete(w->store, w->batch, STORE_host, key, n);
	if (r->mac_source) {
		n = mac_key(key, r->mac, w->addr, w->ip_version, r->from_ns);
		store_batch_delete(w->store, w->batch, STORE_host, key, n);
	}
	if (r->name.len) {
		n = name_key(key, 'n', &r->name, w->addr, w->ip_version, r->from_ns);
		store_batch_delete(w->store, w->batch, STORE_host, key, n);
	}
	if (r->user.len) {
		n = name_key(key, 'u', &r->user, w->addr, w->ip_version, r->from_ns);
		store_batch_delete(w->store, w->batch, STORE_host, key, n);
	}
}

static void put_row(const struct writing *w, const struct host_row *r)
{
	uint8_t key[HOST_KEY_MAX], value[ROW_VALUE_MAX];
	size_t n = address_key(key, w->addr, w->ip_version, r->from_ns);

	store_batch_put(w->store, w->batch, STORE_host, key, n, value, row_encode(r, value));
	if (r->mac_source) {
		n = mac_key(key, r->mac, w->addr, w->ip_version, r->from_ns);
		store_batch_put(w->store, w->batch, STORE_host, key, n, "", 0);
	}
	if (r->name.len) {
		n = name_key(key, 'n', &r->name, w->addr, w->ip_version, r->from_ns);
		store_batch_put(w->store, w->batch, STORE_host, key, n, "", 0);
	}
	if (r->user.len) {
		n = name_key(key, 'u', &r->user, w->addr, w->ip_version, r->from_ns);
		store_batch_put(w->store, w->batch, STORE_host, key, n, "", 0);
	}
}

static bool same_keys(const struct host_row *a, const struct host_row *b)
{
	return a->from_ns == b->from_ns && !a->mac_source == !b->mac_source &&
	       memcmp(a->mac, b->mac, 6) == 0 && host_text_same(&a->name, &b->name) &&
	       host_text_same(&a->user, &b->user);
}

static void put_rows(const struct writing *w, const struct host_rows *rows)
{
	/* One may take a start that another one leaves: first all deletions, then what stands. */
	for (size_t i = 0; i < rows->count; i++) {
		const struct host_row *r = &rows->row[i];

		if (r->changed && r->stored && !same_keys(r, r->stored))
			delete_row(w, r->stored);
	}
	for (size_t i = 0; i < rows->count; i++)
		if (rows->row[i].changed)
			put_row(w, &rows->row[i]);
}

/* Loads the interval that the first time lies in, and all that begin up to the first one behind
 * the last time. */
static int load_rows(struct hosts *h, const struct addr *a, int ip_version, uint64_t first_ns,
		     uint64_t last_ns)
{
	uint8_t from[HOST_KEY_MAX], to[HOST_KEY_MAX], at[HOST_KEY_MAX];
	struct slice low = {from, address_key(from, a, ip_version, 0)};
	struct slice high = {to, address_key(to, a, ip_version, UINT64_MAX)};
	size_t n = address_key(at, a, ip_version, first_ns + 1);
	struct store_iter *it = store_iter_new(h->store, STORE_host, NULL, &low, &high);
	int err = 0;

	if (!it)
		return -ENOMEM;
	store_iter_seek(it, at, n);
	if (store_iter_valid(it)) {
		store_iter_prev(it);
		if (!store_iter_valid(it))
			store_iter_first(it);
	} else {
		store_iter_last(it);
	}
	for (; store_iter_valid(it) && !err; store_iter_next(it)) {
		struct host_row r;
		struct addr same;
		uint64_t from_ns;
		int version;

		if (!address_key_read(store_iter_key(it), &same, &version, &from_ns))
			continue;
		if (!row_decode(&r, from_ns, store_iter_value(it)))
			memset(&r, 0, sizeof(r)), r.from_ns = from_ns;
		err = rows_load(&h->rows, &r);
		if (from_ns > last_ns)
			break;
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

/* ---- a batch ---- */

int hosts_add(struct hosts *h, const struct host_said *said)
{
	if (h->staged_count == h->staged_cap) {
		size_t cap = h->staged_cap ? h->staged_cap * 2 : 64;
		struct host_said *bigger = realloc(h->staged, cap * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		h->staged = bigger;
		h->staged_cap = cap;
	}
	h->staged[h->staged_count] = *said;
	h->staged[h->staged_count].number = (uint32_t)h->staged_count;
	h->staged_count++;
	return 0;
}

int hosts_stage(struct hosts *h, const struct record_head *head)
{
	struct host_said said;

	if (h->staged_count >= HOSTS_STAGED_MAX)
		return -EAGAIN;
	if (said_from_record(&said, head) && hosts_add(h, &said) != 0)
		say("out of memory: what a packet says of a host is left out");
	return 0;
}

/* By address, then time, then as they came. */
static int by_address(const void *left, const void *right)
{
	const struct host_said *a = left, *b = right;
	int order = (int)a->ip_version - (int)b->ip_version;

	if (!order)
		order = memcmp(&a->addr, &b->addr, sizeof(a->addr));
	if (!order)
		order = (a->ts_ns > b->ts_ns) - (a->ts_ns < b->ts_ns);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

/* The facts of one address. */
static int record_address(struct hosts *h, struct store_batch *b, struct host_said *said,
			  size_t count)
{
	struct writing w = {h->store, b, &said[0].addr, said[0].ip_version};
	int err;

	rows_clear(&h->rows);
	err = load_rows(h, &said[0].addr, said[0].ip_version, said[0].ts_ns, said[count - 1].ts_ns);
	for (size_t i = 0; i < count && !err; i++) {
		name_fill(h, &said[i]);
		err = rows_apply(&h->rows, &said[i]);
	}
	if (!err)
		put_rows(&w, &h->rows);
	return err;
}

static void end_writing(struct hosts *h)
{
	if (h->is_writing)
		pthread_mutex_unlock(&h->writing);
	h->is_writing = false;
	h->staged_count = 0;
}

/* The names of MACs come first; what they say late of addresses is sorted in with the others. */
static void record_names(struct hosts *h, struct store_batch *b)
{
	qsort(h->staged, h->staged_count, sizeof(*h->staged), by_address);
	h->named_count = 0;
	while (h->named_count < h->staged_count && !h->staged[h->named_count].ip_version)
		h->named_count++;
	if (names_record(h, b) != 0)
		say("hosts: names of machines cannot be kept: %s", store_error());
	qsort(h->staged + h->named_count, h->staged_count - h->named_count, sizeof(*h->staged),
	      by_address);
}

void hosts_record(struct hosts *h, struct store_batch *b)
{
	size_t next;

	if (!h->staged_count)
		return;
	/* Until the batch is written the keeper must not take out what it builds on. */
	if (!h->is_writing)
		pthread_mutex_lock(&h->writing);
	h->is_writing = true;
	record_names(h, b);
	for (size_t i = h->named_count; i < h->staged_count; i = next) {
		struct host_said *first = &h->staged[i];
		int err;

		for (next = i + 1; next < h->staged_count; next++)
			if (h->staged[next].ip_version != first->ip_version ||
			    !addr_equal(&h->staged[next].addr, &first->addr))
				break;
		err = record_address(h, b, first, next - i);
		if (err)
			say("hosts: facts of an address cannot be kept: %s",
			    err == -ENOMEM ? "out of memory" : store_error());
	}
	rows_clear(&h->rows);
}

void hosts_committed(struct hosts *h)
{
	end_writing(h);
}

void hosts_forget(struct hosts *h)
{
	end_writing(h);
}

/* ---- expiry ---- */

static void expire_one(struct hosts *h, struct store_batch *b, struct slice key, struct slice value,
		       uint64_t before_ns)
{
	struct addr a;
	struct writing w = {h->store, b, &a, 0};
	struct host_text name;
	struct host_row r;
	uint64_t ns;

	if (address_key_read(key, &a, &w.ip_version, &ns)) {
		if (row_decode(&r, ns, value) && r.last_ns < before_ns)
			delete_row(&w, &r);
	} else if (key.len == MACHINE_KEY_BYTES && machine_read(value, &ns, &name) &&
		   ns < before_ns) {
		store_batch_delete(h->store, b, STORE_host, key.data, key.len);
	}
}

/* One batch: from *at on. 1: there may be more, 0: that was all, -errno. */
static int expire_some(struct hosts *h, uint64_t before_ns, struct text *at)
{
	static const char first[] = "a", end[] = "l"; /* intervals, and names of MACs */
	struct slice low = {first, 1}, high = {end, 1};
	struct store_iter *it = store_iter_new(h->store, STORE_host, NULL, &low, &high);
	struct store_batch *b = store_batch_new();
	unsigned seen = 0;
	int err;

	if (!it || !b) {
		store_iter_free(it);
		store_batch_free(b);
		return -ENOMEM;
	}
	for (store_iter_seek(it, at->data, at->len); store_iter_valid(it) && seen < EXPIRE_ROWS;
	     store_iter_next(it), seen++)
		expire_one(h, b, store_iter_key(it), store_iter_value(it), before_ns);
	text_clear(at);
	if (store_iter_valid(it))
		text_bytes(at, store_iter_key(it).data, store_iter_key(it).len);
	err = store_iter_status(it);
	if (!err && store_batch_count(b))
		err = store_write(h->store, b, false);
	store_iter_free(it);
	store_batch_free(b);
	if (!err && at->failed)
		err = -ENOMEM;
	return err ? err : at->len != 0;
}

int hosts_expire(struct hosts *h, uint64_t before_ns)
{
	struct text at = {0};
	int more = 1;

	text_char(&at, 'a');
	while (more == 1) {
		/* Held up for long only by a store that cannot be written: then the next time. */
		if (pthread_mutex_trylock(&h->writing) != 0)
			break;
		more = expire_some(h, before_ns, &at);
		pthread_mutex_unlock(&h->writing);
	}
	text_free(&at);
	return more < 0 ? more : 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who had an address, and which addresses a machine had. Any thread, inside store_enter.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/hosts/hosts_private.h"

#define LIST_MAX 20000 /* rows in memory at once; a list has at most half of it */

/* ---- MAC addresses as text ---- */

bool host_mac_parse(const char *text, uint8_t *mac)
{
	unsigned digits = 0, separators = 0;
	bool separated = true; /* a digit must come */

	memset(mac, 0, 6);
	for (; *text; text++) {
		int value = *text <= '9' ? *text - '0' : (*text | 0x20) - 'a' + 10;

		if (isxdigit((unsigned char)*text)) {
			if (digits == 12)
				return false;
			mac[digits / 2] = (uint8_t)(mac[digits / 2] << 4 | value);
			digits++;
			separated = false;
		} else if (separated || digits % 2 || !strchr(":-.", *text)) {
			return false;
		} else {
			separators++;
			separated = true;
		}
	}
	/* Twelve digits alone may be a name. */
	return digits == 12 && separators && !separated;
}

char *host_mac_format(const uint8_t *mac, char *text)
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return text;
}

/* ---- by address ---- */

int hosts_find(struct hosts *h, const struct addr *a, int ip_version, uint64_t ts_ns,
	       struct host_at *out)
{
	uint8_t from[HOST_KEY_MAX], to[HOST_KEY_MAX];
	struct slice low = {from, address_key(from, a, ip_version, 0)}, high = {to, 0};
	struct store_iter *it;
	int found = 0;

	high.len = address_key(to, a, ip_version, ts_ns < UINT64_MAX ? ts_ns + 1 : ts_ns);
	it = store_iter_new(h->store, STORE_host, NULL, &low, &high);
	if (!it)
		return -ENOMEM;
	store_iter_last(it);
	if (store_iter_valid(it)) {
		struct host_row r;
		struct addr same;
		uint64_t from_ns;
		int version;

		if (address_key_read(store_iter_key(it), &same, &version, &from_ns) &&
		    row_decode(&r, from_ns, store_iter_value(it))) {
			row_to_at(&r, out);
			found = ts_ns <= out->until_ns;
		}
	} else {
		found = store_iter_status(it);
	}
	store_iter_free(it);
	return found;
}

/* ---- by name, MAC, user ---- */

typedef int host_call(void *arg, const struct addr *a, int ip_version, const struct host_at *at);

/* The interval that an index key ends with: start | version | address. 0, what call said, -errno.
 */
static int call_place(struct hosts *h, const uint8_t *place, size_t len, host_call *call, void *arg)
{
	uint8_t key[HOST_KEY_MAX], version;
	struct text value = {0};
	struct host_row r;
	struct host_at at;
	struct addr a;
	uint64_t from_ns;
	int found;

	if (!place_read(place, len, &a, &version, &from_ns))
		return 0;
	found = store_get(h->store, STORE_host, key, address_key(key, &a, version, from_ns), NULL,
			  &value);
	if (found == 1 && row_decode(&r, from_ns, (struct slice){value.data, value.len})) {
		row_to_at(&r, &at);
		found = call(arg, &a, version, &at);
	} else if (found == 1) {
		found = 0;
	}
	text_free(&value);
	return found;
}

/* Calls for all index keys in [from, to). tail: where the place begins in a key, or NULL for a key
 * that is not meant. */
static int call_range(struct hosts *h, struct slice from, struct slice to,
		      const uint8_t *(*tail)(struct slice key, size_t from_len), host_call *call,
		      void *arg)
{
	struct store_iter *it = store_iter_new(h->store, STORE_host, NULL, &from, &to);
	int err = 0;

	if (!it)
		return -ENOMEM;
	for (store_iter_first(it); store_iter_valid(it) && !err; store_iter_next(it)) {
		struct slice key = store_iter_key(it);
		const uint8_t *place = tail(key, from.len);

		if (place)
			err = call_place(h, place,
					 key.len - (size_t)(place - (const uint8_t *)key.data),
					 call, arg);
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

static const uint8_t *behind_mac(struct slice key, size_t from_len)
{
	return (const uint8_t *)key.data + from_len;
}

/* Behind "name", or "name.domain": past the zero. */
static const uint8_t *behind_name(struct slice key, size_t from_len)
{
	const uint8_t *k = key.data, *zero;

	if (key.len <= from_len || (k[from_len] != 0 && k[from_len] != '.'))
		return NULL;
	zero = memchr(k + from_len, 0, key.len - from_len);
	return zero ? zero + 1 : NULL;
}

static int call_mac(struct hosts *h, const uint8_t *mac, host_call *call, void *arg)
{
	uint8_t from[7] = {'m'}, to[HOST_KEY_MAX];

	memcpy(from + 1, mac, 6);
	memcpy(to, from, sizeof(from));
	memset(to + sizeof(from), 0xff, sizeof(to) - sizeof(from));
	return call_range(h, (struct slice){from, sizeof(from)}, (struct slice){to, sizeof(to)},
			  behind_mac, call, arg);
}

static int call_name(struct hosts *h, char kind, const char *name, size_t len, host_call *call,
		     void *arg)
{
	uint8_t from[HOST_KEY_MAX], to[HOST_KEY_MAX];
	size_t n = name_prefix(from, kind, name, len);

	memcpy(to, from, n);
	to[n] = '.' + 1;
	return call_range(h, (struct slice){from, n}, (struct slice){to, n + 1}, behind_name, call,
			  arg);
}

int hosts_by_name(struct hosts *h, const char *name,
		  int (*call)(void *arg, const struct addr *a, int ip_version,
			      const struct host_at *at),
		  void *arg)
{
	uint8_t mac[6];
	size_t len = strlen(name);
	int err;

	if (host_mac_parse(name, mac))
		return call_mac(h, mac, call, arg);
	if (!len || len > HOST_NAME_MAX_BYTES)
		return 0;
	err = call_name(h, 'n', name, len, call, arg);
	if (!err)
		err = call_name(h, 'u', name, len, call, arg);
	return err;
}

/* ---- lists ---- */

struct listed {
	struct addr addr;
	int ip_version;
	struct host_at at;
};

struct listing {
	struct listed *row;
	size_t count, cap;
	uint64_t at_ns;
};

static int newest_first(const void *left, const void *right)
{
	const struct listed *a = left, *b = right;
	int order = (a->at.to_ns < b->at.to_ns) - (a->at.to_ns > b->at.to_ns);

	if (!order)
		order = (a->at.from_ns < b->at.from_ns) - (a->at.from_ns > b->at.from_ns);
	return order ? order : memcmp(&a->addr, &b->addr, sizeof(a->addr));
}

static int gather(void *arg, const struct addr *a, int ip_version, const struct host_at *at)
{
	struct listing *l = arg;

	if (l->at_ns && (l->at_ns < at->from_ns || l->at_ns > at->until_ns))
		return 0;
	if (l->count == LIST_MAX) {
		qsort(l->row, l->count, sizeof(*l->row), newest_first);
		l->count /= 2;
	}
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct listed *bigger;

		if (cap > LIST_MAX)
			cap = LIST_MAX;
		bigger = realloc(l->row, cap * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		l->row = bigger;
		l->cap = cap;
	}
	l->row[l->count++] = (struct listed){*a, ip_version, *at};
	return 0;
}

/* All intervals whose key begins so. */
static int gather_rows(struct hosts *h, const uint8_t *prefix, size_t len, struct listing *l)
{
	uint8_t to[HOST_KEY_MAX];
	struct slice low = {prefix, len}, high = {to, HOST_KEY_MAX};
	struct store_iter *it;
	int err = 0;

	memcpy(to, prefix, len);
	memset(to + len, 0xff, sizeof(to) - len);
	it = store_iter_new(h->store, STORE_host, NULL, &low, &high);
	if (!it)
		return -ENOMEM;
	for (store_iter_first(it); store_iter_valid(it) && !err; store_iter_next(it)) {
		struct host_row r;
		struct host_at at;
		struct addr a;
		uint64_t from_ns;
		int version;

		if (!address_key_read(store_iter_key(it), &a, &version, &from_ns) ||
		    !row_decode(&r, from_ns, store_iter_value(it)))
			continue;
		row_to_at(&r, &at);
		err = gather(l, &a, version, &at);
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

/* Of the intervals that may have held then, those that did: nobody else had the address since. */
static int drop_succeeded(struct hosts *h, struct listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count && l->at_ns; i++) {
		struct host_at at;
		int found = hosts_find(h, &l->row[i].addr, l->row[i].ip_version, l->at_ns, &at);

		if (found < 0)
			return found;
		if (found && at.from_ns == l->row[i].at.from_ns)
			l->row[kept++] = l->row[i];
	}
	if (l->at_ns)
		l->count = kept;
	return 0;
}

static void put_one(struct text *json, const struct listed *l)
{
	char text[ADDR_TEXT_MAX];
	bool first = true;

	json_comma(json);
	text_char(json, '{');
	json_key_cstr(json, "address", addr_format_long(&l->addr, l->ip_version, text));
	if (l->at.has_mac)
		json_key_cstr(json, "mac", host_mac_format(l->at.mac, text));
	if (l->at.name[0])
		json_key_cstr(json, "name", l->at.name);
	if (l->at.user[0])
		json_key_cstr(json, "user", l->at.user);
	json_key_time(json, "from", l->at.from_ns);
	json_key_time(json, "to", l->at.to_ns);
	json_key_time(json, "until", l->at.until_ns);
	json_key(json, "how");
	text_char(json, '[');
	for (unsigned s = HOST_SOURCE_COUNT; s-- > 1;) {
		if (!(l->at.sources >> s & 1))
			continue;
		if (!first)
			text_char(json, ',');
		first = false;
		json_put_cstr(json, host_source_name(s));
	}
	text_str(json, "]}");
}

int hosts_list(struct hosts *h, const char *text, uint64_t at_ns, uint64_t limit, struct text *json)
{
	struct listing l = {.at_ns = at_ns};
	uint8_t prefix[2 + 16] = {'a'};
	struct addr a;
	int version = text ? addr_parse(text, &a) : 0, err;

	if (!text) {
		err = gather_rows(h, prefix, 1, &l);
	} else if (version) {
		prefix[1] = (uint8_t)version;
		memcpy(prefix + 2, a.b, version == 4 ? 4 : 16);
		err = gather_rows(h, prefix, version == 4 ? 6 : 18, &l);
	} else {
		err = hosts_by_name(h, text, gather, &l);
	}
	if (err >= 0)
		err = drop_succeeded(h, &l);
	if (err < 0) {
		free(l.row);
		return err;
	}
	if (l.count)
		qsort(l.row, l.count, sizeof(*l.row), newest_first);
	text_char(json, '[');
	for (size_t i = 0; i < l.count && i < limit && i < LIST_MAX / 2; i++)
		put_one(json, &l.row[i]);
	text_char(json, ']');
	free(l.row);
	return 0;
}

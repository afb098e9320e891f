/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/courier/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/base/say.h"
#include "control/base/when.h"
#include "control/intel/tlp.h"
#include "control/store/bytes.h"
#include "control/store/json_row.h"

#define SECOND_NS 1000000000ull
#define GIVE_UP_NS (7 * 86400 * SECOND_NS)
#define BACKOFF_MAX_S 3600
#define DESTINATIONS_MAX 64

static const char *const names[] = {"", "webhook", "mail", "syslog", "sightings"};

static uint64_t hash_of(const char *url)
{
	return XXH3_64bits(url, strlen(url));
}

unsigned outbox_destinations(const struct config *c, struct destination *out, unsigned max)
{
	unsigned n = 0;

	if (*c->notify_webhook && n < max)
		out[n++] = (struct destination){.way = NOTIFY_WEBHOOK, .url = c->notify_webhook};
	if (*c->notify_mail_server && c->notify_mail_to.count && n < max)
		out[n++] = (struct destination){.way = NOTIFY_MAIL, .url = c->notify_mail_server};
	if (*c->notify_syslog && n < max)
		out[n++] = (struct destination){.way = NOTIFY_SYSLOG, .url = c->notify_syslog};
	for (size_t i = 0; i < c->intel_share.count && n < max; i++)
		out[n++] = (struct destination){.way = NOTIFY_SHARE,
						.server = hash_of(c->intel_share.items[i]),
						.url = c->intel_share.items[i]};
	return n;
}

/* key: holds the due number. */
static size_t put_place(uint8_t *key, const struct destination *to)
{
	key[8] = (uint8_t)to->way;
	if (to->way != NOTIFY_SHARE)
		return 9;
	put_be64(key + 9, to->server);
	return OUTBOX_KEY_MAX;
}

static bool is_for(struct slice key, const struct destination *to)
{
	const uint8_t *k = key.data;

	if (key.len < 9 || k[8] != to->way)
		return false;
	return to->way == NOTIFY_SHARE ? key.len == OUTBOX_KEY_MAX && read_be64(k + 9) == to->server
				       : key.len == 9;
}

uint8_t notify_tlp(const json_t *finding)
{
	const char *name = json_string_value(json_object_get(finding, "tlp"));
	uint8_t tlp = TLP_NONE;

	if (!name)
		return TLP_NONE;
	return tlp_read(name, strlen(name), &tlp) ? tlp : TLP_RED;
}

int notify_enqueue(struct store *s, struct store_batch *b, const struct config *c,
		   const json_t *finding)
{
	struct destination to[DESTINATIONS_MAX];
	unsigned count = outbox_destinations(c, to, DESTINATIONS_MAX);
	uint8_t key[OUTBOX_KEY_MAX];
	bool may_leave = tlp_may_leave(notify_tlp(finding));
	json_t *row;
	int err = 0;

	if (!count)
		return 0;
	row = json_pack("{s:i s:I s:O}", "tries", 0, "next", (json_int_t)0, "finding", finding);
	/* The finding's number makes the key one of its own, whenever it was found again. */
	put_be64(key, wall_clock_ns() + (uint64_t)json_integer_value(json_object_get(finding, "id")) %
						1000000);
	for (unsigned i = 0; i < count && !err; i++)
		if (to[i].way != NOTIFY_SHARE || may_leave)
			err = row ? store_batch_put_json(s, b, STORE_outbox, key, put_place(key, &to[i]), row) : -ENOMEM;
	json_decref(row);
	return err;
}

/* ---- order ---- */

static bool is_old_share(struct slice key)
{
	return key.len == 9 && ((const uint8_t *)key.data)[8] == NOTIFY_SHARE;
}

static void split(struct store *s, struct store_batch *b, const struct store_iter *it,
		  const struct destination *to, unsigned count)
{
	struct slice k = store_iter_key(it), v = store_iter_value(it);
	uint8_t key[OUTBOX_KEY_MAX];

	memcpy(key, k.data, 9);
	for (unsigned i = 0; i < count; i++)
		if (to[i].way == NOTIFY_SHARE)
			store_batch_put(s, b, STORE_outbox, key, put_place(key, &to[i]), v.data,
					v.len);
	store_batch_delete(s, b, STORE_outbox, k.data, k.len);
}

int outbox_tidy(struct store *s, const struct destination *to, unsigned count, uint64_t now_ns)
{
	struct store_iter *it = store_iter_new(s, STORE_outbox, NULL, NULL, NULL);
	struct store_batch *b = it ? store_batch_new() : NULL;
	unsigned dropped = 0;
	int err = b ? 0 : -ENOMEM;

	for (b ? store_iter_first(it) : (void)0; b && store_iter_valid(it); store_iter_next(it)) {
		struct slice k = store_iter_key(it);
		bool known = false;

		for (unsigned i = 0; i < count && !known; i++)
			known = is_for(k, &to[i]);
		if (known)
			continue;
		if (k.len >= 9 && now_ns <= read_be64(k.data) + GIVE_UP_NS) {
			if (is_old_share(k))
				split(s, b, it, to, count);
			continue;
		}
		store_batch_delete(s, b, STORE_outbox, k.data, k.len);
		dropped++;
	}
	if (!err)
		err = store_iter_status(it);
	if (!err && store_batch_count(b))
		err = store_write(s, b, true);
	if (!err && dropped)
		say("%u messages to who is no longer configured are dropped after a week", dropped);
	store_batch_free(b);
	store_iter_free(it);
	return err;
}

/* ---- parcels ---- */

void parcel_clear(struct parcel *p)
{
	for (unsigned i = 0; i < p->count; i++)
		json_decref(p->rows[i]);
	json_decref(p->findings);
	p->findings = NULL;
	p->count = p->sent = 0;
}

void parcel_cut(struct parcel *p)
{
	for (unsigned i = p->sent; i < p->count; i++)
		json_decref(p->rows[i]);
	p->count = p->sent;
}

static void add(struct parcel *p, struct slice key, json_t *row)
{
	memcpy(p->keys[p->count], key.data, key.len);
	p->rows[p->count++] = row;
	json_array_append(p->findings, json_object_get(row, "finding"));
}

int outbox_collect(struct store *s, struct parcel *p, uint64_t now_ns)
{
	struct slice from = {p->after, p->after_len};
	struct store_iter *it =
		store_iter_new(s, STORE_outbox, NULL, p->after_len ? &from : NULL, NULL);
	int err;

	if (!it)
		return -ENOMEM;
	p->findings = json_array();
	for (store_iter_first(it); store_iter_valid(it) && p->count < OUTBOX_TOGETHER;
	     store_iter_next(it)) {
		struct slice k = store_iter_key(it), v = store_iter_value(it);
		json_t *row;

		if (!is_for(k, p->to))
			continue;
		memcpy(p->after, k.data, k.len);
		p->after_len = k.len;
		row = json_loadb(v.data, v.len, 0, NULL);
		if (row && (uint64_t)json_integer_value(json_object_get(row, "next")) <= now_ns)
			add(p, k, row);
		else
			json_decref(row);
	}
	err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

static size_t key_len(const struct parcel *p)
{
	return p->to->way == NOTIFY_SHARE ? OUTBOX_KEY_MAX : 9;
}

static int put_later(struct store *s, struct store_batch *b, const struct parcel *p, unsigned i,
		     uint64_t now_ns)
{
	json_int_t tries = json_integer_value(json_object_get(p->rows[i], "tries"));
	uint64_t wait_s = tries < 6 ? 60ull << tries : BACKOFF_MAX_S;

	json_object_set_new(p->rows[i], "tries", json_integer(tries + 1));
	json_object_set_new(p->rows[i], "next",
			    json_integer((json_int_t)(now_ns + wait_s * SECOND_NS)));
	return store_batch_put_json(s, b, STORE_outbox, p->keys[i], key_len(p), p->rows[i]);
}

int outbox_settle(struct store *s, struct parcel *p, const char *why, uint64_t now_ns)
{
	const char *name = names[p->to->way];
	struct store_batch *b = store_batch_new();
	unsigned dropped = 0;
	int err = b ? 0 : -ENOMEM;

	if (p->sent < p->count && !json_integer_value(json_object_get(p->rows[p->sent], "tries")))
		say("a message (%s) could not be sent: %s; it is tried again", name, why);
	for (unsigned i = 0; i < p->count && !err; i++) {
		if (i < p->sent || now_ns > read_be64(p->keys[i]) + GIVE_UP_NS) {
			store_batch_delete(s, b, STORE_outbox, p->keys[i], key_len(p));
			dropped += i >= p->sent;
		} else {
			err = put_later(s, b, p, i, now_ns);
		}
	}
	if (dropped)
		say("%u messages (%s) could not be sent for a week and are dropped: %s", dropped,
		    name, why);
	if (!err)
		err = store_write(s, b, true);
	store_batch_free(b);
	parcel_clear(p);
	return err;
}

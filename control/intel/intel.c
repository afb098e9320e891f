/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening, and what is asked of the intelligence as it is published.
 */
#include "control/intel/intel.h"

#include <errno.h>
#include <stdlib.h>

#include "control/intel/change.h"
#include "control/intel/row.h"
#include "control/store/bytes.h"

int intel_open(struct intel **out, struct store *s, const struct config *config)
{
	struct intel *in = calloc(1, sizeof(*in));
	int err = in ? 0 : -ENOMEM;

	*out = NULL;
	if (err)
		return err;
	in->store = s;
	in->config = config;
	in->counts_version = UINT64_MAX;
	pthread_mutex_init(&in->lock, NULL);
	state_read(s, NULL, &in->state, &err);
	if (!err)
		err = sources_load(in);
	if (!err && store_mode(s) == STORE_WRITE)
		err = intel_discard(in);
	if (!err && store_mode(s) == STORE_WRITE && in->state.sweep)
		err = intel_sweep(in, in->state.sweep);
	in->version = in->state.version;
	if (err)
		intel_close(in);
	else
		*out = in;
	return err;
}

void intel_close(struct intel *in)
{
	struct source *next;

	if (!in)
		return;
	for (struct source *src = in->sources; src; src = next) {
		next = src->next;
		free(src);
	}
	pthread_mutex_destroy(&in->lock);
	free(in);
}

uint64_t intel_version(const struct intel *in)
{
	return in->version;
}

static int count_all(struct intel *in, struct intel_counts *out, uint64_t *version)
{
	struct walk *w;
	int err = walk_new(&w, in, 0);

	*out = (struct intel_counts){0};
	while (!err && (err = walk_next(w)) == 1) {
		bool allow = false;

		for (size_t i = 0; i < w->group.count; i++)
			allow |= w->group.rows[i].row.flags & ROW_ALLOW;
		out->entries += w->group.count;
		out->indicators++;
		out->allowed += allow;
		err = 0;
	}
	*version = err ? UINT64_MAX : w->version;
	walk_free(w);
	return err;
}

int intel_counts(struct intel *in, struct intel_counts *out)
{
	uint64_t version = intel_version(in);
	bool known;
	int err = 0;

	pthread_mutex_lock(&in->lock);
	known = in->counts_version == version;
	*out = in->counts;
	pthread_mutex_unlock(&in->lock);
	if (!known)
		err = count_all(in, out, &version);
	pthread_mutex_lock(&in->lock);
	out->sources = 0;
	for (struct source *src = in->sources; src; src = src->next)
		out->sources += !src->gone;
	if (!known && !err) {
		in->counts = *out;
		in->counts_version = version;
	}
	pthread_mutex_unlock(&in->lock);
	return err;
}

/* ---- matching ---- */

struct match {
	struct walk *walk;
	int (*call)(void *arg, const struct intel_verdict *v);
	void *arg;
	bool bad, allowed;
};

/* The indicator with that key, if there is one. */
static int match_key(struct match *m, const uint8_t *key, size_t len, bool only_below)
{
	struct intel_verdict v;
	int found = walk_at(m->walk, key, len);

	if (found <= 0)
		return found;
	if (!walk_verdict(m->walk, only_below, m->call != NULL, &v))
		return 0;
	m->bad |= v.bad;
	m->allowed |= v.allowed;
	return m->call ? m->call(m->arg, &v) : 0;
}

/* The name and every name above it: labels stand from the last to the first. */
static int match_names(struct match *m, int kind, const uint8_t *key, size_t len)
{
	uint8_t above[INTEL_KEY_MAX];
	int err = 0;

	above[0] = (uint8_t)kind;
	for (size_t i = 0; i < len && !err; i++) {
		above[i + 1] = key[i];
		if (key[i] > 1)
			continue;
		above[i + 1] = 0;
		err = match_key(m, above, i + 2, i + 1 < len);
		above[i + 1] = key[i];
	}
	return err;
}

static int match_address(struct match *m, const uint8_t *key, size_t len, uint16_t port)
{
	uint8_t room[INTEL_KEY_MAX];
	unsigned v = key[0] == 6, most = v ? 128 : 32;
	struct intel_state state;
	int err;

	if (len != (v ? 17 : 5))
		return 0;
	memcpy(room + 1, key, len);
	room[0] = INDICATOR_IP_PORT;
	put_be16(room + 1 + len, port);
	err = port ? match_key(m, room, len + 3, false) : 0;
	room[0] = INDICATOR_CIDR;
	if (!err)
		state_read(m->walk->in->store, m->walk->rows.snapshot, &state, &err);
	for (int bits = (int)most; bits >= 0 && !err; bits--) {
		if (bits < (int)most)
			room[2 + bits / 8] &= (uint8_t) ~(0x80 >> bits % 8);
		room[1 + len] = (uint8_t)bits;
		if (state.nets[v][bits / 8] & 1 << bits % 8)
			err = match_key(m, room, len + 2, false);
	}
	return err;
}

int intel_match(struct intel *in, int kind, const uint8_t *key, size_t len, uint16_t port,
		int (*call)(void *arg, const struct intel_verdict *v), void *arg)
{
	struct match m = {.call = call, .arg = arg};
	uint8_t own[INTEL_KEY_MAX];
	int err;

	if (!len || len > VALUE_KEY_MAX)
		return 0;
	err = walk_new(&m.walk, in, 0);
	if (err)
		return err;
	own[0] = (uint8_t)kind;
	memcpy(own + 1, key, len);
	if (kind == CONTACT_DOMAIN || kind == CONTACT_SNI)
		err = match_names(&m, CONTACT_DOMAIN, key, len);
	if (!err && kind == CONTACT_SNI)
		err = match_names(&m, CONTACT_SNI, key, len);
	else if (!err && kind != CONTACT_DOMAIN)
		err = match_key(&m, own, len + 1, false);
	if (!err && kind == CONTACT_IP)
		err = match_address(&m, key, len, port);
	walk_free(m.walk);
	return err ? err : m.bad && !m.allowed;
}

/* ---- all of it ---- */

static int each_since(struct intel *in, struct walk *w, int kind, uint64_t since,
		      int (*call)(void *arg, const struct intel_verdict *v), void *arg)
{
	uint8_t low[INDEX_HEAD] = {INDEX_MARK}, high[INDEX_HEAD] = {INDEX_MARK};
	struct slice from = {low, INDEX_HEAD}, to = {high, INDEX_HEAD};
	struct store_iter *it;
	int err = 0;

	put_be64(low + 1, since + 1);
	put_be64(high + 1, w->version + 1);
	it = store_iter_new(in->store, STORE_intel, w->rows.snapshot, &from, &to);
	if (!it)
		return -ENOMEM;
	for (store_iter_first(it); !err && store_iter_valid(it); store_iter_next(it)) {
		struct slice k = store_iter_key(it);
		const uint8_t *p = k.data;
		struct intel_verdict v;

		if (k.len < INDEX_HEAD + 4 || k.len > INDEX_KEY_MAX ||
		    (kind && p[INDEX_HEAD] != kind))
			continue;
		err = walk_at(w, p + INDEX_HEAD, k.len - INDEX_HEAD - 2);
		/* Written by that version, but new in it? */
		if (err == 1 && walk_verdict(w, false, true, &v) &&
		    v.since_version == read_be64(p + 1))
			err = call(arg, &v);
		else if (err == 1)
			err = 0;
	}
	if (!err)
		err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

int intel_each(struct intel *in, int kind, uint64_t since_version,
	       int (*call)(void *arg, const struct intel_verdict *v), void *arg)
{
	struct intel_verdict v;
	struct walk *w;
	int err = walk_new(&w, in, since_version ? 0 : kind);

	if (err)
		return err;
	if (since_version) {
		err = each_since(in, w, kind, since_version, call, arg);
	} else {
		while (!err && (err = walk_next(w)) == 1)
			err = walk_verdict(w, false, true, &v) ? call(arg, &v) : 0;
	}
	walk_free(w);
	return err;
}

/* ---- look-ups ---- */

struct answer {
	struct text sources;
	struct text threat, family, category;
	uint64_t score, severity, version;
	bool bad, allowed, any;
};

static void keep(struct text *t, struct slice s)
{
	text_clear(t);
	text_bytes(t, s.data, s.len);
}

static int answer_one(void *arg, const struct intel_verdict *v)
{
	struct answer *a = arg;

	a->any = true;
	a->allowed |= v->allowed;
	/* The array's inside, after what there is. */
	if (v->sources.len > 2) {
		text_str(&a->sources, a->sources.len ? "," : "");
		text_bytes(&a->sources, (const char *)v->sources.data + 1, v->sources.len - 2);
	}
	if (v->bad && (!a->bad || v->score > a->score)) {
		a->bad = true;
		a->score = v->score;
		a->severity = v->severity;
		a->version = v->since_version;
		keep(&a->threat, v->best.threat);
		keep(&a->family, v->best.family);
		keep(&a->category, v->best.category);
	}
	return a->sources.failed ? -ENOMEM : 0;
}

/* A URL is as bad as the site on which it is. 1, 0, -errno. */
static int answer_site(struct intel *in, struct slice url_key, struct answer *a)
{
	struct text url = {0};
	uint8_t key[INTEL_KEY_MAX];
	const char *host;
	size_t n, len;
	int kind = CONTACT_IP, err = 0;

	intel_print(&url, url_key);
	host = text_cstr(&url);
	n = strcspn(host, "/");
	if (n > 2 && host[0] == '[' && host[n - 1] == ']')
		len = value_key(kind, host + 1, n - 2, key);
	else
		len = value_key(kind, host, n, key);
	if (!len) {
		kind = CONTACT_DOMAIN;
		len = value_key(kind, host, n, key);
	}
	if (len)
		err = intel_match(in, kind, key, len, 0, answer_one, a);
	text_free(&url);
	return err;
}

static int answer_value(struct intel *in, int kind, const char *value, struct answer *a)
{
	uint8_t key[INTEL_KEY_MAX];
	size_t len = intel_key(kind, value, strlen(value), key);
	struct intel_verdict v;
	struct walk *w;
	int err;

	if (!len)
		return -EINVAL;
	if (kind == INDICATOR_IP_PORT)
		return intel_match(in, CONTACT_IP, key + 1, len - 3, read_be16(key + len - 2),
				   answer_one, a);
	if (kind != INDICATOR_CIDR) {
		int bad = intel_match(in, kind, key + 1, len - 1, 0, answer_one, a), site = 0;

		if (kind == CONTACT_URL && bad >= 0)
			site = answer_site(in, (struct slice){key, len}, a);
		return bad < 0 || site < 0 ? (bad < 0 ? bad : site) : bad || site;
	}
	err = walk_new(&w, in, kind);
	if (!err)
		err = walk_at(w, key, len);
	if (err == 1 && walk_verdict(w, false, true, &v))
		err = answer_one(a, &v) ? -ENOMEM : v.bad;
	walk_free(w);
	return err;
}

static void put_answer(struct text *json, const struct answer *a, int bad)
{
	json_key_cstr(json, "verdict", bad ? "bad" : a->allowed ? "allowed" : "unknown");
	json_key_uint(json, "score", bad ? a->score : 0);
	if (bad) {
		json_key_uint(json, "severity", a->severity);
		json_key(json, "category");
		json_put_string(json, a->category.data, a->category.len);
		json_key(json, "threat");
		json_put_string(json, a->threat.data, a->threat.len);
		json_key(json, "family");
		json_put_string(json, a->family.data, a->family.len);
	}
	json_key(json, "sources");
	text_char(json, '[');
	text_bytes(json, a->sources.data, a->sources.len);
	text_char(json, ']');
}

int intel_lookup(struct intel *in, int kind, const char *value, struct text *json)
{
	uint8_t key[INTEL_KEY_MAX];
	struct answer a = {0};
	struct text normal = {0};
	size_t len;
	int bad;

	if (!kind)
		kind = intel_key(INDICATOR_IP_PORT, value, strlen(value), key)
			       ? INDICATOR_IP_PORT
			       : indicator_guess(value);
	len = kind ? intel_key(kind, value, strlen(value), key) : 0;
	if (!len)
		return -EINVAL;
	bad = answer_value(in, kind, value, &a);
	if (bad >= 0) {
		intel_print(&normal, (struct slice){key, len});
		text_char(json, '{');
		json_key(json, "value");
		json_put_string(json, normal.data, normal.len);
		json_key_cstr(json, "kind",
			      kind == INDICATOR_IP_PORT ? "ip_port" : indicator_kind_name(kind));
		put_answer(json, &a, bad);
		json_key_uint(json, "version", intel_version(in));
		text_char(json, '}');
	}
	text_free(&a.sources);
	text_free(&a.threat);
	text_free(&a.family);
	text_free(&a.category);
	text_free(&normal);
	return bad < 0 ? bad : json->failed ? -ENOMEM : 0;
}

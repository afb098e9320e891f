/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The distributed hash table of BitTorrent (BEP 5, BEP 32 for IPv6) over UDP. Told by how its
 * messages begin: bencoded dictionaries whose keys stand in order. Each message is a transaction,
 * complete at once. Runs in the worker that owns the flow.
 */

#include "dataplane/app/text.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define DHT_TRANSACTIONS_MAX 256
#define DHT_DEPTH_MAX 16    /* lists and dictionaries in one another */
#define DHT_NODES_MAX 128   /* written, of each kind */
#define DHT_VALUES_MAX 128
#define NODE_ID_BYTES 20

enum dht_event {
#define EVENT(id, name) DHT_EVENT_##id,
#include "dataplane/event/app_event/bittorrent_dht.def"
#undef EVENT
};

static const char *const dht_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/bittorrent_dht.def"
#undef EVENT
	NULL,
};

struct dht_tx {
	struct tx tx;
	uint8_t direction;
	bool has_query, has_response, has_error, has_port, has_implied_port;
	uint64_t port, implied_port, error;
	struct text transaction, version, query, message, id, target, info_hash, token, nodes, nodes6;
	struct texts values;
};

static struct dht_tx *dht_of(struct tx *tx)
{
	return (struct dht_tx *)(void *)tx;
}

/* ---- bencoding (BEP 3) ---- */

/* Digits up to an end; they may not be missing. */
static bool digits(struct cursor *c, uint8_t end, uint64_t *out)
{
	uint64_t n = 0;
	unsigned count = 0;
	uint8_t b;

	while ((b = cursor_u8(c)) != end) {
		if (c->bad || b < '0' || b > '9' || ++count > 18)
			return false;
		n = n * 10 + (uint64_t)(b - '0');
	}
	*out = n;
	return count > 0;
}

static bool take_string(struct cursor *c, struct bytes *out)
{
	uint64_t len;

	if (!digits(c, ':', &len) || len > cursor_left(c))
		return false;
	*out = (struct bytes){cursor_take(c, len), (uint32_t)len};
	return true;
}

/* A negative one is out of place everywhere; it is taken and is no number. */
static bool take_number(struct cursor *c, uint64_t *out)
{
	return cursor_u8(c) == 'i' && digits(c, 'e', out);
}

static uint8_t peek(const struct cursor *c)
{
	const uint8_t *b = cursor_peek(c, 1);

	return b ? *b : 0;
}

static bool take_mark(struct cursor *c, uint8_t mark)
{
	if (peek(c) != mark)
		return false;
	cursor_u8(c);
	return true;
}

/* Any value, with all that is in it. */
static bool skip_value(struct cursor *c)
{
	unsigned depth = 0;
	struct bytes text;
	uint64_t n;

	do {
		uint8_t b = peek(c);

		if (b == 'd' || b == 'l') {
			cursor_u8(c);
			if (++depth > DHT_DEPTH_MAX)
				return false;
		} else if (b == 'e' && depth) {
			cursor_u8(c);
			depth--;
		} else if (b == 'i') {
			cursor_u8(c);
			take_mark(c, '-');
			if (!digits(c, 'e', &n))
				return false;
		} else if (!take_string(c, &text)) {
			return false;
		}
	} while (depth);
	return true;
}

static bool is(struct bytes b, const char *text)
{
	return b.len == strlen(text) && memcmp(b.data, text, b.len) == 0;
}

/* ---- messages ---- */

static bool take_text(struct worker *w, struct cursor *c, struct text *out)
{
	struct bytes b;

	return take_string(c, &b) && text_set(w, out, b);
}

static bool take_values(struct worker *w, struct dht_tx *t, struct cursor *c)
{
	if (!take_mark(c, 'l'))
		return false;
	while (!take_mark(c, 'e')) {
		struct bytes b;

		if (!take_string(c, &b))
			return false;
		if (t->values.count < DHT_VALUES_MAX)
			texts_add(w, &t->values, b.data, b.len);
	}
	return true;
}

/* One member of the arguments of a query or of the values of a response. */
static bool take_member(struct worker *w, struct dht_tx *t, struct bytes key, struct cursor *c)
{
	const struct {
		const char *name;
		struct text *text;
	} texts[] = {
		{"id", &t->id},		{"target", &t->target}, {"info_hash", &t->info_hash},
		{"token", &t->token},	{"nodes", &t->nodes},	{"nodes6", &t->nodes6},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (is(key, texts[i].name))
			return take_text(w, c, texts[i].text);
	if (is(key, "values"))
		return take_values(w, t, c);
	if (is(key, "port"))
		return t->has_port = take_number(c, &t->port);
	if (is(key, "implied_port"))
		return t->has_implied_port = take_number(c, &t->implied_port);
	return skip_value(c);
}

static bool take_members(struct worker *w, struct dht_tx *t, struct cursor *c)
{
	struct bytes key;

	if (!take_mark(c, 'd'))
		return false;
	while (!take_mark(c, 'e'))
		if (!take_string(c, &key) || !take_member(w, t, key, c))
			return false;
	return t->id.data != NULL;
}

static bool take_error(struct worker *w, struct dht_tx *t, struct cursor *c)
{
	t->has_error = take_mark(c, 'l') && take_number(c, &t->error) && take_text(w, c, &t->message) &&
		       take_mark(c, 'e');
	return t->has_error;
}

static bool take_part(struct worker *w, struct dht_tx *t, struct bytes key, struct cursor *c)
{
	if (is(key, "a"))
		return t->has_query = take_members(w, t, c);
	if (is(key, "r"))
		return t->has_response = take_members(w, t, c);
	if (is(key, "e"))
		return take_error(w, t, c);
	if (is(key, "q"))
		return take_text(w, c, &t->query);
	if (is(key, "t"))
		return take_text(w, c, &t->transaction);
	if (is(key, "v"))
		return take_text(w, c, &t->version);
	return skip_value(c);
}

/* A query has its name, all have a number. */
static bool take_message(struct worker *w, struct dht_tx *t, const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len);
	struct bytes key;

	if (!take_mark(&c, 'd'))
		return false;
	while (!take_mark(&c, 'e'))
		if (!take_string(&c, &key) || !take_part(w, t, key, &c))
			return false;
	if (!t->transaction.data || (t->has_query && !t->query.data))
		return false;
	return t->has_query || t->has_response || t->has_error;
}

/* ---- the protocol ---- */

static bool begins(const uint8_t *data, uint32_t len, const char *text)
{
	return len >= strlen(text) && memcmp(data, text, strlen(text)) == 0;
}

static bool looks_like_it(const uint8_t *data, uint32_t len)
{
	return begins(data, len, "d1:ad") || begins(data, len, "d1:rd") || begins(data, len, "d1:el") ||
	       begins(data, len, "d2:ip");
}

static enum probe_result dht_probe(const struct probe_input *in)
{
	if (begins(in->data, in->len, "d1:ad2:id20:") || begins(in->data, in->len, "d1:rd2:id20:"))
		return PROBE_YES;
	if (in->known && looks_like_it(in->data, in->len))
		return PROBE_YES;
	/* The address of who asked, before the response (BEP 42). */
	if ((begins(in->data, in->len, "d2:ip6:") || begins(in->data, in->len, "d2:ip18:")) &&
	    memmem(in->data, in->len, "1:rd2:id20:", 11))
		return PROBE_YES;
	return PROBE_NO;
}

/* Other things (uTP) come between the messages on the same ports. */
static struct parse_result dht_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in)
{
	struct dht_tx *t = looks_like_it(in->data, in->len) ? dht_of(tx_new(w, f, sizeof(*t))) : NULL;

	if (t) {
		t->direction = (uint8_t)d;
		t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
		t->tx.inspected_done[direction_other(d)] = 1;
		if (!take_message(w, t, in->data, in->len))
			tx_event(w, f, &t->tx, d, DHT_EVENT_MALFORMED_PACKET);
	}
	return (struct parse_result){.status = PARSE_OK};
}

static void dht_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct dht_tx *t = dht_of(tx);
	struct text *const texts[] = {&t->transaction, &t->version, &t->query,	   &t->message, &t->id,
				      &t->target,      &t->info_hash, &t->token, &t->nodes,	  &t->nodes6};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		text_free(w, texts[i]);
	texts_free(w, &t->values);
}

/* ---- records ---- */

/* Address and port, as they stand side by side. IPv6 with all its zeros, as in the reference. */
static void put_peer(struct recorder *r, const uint8_t *b, uint32_t address_bytes)
{
	char text[40];
	struct put p = put_to(text, sizeof(text));

	for (unsigned i = 0; address_bytes == 4 && i < 4; i++)
		p = put_uint(put_text(p, i ? "." : ""), b[i]);
	for (unsigned i = 0; address_bytes == 16 && i < 16; i += 2)
		p = put_hex(put_text(p, i ? ":" : ""), get_be16(b + i), 4);
	rec_text(r, F_bittorrent_dht_ip, text);
	rec_uint(r, F_bittorrent_dht_port, get_be16(b + address_bytes));
}

static void put_nodes(struct recorder *r, enum field_id array, const struct text *nodes, uint32_t address_bytes)
{
	uint32_t bytes = NODE_ID_BYTES + address_bytes + 2, count = nodes->len / bytes;

	if (!count)
		return;
	rec_open(r, array);
	for (uint32_t i = 0; i < count && i < DHT_NODES_MAX; i++) {
		const uint8_t *node = nodes->data + i * bytes;

		rec_open(r, F_bittorrent_dht_peer);
		rec_bytes(r, F_bittorrent_dht_id, node, NODE_ID_BYTES);
		put_peer(r, node + NODE_ID_BYTES, address_bytes);
		rec_close(r);
	}
	rec_close(r);
}

static void put_values(struct recorder *r, const struct texts *values)
{
	struct bytes value;
	uint32_t at = 0;

	if (!values->count)
		return;
	rec_open(r, F_bittorrent_dht_values);
	while (texts_next(values, &at, &value)) {
		if (value.len != 6 && value.len != 18)
			continue;
		rec_open(r, F_bittorrent_dht_peer);
		put_peer(r, value.data, value.len - 2);
		rec_close(r);
	}
	rec_close(r);
}

static void put_query(struct recorder *r, const struct dht_tx *t)
{
	rec_open(r, F_bittorrent_dht_request);
	text_record(r, F_bittorrent_dht_id, &t->id);
	text_record(r, F_bittorrent_dht_target, &t->target);
	text_record(r, F_bittorrent_dht_info_hash, &t->info_hash);
	text_record(r, F_bittorrent_dht_token, &t->token);
	if (t->has_implied_port)
		rec_uint(r, F_bittorrent_dht_implied_port, t->implied_port);
	if (t->has_port)
		rec_uint(r, F_bittorrent_dht_port, t->port);
	rec_close(r);
}

static void dht_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct dht_tx *t = dht_of(tx);

	rec_open(r, F_bittorrent_dht_bittorrent_dht);
	rec_bytes(r, F_bittorrent_dht_transaction_id, t->transaction.data, t->transaction.len);
	text_record(r, F_bittorrent_dht_client_version, &t->version);
	text_record(r, F_bittorrent_dht_request_type, &t->query);
	if (t->has_error) {
		rec_open(r, F_bittorrent_dht_error);
		rec_uint(r, F_bittorrent_dht_num, t->error);
		text_record(r, F_bittorrent_dht_msg, &t->message);
		rec_close(r);
	}
	if (t->has_query)
		put_query(r, t);
	if (t->has_response) {
		rec_open(r, F_bittorrent_dht_response);
		text_record(r, F_bittorrent_dht_id, &t->id);
		put_nodes(r, F_bittorrent_dht_nodes, &t->nodes, 4);
		put_nodes(r, F_bittorrent_dht_nodes6, &t->nodes6, 16);
		put_values(r, &t->values);
		text_record(r, F_bittorrent_dht_token, &t->token);
		rec_close(r);
	}
	rec_close(r);
}

static void dht_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!dht_of(tx)->has_query && !dht_of(tx)->has_response && !dht_of(tx)->has_error)
		return;
	r = emit_flow(w, RECORD_bittorrent_dht, f, dht_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	dht_alert_context(w, f, tx, r);
	emit_end(w);
}

const struct proto proto_bittorrent_dht = {
	.name = "bittorrent-dht",
	.id = APP_bittorrent_dht,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = DHT_TRANSACTIONS_MAX,
	.too_many_event = DHT_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = dht_probe,
	.udp_first = {{'d', 'd'}},
	.parse = dht_parse,
	.tx_free = dht_tx_free,
	.log = dht_log,
	.alert_context = dht_alert_context,
	.events = dht_events,
};

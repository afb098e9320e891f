/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QUIC, see quic.h: finding it, packets, CRYPTO frames, what rules see. Runs in the worker that owns
 * the flow.
 */
#include "dataplane/app/quic.h"
#include "dataplane/app/digest.h"
#include "dataplane/engine/contact.h"

enum quic_event {
#define EVENT(id, name) QUIC_EVENT_##id,
#include "dataplane/event/app_event/quic.def"
#undef EVENT
};

static const char *const quic_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/quic.def"
#undef EVENT
	NULL,
};

enum { CLIENT_HELLO = 1, SERVER_HELLO = 2 };

#define QUIC_OLD_BYTES 17 /* no packet of a version without the fixed bit is shorter */

/* CRYPTO frames of a direction, put in order. */
struct crypto_stream {
	uint8_t *data;  /* cap bytes, and behind them a bit for each that has come: pieces may be of one byte, in any order */
	uint32_t cap;   /* a multiple of 8 */
	uint32_t whole; /* so many bytes from the first on have come */
};

struct quic_state {
	struct quic_keys keys[2];
	bool has_keys, undecryptable; /* the latter: the version's keys are not known */
	bool hello[2];                /* seen: what follows in this direction is encrypted */
	bool retried;                 /* a client takes one retry only (RFC 9000, 17.2.5.2) */
	bool negotiated;              /* and one version negotiation */
	uint8_t failures, version_changes;
	uint8_t id[QUIC_CID_MAX], id_len; /* the client's first destination id, of which the keys are made */
	uint32_t version;             /* for which they are */
	struct crypto_stream crypto[2];
};

/* ---- packets ---- */

/* RFC 9000, 16 */
static uint64_t variable(struct cursor *c)
{
	uint8_t first = cursor_u8(c);
	uint64_t n = first & 0x3f;

	for (unsigned i = (1u << (first >> 6)) - 1; i; i--)
		n = n << 8 | cursor_u8(c);
	return n;
}

static bool is_google(uint32_t version)
{
	return version >> 16 == 0x5130 && (version >> 8 & 0xff) >= '3' && (version >> 8 & 0xff) <= '4' &&
	       (version & 0xff) >= '0' && (version & 0xff) <= '9';
}

static bool version_known(uint32_t v)
{
	return v == QUIC_V1 || v == QUIC_V2 || (v >= 0xff000016u && v <= 0xff000022u) ||
	       v == 0xfaceb001u || v == 0xfaceb002u || is_google(v) || v >> 16 == 0x5130 ||
	       v >> 16 == 0x5430;
}

static enum quic_type type_of(uint32_t version, uint8_t first)
{
	static const uint8_t v1[4] = {QUIC_INITIAL, QUIC_0RTT, QUIC_HANDSHAKE, QUIC_RETRY};
	static const uint8_t v2[4] = {QUIC_RETRY, QUIC_INITIAL, QUIC_0RTT, QUIC_HANDSHAKE};

	return (version == QUIC_V2 ? v2 : v1)[first >> 4 & 3];
}

/* Up to Q043: flags, connection id of 8 bytes, version, number, and a hash over what follows. */
static bool read_old_google(struct quic_packet *p, const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len);
	uint8_t flags = cursor_u8(&c);

	p->dcid.data = cursor_take(&c, 8);
	p->dcid.len = p->dcid.data ? 8 : 0;
	p->version = cursor_be32(&c);
	cursor_skip(&c, (flags >> 4 & 3) ? (flags >> 4 & 3) * 2u : 1);
	cursor_skip(&c, 12);
	p->type = QUIC_INITIAL;
	p->google = true;
	p->whole = (struct bytes){data, len};
	p->number_at = (uint32_t)(c.p - data);
	return !c.bad && is_google(p->version);
}

/* Q044 to Q046: lengths of both ids in a byte, packet number and hash. */
static bool read_google(struct quic_packet *p, uint8_t first, struct cursor c, const uint8_t *data,
			uint32_t len)
{
	uint8_t lengths = cursor_u8(&c);
	uint32_t d = lengths >> 4 ? (lengths >> 4) + 3u : 0, s = lengths & 15 ? (lengths & 15) + 3u : 0;

	p->dcid = (struct bytes){cursor_take(&c, d), d};
	p->scid = (struct bytes){cursor_take(&c, s), s};
	cursor_skip(&c, (first & 3) + 1u);
	cursor_skip(&c, 12);
	p->google = true;
	p->type = QUIC_INITIAL;
	p->whole = (struct bytes){data, len};
	p->number_at = (uint32_t)(c.p - data);
	return !c.bad;
}

/* RFC 9000, 17.2. Returns the bytes of the packet; 0: it cannot be read. */
static uint32_t read_packet(struct quic_packet *p, const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len);
	uint8_t first = cursor_u8(&c), n;
	uint64_t length = 0;

	*p = (struct quic_packet){.type = QUIC_SHORT};
	if (!(first & 0x80)) {
		if ((first & 9) == 9 && read_old_google(p, data, len))
			return len;
		*p = (struct quic_packet){.type = QUIC_SHORT};
		return first & 0x40 ? len : 0;
	}
	p->version = cursor_be32(&c);
	if (is_google(p->version))
		return read_google(p, first, c, data, len) ? len : 0;
	n = cursor_u8(&c);
	p->dcid = (struct bytes){cursor_take(&c, n), n};
	if (n > QUIC_CID_MAX)
		return 0;
	n = cursor_u8(&c);
	p->scid = (struct bytes){cursor_take(&c, n), n};
	if (c.bad || n > QUIC_CID_MAX)
		return 0;
	p->type = p->version ? type_of(p->version, first) : QUIC_NEGOTIATION;
	if (p->type == QUIC_NEGOTIATION || p->type == QUIC_RETRY) {
		p->whole = (struct bytes){data, len};
		return len;
	}
	if (p->type == QUIC_INITIAL)
		cursor_skip(&c, variable(&c));
	length = variable(&c);
	if (c.bad || length > cursor_left(&c))
		return 0;
	p->number_at = (uint32_t)(c.p - data);
	p->whole = (struct bytes){data, p->number_at + (uint32_t)length};
	return p->whole.len;
}

/* On the ports of the web anything that may be a packet is QUIC, as in the reference: one with a long header, a
 * short one (its fixed bit is set), or of an older version. */
static bool web_port(const struct probe_input *in, struct quic_packet *p)
{
	if ((in->server_port != 443 && in->server_port != 80) || !in->len)
		return false;
	if (in->data[0] & 0x80)
		return read_packet(p, in->data, in->len) != 0;
	return in->data[0] & 0x40 || in->len >= QUIC_OLD_BYTES;
}

static enum probe_result quic_probe(const struct probe_input *in)
{
	struct quic_packet p;

	if (web_port(in, &p))
		return PROBE_YES;
	if (!in->len || !read_packet(&p, in->data, in->len) || p.type == QUIC_SHORT)
		return PROBE_NO;
	if (!version_known(p.version))
		return PROBE_NO;
	return p.type == QUIC_INITIAL || in->direction == TO_CLIENT ? PROBE_YES : PROBE_NO;
}

/* ---- transactions ---- */

static struct quic_tx *new_tx(struct worker *w, struct flow *f, enum direction d,
			      const struct quic_packet *p)
{
	struct quic_tx *t = quic_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return NULL;
	t->direction = (uint8_t)d;
	t->version = p->version;
	for (unsigned i = 0; i < 4; i++)
		t->version_bytes[i] = (uint8_t)(p->version >> 8 * (3 - i));
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	return t;
}

static void bad_packet(struct worker *w, struct flow *f, struct quic_state *s, enum direction d,
		       const struct quic_packet *p, enum quic_event e)
{
	struct quic_tx *t;

	if (s->failures == UINT8_MAX || s->failures++ >= QUIC_TRANSACTIONS_MAX / 2)
		return;
	t = new_tx(w, f, d, p);
	if (t)
		tx_event(w, f, &t->tx, d, e);
}

static void note_contacts(struct worker *w, struct flow *f, const struct quic_tx *t)
{
	uint8_t lower[QUIC_NAME_MAX];

	for (uint32_t i = 0; i < t->sni.len; i++) {
		uint8_t b = t->sni.data[i];

		lower[i] = b >= 'A' && b <= 'Z' ? b | 0x20 : b;
	}
	if (t->sni.len)
		emit_contact(w, f, CONTACT_SNI, lower, t->sni.len);
	if (t->ja3 && t->client)
		emit_contact(w, f, CONTACT_JA3, t->ja3_hash, JA3_HASH_CHARS);
	if (t->ja4[0])
		emit_contact(w, f, CONTACT_JA4, t->ja4, JA4_CHARS);
}

/* ---- hello ---- */

static void take_hello(struct worker *w, struct flow *f, enum direction d, const struct quic_packet *p,
		       const uint8_t *message, uint32_t len)
{
	bool client = d == TO_SERVER;
	struct tls_hello h;
	struct quic_tx *t;

	if (len < 4 || message[0] != (client ? CLIENT_HELLO : SERVER_HELLO) ||
	    !tls_hello_parse(&h, client, message + 4, len - 4))
		return;
	t = new_tx(w, f, d, p);
	if (!t)
		return;
	t->client = client;
	t->hello = heap_dup(&w->heap, message, len);
	t->hello_len = t->hello ? len : 0;
	t->ja3 = ja3_string(&w->heap, &h, &t->ja3_len);
	if (t->ja3)
		md5_hex(w, t->ja3, t->ja3_len, t->ja3_hash);
	if (client)
		ja4_text(&h, 'q', t->ja4);
	t->ech = h.flags & HELLO_ECH;
	if (h.sni.len) {
		t->sni.len = h.sni.len < QUIC_NAME_MAX ? h.sni.len : QUIC_NAME_MAX;
		t->sni.data = heap_dup(&w->heap, h.sni.data, t->sni.len);
		if (!t->sni.data)
			t->sni.len = 0;
	}
	note_contacts(w, f, t);
}

static void crypto_free(struct worker *w, struct crypto_stream *c)
{
	heap_free(&w->heap, c->data);
	*c = (struct crypto_stream){0};
}

static uint8_t *crypto_bits(const struct crypto_stream *c)
{
	return c->data + c->cap;
}

/* False: memory is out. */
static bool crypto_room(struct worker *w, struct crypto_stream *c, uint32_t len)
{
	uint32_t cap = c->cap ? c->cap : QUIC_HELLO_USUAL;
	uint8_t *data;

	if (len <= c->cap)
		return true;
	while (cap < len)
		cap *= 2;
	data = heap_alloc(&w->heap, cap + cap / 8);
	if (!data) {
		w->counters->app_memcap++;
		return false;
	}
	memset(data + cap, 0, cap / 8);
	if (c->data) {
		memcpy(data, c->data, c->cap);
		memcpy(data + cap, crypto_bits(c), c->cap / 8);
	}
	heap_free(&w->heap, c->data);
	c->data = data;
	c->cap = cap;
	return true;
}

/* False: it is too long. */
static bool crypto_add(struct worker *w, struct crypto_stream *c, uint64_t offset, struct bytes data)
{
	uint32_t to;
	uint8_t *bits;

	if (offset > QUIC_HELLO_MAX || data.len > QUIC_HELLO_MAX - offset)
		return false;
	to = (uint32_t)offset + data.len;
	if (!data.len || !crypto_room(w, c, to))
		return true;
	memcpy(c->data + offset, data.data, data.len);
	bits = crypto_bits(c);
	for (uint32_t i = (uint32_t)offset; i < to; i++)
		bits[i / 8] |= (uint8_t)(1u << i % 8);
	while (c->whole < c->cap && bits[c->whole / 8] & 1u << c->whole % 8)
		c->whole++;
	return true;
}

/* How many bytes of the first message there must be, when all of them are. */
static uint32_t crypto_whole(const struct crypto_stream *c)
{
	uint32_t need;

	if (c->whole < 4)
		return 0;
	need = 4 + (get_be32(c->data) & 0xffffff);
	return c->whole >= need ? need : 0;
}

/* ---- frames ---- */

/* RFC 9000, 19.3 */
static void skip_ack(struct cursor *c, bool ecn)
{
	uint64_t ranges;

	variable(c);
	variable(c);
	ranges = variable(c);
	variable(c);
	for (uint64_t i = 0; i < ranges * 2 && !c->bad; i++)
		variable(c);
	for (unsigned i = 0; ecn && i < 3; i++)
		variable(c);
}

/* Frames that may stand in an Initial packet (RFC 9000, 12.4). False: something else. */
static bool take_frames(struct worker *w, struct crypto_stream *crypto, struct cursor c, bool *too_long)
{
	for (unsigned i = 0; i < QUIC_FRAMES_MAX && cursor_left(&c); i++) {
		uint64_t type = variable(&c), offset, len;
		struct bytes data;

		if (type == 0) {
			while (cursor_left(&c) && !*c.p)
				cursor_skip(&c, 1);
		} else if (type == 2 || type == 3) {
			skip_ack(&c, type == 3);
		} else if (type == 6) {
			offset = variable(&c);
			len = variable(&c);
			data.data = cursor_take(&c, len);
			data.len = data.data ? (uint32_t)len : 0;
			if (data.data && !crypto_add(w, crypto, offset, data))
				*too_long = true;
		} else if (type == 0x1c || type == 0x1d) {
			return true;
		} else if (type != 1) {
			return false;
		}
		if (c.bad)
			return false;
	}
	return true;
}

static void take_initial(struct worker *w, struct flow *f, struct quic_state *s, enum direction d,
			 const struct quic_packet *p)
{
	struct crypto_stream *crypto = &s->crypto[d];
	uint8_t frames[QUIC_PACKET_MAX];
	bool too_long = false;
	uint32_t len, whole;

	if (!quic_decrypt(w->quic, &s->keys[d], p, frames, &len)) {
		bad_packet(w, f, s, d, p, QUIC_EVENT_FAILED_DECRYPT);
		return;
	}
	if (!take_frames(w, crypto, cursor_of(frames, len), &too_long))
		bad_packet(w, f, s, d, p, QUIC_EVENT_ERROR_ON_DATA);
	if (too_long)
		bad_packet(w, f, s, d, p, QUIC_EVENT_CRYPTO_FRAG_TOO_LONG);
	whole = crypto_whole(crypto);
	if (!whole)
		return;
	s->hello[d] = true;
	take_hello(w, f, d, p, crypto->data, whole);
	crypto_free(w, crypto);
}

static void take_google(struct worker *w, struct flow *f, enum direction d, const struct quic_packet *p)
{
	struct quic_tx *t = new_tx(w, f, d, p);

	if (!t)
		return;
	quic_google_frames(w, t, (struct bytes){p->whole.data + p->number_at, p->whole.len - p->number_at});
	t->client = d == TO_SERVER;
	note_contacts(w, f, t);
}

/* The client begins again, with another id. */
static void begin_again(struct worker *w, struct quic_state *s)
{
	s->has_keys = s->undecryptable = false;
	s->hello[TO_SERVER] = false;
	crypto_free(w, &s->crypto[TO_SERVER]);
}

/* What has the client begin again: a retry (RFC 9001, 5.2), or a list of the server's versions, as long as the server
 * has said nothing else (RFC 9000, 6.2). */
static void take_order(struct worker *w, struct quic_state *s, enum quic_type type)
{
	bool *once = type == QUIC_RETRY ? &s->retried : &s->negotiated;

	if (*once || (type == QUIC_NEGOTIATION && s->hello[TO_CLIENT]))
		return;
	*once = true;
	begin_again(w, s);
}

/* Keys follow from the client's first id and the version, which the server may change (RFC 9368, 2.3; RFC 9369, 4.1).
 * False: there are none. */
static bool have_keys(struct worker *w, struct flow *f, struct quic_state *s, enum direction d,
		      const struct quic_packet *p)
{
	if (!s->has_keys && d == TO_CLIENT)
		return false;
	if (!s->has_keys) {
		s->id_len = (uint8_t)p->dcid.len;
		memcpy(s->id, p->dcid.data, p->dcid.len);
		s->has_keys = quic_keys_make(s->keys, p->version, p->dcid);
		s->version = p->version;
		if (!s->has_keys) { /* its version is all there is to be known */
			s->undecryptable = true;
			new_tx(w, f, d, p);
		}
	} else if (s->version != p->version && s->version_changes < QUIC_VERSION_CHANGES_MAX &&
		   quic_keys_make(s->keys, p->version, (struct bytes){s->id, s->id_len})) {
		s->version_changes++;
		s->version = p->version;
	}
	return s->has_keys;
}

static void take_packet(struct worker *w, struct flow *f, struct quic_state *s, enum direction d,
			const struct quic_packet *p)
{
	if (p->google) {
		take_google(w, f, d, p);
		return;
	}
	if (d == TO_CLIENT && (p->type == QUIC_RETRY || p->type == QUIC_NEGOTIATION))
		take_order(w, s, p->type);
	if (p->type != QUIC_INITIAL || s->hello[d] || s->undecryptable)
		return;
	if (have_keys(w, f, s, d, p))
		take_initial(w, f, s, d, p);
}

static struct parse_result quic_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	struct quic_state *s = state;
	struct quic_packet p;
	uint32_t at = 0;

	while (at < in->len && !s->hello[d]) {
		uint32_t n = read_packet(&p, in->data + at, in->len - at);

		if (!n) {
			/* What follows a first packet may be padding (RFC 9000, 12.2). */
			if (!at && in->data[0] & 0x80)
				bad_packet(w, f, s, d, &p, QUIC_EVENT_ERROR_ON_HEADER);
			break;
		}
		if (p.type == QUIC_SHORT)
			break;
		take_packet(w, f, s, d, &p);
		at += n;
	}
	return (struct parse_result){.status = PARSE_OK};
}

static void quic_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct quic_state *s = state;

	crypto_free(w, &s->crypto[TO_SERVER]);
	crypto_free(w, &s->crypto[TO_CLIENT]);
}

static void quic_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct quic_tx *t = quic_of(tx);

	heap_free(&w->heap, (void *)(uintptr_t)t->sni.data);
	heap_free(&w->heap, (void *)(uintptr_t)t->ua.data);
	heap_free(&w->heap, t->ja3);
	heap_free(&w->heap, t->cyu);
	heap_free(&w->heap, t->hello);
}

/* ---- buffers ---- */

static bool show(const void *data, uint32_t len, struct buffer_view *out)
{
	*out = (struct buffer_view){.data = data, .len = len, .complete = true};
	return data != NULL;
}

#define GET(name, data, len)                                                                       \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)                         \
	{                                                                                          \
		const struct quic_tx *t = quic_of(tx);                                             \
                                                                                                   \
		return instance == 0 && show(data, len, out);                                      \
	}

GET(sni, t->sni.data, t->sni.len)
GET(ua, t->ua.data, t->ua.len)
GET(version, t->version_bytes, 4)
GET(cyu_hash, t->cyu ? t->cyu_hash : NULL, QUIC_HEX_MD5)
GET(cyu_string, t->cyu, t->cyu_len)
GET(ja3_hash, t->ja3 ? t->ja3_hash : NULL, JA3_HASH_CHARS)
GET(ja3_string, t->ja3, t->ja3_len)
GET(ja4, t->ja4[0] ? t->ja4 : NULL, JA4_CHARS)

static const struct proto_buffer quic_buffers[] = {
	{.name = "quic.sni", .to_server = 1, .to_client = 1, .get = get_sni},
	{.name = "quic.ua", .to_server = 1, .to_client = 1, .get = get_ua},
	{.name = "quic.version", .to_server = 1, .to_client = 1, .get = get_version},
	{.name = "quic.cyu.hash", .flags = BUFFER_MULTI, .to_server = 1, .get = get_cyu_hash},
	{.name = "quic.cyu.string", .flags = BUFFER_MULTI, .to_server = 1, .get = get_cyu_string},
	{.name = "ja3.hash", .to_server = 1, .get = get_ja3_hash},
	{.name = "ja3.string", .to_server = 1, .get = get_ja3_string},
	{.name = "ja3s.hash", .to_client = 1, .get = get_ja3_hash},
	{.name = "ja3s.string", .to_client = 1, .get = get_ja3_string},
	{.name = "ja4.hash", .to_server = 1, .get = get_ja4},
	{.name = NULL},
};

const struct proto proto_quic = {
	.name = "quic",
	.id = APP_quic,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = QUIC_TRANSACTIONS_MAX,
	.too_many_event = QUIC_EVENT_TOO_MANY_TRANSACTIONS,
	.worker_new = quic_ciphers_new,
	.worker_free = quic_ciphers_free,
	.probe = quic_probe,
	.state_bytes = sizeof(struct quic_state),
	.state_clear = quic_state_clear,
	.parse = quic_parse,
	.tx_free = quic_tx_free,
	.log = quic_log,
	.alert_context = quic_alert_context,
	.events = quic_events,
	.buffers = quic_buffers,
};

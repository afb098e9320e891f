/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SSH over TCP: identification (RFC 4253, 4.2) and the packets in the clear up to NEWKEYS (RFC 4253,
 * 6 and 7), of which KEXINIT gives HASSH: MD5 of the names of algorithms that the client (server:
 * HASSHServer) offers, lists joined by ";". A connection is one transaction. When both directions
 * are encrypted nothing more of it is inspected, unless app.ssh.encryption_handling is full; bypass
 * releases the flow. app.ssh.hassh: yes, no, or auto (rules ask for it).
 *
 * A direction with a hole where a header must stand is followed no more. Runs in the worker that
 * owns the flow.
 */
#include <strings.h>

#include "dataplane/app/digest.h"
#include "dataplane/app/frame.h"
#include "dataplane/app/ssh.h"
#include "dataplane/app/text.h"
#include "dataplane/engine/emit.h"

#define SSH_BANNER_MAX 255        /* with CR LF */
#define SSH_LINES_MAX 64          /* a server may send before its banner */
#define SSH_HEADER_BYTES 6        /* length, padding, message */
#define SSH_PACKET_MAX 65535      /* a longer KEXINIT is not read; RFC 4253, 6.1 asks for 35000 */
#define SSH_COOKIE_BYTES 16
#define SSH_LISTS 10              /* of a KEXINIT */

enum { SSH_MSG_KEXINIT = 20, SSH_MSG_NEWKEYS = 21 };

enum ssh_event {
#define EVENT(id, name) SSH_EVENT_##id,
#include "dataplane/event/app_event/ssh.def"
#undef EVENT
};

static const char *const ssh_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/ssh.def"
#undef EVENT
	NULL,
};

enum ssh_frame { FRAME_HDR = 1, FRAME_DATA, FRAME_PDU };

enum ssh_encryption { SSH_TRACK_ONLY, SSH_BYPASS, SSH_FULL };

struct ssh_config {
	uint8_t encryption; /* enum ssh_encryption */
	bool hassh, never_hassh;
};

struct ssh_side {
	struct text proto, software;
	struct text offer;             /* behind HASSH */
	char hash[MD5_HEX_CHARS + 1];
};

struct ssh_tx {
	struct tx tx;
	struct ssh_side side[2];
};

enum ssh_reading { SSH_IN_BANNER, SSH_IN_LONG_LINE, SSH_IN_PACKETS, SSH_IN_THE_DARK };

struct ssh_state {
	struct ssh_tx *tx;
	struct ssh_stream {
		uint8_t reading; /* enum ssh_reading */
		uint8_t lines;   /* before the banner */
		uint64_t skip;   /* bytes of a packet that is not looked into */
	} stream[2];
};

static struct ssh_tx *ssh_of(struct tx *tx)
{
	return (struct ssh_tx *)(void *)tx;
}

static enum probe_result ssh_probe(const struct probe_input *in)
{
	uint32_t n = in->len < 4 ? in->len : 4;

	if (memcmp(in->data, "SSH-", n) != 0)
		return PROBE_NO;
	return n < 4 ? PROBE_MORE : PROBE_YES;
}

static void advance(struct ssh_tx *t, enum direction d, enum ssh_progress p)
{
	if (t->tx.progress[d] < p)
		t->tx.progress[d] = (uint8_t)p;
}

/* ---- identification ---- */

/* "SSH-" version "-" software [" " comment] */
static bool banner_read(struct worker *w, struct ssh_side *side, struct bytes line)
{
	const uint8_t *end = line.data + line.len, *dash, *at;

	if (line.len < 4 || memcmp(line.data, "SSH-", 4) != 0)
		return false;
	dash = memchr(line.data + 4, '-', line.len - 4);
	if (!dash || dash == line.data + 4)
		return false;
	for (at = ++dash; at < end && *at != ' '; at++)
		;
	text_set(w, &side->proto,
		 (struct bytes){line.data + 4, (uint32_t)(dash - 1 - line.data - 4)});
	if (at > dash)
		text_set(w, &side->software, (struct bytes){dash, (uint32_t)(at - dash)});
	return true;
}

/* Version 1 has other packets (its 1.99 is one that speaks 2 as well). */
static bool is_old(const struct ssh_side *side)
{
	return side->proto.len >= 2 && memcmp(side->proto.data, "1.", 2) == 0 &&
	       !(side->proto.len == 4 && memcmp(side->proto.data, "1.99", 4) == 0);
}

static struct bytes line_end_off(const uint8_t *data, uint32_t len)
{
	while (len && (data[len - 1] == '\r' || data[len - 1] == '\n'))
		len--;
	return (struct bytes){data, len};
}

/* False: this is no SSH. */
static bool banner_line(struct worker *w, struct flow *f, struct ssh_state *st, enum direction d,
			struct bytes line)
{
	const struct ssh_config *config = app_config(w, APP_ssh);
	struct ssh_stream *s = &st->stream[d];
	struct ssh_side *side = &st->tx->side[d];

	if (!banner_read(w, side, line)) {
		bool other = line.len < 4 || memcmp(line.data, "SSH-", 4) != 0;

		if (d == TO_CLIENT && other && ++s->lines < SSH_LINES_MAX)
			return true;
		tx_event(w, f, &st->tx->tx, d, SSH_EVENT_INVALID_BANNER);
		return false;
	}
	s->reading = is_old(side) ? SSH_IN_THE_DARK : SSH_IN_PACKETS;
	if (s->reading == SSH_IN_THE_DARK)
		advance(st->tx, d, SSH_ENCRYPTED);
	else
		advance(st->tx, d, config->hassh ? SSH_BANNER : SSH_OFFERED);
	return true;
}

/* ---- packets ---- */

/* The lists that count for one side: key exchange, its ciphers, MACs and compressions. */
static void offer_read(struct worker *w, struct ssh_side *side, enum direction d,
		       const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len);
	uint8_t *text, *at;

	if (side->offer.data)
		return; /* the first one counts */
	text = at = heap_alloc(&w->heap, len + 4);
	if (!text)
		return;
	cursor_skip(&c, SSH_COOKIE_BYTES);
	for (unsigned i = 0; i < SSH_LISTS; i++) {
		uint32_t n = cursor_be32(&c);
		const uint8_t *names = cursor_take(&c, n);
		bool wanted = i == 0 || (i >= 2 && i < 8 && i % 2 == (unsigned)(d == TO_CLIENT));

		if (!wanted || !names)
			continue;
		if (i)
			*at++ = ';';
		memcpy(at, names, n);
		at += n;
	}
	if (c.bad) {
		heap_free(&w->heap, text);
		return;
	}
	side->offer = (struct text){text, (uint32_t)(at - text)};
	md5_hex(w, text, side->offer.len, side->hash);
}

static void frames(struct worker *w, struct flow *f, const struct ssh_tx *t, enum direction d,
		   uint64_t offset, uint32_t bytes)
{
	const uint64_t places[][2] = {
		[FRAME_HDR] = {offset, SSH_HEADER_BYTES},
		[FRAME_DATA] = {offset + SSH_HEADER_BYTES, bytes - 2},
		[FRAME_PDU] = {offset, 4 + (uint64_t)bytes},
	};

	for (unsigned type = FRAME_HDR; type <= FRAME_PDU; type++)
		app_frame_tx(f, d, app_frame_open(w, f, d, type, places[type][0], places[type][1]), t->tx.id);
}

/* A packet begins at c, which is at that place of the stream. PARSE_MORE with .need, or OK. */
static struct parse_result packet_take(struct worker *w, struct flow *f, struct ssh_state *st,
				       enum direction d, struct cursor *c, uint64_t offset)
{
	const struct ssh_config *config = app_config(w, APP_ssh);
	const uint8_t *head = cursor_peek(c, SSH_HEADER_BYTES);
	struct ssh_stream *s = &st->stream[d];
	uint32_t bytes;

	if (!head)
		return (struct parse_result){.status = PARSE_MORE, .need = SSH_HEADER_BYTES};
	bytes = get_be32(head);
	if (bytes < 2)
		return (struct parse_result){.status = PARSE_BAD,
					     .event = 1 + SSH_EVENT_INVALID_RECORD};
	if (head[5] == SSH_MSG_KEXINIT) {
		if (bytes > SSH_PACKET_MAX) {
			tx_event(w, f, &st->tx->tx, d, SSH_EVENT_LONG_KEX_RECORD);
		} else if (config->hassh) {
			if (!cursor_peek(c, 4 + (size_t)bytes))
				return (struct parse_result){.status = PARSE_MORE, .need = 4 + bytes};
			offer_read(w, &st->tx->side[d], d, head + SSH_HEADER_BYTES,
				   bytes - (SSH_HEADER_BYTES - 4));
		}
		advance(st->tx, d, SSH_OFFERED);
	}
	if (head[5] == SSH_MSG_NEWKEYS) {
		s->reading = SSH_IN_THE_DARK;
		advance(st->tx, d, SSH_ENCRYPTED);
	}
	if (f->app->frames)
		frames(w, f, st->tx, d, offset, bytes);
	s->skip = 4 + (uint64_t)bytes;
	return (struct parse_result){.status = PARSE_OK};
}

/* ---- bytes ---- */

static struct parse_result banner_take(struct worker *w, struct flow *f, struct ssh_state *st,
				       enum direction d, struct cursor *c)
{
	struct ssh_stream *s = &st->stream[d];
	const uint8_t *lf = memchr(c->p, '\n', cursor_left(c));
	uint32_t len = (uint32_t)(lf ? lf + 1 - c->p : c->end - c->p);

	if (s->reading == SSH_IN_LONG_LINE) {
		cursor_skip(c, len);
		if (lf)
			s->reading = st->tx->side[d].proto.data ? SSH_IN_PACKETS : SSH_IN_BANNER;
		return (struct parse_result){.status = PARSE_OK};
	}
	if (!lf && len <= SSH_BANNER_MAX)
		return (struct parse_result){.status = PARSE_MORE, .need = len + 1};
	if (len > SSH_BANNER_MAX) {
		tx_event(w, f, &st->tx->tx, d, SSH_EVENT_LONG_BANNER);
		if (!banner_line(w, f, st, d, line_end_off(c->p, SSH_BANNER_MAX)))
			return (struct parse_result){.status = PARSE_BAD};
		if (s->reading != SSH_IN_THE_DARK)
			s->reading = SSH_IN_LONG_LINE;
		return (struct parse_result){.status = PARSE_OK};
	}
	if (!banner_line(w, f, st, d, line_end_off(c->p, len)))
		return (struct parse_result){.status = PARSE_BAD};
	cursor_skip(c, len);
	return (struct parse_result){.status = PARSE_OK};
}

static void skip(struct ssh_stream *s, struct cursor *c)
{
	size_t n = s->skip < cursor_left(c) ? (size_t)s->skip : cursor_left(c);

	cursor_skip(c, n);
	s->skip -= n;
}

static void gap_take(struct ssh_state *st, enum direction d, uint64_t len)
{
	struct ssh_stream *s = &st->stream[d];

	if (len <= s->skip) {
		s->skip -= len;
		return;
	}
	s->reading = SSH_IN_THE_DARK;
	advance(st->tx, d, SSH_ENCRYPTED);
}

static struct parse_result ssh_parse(struct worker *w, struct flow *f, void *state,
				     enum direction d, const struct app_input *in)
{
	const struct ssh_config *config = app_config(w, APP_ssh);
	struct parse_result res = {.status = PARSE_OK};
	struct ssh_state *st = state;
	struct ssh_stream *s = &st->stream[d];
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);

	if (!st->tx && !f->app->tx_count)
		st->tx = ssh_of(tx_new(w, f, sizeof(*st->tx)));
	if (!st->tx)
		return (struct parse_result){.status = PARSE_BAD};
	if (in->flags & INPUT_GAP)
		gap_take(st, d, in->len);
	while (res.status == PARSE_OK && cursor_left(&c)) {
		if (s->reading == SSH_IN_THE_DARK)
			cursor_skip(&c, cursor_left(&c));
		else if (s->skip)
			skip(s, &c);
		else if (s->reading == SSH_IN_PACKETS)
			res = packet_take(w, f, st, d, &c, in->offset + (uint64_t)(c.p - in->data));
		else
			res = banner_take(w, f, st, d, &c);
	}
	res.consumed = (uint32_t)(c.p - in->data);
	if (res.status == PARSE_BAD || config->encryption == SSH_FULL)
		return res;
	if (st->stream[TO_SERVER].reading == SSH_IN_THE_DARK &&
	    st->stream[TO_CLIENT].reading == SSH_IN_THE_DARK) {
		if (config->encryption == SSH_BYPASS)
			f->flags |= FLOW_BYPASSED; /* this packet is still inspected, nothing of its kind follows */
		res.status = PARSE_DONE;
	}
	return res;
}

/* ---- flows ---- */

static void ssh_configure(const struct worker *w, void *memory)
{
	const char *encryption = app_option(w, APP_ssh, "encryption_handling");
	const char *hassh = app_option(w, APP_ssh, "hassh");
	struct ssh_config *c = memory;

	if (encryption && strcasecmp(encryption, "full") == 0)
		c->encryption = SSH_FULL;
	else if (encryption && strcasecmp(encryption, "bypass") == 0)
		c->encryption = SSH_BYPASS;
	if (!hassh || strcasecmp(hassh, "auto") == 0)
		return;
	c->hassh = strcasecmp(hassh, "yes") == 0 || strcasecmp(hassh, "true") == 0;
	c->never_hassh = !c->hassh;
}

static void ssh_wanted(void *memory, const char *buffer)
{
	struct ssh_config *c = memory;

	if (!c->never_hassh && strncmp(buffer, "ssh.hassh", 9) == 0)
		c->hassh = true;
}

static void ssh_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct ssh_state *st = f->app->state;

	for (unsigned d = 0; d < 2; d++) {
		text_free(w, &ssh_of(tx)->side[d].proto);
		text_free(w, &ssh_of(tx)->side[d].software);
		text_free(w, &ssh_of(tx)->side[d].offer);
	}
	st->tx = NULL;
}

/* ---- records ---- */

static void write_side(struct recorder *r, enum field_id object, const struct ssh_side *side)
{
	if (!side->proto.data)
		return;
	rec_open(r, object);
	text_record(r, F_ssh_proto_version, &side->proto);
	text_record(r, F_ssh_software_version, &side->software);
	if (side->offer.data) {
		rec_open(r, F_ssh_hassh);
		rec_text(r, F_ssh_hash, side->hash);
		text_record(r, F_ssh_string, &side->offer);
		rec_close(r);
	}
	rec_close(r);
}

static void ssh_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	rec_open(r, F_ssh_ssh);
	write_side(r, F_ssh_client, &ssh_of(tx)->side[TO_SERVER]);
	write_side(r, F_ssh_server, &ssh_of(tx)->side[TO_CLIENT]);
	rec_close(r);
}

static void ssh_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!ssh_of(tx)->side[TO_SERVER].proto.data && !ssh_of(tx)->side[TO_CLIENT].proto.data)
		return;
	r = emit_flow(w, RECORD_ssh, f, TO_SERVER, tx->id, p);
	if (!r)
		return;
	ssh_alert_context(w, f, tx, r);
	emit_end(w);
}

/* ---- buffers ---- */

#define GET(name)                                                                                  \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)

GET(proto)
{
	return text_view(&ssh_of(tx)->side[d].proto, out);
}

GET(software)
{
	return text_view(&ssh_of(tx)->side[d].software, out);
}

GET(hassh)
{
	const struct ssh_side *side = &ssh_of(tx)->side[d];

	*out = (struct buffer_view){(const uint8_t *)side->hash, MD5_HEX_CHARS, 0, true};
	return side->offer.data != NULL;
}

GET(hassh_string)
{
	return text_view(&ssh_of(tx)->side[d].offer, out);
}

static const struct proto_buffer ssh_buffers[] = {
	{"ssh.proto", 0, SSH_BANNER, SSH_BANNER, get_proto},
	{"ssh.software", 0, SSH_BANNER, SSH_BANNER, get_software},
	{"ssh.hassh", 0, SSH_OFFERED, 0, get_hassh},
	{"ssh.hassh.string", 0, SSH_OFFERED, 0, get_hassh_string},
	{"ssh.hassh.server", 0, 0, SSH_OFFERED, get_hassh},
	{"ssh.hassh.server.string", 0, 0, SSH_OFFERED, get_hassh_string},
	{NULL},
};

const struct proto proto_ssh = {
	.name = "ssh",
	.id = APP_ssh,
	.over_tcp = 1,
	.stop_tells = 1,
	.done = {SSH_ENCRYPTED, SSH_ENCRYPTED},
	.log_at = {SSH_OFFERED, SSH_OFFERED},
	.max_pending_bytes = 4 + SSH_PACKET_MAX,
	.max_transactions = 1,
	.too_many_event = SSH_EVENT_INVALID_RECORD,
	.config_bytes = sizeof(struct ssh_config),
	.configure = ssh_configure,
	.wanted = ssh_wanted,
	.probe = ssh_probe,
	.state_bytes = sizeof(struct ssh_state),
	.state_rest = app_state_moves,
	.parse = ssh_parse,
	.tx_free = ssh_tx_free,
	.log = ssh_log,
	.alert_context = ssh_alert_context,
	.events = ssh_events,
	.buffers = ssh_buffers,
};

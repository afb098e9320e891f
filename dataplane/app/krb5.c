/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Kerberos 5 (RFC 4120, 5.4 to 5.9) over UDP and TCP (7.2: a length before each message), told by its
 * form (DER). Each message is a transaction, complete at once. Behind a hole the next message is the
 * one that a length says, if it lies in a message, else nothing. Who has an address is host_krb5.c's.
 * Runs in the worker that owns the flow.
 */

#include "dataplane/app/ber.h"
#include "dataplane/app/text.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define KRB5_MESSAGE_BYTES_MAX 65535 /* over TCP; a longer one is passed over */
#define KRB5_NAME_PARTS_MAX 16
#define KRB5_TRANSACTIONS_MAX 256
#define KRB5_PROBE_BYTES 32

enum { AS_REQ = 10, AS_REP, TGS_REQ, TGS_REP, AP_REQ, AP_REP, KRB_ERROR = 30 };
enum { TAG_APPLICATION = 0x60, TAG_GENERAL_STRING = 0x1b };
#define TAG_CONTEXT(n) (uint8_t)(0xa0 + (n))

enum krb5_event {
#define EVENT(id, name) KRB5_EVENT_##id,
#include "dataplane/event/app_event/krb5.def"
#undef EVENT
};

static const char *const krb5_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/krb5.def"
#undef EVENT
	NULL,
};

struct krb5_tx {
	struct tx tx;
	uint8_t direction, type;  /* type 0: not told */
	uint8_t failed_request;
	bool has_error, has_encryption, has_ticket;
	uint32_t error, encryption, ticket;
	struct texts cname, sname;
	struct text realm;
};

struct krb5_state {
	uint8_t request; /* type of the last one that waits for its answer */
	uint8_t waiting[AP_REQ + 1]; /* TCP: how many of a type do */
	struct krb5_stream {
		uint64_t skip; /* rest of a message that is passed over */
		bool lost;
	} stream[2];
};

static struct krb5_tx *krb5_of(struct tx *tx)
{
	return (struct krb5_tx *)(void *)tx;
}

static const char *error_name(uint32_t code)
{
	switch (code) {
#define ERROR(number, name) case number: return name;
#define ENCRYPTION(number, name)
#include "dataplane/app/krb5_names.def"
#undef ERROR
#undef ENCRYPTION
	}
	return NULL;
}

static const char *encryption_name(uint32_t number)
{
	switch (number) {
#define ERROR(number, name)
#define ENCRYPTION(number, name) case number: return name;
#include "dataplane/app/krb5_names.def"
#undef ERROR
#undef ENCRYPTION
	}
	return NULL;
}

/* All but AES and Camellia. */
static bool is_weak(uint32_t encryption)
{
	return !((encryption >= 17 && encryption <= 20) || encryption == 25 || encryption == 26);
}

/* ---- reading ---- */

/* [n] of the fields at c, past those before it; c moves behind it. */
static bool field(struct cursor *c, unsigned n, struct cursor *body)
{
	struct cursor at = *c;
	uint8_t tag;

	while (ber_next(&at, &tag, body)) {
		if (tag > TAG_CONTEXT(n))
			return false;
		if (tag != TAG_CONTEXT(n))
			continue;
		*c = at;
		return true;
	}
	return false;
}

static bool number_field(struct cursor *c, unsigned n, uint32_t *out)
{
	struct cursor body;

	return field(c, n, &body) && ber_number(&body, BER_INTEGER, out);
}

static void name_field(struct worker *w, struct cursor *c, unsigned n, struct texts *out)
{
	struct cursor body, fields, list, parts;

	if (!field(c, n, &body) || !ber_take(&body, BER_SEQUENCE, &fields) || !field(&fields, 1, &list) ||
	    !ber_take(&list, BER_SEQUENCE, &parts))
		return;
	while (out->count < KRB5_NAME_PARTS_MAX) {
		struct bytes part = ber_bytes(&parts, TAG_GENERAL_STRING);

		if (!part.data)
			break;
		texts_add(w, out, part.data, part.len);
	}
}

static void realm_field(struct worker *w, struct cursor *c, unsigned n, struct text *out)
{
	struct cursor body;

	if (field(c, n, &body))
		text_set(w, out, ber_bytes(&body, TAG_GENERAL_STRING));
}

static bool encryption_field(struct cursor *c, unsigned n, uint32_t *out)
{
	struct cursor body, fields;

	return field(c, n, &body) && ber_take(&body, BER_SEQUENCE, &fields) && number_field(&fields, 0, out);
}

static bool request_read(struct worker *w, struct krb5_tx *t, struct cursor *c)
{
	struct cursor body, fields;

	if (!field(c, 4, &body) || !ber_take(&body, BER_SEQUENCE, &fields))
		return false;
	name_field(w, &fields, 1, &t->cname);
	realm_field(w, &fields, 2, &t->realm);
	name_field(w, &fields, 3, &t->sname);
	return true;
}

static bool reply_read(struct worker *w, struct krb5_tx *t, struct cursor *c)
{
	struct cursor body, ticket, fields;

	realm_field(w, c, 3, &t->realm);
	name_field(w, c, 4, &t->cname);
	if (!field(c, 5, &body) || !ber_take(&body, TAG_APPLICATION + 1, &ticket) ||
	    !ber_take(&ticket, BER_SEQUENCE, &fields))
		return false;
	name_field(w, &fields, 2, &t->sname);
	t->has_ticket = encryption_field(&fields, 3, &t->ticket);
	t->has_encryption = encryption_field(c, 6, &t->encryption);
	return t->has_ticket && t->has_encryption;
}

static bool error_read(struct worker *w, struct krb5_tx *t, struct cursor *c)
{
	t->has_error = number_field(c, 6, &t->error);
	name_field(w, c, 8, &t->cname);
	realm_field(w, c, 9, &t->realm);
	name_field(w, c, 10, &t->sname);
	return t->has_error;
}

static bool type_known(uint32_t type)
{
	return (type >= AS_REQ && type <= AP_REP) || type == KRB_ERROR;
}

/* The application tag, version and type of a message, which must agree; c stands behind them. */
static bool head_read(struct cursor *c, uint8_t *type)
{
	uint32_t version, said, len;
	uint8_t tag;

	if (!ber_head(c, &tag, &len) || (tag & 0xe0) != TAG_APPLICATION || !type_known(tag & 0x1f))
		return false;
	*type = tag & 0x1f;
	if (!ber_head(c, &tag, &len) || tag != BER_SEQUENCE)
		return false;
	/* Requests for tickets begin with [1], all others with [0]. */
	return number_field(c, *type == AS_REQ || *type == TGS_REQ, &version) && version == 5 &&
	       number_field(c, 1 + (*type == AS_REQ || *type == TGS_REQ), &said) && said == *type;
}

static bool message_read(struct worker *w, struct krb5_tx *t, const uint8_t *data, uint32_t len)
{
	struct cursor c = cursor_of(data, len);

	if (!head_read(&c, &t->type))
		return false;
	switch (t->type) {
	case AS_REQ:
	case TGS_REQ:
		return request_read(w, t, &c);
	case AS_REP:
	case TGS_REP:
		return reply_read(w, t, &c);
	case KRB_ERROR:
		return error_read(w, t, &c);
	default:
		return true;
	}
}

/* ---- the protocol ---- */

static enum probe_result krb5_probe(const struct probe_input *in)
{
	struct cursor c = cursor_of(in->data, in->len);
	uint8_t type;

	if (in->ip_proto == 6) {
		uint32_t len = cursor_be32(&c);

		if ((in->len && in->data[0]) || (in->len >= 4 && (len < 10 || len > (1u << 24))) ||
		    (in->len >= 5 && (in->data[4] & 0xe0) != TAG_APPLICATION))
			return PROBE_NO;
		if (in->len < KRB5_PROBE_BYTES && in->len < 4 + (uint64_t)len)
			return PROBE_MORE;
	}
	return head_read(&c, &type) ? PROBE_YES : PROBE_NO;
}

/* Which requests wait for an answer. Over UDP they come again when it is lost, so only the last one counts. */
static void request_count(struct krb5_state *st, struct krb5_tx *t, bool ordered)
{
	uint8_t answered;

	if (t->type == AS_REQ || t->type == TGS_REQ || t->type == AP_REQ) {
		st->request = t->type;
		if (ordered && st->waiting[t->type] < UINT8_MAX)
			st->waiting[t->type]++;
		return;
	}
	t->failed_request = st->request;
	answered = t->type == KRB_ERROR || !t->type ? st->request : t->type - 1;
	if (answered && st->waiting[answered])
		st->waiting[answered]--;
	st->request = 0;
	for (uint8_t type = AS_REQ; type <= AP_REQ; type += 2)
		if (st->waiting[type])
			st->request = type;
}

static void message_take(struct worker *w, struct flow *f, struct krb5_state *st, enum direction d,
			 const uint8_t *data, uint32_t len)
{
	struct krb5_tx *t = krb5_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return;
	t->direction = (uint8_t)d;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	if (!message_read(w, t, data, len))
		tx_event(w, f, &t->tx, d, KRB5_EVENT_MALFORMED_DATA);
	if ((t->has_encryption && is_weak(t->encryption)))
		tx_event(w, f, &t->tx, d, KRB5_EVENT_WEAK_ENCRYPTION);
	request_count(st, t, f->ip_proto == 6);
}

static struct parse_result parse_stream(struct worker *w, struct flow *f, struct krb5_state *st,
					enum direction d, const struct app_input *in)
{
	struct cursor c = cursor_of(in->data, in->data ? in->len : 0);
	struct krb5_stream *s = &st->stream[d];
	struct parse_result res = {.status = PARSE_OK};

	if (in->flags & INPUT_GAP) {
		s->lost |= in->len > s->skip;
		s->skip -= in->len < s->skip ? in->len : s->skip;
	}
	while (cursor_left(&c)) {
		size_t n = s->skip < cursor_left(&c) ? (size_t)s->skip : cursor_left(&c);
		const uint8_t *head;
		uint32_t len;

		if (s->lost)
			n = cursor_left(&c);
		cursor_skip(&c, n);
		s->skip -= s->skip < n ? s->skip : n;
		if (!cursor_left(&c))
			break;
		head = cursor_peek(&c, 4);
		len = head ? get_be32(head) : 0;
		if (head && len & 0x80000000u)
			return (struct parse_result){.status = PARSE_BAD, .event = 1 + KRB5_EVENT_MALFORMED_DATA};
		if (head && len > KRB5_MESSAGE_BYTES_MAX) {
			s->skip = 4 + (uint64_t)len;
			continue;
		}
		if (!head || !cursor_peek(&c, 4 + (size_t)len)) {
			res.status = PARSE_MORE;
			res.need = 4 + len;
			break;
		}
		message_take(w, f, st, d, head + 4, len);
		cursor_skip(&c, 4 + (size_t)len);
	}
	res.consumed = (uint32_t)(c.p - in->data);
	return res;
}

static struct parse_result krb5_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	if (f->ip_proto == 6)
		return parse_stream(w, f, state, d, in);
	message_take(w, f, state, d, in->data, in->len);
	return (struct parse_result){.status = PARSE_OK};
}

static void krb5_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	texts_free(w, &krb5_of(tx)->cname);
	texts_free(w, &krb5_of(tx)->sname);
	text_free(w, &krb5_of(tx)->realm);
}

/* ---- records ---- */

static void write_type(struct recorder *r, enum field_id f, uint8_t type)
{
	static const char *const names[] = {"KRB_AS_REQ",  "KRB_AS_REP", "KRB_TGS_REQ",
					    "KRB_TGS_REP", "KRB_AP_REQ", "KRB_AP_REP"};

	rec_text(r, f, type == KRB_ERROR ? "KRB_ERROR" :
		       type >= AS_REQ && type <= AP_REP ? names[type - AS_REQ] : "UNKNOWN");
}

/* Parts joined by "/". */
static void write_name(struct recorder *r, enum field_id f, const struct texts *name)
{
	char text[512];
	uint32_t at = 0, len = 0;
	struct bytes part;

	if (!name->count) {
		rec_text(r, f, "<empty>");
		return;
	}
	while (texts_next(name, &at, &part)) {
		uint32_t n = part.len < sizeof(text) - len - 1 ? part.len : (uint32_t)sizeof(text) - len - 1;

		if (len && len < sizeof(text) - 1)
			text[len++] = '/';
		n = n < sizeof(text) - len ? n : (uint32_t)sizeof(text) - len;
		memcpy(text + len, part.data, n);
		len += n;
		if (len >= sizeof(text) - 1)
			break;
	}
	rec_bytes(r, f, text, len);
}

static void write_encryption(struct recorder *r, enum field_id f, uint32_t number)
{
	const char *name = encryption_name(number);
	char text[24];

	if (!name)
		put_uint(put_text(put_to(text, sizeof(text)), (int32_t)number < 0 ? "-" : ""), (int32_t)number < 0 ? -(int64_t)(int32_t)number : number);
	rec_text(r, f, name ? name : text);
}

static void krb5_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct krb5_tx *t = krb5_of(tx);
	char text[24];

	rec_open(r, F_krb5_krb5);
	write_type(r, F_krb5_msg_type, t->type);
	if (t->has_error) {
		const char *name = error_name(t->error);

		put_uint(put_to(text, sizeof(text)), t->error);
		write_type(r, F_krb5_failed_request, t->failed_request);
		rec_text(r, F_krb5_error_code, name ? name : text);
	}
	write_name(r, F_krb5_cname, &t->cname);
	if (t->realm.data)
		text_record(r, F_krb5_realm, &t->realm);
	else
		rec_text(r, F_krb5_realm, "<empty>");
	write_name(r, F_krb5_sname, &t->sname);
	if (t->has_encryption)
		write_encryption(r, F_krb5_encryption, t->encryption);
	else
		rec_text(r, F_krb5_encryption, "<none>");
	rec_bool(r, F_krb5_weak_encryption, t->has_encryption && is_weak(t->encryption));
	if (t->has_ticket) {
		write_encryption(r, F_krb5_ticket_encryption, t->ticket);
		rec_bool(r, F_krb5_ticket_weak_encryption, is_weak(t->ticket));
	}
	rec_close(r);
}

static void krb5_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!krb5_of(tx)->type)
		return;
	r = emit_flow(w, RECORD_krb5, f, krb5_of(tx)->direction, tx->id, p);
	if (!r)
		return;
	krb5_alert_context(w, f, tx, r);
	emit_end(w);
}

/* ---- rules ---- */

static bool get_cname(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		      struct buffer_view *out)
{
	return krb5_of(tx)->direction == d && texts_view(&krb5_of(tx)->cname, instance, out);
}

static bool get_sname(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		      struct buffer_view *out)
{
	return krb5_of(tx)->direction == d && texts_view(&krb5_of(tx)->sname, instance, out);
}

static bool get_type(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = krb5_of(tx)->type;
	return krb5_of(tx)->direction == d && *out;
}

/* Signed numbers are compared shifted by 2^31. */
static bool get_error(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = (uint64_t)((int64_t)(int32_t)krb5_of(tx)->error + (1LL << 31));
	return krb5_of(tx)->direction == d && krb5_of(tx)->has_error;
}

static bool get_ticket(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = krb5_of(tx)->ticket;
	return krb5_of(tx)->direction == d && krb5_of(tx)->has_ticket;
}

static const struct proto_buffer krb5_buffers[] = {
	{"krb5.cname", BUFFER_MULTI, 1, 1, get_cname},
	{"krb5.sname", BUFFER_MULTI, 1, 1, get_sname},
	{NULL},
};

static const struct proto_value krb5_values[] = {
	{.name = "krb5_msg_type", .to_server = 1, .to_client = 1, .get = get_type},
	{.name = "krb5_err_code", .to_server = 1, .to_client = 1, .get = get_error},
	{.name = "krb5.ticket_encryption", .to_server = 1, .to_client = 1, .get = get_ticket},
	{NULL},
};

const struct proto proto_krb5 = {
	.name = "krb5",
	.id = APP_krb5,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 1},
	.max_pending_bytes = 4 + KRB5_MESSAGE_BYTES_MAX,
	.max_transactions = KRB5_TRANSACTIONS_MAX,
	.too_many_event = KRB5_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = krb5_probe,
	.udp_first = {{TAG_APPLICATION, TAG_APPLICATION | 0x1f}},
	.state_bytes = sizeof(struct krb5_state),
	.state_rest = app_state_moves,
	.parse = krb5_parse,
	.tx_free = krb5_tx_free,
	.log = krb5_log,
	.alert_context = krb5_alert_context,
	.events = krb5_events,
	.buffers = krb5_buffers,
	.values = krb5_values,
};

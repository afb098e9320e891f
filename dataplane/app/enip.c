/* SPDX-License-Identifier: BSD-3-Clause
 *
 * EtherNet/IP: finding it, messages of a stream, what belongs together, frames. See enip.h. After
 * missing bytes the next segment that begins with a header is the place to go on. Runs in the worker
 * that owns the flow.
 */
#include "dataplane/app/enip.h"
#include "dataplane/app/frame.h"

#define ENIP_PORT 44818
#define ENIP_IO_PORT 2222
#define LENGTH_AT 2
#define SESSION_AT 4
#define STATUS_AT 8
#define OPTIONS_AT 20

enum enip_event {
#define EVENT(id, name) ENIP_EVENT_##id,
#include "dataplane/event/app_event/enip.def"
#undef EVENT
};

static const char *const enip_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/enip.def"
#undef EVENT
	NULL,
};

enum enip_frame { FRAME_HEADER = 1, FRAME_DATA, FRAME_PDU, FRAME_CIP, FRAME_ITEM };

struct enip_state {
	bool lost[2];     /* bytes were missing */
	uint32_t skip[2]; /* of the message in hand, not kept */
};

static uint32_t le32(const uint8_t *b)
{
	return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static uint16_t le16(const uint8_t *b)
{
	return (uint16_t)(b[1] << 8 | b[0]);
}

static bool command_known(uint16_t command)
{
	switch (command) {
	case ENIP_NOP:
	case ENIP_LIST_SERVICES:
	case ENIP_LIST_IDENTITY:
	case ENIP_LIST_INTERFACES:
	case ENIP_REGISTER_SESSION:
	case ENIP_UNREGISTER_SESSION:
	case ENIP_SEND_RR_DATA:
	case ENIP_SEND_UNIT_DATA:
	case ENIP_INDICATE_STATUS:
	case ENIP_CANCEL:
		return true;
	default:
		return false;
	}
}

/* Volume 2, 2-3.5 */
static bool status_known(uint32_t status)
{
	return status <= 3 || status == 0x64 || status == 0x65 || status == 0x69 || status == 0x6a;
}

/* Could a message begin with these ENIP_HEADER_BYTES? */
static bool header_good(const uint8_t *h)
{
	uint16_t command = le16(h), length = le16(h + LENGTH_AT);

	if (!command_known(command) || !status_known(le32(h + STATUS_AT)))
		return false;
	if (command == ENIP_NOP)
		return le32(h + OPTIONS_AT) == 0;
	if (command == ENIP_REGISTER_SESSION)
		return length == 4;
	return command != ENIP_UNREGISTER_SESSION || length == 4 || length == 0;
}

/* On another port than its own: more is asked of what only looks like it. */
static bool surely(const struct probe_input *in)
{
	const uint8_t *h = in->data;
	uint16_t command = le16(h), length = le16(h + LENGTH_AT);
	uint32_t items = ENIP_HEADER_BYTES + 6;

	if (command == ENIP_NOP || command == ENIP_CANCEL || command == ENIP_INDICATE_STATUS ||
	    le32(h + OPTIONS_AT) || in->len != ENIP_HEADER_BYTES + (uint32_t)length)
		return false;
	if (command == ENIP_REGISTER_SESSION)
		return h[ENIP_HEADER_BYTES] == 1 && !h[ENIP_HEADER_BYTES + 1]; /* version 1 */
	if (command == ENIP_SEND_RR_DATA || command == ENIP_SEND_UNIT_DATA)
		return length >= 8 && !le32(h + ENIP_HEADER_BYTES) && h[items] >= 1 && h[items] <= 4 && !h[items + 1];
	if (command == ENIP_UNREGISTER_SESSION)
		return le32(h + SESSION_AT) != 0;
	return (in->direction == TO_SERVER) == (length == 0);
}

static enum probe_result enip_probe(const struct probe_input *in)
{
	uint16_t port = in->server_port;

	if (in->len >= 2 && !command_known(le16(in->data)))
		return PROBE_NO;
	if (in->len < ENIP_HEADER_BYTES)
		return in->ip_proto == 6 ? PROBE_MORE : PROBE_NO;
	if (!header_good(in->data))
		return PROBE_NO;
	if (port == ENIP_PORT || port == ENIP_IO_PORT || in->client_port == ENIP_PORT || in->known)
		return PROBE_YES;
	return surely(in) ? PROBE_YES : PROBE_NO;
}

/* ---- transactions ---- */

/* The sequence number of connected data, which both messages have; -1: none. */
static int sequence_of(const struct enip_message *m)
{
	struct enip_item item;

	if (!enip_item_find(m, ENIP_ITEM_CONNECTED, &item) || cursor_left(&item.data) < 2)
		return -1;
	return le16(item.data.p);
}

static bool answers(const struct enip_message *response, const struct enip_message *request)
{
	struct cip_message cip;

	if (request->command != response->command)
		return false;
	/* The request to register has none yet. */
	if (request->session != response->session && request->command != ENIP_REGISTER_SESSION)
		return false;
	if (!enip_cip(request, &cip))
		return !enip_cip(response, &cip);
	return enip_cip(response, &cip) && sequence_of(request) == sequence_of(response);
}

/* Requests before the one that is answered will not be. */
static struct enip_tx *find_request(struct flow *f, const struct enip_message *response)
{
	for (struct tx *tx = f->app->first; tx; tx = tx->next) {
		struct enip_tx *t = enip_of(tx);

		if (!t->request.there || t->response.there)
			continue;
		t->tx.progress[TO_CLIENT] = 1;
		if (answers(response, &t->request))
			return t;
	}
	return NULL;
}

static struct enip_tx *take_message(struct worker *w, struct flow *f, enum direction d, const uint8_t *data,
				    uint32_t kept)
{
	struct enip_message m = {
		.there = true,
		.command = le16(data),
		.length = le16(data + LENGTH_AT),
		.session = le32(data + SESSION_AT),
		.status = le32(data + STATUS_AT),
		.options = le32(data + OPTIONS_AT),
	};
	struct enip_tx *t = NULL;

	m.cut = kept < m.length;
	text_set(w, &m.data, (struct bytes){data + ENIP_HEADER_BYTES, kept});
	m.invalid = !m.data.data || !enip_valid(&m);
	if (d == TO_CLIENT)
		t = find_request(f, &m);
	if (!t) {
		t = enip_of(tx_new(w, f, sizeof(*t)));
		if (t)
			t->tx.inspected_done[direction_other(d)] = d == TO_CLIENT;
	}
	if (!t) {
		text_free(w, &m.data);
		return NULL;
	}
	t->tx.progress[TO_SERVER] = 1;
	if (d == TO_SERVER) {
		t->request = m;
	} else {
		t->response = m;
		t->tx.progress[TO_CLIENT] = 1;
	}
	if (m.invalid)
		tx_event(w, f, &t->tx, d, ENIP_EVENT_INVALID_PDU);
	return t;
}

/* ---- frames ---- */

struct frame_maker {
	struct worker *w;
	struct flow *f;
	enum direction d;
	uint64_t offset;      /* of the message in its stream */
	const struct enip_message *m;
	const struct enip_tx *t;
};

static void frame(const struct frame_maker *k, enum enip_frame type, uint64_t at, uint64_t len)
{
	uint64_t id = app_frame_open(k->w, k->f, k->d, type, k->offset + at, len);

	app_frame_tx(k->f, k->d, id, k->t->tx.id);
}

/* Of bytes in the message's data. */
static void frame_at(const struct frame_maker *k, enum enip_frame type, const uint8_t *start, uint64_t len)
{
	frame(k, type, ENIP_HEADER_BYTES + (uint64_t)(start - k->m->data.data), len);
}

static void cip_frames(const struct frame_maker *k, const struct enip_item *item)
{
	struct cip_message cip;
	struct cip_list l;
	bool bad;

	if (!enip_item_cip(item, &cip, &bad))
		return;
	frame_at(k, FRAME_CIP, cip.start, (uint64_t)(item->data.end - cip.start));
	l = cip_list(&cip);
	for (unsigned i = 0; i < ENIP_SERVICES_MAX && cip_list_next(&l, &cip, &bad); i++)
		frame_at(k, FRAME_CIP, cip.start, cip_size(&cip));
}

static void frames(const struct frame_maker *k)
{
	uint32_t count;
	struct cursor items = enip_items(k->m, &count);
	struct enip_item item;

	frame(k, FRAME_HEADER, 0, ENIP_HEADER_BYTES);
	frame(k, FRAME_DATA, ENIP_HEADER_BYTES, k->m->length);
	frame(k, FRAME_PDU, 0, ENIP_HEADER_BYTES + (uint64_t)k->m->length);
	for (unsigned i = 0; i < ENIP_ITEMS_MAX && enip_item_next(k->m, &items, &count, &item); i++) {
		frame(k, FRAME_ITEM, ENIP_HEADER_BYTES + item.start, 4 + cursor_left(&item.data));
		cip_frames(k, &item);
	}
}

/* ---- the stream ---- */

static void take(struct worker *w, struct flow *f, enum direction d, const uint8_t *data, uint32_t kept,
		 uint64_t offset)
{
	struct enip_tx *t = take_message(w, f, d, data, kept);

	if (t && f->app->frames && enip_message_of(&t->tx, d)->data.data) {
		const struct frame_maker k = {w, f, d, offset, enip_message_of(&t->tx, d), t};

		frames(&k);
	}
}

static struct parse_result parse_stream(struct worker *w, struct flow *f, struct enip_state *s, enum direction d,
					const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	uint32_t at = 0;

	while (at < in->len) {
		uint32_t left = in->len - at, kept, n = ENIP_HEADER_BYTES;

		if (s->skip[d]) {
			n = s->skip[d] < left ? s->skip[d] : left;
			s->skip[d] -= n;
			at += n;
			continue;
		}
		if (s->lost[d] && left >= n && !header_good(in->data + at))
			break; /* the rest of this segment belongs to what was lost */
		if (left >= n) {
			kept = le16(in->data + at + LENGTH_AT);
			n += kept < ENIP_DATA_MAX ? kept : ENIP_DATA_MAX;
		}
		if (left < n) {
			res.status = PARSE_MORE;
			res.consumed = at;
			res.need = n;
			return res;
		}
		s->lost[d] = false;
		take(w, f, d, in->data + at, n - ENIP_HEADER_BYTES, in->offset + at);
		s->skip[d] = le16(in->data + at + LENGTH_AT) + ENIP_HEADER_BYTES - n;
		at += n;
	}
	return res;
}

static struct parse_result enip_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	struct enip_state *s = state;

	if (in->flags & INPUT_GAP) {
		s->lost[d] = true;
		s->skip[d] = 0;
		return (struct parse_result){.status = PARSE_OK};
	}
	if (f->ip_proto != 6) {
		uint32_t length;

		if (in->len < ENIP_HEADER_BYTES)
			return (struct parse_result){.status = PARSE_BAD};
		length = le16(in->data + LENGTH_AT);
		if (length > in->len - ENIP_HEADER_BYTES)
			return (struct parse_result){.status = PARSE_BAD};
		take(w, f, d, in->data, length < ENIP_DATA_MAX ? length : ENIP_DATA_MAX, in->offset);
		return (struct parse_result){.status = PARSE_OK};
	}
	return parse_stream(w, f, s, d, in);
}

static void enip_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	text_free(w, &enip_of(tx)->request.data);
	text_free(w, &enip_of(tx)->response.data);
}

const struct proto proto_enip = {
	.name = "enip",
	.id = APP_enip,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 1},
	.max_pending_bytes = ENIP_HEADER_BYTES + ENIP_DATA_MAX,
	.max_transactions = ENIP_TRANSACTIONS_MAX,
	.too_many_event = ENIP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = enip_probe,
	.udp_first = {{0, 4}, {0x63, 0x66}, {0x6f, 0x73}},
	.udp_least = ENIP_HEADER_BYTES,
	.state_bytes = sizeof(struct enip_state),
	.state_rest = app_state_moves,
	.parse = enip_parse,
	.tx_free = enip_tx_free,
	.log = enip_log,
	.alert_context = enip_alert_context,
	.events = enip_events,
	.buffers = enip_buffers,
	.values = enip_values,
};

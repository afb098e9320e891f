/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Modbus: finding it, messages of a stream, requests and responses that belong together. See
 * modbus.h. The header has no mark of its own: after missing bytes a message begins where one could
 * and the next one, as far as it is there, could too. Runs in the worker that owns the flow.
 */
#include "dataplane/app/modbus.h"

#define MODBUS_PORT 502
#define MESSAGE_MAX (MODBUS_HEADER_BYTES + MODBUS_LENGTH_MAX)

enum modbus_event {
#define EVENT(id, name) MODBUS_EVENT_##id,
#include "dataplane/event/app_event/modbus.def"
#undef EVENT
};

static const char *const modbus_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/modbus.def"
#undef EVENT
	NULL,
};

struct modbus_state {
	bool lost[2];     /* bytes were missing: where a message begins is to be found */
	uint16_t skip[2]; /* of a message whose length is out of bounds */
};

/* Could a header be here? What is not there speaks not against it. */
static bool header_good(const uint8_t *data, uint32_t len)
{
	uint32_t length;

	if (len >= 4 && (data[2] || data[3]))
		return false;
	if (len < MODBUS_HEADER_BYTES)
		return true;
	length = get_be16(data + 4);
	return length >= MODBUS_LENGTH_MIN && length <= MODBUS_LENGTH_MAX;
}

/* Likewise a message of an assigned function? */
static bool plausible(const uint8_t *data, uint32_t len)
{
	return header_good(data, len) &&
	       (len < MODBUS_HEADER_BYTES + 2 || modbus_function_name(data[7] & ~MODBUS_EXCEPTION));
}

/* Is it as long as its function makes it? */
static bool fits(const uint8_t *message, uint32_t len, enum direction d)
{
	uint8_t function = message[7];

	if (function & MODBUS_EXCEPTION)
		return d == TO_CLIENT && len == MODBUS_HEADER_BYTES + 3;
	return d == TO_CLIENT || function > 6 || len == MODBUS_HEADER_BYTES + 6;
}

static bool all_fit(const struct probe_input *in)
{
	for (uint32_t at = 0, len; at < in->len; at += len) {
		uint32_t left = in->len - at;

		if (!plausible(in->data + at, left))
			return false;
		if (left < MODBUS_HEADER_BYTES)
			break;
		len = MODBUS_HEADER_BYTES + get_be16(in->data + at + 4);
		if (len > left)
			break;
		if (!fits(in->data + at, len, in->direction))
			return false;
	}
	return true;
}

/* On its port a first message that could be one is, of any function (vendors have their own); elsewhere all bytes must be such messages, as long
 * as their functions make them. */
static enum probe_result modbus_probe(const struct probe_input *in)
{
	bool home = in->server_port == MODBUS_PORT || in->known;
	uint32_t whole;

	if (home ? !header_good(in->data, in->len) : !plausible(in->data, in->len))
		return PROBE_NO;
	if (in->len < MODBUS_HEADER_BYTES + 2)
		return PROBE_MORE;
	whole = MODBUS_HEADER_BYTES + get_be16(in->data + 4);
	if (in->len < whole)
		return PROBE_MORE;
	if (home)
		return in->data[7] & ~MODBUS_EXCEPTION ? PROBE_YES : PROBE_NO;
	return all_fit(in) ? PROBE_YES : PROBE_NO;
}

/* ---- transactions ---- */

static void note_errors(struct worker *w, struct flow *f, struct modbus_tx *t, enum direction d)
{
	static const struct {
		uint8_t error, event;
	} events[] = {
		{MODBUS_BAD_FUNCTION, MODBUS_EVENT_INVALID_FUNCTION_CODE},
		{MODBUS_BAD_VALUE, MODBUS_EVENT_INVALID_VALUE},
		{MODBUS_BAD_LENGTH, MODBUS_EVENT_INVALID_LENGTH},
		{MODBUS_BAD_EXCEPTION, MODBUS_EVENT_INVALID_EXCEPTION_CODE},
		{MODBUS_BAD_PROTOCOL, MODBUS_EVENT_INVALID_PROTOCOL_ID},
	};
	const struct modbus_message *m = d == TO_SERVER ? &t->request : &t->response;

	if (d == TO_CLIENT && m->access & (MODBUS_READ | MODBUS_WRITE) &&
	    m->errors & (MODBUS_BAD_LENGTH | MODBUS_BAD_VALUE)) {
		tx_event(w, f, &t->tx, d, MODBUS_EVENT_VALUE_MISMATCH);
		return;
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (m->errors & events[i].error)
			tx_event(w, f, &t->tx, d, events[i].event);
}

static void take_request(struct worker *w, struct flow *f, const uint8_t *data, uint32_t len)
{
	struct modbus_tx *t;

	tx_make_way(w, f, TO_SERVER);
	t = modbus_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return;
	modbus_read(w, &t->request, TO_SERVER, data, len);
	t->tx.progress[TO_SERVER] = 1;
	note_errors(w, f, t, TO_SERVER);
}

static struct modbus_tx *find_request(struct flow *f, struct modbus_message *response)
{
	for (struct tx *tx = tx_waiting(f); tx; tx = tx->next) {
		struct modbus_tx *t = modbus_of(tx);

		if (t->request.there && !t->response.there && !tx->progress[TO_CLIENT] && modbus_answers(response, &t->request))
			return t;
	}
	return NULL;
}

static void take_response(struct worker *w, struct flow *f, const uint8_t *data, uint32_t len)
{
	struct modbus_message m = {0};
	struct modbus_tx *t;
	bool asked;

	modbus_read(w, &m, TO_CLIENT, data, len);
	t = find_request(f, &m);
	asked = t != NULL;
	if (!asked) {
		tx_make_way(w, f, TO_CLIENT);
		t = modbus_of(tx_new(w, f, sizeof(*t)));
	}
	if (!t) {
		text_free(w, &m.data);
		return;
	}
	t->response = m;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	if (!asked) {
		t->tx.inspected_done[TO_SERVER] = 1;
		tx_event(w, f, &t->tx, TO_CLIENT, MODBUS_EVENT_UNSOLICITED_RESPONSE);
	}
	note_errors(w, f, t, TO_CLIENT);
}

static void modbus_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	text_free(w, &modbus_of(tx)->request.data);
	text_free(w, &modbus_of(tx)->response.data);
}

/* ---- the stream ---- */

/* Bytes to leave out until a message could begin, and the next one behind it. */
static uint32_t skip_lost(const uint8_t *data, uint32_t len)
{
	uint32_t at;

	for (at = 0; at < len; at++) {
		uint32_t left = len - at, whole;

		if (!plausible(data + at, left))
			continue;
		if (left < MODBUS_HEADER_BYTES)
			break;
		whole = MODBUS_HEADER_BYTES + get_be16(data + at + 4);
		if (left <= whole || plausible(data + at + whole, left - whole))
			break;
	}
	return at;
}

static struct parse_result modbus_parse(struct worker *w, struct flow *f, void *state, enum direction d,
					const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct modbus_state *s = state;
	uint32_t at = 0;

	if (in->flags & INPUT_GAP) {
		s->lost[d] = true;
		s->skip[d] = 0;
		return res;
	}
	while (at < in->len) {
		uint32_t left = in->len - at, n = MODBUS_HEADER_BYTES, length;

		if (s->skip[d]) {
			n = s->skip[d] < left ? s->skip[d] : left;
			s->skip[d] = (uint16_t)(s->skip[d] - n);
			at += n;
			continue;
		}
		if (s->lost[d])
			at += skip_lost(in->data + at, in->len - at);
		left = in->len - at;
		if (left >= n) {
			length = get_be16(in->data + at + 4);
			/* What such a message says it has is left out; the reference does so, too. */
			if (length < MODBUS_LENGTH_MIN || length > MODBUS_LENGTH_MAX)
				s->skip[d] = (uint16_t)length;
			else
				n += length;
		}
		if (!left)
			break;
		if (left < n) {
			res.status = PARSE_MORE;
			res.consumed = at;
			res.need = n;
			return res;
		}
		s->lost[d] = false;
		if (d == TO_SERVER)
			take_request(w, f, in->data + at, n);
		else
			take_response(w, f, in->data + at, n);
		at += n;
	}
	return res;
}

const struct proto proto_modbus = {
	.name = "modbus",
	.id = APP_modbus,
	.over_tcp = 1,
	.done = {1, 1},
	.max_pending_bytes = MESSAGE_MAX,
	.max_transactions = MODBUS_TRANSACTIONS_MAX,
	.in_bursts = 1,
	.gives_way = 1,
	.too_many_event = MODBUS_EVENT_FLOODED,
	.probe = modbus_probe,
	.state_bytes = sizeof(struct modbus_state),
	.state_rest = app_state_moves,
	.parse = modbus_parse,
	.tx_free = modbus_tx_free,
	.log = modbus_log,
	.alert_context = modbus_alert_context,
	.events = modbus_events,
};

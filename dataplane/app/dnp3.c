/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNP3: finding it, frames with their checksums, segments, what rules see. See dnp3.h. After missing
 * bytes a frame begins where its two start bytes and the checksum of its header are. Runs in the
 * worker that owns the flow.
 */
#include "dataplane/app/dnp3.h"

#define HEADER_BYTES 10
#define HEADER_COUNTED 5 /* bytes of the header that its length counts */
#define BLOCK_BYTES 16
#define CRC_BYTES 2
#define FRAME_MAX 292
#define LINK_DIR 0x80
#define LINK_PRI 0x40
#define TRANSPORT_FIN 0x80
#define TRANSPORT_FIR 0x40

enum dnp3_event {
#define EVENT(id, name) DNP3_EVENT_##id,
#include "dataplane/event/app_event/dnp3.def"
#undef EVENT
};

static const char *const dnp3_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/dnp3.def"
#undef EVENT
	NULL,
};

/* A message of which segments are still to come. */
struct segments {
	uint8_t *data;
	uint32_t len, cap;
	uint8_t sequence; /* of the last one */
	bool open;
};

struct dnp3_state {
	struct segments segments[2];
};

/* IEEE 1815-2012, annex E: CRC-16/DNP. */
static uint16_t checksum(const uint8_t *data, uint32_t len)
{
	uint16_t crc = 0;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xa6bc) : (uint16_t)(crc >> 1);
	}
	return (uint16_t)~crc;
}

static bool checksum_right(const uint8_t *data, uint32_t len)
{
	uint16_t crc = checksum(data, len);

	return data[len] == (uint8_t)crc && data[len + 1] == crc >> 8;
}

static bool starts_frame(const uint8_t *data, uint32_t len)
{
	return len >= HEADER_BYTES && data[0] == 0x05 && data[1] == 0x64 &&
	       checksum_right(data, HEADER_BYTES - CRC_BYTES);
}

/* Bytes of a frame whose header says n. */
static uint32_t frame_bytes(uint8_t n)
{
	uint32_t user = n > HEADER_COUNTED ? (uint32_t)(n - HEADER_COUNTED) : 0;

	return HEADER_BYTES + user + (user + BLOCK_BYTES - 1) / BLOCK_BYTES * CRC_BYTES;
}

static enum probe_result dnp3_probe(const struct probe_input *in)
{
	static const uint8_t start[2] = {0x05, 0x64};
	bool from_master;

	if (memcmp(in->data, start, in->len < 2 ? in->len : 2) != 0)
		return PROBE_NO;
	if (in->len < HEADER_BYTES)
		return in->ip_proto == 17 ? PROBE_NO : PROBE_MORE;
	if (in->data[2] < HEADER_COUNTED || !starts_frame(in->data, in->len))
		return PROBE_NO;
	from_master = in->data[3] & LINK_DIR;
	return from_master == (in->direction == TO_SERVER) ? PROBE_YES : PROBE_YES_REVERSED;
}

/* ---- transactions ---- */

static struct dnp3_tx *new_tx(struct worker *w, struct flow *f, enum direction d, const uint8_t *header)
{
	struct dnp3_tx *t = dnp3_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return NULL;
	t->direction = (uint8_t)d;
	t->link_control = header[3];
	t->dst = (uint16_t)(header[4] | header[5] << 8);
	t->src = (uint16_t)(header[6] | header[7] << 8);
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[direction_other(d)] = 1;
	return t;
}

static void event_alone(struct worker *w, struct flow *f, enum direction d, const uint8_t *header,
			enum dnp3_event e)
{
	struct dnp3_tx *t = new_tx(w, f, d, header);

	if (t)
		tx_event(w, f, &t->tx, d, e);
}

/* Goes through the objects once. */
static void check_objects(struct worker *w, struct flow *f, struct dnp3_tx *t)
{
	struct cursor c = dnp3_objects(t);
	struct dnp3_object o;
	enum dnp3_next next;
	uint32_t objects = 0;
	uint64_t points = 0;
	bool unknown = false;

	while ((next = dnp3_object_next(t, &c, &o)) == DNP3_NEXT_GOOD) {
		unknown |= o.unknown;
		points += o.count;
		if (points > DNP3_POINTS_MAX || ++objects > DNP3_OBJECTS_MAX) {
			tx_event(w, f, &t->tx, t->direction,
				 points > DNP3_POINTS_MAX ? DNP3_EVENT_TOO_MANY_POINTS
							  : DNP3_EVENT_TOO_MANY_OBJECTS);
			return;
		}
	}
	points += o.count;
	if (next == DNP3_NEXT_BAD && points > DNP3_POINTS_MAX)
		tx_event(w, f, &t->tx, t->direction, DNP3_EVENT_TOO_MANY_POINTS);
	else if (next == DNP3_NEXT_BAD)
		tx_event(w, f, &t->tx, t->direction, DNP3_EVENT_MALFORMED);
	else if (next == DNP3_NEXT_UNKNOWN || unknown)
		tx_event(w, f, &t->tx, t->direction, DNP3_EVENT_UNKNOWN_OBJECT);
	t->complete = next == DNP3_NEXT_LAST && !unknown;
}

/* A whole message; data is handed over. */
static void take_message(struct worker *w, struct flow *f, enum direction d, const uint8_t *header,
			 uint8_t *data, uint32_t len)
{
	struct dnp3_tx *t = len >= 2 ? new_tx(w, f, d, header) : NULL;

	if (!t) {
		heap_free(&w->heap, data);
		return;
	}
	t->data = data;
	t->len = len;
	if (dnp3_is_response(t) && len < 4)
		tx_event(w, f, &t->tx, d, DNP3_EVENT_MALFORMED);
	else
		check_objects(w, f, t);
}

/* ---- frames ---- */

static bool append(struct worker *w, struct segments *s, const uint8_t *data, uint32_t len)
{
	if (s->len + len > s->cap) {
		uint32_t cap = s->cap ? s->cap : 256;
		uint8_t *moved;

		while (cap < s->len + len)
			cap *= 2;
		moved = heap_realloc(&w->heap, s->data, cap);
		if (!moved)
			return false;
		s->data = moved;
		s->cap = cap;
	}
	memcpy(s->data + s->len, data, len);
	s->len += len;
	return true;
}

static void drop_segments(struct worker *w, struct segments *s)
{
	heap_free(&w->heap, s->data);
	*s = (struct segments){0};
}

/* Data of a frame, its checksums left out. */
static void take_segment(struct worker *w, struct flow *f, struct segments *s, enum direction d,
			 const uint8_t *header, const uint8_t *user, uint32_t len)
{
	uint8_t transport = user[0];

	if (transport & TRANSPORT_FIR)
		drop_segments(w, s);
	else if (!s->open || (transport & 0x3f) != ((s->sequence + 1) & 0x3f)) {
		drop_segments(w, s); /* one is missing */
		return;
	}
	s->open = true;
	s->sequence = transport & 0x3f;
	if (s->len + len - 1 > DNP3_MESSAGE_MAX) {
		drop_segments(w, s);
		event_alone(w, f, d, header, DNP3_EVENT_TOO_LONG_REASSEMBLY);
		return;
	}
	if (len > 1 && !append(w, s, user + 1, len - 1)) {
		drop_segments(w, s);
		return;
	}
	if (!(transport & TRANSPORT_FIN))
		return;
	take_message(w, f, d, header, s->data, s->len);
	*s = (struct segments){0};
}

static void take_frame(struct worker *w, struct flow *f, struct dnp3_state *s, enum direction d,
		       const uint8_t *frame)
{
	uint8_t user[255], function = frame[3] & 15;
	uint32_t len = frame[2] - HEADER_COUNTED, at = HEADER_BYTES, n = 0;

	if (!(frame[3] & LINK_PRI) || (function != 3 && function != 4))
		return; /* no user data */
	if (!len) {
		event_alone(w, f, d, frame, DNP3_EVENT_LEN_TOO_SMALL);
		return;
	}
	while (n < len) {
		uint32_t block = len - n < BLOCK_BYTES ? len - n : BLOCK_BYTES;

		if (!checksum_right(frame + at, block)) {
			event_alone(w, f, d, frame, DNP3_EVENT_BAD_TRANSPORT_CRC);
			return;
		}
		memcpy(user + n, frame + at, block);
		n += block;
		at += block + CRC_BYTES;
	}
	take_segment(w, f, &s->segments[d], d, frame, user, len);
}

static struct parse_result dnp3_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct dnp3_state *s = state;
	bool told = false;
	uint32_t at = 0;

	if (in->flags & INPUT_GAP) {
		drop_segments(w, &s->segments[d]);
		return res;
	}
	while (at < in->len) {
		const uint8_t *frame = in->data + at;
		uint32_t left = in->len - at, n;

		if (left >= HEADER_BYTES && !starts_frame(frame, left)) {
			if (frame[0] == 0x05 && frame[1] == 0x64 && !told)
				event_alone(w, f, d, frame, DNP3_EVENT_BAD_LINK_CRC);
			told = told || frame[0] == 0x05;
			at++;
			continue;
		}
		n = left < HEADER_BYTES ? HEADER_BYTES : frame_bytes(frame[2]);
		if (left < n) {
			res.status = PARSE_MORE;
			res.consumed = at;
			res.need = n;
			return res;
		}
		if (frame[2] < HEADER_COUNTED)
			event_alone(w, f, d, frame, DNP3_EVENT_LEN_TOO_SMALL);
		else
			take_frame(w, f, s, d, frame);
		at += n;
	}
	return res;
}

static void dnp3_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct dnp3_state *s = state;

	drop_segments(w, &s->segments[TO_SERVER]);
	drop_segments(w, &s->segments[TO_CLIENT]);
}

static void dnp3_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	heap_free(&w->heap, dnp3_of(tx)->data);
}

/* ---- rules ---- */

static bool get_data(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		     unsigned instance, struct buffer_view *out)
{
	const struct dnp3_tx *t = dnp3_of(tx);

	*out = (struct buffer_view){.data = t->data, .len = t->len, .complete = true};
	return t->data != NULL;
}

static bool value_function(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	const struct dnp3_tx *t = dnp3_of(tx);

	if (t->data)
		*out = t->data[1];
	return t->data != NULL;
}

static bool value_indications(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			      uint64_t *out)
{
	const struct dnp3_tx *t = dnp3_of(tx);

	if (!t->data || !dnp3_is_response(t) || t->len < 4)
		return false;
	*out = get_be16(t->data + 2);
	return true;
}

/* Group and variation, a byte each. They are asked for one after the other. */
static bool value_object(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			 unsigned instance, uint64_t *out)
{
	struct dnp3_tx *t = dnp3_of(tx);
	struct dnp3_object o;
	struct cursor c;

	if (!t->data || instance >= DNP3_OBJECTS_MAX)
		return false;
	c = dnp3_objects(t);
	if (!instance || instance < t->next_object)
		t->next_object = t->next_at = 0;
	cursor_skip(&c, t->next_at);
	do
		if (dnp3_object_next(t, &c, &o) != DNP3_NEXT_GOOD) {
			t->next_object = t->next_at = 0;
			return false;
		}
	while (t->next_object++ < instance);
	t->next_at = (uint32_t)(c.p - dnp3_objects(t).p);
	*out = (uint64_t)o.group << 8 | o.variation;
	return true;
}

static const struct proto_buffer dnp3_buffers[] = {
	{.name = "dnp3_data", .to_server = 1, .to_client = 1, .get = get_data},
	{.name = NULL},
};

static const struct proto_value dnp3_values[] = {
	{.name = "dnp3_func", .to_server = 1, .to_client = 1, .get = value_function},
	{.name = "dnp3_ind", .to_client = 1, .to_server = 1, .get = value_indications},
	{.name = "dnp3_obj", .to_server = 1, .to_client = 1, .get_multi = value_object},
	{.name = NULL},
};

const struct proto proto_dnp3 = {
	.name = "dnp3",
	.id = APP_dnp3,
	.over_tcp = 1,
	.over_udp = 1,
	.done = {1, 1},
	.max_pending_bytes = FRAME_MAX,
	.max_transactions = DNP3_TRANSACTIONS_MAX,
	.in_bursts = 1,
	.too_many_event = DNP3_EVENT_FLOODED,
	.probe = dnp3_probe,
	.udp_first = {{5, 5}},
	.udp_least = HEADER_BYTES,
	.state_bytes = sizeof(struct dnp3_state),
	.state_rest = app_state_moves,
	.state_clear = dnp3_state_clear,
	.parse = dnp3_parse,
	.tx_free = dnp3_tx_free,
	.log = dnp3_log,
	.alert_context = dnp3_alert_context,
	.events = dnp3_events,
	.buffers = dnp3_buffers,
	.values = dnp3_values,
};

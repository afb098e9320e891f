/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/2: frames, streams. See http2.h for the parts.
 *
 * DATA is taken as it comes; other frames when they are whole. After a gap that does not end inside
 * a frame of known length, bytes are left out until a segment begins with what can be a frame; the
 * table of header compression is empty then. Runs in the worker that owns the flow.
 */
#include "dataplane/app/http2.h"

#include "dataplane/app/frame.h"

const char *const http2_events[HTTP2_EVENT_COUNT + 1] = {
#define EVENT(id, name) [HTTP2_EVENT_##id] = name,
#include "dataplane/event/app_event/http2.def"
#undef EVENT
};

enum { FRAME_HEADER = 1, FRAME_DATA, FRAME_PDU };

struct frame {
	uint32_t length, stream;
	uint8_t type, flags;
};

static struct frame frame_read(const uint8_t *p)
{
	struct cursor c = cursor_of(p, HTTP2_FRAME_HEADER);
	struct frame f = {.length = cursor_be24(&c)};

	f.type = cursor_u8(&c);
	f.flags = cursor_u8(&c);
	f.stream = cursor_be32(&c) & 0x7fffffff;
	return f;
}

/* ---- transactions ---- */

bool http2_blob_add(struct worker *w, struct blob *b, const void *data, uint32_t len)
{
	if (blob_add(w, b, data, len))
		return true;
	w->counters->app_memcap++;
	return false;
}

static void number_add(struct worker *w, struct http2_numbers *n, uint64_t v)
{
	if (n->count == HTTP2_NUMBERS_MAX)
		return;
	if (n->count == n->cap) {
		uint32_t cap = n->cap ? n->cap * 2 : 4;
		uint64_t *moved = heap_realloc(&w->heap, n->items, cap * sizeof(*moved));

		if (!moved)
			return;
		n->items = moved;
		n->cap = cap;
	}
	n->items[n->count++] = v;
}

static struct http2_tx **bucket_of(struct http2_state *s, uint32_t stream)
{
	return &s->buckets[(stream * 2654435761u >> 16) % HTTP2_BUCKETS];
}

static void advance(struct http2_tx *t, enum direction d, enum http2_progress p)
{
	if (t->tx.progress[d] < p)
		t->tx.progress[d] = (uint8_t)p;
}

void http2_complete(struct http2_tx *t, enum direction d)
{
	advance(t, d, HTTP2_COMPLETE);
}

static struct http2_tx *new_tx(const struct http2_input *in, uint32_t stream)
{
	struct http2_tx *t = http2_of(tx_new(in->w, in->f, sizeof(*t)));

	if (!t)
		return NULL;
	t->stream = stream;
	t->direction = (uint8_t)in->d;
	return t;
}

struct http2_tx *http2_stream(const struct http2_input *in, uint32_t stream, bool make)
{
	struct http2_tx **bucket = bucket_of(in->s, stream), *t;

	for (t = *bucket; t; t = t->next_in_bucket)
		if (t->stream == stream)
			return t;
	if (!make)
		return NULL;
	t = new_tx(in, stream);
	if (!t)
		return NULL;
	if (stream > in->s->highest[!(stream & 1)])
		in->s->highest[!(stream & 1)] = stream;
	t->next_in_bucket = *bucket;
	*bucket = t;
	return t;
}

/* A frame of stream 0: complete at once, of interest in its direction. */
static struct http2_tx *connection_tx(const struct http2_input *in)
{
	struct http2_tx *t = new_tx(in, 0);

	if (!t)
		return NULL;
	http2_complete(t, TO_SERVER);
	http2_complete(t, TO_CLIENT);
	t->tx.inspected_done[direction_other(in->d)] = 1;
	return t;
}

static void http2_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct http2_state *s = f->app->state;
	struct http2_tx *t = http2_of(tx), **at;

	for (at = t->stream && s ? bucket_of(s, t->stream) : NULL; at && *at; at = &(*at)->next_in_bucket)
		if (*at == t) {
			*at = t->next_in_bucket;
			break;
		}
	http2_doh_free(w, t);
	for (unsigned d = 0; d < 2; d++) {
		struct http2_side *side = &t->side[d];

		heap_free(&w->heap, side->settings.items);
		heap_free(&w->heap, side->errors.items);
		heap_free(&w->heap, side->priorities.items);
		heap_free(&w->heap, side->windows.items);
		http2_fields_free(w, side);
		http2_body_free(w, side);
	}
	heap_free(&w->heap, t->host.data);
}

/* About the connection: a transaction of its own says so. */
static void connection_event(const struct http2_input *in, enum http2_event e)
{
	struct http2_tx *t = connection_tx(in);

	if (t)
		tx_event(in->w, in->f, &t->tx, in->d, e);
}

/* ---- frames ---- */

static void see(struct http2_tx *t, enum direction d, uint8_t type)
{
	t->side[d].types[type / 64] |= 1ull << type % 64;
	advance(t, d, HTTP2_OPEN);
}

/* Both directions are over where one has nothing to say any more. */
static void end_stream(const struct http2_input *in, struct http2_tx *t)
{
	http2_body_end(in, t);
	http2_complete(t, in->d);
	if (in->d == TO_CLIENT) { /* answered early: what is still sent is of no use */
		struct http2_input other = *in;

		other.d = TO_SERVER;
		if (t->tx.progress[TO_SERVER] < HTTP2_BODY) {
			http2_body_end(&other, t);
			http2_complete(t, TO_SERVER);
		}
	}
}

static void take_settings(const struct http2_input *in, struct http2_tx *t, struct cursor c)
{
	while (cursor_left(&c) >= HTTP2_SETTING_BYTES) {
		uint64_t id = cursor_be16(&c);

		number_add(in->w, &t->side[in->d].settings, id << 32 | cursor_be32(&c));
	}
}

static void take_block(const struct http2_input *in, struct http2_tx *t, const uint8_t *data,
		       uint32_t len, uint8_t flags)
{
	http2_fields_take(in, t, data, len);
	if (!t)
		return;
	advance(t, in->d, HTTP2_FIELDS);
	if (flags & HTTP2_END_STREAM)
		end_stream(in, t);
}

void http2_settings_take(const struct http2_input *in, const uint8_t *data, uint32_t len, bool bad)
{
	struct http2_tx *t = connection_tx(in);

	if (!t)
		return;
	see(t, in->d, HTTP2_SETTINGS);
	if (bad)
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_INVALID_HTTP1_SETTINGS);
	take_settings(in, t, cursor_of(data, len));
	in->f->app->changed[in->d] = 1;
}

/* Keeps a piece of a header block; decodes it when it ends. */
static void continue_block(const struct http2_input *in, struct http2_tx *t, const uint8_t *data,
			   uint32_t len, bool ends)
{
	struct http2_block *b = &in->s->block[in->d];
	struct blob blob = {b->data, b->len, b->cap, false};

	if (b->len + len > HPACK_BLOCK_MAX && !b->over) {
		b->over = true;
		if (t)
			tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_REASSEMBLY_LIMIT_REACHED);
	}
	if (!b->over && !http2_blob_add(in->w, &blob, data, len))
		b->over = true;
	b->data = blob.data;
	b->len = blob.len;
	b->cap = blob.cap;
	if (!ends)
		return;
	take_block(in, t, b->data, b->len, b->flags);
	heap_free(&in->w->heap, b->data);
	*b = (struct http2_block){0};
}

static void start_block(const struct http2_input *in, struct http2_tx *t, const struct frame *f,
			struct cursor *c)
{
	struct http2_block *b = &in->s->block[in->d];
	uint32_t len = (uint32_t)cursor_left(c);

	heap_free(&in->w->heap, b->data);
	*b = (struct http2_block){0};
	if (f->flags & HTTP2_END_HEADERS) {
		take_block(in, t, c->p, len, f->flags);
		return;
	}
	b->stream = f->stream;
	b->flags = f->flags;
	continue_block(in, t, c->p, len, false);
}

/* Leaves padding out. False: there is more of it than of the frame. */
static bool unpad(const struct frame *f, struct cursor *c)
{
	uint8_t padding = f->flags & HTTP2_PADDED ? cursor_u8(c) : 0;

	if (c->bad || padding > cursor_left(c))
		return false;
	c->end -= padding;
	return true;
}

static bool take_headers(const struct http2_input *in, const struct frame *f, struct cursor c)
{
	struct http2_tx *t = http2_stream(in, f->stream, true);
	bool good = unpad(f, &c);

	if (t)
		see(t, in->d, HTTP2_HEADERS);
	if (good && f->flags & HTTP2_HAS_PRIORITY) {
		cursor_be32(&c);
		good = cursor_left(&c) > 0;
		if (t && good)
			number_add(in->w, &t->side[in->d].priorities, cursor_u8(&c));
	}
	if (!good) {
		if (t)
			tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_INVALID_FRAME_DATA);
		return false;
	}
	start_block(in, t, f, &c);
	return true;
}

/* The request that a server answers before it was made: its fields are the server's words. */
static bool take_push(const struct http2_input *in, const struct frame *f, struct cursor c)
{
	struct frame promised = *f;
	struct http2_tx *t;

	if (!unpad(f, &c) || cursor_left(&c) < 4)
		return false;
	promised.stream = cursor_be32(&c) & 0x7fffffff;
	promised.flags &= (uint8_t)~HTTP2_END_STREAM;
	t = promised.stream ? http2_stream(in, promised.stream, true) : NULL;
	if (t) {
		see(t, in->d, HTTP2_PUSH_PROMISE);
		http2_complete(t, direction_other(in->d));
	}
	start_block(in, t, &promised, &c);
	if (in->s->block[in->d].stream)
		in->s->block[in->d].stream = promised.stream;
	return true;
}

static void take_continuation(const struct http2_input *in, const struct frame *f, struct cursor c)
{
	struct http2_tx *t = f->stream ? http2_stream(in, f->stream, false) : NULL;

	if (!in->s->block[in->d].stream) {
		connection_event(in, HTTP2_EVENT_INVALID_FRAME_DATA);
		return;
	}
	if (t)
		see(t, in->d, HTTP2_CONTINUATION);
	continue_block(in, t, c.p, (uint32_t)cursor_left(&c), f->flags & HTTP2_END_HEADERS);
}

/* What stands in a frame of a single number or two. */
static void take_number(const struct http2_input *in, struct http2_tx *t, const struct frame *f,
			struct cursor c)
{
	struct http2_side *side = &t->side[in->d];

	switch (f->type) {
	case HTTP2_PRIORITY:
		cursor_be32(&c);
		number_add(in->w, &side->priorities, cursor_u8(&c));
		break;
	case HTTP2_GOAWAY:
		cursor_be32(&c);
		number_add(in->w, &side->errors, cursor_be32(&c));
		break;
	case HTTP2_RST_STREAM:
		number_add(in->w, &side->errors, cursor_be32(&c));
		break;
	case HTTP2_WINDOW_UPDATE:
		number_add(in->w, &side->windows, cursor_be32(&c) & 0x7fffffff);
		break;
	case HTTP2_SETTINGS:
		take_settings(in, t, c);
		break;
	}
}

static bool length_right(const struct frame *f)
{
	switch (f->type) {
	case HTTP2_PRIORITY:
		return f->length == 5;
	case HTTP2_RST_STREAM:
	case HTTP2_WINDOW_UPDATE:
		return f->length == 4;
	case HTTP2_SETTINGS:
		return f->length % HTTP2_SETTING_BYTES == 0;
	case HTTP2_PING:
		return f->length == 8;
	case HTTP2_GOAWAY:
		return f->length >= 8;
	default:
		return true;
	}
}

static void end_side(const struct http2_input *in, struct http2_tx *t, enum direction d)
{
	if (t->tx.progress[d] < HTTP2_COMPLETE && t->side[d].file)
		file_close(in->w, t->side[d].file, FILE_TRUNCATED);
	http2_complete(t, d);
	in->f->app->changed[d] = 1;
}

/* The response to a request that the client takes back is often on its way: the latest such stream
 * waits for it. */
static void reset_stream(const struct http2_input *in, struct http2_tx *t)
{
	bool waits = in->d == TO_SERVER && t->tx.progress[TO_SERVER] == HTTP2_COMPLETE &&
		     t->tx.progress[TO_CLIENT] < HTTP2_COMPLETE && in->s->taken_back != t->stream;
	struct http2_tx *former = waits && in->s->taken_back ? http2_stream(in, in->s->taken_back, false) : NULL;

	end_side(in, t, TO_SERVER);
	if (former)
		end_side(in, former, TO_CLIENT);
	if (waits)
		in->s->taken_back = t->stream;
	else
		end_side(in, t, TO_CLIENT);
}

/* Is a stream made for this frame, if there is none? Late words about a closed one are not worth
 * it, unless they say why it ended. */
static bool makes_stream(const struct http2_state *s, const struct frame *f)
{
	return f->type == HTTP2_RST_STREAM || f->stream > s->highest[!(f->stream & 1)];
}

static void take_other(const struct http2_input *in, const struct frame *f, struct cursor c)
{
	struct http2_tx *t = f->stream ? http2_stream(in, f->stream, makes_stream(in->s, f))
				       : connection_tx(in);

	if (!t)
		return;
	see(t, in->d, f->type);
	if (length_right(f))
		take_number(in, t, f, c);
	else
		tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_INVALID_FRAME_LENGTH);
	if (f->type == HTTP2_RST_STREAM && f->stream)
		reset_stream(in, t);
}

static void take_frame(const struct http2_input *in, const struct frame *f, struct cursor c)
{
	if (f->type == HTTP2_HEADERS && f->stream) {
		take_headers(in, f, c);
	} else if (f->type == HTTP2_PUSH_PROMISE && f->stream) {
		if (!take_push(in, f, c))
			connection_event(in, HTTP2_EVENT_INVALID_FRAME_DATA);
	} else if (f->type == HTTP2_CONTINUATION) {
		take_continuation(in, f, c);
	} else {
		take_other(in, f, c);
	}
}

/* ---- DATA ---- */

/* The frame's header, and its byte of padding, are there. Returns how many bytes of the payload were
 * taken for that. */
static uint32_t start_data(const struct http2_input *in, const struct frame *f, struct cursor c)
{
	struct http2_tx *t = f->stream ? http2_stream(in, f->stream, false) : NULL;
	uint32_t padding = f->flags & HTTP2_PADDED && f->length ? cursor_u8(&c) : 0;
	uint32_t taken = f->flags & HTTP2_PADDED && f->length ? 1 : 0;

	if (!f->stream)
		connection_event(in, HTTP2_EVENT_DATA_STREAM_ZERO);
	else if (!t)
		t = http2_stream(in, f->stream, makes_stream(in->s, f));
	if (t)
		see(t, in->d, HTTP2_DATA);
	if (padding > f->length - taken) {
		padding = f->length - taken;
		if (t)
			tx_event(in->w, in->f, &t->tx, in->d, HTTP2_EVENT_INVALID_FRAME_DATA);
	}
	in->s->data[in->d].stream = f->stream;
	in->s->data[in->d].left = f->length - taken - padding;
	in->s->data[in->d].padding = padding;
	in->s->data[in->d].ends = f->flags & HTTP2_END_STREAM;
	return taken;
}

/* Bytes of the DATA frame in hand, or missing ones (data NULL). Returns how many there were. */
static uint32_t go_on_data(const struct http2_input *in, const uint8_t *data, uint32_t len)
{
	uint32_t body = in->s->data[in->d].left < len ? in->s->data[in->d].left : len, rest;
	struct http2_tx *t =
		in->s->data[in->d].stream ? http2_stream(in, in->s->data[in->d].stream, false) : NULL;

	if (t && body) {
		advance(t, in->d, HTTP2_BODY);
		if (data)
			http2_body_take(in, t, data, body);
		else
			http2_body_gap(in, t, body);
	}
	in->s->data[in->d].left -= body;
	rest = in->s->data[in->d].padding < len - body ? in->s->data[in->d].padding : len - body;
	in->s->data[in->d].padding -= rest;
	if (!in->s->data[in->d].left && !in->s->data[in->d].padding) {
		if (t && in->s->data[in->d].ends)
			end_stream(in, t);
		in->s->data[in->d].stream = 0;
		in->s->data[in->d].ends = false;
	}
	return body + rest;
}

/* ---- the stream of bytes ---- */

static struct parse_result parse_gap(const struct http2_input *in, uint32_t len)
{
	struct http2_state *s = in->s;
	enum direction d = in->d;
	uint32_t known, lost_frame = s->begun[d];

	if (s->data[d].left || s->data[d].padding)
		len -= go_on_data(in, NULL, len);
	known = s->begun[d] ? s->begun[d] : s->skip[d];
	s->begun[d] = 0;
	s->skip[d] = known > len ? known - len : 0;
	if (known < len)
		s->lost[d] = true;
	if (lost_frame || known < len) { /* header blocks may be among it */
		hpack_free(&in->w->heap, &s->hpack[d]);
		hpack_init(&s->hpack[d]);
		heap_free(&in->w->heap, s->block[d].data);
		s->block[d] = (struct http2_block){0};
	}
	return (struct parse_result){.status = PARSE_OK};
}

static bool may_begin(const uint8_t *p, uint32_t len)
{
	struct frame f;

	if (len < HTTP2_FRAME_HEADER)
		return false;
	f = frame_read(p);
	return f.type < HTTP2_FRAME_TYPES && f.length <= HTTP2_FRAME_MAX && !(p[5] & 0x80) &&
	       length_right(&f);
}

static void open_frames(const struct http2_input *in, uint64_t offset, const struct frame *f)
{
	app_frame_open(in->w, in->f, in->d, FRAME_PDU, offset, HTTP2_FRAME_HEADER + f->length);
	app_frame_open(in->w, in->f, in->d, FRAME_HEADER, offset, HTTP2_FRAME_HEADER);
	if (f->length)
		app_frame_open(in->w, in->f, in->d, FRAME_DATA, offset + HTTP2_FRAME_HEADER, f->length);
}

/* One frame at data (place in the stream: offset), if enough of it is there. Returns the bytes taken; 0: *need are wanted. */
static uint32_t one_frame(const struct http2_input *in, const uint8_t *data, uint32_t len,
			  uint64_t offset, uint32_t *need)
{
	struct http2_state *s = in->s;
	struct frame f;

	*need = HTTP2_FRAME_HEADER;
	if (len < HTTP2_FRAME_HEADER)
		return 0;
	f = frame_read(data);
	if (f.type == HTTP2_DATA) {
		*need += f.flags & HTTP2_PADDED && f.length ? 1 : 0;
		if (len < *need)
			return 0;
		open_frames(in, offset, &f);
		len = HTTP2_FRAME_HEADER +
		      start_data(in, &f, cursor_of(data + HTTP2_FRAME_HEADER, *need - HTTP2_FRAME_HEADER));
		if (!s->data[in->d].left && !s->data[in->d].padding)
			go_on_data(in, NULL, 0);
		return len;
	}
	if (f.length > HTTP2_FRAME_MAX) {
		connection_event(in, HTTP2_EVENT_LONG_FRAME_DATA);
		s->skip[in->d] = f.length;
		return HTTP2_FRAME_HEADER;
	}
	*need += f.length;
	if (len < *need) {
		s->begun[in->d] = *need - len;
		return 0;
	}
	open_frames(in, offset, &f);
	take_frame(in, &f, cursor_of(data + HTTP2_FRAME_HEADER, f.length));
	return *need;
}

/* Bytes of the client's preface at the start of its stream. */
static uint32_t preface(const struct http2_input *in, const struct app_input *input)
{
	in->s->preface_done = true;
	if (input->len >= HTTP2_PREFACE_BYTES && memcmp(input->data, HTTP2_PREFACE, HTTP2_PREFACE_BYTES) == 0)
		return HTTP2_PREFACE_BYTES;
	connection_event(in, HTTP2_EVENT_INVALID_CLIENT_MAGIC);
	return 0;
}

static struct parse_result http2_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				       const struct app_input *input)
{
	const struct http2_input in = {.w = w, .f = f, .s = state, .d = d};
	struct parse_result res = {.status = PARSE_OK};
	struct http2_state *s = state;
	uint32_t at = 0, taken, need;

	if (f->app->carry.data) {
		http2_upgraded(&in, f->app->carry);
		app_carry(w, f, NULL, 0);
	}
	if (input->flags & INPUT_GAP)
		return parse_gap(&in, input->len);
	if (d == TO_SERVER && !s->preface_done) {
		if (input->len < HTTP2_PREFACE_BYTES && !(input->flags & INPUT_END)) {
			res.status = PARSE_MORE;
			res.need = HTTP2_PREFACE_BYTES;
			return res;
		}
		at = preface(&in, input);
	}
	s->begun[d] = 0;
	while (at < input->len) {
		if (s->data[d].left || s->data[d].padding) {
			at += go_on_data(&in, input->data + at, input->len - at);
			continue;
		}
		if (s->skip[d]) {
			taken = s->skip[d] < input->len - at ? s->skip[d] : input->len - at;
			s->skip[d] -= taken;
			at += taken;
			continue;
		}
		if (s->lost[d] && !may_begin(input->data + at, input->len - at))
			return res;
		s->lost[d] = false;
		taken = one_frame(&in, input->data + at, input->len - at, input->offset + at, &need);
		if (!taken) {
			res.status = PARSE_MORE;
			res.consumed = at;
			res.need = need;
			return res;
		}
		at += taken;
	}
	return res;
}

static bool http2_state_init(struct worker *w, struct flow *f, void *state)
{
	struct http2_state *s = state;

	hpack_init(&s->hpack[TO_SERVER]);
	hpack_init(&s->hpack[TO_CLIENT]);
	return true;
}

static void http2_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct http2_state *s = state;

	for (unsigned d = 0; d < 2; d++) {
		hpack_free(&w->heap, &s->hpack[d]);
		heap_free(&w->heap, s->block[d].data);
	}
}

const struct proto proto_http2 = {
	.name = "http2",
	.id = APP_http2,
	.over_tcp = 1,
	.done = {HTTP2_COMPLETE, HTTP2_COMPLETE},
	.max_pending_bytes = HTTP2_FRAME_MAX + HTTP2_FRAME_HEADER + HTTP2_PREFACE_BYTES,
	.max_transactions = HTTP2_STREAMS_MAX,
	.too_many_event = HTTP2_EVENT_TOO_MANY_STREAMS,
	.probe = http2_probe,
	.state_bytes = sizeof(struct http2_state),
	.state_rest = app_state_moves,
	.state_init = http2_state_init,
	.state_clear = http2_state_clear,
	.parse = http2_parse,
	.tx_free = http2_tx_free,
	.log = http2_log,
	.alert_context = http2_alert_context,
	.events = http2_events,
	.buffers = http2_buffers,
	.values = http2_values,
};

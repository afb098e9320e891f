/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMB over TCP, with or without NetBIOS sessions: cuts the stream into records, finds the next one
 * behind a hole, keeps transactions. A record is read when it is whole; the data of a read or write
 * that is not whole yet goes to its file as it comes. Runs in the worker that owns the flow.
 */
#include "dataplane/app/smb.h"

#include <strings.h>

#define NETBIOS_BYTES 4
#define NETBIOS_MESSAGE 0x00
#define NETBIOS_REQUEST 0x81
#define NETBIOS_KEEP_ALIVE 0x85
#define PROBE_RECORDS 4
#define PROTOCOL_BYTES 4
#define FILETIME_EPOCH 11644473600ull

#define SMB_PORT 445

static const char *const smb_event_names[] = {
#define EVENT(id, name) [SMB_EVENT_##id] = name,
#include "dataplane/event/app_event/smb.def"
#undef EVENT
	NULL,
};

/* ---- is it SMB? ---- */

/* FF SMB, FE SMB, FD SMB (encrypted), FC SMB (compressed). */
static bool protocol_id(const uint8_t *p)
{
	return p[0] >= 0xfc && p[1] == 'S' && p[2] == 'M' && p[3] == 'B';
}

static uint32_t netbios_len(const uint8_t *p)
{
	return (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool session_message(uint8_t type)
{
	return type >= NETBIOS_REQUEST && type <= NETBIOS_KEEP_ALIVE;
}

static bool is_response(const uint8_t *p, uint32_t len)
{
	if (p[0] == 0xff)
		return len > 9 && p[9] & 0x80;
	return p[0] == 0xfe && len > 16 && p[16] & 1;
}

/* Of a flow met midway: does this come from the other side? What is encrypted does not say. */
static bool is_turned(const struct probe_input *in, const uint8_t *p, uint32_t len)
{
	if (p[0] >= 0xfe)
		return is_response(p, len) != (in->direction == TO_CLIENT);
	return in->client_port == SMB_PORT && in->server_port != SMB_PORT;
}

static enum probe_result smb_probe(const struct probe_input *in)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < PROBE_RECORDS; i++) {
		const uint8_t *p = in->data + at;
		uint32_t left = in->len - at;

		if (left && p[0] != NETBIOS_MESSAGE && !session_message(p[0]))
			return PROBE_NO;
		if (left < NETBIOS_BYTES)
			return PROBE_MORE;
		if (p[0] != NETBIOS_MESSAGE) {
			if (netbios_len(p) > SMB_HEAD_BYTES)
				return PROBE_NO;
			at += NETBIOS_BYTES + netbios_len(p);
			if (at > in->len)
				return PROBE_MORE;
			continue;
		}
		if (left > NETBIOS_BYTES && p[4] < 0xfc)
			return PROBE_NO;
		if (left < NETBIOS_BYTES + PROTOCOL_BYTES)
			return memcmp("SMB", p + 5, left > 5 ? left - 5 : 0) == 0 ? PROBE_MORE
										  : PROBE_NO;
		if (!protocol_id(p + NETBIOS_BYTES))
			return PROBE_NO;
		if (in->midstream && is_turned(in, p + NETBIOS_BYTES, left - NETBIOS_BYTES))
			return left < NETBIOS_BYTES + 17 ? PROBE_MORE : PROBE_YES_REVERSED;
		return PROBE_YES;
	}
	return PROBE_NO;
}

/* ---- transactions ---- */

void smb_event(struct smb_state *s, enum direction d, enum smb_event e)
{
	if (s->f->app->last)
		tx_event(s->w, s->f, s->f->app->last, d, e);
}

void smb_tx_done(struct smb_state *s, struct smb_tx *t, enum direction d)
{
	t->tx.progress[d] = 2;
	s->f->app->dirty = s->f->app->changed[d] = 1;
}

void smb_tx_done_both(struct smb_state *s, struct smb_tx *t)
{
	smb_tx_done(s, t, TO_SERVER);
	smb_tx_done(s, t, TO_CLIENT);
}

void smb_tx_answered(struct smb_state *s, struct smb_tx *t, uint32_t status)
{
	if (t->kind != SMB_CALL)
		smb_tx_done(s, t, TO_CLIENT);
	else if (!smb_good_status(status))
		smb_tx_done_both(s, t);
}

struct smb_tx *smb_tx_new(struct smb_state *s, const struct smb_head *h, enum smb_kind kind)
{
	struct smb_tx *t = smb_of(tx_new(s->w, s->f, sizeof(*t)));

	if (!t) {
		s->overrun = true;
		return NULL;
	}
	t->kind = (uint8_t)kind;
	t->head = *h;
	t->head.status = 0;
	return t;
}

void smb_status(struct smb_tx *t, const struct smb_head *h)
{
	t->head.status = h->status;
	t->head.dos = h->dos;
	t->answered = true;
}

struct smb_tx *smb_tx_answer(struct smb_state *s, const struct smb_head *h)
{
	for (struct tx *tx = s->f->app->last; tx; tx = tx->prev) {
		struct smb_tx *t = smb_of(tx);

		if (t->answered || t->kind == SMB_FILE || t->head.message != h->message ||
		    t->head.version != h->version || t->head.command != h->command)
			continue;
		smb_status(t, h);
		return t;
	}
	return NULL;
}

static void texts_free(struct heap *heap, struct bytes *texts, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		heap_free(heap, (void *)(uintptr_t)texts[i].data);
}

static void smb_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct smb_tx *t = smb_of(tx);

	if (t->open) {
		t->open->way[t->file_direction].tx = NULL;
		t->open->way[t->file_direction].body = NULL;
	}
	texts_free(&w->heap, &t->name, 1);
	texts_free(&w->heap, &t->name2, 1);
	texts_free(&w->heap, t->service, 2);
	if (t->negotiate)
		texts_free(&w->heap, t->negotiate->names, t->negotiate->dialect_count);
	if (t->session)
		texts_free(&w->heap, t->session->text, SMB_SESSION_TEXTS);
	if (t->call)
		dcerpc_call_free(w, t->call);
	heap_free(&w->heap, t->negotiate);
	heap_free(&w->heap, t->session);
	heap_free(&w->heap, t->create);
	heap_free(&w->heap, t->call);
	heap_free(&w->heap, t->interfaces);
}

/* ---- texts ---- */

void smb_copy(struct smb_state *s, struct bytes *out, struct bytes in)
{
	if (out->data || !in.len)
		return;
	out->data = heap_dup(&s->w->heap, in.data, in.len);
	out->len = out->data ? in.len : 0;
}

void smb_text(struct smb_state *s, struct bytes *out, const uint8_t *data, uint32_t len,
	      bool unicode)
{
	uint8_t text[SMB_TEXT_MAX];

	smb_copy(s, out, (struct bytes){text, ntlmssp_text((struct bytes){data, len}, unicode, text)});
}

uint32_t smb_seconds(uint64_t filetime)
{
	uint64_t seconds = filetime / 10000000;

	return seconds > FILETIME_EPOCH ? (uint32_t)(seconds - FILETIME_EPOCH) : 0;
}

/* ---- records ---- */

enum {
	FRAME_NBSS_PDU = 1, FRAME_NBSS_HDR, FRAME_NBSS_DATA,
	FRAME_SMB1_PDU, FRAME_SMB1_HDR, FRAME_SMB1_DATA,
	FRAME_SMB2_PDU, FRAME_SMB2_HDR, FRAME_SMB2_DATA,
	FRAME_SMB3_PDU, FRAME_SMB3_HDR, FRAME_SMB3_DATA,
};

/* Frames of three: all, its header, what follows. */
static void frames_three(struct smb_state *s, enum direction d, unsigned first, uint64_t offset,
			 uint32_t header, uint32_t whole)
{
	if (header > whole)
		header = whole;
	app_frame_open(s->w, s->f, d, first, offset, whole);
	app_frame_open(s->w, s->f, d, first + 1, offset, header);
	app_frame_open(s->w, s->f, d, first + 2, offset + header, whole - header);
}

/* Of a record of `whole` bytes behind its NetBIOS header the first len are there. */
static void record_frames(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len,
			  uint32_t whole, uint64_t offset)
{
	frames_three(s, d, FRAME_NBSS_PDU, offset - NETBIOS_BYTES, NETBIOS_BYTES, NETBIOS_BYTES + whole);
	if (len < PROTOCOL_BYTES || !protocol_id(data))
		return;
	if (data[0] == 0xff)
		frames_three(s, d, FRAME_SMB1_PDU, offset, 32, whole);
	else if (data[0] == 0xfd)
		frames_three(s, d, FRAME_SMB3_PDU, offset, 52, whole);
	else if (data[0] == 0xfe)
		for (unsigned i = 0; i < SMB_COMPOUND_MAX; i++) {
			struct cursor c = cursor_of(data, len);
			uint32_t next;

			cursor_skip(&c, 20);
			next = cursor_le32(&c);

			if (next < 64 || next >= len)
				next = 0;
			frames_three(s, d, FRAME_SMB2_PDU, offset, 64, next ? next : whole);
			if (!next)
				break;
			data += next;
			len -= next;
			whole -= next;
			offset += next;
		}
}

static void record_take(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len)
{
	if (len < PROTOCOL_BYTES || !protocol_id(data)) {
		smb_event(s, d, SMB_EVENT_MALFORMED_DATA);
		return;
	}
	if (data[0] == 0xff)
		smb1_record(s, d, data, len);
	else if (data[0] == 0xfe)
		smb2_record(s, d, data, len);
}

/* Messages in a transform header (MS-SMB2 2.2.41, 2.2.42) are not read; the flow's record says so. */
static void unread_note(struct smb_state *s, const uint8_t *data, uint32_t len)
{
	if (len < PROTOCOL_BYTES || !protocol_id(data) || data[0] >= 0xfe)
		return;
	s->f->app->unread |= data[0] == 0xfd ? APP_UNREAD_ENCRYPTED : APP_UNREAD_COMPRESSED;
}

/* A record of `whole` bytes of which only `len` are there. True: it is taken, up to its end. */
static bool record_begin(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len,
			 uint32_t whole, uint64_t offset)
{
	struct smb_side *side = &s->side[d];
	struct smb_data found;
	bool good = false;

	unread_note(s, data, len);
	if (len >= PROTOCOL_BYTES && data[0] == 0xff)
		good = smb1_data_start(s, d, data, len, whole, &found);
	else if (len >= PROTOCOL_BYTES && data[0] == 0xfe)
		good = smb2_data_start(s, d, data, len, whole, &found);
	if (!good) {
		if (whole <= SMB_RECORD_MAX)
			return false;
		smb_event(s, d, SMB_EVENT_RECORD_OVERFLOW);
	} else {
		uint32_t there = found.start < len ? len - found.start : 0;

		if (there > found.len)
			there = found.len;
		smb_file_data(s, found.open, d, found.offset, data + (there ? found.start : 0), there);
		side->open = found.open;
		side->data_at = found.offset + there;
		side->data_to = offset + found.start + found.len;
	}
	if (s->f->app->frames)
		record_frames(s, d, data, len, whole, offset);
	side->skip_to = offset + whole;
	return true;
}

/* Where the next record begins; all of it if there is none. */
static uint32_t record_search(const uint8_t *data, uint32_t len)
{
	for (uint32_t at = 0; at < len; at++) {
		const uint8_t *p = memchr(data + at, NETBIOS_MESSAGE, len - at);

		if (!p)
			return len;
		at = (uint32_t)(p - data);
		if (len - at < NETBIOS_BYTES + PROTOCOL_BYTES)
			return at;
		if (p[4] >= 0xfc && protocol_id(p + NETBIOS_BYTES) &&
		    netbios_len(p) >= 32)
			return at;
	}
	return len;
}

/* Bytes of a record of which more than the beginning is not wanted, or is data of a file. */
static uint32_t rest_take(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len,
			  uint64_t offset)
{
	struct smb_side *side = &s->side[d];
	uint64_t rest = side->skip_to - offset;
	uint32_t n = rest < len ? (uint32_t)rest : len;

	if (side->open && offset < side->data_to) {
		uint64_t left = side->data_to - offset;
		uint32_t some = left < n ? (uint32_t)left : n;

		smb_file_data(s, side->open, d, side->data_at, data, some);
		side->data_at += some;
	}
	if (offset + n >= side->data_to)
		side->open = NULL;
	return n;
}

static void gap_take(struct smb_state *s, enum direction d, const struct app_input *in)
{
	struct smb_side *side = &s->side[d];
	uint64_t end = in->offset + in->len;

	if (side->skip_to < side->end)
		side->skip_to = side->end;
	side->end = 0;
	if (side->open) {
		if (end >= side->data_to)
			side->open = NULL;
		else
			side->data_at += in->len;
	}
	if (end > side->skip_to)
		side->gap = true;
}

static struct parse_result smb_parse(struct worker *w, struct flow *f, void *state,
				     enum direction d, const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct smb_state *s = state;
	struct smb_side *side = &s->side[d];
	uint32_t at = 0;

	s->w = w;
	s->f = f;
	if (in->flags & INPUT_GAP) {
		gap_take(s, d, in);
		return res;
	}
	side->end = 0;
	while (at < in->len && !s->overrun) {
		const uint8_t *p = in->data + at;
		uint32_t left = in->len - at, whole;
		uint64_t offset = in->offset + at;

		if (offset < side->skip_to) {
			at += rest_take(s, d, p, left, offset);
			continue;
		}
		if (side->gap) {
			at += record_search(p, left);
			p = in->data + at;
			left = in->len - at;
			offset = in->offset + at;
			if (left >= NETBIOS_BYTES + PROTOCOL_BYTES)
				side->gap = false;
			else if (!left)
				break;
		}
		res.need = NETBIOS_BYTES + (side->gap ? PROTOCOL_BYTES : 0);
		if (left < res.need) {
			res.status = PARSE_MORE;
			break;
		}
		whole = netbios_len(p);
		if (p[0] != NETBIOS_MESSAGE && !session_message(p[0])) {
			smb_event(s, d, SMB_EVENT_MALFORMED_DATA);
			side->gap = true;
			at++;
			continue;
		}
		if (left - NETBIOS_BYTES < whole) {
			uint32_t head = whole < SMB_HEAD_BYTES ? whole : SMB_HEAD_BYTES;

			offset = in->offset + at + NETBIOS_BYTES;
			side->end = offset + whole;
			if (left - NETBIOS_BYTES < head) {
				res.need = NETBIOS_BYTES + head;
			} else if (record_begin(s, d, p + NETBIOS_BYTES, left - NETBIOS_BYTES, whole,
						offset)) {
				side->end = 0;
				at = in->len;
				break;
			} else {
				res.need = NETBIOS_BYTES + whole;
			}
			res.status = PARSE_MORE;
			break;
		}
		if (s->f->app->frames)
			record_frames(s, d, p + NETBIOS_BYTES, whole, whole, offset + NETBIOS_BYTES);
		if (p[0] == NETBIOS_MESSAGE && whole) {
			unread_note(s, p + NETBIOS_BYTES, whole);
			record_take(s, d, p + NETBIOS_BYTES, whole);
		}
		at += NETBIOS_BYTES + whole;
	}
	if (s->overrun)
		res.status = PARSE_BAD;
	res.consumed = at;
	return res;
}

/* ---- buffers ---- */

static bool view_of(struct bytes text, struct buffer_view *out)
{
	*out = (struct buffer_view){.data = text.data, .len = text.len, .complete = true};
	return text.len != 0;
}

static bool get_named_pipe(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			   unsigned instance, struct buffer_view *out)
{
	return smb_of(tx)->kind == SMB_TREE && smb_of(tx)->pipe && view_of(smb_of(tx)->name, out);
}

static bool get_share(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      unsigned instance, struct buffer_view *out)
{
	return smb_of(tx)->kind == SMB_TREE && !smb_of(tx)->pipe && view_of(smb_of(tx)->name, out);
}

static bool get_user(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		     unsigned instance, struct buffer_view *out)
{
	const struct smb_session *session = smb_of(tx)->session;

	return session && session->ntlmssp && view_of(session->text[SMB_USER], out);
}

static bool get_domain(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, struct buffer_view *out)
{
	const struct smb_session *session = smb_of(tx)->session;

	return session && session->ntlmssp && view_of(session->text[SMB_DOMAIN], out);
}

static bool get_stub_data(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  unsigned instance, struct buffer_view *out)
{
	return smb_of(tx)->call && dcerpc_stub_view(smb_of(tx)->call, d, out);
}

static bool get_version(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			uint64_t *out)
{
	*out = smb_of(tx)->head.version;
	return true;
}

static const struct proto_buffer smb_buffers[] = {
	{.name = "smb.named_pipe", .to_server = 2, .get = get_named_pipe},
	{.name = "smb.share", .to_server = 2, .get = get_share},
	{.name = "smb.ntlmssp_user", .to_server = 2, .get = get_user},
	{.name = "smb.ntlmssp_domain", .to_server = 2, .get = get_domain},
	{.name = "dcerpc.stub_data", .to_server = 2, .to_client = 2, .get = get_stub_data},
	{.name = "file.data", .flags = BUFFER_MULTI | BUFFER_STREAMING, .to_server = 1,
	 .to_client = 1, .get = file_view},
	{.name = "file.name", .flags = BUFFER_MULTI, .to_server = 1, .to_client = 1,
	 .get = file_name_view},
	{.name = "file.magic", .flags = BUFFER_MULTI | BUFFER_STREAMING, .to_server = 1,
	 .to_client = 1, .get = file_magic_view},
	{.name = NULL},
};

static const struct proto_value smb_values[] = {
	{.name = "smb.version", .to_server = 1, .to_client = 1, .get = get_version},
	{.name = NULL},
};

/* ---- the protocol ---- */

static const struct dcerpc_call *smb_tx_call(const struct tx *tx)
{
	return ((const struct smb_tx *)(const void *)tx)->call;
}

static void smb_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct smb_state *s = state;

	s->w = w;
	s->f = f;
	smb_opens_free(s);
	smb_trees_free(s);
	texts_free(&w->heap, &s->dialect1, 1);
	heap_free(&w->heap, s->reads);
}

const struct proto proto_smb = {
	.name = "smb",
	.id = APP_smb,
	.over_tcp = 1,
	.stream_waits = 1,
	.done = {2, 2},
	.max_pending_bytes = NETBIOS_BYTES + SMB_RECORD_MAX,
	.max_transactions = SMB_TRANSACTIONS_MAX,
	.too_many_event = SMB_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = smb_probe,
	.state_bytes = sizeof(struct smb_state),
	.state_rest = app_state_moves,
	.state_clear = smb_state_clear,
	.parse = smb_parse,
	.tx_free = smb_tx_free,
	.log = smb_log,
	.alert_context = smb_alert_context,
	.call = smb_tx_call,
	.events = smb_event_names,
	.buffers = smb_buffers,
	.values = smb_values,
};

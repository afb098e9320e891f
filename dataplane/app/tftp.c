/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TFTP (RFC 1350; options RFC 2347, block size RFC 2348): the request, which is told by its form, and the file.
 * The server answers from another port, in a flow of its own that it is the client of, and that the request
 * announces (expect.h); or from the port it was asked on. The file is as it was sent: lines of netascii end in CR
 * LF. Behind block 65,535 comes 0, or 1 where a sender counts so: then none was left out. Runs in the worker that
 * owns the flow.
 */
#include <strings.h>

#include "dataplane/app/chunks.h"
#include "dataplane/app/expect.h"
#include "dataplane/engine/emit.h"

#define TFTP_PORT 69
#define TFTP_TRANSACTIONS_MAX 64

#define TFTP_BLOCK_BYTES 512
#define TFTP_BLOCK_BYTES_MAX 65464

enum { TFTP_READ = 1, TFTP_WRITE, TFTP_DATA, TFTP_ACK, TFTP_ERROR, TFTP_OPTIONS_ACK };

enum tftp_progress { TFTP_BEGUN = 1, TFTP_DONE };

enum tftp_event {
#define EVENT(id, name) TFTP_EVENT_##id,
#include "dataplane/event/app_event/tftp.def"
#undef EVENT
};

static const char *const tftp_events[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/tftp.def"
#undef EVENT
	NULL,
};

struct tftp_tx {
	struct tx tx;
	uint8_t opcode;
	bool transfer; /* of the file itself: it has no record but the file's */
	struct text file, mode;
	struct chunks body;
};

/* What was asked for last, and how far it has come. */
struct tftp_state {
	bool announced;       /* a flow of data only */
	uint8_t opcode;       /* 0: nothing is awaited */
	uint8_t direction;    /* of the data */
	uint16_t block_bytes;
	uint64_t block;       /* the last one, counted on over 65,535 */
	uint32_t skipped;     /* numbers 0 that the sender does not use */
	bool window;          /* several blocks at once: a number that is not there is a block that was lost */
	struct text name;
	struct tftp_tx *tx;   /* NULL: no data yet */
};

static struct tftp_tx *tftp_of(struct tx *tx)
{
	return (struct tftp_tx *)(void *)tx;
}

/* A text with a zero behind it. */
static bool text_take(struct cursor *c, struct bytes *out)
{
	const uint8_t *zero = cursor_left(c) ? memchr(c->p, 0, cursor_left(c)) : NULL;

	if (!zero)
		return false;
	*out = (struct bytes){c->p, (uint32_t)(zero - c->p)};
	cursor_skip(c, out->len + 1);
	return true;
}

static bool request_read(const uint8_t *data, uint32_t len, struct bytes *file, struct bytes *mode)
{
	static const char *const modes[] = {"netascii", "octet", "mail"};
	struct cursor c = cursor_of(data, len);
	uint16_t opcode = cursor_be16(&c);

	if ((opcode != TFTP_READ && opcode != TFTP_WRITE) || !text_take(&c, file) || !text_take(&c, mode))
		return false;
	for (unsigned i = 0; i < 3; i++)
		if (mode->len == strlen(modes[i]) &&
		    strncasecmp((const char *)mode->data, modes[i], mode->len) == 0)
			return true;
	return false;
}

static enum probe_result tftp_probe(const struct probe_input *in)
{
	struct bytes file, mode;

	if (!request_read(in->data, in->len, &file, &mode))
		return PROBE_NO;
	return file.len || in->server_port == TFTP_PORT ? PROBE_YES : PROBE_NO;
}

/* ---- the file ---- */

static void awaits(struct worker *w, struct tftp_state *s, uint8_t opcode, enum direction d, struct bytes name)
{
	s->opcode = opcode;
	s->direction = (uint8_t)d;
	s->block_bytes = TFTP_BLOCK_BYTES;
	s->block = 0;
	s->skipped = 0;
	s->window = false;
	s->tx = NULL;
	text_set(w, &s->name, name);
}

static bool tftp_state_init(struct worker *w, struct flow *f, void *state)
{
	const struct expectation *e = f->app->announced;
	struct tftp_state *s = state;

	if (!e)
		return true;
	s->announced = true;
	awaits(w, s, e->detail, e->detail == TFTP_READ ? TO_SERVER : TO_CLIENT, text_bytes(&e->name));
	return true;
}

static void tftp_state_clear(struct worker *w, struct flow *f, void *state)
{
	text_free(w, &((struct tftp_state *)state)->name);
}

static bool transfer_begin(struct worker *w, struct flow *f, struct tftp_state *s)
{
	struct tftp_tx *t = tftp_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return false;
	s->tx = t;
	t->transfer = true;
	t->opcode = s->opcode;
	t->file = s->name;
	s->name = (struct text){0};
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = TFTP_BEGUN;
	t->body.file = file_open(w, f, &t->tx, s->direction, t->file.data, t->file.len);
	return true;
}

static void transfer_end(struct worker *w, struct flow *f, struct tftp_state *s, enum file_state how)
{
	chunks_close(w, &s->tx->body, how);
	s->tx->tx.progress[TO_SERVER] = s->tx->tx.progress[TO_CLIENT] = TFTP_DONE;
	f->app->changed[TO_SERVER] = f->app->changed[TO_CLIENT] = 1;
	s->tx = NULL;
	s->opcode = 0;
}

/* A block's number in full: the one nearest to the last. */
static uint64_t block_number(uint64_t last, uint16_t number)
{
	return last + (uint64_t)(int64_t)(int16_t)(number - (uint16_t)last);
}

static void take_data(struct worker *w, struct flow *f, struct tftp_state *s, struct cursor c)
{
	uint64_t block = block_number(s->block, cursor_be16(&c)), offset;
	uint32_t len = (uint32_t)cursor_left(&c);
	bool whole;

	if (c.bad || !block || block > s->block + UINT16_MAX || len > s->block_bytes ||
	    (!s->tx && !transfer_begin(w, f, s)))
		return;
	if ((uint16_t)block == 1 && block == s->block + 2 && !s->window)
		s->skipped++;
	if (block > s->block)
		s->block = block;
	offset = (block - 1 - s->skipped) * s->block_bytes;
	chunks_add(w, &s->tx->body, offset, c.p, len);
	if (len == s->block_bytes)
		return;
	whole = s->tx->body.at >= offset + len;
	if (!whole && !len)
		chunks_miss(w, &s->tx->body, s->tx->body.at, offset - s->tx->body.at);
	transfer_end(w, f, s, whole ? FILE_CLOSED : FILE_TRUNCATED);
}

/* The options that the server took: of the size of blocks there is need here. */
static void take_options(struct tftp_state *s, struct cursor c)
{
	struct bytes name, value;

	while (text_take(&c, &name) && text_take(&c, &value)) {
		uint32_t v = 0;

		s->window |= bytes_are(name, "windowsize"); /* RFC 7440 */
		if (!bytes_are(name, "blksize"))
			continue;
		for (uint32_t i = 0; i < value.len && v <= TFTP_BLOCK_BYTES_MAX; i++)
			v = value.data[i] >= '0' && value.data[i] <= '9' ? v * 10 + (value.data[i] - '0') : UINT16_MAX;
		if (v >= 8 && v <= TFTP_BLOCK_BYTES_MAX && !s->tx)
			s->block_bytes = (uint16_t)v;
	}
}

static void take_answer(struct worker *w, struct flow *f, struct tftp_state *s, enum direction d,
			const struct app_input *in)
{
	struct cursor c = cursor_of(in->data, in->len);

	switch (cursor_be16(&c)) {
	case TFTP_DATA:
		if (d == s->direction)
			take_data(w, f, s, c);
		break;
	case TFTP_OPTIONS_ACK:
		take_options(s, c);
		break;
	case TFTP_ERROR:
		if (s->tx)
			transfer_end(w, f, s, FILE_TRUNCATED);
		break;
	}
}

/* Both flows in which the data may come. */
static void announce(struct worker *w, struct flow *f, struct tftp_state *s, const struct tftp_tx *t)
{
	const struct expectation e = {
		.client = f->server,
		.server = f->client,
		.server_port = f->client_port,
		.ip_version = f->ip_version,
		.ip_proto = f->ip_proto,
		.proto = APP_tftp,
		.detail = t->opcode,
		.name = t->file,
	};

	if (s->tx)
		transfer_end(w, f, s, FILE_TRUNCATED);
	awaits(w, s, t->opcode, t->opcode == TFTP_READ ? TO_CLIENT : TO_SERVER, text_bytes(&t->file));
	expect_add(w, &e);
}

static void take_request(struct worker *w, struct flow *f, struct tftp_state *s, const struct app_input *in)
{
	struct bytes file, mode;
	bool good = request_read(in->data, in->len, &file, &mode);
	struct tftp_tx *t = tftp_of(tx_new(w, f, sizeof(*t)));

	if (!t)
		return;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = TFTP_DONE;
	t->tx.inspected_done[TO_CLIENT] = 1;
	if (!good) {
		tx_event(w, f, &t->tx, TO_SERVER, TFTP_EVENT_MALFORMED_REQUEST);
		return;
	}
	t->opcode = in->data[1];
	text_set(w, &t->file, file);
	text_set(w, &t->mode, mode);
	announce(w, f, s, t);
}

static struct parse_result tftp_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	struct tftp_state *s = state;

	if (!s->announced && d == TO_SERVER && in->len >= 2 && !in->data[0] && in->data[1] <= TFTP_WRITE)
		take_request(w, f, s, in);
	else if (s->opcode)
		take_answer(w, f, s, d, in);
	return (struct parse_result){.status = PARSE_OK};
}

static void tftp_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	struct tftp_state *s = f->app->state;
	struct tftp_tx *t = tftp_of(tx);

	if (s->tx == t) {
		s->tx = NULL;
		s->opcode = 0;
	}
	text_free(w, &t->file);
	text_free(w, &t->mode);
	chunks_free(w, &t->body);
}

static void tftp_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct tftp_tx *t = tftp_of(tx);

	rec_open(r, F_tftp_tftp);
	if (t->opcode)
		rec_text(r, F_tftp_packet, t->opcode == TFTP_READ ? "read" : "write");
	text_record(r, F_tftp_file, &t->file);
	text_record(r, F_tftp_mode, &t->mode);
	rec_close(r);
}

static void tftp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	if (!tftp_of(tx)->opcode || tftp_of(tx)->transfer)
		return;
	r = emit_flow(w, RECORD_tftp, f, TO_SERVER, tx->id, p);
	if (!r)
		return;
	tftp_alert_context(w, f, tx, r);
	emit_end(w);
}

#define FILE_BUFFER BUFFER_STREAMING | BUFFER_MULTI, TFTP_BEGUN, TFTP_BEGUN

static const struct proto_buffer tftp_buffers[] = {
	{"file.data", FILE_BUFFER, file_view},
	{"file.name", FILE_BUFFER, file_name_view},
	{"file.magic", FILE_BUFFER, file_magic_view},
	{NULL},
};

const struct proto proto_tftp = {
	.name = "tftp",
	.id = APP_tftp,
	.over_udp = 1,
	.done = {TFTP_DONE, TFTP_DONE},
	.max_transactions = TFTP_TRANSACTIONS_MAX,
	.too_many_event = TFTP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = tftp_probe,
	.udp_first = {{0, 1}},
	.state_bytes = sizeof(struct tftp_state),
	.state_init = tftp_state_init,
	.state_clear = tftp_state_clear,
	.parse = tftp_parse,
	.tx_free = tftp_tx_free,
	.log = tftp_log,
	.alert_context = tftp_alert_context,
	.events = tftp_events,
	.buffers = tftp_buffers,
};

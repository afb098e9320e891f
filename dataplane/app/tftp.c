/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TFTP (RFC 1350; options RFC 2347): the request, which is told by its form. Data go between other
 * ports, in flows of their own. Runs in the worker that owns the flow.
 */
#include <strings.h>

#include "dataplane/app/text.h"
#include "dataplane/engine/emit.h"

#define TFTP_PORT 69
#define TFTP_TRANSACTIONS_MAX 64

enum { TFTP_READ = 1, TFTP_WRITE = 2 };

enum tftp_event { TFTP_EVENT_MALFORMED_REQUEST, TFTP_EVENT_TOO_MANY_TRANSACTIONS };

static const char *const tftp_events[] = {
	[TFTP_EVENT_MALFORMED_REQUEST] = "malformed_request",
	[TFTP_EVENT_TOO_MANY_TRANSACTIONS] = "too_many_transactions",
	NULL,
};

struct tftp_tx {
	struct tx tx;
	uint8_t opcode;
	struct text file, mode;
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

static struct parse_result tftp_parse(struct worker *w, struct flow *f, void *state, enum direction d,
				      const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK};
	struct bytes file, mode;
	struct tftp_tx *t;
	bool good;

	if (d == TO_CLIENT || in->len < 2 || in->data[0] || in->data[1] > TFTP_WRITE)
		return res; /* some servers answer from the port they were asked on */
	good = request_read(in->data, in->len, &file, &mode);
	t = tftp_of(tx_new(w, f, sizeof(*t)));
	if (!t)
		return res;
	t->tx.progress[TO_SERVER] = t->tx.progress[TO_CLIENT] = 1;
	t->tx.inspected_done[TO_CLIENT] = 1;
	if (!good) {
		tx_event(w, f, &t->tx, d, TFTP_EVENT_MALFORMED_REQUEST);
		return res;
	}
	t->opcode = in->data[1];
	text_set(w, &t->file, file);
	text_set(w, &t->mode, mode);
	return res;
}

static void tftp_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	text_free(w, &tftp_of(tx)->file);
	text_free(w, &tftp_of(tx)->mode);
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
	struct recorder *r = tftp_of(tx)->opcode ? emit_flow(w, RECORD_tftp, f, TO_SERVER, tx->id, p) : NULL;

	if (!r)
		return;
	tftp_alert_context(w, f, tx, r);
	emit_end(w);
}

const struct proto proto_tftp = {
	.name = "tftp",
	.id = APP_tftp,
	.over_udp = 1,
	.done = {1, 1},
	.max_transactions = TFTP_TRANSACTIONS_MAX,
	.too_many_event = TFTP_EVENT_TOO_MANY_TRANSACTIONS,
	.probe = tftp_probe,
	.parse = tftp_parse,
	.tx_free = tftp_tx_free,
	.log = tftp_log,
	.alert_context = tftp_alert_context,
	.events = tftp_events,
};

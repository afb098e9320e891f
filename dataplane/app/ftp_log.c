/* SPDX-License-Identifier: BSD-3-Clause
 *
 * FTP: its record, and what rules may look at. Runs in a worker.
 */
#include "dataplane/app/ftp.h"
#include "dataplane/engine/emit.h"

static const struct ftp_tx *ftp_of(const struct tx *tx)
{
	return (const struct ftp_tx *)(const void *)tx;
}

void ftp_alert_context(struct worker *w, struct flow *f, struct tx *base, struct recorder *r)
{
	const struct ftp_tx *tx = ftp_of(base);

	rec_open(r, F_ftp_ftp);
	if (tx->command.data) {
		text_record(r, F_ftp_command, &tx->command);
		if (tx->data.len)
			text_record(r, F_ftp_command_data, &tx->data);
		rec_bool(r, F_ftp_command_truncated, tx->command_cut);
	}
	texts_record(r, F_ftp_completion_code, F_ftp_code, &tx->codes);
	texts_record(r, F_ftp_reply, F_ftp_line, &tx->replies);
	if (tx->dynamic_port) {
		rec_uint(r, F_ftp_dynamic_port, tx->dynamic_port);
		rec_text(r, F_ftp_mode, tx->mode == FTP_ACTIVE ? "active" : "passive");
	}
	rec_text(r, F_ftp_reply_received, tx->replied ? "yes" : "no");
	rec_bool(r, F_ftp_reply_truncated, tx->reply_cut);
	rec_close(r);
}

void ftp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_ftp, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	ftp_alert_context(w, f, tx, r);
	emit_end(w);
}

#define GET(name)                                                                                  \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,  \
			       unsigned instance, struct buffer_view *out)

GET(command)
{
	return text_view(&ftp_of(tx)->command, out);
}

GET(command_data)
{
	return text_view(&ftp_of(tx)->data, out);
}

GET(reply)
{
	return texts_view(&ftp_of(tx)->replies, instance, out);
}

GET(code)
{
	return texts_view(&ftp_of(tx)->codes, instance, out);
}

static bool get_port(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = ftp_of(tx)->dynamic_port;
	return *out != 0;
}

static bool get_mode(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	*out = ftp_of(tx)->mode == FTP_PASSIVE;
	return ftp_of(tx)->mode != FTP_MODE_NONE;
}

static bool get_replied(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			uint64_t *out)
{
	*out = ftp_of(tx)->replied;
	return true;
}

/* PORT asks the server to connect to somebody else than the client. */
static bool get_bounce(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	const struct ftp_tx *t = ftp_of(tx);
	struct addr to;

	*out = f->ip_version == 4 && t->command.len == 4 && memcmp(t->command.data, "PORT", 4) == 0 &&
	       ftp_port_of_numbers(text_bytes(&t->data), &to) && !addr_equal(&to, &f->client);
	return true;
}

const struct proto_buffer ftp_buffers[] = {
	{"ftp.command", 0, FTP_COMMAND, 0, get_command},
	{"ftp.command_data", 0, FTP_COMMAND, 0, get_command_data},
	{"ftp.reply", BUFFER_MULTI, 0, FTP_REPLIED, get_reply},
	{"ftp.completion_code", BUFFER_MULTI, 0, FTP_REPLIED, get_code},
	{NULL},
};

const struct proto_value ftp_values[] = {
	{.name = "ftpbounce", .to_server = FTP_COMMAND, .get = get_bounce},
	{.name = "ftp.dynamic_port", .to_server = FTP_REPLIED, .to_client = FTP_REPLIED, .get = get_port},
	{.name = "ftp.mode", .to_server = FTP_REPLIED, .to_client = FTP_REPLIED, .get = get_mode},
	{.name = "ftp.reply_received", .to_server = FTP_REPLIED, .to_client = FTP_REPLIED, .get = get_replied},
	{NULL},
};

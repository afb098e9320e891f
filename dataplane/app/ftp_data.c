/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Data connections of FTP over which a file or a listing goes, found because the control connection announced
 * them (expect.h), never by their bytes. One transaction: the bytes of one direction; what comes
 * the other way is ignored. Runs in the worker that owns the flow.
 */
#include "dataplane/app/expect.h"
#include "dataplane/app/file.h"
#include "dataplane/app/ftp.h"
#include "dataplane/engine/emit.h"

enum ftp_data_progress { FTP_DATA_NOTHING, FTP_DATA_BYTES, FTP_DATA_DONE };

const struct ftp_data_row ftp_data_rows[FTP_DATA_COMMAND_COUNT] = {
#define FTP_DATA(word, command, file, upload) [FTP_DATA_##word] = {command, file, upload},
	FTP_DATA_COMMANDS
#undef FTP_DATA
};

static const char *const ftp_data_events[] = {NULL};

struct ftp_data_tx {
	struct tx tx;
	struct text name;
	struct file *file;
	uint8_t direction; /* of the bytes */
	uint8_t command;   /* enum ftp_data_command */
};

struct ftp_data_state {
	struct text name;
	struct ftp_data_tx *tx;
	uint8_t direction, command;
};

static struct ftp_data_tx *data_of(struct tx *tx)
{
	return (struct ftp_data_tx *)(void *)tx;
}

static bool ftp_data_state_init(struct worker *w, struct flow *f, void *state)
{
	struct ftp_data_state *s = state;
	struct expectation *e = f->app->announced;

	if (!e)
		return true;
	s->name = e->name;
	e->name = (struct text){0};
	s->direction = e->detail & 1;
	s->command = e->detail >> 1;
	return true;
}

static void ftp_data_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct ftp_data_state *s = state;

	text_free(w, &s->name);
}

static void ftp_data_tx_free(struct worker *w, struct flow *f, struct tx *tx)
{
	((struct ftp_data_state *)f->app->state)->tx = NULL;
	text_free(w, &data_of(tx)->name);
}

static bool transaction_begin(struct worker *w, struct flow *f, struct ftp_data_state *s)
{
	struct ftp_data_tx *tx = data_of(tx_new(w, f, sizeof(*tx)));

	if (!tx)
		return false;
	s->tx = tx;
	tx->name = s->name;
	s->name = (struct text){0};
	tx->direction = s->direction;
	tx->command = s->command;
	if (ftp_data_rows[tx->command].file)
		tx->file = file_open(w, f, &tx->tx, s->direction, tx->name.data, tx->name.len);
	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = FTP_DATA_BYTES;
	/* What rules ask of the command holds in both directions. */
	f->app->changed[TO_SERVER] = f->app->changed[TO_CLIENT] = 1;
	return true;
}

static struct parse_result ftp_data_parse(struct worker *w, struct flow *f, void *state,
					  enum direction d, const struct app_input *in)
{
	struct parse_result res = {.status = PARSE_OK, .consumed = in->len};
	struct ftp_data_state *s = state;

	if (!s->tx && !f->app->tx_count && !transaction_begin(w, f, s))
		return res;
	if (!s->tx || d != s->direction)
		return res;
	if (s->tx->file && in->flags & INPUT_GAP)
		file_gap(w, s->tx->file, in->len);
	else if (s->tx->file && in->len)
		file_append(w, s->tx->file, in->data, in->len);
	if (in->flags & INPUT_END) {
		if (s->tx->file)
			file_close(w, s->tx->file, FILE_CLOSED);
		s->tx->file = NULL;
		s->tx->tx.progress[TO_SERVER] = s->tx->tx.progress[TO_CLIENT] = FTP_DATA_DONE;
		f->app->changed[direction_other(d)] = 1;
	}
	return res;
}

/* ---- records and rules ---- */

static void ftp_data_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	rec_open(r, F_ftp_data_ftp_data);
	if (data_of(tx)->name.len)
		text_record(r, F_ftp_data_filename, &data_of(tx)->name);
	rec_text(r, F_ftp_data_command, ftp_data_rows[data_of(tx)->command].command);
	rec_close(r);
}

static void ftp_data_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_ftp_data, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	ftp_data_alert_context(w, f, tx, r);
	emit_end(w);
}

static bool get_command(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			uint64_t *out)
{
	*out = data_of(tx)->command;
	return true;
}

#define FILE_BUFFER BUFFER_STREAMING | BUFFER_MULTI, FTP_DATA_BYTES, FTP_DATA_BYTES

static const struct proto_buffer ftp_data_buffers[] = {
	{"file.data", FILE_BUFFER, file_view},
	{"file.name", FILE_BUFFER, file_name_view},
	{"file.magic", FILE_BUFFER, file_magic_view},
	{NULL},
};

static const struct proto_value ftp_data_values[] = {
	{.name = "ftpdata_command", .to_server = FTP_DATA_BYTES, .to_client = FTP_DATA_BYTES, .get = get_command},
	{NULL},
};

const struct proto proto_ftp_data = {
	.name = "ftp-data",
	.id = APP_ftp_data,
	.over_tcp = 1,
	.done = {FTP_DATA_DONE, FTP_DATA_DONE},
	.stream_waits = 1,
	.max_transactions = 1,
	.state_bytes = sizeof(struct ftp_data_state),
	.state_rest = app_state_moves,
	.state_init = ftp_data_state_init,
	.state_clear = ftp_data_state_clear,
	.parse = ftp_data_parse,
	.tx_free = ftp_data_tx_free,
	.log = ftp_data_log,
	.alert_context = ftp_data_alert_context,
	.events = ftp_data_events,
	.buffers = ftp_data_buffers,
	.values = ftp_data_values,
};

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMTP: the mail itself, and the buffers that rules look at. Attachments (parts with a file name)
 * become files. Runs in a worker of the dataplane process.
 */
#include "dataplane/app/smtp.h"

#include <strings.h>

/* ---- the MIME parser's answers ---- */

static bool option(const struct smtp_state *s, const char *name, bool otherwise)
{
	return s->w->config ? config_map_bool(&s->w->config->app, name, otherwise) : otherwise;
}

static void on_header(void *ctx, struct bytes name, struct bytes value, bool top)
{
	struct smtp_tx *tx = ctx;
	struct worker *w = tx->state->w;

	if (!top || tx->header_names.count >= SMTP_HEADERS_MAX ||
	    tx->header_bytes + name.len + value.len > SMTP_HEADER_BYTES_MAX)
		return;
	if (!texts_add(w, &tx->header_names, name.data, name.len))
		return;
	tx->header_bytes += name.len + value.len;
	if (!texts_add(w, &tx->header_values, value.data, value.len))
		texts_drop_last(&tx->header_names);
}

static void on_part_begin(void *ctx, struct bytes name, enum mime_type type)
{
	struct smtp_tx *tx = ctx;
	struct smtp_state *s = tx->state;

	mail_note_part(&tx->note, name, type, mime_is_attached(tx->mime));
	packed_end(&tx->packed, &tx->packed_over, false);
	if (!name.len && !mail_note_wants(s->w, tx->mime))
		return;
	if (name.len && tx->attachments.count < SMTP_ATTACHMENTS_MAX)
		texts_add(s->w, &tx->attachments, name.data, name.len);
	tx->file = file_open(s->w, s->f, &tx->tx, TO_SERVER, name.data, name.len);
}

static void on_part_data(void *ctx, const uint8_t *data, uint32_t len)
{
	struct smtp_tx *tx = ctx;

	mail_note_data(tx->state->w, &tx->note, data, len);
	if (tx->file)
		file_append(tx->state->w, tx->file, data, len);
	if (tx->file)
		packed_data(&tx->packed, &tx->packed_over, 0, tx->state->w, tx->state->f, &tx->tx, TO_SERVER, tx->file, data, len);
}

static void on_part_end(void *ctx, bool complete)
{
	struct smtp_tx *tx = ctx;

	if (tx->file)
		mail_note_send(tx->state->w, tx->state->f, &tx->tx, TO_SERVER, &tx->note);
	file_close(tx->state->w, tx->file, complete ? FILE_CLOSED : FILE_TRUNCATED);
	tx->file = NULL;
	packed_end(&tx->packed, &tx->packed_over, complete);
}

static void on_url(void *ctx, struct bytes scheme, struct bytes rest)
{
	struct smtp_tx *tx = ctx;

	uint8_t whole[MIME_URL_MAX + 16];
	uint32_t n = 0;

	if (tx->urls.count >= SMTP_URLS_MAX)
		return;
	if (option(tx->state, "smtp.mime.log_url_scheme", false)) {
		memcpy(whole, scheme.data, scheme.len);
		memcpy(whole + scheme.len, "://", 3);
		n = scheme.len + 3;
	}
	memcpy(whole + n, rest.data, rest.len);
	texts_add(tx->state->w, &tx->urls, whole, n + rest.len);
}

static const struct mime_ops ops = {
	.header = on_header,
	.part_begin = on_part_begin,
	.part_data = on_part_data,
	.part_end = on_part_end,
	.url = on_url,
};

static const struct {
	uint32_t anomaly;
	uint8_t event;
} anomalies[] = {
	{MIME_INVALID_BASE64, SMTP_EVENT_MIME_BASE64},
	{MIME_INVALID_QP, SMTP_EVENT_MIME_QP},
	{MIME_LONG_LINE, SMTP_EVENT_MIME_LINE},
	{MIME_LONG_ENCODED_LINE, SMTP_EVENT_MIME_ENCODED_LINE},
	{MIME_LONG_HEADER_NAME, SMTP_EVENT_MIME_HEADER_NAME},
	{MIME_LONG_HEADER_VALUE, SMTP_EVENT_MIME_HEADER_VALUE},
	{MIME_MALFORMED, SMTP_EVENT_MIME_MALFORMED},
	{MIME_LONG_BOUNDARY, SMTP_EVENT_MIME_BOUNDARY},
	{MIME_LONG_NAME, SMTP_EVENT_MIME_NAME},
	{MIME_TOO_DEEP, SMTP_EVENT_MIME_FAILED},
};

static void events(struct smtp_state *s)
{
	uint32_t fresh = s->tx->mime->anomalies & ~s->tx->anomalies_seen;

	s->tx->anomalies_seen |= fresh;
	for (unsigned i = 0; fresh && i < sizeof(anomalies) / sizeof(anomalies[0]); i++)
		if (fresh & anomalies[i].anomaly)
			smtp_event(s, anomalies[i].event);
}

/* ---- the content as it comes ---- */

static void limits_set(const struct smtp_state *s, struct file *file)
{
	static const struct config_map none;
	const struct config_map *m = s->w->config ? &s->w->config->app : &none;
	struct file_limits l = {
		.inspect_min = (uint32_t)config_map_size(
			m, "smtp.inspected_tracker.content_inspect_min_size", 32768),
		.inspect_window = (uint32_t)config_map_size(
			m, "smtp.inspected_tracker.content_inspect_window", 4096),
		.content_limit = (uint32_t)config_map_size(m, "smtp.inspected_tracker.content_limit",
							   100000),
	};

	file_set_limits(file, &l);
}

bool smtp_mail_in_chunks(const struct smtp_state *s)
{
	return option(s, "smtp.mime.decode_bdat", true);
}

bool smtp_mail_early(const struct smtp_state *s)
{
	return option(s, "smtp.mime.decode_early", true);
}

void smtp_mail_begin(struct smtp_state *s)
{
	struct smtp_tx *tx = s->tx;
	const char *schemes = NULL;
	uint32_t flags = 0;

	tx->content = true;
	tx->tx.progress[TO_SERVER] = tx->tx.progress[TO_CLIENT] = SMTP_CONTENT;
	if (option(s, "smtp.raw_extraction", false)) {
		tx->content = false;
		tx->file = file_open(s->w, s->f, &tx->tx, TO_SERVER, (const uint8_t *)FILE_NAME_OF_MAIL,
				     strlen(FILE_NAME_OF_MAIL));
		if (tx->file)
			limits_set(s, tx->file);
		return;
	}
	tx->whole = file_open_mail(s->w, s->f, &tx->tx, TO_SERVER);
	if (!option(s, "smtp.mime.decode_mime", true)) {
		tx->content = false;
		return;
	}
	tx->mime = heap_alloc(&s->w->heap, sizeof(*tx->mime));
	if (!tx->mime)
		return;
	if (!option(s, "smtp.mime.decode_base64", true))
		flags |= MIME_NO_BASE64;
	if (!option(s, "smtp.mime.decode_quoted_printable", true))
		flags |= MIME_NO_QP;
	if (!option(s, "smtp.mime.extract_urls", true))
		flags |= MIME_NO_URLS;
	mime_init(tx->mime, s->w, &ops, tx, flags);
	if (s->w->config)
		schemes = config_map_get(&s->w->config->app, "smtp.mime.extract_urls_schemes");
	tx->mime->schemes = schemes ? schemes : "[http,https]";
}

void smtp_mail_data(struct smtp_state *s, const uint8_t *data, uint32_t len)
{
	if (s->tx->whole)
		file_append(s->w, s->tx->whole, data, len);
	if (s->tx->mime) {
		mime_data(s->tx->mime, data, len);
		if (s->tx->mime->anomalies & ~s->tx->anomalies_seen)
			events(s);
	} else if (s->tx->file) {
		file_append(s->w, s->tx->file, data, len);
	}
}

void smtp_mail_gap(struct smtp_state *s, uint64_t len)
{
	if (s->tx->file) {
		file_gap(s->w, s->tx->file, len);
		packed_gap(&s->tx->packed, &s->tx->packed_over, len);
	}
	if (s->tx->whole)
		file_gap(s->w, s->tx->whole, len);
}

void smtp_mail_end(struct smtp_state *s, bool complete)
{
	struct smtp_tx *tx = s->tx;

	tx->content_done |= complete;
	if (tx->mime) {
		mime_end(tx->mime, complete);
		events(s);
		mime_free(tx->mime);
		heap_free(&s->w->heap, tx->mime);
		tx->mime = NULL;
	}
	if (tx->file)
		on_part_end(tx, complete);
	file_close(s->w, tx->whole, complete ? FILE_CLOSED : FILE_TRUNCATED);
	tx->whole = NULL;
}

void smtp_mail_free(struct worker *w, struct smtp_tx *tx)
{
	mail_note_free(w, &tx->note);
	packed_drop(&tx->packed);
	if (!tx->mime)
		return;
	mime_free(tx->mime);
	heap_free(&w->heap, tx->mime);
	tx->mime = NULL;
}

struct bytes smtp_mail_header(const struct smtp_tx *tx, const char *name)
{
	struct bytes n, v, none = {NULL, 0};
	uint32_t at_name = 0, at_value = 0;
	size_t len = strlen(name);

	while (texts_next(&tx->header_names, &at_name, &n) &&
	       texts_next(&tx->header_values, &at_value, &v))
		if (n.len == len && strncasecmp((const char *)n.data, name, len) == 0)
			return v;
	return none;
}

/* ---- buffers ---- */

#define GET(name)                                                                                  \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *base, enum direction d, \
			       unsigned instance, struct buffer_view *out)

GET(helo)
{
	return text_view(&((struct smtp_tx *)base)->helo, out);
}

GET(mail_from)
{
	return text_view(&((struct smtp_tx *)base)->mail_from, out);
}

GET(rcpt_to)
{
	return texts_view(&((struct smtp_tx *)base)->rcpt_to, instance, out);
}

GET(url)
{
	return texts_view(&((struct smtp_tx *)base)->urls, instance, out);
}

/* Each Received header is one. */
GET(received)
{
	const struct smtp_tx *tx = (struct smtp_tx *)base;
	uint32_t at_name = 0, at_value = 0;
	struct bytes n, v;

	while (texts_next(&tx->header_names, &at_name, &n) &&
	       texts_next(&tx->header_values, &at_value, &v))
		if (n.len == 8 && strncasecmp((const char *)n.data, "received", 8) == 0 &&
		    instance-- == 0)
			return bytes_view(v, out);
	return false;
}

#define GET_HEADER(name, header)                                                                   \
	GET(name)                                                                                  \
	{                                                                                          \
		return bytes_view(smtp_mail_header((struct smtp_tx *)base, header), out);                \
	}

GET_HEADER(from, "from")
GET_HEADER(to, "to")
GET_HEADER(cc, "cc")
GET_HEADER(subject, "subject")
GET_HEADER(date, "date")
GET_HEADER(message_id, "message-id")
GET_HEADER(x_mailer, "x-mailer")

const struct proto_buffer smtp_buffers[] = {
	{"smtp.helo", 0, SMTP_COMMANDS, 0, get_helo},
	{"smtp.mail_from", 0, SMTP_COMMANDS, 0, get_mail_from},
	{"smtp.rcpt_to", BUFFER_MULTI, SMTP_COMMANDS, 0, get_rcpt_to},
	{"email.from", 0, SMTP_CONTENT, 0, get_from},
	{"email.to", 0, SMTP_CONTENT, 0, get_to},
	{"email.cc", 0, SMTP_CONTENT, 0, get_cc},
	{"email.subject", 0, SMTP_CONTENT, 0, get_subject},
	{"email.date", 0, SMTP_CONTENT, 0, get_date},
	{"email.message_id", 0, SMTP_CONTENT, 0, get_message_id},
	{"email.x_mailer", 0, SMTP_CONTENT, 0, get_x_mailer},
	{"email.url", BUFFER_MULTI, SMTP_DONE, 0, get_url},
	{"email.received", BUFFER_MULTI, SMTP_DONE, 0, get_received},
	{"file.data", BUFFER_STREAMING | BUFFER_MULTI, SMTP_CONTENT, 0, file_view},
	{"file.name", BUFFER_STREAMING | BUFFER_MULTI, SMTP_CONTENT, 0, file_name_view},
	{"file.magic", BUFFER_STREAMING | BUFFER_MULTI, SMTP_CONTENT, 0, file_magic_view},
	{NULL},
};

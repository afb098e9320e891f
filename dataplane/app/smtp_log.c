/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMTP: the smtp record of EVE with its email object, and contacts. Runs in a worker.
 */
#include "dataplane/app/smtp.h"
#include "dataplane/app/ntlmssp.h"
#include "dataplane/engine/contact.h"
#include "dataplane/engine/emit.h"

#include <strings.h>

#define SMTP_ADDRESS_MAX 320 /* RFC 5321, 4.5.3.1: 64 + 1 + 255 */

static void record_smtp(struct recorder *r, const struct smtp_tx *tx)
{
	static const struct ntlmssp_fields logon = {F_smtp_ntlmssp, F_smtp_domain, F_smtp_user, F_smtp_host,
						    F_smtp_ntlmssp_version};

	rec_open(r, F_smtp_smtp);
	text_record(r, F_smtp_helo, &tx->helo);
	text_record(r, F_smtp_mail_from, &tx->mail_from);
	texts_record(r, F_smtp_rcpt_to, F_smtp_rcpt, &tx->rcpt_to);
	if (tx->logon.data)
		ntlmssp_record_base64(r, &logon, text_bytes(&tx->logon));
	rec_close(r);
}

/* An address list, cut at the commas outside quotes. */
static void record_list(struct recorder *r, enum field_id list, struct bytes value)
{
	bool quoted = false, open = false;
	uint32_t from = 0;

	for (uint32_t i = 0; value.data && i <= value.len; i++) {
		struct bytes one = {value.data + from, i - from};

		if (i < value.len) {
			if (value.data[i] == '"')
				quoted = !quoted;
			if (quoted || value.data[i] != ',')
				continue;
		}
		from = i + 1;
		while (one.len && (one.data[0] == ' ' || one.data[0] == '\t')) {
			one.data++;
			one.len--;
		}
		if (!one.len)
			continue;
		if (!open)
			rec_open(r, list);
		open = true;
		rec_bytes(r, F_smtp_address, one.data, one.len);
	}
	if (open)
		rec_close(r);
}

/* Further headers, written when eve.types.smtp asks for them. */
enum header_kind { HEADER_TEXT, HEADER_LIST, HEADER_ALL };

static const struct {
	const char *name;
	uint16_t field;
	uint8_t kind;     /* enum header_kind */
	uint8_t extended; /* 1: part of "extended"; 2: also of what a file's record says */
} headers[] = {
	{"reply-to", F_smtp_reply_to, HEADER_TEXT, 0},
	{"bcc", F_smtp_bcc, HEADER_LIST, 1},
	{"message-id", F_smtp_message_id, HEADER_TEXT, 2},
	{"subject", F_smtp_subject, HEADER_TEXT, 2},
	{"x-mailer", F_smtp_x_mailer, HEADER_TEXT, 1},
	{"user-agent", F_smtp_user_agent, HEADER_TEXT, 1},
	{"received", F_smtp_received, HEADER_ALL, 0},
	{"x-originating-ip", F_smtp_x_originating_ip, HEADER_TEXT, 0},
	{"in-reply-to", F_smtp_in_reply_to, HEADER_TEXT, 0},
	{"references", F_smtp_references, HEADER_TEXT, 0},
	{"importance", F_smtp_importance, HEADER_TEXT, 0},
	{"priority", F_smtp_priority, HEADER_TEXT, 0},
	{"sensitivity", F_smtp_sensitivity, HEADER_TEXT, 0},
	{"organization", F_smtp_organization, HEADER_TEXT, 0},
	{"content-md5", F_smtp_content_md5, HEADER_TEXT, 0},
	{"date", F_smtp_date, HEADER_TEXT, 0},
};

/* Is the word in a list as the configuration writes it, "[a, b]"? */
static bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; at && *at; at += strcspn(at, "[], ")) {
		at += strspn(at, "[], ");
		if (strcspn(at, "[], ") == n && strncasecmp(at, word, n) == 0)
			return true;
	}
	return false;
}

static void record_all(struct recorder *r, const struct smtp_tx *tx, enum field_id field,
		       const char *name)
{
	uint32_t at_name = 0, at_value = 0;
	struct bytes n, v;
	bool open = false;

	while (texts_next(&tx->header_names, &at_name, &n) &&
	       texts_next(&tx->header_values, &at_value, &v)) {
		if (n.len != strlen(name) || strncasecmp((const char *)n.data, name, n.len) != 0)
			continue;
		if (!open)
			rec_open(r, field);
		open = true;
		rec_bytes(r, F_smtp_received_one, v.data, v.len);
	}
	if (open)
		rec_close(r);
}

static void record_headers(struct worker *w, struct recorder *r, const struct smtp_tx *tx)
{
	const struct config_map *m = w->config ? &w->config->eve_types : NULL;
	const char *custom = m ? config_map_get(m, "smtp.custom") : NULL;
	bool extended = m && config_map_bool(m, "smtp.extended", false);
	unsigned least = extended ? 1 : w->config && w->config->file_analysis ? 2 : 3;
	struct bytes b;

	if (!custom && least == 3)
		return;
	for (unsigned i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (headers[i].extended < least && !listed(custom, headers[i].name))
			continue;
		if (headers[i].kind == HEADER_ALL) {
			record_all(r, tx, headers[i].field, headers[i].name);
			continue;
		}
		b = smtp_mail_header(tx, headers[i].name);
		if (!b.data)
			continue;
		if (headers[i].kind == HEADER_LIST)
			record_list(r, headers[i].field, b);
		else
			rec_bytes(r, headers[i].field, b.data, b.len);
	}
}

static void record_email(struct worker *w, struct recorder *r, const struct smtp_tx *tx)
{
	struct bytes from = smtp_mail_header(tx, "from");

	if (!tx->content)
		return;
	rec_open(r, F_smtp_email);
	/* The reference knows no other word, be the mail whole or not. */
	rec_text(r, F_smtp_status, "PARSE_DONE");
	if (from.data)
		rec_bytes(r, F_smtp_from, from.data, from.len);
	record_list(r, F_smtp_to, smtp_mail_header(tx, "to"));
	record_list(r, F_smtp_cc, smtp_mail_header(tx, "cc"));
	texts_record(r, F_smtp_attachment, F_smtp_attachment_name, &tx->attachments);
	texts_record(r, F_smtp_url, F_smtp_url_one, &tx->urls);
	record_headers(w, r, tx);
	rec_close(r);
}

void smtp_alert_context(struct worker *w, struct flow *f, struct tx *base, struct recorder *r)
{
	const struct smtp_tx *tx = (const struct smtp_tx *)base;

	record_smtp(r, tx);
	record_email(w, r, tx);
}

void smtp_log(struct worker *w, struct flow *f, struct tx *base, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_smtp, f, TO_SERVER, base->id, p);

	if (!r)
		return;
	smtp_alert_context(w, f, base, r);
	emit_end(w);
}

void smtp_contacts(struct smtp_state *s, struct bytes address)
{
	uint8_t text[SMTP_ADDRESS_MAX];

	if (address.len && address.data[0] == '<') {
		address.data++;
		address.len--;
	}
	if (address.len && address.data[address.len - 1] == '>')
		address.len--;
	if (!address.len || address.len > sizeof(text) || !memchr(address.data, '@', address.len))
		return;
	for (uint32_t i = 0; i < address.len; i++)
		text[i] = address.data[i] >= 'A' && address.data[i] <= 'Z' ? address.data[i] | 0x20
									     : address.data[i];
	emit_contact(s->w, s->f, CONTACT_EMAIL, text, address.len);
}

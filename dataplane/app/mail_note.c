/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/app/mail_note.h"

#include <strings.h>

#include "dataplane/engine/emit.h"

static const struct {
	const char *name;
	uint16_t field;
} kept[MAIL_NOTE_HEADERS] = {
	{"from", F_mail_text_from},
	{"to", F_mail_text_to},
	{"subject", F_mail_text_subject},
	{"message-id", F_mail_text_message_id},
};

static bool is_wanted(const struct worker *w)
{
	return w->config && w->config->file_analysis;
}

void mail_note_header(struct worker *w, struct mail_note *n, struct bytes name, struct bytes value)
{
	uint32_t len = value.len < MAIL_NOTE_HEADER_MAX ? value.len : MAIL_NOTE_HEADER_MAX;

	if (!is_wanted(w) || !len)
		return;
	for (unsigned i = 0; i < MAIL_NOTE_HEADERS; i++) {
		if (n->header[i] || name.len != strlen(kept[i].name) ||
		    strncasecmp((const char *)name.data, kept[i].name, name.len) != 0)
			continue;
		n->header[i] = heap_dup(&w->heap, value.data, len);
		n->header_len[i] = n->header[i] ? (uint16_t)len : 0;
		n->news = true;
	}
}

bool mail_note_wants(const struct worker *w, const struct mime *m)
{
	return is_wanted(w) && mime_is_attached(m);
}

void mail_note_part(struct mail_note *n, struct bytes name, enum mime_type type, bool attached)
{
	n->in_text = !name.len && !attached && (type == MIME_TEXT_PLAIN || type == MIME_TEXT_HTML || type == MIME_OTHER);
}

void mail_note_data(struct worker *w, struct mail_note *n, const uint8_t *data, uint32_t len)
{
	uint32_t room = MAIL_NOTE_TEXT_MAX - n->text_len;

	if (!n->in_text || !room || !is_wanted(w))
		return;
	if (!n->text)
		n->text = heap_alloc(&w->heap, MAIL_NOTE_TEXT_MAX);
	if (!n->text)
		return;
	len = len < room ? len : room;
	memcpy(n->text + n->text_len, data, len);
	n->text_len += len;
	n->news = true;
}

void mail_note_send(struct worker *w, struct flow *f, struct tx *tx, enum direction d, struct mail_note *n)
{
	struct recorder *r;

	if (!n->news)
		return;
	n->news = false;
	r = emit_flow(w, RECORD_mail_text, f, d, tx->id, NULL);
	if (!r)
		return;
	for (unsigned i = 0; i < MAIL_NOTE_HEADERS; i++)
		if (n->header[i])
			rec_bytes(r, (enum field_id)kept[i].field, n->header[i], n->header_len[i]);
	if (n->text_len)
		rec_bytes(r, F_mail_text_text, n->text, n->text_len);
	emit_end_bulk(w);
}

void mail_note_free(struct worker *w, struct mail_note *n)
{
	for (unsigned i = 0; i < MAIL_NOTE_HEADERS; i++)
		heap_free(&w->heap, n->header[i]);
	heap_free(&w->heap, n->text);
	*n = (struct mail_note){.text = NULL};
}

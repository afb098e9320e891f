/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the analysis of files wants to know of the mail that carries one (file_analysis.enabled): who wrote to whom about
 * what, and the first words of its text, among which may be the password of an archive. Goes to the bulk ring as a
 * record mail_text before the end of the first attachment. Runs in the worker that owns the flow.
 */
#ifndef APP_MAIL_NOTE_H
#define APP_MAIL_NOTE_H

#include "dataplane/app/app.h"
#include "dataplane/app/mime.h"

#define MAIL_NOTE_TEXT_MAX 2000u  /* bytes kept of the text */
#define MAIL_NOTE_HEADER_MAX 512u /* and of each header */
#define MAIL_NOTE_HEADERS 4u

/* All zeros: nothing yet. On the worker's heap. */
struct mail_note {
	uint8_t *header[MAIL_NOTE_HEADERS]; /* from, to, subject, message-id */
	uint16_t header_len[MAIL_NOTE_HEADERS];
	uint8_t *text;
	uint32_t text_len;
	bool in_text; /* the part being read is text without a name */
	bool news;    /* since it was last sent */
};

/* All do nothing unless files are analysed. */
void mail_note_header(struct worker *w, struct mail_note *n, struct bytes name, struct bytes value);
void mail_note_part(struct mail_note *n, struct bytes name, enum mime_type type, bool attached);
void mail_note_data(struct worker *w, struct mail_note *n, const uint8_t *data, uint32_t len);
/* Is a part without a name a file? Only where files are analysed: readers give it a name of their own. */
bool mail_note_wants(const struct worker *w, const struct mime *m);
/* An attachment or the mail ends. */
void mail_note_send(struct worker *w, struct flow *f, struct tx *tx, enum direction d, struct mail_note *n);
void mail_note_free(struct worker *w, struct mail_note *n);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pieces of MIME for the mail analyser: an entity's headers (RFC 2045, 2183, 2231), encoded words (RFC
 * 2047), transfer encodings, uuencoded files.
 */
#ifndef CONTROL_ANALYSIS_MIME_H
#define CONTROL_ANALYSIS_MIME_H

#include "control/analysis/analyser.h"

#define MIME_VALUE_MAX 512u
#define MIME_FILES_MAX 100u /* uuencoded ones in a text */

enum mime_encoding { MIME_PLAIN, MIME_BASE64, MIME_QUOTED, MIME_UUENCODE };

struct mime_entity {
	char type[MIME_VALUE_MAX];     /* lower case; "" not said */
	char name[MIME_VALUE_MAX];     /* of a file, decoded; "" */
	char boundary[MIME_VALUE_MAX];
	enum mime_encoding encoding;
	bool multipart;
};

/* name, value: of one unfolded header. */
void mime_entity_header(struct mime_entity *e, const char *name, const char *value);
/* Encoded words undone, as UTF-8 where the charset is UTF-8, Latin-1 or ASCII, else as they are. */
void mime_words(const char *value, char *out, size_t room);
/* The body as it is meant: borrowed when nothing is encoded, else a new buffer that the caller frees. */
struct bytes mime_decode(const struct mime_entity *e, struct bytes body, uint64_t room);
/* Files between "begin MODE NAME" and "end" become parts. */
void mime_uuencoded(struct analysis *a, struct part *p, struct bytes text);
/* Each word is a password to try. */
void mime_split_words(struct analysis *a, struct bytes text);
/* Words of a mail's text, those near "password" first. */
void mail_words(struct analysis *a, struct bytes text);

#endif

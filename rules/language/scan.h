/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading a keyword's argument: a run of the rule's text that shrinks from the left. Nothing is
 * copied, so that where a reading stopped is the place to complain about.
 */
#ifndef LANGUAGE_SCAN_H
#define LANGUAGE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct scan {
	const char *p, *end;
};

static inline size_t scan_left(const struct scan *s)
{
	return (size_t)(s->end - s->p);
}

static inline bool scan_done(const struct scan *s)
{
	return s->p >= s->end;
}

static inline bool char_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks on the left; on both sides. */
void scan_skip(struct scan *s);
void scan_trim(struct scan *s);
/* Takes c if it stands there (after blanks). */
bool scan_take(struct scan *s, char c);
/* Takes the text if it stands there, as written; no word boundary asked for. */
bool scan_take_text(struct scan *s, const char *text);
/* The part up to c (or the end), trimmed; s moves behind c. */
struct scan scan_until(struct scan *s, char c);
/* Letters, digits and _ - . */
struct scan scan_word(struct scan *s);
bool scan_is(const struct scan *s, const char *text);
bool scan_is_nocase(const struct scan *s, const char *text);
/* Decimal or 0x hexadecimal, at most max; the number alone, nothing consumed on failure. */
bool scan_number(struct scan *s, uint64_t max, uint64_t *out);
bool scan_signed(struct scan *s, int64_t min, int64_t max, int64_t *out);
/* The whole run is one number. */
bool scan_whole(struct scan s, uint64_t max, uint64_t *out);
bool scan_whole_signed(struct scan s, int64_t min, int64_t max, int64_t *out);

/* For "%.*s". */
#define SCAN_ARG(s) (int)((s)->end - (s)->p), (s)->p

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A growing run of bytes, and the JSON that is written into it by hand: the EVE writer and the
 * answers of the control socket are built here, at a rate that a general JSON library does not
 * reach. When memory runs out .failed is set and stays set; what is written after is ignored, so
 * a writer asks once at its end. Any thread; one owner.
 */
#ifndef CONTROL_BASE_TEXT_H
#define CONTROL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	uint8_t *data;
	size_t len, cap;
	bool failed;
};

/* Room for n more bytes at data + len; NULL when memory ran out. Does not change len. */
uint8_t *text_room(struct text *t, size_t n);
void text_free(struct text *t);

static inline void text_clear(struct text *t)
{
	t->len = 0;
	t->failed = false;
}

static inline void text_bytes(struct text *t, const void *data, size_t n)
{
	uint8_t *at = text_room(t, n);

	if (at && n) {
		memcpy(at, data, n);
		t->len += n;
	}
}

static inline void text_char(struct text *t, char c)
{
	uint8_t *at = text_room(t, 1);

	if (at) {
		*at = (uint8_t)c;
		t->len++;
	}
}

static inline void text_str(struct text *t, const char *s)
{
	text_bytes(t, s, strlen(s));
}

/* A terminated string; borrowed until the next write. "" when memory ran out. */
const char *text_cstr(struct text *t);
void text_uint(struct text *t, uint64_t v);
void text_int(struct text *t, int64_t v);
/* As short as it can be and still read back as the same number; always a valid JSON number. */
void text_float(struct text *t, double v);
void text_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_hex(struct text *t, const void *data, size_t n);
void text_base64(struct text *t, const void *data, size_t n);
/* ns since the epoch as 2024-01-31T09:30:00.123456+0000 (UTC). */
void text_time(struct text *t, uint64_t ns);

/* A JSON string with its quotes. Bytes that are not UTF-8: every byte beyond ASCII of the whole
 * string becomes \xnn (so written that JSON readers see a backslash, an x and two digits). */
void json_put_string(struct text *t, const void *data, size_t n);
void json_put_cstr(struct text *t, const char *s);
/* Not printable ASCII becomes '.', but CR and LF stay (escaped). */
void json_put_printable(struct text *t, const void *data, size_t n);
/* "key": with a comma before it unless an object or array was just opened. */
void json_key(struct text *t, const char *key);
/* A comma, unless an object or array was just opened. */
void json_comma(struct text *t);
void json_key_cstr(struct text *t, const char *key, const char *s);
void json_key_uint(struct text *t, const char *key, uint64_t v);
void json_key_bool(struct text *t, const char *key, bool v);
void json_key_time(struct text *t, const char *key, uint64_t ns);

#endif

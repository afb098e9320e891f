/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char hex_digits[] = "0123456789abcdef";

uint8_t *text_room(struct text *t, size_t n)
{
	size_t cap;
	uint8_t *data;

	if (t->failed)
		return NULL;
	if (t->cap - t->len >= n && t->data)
		return t->data + t->len;
	cap = t->cap ? t->cap : 256;
	while (cap - t->len < n)
		cap *= 2;
	data = realloc(t->data, cap);
	if (!data) {
		t->failed = true;
		return NULL;
	}
	t->data = data;
	t->cap = cap;
	return t->data + t->len;
}

void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}

const char *text_cstr(struct text *t)
{
	uint8_t *at = text_room(t, 1);

	if (!at)
		return "";
	*at = 0;
	return (const char *)t->data;
}

void text_uint(struct text *t, uint64_t v)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[sizeof(digits) - ++n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	text_bytes(t, digits + sizeof(digits) - n, n);
}

void text_int(struct text *t, int64_t v)
{
	if (v < 0)
		text_char(t, '-');
	text_uint(t, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void text_float(struct text *t, double v)
{
	char digits[40];

	if (!isfinite(v))
		v = 0;
	snprintf(digits, sizeof(digits), "%.15g", v);
	if (strtod(digits, NULL) != v)
		snprintf(digits, sizeof(digits), "%.17g", v);
	text_str(t, digits);
	if (!strpbrk(digits, ".e"))
		text_str(t, ".0");
}

void text_format(struct text *t, const char *format, ...)
{
	va_list args;
	uint8_t *at = text_room(t, 512);
	int n;

	if (!at)
		return;
	va_start(args, format);
	n = vsnprintf((char *)at, t->cap - t->len, format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= t->cap - t->len) {
		at = text_room(t, (size_t)n + 1);
		if (!at)
			return;
		va_start(args, format);
		vsnprintf((char *)at, (size_t)n + 1, format, args);
		va_end(args);
	}
	t->len += (size_t)n;
}

void text_hex(struct text *t, const void *data, size_t n)
{
	const uint8_t *b = data;
	uint8_t *at = text_room(t, 2 * n);

	if (!at)
		return;
	for (size_t i = 0; i < n; i++) {
		*at++ = (uint8_t)hex_digits[b[i] >> 4];
		*at++ = (uint8_t)hex_digits[b[i] & 15];
	}
	t->len += 2 * n;
}

void text_base64(struct text *t, const void *data, size_t n)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *b = data;
	uint8_t *start = text_room(t, (n + 2) / 3 * 4), *at = start;
	size_t i;

	if (!at)
		return;
	for (i = 0; i + 3 <= n; i += 3) {
		uint32_t v = (uint32_t)b[i] << 16 | (uint32_t)b[i + 1] << 8 | b[i + 2];

		*at++ = (uint8_t)alphabet[v >> 18];
		*at++ = (uint8_t)alphabet[v >> 12 & 63];
		*at++ = (uint8_t)alphabet[v >> 6 & 63];
		*at++ = (uint8_t)alphabet[v & 63];
	}
	if (i < n) {
		uint32_t v = (uint32_t)b[i] << 16 | (i + 1 < n ? (uint32_t)b[i + 1] << 8 : 0);

		*at++ = (uint8_t)alphabet[v >> 18];
		*at++ = (uint8_t)alphabet[v >> 12 & 63];
		*at++ = i + 1 < n ? (uint8_t)alphabet[v >> 6 & 63] : '=';
		*at++ = '=';
	}
	t->len += (size_t)(at - start);
}

static void put_digits(char *at, unsigned v, int n)
{
	while (n--) {
		at[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

void text_time(struct text *t, uint64_t ns)
{
	static _Thread_local uint64_t last_minute = UINT64_MAX;
	static _Thread_local char prefix[20]; /* up to the seconds, of last_minute */
	uint64_t seconds = ns / 1000000000u;
	char *at = (char *)text_room(t, 32);

	if (!at)
		return;
	if (seconds / 60 != last_minute) {
		time_t when = (time_t)seconds;
		struct tm tm;

		gmtime_r(&when, &tm);
		strftime(prefix, sizeof(prefix), "%Y-%m-%dT%H:%M:", &tm);
		last_minute = seconds / 60;
	}
	memcpy(at, prefix, 17);
	put_digits(at + 17, (unsigned)(seconds % 60), 2);
	at[19] = '.';
	put_digits(at + 20, (unsigned)(ns % 1000000000u / 1000), 6);
	memcpy(at + 26, "+0000", 5);
	t->len += 31;
}

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7); 0 if there is none. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static bool utf8_valid(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t one = utf8_length(p + i, n - i);

		if (!one)
			return false;
		i += one;
	}
	return true;
}

/* One escaped byte below 0x20, or a quote or backslash. Returns past it. */
static uint8_t *put_escape(uint8_t *at, uint8_t c)
{
	static const char short_form[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

	*at++ = '\\';
	if (c >= 0x20) {
		*at++ = c;
	} else if (short_form[c]) {
		*at++ = (uint8_t)short_form[c];
	} else {
		memcpy(at, "u00", 3);
		at[3] = (uint8_t)hex_digits[c >> 4];
		at[4] = (uint8_t)hex_digits[c & 15];
		at += 5;
	}
	return at;
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

void json_put_string(struct text *t, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint8_t *start = text_room(t, 6 * n + 2), *at = start;
	bool high = false, spell;

	if (!at)
		return;
	for (size_t i = 0; i < n; i++)
		high |= p[i] >= 0x80;
	spell = high && !utf8_valid(p, n);
	*at++ = '"';
	for (size_t i = 0; i < n; i++) {
		if (spell && p[i] >= 0x80) {
			memcpy(at, "\\\\x", 3);
			at[3] = (uint8_t)hex_digits[p[i] >> 4];
			at[4] = (uint8_t)hex_digits[p[i] & 15];
			at += 5;
		} else if (is_plain(p[i])) {
			*at++ = p[i];
		} else {
			at = put_escape(at, p[i]);
		}
	}
	*at++ = '"';
	t->len += (size_t)(at - start);
}

void json_put_cstr(struct text *t, const char *s)
{
	json_put_string(t, s, strlen(s));
}

void json_put_printable(struct text *t, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint8_t *start = text_room(t, 2 * n + 2), *at = start;

	if (!at)
		return;
	*at++ = '"';
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r' || p[i] == '\n' || p[i] == '"' || p[i] == '\\')
			at = put_escape(at, p[i]);
		else
			*at++ = p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '.';
	}
	*at++ = '"';
	t->len += (size_t)(at - start);
}

void json_comma(struct text *t)
{
	if (t->len && t->data[t->len - 1] != '{' && t->data[t->len - 1] != '[')
		text_char(t, ',');
}

void json_key(struct text *t, const char *key)
{
	json_comma(t);
	json_put_cstr(t, key);
	text_char(t, ':');
}

void json_key_cstr(struct text *t, const char *key, const char *s)
{
	json_key(t, key);
	json_put_cstr(t, s);
}

void json_key_uint(struct text *t, const char *key, uint64_t v)
{
	json_key(t, key);
	text_uint(t, v);
}

void json_key_bool(struct text *t, const char *key, bool v)
{
	json_key(t, key);
	text_str(t, v ? "true" : "false");
}

void json_key_time(struct text *t, const char *key, uint64_t ns)
{
	json_key(t, key);
	text_char(t, '"');
	text_time(t, ns);
	text_char(t, '"');
}

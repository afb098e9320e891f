/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transforms: what a rule wants done to a buffer before it looks at it. Results live in the worker's
 * arena until the transaction has been inspected; a buffer that does not fit there counts as absent.
 * Runs in the workers.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/digit.h"
#include "dataplane/detect/script.h"
#include "dataplane/detect/transform.h"

/* Room for n bytes; NULL when the arena is full. */
static uint8_t *arena_take(struct detect_state *s, uint32_t n)
{
	uint8_t *at = s->arena + s->arena_used;

	if (n > TRANSFORM_ARENA_BYTES - s->arena_used)
		return NULL;
	s->arena_used += n;
	return at;
}

static uint32_t fold_all(const struct buffer_view *in, uint8_t *out, bool upper)
{
	for (uint32_t i = 0; i < in->len; i++)
		out[i] = (uint8_t)(upper ? toupper(in->data[i]) : tolower(in->data[i]));
	return in->len;
}

/* Names of headers: from the start of a line to its colon. */
static uint32_t header_names_fold(const struct buffer_view *in, uint8_t *out)
{
	bool name = true;

	for (uint32_t i = 0; i < in->len; i++) {
		uint8_t c = in->data[i];

		if (c == ':')
			name = false;
		else if (c == '\n')
			name = true;
		out[i] = name ? fold_byte(c) : c;
	}
	return in->len;
}

static uint32_t white_space_strip(const struct buffer_view *in, uint8_t *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->len; i++)
		if (!isspace(in->data[i]))
			out[n++] = in->data[i];
	return n;
}

static uint32_t white_space_compress(const struct buffer_view *in, uint8_t *out)
{
	uint32_t n = 0;
	bool before = false;

	for (uint32_t i = 0; i < in->len; i++) {
		bool space = isspace(in->data[i]);

		if (!space || !before)
			out[n++] = in->data[i];
		before = space;
	}
	return n;
}

/* Lines that begin with a colon are left out. */
static uint32_t pseudo_headers_strip(const struct buffer_view *in, uint8_t *out)
{
	uint32_t n = 0, i = 0;

	while (i < in->len) {
		const uint8_t *line = in->data + i;
		const uint8_t *end = memchr(line, '\n', in->len - i);
		uint32_t len = end ? (uint32_t)(end - line) + 1 : in->len - i;

		if (line[0] != ':') {
			memcpy(out + n, line, len);
			n += len;
		}
		i += len;
	}
	return n;
}

static uint32_t url_decode(const struct buffer_view *in, uint8_t *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->len; i++) {
		uint8_t c = in->data[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%' && i + 2 < in->len && hex_digit(in->data[i + 1]) >= 0 &&
			   hex_digit(in->data[i + 2]) >= 0) {
			c = (uint8_t)(hex_digit(in->data[i + 1]) << 4 | hex_digit(in->data[i + 2]));
			i += 2;
		}
		out[n++] = c;
	}
	return n;
}

static uint32_t xor_with(const struct buffer_view *in, const struct bytes *key, uint8_t *out)
{
	for (uint32_t i = 0; i < in->len; i++)
		out[i] = key->len ? in->data[i] ^ key->data[i % key->len] : in->data[i];
	return in->len;
}

/* Room for what the transform may write; 0: it narrows the view in its place. */
static uint32_t room_of(const struct transform *t, const struct buffer_view *view)
{
	switch ((enum transform_kind)t->kind) {
	case TRANSFORM_pcrexform:
	case TRANSFORM_domain:
	case TRANSFORM_tld:
		return 0;
	case TRANSFORM_to_md5:
	case TRANSFORM_to_sha1:
	case TRANSFORM_to_sha256:
		return HASH_BYTES_MAX;
	case TRANSFORM_gunzip:
	case TRANSFORM_zlib_deflate:
		return t->bytes;
	default:
		return view->len + 1;
	}
}

/* Those that write. The length; 0 where nothing came of it. */
static uint32_t transform_write(struct detect_state *s, const struct transform *t, const struct buffer_view *view,
				uint8_t *out)
{
	switch ((enum transform_kind)t->kind) {
	case TRANSFORM_dotprefix:
		out[0] = '.';
		memcpy(out + 1, view->data, view->len);
		return view->len + 1;
	case TRANSFORM_to_lowercase:
		return fold_all(view, out, false);
	case TRANSFORM_to_uppercase:
		return fold_all(view, out, true);
	case TRANSFORM_header_lowercase:
		return header_names_fold(view, out);
	case TRANSFORM_strip_whitespace:
		return white_space_strip(view, out);
	case TRANSFORM_compress_whitespace:
		return white_space_compress(view, out);
	case TRANSFORM_strip_pseudo_headers:
		return pseudo_headers_strip(view, out);
	case TRANSFORM_url_decode:
		return url_decode(view, out);
	case TRANSFORM_xor:
		return xor_with(view, &t->argument, out);
	case TRANSFORM_to_md5:
	case TRANSFORM_to_sha1:
	case TRANSFORM_to_sha256:
		return transform_hash(t->kind, view, out);
	case TRANSFORM_from_base64:
		return transform_base64(t, view, out);
	case TRANSFORM_gunzip:
	case TRANSFORM_zlib_deflate:
		return transform_inflate(t, view, &s->inflate, out);
	default:
		return 0;
	}
}

/* A buffer that cannot be decoded, or of which the expression captures nothing, stays as it is. */
static bool keeps_undecoded(unsigned kind)
{
	return kind == TRANSFORM_from_base64 || kind == TRANSFORM_gunzip || kind == TRANSFORM_zlib_deflate;
}

static bool transform_run(struct detect_state *s, const struct transform *t, pcre2_code *code,
			  struct buffer_view *view)
{
	uint32_t room = room_of(t, view), before = s->arena_used, n;
	uint8_t *out;

	if (t->kind == TRANSFORM_luaxform)
		return script_transform(s, t->script, view);
	if (t->kind == TRANSFORM_pcrexform)
		transform_capture(code, &s->chain, view);
	if (t->kind == TRANSFORM_domain || t->kind == TRANSFORM_tld)
		transform_name(t->kind, view);
	if (!room)
		return true;
	out = arena_take(s, room);
	if (!out)
		return false;
	n = transform_write(s, t, view, out);
	s->arena_used = before + n;
	if (!n && keeps_undecoded(t->kind))
		return true;
	view->data = out;
	view->len = n;
	return true;
}

bool transforms_run(struct detect_state *s, const struct transforms *t, struct buffer_view *view)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (!transform_run(s, &t->items[i], t->codes ? t->codes[i] : NULL, view))
			return false;
	return true;
}

/* ---- main thread ---- */

static pcre2_code *capture_compile(const struct bytes *pattern)
{
	PCRE2_SIZE at;
	int rc;
	pcre2_code *code = pcre2_compile(pattern->data, pattern->len, 0, &rc, &at, NULL);

	if (code)
		pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return code;
}

bool transforms_make(struct transforms *t, const struct rule_buffer *buffer, char *error, size_t error_size)
{
	*t = (struct transforms){.items = buffer->transforms, .count = buffer->transform_count};
	for (uint32_t i = 0; i < t->count; i++) {
		const struct transform *one = &t->items[i];

		if (one->kind == TRANSFORM_none) {
			snprintf(error, error_size, "a transform of %s is not supported by this engine",
				 buffer->name);
			transforms_free(t);
			return false;
		}
		if (one->kind != TRANSFORM_pcrexform)
			continue;
		if (!t->codes)
			t->codes = calloc(t->count, sizeof(pcre2_code *));
		if (t->codes)
			t->codes[i] = capture_compile(&one->argument);
		if (!t->codes || !t->codes[i]) {
			snprintf(error, error_size, "not enough memory for an expression");
			transforms_free(t);
			return false;
		}
	}
	return true;
}

void transforms_free(struct transforms *t)
{
	for (uint32_t i = 0; t->codes && i < t->count; i++)
		pcre2_code_free(t->codes[i]);
	free(t->codes);
	t->codes = NULL;
}

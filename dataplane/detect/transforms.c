/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transforms: what a rule wants done to a buffer before it looks at it. Results live in the worker's
 * arena until the transaction has been inspected; a buffer that does not fit there counts as absent.
 * Runs in the workers.
 */
#include <ctype.h>
#include <string.h>

#include "dataplane/detect/program.h"

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

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = fold_byte(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
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

bool transform_known(unsigned kind)
{
	switch (kind) {
	case TRANSFORM_dotprefix:
	case TRANSFORM_to_lowercase:
	case TRANSFORM_to_uppercase:
	case TRANSFORM_header_lowercase:
	case TRANSFORM_strip_whitespace:
	case TRANSFORM_compress_whitespace:
	case TRANSFORM_strip_pseudo_headers:
	case TRANSFORM_url_decode:
	case TRANSFORM_xor:
		return true;
	default:
		return false;
	}
}

static bool transform_run(struct detect_state *s, const struct transform *t,
			  struct buffer_view *view)
{
	uint8_t *out = arena_take(s, view->len + 1);

	if (!out)
		return false;
	switch ((enum transform_kind)t->kind) {
	case TRANSFORM_dotprefix:
		out[0] = '.';
		memcpy(out + 1, view->data, view->len);
		view->len++;
		break;
	case TRANSFORM_to_lowercase:
		view->len = fold_all(view, out, false);
		break;
	case TRANSFORM_to_uppercase:
		view->len = fold_all(view, out, true);
		break;
	case TRANSFORM_header_lowercase:
		view->len = header_names_fold(view, out);
		break;
	case TRANSFORM_strip_whitespace:
		view->len = white_space_strip(view, out);
		break;
	case TRANSFORM_compress_whitespace:
		view->len = white_space_compress(view, out);
		break;
	case TRANSFORM_strip_pseudo_headers:
		view->len = pseudo_headers_strip(view, out);
		break;
	case TRANSFORM_url_decode:
		view->len = url_decode(view, out);
		break;
	case TRANSFORM_xor:
		view->len = xor_with(view, &t->argument, out);
		break;
	default:
		return false;
	}
	view->data = out;
	return true;
}

bool transforms_run(struct detect_state *s, const struct program_buffer *b, struct buffer_view *view)
{
	for (uint32_t i = 0; i < b->transform_count; i++)
		if (!transform_run(s, &b->transforms[i], view))
			return false;
	return true;
}

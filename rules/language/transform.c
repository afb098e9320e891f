/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transforms of the buffer that is about to be used.
 */
#include <ctype.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rules/language/draft.h"
#include "rules/language/parsers.h"

#define TRANSFORM_INFLATE_DEFAULT 1024
#define TRANSFORM_INFLATE_MAX (1u << 20)

static const char *const transform_names[TRANSFORM_COUNT] = {
	[TRANSFORM_none] = "",
#define TRANSFORM(id, name, doc) [TRANSFORM_##id] = name,
#include "rules/language/transforms.def"
#undef TRANSFORM
};

struct transform *transform_add(struct draft *d, const struct keyword_row *row)
{
	struct transform *t;

	if (!d->wanted && d->current >= 0) {
		/* Behind conditions it begins another use of the same buffer. */
		const struct draft_buffer *b = &d->buffers[d->current];

		d->wanted = b->row;
		d->wanted_name = b->name;
		d->wanted_at = d->at;
		d->transform_count = b->transform_count;
		memcpy(d->transforms, b->transforms, b->transform_count * sizeof(*b->transforms));
	}
	if (!d->wanted) {
		draft_fail(d, NULL, "put it directly behind a buffer such as http.uri",
			   "%s: there is no buffer before it", row->name);
		return NULL;
	}
	if (d->transform_count == RULE_TRANSFORMS_MAX) {
		draft_fail(d, NULL, "use fewer", "more than %d transforms", RULE_TRANSFORMS_MAX);
		return NULL;
	}
	t = &d->transforms[d->transform_count++];
	*t = (struct transform){0};
	for (uint8_t i = 1; i < TRANSFORM_COUNT; i++)
		if (strcmp(transform_names[i], row->name) == 0)
			t->kind = i;
	return t;
}

bool parse_transform(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)arg;
	return transform_add(d, row) != NULL;
}

/* Keeps the argument as text. NULL: a problem was noted. */
static struct transform *transform_text(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct transform *t = transform_add(d, row);

	if (!t)
		return NULL;
	scan_trim(arg);
	t->argument = (struct bytes){(const uint8_t *)draft_text(d, arg), (uint32_t)scan_left(arg)};
	if (t->argument.data)
		return t;
	draft_no_memory(d);
	return NULL;
}

bool parse_transform_xor(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct transform *t;
	uint8_t key[RULE_TEXT_MAX];
	size_t n = scan_left(arg);

	if (n % 2 || n == 0 || n / 2 > 255)
		return draft_fail(d, arg->p, "write hex digits, two for each byte of the key",
				  "xor: the key is not of whole bytes, or longer than 255");
	for (size_t i = 0; i < n; i++) {
		char c = arg->p[i];
		int v = isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;

		if (!isxdigit((unsigned char)c))
			return draft_fail(d, arg->p + i, "write hex digits",
					  "xor: \"%c\" is no hex digit", c);
		key[i / 2] = (uint8_t)(i % 2 ? key[i / 2] | v : v << 4);
	}
	t = transform_add(d, row);
	if (!t)
		return false;
	t->argument = (struct bytes){arena_copy(d->l->arena, key, n / 2), (uint32_t)(n / 2)};
	return t->argument.data || draft_no_memory(d);
}

static bool base64_mode_read(const struct scan *word, uint8_t *mode)
{
	static const char *const names[] = {"rfc4648", "rfc2045", "strict"};

	for (*mode = 0; *mode <= BASE64_STRICT; (*mode)++)
		if (scan_is(word, names[*mode]))
			return true;
	return false;
}

/* bytes N, offset N, mode rfc4648|rfc2045|strict */
bool parse_transform_from_base64(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg;
	struct transform read = {.mode = BASE64_RFC4648}, *t;

	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), word = scan_word(&part);
		uint64_t n;

		scan_trim(&part);
		if (scan_is(&word, "mode") && base64_mode_read(&part, &read.mode))
			continue;
		if ((scan_is(&word, "bytes") || scan_is(&word, "offset")) && scan_whole(part, UINT32_MAX, &n)) {
			*(scan_is(&word, "bytes") ? &read.bytes : &read.offset) = (uint32_t)n;
			continue;
		}
		return draft_fail(d, word.p, "write bytes N, offset N, mode rfc4648|rfc2045|strict",
				  "from_base64: \"%.*s\" is not understood", SCAN_ARG(&word));
	}
	t = transform_text(d, row, &whole);
	if (t) {
		t->mode = read.mode;
		t->bytes = read.bytes;
		t->offset = read.offset;
	}
	return t != NULL;
}

bool parse_transform_pcrexform(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	uint32_t captures = 0;
	pcre2_code *code;
	int error;
	size_t offset;

	code = pcre2_compile((PCRE2_SPTR)arg->p, scan_left(arg), 0, &error, &offset, NULL);
	if (!code)
		return draft_fail(d, arg->p + (offset <= scan_left(arg) ? offset : 0),
				  "correct the expression",
				  "pcrexform: the expression is wrong here");
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &captures);
	pcre2_code_free(code);
	if (captures != 1)
		return draft_fail(d, arg->p, "put ( ) around the part to keep",
				  "pcrexform: the expression has %u captures instead of one",
				  captures);
	return transform_text(d, row, arg) != NULL;
}

static bool transform_limit(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg;
	uint64_t max = TRANSFORM_INFLATE_DEFAULT;
	struct transform *t;

	scan_trim(arg);
	if (!scan_done(arg) &&
	    (!scan_take_text(arg, "max-size") || !scan_whole(*arg, TRANSFORM_INFLATE_MAX, &max) || !max))
		return draft_fail(d, arg->p, "write max-size and a number of bytes, at most 1048576",
				  "%s: \"%.*s\" is not understood", row->name, SCAN_ARG(arg));
	t = transform_text(d, row, &whole);
	if (t)
		t->bytes = (uint32_t)max;
	return t != NULL;
}

bool parse_transform_gunzip(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return transform_limit(d, row, arg);
}

bool parse_transform_zlib_deflate(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return transform_limit(d, row, arg);
}

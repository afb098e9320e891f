/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions made from the input's first bytes, run over the rest of them: nothing may be read
 * outside the buffer, and every run ends.
 */
#include <assert.h>
#include <stdlib.h>

#include "dataplane/detect/chain.h"
#include "rules/arena.h"

#define MATCHES_MAX 12

static const char *const expressions[] = {"a+b", "^[0-9a-f]{2,8}", "(x|y)*z$", "\\x00.{0,4}\\xff",
					  "(a)\\1", "(?=ab)a", "(a+)+$", "."};

/* The second group is in none of the expressions. */
static const struct match_capture captured[] = {{CAPTURE_FLOW, 1, "a"}, {CAPTURE_PACKET, 2, "b"}};

static uint8_t take(struct cursor *c)
{
	return cursor_u8(c);
}

static struct rule_number number(struct cursor *c)
{
	uint8_t kind = take(c);

	if ((kind & 7) == 7)
		return (struct rule_number){.variable = kind >> 4};
	if ((kind & 7) == 6)
		return (struct rule_number){(int64_t)(int32_t)cursor_be32(c), -1};
	return (struct rule_number){(int8_t)take(c), -1};
}

static void content_make(struct match *m, struct cursor *c)
{
	uint32_t len = 1 + take(c) % 6;
	const uint8_t *text = cursor_peek(c, len);

	m->keyword = KEYWORD_content;
	m->u.content.pattern = (struct bytes){text ? text : (const uint8_t *)"a", text ? len : 1};
	if (text)
		cursor_skip(c, len);
	m->u.content.flags = cursor_be16(c) & 0xff;
	m->u.content.offset = number(c);
	m->u.content.depth = number(c);
	m->u.content.distance = number(c);
	m->u.content.within = number(c);
}

static void byte_make(struct match *m, struct cursor *c, uint16_t keyword)
{
	static const char ops[] = "+-*/<>";

	m->keyword = keyword;
	m->u.byte.count = number(c);
	m->u.byte.offset = number(c);
	m->u.byte.value = number(c);
	m->u.byte.flags = take(c);
	m->u.byte.multiplier = take(c);
	m->u.byte.post_offset = (int8_t)take(c);
	m->u.byte.bitmask = take(c) & 1 ? cursor_be32(c) : 0;
	m->u.byte.align = take(c) & 4;
	m->u.byte.base = (uint8_t[]){0, 8, 10, 16}[take(c) & 3];
	m->u.byte.op = keyword == KEYWORD_byte_math ? (uint8_t)ops[take(c) % 6] : take(c) % 7;
	m->u.byte.variable = keyword == KEYWORD_byte_extract || keyword == KEYWORD_byte_math
				     ? take(c) % RULE_VARIABLES_MAX
				     : -1;
}

static void match_make(struct match *m, struct cursor *c)
{
	static const uint16_t bytes[] = {KEYWORD_byte_test, KEYWORD_byte_jump, KEYWORD_byte_extract,
					 KEYWORD_byte_math};
	uint8_t kind = take(c) % 16;

	*m = (struct match){0};
	switch (kind) {
	case 0:
		m->keyword = KEYWORD_pcre;
		m->u.pcre.pattern = expressions[take(c) % 8];
		m->u.pcre.pattern_len = (uint32_t)strlen(m->u.pcre.pattern);
		m->u.pcre.flags = take(c) & 7;
		break;
	case 1:
		m->keyword = KEYWORD_isdataat;
		m->u.isdataat.at = number(c);
		m->u.isdataat.relative = take(c) & 1;
		m->u.isdataat.negated = take(c) & 1;
		break;
	case 2:
		m->keyword = KEYWORD_bsize;
		m->u.number = (struct number_test){take(c) % 10, take(c), take(c)};
		break;
	case 3:
		m->keyword = KEYWORD_base64_decode;
		m->u.base64 = (struct match_base64){take(c), take(c), take(c) & 1};
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		byte_make(m, c, bytes[kind - 4]);
		break;
	case 8:
		m->keyword = KEYWORD_asn1;
		kind = take(c);
		m->u.asn1 = (struct match_asn1){kind & 1, kind & 2, kind & 4, kind & 8, take(c), (int8_t)take(c)};
		break;
	case 9:
		m->keyword = KEYWORD_entropy;
		m->u.entropy = (struct match_entropy){take(c), take(c), take(c) % 8, "content", take(c) / 32.0, take(c) / 32.0};
		break;
	case 10:
		m->keyword = KEYWORD_pcre;
		m->u.pcre.pattern = expressions[2 + take(c) % 3 * 2];
		m->u.pcre.pattern_len = (uint32_t)strlen(m->u.pcre.pattern);
		m->u.pcre.capture_count = 2;
		m->u.pcre.captures = captured;
		break;
	default:
		content_make(m, c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct chain_scratch *scratch;
	struct cursor c = cursor_of(data, size);
	struct match matches[MATCHES_MAX], inner[2];
	struct rule_buffer buffer = {.name = "payload", .matches = matches};
	struct rule_buffer base64 = {.name = "base64_data", .matches = inner, .match_count = 2};
	struct chain_input in = {0};
	char error[200];
	struct expressions *all;
	struct arena *arena;
	struct chain *chain;

	if (!scratch) {
		scratch = calloc(1, sizeof(*scratch));
		assert(scratch && chain_scratch_init(scratch) == 0);
	}
	buffer.match_count = 1 + take(&c) % MATCHES_MAX;
	for (uint32_t i = 0; i < buffer.match_count; i++)
		match_make(&matches[i], &c);
	for (unsigned i = 0; i < 2; i++)
		content_make(&inner[i], &c);
	in.end = take(&c) & 1;
	in.offset = take(&c) & 1 ? cursor_be16(&c) : 0;
	in.len = (uint32_t)cursor_left(&c);
	/* A copy of its own, so that a read past the end is seen. */
	uint8_t *copy = malloc(in.len ? in.len : 1);

	memcpy(copy, c.p, in.len);
	in.data = copy;
	all = expressions_new();
	arena = arena_new(0);
	assert(all && arena);
	chain = chain_compile(&buffer, &base64, arena, all, error, sizeof(error));
	if (chain) {
		chain_packet_begin(scratch);
		chain_run(scratch, chain, &in);
		for (unsigned i = 0; i < scratch->capture_count; i++)
			assert(scratch->captures[i].data + scratch->captures[i].len <=
			       scratch->text + scratch->text_used);
	}
	arena_free(arena);
	expressions_free(all);
	free(copy);
	return 0;
}

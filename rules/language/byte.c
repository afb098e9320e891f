/* SPDX-License-Identifier: BSD-3-Clause
 *
 * isdataat, byte_test, byte_jump, byte_extract, byte_math, base64_decode: conditions that read
 * numbers out of a buffer or look at a place in it.
 */
#include <ctype.h>
#include <string.h>

#include "rules/language/draft.h"
#include "rules/language/parsers.h"

#define BYTE_OFFSET_MAX 65535
#define BYTES_MAX 8         /* of a binary number */
#define BYTES_STRING_MAX 23 /* digits of a number in text */

/* The buffer: the sticky one; relative ones follow the condition before; else payload. */
static int byte_buffer(struct draft *d, bool relative)
{
	return relative ? draft_buffer_relative(d) : draft_buffer_current(d);
}

/* Number or variable. */
static bool byte_number(struct draft *d, const struct keyword_row *row, struct scan part,
			int buffer, int64_t min, int64_t max, struct rule_number *out)
{
	int variable;

	*out = (struct rule_number){0, -1};
	if (scan_whole_signed(part, min, max, &out->value))
		return true;
	if (scan_done(&part) || isdigit((unsigned char)*part.p) || *part.p == '-')
		return draft_fail(d, part.p, "correct the number",
				  "%s: \"%.*s\" is no number from %lld to %lld", row->name,
				  SCAN_ARG(&part), (long long)min, (long long)max);
	variable = draft_variable_find(d, &part, buffer);
	if (variable < 0)
		return draft_fail(d, part.p, "extract it before, in the same buffer",
				  "%s: no byte_extract or byte_math before it sets %.*s", row->name,
				  SCAN_ARG(&part));
	out->variable = (int16_t)variable;
	return true;
}

/* A word that all byte keywords share. false: not one of them. */
static bool byte_option(struct match_byte *b, struct scan *part)
{
	static const struct {
		const char *name;
		uint32_t flag;
		uint8_t base;
	} words[] = {
		{"relative", BYTE_RELATIVE, 0},
		{"little", BYTE_LITTLE, 0},
		{"big", 0, 0},
		{"string", BYTE_STRING, 0},
		{"dce", BYTE_DCE, 0},
		{"hex", 0, 16},
		{"dec", 0, 10},
		{"oct", 0, 8},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!scan_is(part, words[i].name))
			continue;
		b->flags |= words[i].flag;
		if (words[i].base)
			b->base = words[i].base;
		return true;
	}
	return false;
}

static bool byte_bitmask(struct draft *d, const struct keyword_row *row, struct match_byte *b,
			 struct scan part)
{
	uint64_t mask;

	if (!scan_whole(part, UINT32_MAX, &mask) || !mask)
		return draft_fail(d, part.p, "write a number such as 0xff00",
				  "%s: \"%.*s\" is no bit mask", row->name, SCAN_ARG(&part));
	b->bitmask = (uint32_t)mask;
	return true;
}

static bool byte_unknown(struct draft *d, const struct keyword_row *row, const struct scan *part)
{
	return draft_fail(d, part->p, "remove it", "%s: \"%.*s\" is no option of it", row->name,
			  SCAN_ARG(part));
}

/* Is the word somewhere in the argument? What is relative must be known before variables are. */
static bool argument_has(struct scan arg, const char *word)
{
	while (!scan_done(&arg)) {
		struct scan part = scan_until(&arg, ',');

		if (scan_is(&part, word))
			return true;
	}
	return false;
}

/* How many bytes may be read. */
static bool byte_check_count(struct draft *d, const struct keyword_row *row,
			     const struct match_byte *b, const char *at)
{
	int64_t max = b->flags & BYTE_STRING ? BYTES_STRING_MAX : BYTES_MAX;

	if (b->count.variable < 0 && (b->count.value < 1 || b->count.value > max))
		if (!(b->count.value == 0 &&
		      (keyword_id(row) == KEYWORD_byte_jump || (b->flags & BYTE_STRING))))
			return draft_fail(d, at, "correct the number",
					  "%s: %lld bytes cannot be read, 1 to %lld can", row->name,
					  (long long)b->count.value, (long long)max);
	if (b->flags & BYTE_DCE) {
		if (b->flags & (BYTE_LITTLE | BYTE_STRING))
			return draft_fail(d, at, "remove one", "%s: dce says the byte order itself",
					  row->name);
		return draft_apps(d, "dcerpc smb", "dce");
	}
	return true;
}

static struct match *byte_add(struct draft *d, const struct keyword_row *row, int buffer,
			      const struct match_byte *b)
{
	struct match *m = draft_add_bytes(d, buffer, keyword_id(row));

	if (m)
		m->u.byte = *b;
	return m;
}

static void byte_init(struct match_byte *b)
{
	*b = (struct match_byte){.variable = -1};
	b->count.variable = b->offset.variable = b->value.variable = -1;
}

static bool byte_test_operator(struct draft *d, struct match_byte *b, struct scan part)
{
	static const struct {
		const char *name;
		enum byte_op op;
	} ops[] = {{"<=", BYTE_LESS_EQUAL}, {">=", BYTE_GREATER_EQUAL}, {"<", BYTE_LESS},
		   {">", BYTE_GREATER},     {"=", BYTE_EQUAL},          {"&", BYTE_AND},
		   {"^", BYTE_OR}};

	if (scan_take(&part, '!')) {
		b->flags |= BYTE_NEGATED;
		scan_skip(&part);
		if (scan_done(&part))
			return true; /* "!" alone: not equal */
	}
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (scan_is(&part, ops[i].name)) {
			b->op = (uint8_t)ops[i].op;
			return true;
		}
	return draft_fail(d, part.p, "use < > = <= >= & or ^, with ! before to negate",
			  "byte_test: \"%.*s\" is no operator", SCAN_ARG(&part));
}

bool parse_byte_test(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	bool relative = argument_has(*arg, "relative");
	int buffer = byte_buffer(d, relative);
	struct scan count = scan_until(arg, ','), op = scan_until(arg, ','),
		    value = scan_until(arg, ','), offset = scan_until(arg, ',');
	struct match_byte b;

	if (buffer < 0)
		return false;
	byte_init(&b);
	b.op = BYTE_EQUAL;
	if (!byte_number(d, row, count, buffer, 0, BYTES_STRING_MAX, &b.count) ||
	    !byte_test_operator(d, &b, op) ||
	    !byte_number(d, row, value, buffer, -INT64_MAX, INT64_MAX, &b.value) ||
	    !byte_number(d, row, offset, buffer, INT32_MIN, INT32_MAX, &b.offset))
		return false;
	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ',');

		if (scan_take_text(&part, "bitmask ")) {
			if (!byte_bitmask(d, row, &b, part))
				return false;
		} else if (!byte_option(&b, &part)) {
			return byte_unknown(d, row, &part);
		}
	}
	return byte_check_count(d, row, &b, count.p) && byte_add(d, row, buffer, &b);
}

static bool byte_jump_option(struct draft *d, const struct keyword_row *row, struct match_byte *b,
			     struct scan part, int buffer)
{
	struct rule_number n;

	if (scan_is(&part, "align")) {
		b->flags |= BYTE_ALIGN;
	} else if (scan_is(&part, "from_beginning")) {
		b->flags |= BYTE_FROM_BEGINNING;
	} else if (scan_is(&part, "from_end")) {
		b->flags |= BYTE_FROM_END;
	} else if (scan_take_text(&part, "bitmask ")) {
		return byte_bitmask(d, row, b, part);
	} else if (scan_take_text(&part, "multiplier ")) {
		if (!byte_number(d, row, part, buffer, 1, 65535, &n))
			return false;
		b->multiplier = (uint32_t)n.value;
	} else if (scan_take_text(&part, "post_offset ")) {
		int64_t post;

		if (!scan_whole_signed(part, -BYTE_OFFSET_MAX, BYTE_OFFSET_MAX, &post))
			return draft_fail(d, part.p, "correct the number",
					  "byte_jump: \"%.*s\" is no number for post_offset",
					  SCAN_ARG(&part));
		b->post_offset = (int32_t)post;
	} else if (!byte_option(b, &part)) {
		return byte_unknown(d, row, &part);
	}
	return true;
}

bool parse_byte_jump(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	bool relative = argument_has(*arg, "relative");
	int buffer = byte_buffer(d, relative);
	struct scan count = scan_until(arg, ','), offset = scan_until(arg, ',');
	struct match_byte b;

	if (buffer < 0)
		return false;
	byte_init(&b);
	if (!byte_number(d, row, count, buffer, 0, BYTES_STRING_MAX, &b.count) ||
	    !byte_number(d, row, offset, buffer, -BYTE_OFFSET_MAX, BYTE_OFFSET_MAX, &b.offset))
		return false;
	while (!scan_done(arg))
		if (!byte_jump_option(d, row, &b, scan_until(arg, ','), buffer))
			return false;
	if ((b.flags & BYTE_FROM_BEGINNING) && (b.flags & BYTE_FROM_END))
		return draft_fail(d, NULL, "keep one",
				  "byte_jump: from_beginning and from_end exclude each other");
	return byte_check_count(d, row, &b, count.p) && byte_add(d, row, buffer, &b);
}

bool parse_byte_extract(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	bool relative = argument_has(*arg, "relative");
	int buffer = byte_buffer(d, relative);
	struct scan count = scan_until(arg, ','), offset = scan_until(arg, ','),
		    name = scan_until(arg, ',');
	struct match_byte b;

	if (buffer < 0)
		return false;
	byte_init(&b);
	if (!byte_number(d, row, count, buffer, 0, BYTES_STRING_MAX, &b.count) ||
	    !byte_number(d, row, offset, buffer, -BYTE_OFFSET_MAX, BYTE_OFFSET_MAX, &b.offset))
		return false;
	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ',');
		uint64_t n;

		if (scan_take_text(&part, "bitmask ")) {
			if (!byte_bitmask(d, row, &b, part))
				return false;
		} else if (scan_take_text(&part, "multiplier ")) {
			if (!scan_whole(part, 65535, &n) || !n)
				return byte_unknown(d, row, &part);
			b.multiplier = (uint32_t)n;
		} else if (scan_take_text(&part, "align ")) {
			if (!scan_whole(part, 4, &n) || (n != 2 && n != 4))
				return draft_fail(d, part.p, "write 2 or 4",
						  "byte_extract: align is 2 or 4");
			b.align = (uint8_t)n;
		} else if (!byte_option(&b, &part)) {
			return byte_unknown(d, row, &part);
		}
	}
	if (!byte_check_count(d, row, &b, count.p))
		return false;
	b.variable = (int16_t)draft_variable_new(d, &name, buffer);
	return b.variable >= 0 && byte_add(d, row, buffer, &b);
}

/* One "name value" of byte_math. */
static bool byte_math_option(struct draft *d, const struct keyword_row *row, struct match_byte *b,
			     struct scan part, int buffer, struct scan *result, bool *endian)
{
	struct scan whole = part, word = scan_word(&part);

	scan_trim(&part);
	if (scan_is(&word, "bytes"))
		return byte_number(d, row, part, buffer, 1, BYTES_STRING_MAX, &b->count);
	if (scan_is(&word, "offset"))
		return byte_number(d, row, part, buffer, -BYTE_OFFSET_MAX, BYTE_OFFSET_MAX,
				   &b->offset);
	if (scan_is(&word, "oper")) {
		bool shift = scan_is(&part, "<<") || scan_is(&part, ">>");

		if (!shift && (scan_left(&part) != 1 || !strchr("+-*/", *part.p)))
			return draft_fail(d, part.p, "use + - * / << or >>",
					  "byte_math: \"%.*s\" is no operator", SCAN_ARG(&part));
		b->op = (uint8_t)*part.p;
		return true;
	}
	if (scan_is(&word, "rvalue"))
		return byte_number(d, row, part, buffer, 0, UINT32_MAX, &b->value);
	if (scan_is(&word, "result")) {
		*result = part;
		return true;
	}
	if (scan_is(&word, "bitmask"))
		return byte_bitmask(d, row, b, part);
	if (scan_is(&word, "endian") || scan_is(&word, "string")) {
		if (scan_is(&word, "string"))
			b->flags |= BYTE_STRING;
		*endian |= scan_is(&word, "endian");
		if (byte_option(b, &part))
			return true;
	}
	return byte_option(b, &whole) || byte_unknown(d, row, &whole);
}

bool parse_byte_math(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	bool relative = argument_has(*arg, "relative"), endian = false;
	int buffer = byte_buffer(d, relative);
	struct scan result = {arg->end, arg->end};
	struct match_byte b;

	if (buffer < 0)
		return false;
	byte_init(&b);
	while (!scan_done(arg))
		if (!byte_math_option(d, row, &b, scan_until(arg, ','), buffer, &result, &endian))
			return false;
	if (!b.op || scan_done(&result) || (!b.count.value && b.count.variable < 0))
		return draft_fail(d, NULL, "write bytes N, offset N, oper +, rvalue N, result name",
				  "byte_math: bytes, oper or result is missing");
	if ((b.op == '<' || b.op == '>') && b.value.variable < 0 && b.value.value > 31)
		return draft_fail(d, NULL, "shift by 0 to 31", "byte_math: shift by %lld",
				  (long long)b.value.value);
	if (b.op == '/' && b.value.variable < 0 && !b.value.value)
		return draft_fail(d, NULL, "divide by something else", "byte_math: division by 0");
	if (!byte_check_count(d, row, &b, d->at))
		return false;
	b.variable = (int16_t)draft_variable_new(d, &result, buffer);
	return b.variable >= 0 && byte_add(d, row, buffer, &b);
}

/* isdataat:!1,relative behind a content says that the content stands at the end. */
static bool isdataat_is_end(struct draft *d, int buffer)
{
	struct draft_list *list = &d->buffers[buffer].list;
	struct match *last = list->count ? &list->items[list->count - 1] : NULL;

	if (!last || last->keyword != KEYWORD_content)
		return false;
	last->u.content.flags |= CONTENT_ENDSWITH;
	return true;
}

bool parse_isdataat(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan number = scan_until(arg, ',');
	struct match_isdataat at = {{0, -1}, argument_has(*arg, "relative"), false};
	struct match *m;
	int buffer;

	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ',');

		if (!scan_is(&part, "relative") && !scan_is(&part, "rawbytes"))
			return byte_unknown(d, row, &part);
	}
	at.negated = scan_take(&number, '!');
	scan_skip(&number);
	buffer = byte_buffer(d, at.relative);
	if (buffer < 0 || !byte_number(d, row, number, buffer, 0, UINT16_MAX, &at.at))
		return false;
	if (at.relative && at.negated && at.at.variable < 0 && at.at.value == 1 &&
	    isdataat_is_end(d, buffer))
		return true;
	m = draft_add_bytes(d, buffer, KEYWORD_isdataat);
	if (m)
		m->u.isdataat = at;
	return m != NULL;
}

bool parse_base64_decode(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_base64 b = {0, 0, argument_has(*arg, "relative")};
	struct match *m;
	uint64_t n;

	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), whole = part, word = scan_word(&part);

		if (scan_is(&whole, "relative"))
			continue;
		if (!scan_whole(part, UINT16_MAX, &n))
			return byte_unknown(d, row, &whole);
		if (scan_is(&word, "bytes") && n)
			b.bytes = (uint32_t)n;
		else if (scan_is(&word, "offset"))
			b.offset = (uint32_t)n;
		else
			return byte_unknown(d, row, &whole);
	}
	m = draft_add_bytes(d, byte_buffer(d, b.relative), KEYWORD_base64_decode);
	if (m)
		m->u.base64 = b;
	return m != NULL;
}

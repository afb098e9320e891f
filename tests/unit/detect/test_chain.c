/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/detect/chain.c, chain_compile.c, chain_bytes.c, search.c: conditions on a buffer, with
 * the reference's way of retrying.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/detect/build.h"
#include "rules/arena.h"

static struct chain_scratch scratch;

struct look {
	uint64_t offset;
	bool open; /* the buffer may still grow */
};

static enum chain_result run(const char *data, size_t len, struct look look,
			     const struct match *matches, uint32_t count, const struct match *inner,
			     uint32_t inner_count)
{
	struct rule_buffer buffer = {.name = "payload", .matches = (struct match *)matches,
				     .match_count = count};
	struct rule_buffer base64 = {.name = "base64_data", .matches = (struct match *)inner,
				     .match_count = inner_count};
	struct chain_input in = {(const uint8_t *)data, (uint32_t)len, look.offset, !look.open};
	char error[200];
	struct expressions *all = expressions_new();
	struct arena *arena = arena_new(0);
	struct chain *chain =
		chain_compile(&buffer, inner_count ? &base64 : NULL, arena, all, error, sizeof(error));
	enum chain_result r;

	if (!chain)
		fail_msg("%s", error);
	r = chain_run(&scratch, chain, &in);
	arena_free(arena);
	expressions_free(all);
	return r;
}

#define CHAIN(...) (const struct match[]){__VA_ARGS__}, \
	sizeof((const struct match[]){__VA_ARGS__}) / sizeof(struct match)
#define HOLDS(data, ...) \
	assert_int_equal(run(data, sizeof(data) - 1, (struct look){0}, CHAIN(__VA_ARGS__), NULL, 0), \
			 CHAIN_YES)
#define FAILS(data, ...) \
	assert_int_not_equal(run(data, sizeof(data) - 1, (struct look){0}, CHAIN(__VA_ARGS__), NULL, \
				 0), CHAIN_YES)

static void contents(void **state)
{
	(void)state;
	HOLDS("abcdef", content("cd"));
	FAILS("abcdef", content("CD"));
	HOLDS("abcdef", content_flags("CD", CONTENT_NOCASE));
	HOLDS("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxaBcDeFgHiJk", content_flags("ABCDEFGHIJK", CONTENT_NOCASE));
	HOLDS("ab\0cd", content("cd"));
	/* Each absolute content stands for itself, in any order. */
	HOLDS("abcdef", content("ef"), content("ab"));
	FAILS("abcdef", content("ef"), content("xy"));
	/* offset and depth: the match lies in [offset, offset + depth). */
	HOLDS("abcdef", offset_depth("cd", 2, 2));
	FAILS("abcdef", offset_depth("cd", 3, 3));
	FAILS("abcdef", offset_depth("cd", 1, 2));
	HOLDS("abcdef", offset_depth("cd", 0, 4));
	FAILS("abcdef", offset_depth("cd", 0, 3));
	HOLDS("abab", offset_depth("ab", 1, 3));
	FAILS("abcdef", content_at("ab", CONTENT_OFFSET, 9, 0, 0, 0));
	/* startswith, endswith */
	HOLDS("abcdef", content_flags("ab", CONTENT_STARTSWITH));
	FAILS("xabcdef", content_flags("ab", CONTENT_STARTSWITH));
	HOLDS("abcdefabc", content_flags("abc", CONTENT_ENDSWITH));
	FAILS("abcdefabcx", content_flags("abc", CONTENT_ENDSWITH));
	HOLDS("abc", content_flags("abc", CONTENT_STARTSWITH | CONTENT_ENDSWITH));
	FAILS("ab", content("abc"));
	FAILS("", content("a"));
}

static void relative_chain(void **state)
{
	(void)state;
	HOLDS("GET /a HTTP", content("GET"), distance("HTTP", 0));
	FAILS("HTTP GET", content("GET"), distance("HTTP", 0));
	HOLDS("abcXdef", content("abc"), distance("def", 1));
	FAILS("abcdef", content("abc"), distance("def", 1));
	HOLDS("abcdef", content("abc"), distance_within("def", 0, 3));
	FAILS("abcXdef", content("abc"), distance_within("def", 0, 3));
	HOLDS("abcXdef", content("abc"), distance_within("def", 1, 3));
	HOLDS("abcXdef", content("abc"), distance_within("def", 0, 4));
	/* A negative distance goes back, and stops at the start of the buffer. */
	HOLDS("abcdef", content("def"), distance("abc", -6));
	HOLDS("abcdef", content("def"), distance("abc", -600));
	FAILS("abcdef", content("def"), distance("abc", -5));
	/* Within a list the pointer is the end of the last match: absolute ones move it too. */
	HOLDS("one two three", content("two"), content("one"), distance_within(" two", 0, 4));
	/* The first one: distance and within are counted from the start. */
	HOLDS("abcdef", distance("cd", 2));
	FAILS("abcdef", distance("cd", 3));
	HOLDS("abcdef", within("cd", 4));
	FAILS("abcdef", within("cd", 3));
	/* relative and endswith */
	HOLDS("a.exe b.exe", content("b"), content_at(".exe", CONTENT_DISTANCE | CONTENT_ENDSWITH, 0, 0, 0, 0));
}

/* A failed next one makes the content before it be looked for again, if it has within. */
static void retries(void **state)
{
	(void)state;
	HOLDS("ab1 ab2 abc", content("ab"), within("c", 1));
	HOLDS("ab1 ab2 abc", content("ab"), distance_within("c", 0, 1));
	HOLDS("aXb aYb aZbc", content("a"), distance_within("b", 1, 1), within("c", 1));
	/* A distance alone does not: nothing further on could do better. */
	HOLDS("ab1 ab2 abc", content("ab"), distance("c", 0));
	FAILS("xb ab", content("ab"), distance("b", 0));
	/* isdataat, byte_test, pcre /R ask for retries as well. */
	HOLDS("k1 k2 k", content("k"), isdataat(1, true, true));
	HOLDS("k\x01k\x02k\x07", content("k"), byte_test(1, BYTE_EQUAL, 7, 0, BYTE_RELATIVE));
	HOLDS("k1 k2 k77", content("k"), pcre("^77", PCRE_RELATIVE));
	/* An absolute content after it that is not there ends the chain at once. */
	FAILS("k1 k2 k3", content("k"), content("zz"), within("q", 1));
	/* A retried content goes on one byte behind its last start. */
	HOLDS("aaab", content("aa"), within("b", 1));
	/* Three levels. */
	HOLDS("a1b9c a1b2d a1b2c", content("a1"), within("b", 1), distance_within("c", 1, 1),
	      isdataat(1, true, true));
	FAILS("a1b9c a1b2d a1b2cx", content("a1"), within("b", 1), distance_within("c", 1, 1),
	      isdataat(1, true, true));
}

static void negation(void **state)
{
	(void)state;
	HOLDS("abcdef", content("abc"), content_flags("xyz", CONTENT_NEGATED));
	FAILS("abcdef", content("abc"), content_flags("def", CONTENT_NEGATED));
	HOLDS("abcdef", content_at("def", CONTENT_NEGATED | CONTENT_DEPTH, 0, 4, 0, 0));
	/* It never moves the pointer. */
	HOLDS("abcdef", content("abc"), content_at("zzz", CONTENT_NEGATED | CONTENT_WITHIN, 0, 0, 0, 3),
	      within("def", 3));
	FAILS("abcdef", content("abc"), content_at("def", CONTENT_NEGATED | CONTENT_WITHIN, 0, 0, 0, 3));
	/* The content before is tried again for a negated one with within. */
	HOLDS("k1 k1 k2", content("k"), content_at("1", CONTENT_NEGATED | CONTENT_WITHIN, 0, 0, 0, 1));
	FAILS("k1 k1 k1", content("k"), content_at("1", CONTENT_NEGATED | CONTENT_WITHIN, 0, 0, 0, 1));
	HOLDS("a.exe.", content_flags(".exe", CONTENT_NEGATED | CONTENT_ENDSWITH));
	FAILS("a.exe", content_flags(".exe", CONTENT_NEGATED | CONTENT_ENDSWITH));
	/* Too long for its window: not there. */
	HOLDS("ab", content_flags("abc", CONTENT_NEGATED));
}

/* 5 bytes: 4 is there, 5 is not; behind the pointer at 4: one byte, not two. */
static void data_at(void **state)
{
	(void)state;
	HOLDS("abcde", isdataat(4, false, false));
	FAILS("abcde", isdataat(5, false, false));
	HOLDS("abcde", isdataat(5, false, true));
	HOLDS("abcde", content("abcd"), isdataat(1, true, false));
	FAILS("abcde", content("abcd"), isdataat(2, true, false));
	HOLDS("abcde", content("abcde"), isdataat(1, true, true));
	FAILS("abcde", content("abcd"), isdataat(1, true, true));
}

static void expressions(void **state)
{
	(void)state;
	HOLDS("abc123", pcre("[0-9]{3}$", 0));
	FAILS("abc12", pcre("[0-9]{3}", 0));
	HOLDS("abc", pcre("x", PCRE_NEGATED));
	FAILS("abc", pcre("b", PCRE_NEGATED));
	/* R: the subject begins at the pointer. */
	HOLDS("key=77;", content("key="), pcre("^77", PCRE_RELATIVE));
	FAILS("key=x77;", content("key="), pcre("^77", PCRE_RELATIVE));
	/* An expression before something relative is tried again further on. */
	HOLDS("a1b a2b a3c", pcre("a[0-9]", PCRE_RELATIVE_NEXT), within("c", 1));
	FAILS("a1b a2b a3b", pcre("a[0-9]", PCRE_RELATIVE_NEXT), within("c", 1));
	/* The pointer is the end of its match. */
	HOLDS("abc123def", pcre("[0-9]+", PCRE_RELATIVE_NEXT), within("def", 3));
	/* Catastrophes end at the limit. */
	FAILS("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", pcre("^(a+)+$", 0));
}

static void byte_tests(void **state)
{
	struct match m;

	(void)state;
	HOLDS("\x01\x02\x03", byte_test(2, BYTE_EQUAL, 0x0102, 0, 0));
	HOLDS("\x01\x02\x03", byte_test(2, BYTE_EQUAL, 0x0201, 0, BYTE_LITTLE));
	HOLDS("\x01\x02\x03", byte_test(2, BYTE_EQUAL, 0x0201, 0, BYTE_DCE));
	scratch.dce_big = true; /* a big-endian caller */
	HOLDS("\x01\x02\x03", byte_test(2, BYTE_EQUAL, 0x0102, 0, BYTE_DCE));
	scratch.dce_big = false;
	HOLDS("\x01\x02\x03", byte_test(2, BYTE_EQUAL, 0x0203, 1, 0));
	HOLDS("\x01\x02\x03", byte_test(1, BYTE_GREATER, 2, 2, 0));
	FAILS("\x01\x02\x03", byte_test(1, BYTE_LESS, 2, 2, 0));
	HOLDS("\x01\x02\x03", byte_test(1, BYTE_LESS, 2, 2, BYTE_NEGATED));
	HOLDS("\xf0", byte_test(1, BYTE_AND, 0x80, 0, 0));
	FAILS("\x70", byte_test(1, BYTE_AND, 0x80, 0, 0));
	/* Outside the buffer nothing holds, not even negated. */
	FAILS("\x01", byte_test(2, BYTE_EQUAL, 1, 0, 0));
	FAILS("\x01", byte_test(2, BYTE_EQUAL, 1, 0, BYTE_NEGATED));
	/* Digits. */
	m = byte_test(3, BYTE_EQUAL, 123, 2, BYTE_STRING);
	m.u.byte.base = 10;
	HOLDS("n=123;", m);
	m = byte_test(4, BYTE_GREATER, 0x7f, 0, BYTE_STRING);
	m.u.byte.base = 16;
	HOLDS("00ff", m);
	m = byte_test(3, BYTE_EQUAL, 0, 0, BYTE_STRING);
	m.u.byte.base = 10;
	FAILS("abc", m);
	/* It leaves the pointer where it was. */
	HOLDS("k\x05xyz", content("k"), byte_test(1, BYTE_EQUAL, 5, 0, BYTE_RELATIVE),
	      within("\x05x", 2));
}

static void byte_jumps(void **state)
{
	struct match m = byte_of(KEYWORD_byte_jump, 1, 0, 0);

	(void)state;
	/* From behind the bytes read. */
	HOLDS("\x02" "xyAB", m, within("AB", 2));
	/* Exactly at the end is right, beyond is not. */
	HOLDS("\x02xy", m, isdataat(1, true, true));
	FAILS("\x03xy", m);
	m.u.byte.flags = BYTE_FROM_BEGINNING;
	HOLDS("\x02xAB", m, within("AB", 2));
	m.u.byte.post_offset = -5;
	HOLDS("\x02xAB", m, within("\x02", 1));
	m = byte_of(KEYWORD_byte_jump, 1, 0, BYTE_ALIGN);
	HOLDS("\x02xxxxAB", m, within("AB", 2));
	m = byte_of(KEYWORD_byte_jump, 1, 0, 0);
	m.u.byte.multiplier = 2;
	HOLDS("\x01xyAB", m, within("AB", 2));
	m = byte_of(KEYWORD_byte_jump, 1, 1, BYTE_RELATIVE);
	HOLDS("kk-\x01xAB", content("kk"), m, within("AB", 2));
	m = byte_of(KEYWORD_byte_jump, 0, 0, BYTE_FROM_END);
	m.u.byte.post_offset = -3;
	HOLDS("xxxxABC", m, within("ABC", 3));
}

static void byte_variables(void **state)
{
	struct match extract = byte_of(KEYWORD_byte_extract, 1, 0, 0);
	struct match math = byte_of(KEYWORD_byte_math, 1, 0, 0);
	struct match use;

	(void)state;
	extract.u.byte.variable = 3;
	use = distance("AB", 0);
	use.u.content.distance = VARIABLE(3);
	HOLDS("\x02xyAB", extract, use);
	FAILS("\x03xyAB", extract, use);
	/* It moves the pointer behind what it read. */
	HOLDS("\x02xyAB", extract, within("x", 1));
	use = byte_test(1, BYTE_EQUAL, 0, 1, 0);
	use.u.byte.value = VARIABLE(3);
	HOLDS("\x07\x07", extract, use);
	FAILS("\x07\x08", extract, use);
	use = isdataat(0, true, false);
	use.u.isdataat.at = VARIABLE(3);
	HOLDS("\x03xyz", extract, use);
	FAILS("\x04xyz", extract, use);
	math.u.byte.variable = 1;
	math.u.byte.op = '*';
	math.u.byte.value = FIXED(2);
	use = content_at("AB", CONTENT_OFFSET, 0, 0, 0, 0);
	use.u.content.offset = VARIABLE(1);
	HOLDS("\x02xxxAB", math, use);
	FAILS("\x03xxxAB", math, use);
	math.u.byte.op = '/';
	math.u.byte.value = FIXED(0);
	FAILS("\x02", math);
}

static void sizes(void **state)
{
	struct match m = {.keyword = KEYWORD_bsize, .u.number = {NUMBER_EQUAL, 4, 0}};
	struct look open = {.open = true};

	(void)state;
	HOLDS("abcd", m);
	FAILS("abc", m);
	/* On a buffer that grows: not yet, or never. */
	assert_int_equal(run("abc", 3, open, CHAIN(m), NULL, 0), CHAIN_NO);
	assert_int_equal(run("abcde", 5, open, CHAIN(m), NULL, 0), CHAIN_NEVER);
	m.u.number = (struct number_test){NUMBER_GREATER, 2, 0};
	assert_int_equal(run("abc", 3, open, CHAIN(m), NULL, 0), CHAIN_YES);
	m.u.number = (struct number_test){NUMBER_BETWEEN, 2, 4};
	HOLDS("abc", m);
	FAILS("ab", m);
	FAILS("abcd", m);
}

/* A later part of a growing buffer: depth counts from the buffer's start. */
static void later_parts(void **state)
{
	struct look later = {.offset = 100};

	(void)state;
	assert_int_equal(run("abcdef", 6, later, CHAIN(content("cd")), NULL, 0), CHAIN_YES);
	assert_int_not_equal(run("abcdef", 6, later,
				 CHAIN(content_at("cd", CONTENT_DEPTH, 0, 50, 0, 0)), NULL, 0),
			     CHAIN_YES);
	assert_int_equal(run("abcdef", 6, later, CHAIN(content_at("cd", CONTENT_DEPTH, 0, 104, 0, 0)),
			     NULL, 0), CHAIN_YES);
	assert_int_not_equal(run("abcdef", 6, later,
				 CHAIN(content_at("cd", CONTENT_DEPTH, 0, 103, 0, 0)), NULL, 0),
			     CHAIN_YES);
}

static void base64(void **state)
{
	struct match m = {.keyword = KEYWORD_base64_decode};
	const struct match inner[] = {content("evil")};
	const struct match after[] = {content("b="), {.keyword = KEYWORD_base64_decode,
						     .u.base64 = {.relative = true}}};

	(void)state;
	assert_int_equal(run("ZXZpbCBjb2Rl", 12, (struct look){0}, &m, 1, inner, 1), CHAIN_YES);
	assert_int_not_equal(run("Z29vZCBjb2Rl", 12, (struct look){0}, &m, 1, inner, 1), CHAIN_YES);
	assert_int_equal(run("a=1 b=ZXZpbA==", 14, (struct look){0}, after, 2, inner, 1), CHAIN_YES);
	m.u.base64.offset = 2;
	m.u.base64.bytes = 8;
	assert_int_equal(run("x=ZXZpbCBjb2Rl", 14, (struct look){0}, &m, 1, inner, 1), CHAIN_YES);
	m.u.base64.bytes = 4;
	assert_int_not_equal(run("x=ZXZpbCBjb2Rl", 14, (struct look){0}, &m, 1, inner, 1), CHAIN_YES);
}

/* Work is bounded whatever the bytes. */
static void bounded(void **state)
{
	static char data[65536];
	const struct match chain[] = {content("a"), within("a", 10), within("a", 10), within("a", 10),
				      within("a", 10), within("z", 10)};

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = 'a';
	assert_int_not_equal(run(data, sizeof(data), (struct look){0}, chain, 6, NULL, 0), CHAIN_YES);
}

static int setup(void **state)
{
	(void)state;
	return chain_scratch_init(&scratch);
}

static int teardown(void **state)
{
	(void)state;
	chain_scratch_fini(&scratch);
	return 0;
}

static void asn1_objects(void **state)
{
	static const uint8_t bits[] = {0x30, 0x05, 0x03, 0x01, 0x09, 0x05, 0x00}, cut[] = {0x30, 0x06, 0x03, 0x01, 0x09},
			     open[] = {0x30, 0x80, 0x04, 0x02, 1, 2, 0, 0}, deep[] = {0x30, 0x03, 0x04, 0x05, 1, 2, 3};
	const struct match_asn1 bit = {.bitstring_overflow = true}, over = {.oversize = true, .oversize_length = 4},
				moved = {.bitstring_overflow = true, .relative = true, .offset = -1};
	uint8_t real[264] = {0x09, 0x82, 0x01, 0x04}, random[64];

	(void)state;
	assert_true(asn1_run(&bit, bits, sizeof(bits), 0));
	assert_true(asn1_run(&moved, bits, sizeof(bits), 3));
	assert_false(asn1_run(&moved, bits, sizeof(bits), 0));
	assert_true(asn1_run(&over, bits, sizeof(bits), 0));
	assert_false(asn1_run(&bit, cut, sizeof(cut), 0));
	assert_false(asn1_run(&over, open, sizeof(open), 0));
	assert_false(asn1_run(&over, deep, sizeof(deep), 0));
	assert_true(asn1_run(&(struct match_asn1){.double_overflow = true}, real, sizeof(real), 0));
	real[4] = 0x80;
	assert_false(asn1_run(&(struct match_asn1){.double_overflow = true}, real, sizeof(real), 0));
	/* whatever bytes, it ends */
	for (uint32_t seed = 1; seed < 5000; seed++) {
		for (uint32_t i = 0, v = seed; i < sizeof(random); i++)
			random[i] = (uint8_t)((v = v * 1664525 + 1013904223) >> 24);
		asn1_run(&over, random, sizeof(random), 0);
	}
}

static bool entropy(uint8_t op, double low, double high, uint32_t bytes, uint32_t offset, const char *text)
{
	const struct match_entropy m = {.op = op, .low = low, .high = high, .bytes = bytes, .offset = offset};
	double v;

	return entropy_run(&m, (const uint8_t *)text, (uint32_t)strlen(text), &v);
}

static void entropies(void **state)
{
	(void)state;
	assert_true(entropy(NUMBER_EQUAL, 0, 0, 0, 0, "aaaa"));
	assert_true(entropy(NUMBER_EQUAL, 1, 0, 0, 0, "abab"));
	assert_true(entropy(NUMBER_EQUAL, 2, 0, 0, 0, "abcd"));
	assert_true(entropy(NUMBER_GREATER, 1.9, 0, 4, 2, "..abcd.."));
	assert_true(entropy(NUMBER_BETWEEN, 1.5, 2.5, 0, 0, "abcd"));
	assert_false(entropy(NUMBER_NOT_BETWEEN, 1.5, 2.5, 0, 0, "abcd"));
	assert_false(entropy(NUMBER_LESS, 8, 0, 0, 4, "abcd"));
	assert_false(entropy(NUMBER_LESS, 8, 0, 0, 0, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents),	  cmocka_unit_test(relative_chain),
		cmocka_unit_test(retries),	  cmocka_unit_test(negation),
		cmocka_unit_test(data_at),	  cmocka_unit_test(expressions),
		cmocka_unit_test(byte_tests),	  cmocka_unit_test(byte_jumps),
		cmocka_unit_test(byte_variables), cmocka_unit_test(sizes),
		cmocka_unit_test(later_parts),	  cmocka_unit_test(base64),
		cmocka_unit_test(bounded),
		cmocka_unit_test(entropies), cmocka_unit_test(asn1_objects),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

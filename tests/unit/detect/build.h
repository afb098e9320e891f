/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions written by hand, for tests of the parts that run them.
 */
#ifndef TEST_DETECT_BUILD_H
#define TEST_DETECT_BUILD_H

#include <string.h>

#include "dataplane/detect/chain.h"

#define FIXED(n) ((struct rule_number){.value = (n), .variable = -1})
#define VARIABLE(i) ((struct rule_number){.variable = (i)})

/* content:"text"; with flags; offset, depth, distance, within in this order, where flags ask. */
static inline struct match content_at(const char *text, uint32_t flags, int64_t offset, int64_t depth,
				      int64_t distance, int64_t within)
{
	return (struct match){
		.keyword = KEYWORD_content,
		.u.content = {.pattern = {(const uint8_t *)text, (uint32_t)strlen(text)},
			      .flags = flags,
			      .offset = FIXED(offset),
			      .depth = FIXED(depth),
			      .distance = FIXED(distance),
			      .within = FIXED(within)}};
}

static inline struct match content(const char *text)
{
	return content_at(text, 0, 0, 0, 0, 0);
}

static inline struct match content_flags(const char *text, uint32_t flags)
{
	return content_at(text, flags, 0, 0, 0, 0);
}

static inline struct match distance(const char *text, int64_t n)
{
	return content_at(text, CONTENT_DISTANCE, 0, 0, n, 0);
}

static inline struct match within(const char *text, int64_t n)
{
	return content_at(text, CONTENT_WITHIN, 0, 0, 0, n);
}

static inline struct match distance_within(const char *text, int64_t n, int64_t m)
{
	return content_at(text, CONTENT_DISTANCE | CONTENT_WITHIN, 0, 0, n, m);
}

static inline struct match offset_depth(const char *text, int64_t n, int64_t m)
{
	return content_at(text, CONTENT_OFFSET | CONTENT_DEPTH, n, m, 0, 0);
}

static inline struct match pcre(const char *pattern, uint32_t flags)
{
	return (struct match){.keyword = KEYWORD_pcre,
			      .u.pcre = {.pattern = pattern,
					 .pattern_len = (uint32_t)strlen(pattern),
					 .flags = flags}};
}

static inline struct match isdataat(int64_t at, bool relative, bool negated)
{
	return (struct match){.keyword = KEYWORD_isdataat,
			      .u.isdataat = {FIXED(at), relative, negated}};
}

static inline struct match byte_of(uint16_t keyword, int64_t count, int64_t offset, uint32_t flags)
{
	return (struct match){.keyword = keyword,
			      .u.byte = {.count = FIXED(count),
					 .offset = FIXED(offset),
					 .value = FIXED(0),
					 .flags = flags,
					 .variable = -1}};
}

static inline struct match byte_test(int64_t count, enum byte_op op, int64_t value, int64_t offset,
				     uint32_t flags)
{
	struct match m = byte_of(KEYWORD_byte_test, count, offset, flags);

	m.u.byte.op = (uint8_t)op;
	m.u.byte.value = FIXED(value);
	return m;
}

#endif

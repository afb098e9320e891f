/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/rules/rule_tests.h"

static const struct match_content *first_content(const char *text)
{
	const struct rule *r = loads(text);

	assert_int_equal(r->buffers[0].matches[0].keyword, KEYWORD_content);
	return &r->buffers[0].matches[0].u.content;
}

static void bytes(void **state)
{
	const struct match_content *c =
		first_content(TCP("content:\"a|0d 0A|\\\\\\\"\\;\\:b|3 a20|\";"));

	assert_int_equal(c->pattern.len, 10);
	assert_memory_equal(c->pattern.data, "a\r\n\\\";:b: ", 10);
	refused(TCP("content:\"^|0d 0|\";"), "half a byte");
	refused(TCP("content:\"ab^|0d 0a\";"), "not closed");
	refused(TCP("content:\"|0^x|\";"), "no hex digit");
	refused(TCP("content:\"a^\\n\";"), "backslash");
	refused(TCP("content:^abc;"), "not in quotes");
	refused(TCP("content:\"^\";"), "empty");
	refused(TCP("content:^\"abc\" depth:3;"), "quotes are not closed");
}

static void places(void **state)
{
	const struct match_content *c =
		first_content(TCP("content:\"abc\"; offset:2; depth:0x10; nocase;"));

	assert_int_equal(c->offset.value, 2);
	assert_int_equal(c->depth.value, 16);
	assert_true(c->flags & CONTENT_NOCASE);
	c = first_content(
		TCP("content:\"abc\"; startswith; content:\"d\"; distance:-3; within:4;"));
	assert_int_equal(c->depth.value, 3);
	assert_true(c->flags & CONTENT_RELATIVE_NEXT);
	refused(TCP("content:\"abc\"; depth:^2;"), "smaller than the content");
	refused(TCP("content:\"abc\"; within:^2;"), "smaller than the content");
	refused(TCP("content:\"abc\"; nocase; ^nocase;"), "twice");
	refused(TCP("content:\"abc\"; depth:5; ^depth:6;"), "twice");
	refused(TCP("content:\"abc\"; depth:5; ^distance:6;"), "distance and depth");
	refused(TCP("content:\"abc\"; startswith; ^offset:1;"), "startswith");
	refused(TCP("content:\"abc\"; offset:1; ^startswith;"), "startswith");
	refused(TCP("^depth:5;"), "no content before");
	refused(TCP("content:\"abc\"; distance:^1048577;"), "no number");
	refused(TCP("content:\"abc\"; endswith:^1;"), "no argument");
}

static void isdataat(void **state)
{
	const struct match_content *c =
		first_content(TCP("content:\"abc\"; isdataat:!1,relative;"));
	const struct rule *r;

	assert_true(c->flags & CONTENT_ENDSWITH);
	r = loads(TCP("content:\"abc\"; isdataat:!2,relative;"));
	assert_int_equal(r->buffers[0].match_count, 2);
	assert_true(r->buffers[0].matches[1].u.isdataat.negated);
	refused(TCP("isdataat:1,^absolute;"), "no option");
}

static void fast_pattern(void **state)
{
	const struct match_content *c = first_content(TCP("content:\"abcdef\"; fast_pattern:2,3;"));

	assert_int_equal(c->chop_offset, 2);
	assert_int_equal(c->chop_length, 3);
	refused(TCP("content:\"abc\"; fast_pattern:^2,3;"), "more than the content");
	refused(TCP("content:\"abc\"; fast_pattern; content:\"d\"; ^fast_pattern;"), "twice");
	refused(TCP("content:!\"abc\"; offset:3; ^fast_pattern;"), "negated");
	refused(TCP("content:\"abc\"; offset:3; ^fast_pattern:only;"), "has a place");
}

static void legacy(void **state)
{
	const struct rule *r =
		loads(HTTP("content:\"a\"; http_uri; content:\"b\"; content:\"c\"; "
			   "distance:0; http_uri; pcre:\"/x/U\"; uricontent:\"d\";"));

	assert_int_equal(r->buffer_count, 2);
	assert_string_equal(r->app, "http1");
	for (uint32_t i = 0; i < 2; i++) {
		const struct rule_buffer *b = &r->buffers[i];

		if (b->keyword == KEYWORD_none) {
			assert_int_equal(b->match_count, 1);
			assert_string_equal(b->name, "payload");
			continue;
		}
		assert_string_equal(b->name, "http.uri");
		assert_true(b->legacy_http1);
		assert_int_equal(b->match_count, 4);
		assert_true(b->matches[0].u.content.flags & CONTENT_RELATIVE_NEXT);
	}
	refused(HTTP("^http_uri;"), "no content before");
	refused(HTTP("http.uri; content:\"a\"; ^http_header;"), "a buffer is in use");
	refused(HTTP("http.uri; content:\"a\"; pcre:\"/a/^H\";"), "http.uri is in use");
}

static void sticky(void **state)
{
	const struct rule *r =
		loads("alert dns any any -> any any (dns.query; content:\"a\"; "
		      "dns.query; dotprefix; content:\"b\"; pkt_data; content:\"c\"; "
		      "sid:1;)");

	assert_int_equal(r->buffer_count, 3);
	assert_int_equal(r->buffers[1].transform_count, 1);
	assert_int_equal(r->buffers[1].transforms[0].kind, TRANSFORM_dotprefix);
	assert_true(r->flags & RULE_TO_SERVER);
	r = loads(HTTP(
		"http.uri; content:\"a\"; http.method; content:\"G\"; http.uri; content:\"b\";"));
	assert_int_equal(r->buffer_count, 2);
	assert_int_equal(r->buffers[0].match_count, 2);
	refused(HTTP("^http.uri; http.method; content:\"G\";"), "no conditions");
	refused(HTTP("^http.uri;"), "no conditions");
	refused(HTTP("^http.uri; dotprefix;"), "behind the transforms");
	refused(TCP("^dotprefix; content:\"a\";"), "no buffer before");
}

static void base64(void **state)
{
	loads(TCP("content:\"a\"; base64_decode:bytes 8, offset 1, relative; base64_data; "
		  "content:\"b\"; pkt_data; content:\"c\"; fast_pattern;"));
	refused(TCP("^base64_data; content:\"b\";"), "nothing has been decoded");
	refused(TCP("base64_decode; base64_data; content:\"b\"; ^fast_pattern;"), "base64_data");
	refused(HTTP("base64_decode; base64_data; content:\"b\"; ^http.uri; content:\"c\";"),
		"may follow");
}

static void pcre(void **state)
{
	const struct rule *r = loads(TCP("content:\"a\"; pcre:!\"/b\\/c/Ri\";"));
	const struct match_pcre *p = &r->buffers[0].matches[1].u.pcre;

	assert_string_equal(p->pattern, "b\\/c");
	assert_int_equal(p->flags, PCRE_RELATIVE | PCRE_NEGATED);
	assert_true(r->buffers[0].matches[0].u.content.flags & CONTENT_RELATIVE_NEXT);
	refused(TCP("pcre:\"/a(^/\";"), "parenthes");
	refused(TCP("pcre:\"/a/^K\";"), "no flag K");
	r = loads(TCP("pcre:\"/(a)(?P<alert_b>b)(c)/i, flow:one,pkt:two\";"));
	assert_int_equal(r->buffers[0].matches[0].u.pcre.capture_count, 3);
	assert_string_equal(r->buffers[0].matches[0].u.pcre.captures[2].name, "b");
	assert_int_equal(r->buffers[0].matches[0].u.pcre.captures[2].group, 2);
	assert_int_equal(r->buffers[0].matches[0].u.pcre.captures[1].kind, CAPTURE_PACKET);
	refused(TCP("pcre:\"/(a)/, ^host:one\";"), "no place for a capture");
	refused(TCP("pcre:\"/(a)/^, flow:one, flow:two\";"), "fewer groups");
	refused(TCP("pcre:\"^abc\";"), "slash");
	refused(HTTP("pcre:\"/ex^Ample/W\";"), "upper-case");
}

static void byte_keywords(void **state)
{
	const struct rule *r =
		loads(TCP("byte_extract:2,0,n,little; content:\"a\"; within:n; "
			  "byte_test:4,!>,n,2,relative,string,hex; "
			  "byte_jump:1,0,from_end,post_offset -2; "
			  "byte_math:bytes 2, offset 0, oper <<, rvalue 3, result m;"));
	const struct match *m = r->buffers[0].matches;

	assert_int_equal(r->variable_count, 2);
	assert_int_equal(m[1].u.content.within.variable, 0);
	assert_int_equal(m[2].u.byte.op, BYTE_GREATER);
	assert_int_equal(m[2].u.byte.value.variable, 0);
	assert_true(m[2].u.byte.flags & BYTE_NEGATED);
	assert_int_equal(m[3].u.byte.post_offset, -2);
	assert_int_equal(m[4].u.byte.variable, 1);
	refused(TCP("byte_test:^9,>,1,0;"), "cannot be read");
	refused(TCP("byte_test:4,^=>,1,0;"), "no operator");
	refused(TCP("byte_test:4,>,^unknown,0;"), "before it sets");
	refused(TCP("byte_jump:1,0,^sideways;"), "no option");
	refused(TCP("byte_extract:1,0,n; content:\"a\"; within:^m;"), "set m");
	refused(HTTP("byte_extract:1,0,n; http.uri; byte_test:1,>,^n,0;"), "before it sets n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes),         cmocka_unit_test(places),
		cmocka_unit_test(isdataat),      cmocka_unit_test(legacy),
		cmocka_unit_test(fast_pattern),  cmocka_unit_test(sticky),
		cmocka_unit_test(base64),        cmocka_unit_test(pcre),
		cmocka_unit_test(byte_keywords),
	};

	return cmocka_run_group_tests(tests, reader_start, reader_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rules/describe: conditions as text, sets, and why a literal is the prefilter.
 */
#include "tests/unit/rules/rule_tests.h"

#include "rules/compile/groups.h"
#include "rules/describe.h"

static void conditions(void **state)
{
	static const struct {
		const char *option, *text;
	} rows[] = {
		{"content:!\"a|00 22|b\"; nocase; offset:2; depth:9;",
		 "content:!\"a|00 22|b\"; nocase; offset:2; depth:9"},
		{"content:\"x\"; startswith;", "content:\"x\"; startswith"},
		{"pcre:\"/a+b/smi\";", "pcre:\"/a+b/ism\""},
		{"isdataat:!10;", "isdataat:!10"},
		{"byte_test:2,!>=,7,4,little;", "byte_test:2, !>=, 7, 4, little"},
		{"byte_jump:4,0,multiplier 2,post_offset -3;",
		 "byte_jump:4, 0, multiplier 2, post_offset -3"},
		{"byte_extract:1,3,len;", "byte_extract:1, 3, into variable 1"},
		{"asn1:oversize_length 10000, absolute_offset 54;", "asn1:oversize_length 10000, absolute_offset 54"},
		{"asn1:bitstring_overflow, double_overflow;", "asn1:bitstring_overflow, double_overflow"},
		{"entropy:value >= 6.5, bytes 20, offset 3;", "entropy:value >=6.5, bytes 20, offset 3"},
		{"entropy:value !2-3;", "entropy:value !2-3"},
	};
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char rule[512];
		const struct rule *r;

		snprintf(rule, sizeof(rule), "alert tcp any any -> any any (%s sid:1;)", rows[i].option);
		r = loads(rule);
		assert_string_equal(match_describe(&r->buffers[0].matches[0], NULL, text, sizeof(text)),
				    rows[i].text);
	}
}

static void fields(void **state)
{
	static const struct {
		const char *option, *text;
	} rows[] = {
		{"dsize:5<>9;", "dsize:5<>9"},
		{"ttl:!64;", "ttl:!64"},
		{"flags:+SA,C;", "tcp.flags:+SA,C"},
		{"fragbits:!D;", "fragbits:!D"},
		{"stream_size:client,>,100;", "stream_size:client,>100"},
		{"flowbits:isset,a|b;", "flowbits:isset,#0|#1"},
		{"flowint:n,>=,3;", "flowint:#0,>=,3"},
		{"app-layer-protocol:!http;", "app-layer-protocol:!http"},
		{"tcpv4-csum:invalid;", "tcpv4-csum:invalid"},
		{"flowvar:id,a|3b|b;", "flowvar:id,\"a|3b|b\""},
		{"rpc:100000,*,3;", "rpc:100000,*,3"},
	};
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char rule[512];
		const struct rule *r;

		snprintf(rule, sizeof(rule), "alert tcp any any -> any any (%s sid:1;)", rows[i].option);
		r = loads(rule);
		assert_string_equal(match_describe(&r->packet_matches[0], NULL, text, sizeof(text)),
				    rows[i].text);
	}
}

/* On transactions. */
static void values(void **state)
{
	char text[256];

	assert_string_equal(match_describe(&loads(HTTP("filesize:>1000;"))->app_matches[0], NULL, text, sizeof(text)),
			    "filesize:>1000");
}

/* A text that does not fit is cut and ended, wherever that is. */
static void short_memory(void **state)
{
	const struct rule *r = loads(TCP("content:\"abcdefgh|00|ij\"; depth:99;"));
	char whole[128], part[128];
	size_t n;

	match_describe(&r->buffers[0].matches[0], NULL, whole, sizeof(whole));
	n = strlen(whole);
	for (size_t size = 1; size <= n; size++) {
		memset(part, 'x', sizeof(part));
		match_describe(&r->buffers[0].matches[0], NULL, part, size);
		assert_true(strlen(part) < size);
		assert_memory_equal(part, whole, strlen(part));
		assert_int_equal(part[size], 'x');
	}
}

static void sets(void **state)
{
	const struct rule *r = loads("alert tcp [10.0.0.0/8,192.0.2.1,192.0.2.8-192.0.2.10] [80,443,1000:2000] -> "
				     "2001:db8::/32 any (sid:1;)");
	char text[256];

	assert_string_equal(addr_set_describe(&r->src, 8, text, sizeof(text)),
			    "10.0.0.0/8, 192.0.2.1, 192.0.2.8-192.0.2.10");
	assert_string_equal(addr_set_describe(&r->src, 1, text, sizeof(text)), "10.0.0.0/8 … 2 more");
	assert_string_equal(addr_set_describe(&r->dst, 8, text, sizeof(text)), "2001:db8::/32");
	assert_string_equal(port_set_describe(&r->sport, 8, text, sizeof(text)), "80, 443, 1000:2000");
	assert_string_equal(port_set_describe(&r->dport, 8, text, sizeof(text)), "any");
}

/* The list of contents that could be the prefilter, and the one that is, agree. */
static void prefilter(void **state)
{
	const struct rule *r = loads(HTTP("http.method; content:\"POST\"; http.uri; content:!\"no\"; "
					  "content:\"/rare-xq7.cgi\"; http.host; content:\"a.b\"; fast_pattern;"));
	struct group_prefilter_score list[8];

	assert_int_equal(group_prefilter_list(r, list, 8), 3);
	assert_true(list[2].given && !list[1].given);
	assert_true(group_prefilter_worth(&list[1]) > group_prefilter_worth(&list[0]));
	assert_true(group_prefilter_worth(&list[2]) > group_prefilter_worth(&list[1]));
	assert_ptr_equal(group_prefilter_choose(r).content, list[2].prefilter.content);
	assert_int_equal(group_prefilter_list(r, list, 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions),	cmocka_unit_test(fields), cmocka_unit_test(short_memory),
		cmocka_unit_test(values),	cmocka_unit_test(sets),		cmocka_unit_test(prefilter),
	};

	return cmocka_run_group_tests_name("rules describe", tests, reader_start, reader_stop);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "tests/unit/rules/rule_tests.h"

#include "rules/language/order.h"
#include "rules/language/reader.h"

static void kinds(void **state)
{
	assert_true(loads("alert ip 10.0.0.1 any -> any any (sid:1;)")->flags & RULE_IP_ONLY);
	assert_true(loads("alert tcp any any -> any 80 (sid:1;)")->flags & RULE_IP_ONLY);
	assert_false(loads("alert ip any any -> any any (flow:established; sid:1;)")->flags &
		     RULE_IP_ONLY);
	assert_false(loads("alert ip any any -> any any (flowbits:isset,a; sid:1;)")->flags &
		     RULE_IP_ONLY);
	assert_true(loads(HTTP("http.uri; content:\"a\";"))->flags & RULE_HAS_APP);
	assert_true(loads(TCP("content:\"a\";"))->flags & RULE_HAS_PAYLOAD);
	assert_true(loads(TCP("dsize:5;"))->flags & RULE_PACKET_ONLY);
}

static void implied(void **state)
{
	const struct rule *r = loads("alert tcp any any -> any any (ja3.hash; content:"
				     "\"0123456789ABCDEF0123456789abcdef\"; sid:1;)");

	assert_string_equal(r->app, "tls");
	assert_true(r->flags & RULE_TO_SERVER);
	assert_memory_equal(r->buffers[0].matches[0].u.content.pattern.data, "0123456789abcdef",
			    16);
	r = loads("alert ip any any -> any any (tls.sni; content:\"a\"; sid:1;)");
	assert_int_equal(r->ip_protos, RULE_TCP);
	refused("alert dns any any -> any any (^http.uri; content:\"a\"; sid:1;)", "is about dns");
	refused("alert udp any any -> any any (http.uri; content:\"a\"; sid:1;)", "does not carry");
	refused(HTTP("^app-layer-protocol:http;"), "already");
}

static void direction(void **state)
{
	refused(HTTP("http.uri; content:\"a\"; http.stat_code; content:\"200\";"), "both cannot");
	refused(HTTP("flow:to_client; http.uri; content:\"a\";"), "flow says to_client");
	refused(HTTP("flow:to_server; http.stat_code; content:\"2\";"), "flow says to_server");
	refused(HTTP("^http.header.raw; content:\"a\";"), "needs a direction");
	loads("alert http any any => any any (http.uri; content:\"a\"; http.stat_code; "
	      "content:\"200\"; sid:1;)");
	refused("alert http any any => any any (http.uri; content:\"a\"; sid:1;)",
		"both directions");
	assert_int_equal(loads("alert http any any => any any (http.uri; content:\"a\"; "
			       "http.connection:to_client; content:\"b\"; filesize:to_client,>9; sid:1;)")
				 ->buffers[1].direction, 2);
	refused("alert http any any => any any (http.uri; content:\"a\"; http.connection:^up; content:\"b\"; "
		"sid:1;)", "no direction");
	refused(HTTP("http.connection:^to_client; content:\"b\";"), "only a rule with =>");
	refused(HTTP("http.uri:^to_server; content:\"b\";"), "no argument");
	refused("alert http any any => any any (^flow:to_server; http.uri; content:\"a\"; sid:1;)",
		"both directions");
	refused("alert smtp any any -> any any (flow:to_client; file.data; content:\"a\"; sid:1;)",
		"from the client only");
	refused(TCP("flow:established,^stateless;"), "contradicts");
	refused(TCP("flow:to_server,^to_server;"), "twice");
	refused(TCP("flow:^upwards;"), "not known");
}

static void contradictions(void **state)
{
	refused(TCP("dsize:10; ^content:\"0123456789a\";"), "never matches");
	refused(TCP("dsize:6; ^content:\"boom\"; content:\"loom\"; distance:2;"), "never matches");
	loads(TCP("dsize:10; content:\"boom\"; content:\"loom\"; distance:-10;"));
	refused(HTTP("^http.uri; bsize:3; content:\"abcd\";"), "never matches");
	refused(HTTP("^http.host; content:\"Example\";"), "upper-case");
	refused(HTTP("^http.host; content:\"example\"; nocase;"), "nocase");
	loads(HTTP("http.host; dotprefix; content:\".example\"; nocase;"));
	refused(HTTP("^file.data; strip_whitespace; content:\"a b\";"), "never be in its result");
	refused(HTTP("dsize:5; http.uri; content:\"a\";"), "cannot be in one rule");
	refused("alert tls any any -> any any (^tls.cert_serial; content:\"0aBB\"; sid:1;)",
		"colons");
	refused("alert ip any any -> any any (msg:\"a\";)", "no sid");
}

static void state_keywords(void **state)
{
	const struct rule *r =
		loads(TCP("flowbits:isset,one|two; flowbits:set,three; "
			  "xbits:set,x,track ip_pair,expire 9; flowint:n,+,1; "
			  "threshold:type both, track by_src, count 3, seconds 60;"));

	assert_int_equal(r->packet_match_count, 1);
	assert_int_equal(r->packet_matches[0].u.bits.count, 2);
	assert_int_equal(r->post_match_count, 3);
	assert_int_equal(r->post_matches[1].u.bits.expire_s, 9);
	assert_int_equal(r->thresholds[0].u.threshold.count, 3);
	refused(TCP("flowbits:set,a^ b;"), "blank");
	refused(TCP("flowbits:^grow,a;"), "no command");
	refused(TCP("xbits:set,a,track ^flow;"), "cannot be tracked");
	refused(TCP("^threshold:type limit, track by_src, count 1;"), "seconds is missing");
	refused(TCP("detection_filter:^type limit, track by_src, count 1, seconds 1;"),
		"not understood");
}

/* A value that is a whole URL gets no prefix. */
static void whole_references(void **state)
{
	assert_string_equal(loads(TCP("reference:url,gopher://x.example/a;"))->references[0].url,
			    "gopher://x.example/a");
}

static void texts(void **state)
{
	const struct rule *r = loads(TCP("msg:\"a\\;b\"; classtype:misc-attack; "
					 "reference:url,x.example/a; metadata:k v, flag, k2 v2; "
					 "gid:3; rev:7; target:dest_ip;"));

	assert_string_equal(r->msg, "a;b");
	assert_string_equal(r->category, "Misc Attack");
	assert_int_equal(r->priority, 2);
	assert_string_equal(r->references[0].url, "https://x.example/a");
	assert_int_equal(r->metadata_count, 2);
	assert_string_equal(r->metadata[1].value, "v2");
	assert_int_equal(r->gid, 3);
	assert_int_equal(r->rev, 7);
	assert_true(r->flags & RULE_TARGET_DST);
	assert_int_equal(loads(TCP("priority:7; classtype:misc-attack;"))->priority, 7);
	assert_int_equal(loads(TCP("classtype:no-such-class;"))->priority, 3);
	assert_non_null(reader->draft.warning_at);
}

static void options(void **state)
{
	refused(TCP("msg:\"a\"; ^contnet:\"a\";"), "does not exist");
	assert_string_equal(reader->draft.advice, "did you mean content?");
	refused("alert tcp any any -> any any (msg:\"a\"; ^sid:1)", "no semicolon");
	refused("alert tcp any any -> any any ^msg:\"a\"; sid:1;", "no opening parenthesis");
	refused("alert tcp any any -> any any (sid:1^;", "no closing parenthesis");
	refused("alert tcp any any -> any any (sid:^0;)", "no number of a rule");
	refused("alert tcp any any -> any any (sid:1; ^sid:2;)", "twice");
	refused("alert tcp any any -> any any (msg:\"^\xff\"; sid:1;)", "no character");
	assert_null(rule_reader_read(reader, TCP("requires:version >= 99; what:is this;"),
				     strlen(TCP("requires:version >= 99; what:is this;"))));
	assert_true(reader->draft.skip);
	loads(TCP("requires:version >= 7.0.3, keyword content;"));
}

static void order(void **state)
{
	const struct rule *reads = loads("alert tcp any any -> any any (flowbits:isset,a; sid:1;)");
	const struct rule *both =
		loads("alert tcp any any -> any any (flowbits:isset,a; flowbits:set,b; sid:2;)");
	const struct rule *sets = loads("alert tcp any any -> any any (flowbits:set,a; sid:3;)");
	const struct rule *none = loads("alert tcp any any -> any any (priority:1; sid:4;)");
	const struct rule *pass = loads("pass tcp any any -> any any (sid:5;)");
	struct rule *rules[] = {(struct rule *)none, (struct rule *)reads, (struct rule *)both,
				(struct rule *)sets, (struct rule *)pass};

	assert_int_equal(rules_order(rules, 5, "drop,alert, pass"), 0);
	assert_int_equal(rules[4]->sid, 5);
	assert_int_equal(rules_order(rules, 5, "drop,nothing"), -EINVAL);
	assert_int_equal(rules_order(rules, 5, NULL), 0);
	assert_int_equal(rules[0]->sid, 5);
	assert_int_equal(rules[1]->sid, 3);
	assert_int_equal(rules[2]->sid, 2);
	assert_int_equal(rules[3]->sid, 1);
	assert_int_equal(rules[4]->sid, 4);
	assert_int_equal(rules[4]->index, 4);
}

static void lines(void **state)
{
	static const char text[] = "# comment\n\n  blank before\nfirst \\\n  second\\\n\nthird";
	struct reader r;
	uint32_t line, column;

	assert_int_equal(reader_open_memory(&r, text, sizeof(text) - 1), 0);
	assert_true(reader_next(&r));
	assert_int_equal(r.len, strlen("first    second "));
	reader_place(&r, 9, &line, &column);
	assert_int_equal(line, 5);
	assert_int_equal(column, 3);
	assert_true(reader_next(&r));
	assert_memory_equal(r.text, "third", 5);
	assert_false(reader_next(&r));
	reader_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),          cmocka_unit_test(implied),
		cmocka_unit_test(direction),      cmocka_unit_test(contradictions),
		cmocka_unit_test(state_keywords), cmocka_unit_test(whole_references), cmocka_unit_test(texts),
		cmocka_unit_test(options),        cmocka_unit_test(order),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, reader_start, reader_stop);
}

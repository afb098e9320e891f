/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Readers of lists: what is taken, what is refused, and that both together are all of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/contact/kinds.h"
#include "control/intel/feed.h"

static struct {
	struct text out; /* "kind value [below] [threat/family/category]; " and "!where reason; " */
	uint64_t entries, refused;
	struct intel_entry last;
} got;

static int on_entry(void *arg, const struct intel_entry *e)
{
	got.entries++;
	got.last = *e;
	text_str(&got.out, e->kind == INDICATOR_IP_PORT ? "ip_port" : indicator_kind_name(e->kind));
	text_char(&got.out, ' ');
	text_bytes(&got.out, e->value.data, e->value.len);
	if (e->below)
		text_str(&got.out, " below");
	for (int i = 0; i < 3; i++) {
		const struct slice *s[] = {&e->threat, &e->family, &e->category};

		if (s[i]->len) {
			text_char(&got.out, "<^#"[i]);
			text_bytes(&got.out, s[i]->data, s[i]->len);
		}
	}
	text_str(&got.out, "; ");
	return 0;
}

static int on_refused(void *arg, uint64_t where, struct slice item, const char *reason)
{
	got.refused++;
	text_format(&got.out, "!%llu %s; ", (unsigned long long)where, reason);
	return 0;
}

static const struct feed_sink sink = {NULL, on_entry, on_refused};

static int read_list(const struct feed_options *o, const char *list, char *why)
{
	text_clear(&got.out);
	got.entries = got.refused = 0;
	return feed_read(o, (struct slice){list, strlen(list)}, &sink, why);
}

static void gives(const struct feed_options *o, const char *list, const char *expected)
{
	char why[256];

	assert_int_equal(read_list(o, list, why), 0);
	assert_string_equal(text_cstr(&got.out), expected);
}

static void not_that(enum feed_format format, const char *list, const char *word)
{
	const struct feed_options o = {.format = format};
	char why[256];

	assert_int_equal(read_list(&o, list, why), -EPROTO);
	assert_non_null(strstr(why, word));
}

static void test_plain(void **state)
{
	const struct feed_options o = {.format = FEED_PLAIN}, below = {.below = true};

	(void)state;
	gives(&o,
	      "\xef\xbb\xbf# a list\r\n\n; too\n// too\n! too\n"
	      "evil.com\r\n*.wild.com\n.dot.com\n||ad.com^\n"
	      "hxxps://evil[.]com/a[.]b\n1[.]2[.]3[.]4\n5.6.7.0/24 ; why\n8.8.4.4 # note\n"
	      "9.9.9.9:443\n9.9.9.0/32\n[2a00::1]:80\nA@evil(.)com\n"
	      "0123456789abcdef0123456789abcdef\n203.0.113.1\t7",
	      "domain evil.com; domain wild.com below; domain dot.com below; domain ad.com below; "
	      "url https://evil.com/a.b; ip 1.2.3.4; cidr 5.6.7.0/24; ip 8.8.4.4; "
	      "ip_port 9.9.9.9:443; ip 9.9.9.0; ip_port [2a00::1]:80; email A@evil.com; "
	      "file_md5 0123456789abcdef0123456789abcdef; ip 203.0.113.1; ");
	gives(&o,
	      "10.1.2.3\n127.0.0.1\n0.0.0.0/0\n::/0\n1.0.0.0/4\n192.168.0.0/24\n::1\nfe80::1\n"
	      "com\nco.uk\n*.com\nlocal\na..b\nbad_\x01.com\nb\xc3\xbc.com\n@@||x.com^\n"
	      "d41d8cd98f00b204e9800998ecf8427e\n1.2.3.4:99999\nhttp://10.0.0.1/x\nhttp://intranet/"
	      "\n"
	      "-\na@\n",
	      "!1 is a private or reserved address; !2 is a private or reserved address; "
	      "!3 is every address; !4 is every address; !5 is too large a network; "
	      "!6 is a private or reserved network; !7 is a private or reserved address; "
	      "!8 is a private or reserved address; !9 is nothing of a known kind; "
	      "!10 is a public suffix; !11 is nothing of a known kind; !12 is nothing of a known "
	      "kind; "
	      "!13 is not a domain name; !14 has control characters; "
	      "!15 is not ASCII (a name is given in its xn-- form); "
	      "!16 is an exception (use a list to allow); !17 is the hash of an empty file; "
	      "!18 is nothing of a known kind; !19 is a private or reserved address; "
	      "!20 has a single label as its host; !21 is nothing of a known kind; "
	      "!22 is not a mail address; ");
	gives(&below, "evil.com\n1.2.3.4\n", "domain evil.com below; ip 1.2.3.4; ");
}

static void test_limits(void **state)
{
	const struct feed_options o = {.format = FEED_PLAIN};
	struct text list = {0};

	(void)state;
	for (int i = 0; i < 70000; i++)
		text_char(&list, 'a');
	text_str(&list, "\nevil.com\n");
	for (int i = 0; i < 2000; i++)
		text_char(&list, 'b');
	gives(&o, text_cstr(&list), "!1 is too long a line; domain evil.com; !3 is too long; ");
	text_free(&list);
}

static void test_allow(void **state)
{
	const struct feed_options o = {.format = FEED_PLAIN, .defaults = {.allow = true}};

	(void)state;
	gives(&o, "10.0.0.0/8\n127.0.0.1\nevil.com\n",
	      "cidr 10.0.0.0/8; ip 127.0.0.1; domain evil.com; ");
	assert_true(got.last.allow);
}

static void test_agents(void **state)
{
	const struct feed_options o = {.format = FEED_PLAIN, .kind = CONTACT_USER_AGENT};

	(void)state;
	gives(&o, "Bad Agent/1.0 (x[.]y)\n", "user_agent Bad Agent/1.0 (x[.]y); ");
}

static void test_hosts(void **state)
{
	const struct feed_options o = {.format = FEED_AUTO};

	(void)state;
	gives(&o,
	      "# hosts\n127.0.0.1 localhost\n0.0.0.0 evil.com www.evil.com # both\n"
	      "::1 bad.org\nnonsense\n0.0.0.0\n",
	      "!2 is a name of the machine itself; domain evil.com; domain www.evil.com; "
	      "domain bad.org; !5 does not begin with an address; !6 has no name behind the "
	      "address; ");
}

static void test_csv(void **state)
{
	const struct feed_options o = {.format = FEED_CSV}, automatic = {.format = FEED_AUTO};
	const struct feed_options by_number = {
		.format = FEED_CSV, .columns = "value=2,threat=1", .separator = ';'};
	const struct feed_options by_name = {.format = FEED_CSV,
					     .columns = "value=What,family=Bot name"};

	(void)state;
	gives(&automatic,
	      "################\n# list\n# \"first_seen_utc\",\"ioc_value\",\"ioc_type\","
	      "\"malware_printable\",\"confidence_level\"\n"
	      "\"2024-01-31 09:30:00\", \"1.2.3.4:443\", \"ip:port\", \"Cobalt \"\"S\"\"\", "
	      "\"75\"\n"
	      "\"2024-01-31 09:30:00\", \"evil.com\", \"domain\", \"Bot\", \"50\"\n"
	      "\"2024-01-31 09:30:00\", \"evil.com\", \"jarm\", \"Bot\", \"50\"\n",
	      "ip_port 1.2.3.4:443^Cobalt \"S\"; domain evil.com^Bot; "
	      "!6 is of a kind that is not looked for; ");
	assert_int_equal(got.last.confidence, 50);
	assert_int_equal(got.last.first_seen_ns, 1706693400000000000ull);
	gives(&o, "first_seen,dst_ip,dst_port,malware\n2024-01-01,1.2.3.4,8080,Emotet\n,,,\n",
	      "ip_port 1.2.3.4:8080^Emotet; !3 has no value; ");
	gives(&by_number, "Bot;evil.com\nBot;\"evil\n.org\"\nBot;\"open\nBot;evil.net\n",
	      "domain evil.com<Bot; !2 has control characters; "
	      "!4 has a quote that does not end, or is too long; domain evil.net<Bot; ");
	gives(&by_name, "Bot name,When,What\nZbot,now,evil.com\n", "domain evil.com^Zbot; ");
	/* No header at all: the first thing that could be a value. */
	gives(&o, "12,evil.com,why\n13,1.2.3.4,why\n", "domain evil.com; ip 1.2.3.4; ");
	gives(&o, "", "");
}

static void test_csv_mapping(void **state)
{
	const struct feed_options o = {.format = FEED_CSV, .columns = "value=Nowhere"};
	char why[256];

	(void)state;
	assert_int_equal(read_list(&o, "a,b\nc,d\n", why), -EPROTO);
	assert_non_null(strstr(why, "value=Nowhere"));
}

#define INDICATOR(id, more) "{\"type\":\"indicator\",\"id\":\"indicator--" id "\"," more "}"
#define PATTERN(p) INDICATOR("x", "\"pattern_type\":\"stix\",\"pattern\":\"" p "\"")

static void pattern_gives(const char *pattern, const char *expected)
{
	const struct feed_options o = {.format = FEED_STIX};
	char list[2048];

	snprintf(list, sizeof(list), "{\"objects\":[" PATTERN("%s") "]}", pattern);
	gives(&o, list, expected);
}

static void test_patterns(void **state)
{
	(void)state;
	pattern_gives("[domain-name:value = 'evil.com']", "domain evil.com; ");
	pattern_gives("[domain-name:value='evil.com' OR ipv4-addr:value = '1.2.3.4']",
		      "domain evil.com; ip 1.2.3.4; ");
	pattern_gives("[domain-name:value = 'a.com'] OR [url:value = 'http://b.com/x']",
		      "domain a.com; url http://b.com/x; ");
	pattern_gives("[ipv4-addr:value ISSUBSET '5.6.7.0/24']", "cidr 5.6.7.0/24; ");
	pattern_gives("[ipv4-addr:value IN ('1.2.3.4', '1.2.3.5')]", "ip 1.2.3.4; ip 1.2.3.5; ");
	pattern_gives(
		"[file:hashes.'SHA-256' = "
		"'00000000000000000000000000000000000000000000000000000000000000aa' AND "
		"file:hashes.MD5 = '000000000000000000000000000000aa' AND file:name = 'x.exe']",
		"file_sha256 00000000000000000000000000000000000000000000000000000000000000aa; "
		"file_md5 000000000000000000000000000000aa; ");
	pattern_gives(
		"[network-traffic:dst_ref.value = '1.2.3.4' AND network-traffic:dst_port = 443]",
		"ip_port 1.2.3.4:443; ");
	pattern_gives("[network-traffic:dst_port = 80 AND (ipv6-addr:value = '2a00::1')]",
		      "ip_port [2a00::1]:80; ");
	pattern_gives("[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' "
		      "= 'Bad']",
		      "user_agent Bad; ");
	pattern_gives("[email-message:from_ref.value = 'a@evil.com']", "email a@evil.com; ");
	pattern_gives("[domain-name:value LIKE '%.evil.com']", "domain evil.com below; ");
	pattern_gives(
		"[x509-certificate:hashes.'SHA-1' = '000000000000000000000000000000000000000a']",
		"cert_sha1 000000000000000000000000000000000000000a; ");
	pattern_gives("[(domain-name:value = 'a.com')] WITHIN 5 SECONDS", "domain a.com; ");
	/* What cannot be said value by value. */
	pattern_gives("[domain-name:value = 'a.com' AND ipv4-addr:value = '1.2.3.4']",
		      "!1 joins by AND what can only be looked for apart; ");
	pattern_gives("[domain-name:value = 'a.com'] AND [domain-name:value = 'b.com']",
		      "!1 joins by AND what can only be looked for apart; ");
	pattern_gives("[domain-name:value = 'a.com' OR (url:value = 'http://b.com/' AND "
		      "domain-name:value = "
		      "'c.com')]",
		      "domain a.com; !1 joins by AND what can only be looked for apart; ");
	pattern_gives("[domain-name:value = 'a.com'] FOLLOWEDBY [domain-name:value = 'b.com']",
		      "!1 asks for an order of events; ");
	pattern_gives("[domain-name:value != 'a.com']", "!1 says what is not; ");
	pattern_gives("[domain-name:value NOT = 'a.com']", "!1 says what is not; ");
	pattern_gives("[url:value LIKE '%/gate.php']", "!1 matches with wildcards; ");
	pattern_gives("[url:value MATCHES '^http']",
		      "!1 compares otherwise than by =, IN, LIKE or ISSUBSET; ");
	pattern_gives("[process:name = 'x']", "!1 asks for something that is not looked for; ");
	pattern_gives("[file:name = 'x']", "!1 names no value that can be looked for; ");
	pattern_gives("[domain-name:value = 'a.com'] REPEATS 5 TIMES", "!1 asks for repetition; ");
	/* What is no pattern. */
	pattern_gives("", "!1 is not a pattern; ");
	pattern_gives("[domain-name:value = 'a.com'", "!1 has brackets that do not match; ");
	pattern_gives("[domain-name:value = 'a.com]", "!1 has a string that does not end; ");
	pattern_gives("[domain-name:value 'a.com']", "!1 has a comparison without an operator; ");
	pattern_gives("[domain-name:value = 'a.com'] x", "!1 goes on behind its end; ");
	pattern_gives(
		"((((((((((((((((((((((((((((((((((((((((((((((([domain-name:value = 'a.com']",
		"!1 is nested too deeply; ");
}

static void test_stix(void **state)
{
	const struct feed_options o = {.format = FEED_AUTO};

	(void)state;
	gives(&o,
	      "{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[" INDICATOR(
		      "1",
		      "\"name\":\"C2\",\"indicator_types\":[\"malicious-activity\"],"
		      "\"confidence\":85,\"valid_from\":\"2024-01-31T09:30:00.5Z\","
		      "\"valid_until\":\"2030-01-01T00:00:00Z\",\"pattern_type\":\"stix\","
		      "\"object_marking_refs\":[\"marking-definition--939a9414-2ddd-4d32-a0cd-"
		      "375ea402b003\"],\"pattern\":\"[domain-name:value = 'evil.com']\"") ","
											  "{\"type"
											  "\":"
											  "\"malwar"
											  "e\","
											  "\"id\":"
											  "\"malwar"
											  "e--1\","
											  "\"name\""
											  ":\"Zbot"
											  "\"},"
											  "{\"type"
											  "\":"
											  "\"relati"
											  "onship\""
											  ",\"id\":"
											  "\"relati"
											  "onship--"
											  "1\","
											  "\"relati"
											  "onship_"
											  "type\":"
											  "\"indica"
											  "tes\","
											  "\"source"
											  "_ref\":"
											  "\"indica"
											  "tor--"
											  "1\","
											  "\"target"
											  "_ref\":"
											  "\"malwar"
											  "e--1\"}]"
											  "}",
	      "domain evil.com<C2^Zbot#malicious-activity; ");
	assert_int_equal(got.last.tlp, TLP_AMBER_STRICT);
	assert_int_equal(got.last.confidence, 85);
	assert_int_equal(got.last.first_seen_ns, 1706693400500000000ull);
	assert_int_equal(got.last.valid_until_ns, 1893456000000000000ull);
	gives(&o,
	      "{\"objects\":[" INDICATOR(
		      "1",
		      "\"revoked\":true,\"pattern\":\"[]\"") ",7,{\"a\":}," INDICATOR("2",
										      "\"pattern_"
										      "type\":"
										      "\"yara\","
										      "\"pattern"
										      "\":\"rule "
										      "x\"") "]}",
	      "!1 is revoked; !2 is not a JSON object that can be read; !3 is not a JSON object "
	      "that can be read; "
	      "!4 has a pattern that is not a STIX pattern; ");
	gives(&o, "{}", "");
	gives(&o, "{\"more\":false}", "");
	not_that(FEED_STIX, "{\"objects\":[{\"type\":", "ends too early");
	not_that(FEED_STIX, "evil.com", "no STIX");
	not_that(FEED_STIX, "{\"other\":[]}", "no STIX");
}

#define ATTRIBUTE(type, value) "{\"type\":\"" type "\",\"value\":\"" value "\",\"to_ids\":true}"

static void test_misp(void **state)
{
	const struct feed_options o = {.format = FEED_AUTO};

	(void)state;
	gives(&o,
	      "{\"Event\":{\"info\":\"Case\",\"threat_level_id\":\"1\",\"Tag\":[{\"name\":\"tlp:"
	      "amber\"},"
	      "{\"name\":\"misp-galaxy:malpedia=\\\"Zbot\\\"\"}],\"Attribute\":["
	      "{\"type\":\"domain\",\"value\":\"evil.com\",\"to_ids\":true,\"category\":"
	      "\"Network\"},"
	      "{\"type\":\"domain\",\"value\":\"evil.com\",\"to_ids\":false},"
	      "{\"type\":\"domain\",\"value\":\"evil.com\",\"to_ids\":true,\"deleted\":true}"
	      "," ATTRIBUTE("ip-dst|port", "1.2.3.4|443") "," ATTRIBUTE(
		      "domain|ip", "a.com|1.2.3."
				   "5") "," ATTRIBUTE("filename|md5", "x.exe|"
								      "0000000000000000000000000000"
								      "00aa") "," ATTRIBUTE("hostna"
											    "me|"
											    "port",
											    "h.com|"
											    "80") "," ATTRIBUTE("yara",
														"rule") ",{}],"
															"\"Object\":[{\"Attribute\":[" ATTRIBUTE("ip-src", "10.0.0.1") "," ATTRIBUTE(
																"ja3-"
																"fingerpr"
																"int-md5",
																"00000000"
																"00000000"
																"00000000"
																"000000a"
																"a") "]}]"
																     "}}",
	      "domain evil.com<Case^Zbot#Network; !2 is not for detection (to_ids is false); "
	      "!3 is deleted; ip_port 1.2.3.4:443<Case^Zbot; domain a.com<Case^Zbot; "
	      "ip 1.2.3.5<Case^Zbot; file_md5 000000000000000000000000000000aa<Case^Zbot; "
	      "domain h.com<Case^Zbot; !8 is of a type that is not looked for; "
	      "!9 is not an attribute with type and value; !10 is a private or reserved address; "
	      "ja3 000000000000000000000000000000aa<Case^Zbot; ");
	assert_int_equal(got.last.tlp, TLP_AMBER);
	assert_int_equal(got.last.severity, 1);
	gives(&o, "[{\"Event\":{\"Attribute\":[" ATTRIBUTE("domain", "a.com") "]}},{\"x\":1}]",
	      "domain a.com; !2 is not a MISP event; ");
	/* A level that is not known may be the strictest. */
	gives(&o,
	      "{\"Event\":{\"Tag\":[{\"name\":\"tlp:ex:chr\"}],\"Attribute\":["
	      ATTRIBUTE("domain", "a.com") "]}}",
	      "domain a.com; ");
	assert_int_equal(got.last.tlp, TLP_RED);
	gives(&o, "{\"response\":{\"Attribute\":[" ATTRIBUTE("domain", "a.com") "]}}",
	      "domain a.com; ");
	gives(&o, "{\"response\":[{\"Event\":{\"Attribute\":[" ATTRIBUTE("domain", "a.com") "]}}]}",
	      "domain a.com; ");
	not_that(FEED_MISP, "{\"Event\":", "not JSON");
	not_that(FEED_MISP, "{\"5c81c1d0-7a1c-4d1c-9f1e-8c6a950d210f\":{}}", "manifest");
}

static int count_event(void *arg, const char *uuid, uint64_t timestamp)
{
	++*(int *)arg;
	assert_int_equal(timestamp, 1700000000);
	return 0;
}

static void test_manifest(void **state)
{
	static const char good[] =
		"{\"5c81c1d0-7a1c-4d1c-9f1e-8c6a950d210f\":{\"timestamp\":\"1700000000\"},"
		"\"5c81c1d0-7a1c-4d1c-9f1e-8c6a950d2100\":{\"timestamp\":1700000000}}";
	static const char bad[] = "{\"../../etc/passwd\":{}}";
	char why[256];
	int n = 0;

	(void)state;
	assert_int_equal(
		feed_misp_manifest((struct slice){good, sizeof(good) - 1}, count_event, &n, why),
		0);
	assert_int_equal(n, 2);
	assert_int_equal(
		feed_misp_manifest((struct slice){bad, sizeof(bad) - 1}, count_event, &n, why),
		-EPROTO);
	assert_int_equal(feed_misp_manifest((struct slice){"[", 1}, count_event, &n, why), -EPROTO);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(feed_format_by_name("csv"), FEED_CSV);
	assert_int_equal(feed_format_by_name("xml"), -1);
	assert_string_equal(feed_format_name(FEED_MISP), "misp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),       cmocka_unit_test(test_limits),
		cmocka_unit_test(test_allow),       cmocka_unit_test(test_agents),
		cmocka_unit_test(test_hosts),       cmocka_unit_test(test_csv),
		cmocka_unit_test(test_csv_mapping), cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_stix),        cmocka_unit_test(test_misp),
		cmocka_unit_test(test_manifest),    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sigma rules: what is read, what is refused with which line, and what matches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/text.h"
#include "control/behaviour/sigma.h"

#define SECOND 1000000000ull

static struct sigma_set *load(const char *text)
{
	struct sigma_set *set = sigma_new();

	assert_non_null(set);
	assert_int_equal(sigma_read(set, "test.yml", text, strlen(text)), 0);
	assert_int_equal(sigma_finish(set), 0);
	return set;
}

static const char dns_event[] =
	"{\"timestamp\":\"2024-05-14T08:11:14.010672+0000\",\"event_type\":\"dns\","
	"\"src_ip\":\"10.0.0.5\",\"src_port\":54524,\"dest_ip\":\"2001:0db8:0000:0000:0000:0000:"
	"0000:0001\","
	"\"dest_port\":53,\"proto\":\"UDP\",\"dns\":{\"type\":\"request\",\"rd\":true,\"opcode\":0,"
	"\"rcode\":\"NXDOMAIN\",\"queries\":[{\"rrname\":\"News.Daily.example\",\"rrtype\":\"A\"},"
	"{\"rrname\":\"a*b?c\\\\d\",\"rrtype\":\"AAAA\"}],\"answers\":[{\"rdata\":\"News.Daily."
	"example\"}]}}";

/* A rule about DNS with that detection, against the event above. -1: not read. */
static int dns(const char *detection)
{
	struct text t = {0};
	struct sigma_set *set;
	json_t *event = json_loads(dns_event, 0, NULL);
	int result = -1;

	assert_non_null(event);
	text_format(&t, "title: t\nlogsource:\n  category: dns\ndetection:\n%s", detection);
	set = load(text_cstr(&t));
	if (sigma_count(set) == 1)
		result = sigma_match(sigma_rule(set, 0), event);
	if (result == 1)
		assert_true(sigma_may_match(set, RECORD_dns, dns_event, strlen(dns_event)));
	if (sigma_problem_count(set))
		print_message("  %s\n", sigma_problem(set, 0)->reason);
	sigma_free(set);
	text_free(&t);
	json_decref(event);
	return result;
}

/* One selection of one line. */
static int is(const char *line)
{
	char text[2000];

	snprintf(text, sizeof(text), "  sel:\n    %s\n  condition: sel\n", line);
	return dns(text);
}

static void test_values(void **state)
{
	assert_int_equal(is("QueryName: news.daily.EXAMPLE"), 1);
	assert_int_equal(is("query: news.daily"), 0);
	assert_int_equal(is("dns.queries.rrname: news.daily.example"), 1);
	assert_int_equal(is("query: 'news*'"), 1);
	assert_int_equal(is("query: '*example'"), 1);
	assert_int_equal(is("query: '*daily*'"), 1);
	assert_int_equal(is("query: 'n?ws.*.ex?mple'"), 1);
	assert_int_equal(is("query: 'n?ws.*.ex?mpl'"), 0);
	assert_int_equal(is("query: '*'"), 1);
	assert_int_equal(is("query: 'news.daily.exampl?\?'"), 0);
	/* Escapes: the second name is a*b?c\d. */
	assert_int_equal(is("query: 'a\\*b\\?c\\d'"), 1);
	assert_int_equal(is("query: 'a\\*b\\?c\\\\d'"), 1);
	assert_int_equal(is("query: 'aX*b\\?c\\d'"), 0);
	assert_int_equal(is("query: 'a\\*b*\\\\?'"), 1);
	/* Numbers and booleans by their text. */
	assert_int_equal(is("dst_port: 53"), 1);
	assert_int_equal(is("dst_port: '5*'"), 1);
	assert_int_equal(is("dns.rd: true"), 1);
	assert_int_equal(is("dns.rd: false"), 0);
	/* IPv6 in its short form. */
	assert_int_equal(is("dst_ip: '2001:db8::1'"), 1);
	assert_int_equal(is("dst_ip: '2001:db8::2'"), 0);
	/* Lists. */
	assert_int_equal(is("query: [nothing, news.daily.example]"), 1);
	assert_int_equal(is("query: [nothing, neither]"), 0);
	/* Absent and empty. */
	assert_int_equal(is("dns.flags: null"), 1);
	assert_int_equal(is("query: null"), 0);
	assert_int_equal(is("dns.flags: ''"), 0);
	assert_int_equal(is("dns.flags: [null, '100']"), 1);
}

static void test_modifiers(void **state)
{
	assert_int_equal(is("query|contains: DAILY"), 1);
	assert_int_equal(is("query|contains|cased: DAILY"), 0);
	assert_int_equal(is("query|contains|cased: Daily"), 1);
	assert_int_equal(is("query|startswith: news"), 1);
	assert_int_equal(is("query|startswith: ews"), 0);
	assert_int_equal(is("query|endswith: .example"), 1);
	assert_int_equal(is("query|endswith: .exampl"), 0);
	assert_int_equal(is("query|contains|all: [news, daily]"), 1);
	assert_int_equal(is("query|contains|all: [news, weekly]"), 0);
	assert_int_equal(is("query|re: '^News\\.[A-Z]aily'"), 1);
	assert_int_equal(is("query|re: '^news'"), 0);
	assert_int_equal(is("query|re|i: '^news'"), 1);
	assert_int_equal(is("query|re: '('"), -1);
	assert_int_equal(is("query|re: '^(([a-zA-Z.])+)+$'"), 1);
	assert_int_equal(is("src_ip|cidr: 10.0.0.0/8"), 1);
	assert_int_equal(is("src_ip|cidr: ['192.168.0.0/16', '172.16.0.0/12']"), 0);
	assert_int_equal(is("dst_ip|cidr: '2001:db8::/32'"), 1);
	assert_int_equal(is("dst_ip|cidr: 'red'"), -1);
	assert_int_equal(is("src_port|gt: 54523"), 1);
	assert_int_equal(is("src_port|gt: 54524"), 0);
	assert_int_equal(is("src_port|gte: 54524"), 1);
	assert_int_equal(is("src_port|lt: 54524.5"), 1);
	assert_int_equal(is("src_port|lte: 54523"), 0);
	assert_int_equal(is("src_port|lt: many"), -1);
	assert_int_equal(is("dns.flags|exists: false"), 1);
	assert_int_equal(is("dns.rcode|exists: true"), 1);
	assert_int_equal(is("dns.rcode|exists: perhaps"), -1);
	assert_int_equal(is("query|fieldref: answer"), 1);
	assert_int_equal(is("src_ip|fieldref: dest_ip"), 0);
	assert_int_equal(is("src_ip|fieldref|neq: dest_ip"), 1);
	assert_int_equal(is("dns.rcode|neq: NOERROR"), 1);
	assert_int_equal(is("dns.rcode|neq: NXDOMAIN"), 0);
	assert_int_equal(is("query|expand: '%domains%'"), -1);
	assert_int_equal(is("query|shout: a"), -1);
	assert_int_equal(is("query|contains|endswith: a"), -1);
	assert_int_equal(is("query|cidr|contains: 10.0.0.0/8"), -1);
}

static bool matches(const char *selection, const char *name)
{
	struct text t = {0};
	struct sigma_set *set;
	json_t *event = json_pack("{s:{s:s}}", "dns", "rrname", name);
	bool result;

	text_format(&t,
		    "title: t\nlogsource: {category: dns}\ndetection:\n  s: {%s}\n  condition: s\n",
		    selection);
	set = load(text_cstr(&t));
	assert_int_equal(sigma_count(set), 1);
	result = sigma_match(sigma_rule(set, 0), event);
	sigma_free(set);
	json_decref(event);
	text_free(&t);
	return result;
}

static void test_encodings(void **state)
{
	assert_true(matches("query|base64: hello", "aGVsbG8="));
	assert_false(matches("query|base64: hello", "agvsbg8="));
	assert_true(matches("query|base64|contains: 'IEX '", "x SUVYIA== y"));
	/* "xhello", "xyhello", "hello" in base64. */
	assert_true(matches("query|base64offset|contains: hello", "aGVsbG8gd29ybGQ="));
	assert_true(matches("query|base64offset|contains: hello", "eGhlbGxvIQ=="));
	assert_true(matches("query|base64offset|contains: hello", "eHloZWxsbyE="));
	assert_false(matches("query|base64offset|contains: hello", "eHloZWxsa"));
	/* "cmd" in UTF-16LE is YwBtAGQA. */
	assert_true(matches("query|wide|base64offset|contains: cmd", "xxYwBtAGQAxx"));
	assert_true(matches("query|utf16le|base64: cmd", "YwBtAGQA"));
	assert_true(matches("query|utf16be|base64: cmd", "AGMAbQBk"));
	assert_true(matches("query|utf16|base64: cmd", "//5jAG0AZAA="));
	assert_true(matches("query|windash|contains: ' -enc '", "ps /enc x"));
	assert_true(matches("query|windash|contains: ' -enc '", "ps \xe2\x80\x93"
								"enc x"));
	assert_false(matches("query|windash|contains: ' -enc '", "ps +enc x"));
}

static void test_keywords(void **state)
{
	assert_int_equal(dns("  keywords:\n    - nothing\n    - DAILY.ex\n  condition: keywords\n"),
			 1);
	assert_int_equal(dns("  keywords:\n    - nothing\n  condition: keywords\n"), 0);
	assert_int_equal(dns("  k:\n    '|all': [daily, NXDOMAIN]\n  condition: k\n"), 1);
	assert_int_equal(dns("  k:\n    '|all': [daily, NOERROR]\n  condition: k\n"), 0);
	assert_int_equal(dns("  k:\n    '|re': 'N[a-z]ws'\n  condition: k\n"), 1);
	/* Maps and keywords in a list: or. */
	assert_int_equal(dns("  s:\n    - query: no\n    - src_ip: 10.0.0.5\n      dst_port: 53\n"
			     "  condition: s\n"),
			 1);
	assert_int_equal(dns("  s:\n    - query: no\n    - src_ip: 10.0.0.5\n      dst_port: 54\n"
			     "  condition: s\n"),
			 0);
}

/* Selections t1 and t2 hold, f1 and f2 do not. */
static int holds(const char *condition)
{
	char text[3000];

	snprintf(text, sizeof(text),
		 "  t1: {src_ip: 10.0.0.5}\n  t2: {dst_port: 53}\n  f1: {src_ip: 10.0.0.6}\n"
		 "  f2: {dst_port: 54}\n  _t3: {dst_port: 53}\n  condition: %s\n",
		 condition);
	return dns(text);
}

static void test_conditions(void **state)
{
	char deep[600] = "";

	assert_int_equal(holds("t1 and t2"), 1);
	assert_int_equal(holds("t1 and f1"), 0);
	assert_int_equal(holds("f1 or t1"), 1);
	assert_int_equal(holds("not f1"), 1);
	assert_int_equal(holds("not f1 and not t1"), 0);
	assert_int_equal(holds("not (f1 or t1)"), 0);
	assert_int_equal(holds("not not t1"), 1);
	assert_int_equal(holds("f1 and f2 or t1"), 1);
	assert_int_equal(holds("t1 or f1 and f2"), 1);
	assert_int_equal(holds("(t1 or f1) and f2"), 0);
	assert_int_equal(holds("t1 AND NOT (f1 OR (f2 and t2))"), 1);
	assert_int_equal(holds("1 of t*"), 1);
	assert_int_equal(holds("all of t*"), 1);
	assert_int_equal(holds("all of f*"), 0);
	assert_int_equal(holds("any of f*"), 0);
	assert_int_equal(holds("1 of them"), 1);
	assert_int_equal(holds("all of them"), 0);
	assert_int_equal(holds("all of t* and not 1 of f*"), 1);
	assert_int_equal(holds("1 of f* or all of _t*"), 1);
	assert_int_equal(holds("[f1, t1]"), 1);
	assert_int_equal(holds("[f1, f2]"), 0);
	assert_int_equal(holds("t9"), -1);
	assert_int_equal(holds("t1 and"), -1);
	assert_int_equal(holds("t1 t2"), -1);
	assert_int_equal(holds("(t1"), -1);
	assert_int_equal(holds("t1)"), -1);
	assert_int_equal(holds("2 of t*"), -1);
	assert_int_equal(holds("1 of x*"), -1);
	assert_int_equal(holds("''"), -1);
	memset(deep, '(', 300);
	assert_int_equal(holds(deep), -1);
}

static void problem_is(const struct sigma_set *set, uint32_t i, enum sigma_fault fault,
		       uint32_t line, const char *word)
{
	const struct sigma_problem *p;

	assert_true(i < sigma_problem_count(set));
	p = sigma_problem(set, i);
	if (p->line != line || !strstr(p->reason, word) || p->fault != fault)
		fail_msg("%s:%u: %s", p->file, p->line, p->reason);
}

/* Each wrong rule is a problem at its own line; the others load. */
static void test_problems(void **state)
{
	static const char text[] =
		"title: good\nlogsource:\n  category: dns\ndetection:\n  s:\n    query: a\n"
		"  condition: s\nlevel: high\ntags: [attack.t1071.004]\n" /* 9 lines */
		"---\n"
		"title: broken\n  logsource: [\n"
		"---\n" /* 13 */
		"title: windows\nlogsource:\n  product: windows\n  category: process_creation\n"
		"detection:\n  s:\n    Image: a\n  condition: s\n"
		"---\n" /* 22 */
		"title: unknown field\nlogsource:\n  category: dns\ndetection:\n  s:\n    query: "
		"a\n"
		"    Image|endswith: cmd.exe\n  condition: s\n"
		"---\n" /* 31 */
		"title: wrong field\nlogsource:\n  category: dns\ndetection:\n  s:\n"
		"    dns.hostname: a\n  condition: s\n"
		"---\n"
		"- a list\n"
		"---\n"
		"title: good too\nlogsource:\n  service: http\ndetection:\n  s:\n    c-uri: a\n"
		"  condition: s\n";
	struct sigma_set *set = load(text);

	assert_int_equal(sigma_count(set), 2);
	assert_string_equal(sigma_rule(set, 0)->title, "good");
	assert_int_equal(sigma_rule(set, 0)->level, SIGMA_HIGH);
	assert_int_equal(sigma_rule(set, 0)->tag_count, 1);
	assert_int_equal(sigma_rule(set, 0)->types, 1ull << RECORD_dns);
	assert_string_equal(sigma_rule(set, 1)->title, "good too");
	assert_int_equal(sigma_rule(set, 1)->types, 1ull << RECORD_http);
	assert_int_equal(sigma_problem_count(set), 5);
	problem_is(set, 0, SIGMA_WRONG, 12, "YAML");
	problem_is(set, 1, SIGMA_CANNOT, 16, "process_creation");
	problem_is(set, 2, SIGMA_CANNOT, 29, "Image");
	problem_is(set, 3, SIGMA_CANNOT, 37, "dns.hostname");
	problem_is(set, 4, SIGMA_WRONG, 40, "key: value");
	assert_string_equal(sigma_problem(set, 2)->rule, "unknown field");
	sigma_free(set);
}

static void test_limits(void **state)
{
	struct text t = {0};
	struct sigma_set *set;

	/* Anchors that multiply. */
	text_str(&t, "title: t\nlogsource: {category: dns}\na: &a [x,x,x,x,x,x,x,x,x,x]\n"
		     "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\ndetection:\n  s: {query: *b}\n  "
		     "condition: s\n");
	set = load(text_cstr(&t));
	assert_int_equal(sigma_count(set), 0);
	assert_int_equal(sigma_problem_count(set), 1);
	sigma_free(set);
	text_clear(&t);
	text_str(&t, "title: t\nlogsource: {category: dns}\ndetection:\n  s:\n    query:\n");
	for (int i = 0; i < 60000; i++)
		text_str(&t, "      - x\n");
	text_str(&t, "  condition: s\n");
	set = load(text_cstr(&t));
	assert_int_equal(sigma_count(set), 0);
	assert_int_equal(sigma_problem_count(set), 1);
	sigma_free(set);
	text_free(&t);
}

/* An expression that would take for ever gives up, and that is counted. */
static void test_slow_expression(void **state)
{
	struct sigma_set *set = load("title: t\nlogsource: {category: dns}\ndetection:\n"
				     "  s: {query|re: '^(a|aa)+$'}\n  condition: s\n");
	json_t *event = json_pack("{s:{s:s}}", "dns", "rrname",
				  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");

	assert_false(sigma_match(sigma_rule(set, 0), event));
	assert_int_equal(sigma_gave_up(sigma_rule(set, 0)), 1);
	json_decref(event);
	sigma_free(set);
}

/* Whether a DNS record with that text would be read, for one rule with that detection. */
static bool looked_at(const char *detection, const char *json)
{
	struct text t = {0};
	struct sigma_set *set;
	bool result;

	text_format(&t, "title: t\nlogsource: {category: dns}\ndetection:\n%s", detection);
	set = load(text_cstr(&t));
	assert_int_equal(sigma_count(set), 1);
	result = sigma_may_match(set, RECORD_dns, json, strlen(json));
	assert_false(sigma_may_match(set, RECORD_http, json, strlen(json))); /* no rule about it */
	sigma_free(set);
	text_free(&t);
	return result;
}

static void test_passed_over(void **state)
{
	static const char one[] =
		"  a: {query: 'x*EvilTwin?name'}\n  b: {dns.type: request}\n  condition: a and b\n";
	static const char either[] =
		"  a: {query: evil}\n  b: {query: wicked}\n  condition: 1 of them\n";
	static const char not_it[] = "  a: {query: evil}\n  condition: not a\n";
	static const char filter[] =
		"  a: {query: evil}\n  b: {src_port: 5}\n  condition: a and not b\n";
	static const char regex[] = "  a: {query|re: evil}\n  condition: a\n";
	static const char list[] =
		"  a: {query|contains|all: [a, evil], dns.rcode: NXDOMAIN}\n  condition: a\n";

	assert_true(looked_at(one, "{\"rrname\":\"xxeviltwin.name\"}"));
	assert_false(looked_at(one, "{\"type\":\"request\",\"rrname\":\"xxgoodtwin.name\"}"));
	assert_true(looked_at(either, "{\"rrname\":\"WICKED\"}"));
	assert_false(looked_at(either, "{\"rrname\":\"wick\"}"));
	assert_true(looked_at(not_it, "{}"));
	assert_true(looked_at(filter, "{evil"));
	assert_false(looked_at(filter, "{evi"));
	assert_true(looked_at(regex, "{}"));
	assert_true(looked_at(list, "nxdomain"));
	assert_false(looked_at(list, "evil"));
}

/* ---- correlations ---- */

struct seen {
	unsigned count;
	char titles[1000];
	uint64_t last;
};

static void note(void *arg, const struct sigma_hit *h)
{
	struct seen *s = arg;

	s->count++;
	s->last = h->ts_ns;
	snprintf(s->titles + strlen(s->titles), sizeof(s->titles) - strlen(s->titles), "%s ",
		 h->rule->title);
}

static void send_dns(struct sigma_state *st, struct seen *seen, unsigned second, const char *client,
		     const char *name)
{
	json_t *e = json_pack("{s:s s:{s:s}}", "src_ip", client, "dns", "rrname", name);

	sigma_state_event(st, second * SECOND, RECORD_dns, e, note, seen);
	json_decref(e);
}

#define BASE                                                                                       \
	"title: base\nname: base\nid: 11\nlogsource: {category: dns}\n"                            \
	"detection:\n  s: {query|contains: bad}\n  condition: s\n"
#define OTHER                                                                                      \
	"---\ntitle: other\nname: other\nlogsource: {category: dns}\n"                             \
	"detection:\n  s: {query|contains: good}\n  condition: s\n"

static void test_event_count(void **state)
{
	struct sigma_set *set = load(BASE "---\ntitle: many\ncorrelation:\n  type: event_count\n"
					  "  rules: [base]\n  group-by: [src_ip]\n  timespan: 1m\n"
					  "  condition: {gte: 3}\n");
	struct sigma_state *st = sigma_state_new(set, NULL);
	struct seen seen = {0};

	assert_int_equal(sigma_count(set), 2);
	assert_true(sigma_rule(set, 0)->quiet);
	send_dns(st, &seen, 100, "10.0.0.1", "bad");
	send_dns(st, &seen, 101, "10.0.0.2", "bad");
	send_dns(st, &seen, 102, "10.0.0.1", "fine");
	send_dns(st, &seen, 110, "10.0.0.1", "bad");
	send_dns(st, &seen, 161, "10.0.0.1", "bad"); /* the first is 61 s ago */
	assert_int_equal(seen.count, 0);
	send_dns(st, &seen, 170, "10.0.0.1", "bad"); /* 110, 161, 170 */
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last, 170 * SECOND);
	send_dns(st, &seen, 171, "10.0.0.1", "bad");
	send_dns(st, &seen, 172, "10.0.0.1", "bad");
	assert_int_equal(seen.count, 1);
	send_dns(st, &seen, 173, "10.0.0.1", "bad");
	assert_int_equal(seen.count, 2);
	sigma_state_free(st);
	sigma_free(set);
}

static void test_few(void **state)
{
	struct sigma_set *set = load(BASE "---\ntitle: few\ncorrelation:\n  type: event_count\n"
					  "  rules: 11\n  group-by: src_ip\n  timespan: 1m\n"
					  "  condition: {gt: 1, lte: 2}\n");
	struct sigma_state *st = sigma_state_new(set, NULL);
	struct seen seen = {0};

	for (unsigned i = 0; i < 3; i++)
		send_dns(st, &seen, 100 + i, "10.0.0.1", "bad"); /* three: too many */
	for (unsigned i = 0; i < 2; i++)
		send_dns(st, &seen, 100 + i, "10.0.0.2", "bad"); /* two */
	send_dns(st, &seen, 100, "10.0.0.3", "bad");             /* one: too few */
	assert_int_equal(seen.count, 0);
	sigma_state_time(st, UINT64_MAX, note, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last, 101 * SECOND);
	sigma_state_free(st);
	sigma_free(set);
}

static void test_value_count(void **state)
{
	struct sigma_set *set = load(BASE "---\ntitle: kinds\ncorrelation:\n  type: value_count\n"
					  "  rules: [base]\n  group-by: [src_ip]\n  timespan: 10s\n"
					  "  condition: {field: query, gt: 2}\n  generate: true\n");
	struct sigma_state *st = sigma_state_new(set, NULL);
	struct seen seen = {0};

	send_dns(st, &seen, 100, "a", "1.bad");
	send_dns(st, &seen, 101, "a", "2.bad");
	send_dns(st, &seen, 102, "a", "2.bad");
	send_dns(st, &seen, 103, "a", "1.bad");
	assert_string_equal(seen.titles, "base base base base ");
	send_dns(st, &seen, 112, "a", "3.bad"); /* 1 is 9 s old, 2 is 10 */
	assert_string_equal(seen.titles, "base base base base base kinds ");
	sigma_state_free(st);
	sigma_free(set);
}

static void test_temporal(void **state)
{
	struct sigma_set *set =
		load(BASE OTHER
		     "---\ntitle: both\ncorrelation:\n  type: temporal\n  rules: [base, other]\n"
		     "  group-by: [client]\n  timespan: 10s\n"
		     "  aliases: {client: {base: src_ip, other: src_ip}}\n"
		     "---\ntitle: ordered\nname: ord\ncorrelation:\n  type: temporal_ordered\n"
		     "  rules: [base, other]\n  group-by: [src_ip]\n  timespan: 10s\n"
		     "---\ntitle: twice\ncorrelation:\n  type: event_count\n  rules: [ord]\n"
		     "  group-by: [src_ip]\n  timespan: 1h\n  condition: {gte: 2}\n");
	struct sigma_state *st = sigma_state_new(set, NULL);
	struct seen seen = {0};

	assert_int_equal(sigma_count(set), 5);
	send_dns(st, &seen, 100, "a", "good");
	send_dns(st, &seen, 101, "b", "bad");
	assert_int_equal(seen.count, 0);
	send_dns(st, &seen, 105, "a", "bad"); /* the wrong order for "ordered" */
	assert_string_equal(seen.titles, "both ");
	send_dns(st, &seen, 106, "a", "good");
	assert_string_equal(seen.titles, "both "); /* "ord" feeds "twice" and is quiet */
	send_dns(st, &seen, 130, "a", "bad");
	send_dns(st, &seen, 141, "a", "good"); /* too late */
	send_dns(st, &seen, 142, "a", "bad");
	assert_string_equal(seen.titles, "both both ");
	send_dns(st, &seen, 143, "a", "good");
	assert_string_equal(seen.titles, "both both twice ");
	sigma_state_free(st);
	sigma_free(set);
}

static void test_aggregation(void **state)
{
	struct sigma_set *set =
		load("title: old\nlogsource: {category: dns}\ndetection:\n"
		     "  s: {query|contains: bad}\n  timeframe: 1m\n"
		     "  condition: s | count(query) by src_ip > 1\n"
		     "---\ntitle: near\nlogsource: {category: dns}\ndetection:\n"
		     "  s: {query: a}\n  condition: s | near s\n"
		     "---\ntitle: no frame\nlogsource: {category: dns}\ndetection:\n"
		     "  s: {query: a}\n  condition: s | count() > 5\n");
	struct sigma_state *st = sigma_state_new(set, NULL);
	struct seen seen = {0};

	assert_int_equal(sigma_count(set), 1);
	problem_is(set, 0, SIGMA_CANNOT, 12, "near");
	problem_is(set, 1, SIGMA_WRONG, 18, "timeframe");
	send_dns(st, &seen, 100, "a", "1.bad");
	send_dns(st, &seen, 101, "a", "1.bad");
	assert_int_equal(seen.count, 0);
	send_dns(st, &seen, 102, "a", "2.bad");
	assert_int_equal(seen.count, 1);
	sigma_state_free(st);
	sigma_free(set);
}

static void test_joining(void **state)
{
	struct sigma_set *set =
		load("title: lonely\ncorrelation:\n  type: event_count\n"
		     "  rules: [nobody]\n  timespan: 1m\n  condition: {gte: 3}\n"
		     "---\ntitle: a\nname: a\ncorrelation:\n  type: event_count\n"
		     "  rules: [b]\n  timespan: 1m\n  condition: {gte: 3}\n"
		     "---\ntitle: b\nname: b\ncorrelation:\n  type: event_count\n"
		     "  rules: [a]\n  timespan: 1m\n  condition: {gte: 3}\n"
		     "---\n" BASE "---\ntitle: c\ncorrelation:\n  type: value_count\n"
		     "  rules: [base]\n  timespan: 1m\n"
		     "  condition: {gte: 3, field: Image}\n");

	assert_int_equal(sigma_count(set), 1);
	assert_string_equal(sigma_rule(set, 0)->title, "base");
	assert_int_equal(sigma_problem_count(set), 4);
	problem_is(set, 0, SIGMA_CANNOT, 4, "nobody");
	sigma_free(set);
}

/* Groups beyond the limit are counted; those whose time is over make room. */
static void test_bounds(void **state)
{
	struct sigma_set *set = load(BASE "---\ntitle: many\ncorrelation:\n  type: event_count\n"
					  "  rules: [base]\n  group-by: [src_ip]\n  timespan: 1m\n"
					  "  condition: {gte: 2}\n");
	struct sigma_state_limits limits = {.groups = 10};
	struct sigma_state *st = sigma_state_new(set, &limits);
	struct seen seen = {0};
	char client[16];

	for (unsigned i = 0; i < 15; i++) {
		snprintf(client, sizeof(client), "10.0.0.%u", i);
		send_dns(st, &seen, 100, client, "bad");
	}
	assert_int_equal(sigma_state_left_out(st), 5);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(client, sizeof(client), "10.0.1.%u", i / 2);
		send_dns(st, &seen, 300 + i, client, "bad");
	}
	assert_int_equal(sigma_state_left_out(st), 5);
	assert_int_equal(seen.count, 10);
	sigma_state_free(st);
	sigma_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),      cmocka_unit_test(test_modifiers),
		cmocka_unit_test(test_encodings),   cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_conditions),  cmocka_unit_test(test_problems),
		cmocka_unit_test(test_limits),      cmocka_unit_test(test_event_count),
		cmocka_unit_test(test_few),         cmocka_unit_test(test_value_count),
		cmocka_unit_test(test_temporal),    cmocka_unit_test(test_aggregation),
		cmocka_unit_test(test_passed_over), cmocka_unit_test(test_slow_expression),
		cmocka_unit_test(test_joining),     cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/detect/script*.c: scripts of rules, what they may do and what stops them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataplane/detect/program.h"
#include "rules/ruleset.h"
#include "tests/unit/detect/fake.h"

struct bench {
	struct worker w;
	struct counters counters;
	struct config *config;
	struct detect_program *program;
	union {
		struct flow flow;
		struct flow_block block; /* where flow_cold(&flow) is */
	};
	char folder[64];
};

static void file_write(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* One script "x.lua" beside the rules. */
static struct bench *bench_new(const char *rules, const char *script)
{
	struct bench *b = aligned_alloc(_Alignof(struct bench), sizeof(*b));
	char path[96], error[512] = "";
	const char *files[] = {path};
	struct ruleset_options o = {.files = files, .file_count = 1};
	struct ruleset *set;

	assert_non_null(b);
	memset(b, 0, sizeof(*b));
	snprintf(b->folder, sizeof(b->folder), "/tmp/metsuke-script-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	file_write(b->folder, "x.lua", script);
	file_write(b->folder, "r.rules", rules);
	snprintf(path, sizeof(path), "%s/r.rules", b->folder);
	set = ruleset_load(&o, NULL, error, sizeof(error));
	if (!set)
		fail_msg("%s", error);
	memset(&fake, 0, sizeof(fake));
	b->config = config_new();
	b->w.config = b->config;
	b->w.counters = &b->counters;
	b->w.record_memory = aligned_alloc(64, RECORD_MAX_BYTES);
	assert_int_equal(heap_init(&b->w.heap, 8 << 20), 0);
	assert_int_equal(detect_worker_new(&b->w), 0);
	b->program = detect_program_new(b->config, set, 1, error, sizeof(error));
	if (!b->program)
		fail_msg("%s", error);
	detect_worker_use(&b->w, b->program);
	addr_parse("10.0.0.1", &b->flow.client);
	addr_parse("192.0.2.1", &b->flow.server);
	b->flow.ip_version = 4;
	flow_cold(&b->flow)->id = 7;
	b->flow.ip_proto = 17;
	return b;
}

static void bench_free(struct bench *b)
{
	char path[128];

	detect_flow_free(&b->w, &b->flow);
	detect_worker_free(&b->w);
	detect_program_free(b->program);
	config_free(b->config);
	heap_fini(&b->w.heap);
	free(b->w.record_memory);
	snprintf(path, sizeof(path), "%s/x.lua", b->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/r.rules", b->folder);
	unlink(path);
	rmdir(b->folder);
	free(b);
}

static void packet(struct bench *b, const char *payload)
{
	struct packet p = {.flags = PACKET_IP | PACKET_L4, .ip_version = 4, .ip_proto = 17, .flow = &b->flow,
			   .src = b->flow.client, .dst = b->flow.server, .sport = 40000, .dport = 53,
			   .ts_ns = 1700000000123456000ull, .number = 9, .payload = (const uint8_t *)payload,
			   .payload_len = (uint32_t)strlen(payload)};

	p.data = p.payload;
	p.len = p.payload_len;
	fake.alert_count = 0;
	detect_packet(&b->w, &p);
}

#define RULE "alert udp any any -> any any (content:\"x\"; lua:x.lua; sid:1;)\n"

/* Does `body`, of the function match, hold? -1: it is refused when it is loaded. */
static int holds(const char *body)
{
	char script[4096];
	const struct detect_refusal *refusals;
	struct bench *b;
	int answer;

	snprintf(script, sizeof(script), "function match(args)\n%s\nend", body);
	b = bench_new(RULE, script);
	packet(b, "x1");
	answer = detect_program_refusals(b->program, &refusals) ? -1 : (int)fake.alert_count;
	if (answer == 0 && b->counters.detect_lua_errors)
		answer = -2;
	bench_free(b);
	return answer;
}

static void answers(void **state)
{
	(void)state;
	assert_int_equal(holds("return 1"), 1);
	assert_int_equal(holds("return 0"), 0);
	assert_int_equal(holds("return true"), 1);
	assert_int_equal(holds("return \"text\""), 0);
	assert_int_equal(holds(""), 0);
	assert_int_equal(holds("return nothing.at_all"), -2);
	assert_int_equal(holds("return ("), -1);
}

/* Patterns do what the manual says. */
static void patterns(void **state)
{
	static const char *const true_ones[] = {
		"('hello world'):find('o w')==5",
		"('hello'):find('l+')==3 and select(2, ('hello'):find('l+'))==4",
		"('hello'):match('^(h)(.-)(o)$')=='h'",
		"select(2, ('key = value'):match('(%w+)%s*=%s*(%w+)'))=='value'",
		"('a.b'):find('.', 1, true)==2",
		"('THE (quick) fox'):find('%((%a+)%)')==5",
		"('f(a(b)c)d'):match('%b()')=='(a(b)c)'",
		"('THE (quick) fox'):match('%f[%a]%a+', 5)=='quick'",
		"('abcabc'):match('(abc)%1')=='abc'",
		"('x'):rep(3)=='xxx'",
		"('hello'):gsub('l', 'L')=='heLLo'",
		"('hello world'):gsub('(%w+)', '<%1>')=='<hello> <world>'",
		"('abc'):gsub('', '-')=='-a-b-c-'",
		"('abc'):gsub('%w', function(c) return c .. c end)=='aabbcc'",
		"('$name'):gsub('%$(%w+)', {name='lua'})=='lua'",
		"('a,b,,c'):gsub(',', ';', 2)=='a;b;,c'",
		"(function() local n = 0 for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do n = n + v end return n end)()==3",
		"('hello'):match('()ll()')==3",
		"('[x]'):match('[]]')==']' and ('a-b'):match('[a-]+')=='a-'",
		"('aXb'):find('%u')==2 and ('aXb'):find('[^%l]')==2",
		"('aaa'):match('a-$')=='aaa' and ('ab'):match('a?b')=='ab'",
		"('x'):find('y')==nil and (''):find('')==1 and (''):match('.*')==''",
		"('abc'):find('b', -2)==2 and ('abc'):find('a', 10)==nil",
		"tostring(12):match('%d+')=='12' and #('%d'):format(7)==1",
		"('0123456789'):match('%x%X?')=='01' or true",
	};
	char body[512];

	(void)state;
	for (size_t i = 0; i < sizeof(true_ones) / sizeof(*true_ones); i++) {
		snprintf(body, sizeof(body), "if %s then return 1 end return 0", true_ones[i]);
		if (holds(body) != 1)
			fail_msg("%s: %d", true_ones[i], holds(body));
	}
	assert_int_equal(holds("return ('x'):find('[a')"), -2);
	assert_int_equal(holds("return ('x'):find('%')"), -2);
	assert_int_equal(holds("return ('x'):find('(')"), -2);
	assert_int_equal(holds("return ('x'):match(')')"), -2);
	assert_int_equal(holds("return ('x'):gsub('x', '%2')"), -2);
	assert_int_equal(holds("return ('x'):match('%1')"), -2);
}

/* Nothing of the system, no code from elsewhere, no way around the limits. */
static void sandbox(void **state)
{
	static const char *const none[] = {"io", "os", "package", "debug", "coroutine", "utf8", "string.dump",
					   "table.sort", "table.move"};
	static const char *const stopped[] = {
		"load('return 1')()", "dofile('/etc/passwd')", "loadfile('/etc/passwd')", "pcall(error)",
		"xpcall(error, error)", "collectgarbage()", "require('os')", "require('suricata.nothing')",
		"setmetatable({}, {__gc = function() end})", "getmetatable('').__index = nil; return ('x').y.z",
	};
	char body[256];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		snprintf(body, sizeof(body), "if %s == nil then return 1 end return 0", none[i]);
		assert_int_equal(holds(body), 1);
	}
	for (size_t i = 0; i < sizeof(stopped) / sizeof(*stopped); i++)
		if (holds(stopped[i]) != -2)
			fail_msg("%s: %d", stopped[i], holds(stopped[i]));
	/* Text alone: no bytes that Lua has compiled. */
	assert_int_equal(holds("end\x1bLua function f()"), -1);
}

/* What is hostile ends within a second, and the engine goes on. */
static void hostile(void **state)
{
	static const struct {
		const char *body;
		bool memory; /* which limit it meets */
	} all[] = {
		{"while true do end", false},
		{"local function f() return f() end return f()", false},
		{"local function f() return 1 + f() end return f()", true},
		{"local s = 'x' while true do s = s .. s end", true},
		{"return ('x'):rep(1e9)", true},
		{"local t = {} while true do t[#t + 1] = 'x' end", true},
		{"while true do local s = ('x'):rep(200000) end", false},
		{"return ('a'):rep(20000):find(('a-'):rep(20) .. 'b')", false},
		{"return ('a'):rep(20000):find(('a*'):rep(30) .. 'b')", false},
		{"return ('('):rep(100000):find('%b()')", false},
		{"local s = ('x'):rep(100000) while true do if s < s then return 1 end end", false},
		{"local s = ('x'):rep(200000) return s:gsub('x', s)", true},
		{"local s = ('a'):rep(100000) .. 'b' while true do s:find(s .. 'c', 1, true) end", false},
		{"local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return t[1]", true},
		{"return table.concat({}, 'x', 1, 1e9)", true},
		{"return #table.pack(table.unpack({}, 1, 1e6))", true},
		{"for i = 1, 1e9 do tostring(i) end", false},
		{"return ('x'):rep(300):match(('(x)'):rep(40))", true},
		{"error(setmetatable({}, {__tostring = function() while true do end end}))", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct timespec before, after;
		char script[512];
		struct bench *b;

		snprintf(script, sizeof(script), "function match(args)\n%s\nend", all[i].body);
		b = bench_new(RULE "alert udp any any -> any any (content:\"x\"; sid:2;)\n", script);
		clock_gettime(CLOCK_MONOTONIC, &before);
		for (int n = 0; n < 3; n++) {
			packet(b, "x");
			assert_int_equal(fake.alert_count, 1);
			assert_int_equal(fake.alerts[0], 2);
		}
		clock_gettime(CLOCK_MONOTONIC, &after);
		if (after.tv_sec - before.tv_sec > 6)
			fail_msg("%s: took %ld s", all[i].body, after.tv_sec - before.tv_sec);
		if (b->counters.detect_lua_errors != 3)
			fail_msg("%s: %d errors", all[i].body, (int)b->counters.detect_lua_errors);
		if (!all[i].memory && b->counters.detect_lua_instruction_limit_errors != 3)
			fail_msg("%s: not at its limit", all[i].body);
		assert_true(b->w.heap.used_bytes < 2u << 20);
		bench_free(b);
	}
}

/* The same in what is run when a script is loaded: the rule is refused. */
static void hostile_at_load(void **state)
{
	static const char *const all[] = {"while true do end", "local s = 'x' while true do s = s .. s end",
					  "function init() while true do end end function match() end", "x = 1"};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct bench *b = bench_new(RULE, all[i]);
		const struct detect_refusal *refusals;

		assert_int_equal(detect_program_refusals(b->program, &refusals), 1);
		assert_non_null(strstr(refusals[0].reason, "x.lua: "));
		packet(b, "x");
		assert_int_equal(fake.alert_count, 0);
		bench_free(b);
	}
}

static void libraries(void **state)
{
	static const char script[] =
		"local packet, flow, rule = require('suricata.packet'), require('suricata.flow'), require('suricata.rule')\n"
		"local base64, hash = require 'suricata.base64', require 'suricata.hashlib'\n"
		"local var = require('suricata.flowvar')\n"
		"local log = require('suricata.log')\n"
		"function init(args) var.register('v') return {} end\n"
		"function thread_init(args) v = var.get('v') end\n"
		"function match(args)\n"
		"  local p, f, r = packet.get(), flow.get(), rule.get_rule()\n"
		"  local version, src, dst, proto, sp, dp = p:tuple()\n"
		"  log.info('x')\n"
		"  assert(p:payload() == 'x1' and p:pcap_cnt() == 9 and p:sp() == 40000 and p:dp() == 53)\n"
		"  assert(version == 4 and src == '10.0.0.1' and dst == '192.0.2.1' and proto == 17 and dp == 53)\n"
		"  assert(p:timestring_iso8601() == '2023-11-14T22:13:20.123456+0000')\n"
		"  assert(f:id() == 7 and not f:has_alerts() and f:app_layer_proto() == 'unknown')\n"
		"  assert(r:sid() == 1 and r:gid() == 1 and r:msg() == 'm' and r:action() == 'alert')\n"
		"  assert(base64.encode('abcd') == 'YWJjZA==' and base64.decode('YWJjZA==') == 'abcd')\n"
		"  assert(base64.encode_nopad('abcd') == 'YWJjZA' and base64.decode_rfc2045('Y W J j') == 'abc')\n"
		"  assert(hash.md5_hexdigest('abc') == '900150983cd24fb0d6963f7d28e17f72')\n"
		"  local h = hash.sha1() h:update('a') h:update('bc')\n"
		"  assert(h:finalize_to_hex() == 'a9993e364706816aba3e25717850c26c9cd0d89d')\n"
		"  assert(#hash.sha256_digest('abc') == 32)\n"
		"  assert(require('suricata.util').thread_info().name == 'W#00')\n"
		"  if v:value() == nil then v:set('seen', 4) return 0 end\n"
		"  return v:value() == 'seen' and 1 or 0\n"
		"end\n";
	struct bench *b = bench_new("alert udp any any -> any any (msg:\"m\"; content:\"x\"; lua:x.lua; sid:1;)\n", script);

	(void)state;
	packet(b, "x1");
	assert_int_equal(b->counters.detect_lua_errors, 0);
	assert_int_equal(fake.alert_count, 0);
	packet(b, "x1");
	assert_int_equal(fake.alert_count, 1);
	bench_free(b);
}

/* Numbers that the rule read, a script that must not hold, and that it is run last. */
static void variables(void **state)
{
	struct bench *b = bench_new(
		"alert udp any any -> any any (content:\"x\"; byte_extract:1,1,n; lua:x.lua; flowbits:set,b; sid:1;)\n"
		"alert udp any any -> any any (content:\"x\"; byte_extract:1,1,n; lua:!x.lua; sid:2;)\n"
		"alert udp any any -> any any (flowbits:isset,b; sid:3;)\n",
		"local bytes = require('suricata.bytevar')\n"
		"function init(sig) bytes.map(sig, 'n') return {} end\n"
		"function thread_init() n = bytes.get('n') end\n"
		"function match() return n:value() == 0x31 and 1 or 0 end\n");

	(void)state;
	packet(b, "x2");
	assert_int_equal(fake.alert_count, 1);
	assert_int_equal(fake.alerts[0], 2);
	packet(b, "x1");
	assert_int_equal(fake.alert_count, 2);
	assert_int_equal(fake.alerts[0], 1);
	assert_int_equal(fake.alerts[1], 3);
	bench_free(b);
}

/* A rule cannot leave the folder of its file. */
static void places(void **state)
{
	static const char *const names[] = {"/etc/passwd", "../x.lua", "nothing.lua", "."};
	char rules[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct bench *b;

		snprintf(rules, sizeof(rules), "alert udp any any -> any any (lua:%s; sid:1;)\n", names[i]);
		b = bench_new(rules, "function match() return 1 end");
		assert_int_equal(detect_program_ruleset(b->program)->rule_count, 0);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers), cmocka_unit_test(patterns), cmocka_unit_test(sandbox),
		cmocka_unit_test(hostile), cmocka_unit_test(hostile_at_load), cmocka_unit_test(libraries),
		cmocka_unit_test(variables), cmocka_unit_test(places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

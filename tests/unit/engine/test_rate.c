/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/detect/rate.c through the whole pipeline: what a rule matches, held to a rate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataplane/detect/detect.h"
#include "dataplane/packet/packet.h"
#include "rules/ruleset.h"
#include "tests/unit/engine/wire.h"

static const char *const in_the_wire[] = {"mode=inline", "eve.types.drop.alerts=yes", NULL};
static const char *const on_a_tap[] = {"mode=tap", NULL};

static void write_text(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* The worker runs these rules from now on. */
static void rules(struct wire *w, const char *text, const char *limits, uint64_t version)
{
	char path[] = "/tmp/metsuke-rules-XXXXXX", other[] = "/tmp/metsuke-limits-XXXXXX", error[512] = "";
	const char *files[] = {path};
	struct ruleset_options o = {.files = files, .file_count = 1, .threshold_file = other};
	struct detect_program *old = (void *)(uintptr_t)atomic_load(&w->engine.program), *program;
	struct ruleset *set;

	write_text(path, text);
	write_text(other, limits);
	set = ruleset_load(&o, NULL, error, sizeof(error));
	unlink(path);
	unlink(other);
	program = set ? detect_program_new(w->engine.config, set, version, error, sizeof(error)) : NULL;
	if (!program)
		fail_msg("%s", error);
	atomic_store(&w->engine.program, program);
	lane_quiescent(w->lane);
	if (old)
		detect_program_free(old);
}

static void done(struct wire *w)
{
	struct detect_program *program = (void *)(uintptr_t)atomic_load(&w->engine.program);

	wire_close(w);
	detect_program_free(program);
}

/* So many datagrams of a conversation, one a millisecond, both ways; how many went on. */
static unsigned talk(struct wire *w, unsigned count, size_t bytes)
{
	static const char text[1400];
	unsigned passed = 0;

	for (unsigned i = 0; i < count; i++)
		passed += wire_udp(w, i & 1, text, bytes);
	return passed;
}

/* From the match on the flow has its rate, both directions together; others are left alone. */
static void one_flow(void **state)
{
	struct wire *w = wire_open(in_the_wire, -1);
	const struct record_head *r;
	unsigned told = 0;

	rules(w, "alert udp any any -> any 80 (msg:\"slow\"; content:\"start\"; sid:1;)\n",
	      "rate_limit gen_id 1, sig_id 1, track by_flow, pps 20\n", 1);
	assert_int_equal(talk(w, 100, 100), 100);
	assert_true(wire_udp(w, true, "start", 5));
	assert_in_range(talk(w, 3000, 100), 59, 62);
	assert_int_equal(w->counters->drop[DROP_rule_rate], w->counters->ips_blocked);
	assert_int_equal(w->counters->detect_rate_flows, 1);
	w->client_port++;
	assert_int_equal(talk(w, 100, 100), 100);
	r = wire_next(w, RECORD_alert);
	assert_string_equal(wire_text(r, F_alert_action), "allowed");
	assert_string_equal(wire_text(r, F_alert_rate_track), "by_flow");
	assert_int_equal(wire_number(r, F_alert_rate_pps), 20);
	/* told of once a second, with the rule */
	for (r = wire_next(w, RECORD_drop); r; r = wire_next(w, RECORD_drop), told++) {
		assert_string_equal(wire_text(r, F_drop_reason), "rules rate_limit");
		assert_int_equal(wire_number(r, F_alert_signature_id), 1);
	}
	assert_in_range(told, 3, 4);
	done(w);
}

/* Flows of one client share its rate, and a drop rule drops no more than what is beyond it. */
static void one_source(void **state)
{
	struct wire *w = wire_open(in_the_wire, -1);
	unsigned passed[2] = {0};

	rules(w, "drop tcp any any -> any 80 (msg:\"bulk\"; content:\"bulk\"; sid:1;)\n",
	      "rate_limit gen_id 1, sig_id 1, track by_src, kbps 800\n", 1);
	for (unsigned i = 0; i < 2; i++) {
		w->client_port = (uint16_t)(40000 + i);
		assert_true(wire_handshake(w));
		assert_true(wire_say(w, "bulk"));
	}
	assert_int_equal(w->counters->detect_rate_flows, 2);
	/* 4 s of 1000 bytes a millisecond are 4 MB; 800 kbit/s are 400 kB of these */
	for (unsigned i = 0; i < 4000; i++) {
		static const char text[946];

		w->client_port = (uint16_t)(40000 + (i & 1));
		w->seq[1] = 6000;
		passed[i & 1] += wire_tcp(w, false, TCP_ACK, text, sizeof(text));
	}
	assert_in_range(passed[0] + passed[1], 400, 412);
	w->client = "10.0.0.6";
	assert_true(wire_handshake(w));
	assert_true(wire_say(w, "none of it"));
	assert_int_equal(w->counters->drop[DROP_rule], 0);
	assert_int_equal(w->counters->drop[DROP_rule_flow], 0);
	done(w);
}

/* A rule on packets limits those that it matches. */
static void packets_alone(void **state)
{
	struct wire *w = wire_open(in_the_wire, -1);
	const struct record_head *r;
	unsigned blocked = 0, alerts = 0;

	rules(w, "alert udp any any -> any any (msg:\"large\"; dsize:>500; sid:1;)\n",
	      "rate_limit gen_id 1, sig_id 1, track by_rule, pps 1\n", 1);
	assert_in_range(talk(w, 1000, 501), 1, 2);
	assert_int_equal(talk(w, 1000, 500), 1000);
	for (r = wire_next(w, RECORD_alert); r; r = wire_next(w, RECORD_alert), alerts++)
		blocked += strcmp(wire_text(r, F_alert_action), "blocked") == 0;
	assert_int_equal(alerts, 1000);
	assert_in_range(blocked, 998, 999);
	done(w);
}

static void tap(void **state)
{
	struct wire *w = wire_open(on_a_tap, -1);
	const struct record_head *r;
	unsigned would = 0;

	rules(w, "alert udp any any -> any any (msg:\"large\"; dsize:>500; sid:1;)\n",
	      "rate_limit gen_id 1, sig_id 1, track by_src, pps 1\n", 1);
	talk(w, 100, 501);
	assert_int_equal(w->counters->drop[DROP_tap], 100);
	assert_int_equal(w->counters->detect_rate_would_drop, 98); /* two sources */
	for (r = wire_next(w, RECORD_alert); r; r = wire_next(w, RECORD_alert)) {
		assert_string_equal(wire_text(r, F_alert_action), "allowed");
		would += wire_number(r, F_alert_rate_would_drop) != 0;
	}
	assert_int_equal(would, 98);
	done(w);
}

/* A reload changes the rate of flows that are under it, or lets them go. */
static void reloads(void **state)
{
	static const char text[] = "alert udp any any -> any 80 (msg:\"slow\"; content:\"start\"; sid:1;)\n";
	struct wire *w = wire_open(in_the_wire, -1);

	rules(w, text, "rate_limit gen_id 1, sig_id 1, track by_flow, pps 20\n", 1);
	assert_true(wire_udp(w, true, "start", 5));
	assert_in_range(talk(w, 1000, 100), 19, 21);
	rules(w, text, "rate_limit gen_id 1, sig_id 1, track by_flow, pps 100\n", 2);
	assert_in_range(talk(w, 1000, 100), 95, 102);
	rules(w, text, "", 3);
	assert_int_equal(talk(w, 1000, 100), 1000);
	done(w);
}

/* Two limits: what the narrow one drops is not taken from the wide one. */
static void two_limits(void **state)
{
	struct wire *w = wire_open(in_the_wire, -1);

	rules(w,
	      "alert udp any any -> any 80 (content:\"start\"; sid:1;)\n"
	      "drop:flow udp any any -> any 80 (content:\"start\"; sid:2;)\n",
	      "rate_limit gen_id 1, sig_id 1, track by_flow, pps 10\n"
	      "rate_limit gen_id 1, sig_id 2, track by_rule, pps 30\n",
	      1);
	assert_true(wire_udp(w, true, "start", 5));
	w->client_port++;
	assert_true(w->ns += 1000000000);
	assert_true(wire_udp(w, true, "start", 5));
	w->ns += 1000000000;
	/* each flow its ten, in turns */
	for (unsigned i = 0, passed = 0; i <= 2000; i++) {
		w->client_port ^= 1;
		passed += wire_udp(w, true, "more", 4);
		if (i == 2000)
			assert_in_range(passed, 39, 44);
	}
	assert_int_equal(w->counters->detect_rate_flows, 4);
	done(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flow), cmocka_unit_test(one_source), cmocka_unit_test(packets_alone),
		cmocka_unit_test(tap),      cmocka_unit_test(reloads),    cmocka_unit_test(two_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

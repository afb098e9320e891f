/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/overload.c: when a worker says that it does not keep up, what becomes of flows then, and when it
 * is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/engine/overload.h"
#include "dataplane/flow/flow.h"
#include "dataplane/packet/packet.h"
#include "tests/unit/engine/wire.h"

#define MS 1000000ull
#define ELEPHANT (1u << 20)

static const struct config settings = {
	.overload_policy = OVERLOAD_PASS, .overload_elephant = ELEPHANT, .overload_high = 75, .overload_low = 25};

/* One look a millisecond, so many of them; how often the level changed. */
static unsigned look(struct overload *o, const struct config *c, unsigned percent, unsigned count, uint64_t *ns)
{
	unsigned changes = 0;

	for (unsigned i = 0; i < count; i++, *ns += MS)
		changes += overload_step(o, c, percent, *ns);
	return changes;
}

static void a_burst_is_no_overload(void **state)
{
	struct overload o = {0};
	uint64_t ns = 1000 * MS;

	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(look(&o, &settings, 100, 9, &ns), 0);
		assert_int_equal(look(&o, &settings, 0, 1, &ns), 0);
	}
	assert_int_equal(look(&o, &settings, 74, 5000, &ns), 0);
	assert_int_equal(o.level, OVERLOAD_NONE);
}

/* Large flows first, then the new ones; then smaller and smaller flows; and back in two steps. */
static void steps(void **state)
{
	struct overload o = {0};
	uint64_t ns = 1000 * MS;

	assert_int_equal(look(&o, &settings, 75, 11, &ns), 1);
	assert_int_equal(o.level, OVERLOAD_DEEP);
	assert_int_equal(o.elephant_bytes, ELEPHANT);
	assert_int_equal(look(&o, &settings, 75, 99, &ns), 0);
	assert_int_equal(look(&o, &settings, 75, 1, &ns), 1);
	assert_int_equal(o.level, OVERLOAD_NEW_FLOWS);
	assert_int_equal(o.elephant_bytes, ELEPHANT / 2);
	assert_int_equal(look(&o, &settings, 100, 499, &ns), 0);
	assert_int_equal(look(&o, &settings, 100, 2, &ns), 1);
	assert_int_equal(o.level, OVERLOAD_ALL_FLOWS);
	look(&o, &settings, 100, 2000, &ns);
	assert_int_equal(o.elephant_bytes, OVERLOAD_ELEPHANT_MIN);
	assert_int_equal(look(&o, &settings, 0, 1001, &ns), 1);
	assert_int_equal(o.level, OVERLOAD_NEW_FLOWS);
	/* neither deep nor shallow: it stays */
	assert_int_equal(look(&o, &settings, 50, 5000, &ns), 0);
	assert_int_equal(look(&o, &settings, 24, 1000, &ns), 0);
	assert_int_equal(look(&o, &settings, 24, 1, &ns), 1);
	assert_int_equal(o.level, OVERLOAD_DEEP);
	/* not shallow all the time: it begins anew */
	assert_int_equal(look(&o, &settings, 0, 999, &ns), 0);
	assert_int_equal(look(&o, &settings, 30, 1, &ns), 0);
	assert_int_equal(look(&o, &settings, 0, 1000, &ns), 0);
	assert_int_equal(look(&o, &settings, 0, 1, &ns), 1);
	assert_int_equal(o.level, OVERLOAD_NONE);
	assert_int_equal(look(&o, &settings, 0, 5000, &ns), 0);
}

/* A queue that is deep again and again for a moment, because shedding helps, does not go on to the next step. */
static void no_flapping(void **state)
{
	struct overload o = {0};
	uint64_t ns = 1000 * MS;

	assert_int_equal(look(&o, &settings, 90, 11, &ns), 1);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(look(&o, &settings, 90, 50, &ns), 0);
		assert_int_equal(look(&o, &settings, 0, 50, &ns), 0);
	}
	assert_int_equal(o.level, OVERLOAD_DEEP);
}

static void only_told(void **state)
{
	struct config c = settings;
	struct overload o = {0};
	uint64_t ns = 1000 * MS;

	c.overload_policy = OVERLOAD_IGNORE;
	assert_int_equal(look(&o, &c, 100, 10000, &ns), 1);
	assert_int_equal(o.level, OVERLOAD_DEEP);
	assert_int_equal(o.elephant_bytes, 0);
	assert_int_equal(look(&o, &c, 0, 10000, &ns), 1);
}

/* ---- in a worker ---- */

static struct wire *worker(const char *policy, const char *mode)
{
	char text[2][64];
	const char *const settings[] = {text[0], text[1], "overload.elephant=200k", NULL};

	snprintf(text[0], sizeof(text[0]), "overload.policy=%s", policy);
	snprintf(text[1], sizeof(text[1]), "mode=%s", mode);
	return wire_open(settings, -1);
}

/* The worker's queue is that full for so many milliseconds. */
static void queue(struct wire *w, unsigned percent, unsigned ms)
{
	for (unsigned i = 0; i <= ms; i++, w->lane->w.now_ns += MS)
		overload_note(&w->lane->w, &w->lane->overload, percent);
	w->ns = w->lane->w.now_ns;
}

static const char *flow_state(struct wire *w)
{
	const struct record_head *r = wire_next(w, RECORD_flow);

	return r ? wire_text(r, F_flow_bypass) : "none";
}

/* The flow that is there goes on being inspected; what begins is treated by the policy. */
static void new_flows(void **state)
{
	static const struct {
		const char *policy, *mode;
		bool forwarded;
		unsigned passed, dropped, bypassed, flows;
	} rows[] = {
		{"ignore", "inline", true, 0, 0, 0, 3},	{"pass", "inline", true, 2, 0, 0, 2},
		{"bypass", "inline", true, 0, 0, 1, 3}, {"drop", "inline", false, 0, 2, 0, 2},
		{"drop", "tap", false, 2, 0, 0, 2},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire *w = worker(rows[i].policy, rows[i].mode);
		bool inl = strcmp(rows[i].mode, "inline") == 0;
		const struct counters *c = w->counters;

		assert_int_equal(wire_udp(w, true, "old", 3), inl);
		queue(w, 100, 200);
		assert_int_equal(c->overload_workers, 1);
		assert_int_equal(wire_udp(w, true, "old", 3), inl);
		w->client_port++;
		assert_int_equal(wire_udp(w, true, "new", 3), rows[i].forwarded);
		assert_int_equal(wire_udp(w, false, "new", 3), rows[i].forwarded);
		assert_int_equal(c->overload_passed, rows[i].passed);
		assert_int_equal(c->drop[DROP_overload], rows[i].dropped);
		assert_int_equal(c->overload_bypassed, rows[i].bypassed);
		queue(w, 0, 3000);
		assert_int_equal(c->overload_workers, 0);
		w->client_port++;
		assert_int_equal(wire_udp(w, true, "later", 5), inl);
		assert_int_equal(c->flow_total, rows[i].flows);
		wire_close(w);
	}
}

/* New flows are not what is too much: the policy is for every packet. */
static void all_flows(void **state)
{
	static const struct {
		const char *policy;
		bool forwarded;
		unsigned passed, dropped, released;
	} rows[] = {{"pass", true, 2, 0, 0}, {"bypass", true, 0, 0, 1}, {"drop", false, 0, 2, 0}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire *w = worker(rows[i].policy, "inline");
		const struct counters *c = w->counters;

		wire_udp(w, true, "old", 3);
		queue(w, 100, 1000);
		assert_int_equal(wire_udp(w, true, "old", 3), rows[i].forwarded);
		assert_int_equal(wire_udp(w, false, "old", 3), rows[i].forwarded);
		assert_int_equal(c->overload_passed, rows[i].passed);
		assert_int_equal(c->drop[DROP_overload], rows[i].dropped);
		assert_int_equal(c->overload_released, rows[i].released);
		queue(w, 0, 4000);
		assert_int_equal(wire_udp(w, true, "old", 3), true);
		assert_int_equal(c->overload_passed + c->drop[DROP_overload], rows[i].passed + rows[i].dropped);
		wire_close(w);
	}
}

/* A TCP session of which packets passed uninspected goes on when it is over: what comes then fits no state that is
 * left, and is not held against it. Its begin, or some of it, was not seen. */
static void sessions_go_on(void **state)
{
	static const char bulk[1000];

	for (unsigned begin = 0; begin < 2; begin++) {
		struct wire *w = worker("pass", "inline");

		if (!begin)
			assert_true(wire_handshake(w));
		queue(w, 100, 1000);
		if (begin)
			assert_true(wire_handshake(w));
		for (unsigned i = 0; i < 200; i++) {
			assert_true(wire_tcp(w, false, TCP_ACK, bulk, sizeof(bulk)));
			assert_true(wire_tcp(w, true, TCP_ACK, NULL, 0));
		}
		queue(w, 0, 4000);
		for (unsigned i = 0; i < 200; i++) {
			assert_true(wire_tcp(w, false, TCP_ACK, bulk, sizeof(bulk)));
			assert_true(wire_tcp(w, true, TCP_ACK, NULL, 0));
		}
		assert_true(wire_tcp(w, false, TCP_ACK | TCP_FIN, NULL, 0));
		assert_true(wire_tcp(w, true, TCP_ACK | TCP_FIN, NULL, 0));
		assert_int_equal(w->counters->overload_passed, 0);
		assert_int_equal(w->counters->overload_released, !begin);
		assert_int_equal(w->counters->overload_bypassed, begin);
		wire_close(w);
	}
}

static void large_flows(void **state)
{
	static const char bulk[1000];
	struct wire *w = worker("pass", "inline");
	const struct record_head *r;

	for (unsigned i = 0; i < 300; i++)
		wire_udp(w, true, bulk, sizeof(bulk));
	w->client_port++;
	wire_udp(w, true, "small", 5);
	queue(w, 100, 20);
	wire_udp(w, true, "small", 5);
	w->client_port--;
	for (unsigned i = 0; i < 5; i++)
		assert_true(wire_udp(w, true, bulk, sizeof(bulk)));
	assert_int_equal(w->counters->overload_released, 1);
	assert_int_equal(w->counters->flow_bypassed_pkts, 4);
	r = wire_next(w, RECORD_overload);
	assert_string_equal(wire_text(r, F_overload_state), "deep");
	assert_int_equal(wire_number(r, F_overload_elephant), 200 << 10);
	queue(w, 0, 1001);
	r = wire_next(w, RECORD_overload);
	assert_string_equal(wire_text(r, F_overload_state), "over");
	assert_int_equal(wire_number(r, F_overload_released), 1);
	flow_end_all(&w->lane->w);
	assert_string_equal(flow_state(w), "local");
	assert_string_equal(flow_state(w), "");
	wire_close(w);
}

/* What no firewall rule accepts does not pass, however deep the queue is. */
static void firewall(void **state)
{
	struct wire *w = wire_open((const char *const[]){"mode=inline", "firewall.enabled=yes", "overload.policy=pass", NULL},
				   -1);

	queue(w, 100, 200);
	assert_false(wire_udp(w, true, "new", 3));
	assert_int_equal(w->counters->drop[DROP_overload], 1);
	assert_int_equal(w->counters->overload_passed, 0);
	wire_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_is_no_overload),
		cmocka_unit_test(steps),
		cmocka_unit_test(no_flapping),
		cmocka_unit_test(only_told),
		cmocka_unit_test(new_flows),
		cmocka_unit_test(all_flows),
		cmocka_unit_test(sessions_go_on),
		cmocka_unit_test(large_flows),
		cmocka_unit_test(firewall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

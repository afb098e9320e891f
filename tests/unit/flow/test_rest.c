/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TCP flows at rest. That nothing of a session is lost, whatever its state, lab.c looks after in all tests of streams.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/flow/table.h"
#include "dataplane/stream/session.h"
#include "tests/support/lab.h"

#define SEND(...) lab_tcp(l, &(struct lab_tcp){__VA_ARGS__})

static struct lab *lab_with(const char *setting)
{
	const char *const settings[] = {setting, NULL};
	struct lab *l = lab_new(settings);

	l->wakeful = true;
	return l;
}

static void run_timers(struct lab *l)
{
	flow_timers(&l->w, l->w.now_ns, 1000000);
}

/* An idle session takes no more memory than its flow, and goes on where it was. */
static void idle_sessions_rest(void **state)
{
	struct lab *l = lab_with(NULL);
	struct flow before, *f;

	(void)state;
	l->inspect = true;
	lab_open(l, 100, 500);
	lab_say(l, TO_SERVER, 101, 501, "hello");
	lab_say(l, TO_CLIENT, 501, 106, "yes?");
	SEND(.d = TO_SERVER, .flags = TCP_ACK, .seq = 106, .ack = 505);
	f = l->flow;
	assert_true(l->w.heap.used_bytes > 0);
	before = *f;
	lab_wait(l, 20);
	run_timers(l);
	assert_false(f->flags & FLOW_AT_REST);
	lab_wait(l, 42);
	run_timers(l);
	assert_true(f->flags & FLOW_AT_REST);
	assert_int_equal(l->counters.tcp_resting_sessions, 1);
	assert_int_equal(l->counters.tcp_active_sessions, 1);
	assert_int_equal(l->counters.flow_active, 1);
	/* what rules may look back at is in there too */
	assert_int_equal(l->w.heap.used_bytes, 0);
	lab_say(l, TO_SERVER, 106, 505, "more");
	assert_ptr_equal(l->flow, f);
	assert_false(f->flags & FLOW_AT_REST);
	assert_int_equal(l->counters.tcp_resting_sessions, 0);
	assert_int_equal(f->packets[TO_SERVER], before.packets[TO_SERVER] + 1);
	assert_int_equal(l->p->event_count, 0);
	lab_say(l, TO_CLIENT, 505, 110, "said");
	SEND(.d = TO_SERVER, .flags = TCP_ACK, .seq = 110, .ack = 509);
	assert_string_equal(lab_up(l, TO_SERVER), "hellomore");
	/* again, and then its timeout from the last packet on: still at rest */
	lab_wait(l, 62);
	run_timers(l);
	assert_true(f->flags & FLOW_AT_REST);
	lab_wait(l, 530);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 1);
	lab_wait(l, 12);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	assert_int_equal(l->counters.tcp_active_sessions, 0);
	assert_int_equal(l->counters.tcp_resting_sessions, 0);
	assert_string_equal(l->records[0].reason, "timeout");
	assert_string_equal(l->records[0].state, "established");
	assert_string_equal(l->records[0].tcp_state, "established");
	assert_int_equal(l->records[0].packets[TO_SERVER], 6);
	assert_string_equal(lab_up(l, TO_CLIENT), "yes?said[end]");
	assert_string_equal(lab_raw(l, TO_SERVER), "hellomore");
	assert_string_equal(lab_raw(l, TO_CLIENT), "yes?said");
	assert_false(l->raw_broken);
	lab_free(l);
}

static bool count_packets(struct worker *w, struct flow *f, void *arg)
{
	(void)w;
	assert_false(f->flags & FLOW_AT_REST);
	assert_non_null(f->tcp);
	*(uint64_t *)arg += f->packets[0] + f->packets[1];
	return true;
}

/* Who looks at all flows sees them as they are; a new session on the ports, a reset, the end as well. */
static void resting_flows_are_whole(void **state)
{
	struct lab *l = lab_with(NULL);
	uint64_t packets = 0, id;
	struct flow *f;

	(void)state;
	lab_open(l, 100, 500);
	f = l->flow;
	id = flow_cold(f)->id;
	lab_wait(l, 62);
	run_timers(l);
	assert_true(f->flags & FLOW_AT_REST);
	flow_walk(&l->w, count_packets, &packets);
	assert_int_equal(packets, 3);
	assert_true(f->flags & FLOW_AT_REST);
	assert_ptr_equal(flow_at(&l->w, flow_place(&l->w, f), id), f);
	assert_false(f->flags & FLOW_AT_REST);
	assert_true(flow_rest(&l->w, f));
	SEND(.d = TO_CLIENT, .flags = TCP_RST | TCP_ACK, .seq = 501, .ack = 101);
	assert_int_equal(stream_state(f), TCP_STATE_CLOSED);
	lab_wait(l, 61);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	lab_open(l, 100, 500);
	lab_wait(l, 62);
	run_timers(l);
	lab_end(l);
	assert_int_equal(l->record_count, 2);
	assert_int_equal(l->records[1].packets[0], 2);
	assert_string_equal(l->records[1].tcp_state, "established");
	lab_free(l);
}

/* What rules look back at, in all lengths: some in the flow, some in a block, some where it was. */
static void look_back_rests(void **state)
{
	static const unsigned lengths[] = {1, 12, 40, 200, 511, 512, 513, 1400};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct lab *l = lab_with(NULL);
		char said[1500] = {0};
		uint64_t used;

		l->inspect = true;
		lab_open(l, 100, 500);
		memset(said, 'a', lengths[i]);
		lab_say(l, TO_SERVER, 101, 501, said);
		lab_say(l, TO_CLIENT, 501, 101 + lengths[i], "yes");
		SEND(.d = TO_SERVER, .flags = TCP_ACK, .seq = 101 + lengths[i], .ack = 504);
		lab_wait(l, 62);
		run_timers(l);
		assert_true(l->flow->flags & FLOW_AT_REST);
		used = l->w.heap.used_bytes;
		if (lengths[i] <= 12)
			assert_int_equal(used, 0);
		assert_true(used <= lengths[i] + lengths[i] / 4 + 16);
		memcpy(said + lengths[i], "more", 5);
		lab_say(l, TO_SERVER, 101 + lengths[i], 504, "more");
		lab_say(l, TO_CLIENT, 504, 105 + lengths[i], "!");
		lab_end(l);
		assert_string_equal(lab_raw(l, TO_SERVER), said);
		assert_string_equal(lab_raw(l, TO_CLIENT), "yes!");
		assert_false(l->raw_broken);
		lab_free(l);
	}
}

/* Bytes that nobody acknowledged, and those behind a hole, wait at rest too, but in no frame. */
static void what_waits_rests(void **state)
{
	for (unsigned frames = 0; frames < 2; frames++) {
		struct lab *l = lab_with(NULL);
		uint64_t used;

		(void)state;
		l->frames = frames;
		lab_open(l, 100, 500);
		lab_say(l, TO_SERVER, 101, 501, "never acknowledged ");
		lab_say(l, TO_SERVER, 130, 501, "behind a hole");
		assert_int_equal(l->held, frames ? 2 : 0);
		used = l->w.heap.used_bytes;
		lab_wait(l, 62);
		run_timers(l);
		assert_true(l->flow->flags & FLOW_AT_REST);
		assert_int_equal(l->held, 0);
		assert_true(frames || l->w.heap.used_bytes < used);
		lab_say(l, TO_SERVER, 120, 501, "the hole, ");
		assert_false(l->flow->flags & FLOW_AT_REST);
		assert_string_equal(lab_given(l, TO_SERVER), "");
		lab_say(l, TO_CLIENT, 501, 143, "thanks");
		assert_string_equal(lab_given(l, TO_SERVER), "never acknowledged the hole, behind a hole");
		lab_wait(l, 62);
		run_timers(l);
		assert_true(l->flow->flags & FLOW_AT_REST);
		lab_end(l);
		assert_string_equal(lab_up(l, TO_CLIENT), "thanks[end]");
		lab_free(l);
	}
}

/* No memory to wake: the session goes on, what rules would look back at is lost and counted. */
static void no_memory_to_wake(void **state)
{
	struct lab *l = lab_with(NULL);

	(void)state;
	l->inspect = true;
	lab_open(l, 100, 500);
	lab_say(l, TO_SERVER, 101, 501, "hello");
	lab_say(l, TO_CLIENT, 501, 106, "yes?");
	SEND(.d = TO_SERVER, .flags = TCP_ACK, .seq = 106, .ack = 505);
	lab_wait(l, 62);
	run_timers(l);
	assert_true(l->flow->flags & FLOW_AT_REST);
	for (uint64_t room = 0; room < 400; room += 20) {
		l->w.heap.limit_bytes = l->w.heap.used_bytes + room;
		flow_wake(&l->w, l->flow);
		l->w.heap.limit_bytes = 64u << 20;
		assert_true(flow_rest(&l->w, l->flow));
	}
	assert_true(l->counters.tcp_segment_memcap_drop > 0);
	lab_say(l, TO_SERVER, 106, 505, "more");
	lab_say(l, TO_CLIENT, 505, 110, "said");
	assert_string_equal(lab_given(l, TO_SERVER), "hellomore");
	lab_free(l);
}

/* Nobody rests where it is not wanted. */
static void who_does_not_rest(void **state)
{
	struct lab *l;

	(void)state;
	l = lab_with("stream.rest=0");
	lab_open(l, 100, 500);
	lab_wait(l, 300);
	run_timers(l);
	assert_false(l->flow->flags & FLOW_AT_REST);
	lab_free(l);
	l = lab_with("flow.timeouts.tcp.established=100");
	lab_open(l, 100, 500);
	lab_wait(l, 90);
	run_timers(l);
	assert_false(l->flow->flags & FLOW_AT_REST);
	lab_wait(l, 12);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	lab_free(l);
}

/* Numbers that take more room than there is in the flow stand on the heap; without memory it stays as it is. */
static void what_does_not_fit(void **state)
{
	struct lab *l = lab_with(NULL);
	struct flow *f, before;

	(void)state;
	lab_open(l, 100, 500);
	f = l->flow;
	for (unsigned d = 0; d < 2; d++) {
		f->packets[d] = f->bytes[d] = UINT64_MAX - d;
		f->tcp->side[d].delivered = 1ull << 62;
		f->tcp->side[d].fin_seq = 7;
	}
	f->icmp_type = 1;
	before = *f;
	l->w.heap.limit_bytes = 0;
	assert_false(flow_rest(&l->w, f));
	assert_memory_equal(f, &before, sizeof(before));
	l->w.heap.limit_bytes = 1u << 20;
	assert_true(flow_rest(&l->w, f));
	assert_int_equal(f->flags & ~FLOW_AT_REST, before.flags);
	flow_wake(&l->w, f);
	assert_memory_equal(f->packets, before.packets, sizeof(before.packets));
	f->icmp_type = 0;
	f->packets[0] = f->packets[1] = f->bytes[0] = f->bytes[1] = 1u << 30;
	before = *f;
	assert_true(flow_rest(&l->w, f));
	flow_wake(&l->w, f);
	assert_int_equal(f->tcp->side[1].delivered, 1ull << 62);
	assert_memory_equal(f->bytes, before.bytes, sizeof(before.bytes));
	lab_free(l);
}

/* Those that are busy are looked at again and again, and stay. */
static void busy_sessions_stay_awake(void **state)
{
	struct lab *l = lab_with(NULL);

	(void)state;
	lab_open(l, 100, 500);
	for (unsigned i = 0; i < 50; i++) {
		lab_wait(l, 9);
		run_timers(l);
		assert_false(l->flow->flags & FLOW_AT_REST);
		SEND(.d = TO_SERVER, .flags = TCP_ACK, .seq = 101, .ack = 501);
	}
	lab_wait(l, 62);
	run_timers(l);
	assert_true(l->flow->flags & FLOW_AT_REST);
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_sessions_rest),
		cmocka_unit_test(resting_flows_are_whole),
		cmocka_unit_test(look_back_rests),
		cmocka_unit_test(what_waits_rests),
		cmocka_unit_test(no_memory_to_wake),
		cmocka_unit_test(who_does_not_rest),
		cmocka_unit_test(what_does_not_fit),
		cmocka_unit_test(busy_sessions_stay_awake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

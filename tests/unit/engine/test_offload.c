/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/offload.c with ports of our own: what is handed over, what comes back, and what the flow's record
 * then says.
 */
#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "dataplane/engine/block.h"
#include "dataplane/engine/offload.h"
#include "dataplane/flow/flow.h"
#include "dataplane/packet/packet.h"
#include "drivers/port_driver.h"
#include "tests/unit/engine/wire.h"

#define ROOM 4

/* A port that forwards what it is given; room: at once. */
struct fake_port {
	struct port port;
	struct port_flow flows[ROOM];
	struct port_flow_count counts[ROOM];
	bool used[ROOM];
	unsigned room;
};

static struct fake_port sides[2];

static struct fake_port *fake_of(struct port *p)
{
	return (struct fake_port *)(void *)p;
}

static int at(struct fake_port *f, const struct port_flow *flow)
{
	for (unsigned i = 0; i < ROOM; i++)
		if (f->used[i] && memcmp(&f->flows[i], flow, sizeof(*flow)) == 0)
			return (int)i;
	return -1;
}

static int fake_release(struct port *p, const struct port_flow *flow)
{
	struct fake_port *f = fake_of(p);

	for (unsigned i = 0; i < f->room; i++)
		if (!f->used[i]) {
			f->used[i] = true;
			f->flows[i] = *flow;
			memset(&f->counts[i], 0, sizeof(f->counts[i]));
			return 0;
		}
	return -E2BIG;
}

static int fake_read(struct port *p, const struct port_flow *flow, struct port_flow_count *out)
{
	int i = at(fake_of(p), flow);

	if (i < 0)
		return -ENOENT;
	*out = fake_of(p)->counts[i];
	return 0;
}

static int fake_recall(struct port *p, const struct port_flow *flow, struct port_flow_count *out)
{
	int err = fake_read(p, flow, out);

	if (!err)
		fake_of(p)->used[at(fake_of(p), flow)] = false;
	return err;
}

static const struct port_ops fake_ops = {
	.flow_release = fake_release, .flow_read = fake_read, .flow_recall = fake_recall};

static struct wire *start(unsigned room)
{
	struct wire *w = wire_open((const char *const[]){"mode=inline", NULL}, -1);
	struct port *ports[2];

	memset(sides, 0, sizeof(sides));
	for (unsigned i = 0; i < 2; i++) {
		sides[i].port.ops = &fake_ops;
		sides[i].port.kernel_forwards = true;
		sides[i].room = room;
		ports[i] = &sides[i].port;
	}
	w->engine.offload = offload_new(&w->engine, ports);
	assert_non_null(w->engine.offload);
	w->lane->w.flow_ended = offload_ended;
	return w;
}

static void end(struct wire *w)
{
	struct offload *o = w->engine.offload;

	wire_close(w);
	offload_free(o);
}

static bool release_it(struct worker *w, struct flow *f, void *arg)
{
	f->flags |= FLOW_BYPASSED;
	return true;
}

/* A flow of the client's is there, and released. */
static void released(struct wire *w)
{
	assert_true(wire_udp(w, true, "first", 5));
	flow_walk(&w->lane->w, release_it, NULL);
}

static void main_thread(struct wire *w)
{
	offload_tick(w->engine.offload, false);
	offload_news(w->lane);
}

static void forward(unsigned side, unsigned end, uint64_t packets)
{
	struct port_flow_count *c = &sides[side].counts[0];

	c->packets[end] += packets;
	c->bytes[end] += 100 * packets;
}

/* Both ports get it by its ends; what they count is the flow's. 10.0.0.5 is the low end, and the client. */
static void handed_over(void **state)
{
	struct wire *w = start(ROOM);
	const struct record_head *r;

	released(w);
	assert_true(wire_udp(w, true, "second", 6));
	assert_int_equal(w->counters->offload_active, 1);
	assert_true(wire_udp(w, false, "third", 5)); /* not asked twice */
	main_thread(w);
	assert_true(sides[0].used[0] && sides[1].used[0] && !sides[0].used[1]);
	assert_memory_equal(&sides[0].flows[0], &sides[1].flows[0], sizeof(struct port_flow));
	assert_int_equal(sides[0].flows[0].low[3], 5);
	assert_int_equal(sides[0].flows[0].low_port, __builtin_bswap16(40000));
	forward(0, 0, 30);
	forward(1, 1, 20);
	nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 1000000}, NULL);
	main_thread(w);
	assert_int_equal(w->counters->offload_pkts, 50);
	forward(0, 0, 7); /* told when it ends */
	offload_recall_all(w->engine.offload);
	assert_false(sides[0].used[0] || sides[1].used[0]);
	offload_news(w->lane);
	assert_int_equal(w->counters->offload_active, 0);
	assert_int_equal(w->counters->offload_bytes, 5700);
	assert_true(wire_udp(w, true, "fourth", 6)); /* offered anew */
	assert_int_equal(w->counters->offload_active, 1);
	flow_end_all(&w->lane->w);
	assert_int_equal(w->counters->offload_active, 0);
	r = wire_next(w, RECORD_flow);
	assert_string_equal(wire_text(r, F_flow_bypass), "capture");
	assert_int_equal(wire_number(r, F_flow_pkts_toserver), 3 + 37);
	main_thread(w);
	assert_false(sides[0].used[0] || sides[1].used[0]);
	end(w);
}

/* The flow's end takes it back. */
static void ends(void **state)
{
	struct wire *w = start(ROOM);

	released(w);
	wire_udp(w, true, "second", 6);
	main_thread(w);
	assert_true(sides[0].used[0]);
	flow_end_all(&w->lane->w);
	main_thread(w);
	assert_false(sides[0].used[0] || sides[1].used[0]);
	end(w);
}

/* A request from before blocks or captures changed is too old; the next packet asks again. */
static void too_old(void **state)
{
	struct wire *w = start(ROOM);

	released(w);
	wire_udp(w, true, "second", 6);
	offload_recall_all(w->engine.offload);
	main_thread(w);
	assert_false(sides[0].used[0]);
	assert_int_equal(w->counters->offload_active, 0);
	wire_udp(w, true, "third", 5);
	main_thread(w);
	assert_true(sides[0].used[0]);
	end(w);
}

static void no_room(void **state)
{
	struct wire *w = start(1);

	released(w);
	wire_udp(w, true, "second", 6);
	w->client_port++;
	released(w);
	wire_udp(w, true, "second", 6);
	main_thread(w);
	assert_int_equal(w->counters->offload_refused, 1);
	assert_int_equal(w->counters->offload_active, 1);
	wire_udp(w, true, "third", 5);
	assert_int_equal(w->counters->offload_flows, 2); /* not asked again */
	end(w);
}

/* One side has room, the other not: neither keeps it. */
static void half(void **state)
{
	struct wire *w = start(1);

	sides[1].room = 0;
	released(w);
	wire_udp(w, true, "second", 6);
	main_thread(w);
	assert_false(sides[0].used[0]);
	assert_int_equal(w->counters->offload_refused, 1);
	end(w);
}

/* What an operator limits is counted packet by packet here. */
static void limits(void **state)
{
	struct wire *w = start(ROOM);
	struct block_list list = {.lanes = 1};
	struct addr_prefix p;

	assert_int_equal(addr_prefix_parse("198.51.100.0/24", &p), 0);
	assert_int_equal(block_add(&list, &p, 0, 1000000000), 0);
	atomic_store(&w->engine.blocks, block_table_new(&list));
	released(w);
	assert_true(wire_udp(w, true, "second", 6));
	assert_int_equal(w->counters->offload_flows, 0);
	free((void *)(uintptr_t)atomic_exchange(&w->engine.blocks, NULL));
	block_list_clear(&list);
	assert_true(wire_udp(w, true, "third", 5));
	assert_int_equal(w->counters->offload_flows, 1);
	end(w);
}

/* A released session is not followed, so its end is not known: a new one on its ports is inspected all the same. A
 * SYN that is sent again is no new one. */
static void new_session(void **state)
{
	struct wire *w = start(ROOM);
	uint32_t seq;

	assert_true(wire_handshake(w));
	flow_walk(&w->lane->w, release_it, NULL);
	assert_true(wire_say(w, "more"));
	main_thread(w);
	assert_true(sides[0].used[0]);
	seq = w->seq[0];
	w->seq[0] = 1000; /* as wire_handshake began */
	assert_true(wire_tcp(w, true, TCP_SYN, NULL, 0));
	assert_int_equal(w->counters->flow_tcp_reuse, 0);
	w->seq[0] = seq + 100000;
	assert_true(wire_tcp(w, true, TCP_SYN, NULL, 0));
	assert_int_equal(w->counters->flow_tcp_reuse, 1);
	main_thread(w);
	assert_false(sides[0].used[0] || sides[1].used[0]);
	seq = (uint32_t)w->counters->flow_bypassed_pkts;
	assert_true(wire_tcp(w, false, TCP_SYN | TCP_ACK, NULL, 0));
	assert_int_equal(w->counters->flow_bypassed_pkts, seq);
	end(w);
}

/* The engine ends: all is told before the flows' records are written. */
static void settled(void **state)
{
	struct wire *w = start(ROOM);

	released(w);
	wire_udp(w, true, "second", 6);
	main_thread(w);
	forward(0, 0, 5);
	offload_tick(w->engine.offload, true);
	offload_settle(w->lane);
	assert_int_equal(w->counters->offload_pkts, 5);
	assert_false(sides[0].used[0]);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handed_over), cmocka_unit_test(ends),	 cmocka_unit_test(too_old),
		cmocka_unit_test(no_room),     cmocka_unit_test(half),	 cmocka_unit_test(limits),
		cmocka_unit_test(new_session), cmocka_unit_test(settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

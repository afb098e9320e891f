/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/pipeline.c, verdict.c: packets in = packets out + the sum of the drop reasons,
 * after every burst, whatever comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/engine/block.h"
#include "dataplane/engine/engine.h"
#include "dataplane/event/ring.h"
#include "dataplane/flow/flow.h"
#include "drivers/frame.h"

static struct boot boot;
static struct engine engine;
static uint32_t random_state = 1;

static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static void start_with(enum config_mode mode, bool inspection)
{
	struct config *c = config_new();

	c->mode = mode;
	c->inspection = inspection;
	c->checksums = CHECKSUMS_IGNORE;
	memset(&engine, 0, sizeof(engine));
	boot = (struct boot){.purpose = BOOT_INSPECT, .worker_count = 1};
	boot.event_ring_fd[0] = ring_create("events", 64 << 20, 1);
	boot.bulk_ring_fd[0] = ring_create("bulk", 1 << 20, 1);
	boot.packet_ring_fd[0] = -1;
	boot.counters_fd = counters_create(1);
	engine.boot = &boot;
	engine.config = c;
	engine.shared = counters_attach(boot.counters_fd);
	engine.lane_count = 1;
	assert_int_equal(posix_memalign((void **)&engine.rcu, 64, rte_rcu_qsbr_get_memsize(1)), 0);
	rte_rcu_qsbr_init(engine.rcu, 1);
	rte_rcu_qsbr_thread_register(engine.rcu, 0);
	pthread_mutex_init(&engine.error_lock, NULL);
	assert_int_equal(lane_new(&engine, 0), 0);
	assert_int_equal(lane_modules_new(engine.lanes[0]), 0);
	/* A ring that fills up makes no test wait. */
	boot.stop = 1;
}

static void start(enum config_mode mode)
{
	start_with(mode, true);
}

static void end(void)
{
	flow_end_all(&engine.lanes[0]->w);
	lane_modules_free(engine.lanes[0]);
	close(boot.event_ring_fd[0]);
	close(boot.bulk_ring_fd[0]);
	close(boot.counters_fd);
	engine_close(&engine);
}

/* Ethernet, IPv4 or IPv6, TCP or UDP of few ends; one in four damaged somewhere. */
static struct rte_mbuf *frame_random(uint64_t ts_ns)
{
	uint32_t payload = random_next() % 200, len = 14 + 20 + 20 + payload;
	struct rte_mbuf *m = frame_new(len);
	uint8_t *b = rte_pktmbuf_mtod(m, uint8_t *);
	bool tcp = random_next() & 1;

	memset(b, 0, len);
	b[12] = 8;
	b[14] = 0x45;
	b[16] = (uint8_t)((len - 14) >> 8);
	b[17] = (uint8_t)(len - 14);
	b[22] = 64;
	b[23] = tcp ? 6 : 17;
	b[26] = b[30] = 10;
	b[29] = (uint8_t)(random_next() % 8);
	b[33] = (uint8_t)(random_next() % 8);
	b[35] = (uint8_t)(random_next() % 4);
	b[37] = (uint8_t)(random_next() % 4);
	if (tcp) {
		b[46] = 0x50;
		b[47] = (uint8_t)random_next();
	} else {
		b[38] = (uint8_t)((len - 34) >> 8);
		b[39] = (uint8_t)(len - 34);
	}
	if (random_next() % 4 == 0)
		b[random_next() % len] = (uint8_t)random_next();
	if (random_next() % 16 == 0)
		m->pkt_len = m->data_len = (uint16_t)(random_next() % len);
	*frame_info(m) = (struct frame_info){
		.ts_ns = ts_ns,
		.wire_len = len,
		.link_type = 1,
		.port_index = random_next() & 1,
	};
	return m;
}

static uint64_t drops(const struct counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DROP_COUNT; i++)
		sum += c->drop[i];
	return sum;
}

static void run_bursts(unsigned bursts)
{
	struct lane *l = engine.lanes[0];
	const struct counters *c = l->w.counters;
	struct rte_mbuf *frames[BURST];
	uint64_t in = 0, ts = 1000000000;

	for (unsigned k = 0; k < bursts; k++) {
		unsigned n = random_next() % (BURST + 1);

		for (unsigned i = 0; i < n; i++)
			frames[i] = frame_random(ts += random_next() % 1000000);
		in += n;
		pipeline_burst(l, frames, n);
		lane_quiescent(l);
		assert_int_equal(c->port_rx_packets, in);
		assert_int_equal(c->port_tx_packets + drops(c), in);
	}
}

/* One timestamp far ahead moves nothing; time that is ahead from there on does. */
static void time_leap(void **state)
{
	static const uint64_t seconds[] = {10, 11, 5000, 12, 13}, later[] = {14, 6000, 6001};
	struct rte_mbuf *frames[BURST];
	struct lane *l;

	(void)state;
	start(MODE_TAP);
	l = engine.lanes[0];
	for (unsigned i = 0; i < 5; i++)
		frames[i] = frame_random(seconds[i] * 1000000000);
	pipeline_burst(l, frames, 5);
	assert_int_equal(l->w.now_ns, 13000000000);
	for (unsigned i = 0; i < 3; i++)
		frames[i] = frame_random(later[i] * 1000000000);
	pipeline_burst(l, frames, 3);
	assert_int_equal(l->w.now_ns, 6001000000000);
	end();
}

static void tap(void **state)
{
	const struct counters *c;

	start(MODE_TAP);
	run_bursts(500);
	c = engine.lanes[0]->w.counters;
	assert_int_equal(c->drop[DROP_tap], c->port_rx_packets);
	assert_int_equal(c->ips_accepted + c->ips_blocked, 0);
	end();
}

static void in_the_wire(void **state)
{
	const struct counters *c;

	start(MODE_INLINE);
	run_bursts(500);
	c = engine.lanes[0]->w.counters;
	assert_int_equal(c->ips_accepted + c->ips_blocked, c->port_rx_packets);
	assert_int_equal(c->drop[DROP_tap], 0);
	end();
}

/* A block takes every packet of its addresses, and no other. */
static void blocked(void **state)
{
	struct block_list list = {0};
	struct addr_prefix p;
	const struct counters *c;

	start(MODE_INLINE);
	assert_int_equal(addr_prefix_parse("10.0.0.0/29", &p), 0);
	assert_int_equal(block_add(&list, &p, 0, 0), 0);
	atomic_store(&engine.blocks, block_table_new(&list));
	run_bursts(100);
	c = engine.lanes[0]->w.counters;
	assert_true(c->drop[DROP_block] > c->port_rx_packets / 2);
	free((void *)(uintptr_t)atomic_exchange(&engine.blocks, NULL));
	block_list_clear(&list);
	end();
}

/* Flows, and nothing that streams and parsers would keep. */
static void without_inspection(void **state)
{
	const struct worker *w;

	start_with(MODE_TAP, false);
	run_bursts(500);
	w = &engine.lanes[0]->w;
	assert_true(w->counters->flow_total > 0);
	assert_true(w->counters->flow_tcp > 0);
	assert_int_equal(w->counters->flow_total - w->counters->flow_ended, w->counters->flow_active);
	assert_int_equal(w->heap.used_bytes, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tap),
		cmocka_unit_test(time_leap),
		cmocka_unit_test(in_the_wire),
		cmocka_unit_test(blocked),
		cmocka_unit_test(without_inspection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/counted.c, dataplane/flow/counted.c, dataplane/flow/flow_memo.c: counters and records are the same, to
 * the byte, whether packets of released flows are counted from their frames or decoded, and whether records of flows are
 * copied from the last of their kind or written value by value, whatever comes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/engine/block.h"
#include "dataplane/flow/table.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/layer.h"
#include "drivers/frame.h"
#include "tests/unit/engine/wire.h"

#define BURSTS 1500
#define RECORDS_BYTES ((size_t)48 << 20)

/* What came of one run. */
struct outcome {
	struct counters counters;
	uint8_t *records;
	size_t len;
	unsigned counted;  /* frames that were only counted */
};

static uint32_t random_state;
static bool damaged; /* one frame in eight is, somewhere */

static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void sum_set(uint8_t *at, uint64_t sum)
{
	put16(at, 0xffffu & ~(uint32_t)checksum_fold(sum));
}

/* Few ends, so that flows are met again; ports of tunnels and of those who tell of hosts among them. */
static uint32_t port(void)
{
	static const uint16_t ports[] = {1000, 1001, 1002, 1003, 137, 88, 4789, 3544};
	uint32_t n = random_next() % 64;

	return ports[n < 8 ? n : n % 4];
}

static uint8_t *put_ipv4(uint8_t *ip, uint32_t len, uint8_t proto)
{
	ip[0] = 0x45;
	put16(ip + 2, len);
	ip[8] = (uint8_t)(60 + random_next() % 8);
	ip[9] = proto;
	ip[12] = ip[16] = 10;
	ip[15] = (uint8_t)(random_next() % 4);
	ip[19] = (uint8_t)(random_next() % 4);
	sum_set(ip + 10, checksum_add(0, ip, 20));
	return ip + 20;
}

static uint8_t *put_ipv6(uint8_t *ip, uint32_t len, uint8_t proto)
{
	ip[0] = 0x60;
	put16(ip + 4, len - 40);
	ip[6] = proto;
	ip[7] = (uint8_t)(60 + random_next() % 8);
	ip[8] = ip[24] = 0xfd;
	ip[23] = (uint8_t)(random_next() % 4);
	ip[39] = (uint8_t)(random_next() % 4);
	return ip + 40;
}

static void put_transport(uint8_t *l4, uint32_t len, bool tcp)
{
	static const uint8_t flags[] = {TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK, TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK,
					TCP_FIN | TCP_ACK, TCP_RST};

	put16(l4, port());
	put16(l4 + 2, port());
	if (tcp) {
		l4[12] = 0x50;
		l4[13] = flags[random_next() % (random_next() % 8 ? 4 : 8)];
		put16(l4 + 14, 0xffff);
	} else {
		put16(l4 + 4, len);
	}
}

/* One of them in eight may be damaged, one in eight is tagged, one in four IPv6. */
static struct rte_mbuf *frame_make(uint64_t ts_ns)
{
	uint32_t payload = random_next() % (random_next() % 4 ? 40 : 200), tag = random_next() % 8 ? 0 : 4;
	bool tcp = random_next() & 1, ipv6 = random_next() % 4 == 0;
	uint32_t l4_len = (tcp ? 20 : 8) + payload, ip_len = (ipv6 ? 40 : 20) + l4_len, len = 14 + tag + ip_len;
	struct rte_mbuf *m = frame_new(len);
	uint8_t *b = rte_pktmbuf_mtod(m, uint8_t *), *ip = b + 14 + tag, *l4, *sum;

	memset(b, 0, len);
	if (tag) {
		put16(b + 12, 0x8100);
		put16(b + 14, 5 + random_next() % 2);
	}
	put16(ip - 2, ipv6 ? 0x86dd : 0x0800);
	l4 = ipv6 ? put_ipv6(ip, ip_len, tcp ? 6 : 17) : put_ipv4(ip, ip_len, tcp ? 6 : 17);
	put_transport(l4, l4_len, tcp);
	sum = l4 + (tcp ? 16 : 6);
	if (tcp || ipv6 || random_next() % 4)
		sum_set(sum, checksum_add(checksum_add(l4_len + (tcp ? 6 : 17), ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8),
					  l4, l4_len));
	if (random_next() % 8 == 0 && damaged)
		b[random_next() % len] ^= (uint8_t)(1u << random_next() % 8);
	if (random_next() % 32 == 0)
		m->pkt_len = m->data_len = (uint16_t)(random_next() % len);
	*frame_info(m) = (struct frame_info){
		.ts_ns = ts_ns, .wire_len = len, .link_type = 1, .port_index = random_next() & 1};
	return m;
}

/* Now and then a flow is released or dropped by somebody. */
static bool flow_touch(struct worker *w, struct flow *f, void *arg)
{
	uint64_t burst = *(unsigned *)arg, draw = (flow_cold(f)->id * 0x9e3779b97f4a7c15ull ^ burst * 0xff51afd7ed558ccdull) >> 40;

	if (w->config->inspection && draw % 64 == 0)
		f->flags |= FLOW_BYPASSED;
	if (draw % 4096 == 1) {
		f->flags |= FLOW_DROP;
		f->drop_reason = DROP_rule_flow;
	}
	return true;
}

static void records_take(struct wire *w, struct outcome *o)
{
	uint64_t avail;
	const struct record_head *r;

	while ((r = ring_peek(&w->ring, w->read, &avail)) && avail) {
		assert_true(record_valid(r, avail) && o->len + r->length <= RECORDS_BYTES);
		memcpy(o->records + o->len, r, r->length);
		o->len += r->length;
		w->read += r->length;
	}
	ring_release(&w->ring, w->read);
}

static void burst(struct wire *w, struct outcome *o, unsigned number)
{
	struct lane *l = w->lane;
	struct rte_mbuf *frames[BURST];
	unsigned n = random_next() % (BURST + 1);
	uint64_t drops = 0;

	for (unsigned i = 0; i < n; i++) {
		w->ns += random_next() % 256 ? random_next() % 100000000 : 40000000000;
		frames[i] = frame_make(w->ns);
	}
	pipeline_burst(l, frames, n);
	for (unsigned i = 0; i < n; i++)
		o->counted += !l->packets[l->first[i]];
	lane_quiescent(l);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		drops += w->counters->drop[i];
	assert_int_equal(w->counters->port_rx_packets, w->counters->port_tx_packets + drops);
	flow_walk(&l->w, flow_touch, &number);
	records_take(w, o);
}

static void (*real_sink)(struct worker *w, const struct record_head *r);

/* The next record is like none before it. */
static void sink_forget(struct worker *w, const struct record_head *r)
{
	for (unsigned i = 0; i < FLOW_MEMOS; i++)
		w->flows->memo[i].likeness = 0;
	real_sink(w, r);
}

/* fast: in the ways that this test is of. */
static void run(struct outcome *o, const char *const *settings, bool fast, const char *block)
{
	struct wire *w = wire_open(settings, -1);
	struct block_list list = {0};
	struct addr_prefix prefix;
	struct counters *c = &o->counters;

	memset(o, 0, sizeof(*o));
	o->records = malloc(RECORDS_BYTES);
	assert_non_null(o->records);
	w->lane->w.decode->plain = fast;
	real_sink = w->lane->w.record_sink;
	if (!fast)
		w->lane->w.record_sink = sink_forget;
	if (block) {
		assert_int_equal(addr_prefix_parse(block, &prefix), 0);
		assert_int_equal(block_add(&list, &prefix, 0, 0), 0);
		atomic_store(&w->engine.blocks, block_table_new(&list));
	}
	random_state = 11;
	for (unsigned i = 0; i < BURSTS; i++)
		burst(w, o, i);
	flow_end_all(&w->lane->w);
	records_take(w, o);
	*c = *w->counters;
	c->cycles_decode = c->cycles_flow = c->cycles_stream = c->cycles_detect = c->cycles_event = c->cycles_tx =
		c->cycles_total = 0;
	free((void *)(uintptr_t)atomic_exchange(&w->engine.blocks, NULL));
	block_list_clear(&list);
	wire_close(w);
}

/* least: so many frames must have been only counted, or the test says nothing. */
static void both(const char *const *settings, bool damage, const char *block, unsigned least)
{
	struct outcome with, without;

	damaged = damage;
	run(&with, settings, true, block);
	run(&without, settings, false, block);
	assert_int_equal(without.counted, 0);
	assert_true(with.counted >= least);
	assert_memory_equal(&with.counters, &without.counters, sizeof(with.counters));
	assert_int_equal(with.counters.record_lost, 0);
	assert_int_equal(with.len, without.len);
	assert_memory_equal(with.records, without.records, with.len);
	free(with.records);
	free(without.records);
}

static void tap(void **state)
{
	static const char *const ignored[] = {"mode=tap", "checksums=ignore", NULL}, *const settings[] = {"mode=tap", NULL};

	(void)state;
	both(settings, false, NULL, 1000);
	both(ignored, true, NULL, 1000);
}

static void in_the_wire(void **state)
{
	static const char *const settings[] = {"mode=inline", "checksums=validate", NULL};

	(void)state;
	both(settings, false, NULL, 1000);
	both(settings, false, "10.0.0.1/32", 500);
}

static void without_inspection(void **state)
{
	static const char *const settings[] = {"mode=inline", "checksums=validate", "inspection=no", NULL};

	(void)state;
	both(settings, true, NULL, 1000);
}

static void both_directions(void **state)
{
	static const char *const settings[] = {"mode=inline", "eve.types.netflow=yes", "inspection=no", NULL};

	(void)state;
	both(settings, true, NULL, 1000);
}

static void some_bytes(void **state)
{
	static const char *const settings[] = {"mode=tap", "snaplen=150", "flow.max=200", NULL};

	(void)state;
	both(settings, false, NULL, 200);
}

static void every_tcp_packet_told(void **state)
{
	static const char *const settings[] = {"mode=tap", "eve.types.stream.all=yes", NULL};

	(void)state;
	both(settings, false, NULL, 500);
}

/* Nobody reads the bytes of a released flow: a wrong checksum among them is not looked for. */
static void released_unread(void **state)
{
	static const char *const settings[] = {"mode=inline", "checksums=validate", NULL};
	struct outcome with, without;

	(void)state;
	damaged = true;
	run(&with, settings, true, NULL);
	run(&without, settings, false, NULL);
	assert_true(with.counters.checksum_bad < without.counters.checksum_bad);
	assert_true(with.counters.flow_bypassed_pkts > without.counters.flow_bypassed_pkts);
	free(with.records);
	free(without.records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tap),
		cmocka_unit_test(in_the_wire),
		cmocka_unit_test(without_inspection),
		cmocka_unit_test(both_directions),
		cmocka_unit_test(some_bytes),
		cmocka_unit_test(every_tcp_packet_told),
		cmocka_unit_test(released_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

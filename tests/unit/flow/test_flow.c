/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The flow table: keys, directions, timers, eviction, records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/flow/table.h"
#include "tests/support/lab.h"

#define SEND(...) lab_tcp(l, &(struct lab_tcp){__VA_ARGS__})

static struct lab *lab_with(const char *a, const char *b)
{
	const char *const settings[] = {a, b, NULL};

	return lab_new(a ? settings : NULL);
}

static void run_timers(struct lab *l)
{
	flow_timers(&l->w, l->w.now_ns, 1000000);
}

static void one_packet(struct lab *l, uint32_t host, uint8_t ip_proto, uint8_t flags)
{
	struct packet p = {.flags = PACKET_IP | PACKET_L4, .ip_version = 4, .ip_proto = ip_proto,
			   .sport = 1000, .dport = 80, .len = 60};

	memcpy(p.src.b, &host, 4);
	p.dst = l->server;
	p.tcp.flags = flags;
	p.tcp.seq = host;
	lab_packet(l, &p);
}

static void both_directions(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	uint64_t id;

	(void)state;
	lab_udp(l, TO_SERVER, 10);
	assert_true(l->p->flags & PACKET_NEW_FLOW);
	assert_true(l->p->flags & PACKET_FIRST_IN_DIRECTION);
	assert_false(l->p->flags & PACKET_ESTABLISHED);
	id = flow_cold(l->flow)->id;
	assert_true(id > 0 && id < 1ull << 53);
	lab_udp(l, TO_SERVER, 10);
	assert_int_equal(flow_cold(l->flow)->id, id);
	assert_false(l->p->flags & (PACKET_NEW_FLOW | PACKET_FIRST_IN_DIRECTION));
	/* established from the first answer on, the answer itself too */
	lab_udp(l, TO_CLIENT, 20);
	assert_int_equal(flow_cold(l->flow)->id, id);
	assert_int_equal(l->p->direction, TO_CLIENT);
	assert_true(l->p->flags & PACKET_FIRST_IN_DIRECTION);
	assert_true(l->p->flags & PACKET_ESTABLISHED);
	assert_int_equal(l->flow->packets[TO_SERVER], 2);
	assert_int_equal(l->flow->bytes[TO_SERVER], 104);
	assert_int_equal(l->flow->bytes[TO_CLIENT], 62);
	assert_int_equal(l->contacts, 1);
	lab_end(l);
	assert_int_equal(l->record_count, 1);
	assert_string_equal(l->records[0].state, "established");
	assert_int_equal(l->records[0].packets[0], 2);
	assert_int_equal(l->records[0].bytes[1], 62);
	assert_int_equal(l->records[0].head.sport, 40000);
	lab_free(l);
}

static void same_address_both_ends(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	l->server = l->client;
	lab_udp(l, TO_SERVER, 1);
	lab_udp(l, TO_CLIENT, 1);
	assert_int_equal(l->p->direction, TO_CLIENT);
	assert_int_equal(l->counters.flow_total, 1);
	lab_free(l);
}

static void what_makes_a_flow(void **state)
{
	struct packet base = {.flags = PACKET_IP | PACKET_L4, .ip_version = 4, .ip_proto = 17,
			      .sport = 1, .dport = 2, .len = 60};
	struct packet p;
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	memcpy(base.src.b, "\1\2\3\4", 4);
	memcpy(base.dst.b, "\5\6\7\10", 4);
	p = base;
	lab_packet(l, &p);
	p = base;
	p.ip_version = 6; /* the same bytes as an IPv6 address */
	lab_packet(l, &p);
	p = base;
	p.vlan_count = 1;
	p.vlan[0] = 7;
	lab_packet(l, &p);
	p = base;
	p.vlan_count = 3;
	p.vlan[2] = 9;
	lab_packet(l, &p);
	p = base;
	p.tunnel_depth = 1;
	lab_packet(l, &p);
	p = base;
	p.ip_proto = 132;
	lab_packet(l, &p);
	p = base;
	p.dport = 3;
	lab_packet(l, &p);
	assert_int_equal(l->counters.flow_total, 7);
	p = base;
	p.vlan_count = 1; /* a priority tag */
	lab_packet(l, &p);
	assert_int_equal(l->counters.flow_total, 7);
	lab_free(l);
	l = lab_with("vlan.use_for_tracking=no", "decoder.recursion_level.use_for_tracking=no");
	p = base;
	lab_packet(l, &p);
	p = base;
	p.vlan_count = 3;
	p.vlan[0] = 7;
	p.vlan[1] = 8;
	p.vlan[2] = 9;
	p.tunnel_depth = 2;
	lab_packet(l, &p);
	assert_int_equal(l->counters.flow_total, 1);
	lab_free(l);
}

static void packets_without_a_flow(void **state)
{
	static const uint32_t no[] = {0, PACKET_IP, PACKET_IP | PACKET_L4 | PACKET_FRAGMENT,
				      PACKET_IP | PACKET_L4 | PACKET_INVALID,
				      PACKET_IP | PACKET_L4 | PACKET_NO_FLOW};
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		struct packet p = {.flags = no[i], .ip_version = 4, .ip_proto = 17};

		lab_packet(l, &p);
		assert_null(l->flow);
	}
	/* GRE has no flow of its own, IP in IP has */
	for (unsigned proto = 0; proto < 256; proto++) {
		struct packet p = {.flags = PACKET_IP, .ip_version = 4, .ip_proto = (uint8_t)proto};

		lab_packet(l, &p);
		assert_int_equal(l->flow != NULL, proto == 4 || proto == 41);
	}
	lab_free(l);
}

static void icmp_pairs(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	lab_icmp(l, TO_SERVER, 8, 0);
	lab_icmp(l, TO_CLIENT, 0, 0);
	assert_int_equal(l->p->direction, TO_CLIENT);
	assert_int_equal(l->counters.flow_total, 1);
	assert_int_equal(l->flow->icmp_type, 8);
	assert_int_equal(l->flow->icmp_reply_type, 0);
	assert_int_equal(l->flow->client_port, 0);
	lab_icmp(l, TO_SERVER, 13, 0);
	lab_icmp(l, TO_CLIENT, 14, 0);
	assert_int_equal(l->counters.flow_total, 2);
	/* the other end pings: a flow of its own */
	lab_icmp(l, TO_CLIENT, 8, 0);
	assert_int_equal(l->counters.flow_total, 3);
	/* errors make no flow */
	lab_icmp(l, TO_CLIENT, 11, 0);
	assert_null(l->flow);
	lab_free(l);
}

static void icmp_unreachable(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	uint8_t quoted[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17};
	struct packet p = {.flags = PACKET_IP | PACKET_L4, .ip_version = 4, .ip_proto = 1,
			   .icmp_type = 3, .icmp_code = 3, .len = 70, .icmp_inner = quoted,
			   .icmp_inner_len = sizeof(quoted)};
	uint64_t id;

	(void)state;
	lab_udp(l, TO_SERVER, 5);
	id = flow_cold(l->flow)->id;
	memcpy(quoted + 12, l->client.b, 4);
	memcpy(quoted + 16, l->server.b, 4);
	quoted[20] = 40000 >> 8;
	quoted[21] = (uint8_t)40000;
	quoted[23] = 80;
	p.src = l->server;
	p.dst = l->client;
	lab_packet(l, &p);
	assert_non_null(l->flow);
	assert_int_equal(flow_cold(l->flow)->id, id);
	assert_int_equal(l->p->direction, TO_CLIENT);
	assert_int_equal(l->flow->packets[TO_CLIENT], 1);
	/* it is no answer */
	assert_false(l->flow->flags & FLOW_ESTABLISHED);
	p.flags = PACKET_IP | PACKET_L4;
	p.flow = NULL;
	p.icmp_inner_len = 27;
	lab_packet(l, &p);
	assert_null(l->flow);
	lab_free(l);
}

static void esp(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	uint8_t head[8] = {1, 2, 3, 4};
	struct packet p = {.flags = PACKET_IP | PACKET_L4, .ip_version = 4, .ip_proto = 50,
			   .data = head, .l4 = head, .len = 8};

	(void)state;
	p.src = l->client;
	p.dst = l->server;
	lab_packet(l, &p);
	p.flags = PACKET_IP | PACKET_L4;
	lab_packet(l, &p);
	assert_int_equal(l->counters.flow_total, 1);
	head[3] = 5;
	p.flags = PACKET_IP | PACKET_L4;
	lab_packet(l, &p);
	assert_int_equal(l->counters.flow_total, 2);
	/* the other way is another association, even with the same index */
	p.src = l->server;
	p.dst = l->client;
	p.flags = PACKET_IP | PACKET_L4;
	lab_packet(l, &p);
	assert_int_equal(l->counters.flow_total, 3);
	lab_free(l);
}

static void timeouts(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	lab_udp(l, TO_SERVER, 1); /* new: 30 s */
	lab_wait(l, 29);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 1);
	lab_wait(l, 1.5);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	assert_string_equal(l->records[0].reason, "timeout");
	assert_string_equal(l->records[0].state, "new");
	/* established: 300 s from the last packet on */
	lab_udp(l, TO_SERVER, 1);
	lab_udp(l, TO_CLIENT, 1);
	for (unsigned i = 0; i < 5; i++) {
		lab_wait(l, 200);
		run_timers(l);
		lab_udp(l, TO_SERVER, 1);
	}
	assert_int_equal(l->counters.flow_total, 2);
	lab_wait(l, 303);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	/* TCP: closed flows go after 60 s */
	lab_open(l, 100, 500);
	SEND(.d = TO_SERVER, .flags = TCP_RST | TCP_ACK, .seq = 101, .ack = 501);
	lab_wait(l, 61);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	lab_open(l, 100, 500);
	lab_wait(l, 61);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 1);
	lab_wait(l, 545);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	lab_free(l);
}

static void expired_when_next_packet_comes(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	uint64_t id;

	(void)state;
	lab_udp(l, TO_SERVER, 1);
	id = flow_cold(l->flow)->id;
	lab_wait(l, 31);
	lab_udp(l, TO_CLIENT, 1); /* no timer ran in between */
	assert_int_not_equal(flow_cold(l->flow)->id, id);
	assert_int_equal(l->p->direction, TO_SERVER);
	assert_int_equal(l->record_count, 1);
	assert_string_equal(l->records[0].reason, "timeout");
	lab_free(l);
}

static void long_waits(void **state)
{
	struct lab *l = lab_with("flow.timeouts.udp.established=5000", NULL);

	(void)state;
	lab_udp(l, TO_SERVER, 1);
	lab_udp(l, TO_CLIENT, 1);
	for (unsigned i = 0; i < 49; i++) {
		lab_wait(l, 100);
		run_timers(l);
	}
	assert_int_equal(l->counters.flow_active, 1);
	/* a jump beyond the wheel's span */
	lab_wait(l, 100000);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	lab_free(l);
}

static void timers_budget(void **state)
{
	struct lab *l = lab_with("flow.max=1000", NULL);
	unsigned calls = 0;

	(void)state;
	for (uint32_t i = 0; i < 900; i++) {
		l->client_port = (uint16_t)(1000 + i);
		lab_udp(l, TO_SERVER, 1);
		if (i % 2)
			lab_udp(l, TO_CLIENT, 1);
	}
	lab_wait(l, 400);
	while (l->counters.flow_active && calls++ < 1000) {
		uint64_t before = l->counters.flow_active;

		flow_timers(&l->w, l->w.now_ns, 10);
		assert_true(before - l->counters.flow_active <= 10);
	}
	assert_int_equal(l->counters.flow_active, 0);
	assert_in_range(calls, 90, 100);
	lab_free(l);
}

static void reuse(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	uint64_t id;

	(void)state;
	lab_open(l, 100, 500);
	id = flow_cold(l->flow)->id;
	SEND(.d = TO_SERVER, .flags = TCP_SYN, .seq = 7000);
	assert_int_equal(flow_cold(l->flow)->id, id); /* still open: no new session */
	SEND(.d = TO_SERVER, .flags = TCP_RST | TCP_ACK, .seq = 101, .ack = 501);
	SEND(.d = TO_SERVER, .flags = TCP_SYN, .seq = 100);
	assert_int_equal(flow_cold(l->flow)->id, id); /* the same SYN again */
	SEND(.d = TO_SERVER, .flags = TCP_SYN, .seq = 7000);
	assert_int_not_equal(flow_cold(l->flow)->id, id);
	assert_int_equal(stream_state(l->flow), TCP_SYN_SENT);
	assert_int_equal(l->record_count, 1);
	assert_string_equal(l->records[0].reason, "tcp_reuse");
	assert_int_equal(l->counters.flow_tcp_reuse, 1);
	/* from the other end */
	SEND(.d = TO_CLIENT, .flags = TCP_RST | TCP_ACK, .seq = 0, .ack = 7001);
	SEND(.d = TO_CLIENT, .flags = TCP_SYN, .seq = 9000);
	assert_int_equal(l->p->direction, TO_SERVER);
	assert_int_equal(l->flow->client_port, 80);
	lab_free(l);
}

static void flood_gives_up_half_open_first(void **state)
{
	struct lab *l = lab_with("flow.max=256", NULL);
	struct flow *kept[50];
	uint64_t ids[50];

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		l->client_port = (uint16_t)(2000 + i);
		lab_open(l, 100, 500);
		kept[i] = l->flow;
		ids[i] = flow_cold(l->flow)->id;
	}
	for (uint32_t i = 0; i < 5000; i++)
		one_packet(l, 0x0b000000 + i * 77, 6, TCP_SYN);
	assert_int_equal(l->counters.flow_table_full, 0);
	assert_int_equal(l->counters.flow_active, 256);
	assert_int_equal(l->counters.flow_evicted, 5050 - 256);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(flow_cold(kept[i])->id, ids[i]);
		assert_int_equal(stream_state(kept[i]), TCP_STATE_ESTABLISHED);
	}
	assert_string_equal(l->records[0].reason, "forced");
	lab_free(l);
}

/* Records of half-open flows are copied from the last one of their kind, and say the same as if they were not. */
static void records_of_a_flood(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	uint64_t likeness;

	(void)state;
	one_packet(l, 0x0c000000, 6, TCP_SYN);
	likeness = flow_likeness(&l->w, l->flow);
	assert_true(likeness);
	for (unsigned i = 1; i < 4; i++)
		one_packet(l, 0x0c000000 + i, 6, TCP_SYN);
	assert_true(flow_likeness(&l->w, l->flow) == likeness);
	lab_end(l);
	assert_int_equal(l->record_count, 4);
	assert_int_equal(l->detects, 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_string_equal(l->records[i].tcp_state, "syn_sent");
		assert_string_equal(l->records[i].tcp_flags, "02");
		assert_string_equal(l->records[i].state, "new");
		assert_int_equal(l->records[i].packets[TO_SERVER], 1);
		assert_int_equal(l->records[i].bytes[TO_SERVER], 60);
	}
	lab_free(l);
}

static void full_of_established(void **state)
{
	static const struct {
		const char *policy;
		bool drop, look;
	} rows[] = {
		{"flow.full_policy=pass", false, false},
		{"flow.full_policy=ignore", false, true},
		{"flow.full_policy=drop", true, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lab *l = lab_with("flow.max=64", rows[i].policy);

		for (unsigned j = 0; j < 64; j++) {
			l->client_port = (uint16_t)(2000 + j);
			lab_open(l, 100, 500);
		}
		one_packet(l, 0x0b000000, 6, TCP_SYN);
		assert_null(l->flow);
		assert_int_equal(l->counters.flow_table_full, 1);
		assert_int_equal(l->p->verdict == VERDICT_DROP, rows[i].drop);
		assert_int_equal(!(l->p->flags & PACKET_NO_INSPECT), rows[i].look);
		if (rows[i].drop)
			assert_int_equal(l->p->drop, DROP_flow_memcap);
		/* long idle ones may go */
		lab_wait(l, 500);
		one_packet(l, 0x0b000001, 6, TCP_SYN);
		assert_non_null(l->flow);
		assert_int_equal(l->counters.flow_evicted, 1);
		lab_free(l);
	}
}

static void many_flows(void **state)
{
	struct lab *l = lab_with("flow.max=100000", NULL);
	unsigned found = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		one_packet(l, i * 2654435761u, 17, 0);
	assert_int_equal(l->counters.flow_active, 100000);
	for (uint32_t i = 0; i < 100000; i++) {
		one_packet(l, i * 2654435761u, 17, 0);
		found += !(l->p->flags & PACKET_NEW_FLOW);
	}
	assert_int_equal(found, 100000);
	lab_end(l);
	assert_int_equal(l->counters.flow_ended, 100000);
	/* and all slots are free again */
	for (uint32_t i = 0; i < 100000; i++)
		one_packet(l, i * 40503u + 7, 17, 0);
	assert_int_equal(l->counters.flow_evicted, 0);
	assert_int_equal(l->counters.flow_active, 100000);
	lab_free(l);
}

/* Nobody follows streams: stages, a new session on the same ports and the record go by flags. */
static void tcp_by_flags(void **state)
{
	struct lab *l = lab_with("inspection=no", NULL);

	(void)state;
	SEND(.d = TO_SERVER, .flags = TCP_SYN, .seq = 1);
	SEND(.d = TO_SERVER, .flags = TCP_SYN, .seq = 1);
	assert_int_equal(l->counters.flow_total, 1);
	SEND(.d = TO_CLIENT, .flags = TCP_SYN | TCP_ACK, .seq = 1, .ack = 2);
	assert_false(l->p->flags & PACKET_ESTABLISHED);
	SEND(.d = TO_SERVER, .flags = TCP_ACK, .seq = 2, .ack = 2);
	assert_true(l->p->flags & PACKET_ESTABLISHED);
	assert_true(l->flow->flags & FLOW_ESTABLISHED);
	assert_null(l->flow->tcp);
	SEND(.d = TO_SERVER, .flags = TCP_FIN | TCP_ACK, .seq = 2, .ack = 2);
	assert_false(l->flow->flags & FLOW_CLOSED);
	SEND(.d = TO_CLIENT, .flags = TCP_FIN | TCP_ACK, .seq = 2, .ack = 3);
	assert_true(l->flow->flags & FLOW_CLOSED);
	SEND(.d = TO_SERVER, .flags = TCP_ACK, .seq = 3, .ack = 3);
	assert_int_equal(l->counters.flow_total, 1);
	SEND(.d = TO_SERVER, .flags = TCP_SYN, .seq = 90);
	assert_int_equal(l->counters.flow_total, 2);
	assert_int_equal(l->counters.flow_tcp_reuse, 1);
	assert_int_equal(l->record_count, 1);
	assert_string_equal(l->records[0].state, "closed");
	assert_string_equal(l->records[0].tcp_flags, "13");
	SEND(.d = TO_CLIENT, .flags = TCP_RST | TCP_ACK, .seq = 0, .ack = 91);
	assert_true(l->flow->flags & FLOW_CLOSED);
	lab_wait(l, 61);
	run_timers(l);
	assert_int_equal(l->counters.flow_active, 0);
	lab_free(l);
}

/* Without the key nobody can make flows share buckets: addresses chosen in any regular way spread
 * as random ones do. */
static void buckets_spread(void **state)
{
	static const uint32_t steps[] = {1, 256, 65536, 0x01010101, 0x10001};

	(void)state;
	for (unsigned s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		struct lab *l = lab_with("flow.max=60000", NULL);
		struct flow_table *t = l->w.flows;
		unsigned away = 0, fullest = 0;

		for (uint32_t i = 0; i < 30000; i++)
			one_packet(l, i * steps[s] + (i >> 16), 17, 0);
		for (uint32_t b = 0; b < t->bucket_count; b++) {
			unsigned used = 0;

			for (unsigned i = 0; i < BUCKET_SLOTS; i++)
				used += t->buckets[b].tag[i] != 0;
			away += t->buckets[b].away;
			if (used > fullest)
				fullest = used;
		}
		assert_true(away < 30000 / 200);
		assert_true(l->counters.flow_active >= 29000);
		lab_free(l);
	}
}

static bool count_flow(struct worker *w, struct flow *f, void *arg)
{
	unsigned *n = arg;

	(void)w;
	assert_true(flow_cold(f)->id);
	return ++*n < 3;
}

/* Where netflow records are asked for, one tells of each direction that had packets. */
static void netflow(void **state)
{
	const char *const settings[] = {"eve.types.netflow.enabled=yes", NULL};
	struct lab *l = lab_new(settings);

	(void)state;
	lab_udp(l, TO_SERVER, 10);
	l->ttl = 60;
	lab_udp(l, TO_SERVER, 10);
	l->ttl = 240;
	lab_udp(l, TO_CLIENT, 20);
	lab_udp(l, TO_CLIENT, 20);
	lab_end(l);
	assert_int_equal(l->netflow_count, 2);
	assert_int_equal(l->netflow[TO_SERVER].packets, 2);
	assert_int_equal(l->netflow[TO_SERVER].least_ttl, 60);
	assert_int_equal(l->netflow[TO_SERVER].most_ttl, 64);
	assert_int_equal(l->netflow[TO_SERVER].sport, l->client_port);
	assert_int_equal(l->netflow[TO_CLIENT].packets, 2);
	assert_int_equal(l->netflow[TO_CLIENT].most_ttl, 240);
	assert_int_equal(l->netflow[TO_CLIENT].sport, l->server_port);
	lab_udp(l, TO_SERVER, 10);
	lab_end(l);
	assert_int_equal(l->netflow_count, 3);
	lab_free(l);
	l = lab_new(NULL);
	lab_udp(l, TO_SERVER, 10);
	lab_end(l);
	assert_int_equal(l->netflow_count, 0);
	lab_free(l);
}

static void walk(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	unsigned n = 0;

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		one_packet(l, i, 17, 0);
	flow_walk(&l->w, count_flow, &n);
	assert_int_equal(n, 3);
	lab_free(l);
}

static void marks(void **state)
{
	struct lab *l = lab_with("mode=inline", NULL);

	(void)state;
	lab_udp(l, TO_SERVER, 1);
	l->flow->flags |= FLOW_DROP;
	l->flow->drop_reason = DROP_rule_flow;
	lab_udp(l, TO_SERVER, 1);
	assert_int_equal(l->p->verdict, VERDICT_DROP);
	assert_int_equal(l->p->drop, DROP_rule_flow);
	l->flow->drop_reason = DROP_applayer_error;
	lab_udp(l, TO_SERVER, 1);
	assert_int_equal(l->p->drop, DROP_exception_flow);
	l->flow->flags = FLOW_PASS;
	lab_udp(l, TO_SERVER, 1);
	assert_int_equal(l->p->verdict, VERDICT_ACCEPT);
	assert_true(l->p->flags & PACKET_NO_INSPECT);
	l->flow->flags = FLOW_BYPASSED | FLOW_NO_PAYLOAD;
	lab_udp(l, TO_SERVER, 9);
	assert_true(l->p->flags & PACKET_NO_INSPECT);
	assert_true(l->p->flags & PACKET_NO_PAYLOAD_INSPECT);
	assert_int_equal(l->counters.flow_bypassed_pkts, 1);
	assert_int_equal(l->counters.flow_bypassed_bytes, 51);
	lab_free(l);
}

static void contact_of_an_answer(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	lab_udp(l, TO_CLIENT, 1);
	assert_int_equal(l->contacts, 1);
	lab_free(l);
	l = lab_with("contacts.enabled=no", NULL);
	lab_udp(l, TO_CLIENT, 1);
	assert_int_equal(l->contacts, 0);
	lab_free(l);
}

static void sizes(void **state)
{
	(void)state;
	/* all that is kept of an idle flow without a session, its share of the table included, with flow.max of them */
	assert_true(sizeof(struct flow_block) / FLOWS_PER_BLOCK + sizeof(struct flow_bucket) / BUCKET_LOAD <= 192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions),
		cmocka_unit_test(same_address_both_ends),
		cmocka_unit_test(what_makes_a_flow),
		cmocka_unit_test(packets_without_a_flow),
		cmocka_unit_test(icmp_pairs),
		cmocka_unit_test(icmp_unreachable),
		cmocka_unit_test(esp),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(expired_when_next_packet_comes),
		cmocka_unit_test(long_waits),
		cmocka_unit_test(timers_budget),
		cmocka_unit_test(reuse),
		cmocka_unit_test(flood_gives_up_half_open_first),
		cmocka_unit_test(records_of_a_flood),
		cmocka_unit_test(full_of_established),
		cmocka_unit_test(many_flows),
		cmocka_unit_test(tcp_by_flags),
		cmocka_unit_test(buckets_spread),
		cmocka_unit_test(netflow),
		cmocka_unit_test(walk),
		cmocka_unit_test(marks),
		cmocka_unit_test(contact_of_an_answer),
		cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

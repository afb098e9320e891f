/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/reject.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/base/cursor.h"
#include "dataplane/engine/reject.h"

static uint8_t frame[200];
static uint8_t out[REJECT_MAX_BYTES];

/* A packet of 10.0.0.1:1000 → 10.0.0.2:80 with 10 bytes, in Ethernet with one tag. */
static struct packet packet_v4(uint8_t proto)
{
	struct packet p = {
		.data = frame,
		.l3 = frame + 18,
		.len = 18 + 20 + 20 + 10,
		.l3_len = 50,
		.payload_len = 10,
		.flags = PACKET_IP | PACKET_L4,
		.ip_version = 4,
		.ip_proto = proto,
		.link_type = 1,
		.sport = 1000,
		.dport = 80,
		.src = {{10, 0, 0, 1}},
		.dst = {{10, 0, 0, 2}},
		.tcp = {.seq = 0xfffffffb, .ack = 77, .flags = TCP_ACK | TCP_PSH},
	};

	memcpy(frame, "\1\1\1\1\1\1\2\2\2\2\2\2\x81\0\0\5\x08\0", 18);
	for (unsigned i = 18; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
	return p;
}

static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	for (uint32_t i = 0; i + 1 < len; i += 2)
		start += get_be16(at + i);
	if (len & 1)
		start += (uint32_t)at[len - 1] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static void reset_to_source(void **state)
{
	struct packet p = packet_v4(6);
	const uint8_t *ip = out + 18, *tcp = ip + 20;

	assert_int_equal(reject_build(&p, true, out), 18 + 40);
	assert_memory_equal(out, "\2\2\2\2\2\2\1\1\1\1\1\1\x81\0\0\5\x08\0", 18);
	assert_int_equal(sum(ip, 20, 0), 0xffff);
	assert_memory_equal(ip + 12, "\x0a\0\0\2\x0a\0\0\1", 8);
	assert_int_equal(sum(tcp, 20, sum(ip + 12, 8, 6 + 20)), 0xffff);
	assert_int_equal(get_be16(tcp), 80);
	assert_int_equal(get_be16(tcp + 2), 1000);
	assert_int_equal(get_be32(tcp + 4), 77);
	assert_int_equal(get_be32(tcp + 8), 5); /* past the end of the numbers */
	assert_int_equal(tcp[13], TCP_RST | TCP_ACK);
}

static void reset_to_destination(void **state)
{
	struct packet p = packet_v4(6);
	const uint8_t *ip = out + 18, *tcp = ip + 20;

	assert_int_equal(reject_build(&p, false, out), 18 + 40);
	assert_memory_equal(out, frame, 18);
	assert_memory_equal(ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	assert_int_equal(sum(tcp, 20, sum(ip + 12, 8, 6 + 20)), 0xffff);
	assert_int_equal(get_be16(tcp), 1000);
	assert_int_equal(get_be32(tcp + 4), 0xfffffffb);
}

static void reset_of_a_syn(void **state)
{
	struct packet p = packet_v4(6);

	p.tcp = (struct tcp_fields){.seq = 9, .flags = TCP_SYN};
	p.payload_len = 0;
	assert_int_equal(reject_build(&p, true, out), 18 + 40);
	assert_int_equal(get_be32(out + 18 + 20 + 4), 0);
	assert_int_equal(get_be32(out + 18 + 20 + 8), 10);
}

static void unreachable(void **state)
{
	struct packet p = packet_v4(17);
	const uint8_t *ip = out + 18, *icmp = ip + 20;

	assert_int_equal(reject_build(&p, true, out), 18 + 20 + 8 + 50);
	assert_int_equal(icmp[0], 3);
	assert_int_equal(icmp[1], 10);
	assert_int_equal(sum(icmp, 58, 0), 0xffff);
	assert_memory_equal(icmp + 8, p.l3, 50);
	assert_int_equal(reject_build(&p, false, out), 0);
	/* What is quoted is bounded. */
	p.l3_len = 100;
	assert_int_equal(reject_build(&p, true, out), 18 + 28 + 100);
}

static void ipv6(void **state)
{
	struct packet p = packet_v4(6);
	const uint8_t *ip = out + 14;

	memcpy(frame + 12, "\x86\xdd", 2);
	p.l3 = frame + 14;
	p.ip_version = 6;
	memset(p.src.b, 0x21, 16);
	memset(p.dst.b, 0x22, 16);
	assert_int_equal(reject_build(&p, true, out), 14 + 60);
	assert_int_equal(sum(ip + 40, 20, sum(ip + 8, 32, 6 + 20)), 0xffff);
	assert_memory_equal(ip + 8, p.dst.b, 16);
	p.ip_proto = 17;
	assert_int_equal(reject_build(&p, true, out), 14 + 40 + 8 + 50);
	assert_int_equal(sum(ip + 40, 58, sum(ip + 8, 32, 58 + 58)), 0xffff);
	assert_int_equal(ip[40], 1);
	assert_int_equal(ip[41], 1);
}

/* Nothing is said to resets, errors, groups, inner packets, and links that are not Ethernet. */
static void silent(void **state)
{
	struct packet p = packet_v4(6);

	p.tcp.flags = TCP_RST;
	assert_int_equal(reject_build(&p, true, out), 0);
	p = packet_v4(1);
	p.icmp_type = 3;
	assert_int_equal(reject_build(&p, true, out), 0);
	p.icmp_type = 8;
	assert_int_not_equal(reject_build(&p, true, out), 0);
	p = packet_v4(17);
	p.dst.b[0] = 239;
	assert_int_equal(reject_build(&p, true, out), 0);
	p = packet_v4(6);
	p.tunnel_depth = 1;
	assert_int_equal(reject_build(&p, true, out), 0);
	p = packet_v4(6);
	p.link_type = 101;
	assert_int_equal(reject_build(&p, true, out), 0);
	p = packet_v4(6);
	frame[17] = 1;
	assert_int_equal(reject_build(&p, true, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset_to_source),
		cmocka_unit_test(reset_to_destination),
		cmocka_unit_test(reset_of_a_syn),
		cmocka_unit_test(unreachable),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

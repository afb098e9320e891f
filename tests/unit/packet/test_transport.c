/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/tcp.c, udp.c, sctp.c, icmpv4.c, icmpv6.c, esp.c, igmp.c
 */
#include "tests/unit/packet/frames.h"

static struct frame f;

/* IPv4 of a protocol with these bytes. */
static const struct packet *ip4(struct packet_worker *pw, unsigned proto, const void *bytes,
				unsigned len)
{
	frame_start(&f);
	frame_ethernet(&f, ETHER_IPV4);
	frame_ipv4(&f, proto, 1, 0);
	frame_add(&f, bytes, len);
	frame_go(pw, &f);
	return pw->out[0];
}

static const struct packet *ip6(struct packet_worker *pw, unsigned proto, const void *bytes,
				unsigned len, unsigned hops)
{
	frame_start(&f);
	frame_ethernet(&f, ETHER_IPV6);
	frame_ipv6(&f, proto)[7] = (uint8_t)hops;
	frame_add(&f, bytes, len);
	frame_go(pw, &f);
	return pw->out[0];
}

#define IP4(proto, text) ip4(*state, proto, text, sizeof(text) - 1)
#define IP6(proto, text, hops) ip6(*state, proto, text, sizeof(text) - 1, hops)
#define TCP(length, flags) "\x30\x39\0\x50\0\0\x10\0\0\0\x20\0" length flags "\x01\0\0\0\0\x07"

static void tcp_fields(void **state)
{
	const struct packet *p = IP4(6, TCP("\xf1", "\xd9")
				     "\x02\x04\x05\xb4\x01\x03\x03\x07\x08\x0a\0\0\0\x11\0\0\0\x22"
				     "\x05\x0a\0\0\0\x01\0\0\0\x02\x04\x02\x22\x06\0\0\0\0\0\0\0\0"
				     "data");

	assert_int_equal(p->sport, 12345);
	assert_int_equal(p->dport, 80);
	assert_int_equal(p->tcp.seq, 4096);
	assert_int_equal(p->tcp.ack, 8192);
	assert_int_equal(p->tcp.flags, TCP_CWR | TCP_ECE | TCP_ACK | TCP_PSH | TCP_FIN);
	assert_int_equal(p->tcp.reserved_bits, 1);
	assert_int_equal(p->tcp.window, 256);
	assert_int_equal(p->tcp.urgent, 7);
	assert_int_equal(p->tcp.header_len, 60);
	assert_int_equal(p->tcp.mss, 1460);
	assert_int_equal(p->tcp.window_scale, 7);
	assert_int_equal(p->tcp.ts_value, 0x11);
	assert_int_equal(p->tcp.ts_echo, 0x22);
	assert_int_equal(p->tcp.sack_count, 1);
	assert_true(p->tcp.has_sack_permitted);
	assert_true(p->tcp.has_tfo);
	assert_int_equal(p->event_count, 0);
	assert_memory_equal(p->payload, "data", 4);
	assert_int_equal(p->payload_len, 4);
}

static void tcp_options_malformed(void **state)
{
	static const struct {
		const char *options; /* 8 bytes */
		enum anomaly_id event;
	} cases[] = {
		{"\x03\x04\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x02\x03\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x04\x03\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x05\x08\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x08\x08\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x13\x08\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x02\0\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x02\x01\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x02\x09\0\0\0\0\0\0", ANOMALY_tcp_opt_invalid_len},
		{"\x03\x03\x01\x03\x03\x01\0\0", ANOMALY_tcp_opt_duplicate},
		{"\x02\x04\0\x01\x02\x04\0\x01", ANOMALY_tcp_opt_duplicate},
		{"\x04\x02\x04\x02\0\0\0\0", ANOMALY_tcp_opt_duplicate},
		{"\x01\x01\x01\x01\x01\x01\x01\x02", ANOMALY_none},
		{"\xfe\x04\xf9\x89\0\0\0\0", ANOMALY_none},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char bytes[28] = TCP("\x70", "\x02");
		const struct packet *p;

		memcpy(bytes + 20, cases[i].options, 8);
		p = ip4(*state, 6, bytes, 28);
		if (cases[i].event ? !packet_has_event(p, cases[i].event) : p->event_count != 0)
			fail_msg("case %zu", i);
		/* A receiver takes the segment all the same. */
		assert_int_equal(p->flags & (PACKET_L4 | PACKET_INVALID), PACKET_L4);
	}
	assert_true(IP4(6, TCP("\x60", "\x02") "\xfe\x04\xf9\x89")->tcp.has_tfo);
	assert_int_equal(IP4(6, TCP("\x60", "\x02") "\x03\x03\x0f\0")->tcp.window_scale, 0);
}

static void cut_headers_are_events(void **state)
{
	assert_true(packet_has_event(IP4(6, "\0\x01\0\x02"), ANOMALY_tcp_pkt_too_small));
	assert_true(packet_has_event(IP4(6, TCP("\x60", "\x02")), ANOMALY_tcp_hlen_too_small));
	assert_true(packet_has_event(IP4(6, TCP("\x40", "\x02")), ANOMALY_tcp_invalid_optlen));
	assert_true(packet_has_event(IP4(17, "\0\x01\0\x02\0"), ANOMALY_udp_hlen_too_small));
	assert_true(packet_has_event(IP4(17, "\0\x01\0\x02\0\x09\0\0"), ANOMALY_udp_pkt_too_small));
	assert_true(packet_has_event(IP4(17, "\0\x01\0\x02\0\x07\0\0"), ANOMALY_udp_len_invalid));
	assert_true(packet_has_event(IP4(132, "\0\x01\0\x02"), ANOMALY_sctp_pkt_too_small));
	assert_true(packet_has_event(IP4(1, "\x08\0\0\0"), ANOMALY_icmpv4_pkt_too_small));
	assert_true(packet_has_event(IP4(50, "\0\0\0\x01"), ANOMALY_esp_pkt_too_small));
	assert_true(packet_has_event(IP4(2, "\x11"), ANOMALY_igmp_pkt_too_small));
	assert_true(packet_has_event(IP6(58, "\x80\0", 64), ANOMALY_icmpv6_pkt_too_small));
	assert_int_equal(((struct packet_worker *)*state)->counters.decoder_invalid, 11);
}

static void udp_length_cuts_the_payload(void **state)
{
	const struct packet *p = IP4(17, "\0\x01\0\x02\0\x0a\0\0abcdef");

	assert_int_equal(p->payload_len, 2);
}

static void sctp_esp_igmp(void **state)
{
	const struct packet *p = IP4(132, "\x0b\x59\x0b\x5a\0\0\0\x01\0\0\0\0chunk");

	assert_int_equal(p->sport, 2905);
	assert_int_equal(p->dport, 2906);
	assert_int_equal(p->payload_len, 5);
	p = IP4(50, "\0\0\0\x01\0\0\0\x01secret");
	assert_int_equal(p->payload_len, 6);
	assert_true(p->flags & PACKET_L4);
	p = IP4(2, "\x16\0\0\0\xe0\0\0\x01");
	assert_int_equal(p->flags & (PACKET_L4 | PACKET_INVALID), PACKET_L4);
}

#define INNER4 "\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02\0\x01\0\x02\0\x08\0\0"
#define INNER6                                                                                     \
	"\x60\0\0\0\0\0\x3b\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"

static void icmpv4_types(void **state)
{
	const struct packet *p = IP4(1, "\x08\0\0\0\x12\x34\0\x05pingpong");

	assert_int_equal(p->icmp_type, 8);
	assert_int_equal(p->icmp_id, 0x1234);
	assert_int_equal(p->icmp_seq, 5);
	assert_int_equal(p->sport, 8);
	assert_int_equal(p->payload_len, 8);
	p = IP4(1, "\x03\x03\0\0\0\0\0\0" INNER4);
	assert_int_equal(p->icmp_inner_len, 28);
	assert_int_equal(p->icmp_inner[9], 17);
	assert_int_equal(p->event_count, 0);
	assert_null(IP4(1, "\x03\x03\0\0\0\0\0\0")->icmp_inner);
	assert_true(packet_has_event(IP4(1, "\x03\x03\0\0\0\0\0\0\x45\0"), ANOMALY_icmpv4_ipv4_trunc_pkt));
	assert_true(packet_has_event(IP4(1, "\x0b\0\0\0\0\0\0\0\x65\0\0\x14\0\0\0\0\0\0\0\0\0\0\0\0"
					    "\0\0\0\0"),
				     ANOMALY_icmpv4_ipv4_unknown_ver));
	assert_true(packet_has_event(IP4(1, "\x03\x10\0\0\0\0\0\0"), ANOMALY_icmpv4_unknown_code));
	assert_true(packet_has_event(IP4(1, "\x08\x01\0\0\0\0\0\0"), ANOMALY_icmpv4_unknown_code));
	assert_true(packet_has_event(IP4(1, "\x2a\0\0\0\0\0\0\0"), ANOMALY_icmpv4_unknown_type));
	assert_int_equal(IP4(1, "\x09\x10\0\0\0\0\0\0")->event_count, 0);
}

static void icmpv6_types(void **state)
{
	const struct packet *p = IP6(58, "\x81\0\0\0\x12\x34\0\x05", 64);

	assert_int_equal(p->icmp_id, 0x1234);
	p = IP6(58, "\x02\0\0\0\0\0\x05\0" INNER6, 64);
	assert_int_equal(p->icmp_mtu, 1280);
	assert_int_equal(p->icmp_inner_len, 40);
	assert_int_equal(p->event_count, 0);
	assert_true(packet_has_event(IP6(58, "\x01\0\0\0\0\0\0\0\x60", 64), ANOMALY_icmpv6_ipv6_trunc_pkt));
	assert_true(packet_has_event(IP6(58, "\x01\0\0\0\0\0\0\0" INNER4 INNER4, 64),
				     ANOMALY_icmpv6_ipv6_unknown_version));
	assert_true(packet_has_event(IP6(58, "\x01\x07\0\0\0\0\0\0" INNER6, 64), ANOMALY_icmpv6_unknown_code));
	assert_true(packet_has_event(IP6(58, "\x82\0\0\0\0\0\0\0", 64),
				     ANOMALY_icmpv6_mld_message_with_invalid_hl));
	assert_int_equal(IP6(58, "\x82\0\0\0\0\0\0\0", 1)->event_count, 0);
	assert_true(packet_has_event(IP6(58, "\x64\0\0\0\0\0\0\0", 64), ANOMALY_icmpv6_experimentation_type));
	assert_true(packet_has_event(IP6(58, "\x05\0\0\0\0\0\0\0", 64), ANOMALY_icmpv6_unassigned_type));
	assert_true(packet_has_event(IP6(58, "\x7f\0\0\0\0\0\0\0", 64), ANOMALY_icmpv6_unknown_type));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(tcp_fields),
		PACKET_TEST(tcp_options_malformed),
		PACKET_TEST(cut_headers_are_events),
		PACKET_TEST(udp_length_cuts_the_payload),
		PACKET_TEST(sctp_esp_igmp),
		PACKET_TEST(icmpv4_types),
		PACKET_TEST(icmpv6_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

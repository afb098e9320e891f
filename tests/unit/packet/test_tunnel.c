/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/gre.c, overlay.c, and IP in IP.
 */
#include "tests/unit/packet/frames.h"

static struct frame f;

/* Outer IPv4; the test goes on from there. */
static void outer(unsigned proto)
{
	frame_start(&f);
	frame_ethernet(&f, ETHER_IPV4);
	frame_ipv4(&f, proto, 1, 0);
}

static void outer_udp(unsigned port)
{
	outer(17);
	frame_udp(&f, 40000, port);
}

/* By what the outer headers say it is; ports are those of the tests below. */
static enum record_packet_source source_of(const struct packet *outer)
{
	switch (outer->ip_proto) {
	case 4:
	case 41:
		return outer->ip_version == 4 ? PACKET_IN_IPV4 : PACKET_IN_IPV6;
	case 47:
		return PACKET_GRE;
	case 17:
		if (outer->dport == 4789 || outer->dport == 4790 || outer->dport == 8472)
			return PACKET_VXLAN;
		if (outer->dport == 6081)
			return PACKET_GENEVE;
		return outer->dport == 3544 ? PACKET_TEREDO : PACKET_TUNNEL;
	default:
		return PACKET_TUNNEL;
	}
}

/* Inner IPv4 with TCP to port 80, then go: the outer packet, and the inner one as it should be. */
static struct packet *inner_tcp(struct packet_worker *pw)
{
	frame_ipv4(&f, 6, 2, 0);
	frame_tcp(&f, 1000, 80, TCP_SYN);
	if (frame_go(pw, &f) != 2)
		return NULL;
	assert_true(pw->out[0]->flags & PACKET_NO_PAYLOAD_INSPECT);
	assert_false(pw->out[0]->flags & PACKET_INNER);
	assert_true(pw->out[1]->flags & PACKET_INNER);
	assert_ptr_equal(pw->out[1]->outer, pw->out[0]);
	assert_int_equal(pw->out[1]->tunnel_depth, 1);
	assert_int_equal(pw->out[1]->source, source_of(pw->out[0]));
	assert_int_equal(pw->out[1]->dport, 80);
	return pw->out[1];
}

static void ip_in_ip(void **state)
{
	struct packet_worker *pw = *state;

	outer(4);
	assert_non_null(inner_tcp(pw));
	assert_int_equal(pw->counters.decoder_ipv4_in_ipv4, 1);
	outer(41);
	frame_ipv6(&f, 4);
	frame_ipv4(&f, 6, 2, 0);
	frame_tcp(&f, 1000, 80, TCP_SYN);
	assert_int_equal(frame_go(pw, &f), 3);
	assert_int_equal(pw->counters.decoder_ipv6_in_ipv4, 1);
	assert_int_equal(pw->counters.decoder_ipv4_in_ipv6, 1);
	assert_int_equal(pw->out[2]->dport, 80);
	frame_start(&f);
	frame_ethernet(&f, ETHER_IPV6);
	frame_ipv6(&f, 41);
	frame_ipv6(&f, 17);
	frame_udp(&f, 1, 2);
	assert_int_equal(frame_go(pw, &f), 2);
	assert_int_equal(pw->counters.decoder_ipv6_in_ipv6, 1);
}

static void gre_variants(void **state)
{
	struct packet_worker *pw = *state;

	outer(47);
	FRAME_BYTES_OF(&f, "\0\0\x08\0");
	assert_non_null(inner_tcp(pw));
	outer(47);
	FRAME_BYTES_OF(&f, "\xb0\0\x08\0\0\0\0\0\0\0\0\x01\0\0\0\x02");
	assert_non_null(inner_tcp(pw));
	outer(47); /* with a source route */
	FRAME_BYTES_OF(&f, "\x40\0\x08\0\0\0\0\0\x08\0\0\x04\x0a\0\0\x01\0\0\0\0");
	assert_non_null(inner_tcp(pw));
	outer(47); /* PPTP */
	FRAME_BYTES_OF(&f, "\x30\x81\x88\x0b\0\x2c\0\x01\0\0\0\x01\0\0\0\x01\xff\x03\0\x21");
	assert_non_null(inner_tcp(pw));
	outer(47);
	FRAME_BYTES_OF(&f, "\0\0\x65\x58");
	frame_ethernet(&f, ETHER_IPV4);
	assert_int_equal(inner_tcp(pw)->link_type, LINKTYPE_ETHERNET);
	outer(47); /* ERSPAN II: VLAN 5 */
	FRAME_BYTES_OF(&f, "\x10\0\x88\xbe\0\0\0\x01\x10\x05\0\0\0\0\0\0");
	frame_ethernet(&f, ETHER_IPV4);
	assert_int_equal(inner_tcp(pw)->vlan[0], 5);
	outer(47); /* ERSPAN I */
	FRAME_BYTES_OF(&f, "\0\0\x88\xbe");
	frame_ethernet(&f, ETHER_IPV4);
	assert_non_null(inner_tcp(pw));
	assert_int_equal(pw->counters.decoder_erspan, 2);
	assert_int_equal(pw->counters.decoder_invalid, 0);
}

static void gre_malformed(void **state)
{
	static const struct {
		const char *bytes;
		unsigned len;
		enum anomaly_id event;
	} cases[] = {
#define GRE(text, event) {text, sizeof(text) - 1, ANOMALY_##event}
		GRE("\0\0\x08", gre_pkt_too_small),
		GRE("\0\x02\x08\0", gre_wrong_version),
		GRE("\x01\0\x08\0", gre_version0_recur),
		GRE("\0\x08\x08\0", gre_version0_flags),
		GRE("\x30\0\x08\0\0\0\0\0", gre_version0_hdr_too_big),
		GRE("\x40\0\x08\0\0\0\0\0\x08\0\0\x05\x0a", gre_version0_malformed_sre_hdr),
		GRE("\xa0\x01\x88\x0b\0\0\0\0", gre_version1_chksum),
		GRE("\x60\x01\x88\x0b\0\0\0\0", gre_version1_route),
		GRE("\x28\x01\x88\x0b\0\0\0\0", gre_version1_ssr),
		GRE("\x21\x01\x88\x0b\0\0\0\0", gre_version1_recur),
		GRE("\x20\x09\x88\x0b\0\0\0\0", gre_version1_flags),
		GRE("\x20\x01\x08\0\0\0\0\0", gre_version1_wrong_protocol),
		GRE("\0\x01\x88\x0b\0\0\0\0", gre_version1_no_key),
		GRE("\x30\x01\x88\x0b\0\0\0\0", gre_version1_hdr_too_big),
		GRE("\x10\0\x88\xbe\0\0\0\x01\x10\x05\0", erspan_header_too_small),
		GRE("\x10\0\x88\xbe\0\0\0\x01\x20\x05\0\0\0\0\0\0", erspan_unsupported_version),
	};
	struct packet_worker *pw = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = false;

		outer(47);
		frame_add(&f, cases[i].bytes, cases[i].len);
		frame_go(pw, &f);
		for (unsigned k = 0; k < pw->count; k++)
			found |= packet_has_event(pw->out[k], cases[i].event);
		if (!found)
			fail_msg("no event %s", anomaly_rows[cases[i].event].name);
	}
}

static void vxlan(void **state)
{
	struct packet_worker *pw = *state;

	outer_udp(4789);
	FRAME_BYTES_OF(&f, "\x08\0\0\0\0\0\x2a\0");
	frame_ethernet(&f, ETHER_IPV4);
	assert_non_null(inner_tcp(pw));
	outer_udp(4789);
	FRAME_BYTES_OF(&f, "\x08\0\0\0\0\0\x2a\0");
	frame_ethernet(&f, ETHER_VLAN);
	FRAME_BYTES_OF(&f, "\0\x07\x08\0");
	assert_int_equal(inner_tcp(pw)->vlan[0], 7);
	outer_udp(4789);
	FRAME_BYTES_OF(&f, "\x08\0\0\0\0\0\x2a\0");
	frame_ethernet(&f, 0x1234);
	frame_go(pw, &f);
	assert_true(packet_has_event(pw->out[0], ANOMALY_vxlan_unknown_payload_type));
	/* Without the flag, or on another port, it is plain UDP. */
	outer_udp(4789);
	FRAME_BYTES_OF(&f, "\0\0\0\0\0\0\x2a\0");
	frame_ethernet(&f, ETHER_IPV4);
	assert_null(inner_tcp(pw));
	assert_false(pw->out[0]->flags & PACKET_NO_PAYLOAD_INSPECT);
	outer_udp(4790);
	FRAME_BYTES_OF(&f, "\x08\0\0\0\0\0\x2a\0");
	frame_ethernet(&f, ETHER_IPV4);
	assert_null(inner_tcp(pw));
	assert_int_equal(pw->counters.decoder_vxlan, 3);
}

static void geneve(void **state)
{
	struct packet_worker *pw = *state;

	outer_udp(6081);
	FRAME_BYTES_OF(&f, "\0\0\x65\x58\0\0\x2a\0");
	frame_ethernet(&f, ETHER_IPV4);
	assert_non_null(inner_tcp(pw));
	outer_udp(6081);
	FRAME_BYTES_OF(&f, "\x02\0\x08\0\0\0\x2a\0\0\x01\x01\x01\0\0\0\0");
	assert_non_null(inner_tcp(pw));
	outer_udp(6081); /* the option is longer than the header says */
	FRAME_BYTES_OF(&f, "\x02\0\x08\0\0\0\x2a\0\0\x01\x01\x02\0\0\0\0");
	assert_null(inner_tcp(pw));
	outer_udp(6081);
	FRAME_BYTES_OF(&f, "\0\0\x12\x34\0\0\x2a\0");
	frame_go(pw, &f);
	assert_true(packet_has_event(pw->out[0], ANOMALY_geneve_unknown_payload_type));
}

static void teredo(void **state)
{
	struct packet_worker *pw = *state;

	for (int origin = 0; origin < 2; origin++) {
		outer_udp(3544);
		if (origin)
			FRAME_BYTES_OF(&f, "\0\0\x7f\x7b\xac\x55\xfe\xd9");
		frame_ipv6(&f, 6);
		frame_tcp(&f, 1, 80, TCP_SYN);
		assert_int_equal(frame_go(pw, &f), 2);
		assert_int_equal(pw->out[1]->dport, 80);
	}
	/* What proves no good IPv6 packet was not Teredo: plain UDP again. */
	outer_udp(3544);
	frame_ipv6(&f, 6);
	FRAME_BYTES_OF(&f, "\0\x01\0\x50");
	assert_int_equal(frame_go(pw, &f), 1);
	assert_false(pw->out[0]->flags & (PACKET_NO_PAYLOAD_INSPECT | PACKET_INVALID));
	/* A length that does not fill the datagram. */
	outer_udp(3544);
	frame_ipv6(&f, 6);
	frame_tcp(&f, 1, 80, TCP_SYN);
	frame_done(&f);
	put16(f.b + f.ip6[0] + 4, 19);
	assert_int_equal(frame_run(pw, &f, LINKTYPE_ETHERNET), 1);
}

static void gtpu(void **state)
{
	struct packet_worker *pw = *state;
	static const char *const headers[] = {
		"\x30\xff\0\x28\0\0\0\x01",
		"\x32\xff\0\x2c\0\0\0\x01\0\x05\0\0",
		"\x34\xff\0\x30\0\0\0\x01\0\0\0\x85\x01\0\x09\0",
	};
	static const unsigned lens[] = {8, 12, 16};

	for (int i = 0; i < 3; i++) {
		outer_udp(2152);
		frame_add(&f, headers[i], lens[i]);
		assert_non_null(inner_tcp(pw));
	}
	assert_int_equal(pw->counters.decoder_gtpu, 3);
	outer_udp(2152); /* echo request */
	FRAME_BYTES_OF(&f, "\x32\x01\0\x04\0\0\0\0\0\x05\0\0");
	assert_int_equal(frame_go(pw, &f), 1);
	outer_udp(2152); /* an extension header of length 0 */
	FRAME_BYTES_OF(&f, "\x34\xff\0\x30\0\0\0\x01\0\0\0\x85\0\0\x09\0");
	assert_null(inner_tcp(pw));
}

static void vxlan_gpe(void **state)
{
	struct packet_worker *pw = *state;

	outer_udp(4790);
	FRAME_BYTES_OF(&f, "\x0c\0\0\3\0\0\x2a\0");
	frame_ethernet(&f, ETHER_IPV4);
	assert_non_null(inner_tcp(pw));
	outer_udp(4790);
	FRAME_BYTES_OF(&f, "\x0c\0\0\1\0\0\x2a\0");
	assert_non_null(inner_tcp(pw));
	assert_int_equal(pw->counters.decoder_vxlan, 2);
	outer_udp(4790); /* no next protocol */
	FRAME_BYTES_OF(&f, "\x08\0\0\0\0\0\x2a\0");
	assert_null(inner_tcp(pw));
	outer_udp(4790); /* one that is not known */
	FRAME_BYTES_OF(&f, "\x0c\0\0\x09\0\0\x2a\0");
	assert_null(inner_tcp(pw));
}

static void ayiya(void **state)
{
	struct packet_worker *pw = *state;

	outer_udp(5072); /* an identity of 16 bytes, a signature of 5 words */
	FRAME_BYTES_OF(&f, "\x41\x52\x11\x04" "\0\0\0\1" "0123456789abcdef" "0123456789abcdefghij");
	assert_non_null(inner_tcp(pw));
	assert_int_equal(pw->counters.decoder_ayiya, 1);
	outer_udp(5072); /* a heartbeat */
	FRAME_BYTES_OF(&f, "\x41\x52\x10\x3b" "\0\0\0\1" "0123456789abcdef" "0123456789abcdefghij");
	assert_int_equal(frame_go(pw, &f), 1);
	outer_udp(5072); /* nothing where IPv6 should be */
	FRAME_BYTES_OF(&f, "\xf1\xf2\x11\x29" "\0\0\0\1" "0123456789abcdef");
	assert_int_equal(frame_go(pw, &f), 1);
}

static void l2tp(void **state)
{
	/* flags, tunnel and session; with length, numbers and offset; protocol of one byte, without address and control */
	static const struct {
		const char *bytes;
		size_t len;
	} inside[] = {
#define ROW(text) {text, sizeof(text) - 1}
		ROW("\0\2\0\7\0\1\xff\3\0\x21"), ROW("\2\2\0\7\0\1\0\2zz\xff\3\0\x21"), ROW("\1\2\0\7\0\1\x21"),
		ROW("\x08\2\0\7\0\1\0\1\0\2\0\x21"),
	}, not[] = {
		ROW("\xc8\2\0\x34\0\7\0\1\0\1\0\2"), ROW("\0\3\0\7\0\1\xff\3\0\x21"), ROW("\0\2\0\7\0\1\xff\3\xc0\x21"),
		ROW("\x10\2\0\7\0\1\xff\3\0\x21"), ROW("\x40\2\xff\xff\0\7\0\1\xff\3\0\x21"), ROW("\x40\2\0\x08\0\7\0\1\xff\3\0\x21"),
		ROW("\2\2\0\7\0\1\xff\xff\xff\3\0\x21"), ROW("\0\2\0\7\0\1\xff\3\0\x57"),
#undef ROW
	};
	struct packet_worker *pw = *state;

	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		outer_udp(1701);
		frame_add(&f, inside[i].bytes, inside[i].len);
		assert_non_null(inner_tcp(pw));
		assert_int_equal(pw->counters.decoder_l2tp, i + 1);
	}
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++) {
		outer_udp(1701);
		frame_add(&f, not[i].bytes, not[i].len);
		assert_null(inner_tcp(pw));
	}
	outer_udp(1702);
	frame_add(&f, inside[0].bytes, inside[0].len);
	assert_null(inner_tcp(pw));
}

static void ports_and_switches_are_configured(void **state)
{
	static const char *const settings[] = {"decoder.vxlan.ports=4789,8472",
					       "decoder.geneve.enabled=no", "checksums=ignore",
					       NULL};
	struct packet_worker *pw = packet_worker_new(settings);

	(void)state;
	outer_udp(8472);
	FRAME_BYTES_OF(&f, "\x08\0\0\0\0\0\x2a\0");
	frame_ethernet(&f, ETHER_IPV4);
	assert_non_null(inner_tcp(pw));
	outer_udp(6081);
	FRAME_BYTES_OF(&f, "\0\0\x65\x58\0\0\x2a\0");
	frame_ethernet(&f, ETHER_IPV4);
	assert_null(inner_tcp(pw));
	packet_worker_free(pw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(ip_in_ip), PACKET_TEST(gre_variants), PACKET_TEST(gre_malformed),
		PACKET_TEST(vxlan),    PACKET_TEST(geneve),       PACKET_TEST(teredo),
		PACKET_TEST(gtpu),     PACKET_TEST(ayiya),        PACKET_TEST(vxlan_gpe), PACKET_TEST(l2tp),
		cmocka_unit_test(ports_and_switches_are_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

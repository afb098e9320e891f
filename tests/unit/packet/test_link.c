/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/link.c, wireless.c, mpls.c, ppp.c, arp.c, nsh.c
 */
#include "tests/unit/packet/frames.h"

#define ETH "\x02\0\0\0\0\x01\x02\0\0\0\0\x02"
/* IPv4, 28 bytes in all: UDP from 1 to 2 without payload. */
#define IP4 "\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02" UDP
#define IP6                                                                                        \
	"\x60\0\0\0\0\x08\x11\x40\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0" \
	"\0\0\0\0\0\0\0\0\x02" UDP
#define UDP "\0\x01\0\x02\0\x08\0\0"

/* 802.11: from an access point; RADIO: a radiotap header with time and flags. */
#define WIFI(control, direction) control direction "\0\0" ETH "\x02\0\0\0\0\x03\x10\0"
#define RADIO(flags) "\0\0\x19\0\x03\0\0\0\1\2\3\4\5\6\7\x08" flags "\0\0\0\0\0\0\0\0"
#define SNAP "\xaa\xaa\3\0\0\0"
#define SNAP_BRIDGE "\xaa\xaa\3\0\0\xf8"

static const struct good_case {
	unsigned link_type;
	unsigned version;
	const char *bytes;
	uint32_t len;
	unsigned vlans;
} good[] = {
#define GOOD(link, version, vlans, bytes) {link, version, bytes, sizeof(bytes) - 1, vlans}
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x08\0" IP4 "\0\0\0\0padding"),
	GOOD(LINKTYPE_ETHERNET, 6, 0, ETH "\x86\xdd" IP6),
	GOOD(LINKTYPE_ETHERNET, 4, 1, ETH "\x81\0\0\x64\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 2, ETH "\x88\xa8\0\x64\x81\0\0\x65\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 3, ETH "\x91\0\0\x64\x81\0\0\x65\x81\0\0\x66\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x88\xe7\0\0\0\x01" ETH "\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x89\x26\0\0\0\0\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x89\x03\0\0" ETH "\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x88\x47\0\x06\x41\x40" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x88\x47\0\x06\x40\x40\0\0\x01\x40" IP4),
	GOOD(LINKTYPE_ETHERNET, 6, 0, ETH "\x88\x48\0\0\x21\x40" IP6),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x88\x47\0\x06\x41\x40\0\0\0\0" ETH "\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\x88\x64\x11\0\0\x01\0\x1e\0\x21" IP4),
	GOOD(LINKTYPE_ETHERNET, 6, 0, ETH "\x88\x64\x11\0\0\x01\0\x32\0\x57" IP6),
	GOOD(LINKTYPE_ETHERNET, 4, 0,
	     ETH "\x89\x4f\0\x06\x01\x01\0\0\x02\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" IP4),
	GOOD(LINKTYPE_PPP, 4, 0, "\xff\x03\0\x21" IP4),
	GOOD(LINKTYPE_PPP, 4, 0, "\x21" IP4),
	GOOD(LINKTYPE_PPP, 6, 0, "\xff\x03\0\x57" IP6),
	GOOD(LINKTYPE_C_HDLC, 4, 0, "\x0f\0\x08\0" IP4),
	GOOD(LINKTYPE_LINUX_SLL, 4, 0, "\0\0\0\x01\0\x06\0\0\0\0\0\0\0\0\x08\0" IP4),
	GOOD(LINKTYPE_LINUX_SLL, 4, 1, "\0\0\0\x01\0\x06\0\0\0\0\0\0\0\0\x81\0\0\x05\x08\0" IP4),
	GOOD(LINKTYPE_LINUX_SLL2, 6, 0, "\x86\xdd\0\0\0\0\0\x01\0\x01\0\x06\0\0\0\0\0\0\0\0" IP6),
	GOOD(LINKTYPE_NULL, 4, 0, "\x02\0\0\0" IP4),
	GOOD(LINKTYPE_NULL, 4, 0, "\0\0\0\x02" IP4),
	GOOD(LINKTYPE_NULL, 6, 0, "\x1e\0\0\0" IP6),
	GOOD(LINKTYPE_LOOP, 6, 0, "\0\0\0\x18" IP6),
	GOOD(LINKTYPE_RAW, 4, 0, IP4),
	GOOD(LINKTYPE_DLT_RAW_BSD, 6, 0, IP6),
	GOOD(LINKTYPE_IPV4, 4, 0, IP4),
	GOOD(LINKTYPE_IPV6, 6, 0, IP6),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\0\x24" SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_ETHERNET, 4, 0, ETH "\0\x1f\6\6\3" IP4),
	GOOD(LINKTYPE_ETHERNET, 6, 1, ETH "\x81\0\0\x64\0\x38" SNAP_BRIDGE "\x86\xdd" IP6),
	GOOD(LINKTYPE_ETHERNET, 4, 1, ETH "\0\x28" SNAP "\x81\0\0\x64\x08\0" IP4),
	GOOD(LINKTYPE_LINUX_SLL, 4, 0, "\0\0\0\x01\0\x06\0\0\0\0\0\0\0\0\0\4" SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_IEEE802_11, 4, 0, WIFI("\x08", "\2") SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_IEEE802_11, 6, 0, WIFI("\x88", "\1") "\0\0" SNAP "\x86\xdd" IP6),
	GOOD(LINKTYPE_IEEE802_11, 4, 0, WIFI("\x88", "\3") "\2\0\0\0\0\4\0\0" SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_IEEE802_11, 4, 0, WIFI("\x88", "\x82") "\0\0\1\2\3\4" SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_IEEE802_11_RADIOTAP, 4, 0, RADIO("\0") WIFI("\x08", "\2") SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_IEEE802_11_RADIOTAP, 4, 0, RADIO("\x10") WIFI("\x08", "\2") SNAP "\x08\0" IP4 "\1\2\3\4"),
	GOOD(LINKTYPE_IEEE802_11_RADIOTAP, 4, 0, RADIO("\x20") WIFI("\x88", "\2") "\0\0\0\0" SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_IEEE802_11_RADIOTAP, 4, 0, "\0\0\x08\0\0\0\0\0" WIFI("\x08", "\2") SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_PPI, 4, 0, "\0\0\x08\0\x69\0\0\0" WIFI("\x08", "\2") SNAP "\x08\0" IP4),
	GOOD(LINKTYPE_PPI, 4, 0, "\0\0\x20\0\x69\0\0\0\2\0\x14\0" "12345678" "\1\0" "1234567890" WIFI("\x08", "\2") SNAP "\x08\0" IP4 "fcs."),
	GOOD(LINKTYPE_PPI, 4, 0, "\0\0\x08\0\1\0\0\0" ETH "\x08\0" IP4),
	GOOD(LINKTYPE_FRELAY, 6, 0, "\x48\xe1\x86\xdd" IP6),
	GOOD(LINKTYPE_FRELAY, 4, 0, "\x18\x41\3\xcc" IP4),
	GOOD(LINKTYPE_FRELAY, 6, 0, "\x18\x40\x40\1\3\0\x8e" IP6),
	GOOD(LINKTYPE_FRELAY, 4, 0, "\x18\x41\3\0\x80\0\0\0\x08\0" IP4),
	GOOD(LINKTYPE_PPP_HDLC, 4, 0, "\xff\3\0\x21" IP4),
	GOOD(LINKTYPE_PPP_HDLC, 4, 0, "\x0f\0\x08\0" IP4),
	GOOD(LINKTYPE_NFLOG, 4, 0, "\2\0\0\x28\x05\0\x0a\0\0\0\0\0\x20\0\x09\0" IP4),
	GOOD(LINKTYPE_NFLOG, 6, 0, "\x0a\0\0\x28\x34\0\x09\0" IP6),
	GOOD(LINKTYPE_ARCNET, 4, 0, "\1\2\xf0" IP4),
	GOOD(LINKTYPE_ARCNET, 4, 0, "\1\2\xd4\0\0\1" IP4),
	GOOD(LINKTYPE_ARCNET, 4, 0, "\1\2\xd4\xff\xff\xff\xd4\0\0\1" IP4),
	GOOD(LINKTYPE_ARCNET_LINUX, 4, 0, "\1\2\0\0\xf0" IP4),
	GOOD(LINKTYPE_ARCNET_LINUX, 6, 0, "\1\2\0\0\xc4\0\0\1" IP6),
};

static void every_link_leads_to_ip(void **state)
{
	struct packet_worker *pw = *state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct packet *p;

		if (packet_worker_frame(pw, good[i].bytes, good[i].len, good[i].link_type, 1) != 1)
			fail_msg("case %zu: not one packet", i);
		p = pw->out[0];
		if (p->ip_version != good[i].version || p->ip_proto != 17 || p->dport != 2 ||
		    p->vlan_count != good[i].vlans || p->event_count || p->payload_len)
			fail_msg("case %zu: version %u proto %u port %u vlans %u events %u", i,
				 p->ip_version, p->ip_proto, p->dport, p->vlan_count,
				 p->event_count);
		assert_int_equal(p->flags, PACKET_IP | PACKET_L4);
		assert_int_equal(p->l3_len, p->ip_version == 4 ? 28 : 48);
	}
	assert_int_equal(pw->counters.decoder_invalid, 0);
}

static void vlan_ids_are_kept_in_order(void **state)
{
	struct packet_worker *pw = *state;
	static const char frame[] = ETH "\x88\xa8\xe0\x64\x81\0\x0f\xff\x08\0" IP4;

	packet_worker_frame(pw, frame, sizeof(frame) - 1, LINKTYPE_ETHERNET, 1);
	assert_int_equal(pw->out[0]->vlan[0], 0x64);
	assert_int_equal(pw->out[0]->vlan[1], 0xfff);
	assert_int_equal(pw->counters.decoder_vlan, 1);
	assert_int_equal(pw->counters.decoder_vlan_qinq, 1);
}

static const struct bad_case bad[] = {
	BAD(ethernet_pkt_too_small, true, LINKTYPE_ETHERNET, ETH "\x08"),
	BAD(ethernet_unknown_ethertype, false, LINKTYPE_ETHERNET, ETH "\x12\x34"),
	BAD(vlan_header_too_small, true, LINKTYPE_ETHERNET, ETH "\x81\0\0\x01\x08"),
	BAD(vlan_unknown_type, true, LINKTYPE_ETHERNET, ETH "\x81\0\0\x01\x12\x34"),
	BAD(vlan_too_many_layers, false, LINKTYPE_ETHERNET,
	    ETH "\x81\0\0\x01\x81\0\0\x01\x81\0\0\x01\x81\0\0\x01\x08\0"),
	BAD(vntag_header_too_small, true, LINKTYPE_ETHERNET, ETH "\x89\x26\0\0\0\0\x08"),
	BAD(vntag_unknown_type, true, LINKTYPE_ETHERNET, ETH "\x89\x26\0\0\0\0\x12\x34"),
	BAD(ieee8021ah_header_too_small, true, LINKTYPE_ETHERNET, ETH "\x88\xe7\0\0\0\x01" ETH),
	BAD(dce_pkt_too_small, true, LINKTYPE_ETHERNET, ETH "\x89\x03\0\0" ETH),
	BAD(mpls_header_too_small, true, LINKTYPE_ETHERNET, ETH "\x88\x47\0\x06\x40\x40"),
	BAD(mpls_pkt_too_small, true, LINKTYPE_ETHERNET, ETH "\x88\x47\0\x06\x41\x40\x45\0\0"),
	BAD(mpls_bad_label_router_alert, false, LINKTYPE_ETHERNET, ETH "\x88\x47\0\0\x11\x40"),
	BAD(mpls_bad_label_implicit_null, false, LINKTYPE_ETHERNET, ETH "\x88\x47\0\0\x31\x40"),
	BAD(mpls_bad_label_reserved, false, LINKTYPE_ETHERNET, ETH "\x88\x47\0\0\x51\x40"),
	BAD(mpls_unknown_payload_type, true, LINKTYPE_ETHERNET,
	    ETH "\x88\x47\0\x06\x41\x40\x75\0\0\0"),
	BAD(pppoe_pkt_too_small, true, LINKTYPE_ETHERNET, ETH "\x88\x64\x11\0\0\x01\0"),
	BAD(pppoe_wrong_code, true, LINKTYPE_ETHERNET, ETH "\x88\x63\x11\xbb\0\0\0\0"),
	BAD(pppoe_malformed_tags, true, LINKTYPE_ETHERNET, ETH "\x88\x63\x11\x07\0\0\0\x20\x01\x01"),
	BAD(ppp_ip4_pkt_too_small, true, LINKTYPE_PPP, "\xff\x03\0\x21\x45\0"),
	BAD(ppp_ip6_pkt_too_small, true, LINKTYPE_PPP, "\xff\x03\0\x57\x60\0"),
	BAD(ppp_vju_pkt_too_small, true, LINKTYPE_PPP, "\xff\x03\0\x2f\x45\0"),
	BAD(ppp_pkt_too_small, true, LINKTYPE_PPP, "\xff"),
	BAD(ppp_unsup_proto, false, LINKTYPE_PPP, "\xff\x03\x00\x2b"),
	BAD(ppp_wrong_type, true, LINKTYPE_PPP, "\xff\x03\x00\xff"),
	BAD(nsh_header_too_small, true, LINKTYPE_ETHERNET, ETH "\x89\x4f\0\x06\x01\x01\0\0\x02"),
	BAD(nsh_unsupported_version, false, LINKTYPE_ETHERNET,
	    ETH "\x89\x4f\x40\x02\x02\x01\0\0\x02\x02" IP4),
	BAD(nsh_bad_header_length, true, LINKTYPE_ETHERNET,
	    ETH "\x89\x4f\0\x02\x01\x01\0\0\x02\x02" IP4),
	BAD(nsh_reserved_type, false, LINKTYPE_ETHERNET,
	    ETH "\x89\x4f\0\x02\0\x01\0\0\x02\x02" IP4),
	BAD(nsh_unsupported_type, false, LINKTYPE_ETHERNET,
	    ETH "\x89\x4f\0\x02\x05\x01\0\0\x02\x02" IP4),
	BAD(nsh_unknown_payload, false, LINKTYPE_ETHERNET,
	    ETH "\x89\x4f\0\x02\x02\x99\0\0\x02\x02" IP4),
	BAD(sll_pkt_too_small, true, LINKTYPE_LINUX_SLL, "\0\0\0\x01\0\x06\0\0\0\0\0\0\0\0\x08"),
	BAD(sll2_pkt_too_small, true, LINKTYPE_LINUX_SLL2, "\x86\xdd\0\0\0\0\0\x01\0\x01\0\x06\0\0"),
	BAD(chdlc_pkt_too_small, true, LINKTYPE_C_HDLC, "\x0f\0\x08"),
	BAD(ethernet_unknown_ethertype, false, LINKTYPE_ETHERNET, ETH "\0\x26\x42\x42\3\0\0\0\0\0"),
	BAD(ethernet_unknown_ethertype, false, LINKTYPE_ETHERNET, ETH "\0\x24" SNAP "\x12\x34"),
	BAD(ipv4_trunc_pkt, true, LINKTYPE_ETHERNET, ETH "\0\x20" SNAP "\x08\0" IP4),
	BAD(ieee80211_pkt_too_small, true, LINKTYPE_IEEE802_11, "\x08"),
	BAD(ieee80211_pkt_too_small, true, LINKTYPE_IEEE802_11, WIFI("\x88", "\2") "\0"),
	BAD(ieee80211_pkt_too_small, true, LINKTYPE_IEEE802_11_RADIOTAP, "\0\0\x09\0\0\0\0\0"),
	BAD(ieee80211_pkt_too_small, true, LINKTYPE_IEEE802_11_RADIOTAP, "\0\0\x04\0\0\0\0\0"),
	BAD(ieee80211_wrong_length, true, LINKTYPE_IEEE802_11, WIFI("\x88", "\2") "\x80\0" ETH "\0\x25" SNAP "\x08\0" IP4),
	BAD(ieee80211_pkt_too_small, true, LINKTYPE_PPI, "\0\0\x09\0\x69\0\0\0"),
	BAD(frame_relay_pkt_too_small, true, LINKTYPE_FRELAY, "\x18\x41\3"),
	BAD(frame_relay_pkt_too_small, true, LINKTYPE_FRELAY, "\x18\x41\x08"),
	BAD(nflog_malformed, true, LINKTYPE_NFLOG, "\2\0\0"),
	BAD(nflog_malformed, true, LINKTYPE_NFLOG, "\2\0\0\0\3\0\x09\0"),
	BAD(nflog_malformed, true, LINKTYPE_NFLOG, "\2\0\0\0\x21\0\x09\0" IP4),
	BAD(nflog_malformed, true, LINKTYPE_NFLOG, "\2\0\0\0\x05\0\x0a\0\0\0\0\0"),
	BAD(arcnet_pkt_too_small, true, LINKTYPE_ARCNET, "\1\2\xd4\0\0"),
	BAD(arcnet_pkt_too_small, true, LINKTYPE_ARCNET_LINUX, "\1\2\0\0"),
	BAD(ltnull_pkt_too_small, true, LINKTYPE_NULL, "\x02\0\0"),
	BAD(ltnull_unsupported_type, false, LINKTYPE_NULL, "\x7f\0\0\0"),
	BAD(ipv4_pkt_too_small, true, LINKTYPE_RAW, "\x45\0"),
	BAD(ipraw_invalid_ip_version, false, LINKTYPE_RAW, "\xd5" IP4),
	BAD(arp_pkt_too_small, true, LINKTYPE_ETHERNET, ETH "\x08\x06\0\x01"),
	BAD(arp_unsupported_hardware, true, LINKTYPE_ETHERNET, ETH "\x08\x06\0\x02\x08\0\x06\x04\0\x01"),
	BAD(arp_unsupported_protocol, true, LINKTYPE_ETHERNET, ETH "\x08\x06\0\x01\x08\x01\x06\x04\0\x01"),
	BAD(arp_invalid_pkt, true, LINKTYPE_ETHERNET, ETH "\x08\x06\0\x01\x08\0\x06\x04\0\x01"),
#define ARP_REST "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	BAD(arp_invalid_hardware_size, true, LINKTYPE_ETHERNET,
	    ETH "\x08\x06\0\x01\x08\0\x07\x04\0\x01" ARP_REST),
	BAD(arp_invalid_protocol_size, true, LINKTYPE_ETHERNET,
	    ETH "\x08\x06\0\x01\x08\0\x06\x05\0\x01" ARP_REST),
	BAD(arp_unsupported_opcode, true, LINKTYPE_ETHERNET,
	    ETH "\x08\x06\0\x01\x08\0\x06\x04\0\x09" ARP_REST),
};

static void malformed_headers_are_events(void **state)
{
	check_bad_cases(*state, bad, sizeof(bad) / sizeof(bad[0]));
}

static void good_arp_is_no_event(void **state)
{
	struct packet_worker *pw = *state;
	static const char frame[] = ETH "\x08\x06\0\x01\x08\0\x06\x04\0\x01" ARP_REST;

	packet_worker_frame(pw, frame, sizeof(frame) - 1, LINKTYPE_ETHERNET, 1);
	assert_int_equal(pw->out[0]->event_count, 0);
	assert_int_equal(pw->counters.decoder_arp, 1);
	assert_int_equal(pw->out[0]->ip_version, 0);
}

/* RFC 1144: the IP header of an uncompressed VJ packet names the slot, it is TCP all the same. */
static void ppp_vj_uncompressed_is_tcp(void **state)
{
	struct packet_worker *pw = *state;
	static struct frame f;

	frame_start(&f);
	FRAME_BYTES_OF(&f, "\xff\x03\0\x2f");
	frame_ipv4(&f, 0, 1, 0);
	frame_tcp(&f, 1000, 23, TCP_ACK);
	frame_done(&f);
	frame_run(pw, &f, LINKTYPE_PPP);
	assert_int_equal(pw->out[0]->ip_proto, 6);
	assert_int_equal(pw->out[0]->dport, 23);
}

/* The parts of an aggregated frame are packets of their own, on the level of others. */
static void aggregated_parts(void **state)
{
	struct packet_worker *pw = *state;
	static const char frame[] = WIFI("\x88", "\2") "\x80\0" ETH "\0\x24" SNAP "\x08\0" IP4 "\0\0" ETH "\0\x38" SNAP
							 "\x86\xdd" IP6;
	unsigned n = packet_worker_frame(pw, frame, sizeof(frame) - 1, LINKTYPE_IEEE802_11, 1);

	assert_int_equal(n, 3);
	assert_int_equal(pw->out[1]->ip_version, 4);
	assert_int_equal(pw->out[2]->ip_version, 6);
	assert_int_equal(pw->out[1]->tunnel_depth, 0);
	assert_int_equal(pw->out[2]->dport, 2);
	assert_int_equal(pw->out[0]->event_count, 0);
}

/* Beacons, frames without data, what is encrypted, fragments, what did not arrive well: passed over. */
static void not_looked_into(void **state)
{
	struct packet_worker *pw = *state;
	static const struct {
		unsigned link_type;
		const char *bytes;
		uint32_t len;
	} frames[] = {
#define FRAME(link, bytes) {link, bytes, sizeof(bytes) - 1}
		FRAME(LINKTYPE_IEEE802_11, WIFI("\x80", "\0") SNAP "\x08\0" IP4),
		FRAME(LINKTYPE_IEEE802_11, WIFI("\x48", "\1")),
		FRAME(LINKTYPE_IEEE802_11, WIFI("\x08", "\x42") SNAP "\x08\0" IP4),
		FRAME(LINKTYPE_IEEE802_11, WIFI("\x08", "\6") SNAP "\x08\0" IP4),
		FRAME(LINKTYPE_IEEE802_11, "\x08\2\0\0" ETH "\2\0\0\0\0\3\x11\0" SNAP "\x08\0" IP4),
		FRAME(LINKTYPE_IEEE802_11_RADIOTAP, RADIO("\x40") WIFI("\x08", "\2") SNAP "\x08\0" IP4),
		FRAME(LINKTYPE_NFLOG, "\7\0\0\x28\x20\0\x09\0" IP4),
		FRAME(LINKTYPE_ARCNET, "\1\2\xd4\1\0\1" IP4),
		FRAME(LINKTYPE_ARCNET, "\1\2\xf1" IP4),
	};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		assert_int_equal(packet_worker_frame(pw, frames[i].bytes, frames[i].len, frames[i].link_type, 1), 1);
		assert_int_equal(pw->out[0]->flags, 0);
		assert_int_equal(pw->out[0]->event_count, 0);
	}
	assert_int_equal(pw->counters.decoder_ieee80211, 6);
	assert_int_equal(pw->counters.decoder_ieee80211_closed, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(every_link_leads_to_ip),
		PACKET_TEST(vlan_ids_are_kept_in_order),
		PACKET_TEST(malformed_headers_are_events),
		PACKET_TEST(good_arp_is_no_event),
		PACKET_TEST(aggregated_parts),
		PACKET_TEST(not_looked_into),
		PACKET_TEST(ppp_vj_uncompressed_is_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/ipv4.c, ipv6.c
 */
#include "tests/unit/packet/frames.h"

#define A6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
#define A4 "\x0a\0\0\x01\x0a\0\0\x02"
#define UDP "\0\x01\0\x02\0\x08\0\0"

static struct frame f;

static void ipv4_fields(void **state)
{
	struct packet_worker *pw = *state;
	const struct packet *p;

	frame_start(&f);
	frame_ethernet(&f, ETHER_IPV4);
	frame_ipv4(&f, 17, 7, 0x4000);
	frame_udp(&f, 53, 1024);
	FRAME_BYTES_OF(&f, "abc");
	frame_done(&f);
	frame_add(&f, NULL, 15); /* Ethernet padding */
	frame_run(pw, &f, LINKTYPE_ETHERNET);
	p = pw->out[0];
	assert_ptr_equal(p->l3, f.b + 14);
	assert_int_equal(p->l3_len, 31);
	assert_int_equal(p->ttl, 64);
	assert_memory_equal(p->src.b, "\x0a\x01\x02\x03\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(p->dst.b, "\x0a\x04\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(p->payload_len, 3);
	assert_memory_equal(p->payload, "abc", 3);
}

/* Captured before the card cut it: a length of 0, in a frame longer than any of the wire's. */
static void ipv4_offloaded(void **state)
{
	static const char *const settings[] = {"decoder.ipv4.offloaded=yes", "checksums=ignore", NULL};
	struct packet_worker *pw = packet_worker_new(settings);
	uint32_t ip;

	(void)state;
	frame_start(&f);
	frame_ethernet(&f, ETHER_IPV4);
	ip = f.len;
	frame_ipv4(&f, 6, 7, 0x4000);
	frame_tcp(&f, 80, 1024, 0x18);
	FRAME_BYTES_OF(&f, "abc");
	frame_done(&f);
	memset(f.b + ip + 2, 0, 2);
	frame_run(pw, &f, LINKTYPE_ETHERNET);
	assert_int_equal(pw->out[0]->l3_len, f.len - ip);
	assert_int_equal(pw->out[0]->payload_len, 3);
	packet_worker_free(pw);
}

/* An IPv4 header with these options, then UDP. */
static const struct packet *with_options(struct packet_worker *pw, const void *options, unsigned n)
{
	uint8_t *h;

	frame_start(&f);
	frame_ethernet(&f, ETHER_IPV4);
	h = frame_ipv4(&f, 17, 7, 0);
	h[0] = (uint8_t)(0x40 | (5 + n / 4));
	frame_add(&f, options, n);
	frame_udp(&f, 53, 1024);
	assert_int_equal(frame_go(pw, &f), 1);
	return pw->out[0];
}

static void ipv4_options(void **state)
{
	static const struct {
		const char *bytes;
		unsigned len;
		enum anomaly_id event;
		bool stops;
	} cases[] = {
#define OPT(text, event, stops) {text, sizeof(text) - 1, ANOMALY_##event, stops}
		OPT("\x94\x04\0\0\0\0\0\0", none, false),
		OPT("\x01\x01\x01\x01\x01\x01\x01\0", none, false),
		OPT("\x44\x08\x05\0\0\0\0\0", none, false),
		OPT("\x44\x0c\x05\x01\0\0\0\0\0\0\0\0\0\0\0\0", none, false),
		OPT("\x83\x07\x04\x0a\0\0\x09\0", none, false),
		OPT("\x89\x07\x04\x0a\0\0\x09\0", none, false),
		OPT("\x07\x07\x04\x0a\0\0\x09\0", none, false),
		OPT("\x19\x08\0\0\0\0\0\0", none, false),
		OPT("\x82\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0", none, false),
		OPT("\x88\x04\0\x05\0\0\0\0", none, false),
		OPT("\x86\x0a\0\0\0\x01\x01\x04\0\0\0\0\0\0\0\0", none, false),
		OPT("\x94\x04\0\0", ipv4_opt_pad_required, false),
		OPT("\x01\x01\x01\x01\x01\x01\x01\x94", ipv4_opt_eol_required, false),
		OPT("\x94\x04\0\0\x94\x04\0\0", ipv4_opt_duplicate, false),
		OPT("\xaa\x04\0\0\0\0\0\0", ipv4_opt_invalid, false),
		OPT("\x94\0\0\0\0\0\0\0", ipv4_opt_invalid_len, true),
		OPT("\x94\x01\0\0\0\0\0\0", ipv4_opt_invalid_len, true),
		OPT("\x94\x09\0\0\0\0\0\0", ipv4_opt_invalid_len, true),
		OPT("\x94\x05\0\0\0\0\0\0", ipv4_opt_invalid_len, true),
		OPT("\x19\x07\0\0\0\0\0\0", ipv4_opt_invalid_len, true),
		OPT("\x82\x08\0\0\0\0\0\0", ipv4_opt_invalid_len, true),
		OPT("\x83\x07\x05\x0a\0\0\x09\0", ipv4_opt_malformed, true),
		OPT("\x83\x07\x0c\x0a\0\0\x09\0", ipv4_opt_malformed, true),
		OPT("\x83\x02\0\0\0\0\0\0", ipv4_opt_invalid_len, true),
		OPT("\x44\x08\x04\0\0\0\0\0", ipv4_opt_malformed, true),
		OPT("\x44\x08\x07\0\0\0\0\0", ipv4_opt_malformed, true),
		OPT("\x86\x0a\0\0\0\x01\x01\x05\0\0\0\0\0\0\0\0", ipv4_opt_malformed, true),
		OPT("\x86\x0a\0\0\0\x01\0\x04\0\0\0\0\0\0\0\0", ipv4_opt_malformed, true),
		OPT("\x86\x0a\0\0\0\x01\x01\x04\x09\0\0\0\0\0\0\0", ipv4_opt_malformed, true),
	};
	struct packet_worker *pw = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct packet *p = with_options(pw, cases[i].bytes, cases[i].len);

		if (cases[i].event ? !packet_has_event(p, cases[i].event) : p->event_count != 0)
			fail_msg("case %zu: %u events, first %s", i, p->event_count,
				 p->event_count ? anomaly_rows[p->events[0]].name : "");
		assert_int_equal(!!(p->flags & PACKET_INVALID), cases[i].stops);
		assert_int_equal(p->dport, cases[i].stops ? 0 : 1024);
	}
}

/* Behind an option that is wrong in itself the next one is still found. */
static void ipv4_options_go_on(void **state)
{
	static const char bytes[] = "\x82\x02\xf1\x35\0\0\xde\xad\xbe\xef\xaa";
	const struct packet *p = with_options(*state, bytes, sizeof(bytes));

	assert_int_equal(p->event_count, 3);
	assert_int_equal(p->events[0], ANOMALY_ipv4_opt_pad_required);
	assert_int_equal(p->events[1], ANOMALY_ipv4_opt_invalid_len);
	assert_int_equal(p->events[2], ANOMALY_ipv4_opt_invalid_len);
	assert_true(p->flags & PACKET_INVALID);
}

static const struct bad_case bad[] = {
	BAD(ipv4_pkt_too_small, true, LINKTYPE_NULL, "\x02\0\0\0\x45\0\0\x14"),
	BAD(ipv4_wrong_ip_version, true, LINKTYPE_NULL,
	    "\x02\0\0\0\x55\0\0\x14\0\0\0\0\x40\x11\0\0" A4),
	BAD(ipv4_hlen_too_small, true, LINKTYPE_RAW, "\x44\0\0\x14\0\0\0\0\x40\x11\0\0" A4),
	BAD(ipv4_iplen_smaller_than_hlen, true, LINKTYPE_RAW,
	    "\x45\0\0\x13\0\0\0\0\x40\x11\0\0" A4),
	BAD(ipv4_trunc_pkt, true, LINKTYPE_RAW, "\x45\0\0\x15\0\0\0\0\x40\x11\0\0" A4),
	BAD(ipv4_icmpv6, true, LINKTYPE_RAW, "\x45\0\0\x14\0\0\0\0\x40\x3a\0\0" A4),
	BAD(ipv6_pkt_too_small, true, LINKTYPE_RAW,
	    "\x60\0\0\0\0\0\x11\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	BAD(ipv6_wrong_ip_version, true, LINKTYPE_NULL, "\x1e\0\0\0\x50\0\0\0\0\0\x11\x40" A6),
	BAD(ipv6_trunc_pkt, true, LINKTYPE_RAW, "\x60\0\0\0\0\x01\x11\x40" A6),
	BAD(ipv6_trunc_exthdr, true, LINKTYPE_RAW, "\x60\0\0\0\0\x01\0\x40" A6 "\x11"),
	BAD(ipv6_trunc_exthdr, true, LINKTYPE_RAW, "\x60\0\0\0\0\x08\0\x40" A6 "\x11\x01\0\0\0\0\0\0"),
	BAD(ipv6_trunc_exthdr, true, LINKTYPE_RAW, "\x60\0\0\0\0\x04\x2c\x40" A6 "\x11\0\0\0"),
	BAD(ipv6_data_after_none_header, false, LINKTYPE_RAW, "\x60\0\0\0\0\x01\x3b\x40" A6 "x"),
	BAD(ipv6_icmpv4, false, LINKTYPE_RAW, "\x60\0\0\0\0\x08\x01\x40" A6 "\x08\0\0\0\0\0\0\0"),
	BAD(ipv6_unknown_next_header, false, LINKTYPE_RAW, "\x60\0\0\0\0\x04\xc8\x40" A6 "abcd"),
	BAD(ipv6_hopopts_only_padding, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\0\x40" A6 "\x11\0\x01\x04\0\0\0\0" UDP),
	BAD(ipv6_hopopts_unknown_opt, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\0\x40" A6 "\x11\0\x3e\x04\0\0\0\0" UDP),
	BAD(ipv6_dstopts_only_padding, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\x3c\x40" A6 "\x11\0\0\0\0\0\0\0" UDP),
	BAD(ipv6_dstopts_unknown_opt, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\x3c\x40" A6 "\x11\0\x3e\x04\0\0\0\0" UDP),
	BAD(ipv6_zero_len_padn, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\x3c\x40" A6 "\x11\0\x01\0\x01\x02\0\0" UDP),
	BAD(ipv6_exthdr_invalid_optlen, true, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\x3c\x40" A6 "\x11\0\x3e\x09\0\0\0\0" UDP),
	BAD(ipv6_exthdr_invalid_optlen, true, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\0\x40" A6 "\x11\0\x05\x01\0\x01\x01\0" UDP),
	BAD(ipv6_exthdr_dupl_hh, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x18\0\x40" A6 "\0\0\x05\x02\0\0\x01\0\x11\0\x05\x02\0\0\x01\0" UDP),
	BAD(ipv6_exthdr_dupl_dh, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x20\x3c\x40" A6 "\x3c\0\x01\x04\0\0\0\0\x3c\0\x01\x04\0\0\0\0"
	    "\x11\0\x01\x04\0\0\0\0" UDP),
	BAD(ipv6_exthdr_dupl_rh, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x18\x2b\x40" A6 "\x2b\0\x03\0\0\0\0\0\x11\0\x03\0\0\0\0\0" UDP),
	BAD(ipv6_rh_type_0, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\x2b\x40" A6 "\x11\0\0\0\0\0\0\0" UDP),
	BAD(ipv6_exthdr_ah_res_not_null, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x14\x33\x40" A6 "\x11\x01\0\x01\0\0\0\0\0\0\0\0" UDP),
	BAD(ipv6_exthdr_dupl_ah, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x20\x33\x40" A6 "\x33\x01\0\0\0\0\0\0\0\0\0\0\x11\x01\0\0\0\0\0\0\0\0\0\0" UDP),
	BAD(ipv6_exthdr_useless_fh, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\x2c\x40" A6 "\x11\0\0\0\0\0\0\x07" UDP),
	BAD(ipv6_fh_non_zero_reserved_field, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x10\x2c\x40" A6 "\x11\x01\0\0\0\0\0\x07" UDP),
	BAD(ipv6_exthdr_dupl_fh, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x18\x2c\x40" A6 "\x2c\0\0\0\0\0\0\x07\x11\0\0\0\0\0\0\x08" UDP),
	BAD(ipv6_frag_invalid_length, false, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x0b\x2c\x40" A6 "\x11\0\0\x01\0\0\0\x07" "abc"),
	BAD(ipv6_ipv4_in_ipv6_too_small, true, LINKTYPE_RAW, "\x60\0\0\0\0\x04\x04\x40" A6 "\x45\0\0\0"),
	BAD(ipv6_ipv4_in_ipv6_wrong_version, true, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x14\x04\x40" A6 "\x55\0\0\x14\0\0\0\0\x40\x11\0\0" A4),
	BAD(ipv6_ipv6_in_ipv6_too_small, true, LINKTYPE_RAW, "\x60\0\0\0\0\x04\x29\x40" A6 "\x60\0\0\0"),
	BAD(ipv6_ipv6_in_ipv6_wrong_version, true, LINKTYPE_RAW,
	    "\x60\0\0\0\0\x28\x29\x40" A6 "\x40\0\0\0\0\0\x11\x40" A6),
};

static void malformed_headers_are_events(void **state)
{
	check_bad_cases(*state, bad, sizeof(bad) / sizeof(bad[0]));
}

static void ipv6_extensions_lead_to_udp(void **state)
{
	static const char packet[] =
		"\x60\0\0\0\0\x3c\0\x11" A6
		"\x3c\0\x05\x02\0\0\x01\0"          /* hop-by-hop: router alert */
		"\x2b\0\xc9\x04\0\0\0\0"            /* destination: cut option, see below */
		"\x33\0\x03\0\0\0\0\0"              /* routing */
		"\x87\x01\0\0\0\0\0\0\0\0\0\0"      /* authentication */
		"\x2c\0\0\0\0\0\0\0"                /* mobility */
		"\x11\0\0\0\0\0\0\x09"              /* atomic fragment */
		UDP;
	struct packet_worker *pw = *state;
	const struct packet *p;

	assert_int_equal(packet_worker_frame(pw, packet, sizeof(packet) - 1, LINKTYPE_RAW, 1), 1);
	p = pw->out[0];
	assert_int_equal(p->ip_proto, 17);
	assert_int_equal(p->dport, 2);
	assert_int_equal(p->ttl, 17);
	assert_false(p->flags & (PACKET_FRAGMENT | PACKET_INVALID));
	assert_true(packet_has_event(p, ANOMALY_ipv6_exthdr_invalid_optlen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(ipv4_fields),
		cmocka_unit_test(ipv4_offloaded),
		PACKET_TEST(ipv4_options),
		PACKET_TEST(ipv4_options_go_on),
		PACKET_TEST(malformed_headers_are_events),
		PACKET_TEST(ipv6_extensions_lead_to_udp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

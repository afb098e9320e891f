/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/defrag.c
 */
#include <stdio.h>

#include "dataplane/packet/layer.h"
#include "tests/unit/packet/frames.h"

#define SECOND 1000000000ull

static struct frame f;

/* One fragment: `fill` repeated, or the bytes of `data`. */
struct piece {
	unsigned at, len;
	int fill;
	bool last;
	const void *data;
};

/* Sends it over IPv4 or IPv6; returns how many packets came out. */
static unsigned send_at(struct packet_worker *pw, bool six, unsigned id, unsigned proto,
			const struct piece *piece, uint64_t ts_ns)
{
	uint8_t *h;

	frame_start(&f);
	frame_ethernet(&f, six ? ETHER_IPV6 : ETHER_IPV4);
	if (six) {
		frame_ipv6(&f, 44);
		h = frame_add(&f, NULL, 8);
		h[0] = (uint8_t)proto;
		put16(h + 2, piece->at | !piece->last);
		put32(h + 4, id);
	} else {
		frame_ipv4(&f, proto, id, (piece->last ? 0 : 0x2000) | piece->at / 8);
	}
	h = frame_add(&f, piece->data, piece->len);
	if (!piece->data)
		memset(h, piece->fill, piece->len);
	frame_done(&f);
	return packet_worker_frame(pw, f.b, f.len, LINKTYPE_ETHERNET, ts_ns);
}

static unsigned send(struct packet_worker *pw, bool six, unsigned id, const struct piece *piece)
{
	return send_at(pw, six, id, 253, piece, SECOND);
}

/* The overlaps of Novak's paper: an original set of fragments, then others over them. */
static const struct piece novak[] = {
	{0, 24, 'A', false, NULL},   {32, 16, 'B', false, NULL},  {48, 24, 'C', false, NULL},
	{80, 8, 'D', false, NULL},   {104, 16, 'E', false, NULL}, {120, 24, 'F', false, NULL},
	{144, 16, 'G', false, NULL}, {160, 16, 'H', false, NULL}, {176, 8, 'I', false, NULL},
	{8, 32, 'J', false, NULL},   {48, 24, 'K', false, NULL},  {72, 24, 'L', false, NULL},
	{96, 24, 'M', false, NULL},  {128, 8, 'N', false, NULL},  {152, 8, 'O', false, NULL},
	{160, 8, 'P', false, NULL},  {176, 16, 'Q', true, NULL},
};

static void novak_overlaps(void **state)
{
	/* One letter for each 8 bytes. */
	static const struct {
		const char *policy, *expected;
	} rows[] = {
		{"first", "AAAJBBCCCLDLMEEFFFGGHHIQ"},
		{"last", "AJJJJBKKKLLLMMMFNFGOPHQQ"},
		{"bsd", "AAAJJBCCCLLLMMMFFFGGHHIQ"},
		{"bsd-right", "AJJJBBKKKLDLMEEFNFGOPHQQ"},
		{"linux", "AAAJJBKKKLLLMMMFFFGGPHQQ"},
		{"windows", "AAAJBBCCCLLLMEEFFFGGHHIQ"},
		{"solaris", "AAAJBBCCCLLLMMMFFFGGHHIQ"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int six = 0; six < 2; six++) {
			char setting[64], got[25] = {0};
			const char *settings[] = {setting, "host_os_policy.windows=[]",
						  "checksums=ignore", NULL};
			struct packet_worker *pw;
			unsigned out = 0;

			snprintf(setting, sizeof(setting), "host_os_policy_default=%s",
				 rows[i].policy);
			pw = packet_worker_new(settings);
			for (size_t k = 0; k < sizeof(novak) / sizeof(novak[0]); k++)
				out = send(pw, six, 1, &novak[k]);
			assert_int_equal(out, 2);
			assert_int_equal(pw->out[1]->payload_len, 192);
			for (int b = 0; b < 24; b++) {
				got[b] = (char)pw->out[1]->payload[b * 8];
				for (int k = 1; k < 8; k++)
					assert_int_equal(pw->out[1]->payload[b * 8 + k], got[b]);
			}
			if (strcmp(got, rows[i].expected) != 0)
				fail_msg("%s: %s, not %s", rows[i].policy, got, rows[i].expected);
			assert_true(pw->counters.anomaly[six ? ANOMALY_ipv6_frag_overlap
							     : ANOMALY_ipv4_frag_overlap] >= 8);
			packet_worker_free(pw);
		}
	}
}

static const struct piece three[] = {
	{0, 16, 'a', false, NULL}, {16, 16, 'b', false, NULL}, {32, 5, 'c', true, NULL}};

static void any_order_completes_with_the_last(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					{1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct packet_worker *pw = *state;

	for (unsigned i = 0; i < 6; i++) {
		for (int six = 0; six < 2; six++) {
			struct packet *p, *frame;

			assert_int_equal(send(pw, six, i, &three[orders[i][0]]), 1);
			assert_true(pw->out[0]->flags & PACKET_FRAGMENT);
			assert_int_equal(pw->out[0]->payload_len, three[orders[i][0]].len);
			assert_int_equal(send(pw, six, i, &three[orders[i][1]]), 1);
			assert_int_equal(send(pw, six, i, &three[orders[i][2]]), 2);
			frame = pw->out[0];
			p = pw->out[1];
			assert_int_equal(p->payload_len, 37);
			assert_memory_equal(p->payload, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccc", 37);
			assert_int_equal(p->source, PACKET_DEFRAG);
			assert_int_equal(p->flags & (PACKET_REASSEMBLED | PACKET_FRAGMENT),
					 PACKET_REASSEMBLED);
			assert_int_equal(p->ip_proto, 253);
			assert_int_equal(p->tunnel_depth, 0);
			assert_true(packet_checksum_ok(p, CHECKSUM_IPV4));
			packet_drop(p, DROP_rule);
			assert_int_equal(frame->verdict, VERDICT_DROP);
		}
	}
	assert_int_equal(pw->counters.defrag_ipv4_reassembled, 6);
	assert_int_equal(pw->counters.defrag_ipv6_reassembled, 6);
	assert_int_equal(pw->counters.defrag_ipv4_fragments, 18);
}

static void keys_keep_packets_apart(void **state)
{
	struct packet_worker *pw = *state;

	assert_int_equal(send_at(pw, false, 1, 17, &three[0], 1), 1);
	assert_int_equal(send_at(pw, false, 1, 6, &three[1], 1), 1);
	assert_int_equal(send_at(pw, false, 1, 6, &three[2], 1), 1);
	assert_int_equal(send_at(pw, false, 2, 17, &three[1], 1), 1);
	assert_int_equal(send_at(pw, false, 2, 17, &three[2], 1), 1);
	/* Another VLAN. */
	send_at(pw, false, 1, 17, &three[1], 1);
	memmove(f.b + 18, f.b + 14, f.len - 14);
	memcpy(f.b + 12, "\x81\0\0\x05\x08\0", 6);
	f.len += 4;
	frame_run(pw, &f, LINKTYPE_ETHERNET);
	assert_int_equal(pw->out[0]->vlan_count, 1);
	assert_int_equal(pw->count, 1);
	/* Only the packet of the same key completes. IPv6 does not key by protocol. */
	assert_int_equal(send_at(pw, false, 1, 17, &three[2], 1), 2);
	assert_int_equal(send_at(pw, true, 1, 17, &three[0], 1), 1);
	assert_int_equal(send_at(pw, true, 1, 6, &three[1], 1), 1);
	assert_int_equal(send_at(pw, true, 1, 6, &three[2], 1), 2);
	assert_int_equal(pw->out[1]->ip_proto, 17);
}

static void an_id_may_be_used_again(void **state)
{
	struct packet_worker *pw = *state;

	for (int round = 0; round < 3; round++) {
		static const struct piece pieces[] = {{0, 8, 0, false, NULL}, {8, 8, 0, true, NULL}};
		struct piece first = pieces[0], second = pieces[1];

		first.fill = second.fill = 'x' + round;
		assert_int_equal(send(pw, false, 9, &first), 1);
		assert_int_equal(send(pw, false, 9, &second), 2);
		assert_int_equal(pw->out[1]->payload[15], 'x' + round);
		assert_int_equal(pw->out[1]->event_count, 0);
	}
}

static void fragments_wait_only_so_long(void **state)
{
	struct packet_worker *pw = *state;

	send_at(pw, false, 1, 253, &three[0], 1 * SECOND);
	send_at(pw, false, 1, 253, &three[1], 50 * SECOND);
	assert_int_equal(send_at(pw, false, 1, 253, &three[2], 111 * SECOND), 1);
	assert_int_equal(pw->counters.defrag_timeouts, 1);
	decode_timers(&pw->w, 171 * SECOND);
	assert_int_equal(pw->counters.defrag_timeouts, 2);
	decode_timers(&pw->w, 1000 * SECOND);
	assert_int_equal(pw->counters.defrag_timeouts, 2);
	/* Time that goes back ends nothing. */
	send_at(pw, false, 2, 253, &three[0], 2000 * SECOND);
	send_at(pw, false, 2, 253, &three[1], 1000 * SECOND);
	assert_int_equal(send_at(pw, false, 2, 253, &three[2], 1000 * SECOND), 2);
}

static void an_end_that_is_none(void **state)
{
	static const struct piece end = {8, 8, 'z', true, NULL};
	static const struct piece behind = {16, 8, 'y', false, NULL};
	static const struct piece other_end = {16, 8, 'y', true, NULL};
	static const struct piece start = {0, 8, 'a', false, NULL};
	struct packet_worker *pw = *state;

	/* Data behind the end: no receiver puts that together. */
	send(pw, false, 1, &end);
	send(pw, false, 1, &behind);
	assert_true(packet_has_event(pw->out[0], ANOMALY_ipv4_frag_overlap));
	assert_int_equal(send(pw, false, 1, &start), 1);
	/* An end before data. */
	send(pw, false, 2, &behind);
	send(pw, false, 2, &end);
	assert_int_equal(send(pw, false, 2, &start), 1);
	/* Two ends. */
	send(pw, false, 3, &end);
	send(pw, false, 3, &other_end);
	assert_int_equal(send(pw, false, 3, &start), 1);
	/* The same one twice is no harm. */
	send(pw, false, 4, &end);
	send(pw, false, 4, &end);
	assert_int_equal(send(pw, false, 4, &start), 2);
}

static void too_large_and_odd_lengths(void **state)
{
	struct packet_worker *pw = *state;
	struct piece piece = {65528, 8, 'x', true, NULL};

	assert_int_equal(send(pw, false, 1, &piece), 1);
	assert_true(packet_has_event(pw->out[0], ANOMALY_ipv4_frag_pkt_too_large));
	assert_int_equal(send(pw, true, 1, &piece), 1);
	assert_true(packet_has_event(pw->out[0], ANOMALY_ipv6_frag_pkt_too_large));
	/* More to come, but not a multiple of 8: what is beyond is cut off. */
	piece = (struct piece){0, 13, 'x', false, NULL};
	send(pw, false, 2, &piece);
	piece = (struct piece){8, 8, 'y', true, NULL};
	assert_int_equal(send(pw, false, 2, &piece), 2);
	assert_memory_equal(pw->out[1]->payload, "xxxxxxxxyyyyyyyy", 16);
	piece = (struct piece){0, 7, 'x', false, NULL};
	assert_int_equal(send(pw, false, 3, &piece), 1);
	piece = (struct piece){0, 0, 'x', false, NULL};
	assert_int_equal(send(pw, false, 3, &piece), 1);
}

static void the_largest_packet(void **state)
{
	struct packet_worker *pw = *state;

	for (int six = 0; six < 2; six++) {
		unsigned all = six ? 65535 : 65515, at, out = 0;

		for (at = 0; at < all; at += 1480) {
			struct piece piece = {at, 1480, 'a' + (int)(at / 1480 % 26), false, NULL};

			if (at + 1480 >= all) {
				piece.len = all - at;
				piece.last = true;
			}
			out = send(pw, six, 77, &piece);
		}
		assert_int_equal(out, 2);
		assert_int_equal(pw->out[1]->payload_len, all);
		for (at = 0; at < all; at++)
			assert_int_equal(pw->out[1]->payload[at], 'a' + (int)(at / 1480 % 26));
	}
}

static void limits_are_kept(void **state)
{
	static const char *const settings[] = {"defrag.trackers=4", "defrag.max_frags=8", NULL};
	struct packet_worker *pw = packet_worker_new(settings);

	(void)state;
	for (unsigned id = 0; id < 6; id++)
		send(pw, false, id, &three[0]);
	assert_int_equal(pw->counters.defrag_max_trackers_reached, 2);
	/* The oldest went, the newest can still complete. */
	send(pw, false, 5, &three[1]);
	assert_int_equal(send(pw, false, 5, &three[2]), 2);
	for (unsigned at = 0; at < 20; at++) {
		struct piece piece = {at * 16, 8, 'x', false, NULL};

		send(pw, false, 9, &piece);
	}
	assert_true(pw->counters.defrag_max_frags_reached > 0);
	assert_true(pw->counters.anomaly[ANOMALY_ipv4_frag_ignored] > 0);
	decode_worker_reset(&pw->w);
	for (unsigned id = 0; id < 3; id++) {
		send(pw, false, id, &three[0]);
		send(pw, false, id, &three[1]);
		assert_int_equal(send(pw, false, id, &three[2]), 2);
	}
	packet_worker_free(pw);
}

/* A megabyte of chunks is all there is: every one of them comes back. */
static void memory_comes_back(void **state)
{
	static const char *const settings[] = {"defrag.trackers=8", "defrag.max_frags=64", NULL};
	struct packet_worker *pw = packet_worker_new(settings);

	(void)state;
	for (unsigned id = 0; id < 2000; id++) {
		struct piece wide = {(id % 60) * 1024, 1400, 'x', id % 3 == 0, NULL};

		send_at(pw, id % 2, id, 253, &wide, id * SECOND);
	}
	decode_timers(&pw->w, 10000 * SECOND);
	for (unsigned at = 0; at < 60000; at += 1480) {
		struct piece piece = {at, 1480, 'y', at + 1480 >= 60000, NULL};

		send_at(pw, false, 7, 253, &piece, 10000 * SECOND);
	}
	assert_int_equal(pw->count, 2);
	packet_worker_free(pw);
}

static void in_the_wire_differing_overlaps_are_dropped(void **state)
{
	static const struct piece same = {0, 16, 'a', false, NULL};
	static const struct piece differs = {8, 16, 'X', false, NULL};
	struct packet_worker *pw = *state;

	pw->w.in_the_wire = true;
	for (int six = 0; six < 2; six++) {
		send(pw, six, 1, &three[0]);
		send(pw, six, 1, &same);
		assert_int_equal(pw->out[0]->verdict, VERDICT_ACCEPT);
		send(pw, six, 1, &differs);
		assert_int_equal(pw->out[0]->verdict, VERDICT_DROP);
		assert_int_equal(pw->out[0]->drop, DROP_defrag_error);
		send(pw, six, 1, &three[1]);
		assert_int_equal(send(pw, six, 1, &three[2]), 2);
		assert_memory_equal(pw->out[1]->payload, "aaaaaaaaaaaaaaaabbbb", 20);
	}
}

static void bad_header_checksum_is_no_fragment(void **state)
{
	struct packet_worker *pw = packet_worker_new(NULL);

	(void)state;
	send(pw, false, 1, &three[0]);
	send(pw, false, 1, &three[1]);
	packet_worker_done(pw);
	send(pw, false, 1, &three[2]);
	assert_int_equal(pw->count, 2);
	send(pw, false, 2, &three[0]);
	f.b[14 + 8]--;
	packet_worker_frame(pw, f.b, f.len, LINKTYPE_ETHERNET, SECOND);
	assert_false(packet_has_event(pw->out[0], ANOMALY_ipv4_frag_overlap));
	assert_true(pw->out[0]->flags & PACKET_BAD_CHECKSUM);
	packet_worker_free(pw);
}

/* UDP in two fragments inside GRE: decoded to its ports, at the depth of its fragments. */
static void fragments_in_a_tunnel(void **state)
{
	struct packet_worker *pw = *state;

	for (int i = 0; i < 2; i++) {
		frame_start(&f);
		frame_ethernet(&f, ETHER_IPV4);
		frame_ipv4(&f, 47, 10 + (unsigned)i, 0);
		FRAME_BYTES_OF(&f, "\0\0\x08\0");
		frame_ipv4(&f, 17, 1, i ? 2 : 0x2000);
		if (i)
			FRAME_BYTES_OF(&f, "01234567");
		else
			FRAME_BYTES_OF(&f, "\x10\0\0\x35\0\x18\0\0abcdefgh");
		assert_int_equal(frame_go(pw, &f), i ? 3 : 2);
	}
	assert_int_equal(pw->out[2]->dport, 53);
	assert_int_equal(pw->out[2]->tunnel_depth, 1);
	assert_ptr_equal(pw->out[2]->outer, pw->out[1]);
	assert_memory_equal(pw->out[2]->payload, "abcdefgh01234567", 16);
}

/* A tunnel cut into fragments: what it holds is found once it is whole. */
static void a_tunnel_in_fragments(void **state)
{
	struct packet_worker *pw = *state;
	uint8_t whole[64];
	struct piece first = {0, 24, 0, false, whole}, second = {24, 24, 0, true, whole + 24};

	frame_start(&f);
	FRAME_BYTES_OF(&f, "\0\0\x08\0");
	frame_ipv4(&f, 6, 3, 0);
	frame_tcp(&f, 7, 443, TCP_SYN);
	FRAME_BYTES_OF(&f, "\0\0\0\0");
	frame_done(&f);
	memcpy(whole, f.b, 48);
	assert_int_equal(send_at(pw, false, 5, 47, &second, 1), 1);
	assert_int_equal(send_at(pw, false, 5, 47, &first, 1), 3);
	assert_int_equal(pw->out[1]->ip_proto, 47);
	assert_true(pw->out[1]->flags & PACKET_REASSEMBLED);
	assert_int_equal(pw->out[2]->dport, 443);
	assert_int_equal(pw->out[2]->tunnel_depth, 1);
}

/* Headers before the fragment header stay, the fragment header goes. */
static void ipv6_headers_before_the_fragment(void **state)
{
	struct packet_worker *pw = *state;

	for (int i = 0; i < 2; i++) {
		uint8_t *h;

		frame_start(&f);
		frame_ethernet(&f, ETHER_IPV6);
		frame_ipv6(&f, 60);
		FRAME_BYTES_OF(&f, "\x2c\0\x01\x04\0\0\0\0");
		h = FRAME_BYTES_OF(&f, "\x11\0\0\x01\0\0\0\x09");
		if (i) {
			put16(h + 2, 8);
			FRAME_BYTES_OF(&f, "01234567");
		} else {
			FRAME_BYTES_OF(&f, "\x10\0\0\x35\0\x10\0\0");
		}
		assert_int_equal(frame_go(pw, &f), i ? 2 : 1);
	}
	assert_int_equal(pw->out[1]->ip_proto, 17);
	assert_int_equal(pw->out[1]->dport, 53);
	assert_int_equal(pw->out[1]->l3_len, 40 + 8 + 16);
	assert_memory_equal(pw->out[1]->payload, "01234567", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(novak_overlaps),
		PACKET_TEST(any_order_completes_with_the_last),
		PACKET_TEST(keys_keep_packets_apart),
		PACKET_TEST(an_id_may_be_used_again),
		PACKET_TEST(fragments_wait_only_so_long),
		PACKET_TEST(an_end_that_is_none),
		PACKET_TEST(too_large_and_odd_lengths),
		PACKET_TEST(the_largest_packet),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(memory_comes_back),
		PACKET_TEST(in_the_wire_differing_overlaps_are_dropped),
		cmocka_unit_test(bad_header_checksum_is_no_fragment),
		PACKET_TEST(fragments_in_a_tunnel),
		PACKET_TEST(a_tunnel_in_fragments),
		PACKET_TEST(ipv6_headers_before_the_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

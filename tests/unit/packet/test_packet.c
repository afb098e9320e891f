/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/packet.c, decode.c
 */
#include "tests/unit/packet/frames.h"

static struct frame f;

static void pool_gives_zeroed_packets_until_empty(void **state)
{
	struct packet_worker *pw = *state;
	struct packet *taken[64], *again;

	for (int i = 0; i < 64; i++) {
		taken[i] = packet_get(&pw->w);
		assert_non_null(taken[i]);
		assert_int_equal(taken[i]->flags, 0);
		taken[i]->flags = 7;
	}
	assert_null(packet_get(&pw->w));
	packet_put(&pw->w, taken[3]);
	again = packet_get(&pw->w);
	assert_ptr_equal(again, taken[3]);
	assert_int_equal(again->flags, 0);
	for (int i = 0; i < 64; i++)
		packet_put(&pw->w, taken[i]);
}

static void events_beyond_the_limit_are_only_counted(void **state)
{
	struct packet_worker *pw = *state;
	struct packet *p = packet_get(&pw->w);

	for (int i = 0; i < 20; i++)
		packet_event(&pw->w, p, ANOMALY_ipv4_frag_overlap);
	assert_int_equal(p->event_count, PACKET_EVENTS_MAX);
	assert_int_equal(pw->counters.anomaly[ANOMALY_ipv4_frag_overlap], 20);
	assert_true(packet_has_event(p, ANOMALY_ipv4_frag_overlap));
	assert_false(packet_has_event(p, ANOMALY_ipv6_frag_overlap));
	packet_put(&pw->w, p);
}

static void a_drop_reaches_the_frame_and_keeps_its_first_reason(void **state)
{
	struct packet_worker *pw = *state;
	struct packet *frame = packet_get(&pw->w), *middle = packet_get(&pw->w);
	struct packet *inner = packet_get(&pw->w);

	middle->outer = frame;
	inner->outer = middle;
	packet_drop(inner, DROP_rule);
	packet_drop(inner, DROP_reject);
	assert_int_equal(inner->drop, DROP_rule);
	assert_int_equal(frame->drop, DROP_rule);
	assert_int_equal(frame->verdict, VERDICT_DROP);
	assert_int_equal(middle->verdict, VERDICT_ACCEPT);
	packet_put(&pw->w, frame);
	packet_put(&pw->w, middle);
	packet_put(&pw->w, inner);
}

static void depth_has_a_limit(void **state)
{
	struct packet_worker *pw = *state;

	/* IPv4 in IPv4 in IPv4 …: each is a packet of its own, until the limit. */
	frame_start(&f);
	frame_ethernet(&f, ETHER_IPV4);
	for (int i = 0; i < FRAME_HEADERS; i++)
		frame_ipv4(&f, 4, 1, 0);
	for (int i = 0; i < 20; i++)
		FRAME_BYTES_OF(&f, "\x45\0\0\x14\0\0\0\0\x40\x04\0\0\x0a\x01\x02\x03\x0a\x04\x05\x06");
	frame_done(&f);
	frame_run(pw, &f, LINKTYPE_ETHERNET);
	assert_in_range(pw->count, 10, DECODE_PACKETS_MAX);
	assert_int_equal(pw->counters.decoder_too_many_layers, 1);
	for (unsigned i = 0; i < pw->count; i++) {
		assert_int_equal(pw->out[i]->tunnel_depth, i);
		assert_ptr_equal(pw->out[i]->outer, i ? pw->out[i - 1] : NULL);
	}
	/* The frame before them is untouched by it, and the pool got everything back. */
	packet_worker_done(pw);
	for (int round = 0; round < 100; round++)
		frame_run(pw, &f, LINKTYPE_ETHERNET);
}

static void unknown_links_are_refused(void **state)
{
	(void)state;
	assert_true(decode_link_supported(LINKTYPE_ETHERNET));
	assert_true(decode_link_supported(LINKTYPE_LINUX_SLL2));
	assert_false(decode_link_supported(147)); /* for private use */
	assert_false(decode_link_supported(99999));
}

/* No prefix of a frame makes the decoder read past it (run under ASan). */
static void every_cut_is_survived(void **state)
{
	struct packet_worker *pw = *state;

	frame_start(&f);
	frame_ethernet(&f, ETHER_VLAN);
	FRAME_BYTES_OF(&f, "\0\x05\x86\xdd");
	frame_ipv6(&f, 0);
	FRAME_BYTES_OF(&f, "\x3c\0\x05\x02\0\0\x01\0\x2b\0\x01\x04\0\0\0\0\x11\x02\x04\0\0\0\0\0");
	frame_add(&f, NULL, 16);
	frame_udp(&f, 5000, 4789);
	FRAME_BYTES_OF(&f, "\x08\0\0\0\0\0\x01\0");
	frame_ethernet(&f, ETHER_IPV4);
	frame_ipv4(&f, 47, 1, 0);
	FRAME_BYTES_OF(&f, "\x20\0\x08\0\0\0\0\x01");
	frame_ipv4(&f, 6, 1, 0);
	frame_tcp(&f, 1, 2, TCP_SYN);
	FRAME_BYTES_OF(&f, "hello");
	frame_done(&f);
	assert_int_equal(frame_run(pw, &f, LINKTYPE_ETHERNET), 3);
	for (uint32_t n = 0; n < f.len; n++) {
		uint8_t *exact = test_malloc(n + 1);

		memcpy(exact, f.b, n);
		packet_worker_frame(pw, exact, n, LINKTYPE_ETHERNET, 1);
		packet_worker_done(pw);
		test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKET_TEST(pool_gives_zeroed_packets_until_empty),
		PACKET_TEST(events_beyond_the_limit_are_only_counted),
		PACKET_TEST(a_drop_reaches_the_frame_and_keeps_its_first_reason),
		PACKET_TEST(depth_has_a_limit),
		PACKET_TEST(unknown_links_are_refused),
		PACKET_TEST(every_cut_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/checksum.c, and what decode does with its verdicts.
 */
#include "tests/unit/packet/frames.h"

static struct frame f;

/* Sets the checksum at `at` of the transport header that starts at l4 and ends with the frame. */
static void seal(uint32_t l3, uint32_t l4, uint32_t at, unsigned proto)
{
	bool four = f.b[l3] >> 4 == 4;
	uint32_t len = f.len - l4, n = four ? 8 : 32;
	uint64_t sum = proto == 1 ? 0 : checksum_add(len + proto, f.b + l3 + (four ? 12 : 8), n);

	put16(f.b + l4 + at, 0);
	put16(f.b + l4 + at, (uint16_t)~checksum_fold(checksum_add(sum, f.b + l4, len)));
}

static const struct {
	unsigned proto, at;
	enum packet_checksum layer;
	bool six;
} rows[] = {
	{6, 16, CHECKSUM_TCP, false}, {6, 16, CHECKSUM_TCP, true},
	{17, 6, CHECKSUM_UDP, false}, {17, 6, CHECKSUM_UDP, true},
	{1, 2, CHECKSUM_ICMPV4, false}, {58, 2, CHECKSUM_ICMPV6, true},
};

/* A good packet of row i with an odd number of payload bytes; returns where its payload is. */
static uint8_t *build(size_t i)
{
	uint32_t l4;
	uint8_t *payload;

	frame_start(&f);
	frame_ethernet(&f, rows[i].six ? ETHER_IPV6 : ETHER_IPV4);
	if (rows[i].six)
		frame_ipv6(&f, rows[i].proto);
	else
		frame_ipv4(&f, rows[i].proto, 1, 0);
	l4 = f.len;
	if (rows[i].proto == 6)
		frame_tcp(&f, 1, 2, TCP_ACK);
	else if (rows[i].proto == 17)
		frame_udp(&f, 1, 2);
	else
		FRAME_BYTES_OF(&f, "\x08\0\0\0\0\x01\0\x01")[0] = rows[i].six ? 128 : 8;
	payload = FRAME_BYTES_OF(&f, "seventeen letters");
	frame_done(&f);
	seal(14, l4, rows[i].at, rows[i].proto);
	return payload;
}

static void good_and_bad(void **state)
{
	struct packet_worker *pw = packet_worker_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *payload = build(i);

		frame_run(pw, &f, LINKTYPE_ETHERNET);
		assert_true(packet_checksum_ok(pw->out[0], rows[i].layer));
		assert_true(packet_checksum_ok(pw->out[0], CHECKSUM_IPV4));
		assert_false(pw->out[0]->flags & PACKET_BAD_CHECKSUM);
		payload[16] ^= 1;
		frame_run(pw, &f, LINKTYPE_ETHERNET);
		assert_false(packet_checksum_ok(pw->out[0], rows[i].layer));
		packet_checksum_make(pw->out[0]);
		assert_true(packet_checksum_ok(pw->out[0], rows[i].layer));
		/* a datagram is inspected nevertheless */
		assert_int_equal(!(pw->out[0]->flags & PACKET_BAD_CHECKSUM),
				 rows[i].layer == CHECKSUM_UDP);
		assert_false(pw->out[0]->flags & PACKET_NO_FLOW);
		assert_int_equal(pw->out[0]->verdict, VERDICT_ACCEPT);
	}
	assert_int_equal(pw->counters.checksum_bad, sizeof(rows) / sizeof(rows[0]));
	build(0);
	f.b[14 + 8]--; /* a router forgot it */
	frame_run(pw, &f, LINKTYPE_ETHERNET);
	assert_false(packet_checksum_ok(pw->out[0], CHECKSUM_IPV4));
	assert_true(packet_checksum_ok(pw->out[0], CHECKSUM_TCP));
	assert_true(pw->out[0]->flags & PACKET_BAD_CHECKSUM);
	assert_true(pw->out[0]->flags & PACKET_NO_FLOW);
	build(2);
	f.b[14 + 10] = f.b[14 + 11] = 0; /* left to the card of the host */
	frame_run(pw, &f, LINKTYPE_ETHERNET);
	assert_false(packet_checksum_ok(pw->out[0], CHECKSUM_IPV4));
	assert_false(pw->out[0]->flags & (PACKET_BAD_CHECKSUM | PACKET_NO_FLOW));
	packet_worker_free(pw);
}

static void ignored_ones_can_still_be_asked_for(void **state)
{
	struct packet_worker *pw = *state;

	build(0)[0] ^= 1;
	frame_run(pw, &f, LINKTYPE_ETHERNET);
	assert_false(pw->out[0]->flags & PACKET_BAD_CHECKSUM);
	assert_int_equal(pw->counters.checksum_bad, 0);
	assert_false(packet_checksum_ok(pw->out[0], CHECKSUM_TCP));
	assert_true(packet_checksum_ok(pw->out[0], CHECKSUM_UDP));
}

static void udp_without_a_checksum(void **state)
{
	struct packet_worker *pw = *state;

	for (size_t i = 2; i < 4; i++) {
		build(i);
		put16(f.b + 14 + (rows[i].six ? 40 : 20) + 6, 0);
		frame_run(pw, &f, LINKTYPE_ETHERNET);
		assert_int_equal(packet_checksum_ok(pw->out[0], CHECKSUM_UDP), !rows[i].six);
	}
}

static void in_the_wire_bad_ones_but_datagrams_are_dropped(void **state)
{
	struct packet_worker *pw = packet_worker_new(NULL);

	(void)state;
	pw->w.in_the_wire = true;
	build(0)[0] ^= 1;
	frame_run(pw, &f, LINKTYPE_ETHERNET);
	assert_int_equal(pw->out[0]->verdict, VERDICT_DROP);
	assert_int_equal(pw->out[0]->drop, DROP_checksum);
	for (size_t i = 2; i < 4; i++) {
		build(i)[0] ^= 1;
		frame_run(pw, &f, LINKTYPE_ETHERNET);
		assert_int_equal(pw->out[0]->verdict, VERDICT_ACCEPT);
	}
	packet_worker_free(pw);
}

/* Every length and alignment gives what the plain loop of RFC 1071 gives. */
static void sums_agree_with_the_plain_loop(void **state)
{
	uint8_t bytes[80];

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 200);
	for (unsigned start = 0; start < 8; start++) {
		for (unsigned len = 0; start + len <= sizeof(bytes); len++) {
			uint64_t sum = 0;

			for (unsigned i = 0; i < len; i++)
				sum += i % 2 ? bytes[start + i] : (unsigned)bytes[start + i] << 8;
			assert_int_equal(checksum_fold(sum),
					 checksum_fold(checksum_add(0, bytes + start, len)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_and_bad),
		PACKET_TEST(ignored_ones_can_still_be_asked_for),
		PACKET_TEST(udp_without_a_checksum),
		cmocka_unit_test(in_the_wire_bad_ones_but_datagrams_are_dropped),
		cmocka_unit_test(sums_agree_with_the_plain_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/plain.c: what it makes of a frame is what the loop of all layers makes of it, whatever
 * is done to the frame.
 */
#include "tests/unit/packet/frames.h"

#define TIMES 200000

static struct frame f;
static uint32_t state = 7;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* The sum of the transport header, right. */
static void sum_set(uint8_t *ip, uint8_t *l4, uint32_t len, uint8_t proto)
{
	uint8_t *at = l4 + (proto == 6 ? 16 : 6);
	bool ipv6 = ip[0] >> 4 == 6;
	uint16_t sum;

	put16(at, 0);
	sum = (uint16_t)~checksum_fold(
		checksum_add(checksum_add(len + proto, ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8), l4, len));
	put16(at, sum ? sum : 0xffff);
}

/* A UDP or TCP frame, now and then on a tunnel's port, tagged, with options, or with padding behind it. */
static void make(void)
{
	static const uint16_t ports[] = {53, 3544, 4789, 6081, 2152, 40000, 0, 80};
	static const uint8_t stamps[12] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t others[12] = {2, 4, 5, 0xb4, 3, 3, 7, 1, 4, 2, 0, 0};
	unsigned options = next() % 3, payload = next() % 200;
	bool tcp = next() & 1, ipv6 = next() % 4 == 0;
	unsigned tags = next() % 4 ? 0 : 1 + next() % 2;
	uint32_t ip, l4, len;

	frame_start(&f);
	frame_ethernet(&f, tags ? ETHER_VLAN : ipv6 ? ETHER_IPV6 : ETHER_IPV4);
	for (; tags > 0; tags--) {
		uint8_t *tag = frame_add(&f, NULL, 4);

		put16(tag, next() & 0xffff);
		put16(tag + 2, tags > 1 ? ETHER_VLAN : ipv6 ? ETHER_IPV6 : ETHER_IPV4);
	}
	ip = f.len;
	if (ipv6)
		frame_ipv6(&f, tcp ? 6 : 17);
	else
		frame_ipv4(&f, tcp ? 6 : 17, 1, 0);
	l4 = f.len;
	if (tcp) {
		uint8_t *h = frame_tcp(&f, ports[next() % 8], ports[next() % 8], next() & 0xff);

		h[12] = options ? 0x80 : 0x50;
		if (options)
			frame_add(&f, options == 1 ? stamps : others, 12);
	} else {
		frame_udp(&f, ports[next() % 8], ports[next() % 8]);
	}
	for (uint8_t *at = frame_add(&f, NULL, payload); payload > 0; payload--)
		*at++ = (uint8_t)next();
	frame_done(&f);
	len = f.len - l4;
	if (tcp || next() & 1)
		sum_set(f.b + ip, f.b + l4, len, tcp ? 6 : 17);
	if (next() % 4 == 0)
		frame_add(&f, NULL, next() % 20);
}

/* least: so many frames are of use, or the test says nothing. */
static void both(const char *const *settings, unsigned least)
{
	struct packet_worker *plain = packet_worker_new(settings), *loop = packet_worker_new(settings);
	unsigned taken = 0;

	packet_worker_no_plain(loop);
	for (unsigned i = 0; i < TIMES; i++) {
		make();
		for (unsigned n = next() % 3; n > 0; n--) /* most damage in the headers */
			f.b[next() % (next() & 1 ? 54 : f.len)] ^= (uint8_t)(1u << next() % 8);
		if (next() % 8 == 0)
			f.len -= next() % f.len;
		packet_worker_frame(plain, f.b, f.len, LINKTYPE_ETHERNET, i);
		packet_worker_frame(loop, f.b, f.len, LINKTYPE_ETHERNET, i);
		assert_true(packet_worker_same(plain, loop));
		taken += plain->out[0]->flags & PACKET_L4 && !plain->out[0]->event_count;
	}
	assert_true(taken >= least);
	packet_worker_free(plain);
	packet_worker_free(loop);
}

static void same_with_sums(void **unused)
{
	(void)unused;
	both(NULL, TIMES / 8);
}

static void same_without_sums(void **unused)
{
	static const char *const settings[] = {"checksums=ignore", NULL};

	(void)unused;
	both(settings, TIMES / 8);
}

static void same_with_other_limits(void **unused)
{
	static const char *const layers[] = {"decoder.max_layers=2", NULL};
	static const char *const any[] = {"decoder.teredo.ports=any", NULL};

	(void)unused;
	both(layers, 0);
	both(any, TIMES / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_with_sums),
		cmocka_unit_test(same_without_sums),
		cmocka_unit_test(same_with_other_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

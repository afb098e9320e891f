/* SPDX-License-Identifier: BSD-3-Clause
 *
 * bench/readdress.c: the moving of addresses is one to one, keeps every range, keeps checksums right
 * (and wrong ones wrong), both directions alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bench/readdress.h"
#include "dataplane/base/cursor.h"

#define LINK_ETHERNET 1
#define FRAME_BYTES 256

static uint32_t random_state = 7;

static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static struct address_map *map_of(const char *text)
{
	struct address_map *m = address_map_new();

	assert_non_null(m);
	assert_int_equal(address_map_keep_text(m, text), 0);
	address_map_ready(m);
	return m;
}

/* ---- frames ---- */

static void put_be16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t sum_over(const uint8_t *at, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of the upper layer with its pseudo header; 0xffff: the checksum in it is right. */
static uint32_t sum_upper(const uint8_t *ip, uint32_t upper, uint32_t len, uint8_t proto)
{
	bool v6 = ip[0] >> 4 == 6;
	uint32_t sum = sum_over(ip + upper, len);

	if (proto != 1)
		sum += sum_over(ip + (v6 ? 8 : 12), v6 ? 32 : 8) + proto + len;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t sum_at(uint8_t proto)
{
	return proto == 6 ? 16 : proto == 17 ? 6 : 2;
}

/* Ethernet, IP without options, 60 bytes of upper layer; all checksums right. Returns its length. */
static uint32_t frame_make(uint8_t *b, unsigned version, uint8_t proto, const uint8_t *source,
			   const uint8_t *destination)
{
	uint8_t *ip = b + 14, *upper = ip + (version == 6 ? 40 : 20);
	uint32_t len = 60, sum;

	memset(b, 0, FRAME_BYTES);
	put_be16(b + 12, version == 6 ? 0x86dd : 0x0800);
	if (version == 6) {
		ip[0] = 0x60;
		put_be16(ip + 4, len);
		ip[6] = proto;
		memcpy(ip + 8, source, 16);
		memcpy(ip + 24, destination, 16);
	} else {
		ip[0] = 0x45;
		put_be16(ip + 2, 20 + len);
		ip[9] = proto;
		memcpy(ip + 12, source, 4);
		memcpy(ip + 16, destination, 4);
		put_be16(ip + 10, ~sum_over(ip, 20) & 0xffff);
	}
	for (uint32_t i = 0; i < len; i++)
		upper[i] = (uint8_t)random_next();
	if (proto == 58 || proto == 1)
		upper[0] = proto == 1 ? 8 : 128;
	put_be16(upper + sum_at(proto), 0);
	sum = ~sum_upper(ip, version == 6 ? 40 : 20, len, proto) & 0xffff;
	put_be16(upper + sum_at(proto), sum ? sum : 0xffff);
	return (uint32_t)(upper + len - b);
}

static void check_sums(const uint8_t *b, unsigned version, uint8_t proto)
{
	const uint8_t *ip = b + 14;

	if (version == 4)
		assert_int_equal(sum_over(ip, 20), 0xffff);
	assert_int_equal(sum_upper(ip, version == 6 ? 40 : 20, 60, proto), 0xffff);
}

/* ---- tests ---- */

/* Within a block all addresses go to different ones of the same block. */
static void one_to_one(void **state)
{
	static uint8_t seen[65536];
	struct address_map *m = map_of("[10.0.0.0/8]");
	const uint8_t base[4] = {10, 1, 0, 0};

	assert_int_equal(address_map_bits(m, base, 4), 16);
	for (unsigned loop = 1; loop < 5; loop++) {
		memset(seen, 0, sizeof(seen));
		for (unsigned host = 0; host < 65536; host++) {
			uint8_t b[FRAME_BYTES], source[4] = {10, 1, (uint8_t)(host >> 8), (uint8_t)host};
			const uint8_t other[4] = {192, 0, 2, 1};
			struct readdress plan;
			uint32_t len = frame_make(b, 4, 17, source, other);

			assert_true(readdress_plan(m, b, len, LINK_ETHERNET, &plan));
			readdress_move(&plan, b, readdress_key(loop));
			assert_memory_equal(b + 14 + 12, base, 2);
			assert_int_equal(seen[get_be16(b + 14 + 14)]++, 0);
		}
	}
	address_map_free(m);
}

/* No address leaves or enters a range; one alone in a list stays where it is. */
static void ranges_kept(void **state)
{
	static const char *const prefixes[] = {"10.0.0.0/8", "10.1.2.0/24", "10.1.2.3", "10.1.4.32/27",
					       "198.51.100.7", "2001:db8::/32", "2001:db8::5"};
	struct address_map *m = map_of("[10.0.0.0/8,!10.1.2.0/24,10.1.2.3, 10.1.4.32/27,198.51.100.7,"
				       "2001:db8::/32,2001:db8::5]");

	for (unsigned i = 0; i < 200000; i++) {
		uint8_t b[FRAME_BYTES];
		struct addr before[2] = {0}, after[2] = {0};
		unsigned version = i % 4 ? 4 : 6, bytes = version == 6 ? 16 : 4;
		struct readdress plan;
		uint32_t len;

		addr_parse(version == 6 ? "2001:db8::" : "10.1.0.0", &before[0]);
		addr_parse(version == 6 ? "2001:db8:1::7" : "198.51.100.0", &before[1]);
		before[0].b[bytes - 2] = random_next() % 6;
		before[0].b[bytes - 1] = (uint8_t)random_next() % (i % 3 ? 255 : 8);
		before[1].b[bytes - 1] = (uint8_t)random_next() % 16;
		len = frame_make(b, version, 6, before[0].b, before[1].b);
		readdress_plan(m, b, len, LINK_ETHERNET, &plan);
		readdress_move(&plan, b, (uint16_t)random_next());
		memcpy(after[0].b, b + 14 + (version == 6 ? 8 : 12), bytes);
		memcpy(after[1].b, b + 14 + (version == 6 ? 24 : 16), bytes);
		for (unsigned k = 0; k < sizeof(prefixes) / sizeof(prefixes[0]); k++) {
			struct addr_prefix p;

			assert_int_equal(addr_prefix_parse(prefixes[k], &p), 0);
			for (unsigned side = 0; side < 2; side++)
				assert_int_equal(
					addr_prefix_covers(&p, &before[side], (int)version),
					addr_prefix_covers(&p, &after[side], (int)version));
		}
	}
	address_map_free(m);
}

static void sums_right(void **state)
{
	static const uint8_t protos[2][3] = {{6, 17, 1}, {6, 17, 58}};
	struct address_map *m = map_of("10.0.0.0/8");

	for (unsigned i = 0; i < 100000; i++) {
		uint8_t b[FRAME_BYTES], was[FRAME_BYTES], a[2][16];
		unsigned version = i & 1 ? 6 : 4;
		uint8_t proto = protos[i & 1][random_next() % 3];
		uint16_t difference = (uint16_t)random_next();
		struct readdress plan;
		uint32_t len;

		for (unsigned k = 0; k < 32; k++)
			a[k / 16][k % 16] = (uint8_t)random_next();
		a[0][0] = a[1][0] = version == 6 ? 0x20 : 10;
		len = frame_make(b, version, proto, a[0], a[1]);
		check_sums(b, version, proto);
		memcpy(was, b, len);
		assert_true(readdress_plan(m, b, len, LINK_ETHERNET, &plan));
		readdress_move(&plan, b, difference);
		check_sums(b, version, proto);
		readdress_move(&plan, b, difference);
		check_sums(b, version, proto);
		assert_memory_equal(b + 14 + (version == 6 ? 8 : 12), was + 14 + (version == 6 ? 8 : 12),
				    version == 6 ? 32 : 8);
	}
	address_map_free(m);
}

/* UDP without a checksum stays without; a wrong one stays wrong. */
static void sums_left(void **state)
{
	struct address_map *m = map_of("");
	const uint8_t source[4] = {10, 0, 0, 1}, destination[4] = {10, 0, 0, 2};
	uint8_t b[FRAME_BYTES];
	struct readdress plan;
	uint32_t len = frame_make(b, 4, 17, source, destination);

	put_be16(b + 34 + 6, 0);
	assert_true(readdress_plan(m, b, len, LINK_ETHERNET, &plan));
	readdress_move(&plan, b, 0x1234);
	assert_int_equal(get_be16(b + 34 + 6), 0);
	len = frame_make(b, 4, 6, source, destination);
	b[40] ^= 0x55;
	assert_true(readdress_plan(m, b, len, LINK_ETHERNET, &plan));
	readdress_move(&plan, b, 0x1234);
	assert_int_not_equal(sum_upper(b + 14, 20, 60, 6), 0xffff);
	address_map_free(m);
}

/* Both directions of a conversation move alike; multicast and loopback do not. */
static void directions(void **state)
{
	struct address_map *m = map_of("10.0.0.0/8");
	const uint8_t one[4] = {10, 7, 8, 9}, two[4] = {203, 0, 113, 5}, group[4] = {224, 0, 0, 251};
	uint8_t out[FRAME_BYTES], back[FRAME_BYTES];
	struct readdress plan;
	uint32_t len = frame_make(out, 4, 6, one, two);

	assert_true(readdress_plan(m, out, len, LINK_ETHERNET, &plan));
	readdress_move(&plan, out, 0xbeef);
	len = frame_make(back, 4, 6, two, one);
	assert_true(readdress_plan(m, back, len, LINK_ETHERNET, &plan));
	readdress_move(&plan, back, 0xbeef);
	assert_memory_equal(out + 26, back + 30, 4);
	assert_memory_equal(out + 30, back + 26, 4);
	assert_memory_not_equal(out + 26, one, 4);
	assert_int_equal(address_map_bits(m, group, 4), 0);
	assert_int_equal(readdress_key(0), 0);
	address_map_free(m);
}

/* What an ICMPv6 error quotes moves with the flow it is about. */
static void quoted(void **state)
{
	struct address_map *m = map_of("");
	struct addr client, server, router;
	uint8_t b[FRAME_BYTES];
	struct readdress plan;
	uint32_t len;

	addr_parse("2001:db8::1:1", &client);
	addr_parse("2001:db8:5::2:2", &server);
	addr_parse("2001:db8:7::3:3", &router);
	len = frame_make(b, 6, 58, router.b, client.b);
	b[54] = 1;
	memset(b + 62, 0, 40);
	b[62] = 0x60;
	b[68] = 17;
	memcpy(b + 62 + 8, client.b, 16);
	memcpy(b + 62 + 24, server.b, 16);
	put_be16(b + 56, 0);
	put_be16(b + 56, ~sum_upper(b + 14, 40, 60, 58) & 0xffff);
	assert_true(readdress_plan(m, b, len, LINK_ETHERNET, &plan));
	readdress_move(&plan, b, 0x0ff0);
	check_sums(b, 6, 58);
	assert_memory_equal(b + 14 + 24, b + 62 + 8, 16);
	assert_memory_not_equal(b + 62 + 24, server.b, 16);
	address_map_free(m);
}

/* Nothing outside the frame is read or written, whatever it holds. */
static void any_bytes(void **state)
{
	struct address_map *m = map_of("10.0.0.0/8");
	static const unsigned links[] = {0, 1, 12, 101, 108, 113, 228, 229, 276, 999};

	for (unsigned i = 0; i < 200000; i++) {
		uint32_t len = random_next() % 120;
		uint8_t *b = malloc(len ? len : 1);
		struct readdress plan;

		assert_non_null(b);
		for (uint32_t k = 0; k < len; k++)
			b[k] = (uint8_t)random_next();
		if (len > 30 && i & 1) {
			put_be16(b + 12, i & 2 ? 0x86dd : 0x0800);
			b[14] = i & 2 ? 0x60 : 0x45;
		}
		if (readdress_plan(m, b, len, links[i % 10], &plan))
			readdress_move(&plan, b, (uint16_t)random_next());
		free(b);
	}
	address_map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_to_one),
		cmocka_unit_test(ranges_kept),
		cmocka_unit_test(sums_right),
		cmocka_unit_test(sums_left),
		cmocka_unit_test(directions),
		cmocka_unit_test(quoted),
		cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

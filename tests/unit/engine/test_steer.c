/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/steer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/engine/steer.h"

struct frame {
	uint8_t bytes[128];
	uint32_t len;
};

static void add(struct frame *f, const void *bytes, uint32_t n)
{
	memcpy(f->bytes + f->len, bytes, n);
	f->len += n;
}

static void add_type(struct frame *f, uint16_t type)
{
	uint8_t be[2] = {(uint8_t)(type >> 8), (uint8_t)type};

	add(f, be, 2);
}

static void add_macs(struct frame *f)
{
	add(f, "\0\1\2\3\4\5\6\7\x8\x9\xa\xb", 12);
}

/* reversed: the way back. tail: what follows the addresses differs. */
static void add_ipv4(struct frame *f, bool reversed, uint8_t tail)
{
	uint8_t ip[24] = {0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 7};

	if (reversed) {
		memcpy(ip + 12, "\xc0\0\2\7", 4);
		memcpy(ip + 16, "\x0a\0\0\1", 4);
	}
	ip[6] = tail; /* fragment bits */
	memset(ip + 20, tail, 4);
	add(f, ip, sizeof(ip));
}

static void add_ipv6(struct frame *f, bool reversed)
{
	uint8_t ip[40] = {0x60};

	memset(ip + 8, 0x20, 16);
	memset(ip + 24, 0x30, 16);
	ip[reversed ? 39 : 23] = 1;
	if (reversed)
		for (int i = 8; i < 23; i++)
			ip[i] = 0x30, ip[i + 16] = 0x20;
	if (reversed)
		ip[23] = 0x30;
	else
		ip[39] = 0x30;
	add(f, ip, sizeof(ip));
}

static uint32_t hash_of(unsigned link, const struct frame *f)
{
	return steer_hash(link, f->bytes, f->len);
}

/* Both ways, and fragments with and without ports, meet; whatever stands around them. */
static void both_ways_meet(void **state)
{
	static const struct {
		const char *name, *head;
		uint32_t len;
		unsigned link;
	} links[] = {
		{"raw", "", 0, 101},
		{"ethernet", "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\x08\0", 14, 1},
		{"vlan", "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\x81\0\0\7\x08\0", 18, 1},
		{"qinq", "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\x88\xa8\0\7\x81\0\0\x8\x08\0", 22, 1},
		{"mpls", "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\x88\x47\0\0\0\x40\0\0\x11\x40", 22, 1},
		{"pppoe", "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\x88\x64\x11\0\0\1\0\x1a\0\x21", 22, 1},
		{"sll", "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x08\0", 16, 113},
		{"sll2", "\x08\0\0\0\0\0\0\1\0\1\0\6\0\0\0\0\0\0\0\0", 20, 276},
		{"null", "\2\0\0\0", 4, 0},
		{"ppp", "\xff\x03\0\x21", 4, 9},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct frame there = {0}, back = {0}, fragment = {0};

		add(&there, links[i].head, links[i].len);
		add(&back, links[i].head, links[i].len);
		add(&fragment, links[i].head, links[i].len);
		add_ipv4(&there, false, 0);
		add_ipv4(&back, true, 0);
		add_ipv4(&fragment, false, 0x20);
		if (hash_of(links[i].link, &there) == 0)
			fail_msg("%s: not seen as IP", links[i].name);
		assert_int_equal(hash_of(links[i].link, &there), hash_of(links[i].link, &back));
		assert_int_equal(hash_of(links[i].link, &there),
				 hash_of(links[i].link, &fragment));
	}
}

static void ipv6_meets(void **state)
{
	struct frame there = {0}, back = {0};

	add_macs(&there);
	add_type(&there, 0x86dd);
	add_ipv6(&there, false);
	add_macs(&back);
	add_type(&back, 0x86dd);
	add_ipv6(&back, true);
	assert_int_not_equal(hash_of(1, &there), 0);
	assert_int_equal(hash_of(1, &there), hash_of(1, &back));
}

/* Cut anywhere, nothing is read beyond the end (a sanitizer would tell) and all is well. */
static void cut_frames(void **state)
{
	struct frame f = {0};

	add(&f, "\0\1\2\3\4\5\6\7\x8\x9\xa\xb\x81\0\0\7\x88\x47\0\0\0\x40\0\0\x11\x40", 26);
	add_ipv4(&f, false, 0);
	for (uint32_t len = 0; len < f.len; len++)
		for (unsigned link = 0; link < 300; link++)
			(void)steer_hash(link, f.bytes, len);
}

/* Pairs of addresses spread over workers. */
static void spreads(void **state)
{
	unsigned count[8] = {0};

	for (unsigned i = 0; i < 8000; i++) {
		struct frame f = {0};

		add_ipv4(&f, false, 0);
		f.bytes[14] = (uint8_t)(i >> 8);
		f.bytes[15] = (uint8_t)i;
		count[(uint64_t)hash_of(101, &f) * 8 >> 32]++;
	}
	for (unsigned i = 0; i < 8; i++)
		assert_in_range(count[i], 850, 1150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_meet),
		cmocka_unit_test(ipv6_meets),
		cmocka_unit_test(cut_frames),
		cmocka_unit_test(spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

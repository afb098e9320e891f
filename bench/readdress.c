/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/readdress.h"

#include <stdbool.h>

#include "dataplane/base/cursor.h"

#define LINK_ETHERNET 1
#define LINK_RAW 101

static void put_be16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* RFC 1624, equation 3: the sum when one word changes. */
static void sum_update(uint8_t *sum, uint16_t before, uint16_t after)
{
	uint32_t s = (uint16_t)~get_be16(sum) + (uint32_t)(uint16_t)~before + after;

	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	put_be16(sum, (uint16_t)~s);
}

/* The word of the address that may change, and by how much; false: an address outside. */
static bool inside(const uint8_t *a, unsigned loop, unsigned *word, uint16_t *mask)
{
	if (a[0] == 10) {
		*word = 0;
		*mask = (uint16_t)(loop & 0xff);
		return true;
	}
	*word = 2;
	*mask = (uint16_t)((loop & 0xff) << 8);
	return (a[0] == 192 && a[1] == 168) || (a[0] == 172 && a[1] >> 4 == 1);
}

static void move(uint8_t *address, uint8_t *ip_sum, uint8_t *l4_sum, unsigned loop)
{
	unsigned word;
	uint16_t mask, before;

	if (!inside(address, loop, &word, &mask))
		return;
	before = get_be16(address + word);
	put_be16(address + word, before ^ mask);
	sum_update(ip_sum, before, before ^ mask);
	if (l4_sum)
		sum_update(l4_sum, before, before ^ mask);
}

static void move_ipv4(uint8_t *ip, uint32_t len, unsigned loop)
{
	uint32_t head = (ip[0] & 15) * 4u;
	bool first = (get_be16(ip + 6) & 0x1fff) == 0;
	uint8_t *sum = NULL;

	if (head < 20)
		return;
	if (first && ip[9] == 6 && len >= head + 18)
		sum = ip + head + 16;
	else if (first && ip[9] == 17 && len >= head + 8 && get_be16(ip + head + 6))
		sum = ip + head + 6;
	move(ip + 12, ip + 10, sum, loop);
	move(ip + 16, ip + 10, sum, loop);
}

void readdress(uint8_t *frame, uint32_t len, unsigned link_type, unsigned loop)
{
	uint32_t at = 0;

	if (loop == 0)
		return;
	if (link_type == LINK_ETHERNET) {
		at = 14;
		while (len >= at && at < 26 && (get_be16(frame + at - 2) == 0x8100 ||
						get_be16(frame + at - 2) == 0x88a8))
			at += 4;
		if (len < at || get_be16(frame + at - 2) != 0x0800)
			return;
	} else if (link_type != LINK_RAW) {
		return;
	}
	if (len >= at + 20 && frame[at] >> 4 == 4)
		move_ipv4(frame + at, len - at, loop);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/readdress.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/base/cursor.h"

#define LINK_NULL 0
#define LINK_ETHERNET 1
#define LINK_RAW 101
#define LINK_LOOP 108
#define LINK_SLL 113
#define LINK_RAW_BSD 12
#define LINK_IPV4 228
#define LINK_IPV6 229
#define LINK_SLL2 276

#define BITS_MOST 16u
#define BITS_STEP 4u

typedef unsigned __int128 wide;

/* Points at which membership in some range changes: first addresses of ranges, and those after
 * last ones. Ascending. */
struct points {
	wide *at;
	size_t count, room;
};

struct address_map {
	struct points v4, v6;
};

struct address_map *address_map_new(void)
{
	return calloc(1, sizeof(struct address_map));
}

void address_map_free(struct address_map *m)
{
	if (!m)
		return;
	free(m->v4.at);
	free(m->v6.at);
	free(m);
}

static wide number_of(const uint8_t *address, int ip_version)
{
	wide n = 0;

	for (unsigned i = 0; i < (ip_version == 6 ? 16 : 4); i++)
		n = n << 8 | address[i];
	return n;
}

static int point_add(struct points *p, wide at)
{
	if (p->count == p->room) {
		size_t room = p->room ? p->room * 2 : 256;
		wide *more = realloc(p->at, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->at = more;
		p->room = room;
	}
	p->at[p->count++] = at;
	return 0;
}

int address_map_keep(struct address_map *m, const struct addr *low, const struct addr *high,
		     int ip_version)
{
	struct points *p = ip_version == 6 ? &m->v6 : &m->v4;
	int err = point_add(p, number_of(low->b, ip_version));

	/* Beyond the last address of all it wraps to 0, which cuts nothing. */
	return err ? err : point_add(p, number_of(high->b, ip_version) + 1);
}

static int keep_prefix(struct address_map *m, const struct addr_prefix *p)
{
	struct addr high = p->addr;

	for (unsigned bit = p->bits; bit < (p->ip_version == 6 ? 128u : 32u); bit++)
		high.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return address_map_keep(m, &p->addr, &high, p->ip_version);
}

int address_map_keep_text(struct address_map *m, const char *text)
{
	static const char separators[] = "[]!, \t";
	int err = 0;

	while (*text && !err) {
		size_t n = strcspn(text, separators);
		struct addr_prefix prefix;
		char word[64];

		if (n && n < sizeof(word)) {
			memcpy(word, text, n);
			word[n] = '\0';
			if (addr_prefix_parse(word, &prefix) == 0)
				err = keep_prefix(m, &prefix);
		}
		text += n;
		text += strspn(text, separators);
	}
	return err;
}

static int compare(const void *a, const void *b)
{
	wide x = *(const wide *)a, y = *(const wide *)b;

	return x < y ? -1 : x > y;
}

void address_map_ready(struct address_map *m)
{
	if (m->v4.count)
		qsort(m->v4.at, m->v4.count, sizeof(wide), compare);
	if (m->v6.count)
		qsort(m->v6.at, m->v6.count, sizeof(wide), compare);
}

/* A point within base+1 … last cuts the block. */
static bool cut(const struct points *p, wide base, wide last)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->at[middle] <= base)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->count && p->at[low] <= last;
}

static bool means_itself(const uint8_t *a, int ip_version)
{
	if (ip_version == 4)
		return a[0] == 0 || a[0] == 127 || a[0] >= 224;
	return a[0] == 0 || a[0] == 0xff || (a[0] == 0xfe && a[1] >= 0x80);
}

unsigned address_map_bits(const struct address_map *m, const uint8_t *address, int ip_version)
{
	const struct points *p = ip_version == 6 ? &m->v6 : &m->v4;
	wide n = number_of(address, ip_version);

	if (means_itself(address, ip_version))
		return 0;
	for (unsigned bits = BITS_MOST; bits; bits -= BITS_STEP) {
		wide mask = ((wide)1 << bits) - 1;

		if (!cut(p, n & ~mask, n | mask))
			return bits;
	}
	return 0;
}

/* ---- a frame ---- */

/* Where the outermost IP header begins; 0 where it is not found, or is the frame's first byte, which
 * the caller tells apart by the link type. */
static bool find_ip(const uint8_t *frame, uint32_t len, unsigned link_type, uint32_t *ip)
{
	uint32_t at;

	switch (link_type) {
	case LINK_ETHERNET:
		at = 14;
		break;
	case LINK_SLL:
		at = 16;
		break;
	case LINK_SLL2:
		*ip = 20;
		return true;
	case LINK_NULL:
	case LINK_LOOP:
		*ip = 4;
		return true;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_IPV4:
	case LINK_IPV6:
		*ip = 0;
		return true;
	default:
		return false;
	}
	while (len >= at && at < 30) {
		uint16_t type = get_be16(frame + at - 2);

		if (type == 0x0800 || type == 0x86dd) {
			*ip = at;
			return true;
		}
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			return false;
		at += 4;
	}
	return false;
}

static unsigned version_at(const uint8_t *frame, uint32_t len, uint32_t ip)
{
	if (len >= ip + 20 && frame[ip] >> 4 == 4 && (frame[ip] & 15) >= 5)
		return 4;
	return len >= ip + 40 && frame[ip] >> 4 == 6 ? 6 : 0;
}

static const uint8_t *source_of(const uint8_t *frame, uint32_t ip, unsigned version)
{
	return frame + ip + (version == 6 ? 8 : 12);
}

static unsigned address_bytes(unsigned version)
{
	return version == 6 ? 16 : 4;
}

static void plan_bits(const struct address_map *m, const uint8_t *frame, uint32_t ip,
		      unsigned version, uint8_t bits[2])
{
	const uint8_t *source = source_of(frame, ip, version);

	bits[0] = (uint8_t)address_map_bits(m, source, (int)version);
	bits[1] = (uint8_t)address_map_bits(m, source + address_bytes(version), (int)version);
}

/* Past IPv6 extension headers; the protocol and where it begins. False: a fragment but the first,
 * or the headers run out of the frame. */
static bool upper_of(const uint8_t *frame, uint32_t len, uint32_t ip, unsigned version,
		     uint8_t *proto, uint32_t *at)
{
	if (version == 4) {
		*proto = frame[ip + 9];
		*at = ip + (frame[ip] & 15) * 4u;
		return (get_be16(frame + ip + 6) & 0x1fff) == 0;
	}
	*proto = frame[ip + 6];
	*at = ip + 40;
	for (unsigned i = 0; i < 8 && len >= *at + 8; i++) {
		switch (*proto) {
		case 0:
		case 60:
			*proto = frame[*at];
			*at += frame[*at + 1] * 8u + 8;
			break;
		case 44:
			if (get_be16(frame + *at + 2) & 0xfff8)
				return false;
			*proto = frame[*at];
			*at += 8;
			break;
		default:
			/* A routing header (43) too: the sum then covers its last address. */
			return *proto != 43;
		}
	}
	return false;
}

static void plan_upper(const struct address_map *m, const uint8_t *frame, uint32_t len,
		       struct readdress *out)
{
	uint8_t proto;
	uint32_t at;
	unsigned version;
	bool error;

	if (!upper_of(frame, len, out->ip, out->version, &proto, &at))
		return;
	if (proto == 6 && len >= at + 18)
		out->sum = (uint16_t)(at + 16);
	else if (proto == 17 && len >= at + 8 && get_be16(frame + at + 6) != 0)
		out->sum = (uint16_t)(at + 6);
	else if (proto == 58 && out->version == 6 && len >= at + 4)
		out->sum = (uint16_t)(at + 2);
	out->sum_is_udp = proto == 17;
	error = (proto == 58 && len > at && frame[at] >= 1 && frame[at] <= 4) ||
		(proto == 1 && len > at && (frame[at] == 3 || frame[at] == 4 || frame[at] == 5 ||
					    frame[at] == 11 || frame[at] == 12));
	version = error ? version_at(frame, len, at + 8) : 0;
	/* Across the versions a sum would not come out even; nobody sends it. */
	if (version == 0 || version != out->version)
		return;
	out->quoted = (uint16_t)(at + 8);
	out->quoted_version = (uint8_t)version;
	plan_bits(m, frame, at + 8, version, out->bits + 2);
}

bool readdress_plan(const struct address_map *m, const uint8_t *frame, uint32_t len,
		    unsigned link_type, struct readdress *out)
{
	uint32_t ip;

	memset(out, 0, sizeof(*out));
	if (!find_ip(frame, len, link_type, &ip))
		return false;
	out->version = (uint8_t)version_at(frame, len, ip);
	if (out->version == 0)
		return false;
	out->ip = (uint16_t)ip;
	plan_bits(m, frame, ip, out->version, out->bits);
	plan_upper(m, frame, len, out);
	return out->bits[0] | out->bits[1] | out->bits[2] | out->bits[3];
}

/* ---- moving ---- */

static void put_be16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Changes the last word of an address; returns what that adds to a sum over it (RFC 1624: the
 * complement of the old word, and the new one). */
static uint32_t move_address(uint8_t *address, unsigned bytes, unsigned bits, uint16_t difference)
{
	uint8_t *word = address + bytes - 2;
	uint16_t before = get_be16(word), after;

	after = (uint16_t)(before ^ (difference & ((1u << bits) - 1)));
	put_be16(word, after);
	return after == before ? 0 : (uint32_t)(uint16_t)~before + after;
}

static void sum_add(uint8_t *sum, uint32_t delta, bool is_udp)
{
	uint16_t v;

	if (delta == 0)
		return;
	v = (uint16_t)~fold((uint32_t)(uint16_t)~get_be16(sum) + fold(delta));
	if (v == 0 && is_udp)
		v = 0xffff;
	put_be16(sum, v);
}

static uint32_t move_header(uint8_t *frame, uint32_t ip, unsigned version, const uint8_t *bits,
			    uint16_t difference)
{
	unsigned bytes = address_bytes(version);
	uint8_t *source = frame + (source_of(frame, ip, version) - frame);
	uint32_t delta = move_address(source, bytes, bits[0], difference) +
			 move_address(source + bytes, bytes, bits[1], difference);

	if (version == 4)
		sum_add(frame + ip + 10, delta, false);
	return delta;
}

void readdress_move(const struct readdress *p, uint8_t *frame, uint16_t difference)
{
	uint32_t delta = move_header(frame, p->ip, p->version, p->bits, difference);

	if (p->quoted) {
		uint32_t inner = move_header(frame, p->quoted, p->quoted_version, p->bits + 2,
					     difference);

		/* An IPv4 header's sum takes up its change; an ICMPv6 message shows it. */
		if (p->quoted_version == 6)
			delta += inner;
	}
	if (p->sum)
		sum_add(frame + p->sum, delta, p->sum_is_udp);
}

uint16_t readdress_key(uint64_t loop)
{
	return (uint16_t)(loop * 0x9e37u);
}

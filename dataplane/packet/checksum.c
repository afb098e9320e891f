/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checksums of IPv4, TCP, UDP, ICMPv4 and ICMPv6, computed when first asked for and remembered in
 * the packet. A frame taken on its way out of a host with checksum offload carries a partial sum,
 * which is simply wrong. Worker thread.
 */
#include "dataplane/packet/checksum.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/base/cursor.h"
#include "dataplane/packet/packet.h"

typedef uint64_t lanes __attribute__((vector_size(16)));

#define LOW ((lanes){0xffffffff, 0xffffffff})

uint64_t checksum_long(const void *data, size_t len)
{
	const uint8_t *b = data;
	lanes even = {0}, odd = {0};

	for (; len >= 2 * sizeof(lanes); len -= 2 * sizeof(lanes), b += 2 * sizeof(lanes)) {
		lanes v, u;

		memcpy(&v, b, sizeof(v));
		memcpy(&u, b + sizeof(v), sizeof(u));
		even += (v & LOW) + (u & LOW);
		odd += (v >> 32) + (u >> 32);
	}
	even += odd;
	return even[0] + even[1] + checksum_short(b, len);
}

uint64_t checksum_add(uint64_t sum, const void *data, size_t len)
{
	return sum + ntohs(checksum_fold(checksum_sum(data, len)));
}

/* The pseudo header of RFC 9293, 3.1 and RFC 8200, 8.1. */
static uint64_t pseudo_header(const struct packet *p, uint32_t len, uint8_t proto)
{
	size_t bytes = p->ip_version == 4 ? 4 : 16;
	uint64_t sum = checksum_short(p->src.b, bytes) + checksum_short(p->dst.b, bytes);

	return ntohs(checksum_fold(sum)) + (len >> 16) + (len & 0xffff) + proto;
}

static bool transport_ok(const struct packet *p, uint8_t proto)
{
	uint32_t len = p->l3_len - (uint32_t)(p->l4 - p->l3);

	if (proto == IPPROTO_UDP) {
		/* 0: none was made; IPv6 wants one (RFC 8200, 8.1). */
		if (get_be16(p->l4 + 6) == 0)
			return p->ip_version == 4;
		len = get_be16(p->l4 + 4);
	}
	if (proto == IPPROTO_ICMP)
		return checksum_fold(checksum_add(0, p->l4, len)) == 0xffff;
	return checksum_fold(checksum_add(pseudo_header(p, len, proto), p->l4, len)) == 0xffff;
}

static bool compute(const struct packet *p, enum packet_checksum layer)
{
	static const uint8_t protos[] = {
		[CHECKSUM_TCP] = IPPROTO_TCP,
		[CHECKSUM_UDP] = IPPROTO_UDP,
		[CHECKSUM_ICMPV4] = IPPROTO_ICMP,
		[CHECKSUM_ICMPV6] = IPPROTO_ICMPV6,
	};

	if (layer == CHECKSUM_IPV4) {
		if (!(p->flags & PACKET_IP) || p->ip_version != 4)
			return true;
		return checksum_fold(checksum_add(0, p->l3, (p->l3[0] & 0xf) * 4u)) == 0xffff;
	}
	if (!(p->flags & PACKET_L4) || p->ip_proto != protos[layer])
		return true;
	return transport_ok(p, protos[layer]);
}

void packet_checksum_make(struct packet *p)
{
	static const struct {
		uint8_t proto, at;
		enum packet_checksum layer;
	} rows[] = {{IPPROTO_TCP, 16, CHECKSUM_TCP}, {IPPROTO_UDP, 6, CHECKSUM_UDP},
		    {IPPROTO_ICMP, 2, CHECKSUM_ICMPV4}, {IPPROTO_ICMPV6, 2, CHECKSUM_ICMPV6}};
	uint32_t len = p->l3_len - (uint32_t)(p->l4 - p->l3);
	uint64_t sum;
	uint8_t *at;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (p->ip_proto != rows[i].proto)
			continue;
		/* the frame is this worker's until it is sent */
		at = (uint8_t *)(uintptr_t)p->l4 + rows[i].at;
		if (p->ip_proto == IPPROTO_UDP) {
			if (get_be16(at) == 0 && p->ip_version == 4)
				return; /* none was made */
			len = get_be16(p->l4 + 4);
		}
		at[0] = at[1] = 0;
		sum = p->ip_proto == IPPROTO_ICMP ? 0 : pseudo_header(p, len, p->ip_proto);
		sum = (uint16_t)~checksum_fold(checksum_add(sum, p->l4, len));
		if (sum == 0 && p->ip_proto == IPPROTO_UDP)
			sum = 0xffff; /* RFC 768: 0 says that none was made */
		at[0] = (uint8_t)(sum >> 8);
		at[1] = (uint8_t)sum;
		p->checksum_known &= (uint8_t)~(1u << rows[i].layer);
		return;
	}
}

bool packet_checksum_ok(struct packet *p, enum packet_checksum layer)
{
	uint8_t bit = (uint8_t)(1u << layer);

	if (!(p->checksum_known & bit)) {
		p->checksum_known |= bit;
		if (compute(p, layer))
			p->checksum_good |= bit;
	}
	return p->checksum_good & bit;
}

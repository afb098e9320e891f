/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The frames that most frames are, in one go: Ethernet without tags, IPv4 (RFC 791) without options and not a
 * fragment, UDP that is on no tunnel's port, or TCP with no option but time stamps; nothing wrong with
 * them. Any other is left, untouched, to the loop of decode.c, which would have set the same fields of
 * these. tests/unit/packet/test_plain.c holds the two against each other. Worker thread.
 */
#include <emmintrin.h>
#include <netinet/in.h>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/layer.h"
#include "dataplane/packet/link.h"

#define ETHERNET_BYTES 14u
#define IPV4_BYTES 20u
#define UDP_BYTES 8u
#define TCP_BYTES 20u
#define TIMESTAMP_BYTES 12u
#define TIMESTAMP_HEAD 0x0101080au /* no operation twice, time stamps of 10 bytes: RFC 7323, appendix A */

static bool tunnel_port(const struct tunnel_ports_all *all, uint16_t a, uint16_t b)
{
	__m128i hit = _mm_setzero_si128(), va = _mm_set1_epi16((short)a), vb = _mm_set1_epi16((short)b);

	for (unsigned i = 0; i < all->count; i += 8) {
		__m128i ports = _mm_loadu_si128((const __m128i *)(const void *)(all->port + i));

		hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi16(ports, va), _mm_cmpeq_epi16(ports, vb)));
	}
	return all->any || _mm_movemask_epi8(hit);
}

/* A run that sums up to 0xffff has the right checksum in it (RFC 1071, 1). l4: the transport header and
 * what follows, with its pseudo header of RFC 9293, 3.1. none: its sender made no sum. */
static bool sums_ok(struct packet *p, const uint8_t *ip, const uint8_t *l4, uint32_t len, bool none)
{
	uint32_t dst, layer = ip[9] == IPPROTO_TCP ? CHECKSUM_TCP : CHECKSUM_UDP;
	uint64_t first, second, sum;

	memcpy(&first, ip, 8);
	memcpy(&second, ip + 8, 8);
	memcpy(&dst, ip + 16, 4);
	sum = (first & UINT32_MAX) + (first >> 32) + (second & UINT32_MAX) + (second >> 32) + dst;
	if (checksum_fold(sum) != 0xffff)
		return false;
	if (!none) {
		sum = (second >> 32) + dst + htons(ip[9]) + htons((uint16_t)len) + checksum_sum(l4, len);
		if (checksum_fold(sum) != 0xffff)
			return false;
	}
	p->checksum_known = p->checksum_good = (uint8_t)(1u << CHECKSUM_IPV4 | 1u << layer);
	return true;
}

/* c: what IP carries. */
static bool plain_udp(const struct decode_state *s, struct packet *p, const uint8_t *ip, struct cursor c)
{
	const uint8_t *h = cursor_take(&c, UDP_BYTES);
	uint32_t len = h ? get_be16(h + 4) : 0;

	if (len < UDP_BYTES || len - UDP_BYTES > cursor_left(&c))
		return false;
	if (tunnel_port(&s->tunnels, get_be16(h), get_be16(h + 2)))
		return false;
	if (s->validate_checksums && !sums_ok(p, ip, h, len, get_be16(h + 6) == 0))
		return false;
	p->l4 = h;
	p->sport = get_be16(h);
	p->dport = get_be16(h + 2);
	p->payload = c.p;
	p->payload_len = len - UDP_BYTES;
	return true;
}

static bool plain_tcp(const struct decode_state *s, struct packet *p, const uint8_t *ip, struct cursor c)
{
	uint32_t len = (uint32_t)cursor_left(&c), header;
	const uint8_t *h = cursor_take(&c, TCP_BYTES), *stamps = NULL;
	struct tcp_fields *t = &p->tcp;

	if (!h)
		return false;
	header = (h[12] >> 4) * 4u;
	if (header == TCP_BYTES + TIMESTAMP_BYTES)
		stamps = cursor_take(&c, TIMESTAMP_BYTES);
	if (header != TCP_BYTES && !(stamps && get_be32(stamps) == TIMESTAMP_HEAD))
		return false;
	if (s->validate_checksums && !sums_ok(p, ip, h, len, false))
		return false;
	p->l4 = h;
	p->sport = get_be16(h);
	p->dport = get_be16(h + 2);
	t->seq = get_be32(h + 4);
	t->ack = get_be32(h + 8);
	t->reserved_bits = h[12] & 0x0f;
	t->flags = h[13];
	t->window = get_be16(h + 14);
	t->urgent = get_be16(h + 18);
	t->header_len = (uint8_t)header;
	if (stamps) {
		t->has_timestamp = 1;
		t->ts_value = get_be32(stamps + 4);
		t->ts_echo = get_be32(stamps + 8);
	}
	p->payload = c.p;
	p->payload_len = len - header;
	return true;
}

bool decode_plain(struct worker *w, struct packet *p)
{
	const struct decode_state *s = w->decode;
	struct cursor c = cursor_of(p->data, p->len), l4;
	const uint8_t *ethernet = cursor_take(&c, ETHERNET_BYTES), *ip = cursor_peek(&c, IPV4_BYTES);
	uint32_t total;

	if (!s->plain || p->link_type != LINKTYPE_ETHERNET || !ip || get_be16(ethernet + 12) != ETHER_IPV4 ||
	    ip[0] != 0x45 || (get_be16(ip + 6) & 0x3fff))
		return false;
	total = get_be16(ip + 2);
	l4 = cursor_sub(&c, total);
	if (!cursor_skip(&l4, IPV4_BYTES))
		return false;
	if (ip[9] == IPPROTO_UDP && plain_udp(s, p, ip, l4))
		w->counters->decoder_udp++;
	else if (ip[9] == IPPROTO_TCP && plain_tcp(s, p, ip, l4))
		w->counters->decoder_tcp++;
	else
		return false;
	w->counters->decoder_ethernet++;
	w->counters->decoder_ipv4++;
	p->flags |= PACKET_IP | PACKET_L4;
	p->ip_version = 4;
	p->ip_proto = ip[9];
	p->ttl = ip[8];
	p->l3 = ip;
	p->l3_len = total;
	memcpy(p->src.b, ip + 12, 4);
	memcpy(p->dst.b, ip + 16, 4);
	return true;
}

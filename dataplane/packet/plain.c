/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plain frames (plain.h) in one go. Any other is left, untouched, to the loop of decode.c, which would have set the
 * same fields of these. tests/unit/packet/test_plain.c holds the two against each other. Worker thread.
 */
#include "dataplane/packet/plain.h"

#include <emmintrin.h>
#include <netinet/in.h>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/layer.h"

#define TAGGED_LAYERS 3u /* that count: Ethernet, a tag, IP */

_Static_assert(PLAIN_TCP == IPPROTO_TCP && PLAIN_UDP == IPPROTO_UDP, "numbers of IANA");

enum plain_reach plain_reach(const struct worker *w)
{
	const struct decode_state *s = w->decode;

	if (!s || !s->plain)
		return PLAIN_NONE;
	return s->max_layers > TAGGED_LAYERS ? PLAIN_TAGGED : PLAIN_UNTAGGED;
}

bool plain_tunnel_port(const struct worker *w, uint16_t a, uint16_t b)
{
	const struct tunnel_ports_all *all = &w->decode->tunnels;
	__m128i hit = _mm_setzero_si128(), va = _mm_set1_epi16((short)a), vb = _mm_set1_epi16((short)b);

	for (unsigned i = 0; i < all->count; i += 8) {
		__m128i ports = _mm_loadu_si128((const __m128i *)(const void *)(all->port + i));

		hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi16(ports, va), _mm_cmpeq_epi16(ports, vb)));
	}
	return all->any || _mm_movemask_epi8(hit);
}

/* The transport with its pseudo header (RFC 9293, 3.1; RFC 8200, 8.1); addresses: their sum. */
static inline bool transport_right(const struct plain *f, uint64_t addresses)
{
	uint64_t sum = checksum_carry(addresses, htons(f->ip_proto) + (uint64_t)htons((uint16_t)f->l4_len));

	if (f->l4_len >= CHECKSUM_LONG)
		return checksum_right(checksum_carry(sum, checksum_long(f->l4, f->l4_len)));
	return checksum_right(checksum_run(sum, f->l4, f->l4_len));
}

static inline bool ipv4_right(const uint8_t *ip, uint64_t *addresses)
{
	uint64_t words[2];
	uint32_t dst;

	memcpy(words, ip, 16);
	memcpy(&dst, ip + 16, 4);
	*addresses = (words[1] >> 32) + dst;
	return checksum_right(checksum_carry(checksum_carry(words[0], words[1]), dst));
}

bool plain_sums_ok(const struct worker *w, const struct plain *f)
{
	uint64_t addresses = 0;

	if (!w->decode->validate_checksums)
		return true;
	if (f->kind & PLAIN_IS_IPV6)
		addresses = checksum_run(0, f->ip + 8, 32);
	else if (!ipv4_right(f->ip, &addresses))
		return false;
	/* its sender made none */
	if (!(f->kind & PLAIN_IS_TCP) && get_be16(f->l4 + 6) == 0)
		return !(f->kind & PLAIN_IS_IPV6);
	return transport_right(f, addresses);
}

static inline void count_layers(struct counters *c, uint8_t kind, uint64_t n)
{
	c->decoder_ethernet += n;
	*(kind & PLAIN_IS_IPV6 ? &c->decoder_ipv6 : &c->decoder_ipv4) += n;
	*(kind & PLAIN_IS_TCP ? &c->decoder_tcp : &c->decoder_udp) += n;
	if (kind & PLAIN_IS_TAGGED)
		c->decoder_vlan += n;
}

void plain_counts_add(struct worker *w, const struct plain_counts *sums)
{
	struct counters *c = w->counters;

	for (uint8_t kind = 0; kind < PLAIN_KINDS; kind++) {
		if (!sums->frames[kind])
			continue;
		c->decoder_pkts += sums->frames[kind];
		count_layers(c, kind, sums->frames[kind]);
	}
	c->decoder_bytes += sums->bytes;
	if (sums->largest > c->decoder_max_pkt_size)
		c->decoder_max_pkt_size = sums->largest;
}

static void take_tcp(struct packet *p, const struct plain *f)
{
	const uint8_t *h = f->l4;
	struct tcp_fields *t = &p->tcp;

	t->seq = get_be32(h + 4);
	t->ack = get_be32(h + 8);
	t->reserved_bits = h[12] & 0x0f;
	t->flags = h[13];
	t->window = get_be16(h + 14);
	t->urgent = get_be16(h + 18);
	t->header_len = f->header_len;
	if (f->header_len > PLAIN_TCP_BYTES) {
		t->has_timestamp = 1;
		t->ts_value = get_be32(h + PLAIN_TCP_BYTES + 4);
		t->ts_echo = get_be32(h + PLAIN_TCP_BYTES + 8);
	}
}

static void take_addresses(struct packet *p, const struct plain *f)
{
	if (f->ip_version == 4) {
		memcpy(p->src.b, f->ip + 12, 4);
		memcpy(p->dst.b, f->ip + 16, 4);
	} else {
		memcpy(p->src.b, f->ip + 8, 16);
		memcpy(p->dst.b, f->ip + 24, 16);
	}
}

bool decode_plain(struct worker *w, struct packet *p, const struct plain *f)
{
	struct counters *c = w->counters;

	if ((f->ip_proto == IPPROTO_UDP && plain_tunnel_port(w, f->sport, f->dport)) || !plain_sums_ok(w, f))
		return false;
	c->decoder_pkts++;
	c->decoder_bytes += p->len;
	if (p->len > c->decoder_max_pkt_size)
		c->decoder_max_pkt_size = p->len;
	count_layers(c, f->kind, 1);
	if (w->decode->validate_checksums)
		p->checksum_known = p->checksum_good = (uint8_t)(
			1u << CHECKSUM_IPV4 | 1u << (f->ip_proto == IPPROTO_TCP ? CHECKSUM_TCP : CHECKSUM_UDP));
	p->flags |= PACKET_IP | PACKET_L4;
	p->vlan_count = !!(f->kind & PLAIN_IS_TAGGED);
	p->vlan[0] = f->vlan;
	p->ip_version = f->ip_version;
	p->ip_proto = f->ip_proto;
	p->ttl = plain_ttl(f);
	p->l3 = f->ip;
	p->l3_len = f->l3_len;
	take_addresses(p, f);
	p->l4 = f->l4;
	p->sport = f->sport;
	p->dport = f->dport;
	p->payload = f->l4 + f->header_len;
	p->payload_len = f->l4_len - f->header_len;
	if (f->ip_proto == IPPROTO_TCP)
		take_tcp(p, f);
	return true;
}

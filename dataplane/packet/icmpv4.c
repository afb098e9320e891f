/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ICMP for IPv4 (RFC 792, 950, 1256): type, code, echo identity, the packet embedded in an error.
 * Worker thread.
 */
#include <netinet/in.h>

#include "dataplane/packet/layer.h"

#define ICMP_HEADER_BYTES 8

enum icmpv4_kind {
	KIND_UNKNOWN,
	KIND_QUERY,  /* has an identifier and a sequence number */
	KIND_ERROR,  /* carries the start of the packet that caused it */
	KIND_ROUTER, /* router discovery */
};

static const struct icmpv4_row {
	uint8_t kind;
	uint8_t code_max;
} icmpv4_rows[] = {
	[0] = {KIND_QUERY, 0},   /* echo reply */
	[3] = {KIND_ERROR, 15},  /* destination unreachable */
	[4] = {KIND_ERROR, 0},   /* source quench */
	[5] = {KIND_ERROR, 3},   /* redirect */
	[8] = {KIND_QUERY, 0},   /* echo */
	[9] = {KIND_ROUTER, 0},  /* router advertisement */
	[10] = {KIND_ROUTER, 0}, /* router solicitation */
	[11] = {KIND_ERROR, 1},  /* time exceeded */
	[12] = {KIND_ERROR, 2},  /* parameter problem */
	[13] = {KIND_QUERY, 0},  /* timestamp */
	[14] = {KIND_QUERY, 0},
	[15] = {KIND_QUERY, 0},  /* information */
	[16] = {KIND_QUERY, 0},
	[17] = {KIND_QUERY, 0},  /* address mask */
	[18] = {KIND_QUERY, 0},
};

#define ADVERTISEMENT 9
#define ADVERTISEMENT_MOBILE 16 /* RFC 5944, 2.1: a mobile agent that routes nothing else */

static void embedded(struct decoder *d, struct packet *p, const struct cursor *c)
{
	const uint8_t *h;

	if (!cursor_left(c))
		return;
	h = cursor_peek(c, 20);
	if (!h) {
		decode_suspect(d, p, ANOMALY_icmpv4_ipv4_trunc_pkt);
		return;
	}
	if (h[0] >> 4 != 4) {
		decode_suspect(d, p, ANOMALY_icmpv4_ipv4_unknown_ver);
		return;
	}
	p->icmp_inner = h;
	p->icmp_inner_len = (uint32_t)cursor_left(c);
}

enum layer decode_icmpv4(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, ICMP_HEADER_BYTES);
	struct icmpv4_row row = {KIND_UNKNOWN, 0};
	bool code_ok;

	if (!h)
		return decode_invalid(d, p, ANOMALY_icmpv4_pkt_too_small);
	p->icmp_type = h[0];
	p->icmp_code = h[1];
	p->sport = h[0];
	p->dport = h[1];
	p->l4 = h;
	p->flags |= PACKET_L4;
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	if (h[0] < sizeof(icmpv4_rows) / sizeof(icmpv4_rows[0]))
		row = icmpv4_rows[h[0]];
	code_ok = h[1] <= row.code_max || (h[0] == ADVERTISEMENT && h[1] == ADVERTISEMENT_MOBILE);
	if (row.kind == KIND_UNKNOWN)
		decode_event(d, p, ANOMALY_icmpv4_unknown_type);
	else if (!code_ok)
		decode_event(d, p, ANOMALY_icmpv4_unknown_code);
	if (row.kind == KIND_QUERY) {
		p->icmp_id = get_be16(h + 4);
		p->icmp_seq = get_be16(h + 6);
	}
	if (row.kind == KIND_ERROR && code_ok)
		embedded(d, p, c);
	return LAYER_END;
}

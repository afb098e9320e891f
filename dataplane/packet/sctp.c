/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The common header of SCTP (RFC 9260, 3.1). Worker thread.
 */
#include "dataplane/packet/layer.h"

#define SCTP_HEADER_BYTES 12

enum layer decode_sctp(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, SCTP_HEADER_BYTES);

	if (!h)
		return decode_invalid(d, p, ANOMALY_sctp_pkt_too_small);
	p->sport = get_be16(h);
	p->dport = get_be16(h + 2);
	p->l4 = h;
	p->flags |= PACKET_L4;
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	return LAYER_END;
}

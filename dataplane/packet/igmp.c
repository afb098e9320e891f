/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IGMP (RFC 2236, RFC 3376): the header common to all versions. Worker thread.
 */
#include "dataplane/packet/layer.h"

#define IGMP_HEADER_BYTES 8

enum layer decode_igmp(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_take(c, IGMP_HEADER_BYTES);

	if (!h)
		return decode_invalid(d, p, ANOMALY_igmp_pkt_too_small);
	p->l4 = h;
	p->flags |= PACKET_L4;
	p->payload = c->p;
	p->payload_len = (uint32_t)cursor_left(c);
	return LAYER_END;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * UDP headers (RFC 768), and the tunnels that are known by their ports. Worker thread.
 */
#include "dataplane/packet/layer.h"

#define UDP_HEADER_BYTES 8

static bool port_in(const struct tunnel_ports *ports, uint16_t port)
{
	for (unsigned i = 0; i < ports->count; i++)
		if (ports->port[i] == port)
			return true;
	return false;
}

enum layer decode_udp(struct decoder *d, struct packet *p, struct cursor *c)
{
	const uint8_t *h = cursor_peek(c, UDP_HEADER_BYTES);
	const struct decode_state *s = d->s;
	struct cursor datagram;
	uint16_t len;

	d->w->counters->decoder_udp++;
	if (!h)
		return decode_invalid(d, p, ANOMALY_udp_hlen_too_small);
	len = get_be16(h + 4);
	if (len > cursor_left(c))
		return decode_invalid(d, p, ANOMALY_udp_pkt_too_small);
	if (len < UDP_HEADER_BYTES)
		return decode_invalid(d, p, ANOMALY_udp_len_invalid);
	datagram = cursor_sub(c, len);
	p->sport = cursor_be16(&datagram);
	p->dport = cursor_be16(&datagram);
	cursor_skip(&datagram, 4);
	p->l4 = h;
	p->flags |= PACKET_L4;
	p->payload = datagram.p;
	p->payload_len = (uint32_t)cursor_left(&datagram);
	if ((port_in(&s->teredo, p->sport) || port_in(&s->teredo, p->dport)) &&
	    decode_teredo(d, p, datagram))
		return LAYER_END;
	if (port_in(&s->geneve, p->dport) && decode_geneve(d, p, datagram))
		return LAYER_END;
	if (port_in(&s->vxlan, p->dport) && decode_vxlan(d, p, datagram))
		return LAYER_END;
	if (port_in(&s->gtpu, p->dport))
		decode_gtpu(d, p, datagram);
	return LAYER_END;
}

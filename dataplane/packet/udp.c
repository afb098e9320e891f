/* SPDX-License-Identifier: BSD-3-Clause
 *
 * UDP headers (RFC 768), and the tunnels that are known by their ports. Worker thread.
 */
#include "dataplane/packet/layer.h"

#define UDP_HEADER_BYTES 8

static bool port_in(const struct tunnel_ports *ports, uint16_t port)
{
	if (ports->any)
		return true;
	for (unsigned i = 0; i < ports->count; i++)
		if (ports->port[i] == port)
			return true;
	return false;
}

/* Answers may come back from the tunnel's port. */
static bool either_port(const struct tunnel_ports *ports, const struct packet *p)
{
	return port_in(ports, p->dport) || port_in(ports, p->sport);
}

/* What was queued since the count was `before` came out of that. */
static enum layer found_inside(struct decoder *d, unsigned before, enum record_packet_source source)
{
	for (unsigned i = before; i < d->count; i++)
		d->jobs[i].p->source = (uint8_t)source;
	return LAYER_END;
}

enum layer decode_udp(struct decoder *d, struct packet *p, struct cursor *c)
{
	unsigned before = d->count;
	const uint8_t *h = cursor_peek(c, UDP_HEADER_BYTES);
	const struct decode_state *s = d->s;
	struct cursor datagram;
	uint16_t len;

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
	if (either_port(&s->teredo, p) && decode_teredo(d, p, datagram))
		return found_inside(d, before, PACKET_TEREDO);
	if (either_port(&s->geneve, p) && decode_geneve(d, p, datagram))
		return found_inside(d, before, PACKET_GENEVE);
	if (port_in(&s->vxlan, p->dport) && decode_vxlan(d, p, datagram))
		return found_inside(d, before, PACKET_VXLAN);
	if (port_in(&s->vxlan_gpe, p->dport) && decode_vxlan_gpe(d, p, datagram))
		return found_inside(d, before, PACKET_VXLAN);
	if (either_port(&s->gtpu, p) && decode_gtpu(d, p, datagram))
		return LAYER_END;
	if (either_port(&s->ayiya, p))
		decode_ayiya(d, p, datagram);
	if (either_port(&s->l2tp, p))
		decode_l2tp(d, p, datagram);
	return LAYER_END;
}

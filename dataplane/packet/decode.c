/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The loop that takes a frame apart (see layer.h), and the settings of a worker's decoder.
 * Worker thread.
 */
#include "dataplane/packet/decode.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "dataplane/packet/defrag.h"
#include "dataplane/packet/layer.h"
#include "dataplane/packet/link.h"

static const struct layer_row {
	enum layer (*decode)(struct decoder *d, struct packet *p, struct cursor *c);
	size_t counter; /* offset in struct counters, or NO_COUNTER */
	bool counts;
} layer_rows[LAYER_COUNT] = {
#define LAYER(name, counter, counts) [LAYER_##name] = {decode_##name, counter, counts},
	LAYER_LIST(LAYER)
#undef LAYER
};

#define PLAIN_LAYERS 2 /* that count: Ethernet, IPv4 */

/* The layer with which a frame of a link type starts. */
static enum layer link_layer(unsigned link_type)
{
	switch (link_type) {
	case LINKTYPE_ETHERNET:
		return LAYER_ethernet;
	case LINKTYPE_NULL:
		return LAYER_null;
	case LINKTYPE_LOOP:
		return LAYER_loop;
	case LINKTYPE_LINUX_SLL:
		return LAYER_sll;
	case LINKTYPE_LINUX_SLL2:
		return LAYER_sll2;
	case LINKTYPE_PPP:
		return LAYER_ppp;
	case LINKTYPE_PPP_HDLC:
		return LAYER_ppp_hdlc;
	case LINKTYPE_PPP_ETHER:
		return LAYER_pppoe_session;
	case LINKTYPE_C_HDLC:
		return LAYER_chdlc;
	case LINKTYPE_IEEE802_11:
		return LAYER_ieee80211;
	case LINKTYPE_IEEE802_11_RADIOTAP:
		return LAYER_radiotap;
	case LINKTYPE_PPI:
		return LAYER_ppi;
	case LINKTYPE_FRELAY:
		return LAYER_frelay;
	case LINKTYPE_NFLOG:
		return LAYER_nflog;
	case LINKTYPE_ARCNET:
		return LAYER_arcnet;
	case LINKTYPE_ARCNET_LINUX:
		return LAYER_arcnet_linux;
	case LINKTYPE_RAW:
	case LINKTYPE_DLT_RAW_BSD:
	case LINKTYPE_DLT_RAW_OPENBSD:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6:
		return LAYER_raw;
	default:
		return LAYER_END;
	}
}

bool decode_link_supported(unsigned link_type)
{
	return link_layer(link_type) != LAYER_END;
}

static void ports_read(struct tunnel_ports *out, bool enabled, const struct config_list *list)
{
	out->count = 0;
	out->any = enabled && list->count == 1 && strcmp(list->items[0], "any") == 0;
	for (size_t i = 0; enabled && i < list->count && out->count < TUNNEL_PORTS_MAX; i++) {
		unsigned long port = strtoul(list->items[i], NULL, 10);

		if (port > 0 && port <= UINT16_MAX)
			out->port[out->count++] = (uint16_t)port;
	}
}

static void ports_add(struct tunnel_ports_all *all, const struct tunnel_ports *ports)
{
	all->any |= ports->any;
	for (unsigned i = 0; i < ports->count; i++)
		all->port[all->count++] = ports->port[i];
}

int decode_worker_new(struct worker *w)
{
	const struct config *c = w->config;
	struct decode_state *s = worker_memory(w, sizeof(*s), 64);
	int error = -ENOMEM;

	if (!s)
		return error;
	w->decode = s;
	s->max_layers = (unsigned)c->decoder_max_layers;
	s->ipv4_offloaded = c->decoder_ipv4_offloaded;
	s->llc = c->decoder_llc;
	s->validate_checksums = c->checksums == CHECKSUMS_VALIDATE;
	ports_read(&s->teredo, c->decoder_teredo, &c->decoder_teredo_ports);
	ports_read(&s->vxlan, c->decoder_vxlan, &c->decoder_vxlan_ports);
	ports_read(&s->vxlan_gpe, c->decoder_vxlan_gpe, &c->decoder_vxlan_gpe_ports);
	ports_read(&s->geneve, c->decoder_geneve, &c->decoder_geneve_ports);
	ports_read(&s->gtpu, c->decoder_gtpu, &c->decoder_gtpu_ports);
	ports_read(&s->ayiya, c->decoder_ayiya, &c->decoder_ayiya_ports);
	ports_read(&s->l2tp, c->decoder_l2tp, &c->decoder_l2tp_ports);
	ports_add(&s->tunnels, &s->teredo);
	ports_add(&s->tunnels, &s->vxlan);
	ports_add(&s->tunnels, &s->vxlan_gpe);
	ports_add(&s->tunnels, &s->geneve);
	ports_add(&s->tunnels, &s->gtpu);
	ports_add(&s->tunnels, &s->ayiya);
	ports_add(&s->tunnels, &s->l2tp);
	s->plain = s->max_layers > PLAIN_LAYERS;
	error = defrag_new(w, &s->defrag);
	if (error)
		goto fail;
	return 0;
fail:
	decode_worker_free(w);
	return error;
}

void decode_worker_free(struct worker *w)
{
	if (!w->decode)
		return;
	defrag_free(w, w->decode->defrag);
	worker_memory_free(w, w->decode);
	w->decode = NULL;
}

void decode_worker_reset(struct worker *w)
{
	defrag_reset(w->decode->defrag);
}

void decode_timers(struct worker *w, uint64_t now_ns)
{
	defrag_expire(w, w->decode->defrag, now_ns);
}

static uint8_t tunnel_source(const struct packet *p)
{
	switch (p->ip_proto) {
	case IPPROTO_GRE:
		return PACKET_GRE;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return p->ip_version == 4 ? PACKET_IN_IPV4 : PACKET_IN_IPV6;
	default:
		return PACKET_TUNNEL;
	}
}

struct packet *decode_inner(struct decoder *d, struct packet *p, struct cursor c, enum layer layer)
{
	struct packet *inner;

	if (d->count == DECODE_PACKETS_MAX || !(inner = packet_get(d->w))) {
		d->w->counters->decoder_too_many_layers++;
		decode_suspect(d, p, ANOMALY_too_many_layers);
		return NULL;
	}
	inner->data = c.p;
	inner->len = inner->wire_len = (uint32_t)cursor_left(&c);
	inner->ts_ns = p->ts_ns;
	inner->number = p->number;
	inner->port_index = p->port_index;
	inner->link_type = layer == LAYER_ethernet ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
	inner->flags = PACKET_INNER;
	inner->source = tunnel_source(p);
	inner->frame = p->frame;
	inner->outer = p;
	inner->tunnel_depth = (uint8_t)(p->tunnel_depth + 1);
	/* What is inside is inspected as the inner packet; of the outer one only the headers are.
	 */
	p->flags |= PACKET_NO_PAYLOAD_INSPECT;
	d->jobs[d->count++] = (struct decode_job){
		.p = inner, .at = c, .layer = (uint8_t)layer, .layers = (uint8_t)d->layers};
	return inner;
}

/* Bytes of headers before p's IP header that a packet made of fragments like p gets too. */
uint32_t decode_link_len(const struct packet *p)
{
	uint32_t n = p->l3 ? (uint32_t)(p->l3 - p->data) : 0;

	return n <= DECODE_LINK_MAX ? n : 0;
}

/* A packet made of fragments, in the place of the fragment p that completed it. */
void decode_reassembled(struct decoder *d, struct packet *p, struct packet *whole)
{
	struct cursor c = cursor_of(whole->data, whole->len);
	uint32_t link_len = decode_link_len(p);
	unsigned version;

	cursor_skip(&c, link_len);
	version = *c.p >> 4;
	whole->wire_len = whole->len - link_len;
	whole->ts_ns = p->ts_ns;
	whole->number = p->number;
	whole->port_index = p->port_index;
	if (link_len)
		whole->link_type = p->link_type;
	else
		whole->link_type = version == 4 ? LINKTYPE_IPV4 : LINKTYPE_IPV6;
	whole->flags = PACKET_REASSEMBLED;
	whole->source = PACKET_DEFRAG;
	whole->outer = p;
	whole->tunnel_depth = p->tunnel_depth;
	whole->vlan_count = p->vlan_count;
	memcpy(whole->vlan, p->vlan, sizeof(whole->vlan));
	p->flags |= PACKET_NO_PAYLOAD_INSPECT;
	d->jobs[d->count++] =
		(struct decode_job){.p = whole,
				    .at = c,
				    .layer = version == 4 ? LAYER_ipv4 : LAYER_ipv6,
				    .layers = (uint8_t)d->layers};
}

bool decode_room(const struct decoder *d)
{
	return d->count < DECODE_PACKETS_MAX;
}

static bool transport_verified(struct packet *p)
{
	switch (p->ip_proto) {
	case IPPROTO_TCP: return packet_checksum_ok(p, CHECKSUM_TCP);
	case IPPROTO_UDP: return packet_checksum_ok(p, CHECKSUM_UDP);
	case IPPROTO_ICMP: return packet_checksum_ok(p, CHECKSUM_ICMPV4);
	case IPPROTO_ICMPV6: return packet_checksum_ok(p, CHECKSUM_ICMPV6);
	default: return true;
	}
}

/* Wrong sums are refused by receivers, so that a segment with one must not get into the stream; a
 * header with one says of no flow that it may be believed. A datagram stands for itself, and its sum
 * is often left to the card of a host nearby: it is counted and inspected nevertheless. So is one
 * with a wrong header on a tap, as taken at the host itself; in the wire a router may not forward it
 * (RFC 1812, 5.2.2). */
static void packet_verify(struct decoder *d, struct packet *p)
{
	bool header_ok = packet_checksum_ok(p, CHECKSUM_IPV4);

	if (header_ok && transport_verified(p))
		return;
	d->w->counters->checksum_bad++;
	if (p->ip_proto == IPPROTO_UDP && (header_ok || !d->w->in_the_wire))
		return;
	p->flags |= PACKET_BAD_CHECKSUM;
	if (!header_ok)
		p->flags |= PACKET_NO_FLOW;
	if (d->w->in_the_wire)
		packet_drop(p, DROP_checksum);
}

static void counter_add(struct counters *c, size_t offset)
{
	if (offset != NO_COUNTER)
		++*(uint64_t *)(void *)((char *)c + offset);
}

/* True: the job's packet is to be inspected. */
static bool run_job(struct decoder *d, struct decode_job *job)
{
	struct packet *p = job->p;
	struct cursor c = job->at;
	unsigned before = d->count;

	d->layers = job->layers;
	d->ppp_vj = d->suspect = false;
	for (enum layer next = job->layer; next != LAYER_END;) {
		const struct layer_row *row = &layer_rows[next];

		counter_add(d->w->counters, row->counter);
		if (row->counts && ++d->layers >= d->s->max_layers) {
			d->w->counters->decoder_too_many_layers++;
			decode_invalid(d, p, ANOMALY_too_many_layers);
			break;
		}
		next = row->decode(d, p, &c);
	}
	if (job->strict && (d->suspect || (p->flags & PACKET_INVALID)) && d->count == before)
		return false;
	if ((p->flags & PACKET_IP) && d->s->validate_checksums && !(p->flags & PACKET_INVALID))
		packet_verify(d, p);
	/* Counted once a frame, by its outermost packet. */
	if (!p->outer && (d->suspect || (p->flags & PACKET_INVALID)))
		d->w->counters->decoder_invalid++;
	return true;
}

/* Any frame, layer by layer. */
static __attribute__((noinline)) unsigned decode_layers(struct worker *w, struct packet *p,
							 struct packet *out[DECODE_PACKETS_MAX])
{
	struct decoder d;
	unsigned n = 0;

	d.w = w;
	d.s = w->decode;
	d.count = 1;
	d.jobs[0] = (struct decode_job){.p = p,
					.at = cursor_of(p->data, p->len),
					.layer = (uint8_t)link_layer(p->link_type)};
	for (unsigned i = 0; i < d.count; i++) {
		if (run_job(&d, &d.jobs[i])) {
			out[n++] = d.jobs[i].p;
			continue;
		}
		d.jobs[i].p->outer->flags &= ~(uint32_t)PACKET_NO_PAYLOAD_INSPECT;
		packet_put(w, d.jobs[i].p);
	}
	return n;
}

static unsigned decode_any(struct worker *w, struct packet *p, struct packet *out[DECODE_PACKETS_MAX])
{
	struct counters *c = w->counters;

	c->decoder_pkts++;
	c->decoder_bytes += p->len;
	if (p->len > c->decoder_max_pkt_size)
		c->decoder_max_pkt_size = p->len;
	return decode_layers(w, p, out);
}

unsigned decode_plain_frame(struct worker *w, struct packet *p, const struct plain *f,
			    struct packet *out[DECODE_PACKETS_MAX])
{
	if (!decode_plain(w, p, f))
		return decode_any(w, p, out);
	out[0] = p;
	return 1;
}

unsigned decode_frame(struct worker *w, struct packet *p, struct packet *out[DECODE_PACKETS_MAX])
{
	struct plain f;

	if (p->link_type == LINKTYPE_ETHERNET && plain_read(plain_reach(w), p->data, p->len, &f))
		return decode_plain_frame(w, p, &f, out);
	return decode_any(w, p, out);
}

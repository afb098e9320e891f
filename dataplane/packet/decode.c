/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The loop that takes a frame apart (see layer.h), the settings of a worker's decoder and the flow
 * hash. Worker thread.
 */
#include "dataplane/packet/decode.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>

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
	case LINKTYPE_PPP_ETHER:
		return LAYER_pppoe_session;
	case LINKTYPE_C_HDLC:
		return LAYER_chdlc;
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
	s->validate_checksums = c->checksums == CHECKSUMS_VALIDATE;
	s->vlan_in_key = c->vlan_in_flow_key;
	s->depth_in_key = c->tunnel_depth_in_flow_key;
	ports_read(&s->teredo, c->decoder_teredo, &c->decoder_teredo_ports);
	ports_read(&s->vxlan, c->decoder_vxlan, &c->decoder_vxlan_ports);
	ports_read(&s->geneve, c->decoder_geneve, &c->decoder_geneve_ports);
	ports_read(&s->gtpu, c->decoder_gtpu, &c->decoder_gtpu_ports);
	error = -EIO;
	if (getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key))
		goto fail;
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

static uint64_t addr_word(const struct addr *a, unsigned i)
{
	uint64_t v;

	memcpy(&v, a->b + 8 * i, sizeof(v));
	return v;
}

uint32_t decode_flow_hash(const struct worker *w, const struct packet *p, const struct addr *src,
			  const struct addr *dst, uint16_t sport, uint16_t dport, uint8_t ip_proto)
{
	const struct decode_state *s = w->decode;
	unsigned words = p->ip_version == 4 ? 1 : 2, n = 0;
	int order = memcmp(src, dst, sizeof(*src));
	struct siphash h;
	uint64_t key, hash;

	if (order > 0 || (order == 0 && sport > dport)) {
		const struct addr *a = src;
		uint16_t port = sport;

		src = dst;
		dst = a;
		sport = dport;
		dport = port;
	}
	siphash_start(&h, &s->key);
	for (unsigned i = 0; i < words; i++, n += 2) {
		siphash_word(&h, addr_word(src, i));
		siphash_word(&h, addr_word(dst, i));
	}
	/* The version sets IPv4 and IPv6 apart. */
	key = (uint64_t)sport << 48 | (uint64_t)dport << 32 | (uint64_t)ip_proto << 24 |
	      (uint64_t)p->ip_version << 16 | (s->depth_in_key ? p->tunnel_depth : 0);
	siphash_word(&h, key);
	n++;
	if (s->vlan_in_key && p->vlan_count) {
		siphash_word(&h, (uint64_t)p->vlan_count << 48 | (uint64_t)p->vlan[2] << 32 |
					 (uint64_t)p->vlan[1] << 16 | p->vlan[0]);
		n++;
	}
	hash = siphash_end(&h, n);
	return (uint32_t)(hash ^ hash >> 32);
}

static void packet_hash(struct worker *w, struct packet *p)
{
	bool ports = p->ip_proto == IPPROTO_TCP || p->ip_proto == IPPROTO_UDP ||
		     p->ip_proto == IPPROTO_SCTP;

	p->flow_hash = decode_flow_hash(w, p, &p->src, &p->dst, ports ? p->sport : 0,
					ports ? p->dport : 0, p->ip_proto);
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

/* Wrong sums are refused by receivers, so that a segment with one must not get into the stream; a
 * header with one says of no flow that it may be believed. A datagram stands for itself, and its sum
 * is often left to the card of a host nearby: it is counted and inspected nevertheless. */
static void packet_verify(struct decoder *d, struct packet *p)
{
	static const uint8_t by_version[][2] = {
		{CHECKSUM_ICMPV4, IPPROTO_ICMP},
		{CHECKSUM_ICMPV6, IPPROTO_ICMPV6},
		{CHECKSUM_TCP, IPPROTO_TCP},
		{CHECKSUM_UDP, IPPROTO_UDP},
	};
	bool header_ok = packet_checksum_ok(p, CHECKSUM_IPV4), ok = header_ok;

	for (unsigned i = 0; ok && i < sizeof(by_version) / sizeof(by_version[0]); i++)
		if (p->ip_proto == by_version[i][1])
			ok = packet_checksum_ok(p, by_version[i][0]);
	if (ok)
		return;
	d->w->counters->checksum_bad++;
	if (header_ok && p->ip_proto == IPPROTO_UDP)
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
	if (p->flags & PACKET_IP) {
		if (d->s->validate_checksums && !(p->flags & PACKET_INVALID))
			packet_verify(d, p);
		packet_hash(d->w, p);
	}
	/* Counted once a frame, by its outermost packet. */
	if (!p->outer && (d->suspect || (p->flags & PACKET_INVALID)))
		d->w->counters->decoder_invalid++;
	return true;
}

unsigned decode_frame(struct worker *w, struct packet *p, struct packet *out[DECODE_PACKETS_MAX])
{
	struct decoder d;
	unsigned n = 0;

	d.w = w;
	d.s = w->decode;
	d.count = 1;
	d.jobs[0] = (struct decode_job){.p = p,
					.at = cursor_of(p->data, p->len),
					.layer = (uint8_t)link_layer(p->link_type)};
	w->counters->decoder_pkts++;
	w->counters->decoder_bytes += p->len;
	if (p->len > w->counters->decoder_max_pkt_size)
		w->counters->decoder_max_pkt_size = p->len;
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

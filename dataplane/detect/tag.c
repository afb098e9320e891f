/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tags: after an alert the packets that follow are written too, of its flow (session) or of a host.
 * Hosts are kept in a small table per worker, the oldest gives way. Runs in the workers.
 */
#include <string.h>

#include "dataplane/detect/match.h"
#include "dataplane/engine/emit.h"

#define TAG_HOSTS_MAX 64
#define NS_PER_S 1000000000ull

struct tag_host {
	struct addr host;
	uint8_t ip_version; /* 0: empty */
	struct flow_tag tag;
};

struct tag_table {
	struct tag_host hosts[TAG_HOSTS_MAX];
	unsigned used;      /* none: nothing to look for */
	uint64_t set_by;    /* number of the packet that set the last one */
};

bool post_tag(const struct match_context *c, const struct match *m)
{
	tag_set(c->w, c->p, c->rule, &m->u.tag);
	return true;
}

static struct flow_tag tag_of(const struct packet *p, const struct program_rule *r,
			      const struct match_tag *m)
{
	return (struct flow_tag){.rule = r->rule->index, .packets = m->packets,
				 .seconds = m->seconds, .bytes = m->bytes, .start_ns = p->ts_ns};
}

void tag_set(struct worker *w, struct packet *p, const struct program_rule *r,
	     const struct match_tag *m)
{
	struct tag_table *t = w->detect->tags;

	t->set_by = p->number;
	if (!m->host) {
		struct detect_flow *d = p->flow ? detect_flow_get(w, p->flow) : NULL;

		if (d) {
			d->tagged = true;
			d->tag = tag_of(p, r, m);
		}
		return;
	}
	if (!p->ip_version)
		return;
	struct tag_host *at = &t->hosts[0];
	const struct addr *host = m->by_dst ? &p->dst : &p->src;

	for (unsigned i = 0; i < TAG_HOSTS_MAX; i++) {
		struct tag_host *h = &t->hosts[i];

		if (h->ip_version == p->ip_version && addr_equal(&h->host, host)) {
			at = h;
			break;
		}
		if (h->ip_version == 0 || (at->ip_version && h->tag.start_ns < at->tag.start_ns))
			at = h;
	}
	*at = (struct tag_host){*host, p->ip_version, tag_of(p, r, m)};
	t->used = 1;
}

/* Counts the packet in; false: the tag has ended. */
static bool tag_goes_on(struct flow_tag *t, const struct packet *p)
{
	t->packets_seen++;
	t->bytes_seen += p->len;
	if (t->packets && t->packets_seen > t->packets)
		return false;
	if (t->bytes && t->bytes_seen > t->bytes)
		return false;
	return !t->seconds || p->ts_ns <= t->start_ns + t->seconds * NS_PER_S;
}

static bool hosts_tagged(struct worker *w, const struct packet *p)
{
	struct tag_table *t = w->detect->tags;
	bool tagged = false;

	for (unsigned i = 0; i < TAG_HOSTS_MAX; i++) {
		struct tag_host *h = &t->hosts[i];

		if (h->ip_version != p->ip_version ||
		    (!addr_equal(&h->host, &p->src) && !addr_equal(&h->host, &p->dst)))
			continue;
		if (tag_goes_on(&h->tag, p))
			tagged = true;
		else
			h->ip_version = 0;
	}
	return tagged;
}

void tag_packet(struct worker *w, struct packet *p)
{
	struct tag_table *t = w->detect->tags;
	struct detect_flow *d = p->flow ? flow_cold(p->flow)->detect : NULL;
	bool tagged = false;

	if ((!t->used && !(d && d->tagged)) || (p->flags & PACKET_PSEUDO) || t->set_by == p->number)
		return;
	if (d && d->tagged) {
		tagged = tag_goes_on(&d->tag, p);
		d->tagged = tagged;
	}
	if (t->used && p->ip_version && hosts_tagged(w, p))
		tagged = true;
	if (tagged) {
		struct recorder *r = emit_packet(w, RECORD_packet, p);

		rec_bytes(r, F_top_packet, p->data, p->len);
		rec_uint(r, F_top_packet_linktype, p->link_type);
		emit_end(w);
	}
}

struct tag_table *tag_table_new(struct worker *w)
{
	return worker_memory(w, sizeof(struct tag_table), 64);
}

void tag_table_reset(struct tag_table *t)
{
	memset(t, 0, sizeof(*t));
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/offload.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/engine/block.h"
#include "dataplane/engine/clock.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/handover.h"
#include "dataplane/flow/flow.h"
#include "drivers/port.h"

#define PROTO_TCP 6
#define PROTO_UDP 17
#define HASH_HEADS 65536u
#define RING_MESSAGES 2048u
#define NEWS_PER_CALL 32u
#define NONE UINT32_MAX
#define NS_PER_SECOND 1000000000ull
#define SETTLE_MS 2000

/* Lane → main. */
struct request {
	struct port_flow key;
	uint32_t place;
	uint64_t id;
	uint32_t epoch;
	uint8_t lane, remove;
	uint8_t pad[2];
};

/* Main → lane: since the last news. By end, low first, as the ports count. */
struct news {
	struct port_flow key;
	uint32_t place;
	uint64_t id;
	uint64_t packets[2], bytes[2];
	uint64_t age_ns; /* of the last packet */
	uint32_t gone;   /* the kernel does not forward it any more … */
	uint32_t refused; /* … or never did, as there was no room */
};

/* One that the kernel forwards, or did and its lane is still to be told. */
struct entry {
	struct port_flow key;
	uint32_t place;
	uint64_t id;
	uint8_t lane;
	bool used, gone, refused;
	uint64_t packets[2], bytes[2]; /* forwarded */
	uint64_t told_packets[2], told_bytes[2];
	uint64_t last_ns;  /* monotonic; of the last packet, or when it was handed over */
	uint32_t next;     /* of the same hash, or free */
};

struct offload {
	struct engine *engine;
	struct port *ports[2];
	struct rte_ring *requests[MAX_WORKERS], *news[MAX_WORKERS];
	_Atomic uint32_t epoch;  /* of blocks and captures; writer main */
	_Atomic bool settled;    /* all is told; writer main */
	/* main's own */
	struct entry *entries;
	uint32_t *heads;
	uint32_t free_first, active;
	uint64_t walked_ns, timeout_ns;
	bool ending;
};

_Static_assert(sizeof(struct request) % 4 == 0 && sizeof(struct news) % 4 == 0, "elements of a ring");

/* ---- start and end ---- */

struct offload *offload_new(struct engine *e, struct port *const ports[2])
{
	struct offload *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->engine = e;
	memcpy(o->ports, ports, sizeof(o->ports));
	o->timeout_ns = 2 * e->config->flow_bypassed * NS_PER_SECOND;
	o->entries = calloc(PORT_FLOWS, sizeof(*o->entries));
	o->heads = malloc(HASH_HEADS * sizeof(*o->heads));
	for (unsigned i = 0; i < e->lane_count; i++) {
		o->requests[i] = ring_between("offload", sizeof(struct request), RING_MESSAGES);
		o->news[i] = ring_between("offload", sizeof(struct news), RING_MESSAGES);
		if (!o->requests[i] || !o->news[i] || !o->entries || !o->heads) {
			offload_free(o);
			return NULL;
		}
	}
	memset(o->heads, 0xff, HASH_HEADS * sizeof(*o->heads));
	for (uint32_t i = 0; i < PORT_FLOWS; i++)
		o->entries[i].next = i + 1 < PORT_FLOWS ? i + 1 : NONE;
	return o;
}

void offload_free(struct offload *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < MAX_WORKERS; i++) {
		free(o->requests[i]);
		free(o->news[i]);
	}
	free(o->entries);
	free(o->heads);
	free(o);
}

/* ---- lane ---- */

/* The flow as ports know it; false: they cannot (a tunnel, neither TCP nor UDP). *client_low: its client is the
 * low end. */
static bool offload_key(const struct flow *f, struct port_flow *key, bool *client_low)
{
	int order = memcmp(&f->client, &f->server, sizeof(f->client));

	if ((f->ip_proto != PROTO_TCP && f->ip_proto != PROTO_UDP) || f->tunnel_depth || f->vlan_count > PORT_FLOW_VLANS)
		return false;
	*client_low = order < 0 || (order == 0 && f->client_port <= f->server_port);
	memset(key, 0, sizeof(*key));
	memcpy(key->low, *client_low ? &f->client : &f->server, sizeof(key->low));
	memcpy(key->high, *client_low ? &f->server : &f->client, sizeof(key->high));
	key->low_port = htons(*client_low ? f->client_port : f->server_port);
	key->high_port = htons(*client_low ? f->server_port : f->client_port);
	for (unsigned i = 0; i < f->vlan_count; i++)
		key->vlan[i] = f->vlan[i];
	key->vlan_count = f->vlan_count;
	key->ip_version = f->ip_version;
	key->ip_proto = f->ip_proto;
	return true;
}

static bool ask(struct lane *l, const struct flow *f, const struct port_flow *key, uint32_t epoch, bool remove)
{
	struct offload *o = l->engine->offload;
	struct request r = {.key = *key, .place = flow_place(&l->w, f), .id = flow_cold(f)->id, .epoch = epoch,
			    .lane = (uint8_t)l->w.id, .remove = remove};

	return rte_ring_sp_enqueue_elem(o->requests[l->w.id], &r, sizeof(r)) == 0;
}

/* An operator's limit counts every packet. */
static bool limited(const struct lane *l, const struct flow *f)
{
	return blocks_concern(atomic_load_explicit(&l->engine->blocks, memory_order_acquire), &f->client, &f->server,
			      f->ip_version, l->w.now_ns);
}

void offload_offer(struct lane *l, const struct packet *p)
{
	struct flow *f = p->flow;
	struct port_flow key;
	bool client_low;
	/* Before blocks and captures are looked at: if they change after that, the request is too old. */
	uint32_t epoch = atomic_load_explicit(&l->engine->offload->epoch, memory_order_acquire);

	if (!offload_key(f, &key, &client_low)) {
		f->flags |= FLOW_NO_OFFLOAD; /* it will never be one for ports */
		return;
	}
	if (f->flags & (FLOW_DROP | FLOW_RATED) || p->verdict != VERDICT_ACCEPT ||
	    (p->ip_proto == PROTO_TCP && p->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) ||
	    atomic_load_explicit(&l->engine->recordings, memory_order_acquire) || limited(l, f))
		return;
	if (!ask(l, f, &key, epoch, false))
		return;
	f->flags |= FLOW_OFFLOADED;
	l->w.counters->offload_flows++;
	l->w.counters->offload_active++;
}

void offload_ended(struct worker *w, const struct flow *f)
{
	struct port_flow key;
	bool client_low;

	w->counters->offload_active--;
	/* No room: when the kernel forwards more of it, its news finds no flow, and it is asked again. */
	if (offload_key(f, &key, &client_low))
		(void)ask(lane_of(w), f, &key, 0, true);
}

static void take(struct lane *l, const struct news *n)
{
	struct worker *w = &l->w;
	struct flow *f = flow_at(w, n->place, n->id);
	struct flow_forwarded more;
	struct port_flow key;
	bool client_low;

	w->counters->offload_pkts += n->packets[0] + n->packets[1];
	w->counters->offload_bytes += n->bytes[0] + n->bytes[1];
	if (!f || !offload_key(f, &key, &client_low)) {
		struct request r = {.key = n->key, .place = n->place, .id = n->id, .lane = (uint8_t)w->id, .remove = 1};

		if (!n->gone)
			(void)rte_ring_sp_enqueue_elem(l->engine->offload->requests[w->id], &r, sizeof(r));
		return;
	}
	for (unsigned d = 0; d < 2; d++) {
		unsigned end = (d == TO_SERVER) == client_low ? 0 : 1;

		more.packets[d] = n->packets[end];
		more.bytes[d] = n->bytes[end];
	}
	if (n->packets[0] + n->packets[1])
		flow_forwarded(w, f, &more, w->now_ns > n->age_ns ? w->now_ns - n->age_ns : 0);
	if (n->gone && f->flags & FLOW_OFFLOADED) {
		f->flags &= ~(uint32_t)FLOW_OFFLOADED;
		f->flags |= n->refused ? FLOW_NO_OFFLOAD : 0;
		w->counters->offload_refused += n->refused;
		w->counters->offload_active--;
	} else if (f->flags & (FLOW_DROP | FLOW_RATED)) {
		(void)ask(l, f, &key, 0, true);
	}
}

void offload_news(struct lane *l)
{
	struct rte_ring *ring = l->engine->offload->news[l->w.id];
	struct news n;

	for (unsigned i = 0; i < NEWS_PER_CALL && rte_ring_sc_dequeue_elem(ring, &n, sizeof(n)) == 0; i++)
		take(l, &n);
}

void offload_settle(struct lane *l)
{
	struct offload *o = l->engine->offload;

	for (unsigned ms = 0; ms < SETTLE_MS && !atomic_load_explicit(&o->settled, memory_order_acquire); ms++) {
		offload_news(l);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	while (!rte_ring_empty(o->news[l->w.id]))
		offload_news(l);
}

/* ---- main thread ---- */

/* FNV-1a. Who fills the chains of one hash slows the main thread, not the packets; there are at most PORT_FLOWS. */
static uint32_t hash(const struct port_flow *key)
{
	const uint8_t *b = (const uint8_t *)key;
	uint32_t h = 2166136261u;

	for (unsigned i = 0; i < sizeof(*key); i++)
		h = (h ^ b[i]) * 16777619u;
	return (h ^ h >> 16) % HASH_HEADS;
}

static struct entry *find(struct offload *o, const struct port_flow *key)
{
	uint32_t at = o->heads[hash(key)];

	for (; at != NONE; at = o->entries[at].next)
		if (!o->entries[at].gone && memcmp(&o->entries[at].key, key, sizeof(*key)) == 0)
			return &o->entries[at];
	return NULL;
}

static struct entry *entry_new(struct offload *o, const struct request *r)
{
	uint32_t at = o->free_first, head = hash(&r->key);
	struct entry *e;

	if (at == NONE)
		return NULL;
	e = &o->entries[at];
	o->free_first = e->next;
	*e = (struct entry){.key = r->key, .place = r->place, .id = r->id, .lane = r->lane, .used = true,
			    .last_ns = monotonic_ns(), .next = o->heads[head]};
	o->heads[head] = at;
	o->active++;
	return e;
}

static void entry_free(struct offload *o, struct entry *e)
{
	uint32_t at = (uint32_t)(e - o->entries), *link = &o->heads[hash(&e->key)];

	while (*link != at)
		link = &o->entries[*link].next;
	*link = e->next;
	e->used = false;
	e->next = o->free_first;
	o->free_first = at;
	o->active--;
}

/* Tells the lane what is new. False: its ring is full; told later. An entry that is gone is freed. */
static bool tell(struct offload *o, struct entry *e, uint64_t now_ns)
{
	struct news n = {.key = e->key, .place = e->place, .id = e->id, .gone = e->gone, .refused = e->refused,
			 .age_ns = now_ns > e->last_ns ? now_ns - e->last_ns : 0};
	bool any = e->gone;

	for (unsigned i = 0; i < 2; i++) {
		n.packets[i] = e->packets[i] - e->told_packets[i];
		n.bytes[i] = e->bytes[i] - e->told_bytes[i];
		any |= n.packets[i] != 0;
	}
	if (!any)
		return true;
	if (rte_ring_sp_enqueue_elem(o->news[e->lane], &n, sizeof(n)) != 0)
		return false;
	memcpy(e->told_packets, e->packets, sizeof(e->packets));
	memcpy(e->told_bytes, e->bytes, sizeof(e->bytes));
	if (e->gone)
		entry_free(o, e);
	return true;
}

/* What both ports have counted; recall: they forward it no more. True: one of them has stopped by itself. */
static bool gather(struct offload *o, struct entry *e, bool recall)
{
	uint64_t packets[2] = {0}, bytes[2] = {0};
	bool stopped = false;

	for (unsigned i = 0; i < 2; i++) {
		struct port_flow_count c;

		if ((recall ? port_flow_recall : port_flow_read)(o->ports[i], &e->key, &c) != 0) {
			stopped = true;
			continue;
		}
		stopped |= c.stopped;
		for (unsigned k = 0; k < 2; k++) {
			packets[k] += c.packets[k];
			bytes[k] += c.bytes[k];
		}
		if (c.last_ns > e->last_ns)
			e->last_ns = c.last_ns;
	}
	for (unsigned k = 0; k < 2; k++) {
		e->packets[k] = packets[k] > e->packets[k] ? packets[k] : e->packets[k];
		e->bytes[k] = bytes[k] > e->bytes[k] ? bytes[k] : e->bytes[k];
	}
	return stopped;
}

static void recall(struct offload *o, struct entry *e, uint64_t now_ns)
{
	(void)gather(o, e, true);
	e->gone = true;
	(void)tell(o, e, now_ns);
}

/* It was not handed over. */
static void refuse(struct offload *o, const struct request *r, bool for_good)
{
	struct news n = {.key = r->key, .place = r->place, .id = r->id, .gone = 1, .refused = for_good};

	/* No room: the flow stays marked, and its packets go through the engine as before. */
	(void)rte_ring_sp_enqueue_elem(o->news[r->lane], &n, sizeof(n));
}

static void serve(struct offload *o, const struct request *r, uint64_t now_ns)
{
	struct entry *e = find(o, &r->key);

	if (r->remove) {
		if (e && e->id == r->id)
			recall(o, e, now_ns);
		return;
	}
	if (o->ending || r->epoch != atomic_load_explicit(&o->epoch, memory_order_relaxed)) {
		refuse(o, r, false);
		return;
	}
	if (e) /* of an earlier flow of the same ends */
		recall(o, e, now_ns);
	e = entry_new(o, r);
	if (!e) {
		refuse(o, r, true);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		e->refused |= port_flow_release(o->ports[i], &r->key) != 0;
	if (e->refused)
		recall(o, e, now_ns);
}

static void serve_all(struct offload *o, uint64_t now_ns)
{
	struct request r;

	for (unsigned i = 0; i < o->engine->lane_count; i++)
		while (rte_ring_sc_dequeue_elem(o->requests[i], &r, sizeof(r)) == 0)
			serve(o, &r, now_ns);
}

/* What the ports have counted, to the lanes. */
static void walk(struct offload *o, uint64_t now_ns)
{
	for (uint32_t i = 0, left = o->active; left && i < PORT_FLOWS; i++) {
		struct entry *e = &o->entries[i];

		if (!e->used)
			continue;
		left--;
		if (!e->gone && (gather(o, e, false) || now_ns > e->last_ns + o->timeout_ns))
			recall(o, e, now_ns);
		else
			(void)tell(o, e, now_ns);
	}
}

void offload_recall_all(struct offload *o)
{
	uint64_t now_ns = monotonic_ns();

	atomic_fetch_add_explicit(&o->epoch, 1, memory_order_acq_rel);
	for (uint32_t i = 0, left = o->active; left && i < PORT_FLOWS; i++)
		if (o->entries[i].used) {
			left--;
			if (!o->entries[i].gone)
				recall(o, &o->entries[i], now_ns);
		}
}

static void settle(struct offload *o)
{
	if (atomic_load_explicit(&o->settled, memory_order_relaxed))
		return;
	o->ending = true;
	offload_recall_all(o);
	for (unsigned ms = 0; ms < SETTLE_MS / 2 && o->active; ms++) {
		serve_all(o, monotonic_ns());
		walk(o, monotonic_ns());
		nanosleep(&(struct timespec){.tv_nsec = o->active ? 1000000 : 0}, NULL);
	}
	atomic_store_explicit(&o->settled, true, memory_order_release);
}

void offload_tick(struct offload *o, bool last)
{
	uint64_t now_ns = monotonic_ns();

	if (last) {
		settle(o);
		return;
	}
	serve_all(o, now_ns);
	if (now_ns - o->walked_ns < NS_PER_SECOND)
		return;
	o->walked_ns = now_ns;
	walk(o, now_ns);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pool of packets of one worker, and what any stage may note on a packet. Runs in the
 * dataplane's worker thread; memory is allocated once, at start.
 */
#include "dataplane/packet/packet.h"

#include <errno.h>
#include <string.h>

#include "dataplane/engine/worker.h"
#include "dataplane/packet/defrag.h"

struct packet_pool {
	struct packet *free;
	struct packet *all;
	unsigned count;
};

int packet_pool_new(struct worker *w, unsigned count)
{
	struct packet_pool *pool = worker_memory(w, sizeof(*pool), 64);

	if (!pool)
		return -ENOMEM;
	pool->all = worker_memory(w, (size_t)count * sizeof(*pool->all), 64);
	if (!pool->all) {
		worker_memory_free(w, pool);
		return -ENOMEM;
	}
	pool->count = count;
	for (unsigned i = count; i-- > 0;) {
		pool->all[i].next_free = pool->free;
		pool->free = &pool->all[i];
	}
	w->packets = pool;
	return 0;
}

void packet_pool_free(struct worker *w)
{
	if (!w->packets)
		return;
	worker_memory_free(w, w->packets->all);
	worker_memory_free(w, w->packets);
	w->packets = NULL;
}

struct packet *packet_get(struct worker *w)
{
	struct packet *p = w->packets->free;

	if (!p)
		return NULL;
	w->packets->free = p->next_free;
	packet_clear(p);
	return p;
}

void packet_put(struct worker *w, struct packet *p)
{
	if (p->buffer)
		defrag_buffer_put(w, p->buffer);
	p->buffer = NULL;
	p->next_free = w->packets->free;
	w->packets->free = p;
}

bool packet_has_event(const struct packet *p, enum anomaly_id id)
{
	for (unsigned i = 0; i < p->event_count; i++)
		if (p->events[i] == id)
			return true;
	return false;
}

void packet_event(struct worker *w, struct packet *p, enum anomaly_id id)
{
	w->counters->anomaly[id]++;
	if (p->event_count < PACKET_EVENTS_MAX)
		p->events[p->event_count++] = (uint16_t)id;
}

static void drop_one(struct packet *p, enum drop_reason reason)
{
	if (p->drop == DROP_none)
		p->drop = (uint8_t)reason;
	if (p->verdict == VERDICT_ACCEPT)
		p->verdict = VERDICT_DROP;
}

void packet_drop(struct packet *p, enum drop_reason reason)
{
	drop_one(p, reason);
	/* Tunnels nest at most DECODE_PACKETS_MAX deep. */
	for (struct packet *outer = p->outer; outer; outer = outer->outer)
		if (!outer->outer)
			drop_one(outer, reason);
}

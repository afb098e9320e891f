/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/handover.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "dataplane/engine/engine.h"
#include "dataplane/engine/steer.h"
#include "drivers/frame.h"

#define WAIT_NS 50000

/* Works without EAL: plain memory. */
struct rte_ring *ring_between(const char *name, unsigned element, unsigned count)
{
	ssize_t bytes = rte_ring_get_memsize_elem(element, count);
	struct rte_ring *r = NULL;

	if (bytes < 0 || posix_memalign((void **)&r, RTE_CACHE_LINE_SIZE, (size_t)bytes) != 0)
		return NULL;
	if (rte_ring_init(r, name, count, RING_F_SP_ENQ | RING_F_SC_DEQ) == 0)
		return r;
	free(r);
	return NULL;
}

static struct rte_ring *ring_new(void)
{
	return ring_between("handover", sizeof(void *), HANDOVER_FRAMES);
}

static void ring_free(struct rte_ring *r)
{
	void *frame;

	if (!r)
		return;
	while (rte_ring_sc_dequeue(r, &frame) == 0)
		frame_free(frame);
	free(r);
}

struct handover *handover_new(unsigned lane_count, unsigned ports)
{
	struct handover *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->lane_count = lane_count;
	for (unsigned i = 0; i < lane_count; i++) {
		h->in[i] = ring_new();
		for (unsigned k = 0; k < ports && k < 2; k++)
			h->out[i][k] = ring_new();
		if (!h->in[i] || (ports > 0 && !h->out[i][0]) || (ports > 1 && !h->out[i][1])) {
			handover_free(h);
			return NULL;
		}
	}
	return h;
}

void handover_free(struct handover *h)
{
	if (!h)
		return;
	for (unsigned i = 0; i < h->lane_count; i++) {
		ring_free(h->in[i]);
		ring_free(h->out[i][0]);
		ring_free(h->out[i][1]);
	}
	free(h);
}

static void give_to(struct handover *h, unsigned lane, struct rte_mbuf **frames, unsigned n,
		    bool wait, const _Atomic bool *stop)
{
	const struct timespec pause = {.tv_nsec = WAIT_NS};
	unsigned given = rte_ring_sp_enqueue_burst(h->in[lane], (void **)frames, n, NULL);

	while (given < n && wait && !atomic_load_explicit(stop, memory_order_relaxed)) {
		nanosleep(&pause, NULL);
		given += rte_ring_sp_enqueue_burst(h->in[lane], (void **)(frames + given),
						   n - given, NULL);
	}
	if (given < n)
		atomic_fetch_add_explicit(&h->lost[lane], n - given, memory_order_relaxed);
	while (given < n)
		frame_free(frames[given++]);
}

unsigned handover_give(struct handover *h, struct rte_mbuf **frames, unsigned n, bool wait,
		       const _Atomic bool *stop)
{
	struct rte_mbuf *group[BURST], *left[BURST];
	unsigned left_count = 0;
	uint8_t lane[BURST];

	for (unsigned i = 0; i < n; i++) {
		uint32_t hash = steer_hash(frame_info(frames[i])->link_type, frame_data(frames[i]),
					   frame_len(frames[i]));

		lane[i] = (uint8_t)((uint64_t)hash * h->lane_count >> 32);
	}
	for (unsigned k = 0; k < h->lane_count; k++) {
		unsigned count = 0;

		for (unsigned i = 0; i < n; i++) {
			if (lane[i] != k)
				continue;
			if (h->stalled >> k & 1)
				left[left_count++] = frames[i];
			else
				group[count++] = frames[i];
		}
		if (count)
			give_to(h, k, group, count, wait, stop);
	}
	memcpy(frames, left, left_count * sizeof(*left));
	return left_count;
}

unsigned handover_depth(const struct handover *h, unsigned lane)
{
	return rte_ring_count(h->in[lane]) * 100 / (HANDOVER_FRAMES - 1);
}

unsigned handover_take(struct handover *h, unsigned lane, struct rte_mbuf **frames, unsigned n)
{
	return rte_ring_sc_dequeue_burst(h->in[lane], (void **)frames, n, NULL);
}

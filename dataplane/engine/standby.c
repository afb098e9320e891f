/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/standby.h"

#include <time.h>

#include <rte_pause.h>

#include "dataplane/engine/clock.h"
#include "drivers/eal.h"
#include "drivers/frame.h"
#include "drivers/port.h"

#define STANDBY_BURST 32
#define HOLDING_SLEEP_NS 20000
#define LOOKS 4 /* in the time that a worker may say nothing */

void standby_wait(struct standby_queues *q)
{
	uint32_t free;

	atomic_store_explicit(&q->wanted, true, memory_order_relaxed);
	do {
		free = QUEUES_FREE;
		rte_pause();
	} while (!atomic_compare_exchange_weak_explicit(&q->owner, &free, QUEUES_WORKER, memory_order_acquire,
							memory_order_relaxed));
	atomic_store_explicit(&q->wanted, false, memory_order_relaxed);
}

/* What no worker takes: on to the other side. */
static unsigned pass(struct standby *s, unsigned worker, unsigned port)
{
	struct rte_mbuf *frames[STANDBY_BURST];
	unsigned n = port_rx_burst(s->ports[port], worker, frames, STANDBY_BURST);
	unsigned sent = n && s->open ? port_tx_burst(s->ports[!port], worker, frames, (uint16_t)n) : 0;

	atomic_fetch_add_explicit(s->passed, sent, memory_order_relaxed);
	atomic_fetch_add_explicit(s->dropped, n - sent, memory_order_relaxed);
	for (unsigned i = sent; i < n; i++)
		frame_free(frames[i]);
	return n;
}

static bool silent(const struct standby *s, unsigned worker, uint64_t now_ns)
{
	uint64_t last = __atomic_load_n(&s->beat_ns[worker], __ATOMIC_RELAXED);
	uint64_t returned = s->queues[worker].returned_ns;

	if (returned > last)
		last = returned;
	return now_ns > last && now_ns - last > s->max_age_ns;
}

/* Whether it holds the worker's queues now. */
static bool holds(struct standby *s, unsigned worker, uint64_t now_ns)
{
	struct standby_queues *q = &s->queues[worker];
	uint32_t free = QUEUES_FREE;

	if (atomic_load_explicit(&q->owner, memory_order_relaxed) != QUEUES_STANDBY)
		return silent(s, worker, now_ns) &&
		       atomic_compare_exchange_strong_explicit(&q->owner, &free, QUEUES_STANDBY, memory_order_acquire,
							       memory_order_relaxed);
	if (!atomic_load_explicit(&q->wanted, memory_order_relaxed))
		return true;
	q->returned_ns = now_ns;
	atomic_store_explicit(&q->owner, QUEUES_FREE, memory_order_release);
	return false;
}

unsigned standby_turn(struct standby *s, uint64_t now_ns, bool *any)
{
	unsigned moved = 0;

	*any = false;
	for (unsigned i = 0; i < s->workers; i++) {
		if (!holds(s, i, now_ns))
			continue;
		*any = true;
		moved += pass(s, i, 0) + pass(s, i, 1);
	}
	return moved;
}

static void free_all(struct standby *s)
{
	for (unsigned i = 0; i < s->workers; i++)
		if (atomic_load_explicit(&s->queues[i].owner, memory_order_relaxed) == QUEUES_STANDBY)
			atomic_store_explicit(&s->queues[i].owner, QUEUES_FREE, memory_order_release);
}

void *standby_main(void *standby)
{
	struct standby *s = standby;
	uint64_t look_ns = s->max_age_ns / LOOKS;

	(void)eal_thread_begin();
	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		bool any;
		unsigned moved = standby_turn(s, monotonic_ns(), &any);
		struct timespec rest = {.tv_sec = any ? 0 : (time_t)(look_ns / 1000000000u),
					.tv_nsec = any ? HOLDING_SLEEP_NS : (long)(look_ns % 1000000000u)};

		if (!moved)
			nanosleep(&rest, NULL);
	}
	free_all(s);
	eal_thread_end();
	return NULL;
}

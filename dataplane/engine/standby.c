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

static bool take(struct standby_queues *q, uint32_t owner)
{
	uint32_t free = QUEUES_FREE;

	return atomic_compare_exchange_strong_explicit(&q->owner, &free, owner, memory_order_acquire, memory_order_relaxed);
}

void standby_wait(struct standby_queues *q)
{
	while (!take(q, QUEUES_WORKER))
		rte_pause();
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

	return now_ns > last && now_ns - last > s->max_age_ns;
}

unsigned standby_turn(struct standby *s, uint64_t now_ns, bool *any)
{
	unsigned moved = 0;

	*any = false;
	for (unsigned i = 0; i < s->workers; i++) {
		if (!silent(s, i, now_ns) || !take(&s->queues[i], QUEUES_STANDBY))
			continue;
		*any = true;
		moved += pass(s, i, 0) + pass(s, i, 1);
		standby_release(s, i);
	}
	return moved;
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
	eal_thread_end();
	return NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>

#include "dataplane/app/range.h"
#include "dataplane/engine/clock.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/handover.h"
#include "dataplane/engine/offload.h"
#include "dataplane/flow/flow.h"
#include "drivers/eal.h"
#include "drivers/frame.h"
#include "drivers/port.h"

#define NS_PER_SECOND 1000000000ull
#define NS_PER_MS 1000000ull
/* A queue that cannot say how deep it is holds as many frames as a port is asked for. */
#define QUEUE_FRAMES 1024u
/* Empty polls before a thread sleeps a little; the sleep is short beside a queue's depth. */
#define POLLS_BEFORE_SLEEP 2000
#define SLEEP_NS 20000
#define IDLE_TIMERS 256
#define PORT_DESCRIPTORS 4096u /* frames that ports and rings may hold, for each port and lane */

struct live {
	struct engine *engine;
	struct port *ports[PORTS_MAX];
	unsigned port_count;
	bool sends;                    /* inline: ports 0 and 1 are a pair */
	struct rte_mempool *pool;
	struct clock clock;
	uint64_t clock_hz;
	struct handover *handover;     /* NULL: each lane has queues of its own */
	pthread_t dispatcher;
	bool dispatching;
	uint64_t anchored_ns;          /* monotonic */
	/* what ports lost; writer main, reader lane 0, which counts it */
	_Atomic uint64_t rx_missed, no_mbuf, passed_by;
	/* The kernel does not stand in for the ports: the dispatcher passes by lanes that stall. */
	bool passes_by;
	_Atomic uint64_t lane_beat_ns[MAX_WORKERS]; /* monotonic; 0: not yet; writers: lanes */
	_Atomic uint64_t past_lanes, past_dropped;  /* frames passed on, or not; writer dispatcher */
	_Atomic uint64_t too_long;     /* chains that did not fit; writers: whoever takes frames */
	uint64_t rx_missed_counted, no_mbuf_counted, passed_by_counted; /* lane 0 */
	uint64_t lost_counted[MAX_WORKERS];          /* each lane its own */
};

/* ---- opening ---- */

static unsigned frames_needed(const struct engine *e, unsigned ports)
{
	const struct config *c = e->config;
	uint64_t per_lane = c->stream_max_held + 1024;
	uint64_t n = e->lane_count * per_lane +
		     (uint64_t)ports * (e->lane_count + 1) * PORT_DESCRIPTORS;

	return n > 16000000 ? 16000000 : (unsigned)n;
}

static int uris_of(struct engine *e, const char *uris[PORTS_MAX], unsigned *count)
{
	const struct config *c = e->config;

	*count = 0;
	if (c->mode == MODE_INLINE) {
		if (!c->pair_a[0] || !c->pair_b[0]) {
			engine_error(e, "mode inline needs both ports of the pair: set pair.a and "
				     "pair.b, as pair.a: afxdp:eth1");
			return -EINVAL;
		}
		uris[(*count)++] = c->pair_a;
		uris[(*count)++] = c->pair_b;
		return 0;
	}
	if (c->ports.count == 0 || c->ports.count > PORTS_MAX) {
		engine_error(e, c->ports.count ? "at most %d ports can be read"
					       : "no port to listen on is configured: set ports, "
						 "as ports: [afxdp:eth1] (at most %d)", PORTS_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < c->ports.count; i++)
		uris[(*count)++] = c->ports.items[i];
	return 0;
}

static int start_eal(struct live *l, const char *const *uris, unsigned count)
{
	struct engine *e = l->engine;
	static const enum eal_pages pages[] = {
		[HUGEPAGES_AUTO] = EAL_PAGES_AUTO,
		[HUGEPAGES_YES] = EAL_PAGES_HUGE,
		[HUGEPAGES_NO] = EAL_PAGES_SMALL,
	};
	struct port_uri parsed[PORTS_MAX];
	const char *pci[PORTS_MAX];
	char error[ENGINE_ERROR_BYTES];
	unsigned frames = frames_needed(e, count);
	struct eal_options o = {
		.pages = pages[e->config->hugepages],
		.frames = frames,
		.pci = pci,
	};
	bool huge = false;
	int err = 0;

	for (unsigned i = 0; i < count && !err; i++) {
		err = port_uri_parse(uris[i], &parsed[i], error);
		if (!err && port_uri_pci(&parsed[i]))
			pci[o.pci_count++] = port_uri_pci(&parsed[i]);
	}
	if (!err)
		err = eal_start(&o, &huge, error);
	if (!err) {
		e->huge_pages = huge;
		l->pool = eal_frames_new("frames", frames, error);
		err = l->pool ? 0 : -ENOMEM;
	}
	if (err)
		engine_error(e, "%s", error);
	return err;
}

static int open_ports(struct live *l, const char *const *uris, unsigned count)
{
	const struct config *config = l->engine->config;
	bool watched = l->sends && config->pair_heartbeat_ms;
	char error[ENGINE_ERROR_BYTES];

	for (unsigned i = 0; i < count; i++) {
		struct port_config c = {
			.index = (uint8_t)i,
			.rx_queues = l->engine->lane_count,
			.tx_queues = l->sends ? l->engine->lane_count : 0,
			.pool = l->pool,
			.peer = watched ? uris[!i] : NULL,
			.fail_closed = !config->pair_fail_open,
			.forwards = config->pair_kernel_bypass,
			.beats = l->engine->lane_count + 1,
			.beat_max_age_ns = config->pair_heartbeat_ms * NS_PER_MS,
		};

		l->ports[i] = port_open(uris[i], &c, error);
		if (!l->ports[i]) {
			engine_error(l->engine, "%s", error);
			return -ENODEV;
		}
		l->port_count++;
	}
	return 0;
}

/* Both sides, or a flow would be seen one way only. */
static int open_offload(struct live *l)
{
	if (!l->sends || !l->engine->config->pair_kernel_bypass)
		return 0;
	for (unsigned i = 0; i < l->port_count; i++)
		if (!port_kernel_forwards(l->ports[i])) {
			engine_error(l->engine, "pair.kernel_bypass needs both ports of the pair on AF_XDP and "
				     "pair.heartbeat_ms above 0; %s cannot forward flows by itself: set "
				     "pair.kernel_bypass: no", port_uri_of(l->ports[i]));
			return -EOPNOTSUPP;
		}
	l->engine->offload = offload_new(l->engine, l->ports);
	return l->engine->offload ? 0 : -ENOMEM;
}

static bool ports_spread(const struct live *l)
{
	unsigned lanes = l->engine->lane_count;

	for (unsigned i = 0; i < l->port_count; i++) {
		const struct port *p = l->ports[i];

		if (l->sends && port_tx_queues(p) < lanes)
			return false;
		if (lanes > 1 && (!port_spreads_flows(p) || port_rx_queues(p) != lanes))
			return false;
	}
	return true;
}

/* What becomes of the wire when this process, or a thread of it, is not there. */
static int without_us(struct live *l)
{
	const struct config *c = l->engine->config;
	const struct port *weak = NULL;

	for (unsigned i = 0; i < l->port_count; i++)
		if (!port_kernel_forwards(l->ports[i]))
			weak = l->ports[i];
	if (!weak)
		return 0;
	if (c->pair_fail_open_required) {
		engine_error(l->engine, "pair.fail_open_required: %s cannot pass frames on without this process; use "
			     "afxdp: for both ports of the pair, with pair.heartbeat_ms above 0", port_uri_of(weak));
		return -EOPNOTSUPP;
	}
	l->passes_by = l->handover && c->pair_heartbeat_ms;
	if (c->pair_fail_open)
		fprintf(stderr, "metsuke: pair.fail_open: %s cannot pass frames on without this process: while it is "
			"stopped the wire is down; %s\n", port_uri_of(weak),
			l->passes_by ? "frames of a worker that stalls pass by it"
				     : "a worker that stalls stops it too");
	return 0;
}

static int settings_hold(struct engine *e, const char *uris[PORTS_MAX], unsigned *count)
{
	const struct config *c = e->config;

	if (c->overload_low >= c->overload_high) {
		engine_error(e, "overload.low (%" PRIu64 ") must be below overload.high (%" PRIu64 "): a queue is "
			     "shallow before it is deep", c->overload_low, c->overload_high);
		return -EINVAL;
	}
	return uris_of(e, uris, count);
}

int live_check(struct engine *e)
{
	char error[ENGINE_ERROR_BYTES];
	const char *uris[PORTS_MAX];
	unsigned count = 0;
	int err = settings_hold(e, uris, &count);

	for (unsigned i = 0; i < count && !err; i++) {
		struct port_uri parsed;

		err = port_uri_parse(uris[i], &parsed, error);
		if (err)
			engine_error(e, "%s", error);
	}
	return err;
}

int live_open(struct engine *e, struct live **out)
{
	struct live *l = calloc(1, sizeof(*l));
	const char *uris[PORTS_MAX];
	unsigned count;
	int err;

	*out = l;
	if (!l)
		return -ENOMEM;
	l->engine = e;
	e->live = l;
	l->sends = e->config->mode == MODE_INLINE;
	err = settings_hold(e, uris, &count);
	if (!err)
		err = start_eal(l, uris, count);
	if (!err)
		err = open_ports(l, uris, count);
	if (!err)
		err = open_offload(l);
	if (err)
		return err;
	l->clock_hz = rte_get_tsc_hz();
	clock_start(&l->clock, l->clock_hz);
	if (!ports_spread(l)) {
		l->handover = handover_new(e->lane_count, l->sends ? 2 : 0);
		if (!l->handover)
			return -ENOMEM;
	}
	return l->sends ? without_us(l) : 0;
}

void live_close(struct live *l)
{
	if (!l)
		return;
	if (l->dispatching)
		pthread_join(l->dispatcher, NULL);
	handover_free(l->handover);
	offload_free(l->engine->offload);
	l->engine->offload = NULL;
	for (unsigned i = 0; i < l->port_count; i++)
		port_close(l->ports[i]);
	if (l->pool)
		eal_frames_free(l->pool);
	eal_stop();
	l->engine->live = NULL;
	free(l);
}

/* ---- heartbeats ---- */

/* A thread says that it lives, every millisecond; thread: a lane's number, or that after the last for the
 * dispatcher. */
struct heartbeat {
	uint64_t next_tsc;
	unsigned thread;
};

/* Dispatcher: which lanes are not given frames any more, or again. One that has not begun yet is stalled too. */
static void find_stalled(struct live *l, uint64_t now)
{
	uint64_t max_age = l->engine->config->pair_heartbeat_ms * NS_PER_MS, stalled = 0;

	for (unsigned i = 0; i < l->engine->lane_count; i++) {
		uint64_t last = atomic_load_explicit(&l->lane_beat_ns[i], memory_order_relaxed);

		stalled |= (uint64_t)(now > last && now - last > max_age) << i;
	}
	l->handover->stalled = stalled;
}

static void beat(struct live *l, struct heartbeat *h)
{
	uint64_t now = rte_rdtsc();

	if (now < h->next_tsc)
		return;
	h->next_tsc = now + l->clock_hz / 1000;
	now = monotonic_ns();
	if (h->thread < l->engine->lane_count)
		atomic_store_explicit(&l->lane_beat_ns[h->thread], now, memory_order_relaxed);
	else if (l->passes_by)
		find_stalled(l, now);
	for (unsigned i = 0; i < l->port_count; i++) {
		port_beat(l->ports[i], h->thread, now);
		if (!l->handover && h->thread == 0) /* there is no dispatcher */
			port_beat(l->ports[i], l->engine->lane_count, now);
	}
}

/* ---- taking frames ---- */

/* Bytes must be contiguous: chains are joined, or given up where they do not fit one buffer. */
static bool make_contiguous(struct rte_mbuf *m)
{
	return m->nb_segs == 1 || rte_pktmbuf_linearize(m) == 0;
}

static void stamp(struct live *l, struct rte_mbuf **frames, unsigned *n)
{
	uint64_t now = clock_at(&l->clock, rte_rdtsc());
	unsigned kept = 0;

	for (unsigned i = 0; i < *n; i++) {
		if (!make_contiguous(frames[i])) {
			atomic_fetch_add_explicit(&l->too_long, 1, memory_order_relaxed);
			frame_free(frames[i]);
			continue;
		}
		frame_info(frames[i])->ts_ns = now;
		frames[kept++] = frames[i];
	}
	*n = kept;
}

/* How full the port's queue is after a burst of n frames, in percent. A burst that was not full has emptied it.
 * Where the device cannot say: full bursts in a row, which together are more frames than it holds when frames come
 * no slower than they are taken. */
static unsigned depth_of(struct lane *l, struct live *live, unsigned port, unsigned n)
{
	int percent;

	if (n < BURST) {
		l->full_bursts[port] = 0;
		return 0;
	}
	percent = port_rx_depth(live->ports[port], l->w.id);
	if (percent >= 0)
		return (unsigned)percent;
	if (l->full_bursts[port] < UINT16_MAX)
		l->full_bursts[port]++;
	return l->full_bursts[port] * BURST * 100u / QUEUE_FRAMES;
}

static unsigned take_from_ports(struct lane *l, struct live *live)
{
	struct rte_mbuf *frames[BURST];
	unsigned total = 0, deepest = 0;

	for (unsigned i = 0; i < live->port_count; i++) {
		uint64_t before = rte_rdtsc();
		unsigned n = port_rx_burst(live->ports[i], l->w.id, frames, BURST), deep = depth_of(l, live, i, n);

		deepest = deep > deepest ? deep : deepest;
		if (n == 0)
			continue;
		stamp(live, frames, &n);
		l->w.counters->cycles_rx += rte_rdtsc() - before;
		pipeline_burst(l, frames, n);
		total += n;
	}
	if (total)
		overload_note(&l->w, &l->overload, deepest);
	return total;
}

static unsigned take_from_handover(struct lane *l, struct live *live)
{
	struct rte_mbuf *frames[BURST];
	uint64_t before = rte_rdtsc();
	unsigned n = handover_take(live->handover, l->w.id, frames, BURST);

	if (n) {
		l->w.counters->cycles_rx += rte_rdtsc() - before;
		pipeline_burst(l, frames, n);
		overload_note(&l->w, &l->overload, handover_depth(live->handover, l->w.id));
	}
	return n;
}

/* What ports and rings lost becomes this lane's to count: a counter has one writer. */
static void count_losses(struct lane *l, struct live *live)
{
	struct counters *c = l->w.counters;
	uint64_t now;

	if (live->handover) {
		now = atomic_load_explicit(&live->handover->lost[l->w.id], memory_order_relaxed);
		c->port_rx_missed += now - live->lost_counted[l->w.id];
		live->lost_counted[l->w.id] = now;
	}
	if (l->w.id != 0)
		return;
	now = atomic_load_explicit(&live->rx_missed, memory_order_relaxed);
	c->port_rx_missed += now - live->rx_missed_counted;
	live->rx_missed_counted = now;
	now = atomic_load_explicit(&live->no_mbuf, memory_order_relaxed);
	c->port_no_mbuf += now - live->no_mbuf_counted;
	live->no_mbuf_counted = now;
	now = atomic_load_explicit(&live->passed_by, memory_order_relaxed);
	c->port_passed_by += now - live->passed_by_counted;
	live->passed_by_counted = now;
}

static void idle(struct lane *l, struct live *live, unsigned polls)
{
	static const struct timespec pause = {.tv_nsec = SLEEP_NS};

	if (polls % 256 == 0) {
		uint64_t now = clock_at(&live->clock, rte_rdtsc());

		count_losses(l, live);
		if (now > l->w.now_ns)
			l->w.now_ns = now;
		overload_note(&l->w, &l->overload, 0);
		pipeline_timers(l, l->w.now_ns, IDLE_TIMERS);
	}
	if (polls < POLLS_BEFORE_SLEEP)
		rte_pause();
	else
		nanosleep(&pause, NULL);
}

static void lane_poll(struct lane *l, struct live *live)
{
	struct heartbeat heart = {.thread = l->w.id};
	unsigned polls = 0;

	while (!atomic_load_explicit(&l->engine->stop, memory_order_relaxed)) {
		unsigned n = live->handover ? take_from_handover(l, live)
					    : take_from_ports(l, live);

		lane_quiescent(l);
		if (l->engine->offload)
			offload_news(l);
		beat(live, &heart);
		if (n)
			polls = 0;
		else
			idle(l, live, ++polls);
		if (n && l->bursts % 1024 == 0)
			count_losses(l, live);
	}
	/* What was handed over before the end is still inspected. */
	while (live->handover && take_from_handover(l, live))
		;
	if (l->engine->offload)
		offload_settle(l);
	count_losses(l, live);
}

static void *live_main(void *lane)
{
	struct lane *l = lane;

	(void)eal_thread_begin();
	if (lane_modules_new(l) == 0) {
		lane_poll(l, l->engine->live);
		flow_end_all(&l->w);
		range_worker_reset(&l->w);
		lane_modules_free(l);
	} else {
		atomic_store(&l->engine->failed, true);
		atomic_store(&l->engine->stop, true);
	}
	eal_thread_end();
	atomic_store_explicit(&l->finished, true, memory_order_release);
	return NULL;
}

/* ---- the dispatcher ---- */

/* Frames of lanes that have stalled: straight out of the other side, or dropped where the wire is not to stay open. */
static void pass_by(struct live *l, unsigned port, struct rte_mbuf **frames, unsigned n)
{
	unsigned sent = l->engine->config->pair_fail_open ? port_tx_burst(l->ports[!port], 0, frames, (uint16_t)n) : 0;

	atomic_fetch_add_explicit(&l->past_lanes, sent, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->past_dropped, n - sent, memory_order_relaxed);
	while (sent < n)
		frame_free(frames[sent++]);
}

static unsigned dispatch_in(struct live *l)
{
	struct rte_mbuf *frames[BURST];
	unsigned total = 0;

	for (unsigned i = 0; i < l->port_count; i++)
		for (unsigned q = 0; q < port_rx_queues(l->ports[i]); q++) {
			unsigned n = port_rx_burst(l->ports[i], q, frames, BURST);

			if (n == 0)
				continue;
			stamp(l, frames, &n);
			total += n;
			n = handover_give(l->handover, frames, n, false, &l->engine->stop);
			if (n)
				pass_by(l, i, frames, n);
		}
	return total;
}

/* Frames stay in their ring until the port takes them: a lane that finds the ring full drops and
 * counts; nothing is lost here. */
static unsigned dispatch_out(struct live *l)
{
	unsigned total = 0;

	for (unsigned i = 0; l->sends && i < l->handover->lane_count; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct rte_ring *r = l->handover->out[i][k];
			struct rte_mbuf *frames[BURST];
			unsigned n = rte_ring_dequeue_burst_start(r, (void **)frames, BURST, NULL);
			unsigned sent = n ? port_tx_burst(l->ports[k], 0, frames, (uint16_t)n) : 0;

			if (n)
				rte_ring_dequeue_finish(r, sent);
			total += sent;
		}
	return total;
}

static void *dispatcher_main(void *arg)
{
	static const struct timespec pause = {.tv_nsec = SLEEP_NS};
	struct live *l = arg;
	struct heartbeat heart = {.thread = l->engine->lane_count};
	unsigned polls = 0;

	(void)eal_thread_begin();
	/* Outlives the lanes: what they handed over before they ended is sent. */
	for (;;) {
		bool stop = atomic_load_explicit(&l->engine->stop, memory_order_relaxed);
		unsigned n = stop ? 0 : dispatch_in(l);

		n += dispatch_out(l);
		beat(l, &heart);
		if (n)
			polls = 0;
		else if (stop && engine_finished(l->engine))
			break;
		else if (++polls < POLLS_BEFORE_SLEEP)
			rte_pause();
		else
			nanosleep(&pause, NULL);
	}
	eal_thread_end();
	return NULL;
}

int live_start(struct live *l)
{
	int err = engine_threads_start(l->engine, l->engine->lane_count, live_main);

	if (err || !l->handover)
		return err;
	err = pthread_create(&l->dispatcher, NULL, dispatcher_main, l);
	if (err) {
		engine_error(l->engine, "the dispatcher cannot be started: %s", strerror(err));
		return -err;
	}
	l->dispatching = true;
	return 0;
}

/* ---- sending ---- */

static unsigned send_to(struct lane *l, unsigned port, struct rte_mbuf **frames, unsigned n)
{
	struct live *live = l->engine->live;

	if (live->handover)
		return rte_ring_sp_enqueue_burst(live->handover->out[l->w.id][port],
						 (void **)frames, n, NULL);
	return port_tx_burst(live->ports[port], l->w.id, frames, (uint16_t)n);
}

unsigned live_send(struct lane *l, unsigned in, struct rte_mbuf **frames, unsigned n)
{
	return send_to(l, in ? 0 : 1, frames, n);
}

struct rte_mbuf *live_frame_new(struct lane *l)
{
	return rte_pktmbuf_alloc(l->engine->live->pool);
}

void live_send_own(struct lane *l, unsigned port, struct rte_mbuf *frame)
{
	if (send_to(l, port, &frame, 1) != 1)
		frame_free(frame);
}

uint64_t live_now(struct live *l)
{
	return clock_at(&l->clock, rte_rdtsc());
}

/* ---- main thread ---- */

static void gather_losses(struct live *l)
{
	uint64_t missed = atomic_load_explicit(&l->past_dropped, memory_order_relaxed);
	uint64_t passed_by = atomic_load_explicit(&l->past_lanes, memory_order_relaxed);
	uint64_t no_mbuf = atomic_load_explicit(&l->too_long, memory_order_relaxed);

	for (unsigned i = 0; i < l->port_count; i++) {
		struct port_stats s;

		port_stats(l->ports[i], &s);
		missed += s.rx_missed;
		no_mbuf += s.no_mbuf;
		passed_by += s.passed_by;
	}
	atomic_store_explicit(&l->rx_missed, missed, memory_order_relaxed);
	atomic_store_explicit(&l->no_mbuf, no_mbuf, memory_order_relaxed);
	atomic_store_explicit(&l->passed_by, passed_by, memory_order_relaxed);
}

void live_tick(struct live *l)
{
	uint64_t now;

	if (l->engine->offload)
		offload_tick(l->engine->offload, atomic_load_explicit(&l->engine->stop, memory_order_relaxed));
	now = monotonic_ns();
	if (now - l->anchored_ns < NS_PER_SECOND)
		return;
	l->anchored_ns = now;
	l->engine->shared->status.clock_skew_ns = clock_anchor(&l->clock);
	gather_losses(l);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When flows end by themselves. Packet time; worker thread only.
 *
 * New and closed flows stand in lists ordered by their last packet (to the tick): the first of a
 * list is the next to end, and the first to go when room is needed. Established flows hang in a wheel; a packet does
 * not move them: when their slot comes up they are hung where their last packet says. A flow that
 * is over is noticed at once when one more packet with its key comes (flow_packet asks
 * flow_expired), so a late look changes only when its record is written.
 */
#include "dataplane/flow/table.h"

#include <string.h>

#include "dataplane/engine/contact.h"
#include "dataplane/flow/counted.h"

#define NS_PER_S 1000000000ull
#define TIMER_RUN_NS (NS_PER_S / 8)
#define RESTS_PER_TIMEOUT 4 /* a session whose timeout is shorter than so many is not put to rest before it */

void timers_init(struct flow_table *t, const struct config *c)
{
	const uint64_t seconds[CLASS_COUNT][STAGE_COUNT] = {
		[CLASS_TCP] = {c->flow_tcp_new, c->flow_tcp_established, c->flow_tcp_closed},
		[CLASS_UDP] = {c->flow_udp_new, c->flow_udp_established, c->flow_udp_new},
		[CLASS_ICMP] = {c->flow_icmp_new, c->flow_icmp_established, c->flow_icmp_new},
		[CLASS_OTHER] = {c->flow_other_new, c->flow_other_established, c->flow_other_new},
	};

	for (unsigned i = 0; i < CLASS_COUNT; i++) {
		for (unsigned s = 0; s < STAGE_COUNT; s++) {
			uint64_t v = s == STAGE_BYPASSED ? c->flow_bypassed : seconds[i][s];

			t->timeout_ns[i][s] = (v < UINT32_MAX ? v : UINT32_MAX) * NS_PER_S;
		}
	}
	t->rest_ns = (c->stream_rest < UINT16_MAX / 2 ? c->stream_rest : 0) * NS_PER_S;
	if (t->timeout_ns[CLASS_TCP][STAGE_ESTABLISHED] < t->rest_ns * RESTS_PER_TIMEOUT)
		t->rest_ns = 0;
	for (unsigned i = 0; i < LIST_COUNT; i++)
		t->lists[i] = (struct timer_head){.first = FLOW_NONE, .last = FLOW_NONE};
}

/* ---- lists ---- */

static void list_append(struct flow_table *t, struct flow *f, unsigned list)
{
	struct flow_cold *cold = flow_cold(f);
	struct timer_head *h = &t->lists[list];
	uint32_t i = flow_index(t, f);

	f->timer_list = (uint16_t)list;
	cold->timer_next = FLOW_NONE;
	cold->timer_prev = h->last;
	if (h->last != FLOW_NONE)
		flow_cold(&t->flows[h->last])->timer_next = i;
	else
		h->first = i;
	h->last = i;
	h->count++;
	if (list < WHEEL_SLOTS)
		t->wheel_used[list / 64] |= 1ull << (list % 64);
}

void timer_clear(struct flow_table *t, struct flow *f)
{
	struct flow_cold *cold = flow_cold(f);
	struct timer_head *h;

	if (f->timer_list >= LIST_COUNT)
		return;
	h = &t->lists[f->timer_list];
	if (cold->timer_prev != FLOW_NONE)
		flow_cold(&t->flows[cold->timer_prev])->timer_next = cold->timer_next;
	else
		h->first = cold->timer_next;
	if (cold->timer_next != FLOW_NONE)
		flow_cold(&t->flows[cold->timer_next])->timer_prev = cold->timer_prev;
	else
		h->last = cold->timer_prev;
	if (--h->count == 0 && f->timer_list < WHEEL_SLOTS)
		t->wheel_used[f->timer_list / 64] &= ~(1ull << (f->timer_list % 64));
	f->timer_list = LIST_NONE;
}

/* First used slot at or after `tick`, as a tick; tick + WHEEL_SLOTS if there is none. */
static uint64_t wheel_next(const struct flow_table *t, uint64_t tick)
{
	uint64_t end = tick + WHEEL_SLOTS;

	while (tick < end) {
		unsigned slot = tick % WHEEL_SLOTS;
		uint64_t word = t->wheel_used[slot / 64] >> (slot % 64);

		if (word)
			return tick + (unsigned)__builtin_ctzll(word);
		tick += 64 - slot % 64;
	}
	return end;
}

/* Its slot by when it is due. */
static unsigned wheel_slot(struct flow_table *t, const struct flow *f)
{
	uint64_t tick;

	if (!t->wheel_started) {
		t->wheel_started = true;
		t->wheel_tick = f->last_ns >> WHEEL_SHIFT;
	}
	tick = (flow_due_ns(t, f) >> WHEEL_SHIFT) + 1;
	/* an empty wheel follows time that went back: another capture */
	if (tick < t->wheel_tick && wheel_next(t, t->wheel_tick) == t->wheel_tick + WHEEL_SLOTS)
		t->wheel_tick = f->last_ns >> WHEEL_SHIFT;
	if (tick < t->wheel_tick)
		tick = t->wheel_tick;
	if (tick >= t->wheel_tick + WHEEL_SLOTS)
		tick = t->wheel_tick + WHEEL_SLOTS - 1;
	return tick % WHEEL_SLOTS;
}

static unsigned list_for(struct flow_table *t, const struct flow *f)
{
	enum flow_stage stage = flow_stage_of(f);

	if (stage == STAGE_NEW)
		return LIST_NEW + flow_class_of(f->ip_proto);
	if (stage == STAGE_CLOSED)
		return LIST_CLOSED;
	if (stage == STAGE_ESTABLISHED && t->rest_ns && !(f->flags & FLOW_AT_REST) && f->tcp)
		return LIST_AWAKE;
	return wheel_slot(t, f);
}

static uint16_t tick_of(const struct flow *f)
{
	return (uint16_t)(f->last_ns >> WHEEL_SHIFT);
}

void timer_set(struct flow_table *t, struct flow *f)
{
	timer_clear(t, f);
	f->timer_tick = tick_of(f);
	list_append(t, f, list_for(t, f));
}

void timer_touch(struct worker *w, struct flow *f)
{
	struct flow_table *t = w->flows;
	enum flow_stage stage = flow_stage_of(f);
	bool in_wheel = f->timer_list < WHEEL_SLOTS;

	if (stage == STAGE_ESTABLISHED || stage == STAGE_BYPASSED) {
		if (in_wheel || (f->timer_list == LIST_AWAKE && stage == STAGE_ESTABLISHED))
			return;
		timer_set(t, f);
		if (stage == STAGE_BYPASSED || !t->streams)
			flow_counted_mark(w, f, table_slot(t, f));
		return;
	}
	/* order within a tick does not matter, and moving touches two neighbours */
	if (in_wheel || f->timer_tick != tick_of(f) ||
	    (f->timer_list == LIST_CLOSED) != (stage == STAGE_CLOSED))
		timer_set(t, f);
}

/* ---- ends ---- */

/* All of a flow that will soon be ended is on its way to the cache. */
static void flow_fetch(const struct flow_table *t, uint32_t i)
{
	const char *at = (const char *)&t->flows[i], *cold;

	if (i == FLOW_NONE)
		return;
	line_fetch(at);
	line_fetch(at + 64);
	cold = (const char *)flow_cold(&t->flows[i]);
	line_fetch(cold);
	line_fetch(cold + sizeof(struct flow_cold) - 1);
}

/* While this one is told of what points to the next one is fetched, its session, and the flow after it: that one itself
 * was when the one before this ended. */
static void end_fetch(struct flow_table *t, const struct flow *f)
{
	uint32_t i = flow_cold(f)->timer_next;
	const struct flow *next;

	if (i == FLOW_NONE)
		return;
	next = &t->flows[i];
	table_end_ahead(t, next);
	if (next->tcp && !(next->flags & FLOW_AT_REST)) {
		line_fetch(next->tcp);
		line_fetch((const char *)next->tcp + 64);
	}
	flow_fetch(t, flow_cold(next)->timer_next);
}

static void end_ahead(struct worker *w, struct flow_table *t, struct flow *f)
{
	end_fetch(t, f);
	flow_end(w, f, FLOW_END_TIMEOUT);
}

static unsigned list_run(struct worker *w, struct flow_table *t, unsigned list, uint64_t now_ns,
			 unsigned budget)
{
	unsigned done = 0;

	while (done < budget && t->lists[list].first != FLOW_NONE) {
		struct flow *f = &t->flows[t->lists[list].first];

		if (!flow_expired(t, f, now_ns))
			break;
		end_ahead(w, t, f);
		done++;
	}
	flow_fetch(t, t->lists[list].first);
	return done;
}

/* Sessions that are idle are looked at and put to rest; whether they are or not, those hang in the wheel from now on. */
static void awake_look(struct worker *w, struct flow_table *t, struct flow *f, uint64_t now_ns)
{
	bool idle = now_ns > f->last_ns && now_ns - f->last_ns >= t->rest_ns;
	unsigned list = LIST_AWAKE;

	if (idle) {
		flow_look(w, f);
		flow_rest(w, f);
		list = wheel_slot(t, f);
	}
	timer_clear(t, f);
	f->timer_tick = (uint16_t)(now_ns >> WHEEL_SHIFT);
	list_append(t, f, list);
}

static unsigned awake_run(struct worker *w, struct flow_table *t, uint64_t now_ns, unsigned budget)
{
	uint16_t now = (uint16_t)(now_ns >> WHEEL_SHIFT), rest = (uint16_t)(t->rest_ns >> WHEEL_SHIFT);
	unsigned done = 0;

	while (done < budget && t->lists[LIST_AWAKE].first != FLOW_NONE) {
		struct flow *f = &t->flows[t->lists[LIST_AWAKE].first];

		if ((uint16_t)(now - f->timer_tick) < rest)
			break;
		if (flow_expired(t, f, now_ns)) {
			end_ahead(w, t, f);
		} else {
			flow_fetch(t, flow_cold(f)->timer_next);
			awake_look(w, t, f, now_ns);
		}
		done++;
	}
	return done;
}

/* One at rest is so afterwards. */
static void checkpoint(struct worker *w, struct flow *f)
{
	bool resting = f->flags & FLOW_AT_REST;

	if (resting)
		flow_wake(w, f);
	contact_checkpoint(w, f);
	if (resting)
		flow_rest(w, f);
}

static unsigned slot_run(struct worker *w, struct flow_table *t, unsigned slot, uint64_t now_ns,
			 unsigned budget)
{
	unsigned done = 0, left = t->lists[slot].count;

	while (done < budget && left-- > 0) {
		struct flow *f = &t->flows[t->lists[slot].first];

		done++;
		if (flow_expired(t, f, now_ns)) {
			end_ahead(w, t, f);
		} else {
			flow_fetch(t, flow_cold(f)->timer_next);
			if (now_ns >= f->contact_due_s * NS_PER_S)
				checkpoint(w, f);
			timer_set(t, f);
		}
	}
	return done;
}

void flow_timers(struct worker *w, uint64_t now_ns, unsigned budget)
{
	struct flow_table *t = w->flows;
	uint64_t now_tick = now_ns >> WHEEL_SHIFT;

	/* time may go back where captures are read one after the other */
	if (now_ns < t->next_run_ns && t->next_run_ns - now_ns <= TIMER_RUN_NS)
		return;
	for (unsigned i = LIST_NEW; i <= LIST_CLOSED && budget > 0; i++)
		budget -= list_run(w, t, i, now_ns, budget);
	budget -= awake_run(w, t, now_ns, budget);
	while (t->wheel_tick < now_tick && budget > 0) {
		uint64_t next = wheel_next(t, t->wheel_tick);
		unsigned done;

		if (next >= now_tick || next == t->wheel_tick + WHEEL_SLOTS) {
			t->wheel_tick = now_tick;
			break;
		}
		/* what is not due yet must be hung later than this slot */
		t->wheel_tick = next + 1;
		done = slot_run(w, t, next % WHEEL_SLOTS, now_ns, budget);
		if (done == budget && t->lists[next % WHEEL_SLOTS].count > 0)
			t->wheel_tick = next;
		budget -= done;
	}
	if (budget > 0)
		t->next_run_ns = now_ns + TIMER_RUN_NS;
}

/* An established flow only when its time is nearly up: three quarters of its wait. */
static struct flow *idle_one(struct flow_table *t, unsigned list, uint64_t now_ns)
{
	for (uint32_t i = t->lists[list].first, n = 0; i != FLOW_NONE && n < 16;
	     i = flow_cold(&t->flows[i])->timer_next, n++) {
		struct flow *f = &t->flows[i];
		uint64_t wait = t->timeout_ns[flow_class_of(f->ip_proto)][flow_stage_of(f)];

		if (now_ns >= f->last_ns + wait / 4 * 3)
			return f;
	}
	return NULL;
}

struct flow *timer_victim(struct flow_table *t, uint64_t now_ns)
{
	unsigned best = LIST_NEW;
	struct flow *idle;

	for (unsigned i = LIST_NEW; i < LIST_NEW + CLASS_COUNT; i++) {
		if (t->lists[i].count > t->lists[best].count)
			best = i;
	}
	if (t->lists[best].first != FLOW_NONE) {
		struct flow *f = &t->flows[t->lists[best].first];

		end_fetch(t, f);
		return f;
	}
	if (t->lists[LIST_CLOSED].first != FLOW_NONE)
		return &t->flows[t->lists[LIST_CLOSED].first];
	idle = idle_one(t, wheel_next(t, t->wheel_tick) % WHEEL_SLOTS, now_ns);
	return idle ? idle : idle_one(t, LIST_AWAKE, now_ns);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a rule matches, held to a rate (rate_limit of threshold.config). What a drop would take the flow for, and
 * all with track by_flow, is held flow by flow: from the match on each packet of both directions is asked about
 * before anything of it is looked at, as no receiver will see what is beyond the rate. Other rules are asked for
 * each packet they match. On a tap nothing is dropped; what would be is counted.
 *
 * A flow's own bucket is with the flow; those of addresses and rules are in a tally (tally.h).
 *
 * Over several workers such a bucket is one. Each publishes how much it has taken since its entry began, and its view
 * of the bucket; before a packet is let through what the others have taken since the last look is added to the own
 * view, and that of another counts where it is fuller. Neither can be beyond what one bucket for all would hold, so
 * no packet is dropped that it would have let through. Beyond the rate goes what several workers let through at the
 * same moment: a packet of each other worker at most, which the next look of any makes good.
 *
 * Runs in the workers.
 */
#include "dataplane/detect/rate.h"

#include <string.h>

#include "dataplane/detect/tally.h"
#include "dataplane/detect/track.h"
#include "dataplane/engine/emit.h"

#define RATE_SETS 2048
#define RATES_OF_FLOW 4

/* What stands in an entry of the tally. The others ask for the first two. */
enum { FULL_NS, TAKEN_NS, TOLD_NS, SEEN_NS /* of what the others have taken */ };

/* One of the buckets that a packet is to pass. */
struct held {
	struct bucket bucket;
	struct bucket *own;   /* where it stands: with the flow */
	struct tally *entry;  /* or here */
	struct tally_set *set;
	struct tally_key key;
	uint64_t hash, cost;
	bool shared;
};

/* One that a flow is under. */
struct flow_rate {
	struct tally_key key;
	struct bucket own;  /* track by_flow */
	uint32_t rule;      /* index in the program of flow_rates.version */
};

struct flow_rates {
	uint64_t version;
	unsigned count;
	struct flow_rate items[RATES_OF_FLOW];
};

static const struct match_threshold *limit_of(const struct program_rule *r)
{
	return r->rate_limit ? &r->rule->thresholds[r->rate_limit - 1].u.threshold : NULL;
}

static uint64_t cost_of(const struct packet *p, const struct match_threshold *t)
{
	return bucket_cost(t->packets ? 1 : 8ull * p->len, t->rate);
}

/* ---- a bucket, wherever it stands ---- */

/* What the others have let through. A clock that is more than a second ahead says nothing about this one. */
static void others_add(struct worker *w, struct held *h)
{
	const struct detect_peers *peers = w->detect_peers;
	uint64_t taken = 0, fullest = 0, words[TALLY_WORDS], latest = w->now_ns + BUCKET_SECOND_NS;

	for (unsigned i = 0; i < peers->count; i++) {
		if (i == w->id || !tally_peek(peers, i, TALLY_RATES, &h->key, h->hash, words))
			continue;
		taken += words[TAKEN_NS];
		if (words[FULL_NS] > fullest && words[FULL_NS] <= latest)
			fullest = words[FULL_NS];
	}
	/* Less than at the last look: another's entry gave way. */
	if (taken > tally_word(h->entry, SEEN_NS))
		h->bucket.full_ns += taken - tally_word(h->entry, SEEN_NS);
	tally_set_word(h->entry, SEEN_NS, taken);
	if (h->bucket.full_ns < fullest)
		h->bucket.full_ns = fullest;
	if (h->bucket.full_ns > latest)
		h->bucket.full_ns = latest;
}

static void held_publish(struct held *h, uint64_t taken)
{
	tally_write(h->set);
	tally_set_word(h->entry, FULL_NS, h->bucket.full_ns);
	tally_set_word(h->entry, TAKEN_NS, tally_word(h->entry, TAKEN_NS) + taken);
	tally_written(h->set);
}

static void held_of_flow(struct held *h, struct bucket *own, uint64_t cost)
{
	*h = (struct held){.own = own, .bucket = *own, .cost = cost};
}

static void held_of_key(struct worker *w, struct held *h, const struct tally_key *key, uint64_t cost)
{
	struct tally_at at;

	*h = (struct held){.key = *key, .hash = track_hash(key, sizeof(*key)), .cost = cost,
			   .shared = tally_shared(w, tally_track(key))};
	at = tally_get(w->detect->rates, key, h->hash, w->now_ns);
	h->entry = at.entry;
	h->set = at.set;
	h->bucket = (struct bucket){tally_word(h->entry, FULL_NS), tally_word(h->entry, TOLD_NS)};
	if (at.fresh && h->shared) { /* what was taken before is in their views */
		others_add(w, h);
		h->bucket.full_ns = 0;
	}
}

/* The own view is never too full: the others need not be asked about what is beyond it. */
static bool held_passes(struct worker *w, struct held *h)
{
	if (!bucket_holds(&h->bucket, h->cost, w->now_ns))
		return false;
	if (!h->shared)
		return true;
	others_add(w, h);
	held_publish(h, 0);
	return bucket_holds(&h->bucket, h->cost, w->now_ns);
}

static void held_take(struct worker *w, struct held *h)
{
	bucket_take(&h->bucket, h->cost, w->now_ns);
	if (h->entry)
		held_publish(h, h->cost);
	else
		*h->own = h->bucket;
}

static void beyond(struct worker *w, struct packet *p, uint32_t rule, struct held *h)
{
	if (!w->in_the_wire) {
		w->counters->detect_rate_would_drop++;
		return;
	}
	if (p->verdict != VERDICT_ACCEPT)
		return;
	if (!bucket_tell(&h->bucket, w->now_ns))
		p->flags |= PACKET_DROP_QUIET;
	if (h->entry)
		tally_set_word(h->entry, TOLD_NS, h->bucket.told_ns);
	else
		*h->own = h->bucket;
	p->drop_rule = rule + 1;
	packet_drop(p, DROP_rule_rate);
	p->flags |= PACKET_NO_INSPECT;
}

/* ---- packets of a flow that is held ---- */

/* After a reload: the limits as the new rules have them; those that are no more let the flow go. */
static void rates_renew(const struct detect_program *program, struct flow *f, struct flow_rates *rates)
{
	if (rates->version == program->version)
		return;
	rates->version = program->version;
	for (unsigned i = rates->count; i-- > 0;) {
		struct flow_rate *r = &rates->items[i];
		int64_t at = program_rule_find(program, r->key.rule);
		const struct match_threshold *t = at >= 0 ? limit_of(&program->rules[at]) : NULL;

		if (t && t->track == tally_track(&r->key))
			r->rule = (uint32_t)at;
		else
			*r = rates->items[--rates->count];
	}
	if (!rates->count)
		f->flags &= ~(uint32_t)FLOW_RATED;
}

bool detect_within_rate(struct worker *w, struct packet *p)
{
	const struct detect_program *program = w->detect->program;
	struct flow_rates *rates = flow_cold(p->flow)->detect->rates;
	struct held held[RATES_OF_FLOW];
	unsigned count = 0;

	if (!program || (p->flow->flags & FLOW_DROP) || (p->flags & PACKET_PSEUDO))
		return true;
	rates_renew(program, p->flow, rates);
	for (unsigned i = 0; i < rates->count; i++) {
		struct flow_rate *r = &rates->items[i];
		const struct match_threshold *t = limit_of(&program->rules[r->rule]);

		if (tally_track(&r->key) == TRACK_FLOW)
			held_of_flow(&held[count], &r->own, cost_of(p, t));
		else
			held_of_key(w, &held[count], &r->key, cost_of(p, t));
		if (!held_passes(w, &held[count])) {
			beyond(w, p, r->rule, &held[count]);
			return !w->in_the_wire;
		}
		count++;
	}
	/* What one of them drops is not taken from the others. */
	for (unsigned i = 0; i < count; i++)
		held_take(w, &held[i]);
	return true;
}

/* ---- a match ---- */

static struct flow_rate *flow_rate_find(const struct flow *f, const struct tally_key *key)
{
	struct flow_rates *rates = flow_cold(f)->detect ? flow_cold(f)->detect->rates : NULL;

	for (unsigned i = 0; rates && i < rates->count; i++)
		if (rates->items[i].key.rule == key->rule && tally_track(&rates->items[i].key) == tally_track(key))
			return &rates->items[i];
	return NULL;
}

/* From now on the flow is under it; NULL: there is no room for one more, or no memory. */
static struct flow_rate *flow_rate_add(struct worker *w, struct flow *f, const struct tally_key *key, uint32_t rule)
{
	struct detect_flow *d = detect_flow_get(w, f);
	struct flow_rate *r;

	if (d && !d->rates)
		d->rates = heap_zalloc(&w->heap, sizeof(*d->rates));
	if (d && d->rates)
		rates_renew(w->detect->program, f, d->rates);
	if (!d || !d->rates || d->rates->count == RATES_OF_FLOW) {
		w->counters->detect_rate_refused++;
		return NULL;
	}
	f->flags |= FLOW_RATED;
	w->counters->detect_rate_flows++;
	r = &d->rates->items[d->rates->count++];
	*r = (struct flow_rate){.key = *key, .rule = rule};
	return r;
}

bool rate_match(struct worker *w, struct packet *p, uint32_t rule, bool flow)
{
	const struct program_rule *of = &w->detect->program->rules[rule];
	const struct match_threshold *t = limit_of(of);
	struct flow_rate *r = NULL;
	struct tally_key key;
	struct held held;

	if (p->flags & PACKET_PSEUDO)
		return false;
	tally_key_make(p, of->rule, t->track, 0, &key);
	key.flow = 0; /* with the flow */
	if (p->flow && (flow || t->track == TRACK_FLOW)) {
		/* Under it already: its packets are asked about as they come. */
		if (flow_rate_find(p->flow, &key))
			return false;
		r = flow_rate_add(w, p->flow, &key, rule);
	}
	if (t->track != TRACK_FLOW)
		held_of_key(w, &held, &key, cost_of(p, t));
	else if (r)
		held_of_flow(&held, &r->own, cost_of(p, t));
	else
		return false;
	if (!held_passes(w, &held)) {
		beyond(w, p, rule, &held);
		return true;
	}
	held_take(w, &held);
	return false;
}

void rate_record(const struct worker *w, struct recorder *r, const struct program_rule *rule, bool exceeded)
{
	static const char *const tracks[] = {[TRACK_FLOW] = "by_flow", [TRACK_SRC] = "by_src", [TRACK_DST] = "by_dst",
					     [TRACK_PAIR] = "by_both", [TRACK_RULE] = "by_rule"};
	const struct match_threshold *t = limit_of(rule);

	rec_open(r, F_alert_rate_limit);
	rec_text(r, F_alert_rate_track, tracks[t->track]);
	rec_uint(r, t->packets ? F_alert_rate_pps : F_alert_rate_kbps, t->packets ? t->rate : t->rate / 1000);
	rec_bool(r, w->in_the_wire ? F_alert_rate_dropped : F_alert_rate_would_drop, exceeded);
	rec_close(r);
}

/* ---- a worker's part ---- */

struct tally_table *rate_table_new(struct worker *w)
{
	return tally_table_new(w, TALLY_RATES, RATE_SETS);
}

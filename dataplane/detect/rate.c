/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a rule matches, held to a rate (rate_limit of threshold.config). What a drop would take the flow for, and
 * all with track by_flow, is held flow by flow: from the match on each packet of both directions is asked about
 * before anything of it is looked at, as no receiver will see what is beyond the rate. Other rules are asked for
 * each packet they match. On a tap nothing is dropped; what would be is counted.
 *
 * A flow's own bucket is with the flow; those of addresses and rules stand in a table of fixed size per worker,
 * where the one that was used least lately gives way. Each worker has its own: what reaches several has the
 * rate in each. Runs in the workers.
 */
#include "dataplane/detect/rate.h"

#include <string.h>

#include "dataplane/detect/track.h"
#include "dataplane/engine/emit.h"

#define RATE_WAYS 8
#define RATE_SETS 2048
#define RATES_OF_FLOW 4

struct rate_key {
	struct addr a, b;
	uint32_t gid, sid; /* both 0: empty; a reload does not change them */
	uint8_t track, ip_version;
	uint8_t pad[6];
};

struct rate_entry {
	struct rate_key key;
	struct bucket bucket;
	uint64_t used_ns;
};

struct rate_table {
	struct rate_entry entries[RATE_SETS][RATE_WAYS];
};

/* One that a flow is under. */
struct flow_rate {
	struct rate_key key;
	struct bucket own;  /* track by_flow */
	uint32_t rule;      /* index in the program of flow_rates.version */
};

struct flow_rates {
	uint64_t version;
	unsigned count;
	struct flow_rate items[RATES_OF_FLOW];
};

static void key_make(const struct packet *p, const struct rule *rule, uint8_t track, struct rate_key *key)
{
	memset(key, 0, sizeof(*key));
	key->gid = rule->gid;
	key->sid = rule->sid;
	key->track = track;
	if (track == TRACK_SRC || track == TRACK_DST) {
		key->a = track == TRACK_SRC ? p->src : p->dst;
		key->ip_version = p->ip_version;
	} else if (track == TRACK_PAIR) {
		track_pair(p, &key->a, &key->b);
		key->ip_version = p->ip_version;
	}
}

static struct bucket *table_bucket(struct worker *w, const struct rate_key *key)
{
	struct rate_entry *set = w->detect->rates->entries[track_hash(key, sizeof(*key)) % RATE_SETS], *oldest = set;

	for (unsigned i = 0; i < RATE_WAYS; i++) {
		if (memcmp(&set[i].key, key, sizeof(*key)) == 0) {
			set[i].used_ns = w->now_ns;
			return &set[i].bucket;
		}
		if (set[i].used_ns < oldest->used_ns)
			oldest = &set[i];
	}
	*oldest = (struct rate_entry){.key = *key, .used_ns = w->now_ns};
	return &oldest->bucket;
}

static const struct match_threshold *limit_of(const struct program_rule *r)
{
	return r->rate_limit ? &r->rule->thresholds[r->rate_limit - 1].u.threshold : NULL;
}

static uint64_t cost_of(const struct packet *p, const struct match_threshold *t)
{
	return bucket_cost(t->packets ? 1 : 8ull * p->len, t->rate);
}

static void beyond(struct worker *w, struct packet *p, uint32_t rule, struct bucket *b)
{
	if (!w->in_the_wire) {
		w->counters->detect_rate_would_drop++;
		return;
	}
	if (p->verdict != VERDICT_ACCEPT)
		return;
	if (!bucket_tell(b, w->now_ns))
		p->flags |= PACKET_DROP_QUIET;
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
		int64_t at = program_rule_find(program, (uint64_t)r->key.gid << 32 | r->key.sid);
		const struct match_threshold *t = at >= 0 ? limit_of(&program->rules[at]) : NULL;

		if (t && t->track == r->key.track)
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
	struct flow_rates *rates = p->flow->detect->rates;
	struct bucket *buckets[RATES_OF_FLOW];
	uint64_t costs[RATES_OF_FLOW];
	unsigned count = 0;

	if (!program || (p->flow->flags & FLOW_DROP) || (p->flags & PACKET_PSEUDO))
		return true;
	rates_renew(program, p->flow, rates);
	for (unsigned i = 0; i < rates->count; i++) {
		struct flow_rate *r = &rates->items[i];
		const struct match_threshold *t = limit_of(&program->rules[r->rule]);

		buckets[count] = r->key.track == TRACK_FLOW ? &r->own : table_bucket(w, &r->key);
		costs[count] = cost_of(p, t);
		if (!bucket_holds(buckets[count], costs[count], w->now_ns)) {
			beyond(w, p, r->rule, buckets[count]);
			return !w->in_the_wire;
		}
		count++;
	}
	/* What one of them drops is not taken from the others. */
	for (unsigned i = 0; i < count; i++)
		bucket_take(buckets[i], costs[i], w->now_ns);
	return true;
}

/* ---- a match ---- */

static struct flow_rate *flow_rate_find(const struct flow *f, const struct rate_key *key)
{
	struct flow_rates *rates = f->detect ? f->detect->rates : NULL;

	for (unsigned i = 0; rates && i < rates->count; i++)
		if (rates->items[i].key.sid == key->sid && rates->items[i].key.gid == key->gid &&
		    rates->items[i].key.track == key->track)
			return &rates->items[i];
	return NULL;
}

/* From now on the flow is under it; NULL: there is no room for one more, or no memory. */
static struct flow_rate *flow_rate_add(struct worker *w, struct flow *f, const struct rate_key *key, uint32_t rule)
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
	struct bucket *b = NULL;
	struct rate_key key;
	uint64_t cost = cost_of(p, t);

	if (p->flags & PACKET_PSEUDO)
		return false;
	key_make(p, of->rule, t->track, &key);
	if (p->flow && (flow || t->track == TRACK_FLOW)) {
		/* Under it already: its packets are asked about as they come. */
		if (flow_rate_find(p->flow, &key))
			return false;
		r = flow_rate_add(w, p->flow, &key, rule);
	}
	if (t->track != TRACK_FLOW)
		b = table_bucket(w, &key);
	else if (r)
		b = &r->own;
	if (!b)
		return false;
	if (!bucket_holds(b, cost, w->now_ns)) {
		beyond(w, p, rule, b);
		return true;
	}
	bucket_take(b, cost, w->now_ns);
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

struct rate_table *rate_table_new(struct worker *w)
{
	return worker_memory(w, sizeof(struct rate_table), 64);
}

void rate_table_reset(struct rate_table *t)
{
	memset(t, 0, sizeof(*t));
}

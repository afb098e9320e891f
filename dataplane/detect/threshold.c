/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How often a rule may speak: threshold, detection_filter, and rate_filter and suppress of
 * threshold.config. Counted per rule and what it tracks (tally.h). A window begins with the first hit after the
 * last one ended. Runs in the workers.
 *
 * Over several workers a window is the same for all: a worker whose own is over takes up that which another has
 * begun, and of two that began at once the earlier one holds. Each counts its own hits and alerts and adds those of
 * the others. A hit is published before the others are read, so that of hits at the same moment one at least sees
 * them all: no alert is missed that one worker alone would have written. Two may write the same one; so there are at
 * most as many more in a window as there are other workers, and only for hits that are nanoseconds apart.
 */
#include <string.h>

#include "dataplane/detect/tally.h"
#include "dataplane/detect/track.h"

#define THRESHOLD_SETS 4096
#define NS_PER_S 1000000000ull

/* What stands in an entry. Within a window each changes by itself; one that begins is published as a whole. */
enum {
	START_NS,   /* of the window */
	HITS,       /* in it */
	TOLD,       /* those of them that were alerts */
	TIMEOUT_NS, /* rate_filter: since when the other action holds; 0: it does not */
};

/* Those of all workers together. */
struct hits {
	uint64_t start_ns, hits, told, timeout_ns;
	bool live;
};

/* What is counted in a window of the same limit. */
struct counting {
	struct worker *w;
	const struct match_threshold *t;
	struct tally_key key;
	uint64_t hash, now_ns;
	bool shared;
};

/* A backoff has one window, without end. */
static bool window_lasts(const struct counting *c, uint64_t start_ns)
{
	return c->t->type == THRESHOLD_BACKOFF || c->now_ns <= start_ns + c->t->seconds * NS_PER_S;
}

/* Of the other workers, whose windows still last: added up, and the earliest begin. */
static void others_add(const struct counting *c, struct hits *h)
{
	const struct detect_peers *peers = c->w->detect_peers;
	uint64_t words[TALLY_WORDS];

	for (unsigned i = 0; i < peers->count; i++) {
		if (i == c->w->id || !tally_peek(peers, i, TALLY_THRESHOLDS, &c->key, c->hash, words))
			continue;
		if (words[TIMEOUT_NS] > h->timeout_ns)
			h->timeout_ns = words[TIMEOUT_NS];
		if (!words[HITS] || !window_lasts(c, words[START_NS]))
			continue;
		if (!h->live || words[START_NS] < h->start_ns)
			h->start_ns = words[START_NS];
		h->live = true;
		h->hits += words[HITS];
		h->told += words[TOLD];
	}
}

static void publish(const struct tally_at *at, const struct hits *own)
{
	tally_write(at->set);
	tally_set_word(at->entry, HITS, own->hits);
	tally_set_word(at->entry, TOLD, own->told);
	tally_set_word(at->entry, TIMEOUT_NS, own->timeout_ns);
	tally_set_word(at->entry, START_NS, own->start_ns); /* the last: hits of before are never of the new window */
	tally_written(at->set);
}

/* A window begins, or that which another worker has begun is taken up. */
static void window_begin(const struct counting *c, const struct tally_at *at, struct hits *own)
{
	struct hits others = {0};

	if (c->shared)
		others_add(c, &others);
	own->start_ns = others.live ? others.start_ns : c->now_ns;
	own->hits = 1;
	own->told = 0;
	publish(at, own);
}

/* One more hit of this worker. */
static void hit_count(const struct counting *c, const struct tally_at *at, struct hits *own)
{
	struct tally *e = at->entry;

	own->live = true;
	own->start_ns = tally_word(e, START_NS);
	own->timeout_ns = tally_word(e, TIMEOUT_NS);
	if (at->fresh || !window_lasts(c, own->start_ns)) {
		window_begin(c, at, own);
		return;
	}
	own->hits = tally_word(e, HITS) + 1;
	own->told = tally_word(e, TOLD);
	tally_set_word(e, HITS, own->hits);
}

/* Together with those of the others, which are read when the own hit is published. */
static void hits_of_all(const struct counting *c, struct tally *e, const struct hits *own, struct hits *all)
{
	*all = *own;
	atomic_thread_fence(memory_order_seq_cst);
	others_add(c, all);
	if (all->start_ns < own->start_ns)
		tally_set_word(e, START_NS, all->start_ns);
}

/* The hit that speaks next: count, count × multiplier, and so on. */
static uint64_t backoff_next(const struct match_threshold *t, uint64_t told)
{
	uint64_t next = t->count;

	if (told && (t->multiplier < 2 || !next))
		return UINT64_MAX;
	while (told--)
		if (__builtin_mul_overflow(next, t->multiplier, &next))
			return UINT64_MAX;
	return next;
}

static enum threshold_answer rate_hit(const struct counting *c, struct tally *e, const struct hits *all, uint8_t *action)
{
	uint64_t since = all->timeout_ns;

	if (since) {
		if (c->now_ns - since > c->t->timeout_s * NS_PER_S)
			since = 0;
		else
			*action = c->t->new_action;
	}
	if (all->hits > 1 && all->hits > c->t->count) {
		since = c->now_ns;
		*action = c->t->new_action;
	}
	tally_set_word(e, TIMEOUT_NS, since);
	return ALERT_WRITE;
}

static enum threshold_answer judge(const struct match_threshold *t, const struct hits *all)
{
	switch ((enum threshold_type)t->type) {
	case THRESHOLD_LIMIT:
		return all->told < t->count || !all->told ? ALERT_WRITE : ALERT_HIDE;
	case THRESHOLD_THRESHOLD:
		return all->hits / (t->count ? t->count : 1) > all->told ? ALERT_WRITE : ALERT_NOTHING;
	case THRESHOLD_BOTH:
		if (all->hits < t->count)
			return ALERT_NOTHING;
		return all->told || !t->count ? ALERT_HIDE : ALERT_WRITE;
	case THRESHOLD_DETECTION_FILTER:
		return all->hits > t->count ? ALERT_WRITE : ALERT_NOTHING;
	case THRESHOLD_BACKOFF:
		if (all->hits >= backoff_next(t, all->told))
			return ALERT_WRITE;
		return all->hits < t->count ? ALERT_NOTHING : ALERT_HIDE;
	default:
		return ALERT_WRITE;
	}
}

static enum threshold_answer suppressed(const struct packet *p, const struct match_threshold *t)
{
	bool hit;

	switch ((enum bits_track)t->track) {
	case TRACK_SRC:
		hit = address_in(&t->addresses, &p->src, p->ip_version);
		break;
	case TRACK_DST:
		hit = address_in(&t->addresses, &p->dst, p->ip_version);
		break;
	case TRACK_BOTH:
		hit = address_in(&t->addresses, &p->src, p->ip_version) ||
		      address_in(&t->addresses, &p->dst, p->ip_version);
		break;
	default:
		hit = true;
	}
	return hit ? ALERT_HIDE : ALERT_WRITE;
}

static enum threshold_answer one_run(struct worker *w, const struct packet *p,
				     const struct program_rule *r, unsigned which, uint8_t *action)
{
	const struct match_threshold *t = &r->rule->thresholds[which].u.threshold;
	struct counting c;
	enum threshold_answer answer;
	struct tally_at at;
	struct hits own, together, *all = &own;

	if (t->type == THRESHOLD_RATE_LIMIT) /* rate.c */
		return ALERT_WRITE;
	if (t->type == THRESHOLD_SUPPRESS)
		return suppressed(p, t);
	if (!tally_key_make(p, r->rule, t->track, which, &c.key))
		return ALERT_NOTHING;
	c.w = w;
	c.t = t;
	c.now_ns = p->ts_ns; /* captures are not always in order: time may go back */
	c.shared = tally_shared(w, t->track);
	c.hash = track_hash(&c.key, sizeof(c.key));
	at = tally_get(w->detect->thresholds, &c.key, c.hash, c.now_ns);
	hit_count(&c, &at, &own);
	if (c.shared) {
		hits_of_all(&c, at.entry, &own, &together);
		all = &together;
	}
	if (t->type == THRESHOLD_RATE_FILTER)
		return rate_hit(&c, at.entry, all, action);
	answer = judge(t, all);
	if (answer == ALERT_WRITE)
		tally_set_word(at.entry, TOLD, own.told + 1);
	return answer;
}

enum threshold_answer threshold_run(struct worker *w, const struct packet *p,
				    const struct program_rule *r, uint8_t *action)
{
	if (!p->ip_version)
		return ALERT_WRITE;
	if (r->threshold_count == 1)
		return one_run(w, p, r, 0, action);
	/* What is suppressed is not counted. */
	for (unsigned pass = 0; pass < 2; pass++)
		for (int i = 0; i < r->threshold_count; i++) {
			bool suppress = r->rule->thresholds[i].u.threshold.type == THRESHOLD_SUPPRESS;
			enum threshold_answer answer;

			if (suppress != (pass == 0))
				continue;
			answer = one_run(w, p, r, (unsigned)i, action);
			if (answer != ALERT_WRITE)
				return answer;
		}
	return ALERT_WRITE;
}

struct tally_table *threshold_table_new(struct worker *w)
{
	return tally_table_new(w, TALLY_THRESHOLDS, THRESHOLD_SETS);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How often a rule may speak: threshold, detection_filter, and rate_filter and suppress of
 * threshold.config. Counted per rule and what it tracks, in a table of fixed size per worker; where
 * a set of places is full the oldest gives way. A window begins with the first hit after the last
 * one ended. Runs in the workers.
 */
#include <string.h>

#include "dataplane/detect/program.h"
#include "dataplane/detect/track.h"

#define THRESHOLD_WAYS 8
#define THRESHOLD_SETS 4096
#define NS_PER_S 1000000000ull

struct threshold_key {
	struct addr a, b;
	uint64_t flow;
	uint32_t sid, gid; /* both 0: empty; a reload does not change them */
	uint8_t which;  /* of the rule's thresholds */
	uint8_t track;
	uint8_t ip_version;
	uint8_t pad[5];
};

struct threshold_entry {
	struct threshold_key key;
	uint64_t start_ns;   /* of the window */
	uint64_t timeout_ns; /* rate_filter: since when the other action holds; 0: it does not */
	uint64_t used_ns;
	uint32_t count;
	uint32_t next;       /* backoff: hit that speaks next */
};

struct threshold_table {
	struct threshold_entry entries[THRESHOLD_SETS][THRESHOLD_WAYS];
};

static bool key_of(const struct packet *p, const struct program_rule *r, unsigned which,
		   const struct match_threshold *t, struct threshold_key *key)
{
	memset(key, 0, sizeof(*key));
	key->sid = r->rule->sid;
	key->gid = r->rule->gid;
	key->which = (uint8_t)which;
	key->track = t->track;
	key->ip_version = p->ip_version;
	switch ((enum bits_track)t->track) {
	case TRACK_SRC:
		key->a = p->src;
		return true;
	case TRACK_DST:
		key->a = p->dst;
		return true;
	case TRACK_BOTH:
	case TRACK_PAIR:
		track_pair(p, &key->a, &key->b);
		return true;
	case TRACK_FLOW:
		key->flow = p->flow ? p->flow->id : 0;
		return p->flow != NULL;
	default:
		key->ip_version = 0;
		return true;
	}
}

/* *fresh: it was not there. */
static struct threshold_entry *entry_get(struct worker *w, const struct threshold_key *key,
					 bool *fresh)
{
	struct threshold_entry *set, *oldest;

	set = w->detect->thresholds->entries[track_hash(key, sizeof(*key)) % THRESHOLD_SETS];
	oldest = &set[0];
	*fresh = false;
	for (unsigned i = 0; i < THRESHOLD_WAYS; i++) {
		if (memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
		if (set[i].used_ns < oldest->used_ns)
			oldest = &set[i];
	}
	*fresh = true;
	*oldest = (struct threshold_entry){.key = *key};
	return oldest;
}

static enum threshold_answer first_hit(const struct match_threshold *t, struct threshold_entry *e)
{
	switch ((enum threshold_type)t->type) {
	case THRESHOLD_LIMIT:
	case THRESHOLD_RATE_FILTER:
		return ALERT_WRITE;
	case THRESHOLD_THRESHOLD:
		if (t->count > 1)
			return ALERT_NOTHING;
		e->count = 0;
		return ALERT_WRITE;
	case THRESHOLD_BOTH:
		return t->count == 1 ? ALERT_WRITE : ALERT_NOTHING;
	case THRESHOLD_BACKOFF:
		e->next = t->count;
		if (t->count > 1)
			return ALERT_NOTHING;
		e->next = t->count * t->multiplier;
		return ALERT_WRITE;
	default:
		return ALERT_NOTHING;
	}
}

static enum threshold_answer rate_hit(uint64_t now_ns, const struct match_threshold *t,
				      struct threshold_entry *e, bool inside, uint8_t *action)
{
	if (e->timeout_ns) {
		if (now_ns - e->timeout_ns > t->timeout_s * NS_PER_S)
			e->timeout_ns = 0;
		else
			*action = t->new_action;
	}
	if (!inside) {
		e->start_ns = now_ns;
		e->count = 1;
	} else if (++e->count > t->count) {
		e->timeout_ns = now_ns;
		*action = t->new_action;
	}
	return ALERT_WRITE;
}

static enum threshold_answer next_hit(uint64_t now_ns, const struct match_threshold *t,
				      struct threshold_entry *e, uint8_t *action)
{
	bool inside = now_ns <= e->start_ns + t->seconds * NS_PER_S;

	if (t->type == THRESHOLD_RATE_FILTER)
		return rate_hit(now_ns, t, e, inside, action);
	if (t->type == THRESHOLD_BACKOFF) {
		if (e->count < UINT32_MAX)
			e->count++;
		if (e->count != e->next)
			return e->count < t->count ? ALERT_NOTHING : ALERT_HIDE;
		e->next *= t->multiplier;
		return ALERT_WRITE;
	}
	if (!inside) {
		e->start_ns = now_ns;
		e->count = 1;
		return first_hit(t, e);
	}
	e->count++;
	switch ((enum threshold_type)t->type) {
	case THRESHOLD_LIMIT:
		return e->count <= t->count ? ALERT_WRITE : ALERT_HIDE;
	case THRESHOLD_THRESHOLD:
		if (e->count < t->count)
			return ALERT_NOTHING;
		e->count = 0;
		return ALERT_WRITE;
	case THRESHOLD_BOTH:
		if (e->count == t->count)
			return ALERT_WRITE;
		return e->count > t->count ? ALERT_HIDE : ALERT_NOTHING;
	case THRESHOLD_DETECTION_FILTER:
		return e->count > t->count ? ALERT_WRITE : ALERT_NOTHING;
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
	uint64_t now_ns = p->ts_ns; /* captures are not always in order: time may go back */
	struct threshold_key key;
	struct threshold_entry *e;
	bool fresh;

	if (t->type == THRESHOLD_RATE_LIMIT) /* rate.c */
		return ALERT_WRITE;
	if (t->type == THRESHOLD_SUPPRESS)
		return suppressed(p, t);
	if (!key_of(p, r, which, t, &key))
		return ALERT_NOTHING;
	e = entry_get(w, &key, &fresh);
	e->used_ns = now_ns;
	if (!fresh)
		return next_hit(now_ns, t, e, action);
	e->start_ns = now_ns;
	e->count = 1;
	return first_hit(t, e);
}

enum threshold_answer threshold_run(struct worker *w, const struct packet *p,
				    const struct program_rule *r, uint8_t *action)
{
	if (!p->ip_version)
		return ALERT_WRITE;
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

struct threshold_table *threshold_table_new(struct worker *w)
{
	return worker_memory(w, sizeof(struct threshold_table), 64);
}

void threshold_table_reset(struct threshold_table *t)
{
	memset(t, 0, sizeof(*t));
}

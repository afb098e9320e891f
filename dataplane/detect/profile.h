/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What each rule costs and does (detect.profile). A block of counts for each worker, which writes it
 * alone; the blocks belong to the program, so that a reload begins anew and the main thread may read
 * them as long as the program lives. Off, the workers run a loop that knows nothing of it.
 *
 * Of a rule's runs the first PROFILE_FIRST are timed and then one of PROFILE_EACH: the counter is
 * read for few, and rules that run seldom are timed all the same.
 */
#ifndef DETECT_PROFILE_H
#define DETECT_PROFILE_H

#include "dataplane/detect/program.h"
#include "dataplane/event/rule_stat.h"

#define PROFILE_FIRST 64
#define PROFILE_EACH 16

struct rule_profile {
	uint64_t candidates, verified, matches, alerts;
	uint64_t cycles, timed; /* of the runs that were timed; how many */
};

/* One run under way. */
struct profile_mark {
	struct rule_profile *of; /* NULL: profiling is off */
	uint64_t start, verified; /* start 0: not timed */
	unsigned queued;
};

static inline uint64_t profile_clock(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t now;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
	return now;
#else
	return 0;
#endif
}

static inline struct profile_mark profile_begin(const struct worker *w, uint32_t rule)
{
	const struct detect_state *s = w->detect;
	struct profile_mark m = {.of = s->profile ? &s->profile[rule] : NULL};

	if (!m.of)
		return m;
	m.verified = w->counters->detect_verified;
	m.queued = s->queue_count;
	if (++m.of->candidates <= PROFILE_FIRST || m.of->candidates % PROFILE_EACH == 0)
		m.start = profile_clock();
	return m;
}

static inline void profile_end(const struct worker *w, const struct profile_mark *m)
{
	if (!m->of)
		return;
	if (m->start) {
		m->of->cycles += profile_clock() - m->start;
		m->of->timed++;
	}
	m->of->verified += w->counters->detect_verified - m->verified;
	m->of->matches += w->detect->queue_count > m->queued;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/detect/profile.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks of two workers share no cache line: four of these are three lines. */
static_assert(sizeof(struct rule_profile) == 48, "a block must be whole cache lines");

int detect_program_profile(struct detect_program *p, unsigned workers)
{
	p->profile_block = ((size_t)p->rule_count + 3) / 4 * 4 + 4;
	p->profiles = aligned_alloc(64, workers * p->profile_block * sizeof(*p->profiles));
	if (!p->profiles)
		return -ENOMEM;
	memset(p->profiles, 0, workers * p->profile_block * sizeof(*p->profiles));
	p->profile_workers = workers;
	return 0;
}

struct rule_profile *profile_of_worker(const struct detect_program *p, unsigned worker)
{
	return p->profiles && worker < p->profile_workers ? &p->profiles[worker * p->profile_block] : NULL;
}

static uint64_t load(const uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

bool detect_program_stat(const struct detect_program *p, uint32_t rule, struct rule_stat *out)
{
	const struct rule *r = p->rules[rule].rule;

	*out = (struct rule_stat){.gid = r->gid, .sid = r->sid, .rev = r->rev};
	snprintf(out->msg, sizeof(out->msg), "%s", r->msg);
	for (unsigned w = 0; w < p->profile_workers; w++) {
		const struct rule_profile *c = &p->profiles[w * p->profile_block + rule];
		uint64_t candidates = load(&c->candidates), timed = load(&c->timed);

		out->candidates += candidates;
		out->verified += load(&c->verified);
		out->matches += load(&c->matches);
		out->alerts += load(&c->alerts);
		if (timed)
			out->cycles += (uint64_t)((double)load(&c->cycles) / (double)timed *
						  (double)candidates);
	}
	return out->candidates > 0;
}

uint32_t detect_program_rules(const struct detect_program *p)
{
	return p->profiles ? p->rule_count : 0;
}

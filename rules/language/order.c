/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reference's order of rules: a rule that sets a flowbit stands before one that asks for it, so
 * that both can match on the same packet.
 */
#include "rules/language/order.h"

#include <errno.h>
#include <stdlib.h>

/* Ranks, lower first. */
struct order_key {
	struct rule *rule;
	uint8_t action, flowbits, flowint, variables, hostbits, xbits;
	size_t place; /* in the files: the last resort */
};

static uint8_t action_rank(uint8_t action)
{
	static const uint8_t ranks[] = {
		[ACTION_CONFIG] = 0,     [ACTION_PASS] = 1,        [ACTION_DROP] = 2,
		[ACTION_REJECT] = 3,     [ACTION_REJECT_DST] = 3,  [ACTION_REJECT_BOTH] = 3,
		[ACTION_ALERT] = 4,
	};

	return ranks[action];
}

static bool list_has(const struct match *list, uint32_t count, enum keyword keyword)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i].keyword == keyword)
			return true;
	return false;
}

/* 0 sets, 1 sets and asks, 2 asks, 3 neither. */
static uint8_t state_rank(const struct rule *r, enum keyword keyword)
{
	bool sets = list_has(r->post_matches, r->post_match_count, keyword);
	bool asks = list_has(r->packet_matches, r->packet_match_count, keyword);

	return sets ? (asks ? 1 : 0) : (asks ? 2 : 3);
}

static int order_compare(const void *a, const void *b)
{
	const struct order_key *x = a, *y = b;

#define ORDER_BY(member)                                                                           \
	if (x->member != y->member)                                                                \
		return x->member < y->member ? -1 : 1
	ORDER_BY(action);
	ORDER_BY(flowbits);
	ORDER_BY(flowint);
	ORDER_BY(variables);
	ORDER_BY(hostbits);
	ORDER_BY(xbits);
	ORDER_BY(rule->priority);
	ORDER_BY(rule->sid);
	ORDER_BY(rule->gid);
	ORDER_BY(place);
#undef ORDER_BY
	return 0;
}

int rules_order(struct rule **rules, size_t count)
{
	struct order_key *keys = calloc(count ? count : 1, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct rule *r = rules[i];

		keys[i] = (struct order_key){
			.rule = r,
			.action = action_rank(r->action),
			.flowbits = state_rank(r, KEYWORD_flowbits),
			.flowint = state_rank(r, KEYWORD_flowint),
			.variables = !list_has(r->packet_matches, r->packet_match_count,
					       KEYWORD_flowvar),
			.hostbits = state_rank(r, KEYWORD_hostbits),
			.xbits = state_rank(r, KEYWORD_xbits),
			.place = i,
		};
	}
	qsort(keys, count, sizeof(*keys), order_compare);
	for (size_t i = 0; i < count; i++) {
		rules[i] = keys[i].rule;
		rules[i]->index = (uint32_t)i;
	}
	free(keys);
	return 0;
}

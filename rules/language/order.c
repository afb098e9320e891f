/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/language/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum bits_kind { KIND_FLOWBITS, KIND_FLOWINT, KIND_HOSTBITS, KIND_XBITS, KIND_COUNT };

/* What a rule is sorted by: smaller comes first. */
struct order_key {
	struct rule *rule;
	bool firewall;
	uint8_t action;
	uint8_t bits[KIND_COUNT]; /* set 0, set and read 1, read 2, neither 3 */
	uint8_t priority;
	uint32_t place; /* in the files */
};

#define ACTIONS_DEFAULT "pass,drop,reject,alert"

/* By enum rule_action. */
static int ranks_read(const char *actions, uint8_t rank[ACTION_COUNT])
{
	static const char *const names[ACTION_COUNT] = {
		[ACTION_PASS] = "pass",		 [ACTION_DROP] = "drop",
		[ACTION_REJECT] = "reject",	 [ACTION_REJECT_DST] = "reject",
		[ACTION_REJECT_BOTH] = "reject", [ACTION_ALERT] = "alert",
	};
	uint8_t at = 0;

	memset(rank, ACTION_COUNT, ACTION_COUNT);
	for (const char *p = actions && *actions ? actions : ACTIONS_DEFAULT; *p; at++) {
		size_t n = strcspn(p, ", ");
		bool known = n == 0;

		for (unsigned i = 0; n && i < ACTION_COUNT; i++)
			if (names[i] && strlen(names[i]) == n && memcmp(names[i], p, n) == 0) {
				known = true;
				if (rank[i] == ACTION_COUNT)
					rank[i] = at;
			}
		if (!known)
			return -EINVAL;
		p += n;
		p += strspn(p, ", ");
	}
	return 0;
}

enum { BITS_READ = 1, BITS_WRITE = 2 };

static int bits_kind(uint16_t keyword)
{
	switch (keyword) {
	case KEYWORD_flowbits:
		return KIND_FLOWBITS;
	case KEYWORD_flowint:
		return KIND_FLOWINT;
	case KEYWORD_hostbits:
		return KIND_HOSTBITS;
	case KEYWORD_xbits:
		return KIND_XBITS;
	default:
		return -1;
	}
}

static unsigned bits_use(const struct match *m)
{
	if (m->keyword == KEYWORD_flowint) {
		uint8_t c = m->u.flowint.command;

		return c == FLOWINT_ADD || c == FLOWINT_SUBTRACT || c == FLOWINT_SET ? BITS_WRITE
										     : BITS_READ;
	}
	return m->u.bits.command == BITS_ISSET || m->u.bits.command == BITS_ISNOTSET ? BITS_READ
										     : BITS_WRITE;
}

static void note_uses(const struct match *matches, uint32_t count, unsigned uses[KIND_COUNT])
{
	for (uint32_t i = 0; i < count; i++) {
		int kind = bits_kind(matches[i].keyword);

		if (kind >= 0)
			uses[kind] |= bits_use(&matches[i]);
	}
}

static struct order_key key_of(struct rule *r, uint32_t place, const uint8_t *action_rank)
{
	static const uint8_t rank[] = {3, 2, 0, 1}; /* by BITS_READ | BITS_WRITE */
	struct order_key k = {
		.rule = r,
		.firewall = r->flags & RULE_FIREWALL,
		.action = action_rank[r->action],
		.priority = r->priority,
		.place = place,
	};
	unsigned uses[KIND_COUNT] = {0};

	note_uses(r->packet_matches, r->packet_match_count, uses);
	note_uses(r->app_matches, r->app_match_count, uses);
	note_uses(r->post_matches, r->post_match_count, uses);
	for (int i = 0; i < KIND_COUNT; i++)
		k.bits[i] = rank[uses[i]];
	return k;
}

static int compare(const void *a, const void *b)
{
	const struct order_key *x = a, *y = b;

	if (x->firewall != y->firewall)
		return x->firewall ? -1 : 1;
	if (x->firewall)
		return x->place < y->place ? -1 : x->place > y->place;
	if (x->action != y->action)
		return x->action < y->action ? -1 : 1;
	for (int i = 0; i < KIND_COUNT; i++)
		if (x->bits[i] != y->bits[i])
			return x->bits[i] < y->bits[i] ? -1 : 1;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->rule->sid != y->rule->sid)
		return x->rule->sid < y->rule->sid ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

int rules_order(struct rule **rules, size_t count, const char *actions)
{
	uint8_t ranks[ACTION_COUNT];
	int err = ranks_read(actions, ranks);
	struct order_key *keys;

	if (err)
		return err;
	keys = calloc(count ? count : 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		keys[i] = key_of(rules[i], (uint32_t)i, ranks);
	qsort(keys, count, sizeof(*keys), compare);
	for (size_t i = 0; i < count; i++) {
		rules[i] = keys[i].rule;
		rules[i]->index = (uint32_t)i;
	}
	free(keys);
	return 0;
}

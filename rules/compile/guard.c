/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a payload must begin with for a rule to match on a packet: of contents that can stand in one
 * place only, counted from the start or from such a content before, the bytes among the first sixteen.
 * Long payloads are not searched for literals of rules none of whose guards holds. Runs in the thread
 * that loads a rule set.
 */
#include <ctype.h>
#include <string.h>

#include "rules/compile/groups_private.h"

/* Where the bytes of a content begin if there is one such place, else -1. end: of the condition before it
 * if that is a content in one place, else -1. */
static int64_t place_of(const struct match_content *c, int64_t end)
{
	int64_t len = c->pattern.len, from = 0, room = -1;

	if (c->offset.variable >= 0 || c->depth.variable >= 0 || c->distance.variable >= 0 || c->within.variable >= 0)
		return -1;
	if (c->flags & (CONTENT_DISTANCE | CONTENT_WITHIN)) {
		if (end < 0 || (c->flags & (CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_STARTSWITH)))
			return -1;
		from = c->flags & CONTENT_DISTANCE ? c->distance.value : 0;
		room = c->flags & CONTENT_WITHIN ? c->within.value - from : -1;
		from += end;
	} else if (c->flags & CONTENT_STARTSWITH) {
		room = len;
	} else {
		from = c->flags & CONTENT_OFFSET ? c->offset.value : 0;
		room = c->flags & CONTENT_DEPTH ? c->depth.value : -1;
	}
	return room == len && from >= 0 ? from : -1;
}

static void guard_add(struct group_guard *g, const struct match_content *c, int64_t from)
{
	uint8_t mask[GUARD_BYTES], value[GUARD_BYTES];

	memcpy(mask, g->mask, sizeof(mask));
	memcpy(value, g->value, sizeof(value));
	for (int64_t at = from; at < GUARD_BYTES && at < from + c->pattern.len; at++) {
		uint8_t byte = c->pattern.data[at - from];

		mask[at] = (c->flags & CONTENT_NOCASE) && isalpha(byte) ? (uint8_t)~0x20 : 0xff;
		value[at] = byte & mask[at];
	}
	memcpy(g->mask, mask, sizeof(mask));
	memcpy(g->value, value, sizeof(value));
}

bool rule_guard(const struct rule *rule, struct group_guard *guard)
{
	*guard = (struct group_guard){0};
	for (uint32_t i = 0; i < rule->buffer_count; i++) {
		const struct rule_buffer *b = &rule->buffers[i];
		int64_t end = -1;

		if (strcmp(b->name, "payload") != 0 || b->transform_count)
			continue;
		for (uint32_t k = 0; k < b->match_count; k++) {
			const struct match_content *c = &b->matches[k].u.content;
			int64_t from = -1;

			if (b->matches[k].keyword == KEYWORD_content && !(c->flags & CONTENT_NEGATED))
				from = place_of(c, end);
			end = from < 0 ? -1 : from + c->pattern.len;
			if (from >= 0)
				guard_add(guard, c, from);
		}
	}
	return guard->mask[0] || guard->mask[1];
}

void group_guards_make(struct groups_builder *b, const struct group_draft *d, struct pattern_group *group)
{
	struct group_guard list[GUARDS_MAX], *guards;
	uint32_t count = 0;

	for (uint32_t i = 0; i < d->count; i++) {
		struct group_guard g;
		uint32_t k = 0;

		if (!rule_guard(d->items[i].rule, &g))
			return;
		while (k < count && memcmp(&list[k], &g, sizeof(g)) != 0)
			k++;
		if (k == GUARDS_MAX)
			return;
		list[k] = g;
		count += k == count;
	}
	guards = groups_alloc(b, count * sizeof(*guards));
	if (!guards)
		return;
	memcpy(guards, list, count * sizeof(*guards));
	group->guards = guards;
	group->guard_count = count;
}

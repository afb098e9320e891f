/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/ruleset_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/compile/groups.h"
#include "rules/describe.h"
#include "rules/holds.h"

#define TEXT_MAX 65536

/* The first thing that differs: its name in the code. */
static const char *what;

#define SAME(condition) ((condition) || (what = what ? what : #condition, false))

static bool text_same(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static bool list_same(const void *a, const void *b, size_t bytes)
{
	return !bytes || memcmp(a, b, bytes) == 0;
}

static bool bytes_same(const struct bytes *a, const struct bytes *b)
{
	return a->len == b->len && list_same(a->data, b->data, a->len);
}

/* ---- rules ---- */

static bool addresses_same(const struct addr_set *a, const struct addr_set *b)
{
	return a->any == b->any && a->negated_in_text == b->negated_in_text && a->count == b->count &&
	       list_same(a->ranges, b->ranges, a->count * sizeof(*a->ranges));
}

static bool ports_same(const struct port_set *a, const struct port_set *b)
{
	return a->any == b->any && a->count == b->count && list_same(a->ranges, b->ranges, a->count * sizeof(*a->ranges));
}

static bool number_same(const struct rule_number *a, const struct rule_number *b)
{
	return a->value == b->value && a->variable == b->variable;
}

static bool content_same(const struct match_content *a, const struct match_content *b)
{
	return bytes_same(&a->pattern, &b->pattern) && bytes_same(&a->replace, &b->replace) && a->flags == b->flags &&
	       a->chop_offset == b->chop_offset && a->chop_length == b->chop_length &&
	       number_same(&a->offset, &b->offset) && number_same(&a->depth, &b->depth) &&
	       number_same(&a->distance, &b->distance) && number_same(&a->within, &b->within);
}

static bool pcre_same(const struct match_pcre *a, const struct match_pcre *b)
{
	for (uint32_t i = 0; a->capture_count == b->capture_count && i < a->capture_count; i++)
		if (a->captures[i].kind != b->captures[i].kind || a->captures[i].group != b->captures[i].group ||
		    !text_same(a->captures[i].name, b->captures[i].name))
			return false;
	return text_same(a->pattern, b->pattern) && a->pattern_len == b->pattern_len && a->options == b->options &&
	       a->flags == b->flags && a->capture_count == b->capture_count;
}

static bool byte_same(const struct match_byte *a, const struct match_byte *b)
{
	return number_same(&a->count, &b->count) && number_same(&a->offset, &b->offset) && number_same(&a->value, &b->value) &&
	       a->flags == b->flags && a->multiplier == b->multiplier && a->post_offset == b->post_offset &&
	       a->bitmask == b->bitmask && a->align == b->align && a->base == b->base && a->op == b->op &&
	       a->variable == b->variable;
}

static bool matches_same(const struct ruleset *sets[2], const struct match *a, uint32_t a_count, const struct match *b,
			 uint32_t b_count)
{
	static char text[2][TEXT_MAX];

	if (a_count != b_count)
		return false;
	for (uint32_t i = 0; i < a_count; i++) {
		if (a[i].keyword != b[i].keyword ||
		    strcmp(match_describe(&a[i], sets[0], text[0], TEXT_MAX),
			   match_describe(&b[i], sets[1], text[1], TEXT_MAX)) != 0)
			return false;
		if (a[i].keyword == KEYWORD_content && !content_same(&a[i].u.content, &b[i].u.content))
			return false;
		if (a[i].keyword == KEYWORD_pcre && !pcre_same(&a[i].u.pcre, &b[i].u.pcre))
			return false;
		if (match_member(a[i].keyword) == MEMBER_byte && !byte_same(&a[i].u.byte, &b[i].u.byte))
			return false;
		if (match_member(a[i].keyword) == MEMBER_event && !text_same(a[i].u.event.name, b[i].u.event.name))
			return false;
		if ((a[i].keyword == KEYWORD_threshold || a[i].keyword == KEYWORD_detection_filter) &&
		    !addresses_same(&a[i].u.threshold.addresses, &b[i].u.threshold.addresses))
			return false;
	}
	return true;
}

static bool transforms_same(const struct transform *a, const struct transform *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (a[i].kind != b[i].kind || a[i].mode != b[i].mode || a[i].bytes != b[i].bytes ||
		    a[i].offset != b[i].offset || !bytes_same(&a[i].argument, &b[i].argument) || a[i].script ||
		    b[i].script)
			return false;
	return true;
}

static bool buffer_same(const struct ruleset *sets[2], const struct rule_buffer *a, const struct rule_buffer *b)
{
	return SAME(text_same(a->name, b->name)) && SAME(a->keyword == b->keyword) && SAME(a->direction == b->direction) &&
	       SAME(a->legacy_http1 == b->legacy_http1) && SAME(a->transform_count == b->transform_count) &&
	       SAME(transforms_same(a->transforms, b->transforms, a->transform_count)) &&
	       SAME(matches_same(sets, a->matches, a->match_count, b->matches, b->match_count));
}

static bool texts_same(const struct rule *a, const struct rule *b)
{
	for (uint32_t i = 0; i < a->reference_count; i++)
		if (!SAME(text_same(a->references[i].key, b->references[i].key)) ||
		    !SAME(text_same(a->references[i].url, b->references[i].url)))
			return false;
	for (uint32_t i = 0; i < a->metadata_count; i++)
		if (!SAME(text_same(a->metadata[i].key, b->metadata[i].key)) ||
		    !SAME(text_same(a->metadata[i].value, b->metadata[i].value)))
			return false;
	return SAME(text_same(a->msg, b->msg)) && SAME(text_same(a->classtype, b->classtype)) &&
	       SAME(text_same(a->category, b->category)) && SAME(text_same(a->file, b->file)) &&
	       SAME(a->line == b->line) && SAME(text_same(a->text, b->text)) && SAME(text_same(a->app, b->app)) &&
	       SAME(text_same(a->hook, b->hook));
}

static bool rule_same(const struct ruleset *sets[2], const struct rule *a, const struct rule *b)
{
	if (!SAME(a->index == b->index && a->gid == b->gid && a->sid == b->sid && a->rev == b->rev) ||
	    !SAME(a->action == b->action && a->scope == b->scope && a->pass_scope == b->pass_scope) ||
	    !SAME(a->priority == b->priority && a->ip_protos == b->ip_protos && a->ip_versions == b->ip_versions) ||
	    !SAME(a->flags == b->flags) || !SAME(a->variable_count == b->variable_count) ||
	    !SAME(addresses_same(&a->src, &b->src)) || !SAME(addresses_same(&a->dst, &b->dst)) ||
	    !SAME(ports_same(&a->sport, &b->sport)) || !SAME(ports_same(&a->dport, &b->dport)) ||
	    !SAME(a->buffer_count == b->buffer_count) || !SAME(a->reference_count == b->reference_count) ||
	    !SAME(a->metadata_count == b->metadata_count))
		return false;
	for (uint32_t i = 0; i < a->buffer_count; i++)
		if (!buffer_same(sets, &a->buffers[i], &b->buffers[i]))
			return false;
	return texts_same(a, b) &&
	       SAME(matches_same(sets, a->packet_matches, a->packet_match_count, b->packet_matches,
				 b->packet_match_count)) &&
	       SAME(matches_same(sets, a->app_matches, a->app_match_count, b->app_matches, b->app_match_count)) &&
	       SAME(matches_same(sets, a->post_matches, a->post_match_count, b->post_matches, b->post_match_count)) &&
	       SAME(matches_same(sets, a->thresholds, a->threshold_count, b->thresholds, b->threshold_count));
}

/* ---- groups ---- */

static bool entries_same(const struct group_entry *a, const struct group_entry *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (a[i].rule != b[i].rule || a[i].flags != b[i].flags || a[i].len != b[i].len ||
		    a[i].end_min != b[i].end_min || a[i].end_max != b[i].end_max || !a[i].pattern != !b[i].pattern ||
		    (a[i].pattern && !list_same(a[i].pattern, b[i].pattern, a[i].len)))
			return false;
	return true;
}

static bool literals_same(const struct group_literal *a, const struct group_literal *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (a[i].first != b[i].first || a[i].count != b[i].count || a[i].len != b[i].len ||
		    !list_same(a[i].text, b[i].text, a[i].len))
			return false;
	return true;
}

static bool masks_same(const struct sieve_masks *a, const struct sieve_masks *b, enum sieve_kind kind)
{
	if (!a || !b)
		return a == b;
	return a->sets == b->sets && a->places == b->places && a->short_only == b->short_only && list_same(a->of_width, b->of_width, sizeof(a->of_width)) &&
	       (uintptr_t)b->tables % 64 == 0 &&
	       list_same(a->tables, b->tables, (size_t)a->sets * a->places * sieve_table_bytes(kind));
}

static bool sieve_same(const struct sieve *a, const struct sieve *b)
{
	if (!a || !b)
		return a == b;
	if (a->slot_mask != b->slot_mask || a->shift != b->shift || a->widths != b->widths ||
	    a->anchor_count != b->anchor_count ||
	    !list_same(a->bits, b->bits, ((size_t)1 << (32 - a->shift)) / 8) ||
	    !list_same(a->slots, b->slots, (a->slot_mask + 1) * sizeof(*a->slots)))
		return false;
	for (enum sieve_kind kind = 0; kind < SIEVE_KINDS; kind++)
		if (!masks_same(a->masks[kind], b->masks[kind], kind))
			return false;
	for (uint32_t i = 0; i < a->anchor_count; i++)
		if (a->anchors[i].literal != b->anchors[i].literal || a->anchors[i].offset != b->anchors[i].offset ||
		    a->anchors[i].len != b->anchors[i].len ||
		    !list_same(a->anchors[i].text, b->anchors[i].text, a->anchors[i].len))
			return false;
	return true;
}

static bool database_same(const hs_database_t *a, const hs_database_t *b)
{
	char *bytes[2] = {NULL, NULL};
	size_t len[2] = {0, 0};
	bool same;

	if (!a || !b)
		return a == b;
	same = hs_serialize_database(a, &bytes[0], &len[0]) == HS_SUCCESS &&
	       hs_serialize_database(b, &bytes[1], &len[1]) == HS_SUCCESS && len[0] == len[1] &&
	       memcmp(bytes[0], bytes[1], len[0]) == 0;
	free(bytes[0]);
	free(bytes[1]);
	return same;
}

static bool group_same(const struct pattern_group *a, const struct pattern_group *b)
{
	if (!a || !b)
		return SAME(a == b);
	return SAME(a->literal_count == b->literal_count) && SAME(a->entry_count == b->entry_count) &&
	       SAME(a->literal_max == b->literal_max) && SAME(a->always_count == b->always_count) &&
	       SAME(a->placed_count == b->placed_count) && SAME(a->placed_entry_count == b->placed_entry_count) &&
	       SAME(a->placed_slot_count == b->placed_slot_count) &&
	       SAME(literals_same(a->literals, b->literals, a->literal_count)) &&
	       SAME(entries_same(a->entries, b->entries, a->entry_count)) &&
	       SAME(list_same(a->always, b->always, a->always_count * sizeof(*a->always))) &&
	       SAME(list_same(a->placed, b->placed, a->placed_count * sizeof(*a->placed))) &&
	       SAME(list_same(a->placed_slots, b->placed_slots, a->placed_slot_count * sizeof(*a->placed_slots))) &&
	       SAME(entries_same(a->placed_entries, b->placed_entries, a->placed_entry_count)) &&
	       SAME(a->reach == b->reach) && SAME(a->with_wide == b->with_wide) && SAME(a->guard_count == b->guard_count) &&
	       SAME(list_same(a->guards, b->guards, a->guard_count * sizeof(*a->guards))) &&
	       SAME(sieve_same(a->sieve, b->sieve)) && SAME(database_same(a->database, b->database));
}

static bool port_groups_same(const struct port_groups *a, const struct port_groups *b)
{
	if (!group_same(a->wide, b->wide) || !SAME(a->narrow_count == b->narrow_count) ||
	    !SAME(!a->narrow_by_port == !b->narrow_by_port) ||
	    (a->narrow_by_port &&
	     !SAME(list_same(a->narrow_by_port, b->narrow_by_port, 65536 * sizeof(*a->narrow_by_port)))))
		return false;
	for (uint32_t i = 1; i < a->narrow_count; i++)
		if (!group_same(&a->narrow[i], &b->narrow[i]))
			return false;
	return true;
}

static bool path_ports_same(const struct path_ports *a, const struct path_ports *b)
{
	if (!SAME(a->count == b->count) || !SAME(list_same(a->of_path, b->of_path, sizeof(a->of_path))))
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!port_groups_same(&a->variants[i], &b->variants[i]))
			return false;
	return true;
}

/* [0] is not used. */
static bool variants_same(const struct pattern_group *a, uint32_t a_count, const struct pattern_group *b, uint32_t b_count)
{
	if (!SAME(a_count == b_count))
		return false;
	for (uint32_t i = 1; i < a_count; i++)
		if (!group_same(&a[i], &b[i]))
			return false;
	return true;
}

static bool buffer_groups_same(const struct buffer_group *a, const struct buffer_group *b)
{
	return SAME(text_same(a->buffer, b->buffer)) && SAME(text_same(a->app, b->app)) &&
	       SAME(a->direction == b->direction) && SAME(a->transform_count == b->transform_count) &&
	       SAME(transforms_same(a->transforms, b->transforms, a->transform_count)) &&
	       variants_same(a->variants, a->count, b->variants, b->count) &&
	       SAME(list_same(a->of_path, b->of_path, sizeof(a->of_path)));
}

/* The same buffer, content and bytes of the rule. */
static bool prefilter_same(const struct rule *ra, const struct group_prefilter *a, const struct rule *rb,
			   const struct group_prefilter *b)
{
	if (!a->buffer || !b->buffer)
		return SAME(a->buffer == b->buffer);
	return SAME(a->buffer - ra->buffers == b->buffer - rb->buffers) &&
	       SAME((const char *)a->content - (const char *)a->buffer->matches ==
		    (const char *)b->content - (const char *)b->buffer->matches) &&
	       SAME(a->literal.data - a->content->pattern.data == b->literal.data - b->content->pattern.data) &&
	       SAME(bytes_same(&a->literal, &b->literal));
}

static bool groups_same(const struct ruleset *sets[2])
{
	const struct ruleset_groups *a = sets[0]->groups, *b = sets[1]->groups;

	if (!SAME(a->buffer_count == b->buffer_count) || !SAME(a->database_count == b->database_count) ||
	    !SAME(a->literal_count == b->literal_count) || !SAME(a->event_count == b->event_count) ||
	    !SAME(a->ip_only_count == b->ip_only_count) || !SAME(addresses_same(&a->inside, &b->inside)) ||
	    !SAME(list_same(a->events, b->events, a->event_count * 4)) ||
	    !SAME(list_same(a->ip_only, b->ip_only, a->ip_only_count * 4)))
		return false;
	for (uint32_t i = 0; i < a->buffer_count; i++)
		if (!buffer_groups_same(&a->buffers[i], &b->buffers[i]))
			return false;
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned l4 = 0; l4 < GROUP_L4_COUNT; l4++)
			if (!path_ports_same(&a->packet[l4][d], &b->packet[l4][d]) ||
			    !path_ports_same(&a->packet_long[l4][d], &b->packet_long[l4][d]) ||
			    !path_ports_same(&a->packet_guarded[l4][d], &b->packet_guarded[l4][d]) ||
			    !path_ports_same(&a->packet_near[l4][d], &b->packet_near[l4][d]) ||
			    !path_ports_same(&a->packet_always[l4][d], &b->packet_always[l4][d]))
				return false;
		if (!path_ports_same(&a->stream[d], &b->stream[d]) ||
		    !SAME(a->app_always_count[d] == b->app_always_count[d]) ||
		    !SAME(list_same(a->app_always[d], b->app_always[d], a->app_always_count[d] * 4)))
			return false;
	}
	for (size_t i = 0; i < sets[0]->rule_count; i++)
		if (!prefilter_same(sets[0]->rules[i], &a->prefilter[i], sets[1]->rules[i], &b->prefilter[i]) ||
		    !prefilter_same(sets[0]->rules[i], &a->packet_prefilter[i], sets[1]->rules[i],
				    &b->packet_prefilter[i]))
			return false;
	return true;
}

/* ---- the set ---- */

static bool names_same(const char *const *a, const char *const *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!text_same(a[i], b[i]))
			return false;
	return true;
}

bool ruleset_same(const struct ruleset *a, const struct ruleset *b, char *out, size_t size)
{
	const struct ruleset *sets[2] = {a, b};

	what = NULL;
	if (!SAME(a->rule_count == b->rule_count) || !SAME(a->firewall == b->firewall) ||
	    !SAME(a->firewall_count == b->firewall_count) || !SAME(a->flowbit_count == b->flowbit_count) ||
	    !SAME(a->xbit_count == b->xbit_count) || !SAME(a->hostbit_count == b->hostbit_count) ||
	    !SAME(a->flowint_count == b->flowint_count) || !SAME(a->script_count == b->script_count) ||
	    !SAME(names_same(a->flowbit_names, b->flowbit_names, a->flowbit_count)) ||
	    !SAME(names_same(a->xbit_names, b->xbit_names, a->xbit_count)) ||
	    !SAME(names_same(a->hostbit_names, b->hostbit_names, a->hostbit_count)) ||
	    !SAME(names_same(a->flowint_names, b->flowint_names, a->flowint_count)))
		goto differ;
	for (size_t i = 0; i < a->rule_count; i++)
		if (!rule_same(sets, a->rules[i], b->rules[i])) {
			snprintf(out, size, "rule %u: not %s", a->rules[i]->sid, what);
			return false;
		}
	if (groups_same(sets))
		return true;
differ:
	snprintf(out, size, "not %s", what);
	return false;
}

bool report_same(const struct ruleset_report *a, const struct ruleset_report *b, char *out, size_t size)
{
	what = NULL;
	if (!SAME(a->active == b->active) || !SAME(a->loaded == b->loaded) || !SAME(a->refused == b->refused) ||
	    !SAME(a->duplicates == b->duplicates) || !SAME(a->firewall_refused == b->firewall_refused) ||
	    !SAME(a->skipped == b->skipped) || !SAME(a->databases == b->databases) ||
	    !SAME(a->problem_count == b->problem_count))
		goto differ;
	for (size_t i = 0; i < a->problem_count; i++) {
		const struct ruleset_problem *p = &a->problems[i], *q = &b->problems[i];

		if (!SAME(text_same(p->file, q->file)) || !SAME(p->line == q->line) || !SAME(p->column == q->column) ||
		    !SAME(p->sid == q->sid) || !SAME(p->refused == q->refused) || !SAME(p->firewall == q->firewall) ||
		    !SAME(text_same(p->reason, q->reason)) || !SAME(text_same(p->advice, q->advice)))
			goto differ;
	}
	return true;
differ:
	snprintf(out, size, "not %s", what);
	return false;
}

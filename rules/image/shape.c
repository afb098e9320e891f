/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the pointers of a rule set are: one function for each structure, in the order in which they
 * contain each other. Whoever adds a pointer to one of them adds it here; one that is forgotten is found
 * when an image is made (store.c looks for addresses that are left), and no image is made.
 */
#include <stdalign.h>
#include <string.h>

#include "rules/holds.h"
#include "rules/image/freeze.h"

#define TYPE(type, function) ((struct frozen_type){sizeof(type), alignof(type), function})
#define SLOT(field) (at + offsetof(typeof(*o), field))
/* What stands between the fields of a structure is whatever was on the stack: it stays out of the file. */
#if __has_builtin(__builtin_clear_padding)
#define CLEAN(type, place) __builtin_clear_padding((type *)(void *)(f->data.bytes + (place)))
#else
#define CLEAN(type, place) ((void)0)
#endif
/* *o has been copied to `at`; the others are about its fields. */
#define START(type) \
	const struct type *o = object; \
	CLEAN(struct type, at)
#define TEXT(field) freeze_text(f, o->field, FROZEN_USED, SLOT(field))
#define READ(field) freeze_text(f, o->field, FROZEN_READ, SLOT(field))
#define LIST(field, count, type, function) freeze_list(f, o->field, count, TYPE(type, function), SLOT(field))
#define SHARED(field, count, type) freeze_shared(f, o->field, count, TYPE(type, NULL), SLOT(field))
#define BYTES(field) freeze_bytes(f, o->field.data, o->field.len, FROZEN_USED, SLOT(field.data))
#define LITERAL(field) freeze_bytes(f, o->field, o->len, FROZEN_USED, SLOT(field))

/* ---- conditions ---- */

static void freeze_capture(struct freezer *f, const void *object, size_t at)
{
	START(match_capture);

	TEXT(name);
}

/* Of the union what the keyword fills. */
static void match_clean(struct freezer *f, const struct match *o, size_t at)
{
	size_t used = 0;

	switch (match_member(o->keyword)) {
#define MEMBER(member) \
	case MEMBER_##member: \
		CLEAN(typeof(((struct match *)NULL)->u.member), SLOT(u)); \
		used = sizeof(o->u.member); \
		break;
	MATCH_MEMBERS_POINTING(MEMBER)
	MATCH_MEMBERS_PLAIN(MEMBER)
#undef MEMBER
	case MEMBER_nothing:
		break;
	}
	memset(f->data.bytes + SLOT(u) + used, 0, sizeof(o->u) - used);
}

static void freeze_match(struct freezer *f, const void *object, size_t at)
{
	START(match);

	match_clean(f, o, at);
	switch (match_member(o->keyword)) {
#define MEMBER(member) case MEMBER_##member:
	MATCH_MEMBERS_PLAIN(MEMBER)
#undef MEMBER
		break;
	case MEMBER_nothing:
	case MEMBER_dataset:
	case MEMBER_datarep:
	case MEMBER_script:
		freeze_fail(f, "a rule refers to what is outside of the rule files");
		break;
	case MEMBER_word:
		TEXT(u.word.text);
		break;
	case MEMBER_content:
		BYTES(u.content.pattern);
		BYTES(u.content.replace);
		break;
	case MEMBER_pcre:
		TEXT(u.pcre.pattern);
		LIST(u.pcre.captures, o->u.pcre.capture_count, struct match_capture, freeze_capture);
		break;
	case MEMBER_bits:
		LIST(u.bits.ids, o->u.bits.count, uint32_t, NULL);
		break;
	case MEMBER_threshold:
		SHARED(u.threshold.addresses.ranges, o->u.threshold.addresses.count, struct addr_range);
		break;
	case MEMBER_event:
		TEXT(u.event.proto);
		TEXT(u.event.name);
		break;
	case MEMBER_app_proto:
		TEXT(u.app_proto.name);
		break;
	case MEMBER_geoip:
		LIST(u.geoip.countries, o->u.geoip.count, char[2], NULL);
		break;
	case MEMBER_entropy:
		TEXT(u.entropy.buffer);
		break;
	case MEMBER_variable:
		TEXT(u.variable.name);
		BYTES(u.variable.text);
		break;
	case MEMBER_dce_iface:
		TEXT(u.dce_iface.text);
		break;
	case MEMBER_dce_opnum:
		TEXT(u.dce_opnum.text);
		LIST(u.dce_opnum.ranges, o->u.dce_opnum.count, struct port_range, NULL);
		break;
	case MEMBER_modbus:
		TEXT(u.modbus.text);
		break;
	case MEMBER_cip_service:
		TEXT(u.cip_service.text);
		break;
	}
}

static void freeze_transform(struct freezer *f, const void *object, size_t at)
{
	START(transform);

	BYTES(argument);
	if (o->script)
		freeze_fail(f, "a rule refers to what is outside of the rule files");
}

static void freeze_buffer(struct freezer *f, const void *object, size_t at)
{
	START(rule_buffer);

	TEXT(name);
	LIST(transforms, o->transform_count, struct transform, freeze_transform);
	LIST(matches, o->match_count, struct match, freeze_match);
}

/* ---- rules ---- */

static void freeze_reference(struct freezer *f, const void *object, size_t at)
{
	START(rule_reference);

	READ(key);
	READ(url);
}

static void freeze_metadata(struct freezer *f, const void *object, size_t at)
{
	START(rule_metadata);

	READ(key);
	READ(value);
}

static void freeze_rule(struct freezer *f, const void *object, size_t at)
{
	START(rule);

	f->rules[o->index] = at;
	TEXT(app);
	TEXT(hook);
	SHARED(src.ranges, o->src.count, struct addr_range);
	SHARED(dst.ranges, o->dst.count, struct addr_range);
	SHARED(sport.ranges, o->sport.count, struct port_range);
	SHARED(dport.ranges, o->dport.count, struct port_range);
	LIST(packet_matches, o->packet_match_count, struct match, freeze_match);
	LIST(app_matches, o->app_match_count, struct match, freeze_match);
	LIST(buffers, o->buffer_count, struct rule_buffer, freeze_buffer);
	LIST(post_matches, o->post_match_count, struct match, freeze_match);
	LIST(thresholds, o->threshold_count, struct match, freeze_match);
	LIST(references, o->reference_count, struct rule_reference, freeze_reference);
	LIST(metadata, o->metadata_count, struct rule_metadata, freeze_metadata);
	READ(msg);
	READ(classtype);
	READ(category);
	READ(file);
	READ(text);
}

static void freeze_rule_pointer(struct freezer *f, const void *object, size_t at)
{
	const struct rule *const *o = object;

	freeze_list(f, *o, 1, TYPE(struct rule, freeze_rule), at);
}

static void freeze_name(struct freezer *f, const void *object, size_t at)
{
	freeze_text(f, *(const char *const *)object, FROZEN_USED, at);
}

/* ---- groups ---- */

static void freeze_literal(struct freezer *f, const void *object, size_t at)
{
	START(group_literal);

	LITERAL(text);
}

static void freeze_entry(struct freezer *f, const void *object, size_t at)
{
	START(group_entry);

	LITERAL(pattern);
}

static void freeze_anchor(struct freezer *f, const void *object, size_t at)
{
	START(sieve_anchor);

	LITERAL(text);
}

static void freeze_sieve(struct freezer *f, const void *object, size_t at)
{
	START(sieve);

	LIST(bits, ((uint64_t)1 << (32 - o->shift)) / 64, uint64_t, NULL);
	LIST(slots, (uint64_t)o->slot_mask + 1, struct sieve_slot, NULL);
	LIST(anchors, o->anchor_count, struct sieve_anchor, freeze_anchor);
	for (enum sieve_kind kind = 0; kind < SIEVE_KINDS; kind++) {
		const struct sieve_masks *m = o->masks[kind];
		struct frozen_type masks = TYPE(struct sieve_masks, NULL);

		if (m)
			masks.bytes += (size_t)m->sets * m->places * sieve_table_bytes(kind);
		freeze_list(f, m, 1, masks, SLOT(masks[kind]));
	}
}

static void freeze_group(struct freezer *f, const void *object, size_t at)
{
	START(pattern_group);

	freeze_link(f, o->database, SLOT(database));
	LIST(literals, o->literal_count, struct group_literal, freeze_literal);
	LIST(sieve, 1, struct sieve, freeze_sieve);
	LIST(entries, o->entry_count, struct group_entry, freeze_entry);
	LIST(always, o->always_count, uint32_t, NULL);
	LIST(placed, o->placed_count, struct placed_class, NULL);
	LIST(placed_slots, o->placed_slot_count, struct placed_slot, NULL);
	LIST(placed_entries, o->placed_entry_count, struct group_entry, freeze_entry);
	LIST(guards, o->guard_count, struct group_guard, NULL);
}

static void freeze_buffer_group(struct freezer *f, const void *object, size_t at)
{
	START(buffer_group);

	TEXT(buffer);
	LIST(transforms, o->transform_count, struct transform, freeze_transform);
	TEXT(app);
	LIST(variants, o->count, struct pattern_group, freeze_group);
}

static void freeze_ports(struct freezer *f, const void *object, size_t at)
{
	START(port_groups);

	LIST(wide, 1, struct pattern_group, freeze_group);
	LIST(narrow_by_port, 65536, uint16_t, NULL);
	LIST(narrow, o->narrow_count, struct pattern_group, freeze_group);
}

static void freeze_paths(struct freezer *f, const struct path_ports *o, size_t at)
{
	LIST(variants, o->count, struct port_groups, freeze_ports);
}

/* A prefilter points into its rule: to a buffer, a content, bytes of that. */
static void freeze_prefilter(struct freezer *f, const void *list, const struct group_prefilter *o, size_t at)
{
	const struct rule *rule = f->set->rules[o - (const struct group_prefilter *)list];
	uint64_t buffer, content, pattern;
	size_t matches;

	if (!o->buffer)
		return;
	matches = (size_t)((const uint8_t *)o->content - (const uint8_t *)o->buffer->matches);
	buffer = frozen_pointer(f, f->rules[rule->index] + offsetof(struct rule, buffers)) +
		 (uint64_t)(o->buffer - rule->buffers) * sizeof(*o->buffer);
	content = frozen_pointer(f, buffer + offsetof(struct rule_buffer, matches)) + matches;
	pattern = frozen_pointer(f, content + offsetof(struct match_content, pattern.data));
	freeze_place(f, buffer, SLOT(buffer));
	freeze_place(f, content, SLOT(content));
	freeze_place(f, pattern + (uint64_t)(o->literal.data - o->content->pattern.data), SLOT(literal.data));
}

static void freeze_prefilters(struct freezer *f, const struct group_prefilter *list, size_t slot)
{
	size_t count = f->set->rule_count;
	size_t to = freeze_room(f, (count + 1) * sizeof(*list), alignof(struct group_prefilter));

	for (size_t i = 0; i < count && !f->why; i++) {
		memcpy(f->data.bytes + to + i * sizeof(*list), &list[i], sizeof(*list));
		CLEAN(struct group_prefilter, to + i * sizeof(*list));
		freeze_prefilter(f, list, &list[i], to + i * sizeof(*list));
	}
	freeze_place(f, to, slot);
}

static void freeze_groups(struct freezer *f, const void *object, size_t at)
{
	/* zeroed when it was made and filled field by field; gcc 12 would take bytes of its arrays of arrays for padding */
	const struct ruleset_groups *o = object;

	SHARED(inside.ranges, o->inside.count, struct addr_range);
	LIST(buffers, o->buffer_count, struct buffer_group, freeze_buffer_group);
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned l4 = 0; l4 < GROUP_L4_COUNT; l4++) {
			freeze_paths(f, &o->packet[l4][d], SLOT(packet[l4][d]));
			freeze_paths(f, &o->packet_long[l4][d], SLOT(packet_long[l4][d]));
			freeze_paths(f, &o->packet_guarded[l4][d], SLOT(packet_guarded[l4][d]));
			freeze_paths(f, &o->packet_near[l4][d], SLOT(packet_near[l4][d]));
			freeze_paths(f, &o->packet_always[l4][d], SLOT(packet_always[l4][d]));
		}
		freeze_paths(f, &o->stream[d], SLOT(stream[d]));
		LIST(app_always[d], o->app_always_count[d], uint32_t, NULL);
	}
	LIST(events, o->event_count, uint32_t, NULL);
	LIST(ip_only, o->ip_only_count, uint32_t, NULL);
	/* Pointers to databases: room for them, filled by whoever reads the image. */
	freeze_place(f, freeze_room(f, (o->database_count + 1) * sizeof(void *), alignof(void *)), SLOT(databases));
	freeze_prefilters(f, o->prefilter, SLOT(prefilter));
	freeze_prefilters(f, o->packet_prefilter, SLOT(packet_prefilter));
}

/* ---- the set ---- */

static void freeze_set(struct freezer *f, const void *object, size_t at)
{
	START(ruleset);

	LIST(rules, o->rule_count, struct rule *, freeze_rule_pointer);
	LIST(flowbit_names, o->flowbit_count, char *, freeze_name);
	LIST(xbit_names, o->xbit_count, char *, freeze_name);
	LIST(hostbit_names, o->hostbit_count, char *, freeze_name);
	LIST(flowint_names, o->flowint_count, char *, freeze_name);
	LIST(groups, 1, struct ruleset_groups, freeze_groups);
}

static void freeze_problem(struct freezer *f, const void *object, size_t at)
{
	START(ruleset_problem);

	READ(file);
	READ(reason);
	READ(advice);
}

static void freeze_report(struct freezer *f, const void *object, size_t at)
{
	START(ruleset_report);

	LIST(problems, o->problem_count, struct ruleset_problem, freeze_problem);
}

size_t freeze_root(struct freezer *f, const struct ruleset_report *report)
{
	struct image_root root = {.set = *f->set, .report = *report};
	size_t at = freeze_room(f, sizeof(root), alignof(struct image_root));

	if (root.set.script_count)
		freeze_fail(f, "a rule refers to what is outside of the rule files");
	root.set.lists = NULL;
	root.set.reputation = NULL;
	root.set.geoip = NULL;
	root.set.scripts = NULL;
	root.set.arena = NULL;
	/* Of this time alone: the same rules make the same image. */
	root.report.parse_seconds = root.report.group_seconds = root.report.compile_seconds = 0;
	root.report.databases_from_cache = 0;
	memset(root.report.image_note, 0, sizeof(root.report.image_note));
	if (f->why)
		return 0;
	memcpy(f->data.bytes + at, &root, sizeof(root));
	CLEAN(struct image_root, at);
	freeze_set(f, &root.set, at + offsetof(struct image_root, set));
	freeze_report(f, &root.report, at + offsetof(struct image_root, report));
	freeze_databases(f);
	freeze_end(f);
	return at;
}

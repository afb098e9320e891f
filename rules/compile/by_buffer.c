/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Groups of the protocols' buffers: buffer with its transforms × protocol that the rule names ×
 * direction. A protocol's group holds the rules for that protocol and those for none in particular.
 * Runs in the thread that loads a rule set.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/compile/groups_private.h"

#define DRAFTS_MAX 4096

struct buffer_draft {
	struct buffer_group key;
	uint16_t keyword; /* of the buffer: other keywords, other names */
	struct group_draft draft;
};

struct buffer_drafts {
	struct buffer_draft *drafts;
	uint32_t count;
};

/* Directions in which the buffer is seen: the letters S and C of the keyword table. */
static bool buffer_has_direction(const struct rule_buffer *b, unsigned direction)
{
	static const char *const traits[KEYWORD_COUNT] = {
#define KEYWORD(id, name, aliases, parser, place, about, traits, doc) [KEYWORD_##id] = traits,
#include "rules/language/keywords.def"
#undef KEYWORD
	};
	const char *t = b->keyword < KEYWORD_COUNT ? traits[b->keyword] : NULL;

	if (!t || (!strchr(t, 'S') && !strchr(t, 'C')))
		return true;
	return strchr(t, direction ? 'C' : 'S') != NULL;
}

static bool transforms_same(const struct transform *a, uint32_t a_count, const struct transform *b,
			    uint32_t b_count)
{
	if (a_count != b_count)
		return false;
	for (uint32_t i = 0; i < a_count; i++)
		if (a[i].kind != b[i].kind || a[i].argument.len != b[i].argument.len ||
		    (a[i].argument.len &&
		     memcmp(a[i].argument.data, b[i].argument.data, a[i].argument.len) != 0))
			return false;
	return true;
}

static bool app_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* HTTP/1 and HTTP/2 buffers are the same for a rule on http; one on dcerpc is about smb too; one on
   doh2 is about HTTP/2 and the DNS messages in it. */
static const char *app_of(const struct rule *rule, const struct rule_buffer *buffer)
{
	if (rule->app && strcmp(rule->app, "doh2") == 0)
		return strncmp(buffer->name, "dns.", 4) == 0 ? "dns" : "http";
	if (rule->app && (strcmp(rule->app, "http1") == 0 || strcmp(rule->app, "http2") == 0))
		return "http";
	if (rule->app && strcmp(rule->app, "dcerpc") == 0)
		return "smb";
	return rule->app;
}

static struct buffer_draft *buffer_draft_find(struct groups_builder *b, struct buffer_drafts *all,
				       const struct rule_buffer *buffer, const char *app,
				       unsigned direction)
{
	struct buffer_draft *d;

	for (uint32_t i = 0; i < all->count; i++) {
		d = &all->drafts[i];
		if (d->keyword == buffer->keyword && d->key.direction == direction && app_same(d->key.app, app) &&
		    strcmp(d->key.buffer, buffer->name) == 0 &&
		    transforms_same(d->key.transforms, d->key.transform_count, buffer->transforms,
				    buffer->transform_count))
			return d;
	}
	if (all->count == DRAFTS_MAX) {
		b->failed = true;
		return NULL;
	}
	d = &all->drafts[all->count++];
	*d = (struct buffer_draft){.keyword = buffer->keyword,
				   .key = {.buffer = buffer->name,
					   .transforms = buffer->transforms,
					   .transform_count = buffer->transform_count,
					   .app = app,
					   .direction = (uint8_t)direction}};
	return d;
}

/* Makes sure that the groups a rule belongs to exist. */
static void drafts_open(struct groups_builder *b, struct buffer_drafts *all)
{
	for (size_t i = 0; i < b->set->rule_count && !b->failed; i++) {
		const struct rule *rule = b->set->rules[i];
		const struct rule_buffer *buffer = b->out->prefilter[i].buffer;

		if (rule_group_kind(rule) != GROUP_APP_ALWAYS || !buffer)
			continue;
		for (unsigned d = 0; d < 2; d++)
			if (rule_has_direction(rule, d) && buffer_has_direction(buffer, d))
				buffer_draft_find(b, all, buffer, app_of(rule, buffer), d);
	}
}

static void drafts_fill(struct groups_builder *b, struct buffer_drafts *all)
{
	for (size_t i = 0; i < b->set->rule_count && !b->failed; i++) {
		const struct rule *rule = b->set->rules[i];
		const struct group_prefilter *prefilter = &b->out->prefilter[i];
		const struct rule_buffer *buffer = prefilter->buffer;
		const char *app;

		if (rule_group_kind(rule) != GROUP_APP_ALWAYS || !buffer)
			continue;
		app = app_of(rule, buffer);
		for (uint32_t k = 0; k < all->count; k++) {
			struct buffer_draft *d = &all->drafts[k];

			if (d->keyword == buffer->keyword && strcmp(d->key.buffer, buffer->name) == 0 &&
			    (!app || app_same(d->key.app, app)) &&
			    rule_has_direction(rule, d->key.direction) &&
			    transforms_same(d->key.transforms, d->key.transform_count,
					    buffer->transforms, buffer->transform_count))
				group_draft_add(b, &d->draft, rule, prefilter);
		}
	}
}

static void buffer_group_finish(struct groups_builder *b, const struct group_draft *d, struct buffer_group *g)
{
	uint8_t paths[PATH_COUNT + 1];
	unsigned count = draft_variants(b, d, g->direction, g->of_path, paths) + 1;
	struct pattern_group *variants = groups_alloc(b, count * sizeof(*variants));

	for (unsigned k = 1; variants && k < count; k++) {
		struct group_draft v = draft_variant(b, d, g->direction, paths[k]);

		group_draft_finish(b, &v, &variants[k]);
		free(v.items);
	}
	g->variants = variants;
	g->count = count;
}

void groups_by_buffer(struct groups_builder *b)
{
	struct buffer_drafts all = {calloc(DRAFTS_MAX, sizeof(*all.drafts)), 0};
	struct ruleset_groups *g = b->out;

	if (!all.drafts) {
		b->failed = true;
		return;
	}
	drafts_open(b, &all);
	drafts_fill(b, &all);
	g->buffers = groups_alloc(b, (all.count + 1) * sizeof(*g->buffers));
	for (uint32_t i = 0; i < all.count; i++) {
		if (g->buffers) {
			g->buffers[i] = all.drafts[i].key;
			buffer_group_finish(b, &all.drafts[i].draft, &g->buffers[i]);
			g->buffer_count = i + 1;
		}
		free(all.drafts[i].draft.items);
	}
	free(all.drafts);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Search identifiers (Sigma Rules Specification, "Detection"): a map is "and", a list of maps or
 * of keywords is "or".
 */
#include <string.h>

#include "control/behaviour/sigma_private.h"

/* A key "field|modifier|modifier" and its values. */
static bool read_key(struct reading *r, const yaml_node_t *key, const yaml_node_t *values,
		     struct sigma_item *item)
{
	const char *text = scalar_text(key);
	size_t len = strcspn(text, "|");
	struct sigma_field *field = reading_alloc(r, sizeof(*field));

	if (!field)
		return false;
	if (key->type != YAML_SCALAR_NODE)
		return reading_fail(r, key, "the name of a field is not a text");
	if (++r->items > ITEMS_MAX)
		return reading_fail(r, key, "the rule has more than %d fields", ITEMS_MAX);
	if (len && !field_resolve(r, key, text, len, r->types, field))
		return false;
	return item_read(r, key, text + len, field, values, item);
}

static bool read_map(struct reading *r, const yaml_node_t *map, struct sigma_group *out)
{
	size_t count = (size_t)(map->data.mapping.pairs.top - map->data.mapping.pairs.start), n = 0;
	struct sigma_item *items;

	if (!count)
		return reading_fail(r, map, "the selection is empty");
	if (count > ITEMS_MAX)
		return reading_fail(r, map, "the selection has more than %d fields", ITEMS_MAX);
	items = reading_alloc(r, count * sizeof(*items));
	if (!items)
		return false;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = reading_node(r, p->key),
				  *value = reading_node(r, p->value);

		if (!key || !value || !read_key(r, key, value, &items[n++]))
			return false;
	}
	*out = (struct sigma_group){items, (uint32_t)n};
	return true;
}

static bool read_keyword(struct reading *r, const yaml_node_t *n, struct sigma_group *out)
{
	struct sigma_item *item = reading_alloc(r, sizeof(*item));
	struct sigma_field *record = reading_alloc(r, sizeof(*record));

	if (!item || !record)
		return false;
	if (++r->items > ITEMS_MAX)
		return reading_fail(r, n, "the rule has more than %d fields", ITEMS_MAX);
	*out = (struct sigma_group){item, 1};
	return item_read(r, n, "", record, n, item);
}

static bool read_one(struct reading *r, const yaml_node_t *n, struct sigma_group *out)
{
	if (n->type == YAML_MAPPING_NODE)
		return read_map(r, n, out);
	if (n->type == YAML_SCALAR_NODE)
		return read_keyword(r, n, out);
	return reading_fail(r, n, "a selection is a map, a list of maps, or a list of keywords");
}

bool selection_read(struct reading *r, const char *name, const yaml_node_t *n)
{
	struct sigma_selection *s = &r->selection[r->selections];
	struct sigma_group *groups;
	size_t count = 1, done = 0;

	if (r->selections == SELECTIONS_MAX)
		return reading_fail(r, n, "the rule has more than %d selections", SELECTIONS_MAX);
	if (!*name || strlen(name) > NAME_BYTES_MAX)
		return reading_fail(r, n, "the name of a selection is empty or too long");
	if (n->type == YAML_SEQUENCE_NODE)
		count = (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	if (!count || count > ITEMS_MAX)
		return reading_fail(r, n,
				    "the selection %.60s is empty or has more than %d members",
				    name, ITEMS_MAX);
	groups = reading_alloc(r, count * sizeof(*groups));
	s->name = reading_text(r, name, strlen(name));
	if (!groups || !s->name)
		return false;
	if (n->type != YAML_SEQUENCE_NODE && !read_one(r, n, &groups[done++]))
		return false;
	for (yaml_node_item_t *i = n->data.sequence.items.start;
	     n->type == YAML_SEQUENCE_NODE && i < n->data.sequence.items.top; i++) {
		const yaml_node_t *one = reading_node(r, *i);

		if (!one || !read_one(r, one, &groups[done++]))
			return false;
	}
	s->group = groups;
	s->groups = (uint32_t)done;
	r->selections++;
	return true;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of fields and log sources, by fields.def and by the table of all that records hold.
 */
#include <stdio.h>
#include <string.h>

#include "control/behaviour/sigma_private.h"

#define WALK_DEPTH_MAX 32 /* objects and arrays inside each other */

static const struct {
	const char *name;
	uint64_t types;
} sources[] = {
#define T(type) (1ull << RECORD_##type)
#define SOURCE(name, types) {name, types},
#define NAME(name, type, paths)
#define OPTIONAL(path, when)
#include "control/behaviour/fields.def"
#undef SOURCE
#undef NAME
};

static const struct {
	const char *name;
	enum record_type type;
	const char *paths;
} names[] = {
#define SOURCE(name, types)
#define NAME(name, type, paths) {name, RECORD_##type, paths},
#include "control/behaviour/fields.def"
#undef NAME
#undef OPTIONAL
};

const struct sigma_optional_row sigma_optional_rows[] = {
#define NAME(name, type, paths)
#define OPTIONAL(path, when) {path, when},
#include "control/behaviour/fields.def"
#undef SOURCE
#undef NAME
#undef OPTIONAL
#undef T
	{NULL, NULL},
};

/* Members of every record that no table lists, because the writer makes them of the record's
 * head (ingest/eve.c). */
static const char *const head_members[] = {
	"timestamp",     "flow_id",
	"in_iface",      "event_type",
	"src_ip",        "src_port",
	"dest_ip",       "dest_port",
	"proto",         "ip_v",
	"icmp_type",     "icmp_code",
	"pkt_src",       "community_id",
	"tx_id",         "direction",
	"vlan",          "pcap_cnt",
	"pcap_filename", "host",
	"ether",         "payload_printable",
	"packet_info",
};

/* Types that are written to the store as events. */
static uint64_t stored_types(void)
{
	uint64_t types = 0;

	for (unsigned i = 0; i < RECORD_COUNT; i++)
		if (i != RECORD_top && record_rows[i].record_class != CLASS_CONTACT &&
		    record_rows[i].record_class != CLASS_CONTROL)
			types |= 1ull << i;
	return types;
}

uint64_t source_types(const char *name)
{
	enum record_type type;

	if (!*name)
		return stored_types();
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strcasecmp(sources[i].name, name) == 0)
			return sources[i].types;
	type = sigma_type(name, strlen(name));
	return type < RECORD_COUNT ? 1ull << type & stored_types() : 0;
}

static bool same(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && memcmp(name, text, len) == 0;
}

static bool type_has_key(enum record_type type, const char *key, size_t len)
{
	for (unsigned f = 1; f < FIELD_COUNT; f++)
		if (field_rows[f].record == type && same(field_rows[f].key, key, len))
			return true;
	return false;
}

/* Objects that stand at the top of a record of that type: its own, and those beside it. */
static bool type_has_object(enum record_type type, const char *key, size_t len)
{
	if (same(record_rows[type].name, key, len))
		return true;
	return (type == RECORD_smtp && same("email", key, len)) ||
	       (type == RECORD_flow && same("tcp", key, len));
}

static bool is_head(const char *key, size_t len)
{
	for (size_t i = 0; i < sizeof(head_members) / sizeof(head_members[0]); i++)
		if (same(head_members[i], key, len))
			return true;
	return type_has_key(RECORD_top, key, len);
}

/* The rest of a path, below an object of this type's. Whatever stands below "metadata" is the
 * rule writer's. */
static bool below(enum record_type type, const char *at)
{
	while (*at) {
		size_t n = strcspn(at, ".");

		if (!type_has_key(type, at, n))
			return false;
		if (same("metadata", at, n))
			return true;
		at += n + (at[n] == '.');
	}
	return true;
}

/* Whether records of any of the types have that path. An alert carries its flow's protocol
 * objects, a file record those of its transaction. */
static bool path_known(const char *path, uint64_t types)
{
	size_t n = strcspn(path, ".");
	const char *rest = path + n + (path[n] == '.');

	if (is_head(path, n) && (!*rest || below(RECORD_top, rest)))
		return true;
	if (same("files", path, n) && *rest)
		return below(RECORD_fileinfo, rest);
	if (same("ether", path, n) || same("packet_info", path, n))
		return true; /* made by hand, of a few members */
	if (!n || (path[n] == '.' && !*rest))
		return false;
	if (types & (1ull << RECORD_alert | 1ull << RECORD_fileinfo | 1ull << RECORD_drop))
		types = stored_types();
	for (unsigned t = 0; t < RECORD_COUNT; t++)
		if ((types >> t & 1) && type_has_object((enum record_type)t, path, n) &&
		    below((enum record_type)t, rest))
			return true;
	return false;
}

static bool path_split(struct reading *r, const yaml_node_t *at, const char *text, size_t len,
		       struct sigma_path *out)
{
	const char *end = text + len;

	*out = (struct sigma_path){0};
	while (text < end) {
		size_t n = strcspn(text, ".");

		if (n > (size_t)(end - text))
			n = (size_t)(end - text);
		if (out->parts == PATH_PARTS_MAX)
			return reading_fail(r, at, "the path %.100s has more than %d parts", text,
					    PATH_PARTS_MAX);
		out->part[out->parts] = reading_text(r, text, n);
		if (!out->part[out->parts++])
			return false;
		text += n;
		text += text < end;
	}
	return true;
}

static bool add_paths(struct reading *r, const yaml_node_t *at, const char *paths,
		      struct sigma_field *out)
{
	while (*paths && out->paths < PATHS_MAX) {
		size_t n = strcspn(paths, " ");

		if (!path_split(r, at, paths, n, &out->path[out->paths++]))
			return false;
		for (unsigned i = 0; sigma_optional_rows[i].path; i++)
			if (same(sigma_optional_rows[i].path, paths, n))
				r->optional |= 1u << i;
		paths += n;
		paths += *paths == ' ';
	}
	return true;
}

bool field_resolve(struct reading *r, const yaml_node_t *at, const char *name, size_t len,
		   uint64_t types, struct sigma_field *out)
{
	char text[NAME_BYTES_MAX + 1];

	*out = (struct sigma_field){0};
	if (len > NAME_BYTES_MAX || memchr(name, 0, len))
		return reading_fail(r, at, "the name of a field has more than %d characters",
				    NAME_BYTES_MAX);
	memcpy(text, name, len);
	text[len] = '\0';
	out->name = reading_text(r, text, len);
	if (!out->name)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (same(names[i].name, text, len) &&
		    (names[i].type == RECORD_top || types >> names[i].type & 1) &&
		    !add_paths(r, at, names[i].paths, out))
			return false;
	if (out->paths)
		return true;
	if (path_known(text, types))
		return add_paths(r, at, text, out);
	return reading_cannot(
		r, at, "no record has the field %s: cannot be judged from what is stored", text);
}

struct frame {
	const json_t *node;
	uint32_t part;
	size_t next; /* element of an array */
};

static uint32_t walk(const struct sigma_path *path, const json_t *event, const json_t **out,
		     uint32_t n, uint32_t max)
{
	struct frame stack[WALK_DEPTH_MAX] = {{event, 0, 0}};
	uint32_t depth = 1;

	while (depth && n < max) {
		struct frame *f = &stack[depth - 1];
		const json_t *down;
		uint32_t part;

		if (json_is_array(f->node)) {
			down = json_array_get(f->node, f->next++);
			part = f->part;
			if (!down)
				depth--;
			else if (depth < WALK_DEPTH_MAX)
				stack[depth++] = (struct frame){down, part, 0};
			continue;
		}
		depth--;
		if (f->part == path->parts) {
			out[n++] = f->node;
			continue;
		}
		part = f->part + 1;
		down = json_object_get(f->node, path->part[f->part]);
		if (down)
			stack[depth++] = (struct frame){down, part, 0};
	}
	return n;
}

uint32_t field_values(const struct sigma_field *f, const json_t *event, const json_t **out,
		      uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->paths; i++)
		n = walk(&f->path[i], event, out, n, max);
	return n;
}

bool sigma_has_optional(const json_t *event, uint32_t optional)
{
	const char *path = sigma_optional_rows[optional].path;
	char key[64];

	while (*path && event) {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		event = json_object_get(event, key);
		path += n + (path[n] == '.');
	}
	return event != NULL;
}

void sigma_optional(const struct sigma_rule *rule, void (*see)(void *arg, uint32_t optional),
		    void *arg)
{
	for (unsigned i = 0; rule->program && sigma_optional_rows[i].path; i++)
		if (rule->program->optional >> i & 1)
			see(arg, i);
}

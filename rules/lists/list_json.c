/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists as JSON: an array of objects (perhaps deep inside others: array_key, its names joined by
 * dots), or an object a line. The member at value_key is the value; the whole object is its context,
 * written into alerts. Read when rules are loaded, never for a packet.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/lists/lists.h"

#define KEY_NAMES_MAX 16
#define CONTEXT_MAX 8192 /* bytes of one value's context */

/* The member at a path of names joined by dots. parent, last: where it stands. Borrowed; NULL: none. */
static json_t *member_at(json_t *object, const char *path, json_t **parent, char *last, size_t last_size)
{
	for (unsigned depth = 0; depth < KEY_NAMES_MAX; depth++) {
		size_t n = strcspn(path, ".");

		if (n >= last_size || !json_is_object(object))
			return NULL;
		memcpy(last, path, n);
		last[n] = '\0';
		*parent = object;
		object = json_object_get(object, last);
		if (!path[n])
			return object;
		path += n + 1;
	}
	return NULL;
}

/* Strings stand for themselves here; other types are written as in text files. */
static bool value_of(enum list_type type, const json_t *member, uint8_t *out, uint32_t *len)
{
	const char *text = json_string_value(member);
	size_t n = text ? json_string_length(member) : 0;

	if (!text || n > LIST_VALUE_MAX)
		return false;
	if (type != LIST_STRING)
		return list_value_parse(type, text, n, out, len);
	memcpy(out, text, n);
	*len = (uint32_t)n;
	return n > 0;
}

/* One object. NULL: well; added counts. */
static const char *object_take(struct list *l, const struct list_source *s, json_t *object, uint8_t *value,
			       size_t *added)
{
	char last[128], *context;
	json_t *parent, *member = member_at(object, s->value_key, &parent, last, sizeof(last));
	enum list_answer answer;
	uint32_t len;

	if (!member)
		return NULL;
	if (!value_of(list_type_of(l), member, value, &len))
		return "has a value that is no text of the list's type";
	if (s->remove_key)
		json_object_del(parent, last);
	context = json_dumps(object, JSON_COMPACT);
	if (!context || strlen(context) > CONTEXT_MAX) {
		free(context);
		return "has an object of more than 8192 bytes";
	}
	answer = list_add(l, value, len, 0, context, (uint32_t)strlen(context));
	free(context);
	(*added)++;
	return answer == LIST_FULL ? "does not fit into the memcap of the list" : NULL;
}

static const char *array_take(struct list *l, const struct list_source *s, json_t *root, uint8_t *value,
			      size_t *added)
{
	char last[128];
	json_t *parent, *item, *array = root;
	const char *problem = NULL;
	size_t i;

	if (s->array_key && *s->array_key)
		array = member_at(root, s->array_key, &parent, last, sizeof(last));
	if (!json_is_array(array))
		return "has no array at the array_key";
	json_array_foreach(array, i, item) {
		problem = object_take(l, s, item, value, added);
		if (problem)
			break;
	}
	return problem;
}

static const char *lines_take(struct list *l, const struct list_source *s, FILE *f, uint8_t *value, size_t *added)
{
	const char *problem = NULL;
	char *line = NULL;
	size_t space = 0;
	ssize_t n;

	while (!problem && (n = getline(&line, &space, f)) >= 0) {
		json_t *object;

		if (strspn(line, " \t\r\n") == (size_t)n)
			continue;
		object = json_loadb(line, (size_t)n, 0, NULL);
		problem = object ? object_take(l, s, object, value, added) : "has a line that is no JSON";
		json_decref(object);
	}
	free(line);
	return problem;
}

bool list_read_json(struct list *l, const struct list_source *s, char *error, size_t error_size)
{
	int copy = dup(s->fd);
	FILE *f = copy >= 0 ? fdopen(copy, "r") : NULL;
	uint8_t *value = malloc(LIST_VALUE_MAX + 4);
	const char *problem = "cannot be read";
	size_t added = 0;
	json_t *root;

	if (f && value && s->format == FORMAT_NDJSON) {
		problem = lines_take(l, s, f, value, &added);
	} else if (f && value) {
		root = json_loadf(f, 0, NULL);
		problem = root ? array_take(l, s, root, value, &added) : "is no JSON";
		json_decref(root);
	}
	if (!problem && !added)
		problem = "has no object with the value_key";
	if (f)
		fclose(f);
	else if (copy >= 0)
		close(copy);
	free(value);
	if (problem)
		snprintf(error, error_size, "list %s %s", s->path, problem);
	return !problem;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/language/classes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENTRIES_MAX 4096
#define LINE_MAX_BYTES 4096

struct class_entry {
	const char *name, *text; /* reference: key, URL */
	uint8_t priority;
};

struct class_table {
	struct class_entry *entries;
	size_t count;
};

struct classes {
	struct class_table classes, references;
};

static const struct class_entry builtin_classes[] = {
#define CLASS(name, priority, text) {name, text, priority},
#define REFERENCE(key, url)
#include "rules/language/classes.def"
#undef CLASS
#undef REFERENCE
};

static const struct class_entry builtin_references[] = {
#define CLASS(name, priority, text)
#define REFERENCE(key, url) {key, url, 0},
#include "rules/language/classes.def"
#undef CLASS
#undef REFERENCE
};

static const struct class_entry *find(const struct class_table *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->count; i++)
		if (strncasecmp(t->entries[i].name, name, len) == 0 && !t->entries[i].name[len])
			return &t->entries[i];
	return NULL;
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* "name,text,priority" */
static bool read_class(struct arena *arena, char *body, struct class_entry *out)
{
	char *text = strchr(body, ','), *number = text ? strrchr(text + 1, ',') : NULL, *end;
	unsigned long priority;

	if (!number)
		return false;
	*text++ = '\0';
	*number++ = '\0';
	number = trim(number);
	priority = strtoul(number, &end, 10);
	if (end == number || *end || priority < 1 || priority > 255)
		return false;
	body = trim(body);
	text = trim(text);
	out->name = arena_text(arena, body, strlen(body));
	out->text = arena_text(arena, text, strlen(text));
	out->priority = (uint8_t)priority;
	return *body && out->name && out->text;
}

/* "key prefix" */
static bool read_reference(struct arena *arena, char *body, struct class_entry *out)
{
	char *url;

	body = trim(body);
	url = body + strcspn(body, " \t");
	if (!*url)
		return false;
	*url++ = '\0';
	url = trim(url);
	out->name = arena_text(arena, body, strlen(body));
	out->text = arena_text(arena, url, strlen(url));
	return *url && out->name && out->text;
}

/* The part of a line after "config WORD:"; NULL if the line does not begin so. */
static char *after_config(char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, "config", 6) != 0)
		return NULL;
	line += 6 + strspn(line + 6, " \t");
	if (strncmp(line, word, n) != 0)
		return NULL;
	line += n + strspn(line + n, " \t");
	return *line == ':' ? line + 1 : NULL;
}

static int read_lines(FILE *f, struct arena *arena, const char *file, const char *word,
		      struct class_table *t, char *error, size_t error_size)
{
	bool is_class = strcmp(word, "classification") == 0;
	char line[LINE_MAX_BYTES];

	for (unsigned number = 1; fgets(line, sizeof(line), f); number++) {
		struct class_entry one = {0};
		char *at = trim(line), *body;

		if (!*at || *at == '#')
			continue;
		body = after_config(at, word);
		if (!body || !(is_class ? read_class : read_reference)(arena, body, &one)) {
			snprintf(error, error_size, "%s:%u: write it as \"config %s\"", file,
				 number,
				 is_class ? "classification: name,text,priority"
					  : "reference: key URL");
			return -EINVAL;
		}
		if (t->count >= ENTRIES_MAX)
			return -E2BIG;
		if (!find(t, one.name, strlen(one.name)))
			t->entries[t->count++] = one;
	}
	return 0;
}

static int read_file(struct arena *arena, const char *file, const char *word, struct class_table *t,
		     char *error, size_t error_size)
{
	FILE *f = fopen(file, "re");
	int err;

	if (!f) {
		snprintf(error, error_size, "%s: cannot be read: %s", file, strerror(errno));
		return -errno;
	}
	t->entries = arena_alloc(arena, ENTRIES_MAX * sizeof(*t->entries));
	err = t->entries ? read_lines(f, arena, file, word, t, error, error_size) : -ENOMEM;
	if (err == -E2BIG)
		snprintf(error, error_size, "%s: more than %d lines", file, ENTRIES_MAX);
	fclose(f);
	return err;
}

static void use_builtin(struct class_table *t, const struct class_entry *entries, size_t count)
{
	/* Never written through: built-in tables are complete. */
	t->entries = (struct class_entry *)(uintptr_t)entries;
	t->count = count;
}

struct classes *classes_new(struct arena *arena, const char *classification_file,
			    const char *reference_file, char *error, size_t error_size)
{
	struct classes *c = arena_alloc(arena, sizeof(*c));

	if (!c) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	use_builtin(&c->classes, builtin_classes,
		    sizeof(builtin_classes) / sizeof(builtin_classes[0]));
	use_builtin(&c->references, builtin_references,
		    sizeof(builtin_references) / sizeof(builtin_references[0]));
	if (classification_file && *classification_file) {
		c->classes = (struct class_table){0};
		if (read_file(arena, classification_file, "classification", &c->classes, error,
			      error_size) != 0)
			return NULL;
	}
	if (reference_file && *reference_file) {
		c->references = (struct class_table){0};
		if (read_file(arena, reference_file, "reference", &c->references, error,
			      error_size) != 0)
			return NULL;
	}
	return c;
}

bool classes_find(const struct classes *c, const char *name, size_t len, const char **text,
		  uint8_t *priority)
{
	const struct class_entry *e = find(&c->classes, name, len);

	if (!e)
		return false;
	*text = e->text;
	*priority = e->priority;
	return true;
}

const char *classes_reference(const struct classes *c, const char *key, size_t len)
{
	const struct class_entry *e = find(&c->references, key, len);

	return e ? e->text : NULL;
}

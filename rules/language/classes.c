/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Classes and references, built in or from files of the usual form:
 *   config classification: name,text,priority
 *   config reference: name prefix
 * One thread.
 */
#include "rules/language/classes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rules/language/scan.h"

#define LINE_MAX_ 4096

static bool class_add(struct classes *c, struct arena *arena, const struct scan *name,
		      const struct scan *text, unsigned priority)
{
	struct name_entry *e = names_entry(&c->by_name, name->p, scan_left(name));
	struct class_row row = {arena_text(arena, text->p, scan_left(text)), (uint8_t)priority};

	if (e && !e->value)
		e->value = arena_copy(arena, &row, sizeof(row));
	return e && e->value && row.text;
}

static bool reference_add(struct classes *c, struct arena *arena, const struct scan *name,
			  const struct scan *prefix)
{
	struct name_entry *e = names_entry(&c->references, name->p, scan_left(name));

	if (e && !e->value)
		e->value = arena_text(arena, prefix->p, scan_left(prefix));
	return e && e->value;
}

#define SCAN_OF(text) (&(struct scan){text, text + sizeof(text) - 1})

static bool classes_builtin(struct classes *c, struct arena *arena)
{
	bool ok = true;

#define CLASS(name, text, priority)                                                                \
	ok = ok && class_add(c, arena, SCAN_OF(name), SCAN_OF(text), priority);
#define REFERENCE(name, prefix)
#include "rules/language/classes.def"
#undef CLASS
#undef REFERENCE
	return ok;
}

static bool references_builtin(struct classes *c, struct arena *arena)
{
	bool ok = true;

#define CLASS(name, text, priority)
#define REFERENCE(name, prefix) ok = ok && reference_add(c, arena, SCAN_OF(name), SCAN_OF(prefix));
#include "rules/language/classes.def"
#undef CLASS
#undef REFERENCE
	return ok;
}

/* One line behind "config classification:"; false: it is wrong. */
static bool class_line(struct classes *c, struct arena *arena, struct scan line)
{
	struct scan name = scan_until(&line, ','), text, number;
	const char *comma = NULL;
	uint64_t priority;

	for (const char *p = line.p; p < line.end; p++)
		if (*p == ',')
			comma = p;
	if (!comma || scan_done(&name))
		return false;
	text = (struct scan){line.p, comma};
	number = (struct scan){comma + 1, line.end};
	scan_trim(&text);
	return scan_whole(number, 255, &priority) && priority &&
	       class_add(c, arena, &name, &text, (unsigned)priority);
}

static bool reference_line(struct classes *c, struct arena *arena, struct scan line)
{
	struct scan name = line;

	while (line.p < line.end && !char_blank(*line.p))
		line.p++;
	name.end = line.p;
	scan_trim(&line);
	return !scan_done(&name) && !scan_done(&line) && reference_add(c, arena, &name, &line);
}

static int classes_file(struct classes *c, struct arena *arena, const char *path, bool references,
			char *error, size_t error_size)
{
	const char *head = references ? "config reference:" : "config classification:";
	char line[LINE_MAX_];
	unsigned number = 0;
	FILE *f = fopen(path, "re");

	if (!f) {
		snprintf(error, error_size, "%s cannot be read: %s", path, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof(line), f)) {
		struct scan s = {line, line + strlen(line)};

		number++;
		scan_trim(&s);
		if (scan_done(&s) || *s.p == '#')
			continue;
		if (scan_take_text(&s, head)) {
			scan_trim(&s);
			if (references ? reference_line(c, arena, s) : class_line(c, arena, s))
				continue;
		}
		snprintf(error, error_size, "%s:%u: this is no line of the form \"%s %s\"", path,
			 number, head, references ? "name prefix" : "name,text,priority");
		fclose(f);
		return -1;
	}
	fclose(f);
	return 0;
}

int classes_load(struct classes *c, struct arena *arena, const char *classification_file,
		 const char *reference_file, char *error, size_t error_size)
{
	bool ok = true;

	names_init(&c->by_name, arena);
	names_init(&c->references, arena);
	if (classification_file && *classification_file) {
		if (classes_file(c, arena, classification_file, false, error, error_size))
			return -1;
	} else {
		ok = classes_builtin(c, arena);
	}
	if (reference_file && *reference_file) {
		if (classes_file(c, arena, reference_file, true, error, error_size))
			return -1;
	} else {
		ok = ok && references_builtin(c, arena);
	}
	if (!ok)
		snprintf(error, error_size, "out of memory while reading the classes of rules");
	return ok ? 0 : -1;
}

void classes_clear(struct classes *c)
{
	names_clear(&c->by_name);
	names_clear(&c->references);
}

const struct class_row *class_find(const struct classes *c, const char *name, size_t len)
{
	struct name_entry *e = names_find(&c->by_name, name, len);

	return e ? e->value : NULL;
}

const char *reference_find(const struct classes *c, const char *name, size_t len)
{
	struct name_entry *e = names_find(&c->references, name, len);

	return e ? e->value : NULL;
}

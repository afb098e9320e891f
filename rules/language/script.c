/* SPDX-License-Identifier: BSD-3-Clause
 *
 * lua and luaxform: a rule names a script, which is read with the rule. A name is relative to the folder
 * of the rule file, or to that of lua.dir, and cannot lead out of it, whatever links lie there. Here only
 * text is read; what it says is judged where scripts are run (dataplane/detect/script.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rules/language/draft.h"
#include "rules/language/parsers.h"

#define FOLDER_MAX 4096

static int open_beneath(const char *folder, const char *name)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (dir < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
	close(dir);
	return fd;
}

static void folder_of(const char *file, char *folder)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	snprintf(folder, FOLDER_MAX, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
	if (slash == file)
		snprintf(folder, FOLDER_MAX, "/");
}

/* Its text in the arena. False: the problem was noted. */
static bool script_read(struct draft *d, const char *name, const char *keyword, struct script_use *use)
{
	char folder[FOLDER_MAX];
	struct stat st;
	char *text;
	int fd;

	folder_of(d->l->file, folder);
	fd = open_beneath(folder, name);
	if (fd < 0 && errno == ENOENT && d->l->options->script_dir && *d->l->options->script_dir) {
		snprintf(folder, sizeof(folder), "%s", d->l->options->script_dir);
		fd = open_beneath(folder, name);
	}
	if (fd < 0 || fstat(fd, &st) != 0) {
		draft_fail(d, NULL, "put the script beside the rule file, or into lua.dir", "%s: %s: %s", keyword,
			   name, errno == EXDEV ? "it lies outside of that folder" : strerror(errno));
		goto err;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > SCRIPT_BYTES_MAX) {
		draft_fail(d, NULL, "use a shorter one", "%s: %s is no file of at most %d bytes", keyword, name,
			   SCRIPT_BYTES_MAX);
		goto err;
	}
	text = arena_alloc(d->l->arena, (size_t)st.st_size + 1);
	if (!text || read(fd, text, (size_t)st.st_size) != st.st_size) {
		draft_no_memory(d);
		goto err;
	}
	close(fd);
	use->text = (struct bytes){(const uint8_t *)text, (uint32_t)st.st_size};
	return true;
err:
	if (fd >= 0)
		close(fd);
	return false;
}

/* Variables that byte_extract and byte_math of the rule have set so far. */
static bool variables_take(struct draft *d, struct script_use *use)
{
	struct script_variable *v = arena_alloc(d->l->arena, (d->variable_count + 1) * sizeof(*v));

	if (!v)
		return draft_no_memory(d);
	for (uint32_t i = 0; i < d->variable_count; i++) {
		struct scan name = {.p = d->variables[i].name, .end = d->variables[i].name + d->variables[i].len};

		v[i] = (struct script_variable){draft_text(d, &name), (uint16_t)i};
		if (!v[i].name)
			return draft_no_memory(d);
	}
	use->variables = v;
	use->variable_count = d->variable_count;
	return true;
}

static struct script_use *use_new(struct draft *d, const struct keyword_row *row, struct scan *name)
{
	struct script_use *use = arena_alloc(d->l->arena, sizeof(*use));

	d->l->outside = true;
	scan_trim(name);
	if (d->l->options->no_scripts) {
		draft_fail(d, NULL, "set lua.enabled to yes", "%s: scripts are not allowed", row->name);
		return NULL;
	}
	if (scan_done(name) || !use) {
		draft_fail(d, NULL, "name a file", "%s: there is no name", row->name);
		return NULL;
	}
	*use = (struct script_use){.name = draft_text(d, name), .rule = d->rule};
	if (!use->name || !script_read(d, use->name, row->name, use) || !variables_take(d, use))
		return NULL;
	use->index = d->l->script_count++;
	use->next = d->l->scripts;
	d->l->scripts = use;
	return use;
}

bool parse_lua(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct script_use *use = use_new(d, row, arg);
	struct match *m = use ? draft_add_row(d, row) : NULL;

	if (m)
		m->u.script = (struct match_script){use, d->negated};
	return m != NULL;
}

/* script, argument, argument */
bool parse_transform_luaxform(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg, name = scan_until(arg, ',');
	struct transform *t = transform_add(d, row);
	struct script_use *use = t ? use_new(d, row, &name) : NULL;

	if (!use)
		return false;
	while (!scan_done(arg)) {
		struct scan word = scan_until(arg, ',');

		scan_trim(&word);
		if (use->argument_count == SCRIPT_ARGUMENTS_MAX)
			return draft_fail(d, word.p, "use fewer", "luaxform: more than %d arguments",
					  SCRIPT_ARGUMENTS_MAX);
		use->arguments[use->argument_count++] = draft_text(d, &word);
	}
	use->transforms = true;
	scan_trim(&whole);
	t->script = use;
	t->argument = (struct bytes){(const uint8_t *)draft_text(d, &whole), (uint32_t)scan_left(&whole)};
	return t->argument.data || draft_no_memory(d);
}

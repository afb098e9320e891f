/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/lists/lists.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LISTS_MAX 4096
#define SAVE_SUFFIX ".new"

/* A file by the folder that it may not leave. */
struct place {
	char folder[PATH_MAX], rest[PATH_MAX];
};

struct named_list {
	char *name;
	struct list *list;
	enum list_kind kind;
	struct place *save; /* NULL: not saved */
	uint64_t saved_changes;
};

struct lists {
	struct named_list *items;
	size_t count, space;
};

/* One call of lists_open. */
struct opening {
	struct lists *in;
	const struct lists_options *o;
	struct list_request r;
	bool from_config;
	char *error;
	size_t error_size;
};

static void *fail(struct opening *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void *fail(struct opening *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error, p->error_size, format, args);
	va_end(args);
	return NULL;
}

struct lists *lists_new(void)
{
	return calloc(1, sizeof(struct lists));
}

void lists_free(struct lists *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++) {
		list_put(l->items[i].list);
		free(l->items[i].name);
		free(l->items[i].save);
	}
	free(l->items);
	free(l);
}

static struct named_list *lists_find(struct lists *l, const char *name)
{
	for (size_t i = 0; l && i < l->count; i++)
		if (strcmp(l->items[i].name, name) == 0)
			return &l->items[i];
	return NULL;
}

/* Holds a reference of its own. NULL: no memory, or too many. */
static struct named_list *lists_add(struct lists *l, const char *name, struct list *list, enum list_kind kind,
				    const struct place *save)
{
	struct named_list *n;

	if (l->count == LISTS_MAX)
		return NULL;
	if (l->count == l->space) {
		size_t space = l->space ? l->space * 2 : 16;
		struct named_list *items = realloc(l->items, space * sizeof(*items));

		if (!items)
			return NULL;
		l->items = items;
		l->space = space;
	}
	n = &l->items[l->count];
	*n = (struct named_list){.name = strdup(name), .kind = kind, .saved_changes = list_changes(list)};
	n->save = save ? malloc(sizeof(*save)) : NULL;
	if (!n->name || (save && !n->save)) {
		free(n->name);
		free(n->save);
		return NULL;
	}
	if (save)
		*n->save = *save;
	n->list = list_get(list);
	l->count++;
	return n;
}

/* ---- files ---- */

static int open_beneath(const char *folder, const char *rest, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, err;

	if (dir < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, dir, rest, &how, sizeof(how));
	err = fd < 0 ? -errno : 0;
	close(dir);
	return err ? err : fd;
}

static bool goes_up(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")); at += 2)
		if ((at == path || at[-1] == '/') && (!at[2] || at[2] == '/'))
			return true;
	return false;
}

/* An absolute name inside the folder. */
static bool place_inside(struct place *at, const char *folder, const char *path)
{
	size_t n = folder ? strlen(folder) : 0;

	while (n > 1 && folder[n - 1] == '/')
		n--;
	if (!n || strncmp(path, folder, n) != 0 || (n > 1 && path[n] != '/'))
		return false;
	path += n;
	while (*path == '/')
		path++;
	return snprintf(at->folder, sizeof(at->folder), "%.*s", (int)n, folder) < PATH_MAX && *path &&
	       snprintf(at->rest, sizeof(at->rest), "%s", path) < PATH_MAX;
}

static bool place_absolute(struct opening *p, struct place *at, const char *home, const char *path)
{
	for (size_t i = 0; i < p->o->folder_count; i++)
		if (place_inside(at, p->o->folders[i], path))
			return true;
	if (place_inside(at, home, path))
		return true;
	fail(p, "file %s is in none of the folders that datasets.folders allows", path);
	return false;
}

static bool place_relative(struct opening *p, struct place *at, const char *folder, const char *path)
{
	if (!folder || !*folder)
		return fail(p, "no folder is configured for file %s", path);
	if (goes_up(path))
		return fail(p, "file %s leads out of its folder", path);
	if (snprintf(at->folder, PATH_MAX, "%s", folder) < PATH_MAX && snprintf(at->rest, PATH_MAX, "%s", path) < PATH_MAX)
		return true;
	return fail(p, "the name of a file is too long");
}

/* Where the operator's own configuration points, nothing is asked. */
static bool place_configured(struct opening *p, struct place *at, const char *folder, const char *path)
{
	if (*path == '/')
		return place_inside(at, "/", path);
	return place_relative(p, at, folder, path);
}

static bool place_of_state(struct opening *p, struct place *at, const char *path)
{
	if (p->from_config)
		return place_configured(p, at, p->o->state_dir, path);
	if (p->o->no_write)
		return fail(p, "rules may not save lists: datasets.allow_write is no");
	return *path == '/' ? place_absolute(p, at, p->o->state_dir, path)
			    : place_relative(p, at, p->o->state_dir, path);
}

/* The file to load, opened: beside the rules first, then in datasets.dir. -errno and a sentence. */
static int load_open(struct opening *p, const char *path)
{
	char beside[PATH_MAX] = "";
	const char *slash = p->r.rule_file ? strrchr(p->r.rule_file, '/') : NULL;
	struct place at;
	int fd = -ENOENT;

	if (slash == p->r.rule_file && slash)
		snprintf(beside, sizeof(beside), "/");
	else if (p->r.rule_file)
		snprintf(beside, sizeof(beside), "%.*s", slash ? (int)(slash - p->r.rule_file) : 1,
			 slash ? p->r.rule_file : ".");
	if (*path == '/') {
		if (!(p->from_config ? place_inside(&at, "/", path)
				     : place_absolute(p, &at, *beside ? beside : p->o->dir, path)))
			return -EPERM;
		fd = open_beneath(at.folder, at.rest, O_RDONLY);
	} else if (*beside && !p->from_config) {
		if (!place_relative(p, &at, beside, path))
			return -EPERM;
		fd = open_beneath(at.folder, at.rest, O_RDONLY);
	}
	if (fd == -ENOENT && *path != '/' && ((p->o->dir && *p->o->dir) || !*beside)) {
		if (!place_relative(p, &at, p->o->dir, path))
			return -EPERM;
		fd = open_beneath(at.folder, at.rest, O_RDONLY);
	}
	if (fd < 0)
		fail(p, "file %s cannot be opened: %s", path, strerror(-fd));
	return fd;
}

static bool list_fill(struct opening *p, struct list *list, int fd, const char *path)
{
	const struct list_source s = {fd, path, p->r.kind, p->r.format, p->r.value_key, p->r.array_key,
				      p->r.remove_key};
	bool ok = p->r.kind == LIST_CONTEXT ? list_read_json(list, &s, p->error, p->error_size)
					    : list_read(list, &s, p->error, p->error_size);

	close(fd);
	return ok;
}

static bool list_load(struct opening *p, struct list *list, struct place *save, bool *saved)
{
	int fd;

	*saved = p->r.save || p->r.state;
	if (*saved && !place_of_state(p, save, p->r.save ? p->r.save : p->r.state))
		return false;
	if (p->r.load) {
		fd = load_open(p, p->r.load);
		return fd >= 0 && list_fill(p, list, fd, p->r.load);
	}
	if (!p->r.state)
		return true;
	fd = open_beneath(save->folder, save->rest, O_RDONLY);
	if (fd == -ENOENT) /* nothing was saved yet */
		return true;
	if (fd < 0)
		return fail(p, "file %s cannot be opened: %s", p->r.state, strerror(-fd));
	return list_fill(p, list, fd, p->r.state);
}

/* A list that a reload does not make anew. */
static bool outlives(const struct opening *p)
{
	return !p->r.load || p->r.save || p->from_config;
}

static struct list *list_make(struct opening *p)
{
	uint64_t memcap = p->r.memcap ? p->r.memcap : p->o->memcap;
	uint32_t hashsize = p->r.hashsize ? p->r.hashsize : p->o->hashsize;
	struct list *list = list_new((enum list_type)p->r.type, memcap, hashsize);
	struct place *save = malloc(sizeof(*save));
	bool keep = outlives(p), saved, ok;

	if (!list || !save) {
		free(save);
		list_put(list);
		return fail(p, errno == EINVAL ? "list %s: the memcap is too small for the hashsize, or too large"
					       : "list %s: not enough memory",
			    p->r.name);
	}
	ok = list_load(p, list, save, &saved);
	if (ok && (!lists_add(p->in, p->r.name, list, p->r.kind, NULL) ||
		   (keep && p->o->kept &&
		    !lists_add(p->o->kept, p->r.name, list, p->r.kind, saved ? save : NULL)))) {
		fail(p, "too many lists, or not enough memory");
		ok = false;
	}
	free(save);
	if (!ok) {
		list_put(list);
		return NULL;
	}
	return list;
}

/* ---- what the configuration says ---- */

static const char *configured(const struct opening *p, const char *what)
{
	size_t n = strlen(p->r.name);

	for (size_t i = 0; i < p->o->set_count; i++)
		if (strncmp(p->o->set_keys[i], p->r.name, n) == 0 && p->o->set_keys[i][n] == '.' &&
		    strcmp(p->o->set_keys[i] + n + 1, what) == 0)
			return p->o->set_values[i];
	return NULL;
}

static int type_named(const char *word)
{
	static const char *const names[LIST_TYPE_COUNT] = {"string", "md5", "sha1", "sha256", "ipv4", "ip"};

	for (int i = 0; i < LIST_TYPE_COUNT; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	return -1;
}

/* A set that the configuration defines: what the rule says of files does not count. */
static void configured_take(struct opening *p)
{
	const char *type = configured(p, "type"), *memcap = configured(p, "memcap"),
		   *hashsize = configured(p, "hashsize");

	if (!type)
		return;
	p->from_config = true;
	if (p->r.type < 0)
		p->r.type = type_named(type);
	p->r.load = configured(p, "load");
	p->r.state = configured(p, "state");
	p->r.save = configured(p, "save");
	p->r.memcap = memcap ? strtoull(memcap, NULL, 10) : 0;
	p->r.hashsize = hashsize ? (uint32_t)strtoul(hashsize, NULL, 10) : 0;
}

static struct list *list_known(struct opening *p, struct named_list *n)
{
	if (p->r.type >= 0 && (enum list_type)p->r.type != list_type_of(n->list))
		return fail(p, "list %s has another type in an earlier rule", p->r.name);
	if (p->r.kind != n->kind)
		return fail(p, "list %s is of another kind in an earlier rule", p->r.name);
	return list_get(n->list);
}

/* A later rule may say where a known list is saved, but not somewhere else than an earlier one. */
static bool save_note(struct opening *p)
{
	struct named_list *kept = lists_find(p->o->kept, p->r.name);
	struct place at;

	if (!p->r.save && !p->r.state)
		return true;
	if (!place_of_state(p, &at, p->r.save ? p->r.save : p->r.state))
		return false;
	if (!kept)
		return true;
	if (!kept->save) {
		kept->save = malloc(sizeof(at));
		if (!kept->save)
			return fail(p, "not enough memory");
		*kept->save = at;
	}
	return (strcmp(kept->save->folder, at.folder) == 0 && strcmp(kept->save->rest, at.rest) == 0) ||
	       fail(p, "list %s is saved elsewhere by an earlier rule", p->r.name);
}

struct list *lists_open(struct lists *in, const struct lists_options *o, const struct list_request *r,
			char *error, size_t error_size)
{
	struct opening p = {.in = in, .o = o, .r = *r, .error = error, .error_size = error_size};
	struct named_list *known = lists_find(in, r->name);
	struct list *list;

	configured_take(&p);
	if (known)
		return save_note(&p) ? list_known(&p, known) : NULL;
	known = outlives(&p) ? lists_find(o->kept, r->name) : NULL;
	if (known) {
		list = save_note(&p) ? list_known(&p, known) : NULL;
		if (list && !lists_add(in, r->name, list, known->kind, NULL)) {
			list_put(list);
			return fail(&p, "too many lists, or not enough memory");
		}
		return list;
	}
	if (p.r.type < 0)
		return fail(&p, "list %s has no type, and no rule before says one", r->name);
	return list_make(&p);
}

/* ---- saving ---- */

/* Beside the file, then put in its place. */
static int place_write(const struct place *at, const struct list *list)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	const char *slash = strrchr(at->rest, '/');
	const char *name = slash ? slash + 1 : at->rest;
	int dir, fd, err;

	snprintf(path, sizeof(path), "%.*s", slash ? (int)(slash - at->rest) : 1, slash ? at->rest : ".");
	if (snprintf(fresh, sizeof(fresh), "%s" SAVE_SUFFIX, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	mkdir(at->folder, 0750);
	dir = open_beneath(at->folder, path, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return dir;
	unlinkat(dir, fresh, 0);
	fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	err = fd < 0 ? -errno : list_write(list, fd);
	if (fd >= 0)
		close(fd);
	if (!err && renameat(dir, fresh, dir, name))
		err = -errno;
	if (err && fd >= 0)
		unlinkat(dir, fresh, 0);
	close(dir);
	return err;
}

int lists_save(struct lists *kept, char *error, size_t error_size)
{
	int first = 0;

	for (size_t i = 0; kept && i < kept->count; i++) {
		struct named_list *n = &kept->items[i];
		uint64_t changes = list_changes(n->list);
		int err;

		if (!n->save || changes == n->saved_changes)
			continue;
		err = place_write(n->save, n->list);
		if (!err)
			n->saved_changes = changes;
		else if (!first) {
			first = err;
			snprintf(error, error_size, "list %s cannot be saved as %s in %s: %s", n->name,
				 n->save->rest, n->save->folder, strerror(-err));
		}
	}
	return first;
}

struct list *lists_named(struct lists *l, const char *name)
{
	struct named_list *n = l ? lists_find(l, name) : NULL;

	return n ? n->list : NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/files/file_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/base/folder.h"
#include "control/base/say.h"
#include "control/files/examine.h"
#include "control/files/quarantine.h"

#define BUCKETS 1024
#define OPEN_MAX_FILES 512   /* descriptors; others are opened again when their next part comes */
#define UNDER_WAY_MAX 65536  /* files; one more is not kept */
#define NAME_BYTES 64
#define BUDGET_LOW_PERCENT 90

/* A file whose parts come. */
struct under_way {
	struct under_way *next;          /* in its bucket */
	struct under_way *older, *newer; /* by last use, of those that are open */
	unsigned worker;
	uint64_t id;
	int fd; /* -1: not open now */
	bool bad;
};

struct ended {
	struct under_way *file;
	uint64_t seconds, bytes;
	char *sidecar;
	size_t sidecar_len;
	bool keep, good; /* good: its digest could be made */
	struct record_head *look; /* owned; NULL: nobody looks into it */
	uint8_t sha256[32];
	char hex[FILE_STORE_NAME];
};

struct file_store {
	int dir, tmp;
	uint64_t boot_id, budget, bytes;
	struct under_way *bucket[BUCKETS];
	struct under_way *oldest, *newest;
	unsigned open_count, count;
	struct ended *ended;
	unsigned ended_count, ended_room;
	bool said_error;
	struct examine *examine;
	struct file_store_figures figures;
};

static void failed(struct file_store *s, const char *what)
{
	s->figures.errors++;
	if (!s->said_error)
		say("file store: %s: %s; files are lost until that is mended", what, strerror(errno));
	s->said_error = true;
}

/* ---- names ---- */

static void name_put(const struct file_store *s, unsigned worker, uint64_t id, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%016llx-%u-%llu", (unsigned long long)s->boot_id, worker, (unsigned long long)id);
}

/* ---- what is there ---- */

struct kept {
	time_t seen;
	uint64_t bytes;
	char name[NAME_MAX + 8]; /* ab/abcd…, certs/… */
};

static int oldest_first(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return (x->seen > y->seen) - (x->seen < y->seen);
}

/* All kept files, or NULL; the caller frees it. */
static struct kept *list_kept(struct file_store *s, size_t *count)
{
	struct kept *list = NULL;
	size_t n = 0, room = 0;

	for (unsigned i = 0; i <= 256; i++) {
		char folder[sizeof(FILE_STORE_CERTIFICATES)] = FILE_STORE_CERTIFICATES;
		struct dirent *e;
		struct stat st;
		DIR *d;
		int fd;

		if (i < 256)
			snprintf(folder, sizeof(folder), "%02x", i);
		fd = openat(s->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		d = fd >= 0 ? fdopendir(fd) : NULL;
		while (d && (e = readdir(d))) {
			if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) != 0)
				continue;
			if (n == room) {
				struct kept *more = realloc(list, (room = room ? 2 * room : 256) * sizeof(*list));

				if (!more)
					break;
				list = more;
			}
			list[n].seen = st.st_mtime;
			list[n].bytes = (uint64_t)st.st_size;
			snprintf(list[n++].name, sizeof(list->name), "%s/%s", folder, e->d_name);
		}
		if (d)
			closedir(d);
		else if (fd >= 0)
			close(fd);
	}
	*count = n;
	return list;
}

static void keep_budget(struct file_store *s)
{
	uint64_t low = s->budget / 100 * BUDGET_LOW_PERCENT;
	struct kept *list;
	size_t n;

	if (!s->budget || s->bytes <= s->budget)
		return;
	list = list_kept(s, &n);
	s->bytes = 0;
	for (size_t i = 0; i < n; i++)
		s->bytes += list[i].bytes;
	if (list)
		qsort(list, n, sizeof(*list), oldest_first);
	for (size_t i = 0; i < n && s->bytes > low; i++) {
		if (unlinkat(s->dir, list[i].name, 0) != 0)
			continue;
		s->bytes -= list[i].bytes;
		s->figures.removed++;
	}
	free(list);
}

/* What was under way when an earlier boot ended cannot go on. */
static void remove_leftovers(struct file_store *s)
{
	char mine[NAME_BYTES];
	int fd = dup(s->tmp);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	snprintf(mine, sizeof(mine), "%016llx-", (unsigned long long)s->boot_id);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && strncmp(e->d_name, mine, strlen(mine)) != 0)
			unlinkat(s->tmp, e->d_name, 0);
	if (d)
		closedir(d);
}

/* ---- open and close ---- */

int file_store_open(struct file_store **out, const struct file_store_options *o)
{
	struct file_store *s = calloc(1, sizeof(*s));
	struct kept *list;
	size_t n;
	int err = s ? folder_make(o->dir, 0750) : -ENOMEM;

	if (!err) {
		s->tmp = -1;
		s->boot_id = o->boot_id;
		s->budget = o->budget_bytes;
		s->examine = o->examine;
		s->dir = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s->dir >= 0 && (mkdirat(s->dir, "tmp", 0750) == 0 || errno == EEXIST))
			s->tmp = openat(s->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s->tmp < 0)
			err = -errno;
	}
	if (err) {
		say("the file store %s cannot be used: %s (file_store.dir)", o->dir, strerror(-err));
		if (s && s->dir > 0)
			close(s->dir);
		free(s);
		return err;
	}
	remove_leftovers(s);
	list = list_kept(s, &n);
	for (size_t i = 0; i < n; i++)
		s->bytes += list[i].bytes;
	free(list);
	keep_budget(s);
	*out = s;
	return 0;
}

/* ---- files under way ---- */

static void use_last(struct file_store *s, struct under_way *f)
{
	f->older = s->newest;
	f->newer = NULL;
	if (s->newest)
		s->newest->newer = f;
	else
		s->oldest = f;
	s->newest = f;
}

static void unuse(struct file_store *s, struct under_way *f)
{
	*(f->older ? &f->older->newer : &s->oldest) = f->newer;
	*(f->newer ? &f->newer->older : &s->newest) = f->older;
}

static void shut(struct file_store *s, struct under_way *f)
{
	if (f->fd < 0)
		return;
	unuse(s, f);
	close(f->fd);
	f->fd = -1;
	s->open_count--;
}

static struct under_way **find(struct file_store *s, unsigned worker, uint64_t id)
{
	struct under_way **at = &s->bucket[(id * 31 + worker) % BUCKETS];

	while (*at && ((*at)->id != id || (*at)->worker != worker))
		at = &(*at)->next;
	return at;
}

static void remove_file(struct file_store *s, struct under_way *f)
{
	char name[NAME_BYTES];

	shut(s, f);
	name_put(s, f->worker, f->id, name);
	unlinkat(s->tmp, name, 0);
	s->count--;
	free(f);
}

/* Opens it, again or for the first time. fresh: its first byte comes. */
static void open_file(struct file_store *s, struct under_way *f, bool fresh)
{
	char name[NAME_BYTES];

	if (s->open_count >= OPEN_MAX_FILES)
		shut(s, s->oldest);
	name_put(s, f->worker, f->id, name);
	f->fd = openat(s->tmp, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (fresh ? O_CREAT : 0), 0640);
	if (f->fd < 0) {
		if (fresh || errno != ENOENT)
			failed(s, "a file cannot be opened");
		f->bad = true;
		return;
	}
	s->open_count++;
	use_last(s, f);
}

/* Found, or made when it may be. NULL: memory, or too many. */
static struct under_way *get(struct file_store *s, unsigned worker, uint64_t id)
{
	struct under_way **at = find(s, worker, id);

	if (*at)
		return *at;
	if (s->count >= UNDER_WAY_MAX || !(*at = calloc(1, sizeof(**at)))) {
		s->figures.broken++;
		return NULL;
	}
	(*at)->worker = worker;
	(*at)->id = id;
	(*at)->fd = -1;
	s->count++;
	return *at;
}

void file_store_part(struct file_store *s, unsigned worker, uint64_t id, uint64_t offset, const void *data,
		     size_t len)
{
	struct under_way *f = get(s, worker, id);
	const char *p = data;

	if (!f || f->bad)
		return;
	if (f->fd < 0)
		open_file(s, f, offset == 0);
	else if (f != s->newest) {
		unuse(s, f);
		use_last(s, f);
	}
	while (len && !f->bad) {
		ssize_t n = pwrite(f->fd, p, len, (off_t)offset);

		if (n <= 0) {
			if (n < 0 && errno == EINTR)
				continue;
			failed(s, "a file cannot be written");
			f->bad = true;
			return;
		}
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
}

static void *copy_of(const void *data, size_t len)
{
	void *copy = data && len ? malloc(len) : NULL;

	if (copy)
		memcpy(copy, data, len);
	return copy;
}

static struct ended *ended_room(struct file_store *s)
{
	if (s->ended_count == s->ended_room) {
		struct ended *more = realloc(s->ended, (s->ended_room * 2 + 16) * sizeof(*more));

		if (!more)
			return NULL;
		s->ended = more;
		s->ended_room = s->ended_room * 2 + 16;
	}
	return &s->ended[s->ended_count];
}

void file_store_end(struct file_store *s, unsigned worker, uint64_t id, const struct file_end *end)
{
	struct under_way **at = find(s, worker, id), *f = *at;
	bool wanted = end->keep || (end->look && s->examine);
	struct ended *e;

	if (!f && wanted) /* ended before a restart, and told again; or its parts are on disk alone */
		f = get(s, worker, id), at = find(s, worker, id);
	if (!f)
		return;
	if (wanted && !f->bad && f->fd < 0)
		open_file(s, f, false);
	*at = f->next;
	e = wanted && !f->bad ? ended_room(s) : NULL;
	if (!e) {
		if (wanted)
			s->figures.broken++;
		else
			s->figures.dropped++;
		remove_file(s, f);
		return;
	}
	*e = (struct ended){.file = f, .seconds = end->seconds, .keep = end->keep};
	s->ended_count++;
	/* An ended file keeps its descriptor until the commit. */
	unuse(s, f);
	s->open_count--;
	e->sidecar = end->keep ? copy_of(end->sidecar, end->sidecar_len) : NULL;
	e->sidecar_len = e->sidecar ? end->sidecar_len : 0;
	e->look = end->look && s->examine ? copy_of(end->look, end->look->length) : NULL;
}

int file_store_dir(const struct file_store *s)
{
	return s->dir;
}

unsigned file_store_pending(const struct file_store *s)
{
	return s->ended_count;
}

/* ---- commit ---- */

static void digest(struct file_store *s, struct ended *e)
{
	static uint8_t room[1 << 16];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ssize_t n = -1;

	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		while ((n = pread(e->file->fd, room, sizeof(room), (off_t)e->bytes)) > 0) {
			EVP_DigestUpdate(ctx, room, (size_t)n);
			e->bytes += (uint64_t)n;
		}
	e->good = n == 0 && EVP_DigestFinal_ex(ctx, e->sha256, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	for (unsigned i = 0; i < sizeof(e->sha256); i++)
		snprintf(e->hex + 2 * i, 3, "%02x", e->sha256[i]);
	if (!e->good)
		failed(s, "a file cannot be read again");
}

/* Before the sync: it waits for its analysis by a link of its own. */
static void prepare_look(struct file_store *s, struct ended *e)
{
	char name[NAME_BYTES];
	int err = 0;

	if (!e->look)
		return;
	name_put(s, e->file->worker, e->file->id, name);
	if (e->good && e->bytes && examine_wants(s->examine, e->sha256)) {
		err = pending_put(examine_pending(s->examine), s->tmp, name, e->look);
		if (!err)
			return;
		errno = -err;
		failed(s, "a file cannot be kept for its analysis");
	}
	free(e->look);
	e->look = NULL;
}

static void write_sidecar(struct file_store *s, const struct ended *e, const char *path)
{
	char name[FILE_STORE_NAME + 64];
	int fd;

	snprintf(name, sizeof(name), "%s.%llu.%llu.json", path, (unsigned long long)e->seconds,
		 (unsigned long long)e->file->id);
	fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0 || write(fd, e->sidecar, e->sidecar_len) != (ssize_t)e->sidecar_len)
		failed(s, "a file's record cannot be written");
	else
		s->bytes += e->sidecar_len;
	if (fd >= 0)
		close(fd);
}

static void keep_file(struct file_store *s, const struct ended *e, const char *temporary)
{
	char path[FILE_STORE_NAME + 4];

	snprintf(path, sizeof(path), "%.2s", e->hex);
	if (mkdirat(s->dir, path, 0750) != 0 && errno != EEXIST)
		failed(s, "a folder cannot be made");
	snprintf(path, sizeof(path), "%.2s/%s", e->hex, e->hex);
	if (utimensat(s->dir, path, NULL, AT_SYMLINK_NOFOLLOW) == 0) {
		s->figures.again++;
	} else if (quarantine_has(s->dir, e->hex)) {
		s->figures.again++;
	} else if (renameat(s->tmp, temporary, s->dir, path) == 0) {
		s->figures.stored++;
		s->figures.stored_bytes += e->bytes;
		s->bytes += e->bytes;
	} else {
		failed(s, "a file cannot be kept");
		return;
	}
	if (e->sidecar)
		write_sidecar(s, e, path);
}

static void finish_ended(struct file_store *s, struct ended *e)
{
	char temporary[NAME_BYTES];

	name_put(s, e->file->worker, e->file->id, temporary);
	if (e->keep && e->good)
		keep_file(s, e, temporary);
	else if (!e->keep)
		s->figures.dropped++;
	close(e->file->fd);
	unlinkat(s->tmp, temporary, 0); /* what was kept already, or could not be */
	if (e->look)
		examine_add(s->examine, temporary, e->hex);
	s->count--;
	free(e->file);
	free(e->sidecar);
	free(e->look);
}

void file_store_put(struct file_store *s, const char *folder, const char *name, const void *data, size_t len)
{
	char path[NAME_MAX];
	int fd;

	if (mkdirat(s->dir, folder, 0750) != 0 && errno != EEXIST)
		failed(s, "a folder cannot be made");
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = openat(s->dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		failed(s, "a file cannot be written");
	else
		s->bytes += len;
	if (fd >= 0)
		close(fd);
	keep_budget(s);
}

void file_store_commit(struct file_store *s)
{
	if (!s->ended_count)
		return;
	for (unsigned i = 0; i < s->ended_count; i++) {
		digest(s, &s->ended[i]);
		prepare_look(s, &s->ended[i]);
	}
	if (syncfs(s->dir) != 0)
		failed(s, "files cannot be synced");
	for (unsigned i = 0; i < s->ended_count; i++)
		finish_ended(s, &s->ended[i]);
	s->ended_count = 0;
	keep_budget(s);
}

const struct file_store_figures *file_store_figures(const struct file_store *s)
{
	return &s->figures;
}

void file_store_close(struct file_store *s)
{
	if (!s)
		return;
	file_store_commit(s);
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (s->bucket[i]) {
			struct under_way *f = s->bucket[i];

			s->bucket[i] = f->next;
			shut(s, f); /* it stays on disk: after a restart in the same boot its parts go on */
			free(f);
		}
	}
	close(s->dir);
	close(s->tmp);
	free(s->ended);
	free(s);
}

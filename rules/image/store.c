/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing an image.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/arena.h"
#include "rules/compile/database.h"
#include "rules/image/freeze.h"

#define IMAGES_MAX 8 /* in one folder */

extern const char __executable_start[], _end[]; /* of this program, by the linker */

/* No address may be left in what is written: a pointer that shape.c does not know. */
static void addresses_seek(struct freezer *f)
{
	for (size_t at = 0; at + 8 <= f->data.used && !f->why; at += 8) {
		uintptr_t word;

		if (frozen_is_pointer(f, at))
			continue;
		memcpy(&word, f->data.bytes + at, sizeof(word));
		if (word && (arena_holds(f->set->arena, (const void *)word) ||
			     (word >= (uintptr_t)__executable_start && word < (uintptr_t)_end)))
			freeze_fail(f, "a pointer is left in it that rules/image/shape.c does not know");
	}
}

static uint64_t place_in_file(uint64_t to, const struct image_head *h)
{
	if (to & PLACE_IN_TEXTS)
		return (to & ~PLACE_IN_TEXTS) + h->parts[PART_TEXTS].from;
	if (to & PLACE_IN_BYTES)
		return (to & ~PLACE_IN_BYTES) + h->parts[PART_BYTES].from;
	return to + h->parts[PART_DATA].from;
}

static void pointers_finish(struct freezer *f, const struct image_head *h)
{
	for (size_t at = 0; at + 8 <= f->data.used; at += 8) {
		uint64_t to;

		if (!frozen_is_pointer(f, at))
			continue;
		memcpy(&to, f->data.bytes + at, sizeof(to));
		to = place_in_file(to, h);
		memcpy(f->data.bytes + at, &to, sizeof(to));
	}
}

static void links_finish(struct freezer *f, uint64_t data_from)
{
	struct image_link link;

	for (size_t at = 0; at + sizeof(link) <= f->links.used; at += sizeof(link)) {
		memcpy(&link, f->links.bytes + at, sizeof(link));
		link.slot += data_from;
		memcpy(f->links.bytes + at, &link, sizeof(link));
	}
}

/* ---- the file ---- */

struct output {
	int fd;
	uint64_t at; /* in the file */
	XXH3_state_t *sum;
	bool failed;
};

static void output_add(struct output *o, const void *data, uint64_t bytes)
{
	XXH3_128bits_update(o->sum, data, bytes);
	o->at += bytes;
	o->failed = o->failed || !file_write_all(o->fd, data, bytes);
}

static void output_pad(struct output *o)
{
	static const uint8_t zeros[IMAGE_PAGE];

	output_add(o, zeros, (IMAGE_PAGE - o->at % IMAGE_PAGE) % IMAGE_PAGE);
}

static uint64_t padded(uint64_t bytes, uint64_t align)
{
	return (bytes + align - 1) / align * align;
}

static const struct frozen_part *part_of(const struct freezer *f, int part)
{
	const struct frozen_part *const parts[PART_COUNT] = {
		[PART_DATA] = &f->data, [PART_BYTES] = &f->bytes, [PART_TEXTS] = &f->texts, [PART_SLOTS] = &f->pointers,
		[PART_LINKS] = &f->links, [PART_DATABASES] = &f->databases};

	return parts[part];
}

/* The parts behind the head, each from a page on. */
static void head_make(struct image_head *h, struct freezer *f, const struct image_key *key, size_t root)
{
	uint64_t at = IMAGE_PAGE;

	f->pointers.used = padded(f->data.used, 512) / 64;
	*h = (struct image_head){.magic = IMAGE_MAGIC, .key = *key, .database_count = f->set->groups->database_count};
	for (int i = 0; i < PART_COUNT; i++) {
		h->parts[i] = (struct image_part){at, part_of(f, i)->used};
		h->bytes = at + h->parts[i].bytes;
		at = padded(h->bytes, IMAGE_PAGE);
	}
	h->root = h->parts[PART_DATA].from + root;
}

static bool file_write(int fd, const struct freezer *f, struct image_head *h)
{
	struct output o = {.fd = fd, .at = IMAGE_CHECKED_FROM, .sum = XXH3_createState()};
	XXH128_hash_t sum;

	if (!o.sum || lseek(fd, (off_t)o.at, SEEK_SET) < 0)
		o.failed = true;
	if (!o.failed) {
		XXH3_128bits_reset(o.sum);
		output_add(&o, &h->bytes, sizeof(*h) - IMAGE_CHECKED_FROM);
		for (int i = 0; i < PART_COUNT; i++) {
			output_pad(&o);
			output_add(&o, part_of(f, i)->bytes, h->parts[i].bytes);
		}
		sum = XXH3_128bits_digest(o.sum);
		h->checksum[0] = sum.low64;
		h->checksum[1] = sum.high64;
		o.failed |= pwrite(fd, h, IMAGE_CHECKED_FROM, 0) != (ssize_t)IMAGE_CHECKED_FROM;
	}
	XXH3_freeState(o.sum);
	return !o.failed;
}

/* Beside the image just written those of other rule files, which may not be used any more: the newest stay. */
static void folder_tidy(const char *path)
{
	struct kept {
		char name[NAME_MAX + 1];
		struct timespec time;
	} *oldest, all[IMAGES_MAX];
	const char *slash = strrchr(path, '/');
	char folder[4096];
	unsigned count = 0;
	struct dirent *e;
	struct stat st;
	DIR *d;

	d = opendir(image_folder(path, folder, sizeof(folder)));
	while (d && (e = readdir(d)) != NULL) {
		const char *end = strrchr(e->d_name, '.');

		if (!end || strcmp(end, IMAGE_SUFFIX) != 0 || strcmp(e->d_name, slash ? slash + 1 : path) == 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		snprintf(all[count].name, sizeof(all[count].name), "%s", e->d_name);
		all[count++].time = st.st_mtim;
		if (count < IMAGES_MAX)
			continue;
		oldest = all;
		for (unsigned i = 1; i < count; i++)
			if (all[i].time.tv_sec < oldest->time.tv_sec ||
			    (all[i].time.tv_sec == oldest->time.tv_sec && all[i].time.tv_nsec < oldest->time.tv_nsec))
				oldest = &all[i];
		unlinkat(dirfd(d), oldest->name, 0);
		*oldest = all[--count];
	}
	if (d)
		closedir(d);
}

/* Beside, then renamed: whoever opens it sees a whole one. */
static bool file_replace(const char *path, const struct freezer *f, struct image_head *h)
{
	char beside[4200];
	int fd, why;
	bool ok;

	snprintf(beside, sizeof(beside), "%s.%ld.tmp", path, (long)getpid());
	unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	ok = file_write(fd, f, h);
	ok = close(fd) == 0 && ok && rename(beside, path) == 0;
	if (ok) {
		folder_tidy(path);
		return true;
	}
	why = errno;
	unlink(beside);
	errno = why;
	return false;
}

bool image_store(const char *path, const struct image_key *key, const struct ruleset *set,
		 const struct ruleset_report *report, char *note, size_t note_size)
{
	struct freezer f;
	struct image_head head;
	size_t root = 0;
	bool ok = false;

	*note = '\0';
	if (!image_folder_good(path)) {
		snprintf(note, note_size, "%s is not made: its folder is not there, or can be written by others", path);
		return false;
	}
	if (freezer_init(&f, set)) {
		root = freeze_root(&f, report);
		addresses_seek(&f);
	}
	if (!f.why) {
		head_make(&head, &f, key, root);
		pointers_finish(&f, &head);
		links_finish(&f, head.parts[PART_DATA].from);
		ok = file_replace(path, &f, &head);
	}
	if (!ok)
		snprintf(note, note_size, "%s cannot be written: %s", path, f.why ? f.why : strerror(errno));
	freezer_fini(&f);
	return ok;
}

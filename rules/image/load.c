/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading an image. Nothing of it is believed before owner, head and checksum have been looked at; then
 * places become pointers, each of them into the file; then it is made read-only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/arena.h"
#include "rules/image/format.h"
#include "rules/language/report.h"

#define HUGE_BYTES ((uintptr_t)2 << 20)

/* The file while it is read. */
struct reading {
	const char *path;
	uint8_t *map;              /* all of it, where it will stay */
	uint64_t bytes;
	struct image_head head;
	hs_database_t **databases; /* those that have been read */
	uint64_t database_count;
	char *note;
	size_t note_size;
};

static bool refuse(const struct reading *r, const char *what)
{
	snprintf(r->note, r->note_size, "%s is not used, and is made anew: %s", r->path, what);
	return false;
}

/* Only the engine's user may have written it, or root. */
static bool owner_good(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

const char *image_folder(const char *path, char *folder, size_t size)
{
	char *slash;

	snprintf(folder, size, "%s", path);
	slash = strrchr(folder, '/');
	if (!slash)
		return ".";
	*slash = '\0';
	return *folder ? folder : "/";
}

bool image_folder_good(const char *path)
{
	char folder[4096];
	struct stat st;

	return stat(image_folder(path, folder, sizeof(folder)), &st) == 0 && owner_good(&st);
}

/* The file and its head, which is believed only when head_good has looked at it. */
static int file_open(struct reading *r)
{
	int fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0) {
		if (errno != ENOENT)
			refuse(r, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !owner_good(&st))
		refuse(r, "it can be written by others than this user");
	else if (st.st_size < (off_t)IMAGE_PAGE || (uint64_t)st.st_size > IMAGE_BYTES_MAX)
		refuse(r, "it has no size that an image can have");
	else if (pread(fd, &r->head, sizeof(r->head), 0) != (ssize_t)sizeof(r->head))
		refuse(r, "it cannot be read");
	else
		r->bytes = (uint64_t)st.st_size;
	if (r->bytes)
		return fd;
	close(fd);
	return -1;
}

/* ---- what it says of itself ---- */

static bool parts_good(const struct image_head *h)
{
	uint64_t end = IMAGE_PAGE;

	for (int i = 0; i < PART_COUNT; i++) {
		const struct image_part *p = &h->parts[i];

		if (p->from % IMAGE_PAGE || p->from < end || p->from > h->bytes || p->bytes > h->bytes - p->from)
			return false;
		end = p->from + p->bytes;
	}
	return end == h->bytes && h->parts[PART_DATA].bytes % 8 == 0 &&
	       h->parts[PART_SLOTS].bytes == (h->parts[PART_DATA].bytes + 511) / 512 * 8 &&
	       h->parts[PART_LINKS].bytes % sizeof(struct image_link) == 0;
}

static bool within(const struct image_part *p, uint64_t at, uint64_t bytes)
{
	return at >= p->from && at - p->from <= p->bytes && bytes <= p->bytes - (at - p->from);
}

/* False and no note: it is of other rules, another configuration or another program. */
static bool head_good(const struct reading *r, const struct image_key *key)
{
	const struct image_head *h = &r->head;

	if (h->magic != IMAGE_MAGIC)
		return refuse(r, "it is no image of rules");
	if (memcmp(&h->key, key, sizeof(*key)) != 0)
		return false;
	return (h->bytes == r->bytes && parts_good(h) && h->root % 16 == 0 && h->parts[PART_TEXTS].bytes &&
		within(&h->parts[PART_DATA], h->root, sizeof(struct image_root))) ||
	       refuse(r, "it is damaged");
}

/* ---- into memory ---- */

/* So many bytes of addresses that begin at a huge page. NULL: there are none. */
static uint8_t *addresses_take(uint64_t bytes)
{
	uint8_t *all = mmap(NULL, bytes + HUGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *at;

	if (all == MAP_FAILED)
		return NULL;
	at = (uint8_t *)(((uintptr_t)all + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	if (at > all)
		munmap(all, (size_t)(at - all));
	munmap(at + bytes, (size_t)(all + HUGE_BYTES - at));
	return at;
}

/* What packets meet is read into memory of our own, on huge pages where there are any, as that of other
 * rules is; the rest stays in the file. */
static bool map_parts(struct reading *r, int fd)
{
	uint64_t own = r->head.parts[PART_TEXTS].from, at = 0;
	uint64_t pages = (r->bytes + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;

	r->map = addresses_take(pages);
	if (!r->map)
		return refuse(r, "there is no memory for it");
	if (mmap(r->map, own, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
	    mmap(r->map + own, r->bytes - own, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, fd, (off_t)own) ==
		    MAP_FAILED)
		return refuse(r, "there is no memory for it");
	madvise(r->map, own, MADV_HUGEPAGE);
	while (at < own) {
		ssize_t n = pread(fd, r->map + at, own - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return refuse(r, "it cannot be read");
		at += (uint64_t)n;
	}
	return true;
}

/* Of what is in memory now, head and all. */
static bool content_good(const struct reading *r)
{
	const struct image_part *texts = &r->head.parts[PART_TEXTS];
	XXH128_hash_t sum = XXH3_128bits(r->map + IMAGE_CHECKED_FROM, r->bytes - IMAGE_CHECKED_FROM);

	return (memcmp(r->map, &r->head, sizeof(r->head)) == 0 && sum.low64 == r->head.checksum[0] &&
		sum.high64 == r->head.checksum[1] && !r->map[texts->from + texts->bytes - 1]) ||
	       refuse(r, "it is damaged");
}

/* ---- from places to pointers ---- */

static bool pointers_place(const struct reading *r)
{
	const struct image_part *data = &r->head.parts[PART_DATA], *slots = &r->head.parts[PART_SLOTS];
	const uint64_t *bits = (const uint64_t *)(const void *)(r->map + slots->from);
	uint64_t *words = (uint64_t *)(void *)(r->map + data->from), count = data->bytes / 8;
	uint64_t base = (uint64_t)(uintptr_t)r->map, end = slots->from;

	for (uint64_t i = 0; i < slots->bytes / 8; i++)
		for (uint64_t left = bits[i]; left; left &= left - 1) {
			uint64_t at = i * 64 + (uint64_t)__builtin_ctzll(left);

			/* 0 would be NULL, which has no bit. */
			if (at >= count || words[at] - 1 >= end - 1)
				return refuse(r, "it is damaged: a pointer leads out of it");
			words[at] += base;
		}
	return true;
}

/* Hyperscan's own copies: r->databases, as many as r->database_count says are there. */
static bool databases_read(struct reading *r)
{
	const struct image_part *part = &r->head.parts[PART_DATABASES];
	const uint8_t *at = r->map + part->from, *end = at + part->bytes;
	uint64_t count = r->head.database_count;

	if (count > part->bytes / sizeof(uint64_t))
		return refuse(r, "it is damaged: databases are missing");
	r->databases = calloc(count + 1, sizeof(hs_database_t *));
	if (!r->databases)
		return refuse(r, "there is no memory for it");
	for (; r->database_count < count; r->database_count++) {
		uint64_t bytes;

		if ((size_t)(end - at) < sizeof(bytes))
			return refuse(r, "it is damaged: a database is missing");
		memcpy(&bytes, at, sizeof(bytes));
		at += sizeof(bytes);
		if (bytes > (size_t)(end - at) ||
		    hs_deserialize_database((const char *)at, bytes, &r->databases[r->database_count]) != HS_SUCCESS)
			return refuse(r, "it is damaged: Hyperscan cannot read a database");
		bytes = (bytes + 7) & ~7ull;
		at = bytes < (size_t)(end - at) ? at + bytes : end;
	}
	return true;
}

static bool links_make(const struct reading *r)
{
	const struct image_part *part = &r->head.parts[PART_LINKS], *data = &r->head.parts[PART_DATA];
	const struct image_link *links = (const struct image_link *)(const void *)(r->map + part->from);

	for (uint64_t i = 0; i < part->bytes / sizeof(*links); i++) {
		if (links[i].slot % 8 || !within(data, links[i].slot, 8) ||
		    links[i].database >= r->database_count)
			return refuse(r, "it is damaged: a group has no database");
		memcpy(r->map + links[i].slot, &r->databases[links[i].database], sizeof(*r->databases));
	}
	return true;
}

/* The place in the file that a pointer leads to. */
static uint64_t place_of(const struct reading *r, const void *pointer)
{
	return (uint64_t)((uintptr_t)pointer - (uintptr_t)r->map);
}

static bool databases_place(struct reading *r, const struct image_root *root)
{
	const struct image_part *data = &r->head.parts[PART_DATA];
	const struct ruleset_groups *g = root->set.groups;
	uint64_t bytes;

	if (!databases_read(r))
		return false;
	bytes = r->database_count * sizeof(*r->databases);
	if (place_of(r, g) % 8 || !within(data, place_of(r, g), sizeof(*g)) ||
	    g->database_count != r->database_count || place_of(r, g->databases) % 8 ||
	    !within(data, place_of(r, g->databases), bytes))
		return refuse(r, "it is damaged: it has no groups");
	memcpy(g->databases, r->databases, bytes);
	return links_make(r);
}

/* ---- what comes of it ---- */

static void report_take(struct ruleset_report *report, const struct image_root *root)
{
	const struct ruleset_report *from = &root->report;
	struct ruleset_report own = {0};

	if (!report)
		return;
	for (size_t i = 0; i < from->problem_count; i++) {
		const struct ruleset_problem *p = &from->problems[i];

		report_add(&own, p->file, p->line, p->column, p->sid, p->refused, p->reason, p->advice);
		if (own.problem_count)
			own.problems[own.problem_count - 1].firewall = p->firewall;
	}
	report->problems = own.problems;
	report->problem_count = own.problem_count;
	report->active = from->active;
	report->loaded = from->loaded;
	report->refused = from->refused;
	report->firewall_refused = from->firewall_refused;
	report->duplicates = from->duplicates;
	report->skipped = from->skipped;
	report->databases = report->databases_from_cache = from->databases;
	report->from_image = true;
}

/* The set owns the databases and the part of the file that is still needed. */
static struct ruleset *set_take(struct reading *r, const struct image_root *root)
{
	struct ruleset *set = malloc(sizeof(*set));
	uint64_t used = r->head.parts[PART_SLOTS].from;
	struct arena *arena = set ? arena_of_mapping(r->map, used) : NULL;

	if (!arena) {
		free(set);
		refuse(r, "there is no memory for it");
		return NULL;
	}
	*set = root->set;
	set->arena = arena;
	set->lists = NULL;
	set->reputation = NULL;
	set->geoip = NULL;
	set->scripts = NULL;
	set->script_count = 0;
	munmap(r->map + used, r->bytes - used);
	return set;
}

static void give_up(struct reading *r)
{
	for (uint64_t i = 0; i < r->database_count; i++)
		hs_free_database(r->databases[i]);
	if (r->map)
		munmap(r->map, r->bytes);
}

struct ruleset *image_load(const char *path, const struct image_key *key, struct ruleset_report *report,
			   char *note, size_t note_size)
{
	struct reading r = {.path = path, .note = note, .note_size = note_size};
	const struct image_root *root = NULL;
	struct ruleset *set = NULL;
	int fd;

	*note = '\0';
	fd = image_folder_good(path) ? file_open(&r) : -1;
	if (fd < 0)
		return NULL;
	if (head_good(&r, key) && map_parts(&r, fd) && content_good(&r) && pointers_place(&r)) {
		root = (const struct image_root *)(const void *)(r.map + r.head.root);
		if (databases_place(&r, root) && mprotect(r.map, r.bytes, PROT_READ) == 0)
			set = set_take(&r, root);
	}
	if (set)
		report_take(report, root);
	else
		give_up(&r);
	free(r.databases);
	close(fd);
	return set;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file of an image. Numbers are the processor's own: the key holds the program's build, so that
 * no other program reads it.
 *
 *	head | data | bytes | texts | slots | links | databases
 *
 * data: the structures, as they are in memory. A pointer in them is the place it points to, counted
 * from the start of the file; 0 is NULL. bytes: contents, literals, names: what packets are compared with.
 * texts: what is read only by people (rules as written, messages, metadata). slots: a bit for each 8 bytes of data, set where a pointer stands. links: which pattern
 * group has which database. databases: each its length (u64), what Hyperscan serialized, padded to 8.
 */
#ifndef IMAGE_FORMAT_H
#define IMAGE_FORMAT_H

#include "rules/compile/groups.h"
#include "rules/image/image.h"

#define IMAGE_MAGIC 0x31676d69746d00ull /* "\0mtimg1" */
#define IMAGE_SUFFIX ".rules-image"
#define IMAGE_PAGE 4096u
#define IMAGE_BYTES_MAX ((uint64_t)4 << 30)

/* A part of the file, each behind the one before. */
struct image_part {
	uint64_t from, bytes;
};

enum image_parts { PART_DATA, PART_BYTES, PART_TEXTS, PART_SLOTS, PART_LINKS, PART_DATABASES, PART_COUNT };

struct image_head {
	uint64_t magic;
	struct image_key key;
	uint64_t checksum[2];  /* XXH3, 128 bits, of everything behind it */
	uint64_t bytes;        /* of the file */
	struct image_part parts[PART_COUNT];
	uint64_t root;         /* where in the file struct image_root is */
	uint64_t database_count;
};

#define IMAGE_CHECKED_FROM offsetof(struct image_head, bytes)

struct image_root {
	struct ruleset set;            /* groups too; no lists, reputation, geoip, arena */
	struct ruleset_report report;
};

/* Can nobody but this user, or root, put files into the folder of this one? Without that no image is read
 * or written. */
bool image_folder_good(const char *path);
/* The folder that path is in; may be written to folder. */
const char *image_folder(const char *path, char *folder, size_t size);

struct image_link {
	uint64_t slot;         /* place in the file of a pattern_group.database */
	uint64_t database;
};

#endif

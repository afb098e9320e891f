/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Copying structures into the data of an image, with pointers turned into places. freeze.c copies,
 * shape.c knows where the pointers are. What fails is said in .why; the rest then does nothing.
 */
#ifndef IMAGE_FREEZE_H
#define IMAGE_FREEZE_H

#include "rules/image/format.h"

/* Memory that grows where it is, or moves; zeroed. */
struct frozen_part {
	uint8_t *bytes;
	size_t used, space;
};

/* What has been copied already: lists by where they were, bytes by what they are. */
struct frozen_known {
	struct frozen_entry {
		uint64_t key;
		uint64_t to;
		uint32_t len;
	} *slots; /* len 0: free; linear */
	uint32_t mask, count;
};

struct freezer {
	const struct ruleset *set;
	struct frozen_part data, bytes, texts, links, databases;
	struct frozen_part pointers;  /* a bit for each 8 bytes of data */
	struct frozen_known lists, words;
	uint64_t *rules;              /* by index: where in data each is */
	const char *why;              /* NULL: all is well */
};

typedef void freeze_function(struct freezer *f, const void *object, size_t at);

/* What a list is made of. */
struct frozen_type {
	size_t bytes, align;
	freeze_function *pointers;    /* NULL: it has none */
};

/* Bytes that only people read are apart: nothing on a packet's path looks at them. */
enum frozen_use { FROZEN_USED, FROZEN_READ };

/* Of a place in data's pointers, until the file is laid out: it is counted from the start of another part. */
#define PLACE_IN_BYTES (1ull << 62)
#define PLACE_IN_TEXTS (1ull << 63)

bool freezer_init(struct freezer *f, const struct ruleset *set);
void freezer_fini(struct freezer *f);
void freeze_fail(struct freezer *f, const char *why);
/* Each writes, at the place `slot` of data, where what it copied has come to; NULL stays NULL. */
void freeze_list(struct freezer *f, const void *list, uint64_t count, struct frozen_type type, size_t slot);
/* The same for what several point to: copied once. */
void freeze_shared(struct freezer *f, const void *list, uint64_t count, struct frozen_type type, size_t slot);
/* Without alignment; equal ones once. */
void freeze_bytes(struct freezer *f, const void *bytes, uint32_t len, enum frozen_use use, size_t slot);
void freeze_text(struct freezer *f, const char *text, enum frozen_use use, size_t slot);
/* A pointer to a place of data. */
void freeze_place(struct freezer *f, uint64_t to, size_t slot);
/* Is there a pointer at this place of data, a multiple of 8? */
static inline bool frozen_is_pointer(const struct freezer *f, size_t at)
{
	return f->pointers.bytes[at / 64] & 1u << at / 8 % 8;
}
/* The pointer of a frozen structure, as a place of data. */
uint64_t frozen_pointer(const struct freezer *f, uint64_t slot);
/* Of the group whose database pointer is at slot. */
void freeze_link(struct freezer *f, const hs_database_t *database, size_t slot);
/* All of the set, serialized. */
void freeze_databases(struct freezer *f);
/* The last of all: data is a multiple of 8 bytes, texts end with a NUL, whatever is in them. */
void freeze_end(struct freezer *f);
/* A piece of data for one object, zeroed. */
size_t freeze_room(struct freezer *f, uint64_t bytes, size_t align);

/* shape.c: all of a set, with what its report says. Returns the place of struct image_root. */
size_t freeze_root(struct freezer *f, const struct ruleset_report *report);

#endif

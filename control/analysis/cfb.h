/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compound files (MS-CFB 12.0): a small file system in a file. Everything is bounded by the length
 * of the file: chains of sectors are followed no further than there are sectors, entries are as
 * many as fit in, loops end.
 */
#ifndef CONTROL_ANALYSIS_CFB_H
#define CONTROL_ANALYSIS_CFB_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/cursor.h"

#define CFB_ENTRIES_MAX 20000u
#define CFB_DEPTH_MAX 32u
#define CFB_NAME_MAX 97    /* 31 UTF-16 units as UTF-8, terminated */
#define CFB_NONE UINT32_MAX

enum cfb_type { CFB_EMPTY = 0, CFB_STORAGE = 1, CFB_STREAM = 2, CFB_ROOT = 5 };

struct cfb_entry {
	char name[CFB_NAME_MAX];
	uint8_t type;       /* enum cfb_type */
	uint8_t clsid[16];
	uint32_t left, right, child, start; /* as the file has them */
	uint64_t size;
	uint32_t parent;    /* CFB_NONE: not reached from the root */
	uint32_t first, next; /* of those below it; of those beside it. CFB_NONE: none */
};

struct cfb {
	struct bytes file;
	uint32_t sector_bytes, mini_bytes, mini_cutoff;
	uint32_t sectors;   /* after the header */
	uint32_t *fat;      /* sectors of them */
	uint32_t *mini_fat;
	uint32_t mini_fat_count;
	struct bytes mini;  /* the mini stream; owned */
	struct cfb_entry *entry;
	uint32_t entries;
};

bool cfb_begins(struct bytes file);
/* file is borrowed. False: not one, or broken beyond reading, or no memory; nothing is kept then. */
bool cfb_open(struct cfb *c, struct bytes file);
void cfb_close(struct cfb *c);
/* The stream's bytes, at most room of them, in a new buffer which the caller frees; data NULL: nothing. */
struct bytes cfb_read(const struct cfb *c, uint32_t entry, uint64_t room);
/* The entry of that name (any case) directly below parent; CFB_NONE. */
uint32_t cfb_find(const struct cfb *c, uint32_t parent, const char *name);

#endif

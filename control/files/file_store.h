/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files on disk by their SHA-256: DIR/ab/abcd…, and while their parts still come DIR/tmp/BOOT-WORKER-ID.
 * One thread.
 *
 * A file is there whole or not at all: it is written under its temporary name, synced, then renamed.
 * What came before a crash may come again (the ring is read from its last commit): parts are written
 * where they belong, a file that is there already is kept once, and one whose beginning is gone is
 * not made.
 */
#ifndef CONTROL_FILES_FILE_STORE_H
#define CONTROL_FILES_FILE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_STORE_NAME 65 /* a SHA-256 in hex, terminated */
#define FILE_STORE_CERTIFICATES "certs" /* folder of certificate chains; in the budget too */

struct file_store;

struct examine;
struct record_head;

struct file_store_options {
	const char *dir;
	uint64_t budget_bytes; /* 0: no limit. Beyond it the files longest not seen go */
	uint64_t boot_id;
	struct examine *examine; /* looks into what is seen; borrowed, NULL: nobody does */
};

/* How a file ends. */
struct file_end {
	bool keep;
	uint64_t seconds;
	const void *sidecar; /* put beside it as SHA256.SECONDS.ID.json when it is kept; NULL: none */
	size_t sidecar_len;
	const struct record_head *look; /* it is to be looked into, with this record; NULL: not */
};

struct file_store_figures {
	uint64_t stored, stored_bytes; /* new ones, since the start of the process */
	uint64_t again;    /* kept already */
	uint64_t dropped;  /* not wanted in the end */
	uint64_t broken;   /* wanted, but the beginning was not there */
	uint64_t removed;  /* for the budget */
	uint64_t errors;   /* of the file system */
};

/* Makes the folders, removes what other boots left unfinished. 0, or -errno after a sentence. */
int file_store_open(struct file_store **out, const struct file_store_options *o);
void file_store_close(struct file_store *s);

/* Bytes of a file under way. Errors are counted, and the file is then not kept. */
void file_store_part(struct file_store *s, unsigned worker, uint64_t id, uint64_t offset, const void *data,
		     size_t len);
/* The file ends. What stays is there after the next file_store_commit. */
void file_store_end(struct file_store *s, unsigned worker, uint64_t id, const struct file_end *end);
/* Its folder; borrowed. */
int file_store_dir(const struct file_store *s);
/* A small file of its own, DIR/folder/name, at once; of one that is there already what it held is lost. */
void file_store_put(struct file_store *s, const char *folder, const char *name, const void *data, size_t len);
/* Whether there are ends to commit, and whether they are many. */
unsigned file_store_pending(const struct file_store *s);
/* Syncs and renames what has ended. */
void file_store_commit(struct file_store *s);
const struct file_store_figures *file_store_figures(const struct file_store *s);

#endif

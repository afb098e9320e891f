/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file seen inside a protocol: its bytes as they come, decoded, with what rules and records need
 * of them: hashes, name, type, gaps, and a bounded window for inspection (buffer file.data).
 *
 * A file belongs to the transaction whose list it is on (tx.files[direction]) and lives as long.
 * A body that is no file of its own (the raw body of a multipart upload) is a file with
 * FILE_HIDDEN: it has a window, but neither record nor hash nor place in file.data.
 */
#ifndef APP_FILE_H
#define APP_FILE_H

#include "dataplane/app/app.h"

#define FILE_NAME_MAX 32767
#define FILE_NAME_OF_MAIL "rawmsg" /* a mail as a whole has no other */
#define FILE_MAGIC_BYTES 4096   /* the type is told from so many first bytes */
#define FILE_MAGIC_TEXT_MAX 512
#define FILES_PER_TX_MAX 1024   /* one more is not opened */
#define FILE_SIDS_MAX 16        /* rules named in a file's record */

enum file_state { FILE_OPEN, FILE_CLOSED, FILE_TRUNCATED, FILE_ERROR };

/* What somebody needs of files; the union of config and rules (file_want). */
enum file_wants {
	FILE_WANT_MD5 = 1 << 0,
	FILE_WANT_SHA1 = 1 << 1,
	FILE_WANT_SHA256 = 1 << 2,
	FILE_WANT_MAGIC = 1 << 3,
	FILE_WANT_STORE = 1 << 4, /* rules may want it kept: its bytes go to the bulk ring */
};

enum file_flags {
	FILE_HAS_GAPS = 1 << 0,
	FILE_HIDDEN = 1 << 1, /* a window only, see above */
	FILE_LOGGED = 1 << 2,
	FILE_HAS_RANGE = 1 << 3,
	FILE_STORE = 1 << 4,  /* to be kept: file_store.force, or a rule (detect) */
	FILE_MAGIC_DONE = 1 << 5,
	FILE_STORE_LOST = 1 << 6, /* the bulk ring had no room for a part */
	FILE_ENCRYPTED = 1 << 7, /* it says so itself (packed.h) */
};

/* How much of a file is shown to rules at once (see file_view). */
struct file_limits {
	uint32_t inspect_min;    /* a first look waits for so many bytes, or the end */
	uint32_t inspect_window; /* later looks: at least so many bytes, old ones among them */
	uint32_t content_limit;  /* a first look waits no longer than this; 0: no limit */
};

/* The bytes that may still be inspected. */
struct file_window {
	uint8_t *data;
	uint32_t len, cap;
	uint64_t start;     /* position of data[0] in the file */
	uint64_t inspected; /* detect has looked at all before this */
	bool viewed;        /* since the last file_inspected */
	bool end_viewed, end_inspected; /* likewise, of the file's end */
	bool lost;          /* memory was out: bytes are missing before start */
};

struct range_file; /* range.h */

struct file {
	struct file *next;
	struct range_file *joins; /* while it is put together from ranges: owner of it; else NULL */
	uint8_t direction;
	uint8_t state;           /* enum file_state */
	uint8_t flags;           /* enum file_flags */
	uint8_t wants;           /* enum file_wants, what was asked for when it was opened */
	uint8_t has_hash;        /* FILE_WANT_*: which of the digests are there */
	uint8_t sid_count;
	uint16_t magic_len;
	uint32_t name_len;
	uint8_t *name;           /* as sent; not terminated */
	char *magic;             /* libmagic's words, or NULL */
	uint64_t size;           /* bytes seen, missing ones counted */
	uint64_t number;         /* of the worker's files, from 1 */
	uint64_t range_start, range_end, range_total; /* FILE_HAS_RANGE */
	uint8_t md5[16], sha1[20], sha256[32];
	struct file_hash *hash;  /* while open */
	uint8_t *head;           /* first bytes, while the type is wanted and not told */
	uint32_t head_len;
	uint64_t store_id;       /* 0: no part of it is in the bulk ring */
	uint64_t stored_bytes;   /* of it in the bulk ring */
	uint32_t sids[FILE_SIDS_MAX]; /* rules with filestore: set by detect */
	struct file_limits limits;
	struct file_window window;
};

/* Called by app_worker_new and app_worker_free. */
int file_worker_new(struct worker *w);
void file_worker_free(struct worker *w);
/* From now on files of this worker have these too (enum file_wants). Called when rules are loaded;
 * what the configuration asks for is always there. */
void file_want(struct worker *w, unsigned wants);

/* Contents that only hold others are files, too (file_bodies): mails, multiparts. */
bool file_bodies(const struct worker *w);
/* Opens a mail as a whole, if that is so; NULL: no. */
struct file *file_open_mail(struct worker *w, struct flow *f, struct tx *tx, enum direction d);

/* Opens a file on the transaction. name is copied (cut at FILE_NAME_MAX). NULL: memory, or too many
 * files. */
struct file *file_open(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       const uint8_t *name, uint32_t name_len);
/* A window without a file (FILE_HIDDEN). */
struct file *file_open_hidden(struct worker *w, struct flow *f, struct tx *tx, enum direction d);
/* The name was not known when it was opened. Copied; NULL memory leaves it as it is. */
void file_name_set(struct worker *w, struct file *file, const uint8_t *name, uint32_t name_len);
void file_set_limits(struct file *file, const struct file_limits *limits);
void file_append(struct worker *w, struct file *file, const uint8_t *data, uint32_t len);
void file_gap(struct worker *w, struct file *file, uint64_t len);
void file_range(struct file *file, uint64_t start, uint64_t end, uint64_t total);
/* Writes the fileinfo record (once) when it is logged with its transaction. NULL is fine. */
void file_close(struct worker *w, struct file *file, enum file_state state);
/* A rule wants it kept; sid: of that rule. */
void file_store_want(struct worker *w, struct flow *f, struct file *file, uint32_t sid);
/* Rules may have asked already for all files of the transaction, or of the session. */
void file_store_inherit(struct worker *w, struct flow *f, const struct tx *tx, struct file *file);
/* Takes it off one transaction's list and puts it at the end of another's; NULL: none. */
void file_move(struct file *file, struct tx *from, struct tx *to);
/* One that is on no list. */
void file_free(struct worker *w, struct file *file);
/* Closes those that are still open, but for one that ranges are put together to. */
void file_close_all(struct worker *w, struct tx *tx, enum direction d, enum file_state state);
void file_free_all(struct worker *w, struct tx *tx);

/* The file's type in libmagic's words, told from the first bytes; NULL while it is not known. Only
 * with FILE_WANT_MAGIC. */
const char *file_magic(struct worker *w, struct file *file);

/* Buffer file.data, instance by instance: the window that is to be inspected now. Only files with
 * something to look at now count as instances; hidden ones never do. */
bool file_view(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
	       struct buffer_view *out);
/* The same for one file, hidden or not. False until the minimum for a first look is there, or when
 * nothing is new. */
bool file_view_one(struct worker *w, struct file *file, struct buffer_view *out);
/* The views of a transaction's files, asked for by number: where to begin with the list (*instance is then the number
 * from there on), and which file it was; so that all of them cost as much as the list is long. */
enum file_view_kind { FILE_VIEW_DATA, FILE_VIEW_NAME, FILE_VIEW_MAGIC, FILE_VIEW_COUNT };
struct file *file_view_from(const struct worker *w, enum file_view_kind kind, const struct tx *tx, enum direction d,
			    unsigned *instance);
bool file_view_found(struct worker *w, enum file_view_kind kind, const struct tx *tx, struct file *file, unsigned instance);
/* Buffers file.name and file.magic, one instance a file; hidden ones do not count. */
bool file_name_view(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		    unsigned instance, struct buffer_view *out);
bool file_magic_view(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		     unsigned instance, struct buffer_view *out);
/* Detect has looked at all views of this direction. */
void file_inspected(struct worker *w, struct tx *tx, enum direction d);
/* The fileinfo records of a transaction's closed files; called by app_packet_done. False: one waits for
 * a rule that may want it kept. */
bool file_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
/* The "files" array in an alert. */
void file_alert_context(struct recorder *r, struct tx *tx);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a file is and how bad it looks. An analysis is a tree of parts: the file itself, and below
 * it what is inside (members of archives, attachments, streams, embedded files). A part has a name,
 * its declared and its true type, size, hashes, facts, and reasons. A reason is a row of
 * reasons.def with a weight w of 0 to 10; the verdict is 10 · (1 - Π(1 - w/10)) over the distinct
 * reasons of the whole tree, rounded: one reason says as much as its weight, several say more, the
 * same one found a hundred times says no more than once.
 *
 * Everything is bounded by struct analysis_limits; reaching a limit ends that part of the work and
 * is itself a reason. Recursion goes as deep as limits.depth, and no deeper.
 *
 * Runs in a child of the analyser process, one file each (worker.h); one thread. In tests and fuzz
 * targets in the process itself.
 */
#ifndef CONTROL_ANALYSIS_H
#define CONTROL_ANALYSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/base/text.h"
#include "dataplane/base/cursor.h"

struct analysis;
struct yara_scanner;
struct indicator_image;

enum reason_code {
#define REASON(code, weight, sentence) REASON_##code,
#include "control/analysis/reasons.def"
#undef REASON
	REASON_COUNT
};

struct reason_row {
	const char *name; /* "macro_autorun" */
	uint8_t weight;
	const char *sentence;
};

extern const struct reason_row reason_rows[REASON_COUNT];

struct reason {
	struct reason *next;
	enum reason_code code;
	uint8_t weight;     /* the row's, or what a rule says of itself */
	const char *detail; /* "" or what was found */
};

struct fact {
	struct fact *next;
	const char *name, *value;
};

/* What a part is, as others judge it: an executable in an archive in a mail says more than alone. */
enum part_trait {
	PART_EXECUTABLE = 1 << 0, /* runs when opened: PE, ELF, LNK, scripts, HTA */
	PART_ARCHIVE = 1 << 1,
	PART_DISK_IMAGE = 1 << 2,
	PART_MAIL = 1 << 3,
	PART_DOCUMENT = 1 << 4,
	PART_SCRIPT = 1 << 5,
	PART_NATIVE = 1 << 6,     /* PE, ELF */
};

struct part {
	struct part *parent, *first, *last, *next;
	const char *name;     /* as its container has it, UTF-8 or raw; "" unnamed */
	const char *declared; /* type by the container's word; "" */
	const char *type;     /* MIME type by libmagic; "" unknown */
	const char *magic;    /* libmagic's words */
	const char *kind;     /* of the analyser that knew it first; "" none */
	uint64_t size;
	uint8_t md5[16], sha1[20], sha256[32];
	uint32_t traits;      /* enum part_trait */
	uint32_t above;       /* those of all that it is in, and of what carried the file */
	unsigned depth;       /* of the file itself 0 */
	struct fact *facts, **facts_end;
	struct reason *reasons, **reasons_end;
	struct bytes data;    /* while its analysers run; NULL after */
};

struct analysis_limits {
	unsigned depth;        /* levels of parts below the file */
	uint32_t parts;        /* of the whole tree */
	uint64_t part_bytes;   /* of one unpacked part */
	uint64_t total_bytes;  /* unpacked, all together */
	unsigned ratio;        /* unpacked to packed, from a million bytes on */
	uint64_t memory_bytes; /* of the process (worker) and of the tree */
	unsigned seconds;      /* of CPU (worker); twice that by the clock */
};

#define ANALYSIS_LIMITS_DEFAULT ((struct analysis_limits){10, 4000, 96u << 20, 384u << 20, 250, 1u << 30, 30})

/* What an analysis works with besides the bytes; all borrowed, any may be NULL. */
struct analysis_tools {
	void *magic, *mime;                   /* magic_t: words, MIME type */
	struct yara_scanner *yara;
	const struct indicator_image *intel;
	int clamd;                            /* a connected socket, -1 none */
};

/* NULL: out of memory. */
struct analysis *analysis_new(const struct analysis_limits *limits, const struct analysis_tools *tools);
void analysis_free(struct analysis *a);
/* A word that may open what is locked, before analysis_run or while it runs. */
void analysis_password(struct analysis *a, const void *word, size_t len);
/* The beginning of the mail that it came in: its words are tried as passwords. Before analysis_run. */
void analysis_mail_text(struct analysis *a, const char *text, size_t len);
/* The file came in a mail. Before analysis_run. */
void analysis_mailed(struct analysis *a);
/* The whole work. data is borrowed until analysis_free. name and declared may be "". */
void analysis_run(struct analysis *a, const char *name, const char *declared, const void *data, size_t len);
/* Any time, from a signal handler too: ends as soon as it can, with the reason limit_time. */
void analysis_stop(struct analysis *a);
const struct part *analysis_root(const struct analysis *a);
/* 0 to 10. */
unsigned analysis_verdict(const struct analysis *a);
/* Appends the report (README.md) as one JSON object. */
void analysis_report(const struct analysis *a, struct text *out);
/* A report for a file whose analysis did not come to its end: the reasons that are left. */
void analysis_report_failed(struct text *out, const char *name, uint64_t size, const char *sha256_hex,
			    enum reason_code code, const char *detail);

#endif

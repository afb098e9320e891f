/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What analysers share. An analyser is a row in analysers.def and two functions: NAME_is says by
 * the part's first bytes and name whether it is for it, NAME_run looks inside. Several may know
 * the same part. Bytes are read through cursors or within checked bounds; time is linear in the
 * size of the part; loops over what a file says ask analysis_over.
 */
#ifndef CONTROL_ANALYSIS_ANALYSER_H
#define CONTROL_ANALYSIS_ANALYSER_H

#include "control/analysis/analysis.h"
#include "rules/arena.h"

#define FACT_VALUE_MAX 300
#define FACTS_MAX 200     /* of one part; more are not kept */
#define REASONS_MAX 100   /* of one part */
#define PASSWORDS_MAX 64
#define PASSWORD_BYTES_MAX 64
#define PART_NAME_MAX 1024 /* bytes kept of a name */

struct analyser {
	const char *name;
	bool (*is)(const struct part *p);
	void (*run)(struct analysis *a, struct part *p);
};

extern const struct analyser analysers[]; /* ends with name == NULL */

struct analysis {
	struct analysis_limits limits;
	struct analysis_tools tools;
	struct arena *arena;
	struct part *root;
	uint32_t parts;
	uint64_t bytes; /* unpacked so far */
	uint32_t carrier; /* enum part_trait: what the file came in */
	const char *password[PASSWORDS_MAX];
	unsigned passwords;
	volatile bool stopped; /* by time */
	bool incomplete;       /* some limit was reached */
};

/* A part below: named, hashed, typed and analysed before this returns. data is borrowed for that
 * time. NULL when a limit forbids it (which is a reason then). */
struct part *part_add(struct analysis *a, struct part *parent, struct bytes name, const char *declared,
		      struct bytes data);
void part_fact(struct analysis *a, struct part *p, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* A fact whose value comes from the file: bytes that are not printable ASCII or UTF-8 become '.'. */
void part_fact_bytes(struct analysis *a, struct part *p, const char *name, const void *data, size_t len);
void part_reason(struct analysis *a, struct part *p, enum reason_code code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Without anything to add. */
void part_reason_alone(struct analysis *a, struct part *p, enum reason_code code);
void part_reason_weighed(struct analysis *a, struct part *p, enum reason_code code, uint8_t weight,
			 const char *format, ...) __attribute__((format(printf, 5, 6)));
bool part_has_reason(const struct part *p, enum reason_code code);
/* The next part of the tree, parents first; NULL at the end. */
const struct part *part_next(const struct part *p);
/* Whether it is in something with one of the traits. */
static inline bool part_in(const struct part *p, uint32_t traits)
{
	return (p->above & traits) != 0;
}
/* Time is up: stop. */
static inline bool analysis_over(const struct analysis *a)
{
	return a->stopped;
}
/* Room for unpacked bytes: how many more may come from packed bytes of a part. *code: the limit
 * that would be reached first. */
uint64_t analysis_room(const struct analysis *a, uint64_t packed, enum reason_code *code);
/* A copy of bytes that came from the file, as text that is safe to print; in the arena, "" on failure. */
const char *analysis_text(struct analysis *a, const void *data, size_t len);

/* ---- bytes ---- */

/* Whether the name ends so (".doc"), in any case of letters. */
bool name_ends(const char *name, const char *end);
bool bytes_begin(struct bytes b, const void *with, size_t len);
/* First place of needle at or after from, or NULL. */
const uint8_t *bytes_find(struct bytes b, size_t from, const void *needle, size_t len);
/* A lower-case copy of text (UTF-16 with a byte order mark, or by its zeros, becomes bytes), at most
 * TEXT_FOLD_MAX of it; the caller frees .data. */
#define TEXT_FOLD_MAX (4u << 20)
struct bytes text_fold(struct bytes b);
bool text_has(struct bytes folded, const char *needle);
/* Bits of Shannon entropy a byte, 0 to 8. */
double bytes_entropy(struct bytes b);
/* Inflates a zlib (or raw, if !zlib) stream into a new buffer of at most room bytes. False: nothing came
 * out. *whole: the stream ended by itself. The caller frees out->data. */
bool bytes_inflate(struct bytes in, bool zlib, uint64_t room, struct bytes *out, bool *whole);

/* ---- the judging of names and places (name.c) ---- */

void name_judge(struct analysis *a, struct part *p);
void place_judge(struct analysis *a, struct part *p);
/* What is known of the part's hashes and content elsewhere (lookup.c). */
void lookup_part(struct analysis *a, struct part *p);
void lookup_clamd(struct analysis *a, struct part *root);

#define ANALYSER(name, doc)                                                                        \
	bool name##_is(const struct part *p);                                                      \
	void name##_run(struct analysis *a, struct part *p);
#include "control/analysis/analysers.def"
#undef ANALYSER

#endif

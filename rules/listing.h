/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules of files as they are written: number, head, options, and those that are commented out. For
 * comparing versions and for changing rules on their way in; whether a rule loads is not asked here.
 * One thread.
 */
#ifndef RULES_LISTING_H
#define RULES_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listed_text {
	const char *p;
	size_t len;
};

struct listed_rule {
	uint32_t gid, sid, rev;
	bool disabled;       /* it stands behind a # */
	const char *file;    /* as it was given */
	const char *group;   /* last part of it, without .rules */
	uint32_t line;
	const char *text;    /* joined, without #; terminated */
	struct listed_text action, head, body; /* head: without action; body: between ( and ) */
	const char *msg;     /* "" none */
};

struct listing {
	struct listed_rule *rules; /* by gid and sid; of equal ones the highest revision */
	size_t count, space;
	struct arena *arena;
	char error[512];           /* a sentence, when something could not be read */
};

/* One option of a body; false at its end. *at begins as the body. */
struct listed_option {
	struct listed_text name, value; /* without blanks around them; value.p NULL: none */
};
bool listed_option_next(struct listed_text *at, struct listed_option *out);

/* 0, or -errno and l->error. A folder stands for the .rules files in it. */
int listing_read(struct listing *l, const char *path);
/* From memory, under that name. */
int listing_read_memory(struct listing *l, const char *name, const char *bytes, size_t size);
/* Sorts, and drops older revisions. After the last listing_read. */
void listing_finish(struct listing *l);
void listing_free(struct listing *l);
/* A copy of text in the listing's memory, taken apart; false: it is no rule. */
bool listed_rule_parse(struct listing *l, const char *text, size_t len, struct listed_rule *out);

/* ---- two versions ---- */

enum listed_change {
	LISTED_ADDED,
	LISTED_REMOVED,
	LISTED_ENABLED,  /* was commented out */
	LISTED_DISABLED,
	LISTED_CHANGED,
};

enum listed_part {
	PART_ACTION = 1 << 0,
	PART_HEAD = 1 << 1,
	PART_OPTIONS = 1 << 2,  /* conditions */
	PART_TEXTS = 1 << 3,    /* msg, reference, metadata, classtype, priority: nothing that decides */
	PART_REVISION = 1 << 4,
};

#define LISTED_KEYWORDS 240

struct listed_difference {
	uint8_t change; /* enum listed_change */
	unsigned parts; /* enum listed_part; LISTED_CHANGED, or beside ENABLED and DISABLED */
	const struct listed_rule *before, *after; /* NULL: not there */
	char keywords[LISTED_KEYWORDS]; /* of the options that differ, separated by blanks */
};

/* Calls found for each rule that differs, by gid and sid. Rules that are commented out on both sides,
 * or on one and absent on the other, are none. */
void listing_compare(const struct listing *before, const struct listing *after,
		     void (*found)(const struct listed_difference *d, void *arg), void *arg);

#endif

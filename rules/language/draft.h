/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A rule while it is being read. Keyword parsers add conditions to the draft; validate.c and
 * arrange.c judge and finish it; then its lists are copied into the rule set's arena. One draft
 * serves for all rules of a set, one after the other. One thread.
 */
#ifndef LANGUAGE_DRAFT_H
#define LANGUAGE_DRAFT_H

#include "rules/arena.h"
#include "rules/language/keyword.h"
#include "rules/language/names.h"
#include "rules/language/scan.h"
#include "rules/lists/geoip.h"
#include "rules/lists/reputation.h"
#include "rules/ruleset.h"

#define DRAFT_BUFFERS_MAX 64
#define DRAFT_REFERENCES_MAX 64
#define DRAFT_METADATA_MAX 256
#define DRAFT_SCRIPTS_MAX 4
#define RULE_TEXT_MAX 8191

/* What is the same for all rules of a set. */
struct language {
	struct arena *arena;
	const struct ruleset_options *options;
	struct names flowbits, xbits, hostbits, flowints;
	struct names address_sets, port_sets; /* text of a header part → its set */
	struct names patterns;                /* expressions that compile */
	const struct classes *classes;
	struct lists *lists;                 /* those that rules name */
	const struct reputation *reputation; /* NULL: none */
	const struct geoip *geoip;           /* likewise */
	struct script_use *scripts;          /* the latest first */
	uint32_t script_count;
	const char *file;                    /* being read; NULL: not from a file */
	bool firewall;                       /* its rules are the firewall's */
};

struct draft_list {
	struct match *items;
	uint32_t count, space;
};

struct draft_buffer {
	const struct keyword_row *row; /* NULL: payload */
	const char *name;
	struct transform transforms[RULE_TRANSFORMS_MAX];
	uint32_t transform_count;
	bool legacy; /* a content was moved here by an old modifier */
	uint8_t direction; /* as rule_buffer.direction */
	bool sticky;
	struct draft_list list;
	const char *at; /* where the rule names it */
};

struct draft_variable {
	const char *name;
	size_t len;
	int buffer;
};

/* Things that may stand once in a rule, and what keywords ask for. */
enum draft_seen {
	SEEN_SID = 1 << 0,
	SEEN_REV = 1 << 1,
	SEEN_GID = 1 << 2,
	SEEN_FLOW = 1 << 3,
	SEEN_DSIZE = 1 << 4,
	SEEN_THRESHOLD = 1 << 5,
	SEEN_FAST_PATTERN = 1 << 6,
	SEEN_PRIORITY = 1 << 7,
	SEEN_CLASSTYPE = 1 << 8,
	SEEN_TARGET = 1 << 9,
	SEEN_PACKET_ONLY = 1 << 10,  /* dsize, tcp.flags, ttl …: fields of a packet */
	SEEN_APP_PROTOCOL = 1 << 11, /* app-layer-protocol, not negated */
	SEEN_ALERT = 1 << 12,
	SEEN_TAG = 1 << 13,
	SEEN_FILESTORE = 1 << 14,
};

struct draft {
	struct language *l;
	struct rule *rule;
	const char *text, *text_end;
	const char *at; /* start of what is being read: the default place of a problem */

	struct draft_list packet, app, post, limits;
	struct draft_buffer buffers[DRAFT_BUFFERS_MAX];
	int buffer_count;
	/* The sticky buffer. Named but without a condition yet, it is only wanted. */
	const struct keyword_row *wanted;
	const char *wanted_name;
	const char *wanted_at;
	uint8_t wanted_direction;
	struct transform transforms[RULE_TRANSFORMS_MAX];
	uint32_t transform_count;
	int current;       /* index into buffers; -1: none is sticky */
	int last_buffer;   /* where the last condition on bytes went; -1: none yet */
	bool after_base64; /* base64_data was named: no other buffer may follow */

	bool negated;                  /* `!` before the argument */
	uint32_t seen;                 /* enum draft_seen */
	bool from_server, from_client; /* keywords of one direction alone */
	const char *from_server_name, *from_client_name;
	bool both_directions;   /* a keyword of either direction */
	bool direction_said;    /* by the keyword in hand */
	const char *proto_name; /* first word behind the action, as written */
	char apps[256];         /* protocols still possible, " a b "; "": any */
	bool apps_set;

	struct draft_variable variables[RULE_VARIABLES_MAX];
	uint32_t variable_count;
	struct rule_reference references[DRAFT_REFERENCES_MAX];
	struct rule_metadata metadata[DRAFT_METADATA_MAX];
	bool skip; /* requires: not met */

	/* The problem, when a parser returned false. */
	const char *problem_at;
	char reason[512];
	char advice[512];
	char warning[256]; /* the rule loads, but … */
	const char *warning_at;
};

/* Notes a problem at a place of the rule's text. Returns false. */
bool draft_fail(struct draft *d, const char *at, const char *advice, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void draft_warn(struct draft *d, const char *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool draft_no_memory(struct draft *d);

/* Adds a condition; NULL when out of memory. */
struct match *draft_add(struct draft *d, struct draft_list *list, enum keyword keyword);
/* Adds a condition to the packet, app or post list as its row's place says. */
struct match *draft_add_row(struct draft *d, const struct keyword_row *row);

/* The buffer that conditions on bytes go to now, made if need be; -1: a problem was noted. */
int draft_buffer_current(struct draft *d);
/* The buffer of relative conditions: the sticky one, or where the last condition went. */
int draft_buffer_relative(struct draft *d);
/* A buffer by its keyword (NULL: payload), made if need be, without transforms. */
int draft_buffer_named(struct draft *d, const struct keyword_row *row);
/* Makes a keyword's buffer the sticky one. */
bool draft_stick(struct draft *d, const struct keyword_row *row, const char *name);
/* Adds a condition to a buffer and remembers it as the last; NULL: a problem was noted. */
struct match *draft_add_bytes(struct draft *d, int buffer, enum keyword keyword);
/* The content that a modifier is about; NULL: a problem was noted. */
struct match_content *draft_content(struct draft *d, const struct keyword_row *row);

/* A byte variable by name as seen from a buffer: its index, or -1. Those of the payload are seen
 * there only, those of other buffers everywhere, as in the reference. */
int draft_variable_find(const struct draft *d, const struct scan *name, int buffer);
/* Index of a new one; -1: a problem was noted. */
int draft_variable_new(struct draft *d, const struct scan *name, int buffer);

/* "to_server" or "to_client" as 1 and 2, noted as the rule's; 0: a problem was noted. */
uint8_t draft_direction(struct draft *d, const struct keyword_row *row, const struct scan *word);
/* Notes what a keyword says of the rule's protocol and direction. */
bool draft_imply(struct draft *d, const struct keyword_row *row);
/* Narrows the rule to one of the protocols (separated by blanks). */
bool draft_apps(struct draft *d, const char *apps, const char *who);

/* draft_text: copy into the arena. */
char *draft_text(struct draft *d, const struct scan *s);

void draft_reset(struct draft *d);
void draft_clear(struct draft *d);

/* The stages of reading a rule; each may note a problem and return false. */
bool header_parse(struct draft *d, struct scan *rest);
bool options_parse(struct draft *d, struct scan *body);
bool draft_validate(struct draft *d);
bool draft_arrange(struct draft *d);

/* "N", "<N", ">=N", "a-b", "a<>b", "&mask=N", with ! before: into *out. */
bool number_parse(struct draft *d, const struct keyword_row *row, struct scan *arg, uint64_t max,
		  struct number_test *out);
/* Bytes of a content argument, escapes and |hex| resolved. */
bool bytes_parse(struct draft *d, const struct keyword_row *row, struct scan *arg,
		 struct bytes *out);

/* transform.c: one more for the buffer that is about to be used; NULL: the problem was noted. */
struct transform *transform_add(struct draft *d, const struct keyword_row *row);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pattern groups: which rules may match a run of bytes. A group is what one scan answers for: one
 * buffer (after its transforms), one direction, one protocol, and for payloads one range of server
 * ports. Of each rule it holds one literal (its prefilter), in one Hyperscan block-mode database
 * without regard to case; what else a literal must fulfil (its case, where it may end) stands in
 * the entry and is checked on a hit. Rules that have no literal are listed in `always`.
 *
 * Immutable once built; made by the thread that loads the rule set, read by the workers. A pointer
 * that is added to any of these structures must be added to rules/image/shape.c.
 */
#ifndef COMPILE_GROUPS_H
#define COMPILE_GROUPS_H

#include <hs/hs.h>
#include <string.h>

#include "rules/compile/sieve.h"
#include "rules/ruleset.h"

enum group_kind {
	GROUP_BUFFER,        /* a protocol's buffer, per transaction */
	GROUP_APP_ALWAYS,    /* rules of transactions that have no literal in a buffer */
	GROUP_PACKET,        /* payload of a packet */
	GROUP_STREAM,        /* new bytes of a TCP stream */
	GROUP_PACKET_ALWAYS, /* rules on packets without payload conditions */
	GROUP_EVENT,         /* the same, for packets that have decoder or stream events */
	GROUP_IP_ONLY,       /* first packet of each direction */
	GROUP_PRE,           /* hooks pre_flow and pre_stream: every packet, in their order */
	GROUP_KIND_COUNT
};

enum group_l4 { GROUP_TCP, GROUP_UDP, GROUP_OTHER, GROUP_L4_COUNT };

enum group_entry_flags {
	ENTRY_CASE = 1 << 0,    /* the bytes must be as written */
	ENTRY_AT_END = 1 << 1,  /* must end where the buffer ends */
};

/* One rule behind a literal. */
struct group_entry {
	uint32_t rule;             /* index in the rule set */
	uint16_t flags;            /* enum group_entry_flags */
	uint16_t len;              /* of the literal */
	uint32_t end_min, end_max; /* where the literal may end, counted from the buffer's start */
	const uint8_t *pattern;    /* ENTRY_CASE: as written; else, of a placed one, in small letters */
};

struct group_literal {
	uint32_t first, count;     /* its entries */
	uint32_t len;
	const uint8_t *text;       /* in small letters */
};

/* Of one key. Open addressing, linear. */
struct placed_slot {
	uint64_t key;
	uint32_t first, count;     /* its entries; count 0: empty */
};

/* Literals that can stand in one place only are compared there, not searched for. A class is a
 * place and how many bytes of a literal, its first or (at the end) its last, are the key. */
#define PLACED_FILTER_BITS 1024

struct placed_class {
	uint32_t at;               /* of the first byte, from the start */
	uint8_t width;             /* 1, 2, 4 or 8 bytes */
	bool from_end;             /* the key ends where the buffer ends */
	uint32_t first, mask;      /* its slots: open addressing, linear */
	uint64_t filter[PLACED_FILTER_BITS / 64]; /* bit placed_filter(hash) of each key */
};

#define PLACED_CLASSES_MAX 24

/* Of at least width bytes, len of which may be read. Letters of both cases, and some others, are the
 * same. */
static inline uint64_t placed_key(const uint8_t *data, uint32_t len, uint8_t width)
{
	uint64_t key = 0;

	if (len >= 8)
		memcpy(&key, data, 8);
	else if (width >= 4)
		memcpy(&key, data, 4);
	else
		memcpy(&key, data, width);
	return (key & UINT64_MAX >> (64 - 8 * width)) | 0x2020202020202020u;
}

static inline uint32_t placed_hash(uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32);
}

static inline uint32_t placed_filter(uint32_t hash)
{
	return hash >> 22;
}

/* What the first bytes of a packet must be for a rule to match. Two words of eight bytes as they lie in
 * memory; mask 0: any. */
struct group_guard {
	uint64_t mask[2], value[2];
};

#define GUARD_BYTES 16
#define GUARDS_MAX 48

struct pattern_group {
	hs_database_t *database;   /* NULL: no literals, or masks serve it and that is all */
	const struct group_literal *literals; /* by Hyperscan's pattern id */
	uint32_t literal_count;
	const struct sieve *sieve; /* of the same literals; NULL: no literals */
	const struct group_entry *entries;
	uint32_t entry_count;
	uint32_t literal_max;      /* bytes of the longest, placed ones included */
	uint32_t reach;            /* none that is searched for counts if it ends farther from where bytes are new */
	const uint32_t *always;    /* rules to try on every run of bytes, ascending */
	uint32_t always_count;
	const struct placed_class *placed;
	const struct placed_slot *placed_slots;
	const struct group_entry *placed_entries;
	uint32_t placed_count, placed_entry_count, placed_slot_count;
	bool with_wide;            /* of few ports: the rules of many ports are in it, too; the wide group need not be asked */
	const struct group_guard *guards; /* one of them must hold, else no rule matches; count 0: any packet */
	uint32_t guard_count;
};

/* Bytes of a run that are searched, of which the first `fresh` were before. */
static inline uint32_t group_searched(const struct pattern_group *g, uint32_t len, uint32_t fresh)
{
	return len - fresh > g->reach ? fresh + g->reach : len;
}

/* Which ends of a flow are inside, that is, have an address that most rules name: bit 0 the client's, bit 1 the
 * server's. Groups have variants for paths that differ in their rules. */
enum group_path { PATH_OUTSIDE = 0, PATH_FROM_INSIDE = 1, PATH_TO_INSIDE = 2, PATH_INSIDE = 3, PATH_COUNT };

/* All groups that a packet's server port leads to: at most one for rules of many ports and one for
 * rules of few, which has both where that is cheaper. */
struct port_groups {
	const struct pattern_group *wide;    /* NULL: no such rule */
	const uint16_t *narrow_by_port;      /* 65536 indices into narrow, 0: none; NULL: none at all */
	const struct pattern_group *narrow;  /* [0] is not used */
	uint32_t narrow_count;
};

struct path_ports {
	const struct port_groups *variants; /* [0] is empty */
	uint32_t count;                     /* [0] included */
	uint8_t of_path[PATH_COUNT];
};

static inline const struct port_groups *path_ports_of(const struct path_ports *p, unsigned path)
{
	return &p->variants[p->of_path[path]];
}

struct buffer_group {
	const char *buffer;            /* name of the sticky keyword */
	const struct transform *transforms;
	uint32_t transform_count;
	const char *app;               /* rules for this protocol, and those for none; NULL: for none only */
	uint8_t direction;             /* 0 to server, 1 to client */
	const struct pattern_group *variants; /* [0] is not used */
	uint32_t count;                /* [0] included */
	uint8_t of_path[PATH_COUNT];
};

/* NULL: no rule is for the path. */
static inline const struct pattern_group *buffer_group_of(const struct buffer_group *g, unsigned path)
{
	return g->of_path[path] ? &g->variants[g->of_path[path]] : NULL;
}

#define GROUP_SHORT_BYTES 256
#define GROUP_NEAR_BYTES 512

struct ruleset_groups {
	struct buffer_group *buffers;
	uint32_t buffer_count;
	/* kind GROUP_PACKET, GROUP_STREAM, GROUP_PACKET_ALWAYS by protocol and direction */
	struct path_ports packet[GROUP_L4_COUNT][2];
	/* GROUP_PACKET for payloads longer than GROUP_SHORT_BYTES: without rules that ask for shorter ones; those
	 * that say what the first bytes are, and those found among the first GROUP_NEAR_BYTES, are groups apart */
	struct path_ports packet_long[GROUP_L4_COUNT][2];
	struct path_ports packet_guarded[GROUP_L4_COUNT][2];
	struct path_ports packet_near[GROUP_L4_COUNT][2];
	struct path_ports stream[2];
	struct path_ports packet_always[GROUP_L4_COUNT][2];
	const uint32_t *events;        /* GROUP_EVENT */
	uint32_t event_count;
	const uint32_t *ip_only;       /* GROUP_IP_ONLY */
	uint32_t ip_only_count;
	/* GROUP_APP_ALWAYS: rules to try on every transaction, by direction */
	const uint32_t *app_always[2];
	uint32_t app_always_count[2];
	hs_database_t **databases;     /* each once; owner */
	uint32_t database_count;
	uint32_t literal_count;        /* over all groups */
	struct group_prefilter *prefilter; /* by rule index; for explanations */
	struct group_prefilter *packet_prefilter; /* in groups of packets: one in its place, where there is */
	struct addr_set inside;        /* that most rules name; any: no rule names addresses */
};

/* Which condition of a rule is its prefilter. */
struct group_prefilter {
	const struct rule_buffer *buffer;     /* NULL: none */
	const struct match_content *content;
	struct bytes literal;                 /* the part of it that is searched for */
};

/* Groups the rules of a set (set->rules, rule_count are complete), compiles or fetches from the
 * cache (o->cache_dir) the databases, sets set->groups. Fills the report's groups and databases
 * figures (may be NULL). 0; or -1 and a sentence in error. */
int ruleset_groups_build(struct ruleset *set, const struct ruleset_options *o,
			 struct ruleset_report *report, char *error, size_t error_size);
/* The databases; the rest is in the set's arena. */
void ruleset_groups_free(struct ruleset_groups *groups);

/* The prefilter of a rule; buffer NULL when it has none. */
struct group_prefilter group_prefilter_choose(const struct rule *rule);

/* A content that could be the prefilter, and what speaks for it. */
struct group_prefilter_score {
	struct group_prefilter prefilter;
	unsigned literal_score; /* quarter bits: how much its bytes tell */
	unsigned buffer_weight; /* 8; less where the buffer is long or always the same */
	bool given;             /* the author's fast_pattern */
};

#define PREFILTER_LIST_MAX 1024 /* contents of a rule that come into question */

/* How much bytes tell, in quarter bits. folded: in small letters. */
unsigned group_bytes_worth(const uint8_t *folded, uint32_t len);
/* All of them, in the order of the rule; at most max. Returns how many. */
size_t group_prefilter_list(const struct rule *rule, struct group_prefilter_score *out, size_t max);
/* The highest one is chosen, the first among equals. */
unsigned group_prefilter_worth(const struct group_prefilter_score *s);

/* What a rule with payload conditions looks at, as the reference decides it. */
enum payload_use {
	USE_PACKET = 1 << 0, /* payload of every packet */
	USE_STREAM = 1 << 1, /* TCP: the stream; and packets that are not part of it */
};

unsigned rule_payload_use(const struct rule *rule);
/* Does the direction (0 to server, 1 to client) come into question? */
bool rule_has_direction(const struct rule *rule, unsigned direction);
/* Where a rule belongs; GROUP_PACKET stands for payload in general. */
enum group_kind rule_group_kind(const struct rule *rule);
/* Are these too many ports to be dealt to the groups of single ports? */
bool rule_ports_wide(const struct rule *rule, unsigned direction);
/* Ports of the server side for packets of that direction. */
const struct port_set *rule_server_ports(const struct rule *rule, unsigned direction);

#endif

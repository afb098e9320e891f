/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A rule set bound to what this engine has: protocols, their buffers, match functions. Made by the
 * main thread (program.c), immutable, read by all workers. And what each worker keeps for running
 * it (struct detect_state). Shared by the files of this folder only.
 */
#ifndef DETECT_PROGRAM_H
#define DETECT_PROGRAM_H

#include <hs/hs.h>

#include "dataplane/detect/chain.h"
#include "dataplane/detect/detect.h"
#include "rules/compile/groups.h"
#include "rules/lists/reputation.h"
#include "rules/ruleset.h"

/* What is called from the loop of the packet path and from the one that watches (profile, trace): a
 * copy in each, so that the second costs the first nothing. */
#define IN_BOTH_LOOPS static inline __attribute__((always_inline))
#define WATCHING __attribute__((cold, noinline))

#define BUFFERS_MAX 128        /* inspected buffers of one protocol, transforms counted apart */
#define ENGINES_MAX 28         /* buffers of one rule in one direction */
#define ALERT_QUEUE_MAX 256    /* matches of one packet before thresholds */
#define TRANSFORM_ARENA_BYTES (1u << 20)
#define INFLATE_BLOCK_BYTES (64u << 10)
#define CONTEXT_TEXT_MAX 32768 /* of what lists say in one alert */
#define INSTANCES_MAX 1024     /* of a buffer that has several */
#define TX_RULES_MAX 4096      /* rules remembered on one direction of a transaction */
#define TX_STREAMS_MAX 4       /* growing buffers followed per direction of a transaction */

struct match_context {
	struct worker *w;
	struct detect_state *s;
	struct packet *p;
	struct flow *f;            /* NULL: none */
	struct tx *tx;             /* NULL: not about a transaction */
	const struct proto *proto; /* of tx */
	const struct program_rule *rule;
	unsigned file_skip;        /* of tx: files that the rule is done with */
};

struct packet_check {
	bool (*run)(const struct match_context *c, const struct match *m);
	const struct match *match;
};

struct app_check {
	bool (*run)(const struct match_context *c, const struct match *m); /* NULL: value holds */
	const struct match *match;
	const struct proto_value *value;
	uint8_t progress;
	bool indexed;   /* of several values one is meant, or all */
	uint8_t before; /* must not have come this far; 0: no matter */
};

/* One buffer of a bound rule. */
struct buffer_check {
	uint8_t buffer;            /* index into program_proto.buffers */
	uint8_t progress;          /* of the transaction, at which it can be there */
	bool prefilter;            /* holds the literal by which the rule is found */
	const struct chain *chain;
};

/* A rule on transactions of one protocol in one direction. */
struct binding {
	uint32_t rule;
	uint8_t app;               /* enum app_proto */
	uint8_t direction;
	uint8_t flow_app;          /* enum app_proto: flows of that alone; APP_UNKNOWN: all of .app */
	uint8_t buffer_count, check_count;
	uint8_t hook;              /* progress that is waited for, with BINDING_HOOK_BIT */
	bool first_half, second_half; /* of a rule on both directions of a transaction */
	bool about_files;          /* it may match again on files that come later */
	struct buffer_check *buffers; /* the prefilter's first, then by progress; in the same block */
	struct app_check *checks;  /* in the same block */
	const struct chain *payload; /* raw stream, or the datagram; NULL: none */
	uint32_t all;              /* bits of everything that must hold */
};

#define BINDING_CHECKS_BIT (1u << 30)
#define BINDING_PAYLOAD_BIT (1u << 29)
#define BINDING_HOOK_BIT (1u << 28)

/* A candidate costs the first cache line; what is behind its pointers lies together, a block each. */
struct program_rule {
	uint32_t flags;            /* enum rule_flags */
	uint32_t src_set, dst_set; /* index into program.sets; 0: any */
	uint8_t ip_protos, ip_versions; /* of the rule */
	uint8_t payload_use;       /* enum payload_use */
	uint8_t app;               /* the flow must speak it; APP_UNKNOWN: no matter */
	bool refused;              /* cannot be judged here: never a candidate */
	bool ports_any;
	bool protocol_only;        /* asks for the flow's protocol, and for nothing of its packets */
	uint8_t near_app;          /* the first protocol it is bound to … */
	uint16_t packet_check_count, header_count;
	const struct rule *rule;
	struct packet_check *packet_checks;
	struct chain *payload;     /* rules on packets */
	struct binding *near[2];   /* … and how, by direction; NULL: not at all */
	/* second line */
	struct packet_check *posts;
	struct header_check *headers; /* buffers of packet headers */
	struct binding **bindings;
	uint16_t post_count, binding_count;
	int16_t threshold_count;
	uint32_t encoded_len;
	bool detection_filter;
	uint8_t rate_limit;        /* 1 + index of the rule's thresholds; 0: it has none */
	uint8_t *encoded;          /* fixed part of its alerts */
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct program_rule, posts) == 64, "what every candidate asks for is one line");

/* What is done to a buffer before it is looked at. */
struct transforms {
	const struct transform *items;
	uint32_t count;
	pcre2_code **codes; /* by item, of pcrexform; owner. NULL: there is none */
};

struct header_check {
	uint16_t keyword;
	const struct rule_buffer *buffer;
	const struct chain *chain;
	struct transforms transforms;
};

struct program_buffer {
	const struct proto_buffer *source;
	bool about_files;              /* its instances are the files of the direction */
	struct transforms transforms;
	const struct buffer_group *group[2]; /* by direction; NULL: nothing to look for */
};

struct program_proto {
	const struct proto *proto;
	struct program_buffer buffers[BUFFERS_MAX];
	unsigned buffer_count;
	/* by direction: those that a prefilter is asked about, and from which progress on they are there */
	uint64_t scanned[2][BUFFERS_MAX / 64];
	uint8_t progress[2][BUFFERS_MAX];
	/* rules to try on every transaction, by direction: indices of rules */
	uint32_t *always[2];
	uint32_t always_count[2];
};

#define FRAME_KINDS_MAX 64 /* frames of one protocol that rules look at, transforms counted apart */

/* Frames of one type as rules look at them. */
struct frame_kind {
	uint8_t type;
	const struct rule_buffer *buffer; /* of the first rule that does */
	struct transforms transforms;
	const struct buffer_group *group[2]; /* by direction; NULL: nothing to look for */
	uint32_t *always[2];           /* rules to try on every such frame */
	uint32_t always_count[2];
};

/* Of one protocol. */
struct frame_program {
	struct frame_kind kinds[FRAME_KINDS_MAX];
	unsigned kind_count;
	uint32_t types;                /* that any rule looks at, a bit each */
};

/* What a rule wants of a frame. */
struct frame_check {
	uint32_t rule;
	uint8_t app, type, kind;       /* kind: index into frame_program.kinds */
	bool starts;                   /* a condition is about how it starts: its first bytes alone */
	const struct chain *chain;
};

#define INSIDE_RANGES_MAX 8

#define PORT_COUNT 65536

struct detect_program {
	const struct config *config;
	struct ruleset *set;           /* owner */
	const struct ruleset_groups *groups;
	uint16_t *port_class;          /* of each of PORT_COUNT: ports.c; owner */
	uint64_t version;
	struct program_rule *rules;
	uint32_t rule_count;
	struct arena *arena;           /* what rules point to: conditions, chains, bindings, alerts; owner */
	struct expressions *expressions; /* of all chains; owner */
	struct binding **bindings;     /* of all rules; the list is its own */
	uint32_t binding_count, binding_cap;
	const struct addr_set **sets;  /* distinct ones; [0] stands for any */
	uint32_t set_count;
	struct inside_range {
		uint32_t low, span;
	} inside[INSIDE_RANGES_MAX];   /* of IPv4, of groups->inside */
	uint32_t inside_count;         /* more than fit: the set itself is asked */
	struct program_proto *protos[APP_PROTO_COUNT]; /* NULL: no rule */
	struct frame_program *frames[APP_PROTO_COUNT]; /* likewise; owner */
	struct frame_check *frame_checks; /* ascending by rule; owner */
	uint32_t frame_check_count;
	struct ip_only *ip_only;       /* iponly.c */
	struct firewall *firewall;     /* firewall.h; NULL: off */
	struct early_rules {           /* of hooks pre_flow, pre_stream, in their order; owner */
		uint32_t *rules;
		uint32_t count;
	} early[DETECT_EARLY_COUNT];
	uint32_t *bit_keys;            /* by number of the flow bit: hash of its name */
	struct bit_name {
		uint32_t key;
		const char *name;
	} *bit_names;                  /* ascending by key */
	uint32_t bit_count;
	struct rule_number_key {
		uint64_t key;          /* gid, sid */
		uint32_t rule;
	} *by_sid;                     /* ascending */
	hs_scratch_t *scratch;         /* prototype, enough for every database */
	struct detect_refusal *refusals;
	uint32_t refusal_count;
	struct rule_profile *profiles; /* profile.h; a block for each worker; NULL: off */
	size_t profile_block;          /* rules in a block, with what fills it up */
	unsigned profile_workers;
	unsigned file_wants;           /* enum file_wants */
	bool payload_rules[2];         /* somebody looks at raw streams, by direction */
	unsigned alerts_max;
	bool log_variables;
	bool log_captures; /* a record of each packet of which something was captured */
	bool log_payload, log_payload_length, log_packet, log_flow, log_app, log_metadata, log_http_body;
	bool log_references, log_verdict, log_drop_alerts, log_drop_verdict;
	uint32_t payload_bytes_max;
};

/* ---- a worker's part ---- */

struct alert_item {
	uint32_t rule;
	bool stream;                   /* found in the stream */
	bool written;                  /* it is one of those to be written */
	bool rate_filtered;            /* action is that of a rate filter */
	bool rate_limited;             /* its rate_limit stands for its action … */
	bool beyond_rate;              /* … and the packet was beyond it */
	uint8_t answer;                /* enum threshold_answer */
	uint8_t action;                /* after thresholds */
	uint8_t context_count;
	struct tx *tx;
	const struct proto *proto;
	struct tx *guessed;            /* without tx: the one that may be meant, or NULL */
	const struct app_frame *frame; /* NULL: not on a frame */
	struct chain_context contexts[CONTEXTS_MAX];
};

/* Memory for zlib: its state and a window. */
struct inflate_block {
	_Alignas(16) uint8_t memory[INFLATE_BLOCK_BYTES];
	size_t used;
};

struct view_slot {
	uint32_t generation;
	bool there;
	struct buffer_view view;
};

/* The groups that a packet of one transport, direction, path and class of server ports leads to, in the order in which
 * they are searched. */
enum port_list { LIST_ALWAYS, LIST_SHORT, LIST_LONG, LIST_STREAM, PORT_LISTS };

#define PORTS_FOUND_BITS 9 /* some 200 are in use on a busy link; by the 64 that were kept first half of all were looked up again */
#define PORTS_FOUND (1u << PORTS_FOUND_BITS)

struct ports_found {
	uint32_t key; /* 0: none */
	uint8_t begin[PORT_LISTS + 1]; /* of each list in groups */
	const struct pattern_group *groups[12];
};

struct detect_state {
	const struct detect_program *program;
	struct ports_found ports[PORTS_FOUND]; /* of the program */
	hs_scratch_t *scratch;
	enum sieve_kind sieve;         /* how literals are searched for; SIEVE_KINDS: by Hyperscan */
	struct chain_scratch chain;

	/* candidates of the phase at hand: a bit a rule, and their list */
	uint64_t *candidate_bits;
	uint32_t *candidates;
	uint32_t candidate_count, candidate_cap;
	struct kept *kept;             /* where the scan in hand notes what it finds; NULL: nowhere */

	/* of the packet in hand */
	uint32_t packet_generation;
	uint64_t *set_cache[2];        /* source, destination: generation << 1 | inside */
	uint8_t path;                  /* 1 + enum group_path; 0: not yet known */
	bool stream_peeked, stream_there, tx_stream_there;
	bool payload_done;             /* the packet's own: a further window of its stream */
	struct stream_raw stream;      /* for rules on the stream */
	struct stream_raw tx_stream;   /* for rules on transactions */
	struct alert_item queue[ALERT_QUEUE_MAX];
	unsigned queue_count;
	unsigned written;              /* alerts */
	bool passed;                   /* by a rule */
	uint8_t firewall;              /* enum firewall_state */

	/* of the transaction in hand */
	uint32_t tx_generation;
	struct view_slot views[BUFFERS_MAX];
	struct chain_capture packet_vars[CAPTURES_MAX]; /* kept for the packet in hand */
	unsigned packet_var_count;
	char context[CONTEXT_TEXT_MAX]; /* of the alert in hand */
	uint8_t *arena;                /* transformed buffers; TRANSFORM_ARENA_BYTES */
	uint32_t arena_used;
	struct inflate_block inflate;

	bool watched;                  /* a rule is followed, or all are profiled */
	struct rule_profile *profile;  /* this worker's block; NULL: off */
	uint32_t traced;               /* rule that is followed; TRACE_NO_RULE: none */
	struct trace_shared *trace;    /* trace.h; NULL: none */

	struct script **scripts;       /* script.h: by number of the use; NULL: none */
	uint32_t script_count;
	struct tally_table *thresholds; /* tally.h */
	struct tally_table *rates;      /* rate.h */
	struct bits_table *bits;
	struct tag_table *tags;
};

/* A flow's part; from w->heap, made when there is something to keep. */
struct detect_flow {
	uint32_t bit_count, bit_cap;
	uint32_t *bits;                /* keys of the flow bits that are set */
	uint32_t int_count, int_cap;
	struct flow_int {
		uint32_t id, value;
	} *ints;
	struct flow_var {
		char *name;            /* the value stands behind it */
		const uint8_t *value;
		uint32_t len;
		bool entropy;          /* of the buffer that name says; the value is a double */
	} *vars;
	uint32_t var_count;
	struct stream_waits *waits;    /* window.c */
	struct flow_rates *rates;      /* rate.c; FLOW_RATED */
	uint8_t pass, raw_off;
	bool tagged;
	struct flow_tag {
		uint32_t rule, packets, seconds, bytes;
		uint64_t start_ns;
		uint32_t packets_seen, bytes_seen;
	} tag;
};

/* NULL when memory is out. */
struct detect_flow *detect_flow_get(struct worker *w, struct flow *f);

/* scan.c: candidates of a group for a run of bytes. base: position of data[0] in its buffer.
 * data[0 … fresh) has been scanned before: hits that end in there do not count. */
void scan_group_from(struct worker *w, const struct pattern_group *group, const uint8_t *data,
		     uint32_t len, uint32_t fresh, uint64_t base, bool end);

/* Where the search for literals begins of which some byte is new. */
static inline uint32_t scan_begin(const struct pattern_group *group, uint32_t fresh)
{
	uint32_t back = group->literal_max ? group->literal_max - 1 : 0;

	return back < fresh ? fresh - back : 0;
}

static inline void scan_group(struct worker *w, const struct pattern_group *group, const uint8_t *data,
			      uint32_t len, uint64_t base, bool end)
{
	scan_group_from(w, group, data, len, 0, base, end);
}

void candidate_add(struct detect_state *s, uint32_t rule);
bool candidate_there(const struct detect_state *s, uint32_t rule);
/* Ascending; then the list stands in s->candidates. */
void candidates_sort(struct detect_state *s);
void candidates_clear(struct detect_state *s);

/* ports.c */
enum group_l4 packet_l4(const struct packet *p);
/* False: memory is out. */
bool port_classes_make(struct detect_program *p);
/* Until the next call. has_ports: of the packet, else port 0 counts. */
const struct ports_found *ports_find(struct detect_state *s, const struct packet *p, bool has_ports);

/* header.c */
bool header_matches(struct detect_state *s, const struct packet *p, const struct program_rule *r,
		    bool in_tx);
bool packet_has_ports(const struct packet *p);
/* enum group_path of the packet in hand. */
unsigned packet_path(struct detect_state *s, const struct packet *p);
bool address_in(const struct addr_set *set, const struct addr *a, uint8_t ip_version);
bool ports_hold(const struct port_set *set, uint16_t port);

/* program.c: the rule of that gid and sid; -1: none. */
int64_t program_rule_find(const struct detect_program *p, uint64_t key);
uint64_t program_rule_key(const struct rule *rule);

/* profile.c: NULL when profiling is off. */
struct rule_profile *profile_of_worker(const struct detect_program *p, unsigned worker);

/* match.c */
bool packet_checks_hold(const struct match_context *c);
/* False: it does not match after all, as a list that it would change is so already. */
bool post_run(const struct match_context *c);
bool (*match_function(unsigned keyword))(const struct match_context *c, const struct match *m);
bool (*post_function(unsigned keyword))(const struct match_context *c, const struct match *m);
const char *keyword_text(unsigned keyword);

/* value.c */
bool value_holds(const struct match *m, uint64_t v);
bool value_form_known(unsigned keyword);
/* Does it say which of several values is meant (number_test.which)? */
bool value_form_indexed(unsigned keyword);

/* match_app.c: enum app_event of that name; -1: none. */
int app_event_find(const char *name);

/* payload.c: judges it on the packet and queues what it does. True: it matched. */
bool packet_rule_run(struct worker *w, struct packet *p, uint32_t rule);
/* detect.c: a packet begins; whatever is cached of the one before is forgotten. */
void detect_packet_begin(struct detect_state *s);
/* payload.c: does the flow speak the protocol, as far as it is known on this packet? */
bool payload_speaks(const struct packet *p, uint8_t app);
/* Is the packet's own payload to be looked at? */
bool payload_wanted(const struct packet *p);
/* Sets *stream when it was found there. */
bool payload_holds(struct detect_state *s, const struct packet *p, const struct program_rule *r,
		   bool *stream);
/* replace.c: bytes of the packet's frame for those that matched. The rule has matched on its payload. */
void replace_run(struct worker *w, struct packet *p, const struct program_rule *r);
/* match.c: the bytes of a packet's header buffer; false: it has none. */
bool header_bytes(const struct packet *p, unsigned keyword, struct chain_input *in);

/* payload.c, tx.c, iponly.c: the phases. */
void packet_rules_run(struct worker *w, struct packet *p);
/* Rules on the stream alone: one more window of it. */
void stream_rules_run(struct worker *w, struct packet *p);
void tx_rules_run(struct worker *w, struct packet *p);
/* frame.c: rules on frames of the packet's direction. The flow has frames. */
void frame_rules_run(struct worker *w, struct packet *p);
void frame_program_free(struct frame_program *f);
struct ip_only *ip_only_new(const struct detect_program *p);
void ip_only_free(struct ip_only *i);
void ip_only_run(struct worker *w, struct packet *p);

/* window.c: conditions on a stream of which some bytes are new. */
bool window_holds(struct detect_state *s, const struct chain *chain, const struct stream_raw *raw);
/* A rule whose literal was seen and that did not hold may be completed by bytes to come. */
void window_wait(struct worker *w, const struct packet *p, uint32_t rule);
/* Rules that wait, as candidates. */
void window_candidates(struct worker *w, const struct packet *p);

/* transforms.c: from what the protocol gives to what is inspected. False: no such bytes. */
bool transforms_run(struct detect_state *s, const struct transforms *t, struct buffer_view *view);
/* Main thread. False and a sentence: one of them cannot be run here. */
bool transforms_make(struct transforms *t, const struct rule_buffer *buffer, char *error, size_t error_size);
void transforms_free(struct transforms *t);

/* alert.c */
void alert_add(struct worker *w, uint32_t rule, bool stream, struct tx *tx,
	       const struct proto *proto);
/* Of a rule on the packet's payload or stream. */
void alert_add_payload(struct worker *w, const struct packet *p, uint32_t rule, bool stream);
void alerts_finish(struct worker *w, struct packet *p);

/* threshold.c */
enum threshold_answer { ALERT_WRITE, ALERT_HIDE, ALERT_NOTHING };
struct tally_table *threshold_table_new(struct worker *w);
enum threshold_answer threshold_run(struct worker *w, const struct packet *p,
				    const struct program_rule *r, uint8_t *action);

/* variables.c: what expressions of the rule in hand captured, kept where the rule says. */
void variables_keep(const struct match_context *c);
void variables_free(struct worker *w, struct detect_flow *d);
/* A variable of the flow gets that value (copied); nothing where there is no room. */
void flow_variable_set(struct worker *w, struct flow *f, const char *name, const void *data, uint32_t len);
/* What the packet's buffers' entropies were, with the flow. */
void entropies_keep(struct worker *w, struct flow *f);
/* Objects "metadata" and "traffic" of a record: bits and variables of the flow, variables of the packet. */
void variables_record(struct worker *w, struct recorder *r, const struct flow *f, bool packet);
/* A record of its own of what was captured of p. */
void variables_packet_record(struct worker *w, const struct packet *p);

/* json_text.c: "text", quoted and escaped. The length; no more than size. raw: it is UTF-8 already. */
size_t json_text(char *out, size_t size, const void *text, size_t len, bool raw);

/* bits.c, tag.c */
struct bits_table *bits_table_new(struct worker *w);
void bits_table_reset(struct bits_table *t);
struct tag_table *tag_table_new(struct worker *w);
void tag_table_reset(struct tag_table *t);
void tag_set(struct worker *w, struct packet *p, const struct program_rule *r,
	     const struct match_tag *m);
/* Writes a packet record when the packet's flow or host is tagged. */
void tag_packet(struct worker *w, struct packet *p);

#endif

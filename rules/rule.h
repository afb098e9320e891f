/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A rule as understood: what rules/language makes from text, what rules/compile groups and
 * dataplane/detect executes. Immutable once the rule set is built; all memory belongs to the
 * rule set's arena. Semantics are those of the reference (Suricata 8). A pointer that is added to any of
 * these structures must be added to rules/image/shape.c.
 */
#ifndef RULES_RULE_H
#define RULES_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/cursor.h"

enum keyword {
	KEYWORD_none,
#define KEYWORD(id, name, aliases, parser, place, about, traits, doc) KEYWORD_##id,
#include "rules/language/keywords.def"
#undef KEYWORD
	KEYWORD_COUNT
};

enum rule_action {
	ACTION_ALERT,
	ACTION_PASS,
	ACTION_DROP,
	ACTION_REJECT, /* reset or unreachable to the sender; also drops */
	ACTION_REJECT_DST,
	ACTION_REJECT_BOTH,
	ACTION_CONFIG,
	ACTION_ACCEPT, /* of the firewall alone */
	ACTION_COUNT
};

/* SCOPE_HOOK, SCOPE_TX: of accept alone. */
enum rule_scope { SCOPE_DEFAULT, SCOPE_PACKET, SCOPE_FLOW, SCOPE_HOOK, SCOPE_TX };

enum rule_flags {
	RULE_BIDIRECTIONAL = 1 << 0, /* <> */
	RULE_TRANSACTIONAL = 1 << 1, /* => both directions of one transaction */
	RULE_NOALERT = 1 << 2,
	RULE_PACKET_ONLY = 1 << 3, /* tcp-pkt, dsize, flow:no_stream: payload of the packet alone */
	RULE_STREAM_ONLY = 1 << 4, /* tcp-stream, flow:only_stream */
	RULE_FLOW_ESTABLISHED = 1 << 5,
	RULE_FLOW_NOT_ESTABLISHED = 1 << 6,
	RULE_FLOW_STATELESS = 1 << 7,
	RULE_TO_SERVER = 1 << 8, /* flow:to_server, or every keyword works that way only */
	RULE_TO_CLIENT = 1 << 9,
	RULE_ONLY_FRAG = 1 << 10,
	RULE_NO_FRAG = 1 << 11,
	RULE_NEEDS_FLOW = 1 << 12,  /* flow, flowbits, app-layer …: nothing without a flow */
	RULE_HAS_PAYLOAD = 1 << 13, /* there is a buffer "payload" */
	RULE_HAS_APP = 1 << 14,     /* a protocol buffer, event or value: judged per transaction, or per frame */
	RULE_IP_ONLY = 1 << 15, /* nothing but header addresses: first packet of each direction */
	RULE_DECODE_EVENT = 1 << 16, /* may match packets that are invalid */
	RULE_TARGET_SRC = 1 << 17,   /* target:src_ip */
	RULE_TARGET_DST = 1 << 18,
	RULE_PREFILTER = 1 << 19, /* keyword prefilter */
	RULE_FILESTORE = 1 << 20,
	RULE_ALERT = 1 << 21, /* keyword alert: a pass rule is written too */
	RULE_FLOW_START = 1 << 22, /* hook flow_start: first packet of each direction */
	RULE_FIREWALL = 1 << 23,   /* from a file of firewall rules: these come first, as they are written */
	RULE_PRE_FLOW = 1 << 24,   /* hook pre_flow: judged before the packet has a flow … */
	RULE_PRE_STREAM = 1 << 25, /* … hook pre_stream: before its stream takes it */
	RULE_HOOKS_BEFORE = 1 << 26, /* protocol:<hook: accepts at the hooks before it too */
};

enum rule_ip_proto { /* struct rule.ip_protos */
		     RULE_TCP = 1 << 0,
		     RULE_UDP = 1 << 1,
		     RULE_ICMP4 = 1 << 2,
		     RULE_ICMP6 = 1 << 3,
		     RULE_SCTP = 1 << 4,
		     RULE_OTHER = 1 << 5, /* any other IP protocol, and what is not IP at all */
		     RULE_ANY_PROTO = 0x3f,
};

struct addr_range {
	struct addr low, high; /* both inside */
	uint8_t ip_version;
};

/* Sorted by (ip_version, low), disjoint. Negation has been worked out. */
struct addr_set {
	const struct addr_range *ranges;
	uint32_t count;
	bool any;
	bool negated_in_text; /* matters for ip-only rules: every packet, not the first one */
};

struct port_range {
	uint16_t low, high;
};

struct port_set {
	const struct port_range *ranges; /* sorted, disjoint */
	uint32_t count;
	bool any;
};

enum number_op { /* struct number_test */
		 NUMBER_EQUAL,
		 NUMBER_NOT_EQUAL,
		 NUMBER_LESS,
		 NUMBER_LESS_EQUAL,
		 NUMBER_GREATER,
		 NUMBER_GREATER_EQUAL,
		 NUMBER_BETWEEN, /* low < x < high, as the reference's a<>b */
		 NUMBER_NOT_BETWEEN,
		 NUMBER_MASK, /* (x & low) == high */
		 NUMBER_NOT_MASK,
};

/* Where a field stands several times (vlan.id): from 0 on, from the end down from -1, or one of
 * these. */
enum number_which { NUMBER_ANY = 100, NUMBER_ALL = 101 };

struct number_test {
	uint8_t op; /* enum number_op */
	uint64_t low, high;
	int8_t which; /* enum number_which; 0 where there is one only. filesize: as rule_buffer.direction */
};

/* A number in the rule, or the variable that a byte_extract or byte_math of the same buffer set. */
struct rule_number {
	int64_t value;
	int16_t variable; /* index, or -1: value holds */
};

#define RULE_VARIABLES_MAX 16

enum content_flags {
	CONTENT_NOCASE = 1 << 0,
	CONTENT_NEGATED = 1 << 1,
	CONTENT_OFFSET = 1 << 2,
	CONTENT_DEPTH = 1 << 3,
	CONTENT_DISTANCE = 1 << 4,
	CONTENT_WITHIN = 1 << 5,
	CONTENT_STARTSWITH = 1 << 6,
	CONTENT_ENDSWITH = 1 << 7,
	CONTENT_FAST_PATTERN = 1 << 8, /* chosen by the rule's author */
	CONTENT_FAST_ONLY = 1 << 9,    /* fast_pattern:only */
	CONTENT_FAST_CHOP = 1 << 10,   /* fast_pattern:offset,length */
	CONTENT_REPLACE = 1 << 11,
	CONTENT_RELATIVE_NEXT = 1 << 12, /* the next match of the list is relative to this one */
};

struct match_content {
	struct bytes pattern;                               /* as written, not folded */
	uint32_t flags;                                     /* enum content_flags */
	struct rule_number offset, depth, distance, within; /* depth counts from offset */
	uint16_t chop_offset, chop_length;
	struct bytes replace;
};

enum pcre_flags {
	PCRE_RELATIVE = 1 << 0,
	PCRE_NEGATED = 1 << 1,
	PCRE_RELATIVE_NEXT = 1 << 2,
};

enum capture_kind { CAPTURE_FLOW, CAPTURE_PACKET, CAPTURE_ALERT };

/* What a group of an expression captured is kept for the flow or the packet, or told in the alert. */
struct match_capture {
	uint8_t kind, group;
	const char *name;
};

#define PCRE_CAPTURES_MAX 8

struct match_pcre {
	const char *pattern; /* without delimiters; terminated (may hold no NUL) */
	uint32_t pattern_len;
	uint32_t options; /* PCRE2_* compile options from i s m x A E G */
	uint32_t flags;   /* enum pcre_flags */
	uint32_t capture_count;
	const struct match_capture *captures;
};

struct match_isdataat {
	struct rule_number at;
	bool relative, negated;
};

enum byte_flags {
	BYTE_RELATIVE = 1 << 0,
	BYTE_LITTLE = 1 << 1,
	BYTE_STRING = 1 << 2,
	BYTE_DCE = 1 << 3,
	BYTE_NEGATED = 1 << 4,
	BYTE_ALIGN = 1 << 5,
	BYTE_FROM_BEGINNING = 1 << 6,
	BYTE_FROM_END = 1 << 7,
};

enum byte_op {
	BYTE_LESS,
	BYTE_GREATER,
	BYTE_EQUAL,
	BYTE_LESS_EQUAL,
	BYTE_GREATER_EQUAL,
	BYTE_AND,
	BYTE_OR
};

/* byte_test, byte_jump, byte_extract, byte_math: unused members are 0. */
struct match_byte {
	struct rule_number count; /* bytes to read */
	struct rule_number offset;
	struct rule_number value; /* test: operand; math: right-hand side */
	uint32_t flags;           /* enum byte_flags */
	uint32_t multiplier;      /* jump, extract; 0 and 1: none */
	int32_t post_offset;      /* jump */
	uint32_t bitmask;         /* 0: none */
	uint8_t align;            /* extract: 2 or 4 */
	uint8_t base;             /* BYTE_STRING: 8, 10, 16; 0 by its prefix */
	uint8_t op;       /* test: enum byte_op; math: '+', '-', '*', '/', '<' (shift), '>' */
	int16_t variable; /* extract, math: index it sets; else -1 */
};

struct match_tcp_flags {
	uint8_t flags, ignore;
	uint8_t modifier; /* 0 exactly these, '+' these and more, '*' any of these, '!' none of
			     these */
};

enum bits_command { BITS_SET, BITS_UNSET, BITS_TOGGLE, BITS_ISSET, BITS_ISNOTSET };
enum bits_track { TRACK_FLOW, TRACK_SRC, TRACK_DST, TRACK_BOTH, TRACK_PAIR, TRACK_RULE, TRACK_TX };

/* flowbits, xbits, hostbits. Names are numbered over the whole rule set, from 0. */
struct match_bits {
	uint8_t command; /* enum bits_command */
	uint8_t track;   /* enum bits_track: where the bits live */
	uint16_t count;  /* isset,a|b: any of them */
	const uint32_t *ids;
	uint32_t expire_s;
};

enum flowint_command {
	FLOWINT_TEST,
	FLOWINT_ADD,
	FLOWINT_SUBTRACT,
	FLOWINT_SET,
	FLOWINT_ISSET,
	FLOWINT_NOTSET
};

struct match_flowint {
	uint8_t command;
	struct number_test test;
	uint32_t id; /* variable, numbered over the rule set */
	bool value_is_variable;
	uint32_t value; /* number or variable id */
};

enum stream_size_side { SIDE_SERVER, SIDE_CLIENT, SIDE_BOTH, SIDE_EITHER };

struct match_stream_size {
	uint8_t side;
	struct number_test test;
};

enum threshold_type {
	THRESHOLD_LIMIT,
	THRESHOLD_THRESHOLD,
	THRESHOLD_BOTH,
	THRESHOLD_BACKOFF,
	THRESHOLD_DETECTION_FILTER,
	THRESHOLD_RATE_FILTER,
	THRESHOLD_SUPPRESS,
	THRESHOLD_RATE_LIMIT
};

struct match_threshold {
	uint8_t type;  /* enum threshold_type */
	uint8_t track; /* enum bits_track */
	uint32_t count, seconds, multiplier;
	uint8_t new_action;        /* rate_filter: enum rule_action */
	uint32_t timeout_s;        /* rate_filter */
	bool packets;              /* rate_limit: rate is of packets, not of bits */
	uint64_t rate;             /* rate_limit: a second */
	struct addr_set addresses; /* suppress: only these; any otherwise */
};

struct match_tag {
	bool host, by_dst; /* session otherwise */
	uint32_t packets, seconds, bytes;
};

struct match_event {
	uint16_t id;       /* enum anomaly_id (decode-event, stream-event) */
	const char *proto; /* app-layer-event: protocol and event name */
	const char *name;
};

struct list; /* rules/lists/list.h */

enum dataset_command { DATASET_ISSET, DATASET_ISNOTSET, DATASET_SET, DATASET_UNSET };

/* dataset; filemd5, filesha1, filesha256 (ISSET, ISNOTSET). The set belongs to the rule set. */
struct match_dataset {
	struct list *list;
	uint8_t command;         /* enum dataset_command */
	const char *context_key; /* under which the alert tells what the list says; NULL: nothing */
};

struct match_datarep {
	struct list *list;
	struct number_test test;
};

struct match_entropy {
	uint32_t bytes, offset; /* bytes 0: to the end */
	uint8_t op;             /* enum number_op, without the masks */
	const char *buffer;     /* where: "content" of the payload, or the buffer's name */
	double low, high;       /* bits a byte */
};

#define RPC_FIELDS 3

struct match_rpc { /* of an ONC RPC call: program, version, procedure */
	uint32_t values[RPC_FIELDS];
	bool any[RPC_FIELDS];
};

#define SCRIPT_BYTES_MAX (256 << 10)
#define SCRIPT_ARGUMENTS_MAX 16

struct script_variable {
	const char *name;
	uint16_t index; /* of the rule's variables */
};

/* A script where a rule uses it: lua, luaxform. */
struct script_use {
	struct script_use *next; /* of the rule set; not in order */
	uint32_t index;          /* of all its uses, from 0 */
	bool transforms;         /* luaxform */
	const char *name;
	struct bytes text;
	const struct rule *rule;
	const struct script_variable *variables;
	uint32_t variable_count, argument_count;
	const char *arguments[SCRIPT_ARGUMENTS_MAX];
};

struct match_script {
	const struct script_use *use;
	bool negated;
};

struct match_variable { /* flowvar, pktvar: the value contains the text */
	const char *name;
	struct bytes text;
};

struct match_asn1 {
	bool bitstring_overflow, double_overflow, oversize, relative;
	uint32_t oversize_length;
	int32_t offset;
};

struct match_dce_iface { /* dcerpc.iface */
	const char *text; /* as .word has it: the argument as written */
	uint8_t uuid[16]; /* in the order of the text */
	bool any_version;
	struct number_test version;
};

struct match_dce_opnum { /* dcerpc.opnum */
	const char *text; /* as .word has it */
	const struct port_range *ranges;
	uint32_t count;
};

/* LOW<>HIGH or a single number, as modbus has them: the same twice is that number, 0 below HIGH, 65535
 * above LOW, else between the two. */
struct match_range {
	bool there;
	uint16_t low, high;
};

enum modbus_table { MODBUS_TABLE_ANY, MODBUS_TABLE_DISCRETES, MODBUS_TABLE_COILS, MODBUS_TABLE_INPUT,
		    MODBUS_TABLE_HOLDING };

struct match_modbus {
	const char *text;      /* as .word has it: the argument as written */
	struct match_range unit, address, value;
	bool by_access, writes; /* access: read or write … */
	uint8_t table;         /* … of which (enum modbus_table) */
	bool has_subfunction;
	uint8_t function;      /* 0: any */
	uint16_t subfunction;
	uint8_t categories;    /* bits: 0 assigned, 1 unassigned, 2 user, 3 reserved; 0: any */
};

struct match_cip_service {
	const char *text;      /* as .word has it */
	uint8_t service;
	bool has_class, has_attribute;
	uint32_t cip_class, attribute;
};

/* Attributes that ike.chosen_sa_attribute may name, by their number (.number.which). NULL: none. */
#define IKE_ATTRIBUTE_COUNT 17
extern const char *const ike_attribute_names[IKE_ATTRIBUTE_COUNT];

enum config_bits { /* config: .word.bits */
		   CONFIG_FLOW_LOG = 1 << 0,   /* the flow's record, not transactions */
		   CONFIG_WHOLE_FLOW = 1 << 1, /* not of this transaction alone */
		   CONFIG_TRACKING = 1 << 2,   /* the flow is not to be followed any more */
};

enum filestore_bits { /* filestore: .word.bits */
		      FILESTORE_TO_SERVER = 1 << 0,
		      FILESTORE_TO_CLIENT = 1 << 1, /* neither: the way of the match */
		      FILESTORE_TX = 1 << 2,        /* the transaction's later files too */
		      FILESTORE_FLOW = 1 << 3,      /* those of the session */
};

enum iprep_side { IPREP_ANY, IPREP_SRC, IPREP_DST, IPREP_BOTH };
enum iprep_mode { IPREP_SCORE, IPREP_ISSET, IPREP_ISNOTSET };

struct match_iprep {
	uint8_t side, mode, category;
	struct number_test test;
};

#define GEOIP_COUNTRIES_MAX 64

struct match_geoip {
	uint8_t side; /* enum iprep_side */
	bool negated; /* none of them, but one that is known */
	uint8_t count;
	const char (*countries)[2];
};

struct match_app_proto {
	const char *name; /* "http", "failed", "unknown" */
	uint8_t mode;     /* 0 direction, 1 to_server, 2 to_client, 3 either, 4 final, 5 original */
	bool negated;
};

struct match_base64 {
	uint32_t bytes; /* 0: all */
	uint32_t offset;
	bool relative;
};

/* One condition. Conditions of a list are in the order of the rule. */
struct match {
	uint16_t keyword; /* enum keyword */
	union {
		struct match_content content;
		struct match_pcre pcre;
		struct match_isdataat isdataat;
		struct match_byte byte;
		struct number_test
			number; /* dsize, itype, icode, ttl, id, seq, window, bsize, urilen … */
		struct match_tcp_flags tcp_flags;
		struct match_bits bits;
		struct match_flowint flowint;
		struct match_stream_size stream_size;
		struct match_threshold threshold;
		struct match_tag tag;
		struct match_event event;
		struct match_app_proto app_proto;
		struct match_base64 base64;
		struct match_dataset dataset;
		struct match_datarep datarep;
		struct match_iprep iprep;
		struct match_geoip geoip;
		struct match_entropy entropy;
		struct match_asn1 asn1;
		struct match_variable variable;
		struct match_rpc rpc;
		struct match_script script;
		struct match_dce_iface dce_iface;
		struct match_dce_opnum dce_opnum;
		struct match_modbus modbus;
		struct match_cip_service cip_service;
		struct {
			const char *text; /* keywords with a word as argument: ipopts, fragbits … */
			uint32_t bits, mask;
			uint8_t modifier;
			bool negated;
		} word;
	} u;
};

enum transform_kind {
	TRANSFORM_none,
#define TRANSFORM(id, name, doc) TRANSFORM_##id,
#include "rules/language/transforms.def"
#undef TRANSFORM
	TRANSFORM_COUNT
};

/* What a byte outside of the alphabet does: ends, is skipped, or makes all of it no base64. */
enum base64_mode { BASE64_RFC4648, BASE64_RFC2045, BASE64_STRICT };

struct transform {
	uint8_t kind;          /* enum transform_kind */
	uint8_t mode;          /* from_base64: enum base64_mode */
	uint32_t bytes;        /* from_base64: to decode, 0 all; gunzip, zlib_deflate: of output at most */
	uint32_t offset;       /* from_base64: bytes left out before */
	struct bytes argument; /* xor key, pcrexform pattern; of the others the text as written */
	const struct script_use *script; /* luaxform */
};

#define RULE_TRANSFORMS_MAX 16

/* The conditions on one buffer. "payload" is the packet payload or the TCP stream. A buffer that
 * may have many instances can stand more than once in a rule: then each stands for an instance. */
struct rule_buffer {
	const char *name; /* "http.uri", "payload", "file.data" */
	uint16_t keyword; /* the sticky keyword that names it, KEYWORD_none for payload */
	const struct transform *transforms;
	uint32_t transform_count;
	struct match *matches;
	uint32_t match_count;
	uint8_t direction; /* of a rule with =>: 1 of the request, 2 of the response; 0: as the buffer is */
	bool legacy_http1; /* bound to HTTP/1 by a legacy modifier or pcre flag */
};

struct rule_reference {
	const char *key, *url; /* url: prefix of reference.config joined with the value */
};

struct rule_metadata {
	const char *key, *value;
};

struct rule {
	uint32_t index; /* place in the reference's order of inspection, from 0 */
	uint32_t gid, sid, rev;
	uint8_t action;      /* enum rule_action */
	uint8_t scope;       /* enum rule_scope */
	uint8_t pass_scope;  /* of a firewall rule that other rules pass over too (accept:flow,pass:flow) */
	uint8_t priority;    /* 1 highest … 255 */
	uint8_t ip_protos;   /* enum rule_ip_proto bits */
	uint8_t ip_versions; /* bit 0: IPv4, bit 1: IPv6 */
	uint32_t flags;      /* enum rule_flags */
	const char *app;     /* "http" (1 and 2), "http1", "tls", "dns" …; NULL: none named,
			      * or keywords leave several open: their buffers decide */
	const char *hook;    /* "request_headers" of http1:request_headers; NULL: none */
	struct addr_set src, dst;
	struct port_set sport, dport;

	struct match *packet_matches; /* on headers, flow, state; no buffer */
	uint32_t packet_match_count;
	struct match *app_matches; /* app-layer-event, protocol numbers: per transaction */
	uint32_t app_match_count;
	struct rule_buffer *buffers; /* in the order of the rule */
	uint32_t buffer_count;
	struct match *post_matches; /* set bits, flowint changes, tag: when everything matched */
	uint32_t post_match_count;
	struct match *thresholds; /* threshold, detection_filter; and those of threshold.config */
	uint32_t threshold_count;
	uint32_t variable_count; /* byte_extract, byte_math variables */

	const char *msg;       /* "" if none */
	const char *classtype; /* NULL: none */
	const char *category;  /* text of the classtype, "" if none */
	const struct rule_reference *references;
	uint32_t reference_count;
	const struct rule_metadata *metadata;
	uint32_t metadata_count;
	const char *file; /* where it stands */
	uint32_t line;
	const char *text; /* the rule as written */
};

#endif

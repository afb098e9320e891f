/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Application protocols. A protocol is one file that exports one `const struct proto proto_NAME`
 * and one line in the list `protos` of dataplane/meson.build. The framework (app.c) finds the
 * protocol, joins pieces, keeps the transactions, and frees them when both directions are done,
 * inspected and logged. All memory comes from w->heap; all of it is bounded by the limits here.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "dataplane/base/cursor.h"
#include "dataplane/flow/flow.h"

enum parse_status {
	PARSE_OK,   /* all of the input was taken */
	PARSE_MORE, /* .consumed bytes were taken; call again when .need bytes beyond them are there */
	PARSE_BAD,  /* this direction cannot be followed any more; .event says why (0: none) */
	PARSE_DONE, /* nothing more of interest will come on this flow (TLS after the handshake): the
		     * framework stops the stream */
};

struct parse_result {
	enum parse_status status;
	uint32_t consumed;
	uint32_t need;   /* PARSE_MORE: bytes there must be after the consumed ones; 0: any more */
	uint16_t event;  /* PARSE_BAD: 1 + index into proto.events */
};

enum app_input_flags {
	INPUT_START = 1 << 0, /* first bytes of this direction */
	INPUT_END = 1 << 1,   /* no more will come; data may be empty */
	INPUT_GAP = 1 << 2,   /* data is NULL: len bytes are missing here */
	INPUT_CUT = 1 << 3,   /* with INPUT_END: the sender goes on, but no more is followed */
};

struct app_input {
	const uint8_t *data; /* borrowed for the call */
	uint32_t len;
	uint32_t flags;      /* enum app_input_flags */
	uint64_t offset;     /* of data[0] in its direction's stream */
};

enum probe_result {
	PROBE_NO,
	PROBE_MORE,  /* could be; not enough bytes */
	PROBE_YES,
	PROBE_YES_REVERSED, /* yes, but these bytes are what the other side would send */
};

struct probe_input {
	const uint8_t *data;
	uint32_t len;
	enum direction direction;
	uint8_t ip_proto;
	uint16_t client_port, server_port;
	uint8_t expected; /* enum app_proto: what should come after a change of protocol */
	bool midstream; /* flows may be picked up midway: an answer may come first */
	const void *config; /* the protocol's own options (proto.configure); NULL: it has none */
	bool known;     /* the other direction speaks this protocol: what is likely is enough */
};

/* Do the bytes begin with the word, in either case; with one of them? PROBE_MORE: so far they do. */
enum probe_result probe_word(const struct probe_input *in, const char *word);
enum probe_result probe_words(const struct probe_input *in, const char *const *words, size_t count);

/* ---- transactions ---- */

#define APP_CHANGED_WAITING 2
#define TX_EVENTS_MAX 16
#define APP_BURST_MAX 8192            /* transactions beyond the limit that the packet in hand may bring, having filled a gap */
#define APP_PROBE_BYTES 4096          /* kept of each direction while the protocol is unknown */
#define APP_PROBE_LIMIT_BYTES 100000  /* seen of a direction after which probing ends */
#define APP_PROBE_DATAGRAMS 8         /* looked at in each direction of a UDP flow */
#define PROBE_RANGES_MAX 4

/* What the framework itself has to say, about the packet in hand. */
enum app_event {
#define EVENT(id, name) APP_EVENT_##id,
#include "dataplane/event/app_event/applayer.def"
#undef EVENT
	APP_EVENT_COUNT
};

_Static_assert(APP_EVENT_COUNT <= 8, "app_session.events has a bit for each");

/* "APPLAYER_UNEXPECTED_PROTOCOL": as anomaly records print them; rules name them in any case. */
extern const char *const app_event_names[APP_EVENT_COUNT];

/* First member of every protocol's transaction. */
struct tx {
	struct tx *next, *prev;
	uint64_t id;              /* from 0 within the flow */
	uint8_t progress[2];      /* by direction; the protocol's own steps, 0 nothing yet … proto.done[d] */
	uint8_t logged, inspected_done[2]; /* framework, detect */
	uint8_t event_count, events_logged; /* events that come after the record are not written */
	uint8_t log_off;          /* set by detect: a rule wants no record of it */
	uint8_t store_files;      /* set by detect: 1 << direction: a rule wants its files kept, later ones too */
	uint8_t accepted;         /* set by detect: the firewall lets the rest of it pass */
	uint8_t held;             /* set by detect: 1 << direction: the firewall dropped a packet of it, and is
				   * asked again when those bytes come again */
	uint8_t ended;            /* framework: nothing more will come, whatever progress says */
	uint16_t events[TX_EVENTS_MAX]; /* protocol events, index into proto.events */
	uint8_t event_direction[TX_EVENTS_MAX];
	struct tx_detect *detect[2]; /* owner: detect/ */
	struct file *files[2];    /* owner: app/file; by direction of travel, oldest first */
};

/* ---- buffers that rules may inspect ---- */

struct buffer_view {
	const uint8_t *data;  /* borrowed until the end of the packet */
	uint32_t len;
	uint64_t offset;      /* streaming: position of data[0] in the whole; else 0 */
	bool complete;        /* no more bytes will be added */
	uint64_t source;      /* streaming: of the same number are views of the same bytes, in this worker; 0: no other is */
};

enum buffer_flags {
	BUFFER_MULTI = 1 << 0,     /* several instances (get is called with 0, 1, … until false) */
	BUFFER_STREAMING = 1 << 1, /* grows while the transaction runs (bodies, files) */
};

struct proto_buffer {
	const char *name;     /* the sticky keyword: "http.uri", "dns.query", "tls.sni" */
	uint8_t flags;        /* enum buffer_flags */
	uint8_t to_server, to_client; /* may be inspected in this direction: 0 no, else the progress it needs */
	/* False: not there (yet). Must be cheap when nothing changed (caches are the protocol's). */
	bool (*get)(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		    struct buffer_view *out);
};

/* A number that rules may compare (http.stat_code has none; dns.opcode, tls.version …). */
struct proto_value {
	const char *name;
	uint8_t to_server, to_client;
	bool (*get)(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out);
	/* Instead of get, where there may be several: called with 0, 1, … until false; the rule
	 * matches if any of them does (dns.rrtype). */
	bool (*get_multi)(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  unsigned instance, uint64_t *out);
};

/* ---- a protocol ---- */

struct dcerpc_call;

struct proto {
	const char *name;
	enum app_proto id;
	uint8_t over_tcp, over_udp;      /* 1: yes */
	uint8_t over_sctp;               /* 1: as over TCP (sctp.h) */
	uint8_t client_first;            /* 1: a flow whose first bytes are the server's is not followed */
	uint8_t client_alone;            /* 1: servers say nothing, which is no event */
	uint8_t stream_waits;            /* 1: a complete transaction does not make the raw stream due */
	uint8_t shows_past;              /* 1: alerts show the stream from before what is new, as far as it is kept */
	uint8_t stop_tells;              /* 1: PARSE_DONE is told to the rules (detect_stop) */
	uint8_t done[2];                 /* progress at which a direction of a transaction is complete */
	uint8_t log_at[2];               /* progress in both directions at which log is called; 0: done */
	uint32_t max_pending_bytes;      /* most that PARSE_MORE may leave to be kept, per direction */
	uint32_t max_transactions;       /* live at once in one flow; one more is an event (tx_new fails) */
	uint8_t in_bursts;               /* 1: messages are short: APP_BURST_MAX more may come with one packet */
	uint8_t gives_way;               /* 1: at half of them (app_tx_limit) the parser ends the oldest that waits */
	uint16_t too_many_event;         /* index into events for that */
	/* What the protocol needs once a worker, made and freed by app_worker_new and app_worker_free
	 * (NULL: nothing). It hangs off struct worker. 0, or -1 when memory is out. */
	int (*worker_new)(struct worker *w);
	void (*worker_free)(struct worker *w);
	/* Looks at the first bytes of a direction. Called with more and more of them. */
	enum probe_result (*probe)(const struct probe_input *in);
	/* What it says no to anyway, so that it need not be asked: datagrams shorter than this, and those whose
	 * first byte is in none of these ranges (from, to; 0, 0: there are no more). None: any byte may be. */
	uint8_t udp_first[PROBE_RANGES_MAX][2];
	uint8_t udp_least;
	/* Likewise datagrams of which neither end has one of these ports; 0, 0: any may have. */
	uint16_t udp_ports[2];
	/* The protocol's own options: config_bytes of zeroed memory per worker (app_config), filled at
	 * start from the configuration (NULL: not at all). */
	uint32_t config_bytes;
	void (*configure)(const struct worker *w, void *config);
	/* A rule inspects this buffer: called for each when rules are loaded. NULL: all are there anyway. */
	void (*wanted)(void *config, const char *buffer);
	/* State of one flow: so many zeroed bytes, made when the protocol is found. 0: there is none. */
	uint32_t state_bytes;
	/* What is to be done with it then, or NULL. False: no memory; nothing is kept. */
	bool (*state_init)(struct worker *w, struct flow *f, void *state);
	/* Gives back what hangs off it, or NULL. */
	void (*state_clear)(struct worker *w, struct flow *f, void *state);
	/* The flow is idle and no transaction is open: gives back what can be made again. True: nothing points into the
	 * state, so that it may move; app_state_moves where that is so anyway. NULL: it stays. */
	bool (*state_rest)(struct worker *w, void *state);
	/* Bytes in order (TCP), or one datagram (UDP: PARSE_MORE means the rest is missing). */
	struct parse_result (*parse)(struct worker *w, struct flow *f, void *state, enum direction d,
				     const struct app_input *in);
	void (*tx_free)(struct worker *w, struct flow *f, struct tx *tx);
	/* Writes the transaction's record(s), called once when both directions have come to log_at, or
	 * the flow ends. NULL: nothing to write. */
	void (*log)(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
	/* Writes the protocol's object ("http": {…}) into an alert of this transaction. */
	void (*alert_context)(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);
	/* The remote procedure call that a transaction carries (dcerpc.h); NULL: it carries none, or
	 * the protocol never does. */
	const struct dcerpc_call *(*call)(const struct tx *tx);
	/* Names, NULL at the end, spelled as the anomaly record prints them ("malformed_data",
	 * "INVALID_REPLY"); rules name them in any case. */
	const char *const *events;
	const struct proto_buffer *buffers; /* name == NULL at the end; or NULL */
	const struct proto_value *values;   /* likewise */
};

extern const struct proto *const app_protos[APP_PROTO_COUNT]; /* NULL for UNKNOWN, FAILED */

struct app_frames; /* frame.h */
struct expectation; /* expect.h */

enum app_unread { APP_UNREAD_ENCRYPTED = 1 << 0, APP_UNREAD_COMPRESSED = 1 << 1 };

struct app_session {
	const struct proto *proto;       /* NULL: not found out, or only identified, not parsed */
	void *state;                     /* the protocol's */
	struct tx *first, *last;         /* live transactions, oldest first */
	struct tx *waiting;              /* before this one none waits (tx_waiting); NULL: none does */
	uint32_t live;                   /* how many */
	uint64_t tx_count;               /* made so far, by this protocol */
	struct app_frames *frames;       /* owner: frame.c; NULL: nobody wants any */
	uint8_t probe_done[2], ended[2], failed[2];
	uint8_t changed[2];              /* set by parsing in a direction, cleared by detect; or
					  * APP_CHANGED_WAITING: bytes came, but nothing whole yet */
	uint8_t proto_ts, proto_tc;      /* enum app_proto found per direction */
	uint8_t proto_original;          /* before a protocol change (STARTTLS, CONNECT) */
	uint8_t proto_expected;          /* what should come after the change, or APP_UNKNOWN */
	uint8_t events;                  /* bit by enum app_event, of the packet in hand */
	uint8_t crowded;                 /* that the oldest gave way was said, and has gone on since */
	uint8_t unread;                  /* enum app_unread: why messages of it were not read */
	uint16_t behind_port;            /* of the server that a proxy was asked for; 0: none was */
	struct expectation *announced;   /* while state_init runs: why it is thought to be this; else NULL */

	/* app.c's own */
	struct service_talk *service;    /* owner: service.c; NULL: nothing to remember */
	uint8_t first_data;              /* 0 none; 1 + direction; APP_FIRST_DATA_SENT */
	uint8_t change;                  /* app_change_protocol was called: done after the packet */
	uint8_t stop;                    /* PARSE_DONE: likewise */
	uint8_t bypass;                  /* app_bypass was called: done when no transaction is left */
	uint8_t dirty;                   /* transactions may have moved on since they were looked at */
	struct bytes carry;              /* app_carry: owned */
	uint64_t no[2];                  /* probing: bit by enum app_proto, ruled out */
	struct app_pending {
		uint8_t *data;           /* kept for PARSE_MORE, or for probing */
		uint32_t len, cap, need;
		uint64_t offset;         /* of data[0] in the stream */
		uint64_t skipped;        /* probing: bytes after data that were not kept */
	} pending[2];
};
_Static_assert(APP_PROTO_COUNT <= 64, "app_session.no has a bit for each");

/* enum app_proto found in a direction. Datagrams that no probe knew leave no session behind. */
static inline uint8_t app_proto_in(const struct flow *f, enum direction d)
{
	if (f->app)
		return d == TO_SERVER ? f->app->proto_ts : f->app->proto_tc;
	return f->ip_proto == 17 && f->datagrams[d] ? APP_FAILED : APP_UNKNOWN;
}

/* ---- framework: called by the engine, stream/ and detect/ ---- */

int app_worker_new(struct worker *w);
void app_worker_free(struct worker *w);
/* From stream/: the next bytes of a direction, a gap, or the end. p: the packet in hand. */
void app_stream(struct worker *w, struct flow *f, struct packet *p, enum direction d,
		const struct app_input *in);
/* From the engine: a UDP datagram with a flow. */
void app_datagram(struct worker *w, struct packet *p);
/* Will the packet in hand be the last whose payload is inspected, and are the rules to know? */
static inline bool app_stop_tells(const struct flow *f)
{
	return f->app && f->app->stop && f->app->proto && f->app->proto->stop_tells;
}
/* After detect: writes the records of transactions that are complete, frees those also inspected. */
void app_packet_done(struct worker *w, struct flow *f, struct packet *p);
/* ---- a session put away (flow_rest.c, rest.c) ---- */

#define APP_PACKED_MAX 4032 /* bytes at most; some 30 of most */
bool app_state_moves(struct worker *w, void *state);
/* The flow is idle: bytes that are kept take no more room than they need. */
void app_shrink(struct worker *w, struct flow *f);
/* Can f's session be packed? Otherwise it stays where it is. */
bool app_may_pack(const struct flow *f);
/* Writes all that f's session is, while f's stream is there; returns the end. Nothing is changed, but what the parser's
 * state can make again is given back. */
uint8_t *app_pack(struct worker *w, const struct flow *f, uint8_t *at);
/* What was written goes back to the heap, after that, and before the stream's does. */
void app_put_away(struct worker *w, struct flow *f);
/* Makes f's session of what was so written, once its stream is there again. Without memory the flow is parsed no more. */
const uint8_t *app_unpack(struct worker *w, struct flow *f, const uint8_t *at);

/* The flow's client and server were swapped by someone else than the framework. */
void app_flow_reversed(struct worker *w, struct flow *f);
/* End of the flow: everything still there is logged; then freed by app_flow_free. */
void app_flow_end(struct worker *w, struct flow *f, struct packet *p);
void app_flow_free(struct worker *w, struct flow *f);

/* app_proto, app_proto_ts, app_proto_tc, app_proto_orig, app_proto_expected, as far as they are
 * known, for the top of a flow, alert or anomaly record. */
void app_record(struct recorder *r, const struct flow *f);
/* app_proto alone, as far as it is known of this direction. */
void app_record_direction(struct recorder *r, const struct flow *f, enum direction d);
/* Has the framework noted this about the packet in hand of the flow? */
static inline bool app_has_event(const struct flow *f, enum app_event e)
{
	return f->app && (f->app->events >> e & 1);
}
/* The protocol's option app.PROTOCOL.NAME, or NULL. At start only. */
const char *app_option(const struct worker *w, enum app_proto proto, const char *name);
/* How many transactions of a flow may wait at once: the option max_tx, but no more than the protocol's own
 * limit, which it is by default. */
uint32_t app_tx_limit(const struct worker *w, enum app_proto proto);
/* Rules inspect this buffer of the protocol from now on. */
void app_buffer_wanted(struct worker *w, enum app_proto proto, const char *buffer);
/* The port of the server that the flow's client talks to, which is behind a proxy where it asked one for it. */
static inline uint16_t app_server_port(const struct flow *f)
{
	return f->app && f->app->behind_port ? f->app->behind_port : f->server_port;
}
/* On which transports the worker looks for the protocol: bits by enum app_transport. */
uint8_t app_transports(const struct worker *w, enum app_proto proto);
/* What proto.configure filled. */
const void *app_config(const struct worker *w, enum app_proto proto);

/* ---- for protocols ---- */

/* A zeroed transaction of `size` bytes appended to the flow's list, with its id; NULL at the limit
 * (event noted) or when memory is out. */
struct tx *tx_new(struct worker *w, struct flow *f, size_t size);
void tx_event(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned event);
/* Both directions are complete. */
void tx_finish(struct flow *f, struct tx *tx);
/* The oldest whose answer is not complete; NULL: none. */
struct tx *tx_waiting(const struct flow *f);
/* Before tx_new, of a protocol that gives way: at the limit the oldest that waits is finished, with the event. */
void tx_make_way(struct worker *w, struct flow *f, enum direction d);
/* The protocol changes here (STARTTLS, CONNECT, upgrade): once the packet has been inspected, live
 * transactions are logged and freed and following bytes are probed anew. `expected` is what should
 * come (another one is an event); APP_UNKNOWN: anything. False: it does not, since this protocol
 * itself came in place of the one that an earlier change announced. */
bool app_change_protocol(struct worker *w, struct flow *f, enum app_proto expected);
/* Nothing more of this flow need be looked at, once what there is has been inspected. */
void app_bypass(struct flow *f);
/* Hands a copy of the bytes over to the protocol that comes next, which finds them in .carry of the
 * session and gives them back with len 0. */
void app_carry(struct worker *w, struct flow *f, const void *data, uint32_t len);

#endif

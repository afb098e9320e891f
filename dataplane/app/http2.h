/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/2 (RFC 9113) over TCP without TLS: with prior knowledge, or after an upgrade from HTTP/1
 * (h2c, RFC 7540, 3.2). Private to http2*.c.
 *
 * A stream is a transaction; each frame of stream 0 is one of its own. Frames themselves are not
 * kept: of each direction of a transaction there are the types seen, the numbers that rules and
 * records look at, and the header fields as text, "name: value\r\n" one behind the other.
 */
#ifndef APP_HTTP2_H
#define APP_HTTP2_H

#include "dataplane/app/blob.h"
#include "dataplane/app/content.h"
#include "dataplane/app/file.h"
#include "dataplane/app/hpack.h"
#include "dataplane/app/range.h"

#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" /* what a client says first (RFC 9113, 3.4) */
#define HTTP2_PREFACE_BYTES 24
#define HTTP2_SETTING_BYTES 6
#define HTTP2_FRAME_HEADER 9
#define HTTP2_FRAME_MAX 65536        /* but for DATA: longer ones are not looked at */
#define HTTP2_FIELDS_MAX 1024        /* header fields of a direction of a stream */
#define HTTP2_FIELDS_BYTES_MAX 65536 /* likewise, with names; beyond it they are not kept */
#define HTTP2_NUMBERS_MAX 64         /* of each kind, in a direction of a stream */
#define HTTP2_STREAMS_MAX 1024       /* live at once in a flow */
#define HTTP2_BUCKETS 64

enum http2_frame_type {
	HTTP2_DATA,
	HTTP2_HEADERS,
	HTTP2_PRIORITY,
	HTTP2_RST_STREAM,
	HTTP2_SETTINGS,
	HTTP2_PUSH_PROMISE,
	HTTP2_PING,
	HTTP2_GOAWAY,
	HTTP2_WINDOW_UPDATE,
	HTTP2_CONTINUATION,
	HTTP2_FRAME_TYPES
};

enum http2_frame_flags {
	HTTP2_END_STREAM = 1 << 0, /* DATA, HEADERS; of SETTINGS and PING the same bit says ACK */
	HTTP2_END_HEADERS = 1 << 2,
	HTTP2_PADDED = 1 << 3,
	HTTP2_HAS_PRIORITY = 1 << 5,
};

/* Progress of a direction; proto.done is the last. */
enum http2_progress { HTTP2_NOTHING, HTTP2_OPEN, HTTP2_FIELDS, HTTP2_BODY, HTTP2_COMPLETE };

enum http2_event {
#define EVENT(id, name) HTTP2_EVENT_##id,
#include "dataplane/event/app_event/http2.def"
#undef EVENT
	HTTP2_EVENT_COUNT
};

/* One header field: where it stands in the text. */
struct http2_field {
	uint32_t at, name_len, value_len;
	uint32_t size;  /* of a size update */
	uint8_t kind;   /* enum hpack_kind; without text unless HPACK_FIELD */
};

struct http2_fields {
	struct blob text;
	struct http2_field *items;
	uint32_t count, cap;
	bool any;       /* there was a header block */
};

struct http2_numbers {
	uint64_t *items;
	uint32_t count, cap;
};

struct http2_side {
	uint64_t types[4];              /* bit by frame type */
	struct http2_numbers settings;  /* identifier << 32 | value */
	struct http2_numbers errors, priorities, windows;
	struct http2_fields fields;
	struct blob header, names, cookie, line; /* put together for rules */
	struct content_decoder *decoder;
	struct file *file;
	struct range_part range; /* of a longer file */
	struct http_byteranges *byteranges; /* NULL: of one range, or of none */
	struct blob dns_body; /* a message of DNS (http2_doh.c); .built: over, or none */
	bool body_seen;
};

struct http2_tx {
	struct tx tx;
	struct http2_tx *next_in_bucket;
	uint32_t stream;
	uint8_t direction;   /* of the first frame */
	struct http2_side side[2];
	struct blob host;
	struct dns_tx *dns[2]; /* messages of DNS that the stream carries (http2_doh.c); owned */
};

/* A header block that goes on in CONTINUATION frames. */
struct http2_block {
	uint8_t *data;
	uint32_t len, cap;
	uint32_t stream;  /* 0: none is open */
	uint8_t flags;    /* of its first frame */
	bool over;        /* too long: what follows is not kept */
};

struct http2_state {
	struct hpack hpack[2];
	struct http2_block block[2];
	struct http2_tx *buckets[HTTP2_BUCKETS];
	uint32_t highest[2];    /* stream opened by the client (0), the server (1) */
	uint32_t skip[2];       /* bytes of a frame that is not looked at */
	uint32_t begun[2];      /* bytes missing of the frame that is waited for */
	struct {
		uint32_t left, padding; /* payload and padding still to come */
		uint32_t stream;
		bool ends;
	} data[2];              /* the DATA frame in hand */
	uint32_t taken_back;    /* stream that the client reset last, while it waited for the response */
	bool lost[2];           /* where frames begin is not known */
	bool preface_done;
};

struct http2_input {
	struct worker *w;
	struct flow *f;
	struct http2_state *s;
	enum direction d;
};

static inline struct http2_tx *http2_of(struct tx *tx)
{
	return (struct http2_tx *)(void *)tx;
}

extern const char *const http2_events[];
extern const struct proto_buffer http2_buffers[];
extern const struct proto_value http2_values[];

/* http2_probe.c */
enum probe_result http2_probe(const struct probe_input *in);

/* http2.c */
bool http2_blob_add(struct worker *w, struct blob *b, const void *data, uint32_t len);
struct http2_tx *http2_stream(const struct http2_input *in, uint32_t stream, bool make);
void http2_complete(struct http2_tx *t, enum direction d);

/* SETTINGS of the client that came with an upgrade. */
void http2_settings_take(const struct http2_input *in, const uint8_t *data, uint32_t len, bool bad);

/* http2_header.c */
/* A whole header block of stream t (NULL: none to be had; the tables are kept in step). */
void http2_fields_take(const struct http2_input *in, struct http2_tx *t, const uint8_t *data,
		       uint32_t len);
void http2_field_add(struct worker *w, struct http2_tx *t, enum direction d,
		     const struct hpack_field *f);
/* The first field of that name (lower case); NULL data: there is none. */
struct bytes http2_field_value(const struct http2_tx *t, enum direction d, const char *name);
/* Who is asked, as the request in direction d has it: ":authority", else "host". */
struct bytes http2_authority(const struct http2_tx *t, enum direction d);
struct bytes http2_field_name(const struct http2_fields *f, uint32_t n);
struct bytes http2_field_text(const struct http2_fields *f, uint32_t n);
void http2_fields_free(struct worker *w, struct http2_side *side);

/* http2_body.c */
void http2_body_take(const struct http2_input *in, struct http2_tx *t, const uint8_t *data,
		     uint32_t len);
void http2_body_gap(const struct http2_input *in, struct http2_tx *t, uint32_t len);
void http2_body_end(const struct http2_input *in, struct http2_tx *t);
void http2_body_free(struct worker *w, struct http2_side *side);

/* http2_doh.c: DNS in streams. */
void http2_doh_body(const struct http2_input *in, struct http2_tx *t, const uint8_t *data, uint32_t len);
/* The direction is over. */
void http2_doh_end(const struct http2_input *in, struct http2_tx *t);
void http2_doh_free(struct worker *w, struct http2_tx *t);
void http2_doh_log(struct worker *w, struct flow *f, struct http2_tx *t, const struct packet *p);
void http2_doh_alert_context(struct worker *w, struct flow *f, struct http2_tx *t, struct recorder *r);
#define HTTP2_DOH_BUFFER(id, name, to_server, to_client)                                           \
	bool http2_doh_##id(struct worker *w, struct flow *f, struct tx *tx, enum direction d,     \
			    unsigned instance, struct buffer_view *out);
#define HTTP2_DOH_VALUE(id, name)                                                                  \
	bool http2_doh_##id(struct worker *w, struct flow *f, struct tx *tx, enum direction d,     \
			    unsigned instance, uint64_t *out);
#include "dataplane/app/http2_doh.def"

/* http2_upgrade.c: the request that was upgraded becomes stream 1. */
void http2_upgraded(const struct http2_input *in, struct bytes carried);

/* http2_log.c */
void http2_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void http2_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

/* http_contact.c: what a request contacts that is known by these alone. */
void http_contact_request(struct worker *w, struct flow *f, struct bytes host, struct bytes target,
			  struct bytes agent);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/1, private to http*.c.
 *
 * libhtp does the parsing; its transaction (htp_tx_t) hangs off ours and is destroyed with it. What
 * rules look at is read from libhtp's fields where they are one run of bytes, and put together once,
 * when the headers are complete, where they are not (struct blob).
 *
 * Runs in a worker of the dataplane process. libhtp takes its own memory from malloc: it is bounded
 * by HTTP_LINE_MAX, HTTP_HEADERS_MAX and HTTP_TRANSACTIONS_MAX for each flow.
 */
#ifndef APP_HTTP_H
#define APP_HTTP_H

#include <htp/htp.h>

#include "dataplane/app/blob.h"
#include "dataplane/app/content.h"
#include "dataplane/app/file.h"
#include "dataplane/app/frame.h"
#include "dataplane/app/range.h"

#define HTTP_LINE_MAX 18000           /* bytes of a line that libhtp keeps: one more ends the parsing */
#define HTTP_HEADERS_MAX 1024         /* of a request or response */
#define HTTP_TRANSACTIONS_MAX 512     /* live at once in a flow */
#define HTTP_FLOW_TRANSACTIONS_MAX (1u << 20) /* in all of a flow: libhtp keeps 8 bytes of each */
#define HTTP_RAW_HEADERS_MAX (256u * 1024)    /* kept for http.header.raw */
#define HTTP_MESSAGES_MAX 512         /* libhtp's complaints looked at in a flow */
#define HTTP_JUNK_MAX 16              /* bytes of white space behind a request of HTTP/0.9 */
#define HTTP_CARRY_MAX 4096           /* of a request that goes on as HTTP/2 */

/* Progress of a direction; proto_http.done is the last. */
enum http_progress {
	HTTP_NOTHING,
	HTTP_LINE,     /* the request or status line is there */
	HTTP_HEADERS,  /* all headers are there */
	HTTP_BODY,     /* the body has begun */
	HTTP_TRAILER,
	HTTP_COMPLETE,
};

enum http_event {
#define EVENT(id, name) HTTP_EVENT_##id,
#include "dataplane/event/app_event/http.def"
#undef EVENT
	HTTP_EVENT_COUNT
};

/* What records show: eve.types.http and eve.types.alert. */
struct http_log_options {
	bool extended;
	bool all_headers[2];
	const char *custom; /* list of names; NULL: none */
	bool bodies;        /* in alerts */
};

struct http_options {
	struct http_log_options log;
	uint64_t body_limit[2];
	struct file_limits limits[2];
	unsigned layers; /* of deflate and LZMA that are undone; 0: as many as there are */
	bool double_decode_path, double_decode_query;
};

/* Once a worker. */
struct http_worker {
	htp_cfg_t *cfg;
	struct http_options options;
};

enum http_body_kind {
	BODY_NOT_SEEN,
	BODY_PLAIN,     /* window only */
	BODY_FILE,      /* is a file too */
	BODY_MULTIPART, /* has files inside */
};

struct http_body {
	uint8_t kind;       /* enum http_body_kind */
	bool over_limit;
	uint64_t seen;      /* bytes taken, up to the limit */
	struct file *file;  /* the body itself: a file, or hidden */
	struct range_part range; /* of a longer file */
};

/* Which names the headers of a direction may have. */
struct http_names {
	uint64_t bits;
	uint32_t count; /* of headers that are in it */
};

struct http_tx {
	struct tx tx;
	htp_tx_t *htp;      /* NULL once libhtp has let go of it */
	struct http_state *state;
	uint64_t flags_seen; /* HTP_* flags that were turned into events */
	uint64_t contacts_ns; /* when what the request contacts was added; 0: not yet */
	struct http_body body[2];
	struct http_names names_seen[2];
	bool open_ended; /* its body began without a status line, and the server says no more */
	struct blob raw[2], header[2], names[2], start[2], fields[2], uri, host,
		status_line;
	uint64_t frame[2], frame_at[2]; /* by direction: id, and where it began in the stream */
	struct http_multipart *multipart;
	struct http_byteranges *byteranges; /* NULL: the answer is of one range, or of none */
	struct content_decoder *decoder[2]; /* NULL: nothing is to be undone */
};

/* Once a flow. */
struct http_state {
	struct worker *w; /* of the call in hand */
	struct flow *f;
	htp_connp_t *connp; /* NULL: it was idle; made again with the next bytes */
	uint64_t offset;  /* of the call's bytes in their stream */
	struct bytes input; /* them; NULL data: a gap */
	unsigned messages;
	uint32_t transactions;
	uint8_t failed[2], close_done[2]; /* by direction */
	uint8_t stopped[2]; /* the last bytes did not leave libhtp waiting for more of them */
	bool version_0_9; /* a request of HTTP/0.9: libhtp takes no other one */
	bool head_lost;   /* behind the last gap begins what is left of an answer */
	struct http_tx *headless; /* whose answer that is, as far as it has come; or NULL */
	bool change;      /* the protocol changes after this call … */
	uint8_t change_to; /* … to this, or APP_UNKNOWN */
};

extern const char *const http_event_names[];
extern const struct proto_buffer http_buffers[];
extern const struct proto_value http_values[];

static inline struct bytes http_bytes(const bstr *b)
{
	if (!b)
		return (struct bytes){NULL, 0};
	return (struct bytes){bstr_ptr(b), (uint32_t)bstr_len(b)};
}

/* http_field.c: the value of a header by its name in lower case, or NULL data. As with libhtp, NULs in the name that was
 * sent do not count. */
struct bytes http_field(struct http_tx *tx, enum direction d, const char *name);

/* http.c */
/* The transaction of libhtp's; NULL: it has none (yet, or any more). */
struct http_tx *http_tx_of(const htp_tx_t *htp);

/* http_probe.c */
enum probe_result http_probe(const struct probe_input *in);

/* http_change.c */
/* A response is complete: does another protocol begin behind it? Done by http_change_now. */
void http_change_after(struct http_tx *tx);
void http_change_now(struct http_state *s);
/* The line ends that some put behind a CONNECT are not the next protocol's. */
bool http_change_skips(const struct http_state *s, enum direction d, uint32_t consumed);

/* http_lenient.c: before libhtp goes on behind a line, and before a body is taken for one. */
void http_lenient_uri(struct http_tx *tx);
void http_lenient_request_line(struct http_state *s, struct http_tx *tx);
void http_lenient_length(struct http_tx *tx);
void http_lenient_status_line(struct http_state *s, struct http_tx *tx);
bool http_lenient_is_junk(struct http_state *s, struct http_tx *tx, const htp_tx_data_t *data);
/* The server says no more; call it before libhtp is told so. */
void http_lenient_close(struct http_state *s);

/* http_event.c */
void http_event(struct http_state *s, struct http_tx *tx, enum direction d, enum http_event e);
/* libhtp's complaints since the last call become events. */
void http_events_drain(struct http_state *s, enum direction d);
/* And its flags of this transaction. */
void http_events_flags(struct http_state *s, struct http_tx *tx);

/* http_lost.c: a gap in the server's bytes; true: libhtp must not see it. */
bool http_lost_gap(struct http_state *s);
/* The server's bytes to libhtp. Returns what it says. */
int http_lost_data(struct http_state *s, const struct app_input *in);
/* http_body.c: bytes of a body as libhtp hands them out (data NULL, len 0: nothing; data NULL: a gap). */
void http_body_headers(struct http_state *s, struct http_tx *tx, enum direction d);
void http_body_data(struct http_state *s, struct http_tx *tx, enum direction d, const uint8_t *data,
		    uint32_t len);
void http_body_end(struct http_state *s, struct http_tx *tx, enum direction d);
void http_body_free(struct worker *w, struct http_tx *tx);

/* http_log.c */
void http_log_configure(const struct config *c, struct http_log_options *o);
struct http_range {
	uint64_t start, end, size;
	bool has_range, has_size;
};

/* The value of Content-Range; false when it cannot be understood. */
bool http_content_range(struct bytes value, struct http_range *out);
/* It is a part of something longer whose length is known (RFC 9110, 14.4). */
static inline bool http_range_is_part(const struct http_range *r)
{
	return r->has_range && r->has_size && r->end < r->size && (r->start || r->end + 1 < r->size);
}
/* Its last byte is before its first, or behind the end of the whole. */
static inline bool http_range_is_wrong(const struct http_range *r)
{
	return r->has_range && (r->start > r->end || (r->has_size && r->end >= r->size));
}
void http_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void http_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

/* http_contact.c: once the headers are there, and once the body has ended. */
void http_contacts(struct http_state *s, struct http_tx *tx);
void http_contacts_end(struct http_state *s, struct http_tx *tx);
/* The port of the server behind a proxy; 0: there is none, the flow has the port. */
uint16_t http_port_behind(const htp_tx_t *htp);

#endif

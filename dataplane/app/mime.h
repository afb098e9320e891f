/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A streaming MIME parser (RFC 2045, 2046, 2047, 2231, 5322): takes a message in pieces of any size
 * and tells of its headers, leaves, decoded bytes, and URLs in its text. For mail, and for the
 * multipart uploads of HTTP (MIME_RAW: bodies are not decoded).
 *
 * Invariants: each byte is looked at a constant number of times; memory is one unfolded header, the
 * boundaries of the open levels, and one candidate line; nesting is bounded by MIME_DEPTH_MAX.
 */
#ifndef APP_MIME_H
#define APP_MIME_H

#include "dataplane/base/cursor.h"
#include "dataplane/engine/worker.h"

#define MIME_DEPTH_MAX 16       /* multipart inside multipart, message inside message */
#define MIME_BOUNDARY_MAX 254
#define MIME_NAME_MAX 255       /* of a file */
#define MIME_NAME_WRITTEN_MAX 1024 /* of one as it is written, in encoded words */
#define MIME_HEADER_NAME_LONG 75
#define MIME_HEADER_VALUE_MAX 2000 /* kept of a header; longer is an anomaly */
#define MIME_LINE_LONG 998      /* RFC 5322, 2.1.1 */
#define MIME_ENCODED_LINE_LONG 76 /* RFC 2045, 6.7 and 6.8 */
#define MIME_URL_MAX 2048
#define MIME_UU_BEGIN_MAX 300   /* of "begin 644 name" */
#define MIME_UU_LINE_MAX 128    /* of a line of uuencode: 61 and a few */
#define MIME_OUT_BYTES 1024     /* decoded bytes are handed out in such pieces */
#define MIME_PARTS_MAX 4096     /* leaves of a message; the rest is not looked into */

enum mime_anomaly {
	MIME_INVALID_BASE64 = 1 << 0,
	MIME_INVALID_QP = 1 << 1,
	MIME_LONG_LINE = 1 << 2,
	MIME_LONG_ENCODED_LINE = 1 << 3,
	MIME_LONG_HEADER_NAME = 1 << 4,
	MIME_LONG_HEADER_VALUE = 1 << 5,
	MIME_MALFORMED = 1 << 6,
	MIME_LONG_BOUNDARY = 1 << 7,
	MIME_LONG_NAME = 1 << 8,
	MIME_BAD_HEADER = 1 << 9,   /* a header line without colon or value */
	MIME_EMPTY_PART = 1 << 10,  /* a part with a name has no bytes */
	MIME_TOO_DEEP = 1 << 11,
};

enum mime_flags {
	MIME_RAW = 1 << 0,           /* bodies as they are: no transfer encoding, no nesting, no URLs */
	MIME_NO_BASE64 = 1 << 1,
	MIME_NO_QP = 1 << 2,
	MIME_NO_URLS = 1 << 3,
};

enum mime_type { MIME_OTHER, MIME_TEXT_PLAIN, MIME_TEXT_HTML, MIME_MULTIPART, MIME_MESSAGE };

struct mime_ops {
	/* A header, unfolded; top: of the message itself, not of a part. */
	void (*header)(void *ctx, struct bytes name, struct bytes value, bool top);
	/* A leaf begins; name is empty when it has none. */
	void (*part_begin)(void *ctx, struct bytes name, enum mime_type type);
	/* Decoded bytes of it. */
	void (*part_data)(void *ctx, const uint8_t *data, uint32_t len);
	void (*part_end)(void *ctx, bool complete);
	/* A URL in a text part, without its scheme; scheme apart. */
	void (*url)(void *ctx, struct bytes scheme, struct bytes rest);
};

struct mime {
	struct worker *w;
	const struct mime_ops *ops;
	void *ctx;
	uint32_t flags;
	uint32_t anomalies;      /* enum mime_anomaly, all so far */
	const char *schemes;     /* of URLs: "http" or "[http,https]" */

	uint8_t state;
	bool top;                /* the headers being read are the message's own */
	bool in_part;            /* part_begin was called */
	uint8_t depth;           /* boundaries in use */
	uint8_t nesting;         /* messages inside messages */
	uint16_t parts;
	uint8_t *boundary[MIME_DEPTH_MAX]; /* each with its two hyphens */
	uint16_t boundary_len[MIME_DEPTH_MAX];
	uint16_t digests;        /* bits of depth: parts of it are messages if they do not say what they are */

	/* the entity being read */
	uint8_t type;            /* enum mime_type */
	uint8_t encoding;
	bool part_has_data;
	bool typed;              /* its type is settled */
	bool name_disposition;   /* its name is that of Content-Disposition */
	bool attached;           /* it says so, or is an application's */
	bool coded_message;      /* a message said to be in base64: its first line tells whether it is */
	bool within;             /* this is another's inner */
	struct mime *inner;      /* reads the message that the part is in base64; owner; NULL: it is none */
	uint32_t name_len;
	uint8_t name[MIME_NAME_MAX];

	/* lines */
	uint8_t *header;         /* the unfolded one being read */
	uint32_t header_len, header_cap;
	bool header_long, header_open;
	uint32_t line_len;       /* bytes of the line so far */
	uint8_t start[MIME_BOUNDARY_MAX + 4]; /* of a line that may be a boundary */
	uint32_t start_len;
	bool at_start;           /* of a line */
	bool skip_line;          /* rest of a boundary line */
	bool cr;                 /* a CR that may begin a line end is held */
	uint8_t eol;             /* line end held: 0, 1 LF, 2 CRLF */
	bool fold_wait;          /* a header line ended: the next may continue it */

	/* decoding */
	uint32_t quantum;        /* base64: bits so far */
	uint8_t quantum_len;
	bool base64_end;
	uint8_t qp[2];
	uint8_t qp_len;
	uint16_t qp_blanks;      /* behind its "=" */
	uint8_t out[MIME_OUT_BYTES];
	uint32_t out_len;

	/* uuencode: mime_uu.c */
	uint8_t uu;              /* enum mime_uu */
	bool uu_closed;          /* a file in the text has ended, and nothing came after it: no part is open */
	uint16_t uu_len, uu_begin; /* bytes of the lines held; of the first of them, a "begin" */
	uint8_t uu_line[MIME_UU_BEGIN_MAX + MIME_UU_LINE_MAX];

	/* URLs */
	uint8_t word[8];         /* letters before "://" */
	uint8_t word_len, colon; /* colon: how much of "://" is there */
	bool in_url;
	uint8_t *url;
	uint32_t url_len;
};

/* The message begins with headers; or, with a boundary (MIME_RAW), with a multipart body. */
void mime_init(struct mime *m, struct worker *w, const struct mime_ops *ops, void *ctx, uint32_t flags);
/* False: too long, or no memory. */
bool mime_set_boundary(struct mime *m, struct bytes boundary);
void mime_data(struct mime *m, const uint8_t *data, uint32_t len);
/* What comes of the part in hand has been decoded already. */
void mime_is_decoded(struct mime *m);
/* Is the part that begins something that readers offer to save, though it may have no name? */
static inline bool mime_is_attached(const struct mime *m)
{
	return m->attached;
}
/* Is it known that more must come: a multipart without its last boundary? */
bool mime_is_open(const struct mime *m);
/* No more comes. complete: the message is whole. */
void mime_end(struct mime *m, bool complete);
void mime_free(struct mime *m);

/* The value of a parameter of a header ("name", without "="), quotes taken off; RFC 2231 pieces
 * joined and percent signs decoded. Written to out; its length, 0 when it is not there. More than
 * room bytes are cut; *cut is set then. */
uint32_t mime_parameter(struct bytes header, const char *name, uint8_t *out, uint32_t room, bool *cut);
/* "charset'language'percent-encoded" (RFC 2231, 4; RFC 8187) decoded into out; the length. More is cut. */
uint32_t mime_encoded_value(struct bytes value, uint8_t *out, uint32_t room);
/* Text with encoded words (RFC 2047) as it is meant, Latin ones as UTF-8, others in their own bytes; the length. */
uint32_t mime_words(struct bytes in, uint8_t *out, uint32_t room);

#endif

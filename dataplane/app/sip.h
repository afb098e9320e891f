/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SIP (RFC 3261) and SDP in its bodies (RFC 8866), private to sip*.c. Each message is a transaction,
 * complete at once. It is kept as it came, with folded headers unfolded; its parts are found in it.
 */
#ifndef APP_SIP_H
#define APP_SIP_H

#include "dataplane/app/text.h"

#define SIP_HEAD_MAX 16384        /* first line and headers of a message over TCP */
#define SIP_BODY_MAX 16384        /* of a body, kept; over TCP the rest is passed over */
#define SIP_HEADERS_MAX 256       /* looked at */
#define SIP_TRANSACTIONS_MAX 256

struct sip_tx {
	struct tx tx;
	uint8_t direction;    /* the message's: as the packet went */
	bool request;
	struct text message;  /* whole; what follows points into it */
	struct bytes line;    /* the first */
	struct bytes headers; /* up to the blank line */
	struct bytes body;    /* of a datagram all of it, whatever Content-Length says */
	struct bytes method, uri, version, code, reason;
	bool sdp;             /* the body is a session description */
};

static inline struct sip_tx *sip_of(struct tx *tx)
{
	return (struct sip_tx *)(void *)tx;
}

/* sip_message.c */
enum sip_line { SIP_NO_LINE, SIP_REQUEST, SIP_RESPONSE };
/* What a first line (without its end) is. tx, if not NULL, gets its parts. */
enum sip_line sip_line_read(struct bytes line, struct sip_tx *tx);
/* Could the bytes be the beginning of one? */
bool sip_line_possible(const uint8_t *data, uint32_t len);
/* Length of the headers with first line and blank line; 0: no blank line yet. */
uint32_t sip_head_length(const uint8_t *data, uint32_t len);
/* The nth header of that name (lower case) or its short form, trimmed. */
bool sip_header(struct bytes headers, const char *name, char compact, unsigned n, struct bytes *out);
/* Of Content-Length; false: there is none, or it is no number. */
bool sip_content_length(struct bytes headers, uint64_t *out);
/* Takes apart tx->message. False: its first line is none. */
bool sip_message_read(struct sip_tx *tx);

/* sip_sdp.c: `section` 0 is the session, 1 … its media; the nth line of that letter in it. */
bool sdp_line(struct bytes body, unsigned section, char letter, unsigned n, struct bytes *out);
/* The nth line of that letter in all media. */
bool sdp_media_line(struct bytes body, char letter, unsigned n, struct bytes *out);
void sdp_record(struct recorder *r, struct bytes body);

extern const struct proto_buffer sip_buffers[]; /* sip_buffer.c */

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker and a flow without an engine, for tests of the application protocols: bytes go in,
 * records come out as JSON lines. The functions of other folders that the framework calls are
 * replaced by ones that remember the call.
 */
#ifndef TESTS_APP_HARNESS_H
#define TESTS_APP_HARNESS_H

#include "dataplane/app/app.h"

#define HARNESS_OUT_BYTES (1u << 20)
#define HARNESS_CONTACTS_BYTES (1u << 16)
#define HARNESS_WINDOW_BYTES 8192u

struct harness {
	struct worker w;
	struct counters counters;
	union {
		struct flow flow;
		struct flow_block block; /* where flow_cold(&flow) is */
	};
	struct packet packet;
	uint64_t offset[2];     /* of the next byte of a stream */
	uint8_t *datagram;      /* in hand: there until the packet is done */
	char *out;              /* records so far, one a line; HARNESS_OUT_BYTES */
	size_t out_len;
	char *contacts;         /* "kind value\n"; HARNESS_CONTACTS_BYTES */
	size_t contacts_len;
	unsigned stream_stops, reversals, exceptions;
	uint8_t window[2][HARNESS_WINDOW_BYTES]; /* the first bytes of each direction */
	uint32_t window_len[2];
	unsigned rests;         /* how often the session was put away and woke */
	bool bulk_is_full;      /* the bulk ring has no room */
};

/* settings: "path=value" pairs, NULL at the end; or NULL. */
struct harness *harness_new(uint8_t ip_proto, uint16_t server_port, const char *const *settings);
/* Ends the flow if that was not done; everything must have been given back. */
void harness_free(struct harness *h);

/* Ends the flow and starts a new one; nothing of the old one may be left. */
void harness_reset(struct harness *h, uint16_t server_port);
/* Likewise, but what flows have in common stays. */
void harness_next_flow(struct harness *h, uint16_t server_port);

/* A segment: the bytes, then what happens after a packet. */
void harness_tcp(struct harness *h, enum direction d, const void *data, size_t len);
/* The same in segments of `step` bytes. */
void harness_tcp_steps(struct harness *h, enum direction d, const void *data, size_t len, size_t step);
void harness_gap(struct harness *h, enum direction d, uint32_t len);
void harness_end(struct harness *h, enum direction d);
void harness_cut(struct harness *h, enum direction d); /* no more of it is followed */
void harness_udp(struct harness *h, enum direction d, const void *data, size_t len);
/* A packet of SCTP from its common header on: at least 12 bytes. */
void harness_sctp(struct harness *h, enum direction d, const void *data, size_t len);
void harness_finish(struct harness *h);
/* Without what happens after a packet, so that transactions can be looked at. */
void harness_tcp_open(struct harness *h, enum direction d, const void *data, size_t len);
void harness_gap_open(struct harness *h, enum direction d, uint32_t len);
void harness_end_open(struct harness *h, enum direction d);
void harness_udp_open(struct harness *h, enum direction d, const void *data, size_t len);
void harness_sctp_open(struct harness *h, enum direction d, const void *data, size_t len);
void harness_done(struct harness *h);

/* How often `text` occurs in the records. */
unsigned harness_count(const struct harness *h, const char *text);
/* Was one event told of the message in hand, and its record unless it is malformed_data, and is nothing left of it? */
bool harness_flawed(struct harness *h, const char *record, const char *event);
/* Forgets the records. */
void harness_clear(struct harness *h);
const struct proto_buffer *harness_buffer(const struct proto *proto, const char *name);
const struct proto_value *harness_value(const struct proto *proto, const char *name);
/* The buffer's text of the flow's last transaction; NULL: not there. Valid until the next call. */
const char *harness_text(struct harness *h, enum direction d, const char *buffer, unsigned instance);

/* "16 03 01 …" or "160301…" → bytes in new memory. */
uint8_t *unhex(const char *text, size_t *len);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes in order out of SCTP (RFC 9260), for the protocols that are spoken over it as over TCP (proto.over_sctp). All user
 * messages of a direction follow each other in the order of their TSNs, whatever their streams; fragments of
 * a message have TSNs without others between them, so messages stay whole.
 */
#ifndef APP_SCTP_H
#define APP_SCTP_H

#include "dataplane/flow/flow.h"

struct app_session;

#define IP_PROTO_SCTP 132
#define SCTP_HELD_CHUNKS 64        /* kept of a direction until what is missing before them comes */
#define SCTP_HELD_BYTES (128u << 10)

struct sctp_chunk {
	struct sctp_chunk *next;
	uint32_t tsn, len;
	uint8_t data[];
};

struct sctp_side {
	struct sctp_chunk *held;   /* by TSN */
	uint64_t offset;           /* of the next byte in what was given on */
	uint32_t tag;              /* what packets of this direction must carry; 0: not known */
	uint32_t tsn;              /* of the chunk that comes next, if known */
	uint32_t held_bytes;
	uint8_t held_count;
	bool known, begun, ended;  /* begun: a chunk was given on */
};

/* Lies behind the app_session of a flow of SCTP. */
struct sctp_association {
	struct sctp_side side[2];
};

/* The chunks of one packet, given on with app_stream. */
void app_sctp(struct worker *w, struct packet *p);
/* What has not ended by itself ends with the flow; p: as of app_flow_end. */
void app_sctp_end(struct worker *w, struct flow *f, struct packet *p);
void app_sctp_reversed(struct app_session *s);
void app_sctp_free(struct worker *w, struct app_session *s);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames: which bytes of a direction are a unit of its protocol (a record, a line, a message), for
 * rules (`frame:tls.pdu`) and for the record "frame". A parser says where one begins and, now or
 * later, how long it is; that costs a load and a test where nobody asked for frames of the protocol.
 *
 * A protocol that has frames names them in event/frame.def; its types count from 1 in that order. Type
 * 0 is "stream", all of a direction, which every protocol over TCP has.
 *
 * Where frames are wanted the bytes of both directions are kept here: those that frames which are
 * not done with still need, APP_FRAME_KEEP at least, APP_FRAME_BYTES_MAX at most. Holes divide them.
 * Of a datagram the bytes are the packet's. Runs in the worker that owns the flow.
 */
#ifndef APP_FRAME_H
#define APP_FRAME_H

#include "dataplane/app/app.h"

#define APP_FRAME_STREAM 0
#define APP_FRAME_OPEN UINT64_MAX      /* length: not known yet */
#define APP_FRAMES_MAX 512             /* at once in one direction of a flow; more are counted as lost */
#define APP_FRAME_KEEP 8192            /* bytes kept of a frame whose end is not there */
#define APP_FRAME_BYTES_MAX (256u << 10) /* kept in a direction */
#define APP_FRAME_RUNS_MAX 8           /* runs of bytes between holes */

struct app_frame {
	uint64_t id;        /* from 1 in its direction; of a stream 1 is the frame "stream" */
	uint64_t offset;    /* in the stream, or in the datagram */
	uint64_t len;       /* APP_FRAME_OPEN: not known (yet) */
	uint64_t tx_id;     /* RECORD_NO_TX: none said */
	uint64_t inspected; /* detect/: up to here, in the stream */
	uint8_t type;
	uint8_t inspected_end; /* detect/: it has seen the end of it */
	uint8_t logged;
};

struct app_frame_run {
	uint64_t offset;    /* of its first byte in the stream */
	uint32_t at, len;   /* in .data */
};

struct app_frame_side {
	struct app_frame *list; /* ascending by id */
	uint32_t count, list_cap;
	uint64_t last_id;
	uint8_t *data;
	uint32_t data_len, data_cap;
	const uint8_t *datagram; /* instead of data; borrowed for the packet */
	struct app_frame_run runs[APP_FRAME_RUNS_MAX];
	uint32_t run_count;
	bool started;
};

/* Of one flow; owner: app_session. */
struct app_frames {
	struct app_frame_side side[2];
};

/* ---- for parsers ---- */

/* A frame of the direction begins at that place of the stream (of the datagram); its length, if it is
 * known. Its id; 0 where nobody wants it. */
uint64_t app_frame_new(struct worker *w, struct flow *f, enum direction d, unsigned type,
		       uint64_t offset, uint64_t len);

static inline uint64_t app_frame_open(struct worker *w, struct flow *f, enum direction d, unsigned type,
				      uint64_t offset, uint64_t len)
{
	return f->app->frames ? app_frame_new(w, f, d, type, offset, len) : 0;
}

/* The length of an open one is known now, the transaction it belongs to. Nothing where id is 0. */
void app_frame_close(struct flow *f, enum direction d, uint64_t id, uint64_t len);
void app_frame_tx(struct flow *f, enum direction d, uint64_t id, uint64_t tx_id);

/* ---- for app.c, detect/ ---- */

/* The rules want these types of the protocol (bit by type): the worker's, from now on. */
void app_frames_want(struct worker *w, enum app_proto proto, uint32_t types);
/* Before the parser sees new bytes (a gap) of the direction. */
void app_frames_input(struct worker *w, struct flow *f, enum direction d, const struct app_input *in);
/* After the packet has been inspected: records; frames that are done with go. */
void app_frames_done(struct worker *w, struct flow *f, const struct packet *p);
void app_frames_free(struct worker *w, struct app_session *s);

/* "pdu", "stream". */
const char *app_frame_name(const struct proto *proto, unsigned type);
/* The type of that name; -1: the protocol has none. */
int app_frame_type(const struct proto *proto, const char *name);
/* Position behind the last byte that has come. */
uint64_t app_frame_reached(const struct app_frame_side *side);
/* Will no more come in the direction? */
bool app_frames_ended(const struct flow *f, enum direction d);
/* The bytes that are there of a frame from that position of the stream on, the part between two holes
 * of that number; false: no more. out->offset is the place in the frame, out->complete says that the
 * frame ends with them. */
bool app_frame_view(const struct flow *f, enum direction d, const struct app_frame *frame, uint64_t from,
		    unsigned part, struct buffer_view *out);
/* Object "frame" of an alert or of the frame's own record. */
void app_frame_record(struct worker *w, struct recorder *r, const struct flow *f, enum direction d,
		      const struct app_frame *frame);

#endif

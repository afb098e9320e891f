/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Captures: pcap and pcapng files, read with libpcap, nanoseconds kept, frames of any size up to
 * FRAME_MAX_BYTES. One thread at a time. Heap frames, see frame.h.
 */
#ifndef DRIVERS_CAPTURE_H
#define DRIVERS_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct capture;

#define CAPTURE_ERROR_BYTES 512

enum capture_status {
	CAPTURE_FRAME, /* a frame was read */
	CAPTURE_END,   /* no more */
	CAPTURE_CUT,   /* the file ends in the middle or is damaged here: no more, and an error */
};

/* Opens the file; "-" is the standard input. NULL, and one sentence in error
 * (CAPTURE_ERROR_BYTES). */
struct capture *capture_open(const char *path, char *error);
void capture_close(struct capture *c);
/* On CAPTURE_FRAME *frame is a new frame with number, time, wire length and link type; on
 * CAPTURE_CUT error holds a sentence. */
enum capture_status capture_next(struct capture *c, struct rte_mbuf **frame, char *error);
/* LINKTYPE_* */
unsigned capture_link_type(const struct capture *c);
/* Name of a link type as libpcap knows it, for sentences. */
const char *capture_link_name(unsigned link_type);
uint64_t capture_packets(const struct capture *c);
/* How far the file has been read. */
uint64_t capture_bytes_done(const struct capture *c);
/* Size of a file, 0 if it cannot be found out. */
uint64_t capture_file_bytes(const char *path);

/* ---- several captures as one stream, in the order of time ---- */

struct capture_merge;

/* Takes the captures (each is closed when it ends); frames are numbered through. NULL: no
 * memory. */
struct capture_merge *capture_merge_new(struct capture *const *captures, size_t count);
void capture_merge_free(struct capture_merge *m);
/* The frame with the earliest time. CAPTURE_CUT tells of one capture that was cut; call again for
 * the others. */
enum capture_status capture_merge_next(struct capture_merge *m, struct rte_mbuf **frame,
				       char *error);
/* Over all captures. */
uint64_t capture_merge_bytes_done(const struct capture_merge *m);

#endif

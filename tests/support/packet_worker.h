/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker with a packet pool and a decoder and nothing else, for tests and tools that need no
 * ports. Not thread-safe.
 */
#ifndef SUPPORT_PACKET_WORKER_H
#define SUPPORT_PACKET_WORKER_H

#include "dataplane/engine/worker.h"
#include "dataplane/packet/decode.h"

struct packet_worker {
	struct worker w;
	struct config *config;
	struct counters counters;
	struct packet *out[DECODE_PACKETS_MAX]; /* of the last frame */
	unsigned count;
};

/* settings: "path=value" texts, ended by NULL. Aborts when one is wrong. Returns new. */
struct packet_worker *packet_worker_new(const char *const *settings);
void packet_worker_free(struct packet_worker *pw);
/* Decodes one frame; the packets stay valid until the next call. Returns how many. */
unsigned packet_worker_frame(struct packet_worker *pw, const void *data, uint32_t len,
			     unsigned link_type, uint64_t ts_ns);
/* Plain frames too go through the loop of all layers. */
void packet_worker_no_plain(struct packet_worker *pw);
/* Did both make the same of their last frame, and count the same until now? The same bytes, at one place. */
bool packet_worker_same(const struct packet_worker *a, const struct packet_worker *b);
/* Gives the packets of the last frame back. */
void packet_worker_done(struct packet_worker *pw);

#endif

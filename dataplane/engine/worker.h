/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker: one thread that takes packets from its queues and does everything with them. All it
 * writes hangs off this struct. Each module keeps its own part behind one pointer; MODULE_worker_new
 * fills it at start, MODULE_worker_reset brings it to the state of a fresh start (between captures),
 * MODULE_worker_free ends it. No DPDK here, so that every module runs in a unit test as it is.
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/heap.h"
#include "dataplane/event/config.h"
#include "dataplane/event/counters.h"
#include "dataplane/event/record.h"

struct packet;
struct flow;
struct tx;
struct home;
struct detect_peers;
struct indicator_image;
struct recordings;

struct worker {
	/* written at start only */
	unsigned id;
	const struct config *config;
	struct counters *counters;     /* this worker's block in shared memory */
	bool offline;                  /* captures: wait for a full ring instead of losing records */
	bool in_the_wire;              /* inline: verdicts are acted on; streams as a receiver in the wire */
	uint64_t first_file_id, file_id_step; /* ids of stored files: none of another worker or an earlier start */
	bool huge_pages;               /* worker_memory may use reserved huge pages */
	const struct home *home;       /* what is inside; NULL: not known */
	struct detect_peers *detect_peers; /* limits hold over several workers; NULL: in this one alone */

	/* changes between bursts only */
	const struct indicator_image *indicators; /* NULL: none are known */
	bool early_rules[2];           /* by enum detect_early: there are such rules */
	uint8_t new_flows;             /* enum config_overload: what becomes of flows that begin */
	const struct recordings *recordings; /* NULL: no packet is captured */

	/* each module's own */
	struct packet_pool *packets;
	struct decode_state *decode;
	struct flow_table *flows;
	struct stream_state *streams;
	struct app_state *apps;
	struct file_worker *files;
	struct http_worker *http;
	struct digest_memo *digests;
	struct quic_ciphers *quic;
	struct host_worker *hosts;
	struct expect_table *expected;
	struct range_table *ranges;
	struct detect_state *detect;

	/* time of the packet in hand; never goes back within a flow */
	uint64_t now_ns;
	uint64_t sent_ns;              /* when the bytes passed that a parser is given; 0: with that packet */
	struct packet *packet;         /* the one in hand; NULL: none (timers, ends of flows) */

	struct heap heap;              /* parser state */

	/* What rules have noted on a flow, into the records about it. Set by detect; NULL: nothing is. */
	void (*flow_notes)(struct worker *w, struct recorder *r, const struct flow *f);

	/* records: emit.h */
	struct recorder recorder;
	uint8_t *record_memory;        /* RECORD_MAX_BYTES */
	uint64_t record_seq;
	/* Takes a finished record. Set by the engine (event ring) or a test. */
	void (*record_sink)(struct worker *w, const struct record_head *record);
	/* Takes bulk (file parts); NULL: nobody wants it. False: there was no room. */
	bool (*bulk_sink)(struct worker *w, const struct record_head *record);
	/* Takes captured packets, as bulk_sink. */
	bool (*packet_sink)(struct worker *w, const struct record_head *record);
	void *sink;                    /* the sinks' own */

	/* A flow ends that the kernel forwards (FLOW_OFFLOADED). Set by the engine; NULL: there are none. */
	void (*flow_ended)(struct worker *w, const struct flow *f);

	/* Frames held beyond their burst. Set by the engine; a test may leave them NULL: then bytes are
	 * copied. */
	void (*frame_hold)(void *frame);
	void (*frame_release)(void *frame);
};

/* Memory for the whole run, zeroed, on the worker's NUMA node; only at start. NULL when there is
 * none. worker_memory_free takes it back. */
void *worker_memory(struct worker *w, size_t bytes, size_t align);
void worker_memory_free(struct worker *w, void *memory);

/* Are streams seen as a receiver in the wire sees them (stream.inline)? */
static inline bool worker_streams_inline(const struct worker *w)
{
	return w->config->stream_inline == AUTO_YES ||
	       (w->config->stream_inline == AUTO_AUTO && w->in_the_wire);
}

#endif

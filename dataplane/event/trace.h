/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The trace of one rule through captures: why it did or did not match. Shared memory between the
 * worker (there is one; single writer) and the CLI, which made it and reads it when the run is over.
 * The boot block names its descriptor; without one nothing is traced.
 */
#ifndef EVENT_TRACE_H
#define EVENT_TRACE_H

#include <stdint.h>

#include "dataplane/base/addr.h"

#define TRACE_MAGIC 0x31656361724d4d4dull
#define TRACE_STEPS_MAX 4096
#define TRACE_EXCERPT 64
#define TRACE_TEXT 224
#define TRACE_UNHIT_MAX 8 /* steps about buffers in which the literal was not */
#define TRACE_HEADLESS_MAX 4 /* steps about packets that do not fit the head */

/* What of a rule's head a packet does not fit, in the order in which it is asked. */
#define TRACE_HEADS                                                                                \
	TRACE_HEAD(protocol, "the transport protocol")                                             \
	TRACE_HEAD(ip_version, "the IP version")                                                   \
	TRACE_HEAD(no_flow, "that it belongs to a flow")                                           \
	TRACE_HEAD(direction, "the direction")                                                     \
	TRACE_HEAD(established, "that its flow is established")                                    \
	TRACE_HEAD(not_established, "that its flow is not established")                            \
	TRACE_HEAD(flow_start, "that it is the first of its flow this way")                        \
	TRACE_HEAD(fragment, "whether it came in fragments")                                       \
	TRACE_HEAD(ports, "the ports")                                                             \
	TRACE_HEAD(source, "the source address")                                                   \
	TRACE_HEAD(destination, "the destination address")

enum trace_head {
	TRACE_HEAD_holds,
#define TRACE_HEAD(name, text) TRACE_HEAD_##name,
	TRACE_HEADS
#undef TRACE_HEAD
	TRACE_HEAD_COUNT
};

enum trace_kind {
	TRACE_UNHIT,     /* the head fits, the buffer is there, the literal is not in it */
	TRACE_MISPLACED, /* the literal is there, but elsewhere than asked for, or in another case */
	TRACE_FAILED,    /* found by its literal (or tried always); a condition does not hold */
	TRACE_OPEN,      /* likewise, and may yet hold when more of the transaction is there */
	TRACE_MATCHED,
	TRACE_ALERTED,   /* written */
	TRACE_HIDDEN,    /* matched, but no alert was written: see why */
};

enum trace_where { TRACE_PACKET, TRACE_STREAM, TRACE_TX, TRACE_ADDRESSES, TRACE_FRAME };

struct trace_step {
	uint8_t kind, where;   /* enum trace_kind, enum trace_where */
	uint8_t ip_version, ip_proto, direction;
	uint16_t sport, dport;
	uint16_t held, total;  /* conditions that held, in order, the head being the first; of how many */
	uint32_t excerpt_len;
	struct addr src, dst;
	uint64_t packet;       /* in the capture, from 1 */
	uint64_t ts_ns, flow_id, tx_id;
	uint64_t buffer_len, excerpt_at; /* of the buffer; where the excerpt begins in it */
	char app[24];          /* protocol of the transaction */
	char buffer[48];       /* "" none */
	char condition[TRACE_TEXT];
	char why[TRACE_TEXT];
	uint8_t excerpt[TRACE_EXCERPT];
};

struct trace_shared {
	uint64_t magic;
	uint32_t step_bytes;   /* sizeof(struct trace_step): both ends must be of one build */
	uint32_t gid, sid;     /* writer: CLI */
	/* writer: worker */
	uint32_t found;        /* the rule is loaded and can be judged */
	char refusal[TRACE_TEXT]; /* why not */
	uint64_t packets, passed; /* that came to the rules; of flows that a rule let pass */
	uint64_t head[TRACE_HEAD_COUNT]; /* packets, by what did not fit */
	uint64_t hits;         /* packets in which it was found by its literal, or tried always */
	uint64_t headless;     /* times that it was, and the packet did not fit its head */
	uint64_t misplaced, failed, matched, alerted, hidden;
	uint64_t lost;         /* steps for which there was no room */
	uint64_t last_hit, last_unhit_flow, last_unhit_tx; /* worker's own */
	uint32_t unhit;
	uint32_t step_count;
	uint32_t best_set;     /* there is one: */
	struct trace_step best; /* the step that got furthest, the first of them */
	struct trace_step steps[TRACE_STEPS_MAX];
};

/* A new memfd (owned by the caller), or -errno. */
int trace_create(uint32_t gid, uint32_t sid);
/* Maps it; NULL and errno. Does not take the fd. */
struct trace_shared *trace_attach(int fd);
void trace_detach(struct trace_shared *t);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading one ring of every worker, for processes that take records from it and nothing else. Their
 * main thread; nothing is locked.
 */
#ifndef CONTROL_PROCESS_RING_READER_H
#define CONTROL_PROCESS_RING_READER_H

#include "dataplane/event/boot.h"
#include "dataplane/event/counters.h"
#include "dataplane/event/record.h"
#include "dataplane/event/ring.h"

struct ring_reader {
	const char *what;      /* for messages: "bulk" ring of worker 2 */
	const int32_t *fds;    /* by worker */
	const struct boot *boot;
	const struct counters_shared *counters;
	void (*take)(void *arg, const struct record_head *head); /* borrowed until it returns */
	void *arg;
	struct ring ring[MAX_WORKERS];
	uint64_t pos[MAX_WORKERS]; /* of what is taken */
};

/* Maps the rings; what is above .ring is set. 0, or -errno after a sentence. */
int ring_reader_attach(struct ring_reader *r);
/* Takes what worker i's ring has, a turn's worth at most; what is no record is skipped with a sentence. */
bool ring_reader_turn(struct ring_reader *r, unsigned i);
/* What was taken may be overwritten. */
void ring_reader_release(struct ring_reader *r);
/* Will nothing more come? Asked before the rings are found empty, so that nothing is missed. */
bool ring_reader_over(const struct ring_reader *r);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The other end of the analyser: orders wait here until a worker is free, answers come in any order.
 * One thread.
 */
#ifndef CONTROL_ANALYSIS_POOL_H
#define CONTROL_ANALYSIS_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/base/text.h"
#include "dataplane/event/config.h"

struct pool;

struct pool_order {
	uint64_t id;
	int file;             /* read only; the pool's from then on */
	const char *name, *declared;
	bool mailed;          /* it came in a mail */
	const struct text *mail; /* subject and text of the mail, without zeros; NULL: none */
};

struct pool_result {
	uint64_t id;
	unsigned end;         /* enum analysis_end */
	unsigned verdict;
	const char *report;   /* JSON, terminated; borrowed until the call returns; "" if it could not be had */
	size_t report_len;
};

struct pool_figures {
	uint64_t analysed, crashed, late, memory; /* by their end */
	uint64_t refused;     /* there was no room */
	uint64_t cpu_us;
	unsigned waiting, running;
};

/* Starts the analyser. queue: orders that may wait, 0 any. intel_fd: the table of indicators, or -1.
 * NULL after a sentence. Before a sandbox that forbids to start programs. */
struct pool *pool_start(const struct config *c, unsigned queue, int intel_fd);
/* Ends it, and what it has not done. */
void pool_stop(struct pool *p);
bool pool_has_room(const struct pool *p);
/* True: taken. False: no room, or no memory; the file is closed. */
bool pool_submit(struct pool *p, const struct pool_order *o);
/* Sends what waits and takes answers, waiting at most so long for one. 0, or -EPIPE: the analyser is gone. */
int pool_turn(struct pool *p, int wait_ms, void (*call)(void *arg, const struct pool_result *r), void *arg);
/* Hashes are looked up in this table (dataplane/event/indicator.h) from now on; borrowed. */
void pool_indicators(struct pool *p, int image);
/* Orders without an answer. */
unsigned pool_open_orders(const struct pool *p);
const struct pool_figures *pool_figures(const struct pool *p);

#endif

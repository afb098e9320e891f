/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control process without a dataplane: the shared memory that the supervisor would make, and
 * synthetic records written into its rings. For tests and for measuring.
 */
#ifndef TEST_CONTROL_FEED_H
#define TEST_CONTROL_FEED_H

#include <sys/types.h>

#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"
#include "dataplane/event/record.h"
#include "dataplane/event/ring.h"

struct feed {
	char dir[64]; /* temporary; holds store/ and eve/ */
	int boot_fd;
	struct boot *boot;
	struct config *config;
	struct counters_shared *counters;
	struct ring ring[MAX_WORKERS];
	uint64_t seq[MAX_WORKERS];
	int channel; /* the dataplane's end */
};

/* Set keys in f->config between feed_new and feed_share. */
struct feed *feed_new(void);
void feed_share(struct feed *f, enum boot_purpose purpose, unsigned workers, uint64_t ring_bytes);
void feed_free(struct feed *f);
/* Starts `program --boot FD` (the control process). */
pid_t feed_start(struct feed *f, const char *program);
/* Waits for it; its exit status, or -signal. */
int feed_wait(pid_t pid);

/* Writes a record into a ring; false when the ring is full. */
bool feed_put(struct feed *f, unsigned worker, const void *record, uint32_t len);
/* One alert, a TCP packet 10.0.0.1:1025 → 192.0.2.n:80 at ts. */
bool feed_alert(struct feed *f, unsigned worker, uint64_t ts_ns, uint32_t sid, const char *msg);
bool feed_dns(struct feed *f, unsigned worker, uint64_t ts_ns);
bool feed_contact(struct feed *f, unsigned worker, uint64_t ts_ns, int kind, const char *value,
		  const char *client, uint16_t port);
/* ARP: one of fifty addresses has the MAC of that number. */
bool feed_host(struct feed *f, unsigned worker, uint64_t ts_ns, uint32_t number);
bool feed_capture(struct feed *f, unsigned worker, bool begin, uint32_t index, const char *path);
struct record_head feed_head(struct feed *f, unsigned worker, enum record_type type,
			     uint64_t ts_ns);

#endif

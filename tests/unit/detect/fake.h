/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See fake.c.
 */
#ifndef TEST_DETECT_FAKE_H
#define TEST_DETECT_FAKE_H

#include "dataplane/detect/detect.h"

#define FAKE_ALERTS_MAX 64

struct fake_tx {
	struct tx tx;
	const char *uri, *host, *headers[2];
};

struct fake {
	uint32_t alerts[FAKE_ALERTS_MAX]; /* sids, in the order of writing */
	unsigned alert_count;
	const char *stream;
	uint32_t stream_due;     /* bytes of it that are due */
	uint32_t stream_fresh;   /* of the window, looked at before */
	uint64_t stream_offset;  /* of the window */
	const char *stream_next; /* a window behind a hole */
	uint32_t stream_len[2];
	unsigned raw_off;
	unsigned checksums; /* made anew */
};

extern struct fake fake;

#endif

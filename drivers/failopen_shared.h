/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the program in the kernel (failopen.bpf.c) and its keeper (failopen.c) share: one value of an
 * array map that both see as memory; and the flows that it forwards while the engine lives, a hash map.
 */
#ifndef DRIVERS_FAILOPEN_SHARED_H
#define DRIVERS_FAILOPEN_SHARED_H

#include "drivers/port_flow.h"

#define FAILOPEN_BEATS 65 /* workers and the dispatcher */
#define FAILOPEN_VERSION 2 /* of this layout */

struct failopen_state {
	__u32 version;
	__u32 peer;         /* interface index of the other side; 0: frames are dropped instead */
	__u32 beats;        /* of beat_ns, how many are in use; 0: there is no engine */
	__u32 forward;      /* of the other side, for frames of released flows; 0: none is forwarded */
	__u64 max_age_ns;   /* a beat that is older: its thread has stopped */
	__u64 beat_ns[FAILOPEN_BEATS]; /* CLOCK_MONOTONIC */
};

struct failopen_count { /* one for each CPU; writer: the program */
	__u64 packets, bytes;
};

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which of two overlapping fragments a host keeps, by the host's address (config host_os_policy).
 * Private to packet/.
 */
#ifndef PACKET_OS_POLICY_H
#define PACKET_OS_POLICY_H

#include <stdint.h>

#include "dataplane/base/addr.h"

struct config;
struct worker;
struct os_policies;

/* What happens to bytes that came before (old) when new ones overlap them. Offsets are those of
 * the two fragments. Novak, "Target-Based Fragmentation Reassembly", 2005. */
enum defrag_policy {
	DEFRAG_FIRST,     /* old stays */
	DEFRAG_LAST,      /* new wins */
	DEFRAG_BSD,       /* new wins where it starts before old */
	DEFRAG_BSD_RIGHT, /* new wins where it does not start before old */
	DEFRAG_LINUX,     /* new wins where it does not start after old */
	DEFRAG_SOLARIS,   /* new wins where it starts before old and covers its end */
	DEFRAG_WINDOWS,   /* new wins where it starts before old and ends after it */
};

/* 0, -EINVAL for a name or network that is none, or -ENOMEM. */
int os_policies_new(struct worker *w, struct os_policies **out);
void os_policies_free(struct worker *w, struct os_policies *s);
/* The longest network that holds the address decides. */
enum defrag_policy os_policy_find(const struct os_policies *s, const struct addr *a,
				  int ip_version);

#endif

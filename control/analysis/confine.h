/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a worker gives up before it looks at the first byte of a stranger's file.
 */
#ifndef CONTROL_ANALYSIS_CONFINE_H
#define CONTROL_ANALYSIS_CONFINE_H

#include <stdint.h>

/* For good: memory (beyond what the process has now), CPU time, no new files of any kind, no core
 * dumps; Landlock without a single right; a filter of system calls that leaves reading and writing
 * of open descriptors, memory, and the end. What is refused returns EPERM. 0 or -errno. */
int confine_worker(uint64_t memory_bytes, unsigned seconds, uint64_t report_bytes);
/* Before that, for the process that starts workers: the user given (else nobody) when it is root, and no
 * capability. 0 or -errno. */
int confine_analyser(const char *user);

#endif

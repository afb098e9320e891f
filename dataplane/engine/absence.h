/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of times in which packets were not inspected because nobody was there: a worker said nothing for longer than
 * pair.heartbeat_ms, or the dataplane ended and was started again. Worker thread.
 */
#ifndef ENGINE_ABSENCE_H
#define ENGINE_ABSENCE_H

#include "dataplane/engine/worker.h"
#include "dataplane/event/boot.h"

/* ms: the last silence; passed: frames that were sent past workers meanwhile, 0: none, or the kernel counts them;
 * stalls: of this worker since it last told. */
void absence_stalled(struct worker *w, uint64_t ms, uint64_t passed, uint64_t stalls);
/* What the supervisor says of the last one's end (boot.h). */
void absence_restarted(struct worker *w, const struct boot *b, uint64_t monotonic_ns);

#endif

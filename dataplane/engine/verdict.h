/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The last stage: each frame of the burst goes out, or is dropped under exactly one reason. Worker
 * thread.
 */
#ifndef ENGINE_VERDICT_H
#define ENGINE_VERDICT_H

#include "dataplane/engine/engine.h"

void verdict_burst(struct lane *l, struct rte_mbuf **frames, unsigned n);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which worker a frame goes to, where the port cannot say so: a hash of the two addresses of the
 * outermost IP header, equal for both directions. Addresses alone, because fragments carry no
 * ports and must meet their flow; the outermost, because what is inside a tunnel may be encrypted
 * or fragmented. All flows of two hosts, and all within one tunnel, so share a worker.
 */
#ifndef ENGINE_STEER_H
#define ENGINE_STEER_H

#include <stdint.h>

/* 0 where there is no IP header. */
uint32_t steer_hash(unsigned link_type, const uint8_t *data, uint32_t len);

#endif

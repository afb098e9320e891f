/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How often each byte is seen in payloads that are not encrypted, measured over mixes of enterprise
 * traffic. By it the bytes of a literal are chosen that tell most.
 */
#ifndef BASE_COMMONNESS_H
#define BASE_COMMONNESS_H

#include <stdint.h>

/* Sixteenths of a bit above one in 4096. */
extern const uint8_t byte_commonness[256];

#endif

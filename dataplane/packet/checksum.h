/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The Internet checksum (RFC 1071) of one packet's layers. Private to packet/ but for
 * packet_checksum_ok, which packet.h declares.
 */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Sum of big-endian 16-bit words, not folded; an odd last byte is the high half of a word. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t len);
/* Folds to 16 bits; 0xffff where the checksum field was summed too and is right. */
uint16_t checksum_fold(uint64_t sum);

#endif

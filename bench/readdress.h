/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A capture's conversations made new: the inside IPv4 addresses (10/8, 172.16/12, 192.168/16) are
 * moved within their network, the same way in both directions; addresses outside, which rules and
 * indicators name, and ports stay. Checksums are kept as right or wrong as they were (RFC 1624).
 */
#ifndef BENCH_READDRESS_H
#define BENCH_READDRESS_H

#include <stdint.h>

/* Loop 0 changes nothing. Frames that are not Ethernet or raw IPv4 are left alone. */
void readdress(uint8_t *frame, uint32_t len, unsigned link_type, unsigned loop);

#endif

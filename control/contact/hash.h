/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hash of what senders choose: under a secret of this process, so that nobody can choose values that
 * collide. For memory only: what is written to the store keeps the plain hash (filter.h). Any thread.
 */
#ifndef CONTROL_CONTACT_HASH_H
#define CONTROL_CONTACT_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SECRET_BYTES 192

uint64_t secret_hash(const void *bytes, size_t len);
/* HASH_SECRET_BYTES, for who hashes in steps (XXH3_…_reset_withSecret). Lives as long as the process. */
const uint8_t *hash_secret(void);

#endif

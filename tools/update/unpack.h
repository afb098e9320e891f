/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rule files in what was fetched. The format is told by the bytes: gzip (RFC 1952), ustar with GNU
 * and pax long names (POSIX.1-2017, pax), else plain text. One thread.
 */
#ifndef UPDATE_UNPACK_H
#define UPDATE_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#define UNPACK_BYTES_MAX ((size_t)512 << 20) /* after decompression */
#define UNPACK_FILES_MAX 10000

/* Calls found for each file whose name ends with .rules, or is classification.config or
 * reference.config; name is its last part. bytes are borrowed. found gives 0 or -errno, which ends
 * the walk. name: what the whole is called, for plain text. 0; or -errno and a sentence. */
int unpack(const uint8_t *data, size_t size, const char *name,
	   int (*found)(const char *name, const char *bytes, size_t size, void *arg), void *arg,
	   char *error, size_t error_size);

#endif

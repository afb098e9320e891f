/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bytes of a source of rules. Over HTTP what was fetched last is kept beside the versions, and
 * fetched again only if the server says that it changed. One thread.
 */
#ifndef UPDATE_FETCH_H
#define UPDATE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FETCH_BYTES_MAX (64u << 20)
#define FETCH_TIMEOUT_S 120

struct fetch_source {
	const char *name;      /* letters, digits, - and _ */
	const char *url;       /* http, https; NULL: path */
	const char *path;      /* a file */
	const char *checksum;  /* "md5", "sha256": that file stands beside it; NULL: unchecked */
	const char *ca_file;   /* NULL: those of the system */
	uint64_t max_bytes;
	unsigned timeout_s;
};

struct fetched {
	uint8_t *data;   /* owner: caller */
	size_t size;
	bool unchanged;  /* the server says so: what was kept is used */
	bool kept;       /* it could not be fetched: what was kept is used; error says why */
};

bool fetch_name_good(const char *name);
/* keep: folder for what was fetched. 0; or -errno and a sentence (also when .kept). */
int fetch(const struct fetch_source *s, const char *keep, struct fetched *out, char *error,
	  size_t error_size);
/* The whole of a file, at most max bytes: new. */
int fetch_file(const char *path, uint64_t max, uint8_t **data, size_t *size);
/* Does the text (as md5sum writes it) begin with the checksum of data? */
bool fetch_checksum_holds(const char *kind, const char *text, size_t text_size, const uint8_t *data,
			  size_t size);

#endif

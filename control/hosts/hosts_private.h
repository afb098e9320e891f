/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this folder share. Nobody else includes it.
 */
#ifndef CONTROL_HOSTS_PRIVATE_H
#define CONTROL_HOSTS_PRIVATE_H

#include <pthread.h>

#include "control/hosts/row.h"

#define HOST_KEY_MAX (1 + HOST_NAME_MAX_BYTES + 1 + 8 + 1 + 16)

struct hosts {
	struct store *store;
	pthread_mutex_t writing;   /* held from hosts_record to the end of its batch */
	bool is_writing;           /* ingest thread only, as what follows */
	struct host_said *staged;
	size_t staged_count, staged_cap;
	struct host_rows rows;     /* scratch */
};

/* 'a' | version | address | start. Returns the length. */
size_t address_key(uint8_t *key, const struct addr *a, int ip_version, uint64_t from_ns);
bool address_key_read(struct slice key, struct addr *a, int *ip_version, uint64_t *from_ns);
/* kind | name in lower case; at most HOST_NAME_MAX_BYTES of it. Returns the length. */
size_t name_prefix(uint8_t *key, char kind, const char *name, size_t len);

#endif

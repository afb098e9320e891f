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
	size_t named_count;        /* while recording: how many at the front name MACs only */
	struct host_rows rows;     /* scratch */
};

/* 'a' | version | address | start. Returns the length. */
size_t address_key(uint8_t *key, const struct addr *a, int ip_version, uint64_t from_ns);
bool address_key_read(struct slice key, struct addr *a, int *ip_version, uint64_t *from_ns);
/* kind | name in lower case; at most HOST_NAME_MAX_BYTES of it. Returns the length. */
size_t name_prefix(uint8_t *key, char kind, const char *name, size_t len);

/* start | version | address, the end of the keys of 'm', 'n', 'u'. False: it is none. */
bool place_read(const uint8_t *place, size_t len, struct addr *a, uint8_t *ip_version,
		uint64_t *from_ns);
/* One more fact of this batch. 0 or -ENOMEM. */
int hosts_add(struct hosts *h, const struct host_said *said);

#define MACHINE_KEY_BYTES 7
/* names.c */
/* The value of 'k' (hosts.h). */
bool machine_read(struct slice value, uint64_t *ts_ns, struct host_text *name);
/* The names of MACs at the front of the batch into the store; those that come late as facts. 0 or
 * -errno. */
int names_record(struct hosts *h, struct store_batch *b);
/* The name of the machine that was given an address, if it said one just before. */
void name_fill(struct hosts *h, struct host_said *said);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this folder share. Nobody else includes it.
 */
#ifndef CONTROL_STORE_PRIVATE_H
#define CONTROL_STORE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <rocksdb/c.h>

#include "control/store/store.h"

struct store {
	rocksdb_t *db; /* NULL: closed */
	rocksdb_column_family_handle_t *family[STORE_FAMILY_COUNT];
	rocksdb_options_t *db_options;
	rocksdb_options_t *family_options[STORE_FAMILY_COUNT];
	rocksdb_cache_t *cache;
	rocksdb_compactionfilter_t *filter;
	_Atomic uint32_t days_from;  /* contacts of earlier days are forgotten; 0: none */
	rocksdb_readoptions_t *read;
	rocksdb_writeoptions_t *write_sync, *write_lazy;
	atomic_bool wanted;          /* someone waits to reopen it */
	pthread_rwlock_t open_lock; /* write: while closed or reopened; read: store_enter */
	char *dir;
	enum store_mode mode;
	struct store_options options;
};

/* Remembers the sentence for this thread, frees message, returns the errno it stands for. */
int store_fail(const char *doing, char *message);
void store_options_make(struct store *s);
void store_options_free(struct store *s);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows whose value is JSON: findings, what is to be sent. Thread: as store_batch_put.
 */
#ifndef CONTROL_STORE_JSON_ROW_H
#define CONTROL_STORE_JSON_ROW_H

#include <jansson.h>

#include "control/store/store.h"

/* 0 or -ENOMEM. */
int store_batch_put_json(struct store *s, struct store_batch *b, enum store_family f, const void *key,
			 size_t key_len, const json_t *value);

#endif

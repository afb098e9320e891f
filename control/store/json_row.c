/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/json_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int store_batch_put_json(struct store *s, struct store_batch *b, enum store_family f, const void *key,
			 size_t key_len, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER);

	if (!text)
		return -ENOMEM;
	store_batch_put(s, b, f, key, key_len, text, strlen(text));
	free(text);
	return 0;
}

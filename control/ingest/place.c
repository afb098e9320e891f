/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ring positions in the store. Key: "ring/", boot id (8), worker (1). Value: position (8), last
 * sequence number (8), in a capture (1), its number (4), its path.
 */
#include <stdlib.h>
#include <string.h>

#include "control/ingest/ingest_private.h"
#include "control/store/bytes.h"

#define PLACE_KEY_BYTES 14
#define PLACE_HEAD_BYTES 21

static void place_key(uint8_t *key, uint64_t boot_id, unsigned worker)
{
	memcpy(key, "ring/", 5);
	put_be64(key + 5, boot_id);
	key[13] = (uint8_t)worker;
}

void place_free(struct ring_place *p)
{
	free(p->path);
	p->path = NULL;
}

int place_copy(struct ring_place *to, const struct ring_place *from)
{
	char *path = from->path ? strdup(from->path) : NULL;

	if (from->path && !path)
		return -1;
	place_free(to);
	*to = *from;
	to->path = path;
	return 0;
}

int place_load(struct store *s, uint64_t boot_id, unsigned worker, struct ring_place *out)
{
	uint8_t key[PLACE_KEY_BYTES];
	struct text value = {0};
	int found;

	*out = (struct ring_place){0};
	place_key(key, boot_id, worker);
	found = store_get(s, STORE_meta, key, sizeof(key), NULL, &value);
	if (found == 1 && value.len >= PLACE_HEAD_BYTES) {
		out->pos = read_be64(value.data);
		out->last_seq = read_be64(value.data + 8);
		out->in_capture = value.data[16];
		out->capture = read_be32(value.data + 17);
		if (out->in_capture)
			out->path = strndup((char *)value.data + PLACE_HEAD_BYTES,
					    value.len - PLACE_HEAD_BYTES);
	} else if (found == 1) {
		found = 0;
	}
	text_free(&value);
	return found;
}

void place_record(struct store *s, struct store_batch *b, uint64_t boot_id, unsigned worker,
		  const struct ring_place *p)
{
	uint8_t key[PLACE_KEY_BYTES], head[PLACE_HEAD_BYTES];
	struct text value = {0};

	place_key(key, boot_id, worker);
	put_be64(head, p->pos);
	put_be64(head + 8, p->last_seq);
	head[16] = p->in_capture;
	put_be32(head + 17, p->capture);
	text_bytes(&value, head, sizeof(head));
	if (p->path)
		text_str(&value, p->path);
	store_batch_put(s, b, STORE_meta, key, sizeof(key), value.data, value.len);
	text_free(&value);
}

void places_forget(struct store *s, struct store_batch *b, uint64_t boot_id)
{
	uint8_t from[13] = "ring/", to[13] = "ring/";

	put_be64(to + 5, boot_id);
	store_batch_delete_range(s, b, STORE_meta, from, 5, to, 13);
	if (boot_id != UINT64_MAX) {
		put_be64(from + 5, boot_id + 1);
		store_batch_delete_range(s, b, STORE_meta, from, 13, "ring0", 5);
	}
}

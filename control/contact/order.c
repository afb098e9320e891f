/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/order.h"

#include <sched.h>
#include <stdlib.h>

#define COPY_BYTES (1u << 20) /* copied before the lock is let go */

static int compare(const void *a, const void *b, void *arg)
{
	const struct contact_table *t = arg;
	const struct table_value *x = &t->values[*(const uint32_t *)a];
	const struct table_value *y = &t->values[*(const uint32_t *)b];
	size_t n = x->len < y->len ? x->len : y->len;
	int order = memcmp(t->keys.data + x->offset, t->keys.data + y->offset, n);

	return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

uint32_t *order_values(const struct contact_table *t, uint32_t count)
{
	uint32_t *out = calloc(count + 1u, sizeof(*out));

	for (uint32_t i = 0; out && i < count; i++)
		out[i] = i;
	if (out)
		qsort_r(out, count, sizeof(*out), compare, (void *)(uintptr_t)t);
	return out;
}

/* The first bytes of the keys or of the values. They only grow, but may be elsewhere each time the
 * lock is taken. */
static void copy_growing(void *to, const struct contact_table *t, bool keys, size_t len,
			 pthread_mutex_t *lock)
{
	for (size_t at = 0; at < len; at += COPY_BYTES) {
		const uint8_t *from = keys ? t->keys.data : (const uint8_t *)t->values;

		memcpy((uint8_t *)to + at, from + at, len - at < COPY_BYTES ? len - at : COPY_BYTES);
		pthread_mutex_unlock(lock);
		sched_yield(); /* who waits for the lock gets it */
		pthread_mutex_lock(lock);
	}
}

uint32_t *order_growing(const struct contact_table *t, pthread_mutex_t *lock, uint32_t *count)
{
	struct contact_table copy = {.value_count = t->value_count};
	size_t keys = t->keys.len;
	uint32_t *out = NULL;

	*count = t->value_count;
	if (t->sealed) {
		pthread_mutex_unlock(lock);
		out = order_values(t, *count);
		pthread_mutex_lock(lock);
		return out;
	}
	copy.values = calloc(*count + 1u, sizeof(*copy.values));
	copy.keys.data = malloc(keys + 1);
	if (copy.values && copy.keys.data) {
		copy_growing(copy.values, t, false, *count * sizeof(*copy.values), lock);
		copy_growing(copy.keys.data, t, true, keys, lock);
		pthread_mutex_unlock(lock);
		out = order_values(&copy, *count);
		pthread_mutex_lock(lock);
	}
	free(copy.values);
	free(copy.keys.data);
	return out;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/jobs/versions.h"

#include <errno.h>
#include <string.h>

#include "control/base/when.h"
#include "control/store/bytes.h"

static const char stem[] = "intel/at/";
#define STEM (sizeof(stem) - 1)

static size_t make_key(uint8_t *key, uint64_t version)
{
	memcpy(key, stem, STEM);
	put_be64(key + STEM, version);
	return STEM + 8;
}

int version_note(struct store *s, uint64_t version, uint64_t now_ns)
{
	uint8_t key[STEM + 8], value[8];

	put_be64(value, now_ns);
	return store_put(s, STORE_meta, key, make_key(key, version), value, sizeof(value));
}

static struct store_iter *notes(struct store *s, uint64_t from)
{
	uint8_t low[STEM + 8], high[STEM + 8];
	struct slice a = {low, make_key(low, from)}, b = {high, make_key(high, UINT64_MAX)};

	return store_iter_new(s, STORE_meta, NULL, &a, &b);
}

static uint64_t time_under(const struct store_iter *it)
{
	struct slice v = store_iter_value(it);

	return v.len == 8 ? read_be64(v.data) : 0;
}

uint64_t version_at(struct store *s, uint64_t ns)
{
	struct store_iter *it = notes(s, 0);
	uint64_t version = 0;

	for (it ? store_iter_last(it) : (void)0; it && store_iter_valid(it); store_iter_prev(it)) {
		/* Microseconds are what is told to clients. */
		if (time_under(it) / 1000 <= ns / 1000) {
			version = read_be64((const uint8_t *)store_iter_key(it).data + STEM);
			break;
		}
	}
	store_iter_free(it);
	return version;
}

uint64_t version_published_ns(struct store *s, uint64_t version)
{
	struct store_iter *it = notes(s, version);
	uint64_t ns = 0;

	if (it)
		store_iter_first(it);
	if (it && store_iter_valid(it))
		ns = time_under(it);
	store_iter_free(it);
	return ns ? ns : wall_clock_ns();
}

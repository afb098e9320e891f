/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/jobs/versions.h"

#include <errno.h>
#include <string.h>

#include "control/store/bytes.h"

static const char stem[] = "intel/at/";
#define STEM (sizeof(stem) - 1)

static size_t make_key(uint8_t *key, uint64_t version)
{
	memcpy(key, stem, STEM);
	put_be64(key + STEM, version);
	return STEM + 8;
}

/* Of the versions [from, to). */
static struct store_iter *notes(struct store *s, uint64_t from, uint64_t to)
{
	uint8_t low[STEM + 8], high[STEM + 8];
	struct slice a = {low, make_key(low, from)}, b = {high, make_key(high, to)};

	return store_iter_new(s, STORE_meta, NULL, &a, &b);
}

static uint64_t time_under(const struct store_iter *it)
{
	struct slice v = store_iter_value(it);

	return v.len == 8 ? read_be64(v.data) : 0;
}

/* When the newest version below that one was noted; 0: none was. */
static uint64_t newest_ns(struct store *s, uint64_t version)
{
	struct store_iter *it = notes(s, 0, version);
	uint64_t ns = 0;

	if (it)
		store_iter_last(it);
	if (it && store_iter_valid(it))
		ns = time_under(it);
	store_iter_free(it);
	return ns;
}

int version_note(struct store *s, uint64_t version, uint64_t now_ns)
{
	uint8_t key[STEM + 8], value[8];
	uint64_t before = newest_ns(s, version);

	if (now_ns / 1000 <= before / 1000)
		now_ns = (before / 1000 + 1) * 1000;
	put_be64(value, now_ns);
	return store_put(s, STORE_meta, key, make_key(key, version), value, sizeof(value));
}

void version_note_missing(struct store *s, uint64_t version, uint64_t now_ns)
{
	struct store_iter *it = notes(s, version, version + 1);
	bool there;

	if (it)
		store_iter_first(it);
	there = it && store_iter_valid(it);
	store_iter_free(it);
	if (!there)
		version_note(s, version, now_ns);
}

uint64_t version_at(struct store *s, uint64_t ns)
{
	struct store_iter *it = notes(s, 0, UINT64_MAX);
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

uint64_t version_time_ns(struct store *s, uint64_t version, uint64_t complete)
{
	struct store_iter *it = notes(s, version, UINT64_MAX);
	uint64_t ns = 0, noted = UINT64_MAX;

	if (it)
		store_iter_first(it);
	if (it && store_iter_valid(it)) {
		ns = time_under(it);
		noted = read_be64((const uint8_t *)store_iter_key(it).data + STEM);
	}
	store_iter_free(it);
	if (noted == UINT64_MAX)
		return newest_ns(s, version);
	return noted <= complete || ns < 1000 ? ns : ns - 1000;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How RocksDB is set up, family by family, and the merge operator that unites day sets.
 */
#include <stdlib.h>
#include <string.h>

#include "control/store/days.h"
#include "control/store/store_private.h"

enum family_kind { KIND_LOG, KIND_CONTACT, KIND_JOURNAL, KIND_SMALL };

static const enum family_kind kinds[STORE_FAMILY_COUNT] = {
#define FAMILY(name, options, doc) [STORE_##name] = KIND_##options,
	STORE_FAMILIES
#undef FAMILY
};

#define NUMBER 4 /* bytes before the days: the value's number */

/* Entries of one value: its number, which is the same in all, and the union of their days. */
static char *unite_all(const char *first, size_t first_len, const char *const *list,
		       const size_t *lengths, int count, size_t *out_len)
{
	size_t total = first_len, n = 0;
	uint8_t *a, *b;

	for (int i = 0; i < count; i++)
		total += lengths[i];
	a = malloc(total + NUMBER + 1);
	b = malloc(total + NUMBER + 1);
	if (!a || !b) {
		free(a);
		free(b);
		return NULL;
	}
	if (first_len >= NUMBER) {
		memcpy(a, first, first_len);
		n = first_len;
	}
	for (int i = 0; i < count; i++) {
		uint8_t *swap = a;

		if (lengths[i] < NUMBER)
			continue;
		if (!n) {
			memcpy(a, list[i], lengths[i]);
			n = lengths[i];
			continue;
		}
		memcpy(b, a, NUMBER);
		n = NUMBER + days_unite(a + NUMBER, n - NUMBER, (const uint8_t *)list[i] + NUMBER,
					lengths[i] - NUMBER, b + NUMBER);
		a = b;
		b = swap;
	}
	free(b);
	*out_len = n;
	return (char *)a;
}

static char *full_merge(void *state, const char *key, size_t key_len, const char *existing,
			size_t existing_len, const char *const *list, const size_t *lengths,
			int count, unsigned char *success, size_t *out_len)
{
	char *out = unite_all(existing, existing ? existing_len : 0, list, lengths, count, out_len);

	*success = out != NULL;
	return out;
}

static char *partial_merge(void *state, const char *key, size_t key_len, const char *const *list,
			   const size_t *lengths, int count, unsigned char *success,
			   size_t *out_len)
{
	char *out = unite_all(NULL, 0, list, lengths, count, out_len);

	*success = out != NULL;
	return out;
}

static void merge_free(void *state, const char *value, size_t len)
{
	free((void *)(uintptr_t)value);
}

static const char *merge_name(void *state)
{
	return "metsuke.days";
}

static void merge_destroy(void *state)
{
}

/* Days that have expired leave the dictionary when their files are compacted, and with the last of
 * its days a value. */
static unsigned char forget_days(void *state, int level, const char *key, size_t key_len,
				 const char *existing, size_t len, char **out, size_t *out_len,
				 unsigned char *changed)
{
	struct store *s = state;
	uint32_t from = atomic_load_explicit(&s->days_from, memory_order_relaxed);
	static _Thread_local char kept[NUMBER + 2 * DAYS_MAX];
	size_t n = NUMBER;

	if (!from || key_len < 2 || key[0] != 'd' || len <= NUMBER)
		return 0;
	for (size_t i = NUMBER; i + 2 <= len && n + 2 <= sizeof(kept); i += 2) {
		if (day_get((const uint8_t *)existing + i) < from)
			continue;
		memcpy(kept + n, existing + i, 2);
		n += 2;
	}
	if (n == NUMBER)
		return 1;
	if (n == len)
		return 0;
	memcpy(kept, existing, NUMBER);
	*out = kept;
	*out_len = n;
	*changed = 1;
	return 0;
}

static void filter_destroy(void *state)
{
}

static const char *filter_name(void *state)
{
	return "metsuke.days";
}

static rocksdb_options_t *family_options(struct store *s, enum family_kind kind)
{
	rocksdb_options_t *o = rocksdb_options_create();
	rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();

	rocksdb_block_based_options_set_block_cache(table, s->cache);
	rocksdb_block_based_options_set_format_version(table, 5);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
	rocksdb_options_set_compression(o, rocksdb_zstd_compression);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	rocksdb_options_set_write_buffer_size(o, kind == KIND_LOG ? 32u << 20 : 8u << 20);
	switch (kind) {
	case KIND_LOG:
		rocksdb_block_based_options_set_block_size(table, 32 << 10);
		break;
	case KIND_CONTACT:
		rocksdb_block_based_options_set_block_size(table, 8 << 10);
		/* Whole keys only: most look-ups are for names that are not there. Filters and
		 * indexes lie in pieces, of which a look-up reads the one it needs: read whole,
		 * the first one after the start waits for those of all files. Only where the
		 * pieces are stays in memory with their open files. */
		rocksdb_block_based_options_set_index_type(
			table, rocksdb_block_based_table_index_type_two_level_index_search);
		rocksdb_block_based_options_set_partition_filters(table, 1);
		rocksdb_block_based_options_set_filter_policy(
			table, rocksdb_filterpolicy_create_bloom_full(10));
		rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 0);
		rocksdb_options_set_compaction_filter(
			o, s->filter = rocksdb_compactionfilter_create(s, filter_destroy, forget_days,
								       filter_name));
		rocksdb_options_set_merge_operator(
			o, rocksdb_mergeoperator_create(NULL, merge_destroy, full_merge,
							partial_merge, merge_free, merge_name));
		break;
	case KIND_JOURNAL:
		rocksdb_block_based_options_set_block_size(table, 64 << 10);
		rocksdb_options_set_compression(o, rocksdb_lz4_compression);
		rocksdb_options_set_write_buffer_size(o, 32u << 20);
		break;
	case KIND_SMALL:
		rocksdb_block_based_options_set_block_size(table, 8 << 10);
		break;
	}
	rocksdb_options_set_block_based_table_factory(o, table);
	rocksdb_block_based_options_destroy(table);
	return o;
}

void store_options_make(struct store *s)
{
	rocksdb_options_t *o = rocksdb_options_create();

	s->cache = rocksdb_cache_create_lru(s->options.cache_bytes);
	rocksdb_options_set_create_if_missing(o, s->mode == STORE_WRITE);
	rocksdb_options_set_create_missing_column_families(o, s->mode == STORE_WRITE);
	rocksdb_options_set_paranoid_checks(o, 1);
	rocksdb_options_set_max_background_jobs(o, 2);
	rocksdb_options_set_max_open_files(o, 3000);
	rocksdb_options_set_keep_log_file_num(o, 3);
	rocksdb_options_set_max_log_file_size(o, 1 << 20);
	rocksdb_options_set_info_log_level(o, 2 /* warnings */);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	rocksdb_options_set_db_write_buffer_size(o, s->options.write_buffer_bytes);
	rocksdb_options_set_max_total_wal_size(o, 2 * s->options.write_buffer_bytes);
	rocksdb_options_set_bytes_per_sync(o, 1 << 20);
	rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
	s->db_options = o;
	for (int f = 0; f < STORE_FAMILY_COUNT; f++)
		s->family_options[f] = family_options(s, kinds[f]);
	s->read = rocksdb_readoptions_create();
	s->write_sync = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(s->write_sync, 1);
	s->write_lazy = rocksdb_writeoptions_create();
}

void store_options_free(struct store *s)
{
	for (int f = 0; f < STORE_FAMILY_COUNT; f++)
		rocksdb_options_destroy(s->family_options[f]);
	rocksdb_options_destroy(s->db_options);
	rocksdb_readoptions_destroy(s->read);
	rocksdb_writeoptions_destroy(s->write_sync);
	rocksdb_writeoptions_destroy(s->write_lazy);
	rocksdb_cache_destroy(s->cache);
	rocksdb_compactionfilter_destroy(s->filter);
}

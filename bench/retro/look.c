/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a store takes, and single look-ups.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/retro/asked.h"
#include "bench/retro/look.h"
#include "bench/retro/naive.h"
#include "bench/retro/retro.h"
#include "control/contact/contacts_private.h"
#include "control/store/bytes.h"

#define ONES 400

/* Adds up the keys and values of [first, first + 1). */
static void sum_part(struct store *s, uint8_t first, double *rows, double *bytes)
{
	uint8_t last = (uint8_t)(first + 1);
	struct slice low = {&first, 1}, high = {&last, 1};
	struct store_iter *it = store_iter_new(s, STORE_contact, NULL, &low, &high);

	*rows = *bytes = 0;
	for (it ? store_iter_first(it) : (void)0; it && store_iter_valid(it); store_iter_next(it)) {
		*rows += 1;
		*bytes += (double)(store_iter_key(it).len + store_iter_value(it).len);
	}
	store_iter_free(it);
}

/* Contact rows, from the markers of all parts: 'p' day part 0 (contacts.h); in stores of the format
 * before, 'c' day 0 part. */
static double contact_rows(struct store *s)
{
	struct store_iter *it = store_iter_new(s, STORE_contact, NULL, NULL, NULL);
	double rows = 0;

	for (it ? store_iter_first(it) : (void)0; it && store_iter_valid(it); store_iter_next(it)) {
		struct slice k = store_iter_key(it), v = store_iter_value(it);
		const uint8_t *key = k.data;

		if (k.len == 6 && v.len >= 13 &&
		    ((key[0] == 'p' && key[5] == 0) || (key[0] == 'c' && key[3] == 0)))
			rows += read_be32((const uint8_t *)v.data + 9);
	}
	store_iter_free(it);
	return rows;
}

int bench_size(struct retro_bench *b)
{
	static const struct {
		const char *name;
		uint8_t key;
	} parts[] = {
		{"clients", 'c'}, {"dictionary", 'd'}, {"values by number", 'i'}, {"days", 'p'}};
	double rows, bytes, sum = 0, disk, names = 0;
	struct opened o;
	char label[64], path[4200];

	if (!bench_open(b, false, &o))
		return 1;
	snprintf(path, sizeof(path), "%.4096s/store", b->dir);
	disk = (double)folder_bytes(path);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		double n, plain;

		sum_part(o.store, parts[i].key, &n, &plain);
		sum += plain;
		names += parts[i].key == 'd' || parts[i].key == 'i' ? plain : 0;
		snprintf(label, sizeof(label), "%s: rows of the store", parts[i].name);
		figure(b, label, n, "");
		snprintf(label, sizeof(label), "%s: bytes before compression", parts[i].name);
		figure(b, label, plain, "bytes");
	}
	rows = contact_rows(o.store);
	bytes = (double)store_family_bytes(o.store, STORE_contact);
	figure(b, "contact rows (client, value, day)", rows, "");
	figure(b, "store on disk", disk, "bytes");
	figure(b, "family contact on disk", bytes, "bytes");
	figure(b, "bytes a contact row, all", bytes / rows, "bytes");
	figure(b, "bytes a contact row, without the dictionary (by its share)",
	       bytes * (1 - names / sum) / rows, "bytes");
	bench_close(&o);
	if (naive_is_there(b)) {
		double naive = naive_row_bytes(b);

		figure(b, "bytes a contact row, naive", naive, "bytes");
		figure(b, "naive / ours, bytes", naive * rows / bytes, "");
		if (b->max_ratio > 0)
			judge(b, bytes / rows <= naive * b->max_ratio,
			      "no bigger than the naive one allows");
	}
	return 0;
}

/* Names of the year by rank, near and far, and what is planted. */
static void one_asked(const struct asked_list *l, const struct year *y, size_t i, struct asked *out)
{
	if (i % 2 && i / 2 < l->planted) {
		*out = l->asked[i / 2];
	} else {
		*out = (struct asked){.kind = CONTACT_DOMAIN};
		year_domain(y, (uint32_t)(1000 + i * 4000), out->value);
	}
}

int bench_one(struct retro_bench *b)
{
	double warm[ONES], cold[ONES];
	char path[4200];
	struct asked_list l;
	size_t colds = 0, bad = 0;

	snprintf(path, sizeof(path), "%.4096s/store", b->dir);
	if (asked_make(b->year, ONES * 1000, 0, &l) != 0)
		return 1;
	for (int round = 0; round < 2; round++) {
		struct opened o;

		if (round == 0)
			folder_forget(path);
		if (!bench_open(b, false, &o))
			return 1;
		for (size_t i = 0; i < ONES; i++) {
			struct answers found = {0};
			struct asked one;
			double start;

			one_asked(&l, b->year, i, &one);
			if (round == 0 && i >= 100)
				break;
			/* Cold: what the kernel holds is dropped; what RocksDB cached stays little.
			 */
			if (round == 0)
				folder_forget(path);
			if (round == 1)
				look_up(o.contacts, &one, 1, &found);
			answers_free(&found);
			start = clock_wall();
			bad += look_up(o.contacts, &one, 1, &found) != 0;
			*(round ? &warm[i] : &cold[colds++]) = 1e3 * (clock_wall() - start);
			answers_free(&found);
		}
		bench_close(&o);
	}
	figures_of(b, "one indicator, warm", warm, ONES, "ms");
	figures_of(b, "one indicator, cold", cold, colds, "ms");
	asked_free(&l);
	return bad != 0;
}

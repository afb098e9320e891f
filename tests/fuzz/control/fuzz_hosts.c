/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a row of the host table, and any facts in any order: the intervals of an address
 * stay in order and apart, and read back as they were written.
 * Input: records of 8 bytes: time, source, MAC, name, user, lease.
 */
#include <stdlib.h>
#include <string.h>

#include "control/hosts/row.h"

#define FACT_BYTES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static void set_text(struct host_text *t, uint8_t which)
{
	static const char *const texts[] = {"",
					    "pc1",
					    "PC1.example.com",
					    "pc2",
					    "bob",
					    "fifteen-letters",
					    "fifteen-letters-and-more",
					    "EVE"};
	const char *text = texts[which % 8];

	t->len = (uint8_t)strlen(text);
	memcpy(t->text, text, t->len);
}

static void check(const struct host_rows *rows)
{
	uint8_t value[ROW_VALUE_MAX];

	for (size_t i = 0; i < rows->count; i++) {
		const struct host_row *r = &rows->row[i];
		struct host_row back;
		struct host_at at;

		must(r->from_ns <= r->last_ns);
		must(i + 1 == rows->count || r->last_ns < rows->row[i + 1].from_ns);
		must(row_decode(&back, r->from_ns, (struct slice){value, row_encode(r, value)}));
		must(back.last_ns == r->last_ns && host_text_same(&back.name, &r->name));
		row_to_at(r, &at);
		must(at.until_ns >= at.to_ns);
	}
}

static void any_facts(const uint8_t *data, size_t size)
{
	struct host_rows rows = {0};

	for (size_t at = 0; at + FACT_BYTES <= size && at < 512 * FACT_BYTES; at += FACT_BYTES) {
		const uint8_t *d = data + at;
		struct host_said s = {
			.ip_version = 4,
			.source = (uint8_t)(1 + d[2] % (HOST_SOURCE_COUNT - 1)),
			.has_mac = d[3] & 1,
			.mac = {2, 0, 0, 0, 0, d[3] >> 1 & 3},
			.lease_s = (uint32_t)d[6] * 1000,
			/* from close together to days apart */
			.ts_ns = 1ull << 60 | (uint64_t)(d[0] << 8 | d[1]) << (d[7] & 1   ? 34
									       : d[7] & 2 ? 20
											  : 0),
		};

		set_text(&s.name, d[4]);
		set_text(&s.user, d[5]);
		must(rows_apply(&rows, &s) == 0);
		check(&rows);
	}
	rows_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_row r;

	if (size && data[0] & 1) {
		any_facts(data + 1, size - 1);
	} else if (row_decode(&r, 1, (struct slice){data, size})) {
		struct host_at at;

		row_to_at(&r, &at);
		must(strlen(at.name) <= HOST_NAME_MAX_BYTES);
	}
	return 0;
}

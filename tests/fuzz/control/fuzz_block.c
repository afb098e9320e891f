/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a block of contacts: refused, or rows within their limits, the same at every
 * reading, which are the same again when they are written and read, if they are in order.
 */
#include <stdlib.h>
#include <string.h>

#include "control/contact/block.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static bool in_order(const struct block_row *a, const struct block_row *b)
{
	return a->id < b->id || (a->id == b->id && contact_row_compare(&a->row, &b->row) < 0);
}

static void same(const struct block_row *a, const struct block_row *b)
{
	const struct contact_row *x = &a->row, *y = &b->row;

	must(a->id == b->id && contact_row_compare(x, y) == 0);
	must(x->first_us == y->first_us && x->last_us == y->last_us && x->hours == y->hours);
	must(x->count == y->count && x->bytes_out == y->bytes_out && x->bytes_in == y->bytes_in);
	must(x->port_count == y->port_count &&
	     memcmp(x->port, y->port, x->port_count * sizeof(*x->port)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct block_row rows[BLOCK_ROWS], again[BLOCK_ROWS];
	struct text out = {0};
	size_t count, n;

	/* What an earlier block left behind must not show. */
	memset(again, 0xa5, sizeof(again));
	if (block_decode((struct slice){data, size}, rows, &count) != 0)
		return 0;
	must(count && count <= BLOCK_ROWS);
	must(block_decode((struct slice){data, size}, again, &n) == 0 && n == count);
	for (size_t i = 0; i < count; i++) {
		must(rows[i].row.port_count <= CONTACT_PORTS_MAX);
		must(rows[i].row.first_us <= rows[i].row.last_us && rows[i].row.last_us < DAY_US);
		must(rows[i].row.hours < 1u << 24);
		same(&rows[i], &again[i]);
		if (i && !in_order(&rows[i - 1], &rows[i]))
			return 0;
	}
	block_encode(&out, rows, count, UNIT_US, false);
	must(!out.failed && block_decode((struct slice){out.data, out.len}, again, &n) == 0);
	must(n == count);
	for (size_t i = 0; i < count; i++)
		same(&rows[i], &again[i]);
	text_free(&out);
	return 0;
}

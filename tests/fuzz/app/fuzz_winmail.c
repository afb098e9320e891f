/* SPDX-License-Identifier: BSD-3-Clause
 *
 * winmail.dat or S/MIME alone (packed.c, tnef.c): whatever the pieces are, the files are the same as from one piece.
 * The input: the size of the pieces, then the bytes.
 */
#include <stdlib.h>

#include "dataplane/app/packed.c"
#include "dataplane/app/tnef.c"
#include "tests/unit/app/harness.h"

struct sum {
	uint64_t hash, bytes;
	unsigned files;
};

static void mix(struct sum *s, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		s->hash = (s->hash ^ data[i]) * 1099511628211u;
}

static void run(struct worker *w, struct flow *f, const uint8_t *data, size_t size, size_t step, struct sum *sum)
{
	struct tx tx = {0};
	struct packed *p = NULL;
	bool over = false;

	for (size_t at = 0; at < size; at += step)
		packed_data(&p, &over, 0, w, f, &tx, TO_SERVER, NULL, data + at, (uint32_t)(size - at < step ? size - at : step));
	packed_end(&p, &over, true);
	for (struct file *file = tx.files[TO_SERVER]; file; file = file->next) {
		if (file->state == FILE_OPEN)
			abort();
		mix(sum, file->name, file->name_len);
		mix(sum, &file->state, 1);
		mix(sum, file->window.data, file->window.len);
		sum->bytes += file->size;
		sum->files++;
	}
	file_free_all(w, &tx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct harness *h;
	struct sum sums[2] = {0};

	if (size < 2)
		return 0;
	if (!h)
		h = harness_new(6, 25, NULL);
	run(&h->w, &h->flow, data + 1, size - 1, size, &sums[0]);
	run(&h->w, &h->flow, data + 1, size - 1, 1u + (data[0] & 31), &sums[1]);
	if (memcmp(&sums[0], &sums[1], sizeof(sums[0])) != 0)
		abort();
	return 0;
}

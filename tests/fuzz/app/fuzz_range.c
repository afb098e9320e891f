/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files put together from ranges (range.c, chunks.c), against a model: of each position the first byte that came.
 * The input is steps of four bytes: what, which response (8 at a time), and two for where or how much.
 * What must hold: a file is complete exactly when all its bytes have come, and holds them; memory comes back.
 * Where bytes were missing or old files were forgotten only the latter is asked for.
 */
#include <stdlib.h>

#define RANGE_SHOWN_FROM 200
#include "dataplane/app/chunks.c"
#include "dataplane/app/range.c"
#include "tests/unit/app/harness.h"

#define SLOTS 8
#define NAMES 3
#define TOTAL 1000u /* fewer than RANGE_CHUNKS_MAX: all can be held */

/* What should have come of the file of one name. */
static struct model {
	uint8_t bytes[TOTAL];
	bool there[TOTAL], unsure;
	unsigned count, version; /* version: of files with this name */
} models[NAMES];

static struct slot {
	struct tx tx;
	struct range_part part;
	unsigned name, version;
	uint64_t at;
} slots[SLOTS];

static struct harness *h;
static uint8_t fresh; /* the next byte: each piece has others */

static void must(bool what)
{
	if (!what)
		abort();
}

static void begin(struct slot *s, unsigned name, uint64_t start)
{
	static const struct file_limits limits = {TOTAL * 2, TOTAL, 0};
	const uint8_t letter = (uint8_t)('a' + name);
	const struct range_origin o = {{(const uint8_t *)"Host", 4}, {&letter, 1}, start, TOTAL, &limits};

	range_end(&h->w, &s->part);
	range_begin(&h->w, &h->flow, &s->tx, &s->part, &o);
	s->name = name;
	s->version = models[name].version;
	s->at = start;
}

static void completed(struct slot *s, struct model *m)
{
	struct file *file = s->tx.files[TO_CLIENT];

	for (; file && (file->joins || file->flags & FILE_LOGGED); file = file->next)
		;
	must(file && file->state != FILE_OPEN);
	file->flags |= FILE_LOGGED; /* so that it is told from the next one */
	if (!m->unsure) {
		must(m->count == TOTAL && file->size == TOTAL && file->window.len == TOTAL);
		must(memcmp(file->window.data, m->bytes, TOTAL) == 0);
	}
	*m = (struct model){.version = m->version + 1};
}

static void take(struct slot *s, uint32_t len, bool missing)
{
	uint64_t before = h->counters.app_ranges_joined;
	struct model *m = &models[s->name];
	uint8_t data[TOTAL];

	for (uint32_t i = 0; i < len; i++)
		data[i] = fresh++;
	if (s->part.of && s->version == m->version) {
		m->unsure |= missing;
		for (uint32_t i = 0; i < len && s->at + i < TOTAL; i++) {
			if (m->there[s->at + i])
				continue;
			m->there[s->at + i] = true;
			m->bytes[s->at + i] = data[i];
			m->count++;
		}
	}
	s->at += len;
	range_take(&h->w, &h->flow, &s->tx, &s->part, missing ? NULL : data, len);
	if (h->counters.app_ranges_joined != before)
		completed(s, m);
	else if (!m->unsure)
		must(m->count < TOTAL);
}

static void look(struct slot *s)
{
	struct buffer_view view;

	for (unsigned i = 0; file_view(&h->w, &h->flow, &s->tx, TO_CLIENT, i, &view); i++)
		must(view.data && view.offset + view.len <= TOTAL);
	file_inspected(&h->w, &s->tx, TO_CLIENT);
}

static void step(const uint8_t *in)
{
	struct slot *s = &slots[in[1] % SLOTS];
	uint32_t n = (uint32_t)in[2] << 8 | in[3];

	switch (in[0] % 8) {
	case 0:
	case 1:
		begin(s, in[1] / SLOTS % NAMES, n % (TOTAL + 8));
		break;
	case 2:
	case 3:
		take(s, n % 300, false);
		break;
	case 4:
		take(s, in[3] % 4, in[2] == 7);
		break;
	case 5:
		range_end(&h->w, &s->part);
		break;
	case 6:
		look(s);
		if (in[3] & 1)
			file_free_all(&h->w, &s->tx);
		break;
	case 7:
		h->w.now_ns += 61000000000ull;
		for (unsigned i = 0; i < NAMES; i++)
			models[i].unsure = true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!h)
		h = harness_new(6, 80, NULL);
	memset(models, 0, sizeof(models));
	memset(slots, 0, sizeof(slots));
	for (; size >= 4; data += 4, size -= 4)
		step(data);
	for (unsigned i = 0; i < SLOTS; i++) {
		range_end(&h->w, &slots[i].part);
		file_free_all(&h->w, &slots[i].tx);
	}
	must(h->counters.app_ranges_lost == 0);
	harness_reset(h, 80); /* all memory is back */
	must(h->w.ranges->count == 0 && h->w.ranges->bytes == 0);
	return 0;
}

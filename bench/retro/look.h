/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Indicators looked up through the product's queries, the answer as the truth has it.
 */
#ifndef BENCH_RETRO_LOOK_H
#define BENCH_RETRO_LOOK_H

#include "bench/retro/asked.h"
#include "control/contact/query.h"

struct answers {
	struct answer *rows;
	size_t count, cap;
};

/* Looks all of them up and adds what is found; then answers_sum. 0 or -errno. */
int look_up(struct contacts *c, const struct asked *asked, size_t count, struct answers *out);
/* The ranges of keys of an indicator (as many as VALUE_RANGES_MAX), and the port that it wants (0:
 * any). Returns how many. */
unsigned look_up_ranges(const struct asked *one, struct value_range *range, uint16_t *port);
/* 0 or -ENOMEM. */
int answers_add(struct answers *a, const struct answer *row);
void answers_free(struct answers *a);

#endif

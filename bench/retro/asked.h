/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A list of indicators to be asked for, nearly all of which nobody contacted, and what the right
 * answer is. The answer comes from the planted truth alone.
 */
#ifndef BENCH_RETRO_ASKED_H
#define BENCH_RETRO_ASKED_H

#include "bench/retro/plant.h"

struct asked {
	int kind;        /* CONTACT_DOMAIN (all below included), CONTACT_IP, INDICATOR_CIDR,
			    INDICATOR_IP_PORT */
	bool below_only; /* "*.name" */
	char value[YEAR_NAME_MAX + 8];
};

/* One client and one indicator; also a row of the answer. */
struct answer {
	uint32_t asked;
	uint8_t ip_version;
	struct addr client;
	uint64_t first_ns, last_ns, count;
};

struct asked_list {
	struct asked *asked;
	size_t count, planted; /* of which planted */
	struct answer *truth;  /* sorted: answer_compare */
	size_t truth_count;
};

/* count indicators, of which one in a thousand planted (as far as there are so many). 60 % names, a
 * tenth of them "*.name"; 30 % addresses, a twentieth of them networks; 10 % addresses with port.
 * The answer is that of the days
 * from `from` on. 0 or -ENOMEM. */
int asked_make(const struct year *y, size_t count, uint32_t from, struct asked_list *out);
void asked_free(struct asked_list *l);

int answer_compare(const void *a, const void *b);
/* Rows of one client and indicator become one; sorted. Returns how many are left. */
size_t answers_sum(struct answer *rows, size_t count);
/* Compares; unit_ns: to which unit the store rounds times down. Prints the first differences.
 * Returns how many rows are missing, wrong or too many. */
size_t answers_differ(const struct asked_list *l, const struct answer *rows, size_t count,
		      uint64_t unit_ns);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/rule_stat.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "dataplane/event/rows.h"

int rule_stats_create(void)
{
	int fd = memfd_create("metsuke-rule-stats", 0);

	return fd < 0 ? -errno : fd;
}

static int costlier(const void *a, const void *b)
{
	const struct rule_stat *x = a, *y = b;

	if (x->cycles != y->cycles)
		return x->cycles > y->cycles ? -1 : 1;
	if (x->candidates != y->candidates)
		return x->candidates > y->candidates ? -1 : 1;
	return x->sid < y->sid ? -1 : x->sid > y->sid;
}

struct rule_stat *rule_stats_read(int fd, size_t *count)
{
	struct rule_stat *rows = rows_read(fd, sizeof(*rows), count);

	if (!rows)
		return NULL;
	for (size_t i = 0; i < *count; i++)
		rows[i].msg[RULE_STAT_MSG - 1] = '\0';
	qsort(rows, *count, sizeof(*rows), costlier);
	return rows;
}

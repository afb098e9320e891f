/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/rulestats.h"

#include <errno.h>
#include <unistd.h>

#include "dataplane/detect/detect.h"
#include "dataplane/engine/engine.h"
#include "dataplane/event/rule_stat.h"

#define ROWS 256 /* written at once */

static int rows_write(int fd, const struct rule_stat *rows, uint32_t count)
{
	const char *at = (const char *)rows;
	size_t left = count * sizeof(*rows);

	while (left) {
		ssize_t n = write(fd, at, left);

		if (n < 0)
			return -errno;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

int rulestats_write(const struct engine *e, int fd, uint64_t *count)
{
	const struct detect_program *p = atomic_load(&e->program);
	uint32_t rules = p ? detect_program_rules(p) : 0, n = 0;
	struct rule_stat rows[ROWS];
	int err = 0;

	*count = 0;
	if (!rules)
		return -EOPNOTSUPP;
	for (uint32_t i = 0; i < rules && !err; i++) {
		if (detect_program_stat(p, i, &rows[n]))
			n++;
		if (n < ROWS && i + 1 < rules)
			continue;
		err = rows_write(fd, rows, n);
		*count += n;
		n = 0;
	}
	return err;
}

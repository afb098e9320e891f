/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Running the engine over captures: what `inspect` and `rules test` share.
 */
#ifndef METSUKE_INSPECT_H
#define METSUKE_INSPECT_H

#include "control/daemon/supervisor.h"
#include "tools/metsuke/cli.h"

struct inspection {
	const char *output;
	bool show_progress, each;
	int trace_fd;      /* event/trace.h; -1: none */
	int rule_stats_fd; /* event/rule_stat.h; -1: none */
	double started;
	/* out */
	struct counters sum;
	struct dataplane_status status;
	struct files_figures files;
};

double inspect_now_s(void);
/* Puts the output's paths, the number of workers (text, NULL: as configured) and rule files (none:
 * as configured, or those that come with the engine) into the configuration. 0, or an exit status
 * after printing; so for all that follow. */
int inspect_settle(struct config *c, const char *output, const char *workers, const char **rules,
		   int rule_count);
int inspect_readable(int count, char **captures);
/* Makes DIR; takes an earlier inspection's output away unless it is to be added to. */
int inspect_prepare(const char *dir, bool append);
int inspect_run(const struct config *c, struct inspection *in, int count, char **captures);
/* A folder with all in it. */
void inspect_remove(const char *dir);

/* rules_stats.c: rows behind fd, the costliest first, at most limit (0: all); as a table. */
json_t *rules_stats_rows(int fd, size_t limit);
void rules_stats_print(const json_t *rows);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A long list of indicators against the whole year, warm and cold, and whether the answer is the
 * planted truth, row by row.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/retro/look.h"
#include "bench/retro/naive.h"
#include "bench/retro/retro.h"

/* One look-up of the whole list; the answer is compared. Returns seconds of wall clock. */
static double once(struct retro_bench *b, const struct asked_list *l, bool cold, double *cpu)
{
	struct answers found = {0};
	struct opened o;
	char path[4200];
	double wall;
	int err;

	snprintf(path, sizeof(path), "%.4096s/store", b->dir);
	if (cold)
		folder_forget(path);
	if (!bench_open(b, false, &o)) {
		judge(b, false, "the store opens");
		return 0;
	}
	wall = clock_wall();
	*cpu = clock_cpu();
	err = look_up(o.contacts, l->asked, l->count, &found);
	wall = clock_wall() - wall;
	*cpu = clock_cpu() - *cpu;
	judge(b, err == 0, "the look-up ends well");
	judge(b, answers_differ(l, found.rows, found.count, b->unit_ns) == 0,
	      cold ? "the answer is the truth (cold)" : "the answer is the truth (warm)");
	answers_free(&found);
	bench_close(&o);
	return wall;
}

static double middle(struct retro_bench *b, const char *name, double *values, size_t n)
{
	figures_of(b, name, values, n, "s");
	return values[n / 2];
}

/* What retention does: days are dropped, the rest must stay as it is. */
static bool expire(struct retro_bench *b)
{
	struct opened o;
	int err;

	if (!bench_open(b, true, &o))
		return false;
	err = contacts_expire(o.contacts, (uint16_t)(YEAR_FIRST_DAY + b->expired));
	bench_close(&o);
	return err == 0;
}

int bench_million(struct retro_bench *b)
{
	double *warm = calloc(b->rounds, sizeof(double)), *cold = calloc(b->rounds, sizeof(double));
	double *cpu = calloc(b->rounds, sizeof(double)), *naive = calloc(b->rounds, sizeof(double));
	struct asked_list l = {0};
	double ours, unused;
	bool beside = naive_is_there(b) && !b->expired;

	if (!warm || !cold || !cpu || !naive ||
	    asked_make(b->year, b->indicators, b->expired, &l) != 0)
		return 1;
	figure(b, "indicators", (double)l.count, "");
	figure(b, "of which planted", (double)l.planted, "");
	figure(b, "clients with them in the truth", (double)l.truth_count, "");
	judge(b, l.truth_count > 0, "there is something to be found");
	if (b->expired)
		judge(b, expire(b), "days are dropped");
	/* In turns, so that what disturbs one disturbs the other. */
	for (uint32_t i = 0; i < b->rounds; i++) {
		cold[i] = once(b, &l, true, &unused);
		warm[i] = once(b, &l, false, &cpu[i]);
		if (beside)
			judge(b, naive_million(b, &l, &naive[i]) == 0,
			      "the naive answer is the truth");
	}
	middle(b, "all indicators, cold", cold, b->rounds);
	middle(b, "all indicators, warm", warm, b->rounds);
	ours = middle(b, "all indicators, warm, processor time", cpu, b->rounds);
	if (beside) {
		double theirs =
			middle(b, "all indicators, naive, processor time", naive, b->rounds);

		figure(b, "naive / ours, processor time", theirs / ours, "");
		if (b->max_ratio > 0)
			judge(b, ours <= theirs * b->max_ratio,
			      "no slower than the naive one allows");
	}
	asked_free(&l);
	free(warm);
	free(cold);
	free(cpu);
	free(naive);
	return 0;
}

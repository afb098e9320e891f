/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

struct machine_ticks machine_ticks(void)
{
	/* user nice system idle iowait irq softirq steal */
	uint64_t t[8] = {0};
	struct machine_ticks out = {0};
	FILE *f = fopen("/proc/stat", "re");

	if (f && fscanf(f, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			   " %" SCNu64 " %" SCNu64, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6],
			&t[7]) == 8) {
		for (unsigned i = 0; i < 8; i++)
			out.total += t[i];
		out.busy = out.total - t[3] - t[4];
		out.steal = t[7];
	}
	if (f)
		fclose(f);
	return out;
}

static double monotonic_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double machine_others(unsigned milliseconds, double *tsc_hz)
{
	const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000l};
	struct machine_ticks before = machine_ticks(), after;
	double began = monotonic_s();
	uint64_t tsc = rte_rdtsc();

	nanosleep(&pause, NULL);
	*tsc_hz = (double)(rte_rdtsc() - tsc) / (monotonic_s() - began);
	after = machine_ticks();
	return after.total > before.total ?
	       (double)(after.busy - before.busy) / (double)(after.total - before.total) : 0;
}

double machine_steal(struct machine_ticks before, struct machine_ticks after)
{
	return after.total > before.total ?
	       (double)(after.steal - before.steal) / (double)(after.total - before.total) : 0;
}

static void read_model(struct machine *m)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		char *value = strstr(line, ": ");

		if (strncmp(line, "model name", 10) != 0 || !value)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(m->model, sizeof(m->model), "%s", value + 2);
		break;
	}
	if (f)
		fclose(f);
}

void machine_read(struct machine *m)
{
	struct utsname u;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	FILE *f;

	memset(m, 0, sizeof(*m));
	m->cores = cores > 0 ? (unsigned)cores : 1;
	read_model(m);
	if (uname(&u) == 0)
		snprintf(m->kernel, sizeof(m->kernel), "%.60s", u.release);
	f = fopen("/proc/loadavg", "re");
	if (f && fscanf(f, "%lf", &m->load1) != 1)
		m->load1 = 0;
	if (f)
		fclose(f);
	f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	if (f && fscanf(f, "%" SCNu64, &m->huge_pages_free) != 1)
		m->huge_pages_free = 0;
	if (f)
		fclose(f);
}

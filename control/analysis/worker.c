/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/analysis/worker.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/analysis/channel.h"
#include "control/analysis/confine.h"

static struct analysis *running; /* for the handler; one thread, one file */

static void on_time(int signal)
{
	if (running)
		analysis_stop(running);
}

static bool write_report(int fd, const struct text *t)
{
	size_t done = 0;

	while (done < t->len) {
		ssize_t n = write(fd, t->data + done, t->len - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

void worker_run(const struct worker_job *job, const struct analysis_limits *limits, const struct analysis_tools *tools)
{
	struct text report = {0};
	struct stat st = {0};
	const void *data = "";
	unsigned verdict;

	signal(SIGXCPU, on_time);
	signal(SIGPIPE, SIG_IGN);
	if (fstat(job->file, &st) == 0 && st.st_size > 0)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, job->file, 0);
	if (data == MAP_FAILED)
		_exit(WORKER_EXIT_MEMORY);
	if (job->confine && confine_worker(limits->memory_bytes, limits->seconds, ANALYSIS_REPORT_MAX) != 0)
		_exit(WORKER_EXIT_CONFINE);
	running = analysis_new(limits, tools);
	if (!running)
		_exit(WORKER_EXIT_MEMORY);
	if (job->mailed)
		analysis_mailed(running);
	analysis_mail_text(running, job->mail, strlen(job->mail));
	analysis_run(running, job->name, job->declared, data, (size_t)st.st_size);
	analysis_report(running, &report);
	verdict = analysis_verdict(running);
	if (report.failed || !write_report(job->report, &report))
		_exit(WORKER_EXIT_MEMORY);
	_exit(WORKER_EXIT_VERDICT + (int)verdict);
}

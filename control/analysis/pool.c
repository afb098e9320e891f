/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/analysis/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/analysis/channel.h"
#include "control/base/descriptor.h"
#include "control/base/program.h"
#include "control/base/say.h"

#define PROGRAM_PATH_MAX 4200

struct waiting {
	struct waiting *next;
	int file;
	uint32_t len;
	uint8_t order[];
};

struct pool {
	int channel;
	pid_t pid;
	unsigned workers, queue;
	struct waiting *first, **last;
	char *report;
	struct pool_figures figures;
};

/* ---- start and stop ---- */

static void become_analyser(int channel, int config, int intel, pid_t parent)
{
	char program[PROGRAM_PATH_MAX], number[3][16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	fcntl(channel, F_SETFD, 0);
	fcntl(config, F_SETFD, 0);
	if (intel >= 0)
		fcntl(intel, F_SETFD, 0);
	snprintf(number[0], sizeof(number[0]), "%d", channel);
	snprintf(number[1], sizeof(number[1]), "%d", config);
	snprintf(number[2], sizeof(number[2]), "%d", intel);
	program_find("metsuke-analyser", program, sizeof(program));
	execl(program, program, "--channel", number[0], "--config", number[1], "--intel", number[2], (char *)NULL);
	fprintf(stderr, "metsuke: %s cannot be started: %s\n", program, strerror(errno));
	_exit(127);
}

struct pool *pool_start(const struct config *c, unsigned queue, int intel_fd)
{
	struct pool *p = calloc(1, sizeof(*p));
	int pair[2] = {-1, -1}, config = memfd_create("metsuke-config", MFD_CLOEXEC);
	pid_t parent = getpid();

	if (p && config >= 0 && config_write(c, config) == 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 && (p->pid = fork()) == 0)
		become_analyser(pair[1], config, intel_fd, parent);
	if (config >= 0)
		close(config);
	if (pair[1] >= 0)
		close(pair[1]);
	if (!p || p->pid <= 0) {
		say("the analyser cannot be started: %s", strerror(errno));
		if (pair[0] >= 0)
			close(pair[0]);
		free(p);
		return NULL;
	}
	p->channel = pair[0];
	p->workers = c->file_analysis_workers < 1 ? 1 : c->file_analysis_workers > ANALYSIS_WORKERS_MAX ? ANALYSIS_WORKERS_MAX : (unsigned)c->file_analysis_workers;
	p->queue = queue;
	p->last = &p->first;
	return p;
}

void pool_stop(struct pool *p)
{
	if (!p)
		return;
	close(p->channel);
	waitpid(p->pid, NULL, 0);
	while (p->first) {
		struct waiting *w = p->first;

		p->first = w->next;
		close(w->file);
		free(w);
	}
	free(p->report);
	free(p);
}

/* ---- orders ---- */

bool pool_has_room(const struct pool *p)
{
	return !p->queue || p->figures.waiting < p->queue;
}

static uint32_t put_text(uint8_t *to, uint32_t at, const char *text, size_t len)
{
	if (len > ANALYSIS_ORDER_MAX - 2 - at)
		len = ANALYSIS_ORDER_MAX - 2 - at;
	memcpy(to + at, text, len);
	to[at + len] = 0;
	return at + (uint32_t)len + 1;
}

bool pool_submit(struct pool *p, const struct pool_order *o)
{
	struct waiting *w = pool_has_room(p) ? malloc(sizeof(*w) + ANALYSIS_ORDER_MAX) : NULL, *smaller;
	struct analysis_order head = {ANALYSIS_MAGIC, o->mailed, o->id};
	uint32_t n = sizeof(head);

	if (!w) {
		p->figures.refused++;
		close(o->file);
		return false;
	}
	n = put_text(w->order, n, o->name, strnlen(o->name, ANALYSIS_ORDER_MAX / 4));
	n = put_text(w->order, n, o->declared, strnlen(o->declared, 256));
	if (o->mail && o->mail->len)
		n = put_text(w->order, n, (const char *)o->mail->data, o->mail->len);
	memcpy(w->order, &head, sizeof(head));
	smaller = realloc(w, sizeof(*w) + n);
	w = smaller ? smaller : w;
	w->len = n;
	w->file = o->file;
	w->next = NULL;
	*p->last = w;
	p->last = &w->next;
	p->figures.waiting++;
	return true;
}

/* As many as there are workers: the others wait here, where they can be counted. */
static void send_waiting(struct pool *p)
{
	while (p->first && p->figures.running < p->workers) {
		struct waiting *w = p->first;

		if (descriptor_send(p->channel, w->order, w->len, w->file) != 0)
			return;
		p->first = w->next;
		if (!p->first)
			p->last = &p->first;
		p->figures.waiting--;
		p->figures.running++;
		close(w->file);
		free(w);
	}
}

void pool_indicators(struct pool *p, int image)
{
	struct analysis_order order = {ANALYSIS_INDICATORS, 0, 0};

	if (descriptor_send(p->channel, &order, sizeof(order), image) != 0)
		say("the analyser did not take the table of indicators; it goes on with the one before");
}

/* ---- answers ---- */

static void count_end(struct pool *p, const struct analysis_answer *a)
{
	p->figures.analysed += a->end == ANALYSIS_DONE;
	p->figures.crashed += a->end == ANALYSIS_CRASHED;
	p->figures.late += a->end == ANALYSIS_TIME;
	p->figures.memory += a->end == ANALYSIS_MEMORY;
	p->figures.cpu_us += a->cpu_us;
}

/* The report, terminated; its length. */
static size_t read_report(struct pool *p, int fd)
{
	struct stat st;
	size_t n = 0;
	ssize_t got;

	free(p->report);
	p->report = NULL;
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > ANALYSIS_REPORT_MAX)
		return 0;
	p->report = malloc((size_t)st.st_size + 1);
	while (p->report && n < (size_t)st.st_size && (got = pread(fd, p->report + n, (size_t)st.st_size - n, (off_t)n)) > 0)
		n += (size_t)got;
	if (p->report)
		p->report[n] = '\0';
	return n;
}

/* 1: one was taken; 0: none is there; -EPIPE. */
static int take_answer(struct pool *p, void (*call)(void *arg, const struct pool_result *r), void *arg)
{
	struct analysis_answer a;
	struct pool_result r;
	int fd;
	ssize_t n = descriptor_receive(p->channel, &a, sizeof(a), MSG_DONTWAIT, &fd);

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n <= 0)
		return -EPIPE;
	if (n == sizeof(a) && a.magic == ANALYSIS_MAGIC) {
		p->figures.running--;
		count_end(p, &a);
		r = (struct pool_result){a.id, a.end, a.verdict, "", read_report(p, fd)};
		if (p->report)
			r.report = p->report;
		call(arg, &r);
	}
	if (fd >= 0)
		close(fd);
	return 1;
}

int pool_turn(struct pool *p, int wait_ms, void (*call)(void *arg, const struct pool_result *r), void *arg)
{
	struct pollfd fd = {.fd = p->channel, .events = POLLIN};
	int got;

	send_waiting(p);
	if (poll(&fd, 1, wait_ms) < 0 && errno != EINTR)
		return -errno;
	while ((got = take_answer(p, call, arg)) > 0)
		;
	send_waiting(p);
	return got;
}

unsigned pool_open_orders(const struct pool *p)
{
	return p->figures.waiting + p->figures.running;
}

const struct pool_figures *pool_figures(const struct pool *p)
{
	return &p->figures;
}

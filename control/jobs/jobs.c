/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/jobs/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "control/base/say.h"

#define TICK_NS 500000000ull
#define STORE_WAIT_NS 100000000ull

/* A thread and what it is to do. */
struct lane {
	struct jobs *jobs;
	pthread_t thread;
	pthread_cond_t wake;
	struct job *queued, *running;
	bool outside;
};

enum { INSIDE, OUTSIDE, LANES };

struct jobs {
	struct store *store;
	struct desk *desk;
	void (*tick)(struct desk *d);
	struct lane lanes[LANES];
	pthread_mutex_t turn; /* who works at the store; before `lock` */
	pthread_mutex_t lock;
	struct job *finished; /* the newest first */
	unsigned queued_count, finished_count;
	uint64_t next_number;
	struct job *taken;
	int fd;
	bool stop;
};

static uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct job *job_new(const char *what, int (*run)(struct job *, struct desk *))
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	snprintf(j->what, sizeof(j->what), "%s", what);
	j->run = run;
	j->fd = -1;
	return j;
}

void job_free(struct job *j)
{
	if (!j)
		return;
	if (j->release)
		j->release(j);
	if (j->fd >= 0)
		close(j->fd);
	text_free(&j->request_id);
	text_free(&j->result);
	free(j);
}

int job_run(struct job *j, struct desk *d)
{
	int err;

	j->started_ns = wall_ns();
	j->state = JOB_RUNNING;
	text_clear(&j->result);
	err = j->run(j, d);
	if (!err && j->result.failed)
		err = -ENOMEM;
	if (err && !j->error[0])
		snprintf(j->error, sizeof(j->error), "%s",
			 err == -ENOMEM      ? "out of memory"
			 : err == -ECANCELED ? "it was stopped"
					     : store_error());
	j->ended_ns = wall_ns();
	j->state = err == -ECANCELED ? JOB_CANCELLED : err ? JOB_FAILED : JOB_DONE;
	return err;
}

static struct timespec after(uint64_t ns)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	ns += (uint64_t)at.tv_nsec;
	at.tv_sec += (time_t)(ns / 1000000000);
	at.tv_nsec = (long)(ns % 1000000000);
	return at;
}

/* The store may be closed for a while after an error of the disk. */
int job_enter(struct job *j)
{
	const struct timespec pause = {.tv_nsec = STORE_WAIT_NS};
	struct jobs *js = j->jobs;
	struct timespec until = after(STORE_WAIT_NS);

	if (j->stop)
		return -ECANCELED;
	if (!js)
		return 0;
	while (pthread_mutex_timedlock(&js->turn, &until) != 0) {
		if (j->stop)
			return -ECANCELED;
		until = after(STORE_WAIT_NS);
	}
	while (!store_enter(js->store)) {
		if (j->stop) {
			pthread_mutex_unlock(&js->turn);
			return -ECANCELED;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

void job_leave(struct job *j)
{
	if (!j->jobs)
		return;
	store_leave(j->jobs->store);
	pthread_mutex_unlock(&j->jobs->turn);
}

/* With the lock let go. */
static void run_one(struct jobs *js, struct job *j)
{
	const struct timespec pause = {.tv_nsec = STORE_WAIT_NS};
	int err = -EAGAIN;

	while (err == -EAGAIN && !j->stop) {
		if (!j->outside && job_enter(j) != 0)
			continue;
		err = job_run(j, js->desk);
		if (!j->outside)
			job_leave(j);
		if (err == -EAGAIN) {
			j->error[0] = '\0';
			nanosleep(&pause, NULL);
		}
	}
	if (err == -EAGAIN)
		j->state = JOB_CANCELLED;
}

static void forget_oldest(struct jobs *js)
{
	struct job **at = &js->finished;

	while (*at && (*at)->next)
		at = &(*at)->next;
	if (*at && !(*at)->client) {
		job_free(*at);
		*at = NULL;
		js->finished_count--;
	}
}

static void finish(struct lane *lane, struct job *j)
{
	struct jobs *js = lane->jobs;

	lane->running = NULL;
	j->next = js->finished;
	js->finished = j;
	js->finished_count++;
	/* What nobody waits for needs no result any more; background work that failed says so. */
	if (!j->client) {
		if (j->state == JOB_FAILED)
			say("%s: %s", j->what, j->error);
		text_free(&j->result);
	}
	while (js->finished_count > JOBS_REMEMBERED) {
		unsigned before = js->finished_count;

		forget_oldest(js);
		if (js->finished_count == before)
			break;
	}
}

static void tick(struct jobs *js)
{
	pthread_mutex_lock(&js->turn);
	if (store_enter(js->store)) {
		js->tick(js->desk);
		store_leave(js->store);
	}
	pthread_mutex_unlock(&js->turn);
}

static void *work(void *arg)
{
	struct lane *lane = arg;
	struct jobs *js = lane->jobs;

	/* Never at the cost of ingestion. */
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
	pthread_mutex_lock(&js->lock);
	while (!js->stop) {
		struct job *j = lane->queued;
		struct timespec until;

		if (j) {
			lane->queued = j->next;
			js->queued_count--;
			lane->running = j;
			pthread_mutex_unlock(&js->lock);
			run_one(js, j);
			pthread_mutex_lock(&js->lock);
			finish(lane, j);
			jobs_ring(js);
			continue;
		}
		if (js->tick && !lane->outside) {
			pthread_mutex_unlock(&js->lock);
			tick(js);
			pthread_mutex_lock(&js->lock);
		}
		until = after(TICK_NS);
		if (!js->stop && !lane->queued)
			pthread_cond_timedwait(&lane->wake, &js->lock, &until);
	}
	pthread_mutex_unlock(&js->lock);
	return NULL;
}

/* Ends the first so many threads. */
static void stop(struct jobs *js, unsigned lanes)
{
	pthread_mutex_lock(&js->lock);
	js->stop = true;
	for (unsigned i = 0; i < lanes; i++) {
		if (js->lanes[i].running)
			js->lanes[i].running->stop = true;
		pthread_cond_signal(&js->lanes[i].wake);
	}
	pthread_mutex_unlock(&js->lock);
	for (unsigned i = 0; i < lanes; i++)
		pthread_join(js->lanes[i].thread, NULL);
}

int jobs_start(struct jobs **out, struct store *s, struct desk *d, void (*tick)(struct desk *d))
{
	struct jobs *js = calloc(1, sizeof(*js));
	unsigned started = 0;
	int err;

	*out = NULL;
	if (!js)
		return -ENOMEM;
	js->store = s;
	js->desk = d;
	js->tick = tick;
	js->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&js->lock, NULL);
	pthread_mutex_init(&js->turn, NULL);
	err = js->fd < 0 ? -errno : 0;
	*out = js; /* what the threads do may look for it */
	while (!err && started < LANES) {
		struct lane *lane = &js->lanes[started];

		lane->jobs = js;
		lane->outside = started == OUTSIDE;
		pthread_cond_init(&lane->wake, NULL);
		err = -pthread_create(&lane->thread, NULL, work, lane);
		started += !err;
	}
	if (err) {
		stop(js, started);
		*out = NULL;
		if (js->fd >= 0)
			close(js->fd);
		free(js);
	}
	return err;
}

static void free_all(struct job *j)
{
	while (j) {
		struct job *next = j->next;

		job_free(j);
		j = next;
	}
}

void jobs_stop(struct jobs *js)
{
	if (!js)
		return;
	stop(js, LANES);
	for (unsigned i = 0; i < LANES; i++)
		free_all(js->lanes[i].queued);
	free_all(js->finished);
	close(js->fd);
	free(js);
}

uint64_t jobs_submit(struct jobs *js, struct job *j)
{
	struct lane *lane = &js->lanes[j->outside ? OUTSIDE : INSIDE];
	struct job **at = &lane->queued;
	uint64_t number = 0;

	pthread_mutex_lock(&js->lock);
	if (js->queued_count < JOBS_QUEUED_MAX) {
		while (*at)
			at = &(*at)->next;
		j->next = NULL;
		j->jobs = js;
		j->number = number = ++js->next_number;
		j->queued_ns = wall_ns();
		*at = j;
		js->queued_count++;
		pthread_cond_signal(&lane->wake);
	}
	pthread_mutex_unlock(&js->lock);
	if (!number)
		job_free(j);
	return number;
}

/* One that waits ends as soon as it begins. */
static bool cancel(struct lane *lane, uint64_t number)
{
	struct job *j = lane->running;

	if (!j || j->number != number)
		for (j = lane->queued; j && j->number != number; j = j->next)
			;
	if (j)
		j->stop = true;
	return j != NULL;
}

bool jobs_cancel(struct jobs *js, uint64_t number)
{
	bool found;

	pthread_mutex_lock(&js->lock);
	found = cancel(&js->lanes[INSIDE], number) || cancel(&js->lanes[OUTSIDE], number);
	pthread_mutex_unlock(&js->lock);
	return found;
}

bool jobs_outside(struct jobs *js)
{
	const struct lane *lane = &js->lanes[OUTSIDE];
	bool any;

	pthread_mutex_lock(&js->lock);
	any = lane->queued || lane->running;
	pthread_mutex_unlock(&js->lock);
	return any;
}

static void put_job(struct text *out, const struct job *j)
{
	static const char *const states[] = {"queued", "running", "done", "failed", "cancelled"};

	json_comma(out);
	text_char(out, '{');
	json_key_uint(out, "job", j->number);
	json_key_cstr(out, "what", j->what);
	json_key_cstr(out, "state", states[atomic_load(&j->state)]);
	json_key_time(out, "queued", j->queued_ns);
	if (j->started_ns)
		json_key_time(out, "started", j->started_ns);
	if (j->ended_ns)
		json_key_time(out, "ended", j->ended_ns);
	json_key_uint(out, "done", j->done);
	json_key_uint(out, "total", j->total);
	if (j->objects)
		json_key_uint(out, "objects", j->objects);
	if (j->started_ns) {
		uint64_t until = j->ended_ns ? j->ended_ns : wall_ns();

		json_key(out, "seconds");
		text_float(out, (double)((until - j->started_ns) / 1000000) / 1000);
	}
	if (j->state >= JOB_FAILED)
		json_key_cstr(out, "error", j->error);
	text_char(out, '}');
}

void jobs_list(struct jobs *js, struct text *out)
{
	pthread_mutex_lock(&js->lock);
	text_char(out, '[');
	for (unsigned i = 0; i < LANES; i++)
		for (const struct job *j = js->lanes[i].queued; j; j = j->next)
			put_job(out, j);
	for (unsigned i = 0; i < LANES; i++)
		if (js->lanes[i].running)
			put_job(out, js->lanes[i].running);
	for (const struct job *j = js->finished; j; j = j->next)
		put_job(out, j);
	text_char(out, ']');
	pthread_mutex_unlock(&js->lock);
}

int jobs_fd(const struct jobs *js)
{
	return js->fd;
}

const struct job *jobs_take_finished(struct jobs *js)
{
	struct job *found = NULL;

	pthread_mutex_lock(&js->lock);
	if (js->taken) {
		/* It stays in the list, without its answer. */
		js->taken->client = 0;
		text_free(&js->taken->result);
		js->taken = NULL;
	}
	for (struct job *j = js->finished; j; j = j->next)
		if (j->client)
			found = j; /* the oldest */
	js->taken = found;
	pthread_mutex_unlock(&js->lock);
	return found;
}

void jobs_ring(struct jobs *js)
{
	const uint64_t one = 1;

	if (write(js->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		say("the jobs thread cannot wake the rpc thread");
}

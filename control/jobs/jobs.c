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

struct jobs {
	struct store *store;
	struct desk *desk;
	void (*tick)(struct desk *d);
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *queued, *running, *finished; /* finished: the newest first */
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

/* With the lock let go. The store may be closed for a while after an error of the disk. */
static void run_one(struct jobs *js, struct job *j)
{
	const struct timespec pause = {.tv_nsec = STORE_WAIT_NS};
	int err = -EAGAIN;

	while (err == -EAGAIN && !j->stop) {
		if (!store_enter(js->store)) {
			nanosleep(&pause, NULL);
			continue;
		}
		err = job_run(j, js->desk);
		store_leave(js->store);
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

static void finish(struct jobs *js, struct job *j)
{
	js->running = NULL;
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

static void *work(void *arg)
{
	struct jobs *js = arg;

	/* Never at the cost of ingestion. */
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
	pthread_mutex_lock(&js->lock);
	while (!js->stop) {
		struct job *j = js->queued;
		struct timespec until;

		if (j) {
			js->queued = j->next;
			js->queued_count--;
			js->running = j;
			pthread_mutex_unlock(&js->lock);
			run_one(js, j);
			pthread_mutex_lock(&js->lock);
			finish(js, j);
			jobs_ring(js);
			continue;
		}
		pthread_mutex_unlock(&js->lock);
		if (js->tick && store_enter(js->store)) {
			js->tick(js->desk);
			store_leave(js->store);
		}
		pthread_mutex_lock(&js->lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += (long)TICK_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (!js->stop && !js->queued)
			pthread_cond_timedwait(&js->wake, &js->lock, &until);
	}
	pthread_mutex_unlock(&js->lock);
	return NULL;
}

int jobs_start(struct jobs **out, struct store *s, struct desk *d, void (*tick)(struct desk *d))
{
	struct jobs *js = calloc(1, sizeof(*js));
	int err;

	*out = NULL;
	if (!js)
		return -ENOMEM;
	js->store = s;
	js->desk = d;
	js->tick = tick;
	js->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&js->lock, NULL);
	pthread_cond_init(&js->wake, NULL);
	*out = js;
	err = js->fd < 0 ? -errno : -pthread_create(&js->thread, NULL, work, js);
	if (err) {
		*out = NULL;
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
	pthread_mutex_lock(&js->lock);
	js->stop = true;
	if (js->running)
		js->running->stop = true;
	pthread_cond_signal(&js->wake);
	pthread_mutex_unlock(&js->lock);
	pthread_join(js->thread, NULL);
	free_all(js->queued);
	free_all(js->finished);
	close(js->fd);
	free(js);
}

uint64_t jobs_submit(struct jobs *js, struct job *j)
{
	struct job **at = &js->queued;
	uint64_t number = 0;

	pthread_mutex_lock(&js->lock);
	if (js->queued_count < JOBS_QUEUED_MAX) {
		while (*at)
			at = &(*at)->next;
		j->next = NULL;
		j->number = number = ++js->next_number;
		j->queued_ns = wall_ns();
		*at = j;
		js->queued_count++;
		pthread_cond_signal(&js->wake);
	}
	pthread_mutex_unlock(&js->lock);
	if (!number)
		job_free(j);
	return number;
}

bool jobs_cancel(struct jobs *js, uint64_t number)
{
	bool found = false;

	pthread_mutex_lock(&js->lock);
	if (js->running && js->running->number == number) {
		js->running->stop = true;
		found = true;
	}
	/* One that waits ends as soon as it begins. */
	for (struct job *j = js->queued; j && !found; j = j->next) {
		if (j->number == number) {
			j->stop = true;
			found = true;
		}
	}
	pthread_mutex_unlock(&js->lock);
	return found;
}

static void put_job(struct text *out, const struct job *j)
{
	static const char *const states[] = {"queued", "running", "done", "failed", "cancelled"};

	json_comma(out);
	text_char(out, '{');
	json_key_uint(out, "job", j->number);
	json_key_cstr(out, "what", j->what);
	json_key_cstr(out, "state", states[j->state]);
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
	for (const struct job *j = js->queued; j; j = j->next)
		put_job(out, j);
	if (js->running)
		put_job(out, js->running);
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

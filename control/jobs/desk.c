/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/jobs/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/base/descriptor.h"
#include "control/base/say.h"
#include "control/base/when.h"
#include "control/contact/contacts.h"
#include "control/intel/fetch.h"
#include "control/intel/intel.h"
#include "control/jobs/versions.h"
#include "control/retro/finding.h"
#include "control/retro/scan.h"

#define SECOND_NS 1000000000ull
#define EXPIRY_NS (600 * SECOND_NS)

void desk_init(struct desk *d)
{
	pthread_mutex_init(&d->image_lock, NULL);
	d->image_fd = d->files_channel = -1;
}

void desk_fini(struct desk *d)
{
	if (d->image_fd >= 0)
		close(d->image_fd);
	d->image_fd = -1;
	pthread_mutex_destroy(&d->image_lock);
}

int desk_image(struct desk *d, uint64_t *version)
{
	int fd = -1;

	pthread_mutex_lock(&d->image_lock);
	if (d->image_fd >= 0)
		fd = fcntl(d->image_fd, F_DUPFD_CLOEXEC, 3);
	*version = d->image_version;
	pthread_mutex_unlock(&d->image_lock);
	return fd;
}

/* The newest table to the files process, whose analysers look hashes up. When its channel is full the next one will do. */
static void tell_files(struct desk *d)
{
	uint32_t starts = d->files_starts ? __atomic_load_n(d->files_starts, __ATOMIC_RELAXED) : 0;
	uint64_t version;
	int fd;

	if (d->files_channel < 0 || (fd = desk_image(d, &version)) < 0)
		return;
	if (descriptor_send(d->files_channel, &version, sizeof(version), fd) == 0)
		d->files_told = starts;
	close(fd);
}

/* The workers' table of what is published now, on its way to them. */
static int publish_image(struct desk *d)
{
	int fd, old, err;

	if (!d->jobs)
		return 0; /* nobody is there to use it */
	err = intel_image(d->intel, &fd);
	if (err) {
		say("the table of indicators cannot be made (%s): the workers go on with the one "
		    "before", strerror(-err));
		return err;
	}
	pthread_mutex_lock(&d->image_lock);
	old = d->image_fd;
	d->image_fd = fd;
	d->image_version = intel_version(d->intel);
	pthread_mutex_unlock(&d->image_lock);
	if (old >= 0)
		close(old);
	atomic_fetch_add(&d->image_generation, 1);
	jobs_ring(d->jobs);
	tell_files(d);
	return 0;
}

/* What is allowed no longer may have been passed over by every scan so far. */
static bool allows_less(struct desk *d)
{
	struct intel_counts counts = {0};
	uint64_t before = d->allowed;

	if (intel_counts(d->intel, &counts) != 0)
		return false;
	d->allowed = counts.allowed;
	return counts.allowed < before;
}

int desk_published(struct desk *d, struct job *j, uint64_t since)
{
	struct scan_options o = {.why = "version", .since_version = scan_version(d)};
	struct text run = {0};
	uint64_t changed = 0;
	int err;

	if (intel_version(d->intel) == since)
		return 0;
	if (version_note(d->store, intel_version(d->intel), wall_clock_ns()) != 0)
		say("%s", store_error());
	publish_image(d);
	err = findings_judge(d, &j->stop, &changed);
	if (allows_less(d))
		o.since_version = 0;
	if (!err && d->contacts && d->config->retro_on_change)
		err = scan_known(d, j, &o, &run);
	text_free(&run);
	return err;
}

/* ---- what is due ---- */

static int run_scan(struct job *j, struct desk *d)
{
	const struct scan_options *o = j->arg;

	return scan_known(d, j, o, &j->result);
}

static void free_arg(struct job *j)
{
	free(j->arg);
}

static void submit_scan(struct desk *d, const char *why, uint64_t since)
{
	struct job *j = job_new("retro scan", run_scan);
	struct scan_options *o = calloc(1, sizeof(*o));

	if (!j || !o) {
		job_free(j);
		free(o);
		return;
	}
	*o = (struct scan_options){.why = why, .since_version = since};
	j->arg = o;
	j->release = free_arg;
	jobs_submit(d->jobs, j);
}

/* ---- fetching ---- */

struct fetch_job {
	struct job *j;
	struct desk *d;
	bool inside; /* it is its turn */
};

static int fetch_enter(void *arg)
{
	struct fetch_job *f = arg;
	int err = job_enter(f->j);

	f->inside = !err;
	return err;
}

static void fetch_leave(void *arg)
{
	struct fetch_job *f = arg;

	if (f->inside)
		job_leave(f->j);
	f->inside = false;
}

/* What follows is done whatever is to be done anew: the list would not come a second time. */
static int fetch_published(void *arg, uint64_t before)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	struct fetch_job *f = arg;
	int err;

	while ((err = desk_published(f->d, f->j, before)) == -EAGAIN) {
		fetch_leave(f);
		nanosleep(&pause, NULL);
		err = fetch_enter(f);
		if (err)
			return err;
	}
	return err;
}

int desk_fetch(struct desk *d, struct job *j, const char *name)
{
	struct fetch_job f = {j, d, false};
	const struct fetch_turn turn = {&f, fetch_enter, fetch_leave, fetch_published};

	return fetcher_run(d->fetcher, name, wall_clock_ns(), &j->stop, &turn, &j->result);
}

static int run_fetch(struct job *j, struct desk *d)
{
	return desk_fetch(d, j, NULL);
}

static int run_expiry(struct job *j, struct desk *d)
{
	uint64_t before = intel_version(d->intel);
	struct intel_result result;
	int err = intel_expire(d->intel, wall_clock_ns(), &result);

	return err ? err : desk_published(d, j, before);
}

static void submit(struct desk *d, const char *what, int (*run)(struct job *, struct desk *),
		   bool outside)
{
	struct job *j = job_new(what, run);

	if (!j)
		return;
	j->outside = outside;
	jobs_submit(d->jobs, j);
}

/* After the start: what the process before left. */
static void begin(struct desk *d, uint64_t now)
{
	uint64_t full = scan_full_ns(d);

	if (runs_recover(d) != 0 || findings_announce(d) != 0)
		say("%s", store_error());
	allows_less(d);
	if (intel_version(d->intel)) {
		version_note_missing(d->store, intel_version(d->intel), now);
		publish_image(d);
	}
	if (d->contacts && d->config->retro_on_change && scan_version(d) < intel_version(d->intel))
		submit_scan(d, "version", scan_version(d));
	d->next_full_scan_ns = (full ? full : now) + d->config->retro_interval * SECOND_NS;
	d->next_expiry_ns = now + EXPIRY_NS;
	d->began = true;
}

void desk_tick(struct desk *d)
{
	uint64_t now = wall_clock_ns();

	if (!d->began)
		begin(d, now);
	if (d->files_starts && __atomic_load_n(d->files_starts, __ATOMIC_RELAXED) != d->files_told)
		tell_files(d); /* it was started again, and has the table of the service's start */
	/* What is due is known when none is under way. */
	if (d->fetcher && !jobs_outside(d->jobs) && fetcher_next_due_ns(d->fetcher) <= now)
		submit(d, "intel fetch", run_fetch, true);
	if (now >= d->next_expiry_ns) {
		d->next_expiry_ns = now + EXPIRY_NS;
		submit(d, "intel expiry", run_expiry, false);
	}
	if (d->contacts && d->config->retro_interval && now >= d->next_full_scan_ns &&
	    intel_version(d->intel)) {
		d->next_full_scan_ns = now + d->config->retro_interval * SECOND_NS;
		submit_scan(d, "schedule", 0);
	}
}

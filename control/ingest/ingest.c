/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The loop, the commit, and what happens when it fails. See ingest.h.
 */
#include "control/ingest/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "control/base/pause.h"
#include "control/base/say.h"
#include "control/contact/contacts.h"
#include "control/hosts/hosts.h"
#include "control/ingest/ingest_private.h"

#define BATCH_BYTES_MAX (8u << 20) /* commit before the wait is over */
#define TURN_BYTES_MAX (1u << 20) /* of one ring before the next has its turn */
#define RETRY_NS 1000000000ull   /* between attempts to write again */
#define MS_NS 1000000ull
#define SPACE_RESERVE (64u << 20) /* bytes to leave free, or a sixteenth of a small disk */
#define SPACE_LOOK_NS 200000000ull

uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Goes to the stored place of one ring: position, and the files of its capture. */
static int restore_worker(struct ingest *in, unsigned i)
{
	struct ingest_worker *w = &in->worker[i];
	uint64_t tail = ring_tail(&w->ring), head = ring_head(&w->ring);
	struct ring_place place;
	int found = place_load(in->setup.store, in->boot_id, i, &place);

	if (found < 0)
		return found;
	eve_sink_close(w->sink);
	eve_sink_close(w->finished);
	w->sink = w->finished = NULL;
	if (!found || place.pos < tail || place.pos > head) {
		if (found)
			say("ring of worker %u: the stored position %llu is not in it (%llu to "
			    "%llu); reading from its tail",
			    i, (unsigned long long)place.pos, (unsigned long long)tail,
			    (unsigned long long)head);
		place.pos = tail;
	}
	place_free(&w->at);
	w->at = place;
	if (place_copy(&w->stored, &w->at) != 0)
		return -ENOMEM;
	ring_release(&w->ring, w->at.pos);
	if (in->purpose == BOOT_INSPECT_EACH && w->at.in_capture && w->at.path &&
	    in->setup.config->eve_enabled) {
		char *folder = capture_folder(in->setup.config->eve_dir, w->at.path);

		if (!folder)
			return -ENOMEM;
		w->sink = eve_sink_open(&in->outputs, folder, in->setup.store, in->boot_id, false);
		free(folder);
		if (!w->sink)
			return -errno;
	}
	return 0;
}

static int attach_ring(struct ingest *in, int fd)
{
	struct ingest_worker *w = &in->worker[in->worker_count];
	int err = ring_attach(&w->ring, fd);

	if (!err && w->ring.shared->boot_id != in->boot_id)
		err = -EPROTO;
	if (err)
		say("event ring %u cannot be used: %s", in->worker_count, strerror(-err));
	else
		in->worker_count++;
	return err;
}

static int attach_rings(struct ingest *in)
{
	const struct boot *b = in->setup.boot;
	int err = 0;

	for (unsigned i = 0; i < b->worker_count && !err; i++)
		err = attach_ring(in, b->event_ring_fd[i]);
	if (!err && in->setup.config->file_analysis)
		err = attach_ring(in, b->file_ring_fd);
	return err;
}

/* Positions and file lengths of earlier boots mean nothing any more. */
static int forget_other_boots(struct ingest *in)
{
	int err;

	store_batch_clear(in->batch);
	places_forget(in->setup.store, in->batch, in->boot_id);
	eve_offsets_forget(in->setup.store, in->batch, in->boot_id);
	err = store_write(in->setup.store, in->batch, true);
	store_batch_clear(in->batch);
	if (err)
		say("%s", store_error());
	return err;
}

/* The capture, if there is only one: its name may stand on records. */
static void read_capture(struct ingest *in)
{
	char path[4096];
	ssize_t n;

	if (in->purpose != BOOT_INSPECT || in->setup.boot->captures_fd < 0)
		return;
	n = pread(in->setup.boot->captures_fd, path, sizeof(path), 0);
	if (n > 1 && path[n - 1] == '\0' && strlen(path) + 1 == (size_t)n)
		in->capture = strdup(path);
}

int ingest_new(struct ingest **out, const struct ingest_setup *setup)
{
	struct ingest *in = calloc(1, sizeof(*in));
	bool live = setup->boot->purpose == BOOT_LIVE;
	int err;

	*out = NULL;
	if (!in)
		return -ENOMEM;
	in->setup = *setup;
	in->boot_id = setup->boot->boot_id;
	in->purpose = (enum boot_purpose)setup->boot->purpose;
	read_capture(in);
	in->batch = store_batch_new();
	pthread_mutex_init(&in->posted_lock, NULL);
	in->started_ns = monotonic_ns();
	in->next_stats_ns = in->started_ns + setup->config->stats_interval * 1000 * MS_NS;
	err = eve_outputs_init(&in->outputs, setup->config, live);
	if (!err)
		err = attach_rings(in);
	if (!err)
		err = forget_other_boots(in);
	if (!err && in->purpose != BOOT_INSPECT_EACH && setup->config->eve_enabled) {
		in->sink = eve_sink_open(&in->outputs, setup->config->eve_dir, setup->store,
					 in->boot_id, false);
		err = in->sink ? 0 : -errno;
	}
	for (unsigned i = 0; i < in->worker_count && !err; i++)
		err = restore_worker(in, i);
	if (err) {
		ingest_free(in);
		return err;
	}
	*out = in;
	return 0;
}

void ingest_free(struct ingest *in)
{
	if (!in)
		return;
	for (unsigned i = 0; i < MAX_WORKERS; i++) {
		struct ingest_worker *w = &in->worker[i];

		eve_sink_close(w->sink);
		eve_sink_close(w->finished);
		place_free(&w->at);
		place_free(&w->stored);
		ring_detach(&w->ring);
	}
	posted_free(in);
	for (unsigned i = 0; i < EVE_OUTPUTS_MAX; i++)
		text_free(&in->line[i]);
	text_free(&in->row);
	free(in->capture);
	eve_sink_close(in->sink);
	eve_outputs_fini(&in->outputs);
	store_batch_free(in->batch);
	free(in);
}

/* What cannot be a record: nothing after it in what is there now can be trusted. */
static void skip_malformed(struct ingest *in, unsigned i, uint64_t avail)
{
	struct ingest_worker *w = &in->worker[i];

	atomic_fetch_add(&in->figures.malformed, 1);
	if (!w->said_malformed)
		say("ring of worker %u: what stands at %llu is not a record; %llu bytes are "
		    "skipped",
		    i, (unsigned long long)w->at.pos, (unsigned long long)avail);
	w->said_malformed = true;
	w->at.pos += avail;
	in->uncommitted++;
}

/* Reads one ring. 1: there was something; 0: nothing; -errno. */
static int read_ring(struct ingest *in, unsigned i)
{
	struct ingest_worker *w = &in->worker[i];
	uint64_t avail, done = 0;
	const uint8_t *at = ring_peek(&w->ring, w->at.pos, &avail);

	if (!avail)
		return 0;
	if (avail > w->ring.size_bytes) {
		skip_malformed(in, i, avail);
		return 1;
	}
	while (done < avail && done < TURN_BYTES_MAX) {
		const struct record_head *head = (const void *)(at + done);
		uint32_t length;
		int err;

		if (!record_valid(head, avail - done)) {
			skip_malformed(in, i, avail - done);
			return 1;
		}
		length = head->length;
		err = ingest_record(in, i, head);
		if (err)
			return err == -EAGAIN && done ? 1 : err;
		w->at.last_seq = head->seq;
		w->at.pos += length;
		done += length;
		in->uncommitted++;
		in->figures.records++;
	}
	return 1;
}

static int write_sinks(struct ingest *in)
{
	int err = in->sink ? eve_sink_write(in->sink) : 0;

	for (unsigned i = 0; i < in->worker_count && !err; i++) {
		struct ingest_worker *w = &in->worker[i];

		if (w->finished)
			err = eve_sink_write(w->finished);
		if (!err && w->sink)
			err = eve_sink_write(w->sink);
	}
	return err;
}

static void record_places(struct ingest *in)
{
	struct store *s = in->setup.store;

	if (in->sink)
		eve_sink_record(in->sink, s, in->batch, in->boot_id);
	for (unsigned i = 0; i < in->worker_count; i++) {
		struct ingest_worker *w = &in->worker[i];

		if (w->finished)
			eve_sink_record(w->finished, s, in->batch, in->boot_id);
		if (w->sink)
			eve_sink_record(w->sink, s, in->batch, in->boot_id);
		if (w->at.pos != w->stored.pos)
			place_record(s, in->batch, in->boot_id, i, &w->at);
	}
}

/* The batch is durable: the rings may be overwritten, the files' lengths hold. */
static void committed(struct ingest *in)
{
	if (in->sink)
		eve_sink_committed(in->sink);
	for (unsigned i = 0; i < in->worker_count; i++) {
		struct ingest_worker *w = &in->worker[i];

		eve_sink_close(w->finished);
		w->finished = NULL;
		if (w->sink)
			eve_sink_committed(w->sink);
		if (w->at.pos != w->stored.pos)
			ring_release(&w->ring, w->at.pos);
		place_copy(&w->stored, &w->at);
	}
	if (in->setup.contacts)
		contacts_committed(in->setup.contacts);
	posted_committed(in);
	if (in->setup.hosts)
		hosts_committed(in->setup.hosts);
	in->figures.commits++;
	in->figures.last_commit_ns = monotonic_ns();
	in->uncommitted = 0;
	store_batch_clear(in->batch);
}

static bool has_room(const char *dir)
{
	struct statvfs v;
	uint64_t reserve = SPACE_RESERVE;

	if (statvfs(dir, &v) != 0)
		return true; /* the write will say */
	if (reserve > v.f_blocks / 16 * v.f_frsize)
		reserve = v.f_blocks / 16 * v.f_frsize;
	return v.f_bavail * v.f_frsize > reserve;
}

/* RocksDB needs room for what it does in the background, and cannot be relied on when it finds
 * none: so nothing is given to it when there is little. */
static void wait_for_room(struct ingest *in)
{
	const struct config *c = in->setup.config;
	bool said = false;

	while (!has_room(c->store_dir) || (c->eve_enabled && !has_room(c->eve_dir))) {
		if (!said)
			say("the disk of %s is full: records stay in the ring, and are stored when "
			    "there is space again",
			    has_room(c->store_dir) ? c->eve_dir : c->store_dir);
		said = true;
		in->figures.waiting = 1;
		if (__atomic_load_n(&in->setup.boot->stop, __ATOMIC_RELAXED))
			break; /* the last try */
		pause_sleep(SPACE_LOOK_NS);
	}
	if (said)
		say("there is space again");
	in->figures.waiting = 0;
}

int ingest_commit(struct ingest *in)
{
	int err;

	wait_for_room(in);
	err = write_sinks(in);
	if (err)
		return err;
	if (in->setup.contacts)
		contacts_record(in->setup.contacts, in->batch);
	if (in->setup.hosts)
		hosts_record(in->setup.hosts, in->batch);
	record_places(in);
	in->figures.commit_bytes += store_batch_bytes(in->batch);
	err = store_write(in->setup.store, in->batch, true);
	if (err) {
		in->store_failed = true;
		if (err == -ENOSPC)
			say("no space left for the store %s: records stay in the ring and are "
			    "stored when there is space again",
			    store_dir(in->setup.store));
		else
			say("%s; the store is opened again and what is in the ring is read anew",
			    store_error());
		return err;
	}
	committed(in);
	return 0;
}

/* Forgets what was read since the last commit and goes back to what the store says. */
static int go_back(struct ingest *in)
{
	int err = 0;

	store_batch_clear(in->batch);
	in->uncommitted = 0;
	posted_forget(in);
	if (in->setup.contacts)
		contacts_forget(in->setup.contacts);
	if (in->setup.hosts)
		hosts_forget(in->setup.hosts);
	if (in->store_failed) {
		err = store_reopen(in->setup.store);
		if (!err && in->setup.contacts)
			err = contacts_reload(in->setup.contacts);
		in->store_failed = err != 0;
	}
	if (!err && in->sink)
		err = eve_sink_rollback(in->sink, in->setup.store, in->boot_id);
	for (unsigned i = 0; i < in->worker_count && !err; i++)
		err = restore_worker(in, i);
	return err;
}

/* After a failure: back to the store's view, as often as it takes. False when told to stop and
 * it still does not work. */
static bool recover(struct ingest *in)
{
	int err;

	in->figures.failures++;
	in->figures.waiting = 1;
	for (;;) {
		pause_sleep(RETRY_NS);
		if (!has_room(in->setup.config->store_dir) &&
		    !__atomic_load_n(&in->setup.boot->stop, __ATOMIC_RELAXED))
			continue;
		err = go_back(in);
		if (!err)
			break;
		if (__atomic_load_n(&in->setup.boot->stop, __ATOMIC_RELAXED)) {
			say("giving up: %s; what is in the rings is not stored", store_error());
			return false;
		}
	}
	return true;
}

static bool rings_empty(const struct ingest *in)
{
	for (unsigned i = 0; i < in->worker_count; i++)
		if (ring_head(&in->worker[i].ring) != in->worker[i].at.pos)
			return false;
	return true;
}

uint64_t ingest_backlog(const struct ingest *in)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < in->worker_count; i++)
		sum += ring_head(&in->worker[i].ring) - ring_tail(&in->worker[i].ring);
	return sum;
}

uint64_t ingest_lost(const struct ingest *in, enum record_type type)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < in->worker_count; i++)
		sum += __atomic_load_n(&in->worker[i].ring.shared->lost[type], __ATOMIC_RELAXED);
	return sum;
}

/* No record will come any more. Asked before the rings are found empty, so that none is missed. */
static bool is_over(const struct ingest *in)
{
	const struct boot *b = in->setup.boot;
	const struct counters_shared *c = in->setup.counters;

	if (__atomic_load_n(&b->files_here, __ATOMIC_ACQUIRE))
		return false;
	if (__atomic_load_n(&b->dataplane_gone, __ATOMIC_ACQUIRE) ||
	    __atomic_load_n(&b->stop, __ATOMIC_ACQUIRE))
		return true;
	if (in->purpose == BOOT_LIVE || !c)
		return false;
	return __atomic_load_n(&c->status.state, __ATOMIC_ACQUIRE) >= DATAPLANE_FINISHED;
}

static void put_run_stats(struct ingest *in)
{
	struct counters sum;
	uint64_t ts_ns = in->figures.newest_packet_ns;

	if (in->purpose == BOOT_LIVE || !ts_ns)
		ts_ns = wall_ns();
	counters_sum(in->setup.counters, &sum);
	ingest_stats(in, in->sink, &sum, ts_ns);
}

static void tick(struct ingest *in, uint64_t now)
{
	if (in->purpose == BOOT_LIVE && in->setup.counters && in->setup.config->stats_interval &&
	    now >= in->next_stats_ns) {
		in->next_stats_ns = now + in->setup.config->stats_interval * 1000 * MS_NS;
		put_run_stats(in);
	}
	if (in->sink && !in->uncommitted && atomic_exchange(&in->rotate, false)) {
		eve_sink_rotate(in->sink, in->setup.store, in->boot_id);
		eve_sink_committed(in->sink);
	}
}

bool ingest_turn(struct ingest *in)
{
	bool any = false;

	posted_read(in);
	for (unsigned i = 0; i < in->worker_count; i++) {
		int got = read_ring(in, i);

		if (got == -EAGAIN)
			got = ingest_commit(in) == 0 ? 1 : -EIO;
		if (got < 0 && !recover(in))
			return false;
		any |= got > 0;
	}
	return any;
}

static bool commit_is_due(struct ingest *in, uint64_t now)
{
	if (!in->uncommitted) {
		in->first_uncommitted_ns = 0;
		return false;
	}
	if (!in->first_uncommitted_ns)
		in->first_uncommitted_ns = now;
	return now - in->first_uncommitted_ns >= in->setup.config->store_sync_ms * MS_NS ||
	       store_batch_bytes(in->batch) >= BATCH_BYTES_MAX ||
	       (in->setup.contacts && contacts_staged_bytes(in->setup.contacts) >= BATCH_BYTES_MAX);
}

/* What was read waits for its commit no longer than it may. */
static void rest(const struct ingest *in, struct pause *pause, bool any)
{
	uint64_t ns = pause_next(pause, any), sync_ns = in->setup.config->store_sync_ms * MS_NS;

	if (in->uncommitted && ns > sync_ns)
		ns = sync_ns > PAUSE_SHORT_NS ? sync_ns : PAUSE_SHORT_NS;
	pause_sleep(ns);
}

/* All is read: the last statistics, the last commit. */
static int finish(struct ingest *in)
{
	int err;

	if (in->purpose != BOOT_INSPECT_EACH && in->setup.counters)
		put_run_stats(in);
	err = ingest_commit(in);
	return err;
}

int ingest_run(struct ingest *in)
{
	struct pause pause = {.awaited = in->purpose != BOOT_LIVE};

	for (;;) {
		bool over = is_over(in), any = ingest_turn(in);
		uint64_t now = monotonic_ns();

		tick(in, now);
		if (over && rings_empty(in)) {
			if (finish(in) == 0)
				return 0;
			if (!recover(in))
				return -EIO;
			continue;
		}
		if (commit_is_due(in, now) && ingest_commit(in) != 0) {
			if (!recover(in))
				return -EIO;
			continue;
		}
		rest(in, &pause, any);
	}
}

void ingest_ask_rotate(struct ingest *in)
{
	atomic_store(&in->rotate, true);
}

const struct ingest_figures *ingest_figures(const struct ingest *in)
{
	return &in->figures;
}

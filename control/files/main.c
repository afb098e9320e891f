/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files process. The supervisor starts it as `metsuke-files --boot FD` (boot.h) when
 * file_store.enabled is set. It reads the bulk ring of every worker and keeps files; it knows nothing else of the
 * service, so that what strangers send meets neither the store nor the control socket. It ends when
 * the dataplane has ended and the rings are read.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/base/descriptor.h"
#include "control/base/folder.h"
#include "control/base/pause.h"
#include "control/base/say.h"
#include "control/files/certificates.h"
#include "control/files/examine.h"
#include "control/files/file_record.h"
#include "control/files/file_store.h"
#include "control/files/notes.h"
#include "control/ingest/eve.h"
#include "control/process/ring_reader.h"
#include "control/process/sandbox.h"
#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"

#define COMMIT_NS 100000000ull    /* an end waits no longer */
#define COMMIT_ENDS 256
#define NAMED_MAX 4096
#define OPEN_ORDERS_MAX 1000 /* over captures: files on their way through the analysis */
#define STOP_WAIT_NS 10000000000ull
#define LOOK_WAIT_MS 100

struct process {
	struct boot *boot;
	struct config *config;
	struct counters_shared *counters;
	struct file_store *store;
	struct examine *examine; /* NULL: files are kept, not looked into */
	struct notes *notes;     /* likewise */
	uint8_t *joined;         /* likewise: room for a record */
	struct eve_options *eve; /* NULL: no records beside the files */
	struct ring_reader rings;
	char dir[NAMED_MAX];
	struct text line;
	uint64_t first_end_ns; /* 0: nothing waits for a commit */
};

static volatile sig_atomic_t asked_to_stop;

static void on_terminate(int signal)
{
	asked_to_stop = 1;
}

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* ---- records ---- */

static uint64_t number(const struct record_head *head, enum field_id f)
{
	struct value v;

	return record_find(head, f, &v) ? v.n : 0;
}

static void take_part(struct process *p, const struct record_head *head)
{
	struct value data;

	if (record_find(head, F_file_part_data, &data))
		file_store_part(p->store, head->worker, number(head, F_file_part_id),
				number(head, F_file_part_offset), data.body.data, data.body.len);
}

static void take_end(struct process *p, const struct record_head *head)
{
	struct file_end end = {.keep = number(head, F_fileinfo_stored), .seconds = head->ts_ns / 1000000000u};
	struct value object;

	text_clear(&p->line);
	if (end.keep && p->eve) {
		eve_write(&p->line, p->eve, head, NULL);
		text_char(&p->line, '\n');
		end.sidecar = p->line.failed ? NULL : p->line.data;
		end.sidecar_len = p->line.len;
	}
	if (p->examine && record_find(head, F_fileinfo_fileinfo, &object)) {
		const struct record_head *note = notes_find(p->notes, head);

		end.look = note && file_record_join(p->joined, head, note) ? (const struct record_head *)(const void *)p->joined : head;
	}
	file_store_end(p->store, head->worker, number(head, F_fileinfo_file_id), &end);
	if (!p->first_end_ns)
		p->first_end_ns = monotonic_ns();
}

static void take(void *arg, const struct record_head *head)
{
	struct process *p = arg;

	if (head->type == RECORD_file_part)
		take_part(p, head);
	else if (head->type == RECORD_fileinfo)
		take_end(p, head);
	else if (head->type == RECORD_mail_text && p->notes)
		notes_keep(p->notes, head);
	else if (head->type == RECORD_certificates)
		certificates_keep(p->store, head);
}

/* For `metsuke status`: single writer, relaxed stores. */
static void tell_figures(struct process *p)
{
	const struct file_store_figures *s = file_store_figures(p->store);
	struct files_figures f = {.stored = s->stored, .stored_bytes = s->stored_bytes, .stored_again = s->again,
				  .dropped = s->dropped, .broken = s->broken, .removed = s->removed, .errors = s->errors};

	if (p->examine)
		examine_tell(p->examine, &f);
#define FIGURE(name, doc) __atomic_store_n(&p->counters->files.name, f.name, __ATOMIC_RELAXED);
#include "dataplane/event/files.def"
#undef FIGURE
}

static void commit(struct process *p)
{
	file_store_commit(p->store);
	ring_reader_release(&p->rings);
	p->first_end_ns = 0;
	tell_figures(p);
}

static bool commit_is_due(const struct process *p)
{
	return !p->first_end_ns || !file_store_pending(p->store) || file_store_pending(p->store) >= COMMIT_ENDS ||
	       monotonic_ns() - p->first_end_ns > COMMIT_NS || asked_to_stop;
}

static void take_indicators(struct process *p)
{
	uint64_t version;
	int fd;

	if (p->boot->files_channel < 0 ||
	    descriptor_receive(p->boot->files_channel, &version, sizeof(version), MSG_DONTWAIT, &fd) <= 0 || fd < 0)
		return;
	examine_indicators(p->examine, fd);
	close(fd);
}

/* Takes verdicts. An analyser that has ended is started again with this process; what waits is on disk. */
static void look(struct process *p, int wait_ms)
{
	if (p->examine)
		take_indicators(p);
	if (!p->examine || examine_turn(p->examine, wait_ms) == 0 || asked_to_stop)
		return;
	say("the analyser has ended; the files process starts anew");
	abort();
}

static void run(struct process *p)
{
	struct pause pause = {0};

	for (;;) {
		bool over = ring_reader_over(&p->rings), any = false;

		/* Over captures the rings wait for the analysis; live a file goes without. */
		for (unsigned i = 0; i < p->boot->worker_count; i++)
			if (p->boot->purpose == BOOT_LIVE || !p->examine || examine_open(p->examine) < OPEN_ORDERS_MAX)
				any |= ring_reader_turn(&p->rings, i);
		if (commit_is_due(p))
			commit(p);
		look(p, 0);
		if ((over && !any) || asked_to_stop)
			break;
		pause.awaited = p->boot->purpose != BOOT_LIVE || (p->examine && examine_open(p->examine));
		pause_sleep(pause_next(&pause, any));
	}
	commit(p);
}

/* What is not done when the service ends goes on when it starts again. */
static void finish_looking(struct process *p)
{
	uint64_t until = p->boot->purpose == BOOT_LIVE ? monotonic_ns() + STOP_WAIT_NS : UINT64_MAX;

	while (p->examine && examine_open(p->examine) && !asked_to_stop && monotonic_ns() < until)
		look(p, LOOK_WAIT_MS);
	tell_figures(p);
}

/* ---- start ---- */

static int prepare_looking(struct process *p)
{
	p->notes = notes_new();
	p->joined = malloc(RECORD_MAX_BYTES);
	if (!p->notes || !p->joined)
		return -ENOMEM;
	p->examine = examine_new(p->config, p->boot);
	return p->examine ? 0 : -ECHILD;
}

static int prepare(struct process *p)
{
	struct sandbox own = {"the files process", {p->dir, NULL}};
	struct file_store_options options;
	int err;

	p->config = config_read(p->boot->config_fd);
	p->counters = counters_attach(p->boot->counters_fd);
	if (!p->config || !p->counters) {
		say("the files process cannot read its configuration: %s", strerror(errno));
		return -EINVAL;
	}
	folder_beside(p->dir, sizeof(p->dir), p->config->file_store_dir, p->config->store_dir, "files");
	if (p->config->file_store_fileinfo)
		p->eve = eve_options_new(p->config, NULL, p->boot->purpose == BOOT_LIVE);
	p->rings = (struct ring_reader){.what = "bulk", .fds = p->boot->bulk_ring_fd, .boot = p->boot,
					.counters = p->counters, .take = take, .arg = p};
	err = ring_reader_attach(&p->rings);
	if (!err && p->config->file_analysis)
		err = prepare_looking(p);
	options = (struct file_store_options){p->dir, p->config->file_store_budget, p->boot->boot_id, p->examine};
	if (!err)
		err = sandbox_begin(&own, p->config, p->boot);
	if (!err)
		err = file_store_open(&p->store, &options);
	if (!err && p->examine)
		err = examine_begin(p->examine, file_store_dir(p->store));
	return err;
}

int main(int argc, char **argv)
{
	struct process p = {.boot = NULL};
	int err;

	if (argc != 3 || strcmp(argv[1], "--boot") != 0) {
		say("this program is started by metsuked (metsuke-files --boot FD)");
		return 2;
	}
	p.boot = boot_attach(atoi(argv[2]));
	if (!p.boot) {
		say("what stands behind --boot %s is not a boot block: %s", argv[2], strerror(errno));
		return 2;
	}
	signal(SIGTERM, on_terminate);
	err = prepare(&p);
	if (!err) {
		run(&p);
		finish_looking(&p);
	}
	file_store_close(p.store);
	examine_free(p.examine);
	notes_free(p.notes);
	free(p.joined);
	eve_options_free(p.eve);
	text_free(&p.line);
	config_free(p.config);
	return err ? 1 : 0;
}

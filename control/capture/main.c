/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The capture process. The supervisor starts it as `metsuke-capture --boot FD` (boot.h), live always, over
 * captures when capture.enabled is set. It reads the ring of captured packets of every worker and writes
 * pcapng files; it knows nothing else of the service. It ends when the dataplane has ended and the rings
 * are read.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/folder.h"
#include "control/base/pause.h"
#include "control/base/say.h"
#include "control/capture/capture_files.h"
#include "control/process/ring_reader.h"
#include "control/process/sandbox.h"
#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"

#define NAMED_MAX 4096

struct process {
	struct boot *boot;
	struct config *config;
	struct counters_shared *counters;
	struct capture_files *files;
	struct ring_reader rings;
	char dir[NAMED_MAX];
};

static volatile sig_atomic_t asked_to_stop;

static void on_terminate(int signal)
{
	asked_to_stop = 1;
}

static void take(void *arg, const struct record_head *head)
{
	struct process *p = arg;

	if (head->type == RECORD_recorded)
		capture_files_packet(p->files, head);
}

static void commit(struct process *p)
{
	capture_files_commit(p->files);
	ring_reader_release(&p->rings);
}

static void run(struct process *p)
{
	struct pause pause = {.awaited = p->boot->purpose != BOOT_LIVE};

	for (;;) {
		bool over = ring_reader_over(&p->rings), any = false;

		for (unsigned i = 0; i < p->boot->worker_count; i++)
			any |= ring_reader_turn(&p->rings, i);
		if (any)
			commit(p);
		if ((over && !any) || asked_to_stop)
			break;
		pause_sleep(pause_next(&pause, any));
	}
}

/* ---- start ---- */

/* The URI, as it is configured; of captures there is only the link type to say. */
static const char *port_name(void *arg, unsigned index)
{
	const struct process *p = arg;
	const struct config *c = p->config;

	if (p->boot->purpose != BOOT_LIVE)
		return "capture";
	if (c->mode == MODE_INLINE)
		return index ? c->pair_b : c->pair_a;
	return index < c->ports.count ? c->ports.items[index] : "port";
}

static int prepare(struct process *p)
{
	struct sandbox own = {"the capture process", {p->dir, NULL}};
	struct capture_files_options options = {.port_name = port_name, .arg = p};
	int err;

	p->config = config_read(p->boot->config_fd);
	p->counters = counters_attach(p->boot->counters_fd);
	if (!p->config || !p->counters) {
		say("the capture process cannot read its configuration: %s", strerror(errno));
		return -EINVAL;
	}
	folder_beside(p->dir, sizeof(p->dir), p->config->capture_dir, p->config->store_dir, "pcap");
	options.dir = p->dir;
	options.budget_bytes = p->config->capture_budget;
	p->rings = (struct ring_reader){.what = "packet", .fds = p->boot->packet_ring_fd, .boot = p->boot,
					.counters = p->counters, .take = take, .arg = p};
	err = ring_reader_attach(&p->rings);
	if (!err)
		err = sandbox_begin(&own, p->config, p->boot);
	if (!err)
		err = capture_files_open(&p->files, &options);
	return err;
}

int main(int argc, char **argv)
{
	static struct process p;
	int err;

	if (argc != 3 || strcmp(argv[1], "--boot") != 0) {
		say("this program is started by metsuked (metsuke-capture --boot FD)");
		return 2;
	}
	p.boot = boot_attach(atoi(argv[2]));
	if (!p.boot) {
		say("what stands behind --boot %s is not a boot block: %s", argv[2], strerror(errno));
		return 2;
	}
	signal(SIGTERM, on_terminate);
	err = prepare(&p);
	if (!err)
		run(&p);
	capture_files_close(p.files);
	config_free(p.config);
	return err ? 1 : 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The capture process. The supervisor starts it as `metsuke-capture --boot FD` (boot.h), live always, over
 * captures when capture.enabled is set. It reads the ring of captured packets of every worker and writes
 * pcapng files; it knows nothing else of the service. It ends when the dataplane has ended and the rings
 * are read.
 */
#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/base/say.h"
#include "control/capture/capture_files.h"
#include "control/process/sandbox.h"
#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"
#include "dataplane/event/ring.h"

#define IDLE_SLEEP_NS 2000000
#define TURN_BYTES_MAX (1u << 20) /* of one ring before the next has its turn */
#define NAMED_MAX 4096

struct process {
	struct boot *boot;
	struct config *config;
	struct counters_shared *counters;
	struct capture_files *files;
	struct ring ring[MAX_WORKERS];
	uint64_t pos[MAX_WORKERS];
	char dir[NAMED_MAX];
};

static volatile sig_atomic_t asked_to_stop;

static void on_terminate(int signal)
{
	asked_to_stop = 1;
}

static bool read_ring(struct process *p, unsigned i)
{
	uint64_t avail, done = 0;
	const uint8_t *at = ring_peek(&p->ring[i], p->pos[i], &avail);

	while (done < avail && done < TURN_BYTES_MAX) {
		const struct record_head *head = (const void *)(at + done);

		if (avail > p->ring[i].size_bytes || !record_valid(head, avail - done)) {
			say("packet ring of worker %u: what stands at %llu is not a record; %llu bytes are skipped", i,
			    (unsigned long long)(p->pos[i] + done), (unsigned long long)(avail - done));
			done = avail;
			break;
		}
		if (head->type == RECORD_recorded)
			capture_files_packet(p->files, head);
		done += head->length;
	}
	p->pos[i] += done;
	return done != 0;
}

static void commit(struct process *p)
{
	capture_files_commit(p->files);
	for (unsigned i = 0; i < p->boot->worker_count; i++)
		ring_release(&p->ring[i], p->pos[i]);
}

/* Nothing more will come. */
static bool is_over(const struct process *p)
{
	uint32_t state = __atomic_load_n(&p->counters->status.state, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&p->boot->dataplane_gone, __ATOMIC_ACQUIRE) ||
	       (p->boot->purpose != BOOT_LIVE && (state == DATAPLANE_FINISHED || state == DATAPLANE_FAILED));
}

static void run(struct process *p)
{
	const struct timespec pause = {.tv_nsec = IDLE_SLEEP_NS};

	for (;;) {
		bool over = is_over(p), any = false;

		for (unsigned i = 0; i < p->boot->worker_count; i++)
			any |= read_ring(p, i);
		if (any)
			commit(p);
		if ((over && !any) || asked_to_stop)
			break;
		if (!any)
			nanosleep(&pause, NULL);
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

static void name_dir(struct process *p)
{
	char store[NAMED_MAX];

	if (*p->config->capture_dir) {
		snprintf(p->dir, sizeof(p->dir), "%s", p->config->capture_dir);
		return;
	}
	snprintf(store, sizeof(store), "%s", p->config->store_dir);
	snprintf(p->dir, sizeof(p->dir), "%.4000s/pcap", dirname(store));
}

static int attach(struct process *p)
{
	for (unsigned i = 0; i < p->boot->worker_count; i++) {
		int err = ring_attach(&p->ring[i], p->boot->packet_ring_fd[i]);

		if (!err && p->ring[i].shared->boot_id != p->boot->boot_id)
			err = -EPROTO;
		if (err) {
			say("the packet ring of worker %u cannot be used: %s", i, strerror(-err));
			return err;
		}
		p->pos[i] = ring_tail(&p->ring[i]);
	}
	return 0;
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
	name_dir(p);
	options.dir = p->dir;
	options.budget_bytes = p->config->capture_budget;
	err = attach(p);
	if (!err)
		err = sandbox_drop_root(&own, p->config, p->boot);
#if !METSUKE_SANITIZED
	if (!err && p->config->sandbox && p->boot->purpose == BOOT_LIVE)
		err = sandbox_enter(&own);
#endif
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

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control process. The supervisor starts it as `metsuke-control --boot FD` (boot.h). Threads:
 * ingest (main), which never waits for the others; rpc, which answers on the control socket;
 * keeper, which writes daily contact files and drops what has expired; jobs, which does what takes
 * long (imports, scans) and what is due; messenger, which sends what is in the outbox; those of RocksDB.
 *
 * `metsuke-control --store DIR --call MESSAGE` answers one JSON-RPC message on a store that no
 * daemon has open, and prints the reply; with `--input` standard input goes along with it.
 * `--store DIR --image` writes the workers' table of indicators. `--methods` prints the table of methods.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/base/say.h"
#include "control/contact/contacts.h"
#include "control/courier/courier.h"
#include "control/courier/messenger.h"
#include "control/hosts/hosts.h"
#include "control/http/http.h"
#include "control/ingest/ingest.h"
#include "control/intel/fetch.h"
#include "control/intel/intel.h"
#include "control/jobs/desk.h"
#include "control/jobs/input.h"
#include "control/process/keeper.h"
#include "control/process/sandbox.h"
#include "control/rpc/engine.h"
#include "control/rpc/rpc.h"
#include "control/rpc/server.h"
#include "control/store/store.h"

#define SMALL_DAY 50000 /* contacts: at the end of a run a day below stays in the journal */

struct process {
	struct boot *boot;
	struct config *config;
	struct counters_shared *counters;
	struct store *store;
	struct contacts *contacts;
	struct intel *intel;
	struct hosts *hosts;
	struct ingest *ingest;
	struct keeper *keeper;
	struct courier *courier;  /* NULL: nothing goes out */
	struct messenger *messenger;
	struct fetcher *fetcher;  /* NULL: no feeds */
	struct rpc_server *server;
	struct http_server *http; /* NULL: none is configured */
	struct rpc_engine *engine;
	struct desk desk;
	struct rpc_context context;
};

static struct ingest *rotating; /* for the handler of SIGHUP */

static void on_hangup(int signal)
{
	if (rotating)
		ingest_ask_rotate(rotating);
}

static int open_store(struct process *p)
{
	struct store_options options = {
		.cache_bytes = p->config->store_cache,
		.write_buffer_bytes = p->config->control_memory / 8,
		.fast_close = p->boot->purpose != BOOT_LIVE,
	};
	int err = store_open(&p->store, p->config->store_dir, STORE_WRITE, &options);

	if (!err && p->config->contacts)
		err = contacts_new(&p->contacts, p->store, p->config);
	if (!err)
		err = intel_open(&p->intel, p->store, p->config);
	if (!err && p->config->contacts)
		err = hosts_new(&p->hosts, p->store, p->config);
	if (err)
		say("%s", store_error());
	return err;
}

/* What still needs root, then the end of it. */
static int prepare(struct process *p)
{
	struct sandbox own = {SANDBOX_CONTROL, {NULL, NULL}};
	int err = 0;

	p->config = config_read(p->boot->config_fd);
	if (!p->config) {
		say("the configuration cannot be read: %s", strerror(errno));
		return -EINVAL;
	}
	p->counters = counters_attach(p->boot->counters_fd);
	if (!p->counters)
		say("the counters cannot be read: %s", strerror(errno));
	if (p->config->socket[0])
		err = rpc_server_new(&p->server, p->config->socket, p->config->control_group);
	if (!err && p->boot->purpose == BOOT_LIVE)
		err = http_bind(&p->http, p->config);
	own.folders[0] = p->config->store_dir;
	own.folders[1] = p->config->eve_enabled ? p->config->eve_dir : NULL;
	if (!err)
		err = sandbox_begin(&own, p->config, p->boot);
	return err;
}

static int start_rpc(struct process *p)
{
	int err = rpc_engine_new(&p->engine, p->boot->control_channel, p->counters);

	if (err)
		return err;
	p->context = (struct rpc_context){
		.store = p->store,
		.contacts = p->contacts,
		.config = p->config,
		.boot = p->boot,
		.counters = p->counters,
		.ingest = p->ingest,
		.engine = p->engine,
		.intel = p->intel,
		.hosts = p->hosts,
		.desk = &p->desk,
		.fd = -1,
	};
	return rpc_server_start(p->server, &p->context);
}

/* Live: what takes long, and what goes out. Over captures the store is only written. */
static int start_jobs(struct process *p)
{
	p->desk.config = p->config;
	p->desk.store = p->store;
	p->desk.contacts = p->contacts;
	p->desk.intel = p->intel;
	p->desk.hosts = p->hosts;
	p->desk.ingest = p->ingest;
	if (p->config->file_analysis) {
		p->desk.files_channel = p->boot->control_files;
		p->desk.files_starts = &p->boot->files_starts;
	}
	if (p->boot->purpose != BOOT_LIVE)
		return 0;
	if (p->boot->control_courier >= 0)
		p->courier = courier_open(p->boot->control_courier, p->config);
	if (p->courier && p->config->intel_feeds.count)
		p->fetcher = fetcher_new(p->config, p->intel, p->courier);
	p->desk.fetcher = p->fetcher;
	if (p->courier && messenger_start(&p->messenger, p->store, p->config, p->courier) != 0)
		say("messages about findings are not sent: out of memory");
	return jobs_start(&p->desk.jobs, p->store, &p->desk, desk_tick);
}

static int start(struct process *p)
{
	struct ingest_setup setup = {.config = p->config,
				     .boot = p->boot,
				     .counters = p->counters,
				     .store = p->store,
				     .contacts = p->contacts,
				     .hosts = p->hosts};
	int err = ingest_new(&p->ingest, &setup);

	if (err)
		return err;
	p->keeper = keeper_start(p->store, p->contacts, p->hosts, p->ingest,
				 p->config->store_retention_days, p->boot->purpose == BOOT_LIVE);
	err = start_jobs(p);
	if (!err && p->server)
		err = start_rpc(p);
	if (!err && p->http)
		err = http_start(p->http, &p->desk);
	rotating = p->ingest;
	signal(SIGHUP, on_hangup);
	if (p->keeper)
		keeper_budget(p->keeper, p->config);
	return err;
}

static void finish(struct process *p)
{
	rotating = NULL;
	rpc_server_free(p->server);
	http_free(p->http);
	jobs_stop(p->desk.jobs);
	messenger_stop(p->messenger);
	keeper_stop(p->keeper);
	if (p->contacts && p->ingest) {
		contacts_seal_all(p->contacts, SMALL_DAY);
		while (contacts_keep(p->contacts) == 1)
			;
	}
	ingest_free(p->ingest);
	rpc_engine_free(p->engine);
	fetcher_free(p->fetcher);
	courier_close(p->courier);
	hosts_free(p->hosts);
	intel_close(p->intel);
	contacts_free(p->contacts);
	store_close(p->store);
	desk_fini(&p->desk);
	config_free(p->config);
}

/* Without store, socket and address: what would be refused of the files that are named. */
static int check(struct boot *b)
{
	struct config *config = config_read(b->config_fd);
	int err = config ? http_check(config) : -EINVAL;

	config_free(config);
	return err;
}

static int run(struct boot *b)
{
	struct process p = {.boot = b};
	int err;

	desk_init(&p.desk);
	err = prepare(&p);

	if (!err)
		err = open_store(&p);
	if (!err)
		err = start(&p);
	if (!err)
		err = ingest_run(p.ingest);
	finish(&p);
	return err;
}

/* The table of indicators of a store that no daemon has open, into standard output. Nothing when
 * there is no such store, or no indicator in it. */
static int write_image(const char *dir)
{
	struct store_options options = {.fast_close = true};
	struct config *config = config_new();
	struct store *s;
	struct intel *intel;
	int err, fd;

	if (!config || store_open(&s, dir, STORE_READ, &options) != 0) {
		config_free(config);
		return 0;
	}
	err = intel_open(&intel, s, config);
	if (!err && intel_version(intel)) {
		err = intel_image(intel, &fd);
		if (!err) {
			err = input_copy(fd, 1);
			close(fd);
		}
	}
	intel_close(intel);
	store_close(s);
	config_free(config);
	return err ? 1 : 0;
}

static int call_store(const char *dir, const char *message, int file)
{
	struct text out = {0};
	int err = rpc_call_store(dir, message, file, &out);

	puts(text_cstr(&out));
	text_free(&out);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct boot *b;

	signal(SIGPIPE, SIG_IGN);
	if ((argc == 5 || (argc == 6 && strcmp(argv[5], "--input") == 0)) &&
	    strcmp(argv[1], "--store") == 0 && strcmp(argv[3], "--call") == 0)
		return call_store(argv[2], argv[4], argc == 6 ? 0 : -1);
	if (argc == 4 && strcmp(argv[1], "--store") == 0 && strcmp(argv[3], "--image") == 0)
		return write_image(argv[2]);
	if (argc == 2 && strcmp(argv[1], "--methods") == 0) {
		struct text out = {0};

		rpc_document(&out);
		fputs(text_cstr(&out), stdout);
		text_free(&out);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--routes") == 0) {
		struct text out = {0};

		http_document(&out);
		fputs(text_cstr(&out), stdout);
		text_free(&out);
		return 0;
	}
	if (argc != 3 || strcmp(argv[1], "--boot") != 0) {
		say("this program is started by metsuked (metsuke-control --boot FD)");
		return 2;
	}
	b = boot_attach(atoi(argv[2]));
	if (!b) {
		say("what stands behind --boot %s is not a boot block: %s", argv[2],
		    strerror(errno));
		return 2;
	}
	return (b->purpose == BOOT_CHECK ? check(b) : run(b)) == 0 ? 0 : 1;
}

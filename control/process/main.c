/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control process. The supervisor starts it as `metsuke-control --boot FD` (boot.h). Threads:
 * ingest (main), which never waits for the others; rpc, which answers on the control socket;
 * keeper, which writes daily contact files and drops what has expired; those of RocksDB.
 *
 * `metsuke-control --store DIR --call MESSAGE` answers one JSON-RPC message on a store that no
 * daemon has open, and prints the reply. `--methods` prints the table of methods.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/base/say.h"
#include "control/contact/contacts.h"
#include "control/ingest/ingest.h"
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
	struct ingest *ingest;
	struct keeper *keeper;
	struct rpc_server *server;
	struct rpc_engine *engine;
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
	if (err)
		say("%s", store_error());
	return err;
}

/* What still needs root, then the end of it. */
static int prepare(struct process *p)
{
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
	if (!err)
		err = sandbox_drop_root(p->config, p->boot);
#if !METSUKE_SANITIZED
	if (!err && p->config->sandbox && p->boot->purpose == BOOT_LIVE)
		err = sandbox_enter(p->config);
#endif
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
	};
	return rpc_server_start(p->server, &p->context);
}

static int start(struct process *p)
{
	struct ingest_setup setup = {.config = p->config,
				     .boot = p->boot,
				     .counters = p->counters,
				     .store = p->store,
				     .contacts = p->contacts};
	int err = ingest_new(&p->ingest, &setup);

	if (err)
		return err;
	p->keeper = keeper_start(p->store, p->contacts, p->ingest,
				 p->config->store_retention_days, p->boot->purpose == BOOT_LIVE);
	if (p->server)
		err = start_rpc(p);
	rotating = p->ingest;
	signal(SIGHUP, on_hangup);
	if (p->keeper)
		keeper_budget(p->keeper, p->config);
	return err;
}

static void finish(struct process *p)
{
	rotating = NULL;
	keeper_stop(p->keeper);
	rpc_server_free(p->server);
	if (p->contacts && p->ingest) {
		contacts_seal_all(p->contacts, SMALL_DAY);
		while (contacts_keep(p->contacts) == 1)
			;
	}
	ingest_free(p->ingest);
	rpc_engine_free(p->engine);
	contacts_free(p->contacts);
	store_close(p->store);
	config_free(p->config);
}

static int run(struct boot *b)
{
	struct process p = {.boot = b};
	int err = prepare(&p);

	if (!err)
		err = open_store(&p);
	if (!err)
		err = start(&p);
	if (!err)
		err = ingest_run(p.ingest);
	finish(&p);
	return err;
}

static int call_store(const char *dir, const char *message)
{
	struct text out = {0};
	int err = rpc_call_store(dir, message, &out);

	puts(text_cstr(&out));
	text_free(&out);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct boot *b;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 5 && strcmp(argv[1], "--store") == 0 && strcmp(argv[3], "--call") == 0)
		return call_store(argv[2], argv[4]);
	if (argc == 2 && strcmp(argv[1], "--methods") == 0) {
		struct text out = {0};

		rpc_document(&out);
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
	return run(b) == 0 ? 0 : 1;
}

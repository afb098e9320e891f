/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control process. The supervisor starts it as `metsuke-control --boot FD` (boot.h). Three
 * threads: ingest (main), which never waits for the others; rpc, which answers on the control
 * socket; and keeper, which writes daily contact files and drops what has expired.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/base/say.h"
#include "control/ingest/ingest.h"
#include "control/store/store.h"

static int open_store(struct store **out, const struct config *c, const struct boot *b)
{
	struct store_options options = {
		.cache_bytes = c->store_cache,
		.write_buffer_bytes = c->control_memory / 8,
		.fast_close = b->purpose != BOOT_LIVE,
	};
	int err = store_open(out, c->store_dir, STORE_WRITE, &options);

	if (err)
		say("%s", store_error());
	return err;
}

static int run(struct boot *b)
{
	struct ingest_setup setup = {.boot = b};
	struct config *c = config_read(b->config_fd);
	struct ingest *in = NULL;
	int err = c ? 0 : -errno;

	if (err) {
		say("the configuration cannot be read: %s", strerror(-err));
		return err;
	}
	setup.config = c;
	setup.counters = counters_attach(b->counters_fd);
	if (!setup.counters)
		say("the counters cannot be read: %s", strerror(errno));
	err = open_store(&setup.store, c, b);
	if (!err)
		err = ingest_new(&in, &setup);
	if (!err)
		err = ingest_run(in);
	ingest_free(in);
	store_close(setup.store);
	config_free(c);
	return err;
}

int main(int argc, char **argv)
{
	struct boot *b;

	if (argc != 3 || strcmp(argv[1], "--boot") != 0) {
		say("this program is started by metsuked (metsuke-control --boot FD)");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	b = boot_attach(atoi(argv[2]));
	if (!b) {
		say("what stands behind --boot %s is not a boot block: %s", argv[2],
		    strerror(errno));
		return 2;
	}
	return run(b) == 0 ? 0 : 1;
}

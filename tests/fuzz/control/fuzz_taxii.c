/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What other sensors post: envelopes, taken in by the job as they are in the daemon, one at a time;
 * ids of status resources.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/contact/contacts.h"
#include "control/hosts/hosts.h"
#include "control/http/shared.h"
#include "control/intel/intel.h"
#include "control/store/store.h"
#include "dataplane/event/config.h"

static struct desk desk;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char dir[] = "/dev/shm/fuzz-taxii-XXXXXX";

	desk_init(&desk);
	if (!mkdtemp(dir) || store_open(&desk.store, dir, STORE_WRITE, NULL) != 0)
		abort();
	desk.config = config_new();
	if (contacts_new(&desk.contacts, desk.store, desk.config) != 0 ||
	    intel_open(&desk.intel, desk.store, desk.config) != 0 ||
	    hosts_new(&desk.hosts, desk.store, desk.config) != 0 ||
	    jobs_start(&desk.jobs, desk.store, &desk, NULL) != 0)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char id[64];
	uint64_t job;

	snprintf(id, sizeof(id), "%.*s", size < 60 ? (int)size : 60, (const char *)data);
	shared_job_of(id, &job);
	for (bool over = shared_submit(&desk, "fuzz", (struct slice){data, size}, &job) != 0; !over;) {
		struct text status = {0};

		if (!shared_put_status(&desk, job, &status))
			abort();
		over = memmem(status.data, status.len, "\"complete\"", 10) != NULL;
		text_free(&status);
		if (!over)
			usleep(50);
	}
	return 0;
}

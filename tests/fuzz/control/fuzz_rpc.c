/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lines of the control socket: parsing, checks, dispatch of every method that a store alone can
 * answer. Whatever comes in, the reply is one line of JSON.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "control/contact/contacts.h"
#include "control/intel/intel.h"
#include "control/rpc/rpc.h"
#include "control/store/store.h"
#include "dataplane/event/config.h"

static struct rpc_context ctx;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char dir[] = "/dev/shm/fuzz-rpc-XXXXXX";
	struct store *s;

	if (!mkdtemp(dir))
		abort();
	if (store_open(&s, dir, STORE_WRITE, NULL) != 0) {
		fprintf(stderr, "%s\n", store_error());
		abort();
	}
	ctx.store = s;
	ctx.config = config_new();
	if (contacts_new(&ctx.contacts, s, ctx.config) != 0 ||
	    intel_open(&ctx.intel, s, ctx.config) != 0)
		abort();
	return 0;
}

static void answer(const char *line, size_t len)
{
	struct text out = {0};
	json_t *reply;

	rpc_line(&ctx, 1, line, len, &out);
	if (out.len) {
		if (memchr(out.data, '\n', out.len))
			abort();
		reply = json_loadb((char *)out.data, out.len, 0, NULL);
		if (!reply)
			abort();
		json_decref(reply);
	}
	text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data;
	size_t start = 0;

	for (size_t i = 0; i <= size; i++) {
		if (i < size && line[i] != '\n')
			continue;
		answer(line + start, i - start);
		start = i + 1;
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * retro.rules: new rules over what is stored. The control process may not read rule files, so
 * their contents come with the call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/retro/refit.h"
#include "control/rpc/rpc_private.h"

/* The files of the call, borrowed from its parameters. NULL after rpc_fail. */
static struct refit_file *read_files(struct rpc_call *call, uint32_t *count)
{
	const json_t *files = json_object_get(call->params, "files");
	size_t n = json_array_size(files);
	struct refit_file *out;

	if (!n || n > REFIT_FILES_MAX) {
		rpc_fail(call, RPC_PARAMS,
			 "retro.rules: files must be a list of 1 to %d rule files",
			 REFIT_FILES_MAX);
		return NULL;
	}
	out = calloc(n, sizeof(*out));
	if (!out) {
		rpc_fail(call, RPC_INTERNAL, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *file = json_array_get(files, i),
			     *text = json_object_get(file, "text");

		out[i].name = json_string_value(json_object_get(file, "name"));
		out[i].text = json_string_value(text);
		out[i].len = json_string_length(text);
		if (!out[i].name || !out[i].text) {
			rpc_fail(call, RPC_PARAMS,
				 "retro.rules: each of files must be {\"name\", \"text\"}");
			free(out);
			return NULL;
		}
	}
	*count = (uint32_t)n;
	return out;
}

void method_retro_rules(struct rpc_call *call)
{
	struct refit_options o = {.until_ns = UINT64_MAX};
	struct refit_file *files = read_files(call, &o.file_count);
	int err;

	if (!files)
		return;
	o.files = files;
	o.samples = (uint32_t)(param_uint(call, "samples", 0) & 0xff);
	param_time(call, "since", &o.since_ns);
	param_time(call, "until", &o.until_ns);
	err = refit_run(call->ctx->store, &o, call->result);
	if (err == -ENOMEM)
		rpc_fail(call, RPC_INTERNAL, "out of memory");
	else if (err)
		rpc_fail(call, RPC_FAILED, "%s", store_error());
	free(files);
}

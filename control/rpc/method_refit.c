/* SPDX-License-Identifier: BSD-3-Clause
 *
 * retro.rules: new rules over what is stored. The control process may not read rule files, so their
 * contents come with the call: among its parameters, or, of any size, in a file beside it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/jobs/desk.h"
#include "control/jobs/input.h"
#include "control/retro/refit.h"
#include "control/rpc/rpc_private.h"

#define FILES_BYTES_MAX (64u << 20)
#define PARTS 1000 /* of the window, as progress counts */

struct refit_request {
	struct refit_options options;
	json_t *files; /* from the parameters; NULL: they come as a file */
	struct job *job;
	struct store *store;
	atomic_bool cancel;
};

/* The rule files of a list, borrowed from it. NULL and a sentence in the job. */
static struct refit_file *read_files(struct job *j, const json_t *files, uint32_t *count)
{
	size_t n = json_array_size(files);
	struct refit_file *out = n && n <= REFIT_FILES_MAX ? calloc(n, sizeof(*out)) : NULL;

	if (!out) {
		snprintf(j->error, sizeof(j->error), "files must be a list of 1 to %d rule files",
			 REFIT_FILES_MAX);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *file = json_array_get(files, i), *text = json_object_get(file, "text");

		out[i].name = json_string_value(json_object_get(file, "name"));
		out[i].text = json_string_value(text);
		out[i].len = json_string_length(text);
		if (!out[i].name || !out[i].text) {
			snprintf(j->error, sizeof(j->error),
				 "each of files must be {\"name\", \"text\"}");
			free(out);
			return NULL;
		}
	}
	*count = (uint32_t)n;
	return out;
}

static void show_progress(void *arg, const struct refit_progress *p)
{
	struct refit_request *r = arg;

	r->job->done = (uint64_t)(p->part * PARTS);
	r->job->total = PARTS;
	if (atomic_load(&r->job->stop) || store_wanted(r->store))
		atomic_store(&r->cancel, true);
}

/* The list that came as a file: {"files": […]}. */
static int load_files(struct job *j, struct refit_request *r)
{
	struct input in;
	int err = input_open(&in, j->fd, FILES_BYTES_MAX);
	json_t *o;

	if (err) {
		snprintf(j->error, sizeof(j->error), "the rule files cannot be read: %s", strerror(-err));
		return err;
	}
	o = json_loadb(in.bytes.data, in.bytes.len, JSON_REJECT_DUPLICATES, NULL);
	r->files = json_incref(json_object_get(o, "files"));
	json_decref(o);
	input_close(&in);
	return 0;
}

static int run_rules(struct job *j, struct desk *d)
{
	struct refit_request *r = j->arg;
	struct refit_file *files;
	int err = r->files ? 0 : load_files(j, r);

	if (err)
		return err;
	files = read_files(j, r->files, &r->options.file_count);
	if (!files)
		return -EINVAL;
	r->options.files = files;
	r->options.progress = show_progress;
	r->options.arg = r;
	r->options.cancel = &r->cancel;
	r->job = j;
	r->store = d->store;
	atomic_store(&r->cancel, false);
	err = refit_run(d->store, &r->options, &j->result);
	free(files);
	if (!err && atomic_load(&r->cancel))
		err = atomic_load(&j->stop) ? -ECANCELED : -EAGAIN;
	return err;
}

static void release(struct job *j)
{
	struct refit_request *r = j->arg;

	json_decref(r->files);
	free(r);
}

void method_retro_rules(struct rpc_call *call)
{
	json_t *files = json_object_get(call->params, "files");
	struct refit_request *r = calloc(1, sizeof(*r));
	struct job *j = job_new("retro rules", run_rules);

	if (!r || !j || (!files && call->ctx->fd < 0)) {
		if (r && j)
			rpc_fail(call, RPC_PARAMS, "retro.rules: files must be given, or come as a file "
						   "beside the message");
		else
			rpc_fail(call, RPC_INTERNAL, "out of memory");
		free(r);
		job_free(j);
		return;
	}
	r->options.until_ns = UINT64_MAX;
	r->options.samples = (uint32_t)(param_uint(call, "samples", 0) & 0xff);
	param_time(call, "since", &r->options.since_ns);
	param_time(call, "until", &r->options.until_ns);
	r->files = json_incref(files);
	if (!files) {
		j->fd = call->ctx->fd;
		call->ctx->fd = -1;
	}
	j->arg = r;
	j->release = release;
	rpc_job(call, j);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Methods that take long: run here and now without a jobs thread, else queued and answered when
 * they are done.
 */
#include <errno.h>

#include "control/jobs/desk.h"
#include "control/rpc/rpc_private.h"

static void run_here(struct rpc_call *call, struct job *j)
{
	if (job_run(j, call->ctx->desk) != 0)
		rpc_fail(call, RPC_FAILED, "%s", j->error);
	else
		text_bytes(call->result, j->result.data, j->result.len);
	job_free(j);
}

void rpc_job(struct rpc_call *call, struct job *j)
{
	struct jobs *js = call->ctx->desk->jobs;
	bool waits = call->id && !param_bool(call, "background");
	uint64_t number;

	if (!j) {
		rpc_fail(call, RPC_INTERNAL, "out of memory");
		return;
	}
	if (!js) {
		run_here(call, j);
		return;
	}
	if (waits) {
		j->client = call->client;
		rpc_put_id(&j->request_id, call->id);
	}
	number = jobs_submit(js, j);
	if (!number) {
		rpc_fail(call, RPC_FAILED, "too much is waiting to be done; see jobs");
		return;
	}
	call->deferred = waits;
	if (!waits) {
		text_char(call->result, '{');
		json_key_uint(call->result, "job", number);
		text_char(call->result, '}');
	}
}

void rpc_job_reply(struct text *out, const struct job *j)
{
	struct text result = j->result;
	struct rpc_call call = {.result = &result};

	if (j->state != JOB_DONE)
		rpc_fail(&call, RPC_FAILED, "%s", j->error[0] ? j->error : "it was stopped");
	rpc_reply(out, (struct slice){j->request_id.data, j->request_id.len}, &call);
}

void method_jobs(struct rpc_call *call)
{
	if (call->ctx->desk->jobs)
		jobs_list(call->ctx->desk->jobs, call->result);
	else
		text_str(call->result, "[]");
}

void method_jobs_cancel(struct rpc_call *call)
{
	uint64_t number = param_uint(call, "job", 0);
	struct jobs *js = call->ctx->desk->jobs;

	if (!js || !jobs_cancel(js, number))
		rpc_fail(call, RPC_FAILED, "there is no job %llu that waits or runs",
			 (unsigned long long)number);
	else
		text_str(call->result, "{\"cancelled\":true}");
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "control/hosts/hosts.h"
#include "control/rpc/rpc_private.h"

#define HOSTS_LIMIT 1000

void method_hosts(struct rpc_call *call)
{
	uint64_t at_ns = 0;
	int err;

	if (!call->ctx->hosts) {
		rpc_fail(call, RPC_FAILED, "hosts are not kept here (contacts.enabled is no)");
		return;
	}
	param_time(call, "at", &at_ns);
	err = hosts_list(call->ctx->hosts, param_text(call, "text"), at_ns,
			 param_uint(call, "limit", HOSTS_LIMIT), call->result);
	if (err == -ENOMEM)
		rpc_fail(call, RPC_INTERNAL, "out of memory");
	else if (err)
		rpc_fail(call, RPC_FAILED, "%s", store_error());
}

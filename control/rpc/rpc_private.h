/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the methods share. Nobody outside this folder includes it.
 */
#ifndef CONTROL_RPC_PRIVATE_H
#define CONTROL_RPC_PRIVATE_H

#include <jansson.h>

#include "control/rpc/rpc.h"
#include "dataplane/base/addr.h"

enum rpc_role { ROLE_READ, ROLE_STORE, ROLE_ENGINE };

enum rpc_code {
	RPC_PARSE = -32700,
	RPC_REQUEST = -32600,
	RPC_METHOD = -32601,
	RPC_PARAMS = -32602,
	RPC_INTERNAL = -32603,
	RPC_FAILED = -32000,
};

/* One call: what a method reads and writes. */
struct rpc_call {
	struct rpc_context *ctx;
	const json_t *params; /* an object whose members were checked against the table */
	struct text *result;  /* the method appends one JSON value */
	uint64_t client;
	const json_t *id;     /* NULL: a notification */
	bool deferred;        /* the reply comes later */
	int code;             /* != 0: failed */
	char message[700];
};

struct rpc_method {
	const char *name;
	enum rpc_role role;
	const char *params;
	const char *doc;
	void (*run)(struct rpc_call *call);
};

extern const struct rpc_method rpc_methods[]; /* ends with name == NULL */

#define METHOD(function, name, role, params, doc) void method_##function(struct rpc_call *call);
#include "control/rpc/methods.def"
#undef METHOD

void rpc_fail(struct rpc_call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends a whole reply: the result, or the error if call->code is set. id: as JSON text. */
void rpc_reply(struct text *out, struct slice id, const struct rpc_call *call);

/* Sends a command to the dataplane; finish makes the result of its reply (fd: borrowed, or -1).
 * The call is deferred, or has failed. */
struct command;
void rpc_defer(struct rpc_call *call, struct command *cmd, unsigned wait_s,
	       void (*finish)(struct rpc_call *call, const struct command *reply, int fd));
/* Likewise, with a descriptor that goes along (borrowed). */
void rpc_defer_fd(struct rpc_call *call, struct command *cmd, int along, unsigned wait_s,
		  void (*finish)(struct rpc_call *call, const struct command *reply, int fd));

/* Takes j: runs it and gives its result (offline), or queues it, and the reply comes when it is
 * done; at once, with its number, if the call has "background". */
struct job;
void rpc_job(struct rpc_call *call, struct job *j);
/* Appends the reply of a job that is finished. */
void rpc_job_reply(struct text *out, const struct job *j);
/* Appends the request's id as JSON. */
void rpc_put_id(struct text *out, const json_t *id);
/* Why the store or the memory could not be asked, as the call's error. */
void rpc_fail_errno(struct rpc_call *call, int err, const char *kind, const char *value);

/* The parameter kind, or what value looks like; 0 after the call has failed. */
int rpc_kind_of(struct rpc_call *call, const char *value);

/* Rows of the store, in or against the order of time. */
struct event_filter {
	uint64_t since_ns, until_ns; /* [since, until] */
	bool oldest_first;
	const char *type, *text;     /* NULL: any */
	size_t type_len;
	uint64_t sid, port, flow_id; /* 0: any */
	struct addr ip, src, dst;
	int ip_version, src_version, dst_version; /* 0: any */
	uint64_t limit;
	uint64_t rows_max;           /* looked at, at most; 0: all */
};
/* Appends a JSON array. 0 or -errno. */
int events_find(struct store *s, enum store_family family, const struct event_filter *f,
		struct text *out);

/* Parameters; checked already, so only their absence matters. */
const char *param_text(const struct rpc_call *call, const char *name); /* NULL: absent */
uint64_t param_uint(const struct rpc_call *call, const char *name, uint64_t otherwise);
bool param_bool(const struct rpc_call *call, const char *name);
bool param_time(const struct rpc_call *call, const char *name, uint64_t *ns);
int param_addr(const struct rpc_call *call, const char *name, struct addr *a); /* 4, 6; 0 absent */
/* Checks params against the table's text; false after rpc_fail. */
bool params_check(struct rpc_call *call, const struct rpc_method *method);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One message: parsed, checked, dispatched, answered.
 */
#include "control/rpc/rpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/contact/contacts.h"
#include "control/intel/intel.h"
#include "control/rpc/rpc_private.h"

const struct rpc_method rpc_methods[] = {
#define METHOD(function, name, role, params, doc) {name, ROLE_##role, params, doc, method_##function},
#include "control/rpc/methods.def"
#undef METHOD
	{NULL, ROLE_READ, NULL, NULL, NULL},
};

static const char *const role_names[] = {"read", "store", "engine"};

void rpc_fail(struct rpc_call *call, int code, const char *format, ...)
{
	va_list args;

	call->code = code;
	va_start(args, format);
	vsnprintf(call->message, sizeof(call->message), format, args);
	va_end(args);
}

static const struct rpc_method *find_method(const char *name)
{
	for (const struct rpc_method *m = rpc_methods; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static void put_id(struct text *out, const json_t *id)
{
	if (json_is_integer(id))
		text_int(out, json_integer_value(id));
	else if (json_is_real(id))
		text_float(out, json_real_value(id));
	else if (json_is_string(id))
		json_put_string(out, json_string_value(id), json_string_length(id));
	else
		text_str(out, "null");
}

void rpc_reply(struct text *out, struct slice id, const struct rpc_call *call)
{
	text_str(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	text_bytes(out, id.data, id.len);
	if (call->code) {
		text_str(out, ",\"error\":{\"code\":");
		text_int(out, call->code);
		json_key_cstr(out, "message", call->message);
		text_char(out, '}');
	} else {
		text_str(out, ",\"result\":");
		text_bytes(out, call->result->data, call->result->len);
	}
	text_char(out, '}');
}

static void put_error(struct text *out, int code, const char *message)
{
	struct rpc_call call = {.code = code};

	snprintf(call.message, sizeof(call.message), "%s", message);
	rpc_reply(out, (struct slice){"null", 4}, &call);
}

/* Runs the method; the result stands in call->result, or call->code is set. */
static void run_method(struct rpc_call *call, const struct rpc_method *m)
{
	struct rpc_context *ctx = call->ctx;

	if (!params_check(call, m))
		return;
	if (m->role == ROLE_ENGINE && !ctx->engine) {
		rpc_fail(call, RPC_FAILED, "%s: this needs a running engine", m->name);
		return;
	}
	if (!store_enter(ctx->store)) {
		rpc_fail(call, RPC_FAILED, "%s", store_error());
		return;
	}
	m->run(call);
	store_leave(ctx->store);
	if (!call->code && call->result->failed)
		rpc_fail(call, RPC_INTERNAL, "%s: out of memory", m->name);
}

static void dispatch(struct rpc_context *ctx, uint64_t client, const json_t *request,
		     struct text *out)
{
	const json_t *id = json_object_get(request, "id");
	const char *name = json_string_value(json_object_get(request, "method"));
	const char *version = json_string_value(json_object_get(request, "jsonrpc"));
	json_t *params = json_object_get(request, "params"), *none = NULL;
	const struct rpc_method *m = name ? find_method(name) : NULL;
	struct text result = {0}, id_text = {0};
	struct rpc_call call = {.ctx = ctx, .result = &result, .client = client, .id = id};

	if (!params || json_is_null(params))
		params = none = json_object();
	call.params = params;
	if (!json_is_object(request) || !name || !version || strcmp(version, "2.0") != 0)
		rpc_fail(&call, RPC_REQUEST, "this is not a JSON-RPC 2.0 request");
	else if (!m)
		rpc_fail(&call, RPC_METHOD, "there is no method %.60s; \"help\" lists them", name);
	else if (!json_is_object(params))
		rpc_fail(&call, RPC_PARAMS, "%s: params must be an object", name);
	else
		run_method(&call, m);
	/* A notification gets no reply; a message too broken to tell gets one. */
	if (!call.deferred && (id || call.code == RPC_REQUEST)) {
		put_id(&id_text, id);
		rpc_reply(out, (struct slice){id_text.data, id_text.len}, &call);
		text_free(&id_text);
	}
	text_free(&result);
	json_decref(none);
}

void rpc_line(struct rpc_context *ctx, uint64_t client, const char *line, size_t len,
	      struct text *out)
{
	json_error_t error;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	char message[200];

	if (!request) {
		snprintf(message, sizeof(message), "this is not JSON: %.120s (column %d)", error.text,
			 error.column);
		put_error(out, RPC_PARSE, message);
		return;
	}
	if (json_is_array(request))
		put_error(out, RPC_REQUEST, "send one request a line, not a batch");
	else
		dispatch(ctx, client, request, out);
	json_decref(request);
}

/* Whether the method named in the message writes to the store. */
static bool writes_store(const char *line)
{
	json_t *request = json_loads(line, 0, NULL);
	const char *name = json_string_value(json_object_get(request, "method"));
	const struct rpc_method *m = name ? find_method(name) : NULL;
	bool writes = m && m->role == ROLE_STORE;

	json_decref(request);
	return writes;
}

int rpc_call_store(const char *dir, const char *line, struct text *out)
{
	struct store_options options = {.cache_bytes = 128u << 20, .fast_close = true};
	struct config *config = config_new();
	struct rpc_context ctx = {.config = config};
	int err = store_open(&ctx.store, dir, writes_store(line) ? STORE_WRITE : STORE_READ, &options);

	if (!err && !config)
		err = -ENOMEM;
	if (!err)
		err = contacts_new(&ctx.contacts, ctx.store, config);
	if (!err)
		err = intel_open(&ctx.intel, ctx.store, config);
	if (err)
		put_error(out, RPC_FAILED, store_error());
	else
		rpc_line(&ctx, 0, line, strlen(line), out);
	intel_close(ctx.intel);
	contacts_free(ctx.contacts);
	store_close(ctx.store);
	config_free(config);
	return err;
}

void method_help(struct rpc_call *call)
{
	struct text *out = call->result;

	text_char(out, '[');
	for (const struct rpc_method *m = rpc_methods; m->name; m++) {
		json_comma(out);
		text_char(out, '{');
		json_key_cstr(out, "method", m->name);
		json_key_cstr(out, "role", role_names[m->role]);
		json_key_cstr(out, "params", m->params);
		json_key_cstr(out, "doc", m->doc);
		text_char(out, '}');
	}
	text_char(out, ']');
}

void rpc_document(struct text *out)
{
	text_str(out, "| method | role | parameters | meaning |\n|---|---|---|---|\n");
	for (const struct rpc_method *m = rpc_methods; m->name; m++)
		text_format(out, "| `%s` | %s | %s%s%s | %s |\n", m->name, role_names[m->role],
			    *m->params ? "`" : "", m->params, *m->params ? "`" : "", m->doc);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * retro.* and intel.*
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "control/intel/intel.h"
#include "control/retro/retro.h"
#include "control/rpc/rpc_private.h"

#define CLIENT_LIMIT 10000

static uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void fail_errno(struct rpc_call *call, int err, const char *kind, const char *value)
{
	if (err == -EINVAL)
		rpc_fail(call, RPC_PARAMS, "\"%.200s\" is not a value of kind %s", value, kind);
	else if (err == -ENOMEM)
		rpc_fail(call, RPC_INTERNAL, "out of memory");
	else if (err == -EPROTO)
		rpc_fail(call, RPC_FAILED, "a row of the store cannot be read");
	else
		rpc_fail(call, RPC_FAILED, "%s", store_error());
}

static bool have_contacts(struct rpc_call *call)
{
	if (!call->ctx->contacts)
		rpc_fail(call, RPC_FAILED,
			 "contacts are not kept here (contacts.enabled is no)");
	return call->ctx->contacts != NULL;
}

void method_retro_indicator(struct rpc_call *call)
{
	const char *value = param_text(call, "value"), *name = param_text(call, "kind");
	int kind = name ? indicator_kind_by_name(name) : indicator_guess(value), err;

	if (!have_contacts(call))
		return;
	if (!kind) {
		rpc_fail(call, RPC_PARAMS, "what \"%.200s\" is cannot be guessed: give kind, %s",
			 value, INDICATOR_KIND_NAMES);
		return;
	}
	err = retro_indicator(call->ctx->store, call->ctx->contacts, kind, value,
			      param_uint(call, "limit", UINT64_MAX), call->result);
	if (err)
		fail_errno(call, err, indicator_kind_name(kind), value);
}

void method_retro_client(struct rpc_call *call)
{
	struct addr a;
	int version = param_addr(call, "client", &a), err;

	if (!have_contacts(call))
		return;
	err = retro_client(call->ctx->intel, call->ctx->contacts, &a, version,
			   param_bool(call, "all"), param_uint(call, "limit", CLIENT_LIMIT),
			   call->result);
	if (err)
		fail_errno(call, err, "", "");
}

void method_retro_scan(struct rpc_call *call)
{
	struct retro_found found = {0};
	uint64_t indicators = 0, start = wall_ns();
	int err;

	if (!have_contacts(call))
		return;
	err = retro_scan(call->ctx->store, call->ctx->intel, call->ctx->contacts, &indicators, &found);
	if (err) {
		fail_errno(call, err, "", "");
		return;
	}
	text_char(call->result, '{');
	json_key_uint(call->result, "version", intel_version(call->ctx->intel));
	json_key_uint(call->result, "indicators", indicators);
	json_key_uint(call->result, "findings", found.clients);
	json_key_uint(call->result, "new", found.fresh);
	json_key(call->result, "seconds");
	text_float(call->result, (double)((wall_ns() - start) / 1000000) / 1000);
	json_key(call->result, "rows");
	err = retro_findings(call->ctx->store, UINT64_MAX, call->result);
	text_char(call->result, '}');
	if (err)
		fail_errno(call, err, "", "");
}

void method_retro_findings(struct rpc_call *call)
{
	int err = retro_findings(call->ctx->store, param_uint(call, "limit", UINT64_MAX),
				 call->result);

	if (err)
		fail_errno(call, err, "", "");
}

#define BY_HAND "manual" /* source of what is added here, if none is named */

/* One entry put or taken out. 0 and *result, or -errno (-EINVAL: not a value of that kind). */
static int change_one(struct rpc_call *call, enum intel_mode mode, int kind, const char *value,
		      struct intel_result *result)
{
	const char *note = param_text(call, "note"), *source = param_text(call, "source");
	struct intel_entry e = {.kind = kind,
				.value = {value, strlen(value)},
				.below = kind == CONTACT_DOMAIN,
				.confidence = 100,
				.severity = 1,
				.note = {note ? note : "", note ? strlen(note) : 0}};
	struct intel_change *c;
	int err = intel_change_begin(call->ctx->intel, source ? source : BY_HAND, mode, &c);

	if (err)
		return err;
	err = intel_change_entry(c, &e);
	if (err) {
		intel_change_abort(c);
		return err;
	}
	err = intel_change_publish(c, result);
	return err ? err : result->refused ? -EINVAL : 0;
}

void method_intel_add(struct rpc_call *call)
{
	const char *name = param_text(call, "kind"), *value = param_text(call, "value");
	int kind = indicator_kind_by_name(name), added, err = 0;
	struct intel_result result = {0};
	struct retro_found found = {0};
	struct text rows = {0};
	uint64_t version;

	added = change_one(call, INTEL_ADD, kind, value, &result);
	if (added < 0) {
		fail_errno(call, added, name, value);
		return;
	}
	added = result.fresh != 0;
	version = result.version;
	if (call->ctx->contacts)
		err = retro_find(call->ctx->store, call->ctx->contacts, kind, value, &rows, &found);
	if (err) {
		fail_errno(call, err, name, value);
	} else {
		text_char(call->result, '{');
		json_key_bool(call->result, "added", added);
		json_key_uint(call->result, "version", version);
		json_key_uint(call->result, "clients", found.clients);
		json_key(call->result, "rows");
		if (rows.len)
			text_bytes(call->result, rows.data, rows.len);
		else
			text_str(call->result, "[]");
		text_char(call->result, '}');
	}
	text_free(&rows);
}

void method_intel_del(struct rpc_call *call)
{
	const char *name = param_text(call, "kind"), *value = param_text(call, "value");
	struct intel_result result = {0};
	int kind = indicator_kind_by_name(name);
	int gone = change_one(call, INTEL_REMOVE, kind, value, &result);
	uint64_t version = result.version;

	if (!gone && result.removed)
		gone = retro_forget(call->ctx->store, kind, value);
	if (gone < 0) {
		fail_errno(call, gone, name, value);
		return;
	}
	gone = result.removed != 0;
	text_char(call->result, '{');
	json_key_bool(call->result, "deleted", gone);
	json_key_uint(call->result, "version", version);
	text_char(call->result, '}');
}

struct listing {
	struct text *out;
	uint64_t left;
};

static int list_one(void *arg, const struct intel_verdict *v)
{
	struct listing *l = arg;

	if (!l->left--)
		return 1;
	json_comma(l->out);
	text_char(l->out, '{');
	json_key_cstr(l->out, "kind", indicator_kind_name(v->kind));
	json_key(l->out, "value");
	json_put_string(l->out, v->best.value.data, v->best.value.len);
	json_key(l->out, "note");
	json_put_string(l->out, v->best.note.data, v->best.note.len);
	json_key(l->out, "source");
	json_put_string(l->out, v->best.source.data, v->best.source.len);
	json_key_uint(l->out, "version", v->since_version);
	text_char(l->out, '}');
	return 0;
}

void method_intel_list(struct rpc_call *call)
{
	const char *name = param_text(call, "kind");
	struct listing l = {call->result, param_uint(call, "limit", UINT64_MAX)};
	int err;

	text_char(call->result, '[');
	err = intel_each(call->ctx->intel, name ? indicator_kind_by_name(name) : 0, 0, list_one, &l);
	text_char(call->result, ']');
	if (err < 0)
		fail_errno(call, err, "", "");
}

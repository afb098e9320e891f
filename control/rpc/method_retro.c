/* SPDX-License-Identifier: BSD-3-Clause
 *
 * retro.*
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/when.h"
#include "control/hosts/hosts.h"
#include "control/jobs/input.h"
#include "control/retro/finding.h"
#include "control/retro/scan.h"
#include "control/rpc/rpc_private.h"

#define CLIENT_LIMIT 10000
#define EVIDENCE 20          /* rows of each kind */
#define EVIDENCE_ROWS 2000000 /* looked at for them */

void rpc_fail_errno(struct rpc_call *call, int err, const char *kind, const char *value)
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

static struct contact_window window_of(const struct rpc_call *call)
{
	struct contact_window w = {0, 0};

	param_time(call, "since", &w.from_ns);
	param_time(call, "until", &w.to_ns);
	return w;
}

/* The kind that was given, or that the value looks like; 0 after saying so. */
int rpc_kind_of(struct rpc_call *call, const char *value)
{
	const char *name = param_text(call, "kind");
	int kind = name ? indicator_kind_by_name(name) : indicator_guess(value);

	if (!kind)
		rpc_fail(call, RPC_PARAMS, "what \"%.200s\" is cannot be guessed: give kind, %s",
			 value, INDICATOR_KIND_NAMES);
	return kind;
}

void method_retro_indicator(struct rpc_call *call)
{
	const char *value = param_text(call, "value");
	struct contact_window window = window_of(call);
	int kind, err;

	if (!have_contacts(call) || !(kind = rpc_kind_of(call, value)))
		return;
	err = retro_indicator(call->ctx->desk, kind, value, param_bool(call, "subdomains"), &window,
			      param_uint(call, "limit", UINT64_MAX), call->result);
	if (err)
		rpc_fail_errno(call, err, indicator_kind_name(kind), value);
}

/* ---- by client ---- */

struct by_name {
	struct rpc_call *call;
	struct contact_window window;
	uint64_t left;
	bool any;
	int err;
};

/* What one machine did while it had that address. */
static int client_interval(void *arg, const struct addr *a, int ip_version,
			   const struct host_at *at)
{
	struct by_name *b = arg;
	struct contact_window w = b->window;
	struct text rows = {0};

	if (w.from_ns < at->from_ns)
		w.from_ns = at->from_ns;
	if (!w.to_ns || w.to_ns > at->to_ns + 1)
		w.to_ns = at->to_ns + 1;
	b->any = true;
	b->err = retro_client(b->call->ctx->desk, a, ip_version, param_bool(b->call, "all"), &w,
			      b->left, &rows);
	if (!b->err && rows.len > 2) {
		json_comma(b->call->result);
		text_bytes(b->call->result, rows.data + 1, rows.len - 2);
	}
	text_free(&rows);
	return b->err;
}

void method_retro_client(struct rpc_call *call)
{
	const char *client = param_text(call, "client");
	struct by_name b = {.call = call,
			    .window = window_of(call),
			    .left = param_uint(call, "limit", CLIENT_LIMIT)};
	struct addr a;
	int version = addr_parse(client, &a), err;

	if (!have_contacts(call))
		return;
	if (version) {
		err = retro_client(call->ctx->desk, &a, version, param_bool(call, "all"), &b.window,
				   b.left, call->result);
	} else {
		text_char(call->result, '[');
		err = call->ctx->hosts
			      ? hosts_by_name(call->ctx->hosts, client, client_interval, &b)
			      : 0;
		err = b.err ? b.err : err < 0 ? err : 0;
		text_char(call->result, ']');
		if (!err && !b.any) {
			rpc_fail(call, RPC_FAILED,
				 "\"%.200s\" is no address, and no host of that name is known", client);
			return;
		}
	}
	if (err)
		rpc_fail_errno(call, err, "client", client);
}

/* ---- scans ---- */

struct scan_request {
	struct scan_options options;
	struct feed_options format;
};

static void free_request(struct job *j)
{
	free(j->arg);
}

static int run_known(struct job *j, struct desk *d)
{
	const struct scan_request *r = j->arg;

	return scan_known(d, j, &r->options, &j->result);
}

static int run_list(struct job *j, struct desk *d)
{
	const struct scan_request *r = j->arg;
	struct input in;
	int err = input_open(&in, j->fd, FEED_BYTES_MAX);

	if (err == -EFBIG)
		snprintf(j->error, sizeof(j->error), "the list is longer than %u MB",
			 FEED_BYTES_MAX >> 20);
	if (err)
		return err;
	err = scan_list(d, j, &r->options, &r->format, in.bytes, &j->result);
	input_close(&in);
	return err;
}

void method_retro_scan(struct rpc_call *call)
{
	bool list = param_bool(call, "list");
	const char *format = param_text(call, "format"), *kind = param_text(call, "kind");
	int f = format ? feed_format_by_name(format) : FEED_AUTO;
	struct scan_request *r = calloc(1, sizeof(*r));
	struct job *j = job_new("retro scan", list ? run_list : run_known);

	if (j)
		j->release = free_request;
	if (!r || !j || !have_contacts(call) || f < 0 || (list && call->ctx->fd < 0)) {
		if (f < 0)
			rpc_fail(call, RPC_PARAMS, "there is no format \"%.40s\"; there are auto, "
				 "plain, hosts, csv, stix, misp", format);
		else if (r && j && call->ctx->contacts)
			rpc_fail(call, RPC_PARAMS, "the list must come as a file beside the message");
		free(r);
		job_free(j);
		return;
	}
	r->options = (struct scan_options){.why = "demand",
					   .kind = kind ? indicator_kind_by_name(kind) : 0,
					   .window = window_of(call)};
	r->format = (struct feed_options){.format = (enum feed_format)f};
	if (list) {
		r->format.kind = r->options.kind;
		j->fd = call->ctx->fd;
		call->ctx->fd = -1;
	}
	j->arg = r;
	rpc_job(call, j);
}

void method_retro_runs(struct rpc_call *call)
{
	int err = runs_list(call->ctx->desk, param_uint(call, "limit", 100), call->result);

	if (err)
		rpc_fail_errno(call, err, "", "");
}

/* ---- findings ---- */

void method_retro_findings(struct rpc_call *call)
{
	struct finding_filter f = {.state = param_text(call, "state"),
				   .client = param_text(call, "client"),
				   .indicator = param_text(call, "indicator"),
				   .withdrawn = param_bool(call, "withdrawn"),
				   .limit = param_uint(call, "limit", UINT64_MAX)};
	int err;

	param_time(call, "since", &f.since_ns);
	err = findings_list(call->ctx->desk, &f, call->result);
	if (err)
		rpc_fail_errno(call, err, "", "");
}

/* Records of the client while the contact lasted; of a type, or those that name the indicator. */
static int evidence(struct rpc_call *call, const json_t *finding, const char *key,
		    enum store_family family, const char *type, const char *text)
{
	struct event_filter f = {.oldest_first = true,
				 .limit = EVIDENCE,
				 .rows_max = EVIDENCE_ROWS,
				 .type = type,
				 .type_len = type ? strlen(type) : 0,
				 .text = text};

	time_parse(json_string_value(json_object_get(finding, "first")), &f.since_ns);
	time_parse(json_string_value(json_object_get(finding, "last")), &f.until_ns);
	/* What led to it, and what came of it. */
	f.since_ns -= f.since_ns > 300000000000ull ? 300000000000ull : f.since_ns;
	f.until_ns += 3600000000000ull;
	f.ip_version = addr_parse(json_string_value(json_object_get(finding, "client")), &f.ip);
	json_key(call->result, key);
	return events_find(call->ctx->store, family, &f, call->result);
}

void method_retro_finding(struct rpc_call *call)
{
	uint64_t id = param_uint(call, "id", 0);
	int err;
	json_t *f = finding_get(call->ctx->desk, id, &err);
	const char *indicator = json_string_value(json_object_get(f, "indicator"));
	char *text = f ? json_dumps(f, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

	if (text && indicator) {
		text_bytes(call->result, text, strlen(text) - 1);
		text_char(call->result, ',');
		text_str(call->result, "\"evidence\":{");
		err = evidence(call, f, "alerts", STORE_alert, NULL, NULL);
		if (!err)
			err = evidence(call, f, "files", STORE_event, "fileinfo", NULL);
		if (!err)
			err = evidence(call, f, "events", STORE_event, NULL, indicator);
		text_str(call->result, "}}");
	}
	if (err == -ENOENT)
		rpc_fail(call, RPC_FAILED, "there is no finding %llu", (unsigned long long)id);
	else if (err)
		rpc_fail_errno(call, err, "", "");
	free(text);
	json_decref(f);
}

struct state_request {
	uint64_t id;
	char state[20], by[64], note[512];
};

static int run_set(struct job *j, struct desk *d)
{
	const struct state_request *r = j->arg;
	int err = finding_set_state(d, r->id, r->state, r->by, r->note);

	if (err == -ENOENT)
		snprintf(j->error, sizeof(j->error), "there is no finding %llu",
			 (unsigned long long)r->id);
	else if (err == -EINVAL)
		snprintf(j->error, sizeof(j->error), "a finding is new, acknowledged, "
						     "false_positive or resolved");
	else if (!err)
		text_str(&j->result, "{\"set\":true}");
	return err;
}

void method_retro_set(struct rpc_call *call)
{
	struct state_request *r = calloc(1, sizeof(*r));
	struct job *j = job_new("retro set", run_set);
	const char *by = param_text(call, "by"), *note = param_text(call, "note");

	if (!r || !j) {
		free(r);
		job_free(j);
		rpc_fail(call, RPC_INTERNAL, "out of memory");
		return;
	}
	r->id = param_uint(call, "id", 0);
	snprintf(r->state, sizeof(r->state), "%s", param_text(call, "state"));
	snprintf(r->by, sizeof(r->by), "%s", by ? by : "");
	snprintf(r->note, sizeof(r->note), "%s", note ? note : "");
	j->arg = r;
	j->release = free_request;
	rpc_job(call, j);
}

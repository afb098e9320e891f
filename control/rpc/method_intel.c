/* SPDX-License-Identifier: BSD-3-Clause
 *
 * intel.*
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/when.h"
#include "control/intel/feed.h"
#include "control/intel/fetch.h"
#include "control/intel/intel.h"
#include "control/jobs/input.h"
#include "control/retro/retro.h"
#include "control/rpc/rpc_private.h"

#define SOURCE_LOCAL "local"
#define SOURCE_ALLOWED "allowed"
#define ROWS_SHOWN 10000

/* What a change needs of its call; the call is gone when the job runs. */
struct request {
	enum intel_mode mode;
	char source[INTEL_SOURCE_MAX];
	char value[VALUE_BYTES_MAX + 1];
	char text[5][INTEL_TEXT_MAX]; /* threat, family, category, note, columns */
	struct feed_options options;
};

enum { THREAT, FAMILY, CATEGORY, NOTE, COLUMNS };

static void free_request(struct job *j)
{
	free(j->arg);
}

static struct slice slice_of(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static bool read_tlp(struct rpc_call *call, uint8_t *tlp)
{
	const char *name = param_text(call, "tlp");

	*tlp = TLP_NONE;
	if (!name || tlp_read(name, strlen(name), tlp))
		return true;
	rpc_fail(call, RPC_PARAMS, "tlp is " TLP_WORDS ", not \"%.40s\"", name);
	return false;
}

static bool read_entry(struct rpc_call *call, struct request *r)
{
	static const char *const texts[] = {"threat", "family", "category", "note"};
	struct intel_entry *e = &r->options.defaults;
	uint64_t confidence = param_uint(call, "confidence", 100);
	uint64_t severity = param_uint(call, "severity", 1);

	for (int i = THREAT; i <= NOTE; i++) {
		const char *v = param_text(call, texts[i]);

		snprintf(r->text[i], sizeof(r->text[i]), "%s", v ? v : "");
	}
	if (confidence > 100 || severity < 1 || severity > 4) {
		rpc_fail(call, RPC_PARAMS, "confidence is 0 to 100, severity 1 (high) to 4");
		return false;
	}
	e->confidence = (uint8_t)confidence;
	e->severity = (uint8_t)severity;
	e->below = param_bool(call, "subdomains");
	e->allow = param_bool(call, "allow");
	param_time(call, "valid_until", &e->valid_until_ns);
	e->source = slice_of(r->source);
	e->threat = slice_of(r->text[THREAT]);
	e->family = slice_of(r->text[FAMILY]);
	e->category = slice_of(r->text[CATEGORY]);
	e->note = slice_of(r->text[NOTE]);
	return read_tlp(call, &e->tlp);
}

/* A request and its job; NULL after the call has failed. */
static struct job *make_job(struct rpc_call *call, const char *what,
			    int (*run)(struct job *, struct desk *))
{
	struct request *r = calloc(1, sizeof(*r));
	struct job *j = job_new(what, run);
	const char *source = param_text(call, "source");

	if (!r || !j) {
		free(r);
		job_free(j);
		rpc_fail(call, RPC_INTERNAL, "out of memory");
		return NULL;
	}
	j->arg = r;
	j->release = free_request;
	if (!source)
		source = param_bool(call, "allow") ? SOURCE_ALLOWED : SOURCE_LOCAL;
	if (!*source || strlen(source) >= sizeof(r->source)) {
		rpc_fail(call, RPC_PARAMS, "the name of a source has 1 to %d bytes",
			 INTEL_SOURCE_MAX - 1);
		job_free(j);
		return NULL;
	}
	snprintf(r->source, sizeof(r->source), "%s", source);
	if (!read_entry(call, r)) {
		job_free(j);
		return NULL;
	}
	return j;
}

static void put_result(struct text *out, const struct intel_result *r)
{
	json_key_uint(out, "given", r->given);
	json_key_uint(out, "loaded", r->loaded);
	json_key_uint(out, "refused", r->refused);
	json_key_uint(out, "fresh", r->fresh);
	json_key_uint(out, "changed", r->changed);
	json_key_uint(out, "same", r->same);
	json_key_uint(out, "removed", r->removed);
	json_key_uint(out, "version", r->version);
}

/* ---- one indicator ---- */

static int change_one(struct desk *d, struct job *j, const struct request *r,
		      struct intel_result *result)
{
	struct intel_entry e = r->options.defaults;
	struct intel_change *c;
	int err = intel_change_begin(d->intel, r->source, r->mode, &c);

	if (err)
		return err;
	e.kind = r->options.kind;
	e.value = slice_of(r->value);
	err = intel_change_entry(c, &e);
	if (err) {
		intel_change_abort(c);
		return err;
	}
	err = intel_change_publish(c, result);
	if (!err && result->refused) {
		snprintf(j->error, sizeof(j->error), "\"%.200s\" is not a value of kind %s, or may "
			 "not be an indicator (private address, public suffix)", r->value,
			 indicator_kind_name(r->options.kind));
		return -EINVAL;
	}
	return err;
}

static int run_add(struct job *j, struct desk *d)
{
	const struct request *r = j->arg;
	const struct intel_entry *e = &r->options.defaults;
	uint64_t before = intel_version(d->intel);
	struct text rows = {0};
	struct intel_result result;
	int err = change_one(d, j, r, &result);

	if (!err)
		err = desk_published(d, j, before);
	if (!err && d->contacts && !e->allow)
		err = retro_indicator(d, r->options.kind, r->value, e->below, NULL, ROWS_SHOWN,
				      &rows);
	if (!err) {
		text_char(&j->result, '{');
		json_key_bool(&j->result, "added", result.fresh);
		json_key_uint(&j->result, "version", result.version);
		json_key(&j->result, "rows");
		if (rows.len)
			text_bytes(&j->result, rows.data, rows.len);
		else
			text_str(&j->result, "[]");
		text_char(&j->result, '}');
	}
	text_free(&rows);
	return err;
}

static int run_del(struct job *j, struct desk *d)
{
	uint64_t before = intel_version(d->intel);
	struct intel_result result;
	int err = change_one(d, j, j->arg, &result);

	if (!err)
		err = desk_published(d, j, before);
	text_char(&j->result, '{');
	json_key_bool(&j->result, "deleted", !err && result.removed);
	json_key_uint(&j->result, "version", intel_version(d->intel));
	text_char(&j->result, '}');
	return err;
}

static void submit_one(struct rpc_call *call, const char *what, enum intel_mode mode,
		       int (*run)(struct job *, struct desk *))
{
	const char *kind = param_text(call, "kind"), *value = param_text(call, "value");
	uint8_t *key = malloc(INTEL_KEY_MAX);
	bool fits = key && strlen(value) <= VALUE_BYTES_MAX &&
		    intel_key(indicator_kind_by_name(kind), value, strlen(value), key);
	struct job *j = fits ? make_job(call, what, run) : NULL;
	struct request *r = j ? j->arg : NULL;

	free(key);
	if (!fits)
		rpc_fail_errno(call, -EINVAL, kind, value);
	if (!j)
		return;
	r->mode = mode;
	r->options.kind = indicator_kind_by_name(kind);
	snprintf(r->value, sizeof(r->value), "%s", param_text(call, "value"));
	rpc_job(call, j);
}

void method_intel_add(struct rpc_call *call)
{
	submit_one(call, "intel add", INTEL_ADD, run_add);
}

void method_intel_del(struct rpc_call *call)
{
	submit_one(call, "intel del", INTEL_REMOVE, run_del);
}

/* ---- lists ---- */

struct import {
	struct job *job;
	struct intel_change *change;
};

static int import_entry(void *arg, const struct intel_entry *e)
{
	struct import *im = arg;

	im->job->done++;
	if (atomic_load(&im->job->stop))
		return -ECANCELED;
	return intel_change_entry(im->change, e);
}

static int import_refused(void *arg, uint64_t where, struct slice item, const char *reason)
{
	struct import *im = arg;

	im->job->done++;
	return intel_change_refused(im->change, where, item, reason);
}

static int import_bytes(struct job *j, struct desk *d, struct slice bytes,
			struct intel_result *result)
{
	const struct request *r = j->arg;
	struct import im = {.job = j};
	struct feed_sink sink = {&im, import_entry, import_refused};
	char why[256] = "";
	int err = intel_change_begin(d->intel, r->source, r->mode, &im.change);

	if (err)
		return err;
	err = feed_read(&r->options, bytes, &sink, why);
	if (err) {
		intel_change_abort(im.change);
		if (why[0])
			snprintf(j->error, sizeof(j->error), "%s", why);
		return err;
	}
	return intel_change_publish(im.change, result);
}

static int run_import(struct job *j, struct desk *d)
{
	uint64_t before = intel_version(d->intel);
	struct intel_result result;
	struct input in;
	int err = input_open(&in, j->fd, FEED_BYTES_MAX);

	if (err == -EFBIG)
		snprintf(j->error, sizeof(j->error), "the list is longer than %u MB",
			 FEED_BYTES_MAX >> 20);
	if (err)
		return err;
	err = import_bytes(j, d, in.bytes, &result);
	input_close(&in);
	if (err)
		return err;
	j->done = 0;
	err = desk_published(d, j, before);
	text_char(&j->result, '{');
	put_result(&j->result, &result);
	text_char(&j->result, '}');
	return err;
}

static bool read_list_options(struct rpc_call *call, struct request *r)
{
	static const char *const modes[] = {"add", "replace", "remove"};
	const char *format = param_text(call, "format"), *mode = param_text(call, "mode");
	const char *kind = param_text(call, "kind"), *columns = param_text(call, "columns");
	const char *separator = param_text(call, "separator");
	int f = format ? feed_format_by_name(format) : FEED_AUTO, m = mode ? -1 : INTEL_REPLACE;

	for (int i = 0; mode && i < 3; i++)
		if (strcmp(mode, modes[i]) == 0)
			m = i;
	if (f < 0 || m < 0) {
		rpc_fail(call, RPC_PARAMS, "%s", f < 0 ? "format is auto, plain, hosts, csv, stix or misp"
							: "mode is replace, add or remove");
		return false;
	}
	r->mode = (enum intel_mode)m;
	r->options.format = (enum feed_format)f;
	r->options.kind = kind ? indicator_kind_by_name(kind) : 0;
	r->options.below = r->options.defaults.below;
	r->options.separator = separator && *separator ? *separator : ',';
	if (columns) {
		snprintf(r->text[COLUMNS], sizeof(r->text[COLUMNS]), "%s", columns);
		r->options.columns = r->text[COLUMNS];
	}
	return true;
}

void method_intel_import(struct rpc_call *call)
{
	struct job *j = make_job(call, "intel import", run_import);

	if (!j)
		return;
	if (call->ctx->fd < 0)
		rpc_fail(call, RPC_PARAMS, "the list must come as a file beside the message");
	if (call->code || !read_list_options(call, j->arg)) {
		job_free(j);
		return;
	}
	j->fd = call->ctx->fd;
	call->ctx->fd = -1;
	rpc_job(call, j);
}

static int run_drop(struct job *j, struct desk *d)
{
	const struct request *r = j->arg;
	uint64_t before = intel_version(d->intel);
	struct intel_result result = {0};
	int err = intel_source_drop(d->intel, r->source, &result);

	if (err == 0) {
		snprintf(j->error, sizeof(j->error), "there is no source \"%s\"; intel.sources lists "
			 "them", r->source);
		return -ENOENT;
	}
	err = err < 0 ? err : desk_published(d, j, before);
	text_char(&j->result, '{');
	put_result(&j->result, &result);
	text_char(&j->result, '}');
	return err;
}

void method_intel_drop(struct rpc_call *call)
{
	struct job *j = make_job(call, "intel drop", run_drop);

	if (j)
		rpc_job(call, j);
}

static int run_fetch(struct job *j, struct desk *d)
{
	const struct request *r = j->arg;

	if (!d->fetcher) {
		snprintf(j->error, sizeof(j->error), "no feeds are configured (intel.feeds)");
		return -ENOENT;
	}
	return desk_fetch(d, j, r->value[0] ? r->value : NULL);
}

void method_intel_fetch(struct rpc_call *call)
{
	struct job *j = make_job(call, "intel fetch", run_fetch);
	struct request *r = j ? j->arg : NULL;
	const char *feed = param_text(call, "feed");

	if (!j)
		return;
	snprintf(r->value, sizeof(r->value), "%s", feed ? feed : "");
	j->outside = true;
	rpc_job(call, j);
}

/* ---- reading ---- */

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
	json_key_bool(l->out, "subdomains", v->below);
	json_key_cstr(l->out, "verdict", v->bad ? "bad" : "allowed");
	json_key_uint(l->out, "score", v->score);
	json_key_uint(l->out, "severity", v->severity);
	json_key_uint(l->out, "version", v->since_version);
	json_key(l->out, "source");
	json_put_string(l->out, v->best.source.data, v->best.source.len);
	json_key(l->out, "threat");
	json_put_string(l->out, v->best.threat.data, v->best.threat.len);
	json_key(l->out, "category");
	json_put_string(l->out, v->best.category.data, v->best.category.len);
	json_key(l->out, "note");
	json_put_string(l->out, v->best.note.data, v->best.note.len);
	json_key(l->out, "sources");
	text_bytes(l->out, v->sources.data, v->sources.len);
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
		rpc_fail_errno(call, err, "", "");
}

void method_intel_lookup(struct rpc_call *call)
{
	const char *value = param_text(call, "value");
	int kind = rpc_kind_of(call, value), err;
	struct text rows = {0};

	if (!kind)
		return;
	err = intel_lookup(call->ctx->intel, kind, value, call->result);
	if (!err && call->ctx->contacts)
		err = retro_indicator(call->ctx->desk, kind, value, false, NULL, 100, &rows);
	if (err) {
		rpc_fail_errno(call, err, indicator_kind_name(kind), value);
	} else if (call->result->len && rows.len) {
		call->result->len--; /* its closing brace */
		json_key(call->result, "sightings");
		text_bytes(call->result, rows.data, rows.len);
		text_char(call->result, '}');
	}
	if (!err && call->ctx->config->intel_log && store_mode(call->ctx->store) == STORE_WRITE)
		intel_log(call->ctx->intel, "cli", value,
			  strstr(text_cstr(call->result), "\"verdict\":\"bad\"") ? "bad" : "not bad",
			  wall_clock_ns());
	text_free(&rows);
}

static void finish(struct rpc_call *call, int err)
{
	if (err)
		rpc_fail_errno(call, err, "", "");
}

void method_intel_sources(struct rpc_call *call)
{
	finish(call, intel_sources(call->ctx->intel, call->result));
}

void method_intel_refused(struct rpc_call *call)
{
	finish(call, intel_refused(call->ctx->intel, param_text(call, "source"),
				   param_uint(call, "limit", 1000), call->result));
}

void method_intel_log(struct rpc_call *call)
{
	uint64_t since = 0;

	param_time(call, "since", &since);
	finish(call, intel_log_list(call->ctx->intel, since, param_uint(call, "limit", 100),
				    call->result));
}

void method_intel_export(struct rpc_call *call)
{
	struct text *out = call->result;
	struct intel_page page = {.source = param_text(call, "source"),
				  .limit = param_uint(call, "limit", UINT64_MAX)};

	text_str(out, "{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-000000000000\","
		      "\"objects\":");
	finish(call, intel_export_stix(call->ctx->intel, &page, out));
	text_char(out, '}');
}

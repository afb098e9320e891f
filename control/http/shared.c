/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/http/shared.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/when.h"
#include "control/http/http_private.h"
#include "control/intel/feed.h"
#include "control/intel/intel.h"
#include "control/intel/sighting.h"

#define WHAT "shared intel" /* the job's name */

struct posted {
	char who[SIGHTING_WHO_MAX];
	json_t *objects; /* array, owned */
	bool *failed;    /* for each of them, owned */
};

/* What a sighting's indicator stands for goes into the batch. */
struct sink {
	struct store *s;
	struct store_batch *b;
	struct intel_change *change; /* NULL: sightings are put */
	struct posted *p;
	const json_t *sighting;
	uint64_t put;
};

static uint64_t time_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	uint64_t ns = 0;

	if (text)
		time_parse(text, &ns);
	return ns;
}

static int take_entry(void *arg, const struct intel_entry *e)
{
	struct sink *sink = arg;
	char value[VALUE_BYTES_MAX + 1];
	json_int_t count;

	if (sink->change)
		return intel_change_entry(sink->change, e);
	snprintf(value, sizeof(value), "%.*s", (int)e->value.len, (const char *)e->value.data);
	count = json_integer_value(json_object_get(sink->sighting, "count"));
	const struct sighting sg = {
		.who = sink->p->who,
		.value = value,
		.kind = e->kind,
		.first_ns = time_of(sink->sighting, "first_seen"),
		.last_ns = time_of(sink->sighting, "last_seen"),
		.count = count > 0 ? (uint64_t)count : 1,
		.received_ns = wall_clock_ns(),
	};
	int err = sighting_put(sink->s, sink->b, &sg);

	sink->put += err == 0;
	return err == -EINVAL ? 0 : err;
}

static int take_refused(void *arg, uint64_t where, struct slice item, const char *reason)
{
	struct sink *sink = arg;

	/* Objects are numbered from 1. */
	if (sink->change && where && where <= json_array_size(sink->p->objects))
		sink->p->failed[where - 1] = true;
	return sink->change ? intel_change_refused(sink->change, where, item, reason) : 0;
}

/* Reads objects as a bundle would be. */
static int read_objects(const json_t *objects, struct sink *sink, const char *source)
{
	struct feed_options o = {.format = FEED_STIX};
	struct feed_sink to = {sink, take_entry, take_refused};
	json_t *bundle = json_pack("{s:s s:s s:O}", "type", "bundle", "id",
				   "bundle--00000000-0000-4000-8000-000000000000", "objects", objects);
	char *text = bundle ? json_dumps(bundle, JSON_COMPACT) : NULL, why[256];
	int err = text ? 0 : -ENOMEM;

	o.defaults.source = (struct slice){source, strlen(source)};
	o.defaults.confidence = 75;
	o.defaults.severity = 2;
	if (!err)
		err = feed_read(&o, (struct slice){text, strlen(text)}, &to, why);
	free(text);
	json_decref(bundle);
	return err == -EPROTO ? 0 : err;
}

static json_t *object_by_id(const json_t *objects, const char *id)
{
	json_t *o;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)objects, i, o) {
		const char *has = json_string_value(json_object_get(o, "id"));

		if (has && strcmp(has, id) == 0)
			return o;
	}
	return NULL;
}

/* Sightings come later; of the rest, what describes an indicator is read with it. */
static bool is_read(const char *type)
{
	static const char *const types[] = {"indicator", "malware", "threat-actor", "intrusion-set",
					    "campaign", "tool", "marking-definition", "relationship",
					    "identity"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (type && strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static int take_sightings(struct desk *d, struct posted *p)
{
	struct sink sink = {.s = d->store, .b = store_batch_new(), .p = p};
	json_t *o;
	size_t i;
	int err = 0;

	json_array_foreach(p->objects, i, o) {
		const char *type = json_string_value(json_object_get(o, "type"));
		const char *of = json_string_value(json_object_get(o, "sighting_of_ref"));
		json_t *indicator = of ? object_by_id(p->objects, of) : NULL, *one;
		uint64_t before = sink.put;

		if (err || !type || strcmp(type, "sighting") != 0 || !indicator) {
			p->failed[i] = !is_read(type);
			continue;
		}
		sink.sighting = o;
		one = json_pack("[O]", indicator);
		err = read_objects(one, &sink, "");
		json_decref(one);
		p->failed[i] = sink.put == before;
	}
	if (!err && store_batch_count(sink.b))
		err = store_write(d->store, sink.b, true);
	store_batch_free(sink.b);
	return err;
}

static int take_indicators(struct desk *d, struct posted *p)
{
	char source[INTEL_SOURCE_MAX];
	struct sink sink = {.s = d->store, .p = p};
	struct intel_result result;
	int err;

	snprintf(source, sizeof(source), "sensor %.50s", p->who);
	err = intel_change_begin(d->intel, source, INTEL_ADD, &sink.change);
	if (err)
		return err;
	err = read_objects(p->objects, &sink, source);
	if (err) {
		intel_change_abort(sink.change);
		return err;
	}
	return intel_change_publish(sink.change, &result);
}

static int run(struct job *j, struct desk *d)
{
	struct posted *p = j->arg;
	uint64_t before = intel_version(d->intel), good = 0;
	size_t count = json_array_size(p->objects);
	int err;

	err = take_sightings(d, p);
	if (!err)
		err = take_indicators(d, p);
	if (!err)
		err = desk_published(d, j, before);
	for (size_t i = 0; i < count; i++)
		good += !p->failed[i];
	j->total = count;
	j->done = good;
	return err;
}

static void release(struct job *j)
{
	struct posted *p = j->arg;

	json_decref(p->objects);
	free(p->failed);
	free(p);
}

int shared_submit(struct desk *d, const char *who, struct slice body, uint64_t *job)
{
	json_t *envelope = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
	json_t *objects = json_object_get(envelope, "objects");
	struct posted *p = json_is_array(objects) ? calloc(1, sizeof(*p)) : NULL;
	struct job *j = p ? job_new(WHAT, run) : NULL;

	if (j)
		p->failed = calloc(json_array_size(objects) + 1, sizeof(*p->failed));
	if (!j || !p->failed) {
		int err = !json_is_array(objects) ? -EINVAL : -EAGAIN;

		free(p);
		if (j)
			job_free(j);
		json_decref(envelope);
		return err;
	}
	snprintf(p->who, sizeof(p->who), "%s", who);
	p->objects = json_incref(objects);
	json_decref(envelope);
	j->arg = p;
	j->release = release;
	j->objects = json_array_size(p->objects);
	*job = jobs_submit(d->jobs, j);
	return *job ? 0 : -EAGAIN;
}

/* ---- the status resource ---- */

#define STATUS_ID "00000000-0000-8000-8000-%012llx"

bool shared_job_of(const char *id, uint64_t *job)
{
	unsigned long long n;

	if (strlen(id) != 36 || sscanf(id, "00000000-0000-8000-8000-%12llx", &n) != 1)
		return false;
	*job = n;
	return true;
}

bool shared_put_status(struct desk *d, uint64_t job, struct text *out)
{
	struct text list = {0};
	json_t *jobs, *j, *found = NULL;
	const char *state, *what;
	uint64_t count, good;
	bool over;
	size_t i;

	jobs_list(d->jobs, &list);
	jobs = json_loadb((char *)list.data, list.len, 0, NULL);
	text_free(&list);
	json_array_foreach(jobs, i, j)
		if (json_integer_value(json_object_get(j, "job")) == (json_int_t)job)
			found = j;
	what = json_string_value(json_object_get(found, "what"));
	if (!what || strcmp(what, WHAT) != 0) {
		json_decref(jobs);
		return false;
	}
	state = json_string_value(json_object_get(found, "state"));
	over = strcmp(state, "queued") != 0 && strcmp(state, "running") != 0;
	count = (uint64_t)json_integer_value(json_object_get(found, "objects"));
	good = strcmp(state, "done") == 0
		       ? (uint64_t)json_integer_value(json_object_get(found, "done")) : 0;
	text_format(out, "{\"id\":\"" STATUS_ID "\"", (unsigned long long)job);
	json_key_cstr(out, "status", over ? "complete" : "pending");
	json_key_uint(out, "total_count", count);
	json_key_uint(out, "success_count", good);
	json_key_uint(out, "failure_count", over ? count - good : 0);
	json_key_uint(out, "pending_count", over ? 0 : count);
	text_char(out, '}');
	json_decref(jobs);
	return true;
}

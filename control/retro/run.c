/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/retro/run.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/say.h"
#include "control/base/when.h"
#include "control/intel/intel.h"
#include "control/store/bytes.h"

static const char version_key[] = "retro/version";
static const char full_key[] = "retro/full"; /* when all was last scanned, ns, 8 bytes */

static uint64_t meta_number(struct desk *d, const char *key, size_t len)
{
	struct text v = {0};
	uint64_t n = 0;

	if (store_get(d->store, STORE_meta, key, len, NULL, &v) == 1 && v.len == 8)
		n = read_be64(v.data);
	text_free(&v);
	return n;
}

uint64_t scan_version(struct desk *d)
{
	return meta_number(d, version_key, sizeof(version_key) - 1);
}

uint64_t scan_full_ns(struct desk *d)
{
	return meta_number(d, full_key, sizeof(full_key) - 1);
}

static uint64_t next_number(struct desk *d)
{
	struct store_iter *it = store_iter_new(d->store, STORE_run, NULL, NULL, NULL);
	uint64_t number = 1;

	if (!it)
		return 0;
	store_iter_last(it);
	if (store_iter_valid(it) && store_iter_key(it).len == 8)
		number = read_be64(store_iter_key(it).data) + 1;
	store_iter_free(it);
	return number;
}

static void put(struct text *out, const struct run *run, const struct scan_options *o,
		const char *state, const char *error)
{
	uint64_t ended = wall_clock_ns();

	text_char(out, '{');
	json_key_uint(out, "run", run->number);
	json_key_cstr(out, "why", o->why);
	json_key_uint(out, "version", run->version);
	json_key_uint(out, "since", o->since_version);
	json_key_cstr(out, "state", state);
	json_key_time(out, "started", run->started_ns);
	if (strcmp(state, "running") != 0) {
		json_key_time(out, "ended", ended);
		json_key(out, "seconds");
		text_float(out, (double)((ended - run->started_ns) / 1000) / 1e6);
	}
	json_key_uint(out, "indicators", run->indicators);
	json_key_uint(out, "findings", run->findings);
	json_key_uint(out, "new", run->fresh);
	if (error)
		json_key_cstr(out, "error", error);
	text_char(out, '}');
}

int run_begin(struct run *run, struct desk *d, const struct scan_options *o)
{
	struct text json = {0};
	uint8_t key[8];
	int err;

	*run = (struct run){.number = next_number(d),
			    .version = intel_version(d->intel),
			    .started_ns = wall_clock_ns()};
	if (!run->number)
		return -ENOMEM;
	put(&json, run, o, "running", NULL);
	put_be64(key, run->number);
	err = json.failed ? -ENOMEM
			  : store_put(d->store, STORE_run, key, sizeof(key), json.data, json.len);
	text_free(&json);
	return err;
}

void run_end(struct run *run, struct desk *d, const struct scan_options *o, int err,
	     struct text *out)
{
	struct store_batch *b = store_batch_new();
	bool whole = !err && !o->kind && !o->window.from_ns && !o->window.to_ns;
	struct text json = {0};
	uint8_t key[8], version[8];

	put(&json, run, o, err == -ECANCELED ? "cancelled" : err ? "failed" : "done",
	    err && err != -ECANCELED ? store_error() : NULL);
	put_be64(key, run->number);
	store_batch_put(d->store, b, STORE_run, key, sizeof(key), json.data, json.len);
	put_be64(version, run->version);
	if (whole)
		store_batch_put(d->store, b, STORE_meta, version_key, sizeof(version_key) - 1,
				version, sizeof(version));
	put_be64(version, run->started_ns);
	if (whole && !o->since_version)
		store_batch_put(d->store, b, STORE_meta, full_key, sizeof(full_key) - 1, version,
				sizeof(version));
	if (store_write(d->store, b, true) != 0)
		say("%s; the scan is made again", store_error());
	text_bytes(out, json.data, json.len);
	store_batch_free(b);
	text_free(&json);
}

int runs_recover(struct desk *d)
{
	struct store_iter *it = store_iter_new(d->store, STORE_run, NULL, NULL, NULL);
	int err = 0;

	if (!it)
		return -ENOMEM;
	/* Only the last can have been interrupted. */
	store_iter_last(it);
	if (store_iter_valid(it)) {
		struct slice k = store_iter_key(it), v = store_iter_value(it);
		json_t *run = json_loadb(v.data, v.len, 0, NULL);
		const char *state = json_string_value(json_object_get(run, "state"));

		if (state && strcmp(state, "running") == 0) {
			char *text;

			json_object_set_new(run, "state", json_string("interrupted"));
			text = json_dumps(run, JSON_COMPACT | JSON_PRESERVE_ORDER);
			err = text ? store_put(d->store, STORE_run, k.data, k.len, text,
					       strlen(text))
				   : -ENOMEM;
			free(text);
		}
		json_decref(run);
	}
	store_iter_free(it);
	return err;
}

int runs_list(struct desk *d, uint64_t limit, struct text *out)
{
	struct store_iter *it = store_iter_new(d->store, STORE_run, NULL, NULL, NULL);
	uint64_t n = 0;
	int err;

	if (!it)
		return -ENOMEM;
	text_char(out, '[');
	for (store_iter_last(it); store_iter_valid(it) && n < limit; store_iter_prev(it), n++) {
		struct slice v = store_iter_value(it);

		json_comma(out);
		text_bytes(out, v.data, v.len);
	}
	text_char(out, ']');
	err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

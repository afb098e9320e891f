/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Look-ups for other programs. HTTP thread.
 */
#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <string.h>

#include "control/base/when.h"
#include "control/http/http_private.h"
#include "control/intel/intel.h"
#include "control/intel/sighting.h"
#include "control/retro/finding.h"

#define VALUES_MAX 10000
#define SIGHTINGS_MAX 100

/* Appends the verdict with who was there, and who else saw it. */
static int look_up(struct http_request *r, int kind, const char *value, bool here)
{
	struct desk *d = r->desk;
	size_t start = r->out.len;
	struct text rows = {0}, others = {0};
	const char *verdict;
	int err;

	if (!kind)
		kind = indicator_guess(value);
	if (!kind)
		return -EINVAL;
	err = intel_lookup(d->intel, kind, value, &r->out);
	if (err) {
		r->out.len = start;
		return err;
	}
	verdict = memmem(r->out.data + start, r->out.len - start, "\"verdict\":\"bad\"", 15)
			  ? "bad" : "not bad";
	if (here && d->contacts)
		retro_indicator(d, kind, value, false, NULL, SIGHTINGS_MAX, &rows);
	if (here)
		sighting_list(d->store, kind, value, SIGHTINGS_MAX, &others);
	r->out.len--; /* its closing brace */
	if (rows.len) {
		json_key(&r->out, "sightings");
		text_bytes(&r->out, rows.data, rows.len);
	}
	if (others.len) {
		json_key(&r->out, "reported");
		text_bytes(&r->out, others.data, others.len);
	}
	text_char(&r->out, '}');
	text_free(&rows);
	text_free(&others);
	if (d->config->intel_log)
		intel_log(d->intel, r->who, value, verdict, wall_clock_ns());
	return 0;
}

void http_lookup_one(struct http_request *r)
{
	const char *value = http_argument(r, "value"), *name = http_argument(r, "kind");
	int kind = name ? indicator_kind_by_name(name) : 0;

	if (!value || !*value || strlen(value) > VALUE_BYTES_MAX || (name && !kind))
		http_fail(r, MHD_HTTP_BAD_REQUEST, "give ?value=, and kind= %s",
			  INDICATOR_KIND_NAMES);
	else if (look_up(r, kind, value, true) != 0)
		http_fail(r, MHD_HTTP_BAD_REQUEST, "\"%.200s\" is not a value of any kind", value);
}

/* A value that is none gets {"value", "error"}: the others are answered. */
void http_lookup_many(struct http_request *r)
{
	json_t *o = json_loadb(r->body.data, r->body.len, 0, NULL), *one;
	const json_t *values = json_object_get(o, "values");
	size_t i;

	if (!json_is_array(values) || json_array_size(values) > VALUES_MAX) {
		json_decref(o);
		http_fail(r, MHD_HTTP_BAD_REQUEST,
			  "the body is {\"values\": [TEXT, …]} with at most %d values", VALUES_MAX);
		return;
	}
	text_char(&r->out, '[');
	json_array_foreach((json_t *)(uintptr_t)values, i, one) {
		const char *value = json_string_value(one);

		json_comma(&r->out);
		if (value && strlen(value) <= VALUE_BYTES_MAX &&
		    look_up(r, 0, value, json_array_size(values) <= SIGHTINGS_MAX) == 0)
			continue;
		text_char(&r->out, '{');
		json_key_cstr(&r->out, "value", value ? value : "");
		json_key_cstr(&r->out, "error", "not a value of any kind");
		text_char(&r->out, '}');
	}
	text_char(&r->out, ']');
	json_decref(o);
}

void http_status(struct http_request *r)
{
	struct intel_counts counts = {0};
	uint64_t all = 0, open = 0;

	intel_counts(r->desk->intel, &counts);
	findings_count(r->desk, &all, &open);
	text_char(&r->out, '{');
	json_key_cstr(&r->out, "version", METSUKE_VERSION);
	json_key(&r->out, "intel");
	text_char(&r->out, '{');
	json_key_uint(&r->out, "version", intel_version(r->desk->intel));
	json_key_uint(&r->out, "entries", counts.entries);
	json_key_uint(&r->out, "indicators", counts.indicators);
	json_key_uint(&r->out, "sources", counts.sources);
	text_str(&r->out, "}");
	json_key_uint(&r->out, "findings", all);
	json_key_uint(&r->out, "findings_new", open);
	text_char(&r->out, '}');
}

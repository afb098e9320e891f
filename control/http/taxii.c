/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A TAXII 2.1 server (OASIS TAXII 2.1): what this sensor knows, for others to poll, and a place for
 * what they saw. HTTP thread; what is posted is taken in by the jobs thread (shared.c).
 *
 * Collections: "all", one for each source, and "sightings", the only one that can be written to.
 * Ids are version 8 UUIDs of their names, so they stay the same. Their objects: taxii_objects.c.
 */
#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "control/http/http_private.h"
#include "control/http/shared.h"
#include "control/intel/intel.h"

#define SHARED_STIX "application/stix+json;version=2.1"

static void collection_id(const char *name, char *id)
{
	uint64_t high = XXH3_64bits_withSeed(name, strlen(name), 11);
	uint64_t low = XXH3_64bits_withSeed(name, strlen(name), 12);

	high = (high & ~0xf000ull) | 0x8000;
	low = (low & ~(3ull << 62)) | 2ull << 62;
	snprintf(id, COLLECTION_ID_BYTES, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
		 (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
		 (unsigned long long)(low & 0xffffffffffffull));
}

static void collection_make(struct collection *c, const char *name)
{
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->all = strcmp(name, "all") == 0;
	/* Who reported what is not told on. */
	c->writable = strcmp(name, "sightings") == 0;
	collection_id(name, c->id);
}

/* Calls back for each collection until it returns true. */
static bool each_collection(struct http_request *r, bool (*call)(void *arg, const struct collection *c),
			    void *arg)
{
	struct text json = {0};
	struct collection c;
	json_t *sources = NULL, *one;
	bool done = false;
	size_t i;

	collection_make(&c, "all");
	done = call(arg, &c);
	collection_make(&c, "sightings");
	done = done || call(arg, &c);
	if (!done && intel_sources(r->desk->intel, &json) == 0)
		sources = json_loadb((char *)json.data, json.len, 0, NULL);
	json_array_foreach(sources, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));

		if (done || !name || strcmp(name, "all") == 0 || strcmp(name, "sightings") == 0)
			continue;
		collection_make(&c, name);
		done = call(arg, &c);
	}
	json_decref(sources);
	text_free(&json);
	return done;
}

struct search {
	const char *id;
	struct collection found;
};

static bool is_it(void *arg, const struct collection *c)
{
	struct search *s = arg;

	if (strcmp(c->id, s->id) != 0 && strcmp(c->name, s->id) != 0)
		return false;
	s->found = *c;
	return true;
}

bool taxii_collection(struct http_request *r, struct collection *c)
{
	struct search s = {.id = r->segment[0]};

	if (!each_collection(r, is_it, &s)) {
		http_fail(r, MHD_HTTP_NOT_FOUND, "there is no such collection");
		return false;
	}
	*c = s.found;
	return true;
}

void http_taxii_discovery(struct http_request *r)
{
	text_str(&r->out, "{\"title\":\"Metsuke\",\"description\":\"what this sensor knows to be bad\","
			  "\"default\":\"/taxii2/api/\",\"api_roots\":[\"/taxii2/api/\"]}");
}

void http_taxii_root(struct http_request *r)
{
	text_format(&r->out, "{\"title\":\"Metsuke\",\"versions\":[\"" TAXII_MEDIA "\"],"
			     "\"max_content_length\":%u}", HTTP_ENVELOPE_BYTES_MAX);
}

static bool put_collection(void *arg, const struct collection *c)
{
	struct text *out = arg;

	json_comma(out);
	text_char(out, '{');
	json_key_cstr(out, "id", c->id);
	json_key_cstr(out, "title", c->name);
	json_key_cstr(out, "alias", c->name);
	json_key_bool(out, "can_read", !c->writable);
	json_key_bool(out, "can_write", c->writable);
	text_str(out, ",\"media_types\":[\"" SHARED_STIX "\"]}");
	return false;
}

void http_taxii_collections(struct http_request *r)
{
	text_str(&r->out, "{\"collections\":[");
	each_collection(r, put_collection, &r->out);
	text_str(&r->out, "]}");
}

void http_taxii_collection(struct http_request *r)
{
	struct collection c;

	if (taxii_collection(r, &c))
		put_collection(&r->out, &c);
}

/* ---- what others saw ---- */

void http_taxii_post(struct http_request *r)
{
	struct collection c;
	uint64_t job;
	int err;

	if (!taxii_collection(r, &c))
		return;
	if (!c.writable) {
		http_fail(r, MHD_HTTP_FORBIDDEN, "only the collection \"sightings\" can be written to");
		return;
	}
	err = shared_submit(r->desk, r->who, r->body, &job);
	if (err == -EAGAIN) {
		http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too much waits to be taken in");
		return;
	}
	if (err) {
		http_fail(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			  "the body is not an envelope: {\"objects\": [STIX objects]}");
		return;
	}
	r->status = MHD_HTTP_ACCEPTED;
	shared_put_status(r->desk, job, &r->out);
}

void http_taxii_status(struct http_request *r)
{
	uint64_t job;

	if (!shared_job_of(r->segment[0], &job) || !shared_put_status(r->desk, job, &r->out))
		http_fail(r, MHD_HTTP_NOT_FOUND, "there is no such status");
}

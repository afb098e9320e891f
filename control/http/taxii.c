/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A TAXII 2.1 server (OASIS TAXII 2.1): what this sensor knows, for others to poll, and a place for
 * what they saw. HTTP thread; what is posted is taken in by the jobs thread (shared.c).
 *
 * Collections: "all", one for each source, and "sightings", the only one that can be written to.
 * Ids are version 8 UUIDs of their names, so they stay the same. "Added" is when the version was
 * published (intel/versions.h).
 */
#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/base/when.h"
#include "control/http/http_private.h"
#include "control/http/shared.h"
#include "control/intel/intel.h"
#include "control/intel/sighting.h"
#include "control/jobs/versions.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 10000

struct collection {
	char id[COLLECTION_ID_BYTES], name[64];
	bool writable, all;
};

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

/* The collection of the path (by id, or by name as its alias); false after 404. */
static bool find_collection(struct http_request *r, struct collection *c)
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
	json_key_bool(out, "can_read", true);
	json_key_bool(out, "can_write", c->writable);
	text_str(out, ",\"media_types\":[\"application/stix+json;version=2.1\"]}");
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

	if (find_collection(r, &c))
		put_collection(&r->out, &c);
}

/* RFC 3339 with microseconds, as TAXII wants it. */
static void put_added(char *to, size_t size, uint64_t ns)
{
	struct text t = {0};

	text_time(&t, ns);
	snprintf(to, size, "%.26sZ", text_cstr(&t));
	text_free(&t);
}

static uint64_t page_limit(const struct http_request *r)
{
	const char *limit = http_argument(r, "limit");
	uint64_t n = limit ? strtoull(limit, NULL, 10) : PAGE_DEFAULT;

	return n < 1 ? PAGE_DEFAULT : n > PAGE_MAX ? PAGE_MAX : n;
}

/* The version after which objects are wanted: next, or the last one published by added_after. */
static bool start_version(struct http_request *r, uint64_t *version)
{
	const char *next = http_argument(r, "next"), *after = http_argument(r, "added_after");
	uint64_t ns;

	*version = 0;
	if (next) {
		*version = strtoull(next, NULL, 10);
	} else if (after) {
		if (!time_parse(after, &ns)) {
			http_fail(r, MHD_HTTP_BAD_REQUEST, "added_after is not a time");
			return false;
		}
		*version = version_at(r->desk->store, ns);
	}
	return true;
}

/* One page of objects as a JSON array; where the next begins, 0: it was the last. */
static bool read_page(struct http_request *r, const struct collection *c, struct text *objects,
		      uint64_t *next)
{
	uint64_t after;
	int err;

	*next = 0;
	if (!start_version(r, &after))
		return false;
	if (c->writable) {
		err = sighting_list(r->desk->store, 0, NULL, PAGE_MAX, objects);
		text_clear(objects); /* they are no STIX objects: who reported is not told on */
		text_str(objects, "[]");
	} else {
		err = intel_export_stix(r->desk->intel, c->all ? NULL : c->name, after,
					page_limit(r), objects, next);
	}
	if (err) {
		http_fail(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the store cannot be read");
		return false;
	}
	/* A client goes on from "next" until the last page, and by time from there. */
	if (objects->len > 2 && !*next)
		put_added(r->added_last, sizeof(r->added_last),
			  version_published_ns(r->desk->store, intel_version(r->desk->intel)));
	return true;
}

static void put_more(struct http_request *r, uint64_t next)
{
	if (!next)
		return;
	json_key_bool(&r->out, "more", true);
	json_key(&r->out, "next");
	text_format(&r->out, "\"%llu\"", (unsigned long long)next);
}

void http_taxii_objects(struct http_request *r)
{
	struct text objects = {0};
	struct collection c;
	uint64_t next;

	if (find_collection(r, &c) && read_page(r, &c, &objects, &next)) {
		text_char(&r->out, '{');
		put_more(r, next);
		if (objects.len > 2) {
			json_key(&r->out, "objects");
			text_bytes(&r->out, objects.data, objects.len);
		}
		text_char(&r->out, '}');
	}
	text_free(&objects);
}

void http_taxii_manifest(struct http_request *r)
{
	struct text objects = {0};
	struct collection c;
	uint64_t next;
	json_t *list = NULL, *o;
	size_t i;

	if (find_collection(r, &c) && read_page(r, &c, &objects, &next)) {
		list = json_loadb((char *)objects.data, objects.len, 0, NULL);
		text_char(&r->out, '{');
		put_more(r, next);
		json_key(&r->out, "objects");
		text_char(&r->out, '[');
		json_array_foreach(list, i, o) {
			const char *id = json_string_value(json_object_get(o, "id"));
			const char *modified = json_string_value(json_object_get(o, "modified"));

			json_comma(&r->out);
			text_char(&r->out, '{');
			json_key_cstr(&r->out, "id", id ? id : "");
			json_key_cstr(&r->out, "date_added", modified ? modified : r->added_last);
			json_key_cstr(&r->out, "version", modified ? modified : r->added_last);
			json_key_cstr(&r->out, "media_type", "application/stix+json;version=2.1");
			text_char(&r->out, '}');
		}
		text_str(&r->out, "]}");
	}
	json_decref(list);
	text_free(&objects);
}

/* ---- what others saw ---- */

void http_taxii_post(struct http_request *r)
{
	struct collection c;
	size_t count;
	uint64_t job;

	if (!find_collection(r, &c))
		return;
	if (!c.writable) {
		http_fail(r, MHD_HTTP_FORBIDDEN, "only the collection \"sightings\" can be written to");
		return;
	}
	job = shared_submit(r->desk, r->who, r->body, &count);
	if (!job) {
		http_fail(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			  "the body is not an envelope: {\"objects\": [STIX objects]}");
		return;
	}
	r->status = MHD_HTTP_ACCEPTED;
	shared_put_status(r->desk, job, count, &r->out);
}

void http_taxii_status(struct http_request *r)
{
	uint64_t job;

	if (!shared_job_of(r->segment[0], &job) || !shared_put_status(r->desk, job, 0, &r->out))
		http_fail(r, MHD_HTTP_NOT_FOUND, "there is no such status");
}

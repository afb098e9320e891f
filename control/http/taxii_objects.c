/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The objects of a TAXII 2.1 collection (5.3, 5.4, 5.6, 5.8): pages in the order in which they were
 * added, filters. HTTP thread.
 *
 * An object was added when the version of the intelligence was published in which it was new
 * (jobs/versions.h); of an entry that changed only the newest version is kept. A page is of one
 * published version. X-TAXII-Date-Added-Last is such that whoever asks with it as added_after
 * misses nothing: on a page that ends among the objects of one version it is the microsecond before
 * that version's.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/when.h"
#include "control/http/http_private.h"
#include "control/intel/intel.h"
#include "control/jobs/versions.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 10000
#define STIX_VERSION "2.1"
#define STIX_MEDIA "application/stix+json;version=2.1"

/* What is asked for: lists with commas, NULL: not given. */
struct filter {
	const char *ids, *types, *versions, *spec_versions;
	/* for the manifest and the list of versions: where they are written, and how */
	struct http_request *r;
	struct text *rows;
	void (*put)(struct filter *f, const struct intel_object *o);
	uint64_t dated;   /* the version of which date is */
	char date[40];
};

/* RFC 3339 with microseconds, as TAXII wants it. */
static void print_added(char *to, size_t size, uint64_t ns)
{
	struct text t = {0};

	text_time(&t, ns);
	snprintf(to, size, "%.26sZ", text_cstr(&t));
	text_free(&t);
}

/* RFC 3339 with milliseconds, as STIX wants it. */
static void print_modified(char *to, size_t size, uint64_t ms)
{
	struct text t = {0};

	text_time(&t, ms * 1000000u);
	snprintf(to, size, "%.23sZ", text_cstr(&t));
	text_free(&t);
}

/* TAXII's timestamps are RFC 3339 in UTC. */
static bool read_time(const char *text, size_t n, uint64_t *ns)
{
	char room[48];

	if (n < 20 || n >= sizeof(room) || text[10] != 'T' || text[n - 1] != 'Z')
		return false;
	memcpy(room, text, n);
	room[n] = '\0';
	return time_parse(room, ns);
}

/* Calls with each word of the list until it returns true. */
static bool any_of(const char *list, bool (*is)(const char *word, size_t n, const void *arg),
		   const void *arg)
{
	for (const char *p = list; p;) {
		size_t n = strcspn(p, ",");

		if (is(p, n, arg))
			return true;
		p = p[n] ? p + n + 1 : NULL;
	}
	return false;
}

static bool is_word(const char *word, size_t n, const void *arg)
{
	return n == strlen(arg) && memcmp(word, arg, n) == 0;
}

static bool is_keyword(const char *word, size_t n)
{
	return is_word(word, n, "first") || is_word(word, n, "last") || is_word(word, n, "all");
}

/* There is one version of an object: the first, the last and all of them. */
static bool is_version(const char *word, size_t n, const void *arg)
{
	const uint64_t *ms = arg;
	uint64_t ns;

	return is_keyword(word, n) || (read_time(word, n, &ns) && ns / 1000000 == *ms);
}

static bool is_wrong_version(const char *word, size_t n, const void *arg)
{
	uint64_t ns;

	return !is_keyword(word, n) && !read_time(word, n, &ns);
}

static bool wants(void *arg, const struct intel_object *o)
{
	struct filter *f = arg;

	if ((f->ids && !any_of(f->ids, is_word, o->id)) ||
	    (f->types && !any_of(f->types, is_word, "indicator")) ||
	    (f->spec_versions && !any_of(f->spec_versions, is_word, STIX_VERSION)) ||
	    (f->versions && !any_of(f->versions, is_version, &o->modified_ms)))
		return false;
	if (f->put)
		f->put(f, o);
	return true;
}

/* limit, added_after and next of the query; false after 400. */
static bool read_place(struct http_request *r, struct intel_page *page)
{
	const char *limit = http_argument(r, "limit"), *after = http_argument(r, "added_after");
	uint64_t ns;
	char *end;

	page->next = http_argument(r, "next");
	page->limit = PAGE_DEFAULT;
	if (limit) {
		page->limit = strtoull(limit, &end, 10);
		if (*limit < '0' || *limit > '9' || *end || !page->limit) {
			http_fail(r, MHD_HTTP_BAD_REQUEST, "limit is a number, from 1 on");
			return false;
		}
		page->limit = page->limit > PAGE_MAX ? PAGE_MAX : page->limit;
	}
	if (after && !read_time(after, strlen(after), &ns)) {
		http_fail(r, MHD_HTTP_BAD_REQUEST,
			  "added_after is a time like 2024-01-31T09:30:00.123456Z");
		return false;
	}
	page->after_version = after ? version_at(r->desk->store, ns) : 0;
	return true;
}

static bool read_filter(struct http_request *r, struct filter *f)
{
	f->ids = http_argument(r, "match[id]");
	f->types = http_argument(r, "match[type]");
	f->versions = http_argument(r, "match[version]");
	f->spec_versions = http_argument(r, "match[spec_version]");
	if (f->versions && any_of(f->versions, is_wrong_version, NULL)) {
		http_fail(r, MHD_HTTP_BAD_REQUEST,
			  "match[version] is first, last, all or times, with commas between them");
		return false;
	}
	return true;
}

/* Fills the page; objects NULL: only f sees them. False after an answer that says why not. */
static bool read_page(struct http_request *r, const struct collection *c, struct filter *f,
		      struct intel_page *page, struct text *objects)
{
	struct store *s = r->desk->store;
	int err;

	if (c->writable) {
		http_fail(r, MHD_HTTP_FORBIDDEN, "the collection \"%s\" cannot be read", c->name);
		return false;
	}
	page->source = c->all ? NULL : c->name;
	page->wants = wants;
	page->arg = f;
	f->r = r;
	err = intel_export_stix(r->desk->intel, page, objects);
	if (err == -EINVAL) {
		http_fail(r, MHD_HTTP_BAD_REQUEST, "next is not what an answer had in \"next\"");
		return false;
	}
	if (err) {
		http_fail(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "the store cannot be read");
		return false;
	}
	if (page->count) {
		print_added(r->added_first, sizeof(r->added_first),
			    version_time_ns(s, page->first, page->complete));
		print_added(r->added_last, sizeof(r->added_last),
			    version_time_ns(s, page->last, page->complete));
	}
	return true;
}

/* An envelope, or what else holds a list (3.7); with nothing in it it is {}. */
static void put_answer(struct http_request *r, const struct intel_page *page, const char *what,
		       const struct text *rows, bool open)
{
	text_char(&r->out, '{');
	if (page->cursor[0]) {
		json_key_bool(&r->out, "more", true);
		json_key_cstr(&r->out, "next", page->cursor);
	}
	if (page->count) {
		json_key(&r->out, what);
		text_str(&r->out, open ? "[" : "");
		text_bytes(&r->out, rows->data, rows->len);
		text_str(&r->out, open ? "]" : "");
	}
	text_char(&r->out, '}');
	r->out.failed |= rows->failed;
}

void http_taxii_objects(struct http_request *r)
{
	struct intel_page page = {0};
	struct text objects = {0};
	struct filter f = {0};
	struct collection c;

	if (taxii_collection(r, &c) && read_place(r, &page) && read_filter(r, &f) &&
	    read_page(r, &c, &f, &page, &objects))
		put_answer(r, &page, "objects", &objects, false);
	text_free(&objects);
}

static void put_manifest(struct filter *f, const struct intel_object *o)
{
	char modified[40];

	if (f->dated != o->version)
		print_added(f->date, sizeof(f->date),
			    version_time_ns(f->r->desk->store, o->version, UINT64_MAX));
	f->dated = o->version;
	print_modified(modified, sizeof(modified), o->modified_ms);
	json_comma(f->rows);
	text_char(f->rows, '{');
	json_key_cstr(f->rows, "id", o->id);
	json_key_cstr(f->rows, "date_added", f->date);
	json_key_cstr(f->rows, "version", modified);
	json_key_cstr(f->rows, "media_type", STIX_MEDIA);
	text_char(f->rows, '}');
}

void http_taxii_manifest(struct http_request *r)
{
	struct intel_page page = {0};
	struct text rows = {0};
	struct filter f = {.rows = &rows, .put = put_manifest};
	struct collection c;

	if (taxii_collection(r, &c) && read_place(r, &page) && read_filter(r, &f) &&
	    read_page(r, &c, &f, &page, NULL))
		put_answer(r, &page, "objects", &rows, true);
	text_free(&rows);
}

/* Nothing was found: is there no such object, or does the rest of the query leave it out? */
static bool exists(struct http_request *r, const struct collection *c)
{
	struct intel_page page = {.limit = 1};
	struct filter f = {.ids = r->segment[1]};
	bool found = read_page(r, c, &f, &page, NULL) && page.count;

	r->added_first[0] = r->added_last[0] = '\0';
	if (!found && !r->status)
		http_fail(r, MHD_HTTP_NOT_FOUND, "there is no such object in this collection");
	return found;
}

/* The collection and the page of one object; false after an answer. */
static bool read_object(struct http_request *r, struct filter *f, struct intel_page *page,
			struct text *objects)
{
	struct collection c;

	if (!taxii_collection(r, &c) || !read_place(r, page) || !read_filter(r, f))
		return false;
	f->ids = r->segment[1];
	f->types = NULL;
	if (strchr(f->ids, ',')) {
		http_fail(r, MHD_HTTP_NOT_FOUND, "there is no such object in this collection");
		return false;
	}
	return read_page(r, &c, f, page, objects) && (page->count || exists(r, &c));
}

void http_taxii_object(struct http_request *r)
{
	struct intel_page page = {0};
	struct text objects = {0};
	struct filter f = {0};

	if (read_object(r, &f, &page, &objects))
		put_answer(r, &page, "objects", &objects, false);
	text_free(&objects);
}

static void put_version(struct filter *f, const struct intel_object *o)
{
	char modified[40];

	print_modified(modified, sizeof(modified), o->modified_ms);
	json_comma(f->rows);
	json_put_cstr(f->rows, modified);
}

void http_taxii_versions(struct http_request *r)
{
	struct intel_page page = {0};
	struct text rows = {0};
	struct filter f = {.rows = &rows, .put = put_version};

	if (read_object(r, &f, &page, NULL))
		put_answer(r, &page, "versions", &rows, true);
	text_free(&rows);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The TAXII 2.1 server: media types, pages and their dates, filters, single objects, what is
 * posted and what became of it, wrong questions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/base/when.h"
#include "control/intel/intel.h"
#include "control/jobs/versions.h"
#include "tests/support/site.h"

#define ALL "/taxii2/api/collections/all/"
#define SIGHTINGS "/taxii2/api/collections/sightings/"
#define SEND "Content-Type: application/taxii+json;version=2.1\r\n"

static struct site *site;
static struct site_answer answer;

static int setup(void **state)
{
	site = site_new();
	return 0;
}

static int teardown(void **state)
{
	text_free(&answer.body);
	site_free(site);
	return 0;
}

/* One version with these domains; noted says whether its time is. */
static void publish(const char *const *names, bool noted)
{
	struct intel_change *c;
	struct intel_result result;

	assert_int_equal(intel_change_begin(site->desk.intel, "list", INTEL_ADD, &c), 0);
	for (; *names; names++) {
		struct intel_entry e = {.kind = CONTACT_DOMAIN, .confidence = 80, .severity = 3};

		e.value = (struct slice){*names, strlen(*names)};
		assert_int_equal(intel_change_entry(c, &e), 0);
	}
	assert_int_equal(intel_change_publish(c, &result), 0);
	if (noted)
		version_note(site->desk.store, intel_version(site->desk.intel), wall_clock_ns());
}

/* GET with the token of a sensor; the body. */
static json_t *get(const char *path, unsigned status)
{
	json_t *o;

	site_ask(site, "GET", path, SITE_SHARE, SITE_TAXII, NULL, &answer);
	if (answer.status != status)
		print_message("%s: %s\n", path, text_cstr(&answer.body));
	assert_int_equal(answer.status, status);
	assert_string_equal(site_header(&answer, "Content-Type"), "application/taxii+json;version=2.1");
	o = json_loadb((char *)answer.body.data, answer.body.len, 0, NULL);
	assert_true(json_is_object(o));
	if (status >= 400) {
		char number[12];

		snprintf(number, sizeof(number), "%u", status);
		assert_non_null(json_string_value(json_object_get(o, "title")));
		assert_string_equal(json_string_value(json_object_get(o, "http_status")), number);
	}
	return o;
}

static void refused(const char *path, unsigned status)
{
	json_decref(get(path, status));
}

static size_t count(const char *path)
{
	json_t *o = get(path, 200);
	size_t n = json_array_size(json_object_get(o, "objects"));

	json_decref(o);
	return n;
}

/* The id and modified of the first object there is. */
static void first_object(char *id, char *modified)
{
	json_t *o = get(ALL "objects/?limit=1", 200);
	const json_t *one = json_array_get(json_object_get(o, "objects"), 0);

	snprintf(id, 64, "%s", json_string_value(json_object_get(one, "id")));
	snprintf(modified, 64, "%s", json_string_value(json_object_get(one, "modified")));
	json_decref(o);
}

static unsigned status_of(const char *method, const char *path, const char *headers, const char *body)
{
	return site_ask(site, method, path, SITE_SHARE, headers, body, &answer);
}

static void test_media_types(void **state)
{
	static const char *const good[] = {"application/taxii+json;version=2.1", "application/taxii+json",
					   "Application/TAXII+json; version=2.1", "*/*", "application/*;q=0.5",
					   "text/html, application/taxii+json; q=0.9; version=\"2.1\""};
	static const char *const bad[] = {"application/taxii+json;version=2.0", "application/json",
					  "application/taxii+json;version=2.10", "text/*",
					  "application/taxii+jsonx", "application/taxii"};
	char line[200];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(line, sizeof(line), "Accept: %s\r\n", good[i]);
		assert_int_equal(status_of("GET", "/taxii2/", line, NULL), 200);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "Accept: %s\r\n", bad[i]);
		assert_int_equal(status_of("GET", "/taxii2/", line, NULL), 406);
		snprintf(line, sizeof(line), SITE_TAXII "Content-Type: %s\r\n", bad[i]);
		assert_int_equal(status_of("POST", SIGHTINGS "objects/", line, "{\"objects\":[]}"), 415);
	}
	assert_int_equal(status_of("POST", SIGHTINGS "objects/", SITE_TAXII, "{\"objects\":[]}"), 415);
	assert_int_equal(status_of("POST", SIGHTINGS "objects/", SITE_TAXII SEND, "{\"objects\":[]}"), 202);
	assert_int_equal(status_of("DELETE", ALL "objects/x/", SITE_TAXII, NULL), 405);
}

/* By next, or by time alone as one that was stopped after each page: nothing is lost. */
static void poll_all(bool by_next, unsigned limit, size_t expected)
{
	char path[2048], after[64] = "", next[1100] = "";
	json_t *seen = json_object();

	for (int page = 0; page < 50; page++) {
		json_t *o, *one;
		size_t i;

		snprintf(path, sizeof(path), ALL "objects/?limit=%u%s%s%s%s", limit,
			 *after ? "&added_after=" : "", after, *next ? "&next=" : "", next);
		o = get(path, 200);
		json_array_foreach(json_object_get(o, "objects"), i, one)
			json_object_set(seen, json_string_value(json_object_get(one, "id")), one);
		if (json_array_size(json_object_get(o, "objects")) == 0) {
			json_decref(o);
			break;
		}
		assert_int_equal(strlen(site_header(&answer, "X-TAXII-Date-Added-First")), 27);
		assert_true(strcmp(site_header(&answer, "X-TAXII-Date-Added-Last"), after) >= 0);
		if (by_next && json_is_true(json_object_get(o, "more"))) {
			snprintf(next, sizeof(next), "%s", json_string_value(json_object_get(o, "next")));
		} else {
			next[0] = '\0';
			snprintf(after, sizeof(after), "%s", site_header(&answer, "X-TAXII-Date-Added-Last"));
		}
		json_decref(o);
	}
	assert_int_equal(json_object_size(seen), expected);
	json_decref(seen);
}

static void test_pages(void **state)
{
	static const char *const one[] = {"a.test", "b.test", "c.test", NULL},
				 *const two[] = {"d.test", NULL}, *const three[] = {"e.test", "f.test", NULL};
	char last[64], path[200];
	uint64_t ns;

	publish(one, true);
	publish(two, false);
	publish(three, true);
	for (unsigned limit = 1; limit < 8; limit++)
		poll_all(true, limit, 6);
	for (unsigned limit = 3; limit < 8; limit++)
		poll_all(false, limit, 6);
	/* The date of the last page is that of its last object, and nothing comes after it. */
	assert_int_equal(count(ALL "objects/"), 6);
	snprintf(last, sizeof(last), "%s", site_header(&answer, "X-TAXII-Date-Added-Last"));
	assert_true(time_parse(last, &ns));
	assert_int_equal(version_at(site->desk.store, ns), 3);
	snprintf(path, sizeof(path), ALL "objects/?added_after=%s", last);
	assert_int_equal(count(path), 0);
	assert_string_equal(site_header(&answer, "X-TAXII-Date-Added-Last"), "");
	/* One that was not noted is given again rather than lost. */
	publish((const char *const[]){"g.test", NULL}, false);
	assert_int_equal(count(path), 1);
	snprintf(path, sizeof(path), ALL "objects/?added_after=%s",
		 site_header(&answer, "X-TAXII-Date-Added-Last"));
	assert_int_equal(count(path), 1);
	/* A clock that goes back loses nothing. */
	version_note(site->desk.store, 4, ns - 1000000000u);
	assert_int_equal(count(path), 1);
}

static void test_filters(void **state)
{
	char id[64], modified[64], path[512];

	publish((const char *const[]){"a.test", "b.test", NULL}, true);
	first_object(id, modified);
	assert_int_equal(count(ALL "objects/"), 2);
	snprintf(path, sizeof(path), ALL "objects/?match[id]=indicator--x,%s", id);
	assert_int_equal(count(path), 1);
	snprintf(path, sizeof(path), ALL "manifest/?match%%5Bid%%5D=%s", id);
	assert_int_equal(count(path), 1);
	assert_int_equal(count(ALL "objects/?match[id]=indicator--x"), 0);
	assert_int_equal(count(ALL "objects/?match[type]=malware"), 0);
	assert_int_equal(count(ALL "objects/?match[type]=malware,indicator"), 2);
	assert_int_equal(count(ALL "objects/?match[spec_version]=2.0"), 0);
	assert_int_equal(count(ALL "objects/?match[spec_version]=2.0,2.1"), 2);
	assert_int_equal(count(ALL "objects/?match[version]=first"), 2);
	assert_int_equal(count(ALL "objects/?match[version]=last,all"), 2);
	assert_int_equal(count(ALL "objects/?match[version]=2001-01-01T00:00:00Z"), 0);
	snprintf(path, sizeof(path), ALL "objects/?match[version]=%s&match[type]=indicator", modified);
	assert_int_equal(count(path), 2);
	/* A limit counts what matches. */
	snprintf(path, sizeof(path), ALL "objects/?limit=1&match[type]=indicator&match[id]=%s", id);
	assert_int_equal(count(path), 1);
}

static void test_one_object(void **state)
{
	char id[64], modified[64], path[512];
	json_t *o;

	publish((const char *const[]){"a.test", "b.test", NULL}, true);
	first_object(id, modified);
	snprintf(path, sizeof(path), ALL "objects/%s/", id);
	o = get(path, 200);
	assert_int_equal(json_array_size(json_object_get(o, "objects")), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(o, "objects"), 0),
							      "id")), id);
	json_decref(o);
	snprintf(path, sizeof(path), ALL "objects/%s/versions/", id);
	o = get(path, 200);
	assert_int_equal(json_array_size(json_object_get(o, "versions")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "versions"), 0)), modified);
	json_decref(o);
	/* It is there, but not added since. */
	snprintf(path, sizeof(path), ALL "objects/%s/?added_after=2099-01-01T00:00:00Z", id);
	assert_int_equal(count(path), 0);
	refused(ALL "objects/indicator--00000000-0000-4000-8000-000000000000/", 404);
	refused(ALL "objects/indicator--00000000-0000-4000-8000-000000000000/versions/", 404);
	refused("/taxii2/api/collections/nothing/objects/", 404);
	refused("/taxii2/other/", 404);
}

static void test_wrong_questions(void **state)
{
	static const char *const wrong[] = {
		"limit=0", "limit=-1", "limit=x", "limit=", "limit=1x", "limit", "added_after=yesterday",
		"added_after=", "added_after=2024-01-31", "added_after=2h", "added_after=1706693400",
		"added_after=2024-13-31T09:30:00Z", "next=", "next=x", "next=7", "next=f0.1", "next=ff.0",
		"match[version]=newest", "match[version]=", "match[version]=first,x"};
	char path[200];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(path, sizeof(path), ALL "objects/?%s", wrong[i]);
		refused(path, 400);
		snprintf(path, sizeof(path), ALL "manifest/?%s", wrong[i]);
		refused(path, 400);
	}
	assert_int_equal(count(ALL "objects/?limit=99999999999999999999"), 0);
}

static void test_manifest(void **state)
{
	json_t *o, *one;
	const char *added;

	publish((const char *const[]){"a.test", "b.test", NULL}, true);
	o = get(ALL "manifest/?limit=1", 200);
	assert_true(json_is_true(json_object_get(o, "more")));
	one = json_array_get(json_object_get(o, "objects"), 0);
	assert_non_null(one);
	added = json_string_value(json_object_get(one, "date_added"));
	assert_int_equal(strlen(added), 27);
	assert_int_equal(json_string_length(json_object_get(one, "version")), 24);
	json_decref(o);
}

static void test_what_is_advertised(void **state)
{
	json_t *o = get("/taxii2/api/collections/", 200), *one;
	size_t i;

	publish((const char *const[]){"a.test", NULL}, true);
	json_array_foreach(json_object_get(o, "collections"), i, one) {
		bool can_read = json_is_true(json_object_get(one, "can_read"));
		char path[200];

		snprintf(path, sizeof(path), "/taxii2/api/collections/%s/objects/",
			 json_string_value(json_object_get(one, "id")));
		json_decref(get(path, can_read ? 200 : 403));
		status_of("POST", path, SITE_TAXII SEND, "{\"objects\":[]}");
		assert_int_equal(answer.status, json_is_true(json_object_get(one, "can_write")) ? 202 : 403);
	}
	assert_int_equal(i, 2);
	json_decref(o);
	o = get("/taxii2/api/", 200);
	assert_int_equal(json_integer_value(json_object_get(o, "max_content_length")), 8 << 20);
	json_decref(o);
}

static void figures_are(json_t *o, int total, int good, int bad, int pending)
{
	assert_int_equal(json_integer_value(json_object_get(o, "total_count")), total);
	assert_int_equal(json_integer_value(json_object_get(o, "success_count")), good);
	assert_int_equal(json_integer_value(json_object_get(o, "failure_count")), bad);
	assert_int_equal(json_integer_value(json_object_get(o, "pending_count")), pending);
}

static void test_what_became_of_it(void **state)
{
#define ID "00000000-0000-4000-8000-0000000000"
#define INDICATOR(n, pattern)                                                                      \
	"{\"type\":\"indicator\",\"id\":\"indicator--" ID #n "\",\"pattern_type\":\"stix\","       \
	"\"pattern\":\"" pattern "\"}"
	static const char body[] = "{\"objects\":[" INDICATOR(01, "[domain-name:value = 'a.test']") ","
		INDICATOR(02, "[what is this") "," INDICATOR(03, "[domain-name:value = 'not a name!']") ","
		"{\"type\":\"sighting\",\"id\":\"sighting--" ID "04\",\"sighting_of_ref\":\"indicator--" ID "01\"},"
		"{\"type\":\"sighting\",\"id\":\"sighting--" ID "05\",\"sighting_of_ref\":\"indicator--" ID "99\"},"
		"{\"type\":\"identity\",\"id\":\"identity--" ID "06\"},{\"type\":\"note\"},17]}";
	char path[100];
	json_t *o;

	status_of("POST", SIGHTINGS "objects/", SITE_TAXII SEND, body);
	assert_int_equal(answer.status, 202);
	o = json_loadb((char *)answer.body.data, answer.body.len, 0, NULL);
	snprintf(path, sizeof(path), "/taxii2/api/status/%s/", json_string_value(json_object_get(o, "id")));
	assert_int_equal(json_integer_value(json_object_get(o, "total_count")), 8);
	for (int i = 0; i < 500 && strcmp(json_string_value(json_object_get(o, "status")), "complete") != 0; i++) {
		figures_are(o, 8, 0, 0, 8);
		json_decref(o);
		usleep(10000);
		o = get(path, 200);
	}
	figures_are(o, 8, 3, 5, 0);
	json_decref(o);
	assert_int_equal(status_of("POST", SIGHTINGS "objects/", SITE_TAXII SEND, "{\"objects\":7}"), 422);
	assert_int_equal(status_of("POST", SIGHTINGS "objects/", SITE_TAXII SEND, "{"), 422);
	refused("/taxii2/api/status/00000000-0000-8000-8000-0000000000ff/", 404);
	refused("/taxii2/api/status/1/", 404);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_media_types), TEST(test_pages), TEST(test_filters), TEST(test_one_object),
		TEST(test_wrong_questions), TEST(test_manifest), TEST(test_what_is_advertised),
		TEST(test_what_became_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Feeds: what an answer from outside may do to what a feed has, and what it may not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/intel/fetch.h"
#include "tests/unit/control/feed.h"
#include "tests/unit/control/outside.h"

struct fixture {
	struct feed *f;
	struct store *s;
	struct intel *in;
	struct outside *outside;
	struct courier *courier;
	struct fetcher *fetcher;
	bool (*page)(struct fixture *x, const struct courier_order *o, struct courier_answer *a);
	unsigned asked;
	char etag[64], url[512]; /* of the last request */
	atomic_bool stop;
	char report[1024];
};

static _Atomic bool inside; /* the store */

static bool answer(void *arg, const struct courier_order *o, const char *body,
		   struct courier_answer *a)
{
	struct fixture *x = arg;

	x->asked++;
	assert_false(inside);
	snprintf(x->etag, sizeof(x->etag), "%s", o->r.etag ? o->r.etag : "");
	snprintf(x->url, sizeof(x->url), "%s", o->r.url);
	return x->page(x, o, a);
}

static int setup(void **state)
{
	static struct fixture x;
	char path[96];

	x = (struct fixture){.f = feed_new()};
	snprintf(path, sizeof(path), "%s/store", x.f->dir);
	assert_int_equal(store_open(&x.s, path, STORE_WRITE, NULL), 0);
	assert_int_equal(intel_open(&x.in, x.s, x.f->config), 0);
	x.outside = outside_new(answer, &x);
	x.courier = courier_open(outside_channel(x.outside), x.f->config);
	assert_non_null(x.courier);
	*state = &x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	fetcher_free(x->fetcher);
	courier_close(x->courier);
	outside_free(x->outside);
	intel_close(x->in);
	store_close(x->s);
	feed_free(x->f);
	return 0;
}

static void set(struct fixture *x, const char *key, const char *value)
{
	char error[256];

	assert_int_equal(config_set(x->f->config, key, value, error, sizeof(error)), 0);
}

/* The engine starts, with what is configured now. */
static void start(struct fixture *x)
{
	fetcher_free(x->fetcher);
	x->fetcher = fetcher_new(x->f->config, x->in, x->courier);
	assert_non_null(x->fetcher);
}

static int enter(void *arg)
{
	struct fixture *x = arg;

	assert_false(inside);
	inside = true;
	assert_true(store_enter(x->s));
	return 0;
}

static void leave(void *arg)
{
	store_leave(((struct fixture *)arg)->s);
	inside = false;
}

static const char *fetch(struct fixture *x, uint64_t now_ns)
{
	const struct fetch_turn turn = {x, enter, leave, NULL};
	struct text report = {0};

	assert_int_equal(fetcher_run(x->fetcher, "t", now_ns, &x->stop, &turn, &report), 0);
	snprintf(x->report, sizeof(x->report), "%s", text_cstr(&report));
	text_free(&report);
	return x->report;
}

static uint64_t entries(struct fixture *x)
{
	struct intel_counts counts;

	assert_int_equal(intel_counts(x->in, &counts), 0);
	return counts.entries;
}

#define SAYS(text, what) assert_non_null(strstr(text, what))

/* ---- bodies ---- */

static bool good_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	outside_body(a, "evil.example.com\n");
	return true;
}

/* A descriptor that can still be cut short under who reads it. */
static bool unsealed_page(struct fixture *x, const struct courier_order *o,
			  struct courier_answer *a)
{
	*a = (struct courier_answer){.http = 200, .bytes = 6};
	a->body_fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return write(a->body_fd, "a.com\n", 6) == 6;
}

static bool short_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	outside_body(a, "a.com\n");
	a->bytes = 1u << 20;
	return true;
}

static bool pipe_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	*a = (struct courier_answer){.http = 200, .bytes = 6, .body_fd = ends[0]};
	return true;
}

static bool no_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	*a = (struct courier_answer){.http = 200, .bytes = 6, .body_fd = -1};
	return true;
}

static bool long_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	char *text = calloc(1, 2048);

	memset(text, '\n', 2047);
	outside_body(a, text);
	free(text);
	return true;
}

static void bodies_that_are_not_what_they_say(void **state)
{
	struct fixture *x = *state;

	set(x, "intel.feeds.t.url", "http://outside/list");
	set(x, "intel.feeds.t.max_bytes", "1k");
	start(x);
	x->page = good_page;
	SAYS(fetch(x, 1), "\"loaded\":1");
	x->page = unsealed_page;
	SAYS(fetch(x, 2), "not sealed");
	x->page = short_page;
	SAYS(fetch(x, 3), "not as long as it says");
	x->page = pipe_page;
	SAYS(fetch(x, 4), "not sealed");
	x->page = no_page;
	SAYS(fetch(x, 5), "without a body");
	x->page = long_page;
	SAYS(fetch(x, 6), "longer than");
	assert_int_equal(entries(x), 1);
}

/* ---- pages that are no list ---- */

static const char *body_of_page;

static bool this_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	outside_body(a, body_of_page);
	return true;
}

static void no_list_takes_nothing_out(void **state)
{
	static const struct {
		const char *body, *why;
	} wrong[] = {
		{"", "is empty"},
		{"<html>no list</html>", "HTML"},
		{"\n <!DOCTYPE HTML>\n<p>\nother.example.com\n", "HTML"},
		{"Please log in!\n", "line 1"},
		{"# list\n404: no such thing\n", "line 2"},
	};
	struct fixture *x = *state;

	set(x, "intel.feeds.t.url", "http://outside/list");
	start(x);
	x->page = good_page;
	SAYS(fetch(x, 1), "\"loaded\":1");
	x->page = this_page;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		body_of_page = wrong[i].body;
		SAYS(fetch(x, 2 + i), "\"failed\"");
		SAYS(x->report, wrong[i].why);
		assert_int_equal(entries(x), 1);
	}
	/* A list that says that it is empty now is a list. */
	body_of_page = "# nothing\n";
	SAYS(fetch(x, 20), "\"removed\":1");
	assert_int_equal(entries(x), 0);
}

/* ---- configuration that changed ---- */

static bool page_with_etag(struct fixture *x, const struct courier_order *o,
			   struct courier_answer *a)
{
	outside_body(a, "name,address\nevil.example.com,198.51.100.7\n");
	snprintf(a->etag, sizeof(a->etag), "\"one\"");
	if (strcmp(x->etag, "\"one\"") == 0) {
		close(a->body_fd);
		*a = (struct courier_answer){.http = 304, .body_fd = -1};
	}
	return true;
}

static bool collection(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	outside_body(a, "{}");
	snprintf(a->next, sizeof(a->next), "2024-05-01T00:00:00.000000Z");
	return true;
}

static void what_was_changed_is_fetched_anew(void **state)
{
	static const char *const changes[][2] = {
		{"columns", "value=address"}, {"tlp", "red"},	  {"confidence", "10"},
		{"kind", "ip"},		      {"severity", "4"},  {"category", "c2"},
		{"url", "http://outside/b"},  {"mode", "add"},	  {"allow", "yes"},
		{"subdomains", "yes"},	      {"threat", "Qbot"}, {"format", "csv"},
	};
	struct fixture *x = *state;
	char key[64];

	set(x, "intel.feeds.t.url", "http://outside/list");
	set(x, "intel.feeds.t.columns", "value=name");
	start(x);
	assert_int_equal(fetcher_next_due_ns(x->fetcher), 0);
	x->page = page_with_etag;
	SAYS(fetch(x, 1), "\"loaded\":1");
	SAYS(fetch(x, 2), "\"same\"");
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		snprintf(key, sizeof(key), "intel.feeds.t.%s", changes[i][0]);
		set(x, key, changes[i][1]);
		start(x);
		assert_int_equal(fetcher_next_due_ns(x->fetcher), 0);
		SAYS(fetch(x, 3), "\"loaded\":1");
		assert_string_equal(x->etag, "");
		start(x);
		assert_true(fetcher_next_due_ns(x->fetcher) > 3);
		SAYS(fetch(x, 4), "\"same\"");
	}
	/* How often and how long is asked changes nothing of what comes. */
	set(x, "intel.feeds.t.timeout", "30");
	set(x, "intel.feeds.t.interval", "2h");
	start(x);
	SAYS(fetch(x, 5), "\"same\"");
}

static void another_collection_begins_at_its_start(void **state)
{
	struct fixture *x = *state;
	struct intel_fetch f;

	set(x, "intel.feeds.t.url", "http://outside/a/");
	set(x, "intel.feeds.t.format", "taxii");
	start(x);
	x->page = collection;
	fetch(x, 1);
	fetch(x, 2);
	SAYS(x->url, "added_after");
	set(x, "intel.feeds.t.url", "http://outside/b/");
	start(x);
	fetch(x, 3);
	assert_null(strstr(x->url, "added_after"));
	/* A row of a version that did not keep what was configured. */
	assert_int_equal(intel_fetch_get(x->in, "t", &f), 0);
	assert_true(f.options[0]);
	f.options[0] = '\0';
	assert_int_equal(intel_fetch_set(x->in, "t", &f), 0);
	fetch(x, 4);
	assert_null(strstr(x->url, "added_after"));
	fetch(x, 5);
	SAYS(x->url, "added_after");
}

/* ---- only what is new ---- */

/* A server that wrote its header after it had read the page: what was added in between stands before
 * the time that it names. It adds one object each time until there are three. */
static unsigned added;

static bool racing_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	const char *after = strstr(o->r.url, "added_after=2024-05-01T00%3A00%3A");
	unsigned from = after ? (unsigned)atoi(after + 33) : 0, given = 0;
	struct text t = {0};

	if (strstr(o->r.url, "added_after=2024-04-30"))
		from = 0;
	text_str(&t, "{\"objects\":[");
	for (unsigned i = 1; i <= added; i++) {
		if (i * 2 <= from) /* objects were added at seconds 2, 4, … */
			continue;
		given++;
		json_comma(&t);
		text_format(&t, "{\"type\":\"indicator\",\"pattern_type\":\"stix\",\"id\":\"indicator--%u\","
				"\"pattern\":\"[domain-name:value = 'n%u.example.com']\"}", i, i);
	}
	text_str(&t, "]}");
	outside_body(a, given ? text_cstr(&t) : "{}");
	if (given && added < 3)
		added++; /* … between the page and its header */
	if (given)
		snprintf(a->next, sizeof(a->next), "2024-05-01T00:00:%02u.000000Z", added * 2);
	text_free(&t);
	return true;
}

static void nothing_is_skipped_between_page_and_header(void **state)
{
	struct fixture *x = *state;

	set(x, "intel.feeds.t.url", "http://outside/c/");
	set(x, "intel.feeds.t.format", "taxii");
	start(x);
	added = 1;
	x->page = racing_page;
	SAYS(fetch(x, 1), "\"loaded\":1");
	for (unsigned i = 2; i < 6; i++)
		fetch(x, i);
	assert_int_equal(entries(x), 3);
	/* Then it is quiet. */
	SAYS(fetch(x, 7), "\"same\"");
	SAYS(x->url, "added_after=2024-05-01T00%3A00%3A06.000000Z");
}

#define EVENTS 50002

static unsigned events_from; /* the manifest names those from here on */

static bool misp_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	struct text t = {0};
	unsigned n;

	if (strstr(o->r.url, "manifest.json")) {
		/* The newest first, and two of each time. */
		text_char(&t, '{');
		for (n = EVENTS; n-- > events_from;)
			text_format(&t, "%s\"00000000-0000-4000-8000-%012u\":{\"timestamp\":\"%u\"}",
				    n == EVENTS - 1 ? "" : ",", n, 1000 + n / 2);
		text_char(&t, '}');
		outside_body(a, text_cstr(&t));
	} else if (sscanf(strrchr(o->r.url, '-'), "-%u", &n) == 1 && n == 7) {
		*a = (struct courier_answer){.http = 404, .body_fd = -1};
	} else {
		text_format(&t, "{\"Event\":{\"Attribute\":[{\"type\":\"domain\",\"to_ids\":true,"
				"\"value\":\"n%u.example.com\"}]}}", n);
		outside_body(a, text_cstr(&t));
	}
	text_free(&t);
	return true;
}

static void more_events_than_one_fetch_takes(void **state)
{
	struct fixture *x = *state;

	set(x, "intel.feeds.t.url", "http://outside/misp/");
	set(x, "intel.feeds.t.format", "misp-feed");
	start(x);
	events_from = 0;
	x->page = misp_page;
	SAYS(fetch(x, 1), "\"loaded\":49999"); /* one is not there */
	assert_in_range(fetcher_next_due_ns(x->fetcher), 1, 61000000000ull); /* goes on soon */
	SAYS(fetch(x, 2), "\"loaded\":2");
	assert_int_equal(entries(x), EVENTS - 1);
	SAYS(fetch(x, 3), "\"same\"");
}

/* ---- what fails ---- */

static bool broken_page(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	*a = (struct courier_answer){.http = 503, .body_fd = -1};
	return true;
}

static void retries_become_rarer(void **state)
{
	const uint64_t second = 1000000000u;
	struct fixture *x = *state;
	uint64_t now = 1, waits[8], least = UINT64_MAX;

	set(x, "intel.feeds.t.url", "http://outside/list");
	start(x);
	x->page = broken_page;
	for (unsigned i = 0; i < 8; i++) {
		fetch(x, now);
		waits[i] = fetcher_next_due_ns(x->fetcher) - now;
		now += waits[i];
	}
	for (unsigned i = 0; i < 8; i++) {
		uint64_t base = (60ull << i) < 3600 ? 60ull << i : 3600;

		assert_in_range(waits[i], base * 3 / 4 * second, base * second);
	}
	/* Feeds that failed together do not come again together. */
	for (unsigned i = 0; i < 8; i++) {
		fetch(x, now + i);
		waits[i] = fetcher_next_due_ns(x->fetcher) - now - i;
		least = waits[i] < least ? waits[i] : least;
	}
	for (unsigned i = 1; i < 8; i++)
		assert_int_not_equal(waits[i], waits[i - 1]);
	assert_true(least < 3600 * second);
	/* Once it goes well, all is as before. */
	x->page = good_page;
	fetch(x, now);
	assert_int_equal(fetcher_next_due_ns(x->fetcher), now + 3600 * second);
	x->page = broken_page;
	fetch(x, now);
	assert_in_range(fetcher_next_due_ns(x->fetcher), now + 45 * second, now + 60 * second);
	set(x, "intel.feeds.t.interval", "20");
	start(x);
	fetch(x, now);
	assert_in_range(fetcher_next_due_ns(x->fetcher), now + 15 * second, now + 20 * second);
}

static bool who_asks(struct fixture *x, const struct courier_order *o, struct courier_answer *a)
{
	outside_body(a, o->r.user && strcmp(o->r.user, "site") == 0 && o->r.secret &&
				strcmp(o->r.secret, "@/etc/secret") == 0 && !o->r.token
				? "evil.example.com\n" : "# who are you?\n");
	return true;
}

static void feeds_with_a_password(void **state)
{
	struct fixture *x = *state;

	set(x, "intel.feeds.t.url", "http://outside/list");
	set(x, "intel.feeds.t.user", "site");
	set(x, "intel.feeds.t.password_file", "/etc/secret");
	start(x);
	x->page = who_asks;
	SAYS(fetch(x, 1), "\"loaded\":1");
	/* One or the other. */
	set(x, "intel.feeds.t.token_file", "/etc/token");
	start(x);
	assert_int_equal(fetcher_next_due_ns(x->fetcher), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bodies_that_are_not_what_they_say, setup, teardown),
		cmocka_unit_test_setup_teardown(no_list_takes_nothing_out, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_changed_is_fetched_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(another_collection_begins_at_its_start, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nothing_is_skipped_between_page_and_header, setup,
						teardown),
		cmocka_unit_test_setup_teardown(more_events_than_one_fetch_takes, setup, teardown),
		cmocka_unit_test_setup_teardown(retries_become_rarer, setup, teardown),
		cmocka_unit_test_setup_teardown(feeds_with_a_password, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store of the intelligence: versions, sources, allow and deny, what a dead process leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/intel/change.h"
#include "control/intel/intel.h"
#include "control/store/store.h"
#include "tests/unit/control/feed.h"

struct fixture {
	struct feed *f;
	struct store *store;
	struct intel *in;
	char path[96];
};

static void open_all(struct fixture *x)
{
	assert_int_equal(store_open(&x->store, x->path, STORE_WRITE, NULL), 0);
	assert_int_equal(intel_open(&x->in, x->store, x->f->config), 0);
}

static void close_all(struct fixture *x)
{
	intel_close(x->in);
	store_close(x->store);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	x->f = feed_new();
	snprintf(x->path, sizeof(x->path), "%s/store", x->f->dir);
	open_all(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	close_all(x);
	feed_free(x->f);
	free(x);
	return 0;
}

static struct intel_entry entry(int kind, const char *value)
{
	return (struct intel_entry){
		.kind = kind, .value = {value, strlen(value)}, .confidence = 90, .severity = 1};
}

static struct intel_change *begin(struct fixture *x, const char *source, enum intel_mode mode)
{
	struct intel_change *c;

	assert_int_equal(intel_change_begin(x->in, source, mode, &c), 0);
	return c;
}

static struct intel_result publish(struct intel_change *c)
{
	struct intel_result r;

	assert_int_equal(intel_change_publish(c, &r), 0);
	assert_int_equal(r.given, r.loaded + r.refused);
	return r;
}

static struct intel_result change(struct fixture *x, const char *source, enum intel_mode mode,
				  const struct intel_entry *list, size_t count)
{
	struct intel_change *c = begin(x, source, mode);

	for (size_t i = 0; i < count; i++)
		assert_int_equal(intel_change_entry(c, &list[i]), 0);
	return publish(c);
}

static struct intel_result one(struct fixture *x, const char *source, enum intel_mode mode,
			       struct intel_entry e)
{
	return change(x, source, mode, &e, 1);
}

static int match(struct fixture *x, int kind, const char *value, uint16_t port)
{
	uint8_t key[VALUE_KEY_MAX];
	size_t len = value_key(kind, value, strlen(value), key);

	assert_true(len);
	return intel_match(x->in, kind, key, len, port, NULL, NULL);
}

static void verdict_is(struct fixture *x, const char *value, const char *verdict)
{
	struct text json = {0};
	json_t *j;

	assert_int_equal(intel_lookup(x->in, 0, value, &json), 0);
	j = json_loads(text_cstr(&json), 0, NULL);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "verdict")), verdict);
	json_decref(j);
	text_free(&json);
}

static int count_one(void *arg, const struct intel_verdict *v)
{
	json_t *sources = json_loadb(v->sources.data, v->sources.len, 0, NULL);

	assert_true(json_array_size(sources) >= 1);
	json_decref(sources);
	++*(int *)arg;
	return 0;
}

static int count(struct fixture *x, int kind, uint64_t since)
{
	int n = 0;

	assert_int_equal(intel_each(x->in, kind, since, count_one, &n), 0);
	return n;
}

static void test_versions(void **state)
{
	struct fixture *x = *state;
	struct intel_entry e = entry(CONTACT_DOMAIN, "Evil.Example.");
	struct intel_result r;

	r = one(x, "a", INTEL_ADD, e);
	assert_int_equal(r.fresh, 1);
	assert_int_equal(r.version, 1);
	r = one(x, "a", INTEL_ADD, e);
	assert_int_equal(r.same, 1);
	assert_int_equal(r.version, 1);
	e.note = (struct slice){"why", 3};
	r = one(x, "a", INTEL_ADD, e);
	assert_int_equal(r.changed, 1);
	assert_int_equal(r.version, 2);
	/* Changed is not new. */
	assert_int_equal(count(x, 0, 1), 0);
	r = one(x, "b", INTEL_ADD, e);
	assert_int_equal(r.version, 3);
	assert_int_equal(count(x, 0, 0), 1);
	assert_int_equal(count(x, 0, 2), 1);
	assert_int_equal(count(x, 0, 3), 0);
	assert_int_equal(count(x, CONTACT_IP, 0), 0);
	r = one(x, "a", INTEL_REMOVE, e);
	assert_int_equal(r.removed, 1);
	verdict_is(x, "evil.example", "bad");
	close_all(x);
	open_all(x);
	assert_int_equal(intel_version(x->in), 4);
	verdict_is(x, "evil.example", "bad");
	one(x, "b", INTEL_REMOVE, e);
	verdict_is(x, "evil.example", "unknown");
	r = one(x, "b", INTEL_REMOVE, e);
	assert_int_equal(r.same, 1);
	assert_int_equal(r.version, 5);
	assert_int_equal(count(x, 0, 0), 0);
}

static void test_kinds(void **state)
{
	struct fixture *x = *state;
	const struct intel_entry list[] = {
		entry(CONTACT_IP, "192.0.2.1"),
		entry(INDICATOR_CIDR, "198.51.100.0/24"),
		entry(INDICATOR_CIDR, "2001:db8::/32"),
		entry(INDICATOR_IP_PORT, "203.0.113.5:443"),
		entry(INDICATOR_IP_PORT, "[2001:dead::5]:8080"),
		entry(CONTACT_URL, "http://Evil.example/A?b"),
		entry(CONTACT_FILE_MD5, "d41d8cd98f00b204e9800998ecf8427e"),
		entry(CONTACT_EMAIL, "Bad@Evil.example"),
		entry(CONTACT_IP, "no address"),
		entry(INDICATOR_IP_PORT, "203.0.113.5:0"),
		entry(INDICATOR_IP_PORT, "2001:db8::5:80"),
	};
	struct intel_result r = change(x, "a", INTEL_ADD, list, sizeof(list) / sizeof(list[0]));
	struct intel_counts counts;

	assert_int_equal(r.refused, 3);
	assert_int_equal(r.fresh, 8);
	assert_int_equal(match(x, CONTACT_IP, "192.0.2.1", 0), 1);
	assert_int_equal(match(x, CONTACT_IP, "192.0.2.2", 0), 0);
	assert_int_equal(match(x, CONTACT_IP, "198.51.100.77", 0), 1);
	assert_int_equal(match(x, CONTACT_IP, "198.51.101.77", 0), 0);
	assert_int_equal(match(x, CONTACT_IP, "2001:db8:ffff::1", 0), 1);
	assert_int_equal(match(x, CONTACT_IP, "203.0.113.5", 443), 1);
	assert_int_equal(match(x, CONTACT_IP, "203.0.113.5", 80), 0);
	assert_int_equal(match(x, CONTACT_IP, "2001:dead::5", 8080), 1);
	assert_int_equal(match(x, CONTACT_URL, "evil.example/A?b", 0), 1);
	assert_int_equal(match(x, CONTACT_URL, "evil.example/a?b", 0), 0);
	assert_int_equal(match(x, CONTACT_EMAIL, "bad@evil.example", 0), 1);
	/* A URL that is not known itself, on an address and a network that are. */
	verdict_is(x, "http://192.0.2.1/x", "bad");
	verdict_is(x, "https://[2001:db8::7]:8443/x", "bad");
	verdict_is(x, "http://other.example/x", "unknown");
	verdict_is(x, "203.0.113.5:443", "bad");
	verdict_is(x, "198.51.100.0/24", "bad");
	verdict_is(x, "[2001:dead::5]:8080", "bad");
	verdict_is(x, "D41D8CD98F00B204E9800998ECF8427E", "bad");
	assert_int_equal(intel_counts(x->in, &counts), 0);
	assert_int_equal(counts.entries, 8);
	assert_int_equal(counts.indicators, 8);
	assert_int_equal(counts.sources, 1);
}

static void test_allow(void **state)
{
	struct fixture *x = *state;
	struct intel_entry deny = entry(CONTACT_DOMAIN, "evil.com"), allow = deny;

	deny.below = true;
	one(x, "deny", INTEL_ADD, deny);
	assert_int_equal(match(x, CONTACT_DOMAIN, "x.evil.com", 0), 1);
	assert_int_equal(match(x, CONTACT_SNI, "x.evil.com", 0), 1);
	assert_int_equal(match(x, CONTACT_DOMAIN, "notevil.com", 0), 0);
	allow.allow = true;
	one(x, "allow", INTEL_ADD, allow);
	/* Itself alone … */
	assert_int_equal(match(x, CONTACT_DOMAIN, "evil.com", 0), 0);
	assert_int_equal(match(x, CONTACT_DOMAIN, "x.evil.com", 0), 1);
	verdict_is(x, "evil.com", "allowed");
	/* … and with all below it, whoever denies that. */
	allow.below = true;
	one(x, "allow", INTEL_ADD, allow);
	one(x, "deny", INTEL_ADD, entry(CONTACT_DOMAIN, "y.evil.com"));
	assert_int_equal(match(x, CONTACT_DOMAIN, "x.evil.com", 0), 0);
	assert_int_equal(match(x, CONTACT_DOMAIN, "y.evil.com", 0), 0);
	one(x, "allow", INTEL_REMOVE, allow);
	assert_int_equal(match(x, CONTACT_DOMAIN, "y.evil.com", 0), 1);
	/* Not below: subdomains are not meant. */
	deny.below = false;
	one(x, "deny", INTEL_ADD, deny);
	assert_int_equal(match(x, CONTACT_DOMAIN, "x.evil.com", 0), 0);
}

static void test_replace(void **state)
{
	struct fixture *x = *state;
	struct intel_entry list[] = {
		entry(CONTACT_DOMAIN, "a.test"), entry(CONTACT_DOMAIN, "b.test"),
		entry(CONTACT_DOMAIN, "c.test"), entry(CONTACT_DOMAIN, "b.test")};
	struct intel_result r = change(x, "a", INTEL_REPLACE, list, 4);
	struct text json = {0};

	assert_int_equal(r.fresh, 3);
	assert_int_equal(r.same, 1);
	change(x, "b", INTEL_REPLACE, list, 3);
	r = change(x, "a", INTEL_REPLACE, list + 1, 2);
	assert_int_equal(r.removed, 1);
	assert_int_equal(r.same, 2);
	assert_int_equal(count(x, 0, 0), 3);
	assert_int_equal(intel_source_drop(x->in, "b", &r), 1);
	assert_int_equal(count(x, 0, 0), 2);
	assert_int_equal(intel_source_drop(x->in, "b", &r), 0);
	r = change(x, "a", INTEL_REPLACE, list, 0);
	assert_int_equal(r.removed, 2);
	assert_int_equal(count(x, 0, 0), 0);
	assert_int_equal(intel_sources(x->in, &json), 0);
	assert_non_null(strstr(text_cstr(&json), "\"name\":\"a\""));
	assert_null(strstr(text_cstr(&json), "\"name\":\"b\""));
	text_free(&json);
}

/* A small source that is replaced among large ones: by its keys, not by reading all. */
static void test_replace_small(void **state)
{
	struct fixture *x = *state;
	struct intel_change *c = begin(x, "large", INTEL_REPLACE);
	struct intel_entry list[] = {entry(CONTACT_DOMAIN, "n7.test"),
				     entry(CONTACT_DOMAIN, "b.test"),
				     entry(CONTACT_IP, "192.0.2.1")};
	struct intel_result r;
	char name[32];

	for (int i = 0; i < 1000; i++) {
		struct intel_entry e;

		snprintf(name, sizeof(name), "n%d.test", i);
		e = entry(CONTACT_DOMAIN, name);
		assert_int_equal(intel_change_entry(c, &e), 0);
	}
	publish(c);
	change(x, "small", INTEL_REPLACE, list, 2);
	one(x, "small", INTEL_ADD, list[2]);
	list[1].note = (struct slice){"x", 1};
	one(x, "small", INTEL_ADD, list[1]);
	r = change(x, "small", INTEL_REPLACE, list + 1, 2);
	assert_int_equal(r.removed, 1);
	assert_int_equal(r.same, 2);
	assert_int_equal(count(x, 0, 0), 1002);
	r = change(x, "small", INTEL_REPLACE, list, 3);
	assert_int_equal(r.fresh, 1);
	assert_int_equal(r.same, 2);
}

static void test_expiry(void **state)
{
	struct fixture *x = *state;
	struct intel_entry e = entry(CONTACT_DOMAIN, "old.test"),
			   f = entry(CONTACT_DOMAIN, "new.test");
	struct intel_result r;
	uint64_t now = wall_clock_ns();

	e.valid_until_ns = now - 1000000000;
	f.valid_until_ns = now + 3600000000000;
	one(x, "a", INTEL_ADD, e);
	one(x, "a", INTEL_ADD, f);
	/* What has ended is not bad, even before it is taken out. */
	verdict_is(x, "old.test", "unknown");
	verdict_is(x, "new.test", "bad");
	assert_int_equal(intel_expire(x->in, now, &r), 0);
	assert_int_equal(r.removed, 1);
	assert_int_equal(r.version, 3);
	assert_int_equal(count(x, 0, 0), 1);
	assert_int_equal(intel_expire(x->in, now, &r), 0);
	assert_int_equal(r.removed, 0);
	assert_int_equal(intel_expire(x->in, now + 3700000000000, &r), 0);
	assert_int_equal(r.removed, 1);
	assert_int_equal(count(x, 0, 0), 0);
}

static void test_max(void **state)
{
	struct fixture *x = *state;
	struct intel_entry list[] = {entry(CONTACT_DOMAIN, "a.test"),
				     entry(CONTACT_DOMAIN, "b.test"),
				     entry(CONTACT_DOMAIN, "c.test")};
	struct intel_result r;
	struct text json = {0};

	x->f->config->intel_max = 2;
	r = change(x, "a", INTEL_REPLACE, list, 3);
	assert_int_equal(r.loaded, 2);
	assert_int_equal(r.refused, 1);
	r = change(x, "b", INTEL_ADD, list, 1);
	assert_int_equal(r.refused, 1);
	r = change(x, "a", INTEL_REPLACE, list + 1, 2);
	assert_int_equal(r.loaded, 2);
	assert_int_equal(intel_refused(x->in, "b", 10, &json), 0);
	assert_non_null(strstr(text_cstr(&json), "beyond"));
	text_free(&json);
}

static void test_refused(void **state)
{
	struct fixture *x = *state;
	struct intel_change *c = begin(x, "a", INTEL_REPLACE);
	struct text json = {0};
	struct intel_result r;
	json_t *j;

	for (uint64_t i = 1; i <= INTEL_REFUSED_MAX + 5; i++)
		assert_int_equal(intel_change_refused(c, i, (struct slice){"x\n", 2}, "is bad"), 0);
	r = publish(c);
	assert_int_equal(r.refused, INTEL_REFUSED_MAX + 5);
	assert_int_equal(r.version, 0);
	assert_int_equal(intel_refused(x->in, "a", UINT64_MAX, &json), 0);
	j = json_loads(text_cstr(&json), 0, NULL);
	assert_int_equal(json_array_size(j), INTEL_REFUSED_MAX);
	json_decref(j);
	text_free(&json);
	assert_int_equal(intel_refused(x->in, "none", 1, &json), -ENOENT);
}

static void test_fetch(void **state)
{
	struct fixture *x = *state;
	struct intel_fetch f = {.etag = "\"abc\"", .error = "the server is away", .next_ns = 7}, g;

	assert_int_equal(intel_fetch_get(x->in, "list", &g), 0);
	assert_int_equal(g.next_ns, 0);
	assert_int_equal(intel_fetch_set(x->in, "list", &f), 0);
	one(x, "list", INTEL_ADD, entry(CONTACT_DOMAIN, "a.test"));
	close_all(x);
	open_all(x);
	assert_int_equal(intel_fetch_get(x->in, "list", &g), 0);
	assert_string_equal(g.etag, f.etag);
	assert_string_equal(g.error, f.error);
	assert_int_equal(g.next_ns, 7);
	verdict_is(x, "a.test", "bad");
}

static void test_log(void **state)
{
	struct fixture *x = *state;
	struct text json = {0};
	uint64_t now = wall_clock_ns(), day = 86400000000000;
	json_t *j;

	for (int i = 0; i < 5; i++)
		assert_int_equal(intel_log(x->in, "ann", "evil.test", "bad", now - 100 * day), 0);
	assert_int_equal(intel_log(x->in, "bob", "good.test", "unknown", now), 0);
	close_all(x);
	open_all(x);
	assert_int_equal(intel_log(x->in, "cy", "good.test", "unknown", now), 0);
	assert_int_equal(intel_log_list(x->in, 0, 10, &json), 0);
	j = json_loads(text_cstr(&json), 0, NULL);
	assert_int_equal(json_array_size(j), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0), "who")), "cy");
	json_decref(j);
	text_free(&json);
}

static json_t *export(struct fixture *x, struct intel_page *page)
{
	struct text json = {0};
	char next[INTEL_NEXT_BYTES];
	json_t *j;

	if (page->cursor[0]) {
		snprintf(next, sizeof(next), "%s", page->cursor);
		page->next = next;
	}
	assert_int_equal(intel_export_stix(x->in, page, &json), 0);
	page->next = NULL;
	j = json_loads(text_cstr(&json), 0, NULL);
	assert_non_null(j);
	text_free(&json);
	return j;
}

static void test_export(void **state)
{
	struct fixture *x = *state;
	struct intel_entry list[] = {entry(CONTACT_DOMAIN, "a.test"),
				     entry(CONTACT_DOMAIN, "b.test"),
				     entry(INDICATOR_CIDR, "198.51.100.0/24"),
				     entry(INDICATOR_IP_PORT, "203.0.113.5:443"),
				     entry(CONTACT_USER_AGENT, "It's \\ bad"),
				     entry(CONTACT_DOMAIN, "secret.test"),
				     entry(CONTACT_DOMAIN, "strict.test"),
				     entry(CONTACT_DOMAIN, "fine.test")};
	static const char *const patterns[] = {
		"[domain-name:value = 'a.test' OR domain-name:value LIKE '%.a.test']",
		"[domain-name:value = 'b.test']",
		"[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = "
		"'It\\'s \\\\ bad']",
		"[ipv4-addr:value ISSUBSET '198.51.100.0/24']",
		"[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = "
		"443]"};
	struct intel_page page = {.source = "a", .limit = 2}, all = {.limit = 100};
	size_t n = 0;
	json_t *j;

	list[0].below = true;
	list[0].tlp = TLP_AMBER;
	list[5].tlp = TLP_RED;
	list[6].tlp = TLP_AMBER_STRICT;
	list[7].allow = true;
	change(x, "a", INTEL_ADD, list, 8);
	one(x, "b", INTEL_ADD, entry(CONTACT_FILE_MD5, "000102030405060708090a0b0c0d0e0f"));
	/* Page by page, also inside a version. */
	do {
		j = export(x, &page);
		assert_true(json_array_size(j) <= 2);
		for (size_t i = 0; i < json_array_size(j); i++) {
			const json_t *o = json_array_get(j, i);

			assert_string_equal(json_string_value(json_object_get(o, "pattern")),
					    patterns[n]);
			assert_int_equal(json_string_length(json_object_get(o, "id")), 47);
			assert_int_equal(json_array_size(json_object_get(o, "object_marking_refs")),
					 !n);
			n++;
		}
		json_decref(j);
	} while (page.cursor[0]);
	assert_int_equal(n, 5);
	j = export(x, &all);
	assert_int_equal(json_array_size(j), 6);
	assert_int_equal(all.first, 1);
	assert_int_equal(all.last, 2);
	assert_int_equal(all.complete, 2);
	json_decref(j);
	all.after_version = 1;
	j = export(x, &all);
	assert_int_equal(json_array_size(j), 1);
	json_decref(j);
}

/* A cursor is given away too: it says nothing of what may not be. */
static void test_export_tells_no_secret(void **state)
{
	struct fixture *x = *state;
	struct intel_entry list[] = {entry(CONTACT_DOMAIN, "a.test"), entry(CONTACT_DOMAIN, "secret.test"),
				     entry(CONTACT_DOMAIN, "z.test")};

	list[1].tlp = TLP_RED;
	change(x, "a", INTEL_ADD, list, 3);
	one(x, "b", INTEL_ADD, entry(CONTACT_DOMAIN, "secret.test"));
	for (uint64_t limit = 1; limit < 4; limit++) {
		struct intel_page page = {.source = "a", .limit = limit};
		size_t n = 0;

		do {
			json_t *j = export(x, &page);

			n += json_array_size(j);
			json_decref(j);
			assert_null(strstr(page.cursor, "736563726574"));
		} while (page.cursor[0]);
		assert_int_equal(n, 2);
	}
}

/* What changes between two pages is given later; nothing of the rest is passed over. */
static void test_export_while_it_changes(void **state)
{
	struct fixture *x = *state;
	struct intel_page page = {.source = "a", .limit = 3};
	struct intel_entry list[10];
	char names[10][600];
	unsigned seen[10] = {0};

	for (int i = 0; i < 10; i++) {
		/* Longer than a cursor, and alike up to its end. */
		snprintf(names[i], sizeof(names[i]), "http://e.test/%0*d/%d", 500, 0, i);
		list[i] = entry(CONTACT_URL, names[i]);
	}
	change(x, "a", INTEL_ADD, list, 10);
	do {
		json_t *j = export(x, &page), *o;
		size_t i;

		json_array_foreach(j, i, o) {
			const char *p = json_string_value(json_object_get(o, "pattern"));

			seen[p[strlen(p) - 3] - '0']++;
		}
		json_decref(j);
		list[9].confidence = 77; /* moves to a version of its own */
		change(x, "a", INTEL_ADD, &list[9], 1);
	} while (page.cursor[0]);
	for (int i = 0; i < 10; i++)
		assert_int_equal(seen[i], 1);
	page.next = "no cursor";
	assert_int_equal(intel_export_stix(x->in, &page, NULL), -EINVAL);
	page.next = "f0.1";
	assert_int_equal(intel_export_stix(x->in, &page, NULL), -EINVAL);
}

static void put_many(struct intel_change *c, int from, int to)
{
	char name[48];

	for (int i = from; i < to; i++) {
		struct intel_entry e;

		snprintf(name, sizeof(name), "host-%lld.some-list.test", i * 7919ll % 1000003);
		e = entry(CONTACT_DOMAIN, name);
		assert_int_equal(intel_change_entry(c, &e), 0);
	}
}

/* A process that dies in a large change leaves what was published before. */
static void die_in_change(struct fixture *x, bool written)
{
	int status;
	pid_t pid;

	close_all(x);
	pid = fork();
	if (pid == 0) {
		struct store_batch *b;
		struct intel_change *c;

		open_all(x);
		b = store_batch_new();
		c = begin(x, "a", INTEL_REPLACE);
		put_many(c, 50, 200000);
		if (written && (change_write(c, b) != 0 || !c->writing.as_files))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	open_all(x);
	assert_int_equal(intel_version(x->in), 1);
	assert_int_equal(count(x, 0, 0), 100);
}

static void test_atomic(void **state)
{
	struct fixture *x = *state;
	struct intel_change *c = begin(x, "a", INTEL_REPLACE);
	struct intel_result r;

	put_many(c, 0, 100);
	publish(c);
	die_in_change(x, false);
	die_in_change(x, true);
	/* And nothing is left of it in the next. */
	c = begin(x, "a", INTEL_REPLACE);
	put_many(c, 50, 200);
	r = publish(c);
	assert_int_equal(r.removed, 50);
	assert_int_equal(r.fresh, 100);
	assert_int_equal(count(x, 0, 0), 150);
}

static void test_million(void **state)
{
	struct fixture *x = *state;
	struct intel_change *c = begin(x, "a", INTEL_REPLACE);
	struct intel_result r;
	uint64_t start = wall_clock_ns();

	put_many(c, 0, 1000000);
	assert_int_equal(count(x, 0, 0), 0);
	r = publish(c);
	assert_int_equal(r.fresh, 1000000);
	print_message("a million: %.1f s\n", (double)(wall_clock_ns() - start) / 1e9);
	assert_int_equal(match(x, CONTACT_DOMAIN, "host-7919.some-list.test", 0), 1);
	c = begin(x, "a", INTEL_REPLACE);
	put_many(c, 300000, 1000000);
	r = publish(c);
	assert_int_equal(r.removed, 300000);
	assert_int_equal(r.same, 700000);
	assert_int_equal(count(x, 0, 1), 0);
	assert_int_equal(intel_source_drop(x->in, "a", &r), 1);
	assert_int_equal(count(x, 0, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_versions),      TEST(test_kinds),  TEST(test_allow),  TEST(test_replace),
		TEST(test_replace_small), TEST(test_expiry), TEST(test_max),    TEST(test_refused),
		TEST(test_log),           TEST(test_fetch),  TEST(test_export), TEST(test_export_while_it_changes), TEST(test_export_tells_no_secret), TEST(test_atomic),
		TEST(test_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

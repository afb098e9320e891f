/* SPDX-License-Identifier: BSD-3-Clause
 *
 * New rules over a store: what they find, what they cannot say; YARA conditions in three values.
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

#include "control/retro/refit.h"
#include "control/retro/yara_rules.h"
#include "control/store/event_row.h"
#include "tests/unit/control/feed.h"

#define START_NS 1706693400000000000ull
#define MD5_A "0123456789abcdef0123456789abcdef"
#define MD5_B "fedcba9876543210fedcba9876543210"
#define SHA256_A MD5_A MD5_B

struct fixture {
	struct feed *f;
	struct store *s;
	uint32_t rows;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	char path[96];

	x->f = feed_new();
	snprintf(path, sizeof(path), "%s/store", x->f->dir);
	assert_int_equal(store_open(&x->s, path, STORE_WRITE, NULL), 0);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	store_close(x->s);
	feed_free(x->f);
	free(x);
	return 0;
}

static void put(struct fixture *x, enum store_family family, const char *type, unsigned second,
		const char *json)
{
	struct event_row row = {.ip_version = 4};
	uint8_t key[EVENT_KEY_BYTES];
	struct text value = {0};

	row.type = (struct slice){type, strlen(type)};
	row.json = (struct slice){json, strlen(json)};
	event_value(&value, &row);
	event_key(key, START_NS + second * 1000000000ull, 0, 1, ++x->rows);
	assert_int_equal(store_put(x->s, family, key, sizeof(key), value.data, value.len), 0);
	text_free(&value);
}

static json_t *run(struct fixture *x, const char *name, const char *rules, unsigned since,
		   unsigned until)
{
	struct refit_file file = {name, rules, strlen(rules)};
	struct refit_options o = {.files = &file, .file_count = 1};
	struct text out = {0};
	json_t *result;

	o.since_ns = since ? START_NS + since * 1000000000ull : 0;
	o.until_ns = until ? START_NS + until * 1000000000ull : 0;
	assert_int_equal(refit_run(x->s, &o, &out), 0);
	result = json_loads(text_cstr(&out), 0, NULL);
	if (!result)
		fail_msg("%s", text_cstr(&out));
	text_free(&out);
	return result;
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *string(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static const json_t *at(const json_t *o, const char *key, size_t i)
{
	const json_t *row = json_array_get(json_object_get(o, key), i);

	assert_non_null(row);
	return row;
}

static void fill(struct fixture *x)
{
	char json[600];

	for (unsigned i = 0; i < 10; i++) {
		snprintf(json, sizeof(json),
			 "{\"event_type\":\"dns\",\"src_ip\":\"10.0.0.%u\",\"dest_ip\":\"10.0.0."
			 "100\","
			 "\"flow_id\":18446744073709551615,"
			 "\"dns\":{\"queries\":[{\"rrname\":\"%s.example\"}]}}",
			 i % 2, i < 6 ? "bad" : "good");
		put(x, STORE_event, "dns", i, json);
	}
	put(x, STORE_alert, "alert", 4,
	    "{\"event_type\":\"alert\",\"src_ip\":\"10.0.0.1\",\"alert\":{\"signature\":\"Trojan\"}"
	    "}");
	put(x, STORE_event, "dns", 20, "{broken");
}

static void test_sigma(void **state)
{
	static const char rules[] = "title: bad\nid: 7\nlevel: high\ntags: [attack.t1]\nlogsource: "
				    "{category: dns}\ndetection:\n"
				    "  s: {query|startswith: bad}\n  condition: s\n"
				    "---\ntitle: alerts\nlogsource: {service: alert}\ndetection:\n"
				    "  s: {signature: trojan}\n  condition: s\n"
				    "---\ntitle: never\nlogsource: {category: dns}\ndetection:\n"
				    "  s: {query: x}\n  condition: s\n"
				    "---\ntitle: web\nlogsource: {category: proxy}\ndetection:\n"
				    "  s: {c-uri: x}\n  condition: s\n"
				    "---\ntitle: no field\nlogsource: {category: dns}\ndetection:\n"
				    "  s: {Image: x}\n  condition: s\n";
	struct fixture *x = *state;
	const json_t *row;
	json_t *r;

	fill(x);
	r = run(x, "a.yml", rules, 0, 0);
	assert_int_equal(number(r, "rules"), 5);
	assert_int_equal(number(r, "judged"), 3);
	assert_int_equal(number(r, "events"), 12);
	assert_int_equal(number(r, "unreadable"), 1);
	assert_int_equal(json_array_size(json_object_get(r, "matches")), 2);
	row = at(r, "matches", 0);
	assert_string_equal(string(row, "rule"), "bad");
	assert_string_equal(string(row, "level"), "high");
	assert_int_equal(number(row, "count"), 6);
	assert_string_equal(string(row, "first"), "2024-01-31T09:30:00.000000+0000");
	assert_string_equal(string(row, "last"), "2024-01-31T09:30:05.000000+0000");
	assert_int_equal(json_array_size(json_object_get(row, "hosts")), 3);
	assert_int_equal(json_array_size(json_object_get(row, "samples")), 5);
	assert_int_equal(json_array_size(json_object_get(r, "not_judged")), 2);
	row = at(r, "not_judged", 0);
	assert_string_equal(string(row, "rule"), "no field");
	assert_int_equal(number(row, "line"), 31);
	assert_non_null(strstr(string(row, "reason"), "Image"));
	row = at(r, "not_judged", 1);
	assert_string_equal(string(row, "rule"), "web");
	assert_non_null(strstr(string(row, "reason"), "no records of this kind"));
	json_decref(r);
	/* A window: both ends belong to it. */
	r = run(x, "a.yml", rules, 2, 4);
	assert_int_equal(number(at(r, "matches", 0), "count"), 3);
	assert_int_equal(number(at(r, "matches", 1), "count"), 1);
	json_decref(r);
}

static void test_names(void **state)
{
	struct fixture *x = *state;
	json_t *r = run(x, "rules.txt", "title: a", 0, 0);

	assert_non_null(strstr(string(at(r, "not_judged", 0), "reason"), ".yar"));
	assert_int_equal(number(r, "judged"), 0);
	json_decref(r);
}

static void count_progress(void *arg, const struct refit_progress *p)
{
	assert_true(p->part >= 0 && p->part <= 1 && p->events > 0);
	++*(unsigned *)arg;
}

static void test_cancel(void **state)
{
	static const char rules[] = "title: bad\nlogsource: {category: dns}\ndetection:\n"
				    "  s: {query|startswith: bad}\n  condition: s\n";
	struct refit_file file = {"a.yml", rules, sizeof(rules) - 1};
	unsigned said = 0;
	atomic_bool cancel = true;
	struct refit_options o = {.files = &file, .file_count = 1, .cancel = &cancel};
	struct fixture *x = *state;
	struct text out = {0};
	json_t *r;

	o.progress = count_progress;
	o.arg = &said;
	fill(x);
	assert_int_equal(refit_run(x->s, &o, &out), 0);
	r = json_loads(text_cstr(&out), 0, NULL);
	assert_true(json_is_true(json_object_get(r, "cancelled")));
	assert_int_equal(number(r, "events"), 1);
	assert_int_equal(said, 1);
	json_decref(r);
	text_free(&out);
	o.file_count = 0;
	assert_int_equal(refit_run(x->s, &o, &out), -EINVAL);
}

static void test_hash_missing(void **state)
{
	struct fixture *x = *state;
	json_t *r;

	put(x, STORE_event, "fileinfo", 1,
	    "{\"event_type\":\"fileinfo\",\"fileinfo\":{\"filename\":\"a\",\"state\":\"CLOSED\","
	    "\"size\":5}}");
	r = run(x, "a.yml",
		"title: h\nlogsource: {category: file}\ndetection:\n  s: {md5: " MD5_A
		"}\n  condition: s\n",
		0, 0);
	assert_non_null(strstr(string(at(r, "not_judged", 0), "reason"), "file_hashes"));
	json_decref(r);
}

static void test_yara(void **state)
{
	static const char rules[] =
		"import \"hash\"\n"
		"rule by_hash { condition: hash.md5(0, filesize) == \"" MD5_A "\" }\n"
		"rule by_meta { meta: sample = \"x\" hash1 = \"" MD5_B "\"\n"
		"  strings: $a = { 4D 5A [2] 00 /* } */ } condition: $a at 0 }\n"
		"rule big { condition: filesize > 1MB }\n"
		"rule content { strings: $a = \"x\" condition: $a and filesize > 100 }\n";
	struct fixture *x = *state;
	char json[400];
	json_t *r;

	for (unsigned i = 0; i < 3; i++) {
		snprintf(json, sizeof(json),
			 "{\"event_type\":\"fileinfo\",\"src_ip\":\"192.0.2.%u\",\"fileinfo\":{"
			 "\"filename\":\"a\","
			 "\"state\":\"CLOSED\",\"gaps\":false,\"size\":%u,\"md5\":\"%s\"}}",
			 i, i ? 50 : 200,
			 i == 0   ? MD5_A
			 : i == 1 ? MD5_B
				  : "0");
		put(x, STORE_event, "fileinfo", i, json);
	}
	r = run(x, "a.yar", rules, 0, 0);
	assert_int_equal(number(r, "rules"), 4);
	assert_int_equal(json_array_size(json_object_get(r, "matches")), 2);
	assert_string_equal(string(at(r, "matches", 0), "rule"), "by_hash");
	assert_string_equal(string(at(r, "matches", 1), "rule"), "by_meta");
	assert_int_equal(number(at(r, "matches", 1), "count"), 1);
	/* by_meta needs the content of two, content that of the one above 100 bytes. */
	assert_int_equal(json_array_size(json_object_get(r, "not_judged")), 2);
	assert_string_equal(string(at(r, "not_judged", 0), "rule"), "by_meta");
	assert_int_equal(number(at(r, "not_judged", 0), "line"), 3);
	assert_non_null(strstr(string(at(r, "not_judged", 0), "reason"), "2 of 3 files"));
	assert_non_null(strstr(string(at(r, "not_judged", 1), "reason"), "1 of 3 files"));
	json_decref(r);
	r = run(x, "b.yara", "rule ok { condition: true }\n\nrule wrong { condition: $nothing }\n",
		0, 0);
	assert_int_equal(number(r, "judged"), 0);
	assert_int_equal(number(at(r, "not_judged", 0), "line"), 3);
	assert_non_null(strstr(string(at(r, "not_judged", 0), "reason"), "YARA"));
	json_decref(r);
	r = run(x, "c.yar", "include \"/etc/passwd\"\nrule a { condition: true }\n", 0, 0);
	assert_int_equal(number(at(r, "not_judged", 0), "line"), 1);
	json_decref(r);
}

/* A condition against a file of 1000 bytes with MD5_A, no other hash known. */
static int judge(const char *condition)
{
	struct yara_rules *r = yara_rules_new();
	struct yara_file file = {.hash = {MD5_A}, .size_known = true, .size = 1000};
	char text[2000];
	int v;

	snprintf(text, sizeof(text),
		 "import \"hash\"\nrule t { strings: $a = \"x}\\\"\" $b = /a\\/{2}}/ condition: %s "
		 "}",
		 condition);
	assert_int_equal(yara_rules_read(r, "t.yar", text, strlen(text)), 0);
	if (yara_rules_problem_count(r))
		fail_msg("%s: %s", condition, yara_rules_problem(r, 0)->reason);
	assert_int_equal(yara_rules_count(r), 1);
	v = (int)yara_rules_judge(r, 0, &file);
	yara_rules_free(r);
	return v;
}

static void test_conditions(void **state)
{
#define ANY " and (1 of them or true)"
	assert_int_equal(judge("filesize < 10KB" ANY), YARA_TRUE);
	assert_int_equal(judge("filesize > 10KB and $a and $b"), YARA_FALSE);
	assert_int_equal(judge("filesize < 10KB and $a and $b"), YARA_UNKNOWN);
	assert_int_equal(judge("1000 == filesize" ANY), YARA_TRUE);
	assert_int_equal(judge("0x3e7 >= filesize" ANY), YARA_FALSE);
	assert_int_equal(judge("not filesize == 1000" ANY), YARA_FALSE);
	assert_int_equal(judge("hash.md5(0, filesize) == \"" MD5_A "\"" ANY), YARA_TRUE);
	assert_int_equal(judge("\"" MD5_A "\" == hash.md5(0, filesize)" ANY), YARA_TRUE);
	assert_int_equal(judge("hash.md5(0, filesize) != \"" MD5_A "\"" ANY), YARA_FALSE);
	assert_int_equal(judge("hash.md5(0, 100) == \"" MD5_A "\"" ANY), YARA_UNKNOWN);
	assert_int_equal(judge("hash.sha256(0, filesize) == \"" SHA256_A "\"" ANY), YARA_UNKNOWN);
	assert_int_equal(judge("hash.md5(0, filesize) == \"" MD5_B "\" or all of them"),
			 YARA_UNKNOWN);
	assert_int_equal(judge("hash.md5(0, filesize) == \"" MD5_A "\" or all of them"), YARA_TRUE);
	assert_int_equal(judge("(filesize + 1) > 3 and all of them"), YARA_UNKNOWN);
	assert_int_equal(judge("filesize + 1 > 3 and all of them"), YARA_UNKNOWN);
	assert_int_equal(judge("filesize < 3 and for any i in (1..#a) : (@a[i] < 100 or $b)"),
			 YARA_FALSE);
	assert_int_equal(judge("for any i in (1..#a) : (@a[i] < 100 or $b) or filesize == 1000"),
			 YARA_TRUE);
	assert_int_equal(judge("not (filesize < 3 or all of them) and filesize == 1000"),
			 YARA_UNKNOWN);
	assert_int_equal(judge("true and (false or (filesize == 1000))" ANY), YARA_TRUE);
	assert_int_equal(judge("filename matches /x{2}\\/}/ and all of them and filesize == 1"),
			 YARA_FALSE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_sigma),        TEST(test_names), TEST(test_cancel),
		TEST(test_hash_missing), TEST(test_yara),  cmocka_unit_test(test_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

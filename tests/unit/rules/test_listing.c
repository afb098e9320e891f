/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rules/listing: rules as written, and what differs between two versions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "rules/listing.h"

static void listed(struct listing *l, const char *text)
{
	assert_int_equal(listing_read_memory(l, "dir/emerging.rules", text, strlen(text)), 0);
	listing_finish(l);
}

static void read_as_written(void **state)
{
	struct listing l = {0};

	(void)state;
	listed(&l, "# a comment about (rules) with sid:5\n"
		   "alert tcp any any -> any 80 (msg:\"a\\;b\"; content:\"x\"; sid:2; rev:7;)\n"
		   "#alert tcp any any -> any 80 (msg:\"off\"; sid:1;)\n"
		   "  # drop udp any any -> any any (gid:3; sid:1;)\n"
		   "alert tcp any any -> \\\n"
		   "  any 90 (msg:\"long\"; \\\n"
		   "  sid:4;)\n"
		   "alert tcp any any -> any 80 (msg:\"older\"; sid:2; rev:6;)\n"
		   "alert tcp any any -> any 80 (msg:\"no number\";)\n"
		   "alert tcp any any -> any 80 no body sid:9;\n");
	assert_int_equal(l.count, 4);
	assert_int_equal(l.rules[0].sid, 1);
	assert_true(l.rules[0].disabled);
	assert_int_equal(l.rules[1].rev, 7);
	assert_string_equal(l.rules[1].msg, "a\\;b");
	assert_string_equal(l.rules[1].group, "emerging");
	assert_int_equal(l.rules[2].line, 5);
	assert_string_equal(l.rules[2].text, "alert tcp any any -> any 90 (msg:\"long\"; sid:4;)");
	assert_int_equal(l.rules[3].gid, 3);
	listing_free(&l);
}

struct found {
	struct listed_difference list[16];
	size_t count;
};

static void found_add(const struct listed_difference *d, void *arg)
{
	struct found *f = arg;

	f->list[f->count++] = *d;
}

#define HEAD "alert tcp any any -> any 80 "

static void compared(void **state)
{
	struct listing before = {0}, after = {0};
	struct found f = {.count = 0};
	static const struct {
		uint32_t sid;
		enum listed_change change;
		unsigned parts;
		const char *keywords;
	} want[] = {
		{2, LISTED_REMOVED, 0, ""},
		{3, LISTED_CHANGED, PART_ACTION | PART_HEAD, ""},
		{4, LISTED_CHANGED, PART_OPTIONS | PART_REVISION, "content nocase"},
		{5, LISTED_CHANGED, PART_TEXTS | PART_REVISION, "msg metadata"},
		{6, LISTED_CHANGED, PART_REVISION, ""},
		{7, LISTED_DISABLED, 0, ""},
		{8, LISTED_ENABLED, 0, ""},
		{9, LISTED_CHANGED, PART_OPTIONS, "(order)"},
		{11, LISTED_ADDED, 0, ""},
	};

	(void)state;
	listed(&before, HEAD "(sid:1;)\n" HEAD "(sid:2;)\n" HEAD "(sid:3;)\n"
		HEAD "(content:\"a\"; sid:4; rev:1;)\n" HEAD "(msg:\"a\"; sid:5; rev:1;)\n" HEAD "(sid:6; rev:1;)\n"
		HEAD "(sid:7;)\n#" HEAD "(sid:8;)\n" HEAD "(content:\"a\"; content:\"b\"; sid:9;)\n"
		"#" HEAD "(sid:10;)\n");
	listed(&after, HEAD " ( sid:1 ;)\n" "drop  tcp any any -> any 81 (sid:3;)\n"
		HEAD "(content:\"b\"; nocase; sid:4; rev:2;)\n"
		HEAD "(msg:\"b\"; metadata:x y; sid:5; rev:2;)\n" HEAD "(sid:6; rev:2;)\n"
		"#" HEAD "(sid:7;)\n" HEAD "(sid:8;)\n" HEAD "(content:\"b\"; content:\"a\"; sid:9;)\n"
		HEAD "(sid:11;)\n#" HEAD "(sid:12;)\n");
	listing_compare(&before, &after, found_add, &f);
	assert_int_equal(f.count, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < f.count; i++) {
		const struct listed_difference *d = &f.list[i];

		assert_int_equal((d->after ? d->after : d->before)->sid, want[i].sid);
		assert_int_equal(d->change, want[i].change);
		assert_int_equal(d->parts, want[i].parts);
		assert_string_equal(d->keywords, want[i].keywords);
	}
	listing_free(&before);
	listing_free(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(read_as_written), cmocka_unit_test(compared)};

	return cmocka_run_group_tests_name("rules listing", tests, NULL, NULL);
}

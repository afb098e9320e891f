/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tools/update/change: which rules an item means, and what becomes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tools/update/change.h"

static struct config *config_with(const char *key, const char *item)
{
	struct config *c = config_new();
	char path[64], error[256];

	snprintf(path, sizeof(path), "rule_update.%s", key);
	assert_int_equal(config_append(c, path, item, error, sizeof(error)), 0);
	return c;
}

static struct changes *changes_of(const struct config *c, char *error)
{
	return changes_new(&c->rule_enable, &c->rule_disable, &c->rule_modify, error, 256);
}

static void rules_read(struct listing *l)
{
	static const char text[] = "alert tcp any any -> any 80 (msg:\"ET Heartbleed\"; sid:1; rev:2;)\n"
				   "alert tcp any any -> any $PORT (msg:\"b\"; gid:3; sid:1;)\n"
				   "# alert tcp any any -> any 80 (msg:\"c\"; sid:5;)\n";

	assert_int_equal(listing_read_memory(l, "x/emerging-exploit.rules", text, strlen(text)), 0);
	listing_finish(l);
}

/* Rules that are off after one item: a bit each. */
static unsigned off_after(const char *key, const char *item)
{
	struct config *c = config_with(key, item);
	struct listing l = {0};
	struct change_counts n;
	char error[256];
	struct changes *changes = changes_of(c, error);
	unsigned bits = 0;

	assert_non_null(changes);
	rules_read(&l);
	changes_apply(changes, &l, &n);
	for (size_t i = 0; i < l.count; i++)
		bits |= (unsigned)l.rules[i].disabled << i;
	changes_free(changes);
	listing_free(&l);
	config_free(c);
	return bits;
}

static void which(void **state)
{
	(void)state; /* by gid and sid: 1:1, 1:5 (off), 3:1 */
	assert_int_equal(off_after("disable", "1"), 3);
	assert_int_equal(off_after("disable", "3:1"), 6);
	assert_int_equal(off_after("disable", "re:heartBLEED"), 3);
	assert_int_equal(off_after("disable", "group:emerging-exploit.rules"), 7);
	assert_int_equal(off_after("disable", "group:emerging-*"), 7);
	assert_int_equal(off_after("disable", "group:exploit"), 2);
	assert_int_equal(off_after("enable", "1:5"), 0);
}

static void rewritten(void **state)
{
	static const struct {
		const char *item, *text;
	} rows[] = {
		{"1 \"^alert\" \"drop\"", "drop tcp any any -> any 80 (msg:\"ET Heartbleed\"; sid:1; rev:2;)"},
		{"re:heart \"ET (\\w+)\" \"$1 \\1\"",
		 "alert tcp any any -> any 80 (msg:\"$1 Heartbleed\"; sid:1; rev:2;)"},
		{"1 \"msg:\\\"ET\" \"msg:\\\"OWN\"",
		 "alert tcp any any -> any 80 (msg:\"OWN Heartbleed\"; sid:1; rev:2;)"},
		{"1 \"sid:1;\" \"\"", "alert tcp any any -> any 80 (msg:\"ET Heartbleed\"; sid:1; rev:2;)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct config *c = config_with("modify", rows[i].item);
		struct listing l = {0};
		struct change_counts n;
		char error[256];
		struct changes *changes = changes_of(c, error);

		if (!changes)
			fail_msg("%s", error);
		rules_read(&l);
		changes_apply(changes, &l, &n);
		assert_string_equal(l.rules[0].text, rows[i].text);
		assert_int_equal(n.modified, i < 3);
		assert_int_equal(n.broken, i == 3);
		changes_free(changes);
		listing_free(&l);
		config_free(c);
	}
}

static void items_that_are_wrong(void **state)
{
	static const char *const rows[][2] = {{"disable", "re:("},	 {"enable", "abc"},
					      {"disable", "1:2:3"},	 {"modify", "1 \"a\""},
					      {"modify", "1 a b"},	 {"modify", "1 \"(\" \"x\""},
					      {"disable", "/nonexistent"}, {"disable", "0"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct config *c = config_with(rows[i][0], rows[i][1]);
		char error[256] = "";

		assert_null(changes_of(c, error));
		assert_true(strlen(error) > 10);
		config_free(c);
	}
}

static void a_file_of_items(void **state)
{
	char path[] = "/tmp/metsuke-items-XXXXXX";
	static const char text[] = "# these are off\n\n  1  \nre:\"b\"\r\n3:9";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	assert_int_equal(off_after("disable", path), 7);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(which), cmocka_unit_test(rewritten),
					   cmocka_unit_test(items_that_are_wrong),
					   cmocka_unit_test(a_file_of_items)};

	return cmocka_run_group_tests_name("update change", tests, NULL, NULL);
}

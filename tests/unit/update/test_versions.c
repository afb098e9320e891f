/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tools/update: versions side by side, the one in use swapped whole; checksums.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tools/update/fetch.h"
#include "tools/update/versions.h"

static char dir[] = "/tmp/metsuke-versions-XXXXXX";

static void commit(const char *text, unsigned keep, char *name)
{
	char staged[256], path[300];

	assert_int_equal(versions_stage(dir, staged, sizeof(staged)), 0);
	snprintf(path, sizeof(path), "%s/a.rules", staged);
	assert_int_equal(versions_write_file(path, text, strlen(text)), 0);
	assert_int_equal(versions_commit(dir, staged, keep, name), 0);
}

static void in_use(const char *text)
{
	char path[300];
	uint8_t *data;
	size_t size;

	snprintf(path, sizeof(path), "%s/current/a.rules", dir);
	assert_int_equal(fetch_file(path, 1000, &data, &size), 0);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(data, text, size);
	free(data);
	assert_int_equal(fetch_file(path, strlen(text) - 1, &data, &size), -EFBIG);
	assert_null(data);
}

static void swapped(void **state)
{
	struct version list[16];
	char first[VERSION_NAME], name[VERSION_NAME], path[256];
	int lock = versions_lock(dir);

	(void)state;
	assert_true(lock >= 0);
	assert_int_equal(versions_lock(dir), -EBUSY);
	commit("one", 3, first);
	in_use("one");
	commit("two", 3, name);
	commit("three", 3, name);
	in_use("three");
	assert_int_equal(versions_list(dir, list, 16), 3);
	assert_true(list[2].current && !list[0].current);
	assert_int_equal(versions_switch(dir, first), 0);
	in_use("one");
	/* The one in use is kept, old as it is. */
	commit("four", 1, name);
	assert_int_equal(versions_list(dir, list, 16), 1);
	in_use("four");
	assert_true(versions_switch(dir, "../kept") < 0);
	assert_true(versions_switch(dir, "nothing") < 0);
	in_use("four");
	/* A run that broke off leaves nothing in the way of the next. */
	assert_int_equal(versions_stage(dir, path, sizeof(path)), 0);
	assert_int_equal(versions_list(dir, list, 16), 1);
	assert_int_equal(versions_stage(dir, path, sizeof(path)), 0);
	versions_unstage(path);
	close(lock);
}

static void checksums(void **state)
{
	static const char md5[] = "900150983cd24fb0d6963f7d28e17f72  abc.rules\n";
	static const char sha256[] = "\nBA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
	const uint8_t *abc = (const uint8_t *)"abc";

	(void)state;
	assert_true(fetch_checksum_holds("md5", md5, strlen(md5), abc, 3));
	assert_false(fetch_checksum_holds("md5", md5, strlen(md5), abc, 2));
	assert_false(fetch_checksum_holds("md5", md5, 31, abc, 3));
	assert_true(fetch_checksum_holds("sha256", sha256, strlen(sha256), abc, 3));
	assert_false(fetch_checksum_holds("sha256", md5, strlen(md5), abc, 3));
	assert_false(fetch_checksum_holds("md5", "", 0, abc, 3));
	assert_true(fetch_name_good("et-open_1"));
	assert_false(fetch_name_good("../x") || fetch_name_good("") || fetch_name_good("a b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(swapped), cmocka_unit_test(checksums)};
	char command[100];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests_name("update versions", tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) != 0 ? 1 : failed;
}

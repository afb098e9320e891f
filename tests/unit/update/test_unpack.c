/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tools/update/unpack: formats, names, and archives that somebody damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

#include "tools/update/unpack.h"

struct seen {
	char names[256];
	char text[256];
	unsigned count;
};

static int note(const char *name, const char *bytes, size_t size, void *arg)
{
	struct seen *s = arg;
	size_t n = strlen(s->names), t = strlen(s->text);

	snprintf(s->names + n, sizeof(s->names) - n, "%s ", name);
	snprintf(s->text + t, sizeof(s->text) - t, "%.*s ", (int)(size < 40 ? size : 40), bytes);
	s->count++;
	return 0;
}

static size_t tar_add(uint8_t *to, char type, const char *name, const char *body)
{
	size_t n = strlen(body);

	memset(to, 0, 512);
	snprintf((char *)to, 100, "%s", name);
	snprintf((char *)to + 124, 12, "%011o", (unsigned)n);
	to[156] = (uint8_t)type;
	memcpy(to + 257, "ustar", 6);
	memset(to + 512, 0, (n + 511) / 512 * 512);
	memcpy(to + 512, body, n);
	return 512 + (n + 511) / 512 * 512;
}

static size_t sample(uint8_t *to)
{
	size_t n = tar_add(to, '5', "rules/", "");

	n += tar_add(to + n, '0', "../../etc/a.rules", "first");
	n += tar_add(to + n, '0', "rules/readme.txt", "no");
	n += tar_add(to + n, 'L', "././@LongLink", "a/very/long/way/to/b.rules");
	n += tar_add(to + n, '0', "a/very", "second");
	n += tar_add(to + n, 'x', "pax", "27 path=somewhere/c.rules\n");
	n += tar_add(to + n, '0', "cut", "third");
	n += tar_add(to + n, '2', "link.rules", "");
	n += tar_add(to + n, '0', "rules/classification.config", "fourth");
	memset(to + n, 0, 1024);
	return n + 1024;
}

static size_t gzipped(const uint8_t *from, size_t n, uint8_t *to, size_t room)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)n, .next_out = to,
		      .avail_out = (uInt)room};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void formats(void **state)
{
	static uint8_t tar[16384], gz[16384];
	struct seen s = {.count = 0};
	char error[128];
	size_t n = sample(tar), m;

	(void)state;
	assert_int_equal(unpack((const uint8_t *)"alert", 5, "http://x/y/local.rules", note, &s, error,
				sizeof(error)), 0);
	assert_string_equal(s.names, "local.rules ");
	s = (struct seen){.count = 0};
	assert_int_equal(unpack(tar, n, "x.tar", note, &s, error, sizeof(error)), 0);
	assert_string_equal(s.names, "a.rules b.rules c.rules classification.config ");
	assert_string_equal(s.text, "first second third fourth ");
	s = (struct seen){.count = 0};
	m = gzipped(tar, n, gz, sizeof(gz));
	assert_int_equal(unpack(gz, m, "x.tar.gz", note, &s, error, sizeof(error)), 0);
	assert_int_equal(s.count, 4);
	s = (struct seen){.count = 0};
	m = gzipped((const uint8_t *)"alert", 5, gz, sizeof(gz));
	assert_int_equal(unpack(gz, m, "dir/one.rules.gz", note, &s, error, sizeof(error)), 0);
	assert_string_equal(s.names, "one.rules ");
	assert_true(unpack((const uint8_t *)"PK\3\4....", 8, "x.zip", note, &s, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "zip"));
}

/* Cut anywhere, a bit wrong anywhere: an error or fewer files, never more than was there. */
static void damaged(void **state)
{
	static uint8_t tar[16384], gz[16384], copy[16384];
	char error[128];
	size_t n = sample(tar), m = gzipped(tar, n, gz, sizeof(gz));

	(void)state;
	for (size_t cut = 0; cut < n; cut += 37) {
		struct seen s = {.count = 0};
		uint8_t *exact = malloc(cut ? cut : 1);

		memcpy(exact, tar, cut);
		(void)unpack(exact, cut, "x", note, &s, error, sizeof(error));
		assert_true(s.count <= 4);
		free(exact);
	}
	for (size_t at = 0; at < n; at++) {
		struct seen s = {.count = 0};

		memcpy(copy, tar, n);
		copy[at] ^= (uint8_t)(1u << at % 8);
		(void)unpack(copy, n, "x", note, &s, error, sizeof(error));
		assert_true(s.count <= 5);
	}
	for (size_t cut = 2; cut < m; cut++) {
		struct seen s = {.count = 0};

		assert_true(unpack(gz, cut, "x", note, &s, error, sizeof(error)) < 0);
		assert_int_equal(s.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(formats), cmocka_unit_test(damaged)};

	return cmocka_run_group_tests_name("update unpack", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/detect: what transforms make of a buffer, and of one that they cannot work on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

#include "dataplane/detect/program.h"

static struct detect_state *s;

static struct bytes bytes(const char *text)
{
	return (struct bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* The view after the transform; its arena begins anew. */
static struct buffer_view run(struct transform t, const void *data, size_t len)
{
	struct buffer_view view = {.data = data, .len = (uint32_t)len};
	struct rule_buffer buffer = {.name = "http.uri", .transforms = &t, .transform_count = 1};
	struct transforms all;
	char error[128];

	s->arena_used = 0;
	assert_true(transforms_make(&all, &buffer, error, sizeof(error)));
	assert_true(transforms_run(s, &all, &view));
	transforms_free(&all);
	return view;
}

static void becomes(struct transform t, const char *in, const char *want)
{
	struct buffer_view view = run(t, in, strlen(in));

	assert_int_equal(view.len, strlen(want));
	assert_memory_equal(view.data, want, view.len);
}

#define T(name, ...) ((struct transform){.kind = TRANSFORM_##name, __VA_ARGS__})

static void texts(void **state)
{
	(void)state;
	becomes(T(dotprefix), "a.b", ".a.b");
	becomes(T(to_lowercase), "AbC", "abc");
	becomes(T(to_uppercase), "AbC", "ABC");
	becomes(T(header_lowercase), "Host: A\r\nX: B\r\n", "host: A\r\nx: B\r\n");
	becomes(T(strip_whitespace), " a b\t", "ab");
	becomes(T(compress_whitespace), "a  b   c", "a b c");
	becomes(T(strip_pseudo_headers), ":path: /\nhost: a\n", "host: a\n");
	becomes(T(url_decode), "a%41+%zz", "aA %zz");
	becomes(T(xor, .argument = {(const uint8_t *)"\x01\x02", 2}), "abc", "``b");
}

static void hashes(void **state)
{
	static const uint8_t md5[] = {0x90, 0x01, 0x50, 0x98}, sha1[] = {0xa9, 0x99, 0x3e, 0x36},
			     sha256[] = {0xba, 0x78, 0x16, 0xbf};
	struct buffer_view view = run(T(to_md5), "abc", 3);

	(void)state;
	assert_int_equal(view.len, 16);
	assert_memory_equal(view.data, md5, 4);
	view = run(T(to_sha1), "abc", 3);
	assert_int_equal(view.len, 20);
	assert_memory_equal(view.data, sha1, 4);
	view = run(T(to_sha256), "abc", 3);
	assert_int_equal(view.len, 32);
	assert_memory_equal(view.data, sha256, 4);
	assert_int_equal(run(T(to_md5), "", 0).len, 16);
}

static void base64(void **state)
{
	(void)state;
	becomes(T(from_base64), "Zm9vYmFy", "foobar");
	becomes(T(from_base64, .offset = 2, .bytes = 4), "??Zm9vYmFy", "foo");
	becomes(T(from_base64), "Zm9v YmFy", "foo");
	becomes(T(from_base64, .mode = BASE64_RFC2045), "Zm 9v\r\nYmFy", "foobar");
	becomes(T(from_base64, .mode = BASE64_STRICT), "Zm9vYg==", "foob");
	becomes(T(from_base64, .mode = BASE64_STRICT), "Zm 9", "Zm 9");
	becomes(T(from_base64, .offset = 9), "Zm9v", "Zm9v");
}

static void compressed(void **state)
{
	static const char text[] = "compressed, compressed, compressed";
	uint8_t out[256];
	struct buffer_view view;
	z_stream z = {0};

	(void)state;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = sizeof(text) - 1;
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	view = run(T(gunzip, .bytes = 1024), out, z.total_out);
	assert_int_equal(view.len, sizeof(text) - 1);
	assert_memory_equal(view.data, text, view.len);
	view = run(T(gunzip, .bytes = 8), out, z.total_out);
	assert_int_equal(view.len, 8);
	/* the end is missing: what there is */
	assert_true(run(T(gunzip, .bytes = 1024), out, z.total_out - 9).len > 8);
	assert_int_equal(run(T(zlib_deflate, .bytes = 1024), out, z.total_out).len, z.total_out);
	deflateEnd(&z);
	becomes(T(gunzip, .bytes = 1024), "plain", "plain");
}

static void parts(void **state)
{
	(void)state;
	becomes(T(pcrexform, .argument = bytes("a=([0-9]+)")), "x a=12&", "12");
	becomes(T(pcrexform, .argument = bytes("a=([0-9]+)")), "b=1", "b=1");
	becomes(T(domain), "www.Example.co.uk", "Example.co.uk");
	becomes(T(tld), "www.example.co.uk", "co.uk");
	becomes(T(domain), "uk", "uk");
}

static void full_arena(void **state)
{
	struct transform t = T(to_lowercase);
	struct rule_buffer buffer = {.name = "http.uri", .transforms = &t, .transform_count = 1};
	struct buffer_view view = {.data = (const uint8_t *)"abc", .len = 3};
	struct transforms all;
	char error[128];

	(void)state;
	assert_true(transforms_make(&all, &buffer, error, sizeof(error)));
	s->arena_used = TRANSFORM_ARENA_BYTES - 2;
	assert_false(transforms_run(s, &all, &view));
	t.kind = TRANSFORM_none;
	assert_false(transforms_make(&all, &buffer, error, sizeof(error)));
	assert_non_null(strstr(error, "http.uri"));
}

static int state_make(void **state)
{
	(void)state;
	s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
	memset(s, 0, sizeof(*s));
	s->arena = malloc(TRANSFORM_ARENA_BYTES);
	return chain_scratch_init(&s->chain);
}

static int state_free(void **state)
{
	(void)state;
	chain_scratch_fini(&s->chain);
	free(s->arena);
	free(s);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),      cmocka_unit_test(hashes), cmocka_unit_test(base64),
		cmocka_unit_test(compressed), cmocka_unit_test(parts),  cmocka_unit_test(full_arena),
	};

	return cmocka_run_group_tests(tests, state_make, state_free);
}

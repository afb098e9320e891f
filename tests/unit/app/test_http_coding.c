/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/http_body.c, content.c: bodies whose codings are undone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <brotli/encode.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/app/http_talk.h"

/* Compressed bodies: gzip and deflate by libhtp, brotli here; broken brotli is shown as it is. */
static void compressed(void **state)
{
	static const char text[] = "the body of the response, the body of the response";
	struct harness *h = open_http(NULL);
	uint8_t packed[512];
	size_t len = sizeof(packed);
	char head[256];

	up(h, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(BrotliEncoderCompress(5, 18, BROTLI_MODE_GENERIC, sizeof(text) - 1,
					       (const uint8_t *)text, &len, packed), 1);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: %zu\r\n\r\n", len);
	harness_tcp_open(h, TO_CLIENT, head, strlen(head));
	harness_tcp_open(h, TO_CLIENT, packed, len);
	assert_buffer(h, TO_CLIENT, "file.data", text);
	harness_done(h);
	assert_int_equal(harness_count(h, "\"size\":50"), 1);

	up(h, "GET /g HTTP/1.1\r\nHost: h\r\n\r\n");
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = sizeof(text) - 1;
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	len = z.total_out;
	deflateEnd(&z);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", len);
	harness_tcp_open(h, TO_CLIENT, head, strlen(head));
	harness_tcp_open(h, TO_CLIENT, packed, len);
	assert_buffer(h, TO_CLIENT, "file.data", text);
	harness_done(h);

	up(h, "GET /z HTTP/1.1\r\nHost: h\r\n\r\n");
	len = ZSTD_compress(packed, sizeof(packed), text, sizeof(text) - 1, 3);
	assert_false(ZSTD_isError(len));
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n", len);
	harness_tcp_open(h, TO_CLIENT, head, strlen(head));
	for (size_t at = 0; at < len; at++)
		harness_tcp_open(h, TO_CLIENT, packed + at, 1);
	assert_buffer(h, TO_CLIENT, "file.data", text);
	harness_done(h);
	up(h, "GET /no HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_tcp_open(h, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 5\r\n\r\n"
				  "plain", 67);
	assert_buffer(h, TO_CLIENT, "file.data", "plain");
	harness_done(h);

	up(h, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_tcp_open(h, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 7\r\n\r\n"
				  "\xff\xff plain", 68);
	harness_done(h);
	harness_finish(h);
	harness_free(h);
}

static size_t coded(char how, const uint8_t *data, size_t len, uint8_t *out, size_t room)
{
	z_stream z = {0};

	if (how == 'b') {
		assert_int_equal(BrotliEncoderCompress(5, 18, BROTLI_MODE_GENERIC, len, data, &room, out), 1);
		return room;
	}
	if (how == 'z') {
		room = ZSTD_compress(out, room, data, len, 3);
		assert_false(ZSTD_isError(room));
		return room;
	}
	if (how == 'l' || how == 'L') { /* L: with a dictionary of 64 MB */
		lzma_options_lzma options;
		lzma_stream l = LZMA_STREAM_INIT;

		lzma_lzma_preset(&options, 0);
		options.dict_size = how == 'l' ? 64u << 10 : 64u << 20;
		assert_int_equal(lzma_alone_encoder(&l, &options), LZMA_OK);
		l.next_in = data;
		l.avail_in = len;
		l.next_out = out;
		l.avail_out = room;
		assert_int_equal(lzma_code(&l, LZMA_FINISH), LZMA_STREAM_END);
		room = l.total_out;
		lzma_end(&l);
		return room;
	}
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, how == 'd' ? 15 : 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

/* A body so coded, in pieces of that many bytes, is read; what the header says gives that event, or none. */
static void coded_body(struct harness *h, enum direction d, const char *value, const uint8_t *packed, size_t len, size_t step,
		       const char *text)
{
	char head[256];

	if (d == TO_CLIENT)
		up(h, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
	snprintf(head, sizeof(head), "%s\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
		 d == TO_CLIENT ? "HTTP/1.1 200 OK" : "POST /u HTTP/1.1\r\nHost: h", value, len);
	harness_tcp_open(h, d, head, strlen(head));
	for (size_t at = 0; at < len; at += step)
		harness_tcp_open(h, d, packed + at, len - at < step ? len - at : step);
	assert_buffer(h, d, "file.data", text);
	if (d == TO_SERVER)
		down(h, "HTTP/1.1 204 No\r\n\r\n");
	harness_done(h);
}

/* Several codings, in the order in which they were put on, both ways, whole and byte by byte. */
static void codings(void **state)
{
	static const struct {
		const char *value, *how, *event;
	} lists[] = {{"gzip, br", "gb", NULL}, {"br, gzip", "bg", NULL}, {"zstd,br", "zb", NULL}, {"br , zstd", "bz", NULL},
		     {"gzip, identity, zstd", "gz", NULL}, {"br, br", "bb", NULL}, {"gzip, br, zstd", "gbz", NULL},
		     {"lzma", "l", NULL}, {"lzma, gzip", "lg", NULL}, {"X-Deflate", "d", NULL}, {"gzip deflate", "gd", NULL},
		     {"my-gzip", "g", "ABNORMAL_CE_HEADER"}, {"gzip, other", "g", "ABNORMAL_CE_HEADER"},
		     {"br, gzip, gzip, gzip", "gg", "TOO_MANY_ENCODING_LAYERS"}};
	static const char text[] = "the body of the response, the body of the response";

	for (size_t i = 0; i < 4 * sizeof(lists) / sizeof(lists[0]); i++) {
		struct harness *h = open_http(NULL);
		const char *how = lists[i / 4].how, *event = lists[i / 4].event;
		enum direction d = i % 2 ? TO_SERVER : TO_CLIENT;
		uint8_t packed[2][512];
		size_t len = sizeof(text) - 1, step = i / 2 % 2 ? 1 : sizeof(packed[0]);

		memcpy(packed[0], text, len);
		for (unsigned k = 0; how[k]; k++)
			len = coded(how[k], packed[k % 2], len, packed[(k + 1) % 2], sizeof(packed[0]));
		coded_body(h, d, lists[i / 4].value, packed[strlen(how) % 2], len, step, text);
		harness_finish(h);
		assert_int_equal(harness_count(h, "\"event\":"), event && d == TO_CLIENT);
		assert_int_equal(event ? harness_count(h, event) : 0, event && d == TO_CLIENT);
		harness_free(h);
	}
}

/* Deflate behind a gzip header that no decoder takes: flags that are reserved, a sum of it that is wrong. */
static void wrong_gzip_headers(void **state)
{
	static const char text[] = "the body of the response, the body of the response";
	static const uint8_t headers[][24] = {
		{10, 0x1f, 0x8b, 8, 0x80, 1, 2, 3, 4, 0, 3},
		{12, 0x1f, 0x8b, 8, 2, 0, 0, 0, 0, 0, 3, 0xff, 0xff},
		{23, 0x1f, 0x8b, 8, 0xfe, 0, 0, 0, 0, 0, 3, 2, 0, 'x', 'y', 'n', 'm', 0, 'a', 'b', 'c', 0, 0, 0},
	};
	uint8_t plain[512], packed[512];
	size_t len = coded('g', (const uint8_t *)text, sizeof(text) - 1, plain, sizeof(plain));

	for (size_t i = 0; i < 2 * sizeof(headers) / sizeof(headers[0]); i++) {
		const uint8_t *header = headers[i / 2];
		struct harness *h = open_http(NULL);
		size_t n = header[0];

		memcpy(packed, header + 1, n);
		memcpy(packed + n, plain + 10, len - 10);
		coded_body(h, TO_CLIENT, "gzip", packed, n + len - 10, i % 2 ? 40 : 512, text);
		harness_finish(h);
		harness_free(h);
	}
}

/* More memory than an answer is worth is not taken; once more of LZMA is not undone. */
static void lzma_limits(void **state)
{
	static const char text[] = "the body of the response, the body of the response";
	uint8_t packed[2][512];
	struct harness *h = open_http(NULL);
	size_t len = coded('L', (const uint8_t *)text, sizeof(text) - 1, packed[0], sizeof(packed[0]));

	coded_body(h, TO_CLIENT, "lzma", packed[0], len, 512, NULL);
	harness_finish(h);
	assert_int_equal(harness_count(h, "LZMA_MEMLIMIT_REACHED"), 1);
	harness_free(h);
	h = open_http(NULL);
	len = coded('l', (const uint8_t *)text, sizeof(text) - 1, packed[0], sizeof(packed[0]));
	len = coded('l', packed[0], len, packed[1], sizeof(packed[1]));
	up(h, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Encoding: lzma, lzma\r\nContent-Length: 5\r\n\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "COMPRESSION_BOMB"), 1);
	harness_free(h);
}

/* A bomb costs what the limit allows. */
static void bomb(void **state)
{
	static const char *const open_limit[] = {"app.http.response_body_limit=0", NULL};
	static const char *const names[] = {"br", "zstd", "lzma"};
	size_t size = 64u << 20, most = BrotliEncoderMaxCompressedSize(size), len = most;
	uint8_t *zeros = calloc(1, size), *packed = malloc(most);
	char head[256];

	for (int n = 0; n < 6; n++) {
		struct harness *h = open_http(n & 1 ? NULL : open_limit);
		bool limited = n & 1;

		len = n / 2 ? coded(" zl"[n / 2], zeros, size, packed, most) : most;
		if (n / 2 == 0)
			assert_int_equal(BrotliEncoderCompress(1, 22, BROTLI_MODE_GENERIC, size, zeros, &len, packed), 1);
		up(h, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
		snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
			 names[n / 2], len);
		down(h, head);
		harness_tcp_steps(h, TO_CLIENT, packed, len, 1460);
		harness_finish(h);
		assert_int_equal(harness_count(h, "TRUNCATED"), 1);
		assert_int_equal(harness_count(h, "COMPRESSION_BOMB"), limited ? 0 : 1);
		assert_int_equal(harness_count(h, "\"size\":102400,"), limited);
		harness_free(h);
	}
	free(zeros);
	free(packed);
}

/* Requests: what says gzip is undone when it is, and taken as it is when it is not. */
static void coded_requests(void **state)
{
	static const char text[] = "{\"sdk_version\":11026,\"app_package\":\"com.example.app\"}";
	static const char form[] = "POST /u HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
				   "Content-Length: %zu\r\n\r\n";
	char head[256];
	static const int windows[] = {31, 15, -15}; /* gzip; zlib's and bare deflate, called gzip */

	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		struct harness *h = open_http(NULL);
		uint8_t packed[512];
		z_stream z = {0};

		assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, windows[i], 8, Z_DEFAULT_STRATEGY), Z_OK);
		z.next_in = (Bytef *)(uintptr_t)text;
		z.avail_in = sizeof(text) - 1;
		z.next_out = packed;
		z.avail_out = sizeof(packed);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		deflateEnd(&z);
		snprintf(head, sizeof(head), form, (size_t)z.total_out);
		harness_tcp_open(h, TO_SERVER, head, strlen(head));
		harness_tcp_open(h, TO_SERVER, packed, z.total_out);
		assert_buffer(h, TO_SERVER, "http.request_body", text);
		harness_done(h);
		harness_free(h);
	}
	for (size_t step = 1; step <= sizeof(text); step += sizeof(text) - 1) {
		struct harness *h = open_http(NULL);

		snprintf(head, sizeof(head), form, sizeof(text) - 1);
		harness_tcp_open(h, TO_SERVER, head, strlen(head));
		for (size_t i = 0; i < sizeof(text) - 1; i += step)
			harness_tcp_open(h, TO_SERVER, text + i, step < sizeof(text) ? step : step - 1);
		assert_buffer(h, TO_SERVER, "http.request_body", text);
		harness_done(h);
		assert_int_equal(harness_count(h, "GZIP_DECOMPRESSION_FAILED"), 1);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compressed),
		cmocka_unit_test(codings),
		cmocka_unit_test(wrong_gzip_headers),
		cmocka_unit_test(lzma_limits),
		cmocka_unit_test(bomb),
		cmocka_unit_test(coded_requests),
	};

	return cmocka_run_group_tests_name("http coding", tests, NULL, NULL);
}

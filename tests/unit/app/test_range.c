/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/range.c, chunks.c: files that HTTP brings in ranges
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/range.h"
#include "tests/unit/app/harness.h"

#define WHOLE "The quick brown fox jumps over the lazy dog." /* 44 bytes */

static const char *const hashed[] = {"file_hashes=[sha256]", "app.http.response_body_limit=0", NULL};

static void text(struct harness *h, enum direction d, const char *s)
{
	harness_tcp(h, d, s, strlen(s));
}

static void ask(struct harness *h, const char *host, const char *path)
{
	char head[256];

	snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
	text(h, TO_SERVER, head);
}

static void answer_head(struct harness *h, unsigned start, unsigned end, unsigned total)
{
	char head[256];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %u-%u/%u\r\nContent-Length: %u\r\n\r\n",
		 start, end, total, end - start + 1);
	text(h, TO_CLIENT, head);
}

/* Bytes start to end of WHOLE. */
static void fetch(struct harness *h, const char *host, unsigned start, unsigned end)
{
	ask(h, host, "/fox");
	answer_head(h, start, end, 44);
	harness_tcp(h, TO_CLIENT, WHOLE + start, end - start + 1);
}

static unsigned joined(const struct harness *h)
{
	return harness_count(h, "\"sha256\":\"ef537f25c895bfa782526529a9b63d97aa631564d5d789c2b765448c8635fb6c\"");
}

/* In any order, with overlaps, over one connection: one file more, of the transaction that brought the last. */
static void one_connection(void **state)
{
	struct harness *h = harness_new(6, 80, hashed);

	(void)state;
	fetch(h, "www.example.com", 30, 39);
	fetch(h, "www.example.com", 5, 14);
	fetch(h, "www.example.com", 12, 20);
	fetch(h, "WWW.example.com", 0, 9);
	fetch(h, "www.example.com", 40, 43);
	fetch(h, "www.example.com", 25, 33);
	assert_int_equal(joined(h), 0);
	fetch(h, "www.example.com", 19, 28);
	assert_int_equal(joined(h), 1);
	assert_int_equal(harness_count(h, "\"size\":44,\"tx_id\":6"), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 8);
	assert_int_equal(h->counters.app_ranges_joined, 1);
	assert_int_equal(h->counters.app_ranges_lost, 0);
	harness_free(h);
}

/* Over several connections, one of them broken off; once it is whole it begins anew. */
static void several_connections(void **state)
{
	struct harness *h = harness_new(6, 80, hashed);

	(void)state;
	ask(h, "www.example.com", "/fox");
	answer_head(h, 10, 43, 44);
	harness_tcp(h, TO_CLIENT, WHOLE + 10, 14);
	harness_next_flow(h, 80);
	fetch(h, "www.example.com", 24, 43);
	assert_int_equal(joined(h), 0);
	harness_next_flow(h, 8080);
	fetch(h, "www.example.com", 0, 9);
	assert_int_equal(joined(h), 1);
	fetch(h, "www.example.com", 10, 20);
	assert_int_equal(h->counters.app_ranges_joined, 1);
	fetch(h, "www.example.com", 0, 9);
	fetch(h, "www.example.com", 21, 43);
	assert_int_equal(joined(h), 2);
	harness_free(h);
}

/* Two at a time: their bytes take turns. */
static void at_once(void **state)
{
	struct harness *h = harness_new(6, 80, hashed);
	struct tx tx[2] = {{0}};
	struct range_part part[2] = {{0}};
	const struct file_limits limits = {10, 10, 100};
	struct range_origin o = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"/fox", 4}, 0, 44, &limits};

	(void)state;
	range_begin(&h->w, &h->flow, &tx[0], &part[0], &o);
	o.start = 22;
	range_begin(&h->w, &h->flow, &tx[1], &part[1], &o);
	for (unsigned i = 0; i < 22; i++) {
		assert_null(tx[0].files[TO_CLIENT]);
		range_take(&h->w, &h->flow, &tx[1], &part[1], (const uint8_t *)WHOLE + 22 + i, 1);
		range_take(&h->w, &h->flow, &tx[0], &part[0], (const uint8_t *)WHOLE + i, 1);
	}
	assert_non_null(tx[0].files[TO_CLIENT]);
	assert_int_equal(tx[0].files[TO_CLIENT]->size, 44);
	assert_int_equal(tx[0].files[TO_CLIENT]->window.len, 44);
	assert_memory_equal(tx[0].files[TO_CLIENT]->window.data, WHOLE, 44);
	assert_null(tx[1].files[TO_CLIENT]);
	range_end(&h->w, &part[0]);
	range_end(&h->w, &part[1]);
	file_free_all(&h->w, &tx[0]);
	harness_free(h);
}

/* Others' parts: of another host, path or client. */
static void not_the_same(void **state)
{
	struct harness *h = harness_new(6, 80, hashed);

	(void)state;
	fetch(h, "www.example.com", 0, 21);
	fetch(h, "www.example.org", 22, 43);
	ask(h, "www.example.com", "/box");
	answer_head(h, 22, 43, 44);
	harness_tcp(h, TO_CLIENT, WHOLE + 22, 22);
	harness_next_flow(h, 80);
	h->flow.client.b[3]++;
	fetch(h, "www.example.com", 22, 43);
	assert_int_equal(h->counters.app_ranges_joined, 0);
	harness_free(h);
}

static const struct {
	const char *range;
	unsigned events;
} alone[] = {
	{"bytes 0-43/44", 0}, {"bytes 0-43/*", 0}, {"bytes */44", 0}, {"bytes 9-0/44", 1}, {"bytes 0-44/44", 1},
};

/* What is the whole, or not known to be a part, or cannot be, is a file of its own only. */
static void alone_only(void **state)
{
	struct harness *h = harness_new(6, 80, hashed);
	char head[200];

	(void)state;
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		harness_clear(h);
		ask(h, "www.example.com", "/fox");
		snprintf(head, sizeof(head),
			 "HTTP/1.1 206 Partial Content\r\nContent-Range: %s\r\nContent-Length: 44\r\n\r\n" WHOLE,
			 alone[i].range);
		text(h, TO_CLIENT, head);
		assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 1);
		assert_int_equal(harness_count(h, "\"event\":\"RANGE_INVALID\""), alone[i].events);
	}
	assert_int_equal(h->counters.app_ranges_joined, 0);
	harness_free(h);
}

#define SEVERAL_TYPE "multipart/byteranges; boundary=\"THIS_one\""

/* All of WHOLE but for bytes 21 to 29. */
static int several_body(char *body, size_t room)
{
	static const struct {
		unsigned start, end;
	} parts[] = {{30, 43}, {0, 9}, {8, 20}};
	int n = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		n += snprintf(body + n, room - (size_t)n,
			      "\r\n--THIS_one\r\nContent-Type: text/plain\r\ncontent-range: bytes %u-%u/44\r\n\r\n%.*s",
			      parts[i].start, parts[i].end, (int)(parts[i].end - parts[i].start + 1), WHOLE + parts[i].start);
	return n + snprintf(body + n, room - (size_t)n, "\r\n--THIS_one--\r\n");
}

/* Several ranges in one answer (multipart/byteranges), whole, in steps, and beside one that is alone; the body as it came is
 * a file, too. */
static void several_in_one(void **state)
{
	static const char broken[] = "--b\r\nContent-Range: bytes 50-44/44\r\n\r\nx\r\n--b--\r\n";

	(void)state;
	for (unsigned step = 1; step <= 1000; step *= 10) {
		struct harness *h = harness_new(6, 80, hashed);
		char body[1024], head[200];
		int n = several_body(body, sizeof(body));

		ask(h, "www.example.com", "/fox");
		snprintf(head, sizeof(head),
			 "HTTP/1.1 206 Partial Content\r\nContent-Type: " SEVERAL_TYPE "\r\n"
			 "Content-Length: %d\r\n\r\n", n);
		text(h, TO_CLIENT, head);
		harness_tcp_steps(h, TO_CLIENT, (const uint8_t *)body, (size_t)n, step);
		assert_int_equal(joined(h), 0);
		fetch(h, "www.example.com", 19, 31);
		assert_int_equal(joined(h), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 3);
		assert_int_equal(harness_count(h, "\"event\":\"RANGE_INVALID\""), 0);
		ask(h, "www.example.com", "/fox");
		snprintf(head, sizeof(head), "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b\r\n"
			 "Content-Length: %zu\r\n\r\n%s", sizeof(broken) - 1, broken);
		text(h, TO_CLIENT, head);
		assert_int_equal(harness_count(h, "\"event\":\"RANGE_INVALID\""), 1);
		harness_free(h);
	}
}

/* ---- HTTP/2 ---- */

#define END_STREAM 1
#define END_HEADERS 4

static size_t frame(uint8_t *out, uint8_t type, uint8_t flags, uint8_t stream, const void *data, size_t len)
{
	const uint8_t head[9] = {0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, stream};

	memcpy(out, head, sizeof(head));
	if (len)
		memcpy(out + sizeof(head), data, len);
	return sizeof(head) + len;
}

/* "name value" words, each a literal field (RFC 7541, 6.2.2). */
static void headers(struct harness *h, enum direction d, uint8_t stream, uint8_t flags, const char *const fields[])
{
	uint8_t block[512], out[600];
	size_t n = 0;

	for (; *fields; fields++) {
		const char *value = strchr(*fields, ' ') + 1;
		size_t name_len = (size_t)(value - 1 - *fields), value_len = strlen(value);

		block[n++] = 0;
		block[n++] = (uint8_t)name_len;
		memcpy(block + n, *fields, name_len);
		n += name_len;
		block[n++] = (uint8_t)value_len;
		memcpy(block + n, value, value_len);
		n += value_len;
	}
	harness_tcp(h, d, out, frame(out, 1, flags | END_HEADERS, stream, block, n));
}

static void fetch2(struct harness *h, uint8_t stream, const char *const answer[], const char *body, size_t len, size_t step)
{
	static const char *const request[] = {":method GET", ":scheme http", ":path /fox", ":authority www.example.com:80", NULL};
	uint8_t out[1100];

	headers(h, TO_SERVER, stream, END_STREAM, request);
	headers(h, TO_CLIENT, stream, 0, answer);
	for (size_t at = 0; at < len; at += step) {
		size_t now = step < len - at ? step : len - at;

		harness_tcp(h, TO_CLIENT, out, frame(out, 0, at + now == len ? END_STREAM : 0, stream, body + at, now));
	}
}

/* Those of HTTP/2 are put together with those of HTTP/1 where host and path are the same. */
static void several_in_http2(void **state)
{
	static const char *const several[] = {":status 206", "content-type " SEVERAL_TYPE, NULL};
	static const char *const one[] = {":status 206", "content-range bytes 19-31/44", NULL};
	static const char *const plain[] = {":status 200", "content-type " SEVERAL_TYPE, NULL};
	static const char *const coded[] = {":status 206", "content-type " SEVERAL_TYPE, "content-encoding br", NULL};
	static const char broken[] = "--THIS_one\r\nContent-Range: bytes 50-44/44\r\n\r\nx\r\n--THIS_one--\r\n";

	(void)state;
	for (size_t step = 1; step <= 1000; step *= 10) {
		struct harness *h = harness_new(6, 80, hashed);
		uint8_t settings[9];
		char body[1024];
		size_t n = (size_t)several_body(body, sizeof(body));

		text(h, TO_SERVER, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		harness_tcp(h, TO_SERVER, settings, frame(settings, 4, 0, 0, NULL, 0));
		harness_tcp(h, TO_CLIENT, settings, frame(settings, 4, 0, 0, NULL, 0));
		fetch2(h, 1, plain, body, n, step);
		fetch2(h, 3, coded, body, n, step);
		fetch2(h, 5, one, WHOLE + 19, 13, step);
		assert_int_equal(h->counters.app_ranges_joined, 0);
		fetch2(h, 7, several, body, n, step);
		assert_int_equal(joined(h), 1);
		assert_int_equal(h->counters.app_ranges_joined, 1);
		assert_int_equal(harness_count(h, "\"event\":\"invalid_range\""), 0);
		fetch2(h, 9, several, broken, sizeof(broken) - 1, step);
		assert_int_equal(harness_count(h, "\"event\":\"invalid_range\""), 1);
		headers(h, TO_SERVER, 11, END_STREAM, (const char *const[]){":method GET", ":path /fox", NULL});
		headers(h, TO_CLIENT, 11, 0, several);
		harness_free(h); /* in the middle of an answer */
	}
}

/* Bytes that are missing in a range are missing in the whole. */
static void holes(void **state)
{
	struct harness *h = harness_new(6, 80, hashed);

	(void)state;
	ask(h, "www.example.com", "/fox");
	answer_head(h, 20, 29, 44);
	harness_tcp(h, TO_CLIENT, WHOLE + 20, 3);
	harness_gap(h, TO_CLIENT, 4);
	harness_tcp(h, TO_CLIENT, WHOLE + 27, 3);
	fetch(h, "www.example.com", 0, 19);
	fetch(h, "www.example.com", 30, 43);
	assert_int_equal(joined(h), 0);
	assert_int_equal(harness_count(h, "\"gaps\":true,\"state\":\"TRUNCATED\""), 2);
	assert_int_equal(harness_count(h, "\"size\":44,"), 1);
	harness_free(h);
}

/* A minute without a new range: forgotten, but not while one is in hand. */
static void forgotten(void **state)
{
	struct harness *h = harness_new(6, 80, hashed);

	(void)state;
	fetch(h, "www.example.com", 0, 9);
	h->w.now_ns += 61000000000ull;
	fetch(h, "www.example.com", 10, 43);
	assert_int_equal(joined(h), 0);
	ask(h, "www.example.com", "/fox");
	answer_head(h, 0, 9, 44);
	harness_tcp(h, TO_CLIENT, WHOLE, 1);
	h->w.now_ns += 61000000000ull;
	harness_tcp(h, TO_CLIENT, WHOLE + 1, 9);
	assert_int_equal(joined(h), 1);
	harness_free(h);
}

/* Beyond its memory the table lets go of what waits, and says so when it cannot. */
static void no_room(void **state)
{
	static const char *const settings[] = {"app.http.byterange.memcap=20k", "app.http.response_body_limit=0", NULL};
	struct harness *h = harness_new(6, 80, settings);
	uint8_t *big = calloc(1, 30000);

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/%u", i);
		ask(h, "www.example.com", path);
		answer_head(h, 0, 4999, 10000);
		harness_tcp(h, TO_CLIENT, big, 5000);
	}
	assert_int_equal(h->counters.app_ranges_lost, 0);
	ask(h, "www.example.com", "/early");
	answer_head(h, 1, 30000, 40000);
	harness_tcp(h, TO_CLIENT, big, 30000);
	assert_int_equal(h->counters.app_ranges_lost, 1);
	free(big);
	harness_free(h);
}

/* A long file is shown to rules as it grows, across the ends of its ranges, by the transaction in hand. */
static void shown(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);
	static uint8_t part[100000];
	const struct file_limits limits = {1000, 1000, 0};
	struct range_origin o = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"/b", 2}, 0, 20 * sizeof(part), &limits};
	struct tx tx[20] = {{0}};
	struct buffer_view view;
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct range_part p = {0};

		o.start = i * sizeof(part);
		range_begin(&h->w, &h->flow, &tx[i], &p, &o);
		range_take(&h->w, &h->flow, &tx[i], &p, part, sizeof(part));
		range_end(&h->w, &p);
		if (!file_view(&h->w, &h->flow, &tx[i], TO_CLIENT, 0, &view))
			continue;
		assert_true(view.offset <= (seen ? o.start : 0));
		assert_int_equal(view.offset + view.len, o.start + sizeof(part));
		file_inspected(&h->w, &tx[i], TO_CLIENT);
		seen++;
		if (i > 0)
			assert_null(tx[i - 1].files[TO_CLIENT]);
		if (i == 12) /* its transaction goes, the file stays */
			file_free_all(&h->w, &tx[i]);
	}
	assert_int_equal(seen, 15);
	assert_int_equal(tx[19].files[TO_CLIENT]->state, FILE_CLOSED);
	file_free_all(&h->w, &tx[19]);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection), cmocka_unit_test(several_connections),
		cmocka_unit_test(at_once),        cmocka_unit_test(not_the_same),
		cmocka_unit_test(several_in_one),
		cmocka_unit_test(several_in_http2),
		cmocka_unit_test(alone_only),     cmocka_unit_test(holes),
		cmocka_unit_test(forgotten),      cmocka_unit_test(no_room),
		cmocka_unit_test(shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

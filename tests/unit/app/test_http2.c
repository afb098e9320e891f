/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/http2*.c, hpack.c, content.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/content.h"
#include "dataplane/app/hpack.h"
#include "tests/unit/app/harness.h"

#define PREFACE "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a"
#define SETTINGS "00000c 04 00 00000000 0003 00000064 0004 0000ffff"
#define ACK "000000 04 01 00000000"
/* RFC 7541, C.4.1: GET http://www.example.com/ */
#define REQUEST(flags, stream) "000011 01 " flags " " stream " 828684418cf1e3c2e5f23a6ba0ab90f4ff"
/* :status 200, content-length "5" */
#define RESPONSE(stream) "000005 01 04 " stream " 88 0f0d 01 35"
#define HELLO(flags, stream) "000005 00 " flags " " stream " 68656c6c6f"

static void send(struct harness *h, enum direction d, const char *hex)
{
	size_t n;
	uint8_t *bytes = unhex(hex, &n);

	harness_tcp(h, d, bytes, n);
	free(bytes);
}

static struct harness *connected(void)
{
	struct harness *h = harness_new(6, 8080, NULL);

	send(h, TO_SERVER, PREFACE SETTINGS);
	send(h, TO_CLIENT, SETTINGS ACK);
	return h;
}

/* ---- hpack ---- */

static char fields[4096];

static void note(void *context, const struct hpack_field *f)
{
	size_t n = strlen(fields);

	if (f->kind == HPACK_FIELD)
		snprintf(fields + n, sizeof(fields) - n, "%.*s=%.*s;", (int)f->name.len, (const char *)f->name.data,
			 (int)f->value.len, (const char *)f->value.data);
	else
		snprintf(fields + n, sizeof(fields) - n, "<%d %u>", f->kind, f->size);
}

static const char *decode(struct heap *heap, struct hpack *h, const char *hex)
{
	size_t n;
	uint8_t *bytes = unhex(hex, &n);

	fields[0] = '\0';
	assert_true(hpack_decode(heap, h, bytes, (uint32_t)n, note, NULL));
	free(bytes);
	return fields;
}

/* RFC 7541, C.4 and C.6: strings in Huffman code; C.6 with a table of 256 bytes, so that it evicts. */
static void vectors(void **state)
{
	struct heap heap;
	struct hpack h;

	(void)state;
	assert_int_equal(heap_init(&heap, 1 << 20), 0);
	hpack_init(&h);
	assert_string_equal(decode(&heap, &h, "828684418cf1e3c2e5f23a6ba0ab90f4ff"),
			    ":method=GET;:scheme=http;:path=/;:authority=www.example.com;");
	assert_string_equal(decode(&heap, &h, "828684be5886a8eb10649cbf"),
			    ":method=GET;:scheme=http;:path=/;:authority=www.example.com;cache-control=no-cache;");
	assert_string_equal(decode(&heap, &h, "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"),
			    ":method=GET;:scheme=https;:path=/index.html;:authority=www.example.com;custom-key=custom-value;");
	assert_int_equal(h.bytes, 164);
	hpack_free(&heap, &h);
	hpack_init(&h);
	h.bytes_max = 256;
	decode(&heap, &h, "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3");
	assert_string_equal(fields, ":status=302;cache-control=private;date=Mon, 21 Oct 2013 20:13:21 GMT;location=https://www.example.com;");
	assert_int_equal(h.bytes, 222);
	assert_string_equal(decode(&heap, &h, "4883640effc1c0bf"),
			    ":status=307;cache-control=private;date=Mon, 21 Oct 2013 20:13:21 GMT;location=https://www.example.com;");
	assert_int_equal(h.bytes, 222);
	hpack_free(&heap, &h);
	assert_int_equal(heap.used_bytes, 0);
	heap_fini(&heap);
}

static void bad_blocks(void **state)
{
	struct heap heap;
	struct hpack h;

	(void)state;
	assert_int_equal(heap_init(&heap, 1 << 20), 0);
	hpack_init(&h);
	assert_string_equal(decode(&heap, &h, "be82"), "<2 0>:method=GET;"); /* no such entry */
	assert_string_equal(decode(&heap, &h, "3fe11f82"), "<1 4096>:method=GET;");
	assert_string_equal(decode(&heap, &h, "ffffffffffffff7f"), "<3 0>");
	assert_string_equal(decode(&heap, &h, "400a6375"), "<4 0>");
	assert_string_equal(decode(&heap, &h, "400161 8100 82"), "<5 0>:method=GET;"); /* padding */
	hpack_free(&heap, &h);
	heap_fini(&heap);
}

/* ---- frames ---- */

static void exchange(void **state)
{
	struct harness *h = connected();

	(void)state;
	assert_int_equal(h->flow.app_proto, APP_http2);
	assert_int_equal(harness_count(h, "SETTINGSINITIALWINDOWSIZE"), 2);
	harness_clear(h);
	send(h, TO_SERVER, REQUEST("05", "00000001"));
	assert_int_equal(harness_count(h, "\"event_type\":\"http2\""), 0);
	assert_non_null(strstr(h->contacts, "www.example.com"));
	send(h, TO_CLIENT, RESPONSE("00000001") HELLO("01", "00000001"));
	assert_non_null(strstr(h->out, "\"http\":{\"version\":\"2\",\"request_headers\":[{\"name\":\":method\","
				       "\"value\":\"GET\"}"));
	assert_non_null(strstr(h->out, "\"url\":\"/\",\"hostname\":\"www.example.com\",\"status\":200,"
				       "\"length\":5,\"http2\":{\"stream_id\":1,"));
	assert_int_equal(harness_count(h, "fileinfo"), 2); /* the record's name and its object */
	assert_non_null(strstr(h->out, "\"size\":5"));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* All of it byte by byte, padding and priority and a continuation among it. */
static void small_steps(void **state)
{
	struct harness *h = harness_new(6, 8080, NULL);
	size_t n;
	uint8_t *bytes;

	(void)state;
	bytes = unhex(PREFACE SETTINGS
		      "00000b 01 28 00000001 02 00000000 ff 8286840000"
		      "00000e 09 04 00000001 418cf1e3c2e5f23a6ba0ab90f4ff"
		      "000009 00 09 00000001 03 6869212121 000000", &n);
	harness_tcp_steps(h, TO_SERVER, bytes, n, 1);
	free(bytes);
	bytes = unhex(SETTINGS "000001 01 05 00000001 88", &n);
	harness_tcp_steps(h, TO_CLIENT, bytes, n, 1);
	free(bytes);
	assert_non_null(strstr(h->out, "\"hostname\":\"www.example.com\",\"status\":200"));
	assert_non_null(strstr(h->out, "\"priority\":255"));
	assert_non_null(strstr(h->out, "\"size\":5"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void buffers(void **state)
{
	struct harness *h = connected();
	size_t n;
	uint8_t *bytes = unhex(REQUEST("05", "00000001"), &n);

	(void)state;
	harness_tcp_open(h, TO_SERVER, bytes, n);
	free(bytes);
	assert_string_equal(harness_text(h, TO_SERVER, "http.uri", 0), "/");
	assert_string_equal(harness_text(h, TO_SERVER, "http.host", 0), "www.example.com");
	assert_string_equal(harness_text(h, TO_SERVER, "http.request_line", 0), "GET / HTTP/2\r\n");
	assert_string_equal(harness_text(h, TO_SERVER, "http.request_header", 1), ":scheme: http");
	assert_string_equal(harness_text(h, TO_SERVER, "http2.header_name", 3), ":authority");
	assert_string_equal(harness_text(h, TO_SERVER, "http.header_names", 0),
			    "\r\n:method\r\n:scheme\r\n:path\r\n:authority\r\n\r\n");
	assert_null(harness_text(h, TO_SERVER, "http.cookie", 0));
	harness_done(h);
	harness_free(h);
}

static void events(void **state)
{
	struct harness *h = connected();

	(void)state;
	send(h, TO_SERVER, "000001 04 00 00000000 00");
	assert_int_equal(harness_count(h, "invalid_frame_length"), 1);
	send(h, TO_SERVER, "000001 00 00 00000000 00");
	assert_int_equal(harness_count(h, "data_stream_zero"), 1);
	send(h, TO_SERVER, "000001 09 04 00000001 88");
	assert_int_equal(harness_count(h, "invalid_frame_data"), 1);
	send(h, TO_SERVER, "000001 01 04 00000001 be");
	assert_int_equal(harness_count(h, "\"invalid_header\""), 1);
	send(h, TO_SERVER, "000004 03 00 00000001 00000002");
	assert_int_equal(harness_count(h, "\"error_code\":\"INTERNALERROR\""), 1);
	harness_free(h);
}

/* A gap inside a body is one of the file; one over frames costs the header table. */
static void gaps(void **state)
{
	struct harness *h = connected();

	(void)state;
	send(h, TO_SERVER, REQUEST("05", "00000001"));
	send(h, TO_CLIENT, RESPONSE("00000001") "000005 00 01 00000001 68");
	harness_gap(h, TO_CLIENT, 4);
	assert_non_null(strstr(h->out, "\"gaps\":true"));
	harness_clear(h);
	send(h, TO_SERVER, REQUEST("05", "00000003"));
	harness_gap(h, TO_CLIENT, 1000);
	send(h, TO_CLIENT, "ffffffffffffffffffffff");
	send(h, TO_CLIENT, RESPONSE("00000003") HELLO("01", "00000003"));
	assert_non_null(strstr(h->out, "\"status\":200"));
	harness_free(h);
}

static void upgraded(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);
	static const char ask[] = "GET /a HTTP/1.1\r\nHost: x.example\r\nConnection: Upgrade, HTTP2-Settings\r\n"
				  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
	static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";

	(void)state;
	harness_tcp(h, TO_SERVER, ask, sizeof(ask) - 1);
	harness_tcp(h, TO_CLIENT, answer, sizeof(answer) - 1);
	send(h, TO_CLIENT, SETTINGS);
	send(h, TO_SERVER, PREFACE SETTINGS);
	assert_int_equal(h->flow.app_proto, APP_http2);
	assert_non_null(strstr(h->out, "\"request\":{\"settings\":[{\"settings_id\":"
				       "\"SETTINGSMAXCONCURRENTSTREAMS\",\"settings_value\":100}]}"));
	send(h, TO_CLIENT, RESPONSE("00000001") HELLO("01", "00000001"));
	assert_non_null(strstr(h->out, "{\"name\":\":authority\",\"value\":\"x.example\"}]"));
	harness_free(h);
}

#define WINDOW "000004 08 00 00000000 00010000"

/* A server that speaks first: its SETTINGS are enough on port 80; elsewhere the client's preface tells, or a
 * frame that answers one. */
static void server_first(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);

	(void)state;
	send(h, TO_CLIENT, SETTINGS);
	assert_int_equal(h->flow.app_proto, APP_http2);
	harness_reset(h, 8080);
	send(h, TO_CLIENT, SETTINGS WINDOW);
	assert_int_equal(h->flow.app_proto, APP_UNKNOWN);
	send(h, TO_SERVER, PREFACE SETTINGS);
	assert_int_equal(h->flow.app_proto, APP_http2);
	assert_non_null(strstr(h->out, "\"tx_id\":0,\"http\":{\"version\":\"2\",\"http2\":{\"stream_id\":0,\"request\":{},"
				       "\"response\":{\"settings\":[{\"settings_id\":\"SETTINGSMAXCONCURRENTSTREAMS\""));
	harness_reset(h, 8080);
	send(h, TO_CLIENT, SETTINGS WINDOW ACK);
	assert_int_equal(h->flow.app_proto, APP_http2);
	harness_reset(h, 8080);
	send(h, TO_CLIENT, SETTINGS "ffffff 08 00 00000000");
	assert_int_not_equal(h->flow.app_proto, APP_http2);
	harness_free(h);
}

/* ---- DNS in streams ---- */

/* GET /dns-query?dns=… of a.b, the answer 10.0.0.1; the same asked with POST in stream 3. */
static const char doh_get[] =
	"0000490105000000018287042b2f646e732d71756572793f646e733d4141414241414142414141414141414141574542"
	"59674141415141420f04176170706c69636174696f6e2f646e732d6d657373616765";
static const char doh_answer[] =
	"00001b010400000001880f10176170706c69636174696f6e2f646e732d6d657373616765000025000100000001000081"
	"800001000100000000016101620000010001c00c000100010000003c00040a000001";
static const char doh_post[] =
	"000020010400000003838704022f710f10176170706c69636174696f6e2f646e732d6d65737361676500000700000000"
	"00030000010000010000000e0001000000030000000000016101620000010001";

static void dns_in_streams(void **state)
{
	struct harness *h = connected();

	(void)state;
	assert_int_equal(h->flow.app_proto, APP_http2);
	send(h, TO_SERVER, doh_get);
	assert_int_equal(h->flow.app_proto, APP_doh2);
	assert_int_equal(h->flow.app->proto_original, APP_http2);
	send(h, TO_CLIENT, doh_answer);
	assert_non_null(strstr(h->out, "\"type\":\"response\""));
	assert_non_null(strstr(h->out, "\"rdata\":\"10.0.0.1\""));
	harness_clear(h);
	send(h, TO_SERVER, doh_post);
	send(h, TO_CLIENT, "000001 01 05 00000003 89");
	assert_non_null(strstr(h->out, "\"queries\":[{\"rrname\":\"a.b\",\"rrtype\":\"A\"}]"));
	harness_free(h);

	/* the server's first bytes come when the flow is one of doh2 already */
	h = harness_new(6, 8080, NULL);
	send(h, TO_SERVER, PREFACE SETTINGS);
	send(h, TO_SERVER, doh_get);
	assert_int_equal(h->flow.app_proto, APP_doh2);
	send(h, TO_CLIENT, SETTINGS ACK);
	send(h, TO_CLIENT, doh_answer);
	assert_non_null(strstr(h->out, "\"rdata\":\"10.0.0.1\""));
	assert_int_equal(harness_count(h, "MISMATCH_PROTOCOL"), 0);
	assert_int_equal(h->flow.app->proto_tc, APP_doh2);
	harness_free(h);
}

/* The client takes its request back when the response is on its way. */
static void taken_back(void **state)
{
	static const char reset[] = "000004 03 00 00000001 00000008";
	struct harness *h = connected();

	(void)state;
	harness_clear(h);
	send(h, TO_SERVER, REQUEST("05", "00000001"));
	send(h, TO_SERVER, reset);
	assert_int_equal(harness_count(h, "\"event_type\":\"http2\""), 0);
	send(h, TO_CLIENT, RESPONSE("00000001") HELLO("01", "00000001"));
	assert_int_equal(harness_count(h, "\"event_type\":\"http2\""), 1);
	harness_clear(h);
	send(h, TO_SERVER, REQUEST("05", "00000003"));
	send(h, TO_SERVER, "000004 03 00 00000003 00000008");
	send(h, TO_SERVER, REQUEST("05", "00000005"));
	assert_int_equal(harness_count(h, "\"event_type\":\"http2\""), 0);
	send(h, TO_SERVER, "000004 03 00 00000005 00000008");
	assert_int_equal(harness_count(h, "\"event_type\":\"http2\""), 1);
	harness_free(h);
}

/* ---- codings ---- */

static char text[64];

static void collect(void *context, const uint8_t *data, uint32_t len)
{
	size_t n = strlen(text);

	assert_true(n + len < sizeof(text));
	memcpy(text + n, data, len);
	text[n + len] = '\0';
}

static void codings(void **state)
{
	static const struct {
		enum content_coding coding;
		const char *hex;
	} cases[] = {
		{CONTENT_GZIP, "1f8b0800000000000203cb48cdc9c9070086a6103605000000"},
		{CONTENT_DEFLATE, "789ccb48cdc9c90700062c0215"},
		{CONTENT_DEFLATE, "cb48cdc9c90700"},
		{CONTENT_BARE_DEFLATE, "ca48cdc9c907000000ffff"},
		{CONTENT_BROTLI, "0b028068656c6c6f03"},
		{CONTENT_ZSTD, "28b52ffd200529000068656c6c6f"},
		{CONTENT_PLAIN, "68656c6c6f"},
	};
	struct heap heap;

	(void)state;
	assert_int_equal(heap_init(&heap, 1 << 20), 0);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		void *other = i % 2 ? heap_alloc(&heap, 600 << 10) : NULL; /* most of it is taken: zlib does what is left */
		struct content_decoder *d = content_decoder_new(&heap, cases[i / 2].coding);
		size_t n;
		uint8_t *bytes = unhex(cases[i / 2].hex, &n);

		text[0] = '\0';
		for (size_t at = 0; at < n; at += 4)
			assert_int_equal(content_decode(d, bytes + at, (uint32_t)(n - at < 4 ? n - at : 4), collect, NULL),
					 CONTENT_GOOD);
		assert_string_equal(text, "hello");
		free(bytes);
		content_decoder_free(&heap, d);
		heap_free(&heap, other);
	}
	assert_int_equal(heap.used_bytes, 0);
	heap_fini(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors), cmocka_unit_test(server_first),  cmocka_unit_test(bad_blocks), cmocka_unit_test(exchange),
		cmocka_unit_test(small_steps), cmocka_unit_test(buffers), cmocka_unit_test(events),
		cmocka_unit_test(gaps),	    cmocka_unit_test(upgraded),	  cmocka_unit_test(codings),
		cmocka_unit_test(dns_in_streams), cmocka_unit_test(taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

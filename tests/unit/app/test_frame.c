/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/frame.c, and what the protocols report.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/frame.h"
#include "tests/unit/app/harness.h"

static const char *const logged[] = {"eve.types.frame.enabled=yes", NULL};

static void up(struct harness *h, const char *text)
{
	harness_tcp(h, TO_SERVER, text, strlen(text));
}

static void down(struct harness *h, const char *text)
{
	harness_tcp(h, TO_CLIENT, text, strlen(text));
}

/* Bytes of the flow's last frame of the type, parts with '|' between; "" where there is none. */
static const char *bytes_of(struct harness *h, enum direction d, unsigned type, uint64_t from)
{
	static char text[4096];
	const struct app_frame_side *side = &h->flow.app->frames->side[d];
	size_t n = 0;
	struct buffer_view v;

	for (uint32_t i = 0; i < side->count; i++)
		for (unsigned part = 0; side->list[i].type == type; part++) {
			if (!app_frame_view(&h->flow, d, &side->list[i], from, part, &v))
				break;
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s%s", part ? "|" : "",
					      (int)v.len, (const char *)v.data, v.complete ? "$" : "");
		}
	text[n] = '\0';
	return text;
}

static void nobody_asks(void **state)
{
	struct harness *h = harness_new(6, 25, NULL);

	down(h, "220 mail.example ESMTP\r\n");
	up(h, "EHLO me.example\r\n");
	assert_null(h->flow.app->frames);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"frame\""), 0);
	harness_free(h);
}

/* Rules want one type: the others are counted, not kept. */
static void one_type(void **state)
{
	struct harness *h = harness_new(6, 25, NULL);
	int type = app_frame_type(app_protos[APP_smtp], "command_line");

	assert_int_equal(app_frame_type(app_protos[APP_smtp], "stream"), APP_FRAME_STREAM);
	assert_int_equal(app_frame_type(app_protos[APP_smtp], "nothing"), -1);
	assert_int_equal(type, 1);
	app_frames_want(&h->w, APP_smtp, 1u << type);
	down(h, "220 mail.example ESMTP\r\n");
	assert_int_equal(h->flow.app->frames->side[TO_CLIENT].count, 0);
	harness_tcp_open(h, TO_SERVER, "EHLO me.example\r\nNOOP\r\nRS", 25);
	assert_int_equal(h->flow.app->frames->side[TO_SERVER].count, 2);
	assert_int_equal(h->flow.app->frames->side[TO_SERVER].list[1].id, 3); /* 1 is the stream */
	assert_string_equal(bytes_of(h, TO_SERVER, 1, 0), "EHLO me.example\r\n$NOOP\r\n$");
	assert_string_equal(bytes_of(h, TO_SERVER, 1, 15), "\r\n$NOOP\r\n$");
	harness_done(h);
	assert_int_equal(h->flow.app->frames->side[TO_SERVER].count, 0);
	harness_tcp_open(h, TO_SERVER, "ET\r\n", 4);
	assert_string_equal(bytes_of(h, TO_SERVER, 1, 0), "RSET\r\n$");
	harness_done(h);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"frame\""), 0);
	harness_free(h);
}

static void mail(void **state)
{
	struct harness *h = harness_new(6, 25, logged);

	down(h, "220 mail.example ESMTP\r\n");
	up(h, "HELO me.example\r\n");
	down(h, "250 ok\r\n");
	up(h, "MAIL FROM:<a@example.org>\r\n");
	down(h, "250 ok\r\n");
	up(h, "DATA\r\n");
	down(h, "354 go\r\n");
	up(h, "Subject: s\r\n\r\nhe");
	assert_string_equal(bytes_of(h, TO_SERVER, 2, 0), "Subject: s\r\n\r\nhe");
	assert_int_equal(harness_count(h, "\"type\":\"data\""), 0);
	up(h, "llo\r\n.\r\n");
	assert_int_equal(harness_count(h, "\"type\":\"data\",\"id\":5,\"direction\":\"toserver\",\"stream_offset\":50,"
					  "\"length\":24,\"complete\":true,\"payload\":\"Subject: s\\u000d\\u000a"), 1);
	assert_int_equal(harness_count(h, "\"type\":\"command_line\""), 3);
	assert_int_equal(harness_count(h, "\"type\":\"response_line\",\"id\":2,\"direction\":\"toclient\","
					  "\"stream_offset\":0,\"length\":24,\"complete\":true"), 1);
	assert_int_equal(harness_count(h, "\"tx_id\":0}"), 7);
	harness_end(h, TO_SERVER);
	assert_int_equal(harness_count(h, "\"type\":\"stream\",\"id\":1,\"direction\":\"toserver\","
					  "\"stream_offset\":0,\"length\":74,\"complete\":false"), 1);
	harness_free(h);
}

/* A hole divides a frame; records name it. */
static void hole(void **state)
{
	struct harness *h = harness_new(6, 80, logged);

	up(h, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(harness_count(h, "\"type\":\"request\",\"id\":2,\"direction\":\"toserver\",\"stream_offset\":0,"
					  "\"length\":28,\"complete\":true"), 1);
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
	harness_gap(h, TO_CLIENT, 4);
	harness_tcp_open(h, TO_CLIENT, "xy", 2);
	assert_string_equal(bytes_of(h, TO_CLIENT, 2, 38), "abc|xy$");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"type\":\"response\",\"id\":2,\"direction\":\"toclient\",\"stream_offset\":0,"
					  "\"length\":47,\"complete\":false"), 1);
	assert_int_equal(harness_count(h, "abc[4 bytes missing]xy\",\"payload_printable\""), 1);
	harness_free(h);
}

static void datagrams(void **state)
{
	struct harness *h = harness_new(17, 53, logged);
	size_t len;
	uint8_t *query = unhex("123401000001000000000000016103636f6d0000010001", &len);

	harness_udp(h, TO_SERVER, query, len);
	harness_udp(h, TO_SERVER, query, len);
	assert_int_equal(harness_count(h, "\"frame\":{\"type\":\"pdu\",\"id\":"), 2);
	assert_int_equal(harness_count(h, "\"direction\":\"toserver\",\"length\":23,\"complete\":true"), 2);
	assert_int_equal(h->flow.app->frames->side[TO_SERVER].count, 0);
	free(query);
	harness_free(h);
}

static void records_of_tls(void **state)
{
	struct harness *h = harness_new(6, 443, logged);
	size_t len;
	uint8_t *hello = unhex("16030100040000000015030100020128", &len);

	harness_tcp(h, TO_SERVER, hello, len);
	assert_int_equal(harness_count(h, "\"type\":\"pdu\""), 2);
	assert_int_equal(harness_count(h, "\"type\":\"hdr\",\"id\":3,\"direction\":\"toserver\",\"stream_offset\":0,\"length\":5"), 1);
	assert_int_equal(harness_count(h, "\"type\":\"alert\""), 1);
	free(hello);
	harness_free(h);
}

/* What is kept and how many there are is bounded, however long a frame is. */
static void bounds(void **state)
{
	struct harness *h = harness_new(6, 25, logged);
	const struct app_frame_side *side;
	char line[1025], lines[4096] = "";

	memset(line, 'x', sizeof(line) - 3);
	memcpy(line + sizeof(line) - 3, "\r\n", 3);
	down(h, "220 mail.example ESMTP\r\n");
	up(h, "HELO me.example\r\n");
	up(h, "MAIL FROM:<a@example.org>\r\n");
	up(h, "DATA\r\n");
	down(h, "250 ok\r\n250 ok\r\n354 go\r\n");
	side = &h->flow.app->frames->side[TO_SERVER];
	for (int i = 0; i < 2000; i++) {
		up(h, line);
		assert_true(side->data_len <= 4 * APP_FRAME_KEEP && side->data_cap <= APP_FRAME_BYTES_MAX);
		if (i % 3 == 0)
			harness_gap(h, TO_SERVER, 7);
		assert_true(side->run_count <= APP_FRAME_RUNS_MAX);
	}
	assert_int_equal(side->count, 2);
	up(h, "\r\n.\r\n");
	for (size_t n = 0; n + 4 < sizeof(lines); n += 3)
		memcpy(lines + n, "A\r\n", 4);
	harness_tcp_open(h, TO_SERVER, lines, strlen(lines));
	assert_int_equal(side->count, APP_FRAMES_MAX);
	assert_true(h->counters.app_frames_lost > 800);
	harness_done(h);
	assert_int_equal(side->count, 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_asks), cmocka_unit_test(one_type), cmocka_unit_test(mail),
		cmocka_unit_test(hole), cmocka_unit_test(datagrams), cmocka_unit_test(records_of_tls),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/sctp.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/sctp.h"
#include "tests/unit/app/harness.h"

#define REQUEST "GET /a HTTP/1.1\r\nHost: sctp.test\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
#define CLIENT_TAG 0x1111
#define SERVER_TAG 0x2222

enum { DATA = 0, INIT = 1, INIT_ACK = 2, ABORT = 6, SHUTDOWN = 7, FORWARD_TSN = 192 };

struct message {
	uint8_t bytes[4096];
	size_t len;
};

static void put16(struct message *m, uint32_t v)
{
	m->bytes[m->len++] = (uint8_t)(v >> 8);
	m->bytes[m->len++] = (uint8_t)v;
}

static void put32(struct message *m, uint32_t v)
{
	put16(m, v >> 16);
	put16(m, v & 0xffff);
}

static struct message packet(uint32_t tag)
{
	struct message m = {0};

	put16(&m, 40000);
	put16(&m, 80);
	put32(&m, tag);
	put32(&m, 0);
	return m;
}

static void put_chunk(struct message *m, uint8_t type, const void *body, size_t len)
{
	m->bytes[m->len++] = type;
	m->bytes[m->len++] = 3;
	put16(m, (uint32_t)len + 4);
	memcpy(m->bytes + m->len, body, len);
	m->len += (len + 3) & ~3u;
}

static void put_data(struct message *m, uint32_t tsn, uint16_t stream, const void *data, size_t len)
{
	struct message body = {0};

	put32(&body, tsn);
	put16(&body, stream);
	put16(&body, 0);
	put32(&body, 0);
	memcpy(body.bytes + body.len, data, len);
	put_chunk(m, DATA, body.bytes, body.len + len);
}

static void init(struct harness *h, enum direction d, uint32_t tag, uint32_t its_tag, uint32_t tsn)
{
	struct message m = packet(tag), body = {0};

	put32(&body, its_tag);
	put32(&body, 65536);
	put32(&body, 0x000a000a);
	put32(&body, tsn);
	put_chunk(&m, d == TO_SERVER ? INIT : INIT_ACK, body.bytes, body.len);
	harness_sctp(h, d, m.bytes, m.len);
}

static struct harness *begun(void)
{
	struct harness *h = harness_new(132, 80, NULL);

	init(h, TO_SERVER, 0, CLIENT_TAG, 100);
	init(h, TO_CLIENT, CLIENT_TAG, SERVER_TAG, UINT32_MAX);
	return h;
}

static void data(struct harness *h, enum direction d, uint32_t tsn, const char *text, size_t len)
{
	struct message m = packet(d == TO_SERVER ? SERVER_TAG : CLIENT_TAG);

	put_data(&m, tsn, (uint16_t)(tsn % 3), text, len);
	harness_sctp(h, d, m.bytes, m.len);
}

static void one_request(struct harness *h)
{
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 1);
	assert_non_null(strstr(h->out, "\"hostname\":\"sctp.test\""));
	assert_non_null(strstr(h->out, "\"status\":200"));
	assert_int_equal(harness_count(h, "\"size\":10"), 1);
}

static void in_order(void **state)
{
	struct harness *h = begun();

	(void)state;
	data(h, TO_SERVER, 100, REQUEST, strlen(REQUEST));
	assert_int_equal(h->flow.app_proto, APP_http);
	data(h, TO_CLIENT, UINT32_MAX, ANSWER, 20);
	data(h, TO_CLIENT, 0, ANSWER + 20, strlen(ANSWER) - 20);
	one_request(h);
	harness_free(h);
}

static void early_twice_and_bundled(void **state)
{
	struct harness *h = begun();
	struct message m = packet(CLIENT_TAG);

	(void)state;
	data(h, TO_SERVER, 101, REQUEST + 10, strlen(REQUEST) - 10);
	data(h, TO_SERVER, 101, "another", 7);
	data(h, TO_SERVER, 100, REQUEST, 10);
	data(h, TO_SERVER, 100, "another", 7);
	put_data(&m, 1, 0, ANSWER + 30, strlen(ANSWER) - 30);
	put_data(&m, 0, 0, ANSWER + 20, 10);
	put_data(&m, UINT32_MAX, 0, ANSWER, 20);
	harness_sctp(h, TO_CLIENT, m.bytes, m.len);
	one_request(h);
	harness_free(h);
}

static void tag_of_another(void **state)
{
	struct harness *h = begun();
	struct message m = packet(4711);

	(void)state;
	put_data(&m, 100, 0, "GET /no HTTP/1.1\r\n", 18);
	harness_sctp(h, TO_SERVER, m.bytes, m.len);
	init(h, TO_SERVER, 0, 4711, 5);
	init(h, TO_SERVER, 0, CLIENT_TAG, 100);
	data(h, TO_SERVER, 100, REQUEST, strlen(REQUEST));
	data(h, TO_CLIENT, UINT32_MAX, ANSWER, strlen(ANSWER));
	one_request(h);
	harness_free(h);
}

static void met_midway(void **state)
{
	struct harness *h = harness_new(132, 80, NULL);

	(void)state;
	data(h, TO_SERVER, 77, REQUEST, strlen(REQUEST));
	data(h, TO_CLIENT, 88, ANSWER, strlen(ANSWER));
	one_request(h);
	harness_free(h);
}

static void answer_first(void **state)
{
	struct harness *h = harness_new(132, 80, NULL);

	(void)state;
	data(h, TO_SERVER, 88, ANSWER, strlen(ANSWER));
	assert_int_equal(h->reversals, 1);
	data(h, TO_CLIENT, 89, ANSWER, strlen(ANSWER));
	harness_free(h);
}

static void until_the_end(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n\r\n0123456789";

	(void)state;
	for (unsigned by = 0; by < 2; by++) {
		struct harness *h = begun();
		struct message m = packet(CLIENT_TAG);

		data(h, TO_SERVER, 100, REQUEST, strlen(REQUEST));
		data(h, TO_CLIENT, UINT32_MAX, answer, strlen(answer));
		put_chunk(&m, SHUTDOWN, "\0\0\0\0", 4);
		if (by == 0)
			harness_sctp(h, TO_CLIENT, m.bytes, m.len);
		else
			harness_finish(h);
		one_request(h);
		harness_free(h);
	}
}

/* How much is missing is not known: nothing behind it is looked at, and what is kept has an end. */
static void never_whole(void **state)
{
	struct harness *h = begun();
	uint32_t used;

	(void)state;
	data(h, TO_SERVER, 100, REQUEST, strlen(REQUEST));
	for (uint32_t i = 0; i < SCTP_HELD_CHUNKS; i++)
		data(h, TO_CLIENT, 1000 - i, ANSWER, strlen(ANSWER));
	assert_false(h->flow.flags & FLOW_NO_APP);
	used = ((struct sctp_association *)(h->flow.app + 1))->side[TO_CLIENT].held_bytes;
	assert_int_equal(used, SCTP_HELD_CHUNKS * strlen(ANSWER));
	data(h, TO_CLIENT, 2000, ANSWER, strlen(ANSWER));
	assert_true(h->flow.flags & FLOW_NO_APP);
	data(h, TO_CLIENT, UINT32_MAX, ANSWER, strlen(ANSWER));
	assert_int_equal(harness_count(h, "\"status\":200"), 0);
	harness_free(h);
}

static void given_up_by_the_sender(void **state)
{
	struct harness *h = begun();
	struct message m = packet(CLIENT_TAG);

	(void)state;
	data(h, TO_SERVER, 100, REQUEST, strlen(REQUEST));
	data(h, TO_CLIENT, UINT32_MAX, ANSWER, strlen(ANSWER) - 5);
	put_chunk(&m, FORWARD_TSN, "\0\0\0\1", 4);
	harness_sctp(h, TO_CLIENT, m.bytes, m.len);
	assert_true(h->flow.flags & FLOW_NO_APP);
	assert_non_null(strstr(h->out, "\"status\":200"));
	assert_int_equal(harness_count(h, "\"state\":\"TRUNCATED\""), 1);
	harness_free(h);
}

static void something_else(void **state)
{
	struct harness *h = begun();
	struct message m = packet(SERVER_TAG);

	(void)state;
	data(h, TO_SERVER, 100, "\0\x0c\0\x0c\0\0\0", 7);
	data(h, TO_CLIENT, UINT32_MAX, "\x20\x0c\0\x0c\0\0\0", 7);
	assert_int_equal(h->flow.app_proto, APP_FAILED);
	assert_null(h->flow.app);
	m.bytes[m.len++] = DATA;
	m.len++;
	put16(&m, 2); /* shorter than its own header */
	put32(&m, 0);
	harness_sctp(h, TO_SERVER, m.bytes, m.len);
	harness_sctp(h, TO_SERVER, m.bytes, 12);
	harness_free(h);
}

static void switched_off(void **state)
{
	static const char *const off[] = {"app_sctp=no", NULL};
	struct harness *h = harness_new(132, 80, off);

	(void)state;
	data(h, TO_SERVER, 77, REQUEST, strlen(REQUEST));
	assert_null(h->flow.app);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),       cmocka_unit_test(early_twice_and_bundled),
		cmocka_unit_test(tag_of_another), cmocka_unit_test(met_midway),
		cmocka_unit_test(answer_first),   cmocka_unit_test(until_the_end),
		cmocka_unit_test(never_whole),    cmocka_unit_test(given_up_by_the_sender),
		cmocka_unit_test(something_else), cmocka_unit_test(switched_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

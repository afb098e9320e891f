/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/rest.c: what a session takes at rest, and what becomes of one that cannot wake. That it goes on as it
 * was is looked at in all tests of protocols: harness.c puts it away after each packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/http.h"
#include "tests/unit/app/harness.h"

#define REQUEST "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void text(struct harness *h, enum direction d, const char *s)
{
	harness_tcp(h, d, s, strlen(s));
}

/* Bytes the session takes, put away once more; *heap: of the heap, beside them. */
static size_t rest(struct harness *h, uint64_t *heap)
{
	uint8_t packed[APP_PACKED_MAX];
	size_t len;

	assert_true(app_may_pack(&h->flow));
	app_shrink(&h->w, &h->flow);
	len = (size_t)(app_pack(&h->w, &h->flow, packed) - packed);
	app_put_away(&h->w, &h->flow);
	*heap = h->w.heap.used_bytes;
	app_unpack(&h->w, &h->flow, packed);
	return len;
}

/* Nothing was found out: the first bytes are looked for in the raw window, or written while they are few. */
static void first_words(void **state)
{
	struct harness *h = harness_new(6, 1234, NULL);
	char more[600];
	uint64_t heap;
	size_t both[2];

	(void)state;
	text(h, TO_SERVER, "\x01\x02");
	for (unsigned i = 0; i < 2; i++, h->rests++)
		both[i] = rest(h, &heap);
	assert_int_equal(heap, 0);
	assert_true(both[0] < 40 && both[1] < 40);
	assert_true(both[0] == both[1] + 2 || both[1] == both[0] + 2);
	memset(more, '#', sizeof(more));
	memcpy(more, "\x03\x04", 2);
	harness_tcp(h, TO_SERVER, more, 300);
	h->rests = 0; /* not in the window */
	assert_true(rest(h, &heap) < 60);
	assert_true(heap >= 302 && heap < 400);
	h->rests = 1;
	assert_true(rest(h, &heap) < 60);
	assert_int_equal(heap, 0);
	harness_free(h);
}

static const struct http_state *http_of(const struct harness *h)
{
	assert_int_equal(h->flow.app_proto, APP_http);
	return h->flow.app->state;
}

/* Between two requests nothing of libhtp's is kept; the next one goes on with the same numbers. */
static void http_between_requests(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);
	uint64_t heap;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		text(h, TO_SERVER, REQUEST);
		assert_int_equal(h->flow.app->first->id, i);
		assert_non_null(http_of(h)->connp);
		text(h, TO_CLIENT, RESPONSE);
		assert_int_equal(h->flow.app->live, 0);
		assert_null(http_of(h)->connp);
		assert_int_equal(http_of(h)->transactions, i + 1);
		assert_true(rest(h, &heap) < 80);
		assert_int_equal(heap, 0);
	}
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 3);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

/* Where libhtp knows something that is not said again, it stays. */
static void http_in_the_middle(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);

	(void)state;
	/* two at once, one answered */
	text(h, TO_SERVER, REQUEST REQUEST);
	text(h, TO_CLIENT, RESPONSE);
	assert_non_null(http_of(h)->connp);
	text(h, TO_CLIENT, RESPONSE);
	assert_null(http_of(h)->connp);
	/* a line that is not whole */
	text(h, TO_SERVER, "GET /y HT");
	assert_non_null(http_of(h)->connp);
	text(h, TO_SERVER, "TP/1.1\r\nHost: a.example\r\n\r\n");
	text(h, TO_CLIENT, RESPONSE);
	/* an answer that nobody asked for, and its end */
	text(h, TO_CLIENT, "HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n");
	harness_end(h, TO_CLIENT);
	assert_non_null(http_of(h)->connp);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 4);
	harness_free(h);
	/* behind a request of HTTP/0.9 there is no other */
	h = harness_new(6, 80, NULL);
	text(h, TO_SERVER, "GET /x\r\n");
	text(h, TO_CLIENT, "hello");
	assert_non_null(http_of(h)->connp);
	harness_free(h);
}

/* Without memory to wake the flow is parsed no more, and nothing is left. */
static void no_memory(void **state)
{
	(void)state;
	for (uint64_t room = 0; room < 700; room += 50) {
		struct harness *h = harness_new(6, 80, NULL);
		uint8_t packed[APP_PACKED_MAX];
		bool whole;

		text(h, TO_SERVER, room % 100 ? REQUEST : "GE");
		text(h, TO_CLIENT, room % 100 ? RESPONSE : "H");
		h->rests = 0;
		app_pack(&h->w, &h->flow, packed);
		app_put_away(&h->w, &h->flow);
		h->w.heap.limit_bytes = h->w.heap.used_bytes + room;
		app_unpack(&h->w, &h->flow, packed);
		h->w.heap.limit_bytes = 64u << 20;
		whole = !h->counters.app_memcap;
		assert_int_equal(!(h->flow.flags & FLOW_NO_APP), whole);
		assert_true(whole || room < 400);
		if (!h->flow.app)
			assert_int_equal(h->w.heap.used_bytes, 0);
		text(h, TO_SERVER, REQUEST);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_words),
		cmocka_unit_test(http_between_requests),
		cmocka_unit_test(http_in_the_middle),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

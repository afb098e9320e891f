/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/websocket.c. Frames are those of RFC 6455, 5.7, and of RFC 7692, 7.2.3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static const char ask[] = "GET /chat HTTP/1.1\r\nHost: x.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

static struct harness *upgraded(void)
{
	struct harness *h = harness_new(6, 80, NULL);

	harness_tcp(h, TO_SERVER, ask, sizeof(ask) - 1);
	harness_tcp(h, TO_CLIENT, answer, sizeof(answer) - 1);
	harness_clear(h);
	return h;
}

/* The payload of the message that ends with these bytes. */
static void gives(struct harness *h, enum direction d, const char *hex, const char *want)
{
	size_t n;
	uint8_t *bytes = unhex(hex, &n);

	harness_tcp_open(h, d, bytes, n);
	free(bytes);
	if (want)
		assert_string_equal(harness_text(h, d, "websocket.payload", 0), want);
	harness_done(h);
}

static void messages(void **state)
{
	struct harness *h = upgraded();

	(void)state;
	gives(h, TO_SERVER, "81 85 37fa213d 7f9f4d5158", "Hello");
	assert_int_equal(h->flow.app_proto, APP_websocket);
	assert_non_null(strstr(h->out, "\"websocket\":{\"fin\":true,\"mask\":939139389,\"opcode\":\"text\"}"));
	gives(h, TO_CLIENT, "82 05 48656c6c6f", "Hello");
	harness_free(h);
}

/* A control frame among the frames of a message. */
static void fragments(void **state)
{
	struct harness *h = upgraded();

	(void)state;
	gives(h, TO_CLIENT, "01 03 48656c", NULL);
	gives(h, TO_CLIENT, "89 01 70", "p");
	gives(h, TO_CLIENT, "80 02 6c6f", "Hello");
	assert_int_equal(harness_count(h, "\"event_type\":\"websocket\""), 2);
	harness_free(h);
}

/* The second message refers to the first one; split in bytes. */
static void compressed(void **state)
{
	struct harness *h = upgraded();
	size_t n;
	uint8_t *bytes = unhex("c1 05 f200110000", &n);

	(void)state;
	gives(h, TO_CLIENT, "c1 07 f248cdc9c90700", "Hello");
	for (size_t i = 0; i + 1 < n; i++)
		harness_tcp(h, TO_CLIENT, bytes + i, 1);
	free(bytes);
	gives(h, TO_CLIENT, "00", "Hello");
	gives(h, TO_CLIENT, "41 03 f248cd", NULL);
	gives(h, TO_CLIENT, "80 04 c9c90700", "Hello");
	harness_free(h);
}

static void gaps(void **state)
{
	struct harness *h = upgraded();

	(void)state;
	gives(h, TO_CLIENT, "82 7e 0100 41", NULL);
	harness_gap(h, TO_CLIENT, 255);
	assert_int_equal(harness_count(h, "skip_end_of_payload"), 1);
	gives(h, TO_CLIENT, "82 05 48656c6c6f", "Hello");
	harness_gap(h, TO_CLIENT, 10);
	gives(h, TO_CLIENT, "82 05 48656c6c6f", NULL);
	assert_int_equal(harness_count(h, "\"event_type\":\"websocket\""), 2);
	harness_free(h);
}

/* Without HTTP's word it is not WebSocket. */
static void not_agreed(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);
	static const uint8_t frame[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};

	(void)state;
	harness_tcp(h, TO_SERVER, frame, sizeof(frame));
	assert_int_not_equal(h->flow.app_proto, APP_websocket);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages), cmocka_unit_test(fragments), cmocka_unit_test(compressed),
		cmocka_unit_test(gaps),	    cmocka_unit_test(not_agreed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/telnet.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static const char *const frames[] = {"eve.types.frame.enabled=yes", NULL};

static void session(void **state)
{
	static const uint8_t out[] = "\xff\xfd\x18\xff\xfb\x01login: ", in[] = "\xff\xfa\x18\x00vt\xff\xf0me\r\0ls\r\n";
	struct harness *h = harness_new(6, 2323, frames);

	(void)state;
	harness_tcp(h, TO_CLIENT, out, sizeof(out) - 1);
	assert_int_equal(h->flow.app_proto, APP_telnet);
	harness_tcp_steps(h, TO_SERVER, in, sizeof(in) - 1, 1);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"type\":\"ctl\""), 4);
	assert_int_equal(harness_count(h, "\"type\":\"data\""), 3);
	assert_int_equal(harness_count(h, "\"stream_offset\":6,\"length\":2"), 2); /* also as pdu */
	assert_int_equal(harness_count(h, "\"stream_offset\":8,\"length\":4"), 2);
	harness_free(h);
}

/* From the server a CR that stands alone (RFC 854) ends no line. */
static void a_bare_return(void **state)
{
	static const uint8_t out[] = "\xff\xfd\x18" "login: 10%\r\0" "20%\r\n";
	struct harness *h = harness_new(6, 23, frames);

	(void)state;
	harness_tcp(h, TO_CLIENT, out, sizeof(out) - 1);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"type\":\"data\""), 2);
	harness_free(h);
}

/* What asks is a frame with the lines before it; a control sequence within a line is a part of it. */
static void questions(void **state)
{
	struct harness *h = harness_new(6, 23, frames);

	(void)state;
	harness_tcp_steps(h, TO_CLIENT, "\xff\xfd\x18\r\nhost: a\r\nb\r\n", 17, 1);
	harness_tcp(h, TO_SERVER, "\xff\xfc\x18me\r\n", 7);
	harness_tcp(h, TO_CLIENT, "\xff\xfb\1Pass\xff\xf1: c\r\n$ ", 16);
	harness_tcp(h, TO_SERVER, "secret\r\nl\xff\xf1s\r\n", 14);
	harness_finish(h);
	/* "\r\nhost: ", "a", "b"; "me"; "Pass: ", "c", "$ "; "secret", "ls" */
	assert_int_equal(harness_count(h, "\"type\":\"data\""), 9);
	assert_int_equal(harness_count(h, "\"type\":\"ctl\""), 3);
	assert_int_equal(harness_count(h, "\"stream_offset\":3,\"length\":8"), 2); /* also as pdu */
	assert_int_equal(harness_count(h, "\"stream_offset\":20,\"length\":8"), 2);
	assert_int_equal(harness_count(h, "\"stream_offset\":15,\"length\":6"), 2);
	harness_free(h);
}

static void not_telnet(void **state)
{
	static const char *const texts[] = {"\xff\xd8\xff\xe0", "\xff\xfb\xff", "\xff\xfd\x01\xff\x01\x01", "login: "};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct harness *h = harness_new(6, 23, NULL);

		harness_tcp(h, TO_CLIENT, texts[i], strlen(texts[i]));
		assert_int_not_equal(h->flow.app_proto, APP_telnet);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session),
		cmocka_unit_test(a_bare_return),
		cmocka_unit_test(questions),
		cmocka_unit_test(not_telnet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

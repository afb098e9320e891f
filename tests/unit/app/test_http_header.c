/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/http_body.c, http_log.c: what headers say of files and of who logs on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/http_talk.h"

static void names_and_ranges(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);

	up(h, "GET /dir/x.bin HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 206 Partial\r\nContent-Disposition: attachment; filename=\"a;b.exe\"\r\n"
		"Content-Range: bytes 100-104/2000\r\nContent-Length: 5\r\n\r\nabcde");
	assert_int_equal(harness_count(h, "\"content_range\":{\"raw\":\"bytes 100-104/2000\",\"start\":100,"
					  "\"end\":104,\"size\":2000}"), 2);
	assert_int_equal(harness_count(h, "\"filename\":\"a;b.exe\""), 1);
	assert_int_equal(harness_count(h, "\"size\":5,\"start\":100,\"end\":104"), 1);
	harness_free(h);
}

/* The name that a browser would give the file. */
static void names_as_browsers_have_them(void **state)
{
	static const struct {
		const char *disposition, *name;
	} cases[] = {
		{"attachment; filename=\"x.txt\"; filename*=UTF-8''ev%20il.exe", "ev il.exe"},
		{"attachment; filename*=utf-8'en'%e2%82%ac.iso; filename=\"x.txt\"", "\\u00e2\\u0082\\u00ac.iso"},
		{"attachment; filename*=UTF-8''a.exe", "a.exe"},
		{"inline; FILENAME = \"b.exe\" ", "b.exe"},
		{"attachment; filename*=\"UTF-8''c.exe\"", "c.exe"},
		{"attachment; filename*=; filename=d.exe", "d.exe"},
		{"attachment; filenames=e.exe", "/x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness *h = harness_new(6, 80, NULL);
		char text[256];

		up(h, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Disposition: %s\r\nContent-Length: 2\r\n\r\nab", cases[i].disposition);
		down(h, text);
		snprintf(text, sizeof(text), "\"filename\":\"%s\"", cases[i].name);
		assert_int_equal(harness_count(h, text), 1);
		harness_free(h);
	}
}

/* Who logs on by NTLM, to a server and to a proxy; other messages and other schemes say nothing. */
static void logons(void **state)
{
	static const char type3[] = "TlRMTVNTUAADAAAAAAAAAEgAAAAAAAAASAAAAAgACABIAAAACgAKAFAAAAAGAAYAWgAAAAAAAABgAAAABYKIogoAYUoAAAAPQwBPAFIAUABhAGwAaQBjAGUAVwBTADEA";
	static const char *const schemes[] = {"Authorization: NTLM", "authorization: Negotiate", "Proxy-Authorization: ntlm"};
	char text[512];
	struct harness *h;

	(void)state;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		h = harness_new(6, 80, NULL);
		snprintf(text, sizeof(text), "GET /wsman HTTP/1.1\r\nHost: h\r\n%s %s\r\n\r\n", schemes[i], type3);
		up(h, text);
		down(h, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		assert_int_equal(harness_count(h, "\"ntlmssp\":{\"domain\":\"CORP\",\"user\":\"alice\",\"host\":\"WS1\",\"version\":\"10.0 build 19041 rev 15\"}"), 1);
		harness_free(h);
	}
	h = harness_new(6, 80, NULL);
	up(h, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM TlRMTVNTUAABAAAA\r\n\r\n");
	down(h, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
	up(h, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic dTpw\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 2);
	assert_int_equal(harness_count(h, "ntlmssp"), 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_ranges),
		cmocka_unit_test(names_as_browsers_have_them),
		cmocka_unit_test(logons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/event/block_flow.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>

#include "dataplane/event/block_flow.h"

static const char *through(const char *text)
{
	static char room[BLOCK_FLOW_TEXT_MAX];
	struct block_flow f;

	return block_flow_parse(text, &f) == 0 ? block_flow_format(&f, room) : "not a flow";
}

static void texts(void **state)
{
	assert_string_equal(through("10.0.0.7:4711-203.0.113.5:443/tcp"), "10.0.0.7:4711-203.0.113.5:443/tcp");
	assert_string_equal(through("203.0.113.5:443-10.0.0.7:4711/TCP"), "10.0.0.7:4711-203.0.113.5:443/tcp");
	assert_string_equal(through("10.0.0.7:2-10.0.0.7:1/udp"), "10.0.0.7:1-10.0.0.7:2/udp");
	assert_string_equal(through("[2001:db8::2]:1-[2001:db8::1]:65535/sctp"), "[2001:db8::1]:65535-[2001:db8::2]:1/sctp");
	assert_string_equal(through("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535-"
				    "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.254]:65535/sctp"),
			    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535-[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535/sctp");
}

static void what_is_none(void **state)
{
	static const char *const bad[] = {
		"", "10.0.0.1", "10.0.0.0/8", "10.0.0.1:1-10.0.0.2:2", "10.0.0.1:1-10.0.0.2:2/icmp", "10.0.0.1-10.0.0.2/tcp",
		"10.0.0.1:1-[2001:db8::1]:2/tcp", "10.0.0.1:65536-10.0.0.2:2/tcp", "10.0.0.1:-10.0.0.2:2/tcp",
		"2001:db8::1:1-2001:db8::2:2/tcp", "[10.0.0.1]:1-[10.0.0.2]:2/tcp", "10.0.0.1:1x-10.0.0.2:2/tcp",
		"[2001:db8::1:1-[2001:db8::2]:2/tcp", "/-", "-/tcp", "10.0.0.1:+1-10.0.0.2:2/tcp",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(through(bad[i]), "not a flow");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(what_is_none)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

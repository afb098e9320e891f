/* SPDX-License-Identifier: BSD-3-Clause
 *
 * drivers/port.c: URIs
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "drivers/port.h"

static void targets(void **state)
{
	static const struct {
		const char *uri, *scheme, *target;
	} good[] = {
		{"afxdp:eth1", "afxdp", "eth1"},
		{"pci:0000:3b:00.0", "pci", "0000:3b:00.0"},
		{"pcap:/var/a b.pcap", "pcap", "/var/a b.pcap"},
		{"null:", "null", ""},
		{"ring:x", "ring", "x"},
		{"tap:metsuke0", "tap", "metsuke0"},
		{"memif:/run/m.sock", "memif", "/run/m.sock"},
	};
	char error[PORT_ERROR_BYTES];
	struct port_uri u;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(port_uri_parse(good[i].uri, &u, error), 0);
		assert_string_equal(u.scheme, good[i].scheme);
		assert_string_equal(u.target, good[i].target);
		assert_int_equal(u.option_count, 0);
	}
	assert_int_equal(port_uri_parse("pci:0000:3b:00.0", &u, error), 0);
	assert_string_equal(port_uri_pci(&u), "0000:3b:00.0");
}

/* After commas, or as in a web address, where a comma would part a list. */
static void options(void **state)
{
	static const char *const uris[] = {
		"memif:/run/m.sock,role=server,id=3",
		"memif:/run/m.sock?role=server&id=3",
	};
	char error[PORT_ERROR_BYTES];
	struct port_uri u;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(port_uri_parse(uris[i], &u, error), 0);
		assert_string_equal(u.target, "/run/m.sock");
		assert_string_equal(port_uri_option(&u, "role"), "server");
		assert_string_equal(port_uri_option(&u, "id"), "3");
		assert_null(port_uri_option(&u, "secret"));
		assert_null(port_uri_pci(&u));
	}
}

static void refused(void **state)
{
	static const struct {
		const char *uri, *says;
	} bad[] = {
		{"eth1", "of no known kind"},
		{"", "of no known kind"},
		{":", "of no known kind"},
		{"xdp:eth1", "of no known kind"},
		{"memif:/run/m.sock,rol=server", "has no option \"rol\""},
		{"memif:/run/m.sock,role", "needs a value"},
		{"memif:/run/m.sock,role=", "needs a value"},
		{"memif:/run/m.sock,", "has no option"},
		{"tap:x?id=1", "has no option"},
	};
	char error[PORT_ERROR_BYTES];
	struct port_uri u;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(port_uri_parse(bad[i].uri, &u, error), -EINVAL);
		if (!strstr(error, bad[i].says))
			fail_msg("%s: %s", bad[i].uri, error);
	}
}

static void too_long(void **state)
{
	static char uri[2000];
	char error[PORT_ERROR_BYTES];
	struct port_uri u;

	memset(uri, 'a', sizeof(uri) - 1);
	memcpy(uri, "pcap:", 5);
	assert_int_equal(port_uri_parse(uri, &u, error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets),
		cmocka_unit_test(options),
		cmocka_unit_test(refused),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

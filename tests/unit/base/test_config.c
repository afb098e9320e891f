/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/event/config.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <errno.h>
#include <cmocka.h>

#include "dataplane/event/config.h"
#include "dataplane/event/cores.h"

static void values_and_units(void **state)
{
	struct config *c = config_new();
	char error[256];

	(void)state;
	assert_int_equal(config_set(c, "stream.reassembly.depth", "2m", error, sizeof(error)), 0);
	assert_int_equal(c->stream_depth, 2 << 20);
	assert_int_equal(config_set(c, "stream.reassembly.depth", "1 MiB", error, sizeof(error)), 0);
	assert_int_equal(c->stream_depth, 1 << 20);
	assert_int_equal(config_set(c, "flow.timeouts.udp.new", "2h", error, sizeof(error)), 0);
	assert_int_equal(c->flow_udp_new, 7200);
	assert_int_equal(config_set(c, "rules", "[a.rules, b[1,2].rules]", error, sizeof(error)), 0);
	assert_int_equal(c->rules.count, 2);
	assert_string_equal(c->rules.items[1], "b[1,2].rules");
	assert_string_equal(config_map_get(&c->address_vars, "EXTERNAL_NET"), "!$HOME_NET");
	config_free(c);
}

static void bad_values_are_named(void **state)
{
	struct config *c = config_new();
	char error[256];

	(void)state;
	assert_int_equal(config_set(c, "mode", "tab", error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "mode: \"tab\" is not one of tap inline");
	assert_int_equal(config_set(c, "stream.reassembly.depth", "12q", error, sizeof(error)), -EINVAL);
	assert_int_equal(config_set(c, "workers", "-1", error, sizeof(error)), -EINVAL);
	assert_int_equal(config_set(c, "stream.reassembly.dept", "1", error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "did you mean stream.reassembly.depth?"));
	assert_int_equal(config_set(c, "host_os_policy.beos", "[]", error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "is none of first last"));
	assert_int_equal(config_set(c, "host_os_policy.linux", "[10.0.0.0/8, x]", error, sizeof(error)),
			 -EINVAL);
	assert_string_equal(error, "host_os_policy.linux: \"x\" is no network such as 10.0.0.0/8");
	assert_int_equal(config_set(c, "decoder.vxlan.ports", "4789,70000", error, sizeof(error)),
			 -EINVAL);
	assert_string_equal(error, "decoder.vxlan.ports: \"70000\" is no port from 1 to 65535");
	assert_int_equal(config_append(c, "decoder.vxlan.ports", "abc", error, sizeof(error)), -EINVAL);
	config_free(c);
}

/* What the supervisor writes, the others read: every key. */
static void flat_round_trip(void **state)
{
	struct config *c = config_new(), *back;
	int fd = memfd_create("test", 0);
	char error[256];

	(void)state;
	config_set(c, "ports", "[afxdp:eth1,null:]", error, sizeof(error));
	config_set(c, "app.http.enabled", "no", error, sizeof(error));
	config_set(c, "checksums", "ignore", error, sizeof(error));
	config_set(c, "sensor.name", "edge: 1", error, sizeof(error));
	assert_int_equal(config_write(c, fd), 0);
	back = config_read(fd);
	assert_non_null(back);
	assert_int_equal(back->ports.count, 2);
	assert_string_equal(back->ports.items[0], "afxdp:eth1");
	assert_false(config_map_bool(&back->app, "http.enabled", true));
	assert_int_equal(back->checksums, CHECKSUMS_IGNORE);
	assert_string_equal(back->sensor_name, "edge: 1");
	assert_int_equal(back->port_vars.count, c->port_vars.count);
	assert_int_equal(back->stream_depth, c->stream_depth);
	config_free(c);
	config_free(back);
	close(fd);
}

static void cores(void **state)
{
	static const char *const bad[] = {"a", "3-", "-3", "5-2", "1,,2", "1,", "1,1", "0-64", "1 2",
					  "4000"};
	uint16_t list[CORES_MAX];
	char error[256];
	struct config *c = config_new();

	(void)state;
	assert_int_equal(cores_parse("", list, error, sizeof(error)), 0);
	assert_int_equal(cores_parse("7,2-4", list, error, sizeof(error)), 4);
	assert_int_equal(list[0], 7);
	assert_int_equal(list[3], 4);
	assert_int_equal(config_set(c, "cores", "0-63", error, sizeof(error)), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(config_set(c, "cores", bad[i], error, sizeof(error)), -EINVAL);
		assert_non_null(strstr(error, bad[i]));
	}
	config_free(c);
}

/* Both processes read at the same time from a descriptor they share. */
static void two_readers_do_not_disturb_each_other(void **state)
{
	struct config *c = config_new();
	int fd = memfd_create("test", 0), status = 0;

	(void)state;
	assert_int_equal(config_write(c, fd), 0);
	for (int child = 0; child < 2; child++) {
		if (fork() == 0) {
			for (int i = 0; i < 200; i++) {
				struct config *back = config_read(fd);

				if (!back || back->port_vars.count != c->port_vars.count)
					_exit(1);
				config_free(back);
			}
			_exit(0);
		}
	}
	for (int child = 0; child < 2; child++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	config_free(c);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_units),
		cmocka_unit_test(bad_values_are_named),
		cmocka_unit_test(flat_round_trip),
		cmocka_unit_test(cores),
		cmocka_unit_test(two_readers_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

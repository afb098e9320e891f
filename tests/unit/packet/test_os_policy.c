/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/packet/os_policy.c
 */
#include "dataplane/packet/os_policy.h"

#include "tests/unit/packet/frames.h"

static enum defrag_policy find(const struct os_policies *s, const char *text)
{
	struct addr a;
	int version = addr_parse(text, &a);

	assert_true(version == 4 || version == 6);
	return os_policy_find(s, &a, version);
}

static void longest_network_decides(void **state)
{
	static const char *const settings[] = {
		"host_os_policy.windows=[0.0.0.0/0]",
		"host_os_policy.linux=[10.0.0.0/8, 192.168.1.0/24]",
		"host_os_policy.solaris=10.1.0.0/16",
		"host_os_policy.old-solaris=[10.1.2.3, \"2001:db8::/32\"]",
		"host_os_policy.bsd=[]",
		NULL,
	};
	struct packet_worker *pw = packet_worker_new(settings);
	struct os_policies *s;

	(void)state;
	assert_int_equal(os_policies_new(&pw->w, &s), 0);
	assert_int_equal(find(s, "8.8.8.8"), DEFRAG_WINDOWS);
	assert_int_equal(find(s, "10.2.0.1"), DEFRAG_LINUX);
	assert_int_equal(find(s, "192.168.1.77"), DEFRAG_LINUX);
	assert_int_equal(find(s, "10.1.0.1"), DEFRAG_SOLARIS);
	assert_int_equal(find(s, "10.1.2.3"), DEFRAG_FIRST);
	assert_int_equal(find(s, "2001:db8::5"), DEFRAG_FIRST);
	assert_int_equal(find(s, "2001:db9::5"), DEFRAG_BSD);
	os_policies_free(&pw->w, s);
	packet_worker_free(pw);
}

static void defaults(void **state)
{
	struct packet_worker *pw = packet_worker_new(NULL);
	struct os_policies *s;

	(void)state;
	assert_int_equal(os_policies_new(&pw->w, &s), 0);
	assert_int_equal(find(s, "8.8.8.8"), DEFRAG_WINDOWS);
	assert_int_equal(find(s, "2001:db8::5"), DEFRAG_BSD);
	os_policies_free(&pw->w, s);
	packet_worker_free(pw);
}

/* Each name that the configuration takes is one here. */
static void every_name_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; config_os_policies[i]; i++) {
		struct packet_worker *pw = packet_worker_new(NULL);
		struct os_policies *s = NULL;
		char error[256];

		assert_int_equal(config_set(pw->config, "host_os_policy_default", config_os_policies[i],
					    error, sizeof(error)),
				 0);
		assert_int_equal(os_policies_new(&pw->w, &s), 0);
		os_policies_free(&pw->w, s);
		packet_worker_free(pw);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_network_decides),
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_name_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

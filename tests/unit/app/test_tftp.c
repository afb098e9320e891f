/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/tftp.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static void udp(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_udp_open(h, d, data, len);
	free(data);
}

static void requests(void **state)
{
	struct harness *h = harness_new(17, 6900, NULL);

	(void)state;
	udp(h, TO_SERVER, "0001 612e747874 00 6f63746574 00 74736974 00 30 00"); /* with an option */
	assert_int_equal(h->flow.app_proto, APP_tftp);
	harness_done(h);
	udp(h, TO_SERVER, "0002 62 00 4e45544153434949 00");
	harness_done(h);
	udp(h, TO_CLIENT, "0003 0001 00000000");
	harness_done(h);
	assert_non_null(strstr(h->out, "\"tftp\":{\"packet\":\"read\",\"file\":\"a.txt\",\"mode\":\"octet\"}"));
	assert_non_null(strstr(h->out, "\"packet\":\"write\",\"file\":\"b\",\"mode\":\"NETASCII\""));
	assert_int_equal(harness_count(h, "\"event_type\":\"tftp\""), 2);
	udp(h, TO_SERVER, "0001 00 6f63746574 00");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"tftp\""), 3);
	udp(h, TO_SERVER, "0002 62");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"event\":\"malformed_request\""), 1);
	harness_free(h);
}

static void not_tftp(void **state)
{
	static const char *const texts[] = {"00", "0001", "0001 61 00", "0001 61 00 62 00",
					    "0003 61 00 6f63746574 00"};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct harness *h = harness_new(17, 69, NULL);

		udp(h, TO_SERVER, texts[i]);
		harness_done(h);
		assert_int_not_equal(h->flow.app_proto, APP_tftp);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(not_tftp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

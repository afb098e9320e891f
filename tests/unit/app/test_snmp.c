/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/snmp.c
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

#define GET "302b 020101 0406 7075626c6963 a01e 020101 020100 020100 3013 3011 060d 2b060104019478010203048401 0500"
#define V3(flags, data)                                                                            \
	"303a 020103 300e 020101 0203 00ffe3 0401 " flags " 020103" "0415 3013 0405 8000000001 020100 020100" \
	"0402 6162 0400 0400" data

static void versions(void **state)
{
	struct harness *h = harness_new(17, 16100, NULL);
	uint64_t v = 9;

	(void)state;
	udp(h, TO_SERVER, GET);
	assert_int_equal(h->flow.app_proto, APP_snmp);
	assert_string_equal(harness_text(h, TO_SERVER, "snmp.community", 0), "public");
	assert_true(harness_value(h->flow.app->proto, "snmp.pdu_type")
			    ->get(&h->w, &h->flow, h->flow.app->last, TO_SERVER, &v));
	assert_int_equal(v, 0);
	harness_done(h);
	assert_non_null(strstr(h->out, "\"snmp\":{\"version\":2,\"pdu_type\":\"get_request\","
				       "\"vars\":[\"1.3.6.1.4.1.2680.1.2.3.4.513\"],"
				       "\"community\":\"public\"}"));
	udp(h, TO_CLIENT, V3("03", "0410 00112233445566778899aabbccddeeff"));
	assert_string_equal(harness_text(h, TO_CLIENT, "snmp.usm", 0), "ab");
	harness_done(h);
	assert_non_null(strstr(h->out, "\"snmp\":{\"version\":3,\"pdu_type\":\"encrypted\",\"usm\":\"ab\"}"));
	assert_int_equal(harness_count(h, "\"event\":\"version_mismatch\""), 1);
	harness_free(h);
}

static void traps(void **state)
{
	struct harness *h = harness_new(17, 162, NULL);

	(void)state;
	udp(h, TO_SERVER, "3029 020100 0401 61 a421 0606 2b0601040109 4004 c0000201 020102 020100 430101 3008 3006 06022b06 0500");
	harness_done(h);
	assert_non_null(strstr(h->out, "\"pdu_type\":\"trap_v1\",\"trap_type\":\"link_down\","
				       "\"trap_oid\":\"1.3.6.1.4.1.9\",\"trap_address\":\"192.0.2.1\","
				       "\"vars\":[\"1.3.6\"]"));
	harness_free(h);
}

/* Cut anywhere: never more than an event. */
static void cut_short(void **state)
{
	size_t len;
	uint8_t *data = unhex(GET, &len);

	(void)state;
	for (size_t n = 1; n < len; n++) {
		struct harness *h = harness_new(17, 161, NULL);

		harness_udp(h, TO_SERVER, data, n);
		assert_int_not_equal(h->flow.app_proto, APP_snmp);
		harness_udp(h, TO_SERVER, data, len);
		data[n] ^= 0x40;
		harness_udp(h, TO_SERVER, data, len);
		data[n] ^= 0x40;
		harness_free(h);
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(traps),
		cmocka_unit_test(cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

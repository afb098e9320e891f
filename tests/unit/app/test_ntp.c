/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/ntp.c
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

#define ZERO8 "0000000000000000"
#define CLIENT_4 "230006ec 00000000 00000000 00000000" ZERO8 ZERO8 ZERO8 "e0000000 12345678"
#define SERVER_4 "240206ec 00000010 00000020 4c4f434c" ZERO8 "e0000000 12345678" ZERO8 "e0000001 00000000"

static void messages(void **state)
{
	struct harness *h = harness_new(17, 12300, NULL);
	uint64_t v = 0;

	(void)state;
	udp(h, TO_SERVER, CLIENT_4);
	assert_int_equal(h->flow.app_proto, APP_ntp);
	harness_done(h);
	udp(h, TO_CLIENT, SERVER_4);
	assert_string_equal(harness_text(h, TO_CLIENT, "ntp.reference_id", 0), "LOCL");
	assert_true(harness_value(h->flow.app->proto, "ntp.stratum")
			    ->get(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, &v));
	assert_int_equal(v, 2);
	assert_null(harness_text(h, TO_SERVER, "ntp.reference_id", 0));
	harness_done(h);
	assert_non_null(strstr(h->out, "\"ntp\":{\"version\":4,\"mode\":3,\"stratum\":0,"
				       "\"reference_id\":\"00:00:00:00\"}"));
	assert_non_null(strstr(h->out, "\"mode\":4,\"stratum\":2,\"reference_id\":\"4c:4f:43:4c\""));
	harness_free(h);
}

/* Control messages have no stratum; what is no message is an event. */
static void others(void **state)
{
	struct harness *h = harness_new(17, 123, NULL);

	(void)state;
	udp(h, TO_SERVER, "1600012a 00000000"); /* too short */
	assert_int_not_equal(h->flow.app_proto, APP_ntp);
	udp(h, TO_SERVER, "1e020001 00000000 00000000");
	harness_done(h);
	assert_non_null(strstr(h->out, "\"ntp\":{\"version\":3,\"mode\":6,\"response\":false,\"opcode\":2}"));
	udp(h, TO_CLIENT, "d700032a 00010004 01020304"); /* the recent clients, amplified */
	harness_done(h);
	assert_non_null(strstr(h->out, "\"ntp\":{\"version\":2,\"mode\":7,\"response\":true,\"request_code\":42}"));
	udp(h, TO_SERVER, "16020001 00000000 0000ffff");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"event\":\"malformed_data\""), 1);
	harness_free(h);
}

/* Off its port only what can be nothing else. */
static void not_ntp(void **state)
{
	static const char *const texts[] = {
		"23", "16020001 00000000 00000000", "1700032a 00000000", "230106ec 00000000 00000000 00000000" ZERO8 ZERO8 ZERO8 ZERO8,
		"2b0006ec 00000000 00000000 00000000" ZERO8 ZERO8 ZERO8 "e0000000 12345678", CLIENT_4 "00",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct harness *h = harness_new(17, 5000, NULL);

		udp(h, TO_SERVER, texts[i]);
		harness_done(h);
		assert_int_not_equal(h->flow.app_proto, APP_ntp);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(others),
		cmocka_unit_test(not_ntp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

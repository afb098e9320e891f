/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/pgsql*.c
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

#define SSL_REQUEST "00000008 04d2162f"
/* user=u, database=d, DateStyle=ISO */
#define STARTUP "00000029 00030000 7573657200 7500 646174616261736500 6400 446174655374796c6500 49534f00 00"
#define MD5_WANTED "52 0000000c 00000005 01020304"
#define PASSWORD "70 00000007 707700"
#define LOGGED_ON "52 00000008 00000000 53 0000000c 54696d655a00 3100 4b 0000000c 00000007 00000009 5a 00000005 49"
#define QUERY "51 0000000d 53454c4543542031 00"
#define ROWS "54 00000006 0001 44 0000000b 0001 00000001 31 44 0000000a 0001 ffffffff 43 0000000d 53454c454354203200 5a 00000005 49"

static void send(struct harness *h, enum direction d, const char *hex)
{
	size_t n;
	uint8_t *bytes = unhex(hex, &n);

	harness_tcp(h, d, bytes, n);
	free(bytes);
}

static struct harness *connected(void)
{
	struct harness *h = harness_new(6, 5432, NULL);

	send(h, TO_SERVER, STARTUP);
	send(h, TO_CLIENT, LOGGED_ON);
	harness_clear(h);
	return h;
}

/* Version 3.2, and its longer key; what GSS hides is no messages. */
static void newer(void **state)
{
	struct harness *h = harness_new(6, 15432, NULL);

	(void)state;
	send(h, TO_SERVER, "00000010 00030002 75736572 00750000");
	assert_int_equal(h->flow.app_proto, APP_pgsql);
	send(h, TO_CLIENT, "76 0000000c 00030000 00000000" "52 00000008 00000000 4b 00000018 00000007 000102030405060708090a0b0c0d0e0f 5a 00000005 49");
	assert_int_equal(harness_count(h, "\"protocol_version\":\"3.2\""), 1);
	assert_int_equal(harness_count(h, "malformed"), 0);
	harness_reset(h, 15432);
	send(h, TO_SERVER, "0000001c 04d2162e 00000007 000102030405060708090a0b0c0d0e0f");
	assert_int_equal(h->flow.app_proto, APP_pgsql);
	harness_reset(h, 15432);
	harness_clear(h);
	send(h, TO_SERVER, "00000008 04d21630");
	send(h, TO_CLIENT, "47");
	send(h, TO_SERVER, "00000010 60820000 00010203 04050607");
	send(h, TO_CLIENT, "00000010 60820000 00010203 04050607");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"pgsql\""), 1);
	assert_int_equal(harness_count(h, "malformed"), 0);
	harness_free(h);
}

static void logs_on(void **state)
{
	struct harness *h = harness_new(6, 15432, NULL);
	size_t n;
	uint8_t *bytes;

	(void)state;
	send(h, TO_SERVER, SSL_REQUEST);
	assert_int_equal(h->flow.app_proto, APP_pgsql);
	send(h, TO_CLIENT, "4e");
	send(h, TO_SERVER, STARTUP);
	send(h, TO_CLIENT, MD5_WANTED);
	assert_non_null(strstr(h->out, "\"request\":{\"message\":\"SSL Request\"},\"response\":"
				       "{\"ssl_accepted\":false}"));
	assert_non_null(strstr(h->out, "\"protocol_version\":\"3.0\",\"startup_parameters\":{\"user\":\"u\","
				       "\"optional_parameters\":[{\"database\":\"d\"},{\"date_style\":\"ISO\"}]}"));
	send(h, TO_SERVER, PASSWORD);
	bytes = unhex(LOGGED_ON, &n);
	harness_tcp_steps(h, TO_CLIENT, bytes, n, 1);
	free(bytes);
	assert_non_null(strstr(h->out, "\"request\":{\"password_redacted\":true},\"response\":"
				       "{\"message\":\"authentication_ok\",\"parameter_status\":[{\"TimeZ\":\"1\"}],"
				       "\"process_id\":7,\"secret_key\":9}"));
	harness_free(h);
}

static void queries(void **state)
{
	struct harness *h = connected();
	size_t n;
	uint8_t *bytes = unhex(QUERY, &n);

	(void)state;
	harness_tcp_open(h, TO_SERVER, bytes, n);
	free(bytes);
	assert_string_equal(harness_text(h, TO_SERVER, "pgsql.query", 0), "SELECT 1");
	harness_done(h);
	send(h, TO_CLIENT, ROWS);
	assert_non_null(strstr(h->out, "\"tx_id\":2,\"request\":{\"simple_query\":\"SELECT 1\"},\"response\":"
				       "{\"field_count\":1,\"data_rows\":2,\"data_size\":1,"
				       "\"command_completed\":\"SELECT 2\"}"));
	harness_free(h);
}

static void extended(void **state)
{
	struct harness *h = connected();

	(void)state;
	send(h, TO_SERVER, "50 0000000c 00 44454c0000 0000 42 00000004 45 00000004");
	assert_int_equal(harness_count(h, "pgsql"), 0);
	send(h, TO_SERVER, "53 00000004");
	send(h, TO_CLIENT, "31 00000004 32 00000004 43 00000006 5800 5a 00000005 49");
	assert_int_equal(harness_count(h, "\"request\":{\"query\":\"DEL\"}"), 1);
	harness_free(h);
}

static void copies(void **state)
{
	struct harness *h = connected();

	(void)state;
	send(h, TO_SERVER, QUERY);
	send(h, TO_CLIENT, "47 0000000b 00 0002 0000 0000");
	assert_non_null(strstr(h->out, "\"copy_in_response\":{\"columns\":2}"));
	send(h, TO_SERVER, "64 00000007 616263 64 00000006 6162");
	send(h, TO_SERVER, "63 00000004");
	send(h, TO_CLIENT, "43 0000000b 434f5059203200 5a 00000005 49");
	assert_non_null(strstr(h->out, "\"copy_data_in\":{\"msg_count\":2,\"data_size\":5},\"message\":\"copy_done\""));
	harness_free(h);
}

static void errors(void **state)
{
	struct harness *h = connected();

	(void)state;
	send(h, TO_CLIENT, "41 0000000c 00000007 6300 7000"); /* before any request */
	send(h, TO_SERVER, QUERY);
	send(h, TO_CLIENT, "45 0000000f 434200 4d6e6f00 4c3100 00 5a 00000005 49");
	assert_non_null(strstr(h->out, "\"code\":\"B\",\"message\":\"no\",\"line\":\"1\""));
	assert_non_null(strstr(h->out, "\"pid\":7,\"channel_name\":\"c\",\"payload\":\"p\""));
	assert_int_equal(harness_count(h, "\"event_type\":\"pgsql\""), 1);
	send(h, TO_SERVER, "21 00000004");
	assert_int_equal(harness_count(h, "malformed_request"), 1);
	harness_free(h);
}

static void gaps(void **state)
{
	struct harness *h = connected();

	(void)state;
	send(h, TO_SERVER, "51 00000010 5345");
	harness_gap(h, TO_SERVER, 10);
	send(h, TO_SERVER, QUERY);
	send(h, TO_CLIENT, ROWS);
	assert_int_equal(harness_count(h, "SELECT 1"), 1);
	harness_gap(h, TO_SERVER, 1000);
	send(h, TO_SERVER, "000102030405");
	send(h, TO_SERVER, QUERY);
	send(h, TO_CLIENT, ROWS);
	assert_int_equal(harness_count(h, "SELECT 1"), 2);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void to_tls(void **state)
{
	struct harness *h = harness_new(6, 5432, NULL);

	(void)state;
	send(h, TO_SERVER, SSL_REQUEST);
	send(h, TO_CLIENT, "53");
	assert_int_equal(h->flow.app->proto_expected, APP_tls);
	assert_null(h->flow.app->proto);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_on), cmocka_unit_test(newer), cmocka_unit_test(queries), cmocka_unit_test(extended),
		cmocka_unit_test(copies),  cmocka_unit_test(errors),  cmocka_unit_test(gaps),
		cmocka_unit_test(to_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

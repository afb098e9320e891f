/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/ldap*.c, ber.h
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

#define BIND "300c020101600702010304 00 8000"
#define BIND_OK "300c02010161070a010004000400"
/* base "dc=x", whole subtree, filter objectClass present, attributes "cn", "*" */
#define SEARCH "3030020102 632b 040464633d78 0a0102 0a0100 020100 020100 010100 870b6f626a656374436c617373 3007 0402636e 04012a"
#define ENTRY "301c020102 6417 040464633d78 300f 300d 0402636e 3107 0402 6162 0401 63"
#define DONE "300e020102 6509 0a0104 0400 0402 6d73"
#define START_TLS "301d020103 7718 8016 312e332e362e312e342e312e313436362e3230303337"
#define START_TLS_OK "300c020103 7807 0a0100 0400 0400"

static void send(struct harness *h, enum direction d, const char *hex)
{
	size_t n;
	uint8_t *bytes = unhex(hex, &n);

	harness_tcp(h, d, bytes, n);
	free(bytes);
}

static void searches(void **state)
{
	struct harness *h = harness_new(6, 3389, NULL);
	size_t n;
	uint8_t *bytes = unhex(BIND SEARCH, &n);

	(void)state;
	harness_tcp_steps(h, TO_SERVER, bytes, n, 1);
	free(bytes);
	assert_int_equal(h->flow.app_proto, APP_ldap);
	send(h, TO_CLIENT, BIND_OK ENTRY);
	assert_int_equal(harness_count(h, "\"event_type\":\"ldap\""), 1);
	harness_clear(h);
	send(h, TO_CLIENT, DONE);
	assert_non_null(strstr(h->out, "\"request\":{\"message_id\":2,\"operation\":\"search_request\","
				       "\"search_request\":{\"base_object\":\"dc=x\",\"scope\":2,"));
	assert_non_null(strstr(h->out, "\"filter\":{\"type\":\"present\",\"value\":\"objectClass\"},"
				       "\"attributes\":[\"cn\",\"*\"]}}"));
	assert_non_null(strstr(h->out, "\"responses\":[{\"operation\":\"search_result_entry\","
				       "\"search_result_entry\":{\"base_object\":\"dc=x\",\"attributes\":"
				       "[{\"type\":\"cn\",\"values\":[\"ab\",\"c\"]}]}},"));
	assert_non_null(strstr(h->out, "\"result_code\":\"size_limit_exceeded\",\"matched_dn\":\"\","
				       "\"message\":\"ms\""));
	harness_free(h);
}

static void buffers(void **state)
{
	struct harness *h = harness_new(6, 389, NULL);
	size_t n;
	uint8_t *bytes = unhex(SEARCH, &n);
	uint64_t v;

	(void)state;
	harness_tcp(h, TO_SERVER, bytes, n);
	free(bytes);
	bytes = unhex(ENTRY DONE, &n);
	harness_tcp_open(h, TO_CLIENT, bytes, n);
	free(bytes);
	assert_string_equal(harness_text(h, TO_SERVER, "ldap.request.dn", 0), "dc=x");
	assert_string_equal(harness_text(h, TO_SERVER, "ldap.request.attribute_type", 1), "*");
	assert_null(harness_text(h, TO_SERVER, "ldap.request.attribute_type", 2));
	assert_string_equal(harness_text(h, TO_CLIENT, "ldap.responses.attribute_type", 0), "cn");
	assert_string_equal(harness_text(h, TO_CLIENT, "ldap.responses.message", 0), "ms");
	assert_true(harness_value(app_protos[APP_ldap], "ldap.responses.operation")
			    ->get_multi(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, 1, &v));
	assert_int_equal(v, 5);
	harness_done(h);
	harness_free(h);
}

static void over_udp(void **state)
{
	struct harness *h = harness_new(17, 389, NULL);
	size_t n;
	uint8_t *bytes = unhex(SEARCH, &n);

	(void)state;
	harness_udp(h, TO_SERVER, bytes, n);
	free(bytes);
	bytes = unhex(ENTRY DONE, &n);
	harness_udp(h, TO_CLIENT, bytes, n);
	assert_int_equal(harness_count(h, "\"search_result_done\":{"), 1);
	harness_udp(h, TO_CLIENT, bytes, n - 3);
	assert_int_equal(harness_count(h, "incomplete_data"), 1);
	free(bytes);
	harness_free(h);
}

static void changes_to_tls(void **state)
{
	struct harness *h = harness_new(6, 389, NULL);

	(void)state;
	send(h, TO_SERVER, START_TLS);
	send(h, TO_CLIENT, START_TLS_OK);
	assert_int_equal(h->flow.app->proto_expected, APP_tls);
	assert_null(h->flow.app->proto);
	harness_free(h);
}

static void bad_input(void **state)
{
	struct harness *h = harness_new(6, 389, NULL);

	(void)state;
	send(h, TO_SERVER, BIND);
	send(h, TO_CLIENT, "300c02010961070a010004000400");
	assert_int_equal(harness_count(h, "request_not_found"), 1);
	harness_gap(h, TO_SERVER, 100);
	send(h, TO_SERVER, "ffff");
	send(h, TO_SERVER, SEARCH);
	send(h, TO_CLIENT, DONE);
	assert_int_equal(harness_count(h, "\"search_request\":{"), 1);
	send(h, TO_SERVER, "3003 020101");
	assert_int_equal(harness_count(h, "invalid_data"), 1);
	harness_free(h);
}

static void not_ldap(void **state)
{
	/* SNMP, a certificate, Kerberos */
	static const char *const other[] = {"302602010104067075626c6963a019", "308203", "6a81a130819ea103"};
	struct harness *h = harness_new(17, 389, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		size_t n;
		uint8_t *bytes = unhex(other[i], &n);

		harness_udp(h, TO_SERVER, bytes, n);
		assert_int_not_equal(h->flow.app_proto, APP_ldap);
		free(bytes);
		harness_reset(h, 389);
	}
	harness_free(h);
}

/* NTLM within SASL. */
static void logon(void **state)
{
	struct harness *h = harness_new(6, 389, NULL);

	(void)state;
	send(h, TO_SERVER, "307a 020101 6075 020103 0400 a36e 040a 4753532d53504e45474f 0460"
			   "4e544c4d53535000030000000000000048000000000000004800000008000800480000000a000a0050000000060006005a0000000000000060000000"
			   "058288a20a00614a0000000f43004f005200500061006c00690063006500570053003100");
	send(h, TO_CLIENT, "300c 020101 61070a010004000400");
	assert_int_equal(harness_count(h, "\"ntlmssp\":{\"domain\":\"CORP\",\"user\":\"alice\",\"host\":\"WS1\",\"version\":\"10.0 build 19041 rev 15\"}"), 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(searches), cmocka_unit_test(buffers),	cmocka_unit_test(over_udp),
		cmocka_unit_test(changes_to_tls), cmocka_unit_test(bad_input), cmocka_unit_test(not_ldap),
		cmocka_unit_test(logon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/rdp*.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static void send(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_tcp(h, d, data, len);
	free(data);
}

/* "Cookie: mstshash=joe", TLS or CredSSP asked for; TLS chosen. On any port, byte by byte. */
#define REQUEST "0300002a 25e00000000000 436f6f6b69653a206d737473686173683d6a6f650d0a 01000800 03000000"

static void negotiation(void **state)
{
	struct harness *h = harness_new(6, 2000, (const char *const[]){"app_ports=no", NULL});
	size_t len;
	uint8_t *data = unhex(REQUEST, &len);

	(void)state;
	data[3] = (uint8_t)len;
	data[4] = (uint8_t)(len - 5);
	harness_tcp_steps(h, TO_SERVER, data, len, 1);
	free(data);
	assert_int_equal(h->flow.app_proto, APP_rdp);
	assert_non_null(strstr(h->out, "\"rdp\":{\"tx_id\":0,\"event_type\":\"initial_request\",\"cookie\":\"joe\"}"));
	send(h, TO_CLIENT, "03000013 0ed00000123400 02090800 01000000");
	assert_non_null(strstr(h->out, "\"event_type\":\"initial_response\",\"server_supports\":[\"extended_client_data\","
				       "\"restricted_admin\"],\"protocol\":\"ssl\"}"));
	/* A certificate that is none has no serial number. */
	send(h, TO_SERVER, "1603010005 0100000100");
	send(h, TO_CLIENT, "1603010006 020000010b 0b");
	send(h, TO_CLIENT, "160301000a 000007 000004 000001 30");
	assert_non_null(strstr(h->out, "\"event_type\":\"tls_handshake\",\"x509_serials\":[]}"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void refused(void **state)
{
	struct harness *h = harness_new(6, 3389, NULL);

	(void)state;
	send(h, TO_SERVER, "0300000b 06e00000000000");
	send(h, TO_CLIENT, "03000013 0ed00000123400 03000800 05000000 03000003 0ed00000123400");
	assert_non_null(strstr(h->out, "\"error_code\":5,\"reason\":\"hybrid required by server\""));
	assert_int_equal(harness_count(h, "malformed_data"), 1);
	harness_free(h);
}

/* Client core data up to the capabilities (2.2.1.3.2), then two channels. Offsets are the document's. */
static size_t connect_initial(uint8_t *out)
{
	static const uint8_t before[] = {3,    0,    0,	   0,	 2,    0xf0, 0x80, 0x7f, 0x65, 0x82, 0,	   0,	 4,    1,    1,
					 4,    1,    1,	   1,	 1,    0xff, 0x30, 1,	 2,    0x30, 1,	   2,	 0x30, 1,    2,
					 4,    0x82, 0,	   0,	 0,    5,    0,	   0x14, 0x7c, 0,    1,	   'D',	 'u',  'c',  'a',
					 0x80, 0};
	static const uint8_t channels[] = {3, 0xc0, 32, 0, 2, 0, 0, 0, 'r', 'd', 'p', 'd', 'r', 0, 0, 0, 0, 0, 0, 0,
					   'c', 'l', 'i', 'p', 'r', 'd', 'r', 0, 0, 0, 0, 0};
	uint8_t core[146] = {1, 0xc0, 146, 0, 4, 0, 8, 0, 0, 4, 0, 3, 1, 0xca, 3, 0xaa, 9, 4, 0, 0, 0x28, 0x0a, 0, 0,
			     'P', 0, 'C', 0, '1', 0};
	size_t len = sizeof(before) + sizeof(core) + sizeof(channels);

	core[56] = 4;    /* keyboard */
	core[64] = 12;   /* function keys */
	core[132] = 1;   /* later depth: 0xca01 */
	core[133] = 0xca;
	core[134] = 1;   /* product */
	core[140] = 16;  /* high depth */
	core[144] = 1;   /* capabilities */
	memcpy(out, before, sizeof(before));
	memcpy(out + sizeof(before), core, sizeof(core));
	memcpy(out + sizeof(before) + sizeof(core), channels, sizeof(channels));
	out[2] = (uint8_t)(len >> 8);
	out[3] = (uint8_t)len;
	out[32] = (uint8_t)((len - 34) >> 8); /* user data */
	out[33] = (uint8_t)(len - 34);
	return len;
}

static void connects(void **state)
{
	struct harness *h = harness_new(6, 3389, NULL);
	uint8_t data[512];
	size_t len = connect_initial(data);

	(void)state;
	send(h, TO_SERVER, "0300000b 06e00000000000");
	harness_tcp_steps(h, TO_SERVER, data, len, 50);
	assert_non_null(strstr(h->out, "\"event_type\":\"connect_request\",\"client\":{\"version\":\"v5\",\"desktop_width\":1024,"
				       "\"desktop_height\":768,\"color_depth\":16,\"keyboard_layout\":\"en-US\","
				       "\"build\":\"Windows XP\",\"client_name\":\"PC1\",\"keyboard_type\":\"enhanced\","
				       "\"function_keys\":12,\"product_id\":1,\"capabilities\":[\"support_errinfo_pdf\"]},"
				       "\"channels\":[\"rdpdr\",\"cliprdr\"]}"));
	send(h, TO_CLIENT, "0300000e 02f080 7f660300 000000");
	assert_non_null(strstr(h->out, "\"event_type\":\"connect_response\""));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

/* X.224 has other users; those have parameters. */
static void others(void **state)
{
	struct harness *h = harness_new(6, 102, NULL);

	(void)state;
	send(h, TO_SERVER, "03000016 11e00000000100 c1020100 c2020102 c0010a");
	assert_int_not_equal(h->flow.app_proto, APP_rdp);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(negotiation),
		cmocka_unit_test(refused),
		cmocka_unit_test(connects),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/enip*.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/enip.h"
#include "tests/unit/app/harness.h"

/* Header and data: command, session and status as given, context and options zero. */
static size_t message(uint8_t *out, unsigned command, uint32_t session, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	memset(out, 0, ENIP_HEADER_BYTES);
	out[0] = (uint8_t)command;
	out[2] = (uint8_t)len;
	out[3] = (uint8_t)(len >> 8);
	out[4] = (uint8_t)session;
	memcpy(out + ENIP_HEADER_BYTES, data, len);
	free(data);
	return ENIP_HEADER_BYTES + len;
}

static void send(struct harness *h, enum direction d, unsigned command, uint32_t session, const char *hex)
{
	uint8_t data[1024];
	size_t len = message(data, command, session, hex);

	if (h->flow.ip_proto == 17)
		harness_udp(h, d, data, len);
	else
		harness_tcp(h, d, data, len);
}

#define CONNECTED(sequence, cip_len, cip) "00000000 0100 0200 a100 0400 11223344 b100 " cip_len sequence cip

static void sessions(void **state)
{
	struct harness *h = harness_new(6, 2000, NULL);

	(void)state;
	send(h, TO_SERVER, ENIP_REGISTER_SESSION, 0, "0100 0000");
	assert_int_equal(h->flow.app_proto, APP_enip);
	send(h, TO_CLIENT, ENIP_REGISTER_SESSION, 7, "0100 0000");
	assert_non_null(strstr(h->out, "\"enip\":{\"request\":{\"command\":\"register_session\",\"status\":\"success\","
				       "\"register_session\":{\"protocol_version\":1,\"options\":0}},\"response\":{"));
	harness_clear(h);
	/* Get Attribute List of class 0x8b, instance 1: attribute 6; its answer is told by the sequence. */
	send(h, TO_SERVER, ENIP_SEND_UNIT_DATA, 7, CONNECTED("0500", "0c00", "03 02 208b 2401 0100 0600"));
	send(h, TO_SERVER, ENIP_SEND_UNIT_DATA, 7, CONNECTED("0600", "0800", "4c 02 2067 2401"));
	send(h, TO_CLIENT, ENIP_SEND_UNIT_DATA, 7, CONNECTED("0600", "0800", "cc 00 01 01 0001"));
	assert_int_equal(harness_count(h, "\"event_type\":\"enip\""), 2);
	assert_non_null(strstr(h->out, "\"cip\":{\"service\":\"Get Attribute List\",\"path\":[{\"segment_type\":\"class\","
				       "\"value\":139},{\"segment_type\":\"instance\",\"value\":1}],"
				       "\"class_name\":\"unknown-139\"}"));
	assert_non_null(strstr(h->out, "\"cip\":{\"service\":\"Read Data\",\"status\":\"Connection Failure\","
				       "\"status_extended\":\"0001\",\"status_extended_meaning\":"
				       "\"Connection in use or duplicate Forward Open\"}"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void packed(void **state)
{
	struct harness *h = harness_new(6, 44818, NULL);
	const struct proto *proto = app_protos[APP_enip];
	uint8_t data[256];
	size_t len = message(data, ENIP_SEND_RR_DATA, 7,
			     "00000000 0000 0200 0000 0000 b200 1e00 0a 02 2002 2401"
			     "0200 0600 1000 03 02 208b 2401 0100 0600 01 03 2101 4200 3005");
	uint64_t v;

	(void)state;
	harness_tcp_open(h, TO_SERVER, data, len);
	assert_true(harness_value(proto, "enip.cip_class")->get_multi(&h->w, &h->flow, h->flow.app->last, TO_SERVER, 1, &v));
	assert_int_equal(v, 0x8b);
	assert_true(harness_value(proto, "enip.cip_attribute")->get_multi(&h->w, &h->flow, h->flow.app->last, TO_SERVER, 0, &v));
	assert_int_equal(v, 6);
	harness_done(h);
	harness_finish(h);
	assert_non_null(strstr(h->out, "\"class_name\":\"Message Router\",\"multiple\":[{\"service\":\"Get Attribute List\""));
	harness_free(h);
}

static void identity(void **state)
{
	struct harness *h = harness_new(17, 44818, NULL);
	const struct proto *proto = app_protos[APP_enip];
	uint8_t data[256];
	size_t len = message(data, ENIP_LIST_IDENTITY, 0,
			     "0100 0c00 2500 0100 0002af12c0000201 0000000000000000 0100 0c00 3a00 0403 3000 78563412 03 414243 ff");
	uint64_t v;

	(void)state;
	send(h, TO_SERVER, ENIP_LIST_IDENTITY, 0, "");
	harness_udp_open(h, TO_CLIENT, data, len);
	assert_string_equal(harness_text(h, TO_CLIENT, "enip.product_name", 0), "ABC");
	assert_true(harness_value(proto, "enip.revision")->get(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, &v));
	assert_int_equal(v, 4 << 8 | 3);
	assert_true(harness_value(proto, "enip.state")->get(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, &v));
	assert_int_equal(v, 255);
	harness_done(h);
	assert_non_null(strstr(h->out, "\"identity\":{\"protocol_version\":1,\"vendor_id\":\"Rockwell Automation/Allen-Bradley\","
				       "\"device_type\":\"Communications Adapter\",\"product_code\":58,\"revision\":\"4.3\","
				       "\"status\":48,\"serial\":305419896,\"product_name\":\"ABC\",\"state\":255}"));
	harness_clear(h);
	send(h, TO_SERVER, ENIP_LIST_SERVICES, 0, "");
	send(h, TO_CLIENT, ENIP_LIST_SERVICES, 0, "0100 0001 1400 0100 2001 436f6d6d756e69636174696f6e730000");
	assert_non_null(strstr(h->out, "\"capabilities\":288,\"service_name\":\"Communications"));
	harness_free(h);
}

/* Steps of a byte, a message longer than what is kept, missing bytes. */
static void loss(void **state)
{
	struct harness *h = harness_new(6, 44818, NULL);
	uint8_t data[ENIP_HEADER_BYTES + 20000] = {ENIP_SEND_RR_DATA, 0, 20000 & 0xff, 20000 >> 8, 7};
	size_t len;

	(void)state;
	len = message(data + 100, ENIP_REGISTER_SESSION, 0, "0100 0000");
	harness_tcp_steps(h, TO_SERVER, data + 100, len, 1);
	memset(data + ENIP_HEADER_BYTES, 0, sizeof(data) - ENIP_HEADER_BYTES);
	harness_tcp_steps(h, TO_SERVER, data, sizeof(data), 1400);
	harness_gap(h, TO_SERVER, 100);
	harness_tcp(h, TO_SERVER, "the rest of what was lost there", 30);
	send(h, TO_SERVER, ENIP_LIST_SERVICES, 7, "");
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"enip\""), 3);
	harness_free(h);
}

static void malformed(void **state)
{
	struct harness *h = harness_new(6, 44818, NULL);

	(void)state;
	send(h, TO_SERVER, ENIP_SEND_RR_DATA, 7, "00000000 0000 0100 b200 0900 0e");
	assert_int_equal(harness_count(h, "invalid_pdu"), 1);
	send(h, TO_SERVER, ENIP_SEND_RR_DATA, 7, "00000000 0000 0100 b200 0400 0e 01 e002"); /* no segment at all */
	assert_int_equal(harness_count(h, "invalid_pdu"), 2);
	harness_free(h);
	h = harness_new(17, 44818, NULL);
	send(h, TO_SERVER, ENIP_LIST_IDENTITY, 0, "");
	for (size_t n = 1; n < ENIP_HEADER_BYTES; n++)
		harness_udp(h, TO_SERVER, "c\0and not enough for a header", n);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"enip\""), 1);
	harness_free(h);
	h = harness_new(6, 2000, NULL);
	send(h, TO_SERVER, ENIP_NOP, 0, ""); /* zeros are no reason */
	assert_int_not_equal(h->flow.app_proto, APP_enip);
	harness_free(h);
}

static void flood(void **state)
{
	struct harness *h = harness_new(6, 44818, NULL);

	(void)state;
	for (unsigned i = 0; i < 2 * ENIP_TRANSACTIONS_MAX; i++)
		send(h, TO_SERVER, ENIP_LIST_SERVICES, 7, "");
	assert_true(harness_count(h, "too_many_transactions") > 0);
	assert_true(h->flow.app->live <= ENIP_TRANSACTIONS_MAX);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions), cmocka_unit_test(packed),	 cmocka_unit_test(identity),
		cmocka_unit_test(loss),	    cmocka_unit_test(malformed), cmocka_unit_test(flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

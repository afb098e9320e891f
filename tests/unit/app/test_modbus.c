/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/modbus*.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/modbus.h"
#include "tests/unit/app/harness.h"

static void send(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_tcp(h, d, data, len);
	free(data);
}

static void reads_and_writes(void **state)
{
	struct harness *h = harness_new(6, 1502, NULL);

	(void)state;
	send(h, TO_SERVER, "0001 0000 0006 0a 01 0000 0009");
	assert_int_equal(h->flow.app_proto, APP_modbus);
	send(h, TO_CLIENT, "0001 0000 0005 0a 01 02 4142");
	assert_non_null(strstr(h->out,
			       "\"modbus\":{\"id\":1,\"request\":{\"transaction_id\":1,\"protocol_id\":0,"
			       "\"unit_id\":10,\"function_raw\":1,\"function_code\":\"RdCoils\","
			       "\"access_type\":\"READ | COILS\",\"category\":\"PUBLIC_ASSIGNED\","
			       "\"error_flags\":\"NONE\",\"read\":{\"address\":0,\"quantity\":9}},"));
	assert_non_null(strstr(h->out, "\"read\":{\"data\":\"AB\"}}}"));
	harness_clear(h);
	send(h, TO_SERVER, "0002 0000 0006 0a 05 0010 ff00 0003 0000 0009 0a 10 0001 0001 02 6364");
	send(h, TO_CLIENT, "0003 0000 0006 0a 10 0001 0001 0002 0000 0006 0a 05 0010 ff00");
	assert_int_equal(harness_count(h, "\"event_type\":\"modbus\""), 2);
	assert_non_null(strstr(h->out, "\"access_type\":\"WRITE | COILS | SINGLE | WRITE_SINGLE\""));
	assert_non_null(strstr(h->out, "\"write\":{\"address\":1,\"quantity\":1,\"data\":\"cd\"}"));
	assert_non_null(strstr(h->out, "\"write\":{\"address\":1,\"data\":1}"));
	assert_int_equal(harness_count(h, "\"anomaly\""), 0);
	harness_free(h);
}

static void other_functions(void **state)
{
	struct harness *h = harness_new(6, 502, NULL);

	(void)state;
	send(h, TO_SERVER, "0001 0000 0006 01 08 0004 0000");
	send(h, TO_CLIENT, "0001 0000 0003 01 88 01");
	assert_non_null(strstr(h->out, "\"diagnostic\":{\"raw\":4,\"code\":\"ForceListenOnlyMode\","));
	assert_non_null(strstr(h->out, "\"exception\":{\"raw\":1,\"code\":\"IllegalFunction\"}"));
	harness_clear(h);
	send(h, TO_SERVER, "0002 0000 0005 01 2b 0e 01 00 0003 0000 0008 01 16 0001 00f2 0025");
	send(h, TO_CLIENT, "0002 0000 0004 01 2b 0e 01 0003 0000 0008 01 16 0001 00f2 0025");
	assert_non_null(strstr(h->out, "\"mei\":{\"raw\":14,\"code\":\"RdDevId\","));
	assert_non_null(strstr(h->out, "\"write\":{\"address\":1,\"and_mask\":242,\"or_mask\":37}"));
	harness_clear(h);
	send(h, TO_SERVER, "0004 0000 0011 01 17 0003 0002 000e 0003 06 616263646566");
	send(h, TO_SERVER, "0004 0000 000d 01 17 0003 0002 000e 0003 02 6162 0005 0000 0002 01 64");
	assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 1); /* three registers have six bytes */
	harness_finish(h);
	assert_non_null(strstr(h->out, "\"category\":\"USER_DEFINED\""));
	assert_non_null(strstr(h->out, "\"access_type\":\"READ | WRITE | HOLDING | MULTIPLE | WRITE_MULTIPLE\""));
	harness_free(h);
}

static void events(void **state)
{
	struct harness *h = harness_new(6, 502, NULL);

	(void)state;
	send(h, TO_SERVER, "0001 0000 0006 01 03 0000 0000"); /* nothing is asked for */
	assert_int_equal(harness_count(h, "invalid_value"), 1);
	send(h, TO_SERVER, "0002 0000 0006 01 03 0000 0002");
	send(h, TO_CLIENT, "0002 0000 0005 01 03 02 0000"); /* two registers have four bytes */
	assert_int_equal(harness_count(h, "value_mismatch"), 1);
	send(h, TO_CLIENT, "0009 0000 0005 01 03 02 0000");
	assert_int_equal(harness_count(h, "unsolicited_response"), 1);
	send(h, TO_SERVER, "0003 0001 0006 01 03 0000 0001");
	assert_int_equal(harness_count(h, "invalid_protocol_id"), 1);
	send(h, TO_SERVER, "0004 0000 0007 01 03 0000 0001 00");
	send(h, TO_SERVER, "0005 0000 0001 01");
	assert_int_equal(harness_count(h, "invalid_length"), 2);
	send(h, TO_SERVER, "0006 0000 0006 01 00 0000 0001");
	assert_int_equal(harness_count(h, "invalid_function_code"), 1);
	send(h, TO_SERVER, "0007 0000 0006 01 03 0000 0001");
	send(h, TO_CLIENT, "0007 0000 0003 01 83 08");
	assert_int_equal(harness_count(h, "invalid_exception_code"), 1);
	harness_free(h);
}

/* In steps of a byte; then bytes are missing, and what follows is found again. */
static void loss(void **state)
{
	struct harness *h = harness_new(6, 502, NULL);
	size_t len;
	uint8_t *data = unhex("0001 0000 0006 01 03 0000 0001 0002 0000 0006 01 03 0000 0001", &len);

	(void)state;
	harness_tcp_steps(h, TO_SERVER, data, len, 1);
	free(data);
	harness_gap(h, TO_SERVER, 33);
	send(h, TO_SERVER, "aabb ccdd 0003 0000 0006 01 04 0007 0001");
	send(h, TO_CLIENT, "0003 0000 0005 01 04 02 6162");
	assert_int_equal(harness_count(h, "\"event_type\":\"modbus\""), 1);
	assert_int_equal(harness_count(h, "\"anomaly\""), 0);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"modbus\""), 3);
	harness_free(h);
}

/* Elsewhere than on its port all bytes must fit. */
static void probing(void **state)
{
	struct harness *h = harness_new(6, 2000, NULL);

	(void)state;
	send(h, TO_SERVER, "0001 0000 0005 01 03 0000 00");
	assert_int_not_equal(h->flow.app_proto, APP_modbus);
	harness_reset(h, 2000);
	send(h, TO_SERVER, "0001 0000 0006 01 03 0000 0001 01");
	assert_int_equal(h->flow.app_proto, APP_modbus);
	harness_reset(h, 2000);
	send(h, TO_SERVER, "0001 0000 0006 01 63 0000 0001");
	assert_int_not_equal(h->flow.app_proto, APP_modbus);
	harness_free(h);
}

static void flood(void **state)
{
	struct harness *h = harness_new(6, 502, NULL);

	(void)state;
	for (unsigned i = 0; i < 2 * MODBUS_TRANSACTIONS_MAX; i++)
		send(h, TO_SERVER, "0001 0000 0006 01 03 0000 0001");
	assert_true(harness_count(h, "\"flooded\"") > 0);
	assert_true(h->flow.app->live <= MODBUS_TRANSACTIONS_MAX);
	harness_free(h);
}

static void ranges(void **state)
{
	struct harness *h = harness_new(6, 502, NULL);
	uint32_t first, last;
	uint16_t value;
	struct modbus_tx *t;
	size_t len;
	uint8_t *data = unhex("0001 0000 0009 01 0f 0013 000a 02 cd01", &len);

	(void)state;
	harness_tcp_open(h, TO_SERVER, data, len);
	free(data);
	t = modbus_of(h->flow.app->last);
	assert_true(modbus_range(&t->request, &first, &last));
	assert_int_equal(first, 20);
	assert_int_equal(last, 29);
	assert_true(modbus_written(&t->request, 20, &value));
	assert_int_equal(value, 1);
	assert_true(modbus_written(&t->request, 21, &value));
	assert_int_equal(value, 0);
	assert_true(modbus_written(&t->request, 28, &value));
	assert_int_equal(value, 1);
	assert_false(modbus_written(&t->request, 30, &value));
	harness_done(h);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes), cmocka_unit_test(other_functions),
		cmocka_unit_test(events),	    cmocka_unit_test(loss),
		cmocka_unit_test(probing),	    cmocka_unit_test(flood),
		cmocka_unit_test(ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/mqtt*.c
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

/* Version 4, client "c1", will "wt" → "wm", user "u", password "p" */
#define CONNECT "101c 00044d515454 04 c6 003c 00026331 00027774 0002776d 000175 000170"
#define CONNACK "20020000"
#define PUBLISH1 "3208 0001 74 0007 686921"
#define PUBACK1 "40020007"

static void send(struct harness *h, enum direction d, const char *hex)
{
	size_t n;
	uint8_t *bytes = unhex(hex, &n);

	harness_tcp(h, d, bytes, n);
	free(bytes);
}

static struct harness *connected(uint16_t port)
{
	struct harness *h = harness_new(6, port, NULL);

	send(h, TO_SERVER, CONNECT);
	send(h, TO_CLIENT, CONNACK);
	return h;
}

/* On any port, byte by byte: one record of both messages. */
static void connects(void **state)
{
	struct harness *h = harness_new(6, 9999, (const char *const[]){"app_ports=no", NULL});
	size_t n;
	uint8_t *bytes = unhex(CONNECT, &n);

	(void)state;
	harness_tcp_steps(h, TO_SERVER, bytes, n, 1);
	free(bytes);
	assert_int_equal(h->flow.app_proto, APP_mqtt);
	assert_int_equal(harness_count(h, "\"mqtt\""), 0);
	send(h, TO_CLIENT, CONNACK);
	assert_non_null(strstr(h->out,
		"\"mqtt\":{\"connect\":{\"qos\":0,\"retain\":false,\"dup\":false,"
		"\"protocol_string\":\"MQTT\",\"protocol_version\":4,\"client_id\":\"c1\","
		"\"flags\":{\"username\":true,\"password\":true,\"will_retain\":false,"
		"\"will\":true,\"clean_session\":true},\"username\":\"u\",\"password\":\"p\","
		"\"will\":{\"topic\":\"wt\",\"message\":\"wm\"}},\"connack\":{\"qos\":0,"
		"\"retain\":false,\"dup\":false,\"session_present\":false,\"return_code\":0}}"));
	harness_free(h);
}

static void publishes(void **state)
{
	struct harness *h = connected(1883);

	(void)state;
	harness_clear(h);
	send(h, TO_SERVER, PUBLISH1 "3005 0001 74 6869");
	assert_int_equal(harness_count(h, "\"event_type\":\"mqtt\""), 1);
	send(h, TO_CLIENT, PUBACK1);
	assert_int_equal(harness_count(h, "\"event_type\":\"mqtt\""), 2);
	assert_non_null(strstr(h->out, "\"message_id\":7,\"topic\":\"t\",\"message\":\"hi!\""));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

/* Both sides count by themselves: an answer is for what the other side sent, however old another message of that number is. */
static void same_number(void **state)
{
	struct harness *h = connected(1883);

	(void)state;
	harness_clear(h);
	send(h, TO_CLIENT, "3409 0001 74 0007 646f776e" "3207 0001 74 0008 646f");
	send(h, TO_SERVER, "3406 0001 74 0007 75" "3206 0001 74 0008 75");
	send(h, TO_CLIENT, "40020008" "50020007");
	assert_int_equal(harness_count(h, "\"event_type\":\"mqtt\""), 1);
	assert_non_null(strstr(h->out, "\"message_id\":8,\"topic\":\"t\",\"message\":\"u\""));
	send(h, TO_SERVER, "40020008" "50020007" "62020007");
	send(h, TO_CLIENT, "70020007");
	assert_int_equal(harness_count(h, "\"event_type\":\"mqtt\""), 3);
	send(h, TO_CLIENT, "62020007");
	send(h, TO_SERVER, "70020007");
	assert_int_equal(harness_count(h, "\"event_type\":\"mqtt\""), 4);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

/* Exactly once takes four messages; the answers in between end nothing. */
static void exactly_once(void **state)
{
	struct harness *h = connected(1883);

	(void)state;
	harness_clear(h);
	send(h, TO_SERVER, "3408 0001 74 0009 686921");
	send(h, TO_CLIENT, "50020009");
	send(h, TO_SERVER, "62020009");
	assert_int_equal(harness_count(h, "\"event_type\":\"mqtt\""), 0);
	send(h, TO_CLIENT, "70020009");
	assert_non_null(strstr(h->out, "\"pubrec\":"));
	assert_non_null(strstr(h->out, "\"pubrel\":"));
	assert_non_null(strstr(h->out, "\"pubcomp\":"));
	harness_free(h);
}

static void properties(void **state)
{
	struct harness *h = harness_new(6, 1883, NULL);

	(void)state;
	send(h, TO_SERVER, "1019 00044d515454 05 02 003c 0a 21 0014 26 0001 61 0001 62 0002 6331");
	send(h, TO_CLIENT, "2003000000");
	assert_non_null(strstr(h->out, "\"properties\":{\"receive_maximum\":20,\"a\":\"b\"}"));
	harness_clear(h);
	send(h, TO_SERVER, "e002 04 00");
	assert_non_null(strstr(h->out, "\"reason_code\":4"));
	harness_free(h);
}

static void buffers(void **state)
{
	struct harness *h = connected(1883);
	size_t n;
	uint8_t *bytes = unhex("820d 0001 0002 7458 00 0003 745959 01", &n);
	uint64_t v;

	(void)state;
	bytes[1] = (uint8_t)(n - 2);
	harness_tcp_open(h, TO_SERVER, bytes, n);
	free(bytes);
	assert_string_equal(harness_text(h, TO_SERVER, "mqtt.subscribe.topic", 0), "tX");
	assert_string_equal(harness_text(h, TO_SERVER, "mqtt.subscribe.topic", 1), "tYY");
	assert_null(harness_text(h, TO_SERVER, "mqtt.subscribe.topic", 2));
	assert_true(harness_value(app_protos[APP_mqtt], "mqtt.type")
			    ->get_multi(&h->w, &h->flow, h->flow.app->last, TO_SERVER, 0, &v));
	assert_int_equal(v, 8);
	harness_done(h);
	harness_free(h);
}

static void events(void **state)
{
	struct harness *h = connected(1883);

	(void)state;
	send(h, TO_CLIENT, PUBACK1);
	assert_int_equal(harness_count(h, "missing_publish"), 1);
	send(h, TO_CLIENT, "90030001 00");
	assert_int_equal(harness_count(h, "missing_subscribe"), 1);
	send(h, TO_CLIENT, "b0020001");
	assert_int_equal(harness_count(h, "missing_unsubscribe"), 1);
	send(h, TO_CLIENT, CONNACK);
	assert_int_equal(harness_count(h, "missing_connect"), 1);
	send(h, TO_SERVER, "3608 0001 74 0007 686921");
	assert_int_equal(harness_count(h, "invalid_qos_level"), 1);
	send(h, TO_SERVER, "0000");
	assert_int_equal(harness_count(h, "unassigned_msg_type"), 1);
	send(h, TO_SERVER, CONNECT);
	send(h, TO_CLIENT, CONNACK);
	assert_int_equal(harness_count(h, "double_connect"), 1);
	send(h, TO_SERVER, "3003 00ff 74");
	assert_int_equal(harness_count(h, "malformed_traffic"), 1);
	harness_free(h);
}

/* A connection that was there before, on the known port only. */
static void picked_up(void **state)
{
	struct harness *h = harness_new(6, 1883, NULL);

	(void)state;
	send(h, TO_SERVER, "c000");
	send(h, TO_CLIENT, "d000");
	assert_int_equal(harness_count(h, "unintroduced_message"), 2);
	assert_int_equal(harness_count(h, "\"pingreq\""), 1);
	harness_reset(h, 1884);
	send(h, TO_SERVER, "c000");
	assert_int_not_equal(h->flow.app_proto, APP_mqtt);
	harness_free(h);
}

/* A gap inside a message of known length, one over a boundary. */
static void gaps(void **state)
{
	struct harness *h = connected(1883);

	(void)state;
	harness_clear(h);
	send(h, TO_SERVER, "3014 0001 74 6869");
	harness_gap(h, TO_SERVER, 10);
	send(h, TO_SERVER, "7878787878 3005 0001 74 4141");
	assert_non_null(strstr(h->out, "\"message\":\"AA\""));
	assert_null(strstr(h->out, "malformed"));
	harness_clear(h);
	harness_gap(h, TO_SERVER, 100);
	send(h, TO_SERVER, "ffffffffff");
	send(h, TO_SERVER, "3005 0001 74 4242");
	assert_non_null(strstr(h->out, "\"message\":\"BB\""));
	assert_null(strstr(h->out, "malformed"));
	harness_free(h);
}

static void too_long(void **state)
{
	static const char *const settings[] = {"app.mqtt.max_msg_length=16",
					       "eve.types.mqtt.string_log_limit=2", NULL};
	struct harness *h = harness_new(6, 1883, settings);

	(void)state;
	send(h, TO_SERVER, "100e 00044d515454 0402 003c 0002 6331");
	send(h, TO_CLIENT, CONNACK);
	send(h, TO_SERVER, "3020 00");
	assert_non_null(strstr(h->out, "\"truncated\":true,\"skipped_length\":34"));
	send(h, TO_SERVER, "00000000000000000000000000000000000000000000000000000000000000"
			   "3005 0001 74 4141 3006 0001 74 414243");
	assert_non_null(strstr(h->out, "\"message\":\"AA\""));
	assert_non_null(strstr(h->out, "\"message\":\"AB[truncated 1 additional bytes]\""));
	harness_free(h);
}

/* What waits for ever gives way to what comes. */
static void many(void **state)
{
	struct harness *h = connected(1883);

	(void)state;
	for (unsigned i = 0; i < 1100; i++) {
		char text[64];

		snprintf(text, sizeof(text), "3208 0001 74 %04x 686921", i);
		send(h, TO_SERVER, text);
	}
	assert_true(h->flow.app->live <= 1024);
	assert_true(harness_count(h, "too_many_transactions") > 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects),   cmocka_unit_test(publishes),
		cmocka_unit_test(exactly_once), cmocka_unit_test(same_number), cmocka_unit_test(properties),
		cmocka_unit_test(buffers),    cmocka_unit_test(events),
		cmocka_unit_test(picked_up),  cmocka_unit_test(gaps),
		cmocka_unit_test(too_long),   cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

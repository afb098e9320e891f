/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/dcerpc.c, dcerpc_call.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/dcerpc.h"
#include "tests/unit/app/harness.h"

#define UUID "81bb7a36449835f135ad3298f0380010 0300" /* 367abb81-9844-35f1-35ad-3298f0380010 3 */
#define NDR "045d888aeb1cc9119fe808002b104860 02000000"
#define BIND                                                                                       \
	"05000b0310000000 4800 0000 01000000 b810b810 00000000 01000000"                           \
	"0700 01 00" UUID "0000" NDR
#define BIND_ACK                                                                                   \
	"05000c0310000000 3c00 0000 01000000 b810b810 00000000 0300 313000 000000 01000000"        \
	"0000 0000" NDR
#define REQUEST_1 "0500000110000000 1c00 0000 02000000 08000000 0700 0f00 41414141"
#define REQUEST_2 "0500000210000000 1c00 0000 02000000 08000000 0700 0f00 42424242"
#define RESPONSE "0500020310000000 1c00 0000 02000000 04000000 0700 0000 43434343"

static void tcp(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_tcp(h, d, data, len);
	free(data);
}

static void tcp_open(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_tcp_open(h, d, data, len);
	free(data);
}

static const struct dcerpc_call *last_call(struct harness *h)
{
	return h->flow.app->proto->call(h->flow.app->last);
}

/* A bind names its interfaces and what the server said; port is no matter. */
static void bind(void **state)
{
	struct harness *h = harness_new(6, 49154, NULL);

	(void)state;
	tcp(h, TO_SERVER, BIND);
	assert_int_equal(h->flow.app_proto, APP_dcerpc);
	tcp(h, TO_CLIENT, BIND_ACK);
	assert_non_null(strstr(h->out,
			       "\"dcerpc\":{\"request\":\"BIND\",\"interfaces\":[{\"uuid\":"
			       "\"367abb81-9844-f135-35ad-3298f0380010\",\"version\":\"3.0\","
			       "\"ack_result\":0}],\"response\":\"BINDACK\",\"call_id\":1,"
			       "\"rpc_version\":\"5.0\"}"));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* Fragments of a request are one call; its interface is that of its context. */
static void call(void **state)
{
	struct harness *h = harness_new(6, 49154, NULL);
	const struct dcerpc_call *c;

	(void)state;
	tcp(h, TO_SERVER, BIND);
	tcp(h, TO_CLIENT, BIND_ACK);
	harness_clear(h);
	tcp_open(h, TO_SERVER, REQUEST_1);
	assert_int_equal(h->flow.app->last->progress[TO_SERVER], 0);
	tcp_open(h, TO_SERVER, REQUEST_2);
	assert_int_equal(h->flow.app->last->progress[TO_SERVER], 1);
	assert_string_equal(harness_text(h, TO_SERVER, "dcerpc.stub_data", 0), "AAAABBBB");
	assert_null(harness_text(h, TO_CLIENT, "dcerpc.stub_data", 0));
	c = last_call(h);
	assert_int_equal(c->opnum, 15);
	assert_true(c->has_interface);
	assert_int_equal(c->interface.uuid[0], 0x36);
	tcp_open(h, TO_CLIENT, RESPONSE);
	harness_done(h);
	assert_non_null(strstr(h->out, "\"request\":\"REQUEST\",\"req\":{\"opnum\":15,\"frag_cnt\":2,"
				       "\"stub_data_size\":8},\"interfaces\":[{\"uuid\":\"367abb81"));
	assert_non_null(strstr(h->out, "\"response\":\"RESPONSE\",\"res\":{\"frag_cnt\":1,"));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* Segments of one byte say the same. */
static void bytes(void **state)
{
	struct harness *h = harness_new(6, 135, NULL);
	size_t len;
	uint8_t *data = unhex(BIND REQUEST_1 REQUEST_2, &len);

	(void)state;
	harness_tcp_steps(h, TO_SERVER, data, len, 1);
	free(data);
	data = unhex(BIND_ACK RESPONSE, &len);
	harness_tcp_steps(h, TO_CLIENT, data, len, 1);
	free(data);
	assert_int_equal(harness_count(h, "\"event_type\":\"dcerpc\""), 2);
	assert_int_equal(harness_count(h, "\"frag_cnt\":2,\"stub_data_size\":8"), 1);
	harness_free(h);
}

/* Behind a hole the next header is found; a response without its request is said to be one. */
static void holes(void **state)
{
	struct harness *h = harness_new(6, 135, NULL);

	(void)state;
	tcp(h, TO_SERVER, BIND);
	tcp(h, TO_CLIENT, BIND_ACK);
	harness_clear(h);
	harness_gap(h, TO_SERVER, 100);
	tcp(h, TO_CLIENT, RESPONSE);
	assert_int_equal(harness_count(h, "\"request\":\"REQUEST_LOST\",\"response\":\"RESPONSE\""), 1);
	tcp(h, TO_SERVER, "ffff0505ff" REQUEST_1 REQUEST_2);
	tcp(h, TO_CLIENT, RESPONSE);
	assert_int_equal(harness_count(h, "\"frag_cnt\":2,\"stub_data_size\":8"), 1);
	/* a hole within a fragment whose header was seen: the next one begins behind it */
	harness_clear(h);
	tcp(h, TO_SERVER, "0500000310000000 2000 0000 03000000 08000000");
	harness_gap(h, TO_SERVER, 8);
	tcp(h, TO_SERVER, "05050505" REQUEST_1 REQUEST_2);
	tcp(h, TO_CLIENT, RESPONSE);
	assert_int_equal(harness_count(h, "\"frag_cnt\":2,\"stub_data_size\":8"), 1);
	harness_free(h);
}

static void other_protocols(void **state)
{
	struct harness *h = harness_new(6, 135, NULL);

	(void)state;
	tcp(h, TO_SERVER, "0502 0001 0000 0000 0000 0000 0000 0000 0000");
	assert_int_not_equal(h->flow.app_proto, APP_dcerpc);
	harness_free(h);
	h = harness_new(6, 1080, NULL);
	tcp(h, TO_SERVER, "0500 0500 0001 0a00 0001 0050 4745 5420"); /* SOCKS */
	assert_int_not_equal(h->flow.app_proto, APP_dcerpc);
	harness_free(h);
}

/* What is no header after a header ends the flow, with an event on the call before. */
static void broken(void **state)
{
	struct harness *h = harness_new(6, 135, NULL);

	(void)state;
	tcp(h, TO_SERVER, BIND "ffffffffffffffffffffffffffffffffffff");
	assert_int_equal(harness_count(h, "\"event\":\"malformed_data\""), 1);
	assert_true(h->flow.app->failed[TO_SERVER]);
	harness_free(h);
}

#define ACTIVITY "00112233445566778899aabbccddeeff"
#define UDP(type, rest)                                                                            \
	"04" type "2000 100000 00 00000000000000000000000000000000 81bb7a364498f13535ad3298f0380010"\
	ACTIVITY "00000000 03000000 05000000 0f00 ffff ffff" rest

/* Version 4: request and response of an activity. */
static void udp(void **state)
{
	struct harness *h = harness_new(17, 135, NULL);
	size_t len;
	uint8_t *data = unhex(UDP("00", "0400 0000 00 00 41424344"), &len);

	(void)state;
	harness_udp(h, TO_SERVER, data, len);
	assert_int_equal(h->flow.app_proto, APP_dcerpc);
	free(data);
	data = unhex(UDP("02", "0000 0000 00 00"), &len);
	harness_udp(h, TO_CLIENT, data, len);
	free(data);
	assert_non_null(strstr(h->out, "\"request\":\"REQUEST\",\"req\":{\"opnum\":15,\"frag_cnt\":1,"
				       "\"stub_data_size\":4},\"response\":\"RESPONSE\""));
	assert_non_null(strstr(h->out, "\"activityuuid\":\"33221100-5544-7766-8899-aabbccddeeff\","
				       "\"seqnum\":5,\"rpc_version\":\"4.0\""));
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bind),            cmocka_unit_test(call),
		cmocka_unit_test(bytes),           cmocka_unit_test(holes),
		cmocka_unit_test(other_protocols), cmocka_unit_test(broken),
		cmocka_unit_test(udp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/rfb.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static void server(struct harness *h, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_tcp_steps(h, TO_CLIENT, data, len, 1);
	free(data);
}

static void client(struct harness *h, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_tcp_steps(h, TO_SERVER, data, len, 1);
	free(data);
}

#define VERSION_33 "524642203030332e3030330a"
#define VERSION_37 "524642203030332e3030370a"
#define VERSION_38 "524642203030332e3030380a"
#define BYTES_16 "00112233445566778899aabbccddeeff"
#define INIT "0320 0258 20 18 00 01 00ff 00ff 00ff 10 08 00 000000 00000004 6465736b"

static void version_38(void **state)
{
	struct harness *h = harness_new(6, 1234, NULL);

	(void)state;
	server(h, VERSION_38);
	assert_int_equal(h->flow.app_proto, APP_rfb);
	client(h, VERSION_38);
	server(h, "02 01 02");
	client(h, "02");
	server(h, BYTES_16);
	client(h, BYTES_16);
	server(h, "00000000");
	client(h, "01");
	server(h, INIT);
	assert_int_equal(h->stream_stops, 1);
	assert_non_null(strstr(h->out, "\"rfb\":{\"server_protocol_version\":{\"major\":\"003\",\"minor\":\"008\"},"
				       "\"client_protocol_version\":{\"major\":\"003\",\"minor\":\"008\"},"
				       "\"authentication\":{\"security_type\":2,\"vnc\":{\"challenge\":\"" BYTES_16 "\","
				       "\"response\":\"" BYTES_16 "\"},\"security_result\":\"OK\"},"
				       "\"screen_shared\":true,\"framebuffer\":{\"width\":800,\"height\":600,"
				       "\"name\":\"desk\",\"pixel_format\":{\"bits_per_pixel\":32,\"depth\":24,"
				       "\"big_endian\":false,\"true_color\":true,\"red_max\":255"));
	harness_free(h);
}

/* The server of 3.3 chooses; no authentication has no result there and in 3.7. */
static void older(void **state)
{
	struct harness *h = harness_new(6, 5900, NULL);

	(void)state;
	server(h, VERSION_38);
	client(h, VERSION_33);
	server(h, "00000001");
	client(h, "00");
	server(h, INIT);
	assert_int_equal(harness_count(h, "\"security_type\":1},\"screen_shared\":false"), 1);
	harness_reset(h, 5900);
	server(h, VERSION_38);
	client(h, VERSION_37);
	server(h, "01 01");
	client(h, "01 00");
	server(h, INIT);
	assert_int_equal(h->stream_stops, 2);
	harness_free(h);
}

static void refused(void **state)
{
	struct harness *h = harness_new(6, 5900, NULL);

	(void)state;
	server(h, VERSION_38);
	client(h, VERSION_38);
	server(h, "01 02");
	client(h, "02");
	server(h, BYTES_16);
	client(h, BYTES_16);
	server(h, "00000001 00000003 626164");
	assert_int_equal(harness_count(h, "\"security_result\":\"FAIL\",\"server_security_failure_reason\":\"bad\""), 1);
	harness_reset(h, 5900);
	server(h, VERSION_38);
	client(h, VERSION_38);
	server(h, "01 10");
	client(h, "10");
	assert_int_equal(harness_count(h, "\"event\":\"unimplemented_security_type\""), 1);
	harness_free(h);
}

static void broken(void **state)
{
	struct harness *h = harness_new(6, 5900, NULL);

	(void)state;
	server(h, VERSION_38);
	client(h, "524642203030332e3030380b");
	assert_int_equal(harness_count(h, "\"event\":\"malformed_message\""), 0); /* not found in that direction */
	harness_reset(h, 5900);
	server(h, VERSION_38);
	client(h, VERSION_38);
	harness_gap(h, TO_CLIENT, 100);
	assert_int_equal(harness_count(h, "\"event_type\":\"rfb\""), 1);
	harness_reset(h, 5900);
	server(h, VERSION_38);
	client(h, VERSION_33);
	server(h, "00000001");
	client(h, "00");
	server(h, "0320 0258 20 18 00 01 00ff 00ff 00ff 10 08 00 000000 7fffffff");
	assert_int_equal(harness_count(h, "\"event\":\"malformed_message\""), 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_38),
		cmocka_unit_test(older),
		cmocka_unit_test(refused),
		cmocka_unit_test(broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

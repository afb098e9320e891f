/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/dnp3*.c
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

struct frame {
	uint8_t bytes[292];
	size_t len;
};

/* IEEE 1815-2012, annex E */
static size_t with_checksum(uint8_t *to, const uint8_t *data, size_t len)
{
	uint16_t crc = 0;

	memcpy(to, data, len);
	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xa6bc) : (uint16_t)(crc >> 1);
	}
	to[len] = (uint8_t)~crc;
	to[len + 1] = (uint8_t)(~crc >> 8);
	return len + 2;
}

/* From station 3 (master) to 4, or back. hex: transport byte and what follows. */
static struct frame frame_of(enum direction d, const char *hex)
{
	uint8_t header[8] = {0x05, 0x64, 0, d == TO_SERVER ? 0xc4 : 0x44, 4, 0, 3, 0}, *user;
	struct frame f = {.len = 0};
	size_t n;

	user = unhex(hex, &n);
	header[2] = (uint8_t)(5 + n);
	f.len = with_checksum(f.bytes, header, sizeof(header));
	for (size_t at = 0; at < n; at += 16)
		f.len += with_checksum(f.bytes + f.len, user + at, n - at < 16 ? n - at : 16);
	free(user);
	return f;
}

static void send(struct harness *h, enum direction d, const char *hex)
{
	struct frame f = frame_of(d, hex);

	harness_tcp(h, d, f.bytes, f.len);
}

/* Time written; the answer has indications. On any port, byte by byte. */
static void writes_time(void **state)
{
	struct harness *h = harness_new(6, 2000, NULL);
	struct frame f = frame_of(TO_SERVER, "c0 c1 02 3201 07 01 010000000000");

	(void)state;
	harness_tcp_steps(h, TO_SERVER, f.bytes, f.len, 1);
	assert_int_equal(h->flow.app_proto, APP_dnp3);
	assert_non_null(strstr(h->out, "\"type\":\"request\",\"control\":{\"dir\":true,\"pri\":true,\"fcb\":false,"
				       "\"fcv\":false,\"function_code\":4},\"src\":3,\"dst\":4,"));
	assert_non_null(strstr(h->out, "\"function_code\":2,\"objects\":[{\"group\":50,\"variation\":1,"
				       "\"qualifier\":7,\"prefix_code\":0,\"range_code\":7,\"start\":0,"
				       "\"stop\":0,\"count\":1,\"points\":[{\"prefix\":0,\"index\":0,"
				       "\"timestamp\":1}]}],\"complete\":true"));
	send(h, TO_CLIENT, "c0 c1 81 9000");
	assert_non_null(strstr(h->out, "\"iin\":{\"indicators\":[\"need_time\",\"device_restart\"]}"));
	harness_free(h);
}

/* Two segments: packed states, analog values with an index before each. */
static void segments(void **state)
{
	struct harness *h = harness_new(6, 20000, NULL);

	(void)state;
	send(h, TO_CLIENT, "41 c1 81 0000 0101 00 02 04 05 1e 02 17 02 07 01 ff");
	assert_int_equal(harness_count(h, "\"dnp3\""), 0);
	send(h, TO_CLIENT, "82 ff 09 01 0100");
	assert_non_null(strstr(h->out, "\"start\":2,\"stop\":4,\"count\":3,\"points\":[{\"prefix\":0,\"index\":2,"
				       "\"state\":1},{\"prefix\":0,\"index\":3,\"state\":0},{\"prefix\":0,"
				       "\"index\":4,\"state\":1}]"));
	assert_non_null(strstr(h->out, "{\"prefix\":7,\"index\":7,\"online\":1,"));
	assert_non_null(strstr(h->out, "\"value\":-1}"));
	assert_non_null(strstr(h->out, "\"value\":1}]"));
	harness_clear(h);
	send(h, TO_CLIENT, "41 c1 81 0000");
	send(h, TO_CLIENT, "83 00"); /* one is missing: not a message */
	assert_int_equal(harness_count(h, "\"dnp3\""), 0);
	harness_free(h);
}

static void rules_see(void **state)
{
	struct harness *h = harness_new(6, 20000, NULL);
	const struct proto *proto = app_protos[APP_dnp3];
	struct frame f = frame_of(TO_SERVER, "c0 c1 15 3c02 06 3c03 06");
	uint64_t v;

	(void)state;
	harness_tcp_open(h, TO_SERVER, f.bytes, f.len);
	assert_true(harness_value(proto, "dnp3_func")->get(&h->w, &h->flow, h->flow.app->last, TO_SERVER, &v));
	assert_int_equal(v, 21);
	assert_true(harness_value(proto, "dnp3_obj")
			    ->get_multi(&h->w, &h->flow, h->flow.app->last, TO_SERVER, 1, &v));
	assert_int_equal(v, 60 << 8 | 3);
	harness_done(h);
	harness_free(h);
}

static void events(void **state)
{
	struct harness *h = harness_new(6, 20000, NULL);
	struct frame f = frame_of(TO_SERVER, "c0 c1 02 3201 07 01 010000000000");

	(void)state;
	send(h, TO_SERVER, "c0 c1 02 ff01 07 01");
	assert_int_equal(harness_count(h, "unknown_object"), 1);
	send(h, TO_SERVER, "c0 c1 02 3201 07 02 010000000000");
	assert_int_equal(harness_count(h, "malformed"), 1);
	send(h, TO_SERVER, "c0 c1 02 0102 08 ffff");
	assert_int_equal(harness_count(h, "too_many_points"), 1);
	f.bytes[12] ^= 1;
	harness_tcp(h, TO_SERVER, f.bytes, f.len);
	assert_int_equal(harness_count(h, "bad_transport_crc"), 1);
	f.bytes[5] ^= 1;
	harness_tcp(h, TO_SERVER, f.bytes, f.len);
	assert_int_equal(harness_count(h, "bad_link_crc"), 1);
	harness_clear(h);
	harness_gap(h, TO_SERVER, 100);
	harness_tcp(h, TO_SERVER, "garbage", 7);
	send(h, TO_SERVER, "c0 c1 02 3201 07 01 010000000000");
	assert_int_equal(harness_count(h, "\"timestamp\":1"), 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_time), cmocka_unit_test(segments),
		cmocka_unit_test(rules_see),   cmocka_unit_test(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/mysql.c, mysql_reply.c, mysql_log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <zlib.h>
#include <zstd.h>

#include "tests/unit/app/harness.h"

#define CAN_OLD 0x00baa20d /* protocol 4.1, a database, secure, plugins, attributes of the session */

/* Puts a packet together: its number, then pieces. */
struct made {
	uint8_t b[1 << 17];
	uint32_t len, start;
};

static struct made m;

static void packet(uint8_t number)
{
	m.start = m.len;
	m.len += 4;
	m.b[m.start + 3] = number;
}

static void add(const void *data, size_t len)
{
	uint32_t n;

	memcpy(m.b + m.len, data, len);
	m.len += (uint32_t)len;
	n = m.len - m.start - 4;
	m.b[m.start] = (uint8_t)n;
	m.b[m.start + 1] = (uint8_t)(n >> 8);
	m.b[m.start + 2] = (uint8_t)(n >> 16);
}

#define ADD(text) add(text, sizeof(text) - 1)
#define PACKET(number, text) (packet(number), ADD(text))

static void number(uint64_t value, unsigned bytes)
{
	uint8_t b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(value >> 8 * i);
	add(b, bytes);
}

static void say(struct harness *h, enum direction d)
{
	harness_tcp(h, d, m.b, m.len);
	m.len = 0;
}

#define CAN_ZLIB (1u << 5)
#define CAN_ZSTD (1u << 26)

/* The packets put together, compressed, in pieces of `piece` bytes before that; sent `step` at once. */
static void say_packed(struct harness *h, enum direction d, uint32_t can, uint32_t piece, size_t step)
{
	static uint8_t out[1 << 18];
	size_t len = 0;
	uint8_t count = 0;

	for (uint32_t at = 0; at < m.len; at += piece) {
		uint32_t n = m.len - at < piece ? m.len - at : piece, whole = n;
		uLongf room = sizeof(out) - len - 7;

		if (n < 50) { /* not worth it */
			memcpy(out + len + 7, m.b + at, n);
			room = n;
			whole = 0;
		} else if (can & CAN_ZLIB) {
			assert_int_equal(compress(out + len + 7, &room, m.b + at, n), Z_OK);
		} else {
			room = ZSTD_compress(out + len + 7, room, m.b + at, n, 3);
		}
		for (unsigned i = 0; i < 3; i++) {
			out[len + i] = (uint8_t)(room >> 8 * i);
			out[len + 4 + i] = (uint8_t)(whole >> 8 * i);
		}
		out[len + 3] = count++;
		len += 7 + room;
	}
	harness_tcp_steps(h, d, out, len, step);
	m.len = 0;
}

static void greeting(struct harness *h, uint32_t can)
{
	packet(0);
	ADD("\x0a" "8.0.36\0" "\1\0\0\0" "abcdefgh\0");
	number(can & 0xffff, 2);
	ADD("\xff\2\0");
	number(can >> 16, 2);
	ADD("\x15" "\0\0\0\0\0\0\0\0\0\0" "ijklmnopqrst\0" "caching_sha2_password\0");
	say(h, TO_CLIENT);
}

static void login(struct harness *h, uint32_t can)
{
	greeting(h, can);
	assert_int_equal(h->flow.app_proto, APP_mysql);
	packet(1);
	number(can, 4);
	ADD("\0\0\0\1\xff" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "joe\0" "\3abc" "shop\0" "mysql_native_password\0");
	if (can & 1 << 20)
		ADD("\x08\3_os\3win");
	say(h, TO_SERVER);
	PACKET(2, "\xfe" "sha256_password\0xyz");
	say(h, TO_CLIENT);
	PACKET(3, "secret");
	say(h, TO_SERVER);
	PACKET(4, "\0\0\0\2\0\0\0");
	say(h, TO_CLIENT);
}

static void columns(uint8_t first, unsigned n)
{
	packet(first);
	number(n, 1);
	for (unsigned i = 0; i < n; i++)
		PACKET((uint8_t)(first + 1 + i), "\3def\0\0\0\1a\0\x0c\x3f\0\1\0\0\0\x8\0\0\0\0\0");
}

static const char *const settings[] = {"eve.types.mysql.enabled=yes", NULL};

static void session(void **state)
{
	struct harness *h = harness_new(6, 3307, settings);

	(void)state;
	login(h, CAN_OLD);
	assert_non_null(strstr(h->out, "\"version\":\"8.0.36\",\"tls\":false,\"operation\":\"login\",\"user\":\"joe\","
				       "\"database\":\"shop\",\"auth_plugin\":\"sha256_password\",\"attributes\":[{\"_os\":"
				       "\"win\"}],\"success\":true}"));
	PACKET(0, "\3select * from t");
	say(h, TO_SERVER);
	columns(1, 2);
	PACKET(4, "\xfe\0\0\2\0");
	PACKET(5, "\1a\1b");
	PACKET(6, "\xfb\2cd");
	PACKET(7, "\xfe\0\0\2\0");
	say(h, TO_CLIENT);
	assert_non_null(strstr(h->out, "\"operation\":\"query\",\"command\":\"select * from t\",\"columns\":2,\"row_count\":2}"));
	PACKET(0, "\3delete from t");
	say(h, TO_SERVER);
	PACKET(1, "\0\xfc\0\1\0\2\0\0\0");
	say(h, TO_CLIENT);
	assert_non_null(strstr(h->out, "\"command\":\"delete from t\",\"affected_rows\":256}"));
	PACKET(0, "\3selec");
	say(h, TO_SERVER);
	PACKET(1, "\xff\x28\x04#42000You have an error");
	say(h, TO_CLIENT);
	assert_non_null(strstr(h->out, "\"error_code\":1064,\"error_state\":\"42000\",\"error_message\":\"You have an error\"}"));
	PACKET(0, "\1");
	say(h, TO_SERVER);
	assert_non_null(strstr(h->out, "\"operation\":\"quit\"}"));
	assert_int_equal(harness_count(h, "\"event_type\":\"mysql\""), 5);
	assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 0);
	harness_free(h);
}

/* Several results; an end that is an answer; columns that are not described; attributes of a query. */
static void newer(void **state)
{
	struct harness *h = harness_new(6, 3306, settings);

	(void)state;
	login(h, CAN_OLD | 1 << 24 | 1 << 27 | 1 << 25);
	packet(0);
	ADD("\3\1\1\0\1\3\0\1n\5\0\0\0call p()");
	say(h, TO_SERVER);
	PACKET(1, "\1\1");
	PACKET(2, "\3def\0\0\0\1a\0\x0c\x3f\0\1\0\0\0\x8\0\0\0\0\0");
	PACKET(3, "\1x");
	PACKET(4, "\xfe\0\0\x0a\0\0\0");
	PACKET(5, "\1\0");
	PACKET(6, "\1y");
	PACKET(7, "\xfe\0\0\x0a\0\0\0");
	assert_int_equal(harness_count(h, "call p()"), 0);
	PACKET(8, "\0\0\0\2\0\0\0");
	say(h, TO_CLIENT);
	assert_non_null(strstr(h->out, "\"command\":\"call p()\",\"affected_rows\":0,\"columns\":1,\"row_count\":2}"));
	harness_free(h);
}

/* A prepared statement: its parameters and columns, its text when it runs, rows from a cursor. */
static void prepared(void **state)
{
	struct harness *h = harness_new(6, 3306, settings);

	(void)state;
	login(h, CAN_OLD);
	PACKET(0, "\x16select ?");
	say(h, TO_SERVER);
	PACKET(1, "\0\7\0\0\0\1\0\1\0\0\0\0");
	PACKET(2, "\3def");
	PACKET(3, "\xfe\0\0\2\0");
	PACKET(4, "\3def");
	say(h, TO_CLIENT);
	assert_int_equal(harness_count(h, "stmt_prepare"), 0);
	PACKET(5, "\xfe\0\0\2\0");
	say(h, TO_CLIENT);
	assert_non_null(strstr(h->out, "\"operation\":\"stmt_prepare\",\"command\":\"select ?\",\"statement_id\":7}"));
	PACKET(0, "\x17\7\0\0\0\1\1\0\0\0");
	say(h, TO_SERVER);
	columns(1, 1);
	PACKET(3, "\xfe\0\0\x42\0");
	say(h, TO_CLIENT);
	assert_non_null(strstr(h->out, "\"operation\":\"stmt_execute\",\"command\":\"select ?\",\"statement_id\":7,"
				       "\"columns\":1,\"row_count\":0}"));
	PACKET(0, "\x1c\7\0\0\0\1\0\0\0");
	say(h, TO_SERVER);
	PACKET(1, "\0\0\1x");
	PACKET(2, "\xfe\0\0\x82\0");
	say(h, TO_CLIENT);
	assert_non_null(strstr(h->out, "\"operation\":\"stmt_fetch\",\"statement_id\":7,\"row_count\":1}"));
	PACKET(0, "\x19\7\0\0\0");
	say(h, TO_SERVER);
	assert_non_null(strstr(h->out, "\"operation\":\"stmt_close\",\"statement_id\":7}"));
	harness_free(h);
}

static void refusals(void **state)
{
	struct harness *h = harness_new(6, 3306, settings);

	(void)state;
	PACKET(0, "\xff\x6a\x04Host 'x' is not allowed");
	say(h, TO_CLIENT);
	assert_int_equal(h->flow.app_proto, APP_mysql);
	assert_non_null(strstr(h->out, "\"operation\":\"login\",\"success\":false,\"error_code\":1130,"
				       "\"error_message\":\"Host 'x' is not allowed\"}"));
	harness_reset(h, 3306);
	greeting(h, CAN_OLD);
	packet(1);
	number(CAN_OLD, 4);
	ADD("\0\0\0\1\xff" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "eve\0\0\0\0\0");
	say(h, TO_SERVER);
	PACKET(2, "\xff\x15\x04#28000Access denied");
	harness_tcp_open(h, TO_CLIENT, m.b, m.len);
	m.len = 0;
	assert_string_equal(harness_text(h, TO_SERVER, "mysql.user", 0), "eve");
	harness_done(h);
	assert_non_null(strstr(h->out, "\"user\":\"eve\",\"database\":\"\",\"auth_plugin\":\"\",\"success\":false,\"error_code\":1045,"
				       "\"error_state\":\"28000\""));
	harness_free(h);
}

static void tls(void **state)
{
	struct harness *h = harness_new(6, 3306, settings);

	(void)state;
	greeting(h, CAN_OLD | 1 << 11);
	packet(1);
	number(CAN_OLD | 1 << 11, 4);
	ADD("\0\0\0\1\xff" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	say(h, TO_SERVER);
	assert_non_null(strstr(h->out, "\"tls\":true,\"operation\":\"login\"}"));
	harness_tcp(h, TO_SERVER, "\x16\3\1\0\5\1\0\0\1\3", 10);
	harness_tcp(h, TO_CLIENT, "\x16\3\3\0\5\2\0\0\1\3", 10);
	assert_int_equal(h->flow.app_proto, APP_tls);
	harness_free(h);
}

/* The file that the server asks the client for. */
static void infile(void **state)
{
	struct harness *h = harness_new(6, 3306, settings);

	(void)state;
	login(h, CAN_OLD);
	PACKET(0, "\3load data local infile 'x'");
	say(h, TO_SERVER);
	PACKET(1, "\xfb/etc/passwd");
	say(h, TO_CLIENT);
	PACKET(2, "root:x\n");
	packet(3);
	say(h, TO_SERVER);
	PACKET(4, "\0\1\0\2\0\0\0");
	say(h, TO_CLIENT);
	assert_non_null(strstr(h->out, "\"local_file\":\"/etc/passwd\",\"local_file_bytes\":7,\"affected_rows\":1}"));
	harness_free(h);
}

/* Rows of a flow in steps of any size; a hole costs what was asked, not what comes. */
static void pieces(void **state)
{
	(void)state;
	for (size_t step = 1; step < 200; step = step * 3 + 1) {
		struct harness *h = harness_new(6, 3306, settings);

		login(h, CAN_OLD);
		PACKET(0, "\3select 1");
		say(h, TO_SERVER);
		columns(1, 1);
		PACKET(3, "\xfe\0\0\2\0");
		for (unsigned i = 0; i < 20; i++)
			PACKET((uint8_t)(4 + i), "\5abcde");
		PACKET(24, "\xfe\0\0\2\0");
		harness_tcp_steps(h, TO_CLIENT, m.b, m.len, step);
		m.len = 0;
		assert_int_equal(harness_count(h, "\"row_count\":20"), 1);
		PACKET(0, "\3select 2");
		say(h, TO_SERVER);
		harness_gap(h, TO_CLIENT, 100);
		PACKET(9, "\1x");
		say(h, TO_CLIENT);
		PACKET(0, "\3select 3");
		say(h, TO_SERVER);
		PACKET(1, "\0\3\0\2\0\0\0");
		say(h, TO_CLIENT);
		assert_int_equal(harness_count(h, "\"command\":\"select 2\"}"), 1);
		assert_int_equal(harness_count(h, "\"command\":\"select 3\",\"affected_rows\":3}"), 1);
		harness_free(h);
	}
}

static void wrong(void **state)
{
	struct harness *h = harness_new(6, 3306, settings);

	(void)state;
	login(h, CAN_OLD);
	PACKET(0, "\x77");
	say(h, TO_SERVER);
	assert_int_equal(harness_count(h, "\"event\":\"malformed_request\""), 1);
	harness_reset(h, 3306);
	login(h, CAN_OLD);
	PACKET(0, "\3select 1");
	say(h, TO_SERVER);
	PACKET(1, "\xfe\xff");
	say(h, TO_CLIENT);
	assert_int_equal(harness_count(h, "\"event\":\"malformed_response\""), 1);
	harness_free(h);
}

static void not_mysql(void **state)
{
	static const char *const texts[] = {"SSH-2.0-x\r\n", "\x4a\1\2\0\x0a" "8.0.3", "HTTP/1.1 200 OK\r\n"};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct harness *h = harness_new(6, 3306, NULL);

		harness_tcp(h, TO_CLIENT, texts[i], 10);
		assert_int_not_equal(h->flow.app_proto, APP_mysql);
		harness_free(h);
	}
}

/* Compressed, whatever the cuts: packets inside go over the ends of those around them. */
static void packed(void **state)
{
	static const uint32_t cans[] = {CAN_OLD | CAN_ZLIB, CAN_OLD | CAN_ZSTD};
	static const uint32_t steps[] = {1, 3, 100000}, pieces[] = {30, 77, 100000};

	(void)state;
	for (unsigned i = 0; i < 18; i++) {
		uint32_t can = cans[i % 2], piece = pieces[i / 2 % 3], step = steps[i / 6];
		struct harness *h = harness_new(6, 3307, settings);

		login(h, can);
		assert_int_equal(harness_count(h, "\"compressed\":true"), 1);
		packet(0);
		ADD("\3select '");
		for (unsigned k = 0; k < 1000; k++)
			ADD("0123456789");
		ADD("'");
		say_packed(h, TO_SERVER, can, piece, step);
		columns(1, 2);
		PACKET(4, "\xfe\0\0\2\0");
		for (unsigned k = 0; k < 100; k++)
			PACKET((uint8_t)(5 + k), "\x20" "abcdefghijklmnopabcdefghijklmnop" "\1b");
		PACKET(105, "\xfe\0\0\2\0");
		say_packed(h, TO_CLIENT, can, piece, step);
		assert_int_equal(harness_count(h, "\"columns\":2,\"row_count\":100}"), 1);
		PACKET(0, "\3drop table t");
		say_packed(h, TO_SERVER, can, piece, step);
		PACKET(1, "\0\1\0\2\0\0\0");
		say_packed(h, TO_CLIENT, can, piece, step);
		assert_int_equal(harness_count(h, "\"command\":\"drop table t\",\"affected_rows\":1}"), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 0);
		harness_free(h);
	}
}

/* What does not unpack, or has a hole, is not read on. */
static void packed_badly(void **state)
{
	struct harness *h = harness_new(6, 3306, settings);

	(void)state;
	login(h, CAN_OLD | CAN_ZLIB);
	harness_tcp(h, TO_SERVER, "\4\0\0\0\x50\0\0wxyz", 11);
	PACKET(0, "\3drop table t");
	say_packed(h, TO_SERVER, CAN_ZLIB, 100, 100);
	harness_finish(h);
	assert_int_equal(harness_count(h, "drop"), 0);
	harness_free(h);

	h = harness_new(6, 3306, settings);
	login(h, CAN_OLD | CAN_ZLIB);
	harness_gap(h, TO_SERVER, 10);
	PACKET(0, "\3drop table t");
	say_packed(h, TO_SERVER, CAN_ZLIB, 100, 100);
	harness_finish(h);
	assert_int_equal(harness_count(h, "drop"), 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session), cmocka_unit_test(packed), cmocka_unit_test(packed_badly),
		cmocka_unit_test(newer), cmocka_unit_test(prepared),
		cmocka_unit_test(refusals), cmocka_unit_test(tls), cmocka_unit_test(infile),
		cmocka_unit_test(pieces), cmocka_unit_test(wrong), cmocka_unit_test(not_mysql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

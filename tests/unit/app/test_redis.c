/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/redis.c, redis_read.c, redis_log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static void client(struct harness *h, const char *text)
{
	harness_tcp(h, TO_SERVER, text, strlen(text));
}

static void server(struct harness *h, const char *text)
{
	harness_tcp(h, TO_CLIENT, text, strlen(text));
}

static void session(void **state)
{
	struct harness *h = harness_new(6, 7000, (const char *const[]){"app_ports=no", NULL});

	(void)state;
	client(h, "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n");
	assert_int_equal(h->flow.app_proto, APP_redis);
	server(h, "+OK\r\n");
	assert_non_null(strstr(h->out, "\"redis\":{\"tx_id\":1,\"request\":{\"command\":\"set\",\"args\":[\"k\",\"a\\u000d\\u000ab\"]},"
				       "\"response\":{\"type\":\"simple_string\",\"value\":\"OK\"}}"));
	client(h, "GET \"a b\"  c\r\n\r\nkeys *\r\n");
	server(h, "$-1\r\n*2\r\n*0\r\n$2\r\nxy\r\n");
	assert_non_null(strstr(h->out, "{\"command\":\"GET\",\"args\":[\"a b\",\"c\"]},\"response\":{\"type\":\"null\"}"));
	assert_non_null(strstr(h->out, "{\"command\":\"keys\",\"args\":[\"*\"]},\"response\":{\"type\":\"array\",\"elements\":2,"
				       "\"value\":\"xy\"}"));
	client(h, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n");
	server(h, "-WRONGPASS no\r\n");
	assert_non_null(strstr(h->out, "\"args\":[\"<redacted>\"]},\"response\":{\"type\":\"error\",\"value\":\"WRONGPASS no\"}"));
	assert_int_equal(harness_count(h, "\"event_type\":\"redis\""), 4);
	assert_int_equal(harness_count(h, "secret"), 0);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

/* Whatever a command has of passwords is not in its record. */
static void passwords(void **state)
{
	static const char *const commands[] = {
		"CONFIG SET maxmemory 1 requirepass hidden masterauth hidden\r\n", "ACL SETUSER u on >hidden #hidden +get\r\n",
		"MIGRATE h 6379 k 0 5 AUTH hidden\r\n", "MIGRATE h 6379 k 0 5 AUTH2 u hidden KEYS a\r\n", "AUTH u hidden\r\n",
	};
	struct harness *h = harness_new(6, 6379, NULL);

	(void)state;
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		client(h, commands[i]);
		server(h, "+OK\r\n");
	}
	assert_int_equal(harness_count(h, "hidden"), 0);
	assert_int_equal(harness_count(h, "<redacted>"), 7);
	assert_int_equal(harness_count(h, "\"+get\""), 1);
	assert_int_equal(harness_count(h, "\"KEYS\",\"a\""), 1);
	harness_free(h);
}

/* What version 3 adds; pushes and attributes answer nothing. */
static void newer(void **state)
{
	struct harness *h = harness_new(6, 6379, NULL);

	(void)state;
	client(h, "hello 3 auth u pass\r\n");
	server(h, "%1\r\n+server\r\n+redis\r\n");
	assert_non_null(strstr(h->out, "[\"3\",\"auth\",\"u\",\"<redacted>\"]},\"response\":{\"type\":\"map\",\"elements\":1,"
				       "\"value\":\"server\"}"));
	client(h, "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n");
	server(h, ">3\r\n+subscribe\r\n+a\r\n:1\r\n>3\r\n+message\r\n+a\r\n+x\r\n");
	client(h, "PING\r\n");
	server(h, ">3\r\n+message\r\n+a\r\n+x\r\n|1\r\n+k\r\n,0.5\r\n#t\r\n");
	client(h, "LRANGE\r\nPING\r\n");
	server(h, "*2\r\n:7\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n+PONG\r\n");
	assert_non_null(strstr(h->out, "{\"type\":\"array\",\"elements\":2,\"value\":\"7\"}"));
	assert_non_null(strstr(h->out, "{\"type\":\"simple_string\",\"value\":\"PONG\"}"));
	assert_non_null(strstr(h->out, "{\"command\":\"PING\"},\"response\":{\"type\":\"boolean\",\"value\":\"t\"}"));
	assert_int_equal(harness_count(h, "\"event_type\":\"redis\""), 5);
	harness_free(h);
}

/* Messages of channels, as version 2 has them, before the answer to what is asked. */
static void channels(void **state)
{
	struct harness *h = harness_new(6, 6379, NULL);

	(void)state;
	client(h, "*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n");
	server(h, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"redis\""), 0);
	server(h, "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"redis\""), 1);
	client(h, "PING\r\n");
	server(h, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	assert_non_null(strstr(h->out, "{\"command\":\"PING\"},\"response\":{\"type\":\"array\",\"elements\":2,\"value\":\"pong\"}"));
	harness_free(h);
}

/* Each channel of a command is answered, as an array or, in version 3, as what is pushed; so that what is asked next has its own answer. */
static void subscriptions(void **state)
{
	static const char *const rows[][3] = {
		{"PSUBSCRIBE a b\r\n", ">3\r\n+psubscribe\r\n+a\r\n:1\r\n>3\r\n+message\r\n+a\r\n+x\r\n>3\r\n+psubscribe\r\n+b\r\n:2\r\n", "psubscribe"},
		{"SSUBSCRIBE a\r\n", ">3\r\n+ssubscribe\r\n+a\r\n:1\r\n", "ssubscribe"},
		{"UNSUBSCRIBE a b\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$1\r\nx\r\n"
		 "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n", "unsubscribe"},
		{"PUNSUBSCRIBE\r\n", "*3\r\n$12\r\npunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$12\r\npunsubscribe\r\n$1\r\nb\r\n:0\r\n", "punsubscribe"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct harness *h = harness_new(6, 6379, NULL);
		char text[100];

		client(h, "PING\r\n");
		server(h, "+PONG\r\n");
		client(h, rows[i][0]);
		client(h, "ECHO x\r\n");
		harness_clear(h);
		server(h, rows[i][1]);
		server(h, "$1\r\nx\r\n");
		snprintf(text, sizeof(text), ",\"value\":\"%s\"}", rows[i][2]);
		assert_int_equal(harness_count(h, text), 1);
		assert_int_equal(harness_count(h, "{\"command\":\"ECHO\",\"args\":[\"x\"]},\"response\":{\"type\":\"string\",\"bytes\":1,\"value\":\"x\"}"), 1);
		assert_int_equal(harness_count(h, "anomaly"), 0);
		harness_free(h);
	}
}

/* In steps of any size, with a value larger than what is kept; then a hole in one. */
static void pieces(void **state)
{
	enum { BIG = 100000 };
	static char text[BIG + 64];
	size_t len;

	(void)state;
	len = (size_t)snprintf(text, sizeof(text), "$%d\r\n", BIG);
	memset(text + len, 'v', BIG);
	len += BIG;
	memcpy(text + len, "\r\n:5\r\n", 6);
	len += 6;
	for (size_t step = 1; step < BIG; step = step * 20 + 1) {
		struct harness *h = harness_new(6, 6379, NULL);

		client(h, "*1\r\n$4\r\nINFO\r\nINCR x\r\n");
		harness_tcp_steps(h, TO_CLIENT, text, len, step);
		assert_int_equal(harness_count(h, "\"type\":\"string\",\"bytes\":100000,\"value\":\"vvv"), 1);
		assert_int_equal(harness_count(h, "\"type\":\"integer\",\"value\":\"5\""), 1);
		client(h, "GET x\r\n");
		server(h, "$100\r\nab");
		harness_gap(h, TO_CLIENT, 98);
		server(h, "\r\n");
		assert_int_equal(harness_count(h, "\"bytes\":100,\"value\":\"ab\""), 1);
		client(h, "GET y\r\n");
		harness_gap(h, TO_CLIENT, 50);
		server(h, "rest\r\n");
		client(h, "GET z\r\n");
		server(h, "+z\r\n");
		assert_int_equal(harness_count(h, "\"args\":[\"y\"]}}"), 1);
		assert_int_equal(harness_count(h, "\"value\":\"z\""), 1);
		harness_free(h);
	}
}

static void buffers(void **state)
{
	static const char ask[] = "*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$4\r\n/etc\r\n", answer[] = "-ERR no\r\n";
	struct harness *h = harness_new(6, 6379, NULL);

	(void)state;
	harness_tcp_open(h, TO_SERVER, ask, sizeof(ask) - 1);
	assert_string_equal(harness_text(h, TO_SERVER, "redis.command", 0), "CONFIG SET dir /etc");
	harness_tcp_open(h, TO_CLIENT, answer, sizeof(answer) - 1);
	assert_string_equal(harness_text(h, TO_CLIENT, "redis.error", 0), "ERR no");
	assert_null(harness_text(h, TO_CLIENT, "redis.value", 0));
	harness_done(h);
	harness_free(h);
}

/* Commands that are not answered; words in quotes. */
static void silent(void **state)
{
	struct harness *h = harness_new(6, 6379, NULL);

	(void)state;
	client(h, "PING\r\nCLIENT REPLY SKIP\r\nSET a b\r\nCLIENT REPLY OFF\r\nSET c d\r\nCLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nGET c\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"redis\""), 5);
	server(h, "+PONG\r\n+OK\r\n$1\r\nd\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"redis\""), 8);
	assert_non_null(strstr(h->out, "{\"command\":\"CLIENT\",\"args\":[\"REPLY\",\"ON\"]},\"response\":{\"type\":\"simple_string\","
				       "\"value\":\"OK\"}"));
	assert_non_null(strstr(h->out, "{\"command\":\"GET\",\"args\":[\"c\"]},\"response\":{\"type\":\"string\",\"bytes\":1,\"value\":\"d\"}"));
	client(h, "set \"a \\\"b\\x41\\n\" 'c\\'d\\e' \"\" x\"y z\"\r\n");
	server(h, "+OK\r\n");
	assert_non_null(strstr(h->out, "\"args\":[\"a \\u0022bA\\u000a\",\"c'd\\u005ce\",\"\",\"xy z\"]"));
	harness_free(h);
}

/* A copy of the data base is not read. */
static void replication(void **state)
{
	struct harness *h = harness_new(6, 6379, NULL);

	(void)state;
	client(h, "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n");
	server(h, "+FULLRESYNC a 0\r\n");
	server(h, "$9\r\nREDIS0009*1\r\n$4\r\nPING\r\n");
	client(h, "\x7fnothing\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"redis\""), 1);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void wrong(void **state)
{
	static const char *const rows[][2] = {
		{"*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n", "malformed_request"},
		{"*1\r\n$4\r\nPING\r\n*x\r\n", "malformed_request"},
	};
	static const char one[] = "*1\r\n";
	char deep[(sizeof(one) - 1) * 40 + 1] = "";

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct harness *h = harness_new(6, 6379, NULL);

		client(h, rows[i][0]);
		assert_int_equal(harness_count(h, rows[i][1]), 1);
		harness_free(h);
	}
	for (unsigned i = 0; i < 40; i++)
		memcpy(deep + i * (sizeof(one) - 1), one, sizeof(one) - 1);
	struct harness *h = harness_new(6, 6379, NULL);

	client(h, "PING\r\n");
	server(h, deep);
	assert_int_equal(harness_count(h, "malformed_response"), 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session), cmocka_unit_test(newer), cmocka_unit_test(passwords), cmocka_unit_test(channels), cmocka_unit_test(subscriptions), cmocka_unit_test(pieces),
		cmocka_unit_test(buffers), cmocka_unit_test(replication), cmocka_unit_test(wrong), cmocka_unit_test(silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

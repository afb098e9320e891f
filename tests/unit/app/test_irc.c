/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/irc.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
	struct harness *h = harness_new(6, 7001, (const char *const[]){"app_ports=no", NULL});

	(void)state;
	client(h, "PASS hidden\r\nNICK joe\r\n");
	assert_int_equal(h->flow.app_proto, APP_irc);
	client(h, "USER joe 0 * :Joe D\r\n");
	assert_non_null(strstr(h->out, "\"irc\":{\"sender\":\"client\",\"command\":\"PASS\"}"));
	assert_non_null(strstr(h->out, "\"irc\":{\"sender\":\"client\",\"nick\":\"joe\",\"command\":\"NICK\",\"params\":[\"joe\"]}"));
	assert_non_null(strstr(h->out, "\"command\":\"USER\",\"params\":[\"joe\",\"0\",\"*\"],\"message\":\"Joe D\"}"));
	server(h, ":host 001 joe_ :Welcome\r\n:host 372 joe_ :- motd\r\nPING :x\r\n@time=1 :joe_!u@h NICK :jane\r\n");
	assert_non_null(strstr(h->out, "\"irc\":{\"sender\":\"server\",\"nick\":\"joe_\",\"prefix\":\"host\",\"command\":\"001\""));
	assert_int_equal(harness_count(h, "motd"), 0);
	assert_int_equal(harness_count(h, "PING"), 0);
	client(h, "JOIN #a,#b key\r\nPRIVMSG #a :hi  there :)\r\n");
	assert_non_null(strstr(h->out, "\"nick\":\"jane\",\"command\":\"PRIVMSG\",\"params\":[\"#a\"],\"message\":\"hi  there :)\"}"));
	assert_int_equal(harness_count(h, "hidden"), 0);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void direct(void **state)
{
	struct harness *h = harness_new(6, 6667, NULL);

	(void)state;
	client(h, "NICK joe\r\n");
	client(h, "PRIVMSG a :\001DCC SEND \"a b.exe\" 3232235777 4000 123\001\r\n");
	assert_non_null(strstr(h->out, "\"dcc\":{\"type\":\"SEND\",\"file\":\"a b.exe\",\"ip\":\"192.168.1.1\",\"port\":4000,\"size\":123}"));
	server(h, ":b!c@d PRIVMSG joe :\001DCC CHAT chat 2001:db8::1 99\001\r\n");
	assert_non_null(strstr(h->out, "\"dcc\":{\"type\":\"CHAT\",\"file\":\"chat\",\"ip\":\"2001:0db8:0000:0000:0000:0000:0000:0001\","
				       "\"port\":99}"));
	server(h, ":b PRIVMSG joe :\001DCC RESUME x 4000 99\001\r\n");
	assert_non_null(strstr(h->out, "\"dcc\":{\"type\":\"RESUME\",\"file\":\"x\"}"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	client(h, "PRIVMSG a :\001DCC SEND x somewhere 4000\001\r\nPRIVMSG a :\001DCC SEND x 1 70000\001\r\nPRIVMSG a :\001DCC \001\r\n");
	assert_int_equal(harness_count(h, "\"event\":\"malformed_dcc\""), 3);
	harness_free(h);
}

static void buffers(void **state)
{
	static const char ask[] = "NICK joe\r\nPRIVMSG #a,#b :\001DCC SEND f 1 2 3\001\r\n";
	struct harness *h = harness_new(6, 6667, NULL);

	(void)state;
	harness_tcp_open(h, TO_SERVER, ask, sizeof(ask) - 1);
	assert_string_equal(harness_text(h, TO_SERVER, "irc.command", 0), "PRIVMSG");
	assert_string_equal(harness_text(h, TO_SERVER, "irc.params", 0), "#a,#b");
	assert_string_equal(harness_text(h, TO_SERVER, "irc.nick", 0), "joe");
	assert_string_equal(harness_text(h, TO_SERVER, "irc.dcc.file", 0), "f");
	assert_null(harness_text(h, TO_CLIENT, "irc.command", 0));
	harness_done(h);
	harness_free(h);
}

static void pieces(void **state)
{
	static const char out[] = "CAP LS 302\r\nNICK joe\r\nJOIN #a\r\n", in[] = ":h 433 * joe :in use\r\n:h NOTICE joe :x\r\n";

	(void)state;
	for (size_t step = 1; step < sizeof(out); step++) {
		struct harness *h = harness_new(6, 6667, NULL);

		harness_tcp_steps(h, TO_SERVER, out, sizeof(out) - 1, step);
		harness_tcp_steps(h, TO_CLIENT, in, sizeof(in) - 1, step);
		assert_int_equal(harness_count(h, "\"event_type\":\"irc\""), 5);
		harness_gap(h, TO_CLIENT, 10);
		server(h, "half\r\n:h KICK #a joe\r\n");
		assert_int_equal(harness_count(h, "\"event_type\":\"irc\""), 6);
		harness_free(h);
	}
}

static void tls(void **state)
{
	struct harness *h = harness_new(6, 6667, NULL);

	(void)state;
	client(h, "STARTTLS\r\n");
	server(h, ":h 670 a :go\r\n");
	harness_tcp(h, TO_SERVER, "\x16\3\1\0\5\1\0\0\1\3", 10);
	harness_tcp(h, TO_CLIENT, "\x16\3\3\0\5\2\0\0\1\3", 10);
	assert_int_equal(h->flow.app_proto, APP_tls);
	harness_free(h);
}

static void not_irc(void **state)
{
	static const struct {
		enum direction d;
		const char *text;
	} rows[] = {{TO_SERVER, "USER joe\r\n"}, {TO_SERVER, "PASS x\r\nSTAT\r\n"}, {TO_SERVER, "NICKNAME a\r\n"},
		    {TO_CLIENT, ":x y\r\n"}, {TO_CLIENT, "NOTICE: x\r\n"}, {TO_SERVER, "GET / HTTP/1.0\r\n\r\n"}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct harness *h = harness_new(6, 6667, NULL);

		harness_tcp(h, rows[i].d, rows[i].text, strlen(rows[i].text));
		assert_int_not_equal(h->flow.app_proto, APP_irc);
		harness_free(h);
	}
}

/* STARTTLS alone is a word of many protocols. */
static void starttls_of_others(void **state)
{
	struct harness *h = harness_new(6, 4190, NULL);

	(void)state;
	server(h, "\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\n");
	client(h, "STARTTLS\r\n");
	server(h, "OK\r\n");
	harness_finish(h);
	assert_int_not_equal(h->flow.app_proto, APP_irc);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session), cmocka_unit_test(direct), cmocka_unit_test(buffers),
		cmocka_unit_test(pieces), cmocka_unit_test(tls), cmocka_unit_test(not_irc),
		cmocka_unit_test(starttls_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

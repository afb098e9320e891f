/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/ftp.c, ftp_port.c, ftp_data.c, expect.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/expect.h"
#include "dataplane/app/ftp.h"
#include "tests/unit/app/harness.h"

static void client(struct harness *h, const char *text)
{
	harness_tcp(h, TO_SERVER, text, strlen(text));
}

static void server(struct harness *h, const char *text)
{
	harness_tcp(h, TO_CLIENT, text, strlen(text));
}

static void greeted(struct harness *h)
{
	server(h, "220 An FTP server\r\n");
	client(h, "USER joe\r\n");
	server(h, "331 And?\r\n");
}

/* A command and its reply are a record; so is the greeting. */
static void commands(void **state)
{
	struct harness *h = harness_new(6, 2121, NULL);

	(void)state;
	greeted(h);
	assert_int_equal(h->flow.app_proto, APP_ftp);
	assert_non_null(strstr(h->out, "\"ftp\":{\"completion_code\":[\"220\"],\"reply\":[\"An FTP server\"],"
				       "\"reply_received\":\"yes\",\"reply_truncated\":false}"));
	assert_non_null(strstr(h->out, "\"ftp\":{\"command\":\"USER\",\"command_data\":\"joe\","
				       "\"command_truncated\":false,\"completion_code\":[\"331\"],"
				       "\"reply\":[\"And?\"],\"reply_received\":\"yes\""));
	harness_clear(h);
	client(h, "list -l\r\nQUIT\r\n");
	server(h, "150 Here\r\n226 Done\r\n221-Bye\r\n sir\r\n221-or madam\r\n");
	assert_int_equal(harness_count(h, "\"command\":\"LIST\""), 1);
	assert_int_equal(harness_count(h, "[\"150\",\"226\"],\"reply\":[\"Here\",\"Done\"]"), 1);
	assert_int_equal(harness_count(h, "QUIT"), 0);
	server(h, "221 Bye\r\n");
	assert_int_equal(harness_count(h, "\"reply\":[\"Bye\",\" sir\",\"or madam\",\"Bye\"]"), 1);
	harness_free(h);
}

/* Segments of one byte say the same; a flow that ends leaves commands without a reply. */
static void pieces(void **state)
{
	static const char text[] = "USER joe\r\nPASS x\r\nNOOP\n";
	struct harness *h = harness_new(6, 21, NULL);

	(void)state;
	harness_tcp_steps(h, TO_SERVER, text, strlen(text), 1);
	harness_tcp_steps(h, TO_CLIENT, "331 a\r\n230 b\r\n", 14, 1);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"reply_received\":\"yes\""), 2);
	assert_int_equal(harness_count(h, "\"command\":\"NOOP\",\"command_truncated\":false,"
					  "\"reply_received\":\"no\""), 1);
	harness_free(h);
}

static uint16_t port_of(const char *text, bool extended)
{
	struct bytes b = {(const uint8_t *)text, (uint32_t)strlen(text)};

	return extended ? ftp_port_of_extended(b) : ftp_port_of_numbers(b, NULL);
}

static void ports(void **state)
{
	(void)state;
	assert_int_equal(port_of("192,168,0,13,234,10", false), 59914);
	assert_int_equal(port_of("Entering Passive Mode (1,2,3,4,1,0).", false), 256);
	assert_int_equal(port_of("1,2,3,4,5", false), 0);
	assert_int_equal(port_of("1,2,3,4,256,1", false), 0);
	assert_int_equal(port_of("1,2,3,4,99999999999,1", false), 0);
	assert_int_equal(port_of("", false), 0);
	assert_int_equal(port_of("|1|10.0.0.1|6275|", true), 6275);
	assert_int_equal(port_of("(|||58612|)", true), 58612);
	assert_int_equal(port_of("(|||58612", true), 0);
	assert_int_equal(port_of("|||70000|", true), 0);
	assert_int_equal(port_of("", true), 0);
}

/* The flow in hand becomes a data connection between the same two. */
static void data_connection(struct harness *h, bool from_server, uint16_t port)
{
	struct addr client = h->flow.client, to = h->flow.server;

	harness_reset(h, port);
	h->flow.client = from_server ? to : client;
	h->flow.server = from_server ? client : to;
	harness_clear(h);
}

static void passive_download(void **state)
{
	struct harness *h = harness_new(6, 21, NULL);

	(void)state;
	greeted(h);
	client(h, "PASV\r\n");
	server(h, "227 Entering Passive Mode (10,0,0,1,4,1)\r\n");
	assert_int_equal(harness_count(h, "\"dynamic_port\":1025,\"mode\":\"passive\""), 1);
	client(h, "RETR a.txt\r\n");
	data_connection(h, false, 1025);
	server(h, "GET / HTTP/1.0\r\n\r\n");
	assert_int_equal(h->flow.app_proto, APP_ftp_data);
	assert_int_equal(harness_count(h, "ftp_data"), 0);
	harness_tcp_open(h, TO_CLIENT, "more", 4);
	assert_string_equal(harness_text(h, TO_CLIENT, "file.name", 0), "a.txt");
	assert_null(harness_text(h, TO_SERVER, "file.name", 0));
	harness_done(h);
	harness_end(h, TO_CLIENT);
	assert_int_equal(harness_count(h, "\"ftp_data\":{\"filename\":\"a.txt\",\"command\":\"RETR\"}"), 2);
	assert_int_equal(harness_count(h, "\"state\":\"CLOSED\""), 1);
	assert_int_equal(harness_count(h, "\"size\":22"), 1);
	/* An announcement serves once. */
	data_connection(h, false, 1025);
	server(h, "GET / HTTP/1.0\r\n\r\n");
	assert_int_not_equal(h->flow.app_proto, APP_ftp_data);
	harness_free(h);
}

static void active_upload(void **state)
{
	struct harness *h = harness_new(6, 21, NULL);
	uint64_t v = 9;

	(void)state;
	greeted(h);
	client(h, "EPRT |2|::1|1026|\r\n");
	server(h, "200 fine\r\n");
	assert_int_equal(harness_count(h, "\"mode\":\"active\""), 1);
	client(h, "STOR b\r\n");
	data_connection(h, true, 1026);
	harness_tcp(h, TO_CLIENT, "12345", 5);
	harness_gap(h, TO_CLIENT, 5);
	harness_tcp_open(h, TO_CLIENT, "abc", 3);
	assert_true(harness_value(h->flow.app->proto, "ftpdata_command")
			    ->get(&h->w, &h->flow, h->flow.app->last, TO_SERVER, &v));
	assert_int_equal(v, 0);
	harness_done(h);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"filename\":\"b\",\"gaps\":true,\"state\":\"TRUNCATED\""), 1);
	harness_free(h);
}

/* A list of files goes over a data connection too, and is no file. */
static void listing(void **state)
{
	struct harness *h = harness_new(6, 21, NULL);

	(void)state;
	greeted(h);
	client(h, "PASV\r\n");
	server(h, "227 Entering Passive Mode (10,0,0,1,4,1)\r\n");
	client(h, "LIST -a\r\n");
	data_connection(h, false, 1025);
	server(h, "drwxr-xr-x 2 0 0 4096 Mar 27 11:55 .\r\n");
	assert_int_equal(h->flow.app_proto, APP_ftp_data);
	harness_end(h, TO_CLIENT);
	assert_int_equal(harness_count(h, "\"ftp_data\":{\"command\":\"LIST\"}"), 1);
	assert_int_equal(harness_count(h, "fileinfo"), 0);
	harness_free(h);
	h = harness_new(6, 21, NULL);
	greeted(h);
	client(h, "PORT 10,0,0,1,4,2\r\n");
	server(h, "200 fine\r\n");
	client(h, "NLST\r\n");
	data_connection(h, true, 1026);
	server(h, "a.txt\r\n");
	assert_int_equal(h->flow.app_proto, APP_ftp_data);
	harness_free(h);
}

/* Late, from another host, or to another port: no data connection. */
static void not_announced(void **state)
{
	struct harness *h = harness_new(6, 21, NULL);

	(void)state;
	greeted(h);
	client(h, "RETR none\r\n");
	server(h, "550 no\r\n");
	assert_int_equal(harness_count(h, "\"event\":\"file_before_port\""), 1);
	client(h, "EPSV\r\n");
	server(h, "229 Entering (|||1027|)\r\n");
	client(h, "RETR c\r\n");
	data_connection(h, false, 1028);
	server(h, "xxxxxxxx");
	assert_int_not_equal(h->flow.app_proto, APP_ftp_data);
	data_connection(h, true, 1027);
	server(h, "xxxxxxxx");
	assert_int_not_equal(h->flow.app_proto, APP_ftp_data);
	h->w.now_ns += (EXPECT_SECONDS + 1) * 1000000000ull;
	data_connection(h, true, 1027); /* back to who is who */
	data_connection(h, true, 1027);
	server(h, "xxxxxxxx");
	assert_int_not_equal(h->flow.app_proto, APP_ftp_data);
	harness_free(h);
}

/* The table holds no more than it may. */
static void many_announced(void **state)
{
	struct harness *h = harness_new(6, 21, NULL);
	struct expectation e = {.client = h->flow.client, .server = h->flow.server, .ip_version = 4,
				.proto = APP_ftp_data, .name = {(uint8_t *)"x", 1}};
	uint64_t before;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		e.server_port = (uint16_t)i;
		expect_add(&h->w, &e);
	}
	before = h->w.heap.used_bytes;
	for (unsigned i = 0; i < 20000; i++) {
		e.server_port = (uint16_t)i;
		expect_add(&h->w, &e);
	}
	assert_true(h->w.heap.used_bytes <= before + 64);
	harness_free(h);
}

static void long_lines(void **state)
{
	static const char *const few[] = {"app.ftp.max_tx=2", NULL};
	static char line[FTP_LINE_MAX * 2 + 8] = "RETR ";
	struct harness *h = harness_new(6, 21, few);

	(void)state;
	greeted(h);
	memset(line + 5, 'a', FTP_LINE_MAX * 2);
	client(h, line);
	client(h, "aa\r\nNOOP\r\nNOOP\r\n");
	line[0] = '2';
	line[1] = line[2] = '0';
	server(h, line);
	server(h, "\r\n200 yes\r\n");
	assert_int_equal(harness_count(h, "\"command_truncated\":true"), 1);
	assert_int_equal(harness_count(h, "\"reply_truncated\":true"), 1);
	assert_int_equal(harness_count(h, "\"event\":\"request_command_too_long\""), 1);
	assert_int_equal(harness_count(h, "\"event\":\"response_command_too_long\""), 1);
	assert_int_equal(harness_count(h, "\"event\":\"too_many_transactions\""), 1);
	assert_int_equal(harness_count(h, "\"command\":\"NOOP\""), 1);
	harness_free(h);
}

static void holes(void **state)
{
	struct harness *h = harness_new(6, 21, NULL);

	(void)state;
	greeted(h);
	harness_gap(h, TO_SERVER, 10);
	client(h, "est of it\r\nSYST\r\n");
	server(h, "215 UNIX\r\n");
	assert_int_equal(harness_count(h, "\"command\":\"SYST\""), 1);
	assert_int_equal(harness_count(h, "UNIX"), 1);
	harness_free(h);
}

static void starts_tls(void **state)
{
	struct harness *h = harness_new(6, 21, NULL);

	(void)state;
	greeted(h);
	client(h, "AUTH TLS\r\n");
	server(h, "234 go on\r\n");
	assert_int_equal(harness_count(h, "\"command\":\"AUTH TLS\""), 1);
	assert_int_equal(h->flow.app->proto_expected, APP_tls);
	assert_null(h->flow.app->proto);
	harness_free(h);
}

/* CCC: the client's commands are in clear text again, and so are the data connections it agrees upon. */
static void ends_tls(void **state)
{
	static const char client_hello[] = "\x16\3\1\0\x2d\1\0\0\x29\3\3" "0123456789abcdef0123456789abcdef\0\0\2\0\x2f\1\0";
	static const char server_hello[] = "\x16\3\3\0\x2a\2\0\0\x26\3\3" "0123456789abcdef0123456789abcdef\0\0\x2f\0";
	static const char data[] = "\x17\3\3\0\4abcd", closing[] = "\x15\3\3\0\2xy";
	struct harness *h = harness_new(6, 21, NULL);

	(void)state;
	greeted(h);
	client(h, "AUTH TLS\r\n");
	server(h, "234 go on\r\n");
	harness_tcp(h, TO_SERVER, client_hello, sizeof(client_hello) - 1);
	harness_tcp(h, TO_CLIENT, server_hello, sizeof(server_hello) - 1);
	assert_int_equal(h->flow.app_proto, APP_tls);
	harness_tcp_steps(h, TO_SERVER, data, sizeof(data) - 1, 3);
	harness_tcp(h, TO_CLIENT, data, sizeof(data) - 1);
	assert_true(h->flow.flags & FLOW_NO_PAYLOAD);
	assert_int_equal(h->stream_stops, 0);
	harness_tcp(h, TO_CLIENT, closing, sizeof(closing) - 1);
	harness_tcp(h, TO_SERVER, closing, sizeof(closing) - 1);
	client(h, "PASV\r\n");
	server(h, "227 Entering (198,51,100,7,4,1)\r\n");
	client(h, "RETR f\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"command\":\"PASV\""), 1);
	assert_int_equal(harness_count(h, "\"dynamic_port\":1025"), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"tls\""), 1);
	assert_int_equal(harness_count(h, "APPLAYER"), 0);
	assert_false(h->flow.flags & FLOW_NO_PAYLOAD);
	harness_free(h);
}

static void other_greetings(void **state)
{
	struct harness *h = harness_new(6, 21, NULL);

	(void)state;
	server(h, "220 welcome\r\n");
	assert_int_not_equal(h->flow.app_proto, APP_ftp);
	client(h, "USER x\r\n");
	assert_int_equal(h->flow.app_proto, APP_ftp);
	server(h, "331 y\r\n");
	assert_int_equal(harness_count(h, "welcome"), 1);
	assert_int_equal(harness_count(h, "APPLAYER"), 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),       cmocka_unit_test(pieces),
		cmocka_unit_test(ports),          cmocka_unit_test(passive_download),
		cmocka_unit_test(active_upload),  cmocka_unit_test(listing), cmocka_unit_test(not_announced),
		cmocka_unit_test(many_announced), cmocka_unit_test(long_lines),
		cmocka_unit_test(holes),          cmocka_unit_test(starts_tls),
		cmocka_unit_test(ends_tls), cmocka_unit_test(other_greetings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

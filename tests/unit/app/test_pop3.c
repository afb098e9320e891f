/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/pop3.c, mail.c, dot.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/line.h"
#include "tests/unit/app/harness.h"

#define MAIL                                                                                       \
	"From: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"     \
	"Content-Disposition: attachment; filename=\"x.txt\"\r\n\r\n..dots\r\nand\r\n--b--\r\n.\r\n"

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
	struct harness *h = harness_new(6, 8110, (const char *const[]){"app_ports=no", NULL});

	(void)state;
	server(h, "+OK ready\r\n");
	assert_int_equal(h->flow.app_proto, APP_pop3);
	client(h, "user joe\r\n");
	server(h, "+OK\r\n");
	client(h, "PASS a b\r\n");
	server(h, "-ERR no\r\n");
	client(h, "CAPA\r\nSTAT\r\n");
	server(h, "+OK list\r\nUSER\r\n..x\r\n.\r\n+OK 1 2\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"pop3\""), 5);
	assert_non_null(strstr(h->out, "\"pop3\":{\"response\":{\"success\":true,\"status\":\"OK\","
				       "\"header\":\"ready\"}}"));
	assert_non_null(strstr(h->out, "\"request\":{\"command\":\"USER\",\"args\":[\"joe\"]}"));
	assert_non_null(strstr(h->out, "\"request\":{\"command\":\"PASS\",\"args\":[\"a b\"]},\"response\":{"
				       "\"success\":false,\"status\":\"ERR\",\"header\":\"no\"}"));
	assert_non_null(strstr(h->out, "\"header\":\"list\",\"data\":[\"USER\",\".x\"]}"));
	assert_int_equal(harness_count(h, "APPLAYER"), 0);
	harness_free(h);
}

/* The attachment of a mail is a file, in segments of any size; its dots are taken off. */
static void mails(void **state)
{
	static const char text[] = "+OK mail follows\r\n" MAIL "+OK bye\r\n";

	(void)state;
	for (size_t step = 1; step < sizeof(text); step = step * 3 + 1) {
		struct harness *h = harness_new(6, 110, NULL);

		server(h, "+OK ready\r\n");
		client(h, "RETR 1\r\nQUIT\r\n");
		harness_tcp_steps(h, TO_CLIENT, text, sizeof(text) - 1, step);
		assert_int_equal(harness_count(h, "\"fileinfo\":{\"filename\":\"x.txt\""), 1);
		assert_int_equal(harness_count(h, "\"state\":\"CLOSED\""), 1);
		assert_int_equal(harness_count(h, "\"size\":10"), 1); /* .dots CR LF and */
		assert_int_equal(harness_count(h, "\"command\":\"QUIT\""), 1);
		harness_free(h);
	}
}

/* What is said of a mail for the analysis of its attachments is given back, whole or cut. */
static void noted_mail(void **state)
{
	static const char *const settings[] = {"file_analysis.enabled=yes", NULL};
	static const char text[] = "+OK mail follows\r\n" MAIL;

	(void)state;
	for (size_t len = sizeof("+OK mail follows\r\n"); len < sizeof(text); len++) {
		struct harness *h = harness_new(6, 110, settings);

		server(h, "+OK ready\r\n");
		client(h, "RETR 1\r\n");
		harness_tcp(h, TO_CLIENT, text, len);
		harness_free(h); /* asks whether all was given back */
	}
}

static void cut_mail(void **state)
{
	struct harness *h = harness_new(6, 110, NULL);

	(void)state;
	server(h, "+OK ready\r\n");
	client(h, "TOP 1 10\r\n");
	server(h, "+OK\r\n");
	harness_tcp(h, TO_CLIENT, MAIL, strlen(MAIL) - 20);
	harness_gap(h, TO_CLIENT, 100);
	server(h, "more\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"gaps\":true,\"state\":\"TRUNCATED\""), 1);
	harness_free(h);
	/* TOP that ends within the attachment, and behind it */
	for (unsigned whole = 0; whole < 2; whole++) {
		h = harness_new(6, 110, NULL);
		server(h, "+OK ready\r\n");
		client(h, "TOP 1 10\r\n");
		server(h, "+OK\r\n");
		harness_tcp(h, TO_CLIENT, MAIL, (size_t)(strstr(MAIL, "--b--") - MAIL) + (whole ? 7 : 0));
		server(h, ".\r\n");
		assert_int_equal(harness_count(h, whole ? "\"gaps\":false,\"state\":\"CLOSED\"" : "\"gaps\":false,\"state\":\"TRUNCATED\""), 1);
		harness_free(h);
	}
}

static void authenticates(void **state)
{
	struct harness *h = harness_new(6, 110, NULL);

	(void)state;
	server(h, "+OK ready\r\n");
	client(h, "AUTH PLAIN\r\n");
	server(h, "+ \r\n");
	client(h, "c2VjcmV0\r\n");
	server(h, "+OK in\r\n");
	assert_int_equal(harness_count(h, "\"command\":\"<SASL DATA>\""), 1);
	assert_int_equal(harness_count(h, "c2VjcmV0"), 0);
	client(h, "STLS\r\n");
	server(h, "+OK go\r\n");
	assert_int_equal(h->flow.app->proto_expected, APP_tls);
	harness_free(h);
}

static void odd(void **state)
{
	static char line[5000] = "NOOP ";
	struct harness *h = harness_new(6, 110, NULL);

	(void)state;
	server(h, "+OK ready\r\n");
	memset(line + 5, 'a', sizeof(line) - 6);
	client(h, line);
	client(h, "\r\n");
	server(h, "what?\r\n");
	assert_int_equal(harness_count(h, "\"event\":\"request_too_long\""), 1);
	assert_int_equal(harness_count(h, "\"event\":\"invalid_response\""), 1);
	harness_reset(h, 110);
	server(h, "+OKAY\r\n");
	assert_int_not_equal(h->flow.app_proto, APP_pop3);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session),       cmocka_unit_test(mails), cmocka_unit_test(noted_mail), cmocka_unit_test(cut_mail),
		cmocka_unit_test(authenticates), cmocka_unit_test(odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/syslog.c, syslog_message.c, syslog_log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/syslog.h"
#include "tests/unit/app/harness.h"

#define IETF "<165>1 2003-10-11T22:14:15.003Z host.example evntslog 71 ID47 [ex@32473 iut=\"3\" a=\"q\\\"\\]\"][x@1] \xef\xbb\xbf" "An event"
#define BSD "<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed"

static void give(struct harness *h, const char *text, size_t step)
{
	size_t len = strlen(text);
	uint8_t *copy = malloc(len); /* of its own: reading past it is noticed */

	memcpy(copy, text, len);
	if (h->flow.ip_proto == 17)
		harness_udp(h, TO_SERVER, copy, len);
	else
		harness_tcp_steps(h, TO_SERVER, copy, len, step);
	free(copy);
}

static void says(const char *text, const char *object)
{
	struct harness *h = harness_new(17, 514, NULL);

	give(h, text, 0);
	if (!strstr(h->out, object))
		print_error("%s\n%s\n%s\n", text, object, h->out);
	assert_non_null(strstr(h->out, object));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

static void forms(void **state)
{
	(void)state;
	says(IETF, "\"syslog\":{\"format\":\"rfc5424\",\"version\":1,\"priority\":165,\"facility\":\"local4\",\"severity\":\"notice\","
		   "\"timestamp\":\"2003-10-11T22:14:15.003Z\",\"hostname\":\"host.example\",\"appname\":\"evntslog\",\"procid\":\"71\","
		   "\"msgid\":\"ID47\",\"structured_data\":[{\"id\":\"ex@32473\",\"params\":[{\"name\":\"iut\",\"value\":\"3\"},"
		   "{\"name\":\"a\",\"value\":\"q\\u0022]\"}]},{\"id\":\"x@1\"}],\"message\":\"An event\"}");
	says("<14>1 - - - - - -", "\"syslog\":{\"format\":\"rfc5424\",\"version\":1,\"priority\":14,\"facility\":\"user\",\"severity\":\"info\",\"message\":\"\"}");
	says(BSD "\n", "\"syslog\":{\"format\":\"rfc3164\",\"priority\":34,\"facility\":\"auth\",\"severity\":\"crit\","
		       "\"timestamp\":\"Oct 11 22:14:15\",\"hostname\":\"mymachine\",\"appname\":\"su\",\"procid\":\"230\","
		       "\"message\":\"'su root' failed\"}");
	says("<13>Oct  1 22:14:15 sshd[7]: a b", "\"timestamp\":\"Oct  1 22:14:15\",\"appname\":\"sshd\",\"procid\":\"7\",\"message\":\"a b\"}");
	says("<13>Feb  5 2024 17:32:18.123 10.0.0.99 Use the BFG!", "\"timestamp\":\"Feb  5 2024 17:32:18.123\",\"hostname\":\"10.0.0.99\",\"message\":\"Use the BFG!\"}");
	says("<189>123: *Mar  1 18:46:11.000 UTC: %SYS-5-CONFIG_I: Configured",
	     "\"facility\":\"local7\",\"severity\":\"notice\",\"timestamp\":\"Mar  1 18:46:11.000\",\"appname\":\"%SYS-5-CONFIG_I\",\"message\":\"Configured\"}");
	says("<189>7: Mar  1 18:46:11: %SYS-5-CONFIG_I: Configured", "\"timestamp\":\"Mar  1 18:46:11\",\"appname\":\"%SYS-5-CONFIG_I\",\"message\":\"Configured\"}");
	says("<13>2003-10-11T22:14:15.003Z h cron: x", "\"timestamp\":\"2003-10-11T22:14:15.003Z\",\"hostname\":\"h\",\"appname\":\"cron\",\"message\":\"x\"}");
	says("<13>su: 'su root' failed", "\"format\":\"rfc3164\",\"priority\":13,\"facility\":\"user\",\"severity\":\"notice\",\"appname\":\"su\",\"message\":\"'su root' failed\"}");
	says("<0>Use the BFG!", "\"format\":\"plain\",\"priority\":0,\"facility\":\"kern\",\"severity\":\"emerg\",\"message\":\"Use the BFG!\"}");
}

static void rules(void **state)
{
	struct harness *h = harness_new(17, 514, NULL);
	uint64_t n = 0;

	(void)state;
	harness_udp_open(h, TO_SERVER, IETF, strlen(IETF));
	assert_int_equal(h->flow.app_proto, APP_syslog);
	assert_string_equal(harness_text(h, TO_SERVER, "syslog.hostname", 0), "host.example");
	assert_string_equal(harness_text(h, TO_SERVER, "syslog.appname", 0), "evntslog");
	assert_string_equal(harness_text(h, TO_SERVER, "syslog.procid", 0), "71");
	assert_string_equal(harness_text(h, TO_SERVER, "syslog.msgid", 0), "ID47");
	assert_string_equal(harness_text(h, TO_SERVER, "syslog.message", 0), "An event");
	assert_string_equal(harness_text(h, TO_SERVER, "syslog.structured_data", 0), "[ex@32473 iut=\"3\" a=\"q\\\"\\]\"][x@1]");
	assert_null(harness_text(h, TO_CLIENT, "syslog.message", 0));
	assert_true(harness_value(h->flow.app->proto, "syslog.facility")->get(&h->w, &h->flow, h->flow.app->last, TO_SERVER, &n));
	assert_int_equal(n, 20);
	assert_true(harness_value(h->flow.app->proto, "syslog.severity")->get(&h->w, &h->flow, h->flow.app->last, TO_SERVER, &n));
	assert_int_equal(n, 5);
	harness_done(h);
	harness_free(h);
}

/* Lines, zero bytes and lengths in one stream, in any cut; the last line need not end. */
static void streams(void **state)
{
	static const char stream[] = BSD "\n" "17 <34>su: a\nb and c" "\n" "9 <34>1 two" "<13>3 lines\r\n" "<13>zero\0" "12 apples are no length\n" "<13>the end";

	(void)state;
	for (size_t step = 1; step < 60; step += step < 8 ? 1 : 17) {
		struct harness *h = harness_new(6, 514, NULL);

		harness_tcp_steps(h, TO_SERVER, stream, sizeof(stream) - 1, step);
		harness_end(h, TO_SERVER);
		harness_end(h, TO_CLIENT);
		assert_int_equal(h->flow.app_proto, APP_syslog);
		assert_int_equal(harness_count(h, "\"event_type\":\"syslog\""), 7);
		assert_int_equal(harness_count(h, "\"message\":\"a\\u000ab and c\"}"), 1);
		assert_int_equal(harness_count(h, "\"message\":\"1 two\"}"), 1);
		assert_int_equal(harness_count(h, "\"message\":\"3 lines\"}"), 1);
		assert_int_equal(harness_count(h, "\"message\":\"zero\"}"), 1);
		assert_int_equal(harness_count(h, "\"format\":\"plain\",\"message\":\"12 apples are no length\"}"), 1);
		assert_int_equal(harness_count(h, "\"message\":\"the end\"}"), 1);
		assert_int_equal(harness_count(h, "\"event\":\"missing_priority\""), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 1);
		harness_free(h);
	}
}

/* Of a message with a hole its beginning is there; the next one is whole, where its place is known or found. */
static void holes(void **state)
{
	static const struct {
		const char *before;
		uint32_t hole;
		const char *behind;
		unsigned incomplete;
		const char *message; /* of the next */
	} cases[] = {
		{BSD "\n<13>begun and", 9, "torn\n<13>next\n", 1, "next"},
		{BSD "\n<13>begun and", 9, "<13>next\n", 1, "next"},
		{BSD "\n", 9, "torn\n<13>next\n", 0, "next"},
		{"10 <13>before19 <13>begun", 5, "torn!9 <13>next!", 1, "next!"},
		{"10 <13>before19 <13>begun", 10, "9 <13>next!", 1, "next!"},
		{"10 <13>before19 <13>begun", 30, "12 torn 5 9 <13>next!", 1, "next!"},
		{"10 <13>before", 4, ">torn 1116 9 <13>next!", 0, "next!"},
		{"10 <13>before19 <13>begun", 30, "number 109 <13>next!5 <13>x", 1, "next!"},
		{"10 <13>before19 <13>begun", 30, "number 12345678901234567899 <13>next!5 <13>x", 1, "next!"},
		{"10 <13>before1", 4, "<13>torn 1116 9 <13>next!", 0, "next!"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step < 30; step += 9) {
			struct harness *h = harness_new(6, 514, NULL);
			char wanted[64];

			give(h, cases[i].before, step);
			harness_gap(h, TO_SERVER, cases[i].hole);
			give(h, cases[i].behind, step);
			harness_end(h, TO_SERVER);
			harness_end(h, TO_CLIENT);
			snprintf(wanted, sizeof(wanted), "\"message\":\"%s\"}", cases[i].message);
			if (harness_count(h, wanted) != 1)
				print_error("case %zu: %s\n", i, h->out);
			assert_int_equal(harness_count(h, wanted), 1);
			assert_int_equal(harness_count(h, "\"event\":\"incomplete_message\""), cases[i].incomplete);
			assert_int_equal(harness_count(h, "\"truncated\":true"), cases[i].incomplete);
			assert_int_equal(harness_count(h, "\"event_type\":\"syslog\""),
					 2 + cases[i].incomplete + harness_count(h, "\"message\":\"x\""));
			harness_free(h);
		}
	}
}

/* Long messages are cut, and the next one is found behind them. */
static void lengths(void **state)
{
	static char text[40000];

	(void)state;
	for (unsigned counted = 0; counted < 2; counted++) {
		struct harness *h = harness_new(6, 514, NULL);
		int head = snprintf(text, sizeof(text), counted ? "20004 <13>" : "<13>");

		memset(text + head, 'x', 20000);
		snprintf(text + head + 20000, 64, "%s", counted ? "9 <13>next!" : "\n<13>next!\n");
		give(h, text, 1400);
		assert_int_equal(harness_count(h, "\"message\":\"next!\"}"), 1);
		assert_int_equal(harness_count(h, "\"truncated\":true"), 1);
		assert_int_equal(harness_count(h, "\"event\":\"message_too_long\""), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"syslog\""), 2);
		harness_free(h);
	}
	/* a length that is none */
	{
		struct harness *h = harness_new(6, 514, NULL);

		give(h, BSD "\n9999999 <13>far away\n<13>next!\n", 1400);
		assert_int_equal(harness_count(h, "\"event\":\"invalid_length\""), 1);
		assert_int_equal(harness_count(h, "\"message\":\"next!\"}"), 1);
		harness_free(h);
	}
}

static void events(void **state)
{
	static const struct {
		const char *text, *event;
	} cases[] = {
		{"<192>too high", "invalid_priority"},
		{"no priority", "missing_priority"},
		{"<13>1 2003-10-11T22:14:15Z host app 1", "invalid_header"},
		{"<13>1 2003/10/11 host app 1 ID - text", "invalid_header"},
		{"<13>1 2003-10-11T22:14:15Z host app 1 ID [a b=\"c] text", "invalid_structured_data"},
		{"<13>1 2003-10-11T22:14:15Z host app 1 ID [a b=\"c\"][d e] text", "invalid_structured_data"},
		{"<13>1 2003-10-11T22:14:15Z host app 1 ID text", "invalid_structured_data"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness *h = harness_new(17, 514, NULL);

		give(h, BSD, 0);
		give(h, cases[i].text, 0);
		if (harness_count(h, cases[i].event) != 1)
			print_error("case %zu: %s\n", i, h->out);
		assert_int_equal(harness_count(h, cases[i].event), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"syslog\""), 2);
		harness_free(h);
	}
}

static void probing(void **state)
{
	static const struct {
		uint8_t ip_proto;
		uint16_t port;
		const char *text;
		bool is;
	} cases[] = {
		{17, 514, "<34>su: failed", true},      {17, 5140, "<34>su: failed", false},
		{17, 5140, IETF, true},                  {17, 5140, BSD, true},
		{17, 514, "<340>su", false},             {17, 514, "<>su", false},
		{6, 514, "<34>su: failed", true},        {6, 601, "14 <34>su: failed", true},
		{6, 9000, "14 <34>su: failed", false},   {6, 9000, "55 " BSD, true},
		{6, 9000, BSD "\n", true},               {6, 9000, "<html>Oct 11", false},
		{6, 514, "1023\1root", false},           {6, 514, "014 <34>su: failed", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step < 100; step += 98) {
			struct harness *h = harness_new(cases[i].ip_proto, cases[i].port, NULL);

			give(h, cases[i].text, step);
			if ((h->flow.app_proto == APP_syslog) != cases[i].is)
				print_error("case %zu\n", i);
			assert_int_equal(h->flow.app_proto == APP_syslog, cases[i].is);
			harness_free(h);
		}
	}
}

/* Many in one segment: as many as may be at once are taken, and the event tells of the others. */
static void floods(void **state)
{
	static char text[12000];
	struct harness *h = harness_new(6, 514, NULL);

	(void)state;
	for (size_t i = 0; i + 6 < sizeof(text); i += 6)
		memcpy(text + i, "<13>a\n", 6);
	for (unsigned i = 0; i < 4; i++) {
		give(h, text, 6000);
		assert_int_equal(harness_count(h, "\"event\":\"too_many_transactions\""), 0);
		assert_int_equal(harness_count(h, "\"event_type\":\"syslog\""), 1999);
		harness_clear(h);
	}
	give(h, text, sizeof(text));
	assert_int_equal(harness_count(h, "\"event_type\":\"syslog\""), 1024);
	assert_int_equal(harness_count(h, "\"event\":\"too_many_transactions\""), 1);
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(rules),
		cmocka_unit_test(streams),
		cmocka_unit_test(holes),
		cmocka_unit_test(lengths),
		cmocka_unit_test(events),
		cmocka_unit_test(probing),
		cmocka_unit_test(floods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/llmnr.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static void give(struct harness *h, enum direction d, const char *hex, size_t step)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	if (h->flow.ip_proto == 17)
		harness_udp_open(h, d, data, len);
	else
		harness_tcp_steps(h, d, data, len, step);
	free(data);
}

#define WPAD "04 77706164 00" /* at 12 */
#define QUESTION "1234 0000 0001 0000 0000 0000" WPAD "0001 0001"
#define ANSWER                                                                                     \
	"1234 8100 0001 0002 0000 0000" WPAD "0001 0001"                                           \
	"c00c 0001 0001 0000001e 0004 c0000242"                                                    \
	"c00c 001c 0001 0000001e 0010 fe800000000000000000000000000042"

static void question(void **state)
{
	struct harness *h = harness_new(17, 5355, NULL);

	(void)state;
	give(h, TO_SERVER, QUESTION, 0);
	assert_int_equal(h->flow.app_proto, APP_llmnr);
	assert_string_equal(harness_text(h, TO_SERVER, "llmnr.queries.rrname", 0), "wpad");
	assert_null(harness_text(h, TO_SERVER, "llmnr.response.rrname", 0));
	harness_done(h);
	assert_non_null(strstr(h->out, "\"llmnr\":{\"type\":\"request\",\"id\":4660,\"opcode\":0,\"rcode\":0,"
				       "\"queries\":[{\"rrname\":\"wpad\",\"rrtype\":\"a\"}]}"));
	assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 0);
	assert_string_equal(h->contacts, ""); /* names of one's own network are no contacts */
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* The answer to a group is a flow of its own, from the port of LLMNR to the asker's. */
static void answer(void **state)
{
	struct harness *h = harness_new(17, 50000, NULL);

	(void)state;
	h->flow.client_port = 5355;
	give(h, TO_SERVER, ANSWER, 0);
	assert_int_equal(h->flow.app_proto, APP_llmnr);
	assert_string_equal(harness_text(h, TO_SERVER, "llmnr.queries.rrname", 0), "wpad");
	assert_string_equal(harness_text(h, TO_SERVER, "llmnr.answers.rrname", 1), "wpad");
	assert_string_equal(harness_text(h, TO_SERVER, "llmnr.response.rrname", 1), "wpad");
	assert_null(harness_text(h, TO_CLIENT, "llmnr.answers.rrname", 0));
	harness_done(h);
	assert_non_null(strstr(h->out, "\"llmnr\":{\"type\":\"response\",\"id\":4660,\"flags\":[\"t\"],\"opcode\":0,\"rcode\":0,"
				       "\"queries\":[{\"rrname\":\"wpad\",\"rrtype\":\"a\"}],\"answers\":["
				       "{\"rrname\":\"wpad\",\"ttl\":30,\"a\":\"192.0.2.66\"},"
				       "{\"rrname\":\"wpad\",\"ttl\":30,\"aaaa\":\"fe80:0000:0000:0000:0000:0000:0000:0042\"}]}"));
	assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 0);
	assert_int_equal(h->reversals, 0);
	harness_free(h);
}

/* Over TCP in any cut; what was lost costs what was in it. */
static void stream(void **state)
{
	(void)state;
	for (size_t step = 1; step < 80; step += 13) {
		struct harness *h = harness_new(6, 5355, NULL);

		give(h, TO_SERVER, "0016" QUESTION, step);
		assert_int_equal(h->flow.app_proto, APP_llmnr);
		give(h, TO_CLIENT, "0042" ANSWER, step);
		harness_gap(h, TO_CLIENT, 20);
		give(h, TO_CLIENT, "0042" ANSWER, 200);
		harness_end(h, TO_SERVER);
		harness_end(h, TO_CLIENT);
		assert_int_equal(harness_count(h, "\"type\":\"request\""), 1);
		assert_int_equal(harness_count(h, "\"type\":\"response\""), 2);
		assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 0);
		harness_free(h);
	}
}

/* RFC 4795, 2.1.1: reserved flags, other operations, more or fewer questions, answers in a question. */
static void events(void **state)
{
	static const struct {
		const char *hex, *event;
	} cases[] = {
		{"0001 0010 0001 0000 0000 0000" WPAD "0001 0001", "z_flag_set"},
		{"0001 0080 0001 0000 0000 0000" WPAD "0001 0001", "z_flag_set"},
		{"0001 0800 0001 0000 0000 0000" WPAD "0001 0001", "invalid_opcode"},
		{"0001 0001 0001 0000 0000 0000" WPAD "0001 0001", "rcode_in_request"},
		{"0001 0000 0002 0000 0000 0000" WPAD "0001 0001 c00c 001c 0001", "invalid_question_count"},
		{"0001 0000 0001 0001 0000 0000" WPAD "0001 0001 c00c 0001 0001 0000001e 0004 c0000242",
		 "records_in_request"},
		{"0001 0000 0001 0000 0000 0000 04 7770", "malformed_data"},
		{"0001 8000 0001 0001 0000 0000" WPAD "0001 0001 c00c 0001 0001 0000001e 0014 c0000242", "malformed_data"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness *h = harness_new(17, 5355, NULL);

		give(h, TO_SERVER, cases[i].hex, 0);
		assert_true(harness_flawed(h, "llmnr", cases[i].event));
		/* the next one stands for itself */
		give(h, TO_SERVER, QUESTION, 0);
		harness_done(h);
		assert_int_equal(harness_count(h, "\"queries\":[{\"rrname\":\"wpad\",\"rrtype\":\"a\"}]}"), i < 4 ? 2 : 1);
		harness_free(h);
	}
}

/* At its port only, and there not all that comes. */
static void others(void **state)
{
	struct harness *h = harness_new(17, 5356, NULL);

	(void)state;
	give(h, TO_SERVER, QUESTION, 0);
	assert_int_not_equal(h->flow.app_proto, APP_llmnr);
	harness_done(h);
	harness_reset(h, 5355);
	give(h, TO_SERVER, "68656c6c6f 2c 20 776f726c6421 0a", 0);
	assert_int_not_equal(h->flow.app_proto, APP_llmnr);
	harness_done(h);
	harness_free(h);
	h = harness_new(6, 5355, NULL);
	give(h, TO_SERVER, "68656c6c6f 2c 20 776f726c6421 0a 31323334", 0xffff);
	assert_int_not_equal(h->flow.app_proto, APP_llmnr);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(question),
		cmocka_unit_test(answer),
		cmocka_unit_test(stream),
		cmocka_unit_test(events),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

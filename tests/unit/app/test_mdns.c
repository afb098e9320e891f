/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/mdns.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static void udp(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_udp_open(h, d, data, len);
	free(data);
}

#define SERVICE "05 5f69707074 04 5f746370 05 6c6f63616c 00" /* _ippt._tcp.local at 12 */
#define HOST "02 7063 c017"                                  /* pc.local */

/* Two questions, the second for a unicast answer, and what is known already (RFC 6762, 7.1). */
#define QUESTION                                                                                   \
	"0000 0000 0002 0001 0000 0001" SERVICE "000c 0001" HOST "00ff 8001"                       \
	"c00c 000c 0001 00000e10 0005 02 7078 c00c"                                                \
	"00 0029 05a0 00000000 0000"

static void question(void **state)
{
	struct harness *h = harness_new(17, 5353, NULL);

	(void)state;
	udp(h, TO_SERVER, QUESTION);
	assert_int_equal(h->flow.app_proto, APP_mdns);
	assert_string_equal(harness_text(h, TO_SERVER, "mdns.queries.rrname", 0), "_ippt._tcp.local");
	assert_string_equal(harness_text(h, TO_SERVER, "mdns.queries.rrname", 1), "pc.local");
	assert_null(harness_text(h, TO_SERVER, "mdns.queries.rrname", 2));
	assert_null(harness_text(h, TO_CLIENT, "mdns.queries.rrname", 0));
	assert_string_equal(harness_text(h, TO_SERVER, "mdns.answers.rrname", 0), "_ippt._tcp.local");
	assert_null(harness_text(h, TO_SERVER, "mdns.response.rrname", 0));
	harness_done(h);
	assert_non_null(strstr(h->out, "\"mdns\":{\"type\":\"request\",\"id\":0,\"opcode\":0,\"rcode\":0,"
				       "\"queries\":[{\"rrname\":\"_ippt._tcp.local\",\"rrtype\":\"ptr\"},"
				       "{\"rrname\":\"pc.local\",\"rrtype\":\"any\"}],"
				       "\"answers\":[{\"rrname\":\"_ippt._tcp.local\","
				       "\"ptr\":\"px._ippt._tcp.local\"}]}"));
	assert_string_equal(h->contacts, ""); /* names of one's own network are no contacts */
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* Records of all kinds; the strings of one TXT record are one list, those of the next another. */
#define RESPONSE                                                                                   \
	"0000 8430 0000 0007 0001 0003" SERVICE "0010 8001 00000078 0006 02 6162 02 6364"          \
	"c00c 0010 8001 00000078 0003 02 6566"                                                     \
	"c00c 000c 0001 00000078 0005 02 7078 c00c"                                                \
	"c00c 0021 8001 00000078 000b 0000 0001 0277 02 7063 c017"                                 \
	"c00c 0001 8001 00000078 0004 c0000201"                                                    \
	"c00c 0001 8001 00000078 0002 c000"                                                        \
	"c00c 012c 8001 00000078 0002 6869"                                                        \
	"c00c 0002 0001 00000078 0005 02 6e73 c017"                                                \
	"c00c 001c 8001 00000078 0010 fe800000000000000000000000000005"                            \
	"c00c 002f 8001 00000078 0002 c00c"                                                        \
	"00 0029 05a0 00000000 0000"

static void response(void **state)
{
	struct harness *h = harness_new(17, 5353, NULL);

	(void)state;
	udp(h, TO_SERVER, RESPONSE);
	assert_string_equal(harness_text(h, TO_SERVER, "mdns.answers.rrname", 0), "_ippt._tcp.local");
	assert_string_equal(harness_text(h, TO_SERVER, "mdns.response.rrname", 7), "px._ippt._tcp.local");
	assert_string_equal(harness_text(h, TO_SERVER, "mdns.authorities.rrname", 0), "_ippt._tcp.local");
	assert_string_equal(harness_text(h, TO_SERVER, "mdns.additionals.rrname", 2), "");
	assert_null(harness_text(h, TO_SERVER, "mdns.queries.rrname", 0));
	harness_done(h);
	assert_non_null(strstr(h->out, "\"mdns\":{\"type\":\"response\",\"id\":0,\"flags\":[\"aa\",\"ad\",\"cd\"],"
				       "\"opcode\":0,\"rcode\":0,\"answers\":["
				       "{\"rrname\":\"_ippt._tcp.local\",\"txt\":[\"ab\",\"cd\"]},"
				       "{\"rrname\":\"_ippt._tcp.local\",\"txt\":[\"ef\"]},"
				       "{\"rrname\":\"_ippt._tcp.local\",\"ptr\":\"px._ippt._tcp.local\"},"
				       "{\"rrname\":\"_ippt._tcp.local\",\"srv\":{\"priority\":0,\"weight\":1,"
				       "\"port\":631,\"name\":\"pc.local\"}},"
				       "{\"rrname\":\"_ippt._tcp.local\",\"a\":\"192.0.2.1\"},"
				       "{\"rrname\":\"_ippt._tcp.local\",\"a\":\"\"},"
				       "{\"rrname\":\"_ippt._tcp.local\",\"300\":\"hi\"}],"
				       "\"authorities\":[{\"rrname\":\"_ippt._tcp.local\",\"ns\":\"ns.local\"}],"));
	assert_non_null(strstr(h->out, "\"aaaa\":\"fe80:0000:0000:0000:0000:0000:0000:0005\"},"
				       "{\"rrname\":\"_ippt._tcp.local\",\"nsec\":"));
	assert_null(strstr(h->out, "\"opt\""));
	harness_free(h);
}

/* To and from port 5353 only; an answer to a single host goes to the client. */
static void directions(void **state)
{
	struct harness *h = harness_new(17, 5354, NULL);

	(void)state;
	udp(h, TO_SERVER, "0000 0000 0002 0000 0000 0000" SERVICE "000c 0001" HOST "000c 0001");
	assert_int_not_equal(h->flow.app_proto, APP_mdns);
	harness_done(h);
	harness_reset(h, 5353);
	udp(h, TO_SERVER, QUESTION);
	harness_done(h);
	udp(h, TO_CLIENT, RESPONSE);
	assert_string_equal(harness_text(h, TO_CLIENT, "mdns.answers.rrname", 0), "_ippt._tcp.local");
	assert_null(harness_text(h, TO_SERVER, "mdns.answers.rrname", 0));
	harness_done(h);
	assert_int_equal(harness_count(h, "\"type\":\"response\""), 1);
	assert_int_equal(h->reversals, 0);
	harness_free(h);
}

/* The events are those of DNS; what cannot be read is one of the message before it. */
static void events(void **state)
{
	struct harness *h = harness_new(17, 5353, NULL);

	(void)state;
	udp(h, TO_SERVER, "0000 0040 0001 0000 0000 0000" SERVICE "000c 0001");
	udp(h, TO_SERVER, "0000 0000 0001 0000 0000 0000 05 5f6970");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"event\":\"z_flag_set\""), 1);
	assert_int_equal(harness_count(h, "\"event\":\"malformed_data\""), 1);
	assert_int_equal(harness_count(h, "\"flags\":[\"z\"]"), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"mdns\""), 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(question),
		cmocka_unit_test(response),
		cmocka_unit_test(directions),
		cmocka_unit_test(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

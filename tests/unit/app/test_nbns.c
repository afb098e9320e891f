/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/nbns.c, nbns_log.c, netbios.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/netbios.h"
#include "tests/unit/app/harness.h"

static void give(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_udp_open(h, d, data, len);
	free(data);
}

/* "WPAD" and eleven blanks: FH FA EB EE, CA … */
#define WPAD(suffix) "20 4648 4641 4542 4545 4341 4341 4341 4341 4341 4341 4341 4341 4341 4341 4341" suffix "00"
#define WORKSTATION "4141" /* <00> */
#define SERVER "4341"      /* <20> */
#define STAR "20 434b 4141 4141 4141 4141 4141 4141 4141 4141 4141 4141 4141 4141 4141 4141 4141 00"

static void names(void **state)
{
	uint8_t name[NETBIOS_NAME_BYTES];
	char text[NETBIOS_TEXT_BYTES];

	(void)state;
	assert_true(netbios_decode((struct bytes){(const uint8_t *)"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 32}, name));
	assert_int_equal(netbios_text(name, text), 5);
	assert_string_equal(text, "*<00>");
	assert_true(netbios_decode((struct bytes){(const uint8_t *)"ABACFPFPENFDECFCEPFHFDEFFPFPACAB.a", 34}, name));
	assert_int_equal(netbios_text(name, text), 19);
	assert_memory_equal(text, "\1\2__MSBROWSE__\2<01>", 19);
	assert_false(netbios_decode((struct bytes){(const uint8_t *)"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 31}, name));
	assert_false(netbios_decode((struct bytes){(const uint8_t *)"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-", 33}, name));
	assert_false(netbios_decode((struct bytes){(const uint8_t *)"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ", 32}, name));
	assert_string_equal(netbios_service(0x1c, true), "domain_controllers");
	assert_string_equal(netbios_service(0x00, true), "workgroup");
	assert_null(netbios_service(0x1b, true));
	assert_null(netbios_service(0x77, false));
}

static void query(void **state)
{
	struct harness *h = harness_new(17, 137, NULL);

	(void)state;
	give(h, TO_SERVER, "8001 0110 0001 0000 0000 0000" WPAD(WORKSTATION) "0020 0001");
	assert_int_equal(h->flow.app_proto, APP_nbns);
	assert_string_equal(harness_text(h, TO_SERVER, "nbns.queries.rrname", 0), "WPAD<00>");
	assert_null(harness_text(h, TO_CLIENT, "nbns.queries.rrname", 0));
	harness_done(h);
	assert_non_null(strstr(h->out, "\"nbns\":{\"type\":\"request\",\"id\":32769,\"opcode\":\"query\",\"flags\":[\"rd\",\"b\"],"
				       "\"queries\":[{\"rrname\":\"WPAD<00>\",\"service\":\"workstation\",\"rrtype\":\"nb\"}]}"));
	assert_string_equal(h->contacts, "");
	assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 0);
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* An answer comes from another address: a flow of its own. Two addresses, the second of a group. */
static void answer(void **state)
{
	struct harness *h = harness_new(17, 137, NULL);

	(void)state;
	give(h, TO_SERVER, "8001 8500 0000 0001 0000 0000" WPAD(SERVER) "0020 0001 000000a5 000c 0000 c0000242 e000 c0000243");
	assert_string_equal(harness_text(h, TO_SERVER, "nbns.answers.rrname", 0), "WPAD<20>");
	harness_done(h);
	assert_non_null(strstr(h->out, "\"nbns\":{\"type\":\"response\",\"id\":32769,\"opcode\":\"query\",\"flags\":[\"aa\",\"rd\"],"
				       "\"rcode\":\"NOERROR\",\"answers\":[{\"rrname\":\"WPAD<20>\",\"service\":\"file_server\","
				       "\"rrtype\":\"nb\",\"ttl\":165,\"addresses\":[{\"ip\":\"192.0.2.66\",\"group\":false,"
				       "\"node_type\":\"b\"},{\"ip\":\"192.0.2.67\",\"group\":true,\"node_type\":\"h\"}]}]}"));
	harness_free(h);
}

/* A name in a scope; registered, with a pointer to the question. */
static void registration(void **state)
{
	struct harness *h = harness_new(17, 137, NULL);
	uint64_t opcode = 0;

	(void)state;
	give(h, TO_SERVER,
	     "8002 2910 0001 0000 0000 0001" "20 4648 4641 4542 4545 4341 4341 4341 4341 4341 4341 4341 4341 4341 4341 4341 4141"
	     "03 6c6162 05 6c6f63616c 00 0020 0001 c00c 0020 0001 000493e0 0006 8000 0a000005");
	assert_string_equal(harness_text(h, TO_SERVER, "nbns.queries.rrname", 0), "WPAD<00>");
	assert_string_equal(harness_text(h, TO_SERVER, "nbns.additionals.rrname", 0), "WPAD<00>");
	assert_true(harness_value(h->flow.app->proto, "nbns.opcode")->get(&h->w, &h->flow, h->flow.app->last, TO_SERVER, &opcode));
	assert_int_equal(opcode, 5);
	harness_done(h);
	assert_non_null(strstr(h->out, "\"opcode\":\"registration\",\"flags\":[\"rd\",\"b\"],"
				       "\"queries\":[{\"rrname\":\"WPAD<00>\",\"scope\":\"lab.local\",\"service\":\"workstation\",\"rrtype\":\"nb\"}],"
				       "\"additionals\":[{\"rrname\":\"WPAD<00>\",\"scope\":\"lab.local\",\"service\":\"workgroup\",\"rrtype\":\"nb\","
				       "\"ttl\":300000,\"addresses\":[{\"ip\":\"10.0.0.5\",\"group\":true,\"node_type\":\"b\"}]}]}"));
	harness_free(h);
}

#define PC1 "504331 202020202020202020202020"
#define LAB "4c4142 202020202020202020202020"

/* The names of a host, and its MAC. */
static void status(void **state)
{
	struct harness *h = harness_new(17, 137, NULL);

	(void)state;
	give(h, TO_SERVER, "0003 0000 0001 0000 0000 0000" STAR "0021 0001");
	harness_done(h);
	assert_int_equal(harness_count(h, "{\"rrname\":\"*<00>\",\"service\":\"workstation\",\"rrtype\":\"nbstat\"}"), 1);
	give(h, TO_CLIENT, "0003 8400 0000 0001 0000 0000" STAR "0021 0001 00000000 002d 02"
			   PC1 "20 0400" LAB "1e 8c00" "020000000001 0000");
	assert_string_equal(harness_text(h, TO_CLIENT, "nbns.status.name", 0), "PC1");
	assert_string_equal(harness_text(h, TO_CLIENT, "nbns.status.name", 1), "LAB");
	assert_null(harness_text(h, TO_CLIENT, "nbns.status.name", 2));
	harness_done(h);
	assert_non_null(strstr(h->out, "\"rrtype\":\"nbstat\",\"ttl\":0,\"names\":[{\"rrname\":\"PC1<20>\",\"service\":\"file_server\","
				       "\"group\":false,\"node_type\":\"b\",\"state\":[\"active\"]},{\"rrname\":\"LAB<1e>\","
				       "\"service\":\"browser_elections\",\"group\":true,\"node_type\":\"b\",\"state\":[\"conflict\",\"active\"]}],"
				       "\"mac\":\"\\u0002\\u0000"));
	assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 0);
	harness_free(h);
}

/* Refusals, releases, waits. */
static void others(void **state)
{
	struct harness *h = harness_new(17, 137, NULL);

	(void)state;
	give(h, TO_SERVER, "0004 8583 0000 0001 0000 0000" WPAD(WORKSTATION) "000a 0001 00000000 0000");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"rcode\":\"NAM_ERR\",\"answers\":[{\"rrname\":\"WPAD<00>\",\"service\":\"workstation\","
					  "\"rrtype\":\"null\",\"ttl\":0}]}"), 1);
	give(h, TO_SERVER, "0005 bc00 0000 0001 0000 0000" WPAD(WORKSTATION) "000a 0001 00000005 0002 2910");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"opcode\":\"wack\""), 1);
	assert_int_equal(harness_count(h, "\"data\":\"2910\""), 1);
	give(h, TO_SERVER, "0006 3010 0001 0000 0000 0001" WPAD(WORKSTATION) "0020 0001 c00c 0020 0001 00000000 0006 0000 0a000005");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"opcode\":\"release\""), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"anomaly\""), 0);
	harness_free(h);
}

static void events(void **state)
{
	static const struct {
		const char *hex, *event;
	} cases[] = {
		{"0001 0150 0001 0000 0000 0000" WPAD(SERVER) "0020 0001", "z_flag_set"},
		{"0001 1000 0001 0000 0000 0000" WPAD(SERVER) "0020 0001", "invalid_opcode"},
		{"0001 0000 0002 0000 0000 0000" WPAD(SERVER) "0020 0001 04 77706164 00 0020 0001", "invalid_name"},
		{"0001 8500 0000 0001 0000 0000" WPAD(SERVER) "0020 0001 00000000 0005 0000 c00002", "invalid_rdata"},
		{"0001 8500 0000 0001 0000 0000" WPAD(SERVER) "0021 0001 00000000 0003 02 4141", "invalid_rdata"},
		{"0001 8500 0000 0001 0000 0000" WPAD(SERVER) "0020 0001 00000000 0015 0000 c0000242", "malformed_data"},
		{"0001 0000 0001 0000 0000 0000" WPAD(SERVER), "malformed_data"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness *h = harness_new(17, 137, NULL);

		give(h, TO_SERVER, cases[i].hex);
		assert_true(harness_flawed(h, "nbns", cases[i].event));
		harness_free(h);
	}
}

static void no_names(void **state)
{
	struct harness *h = harness_new(17, 138, NULL);

	(void)state;
	give(h, TO_SERVER, "8001 0110 0001 0000 0000 0000" WPAD(WORKSTATION) "0020 0001");
	assert_int_not_equal(h->flow.app_proto, APP_nbns);
	harness_done(h);
	harness_reset(h, 137);
	give(h, TO_SERVER, "8001 0110 0001 0000 0000 0000 20 4648 4641 4542 4545 5a5a 4341 4341 4341 4341 4341 4341 4341 4341 4341 4341 4141 00");
	assert_int_not_equal(h->flow.app_proto, APP_nbns);
	harness_done(h);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(query),
		cmocka_unit_test(answer),
		cmocka_unit_test(registration),
		cmocka_unit_test(status),
		cmocka_unit_test(others),
		cmocka_unit_test(events),
		cmocka_unit_test(no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

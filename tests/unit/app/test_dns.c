/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/dns.c, dns_message.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/dns_message.h"
#include "tests/unit/app/harness.h"

/* id 0x1234, RD, one question */
#define HEAD "1234 0100 0001 0000 0000 0000"
#define WWW "03777777 076578616d706c65 03636f6d 00" /* www.example.com */
#define QUESTION HEAD WWW "0001 0001"

static void udp(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_udp(h, d, data, len);
	free(data);
}

static void udp_open(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_udp_open(h, d, data, len);
	free(data);
}

/* A question over UDP gives a record, a contact, and is dns on port 53. */
static void question(void **state)
{
	struct harness *h = harness_new(17, 53, NULL);

	(void)state;
	udp(h, TO_SERVER, QUESTION);
	assert_int_equal(h->flow.app_proto, APP_dns);
	assert_int_equal(h->counters.app_tx[APP_OVER_UDP][APP_dns], 1);
	assert_non_null(strstr(h->out,
			       "\"dns\":{\"version\":3,\"type\":\"request\",\"tx_id\":0,\"id\":4660,"
			       "\"flags\":\"100\",\"rd\":true,\"opcode\":0,\"rcode\":\"NOERROR\","
			       "\"queries\":[{\"rrname\":\"www.example.com\",\"rrtype\":\"A\"}]}"));
	assert_string_equal(h->contacts, "1 www.example.com\n");
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* A response with a CNAME and an address, names by pointer. */
static void response(void **state)
{
	struct harness *h = harness_new(17, 53, NULL);

	(void)state;
	udp(h, TO_SERVER, QUESTION);
	harness_clear(h);
	udp_open(h, TO_CLIENT,
		 "1234 8180 0001 0003 0001 0001" WWW "0001 0001"
		 "c00c 0005 0001 00000e10 0006 03 616c74 c010"
		 "c02d 0001 0001 0000003c 0004 c0000201"
		 "c02d 001c 0001 0000003c 0010 20010db8000000000000000000000001"
		 "c010 0002 0001 00000e10 0005 026e73 c010"
		 "00 0029 1000 00000000 0000");
	assert_string_equal(harness_text(h, TO_CLIENT, "dns.answers.rrname", 1), "alt.example.com");
	assert_string_equal(harness_text(h, TO_CLIENT, "dns.queries.rrname", 0), "www.example.com");
	assert_string_equal(harness_text(h, TO_CLIENT, "dns.authorities.rrname", 0), "example.com");
	assert_string_equal(harness_text(h, TO_CLIENT, "dns.additionals.rrname", 0), "");
	assert_string_equal(harness_text(h, TO_CLIENT, "dns.response.rrname", 0), "www.example.com");
	assert_string_equal(harness_text(h, TO_CLIENT, "dns.response.rrname", 2), "alt.example.com");
	assert_string_equal(harness_text(h, TO_CLIENT, "dns.response.rrname", 8), "ns.example.com");
	assert_null(harness_text(h, TO_SERVER, "dns.answers.rrname", 0));
	harness_done(h);
	assert_non_null(strstr(h->out,
			       "\"answers\":[{\"rrname\":\"www.example.com\",\"rrtype\":\"CNAME\","
			       "\"ttl\":3600,\"rdata\":\"alt.example.com\"},{\"rrname\":"
			       "\"alt.example.com\",\"rrtype\":\"A\",\"ttl\":60,\"rdata\":\"192.0.2.1\"}"));
	assert_non_null(strstr(h->out, "\"grouped\":{\"A\":[\"192.0.2.1\"],\"AAAA\":[\"2001:0db8:"));
	assert_non_null(strstr(h->out, "\"CNAME\":[\"alt.example.com\"]}"));
	assert_non_null(strstr(h->out, "\"direction\":\"to_client\",\"tx_id\":1"));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

static const struct {
	const char *what, *hex;
	unsigned direction;
} broken[] = {
	{"\"event\":\"z_flag_set\"", "1234 0140 0001 0000 0000 0000" WWW "0001 0001", TO_SERVER},
	{"\"event\":\"invalid_opcode\"", "1234 4900 0001 0000 0000 0000" WWW "0001 0001", TO_SERVER},
	{"\"event\":\"not_a_request\"", "1234 8100 0001 0000 0000 0000" WWW "0001 0001", TO_SERVER},
	{"\"event\":\"not_a_response\"", "1234 0100 0001 0000 0000 0000" WWW "0001 0001", TO_CLIENT},
	{"\"event\":\"malformed_data\"", "1234 0100 0001 0000 0000 0000 03777777", TO_SERVER},
	{"\"event\":\"infinite_loop\"",
	 "1234 8180 0001 0001 0000 0000" WWW "0001 0001 c02d 0001 0001 00000000 0002 c02d",
	 TO_CLIENT},
	{"\"event\":\"invalid_additionals\"",
	 "1234 8180 0001 0000 0000 0001" WWW "0001 0001 00 0029 1000 00000000 00ff", TO_CLIENT},
	{"\"event\":\"invalid_authorities\"",
	 "1234 8180 0001 0000 0001 0000" WWW "0001 0001 00 0002 1000 00000000 00ff", TO_CLIENT},
};

/* Each kind of bad message has its event, on its own transaction or the last one. */
static void events(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct harness *h = harness_new(17, 53, NULL);

		udp_open(h, TO_SERVER, QUESTION);
		udp(h, broken[i].direction, broken[i].hex);
		assert_int_equal(harness_count(h, broken[i].what), 1);
		assert_int_equal(harness_count(h, "\"layer\":\"proto_parser\""), 1);
		harness_free(h);
	}
}

/* A name of more than 1025 bytes is cut; pointers that chase each other end at the limit. */
static void long_names(void **state)
{
	struct harness *h = harness_new(17, 53, NULL);
	uint8_t message[2048] = {0x12, 0x34, 1, 0, 0, 1};
	size_t len = 12;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		message[len] = 60;
		memset(message + len + 1, 'a', 60);
		len += 61;
	}
	memcpy(message + len, "\0\0\1\0\1", 5);
	harness_udp(h, TO_SERVER, message, len + 5);
	assert_int_equal(harness_count(h, "\"rrname_truncated\":true"), 1);
	assert_int_equal(harness_count(h, "name_too_long"), 1);
	harness_free(h);

	/* c00c → c00e → c00c … */
	h = harness_new(17, 53, NULL);
	udp_open(h, TO_SERVER, QUESTION);
	udp(h, TO_SERVER, "1234 0100 0001 0000 0000 0000 c00e c00c 0001 0001");
	assert_int_equal(harness_count(h, "malformed_data") + harness_count(h, "too_many_labels"), 1);
	harness_free(h);
}

/* The same over TCP whatever the segments: two messages at once, one in single bytes. */
static void over_tcp(void **state)
{
	size_t len;
	uint8_t *data = unhex("0021" QUESTION "0021" QUESTION, &len);

	(void)state;
	for (size_t step = 1; step <= len; step++) {
		struct harness *h = harness_new(6, 53, NULL);

		harness_tcp_steps(h, TO_SERVER, data, len, step);
		assert_int_equal(h->flow.app_proto, APP_dns);
		assert_int_equal(harness_count(h, "www.example.com"), 2);
		assert_int_equal(harness_count(h, "anomaly"), 0);
		harness_free(h);
	}
	free(data);
}

/* After a hole the next message at a segment's start is found again. */
static void after_a_gap(void **state)
{
	struct harness *h = harness_new(6, 53, NULL);
	size_t len;
	uint8_t *data = unhex("0021" QUESTION, &len);

	(void)state;
	harness_tcp(h, TO_SERVER, data, len);
	harness_tcp(h, TO_SERVER, data, 10);
	harness_gap(h, TO_SERVER, 100);
	harness_tcp(h, TO_SERVER, data + 10, len - 10);
	harness_tcp(h, TO_SERVER, data, len);
	assert_int_equal(harness_count(h, "www.example.com"), 2);
	free(data);
	harness_free(h);
}

/* Elsewhere than port 53 only a message beyond doubt is DNS; one to port 5353 is multicast DNS. */
static void other_ports(void **state)
{
	struct harness *h = harness_new(17, 5300, NULL);

	(void)state;
	udp(h, TO_SERVER, QUESTION);
	assert_int_equal(h->flow.app_proto, APP_dns);
	harness_free(h);
	h = harness_new(17, 5300, NULL);
	udp(h, TO_SERVER, QUESTION "00");
	assert_int_equal(h->flow.app_proto, APP_FAILED);
	harness_free(h);
	h = harness_new(17, 5353, NULL);
	udp(h, TO_SERVER, QUESTION);
	assert_int_equal(h->flow.app_proto, APP_mdns);
	harness_free(h);
}

/* Junk first, DNS afterwards; and a first packet that is a response turns the flow round. */
static void late_and_reversed(void **state)
{
	static const char *const midstream[] = {"stream.midstream=yes", NULL};
	struct harness *h = harness_new(17, 53, NULL);

	(void)state;
	udp(h, TO_SERVER, "3040020103300f02030091c8020205dc0401");
	assert_int_equal(h->flow.app_proto, APP_FAILED);
	udp(h, TO_SERVER, QUESTION);
	assert_int_equal(h->flow.app_proto, APP_dns);
	assert_int_equal(harness_count(h, "www.example.com"), 1);
	harness_free(h);

	h = harness_new(17, 40001, midstream);
	h->flow.client_port = 53;
	udp(h, TO_SERVER, "1234 8180 0001 0000 0000 0000" WWW "0001 0001");
	assert_int_equal(h->reversals, 1);
	assert_int_equal(h->flow.server_port, 53);
	assert_int_equal(h->packet.direction, TO_CLIENT);
	assert_int_equal(harness_count(h, "\"type\":\"response\""), 1);
	harness_free(h);
}

/* TXT strings, SOA, SRV, SSHFP, MX, EDNS options. */
static void record_types(void **state)
{
	struct harness *h = harness_new(17, 53, NULL);

	(void)state;
	udp(h, TO_SERVER, QUESTION);
	harness_clear(h);
	udp(h, TO_CLIENT,
	    "1234 8180 0001 0005 0001 0001" WWW "0010 0001"
	    "c00c 0010 0001 0000000a 0006 02 6162 00 01 63"
	    "c00c 0021 0001 0000000a 0009 0001 0002 01bb 0161 00"
	    "c00c 002c 0001 0000000a 0005 02 01 abcdef"
	    "c00c 000f 0001 0000000a 0004 000a c010"
	    "c00c 0101 0001 0000000a 0002 abcd"
	    "c010 0006 0001 0000000a 001a 016d 00 0172 00 00000001 00000002 00000003 00000004 00000005"
	    "00 0029 1000 00000000 0006 000a 0002 beef");
	assert_int_equal(harness_count(h, "anomaly"), 0);
	assert_non_null(strstr(h->out, "\"TXT\":[\"ab\",\"\",\"c\"]"));
	assert_non_null(strstr(h->out, "\"srv\":{\"priority\":1,\"weight\":2,\"port\":443,\"name\":\"a\"}"));
	assert_non_null(strstr(h->out, "\"sshfp\":{\"fingerprint\":\"ab:cd:ef\",\"algo\":2,\"type\":1}"));
	assert_non_null(strstr(h->out, "\"rrtype\":\"MX\",\"ttl\":10,\"rdata\":\"example.com\""));
	assert_non_null(strstr(h->out, "\"rrtype\":\"257\""));
	assert_non_null(strstr(h->out, "\"soa\":{\"mname\":\"m\",\"rname\":\"r\",\"serial\":1,"
				       "\"refresh\":2,\"retry\":3,\"expire\":4,\"minimum\":5}"));
	assert_non_null(strstr(h->out, "\"opt\":[{\"code\":10,\"data\":\"beef\"}]"));
	harness_free(h);
}

/* The old format, and the filters. */
static void options(void **state)
{
	static const char *const old[] = {"eve.types.dns.version=2", NULL};
	static const char *const only_aaaa[] = {"eve.types.dns.types=[aaaa, mx]", NULL};
	static const char *const off[] = {"app.dns.enabled=no", NULL};
	static const char *const identify[] = {"app.dns.enabled=detection-only", NULL};
	struct harness *h = harness_new(17, 53, old);

	(void)state;
	udp(h, TO_SERVER, QUESTION);
	assert_non_null(strstr(h->out, "\"dns\":{\"type\":\"query\",\"id\":4660,\"opcode\":0,"
				       "\"rrname\":\"www.example.com\",\"rrtype\":\"A\",\"tx_id\":0}"));
	harness_free(h);
	h = harness_new(17, 53, only_aaaa);
	udp(h, TO_SERVER, QUESTION);
	assert_int_equal(harness_count(h, "dns"), 0);
	udp(h, TO_SERVER, HEAD WWW "001c 0001");
	assert_int_equal(harness_count(h, "\"rrtype\":\"AAAA\""), 1);
	harness_free(h);
	h = harness_new(17, 53, off);
	udp(h, TO_SERVER, QUESTION);
	assert_int_equal(h->flow.app_proto, APP_FAILED);
	harness_free(h);
	h = harness_new(17, 53, identify);
	udp(h, TO_SERVER, QUESTION);
	assert_int_equal(h->flow.app_proto, APP_dns);
	assert_int_equal(h->out_len, 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(question),
		cmocka_unit_test(response),
		cmocka_unit_test(events),
		cmocka_unit_test(long_names),
		cmocka_unit_test(over_tcp),
		cmocka_unit_test(after_a_gap),
		cmocka_unit_test(other_ports),
		cmocka_unit_test(late_and_reversed),
		cmocka_unit_test(record_types),
		cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

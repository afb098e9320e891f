/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/app.c, probe.c, tx.c, with the protocols there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static void text(struct harness *h, enum direction d, const char *s)
{
	harness_tcp(h, d, s, strlen(s));
}

/* Neither side is anything we know. */
static void unknown(void **state)
{
	struct harness *h = harness_new(6, 1234, NULL);
	char big[8192];

	(void)state;
	memset(big, '#', sizeof(big));
	text(h, TO_SERVER, "\x01\x02\x03\x04 hello");
	assert_int_equal(h->flow.app_proto, APP_UNKNOWN);
	harness_tcp(h, TO_SERVER, big, sizeof(big));
	text(h, TO_CLIENT, "\x05\x06\x07\x08 there");
	harness_tcp(h, TO_CLIENT, big, sizeof(big));
	assert_int_equal(h->flow.app_proto, APP_FAILED);
	assert_true(h->flow.flags & FLOW_NO_APP);
	assert_int_equal(h->counters.app_flow[APP_OVER_TCP][APP_FAILED], 1);
	assert_int_equal(h->w.heap.used_bytes, 0);
	text(h, TO_SERVER, "more of it");
	harness_free(h);
}

/* A datagram that nobody knows costs no memory; what is found later says of the other direction that it was not. */
static void unknown_datagrams(void **state)
{
	struct harness *h = harness_new(17, 1234, NULL);
	static const char question[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1";

	(void)state;
	assert_int_equal(app_proto_in(&h->flow, TO_CLIENT), APP_UNKNOWN);
	harness_udp(h, TO_CLIENT, "hello", 5);
	assert_int_equal(h->flow.app_proto, APP_FAILED);
	assert_int_equal(app_proto_in(&h->flow, TO_CLIENT), APP_FAILED);
	assert_int_equal(app_proto_in(&h->flow, TO_SERVER), APP_UNKNOWN);
	assert_int_equal(h->w.heap.used_bytes, 0);
	harness_udp(h, TO_SERVER, question, sizeof(question) - 1);
	assert_int_equal(h->flow.app_proto, APP_dns);
	assert_int_equal(app_proto_in(&h->flow, TO_CLIENT), APP_FAILED);
	assert_int_equal(app_proto_in(&h->flow, TO_SERVER), APP_dns);
	harness_free(h);

	h = harness_new(17, 1234, NULL);
	for (unsigned i = 0; i <= APP_PROBE_DATAGRAMS; i++) {
		assert_false(h->flow.flags & FLOW_NO_APP);
		harness_udp(h, TO_SERVER, "hello", 5);
		harness_udp(h, TO_CLIENT, "there", 5);
	}
	assert_true(h->flow.flags & FLOW_NO_APP);
	assert_int_equal(h->counters.app_flow[APP_OVER_UDP][APP_FAILED], 1);
	assert_int_equal(h->w.heap.used_bytes, 0);
	harness_free(h);
}

static bool first_may_be(const struct proto *proto, uint8_t byte)
{
	unsigned i = 0;

	for (; i < PROBE_RANGES_MAX && proto->udp_first[i][1]; i++)
		if (byte >= proto->udp_first[i][0] && byte <= proto->udp_first[i][1])
			return true;
	return i == 0;
}

/* Probes that are not asked would have said no: bytes that mean something to one of them, and others, with any
 * first byte, in any length, on any of their ports. */
static void probes_left_out(void **state)
{
	static const struct {
		const char *data;
		uint32_t len;
	} seeds[] = {
#define SEED(s) {s, sizeof(s) - 1}
		SEED(""), SEED("d1:ad2:id20:"), SEED("\4\0\0\0\0\0"), SEED("\1\1\6\0"), SEED("INVITE sip:a SIP/2.0\r\n"),
		SEED("\x30\x0c\2\1\0\4\1a\xa0\4\2\2\0\0"), SEED("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"),
		SEED("\0\1file\0octet\0"), SEED("\x1b\2\4\xfa"), SEED("\x6a\x20\x30\x1e\xa1\3\2\1\5\xa2\3\2\1\x0a"),
		SEED("\x65\0\4\0"), SEED("\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1"),
		SEED("\x12\x34\x56\x78\0\0\0\0\0\0\0\2\0\1\x86\xa3\0\0\0\3\0\0\0\0"),
#undef SEED
	};
	static const uint16_t ports[] = {9, 53, 67, 68, 69, 80, 88, 123, 161, 443, 500, 2222, 4500, 5060, 5353, 44818};
	struct harness *h = harness_new(17, 1234, NULL);
	uint8_t data[300];

	(void)state;
	for (unsigned i = APP_FAILED + 1; i < APP_PROTO_COUNT; i++) {
		const struct proto *proto = app_protos[i];

		for (unsigned k = 0; proto && proto->probe && proto->over_udp && k < sizeof(seeds) / sizeof(seeds[0]) * 256 * 16; k++) {
			unsigned seed = k / 256 / 16, byte = k / 16 % 256;
			uint16_t port = ports[k % 16];
			struct probe_input in = {.data = data, .ip_proto = 17, .client_port = 40000, .server_port = port,
						 .direction = (enum direction)(byte & 1), .config = app_config(&h->w, i)};
			bool wanted = first_may_be(proto, (uint8_t)byte) &&
				      (!proto->udp_ports[0] || port == proto->udp_ports[0] || port == proto->udp_ports[1]);

			memset(data, 0, sizeof(data));
			memcpy(data, seeds[seed].data, seeds[seed].len);
			data[0] = (uint8_t)byte;
			for (in.len = 1; in.len <= sizeof(data); in.len += in.len < 64 ? 1 : 59)
				if (!wanted || in.len < proto->udp_least)
					assert_int_equal(proto->probe(&in), PROBE_NO);
		}
	}
	harness_free(h);
}

/* Much of one side, nothing of the other: given up, with an event, and little of it kept. */
static void one_sided(void **state)
{
	struct harness *h = harness_new(6, 1234, NULL);
	char big[1000];

	(void)state;
	memset(big, '#', sizeof(big));
	for (unsigned i = 0; i < 150; i++) {
		harness_tcp(h, TO_CLIENT, big, sizeof(big));
		assert_true(h->w.heap.used_bytes < 3 * APP_PROBE_BYTES);
	}
	assert_int_equal(h->flow.app_proto, APP_FAILED);
	assert_int_equal(harness_count(h, "\"event\":\"APPLAYER_PROTO_DETECTION_SKIPPED\","
					  "\"layer\":\"proto_detect\""), 1);
	harness_free(h);
}

/* The server speaks first where the client must. */
static void wrong_direction(void **state)
{
	struct harness *h = harness_new(6, 443, NULL);
	static const uint8_t alert[] = {0x15, 3, 1, 0, 2, 2, 40};

	(void)state;
	harness_tcp(h, TO_CLIENT, alert, sizeof(alert));
	assert_int_equal(harness_count(h, "APPLAYER_WRONG_DIRECTION_FIRST_DATA"), 1);
	assert_true(h->flow.flags & FLOW_NO_APP);
	harness_free(h);
}

/* One side is known, the other is not what it should be. */
static void only_one_direction(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);
	char junk[5000];

	(void)state;
	memset(junk, '#', sizeof(junk));
	text(h, TO_SERVER, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
	assert_int_equal(h->flow.app_proto, APP_http);
	harness_tcp(h, TO_CLIENT, junk, sizeof(junk));
	assert_int_equal(harness_count(h, "APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION"), 1);
	harness_free(h);
}

/* Bytes in the smallest pieces: the protocol is found all the same, before the other side's too. */
static void in_pieces(void **state)
{
	struct harness *h = harness_new(6, 8080, NULL);
	static const char request[] = "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

	(void)state;
	harness_tcp_steps(h, TO_SERVER, request, strlen(request), 1);
	harness_tcp_steps(h, TO_CLIENT, response, strlen(response), 1);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 1);
	assert_int_equal(harness_count(h, "APPLAYER"), 0);
	harness_free(h);
}

static void idle_steps(struct harness *h, enum direction d, const char *bytes, size_t len)
{
	uint64_t used;

	for (size_t i = 0; i < len; i++) {
		harness_tcp(h, d, bytes + i, 1);
		used = h->w.heap.used_bytes;
		app_shrink(&h->w, &h->flow);
		assert_true(h->w.heap.used_bytes <= used);
		/* what is kept has no room left */
		for (unsigned k = 0; h->flow.app && k < 2; k++)
			assert_int_equal(h->flow.app->pending[k].cap, h->flow.app->pending[k].len);
	}
}

/* The same, idle after each piece. */
static void idle_between_pieces(void **state)
{
	struct harness *h = harness_new(6, 8080, NULL);
	static const char request[] = "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	static const char question[] = "\0\x21\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1";

	(void)state;
	idle_steps(h, TO_SERVER, request, strlen(request));
	idle_steps(h, TO_CLIENT, response, strlen(response));
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 1);
	assert_int_equal(harness_count(h, "APPLAYER"), 0);
	harness_free(h);

	h = harness_new(6, 53, NULL);
	for (unsigned i = 0; i < 3; i++)
		idle_steps(h, TO_SERVER, question, 2 + 0x21);
	assert_int_equal(h->flow.app_proto, APP_dns);
	assert_int_equal(harness_count(h, "\"event_type\":\"dns\""), 3);
	harness_free(h);
}

/* A hole before anything was found out. */
static void gap_first(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);

	(void)state;
	text(h, TO_SERVER, "G");
	harness_gap(h, TO_SERVER, 100);
	assert_int_equal(h->flow.app_proto, APP_FAILED);
	harness_free(h);
}

static double seconds(size_t bytes)
{
	struct harness *h = harness_new(6, 53, NULL);
	uint8_t *data = malloc(bytes);
	struct timespec a, b;

	/* messages of 512 bytes that never end up as anything but DNS */
	for (size_t i = 0; i < bytes; i++) {
		static const uint8_t head[] = {2, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};

		data[i] = i % 514 < sizeof(head) ? head[i % 514] : 0;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	harness_tcp_steps(h, TO_SERVER, data, bytes, 1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	free(data);
	harness_free(h);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

/* Segments of one byte cost time in proportion to their number. */
static void linear_time(void **state)
{
	double one, four;

	(void)state;
	seconds(1 << 16);
	one = seconds(1 << 17);
	four = seconds(1 << 19);
	assert_true(four < 4 * one * 2.3);
}

#define UNUSUAL "\"event\":\"APPLAYER_PROTOCOL_ON_UNUSUAL_PORT\""
#define BROKEN_PROMISE "\"event\":\"APPLAYER_NOT_WHAT_THE_PORT_PROMISES\""

static void says(uint8_t ip_proto, uint16_t port, const char *client, const char *server, bool unusual, bool broken)
{
	struct harness *h = harness_new(ip_proto, port, NULL);

	for (unsigned i = 0; i <= (ip_proto == 17 ? APP_PROBE_DATAGRAMS : 0); i++) {
		if (ip_proto == 17)
			harness_udp(h, TO_SERVER, client, strlen(client));
		else
			text(h, TO_SERVER, client);
		if (ip_proto == 17)
			harness_udp(h, TO_CLIENT, server, strlen(server));
		else
			text(h, TO_CLIENT, server);
	}
	harness_finish(h);
	assert_int_equal(harness_count(h, UNUSUAL), unusual);
	assert_int_equal(harness_count(h, BROKEN_PROMISE), broken);
	harness_free(h);
}

/* What is spoken where: at home, elsewhere, where something else is at home; and what nobody knows. */
static void ports(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	static const char ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";
	static const char *const off[] = {"app_ports=no", NULL};
	char junk[APP_PROBE_BYTES + 1];
	struct harness *h;

	(void)state;
	memset(junk, '#', sizeof(junk) - 1);
	junk[sizeof(junk) - 1] = '\0';
	says(6, 80, request, answer, false, false);
	says(6, 8080, request, answer, false, false);
	says(6, 22, ssh, ssh, false, false);
	says(6, 4444, request, answer, true, false);
	says(6, 12345, ssh, ssh, true, false);
	says(6, 443, request, answer, false, true);
	says(6, 443, ssh, ssh, false, true);
	says(6, 53, ssh, ssh, false, true);
	says(6, 443, junk, junk, false, true);
	says(6, 12345, junk, junk, false, false);
	says(17, 53, "what is this", "none of that", false, true);
	says(17, 9999, "what is this", "none of that", false, false);

	h = harness_new(6, 443, off);
	text(h, TO_SERVER, ssh);
	text(h, TO_CLIENT, ssh);
	harness_finish(h);
	assert_int_equal(harness_count(h, BROKEN_PROMISE), 0);
	harness_free(h);
}

/* What a proxy was asked for, and what an upgrade led to, is not of the port that it goes to. */
static void ports_left_behind(void **state)
{
	struct harness *h = harness_new(6, 3128, NULL);

	(void)state;
	text(h, TO_SERVER, "CONNECT host:22 HTTP/1.1\r\nHost: host:22\r\n\r\n");
	text(h, TO_CLIENT, "HTTP/1.1 200 OK\r\n\r\n");
	text(h, TO_CLIENT, "SSH-2.0-a\r\n");
	text(h, TO_SERVER, "SSH-2.0-b\r\n");
	harness_finish(h);
	assert_int_equal(h->flow.app_proto, APP_ssh);
	assert_int_equal(harness_count(h, UNUSUAL) + harness_count(h, BROKEN_PROMISE), 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown),
		cmocka_unit_test(unknown_datagrams),
		cmocka_unit_test(probes_left_out),
		cmocka_unit_test(one_sided),
		cmocka_unit_test(wrong_direction),
		cmocka_unit_test(only_one_direction),
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(idle_between_pieces),
		cmocka_unit_test(gap_first),
		cmocka_unit_test(ports),
		cmocka_unit_test(ports_left_behind),
		cmocka_unit_test(linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

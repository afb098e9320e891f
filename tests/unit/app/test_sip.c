/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/sip.c, sip_message.c, sip_sdp.c, sip_buffer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/sip.h"
#include "tests/unit/app/harness.h"

#define HEAD                                                                                       \
	"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=1\r\nv: SIP/2.0/UDP b\r\n" \
	"From: Alice\r\n <sip:alice@example.com>\r\nt: <sip:bob@example.com>\r\n"                   \
	"User-Agent:  phone \r\n"
#define SDP                                                                                        \
	"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=call\r\nc=IN IP4 10.0.0.1\r\nb=AS:64\r\nb=CT:128\r\n"  \
	"t=1 2\r\nr=3 4\r\nt=5 6\r\na=sendrecv\r\nm=audio 9 RTP/AVP 0\r\ni=voice\r\na=x\r\n"         \
	"m=video 8 RTP/AVP 1\r\nc=IN IP4 10.0.0.2\r\n"
#define INVITE HEAD "Content-Type: application/sdp\r\nContent-Length: 184\r\n\r\n" SDP
#define OK_200 "SIP/2.0 200 All right\r\nl: 0\r\n\r\n"

static void udp(struct harness *h, enum direction d, const char *text)
{
	harness_udp(h, d, text, strlen(text));
}

static void tcp(struct harness *h, enum direction d, const char *text)
{
	harness_tcp(h, d, text, strlen(text));
}

static void messages(void **state)
{
	struct harness *h = harness_new(17, 7000, NULL);

	(void)state;
	assert_int_equal(strlen(SDP), 184);
	udp(h, TO_SERVER, INVITE);
	assert_int_equal(h->flow.app_proto, APP_sip);
	udp(h, TO_CLIENT, OK_200);
	assert_non_null(strstr(h->out, "\"sip\":{\"method\":\"INVITE\",\"uri\":\"sip:bob@example.com\","
				       "\"version\":\"SIP/2.0\",\"request_line\":"
				       "\"INVITE sip:bob@example.com SIP/2.0\",\"sdp\":{"));
	assert_non_null(strstr(h->out, "\"bandwidths\":[\"AS:64\",\"CT:128\"],\"time_descriptions\":["
				       "{\"time\":\"1 2\",\"repeat_time\":\"3 4\"},{\"time\":\"5 6\"}],"
				       "\"attributes\":[\"sendrecv\"],\"media_descriptions\":["
				       "{\"media\":\"audio 9 RTP/AVP 0\",\"media_info\":\"voice\","
				       "\"attributes\":[\"x\"]},{\"media\":\"video 8 RTP/AVP 1\","
				       "\"connection_data\":\"IN IP4 10.0.0.2\"}]}"));
	assert_non_null(strstr(h->out, "\"sip\":{\"version\":\"SIP/2.0\",\"code\":\"200\","
				       "\"reason\":\"All right\",\"response_line\":"
				       "\"SIP/2.0 200 All right\"}"));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

/* A length on a line of its own; without that the body would be taken for what follows. */
static void folded_length(void **state)
{
	static const char text[] = "MESSAGE sip:a@b SIP/2.0\r\nContent-Length:\r\n  5\r\n\r\n12345OPTIONS sip:a@b SIP/2.0\r\nL:0\r\n\r\n";

	for (size_t step = 1; step < sizeof(text); step = step * 2 + 1) {
		struct harness *h = harness_new(6, 5060, NULL);

		harness_tcp_steps(h, TO_SERVER, text, sizeof(text) - 1, step);
		assert_int_equal(harness_count(h, "\"method\":\"OPTIONS\""), 1);
		assert_int_equal(harness_count(h, "anomaly"), 0);
		harness_free(h);
	}
}

static void rules_see(void **state)
{
	struct harness *h = harness_new(17, 5060, NULL);

	(void)state;
	harness_udp_open(h, TO_SERVER, INVITE, strlen(INVITE));
	assert_string_equal(harness_text(h, TO_SERVER, "sip.method", 0), "INVITE");
	assert_string_equal(harness_text(h, TO_SERVER, "sip.via", 1), "SIP/2.0/UDP b");
	assert_null(harness_text(h, TO_SERVER, "sip.via", 2));
	assert_string_equal(harness_text(h, TO_SERVER, "sip.from", 0), "Alice   <sip:alice@example.com>");
	assert_string_equal(harness_text(h, TO_SERVER, "sip.to", 0), "<sip:bob@example.com>");
	assert_string_equal(harness_text(h, TO_SERVER, "sip.user_agent", 0), "phone");
	assert_string_equal(harness_text(h, TO_SERVER, "sdp.bandwidth", 1), "CT:128");
	assert_string_equal(harness_text(h, TO_SERVER, "sdp.media.media", 1), "video 8 RTP/AVP 1");
	assert_string_equal(harness_text(h, TO_SERVER, "sdp.media.connection_data", 0), "IN IP4 10.0.0.2");
	assert_null(harness_text(h, TO_SERVER, "sip.response_line", 0));
	assert_null(harness_text(h, TO_CLIENT, "sip.protocol", 0)); /* it went the other way */
	harness_done(h);
	harness_free(h);
}

/* Over TCP lengths count; bytes one by one, keep-alives between. */
static void stream(void **state)
{
	static const char text[] = INVITE "\r\n\r\n" INVITE;
	struct harness *h = harness_new(6, 5060, NULL);

	(void)state;
	harness_tcp_steps(h, TO_SERVER, text, strlen(text), 1);
	tcp(h, TO_CLIENT, OK_200 OK_200);
	assert_int_equal(harness_count(h, "\"method\":\"INVITE\""), 2);
	assert_int_equal(harness_count(h, "\"code\":\"200\""), 2);
	harness_free(h);
}

static void holes(void **state)
{
	struct harness *h = harness_new(6, 5060, NULL);

	(void)state;
	tcp(h, TO_SERVER, HEAD "Content-Length: 20000\r\n\r\n" SDP);
	tcp(h, TO_SERVER, "x");
	harness_gap(h, TO_SERVER, 17000);
	assert_int_equal(harness_count(h, "INVITE"), 0);
	tcp(h, TO_SERVER, "v=0\r\nBYE sip:a SIP/2.0\r\n\r\n");
	assert_int_equal(harness_count(h, "\"method\":\"BYE\""), 1);
	/* a hole in the part of a body that is not kept */
	tcp(h, TO_SERVER, HEAD "Content-Length: 20000\r\n\r\n");
	for (unsigned i = 0; i < 16384 / 64; i++)
		tcp(h, TO_SERVER, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	harness_gap(h, TO_SERVER, 20000 - 16384);
	tcp(h, TO_SERVER, "ACK sip:a SIP/2.0\r\n\r\n");
	assert_int_equal(harness_count(h, "\"method\":\"ACK\""), 1);
	assert_int_equal(harness_count(h, "\"method\":\"INVITE\""), 1);
	harness_free(h);
}

static void other_protocols(void **state)
{
	static const char *const texts[] = {
		"NOTIFY * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n",
		"OPTIONS rtsp://a/b RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		"SIP/2.0 999 No\r\n\r\n",
		"INFORMATION sip:a SIP/2.0\r\n\r\n",
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct harness *h = harness_new(17, 5060, NULL);

		udp(h, TO_SERVER, texts[i]);
		assert_int_not_equal(h->flow.app_proto, APP_sip);
		harness_free(h);
	}
}

static void broken(void **state)
{
	struct harness *h = harness_new(17, 5060, NULL);

	(void)state;
	udp(h, TO_SERVER, INVITE);
	udp(h, TO_SERVER, "nonsense\r\n\r\n");
	assert_int_equal(harness_count(h, "\"event\":\"invalid_data\""), 1);
	udp(h, TO_SERVER, HEAD "l: 10\r\n\r\nabc");
	assert_int_equal(harness_count(h, "\"event\":\"incomplete_data\""), 1);
	udp(h, TO_SERVER, "\r\n\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"sip\""), 2);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages), cmocka_unit_test(rules_see), cmocka_unit_test(folded_length),
		cmocka_unit_test(stream),   cmocka_unit_test(holes),
		cmocka_unit_test(broken),   cmocka_unit_test(other_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records made by hand, and the line of EVE that becomes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "control/ingest/eve.h"
#include "control/ingest/fast.h"
#include "control/ingest/stats.h"
#include "dataplane/event/app_proto.h"

#define START_NS 1706693400123456789ull

static _Alignas(8) uint8_t memory[65536];

static struct record_head head_of(enum record_type type)
{
	struct record_head h = {
		.type = (uint16_t)type,
		.flags = RECORD_HAS_PORTS | RECORD_HAS_DIRECTION,
		.seq = 1,
		.ts_ns = START_NS,
		.flow_id = 77,
		.tx_id = 3,
		.packet_number = 9,
		.sport = 1025,
		.dport = 80,
		.ip_version = 4,
		.ip_proto = IPPROTO_TCP,
	};

	addr_parse("10.0.0.1", &h.src);
	addr_parse("192.0.2.1", &h.dst);
	return h;
}

static struct eve_options *options(const char *const *pairs)
{
	struct config *c = config_new();
	struct eve_options *o;
	char error[200];

	assert_int_equal(config_set(c, "eve.community_id", "no", error, sizeof(error)), 0);
	for (; pairs && *pairs; pairs += 2)
		assert_int_equal(config_set(c, pairs[0], pairs[1], error, sizeof(error)), 0);
	o = eve_options_new(c, NULL, false);
	assert_non_null(o);
	config_free(c);
	return o;
}

static void check(const char *const *pairs, const char *want, bool good)
{
	struct eve_options *o = options(pairs);
	struct text out = {0};

	assert_int_equal(eve_write(&out, o, (const struct record_head *)(void *)memory, NULL),
			 good);
	assert_string_equal(text_cstr(&out), want);
	text_free(&out);
	eve_options_free(o);
}

static void make_alert(struct recorder *r, const struct record_head *h)
{
	rec_begin(r, memory, sizeof(memory), h);
	rec_open(r, F_alert_alert);
	rec_text(r, F_alert_action, "allowed");
	rec_uint(r, F_alert_signature_id, 2000001);
	rec_text(r, F_alert_signature, "say \"hi\"\\ \n\x01");
	rec_open(r, F_alert_metadata);
	rec_text(r, F_alert_rule_metadata, "\"tag\":[\"a\",\"b\"]");
	rec_open(r, F_alert_flowbits);
	rec_text(r, F_alert_flowbit, "x.y");
	rec_close(r);
	rec_close(r);
	rec_close(r);
	rec_bytes(r, F_top_payload, "GET /\x00\xff\r\n", 9);
	rec_end(r);
}

static void test_alert(void **state)
{
	static const char *const payload[] = {"eve.types.alert.payload", "yes",
					      "eve.types.alert.payload-printable", "yes",
					      "eve.types.alert.metadata", "no", NULL};
	struct record_head h = head_of(RECORD_alert);
	struct recorder r;

	h.app_proto = (uint8_t)app_proto_by_name("http");
	make_alert(&r, &h);
	check(NULL,
	      "{\"timestamp\":\"2024-01-31T09:30:00.123456+0000\",\"flow_id\":77,\"pcap_cnt\":9,"
	      "\"event_type\":\"alert\",\"src_ip\":\"10.0.0.1\",\"src_port\":1025,"
	      "\"dest_ip\":\"192.0.2.1\",\"dest_port\":80,\"proto\":\"TCP\",\"ip_v\":4,"
	      "\"pkt_src\":\"wire/pcap\",\"tx_id\":3,\"direction\":\"to_server\","
	      "\"alert\":{\"action\":\"allowed\",\"signature_id\":2000001,"
	      "\"signature\":\"say \\\"hi\\\"\\\\ \\n\\u0001\",\"metadata\":{\"tag\":[\"a\",\"b\"],"
	      "\"flowbits\":[\"x.y\"]}},\"app_proto\":\"http\"}",
	      true);
	check(payload,
	      "{\"timestamp\":\"2024-01-31T09:30:00.123456+0000\",\"flow_id\":77,\"pcap_cnt\":9,"
	      "\"event_type\":\"alert\",\"src_ip\":\"10.0.0.1\",\"src_port\":1025,"
	      "\"dest_ip\":\"192.0.2.1\",\"dest_port\":80,\"proto\":\"TCP\",\"ip_v\":4,"
	      "\"pkt_src\":\"wire/pcap\",\"tx_id\":3,\"direction\":\"to_server\","
	      "\"alert\":{\"action\":\"allowed\",\"signature_id\":2000001,"
	      "\"signature\":\"say \\\"hi\\\"\\\\ \\n\\u0001\"},\"payload\":\"R0VUIC8A/w0K\","
	      "\"payload_printable\":\"GET /..\\r\\n\",\"app_proto\":\"http\"}",
	      true);
}

static void test_ip6_icmp_vlan(void **state)
{
	struct record_head h = head_of(RECORD_dns);
	struct recorder r;

	h.flags = RECORD_HAS_ICMP;
	h.ip_version = 6;
	h.ip_proto = IPPROTO_ICMPV6;
	h.sport = 128;
	h.dport = 0;
	h.tx_id = RECORD_NO_TX;
	h.packet_number = 0;
	h.vlan_count = 2;
	h.vlan[0] = 100;
	h.vlan[1] = 7;
	addr_parse("2001:db8::1", &h.src);
	addr_parse("fe80::2", &h.dst);
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_end(&r);
	check(NULL,
	      "{\"timestamp\":\"2024-01-31T09:30:00.123456+0000\",\"flow_id\":77,"
	      "\"event_type\":\"dns\",\"vlan\":[100,7],"
	      "\"src_ip\":\"2001:0db8:0000:0000:0000:0000:0000:0001\","
	      "\"dest_ip\":\"fe80:0000:0000:0000:0000:0000:0000:0002\","
	      "\"proto\":\"IPv6-ICMP\",\"ip_v\":6,\"icmp_type\":128,\"icmp_code\":0,"
	      "\"pkt_src\":\"wire/pcap\"}",
	      true);
	h.ip_proto = 47;
	h.flags = 0;
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_end(&r);
	check(NULL,
	      "{\"timestamp\":\"2024-01-31T09:30:00.123456+0000\",\"flow_id\":77,"
	      "\"event_type\":\"dns\",\"vlan\":[100,7],"
	      "\"src_ip\":\"2001:0db8:0000:0000:0000:0000:0000:0001\","
	      "\"dest_ip\":\"fe80:0000:0000:0000:0000:0000:0000:0002\","
	      "\"proto\":\"GRE\",\"ip_v\":6,\"pkt_src\":\"wire/pcap\"}",
	      true);
}

static void text_is(const void *data, size_t n, const char *want)
{
	struct text out = {0};

	json_put_string(&out, data, n);
	assert_string_equal(text_cstr(&out), want);
	text_free(&out);
}

/* A member whose key is the traffic's own; in an array it has no place. */
static void test_member(void **state)
{
	struct record_head h = head_of(RECORD_mqtt);
	const struct bytes key = {(const uint8_t *)"a\"b", 3}, value = {(const uint8_t *)"c\n", 2};
	struct eve_options *o = options(NULL);
	struct text out = {0};
	struct recorder r;

	rec_begin(&r, memory, sizeof(memory), &h);
	rec_open(&r, F_mqtt_properties);
	rec_uint(&r, F_mqtt_topic_alias, 1);
	rec_member(&r, F_mqtt_user_property, key, value);
	rec_close(&r);
	rec_end(&r);
	assert_true(eve_write(&out, o, (const struct record_head *)(void *)memory, NULL));
	assert_non_null(strstr(text_cstr(&out),
			       "\"properties\":{\"topic_alias\":1,\"a\\\"b\":\"c\\n\"}}"));
	text_clear(&out);
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_open(&r, F_mqtt_topics);
	rec_member(&r, F_mqtt_user_property, key, value);
	rec_close(&r);
	rec_end(&r);
	assert_false(eve_write(&out, o, (const struct record_head *)(void *)memory, NULL));
	assert_non_null(strstr(text_cstr(&out), "\"topics\":[]}"));
	text_free(&out);
	eve_options_free(o);
}

static void test_text(void **state)
{
	text_is("caf\xc3\xa9", 5, "\"caf\xc3\xa9\"");
	/* One bad byte: all bytes beyond ASCII are spelled out. */
	text_is("caf\xc3\xa9\xff", 6, "\"caf\\\\xc3\\\\xa9\\\\xff\"");
	text_is("\xed\xa0\x80", 3, "\"\\\\xed\\\\xa0\\\\x80\""); /* a surrogate */
	text_is("\xc0\x80", 2, "\"\\\\xc0\\\\x80\"");            /* too long a form */
	text_is("\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"");
	text_is("\xf0\x9f\x98", 3, "\"\\\\xf0\\\\x9f\\\\x98\"");
	text_is("a\0b\x1f\x7f", 5, "\"a\\u0000b\\u001f\x7f\"");
	text_is("", 0, "\"\"");
}

/* Whatever stands in the values, the line is complete. */
static void test_malformed(void **state)
{
	struct record_head h = head_of(RECORD_dns);
	struct value_head bad = {.field = F_dns_dns, .n = 0}, wild = {.field = 60000};
	struct recorder r;

	rec_begin(&r, memory, sizeof(memory), &h);
	rec_end(&r);
	memcpy(memory + r.len, &bad, 8);
	memcpy(memory + r.len + 8, &bad, 8);
	memcpy(memory + r.len + 16, &wild, 8);
	((struct record_head *)(void *)memory)->length += 24;
	check(NULL,
	      "{\"timestamp\":\"2024-01-31T09:30:00.123456+0000\",\"flow_id\":77,\"pcap_cnt\":9,"
	      "\"event_type\":\"dns\",\"src_ip\":\"10.0.0.1\",\"src_port\":1025,"
	      "\"dest_ip\":\"192.0.2.1\",\"dest_port\":80,\"proto\":\"TCP\",\"ip_v\":4,"
	      "\"pkt_src\":\"wire/pcap\",\"tx_id\":3,\"dns\":{\"dns\":{}}}",
	      false);
}

static void test_types(void **state)
{
	static const char *const only[] = {"eve.types.others", "no", "eve.types.dns.enabled",
					   "yes", NULL};
	struct eve_options *o = options(NULL);

	assert_true(o->enabled[RECORD_alert] && o->enabled[RECORD_dns] && o->stats);
	assert_false(o->enabled[RECORD_drop]);
	assert_false(o->enabled[RECORD_contact]);
	eve_options_free(o);
	o = options(only);
	assert_true(o->enabled[RECORD_dns]);
	assert_false(o->enabled[RECORD_alert] || o->stats || o->enabled[RECORD_flow]);
	eve_options_free(o);
}

static void id_is(const char *src, uint16_t sport, const char *dst, uint16_t dport, uint8_t proto,
		  uint16_t seed, const char *want)
{
	struct record_head h = {.ip_proto = proto, .sport = sport, .dport = dport};
	char id[40];

	h.ip_version = (uint8_t)addr_parse(src, &h.src);
	addr_parse(dst, &h.dst);
	assert_true(community_id(id, &h, seed));
	assert_string_equal(id, want);
}

/* Values of the specification's own baseline. */
static void test_community_id(void **state)
{
	id_is("128.232.110.120", 34855, "66.35.250.204", 80, 6, 0,
	      "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	id_is("66.35.250.204", 80, "128.232.110.120", 34855, 6, 0,
	      "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	id_is("128.232.110.120", 34855, "66.35.250.204", 80, 6, 1,
	      "1:3V71V58M3Ksw/yuFALMcW0LAHvc=");
	id_is("192.168.1.52", 54585, "8.8.8.8", 53, 17, 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
	id_is("192.168.0.89", 8, "192.168.0.1", 0, 1, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
	id_is("192.168.0.1", 0, "192.168.0.89", 0, 1, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
}

static void test_stats(void **state)
{
	static const struct config config = {.stream_midstream_policy = EXCEPTION_PASS};
	static struct dataplane_status status = {.rules_loaded = 7, .rules_skipped = 1};
	struct stats_about about = {.config = &config, .status = &status};
	struct counters c = {.decoder_pkts = 5, .decoder_bytes = 300};
	struct text out = {0};

	status.app_over[APP_dns] = 3;
	c.drop[DROP_rule_flow] = 2;
	c.exception[EXCEPTION_MIDSTREAM][EXCEPTION_PASS] = 9;
	c.app_flow[APP_OVER_UDP][APP_dns] = 4;
	c.app_error_parser[APP_OVER_TCP][APP_tls] = 1;
	stats_record(&out, &c, &about, START_NS, 8, "sensor");
	assert_non_null(strstr(text_cstr(&out), "\"event_type\":\"stats\",\"stats\":{\"uptime\":8,"));
	assert_non_null(strstr(text_cstr(&out), "\"pkts\":5"));
	assert_non_null(strstr(text_cstr(&out), "\"drop_reason\":{"));
	assert_non_null(strstr(text_cstr(&out), "\"flow_drop\":2"));
	assert_non_null(strstr(text_cstr(&out), ",\"host\":\"sensor\"}"));
	assert_non_null(strstr(text_cstr(&out), "\"avg_pkt_size\":60"));
	assert_non_null(strstr(text_cstr(&out), "\"engines\":[{\"id\":0,\"rules_loaded\":7,\"rules_failed\":0,"
						"\"rules_skipped\":1}]"));
	assert_non_null(strstr(text_cstr(&out), "\"exception_policy\":{\"tcp\":{\"midstream\":{\"pass_flow\":9}}}"));
	assert_non_null(strstr(text_cstr(&out), "\"dns_tcp\":0,\"dns_udp\":4"));
	assert_non_null(strstr(text_cstr(&out), "\"tls\":{\"gap\":0,\"parser\":1}"));
	text_clear(&out);
	about.no_zeros = true;
	stats_record(&out, &c, &about, START_NS, 8, "sensor");
	assert_null(strstr(text_cstr(&out), "\"dns_tcp\""));
	assert_non_null(strstr(text_cstr(&out), "\"dns_udp\":4"));
	text_free(&out);
}

/* Kinds of anomalies are chosen one by one; the application layer's are there unless told. */
static void test_anomaly_kinds(void **state)
{
	static const char *const kinds[] = {"decode", "stream", "applayer"};
	static const char *const chosen[] = {"eve.types.anomaly.types.decode", "yes",
					     "eve.types.anomaly.types.applayer", "no", NULL};
	static const bool want[2][3] = {{false, false, true}, {true, false, false}};
	struct record_head h = head_of(RECORD_anomaly);
	struct recorder r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct eve_options *o = options(i ? chosen : NULL);

		for (int k = 0; k < 3; k++) {
			rec_begin(&r, memory, sizeof(memory), &h);
			rec_open(&r, F_anomaly_anomaly);
			rec_text(&r, F_anomaly_type, kinds[k]);
			rec_close(&r);
			rec_end(&r);
			assert_int_equal(eve_wants(o, (const void *)memory), want[i][k]);
		}
		eve_options_free(o);
	}
}

static void test_fast(void **state)
{
	struct record_head h = head_of(RECORD_alert);
	struct text out = {0};
	struct recorder r;

	(void)state;
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_open(&r, F_alert_alert);
	rec_text(&r, F_alert_action, "blocked");
	rec_uint(&r, F_alert_gid, 1);
	rec_uint(&r, F_alert_signature_id, 7);
	rec_uint(&r, F_alert_rev, 2);
	rec_text(&r, F_alert_signature, "two\nlines");
	rec_uint(&r, F_alert_severity, 3);
	rec_close(&r);
	rec_end(&r);
	fast_write(&out, (const void *)memory);
	assert_string_equal(text_cstr(&out),
			    "01/31/2024-09:30:00.123456  [Drop] [**] [1:7:2] two lines [**] "
			    "[Classification: (null)] [Priority: 3] {TCP} 10.0.0.1:1025 -> "
			    "192.0.2.1:80");
	text_free(&out);
	out = (struct text){0};
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_open(&r, F_alert_alert);
	rec_uint(&r, F_alert_gid, 1);
	rec_uint(&r, F_alert_signature_id, 8);
	rec_uint(&r, F_alert_rev, 1);
	rec_text(&r, F_alert_signature, "");
	rec_uint(&r, F_alert_severity, 3);
	rec_close(&r);
	rec_end(&r);
	fast_write(&out, (const void *)memory);
	assert_non_null(strstr(text_cstr(&out), "[**] [1:8:1] (null) [**] [Classification: (null)]"));
	text_free(&out);
}

static void check_has(const char *const *pairs, const char *part)
{
	struct eve_options *o = options(pairs);
	struct text out = {0};

	assert_true(eve_write(&out, o, (const struct record_head *)(void *)memory, NULL));
	if (!strstr(text_cstr(&out), part))
		fail_msg("%s not in %s", part, text_cstr(&out));
	text_free(&out);
	eve_options_free(o);
}

static bool wants(const char *const *pairs)
{
	struct eve_options *o = options(pairs);
	bool want = eve_wants(o, (const struct record_head *)(void *)memory);

	eve_options_free(o);
	return want;
}

/* Requests, responses, and types of questions. */
static void test_dns_choice(void **state)
{
	static const char *const no_requests[] = {"eve.types.dns.requests", "no", NULL};
	static const char *const no_responses[] = {"eve.types.dns.responses", "no", NULL};
	static const char *const mx[] = {"eve.types.dns.types", "[mx, txt]", NULL};
	static const char *const a[] = {"eve.types.dns.types", "[aaaa, a]", NULL};
	struct record_head h = head_of(RECORD_dns);
	struct recorder r;

	for (int version = 2; version <= 3; version++) {
		rec_begin(&r, memory, sizeof(memory), &h);
		rec_open(&r, F_dns_dns);
		rec_text(&r, F_dns_type, version == 2 ? "query" : "request");
		if (version == 3) {
			rec_open(&r, F_dns_queries);
			rec_open(&r, F_dns_entry);
		}
		rec_text(&r, F_dns_rrtype, "MX");
		if (version == 3) {
			rec_close(&r);
			rec_close(&r);
		}
		rec_open(&r, F_dns_answers);
		rec_open(&r, F_dns_entry);
		rec_text(&r, F_dns_rrtype, "A");
		rec_close(&r);
		rec_close(&r);
		rec_close(&r);
		rec_end(&r);
		assert_true(wants(NULL));
		assert_false(wants(no_requests));
		assert_true(wants(no_responses));
		assert_true(wants(mx));
		assert_false(wants(a));
	}
}

/* Who the client is when a proxy speaks for it. */
static void test_xff(void **state)
{
	static const char *const extra[] = {"eve.types.alert.xff.enabled", "yes", NULL};
	static const char *const overwrite[] = {"eve.types.xff.enabled", "yes", "eve.types.xff.mode",
						"overwrite", "eve.types.xff.deployment", "forward", NULL};
	static const char *const bodies[] = {"eve.types.alert.http-body", "yes",
					     "eve.types.alert.http-body-printable", "yes", NULL};
	static const char *const versions[] = {"eve.suricata_version", "yes", NULL};
	struct record_head h = head_of(RECORD_alert);
	struct recorder r;

	for (int to_client = 0; to_client < 2; to_client++) {
		h.flags |= to_client ? RECORD_TO_CLIENT : 0;
		rec_begin(&r, memory, sizeof(memory), &h);
		rec_open(&r, F_alert_alert);
		rec_uint(&r, F_alert_signature_id, 1);
		rec_close(&r);
		rec_open(&r, F_http_http);
		rec_text(&r, F_http_xff, "2001:db8::7, 10.9.9.9");
		rec_bytes(&r, F_http_request_body, "a\n", 2);
		rec_close(&r);
		rec_end(&r);
		check_has(extra, "\"signature_id\":1,\"xff\":\"10.9.9.9\"}");
		check_has(extra, "\"src_ip\":\"10.0.0.1\"");
		check_has(extra, "\"http\":{\"xff\":\"2001:db8::7, 10.9.9.9\"}");
		check_has(overwrite, to_client ? "\"dest_ip\":\"2001:db8::7\"" : "\"src_ip\":\"2001:db8::7\"");
		check_has(overwrite, "\"signature_id\":1}");
	}
	check_has(bodies, "\"http_request_body\":\"YQo=\",\"http_request_body_printable\":\"a\\n\"}");
	check_has(versions, "\"suricata_version\":\"8.");
	rec_begin(&r, memory, sizeof(memory), &h);
	rec_open(&r, F_http_http);
	rec_text(&r, F_http_xff, "unknown");
	rec_close(&r);
	rec_end(&r);
	check_has(overwrite, "\"src_ip\":\"10.0.0.1\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anomaly_kinds),
		cmocka_unit_test(test_fast), cmocka_unit_test(test_xff), cmocka_unit_test(test_dns_choice),
		cmocka_unit_test(test_alert),	  cmocka_unit_test(test_ip6_icmp_vlan),
		cmocka_unit_test(test_member), cmocka_unit_test(test_text),	  cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_types),	  cmocka_unit_test(test_community_id),
		cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

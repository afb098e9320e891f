/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/service*.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/service.h"
#include "tests/unit/app/harness.h"

#define C TO_SERVER
#define S TO_CLIENT
#define TEXT(s) s, sizeof(s) - 1

static enum service service_of(const struct harness *h)
{
	return flow_cold(&h->flow)->notes ? flow_cold(&h->flow)->notes->service : SERVICE_NONE;
}

static void give(struct harness *h, enum direction d, const char *data, size_t len)
{
	uint8_t *copy = malloc(len); /* of its own: reading past it is noticed */

	memcpy(copy, data, len);
	if (h->flow.ip_proto == 6)
		harness_tcp(h, d, copy, len);
	else
		harness_udp(h, d, copy, len);
	free(copy);
}

/* 64 zero bytes and more of them. */
#define Z16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define Z64 Z16 Z16 Z16 Z16

static const struct {
	uint8_t ip_proto;
	uint16_t port;
	enum direction d;
	const char *data;
	size_t len;
	enum service service;
} cases[] = {
	{6, 3306, S, TEXT("\x4a\0\0\0\x0a" "8.0.36\0\x0b\0\0\0abcdefgh\0\xff\xff\xff\2\0\xff\xdf\x15" Z16 "mysql_native"), SERVICE_mysql},
	{6, 3306, S, TEXT("\x0a\0\0\0\xff\x6a\4Host '"), SERVICE_NONE},
	{6, 3306, S, TEXT("\x09\0\0\0\xff\x6a\4Host '"), SERVICE_mysql},
	{6, 7000, C, TEXT("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"), SERVICE_redis},
	{6, 7000, C, TEXT("*2\r\nx"), SERVICE_NONE},
	{6, 6667, C, TEXT("NICK someone\r\nUSER a 0 * :b\r\n"), SERVICE_irc},
	{6, 6667, S, TEXT(":irc.example NOTICE * :*** Looking up\r\n"), SERVICE_irc},
	{6, 873, S, TEXT("@RSYNCD: 31.0\n"), SERVICE_rsync},
	{6, 5222, C, TEXT("<?xml version='1.0'?><stream:stream to='example.org'>"), SERVICE_xmpp},
	{6, 3333, C, TEXT("{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n"), SERVICE_stratum},
	{6, 3333, C, TEXT("{\"method\":\"login\",\"params\":{\"login\":\"4x\",\"agent\":\"XMRig/6\"}}\n"), SERVICE_stratum},
	{6, 6881, C, TEXT("\x13" "BitTorrent protocol" Z16), SERVICE_bittorrent},
	{17, 6969, C, TEXT("\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\1\2\3\4"), SERVICE_bittorrent_tracker},
	{17, 514, C, TEXT("<34>su: failed"), SERVICE_syslog},
	{17, 5140, C, TEXT("<34>su: failed"), SERVICE_NONE},
	{17, 5140, C, TEXT("<165>1 2003-08-24T05:14:15Z host app - - - text"), SERVICE_syslog},
	{6, 601, C, TEXT("40 <34>Oct 11 22:14:15 mymachine su: failed"), SERVICE_syslog},
	{17, 51820, C, TEXT("\1\0\0\0" Z64 Z64 Z16), SERVICE_wireguard},
	{17, 51820, C, TEXT("\1\0\0\0" Z64 Z64), SERVICE_NONE},
	{17, 1194, C, TEXT("\x38" "12345678\0\0\0\0\0"), SERVICE_openvpn},
	{17, 1194, C, TEXT("\x38" "12345678" Z16 "1234\0\0\0\1\1\2\3\4\0\0\0\0\0"), SERVICE_openvpn},
	{6, 1194, C, TEXT("\0\x0e\x38" "12345678\0\0\0\0\0"), SERVICE_openvpn},
	{6, 5938, C, TEXT("\x17\x24\x10\4\0\0\0\0\0\0"), SERVICE_teamviewer},
	{17, 5938, C, TEXT("\0" "1234567890\x17\x24xxxx"), SERVICE_teamviewer},
	{17, 2152, C, TEXT("\x30\xff\0\4\0\0\0\1abcd"), SERVICE_gtp_u},
	{17, 2123, C, TEXT("\x40\1\0\4\0\0\0\1"), SERVICE_gtp_c},
	{17, 47808, C, TEXT("\x81\x0b\0\x0c\1\x20\xff\xff\0\xff\x10\x08"), SERVICE_bacnet},
	{17, 5355, C, TEXT("\1\2\0\0\0\1\0\0\0\0\0\0\4host\0\0\1\0\1"), SERVICE_llmnr},
	{17, 137, C, TEXT("\1\2\1\x10\0\1\0\0\0\0\0\0\x20" "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" "\0\0\x21\0\1"), SERVICE_nbns},
	{17, 3478, C, TEXT("\0\1\0\0\x21\x12\xa4\x42" "123456789012"), SERVICE_stun},
	{17, 4500, C, TEXT("\xc0\xff\xee\1\0\0\0\1" Z16), SERVICE_esp},
	{17, 1900, C, TEXT("M-SEARCH * HTTP/1.1\r\n"), SERVICE_ssdp},
	{6, 102, C, TEXT("\3\0\0\x19\2\xf0\x80\x32\1\0\0\0\0\0\x08\0\0\xf0\0\0\1\0\1\1\xe0"), SERVICE_s7comm},
	{6, 27017, C, TEXT("\x20\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0" Z16), SERVICE_mongodb},
	{6, 5672, C, TEXT("AMQP\0\0\x09\1"), SERVICE_amqp},
	{17, 4433, C, TEXT("\x16\xfe\xff\0\0\0\0\0\0\0\0\0\1\1"), SERVICE_dtls},
	{6, 1080, C, TEXT("\5\1\0"), SERVICE_socks5},
	{6, 1080, C, TEXT("\5\1\x20"), SERVICE_NONE},
	{6, 9050, C, TEXT("\4\1\0\x50\x0a\0\0\1u\0"), SERVICE_socks4},
	{6, 1433, C, TEXT("\x12\1\0\x2f\0\0\0\0\0\0\x1a\0\6\1\0\x20\0\1\2\0\x21\0\1\3\0\x22\0\4\4\0\x26\0\1\xff" Z16), SERVICE_tds},
	{6, 1433, C, TEXT("\x12\1\0\x2f\0\0\0\0\0\0\x1a\0\7\1\0\x20\0\1"), SERVICE_NONE},
	{6, 4433, C, TEXT("\x10\1\0\x2c\0\0\1\0\x24\0\0\0\4\0\0\x74" Z16), SERVICE_tds},
	{6, 4433, C, TEXT("\x10\1\0\x2c\0\0\1\0\x25\0\0\0\4\0\0\x74" Z16), SERVICE_NONE},
	{6, 1521, C, TEXT("\0\x59\0\0\1\0\0\0\1\x36\1\x2c\0\0\x08\0\x7f\xff\x7f\x08\0\0\0\1\0\x1f\0\x3a\0\0\0\0\0\0(DESCRIPTION="), SERVICE_tns},
	{6, 1521, C, TEXT("\0\x59\0\0\2\0\0\0\1\x36\1\x2c\0\0\x08\0\x7f\xff\x7f\x08\0\0\0\1\0\x1f\0\x3a\0\0\0\0\0\0"), SERVICE_NONE},
	{6, 50000, C, TEXT("\0\x0c\xd0\x41\0\1\0\6\x10\x41\0\0"), SERVICE_drda},
	{6, 9042, C, TEXT("\4\0\0\0\5\0\0\0\0"), SERVICE_cassandra},
	{6, 9042, C, TEXT("\4\0\0\0\x11\0\0\0\0"), SERVICE_NONE},
	{6, 9092, C, TEXT("\0\0\0\x0e\0\x12\0\0\0\0\0\1\0\4java"), SERVICE_kafka},
	{6, 9092, C, TEXT("\0\0\0\x0e\1\x12\0\0\0\0\0\1\0\4java"), SERVICE_NONE},
	{6, 5555, S, TEXT("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL"), SERVICE_zmtp},
	{6, 3260, C, TEXT("\x43\x87\0\0" Z16 Z16 Z16 "InitiatorName=iqn.2000-01.test:a\0"), SERVICE_iscsi},
	{6, 179, C, TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x1d\1\4\xfd\xe8\0\xb4"), SERVICE_bgp},
	{6, 179, C, TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x12\1\4\xfd\xe8\0\xb4"), SERVICE_NONE},
	{6, 3868, C, TEXT("\1\0\0\x14\x80\0\1\1\0\0\0\0\1\2\3\4\5\6\7\x08"), SERVICE_diameter},
	{6, 3868, C, TEXT("\1\0\0\x15\x80\0\1\1\0\0\0\0\1\2\3\4\5\6\7\x08"), SERVICE_NONE},
	{6, 2775, C, TEXT("\0\0\0\x1f\0\0\0\x09\0\0\0\0\0\0\0\1user\0pass\0\0\x34\0\0\0"), SERVICE_smpp},
	{6, 2775, S, TEXT("\0\0\0\x15\x80\0\0\x09\0\0\0\0\0\0\0\1smsc\0"), SERVICE_smpp},
	{6, 6653, C, TEXT("\4\0\0\x08\0\0\0\1"), SERVICE_openflow},
	{6, 48898, C, TEXT("\0\0\x20\0\0\0" Z16 Z16), SERVICE_ads},
	{6, 5094, C, TEXT("\1\0\0\0\0\1\0\x0d\1\0\0\x27\x10"), SERVICE_hart_ip},
	{6, 1723, C, TEXT("\0\x9c\0\1\x1a\x2b\x3c\x4d\0\1\0\0"), SERVICE_pptp},
	{6, 1494, S, TEXT("\x7f\x7fICA\0\x7f\x7fICA\0"), SERVICE_ica},
	{6, 61613, C, TEXT("CONNECT\naccept-version:1.2\n\n"), SERVICE_stomp},
	{6, 9090, C, TEXT("\0\0\0\x11\x80\1\0\1\0\0\0\4ping\0\0\0\0\0"), SERVICE_thrift},
	{6, 9300, C, TEXT("ES\0\0\0\x20" Z16), SERVICE_elasticsearch},
	{6, 1935, C, TEXT("\3\0\0\0\0\0\0\0\0" Z64), SERVICE_rtmp},
	{17, 2055, C, TEXT("\0\5\0\1" Z16 "1234" Z16 Z16 Z16), SERVICE_netflow},
	{17, 2055, C, TEXT("\0\5\0\2" Z16 "1234" Z16 Z16 Z16), SERVICE_NONE},
	{17, 2055, C, TEXT("\0\x09\0\1" Z16 "\0\0\0\x08\1\0\0\0"), SERVICE_netflow},
	{17, 4739, C, TEXT("\0\x0a\0\x18\1\2\3\4\0\0\0\0\0\0\0\0\0\2\0\x08\1\0\0\0"), SERVICE_ipfix},
	{17, 4739, C, TEXT("\0\x0a\0\x19\1\2\3\4\0\0\0\0\0\0\0\0\0\2\0\x08\1\0\0\0"), SERVICE_NONE},
	{17, 6343, C, TEXT("\0\0\0\5\0\0\0\1\x0a\0\0\1" Z16), SERVICE_sflow},
	{17, 520, C, TEXT("\2\2\0\0\0\2\0\0" Z16), SERVICE_rip},
	{17, 3784, C, TEXT("\x20\xc0\3\x18" Z16 "1234"), SERVICE_bfd},
	{17, 3702, C, TEXT("<?xml?><s:Envelope a=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\">"), SERVICE_ws_discovery},
	{17, 1434, C, TEXT("\3"), SERVICE_ms_sql_browser},
	{6, 4444, C, TEXT("nothing that is known"), SERVICE_NONE},
};

/* Protocols that are parsed, where they are switched off. */
static const char *const off[] = {"app.mysql.enabled=no", "app.redis.enabled=no", "app.irc.enabled=no", "app.llmnr.enabled=no",
				  "app.nbns.enabled=no", "app.syslog.enabled=no", NULL};

static void first_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness *h = harness_new(cases[i].ip_proto, cases[i].port, off);

		give(h, cases[i].d, cases[i].data, cases[i].len);
		if (service_of(h) != cases[i].service)
			print_error("case %zu: %d\n", i, service_of(h));
		assert_int_equal(service_of(h), cases[i].service);
		harness_free(h);
	}
}

/* No length of the bytes is read past. */
static void cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t n = 1; n < cases[i].len; n++) {
			struct harness *h = harness_new(cases[i].ip_proto, cases[i].port, NULL);

			give(h, cases[i].d, cases[i].data, n);
			harness_free(h);
		}
}

static void media(void **state)
{
	struct harness *h = harness_new(17, 40000, NULL);
	char datagram[] = "\x80\x08\0\1\0\0\0\0\xde\xad\xbe\xef" "audio";

	(void)state;
	give(h, C, datagram, 17);
	assert_int_equal(service_of(h), SERVICE_NONE);
	datagram[3] = 2;
	give(h, C, datagram, 17);
	assert_int_equal(service_of(h), SERVICE_rtp);
	harness_free(h);
}

static const char *target_of(const struct harness *h)
{
	return h->flow.app->service ? h->flow.app->service->target : NULL;
}

static void proxies(void **state)
{
	struct harness *h = harness_new(6, 1080, NULL);

	(void)state;
	give(h, C, TEXT("\5\2\0\2"));
	give(h, S, TEXT("\5\2"));
	give(h, C, TEXT("\1\3abc\3def"));
	give(h, S, TEXT("\1\0"));
	assert_null(target_of(h));
	give(h, C, TEXT("\5\1\0\3\x0bWww.Example\1\xbb"));
	assert_string_equal(target_of(h), "Www.Example:443");
	assert_non_null(strstr(h->contacts, "www.example"));
	assert_true(h->flow.app_proto <= APP_FAILED);
	harness_free(h);

	h = harness_new(6, 9050, NULL);
	give(h, C, TEXT("\5\1\0"));
	give(h, S, TEXT("\5\0"));
	give(h, C, TEXT("\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x16"));
	assert_string_equal(target_of(h), "[2001:db8::1]:22");
	harness_free(h);

	h = harness_new(6, 9050, NULL);
	give(h, C, TEXT("\4\1\0\x50\0\0\0\1me\0"));
	assert_null(target_of(h));
	give(h, C, TEXT("a.example\0"));
	assert_string_equal(target_of(h), "a.example:80");
	harness_free(h);

	/* the answer is no proxy's */
	h = harness_new(6, 9050, NULL);
	give(h, C, TEXT("\5\1\0"));
	give(h, S, TEXT("\x15\3"));
	assert_int_equal(service_of(h), SERVICE_NONE);
	harness_free(h);
}

#define GET "GET /a HTTP/1.1\r\nHost: b.example\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"

/* What follows the proxy's consent is what it looks like, in any cut. */
static void through(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		enum direction d;
	} socks4[] = {{TEXT("\4\1\0\x50\0\0\0\1me\0a.example\0"), C}, {TEXT("\0\x5a\0\x50\x0a\0\0\1"), S}},
	  socks5[] = {{TEXT("\5\2\0\2"), C},
		      {TEXT("\5\2"), S},
		      {TEXT("\1\3abc\3def"), C},
		      {TEXT("\1\0"), S},
		      {TEXT("\5\1\0\3\x09" "a.example\0\x50"), C},
		      {TEXT("\5\0\0\1\x0a\0\0\1\4\x38"), S}};

	(void)state;
	for (unsigned step = 1; step < 30; step += 7) {
		for (unsigned five = 0; five < 2; five++) {
			struct harness *h = harness_new(6, 9050, NULL);

			for (unsigned i = 0; i < (five ? 6 : 2); i++) {
				if (five) /* its first message is known as a whole only */
					harness_tcp_steps(h, socks5[i].d, socks5[i].data, socks5[i].len, i ? step : 4);
				else
					harness_tcp_steps(h, socks4[i].d, socks4[i].data, socks4[i].len, i ? step : 99);
			}
			assert_string_equal(target_of(h), "a.example:80");
			harness_tcp_steps(h, C, TEXT(GET), step);
			harness_tcp_steps(h, S, TEXT(ANSWER), step);
			assert_int_equal(h->flow.app_proto, app_proto_by_name("http"));
			assert_int_equal(service_of(h), five ? SERVICE_socks5 : SERVICE_socks4);
			harness_end(h, C);
			harness_end(h, S);
			assert_int_equal(harness_count(h, "\"filename\":\"/a\""), 1);
			assert_int_equal(harness_count(h, "\"hostname\":\"b.example\""), 2); /* with the file */
			assert_int_equal(app_server_port(&h->flow), 80);
			harness_free(h);
		}
	}
}

/* A client that does not wait; a server behind the proxy that speaks first, in one piece with the consent. */
static void through_at_once(void **state)
{
	struct harness *h = harness_new(6, 1080, NULL);

	(void)state;
	give(h, C, TEXT("\5\1\0\5\1\0\1\xc6\x33\x64\7\0\x50" GET));
	assert_true(h->flow.app_proto <= APP_FAILED);
	give(h, S, TEXT("\5\0\5\0\0\1\0\0\0\0\0\0" ANSWER));
	assert_int_equal(h->flow.app_proto, app_proto_by_name("http"));
	assert_int_equal(harness_count(h, "\"hostname\":\"b.example\""), 2); /* with the file */
	harness_free(h);

	h = harness_new(6, 9050, NULL);
	give(h, C, TEXT("\4\1\0\x16\x0a\0\0\1u\0"));
	give(h, S, TEXT("\0\x5a\0\0\0\0\0\0SSH-2.0-x\r\n"));
	give(h, C, TEXT("SSH-2.0-y\r\n"));
	assert_int_equal(h->flow.app_proto, app_proto_by_name("ssh"));
	harness_free(h);

	/* a server that ends without a word */
	h = harness_new(6, 1080, NULL);
	give(h, C, TEXT("\5\1\0"));
	harness_end(h, S);
	assert_int_equal(flow_cold(&h->flow)->notes->service, SERVICE_socks5);
	harness_free(h);
}

static const char *const no_socks[] = {"app_socks=no", NULL};

static void not_led_on(struct harness *h)
{
	give(h, C, TEXT(GET));
	assert_true(h->flow.app_proto <= APP_FAILED);
	harness_free(h);
}

/* Refused, no connection, or not wanted: what follows is not looked into. */
static void not_through(void **state)
{
	struct harness *h = harness_new(6, 1080, NULL);

	(void)state;
	give(h, C, TEXT("\5\1\0"));
	give(h, S, TEXT("\5\0"));
	give(h, C, TEXT("\5\1\0\1\xc6\x33\x64\7\0\x50"));
	give(h, S, TEXT("\5\5\0\1\0\0\0\0\0\0"));
	not_led_on(h);

	h = harness_new(6, 1080, NULL);
	give(h, C, TEXT("\5\1\0"));
	give(h, S, TEXT("\5\xff"));
	not_led_on(h);

	h = harness_new(6, 1080, NULL);
	give(h, C, TEXT("\4\2\0\x50\x0a\0\0\1u\0"));
	give(h, S, TEXT("\0\x5a\0\0\0\0\0\0"));
	not_led_on(h);

	h = harness_new(6, 1080, no_socks);
	give(h, C, TEXT("\4\1\0\x50\x0a\0\0\1u\0"));
	give(h, S, TEXT("\0\x5a\0\0\0\0\0\0"));
	not_led_on(h);
}

static void names(void **state)
{
	struct harness *h = harness_new(6, 443, NULL);

	(void)state;
	give(h, C, TEXT("x"));
	service_host(&h->w, &h->flow, TEXT("xanydesk.com"));
	assert_int_equal(service_of(h), SERVICE_NONE);
	service_host(&h->w, &h->flow, TEXT("relay-1.net.anydesk.com"));
	assert_int_equal(service_of(h), SERVICE_anydesk);
	service_forget(&h->flow);
	service_subject(&h->w, &h->flow, TEXT("C=DE, CN=AnyDesk Client"));
	assert_int_equal(service_of(h), SERVICE_anydesk);
	harness_free(h);
}

/* Names that Tor invents, and those of others. */
static void tor(void **state)
{
	static const struct {
		const char *subject, *issuer;
		bool is;
	} relays[] = {{"CN=www.4fkq7abcdwx.net", "CN=www.zz2x5hgtrwq.com", true}, {"CN=www.4fkq7abcdwx.net", "CN=R3, O=x", false},
		      {"CN=www.short.net", "CN=www.zz2x5hgtrwq.com", false}, {"C=US, CN=www.4fkq7abcdwx.net", "CN=www.zz2x5hgtrwq.com", false},
		      {"CN=www.4fkq7-bcdwx.net", "CN=www.zz2x5hgtrwq.com", false}, {"", "", false}};
	static const struct {
		const char *name;
		bool alpn, is;
	} clients[] = {{"www.q7xkdvt3hwz5.com", false, true}, {"www.q7xkdvt3hwz5.com", true, false}, {"www.office365.com", false, false},
		       {"www.knightsbridge.com", false, false}, {"www.q7xk.com", false, false}, {"q7xkdvt3hwz5.com", false, false}};
	struct harness *h = harness_new(6, 9001, NULL);

	(void)state;
#define BYTES(s) (struct bytes){(const uint8_t *)(s), (uint32_t)strlen(s)}
	for (size_t i = 0; i < sizeof(relays) / sizeof(relays[0]); i++)
		assert_int_equal(service_is_tor_relay(BYTES(relays[i].subject), BYTES(relays[i].issuer)), relays[i].is);
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		assert_int_equal(service_is_tor_client(BYTES(clients[i].name), clients[i].alpn), clients[i].is);
	give(h, C, TEXT("x"));
	service_relay(&h->w, &h->flow, BYTES(relays[0].subject), BYTES(relays[0].issuer));
	assert_int_equal(service_of(h), SERVICE_tor);
	harness_free(h);
}

/* Shapes that are not asked would have said no. */
static void shapes_left_out(void **state)
{
	static const struct {
		service_shape *shape;
		uint8_t ip_proto, first, last;
		uint16_t port;
	} shapes[] = {
#define TCP 6
#define UDP 17
#define MAGIC(...)
#define HOST(...)
#define SUBJECT(...)
#define SHAPE(name, proto, speaks, function, byte, last_byte, from, to, how) \
	{service_is_##function, proto, byte, last_byte, from},
#include "dataplane/app/service_signature.def"
#undef SHAPE
#undef SUBJECT
#undef HOST
#undef MAGIC
	};
	uint8_t data[128];

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct harness *h = harness_new(shapes[i].ip_proto, shapes[i].port, NULL);

		for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]) * 256; k++) {
			size_t len = cases[k / 256].len < sizeof(data) ? cases[k / 256].len : sizeof(data);
			struct service_look look = {.w = &h->w, .f = &h->flow, .d = cases[k / 256].d, .data = data,
						    .len = (uint32_t)len};

			memcpy(data, cases[k / 256].data, len);
			data[0] = (uint8_t)(k % 256);
			if (data[0] < shapes[i].first || data[0] > shapes[i].last)
				assert_false(shapes[i].shape(&look));
		}
		harness_free(h);
	}
}

/* XMPP that turns to TLS, in segments of any size, and that does not. */
static void xmpp(void **state)
{
	static const char open[] = "<?xml version='1.0'?><stream:stream to='x' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
	static const char features[] = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
	static const char start[] = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", proceed[] = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>";
	static const uint8_t hello[] = {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3}, answer[] = {0x16, 3, 3, 0, 5, 2, 0, 0, 1, 3};
	char talk[2000];

	(void)state;
	memset(talk, 'x', sizeof(talk));
	for (size_t step = 1; step < 400; step += 1 + step * 2) {
		struct harness *h = harness_new(6, 5222, NULL);

		harness_tcp_steps(h, C, open, sizeof(open) - 1, step);
		harness_tcp_steps(h, S, open, sizeof(open) - 1, step);
		harness_tcp_steps(h, S, features, sizeof(features) - 1, step);
		harness_tcp_steps(h, C, start, sizeof(start) - 1, step);
		harness_tcp_steps(h, S, proceed, sizeof(proceed) - 1, step);
		harness_tcp_steps(h, C, hello, sizeof(hello), step);
		harness_tcp_steps(h, S, answer, sizeof(answer), step);
		assert_int_equal(h->flow.app_proto, APP_tls);
		assert_int_equal(flow_cold(&h->flow)->notes->service, SERVICE_xmpp);
		harness_free(h);

		h = harness_new(6, 5222, NULL);
		harness_tcp_steps(h, C, open, sizeof(open) - 1, step);
		harness_tcp_steps(h, S, open, sizeof(open) - 1, step);
		for (unsigned i = 0; i < 5; i++) {
			harness_tcp(h, C, talk, sizeof(talk));
			harness_tcp(h, S, talk, sizeof(talk));
		}
		assert_int_equal(h->flow.app_proto, APP_FAILED);
		assert_true(h->flow.flags & FLOW_NO_APP);
		assert_int_equal(flow_cold(&h->flow)->notes->service, SERVICE_xmpp);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_bytes), cmocka_unit_test(cut),	cmocka_unit_test(media),
		cmocka_unit_test(proxies),     cmocka_unit_test(names),	cmocka_unit_test(shapes_left_out),
		cmocka_unit_test(through),     cmocka_unit_test(not_through), cmocka_unit_test(through_at_once),
		cmocka_unit_test(xmpp), cmocka_unit_test(tor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

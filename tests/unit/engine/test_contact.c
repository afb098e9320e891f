/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/contact.c, home.c: who the client is, and what a contact that lasts comes to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/engine/home.h"
#include "dataplane/event/contact.h"
#include "dataplane/flow/flow.h"
#include "tests/unit/engine/wire.h"

/* The next contact as "KIND CLIENT VALUE PORT", with "+" behind it when it goes on; "" none. */
static uint64_t next_ns; /* its time */

static const char *next(struct wire *w)
{
	static char text[2200];
	const struct record_head *r = wire_next(w, RECORD_contact);
	unsigned kind;
	char client[64], value[2048];
	struct value v;

	text[0] = '\0';
	if (!r)
		return text;
	next_ns = r->ts_ns;
	kind = (unsigned)wire_number(r, F_contact_kind);
	snprintf(client, sizeof(client), "%s", wire_text(r, F_contact_client));
	snprintf(value, sizeof(value), "%s", wire_text(r, F_contact_value));
	if (kind == CONTACT_IP && record_find(r, F_contact_value, &v)) {
		struct addr a = {0};

		memcpy(a.b, v.body.data, v.body.len);
		addr_format(&a, v.body.len == 16 ? 6 : 4, value);
	}
	snprintf(text, sizeof(text), "%u %s %s %u%s", kind, client, value,
		 (unsigned)wire_number(r, F_contact_port),
		 wire_number(r, F_contact_goes_on) ? "+" : "");
	return text;
}

static void inside_out(void **state)
{
	struct wire *w = wire_open(NULL, -1);

	wire_handshake(w);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80");
	wire_say(w, "GET /p HTTP/1.1\r\nHost: Site.example\r\nUser-Agent: curl\r\n\r\n");
	assert_string_equal(next(w), "1 10.0.0.5 site.example 80");
	assert_string_equal(next(w), "3 10.0.0.5 site.example/p 80");
	assert_string_equal(next(w), "13 10.0.0.5 curl 80");
	flow_end_all(&w->lane->w);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80+");
	assert_string_equal(next(w), "");
	wire_close(w);
}

/* Behind a SOCKS proxy: the port is that of the server which was asked for. */
static void behind_proxy(void **state)
{
	struct wire *w = wire_open(NULL, -1);

	w->server_port = 1080;
	wire_handshake(w);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 1080");
	wire_tcp(w, true, TCP_ACK, "\4\1\x1f\x90\xcb\0\x71\5u", 10);
	wire_tcp(w, false, TCP_ACK, "\0\x5a\0\0\0\0\0\0", 8);
	assert_string_equal(next(w), "2 10.0.0.5 203.0.113.5 8080");
	wire_say(w, "GET /p HTTP/1.1\r\nHost: site.example\r\n\r\n");
	assert_string_equal(next(w), "1 10.0.0.5 site.example 8080");
	assert_string_equal(next(w), "3 10.0.0.5 site.example/p 8080");
	flow_end_all(&w->lane->w);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 1080+");
	wire_close(w);
}

/* The inside server had to do with the address outside; its own name is nobody's contact. */
static void outside_in(void **state)
{
	struct wire *w = wire_open(NULL, -1);

	w->client = "203.0.113.66";
	w->server = "10.0.0.80";
	wire_handshake(w);
	assert_string_equal(next(w), "2 10.0.0.80 203.0.113.66 80");
	wire_say(w, "GET /p HTTP/1.1\r\nHost: our.example\r\nUser-Agent: scan/1\r\n\r\n");
	assert_string_equal(next(w), "13 10.0.0.80 scan/1 80");
	wire_tcp(w, false, TCP_ACK, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38);
	flow_end_all(&w->lane->w);
	assert_string_equal(next(w), "2 10.0.0.80 203.0.113.66 80+");
	assert_string_equal(next(w), "");
	wire_close(w);
}

/* Neither end is known, or both are inside: the client is who began. */
static void neither_or_both(void **state)
{
	static const char *const settings[] = {"home_nets=10.0.0.0/8,!10.9.0.0/16", NULL};
	struct wire *w = wire_open(settings, -1);

	w->client = "203.0.113.66";
	w->server = "198.51.100.7";
	wire_udp(w, true, "x", 1);
	assert_string_equal(next(w), "2 203.0.113.66 198.51.100.7 80");
	w->client = "10.1.1.1";
	w->server = "10.2.2.2";
	wire_udp(w, true, "x", 1);
	assert_string_equal(next(w), "2 10.1.1.1 10.2.2.2 80");
	/* left out of the networks: outside */
	w->client = "10.9.1.1";
	wire_udp(w, true, "x", 1);
	assert_string_equal(next(w), "2 10.2.2.2 10.9.1.1 80");
	wire_close(w);
}

/* A flow of which the answer is seen first: the end is told of the pair that the begin named. */
static void answer_first(void **state)
{
	struct wire *w = wire_open(NULL, -1);

	wire_udp(w, false, "x", 1);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80");
	flow_end_all(&w->lane->w);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80+");
	wire_close(w);
}

/* A connection seen midway: the lower port is the service, be it below 1024 or not. */
static void midway(void **state)
{
	static const struct {
		uint16_t client_port, server_port;
		bool to_server;
	} rows[] = {{48668, 7010, false}, {48668, 7010, true}, {40000, 443, false}};
	char text[100];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wire *w = wire_open(NULL, -1);

		w->client = "172.18.0.3";
		w->server = "172.18.0.2";
		w->client_port = rows[i].client_port;
		w->server_port = rows[i].server_port;
		wire_tcp(w, rows[i].to_server, TCP_ACK | TCP_PSH, "x", 1);
		snprintf(text, sizeof(text), "2 172.18.0.3 172.18.0.2 %u", rows[i].server_port);
		assert_string_equal(next(w), text);
		wire_tcp(w, !rows[i].to_server, TCP_RST, NULL, 0);
		flow_end_all(&w->lane->w);
		snprintf(text, sizeof(text), "2 172.18.0.3 172.18.0.2 %u+", rows[i].server_port);
		assert_string_equal(next(w), text);
		wire_close(w);
	}
}

/* Every five minutes what was added, at the end the rest: the sums are those of the flow. */
static void checkpoints(void **state)
{
	struct wire *w = wire_open(NULL, -1);
	const struct record_head *r;
	uint64_t out = 0, in = 0, last = 0;
	unsigned records = 0, begins = 0;

	for (unsigned i = 0; i < 200; i++) {
		wire_udp(w, i % 4 != 3, "0123456789", i % 11);
		w->ns += 10000000000ull;
	}
	flow_end_all(&w->lane->w);
	while ((r = wire_next(w, RECORD_contact))) {
		begins += !wire_number(r, F_contact_goes_on);
		out += wire_number(r, F_contact_bytes_out);
		in += wire_number(r, F_contact_bytes_in);
		assert_true(r->ts_ns >= last);
		last = r->ts_ns;
		records++;
	}
	assert_int_equal(begins, 1);
	/* 1990 s of packets: six checkpoints of 300 s, begin and end */
	assert_int_equal(records, 8);
	assert_int_equal(last, w->ns - 10000000000ull - 1000000);
	assert_int_equal(w->counters->flow_total, 1);
	w->read = 0;
	r = wire_next(w, RECORD_flow);
	assert_non_null(r);
	assert_int_equal(out, wire_number(r, F_flow_bytes_toserver));
	assert_int_equal(in, wire_number(r, F_flow_bytes_toclient));
	wire_close(w);
}

/* The time until which the last record says that the contact went on. */
static uint64_t went_on_until(struct wire *w)
{
	const struct record_head *r;
	uint64_t last = 0;

	while ((r = wire_next(w, RECORD_contact)))
		last = r->ts_ns;
	return last;
}

/* A router's word that nothing arrives makes no contact last longer; what follows it does. */
static void reported(void **state)
{
	struct wire *w = wire_open(NULL, -1);
	uint64_t begin = w->ns;

	wire_udp(w, true, "x", 1);
	w->ns += 2000000000ull;
	wire_unreachable(w);
	wire_unreachable(w);
	assert_int_equal(w->counters->flow_total, 1);
	flow_end_all(&w->lane->w);
	assert_int_equal(went_on_until(w), begin);
	wire_udp(w, true, "x", 1);
	wire_unreachable(w);
	begin = w->ns;
	wire_udp(w, true, "x", 1);
	flow_end_all(&w->lane->w);
	assert_int_equal(went_on_until(w), begin);
	wire_close(w);
}

static void no_checkpoints(void **state)
{
	static const char *const settings[] = {"contacts.checkpoint=0", NULL};
	struct wire *w = wire_open(settings, -1);

	for (unsigned i = 0; i < 100; i++, w->ns += 20000000000ull)
		wire_udp(w, i & 1, "x", 1);
	flow_end_all(&w->lane->w);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80");
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80+");
	assert_string_equal(next(w), "");
	wire_close(w);
}

/* However many networks there are, and of whatever family, what is inside is the same. */
static void inside_few_and_many(void **state)
{
	static const char *const lists[] = {"10.0.0.0/8,192.168.0.0/16,172.16.0.0/12,fd00::/8", "0.0.0.0/0,!10.0.0.0/8",
					    "255.255.255.255,0.0.0.0", "fd00::/8",
					    "1.0.0.0/8,3.0.0.0/8,5.0.0.0/8,7.0.0.0/8,9.0.0.0/8,11.0.0.0/8,13.0.0.0/8,"
					    "15.0.0.0/8,17.0.0.0/8,19.1.2.3"};
	static const uint8_t edges[] = {0, 1, 2, 3, 9, 10, 11, 15, 17, 19, 20, 172, 192, 253, 255};
	char error[400];

	(void)state;
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct config *c = config_new();
		struct home *h;

		assert_int_equal(config_set(c, "home_nets", lists[i], error, sizeof(error)), 0);
		h = home_new(c, error, sizeof(error));
		assert_non_null(h);
		for (unsigned a = 0; a < sizeof(edges) * sizeof(edges); a++) {
			uint8_t x = edges[a / sizeof(edges)], y = edges[a % sizeof(edges)];
			struct addr v = {.b = {x, y, x, y}};

			for (int version = 4; version <= 6; version += 2)
				assert_int_equal(home_inside(h, &v, version),
						 home_range(h->inside, h->inside_count, &v, version));
			memset(v.b + 4, x, 12);
			assert_int_equal(home_inside(h, &v, 6), home_range(h->inside, h->inside_count, &v, 6));
		}
		home_free(h);
		config_free(c);
	}
}

static void bad_networks(void **state)
{
	struct config *c = config_new();
	char error[400];

	assert_int_equal(config_set(c, "home_nets", "10.0.0.0/8,nonsense", error, sizeof(error)), 0);
	assert_null(home_new(c, error, sizeof(error)));
	assert_non_null(strstr(error, "home_nets"));
	assert_non_null(strstr(error, "nonsense"));
	config_free(c);
}

/* A request lasts until its body does: what it contacts too, and is counted once. */
static void body(void **state)
{
	static const char *const kept[] = {"1 10.0.0.5 a.example 80+", "3 10.0.0.5 a.example/p 80+",
					   "13 10.0.0.5 b 80+"};
	struct wire *w = wire_open(NULL, -1);
	uint64_t end;

	wire_handshake(w);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80");
	wire_say(w, "POST /p HTTP/1.1\r\nHost: a.example\r\nUser-Agent: b\r\n"
		    "Content-Length: 8\r\n\r\nabcd");
	assert_string_equal(next(w), "1 10.0.0.5 a.example 80");
	assert_string_equal(next(w), "3 10.0.0.5 a.example/p 80");
	assert_string_equal(next(w), "13 10.0.0.5 b 80");
	end = w->ns;
	wire_say(w, "efgh");
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(next(w), kept[i]);
		assert_int_equal(next_ns, end);
	}
	/* all of it in one packet: it is said once */
	wire_say(w, "POST / HTTP/1.1\r\nHost: c.example\r\nContent-Length: 2\r\n\r\nab");
	assert_string_equal(next(w), "1 10.0.0.5 c.example 80");
	assert_string_equal(next(w), "3 10.0.0.5 c.example/ 80");
	/* no body: the answer does not end the request */
	wire_say(w, "GET / HTTP/1.1\r\nHost: c.example\r\n\r\n");
	assert_string_equal(next(w), "1 10.0.0.5 c.example 80");
	assert_string_equal(next(w), "3 10.0.0.5 c.example/ 80");
	wire_tcp(w, false, TCP_ACK, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38);
	assert_string_equal(next(w), "");
	wire_close(w);
}

#define PROXY "10.0.0.5"

static void say_to_proxy(struct wire *w, const char *request)
{
	w->client_port++;
	wire_handshake(w);
	assert_string_not_equal(next(w), "");
	wire_say(w, request);
}

/* A proxy's request is its client's, when it says who that is and that is one of ours. */
static void forwarded(void **state)
{
	static const struct {
		const char *header, *client;
	} rows[] = {
		{"X-Forwarded-For: 10.7.7.7", "10.7.7.7"},
		{"X-Forwarded-For: 10.7.7.7, 10.0.0.9", "10.7.7.7"},
		{"X-Forwarded-For: unknown, 10.7.7.8:1234 , 10.0.0.9", "10.7.7.8"},
		{"X-Forwarded-For: 203.0.113.1, 10.7.7.7", PROXY},
		{"X-Forwarded-For: [10.7.7.7", "10.7.7.7"},
		{"X-Forwarded-For: 10.7.7.7.7", PROXY},
		{"X-Forwarded-For: ", PROXY},
		{"X-Forwarded-For: ,,,", PROXY},
		{"Forwarded: for=10.7.7.7;proto=http;by=203.0.113.43", "10.7.7.7"},
		{"Forwarded: proto=http; For=\"10.7.7.7:4711\", for=10.0.0.9", "10.7.7.7"},
		{"Forwarded: for=\"[fd00::1]:4711\"", "fd00::1"},
		{"Forwarded: for=_hidden, for=10.7.7.7", "10.7.7.7"},
		{"Forwarded: by=10.7.7.7", PROXY},
		{"X-Forwarded-For: what\r\nForwarded: for=10.7.7.7", "10.7.7.7"},
	};
	static const char *const settings[] = {"home_nets=10.0.0.0/8,fd00::/8", NULL};
	char text[300], expected[100];
	struct wire *w = wire_open(settings, -1);

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "GET /p HTTP/1.1\r\nHost: site.example\r\n"
			 "User-Agent: a\r\n%s\r\n\r\n", rows[i].header);
		say_to_proxy(w, text);
		snprintf(expected, sizeof(expected), "1 %s site.example 80", rows[i].client);
		assert_string_equal(next(w), expected);
		snprintf(expected, sizeof(expected), "3 %s site.example/p 80", rows[i].client);
		assert_string_equal(next(w), expected);
		snprintf(expected, sizeof(expected), "13 %s a 80", rows[i].client);
		assert_string_equal(next(w), expected);
	}
	wire_close(w);
}

/* A value with a zero byte in it is no address. */
static void forwarded_zero(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a.example\r\n"
				      "Forwarded: for=\0:1\r\nX-Forwarded-For: 1\0:80\r\n\r\n";
	struct wire *w = wire_open(NULL, -1);

	wire_handshake(w);
	wire_tcp(w, true, TCP_ACK | TCP_PSH, request, sizeof(request) - 1);
	wire_tcp(w, false, TCP_ACK, NULL, 0);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80");
	assert_string_equal(next(w), "1 10.0.0.5 a.example 80");
	wire_close(w);
}

static void only_proxies(void **state)
{
	static const char *const settings[] = {"contacts.proxies=10.0.0.0/30", NULL};
	struct wire *w = wire_open(settings, -1);

	say_to_proxy(w, "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 10.7.7.7\r\n\r\n");
	assert_string_equal(next(w), "1 10.0.0.5 a.example 80");
	assert_string_equal(next(w), "3 10.0.0.5 a.example/ 80");
	w->client = "10.0.0.1";
	say_to_proxy(w, "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 10.7.7.7\r\n\r\n");
	assert_string_equal(next(w), "1 10.7.7.7 a.example 80");
	wire_close(w);
}

/* What is behind the proxy is contacted, at its own port. */
static void to_a_proxy(void **state)
{
	struct wire *w = wire_open(NULL, -1);

	w->server = "10.0.0.3";
	w->server_port = 3128;
	say_to_proxy(w, "CONNECT C2.example:8443 HTTP/1.1\r\nHost: C2.example:8443\r\n\r\n");
	assert_string_equal(next(w), "1 10.0.0.5 c2.example 8443");
	say_to_proxy(w, "CONNECT 198.51.100.9:443 HTTP/1.1\r\n\r\n");
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.9 443");
	say_to_proxy(w, "CONNECT [2001:db8::9]:443 HTTP/1.1\r\n\r\n");
	assert_string_equal(next(w), "2 10.0.0.5 2001:db8::9 443");
	say_to_proxy(w, "GET http://Site.example/p?q HTTP/1.1\r\nHost: site.example\r\n\r\n");
	assert_string_equal(next(w), "1 10.0.0.5 site.example 80");
	assert_string_equal(next(w), "3 10.0.0.5 site.example/p?q 80");
	say_to_proxy(w, "GET http://198.51.100.9:8080/p HTTP/1.1\r\n\r\n");
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.9 8080");
	assert_string_equal(next(w), "3 10.0.0.5 198.51.100.9/p 8080");
	assert_string_equal(next(w), "");
	wire_close(w);
}

/* A URL is written in one form, however it is asked for. */
static void url(void **state)
{
	static const char *const rows[][2] = {
		{"GET /%7Ea?%41=%2f#top HTTP/1.1\r\nHost: A.example:80\r\n\r\n", "a.example/~a?A=%2F"},
		{"GET http://A.example:80/%7ea HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example/~a"},
		{"GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example/"},
		{"OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example/*"},
	};
	char expected[100];
	struct wire *w = wire_open(NULL, -1);

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		say_to_proxy(w, rows[i][0]);
		assert_string_equal(next(w), "1 10.0.0.5 a.example 80");
		snprintf(expected, sizeof(expected), "3 10.0.0.5 %s 80", rows[i][1]);
		assert_string_equal(next(w), expected);
	}
	wire_close(w);
}

/* Inside the tunnel the hello names the server, at the port that the proxy was asked for. */
static void tunnel(void **state)
{
	struct wire *w = wire_open(NULL, -1);

	w->server = "10.0.0.3";
	w->server_port = 3128;
	say_to_proxy(w, "CONNECT c2.example:443 HTTP/1.1\r\n\r\n");
	assert_string_equal(next(w), "1 10.0.0.5 c2.example 443");
	wire_tcp(w, false, TCP_ACK | TCP_PSH, "HTTP/1.1 200 OK\r\n\r\n", 19);
	wire_hello(w, "front.example");
	wire_tcp(w, false, TCP_ACK, NULL, 0);
	assert_string_equal(next(w), "4 10.0.0.5 front.example 443");
	wire_close(w);
}

/* While the table is full, what is heard of once is one record; what is answered has begun when it did. */
static void flood(void **state)
{
	const char *const settings[] = {"flow.max=2", NULL};
	struct wire *w = wire_open(settings, -1);
	uint64_t start_ns = 0;
	const struct record_head *r;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		w->client_port = (uint16_t)(5000 + i);
		start_ns = w->ns;
		wire_tcp(w, true, TCP_SYN, NULL, 0);
	}
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80");
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80");
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80+");
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80+");
	r = wire_next(w, RECORD_contact);
	assert_non_null(r);
	assert_int_equal(wire_number(r, F_contact_goes_on), 0);
	assert_true(wire_number(r, F_contact_bytes_out) > 0);
	assert_int_equal(r->sport, 5002);
	assert_string_equal(next(w), "");
	wire_tcp(w, false, TCP_SYN | TCP_ACK, NULL, 0);
	assert_string_equal(next(w), "2 10.0.0.5 198.51.100.7 80");
	assert_int_equal(next_ns, start_ns);
	assert_string_equal(next(w), "");
	flow_end_all(&w->lane->w);
	/* of the one that waited, and of that which was answered */
	for (unsigned i = 0; i < 2; i++) {
		r = wire_next(w, RECORD_contact);
		assert_non_null(r);
		assert_int_equal(wire_number(r, F_contact_goes_on), r->sport == 5004);
		assert_int_equal(wire_number(r, F_contact_bytes_in) > 0, r->sport == 5004);
	}
	assert_string_equal(next(w), "");
	wire_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside_out), cmocka_unit_test(behind_proxy),	 cmocka_unit_test(outside_in),
		cmocka_unit_test(neither_or_both), cmocka_unit_test(answer_first),
		cmocka_unit_test(midway), cmocka_unit_test(checkpoints),	 cmocka_unit_test(no_checkpoints),
		cmocka_unit_test(reported), cmocka_unit_test(inside_few_and_many), cmocka_unit_test(bad_networks),	 cmocka_unit_test(forwarded),
		cmocka_unit_test(forwarded_zero), cmocka_unit_test(body),
		cmocka_unit_test(flood),
	 cmocka_unit_test(only_proxies),	 cmocka_unit_test(to_a_proxy),
		cmocka_unit_test(url), cmocka_unit_test(tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

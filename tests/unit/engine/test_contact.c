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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside_out),	 cmocka_unit_test(outside_in),
		cmocka_unit_test(neither_or_both), cmocka_unit_test(answer_first),
		cmocka_unit_test(checkpoints),	 cmocka_unit_test(no_checkpoints),
		cmocka_unit_test(bad_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

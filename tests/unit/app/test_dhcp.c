/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/dhcp.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

#define HEADER_BYTES 240

struct message {
	uint8_t bytes[1024];
	size_t len;
};

/* op, xid 0x01020304, MAC 02:00:00:00:00:01, ciaddr and yiaddr 10.0.0.X (0: none) */
static struct message message_of(uint8_t op, uint8_t ciaddr, uint8_t yiaddr, const char *options)
{
	struct message m = {.len = HEADER_BYTES};
	uint8_t *o;
	size_t n;

	m.bytes[0] = op;
	m.bytes[1] = 1;
	m.bytes[2] = 6;
	memcpy(m.bytes + 4, "\1\2\3\4", 4);
	if (ciaddr)
		memcpy(m.bytes + 12, (uint8_t[]){10, 0, 0, ciaddr}, 4);
	if (yiaddr)
		memcpy(m.bytes + 16, (uint8_t[]){10, 0, 0, yiaddr}, 4);
	m.bytes[28] = 2;
	m.bytes[33] = 1;
	memcpy(m.bytes + 236, "\x63\x82\x53\x63", 4);
	o = unhex(options, &n);
	memcpy(m.bytes + m.len, o, n);
	m.len += n;
	free(o);
	return m;
}

static void send_message(struct harness *h, enum direction d, const struct message *m)
{
	harness_udp(h, d, m->bytes, m->len);
}

#define TYPE(n) "35 01 0" #n
#define NAME_PC1 "0c 03 504331"
#define LEASE_3600 "33 04 00000e10"
#define END "ff"

/* Only acknowledgements are written, with the fields of the reference. */
static void acknowledged(void **state)
{
	struct harness *h = harness_new(17, 67, NULL);
	struct message request = message_of(1, 0, 0, TYPE(3) NAME_PC1 "3d 07 01 020000000001" END);
	struct message ack = message_of(2, 0, 7, TYPE(5) LEASE_3600 "3a 04 00000708" END);

	(void)state;
	send_message(h, TO_SERVER, &request);
	assert_int_equal(h->flow.app_proto, APP_dhcp);
	assert_int_equal(harness_count(h, "\"dhcp\""), 0);
	assert_string_equal(h->out, "host - mac 02:00:00:00:00:01 name PC1 source 6\n");
	send_message(h, TO_CLIENT, &ack);
	assert_non_null(strstr(h->out, "\"dhcp\":{\"type\":\"reply\",\"id\":16909060,"
				       "\"client_mac\":\"02:00:00:00:00:01\","
				       "\"assigned_ip\":\"10.0.0.7\",\"dhcp_type\":\"ack\","
				       "\"renewal_time\":1800}"));
	assert_non_null(
		strstr(h->out, "host 10.0.0.7 mac 02:00:00:00:00:01 source 6 lease 3600\n"));
	assert_int_equal(h->flow.app->live, 0);
	harness_free(h);
}

static void extended(void **state)
{
	static const char *const settings[] = {"eve.types.dhcp.extended=yes", NULL};
	struct harness *h = harness_new(17, 67, settings);
	struct message request =
		message_of(1, 0, 0,
			   TYPE(1) "0000" NAME_PC1 "3c 04 4d534654 32 04 0a000009"
				   "37 05 01 03 06 0f fb 3d 07 01 020000000001" END);
	struct message offer = message_of(2, 0, 7,
					  TYPE(2) "01 04 ffffff00 03 08 0a000001 0a000002"
						  "06 04 0a000003" LEASE_3600 "3b 04 00000c4e" END);

	(void)state;
	send_message(h, TO_SERVER, &request);
	assert_non_null(strstr(h->out, "\"dhcp\":{\"type\":\"request\",\"id\":16909060,"
				       "\"client_mac\":\"02:00:00:00:00:01\","
				       "\"assigned_ip\":\"0.0.0.0\",\"client_ip\":\"0.0.0.0\","
				       "\"dhcp_type\":\"discover\",\"hostname\":\"PC1\","
				       "\"vendor_class_identifier\":\"MSFT\","
				       "\"requested_ip\":\"10.0.0.9\",\"params\":[\"subnet_mask\","
				       "\"router\",\"dns_server\",\"domain\"],"
				       "\"client_id\":\"02:00:00:00:00:01\"}"));
	harness_clear(h);
	send_message(h, TO_CLIENT, &offer);
	assert_non_null(strstr(h->out, "\"relay_ip\":\"0.0.0.0\",\"next_server_ip\":\"0.0.0.0\","
				       "\"dhcp_type\":\"offer\",\"subnet_mask\":\"255.255.255.0\","
				       "\"routers\":[\"10.0.0.1\",\"10.0.0.2\"],"
				       "\"dns_servers\":[\"10.0.0.3\"],\"lease_time\":3600,"
				       "\"rebinding_time\":3150}"));
	assert_null(strstr(h->out, "host ")); /* an offer gives nothing */
	harness_free(h);
}

/* The name of option 81, as labels and as text, is better than that of option 12. */
static void full_names(void **state)
{
	struct harness *h = harness_new(17, 67, NULL);
	struct message labels =
		message_of(2, 0, 7, TYPE(5) NAME_PC1 "51 0d 05 ff ff 03 706331 04 636f7270 00" END);
	struct message text = message_of(2, 0, 8, TYPE(5) "51 0b 01 00 00 7063312e636f7270" END);

	(void)state;
	send_message(h, TO_CLIENT, &labels);
	assert_non_null(
		strstr(h->out, "host 10.0.0.7 mac 02:00:00:00:00:01 name pc1.corp source 6\n"));
	send_message(h, TO_CLIENT, &text);
	assert_non_null(
		strstr(h->out, "host 10.0.0.8 mac 02:00:00:00:00:01 name pc1.corp source 6\n"));
	harness_free(h);
}

/* An INFORM is acknowledged without an address: the client's own. Not Ethernet: nothing. */
static void informed(void **state)
{
	struct harness *h = harness_new(17, 67, NULL);
	struct message ack = message_of(2, 9, 0, TYPE(5) END);

	(void)state;
	send_message(h, TO_CLIENT, &ack);
	assert_non_null(strstr(h->out, "host 10.0.0.9 mac 02:00:00:00:00:01 source 6\n"));
	harness_clear(h);
	ack = message_of(2, 8, 0, TYPE(5) END);
	ack.bytes[1] = 32;
	send_message(h, TO_CLIENT, &ack);
	assert_null(strstr(h->out, "host "));
	harness_free(h);
}

static void rules_see_times(void **state)
{
	struct harness *h = harness_new(17, 67, NULL);
	struct message ack =
		message_of(2, 0, 7, TYPE(5) LEASE_3600 "3a 04 00000708 3b 04 00000c4e" END);
	const struct proto *proto = app_protos[APP_dhcp];
	uint64_t v = 0;

	(void)state;
	harness_udp_open(h, TO_CLIENT, ack.bytes, ack.len);
	assert_true(harness_value(proto, "dhcp.leasetime")
			    ->get(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, &v));
	assert_int_equal(v, 3600);
	assert_true(harness_value(proto, "dhcp.renewal_time")
			    ->get(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, &v));
	assert_int_equal(v, 1800);
	assert_true(harness_value(proto, "dhcp.rebinding_time")
			    ->get(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, &v));
	assert_int_equal(v, 3150);
	assert_false(harness_value(proto, "dhcp.leasetime")
			     ->get(&h->w, &h->flow, h->flow.app->last, TO_SERVER, &v));
	harness_done(h);
	harness_free(h);
}

/* Options that end early are an event, wherever they are cut; a short header is not DHCP. */
static void cut_short(void **state)
{
	struct message ack = message_of(2, 0, 7, TYPE(5) NAME_PC1 LEASE_3600 END);

	(void)state;
	for (size_t len = 0; len <= ack.len; len++) {
		struct harness *h = harness_new(17, 67, NULL);

		harness_udp_open(h, TO_CLIENT, ack.bytes, len);
		if (len < HEADER_BYTES) {
			assert_int_not_equal(h->flow.app_proto, APP_dhcp);
		} else {
			const struct tx *tx = h->flow.app->last;

			assert_int_equal(tx->event_count, len < ack.len);
			if (len < ack.len)
				assert_string_equal(app_protos[APP_dhcp]->events[tx->events[0]],
						    "truncated_options");
		}
		harness_done(h);
		harness_free(h);
	}
}

/* Options in the fields for file and server name, and one that comes in several (RFC 3396), over all three places. */
static void overloaded(void **state)
{
	static const char *const settings[] = {"eve.types.dhcp.extended=yes", NULL};
	struct harness *h = harness_new(17, 67, settings);
	struct message ack = message_of(2, 0, 7, "34 01 03" "0c 02 6162" "0c 00" "3c 01 58" END);

	(void)state;
	memcpy(ack.bytes + 108, "\x0c\2cd\x35\1\5\x33\4\0\0\xe\x10\xff", 14);
	memcpy(ack.bytes + 44, "\0\x3c\1Y\x0c\1e\0\0", 9); /* without an end */
	send_message(h, TO_CLIENT, &ack);
	assert_non_null(strstr(h->out, "\"hostname\":\"abcde\",\"vendor_class_identifier\":\"XY\",\"dhcp_type\":\"ack\",\"lease_time\":3600}"));
	assert_non_null(strstr(h->out, "host 10.0.0.7 mac 02:00:00:00:00:01 name abcde source 6 lease 3600\n"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_clear(h);
	/* fields that are none */
	ack = message_of(2, 0, 7, "34 01 00" TYPE(5) END);
	memcpy(ack.bytes + 108, "\x0c\2cd\xff", 5);
	send_message(h, TO_CLIENT, &ack);
	assert_int_equal(harness_count(h, "hostname"), 0);
	/* many empty ones: room for all */
	ack = message_of(2, 0, 7, "34 01 03");
	for (unsigned i = 0; i < 250; i++) {
		ack.bytes[ack.len++] = (uint8_t)(i + 1 == 52 ? 1 : i + 1);
		ack.bytes[ack.len++] = 0;
	}
	send_message(h, TO_CLIENT, &ack);
	harness_free(h);
}

/* Nor is anything read of what has no cookie: BOOTP alone. */
static void not_on_other_ports(void **state)
{
	struct harness *h = harness_new(17, 6700, NULL);
	struct message ack = message_of(2, 0, 7, TYPE(5) END);

	(void)state;
	send_message(h, TO_CLIENT, &ack);
	assert_int_not_equal(h->flow.app_proto, APP_dhcp);
	harness_free(h);
	h = harness_new(17, 67, NULL);
	ack.bytes[236]++; /* not the cookie */
	send_message(h, TO_CLIENT, &ack);
	assert_int_equal(h->flow.app_proto, APP_dhcp);
	assert_int_equal(h->flow.app->tx_count, 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledged),       cmocka_unit_test(extended),
		cmocka_unit_test(full_names),         cmocka_unit_test(informed),
		cmocka_unit_test(rules_see_times),    cmocka_unit_test(cut_short),
		cmocka_unit_test(not_on_other_ports), cmocka_unit_test(overloaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/bittorrent_dht.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

#define ID "2:id20:abcdefghij0123456789"

static void udp(struct harness *h, enum direction d, const char *text)
{
	harness_udp(h, d, text, strlen(text));
}

static void queries(void **state)
{
	struct harness *h = harness_new(17, 6881, NULL);

	(void)state;
	udp(h, TO_SERVER, "d1:ad" ID "9:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:v4:UT021:y1:qe");
	assert_int_equal(h->flow.app_proto, APP_bittorrent_dht);
	assert_non_null(strstr(h->out, "\"bittorrent_dht\":{\"transaction_id\":\"6161\",\"client_version\":\"55543032\","
				       "\"request_type\":\"get_peers\",\"request\":{\"id\":"
				       "\"6162636465666768696a30313233343536373839\",\"info_hash\":"
				       "\"6d6e6f707172737475767778797a313233343536\"}}"));
	harness_clear(h);
	udp(h, TO_CLIENT, "d1:rd" ID "5:nodes26:mnopqrstuvwxyz123456axje.u5:token4:aoeu6:valuesl6:axje.u6:idhtnme"
			  "e1:t2:aa1:y1:re");
	assert_non_null(strstr(h->out, "\"nodes\":[{\"id\":\"6d6e6f707172737475767778797a313233343536\",\"ip\":"
				       "\"97.120.106.101\",\"port\":11893}],\"values\":[{\"ip\":\"97.120.106.101\",\"port\":11893},"
				       "{\"ip\":\"105.100.104.116\",\"port\":28269}],\"token\":\"616f6575\"}}"));
	harness_clear(h);
	udp(h, TO_CLIENT, "d1:eli201e6:a worde1:t2:aa1:y1:ee");
	assert_non_null(strstr(h->out, "\"error\":{\"num\":201,\"msg\":\"a word\"}"));
	udp(h, TO_CLIENT, "A datagram of something else");
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void sixes(void **state)
{
	struct harness *h = harness_new(17, 6881, NULL);
	static const char head[] = "d2:ip6:abcdef1:rd" ID "6:nodes638:mnopqrstuvwxyz123456",
			  address[18] = {0x20, 1, 0x0d, (char)0xb8, [15] = 1, [16] = 0x1a, [17] = (char)0xe1};
	char data[256];
	size_t len = sizeof(head) - 1;

	(void)state;
	memcpy(data, head, len);
	memcpy(data + len, address, sizeof(address));
	memcpy(data + len + sizeof(address), "e1:t1:a1:y1:re", 14);
	harness_udp(h, TO_SERVER, data, len + sizeof(address) + 14);
	assert_non_null(strstr(h->out, "\"ip\":\"2001:0db8:0000:0000:0000:0000:0000:0001\",\"port\":6881}"));
	harness_free(h);
}

static void malformed(void **state)
{
	struct harness *h = harness_new(17, 6881, NULL);

	(void)state;
	udp(h, TO_SERVER, "d1:ad" ID "e1:q4:ping1:y1:qe"); /* no number */
	assert_int_equal(harness_count(h, "malformed_packet"), 1);
	assert_non_null(strstr(h->out, "\"transaction_id\":\"\",\"request_type\":\"ping\""));
	udp(h, TO_SERVER, "d1:ad" ID "e1:q99999999999999999999:ping");
	udp(h, TO_SERVER, "d1:ad" ID "e1:q4:ping1:t2:aa1:xllllllllllllllllllllllllllllllll");
	udp(h, TO_SERVER, "d1:ad" ID "4:porti-5ee1:q4:ping1:t2:aae");
	udp(h, TO_SERVER, "d1:ad");
	assert_int_equal(harness_count(h, "malformed_packet"), 5);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries),
		cmocka_unit_test(sixes),
		cmocka_unit_test(malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

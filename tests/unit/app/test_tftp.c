/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/tftp.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

static void udp(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_udp_open(h, d, data, len);
	free(data);
}

static void requests(void **state)
{
	struct harness *h = harness_new(17, 6900, NULL);

	(void)state;
	udp(h, TO_SERVER, "0001 612e747874 00 6f63746574 00 74736974 00 30 00"); /* with an option */
	assert_int_equal(h->flow.app_proto, APP_tftp);
	harness_done(h);
	udp(h, TO_SERVER, "0002 62 00 4e45544153434949 00");
	harness_done(h);
	udp(h, TO_CLIENT, "0003 0001 00000000");
	harness_done(h);
	assert_non_null(strstr(h->out, "\"tftp\":{\"packet\":\"read\",\"file\":\"a.txt\",\"mode\":\"octet\"}"));
	assert_non_null(strstr(h->out, "\"packet\":\"write\",\"file\":\"b\",\"mode\":\"NETASCII\""));
	assert_int_equal(harness_count(h, "\"event_type\":\"tftp\""), 2);
	udp(h, TO_SERVER, "0001 00 6f63746574 00");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"tftp\""), 3);
	udp(h, TO_SERVER, "0002 62");
	harness_done(h);
	assert_int_equal(harness_count(h, "\"event\":\"malformed_request\""), 1);
	harness_free(h);
}

/* The server answers from another port: the flow is turned round, and says where it belongs by its ends. */
static void other_port(struct harness *h)
{
	struct addr client = h->flow.client;
	uint16_t port = h->flow.client_port;

	harness_reset(h, port);
	h->flow.client = h->flow.server;
	h->flow.server = client;
}

/* Half a kilobyte of the letter. */
static void block(struct harness *h, enum direction d, unsigned number, char letter, size_t len)
{
	uint8_t data[4 + 1024] = {0, 3, (uint8_t)(number >> 8), (uint8_t)number};

	memset(data + 4, letter, len);
	harness_udp(h, d, data, 4 + len);
}

static void one(struct harness *h, enum direction d, const char *hex)
{
	udp(h, d, hex);
	harness_done(h);
}

/* Read and written, in blocks of the usual and of another size, sent again and out of order; the file is there
 * with its last block. */
static void transfers(void **state)
{
	struct harness *h = harness_new(17, 69, NULL);

	(void)state;
	one(h, TO_SERVER, "0001 612e747874 00 6f63746574 00");
	other_port(h);
	block(h, TO_SERVER, 1, 'a', 512);
	assert_int_equal(h->flow.app_proto, APP_tftp);
	one(h, TO_CLIENT, "0004 0001");
	block(h, TO_SERVER, 1, 'a', 512);
	block(h, TO_SERVER, 2, 'b', 3);
	assert_int_equal(harness_count(h, "\"filename\":\"a.txt\",\"gaps\":false,\"state\":\"CLOSED\","), 1);
	assert_int_equal(harness_count(h, "\"size\":515"), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"tftp\""), 0);
	harness_clear(h);

	harness_reset(h, 69);
	one(h, TO_SERVER, "0002 622e62696e 00 6f63746574 00 626c6b73697a65 00 31303234 00");
	other_port(h);
	one(h, TO_SERVER, "0006 626c6b73697a65 00 31303234 00");
	block(h, TO_CLIENT, 1, 'a', 1024);
	block(h, TO_CLIENT, 3, 'c', 0);
	assert_int_equal(harness_count(h, "\"filename\":\"b.bin\",\"gaps\":true,\"state\":\"TRUNCATED\","), 1);
	harness_clear(h);

	/* from the port that was asked; over the highest number; ended by an error */
	harness_reset(h, 69);
	one(h, TO_SERVER, "0001 63 00 6f63746574 00");
	for (unsigned i = 1; i <= 65537; i++)
		block(h, TO_CLIENT, i & 0xffff, 'z', 512);
	one(h, TO_CLIENT, "0005 0003 00");
	assert_int_equal(harness_count(h, "\"filename\":\"c\",\"gaps\":false,\"state\":\"TRUNCATED\","), 1);
	assert_int_equal(harness_count(h, "\"size\":33554944"), 1);
	harness_clear(h);

	/* over the highest number twice, by a sender for whom 1 is next, some sent again; not where blocks come in windows */
	for (unsigned window = 0; window < 2; window++) {
		harness_reset(h, 69);
		one(h, TO_SERVER, "0001 63 00 6f63746574 00");
		if (window)
			one(h, TO_CLIENT, "0006 77696e646f7773697a65 00 34 00");
		for (unsigned i = 1; i <= 131072; i++) {
			block(h, TO_CLIENT, i % 65535 ? i % 65535 : 65535, 'z', 512);
			if (i % 65535 < 3)
				block(h, TO_CLIENT, i % 65535 ? i % 65535 : 65535, 'z', 512);
		}
		block(h, TO_CLIENT, 131073 % 65535, 'z', 2);
		assert_int_equal(harness_count(h, window ? "\"gaps\":true,\"state\":\"TRUNCATED\"" : "\"gaps\":false,\"state\":\"CLOSED\""), 1);
		assert_int_equal(harness_count(h, "\"size\":67108866"), !window);
		harness_clear(h);
	}
	harness_free(h);
}

static void not_tftp(void **state)
{
	static const char *const texts[] = {"00", "0001", "0001 61 00", "0001 61 00 62 00",
					    "0003 61 00 6f63746574 00"};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct harness *h = harness_new(17, 69, NULL);

		udp(h, TO_SERVER, texts[i]);
		harness_done(h);
		assert_int_not_equal(h->flow.app_proto, APP_tftp);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(transfers),
		cmocka_unit_test(not_tftp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

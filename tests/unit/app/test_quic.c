/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/quic*.c. The packets are those of RFC 9001, A.2 and A.3, and of RFC 9369, A.2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/quic.h"
#include "tests/unit/app/harness.h"

static void is_hex(const uint8_t *bytes, size_t len, const char *want)
{
	char text[128] = "";

	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(text, want);
}

/* RFC 9001, A.1; RFC 9369, A.1 */
static void keys(void **state)
{
	static const uint8_t dcid[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
	struct quic_keys k[2];

	(void)state;
	assert_true(quic_keys_make(k, QUIC_V1, (struct bytes){dcid, 8}));
	is_hex(k[0].key, 16, "1f369613dd76d5467730efcbe3b1a22d");
	is_hex(k[0].iv, 12, "fa044b2f42a3fd3b46fb255c");
	is_hex(k[0].hp, 16, "9f50449e04a0e810283a1e9933adedd2");
	is_hex(k[1].key, 16, "cf3a5331653c364c88f0f379b6067e37");
	is_hex(k[1].iv, 12, "0ac1493ca1905853b0bba03e");
	is_hex(k[1].hp, 16, "c206b8d9b9f0f37644430b490eeaa314");
	assert_true(quic_keys_make(k, QUIC_V2, (struct bytes){dcid, 8}));
	is_hex(k[0].key, 16, "8b1a0bc121284290a29e0971b5cd045d");
	assert_false(quic_keys_make(k, 0x0a0a0a0a, (struct bytes){dcid, 8}));
}

/* RFC 9001, A.3: the server's Initial packet. */
#define SERVER_INITIAL                                                                             \
	"cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780b" \
	"b38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb" \
	"19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee"

static void server_initial(void **state)
{
	static const uint8_t dcid[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
	struct quic_packet p = {.version = QUIC_V1, .number_at = 18};
	uint8_t out[QUIC_PACKET_MAX];
	struct quic_keys k[2];
	uint32_t len;
	size_t n;
	uint8_t *bytes = unhex(SERVER_INITIAL, &n);
	struct worker w = {0};

	(void)state;
	assert_int_equal(quic_ciphers_new(&w), 0);
	p.whole = (struct bytes){bytes, (uint32_t)n};
	quic_keys_make(k, QUIC_V1, (struct bytes){dcid, 8});
	assert_true(quic_decrypt(w.quic, &k[1], &p, out, &len));
	assert_int_equal(len, 99);
	is_hex(out, 12, "02000000000600405a020000");
	bytes[60] ^= 1;
	assert_false(quic_decrypt(w.quic, &k[1], &p, out, &len)); /* the tag says so */
	p.whole.len = 30;
	assert_false(quic_decrypt(w.quic, &k[1], &p, out, &len));
	quic_ciphers_free(&w);
	free(bytes);
}

/* Google's Q046: a CHLO with a server name. */
#define CHLO                                                                                       \
	"c3 51303436 50 0102030405060708 00000001 000000000000000000000000"                       \
	"a0 01 0025 43484c4f 0200 0000 534e4900 09000000 55414944 0d000000 612e6578616d706c65 6d6f7a21 0000"

static void google(void **state)
{
	struct harness *h = harness_new(17, 443, NULL);
	size_t n;
	uint8_t *bytes = unhex(CHLO, &n);

	(void)state;
	harness_udp(h, TO_SERVER, bytes, n);
	free(bytes);
	assert_int_equal(h->flow.app_proto, APP_quic);
	assert_non_null(strstr(h->out, "\"quic\":{\"version\":\"Q046\",\"sni\":\"a.example\","
				       "\"ua\":\"moz!\",\"cyu\":[{\"hash\":"));
	assert_non_null(strstr(h->out, "\"string\":\"46,SNI-UAID\""));
	assert_non_null(strstr(h->contacts, "a.example"));
	harness_free(h);
}

static void garbage(void **state)
{
	struct harness *h = harness_new(17, 443, NULL);
	uint8_t bytes[1200] = {0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x9e};

	(void)state;
	harness_udp(h, TO_SERVER, bytes, sizeof(bytes));
	assert_int_equal(h->flow.app_proto, APP_quic);
	assert_int_equal(harness_count(h, "failed_decrypt"), 1);
	harness_udp(h, TO_SERVER, bytes, 20);
	assert_int_equal(harness_count(h, "error_on_header"), 1);
	harness_free(h);
}

static void not_quic(void **state)
{
	static const char *const other[] = {"16fefd0000000000000000003b010000", "000100002112a442", "c0000000aa08"};
	struct harness *h = harness_new(17, 443, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		size_t n;
		uint8_t *bytes = unhex(other[i], &n);

		harness_udp(h, TO_SERVER, bytes, n);
		assert_int_not_equal(h->flow.app_proto, APP_quic);
		free(bytes);
		harness_reset(h, 443);
	}
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),	   cmocka_unit_test(server_initial), cmocka_unit_test(google),
		cmocka_unit_test(garbage), cmocka_unit_test(not_quic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

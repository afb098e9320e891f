/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/ike*.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/ike.h"
#include "tests/unit/app/harness.h"

/* A header before the payloads: initiator's and responder's number, type of the first payload, version,
 * exchange, flags. The length is worked out. */
static size_t message(uint8_t *out, const char *head, const char *payloads)
{
	size_t n, len;
	uint8_t *h = unhex(head, &n), *body = unhex(payloads, &len);

	assert_int_equal(n, 20);
	memcpy(out, h, n);
	memset(out + 20, 0, 8);
	out[26] = (uint8_t)((len + IKE_HEADER_BYTES) >> 8);
	out[27] = (uint8_t)(len + IKE_HEADER_BYTES);
	memcpy(out + IKE_HEADER_BYTES, body, len);
	free(h);
	free(body);
	return IKE_HEADER_BYTES + len;
}

static void send(struct harness *h, enum direction d, const char *head, const char *payloads)
{
	uint8_t data[1024];

	harness_udp(h, d, data, message(data, head, payloads));
}

#define ASKS "e47a591fd057587f 0000000000000000"
#define KNOWS "e47a591fd057587f a00b8ef0902bb8ec"

/* Attributes: AES, 128 bits, SHA, group 2, pre-shared key, seconds, 86400 of them. */
#define TRANSFORM "00 00 0028 01 01 0000 80010007 800e0080 80020002 80040002 80030001 800b0001 000c0004 00015180"
#define SA1 "00000001 00000001 00 00 0030 01 01 00 01" TRANSFORM

static void version_1(void **state)
{
	struct harness *h = harness_new(17, 500, NULL);
	const struct proto *proto = app_protos[APP_ike];
	uint8_t data[512];
	size_t len;
	uint64_t v = 0;

	(void)state;
	send(h, TO_SERVER, ASKS "01 10 02 00", "0d 00 003c" SA1 "00 00 0008 01020304");
	assert_int_equal(h->flow.app_proto, APP_ike);
	assert_non_null(strstr(h->out,
			       "\"ike\":{\"version_major\":1,\"version_minor\":0,\"init_spi\":\"e47a591fd057587f\","
			       "\"resp_spi\":\"0000000000000000\",\"message_id\":0,\"exchange_type\":2,"
			       "\"payload\":[\"SecurityAssociation\",\"Proposal\",\"Transform\",\"VendorID\"],"
			       "\"ikev1\":{\"doi\":1,\"encrypted_payloads\":false,\"client\":{\"proposals\":[{"
			       "\"alg_enc\":\"EncAesCbc\",\"alg_enc_raw\":7,\"sa_key_length\":\"Unknown\","
			       "\"sa_key_length_raw\":128,\"alg_hash\":\"HashSha\",\"alg_hash_raw\":2,"
			       "\"alg_dh\":\"GroupAlternate1024BitModpGroup\",\"alg_dh_raw\":2,"
			       "\"alg_auth\":\"AuthPreSharedKey\",\"alg_auth_raw\":1,"
			       "\"sa_life_type\":\"LifeTypeSeconds\",\"sa_life_type_raw\":1,"
			       "\"sa_life_duration\":\"Unknown\",\"sa_life_duration_raw\":86400}]},\"server\":{},"
			       "\"vendor_ids\":[\"01020304\"]}}"));
	harness_clear(h);
	len = message(data, KNOWS "01 10 02 00", "00 00 003c" SA1);
	harness_udp_open(h, TO_CLIENT, data, len);
	assert_true(harness_value(proto, "ike.chosen_sa_attribute")
			    ->get_multi(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, 1, &v));
	assert_true(v == (14ull << 32 | 128));
	assert_string_equal(harness_text(h, TO_CLIENT, "ike.resp_spi", 0), "a00b8ef0902bb8ec");
	harness_done(h);
	len = message(data, KNOWS "04 10 02 00", "0a 00 0006 4142 00 00 0007 434445");
	harness_udp_open(h, TO_SERVER, data, len);
	assert_string_equal(harness_text(h, TO_SERVER, "ike.key_exchange_payload", 0), "AB");
	assert_string_equal(harness_text(h, TO_SERVER, "ike.nonce_payload", 0), "CDE");
	harness_clear(h);
	harness_done(h);
	assert_non_null(strstr(h->out, "\"exchange_type\":2,\"alg_enc\":\"EncAesCbc\",\"alg_enc_raw\":7,"));
	assert_non_null(strstr(h->out, "\"client\":{\"key_exchange_payload\":\"4142\",\"key_exchange_payload_length\":2,"
				       "\"nonce_payload\":\"434445\",\"nonce_payload_length\":3}"));
	harness_clear(h);
	send(h, TO_SERVER, KNOWS "05 10 02 01", "ffffffff ffffffff");
	assert_non_null(strstr(h->out, "\"payload\":[\"Identification\"],\"ikev1\":{\"doi\":1,\"encrypted_payloads\":true}"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

/* ENCR 12, PRF 5, INTEG 12, DH 14, ESN 0; what is weak instead. */
#define CHOICE(encryption, prf, integrity, dh)                                                     \
	"03000008 0100" encryption "03000008 0200" prf "03000008 0300" integrity "00000008 0400" dh

static void version_2(void **state)
{
	struct harness *h = harness_new(17, 500, NULL);

	(void)state;
	send(h, TO_SERVER, ASKS "21 20 22 08",
	     "29 00 002c 00 00 0028 01 01 00 04" CHOICE("000c", "0005", "000c", "000e") "00 00 0008 0000 4004");
	assert_non_null(strstr(h->out, "\"exchange_type\":34,\"role\":\"initiator\",\"payload\":[\"SecurityAssociation\","
				       "\"Notify\",\"NoNextPayload\"],\"ikev2\":{\"errors\":0,"
				       "\"notify\":[\"NAT_DETECTION_SOURCE_IP\"]}}"));
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_clear(h);
	send(h, TO_CLIENT, KNOWS "21 20 22 20",
	     "29 00 002c 00 00 0028 01 01 00 04" CHOICE("0003", "0002", "0002", "0002") "00 00 0008 0000 000e");
	assert_non_null(strstr(h->out, "\"role\":\"responder\",\"alg_enc\":\"ENCR_3DES\",\"alg_auth\":\"AUTH_HMAC_SHA1_96\","
				       "\"alg_prf\":\"PRF_HMAC_SHA1\",\"alg_dh\":\"Modp1024\",\"alg_esn\":\"NoESN\""));
	assert_non_null(strstr(h->out, "\"errors\":1,\"notify\":[\"NO_PROPOSAL_CHOSEN\"]"));
	assert_int_equal(harness_count(h, "weak_crypto_enc"), 1);
	assert_int_equal(harness_count(h, "weak_crypto_prf"), 1);
	assert_int_equal(harness_count(h, "weak_crypto_auth"), 1);
	assert_int_equal(harness_count(h, "weak_crypto_dh"), 1);
	harness_clear(h);
	/* AH, without integrity and group, and with a transform that is none */
	send(h, TO_SERVER, ASKS "21 20 22 08", "00 00 001c 00 00 0018 01 02 00 02 03000008 0100000c 00000008 09000000");
	assert_int_equal(harness_count(h, "no_encryption"), 1);
	assert_int_equal(harness_count(h, "weak_crypto_no_dh"), 1);
	assert_int_equal(harness_count(h, "weak_crypto_no_auth"), 1);
	assert_int_equal(harness_count(h, "unknown_proposal"), 1);
	harness_free(h);
}

static void behind_nat(void **state)
{
	struct harness *h = harness_new(17, 4500, NULL);
	uint8_t data[256] = {0};
	size_t len = message(data + 4, KNOWS "2e 20 23 08", "23 00 000c 0102030405060708");

	(void)state;
	harness_udp(h, TO_SERVER, data, 4 + len);
	assert_int_equal(h->flow.app_proto, APP_ike);
	assert_non_null(strstr(h->out, "\"payload\":[\"EncryptedAndAuthenticated\",\"IdentInitiator\"]"));
	harness_udp(h, TO_SERVER, "\x01\x02\x03\x04 a packet of ESP that is long enough", 40);
	harness_udp(h, TO_SERVER, "\xff", 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"ike\""), 1);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

static void malformed(void **state)
{
	struct harness *h = harness_new(17, 500, NULL);

	(void)state;
	send(h, TO_SERVER, ASKS "01 10 02 00", "00 00 0100 00000001");
	assert_int_equal(harness_count(h, "malformed_data"), 1);
	send(h, TO_SERVER, ASKS "21 20 22 08", "00 00 0010 00 00 0040 01 01 00 04");
	assert_int_equal(harness_count(h, "malformed_data"), 2);
	send(h, TO_SERVER, ASKS "0a 10 02 00", "00 00 0006 4142 0102");
	assert_int_equal(harness_count(h, "payload_extra_data"), 1);
	harness_udp(h, TO_SERVER, "short", 5);
	harness_reset(h, 2000);
	send(h, TO_SERVER, "0000000000000000 0000000000000000 01 10 02 00", "");
	assert_int_not_equal(h->flow.app_proto, APP_ike);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1),
		cmocka_unit_test(version_2),
		cmocka_unit_test(behind_nat),
		cmocka_unit_test(malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

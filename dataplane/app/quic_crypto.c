/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QUIC: protection of Initial packets (RFC 9001, 5; RFC 9369, 3.3). HKDF (RFC 5869) with HMAC
 * (RFC 2104), AES-128 in Galois/Counter Mode (NIST SP 800-38D) by the processor's instructions. Contexts of
 * libcrypto are made once a worker; hashes keep their state in our memory. Runs in the worker that owns the flow.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the hashes that keep their state in our memory */
#include "dataplane/app/quic.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#define HASH_BYTES SHA256_DIGEST_LENGTH
#define BLOCK_BYTES 16
#define TAG_BYTES 16
#define SAMPLE_BYTES 16
#define SALT_BYTES 20
#define LABEL_MAX 64

/* ---- keys ---- */

static void hmac(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len, uint8_t out[HASH_BYTES])
{
	uint8_t pad[SHA256_CBLOCK];
	SHA256_CTX ctx;

	memset(pad, 0x36, sizeof(pad));
	for (size_t i = 0; i < key_len; i++)
		pad[i] ^= key[i];
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, pad, sizeof(pad));
	SHA256_Update(&ctx, data, len);
	SHA256_Final(out, &ctx);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, pad, sizeof(pad));
	SHA256_Update(&ctx, out, HASH_BYTES);
	SHA256_Final(out, &ctx);
}

/* RFC 8446, 7.1: HKDF-Expand-Label without context, for at most one hash. */
static void expand(const uint8_t secret[HASH_BYTES], const char *label, uint8_t *out, size_t len)
{
	uint8_t info[LABEL_MAX], sum[HASH_BYTES];
	size_t n = strlen(label);

	info[0] = 0;
	info[1] = (uint8_t)len;
	info[2] = (uint8_t)(6 + n);
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, n);
	info[9 + n] = 0;
	info[10 + n] = 1;
	hmac(secret, HASH_BYTES, info, 11 + n, sum);
	memcpy(out, sum, len);
}

static const uint8_t *salt_of(uint32_t version)
{
	static const uint8_t v1[SALT_BYTES] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
					       0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
	static const uint8_t v2[SALT_BYTES] = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
					       0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
	static const uint8_t d29[SALT_BYTES] = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
						0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
	static const uint8_t d23[SALT_BYTES] = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
						0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02};
	uint32_t draft = version - 0xff000000u;

	if (version == QUIC_V1 || draft == 33 || draft == 34)
		return v1;
	if (version == QUIC_V2)
		return v2;
	if (draft >= 29 && draft <= 32)
		return d29;
	if ((draft >= 23 && draft <= 28) || version == 0xfaceb002u)
		return d23;
	return NULL;
}

bool quic_keys_make(struct quic_keys keys[2], uint32_t version, struct bytes dcid)
{
	static const char *const sides[2] = {"client in", "server in"};
	const uint8_t *salt = salt_of(version);
	uint8_t initial[HASH_BYTES], secret[HASH_BYTES];
	bool v2 = version == QUIC_V2;

	if (!salt)
		return false;
	hmac(salt, SALT_BYTES, dcid.data, dcid.len, initial);
	for (unsigned i = 0; i < 2; i++) {
		expand(initial, sides[i], secret, sizeof(secret));
		expand(secret, v2 ? "quicv2 key" : "quic key", keys[i].key, sizeof(keys[i].key));
		expand(secret, v2 ? "quicv2 iv" : "quic iv", keys[i].iv, sizeof(keys[i].iv));
		expand(secret, v2 ? "quicv2 hp" : "quic hp", keys[i].hp, sizeof(keys[i].hp));
	}
	return true;
}

/* ---- ciphers ---- */

int quic_ciphers_new(struct worker *w)
{
	struct quic_ciphers *c = worker_memory(w, sizeof(*c), 64);

	w->quic = c;
	if (!c)
		return -1;
	c->gcm = EVP_CIPHER_CTX_new();
	c->ecb = EVP_CIPHER_CTX_new();
	if (c->gcm && c->ecb && EVP_DecryptInit_ex(c->gcm, EVP_aes_128_gcm(), NULL, NULL, NULL) == 1 &&
	    EVP_EncryptInit_ex(c->ecb, EVP_aes_128_ecb(), NULL, NULL, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(c->ecb, 0) == 1)
		return 0;
	quic_ciphers_free(w);
	return -1;
}

void quic_ciphers_free(struct worker *w)
{
	if (!w->quic)
		return;
	EVP_CIPHER_CTX_free(w->quic->gcm);
	EVP_CIPHER_CTX_free(w->quic->ecb);
	worker_memory_free(w, w->quic);
	w->quic = NULL;
}

static bool block_encrypt(struct quic_ciphers *c, const uint8_t *key, const uint8_t *in, uint8_t out[BLOCK_BYTES])
{
	int len;

	return EVP_EncryptInit_ex(c->ecb, NULL, NULL, key, NULL) == 1 &&
	       EVP_EncryptUpdate(c->ecb, out, &len, in, BLOCK_BYTES) == 1 && len == BLOCK_BYTES;
}

struct sealed {
	const uint8_t *nonce; /* 12 bytes */
	struct bytes header;  /* authenticated only */
	struct bytes text;    /* with the tag */
};

static bool gcm_open(struct quic_ciphers *c, const uint8_t *key, const struct sealed *in, uint8_t *out)
{
	int text_len = (int)in->text.len - TAG_BYTES, len;
	uint8_t tag[TAG_BYTES];

	memcpy(tag, in->text.data + text_len, TAG_BYTES);
	return EVP_DecryptInit_ex(c->gcm, NULL, NULL, key, in->nonce) == 1 &&
	       EVP_DecryptUpdate(c->gcm, NULL, &len, in->header.data, (int)in->header.len) == 1 &&
	       EVP_DecryptUpdate(c->gcm, out, &len, in->text.data, text_len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c->gcm, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
	       EVP_DecryptFinal_ex(c->gcm, out + len, &len) == 1;
}

/* ---- packets ---- */

bool quic_decrypt(struct quic_ciphers *c, const struct quic_keys *keys, const struct quic_packet *p, uint8_t *out, uint32_t *len)
{
	uint8_t header[QUIC_PACKET_MAX], mask[BLOCK_BYTES], nonce[12];
	uint32_t number_len, header_len;
	struct sealed sealed = {.nonce = nonce};

	if (p->whole.len > QUIC_PACKET_MAX || p->whole.len < p->number_at + 4 + SAMPLE_BYTES)
		return false;
	if (!block_encrypt(c, keys->hp, p->whole.data + p->number_at + 4, mask))
		return false;
	memcpy(header, p->whole.data, p->number_at + 4);
	header[0] ^= mask[0] & 0x0f;
	number_len = (header[0] & 3) + 1;
	header_len = p->number_at + number_len;
	memcpy(nonce, keys->iv, sizeof(nonce));
	for (uint32_t i = 0; i < number_len; i++) {
		header[p->number_at + i] ^= mask[1 + i];
		nonce[12 - number_len + i] ^= header[p->number_at + i];
	}
	sealed.header = (struct bytes){header, header_len};
	sealed.text = (struct bytes){p->whole.data + header_len, p->whole.len - header_len};
	if (sealed.text.len < TAG_BYTES)
		return false;
	*len = sealed.text.len - TAG_BYTES;
	return gcm_open(c, keys->key, &sealed, out);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QUIC: protection of Initial packets (RFC 9001, 5; RFC 9369, 3.3). HKDF (RFC 5869) with HMAC
 * (RFC 2104), AES-128 in Galois/Counter Mode (NIST SP 800-38D). Built on the calls of libcrypto that
 * keep their state in our memory. Runs in the worker that owns the flow.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls that keep their state in our memory */
#include "dataplane/app/quic.h"

#include <openssl/aes.h>
#include <openssl/crypto.h>
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

/* ---- Galois/Counter Mode ---- */

struct field { /* an element of GF(2^128), first byte highest */
	uint64_t high, low;
};

static struct field field_of(const uint8_t *b)
{
	return (struct field){(uint64_t)get_be32(b) << 32 | get_be32(b + 4),
			      (uint64_t)get_be32(b + 8) << 32 | get_be32(b + 12)};
}

/* Multiples of the key by all values of four bits, so that a block takes 32 steps. */
struct hash_key {
	struct field m[16];
};

static struct field shifted(struct field v)
{
	uint64_t carry = v.low & 1;

	v.low = v.low >> 1 | v.high << 63;
	v.high = v.high >> 1 ^ (carry ? 0xe1ull << 56 : 0);
	return v;
}

static void hash_key_make(struct hash_key *k, struct field h)
{
	k->m[0] = (struct field){0, 0};
	k->m[8] = h;
	for (unsigned i = 4; i; i >>= 1)
		k->m[i] = shifted(k->m[i * 2]);
	for (unsigned i = 2; i < 16; i <<= 1)
		for (unsigned j = 1; j < i; j++)
			k->m[i + j] = (struct field){k->m[i].high ^ k->m[j].high, k->m[i].low ^ k->m[j].low};
}

static struct field times_key(const struct hash_key *k, struct field x)
{
	struct field z = {0, 0};

	for (unsigned i = 0; i < 32; i++) {
		uint64_t half = i < 16 ? x.low : x.high;
		unsigned nibble = half >> 4 * (i % 16) & 15;

		for (unsigned s = 0; i && s < 4; s++)
			z = shifted(z);
		z.high ^= k->m[nibble].high;
		z.low ^= k->m[nibble].low;
	}
	return z;
}

static struct field hash_bytes(const struct hash_key *k, struct field y, const uint8_t *data, uint32_t len)
{
	for (uint32_t at = 0; at < len; at += BLOCK_BYTES) {
		uint8_t block[BLOCK_BYTES] = {0};
		struct field x;

		memcpy(block, data + at, len - at < BLOCK_BYTES ? len - at : BLOCK_BYTES);
		x = field_of(block);
		y = times_key(k, (struct field){y.high ^ x.high, y.low ^ x.low});
	}
	return y;
}

struct sealed {
	const uint8_t *nonce; /* 12 bytes */
	struct bytes header;  /* authenticated only */
	struct bytes text;    /* with the tag */
};

static bool gcm_open(const AES_KEY *key, const struct sealed *in, uint8_t *out)
{
	uint32_t len = in->text.len - TAG_BYTES;
	uint8_t counter[BLOCK_BYTES] = {0}, block[BLOCK_BYTES];
	struct hash_key k;
	struct field y = {0, 0}, tag;

	AES_encrypt(counter, block, key);
	hash_key_make(&k, field_of(block));
	y = hash_bytes(&k, y, in->header.data, in->header.len);
	y = hash_bytes(&k, y, in->text.data, len);
	y = times_key(&k, (struct field){y.high ^ (uint64_t)in->header.len * 8, y.low ^ (uint64_t)len * 8});
	memcpy(counter, in->nonce, 12);
	counter[15] = 1;
	AES_encrypt(counter, block, key);
	tag = field_of(block);
	y = (struct field){y.high ^ tag.high, y.low ^ tag.low};
	tag = field_of(in->text.data + len);
	if (y.high != tag.high || y.low != tag.low)
		return false;
	for (uint32_t at = 0; at < len; at += BLOCK_BYTES) {
		uint32_t n = at / BLOCK_BYTES + 2;

		for (unsigned i = 0; i < 4; i++)
			counter[15 - i] = (uint8_t)(n >> 8 * i);
		AES_encrypt(counter, block, key);
		for (uint32_t i = 0; i < BLOCK_BYTES && at + i < len; i++)
			out[at + i] = in->text.data[at + i] ^ block[i];
	}
	return true;
}

/* ---- packets ---- */

bool quic_decrypt(const struct quic_keys *keys, const struct quic_packet *p, uint8_t *out, uint32_t *len)
{
	uint8_t header[QUIC_PACKET_MAX], mask[BLOCK_BYTES], nonce[12];
	uint32_t number_len, header_len;
	struct sealed sealed = {.nonce = nonce};
	AES_KEY key;

	if (p->whole.len > QUIC_PACKET_MAX || p->whole.len < p->number_at + 4 + SAMPLE_BYTES)
		return false;
	AES_set_encrypt_key(keys->hp, 128, &key);
	AES_encrypt(p->whole.data + p->number_at + 4, mask, &key);
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
	AES_set_encrypt_key(keys->key, 128, &key);
	*len = sealed.text.len - TAG_BYTES;
	return gcm_open(&key, &sealed, out);
}

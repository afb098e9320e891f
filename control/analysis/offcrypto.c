/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See offcrypto.h. A password is tried by as many rounds of its hash as the file says; all of a file's trials
 * together make at most ROUNDS_MAX, then the rest is not tried. Runs in a worker of the analyser.
 */
#include "control/analysis/offcrypto.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "dataplane/base/digit.h"

#define ROUNDS_MAX 3000000u
#define STANDARD_ROUNDS 50000u
#define SALT_MAX 64u
#define SECRET_MAX 128u /* of what is stored to check a password, and of stored keys */
#define SEGMENT_BYTES 4096u
#define PAD 0x36        /* fills up what is too short for a key or a start vector */

struct secret {
	uint8_t b[SECRET_MAX];
	uint32_t len;
};

/* How it is locked. */
struct lock {
	bool agile;
	const EVP_MD *hash;    /* of the password's key */
	uint32_t rounds, key_bytes, block_bytes;
	struct secret salt, verifier, verifier_hash, key; /* key: agile only */
	/* of the package; agile only */
	const EVP_MD *data_hash;
	uint32_t data_key_bytes, data_block_bytes;
	struct secret data_salt;
};

/* ---- agile: attributes of an XML text (2.3.4.10) ---- */

/* The tag <name …> or <prefix:name …>, from behind the name up to '>'; data NULL: there is none. */
static struct bytes tag_of(struct bytes xml, const char *name)
{
	size_t n = strlen(name);
	const uint8_t *at, *end;

	for (size_t from = 0; (at = bytes_find(xml, from, name, n)); from = (size_t)(at - xml.data) + n) {
		if (at == xml.data || (at[-1] != '<' && at[-1] != ':'))
			continue;
		end = memchr(at, '>', (size_t)(xml.data + xml.len - at));
		if (end)
			return (struct bytes){at + n, (uint32_t)(end - at - (ptrdiff_t)n)};
	}
	return (struct bytes){NULL, 0};
}

static struct bytes attribute(struct bytes tag, const char *name)
{
	size_t n = strlen(name);
	const uint8_t *at, *end;

	for (size_t from = 0; tag.data && (at = bytes_find(tag, from, name, n)); from = (size_t)(at - tag.data) + n) {
		size_t left = (size_t)(tag.data + tag.len - at);

		if (at == tag.data || at[-1] > ' ' || left < n + 2 || at[n] != '=' || at[n + 1] != '"')
			continue;
		at += n + 2;
		end = memchr(at, '"', left - n - 2);
		return end ? (struct bytes){at, (uint32_t)(end - at)} : (struct bytes){NULL, 0};
	}
	return (struct bytes){NULL, 0};
}

static uint32_t number(struct bytes tag, const char *name)
{
	struct bytes text = attribute(tag, name);
	uint32_t v = 0;

	for (uint32_t i = 0; i < text.len && i < 9; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return 0;
		v = v * 10 + (text.data[i] - '0');
	}
	return v;
}

/* A value in base64. False: too long, or it is not there. */
static bool secret_of(struct bytes tag, const char *name, struct secret *out)
{
	struct bytes text = attribute(tag, name);
	struct base64_rest rest = {0};

	out->len = 0;
	for (uint32_t i = 0; i < text.len; i++) {
		int byte = base64_next(&rest, base64_digit(text.data[i]));

		if (byte < 0)
			continue;
		if (out->len == SECRET_MAX)
			return false;
		out->b[out->len++] = (uint8_t)byte;
	}
	return out->len != 0;
}

static const EVP_MD *hash_of(struct bytes tag)
{
	static const struct {
		const char *name;
		const EVP_MD *(*md)(void);
	} hashes[] = {{"SHA512", EVP_sha512}, {"SHA384", EVP_sha384}, {"SHA256", EVP_sha256}, {"SHA1", EVP_sha1}};
	struct bytes name = attribute(tag, "hashAlgorithm");

	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (name.len == strlen(hashes[i].name) && memcmp(name.data, hashes[i].name, name.len) == 0)
			return hashes[i].md();
	return NULL;
}

static bool is_aes_cbc(struct bytes tag)
{
	struct bytes cipher = attribute(tag, "cipherAlgorithm"), chaining = attribute(tag, "cipherChaining");

	return bytes_begin(cipher, "AES", 3) && cipher.len == 3 && bytes_begin(chaining, "ChainingModeCBC", 15);
}

static bool key_good(uint32_t key_bytes, uint32_t block_bytes)
{
	return (key_bytes == 16 || key_bytes == 24 || key_bytes == 32) && block_bytes == 16;
}

static bool read_agile(struct bytes xml, struct lock *l)
{
	struct bytes data = tag_of(xml, "keyData"), key = tag_of(xml, "encryptedKey");

	l->agile = true;
	l->hash = hash_of(key);
	l->data_hash = hash_of(data);
	l->rounds = number(key, "spinCount");
	l->key_bytes = number(key, "keyBits") / 8;
	l->block_bytes = number(key, "blockSize");
	l->data_key_bytes = number(data, "keyBits") / 8;
	l->data_block_bytes = number(data, "blockSize");
	return l->hash && l->data_hash && is_aes_cbc(key) && is_aes_cbc(data) &&
	       key_good(l->key_bytes, l->block_bytes) && key_good(l->data_key_bytes, l->data_block_bytes) &&
	       secret_of(key, "saltValue", &l->salt) && secret_of(data, "saltValue", &l->data_salt) &&
	       secret_of(key, "encryptedVerifierHashInput", &l->verifier) &&
	       secret_of(key, "encryptedVerifierHashValue", &l->verifier_hash) &&
	       secret_of(key, "encryptedKeyValue", &l->key);
}

/* ---- standard (2.3.4.5, 2.3.3) ---- */

static bool take_secret(struct cursor *c, uint32_t len, struct secret *out)
{
	const uint8_t *at = len <= SECRET_MAX ? cursor_take(c, len) : NULL;

	if (!at)
		return false;
	memcpy(out->b, at, len);
	out->len = len;
	return true;
}

static bool read_standard(struct cursor c, struct lock *l)
{
	enum { AES_128 = 0x660e, AES_192 = 0x660f, AES_256 = 0x6610 };
	struct cursor head;
	uint32_t cipher, salt;

	cursor_skip(&c, 4);
	head = cursor_sub(&c, cursor_le32(&c));
	cursor_skip(&head, 8);
	cipher = cursor_le32(&head);
	cursor_skip(&head, 4);
	l->key_bytes = cursor_le32(&head) / 8;
	salt = cursor_le32(&c);
	l->hash = EVP_sha1();
	l->rounds = STANDARD_ROUNDS;
	l->block_bytes = 16;
	return !head.bad && (cipher == AES_128 || cipher == AES_192 || cipher == AES_256) &&
	       key_good(l->key_bytes, 16) && take_secret(&c, salt, &l->salt) && take_secret(&c, 16, &l->verifier) &&
	       cursor_skip(&c, 4) && take_secret(&c, 32, &l->verifier_hash);
}

/* The version says which kind (2.3.4.5: n.2, 2.3.4.10: 4.4). */
static bool read_lock(struct bytes info, struct lock *l)
{
	struct cursor c = cursor_of(info.data, info.len);
	uint16_t major = cursor_le16(&c), minor = cursor_le16(&c);

	memset(l, 0, sizeof(*l));
	if (c.bad)
		return false;
	if (major == 4 && minor == 4)
		return read_agile(info, l) && l->rounds && l->salt.len <= SALT_MAX && l->data_salt.len <= SALT_MAX;
	return major >= 2 && major <= 4 && minor == 2 && read_standard(c, l) && l->salt.len <= SALT_MAX;
}

/* ---- keys ---- */

struct work {
	EVP_MD_CTX *md;
	EVP_CIPHER_CTX *cipher;
};

static bool hash_two(struct work *k, const EVP_MD *hash, const void *a, size_t a_len, const void *b, size_t b_len,
		     struct secret *out)
{
	unsigned n = 0;
	bool good = EVP_DigestInit_ex(k->md, hash, NULL) == 1 && EVP_DigestUpdate(k->md, a, a_len) == 1 &&
		    EVP_DigestUpdate(k->md, b, b_len) == 1 && EVP_DigestFinal_ex(k->md, out->b, &n) == 1;

	out->len = n;
	return good;
}

static void put_le32(uint8_t out[4], uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> 8 * i);
}

static void fill_up(struct secret *s, uint32_t len)
{
	if (s->len < len)
		memset(s->b + s->len, PAD, len - s->len);
	s->len = len;
}

/* The password's hash after all rounds (2.3.4.7, 2.3.4.11). */
static bool rounds_run(struct analysis *a, struct work *k, const struct lock *l, const char *password, struct secret *h)
{
	uint8_t wide[2 * PASSWORD_BYTES_MAX], count[4];
	size_t n = strlen(password);

	if (n > PASSWORD_BYTES_MAX)
		return false;
	for (size_t i = 0; i < n; i++) { /* UTF-16; what is beyond ASCII opens nothing */
		wide[2 * i] = (uint8_t)password[i];
		wide[2 * i + 1] = 0;
	}
	if (!hash_two(k, l->hash, l->salt.b, l->salt.len, wide, 2 * n, h))
		return false;
	for (uint32_t i = 0; i < l->rounds; i++) {
		put_le32(count, i);
		if (!hash_two(k, l->hash, count, sizeof(count), h->b, h->len, h) || (i % 4096 == 0 && analysis_over(a)))
			return false;
	}
	return true;
}

/* Undoes AES without padding, in place. iv NULL: block by block (ECB). */
static bool undo(struct work *k, const struct secret *key, const uint8_t *iv, uint8_t *data, uint32_t len)
{
	static const EVP_CIPHER *(*const cbc[])(void) = {EVP_aes_128_cbc, EVP_aes_192_cbc, EVP_aes_256_cbc};
	static const EVP_CIPHER *(*const ecb[])(void) = {EVP_aes_128_ecb, EVP_aes_192_ecb, EVP_aes_256_ecb};
	const EVP_CIPHER *cipher = (iv ? cbc : ecb)[key->len / 8 - 2]();
	int n = 0;

	return len % 16 == 0 && EVP_DecryptInit_ex(k->cipher, cipher, NULL, key->b, iv) == 1 &&
	       EVP_CIPHER_CTX_set_padding(k->cipher, 0) == 1 &&
	       EVP_DecryptUpdate(k->cipher, data, &n, data, (int)len) == 1 && (uint32_t)n == len;
}

static bool undo_agile(struct work *k, const struct lock *l, const struct secret *h, const uint8_t purpose[8],
		       const struct secret *in, struct secret *out)
{
	struct secret key, iv = l->salt;

	if (!hash_two(k, l->hash, h->b, h->len, purpose, 8, &key))
		return false;
	fill_up(&key, l->key_bytes);
	fill_up(&iv, l->block_bytes);
	*out = *in;
	return undo(k, &key, iv.b, out->b, out->len);
}

static bool open_agile(struct work *k, const struct lock *l, const struct secret *h, struct secret *key)
{
	static const uint8_t input[8] = {0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79},
			     value[8] = {0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e},
			     stored[8] = {0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6};
	struct secret word, sum, right;

	if (!undo_agile(k, l, h, input, &l->verifier, &word) || !undo_agile(k, l, h, value, &l->verifier_hash, &right) ||
	    word.len < l->salt.len || !hash_two(k, l->hash, word.b, l->salt.len, "", 0, &sum) || right.len < sum.len ||
	    memcmp(sum.b, right.b, sum.len) != 0)
		return false;
	if (!undo_agile(k, l, h, stored, &l->key, key) || key->len < l->data_key_bytes)
		return false;
	key->len = l->data_key_bytes;
	return true;
}

/* 2.3.4.7: the hash is stretched as CryptDeriveKey does it; 2.3.4.9: is it the right one? */
static bool open_standard(struct work *k, const struct lock *l, const struct secret *h, struct secret *key)
{
	uint8_t inner[64], outer[64];
	struct secret last, more, word = l->verifier, right = l->verifier_hash, sum;

	if (!hash_two(k, l->hash, h->b, h->len, "\0\0\0\0", 4, &last))
		return false;
	memset(inner, PAD, sizeof(inner));
	memset(outer, 0x5c, sizeof(outer));
	for (uint32_t i = 0; i < last.len; i++) {
		inner[i] ^= last.b[i];
		outer[i] ^= last.b[i];
	}
	if (!hash_two(k, l->hash, inner, sizeof(inner), "", 0, key) ||
	    !hash_two(k, l->hash, outer, sizeof(outer), "", 0, &more))
		return false;
	memcpy(key->b + key->len, more.b, more.len);
	key->len = l->key_bytes;
	return undo(k, key, NULL, word.b, word.len) && undo(k, key, NULL, right.b, right.len) &&
	       hash_two(k, l->hash, word.b, word.len, "", 0, &sum) && memcmp(sum.b, right.b, sum.len) == 0;
}

/* ---- the package: its length, then its bytes (2.3.4.4, 2.3.4.15) ---- */

static bool undo_package(struct analysis *a, struct work *k, const struct lock *l, const struct secret *key,
			 uint8_t *data, uint32_t len)
{
	uint8_t count[4];

	if (!l->agile)
		return undo(k, key, NULL, data, len);
	for (uint32_t at = 0, i = 0; at < len && !analysis_over(a); at += SEGMENT_BYTES, i++) {
		uint32_t n = len - at < SEGMENT_BYTES ? len - at : SEGMENT_BYTES;
		struct secret iv;

		put_le32(count, i);
		if (!hash_two(k, l->data_hash, l->data_salt.b, l->data_salt.len, count, sizeof(count), &iv))
			return false;
		fill_up(&iv, l->data_block_bytes);
		if (!undo(k, key, iv.b, data + at, n))
			return false;
	}
	return true;
}

static bool package_open(struct analysis *a, struct work *k, const struct lock *l, const struct secret *key,
			 struct bytes package, struct bytes *out)
{
	struct cursor c = cursor_of(package.data, package.len);
	uint64_t size = cursor_le64(&c);
	uint32_t len = (uint32_t)cursor_left(&c) & ~15u; /* whole blocks */
	uint8_t *data = c.bad || !len ? NULL : malloc(len);

	if (!data)
		return false;
	memcpy(data, c.p, len);
	if (!undo_package(a, k, l, key, data, len)) {
		free(data);
		return false;
	}
	*out = (struct bytes){data, size < len ? (uint32_t)size : len};
	return true;
}

static const char *try_all(struct analysis *a, struct work *k, const struct lock *l, struct secret *key)
{
	uint32_t trials = ROUNDS_MAX / l->rounds;

	for (unsigned i = 0; i <= a->passwords && i < trials && !analysis_over(a); i++) {
		const char *password = i ? a->password[i - 1] : OFFCRYPTO_BUILT_IN;
		struct secret h;

		if (rounds_run(a, k, l, password, &h) &&
		    (l->agile ? open_agile : open_standard)(k, l, &h, key))
			return password;
	}
	return NULL;
}

const char *offcrypto_open(struct analysis *a, struct bytes info, struct bytes package, struct bytes *out)
{
	struct work k = {EVP_MD_CTX_new(), EVP_CIPHER_CTX_new()};
	const char *password = NULL;
	struct secret key;
	struct lock l;

	if (k.md && k.cipher && read_lock(info, &l))
		password = try_all(a, &k, &l, &key);
	if (password && !package_open(a, &k, &l, &key, package, out))
		password = NULL;
	EVP_MD_CTX_free(k.md);
	EVP_CIPHER_CTX_free(k.cipher);
	return password;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Digests, see digest.h. Runs in a worker.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls that keep their state in our memory */
#include "dataplane/app/digest.h"
#include "dataplane/base/hex.h"

#include <openssl/md5.h>
#include <openssl/sha.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define TAIL_BYTES 64 /* that lead to a slot: in a certificate its signature */

static const uint8_t digest_bytes[] = {[DIGEST_MD5] = 16, [DIGEST_SHA1] = 20, [DIGEST_SHA256] = 32};

struct slot {
	uint32_t len;
	uint32_t known; /* digests, a bit each */
	uint8_t sums[DIGEST_KINDS][DIGEST_BYTES_MAX];
	uint8_t bytes[DIGEST_SLOT_BYTES];
};

struct digest_memo {
	struct slot slots[DIGEST_SLOTS];
};

int digest_worker_new(struct worker *w)
{
	w->digests = worker_memory(w, sizeof(*w->digests), 64);
	return w->digests ? 0 : -1;
}

void digest_worker_free(struct worker *w)
{
	worker_memory_free(w, w->digests);
	w->digests = NULL;
}

static void compute(enum digest_kind kind, const void *data, uint32_t len, uint8_t *sum)
{
	union {
		MD5_CTX md5;
		SHA_CTX sha1;
		SHA256_CTX sha256;
	} c;

	switch (kind) {
	case DIGEST_MD5:
		MD5_Init(&c.md5);
		MD5_Update(&c.md5, data, len);
		MD5_Final(sum, &c.md5);
		break;
	case DIGEST_SHA1:
		SHA1_Init(&c.sha1);
		SHA1_Update(&c.sha1, data, len);
		SHA1_Final(sum, &c.sha1);
		break;
	default:
		SHA256_Init(&c.sha256);
		SHA256_Update(&c.sha256, data, len);
		SHA256_Final(sum, &c.sha256);
		break;
	}
}

/* With these bytes in it. NULL: they are too long. */
static struct slot *slot_of(struct digest_memo *m, const uint8_t *data, uint32_t len)
{
	uint32_t tail = len < TAIL_BYTES ? len : TAIL_BYTES;
	struct slot *s;

	if (!m || !len || len > DIGEST_SLOT_BYTES)
		return NULL;
	s = &m->slots[XXH3_64bits_withSeed(data + len - tail, tail, len) % DIGEST_SLOTS];
	if (s->len != len || memcmp(s->bytes, data, len) != 0) {
		s->len = len;
		s->known = 0;
		memcpy(s->bytes, data, len);
	}
	return s;
}

void digest(struct worker *w, enum digest_kind kind, const void *data, uint32_t len, uint8_t *sum)
{
	struct slot *s = slot_of(w->digests, data, len);

	if (!s) {
		compute(kind, data, len, sum);
		return;
	}
	if (!(s->known & 1u << kind)) {
		compute(kind, data, len, s->sums[kind]);
		s->known |= 1u << kind;
	}
	memcpy(sum, s->sums[kind], digest_bytes[kind]);
}

void md5_hex(struct worker *w, const void *data, uint32_t len, char out[MD5_HEX_CHARS + 1])
{
	uint8_t sum[MD5_DIGEST_LENGTH];

	digest(w, DIGEST_MD5, data, len, sum);
	*hex_put(out, sum, sizeof(sum)) = '\0';
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The transforms that lean on a library or an expression: hashes, base64, gzip and zlib, a capture,
 * parts of a name. None allocates: zlib gets a block of the worker's, the hashes keep their state on
 * the stack. Runs in the workers.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls that keep their state in our memory */
#include <libpsl.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <string.h>
#include <zlib.h>

#include "dataplane/base/digit.h"
#include "dataplane/detect/transform.h"

#define DOMAIN_MAX 255
#define GZIP_WINDOW (15 + 16)
#define ZLIB_WINDOW 15

uint32_t transform_hash(unsigned kind, const struct buffer_view *in, uint8_t *out)
{
	MD5_CTX md5;
	SHA_CTX sha1;
	SHA256_CTX sha256;

	switch (kind) {
	case TRANSFORM_to_md5:
		MD5_Init(&md5);
		MD5_Update(&md5, in->data, in->len);
		MD5_Final(out, &md5);
		return MD5_DIGEST_LENGTH;
	case TRANSFORM_to_sha1:
		SHA1_Init(&sha1);
		SHA1_Update(&sha1, in->data, in->len);
		SHA1_Final(out, &sha1);
		return SHA_DIGEST_LENGTH;
	default:
		SHA256_Init(&sha256);
		SHA256_Update(&sha256, in->data, in->len);
		SHA256_Final(out, &sha256);
		return SHA256_DIGEST_LENGTH;
	}
}

/* ---- base64 ---- */

/* Whole groups of four, padded at the end. */
static bool base64_strict(const uint8_t *data, uint32_t len)
{
	uint32_t padding = 0;

	while (padding < 2 && padding < len && data[len - 1 - padding] == '=')
		padding++;
	for (uint32_t i = 0; i < len - padding; i++)
		if (base64_digit(data[i]) < 0)
			return false;
	return len % 4 == 0;
}

uint32_t transform_base64(const struct transform *t, const struct buffer_view *in, uint8_t *out)
{
	const uint8_t *data;
	uint32_t len;

	if (t->offset >= in->len)
		return 0;
	data = in->data + t->offset;
	len = in->len - t->offset;
	if (t->bytes && t->bytes < len)
		len = t->bytes;
	if (t->mode == BASE64_STRICT && !base64_strict(data, len))
		return 0;
	return base64_decode(data, len, t->mode == BASE64_RFC2045, out, len);
}

/* ---- gzip, zlib ---- */

static void *block_take(void *opaque, unsigned items, unsigned size)
{
	struct inflate_block *b = opaque;
	size_t n = ((size_t)items * size + 15) & ~(size_t)15;
	void *at = b->memory + b->used;

	if (n > sizeof(b->memory) - b->used)
		return NULL;
	b->used += n;
	return at;
}

static void block_give(void *opaque, void *at)
{
	(void)opaque;
	(void)at;
}

uint32_t transform_inflate(const struct transform *t, const struct buffer_view *in, struct inflate_block *block,
			   uint8_t *out)
{
	z_stream z = {.zalloc = block_take, .zfree = block_give, .opaque = block,
		      .next_in = (Bytef *)(uintptr_t)in->data, .avail_in = in->len,
		      .next_out = out, .avail_out = t->bytes};

	block->used = 0;
	if (inflateInit2(&z, t->kind == TRANSFORM_gunzip ? GZIP_WINDOW : ZLIB_WINDOW) != Z_OK)
		return 0;
	inflate(&z, Z_SYNC_FLUSH);
	inflateEnd(&z);
	return t->bytes - z.avail_out;
}

/* ---- expressions, names ---- */

bool transform_capture(pcre2_code *code, struct chain_scratch *s, struct buffer_view *view)
{
	int rc = pcre2_match(code, view->data, view->len, 0, 0, s->match_data, s->match_context);
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->match_data);

	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		s->pcre_limits++;
	if (rc < 2 || at[2] == PCRE2_UNSET)
		return false;
	view->data += at[2];
	view->len = (uint32_t)(at[3] - at[2]);
	return true;
}

/* The registered domain or the public suffix, which are ends of the name. */
void transform_name(unsigned kind, struct buffer_view *view)
{
	char name[DOMAIN_MAX + 1];
	const char *part;

	if (!view->len || view->len > DOMAIN_MAX || memchr(view->data, '\0', view->len))
		return;
	for (uint32_t i = 0; i < view->len; i++)
		name[i] = (char)fold_byte(view->data[i]);
	name[view->len] = '\0';
	part = kind == TRANSFORM_domain ? psl_registrable_domain(psl_builtin(), name)
					: psl_unregistrable_domain(psl_builtin(), name);
	if (!part)
		return;
	view->data += part - name;
	view->len -= (uint32_t)(part - name);
}

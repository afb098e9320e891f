/* SPDX-License-Identifier: BSD-3-Clause */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls that keep their state in our memory */
#include "dataplane/app/digest.h"

#include <openssl/md5.h>

void md5_hex(const void *data, uint32_t len, char out[MD5_HEX_CHARS + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t sum[MD5_DIGEST_LENGTH];
	MD5_CTX ctx;

	MD5_Init(&ctx);
	MD5_Update(&ctx, data, len);
	MD5_Final(sum, &ctx);
	for (unsigned i = 0; i < sizeof(sum); i++) {
		out[i * 2] = digits[sum[i] >> 4];
		out[i * 2 + 1] = digits[sum[i] & 15];
	}
	out[MD5_HEX_CHARS] = '\0';
}

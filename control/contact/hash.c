/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "control/base/say.h"

_Static_assert(HASH_SECRET_BYTES >= XXH3_SECRET_SIZE_MIN, "size of a secret");
_Static_assert(HASH_SECRET_BYTES <= 256, "getrandom gives that much at once");

static uint8_t secret[HASH_SECRET_BYTES];
static pthread_once_t drawn = PTHREAD_ONCE_INIT;

static void draw(void)
{
	/* Only a kernel without the call fails; without a secret senders could mix values up. */
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret)) {
		say("the system gives no random bytes");
		abort();
	}
}

const uint8_t *hash_secret(void)
{
	pthread_once(&drawn, draw);
	return secret;
}

uint64_t secret_hash(const void *bytes, size_t len)
{
	return XXH3_64bits_withSecret(bytes, len, hash_secret(), HASH_SECRET_BYTES);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file of tokens: lines "TOKEN ROLE NAME"; ROLE: lookup, share, admin. Kept as hashes, which are
 * compared without regard to where they differ.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/say.h"
#include "control/http/http_private.h"

#define TOKENS_MAX 4096
#define TOKEN_BYTES_MIN 16

struct token {
	unsigned char hash[SHA256_DIGEST_LENGTH];
	enum http_role role;
	char name[64];
};

struct http_tokens {
	struct token token[TOKENS_MAX];
	unsigned count;
};

static const char *const roles[] = {"", "lookup", "share", "admin"};

static bool read_line(struct http_tokens *t, char *line, const char *path, unsigned number)
{
	char *token = strtok_r(line, " \t\r\n", &line), *role, *name;
	struct token *at = &t->token[t->count];

	if (!token || *token == '#')
		return true;
	role = strtok_r(NULL, " \t\r\n", &line);
	name = strtok_r(NULL, " \t\r\n", &line);
	at->role = ROLE_ANY;
	for (int i = ROLE_LOOKUP; role && i <= ROLE_ADMIN; i++)
		if (strcmp(role, roles[i]) == 0)
			at->role = (enum http_role)i;
	if (!name || at->role == ROLE_ANY || strlen(token) < TOKEN_BYTES_MIN ||
	    t->count == TOKENS_MAX - 1) {
		say("%s:%u: a line is TOKEN ROLE NAME, the token of at least %d characters, the role "
		    "lookup, share or admin", path, number, TOKEN_BYTES_MIN);
		return false;
	}
	SHA256((const unsigned char *)token, strlen(token), at->hash);
	snprintf(at->name, sizeof(at->name), "%s", name);
	t->count++;
	return true;
}

struct http_tokens *tokens_read(const char *path)
{
	FILE *f = fopen(path, "re");
	struct http_tokens *t = f ? calloc(1, sizeof(*t)) : NULL;
	char line[1024];
	unsigned number = 0;
	bool good = t != NULL;

	if (!f)
		say("the file of tokens %s (http.tokens_file) cannot be read: %s", path,
		    strerror(errno));
	while (good && fgets(line, sizeof(line), f)) {
		number++;
		/* Its rest would be read as a line of its own: the end of a comment as a token. */
		if (strlen(line) == sizeof(line) - 1 && line[sizeof(line) - 2] != '\n') {
			say("%s:%u: the line is longer than %zu characters; shorten it", path, number,
			    sizeof(line) - 2);
			good = false;
		} else {
			good = read_line(t, line, path, number);
		}
	}
	if (f)
		fclose(f);
	explicit_bzero(line, sizeof(line));
	if (!good) {
		free(t);
		return NULL;
	}
	return t;
}

void tokens_free(struct http_tokens *t)
{
	free(t);
}

const char *tokens_find(const struct http_tokens *t, const char *token, enum http_role *role)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	const char *name = NULL;

	SHA256((const unsigned char *)token, strlen(token), hash);
	for (unsigned i = 0; i < t->count; i++) {
		if (CRYPTO_memcmp(hash, t->token[i].hash, sizeof(hash)) == 0) {
			name = t->token[i].name;
			*role = t->token[i].role;
		}
	}
	return name;
}

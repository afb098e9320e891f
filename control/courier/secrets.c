/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loaded before there are threads; where it may still be read, under the lock.
 */
#include "control/courier/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/base/say.h"

#define SECRETS_MAX 256

static struct secret {
	char *path, *text;
} secrets[SECRETS_MAX];
static unsigned secret_count;
static bool may_read;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *load(const char *path)
{
	char text[SECRET_BYTES_MAX + 1];
	struct secret *s;
	int fd;
	ssize_t n;

	for (unsigned i = 0; i < secret_count; i++)
		if (strcmp(secrets[i].path, path) == 0)
			return secrets[i].text;
	if (secret_count == SECRETS_MAX)
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		say("the file %s, which should hold a secret, cannot be read: %s", path,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	s = &secrets[secret_count];
	s->path = strdup(path);
	s->text = strdup(text);
	if (!s->path || !s->text)
		return NULL;
	secret_count++;
	return s->text;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

void secrets_load(const struct config *config)
{
	for (size_t i = 0; i < config->intel_feeds.count; i++)
		if (ends_with(config->intel_feeds.keys[i], ".token_file") ||
		    ends_with(config->intel_feeds.keys[i], ".password_file"))
			load(config->intel_feeds.values[i]);
	if (config->intel_share_token[0])
		load(config->intel_share_token);
	if (config->notify_mail_password[0])
		load(config->notify_mail_password);
}

void secrets_allow_reading(void)
{
	may_read = true;
}

const char *secret_of(const char *text)
{
	const char *secret = NULL;

	if (!text || text[0] != '@' || text[1] != '/')
		return text;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < secret_count && !secret; i++)
		if (strcmp(secrets[i].path, text + 1) == 0)
			secret = secrets[i].text;
	if (!secret && may_read)
		secret = load(text + 1);
	pthread_mutex_unlock(&lock);
	return secret;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checks of single configuration values when they are read, so that a wrong one is named with its
 * key, not found out later by whoever uses it. Any process, at start.
 */
#include "dataplane/event/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dataplane/base/addr.h"
#include "dataplane/event/config.h"
#include "dataplane/event/cores.h"

#define WORD_MAX 64
#define BETWEEN " \t\r\n,[]\""

const char *const config_os_policies[] = {
	"first",  "last",   "bsd",  "bsd-right", "old-linux", "linux",   "old-solaris", "solaris",
	"hpux10", "hpux11", "irix", "macos",     "vista",     "windows", "windows2k3",  NULL,
};

/* The next word of a list, NULL at its end or when it is too long. */
static const char *next_word(const char **at, char *room)
{
	size_t len;

	*at += strspn(*at, BETWEEN);
	len = strcspn(*at, BETWEEN);
	if (len == 0 || len >= WORD_MAX)
		return NULL;
	memcpy(room, *at, len);
	room[len] = 0;
	*at += len;
	return room;
}

static int check_policy(const char *path, const char *name, char *error, size_t size)
{
	int n;

	for (size_t i = 0; config_os_policies[i]; i++)
		if (strcasecmp(config_os_policies[i], name) == 0)
			return 0;
	n = snprintf(error, size, "%s: \"%s\" is none of", path, name);
	for (size_t i = 0; config_os_policies[i] && n > 0 && (size_t)n < size; i++)
		n += snprintf(error + n, size - (size_t)n, " %s", config_os_policies[i]);
	return -EINVAL;
}

static int check_networks(const char *path, const char *value, char *error, size_t size)
{
	char room[WORD_MAX];
	struct addr_prefix prefix;
	const char *word;

	while ((word = next_word(&value, room))) {
		if (addr_prefix_parse(word, &prefix) != 0) {
			snprintf(error, size, "%s: \"%s\" is no network such as 10.0.0.0/8", path,
				 word);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_ports(const char *path, const char *value, char *error, size_t size)
{
	char room[WORD_MAX], *end;
	const char *word;

	/* the ends of Teredo choose their ports themselves */
	if (strcmp(path, "decoder.teredo.ports") == 0 && strcmp(value, "any") == 0)
		return 0;
	while ((word = next_word(&value, room))) {
		unsigned long port = strtoul(word, &end, 10);

		if (*end || port == 0 || port > 65535) {
			snprintf(error, size, "%s: \"%s\" is no port from 1 to 65535", path, word);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_cores(const char *path, const char *value, char *error, size_t size)
{
	uint16_t cores[CORES_MAX];
	char reason[200];

	if (cores_parse(value, cores, reason, sizeof(reason)) >= 0)
		return 0;
	snprintf(error, size, "%s: %s", path, reason);
	return -EINVAL;
}

static int check_number(const char *path, const char *value, const char *what, unsigned long least, unsigned long most,
			char *error, size_t size)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (end != value && !*end && n >= least && n <= most)
		return 0;
	snprintf(error, size, "%s: \"%s\" is no %s from %lu to %lu", path, value, what, least, most);
	return -EINVAL;
}

int config_check(const char *path, const char *value, char *error, size_t error_size)
{
	static const char policies[] = "host_os_policy.", tunnels[] = "decoder.",
			  ports[] = ".ports";
	size_t len = strlen(path);
	int status;

	if (strcmp(path, "cores") == 0)
		return check_cores(path, value, error, error_size);
	if (strcmp(path, "overload.high") == 0 || strcmp(path, "overload.low") == 0)
		return check_number(path, value, "percentage", 1, 100, error, error_size);
	if (strcmp(path, "control.nice") == 0)
		return check_number(path, value, "number", 0, 19, error, error_size);
	if (strcmp(path, "host_os_policy_default") == 0)
		return check_policy(path, value, error, error_size);
	if (strncmp(path, policies, sizeof(policies) - 1) == 0) {
		status = check_policy(path, path + sizeof(policies) - 1, error, error_size);
		return status ? status : check_networks(path, value, error, error_size);
	}
	if (strncmp(path, tunnels, sizeof(tunnels) - 1) == 0 && len > sizeof(ports) &&
	    strcmp(path + len - (sizeof(ports) - 1), ports) == 0)
		return check_ports(path, value, error, error_size);
	return 0;
}

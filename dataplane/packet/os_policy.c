/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See os_policy.h. Read from the configuration at start; then only looked up, by the worker thread.
 */
#include "dataplane/packet/os_policy.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "dataplane/engine/worker.h"

#define OS_NETWORKS_MAX 1024
#define NETWORK_TEXT_MAX 64

struct os_network {
	struct addr_prefix prefix;
	enum defrag_policy policy;
};

struct os_policies {
	enum defrag_policy otherwise;
	unsigned count;
	struct os_network network[OS_NETWORKS_MAX]; /* longest prefix first */
};

static const struct {
	const char *name;
	enum defrag_policy policy;
} os_names[] = {
	{"first", DEFRAG_FIRST},
	{"old-solaris", DEFRAG_FIRST},
	{"hpux11", DEFRAG_FIRST},
	{"macos", DEFRAG_FIRST},
	{"last", DEFRAG_LAST},
	{"bsd", DEFRAG_BSD},
	{"hpux10", DEFRAG_BSD},
	{"irix", DEFRAG_BSD},
	{"bsd-right", DEFRAG_BSD_RIGHT},
	{"linux", DEFRAG_LINUX},
	{"old-linux", DEFRAG_LINUX},
	{"solaris", DEFRAG_SOLARIS},
	{"windows", DEFRAG_WINDOWS},
	{"vista", DEFRAG_WINDOWS},
	{"windows2k3", DEFRAG_WINDOWS},
};

static int policy_by_name(const char *name, enum defrag_policy *out)
{
	for (size_t i = 0; i < sizeof(os_names) / sizeof(os_names[0]); i++) {
		if (strcasecmp(os_names[i].name, name) == 0) {
			*out = os_names[i].policy;
			return 0;
		}
	}
	return -EINVAL;
}

static int network_add(struct os_policies *s, const char *text, enum defrag_policy policy)
{
	struct os_network new = {.policy = policy};
	unsigned at;

	if (s->count == OS_NETWORKS_MAX || addr_prefix_parse(text, &new.prefix) != 0)
		return -EINVAL;
	for (at = s->count; at > 0 && s->network[at - 1].prefix.bits < new.prefix.bits; at--)
		s->network[at] = s->network[at - 1];
	s->network[at] = new;
	s->count++;
	return 0;
}

/* "[10.0.0.0/8, 2001:db8::/32]", also without brackets; may be empty. */
static int networks_add(struct os_policies *s, const char *list, enum defrag_policy policy)
{
	const char *end = " \t\r\n,[]\"";

	while (*list) {
		char text[NETWORK_TEXT_MAX];
		size_t len;
		int error;

		list += strspn(list, end);
		len = strcspn(list, end);
		if (len == 0)
			break;
		if (len >= sizeof(text))
			return -EINVAL;
		memcpy(text, list, len);
		text[len] = 0;
		error = network_add(s, text, policy);
		if (error)
			return error;
		list += len;
	}
	return 0;
}

int os_policies_new(struct worker *w, struct os_policies **out)
{
	const struct config *c = w->config;
	struct os_policies *s = worker_memory(w, sizeof(*s), 64);
	int error;

	if (!s)
		return -ENOMEM;
	error = policy_by_name(c->os_policy_default, &s->otherwise);
	for (size_t i = 0; !error && i < c->os_policy.count; i++) {
		enum defrag_policy policy;

		error = policy_by_name(c->os_policy.keys[i], &policy);
		if (!error)
			error = networks_add(s, c->os_policy.values[i], policy);
	}
	if (error) {
		worker_memory_free(w, s);
		return error;
	}
	*out = s;
	return 0;
}

void os_policies_free(struct worker *w, struct os_policies *s)
{
	if (s)
		worker_memory_free(w, s);
}

enum defrag_policy os_policy_find(const struct os_policies *s, const struct addr *a, int ip_version)
{
	for (unsigned i = 0; i < s->count; i++)
		if (addr_prefix_covers(&s->network[i].prefix, a, ip_version))
			return s->network[i].policy;
	return s->otherwise;
}

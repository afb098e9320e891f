/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How operating systems treat segments that overlap (Shankar and Paxson 2003, Novak and Sturges
 * 2007), and which hosts run which. Worker thread; the tables are made at start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/stream/session.h"

static const struct {
	const char *name;
	enum os_policy policy;
} names[] = {
	{"first", OS_FIRST}, {"last", OS_LAST}, {"bsd", OS_BSD}, {"bsd-right", OS_BSD_RIGHT},
	{"old-linux", OS_OLD_LINUX}, {"linux", OS_LINUX}, {"old-solaris", OS_OLD_SOLARIS},
	{"solaris", OS_SOLARIS}, {"hpux10", OS_HPUX10}, {"hpux11", OS_HPUX11}, {"irix", OS_IRIX},
	{"macos", OS_MACOS}, {"vista", OS_VISTA}, {"windows", OS_WINDOWS},
	{"windows2k3", OS_WINDOWS2K3},
};

static enum os_policy policy_by_name(const char *name)
{
	char text[16];
	size_t n = strlen(name);

	if (n >= sizeof(text))
		return OS_UNSET;
	for (size_t i = 0; i <= n; i++)
		text[i] = name[i] == '_' ? '-' : name[i];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i].name) == 0)
			return names[i].policy;
	}
	return OS_UNSET;
}

/* Calls fn for each network in "[10.0.0.0/8, ::1]" or "10.0.0.0/8". */
static uint32_t each_net(const char *list, struct tcp_policy_net *out)
{
	uint32_t count = 0;
	char text[ADDR_TEXT_MAX + 8];

	while (*list) {
		size_t n;

		list += strspn(list, "[], \t\"'");
		n = strcspn(list, "[], \t\"'");
		if (n > 0 && n < sizeof(text)) {
			struct addr_prefix prefix;

			memcpy(text, list, n);
			text[n] = 0;
			if (addr_prefix_parse(text, &prefix) == 0) {
				if (out)
					out[count].prefix = prefix;
				count++;
			}
		}
		list += n;
	}
	return count;
}

static int longer_first(const void *a, const void *b)
{
	const struct tcp_policy_net *x = a, *y = b;

	return (int)y->prefix.bits - (int)x->prefix.bits;
}

int tcp_policies_new(struct worker *w, struct stream_state *st)
{
	const struct config_map *m = &w->config->os_policy;
	uint32_t count = 0, at = 0;

	st->default_policy = (uint8_t)policy_by_name(
		w->config->os_policy_default ? w->config->os_policy_default : "bsd");
	if (st->default_policy == OS_UNSET)
		st->default_policy = OS_BSD;
	for (size_t i = 0; i < m->count; i++)
		count += each_net(m->values[i], NULL);
	if (!count)
		return 0;
	st->nets = worker_memory(w, count * sizeof(*st->nets), 64);
	if (!st->nets)
		return -ENOMEM;
	for (size_t i = 0; i < m->count; i++) {
		enum os_policy policy = policy_by_name(m->keys[i]);
		uint32_t n = policy == OS_UNSET ? 0 : each_net(m->values[i], st->nets + at);

		for (uint32_t j = 0; j < n; j++)
			st->nets[at + j].policy = (uint8_t)policy;
		at += n;
	}
	st->net_count = at;
	qsort(st->nets, at, sizeof(*st->nets), longer_first);
	return 0;
}

void tcp_policies_free(struct worker *w, struct stream_state *st)
{
	worker_memory_free(w, st->nets);
	st->nets = NULL;
	st->net_count = 0;
}

enum os_policy tcp_policy_of(const struct stream_state *st, const struct addr *a, int ip_version)
{
	for (uint32_t i = 0; i < st->net_count; i++) {
		if (addr_prefix_covers(&st->nets[i].prefix, a, ip_version))
			return (enum os_policy)st->nets[i].policy;
	}
	return (enum os_policy)st->default_policy;
}

enum os_policy tcp_policy(struct tcp_seen *t, struct tcp_side *side, bool to_server)
{
	if (side->os_policy == OS_UNSET)
		side->os_policy = (uint8_t)tcp_policy_of(
			t->st, to_server ? &t->f->server : &t->f->client, t->f->ip_version);
	return (enum os_policy)side->os_policy;
}

bool tcp_policy_new_wins(enum os_policy policy, uint32_t from, uint32_t to, uint32_t old_from,
			 uint32_t old_to)
{
	bool before = seq_before(from, old_from), same = from == old_from;

	switch (policy) {
	case OS_LAST:
		return true;
	case OS_BSD:
	case OS_WINDOWS:
	case OS_WINDOWS2K3:
	case OS_MACOS:
	case OS_IRIX:
	case OS_HPUX10:
		return before;
	case OS_LINUX:
		return before || (same && seq_after(to, old_to));
	case OS_OLD_LINUX:
		return before || (same && seq_from(to, old_to));
	case OS_SOLARIS:
	case OS_OLD_SOLARIS:
	case OS_HPUX11:
		if (before || same)
			return seq_from(to, old_to);
		return seq_after(to, old_to);
	case OS_BSD_RIGHT:
		return seq_from(to, old_to);
	default:
		return false;
	}
}

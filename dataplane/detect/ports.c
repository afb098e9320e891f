/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The groups that a packet's port leads to. Some lists have a table of 65,536 entries for each path; most ports are alike in
 * all of them. Ports that are make a class, found when the program is made, and a worker keeps what it looked up by
 * class. Runs in the workers but for port_classes_make.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/detect/program.h"

#define PROTO_TCP 6
#define PROTO_UDP 17
#define KEY_SET (1u << 31)

enum group_l4 packet_l4(const struct packet *p)
{
	if (p->ip_proto == PROTO_TCP && p->ip_version)
		return GROUP_TCP;
	return p->ip_proto == PROTO_UDP && p->ip_version ? GROUP_UDP : GROUP_OTHER;
}

/* ---- classes of ports ---- */

/* Which class the ports of an old one and of an entry of the list at hand become. */
struct split {
	uint32_t pair; /* old class << 16 | entry */
	uint32_t to;   /* class + 1; 0: free */
};

struct splitting {
	uint16_t *class_of;
	uint32_t classes;
	struct split splits[2 * PORT_COUNT]; /* by hash of the pair; cleared for each list */
};

static uint16_t class_after(struct splitting *s, uint32_t pair)
{
	uint32_t at = pair * 0x9e3779b1u >> 15;

	while (s->splits[at].to && s->splits[at].pair != pair)
		at = (at + 1) % (2 * PORT_COUNT);
	if (!s->splits[at].to)
		s->splits[at] = (struct split){pair, ++s->classes};
	return (uint16_t)(s->splits[at].to - 1);
}

/* Neighbours are most often alike. */
static void split_by(struct splitting *s, const uint16_t *entries)
{
	uint32_t before = 0;
	uint16_t class = 0;

	memset(s->splits, 0, sizeof(s->splits));
	s->classes = 0;
	for (uint32_t port = 0; port < PORT_COUNT; port++) {
		uint32_t pair = (uint32_t)s->class_of[port] << 16 | entries[port];

		if (port == 0 || pair != before)
			class = class_after(s, pair);
		before = pair;
		s->class_of[port] = class;
	}
}

static void split_by_paths(struct splitting *s, const struct path_ports *paths)
{
	for (uint32_t i = 0; i < paths->count; i++)
		if (paths->variants[i].narrow_by_port)
			split_by(s, paths->variants[i].narrow_by_port);
}

bool port_classes_make(struct detect_program *p)
{
	const struct ruleset_groups *g = p->groups;
	struct splitting *s = malloc(sizeof(*s));

	p->port_class = calloc(PORT_COUNT, sizeof(*p->port_class));
	if (!s || !p->port_class) {
		free(s);
		return false;
	}
	s->class_of = p->port_class;
	for (unsigned d = 0; d < 2; d++) {
		split_by_paths(s, &g->stream[d]);
		for (unsigned l4 = 0; l4 < GROUP_L4_COUNT; l4++) {
			split_by_paths(s, &g->packet[l4][d]);
			split_by_paths(s, &g->packet_long[l4][d]);
			split_by_paths(s, &g->packet_guarded[l4][d]);
			split_by_paths(s, &g->packet_near[l4][d]);
			split_by_paths(s, &g->packet_always[l4][d]);
		}
	}
	free(s);
	return true;
}

/* ---- lists ---- */

static const struct pattern_group *narrow_of(const struct port_groups *g, uint16_t port)
{
	unsigned at = g->narrow_by_port ? g->narrow_by_port[port] : 0;

	return at ? &g->narrow[at] : NULL;
}

static void groups_add(struct ports_found *found, const struct path_ports *paths, unsigned path, uint16_t port)
{
	const struct port_groups *g = path_ports_of(paths, path);
	const struct pattern_group *narrow = narrow_of(g, port);
	uint8_t *end = &found->begin[PORT_LISTS];

	if (g->wide && !(narrow && narrow->with_wide))
		found->groups[(*end)++] = g->wide;
	if (narrow)
		found->groups[(*end)++] = narrow;
}

static void groups_look_up(const struct ruleset_groups *g, struct ports_found *found, enum group_l4 l4, unsigned d,
			   unsigned path, uint16_t port)
{
	const struct path_ports *lists[PORT_LISTS][3] = {
		[LIST_ALWAYS] = {&g->packet_always[l4][d]},
		[LIST_SHORT] = {&g->packet[l4][d]},
		[LIST_LONG] = {&g->packet_long[l4][d], &g->packet_guarded[l4][d], &g->packet_near[l4][d]},
		[LIST_STREAM] = {&g->stream[d]},
	};

	found->begin[PORT_LISTS] = 0;
	for (unsigned i = 0; i < PORT_LISTS; i++) {
		found->begin[i] = found->begin[PORT_LISTS];
		for (unsigned k = 0; k < 3 && lists[i][k]; k++)
			groups_add(found, lists[i][k], path, port);
	}
}

const struct ports_found *ports_find(struct detect_state *s, const struct packet *p, bool has_ports)
{
	enum group_l4 l4 = packet_l4(p);
	unsigned d = p->flow ? p->direction : TO_SERVER, path = packet_path(s, p);
	uint16_t port = !has_ports ? 0 : d == TO_SERVER ? p->dport : p->sport, class = s->program->port_class[port];
	uint32_t key = KEY_SET | (uint32_t)l4 << 24 | d << 22 | path << 16 | class;
	struct ports_found *found = &s->ports[key * 0x9e3779b1u >> (32 - PORTS_FOUND_BITS)];

	if (found->key != key) {
		groups_look_up(s->program->groups, found, l4, d, path, port);
		found->key = key;
	}
	return found;
}

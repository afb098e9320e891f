/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/block_flow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {{"tcp", 6}, {"udp", 17}, {"sctp", 132}};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

struct block_flow block_flow_of(const struct addr *a, uint16_t a_port, const struct addr *b, uint16_t b_port, int ip_version,
				uint8_t ip_proto)
{
	struct block_flow f;
	bool swap = addr_less(b, a) || (addr_equal(a, b) && b_port < a_port);

	memset(&f, 0, sizeof(f));
	f.low = swap ? *b : *a;
	f.high = swap ? *a : *b;
	f.low_port = swap ? b_port : a_port;
	f.high_port = swap ? a_port : b_port;
	f.ip_version = (uint8_t)ip_version;
	f.ip_proto = ip_proto;
	return f;
}

/* "ADDRESS:PORT" of so many bytes; returns 4, 6 or 0. */
static int read_end(const char *text, size_t len, struct addr *a, uint16_t *port)
{
	char room[BLOCK_FLOW_TEXT_MAX], *address = room, *colon, *end;
	unsigned long n;

	if (len >= sizeof(room))
		return 0;
	memcpy(room, text, len);
	room[len] = '\0';
	colon = strrchr(room, ':');
	if (!colon || colon[1] < '0' || colon[1] > '9')
		return 0;
	*colon = '\0';
	n = strtoul(colon + 1, &end, 10);
	if (*end || n > UINT16_MAX)
		return 0;
	*port = (uint16_t)n;
	if (*address == '[') {
		if (colon[-1] != ']')
			return 0;
		colon[-1] = '\0';
		return addr_parse(address + 1, a) == 6 ? 6 : 0;
	}
	return addr_parse(address, a) == 4 ? 4 : 0;
}

static uint8_t read_protocol(const char *text)
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (strcasecmp(protocols[i].name, text) == 0)
			return protocols[i].number;
	return 0;
}

int block_flow_parse(const char *text, struct block_flow *out)
{
	const char *between = strchr(text, '-'), *slash = strrchr(text, '/');
	uint16_t ports[2];
	struct addr ends[2];
	uint8_t protocol;
	int version;

	if (!between || !slash || slash < between)
		return -EINVAL;
	protocol = read_protocol(slash + 1);
	version = read_end(text, (size_t)(between - text), &ends[0], &ports[0]);
	if (!protocol || !version ||
	    read_end(between + 1, (size_t)(slash - between - 1), &ends[1], &ports[1]) != version)
		return -EINVAL;
	*out = block_flow_of(&ends[0], ports[0], &ends[1], ports[1], version, protocol);
	return 0;
}

static int put_end(char *text, size_t size, const struct addr *a, uint16_t port, int version)
{
	char room[ADDR_TEXT_MAX];

	return snprintf(text, size, version == 6 ? "[%s]:%u" : "%s:%u", addr_format(a, version, room), port);
}

char *block_flow_format(const struct block_flow *f, char *text)
{
	const char *name = "?";
	int n = put_end(text, BLOCK_FLOW_TEXT_MAX, &f->low, f->low_port, f->ip_version);

	for (size_t i = 0; i < PROTOCOLS; i++)
		if (protocols[i].number == f->ip_proto)
			name = protocols[i].name;
	text[n++] = '-';
	n += put_end(text + n, (size_t)(BLOCK_FLOW_TEXT_MAX - n), &f->high, f->high_port, f->ip_version);
	snprintf(text + n, (size_t)(BLOCK_FLOW_TEXT_MAX - n), "/%s", name);
	return text;
}

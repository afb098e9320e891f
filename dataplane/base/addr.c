/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int addr_parse(const char *text, struct addr *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->b) == 1)
		return 4;
	if (inet_pton(AF_INET6, text, out->b) == 1)
		return 6;
	return 0;
}

char *addr_format(const struct addr *a, int ip_version, char *text)
{
	inet_ntop(ip_version == 6 ? AF_INET6 : AF_INET, a->b, text, ADDR_TEXT_MAX);
	return text;
}

char *addr_format_long(const struct addr *a, int ip_version, char *text)
{
	const uint8_t *b = a->b;

	if (ip_version != 6)
		return addr_format(a, ip_version, text);
	for (int i = 0; i < 8; i++)
		snprintf(text + i * 5, 6, i < 7 ? "%02x%02x:" : "%02x%02x", b[2 * i], b[2 * i + 1]);
	return text;
}

static void prefix_mask(struct addr_prefix *p)
{
	unsigned bits = p->bits;

	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits > 8 * i ? bits - 8 * i : 0;

		if (keep < 8)
			p->addr.b[i] &= (uint8_t)(0xff00u >> keep);
	}
}

int addr_prefix_parse(const char *text, struct addr_prefix *out)
{
	const char *slash = strchr(text, '/');
	char host[ADDR_TEXT_MAX];
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits;
	char *end;

	if (n == 0 || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	out->ip_version = (uint8_t)addr_parse(host, &out->addr);
	if (!out->ip_version)
		return -EINVAL;
	bits = out->ip_version == 4 ? 32 : 128;
	if (slash) {
		unsigned long given = strtoul(slash + 1, &end, 10);

		if (slash[1] < '0' || slash[1] > '9' || *end || given > bits)
			return -EINVAL;
		bits = given;
	}
	out->bits = (uint8_t)bits;
	prefix_mask(out);
	return 0;
}

bool addr_prefix_covers(const struct addr_prefix *p, const struct addr *a, int ip_version)
{
	unsigned whole = p->bits / 8, rest = p->bits % 8;

	if (p->ip_version != ip_version || memcmp(p->addr.b, a->b, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.b[whole] ^ a->b[whole]) & (uint8_t)(0xff00u >> rest)) == 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Community ID 1.0 (https://github.com/corelight/community-id-spec): "1:" and the base64 of the
 * SHA-1 over seed, addresses, protocol and ports of a flow, the smaller end first.
 */
#include <netinet/in.h>
#include <openssl/evp.h>
#include <string.h>

#include "control/ingest/eve.h"

/* The type that answers an ICMP type, so that both directions have one id; -1: one-way. */
static int icmp4_answer(int type)
{
	static const int8_t pairs[][2] = {{0, 8}, {8, 0}, {13, 14}, {14, 13}, {15, 16}, {16, 15},
					  {17, 18}, {18, 17}, {10, 9}, {9, 10}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i][0] == type)
			return pairs[i][1];
	return -1;
}

static int icmp6_answer(int type)
{
	static const uint8_t pairs[][2] = {{128, 129}, {129, 128}, {133, 134}, {134, 133},
					   {135, 136}, {136, 135}, {130, 131}, {131, 130},
					   {139, 140}, {140, 139}, {144, 145}, {145, 144}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i][0] == type)
			return pairs[i][1];
	return -1;
}

/* Ports of the id; *one_way: the ends are never swapped. */
static bool flow_ports(const struct record_head *h, uint16_t *sport, uint16_t *dport, bool *one_way)
{
	*one_way = false;
	*sport = h->sport;
	*dport = h->dport;
	switch (h->ip_proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: {
		int answer = h->ip_proto == IPPROTO_ICMP ? icmp4_answer(h->sport)
							 : icmp6_answer(h->sport);

		if (answer < 0)
			*one_way = true;
		else
			*dport = (uint16_t)answer;
		return true;
	}
	default:
		return false;
	}
}

static bool ends_in_order(const struct record_head *h, size_t len, uint16_t sport, uint16_t dport)
{
	int order = memcmp(h->src.b, h->dst.b, len);

	return order < 0 || (order == 0 && sport < dport);
}

bool community_id(char *id, const struct record_head *h, uint16_t seed)
{
	size_t len = h->ip_version == 6 ? 16 : 4, n = 0;
	uint16_t sport, dport;
	uint8_t in[2 + 32 + 2 + 4], hash[EVP_MAX_MD_SIZE];
	bool one_way, ports, swap;
	unsigned hash_len;
	struct text out = {0};

	if (h->ip_version != 4 && h->ip_version != 6)
		return false;
	ports = flow_ports(h, &sport, &dport, &one_way);
	if (ports)
		swap = !one_way && !ends_in_order(h, len, sport, dport);
	else
		swap = memcmp(h->src.b, h->dst.b, len) > 0;
	in[n++] = (uint8_t)(seed >> 8);
	in[n++] = (uint8_t)seed;
	memcpy(in + n, swap ? h->dst.b : h->src.b, len);
	memcpy(in + n + len, swap ? h->src.b : h->dst.b, len);
	n += 2 * len;
	in[n++] = h->ip_proto;
	in[n++] = 0;
	if (ports) {
		uint16_t a = swap ? dport : sport, b = swap ? sport : dport;

		in[n++] = (uint8_t)(a >> 8);
		in[n++] = (uint8_t)a;
		in[n++] = (uint8_t)(b >> 8);
		in[n++] = (uint8_t)b;
	}
	if (!EVP_Digest(in, n, hash, &hash_len, EVP_sha1(), NULL))
		return false;
	text_str(&out, "1:");
	text_base64(&out, hash, hash_len);
	memcpy(id, text_cstr(&out), out.len + 1);
	text_free(&out);
	return true;
}

void eve_community_id(struct text *out, const struct record_head *head, uint16_t seed)
{
	char id[40];

	if (community_id(id, head, seed))
		json_key_cstr(out, "community_id", id);
}

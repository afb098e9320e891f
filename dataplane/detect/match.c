/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of match functions, and running a rule's lists. Runs in the workers.
 */
#include "dataplane/detect/match.h"

bool (*match_function(unsigned keyword))(const struct match_context *c, const struct match *m)
{
	static bool (*const functions[KEYWORD_COUNT])(const struct match_context *,
						      const struct match *) = {
#define MATCH(keyword) [KEYWORD_##keyword] = match_##keyword,
#define POST(keyword)
#include "dataplane/detect/match.def"
#undef MATCH
#undef POST
	};

	return keyword < KEYWORD_COUNT ? functions[keyword] : NULL;
}

bool (*post_function(unsigned keyword))(const struct match_context *c, const struct match *m)
{
	static bool (*const functions[KEYWORD_COUNT])(const struct match_context *,
						      const struct match *) = {
#define MATCH(keyword)
#define POST(keyword) [KEYWORD_##keyword] = post_##keyword,
#include "dataplane/detect/match.def"
#undef MATCH
#undef POST
	};

	return keyword < KEYWORD_COUNT ? functions[keyword] : NULL;
}

const char *keyword_text(unsigned keyword)
{
	static const char *const names[KEYWORD_COUNT] = {
#define KEYWORD(id, name, aliases, parser, place, about, traits, doc) [KEYWORD_##id] = name,
#include "rules/language/keywords.def"
#undef KEYWORD
	};

	return keyword < KEYWORD_COUNT && names[keyword] ? names[keyword] : "";
}

bool header_bytes(const struct packet *p, unsigned keyword, struct chain_input *in)
{
	const uint8_t *end = p->data + p->len, *at = NULL;
	const uint8_t *l4 = p->l4 ? p->l4 : p->payload;

	switch (keyword) {
	case KEYWORD_ip_src:
	case KEYWORD_ip_dst:
		at = keyword == KEYWORD_ip_src ? p->src.b : p->dst.b;
		*in = (struct chain_input){at, p->ip_version == 6 ? 16 : 4, 0, true};
		return p->ip_version != 0;
	case KEYWORD_ipv4_hdr:
	case KEYWORD_ipv6_hdr:
		if (p->ip_version != (keyword == KEYWORD_ipv4_hdr ? 4 : 6) || !p->l3 || !l4 ||
		    l4 < p->l3)
			return false;
		*in = (struct chain_input){p->l3, (uint32_t)(l4 - p->l3), 0, true};
		return true;
	case KEYWORD_tcp_hdr:
	case KEYWORD_udp_hdr:
		if (p->ip_proto != (keyword == KEYWORD_tcp_hdr ? 6 : 17))
			return false;
		at = p->payload ? p->payload : end;
		break;
	case KEYWORD_icmpv4_hdr:
	case KEYWORD_icmpv6_hdr:
		if (p->ip_proto != (keyword == KEYWORD_icmpv4_hdr ? 1 : 58))
			return false;
		at = p->payload ? p->payload : end;
		break;
	default:
		return false;
	}
	if (!(p->flags & PACKET_L4) || !p->l4 || at < p->l4)
		return false;
	*in = (struct chain_input){p->l4, (uint32_t)(at - p->l4), 0, true};
	return true;
}

static bool header_holds(const struct match_context *c, const struct header_check *h)
{
	uint32_t arena = c->s->arena_used; /* a transaction's views may stand before */
	struct buffer_view view = {0};
	struct chain_input in;
	bool holds;

	if (!header_bytes(c->p, h->keyword, &in))
		return false;
	view.data = in.data;
	view.len = in.len;
	holds = h->transforms.count == 0 || transforms_run(c->s, &h->transforms, &view);
	in.data = view.data;
	in.len = view.len;
	holds = holds && chain_run(&c->s->chain, h->chain, &in) == CHAIN_YES;
	c->s->arena_used = arena;
	return holds;
}

/* changing: those that change a list, which is done when all else holds; or the others. */
static bool headers_hold(const struct match_context *c, bool changing)
{
	const struct program_rule *r = c->rule;

	for (unsigned i = 0; i < r->header_count; i++) {
		const struct header_check *h = &r->headers[i];
		if (h->chain->changes == changing && !header_holds(c, h))
			return false;
	}
	return true;
}

bool packet_checks_hold(const struct match_context *c)
{
	const struct program_rule *r = c->rule;

	for (unsigned i = 0; i < r->packet_check_count; i++)
		if (!r->packet_checks[i].run(c, r->packet_checks[i].match))
			return false;
	return r->header_count == 0 || headers_hold(c, false);
}

bool post_run(const struct match_context *c)
{
	const struct program_rule *r = c->rule;
	unsigned i = 0;

	if (r->header_count && !headers_hold(c, true))
		return false;
	/* Scripts stand first: the rule matches only if they say so. */
	for (; i < r->post_count && r->posts[i].match->keyword == KEYWORD_lua; i++)
		if (!r->posts[i].run(c, r->posts[i].match))
			return false;
	if (c->s->chain.capture_count)
		variables_keep(c);
	chain_rule_keep(&c->s->chain);
	for (; i < r->post_count; i++)
		r->posts[i].run(c, r->posts[i].match);
	return true;
}

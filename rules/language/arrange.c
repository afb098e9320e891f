/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Finishes a valid rule: its protocol and direction as its keywords imply them, its kind, which
 * matches are chained, and its lists in the arena.
 */
#include <stdio.h>
#include <string.h>

#include "rules/holds.h"
#include "rules/language/draft.h"
#include "rules/language/protocol.h"

/* Leaves of the protocols that keywords allow those that the rule's transport carries. */
static bool arrange_protocol(struct draft *d)
{
	struct rule *r = d->rule;
	struct scan list = {d->apps, d->apps + strlen(d->apps)}, only = {NULL, NULL};
	uint8_t carriers = 0;
	unsigned count = 0;

	if (!d->apps_set)
		return true;
	while (!scan_done(&list)) {
		struct scan name = scan_until(&list, ' ');
		const struct protocol_row *row = protocol_app_find(&name);

		if (!row || !(row->ip_protos & r->ip_protos))
			continue;
		carriers |= row->ip_protos;
		only = name;
		count++;
	}
	if (!count)
		return draft_fail(d, d->text, "change the protocol of the rule",
				  "the rule is on %s, which does not carry %s", d->proto_name,
				  d->apps);
	r->ip_protos &= carriers;
	if (count == 1) {
		r->app = draft_text(d, &only);
		if (!r->app)
			return draft_no_memory(d);
	}
	return true;
}

/* Mail has files from the client only. */
static bool file_direction(struct draft *d)
{
	bool file = d->seen & SEEN_FILESTORE;

	for (int i = 0; i < d->buffer_count; i++)
		file |= d->buffers[i].row && strcmp(d->buffers[i].row->about, "file") == 0;
	if (!file || !d->rule->app || strcmp(d->rule->app, "smtp") != 0)
		return true;
	if (d->rule->flags & RULE_TO_CLIENT)
		return draft_fail(d, d->text, "write flow:to_server",
				  "files of smtp are seen from the client only");
	d->from_client = true;
	d->from_client_name = "file.data";
	return true;
}

static bool arrange_transactional(struct draft *d)
{
	if (!d->from_client || !d->from_server)
		return draft_fail(d, d->text, "use ->, or add a keyword of the other direction",
				  "a rule with => needs keywords of both directions");
	if (d->both_directions)
		return draft_fail(d, d->text,
				  "use keywords of one direction only, such as http.uri",
				  "a rule with => has a keyword that belongs to either direction");
	return true;
}

static bool arrange_direction(struct draft *d)
{
	struct rule *r = d->rule;

	if (!file_direction(d))
		return false;
	if (r->flags & RULE_TRANSACTIONAL)
		return arrange_transactional(d);
	if (d->from_client && d->from_server)
		return draft_fail(
			d, d->text, "use => instead of ->, or make two rules of it",
			"%s is seen from the client, %s from the server: both cannot be in a "
			"rule with ->",
			d->from_client_name, d->from_server_name);
	if (d->from_client && (r->flags & RULE_TO_CLIENT))
		return draft_fail(d, d->text, "write flow:to_server",
				  "%s is seen from the client, but flow says to_client",
				  d->from_client_name);
	if (d->from_server && (r->flags & RULE_TO_SERVER))
		return draft_fail(d, d->text, "write flow:to_client",
				  "%s is seen from the server, but flow says to_server",
				  d->from_server_name);
	if (d->from_client)
		r->flags |= RULE_TO_SERVER;
	if (d->from_server)
		r->flags |= RULE_TO_CLIENT;
	for (int i = 0; i < d->buffer_count; i++)
		if (d->buffers[i].row && keyword_id(d->buffers[i].row) == KEYWORD_http_header_raw &&
		    !(r->flags & (RULE_TO_SERVER | RULE_TO_CLIENT)))
			return draft_fail(d, d->buffers[i].at,
					  "add flow:to_server or flow:to_client",
					  "http.header.raw needs a direction");
	return true;
}

/* The content or expression before a relative match is told so: it may have to be tried again. */
static void chain_matches(struct draft_list *list)
{
	struct match *before = NULL;

	for (uint32_t i = 0; i < list->count; i++) {
		struct match *m = &list->items[i];

		if (before && match_is_relative(m)) {
			if (before->keyword == KEYWORD_content)
				before->u.content.flags |= CONTENT_RELATIVE_NEXT;
			else
				before->u.pcre.flags |= PCRE_RELATIVE_NEXT;
		}
		if (m->keyword == KEYWORD_content || m->keyword == KEYWORD_pcre)
			before = m;
	}
}

static bool list_keep(struct draft *d, const struct draft_list *list, struct match **out,
		      uint32_t *count)
{
	*count = list->count;
	if (!list->count)
		return true;
	*out = arena_copy(d->l->arena, list->items, list->count * sizeof(*list->items));
	return *out || draft_no_memory(d);
}

static bool arrange_buffers(struct draft *d)
{
	struct rule *r = d->rule;
	uint32_t count = 0;

	for (int i = 0; i < d->buffer_count; i++)
		count += d->buffers[i].list.count != 0;
	if (!count)
		return true;
	r->buffers = arena_alloc(d->l->arena, count * sizeof(*r->buffers));
	if (!r->buffers)
		return draft_no_memory(d);
	for (int i = 0; i < d->buffer_count; i++) {
		struct draft_buffer *b = &d->buffers[i];
		struct rule_buffer *to = &r->buffers[r->buffer_count];

		if (!b->list.count)
			continue;
		r->buffer_count++;
		chain_matches(&b->list);
		to->name = b->name;
		to->keyword = (uint16_t)(b->row ? keyword_id(b->row) : KEYWORD_none);
		to->legacy_http1 = b->legacy;
		to->direction = b->direction;
		to->transform_count = b->transform_count;
		if (b->transform_count) {
			to->transforms = arena_copy(d->l->arena, b->transforms,
						    b->transform_count * sizeof(*b->transforms));
			if (!to->transforms)
				return draft_no_memory(d);
		}
		if (!list_keep(d, &b->list, &to->matches, &to->match_count))
			return false;
		for (uint32_t k = 0; k < to->match_count; k++)
			if (to->matches[k].keyword == KEYWORD_entropy)
				to->matches[k].u.entropy.buffer = b->row ? to->name : "content";
		if (!b->row)
			r->flags |= RULE_HAS_PAYLOAD;
		if (to->keyword == KEYWORD_frame)
			r->flags |= RULE_HAS_APP;
	}
	return true;
}

/* Nothing but addresses and ports: judged once for each direction of a flow. */
static bool rule_is_ip_only(const struct draft *d)
{
	const struct rule *r = d->rule;

	if (d->apps_set || r->buffer_count || d->app.count ||
	    (r->flags & (RULE_FIREWALL | RULE_PRE_FLOW | RULE_PRE_STREAM)) ||
	    (r->flags & (RULE_HAS_APP | RULE_DECODE_EVENT | RULE_PACKET_ONLY | RULE_STREAM_ONLY |
			 RULE_ONLY_FRAG | RULE_NO_FRAG)) ||
	    (d->seen & SEEN_FLOW))
		return false;
	for (uint32_t i = 0; i < d->packet.count; i++)
		switch (d->packet.items[i].keyword) {
		case KEYWORD_xbits:
		case KEYWORD_hostbits:
		case KEYWORD_geoip:
		case KEYWORD_iprep:
			break;
		default:
			return false;
		}
	for (uint32_t i = 0; i < d->post.count; i++)
		if (d->post.items[i].keyword == KEYWORD_flowbits &&
		    d->post.items[i].u.bits.command != BITS_SET)
			return false;
	return true;
}

static bool arrange_texts(struct draft *d)
{
	struct rule *r = d->rule;

	if (r->reference_count) {
		r->references = arena_copy(d->l->arena, d->references,
					   r->reference_count * sizeof(*d->references));
		if (!r->references)
			return draft_no_memory(d);
	}
	if (r->metadata_count) {
		r->metadata = arena_copy(d->l->arena, d->metadata,
					 r->metadata_count * sizeof(*d->metadata));
		if (!r->metadata)
			return draft_no_memory(d);
	}
	return true;
}

/* Scripts are run when all else holds: of rules on transactions with the other conditions on them, of
 * others before what the rule does. */
static bool scripts_move(struct draft *d)
{
	bool app = d->rule->flags & RULE_HAS_APP;
	uint32_t kept = 0, scripts = 0;
	struct match all[DRAFT_SCRIPTS_MAX], *m;

	for (uint32_t i = 0; i < d->packet.count; i++)
		if (d->packet.items[i].keyword != KEYWORD_lua)
			d->packet.items[kept++] = d->packet.items[i];
		else if (scripts < DRAFT_SCRIPTS_MAX)
			all[scripts++] = d->packet.items[i];
		else
			return draft_fail(d, NULL, "use fewer", "more than %d scripts", DRAFT_SCRIPTS_MAX);
	d->packet.count = kept;
	for (uint32_t i = 0; i < scripts; i++) {
		m = draft_add(d, app ? &d->app : &d->post, KEYWORD_lua);
		if (!m)
			return false;
		*m = all[i];
	}
	if (app || !scripts)
		return true;
	memmove(d->post.items + scripts, d->post.items, (d->post.count - scripts) * sizeof(*all));
	memcpy(d->post.items, all, scripts * sizeof(*all));
	return true;
}

bool draft_arrange(struct draft *d)
{
	struct rule *r = d->rule;

	if (!arrange_protocol(d) || !arrange_direction(d) || !arrange_buffers(d))
		return false;
	if (r->flags & RULE_HAS_APP)
		r->flags |= RULE_NEEDS_FLOW;
	if (d->seen & SEEN_DSIZE)
		r->flags |= RULE_PACKET_ONLY;
	if (rule_is_ip_only(d))
		r->flags |= RULE_IP_ONLY;
	if (!scripts_move(d))
		return false;
	r->variable_count = d->variable_count;
	return list_keep(d, &d->packet, &r->packet_matches, &r->packet_match_count) &&
	       list_keep(d, &d->app, &r->app_matches, &r->app_match_count) &&
	       list_keep(d, &d->post, &r->post_matches, &r->post_match_count) &&
	       list_keep(d, &d->limits, &r->thresholds, &r->threshold_count) && arrange_texts(d);
}

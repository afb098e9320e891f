/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a rule as a whole may not do: conditions that contradict each other, contents that can never
 * stand in their buffer, keywords that do not go together. What the reference refuses is refused.
 */
#include <ctype.h>
#include <string.h>

#include "rules/language/draft.h"

static enum keyword buffer_keyword(const struct draft_buffer *b)
{
	return b->row ? keyword_id(b->row) : KEYWORD_none;
}

static bool has_upper(const struct bytes *b)
{
	for (uint32_t i = 0; i < b->len; i++)
		if (isupper(b->data[i]))
			return true;
	return false;
}

static void fold(struct draft *d, struct bytes *b, bool up)
{
	uint8_t *copy = arena_copy(d->l->arena, b->data, b->len);

	for (uint32_t i = 0; copy && i < b->len; i++)
		copy[i] = (uint8_t)(up ? toupper(copy[i]) : tolower(copy[i]));
	if (copy)
		b->data = copy;
}

static bool fold_hash(struct draft *d, const struct draft_buffer *b, struct match_content *c,
		      uint32_t len)
{
	if (c->pattern.len != len)
		return draft_fail(d, b->at, "write the whole hash in hex digits",
				  "%s: a content of %u bytes, the hash has %u", b->name,
				  c->pattern.len, len);
	fold(d, &c->pattern, false);
	return true;
}

/* Buffers whose contents have a form. */
static bool content_form(struct draft *d, const struct draft_buffer *b, struct match_content *c)
{
	switch (buffer_keyword(b)) {
	case KEYWORD_http_host:
		if (c->flags & CONTENT_NOCASE)
			return draft_fail(
				d, b->at, "remove nocase",
				"http.host is in lower case already, nocase is not allowed");
		if (has_upper(&c->pattern))
			return draft_fail(
				d, b->at, "write the host in lower case",
				"http.host: a content with upper-case letters never matches");
		return true;
	case KEYWORD_http_method:
		if (char_blank((char)c->pattern.data[0]) ||
		    char_blank((char)c->pattern.data[c->pattern.len - 1]))
			draft_warn(d, b->at,
				   "http.method: a method neither begins nor ends with a blank");
		return true;
	case KEYWORD_tls_cert_serial:
		if (c->pattern.len > 2 && !memchr(c->pattern.data, ':', c->pattern.len))
			return draft_fail(
				d, b->at, "write it as AA:BB:CC",
				"tls.cert_serial: a content without colons never matches");
		fold(d, &c->pattern, true);
		return true;
	case KEYWORD_tls_cert_fingerprint:
		if (!memchr(c->pattern.data, ':', c->pattern.len))
			return draft_fail(d, b->at, "write it as aa:bb:cc",
					  "tls.cert_fingerprint: a content without colons never "
					  "matches");
		return fold_hash(d, b, c, 59);
	case KEYWORD_ja3_hash:
	case KEYWORD_ja3s_hash:
	case KEYWORD_ssh_hassh:
	case KEYWORD_ssh_hassh_server:
		return fold_hash(d, b, c, 32);
	default:
		return true;
	}
}

/* A content that no result of the transform has. */
static bool transform_fits(struct draft *d, const struct draft_buffer *b,
			   const struct match_content *c)
{
	for (uint32_t t = 0; t < b->transform_count; t++) {
		const char *name = NULL;

		for (uint32_t i = 0; i < c->pattern.len && !name; i++) {
			uint8_t byte = c->pattern.data[i];
			bool blank = isspace(byte), before = i && isspace(c->pattern.data[i - 1]);

			if (b->transforms[t].kind == TRANSFORM_strip_whitespace && blank)
				name = "strip_whitespace";
			else if (b->transforms[t].kind == TRANSFORM_compress_whitespace && blank &&
				 before)
				name = "compress_whitespace";
			else if (b->transforms[t].kind == TRANSFORM_to_lowercase && isupper(byte))
				name = "to_lowercase";
			else if (b->transforms[t].kind == TRANSFORM_to_uppercase && islower(byte))
				name = "to_uppercase";
		}
		if (name)
			return draft_fail(
				d, b->at, "write the content as it is after the transform",
				"%s: a content of %s can never be in its result", name, b->name);
	}
	return true;
}

/* The least bytes a buffer must have for its conditions to hold. */
static int64_t bytes_needed(const struct draft_list *list)
{
	int64_t end = 0, most = 0;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct match_content *c = &list->items[i].u.content;
		int64_t start = 0;

		if (list->items[i].keyword != KEYWORD_content) {
			end = 0; /* the pointer may be anywhere */
			continue;
		}
		if (c->flags & CONTENT_NEGATED)
			continue;
		if (c->flags & (CONTENT_DISTANCE | CONTENT_WITHIN)) {
			start = end;
			if (c->flags & CONTENT_DISTANCE)
				start += c->distance.variable < 0 ? c->distance.value : INT32_MIN;
		} else if ((c->flags & CONTENT_OFFSET) && c->offset.variable < 0) {
			start = c->offset.value;
		}
		if (start < 0)
			start = 0;
		end = start + c->pattern.len;
		if (end > most)
			most = end;
	}
	return most;
}

/* The most bytes a length test allows; -1: any. */
static int64_t bytes_allowed(const struct number_test *t)
{
	switch ((enum number_op)t->op) {
	case NUMBER_EQUAL:
	case NUMBER_LESS_EQUAL:
		return t->low > INT32_MAX ? -1 : (int64_t)t->low;
	case NUMBER_LESS:
		return t->low > INT32_MAX ? -1 : (int64_t)t->low - 1;
	case NUMBER_BETWEEN:
		return t->high > INT32_MAX ? -1 : (int64_t)t->high - 1;
	default:
		return -1;
	}
}

static bool length_fits(struct draft *d, const struct draft_buffer *b, const char *what,
			const struct number_test *t)
{
	int64_t needed = bytes_needed(&b->list), allowed = bytes_allowed(t);

	if (allowed < 0 || needed <= allowed)
		return true;
	return draft_fail(
		d, b->at, "correct the length or the contents",
		"%s allows %lld bytes, the contents of %s need %lld: the rule never matches", what,
		(long long)allowed, b->name, (long long)needed);
}

static bool buffer_valid(struct draft *d, struct draft_buffer *b)
{
	for (uint32_t i = 0; i < b->list.count; i++) {
		struct match *m = &b->list.items[i];

		if (m->keyword == KEYWORD_content &&
		    !(b->transform_count ? transform_fits(d, b, &m->u.content)
					 : content_form(d, b, &m->u.content)))
			return false;
		if ((m->keyword == KEYWORD_bsize || m->keyword == KEYWORD_urilen) &&
		    !length_fits(d, b, keyword_rows[m->keyword].name, &m->u.number))
			return false;
	}
	if (!b->row)
		for (uint32_t i = 0; i < d->packet.count; i++)
			if (d->packet.items[i].keyword == KEYWORD_dsize &&
			    !length_fits(d, b, "dsize", &d->packet.items[i].u.number))
				return false;
	return true;
}

/* A buffer that is only absent has no other condition; with or_else it has some. */
static bool absent_valid(struct draft *d, const struct draft_buffer *b)
{
	const struct match *first = b->list.items;

	if (!b->list.count || first->keyword != KEYWORD_absent)
		return true;
	if (!first->u.word.bits && b->list.count > 1)
		return draft_fail(d, b->at, "write absent:or_else",
				  "absent: other conditions on %s cannot hold too", b->name);
	if (first->u.word.bits && b->list.count == 1)
		return draft_fail(d, b->at, "add a content, or write absent alone",
				  "absent:or_else has no other condition on %s", b->name);
	return true;
}

static bool whole_valid(struct draft *d)
{
	const struct rule *r = d->rule;
	bool payload = false, frame = false;

	for (int i = 0; i < d->buffer_count; i++) {
		payload |= !d->buffers[i].row && d->buffers[i].list.count;
		frame |= buffer_keyword(&d->buffers[i]) == KEYWORD_frame;
	}
	if (!(d->seen & SEEN_SID))
		return draft_fail(d, d->text, "add sid and a number of its own",
				  "the rule has no sid");
	if (r->action == ACTION_CONFIG && !d->post.count)
		return draft_fail(d, d->text, "add config:logging disable, type tx, scope tx",
				  "the action is config, but the rule configures nothing");
	if ((r->flags & RULE_FIREWALL) && (r->flags & RULE_HAS_APP) && !r->hook)
		return draft_fail(d, d->text, "name the protocol's hook, as http1:request_line",
				  "what the rule asks of a protocol is not there at a hook of packets");
	if ((r->flags & RULE_PRE_FLOW) && (d->seen & SEEN_FLOW))
		return draft_fail(d, d->text, "use hook pre_stream or all",
				  "flow: at pre_flow the packet has no flow yet");
	if ((d->seen & SEEN_PACKET_ONLY) && (r->flags & RULE_HAS_APP))
		return draft_fail(d, d->text, "make two rules of it, joined by flowbits",
				  "fields of a packet (dsize, tcp.flags, ttl …) and buffers of a "
				  "protocol cannot be in one rule");
	if ((d->seen & SEEN_PACKET_ONLY) && (r->flags & RULE_STREAM_ONLY))
		return draft_fail(d, d->text, "use tcp instead of tcp-stream or only_stream",
				  "fields of a packet and the stream alone cannot be in one rule");
	if ((r->flags & RULE_PACKET_ONLY) && (r->flags & RULE_STREAM_ONLY))
		return draft_fail(d, d->text, "keep one",
				  "the rule asks for packets alone and for the stream alone");
	if (frame && payload)
		return draft_fail(d, d->text, "make two rules of it",
				  "a frame and contents without a buffer cannot be in one rule");
	return true;
}

bool draft_validate(struct draft *d)
{
	if (d->transform_count)
		return draft_fail(d, d->wanted_at, "put a content or another condition behind it",
				  "nothing stands behind the transforms of %s", d->wanted_name);
	if (d->wanted)
		return draft_fail(d, d->wanted_at,
				  "put a content or another condition behind it, or remove it",
				  "buffer %s has no conditions", d->wanted_name);
	for (int i = 0; i < d->buffer_count; i++)
		if (!buffer_valid(d, &d->buffers[i]) || !absent_valid(d, &d->buffers[i]))
			return false;
	return whole_valid(d);
}

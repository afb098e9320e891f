/* SPDX-License-Identifier: BSD-3-Clause
 *
 * content and what modifies it. What contradicts itself within one content is refused here; what
 * contradicts another condition, in validate.c.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/digit.h"
#include "rules/language/draft.h"
#include "rules/language/parsers.h"

/* Distances, depths and offsets are at most a mebibyte. */
#define CONTENT_VALUE_MAX (1 << 20)
#define CONTENT_POSITIONAL (CONTENT_OFFSET | CONTENT_DEPTH)
#define CONTENT_RELATIVE (CONTENT_DISTANCE | CONTENT_WITHIN)

static const struct rule_number no_number = {0, -1};

/* Bytes between two bars. p stands behind the first; the result behind the second, or NULL. */
static const char *hex_parse(struct draft *d, const struct keyword_row *row, const char *p,
			     const char *end, uint8_t *out, uint32_t *len)
{
	const char *start = p - 1;
	int high = -1;

	for (; p < end && *p != '|'; p++) {
		if (*p == ' ')
			continue;
		if (hex_digit(*p) < 0) {
			draft_fail(d, p, "write two hex digits for each byte: |0d 0a|",
				   "%s: \"%c\" is no hex digit", row->name, *p);
			return NULL;
		}
		if (high < 0) {
			high = hex_digit(*p);
			continue;
		}
		out[(*len)++] = (uint8_t)(high << 4 | hex_digit(*p));
		high = -1;
	}
	if (p >= end || high >= 0) {
		draft_fail(d, start, "write two hex digits for each byte: |0d 0a|",
			   p >= end ? "%s: the hex part is not closed"
				    : "%s: the hex part has half a byte",
			   row->name);
		return NULL;
	}
	return p + 1;
}

bool bytes_parse(struct draft *d, const struct keyword_row *row, struct scan *arg,
		 struct bytes *out)
{
	uint8_t bytes[RULE_TEXT_MAX + 1];
	uint32_t len = 0;
	const char *p = arg->p;

	if (scan_left(arg) > RULE_TEXT_MAX)
		return draft_fail(d, p, "shorten it", "%s: the text is too long", row->name);
	while (p < arg->end) {
		if (*p == '|') {
			p = hex_parse(d, row, p + 1, arg->end, bytes, &len);
			if (!p)
				return false;
			continue;
		}
		if (*p == '"')
			return draft_fail(d, p, "write \\\" for a quote",
					  "%s: a quote stands alone", row->name);
		if (*p == '\\') {
			if (++p == arg->end || !strchr("\\\";:", *p))
				return draft_fail(
					d, p - 1,
					"only \\\\ \\\" \\; and \\: are escapes; write other "
					"bytes as |hex|",
					"%s: a backslash stands alone", row->name);
		}
		bytes[len++] = (uint8_t)*p++;
	}
	if (!len)
		return draft_fail(d, arg->p, "write some bytes", "%s: it is empty", row->name);
	*out = (struct bytes){arena_copy(d->l->arena, bytes, len), len};
	return out->data || draft_no_memory(d);
}

static struct match_content *content_add(struct draft *d, const struct keyword_row *row,
					 struct scan *arg, int buffer)
{
	struct match *m = draft_add_bytes(d, buffer, KEYWORD_content);
	struct match_content *c;

	if (!m)
		return NULL;
	c = &m->u.content;
	c->offset = c->depth = c->distance = c->within = no_number;
	if (!bytes_parse(d, row, arg, &c->pattern))
		return NULL;
	if (d->negated)
		c->flags |= CONTENT_NEGATED;
	return c;
}

bool parse_content(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return content_add(d, row, arg, draft_buffer_current(d)) != NULL;
}

/* Moves to, or adds to, a buffer as an old modifier does. */
static int legacy_buffer(struct draft *d, const struct keyword_row *row, const char *name)
{
	int at;

	if (d->wanted || d->current >= 0) {
		draft_fail(d, NULL, "write pkt_data before, or use the new buffer names only",
			   "%s: a buffer is in use", row->name);
		return -1;
	}
	at = draft_buffer_named(d, keyword_find(name, strlen(name)));
	if (at < 0 || !draft_apps(d, "http1", row->name))
		return -1;
	d->buffers[at].legacy = true;
	return at;
}

bool parse_uricontent(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	int at = legacy_buffer(d, row, row->about);

	return at >= 0 && content_add(d, row, arg, at) != NULL;
}

bool parse_legacy(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct draft_list *from;
	struct match moved, *to;
	int at, payload = -1;
	uint32_t i;

	(void)arg;
	for (int k = 0; k < d->buffer_count; k++)
		if (!d->buffers[k].row)
			payload = k;
	at = legacy_buffer(d, row, row->about);
	if (at < 0)
		return false;
	from = payload >= 0 ? &d->buffers[payload].list : NULL;
	for (i = from ? from->count : 0; i-- > 0;)
		if (from->items[i].keyword == KEYWORD_content)
			break;
	if (!from || i >= from->count)
		return draft_fail(d, NULL, "put it behind the content that it is about",
				  "%s: there is no content before it that has no buffer yet",
				  row->name);
	moved = from->items[i];
	memmove(&from->items[i], &from->items[i + 1], (from->count - i - 1) * sizeof(moved));
	from->count--;
	to = draft_add_bytes(d, at, KEYWORD_content);
	if (to)
		*to = moved;
	return to != NULL;
}

bool parse_buffer(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	bool stuck;

	scan_trim(arg);
	if (keyword_id(row) == KEYWORD_ja4_hash && d->l->options->no_ja4)
		return draft_fail(d, NULL, "set app.tls.ja4-fingerprints to yes", "ja4.hash: fingerprints are off");
	d->direction_said = !scan_done(arg);
	stuck = draft_stick(d, row, row->name);
	if (stuck && d->direction_said) {
		d->wanted_direction = draft_direction(d, row, arg);
		stuck = d->wanted_direction != 0;
	}
	d->direction_said = false;
	return stuck;
}

bool parse_pkt_data(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)row;
	(void)arg;
	return draft_stick(d, NULL, NULL);
}

bool parse_base64_data(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)arg;
	for (int i = 0; i < d->buffer_count; i++)
		for (uint32_t k = 0; k < d->buffers[i].list.count; k++)
			if (d->buffers[i].list.items[k].keyword == KEYWORD_base64_decode) {
				if (!draft_stick(d, row, row->name))
					return false;
				d->after_base64 = true;
				return true;
			}
	return draft_fail(d, NULL, "put base64_decode before it",
			  "base64_data: nothing has been decoded before it");
}

bool parse_nocase(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_content *c = draft_content(d, row);

	(void)arg;
	if (!c)
		return false;
	if (c->flags & CONTENT_NOCASE)
		return draft_fail(d, NULL, "remove one", "nocase stands twice for one content");
	c->flags |= CONTENT_NOCASE;
	return true;
}

/* A number or a variable of the same buffer. */
static bool content_number(struct draft *d, const struct keyword_row *row, struct scan *arg,
			   int64_t min, struct rule_number *out)
{
	int buffer = d->current >= 0 ? d->current : d->last_buffer, variable;

	scan_trim(arg);
	*out = no_number;
	if (scan_whole_signed(*arg, min, CONTENT_VALUE_MAX, &out->value))
		return true;
	if (isdigit((unsigned char)*arg->p) || *arg->p == '-')
		return draft_fail(d, arg->p, "correct the number",
				  "%s: \"%.*s\" is no number from %lld to %d", row->name,
				  SCAN_ARG(arg), (long long)min, CONTENT_VALUE_MAX);
	variable = draft_variable_find(d, arg, buffer);
	if (variable < 0)
		return draft_fail(d, arg->p, "extract it before, in the same buffer",
				  "%s: no byte_extract or byte_math of this buffer set %.*s",
				  row->name, SCAN_ARG(arg));
	out->variable = (int16_t)variable;
	return true;
}

/* The common refusals of depth, offset, distance and within. */
static struct match_content *content_place(struct draft *d, const struct keyword_row *row,
					   uint32_t flag)
{
	struct match_content *c = draft_content(d, row);
	bool relative = flag & CONTENT_RELATIVE;

	if (!c)
		return NULL;
	if (c->flags & CONTENT_STARTSWITH)
		draft_fail(d, NULL, "remove one of the two", "%s cannot be used with startswith",
			   row->name);
	else if (c->flags & flag)
		draft_fail(d, NULL, "remove one", "%s stands twice for one content", row->name);
	else if (c->flags & (relative ? CONTENT_POSITIONAL : CONTENT_RELATIVE))
		draft_fail(
			d, NULL,
			"use offset and depth (from the start), or distance and within (from the "
			"match before)",
			"%s: within or distance and depth or offset stand at one content",
			row->name);
	else if ((c->flags & CONTENT_NEGATED) && (c->flags & CONTENT_FAST_PATTERN))
		draft_fail(d, NULL, "remove fast_pattern",
			   "%s: a negated content with a place cannot be the fast_pattern",
			   row->name);
	else if (relative && (c->flags & CONTENT_FAST_ONLY))
		draft_fail(d, NULL, "write fast_pattern without only",
			   "%s: a content with fast_pattern:only has no place", row->name);
	else
		return c;
	return NULL;
}

bool parse_depth(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_content *c = content_place(d, row, CONTENT_DEPTH);

	if (!c || !content_number(d, row, arg, 0, &c->depth))
		return false;
	if (c->depth.variable < 0 && c->depth.value < c->pattern.len)
		return draft_fail(d, arg->p, "make the depth as long as the content at least",
				  "depth %lld is smaller than the content of %u bytes",
				  (long long)c->depth.value, c->pattern.len);
	c->flags |= CONTENT_DEPTH;
	return true;
}

bool parse_offset(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_content *c = content_place(d, row, CONTENT_OFFSET);

	if (!c || !content_number(d, row, arg, 0, &c->offset))
		return false;
	c->flags |= CONTENT_OFFSET;
	return true;
}

bool parse_distance(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_content *c = content_place(d, row, CONTENT_DISTANCE);

	if (!c || !content_number(d, row, arg, -CONTENT_VALUE_MAX, &c->distance))
		return false;
	c->flags |= CONTENT_DISTANCE;
	return true;
}

bool parse_within(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_content *c = content_place(d, row, CONTENT_WITHIN);

	if (!c || !content_number(d, row, arg, -CONTENT_VALUE_MAX, &c->within))
		return false;
	if (c->within.variable < 0 && c->within.value < (int64_t)c->pattern.len)
		return draft_fail(d, arg->p, "make it as long as the content at least",
				  "within %lld is smaller than the content of %u bytes",
				  (long long)c->within.value, c->pattern.len);
	c->flags |= CONTENT_WITHIN;
	return true;
}

bool parse_startswith(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_content *c = draft_content(d, row);

	(void)arg;
	if (!c)
		return false;
	if (c->flags & CONTENT_STARTSWITH)
		return draft_fail(d, NULL, "remove one", "startswith stands twice for one content");
	if (c->flags & (CONTENT_POSITIONAL | CONTENT_RELATIVE))
		return draft_fail(
			d, NULL, "remove one of the two",
			"startswith cannot be used with depth, offset, within or distance");
	c->flags |= CONTENT_STARTSWITH | CONTENT_DEPTH;
	c->depth.value = c->pattern.len;
	return true;
}

bool parse_endswith(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_content *c = draft_content(d, row);

	(void)arg;
	if (!c)
		return false;
	if (c->flags & CONTENT_ENDSWITH)
		return draft_fail(d, NULL, "remove one", "endswith stands twice for one content");
	c->flags |= CONTENT_ENDSWITH;
	return true;
}

static bool fast_pattern_chop(struct draft *d, struct match_content *c, struct scan *arg)
{
	struct scan offset = scan_until(arg, ',');
	uint64_t from, len;

	if (!scan_whole(offset, UINT16_MAX, &from) || !scan_whole(*arg, UINT16_MAX, &len) || !len)
		return draft_fail(d, offset.p, "write only, or offset,length",
				  "fast_pattern: \"%.*s\" is neither \"only\" nor offset,length",
				  (int)(arg->end - offset.p), offset.p);
	if (from + len > c->pattern.len)
		return draft_fail(d, offset.p, "stay inside the content",
				  "fast_pattern: %llu bytes from %llu on are more than the content "
				  "of %u bytes has",
				  (unsigned long long)len, (unsigned long long)from,
				  c->pattern.len);
	if (c->flags & CONTENT_NEGATED)
		return draft_fail(d, NULL, "remove it",
				  "fast_pattern: a part of a negated content cannot be used");
	c->chop_offset = (uint16_t)from;
	c->chop_length = (uint16_t)len;
	c->flags |= CONTENT_FAST_CHOP;
	return true;
}

bool parse_fast_pattern(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	uint32_t places = CONTENT_POSITIONAL | CONTENT_RELATIVE;
	struct match_content *c = draft_content(d, row);

	if (!c)
		return false;
	if (d->current >= 0 && d->buffers[d->current].row &&
	    keyword_id(d->buffers[d->current].row) == KEYWORD_base64_data)
		return draft_fail(d, NULL, "use it on a content of another buffer",
				  "fast_pattern cannot be used on base64_data");
	if (d->seen & SEEN_FAST_PATTERN)
		return draft_fail(d, NULL, "remove one", "fast_pattern stands twice in the rule");
	if ((c->flags & CONTENT_NEGATED) && (c->flags & places))
		return draft_fail(d, NULL, "remove fast_pattern",
				  "fast_pattern: the content is negated and has a place");
	scan_trim(arg);
	if (scan_is(arg, "only")) {
		if (c->flags & (CONTENT_NEGATED | places))
			return draft_fail(
				d, NULL, "write fast_pattern without only",
				"fast_pattern:only: the content is negated or has a place");
		c->flags |= CONTENT_FAST_ONLY;
	} else if (!scan_done(arg) && !fast_pattern_chop(d, c, arg)) {
		return false;
	}
	d->seen |= SEEN_FAST_PATTERN;
	c->flags |= CONTENT_FAST_PATTERN;
	return true;
}

/* prefilter on a content is fast_pattern; on another condition a wish. */
bool parse_prefilter(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	int at = d->wanted ? -1 : d->current >= 0 ? d->current : d->last_buffer;
	struct draft_list *list = at >= 0 ? &d->buffers[at].list : NULL;

	(void)row;
	(void)arg;
	if (!d->packet.count && !d->app.count && !(list && list->count))
		return draft_fail(d, NULL, "put it behind a condition",
				  "prefilter: there is no condition before it");
	d->rule->flags |= RULE_PREFILTER;
	if (list && list->count && list->items[list->count - 1].keyword == KEYWORD_content &&
	    !(d->seen & SEEN_FAST_PATTERN)) {
		list->items[list->count - 1].u.content.flags |= CONTENT_FAST_PATTERN;
		d->seen |= SEEN_FAST_PATTERN;
	}
	return true;
}

bool parse_rawbytes(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)arg;
	return draft_content(d, row) != NULL;
}

bool parse_replace(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_content *c = draft_content(d, row);

	if (!c || !bytes_parse(d, row, arg, &c->replace))
		return false;
	if (d->current >= 0 || d->buffers[d->last_buffer].row)
		return draft_fail(d, NULL, "use it on contents of the payload",
				  "replace: the content is not about the payload");
	if (c->flags & CONTENT_NEGATED)
		return draft_fail(d, NULL, "remove it", "replace: the content is negated");
	if (c->replace.len != c->pattern.len)
		return draft_fail(d, arg->p, "make both equally long",
				  "replace: %u bytes for a content of %u", c->replace.len,
				  c->pattern.len);
	c->flags |= CONTENT_REPLACE;
	d->seen |= SEEN_PACKET_ONLY;
	d->rule->flags |= RULE_PACKET_ONLY;
	return true;
}

static bool file_content(struct draft *d, const struct keyword_row *row, struct scan *arg,
			 const char *before, uint32_t flags)
{
	struct match_content *c;
	int at = draft_buffer_named(d, keyword_find(row->about, strlen(row->about)));
	size_t extra = strlen(before);

	if (at < 0)
		return false;
	c = content_add(d, row, arg, at);
	if (!c)
		return false;
	if (extra) {
		uint8_t *bytes = arena_alloc(d->l->arena, c->pattern.len + extra);

		if (!bytes)
			return draft_no_memory(d);
		memcpy(bytes, before, extra);
		memcpy(bytes + extra, c->pattern.data, c->pattern.len);
		c->pattern = (struct bytes){bytes, c->pattern.len + (uint32_t)extra};
	}
	c->flags |= flags;
	return true;
}

bool parse_filename(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return file_content(d, row, arg, "", CONTENT_NOCASE);
}

bool parse_fileext(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return file_content(d, row, arg, ".", CONTENT_NOCASE | CONTENT_ENDSWITH);
}

bool parse_filemagic(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return file_content(d, row, arg, "", CONTENT_NOCASE);
}

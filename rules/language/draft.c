/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Building a rule: problems, lists of conditions, which buffer they go to, what keywords imply.
 */
#include "rules/language/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/language/protocol.h"

bool draft_fail(struct draft *d, const char *at, const char *advice, const char *format, ...)
{
	va_list args;

	if (d->problem_at)
		return false;
	d->problem_at = at ? at : d->at;
	va_start(args, format);
	vsnprintf(d->reason, sizeof(d->reason), format, args);
	va_end(args);
	snprintf(d->advice, sizeof(d->advice), "%s", advice ? advice : "");
	return false;
}

void draft_warn(struct draft *d, const char *at, const char *format, ...)
{
	va_list args;

	if (d->warning_at)
		return;
	d->warning_at = at ? at : d->at;
	va_start(args, format);
	vsnprintf(d->warning, sizeof(d->warning), format, args);
	va_end(args);
}

bool draft_no_memory(struct draft *d)
{
	return draft_fail(d, NULL, "load fewer rules, or give the process more memory",
			  "out of memory");
}

char *draft_text(struct draft *d, const struct scan *s)
{
	return arena_text(d->l->arena, s->p, scan_left(s));
}

struct match *draft_add(struct draft *d, struct draft_list *list, enum keyword keyword)
{
	if (list->count == list->space) {
		uint32_t space = list->space ? list->space * 2 : 16;
		struct match *items = realloc(list->items, space * sizeof(*items));

		if (!items) {
			draft_no_memory(d);
			return NULL;
		}
		list->items = items;
		list->space = space;
	}
	list->items[list->count] = (struct match){.keyword = (uint16_t)keyword};
	return &list->items[list->count++];
}

struct match *draft_add_row(struct draft *d, const struct keyword_row *row)
{
	struct draft_list *list = row->place == PLACE_APP    ? &d->app
				  : row->place == PLACE_POST ? &d->post
							     : &d->packet;

	if (row->place == PLACE_APP)
		d->rule->flags |= RULE_HAS_APP;
	return draft_add(d, list, keyword_id(row));
}

static int draft_buffer_make(struct draft *d, const struct keyword_row *row, const char *name)
{
	struct draft_buffer *b;

	if (d->buffer_count == DRAFT_BUFFERS_MAX) {
		draft_fail(d, NULL, "split the rule in two", "more than %d buffers",
			   DRAFT_BUFFERS_MAX);
		return -1;
	}
	b = &d->buffers[d->buffer_count];
	b->row = row;
	b->name = name;
	b->transform_count = 0;
	b->legacy = false;
	b->direction = 0;
	b->sticky = false;
	b->list.count = 0;
	b->at = d->at;
	return d->buffer_count++;
}

int draft_buffer_named(struct draft *d, const struct keyword_row *row)
{
	for (int i = d->buffer_count - 1; i >= 0; i--)
		if (d->buffers[i].row == row && !d->buffers[i].transform_count)
			return i;
	if (row && !draft_imply(d, row))
		return -1;
	return draft_buffer_make(d, row, row ? row->name : "payload");
}

/* The wanted buffer comes into being: another instance, or one with the earlier use. */
static int draft_buffer_wanted(struct draft *d)
{
	int at = -1;

	if (!d->transform_count && !keyword_has(d->wanted, 'M'))
		for (int i = 0; i < d->buffer_count; i++)
			if (d->buffers[i].row == d->wanted && !d->buffers[i].transform_count &&
			    d->buffers[i].direction == d->wanted_direction &&
			    strcmp(d->buffers[i].name, d->wanted_name) == 0)
				at = i;
	if (at < 0)
		at = draft_buffer_make(d, d->wanted, d->wanted_name);
	if (at < 0)
		return -1;
	d->buffers[at].at = d->wanted_at;
	d->buffers[at].sticky = true;
	d->buffers[at].direction = d->wanted_direction;
	memcpy(d->buffers[at].transforms, d->transforms,
	       d->transform_count * sizeof(*d->transforms));
	d->buffers[at].transform_count = d->transform_count;
	d->transform_count = 0;
	d->wanted = NULL;
	d->current = at;
	return at;
}

int draft_buffer_current(struct draft *d)
{
	if (d->wanted)
		return draft_buffer_wanted(d);
	if (d->current >= 0)
		return d->current;
	return draft_buffer_named(d, NULL);
}

int draft_buffer_relative(struct draft *d)
{
	if (d->wanted || d->current >= 0 || d->last_buffer < 0)
		return draft_buffer_current(d);
	return d->last_buffer;
}

bool draft_stick(struct draft *d, const struct keyword_row *row, const char *name)
{
	if (d->after_base64 && row)
		return draft_fail(d, NULL, "put base64_data and its conditions last",
				  "%s: no other buffer may follow base64_data", row->name);
	if (d->transform_count)
		return draft_fail(d, NULL,
				  "put a content or another condition behind the transform",
				  "nothing stands behind the transforms of %s", d->wanted_name);
	if (d->wanted)
		return draft_fail(d, d->wanted_at,
				  "put a content or another condition behind it, or remove it",
				  "buffer %s has no conditions", d->wanted_name);
	d->current = -1;
	if (!row) {
		d->after_base64 = false;
		return true;
	}
	d->wanted = row;
	d->wanted_name = name;
	d->wanted_at = d->at;
	d->wanted_direction = 0;
	return draft_imply(d, row);
}

struct match *draft_add_bytes(struct draft *d, int buffer, enum keyword keyword)
{
	if (buffer < 0)
		return NULL;
	d->last_buffer = buffer;
	return draft_add(d, &d->buffers[buffer].list, keyword);
}

/* Modifiers work on the last content or uricontent of the buffer in use. */
struct match_content *draft_content(struct draft *d, const struct keyword_row *row)
{
	int at = d->wanted ? -1 : d->current >= 0 ? d->current : d->last_buffer;

	if (at >= 0) {
		struct draft_list *list = &d->buffers[at].list;

		for (uint32_t i = list->count; i-- > 0;)
			if (list->items[i].keyword == KEYWORD_content)
				return &list->items[i].u.content;
	}
	draft_fail(d, NULL, "put it behind the content that it is about",
		   "%s: there is no content before it", row->name);
	return NULL;
}

int draft_variable_find(const struct draft *d, const struct scan *name, int buffer)
{
	int other = -1;

	for (uint32_t i = 0; i < d->variable_count; i++) {
		const struct draft_variable *v = &d->variables[i];

		if (v->len != scan_left(name) || memcmp(v->name, name->p, v->len) != 0)
			continue;
		if (v->buffer == buffer)
			return (int)i;
		if (d->buffers[v->buffer].row)
			other = (int)i;
	}
	return other;
}

int draft_variable_new(struct draft *d, const struct scan *name, int buffer)
{
	if (scan_left(name) == 0 || (*name->p >= '0' && *name->p <= '9')) {
		draft_fail(d, name->p, "start the name with a letter",
			   "\"%.*s\" is no name for a variable", SCAN_ARG(name));
		return -1;
	}
	if (draft_variable_find(d, name, buffer) >= 0)
		return draft_variable_find(d, name, buffer);
	if (d->variable_count == RULE_VARIABLES_MAX) {
		draft_fail(d, name->p, "use fewer", "more than %d variables", RULE_VARIABLES_MAX);
		return -1;
	}
	d->variables[d->variable_count] = (struct draft_variable){name->p, scan_left(name), buffer};
	return (int)d->variable_count++;
}

uint8_t draft_direction(struct draft *d, const struct keyword_row *row, const struct scan *word)
{
	bool up = scan_is(word, "to_server");

	if (!up && !scan_is(word, "to_client")) {
		draft_fail(d, word->p, "write to_server or to_client", "%s: \"%.*s\" is no direction", row->name,
			   SCAN_ARG(word));
		return 0;
	}
	if (!(d->rule->flags & RULE_TRANSACTIONAL)) {
		draft_fail(d, word->p, "remove it, or use => instead of ->",
			   "%s: only a rule with => chooses a direction here", row->name);
		return 0;
	}
	*(up ? &d->from_client : &d->from_server) = true;
	*(up ? &d->from_client_name : &d->from_server_name) = row->name;
	return up ? 1 : 2;
}

bool draft_imply(struct draft *d, const struct keyword_row *row)
{
	bool up = keyword_has(row, 'S'), down = keyword_has(row, 'C');

	if (row->place == PLACE_BUFFER && !keyword_has(row, 'P') && row->about[0])
		d->rule->flags |= RULE_HAS_APP;
	if (up && down) {
		d->both_directions |= !d->direction_said;
	} else if (up) {
		d->from_client = true;
		d->from_client_name = row->name;
	} else if (down) {
		d->from_server = true;
		d->from_server_name = row->name;
	}
	return !row->about[0] || row->place == PLACE_LEGACY || draft_apps(d, row->about, row->name);
}

/* What both allow: "" if nothing. "http" stands for both versions. */
static void apps_common(char *out, size_t size, const char *have, const char *want)
{
	size_t used = 0;

	out[0] = '\0';
	for (const char *p = have; *p;) {
		size_t n = strcspn(p, " ");
		const char *found = NULL;
		size_t found_len = n;

		if (protocol_in(p, n, want))
			found = p;
		else if (n == 4 && memcmp(p, "http", 4) == 0 && protocol_in("http1", 5, want))
			found = "http1", found_len = 5;
		else if (n == 4 && memcmp(p, "http", 4) == 0 && protocol_in("http2", 5, want))
			found = "http2", found_len = 5;
		else if (n == 5 && memcmp(p, "http", 4) == 0 && protocol_in("http", 4, want))
			found = p;
		if (found && used + found_len + 2 < size)
			used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? " " : "",
						 (int)found_len, found);
		p += n + strspn(p + n, " ");
	}
}

bool draft_apps(struct draft *d, const char *apps, const char *who)
{
	char common[sizeof(d->apps)];

	if (strcmp(apps, "file") == 0)
		apps = "http smtp pop3 imap ftp ftp-data tftp nfs smb";
	if (!d->apps_set) {
		snprintf(d->apps, sizeof(d->apps), "%s", apps);
		d->apps_set = true;
		return true;
	}
	if (protocol_in("doh2", 4, d->apps) && protocol_in("http", 4, apps))
		return true;
	if (strcmp(d->apps, "doh2") == 0 && protocol_in("http2", 5, apps))
		return true;
	if (strcmp(d->apps, "http2") == 0 && protocol_in("dns", 3, apps))
		apps = "http2";
	apps_common(common, sizeof(common), d->apps, apps);
	if (!common[0])
		return draft_fail(d, NULL,
				  "name one protocol, and use the keywords of that protocol only",
				  "%s belongs to %s, the rule is about %s", who, apps, d->apps);
	memcpy(d->apps, common, sizeof(common));
	return true;
}

void draft_reset(struct draft *d)
{
	static const size_t from = offsetof(struct draft, buffer_count);

	memset((char *)d + from, 0, sizeof(*d) - from);
	d->packet.count = d->app.count = d->post.count = d->limits.count = 0;
	d->current = d->last_buffer = -1;
	d->at = d->text;
}

void draft_clear(struct draft *d)
{
	free(d->packet.items);
	free(d->app.items);
	free(d->post.items);
	free(d->limits.items);
	for (int i = 0; i < DRAFT_BUFFERS_MAX; i++)
		free(d->buffers[i].list.items);
}

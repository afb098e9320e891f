/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pcre: "/expression/flags". The expression is compiled once here so that a wrong one is refused
 * with its place; detection compiles it again in its own way.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "rules/language/draft.h"
#include "rules/language/parsers.h"

static const char pcre_limits[] = "shorten the expression or its counts";

struct pcre_flag {
	char letter;
	uint32_t option;
	const char *buffer;
};

static const struct pcre_flag pcre_flags[] = {
	{'i', PCRE2_CASELESS, NULL},
	{'s', PCRE2_DOTALL, NULL},
	{'m', PCRE2_MULTILINE, NULL},
	{'x', PCRE2_EXTENDED, NULL},
	{'A', PCRE2_ANCHORED, NULL},
	{'E', PCRE2_DOLLAR_ENDONLY, NULL},
	{'G', PCRE2_UNGREEDY, NULL},
	{'O', 0, NULL},
	{'R', 0, NULL},
	{'B', 0, NULL},
	{'U', 0, "http.uri"},
	{'I', 0, "http.uri.raw"},
	{'H', 0, "http.header"},
	{'D', 0, "http.header.raw"},
	{'M', 0, "http.method"},
	{'C', 0, "http.cookie"},
	{'P', 0, "http.request_body"},
	{'Q', 0, "file.data"},
	{'S', 0, "http.stat_code"},
	{'Y', 0, "http.stat_msg"},
	{'V', 0, "http.user_agent"},
	{'W', 0, "http.host"},
	{'Z', 0, "http.host.raw"},
};

static const struct pcre_flag *pcre_flag_find(char letter)
{
	for (size_t i = 0; i < sizeof(pcre_flags) / sizeof(*pcre_flags); i++)
		if (pcre_flags[i].letter == letter)
			return &pcre_flags[i];
	return NULL;
}

/* Host names are seen in lower case: an upper-case letter that stands for itself never matches. */
static const char *pcre_upper(const struct scan *pattern)
{
	for (const char *p = pattern->p; p < pattern->end; p++) {
		if (*p == '\\')
			p++;
		else if (*p >= 'A' && *p <= 'Z')
			return p;
	}
	return NULL;
}

struct pcre_reading {
	struct scan pattern;
	uint32_t options, flags;
	const char *buffer;
	const char *buffer_at;
	struct match_capture captures[PCRE_CAPTURES_MAX];
	uint32_t capture_count;
	const char *captures_at;
};

/* flow:NAME, pkt:NAME and alert:NAME, or flow_NAME … as names of groups. sign: what stands between. */
static bool pcre_capture_read(struct draft *d, struct scan word, char sign, struct match_capture *c)
{
	static const char *const kinds[] = {"flow", "pkt", "alert"};

	for (uint8_t i = 0; i < 3; i++) {
		size_t n = strlen(kinds[i]);

		if (scan_left(&word) <= n + 1 || memcmp(word.p, kinds[i], n) != 0 || word.p[n] != sign)
			continue;
		word.p += n + 1;
		c->kind = i;
		c->name = draft_text(d, &word);
		return c->name || draft_no_memory(d);
	}
	return false;
}

static bool pcre_capture_add(struct draft *d, struct pcre_reading *r, const struct match_capture *c)
{
	if (r->capture_count == PCRE_CAPTURES_MAX)
		return draft_fail(d, r->captures_at, "keep fewer", "pcre: more than %d captures", PCRE_CAPTURES_MAX);
	r->captures[r->capture_count++] = *c;
	return true;
}

/* Behind the flags: names for the groups, in order. */
static bool pcre_read_captures(struct draft *d, struct scan *arg, struct pcre_reading *r)
{
	r->captures_at = arg->p;
	scan_take(arg, ',');
	while (!scan_done(arg)) {
		struct scan word = scan_until(arg, ',');
		struct match_capture c = {.group = (uint8_t)(r->capture_count + 1)};

		if (scan_left(&word) && word.end[-1] == '"') {
			word.end--;
			scan_trim(&word);
		}
		if (!pcre_capture_read(d, word, ':', &c))
			return draft_fail(d, word.p, "write flow:, pkt: or alert: and a name",
					  "pcre: \"%.*s\" is no place for a capture", SCAN_ARG(&word));
		if (!pcre_capture_add(d, r, &c))
			return false;
	}
	return true;
}

/* Groups that are named as captures, and whether there is a group for each capture. */
static bool pcre_groups(struct draft *d, struct pcre_reading *r, const pcre2_code *code)
{
	uint32_t count = 0, size = 0, groups = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	for (uint32_t i = 0; i < r->capture_count; i++)
		if (r->captures[i].group > groups)
			return draft_fail(d, r->captures_at, "put ( ) around what is to be captured",
					  "pcre: the expression has fewer groups than captures");
	pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < count; i++) {
		const char *name = (const char *)table + i * size + 2;
		struct match_capture c = {.group = table[i * size + 1]};

		if (table[i * size] == 0 && pcre_capture_read(d, (struct scan){name, name + strlen(name)}, '_', &c) &&
		    !pcre_capture_add(d, r, &c))
			return false;
	}
	return true;
}

/* The pattern compiles? Each (pattern, options) is tried once. */
static bool pcre_try(struct draft *d, struct pcre_reading *r)
{
	const struct scan *pattern = &r->pattern;
	uint32_t options = r->options;
	char key[RULE_TEXT_MAX + 16];
	int n = snprintf(key, sizeof(key), "%x/%.*s", options, SCAN_ARG(pattern));
	struct name_entry *known = names_entry(&d->l->patterns, key, (size_t)n);
	pcre2_code *code;
	int error;
	size_t offset;
	bool ok;

	/* Names of groups may be captures: "(?P<flow_user>". */
	if (known && known->value && !r->capture_count && !memmem(pattern->p, scan_left(pattern), "<", 1))
		return true;
	code = pcre2_compile((PCRE2_SPTR)pattern->p, scan_left(pattern), options, &error, &offset,
			     NULL);
	if (!code) {
		unsigned char text[128] = "";

		pcre2_get_error_message(error, text, sizeof(text));
		return draft_fail(d, pattern->p + (offset <= scan_left(pattern) ? offset : 0),
				  "correct the expression", "pcre: %s", (const char *)text);
	}
	ok = pcre_groups(d, r, code);
	pcre2_code_free(code);
	if (known && ok)
		known->value = d->l;
	return ok;
}

static bool pcre_split(struct draft *d, struct scan *arg, struct pcre_reading *r)
{
	const char *end;

	scan_trim(arg);
	if (scan_done(arg) || *arg->p != '/')
		return draft_fail(d, arg->p, "write \"/expression/flags\"",
				  "pcre: the expression does not begin with a slash");
	for (end = arg->end - 1; end > arg->p; end--)
		if (*end == '/' && (end[-1] != '\\' || (end - 1 > arg->p && end[-2] == '\\')))
			break;
	if (end == arg->p)
		return draft_fail(d, arg->p, "write \"/expression/flags\"",
				  "pcre: the expression does not end with a slash");
	r->pattern = (struct scan){arg->p + 1, end};
	if (scan_left(&r->pattern) > 4096)
		return draft_fail(d, arg->p, pcre_limits, "pcre: more than 4096 characters");
	arg->p = end + 1;
	return true;
}

static bool pcre_read_flags(struct draft *d, struct scan *arg, struct pcre_reading *r)
{
	/* The quotes were not taken off where only the closing one is there. */
	for (; !scan_done(arg) && !char_blank(*arg->p) && *arg->p != '"'; arg->p++) {
		const struct pcre_flag *f = pcre_flag_find(*arg->p);

		if (*arg->p == ',')
			return pcre_read_captures(d, arg, r);
		if (!f)
			return draft_fail(
				d, arg->p,
				"use i s m x A E G O R B or a buffer: U I H D M C P Q S Y V W Z",
				"pcre: there is no flag %c", *arg->p);
		r->options |= f->option;
		if (f->letter == 'R')
			r->flags |= PCRE_RELATIVE;
		if (!f->buffer)
			continue;
		if (r->buffer && strcmp(r->buffer, f->buffer) != 0)
			return draft_fail(d, arg->p, "keep one",
					  "pcre: two flags name different buffers");
		r->buffer = f->buffer;
		r->buffer_at = arg->p;
	}
	return true;
}

/* The buffer it is about: by its flag, the sticky one, or the payload. */
static int pcre_buffer(struct draft *d, const struct pcre_reading *r)
{
	int at;

	if (!r->buffer)
		return draft_buffer_current(d);
	if (!draft_apps(d, "http1", "pcre"))
		return -1;
	if (d->wanted || d->current >= 0) {
		const char *in_use = d->wanted ? d->wanted_name : d->buffers[d->current].name;

		/* Q is the body of a response by either of its names. */
		if (strcmp(in_use, r->buffer) == 0 ||
		    (*r->buffer_at == 'Q' && strcmp(in_use, "http.response_body") == 0))
			return draft_buffer_current(d);
		draft_fail(d, r->buffer_at, "remove the flag, or write pkt_data before",
			   "pcre: flag %c names %s, but %s is in use", *r->buffer_at, r->buffer,
			   in_use);
		return -1;
	}
	at = draft_buffer_named(d, keyword_find(r->buffer, strlen(r->buffer)));
	if (at >= 0)
		d->buffers[at].legacy = true;
	return at;
}

bool parse_pcre(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct pcre_reading r = {0};
	const char *upper;
	struct match *m;
	int at;

	(void)row;
	if (!pcre_split(d, arg, &r) || !pcre_read_flags(d, arg, &r))
		return false;
	if (!pcre_try(d, &r))
		return false;
	at = pcre_buffer(d, &r);
	if (at < 0)
		return false;
	upper = r.buffer && strcmp(r.buffer, "http.host") == 0 && !(r.options & PCRE2_CASELESS)
			? pcre_upper(&r.pattern)
			: NULL;
	if (upper)
		return draft_fail(d, upper, "write the host in lower case",
				  "pcre: an upper-case letter never matches in http.host");
	m = draft_add_bytes(d, at, KEYWORD_pcre);
	if (!m)
		return false;
	m->u.pcre.pattern = draft_text(d, &r.pattern);
	m->u.pcre.pattern_len = (uint32_t)scan_left(&r.pattern);
	m->u.pcre.options = r.options;
	m->u.pcre.flags = r.flags | (d->negated ? PCRE_NEGATED : 0);
	m->u.pcre.capture_count = r.capture_count;
	if (r.capture_count)
		m->u.pcre.captures = arena_copy(d->l->arena, r.captures, r.capture_count * sizeof(*r.captures));
	return (m->u.pcre.pattern && (!r.capture_count || m->u.pcre.captures)) || draft_no_memory(d);
}

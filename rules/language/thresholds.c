/* SPDX-License-Identifier: BSD-3-Clause
 *
 * threshold.config, line by line:
 *   suppress gen_id G, sig_id S[, track by_src|by_dst|by_either, ip SET]
 *   threshold|event_filter gen_id G, sig_id S, type T, track T, count N, seconds N
 *   rate_filter gen_id G, sig_id S, track T, count N, seconds N, new_action A, timeout N
 * G or S 0: every rule. A rule's own threshold stands above that of the file. One thread.
 */
#include "rules/language/thresholds.h"

#include <stdio.h>
#include <string.h>

#include "rules/language/header.h"
#include "rules/language/limit.h"
#include "rules/language/reader.h"
#include "rules/language/report.h"

struct threshold_line {
	struct match_threshold t;
	bool suppress, rate;
	uint64_t gid, sid;
	unsigned have;
};

enum line_part {
	HAVE_GID = 1, HAVE_SID = 2, HAVE_TYPE = 4, HAVE_TRACK = 8, HAVE_COUNT = 16,
	HAVE_SECONDS = 32, HAVE_ACTION = 64, HAVE_TIMEOUT = 128, HAVE_IP = 256,
};

static bool action_parse(struct scan word, uint8_t *out)
{
	static const struct {
		const char *name;
		enum rule_action action;
	} actions[] = {{"alert", ACTION_ALERT}, {"pass", ACTION_PASS}, {"drop", ACTION_DROP},
		       {"reject", ACTION_REJECT}};

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (scan_is(&word, actions[i].name)) {
			*out = (uint8_t)actions[i].action;
			return true;
		}
	return false;
}

/* Addresses go to the end of the line when they are a list. */
static struct scan line_part(struct scan *s)
{
	struct scan part = *s;
	int depth = 0;

	for (; s->p < s->end; s->p++) {
		if (*s->p == '[')
			depth++;
		else if (*s->p == ']')
			depth--;
		else if (*s->p == ',' && depth <= 0)
			break;
	}
	part.end = s->p;
	if (s->p < s->end)
		s->p++;
	scan_trim(&part);
	return part;
}

static bool line_read_part(struct draft *d, struct threshold_line *l, struct scan part)
{
	struct scan word = scan_word(&part);
	struct match_threshold *t = &l->t;
	unsigned have = 0;
	uint64_t n = 0;

	scan_trim(&part);
	if (scan_is(&word, "gen_id") && scan_whole(part, UINT32_MAX, &l->gid))
		have = HAVE_GID;
	else if (scan_is(&word, "sig_id") && scan_whole(part, UINT32_MAX, &l->sid))
		have = HAVE_SID;
	else if (scan_is(&word, "type") && limit_type_parse(part, &t->type))
		have = HAVE_TYPE;
	else if (scan_is(&word, "track") && track_parse(part, &t->track))
		have = HAVE_TRACK;
	else if (scan_is(&word, "count") && scan_whole(part, UINT32_MAX, &n) && n)
		have = HAVE_COUNT, t->count = (uint32_t)n;
	else if (scan_is(&word, "seconds") && scan_whole(part, UINT32_MAX, &n) && n)
		have = HAVE_SECONDS, t->seconds = (uint32_t)n;
	else if (scan_is(&word, "timeout") && scan_whole(part, UINT32_MAX, &n))
		have = HAVE_TIMEOUT, t->timeout_s = (uint32_t)n;
	else if (scan_is(&word, "new_action") && action_parse(part, &t->new_action))
		have = HAVE_ACTION;
	else if (scan_is(&word, "ip"))
		have = address_set_parse(d, &part, &t->addresses) ? HAVE_IP : 0;
	if (!have)
		return draft_fail(d, word.p, "see threshold.config in the documentation",
				  "\"%.*s\" is not understood", (int)(part.end - word.p), word.p);
	l->have |= have;
	return true;
}

static bool line_read(struct draft *d, struct threshold_line *l, struct scan text)
{
	struct scan kind = scan_word(&text);
	unsigned needs;

	l->t.addresses.any = true;
	l->suppress = scan_is(&kind, "suppress");
	l->rate = scan_is(&kind, "rate_filter");
	if (!l->suppress && !l->rate && !scan_is(&kind, "threshold") &&
	    !scan_is(&kind, "event_filter"))
		return draft_fail(d, kind.p, "use suppress, threshold, event_filter or rate_filter",
				  "\"%.*s\" is none of them", SCAN_ARG(&kind));
	while (!scan_done(&text))
		if (!line_read_part(d, l, line_part(&text)))
			return false;
	needs = HAVE_GID | HAVE_SID;
	if (l->suppress)
		needs |= l->have & HAVE_TRACK ? HAVE_IP : 0;
	else if (l->rate)
		needs |= HAVE_TRACK | HAVE_COUNT | HAVE_SECONDS | HAVE_ACTION | HAVE_TIMEOUT;
	else
		needs |= HAVE_TYPE | HAVE_TRACK | HAVE_COUNT | HAVE_SECONDS;
	if ((l->have & needs) != needs)
		return draft_fail(d, kind.p, "write all of its parts", "a part of the line is missing");
	if (l->suppress)
		l->t.type = THRESHOLD_SUPPRESS;
	else if (l->rate)
		l->t.type = THRESHOLD_RATE_FILTER;
	return true;
}

static bool rule_has_limit(const struct rule *r)
{
	for (uint32_t i = 0; i < r->threshold_count; i++)
		if (r->thresholds[i].u.threshold.type != THRESHOLD_SUPPRESS &&
		    r->thresholds[i].u.threshold.type != THRESHOLD_RATE_FILTER)
			return true;
	return false;
}

static bool rule_add_limit(struct draft *d, struct rule *r, const struct match_threshold *t)
{
	struct match *list = arena_alloc(d->l->arena, (r->threshold_count + 1) * sizeof(*list));

	if (!list)
		return draft_no_memory(d);
	if (r->threshold_count)
		memcpy(list, r->thresholds, r->threshold_count * sizeof(*list));
	list[r->threshold_count] = (struct match){.keyword = KEYWORD_threshold, .u.threshold = *t};
	r->thresholds = list;
	r->threshold_count++;
	return true;
}

/* true: at least one rule was meant. */
static bool line_apply(struct draft *d, const struct threshold_line *l, struct rule **rules,
		       size_t count)
{
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		if ((l->gid && rules[i]->gid != l->gid) || (l->sid && rules[i]->sid != l->sid))
			continue;
		found = true;
		if (!l->suppress && !l->rate && rule_has_limit(rules[i]))
			continue;
		if (!rule_add_limit(d, rules[i], &l->t))
			break;
	}
	return found;
}

int thresholds_load(struct draft *d, const char *path, struct rule **rules, size_t count,
		    struct ruleset_report *report, char *error, size_t error_size)
{
	struct reader reader;
	int err = reader_open(&reader, path);

	if (err) {
		snprintf(error, error_size, "threshold file %s cannot be read: %s", path,
			 strerror(-err));
		return -1;
	}
	while (reader_next(&reader)) {
		struct threshold_line l = {0};
		struct ruleset_problem p = {.file = (char *)path, .refused = true};
		struct rule none = {0};
		size_t at = 0;

		d->rule = &none;
		d->text = reader.text;
		d->text_end = reader.text + reader.len;
		draft_reset(d);
		if (line_read(d, &l, (struct scan){d->text, d->text_end}) &&
		    !line_apply(d, &l, rules, count) && !d->problem_at) {
			p.refused = false;
			draft_fail(d, d->text, "remove the line", "no rule has gen_id %llu, sig_id %llu",
				   (unsigned long long)l.gid, (unsigned long long)l.sid);
		}
		if (!d->problem_at)
			continue;
		if (d->problem_at >= d->text && d->problem_at <= d->text_end)
			at = (size_t)(d->problem_at - d->text);
		reader_place(&reader, at, &p.line, &p.column);
		p.reason = d->reason;
		p.advice = d->advice;
		report_add(report, &p);
	}
	reader_close(&reader);
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * threshold, detection_filter and tag: how often a rule may act and what it keeps.
 */
#include <string.h>

#include "rules/language/draft.h"
#include "rules/language/limit.h"
#include "rules/language/parsers.h"

bool track_parse(struct scan word, uint8_t *out)
{
	static const struct {
		const char *name;
		enum bits_track track;
	} tracks[] = {{"by_src", TRACK_SRC},   {"by_dst", TRACK_DST},   {"by_both", TRACK_PAIR},
		      {"by_rule", TRACK_RULE}, {"by_flow", TRACK_FLOW}, {"by_either", TRACK_BOTH}};

	for (size_t i = 0; i < sizeof(tracks) / sizeof(*tracks); i++)
		if (scan_is(&word, tracks[i].name)) {
			*out = (uint8_t)tracks[i].track;
			return true;
		}
	return false;
}

bool limit_type_parse(struct scan word, uint8_t *out)
{
	static const char *const types[] = {"limit", "threshold", "both", "backoff"};

	for (uint8_t i = 0; i < 4; i++)
		if (scan_is(&word, types[i])) {
			*out = i;
			return true;
		}
	return false;
}

enum limit_part {
	PART_TYPE = 1,
	PART_TRACK = 2,
	PART_COUNT = 4,
	PART_SECONDS = 8,
	PART_MULTIPLIER = 16
};

/* One "name value". false: a problem was noted. */
static bool limit_part(struct draft *d, const struct keyword_row *row, struct scan part,
		       struct match_threshold *t, unsigned *have)
{
	struct scan whole = part, word = scan_word(&part);
	uint64_t n;
	unsigned bit = 0;

	scan_trim(&part);
	if (scan_is(&word, "type") && keyword_id(row) == KEYWORD_threshold &&
	    limit_type_parse(part, &t->type))
		bit = PART_TYPE;
	else if (scan_is(&word, "track") && track_parse(part, &t->track) && t->track != TRACK_BOTH)
		bit = PART_TRACK;
	else if (scan_is(&word, "count") && scan_whole(part, UINT32_MAX, &n) && n)
		bit = PART_COUNT, t->count = (uint32_t)n;
	else if (scan_is(&word, "seconds") && scan_whole(part, UINT32_MAX, &n) && n)
		bit = PART_SECONDS, t->seconds = (uint32_t)n;
	else if (scan_is(&word, "multiplier") && scan_whole(part, UINT32_MAX, &n) && n > 1)
		bit = PART_MULTIPLIER, t->multiplier = (uint32_t)n;
	if (!bit)
		return draft_fail(
			d, whole.p,
			"write type limit|threshold|both, track by_src|by_dst|by_both|by_rule|"
			"by_flow, count N, seconds N",
			"%s: \"%.*s\" is not understood", row->name, SCAN_ARG(&whole));
	if (*have & bit)
		return draft_fail(d, whole.p, "remove one", "%s: %.*s stands twice", row->name,
				  SCAN_ARG(&word));
	*have |= bit;
	return true;
}

static bool limit_add(struct draft *d, const struct keyword_row *row, struct scan *arg,
		      unsigned needs)
{
	struct match_threshold t = {.addresses = {.any = true}};
	unsigned have = 0;
	struct match *m;

	for (uint32_t i = 0; i < d->limits.count; i++)
		if (d->limits.items[i].keyword != keyword_id(row) ||
		    keyword_id(row) == KEYWORD_detection_filter)
			return draft_fail(
				d, NULL, "keep one",
				"%s: the rule has a threshold or detection_filter already",
				row->name);
	while (!scan_done(arg))
		if (!limit_part(d, row, scan_until(arg, ','), &t, &have))
			return false;
	if ((have & PART_TYPE) && t.type == THRESHOLD_BACKOFF)
		needs = (needs & ~(unsigned)PART_SECONDS) | PART_MULTIPLIER;
	if ((have & needs) != needs)
		return draft_fail(d, NULL, "write all of its parts", "%s: %s is missing", row->name,
				  needs & ~have & PART_TYPE      ? "type"
				  : needs & ~have & PART_TRACK   ? "track"
				  : needs & ~have & PART_COUNT   ? "count"
				  : needs & ~have & PART_SECONDS ? "seconds"
								 : "multiplier");
	if (keyword_id(row) == KEYWORD_detection_filter) {
		t.type = THRESHOLD_DETECTION_FILTER;
		if (t.track != TRACK_SRC && t.track != TRACK_DST && t.track != TRACK_FLOW)
			return draft_fail(d, NULL, "track by_src, by_dst or by_flow",
					  "detection_filter cannot track by_rule or by_both");
	} else if (t.type == THRESHOLD_BACKOFF && t.track != TRACK_FLOW) {
		return draft_fail(d, NULL, "track by_flow",
				  "threshold: backoff tracks by_flow only");
	}
	m = draft_add(d, &d->limits, keyword_id(row));
	if (m)
		m->u.threshold = t;
	return m != NULL;
}

bool parse_threshold(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return limit_add(d, row, arg, PART_TYPE | PART_TRACK | PART_COUNT | PART_SECONDS);
}

bool parse_detection_filter(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return limit_add(d, row, arg, PART_TRACK | PART_COUNT | PART_SECONDS);
}

/* session|host[,count,packets|seconds|bytes][,src|dst] */
bool parse_tag(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan type = scan_until(arg, ','), count = scan_until(arg, ','),
		    metric = scan_until(arg, ','), side = scan_until(arg, ',');
	struct match_tag t = {.packets = 256};
	uint64_t n = 0;
	struct match *m;

	if (scan_is(&type, "host"))
		t.host = true;
	else if (!scan_is(&type, "session"))
		return draft_fail(d, type.p, "write session or host", "tag: \"%.*s\" is neither",
				  SCAN_ARG(&type));
	if (!scan_done(&count)) {
		if (!scan_whole(count, UINT32_MAX, &n) || !n)
			return draft_fail(d, count.p, "write a number", "tag: \"%.*s\" is no count",
					  SCAN_ARG(&count));
		t.packets = 0;
		if (scan_is(&metric, "packets"))
			t.packets = (uint32_t)n;
		else if (scan_is(&metric, "seconds"))
			t.seconds = (uint32_t)n;
		else if (scan_is(&metric, "bytes"))
			t.bytes = (uint32_t)n;
		else
			return draft_fail(d, metric.p, "write packets, seconds or bytes",
					  "tag: \"%.*s\" is none of them", SCAN_ARG(&metric));
	}
	if (scan_is(&side, "dst"))
		t.by_dst = true;
	else if (!scan_done(&side) && !scan_is(&side, "src"))
		return draft_fail(d, side.p, "write src or dst", "tag: \"%.*s\" is neither",
				  SCAN_ARG(&side));
	if (t.host && scan_done(&side))
		return draft_fail(d, NULL, "add ,src or ,dst", "tag:host needs to know which host");
	m = draft_add_row(d, row);
	if (m)
		m->u.tag = t;
	return m != NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/language/threshold_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/language/header.h"
#include "rules/language/report.h"

#define LINE_MAX_BYTES 8192
#define WORDS_MAX 16
#define KBPS_MIN 8           /* as metsuke block --rate */
#define KBPS_MAX 1000000000u

struct line_words {
	char *key[WORDS_MAX], *value[WORDS_MAX];
	int count;
};

/* What a line says, before the rules it is about are found. */
struct limit {
	struct match match;
	uint32_t gid, sid;
};

static const struct {
	const char *name;
	uint8_t value;
} track_names[] = {{"by_src", TRACK_SRC},     {"by_dst", TRACK_DST},   {"by_both", TRACK_PAIR},
		   {"by_either", TRACK_BOTH}, {"by_rule", TRACK_RULE}, {"by_flow", TRACK_FLOW}},
  type_names[] = {{"limit", THRESHOLD_LIMIT},
		  {"threshold", THRESHOLD_THRESHOLD},
		  {"both", THRESHOLD_BOTH},
		  {"backoff", THRESHOLD_BACKOFF}},
  action_names[] = {{"alert", ACTION_ALERT},
		    {"drop", ACTION_DROP},
		    {"pass", ACTION_PASS},
		    {"reject", ACTION_REJECT}};

#define LOOK_UP(table, name, out) look_up(table, sizeof(table) / sizeof((table)[0]), name, out)

static bool look_up(const void *table, size_t count, const char *name, uint8_t *out)
{
	const struct {
		const char *name;
		uint8_t value;
	} *rows = table;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i].name, name) == 0) {
			*out = rows[i].value;
			return true;
		}
	}
	return false;
}

/* "gen_id 1, sig_id 2, ip [10.0.0.0/8,!10.1.0.0/16]": commas inside brackets belong to a value. */
static void split(char *s, struct line_words *w)
{
	w->count = 0;
	while (*s && w->count < WORDS_MAX) {
		int depth = 0;
		char *end;

		s += strspn(s, " \t,\r\n");
		if (!*s)
			return;
		w->key[w->count] = s;
		s += strcspn(s, " \t,\r\n");
		if (*s)
			*s++ = '\0';
		s += strspn(s, " \t");
		w->value[w->count++] = s;
		for (end = s; *end && (depth > 0 || *end != ',') && *end != '\n' && *end != '\r';
		     end++)
			depth += (*end == '[') - (*end == ']');
		s = *end ? end + 1 : end;
		while (end > w->value[w->count - 1] && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		*end = '\0';
	}
}

static const char *value_of(const struct line_words *w, const char *key)
{
	for (int i = 0; i < w->count; i++)
		if (strcmp(w->key[i], key) == 0)
			return w->value[i];
	return NULL;
}

static bool number_of(const struct line_words *w, const char *key, uint32_t *out)
{
	const char *v = value_of(w, key);
	unsigned long long n;
	char *end;

	if (!v || *v < '0' || *v > '9')
		return false;
	n = strtoull(v, &end, 10);
	*out = (uint32_t)n;
	return !*end && n <= UINT32_MAX;
}

static const char *read_suppress(struct draft *d, const struct line_words *w,
				 struct match_threshold *t)
{
	const char *track = value_of(w, "track"), *ip = value_of(w, "ip");

	t->type = THRESHOLD_SUPPRESS;
	t->track = TRACK_RULE;
	t->addresses.any = true;
	if (!track && !ip)
		return NULL;
	if (!track || !LOOK_UP(track_names, track, &t->track))
		return "track is not one of by_src by_dst by_either";
	if (!ip)
		return "suppress with track needs ip";
	draft_reset(d);
	return address_set_parse(d, &(struct scan){ip, ip + strlen(ip)}, &t->addresses) ? NULL
											: d->reason;
}

static const char *read_counted(const struct line_words *w, struct match_threshold *t, bool rate)
{
	const char *type = value_of(w, "type"), *track = value_of(w, "track");
	const char *action = value_of(w, "new_action");

	if (!track || !LOOK_UP(track_names, track, &t->track))
		return "track is not one of by_src by_dst by_both by_rule by_flow";
	if (!number_of(w, "count", &t->count) || !number_of(w, "seconds", &t->seconds))
		return "count and seconds must be numbers";
	if (!rate)
		return type && LOOK_UP(type_names, type, &t->type)
			       ? NULL
			       : "type is not one of limit threshold both backoff";
	t->type = THRESHOLD_RATE_FILTER;
	if (!action || !LOOK_UP(action_names, action, &t->new_action))
		return "new_action is not one of alert drop pass reject";
	return number_of(w, "timeout", &t->timeout_s) ? NULL : "timeout must be a number";
}

static const char *read_rate(const struct line_words *w, struct match_threshold *t)
{
	const char *track = value_of(w, "track");
	bool bits = value_of(w, "kbps"), packets = value_of(w, "pps");
	uint32_t rate;

	t->type = THRESHOLD_RATE_LIMIT;
	t->packets = packets;
	if (!track || !LOOK_UP(track_names, track, &t->track) || t->track == TRACK_BOTH)
		return "track is not one of by_flow by_src by_dst by_both by_rule";
	if (bits == packets)
		return "rate_limit needs one of kbps (thousands of bits a second) and pps (packets a second)";
	if (!number_of(w, packets ? "pps" : "kbps", &rate) || !rate)
		return "kbps and pps are numbers from 1 on";
	if (bits && (rate < KBPS_MIN || rate > KBPS_MAX))
		return "kbps is from 8 to 1000000000";
	t->rate = packets ? rate : rate * 1000ull;
	return NULL;
}

/* NULL, or what is wrong. */
static const char *read_limit(struct draft *d, char *line, struct limit *out)
{
	char *rest = line + strcspn(line, " \t");
	struct line_words w;

	if (*rest)
		*rest++ = '\0';
	split(rest, &w);
	memset(out, 0, sizeof(*out));
	out->match.keyword = KEYWORD_threshold;
	if (!number_of(&w, "gen_id", &out->gid) || !number_of(&w, "sig_id", &out->sid))
		return "gen_id and sig_id must be numbers";
	if (strcmp(line, "suppress") == 0)
		return read_suppress(d, &w, &out->match.u.threshold);
	if (strcmp(line, "threshold") == 0 || strcmp(line, "event_filter") == 0)
		return read_counted(&w, &out->match.u.threshold, false);
	if (strcmp(line, "rate_filter") == 0)
		return read_counted(&w, &out->match.u.threshold, true);
	if (strcmp(line, "rate_limit") == 0)
		return read_rate(&w, &out->match.u.threshold);
	return "a line begins with suppress, threshold, event_filter, rate_filter or rate_limit";
}

/* Suppressions and rates stand together with the rule's own limit; any other kind takes its place when the
 * line names this rule, and gives way to it when the line is for all. Of rates there is one. */
static bool replaces(const struct limit *l, const struct match *own)
{
	if (l->match.u.threshold.type == THRESHOLD_RATE_LIMIT || own->u.threshold.type == THRESHOLD_RATE_LIMIT)
		return l->match.u.threshold.type == own->u.threshold.type;
	return own->u.threshold.type != THRESHOLD_SUPPRESS &&
	       l->match.u.threshold.type != THRESHOLD_SUPPRESS &&
	       l->match.u.threshold.type != THRESHOLD_RATE_FILTER;
}

static int add_to(struct rule *r, const struct limit *l, struct arena *arena)
{
	struct match *bigger;

	for (uint32_t i = 0; i < r->threshold_count; i++) {
		if (replaces(l, &r->thresholds[i])) {
			if (l->sid)
				r->thresholds[i] = l->match;
			return 0;
		}
	}
	bigger = arena_alloc(arena, (r->threshold_count + 1) * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	if (r->threshold_count)
		memcpy(bigger, r->thresholds, r->threshold_count * sizeof(*bigger));
	bigger[r->threshold_count++] = l->match;
	r->thresholds = bigger;
	return 0;
}

/* What passes, or only configures, drops nothing; the firewall's rules decide for themselves. */
static bool can_have(const struct rule *r, const struct limit *l)
{
	return l->match.u.threshold.type != THRESHOLD_RATE_LIMIT ||
	       (r->action != ACTION_PASS && r->action != ACTION_CONFIG && !(r->flags & RULE_FIREWALL));
}

/* *wrong: why the line is for no rule. */
static int attach(const struct limit *l, struct rule *const *rules, size_t count,
		  struct arena *arena, const char **wrong)
{
	int err = 0;

	*wrong = l->sid ? "there is no rule with this sid" : NULL;
	for (size_t i = 0; i < count && !err; i++) {
		if ((l->gid && rules[i]->gid != l->gid) || (l->sid && rules[i]->sid != l->sid))
			continue;
		*wrong = NULL;
		if (can_have(rules[i], l))
			err = add_to(rules[i], l, arena);
		else if (l->sid)
			*wrong = "rate_limit: this rule passes, configures or is the firewall's: there is nothing to limit";
	}
	return err;
}

int thresholds_attach(struct draft *d, struct rule *const *rules, size_t count, const char *file,
		      struct ruleset_report *report, char *error, size_t error_size)
{
	FILE *f = fopen(file, "re");
	char line[LINE_MAX_BYTES];
	int err = 0;

	if (!f) {
		snprintf(error, error_size, "%s: cannot be read: %s", file, strerror(errno));
		return -errno;
	}
	for (uint32_t number = 1; !err && fgets(line, sizeof(line), f); number++) {
		char *at = line + strspn(line, " \t");
		const char *wrong;
		struct limit limit;

		if (!*at || strchr("#\r\n", *at))
			continue;
		wrong = read_limit(d, at, &limit);
		if (!wrong)
			err = attach(&limit, rules, count, d->l->arena, &wrong);
		if (wrong)
			report_add(report, file, number, 1, limit.sid, false, wrong, "");
	}
	fclose(f);
	if (err)
		snprintf(error, error_size, "%s: %s", file, strerror(-err));
	return err;
}

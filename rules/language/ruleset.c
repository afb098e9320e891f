/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loading a rule set: files, rules, duplicates, limits from outside, order, groups. One thread.
 */
#include "rules/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/compile/groups.h"
#include "rules/image/image.h"
#include "rules/language/classes.h"
#include "rules/language/files.h"
#include "rules/language/load.h"
#include "rules/language/order.h"
#include "rules/language/reader.h"
#include "rules/language/report.h"
#include "rules/language/threshold_config.h"
#include "rules/leftover.h"

struct loading {
	struct language language;
	struct draft *draft;
	struct rule **rules;
	size_t count, space;
	struct reputation *reputation;
	struct geoip *geoip;
	struct names identities; /* "gid:sid" → the rule's place + 1 */
	const struct ruleset_options *options;
	struct ruleset_report *report; /* NULL: nobody asks */
	struct ruleset_report counts;
	char *error;
	size_t error_size;
};

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool loading_no_memory(struct loading *l)
{
	snprintf(l->error, l->error_size, "out of memory while reading rules");
	return false;
}

static void loading_report(struct loading *l, const struct reader *reader, const char *file,
			   const char *at, const char *reason, const char *advice, uint32_t sid,
			   bool refused)
{
	const struct draft *d = l->draft;
	size_t offset = at >= d->text && at <= d->text_end ? (size_t)(at - d->text) : 0;
	uint32_t line, column;

	reader_place(reader, offset, &line, &column);
	report_add(l->report, file, line, column, sid, refused, reason, advice);
	if (l->language.firewall && refused)
		l->counts.firewall_refused++;
	if (l->language.firewall && l->report && l->report->problem_count)
		l->report->problems[l->report->problem_count - 1].firewall = true;
}

/* A sid for the report even where the rule was refused before its sid was read. */
static uint32_t text_sid(const struct draft *d)
{
	for (const char *p = d->text; p + 4 < d->text_end; p++) {
		struct scan s = {p + 4, d->text_end};
		uint64_t n;

		if (memcmp(p, "sid:", 4) == 0 && (p == d->text || strchr("; (\t", p[-1])) &&
		    scan_number(&s, UINT32_MAX, &n))
			return (uint32_t)n;
	}
	return 0;
}

/* true: the rule stays. A newer version takes the place of an older one. */
static bool loading_identity(struct loading *l, struct rule *r, bool *kept)
{
	char key[32];
	int n = snprintf(key, sizeof(key), "%u:%u", r->gid, r->sid);
	struct name_entry *e = names_entry(&l->identities, key, (size_t)n);
	size_t place;

	if (!e)
		return loading_no_memory(l);
	place = (size_t)(uintptr_t)e->value;
	*kept = true;
	if (!place) {
		if (l->count == l->space) {
			size_t space = l->space ? l->space * 2 : 1024;
			struct rule **rules = realloc(l->rules, space * sizeof(struct rule *));

			if (!rules)
				return loading_no_memory(l);
			l->rules = rules;
			l->space = space;
		}
		l->rules[l->count++] = r;
		e->value = (void *)(uintptr_t)l->count;
		return true;
	}
	l->counts.duplicates++;
	if (r->rev > l->rules[place - 1]->rev)
		l->rules[place - 1] = r;
	else
		*kept = false;
	return true;
}

static bool loading_rule(struct loading *l, const struct reader *reader, const char *file)
{
	struct draft *d = l->draft;
	struct rule *r;
	uint32_t column;
	bool kept;

	d->text = arena_text(l->language.arena, reader->text, reader->len);
	if (!d->text)
		return loading_no_memory(l);
	d->text_end = d->text + reader->len;
	while (d->text_end > d->text && char_blank(d->text_end[-1]))
		d->text_end--;
	l->counts.active++;
	r = rule_read(d);
	if (!r && d->skip && !d->problem_at) {
		l->counts.skipped++;
		return true;
	}
	if (!r) {
		l->counts.refused++;
		loading_report(l, reader, file, d->problem_at, d->reason, d->advice, text_sid(d),
			       true);
		return true;
	}
	r->file = file;
	reader_place(reader, 0, &r->line, &column);
	if (!loading_identity(l, r, &kept))
		return false;
	if (!kept) {
		l->counts.refused++;
		loading_report(l, reader, file, d->text,
			       "another rule has the same gid and sid, and is not older",
			       "give one of them another sid, or the newer one a higher rev",
			       r->sid, true);
	} else if (d->warning_at) {
		loading_report(l, reader, file, d->warning_at, d->warning, "", r->sid, false);
	}
	return true;
}

static bool loading_file(void *arg, const char *path)
{
	struct loading *l = arg;
	struct reader reader;
	int err = reader_open(&reader, path);
	char *file;
	bool ok = true;

	if (err) {
		snprintf(l->error, l->error_size, "rule file %s cannot be read: %s", path,
			 strerror(-err));
		return false;
	}
	file = arena_text(l->language.arena, path, strlen(path));
	if (!file)
		ok = loading_no_memory(l);
	l->language.file = file;
	while (ok && reader_next(&reader))
		ok = loading_rule(l, &reader, file);
	reader_close(&reader);
	return ok;
}

static bool loading_pattern(struct loading *l, const char *pattern)
{
	return rule_files_each(pattern, loading_file, l, l->error, l->error_size);
}

static bool loading_reputation(struct loading *l)
{
	const struct ruleset_options *o = l->options;
	size_t bad = 0;
	char text[96];

	if (!o->reputation_categories || !*o->reputation_categories)
		return true;
	l->reputation = reputation_read(o->reputation_categories, o->reputation_files,
					o->reputation_file_count, &bad, l->error, l->error_size);
	l->language.reputation = l->reputation;
	if (bad) {
		snprintf(text, sizeof(text), "%zu lines of the reputation files are not understood", bad);
		report_add(l->report, o->reputation_categories, 1, 1, 0, false, text, "");
	}
	return l->reputation != NULL;
}

static bool loading_geoip(struct loading *l)
{
	const char *path = l->options->geoip_database;

	if (!path || !*path)
		return true;
	l->geoip = geoip_open(path, l->error, l->error_size);
	l->language.geoip = l->geoip;
	return l->geoip != NULL;
}

static bool loading_all(struct loading *l)
{
	const struct ruleset_options *o = l->options;
	const char *thresholds = o->threshold_file;

	l->language.classes = classes_new(l->language.arena, o->classification_file,
					  o->reference_file, l->error, l->error_size);
	if (!l->language.classes)
		return false;
	if (!loading_reputation(l) || !loading_geoip(l))
		return false;
	l->language.firewall = true;
	for (size_t i = 0; i < o->firewall_file_count; i++)
		if (!loading_pattern(l, o->firewall_files[i]))
			return false;
	l->language.firewall = false;
	for (size_t i = 0; i < o->file_count; i++)
		if (!loading_pattern(l, o->files[i]))
			return false;
	if (thresholds && *thresholds &&
	    thresholds_attach(l->draft, l->rules, l->count, thresholds, l->report, l->error,
			      l->error_size))
		return false;
	switch (rules_order(l->rules, l->count, o->action_order)) {
	case 0:
		break;
	case -EINVAL:
		snprintf(l->error, l->error_size,
			 "detect.action_order: \"%s\" is not a list of pass, drop, reject and alert",
			 o->action_order);
		return false;
	default:
		return loading_no_memory(l);
	}
	return true;
}

static bool loading_init(struct loading *l, const struct ruleset_options *o,
			 struct ruleset_report *report)
{
	struct arena *arena = arena_new(0);

	l->options = o;
	l->report = report;
	l->draft = calloc(1, sizeof(*l->draft));
	if (!arena || !l->draft) {
		arena_free(arena);
		return loading_no_memory(l);
	}
	l->draft->l = &l->language;
	language_init(&l->language, arena, o);
	l->language.lists = lists_new();
	if (!l->language.lists) {
		arena_free(arena);
		return loading_no_memory(l);
	}
	names_init(&l->identities, arena);
	return true;
}

static void loading_fini(struct loading *l)
{
	language_clear(&l->language);
	names_clear(&l->identities);
	if (l->draft)
		draft_clear(l->draft);
	free(l->draft);
	free(l->rules);
}

/* Names by their number. NULL when out of memory. */
static const char *const *loading_names(struct loading *l, const struct names *n)
{
	const char **list = arena_alloc(l->language.arena, (n->count + 1) * sizeof(*list));

	for (uint32_t i = 0; list && i < n->count; i++)
		list[i] = n->entries[i].text;
	return list;
}

/* The set itself, from what was read. */
static struct ruleset *loading_finish(struct loading *l)
{
	struct arena *arena = l->language.arena;
	const struct language *lang = &l->language;
	const char *const *flowbits = loading_names(l, &lang->flowbits);
	const char *const *xbits = loading_names(l, &lang->xbits);
	const char *const *hostbits = loading_names(l, &lang->hostbits);
	const char *const *flowints = loading_names(l, &lang->flowints);
	struct rule **rules = arena_alloc(arena, (l->count + 1) * sizeof(struct rule *));
	struct ruleset *set = calloc(1, sizeof(*set));

	if (!flowbits || !xbits || !hostbits || !flowints || !rules || !set) {
		loading_no_memory(l);
		free(set);
		return NULL;
	}
	if (l->count)
		memcpy(rules, l->rules, l->count * sizeof(struct rule *));
	*set = (struct ruleset){
		.rules = rules,
		.rule_count = l->count,
		.firewall = l->options->firewall,
		.flowbit_count = lang->flowbits.count,
		.xbit_count = lang->xbits.count,
		.hostbit_count = lang->hostbits.count,
		.flowint_count = lang->flowints.count,
		.flowbit_names = flowbits,
		.xbit_names = xbits,
		.hostbit_names = hostbits,
		.flowint_names = flowints,
		.lists = l->language.lists,
		.reputation = l->reputation,
		.geoip = l->geoip,
		.scripts = l->language.scripts,
		.script_count = l->language.script_count,
		.arena = arena,
	};
	while (set->firewall_count < set->rule_count &&
	       (set->rules[set->firewall_count]->flags & RULE_FIREWALL))
		set->firewall_count++;
	return set;
}

static void loading_counts(const struct loading *l, double started)
{
	struct ruleset_report *r = l->report;

	if (!r)
		return;
	r->active = l->counts.active;
	r->refused = l->counts.refused;
	r->firewall_refused = l->counts.firewall_refused;
	r->duplicates = l->counts.duplicates;
	r->skipped = l->counts.skipped;
	r->loaded = l->count;
	r->parse_seconds = seconds_now() - started;
}

/* From the files. *outside: rules refer to what is not in them. */
static struct ruleset *load_files(const struct ruleset_options *o, struct ruleset_report *report, bool *outside,
				  char *error, size_t error_size)
{
	struct loading l = {.error = error, .error_size = error_size};
	struct ruleset *set = NULL;
	double started = seconds_now();

	if (!loading_init(&l, o, report)) {
		loading_fini(&l);
		return NULL;
	}
	if (loading_all(&l))
		set = loading_finish(&l);
	loading_counts(&l, started);
	*outside = l.language.outside;
	loading_fini(&l);
	if (!set) {
		lists_free(l.language.lists);
		reputation_free(l.reputation);
		geoip_close(l.geoip);
		arena_free(l.language.arena);
		return NULL;
	}
	if (!o->parse_only && ruleset_groups_build(set, o, report, error, error_size)) {
		ruleset_free(set);
		return NULL;
	}
	return set;
}

/* Together with what is never in an image. NULL: there is none, or it could not be. */
static struct ruleset *load_image(const struct ruleset_options *o, const char *path, const struct image_key *key,
				  struct ruleset_report *report)
{
	struct loading l = {.options = o, .error = report->image_note, .error_size = sizeof(report->image_note)};
	double started = seconds_now();
	struct ruleset *set = image_load(path, key, report, report->image_note, sizeof(report->image_note));

	if (!set)
		return NULL;
	set->lists = lists_new();
	if (!set->lists || !loading_geoip(&l)) {
		ruleset_free(set);
		ruleset_report_clear(report);
		return NULL;
	}
	set->geoip = l.geoip;
	report->parse_seconds = seconds_now() - started;
	return set;
}

/* Files that changed while they were read make no image, nor do a few rules. */
static void keep_image(const struct ruleset_options *o, const char *path, const struct image_key *key,
		       const struct ruleset *set, struct ruleset_report *report)
{
	double started = seconds_now();
	struct image_key after;

	if (set->rule_count < (o->image_least ? o->image_least : RULESET_IMAGE_LEAST))
		return;
	if (image_key(o, &after) && memcmp(&after, key, sizeof(after)) == 0)
		image_store(path, key, set, report, report->image_note, sizeof(report->image_note));
	report->image_seconds = seconds_now() - started;
}

struct ruleset *ruleset_load(const struct ruleset_options *o, struct ruleset_report *report,
			     char *error, size_t error_size)
{
	struct ruleset_report nobodys = {0};
	struct ruleset_report *r = report ? report : &nobodys;
	char path[4096], note[sizeof(r->image_note)];
	struct image_key key;
	struct ruleset *set = NULL;
	bool outside = false, keep;

	*r = (struct ruleset_report){0};
	if (o->cache_dir && *o->cache_dir && !o->parse_only)
		leftovers_remove(o->cache_dir);
	keep = image_key(o, &key);
	if (keep) {
		image_path(o, path, sizeof(path));
		set = load_image(o, path, &key, r);
	}
	if (!set) {
		set = load_files(o, r, &outside, error, error_size);
		memcpy(note, r->image_note, sizeof(note));
		if (set && keep && !outside)
			keep_image(o, path, &key, set, r);
		if (!*r->image_note)
			memcpy(r->image_note, note, sizeof(note));
	}
	if (!report)
		ruleset_report_clear(&nobodys);
	return set;
}

void ruleset_free(struct ruleset *set)
{
	if (!set)
		return;
	ruleset_groups_free(set->groups);
	lists_free(set->lists);
	reputation_free(set->reputation);
	geoip_close(set->geoip);
	arena_free(set->arena);
	free(set);
}

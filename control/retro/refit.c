/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/retro/refit.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/behaviour/sigma.h"
#include "control/retro/refit_tally.h"
#include "control/retro/yara_rules.h"
#include "control/store/event_row.h"

#define CLOCK_EVERY 256 /* records between looks at the clock */
#define PROGRESS_S 0.25

struct refit {
	struct store *s;
	const struct refit_options *o;
	struct sigma_set *sigma;
	struct yara_rules *yara;
	struct sigma_state *state;
	struct tally *sigma_tally, *yara_tally; /* by rule */
	uint64_t types;                         /* records that are parsed */
	uint64_t types_seen;
	uint32_t optional_seen, optional_wanted;
	uint64_t events, unreadable, hits;
	uint64_t from_ns, to_ns; /* what is stored of the window */
	uint64_t sample_room;    /* bytes left for samples */
	double started, said;
	bool cancelled;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- rules ---- */

static bool ends(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcasecmp(name + n - m, end) == 0;
}

static bool is_yara(const char *name)
{
	return ends(name, ".yar") || ends(name, ".yara");
}

static bool is_sigma(const char *name)
{
	return ends(name, ".yml") || ends(name, ".yaml");
}

static void want_optional(void *arg, uint32_t optional)
{
	struct refit *f = arg;

	f->optional_wanted |= 1u << optional;
}

static int read_rules(struct refit *f)
{
	int err = 0;

	f->sigma = sigma_new();
	f->yara = yara_rules_new();
	if (!f->sigma || !f->yara)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->o->file_count && !err; i++) {
		const struct refit_file *file = &f->o->files[i];

		if (is_sigma(file->name))
			err = sigma_read(f->sigma, file->name, file->text, file->len);
		else if (is_yara(file->name))
			err = yara_rules_read(f->yara, file->name, file->text, file->len);
	}
	if (!err)
		err = sigma_finish(f->sigma);
	if (err)
		return err;
	f->state = sigma_state_new(f->sigma, NULL);
	f->sigma_tally = calloc(sigma_count(f->sigma) + 1, sizeof(struct tally));
	f->yara_tally = calloc(yara_rules_count(f->yara) + 1, sizeof(struct tally));
	if (!f->state || !f->sigma_tally || !f->yara_tally)
		return -ENOMEM;
	f->types = sigma_types(f->sigma);
	if (yara_rules_count(f->yara))
		f->types |= 1ull << RECORD_fileinfo;
	for (uint32_t i = 0; i < sigma_count(f->sigma); i++)
		sigma_optional(sigma_rule(f->sigma, i), want_optional, f);
	return 0;
}

/* ---- one record ---- */

static void take_hit(void *arg, const struct sigma_hit *h)
{
	struct refit *f = arg;

	f->hits++;
	tally_add(&f->sigma_tally[h->rule->index], h->ts_ns, h->event, f->o->samples,
		  &f->sample_room);
}

/* What a file record says. A hash or size of a part says nothing about the file. */
static void read_file(const json_t *event, struct yara_file *out)
{
	const json_t *info = json_object_get(event, "fileinfo");
	const char *state = json_string_value(json_object_get(info, "state"));
	const json_t *size = json_object_get(info, "size");
	bool whole = state && strcmp(state, "CLOSED") == 0 &&
		     !json_is_true(json_object_get(info, "gaps")) &&
		     !json_object_get(info, "start");

	*out = (struct yara_file){0};
	if (!whole)
		return;
	out->size_known = json_is_integer(size) && json_integer_value(size) >= 0;
	out->size = out->size_known ? (uint64_t)json_integer_value(size) : 0;
	out->hash[YARA_MD5] = json_string_value(json_object_get(info, "md5"));
	out->hash[YARA_SHA1] = json_string_value(json_object_get(info, "sha1"));
	out->hash[YARA_SHA256] = json_string_value(json_object_get(info, "sha256"));
}

static void judge_file(struct refit *f, uint64_t ts_ns, const json_t *event)
{
	struct yara_file file;

	read_file(event, &file);
	yara_rules_look(f->yara, &file);
	for (uint32_t i = 0; i < yara_rules_count(f->yara); i++) {
		struct tally *t = &f->yara_tally[i];
		enum yara_verdict v = yara_rules_judge(f->yara, i, &file);

		t->unknown += v == YARA_UNKNOWN;
		t->unhashed += v == YARA_UNKNOWN && !file.hash[0] && !file.hash[1] && !file.hash[2];
		t->looked++;
		if (v != YARA_TRUE || yara_rules_at(f->yara, i)->private_rule)
			continue;
		f->hits++;
		tally_add(t, ts_ns, event, f->o->samples, &f->sample_room);
	}
}

static void see_optional(struct refit *f, const json_t *event)
{
	uint32_t missing = f->optional_wanted & ~f->optional_seen;

	for (uint32_t i = 0; missing >> i; i++)
		if ((missing >> i & 1) && sigma_has_optional(event, i))
			f->optional_seen |= 1u << i;
}

/* Whether some optional path that was not met yet may be in the record. */
static bool may_have_optional(const struct refit *f, const struct slice *json)
{
	uint32_t missing = f->optional_wanted & ~f->optional_seen;

	for (uint32_t i = 0; missing >> i; i++) {
		const char *path = sigma_optional_rows[i].path, *point = strrchr(path, '.');
		const char *key = point ? point + 1 : path;

		if ((missing >> i & 1) && memmem(json->data, json->len, key, strlen(key)))
			return true;
	}
	return false;
}

static void take_row(struct refit *f, const struct event_row *row)
{
	enum record_type type = sigma_type(row->type.data, row->type.len);
	json_t *event;

	f->events++;
	if (type == RECORD_COUNT || !(f->types >> type & 1))
		return;
	f->types_seen |= 1ull << type;
	/* Parsing is what costs most. */
	if (!(type == RECORD_fileinfo && yara_rules_count(f->yara)) &&
	    !sigma_may_match(f->sigma, type, row->json.data, row->json.len) &&
	    !may_have_optional(f, &row->json))
		return;
	event = json_loadb(row->json.data, row->json.len, JSON_ALLOW_NUL, NULL);
	if (!event) /* numbers beyond 63 bits */
		event = json_loadb(row->json.data, row->json.len,
				   JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
	if (!event) {
		f->unreadable++;
		return;
	}
	see_optional(f, event);
	sigma_state_event(f->state, row->ts_ns, type, event, take_hit, f);
	if (type == RECORD_fileinfo)
		judge_file(f, row->ts_ns, event);
	json_decref(event);
}

/* ---- all records ---- */

static void say_progress(struct refit *f, uint64_t ts_ns)
{
	double now = now_s(), spent = now - f->started;
	struct refit_progress p = {.events = f->events, .matches = f->hits};

	f->cancelled = f->o->cancel && atomic_load_explicit(f->o->cancel, memory_order_relaxed);
	if (!f->o->progress || now - f->said < PROGRESS_S)
		return;
	f->said = now;
	if (f->to_ns > f->from_ns && ts_ns >= f->from_ns)
		p.part = (double)(ts_ns - f->from_ns) / (double)(f->to_ns - f->from_ns);
	p.part = p.part > 1 ? 1 : p.part;
	p.events_per_s = spent > 0 ? (double)f->events / spent : 0;
	p.eta_s = p.part > 0 ? spent * (1 - p.part) / p.part : 0;
	f->o->progress(f->o->arg, &p);
}

static struct store_iter *open_rows(struct refit *f, enum store_family family)
{
	uint8_t from[EVENT_KEY_BYTES], to[EVENT_KEY_BYTES];
	struct slice low = {from, event_key_from(from, f->o->since_ns)}, high = {to, 0};
	struct store_iter *it;

	if (f->o->until_ns && f->o->until_ns != UINT64_MAX)
		high.len = event_key_from(to, f->o->until_ns + 1);
	it = store_iter_new(f->s, family, NULL, &low, high.len ? &high : NULL);
	if (!it)
		return NULL;
	store_iter_last(it);
	if (store_iter_valid(it) && store_iter_key(it).len == EVENT_KEY_BYTES) {
		uint64_t ts = event_key_time(store_iter_key(it).data);

		f->to_ns = ts > f->to_ns ? ts : f->to_ns;
	}
	store_iter_first(it);
	if (store_iter_valid(it) && store_iter_key(it).len == EVENT_KEY_BYTES) {
		uint64_t ts = event_key_time(store_iter_key(it).data);

		f->from_ns = ts < f->from_ns ? ts : f->from_ns;
	}
	return it;
}

/* Of two families the one whose row comes first; NULL: both are at their end. */
static struct store_iter *earlier(struct store_iter *a, struct store_iter *b)
{
	struct slice x, y;
	int order;

	if (!store_iter_valid(a) || !store_iter_valid(b))
		return store_iter_valid(a) ? a : store_iter_valid(b) ? b : NULL;
	x = store_iter_key(a);
	y = store_iter_key(b);
	order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
	return order <= 0 ? a : b;
}

static int go_through(struct refit *f)
{
	struct store_iter *alerts, *events, *it;
	int err = -ENOMEM;

	f->from_ns = UINT64_MAX;
	alerts = open_rows(f, STORE_alert);
	events = open_rows(f, STORE_event);
	if (!alerts || !events)
		goto out;
	while (!f->cancelled && (it = earlier(alerts, events)) != NULL) {
		struct event_row row;

		if (event_read(&row, store_iter_key(it), store_iter_value(it))) {
			take_row(f, &row);
			if (f->events % CLOCK_EVERY == 1)
				say_progress(f, row.ts_ns);
		} else {
			f->unreadable++;
		}
		store_iter_next(it);
	}
	if (!f->cancelled)
		sigma_state_time(f->state, UINT64_MAX, take_hit, f);
	err = store_iter_status(alerts);
	if (!err)
		err = store_iter_status(events);
out:
	store_iter_free(alerts);
	store_iter_free(events);
	return err;
}

/* ---- the result ---- */

struct report {
	struct text not_judged;
	uint32_t rules, bad; /* rules that could not be judged */
};

static void cannot(struct report *r, const char *rule, const char *file, uint32_t line,
		   const char *reason)
{
	json_comma(&r->not_judged);
	text_char(&r->not_judged, '{');
	json_key_cstr(&r->not_judged, "rule", rule);
	json_key_cstr(&r->not_judged, "file", file);
	json_key_uint(&r->not_judged, "line", line);
	json_key_cstr(&r->not_judged, "reason", reason);
	text_char(&r->not_judged, '}');
	r->bad++;
}

struct missing {
	const struct refit *f;
	uint32_t which; /* an optional path that no record has; UINT32_MAX: none */
};

static void see_missing(void *arg, uint32_t optional)
{
	struct missing *m = arg;

	if (!(m->f->optional_seen >> optional & 1))
		m->which = optional;
}

static void report_sigma(struct refit *f, struct report *r)
{
	char reason[300];

	for (uint32_t i = 0; i < sigma_problem_count(f->sigma); i++) {
		const struct sigma_problem *p = sigma_problem(f->sigma, i);

		cannot(r, p->rule, p->file, p->line, p->reason);
		r->rules++;
	}
	r->rules += (uint32_t)sigma_problems_left_out(f->sigma);
	r->bad += (uint32_t)sigma_problems_left_out(f->sigma);
	for (uint32_t i = 0; i < sigma_count(f->sigma); i++) {
		const struct sigma_rule *rule = sigma_rule(f->sigma, i);
		struct missing m = {f, UINT32_MAX};

		r->rules++;
		if (sigma_gave_up(rule)) {
			snprintf(reason, sizeof(reason),
				 "its expression takes too long for %llu values, which were not "
				 "judged",
				 (unsigned long long)sigma_gave_up(rule));
			cannot(r, rule->title, rule->file, rule->line, reason);
			continue;
		}
		sigma_optional(rule, see_missing, &m);
		if (f->sigma_tally[i].count)
			continue;
		if (!(f->types_seen & rule->types)) {
			cannot(r, rule->title, rule->file, rule->line,
			       "there are no records of this kind in the time asked for");
		} else if (m.which != UINT32_MAX) {
			snprintf(reason, sizeof(reason),
				 "no stored record has %s (it is there when %s): cannot be judged "
				 "from what is "
				 "stored",
				 sigma_optional_rows[m.which].path,
				 sigma_optional_rows[m.which].when);
			cannot(r, rule->title, rule->file, rule->line, reason);
		}
	}
}

static void report_yara(struct refit *f, struct report *r)
{
	char reason[300];

	for (uint32_t i = 0; i < yara_rules_problem_count(f->yara); i++) {
		const struct yara_problem *p = yara_rules_problem(f->yara, i);

		cannot(r, p->rule, p->file, p->line, p->reason);
		r->rules++;
	}
	for (uint32_t i = 0; i < yara_rules_count(f->yara); i++) {
		const struct yara_rule *rule = yara_rules_at(f->yara, i);
		const struct tally *t = &f->yara_tally[i];

		r->rules++;
		if (!t->looked)
			snprintf(reason, sizeof(reason),
				 "there are no file records in the time asked for");
		else if (rule->wants_hash && t->unhashed)
			snprintf(reason, sizeof(reason),
				 "needs hashes or content: of %llu files the hashes of %llu are "
				 "not stored "
				 "(file_hashes), and contents are not kept",
				 (unsigned long long)t->looked, (unsigned long long)t->unhashed);
		else if (t->unknown)
			snprintf(reason, sizeof(reason),
				 "needs the file's content, which is not kept: %llu of %llu files "
				 "cannot be "
				 "re-judged",
				 (unsigned long long)t->unknown, (unsigned long long)t->looked);
		else
			continue;
		cannot(r, rule->name, rule->file, rule->line, reason);
	}
}

static void report_files(struct refit *f, struct report *r)
{
	for (uint32_t i = 0; i < f->o->file_count; i++) {
		if (is_sigma(f->o->files[i].name) || is_yara(f->o->files[i].name))
			continue;
		cannot(r, "", f->o->files[i].name, 1,
		       "the name ends neither in .yml or .yaml (behaviour rules) nor in .yar or "
		       ".yara");
		r->rules++;
	}
}

/* Matches of all rules as rows that can be put in order. */
static struct tally_row *rows_of(struct refit *f, uint32_t *count)
{
	uint32_t sigma = sigma_count(f->sigma), yara = yara_rules_count(f->yara), n = 0;
	struct tally_row *rows = calloc(sigma + yara + 1, sizeof(*rows));

	for (uint32_t i = 0; rows && i < sigma; i++) {
		const struct sigma_rule *rule = sigma_rule(f->sigma, i);

		if (f->sigma_tally[i].count)
			rows[n++] = (struct tally_row){.title = rule->title,
						       .id = rule->id,
						       .kind = "sigma",
						       .file = rule->file,
						       .line = rule->line,
						       .level = sigma_level_name(rule->level),
						       .order = (int)rule->level,
						       .tags = rule->tags,
						       .tag_count = rule->tag_count,
						       .tally = &f->sigma_tally[i]};
	}
	for (uint32_t i = 0; rows && i < yara; i++) {
		const struct yara_rule *rule = yara_rules_at(f->yara, i);

		if (f->yara_tally[i].count)
			rows[n++] = (struct tally_row){.title = rule->name,
						       .id = "",
						       .kind = "yara",
						       .file = rule->file,
						       .line = rule->line,
						       .level = sigma_level_name(SIGMA_HIGH),
						       .order = SIGMA_HIGH,
						       .tally = &f->yara_tally[i]};
	}
	*count = n;
	return rows;
}

static int write_result(struct refit *f, struct text *out)
{
	struct report r = {0};
	uint32_t count;
	struct tally_row *rows = rows_of(f, &count);
	char seconds[32];

	if (!rows)
		return -ENOMEM;
	report_sigma(f, &r);
	report_yara(f, &r);
	report_files(f, &r);
	text_char(out, '{');
	json_key_uint(out, "rules", r.rules);
	json_key_uint(out, "judged", r.rules - r.bad);
	json_key(out, "not_judged");
	text_char(out, '[');
	text_bytes(out, r.not_judged.data, r.not_judged.len);
	text_char(out, ']');
	json_key_uint(out, "events", f->events);
	json_key_uint(out, "unreadable", f->unreadable);
	snprintf(seconds, sizeof(seconds), "%.3f", now_s() - f->started);
	json_key(out, "seconds");
	text_str(out, seconds);
	json_key_bool(out, "cancelled", f->cancelled);
	json_key_uint(out, "left_out", sigma_state_left_out(f->state));
	json_key(out, "matches");
	tally_write(out, rows, count);
	text_char(out, '}');
	free(rows);
	out->failed |= r.not_judged.failed;
	text_free(&r.not_judged);
	return out->failed ? -ENOMEM : 0;
}

int refit_run(struct store *s, const struct refit_options *o, struct text *result)
{
	struct refit_options options = *o;
	struct refit f = {.s = s, .o = &options, .started = now_s()};
	int err = !o->file_count || o->file_count > REFIT_FILES_MAX ? -EINVAL : 0;

	f.sample_room = REFIT_SAMPLES_BYTES_MAX;
	if (!options.samples)
		options.samples = REFIT_SAMPLES_DEFAULT;
	if (!err)
		err = read_rules(&f);
	if (!err)
		err = go_through(&f);
	if (!err)
		err = write_result(&f, result);
	for (uint32_t i = 0; f.sigma_tally && i < sigma_count(f.sigma); i++)
		tally_free(&f.sigma_tally[i]);
	for (uint32_t i = 0; f.yara_tally && i < yara_rules_count(f.yara); i++)
		tally_free(&f.yara_tally[i]);
	free(f.sigma_tally);
	free(f.yara_tally);
	sigma_state_free(f.state);
	sigma_free(f.sigma);
	yara_rules_free(f.yara);
	return err;
}

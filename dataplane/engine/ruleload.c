/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/ruleload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/detect/detect.h"
#include "dataplane/engine/engine.h"
#include "dataplane/engine/clock.h"
#include "rules/ruleset.h"

#define CACHE_DIR "/var/cache/metsuke"

enum phase { IDLE, LOADING, LOADED, WAITING };

struct ruleload {
	struct engine *engine;
	uint64_t version;             /* of the newest program */
	pthread_t thread;
	_Atomic int phase;            /* enum phase; LOADING → LOADED by the helper thread */
	struct detect_program *fresh; /* what the helper thread made; NULL: it failed */
	struct ruleset_report report; /* counts only */
	char text[448];
	struct lists *lists;          /* those that outlive a reload */
	uint64_t saved_ns;            /* when they were last saved */
	const struct detect_program *old; /* waits for its grace period */
	uint64_t token;
};

struct ruleload *ruleload_new(struct engine *e)
{
	struct ruleload *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->engine = e;
	r->saved_ns = monotonic_ns();
	r->lists = lists_new();
	if (!r->lists) {
		free(r);
		return NULL;
	}
	return r;
}

/* Where compiled databases are kept, or NULL: nowhere. */
static const char *cache_dir(const struct config *c)
{
	if (c->rules_cache[0]) {
		mkdir(c->rules_cache, 0755);
		return c->rules_cache;
	}
	mkdir(CACHE_DIR, 0755);
	return access(CACHE_DIR, W_OK) == 0 ? CACHE_DIR : NULL;
}

static const char *const *texts(char **items)
{
	return (const char *const *)items;
}

static struct lists_options lists_of(const struct config *c, struct lists *kept)
{
	return (struct lists_options){
		.dir = c->lists_dir,
		.state_dir = c->lists_state_dir,
		.folders = texts(c->lists_folders.items),
		.folder_count = c->lists_folders.count,
		.no_write = !c->lists_allow_write,
		.memcap = c->lists_memcap,
		.hashsize = (uint32_t)c->lists_hashsize,
		.set_keys = texts(c->lists_sets.keys),
		.set_values = texts(c->lists_sets.values),
		.set_count = c->lists_sets.count,
		.kept = kept,
	};
}

static struct ruleset_options options_of(const struct config *c, struct lists *kept)
{
	return (struct ruleset_options){
		.files = texts(c->rules.items),
		.file_count = c->inspection ? c->rules.count : 0,
		.firewall = c->firewall_enabled,
		.firewall_files = texts(c->firewall_files.items),
		.firewall_file_count = c->firewall_enabled ? c->firewall_files.count : 0,
		.variables = {
			.address_names = texts(c->address_vars.keys),
			.address_values = texts(c->address_vars.values),
			.address_count = c->address_vars.count,
			.port_names = texts(c->port_vars.keys),
			.port_values = texts(c->port_vars.values),
			.port_count = c->port_vars.count,
		},
		.classification_file = c->classification,
		.reference_file = c->reference_file,
		.threshold_file = c->threshold_file,
		.action_order = c->action_order,
		.lists = lists_of(c, kept),
		.reputation_categories = c->reputation_categories,
		.reputation_files = texts(c->reputation_files.items),
		.reputation_file_count = c->reputation_files.count,
		.geoip_database = c->geoip_database,
		.script_dir = c->lua_dir,
		.no_scripts = !c->lua_enabled,
		.no_ja4 = !config_map_bool(&c->app, "tls.ja4-fingerprints",
					   config_map_bool(&c->app, "tls.ja4_fingerprints", true)),
		.cache_dir = cache_dir(c),
		.every_database = c->rules_sieve == AUTO_NO || c->rules_databases,
		.in_the_wire = c->mode == MODE_INLINE,
	};
}

/* The sentence for a set that was refused as a whole because of one rule: of the firewall, always. */
static int strict_refusal(const struct ruleset_report *report, bool firewall, char *text, size_t size)
{
	for (size_t i = 0; i < report->problem_count; i++) {
		const struct ruleset_problem *p = &report->problems[i];

		if (!p->refused || p->firewall != firewall)
			continue;
		if (firewall) {
			snprintf(text, size, "%s:%u:%u: firewall rule %u cannot be loaded: %s; %s", p->file, p->line,
				 p->column, p->sid, p->reason, p->advice);
			return -EINVAL;
		}
		snprintf(text, size, "%zu of %zu rules cannot be loaded and detect.strict is set; "
			 "the first is %s:%u:%u: %s", report->refused, report->active, p->file,
			 p->line, p->column, p->reason);
		return -EINVAL;
	}
	return 0;
}

/* Says each problem once, for the person who started us; of remarks those on lines that are left out as a whole. */
static void tell_problems(const struct ruleset_report *report, const char *threshold_file)
{
	for (size_t i = 0; i < report->problem_count; i++) {
		const struct ruleset_problem *p = &report->problems[i];

		if (!p->refused && strcmp(p->file, threshold_file) == 0)
			fprintf(stderr, "metsuke: %s:%u: the line is left out: %s\n", p->file, p->line, p->reason);
		if (!p->refused)
			continue;
		fprintf(stderr, "metsuke: %s:%u:%u: rule %u refused: %s%s%s\n", p->file, p->line,
			p->column, p->sid, p->reason, p->advice && p->advice[0] ? "; " : "",
			p->advice ? p->advice : "");
	}
}

/* The same for rules that the language knows and the engine cannot judge (a protocol without a
 * parser); they count as refused. */
static void take_refusals(const struct detect_program *program, struct ruleset_report *report,
			  bool tell)
{
	const struct detect_refusal *list;
	size_t count = detect_program_refusals(program, &list);

	for (size_t i = 0; i < count && tell; i++)
		fprintf(stderr, "metsuke: %s:%u: rule %u refused: %s\n",
			list[i].file ? list[i].file : "", list[i].line, list[i].sid,
			list[i].reason);
	report->refused += count;
	report->loaded -= count < report->loaded ? count : report->loaded;
}

/* Makes a program from the files; NULL and r->text. */
static struct detect_program *load(struct ruleload *r, bool tell)
{
	const struct config *c = r->engine->config;
	struct ruleset_options options = options_of(c, r->lists);
	struct ruleset_report report = {0};
	struct detect_program *program = NULL;
	struct ruleset *set;

	if (c->firewall_enabled && c->mode != MODE_INLINE) {
		snprintf(r->text, sizeof(r->text), "firewall.enabled needs mode: inline: a tap lets nothing through or not");
		return NULL;
	}
	if (c->firewall_enabled && !c->inspection) {
		snprintf(r->text, sizeof(r->text), "firewall.enabled needs inspection: yes: without it no rule is asked");
		return NULL;
	}
	set = ruleset_load(&options, &report, r->text, sizeof(r->text));
	if (set && *report.image_note)
		fprintf(stderr, "metsuke: %s\n", report.image_note);
	if (set && tell)
		tell_problems(&report, c->threshold_file);
	if (set && (strict_refusal(&report, true, r->text, sizeof(r->text)) != 0 ||
		    (c->rules_strict && strict_refusal(&report, false, r->text, sizeof(r->text)) != 0)))
		ruleset_free(set);
	else if (set)
		program = detect_program_new(c, set, r->version + 1, r->text, sizeof(r->text));
	if (program && c->rules_profile && detect_program_profile(program, r->engine->lane_count) != 0)
		fprintf(stderr, "metsuke: there is no memory to profile the rules\n");
	if (program)
		take_refusals(program, &report, tell);
	r->report = report;
	r->report.problems = NULL;
	ruleset_report_clear(&report);
	if (program)
		snprintf(r->text, sizeof(r->text), "%zu rules loaded, %zu refused, %zu skipped",
			 r->report.loaded, r->report.refused, r->report.skipped);
	return program;
}

static void publish(struct ruleload *r, struct detect_program *program)
{
	struct dataplane_status *st = &r->engine->shared->status;

	r->old = atomic_load(&r->engine->program);
	atomic_store_explicit(&r->engine->program, program, memory_order_release);
	r->version++;
	st->rules_active = r->report.active;
	st->rules_loaded = r->report.loaded;
	st->rules_refused = r->report.refused;
	st->rules_skipped = r->report.skipped;
	__atomic_store_n(&st->ruleset_version, r->version, __ATOMIC_RELEASE);
}

int ruleload_first(struct ruleload *r)
{
	struct detect_program *program;

	r->version = r->engine->shared->status.ruleset_version;
	program = load(r, r->engine->boot->purpose == BOOT_LIVE || r->engine->boot->purpose == BOOT_CHECK);
	if (!program) {
		engine_error(r->engine, "%s", r->text);
		return -EINVAL;
	}
	publish(r, program);
	return 0;
}

static void *load_main(void *arg)
{
	struct ruleload *r = arg;

	r->fresh = load(r, false);
	atomic_store_explicit(&r->phase, LOADED, memory_order_release);
	return NULL;
}

int ruleload_start(struct ruleload *r)
{
	int err;

	if (atomic_load(&r->phase) != IDLE)
		return -EBUSY;
	atomic_store(&r->phase, LOADING);
	err = pthread_create(&r->thread, NULL, load_main, r);
	if (err)
		atomic_store(&r->phase, IDLE);
	return -err;
}

/* What rules have put into lists, onto disk. Not while a load reads and extends them. */
static void lists_keep(struct ruleload *r, bool last)
{
	uint64_t interval_ns = r->engine->config->lists_save_interval * 1000000000u;
	char error[512];

	if (!last && (!interval_ns || monotonic_ns() - r->saved_ns < interval_ns))
		return;
	r->saved_ns = monotonic_ns();
	if (lists_save(r->lists, error, sizeof(error)))
		engine_error(r->engine, "%s", error);
}

bool ruleload_poll(struct ruleload *r, int *status, uint64_t *version, char *text, size_t size)
{
	int phase = atomic_load_explicit(&r->phase, memory_order_acquire);

	if (phase == IDLE)
		lists_keep(r, false);
	if (phase == LOADED) {
		pthread_join(r->thread, NULL);
		if (r->fresh) {
			publish(r, r->fresh);
			r->token = rte_rcu_qsbr_start(r->engine->rcu);
			phase = WAITING;
			atomic_store(&r->phase, phase);
		}
	}
	if (phase == IDLE || phase == LOADING ||
	    (phase == WAITING && rte_rcu_qsbr_check(r->engine->rcu, r->token, false) != 1))
		return false;
	if (r->old)
		detect_program_free((struct detect_program *)(uintptr_t)r->old);
	r->old = NULL;
	*status = r->fresh ? 0 : -EINVAL;
	*version = r->version;
	snprintf(text, size, "%s", r->text);
	r->fresh = NULL;
	atomic_store(&r->phase, IDLE);
	return true;
}

void ruleload_free(struct ruleload *r)
{
	const struct detect_program *program;

	if (!r)
		return;
	if (atomic_load(&r->phase) == LOADING || atomic_load(&r->phase) == LOADED) {
		pthread_join(r->thread, NULL);
		if (r->fresh)
			detect_program_free(r->fresh);
	}
	if (r->old)
		detect_program_free((struct detect_program *)(uintptr_t)r->old);
	program = atomic_exchange(&r->engine->program, NULL);
	if (program)
		detect_program_free((struct detect_program *)(uintptr_t)program);
	lists_keep(r, true);
	lists_free(r->lists);
	free(r);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke rules test: the engine over a capture, with a trace of one rule. The output of that run
 * goes to a folder of its own, which is taken away again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/event/trace.h"
#include "rules/compile/groups.h"
#include "rules/describe.h"
#include "tools/metsuke/inspect.h"
#include "tools/metsuke/rules_set.h"

#define SETS_MAX 256
#define SUMMARY_BYTES 2048
#define STEPS_SHOWN 20

struct test {
	const struct rule *rule;
	char literal[160]; /* as in a content; "": the rule has none */
	const char *buffer;
	struct trace_shared *trace;
	char summary[SUMMARY_BYTES];
};

static const char *const head_texts[TRACE_HEAD_COUNT] = {
#define TRACE_HEAD(name, text) [TRACE_HEAD_##name] = text,
	TRACE_HEADS
#undef TRACE_HEAD
};

static const char *const head_names[TRACE_HEAD_COUNT] = {
	[TRACE_HEAD_holds] = "holds",
#define TRACE_HEAD(name, text) [TRACE_HEAD_##name] = #name,
	TRACE_HEADS
#undef TRACE_HEAD
};

static const char *const kind_names[] = {"literal not there", "literal misplaced", "failed",
					 "open",	      "matched",	   "alert",
					 "no alert"};

/* ---- one step ---- */

static void ends_text(const struct trace_step *s, char *out, size_t size)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
	bool ports = s->ip_proto == 6 || s->ip_proto == 17 || s->ip_proto == 132;

	if (!s->ip_version)
		snprintf(out, size, "no IP");
	else if (ports)
		snprintf(out, size, "%s:%u -> %s:%u", addr_format(&s->src, s->ip_version, src), s->sport,
			 addr_format(&s->dst, s->ip_version, dst), s->dport);
	else
		snprintf(out, size, "%s -> %s", addr_format(&s->src, s->ip_version, src),
			 addr_format(&s->dst, s->ip_version, dst));
}

static void where_text(const struct trace_step *s, char *out, size_t size)
{
	const char *direction = s->direction ? "to client" : "to server";

	if (s->where == TRACE_TX)
		snprintf(out, size, "%s%stransaction %" PRIu64 ", %s", s->app, *s->app ? " " : "", s->tx_id,
			 direction);
	else if (s->where == TRACE_FRAME)
		snprintf(out, size, "%s%sframe, %s", s->app, *s->app ? " " : "", direction);
	else
		snprintf(out, size, "%s", s->where == TRACE_STREAM      ? "stream"
					  : s->where == TRACE_ADDRESSES ? "addresses"
									: "packet");
}

static void time_text(uint64_t ns, char *out, size_t size)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, size - n, ".%06uZ", (unsigned)(ns / 1000u % 1000000u));
}

static void step_print(const struct trace_step *s)
{
	char ends[128], where[96], when[48], bytes[512];

	ends_text(s, ends, sizeof(ends));
	where_text(s, where, sizeof(where));
	time_text(s->ts_ns, when, sizeof(when));
	printf("packet %" PRIu64 "  %s  %s  %s\n", s->packet, when, ends, where);
	if (s->kind == TRACE_MATCHED)
		printf("  matches: all %u conditions hold\n", s->total);
	else if (s->kind == TRACE_ALERTED)
		puts("  alert written");
	else if (s->kind == TRACE_HIDDEN)
		printf("  no alert: %s\n", s->why);
	else if (s->total)
		printf("  %u of %u conditions hold; %s:\n", s->held, s->total,
		       s->kind == TRACE_OPEN ? "not yet" : "then not");
	if (s->kind > TRACE_OPEN)
		return;
	if (*s->buffer && strcmp(s->buffer, s->condition) != 0)
		printf("    %s: %s\n", s->buffer, s->condition);
	else
		printf("    %s\n", s->condition);
	printf("    %s\n", s->why);
	if (s->excerpt_len)
		printf("    %" PRIu64 " bytes, from %" PRIu64 ": \"%s\"\n", s->buffer_len, s->excerpt_at,
		       bytes_describe(s->excerpt, s->excerpt_len, bytes, sizeof(bytes)));
}

static json_t *step_json(const struct trace_step *s)
{
	char src[ADDR_TEXT_MAX] = "", dst[ADDR_TEXT_MAX] = "", where[96], when[48], bytes[512];
	json_t *o;

	if (s->ip_version) {
		addr_format(&s->src, s->ip_version, src);
		addr_format(&s->dst, s->ip_version, dst);
	}
	where_text(s, where, sizeof(where));
	time_text(s->ts_ns, when, sizeof(when));
	o = json_pack("{s:I s:s s:s s:s s:i s:s s:i s:s s:I s:i s:i}", "packet", (json_int_t)s->packet,
		      "timestamp", when, "result", kind_names[s->kind], "src_ip", src, "src_port",
		      (int)s->sport, "dest_ip", dst, "dest_port", (int)s->dport, "where", where, "flow_id",
		      (json_int_t)s->flow_id, "held", (int)s->held, "conditions", (int)s->total);
	if (s->kind == TRACE_HIDDEN)
		json_object_set_new(o, "why", json_string(s->why));
	if (s->kind > TRACE_OPEN)
		return o;
	json_object_set_new(o, "buffer", json_string(s->buffer));
	json_object_set_new(o, "condition", json_string(s->condition));
	json_object_set_new(o, "why", json_string(s->why));
	if (s->buffer_len) {
		json_object_set_new(o, "buffer_bytes", json_integer((json_int_t)s->buffer_len));
		json_object_set_new(o, "excerpt_at", json_integer((json_int_t)s->excerpt_at));
		json_object_set_new(o, "excerpt",
				    json_string(bytes_describe(s->excerpt, s->excerpt_len, bytes,
							       sizeof(bytes))));
	}
	return o;
}

/* ---- the summary ---- */

static void matched_summary(struct test *t)
{
	const struct trace_shared *r = t->trace;
	size_t n = (size_t)snprintf(t->summary, sizeof(t->summary),
				    "matched %" PRIu64 " time%s: %" PRIu64 " alert%s written", r->matched,
				    r->matched == 1 ? "" : "s", r->alerted, r->alerted == 1 ? "" : "s");

	for (uint32_t i = 0; r->hidden && i < r->step_count; i++) {
		if (r->steps[i].kind != TRACE_HIDDEN)
			continue;
		snprintf(t->summary + n, sizeof(t->summary) - n, ", %" PRIu64 " not (%s)", r->hidden,
			 r->steps[i].why);
		break;
	}
}

/* No packet fits the head: what most of them do not fit. */
static void head_summary(struct test *t)
{
	const struct trace_shared *r = t->trace;
	unsigned most = 1;

	for (unsigned i = 2; i < TRACE_HEAD_COUNT; i++)
		if (r->head[i] > r->head[most])
			most = i;
	snprintf(t->summary, sizeof(t->summary),
		 "did not match: none of the %" PRIu64 " packets fits the rule's head; %" PRIu64
		 " fail at %s", r->packets, r->head[most], head_texts[most]);
}

static void best_text(const struct trace_step *b, char *out, size_t size)
{
	snprintf(out, size, "packet %" PRIu64 ", where %u of %u conditions held and then not %s%s%s (%s)",
		 b->packet, b->held, b->total, *b->buffer && strcmp(b->buffer, b->condition) ? b->buffer : "",
		 *b->buffer && strcmp(b->buffer, b->condition) ? " " : "", b->condition, b->why);
}

static void unmatched_summary(struct test *t)
{
	const struct trace_shared *r = t->trace;
	char best[900];

	if (r->hits && r->hits == r->headless && !r->misplaced) {
		snprintf(t->summary, sizeof(t->summary),
			 "did not match: the prefilter literal \"%s\" was found in %" PRIu64
			 " packet%s, but none of them fits the rule's head: %s", t->literal, r->hits,
			 r->hits == 1 ? "" : "s", r->best.why);
	} else if (r->hits > r->headless || (r->hits && !r->misplaced)) {
		best_text(&r->best, best, sizeof(best));
		if (*t->literal)
			snprintf(t->summary, sizeof(t->summary),
				 "did not match: in %" PRIu64 " packet%s the prefilter literal \"%s\" was "
				 "found in %s; the furthest that it got: %s", r->hits,
				 r->hits == 1 ? "" : "s", t->literal, t->buffer, best);
		else
			snprintf(t->summary, sizeof(t->summary),
				 "did not match: it has no literal and was tried on %" PRIu64
				 " packet%s; the furthest that it got: %s", r->hits, r->hits == 1 ? "" : "s",
				 best);
	} else if (!r->packets) {
		snprintf(t->summary, sizeof(t->summary), "did not match: no packet of the capture came to "
			 "the rules");
	} else if (!r->head[TRACE_HEAD_holds]) {
		head_summary(t);
	} else if (r->misplaced) {
		snprintf(t->summary, sizeof(t->summary),
			 "did not match: the prefilter literal \"%s\" was found %" PRIu64
			 " time%s in %s, but %s", t->literal, r->misplaced, r->misplaced == 1 ? "" : "s",
			 t->buffer, strchr(r->best.why, ',') ? strchr(r->best.why, ',') + 2
							     : "elsewhere than asked for");
	} else if (*t->literal) {
		snprintf(t->summary, sizeof(t->summary),
			 "did not match: %" PRIu64 " of %" PRIu64 " packets fit the rule's head, but its "
			 "prefilter literal \"%s\" was never found in %s", r->head[TRACE_HEAD_holds],
			 r->packets, t->literal, t->buffer);
	} else {
		snprintf(t->summary, sizeof(t->summary),
			 "did not match: %" PRIu64 " of %" PRIu64 " packets fit the rule's head, but nothing "
			 "that it looks at was there", r->head[TRACE_HEAD_holds], r->packets);
	}
}

static void summarise(struct test *t)
{
	const struct trace_shared *r = t->trace;
	size_t n;

	if (!r->found)
		snprintf(t->summary, sizeof(t->summary), "cannot match: %s",
			 *r->refusal ? r->refusal : "the engine did not come so far as to load it");
	else if (r->matched)
		matched_summary(t);
	else
		unmatched_summary(t);
	n = strlen(t->summary);
	if (r->passed)
		snprintf(t->summary + n, sizeof(t->summary) - n,
			 "; %" PRIu64 " packets belong to flows that a rule let pass: no rule saw them",
			 r->passed);
}

/* ---- all of it ---- */

static void test_json(const struct test *t, size_t limit)
{
	const struct trace_shared *r = t->trace;
	json_t *steps = json_array(), *head = json_object(), *o;

	for (uint32_t i = 0; i < r->step_count && (!limit || i < limit); i++)
		json_array_append_new(steps, step_json(&r->steps[i]));
	for (unsigned i = 0; i < TRACE_HEAD_COUNT; i++)
		if (r->head[i])
			json_object_set_new(head, head_names[i], json_integer((json_int_t)r->head[i]));
	o = json_pack("{s:I s:I s:s s:b s:s s:s s:s s:I s:o s:I s:I s:I s:I s:I s:o}", "gid",
		      (json_int_t)t->rule->gid, "sid", (json_int_t)t->rule->sid, "msg", t->rule->msg, "matched",
		      r->matched > 0, "summary", t->summary, "literal", t->literal, "literal_buffer", t->buffer,
		      "packets", (json_int_t)r->packets, "head", head, "hits", (json_int_t)r->hits, "misplaced",
		      (json_int_t)r->misplaced, "matches", (json_int_t)r->matched, "alerts",
		      (json_int_t)r->alerted, "steps_lost", (json_int_t)r->lost, "steps", steps);
	if (r->best_set && !r->matched)
		json_object_set_new(o, "furthest", step_json(&r->best));
	cli_print_json(o);
	json_decref(o);
}

/* Where the literal was not is of interest as long as it was nowhere. */
static bool step_shown(const struct trace_shared *r, const struct trace_step *s)
{
	return s->kind != TRACE_UNHIT || !r->hits;
}

static void test_print(const struct test *t, size_t limit)
{
	const struct trace_shared *r = t->trace;
	size_t shown = 0, all = 0;

	printf("%u:%u rev %u  %s\n", t->rule->gid, t->rule->sid, t->rule->rev, t->rule->msg);
	if (*t->literal)
		printf("  found by \"%s\" in %s\n\n", t->literal, t->buffer);
	else
		printf("  has no literal: tried always\n\n");
	for (uint32_t i = 0; i < r->step_count; i++) {
		if (!step_shown(r, &r->steps[i]))
			continue;
		all++;
		if (limit && shown == limit)
			continue;
		step_print(&r->steps[i]);
		shown++;
	}
	if (shown < all || r->lost)
		printf("… %" PRIu64 " more steps (--limit 0 shows all%s)\n", all - shown + r->lost,
		       r->lost ? " that were kept" : "");
	printf("%s%s\n", all ? "\n" : "", t->summary);
}

/* Nothing of the run itself is wanted. */
static int run_config(struct config *c, const char *folder)
{
	static const char *const off[] = {"eve.enabled", "store.events", "contacts.enabled", "fast_log.enabled"};
	char error[512];
	int err = 0;

	for (size_t i = 0; i < sizeof(off) / sizeof(*off) && !err; i++)
		err = config_set(c, off[i], "no", error, sizeof(error));
	if (err) {
		fprintf(stderr, "metsuke: %s\n", error);
		return EXIT_FAILED;
	}
	return inspect_settle(c, folder, "1", NULL, 0);
}

static int run_traced(struct config *c, char *capture, struct test *t)
{
	char folder[] = "/tmp/metsuke-test-XXXXXX";
	struct inspection in = {.started = inspect_now_s(), .rule_stats_fd = -1};
	int status;

	in.trace_fd = trace_create(t->rule->gid, t->rule->sid);
	t->trace = in.trace_fd >= 0 ? trace_attach(in.trace_fd) : NULL;
	if (!t->trace || !mkdtemp(folder)) {
		fprintf(stderr, "metsuke: no room for the trace: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	in.output = folder;
	status = run_config(c, folder);
	if (!status)
		status = inspect_run(c, &in, 1, &capture);
	if (!status && in.status.captures_failed) {
		fprintf(stderr, "metsuke: %s\n", in.status.error);
		status = EXIT_FAILED;
	}
	inspect_remove(folder);
	close(in.trace_fd);
	return status;
}

static void literal_note(struct test *t)
{
	struct group_prefilter p = group_prefilter_choose(t->rule);

	t->buffer = p.buffer ? p.buffer->name : "";
	if (p.buffer)
		bytes_describe(p.literal.data, p.literal.len, t->literal, sizeof(t->literal));
}

static int test_run(struct config *c, const char *id, char *capture, size_t limit)
{
	struct ruleset_report report = {0};
	struct ruleset *set = rules_set_read(c, &report);
	struct test t = {.rule = set ? rules_set_find(set, &report, id) : NULL};
	int status = t.rule ? inspect_readable(1, &capture) : EXIT_FAILED;

	if (!status) {
		literal_note(&t);
		status = run_traced(c, capture, &t);
	}
	if (!status) {
		summarise(&t);
		if (cli_json)
			test_json(&t, limit);
		else
			test_print(&t, limit);
	}
	trace_detach(t.trace);
	if (set)
		ruleset_report_clear(&report);
	ruleset_free(set);
	return status;
}

int command_rules_test(const struct cli_command *self, int argc, char **argv)
{
	const char *sets[SETS_MAX], *firewall[SETS_MAX];
	struct cli_option o[] = {{"--config", 'c', true, NULL, NULL, 0, 0},
				 {"--set", 0, true, NULL, sets, SETS_MAX, 0},
				 {"--limit", 'n', true, NULL, NULL, 0, 0},
				 {"--firewall-rules", 0, true, NULL, firewall, SETS_MAX, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};
	int count = cli_parse(self, o, argc, argv), status;
	struct config *c;

	if (count < 2)
		return count < 0 ? EXIT_USAGE : cli_usage(self);
	c = config_new();
	status = c ? cli_config(c, o[0].value, sets, o[1].count) : EXIT_FAILED;
	if (!status)
		status = rules_set_firewall(c, firewall, o[3].count);
	if (!status)
		status = rules_set_files(c, argv + 2, count - 2);
	if (!status)
		status = test_run(c, argv[0], argv[1],
				  o[2].value ? strtoul(o[2].value, NULL, 10)
				  : cli_json ? 0
					     : STEPS_SHOWN);
	config_free(c);
	return status;
}

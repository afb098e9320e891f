/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ways of searching for a group's literals find the same: masks, bitmap, Hyperscan; all of a window of a growing
 * buffer, or what is new and what was kept of the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataplane/detect/detect.h"
#include "dataplane/detect/kept.h"
#include "dataplane/detect/scan.h"
#include "rules/ruleset.h"
#include "tests/unit/detect/fake.h"

#define RULES 700
#define RUNS 3000
#define RUN_BYTES_MAX 700

static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % below;
}

/* Few letters, so that much is found. */
static uint8_t letter(void)
{
	static const uint8_t letters[] = "abcdefABCDEF<>/=\xe1\x80";

	return draw(8) ? letters[draw(sizeof(letters) - 1)] : (uint8_t)(draw(2) ? 0 : draw(256));
}

/* Some rules have the literal of the one before. places: which may have to stand elsewhere. */
static struct ruleset *rules_of(unsigned count, bool places)
{
	uint8_t text[16];
	unsigned len = 0;
	char path[] = "/tmp/metsuke-rules-XXXXXX", error[512] = "";
	const char *files[] = {path};
	struct ruleset_options o = {.files = files, .file_count = 1, .every_database = true};
	FILE *f = fdopen(mkstemp(path), "w");
	struct ruleset *set;

	for (unsigned i = 0; i < count; i++) {
		if (i == 0 || draw(5)) {
			len = i % 20 ? 3 + draw(14) : 1 + draw(2);
			for (unsigned k = 0; k < len; k++)
				text[k] = letter();
		}
		fprintf(f, "alert udp any any -> any any (content:\"|");
		for (unsigned k = 0; k < len; k++)
			fprintf(f, "%02x ", text[k]);
		fprintf(f, "|\"; %s ", draw(2) ? "nocase;" : "");
		if (places && draw(4) == 0)
			fprintf(f, "offset:%u; ", draw(200));
		fprintf(f, "sid:%u;)\n", i + 1);
	}
	fclose(f);
	set = ruleset_load(&o, NULL, error, sizeof(error));
	unlink(path);
	if (!set)
		fail_msg("%s", error);
	return set;
}

/* The candidates of a run in order. */
static uint32_t found_at(struct worker *w, const uint8_t *data, uint32_t len, uint32_t fresh, uint64_t base, uint32_t *out)
{
	const struct ruleset_groups *g = w->detect->program->groups;
	uint32_t n;

	scan_group_from(w, path_ports_of(&g->packet[GROUP_UDP][0], PATH_OUTSIDE)->wide, data, len, fresh, base, true);
	candidates_sort(w->detect);
	n = w->detect->candidate_count;
	memcpy(out, w->detect->candidates, n * sizeof(*out));
	candidates_clear(w->detect);
	return n;
}

static uint32_t found(struct worker *w, const uint8_t *data, uint32_t len, uint32_t fresh, uint32_t *out)
{
	return found_at(w, data, len, fresh, 0, out);
}

struct bench {
	struct counters counters;
	struct worker w;
	struct detect_program *program;
};

static void bench_open(struct bench *b, unsigned rules, bool places)
{
	char error[512];

	memset(b, 0, sizeof(*b));
	memset(&fake, 0, sizeof(fake));
	b->w = (struct worker){.counters = &b->counters, .config = config_new()};
	assert_int_equal(heap_init(&b->w.heap, 1 << 20), 0);
	assert_int_equal(detect_worker_new(&b->w), 0);
	b->program = detect_program_new(b->w.config, rules_of(rules, places), 1, error, sizeof(error));
	assert_non_null(b->program);
	detect_worker_use(&b->w, b->program);
}

static void bench_close(struct bench *b)
{
	detect_worker_free(&b->w);
	detect_program_free(b->program);
	config_free((struct config *)b->w.config);
	assert_int_equal(b->w.heap.used_bytes, 0);
	heap_fini(&b->w.heap);
}

static void alike(unsigned rules)
{
	struct bench b;
	uint32_t *one = calloc(rules, sizeof(*one)), *other = calloc(rules, sizeof(*other));
	uint64_t sum = 0;

	bench_open(&b, rules, true);
	for (unsigned i = 0; i < RUNS; i++) {
		uint32_t len = draw(draw(4) ? 150 : RUN_BYTES_MAX), fresh = len && draw(3) == 0 ? draw(len) : 0, n;
		uint8_t *data = malloc(len ? len : 1); /* of just its size: a read beyond it is seen */

		for (uint32_t k = 0; k < len; k++)
			data[k] = letter();
		b.w.detect->sieve = SIEVE_KINDS;
		n = found(&b.w, data, len, fresh, one);
		for (enum sieve_kind kind = sieve_kind_possible(); kind < SIEVE_KINDS; kind++) {
			b.w.detect->sieve = kind;
			assert_int_equal(found(&b.w, data, len, fresh, other), n);
			assert_memory_equal(one, other, n * sizeof(*one));
		}
		sum += n;
		free(data);
	}
	assert_true(sum > RUNS / 10);
	bench_close(&b);
	free(one);
	free(other);
}

/* ---- growing buffers ---- */

static uint32_t found_again(struct worker *w, struct kept **list, const struct buffer_view *view, uint32_t *out)
{
	const struct pattern_group *g = path_ports_of(&w->detect->program->groups->packet[GROUP_UDP][0], PATH_OUTSIDE)->wide;
	uint32_t fresh, from, n;

	w->detect->kept = kept_get(w, list, 3, view);
	assert_non_null(w->detect->kept);
	fresh = kept_show(w->detect, w->detect->kept, view);
	from = scan_begin(g, fresh);
	scan_group_from(w, g, view->data + from, view->len - from, fresh - from, view->offset + from, false);
	w->detect->kept = NULL;
	candidates_sort(w->detect);
	n = w->detect->candidate_count;
	memcpy(out, w->detect->candidates, n * sizeof(*out));
	candidates_clear(w->detect);
	return n;
}

/* Windows of one body, one after the other: of 20 rules all hits are kept, of 700 often too many to be. */
static void body_windows(struct bench *b, uint64_t source, uint32_t *one, uint32_t *other)
{
	static uint8_t body[4000];
	struct kept *list = NULL;
	uint32_t end = 0, start = 0;

	for (uint32_t k = 0; k < sizeof(body); k++)
		body[k] = letter();
	while (end < sizeof(body)) {
		struct buffer_view view = {.source = source};
		uint32_t n;

		end += draw(700);
		if (end > sizeof(body))
			end = sizeof(body);
		start += draw(end - start + 1) / (1 + draw(8));
		view.data = body + start;
		view.len = end - start;
		view.offset = start;
		n = found_at(&b->w, view.data, view.len, 0, start, one);
		assert_int_equal(found_again(&b->w, &list, &view, other), n);
		assert_memory_equal(one, other, n * sizeof(*one));
	}
	kept_free(&b->w, &list);
}

static void growing(unsigned rules)
{
	uint32_t *one = calloc(rules, sizeof(*one)), *other = calloc(rules, sizeof(*other));
	struct bench b;

	/* Where old bytes are shown a place is counted in two ways: more may be found, which the rule then refuses. */
	bench_open(&b, rules, false);
	for (unsigned i = 0; i < 200; i++)
		body_windows(&b, i + 1, one, other);
	bench_close(&b);
	free(one);
	free(other);
}

static void growing_few(void **state)
{
	(void)state;
	growing(20);
}

static void growing_many(void **state)
{
	(void)state;
	growing(RULES);
}

static void few(void **state)
{
	(void)state;
	alike(20);
}

/* Masks of short runs, Hyperscan for others. */
static void very_many(void **state)
{
	(void)state;
	alike(2 * RULES);
}

static void many(void **state)
{
	(void)state;
	alike(RULES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(few), cmocka_unit_test(many), cmocka_unit_test(very_many), cmocka_unit_test(growing_few),
					   cmocka_unit_test(growing_many)};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ways of searching for a group's literals find the same: masks, bitmap, Hyperscan.
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

static struct ruleset *rules_of(unsigned count)
{
	char path[] = "/tmp/metsuke-rules-XXXXXX", error[512] = "";
	const char *files[] = {path};
	struct ruleset_options o = {.files = files, .file_count = 1};
	FILE *f = fdopen(mkstemp(path), "w");
	struct ruleset *set;

	for (unsigned i = 0; i < count; i++) {
		unsigned len = i % 20 ? 3 + draw(14) : 1 + draw(2);

		fprintf(f, "alert udp any any -> any any (content:\"|");
		for (unsigned k = 0; k < len; k++)
			fprintf(f, "%02x ", letter());
		fprintf(f, "|\"; %s sid:%u;)\n", draw(2) ? "nocase;" : "", i + 1);
	}
	fclose(f);
	set = ruleset_load(&o, NULL, error, sizeof(error));
	unlink(path);
	if (!set)
		fail_msg("%s", error);
	return set;
}

/* The candidates of a run in order. */
static uint32_t found(struct worker *w, const uint8_t *data, uint32_t len, uint32_t fresh, uint32_t *out)
{
	const struct ruleset_groups *g = w->detect->program->groups;
	uint32_t n;

	scan_group_from(w, g->packet[GROUP_UDP][0].wide, data, len, fresh, 0, true);
	candidates_sort(w->detect);
	n = w->detect->candidate_count;
	memcpy(out, w->detect->candidates, n * sizeof(*out));
	candidates_clear(w->detect);
	return n;
}

static void alike(unsigned rules)
{
	struct counters counters = {0};
	struct worker w = {.counters = &counters, .config = config_new()};
	struct detect_program *program;
	uint32_t *one = calloc(rules, sizeof(*one)), *other = calloc(rules, sizeof(*other));
	uint64_t sum = 0;
	char error[512];

	memset(&fake, 0, sizeof(fake));
	assert_int_equal(heap_init(&w.heap, 1 << 20), 0);
	assert_int_equal(detect_worker_new(&w), 0);
	program = detect_program_new(w.config, rules_of(rules), 1, error, sizeof(error));
	assert_non_null(program);
	detect_worker_use(&w, program);
	for (unsigned i = 0; i < RUNS; i++) {
		uint32_t len = draw(draw(4) ? 150 : RUN_BYTES_MAX), fresh = len && draw(3) == 0 ? draw(len) : 0, n;
		uint8_t *data = malloc(len ? len : 1); /* of just its size: a read beyond it is seen */

		for (uint32_t k = 0; k < len; k++)
			data[k] = letter();
		w.detect->masks = false;
		n = found(&w, data, len, fresh, one);
		w.detect->masks = sieve_masks_possible();
		assert_int_equal(found(&w, data, len, fresh, other), n);
		assert_memory_equal(one, other, n * sizeof(*one));
		sum += n;
		free(data);
	}
	assert_true(sum > RUNS / 10);
	detect_worker_free(&w);
	detect_program_free(program);
	config_free((struct config *)w.config);
	heap_fini(&w.heap);
	free(one);
	free(other);
}

static void few(void **state)
{
	(void)state;
	alike(20);
}

static void many(void **state)
{
	(void)state;
	alike(RULES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(few), cmocka_unit_test(many)};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}

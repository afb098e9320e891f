/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker with rules, one flow and one packet: what tests of detection stand on.
 */
#ifndef TEST_DETECT_BENCH_H
#define TEST_DETECT_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/detect/program.h"
#include "dataplane/event/trace.h"
#include "tests/unit/detect/fake.h"

struct bench {
	struct worker w;
	struct counters counters;
	struct config *config;
	struct detect_program *program;
	union {
		struct flow flow;
		struct flow_block block; /* where flow_cold(&flow) is */
	};
	struct app_session app;
	struct packet packet;
};

/* Rules as text; of the firewall, where there is one (NULL: none), and settings for its policies as
 * key, value, … NULL. error: where it goes that the program cannot be made; NULL: the test fails. */
struct bench *bench_new(const char *rules);
struct bench *bench_with_firewall(const char *firewall, const char *rules, const char *const *policies, char *error);
void bench_free(struct bench *b);
void packet(struct bench *b, enum direction d, uint64_t seconds, const char *payload);
void transaction(struct bench *b, struct fake_tx *tx, uint8_t progress);

/* The worker follows one rule; how it judges does not change. trace_detach frees it. */
struct trace_shared *trace_on(struct bench *b, uint32_t sid);
const struct trace_step *step_last(const struct trace_shared *t);

#define ALERTS(...)                                                                                \
	do {                                                                                       \
		const uint32_t want[] = {__VA_ARGS__};                                             \
		assert_int_equal(fake.alert_count, sizeof(want) / 4);                              \
		assert_memory_equal(fake.alerts, want, sizeof(want));                              \
		fake.alert_count = 0;                                                              \
	} while (0)
#define NO_ALERT() assert_int_equal(fake.alert_count, 0)

#endif

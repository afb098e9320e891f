/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/sink.c, emit.c: what a full ring gives up, and in which order
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>
#include <cmocka.h>

#include "dataplane/engine/emit.h"
#include "dataplane/engine/sink.h"

#define RING_BYTES (64u << 10)

struct setup {
	struct worker w;
	struct sink sink;
	struct counters counters;
	struct ring reader;
	int fd;
	uint32_t stop;
};

static int setup(void **state)
{
	struct setup *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);

	memset(s, 0, sizeof(*s));
	s->fd = ring_create("test", RING_BYTES, 1);
	s->w.counters = &s->counters;
	s->w.record_memory = aligned_alloc(64, RECORD_MAX_BYTES);
	assert_int_equal(sink_open(&s->w, &s->sink, &(struct sink_rings){s->fd, -1, -1}, &s->stop), 0);
	assert_int_equal(ring_attach(&s->reader, s->fd), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct setup *s = *state;

	sink_close(&s->sink);
	ring_detach(&s->reader);
	close(s->fd);
	free(s->w.record_memory);
	free(s);
	return 0;
}

static void write_one(struct worker *w, enum record_type type)
{
	static const uint8_t body[200];
	struct recorder *r = emit_bare(w, type);

	rec_bytes(r, F_top_payload, body, sizeof(body));
	emit_end(w);
}

static uint64_t fill(struct setup *s, enum record_type type)
{
	uint64_t before = s->counters.record_lost, n = 0;

	for (; s->counters.record_lost == before; n++)
		write_one(&s->w, type);
	return n - 1;
}

/* Logs leave a quarter, alerts and contacts a twentieth, marks nothing. */
static void classes(void **state)
{
	struct setup *s = *state;
	uint64_t used;

	assert_true(fill(s, RECORD_flow) > 0);
	used = ring_head(&s->reader);
	assert_in_range(used, RING_BYTES * 3 / 4 - 400, RING_BYTES * 3 / 4);
	assert_true(fill(s, RECORD_alert) > 0);
	used = ring_head(&s->reader);
	assert_in_range(used, RING_BYTES * 19 / 20 - 400, RING_BYTES * 19 / 20);
	assert_int_equal(fill(s, RECORD_contact), 0);
	assert_true(fill(s, RECORD_capture_end) > 0);
	assert_int_equal(s->sink.event.shared->lost[RECORD_flow], 1);
	assert_int_equal(s->sink.event.shared->lost[RECORD_alert], 1);
	assert_int_equal(s->sink.event.shared->lost[RECORD_contact], 1);
	assert_int_equal(s->counters.record_lost, 4);
}

/* Numbers go on after a restart of the producer; a lost record's number is not used again. */
static void numbers(void **state)
{
	struct setup *s = *state;
	const struct record_head *head;
	struct worker again = s->w;
	struct sink second = {0};
	uint64_t avail;

	write_one(&s->w, RECORD_flow);
	write_one(&s->w, RECORD_flow);
	assert_int_equal(sink_open(&again, &second, &(struct sink_rings){s->fd, -1, -1}, &s->stop), 0);
	write_one(&again, RECORD_flow);
	head = ring_peek(&s->reader, 0, &avail);
	for (uint64_t seq = 1; seq <= 3; seq++) {
		assert_true(record_valid(head, avail));
		assert_int_equal(head->seq, seq);
		avail -= head->length;
		head = (const void *)((const char *)head + head->length);
	}
	assert_int_equal(avail, 0);
	sink_close(&second);
}

static void *slow_reader(void *arg)
{
	struct setup *s = arg;
	uint64_t pos = 0, avail, seq = 0;

	while (seq < 5000) {
		const uint8_t *at = ring_peek(&s->reader, pos, &avail);
		uint64_t done = 0;

		while (done < avail) {
			const struct record_head *head = (const void *)(at + done);

			if (head->seq != ++seq)
				return arg;
			done += head->length;
		}
		pos += avail;
		ring_release(&s->reader, pos);
		usleep(100);
	}
	return NULL;
}

/* A capture waits: nothing is lost, all in order. */
static void offline_waits(void **state)
{
	struct setup *s = *state;
	pthread_t reader;
	void *bad;

	s->w.offline = true;
	pthread_create(&reader, NULL, slow_reader, s);
	for (int i = 0; i < 5000; i++)
		write_one(&s->w, RECORD_flow);
	pthread_join(reader, &bad);
	assert_null(bad);
	assert_int_equal(s->counters.record_lost, 0);
	assert_true(s->counters.record_waited > 0);
}

/* Told to end, it does not wait for a reader that is gone. */
static void offline_gives_up(void **state)
{
	struct setup *s = *state;

	s->w.offline = true;
	s->stop = 1;
	for (int i = 0; i < 500; i++)
		write_one(&s->w, RECORD_flow);
	assert_true(s->counters.record_lost > 0);
}

static void captured(void **state)
{
	struct setup *s = *state;
	static _Alignas(8) uint8_t memory[1000];

	sink_capture_begin(&s->w, memory, sizeof(memory));
	for (int i = 0; i < 10; i++)
		write_one(&s->w, RECORD_flow);
	assert_int_equal(sink_capture_end(&s->w) % 8, 0);
	assert_int_equal(s->sink.capture_bytes, 3 * (120 + 8 + 200));
	assert_int_equal(ring_head(&s->reader), 0);
	write_one(&s->w, RECORD_flow);
	assert_int_not_equal(ring_head(&s->reader), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(classes, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(offline_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(offline_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(captured, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

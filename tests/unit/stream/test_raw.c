/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The raw window for rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/lab.h"

#define SEND(...) lab_tcp(l, &(struct lab_tcp){__VA_ARGS__})
#define C .d = TO_SERVER
#define S .d = TO_CLIENT

static struct lab *lab_with(const char *a, const char *b)
{
	const char *const settings[] = {a, b, NULL};
	struct lab *l = lab_new(a ? settings : NULL);

	lab_open(l, 100, 500);
	return l;
}

static void say(struct lab *l, uint32_t at, const char *text)
{
	lab_say(l, TO_SERVER, 101 + at, 501, text);
}

/* The server acknowledges what stands before `at`. */
static void acknowledge(struct lab *l, uint32_t at)
{
	SEND(S, .flags = TCP_ACK, .seq = 501, .ack = 101 + at);
}

static void chunks_on_a_tap(void **state)
{
	struct lab *l = lab_with("stream.reassembly.chunk=10", NULL);
	struct stream_raw raw;

	(void)state;
	say(l, 0, "abcde");
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	say(l, 5, "fghij");
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_false(stream_raw_look(&l->w, l->flow, TO_SERVER, &raw));
	acknowledge(l, 10);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.len, 10);
	assert_int_equal(raw.fresh, 0);
	assert_int_equal(raw.offset, 0);
	assert_memory_equal(raw.data, "abcdefghij", 10);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	say(l, 10, "klm");
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	acknowledge(l, 13);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_true(stream_raw_look(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.len, 13);
	stream_raw_flush(l->flow, TO_SERVER);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.len, 13);
	assert_int_equal(raw.fresh, 10);
	assert_false(raw.end);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	say(l, 13, "n");
	acknowledge(l, 14);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	SEND(C, .flags = TCP_FIN | TCP_ACK, .seq = 115, .ack = 501);
	SEND(S, .flags = TCP_FIN | TCP_ACK, .seq = 501, .ack = 116);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw)); /* not closed yet */
	SEND(C, .flags = TCP_ACK, .seq = 116, .ack = 502);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_true(raw.end);
	assert_int_equal(raw.len - raw.fresh, 1);
	lab_free(l);
}

static void always_in_the_wire(void **state)
{
	struct lab *l = lab_with("mode=inline", NULL);
	struct stream_raw raw;

	(void)state;
	say(l, 0, "a");
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	lab_free(l);
}

static void look_back(void **state)
{
	struct lab *l = lab_with("stream.reassembly.chunk=1", NULL);
	struct stream_raw raw;

	(void)state;
	stream_lookback(&l->w, 4);
	say(l, 0, "abcdefgh");
	acknowledge(l, 8);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	say(l, 8, "ij");
	acknowledge(l, 10);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.len, 6);
	assert_int_equal(raw.fresh, 4);
	assert_int_equal(raw.offset, 4);
	assert_memory_equal(raw.data, "efghij", 6);
	lab_free(l);
}

static void holes_divide(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	struct stream_raw raw;

	(void)state;
	say(l, 0, "abc");
	say(l, 10, "klm");
	say(l, 20, "uvw");
	SEND(S, .flags = TCP_ACK, .seq = 501, .ack = 101 + 23);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.len, 3);
	assert_memory_equal(raw.data, "abc", 3);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.len, 3);
	assert_int_equal(raw.offset, 10);
	assert_int_equal(raw.missing, 7);
	assert_memory_equal(raw.data, "klm", 3);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	/* after the last hole: a chunk or a flush is waited for */
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	stream_raw_flush(l->flow, TO_SERVER);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.offset, 20);
	assert_memory_equal(raw.data, "uvw", 3);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	lab_free(l);
}

/* The first bytes never came: the window says so. What has been inspected is there for records. */
static void begins_behind_a_hole(void **state)
{
	struct lab *l = lab_with("stream.reassembly.chunk=1", NULL);
	struct stream_raw raw, part[STREAM_RAW_PARTS];

	(void)state;
	say(l, 4, "GOOD");
	acknowledge(l, 8);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.missing, 4);
	assert_int_equal(raw.offset, 4);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(stream_raw_parts(&l->w, l->flow, TO_SERVER, part), 1);
	assert_int_equal(part[0].len, 4);
	assert_int_equal(part[0].missing, 4);
	assert_memory_equal(part[0].data, "GOOD", 4);
	lab_free(l);
}

/* What was inspected before a hole stays for records of what comes behind it, as far as look-back goes. */
static void parts_stay(void **state)
{
	struct lab *l = lab_with("stream.reassembly.chunk=1", NULL);
	struct stream_raw part[STREAM_RAW_PARTS];

	(void)state;
	stream_lookback(&l->w, 8);
	say(l, 0, "abcdef");
	acknowledge(l, 6);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, part));
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	say(l, 10, "klm");
	acknowledge(l, 13);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, part));
	assert_int_equal(part[0].fresh, 0);
	assert_int_equal(part[0].offset, 10);
	assert_int_equal(stream_raw_parts(&l->w, l->flow, TO_SERVER, part), 2);
	assert_memory_equal(part[0].data, "abcdef", 6);
	assert_int_equal(part[1].missing, 4);
	assert_int_equal(part[1].len, 3);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	say(l, 13, "nopqrstu");
	acknowledge(l, 21);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, part));
	assert_int_equal(part[0].fresh, 3);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	assert_int_equal(stream_raw_parts(&l->w, l->flow, TO_SERVER, part), 1);
	assert_memory_equal(part[0].data, "nopqrstu", 8);
	lab_free(l);
}

/* What rules have seen is not shown with what comes after the packet, though it stays for look-back. */
static void the_past_is_not_shown(void **state)
{
	struct lab *l = lab_with("stream.reassembly.chunk=4", NULL);
	struct stream_raw part[STREAM_RAW_PARTS];

	(void)state;
	say(l, 0, "abcdef");
	acknowledge(l, 6);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, part));
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	stream_packet_done(&l->w, l->flow, TO_SERVER);
	assert_int_equal(stream_raw_parts(&l->w, l->flow, TO_SERVER, part), 0);
	say(l, 6, "gh");
	acknowledge(l, 8);
	stream_packet_done(&l->w, l->flow, TO_SERVER); /* nobody looked yet */
	say(l, 12, "mn");
	acknowledge(l, 14);
	assert_int_equal(stream_raw_parts(&l->w, l->flow, TO_SERVER, part), 2);
	assert_int_equal(part[0].len, 2);
	assert_memory_equal(part[0].data, "gh", 2);
	assert_int_equal(part[1].missing, 4);
	assert_memory_equal(part[1].data, "mn", 2);
	lab_free(l);
}

/* In the wire rules see bytes behind a hole as they pass, and when the hole is filled all of them. */
static void early_in_the_wire(void **state)
{
	struct lab *l = lab_with("mode=inline", NULL);
	struct stream_raw raw;

	(void)state;
	say(l, 0, "abc");
	assert_false(l->p->flags & PACKET_STREAM_EARLY);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	say(l, 20, "uvw");
	say(l, 10, "klm");
	assert_true(stream_raw_early(&l->w, l->p, &raw));
	assert_int_equal(raw.len, 3);
	say(l, 13, "nop");
	assert_true(l->p->flags & PACKET_STREAM_EARLY);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_true(stream_raw_early(&l->w, l->p, &raw));
	assert_int_equal(raw.len, 6);
	assert_int_equal(raw.fresh, 0);
	assert_int_equal(raw.offset, 10);
	assert_memory_equal(raw.data, "klmnop", 6);
	say(l, 3, "defghij");
	assert_false(l->p->flags & PACKET_STREAM_EARLY);
	assert_true(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_int_equal(raw.len, 16);
	assert_int_equal(raw.fresh, 3);
	stream_raw_inspected(&l->w, l->flow, TO_SERVER);
	l->inspect = true;
	lab_end(l);
	assert_string_equal(lab_raw(l, TO_SERVER), "uvw");
	lab_free(l);
}

/* Seen behind its hole, a run that nothing comes before is not shown again at the end. */
static void early_is_seen_once(void **state)
{
	struct lab *l = lab_with("mode=inline", NULL);
	struct stream_raw raw;

	(void)state;
	say(l, 10, "klm");
	assert_true(stream_raw_early(&l->w, l->p, &raw));
	l->inspect = true;
	lab_end(l);
	assert_string_equal(lab_raw(l, TO_SERVER), "");
	lab_free(l);
}

static void off(void **state)
{
	struct lab *l = lab_with(NULL, NULL);
	struct stream_raw raw;

	(void)state;
	say(l, 0, "abc");
	stream_raw_off(&l->w, l->flow, TO_SERVER);
	say(l, 3, "def");
	stream_raw_flush(l->flow, TO_SERVER);
	assert_false(stream_raw_peek(&l->w, l->flow, TO_SERVER, &raw));
	assert_string_equal(lab_up(l, TO_SERVER), "abcdef");
	lab_free(l);
}

/* Every byte is shown as fresh once, in order, whatever the segments; memory stays bounded. */
static void all_bytes_once(void **state)
{
	static char text[100001];

	for (unsigned wire = 0; wire < 2; wire++) {
		struct lab *l = lab_with(wire ? "mode=inline" : "mode=tap",
					 "stream.reassembly.depth=0");
		uint32_t at = 0, n = 1;

		(void)state;
		l->inspect = true;
		for (unsigned i = 0; i < 100000; i++)
			text[i] = (char)('a' + i * 7919 % 26);
		while (at < 100000) {
			n = n * 5 % 1460 + 1;
			if (n > 100000 - at)
				n = 100000 - at;
			SEND(C, .flags = TCP_ACK, .seq = 101 + at, .ack = 501, .data = text + at,
			     .len = n);
			at += n;
			SEND(S, .flags = TCP_ACK, .seq = 501, .ack = 101 + at);
			assert_true(l->w.heap.used_bytes < 40000);
		}
		lab_end(l);
		assert_false(l->raw_broken);
		assert_int_equal(l->raw_len[TO_SERVER], 100000);
		assert_memory_equal(l->raw[TO_SERVER], text, 100000);
		lab_free(l);
	}
}

/* Nobody looks: memory stays bounded all the same. */
static void nobody_looks(void **state)
{
	struct lab *l = lab_with("stream.reassembly.depth=0", NULL);
	static char text[1400];

	(void)state;
	l->quiet = true;
	memset(text, 'a', sizeof(text));
	for (uint32_t i = 0; i < 3000; i++) {
		SEND(C, .flags = TCP_ACK, .seq = 101 + i * 1400, .ack = 501, .data = text,
		     .len = 1400);
		SEND(S, .flags = TCP_ACK, .seq = 501, .ack = 101 + (i + 1) * 1400);
	}
	assert_true(l->w.heap.used_bytes < 1200000);
	lab_free(l);
}

static void last_look_at_the_end(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	l->inspect = true;
	say(l, 0, "too little for a chunk");
	assert_string_equal(lab_raw(l, TO_SERVER), "");
	lab_end(l);
	assert_string_equal(lab_raw(l, TO_SERVER), "too little for a chunk");
	assert_int_equal(l->detects, 2); /* the session was not closed: once in each direction */
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_on_a_tap),
		cmocka_unit_test(always_in_the_wire),
		cmocka_unit_test(look_back),
		cmocka_unit_test(holes_divide),
		cmocka_unit_test(begins_behind_a_hole),
		cmocka_unit_test(parts_stay),
		cmocka_unit_test(the_past_is_not_shown),
		cmocka_unit_test(early_in_the_wire),
		cmocka_unit_test(early_is_seen_once),
		cmocka_unit_test(off),
		cmocka_unit_test(all_bytes_once),
		cmocka_unit_test(nobody_looks),
		cmocka_unit_test(last_look_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

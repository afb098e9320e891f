/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reassembly: order, holes, overlaps, limits, urgent bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tests/support/lab.h"

#define SEND(...) lab_tcp(l, &(struct lab_tcp){__VA_ARGS__})
#define C .d = TO_SERVER
#define S .d = TO_CLIENT
#define HAS(id) assert_true(lab_event(l, ANOMALY_stream_##id))
#define NONE() assert_int_equal(l->p->event_count, 0)
#define UP(d, text) assert_string_equal(lab_up(l, d), text)

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

static void ack(struct lab *l, uint32_t upto)
{
	SEND(S, .flags = TCP_ACK, .seq = 501, .ack = 101 + upto);
}

static void out_of_order(void **state)
{
	for (unsigned frames = 0; frames < 2; frames++) {
		struct lab *l = lab_with(NULL, NULL);

		(void)state;
		l->frames = frames;
		l->wakeful = true; /* what rests holds no frames */
		say(l, 6, "ghi");
		say(l, 3, "def");
		say(l, 9, "jkl");
		UP(TO_SERVER, "");
		assert_int_equal(l->held, frames ? 3 : 0);
		say(l, 0, "abc");
		UP(TO_SERVER, "abcdefghijkl");
		ack(l, 12);
		assert_string_equal(lab_given(l, TO_SERVER), "abcdefghijkl");
		assert_int_equal(l->held, 0);
		assert_int_equal(l->side[TO_SERVER].starts, 1);
		assert_false(l->side[TO_SERVER].out_of_step);
		assert_int_equal(stream_max_regions(l->flow, TO_SERVER), 2);
		say(l, 12, "m");
		lab_end(l);
		UP(TO_SERVER, "abcdefghijklm[end]");
		UP(TO_CLIENT, "");
		lab_free(l);
	}
}

/* On a tap bytes go up when their receiver has them, to the byte; in the wire before they are let on. */
static void acknowledged(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	l->frames = l->wakeful = true;
	say(l, 0, "abcdef");
	say(l, 6, "ghi");
	assert_string_equal(lab_given(l, TO_SERVER), "");
	assert_int_equal(l->held, 2);
	assert_int_equal(l->counters.tcp_segments_held, 0);
	assert_int_equal(stream_max_regions(l->flow, TO_SERVER), 1);
	ack(l, 4);
	assert_string_equal(lab_given(l, TO_SERVER), "abcd");
	/* sent again from before the acknowledged */
	say(l, 2, "cdefghi");
	ack(l, 9);
	assert_string_equal(lab_given(l, TO_SERVER), "abcdefghi");
	assert_int_equal(l->held, 0);
	/* acknowledged before it is seen */
	ack(l, 12);
	say(l, 9, "jkl");
	assert_string_equal(lab_given(l, TO_SERVER), "abcdefghijkl");
	/* the end comes with the last byte; what is never acknowledged comes with the flow's end */
	SEND(C, .flags = TCP_FIN | TCP_ACK, .seq = 113, .ack = 501, .data = "m", .len = 1);
	assert_string_equal(lab_given(l, TO_SERVER), "abcdefghijkl");
	lab_end(l);
	assert_string_equal(lab_given(l, TO_SERVER), "abcdefghijklm[end]");
	assert_false(l->side[TO_SERVER].out_of_step);
	lab_free(l);
	l = lab_with("mode=inline", NULL);
	say(l, 0, "abc");
	assert_string_equal(lab_given(l, TO_SERVER), "abc");
	lab_free(l);
}

/* What was on its way when a reset came goes up with it: the one that sent it will not send more. */
static void reset_unacknowledged(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	say(l, 0, "abc");
	lab_say(l, TO_CLIENT, 501, 101, "xyz");
	SEND(C, .flags = TCP_RST | TCP_ACK, .seq = 104, .ack = 501);
	assert_int_equal(stream_state(l->flow), TCP_STATE_CLOSED);
	assert_string_equal(lab_given(l, TO_SERVER), "abc");
	assert_string_equal(lab_given(l, TO_CLIENT), "xyz");
	lab_free(l);
}

/* A receiver that has not acknowledged takes, of two segments, what its policy says. */
static void unacknowledged_policy(void **state)
{
	struct lab *l = lab_with("host_os_policy.old-linux=192.0.2.0/24", NULL);

	(void)state;
	say(l, 0, "good");
	say(l, 0, "EVIL");
	HAS(reassembly_overlap_different_data);
	ack(l, 4);
	assert_string_equal(lab_given(l, TO_SERVER), "EVIL");
	lab_free(l);
	l = lab_with("host_os_policy.bsd=192.0.2.0/24", NULL);
	say(l, 0, "good");
	say(l, 0, "EVIL");
	ack(l, 4);
	assert_string_equal(lab_given(l, TO_SERVER), "good");
	lab_free(l);
}

/* No room to hold what is next in order: it goes up at once, nothing is lost and nothing said. */
static void unheld(void **state)
{
	struct lab *l = lab_with("stream.reassembly.max_held=2", NULL);

	(void)state;
	say(l, 0, "ab");
	say(l, 2, "cd");
	say(l, 4, "ef");
	NONE();
	assert_string_equal(lab_given(l, TO_SERVER), "abcdef");
	ack(l, 6);
	say(l, 6, "gh");
	ack(l, 8);
	assert_string_equal(lab_given(l, TO_SERVER), "abcdefgh");
	assert_false(l->side[TO_SERVER].out_of_step);
	lab_free(l);
}

static void overlap_equal(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	say(l, 0, "abc");
	say(l, 1, "bcdef");
	say(l, 8, "ijkl");
	say(l, 7, "hijklm");
	say(l, 5, "fghi");
	UP(TO_SERVER, "abcdefghijklm");
	assert_int_equal(lab_events(l, ANOMALY_stream_reassembly_overlap_different_data), 0);
	lab_free(l);
}

static void fin_before_data(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	SEND(C, .flags = TCP_FIN | TCP_ACK, .seq = 104, .ack = 501, .data = "def", .len = 3);
	UP(TO_SERVER, "");
	say(l, 0, "abc");
	UP(TO_SERVER, "abcdef[end]");
	lab_free(l);
}

static void hole_acknowledged(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	say(l, 0, "abc");
	say(l, 10, "xyz");
	ack(l, 3);
	UP(TO_SERVER, "abc");
	ack(l, 13);
	HAS(reassembly_seq_gap);
	UP(TO_SERVER, "abc[gap 7]xyz");
	assert_int_equal(l->counters.tcp_reassembly_gap, 1);
	/* what was given up may come: it is not handed on again */
	say(l, 3, "defghij");
	UP(TO_SERVER, "abc[gap 7]xyz");
	say(l, 13, "!");
	UP(TO_SERVER, "abc[gap 7]xyz!");
	assert_false(l->side[TO_SERVER].out_of_step);
	lab_free(l);
}

static void hole_at_end(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	say(l, 0, "abc");
	say(l, 10, "xyz");
	SEND(C, .flags = TCP_FIN | TCP_ACK, .seq = 101 + 20, .ack = 501);
	lab_end(l);
	UP(TO_SERVER, "abc[gap 7]xyz[gap 7][end]");
	lab_free(l);
}

/* What is behind a hole that the receiver never acknowledged it did not read; rules see it all the same. */
static void hole_never_acknowledged(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	l->inspect = true;
	say(l, 0, "abc");
	ack(l, 3);
	say(l, 10, "xyz");
	lab_wait(l, 0.1);
	ack(l, 3);
	lab_end(l);
	assert_string_equal(lab_given(l, TO_SERVER), "abc[end]");
	assert_string_equal(lab_raw(l, TO_SERVER), "abcxyz");
	assert_false(l->raw_broken);
	lab_free(l);
}

/* Nothing comes after it: whether the receiver has what is missing nobody knows. */
static void hole_before_the_last(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	say(l, 0, "abc");
	ack(l, 3);
	lab_wait(l, 0.1);
	say(l, 10, "xyz");
	lab_end(l);
	UP(TO_SERVER, "abc[gap 7]xyz[end]");
	lab_free(l);
}

static void policies(void **state)
{
	/* original "bbbb" at 4…8; each row: the later segment, and what is handed on */
	static const struct {
		const char *os;
		uint32_t at;
		const char *later, *result;
	} rows[] = {
		/* starts before, ends within */
		{"first", 2, "AAAA", "AAbbbb"}, {"last", 2, "AAAA", "AAAAbb"},
		{"bsd", 2, "AAAA", "AAAAbb"}, {"linux", 2, "AAAA", "AAAAbb"},
		{"old-linux", 2, "AAAA", "AAAAbb"}, {"windows", 2, "AAAA", "AAAAbb"},
		{"macos", 2, "AAAA", "AAAAbb"}, {"irix", 2, "AAAA", "AAAAbb"},
		{"hpux10", 2, "AAAA", "AAAAbb"}, {"windows2k3", 2, "AAAA", "AAAAbb"},
		{"vista", 2, "AAAA", "AAbbbb"}, {"solaris", 2, "AAAA", "AAbbbb"},
		{"hpux11", 2, "AAAA", "AAbbbb"}, {"bsd-right", 2, "AAAA", "AAbbbb"},
		/* starts before, covers all */
		{"first", 2, "AAAAAAAA", "AAbbbbAA"}, {"solaris", 2, "AAAAAAAA", "AAAAAAAA"},
		{"bsd", 2, "AAAAAAAA", "AAAAAAAA"}, {"vista", 2, "AAAAAAAA", "AAbbbbAA"},
		/* starts with it, ends with it */
		{"first", 4, "AAAA", "bbbb"}, {"last", 4, "AAAA", "AAAA"},
		{"bsd", 4, "AAAA", "bbbb"}, {"linux", 4, "AAAA", "bbbb"},
		{"old-linux", 4, "AAAA", "AAAA"}, {"solaris", 4, "AAAA", "AAAA"},
		/* starts with it, ends after */
		{"linux", 4, "AAAAAA", "AAAAAA"}, {"bsd", 4, "AAAAAA", "bbbbAA"},
		{"old-linux", 4, "AAAAAA", "AAAAAA"}, {"windows", 4, "AAAAAA", "bbbbAA"},
		/* starts with it, ends before */
		{"linux", 4, "AA", "bbbb"}, {"last", 4, "AA", "AAbb"}, {"solaris", 4, "AA", "bbbb"},
		/* starts after, ends after */
		{"first", 6, "AAAA", "bbbbAA"}, {"last", 6, "AAAA", "bbAAAA"},
		{"bsd", 6, "AAAA", "bbbbAA"}, {"linux", 6, "AAAA", "bbbbAA"},
		{"solaris", 6, "AAAA", "bbAAAA"}, {"hpux11", 6, "AAAA", "bbAAAA"},
		{"bsd-right", 6, "AAAA", "bbAAAA"},
		/* within */
		{"last", 5, "AA", "bAAb"}, {"bsd", 5, "AA", "bbbb"}, {"solaris", 5, "AA", "bbbb"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned frames = 0; frames < 2; frames++) {
			char setting[64];
			struct lab *l;
			uint32_t first = rows[i].at < 4 ? rows[i].at : 4;
			const char *up;

			snprintf(setting, sizeof(setting), "host_os_policy.%s=192.0.2.0/24",
				 rows[i].os);
			l = lab_with(setting, NULL);
			l->frames = frames;
			say(l, 4, "bbbb");
			say(l, rows[i].at, rows[i].later);
			HAS(reassembly_overlap_different_data);
			say(l, 0, first == 4 ? "...." : "..");
			up = lab_up(l, TO_SERVER) + first;
			if (strcmp(up, rows[i].result) != 0)
				fail_msg("row %u (%s at %u): %s", i, rows[i].os, rows[i].at, up);
			lab_free(l);
		}
	}
}

static void delivered_wins(void **state)
{
	struct lab *l = lab_with("host_os_policy.last=192.0.2.0/24", NULL);

	(void)state;
	/* what the receiver has been given stays, whatever its policy */
	say(l, 0, "abcd");
	ack(l, 4);
	say(l, 2, "XXef");
	HAS(reassembly_overlap_different_data);
	UP(TO_SERVER, "abcdef");
	lab_free(l);
}

static void wire_keeps_the_first(void **state)
{
	struct lab *l = lab_with("mode=inline", NULL);

	(void)state;
	l->inspect = true;
	say(l, 4, "efgh");
	say(l, 6, "XXij");
	HAS(reassembly_overlap_different_data);
	assert_int_equal(l->p->verdict, VERDICT_DROP);
	assert_int_equal(l->p->drop, DROP_stream_reassembly);
	say(l, 0, "abcd");
	UP(TO_SERVER, "abcdefgh");
	/* sent again with other bytes, not acknowledged yet: the receiver may have lost the first */
	say(l, 0, "aXcd");
	HAS(reassembly_overlap_different_data);
	assert_int_equal(l->p->verdict, VERDICT_DROP);
	say(l, 0, "abcd");
	NONE();
	assert_int_equal(l->p->verdict, VERDICT_ACCEPT);
	lab_free(l);
	/* also when no rule wants the raw bytes */
	l = lab_with("mode=inline", NULL);
	say(l, 0, "abcd");
	stream_raw_off(&l->w, l->flow, TO_SERVER);
	say(l, 4, "efgh");
	say(l, 4, "eXgh");
	assert_int_equal(l->p->verdict, VERDICT_DROP);
	lab_free(l);
}

static void depth(void **state)
{
	struct lab *l = lab_with("stream.reassembly.depth=5", NULL);

	(void)state;
	say(l, 0, "abc");
	say(l, 6, "ghi");
	HAS(reassembly_depth_reached);
	say(l, 3, "def");
	NONE();
	assert_string_equal(lab_given(l, TO_SERVER), "");
	ack(l, 6);
	UP(TO_SERVER, "abc[end]");
	say(l, 9, "jkl");
	NONE();
	UP(TO_SERVER, "abc[end]");
	lab_say(l, TO_CLIENT, 501, 101, "other");
	SEND(C, .flags = TCP_ACK, .seq = 113, .ack = 506);
	UP(TO_CLIENT, "other"); /* so many and no more: that may be all */
	assert_int_equal(l->counters.tcp_stream_depth_reached, 1);
	lab_say(l, TO_CLIENT, 506, 113, "s");
	UP(TO_CLIENT, "other[end]");
	assert_int_equal(l->counters.tcp_stream_depth_reached, 2);
	assert_int_equal(l->side[TO_SERVER].cuts, 1);
	lab_free(l);
}

/* The end is no natural one either where it comes before all was acknowledged. */
static void depth_at_the_end(void **state)
{
	struct lab *l = lab_with("stream.reassembly.depth=5", NULL);

	(void)state;
	say(l, 0, "abc");
	say(l, 3, "def");
	lab_end(l);
	assert_int_equal(l->side[TO_SERVER].ends, 1);
	assert_int_equal(l->side[TO_SERVER].cuts, 1);
	lab_free(l);
}

/* Once a file is to be kept another depth may hold. */
static void depth_of_files(void **state)
{
	struct lab *l = lab_with("stream.reassembly.depth=5", "file_store.stream_depth=8");

	(void)state;
	say(l, 0, "abcd");
	ack(l, 4);
	stream_stored(&l->w, l->flow);
	say(l, 4, "efg");
	ack(l, 7);
	NONE();
	UP(TO_SERVER, "abcdefg");
	say(l, 7, "hi");
	HAS(reassembly_depth_reached);
	UP(TO_SERVER, "abcdefg[end]");
	lab_free(l);
}

static void urgent(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	/* the byte before the pointer is out of band */
	SEND(C, .flags = TCP_ACK | TCP_URG, .seq = 101, .ack = 501, .data = "abXcd", .len = 5,
	     .urgent = 3);
	UP(TO_SERVER, "abcd");
	SEND(C, .flags = TCP_ACK | TCP_URG, .seq = 110, .ack = 501, .data = "klYm", .len = 4,
	     .urgent = 3);
	say(l, 5, "efgh");
	UP(TO_SERVER, "abcdefghklm");
	assert_int_equal(l->side[TO_SERVER].gaps, 0);
	assert_false(l->side[TO_SERVER].out_of_step);
	SEND(C, .flags = TCP_ACK | TCP_URG, .seq = 114, .ack = 501, .data = "no", .len = 2,
	     .urgent = 900);
	UP(TO_SERVER, "abcdefghklmno");
	lab_free(l);
	l = lab_with("stream.reassembly.urgent=inline", NULL);
	SEND(C, .flags = TCP_ACK | TCP_URG, .seq = 101, .ack = 501, .data = "abXcd", .len = 5,
	     .urgent = 3);
	UP(TO_SERVER, "abXcd");
	lab_free(l);
	l = lab_with("stream.reassembly.urgent=drop", "mode=inline");
	SEND(C, .flags = TCP_ACK | TCP_URG, .seq = 101, .ack = 501, .data = "abXcd", .len = 5,
	     .urgent = 3);
	assert_int_equal(l->p->drop, DROP_stream_urgent);
	UP(TO_SERVER, "");
	lab_free(l);
}

static void numbers_wrap(void **state)
{
	struct lab *l = lab_new(NULL);
	const uint32_t isn = 0xfffffffau;

	(void)state;
	lab_open(l, isn, 0xffffffffu);
	lab_say(l, TO_SERVER, isn + 7, 0, "ghi");
	lab_say(l, TO_SERVER, isn + 4, 0, "def");
	lab_say(l, TO_SERVER, isn + 1, 0, "abc");
	UP(TO_SERVER, "abcdefghi");
	lab_say(l, TO_CLIENT, 0, isn + 10, "pong");
	UP(TO_CLIENT, "pong");
	assert_int_equal(stream_size(l->flow, TO_SERVER), 10);
	assert_int_equal(l->side[TO_SERVER].offset, 9);
	lab_free(l);
}

static void held_limits(void **state)
{
	struct lab *l = lab_with("stream.reassembly.max_held=4", "stream.memcap_policy=ignore");
	uint32_t i;

	(void)state;
	/* tap: the hole is given up when there is no room for another piece */
	for (i = 1; i <= 5; i++)
		say(l, i * 10, "x");
	assert_true(l->counters.tcp_segment_memcap_drop > 0);
	HAS(reassembly_insert_memcap);
	assert_int_equal(l->side[TO_SERVER].gaps, 1);
	lab_free(l);
	/* in the wire the packet must come again */
	l = lab_with("stream.reassembly.max_held=4", "mode=inline");
	for (i = 1; i <= 4; i++)
		say(l, i * 10, "x");
	assert_int_equal(l->p->verdict, VERDICT_ACCEPT);
	say(l, 50, "x");
	assert_int_equal(l->p->drop, DROP_stream_memcap);
	assert_int_equal(l->side[TO_SERVER].gaps, 0);
	lab_free(l);
	/* one direction alone may not hold everything */
	l = lab_with("stream.reassembly.max_held=100000", NULL);
	for (i = 1; i < 6000; i++)
		say(l, i * 2, "x");
	assert_int_equal(l->counters.tcp_segment_memcap_drop, 0);
	assert_true(l->side[TO_SERVER].gaps > 0);
	lab_free(l);
}

static void heap_full(void **state)
{
	struct lab *l = lab_with("app_heap=20000", "stream.memcap_policy=ignore");
	static char text[3001];

	(void)state;
	memset(text, 'a', 3000);
	for (uint32_t i = 0; i < 12; i++)
		say(l, 10 + i * 3000, text);
	assert_true(l->counters.tcp_segment_memcap_drop > 0);
	assert_false(l->side[TO_SERVER].out_of_step);
	lab_free(l);
}

static void memcap_policy(void **state)
{
	struct lab *l = lab_with("stream.reassembly.max_held=0", "stream.memcap_policy=bypass");

	(void)state;
	say(l, 10, "x");
	assert_true(l->flow->flags & FLOW_BYPASSED);
	say(l, 0, "abc");
	assert_true(l->p->flags & PACKET_NO_INSPECT);
	lab_end(l);
	assert_string_equal(l->records[0].state, "bypassed");
	lab_free(l);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* order 0: as sent; 1: backwards in blocks; 2: shuffled in blocks. Returns CPU seconds. */
static double one_byte_segments(uint32_t total, unsigned order)
{
	struct lab *l = lab_with(NULL, NULL);
	const uint32_t block = 2048;
	double start;
	uint32_t *at = malloc(block * sizeof(*at));
	unsigned seed = 7;

	l->quiet = l->wakeful = true;
	l->inspect = false;
	start = seconds();
	for (uint32_t from = 0; from < total; from += block) {
		for (uint32_t i = 0; i < block; i++)
			at[i] = order == 1 ? block - 1 - i : i;
		for (uint32_t i = block - 1; order == 2 && i > 0; i--) {
			uint32_t j = (seed = seed * 1103515245 + 12345) / 65536 % (i + 1), k = at[i];

			at[i] = at[j];
			at[j] = k;
		}
		for (uint32_t i = 0; i < block; i++)
			say(l, from + at[i], "x");
		ack(l, from + block);
	}
	start = seconds() - start;
	assert_int_equal(l->side[TO_SERVER].offset, total);
	assert_int_equal(l->side[TO_SERVER].gaps, 0);
	free(at);
	lab_free(l);
	return start;
}

static void one_byte_linear(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 3; order++) {
		double small = one_byte_segments(64 * 1024, order);
		double large = one_byte_segments(256 * 1024, order);

		/* four times the bytes; room for a busy machine */
		if (large > 8 * small + 0.05)
			fail_msg("order %u: %.3f s for 64 KiB, %.3f s for 256 KiB", order, small,
				 large);
	}
}

static void turned_while_going_up(void **state)
{
	struct lab *l = lab_with("stream.midstream=yes", NULL);

	(void)state;
	lab_end(l);
	lab_clear(l);
	/* the server's bytes are seen first; the parsers notice */
	l->turn_at = 1;
	lab_say(l, TO_CLIENT, 501, 101, "220 hello");
	SEND(C, .flags = TCP_ACK, .seq = 101, .ack = 510);
	assert_int_equal(l->p->direction, TO_SERVER);
	assert_int_equal(l->flow->server_port, 80);
	assert_true(l->flow->flags & FLOW_REVERSED);
	lab_say(l, TO_CLIENT, 510, 101, " again");
	assert_int_equal(l->p->direction, TO_CLIENT);
	lab_say(l, TO_SERVER, 101, 516, "QUIT");
	SEND(S, .flags = TCP_ACK, .seq = 516, .ack = 105);
	assert_int_equal(l->side[TO_SERVER].calls, 2);
	assert_string_equal(lab_up(l, TO_CLIENT), " again");
	lab_end(l);
	assert_int_equal(l->records[0].head.dport, 80);
	assert_int_equal(l->records[0].packets[TO_CLIENT], 3);
	lab_free(l);
}

static void stopped_while_going_up(void **state)
{
	struct lab *l = lab_with(NULL, NULL);

	(void)state;
	say(l, 3, "def");
	say(l, 9, "jkl");
	l->stop_at = 1;
	say(l, 0, "abc");
	ack(l, 2);
	UP(TO_SERVER, "ab");
	say(l, 6, "ghi");
	UP(TO_SERVER, "ab");
	SEND(C, .flags = TCP_FIN | TCP_ACK, .seq = 113, .ack = 501);
	assert_int_equal(stream_state(l->flow), TCP_CLOSE_WAIT);
	lab_free(l);
}

/* Where that is wanted a flow whose depth is reached is let go with the next packet. */
static void bypass_at_the_depth(void **state)
{
	const char *const settings[] = {"stream.reassembly.depth=4", "stream.bypass=yes", NULL};
	struct lab *l = lab_new(settings);

	(void)state;
	lab_open(l, 100, 500);
	lab_say(l, TO_SERVER, 101, 501, "abcd");
	assert_false(l->flow->flags & FLOW_BYPASSED);
	lab_say(l, TO_SERVER, 105, 501, "e");
	assert_true(l->flow->flags & FLOW_BYPASSED);
	assert_false(l->p->flags & PACKET_NO_INSPECT);
	assert_int_equal(l->counters.flow_bypassed_pkts, 0);
	lab_say(l, TO_CLIENT, 501, 106, "x");
	assert_true(l->p->flags & PACKET_NO_INSPECT);
	assert_int_equal(l->counters.flow_bypassed_pkts, 1);
	lab_free(l);
}

/* In the wire a hole whose bytes the receiver has had is no reason to wait. */
static void acked_hole_in_the_wire(void **state)
{
	const char *const settings[] = {"mode=inline", NULL};
	struct lab *l = lab_new(settings);

	(void)state;
	lab_open(l, 100, 500);
	lab_say(l, TO_SERVER, 101, 501, "abc");
	lab_tcp(l, &(struct lab_tcp){.d = TO_CLIENT, .flags = TCP_ACK, .seq = 501, .ack = 106});
	lab_say(l, TO_SERVER, 106, 501, "xyz");
	assert_string_equal(lab_given(l, TO_SERVER), "abc[gap 2]xyz");
	assert_false(l->p->flags & PACKET_STREAM_EARLY);
	assert_true(lab_event(l, ANOMALY_stream_reassembly_seq_gap));
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_of_order),
		cmocka_unit_test(acknowledged),
		cmocka_unit_test(reset_unacknowledged),
		cmocka_unit_test(unacknowledged_policy),
		cmocka_unit_test(unheld),
		cmocka_unit_test(overlap_equal),
		cmocka_unit_test(fin_before_data),
		cmocka_unit_test(hole_acknowledged),
		cmocka_unit_test(hole_at_end),
		cmocka_unit_test(hole_never_acknowledged),
		cmocka_unit_test(hole_before_the_last),
		cmocka_unit_test(policies),
		cmocka_unit_test(delivered_wins),
		cmocka_unit_test(wire_keeps_the_first),
		cmocka_unit_test(depth),
		cmocka_unit_test(depth_at_the_end),
		cmocka_unit_test(depth_of_files),
		cmocka_unit_test(urgent),
		cmocka_unit_test(numbers_wrap),
		cmocka_unit_test(held_limits),
		cmocka_unit_test(heap_full),
		cmocka_unit_test(memcap_policy),
		cmocka_unit_test(one_byte_linear),
		cmocka_unit_test(turned_while_going_up),
		cmocka_unit_test(stopped_while_going_up),
		cmocka_unit_test(bypass_at_the_depth),
		cmocka_unit_test(acked_hole_in_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

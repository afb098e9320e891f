/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whatever the segmentation, order, repetition and overlap: bytes that are all the same wherever
 * they are sent twice come out as they were, once, in order, and the rules see each of them once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/lab.h"

static uint32_t seed;

static uint32_t roll(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return n ? seed % n : 0;
}

static void send_bytes(struct lab *l, enum direction d, uint32_t isn, uint32_t other, const char *text,
		       uint32_t at, uint32_t n, uint8_t flags)
{
	lab_tcp(l, &(struct lab_tcp){.d = d, .flags = TCP_ACK | flags, .seq = isn + 1 + at,
				     .ack = other, .data = text + at, .len = n});
}

/* How many bytes are complete, acknowledged or not. */
static uint32_t complete(struct lab *l)
{
	return (uint32_t)strlen(lab_up(l, TO_SERVER));
}

/* Bytes in random pieces; up to `ahead` beyond what is complete; then all that is missing. */
static void one_stream(struct lab *l, uint32_t isn, uint32_t other, const char *text, uint32_t len)
{
	uint32_t done = 0;

	while (done < len) {
		uint32_t ahead = roll(3) ? roll(200) : 0;
		uint32_t back = roll(4) ? 0 : roll(done < 300 ? done + 1 : 300);
		uint32_t at = done + ahead - back, n = 1 + roll(roll(2) ? 20 : 400);

		if (at >= len)
			at = len - 1;
		if (n > len - at)
			n = len - at;
		send_bytes(l, TO_SERVER, isn, other, text, at, n, 0);
		done = complete(l);
		if (!roll(10))
			lab_tcp(l, &(struct lab_tcp){.d = TO_CLIENT, .flags = TCP_ACK, .seq = other,
						     .ack = isn + 1 + done - (roll(2) ? roll(done) : 0)});
		if (roll(3) == 0) {
			uint32_t m = 1 + roll(100);

			if (m > len - done)
				m = len - done;
			if (m)
				send_bytes(l, TO_SERVER, isn, other, text, done, m, 0);
			done = complete(l);
		}
	}
}

static void equal_bytes(void **state)
{
	static const char *const settings[][4] = {
		{"mode=tap", "stream.reassembly.chunk=300", NULL},
		{"mode=inline", "stream.reassembly.chunk=300", NULL},
		{"mode=tap", "host_os_policy.last=0.0.0.0/0", NULL},
		{"mode=tap", "host_os_policy.solaris=192.0.2.0/24", NULL},
	};
	static char text[5000];

	(void)state;
	for (uint32_t i = 0; i < 400; i++) {
		struct lab *l = lab_new(settings[i % 4]);
		uint32_t isn, len = 1 + (i * 37) % sizeof(text);

		seed = i * 2654435761u + 1;
		isn = roll(3) ? roll(UINT32_MAX) : 0u - roll(len);
		for (uint32_t j = 0; j < len; j++)
			text[j] = (char)('a' + roll(26));
		l->frames = roll(2);
		l->inspect = true;
		lab_open(l, isn, 900);
		one_stream(l, isn, 901, text, len);
		send_bytes(l, TO_SERVER, isn, 901, text, len, 0, TCP_FIN);
		lab_end(l);
		assert_int_equal(l->held, 0);
		if (l->side[TO_SERVER].up_len != len + 5 || l->side[TO_SERVER].out_of_step ||
		    memcmp(l->side[TO_SERVER].up, text, len) != 0 || l->raw_broken ||
		    l->raw_len[TO_SERVER] != len || memcmp(l->raw[TO_SERVER], text, len) != 0)
			fail_msg("seed %u: %zu of %u bytes, %zu raw", i,
				 l->side[TO_SERVER].up_len, len, l->raw_len[TO_SERVER]);
		assert_int_equal(lab_events(l, ANOMALY_stream_reassembly_overlap_different_data), 0);
		lab_free(l);
	}
}

/* A receiver that keeps, of two held bytes, what its policy says, byte by byte. */
struct model {
	uint8_t byte[600];
	uint32_t from[600], to[600];
	bool have[600];
	uint32_t next;  /* complete up to here */
	uint32_t given; /* acknowledged up to here */
};

static bool model_new_wins(const char *os, uint32_t from, uint32_t to, uint32_t old_from,
			   uint32_t old_to)
{
	if (strcmp(os, "last") == 0)
		return true;
	if (strcmp(os, "bsd") == 0)
		return from < old_from;
	if (strcmp(os, "linux") == 0)
		return from < old_from || (from == old_from && to > old_to);
	return false; /* first */
}

static void model_take(struct model *m, const char *os, uint32_t at, const uint8_t *data, uint32_t n)
{
	for (uint32_t i = at; i < at + n; i++) {
		if (i < m->given)
			continue;
		if (m->have[i] && !model_new_wins(os, at, at + n, m->from[i], m->to[i]))
			continue;
		if (m->have[i] && m->byte[i] == data[i - at])
			continue;
		m->have[i] = true;
		m->byte[i] = data[i - at];
		m->from[i] = at;
		m->to[i] = at + n;
	}
	while (m->next < sizeof(m->byte) && m->have[m->next])
		m->next++;
}

static void differing_bytes(void **state)
{
	static const char *const systems[] = {"first", "last", "bsd", "linux"};

	(void)state;
	for (uint32_t i = 0; i < 800; i++) {
		const char *os = systems[i % 4];
		char setting[64];
		const char *const settings[] = {setting, NULL};
		struct model *m = calloc(1, sizeof(*m));
		struct lab *l;

		snprintf(setting, sizeof(setting), "host_os_policy.%s=192.0.2.0/24", os);
		l = lab_new(settings);
		seed = i * 2246822519u + 1;
		l->frames = roll(2);
		lab_open(l, 100, 900);
		/* one decision for a whole segment against each older one: two segments overlap at most */
		for (unsigned round = 0; round < 12 && m->next < 500; round++) {
			uint32_t hole = m->next, a = hole + 1 + roll(15), an = 1 + roll(15);
			uint32_t b = hole + 1 + roll(30), bn = 1 + roll(15);
			uint8_t x[80], y[80], z[80];

			memset(x, 'x', sizeof(x));
			memset(y, 'y', sizeof(y));
			memset(z, 'z', sizeof(z));
			lab_tcp(l, &(struct lab_tcp){.d = TO_SERVER, .flags = TCP_ACK, .seq = 101 + a,
						     .ack = 901, .data = x, .len = an});
			model_take(m, os, a, x, an);
			lab_tcp(l, &(struct lab_tcp){.d = TO_SERVER, .flags = TCP_ACK, .seq = 101 + b,
						     .ack = 901, .data = y, .len = bn});
			model_take(m, os, b, y, bn);
			/* fill up to the first held byte, and what lies between */
			for (uint32_t fill = hole; fill < hole + 60; fill++) {
				if (m->have[fill])
					continue;
				lab_tcp(l, &(struct lab_tcp){.d = TO_SERVER, .flags = TCP_ACK,
							     .seq = 101 + fill, .ack = 901,
							     .data = z, .len = 1});
				model_take(m, os, fill, z, 1);
			}
			lab_tcp(l, &(struct lab_tcp){.d = TO_CLIENT, .flags = TCP_ACK, .seq = 901,
						     .ack = 101 + m->next});
			m->given = m->next;
		}
		if (l->side[TO_SERVER].up_len != m->next ||
		    memcmp(l->side[TO_SERVER].up, m->byte, m->next) != 0)
			fail_msg("seed %u, %s:\n%s\n%.*s", i, os, l->side[TO_SERVER].up,
				 (int)m->next, (const char *)m->byte);
		free(m);
		lab_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_bytes),
		cmocka_unit_test(differing_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

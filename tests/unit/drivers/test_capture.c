/* SPDX-License-Identifier: BSD-3-Clause
 *
 * drivers/capture.c, capture_merge.c: files are written here, byte by byte.
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

#include "drivers/capture.h"
#include "drivers/frame.h"

#define NS 1000000000ull

static void put32(FILE *f, uint32_t v)
{
	assert_int_equal(fwrite(&v, 4, 1, f), 1);
}

/* A pcap file; nanosecond magic if nano. */
static FILE *file_new(char *path, unsigned link_type, bool nano)
{
	int fd;
	FILE *f;

	memcpy(path, "/tmp/metsuke-test-XXXXXX", sizeof("/tmp/metsuke-test-XXXXXX"));
	fd = mkstemp(path);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	put32(f, nano ? 0xa1b23c4d : 0xa1b2c3d4);
	put32(f, 4 << 16 | 2);
	put32(f, 0);
	put32(f, 0);
	put32(f, 262144);
	put32(f, link_type);
	return f;
}

static void packet(FILE *f, uint32_t seconds, uint32_t fraction, uint32_t len, uint32_t wire,
		   uint8_t fill)
{
	put32(f, seconds);
	put32(f, fraction);
	put32(f, len);
	put32(f, wire);
	for (uint32_t i = 0; i < len; i++)
		fputc(fill, f);
}

static void expect(struct capture *c, uint64_t ts_ns, uint64_t number, uint32_t len, uint32_t wire,
		   uint8_t fill)
{
	char error[CAPTURE_ERROR_BYTES];
	struct rte_mbuf *m;

	assert_int_equal(capture_next(c, &m, error), CAPTURE_FRAME);
	assert_int_equal(frame_info(m)->ts_ns, ts_ns);
	assert_int_equal(frame_info(m)->number, number);
	assert_int_equal(frame_info(m)->wire_len, wire);
	assert_int_equal(frame_len(m), len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(frame_data(m)[i], fill);
	frame_free(m);
}

static void times_and_lengths(void **state)
{
	char path[64], error[CAPTURE_ERROR_BYTES];
	struct rte_mbuf *m;
	struct capture *c;
	FILE *f;

	for (int nano = 0; nano < 2; nano++) {
		f = file_new(path, 1, nano);
		packet(f, 5, 123, 60, 60, 1);
		packet(f, 6, 0, 64, 1500, 2);      /* cut by the one who captured */
		packet(f, 7, 1, 262144, 262144, 3); /* larger than any mbuf */
		packet(f, 8, 1, 0, 0, 0);
		fclose(f);
		c = capture_open(path, error);
		assert_non_null(c);
		assert_int_equal(capture_link_type(c), 1);
		expect(c, 5 * NS + 123 * (nano ? 1 : 1000), 1, 60, 60, 1);
		expect(c, 6 * NS, 2, 64, 1500, 2);
		expect(c, 7 * NS + (nano ? 1 : 1000), 3, 262144, 262144, 3);
		expect(c, 8 * NS + (nano ? 1 : 1000), 4, 0, 0, 0);
		assert_int_equal(capture_next(c, &m, error), CAPTURE_END);
		assert_int_equal(capture_next(c, &m, error), CAPTURE_END);
		assert_int_equal(capture_bytes_done(c), capture_file_bytes(path));
		capture_close(c);
		unlink(path);
	}
}

/* One packet in a pcapng file with nanoseconds (if_tsresol 9). */
static void pcapng(void **state)
{
	static const uint32_t blocks[] = {
		0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28,
		1, 32, 101, 262144, 9 | 1 << 16, 9, 0, 32,
		6, 36, 0, 0, 1234567, 4, 4, 0x04030201, 36,
	};
	char path[] = "/tmp/metsuke-test-XXXXXX", error[CAPTURE_ERROR_BYTES];
	int fd = mkstemp(path);
	struct capture *c;
	struct rte_mbuf *m;

	assert_int_equal(write(fd, blocks, sizeof(blocks)), sizeof(blocks));
	close(fd);
	c = capture_open(path, error);
	if (!c)
		fail_msg("%s", error);
	assert_int_equal(capture_link_type(c), 101);
	assert_int_equal(capture_next(c, &m, error), CAPTURE_FRAME);
	assert_int_equal(frame_info(m)->ts_ns, 1234567);
	assert_int_equal(frame_len(m), 4);
	frame_free(m);
	assert_int_equal(capture_next(c, &m, error), CAPTURE_END);
	capture_close(c);
	unlink(path);
}

/* Packets before the cut are there; then one sentence. */
static void cut(void **state)
{
	char path[64], error[CAPTURE_ERROR_BYTES];
	FILE *f = file_new(path, 1, false);
	struct rte_mbuf *m;
	struct capture *c;

	packet(f, 1, 0, 60, 60, 1);
	packet(f, 2, 0, 60, 60, 2);
	fflush(f);
	assert_int_equal(ftruncate(fileno(f), 24 + 76 + 40), 0);
	fclose(f);
	c = capture_open(path, error);
	expect(c, 1 * NS, 1, 60, 60, 1);
	assert_int_equal(capture_next(c, &m, error), CAPTURE_CUT);
	assert_non_null(strstr(error, "is cut or damaged after packet 1"));
	capture_close(c);
	unlink(path);
}

static void not_a_capture(void **state)
{
	char path[] = "/tmp/metsuke-test-XXXXXX", error[CAPTURE_ERROR_BYTES];
	int fd = mkstemp(path);

	assert_null(capture_open(path, error));
	assert_non_null(strstr(error, "is empty"));
	assert_int_equal(write(fd, "no capture, but text", 20), 20);
	close(fd);
	assert_null(capture_open(path, error));
	assert_non_null(strstr(error, "cannot read"));
	unlink(path);
	assert_null(capture_open(path, error));
	assert_non_null(strstr(error, "No such file"));
	assert_null(capture_open("/tmp", error));
	assert_non_null(strstr(error, "is a folder"));
}

/* By time; at equal times in the order given; numbered through; one cut does not end the others. */
static void merged(void **state)
{
	static const uint8_t order[] = {10, 20, 11, 21, 30, 22, 12};
	char path[4][64], error[CAPTURE_ERROR_BYTES];
	struct capture *c[4];
	struct capture_merge *merge;
	struct rte_mbuf *m;
	FILE *f[4];
	unsigned n = 0, cuts = 0;
	enum capture_status status;

	for (int i = 0; i < 4; i++)
		f[i] = file_new(path[i], i == 1 ? 101 : 1, true);
	packet(f[0], 1, 0, 20, 20, 10);
	packet(f[0], 2, 0, 20, 20, 11);
	packet(f[0], 9, 0, 20, 20, 12);
	packet(f[1], 1, 0, 20, 20, 20);
	packet(f[1], 2, 1, 20, 20, 21);
	packet(f[1], 8, 0, 20, 20, 22);
	packet(f[2], 3, 0, 20, 20, 30);
	put32(f[2], 4); /* and no more */
	for (int i = 0; i < 4; i++) {
		fclose(f[i]);
		c[i] = capture_open(path[i], error);
		assert_non_null(c[i]);
	}
	merge = capture_merge_new(c, 4);
	assert_non_null(merge);
	while ((status = capture_merge_next(merge, &m, error)) != CAPTURE_END) {
		if (status == CAPTURE_CUT) {
			cuts++;
			continue;
		}
		assert_true(n < sizeof(order));
		assert_int_equal(frame_data(m)[0], order[n]);
		assert_int_equal(frame_info(m)->number, ++n);
		assert_int_equal(frame_info(m)->link_type,
				 frame_data(m)[0] / 10 == 2 ? 101 : 1);
		frame_free(m);
	}
	assert_int_equal(n, sizeof(order));
	assert_int_equal(cuts, 1);
	capture_merge_free(merge);
	for (int i = 0; i < 4; i++)
		unlink(path[i]);
}

/* Ended before its end, it frees what it has in hand. */
static void merge_given_up(void **state)
{
	char path[64], error[CAPTURE_ERROR_BYTES];
	FILE *f = file_new(path, 1, true);
	struct capture *c;
	struct capture_merge *merge;
	struct rte_mbuf *m;

	packet(f, 1, 0, 20, 20, 10);
	packet(f, 2, 0, 20, 20, 11);
	fclose(f);
	c = capture_open(path, error);
	merge = capture_merge_new(&c, 1);
	assert_int_equal(capture_merge_next(merge, &m, error), CAPTURE_FRAME);
	frame_hold(m);
	frame_free(m);
	assert_int_equal(frame_data(m)[0], 10);
	frame_free(m);
	capture_merge_free(merge);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_and_lengths),
		cmocka_unit_test(pcapng),
		cmocka_unit_test(cut),
		cmocka_unit_test(not_a_capture),
		cmocka_unit_test(merged),
		cmocka_unit_test(merge_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

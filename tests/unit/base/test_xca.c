/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/base/xca.c: the examples of MS-XCA, 3.1 to 3.3, cut and spoilt
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/base/xca.h"

#define DATA_OF(s) s, sizeof(s) - 1

enum which { LZNT1, LZ77, HUFFMAN };

/* How many bytes come out of one that is as large as said, into a buffer that is, too. */
static uint32_t unpack(enum which which, const void *data, size_t len, uint8_t *out, uint32_t room)
{
	uint8_t *in = malloc(len + 1), *exact = malloc(room + 1);
	struct bytes packed = {memcpy(in, data, len), (uint32_t)len};
	struct xca_work work;
	uint32_t n;

	exact[room] = 0x5a;
	n = which == LZNT1 ? xca_lznt1(packed, exact, room) : which == LZ77 ? xca_lz77(packed, exact, room) : xca_huffman(packed, exact, room, &work);
	assert_int_equal(exact[room], 0x5a);
	if (n != XCA_BAD) {
		assert_in_range(n, 0, room);
		memcpy(out, exact, n);
	}
	free(in);
	free(exact);
	return n;
}

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz";

/* 276 and 263 bytes: a table of 256, and codes */
static size_t huffman_alphabet(uint8_t out[300])
{
	memset(out, 0, 256);
	out[48] = 0x50;
	memset(out + 49, 0x55, 10);
	out[59] = 0x45;
	out[60] = 0x44;
	out[61] = out[128] = 0x04;
	memcpy(out + 256, "\xd8\x52\x3e\xd7\x94\x11\x5b\xe9\x19\x5f\xf9\xd6\x7c\xdf\x8d\x04\0\0\0\0", 20);
	return 276;
}

static size_t huffman_abc(uint8_t out[300])
{
	memset(out, 0, 256);
	out[48] = 0x30;
	out[49] = 0x23;
	out[128] = 0x02;
	out[143] = 0x20;
	memcpy(out + 256, "\xa8\xdc\0\0\xff\x26\x01", 7);
	return 263;
}

static const char lz77_alphabet[] = "\x3f\0\0\0abcdefghijklmnopqrstuvwxyz";
static const char lz77_abc[] = "\xff\xff\xff\x1f" "abc\x17\0\x0f\xff\x26\x01";
static const char lznt1_notes[] = "\x38\xb0\x88\x46\x23\x20\0\x20\x47\x20\x41\0\x10\xa2\x47\x01\xa0\x45\x20\x44\0\x08\x45\x01\x50\x79\0"
	"\xc0\x45\x20\x05\x24\x13\x88\x05\xb4\x02\x4a\x44\xef\x03\x58\x02\x8c\x09\x16\x01\x48\x45\0\xbe\0\x9e\0\x04\x01\x18\x90\0";
static const char notes[] = "F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A "
	"G F# E D D E F# E D D";

static void abc_is(const uint8_t *out, uint32_t n)
{
	assert_int_equal(n, 300);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(out[i], "abc"[i % 3]);
}

static void examples(void **state)
{
	uint8_t out[4096], in[300];
	size_t len;

	(void)state;
	assert_int_equal(unpack(HUFFMAN, in, huffman_alphabet(in), out, 26), 26);
	assert_memory_equal(out, alphabet, 26);
	assert_int_equal(unpack(HUFFMAN, in, huffman_alphabet(in), out, 1000), 26); /* its end is a symbol, too */
	len = huffman_abc(in);
	abc_is(out, unpack(HUFFMAN, in, len, out, 300));
	assert_int_equal(unpack(LZ77, DATA_OF(lz77_alphabet), out, 26), 26);
	assert_memory_equal(out, alphabet, 26);
	abc_is(out, unpack(LZ77, DATA_OF(lz77_abc), out, 300));
	assert_int_equal(unpack(LZNT1, DATA_OF(lznt1_notes), out, 4096), sizeof(notes)); /* with its NUL */
	assert_memory_equal(out, notes, sizeof(notes));
	/* a chunk that is not packed, one that is, and what stands behind the end */
	assert_int_equal(unpack(LZNT1, DATA_OF("\x02\x30" "abc" "\x03\xb0\x02" "d\0\x00" "\0\0zzz"), out, 100), 7);
	assert_string_equal((out[7] = 0, (char *)out), "abcdddd");
}

static void refused(void **state)
{
	static const struct {
		enum which which;
		const char *data;
		size_t len;
	} rows[] = {
		{LZNT1, DATA_OF("\x02\x20" "abc")},         /* another signature */
		{LZNT1, DATA_OF("\x03\x30" "abc")},         /* longer than what is there */
		{LZNT1, DATA_OF("\x02\xb0\x01\0\0")},       /* a match before anything */
		{LZNT1, DATA_OF("\x03\xb0\x02" "a\0\x10")}, /* one from before the chunk */
		{LZNT1, DATA_OF("\x02\xb0\x02" "a\0")},      /* half of one */
		{LZ77, DATA_OF("\xff\xff\xff")},
		{LZ77, DATA_OF("\xff\xff\xff\xff\0\0")},
		{LZ77, DATA_OF("\xff\xff\xff\x7f" "a\x08\0")},
		{LZ77, DATA_OF("\xff\xff\xff\x7f" "a\x07\0\x0f\xff\x01\0")}, /* a length that needed no such form */
		{LZ77, DATA_OF("\xff\xff\xff\x7f" "a\x07\0\x0f\xff\0\0\xff\xff\xff\xff")},
		{LZ77, DATA_OF("\xff\xff\xff\x7f" "a\x07\0")},
		{HUFFMAN, DATA_OF("short")},
	};
	uint8_t out[300], in[300];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (unpack(rows[i].which, rows[i].data, rows[i].len, out, 300) != XCA_BAD)
			fail_msg("row %zu", i);
	assert_int_equal(unpack(LZNT1, DATA_OF(lznt1_notes), out, sizeof(notes) - 1), XCA_BAD); /* no room */
	assert_int_equal(unpack(LZ77, DATA_OF(lz77_abc), out, 299), XCA_BAD);
	len = huffman_abc(in);
	assert_int_equal(unpack(HUFFMAN, in, len, out, 299), XCA_BAD);
	in[48] = 0x40; /* codes that do not fill what there is, and too many */
	assert_int_equal(unpack(HUFFMAN, in, len, out, 300), XCA_BAD);
	in[48] = 0x33;
	assert_int_equal(unpack(HUFFMAN, in, len, out, 300), XCA_BAD);
}

/* Cut anywhere, with each byte another: nothing beyond the buffers (ASan), and an end. */
static void spoilt(void **state)
{
	uint8_t in[300], out[1000];

	(void)state;
	for (unsigned k = 0; k < 5; k++) {
		static const char *const texts[] = {NULL, NULL, lz77_alphabet, lz77_abc, lznt1_notes};
		size_t len = k == 0 ? huffman_alphabet(in) : k == 1 ? huffman_abc(in) : k == 2 ? sizeof(lz77_alphabet) - 1 : k == 3 ? sizeof(lz77_abc) - 1 : sizeof(lznt1_notes) - 1;
		enum which which = k < 2 ? HUFFMAN : k < 4 ? LZ77 : LZNT1;

		if (texts[k])
			memcpy(in, texts[k], len);
		for (size_t cut = 0; cut <= len; cut++)
			unpack(which, in, cut, out, 1000);
		for (size_t i = 0; i < len; i++)
			for (unsigned bit = 0; bit < 8; bit++) {
				in[i] ^= (uint8_t)(1u << bit);
				unpack(which, in, len, out, 1000);
				in[i] ^= (uint8_t)(1u << bit);
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(examples), cmocka_unit_test(refused), cmocka_unit_test(spoilt)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes as all analysers need them: searched, folded, measured, inflated.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "control/analysis/analyser.h"

#define INFLATE_FIRST_BYTES 65536u

bool name_ends(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcasecmp(name + n - m, end) == 0;
}

bool bytes_begin(struct bytes b, const void *with, size_t len)
{
	return b.len >= len && memcmp(b.data, with, len) == 0;
}

const uint8_t *bytes_find(struct bytes b, size_t from, const void *needle, size_t len)
{
	return from < b.len ? memmem(b.data + from, b.len - from, needle, len) : NULL;
}

/* 1: little endian, 2: big endian, 0: bytes. Without a mark: zeros at every second place. */
static int wide_text(struct bytes b, uint32_t *from)
{
	unsigned odd = 0, even = 0, look = b.len < 512 ? b.len / 2 : 256;

	*from = 0;
	if (b.len >= 2 && b.data[0] == 0xff && b.data[1] == 0xfe) {
		*from = 2;
		return 1;
	}
	if (b.len >= 2 && b.data[0] == 0xfe && b.data[1] == 0xff) {
		*from = 2;
		return 2;
	}
	for (unsigned i = 0; i < look; i++) {
		even += b.data[2 * i] == 0;
		odd += b.data[2 * i + 1] == 0;
	}
	if (look < 8)
		return 0;
	return odd > look * 3 / 4 && !even ? 1 : even > look * 3 / 4 && !odd ? 2 : 0;
}

struct bytes text_fold(struct bytes b)
{
	uint32_t from, n = 0, step;
	int wide = wide_text(b, &from);
	uint8_t *out = malloc((b.len < TEXT_FOLD_MAX ? b.len : TEXT_FOLD_MAX) + 1u);

	step = wide ? 2 : 1;
	if (!out)
		return (struct bytes){NULL, 0};
	for (uint32_t i = from; i + step <= b.len && n < TEXT_FOLD_MAX; i += step) {
		uint8_t c = wide == 2 ? b.data[i + 1] : b.data[i];

		out[n++] = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return (struct bytes){out, n};
}

bool text_has(struct bytes folded, const char *needle)
{
	return folded.data && memmem(folded.data, folded.len, needle, strlen(needle)) != NULL;
}

double bytes_entropy(struct bytes b)
{
	uint32_t count[256] = {0};
	double bits = 0;

	for (uint32_t i = 0; i < b.len; i++)
		count[b.data[i]]++;
	for (unsigned i = 0; i < 256 && b.len; i++)
		if (count[i]) {
			double p = (double)count[i] / b.len;

			bits -= p * log2(p);
		}
	return bits;
}

bool bytes_inflate(struct bytes in, bool zlib, uint64_t room, struct bytes *out, bool *whole)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in.data, .avail_in = in.len};
	uint64_t cap = room < INFLATE_FIRST_BYTES ? room : INFLATE_FIRST_BYTES, n = 0;
	uint8_t *data = cap ? malloc(cap) : NULL, *more;
	int rc = Z_OK;

	*out = (struct bytes){NULL, 0};
	*whole = false;
	if (!data || inflateInit2(&z, zlib ? 15 : -15) != Z_OK) {
		free(data);
		return false;
	}
	while (rc == Z_OK) {
		if (n == cap) {
			if (cap >= room)
				break;
			cap = cap * 2 < room ? cap * 2 : room;
			more = realloc(data, cap);
			if (!more)
				break;
			data = more;
		}
		z.next_out = data + n;
		z.avail_out = (uInt)(cap - n < 1u << 30 ? cap - n : 1u << 30);
		rc = inflate(&z, Z_NO_FLUSH);
		n = (uint64_t)(z.next_out - data);
	}
	inflateEnd(&z);
	*whole = rc == Z_STREAM_END;
	if (!n) {
		free(data);
		return false;
	}
	*out = (struct bytes){data, (uint32_t)n};
	return true;
}

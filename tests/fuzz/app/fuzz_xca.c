/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The decoders of MS-XCA (base/xca.c), with buffers that are as large as said. The input: which one, how much may come out
 * (two bytes), and what is packed.
 */
#include <stdlib.h>

#include "dataplane/base/xca.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xca_work work;
	uint32_t room, n;
	uint8_t *in, *out;

	if (size < 3)
		return 0;
	room = ((uint32_t)data[1] << 8 | data[2]) * (data[0] & 0x80 ? 4u : 1u);
	in = malloc(size - 3 + 1);
	out = malloc(room + 1);
	if (!in || !out)
		abort();
	memcpy(in, data + 3, size - 3);
	struct bytes packed = {in, (uint32_t)(size - 3)};

	if (data[0] % 3 == 0)
		n = xca_lznt1(packed, out, room);
	else if (data[0] % 3 == 1)
		n = xca_lz77(packed, out, room);
	else
		n = xca_huffman(packed, out, room, &work);
	if (n != XCA_BAD && n > room)
		abort();
	free(in);
	free(out);
	return 0;
}

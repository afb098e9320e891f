/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a compressed container of macros: what comes out is bounded.
 */
#include <stdlib.h>

#include "control/analysis/vba.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes out = vba_decompress((struct bytes){data, (uint32_t)size});

	if (out.len > VBA_SOURCE_MAX)
		abort();
	free((void *)(uintptr_t)out.data);
	return 0;
}

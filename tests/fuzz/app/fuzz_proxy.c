/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What goes through a SOCKS proxy, from bytes of both directions to records.
 */
#include <stdlib.h>

#include "tests/fuzz/app/fuzz_tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_flow(data, size, 1080);
	return 0;
}

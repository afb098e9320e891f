/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control/capture/pcapng.c: a file that is read back, of any bytes
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/capture/pcapng.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pcapng_found found;
	int fd = memfd_create("pcapng", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	pcapng_read_back(fd, &found);
	if (found.length > size)
		abort();
	close(fd);
	return 0;
}

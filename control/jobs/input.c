/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/jobs/input.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP (256u << 10)

static int map_file(struct input *in, int fd, size_t size)
{
	in->bytes = (struct slice){"", 0};
	if (!size)
		return 0;
	/* Private: what is changed in the file meanwhile may be seen, but not grow the mapping. */
	in->map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (in->map == MAP_FAILED) {
		in->map = NULL;
		return -errno;
	}
	in->map_bytes = size;
	in->bytes = (struct slice){in->map, size};
	return 0;
}

/* A copy in memory of its own: a file that is cut while it is mapped would kill us, and a pipe
 * cannot be mapped. */
static int copy(int from, int to, size_t max, size_t *size)
{
	static _Thread_local char buffer[STEP];
	ssize_t n;

	*size = 0;
	while ((n = read(from, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (*size + (size_t)n > max)
			return -EFBIG;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, buffer + done, (size_t)(n - done));

			if (w < 0)
				return -errno;
			done += w;
		}
		*size += (size_t)n;
	}
	return 0;
}

int input_open(struct input *in, int fd, size_t max)
{
	int memory = memfd_create("metsuke-input", MFD_CLOEXEC), err;
	size_t size;

	*in = (struct input){.bytes = {"", 0}};
	if (memory < 0)
		return -errno;
	err = copy(fd, memory, max, &size);
	if (!err)
		err = map_file(in, memory, size);
	close(memory);
	return err;
}

int input_copy(int from, int to)
{
	size_t size;

	return lseek(from, 0, SEEK_SET) < 0 ? -errno : copy(from, to, SIZE_MAX, &size);
}

void input_close(struct input *in)
{
	if (in->map)
		munmap(in->map, in->map_bytes);
	*in = (struct input){.bytes = {"", 0}};
}

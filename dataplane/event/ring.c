/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_MAGIC 0x31676e6972736d4dull
#define RING_HEAD_BYTES 4096u

_Static_assert(sizeof(struct ring_shared) <= RING_HEAD_BYTES, "the head fits its page");

static uint64_t load(const uint64_t *p)
{
	return atomic_load_explicit((const _Atomic uint64_t *)p, memory_order_acquire);
}

static void store(uint64_t *p, uint64_t v)
{
	atomic_store_explicit((_Atomic uint64_t *)p, v, memory_order_release);
}

int ring_create(const char *name, uint64_t size_bytes, uint64_t boot_id)
{
	uint64_t size = 4096;
	struct ring_shared head = {.magic = RING_MAGIC, .boot_id = boot_id};
	int fd, err;

	while (size < size_bytes)
		size <<= 1;
	head.size_bytes = size;
	fd = memfd_create(name, 0);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)(RING_HEAD_BYTES + size)) != 0 ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int ring_attach(struct ring *r, int fd)
{
	struct ring_shared *shared;
	struct stat st;
	uint8_t *data;
	uint64_t size;

	if (fstat(fd, &st) != 0)
		return -errno;
	shared = mmap(NULL, RING_HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		return -errno;
	size = shared->size_bytes;
	if (shared->magic != RING_MAGIC || size < 4096 || (size & (size - 1)) ||
	    (uint64_t)st.st_size != RING_HEAD_BYTES + size) {
		munmap(shared, RING_HEAD_BYTES);
		return -EINVAL;
	}
	data = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		goto unmap_head;
	for (int i = 0; i < 2; i++)
		if (mmap(data + (size_t)i * size, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, RING_HEAD_BYTES) == MAP_FAILED)
			goto unmap_data;
	*r = (struct ring){.shared = shared, .data = data, .size_bytes = size};
	r->cached_tail = load(&shared->tail);
	return 0;

unmap_data:
	munmap(data, 2 * size);
unmap_head:
	munmap(shared, RING_HEAD_BYTES);
	return -ENOMEM;
}

void ring_detach(struct ring *r)
{
	if (!r->shared)
		return;
	munmap(r->data, 2 * r->size_bytes);
	munmap(r->shared, RING_HEAD_BYTES);
	memset(r, 0, sizeof(*r));
}

void *ring_reserve(struct ring *r, uint32_t len, uint64_t keep_free)
{
	uint64_t head = r->shared->head;
	uint64_t need = (uint64_t)len + keep_free;

	if (r->size_bytes - (head - r->cached_tail) < need) {
		r->cached_tail = load(&r->shared->tail);
		if (r->size_bytes - (head - r->cached_tail) < need)
			return NULL;
	}
	return r->data + (head & (r->size_bytes - 1));
}

void ring_commit(struct ring *r, uint32_t len)
{
	store(&r->shared->head, r->shared->head + len);
}

const void *ring_peek(const struct ring *r, uint64_t pos, uint64_t *avail)
{
	*avail = load(&r->shared->head) - pos;
	return r->data + (pos & (r->size_bytes - 1));
}

void ring_release(struct ring *r, uint64_t pos)
{
	store(&r->shared->tail, pos);
}

uint64_t ring_tail(const struct ring *r)
{
	return load(&r->shared->tail);
}

uint64_t ring_head(const struct ring *r)
{
	return load(&r->shared->head);
}

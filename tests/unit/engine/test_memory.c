/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker's memory: huge pages are taken only where as many are reserved as it needs, so that none is
 * found missing when it is touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/engine/worker.h"

#define PAGE_BYTES ((size_t)4096)
#define HUGE_BYTES ((size_t)2 << 20)

static size_t free_huge_pages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	size_t free = 0;

	if (f) {
		if (fscanf(f, "%zu", &free) != 1)
			free = 0;
		fclose(f);
	}
	return free;
}

static void touch(uint8_t *memory, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += PAGE_BYTES)
		memory[i] = 1;
	memory[bytes - 1] = 1;
}

/* One huge page more than there are: small pages, all of which can be written. */
static void more_than_is_reserved(void **state)
{
	static struct worker w = {.huge_pages = true, .offline = true};
	size_t pages = free_huge_pages() + 1, bytes;
	uint8_t *memory;

	(void)state;
	if (pages > 2048) /* 4 GB: more than a test should take */
		skip();
	bytes = pages * HUGE_BYTES;
	memory = worker_memory(&w, bytes, 64);
	assert_non_null(memory);
	touch(memory, bytes);
	worker_memory_free(&w, memory);
}

static void aligned_and_zero(void **state)
{
	static const size_t sizes[] = {1, PAGE_BYTES, HUGE_BYTES - 64, HUGE_BYTES, 3 * HUGE_BYTES + 5};
	static struct worker w = {.huge_pages = true};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (size_t align = 1; align <= PAGE_BYTES; align *= 8) {
			uint8_t *memory = worker_memory(&w, sizes[i], align);

			assert_non_null(memory);
			assert_int_equal((uintptr_t)memory % (align < 64 ? 64 : align), 0);
			assert_int_equal(memory[0] | memory[sizes[i] - 1], 0);
			touch(memory, sizes[i]);
			worker_memory_free(&w, memory);
		}
	}
	worker_memory_free(&w, NULL);
	assert_null(worker_memory(&w, SIZE_MAX, 64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_is_reserved),
		cmocka_unit_test(aligned_and_zero),
	};

	return cmocka_run_group_tests_name("engine memory", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/base/addr.c, cursor.h, heap.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/cursor.h"
#include "dataplane/base/heap.h"

static void addresses(void **state)
{
	struct addr a, twin;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &a), 4);
	assert_int_equal(addr_parse("::ffff:192.0.2.1", &twin), 6);
	assert_false(addr_equal(&a, &twin));
	assert_int_equal(addr_parse("2001:db8::1", &a), 6);
	assert_string_equal(addr_format(&a, 6, text), "2001:db8::1");
	assert_string_equal(addr_format_long(&a, 6, text), "2001:0db8:0000:0000:0000:0000:0000:0001");
	assert_int_equal(addr_parse("192.0.2.256", &a), 0);
}

static void prefixes(void **state)
{
	struct addr_prefix p;
	struct addr a;

	(void)state;
	assert_int_equal(addr_prefix_parse("10.1.2.3/12", &p), 0);
	addr_parse("10.15.255.255", &a);
	assert_true(addr_prefix_covers(&p, &a, 4));
	addr_parse("10.16.0.0", &a);
	assert_false(addr_prefix_covers(&p, &a, 4));
	assert_false(addr_prefix_covers(&p, &a, 6));
	assert_int_equal(addr_prefix_parse("10.0.0.0/33", &p), -EINVAL);
	assert_int_equal(addr_prefix_parse("10.0.0.0/", &p), -EINVAL);
	assert_int_equal(addr_prefix_parse("::/0", &p), 0);
	addr_parse("fe80::1", &a);
	assert_true(addr_prefix_covers(&p, &a, 6));
}

static void cursor_stops_at_its_end(void **state)
{
	static const uint8_t b[] = {1, 2, 3, 4, 5};
	struct cursor c = cursor_of(b, sizeof(b)), sub;

	(void)state;
	assert_int_equal(cursor_be16(&c), 0x0102);
	sub = cursor_sub(&c, 2);
	assert_int_equal(cursor_le16(&sub), 0x0403);
	assert_int_equal(cursor_u8(&sub), 0);
	assert_true(sub.bad);
	assert_int_equal(cursor_be32(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_left(&c), 0);
}

static void heap_keeps_its_cap(void **state)
{
	struct heap h;
	char *a, *b;

	(void)state;
	assert_int_equal(heap_init(&h, 100000), 0);
	a = heap_alloc(&h, 60000);
	assert_non_null(a);
	assert_null(heap_alloc(&h, 60000));
	assert_int_equal(h.refused, 1);
	b = heap_realloc(&h, a, 90000);
	assert_non_null(b);
	assert_null(heap_realloc(&h, b, 200000));
	heap_free(&h, b);
	assert_int_equal(h.used_bytes, 0);
	heap_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(cursor_stops_at_its_end),
		cmocka_unit_test(heap_keeps_its_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

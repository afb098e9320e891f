/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/block.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "dataplane/engine/block.h"

static struct block_list list;

static struct addr_prefix prefix(const char *text)
{
	struct addr_prefix p;

	assert_int_equal(addr_prefix_parse(text, &p), 0);
	return p;
}

static void add(const char *text, uint64_t expires_ns)
{
	struct addr_prefix p = prefix(text);

	assert_int_equal(block_add(&list, &p, expires_ns), 0);
}

static bool hit(const char *address, uint64_t now_ns)
{
	struct block_table *t = block_table_new(&list);
	struct addr a;
	int version = addr_parse(address, &a);
	bool is = block_hit(t, &a, version, now_ns);

	free(t);
	return is;
}

static void prefixes(void **state)
{
	assert_false(hit("10.0.0.1", 5));
	add("10.1.0.0/16", 0);
	add("192.0.2.7", 0);
	add("2001:db8::/33", 0);
	assert_true(hit("10.1.255.3", 5));
	assert_false(hit("10.2.0.1", 5));
	assert_true(hit("192.0.2.7", 5));
	assert_false(hit("192.0.2.6", 5));
	assert_true(hit("2001:db8:7fff::1", 5));
	assert_false(hit("2001:db8:8000::1", 5));
	/* ::ffff:10.1.0.1 is another address than 10.1.0.1 */
	assert_false(hit("::ffff:10.1.0.1", 5));
	add("0.0.0.0/0", 0);
	assert_true(hit("8.8.8.8", 5));
	assert_false(hit("2001:db9::1", 5));
	block_list_clear(&list);
}

static void expiry(void **state)
{
	struct addr_prefix p = prefix("10.0.0.1");

	add("10.0.0.1", 100);
	add("10.0.0.2", 0);
	assert_true(hit("10.0.0.1", 99));
	assert_false(hit("10.0.0.1", 100));
	add("10.0.0.1", 200); /* renewed */
	assert_int_equal(list.count, 2);
	assert_true(hit("10.0.0.1", 100));
	assert_false(block_expire(&list, 100));
	assert_true(block_expire(&list, 200));
	assert_int_equal(list.count, 1);
	assert_int_equal(block_remove(&list, &p), -ENOENT);
	p = prefix("10.0.0.2");
	assert_int_equal(block_remove(&list, &p), 0);
	assert_false(hit("10.0.0.2", 5));
	block_list_clear(&list);
}

static void many(void **state)
{
	struct addr_prefix p = {.ip_version = 4, .bits = 32};
	struct block_table *t;

	for (unsigned i = 0; i < 20000; i++) {
		p.addr.b[0] = 10;
		p.addr.b[1] = (uint8_t)(i >> 16);
		p.addr.b[2] = (uint8_t)(i >> 8);
		p.addr.b[3] = (uint8_t)i;
		if (i % 100 == 0) /* block_add looks at all that there are */
			assert_int_equal(block_add(&list, &p, 0), 0);
	}
	t = block_table_new(&list);
	for (unsigned i = 0; i < 20000; i++) {
		p.addr.b[1] = (uint8_t)(i >> 16);
		p.addr.b[2] = (uint8_t)(i >> 8);
		p.addr.b[3] = (uint8_t)i;
		assert_int_equal(block_hit(t, &p.addr, 4, 1), i % 100 == 0);
	}
	free(t);
	block_list_clear(&list);
}

static void not_a_prefix(void **state)
{
	struct addr_prefix p = {.ip_version = 4, .bits = 33};

	assert_int_equal(block_add(&list, &p, 0), -EINVAL);
	p = (struct addr_prefix){.ip_version = 5};
	assert_int_equal(block_add(&list, &p, 0), -EINVAL);
	assert_int_equal(block_remove(&list, &p), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),
		cmocka_unit_test(expiry),
		cmocka_unit_test(many),
		cmocka_unit_test(not_a_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

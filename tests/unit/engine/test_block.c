/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/engine/block.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

	assert_int_equal(block_add(&list, &p, expires_ns, 0), 0);
}

static bool hit(const char *address, uint64_t now_ns)
{
	struct block_table *t = block_table_new(&list);
	struct addr a;
	int version = addr_parse(address, &a);
	struct limit *limit;
	bool is = block_hit(t, &a, version, now_ns, &limit);

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
	struct limit *limit;

	for (unsigned i = 0; i < 20000; i++) {
		p.addr.b[0] = 10;
		p.addr.b[1] = (uint8_t)(i >> 16);
		p.addr.b[2] = (uint8_t)(i >> 8);
		p.addr.b[3] = (uint8_t)i;
		if (i % 100 == 0) /* block_add looks at all that there are */
			assert_int_equal(block_add(&list, &p, 0, 0), 0);
	}
	t = block_table_new(&list);
	for (unsigned i = 0; i < 20000; i++) {
		p.addr.b[1] = (uint8_t)(i >> 16);
		p.addr.b[2] = (uint8_t)(i >> 8);
		p.addr.b[3] = (uint8_t)i;
		assert_int_equal(block_hit(t, &p.addr, 4, 1, &limit), i % 100 == 0);
	}
	free(t);
	block_list_clear(&list);
}

static void not_a_prefix(void **state)
{
	struct addr_prefix p = {.ip_version = 4, .bits = 33};

	assert_int_equal(block_add(&list, &p, 0, 0), -EINVAL);
	p = (struct addr_prefix){.ip_version = 5};
	assert_int_equal(block_add(&list, &p, 0, 0), -EINVAL);
	assert_int_equal(block_remove(&list, &p), -EINVAL);
}

static struct limit *limit_at(const char *address, bool *dropped)
{
	struct block_table *t = block_table_new(&list);
	struct limit *limit;
	struct addr a;
	int version = addr_parse(address, &a);

	*dropped = block_hit(t, &a, version, 5, &limit);
	free(t);
	return limit;
}

/* The longest prefix with a limit counts; a block counts more than any limit. */
static void limits(void **state)
{
	struct addr_prefix wide = prefix("10.0.0.0/8"), narrow = prefix("10.1.0.0/16"), host = prefix("10.1.0.7");
	struct limit *limit, *before;
	bool dropped;

	assert_int_equal(block_add(&list, &wide, 0, LIMIT_RATE_MIN - 1), -ERANGE);
	assert_int_equal(block_add(&list, &wide, 0, 1000000), 0);
	assert_int_equal(block_add(&list, &narrow, 0, 2000000), 0);
	assert_int_equal(block_add(&list, &host, 0, 0), 0);
	assert_int_equal(limit_at("10.2.0.1", &dropped)->rate_bps, 1000000);
	assert_false(dropped);
	before = limit_at("10.1.0.1", &dropped);
	assert_int_equal(before->rate_bps, 2000000);
	limit_at("10.1.0.7", &dropped);
	assert_true(dropped);
	assert_null(limit_at("192.0.2.1", &dropped));
	/* renewed: the same bucket */
	assert_int_equal(block_add(&list, &narrow, 9, 3000000), 0);
	limit = limit_at("10.1.0.1", &dropped);
	assert_ptr_equal(limit, before);
	assert_int_equal(limit->rate_bps, 3000000);
	/* taken out: kept until nobody can use it */
	assert_true(block_expire(&list, 9));
	assert_int_equal(block_remove(&list, &wide), 0);
	assert_null(limit_at("10.1.0.1", &dropped));
	limit = block_list_take_gone(&list);
	assert_true(limit && limit->next && !limit->next->next);
	block_limits_free(limit);
	block_list_clear(&list);
}

/* One lane offered ten times the rate: the rate passes, and a burst at the start. */
static void rate_of_one_lane(void **state)
{
	struct limit *l = limit_new(8000000, 1); /* a million bytes a second */
	uint64_t passed = 0, told = 0;

	for (uint64_t ns = 0; ns < 10000000000ull; ns += 100000) {
		if (limit_take(l, 0, 1000, ns))
			passed += 1000;
		else
			told += limit_tell(l, 0, ns);
	}
	assert_true(passed >= 10000000 && passed <= 10000000 + 101000);
	assert_in_range(told, 9, 10);
	assert_true(limit_take(l, 0, 60000, 20000000000ull)); /* longer than a burst, after a rest */
	free(l);
}

/* All packets come to one of four lanes, then to another: the sum is the rate all the same. */
static void rate_follows_the_packets(void **state)
{
	struct limit *l = limit_new(8000000, 4);
	uint64_t ns = 0;

	for (unsigned lane = 1; lane < 4; lane++) {
		uint64_t passed = 0;

		for (unsigned i = 0; i < 40000; i++, ns += 100000) {
			passed += limit_take(l, lane, 1000, ns) ? 1000 : 0;
			if (i % 500 == 0)
				limit_deal(l);
		}
		assert_in_range(passed, 3500000, 4200000); /* four seconds */
	}
	free(l);
}

static bool flow_hit(const char *text, uint64_t now_ns, struct limit **limit)
{
	struct block_table *t = block_table_new(&list);
	struct block_flow f;
	bool is;

	assert_int_equal(block_flow_parse(text, &f), 0);
	is = block_flow_hit(t, &f, now_ns, limit);
	free(t);
	return is;
}

/* Both ways, this flow and no other; its hosts are not concerned, but their pair is. */
static void flows(void **state)
{
	static const char text[] = "10.0.0.7:4711-203.0.113.5:443/tcp";
	struct block_table *t;
	struct block_flow f;
	struct limit *limit;
	struct addr a, b;

	assert_int_equal(block_flow_parse(text, &f), 0);
	add("192.0.2.0/24", 0);
	assert_false(flow_hit(text, 5, &limit));
	assert_int_equal(block_flow_add(&list, &f, 100, 0), 0);
	assert_true(flow_hit(text, 99, &limit));
	assert_true(flow_hit("203.0.113.5:443-10.0.0.7:4711/tcp", 99, &limit));
	assert_false(flow_hit(text, 100, &limit));
	assert_false(flow_hit("10.0.0.7:4712-203.0.113.5:443/tcp", 99, &limit));
	assert_false(flow_hit("10.0.0.7:4711-203.0.113.5:443/udp", 99, &limit));
	assert_false(hit("10.0.0.7", 99));
	t = block_table_new(&list);
	addr_parse("10.0.0.7", &a);
	addr_parse("203.0.113.5", &b);
	assert_true(blocks_concern(t, &b, &a, 4, 99));
	assert_false(blocks_concern(t, &b, &a, 4, 100));
	addr_parse("203.0.113.6", &b);
	assert_false(blocks_concern(t, &a, &b, 4, 99));
	free(t);
	/* held to a rate, renewed, ended */
	assert_int_equal(block_flow_add(&list, &f, 0, 80000), 0);
	assert_int_equal(list.count, 2);
	assert_false(flow_hit(text, 100, &limit));
	assert_non_null(limit);
	assert_int_equal(block_flow_remove(&list, &f), 0);
	assert_int_equal(block_flow_remove(&list, &f), -ENOENT);
	assert_false(flow_hit(text, 5, &limit));
	assert_null(limit);
	assert_int_equal(block_flow_add(&list, &(struct block_flow){0}, 0, 0), -EINVAL);
	block_list_clear(&list);
}

/* A thousand flows between the same two hosts, and one to each of a thousand. */
static void many_flows(void **state)
{
	struct limit *limit;
	struct block_flow f;
	char text[BLOCK_FLOW_TEXT_MAX];

	for (unsigned i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), i % 2 ? "10.0.0.1:%u-10.0.0.2:80/tcp" : "10.0.0.1:%u-10.1.%u.%u:80/tcp", i + 1,
			 i / 256, i % 256);
		assert_int_equal(block_flow_parse(text, &f), 0);
		assert_int_equal(block_flow_add(&list, &f, 0, 0), 0);
	}
	assert_true(flow_hit("10.0.0.1:1000-10.0.0.2:80/tcp", 5, &limit));
	assert_false(flow_hit("10.0.0.1:1001-10.0.0.2:80/tcp", 5, &limit));
	assert_true(flow_hit("10.1.0.4:80-10.0.0.1:5/tcp", 5, &limit));
	block_list_clear(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),
		cmocka_unit_test(flows),
		cmocka_unit_test(many_flows),
		cmocka_unit_test(expiry),
		cmocka_unit_test(many),
		cmocka_unit_test(not_a_prefix),
		cmocka_unit_test(limits),
		cmocka_unit_test(rate_of_one_lane),
		cmocka_unit_test(rate_follows_the_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

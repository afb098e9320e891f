/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control/rpc/blocks.c: what is kept of blocks, and read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "control/rpc/blocks.h"
#include "tests/unit/control/feed.h"

struct world {
	struct feed *feed;
	struct store *store;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char dir[128];

	assert_non_null(w);
	w->feed = feed_new();
	snprintf(dir, sizeof(dir), "%s/store", w->feed->dir);
	assert_int_equal(store_open(&w->store, dir, STORE_WRITE, NULL), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	store_close(w->store);
	feed_free(w->feed);
	free(w);
	return 0;
}

static struct kept_block block(const char *text, uint64_t expires_ns, uint64_t rate_bps)
{
	struct kept_block b = {.expires_ns = expires_ns, .rate_bps = rate_bps};

	assert_int_equal(kept_block_parse(text, &b), 0);
	return b;
}

/* What another process reads of it, as text. */
static const char *stored(struct store *s)
{
	static char text[1000];
	struct kept_blocks k = {0};
	char room[KEPT_BLOCK_TEXT_MAX];
	int n = 0;

	assert_true(kept_blocks_read(&k, s));
	*text = '\0';
	for (size_t i = 0; i < k.count; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %u %u;", kept_block_format(&k.block[i], room),
			      (unsigned)k.block[i].expires_ns, (unsigned)k.block[i].rate_bps);
	kept_blocks_free(&k);
	return text;
}

static void it_is_there_again(void **state)
{
	struct world *w = *state;
	struct kept_blocks k = {0};
	struct kept_block host = block("192.0.2.7", 0, 0), net = block("2001:db8::/32", 77, 8000),
			  flow = block("203.0.113.5:443-10.0.0.7:4711/tcp", 0, 0), host_v6 = block("2001:db8::1", 0, 0);

	assert_int_equal(kept_blocks_add(&k, w->store, &host), KEPT_STORED);
	assert_int_equal(kept_blocks_add(&k, w->store, &net), KEPT_STORED);
	assert_int_equal(kept_blocks_add(&k, w->store, &flow), KEPT_STORED);
	assert_int_equal(kept_blocks_add(&k, w->store, &host_v6), KEPT_STORED);
	host.rate_bps = 9000; /* renewed */
	assert_int_equal(kept_blocks_add(&k, w->store, &host), KEPT_STORED);
	assert_string_equal(stored(w->store), "192.0.2.7/32 0 9000;2001:db8::/32 77 8000;"
			    "10.0.0.7:4711-203.0.113.5:443/tcp 0 0;2001:db8::1/128 0 0;");
	assert_true(kept_blocks_has(&k, w->store, &flow));
	assert_int_equal(kept_blocks_remove(&k, w->store, &flow), KEPT_STORED);
	assert_false(kept_blocks_has(&k, w->store, &flow));
	assert_int_equal(kept_blocks_remove(&k, w->store, &flow), KEPT_STORED); /* there is none any more */
	kept_blocks_expire(&k, 77);
	assert_int_equal(kept_blocks_remove(&k, w->store, &host), KEPT_STORED);
	assert_string_equal(stored(w->store), "2001:db8::1/128 0 0;");
	kept_blocks_free(&k);
}

static void without_a_store(void **state)
{
	struct kept_blocks k = {.read = true};
	struct kept_block host = block("192.0.2.7", 0, 0);

	assert_int_equal(kept_blocks_add(&k, NULL, &host), KEPT_NOT);
	assert_true(kept_blocks_has(&k, NULL, &host));
	kept_blocks_free(&k);
}

static void what_is_none(void **state)
{
	struct kept_block b;

	assert_int_not_equal(kept_block_parse("", &b), 0);
	assert_int_not_equal(kept_block_parse("10.0.0.300", &b), 0);
	assert_int_not_equal(kept_block_parse("10.0.0.1:1-10.0.0.2/tcp", &b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_there_again, setup, teardown),
		cmocka_unit_test(without_a_store),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control/hosts: facts in, who had an address out; whatever the order, and whatever is not
 * committed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/hosts/row.h"
#include "tests/unit/control/feed.h"

#define S 1000000000ull
#define HOUR (3600 * S)
#define T0 (1706693400 * S) /* 2024-01-31T09:30:00 */

struct fixture {
	struct feed *f;
	struct store *store;
	struct hosts *hosts;
	struct store_batch *batch;
	char path[96];
};

static void open_all(struct fixture *x)
{
	assert_int_equal(store_open(&x->store, x->path, STORE_WRITE, NULL), 0);
	assert_int_equal(hosts_new(&x->hosts, x->store, x->f->config), 0);
	x->batch = store_batch_new();
}

static void close_all(struct fixture *x)
{
	hosts_free(x->hosts);
	store_batch_free(x->batch);
	store_close(x->store);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	x->f = feed_new();
	snprintf(x->path, sizeof(x->path), "%s/store", x->f->dir);
	open_all(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	close_all(x);
	feed_free(x->f);
	free(x);
	return 0;
}

struct fact {
	uint64_t ts_ns;
	enum host_source source;
	uint8_t mac; /* last byte; 0: not said */
	const char *name, *user;
	uint32_t lease_s;
	const char *ip; /* NULL: 10.0.0.7; "": none, what is said is said of the MAC */
};

static void stage(struct fixture *x, struct fact fact)
{
	struct record_head head = {.type = RECORD_host, .ts_ns = fact.ts_ns};
	_Alignas(8) uint8_t memory[1024];
	uint8_t mac[6] = {2, 0, 0, 0, 0, fact.mac};
	struct recorder r;
	struct addr a;
	int version = addr_parse(fact.ip ? fact.ip : "10.0.0.7", &a);

	rec_begin(&r, memory, sizeof(memory), &head);
	if (version)
		rec_addr(&r, F_host_ip, &a, version);
	if (fact.mac)
		rec_bytes(&r, F_host_mac, mac, 6);
	if (fact.name)
		rec_text(&r, F_host_name, fact.name);
	if (fact.user)
		rec_text(&r, F_host_user, fact.user);
	rec_uint(&r, F_host_source, fact.source);
	rec_uint(&r, F_host_lease_s, fact.lease_s);
	rec_end(&r);
	assert_int_equal(hosts_stage(x->hosts, (struct record_head *)(void *)memory), 0);
}

static void commit(struct fixture *x)
{
	hosts_record(x->hosts, x->batch);
	assert_int_equal(store_write(x->store, x->batch, false), 0);
	store_batch_clear(x->batch);
	hosts_committed(x->hosts);
}

/* A fact in a commit of its own. */
static void say_one(struct fixture *x, struct fact fact)
{
	stage(x, fact);
	commit(x);
}

/* "MAC NAME USER", '-' for what is not known; "" when nobody is. */
static const char *who_at(struct fixture *x, uint64_t ts_ns, struct host_at *at)
{
	static char text[1024];
	struct host_at other;
	struct addr a;
	int found;

	if (!at)
		at = &other;
	addr_parse("10.0.0.7", &a);
	found = hosts_find(x->hosts, &a, 4, ts_ns, at);
	assert_true(found >= 0);
	if (!found)
		return "";
	snprintf(text, sizeof(text), "%u %s %s", at->has_mac ? at->mac[5] : 0,
		 at->name[0] ? at->name : "-", at->user[0] ? at->user : "-");
	return text;
}

static size_t rows_in_store(struct fixture *x)
{
	struct store_iter *it = store_iter_new(x->store, STORE_host, NULL, NULL, NULL);
	size_t n = 0;

	for (store_iter_first(it); store_iter_valid(it); store_iter_next(it))
		n++;
	store_iter_free(it);
	return n;
}

static json_t *list(struct fixture *x, const char *text, uint64_t at_ns)
{
	struct text out = {0};
	json_t *rows;

	assert_int_equal(hosts_list(x->hosts, text, at_ns, 1000, &out), 0);
	rows = json_loads(text_cstr(&out), 0, NULL);
	assert_non_null(rows);
	text_free(&out);
	return rows;
}

static size_t count_list(struct fixture *x, const char *text, uint64_t at_ns)
{
	json_t *rows = list(x, text, at_ns);
	size_t n = json_array_size(rows);

	json_decref(rows);
	return n;
}

/* ---- the life of an address ---- */

static void moves(void **state)
{
	struct fixture *x = *state;
	struct host_at at;

	say_one(x, (struct fact){T0, HOST_DHCP, 1, "pc1", NULL, 3600});
	say_one(x, (struct fact){T0 + HOUR, HOST_DHCP, 1, "pc1", NULL, 3600});
	say_one(x, (struct fact){T0 + 3 * HOUR, HOST_DHCP, 2, "pc2", NULL, 3600});
	assert_string_equal(who_at(x, T0 - 1, NULL), "");
	assert_string_equal(who_at(x, T0, &at), "1 pc1 -");
	assert_true(at.from_ns == T0 && at.to_ns == T0 + HOUR);
	assert_string_equal(who_at(x, T0 + 2 * HOUR, NULL), "1 pc1 -");
	assert_string_equal(who_at(x, T0 + 3 * HOUR - 1, NULL), "1 pc1 -");
	assert_string_equal(who_at(x, T0 + 3 * HOUR, NULL), "2 pc2 -");
	assert_string_equal(who_at(x, T0 + 5 * HOUR, NULL), "2 pc2 -");
	assert_string_equal(who_at(x, T0 + 27 * HOUR + 1, NULL),
			    ""); /* a day after the last word */
	assert_int_equal(rows_in_store(x), 6);
}

/* A lease of a week holds a week. */
static void long_lease(void **state)
{
	struct fixture *x = *state;

	say_one(x, (struct fact){T0, HOST_DHCP, 1, NULL, NULL, 7 * 86400});
	assert_string_equal(who_at(x, T0 + 6 * 24 * HOUR, NULL), "1 - -");
	assert_string_equal(who_at(x, T0 + 8 * 24 * HOUR, NULL), "");
	/* seen again within it: the same interval; long after: a new one */
	say_one(x, (struct fact){T0 + 6 * 24 * HOUR, HOST_ARP, 1});
	assert_int_equal(count_list(x, "10.0.0.7", 0), 1);
	say_one(x, (struct fact){T0 + 9 * 24 * HOUR, HOST_ARP, 1});
	assert_int_equal(count_list(x, "10.0.0.7", 0), 2);
}

static void names_later(void **state)
{
	struct fixture *x = *state;

	say_one(x, (struct fact){T0, HOST_ARP, 1});
	say_one(x, (struct fact){T0 + HOUR, HOST_NBNS, 0, "PC1"});
	say_one(x, (struct fact){T0 + 2 * HOUR, HOST_KRB5, 0, NULL, "bob"});
	assert_string_equal(who_at(x, T0, NULL), "1 PC1 bob"); /* known from the start on */
	say_one(x, (struct fact){T0 + 3 * HOUR, HOST_DHCP, 1, "pc1.example.com"});
	assert_string_equal(who_at(x, T0, NULL), "1 pc1.example.com bob");
	assert_int_equal(rows_in_store(x), 4); /* the key of the other name is gone */
	/* a weaker name does not replace it */
	say_one(x, (struct fact){T0 + 4 * HOUR, HOST_NBNS, 0, "OTHER"});
	assert_string_equal(who_at(x, T0 + 4 * HOUR, NULL), "1 pc1.example.com bob");
	assert_int_equal(count_list(x, "PC1", 0), 1);
	assert_int_equal(count_list(x, "pc1.example.com", 0), 1);
	assert_int_equal(count_list(x, "pc", 0), 0);
	assert_int_equal(count_list(x, "BOB", 0), 1);
	assert_int_equal(count_list(x, "02-00-00-00-00-01", 0), 1);
	assert_int_equal(count_list(x, "0200.0000.0002", 0), 0);
}

/* Another user, another name of the same machine: what was before stays. */
static void renamed(void **state)
{
	struct fixture *x = *state;

	say_one(x, (struct fact){T0, HOST_DHCP, 1, "pc1", NULL, 3600});
	say_one(x, (struct fact){T0 + S, HOST_KRB5, 0, NULL, "bob"});
	say_one(x, (struct fact){T0 + HOUR, HOST_KRB5, 0, NULL, "eve"});
	assert_string_equal(who_at(x, T0 + HOUR - 1, NULL), "1 pc1 bob");
	assert_string_equal(who_at(x, T0 + HOUR, NULL), "1 pc1 eve");
	say_one(x, (struct fact){T0 + 2 * HOUR, HOST_DHCP, 1, "linux", NULL, 3600});
	assert_string_equal(who_at(x, T0 + 2 * HOUR, NULL), "1 linux -");
	/* a weaker source's user is not a change */
	say_one(x, (struct fact){T0 + 3 * HOUR, HOST_KRB5, 0, NULL, "bob"});
	say_one(x, (struct fact){T0 + 4 * HOUR, HOST_TLS, 0, NULL, "bob@example.com"});
	assert_string_equal(who_at(x, T0 + 4 * HOUR, NULL), "1 linux bob");
	assert_int_equal(count_list(x, NULL, 0), 3);
}

/* NetBIOS registers the machine's own name as it does a user's. */
static void own_name_is_no_user(void **state)
{
	struct fixture *x = *state;

	say_one(x, (struct fact){T0, HOST_NBNS, 0, NULL, "PC1"});
	assert_string_equal(who_at(x, T0, NULL), "0 - PC1");
	say_one(x, (struct fact){T0 + 1, HOST_NBNS, 0, "PC1"});
	assert_string_equal(who_at(x, T0, NULL), "0 PC1 -");
	say_one(x, (struct fact){T0 + 2, HOST_NBNS, 0, NULL, "PC1"});
	say_one(x, (struct fact){T0 + 3, HOST_NBNS, 0, NULL, "BOB"});
	assert_string_equal(who_at(x, T0, NULL), "0 PC1 BOB");
	assert_int_equal(rows_in_store(x), 3);
}

/* A request names the MAC, its answer the address: in any order, in one batch or several. */
static void name_of_request(void **state)
{
	struct fixture *x = *state;
	const struct fact request = {T0, HOST_DHCP, 1, "pc1", NULL, 0, ""};
	const struct fact ack = {T0 + S / 1000, HOST_DHCP, 1, NULL, NULL, 3600};

	for (unsigned way = 0; way < 4; way++) {
		stage(x, way & 1 ? request : ack);
		if (way & 2)
			commit(x);
		stage(x, way & 1 ? ack : request);
		commit(x);
		assert_string_equal(who_at(x, T0 + S, NULL), "1 pc1 -");
		assert_int_equal(count_list(x, NULL, 0), 1);
		assert_int_equal(rows_in_store(x), 4);
		assert_int_equal(hosts_expire(x->hosts, T0 + HOUR), 0);
		assert_int_equal(rows_in_store(x), 0);
	}
	/* too long ago; another machine's; a name of the answer's own is better */
	say_one(x, request);
	say_one(x, (struct fact){T0 + HOUR, HOST_DHCP, 1});
	assert_string_equal(who_at(x, T0 + HOUR, NULL), "1 - -");
	say_one(x, (struct fact){T0 + 2 * HOUR, HOST_DHCP, 1, "pc1", NULL, 0, ""});
	say_one(x, (struct fact){T0 + 2 * HOUR + 1, HOST_DHCP, 2});
	assert_string_equal(who_at(x, T0 + 2 * HOUR + 1, NULL), "2 - -");
	say_one(x, (struct fact){T0 + 2 * HOUR + 2, HOST_DHCP, 1, "pc1.example.com"});
	assert_string_equal(who_at(x, T0 + 2 * HOUR + 2, NULL), "1 pc1.example.com -");
}

/* While a lease runs, ARP with another MAC is a lie or a proxy; afterwards it is another machine.
 */
static void lease_beats_arp(void **state)
{
	struct fixture *x = *state;

	say_one(x, (struct fact){T0, HOST_DHCP, 1, "pc1", NULL, 3600});
	say_one(x, (struct fact){T0 + HOUR / 2, HOST_ARP, 9});
	assert_string_equal(who_at(x, T0 + HOUR / 2, NULL), "1 pc1 -");
	say_one(x, (struct fact){T0 + 2 * HOUR, HOST_ARP, 9});
	assert_string_equal(who_at(x, T0 + 2 * HOUR, NULL), "9 - -");
	/* of two that are equal the later word holds */
	say_one(x, (struct fact){T0 + 3 * HOUR, HOST_ARP, 1});
	assert_string_equal(who_at(x, T0 + 3 * HOUR, NULL), "1 - -");
	assert_string_equal(who_at(x, T0 + 2 * HOUR + 1, NULL), "9 - -");
	/* the MAC in a NetBIOS answer may be another adapter's */
	say_one(x, (struct fact){T0 + 4 * HOUR, HOST_NBNS, 8, "PC1"});
	assert_string_equal(who_at(x, T0 + 4 * HOUR, NULL), "1 PC1 -");
}

/* ---- order ---- */

/* The same facts in any order and any batches say the same of every time at which one was seen. */
static void any_order(void **state)
{
	struct fixture *x = *state;
	static const struct fact facts[] = {
		{T0, HOST_ARP, 1},
		{T0 + HOUR, HOST_ARP, 1},
		{T0 + 2 * HOUR, HOST_ARP, 2},
		{T0 + 3 * HOUR, HOST_ARP, 2},
		{T0 + 4 * HOUR, HOST_ARP, 1},
		{T0 + 50 * HOUR, HOST_ARP, 3},
		{T0 + 51 * HOUR, HOST_ARP, 1},
	};
	const unsigned n = sizeof(facts) / sizeof(facts[0]);
	unsigned order[sizeof(facts) / sizeof(facts[0])], seed = 7;

	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = 0; i < n; i++)
			order[i] = i;
		for (unsigned i = n - 1; i > 0; i--) {
			unsigned k = (unsigned)rand_r(&seed) % (i + 1), was = order[i];

			order[i] = order[k];
			order[k] = was;
		}
		for (unsigned i = 0; i < n; i++) {
			stage(x, facts[order[i]]);
			if (rand_r(&seed) % 2)
				commit(x);
		}
		commit(x);
		for (unsigned i = 0; i < n; i++) {
			struct host_at at;
			char want[16];

			snprintf(want, sizeof(want), "%u - -", facts[i].mac);
			assert_string_equal(who_at(x, facts[i].ts_ns, &at), want);
			assert_true(at.from_ns <= facts[i].ts_ns && at.to_ns >= facts[i].ts_ns);
		}
		assert_int_equal(hosts_expire(x->hosts, T0 + 100 * HOUR), 0);
		assert_int_equal(rows_in_store(x), 0);
	}
}

static void earlier_word(void **state)
{
	struct fixture *x = *state;
	struct host_at at;

	say_one(x, (struct fact){T0 + HOUR, HOST_ARP, 1});
	say_one(x, (struct fact){T0, HOST_NBNS, 0, "PC1"}); /* it was there before */
	assert_string_equal(who_at(x, T0, &at), "1 PC1 -");
	assert_true(at.from_ns == T0 && at.to_ns == T0 + HOUR);
	assert_int_equal(rows_in_store(x), 3);
}

/* ---- commits ---- */

/* Killed between reading and the commit: what was gathered comes again from the ring, and counts
 * once. */
static void not_committed(void **state)
{
	struct fixture *x = *state;

	say_one(x, (struct fact){T0, HOST_ARP, 1});
	stage(x, (struct fact){T0 + HOUR, HOST_ARP, 2});
	hosts_record(x->hosts, x->batch);
	store_batch_clear(x->batch);
	hosts_forget(x->hosts);
	assert_string_equal(who_at(x, T0 + HOUR, NULL), "1 - -");
	stage(x, (struct fact){T0 + HOUR, HOST_ARP, 2});
	hosts_record(x->hosts, x->batch);
	close_all(x);
	open_all(x);
	assert_string_equal(who_at(x, T0 + HOUR, NULL), "1 - -");
	say_one(x, (struct fact){T0 + HOUR, HOST_ARP, 2});
	say_one(x, (struct fact){T0 + HOUR, HOST_ARP, 2}); /* read again: no difference */
	close_all(x);
	open_all(x);
	assert_string_equal(who_at(x, T0, NULL), "1 - -");
	assert_string_equal(who_at(x, T0 + HOUR, NULL), "2 - -");
	assert_int_equal(rows_in_store(x), 4);
}

static void full_batch(void **state)
{
	struct fixture *x = *state;
	struct record_head head = {.type = RECORD_host, .length = sizeof(head)};

	for (unsigned i = 0; i < HOSTS_STAGED_MAX; i++)
		stage(x, (struct fact){T0 + i, HOST_ARP, (uint8_t)(1 + i % 2)});
	assert_int_equal(hosts_stage(x->hosts, &head), -EAGAIN);
	commit(x);
	assert_int_equal(hosts_stage(x->hosts, &head), 0); /* says nothing: left out */
	commit(x);
	assert_int_equal(rows_in_store(x), 2 * HOSTS_STAGED_MAX);
	assert_int_equal(count_list(x, "02:00:00:00:00:01", 0), 1000); /* the limit */
}

/* ---- asking ---- */

static void lists(void **state)
{
	struct fixture *x = *state;
	json_t *rows;

	say_one(x, (struct fact){T0, HOST_DHCP, 1, "pc1", NULL, 3600});
	say_one(x, (struct fact){T0 + HOUR, HOST_DHCP, 2, "pc2", NULL, 3600});
	say_one(x, (struct fact){T0 + 2 * HOUR, HOST_DHCP, 1, "pc1", NULL, 3600, "10.0.0.8"});
	say_one(x, (struct fact){T0 + 3 * HOUR, HOST_MDNS, 0, "pc3", NULL, 0, "2001:db8::7"});
	assert_int_equal(count_list(x, NULL, 0), 4);
	assert_int_equal(count_list(x, "2001:db8::7", 0), 1);
	assert_int_equal(count_list(x, "10.0.0.9", 0), 0);
	rows = list(x, "pc1", 0); /* newest first */
	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "address")),
			    "10.0.0.8");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "from")),
			    "2024-01-31T09:30:00.000000+0000");
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(rows, 0), "how"), 0)),
			    "dhcp");
	json_decref(rows);
	/* at a time: the address is no longer pc1's, though its day is not over */
	rows = list(x, "pc1", T0 + 90 * 60 * S);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	rows = list(x, NULL, T0 + 150 * 60 * S);
	assert_int_equal(json_array_size(rows), 2);
	json_decref(rows);
	assert_int_equal(count_list(x, "10.0.0.7", T0 + 5 * 60 * S), 1);
	assert_int_equal(count_list(x, "", 0), 0);
}

/* What ended before is dropped with all that leads to it. */
static void expiry(void **state)
{
	struct fixture *x = *state;
	char ip[16];

	for (unsigned i = 0; i < 2500; i++) {
		snprintf(ip, sizeof(ip), "10.1.%u.%u", i / 250, i % 250 + 1);
		stage(x, (struct fact){T0 + i, HOST_DHCP, 1, "pc1", "bob", 60, ip});
	}
	commit(x);
	say_one(x, (struct fact){T0 + 100 * HOUR, HOST_ARP, 2});
	assert_int_equal(rows_in_store(x), 4 * 2500 + 2);
	assert_int_equal(hosts_expire(x->hosts, T0), 0);
	assert_int_equal(rows_in_store(x), 4 * 2500 + 2);
	/* not while a batch that builds on it is being written */
	stage(x, (struct fact){T0 + 101 * HOUR, HOST_ARP, 2});
	hosts_record(x->hosts, x->batch);
	assert_int_equal(hosts_expire(x->hosts, T0 + 99 * HOUR), 0);
	assert_int_equal(rows_in_store(x), 4 * 2500 + 2);
	commit(x);
	assert_int_equal(hosts_expire(x->hosts, T0 + 99 * HOUR), 0);
	assert_int_equal(rows_in_store(x), 2);
}

static void mac_text(void **state)
{
	static const char *const bad[] = {
		"",    "02:00:00:00:00", "02:00:00:00:00:01:", "020000000001", "02:00:00:00:00:012",
		"pc1", "02::0000000001", "0:20:00:00:00:01"};
	uint8_t mac[6];
	char text[18];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(host_mac_parse(bad[i], mac));
	assert_true(host_mac_parse("AA-bb-0c-00-00-01", mac));
	assert_string_equal(host_mac_format(mac, text), "aa:bb:0c:00:00:01");
	assert_true(host_mac_parse("aabb.0c00.0001", mac));
	assert_string_equal(host_mac_format(mac, text), "aa:bb:0c:00:00:01");
}

/* A row that cannot be read is nobody's. */
static void damaged(void **state)
{
	struct fixture *x = *state;
	uint8_t value[ROW_VALUE_MAX];
	struct host_row r = {.last_ns = T0, .mac_source = HOST_ARP, .name = {3, "pc1"}}, back;
	size_t len = row_encode(&r, value);

	(void)x;
	for (size_t cut = 0; cut < len; cut++)
		assert_false(row_decode(&back, T0, (struct slice){value, cut}));
	assert_true(row_decode(&back, T0, (struct slice){value, len}));
	assert_true(host_text_same(&back.name, &r.name));
}

int main(void)
{
#define HOSTS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		HOSTS_TEST(moves),
		HOSTS_TEST(long_lease),
		HOSTS_TEST(names_later),
		HOSTS_TEST(renamed),
		HOSTS_TEST(own_name_is_no_user),
		HOSTS_TEST(name_of_request),
		HOSTS_TEST(lease_beats_arp),
		HOSTS_TEST(any_order),
		HOSTS_TEST(earlier_word),
		HOSTS_TEST(not_committed),
		HOSTS_TEST(full_batch),
		HOSTS_TEST(lists),
		HOSTS_TEST(expiry),
		HOSTS_TEST(damaged),
		cmocka_unit_test(mac_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

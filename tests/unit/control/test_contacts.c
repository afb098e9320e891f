/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The memory of contacts against a plain list of all that was put in: by indicator and by
 * client, in memory, in files, in both, and after being opened anew at any step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/contact/contacts.h"
#include "control/contact/filter.h"
#include "control/contact/query.h"
#include "control/contact/table.h"
#include "control/store/bytes.h"
#include "control/store/days.h"
#include "control/store/store.h"
#include "dataplane/event/record.h"
#include "tests/unit/control/feed.h"

#define NAMES 40
#define CLIENTS 25
#define DAYS 6
#define FIRST_DAY 19753u

/* One pair, summed by hand. */
struct plain {
	uint64_t first_ns, last_ns, count;
	uint32_t days; /* bit by day */
	uint16_t port;
};

static struct plain model[NAMES][CLIENTS];
static unsigned seed = 11;

struct fixture {
	struct feed *f;
	struct store *store;
	struct contacts *contacts;
	struct store_batch *batch;
	char path[96];
};

static void name_of(unsigned i, char *text, size_t size)
{
	static const char *const shapes[] = {"n%u.evil.example", "www.n%u.good.example",
					     "n%u.notevil.example", "deep.a.n%u.evil.example"};

	snprintf(text, size, shapes[i % 4], i);
}

static void client_of(unsigned i, char *text, size_t size)
{
	snprintf(text, size, i % 5 ? "10.1.0.%u" : "2001:db8::%x", i + 1);
}

static void open_all(struct fixture *x)
{
	assert_int_equal(store_open(&x->store, x->path, STORE_WRITE, NULL), 0);
	assert_int_equal(contacts_new(&x->contacts, x->store, x->f->config), 0);
	x->batch = store_batch_new();
}

static void close_all(struct fixture *x)
{
	contacts_free(x->contacts);
	store_batch_free(x->batch);
	store_close(x->store);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	x->f = feed_new();
	memset(model, 0, sizeof(model));
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

static void stage(struct fixture *x, unsigned name, unsigned client, uint64_t ts_ns, uint16_t port)
{
	struct record_head h = {.type = RECORD_contact, .ts_ns = ts_ns};
	_Alignas(8) uint8_t memory[1024];
	struct plain *p = &model[name][client];
	struct recorder r;
	struct addr a;
	char text[64];
	int version;

	rec_begin(&r, memory, sizeof(memory), &h);
	rec_uint(&r, F_contact_kind, name % 2 ? CONTACT_SNI : CONTACT_DOMAIN);
	name_of(name, text, sizeof(text));
	rec_text(&r, F_contact_value, text);
	client_of(client, text, sizeof(text));
	version = addr_parse(text, &a);
	rec_addr(&r, F_contact_client, &a, version);
	rec_uint(&r, F_contact_port, port);
	rec_end(&r);
	assert_int_equal(contacts_stage(x->contacts, (struct record_head *)(void *)memory), 0);
	if (!p->count || ts_ns < p->first_ns)
		p->first_ns = ts_ns;
	if (ts_ns > p->last_ns)
		p->last_ns = ts_ns;
	p->count++;
	p->days |= 1u << (day_of(ts_ns) - FIRST_DAY);
	p->port = port;
}

static void commit(struct fixture *x)
{
	contacts_record(x->contacts, x->batch);
	assert_int_equal(store_write(x->store, x->batch, false), 0);
	store_batch_clear(x->batch);
	contacts_committed(x->contacts);
}

static void draw(struct fixture *x, unsigned n, unsigned days)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t day = FIRST_DAY + (unsigned)rand_r(&seed) % days;
		uint64_t us = ((uint64_t)rand_r(&seed) << 20 ^ (uint64_t)rand_r(&seed)) % 86400000000u;

		stage(x, (unsigned)rand_r(&seed) % NAMES, (unsigned)rand_r(&seed) % CLIENTS,
		      day * DAY_NS + us * 1000, (uint16_t)(rand_r(&seed) % 2 ? 443 : 80));
		if (rand_r(&seed) % 50 == 0)
			commit(x);
	}
	commit(x);
}

static unsigned bits(uint32_t v)
{
	return (unsigned)__builtin_popcount(v);
}

static void check_sum(const struct contact_sum *got, const struct plain *want)
{
	assert_int_equal(got->first_ns, want->first_ns);
	assert_int_equal(got->last_ns, want->last_ns);
	assert_int_equal(got->count, want->count);
	assert_int_equal(got->days, bits(want->days));
	assert_true(got->port_count >= 1 && got->port_count <= 2);
}

static const struct contact_sum *find_row(const struct contact_result *r, unsigned name,
					  unsigned client)
{
	uint8_t key[VALUE_KEY_MAX];
	char text[64];
	struct addr a;
	size_t len;
	int version;

	client_of(client, text, sizeof(text));
	version = addr_parse(text, &a);
	name_of(name, text, sizeof(text));
	len = value_key(CONTACT_DOMAIN, text, strlen(text), key);
	for (size_t i = 0; i < r->count; i++) {
		int kind;
		struct slice v = contact_result_value(r, r->rows[i].value, &kind);

		if (v.len == len && memcmp(v.data, key, len) == 0 &&
		    r->rows[i].ip_version == version && addr_equal(&r->rows[i].client, &a))
			return &r->rows[i];
	}
	return NULL;
}

/* All that one indicator matches, finished. */
static void look_up(struct fixture *x, int kind, const char *value, bool below,
		    const struct contact_window *window, struct contact_result *r)
{
	static uint8_t key[VALUE_KEY_MAX + 4];
	struct contact_session *s;
	struct contact_want want;

	assert_int_equal(contact_want_of(kind, value, below, &want, key), 0);
	assert_int_equal(contacts_session_new(&s, x->contacts), 0);
	assert_true(contacts_session_find(s, &want, window, r) >= 0);
	contacts_session_free(s);
	assert_int_equal(contact_result_finish(r), 0);
}

static void check_name(struct fixture *x, unsigned name)
{
	struct contact_result r = {0};
	char text[64];
	size_t want = 0;

	name_of(name, text, sizeof(text));
	look_up(x, CONTACT_DOMAIN, text, true, NULL, &r);
	for (unsigned c = 0; c < CLIENTS; c++) {
		const struct contact_sum *row = find_row(&r, name, c);

		assert_int_equal(row != NULL, model[name][c].count != 0);
		if (row)
			check_sum(row, &model[name][c]);
		want += row != NULL;
	}
	assert_int_equal(r.count, want);
	contact_result_free(&r);
}

static void check_client(struct fixture *x, unsigned client)
{
	struct contact_session *session;
	struct contact_result r = {0};
	struct addr a;
	char text[64];
	size_t want = 0;
	int version;

	client_of(client, text, sizeof(text));
	version = addr_parse(text, &a);
	assert_int_equal(contacts_session_new(&session, x->contacts), 0);
	assert_true(contacts_session_client(session, &a, version, NULL, &r) >= 0);
	contacts_session_free(session);
	assert_int_equal(contact_result_finish(&r), 0);
	for (unsigned n = 0; n < NAMES; n++) {
		const struct contact_sum *row = find_row(&r, n, client);

		assert_int_equal(row != NULL, model[n][client].count != 0);
		if (row)
			check_sum(row, &model[n][client]);
		want += row != NULL;
	}
	assert_int_equal(r.count, want);
	contact_result_free(&r);
}

/* Both ways, all of it; and everything below a domain. */
static void check_all(struct fixture *x)
{
	struct contact_result r = {0};
	uint64_t want = 0, got = 0;

	for (unsigned n = 0; n < NAMES; n++)
		check_name(x, n);
	for (unsigned c = 0; c < CLIENTS; c++)
		check_client(x, c);
	look_up(x, CONTACT_DOMAIN, "evil.example", true, NULL, &r);
	for (unsigned n = 0; n < NAMES; n++)
		for (unsigned c = 0; c < CLIENTS && (n % 4 == 0 || n % 4 == 3); c++)
			want += model[n][c].count;
	for (size_t i = 0; i < r.count; i++)
		got += r.rows[i].count;
	assert_int_equal(got, want);
	contact_result_free(&r);
}

static void keep_all(struct fixture *x)
{
	contacts_seal_all(x->contacts, 1);
	while (contacts_keep(x->contacts) == 1)
		;
}

static void test_memory(void **state)
{
	struct fixture *x = *state;

	draw(x, 3000, DAYS);
	check_all(x);
	close_all(x);
	open_all(x);
	check_all(x);
}

static void test_files(void **state)
{
	struct fixture *x = *state;
	struct contacts_figures f;

	draw(x, 3000, DAYS);
	keep_all(x);
	contacts_figures(x->contacts, &f);
	assert_int_equal(f.entries, 0);
	check_all(x);
	/* The same days again: a second part of each. */
	draw(x, 1000, DAYS);
	check_all(x);
	close_all(x);
	open_all(x);
	check_all(x);
	keep_all(x);
	check_all(x);
	draw(x, 500, 2);
	check_all(x);
}

/* The journal of a part whose files are in, as if the process had died between the two steps. */
static void test_died_between(void **state)
{
	struct fixture *x = *state;
	struct store_iter *it;
	struct text rows[64] = {{0}};
	uint8_t keys[64][12];
	unsigned n = 0;

	draw(x, 1000, 1);
	it = store_iter_new(x->store, STORE_contact_log, NULL, NULL, NULL);
	for (store_iter_first(it); store_iter_valid(it) && n < 64; store_iter_next(it), n++) {
		struct slice k = store_iter_key(it), v = store_iter_value(it);

		memcpy(keys[n], k.data, 12);
		text_bytes(&rows[n], v.data, v.len);
	}
	store_iter_free(it);
	assert_true(n > 5);
	keep_all(x);
	for (unsigned i = 0; i < n; i++) {
		store_put(x->store, STORE_contact_log, keys[i], 12, rows[i].data, rows[i].len);
		text_free(&rows[i]);
	}
	close_all(x);
	open_all(x);
	check_all(x);
	it = store_iter_new(x->store, STORE_contact_log, NULL, NULL, NULL);
	store_iter_first(it);
	assert_false(store_iter_valid(it));
	store_iter_free(it);
}

/* What was left of files when the process was killed goes at the next start. */
static void test_left_over(void **state)
{
	struct fixture *x = *state;
	char path[160];
	FILE *file;

	draw(x, 200, 3);
	keep_all(x);
	snprintf(path, sizeof(path), "%s/incoming/19753-0-1.sst", x->path);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	close_all(x);
	open_all(x);
	assert_int_equal(access(path, F_OK), -1);
	check_all(x);
}

/* A batch that was not committed leaves nothing. */
static void test_forget(void **state)
{
	struct fixture *x = *state;
	struct plain before[NAMES][CLIENTS];

	draw(x, 500, 2);
	memcpy(before, model, sizeof(model));
	for (unsigned i = 0; i < 100; i++)
		stage(x, i % NAMES, i % CLIENTS, FIRST_DAY * DAY_NS + i, 80);
	contacts_record(x->contacts, x->batch);
	store_batch_clear(x->batch);
	contacts_forget(x->contacts);
	assert_int_equal(store_reopen(x->store), 0);
	assert_int_equal(contacts_reload(x->contacts), 0);
	memcpy(model, before, sizeof(model));
	check_all(x);
}

/* The keeper comes between the batch and its being counted. */
static void test_keeper_between(void **state)
{
	struct fixture *x = *state;

	for (int round = 0; round < 5; round++) {
		draw(x, 100, 3);
		for (unsigned i = 0; i < 100; i++)
			stage(x, i % NAMES, i % CLIENTS, (FIRST_DAY + i % 3) * DAY_NS + i * 1000, 80);
		contacts_record(x->contacts, x->batch);
		keep_all(x);
		assert_int_equal(store_write(x->store, x->batch, false), 0);
		store_batch_clear(x->batch);
		keep_all(x);
		contacts_committed(x->contacts);
		keep_all(x);
		check_all(x);
	}
}

/* Little memory: parts are written as they fill up. */
static void test_spill(void **state)
{
	struct fixture *x = *state;
	struct contacts_figures f;

	close_all(x);
	x->f->config->control_memory = 400000;
	open_all(x);
	draw(x, 20000, DAYS);
	contacts_figures(x->contacts, &f);
	assert_true(f.files_written > 0);
	assert_true(f.memory_bytes < 400000);
	check_all(x);
}

static void test_expire(void **state)
{
	struct fixture *x = *state;
	struct contact_session *session;
	struct contact_result r = {0};
	struct addr a;
	char text[64];
	int version;

	draw(x, 2000, DAYS);
	keep_all(x);
	assert_int_equal(contacts_expire(x->contacts, FIRST_DAY + 2), 0);
	client_of(1, text, sizeof(text));
	version = addr_parse(text, &a);
	assert_int_equal(contacts_session_new(&session, x->contacts), 0);
	assert_int_equal(contacts_session_client(session, &a, version, NULL, &r), 1);
	contacts_session_free(session);
	assert_int_equal(contact_result_finish(&r), 0);
	assert_true(r.count > 0);
	for (size_t i = 0; i < r.count; i++)
		assert_true(r.rows[i].first_ns >= (FIRST_DAY + 2) * DAY_NS);
	contact_result_free(&r);
	name_of(0, text, sizeof(text));
	look_up(x, CONTACT_DOMAIN, text, false, NULL, &r);
	for (size_t i = 0; i < r.count; i++)
		assert_true(r.rows[i].first_ns >= (FIRST_DAY + 2) * DAY_NS);
	contact_result_free(&r);
	close_all(x);
	open_all(x);
	look_up(x, CONTACT_DOMAIN, text, false, NULL, &r);
	assert_true(r.count > 0);
	contact_result_free(&r);
}

/* Only what overlaps the window counts. */
static void test_window(void **state)
{
	struct fixture *x = *state;
	struct contact_window w = {(FIRST_DAY + 2) * DAY_NS, (FIRST_DAY + 4) * DAY_NS};

	draw(x, 3000, DAYS);
	for (int round = 0; round < 2; round++) {
		struct contact_result r = {0};
		char text[64];

		name_of(3, text, sizeof(text));
		look_up(x, CONTACT_DOMAIN, text, false, &w, &r);
		assert_true(r.count > 0);
		for (size_t i = 0; i < r.count; i++) {
			assert_true(r.rows[i].first_ns >= w.from_ns);
			assert_true(r.rows[i].last_ns < w.to_ns);
			assert_in_range(r.rows[i].days, 1, 2);
			assert_int_equal(r.rows[i].days, r.rows[i].hit_count);
			assert_int_equal(r.hits[r.rows[i].first_hit].first_ns, r.rows[i].first_ns);
		}
		contact_result_free(&r);
		keep_all(x);
	}
}

static size_t count_rows(struct fixture *x, int kind, const char *value, bool below)
{
	struct contact_result r = {0};
	size_t n;

	look_up(x, kind, value, below, NULL, &r);
	n = r.count;
	contact_result_free(&r);
	return n;
}

static void stage_value(struct fixture *x, int kind, const char *value, uint16_t port)
{
	struct record_head h = {.type = RECORD_contact, .ts_ns = FIRST_DAY * DAY_NS + 1000000};
	struct addr a, client = {{10, 0, 0, 1}};
	_Alignas(8) uint8_t memory[1024];
	struct recorder r;
	int version;

	rec_begin(&r, memory, sizeof(memory), &h);
	rec_uint(&r, F_contact_kind, (uint64_t)kind);
	if (kind == CONTACT_IP) {
		version = addr_parse(value, &a);
		rec_bytes(&r, F_contact_value, a.b, version == 4 ? 4 : 16);
	} else {
		rec_text(&r, F_contact_value, value);
	}
	rec_addr(&r, F_contact_client, &client, 4);
	rec_uint(&r, F_contact_port, port);
	rec_end(&r);
	assert_int_equal(contacts_stage(x->contacts, (struct record_head *)(void *)memory), 0);
}

static void check_kinds(struct fixture *x)
{
	assert_int_equal(count_rows(x, CONTACT_IP, "203.0.113.7", false), 1);
	assert_int_equal(count_rows(x, INDICATOR_CIDR, "203.0.113.0/24", false), 2);
	assert_int_equal(count_rows(x, INDICATOR_CIDR, "203.0.113.0/29", false), 1);
	assert_int_equal(count_rows(x, INDICATOR_CIDR, "0.0.0.0/0", false), 3);
	assert_int_equal(count_rows(x, INDICATOR_CIDR, "2001:db8::/32", false), 1);
	assert_int_equal(count_rows(x, INDICATOR_IP_PORT, "203.0.113.7:443", false), 1);
	assert_int_equal(count_rows(x, INDICATOR_IP_PORT, "203.0.113.7:80", false), 0);
	assert_int_equal(count_rows(x, INDICATOR_IP_PORT, "[2001:db8::7]:53", false), 1);
	assert_int_equal(count_rows(x, CONTACT_DOMAIN, "evil.example", false), 1);
	assert_int_equal(count_rows(x, CONTACT_DOMAIN, "evil.example", true), 3);
	assert_int_equal(count_rows(x, CONTACT_DOMAIN, "*.evil.example", false), 3);
	assert_int_equal(count_rows(x, CONTACT_DOMAIN, "b.evil.example", true), 1);
	assert_int_equal(count_rows(x, CONTACT_DOMAIN, "b.evil.example", false), 0);
	assert_int_equal(count_rows(x, CONTACT_DOMAIN, "example", true), 4);
	assert_int_equal(count_rows(x, CONTACT_DOMAIN, "vil.example", true), 0);
	assert_int_equal(count_rows(x, CONTACT_SNI, "www.evil.example", false), 1);
	assert_int_equal(count_rows(x, CONTACT_URL, "http://evil.example/x?y=1", false), 1);
	assert_int_equal(count_rows(x, CONTACT_FILE_MD5, "D41D8CD98F00B204E9800998ECF8427E", false), 1);
}

static void test_kinds(void **state)
{
	struct fixture *x = *state;

	stage_value(x, CONTACT_IP, "203.0.113.7", 443);
	stage_value(x, CONTACT_IP, "203.0.113.200", 80);
	stage_value(x, CONTACT_IP, "198.51.100.1", 80);
	stage_value(x, CONTACT_IP, "2001:db8::7", 53);
	stage_value(x, CONTACT_DOMAIN, "evil.example", 53);
	stage_value(x, CONTACT_DOMAIN, "a.b.evil.example", 53);
	stage_value(x, CONTACT_DOMAIN, "notevil.example", 53);
	stage_value(x, CONTACT_DOMAIN, "evil.example.com", 53);
	stage_value(x, CONTACT_SNI, "www.evil.example", 443);
	stage_value(x, CONTACT_URL, "evil.example/x?y=1", 80);
	stage_value(x, CONTACT_FILE_MD5, "d41d8cd98f00b204e9800998ecf8427e", 80);
	commit(x);
	check_kinds(x);
	keep_all(x);
	check_kinds(x);
	close_all(x);
	open_all(x);
	check_kinds(x);
}

/* An agent that was made to have the plain hash of a name, as both are keyed. */
static const char chosen_agent[] = "Agent/000000138\xdf\xd4m\xe9\x83\x90\x97\xdbk\xc4\xd3]C\xd2]";

static uint64_t plain_hash(int kind, const char *value)
{
	uint8_t key[1 + VALUE_KEY_MAX] = {(uint8_t)kind};

	return filter_hash(key, 1 + value_key(kind, value, strlen(value), key + 1));
}

static uint64_t count_of(struct fixture *x, int kind, const char *value)
{
	struct contact_result r = {0};
	uint64_t sum = 0;

	look_up(x, kind, value, false, NULL, &r);
	for (size_t i = 0; i < r.count; i++)
		sum += r.rows[i].count;
	contact_result_free(&r);
	return sum;
}

static size_t rows_of_client(struct fixture *x, const char *text)
{
	struct contact_session *session;
	struct contact_result r = {0};
	struct addr a;
	int version = addr_parse(text, &a);
	size_t n;

	assert_int_equal(contacts_session_new(&session, x->contacts), 0);
	assert_true(contacts_session_client(session, &a, version, NULL, &r) >= 0);
	contacts_session_free(session);
	assert_int_equal(contact_result_finish(&r), 0);
	n = r.count;
	contact_result_free(&r);
	return n;
}

/* Values that a sender chose to have one hash stay two values. */
static void test_chosen_hash(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(plain_hash(CONTACT_USER_AGENT, chosen_agent),
			 plain_hash(CONTACT_DOMAIN, "www.popular.example"));
	for (int i = 0; i < 3; i++)
		stage_value(x, CONTACT_DOMAIN, "www.popular.example", 53);
	commit(x);
	keep_all(x);
	stage_value(x, CONTACT_USER_AGENT, chosen_agent, 80);
	commit(x);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(count_of(x, CONTACT_USER_AGENT, chosen_agent), 1);
		assert_int_equal(count_of(x, CONTACT_DOMAIN, "www.popular.example"), 3);
		assert_int_equal(rows_of_client(x, "10.0.0.1"), 2);
		keep_all(x);
	}
}

#define CHOSEN 500
#define CHOSEN_BITS 0xfffu

/* Values that were chosen to be in one place of a table are in many. */
static void test_chosen_places(void **state)
{
	struct contact_table *t = table_new(0, 0);
	struct contact_row row = {.ip_version = 4, .count = 1};
	unsigned same = 0;
	char text[32];

	for (unsigned i = 0; t->value_count < CHOSEN; i++) {
		size_t len = (size_t)snprintf(text, sizeof(text), "%c%u", CONTACT_USER_AGENT, i);

		if ((filter_hash(text, len) & CHOSEN_BITS) == 0)
			assert_int_equal(table_add(t, (const uint8_t *)text, len, &row), 0);
	}
	for (unsigned i = 0; i < CHOSEN; i++)
		same += (t->values[i].hash & CHOSEN_BITS) == (t->values[0].hash & CHOSEN_BITS);
	assert_in_range(same, 1, 20);
	table_free(t);
}

/* A damaged entry of the dictionary is an error, not the value with number 0. */
static void test_damaged_entry(void **state)
{
	struct fixture *x = *state;
	uint8_t key[2 + VALUE_KEY_MAX] = {'d', CONTACT_DOMAIN};
	size_t len = 2 + value_key(CONTACT_DOMAIN, "www.b.example", 13, key + 2);

	stage_value(x, CONTACT_DOMAIN, "www.a.example", 53);
	commit(x);
	keep_all(x);
	assert_int_equal(store_put(x->store, STORE_contact, key, len, "\0\0\0", 3), 0);
	stage_value(x, CONTACT_DOMAIN, "www.b.example", 53);
	commit(x);
	contacts_seal_all(x->contacts, 1);
	assert_int_equal(contacts_keep(x->contacts), -EPROTO);
	assert_int_equal(count_of(x, CONTACT_DOMAIN, "www.a.example"), 1);
}

/* A day of an office: what a contact costs on disk, names included. */
static void test_size(void **state)
{
	struct fixture *x = *state;
	uint64_t pairs = 0, n = 200000;
	struct contacts_figures f;

	for (uint64_t i = 0; i < n; i++) {
		struct record_head h = {.type = RECORD_contact};
		_Alignas(8) uint8_t memory[512];
		uint32_t name, client = (uint32_t)rand_r(&seed) % 2000;
		double u = (double)rand_r(&seed) / RAND_MAX;
		struct recorder r;
		struct addr a = {{10, (uint8_t)(client >> 8), (uint8_t)client, 9}};
		char text[64];

		/* Log-uniform popularity over 50,000 names. */
		for (name = 1; u > 0.064 && name < 50000; u -= 0.064)
			name *= 2;
		name += (uint32_t)rand_r(&seed) % name;
		h.ts_ns = FIRST_DAY * DAY_NS + (uint64_t)rand_r(&seed) % 86400000000ull * 1000;
		snprintf(text, sizeof(text), "%s%x.%x.com", name % 3 ? "www." : "cdn.", name % 7,
			 name * 2654435761u);
		rec_begin(&r, memory, sizeof(memory), &h);
		rec_uint(&r, F_contact_kind, CONTACT_SNI);
		rec_text(&r, F_contact_value, text);
		rec_addr(&r, F_contact_client, &a, 4);
		rec_uint(&r, F_contact_port, 443);
		rec_end(&r);
		assert_int_equal(contacts_stage(x->contacts, (struct record_head *)(void *)memory), 0);
		if (i % 5000 == 0)
			commit(x);
	}
	commit(x);
	contacts_figures(x->contacts, &f);
	pairs = f.entries;
	keep_all(x);
	print_message("%lu contacts, %lu client-indicator pairs: %.1f bytes a pair on disk\n",
		      (unsigned long)n, (unsigned long)pairs,
		      (double)store_family_bytes(x->store, STORE_contact) / (double)pairs);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_memory), TEST(test_files),  TEST(test_died_between), TEST(test_left_over), TEST(test_forget),
		TEST(test_keeper_between), TEST(test_spill),  TEST(test_expire), TEST(test_window),
		TEST(test_kinds), TEST(test_chosen_hash), TEST(test_chosen_places), TEST(test_damaged_entry),
		TEST(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

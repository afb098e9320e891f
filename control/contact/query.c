/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A query takes the list of tables first and its snapshot of the store second, and leaves out a
 * table whose marker the snapshot shows: so a part that is being moved from memory to files
 * meanwhile is seen once.
 */
#include "control/contact/query.h"

#include <errno.h>
#include <stdlib.h>

#include "control/contact/contacts_private.h"
#include "control/store/bytes.h"
#include "control/store/days.h"

#define HITS_MAX 8000000u
#define SLICE 4096 /* entries looked at before the lock is let go */

/* One day of a client and a value, in one part. */
struct contact_found {
	struct contact_row row;
	uint32_t value;
	uint16_t day;
};

struct query {
	struct contacts *c;
	struct contact_result *r;
	struct store_snapshot *snapshot;
	struct contact_table *table[TABLES_MAX];
	unsigned tables;
	struct contact_row *rows; /* scratch */
	size_t rows_cap;
	struct contact_window window;
	uint16_t port; /* only rows with it; 0: any */
};

struct contact_session {
	struct query q;
	struct value_range range[VALUE_RANGES_MAX];
};

void contact_result_free(struct contact_result *r)
{
	free(r->rows);
	free(r->hits);
	free(r->found);
	table_free(r->values);
	*r = (struct contact_result){0};
}

struct slice contact_result_value(const struct contact_result *r, uint32_t value, int *kind)
{
	const uint8_t *key = table_value_key(r->values, value);

	*kind = key[0];
	return (struct slice){key + 1, r->values->values[value].len - 1u};
}

static int compare_found(const void *a, const void *b)
{
	const struct contact_found *x = a, *y = b;
	int order;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	order = contact_row_compare(&x->row, &y->row);
	return order ? order : (x->day > y->day) - (x->day < y->day);
}

static uint32_t hours_of(const struct contact_row *row)
{
	return 1u << (row->first_us / 3600000000u % 24) | 1u << (row->last_us / 3600000000u % 24);
}

static void hit_add(struct contact_hit *hit, const struct contact_found *f)
{
	uint64_t first = f->day * DAY_NS + f->row.first_us * 1000;
	uint64_t last = f->day * DAY_NS + f->row.last_us * 1000;

	hit->first_ns = !hit->first_ns || first < hit->first_ns ? first : hit->first_ns;
	hit->last_ns = last > hit->last_ns ? last : hit->last_ns;
	hit->count += f->row.count;
	hit->bytes_out += f->row.bytes_out;
	hit->bytes_in += f->row.bytes_in;
	hit->hours |= hours_of(&f->row);
}

static void sum_add(struct contact_sum *sum, const struct contact_found *f)
{
	uint64_t first = f->day * DAY_NS + f->row.first_us * 1000;
	uint64_t last = f->day * DAY_NS + f->row.last_us * 1000;
	struct contact_row ports = {.port_count = sum->port_count};

	sum->first_ns = first < sum->first_ns ? first : sum->first_ns;
	sum->last_ns = last > sum->last_ns ? last : sum->last_ns;
	sum->count += f->row.count;
	sum->bytes_out += f->row.bytes_out;
	sum->bytes_in += f->row.bytes_in;
	memcpy(ports.port, sum->port, sizeof(ports.port));
	contact_row_add(&ports, &f->row);
	memcpy(sum->port, ports.port, sizeof(sum->port));
	sum->port_count = ports.port_count;
}

int contact_result_finish(struct contact_result *r)
{
	const struct contact_found *last = NULL;
	size_t hits = 0;

	if (!r->found_count)
		return 0;
	r->rows = calloc(r->found_count, sizeof(*r->rows));
	r->hits = calloc(r->found_count, sizeof(*r->hits));
	if (!r->rows || !r->hits)
		return -ENOMEM;
	qsort(r->found, r->found_count, sizeof(*r->found), compare_found);
	for (size_t i = 0; i < r->found_count; i++) {
		const struct contact_found *f = &r->found[i];
		bool same = last && last->value == f->value &&
			    contact_row_compare(&last->row, &f->row) == 0;

		if (!same)
			r->rows[r->count++] = (struct contact_sum){.client = f->row.client,
								   .ip_version = f->row.ip_version,
								   .first_ns = UINT64_MAX,
								   .value = f->value,
								   .first_hit = (uint32_t)hits};
		if (!same || last->day != f->day) {
			r->rows[r->count - 1].days++;
			r->rows[r->count - 1].hit_count++;
			r->hits[hits++].day = f->day;
		}
		hit_add(&r->hits[hits - 1], f);
		sum_add(&r->rows[r->count - 1], f);
		last = f;
	}
	free(r->found);
	r->found = NULL;
	r->found_count = r->found_cap = 0;
	return 0;
}

static bool is_wanted(const struct query *q, uint16_t day, const struct contact_row *row)
{
	bool port = !q->port;

	for (unsigned i = 0; i < row->port_count; i++)
		port |= row->port[i] == q->port;
	return port && day * DAY_NS + row->last_us * 1000 >= q->window.from_ns &&
	       (!q->window.to_ns || day * DAY_NS + row->first_us * 1000 < q->window.to_ns);
}

static int add_hit(struct query *q, uint16_t day, const uint8_t *value, size_t len,
		   const struct contact_row *row)
{
	struct contact_result *r = q->r;
	uint32_t number;

	if (!is_wanted(q, day, row))
		return 0;
	if (r->found_count == HITS_MAX) {
		r->left_out++;
		return 0;
	}
	if (r->found_count == r->found_cap) {
		size_t cap = r->found_cap ? 2 * r->found_cap : 64;
		struct contact_found *more = realloc(r->found, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->found = more;
		r->found_cap = cap;
	}
	number = table_intern_value(r->values, value, len);
	if (number == TABLE_NONE)
		return -ENOMEM;
	r->found[r->found_count++] =
		(struct contact_found){.row = *row, .value = number, .day = day};
	return 0;
}

static void end(struct query *q)
{
	pthread_mutex_lock(&q->c->lock);
	for (unsigned i = 0; i < q->tables; i++)
		table_put(q->c, q->table[i]);
	pthread_mutex_unlock(&q->c->lock);
	if (q->snapshot)
		store_snapshot_free(q->c->store, q->snapshot);
	free(q->rows);
}

static int begin(struct query *q, struct contacts *c)
{
	unsigned kept = 0;
	int err = 0;

	*q = (struct query){.c = c};
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->table_count; i++) {
		q->table[i] = c->table[i];
		table_get(c->table[i]);
	}
	q->tables = c->table_count;
	pthread_mutex_unlock(&c->lock);
	q->snapshot = store_snapshot_new(c->store);
	for (unsigned i = 0; i < q->tables; i++) {
		struct contact_table *t = q->table[i];
		int in = err ? 0 : part_is_in(c->store, q->snapshot, t->day, t->part);

		err = in < 0 ? in : err;
		if (in != 1) {
			q->table[kept++] = t;
			continue;
		}
		pthread_mutex_lock(&c->lock);
		table_put(c, t);
		pthread_mutex_unlock(&c->lock);
	}
	q->tables = kept;
	if (err)
		end(q);
	return err;
}

/* ---- memory ---- */

static bool in_range(const struct value_range *range, const uint8_t *value, size_t len)
{
	size_t key = len - 1, low = key < range->from_len ? key : range->from_len;
	size_t high = key < range->to_len ? key : range->to_len;
	int order;

	if (value[0] != range->kind)
		return false;
	order = memcmp(value + 1, range->from, low);
	if (order < 0 || (order == 0 && key < range->from_len))
		return false;
	if (!range->to_len)
		return true;
	order = memcmp(value + 1, range->to, high);
	return order < 0 || (order == 0 && key < range->to_len);
}

/* All entries of one value. The lock is held on entry and exit. */
static int table_value_hits(struct query *q, struct contact_table *t, uint32_t value)
{
	uint32_t e = t->values[value].first_entry;
	unsigned seen = 0;
	int err = 0;

	while (e != TABLE_NONE && !err) {
		struct contact_row row;

		table_row(t, e, &row);
		err = add_hit(q, t->day, table_value_key(t, value), t->values[value].len, &row);
		e = t->entries[e].next_of_value;
		if (++seen % SLICE == 0) {
			pthread_mutex_unlock(&q->c->lock);
			pthread_mutex_lock(&q->c->lock);
		}
	}
	return err;
}

static int table_range_hits(struct query *q, struct contact_table *t,
			    const struct value_range *range)
{
	uint8_t value[1 + VALUE_KEY_MAX + 1];
	uint32_t number;
	int err = 0;

	pthread_mutex_lock(&q->c->lock);
	if (range->exact) {
		value[0] = (uint8_t)range->kind;
		memcpy(value + 1, range->from, range->from_len);
		number = table_find_value(t, value, 1 + range->from_len);
		if (number != TABLE_NONE)
			err = table_value_hits(q, t, number);
	}
	for (uint32_t i = 0; !range->exact && i < t->value_count && !err; i++) {
		if (in_range(range, table_value_key(t, i), t->values[i].len))
			err = table_value_hits(q, t, i);
		if (i % SLICE == SLICE - 1) {
			pthread_mutex_unlock(&q->c->lock);
			pthread_mutex_lock(&q->c->lock);
		}
	}
	pthread_mutex_unlock(&q->c->lock);
	return err;
}

static int table_client_hits(struct query *q, struct contact_table *t, const struct addr *a,
			     int ip_version)
{
	uint32_t client, e;
	unsigned seen = 0;
	int err = 0;

	pthread_mutex_lock(&q->c->lock);
	client = table_find_client(t, a, ip_version);
	e = client == TABLE_NONE ? TABLE_NONE : t->clients[client].first_entry;
	while (e != TABLE_NONE && !err) {
		uint32_t value = t->entries[e].value;
		struct contact_row row;

		table_row(t, e, &row);
		err = add_hit(q, t->day, table_value_key(t, value), t->values[value].len, &row);
		e = t->entries[e].next_of_client;
		if (++seen % SLICE == 0) {
			pthread_mutex_unlock(&q->c->lock);
			pthread_mutex_lock(&q->c->lock);
		}
	}
	pthread_mutex_unlock(&q->c->lock);
	return err;
}

/* ---- files ---- */

/* The posting lists of one value on one day: one for each part. */
static int day_hits(struct query *q, struct store_iter *it, uint16_t day, const uint8_t *value,
		    size_t len)
{
	uint8_t key[CONTACT_KEY_MAX];
	int err = 0;

	posting_key(key, day, value, len, 0);
	for (store_iter_seek(it, key, 3 + len); store_iter_valid(it) && !err; store_iter_next(it)) {
		struct slice k = store_iter_key(it);
		size_t count = 0;

		if (k.len != 5 + len || memcmp(k.data, key, 3 + len) != 0)
			break;
		err = posting_decode(store_iter_value(it), &q->rows, &count, &q->rows_cap);
		for (size_t i = 0; i < count && !err; i++)
			err = add_hit(q, day, value, len, &q->rows[i]);
	}
	return err;
}

/* Bounds of the dictionary for a range. */
static struct store_iter *dictionary_iter(struct query *q, const struct value_range *range)
{
	uint8_t from[CONTACT_KEY_MAX + 2], to[CONTACT_KEY_MAX + 2];
	struct slice low = {from, 2 + range->from_len}, high = {to, 2 + range->to_len};

	from[0] = to[0] = 'd';
	from[1] = (uint8_t)range->kind;
	to[1] = (uint8_t)(range->to_len ? range->kind : range->kind + 1);
	memcpy(from + 2, range->from, range->from_len);
	memcpy(to + 2, range->to, range->to_len);
	return store_iter_new(q->c->store, STORE_contact, q->snapshot, &low, &high);
}

static int file_range_hits(struct query *q, const struct value_range *range)
{
	static const uint8_t from = 'p', to = 'q';
	struct slice low = {&from, 1}, high = {&to, 1};
	struct store_iter *names = dictionary_iter(q, range);
	struct store_iter *lists =
		store_iter_new(q->c->store, STORE_contact, q->snapshot, &low, &high);
	int err = names && lists ? 0 : -ENOMEM;

	for (names ? store_iter_first(names) : (void)0; !err && store_iter_valid(names);
	     store_iter_next(names)) {
		struct slice k = store_iter_key(names), days = store_iter_value(names);
		const uint8_t *value = (const uint8_t *)k.data + 1, *d = days.data;

		if (k.len < 3 || k.len - 1 > 1 + VALUE_KEY_MAX)
			continue;
		for (size_t i = 0; i + 2 <= days.len && !err; i += 2)
			err = day_hits(q, lists, day_get(d + i), value, k.len - 1);
	}
	if (!err)
		err = store_iter_status(names);
	if (!err)
		err = store_iter_status(lists);
	store_iter_free(names);
	store_iter_free(lists);
	return err;
}

/* The row of one client in the posting list under the iterator, if it is there. */
static int hit_of_client(struct query *q, struct store_iter *lists, uint16_t day,
			 const struct contact_row *client)
{
	struct slice k = store_iter_key(lists);
	size_t count = 0;
	int err = posting_decode(store_iter_value(lists), &q->rows, &count, &q->rows_cap);

	for (size_t i = 0; i < count && !err; i++)
		if (contact_row_compare(&q->rows[i], client) == 0)
			return add_hit(q, day, (const uint8_t *)k.data + 3, k.len - 5, &q->rows[i]);
	return err;
}

/* Moves to the posting list of that ordinal of a part, from the list of ordinal *at (UINT32_MAX:
 * none) if that is not far before. False: it is not there. */
static bool seek_ordinal(struct query *q, struct store_iter *lists, uint16_t day, uint16_t part,
			 uint32_t ordinal, uint32_t *at)
{
	struct text value = {0};
	uint8_t key[CONTACT_KEY_MAX];

	if (*at == UINT32_MAX || ordinal - *at > ORDINAL_STEP) {
		uint32_t step = ordinal - ordinal % ORDINAL_STEP;

		if (store_get(q->c->store, STORE_contact, key, ordinal_key(key, day, part, step),
			      q->snapshot, &value) != 1 ||
		    value.len > 1 + VALUE_KEY_MAX) {
			text_free(&value);
			return false;
		}
		store_iter_seek(lists, key, posting_key(key, day, value.data, value.len, part));
		text_free(&value);
		*at = step;
	}
	while (store_iter_valid(lists)) {
		struct slice k = store_iter_key(lists);
		const uint8_t *p = k.data;

		if (k.len < 6 || p[0] != 'p' || read_be16(p + 1) != day)
			return false;
		if (read_be16(p + k.len - 2) == part) {
			if (*at == ordinal)
				return true;
			(*at)++;
		}
		store_iter_next(lists);
	}
	return false;
}

/* One client on one day in one part: its ordinals, resolved. */
static int client_day_hits(struct query *q, struct store_iter *lists, uint16_t day, uint16_t part,
			   struct slice ordinals, const struct contact_row *client)
{
	const uint8_t *p = ordinals.data, *stop = p + ordinals.len;
	uint32_t ordinal = 0, at = UINT32_MAX;
	uint64_t step;
	int err = 0;

	while (!err && get_varint(&p, stop, &step)) {
		ordinal += (uint32_t)step;
		if (seek_ordinal(q, lists, day, part, ordinal, &at))
			err = hit_of_client(q, lists, day, client);
		else
			err = -EPROTO;
	}
	return err;
}

/* The next day after `day` that has files; false: none. */
static bool next_day(struct store_iter *it, uint32_t day, uint16_t *next)
{
	uint8_t key[3] = {'c'};
	struct slice k;

	if (day > UINT16_MAX)
		return false;
	put_be16(key + 1, (uint16_t)day);
	store_iter_seek(it, key, sizeof(key));
	if (!store_iter_valid(it))
		return false;
	k = store_iter_key(it);
	if (k.len < 6 || ((const uint8_t *)k.data)[0] != 'c')
		return false;
	*next = read_be16((const uint8_t *)k.data + 1);
	return true;
}

static int file_client_hits(struct query *q, const struct contact_row *client)
{
	struct store_iter *days = store_iter_new(q->c->store, STORE_contact, q->snapshot, NULL, NULL);
	struct store_iter *lists =
		store_iter_new(q->c->store, STORE_contact, q->snapshot, NULL, NULL);
	size_t stem = client->ip_version == 4 ? 8 : 20;
	uint8_t key[32];
	uint16_t day;
	int err = days && lists ? 0 : -ENOMEM;

	for (uint32_t from = 0; !err && next_day(days, from, &day); from = day + 1u) {
		client_key(key, day, client->ip_version, &client->client, 0);
		for (store_iter_seek(days, key, stem); store_iter_valid(days) && !err;
		     store_iter_next(days)) {
			struct slice k = store_iter_key(days);

			if (k.len != stem + 2 || memcmp(k.data, key, stem) != 0)
				break;
			err = client_day_hits(q, lists, day,
					      read_be16((const uint8_t *)k.data + stem),
					      store_iter_value(days), client);
		}
	}
	if (!err)
		err = store_iter_status(days);
	if (!err)
		err = store_iter_status(lists);
	store_iter_free(days);
	store_iter_free(lists);
	return err;
}

/* ---- both ---- */

int contacts_session_new(struct contact_session **out, struct contacts *c)
{
	struct contact_session *s = calloc(1, sizeof(*s));
	int err = s ? begin(&s->q, c) : -ENOMEM;

	if (err) {
		free(s);
		s = NULL;
	}
	*out = s;
	return err;
}

void contacts_session_free(struct contact_session *s)
{
	if (!s)
		return;
	end(&s->q);
	free(s);
}

static int look_begin(struct contact_session *s, const struct contact_window *window,
		      struct contact_result *r)
{
	s->q.r = r;
	s->q.port = 0;
	s->q.window = window ? *window : (struct contact_window){0, 0};
	if (!r->values && !(r->values = table_new(0, 0)))
		return -ENOMEM;
	return 0;
}

int contacts_session_find(struct contact_session *s, const struct contact_want *w,
			  const struct contact_window *window, struct contact_result *r)
{
	size_t before = r->found_count;
	unsigned ranges = contact_want_ranges(w, s->range, &s->q.port);
	uint16_t port = s->q.port;
	int err = look_begin(s, window, r);

	s->q.port = port;
	if (!ranges)
		err = -EINVAL;
	for (unsigned k = 0; k < ranges && !err; k++) {
		err = file_range_hits(&s->q, &s->range[k]);
		for (unsigned i = 0; i < s->q.tables && !err; i++)
			err = table_range_hits(&s->q, s->q.table[i], &s->range[k]);
	}
	return err ? err : r->found_count > before;
}

int contacts_session_client(struct contact_session *s, const struct addr *client, int ip_version,
			    const struct contact_window *window, struct contact_result *r)
{
	struct contact_row who = {.client = *client, .ip_version = (uint8_t)ip_version};
	size_t before = r->found_count;
	int err = look_begin(s, window, r);

	if (!err)
		err = file_client_hits(&s->q, &who);
	for (unsigned i = 0; i < s->q.tables && !err; i++)
		err = table_client_hits(&s->q, s->q.table[i], client, ip_version);
	return err ? err : r->found_count > before;
}

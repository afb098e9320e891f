/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A session takes the list of tables and that of parts at once, under the lock, and its snapshot of
 * the store after: a part that is being moved from memory to files meanwhile is seen once.
 *
 * By value: the dictionary says its number and its days; in each part of those days the blocks with
 * that number are found by their first numbers. By client: each part says which blocks it is in.
 */
#include "control/contact/query.h"

#include <errno.h>
#include <stdlib.h>

#include "control/contact/column.h"
#include "control/contact/contacts_private.h"
#include "control/contact/order.h"
#include "control/store/bytes.h"
#include "control/store/days.h"

#define HITS_MAX 8000000u
#define SLICE 4096        /* entries looked at before the lock is let go */
#define LINEAR_LOOKS 16   /* ranges sought in a table before its values are sorted */
#define FILTER_LOOKS 20000 /* values sought in the dictionary before its filter is made */
#define NUMBER_UNKNOWN UINT32_MAX

/* One day of a client and a value, in one part. */
struct contact_found {
	struct contact_row row;
	uint32_t value; /* number in the result; while a client's blocks are read: number in the store */
	uint16_t day;
};

/* A table's values in the order of their keys, made when many ranges are sought. */
struct sorted_values {
	uint32_t *value;
	uint32_t count;
	unsigned looks;
};

struct query {
	struct contacts *c;
	struct contact_result *r;
	struct store_snapshot *snapshot;
	struct store_reader *reader;
	struct filter *filter; /* of the dictionary, when many values are sought */
	uint64_t looks;
	struct store_iter *names, *blocks; /* made when they are needed */
	struct contact_table *table[TABLES_MAX];
	struct sorted_values sorted[TABLES_MAX];
	unsigned tables;
	struct contact_part *parts;
	size_t part_count;
	struct text value;
	struct block_row rows[BLOCK_ROWS]; /* scratch */
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

static void hit_add(struct contact_hit *hit, const struct contact_found *f)
{
	uint64_t first = f->day * DAY_NS + f->row.first_us * 1000;
	uint64_t last = f->day * DAY_NS + f->row.last_us * 1000;

	hit->first_ns = !hit->first_ns || first < hit->first_ns ? first : hit->first_ns;
	hit->last_ns = last > hit->last_ns ? last : hit->last_ns;
	hit->count += f->row.count;
	hit->bytes_out += f->row.bytes_out;
	hit->bytes_in += f->row.bytes_in;
	hit->hours |= f->row.hours;
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

static int add_found(struct query *q, uint16_t day, uint32_t value, const struct contact_row *row)
{
	struct contact_result *r = q->r;

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
	r->found[r->found_count++] = (struct contact_found){.row = *row, .value = value, .day = day};
	return 0;
}

static int add_hit(struct query *q, uint16_t day, const uint8_t *value, size_t len,
		   const struct contact_row *row)
{
	uint32_t number;

	if (!is_wanted(q, day, row))
		return 0;
	number = table_intern_value(q->r->values, value, len);
	return number == TABLE_NONE ? -ENOMEM : add_found(q, day, number, row);
}

static void end(struct query *q)
{
	pthread_mutex_lock(&q->c->lock);
	for (unsigned i = 0; i < q->tables; i++) {
		table_put(q->c, q->table[i]);
		free(q->sorted[i].value);
	}
	pthread_mutex_unlock(&q->c->lock);
	store_iter_free(q->names);
	store_iter_free(q->blocks);
	store_reader_free(q->reader);
	filter_free(q->filter);
	if (q->snapshot)
		store_snapshot_free(q->c->store, q->snapshot);
	text_free(&q->value);
	free(q->parts);
}

static int begin(struct query *q, struct contacts *c)
{
	q->c = c;
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->table_count; i++) {
		q->table[i] = c->table[i];
		table_get(c->table[i]);
	}
	q->tables = c->table_count;
	q->parts = calloc(c->part_count + 1, sizeof(*q->parts));
	if (q->parts && c->part_count)
		memcpy(q->parts, c->parts, c->part_count * sizeof(*q->parts));
	q->part_count = c->part_count;
	pthread_mutex_unlock(&c->lock);
	q->snapshot = store_snapshot_new(c->store);
	q->reader = store_reader_new(c->store, q->snapshot);
	if (!q->parts || !q->reader) {
		end(q);
		return -ENOMEM;
	}
	return 0;
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

/* Whether the value is below the range's begin. */
static bool is_before(const struct value_range *range, const uint8_t *value, size_t len)
{
	size_t key = len - 1, n = key < range->from_len ? key : range->from_len;
	int order;

	if (value[0] != range->kind)
		return value[0] < range->kind;
	order = memcmp(value + 1, range->from, n);
	return order < 0 || (order == 0 && key < range->from_len);
}

/* Under the lock. */
static int sorted_range_hits(struct query *q, struct contact_table *t, const struct sorted_values *s,
			     const struct value_range *range)
{
	uint32_t low = 0, high = s->count;
	int err = 0;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2, v = s->value[mid];

		if (is_before(range, table_value_key(t, v), t->values[v].len))
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < s->count && !err; low++) {
		uint32_t v = s->value[low];

		if (!in_range(range, table_value_key(t, v), t->values[v].len))
			break;
		err = table_value_hits(q, t, v);
	}
	return err;
}

static int table_range_hits(struct query *q, unsigned at, const struct value_range *range)
{
	struct contact_table *t = q->table[at];
	struct sorted_values *s = &q->sorted[at];
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
	/* Values that come later are those of contacts that come later. */
	if (!range->exact && ++s->looks > LINEAR_LOOKS && !s->value &&
	    !(s->value = order_growing(t, &q->c->lock, &s->count)))
		err = -ENOMEM;
	if (!range->exact && s->value && !err)
		err = sorted_range_hits(q, t, s, range);
	for (uint32_t i = 0; !range->exact && !s->value && i < t->value_count && !err; i++) {
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
	uint32_t client;
	int err = 0;

	pthread_mutex_lock(&q->c->lock);
	client = table_find_client(t, a, ip_version);
	for (uint32_t e = 0; client != TABLE_NONE && e < t->entry_count && !err; e++) {
		if (t->entries[e].client == client) {
			uint32_t value = t->entries[e].value;
			struct contact_row row;

			table_row(t, e, &row);
			err = add_hit(q, t->day, table_value_key(t, value), t->values[value].len,
				      &row);
		}
		if (e % (16 * SLICE) == 16 * SLICE - 1) {
			pthread_mutex_unlock(&q->c->lock);
			pthread_mutex_lock(&q->c->lock);
		}
	}
	pthread_mutex_unlock(&q->c->lock);
	return err;
}

/* ---- files ---- */

static struct store_iter *blocks_of(struct query *q)
{
	static const uint8_t from = 'p', to = 'q';
	struct slice low = {&from, 1}, high = {&to, 1};

	if (!q->blocks)
		q->blocks = store_iter_new(q->c->store, STORE_contact, q->snapshot, &low, &high);
	return q->blocks;
}

/* The rows of one value in one part: in the last block that begins at or before its number, and in
 * those before as long as they begin with it. */
static int part_hits(struct query *q, const struct contact_part *part, uint32_t id,
		     const uint8_t *value, size_t len)
{
	uint8_t key[16];
	size_t stem = part_key(key, part->day, part->part, SECTION_BLOCK);
	struct store_iter *it = blocks_of(q);
	int err = it ? 0 : -ENOMEM;

	block_key(key, part->day, part->part, id, UINT32_MAX);
	if (it)
		store_iter_seek_back(it, key, stem + 8);
	while (!err && store_iter_valid(it)) {
		struct slice k = store_iter_key(it);
		size_t count;

		if (k.len != stem + 8 || memcmp(k.data, key, stem) != 0)
			break;
		err = block_decode(store_iter_value(it), q->rows, &count);
		for (size_t i = 0; i < count && !err; i++)
			if (q->rows[i].id == id)
				err = add_hit(q, part->day, value, len, &q->rows[i].row);
		if (err || read_be32((const uint8_t *)k.data + stem) != id)
			break;
		store_iter_prev(it);
	}
	return err ? err : store_iter_status(it);
}

static bool day_is_wanted(const struct query *q, uint16_t day)
{
	return (day + 1) * DAY_NS > q->window.from_ns &&
	       (!q->window.to_ns || day * DAY_NS < q->window.to_ns);
}

/* The first part of that day or later. */
static size_t find_part(const struct query *q, uint16_t day)
{
	size_t low = 0, high = q->part_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (q->parts[mid].day < day)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* An entry of the dictionary: number and days. */
static int entry_hits(struct query *q, struct slice entry, const uint8_t *value, size_t len)
{
	const uint8_t *d = entry.data;
	uint32_t id;
	int err = 0;

	if (entry.len < 4)
		return -EPROTO;
	id = read_be32(d);
	for (size_t i = 4; i + 2 <= entry.len && !err; i += 2) {
		uint16_t day = day_get(d + i);

		if (!day_is_wanted(q, day))
			continue;
		for (size_t p = find_part(q, day); p < q->part_count && q->parts[p].day == day && !err;
		     p++)
			err = part_hits(q, &q->parts[p], id, value, len);
	}
	return err;
}

/* Reads the hashes of all values that ever were; twice: to count them, and to put them in. */
static struct filter *make_filter(struct query *q)
{
	static const uint8_t from = 'h', to = 'i';
	struct slice low = {&from, 1}, high = {&to, 1};
	struct store_iter *it =
		store_iter_new(q->c->store, STORE_contact, q->snapshot, &low, &high);
	struct filter *f = NULL;
	uint64_t count = 0;

	for (it ? store_iter_first(it) : (void)0; it && store_iter_valid(it); store_iter_next(it))
		count += store_iter_value(it).len / sizeof(uint64_t);
	if (it)
		f = filter_new(count);
	for (f ? store_iter_first(it) : (void)0; f && store_iter_valid(it); store_iter_next(it)) {
		struct slice v = store_iter_value(it);

		filter_add(f, v.data, v.len / sizeof(uint64_t));
	}
	/* An answer that is not sure is none: then the dictionary is asked each time. */
	if (f && store_iter_status(it) != 0) {
		filter_free(f);
		f = NULL;
	}
	store_iter_free(it);
	return f;
}

/* The dictionary's entry into q->value. 1, 0, -errno. key: 'd', then kind byte and key. */
static int dictionary_get(struct query *q, const uint8_t *key, size_t len)
{
	if (++q->looks == FILTER_LOOKS)
		q->filter = make_filter(q);
	if (q->filter && !filter_may_have(q->filter, filter_hash(key + 1, len - 1)))
		return 0;
	return store_reader_get(q->reader, STORE_contact, key, len, &q->value);
}

static int file_exact_hits(struct query *q, int kind, const uint8_t *from, size_t from_len)
{
	uint8_t key[CONTACT_KEY_MAX + 1], value[1 + VALUE_KEY_MAX];
	struct text entry = {0};
	int found, err = 0;

	value[0] = (uint8_t)kind;
	memcpy(value + 1, from, from_len);
	found = dictionary_get(q, key, dictionary_key(key, value, 1 + from_len));
	if (found <= 0)
		return found;
	/* add_hit may use what q->value is for. */
	text_bytes(&entry, q->value.data, q->value.len);
	err = entry.failed ? -ENOMEM
			   : entry_hits(q, (struct slice){entry.data, entry.len}, value, 1 + from_len);
	text_free(&entry);
	return err;
}

static struct store_iter *names_of(struct query *q)
{
	static const uint8_t from = 'd', to = 'e';
	struct slice low = {&from, 1}, high = {&to, 1};

	if (!q->names)
		q->names = store_iter_new(q->c->store, STORE_contact, q->snapshot, &low, &high);
	return q->names;
}

/* Every value of the dictionary from key to key. */
static int file_between_hits(struct query *q, const struct value_range *range, size_t from_len)
{
	uint8_t key[CONTACT_KEY_MAX + 2];
	struct store_iter *it = names_of(q);
	int err = it ? 0 : -ENOMEM;

	key[0] = 'd';
	key[1] = (uint8_t)range->kind;
	memcpy(key + 2, range->from, from_len);
	for (it ? store_iter_seek(it, key, 2 + from_len) : (void)0; !err && store_iter_valid(it);
	     store_iter_next(it)) {
		struct slice k = store_iter_key(it);
		const uint8_t *value = (const uint8_t *)k.data + 1;

		if (k.len < 3 || k.len - 1 > 1 + VALUE_KEY_MAX ||
		    !in_range(range, value, k.len - 1))
			break;
		/* A marker of names below has no days. */
		err = entry_hits(q, store_iter_value(it), value, k.len - 1);
	}
	return err ? err : store_iter_status(it);
}

/* A name and what is below it: the name itself, and the rest only if there is any. */
static int file_below_hits(struct query *q, struct value_range *range)
{
	uint8_t key[CONTACT_KEY_MAX + 2];
	int err = file_exact_hits(q, range->kind, range->from, range->from_len), found;

	if (err)
		return err;
	key[0] = 'd';
	key[1] = (uint8_t)range->kind;
	memcpy(key + 2, range->from, range->from_len);
	key[1 + range->from_len] = 1;
	/* The name's own last byte became 1: what all below it begins with. */
	found = dictionary_get(q, key, 1 + range->from_len + 1);
	if (found <= 0)
		return found;
	range->from[range->from_len - 1] = 1;
	err = file_between_hits(q, range, range->from_len);
	range->from[range->from_len - 1] = 0;
	return err;
}

static int file_range_hits(struct query *q, struct value_range *range)
{
	if (range->exact)
		return file_exact_hits(q, range->kind, range->from, range->from_len);
	if (range->below)
		return file_below_hits(q, range);
	return file_between_hits(q, range, range->from_len);
}

/* ---- files, by client ---- */

/* "count, column" of at most max numbers, as files.c writes it. Returns the count; -EPROTO. */
static ssize_t read_numbers(const struct text *t, uint64_t *out, size_t max)
{
	const uint8_t *p = t->data, *stop = p + t->len;
	uint64_t n;

	if (!t->len || !get_varint(&p, stop, &n) || n > max || !column_get(&p, stop, out, n))
		return -EPROTO;
	return (ssize_t)n;
}

/* The rows of the client in one block; found with the store's numbers of their values. */
static int block_client_hits(struct query *q, const struct contact_part *part, uint32_t first,
			     uint32_t number, const struct contact_row *client)
{
	uint8_t key[16];
	size_t count;
	int err = store_reader_get(q->reader, STORE_contact, key,
				   block_key(key, part->day, part->part, first, number), &q->value);

	if (err <= 0)
		return err < 0 ? err : -EPROTO;
	err = block_decode((struct slice){q->value.data, q->value.len}, q->rows, &count);
	for (size_t i = 0; i < count && !err; i++)
		if (contact_row_compare(&q->rows[i].row, client) == 0)
			err = add_found(q, part->day, q->rows[i].id, &q->rows[i].row);
	return err;
}

static int part_client_hits(struct query *q, const struct contact_part *part,
			    const struct contact_row *client, uint64_t *steps, size_t max)
{
	uint64_t firsts[INDEX_BLOCKS];
	uint32_t chunk = NUMBER_UNKNOWN, number = 0;
	uint8_t key[40];
	ssize_t n, firsts_count = 0;
	int err = store_reader_get(q->reader, STORE_contact, key,
				   client_key(key, part->day, part->part, client->ip_version,
					      &client->client), &q->value);

	if (err <= 0)
		return err;
	n = read_numbers(&q->value, steps, max);
	err = n < 0 ? -EPROTO : 0;
	for (ssize_t i = 0; i < n && !err; i++) {
		number = i ? number + 1 + (uint32_t)steps[i] : (uint32_t)steps[i];
		if (number / INDEX_BLOCKS != chunk) {
			chunk = number / INDEX_BLOCKS;
			err = store_reader_get(q->reader, STORE_contact, key,
					       index_key(key, part->day, part->part, chunk),
					       &q->value);
			firsts_count = err == 1 ? read_numbers(&q->value, firsts, INDEX_BLOCKS) : -1;
			err = err < 0 ? err : firsts_count < 0 ? -EPROTO : 0;
		}
		if (!err && number % INDEX_BLOCKS >= firsts_count)
			err = -EPROTO;
		if (!err)
			err = block_client_hits(q, part, (uint32_t)firsts[number % INDEX_BLOCKS],
						number, client);
	}
	return err;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = ((const struct contact_found *)a)->value;
	uint32_t y = ((const struct contact_found *)b)->value;

	return x < y ? -1 : x > y;
}

/* The store's numbers of what was found from there on, as the result's. */
static int resolve(struct query *q, size_t from)
{
	struct contact_result *r = q->r;
	uint32_t last = NUMBER_UNKNOWN, number = TABLE_NONE;
	uint8_t key[8];
	int err = 0;

	if (r->found_count == from)
		return 0;
	qsort(r->found + from, r->found_count - from, sizeof(*r->found), compare_numbers);
	for (size_t i = from; i < r->found_count && !err; i++) {
		if (r->found[i].value != last) {
			last = r->found[i].value;
			err = store_reader_get(q->reader, STORE_contact, key, id_key(key, last),
					       &q->value);
			if (err == 0)
				err = -EPROTO;
			if (err < 0)
				return err;
			number = table_intern_value(r->values, q->value.data, q->value.len);
			err = number == TABLE_NONE ? -ENOMEM : 0;
		}
		r->found[i].value = number;
	}
	return err;
}

#define CLIENT_BLOCKS_MAX 4000000u /* of one part: 2 G rows */

/* It expired since the session began: its file may be gone, whatever the snapshot says. */
static bool part_is_gone(struct query *q, const struct contact_part *part)
{
	bool gone = true;

	pthread_mutex_lock(&q->c->lock);
	for (size_t i = 0; i < q->c->part_count && gone; i++)
		gone = q->c->parts[i].day != part->day || q->c->parts[i].part != part->part;
	pthread_mutex_unlock(&q->c->lock);
	return gone;
}

static int file_client_hits(struct query *q, const struct contact_row *client)
{
	uint64_t *steps = malloc(CLIENT_BLOCKS_MAX * sizeof(*steps)); /* touched as far as needed */
	size_t from = q->r->found_count;
	int err = steps ? 0 : -ENOMEM;

	for (size_t p = 0; p < q->part_count && !err; p++) {
		size_t before = q->r->found_count;

		if (!day_is_wanted(q, q->parts[p].day))
			continue;
		err = part_client_hits(q, &q->parts[p], client, steps, CLIENT_BLOCKS_MAX);
		if (err == -EPROTO && part_is_gone(q, &q->parts[p])) {
			q->r->found_count = before;
			err = 0;
		}
	}
	free(steps);
	return err ? err : resolve(q, from);
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
			err = table_range_hits(&s->q, i, &s->range[k]);
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

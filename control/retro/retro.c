/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/retro/retro.h"

#include <errno.h>
#include <stdlib.h>

#include "control/contact/query.h"
#include "control/intel/intel.h"

#define NAMES_MAX 10 /* contacted names listed in a row */

/* One client, over all the values that an indicator matched. */
struct client_row {
	struct contact_sum sum;
	uint32_t names[NAMES_MAX];
	unsigned name_count;
};

static int by_client(const void *a, const void *b)
{
	const struct contact_sum *x = a, *y = b;
	struct contact_row p = {.client = x->client, .ip_version = x->ip_version};
	struct contact_row q = {.client = y->client, .ip_version = y->ip_version};

	return contact_row_compare(&p, &q);
}

static int by_first(const void *a, const void *b)
{
	const struct contact_sum *x = a, *y = b;

	if (x->first_ns != y->first_ns)
		return x->first_ns < y->first_ns ? -1 : 1;
	return by_client(a, b);
}

static void merge(struct client_row *into, const struct contact_sum *more)
{
	struct contact_row ports = {.port_count = into->sum.port_count}, add = {0};

	memcpy(ports.port, into->sum.port, sizeof(ports.port));
	memcpy(add.port, more->port, sizeof(add.port));
	add.port_count = more->port_count;
	contact_row_add(&ports, &add);
	memcpy(into->sum.port, ports.port, sizeof(ports.port));
	into->sum.port_count = ports.port_count;
	if (more->first_ns < into->sum.first_ns)
		into->sum.first_ns = more->first_ns;
	if (more->last_ns > into->sum.last_ns)
		into->sum.last_ns = more->last_ns;
	into->sum.count += more->count;
	into->sum.bytes_out += more->bytes_out;
	into->sum.bytes_in += more->bytes_in;
	/* Days of several names may be the same: at least the most of one. */
	if (more->days > into->sum.days)
		into->sum.days = more->days;
	if (into->name_count < NAMES_MAX)
		into->names[into->name_count++] = more->value;
}

/* Rows of (value, client) as rows of client, oldest first. NULL and *count 0 when there are none;
 * NULL and *count not 0 when out of memory. */
static struct client_row *rows_by_client(struct contact_result *r, size_t *count)
{
	struct client_row *rows = r->count ? calloc(r->count, sizeof(*rows)) : NULL;
	size_t n = 0;

	*count = r->count;
	if (!rows)
		return NULL;
	qsort(r->rows, r->count, sizeof(*r->rows), by_client);
	for (size_t i = 0; i < r->count; i++) {
		if (n && by_client(&rows[n - 1].sum, &r->rows[i]) == 0) {
			merge(&rows[n - 1], &r->rows[i]);
			continue;
		}
		rows[n].sum = r->rows[i];
		rows[n].names[0] = r->rows[i].value;
		rows[n++].name_count = 1;
	}
	qsort(rows, n, sizeof(*rows), by_first);
	*count = n;
	return rows;
}

static void put_sum(struct text *out, const struct contact_sum *sum, int kind, struct slice value)
{
	char room[ADDR_TEXT_MAX];

	json_key_cstr(out, "client", addr_format_long(&sum->client, sum->ip_version, room));
	json_key_cstr(out, "kind", indicator_kind_name(kind));
	json_key(out, "indicator");
	json_put_string(out, value.data, value.len);
	json_key_time(out, "first", sum->first_ns);
	json_key_time(out, "last", sum->last_ns);
	json_key_uint(out, "count", sum->count);
	json_key_uint(out, "days", sum->days);
	if (sum->bytes_out || sum->bytes_in) {
		json_key_uint(out, "bytes_out", sum->bytes_out);
		json_key_uint(out, "bytes_in", sum->bytes_in);
	}
	if (sum->port_count) {
		json_key(out, "ports");
		text_char(out, '[');
		for (unsigned i = 0; i < sum->port_count; i++) {
			json_comma(out);
			text_uint(out, sum->port[i]);
		}
		text_char(out, ']');
	}
}

static void put_names(struct text *out, const struct contact_result *r,
		      const struct client_row *row)
{
	struct text name = {0};

	json_key(out, "contacted");
	text_char(out, '[');
	for (unsigned i = 0; i < row->name_count; i++) {
		int kind;
		struct slice key = contact_result_value(r, row->names[i], &kind);

		text_clear(&name);
		value_print(&name, kind, key.data, key.len);
		json_comma(out);
		text_char(out, '{');
		json_key_cstr(out, "kind", indicator_kind_name(kind));
		json_key(out, "value");
		json_put_string(out, name.data, name.len);
		text_char(out, '}');
	}
	text_char(out, ']');
	text_free(&name);
}

/* Everything that matched the indicator, by client. */
static int look_up(struct contacts *c, int kind, const char *value, struct contact_result *r)
{
	struct value_range *ranges = calloc(VALUE_RANGES_MAX, sizeof(*ranges));
	unsigned count = ranges ? indicator_ranges(kind, value, ranges) : 0;
	int err = !ranges ? -ENOMEM : count ? 0 : -EINVAL;

	for (unsigned i = 0; i < count && !err; i++)
		err = contacts_by_value(c, &ranges[i], r);
	if (!err)
		err = contact_result_finish(r);
	free(ranges);
	return err;
}

struct keeping {
	struct store *s;
	struct store_batch *batch;
	uint8_t key[INTEL_KEY_MAX + 17];
	size_t key_len; /* of the indicator */
	struct retro_found *found;
};

static int keep_row(struct keeping *k, const struct contact_sum *sum, struct slice row)
{
	size_t ip = sum->ip_version == 4 ? 4 : 16, len = k->key_len + 1 + ip;
	struct text old = {0};
	int there;

	k->key[k->key_len] = sum->ip_version;
	memcpy(k->key + k->key_len + 1, sum->client.b, ip);
	there = store_get(k->s, STORE_finding, k->key, len, NULL, &old);
	text_free(&old);
	if (there < 0)
		return there;
	k->found->clients++;
	k->found->fresh += !there;
	store_batch_put(k->s, k->batch, STORE_finding, k->key, len, row.data, row.len);
	return 0;
}

static int find(struct contacts *c, int kind, const char *value, uint64_t limit, struct text *out,
		struct keeping *keep)
{
	struct contact_result r = {0};
	struct client_row *rows = NULL;
	struct text normal = {0};
	size_t count = 0;
	int err = look_up(c, kind, value, &r);

	if (!err && !indicator_normal(kind, value, &normal))
		err = -EINVAL;
	if (!err) {
		rows = rows_by_client(&r, &count);
		err = count && !rows ? -ENOMEM : 0;
	}
	text_char(out, '[');
	for (size_t i = 0; i < count && i < limit && !err; i++) {
		size_t start;

		json_comma(out);
		start = out->len;
		text_char(out, '{');
		put_sum(out, &rows[i].sum, kind, (struct slice){normal.data, normal.len});
		put_names(out, &r, &rows[i]);
		text_char(out, '}');
		if (keep && !out->failed)
			err = keep_row(keep, &rows[i].sum,
				       (struct slice){out->data + start, out->len - start});
	}
	text_char(out, ']');
	free(rows);
	text_free(&normal);
	contact_result_free(&r);
	return err;
}

int retro_indicator(struct store *s, struct contacts *c, int kind, const char *value,
		    uint64_t limit, struct text *out)
{
	return find(c, kind, value, limit, out, NULL);
}

int retro_find(struct store *s, struct contacts *c, int kind, const char *value, struct text *out,
	       struct retro_found *found)
{
	struct keeping k = {.s = s, .batch = store_batch_new(), .found = found};
	int err = 0;

	k.key_len = intel_key(kind, value, strlen(value), k.key);
	if (!k.key_len)
		err = -EINVAL;
	if (!err)
		err = find(c, kind, value, UINT64_MAX, out, &k);
	if (!err && store_batch_count(k.batch))
		err = store_write(s, k.batch, true);
	store_batch_free(k.batch);
	return err;
}

struct scan {
	struct store *s;
	struct contacts *c;
	struct text rows, value;
	uint64_t indicators;
	struct retro_found *found;
};

static int scan_one(void *arg, const struct intel_verdict *v)
{
	struct scan *scan = arg;
	struct slice value = v->best.value;

	if (!v->bad || v->kind == INDICATOR_IP_PORT)
		return 0;
	text_clear(&scan->rows);
	text_clear(&scan->value);
	text_bytes(&scan->value, value.data, value.len);
	scan->indicators++;
	return retro_find(scan->s, scan->c, v->kind, text_cstr(&scan->value), &scan->rows,
			  scan->found);
}

int retro_scan(struct store *s, struct intel *in, struct contacts *c, uint64_t *indicators,
	       struct retro_found *found)
{
	struct scan scan = {.s = s, .c = c, .found = found};
	int err = intel_each(in, 0, 0, scan_one, &scan);

	*indicators = scan.indicators;
	text_free(&scan.rows);
	text_free(&scan.value);
	return err;
}

/* The indicator with the highest score, as JSON. */
static int put_match(void *arg, const struct intel_verdict *v)
{
	struct text *out = arg;

	if (!v->bad || out->len)
		return 0;
	json_key(out, "intel");
	text_char(out, '{');
	json_key_cstr(out, "kind", indicator_kind_name(v->kind));
	json_key(out, "value");
	json_put_string(out, v->best.value.data, v->best.value.len);
	json_key_uint(out, "score", v->score);
	json_key_uint(out, "version", v->since_version);
	json_key(out, "sources");
	text_bytes(out, v->sources.data, v->sources.len);
	text_char(out, '}');
	return 0;
}

/* Takes the findings of an indicator out: 4 or 6 and the client come after its key. */
int retro_forget(struct store *s, int kind, const char *value)
{
	uint8_t key[INTEL_KEY_MAX + 1];
	size_t len = intel_key(kind, value, strlen(value), key);
	struct store_batch *b = store_batch_new();
	int err;

	key[len] = 0xff;
	store_batch_delete_range(s, b, STORE_finding, key, len, key, len + 1);
	err = store_write(s, b, true);
	store_batch_free(b);
	return err;
}

int retro_client(struct intel *in, struct contacts *c, const struct addr *client, int ip_version,
		 bool all, uint64_t limit, struct text *out)
{
	struct contact_result r = {0};
	struct text value = {0};
	uint64_t n = 0;
	int err = contacts_by_client(c, client, ip_version, &r);

	if (!err)
		err = contact_result_finish(&r);
	if (!err && r.count)
		qsort(r.rows, r.count, sizeof(*r.rows), by_first);
	text_char(out, '[');
	for (size_t i = 0; i < r.count && !err && n < limit; i++) {
		struct text match = {0};
		int kind, matched;
		struct slice key = contact_result_value(&r, r.rows[i].value, &kind);

		matched = intel_match(in, kind, key.data, key.len, 0, put_match, &match);
		if (matched < 0)
			err = matched;
		if (!err && (all || matched)) {
			text_clear(&value);
			value_print(&value, kind, key.data, key.len);
			json_comma(out);
			text_char(out, '{');
			put_sum(out, &r.rows[i], kind, (struct slice){value.data, value.len});
			if (matched) {
				text_char(out, ',');
				text_bytes(out, match.data, match.len);
			}
			text_char(out, '}');
			n++;
		}
		text_free(&match);
	}
	text_char(out, ']');
	text_free(&value);
	contact_result_free(&r);
	return err;
}

int retro_findings(struct store *s, uint64_t limit, struct text *out)
{
	struct store_iter *it = store_iter_new(s, STORE_finding, NULL, NULL, NULL);
	uint64_t n = 0;
	int err;

	if (!it)
		return -ENOMEM;
	text_char(out, '[');
	for (store_iter_first(it); store_iter_valid(it) && n < limit; store_iter_next(it), n++) {
		struct slice row = store_iter_value(it);

		json_comma(out);
		text_bytes(out, row.data, row.len);
	}
	text_char(out, ']');
	err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

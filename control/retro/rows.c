/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows of (value, client) as rows of client, and how a row is printed.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "control/hosts/hosts.h"
#include "control/retro/retro.h"
#include "control/store/days.h"

struct piece {
	const struct contact_sum *sum;
};

static int by_client(const void *a, const void *b)
{
	const struct contact_sum *x = ((const struct piece *)a)->sum;
	const struct contact_sum *y = ((const struct piece *)b)->sum;

	if (x->ip_version != y->ip_version)
		return x->ip_version < y->ip_version ? -1 : 1;
	return memcmp(x->client.b, y->client.b, sizeof(x->client.b));
}

static int by_first(const void *a, const void *b)
{
	const struct retro_row *x = a, *y = b;

	if (x->first_ns != y->first_ns)
		return x->first_ns < y->first_ns ? -1 : 1;
	if (x->ip_version != y->ip_version)
		return x->ip_version - y->ip_version;
	return memcmp(x->client.b, y->client.b, sizeof(x->client.b));
}

static int by_day(const void *a, const void *b)
{
	const struct contact_hit *x = a, *y = b;

	return (x->day > y->day) - (x->day < y->day);
}

static void add_ports(struct retro_row *row, const struct contact_sum *sum)
{
	for (unsigned i = 0; i < sum->port_count; i++) {
		unsigned at = 0;

		while (at < row->port_count && row->port[at] < sum->port[i])
			at++;
		if ((at < row->port_count && row->port[at] == sum->port[i]) ||
		    row->port_count == CONTACT_PORTS_MAX)
			continue;
		memmove(row->port + at + 1, row->port + at,
			(row->port_count - at) * sizeof(*row->port));
		row->port[at] = sum->port[i];
		row->port_count++;
	}
}

static void add_sum(struct retro_row *row, const struct contact_sum *sum)
{
	if (!row->value_count || sum->first_ns < row->first_ns)
		row->first_ns = sum->first_ns;
	if (sum->last_ns > row->last_ns)
		row->last_ns = sum->last_ns;
	row->count += sum->count;
	row->bytes_out += sum->bytes_out;
	row->bytes_in += sum->bytes_in;
	add_ports(row, sum);
	if (row->value_count < RETRO_NAMES_MAX)
		row->value[row->value_count++] = sum->value;
}

/* Days of several values may be the same: one hit a day. */
static void unite_days(struct retro_row *row, struct contact_hit *hits, size_t n)
{
	size_t kept = 0;

	qsort(hits, n, sizeof(*hits), by_day);
	for (size_t i = 0; i < n; i++) {
		row->hours |= hits[i].hours;
		if (kept && hits[kept - 1].day == hits[i].day) {
			hits[kept - 1].count += hits[i].count;
			hits[kept - 1].hours |= hits[i].hours;
		} else {
			hits[kept++] = hits[i];
		}
	}
	row->days = (uint32_t)kept;
	row->hit_count = kept;
}

void retro_row_of_sum(struct retro_row *row, const struct contact_result *r, size_t i)
{
	const struct contact_sum *sum = &r->rows[i];

	*row = (struct retro_row){.client = sum->client, .ip_version = sum->ip_version};
	add_sum(row, sum);
	row->hit = sum->first_hit;
	row->hit_count = sum->hit_count;
	row->days = sum->days;
	for (uint32_t k = 0; k < sum->hit_count; k++)
		row->hours |= r->hits[sum->first_hit + k].hours;
}

int retro_rows_make(struct retro_rows *out, const struct contact_result *r)
{
	struct piece *pieces = calloc(r->count + 1, sizeof(*pieces));
	size_t hits = 0, used = 0;

	*out = (struct retro_rows){0};
	for (size_t i = 0; i < r->count; i++)
		hits += r->rows[i].hit_count;
	out->row = calloc(r->count + 1, sizeof(*out->row));
	out->hits = calloc(hits + 1, sizeof(*out->hits));
	if (!pieces || !out->row || !out->hits) {
		free(pieces);
		retro_rows_free(out);
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->count; i++)
		pieces[i].sum = &r->rows[i];
	qsort(pieces, r->count, sizeof(*pieces), by_client);
	for (size_t i = 0; i < r->count;) {
		struct retro_row *row = &out->row[out->count++];
		size_t from = used, k = i;

		row->client = pieces[i].sum->client;
		row->ip_version = pieces[i].sum->ip_version;
		row->hit = from;
		for (; k < r->count && by_client(&pieces[i], &pieces[k]) == 0; k++) {
			const struct contact_sum *sum = pieces[k].sum;

			add_sum(row, sum);
			memcpy(out->hits + used, r->hits + sum->first_hit,
			       sum->hit_count * sizeof(*out->hits));
			used += sum->hit_count;
		}
		unite_days(row, out->hits + from, used - from);
		i = k;
	}
	free(pieces);
	qsort(out->row, out->count, sizeof(*out->row), by_first);
	return 0;
}

void retro_rows_free(struct retro_rows *rows)
{
	free(rows->row);
	free(rows->hits);
	*rows = (struct retro_rows){0};
}

static void put_hours(struct text *out, uint32_t hours)
{
	char text[25];

	for (unsigned i = 0; i < 24; i++)
		text[i] = hours >> i & 1 ? '1' : '0';
	text[24] = '\0';
	json_key_cstr(out, "hours", text);
}

/* {"from": first day, "counts": [a number a day]} */
static void put_history(struct text *out, const struct retro_row *row,
			const struct contact_hit *hits)
{
	size_t n = row->hit_count, first = 0;
	char date[16];
	struct tm tm;
	time_t at;
	uint16_t day;

	if (!n)
		return;
	while (hits[n - 1].day - hits[first].day >= RETRO_DAYS_MAX)
		first++;
	at = (time_t)hits[first].day * 86400;
	gmtime_r(&at, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	json_key(out, "history");
	text_char(out, '{');
	json_key_cstr(out, "from", date);
	json_key(out, "counts");
	text_char(out, '[');
	day = hits[first].day;
	for (size_t i = first; i < n; day++) {
		json_comma(out);
		text_uint(out, hits[i].day == day ? hits[i].count : 0);
		i += hits[i].day == day;
	}
	text_str(out, "]}");
}

static void put_contacted(struct text *out, const struct contact_result *r,
			  const struct retro_row *row)
{
	struct text name = {0};

	json_key(out, "contacted");
	text_char(out, '[');
	for (unsigned i = 0; i < row->value_count; i++) {
		int kind;
		struct slice key = contact_result_value(r, row->value[i], &kind);

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

/* The machine that had the address at the first contact. */
static void put_host(struct text *out, struct desk *d, const struct retro_row *row)
{
	struct host_at *at = d->hosts ? malloc(sizeof(*at)) : NULL;

	if (at && hosts_find(d->hosts, &row->client, row->ip_version, row->first_ns, at) == 1) {
		if (at->name[0])
			json_key_cstr(out, "host", at->name);
		if (at->has_mac) {
			json_key(out, "mac");
			text_format(out, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", at->mac[0], at->mac[1],
				    at->mac[2], at->mac[3], at->mac[4], at->mac[5]);
		}
		if (at->user[0])
			json_key_cstr(out, "user", at->user);
	}
	free(at);
}

void retro_row_put(struct text *out, struct desk *d, const struct contact_result *r,
		   const struct retro_row *row, const struct contact_hit *hits, int kind,
		   struct slice indicator)
{
	char room[ADDR_TEXT_MAX];

	json_key_cstr(out, "client", addr_format_long(&row->client, row->ip_version, room));
	put_host(out, d, row);
	json_key_cstr(out, "kind", indicator_kind_name(kind));
	json_key(out, "indicator");
	json_put_string(out, indicator.data, indicator.len);
	json_key_time(out, "first", row->first_ns);
	json_key_time(out, "last", row->last_ns);
	json_key_uint(out, "count", row->count);
	json_key_uint(out, "days", row->days);
	put_hours(out, row->hours);
	if (row->bytes_out || row->bytes_in) {
		json_key_uint(out, "bytes_out", row->bytes_out);
		json_key_uint(out, "bytes_in", row->bytes_in);
	}
	if (row->port_count) {
		json_key(out, "ports");
		text_char(out, '[');
		for (unsigned k = 0; k < row->port_count; k++) {
			json_comma(out);
			text_uint(out, row->port[k]);
		}
		text_char(out, ']');
	}
	/* Ports have no times and counts of their own (contact/query.h). */
	if (kind == INDICATOR_IP_PORT && row->port_count > 1)
		json_key_bool(out, "whole_address", true);
	put_contacted(out, r, row);
	put_history(out, row, hits + row->hit);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the planted campaigns amount to, from the campaigns alone: the store is not asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/retro/plant.h"
#include "dataplane/event/contact.h"

#define DAY_NS 86400000000000ull

struct gathering {
	struct truths *out;
	uint32_t day;
};

static int add_row(void *arg, const struct year_row *row)
{
	struct gathering *g = arg;
	struct truths *t = g->out;
	uint64_t midnight = (uint64_t)(YEAR_FIRST_DAY + g->day) * DAY_NS;
	struct truth *at;

	if (!row->indicator)
		return 0;
	if (t->count == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 1024;
		struct truth *more = realloc(t->rows, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->rows = more;
		t->cap = cap;
	}
	at = &t->rows[t->count++];
	*at = (struct truth){
		.client = row->client,
		.ip_version = row->ip_version,
		.kind = row->kind == CONTACT_IP ? CONTACT_IP : CONTACT_DOMAIN,
		.campaign = (uint16_t)(row->campaign - 1),
		.port = row->port,
		.first_ns = midnight + row->first_us * 1000,
		.last_ns = midnight + row->last_us * 1000,
		.count = row->count,
		.days = g->day,
	};
	snprintf(at->indicator, sizeof(at->indicator), "%s", row->indicator);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct truth *x = a, *y = b;
	int order;

	if (x->campaign != y->campaign)
		return x->campaign < y->campaign ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	order = strcmp(x->indicator, y->indicator);
	if (order)
		return order;
	order = x->ip_version - y->ip_version;
	if (order)
		return order;
	order = memcmp(&x->client, &y->client, sizeof(x->client));
	return order ? order : (x->days > y->days) - (x->days < y->days);
}

/* From `from` on: rows of one day each become rows of one client and indicator each. */
static void sum_up(struct truths *t, size_t from)
{
	uint32_t day = 0;
	size_t kept = from;

	if (t->count == from)
		return;
	qsort(t->rows + from, t->count - from, sizeof(*t->rows), compare);
	for (size_t i = from; i < t->count; i++) {
		struct truth row = t->rows[i], *last = kept > from ? &t->rows[kept - 1] : NULL;

		if (last && last->kind == row.kind && strcmp(last->indicator, row.indicator) == 0 &&
		    last->ip_version == row.ip_version && addr_equal(&last->client, &row.client)) {
			last->count += row.count;
			last->first_ns =
				row.first_ns < last->first_ns ? row.first_ns : last->first_ns;
			last->last_ns = row.last_ns > last->last_ns ? row.last_ns : last->last_ns;
			last->days += day != row.days;
		} else {
			t->rows[kept] = row;
			t->rows[kept++].days = 1;
		}
		day = row.days;
	}
	t->count = kept;
}

int truths_of_year(const struct year *y, uint32_t from, struct truths *out)
{
	struct gathering g = {.out = out};
	int err = 0;

	*out = (struct truths){0};
	for (uint32_t i = 0; i < CAMPAIGNS && !err; i++) {
		const struct campaign *c = year_campaign(y, i);
		uint32_t days = year_setup(y)->days, last = c->first_day + c->days;
		uint32_t first = c->first_day > from ? c->first_day : from;
		size_t start = out->count;

		last = last < days ? last : days;
		for (uint32_t v = 0; v < c->victims && !err; v++) {
			struct addr client[2] = {year_client_addr(y, c->victim[v], 4),
						 year_client_addr(y, c->victim[v], 6)};

			for (g.day = first; g.day < last && !err; g.day++)
				err = campaign_day(c, year_setup(y), v, g.day, client, add_row, &g);
		}
		sum_up(out, start);
	}
	if (err)
		truths_free(out);
	return err;
}

void truths_free(struct truths *t)
{
	free(t->rows);
	*t = (struct truths){0};
}

static void print_time(FILE *out, const char *key, uint64_t ns)
{
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;
	char text[32];

	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out, ",\"%s\":\"%s.%06u+0000\"", key, text, (unsigned)(ns % 1000000000 / 1000));
}

void truths_print(const struct truths *t, const struct year *y, FILE *out)
{
	char client[ADDR_TEXT_MAX];

	for (size_t i = 0; i < t->count; i++) {
		const struct truth *row = &t->rows[i];

		fprintf(out, "{\"client\":\"%s\",\"kind\":\"%s\",\"indicator\":\"%s\"",
			addr_format(&row->client, row->ip_version, client),
			row->kind == CONTACT_IP ? "ip" : "domain", row->indicator);
		print_time(out, "first", row->first_ns);
		print_time(out, "last", row->last_ns);
		fprintf(out, ",\"count\":%llu,\"days\":%u,\"campaign\":%u,\"type\":\"%s\"}\n",
			(unsigned long long)row->count, row->days, row->campaign,
			campaign_type_name(year_campaign(y, row->campaign)->type));
	}
}

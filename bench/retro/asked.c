/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/retro/asked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/retro/dice.h"
#include "control/contact/kinds.h"
#include "dataplane/event/contact.h"

#define SHOWN_MAX 20

int answer_compare(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;

	if (x->asked != y->asked)
		return x->asked < y->asked ? -1 : 1;
	if (x->ip_version != y->ip_version)
		return x->ip_version < y->ip_version ? -1 : 1;
	return memcmp(&x->client, &y->client, sizeof(x->client));
}

size_t answers_sum(struct answer *rows, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(rows, count, sizeof(*rows), answer_compare);
	for (size_t i = 0; i < count; i++) {
		struct answer *last = kept ? &rows[kept - 1] : NULL;

		if (!last || answer_compare(last, &rows[i]) != 0) {
			rows[kept++] = rows[i];
			continue;
		}
		last->count += rows[i].count;
		if (rows[i].first_ns < last->first_ns)
			last->first_ns = rows[i].first_ns;
		if (rows[i].last_ns > last->last_ns)
			last->last_ns = rows[i].last_ns;
	}
	return kept;
}

/* The background of the list: number i, which nobody contacted. */
static void absent(const struct year *y, uint64_t i, struct asked *out)
{
	struct dice d = dice_new(year_setup(y)->seed, DICE_PICK, i, 0);
	uint32_t share = dice_below(&d, 1000);
	char text[ADDR_TEXT_MAX];
	struct addr a;
	uint8_t bits;

	*out = (struct asked){.kind = CONTACT_DOMAIN};
	if (share < 600) {
		out->below_only = share < 60;
		year_absent_name(y, i, out->value);
	} else if (share < 615) {
		out->kind = INDICATOR_CIDR;
		a = year_absent_network(y, i, &bits);
		snprintf(out->value, sizeof(out->value), "%s/%u", addr_format(&a, 4, text), bits);
	} else {
		out->kind = share < 900 ? CONTACT_IP : INDICATOR_IP_PORT;
		a = year_absent_addr(y, i);
		snprintf(out->value, sizeof(out->value), "%s%s", addr_format(&a, 4, text),
			 share < 900 ? "" : ":443");
	}
}

/* The indicator that a truth is asked by. Different truths may give the same (a network). */
static bool planted(const struct year *y, const struct truth *t, uint32_t turn, struct asked *out)
{
	const struct campaign *c = year_campaign(y, t->campaign);
	bool all_below = c->below && c->type != CAMPAIGN_FLUX && c->type != CAMPAIGN_DGA;

	*out = (struct asked){.kind = t->kind};
	snprintf(out->value, sizeof(out->value), "%s", t->indicator);
	if (t->kind == CONTACT_DOMAIN) {
		out->below_only = all_below && turn % 4 == 0;
	} else if (turn % 4 == 1) {
		out->kind = INDICATOR_IP_PORT;
		snprintf(out->value, sizeof(out->value), t->ip_version == 6 ? "[%s]:%u" : "%s:%u",
			 t->indicator, t->port);
	} else if (turn % 20 == 2 && t->ip_version == 4) {
		char *dot = strrchr(out->value, '.');

		out->kind = INDICATOR_CIDR;
		snprintf(dot, sizeof(out->value) - (size_t)(dot - out->value), ".0/24");
	}
	return true;
}

static bool same_network(const char *a, const char *b)
{
	const char *end = strrchr(a, '.');

	return strchr(b, '.') && strncmp(a, b, (size_t)(end - a) + 1) == 0;
}

/* Whether the indicator means this truth: by its text, not by what the product thinks. */
static bool means(const struct asked *a, const struct truth *t)
{
	size_t n = strlen(t->indicator);

	switch (a->kind) {
	case INDICATOR_CIDR:
		return t->kind == CONTACT_IP && t->ip_version == 4 &&
		       same_network(a->value, t->indicator);
	case INDICATOR_IP_PORT:
		return t->kind == CONTACT_IP &&
		       (a->value[0] == '['
				? strncmp(a->value + 1, t->indicator, n) == 0 &&
					  a->value[n + 1] == ']'
				: strncmp(a->value, t->indicator, n) == 0 && a->value[n] == ':');
	default:
		return t->kind == a->kind && strcmp(a->value, t->indicator) == 0;
	}
}

static int add_truths(struct asked_list *l, uint32_t number, const struct truths *t,
		      uint16_t campaign, size_t *cap)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct truth *row = &t->rows[i];

		if (row->campaign != campaign || !means(&l->asked[number], row))
			continue;
		if (l->truth_count == *cap) {
			size_t more = *cap ? 2 * *cap : 1024;
			struct answer *at = realloc(l->truth, more * sizeof(*at));

			if (!at)
				return -ENOMEM;
			l->truth = at;
			*cap = more;
		}
		l->truth[l->truth_count++] =
			(struct answer){number,        row->ip_version, row->client,
					row->first_ns, row->last_ns,    row->count};
	}
	return 0;
}

/* Puts planted indicators over the first of the list. */
static int plant(const struct year *y, uint32_t from, struct asked_list *l)
{
	size_t want = l->count / 1000 ? l->count / 1000 : 1, step, cap = 0;
	struct truths t;
	int err = truths_of_year(y, from, &t);

	step = t.count / want ? t.count / want : 1;
	for (size_t i = 0; i < t.count && l->planted < want && l->planted < l->count && !err;
	     i += step) {
		struct asked *at = &l->asked[l->planted];
		bool known = false;

		if (!planted(y, &t.rows[i], (uint32_t)(i / step), at))
			continue;
		for (size_t k = 0; k < l->planted && !known; k++)
			known = l->asked[k].kind == at->kind &&
				strcmp(l->asked[k].value, at->value) == 0;
		if (!known)
			err = add_truths(l, (uint32_t)l->planted++, &t, t.rows[i].campaign, &cap);
	}
	truths_free(&t);
	return err;
}

int asked_make(const struct year *y, size_t count, uint32_t from, struct asked_list *out)
{
	int err;

	*out = (struct asked_list){.count = count};
	out->asked = calloc(count, sizeof(*out->asked));
	err = out->asked ? plant(y, from, out) : -ENOMEM;
	if (err) {
		asked_free(out);
		return err;
	}
	for (size_t i = out->planted; i < count; i++)
		absent(y, i, &out->asked[i]);
	out->truth_count = answers_sum(out->truth, out->truth_count);
	return 0;
}

void asked_free(struct asked_list *l)
{
	free(l->asked);
	free(l->truth);
	*l = (struct asked_list){0};
}

static void show(const struct asked_list *l, const char *what, const struct answer *a)
{
	char client[ADDR_TEXT_MAX];

	fprintf(stderr, "%s: %s %s: %llu from %llu to %llu ns\n", what, l->asked[a->asked].value,
		addr_format(&a->client, a->ip_version, client), (unsigned long long)a->count,
		(unsigned long long)a->first_ns, (unsigned long long)a->last_ns);
}

size_t answers_differ(const struct asked_list *l, const struct answer *rows, size_t count,
		      uint64_t unit_ns)
{
	size_t i = 0, k = 0, bad = 0;

	while (i < l->truth_count || k < count) {
		const struct answer *want = i < l->truth_count ? &l->truth[i] : NULL;
		const struct answer *have = k < count ? &rows[k] : NULL;
		int order = !want ? 1 : !have ? -1 : answer_compare(want, have);

		if (order < 0 && ++bad < SHOWN_MAX)
			show(l, "missing", want);
		if (order > 0 && ++bad < SHOWN_MAX)
			show(l, "too many", have);
		if (order == 0 &&
		    (want->count != have->count ||
		     want->first_ns / unit_ns != have->first_ns / unit_ns ||
		     want->last_ns / unit_ns != have->last_ns / unit_ns) &&
		    ++bad < SHOWN_MAX) {
			show(l, "truth", want);
			show(l, "answer", have);
		}
		i += order <= 0;
		k += order >= 0;
	}
	return bad;
}

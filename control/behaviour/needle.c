/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which records need not be looked at: most hold none of the texts that any rule asks for, and
 * that is seen in their JSON without reading it.
 *
 * Of each rule a set of needles is sought, such that no record without any of them can match: a
 * selection has one if each of its groups has a field whose every value contains a plain text of
 * three bytes; a condition has one if it is false whenever those selections are (tried out over
 * all values of the others). If one rule of a record type has none, all records of that type are
 * looked at. Needles are runs of characters that JSON writes as they are, and that no number is
 * written with otherwise.
 *
 * The search is one pass: three bytes in lower case are hashed, a table leads to the needles that
 * begin so.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "control/behaviour/sigma_private.h"

#define NEEDLES_MAX 4096 /* of a record type; more: all records are looked at */
#define NEEDLE_BYTES_MIN 3
#define TABLE_SIZE 65536
#define FREE_MAX 8 /* selections whose values are tried out */
#define TRIED_STEPS_MAX 256
#define TRIED_SELECTIONS_MAX 64

struct sigma_needle {
	const uint8_t *text; /* lower case */
	uint32_t len;
	uint16_t next; /* with the same beginning; 0: none */
};

struct sigma_needles {
	bool always; /* nothing can be said */
	uint32_t count;
	struct sigma_needle *needle; /* from 1 */
	uint16_t *first;             /* TABLE_SIZE */
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static uint32_t hash(const uint8_t *t)
{
	return (uint32_t)((lower(t[0]) << 10 ^ lower(t[1]) << 5 ^ lower(t[2])) & (TABLE_SIZE - 1));
}

/* ---- needles of a selection ---- */

struct found {
	struct sigma_needle needle[NEEDLES_MAX];
	uint32_t count;
};

static bool plain(uint16_t unit)
{
	return unit < 0x80 && (isalnum(unit) || (unit && strchr(" ._:-", unit)));
}

/* The longest run of plain characters. False: it is too short, or might be written otherwise. */
static bool run_of(const struct sigma_pattern *p, const uint8_t **text, uint32_t *len,
		   uint8_t room[VALUE_BYTES_MAX])
{
	uint32_t best = 0, best_len = 0, run = 0,
		 n = p->len < VALUE_BYTES_MAX ? p->len : VALUE_BYTES_MAX;
	bool digits = true;

	if (p->kind > PATTERN_GLOB)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t unit = p->kind == PATTERN_GLOB ? p->glob[i] : p->text[i];

		room[i] = lower((uint8_t)unit);
		run = plain(unit) ? run + 1 : 0;
		if (run > best_len) {
			best_len = run;
			best = i + 1 - run;
		}
	}
	*text = room + best;
	*len = best_len;
	for (uint32_t i = 0; i < best_len; i++)
		digits &= isdigit(room[best + i]) || strchr(".-e", room[best + i]);
	/* 1.5 may stand as 1.50, 1e3 as 1000; addresses have more points than that. */
	return best_len >= NEEDLE_BYTES_MIN && !(digits && best_len < 7);
}

static bool add_value(struct reading *r, const struct sigma_value *v, struct found *f)
{
	static _Thread_local uint8_t room[VALUE_BYTES_MAX];

	for (uint32_t i = 0; i < v->forms; i++) {
		struct sigma_needle *n = &f->needle[f->count];
		const uint8_t *text;

		if (f->count == NEEDLES_MAX || !run_of(&v->form[i], &text, &n->len, room))
			return false;
		n->text = (const uint8_t *)reading_text(r, text, n->len);
		if (!n->text)
			return false;
		f->count++;
	}
	return true;
}

static bool add_item(struct reading *r, const struct sigma_item *item, struct found *f)
{
	uint32_t before = f->count;

	if (item->differs)
		return false;
	for (uint32_t i = 0; i < item->values; i++) {
		bool good = add_value(r, &item->value[i], f);

		if (good && item->all)
			return true; /* one of them is enough */
		if (!good && !item->all) {
			f->count = before;
			return false;
		}
		if (!good)
			f->count = before;
	}
	return !item->all;
}

/* The shortest needle from number `from` on: short ones are found everywhere. */
static uint32_t shortest(const struct found *f, uint32_t from)
{
	uint32_t least = UINT32_MAX;

	for (uint32_t i = from; i < f->count; i++)
		if (f->needle[i].len < least)
			least = f->needle[i].len;
	return least;
}

/* Of a group any one field will do: that whose shortest needle is longest. */
static bool add_group(struct reading *r, const struct sigma_group *g, struct found *f)
{
	uint32_t before = f->count, best = 0, best_len = 0;

	for (uint32_t i = 0; i < g->items; i++) {
		uint32_t len = add_item(r, &g->item[i], f) ? shortest(f, before) : 0;

		if (len > best_len) {
			best_len = len;
			best = i;
		}
		f->count = before;
	}
	return best_len && add_item(r, &g->item[best], f);
}

static bool add_selection(struct reading *r, const struct sigma_selection *s, struct found *f)
{
	uint32_t before = f->count;

	for (uint32_t g = 0; g < s->groups; g++) {
		if (!add_group(r, &s->group[g], f)) {
			f->count = before;
			return false;
		}
	}
	return true;
}

/* ---- a condition ---- */

static bool condition_holds(const struct sigma_program *p, uint64_t selections)
{
	bool value = false;

	for (uint32_t i = 0; i < p->steps;) {
		const struct sigma_step *s = &p->step[i++];

		if (s->kind == STEP_TEST)
			value = selections >> s->n & 1;
		else if (s->kind == STEP_NOT)
			value = !value;
		else if (value == (s->kind == STEP_SKIP_IF_TRUE))
			i = s->n;
	}
	return value;
}

/* Whether the condition is false whatever the selections in others are, those in none being
 * false. */
static bool never_without(const struct sigma_program *p, const uint32_t *others, uint32_t count)
{
	for (uint32_t turn = 0; turn < 1u << count; turn++) {
		uint64_t selections = 0;

		for (uint32_t i = 0; i < count; i++)
			selections |= (uint64_t)(turn >> i & 1) << others[i];
		if (condition_holds(p, selections))
			return false;
	}
	return true;
}

/* Those selections alone without which the condition is false; those with short needles are
 * done without first, as they would only make more records worth a look. */
static bool add_program(struct reading *r, const struct sigma_program *p, struct found *f)
{
	uint32_t others[FREE_MAX + 1], count = 0, before = f->count, len[TRIED_SELECTIONS_MAX];

	if (p->steps > TRIED_STEPS_MAX || p->selections > TRIED_SELECTIONS_MAX)
		return false;
	for (uint32_t i = 0; i < p->selections; i++) {
		len[i] = add_selection(r, &p->selection[i], f) ? shortest(f, before) : 0;
		f->count = before;
		if (!len[i] && count == FREE_MAX)
			return false;
		if (!len[i])
			others[count++] = i;
	}
	if (!never_without(p, others, count))
		return false;
	for (uint32_t turn = 0; turn < p->selections; turn++) {
		uint32_t next = UINT32_MAX;

		for (uint32_t i = 0; i < p->selections; i++)
			if (len[i] && (next == UINT32_MAX || len[i] < len[next]))
				next = i;
		if (next == UINT32_MAX)
			break;
		len[next] = 0; /* done */
		others[count] = next;
		if (count < FREE_MAX && never_without(p, others, count + 1))
			count++;
		else if (!add_selection(r, &p->selection[next], f))
			return false;
	}
	return true;
}

/* ---- a set ---- */

static int put_needles(struct reading *r, struct sigma_needles *out, const struct found *f)
{
	out->needle = reading_alloc(r, (f->count + 1) * sizeof(*out->needle));
	out->first = reading_alloc(r, TABLE_SIZE * sizeof(*out->first));
	if (!out->needle || !out->first)
		return -1;
	for (uint32_t i = 0; i < f->count; i++) {
		struct sigma_needle *n = &out->needle[i + 1];
		uint16_t *first = &out->first[hash(f->needle[i].text)];

		*n = f->needle[i];
		n->next = *first;
		*first = (uint16_t)(i + 1);
	}
	out->count = f->count;
	return 0;
}

int needles_make(struct sigma_set *set)
{
	struct reading r = {.set = set, .file = "", .title = ""};
	struct found *f = malloc(sizeof(*f));
	int err = f ? 0 : -1;

	set->needles = arena_alloc(set->arena, RECORD_COUNT * sizeof(*set->needles));
	if (!set->needles)
		err = -1;
	for (unsigned t = 0; t < RECORD_COUNT && !err; t++) {
		f->count = 0;
		for (uint32_t i = 0; i < set->count && !set->needles[t].always; i++)
			if (set->rule[i]->program && (set->rule[i]->types >> t & 1))
				set->needles[t].always = !add_program(&r, set->rule[i]->program, f);
		if (!set->needles[t].always && f->count)
			err = put_needles(&r, &set->needles[t], f);
	}
	free(f);
	return err;
}

static bool needle_at(const struct sigma_needles *n, const uint8_t *at, size_t left)
{
	for (uint16_t i = n->first[hash(at)]; i; i = n->needle[i].next) {
		uint32_t k = 0;

		if (n->needle[i].len > left)
			continue;
		while (k < n->needle[i].len && lower(at[k]) == n->needle[i].text[k])
			k++;
		if (k == n->needle[i].len)
			return true;
	}
	return false;
}

bool sigma_may_match(const struct sigma_set *set, enum record_type type, const void *json,
		     size_t len)
{
	const struct sigma_needles *n = &set->needles[type];
	const uint8_t *text = json;

	if (n->always)
		return true;
	for (size_t i = 0; n->count && i + NEEDLE_BYTES_MIN <= len; i++)
		if (n->first[hash(text + i)] && needle_at(n, text + i, len - i))
			return true;
	return false;
}

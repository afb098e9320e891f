/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/retro/look.h"
#include "control/contact/contacts_private.h"

int answers_add(struct answers *a, const struct answer *row)
{
	if (a->count == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 256;
		struct answer *more = realloc(a->rows, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		a->rows = more;
		a->cap = cap;
	}
	a->rows[a->count++] = *row;
	return 0;
}

void answers_free(struct answers *a)
{
	free(a->rows);
	*a = (struct answers){0};
}

static int want_of(const struct asked *one, struct contact_want *want, uint8_t *key)
{
	return contact_want_of(one->kind, one->value, one->below_only || one->kind == CONTACT_DOMAIN,
			       want, key);
}

unsigned look_up_ranges(const struct asked *one, struct value_range *range, uint16_t *port)
{
	uint8_t key[VALUE_KEY_MAX + 4];
	struct contact_want want;
	unsigned n = want_of(one, &want, key) == 0 ? contact_want_ranges(&want, range, port) : 0;

	for (unsigned i = 0; i < n && one->below_only; i++)
		range[i].from[range[i].from_len - 1] = 1;
	return n;
}

/* "*.name" is asked here for what is below alone. */
static bool is_itself(const struct contact_result *r, uint32_t value, const struct contact_want *want)
{
	int kind;
	struct slice key = contact_result_value(r, value, &kind);

	return key.len == want->key.len && memcmp(key.data, want->key.data, key.len) == 0;
}

static int look_up_one(struct contact_session *s, const struct asked *one, uint32_t number,
		       struct answers *out)
{
	uint8_t key[VALUE_KEY_MAX + 4];
	struct contact_result r = {0};
	struct contact_want want;
	int err = want_of(one, &want, key);

	if (!err)
		err = contacts_session_find(s, &want, NULL, &r);
	if (err <= 0)
		return err;
	err = contact_result_finish(&r);
	for (size_t i = 0; i < r.count && !err; i++) {
		const struct contact_sum *row = &r.rows[i];

		if (!one->below_only || !is_itself(&r, row->value, &want))
			err = answers_add(out, &(struct answer){number, row->ip_version, row->client,
								row->first_ns, row->last_ns, row->count});
	}
	contact_result_free(&r);
	return err;
}

int look_up(struct contacts *c, const struct asked *asked, size_t count, struct answers *out)
{
	struct contact_session *s;
	int err = contacts_session_new(&s, c);

	for (size_t i = 0; i < count && !err; i++)
		err = look_up_one(s, &asked[i], (uint32_t)i, out);
	contacts_session_free(s);
	out->count = answers_sum(out->rows, out->count);
	return err;
}

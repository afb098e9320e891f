/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/retro/look.h"

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

unsigned look_up_ranges(const struct asked *one, struct value_range *range, uint16_t *port)
{
	char value[sizeof(one->value)], *end;
	unsigned n;

	*port = 0;
	memcpy(value, one->value, sizeof(value));
	if (one->kind == INDICATOR_IP_PORT) {
		end = strrchr(value, ':');
		*port = (uint16_t)atoi(end + 1);
		*end = 0;
		if (value[0] == '[') {
			end[-1] = 0;
			memmove(value, value + 1, strlen(value));
		}
		return indicator_ranges(CONTACT_IP, value, range);
	}
	n = indicator_ranges(one->kind, value, range);
	for (unsigned i = 0; i < n && one->below_only; i++)
		range[i].from[range[i].from_len - 1] = 1;
	return n;
}

static bool has_port(const struct contact_sum *row, uint16_t port)
{
	for (unsigned i = 0; i < row->port_count; i++)
		if (row->port[i] == port)
			return true;
	return !port;
}

static int look_up_one(struct contacts *c, const struct asked *one, uint32_t number,
		       struct answers *out)
{
	struct contact_result r = {0};
	struct value_range range[VALUE_RANGES_MAX];
	uint16_t port;
	unsigned n = look_up_ranges(one, range, &port);
	int err = n ? 0 : -EINVAL;

	for (unsigned i = 0; i < n && !err; i++)
		err = contacts_by_value(c, &range[i], &r);
	if (!err)
		err = contact_result_finish(&r);
	for (size_t i = 0; i < r.count && !err; i++) {
		const struct contact_sum *row = &r.rows[i];

		if (has_port(row, port))
			err = answers_add(out, &(struct answer){number, row->ip_version, row->client,
								row->first_ns, row->last_ns, row->count});
	}
	contact_result_free(&r);
	return err;
}

int look_up(struct contacts *c, const struct asked *asked, size_t count, struct answers *out)
{
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = look_up_one(c, &asked[i], (uint32_t)i, out);
	out->count = answers_sum(out->rows, out->count);
	return err;
}

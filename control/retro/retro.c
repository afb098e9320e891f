/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/retro/retro.h"

#include <errno.h>
#include <stdlib.h>

#include "control/intel/intel.h"

static void put_rows(struct text *out, struct desk *d, const struct contact_result *r,
		     const struct retro_rows *rows, int kind, struct slice indicator, uint64_t limit)
{
	for (size_t i = 0; i < rows->count && i < limit; i++) {
		json_comma(out);
		text_char(out, '{');
		retro_row_put(out, d, r, &rows->row[i], rows->hits, kind, indicator);
		if (i == 0)
			json_key_bool(out, "first_client", true);
		text_char(out, '}');
	}
}

int retro_indicator(struct desk *d, int kind, const char *value, bool below,
		    const struct contact_window *window, uint64_t limit, struct text *out)
{
	uint8_t *key = malloc(INTEL_KEY_MAX);
	struct contact_session *session = NULL;
	struct contact_result r = {0};
	struct retro_rows rows = {0};
	struct contact_want want;
	struct text normal = {0};
	int err = key ? contact_want_of(kind, value, below, &want, key) : -ENOMEM;

	if (!err && !indicator_normal(kind, value, &normal))
		err = -EINVAL;
	if (!err)
		err = contacts_session_new(&session, d->contacts);
	if (!err)
		err = contacts_session_find(session, &want, window, &r);
	contacts_session_free(session);
	if (err >= 0)
		err = contact_result_finish(&r);
	if (!err)
		err = retro_rows_make(&rows, &r);
	text_char(out, '[');
	if (!err)
		put_rows(out, d, &r, &rows, kind, (struct slice){normal.data, normal.len}, limit);
	text_char(out, ']');
	retro_rows_free(&rows);
	contact_result_free(&r);
	text_free(&normal);
	free(key);
	return err;
}

/* ---- by client ---- */

static int put_match(void *arg, const struct intel_verdict *v)
{
	struct text *out = arg;

	if (!v->bad || out->len)
		return 0; /* the first is enough */
	json_key(out, "intel");
	text_char(out, '{');
	json_key_cstr(out, "kind", indicator_kind_name(v->kind));
	json_key(out, "indicator");
	json_put_string(out, v->best.value.data, v->best.value.len);
	json_key(out, "source");
	json_put_string(out, v->best.source.data, v->best.source.len);
	json_key(out, "threat");
	json_put_string(out, v->best.threat.data, v->best.threat.len);
	json_key(out, "category");
	json_put_string(out, v->best.category.data, v->best.category.len);
	json_key_uint(out, "score", v->score);
	json_key_uint(out, "version", v->since_version);
	text_char(out, '}');
	return 0;
}

static int oldest_first(const void *a, const void *b)
{
	const struct contact_sum *x = a, *y = b;

	return (x->first_ns > y->first_ns) - (x->first_ns < y->first_ns);
}

/* Whether any of the ports makes it bad: an entry may name address and port. */
static int match_sum(struct desk *d, const struct contact_sum *sum, int kind, struct slice key,
		     struct text *match)
{
	int err = intel_match(d->intel, kind, key.data, key.len,
			      sum->port_count ? sum->port[0] : 0, put_match, match);

	for (unsigned i = 1; i < sum->port_count && err == 0; i++)
		err = intel_match(d->intel, kind, key.data, key.len, sum->port[i], put_match, match);
	return err;
}

int retro_client(struct desk *d, const struct addr *client, int ip_version, bool all,
		 const struct contact_window *window, uint64_t limit, struct text *out)
{
	struct contact_session *session;
	struct contact_result r = {0};
	struct text value = {0}, match = {0};
	uint64_t n = 0;
	int err = contacts_session_new(&session, d->contacts);

	if (!err)
		err = contacts_session_client(session, client, ip_version, window, &r);
	contacts_session_free(session);
	if (err >= 0)
		err = contact_result_finish(&r);
	if (!err && r.count)
		qsort(r.rows, r.count, sizeof(*r.rows), oldest_first);
	text_char(out, '[');
	for (size_t i = 0; i < r.count && !err && n < limit; i++) {
		struct retro_row row;
		int kind, bad;
		struct slice key = contact_result_value(&r, r.rows[i].value, &kind);

		text_clear(&match);
		bad = match_sum(d, &r.rows[i], kind, key, &match);
		if (bad < 0)
			err = bad;
		if (err || !(all || bad == 1))
			continue;
		text_clear(&value);
		value_print(&value, kind, key.data, key.len);
		retro_row_of_sum(&row, &r, i);
		json_comma(out);
		text_char(out, '{');
		retro_row_put(out, d, &r, &row, r.hits, kind,
			      (struct slice){value.data, value.len});
		if (bad == 1 && match.len) {
			text_char(out, ',');
			text_bytes(out, match.data, match.len);
		}
		text_char(out, '}');
		n++;
	}
	text_char(out, ']');
	text_free(&value);
	text_free(&match);
	contact_result_free(&r);
	return err;
}

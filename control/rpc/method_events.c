/* SPDX-License-Identifier: BSD-3-Clause
 *
 * alerts and events: rows of the store, in or against the order of time, through filters that
 * look at a row's head before its JSON.
 */
#include <errno.h>
#include <string.h>

#include "control/rpc/rpc_private.h"
#include "control/store/event_row.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 1000000
#define RESULT_BYTES_MAX (256u << 20)

static void read_filter(const struct rpc_call *call, struct event_filter *f)
{
	*f = (struct event_filter){.until_ns = UINT64_MAX};
	param_time(call, "since", &f->since_ns);
	param_time(call, "until", &f->until_ns);
	f->oldest_first = param_bool(call, "oldest");
	f->type = param_text(call, "type");
	f->type_len = f->type ? strlen(f->type) : 0;
	f->text = param_text(call, "text");
	f->sid = param_uint(call, "sid", 0);
	f->port = param_uint(call, "port", 0);
	f->flow_id = param_uint(call, "flow_id", 0);
	f->ip_version = param_addr(call, "ip", &f->ip);
	f->src_version = param_addr(call, "src", &f->src);
	f->dst_version = param_addr(call, "dst", &f->dst);
	f->limit = param_uint(call, "limit", LIMIT_DEFAULT);
	if (!f->limit || f->limit > LIMIT_MAX)
		f->limit = LIMIT_MAX;
}

static bool same_addr(const struct addr *want, int version, const struct addr *has, int has_version)
{
	return version == has_version && addr_equal(want, has);
}

/* strcasestr on bytes that are not terminated. */
static bool contains(struct slice where, const char *what)
{
	size_t n = strlen(what);
	const char *p = where.data;

	for (size_t i = 0; i + n <= where.len; i++)
		if (strncasecmp(p + i, what, n) == 0)
			return true;
	return false;
}

static bool passes(const struct event_filter *f, const struct event_row *row)
{
	if (f->sid && row->sid != f->sid)
		return false;
	if (f->port && row->sport != f->port && row->dport != f->port)
		return false;
	if (f->flow_id && row->flow_id != f->flow_id)
		return false;
	if (f->type && (row->type.len != f->type_len ||
			memcmp(row->type.data, f->type, f->type_len) != 0))
		return false;
	if (f->src_version && !same_addr(&f->src, f->src_version, &row->src, row->ip_version))
		return false;
	if (f->dst_version && !same_addr(&f->dst, f->dst_version, &row->dst, row->ip_version))
		return false;
	if (f->ip_version && !same_addr(&f->ip, f->ip_version, &row->src, row->ip_version) &&
	    !same_addr(&f->ip, f->ip_version, &row->dst, row->ip_version))
		return false;
	return !f->text || contains(row->json, f->text);
}

/* Bounds of the keys, and an iterator at the first row. */
static struct store_iter *open_rows(struct store *s, enum store_family family,
				    const struct event_filter *f)
{
	uint8_t from[EVENT_KEY_BYTES], to[EVENT_KEY_BYTES];
	struct slice low = {from, event_key_from(from, f->since_ns)}, high = {to, 0};
	struct store_iter *it;

	if (f->until_ns != UINT64_MAX)
		high.len = event_key_from(to, f->until_ns + 1);
	it = store_iter_new(s, family, NULL, &low, high.len ? &high : NULL);
	if (it && f->oldest_first)
		store_iter_first(it);
	else if (it)
		store_iter_last(it);
	return it;
}

int events_find(struct store *s, enum store_family family, const struct event_filter *f,
		struct text *out)
{
	struct store_iter *it = open_rows(s, family, f);
	uint64_t count = 0, seen = 0;
	int err;

	if (!it)
		return -ENOMEM;
	text_char(out, '[');
	while (store_iter_valid(it) && count < f->limit && out->len < RESULT_BYTES_MAX &&
	       (!f->rows_max || seen++ < f->rows_max)) {
		struct event_row row;

		if (event_read(&row, store_iter_key(it), store_iter_value(it)) && passes(f, &row)) {
			json_comma(out);
			text_bytes(out, row.json.data, row.json.len);
			count++;
		}
		if (f->oldest_first)
			store_iter_next(it);
		else
			store_iter_prev(it);
	}
	text_char(out, ']');
	err = store_iter_status(it);
	store_iter_free(it);
	return err;
}

static void list_rows(struct rpc_call *call, enum store_family family)
{
	struct event_filter f;
	int err;

	read_filter(call, &f);
	err = events_find(call->ctx->store, family, &f, call->result);
	if (err)
		rpc_fail_errno(call, err, "", "");
}

void method_alerts(struct rpc_call *call)
{
	list_rows(call, STORE_alert);
}

void method_events(struct rpc_call *call)
{
	list_rows(call, STORE_event);
}

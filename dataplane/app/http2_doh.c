/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS over HTTPS (RFC 8484) in streams of HTTP/2: a query in the path's parameter "dns" or as body, the
 * response as body. With the first message the flow is one of doh2; its messages are written as those
 * of DNS are, and rules on DNS see them. Runs in the worker that owns the flow.
 */
#include "dataplane/app/dns_message.h"
#include "dataplane/app/http2.h"
#include "dataplane/base/digit.h"
#include "dataplane/event/record.h"

#define MESSAGE_MAX 65535

static const char media_type[] = "application/dns-message";

extern const struct proto proto_dns;

static bool is_media_type(struct bytes value)
{
	return value.len >= sizeof(media_type) - 1 && memcmp(value.data, media_type, sizeof(media_type) - 1) == 0;
}

/* From now on the flow is one of doh2. */
static void becomes_doh(struct flow *f)
{
	struct app_session *s = f->app;

	if (f->app_proto == APP_doh2)
		return;
	s->proto_original = f->app_proto;
	if (s->proto_ts == f->app_proto)
		s->proto_ts = APP_doh2;
	if (s->proto_tc == f->app_proto)
		s->proto_tc = APP_doh2;
	f->app_proto = APP_doh2;
}

static void take_message(const struct http2_input *in, struct http2_tx *t, struct bytes message)
{
	struct dns_tx *m = t->dns[in->d] ? NULL : heap_zalloc(&in->w->heap, sizeof(*m));

	if (!m)
		return;
	m->tx.id = t->tx.id;
	m->direction = (uint8_t)in->d;
	if (dns_message_parse(&in->w->heap, &m->m, message.data, message.len) != DNS_GOOD) {
		dns_message_free(&in->w->heap, &m->m);
		heap_free(&in->w->heap, m);
		return;
	}
	t->dns[in->d] = m;
	becomes_doh(in->f);
}

/* The value of the parameter "dns", base64url without padding (RFC 8484, 4.1). */
static struct bytes query_of(struct bytes path)
{
	const uint8_t *at = memmem(path.data, path.len, "?dns=", 5), *end;
	struct bytes out = {NULL, 0};

	if (!at)
		at = memmem(path.data, path.len, "&dns=", 5);
	if (!at)
		return out;
	out.data = at + 5;
	out.len = (uint32_t)(path.data + path.len - out.data);
	end = out.len ? memchr(out.data, '&', out.len) : NULL;
	if (end)
		out.len = (uint32_t)(end - out.data);
	return out;
}

static void take_path(const struct http2_input *in, struct http2_tx *t)
{
	struct bytes path = http2_field_value(t, in->d, ":path"), query;
	uint32_t bits = 0, have = 0;
	struct blob message = {0};

	query = path.data ? query_of(path) : path;
	if (!query.len || query.len > MESSAGE_MAX)
		return;
	for (uint32_t i = 0; i < query.len; i++) {
		uint8_t c = query.data[i];
		int v = base64_digit(c == '-' ? '+' : c == '_' ? '/' : c);
		uint8_t byte;

		if (v < 0)
			break;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		byte = (uint8_t)(bits >> have);
		if (!blob_add(in->w, &message, &byte, 1))
			break;
	}
	if (message.len)
		take_message(in, t, (struct bytes){message.data, message.len});
	heap_free(&in->w->heap, message.data);
}

void http2_doh_body(const struct http2_input *in, struct http2_tx *t, const uint8_t *data, uint32_t len)
{
	struct blob *body = &t->side[in->d].dns_body;

	if (body->built || (!body->len && !is_media_type(http2_field_value(t, in->d, "content-type"))))
		return;
	body->built = body->len + len > MESSAGE_MAX || !blob_add(in->w, body, data, len);
}

void http2_doh_end(const struct http2_input *in, struct http2_tx *t)
{
	struct blob *body = &t->side[in->d].dns_body;

	if (body->len && !body->built)
		take_message(in, t, (struct bytes){body->data, body->len});
	else if (in->d == TO_SERVER && !body->len && is_media_type(http2_field_value(t, in->d, "accept")))
		take_path(in, t);
	body->built = true;
}

void http2_doh_free(struct worker *w, struct http2_tx *t)
{
	for (unsigned d = 0; d < 2; d++) {
		heap_free(&w->heap, t->side[d].dns_body.data);
		if (!t->dns[d])
			continue;
		dns_message_free(&w->heap, &t->dns[d]->m);
		heap_free(&w->heap, t->dns[d]);
	}
}

/* The response says what was asked too. */
static struct dns_tx *told(const struct http2_tx *t)
{
	return t->dns[TO_CLIENT] ? t->dns[TO_CLIENT] : t->dns[TO_SERVER];
}

void http2_doh_log(struct worker *w, struct flow *f, struct http2_tx *t, const struct packet *p)
{
	if (told(t))
		proto_dns.log(w, f, &told(t)->tx, p);
}

void http2_doh_alert_context(struct worker *w, struct flow *f, struct http2_tx *t, struct recorder *r)
{
	if (told(t))
		proto_dns.alert_context(w, f, &told(t)->tx, r);
}

/* ---- rules: as DNS has it ---- */

static bool inner_buffer(const char *name, struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			 unsigned instance, struct buffer_view *out)
{
	struct dns_tx *m = http2_of(tx)->dns[d];

	for (const struct proto_buffer *b = proto_dns.buffers; m && b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b->get(w, f, &m->tx, d, instance, out);
	return false;
}

static bool inner_value(const char *name, struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			unsigned instance, uint64_t *out)
{
	struct dns_tx *m = http2_of(tx)->dns[d];

	for (const struct proto_value *v = proto_dns.values; m && v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v->get_multi ? v->get_multi(w, f, &m->tx, d, instance, out)
					    : instance == 0 && v->get(w, f, &m->tx, d, out);
	return false;
}

#define HTTP2_DOH_BUFFER(id, name, to_server, to_client)                                           \
	bool http2_doh_##id(struct worker *w, struct flow *f, struct tx *tx, enum direction d,     \
			    unsigned instance, struct buffer_view *out)                            \
	{                                                                                          \
		return inner_buffer(name, w, f, tx, d, instance, out);                             \
	}
#define HTTP2_DOH_VALUE(id, name)                                                                  \
	bool http2_doh_##id(struct worker *w, struct flow *f, struct tx *tx, enum direction d,     \
			    unsigned instance, uint64_t *out)                                      \
	{                                                                                          \
		return inner_value(name, w, f, tx, d, instance, out);                              \
	}
#include "dataplane/app/http2_doh.def"

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP: the http record of EVE (extended form). Runs in a worker.
 */
#include "dataplane/app/http.h"

#include <ctype.h>
#include <strings.h>

#include "dataplane/app/ntlmssp.h"
#include "dataplane/base/digit.h"
#include "dataplane/engine/emit.h"

#define NAME_MAX_BYTES 255   /* of a header in a record */
#define VALUE_MAX_BYTES 2047
#define LOGON_MAX_BYTES 4096 /* decoded of what a client logs on with */

static void put(struct recorder *r, enum field_id f, struct bytes b)
{
	if (b.data)
		rec_bytes(r, f, b.data, b.len);
}

/* A decimal number at the cursor; false when there is none, or it is too big. */
static bool number(struct cursor *c, uint64_t *out)
{
	uint64_t n = 0;
	bool any = false;
	const uint8_t *p;

	while ((p = cursor_peek(c, 1)) && *p >= '0' && *p <= '9') {
		if (n > UINT64_MAX / 10 - 9)
			return false;
		n = n * 10 + (*p - '0');
		any = true;
		cursor_skip(c, 1);
	}
	*out = n;
	return any;
}

static bool literal(struct cursor *c, const char *text)
{
	size_t n = strlen(text);
	const uint8_t *p = cursor_peek(c, n);

	if (!p || memcmp(p, text, n) != 0)
		return false;
	return cursor_skip(c, n);
}

/* "bytes 0-99/1000", either side of the slash may be a star (RFC 9110, 14.4). */
bool http_content_range(struct bytes value, struct http_range *out)
{
	struct cursor c = cursor_of(value.data, value.len);
	const uint8_t *p;

	*out = (struct http_range){.has_size = false};
	while ((p = cursor_peek(&c, 1)) && *p == ' ')
		cursor_skip(&c, 1);
	if (!literal(&c, "bytes"))
		return false;
	while ((p = cursor_peek(&c, 1)) && (*p == ' ' || *p == '='))
		cursor_skip(&c, 1);
	if (!literal(&c, "*")) {
		if (!number(&c, &out->start) || !literal(&c, "-") || !number(&c, &out->end))
			return false;
		out->has_range = true;
	}
	if (!literal(&c, "/"))
		return false;
	if (!literal(&c, "*")) {
		if (!number(&c, &out->size))
			return false;
		out->has_size = true;
	}
	return true;
}

static void record_content_range(struct recorder *r, struct bytes value)
{
	struct http_range range;

	rec_open(r, F_http_content_range);
	rec_bytes(r, F_http_range_raw, value.data, value.len);
	if (http_content_range(value, &range)) {
		if (range.has_range) {
			rec_uint(r, F_http_range_start, range.start);
			rec_uint(r, F_http_range_end, range.end);
		}
		if (range.has_size)
			rec_uint(r, F_http_range_size, range.size);
	}
	rec_close(r);
}

static struct bytes content_type(struct http_tx *tx)
{
	struct bytes b = http_field(tx, TO_CLIENT, "content-type");
	const uint8_t *semicolon = b.data ? memchr(b.data, ';', b.len) : NULL;

	if (semicolon)
		b.len = (uint32_t)(semicolon - b.data);
	return b;
}

static void record_basic(struct recorder *r, struct http_tx *tx)
{
	const htp_tx_t *htp = tx->htp;
	struct bytes range = http_field(tx, TO_CLIENT, "content-range");

	put(r, F_http_hostname, http_bytes(htp->request_hostname));
	if (htp->request_port_number > 0)
		rec_uint(r, F_http_http_port, (uint64_t)htp->request_port_number);
	put(r, F_http_url, http_bytes(htp->request_uri));
	put(r, F_http_http_user_agent, http_field(tx, TO_SERVER, "user-agent"));
	put(r, F_http_xff, http_field(tx, TO_SERVER, "x-forwarded-for"));
	put(r, F_http_http_content_type, content_type(tx));
	if (range.data)
		record_content_range(r, range);
}

/* "NTLM TlRMTVN…", "Negotiate …" (RFC 4559) */
static struct bytes logon_of(struct bytes value, uint8_t out[LOGON_MAX_BYTES])
{
	static const char *const schemes[] = {"NTLM ", "Negotiate "};
	uint32_t at = 0;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (value.len > strlen(schemes[i]) && strncasecmp((const char *)value.data, schemes[i], strlen(schemes[i])) == 0)
			at = (uint32_t)strlen(schemes[i]);
	return (struct bytes){out, at ? (uint32_t)base64_bytes(value.data + at, value.len - at, out, LOGON_MAX_BYTES) : 0};
}

/* Who logs on, to the server or the proxy. */
static void record_logon(struct recorder *r, struct http_tx *tx, const char *header)
{
	static const struct ntlmssp_fields fields = {F_http_ntlmssp, F_http_domain, F_http_user, F_http_host,
						     F_http_ntlmssp_version};
	struct bytes value = http_field(tx, TO_SERVER, header);
	uint8_t blob[LOGON_MAX_BYTES];

	if (value.data)
		ntlmssp_record(r, &fields, logon_of(value, blob));
}

static void record_extended(struct recorder *r, struct http_tx *tx)
{
	const htp_tx_t *htp = tx->htp;

	put(r, F_http_http_refer, http_field(tx, TO_SERVER, "referer"));
	put(r, F_http_http_method, http_bytes(htp->request_method));
	put(r, F_http_protocol, http_bytes(htp->request_protocol));
	if (htp->response_status_number > 0)
		rec_uint(r, F_http_status, (uint64_t)htp->response_status_number);
	else
		put(r, F_http_status_string, http_bytes(htp->response_status));
	put(r, F_http_redirect, http_field(tx, TO_CLIENT, "location"));
	rec_uint(r, F_http_length, (uint64_t)htp->response_message_len);
	if (http_field(tx, TO_SERVER, "authorization").data)
		record_logon(r, tx, "authorization");
	else
		record_logon(r, tx, "proxy-authorization");
}

/* ---- options ---- */

static bool names_direction(const char *value, const char *direction)
{
	return value && (strcasecmp(value, "both") == 0 || strcasecmp(value, direction) == 0);
}

void http_log_configure(const struct config *c, struct http_log_options *o)
{
	static const struct config_map none;
	const struct config_map *types = c ? &c->eve_types : &none;
	const char *dump = config_map_get(types, "http.dump_all_headers");

	o->extended = config_map_bool(types, "http.extended", true);
	o->all_headers[TO_SERVER] = names_direction(dump, "request");
	o->all_headers[TO_CLIENT] = names_direction(dump, "response");
	o->custom = config_map_get(types, "http.custom");
	o->bodies = config_map_bool(types, "alert.http_body", false) ||
		    config_map_bool(types, "alert.http_body_printable", false);
}

/* Is the header's name one of the list "[accept_encoding, server]"? */
static bool listed(const char *list, struct bytes name)
{
	while (list && *list) {
		size_t n = strcspn(list, "[], "), i = 0;

		while (i < n && i < name.len &&
		       tolower(name.data[i]) == (list[i] == '_' ? '-' : tolower((unsigned char)list[i])))
			i++;
		if (n && i == n && n == name.len)
			return true;
		list += n + (list[n] != '\0');
	}
	return false;
}

static bool wanted(const struct http_log_options *o, enum direction d, struct bytes name)
{
	static const uint8_t referer[] = "referer";

	if (o->all_headers[d])
		return true;
	if (o->extended && name.len == sizeof(referer) - 1 &&
	    strncasecmp((const char *)name.data, (const char *)referer, name.len) == 0)
		return false; /* there already */
	return listed(o->custom, name);
}

static void record_headers(struct recorder *r, const struct http_log_options *o, enum direction d,
			   const htp_table_t *headers)
{
	bool open = false;

	for (size_t i = 0, n = headers ? htp_table_size(headers) : 0; i < n; i++) {
		const htp_header_t *h = htp_table_get_index(headers, i, NULL);
		struct bytes name = http_bytes(h->name), value = http_bytes(h->value);

		if (!wanted(o, d, name))
			continue;
		if (!open)
			rec_open(r, d == TO_SERVER ? F_http_request_headers : F_http_response_headers);
		open = true;
		rec_open(r, F_http_header);
		rec_bytes(r, F_http_header_name, name.data, name.len < NAME_MAX_BYTES ? name.len : NAME_MAX_BYTES);
		rec_bytes(r, F_http_header_value, value.data,
			  value.len < VALUE_MAX_BYTES ? value.len : VALUE_MAX_BYTES);
		rec_close(r);
	}
	if (open)
		rec_close(r);
}

static void record_body(struct worker *w, struct recorder *r, const struct http_tx *tx, enum direction d)
{
	struct buffer_view view;

	if (tx->body[d].file && file_view_one(w, tx->body[d].file, &view) && view.len)
		rec_bytes(r, d == TO_SERVER ? F_http_request_body : F_http_response_body, view.data, view.len);
}

/* ---- records ---- */

void http_alert_context(struct worker *w, struct flow *f, struct tx *base, struct recorder *r)
{
	struct http_tx *tx = (struct http_tx *)base;

	if (!tx->htp)
		return;
	rec_open(r, F_http_http);
	record_basic(r, tx);
	record_extended(r, tx);
	if (w->http->options.log.bodies) {
		record_body(w, r, tx, TO_SERVER);
		record_body(w, r, tx, TO_CLIENT);
	}
	rec_close(r);
}

void http_log(struct worker *w, struct flow *f, struct tx *base, const struct packet *p)
{
	const struct http_log_options *o = &w->http->options.log;
	struct http_tx *tx = (struct http_tx *)base;
	struct recorder *r;

	/* Bytes that never became a request or a response. */
	if (!tx->htp || (!tx->htp->request_uri && !tx->htp->response_line))
		return;
	r = emit_flow(w, RECORD_http, f, TO_SERVER, base->id, p);
	if (!r)
		return;
	rec_open(r, F_http_http);
	record_basic(r, tx);
	if (o->extended)
		record_extended(r, tx);
	if (o->all_headers[TO_SERVER] || o->custom)
		record_headers(r, o, TO_SERVER, tx->htp->request_headers);
	if (o->all_headers[TO_CLIENT] || o->custom)
		record_headers(r, o, TO_CLIENT, tx->htp->response_headers);
	rec_close(r);
	emit_end(w);
}

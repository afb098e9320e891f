/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP: the http record of EVE (extended form). Runs in a worker.
 */
#include "dataplane/app/http.h"
#include "dataplane/engine/emit.h"

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

static struct bytes content_type(const htp_tx_t *htp)
{
	struct bytes b = http_field(htp->response_headers, "content-type");
	const uint8_t *semicolon = b.data ? memchr(b.data, ';', b.len) : NULL;

	if (semicolon)
		b.len = (uint32_t)(semicolon - b.data);
	return b;
}

static void record_members(struct recorder *r, const htp_tx_t *htp)
{
	struct bytes b;

	put(r, F_http_hostname, http_bytes(htp->request_hostname));
	if (htp->request_port_number > 0)
		rec_uint(r, F_http_http_port, (uint64_t)htp->request_port_number);
	put(r, F_http_url, http_bytes(htp->request_uri));
	put(r, F_http_http_user_agent, http_field(htp->request_headers, "user-agent"));
	put(r, F_http_xff, http_field(htp->request_headers, "x-forwarded-for"));
	put(r, F_http_http_content_type, content_type(htp));
	b = http_field(htp->response_headers, "content-range");
	if (b.data)
		record_content_range(r, b);
	put(r, F_http_http_refer, http_field(htp->request_headers, "referer"));
	put(r, F_http_http_method, http_bytes(htp->request_method));
	put(r, F_http_protocol, http_bytes(htp->request_protocol));
	if (htp->response_status_number > 0)
		rec_uint(r, F_http_status, (uint64_t)htp->response_status_number);
	else
		put(r, F_http_status_string, http_bytes(htp->response_status));
	put(r, F_http_redirect, http_field(htp->response_headers, "location"));
	rec_uint(r, F_http_length, (uint64_t)htp->response_message_len);
}

void http_alert_context(struct worker *w, struct flow *f, struct tx *base, struct recorder *r)
{
	struct http_tx *tx = (struct http_tx *)base;

	if (!tx->htp)
		return;
	rec_open(r, F_http_http);
	record_members(r, tx->htp);
	rec_close(r);
}

void http_log(struct worker *w, struct flow *f, struct tx *base, const struct packet *p)
{
	struct http_tx *tx = (struct http_tx *)base;
	struct recorder *r;

	/* Bytes that never became a request or a response. */
	if (!tx->htp || (!tx->htp->request_uri && !tx->htp->response_line))
		return;
	r = emit_flow(w, RECORD_http, f, TO_SERVER, base->id, p);
	if (!r)
		return;
	rec_open(r, F_http_http);
	record_members(r, tx->htp);
	rec_close(r);
	emit_end(w);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP: the buffers that rules look at. Where libhtp holds one run of bytes it is shown in place;
 * the others are put together on first use and kept with the transaction. Runs in a worker.
 */
#include "dataplane/app/http.h"

#define GET(name)                                                                                  \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *base, enum direction d, \
			       unsigned instance, struct buffer_view *out)

static const htp_tx_t *htp_of(struct tx *base)
{
	return ((struct http_tx *)base)->htp;
}

static bool show(struct bytes b, struct buffer_view *out)
{
	*out = (struct buffer_view){.data = b.data, .len = b.len, .complete = true};
	return b.data != NULL;
}

static bool show_blob(const struct blob *b, struct buffer_view *out)
{
	return show((struct bytes){b->data, b->len}, out);
}

static const htp_table_t *headers_of(struct tx *base, enum direction d)
{
	return d == TO_SERVER ? htp_of(base)->request_headers : htp_of(base)->response_headers;
}

static bool show_field(struct tx *base, enum direction d, const char *name, struct buffer_view *out)
{
	return show(http_field((struct http_tx *)base, d, name), out);
}

/* ---- the request and status line ---- */

GET(method)
{
	return show(http_bytes(htp_of(base)->request_method), out);
}

GET(uri_raw)
{
	return show(http_bytes(htp_of(base)->request_uri), out);
}

/* Path and query as libhtp normalised them; a CONNECT's authority as it is. */
GET(uri)
{
	struct http_tx *tx = (struct http_tx *)base;
	const htp_uri_t *uri = tx->htp->parsed_uri;
	struct bytes path, query;

	if (tx->htp->request_method_number == HTP_M_CONNECT)
		return show(http_bytes(tx->htp->request_uri), out);
	if (!uri)
		return false;
	path = http_bytes(uri->path);
	query = http_bytes(uri->query);
	if (!query.data)
		return show(path, out);
	if (!tx->uri.built) {
		blob_add(w, &tx->uri, path.data, path.len);
		blob_add(w, &tx->uri, "?", 1);
		blob_add(w, &tx->uri, query.data, query.len);
		tx->uri.built = true;
	}
	return show_blob(&tx->uri, out);
}

GET(request_line)
{
	return show(http_bytes(htp_of(base)->request_line), out);
}

/* With its line end, as in the reference. */
GET(response_line)
{
	struct http_tx *tx = (struct http_tx *)base;
	struct bytes line = http_bytes(tx->htp->response_line);

	if (!line.data)
		return false;
	if (!tx->status_line.built) {
		blob_add(w, &tx->status_line, line.data, line.len);
		blob_add(w, &tx->status_line, "\r\n", 2);
		tx->status_line.built = true;
	}
	return show_blob(&tx->status_line, out);
}

GET(protocol)
{
	const htp_tx_t *htp = htp_of(base);

	return show(http_bytes(d == TO_SERVER ? htp->request_protocol : htp->response_protocol), out);
}

GET(stat_code)
{
	return show(http_bytes(htp_of(base)->response_status), out);
}

GET(stat_msg)
{
	return show(http_bytes(htp_of(base)->response_message), out);
}

/* ---- single headers ---- */

GET(host)
{
	struct http_tx *tx = (struct http_tx *)base;
	struct bytes host = http_bytes(tx->htp->request_hostname);

	if (!host.data)
		return false;
	if (!tx->host.built) {
		if (!blob_add(w, &tx->host, host.data, host.len))
			return false;
		for (uint32_t i = 0; i < tx->host.len; i++)
			if (tx->host.data[i] >= 'A' && tx->host.data[i] <= 'Z')
				tx->host.data[i] |= 0x20;
		tx->host.built = true;
	}
	return show_blob(&tx->host, out);
}

GET(host_raw)
{
	const htp_tx_t *htp = htp_of(base);

	if (htp->parsed_uri && htp->parsed_uri->hostname)
		return show(http_bytes(htp->parsed_uri->hostname), out);
	return show_field(base, TO_SERVER, "host", out);
}

#define GET_FIELD(name, header)                                                                    \
	GET(name)                                                                                  \
	{                                                                                          \
		return show_field(base, d, header, out);                                           \
	}

GET_FIELD(user_agent, "user-agent")
GET_FIELD(referer, "referer")
GET_FIELD(accept, "accept")
GET_FIELD(accept_enc, "accept-encoding")
GET_FIELD(accept_lang, "accept-language")
GET_FIELD(connection, "connection")
GET_FIELD(content_type, "content-type")
GET_FIELD(content_len, "content-length")
GET_FIELD(location, "location")
GET_FIELD(server, "server")

GET(cookie)
{
	return show_field(base, d, d == TO_SERVER ? "cookie" : "set-cookie", out);
}

/* ---- all headers ---- */

static bool is_cookie(const htp_header_t *h, enum direction d)
{
	return bstr_cmp_c_nocase(h->name, d == TO_SERVER ? "cookie" : "set-cookie") == 0;
}

static void add_header(struct worker *w, struct blob *b, const htp_header_t *h)
{
	struct bytes name = http_bytes(h->name), value = http_bytes(h->value);

	blob_add(w, b, name.data, name.len);
	blob_add(w, b, ": ", 2);
	blob_add(w, b, value.data, value.len);
}

GET(header)
{
	struct http_tx *tx = (struct http_tx *)base;
	const htp_table_t *headers = headers_of(base, d);
	struct blob *b = &tx->header[d];

	for (size_t i = 0, n = headers && !b->built ? htp_table_size(headers) : 0; i < n; i++) {
		const htp_header_t *h = htp_table_get_index(headers, i, NULL);

		if (is_cookie(h, d))
			continue;
		add_header(w, b, h);
		blob_add(w, b, "\r\n", 2);
	}
	b->built = true;
	return b->len && show_blob(b, out);
}

GET(header_raw)
{
	return show_blob(&((struct http_tx *)base)->raw[d], out);
}

GET(header_names)
{
	struct http_tx *tx = (struct http_tx *)base;
	const htp_table_t *headers = headers_of(base, d);
	struct blob *b = &tx->names[d];
	size_t n = headers && !b->built ? htp_table_size(headers) : 0;

	for (size_t i = 0; i < n; i++) {
		const htp_header_t *h = htp_table_get_index(headers, i, NULL);
		struct bytes name = http_bytes(h->name);

		blob_add(w, b, "\r\n", 2);
		blob_add(w, b, name.data, name.len);
	}
	if (n)
		blob_add(w, b, "\r\n\r\n", 4);
	b->built = true;
	return b->len && show_blob(b, out);
}

/* First line, headers with cookies, blank line. The status line brings its own line end, and gets
 * another one, as in the reference. */
GET(start)
{
	struct http_tx *tx = (struct http_tx *)base;
	const htp_table_t *headers = headers_of(base, d);
	struct bytes line =
		http_bytes(d == TO_SERVER ? tx->htp->request_line : tx->htp->response_line);
	struct blob *b = &tx->start[d];

	if (!line.data)
		return false;
	if (!b->built) {
		blob_add(w, b, line.data, line.len);
		blob_add(w, b, "\r\n\r\n", d == TO_SERVER ? 2 : 4);
		for (size_t i = 0, n = headers ? htp_table_size(headers) : 0; i < n; i++) {
			add_header(w, b, htp_table_get_index(headers, i, NULL));
			blob_add(w, b, "\r\n", 2);
		}
		blob_add(w, b, "\r\n", 2);
		b->built = true;
	}
	return show_blob(b, out);
}

/* One header an instance, "Name: value". They stand one behind the other in `fields`, each with its
 * length before it. */
static bool get_field_n(struct worker *w, struct tx *base, enum direction d, unsigned instance,
			struct buffer_view *out)
{
	struct http_tx *tx = (struct http_tx *)base;
	const htp_table_t *headers = headers_of(base, d);
	struct blob *b = &tx->fields[d];
	uint32_t at = 0, len = 0;

	for (size_t i = 0, n = headers && !b->built ? htp_table_size(headers) : 0; i < n; i++) {
		uint32_t start = b->len;

		if (!blob_add(w, b, &len, sizeof(len)))
			break;
		add_header(w, b, htp_table_get_index(headers, i, NULL));
		len = b->len - start - (uint32_t)sizeof(len);
		memcpy(b->data + start, &len, sizeof(len));
	}
	b->built = true;
	for (unsigned i = 0; at + sizeof(len) <= b->len; i++) {
		memcpy(&len, b->data + at, sizeof(len));
		at += (uint32_t)sizeof(len);
		if (i == instance)
			return show((struct bytes){b->data + at, len}, out);
		at += len;
	}
	return false;
}

GET(request_header)
{
	return get_field_n(w, base, TO_SERVER, instance, out);
}

GET(response_header)
{
	return get_field_n(w, base, TO_CLIENT, instance, out);
}

/* ---- bodies ---- */

GET(body)
{
	struct http_tx *tx = (struct http_tx *)base;

	return instance == 0 && tx->body[d].file && file_view_one(w, tx->body[d].file, out);
}

/* To the client it is the body even where that is no file. */
GET(file_data)
{
	struct file *body = ((struct http_tx *)base)->body[d].file;

	if (d == TO_CLIENT && body && body->flags & FILE_HIDDEN && file_view_one(w, body, out) && instance-- == 0)
		return true;
	return file_view(w, f, base, d, instance, out);
}

const struct proto_buffer http_buffers[] = {
	{"http.uri", 0, HTTP_LINE, 0, get_uri},
	{"http.uri.raw", 0, HTTP_LINE, 0, get_uri_raw},
	{"http.method", 0, HTTP_LINE, 0, get_method},
	{"http.request_line", 0, HTTP_LINE, 0, get_request_line},
	{"http.response_line", 0, 0, HTTP_LINE, get_response_line},
	{"http.protocol", 0, HTTP_LINE, HTTP_LINE, get_protocol},
	{"http.stat_code", 0, 0, HTTP_LINE, get_stat_code},
	{"http.stat_msg", 0, 0, HTTP_LINE, get_stat_msg},
	{"http.host", 0, HTTP_HEADERS, 0, get_host},
	{"http.host.raw", 0, HTTP_HEADERS, 0, get_host_raw},
	{"http.user_agent", 0, HTTP_HEADERS, 0, get_user_agent},
	{"http.referer", 0, HTTP_HEADERS, 0, get_referer},
	{"http.accept", 0, HTTP_HEADERS, 0, get_accept},
	{"http.accept_enc", 0, HTTP_HEADERS, 0, get_accept_enc},
	{"http.accept_lang", 0, HTTP_HEADERS, 0, get_accept_lang},
	{"http.connection", 0, HTTP_HEADERS, HTTP_HEADERS, get_connection},
	{"http.content_type", 0, HTTP_HEADERS, HTTP_HEADERS, get_content_type},
	{"http.content_len", 0, HTTP_HEADERS, HTTP_HEADERS, get_content_len},
	{"http.location", 0, 0, HTTP_HEADERS, get_location},
	{"http.server", 0, 0, HTTP_HEADERS, get_server},
	{"http.cookie", 0, HTTP_HEADERS, HTTP_HEADERS, get_cookie},
	{"http.header", 0, HTTP_HEADERS, HTTP_HEADERS, get_header},
	{"http.header.raw", 0, HTTP_HEADERS, HTTP_HEADERS, get_header_raw},
	{"http.header_names", 0, HTTP_HEADERS, HTTP_HEADERS, get_header_names},
	{"http.start", 0, HTTP_HEADERS, HTTP_HEADERS, get_start},
	{"http.request_header", BUFFER_MULTI, HTTP_HEADERS, 0, get_request_header},
	{"http.response_header", BUFFER_MULTI, 0, HTTP_HEADERS, get_response_header},
	{"http.request_body", BUFFER_STREAMING, HTTP_BODY, 0, get_body},
	{"http.response_body", BUFFER_STREAMING, 0, HTTP_BODY, get_body},
	{"file.data", BUFFER_STREAMING | BUFFER_MULTI, HTTP_BODY, HTTP_BODY, get_file_data},
	{"file.name", BUFFER_STREAMING | BUFFER_MULTI, HTTP_BODY, HTTP_BODY, file_name_view},
	{"file.magic", BUFFER_STREAMING | BUFFER_MULTI, HTTP_BODY, HTTP_BODY, file_magic_view},
	{NULL},
};

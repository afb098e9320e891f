/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/2: what rules look at. What is one run of bytes is shown in place; the rest is put together
 * on first use and kept with the transaction. Runs in a worker.
 */
#include "dataplane/app/http2.h"

#define GET(name)                                                                                  \
	static bool get_##name(struct worker *w, struct flow *f, struct tx *base, enum direction d, \
			       unsigned instance, struct buffer_view *out)

static bool show(struct bytes b, struct buffer_view *out)
{
	*out = (struct buffer_view){.data = b.data, .len = b.len, .complete = true};
	return b.data != NULL;
}

static bool show_blob(const struct blob *b, struct buffer_view *out)
{
	return show((struct bytes){b->data, b->len}, out);
}

#define GET_FIELD(name, header)                                                                    \
	GET(name)                                                                                  \
	{                                                                                          \
		return show(http2_field_value(http2_of(base), d, header), out);                    \
	}

GET_FIELD(method, ":method")
GET_FIELD(uri, ":path")
GET_FIELD(stat_code, ":status")
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

GET(protocol)
{
	if (!http2_of(base)->side[d].fields.any)
		return false;
	return show((struct bytes){(const uint8_t *)"HTTP/2", 6}, out);
}

GET(host_raw)
{
	return show(http2_authority(http2_of(base), TO_SERVER), out);
}

/* Lower case, without user and port. */
GET(host)
{
	struct http2_tx *t = http2_of(base);
	struct bytes host = http2_authority(t, TO_SERVER);
	const uint8_t *at;
	uint32_t n;

	if (!host.data)
		return false;
	if (t->host.built)
		return show_blob(&t->host, out);
	at = memrchr(host.data, '@', host.len);
	if (at)
		host = (struct bytes){at + 1, (uint32_t)(host.data + host.len - at - 1)};
	for (n = host.len; n && host.data[n - 1] >= '0' && host.data[n - 1] <= '9'; n--)
		;
	if (n && host.data[n - 1] == ':')
		host.len = n - 1;
	http2_blob_add(w, &t->host, host.data, host.len);
	for (uint32_t i = 0; i < t->host.len; i++)
		if (t->host.data[i] >= 'A' && t->host.data[i] <= 'Z')
			t->host.data[i] |= 0x20;
	t->host.built = true;
	return show_blob(&t->host, out);
}

/* "GET /path HTTP/2" and "HTTP/2 200", each with its line end, as in the reference. */
GET(line)
{
	struct http2_tx *t = http2_of(base);
	struct blob *b = &t->side[d].line;
	struct bytes first = http2_field_value(t, d, d == TO_SERVER ? ":method" : ":status");
	struct bytes path = http2_field_value(t, d, ":path");

	if (!first.data || (d == TO_SERVER && !path.data))
		return false;
	if (b->built)
		return show_blob(b, out);
	if (d == TO_SERVER) {
		http2_blob_add(w, b, first.data, first.len);
		http2_blob_add(w, b, " ", 1);
		http2_blob_add(w, b, path.data, path.len);
		http2_blob_add(w, b, " HTTP/2\r\n", 9);
	} else {
		http2_blob_add(w, b, "HTTP/2 ", 7);
		http2_blob_add(w, b, first.data, first.len);
		http2_blob_add(w, b, "\r\n", 2);
	}
	b->built = true;
	return show_blob(b, out);
}

/* ---- all fields ---- */

static bool is_cookie(struct bytes name, enum direction d)
{
	const char *cookie = d == TO_SERVER ? "cookie" : "set-cookie";

	return name.len == strlen(cookie) &&
	       strncasecmp((const char *)name.data, cookie, name.len) == 0;
}

/* Several are one: "a=b; c=d" (RFC 9113, 8.2.3). */
GET(cookie)
{
	struct http2_side *side = &http2_of(base)->side[d];
	struct blob *b = &side->cookie;

	for (uint32_t i = 0; i < side->fields.count && !b->built; i++) {
		struct bytes value = http2_field_text(&side->fields, i);

		if (!is_cookie(http2_field_name(&side->fields, i), d))
			continue;
		if (b->len)
			http2_blob_add(w, b, "; ", 2);
		http2_blob_add(w, b, value.data, value.len);
	}
	b->built = b->built || side->fields.any;
	return b->len && show_blob(b, out);
}

GET(header)
{
	struct http2_side *side = &http2_of(base)->side[d];
	struct blob *b = &side->header;

	for (uint32_t i = 0; i < side->fields.count && !b->built; i++) {
		const struct http2_field *item = &side->fields.items[i];

		if (item->kind != HPACK_FIELD || is_cookie(http2_field_name(&side->fields, i), d))
			continue;
		http2_blob_add(w, b, side->fields.text.data + item->at,
			       item->name_len + item->value_len + 4);
	}
	b->built = b->built || side->fields.any;
	return b->len && show_blob(b, out);
}

GET(header_raw)
{
	return show_blob(&http2_of(base)->side[d].fields.text, out);
}

GET(header_names)
{
	struct http2_side *side = &http2_of(base)->side[d];
	struct blob *b = &side->names;

	for (uint32_t i = 0; i < side->fields.count && !b->built; i++) {
		struct bytes name = http2_field_name(&side->fields, i);

		if (side->fields.items[i].kind != HPACK_FIELD)
			continue;
		http2_blob_add(w, b, "\r\n", 2);
		http2_blob_add(w, b, name.data, name.len);
	}
	if (!b->built && side->fields.any)
		http2_blob_add(w, b, "\r\n\r\n", 4);
	b->built = b->built || side->fields.any;
	return b->len && show_blob(b, out);
}

static const struct http2_field *field_n(const struct http2_fields *f, unsigned instance)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->items[i].kind == HPACK_FIELD && !instance--)
			return &f->items[i];
	return NULL;
}

GET(field)
{
	const struct http2_fields *fields = &http2_of(base)->side[d].fields;
	const struct http2_field *item = field_n(fields, instance);

	if (!item)
		return false;
	return show((struct bytes){fields->text.data + item->at, item->name_len + item->value_len + 2},
		    out);
}

GET(field_name)
{
	const struct http2_fields *fields = &http2_of(base)->side[d].fields;
	const struct http2_field *item = field_n(fields, instance);

	if (!item)
		return false;
	return show((struct bytes){fields->text.data + item->at, item->name_len}, out);
}

/* ---- bodies ---- */

GET(body)
{
	struct http2_side *side = &http2_of(base)->side[d];

	return instance == 0 && side->file && file_view_one(w, side->file, out);
}

#define HTTP2_DOH_BUFFER(id, name, to_server, to_client)                                           \
	{name, BUFFER_MULTI, to_server ? HTTP2_COMPLETE : 0, to_client ? HTTP2_COMPLETE : 0, http2_doh_##id},
#define HTTP2_DOH_VALUE(id, name)

const struct proto_buffer http2_buffers[] = {
#include "dataplane/app/http2_doh.def"
	{"http.uri", 0, HTTP2_FIELDS, 0, get_uri},
	{"http.uri.raw", 0, HTTP2_FIELDS, 0, get_uri},
	{"http.method", 0, HTTP2_FIELDS, 0, get_method},
	{"http.request_line", 0, HTTP2_FIELDS, 0, get_line},
	{"http.response_line", 0, 0, HTTP2_FIELDS, get_line},
	{"http.protocol", 0, HTTP2_FIELDS, HTTP2_FIELDS, get_protocol},
	{"http.stat_code", 0, 0, HTTP2_FIELDS, get_stat_code},
	{"http.host", 0, HTTP2_FIELDS, 0, get_host},
	{"http.host.raw", 0, HTTP2_FIELDS, 0, get_host_raw},
	{"http.user_agent", 0, HTTP2_FIELDS, 0, get_user_agent},
	{"http.referer", 0, HTTP2_FIELDS, 0, get_referer},
	{"http.accept", 0, HTTP2_FIELDS, 0, get_accept},
	{"http.accept_enc", 0, HTTP2_FIELDS, 0, get_accept_enc},
	{"http.accept_lang", 0, HTTP2_FIELDS, 0, get_accept_lang},
	{"http.connection", 0, HTTP2_FIELDS, HTTP2_FIELDS, get_connection},
	{"http.content_type", 0, HTTP2_FIELDS, HTTP2_FIELDS, get_content_type},
	{"http.content_len", 0, HTTP2_FIELDS, HTTP2_FIELDS, get_content_len},
	{"http.location", 0, 0, HTTP2_FIELDS, get_location},
	{"http.server", 0, 0, HTTP2_FIELDS, get_server},
	{"http.cookie", 0, HTTP2_FIELDS, HTTP2_FIELDS, get_cookie},
	{"http.header", 0, HTTP2_FIELDS, HTTP2_FIELDS, get_header},
	{"http.header.raw", 0, HTTP2_FIELDS, HTTP2_FIELDS, get_header_raw},
	{"http.header_names", 0, HTTP2_FIELDS, HTTP2_FIELDS, get_header_names},
	{"http.request_header", BUFFER_MULTI, HTTP2_FIELDS, 0, get_field},
	{"http.response_header", BUFFER_MULTI, 0, HTTP2_FIELDS, get_field},
	{"http2.header_name", BUFFER_MULTI, HTTP2_FIELDS, HTTP2_FIELDS, get_field_name},
	{"http.request_body", BUFFER_STREAMING, HTTP2_BODY, 0, get_body},
	{"http.response_body", BUFFER_STREAMING, 0, HTTP2_BODY, get_body},
	{"file.data", BUFFER_STREAMING | BUFFER_MULTI, HTTP2_BODY, HTTP2_BODY, file_view},
	{"file.name", BUFFER_STREAMING | BUFFER_MULTI, HTTP2_BODY, HTTP2_BODY, file_name_view},
	{"file.magic", BUFFER_STREAMING | BUFFER_MULTI, HTTP2_BODY, HTTP2_BODY, file_magic_view},
	{NULL},
};

/* ---- numbers ---- */

#define VALUE(name)                                                                                \
	static bool value_##name(struct worker *w, struct flow *f, struct tx *base, enum direction d, \
				 unsigned instance, uint64_t *out)

VALUE(frametype)
{
	const uint64_t *types = http2_of(base)->side[d].types;

	for (unsigned type = 0; type < 256; type++)
		if (types[type / 64] >> type % 64 & 1 && !instance--) {
			*out = type;
			return true;
		}
	return false;
}

static bool number(const struct http2_numbers *n, unsigned instance, uint64_t *out)
{
	if (instance >= n->count)
		return false;
	*out = n->items[instance];
	return true;
}

VALUE(errorcode)
{
	return number(&http2_of(base)->side[d].errors, instance, out);
}

VALUE(priority)
{
	return number(&http2_of(base)->side[d].priorities, instance, out);
}

VALUE(window)
{
	return number(&http2_of(base)->side[d].windows, instance, out);
}

VALUE(settings)
{
	return number(&http2_of(base)->side[d].settings, instance, out);
}

VALUE(size_update)
{
	const struct http2_fields *fields = &http2_of(base)->side[d].fields;

	for (uint32_t i = 0; i < fields->count; i++)
		if (fields->items[i].kind == HPACK_SIZE_UPDATE && !instance--) {
			*out = fields->items[i].size;
			return true;
		}
	return false;
}

#define HTTP2_DOH_BUFFER(id, name, to_server, to_client)
#define HTTP2_DOH_VALUE(id, name_)                                                                 \
	{.name = name_, .to_server = HTTP2_COMPLETE, .to_client = HTTP2_COMPLETE, .get_multi = http2_doh_##id},

const struct proto_value http2_values[] = {
#include "dataplane/app/http2_doh.def"
	{.name = "http2.frametype", .to_server = HTTP2_OPEN, .to_client = HTTP2_OPEN,
	 .get_multi = value_frametype},
	{.name = "http2.errorcode", .to_server = HTTP2_OPEN, .to_client = HTTP2_OPEN,
	 .get_multi = value_errorcode},
	{.name = "http2.priority", .to_server = HTTP2_OPEN, .to_client = HTTP2_OPEN,
	 .get_multi = value_priority},
	{.name = "http2.window", .to_server = HTTP2_OPEN, .to_client = HTTP2_OPEN,
	 .get_multi = value_window},
	{.name = "http2.settings", .to_server = HTTP2_OPEN, .to_client = HTTP2_OPEN,
	 .get_multi = value_settings},
	{.name = "http2.size_update", .to_server = HTTP2_FIELDS, .to_client = HTTP2_FIELDS,
	 .get_multi = value_size_update},
	{.name = NULL},
};

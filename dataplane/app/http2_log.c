/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/2: the http record of EVE. Runs in a worker.
 */

#include "dataplane/app/http2.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

static const char *const setting_names[] = {
	"SETTINGSUNKNOWN",	      "SETTINGSHEADERTABLESIZE",   "SETTINGSENABLEPUSH",
	"SETTINGSMAXCONCURRENTSTREAMS", "SETTINGSINITIALWINDOWSIZE", "SETTINGSMAXFRAMESIZE",
	"SETTINGSMAXHEADERLISTSIZE",
};

/* RFC 9113, 7 */
static const char *const error_names[] = {
	"NOERROR",	  "PROTOCOLERROR",	"INTERNALERROR", "FLOWCONTROLERROR", "SETTINGSTIMEOUT",
	"STREAMCLOSED",	  "FRAMESIZEERROR",	"REFUSEDSTREAM", "CANCEL",	     "COMPRESSIONERROR",
	"CONNECTERROR",	  "ENHANCEYOURCALM",	"INADEQUATESECURITY", "HTTP11REQUIRED",
};

static void put(struct recorder *r, enum field_id f, struct bytes b)
{
	if (b.data)
		rec_bytes(r, f, b.data, b.len);
}

static void put_number(struct recorder *r, enum field_id f, struct bytes b)
{
	uint64_t n = 0;

	if (!b.len || b.len > 18)
		return;
	for (uint32_t i = 0; i < b.len; i++) {
		if (b.data[i] < '0' || b.data[i] > '9')
			return;
		n = n * 10 + (b.data[i] - '0');
	}
	rec_uint(r, f, n);
}

static const char *error_of(uint8_t kind)
{
	switch (kind) {
	case HPACK_NO_ENTRY:
		return "NotIndexed";
	case HPACK_TOO_BIG:
		return "IntegerOverflow";
	case HPACK_CUT:
		return "Incomplete";
	default:
		return "Huffman";
	}
}

static void put_fields(struct recorder *r, enum field_id array, const struct http2_fields *f)
{
	if (!f->any)
		return;
	rec_open(r, array);
	for (uint32_t i = 0; i < f->count; i++) {
		rec_open(r, F_http2_header);
		if (f->items[i].kind == HPACK_FIELD) {
			put(r, F_http2_name, http2_field_name(f, i));
			put(r, F_http2_value, http2_field_text(f, i));
		} else if (f->items[i].kind == HPACK_SIZE_UPDATE) {
			rec_uint(r, F_http2_table_size_update, f->items[i].size);
		} else {
			rec_text(r, F_http2_error, error_of(f->items[i].kind));
		}
		rec_close(r);
	}
	rec_close(r);
}

static void put_settings(struct recorder *r, const struct http2_numbers *n)
{
	rec_open(r, F_http2_settings);
	for (uint32_t i = 0; i < n->count; i++) {
		uint64_t id = n->items[i] >> 32;

		rec_open(r, F_http2_setting);
		rec_text(r, F_http2_settings_id,
			 setting_names[id < sizeof(setting_names) / sizeof(*setting_names) ? id : 0]);
		rec_uint(r, F_http2_settings_value, n->items[i] & UINT32_MAX);
		rec_close(r);
	}
	rec_close(r);
}

static void put_side(struct recorder *r, enum field_id object, const struct http2_side *side)
{
	rec_open(r, object);
	if (side->settings.count)
		put_settings(r, &side->settings);
	if (side->errors.count) {
		uint64_t code = side->errors.items[0];
		char text[24];

		put_uint(put_to(text, sizeof(text)), (uint32_t)code);
		rec_text(r, F_http2_error_code,
			 code < sizeof(error_names) / sizeof(*error_names) ? error_names[code] : text);
	}
	if (side->priorities.count)
		rec_uint(r, F_http2_priority, side->priorities.items[0]);
	if (side->errors.count > 1 || side->priorities.count > 1)
		rec_text(r, F_http2_has_multiple, side->errors.count > 1 ? "error_code" : "priority");
	rec_close(r);
}

static void put_members(struct recorder *r, const struct http2_tx *t)
{
	const struct http2_side *to_server = &t->side[TO_SERVER], *to_client = &t->side[TO_CLIENT];
	enum direction asked = http2_field_value(t, TO_SERVER, ":method").data ? TO_SERVER : TO_CLIENT;

	rec_open(r, F_http_http);
	rec_text(r, F_http2_version, "2");
	put_fields(r, F_http2_request_headers, &to_server->fields);
	put_fields(r, F_http2_response_headers, &to_client->fields);
	put(r, F_http_http_method, http2_field_value(t, asked, ":method"));
	put(r, F_http_url, http2_field_value(t, asked, ":path"));
	put(r, F_http_hostname, http2_authority(t, asked));
	put(r, F_http_http_user_agent, http2_field_value(t, asked, "user-agent"));
	put_number(r, F_http_status, http2_field_value(t, TO_CLIENT, ":status"));
	put_number(r, F_http_length, http2_field_value(t, TO_CLIENT, "content-length"));
	rec_open(r, F_http2_http2);
	rec_uint(r, F_http2_stream_id, t->stream);
	put_side(r, F_http2_request, to_server);
	put_side(r, F_http2_response, to_client);
	rec_close(r);
	rec_close(r);
}

static bool says_something(const struct http2_side *s)
{
	return s->fields.any || s->settings.count || s->errors.count || s->priorities.count;
}

void http2_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct http2_tx *t = http2_of(tx);
	struct recorder *r;

	http2_doh_log(w, f, t, p);
	if (!says_something(&t->side[TO_SERVER]) && !says_something(&t->side[TO_CLIENT]))
		return;
	r = emit_flow(w, RECORD_http2, f, TO_SERVER, tx->id, p);
	if (!r)
		return;
	put_members(r, t);
	emit_end(w);
}

void http2_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	put_members(r, http2_of(tx));
	http2_doh_alert_context(w, f, http2_of(tx), r);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/1: following it with libhtp, transactions. See http.h for the parts.
 *
 * libhtp calls back while it parses; the callbacks note progress and hand on to the other parts. A
 * transaction's request and response are matched by libhtp; a response without a request gets one with the URI /libhtp::request_uri_not_seen.
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/http.h"

#include "dataplane/engine/emit.h"

/* ---- pieces ---- */

static struct http_state *state_of(const htp_tx_t *htp)
{
	return htp_connp_get_user_data(htp->connp);
}

static void progress(struct http_tx *tx, enum direction d, enum http_progress p)
{
	if (tx->tx.progress[d] < p)
		tx->tx.progress[d] = p;
}

/* Marks a transaction of libhtp's whose own one is freed: it does not get another one. */
static const char gone;

static bool is_gone(const htp_tx_t *htp)
{
	return htp_tx_get_user_data(htp) == &gone;
}

struct http_tx *http_tx_of(const htp_tx_t *htp)
{
	return is_gone(htp) ? NULL : htp_tx_get_user_data(htp);
}

/* What a callback answers that has no transaction. */
static int without(const htp_tx_t *htp)
{
	return is_gone(htp) ? HTP_OK : HTP_ERROR;
}

/* The transaction of libhtp's; made when it is new. NULL: gone, too many, or no memory. */
static struct http_tx *tx_of(htp_tx_t *htp)
{
	struct http_state *s = state_of(htp);
	struct http_tx *tx = http_tx_of(htp);

	if (tx || is_gone(htp))
		return tx;
	if (++s->transactions > HTTP_FLOW_TRANSACTIONS_MAX)
		return NULL;
	tx = (struct http_tx *)tx_new(s->w, s->f, sizeof(*tx));
	if (!tx)
		return NULL;
	tx->htp = htp;
	tx->state = s;
	htp_tx_set_user_data(htp, tx);
	return tx;
}

/* ---- frames ---- */

/* Where libhtp stands in the stream. */
static uint64_t position(const struct http_state *s, enum direction d)
{
	return s->offset + (d == TO_SERVER ? htp_connp_req_data_consumed(s->connp)
					   : htp_connp_res_data_consumed(s->connp));
}

static void frame_begin(struct http_tx *tx, enum direction d)
{
	struct http_state *s = tx->state;

	if (!s->f->app->frames || tx->frame[d])
		return;
	tx->frame_at[d] = position(s, d);
	tx->frame[d] = app_frame_open(s->w, s->f, d, 1 + d, tx->frame_at[d], APP_FRAME_OPEN);
	app_frame_tx(s->f, d, tx->frame[d], tx->tx.id);
}

static void frame_end(struct http_tx *tx, enum direction d)
{
	if (tx->frame[d])
		app_frame_close(tx->state->f, d, tx->frame[d], position(tx->state, d) - tx->frame_at[d]);
}

/* ---- libhtp's callbacks ---- */

/* An error here would have libhtp try again for ever: without a transaction the request line fails. */
static int on_request_start(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (tx)
		frame_begin(tx, TO_SERVER);
	return HTP_OK;
}

/* The query is decoded once, as the path was. */
static int on_uri(htp_tx_t *htp)
{
	struct http_state *s = state_of(htp);
	struct http_tx *tx = tx_of(htp);
	const struct http_options *o = &s->w->http->options;
	uint64_t ignored = 0;
	uint32_t before;

	if (!tx)
		return without(htp);
	if (!htp->parsed_uri)
		return HTP_OK;
	http_lenient_uri(tx);
	if (htp->parsed_uri->query) {
		htp_urldecode_inplace(htp->cfg, HTP_DECODER_URLENCODED, htp->parsed_uri->query, &ignored);
		before = (uint32_t)bstr_len(htp->parsed_uri->query);
		if (o->double_decode_query) {
			htp_urldecode_inplace(htp->cfg, HTP_DECODER_URLENCODED, htp->parsed_uri->query,
					      &ignored);
			if (bstr_len(htp->parsed_uri->query) != before)
				http_event(s, tx, TO_SERVER, HTTP_EVENT_DOUBLE_ENCODED);
		}
	}
	if (htp->parsed_uri->path && o->double_decode_path) {
		before = (uint32_t)bstr_len(htp->parsed_uri->path);
		htp_urldecode_inplace(htp->cfg, HTP_DECODER_URLENCODED, htp->parsed_uri->path, &ignored);
		if (bstr_len(htp->parsed_uri->path) != before)
			http_event(s, tx, TO_SERVER, HTTP_EVENT_DOUBLE_ENCODED);
	}
	return HTP_OK;
}

static int on_request_line(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	progress(tx, TO_SERVER, HTTP_LINE);
	http_events_flags(tx->state, tx);
	http_lenient_request_line(tx->state, tx);
	return HTP_OK;
}

static void add_raw(struct http_tx *tx, enum direction d, const htp_tx_data_t *data)
{
	if (data->data && data->len && data->len <= HTTP_RAW_HEADERS_MAX &&
	    tx->raw[d].len + data->len <= HTTP_RAW_HEADERS_MAX)
		blob_add(tx->state->w, &tx->raw[d], data->data, (uint32_t)data->len);
}

static int on_request_header_data(htp_tx_data_t *data)
{
	struct http_tx *tx = tx_of(data->tx);

	if (!tx)
		return without(data->tx);
	add_raw(tx, TO_SERVER, data);
	http_events_flags(tx->state, tx);
	return HTP_OK;
}

static int on_response_header_data(htp_tx_data_t *data)
{
	struct http_tx *tx = tx_of(data->tx);

	if (!tx)
		return without(data->tx);
	add_raw(tx, TO_CLIENT, data);
	return HTP_OK;
}

static int on_request_headers(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	if (htp->request_hostname && bstr_len(htp->request_hostname) && *bstr_ptr(htp->request_hostname) == '/') {
		bstr_free(htp->request_hostname); /* CONNECT with a path: no host */
		htp->request_hostname = NULL;
	}
	progress(tx, TO_SERVER, HTTP_HEADERS);
	http_events_flags(tx->state, tx);
	http_lenient_length(tx);
	http_body_headers(tx->state, tx, TO_SERVER);
	http_contacts(tx->state, tx);
	return HTP_OK;
}

static int on_request_body(htp_tx_data_t *data)
{
	struct http_tx *tx = tx_of(data->tx);

	if (!tx)
		return without(data->tx);
	if (data->len) {
		progress(tx, TO_SERVER, HTTP_BODY);
		http_body_data(tx->state, tx, TO_SERVER, data->data, (uint32_t)data->len);
	}
	return HTP_OK;
}

static int on_request_trailer(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	progress(tx, TO_SERVER, HTTP_TRAILER);
	return HTP_OK;
}

static int on_request_complete(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	tx->state->version_0_9 |= htp->is_protocol_0_9;
	http_events_flags(tx->state, tx);
	http_body_end(tx->state, tx, TO_SERVER);
	if (tx->tx.progress[TO_SERVER] >= HTTP_BODY)
		http_contacts_end(tx->state, tx);
	progress(tx, TO_SERVER, HTTP_COMPLETE);
	frame_end(tx, TO_SERVER);
	return HTP_OK;
}

static int on_response_start(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	frame_begin(tx, TO_CLIENT);
	return HTP_OK;
}

static int on_response_line(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	http_lenient_status_line(tx->state, tx);
	progress(tx, TO_CLIENT, HTTP_LINE);
	return HTP_OK;
}

static int on_response_headers(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	progress(tx, TO_CLIENT, HTTP_HEADERS);
	http_body_headers(tx->state, tx, TO_CLIENT);
	return HTP_OK;
}

static int on_response_body(htp_tx_data_t *data)
{
	struct http_tx *tx = tx_of(data->tx);

	if (!tx)
		return without(data->tx);
	if (data->len && !http_lenient_is_junk(tx->state, tx, data)) {
		tx->open_ended = false;
		progress(tx, TO_CLIENT, HTTP_BODY);
		http_body_data(tx->state, tx, TO_CLIENT, data->data, (uint32_t)data->len);
	}
	return HTP_OK;
}

static int on_response_trailer(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	progress(tx, TO_CLIENT, HTTP_TRAILER);
	return HTP_OK;
}

static int on_response_complete(htp_tx_t *htp)
{
	struct http_tx *tx = tx_of(htp);

	if (!tx)
		return without(htp);
	if (tx->open_ended)
		file_close_all(tx->state->w, &tx->tx, TO_CLIENT, FILE_TRUNCATED);
	http_body_end(tx->state, tx, TO_CLIENT);
	progress(tx, TO_CLIENT, HTTP_COMPLETE);
	frame_end(tx, TO_CLIENT);
	/* A response that nobody asked for: there will be no request. */
	if (htp->request_progress == HTP_REQUEST_COMPLETE || !htp->request_line)
		progress(tx, TO_SERVER, HTTP_COMPLETE);
	http_change_after(tx);
	return HTP_OK;
}

/* libhtp leaves a 101 as it is after its headers: nothing of HTTP/1 comes behind them. */
static void switched(struct http_state *s)
{
	htp_tx_t *htp = htp_connp_get_out_tx(s->connp);
	struct http_tx *tx = htp ? http_tx_of(htp) : NULL;

	if (!tx || htp->response_status_number != 101 || s->change)
		return;
	progress(tx, TO_SERVER, HTTP_COMPLETE);
	on_response_complete(htp);
}

/* ---- worker ---- */

static void options_read(const struct config *c, struct http_options *o)
{
	static const struct config_map none;
	const struct config_map *m = c ? &c->app : &none;

	o->body_limit[TO_SERVER] = config_map_size(m, "http.request_body_limit", 100 * 1024);
	o->body_limit[TO_CLIENT] = config_map_size(m, "http.response_body_limit", 100 * 1024);
	o->limits[TO_SERVER].inspect_min =
		(uint32_t)config_map_size(m, "http.request_body_minimal_inspect_size", 32 * 1024);
	o->limits[TO_SERVER].inspect_window =
		(uint32_t)config_map_size(m, "http.request_body_inspect_window", 4 * 1024);
	o->limits[TO_CLIENT].inspect_min =
		(uint32_t)config_map_size(m, "http.response_body_minimal_inspect_size", 40 * 1024);
	o->limits[TO_CLIENT].inspect_window =
		(uint32_t)config_map_size(m, "http.response_body_inspect_window", 16 * 1024);
	for (int d = 0; d < 2; d++)
		o->limits[d].content_limit = (uint32_t)o->body_limit[d];
	o->layers = (unsigned)config_map_size(m, "http.response_body_decompress_layer_limit", 2);
	http_log_configure(c, &o->log);
	o->double_decode_path = config_map_bool(m, "http.double_decode_path", false);
	o->double_decode_query = config_map_bool(m, "http.double_decode_query", false);
}

static void callbacks_set(htp_cfg_t *cfg)
{
	htp_config_register_request_start(cfg, on_request_start);
	htp_config_register_request_uri_normalize(cfg, on_uri);
	htp_config_register_request_line(cfg, on_request_line);
	htp_config_register_request_header_data(cfg, on_request_header_data);
	htp_config_register_request_headers(cfg, on_request_headers);
	htp_config_register_request_body_data(cfg, on_request_body);
	htp_config_register_request_trailer_data(cfg, on_request_header_data);
	htp_config_register_request_trailer(cfg, on_request_trailer);
	htp_config_register_request_complete(cfg, on_request_complete);
	htp_config_register_response_start(cfg, on_response_start);
	htp_config_register_response_line(cfg, on_response_line);
	htp_config_register_response_header_data(cfg, on_response_header_data);
	htp_config_register_response_headers(cfg, on_response_headers);
	htp_config_register_response_body_data(cfg, on_response_body);
	htp_config_register_response_trailer_data(cfg, on_response_header_data);
	htp_config_register_response_trailer(cfg, on_response_trailer);
	htp_config_register_response_complete(cfg, on_response_complete);
}

static int http_worker_new(struct worker *w)
{
	struct http_worker *h = worker_memory(w, sizeof(*h), 64);

	if (!h)
		return -1;
	w->http = h;
	h->cfg = htp_config_create();
	if (!h->cfg)
		return -1;
	options_read(w->config, &h->options);
	if (htp_config_set_server_personality(h->cfg, HTP_SERVER_IDS) != HTP_OK)
		return -1;
	htp_config_set_convert_lowercase(h->cfg, HTP_DECODER_URL_PATH, 0);
	htp_config_set_field_limits(h->cfg, HTTP_LINE_MAX / 2, HTTP_LINE_MAX);
	htp_config_set_number_headers_limit(h->cfg, HTTP_HEADERS_MAX);
	htp_config_set_log_level(h->cfg, HTP_LOG_WARNING);
	htp_config_set_allow_space_uri(h->cfg, 1);
	htp_config_set_parse_request_cookies(h->cfg, 0);
	htp_config_set_plusspace_decode(h->cfg, HTP_DECODER_URLENCODED, 0);
	htp_config_set_request_decompression(h->cfg, 0); /* by http_body.c */
	htp_config_set_response_decompression(h->cfg, 0);
	callbacks_set(h->cfg);
	return 0;
}

static void http_worker_free(struct worker *w)
{
	struct http_worker *h = w->http;

	if (!h)
		return;
	if (h->cfg)
		htp_config_destroy(h->cfg);
	worker_memory_free(w, h);
	w->http = NULL;
}

/* ---- flows ---- */

static bool http_state_init(struct worker *w, struct flow *f, void *state)
{
	struct http_state *s = state;

	s->connp = htp_connp_create(w->http->cfg);
	if (!s->connp)
		return false;
	htp_connp_set_user_data(s->connp, s);
	htp_connp_open(s->connp, NULL, f->client_port, NULL, f->server_port, NULL);
	return true;
}

static void http_state_clear(struct worker *w, struct flow *f, void *state)
{
	struct http_state *s = state;

	s->w = w;
	s->f = f;
	htp_connp_destroy_all(s->connp);
}

/* Exported by libhtp, but in none of its headers. */
const char *htp_connp_in_state_as_string(htp_connp_t *connp);
const char *htp_connp_out_state_as_string(htp_connp_t *connp);

/* Does libhtp know nothing that a new parser of it would not? It waits for a request, and for no response. */
static bool idle(const struct http_state *s)
{
	const htp_list_t *all = htp_connp_get_connection(s->connp)->transactions;

	if (s->version_0_9 || s->failed[0] | s->failed[1] | s->close_done[0] | s->close_done[1] | s->stopped[0] | s->stopped[1])
		return false;
	if (htp_connp_get_in_tx(s->connp) || htp_connp_get_out_tx(s->connp) ||
	    strcmp(htp_connp_in_state_as_string(s->connp), "REQ_IDLE") != 0 ||
	    strcmp(htp_connp_out_state_as_string(s->connp), "RES_IDLE") != 0)
		return false;
	for (size_t i = 0; i < htp_list_size(all); i++)
		if (htp_list_get(all, i))
			return false;
	return true;
}

/* libhtp's parser is much larger than all else of an idle flow, and points to the state. */
static bool http_state_rest(struct worker *w, void *state)
{
	struct http_state *s = state;

	(void)w;
	if (s->connp && !s->headless && idle(s)) {
		htp_connp_destroy_all(s->connp);
		s->connp = NULL;
	}
	return !s->connp;
}

static void http_tx_free(struct worker *w, struct flow *f, struct tx *base)
{
	struct http_tx *tx = (struct http_tx *)base;

	if (tx->state && tx->state->headless == tx)
		tx->state->headless = NULL;
	http_body_free(w, tx);
	for (int d = 0; d < 2; d++) {
		heap_free(&w->heap, tx->raw[d].data);
		heap_free(&w->heap, tx->header[d].data);
		heap_free(&w->heap, tx->names[d].data);
		heap_free(&w->heap, tx->start[d].data);
		heap_free(&w->heap, tx->fields[d].data);
	}
	heap_free(&w->heap, tx->uri.data);
	heap_free(&w->heap, tx->host.data);
	heap_free(&w->heap, tx->status_line.data);
	if (!tx->htp)
		return;
	/* An unfinished one stays with libhtp, which may still write to it, until the flow ends. */
	htp_tx_set_user_data(tx->htp, (void *)(uintptr_t)&gone);
	if (tx->htp->request_progress == HTP_REQUEST_COMPLETE &&
	    tx->htp->response_progress == HTP_RESPONSE_COMPLETE)
		htp_tx_destroy(tx->htp);
}

static void close_direction(struct http_state *s, enum direction d)
{
	if (s->close_done[d])
		return;
	s->close_done[d] = 1;
	if (d == TO_SERVER) {
		htp_connp_req_close(s->connp, NULL);
	} else {
		http_lenient_close(s);
		htp_connp_close(s->connp, NULL);
	}
	http_events_drain(s, d);
	for (struct tx *tx = s->f->app->first; tx; tx = tx->next)
		file_close_all(s->w, tx, d, FILE_TRUNCATED);
}

static struct parse_result http_parse(struct worker *w, struct flow *f, void *state,
				      enum direction d, const struct app_input *in)
{
	struct parse_result result = {.status = PARSE_OK, .consumed = in->len};
	struct http_state *s = state;
	const void *data = in->flags & INPUT_GAP ? NULL : in->data;
	int rc = HTP_STREAM_DATA;

	if (!s->connp && !http_state_init(w, f, s))
		return (struct parse_result){.status = PARSE_BAD};
	s->w = w;
	s->f = f;
	s->offset = in->offset;
	s->input = (struct bytes){data, data ? in->len : 0};
	if (in->len && !s->failed[d]) {
		if (d == TO_SERVER)
			rc = htp_connp_req_data(s->connp, NULL, data, in->len);
		else if (data)
			rc = http_lost_data(s, in);
		else if (!http_lost_gap(s))
			rc = htp_connp_res_data(s->connp, NULL, NULL, in->len);
		http_events_drain(s, d);
		s->stopped[d] = rc != HTP_STREAM_DATA;
	}
	if (rc == HTP_STREAM_TUNNEL && d == TO_CLIENT)
		switched(s);
	if (rc == HTP_STREAM_DATA_OTHER || rc == HTP_STREAM_TUNNEL) {
		result.consumed = (uint32_t)(d == TO_SERVER ? htp_connp_req_data_consumed(s->connp)
							    : htp_connp_res_data_consumed(s->connp));
		if (result.consumed < in->len && !http_change_skips(s, d, result.consumed))
			result.status = PARSE_MORE;
		else
			result.consumed = in->len;
	} else if (rc == HTP_STREAM_CLOSED && !data) {
		/* A gap that libhtp cannot place (in headers): it goes on behind it as if it were not. */
	} else if (rc != HTP_STREAM_DATA) {
		/* The other side may well be understood, and says what became of it. */
		s->failed[d] = 1;
		if (s->failed[direction_other(d)] || s->transactions > HTTP_FLOW_TRANSACTIONS_MAX)
			result.status = PARSE_BAD;
	}
	if (in->flags & INPUT_END)
		close_direction(s, d);
	http_change_now(s);
	return result;
}

const struct proto proto_http = {
	.name = "http",
	.id = APP_http,
	.over_tcp = 1,
	.over_sctp = 1,
	.shows_past = 1,
	.done = {HTTP_COMPLETE, HTTP_COMPLETE},
	.max_pending_bytes = 64 * 1024,
	.max_transactions = HTTP_TRANSACTIONS_MAX,
	.too_many_event = HTTP_EVENT_TOO_MANY_TRANSACTIONS,
	.worker_new = http_worker_new,
	.worker_free = http_worker_free,
	.probe = http_probe,
	.state_bytes = sizeof(struct http_state),
	.state_init = http_state_init,
	.state_clear = http_state_clear,
	.state_rest = http_state_rest,
	.parse = http_parse,
	.tx_free = http_tx_free,
	.log = http_log,
	.alert_context = http_alert_context,
	.events = http_event_names,
	.buffers = http_buffers,
	.values = NULL,
};

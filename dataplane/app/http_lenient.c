/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/1: where servers and browsers take more than libhtp does, and what would be missed
 * otherwise. Each function is called by one of libhtp's callbacks (http.c) and changes what libhtp
 * is about to do.
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/http.h"

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What stands behind the line in hand. */
static struct bytes rest(const struct http_state *s, enum direction d)
{
	int64_t consumed = d == TO_SERVER ? (int64_t)htp_connp_req_data_consumed(s->connp)
					  : (int64_t)htp_connp_res_data_consumed(s->connp);

	if (!s->input.data || consumed < 0 || (uint64_t)consumed > s->input.len)
		return (struct bytes){NULL, 0};
	return (struct bytes){s->input.data + consumed, s->input.len - (uint32_t)consumed};
}

/* "sip:alice@host": what follows the scheme is whom it is for, not a path. */
void http_lenient_uri(struct http_tx *tx)
{
	htp_uri_t *uri = tx->htp->parsed_uri;

	if (!uri || !uri->scheme || uri->hostname || !uri->path || !bstr_len(uri->path) ||
	    *bstr_ptr(uri->path) == '/')
		return;
	uri->hostname = uri->path;
	uri->path = NULL;
}

/* A request line without a protocol is HTTP/0.9 when nothing follows; else its protocol is missing,
 * and headers follow. libhtp looks for a colon. */
void http_lenient_request_line(struct http_state *s, struct http_tx *tx)
{
	struct bytes after = rest(s, TO_SERVER);
	uint32_t spaces = 0;

	if (!tx->htp->is_protocol_0_9)
		return;
	while (spaces < after.len && is_space(after.data[spaces]))
		spaces++;
	if (spaces == after.len && spaces <= HTTP_JUNK_MAX)
		return;
	tx->htp->is_protocol_0_9 = 0;
	http_event(s, tx, TO_SERVER, HTTP_EVENT_LINE_NO_PROTOCOL);
}

/* A Content-Length of more than 63 bits: whoever reads 64 waits for such a body, and what follows is in it.
 * libhtp gives the request up. */
void http_lenient_length(struct http_tx *tx)
{
	htp_tx_t *htp = tx->htp;
	struct bytes length = http_field(tx, TO_SERVER, "content-length");

	if (!(htp->flags & HTP_REQUEST_INVALID_C_L) || htp->flags & HTP_REQUEST_INVALID_T_E ||
	    !length.data || !length.len)
		return;
	for (uint32_t i = 0; i < length.len; i++)
		if (length.data[i] < '0' || length.data[i] > '9')
			return;
	htp->flags &= ~HTP_REQUEST_INVALID;
	htp->request_transfer_coding = HTP_CODING_IDENTITY;
	htp->request_content_length = INT64_MAX;
}

/* A second "100 Continue" ends libhtp's parsing. */
void http_lenient_status_line(struct http_state *s, struct http_tx *tx)
{
	if (tx->htp->response_status_number != 100 || !tx->htp->seen_100continue)
		return;
	tx->htp->seen_100continue = 0;
	http_event(s, tx, TO_CLIENT, HTTP_EVENT_CONTINUE_TWICE);
}

/* A line that is no status line, in front of what looks like one, or an empty line: libhtp takes it
 * for the body's first bytes. */
bool http_lenient_is_junk(struct http_state *s, struct http_tx *tx, const htp_tx_data_t *data)
{
	struct bytes after = rest(s, TO_CLIENT);
	size_t len = data->len;

	if (tx->htp->response_progress != HTP_RESPONSE_LINE || tx->htp->is_protocol_0_9 || !data->data)
		return false;
	while (len && (data->data[len - 1] == '\r' || data->data[len - 1] == '\n'))
		len--;
	if (after.len < 2 || (after.data[0] != 'H' && len > 2))
		return false;
	tx->htp->response_message_len -= (int64_t)data->len;
	tx->htp->response_entity_len -= (int64_t)data->len;
	return true;
}

/* The last line that ended is empty, and ended with CR. */
static bool ended_by_cr(const struct blob *headers)
{
	uint32_t at = headers->len;

	while (at && headers->data[at - 1] != '\r' && headers->data[at - 1] != '\n')
		at--;
	return at >= 2 && headers->data[at - 1] == '\r' && headers->data[at - 2] == '\r';
}

/* A body that began where a status line was awaited, and after whose last line one still is (an empty line
 * came): nothing said that it is over. libhtp would complete it, unless it still holds half a line.
 * Headers that a line of CR alone ends: libhtp takes what it holds behind it as the body now, and would
 * refuse it for want of a coding. */
void http_lenient_close(struct http_state *s)
{
	for (struct tx *base = s->f->app->first; base; base = base->next) {
		struct http_tx *tx = (struct http_tx *)base;

		if (!tx->htp)
			continue;
		tx->open_ended = tx->htp->response_progress == HTP_RESPONSE_LINE && !tx->htp->is_protocol_0_9;
		if (tx->htp->response_progress == HTP_RESPONSE_HEADERS &&
		    tx->htp->response_content_encoding_processing == HTP_COMPRESSION_UNKNOWN &&
		    ended_by_cr(&tx->raw[TO_CLIENT]))
			tx->htp->response_content_encoding_processing = HTP_COMPRESSION_NONE;
	}
}

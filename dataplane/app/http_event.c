/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What libhtp complains about, as events with the names that rules know. libhtp says most in log
 * messages and some in flags. Messages are kept by libhtp for as long as the connection lives: they
 * are taken from it and freed after every call.
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/http.h"

const char *const http_event_names[] = {
#define EVENT(id, name) name,
#include "dataplane/event/app_event/http.def"
#undef EVENT
	NULL,
};

/* First the longer of two that begin alike. */
static const struct {
	const char *begin;
	uint8_t event;
} messages[] = {
	{"Request field invalid: colon missing", HTTP_EVENT_REQUEST_COLON},
	{"Response field invalid: missing colon", HTTP_EVENT_RESPONSE_COLON},
	{"Request field invalid", HTTP_EVENT_REQUEST_HEADER_INVALID},
	{"Response field invalid", HTTP_EVENT_RESPONSE_HEADER_INVALID},
	{"Request header name is not a token", HTTP_EVENT_REQUEST_HEADER_INVALID},
	{"Response header name is not a token", HTTP_EVENT_RESPONSE_HEADER_INVALID},
	{"Response header value contains null", HTTP_EVENT_RESPONSE_HEADER_INVALID},
	{"Request chunk encoding: Invalid chunk length", HTTP_EVENT_REQUEST_CHUNK_LEN},
	{"Response chunk encoding: Invalid chunk length", HTTP_EVENT_RESPONSE_CHUNK_LEN},
	{"Invalid C-L field in response", HTTP_EVENT_RESPONSE_CL},
	{"Ambiguous request C-L value", HTTP_EVENT_REQUEST_CL_TWICE},
	{"Ambiguous response C-L value", HTTP_EVENT_RESPONSE_CL_TWICE},
	{"Already seen 100-Continue", HTTP_EVENT_CONTINUE_TWICE},
	{"Unable to match response to request", HTTP_EVENT_UNMATCHED_RESPONSE},
	{"Request buffer over the limit", HTTP_EVENT_REQUEST_TOO_LONG},
	{"Request field length exceeds folded maximum", HTTP_EVENT_REQUEST_TOO_LONG},
	{"Response the buffer limit", HTTP_EVENT_RESPONSE_TOO_LONG},
	{"Response field length exceeds folded maximum", HTTP_EVENT_RESPONSE_TOO_LONG},
	{"C-T multipart/byteranges in responses", HTTP_EVENT_RESPONSE_BYTERANGES},
	{"Invalid request field folding", HTTP_EVENT_REQUEST_FOLDING},
	{"Invalid response field folding", HTTP_EVENT_RESPONSE_FOLDING},
	{"Request line: URI contains non-compliant delimiter", HTTP_EVENT_URI_DELIMITER},
	{"Request line: non-compliant delimiter between Method", HTTP_EVENT_METHOD_DELIMITER},
	{"Request line: leading whitespace", HTTP_EVENT_LINE_LEADING_SPACE},
	{"Request line: missing protocol", HTTP_EVENT_LINE_NO_PROTOCOL},
	{"Request line incomplete", HTTP_EVENT_LINE_INCOMPLETE},
	{"Transfer-encoding has abnormal chunked value", HTTP_EVENT_RESPONSE_TE_ABNORMAL},
	{"Chunked transfer-encoding on HTTP/0.9 or", HTTP_EVENT_RESPONSE_CHUNKED_OLD},
	{"Invalid response line: invalid protocol", HTTP_EVENT_RESPONSE_PROTOCOL},
	{"Invalid response line: invalid response status", HTTP_EVENT_RESPONSE_STATUS},
	{"Unexpected request body", HTTP_EVENT_BODY_UNEXPECTED},
	{"Too many request headers", HTTP_EVENT_REQUEST_HEADERS},
	{"Too many response headers", HTTP_EVENT_RESPONSE_HEADERS},
};

void http_event(struct http_state *s, struct http_tx *tx, enum direction d, enum http_event e)
{
	if (!tx)
		return;
	for (unsigned i = 0; i < tx->tx.event_count && i < TX_EVENTS_MAX; i++)
		if (tx->tx.events[i] == e)
			return;
	tx_event(s->w, s->f, &tx->tx, d, e);
}

/* The transaction a complaint is about: libhtp's own idea, else the latest. */
static struct http_tx *message_tx(struct http_state *s, const htp_log_t *log)
{
	struct http_tx *tx = log->tx ? http_tx_of(log->tx) : NULL;

	return tx ? tx : (struct http_tx *)s->f->app->last;
}

static void message_event(struct http_state *s, enum direction d, const htp_log_t *log)
{
	if (s->messages >= HTTP_MESSAGES_MAX) {
		if (s->messages++ == HTTP_MESSAGES_MAX)
			http_event(s, message_tx(s, log), d, HTTP_EVENT_TOO_MANY_WARNINGS);
		return;
	}
	s->messages++;
	for (unsigned i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (strncmp(log->msg, messages[i].begin, strlen(messages[i].begin)) == 0) {
			http_event(s, message_tx(s, log), d, messages[i].event);
			return;
		}
	}
}

void http_events_drain(struct http_state *s, enum direction d)
{
	htp_list_t *list = htp_connp_get_connection(s->connp)->messages;
	size_t count = htp_list_size(list);

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++) {
		htp_log_t *log = htp_list_get(list, i);

		message_event(s, d, log);
		free((void *)log->msg);
		free(log);
	}
	htp_list_clear(list);
	htp_connp_clear_error(s->connp);
}

static const struct {
	uint64_t flag;
	uint8_t event;
} flags[] = {
	{HTP_REQUEST_INVALID_T_E, HTTP_EVENT_REQUEST_TE},
	{HTP_REQUEST_INVALID_C_L, HTTP_EVENT_REQUEST_CL},
	{HTP_HOST_MISSING, HTTP_EVENT_HOST_MISSING},
	{HTP_HOST_AMBIGUOUS, HTTP_EVENT_HOST_AMBIGUOUS},
	{HTP_HOSTU_INVALID, HTTP_EVENT_URI_HOST_INVALID},
	{HTP_HOSTH_INVALID, HTTP_EVENT_HEADER_HOST_INVALID},
};

void http_events_flags(struct http_state *s, struct http_tx *tx)
{
	uint64_t fresh = tx->htp->flags & ~tx->flags_seen;

	tx->flags_seen |= fresh;
	for (unsigned i = 0; fresh && i < sizeof(flags) / sizeof(flags[0]); i++)
		if (fresh & flags[i].flag)
			http_event(s, tx, TO_SERVER, flags[i].event);
	if (tx->htp->request_auth_type == HTP_AUTH_UNRECOGNIZED)
		http_event(s, tx, TO_SERVER, HTTP_EVENT_AUTH_UNRECOGNIZED);
	if (tx->htp->is_protocol_0_9 && tx->htp->request_method_number == HTP_M_UNKNOWN &&
	    (tx->htp->request_protocol_number == HTP_PROTOCOL_INVALID ||
	     tx->htp->request_protocol_number == HTP_PROTOCOL_UNKNOWN))
		http_event(s, tx, TO_SERVER, HTTP_EVENT_LINE_INVALID);
}

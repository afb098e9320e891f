/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/1: answers whose beginning was lost. libhtp goes on behind a gap in a head as if there were none: what comes next
 * it takes for lines, without those that are empty, and the head of the next answer for more of this one, so that all
 * later answers belong to the wrong requests. Here what comes behind the gap is the body of the answer that is waited
 * for, until bytes begin as an answer does, or more is lost and a further request waits. Likewise the first bytes of a
 * flow met midway.
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/http.h"

/* The first transaction that has not had all of its answer; NULL: none. */
static struct http_tx *waiting(const struct http_state *s)
{
	for (struct tx *tx = s->f->app->first; tx; tx = tx->next) {
		struct http_tx *t = (struct http_tx *)tx;

		if (t->htp && t->htp->response_progress < HTP_RESPONSE_COMPLETE)
			return t;
	}
	return NULL;
}

static bool begins_answer(const struct app_input *in)
{
	static const char begin[] = "HTTP/";
	uint32_t at = 0;

	while (at < in->len && (in->data[at] == '\r' || in->data[at] == '\n'))
		at++;
	return in->len - at >= sizeof(begin) - 1 && memcmp(in->data + at, begin, sizeof(begin) - 1) == 0;
}

static bool further_request(const struct http_tx *t)
{
	const struct http_tx *next = (const struct http_tx *)t->tx.next;

	return next && next->htp && next->htp->request_progress >= HTP_REQUEST_HEADERS;
}

static void end(struct http_state *s)
{
	htp_tx_t *htp = s->headless->htp;

	s->headless = NULL;
	if (htp)
		htp_tx_state_response_complete(htp);
}

bool http_lost_gap(struct http_state *s)
{
	struct http_tx *t = s->headless;

	if (t && !further_request(t))
		return false; /* of its body */
	if (t)
		end(s);
	t = waiting(s);
	s->head_lost = t && t->htp->response_progress == HTP_RESPONSE_NOT_STARTED;
	return s->head_lost;
}

int http_lost_data(struct http_state *s, const struct app_input *in)
{
	struct http_tx *t = NULL;
	int rc;

	if (s->headless && begins_answer(in))
		end(s);
	if (in->flags & INPUT_START && s->f->flags & FLOW_MIDSTREAM)
		s->head_lost = true;
	if (s->head_lost && !begins_answer(in))
		t = waiting(s);
	s->head_lost = false;
	if (!t || t->htp->response_progress != HTP_RESPONSE_NOT_STARTED || t->htp->is_protocol_0_9)
		return htp_connp_res_data(s->connp, NULL, in->data, in->len);
	/* As HTTP/0.9 is answered. */
	s->headless = t;
	t->htp->is_protocol_0_9 = 1;
	rc = htp_connp_res_data(s->connp, NULL, in->data, in->len);
	if (s->headless && t->htp)
		t->htp->is_protocol_0_9 = 0;
	return rc;
}

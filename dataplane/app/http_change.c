/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/1: what follows a good CONNECT or an upgrade is another protocol. Runs in a worker of the
 * dataplane process.
 */
#include "dataplane/app/http.h"

static uint32_t carry_add(uint8_t *to, uint32_t at, uint32_t room, struct bytes b)
{
	uint32_t n = b.len < room - at - 2 ? b.len : room - at - 2;

	to[at] = (uint8_t)(n >> 8);
	to[at + 1] = (uint8_t)n;
	if (n)
		memcpy(to + at + 2, b.data, n);
	return at + 2 + n;
}

/* The request goes on as a stream of HTTP/2 (http2_upgrade.c says how it is handed over). */
static void carry_request(struct http_state *s, struct http_tx *tx)
{
	uint8_t carry[HTTP_CARRY_MAX];
	uint32_t n = carry_add(carry, 0, sizeof(carry) - 6, http_bytes(tx->htp->request_method));

	n = carry_add(carry, n, sizeof(carry) - 4, http_bytes(tx->htp->request_uri));
	n = carry_add(carry, n, sizeof(carry) - 2, http_field(tx, TO_SERVER, "host"));
	n = carry_add(carry, n, sizeof(carry), http_field(tx, TO_SERVER, "http2-settings"));
	app_carry(s->w, s->f, carry, n);
}

static enum app_proto upgraded_to(struct http_state *s, struct http_tx *tx)
{
	struct bytes to = http_field(tx, TO_CLIENT, "upgrade");

	if (!bytes_are(to, "h2c"))
		return bytes_are(to, "websocket") ? app_proto_by_name("websocket") : APP_UNKNOWN;
	carry_request(s, tx);
	return app_proto_by_name("http2");
}

void http_change_after(struct http_tx *tx)
{
	struct http_state *s = tx->state;
	const htp_tx_t *htp = tx->htp;
	int status = htp->response_status_number;

	if (htp->request_method_number == HTP_M_CONNECT) {
		if (status >= 200 && status <= 299) {
			s->change = true;
			s->change_to = APP_UNKNOWN;
			s->f->app->behind_port = http_port_behind(htp);
		}
	} else if (status == 101 && http_field(tx, TO_CLIENT, "upgrade").data) {
		s->change = true;
		s->change_to = (uint8_t)upgraded_to(s, tx);
	}
}

void http_change_now(struct http_state *s)
{
	if (!s->change)
		return;
	s->change = false;
	if (!app_change_protocol(s->w, s->f, (enum app_proto)s->change_to))
		http_event(s, (struct http_tx *)s->f->app->last, TO_CLIENT, HTTP_EVENT_CHANGE_FAILED);
}

bool http_change_skips(const struct http_state *s, enum direction d, uint32_t consumed)
{
	if (d == TO_CLIENT || !s->input.data)
		return false;
	for (uint32_t i = consumed; i < s->input.len; i++)
		if (s->input.data[i] != '\r' && s->input.data[i] != '\n')
			return false;
	return true;
}

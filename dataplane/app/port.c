/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Is a protocol at home on the port where it was found, and is it what the port promises (port.def)? Asked once a
 * flow, of what it begins with: not of what another flow announced, nor of what comes after STARTTLS, CONNECT or an
 * upgrade; behind a SOCKS proxy the port is the one that the proxy was asked for. Runs in the worker that owns the
 * flow.
 */
#include "dataplane/app/app_state.h"

enum home_transport { TCP = 6, UDP = 17, ANY = 0 };

static const struct home {
	uint8_t proto; /* enum app_proto */
	uint8_t transport;
	bool promise;
	uint16_t from, to;
} homes[] = {
#define HOME(proto, transport, from, to, promise) {APP_##proto, transport, promise, from, to},
#include "dataplane/app/port.def"
#undef HOME
};

#define HOMES (sizeof(homes) / sizeof(homes[0]))

/* What HTTP turns into is at home where HTTP is, and not asked at all where it comes later. */
static uint8_t family(enum app_proto proto)
{
	return proto == APP_http2 || proto == APP_doh2 || proto == APP_websocket ? APP_http : (uint8_t)proto;
}

static bool holds(const struct home *h, uint8_t transport, uint16_t port)
{
	return port >= h->from && port <= h->to && (!h->transport || h->transport == transport);
}

static uint8_t transport_of(const struct flow *f)
{
	return app_ordered(f) ? TCP : UDP;
}

/* Which side is the server is known of a connection whose start was seen. */
static bool may_be_reversed(const struct flow *f)
{
	return !app_ordered(f) || f->flags & FLOW_MIDSTREAM;
}

static bool is_asked(const struct worker *w, const struct flow *f)
{
	const struct app_session *s = f->app;

	return w->config && w->config->app_ports &&
	       (!s || (!s->announced && s->proto_original == APP_UNKNOWN && s->proto_expected == APP_UNKNOWN));
}

void app_port_found(const struct worker *w, struct flow *f, enum app_proto proto)
{
	uint8_t transport = transport_of(f), is = family(proto);
	uint16_t port = app_server_port(f);
	bool housed = false, promised = false;

	if (!is_asked(w, f))
		return;
	for (size_t i = 0; i < HOMES; i++) {
		const struct home *h = &homes[i];

		housed |= h->proto == is;
		if (h->proto == is && (holds(h, transport, port) || (may_be_reversed(f) && holds(h, transport, f->client_port))))
			return;
		promised |= h->promise && holds(h, transport, port);
	}
	if (promised)
		app_note(f, APP_EVENT_NOT_WHAT_THE_PORT_PROMISES);
	else if (housed)
		app_note(f, APP_EVENT_PROTOCOL_ON_UNUSUAL_PORT);
}

void app_port_failed(struct worker *w, struct flow *f)
{
	uint8_t transport = transport_of(f);
	uint16_t port = app_server_port(f);

	if (!is_asked(w, f))
		return;
	for (size_t i = 0; i < HOMES; i++)
		if (homes[i].promise && holds(&homes[i], transport, port)) {
			if (app_session_of(w, f))
				app_note(f, APP_EVENT_NOT_WHAT_THE_PORT_PROMISES);
			return;
		}
}

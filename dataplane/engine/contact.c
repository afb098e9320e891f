/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/contact.h"

#include "dataplane/app/app.h"
#include "dataplane/engine/emit.h"
#include "dataplane/engine/home.h"
#include "dataplane/engine/intel.h"
#include "dataplane/event/service.h"

#define NS_PER_S 1000000000ull
#define DUE_BEGIN 0u /* contact_due_s: not even its begin is written */

/* The two ends of a contact: who is remembered, and with whom. */
struct ends {
	const struct addr *client, *server;
	uint16_t port;        /* remembered: the service's */
	uint16_t server_port; /* of .server, for what is known bad at one port only; 0: none */
	bool from_outside;    /* the client is the inside server of a flow from outside */
	bool swapped;         /* the client is the flow's server: bytes go the other way */
};

static uint32_t due_s(const struct worker *w, uint64_t from_ns)
{
	uint64_t every = w->config->contacts_checkpoint;

	return every ? (uint32_t)((from_ns + NS_PER_S - 1) / NS_PER_S + every) : UINT32_MAX;
}

/* Is the inside host the one that did not begin? */
static bool outside_in(const struct worker *w, const struct flow *f, bool turned)
{
	const struct addr *client = turned ? &f->server : &f->client, *server = turned ? &f->client : &f->server;

	return !home_inside(w->home, client, f->ip_version) && home_inside(w->home, server, f->ip_version);
}

static struct ends ends_of(const struct flow *f, bool turned, bool from_outside)
{
	struct ends e = {
		.client = turned ? &f->server : &f->client,
		.server = turned ? &f->client : &f->server,
		.port = turned ? f->client_port : f->server_port,
		.swapped = turned,
	};
	const struct addr *inside;

	e.server_port = e.port;
	if (from_outside) {
		inside = e.server;
		e.server = e.client;
		e.client = inside;
		e.server_port = 0;
		e.from_outside = true;
		e.swapped = !turned;
	}
	return e;
}

static struct recorder *record_head(struct worker *w, const struct flow *f)
{
	struct recorder *r = emit_flow(w, RECORD_contact, f, TO_SERVER, RECORD_NO_TX, NULL);

	/* on a tap bytes are looked at when they are acknowledged; contacted was when they were sent */
	if (w->sent_ns)
		((struct record_head *)r->at)->ts_ns = w->sent_ns;
	return r;
}

static struct recorder *record_begin(struct worker *w, const struct flow *f, unsigned kind,
				     const void *value, size_t len)
{
	struct recorder *r = record_head(w, f);

	rec_uint(r, F_contact_kind, kind);
	rec_bytes(r, F_contact_value, value, len);
	return r;
}

#define ENDS_BYTES 64u /* at most */

/* Whom the client has to do with, by address. */
static uint8_t *put_ends(uint8_t *at, const struct flow *f, const struct ends *e)
{
	at = rec_put_uint(at, F_contact_kind, CONTACT_IP);
	at = rec_put_addr(at, F_contact_value, e->server, f->ip_version);
	at = rec_put_addr(at, F_contact_client, e->client, f->ip_version);
	return rec_put_uint(at, F_contact_port, e->port);
}

static void put_service(struct recorder *r, const struct flow *f)
{
	const struct flow_notes *notes = flow_cold(f)->notes;

	if (notes && notes->service)
		rec_text(r, F_contact_service, service_names[notes->service]);
	else if (f->app_proto > APP_FAILED)
		rec_text(r, F_contact_service, app_proto_names[f->app_proto]);
}

static size_t addr_bytes(const struct flow *f)
{
	return f->ip_version == 6 ? 16 : 4;
}

/* In a flow from outside: names and certificates are those of the inside server; what the visitor
 * showed of itself is what that server had to do with; of files the flow's client is remembered,
 * as it sent or got them. */
static bool of_no_client(unsigned kind)
{
	switch (kind) {
	case CONTACT_DOMAIN:
	case CONTACT_URL:
	case CONTACT_SNI:
	case CONTACT_CERT_SHA1:
	case CONTACT_CERT_SHA256:
		return true;
	default:
		return false;
	}
}

static bool is_file(unsigned kind)
{
	return kind == CONTACT_FILE_MD5 || kind == CONTACT_FILE_SHA1 || kind == CONTACT_FILE_SHA256;
}

void contact_add(struct worker *w, struct flow *f, const struct contact *c)
{
	struct ends e = ends_of(f, false, outside_in(w, f, false));
	const struct addr *client = e.client;
	uint8_t version = f->ip_version;
	uint16_t behind = c->port ? c->port : f->app ? f->app->behind_port : 0; /* a proxy */
	uint16_t port = e.from_outside ? 0 : behind ? behind : f->server_port;
	struct recorder *r;

	if (e.from_outside && of_no_client(c->kind))
		return;
	if (e.from_outside && is_file(c->kind))
		client = &f->client;
	if (c->client) {
		client = c->client;
		version = c->client_version;
	}
	if (w->indicators && !c->goes_on)
		intel_contact(w, f, c->kind, c->value, c->len, port);
	if (!w->config->contacts)
		return;
	r = record_begin(w, f, c->kind, c->value, c->len);
	rec_addr(r, F_contact_client, client, version);
	rec_uint(r, F_contact_port, behind ? behind : e.port);
	if (c->goes_on)
		rec_uint(r, F_contact_goes_on, 1);
	emit_end(w);
}

void emit_contact(struct worker *w, struct flow *f, unsigned kind, const void *value, size_t len)
{
	const struct contact c = {.kind = kind, .value = value, .len = len};

	contact_add(w, f, &c);
}

static void begins(struct worker *w, const struct flow *f, const struct ends *e)
{
	struct recorder *r = record_head(w, f);
	uint8_t *at = rec_room(r, ENDS_BYTES);

	((struct record_head *)(void *)r->at)->ts_ns = flow_cold(f)->start_ns;
	if (at)
		rec_filled(r, put_ends(at, f, e));
	emit_end(w);
}

void contact_begin(struct worker *w, struct flow *f, bool turned, bool may_wait)
{
	bool outside = outside_in(w, f, turned);
	struct ends e = ends_of(f, turned, outside);

	if (outside)
		f->flags |= FLOW_CONTACT_OUTSIDE;
	f->contact_due_s = due_s(w, w->now_ns);
	if (turned)
		f->flags |= FLOW_CONTACT_TURNED;
	if (w->indicators)
		intel_contact(w, f, CONTACT_IP, e.server->b, addr_bytes(f), e.server_port);
	if (!w->config->contacts)
		return;
	if (may_wait)
		f->contact_due_s = DUE_BEGIN;
	else
		begins(w, f, &e);
}

/* Its record waited, and now more comes than that it began. */
static void begins_late(struct worker *w, struct flow *f, const struct ends *e)
{
	f->contact_due_s = due_s(w, flow_cold(f)->start_ns);
	begins(w, f, e);
}

/* The contact goes on until the last packet of its ends; bytes since the last record. whole: this is the only one of
 * it. */
static void goes_on(struct worker *w, struct flow *f, const struct ends *e, bool whole)
{
	const struct flow_notes *notes = flow_cold(f)->notes;
	uint64_t told[2] = {0, 0};
	struct recorder *r;
	uint8_t *at;

	if (notes)
		memcpy(told, notes->told_bytes, sizeof(told));
	r = record_head(w, f);
	((struct record_head *)(void *)r->at)->ts_ns =
		f->flags & FLOW_REPORTED_LAST ? notes->own_last_ns : f->last_ns;
	at = rec_room(r, ENDS_BYTES + 3 * 16);
	if (at) {
		at = put_ends(at, f, e);
		if (!whole)
			at = rec_put_uint(at, F_contact_goes_on, 1);
		at = rec_put_uint(at, F_contact_bytes_out, f->bytes[e->swapped] - told[e->swapped]);
		rec_filled(r, rec_put_uint(at, F_contact_bytes_in, f->bytes[!e->swapped] - told[!e->swapped]));
	}
	put_service(r, f);
	emit_end(w);
}

void contact_checkpoint(struct worker *w, struct flow *f)
{
	struct ends e = ends_of(f, f->flags & FLOW_CONTACT_TURNED, f->flags & FLOW_CONTACT_OUTSIDE);

	if (f->contact_due_s == DUE_BEGIN)
		begins_late(w, f, &e);
	if (w->now_ns < f->contact_due_s * NS_PER_S)
		return;
	f->contact_due_s = due_s(w, w->now_ns);
	/* What became known bad since the flow began. */
	if (w->indicators)
		intel_contact(w, f, CONTACT_IP, e.server->b, addr_bytes(f), e.server_port);
	/* Without memory to say what was told, all is told at the end. */
	if (!w->config->contacts || !flow_notes(w, f))
		return;
	goes_on(w, f, &e, false);
	memcpy(flow_cold(f)->notes->told_bytes, f->bytes, sizeof(f->bytes));
}

void contact_end(struct worker *w, struct flow *f)
{
	struct ends e = ends_of(f, f->flags & FLOW_CONTACT_TURNED, f->flags & FLOW_CONTACT_OUTSIDE);

	bool whole = f->contact_due_s == DUE_BEGIN && f->last_ns == flow_cold(f)->start_ns;

	if (w->config->contacts) {
		if (f->contact_due_s == DUE_BEGIN && !whole)
			begins_late(w, f, &e);
		goes_on(w, f, &e, whole);
	}
	heap_free(&w->heap, flow_cold(f)->notes);
	flow_cold(f)->notes = NULL;
}

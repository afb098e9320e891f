/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on transactions that are no buffers, and what rules do to them. Runs in the workers.
 */
#include <string.h>
#include <strings.h>

#include "dataplane/app/dcerpc.h"
#include "dataplane/app/file.h"
#include "dataplane/app/tls.h"
#include "dataplane/detect/match.h"

int app_event_find(const char *name)
{
	for (int e = 0; e < APP_EVENT_COUNT; e++)
		if (strcasecmp(app_event_names[e], name) == 0)
			return e;
	return -1;
}

bool match_app_layer_event(const struct match_context *c, const struct match *m)
{
	const struct tx *tx = c->tx;

	if (!*m->u.event.proto) { /* of the protocol's detection, about the packet in hand */
		int e = app_event_find(m->u.event.name);

		return e >= 0 && c->f && app_has_event(c->f, (enum app_event)e);
	}
	if (!tx || !c->proto || !c->proto->events)
		return false;
	for (unsigned i = 0; i < tx->event_count && i < TX_EVENTS_MAX; i++)
		if (strcasecmp(c->proto->events[tx->events[i]], m->u.event.name) == 0)
			return true;
	return false;
}

/* While a file still grows only a lower bound can be judged. One that ended early stays so. */
static bool size_holds(const struct file *f, const struct number_test *test)
{
	if (f->flags & FILE_HIDDEN)
		return false;
	if (f->state != FILE_CLOSED && test->op != NUMBER_GREATER &&
	    test->op != NUMBER_GREATER_EQUAL)
		return false;
	return number_test_holds(test, f->size);
}

const struct file *match_files(const struct match_context *c)
{
	const struct file *f = c->tx ? c->tx->files[c->p->direction & 1] : NULL;
	unsigned skip = c->file_skip;

	for (; f && (skip || (f->flags & FILE_HIDDEN)); f = f->next)
		if (!(f->flags & FILE_HIDDEN))
			skip--;
	return f;
}

/* Judged against the files of the direction in hand. */
bool match_filesize(const struct match_context *c, const struct match *m)
{
	for (const struct file *f = match_files(c); f; f = f->next)
		if (size_holds(f, &m->u.number))
			return true;
	return false;
}

/* Records that are not to be written. */
bool post_config(const struct match_context *c, const struct match *m)
{
	uint32_t bits = m->u.word.bits;

	if (bits & CONFIG_TRACKING) {
		c->p->flags |= PACKET_NO_FLOW;
	} else if (bits & CONFIG_FLOW_LOG) {
		if (c->f)
			c->f->flags |= FLOW_LOG_OFF;
	} else if (bits & CONFIG_WHOLE_FLOW) {
		if (c->f)
			c->f->flags |= FLOW_TX_LOG_OFF;
	} else if (c->tx) {
		c->tx->log_off = 1;
	}
	return true;
}

bool post_tls_store(const struct match_context *c, const struct match *m)
{
	struct app_session *app = c->f ? c->f->app : NULL;
	/* a connection is one transaction; a rule on its packets means it too */
	struct tx *tx = c->tx ? c->tx : app ? app->first : NULL;

	if (tx && app && app->proto && app->proto->id == APP_tls)
		tls_store(c->w, c->f, tx, c->p);
	return true;
}

/* There is no netfilter queue whose packets could be marked; the rule is what it is without. */
bool post_nfq_set_mark(const struct match_context *c, const struct match *m)
{
	return true;
}

/* ">": the rule is bound to wait for it. "<": to hold before it (app_check.before). */
bool match_app_layer_state(const struct match_context *c, const struct match *m)
{
	return c->tx != NULL;
}

/* ---- certificates ---- */

/* Old forms: the text stands in the first certificate's. Nothing is said where there is none. */
static bool text_in(const struct match_context *c, const struct match *m, const char *buffer)
{
	const char *text = m->u.word.text;
	size_t n = strlen(text);
	struct buffer_view v;

	for (const struct proto_buffer *b = c->proto ? c->proto->buffers : NULL; b && b->name; b++)
		if (strcmp(b->name, buffer) == 0)
			return b->get(c->w, c->f, c->tx, (enum direction)c->p->direction, 0, &v) &&
			       (memmem(v.data, v.len, text, n) != NULL) != m->u.word.negated;
	return false;
}

bool match_tls_subject(const struct match_context *c, const struct match *m)
{
	return text_in(c, m, "tls.cert_subject");
}

bool match_tls_issuerdn(const struct match_context *c, const struct match *m)
{
	return text_in(c, m, "tls.cert_issuer");
}

bool match_tls_fingerprint(const struct match_context *c, const struct match *m)
{
	return text_in(c, m, "tls.cert_fingerprint");
}

/* The end of the first certificate's validity, in seconds. False: there is none. */
static bool not_after(const struct match_context *c, uint64_t *out)
{
	for (const struct proto_value *v = c->proto ? c->proto->values : NULL; v && v->name; v++)
		if (strcmp(v->name, "tls_cert_notafter") == 0)
			return v->get(c->w, c->f, c->tx, (enum direction)c->p->direction, out);
	return false;
}

bool match_tls_cert_expired(const struct match_context *c, const struct match *m)
{
	uint64_t end;

	return not_after(c, &end) && (int64_t)(c->w->now_ns / 1000000000u) > (int64_t)end;
}

bool match_tls_cert_valid(const struct match_context *c, const struct match *m)
{
	uint64_t end;

	return not_after(c, &end) && (int64_t)(c->w->now_ns / 1000000000u) <= (int64_t)end;
}

/* ---- calls of DCE/RPC, on their own or in pipes ---- */

static const struct dcerpc_call *request_of(const struct match_context *c)
{
	const struct dcerpc_call *call = c->tx && c->proto->call ? c->proto->call(c->tx) : NULL;

	if (!call || !call->seen[TO_SERVER] || call->request_type != DCERPC_REQUEST)
		return NULL;
	return call;
}

bool match_dcerpc_iface(const struct match_context *c, const struct match *m)
{
	const struct dcerpc_call *call = request_of(c);
	const struct match_dce_iface *iface = &m->u.dce_iface;

	return call && call->has_interface &&
	       memcmp(call->interface.uuid, iface->uuid, sizeof(iface->uuid)) == 0 &&
	       (iface->any_version || number_test_holds(&iface->version, call->interface.version));
}

bool match_dcerpc_opnum(const struct match_context *c, const struct match *m)
{
	const struct dcerpc_call *call = request_of(c);
	const struct match_dce_opnum *wanted = &m->u.dce_opnum;

	for (uint32_t i = 0; call && i < wanted->count; i++)
		if (call->opnum >= wanted->ranges[i].low && call->opnum <= wanted->ranges[i].high)
			return true;
	return false;
}

/* The files that the transaction has now; with a scope also those that come later, in the transaction
 * or in the session. */
bool post_filestore(const struct match_context *c, const struct match *m)
{
	static const uint32_t later[] = {FLOW_STORE_TO_SERVER, FLOW_STORE_TO_CLIENT};
	unsigned ways = m->u.word.bits & (FILESTORE_TO_SERVER | FILESTORE_TO_CLIENT);

	if (!ways)
		ways = c->p->direction == TO_SERVER ? FILESTORE_TO_SERVER : FILESTORE_TO_CLIENT;
	for (unsigned d = 0; c->tx && c->f && d < 2; d++) {
		if (!(ways & (d == TO_SERVER ? FILESTORE_TO_SERVER : FILESTORE_TO_CLIENT)))
			continue;
		for (struct file *f = c->tx->files[d]; f; f = f->next)
			file_store_want(c->w, c->f, f, c->rule->rule->sid);
		if (m->u.word.bits & FILESTORE_TX)
			c->tx->store_files |= (uint8_t)(1u << d);
		if (m->u.word.bits & FILESTORE_FLOW)
			c->f->flags |= later[d];
	}
	return true;
}

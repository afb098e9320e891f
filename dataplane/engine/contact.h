/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whom a client contacted: records for the memory of contacts (event/contact.h), and the comparison
 * with the table of known bad indicators (intel.h) as the contact starts. Every contact of every
 * kind passes here. Worker thread.
 *
 * The client is the inside host (home.h). A flow from outside to an inside server is a contact of
 * that server with the outside address; names in it are the server's own and none. Where both ends
 * are inside, or neither is, the client is the end that started the flow.
 *
 * A contact that lasts is written again every contacts.checkpoint seconds of packet time, with the
 * bytes since the last record, so that the sum over a flow's records is exact. Begin and end of one that begins while the
 * table of flows is full, and is never heard of again, are one record: under a flood most are such.
 */
#ifndef ENGINE_CONTACT_H
#define ENGINE_CONTACT_H

#include "dataplane/event/contact.h"
#include "dataplane/flow/flow.h"

struct contact {
	unsigned kind;             /* enum contact_kind */
	const void *value;         /* as event/contact.h says; borrowed */
	size_t len;
	const struct addr *client; /* on whose behalf (a proxy's request); NULL: the flow's client */
	uint8_t client_version;
	uint16_t port;             /* of the server that is meant; 0: the flow's */
	bool goes_on;              /* it was added before, and lasts until now: no new one */
};

void contact_add(struct worker *w, struct flow *f, const struct contact *c);
/* Of the flow's own client, with its server. */
void emit_contact(struct worker *w, struct flow *f, unsigned kind, const void *value, size_t len);

/* The address contacted, at a flow's first packet. turned: the flow's server is the client. may_wait: it is told of
 * when a second packet comes, or the flow ends; what is known to be bad alerts at once all the same. */
void contact_begin(struct worker *w, struct flow *f, bool turned, bool may_wait);
/* f->contact_due_s has come: the bytes so far are written, or that it began. */
void contact_checkpoint(struct worker *w, struct flow *f);
/* The flow ends: the bytes not yet written are, what the flow remembers is freed. */
void contact_end(struct worker *w, struct flow *f);

#endif

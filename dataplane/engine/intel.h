/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A contact against the table of known bad indicators (event/indicator.h): an alert, once for each
 * flow and entry, and in the wire what the entry's action says. Worker thread; no allocation but a
 * flow's few notes.
 *
 * In the wire: the packet in hand is dropped, and with it the whole flow; of a question in a
 * datagram only that datagram, because the flow of a resolver carries everybody's questions. A flow
 * that a pass rule let through earlier is told of, not dropped; at a flow's first packet no rule has
 * spoken yet: what must never be dropped belongs on an allow list.
 */
#ifndef ENGINE_INTEL_H
#define ENGINE_INTEL_H

#include "dataplane/flow/flow.h"

/* w->indicators is not NULL. kind, value: as in a contact record; port: of the server contacted, 0
 * if entries for one port do not apply. */
void intel_contact(struct worker *w, struct flow *f, unsigned kind, const void *value, size_t len,
		   uint16_t port);

#endif

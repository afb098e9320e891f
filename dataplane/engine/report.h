/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records that the engine itself writes about a packet: what was wrong with it, why it was dropped.
 */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "dataplane/engine/emit.h"

/* One anomaly record for each decoder event (decode) and stream event (stream) of the packet. */
void report_anomalies(struct worker *w, const struct packet *p, bool decode, bool stream);
/* The record stream_tcp of a TCP packet, when it has been through all stages. */
void report_stream(struct worker *w, const struct packet *p);
/* The drop record of a packet that does not go out. */
void report_drop(struct worker *w, const struct packet *p);

#endif

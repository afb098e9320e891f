/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Decoder and stream events: what was wrong with a packet or a segment. Names are those of the
 * rule keywords decode-event and stream-event and of EVE's anomaly records. Events of application
 * protocols are declared by the protocol itself (app/app.h).
 */
#ifndef EVENT_ANOMALY_H
#define EVENT_ANOMALY_H

enum anomaly_layer { ANOMALY_DECODE, ANOMALY_STREAM };

enum anomaly_id {
	ANOMALY_none,
#define ANOMALY(id, layer, name) ANOMALY_##id,
#include "dataplane/event/anomaly.def"
#undef ANOMALY
	ANOMALY_COUNT
};

struct anomaly_row {
	enum anomaly_layer layer;
	const char *name; /* "ipv4.pkt_too_small", "stream.3whs_ack_in_wrong_dir" without "stream." */
};

extern const struct anomaly_row anomaly_rows[ANOMALY_COUNT];

#endif

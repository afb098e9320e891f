/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/anomaly.h"

const struct anomaly_row anomaly_rows[ANOMALY_COUNT] = {
	[ANOMALY_none] = {ANOMALY_DECODE, ""},
#define ANOMALY(id, layer, name) [ANOMALY_##id] = {ANOMALY_##layer, name},
#include "dataplane/event/anomaly.def"
#undef ANOMALY
};

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The application protocols by number. The list itself is `protos` in dataplane/meson.build.
 */
#ifndef EVENT_APP_PROTO_H
#define EVENT_APP_PROTO_H

enum app_proto {
	APP_UNKNOWN, /* not found out yet */
	APP_FAILED,  /* given up: none of ours */
#define PROTO(id, name) APP_##id,
#include "proto_index.def"
#undef PROTO
	APP_PROTO_COUNT
};

/* "unknown", "failed", "http", … */
extern const char *const app_proto_names[APP_PROTO_COUNT];

/* The protocol of that name, or APP_UNKNOWN. */
enum app_proto app_proto_by_name(const char *name);

#endif

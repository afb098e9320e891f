/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/app_proto.h"

#include "dataplane/event/service.h"

#include <string.h>

const char *const app_proto_names[APP_PROTO_COUNT] = {
	[APP_UNKNOWN] = "unknown",
	[APP_FAILED] = "failed",
#define PROTO(id, name) [APP_##id] = name,
#include "proto_index.def"
#undef PROTO
};

const char *const service_names[SERVICE_COUNT] = {
#define SERVICE(id, name) [SERVICE_##id] = name,
#include "dataplane/event/service.def"
#undef SERVICE
};

enum app_proto app_proto_by_name(const char *name)
{
	for (int i = 0; i < APP_PROTO_COUNT; i++)
		if (strcmp(app_proto_names[i], name) == 0)
			return (enum app_proto)i;
	return APP_UNKNOWN;
}

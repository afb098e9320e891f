/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The protocols by number, made from the list `protos` of dataplane/meson.build. Any thread.
 */
#include "dataplane/app/app.h"

#define PROTO(name) extern const struct proto proto_##name;
#include "proto_built.def"
#undef PROTO

const struct proto *const app_protos[APP_PROTO_COUNT] = {
#define PROTO(name) [APP_##name] = &proto_##name,
#include "proto_built.def"
#undef PROTO
};

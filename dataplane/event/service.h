/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Services by number (service.def).
 */
#ifndef EVENT_SERVICE_H
#define EVENT_SERVICE_H

enum service {
	SERVICE_NONE,
#define SERVICE(id, name) SERVICE_##id,
#include "dataplane/event/service.def"
#undef SERVICE
	SERVICE_COUNT
};

/* "mysql", "socks5", …; NULL for SERVICE_NONE. */
extern const char *const service_names[SERVICE_COUNT];

#endif

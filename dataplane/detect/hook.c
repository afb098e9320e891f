/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hooks of protocols (hook.def): a rule with one is judged when a transaction has come that far.
 * Runs in the main thread.
 */
#include <string.h>

#include "dataplane/app/http.h"
#include "dataplane/app/tls.h"
#include "dataplane/detect/bind.h"

int hook_progress(const struct proto *proto, const char *hook, unsigned d)
{
	static const struct {
		uint8_t app;
		const char *name;
		uint8_t direction, progress;
	} hooks[] = {
#define HOOK(app, name, direction, progress) {APP_##app, name, direction, progress},
#include "dataplane/detect/hook.def"
#undef HOOK
	};

	if (strcmp(hook, d == TO_SERVER ? "request_started" : "response_started") == 0)
		return 0;
	if (strcmp(hook, d == TO_SERVER ? "request_complete" : "response_complete") == 0)
		return proto->done[d];
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
		if (hooks[i].app == proto->id && hooks[i].direction == d && strcmp(hooks[i].name, hook) == 0)
			return hooks[i].progress;
	return -1;
}

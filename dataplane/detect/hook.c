/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hooks of protocols (hook.def): a rule with one is judged when a transaction has come that far.
 * Runs in the main thread.
 */
#include <string.h>

#include "dataplane/app/ftp.h"
#include "dataplane/app/http.h"
#include "dataplane/app/ssh.h"
#include "dataplane/app/tls.h"
#include "dataplane/detect/bind.h"

struct hook_row {
	uint8_t app;
	const char *name;
	uint8_t direction, progress;
};

static const struct hook_row rows[] = {
#define HOOK(app, name, direction, progress) {APP_##app, name, direction, progress},
#define HOOK_ALIAS(app, other, name)
#include "dataplane/event/hook.def"
#undef HOOK
#undef HOOK_ALIAS
};

static const struct {
	uint8_t app;
	const char *other, *name;
} aliases[] = {
#define HOOK(app, name, direction, progress)
#define HOOK_ALIAS(app, other, name) {APP_##app, other, name},
#include "dataplane/event/hook.def"
#undef HOOK
#undef HOOK_ALIAS
};

static const char *const started[] = {"request_started", "response_started"};
static const char *const complete[] = {"request_complete", "response_complete"};

static void hook_append(struct hook_list *l, const char *name, uint8_t progress)
{
	if (l->count < HOOKS_MAX)
		l->hooks[l->count++] = (struct hook){name, progress};
}

void hook_list_make(const struct proto *proto, unsigned d, struct hook_list *out)
{
	out->count = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].app != proto->id || rows[i].direction != d)
			continue;
		if (!out->count && rows[i].progress)
			hook_append(out, started[d], 0);
		hook_append(out, rows[i].name, rows[i].progress);
	}
	if (!out->count)
		hook_append(out, started[d], 0);
	if (out->hooks[out->count - 1].progress < proto->done[d] &&
	    strcmp(out->hooks[out->count - 1].name, complete[d]) != 0)
		hook_append(out, complete[d], proto->done[d]);
}

int hook_find(const struct proto *proto, const struct hook_list *l, const char *name, unsigned d)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (aliases[i].app == proto->id && strcmp(aliases[i].other, name) == 0)
			name = aliases[i].name;
	for (unsigned i = 0; i < l->count; i++)
		if (strcmp(l->hooks[i].name, name) == 0)
			return (int)i;
	if (strcmp(name, started[d]) == 0)
		return 0;
	return strcmp(name, complete[d]) == 0 ? (int)l->count - 1 : -1;
}

int hook_progress(const struct proto *proto, const char *hook, unsigned d)
{
	struct hook_list list;
	int at;

	hook_list_make(proto, d, &list);
	at = hook_find(proto, &list, hook, d);
	return at < 0 ? -1 : list.hooks[at].progress;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Shortcuts that are text: of addresses (.url, "[InternetShortcut]"), of folders elsewhere (.library-ms). What they
 * lead to is a fact; a file share of a stranger, or a program, a script or an archive there, says something.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"

#define LOOK_BYTES 65536u /* longer ones are none */
#define TARGETS_MAX 20u

static const char head_url[] = "[internetshortcut]", head_library[] = "<librarydescription";

/* Endings that are started, or opened on the way there. */
static const char *const started[] = {".exe", ".scr", ".com", ".pif", ".cmd", ".bat", ".js",  ".jse", ".vbs", ".vbe", ".wsf",
				      ".hta", ".lnk", ".url", ".cpl", ".msi", ".ps1", ".jar", ".zip", ".iso", ".img", NULL};

bool shortcut_is(const struct part *p)
{
	struct bytes head = {p->data.data, p->data.len < 512 ? p->data.len : 512}, folded;
	bool is;

	if (p->data.len > LOOK_BYTES || !p->data.len)
		return false;
	folded = text_fold(head);
	is = text_has(folded, head_url) || text_has(folded, head_library);
	free((void *)(uintptr_t)folded.data);
	return is;
}

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool is_share(const char *target)
{
	return begins(target, "\\\\") || begins(target, "file://\\\\") || begins(target, "file:\\\\") || begins(target, "//") ||
	       (begins(target, "file://") && target[7] && target[7] != '/');
}

static void judge_target(struct analysis *a, struct part *p, const char *target)
{
	char path[FACT_VALUE_MAX];
	size_t n = strcspn(target, "?#");

	if (!*target)
		return;
	part_fact_bytes(a, p, "target", target, strlen(target));
	n = n < sizeof(path) - 1 ? n : sizeof(path) - 1;
	memcpy(path, target, n);
	path[n] = '\0';
	if (is_share(target))
		part_reason(a, p, REASON_shortcut_share, "%.200s", target);
	for (unsigned i = 0; started[i]; i++)
		if (name_ends(path, started[i]))
			part_reason(a, p, REASON_shortcut_program, "%.200s", target);
}

/* All that stands between `before` and a line's end or '<'. */
static void judge_all(struct analysis *a, struct part *p, struct bytes folded, const char *before)
{
	const uint8_t *at = folded.data, *end = at + folded.len;
	char target[FACT_VALUE_MAX];

	for (unsigned i = 0; i < TARGETS_MAX; i++) {
		size_t n = 0;

		at = memmem(at, (size_t)(end - at), before, strlen(before));
		if (!at)
			return;
		at += strlen(before);
		while (at < end && isblank(*at))
			at++;
		while (at + n < end && n < sizeof(target) - 1 && at[n] >= ' ' && at[n] != '<')
			n++;
		memcpy(target, at, n);
		target[n] = '\0';
		judge_target(a, p, analysis_text(a, target, n));
	}
}

void shortcut_run(struct analysis *a, struct part *p)
{
	struct bytes folded = text_fold(p->data);

	p->traits |= PART_EXECUTABLE;
	if (text_has(folded, head_url)) {
		part_fact(a, p, "format", "Internet shortcut");
		judge_all(a, p, folded, "\nurl=");
		judge_all(a, p, folded, "\niconfile=\\\\");
	} else {
		part_fact(a, p, "format", "library");
		judge_all(a, p, folded, "<url>");
	}
	free((void *)(uintptr_t)folded.data);
}

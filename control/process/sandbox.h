/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the control, the files and the capture process give up after their start: root, most system calls,
 * all of the file system but their own folders. Called by the main thread before any other thread is there.
 */
#ifndef CONTROL_PROCESS_SANDBOX_H
#define CONTROL_PROCESS_SANDBOX_H

#include "dataplane/event/boot.h"
#include "dataplane/event/config.h"

#define SANDBOX_FOLDERS 2
#define SANDBOX_CONTROL "the control process"

/* What stays its own: these folders and what is in them. */
struct sandbox {
	const char *process; /* for messages: SANDBOX_CONTROL … */
	const char *folders[SANDBOX_FOLDERS]; /* NULL or "": none */
};

/* Makes the folders and gives them to the user, then becomes that user; when there is no such user
 * (or it is root) it stays root and gives up all capabilities, which is said. Nothing of this when not
 * root or not live. Then, live and unless control.sandbox is no: no_new_privs, limits, Landlock,
 * seccomp. 0 or -errno after a sentence. */
int sandbox_begin(const struct sandbox *s, const struct config *c, const struct boot *b);

#endif

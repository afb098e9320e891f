/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scripts of rules (lua, luaxform): Lua 5.4 in a sandbox. Each use of a script in a rule has a state of
 * its own in each worker, made when the worker takes the rules. A script sees no file, no process, no
 * code but its own text; it cannot catch an error nor have a finalizer.
 *
 * What bounds a run: lua.max_bytes of memory (from w->heap, counted here); lua.max_instructions, in
 * which long library calls are counted by what they do; bytes allocated in all, SCRIPT_CHURN times the
 * memory; and SCRIPT_SECONDS_MAX. At a limit the run ends, the rule does not match, and it is counted.
 */
#ifndef DETECT_SCRIPT_H
#define DETECT_SCRIPT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "dataplane/detect/program.h"

#define SCRIPT_CHURN 20        /* times lua.max_bytes: allocated by one run */
#define SCRIPT_HOOK_STEPS 1000 /* instructions between two looks at the limits */
#define SCRIPT_SECONDS_MAX 1
#define SCRIPT_OUT_MAX (256u << 10) /* bytes that a transform may give */

enum script_fault { SCRIPT_NO_FAULT, SCRIPT_FAULT_MEMORY, SCRIPT_FAULT_STEPS, SCRIPT_FAULT_BLOCKED };

/* One use of a script in one worker. */
struct script {
	struct worker *w;
	lua_State *L;
	const struct script_use *use;
	const struct match_context *c; /* of the run; NULL: none (loading, transforms) */
	size_t used, used_max;         /* bytes */
	uint64_t churn_left;           /* bytes */
	int64_t steps_left, steps_max;
	uint64_t deadline_ns;
	uint8_t fault;                 /* enum script_fault, of the run */
	bool loading;                  /* its text, init and thread_init are being run */
};

static inline struct script *script_of(lua_State *L)
{
	return *(struct script **)lua_getextraspace(L);
}

/* Counts n steps of a library function; does not return when there are none left. */
void script_steps(lua_State *L, uint32_t n);
/* nil and the sentence: how library functions say that something is not there. Returns 2. */
int script_nothing(lua_State *L, const char *sentence);

/* ---- script.c: for the workers ---- */

/* All that the program uses; those that cannot be made stay NULL and never match. */
void scripts_new(struct worker *w, struct detect_state *s, const struct detect_program *p);
void scripts_free(struct worker *w, struct detect_state *s);
/* luaxform: the view becomes what the script gives. False: there is no room. */
bool script_transform(struct detect_state *s, const struct script_use *use, struct buffer_view *view);

/* Main thread: can it be read, and has it the function? False and a sentence. */
bool script_check(const struct script_use *use, const struct config *config, char *error, size_t error_size);

/* ---- the libraries ---- */

/* script_string.c: find, match, gmatch and gsub in place of those that nothing bounds. */
void script_string_open(lua_State *L);
/* script_library.c, script_app.c: pushes the library of that name ("suricata.dns"); false: there is none. */
bool script_library_push(lua_State *L, const char *name);
bool script_app_push(lua_State *L, const char *name);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making and running scripts. See script.h for what bounds them. Runs in the workers; script_check in
 * the main thread.
 */
#include "dataplane/detect/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dataplane/detect/match.h"

#define FUNCTION_KEY "run"
#define ARGUMENTS_KEY "arguments"

/* ---- limits ---- */

static void *allocate(void *of, void *block, size_t old, size_t size)
{
	struct script *st = of;
	void *moved;

	if (!block)
		old = 0; /* else a type's number */
	if (size == 0) {
		heap_free(&st->w->heap, block);
		st->used -= old;
		return NULL;
	}
	if (size > old) {
		if (st->used - old + size > st->used_max) {
			st->fault = SCRIPT_FAULT_MEMORY;
			return NULL;
		}
		if (size > st->churn_left) {
			st->fault = SCRIPT_FAULT_STEPS;
			return NULL;
		}
		st->churn_left -= size;
	}
	moved = heap_realloc(&st->w->heap, block, size);
	if (!moved && size > old) {
		st->fault = SCRIPT_FAULT_MEMORY;
		return NULL;
	}
	if (!moved)
		return block; /* smaller; what is left over stays with it */
	st->used += size - old;
	return moved;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void script_steps(lua_State *L, uint32_t n)
{
	struct script *st = script_of(L);

	st->steps_left -= n;
	if (st->steps_left >= 0)
		return;
	st->fault = SCRIPT_FAULT_STEPS;
	luaL_error(L, "instruction limit exceeded");
}

static void on_steps(lua_State *L, lua_Debug *where)
{
	(void)where;
	script_steps(L, SCRIPT_HOOK_STEPS);
	if (clock_ns() <= script_of(L)->deadline_ns)
		return;
	script_of(L)->fault = SCRIPT_FAULT_STEPS;
	luaL_error(L, "time limit exceeded");
}

static void limits_reset(struct script *st)
{
	st->churn_left = SCRIPT_CHURN * (uint64_t)st->used_max;
	st->steps_left = st->steps_max;
	st->deadline_ns = clock_ns() + SCRIPT_SECONDS_MAX * 1000000000ull;
	st->fault = SCRIPT_NO_FAULT;
}

int script_nothing(lua_State *L, const char *sentence)
{
	lua_pushnil(L);
	lua_pushstring(L, sentence);
	return 2;
}

/* ---- the sandbox ---- */

static int blocked(lua_State *L)
{
	script_of(L)->fault = SCRIPT_FAULT_BLOCKED;
	return luaL_error(L, "Blocked Lua function called: %s", lua_tostring(L, lua_upvalueindex(1)));
}

/* There is nowhere to write to on the packet path. */
static int ignored(lua_State *L)
{
	(void)L;
	return 0;
}

/* A finalizer would run where nothing counts. */
static int set_metatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
	if (lua_istable(L, 2)) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "finalizers are not allowed");
		lua_pop(L, 1);
	}
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

static int require(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);

	lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	if (lua_getfield(L, 2, name) != LUA_TNIL)
		return 1;
	lua_pop(L, 1);
	if (!script_library_push(L, name) && !script_app_push(L, name))
		return luaL_error(L, "there is no library %s", name);
	lua_pushvalue(L, -1);
	lua_setfield(L, 2, name);
	return 1;
}

static void functions_remove(lua_State *L, const char *table, const char *const *names)
{
	lua_getglobal(L, table);
	for (; *names; names++) {
		lua_pushnil(L);
		lua_setfield(L, -2, *names);
	}
	lua_pop(L, 1);
}

static void sandbox(lua_State *L)
{
	static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},
					     {LUA_TABLIBNAME, luaopen_table},
					     {LUA_STRLIBNAME, luaopen_string},
					     {LUA_MATHLIBNAME, luaopen_math}};
	static const char *const off[] = {"collectgarbage", "dofile", "load", "loadfile", "loadstring", "pcall", "xpcall"};
	/* Work that nothing bounds, and code from bytes. */
	static const char *const table_off[] = {"move", "sort", NULL};
	static const char *const string_off[] = {"dump", NULL};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
		lua_pop(L, 1);
	}
	for (size_t i = 0; i < sizeof(off) / sizeof(*off); i++) {
		lua_pushstring(L, off[i]);
		lua_pushcclosure(L, blocked, 1);
		lua_setglobal(L, off[i]);
	}
	functions_remove(L, LUA_TABLIBNAME, table_off);
	functions_remove(L, LUA_STRLIBNAME, string_off);
	script_string_open(L);
	lua_register(L, "setmetatable", set_metatable);
	lua_register(L, "require", require);
	lua_register(L, "print", ignored);
	lua_register(L, "warn", ignored);
}

/* ---- making one ---- */

/* A function of the script's, if it has it; with a table as its argument. */
static bool call_optional(lua_State *L, const char *name)
{
	if (lua_getglobal(L, name) != LUA_TFUNCTION) {
		lua_pop(L, 1);
		return false;
	}
	lua_newtable(L);
	lua_call(L, 1, 0);
	return true;
}

static int load_all(lua_State *L)
{
	struct script *st = script_of(L);
	const struct script_use *use = st->use;
	const char *wanted = use->transforms ? "transform" : "match";

	sandbox(L);
	if (luaL_loadbufferx(L, (const char *)use->text.data, use->text.len, use->name, "t") != LUA_OK)
		return lua_error(L);
	lua_call(L, 0, 0);
	call_optional(L, "init");
	call_optional(L, "thread_init");
	if (lua_getglobal(L, wanted) != LUA_TFUNCTION)
		return luaL_error(L, "the script has no function %s", wanted);
	lua_setfield(L, LUA_REGISTRYINDEX, FUNCTION_KEY);
	lua_newtable(L);
	for (uint32_t i = 0; i < use->argument_count; i++) {
		lua_pushstring(L, use->arguments[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, LUA_REGISTRYINDEX, ARGUMENTS_KEY);
	return 0;
}

static void script_close(struct worker *w, struct script *st)
{
	if (!st)
		return;
	if (st->L)
		lua_close(st->L);
	heap_free(&w->heap, st);
}

/* NULL and, where error is given, a sentence. */
static struct script *script_open(struct worker *w, const struct script_use *use, const struct config *config,
				  char *error, size_t error_size)
{
	struct script *st = heap_zalloc(&w->heap, sizeof(*st));
	const char *message = "not enough memory";

	if (!st)
		goto err;
	*st = (struct script){.w = w, .use = use, .used_max = config->lua_max_bytes,
			      .steps_max = (int64_t)config->lua_max_instructions, .loading = true};
	limits_reset(st);
	st->L = lua_newstate(allocate, st);
	if (!st->L)
		goto err;
	*(struct script **)lua_getextraspace(st->L) = st;
	lua_sethook(st->L, on_steps, LUA_MASKCOUNT, SCRIPT_HOOK_STEPS);
	lua_pushcfunction(st->L, load_all);
	if (lua_pcall(st->L, 0, 0, 0) == LUA_OK) {
		st->loading = false;
		return st;
	}
	message = lua_tostring(st->L, -1);
err:
	if (error)
		snprintf(error, error_size, "%s: %s", use->name, message ? message : "an error without a message");
	script_close(w, st);
	return NULL;
}

bool script_check(const struct script_use *use, const struct config *config, char *error, size_t error_size)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct script *st = NULL;

	snprintf(error, error_size, "not enough memory");
	if (w && heap_init(&w->heap, 2 * config->lua_max_bytes + sizeof(*st) + 65536) == 0) {
		st = script_open(w, use, config, error, error_size);
		script_close(w, st);
		heap_fini(&w->heap);
	}
	free(w);
	return st != NULL;
}

void scripts_new(struct worker *w, struct detect_state *s, const struct detect_program *p)
{
	if (!p->set->script_count)
		return;
	s->scripts = worker_memory(w, p->set->script_count * sizeof(*s->scripts), 64);
	if (!s->scripts)
		return;
	s->script_count = p->set->script_count;
	for (const struct script_use *use = p->set->scripts; use; use = use->next)
		s->scripts[use->index] = script_open(w, use, p->config, NULL, 0);
}

void scripts_free(struct worker *w, struct detect_state *s)
{
	for (uint32_t i = 0; i < s->script_count; i++)
		script_close(w, s->scripts[i]);
	worker_memory_free(w, s->scripts);
	s->scripts = NULL;
	s->script_count = 0;
}

/* ---- runs ---- */

static void fault_count(struct script *st)
{
	struct counters *c = st->w->counters;

	c->detect_lua_errors++;
	if (st->fault == SCRIPT_FAULT_MEMORY)
		c->detect_lua_memory_limit_errors++;
	else if (st->fault == SCRIPT_FAULT_STEPS)
		c->detect_lua_instruction_limit_errors++;
	else if (st->fault == SCRIPT_FAULT_BLOCKED)
		c->detect_lua_blocked_function_errors++;
}

/* The input, where there is one, is on the stack. Everything that may raise happens in here. */
static int run_protected(lua_State *L)
{
	int inputs = lua_gettop(L);

	lua_getfield(L, LUA_REGISTRYINDEX, FUNCTION_KEY);
	if (inputs) {
		const struct buffer_view *view = lua_touserdata(L, 1);

		lua_pushlstring(L, (const char *)view->data, view->len);
	}
	lua_getfield(L, LUA_REGISTRYINDEX, ARGUMENTS_KEY);
	lua_call(L, inputs + 1, LUA_MULTRET);
	return lua_gettop(L) - inputs;
}

/* How many values it gave, which are on the stack; -1: it failed. */
static int script_run(struct script *st, const struct match_context *c, struct buffer_view *view)
{
	st->c = c;
	limits_reset(st);
	lua_settop(st->L, 0);
	lua_pushcfunction(st->L, run_protected);
	if (view)
		lua_pushlightuserdata(st->L, view);
	if (lua_pcall(st->L, view ? 1 : 0, LUA_MULTRET, 0) == LUA_OK)
		return lua_gettop(st->L);
	fault_count(st);
	lua_settop(st->L, 0);
	return -1;
}

static bool script_holds(const struct match_context *c, const struct match *m)
{
	const struct script_use *use = m->u.script.use;
	struct script *st = use->index < c->s->script_count ? c->s->scripts[use->index] : NULL;
	int count;
	bool holds;

	if (!st)
		return false;
	count = script_run(st, c, NULL);
	if (count < 0)
		return false;
	holds = count > 0 && lua_isnumber(st->L, 1) ? lua_tonumber(st->L, 1) > 0
						    : count > 0 && lua_isboolean(st->L, 1) && lua_toboolean(st->L, 1);
	lua_settop(st->L, 0);
	return holds != m->u.script.negated;
}

bool match_lua(const struct match_context *c, const struct match *m)
{
	return script_holds(c, m);
}

bool post_lua(const struct match_context *c, const struct match *m)
{
	return script_holds(c, m);
}

bool script_transform(struct detect_state *s, const struct script_use *use, struct buffer_view *view)
{
	struct script *st = use->index < s->script_count ? s->scripts[use->index] : NULL;
	const char *text;
	lua_Integer wanted;
	size_t len;
	bool good = true;

	if (!st || view->len > st->used_max || script_run(st, NULL, view) != 2 ||
	    lua_type(st->L, 1) != LUA_TSTRING || !lua_isinteger(st->L, 2))
		return true; /* it stays as it is */
	text = lua_tolstring(st->L, 1, &len);
	wanted = lua_tointeger(st->L, 2);
	if (wanted < 0 || (lua_Unsigned)wanted > len)
		wanted = (lua_Integer)len;
	if ((lua_Unsigned)wanted > SCRIPT_OUT_MAX ||
	    (uint32_t)wanted > TRANSFORM_ARENA_BYTES - s->arena_used) {
		good = false;
	} else {
		memcpy(s->arena + s->arena_used, text, (size_t)wanted);
		view->data = s->arena + s->arena_used;
		view->len = (uint32_t)wanted;
		s->arena_used += (uint32_t)wanted;
	}
	lua_settop(st->L, 0);
	return good;
}

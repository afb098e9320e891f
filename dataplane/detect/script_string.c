/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Patterns of Lua (reference manual 5.4, section 6.4.1) for scripts: find, match, gmatch, gsub. Each
 * step of a search counts as an instruction of the run, so that no pattern can take longer than the
 * script may; nesting is bounded by DEPTH_MAX. Runs in the workers.
 */
#include <ctype.h>
#include <string.h>

#include "dataplane/detect/script.h"

#define CAPTURES_LUA 32
#define DEPTH_MAX 200
#define ESCAPE '%'

enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct capture {
	const char *at;
	ptrdiff_t len; /* or one of the above */
};

struct search {
	lua_State *L;
	const char *text, *end;         /* the subject */
	const char *pattern_end;
	unsigned depth, level;
	struct capture captures[CAPTURES_LUA];
};

static const char *match_here(struct search *m, const char *s, const char *p);

static const char *wrong(const struct search *m, const char *what)
{
	luaL_error(m->L, "malformed pattern (%s)", what);
	return NULL;
}

/* ---- one character ---- */

/* Behind the single character class that begins at p. */
static const char *class_end(const struct search *m, const char *p)
{
	if (*p++ == ESCAPE) {
		if (p == m->pattern_end)
			return wrong(m, "ends with '%'");
		return p + 1;
	}
	if (p[-1] != '[')
		return p;
	if (p < m->pattern_end && *p == '^')
		p++;
	do { /* a ] that comes first stands for itself */
		if (p == m->pattern_end)
			return wrong(m, "missing ']'");
		if (*p++ == ESCAPE) {
			if (p == m->pattern_end)
				return wrong(m, "missing ']'");
			p++;
		}
	} while (p == m->pattern_end || *p != ']');
	return p + 1;
}

static bool in_class(unsigned char c, unsigned char class)
{
	bool in;

	switch (tolower(class)) {
	case 'a':
		in = isalpha(c);
		break;
	case 'c':
		in = iscntrl(c);
		break;
	case 'd':
		in = isdigit(c);
		break;
	case 'g':
		in = isgraph(c);
		break;
	case 'l':
		in = islower(c);
		break;
	case 'p':
		in = ispunct(c);
		break;
	case 's':
		in = isspace(c);
		break;
	case 'u':
		in = isupper(c);
		break;
	case 'w':
		in = isalnum(c);
		break;
	case 'x':
		in = isxdigit(c);
		break;
	default:
		return class == c;
	}
	return isupper(class) ? !in : in;
}

/* p: behind the '['; last: the ']'. */
static bool in_set(unsigned char c, const char *p, const char *last)
{
	bool found = true;

	if (p < last && *p == '^') {
		found = false;
		p++;
	}
	for (; p < last; p++) {
		if (*p == ESCAPE && p + 1 < last) {
			if (in_class(c, (unsigned char)*++p))
				return found;
		} else if (p + 2 < last && p[1] == '-') {
			if ((unsigned char)*p <= c && c <= (unsigned char)p[2])
				return found;
			p += 2;
		} else if ((unsigned char)*p == c) {
			return found;
		}
	}
	return !found;
}

static bool single(struct search *m, const char *s, const char *p, const char *next)
{
	script_steps(m->L, 1);
	if (s >= m->end)
		return false;
	switch (*p) {
	case '.':
		return true;
	case ESCAPE:
		return in_class((unsigned char)*s, (unsigned char)p[1]);
	case '[':
		return in_set((unsigned char)*s, p + 1, next - 1);
	default:
		return *p == *s;
	}
}

/* ---- items ---- */

static const char *longest(struct search *m, const char *s, const char *p, const char *next)
{
	ptrdiff_t n = 0;

	while (single(m, s + n, p, next))
		n++;
	for (; n >= 0; n--) {
		const char *end = match_here(m, s + n, next + 1);

		if (end)
			return end;
	}
	return NULL;
}

static const char *shortest(struct search *m, const char *s, const char *p, const char *next)
{
	for (;; s++) {
		const char *end = match_here(m, s, next + 1);

		if (end)
			return end;
		if (!single(m, s, p, next))
			return NULL;
	}
}

/* %bxy */
static const char *balanced(struct search *m, const char *s, const char *p)
{
	int open = 1;

	if (m->pattern_end - p < 2)
		return wrong(m, "missing arguments to '%b'");
	if (s >= m->end || *s != *p)
		return NULL;
	while (++s < m->end) {
		script_steps(m->L, 1);
		if (*s == p[1]) {
			if (--open == 0)
				return s + 1;
		} else if (*s == *p) {
			open++;
		}
	}
	return NULL;
}

static const char *capture_begin(struct search *m, const char *s, const char *p, ptrdiff_t what)
{
	const char *end;

	if (m->level == CAPTURES_LUA)
		luaL_error(m->L, "too many captures");
	m->captures[m->level++] = (struct capture){s, what};
	end = match_here(m, s, p);
	if (!end)
		m->level--;
	return end;
}

static const char *capture_end(struct search *m, const char *s, const char *p)
{
	unsigned i = m->level;
	const char *end;

	while (i > 0 && m->captures[i - 1].len != CAPTURE_OPEN)
		i--;
	if (!i)
		return wrong(m, "unexpected ')'");
	m->captures[i - 1].len = s - m->captures[i - 1].at;
	end = match_here(m, s, p);
	if (!end)
		m->captures[i - 1].len = CAPTURE_OPEN;
	return end;
}

/* %1: what a capture took, once more. */
static const char *repeated(struct search *m, const char *s, char digit)
{
	unsigned i = (unsigned)(digit - '1');
	const struct capture *c = &m->captures[i];

	if (i >= m->level || c->len < 0)
		luaL_error(m->L, "invalid capture index %%%d", (int)i + 1);
	script_steps(m->L, (uint32_t)c->len / 16 + 1);
	return m->end - s >= c->len && memcmp(s, c->at, (size_t)c->len) == 0 ? s + c->len : NULL;
}

/* %f[set] */
static bool frontier(struct search *m, const char *s, const char *p, const char **next)
{
	unsigned char before, after;

	if (p >= m->pattern_end || *p != '[')
		luaL_error(m->L, "missing '[' after '%%f' in pattern");
	*next = class_end(m, p);
	before = s == m->text ? 0 : (unsigned char)s[-1];
	after = s < m->end ? (unsigned char)*s : 0;
	return !in_set(before, p + 1, *next - 1) && in_set(after, p + 1, *next - 1);
}

static const char *match_items(struct search *m, const char *s, const char *p)
{
	while (p < m->pattern_end) {
		const char *next;
		char suffix;

		script_steps(m->L, 1);
		if (*p == '(')
			return p + 1 < m->pattern_end && p[1] == ')' ? capture_begin(m, s, p + 2, CAPTURE_POSITION)
								     : capture_begin(m, s, p + 1, CAPTURE_OPEN);
		if (*p == ')')
			return capture_end(m, s, p + 1);
		if (*p == '$' && p + 1 == m->pattern_end)
			return s == m->end ? s : NULL;
		if (*p == ESCAPE && p + 1 < m->pattern_end) {
			if (p[1] == 'b') {
				s = balanced(m, s, p + 2);
				if (!s)
					return NULL;
				p += 4;
				continue;
			}
			if (p[1] == 'f') {
				if (!frontier(m, s, p + 2, &next))
					return NULL;
				p = next;
				continue;
			}
			if (isdigit((unsigned char)p[1])) {
				s = repeated(m, s, p[1]);
				if (!s)
					return NULL;
				p += 2;
				continue;
			}
		}
		next = class_end(m, p);
		suffix = next < m->pattern_end ? *next : '\0';
		if (suffix == '*')
			return longest(m, s, p, next);
		if (suffix == '+')
			return single(m, s, p, next) ? longest(m, s + 1, p, next) : NULL;
		if (suffix == '-')
			return shortest(m, s, p, next);
		if (suffix == '?') {
			const char *end = single(m, s, p, next) ? match_here(m, s + 1, next + 1) : NULL;

			if (end)
				return end;
			p = next + 1;
			continue;
		}
		if (!single(m, s, p, next))
			return NULL;
		s++;
		p = next;
	}
	return s;
}

static const char *match_here(struct search *m, const char *s, const char *p)
{
	const char *end;

	if (++m->depth > DEPTH_MAX)
		luaL_error(m->L, "pattern too complex");
	end = match_items(m, s, p);
	m->depth--;
	return end;
}

/* ---- searches ---- */

static void search_begin(struct search *m, lua_State *L, const char *text, size_t len, const char *pattern,
			 size_t pattern_len)
{
	m->L = L;
	m->text = text;
	m->end = text + len;
	m->pattern_end = pattern + pattern_len;
}

static const char *try_at(struct search *m, const char *s, const char *p)
{
	m->depth = m->level = 0;
	return match_here(m, s, p);
}

/* Capture i of a match from s to end, or the whole where there is none. */
static void capture_push(struct search *m, unsigned i, const char *s, const char *end)
{
	const struct capture *c = &m->captures[i];

	if (i >= m->level) {
		if (i > 0)
			luaL_error(m->L, "invalid capture index %%%d", (int)i + 1);
		lua_pushlstring(m->L, s, (size_t)(end - s));
	} else if (c->len == CAPTURE_POSITION) {
		lua_pushinteger(m->L, c->at - m->text + 1);
	} else {
		if (c->len < 0)
			luaL_error(m->L, "unfinished capture");
		lua_pushlstring(m->L, c->at, (size_t)c->len);
	}
}

static int captures_push(struct search *m, const char *s, const char *end, bool whole)
{
	unsigned count = m->level == 0 && whole ? 1 : m->level;

	luaL_checkstack(m->L, (int)count, "too many captures");
	for (unsigned i = 0; i < count; i++)
		capture_push(m, i, s, end);
	return (int)count;
}

/* Where to begin, from 0; beyond the end: larger than len. */
static size_t start_at(lua_Integer at, size_t len)
{
	if (at > 0)
		return (lua_Unsigned)at - 1;
	if (at == 0 || at < -(lua_Integer)len)
		return 0;
	return len - (size_t)-at;
}

static int find_plain(lua_State *L, const char *text, size_t len, size_t from, const char *what, size_t n)
{
	const char *found;

	script_steps(L, (uint32_t)((len - from) / 16 + 1));
	found = n ? memmem(text + from, len - from, what, n) : text + from;
	if (!found) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, found - text + 1);
	lua_pushinteger(L, found - text + (lua_Integer)n);
	return 2;
}

static int find_any(lua_State *L, bool find)
{
	size_t len, n, from;
	const char *text = luaL_checklstring(L, 1, &len), *p = luaL_checklstring(L, 2, &n), *s, *end;
	bool anchored;
	struct search m;

	from = start_at(luaL_optinteger(L, 3, 1), len);
	if (from > len) {
		lua_pushnil(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || (n < 256 && strcspn(p, "^$*+?.([%-") == n)))
		return find_plain(L, text, len, from, p, n);
	search_begin(&m, L, text, len, p, n);
	anchored = n && *p == '^';
	for (s = text + from; s <= m.end; s++) {
		end = try_at(&m, s, p + anchored);
		if (end && find) {
			lua_pushinteger(L, s - text + 1);
			lua_pushinteger(L, end - text);
			return captures_push(&m, s, end, false) + 2;
		}
		if (end)
			return captures_push(&m, s, end, true);
		if (anchored)
			break;
	}
	lua_pushnil(L);
	return 1;
}

static int string_find(lua_State *L)
{
	return find_any(L, true);
}

static int string_match(lua_State *L)
{
	return find_any(L, false);
}

/* Upvalues: subject, pattern, where to go on, end of the match before (-1: none). */
static int gmatch_next(lua_State *L)
{
	size_t len, n;
	const char *text = lua_tolstring(L, lua_upvalueindex(1), &len);
	const char *p = lua_tolstring(L, lua_upvalueindex(2), &n), *s, *end;
	lua_Integer from = lua_tointeger(L, lua_upvalueindex(3)), last = lua_tointeger(L, lua_upvalueindex(4));
	struct search m;

	search_begin(&m, L, text, len, p, n);
	for (s = text + from; s <= m.end; s++) {
		end = try_at(&m, s, p);
		if (!end || end - text == last)
			continue;
		lua_pushinteger(L, end - text);
		lua_pushvalue(L, -1);
		lua_replace(L, lua_upvalueindex(3));
		lua_replace(L, lua_upvalueindex(4));
		return captures_push(&m, s, end, true);
	}
	return 0;
}

static int string_gmatch(lua_State *L)
{
	size_t len, from;

	luaL_checklstring(L, 1, &len);
	luaL_checkstring(L, 2);
	from = start_at(luaL_optinteger(L, 3, 1), len);
	lua_settop(L, 2);
	lua_pushinteger(L, (lua_Integer)(from > len ? len + 1 : from));
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, gmatch_next, 4);
	return 1;
}

/* A text with %0 … %9 and %% in it. */
static void replacement_add(struct search *m, luaL_Buffer *out, const char *s, const char *end)
{
	size_t n;
	const char *text = lua_tolstring(m->L, 3, &n);

	for (size_t i = 0; i < n; i++) {
		if (text[i] != ESCAPE) {
			luaL_addchar(out, text[i]);
			continue;
		}
		if (++i == n || (text[i] != ESCAPE && !isdigit((unsigned char)text[i])))
			luaL_error(m->L, "invalid use of '%%' in replacement string");
		if (text[i] == ESCAPE) {
			luaL_addchar(out, ESCAPE);
		} else if (text[i] == '0') {
			luaL_addlstring(out, s, (size_t)(end - s));
		} else {
			capture_push(m, (unsigned)(text[i] - '1'), s, end);
			luaL_tolstring(m->L, -1, NULL);
			lua_remove(m->L, -2);
			luaL_addvalue(out);
		}
	}
}

static void replace_one(struct search *m, luaL_Buffer *out, const char *s, const char *end, int kind)
{
	lua_State *L = m->L;

	if (kind == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, captures_push(m, s, end, true), 1);
	} else if (kind == LUA_TTABLE) {
		capture_push(m, 0, s, end);
		lua_gettable(L, 3);
	} else {
		replacement_add(m, out, s, end);
		return;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(out, s, (size_t)(end - s));
	} else if (lua_isstring(L, -1)) {
		luaL_addvalue(out);
	} else {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
}

static int string_gsub(lua_State *L)
{
	size_t len, n;
	const char *s = luaL_checklstring(L, 1, &len), *p = luaL_checklstring(L, 2, &n), *last = NULL;
	int kind = lua_type(L, 3);
	lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)len + 1), count = 0;
	bool anchored = n && *p == '^';
	struct search m;
	luaL_Buffer out;

	luaL_argexpected(L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION || kind == LUA_TTABLE,
			 3, "string/function/table");
	search_begin(&m, L, s, len, p, n);
	luaL_buffinit(L, &out);
	while (count < most) {
		const char *end = try_at(&m, s, p + anchored);

		if (end && end != last) {
			count++;
			replace_one(&m, &out, s, end, kind);
			s = last = end;
		} else if (s < m.end) {
			luaL_addchar(&out, *s++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	luaL_addlstring(&out, s, (size_t)(m.end - s));
	luaL_pushresult(&out);
	lua_pushinteger(L, count);
	return 2;
}

void script_string_open(lua_State *L)
{
	static const luaL_Reg functions[] = {{"find", string_find}, {"match", string_match},
					     {"gmatch", string_gmatch}, {"gsub", string_gsub}, {NULL, NULL}};

	lua_getglobal(L, LUA_STRLIBNAME);
	luaL_setfuncs(L, functions, 0);
	lua_pop(L, 1);
}

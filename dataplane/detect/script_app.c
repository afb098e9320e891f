/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What scripts ask of application protocols: suricata.http, .dns, .tls … Most methods of a transaction
 * are a buffer or a number of its protocol, the same that rules look at: a row in script_app.def each.
 * The transaction is that of the rule; of a rule on packets the flow's oldest. Runs in the workers.
 */
#include <string.h>
#include <strings.h>

#include "dataplane/app/dns_message.h"
#include "dataplane/detect/script.h"

#define OF_PACKET 2 /* the direction of the packet in hand */

enum method_kind { METHOD_TEXT, METHOD_LIST, METHOD_NUMBER, METHOD_VERSION };

static const struct method {
	const char *library, *name;
	uint8_t kind, direction;
	const char *what; /* buffer or value */
} methods[] = {
#define METHOD(library, name, kind, direction, what) {#library, #name, METHOD_##kind, direction, what},
#include "dataplane/detect/script_app.def"
#undef METHOD
};

static const struct library {
	const char *name; /* behind "suricata." */
	uint8_t app;      /* enum app_proto */
} libraries[] = {
#define LIBRARY(name, app) {#name, APP_##app},
#include "dataplane/detect/script_app.def"
#undef LIBRARY
};

static enum direction direction_of(lua_State *L, const struct method *m)
{
	return (enum direction)(m->direction == OF_PACKET ? script_of(L)->c->p->direction : m->direction);
}

static struct flow *flow_of(lua_State *L)
{
	const struct match_context *c = script_of(L)->c;

	return c ? c->f : NULL;
}

/* NULL: there is none, or of another protocol. */
static struct tx *tx_of(lua_State *L, uint8_t app)
{
	const struct match_context *c = script_of(L)->c;
	struct flow *f = flow_of(L);

	if (!f || !f->app || !f->app->proto || f->app->proto->id != app)
		return NULL;
	return c->tx ? c->tx : f->app->first;
}

static const struct library *library_find(const char *name)
{
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
		if (strcmp(libraries[i].name, name) == 0)
			return &libraries[i];
	return NULL;
}

/* Upvalue: the library. */
static struct tx *tx_here(lua_State *L)
{
	const struct library *lib = lua_touserdata(L, lua_upvalueindex(1));

	return tx_of(L, lib->app);
}

static const struct proto_buffer *buffer_of(const struct proto *proto, const char *name)
{
	for (const struct proto_buffer *b = proto->buffers; b && b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

static int buffer_push(lua_State *L, struct tx *tx, const struct method *m)
{
	const struct match_context *c = script_of(L)->c;
	const struct proto_buffer *b = buffer_of(c->f->app->proto, m->what);
	enum direction d = direction_of(L, m);
	struct buffer_view v;
	lua_Integer n = 0;

	if (m->kind == METHOD_TEXT) {
		if (!b || !b->get(c->w, c->f, tx, d, 0, &v))
			return script_nothing(L, "no such value");
		lua_pushlstring(L, (const char *)v.data, v.len);
		return 1;
	}
	lua_newtable(L);
	for (unsigned i = 0; b && i < INSTANCES_MAX && b->get(c->w, c->f, tx, d, i, &v); i++) {
		lua_pushlstring(L, (const char *)v.data, v.len);
		lua_rawseti(L, -2, ++n);
		if (!(b->flags & BUFFER_MULTI))
			break;
	}
	return n ? 1 : script_nothing(L, "no such value");
}

static bool value_get(lua_State *L, struct tx *tx, const struct method *m, uint64_t *out)
{
	const struct match_context *c = script_of(L)->c;

	for (const struct proto_value *v = c->f->app->proto->values; v && v->name; v++)
		if (strcmp(v->name, m->what) == 0)
			return v->get ? v->get(c->w, c->f, tx, direction_of(L, m), out)
				      : v->get_multi(c->w, c->f, tx, direction_of(L, m), 0, out);
	return false;
}

/* As the record "tls" names it. */
static const char *version_name(uint64_t v)
{
	static const char *const names[] = {"SSLv3", "TLSv1", "TLS 1.1", "TLS 1.2", "TLS 1.3"};

	if (v == 2)
		return "SSLv2";
	return v >= 0x0300 && v <= 0x0304 ? names[v - 0x0300] : "UNDETERMINED";
}

/* Upvalues: library, method. */
static int method_call(lua_State *L)
{
	const struct method *m = lua_touserdata(L, lua_upvalueindex(2));
	struct tx *tx = tx_here(L);
	uint64_t v;

	if (!tx)
		return script_nothing(L, "no transaction");
	if (m->kind == METHOD_TEXT || m->kind == METHOD_LIST)
		return buffer_push(L, tx, m);
	if (!value_get(L, tx, m, &v))
		return script_nothing(L, "no such value");
	if (m->kind == METHOD_VERSION)
		lua_pushstring(L, version_name(v));
	else
		lua_pushinteger(L, (lua_Integer)v);
	return 1;
}

/* ---- DNS ---- */

static const struct dns_message *message_of(lua_State *L)
{
	struct tx *tx = tx_of(L, APP_dns);

	return tx ? &((const struct dns_tx *)(const void *)tx)->m : NULL;
}

static int dns_txid(lua_State *L)
{
	const struct dns_message *m = message_of(L);

	if (!m)
		return script_nothing(L, "no transaction");
	lua_pushinteger(L, m->id);
	return 1;
}

static int dns_rcode_string(lua_State *L)
{
	const struct dns_message *m = message_of(L);
	char text[8];

	if (!m)
		return script_nothing(L, "no transaction");
	lua_pushstring(L, dns_rcode_name(m->flags, text));
	return 1;
}

static int dns_recursion_desired(lua_State *L)
{
	const struct dns_message *m = message_of(L);

	lua_pushboolean(L, m && (m->flags & 0x0100));
	return 1;
}

static void name_field(lua_State *L, const char *key, const struct dns_name *name)
{
	lua_pushlstring(L, (const char *)name->text.data, name->text.len);
	lua_setfield(L, -2, key);
}

static void type_field(lua_State *L, uint16_t type)
{
	char text[8];

	lua_pushstring(L, dns_type_name(type, text));
	lua_setfield(L, -2, "type");
}

/* By number from 0. */
static int dns_queries(lua_State *L)
{
	const struct dns_message *m = message_of(L);

	if (!m)
		return script_nothing(L, "no transaction");
	lua_newtable(L);
	for (uint32_t i = 0; i < m->question_count; i++) {
		lua_newtable(L);
		type_field(L, m->questions[i].type);
		name_field(L, "rrname", &m->questions[i].name);
		lua_rawseti(L, -2, i);
	}
	return 1;
}

static int records_push(lua_State *L, enum dns_section section)
{
	const struct dns_message *m = message_of(L);
	char text[ADDR_TEXT_MAX];

	if (!m)
		return script_nothing(L, "no transaction");
	lua_newtable(L);
	for (uint32_t i = 0; i < m->record_count[section]; i++) {
		const struct dns_record *rr = &m->records[section][i];
		struct addr a = {{0}};

		lua_newtable(L);
		type_field(L, rr->type);
		name_field(L, "rrname", &rr->name);
		lua_pushinteger(L, rr->ttl);
		lua_setfield(L, -2, "ttl");
		if (rr->raw.len == 4 || rr->raw.len == 16) {
			memcpy(a.b, rr->raw.data, rr->raw.len);
			lua_pushstring(L, addr_format(&a, rr->raw.len == 4 ? 4 : 6, text));
			lua_setfield(L, -2, "addr");
		} else if (rr->target.text.len) {
			name_field(L, "addr", &rr->target);
		}
		lua_rawseti(L, -2, i);
	}
	return 1;
}

static int dns_answers(lua_State *L)
{
	return records_push(L, DNS_ANSWER);
}

static int dns_authorities(lua_State *L)
{
	return records_push(L, DNS_AUTHORITY);
}

static const luaL_Reg dns_methods[] = {{"txid", dns_txid}, {"rcode_string", dns_rcode_string},
				       {"recursion_desired", dns_recursion_desired},
				       {"queries", dns_queries}, {"answers", dns_answers},
				       {"authorities", dns_authorities}, {NULL, NULL}};

/* ---- HTTP: one header by name ---- */

/* Upvalue 1: the buffer with lines "name: value". */
static int http_header(lua_State *L)
{
	const struct method *m = lua_touserdata(L, lua_upvalueindex(1));
	struct tx *tx = tx_of(L, APP_http);
	size_t n;
	const char *name = luaL_checklstring(L, 2, &n), *at, *end;

	if (!tx || buffer_push(L, tx, m) != 1)
		return script_nothing(L, "no such header");
	at = lua_tolstring(L, -1, NULL);
	end = at + lua_rawlen(L, -1);
	script_steps(L, (uint32_t)(end - at) / 16);
	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		const char *next = line ? line + 1 : end;

		if ((size_t)(next - at) > n && at[n] == ':' && strncasecmp(at, name, n) == 0) {
			const char *value = at + n + 1;

			while (value < next && *value == ' ')
				value++;
			while (next > value && (next[-1] == '\n' || next[-1] == '\r'))
				next--;
			lua_pushlstring(L, value, (size_t)(next - value));
			return 1;
		}
		at = next;
	}
	return script_nothing(L, "no such header");
}

static void http_methods(lua_State *L)
{
	static const struct method headers[] = {{"http", "request_header", METHOD_TEXT, TO_SERVER, "http.header"},
						{"http", "response_header", METHOD_TEXT, TO_CLIENT, "http.header"}};

	for (size_t i = 0; i < 2; i++) {
		lua_pushlightuserdata(L, (void *)(uintptr_t)&headers[i]);
		lua_pushcclosure(L, http_header, 1);
		lua_setfield(L, -2, headers[i].name);
	}
}

/* ---- libraries ---- */

/* What the engine does in any case: enable_ja3, enable_hassh. */
static int enabled(lua_State *L)
{
	(void)L;
	return 0;
}

/* Upvalues: library, the object. */
static int get_tx(lua_State *L)
{
	if (!tx_here(L))
		return script_nothing(L, "the flow has no transaction of that protocol");
	lua_pushvalue(L, lua_upvalueindex(2));
	return 1;
}

/* An object is a table without data: methods look at the run. */
static void object_push(lua_State *L, const struct library *lib)
{
	lua_newtable(L);
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		if (strcmp(methods[i].library, lib->name) != 0)
			continue;
		lua_pushlightuserdata(L, (void *)(uintptr_t)lib);
		lua_pushlightuserdata(L, (void *)(uintptr_t)&methods[i]);
		lua_pushcclosure(L, method_call, 2);
		lua_setfield(L, -2, methods[i].name);
	}
	if (lib->app == APP_dns)
		luaL_setfuncs(L, dns_methods, 0);
	if (lib->app == APP_http)
		http_methods(L);
}

bool script_app_push(lua_State *L, const char *name)
{
	const struct library *lib = strncmp(name, "suricata.", 9) == 0 ? library_find(name + 9) : NULL;
	static const luaL_Reg functions[] = {{"enable_ja3", enabled}, {"enable_ja4", enabled},
					     {"enable_hassh", enabled}, {NULL, NULL}};

	if (!lib)
		return false;
	lua_newtable(L);
	luaL_setfuncs(L, functions, 0);
	lua_pushlightuserdata(L, (void *)(uintptr_t)lib);
	object_push(L, lib);
	lua_pushcclosure(L, get_tx, 2);
	lua_setfield(L, -2, "get_tx");
	return true;
}

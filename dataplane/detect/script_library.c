/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What scripts ask beyond protocols: suricata.packet, .flow, .rule, .base64, .hashlib, .bytevar,
 * .flowvar, .dataset, and .log, .util, .config, which say and do what the sandbox allows. Objects are
 * tables of methods that look at the run in hand; hashes keep their state in Lua's memory.
 * Runs in the workers.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls that keep their state in our memory */
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dataplane/detect/script.h"
#include "dataplane/base/hex.h"
#include "rules/lists/lists.h"

#define TIME_TEXT_MAX 40

static const struct match_context *context(lua_State *L)
{
	const struct match_context *c = script_of(L)->c;

	if (!c)
		luaL_error(L, "there is no packet here");
	return c;
}

/* A function get() that gives the object with these methods. */
static void getter_push(lua_State *L, const char *name, lua_CFunction get, const luaL_Reg *methods)
{
	lua_newtable(L);
	lua_newtable(L);
	luaL_setfuncs(L, methods, 0);
	lua_pushcclosure(L, get, 1);
	lua_setfield(L, -2, name);
}

static int get_object(lua_State *L)
{
	context(L);
	lua_pushvalue(L, lua_upvalueindex(1));
	return 1;
}

static int time_push(lua_State *L, uint64_t ns)
{
	char text[TIME_TEXT_MAX];
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%06u+0000", (unsigned)(ns / 1000 % 1000000));
	lua_pushstring(L, text);
	return 1;
}

static int addresses_push(lua_State *L, uint8_t version, const struct addr *src, const struct addr *dst,
			  uint8_t proto, unsigned sport, unsigned dport)
{
	char text[ADDR_TEXT_MAX];

	lua_pushinteger(L, version);
	lua_pushstring(L, addr_format(src, version, text));
	lua_pushstring(L, addr_format(dst, version, text));
	lua_pushinteger(L, proto);
	lua_pushinteger(L, sport);
	lua_pushinteger(L, dport);
	return 6;
}

/* ---- suricata.packet ---- */

static int packet_payload(lua_State *L)
{
	const struct packet *p = context(L)->p;

	lua_pushlstring(L, p->payload ? (const char *)p->payload : "", p->payload ? p->payload_len : 0);
	return 1;
}

static int packet_bytes(lua_State *L)
{
	const struct packet *p = context(L)->p;

	lua_pushlstring(L, p->data ? (const char *)p->data : "", p->data ? p->len : 0);
	return 1;
}

static int packet_number(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)context(L)->p->number);
	return 1;
}

static int packet_time(lua_State *L)
{
	return time_push(L, context(L)->p->ts_ns);
}

static int packet_timestamp(lua_State *L)
{
	uint64_t ns = context(L)->p->ts_ns;

	lua_pushinteger(L, (lua_Integer)(ns / 1000000000u));
	lua_pushinteger(L, (lua_Integer)(ns / 1000 % 1000000));
	return 2;
}

static int packet_tuple(lua_State *L)
{
	const struct packet *p = context(L)->p;
	bool ports = packet_has_ports(p);

	if (!p->ip_version)
		return script_nothing(L, "not an IP packet");
	return addresses_push(L, p->ip_version, &p->src, &p->dst, p->ip_proto, ports ? p->sport : 0,
			      ports ? p->dport : 0);
}

static int packet_sp(lua_State *L)
{
	if (!packet_has_ports(context(L)->p))
		return script_nothing(L, "sp only available for tcp, udp and sctp");
	lua_pushinteger(L, context(L)->p->sport);
	return 1;
}

static int packet_dp(lua_State *L)
{
	if (!packet_has_ports(context(L)->p))
		return script_nothing(L, "dp only available for tcp, udp and sctp");
	lua_pushinteger(L, context(L)->p->dport);
	return 1;
}

static const luaL_Reg packet_methods[] = {
	{"payload", packet_payload}, {"packet", packet_bytes}, {"pcap_cnt", packet_number},
	{"timestring_iso8601", packet_time}, {"timestamp", packet_timestamp}, {"tuple", packet_tuple},
	{"sp", packet_sp}, {"dp", packet_dp}, {NULL, NULL}};

/* ---- suricata.flow ---- */

static const struct flow *flow_here(lua_State *L)
{
	const struct flow *f = context(L)->f;

	if (!f)
		luaL_error(L, "the packet has no flow");
	return f;
}

static int flow_get(lua_State *L)
{
	if (!context(L)->f)
		return script_nothing(L, "the packet has no flow");
	return get_object(L);
}

static int flow_id(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)flow_cold(flow_here(L))->id);
	return 1;
}

static int flow_proto(lua_State *L)
{
	const struct flow *f = flow_here(L);
	const struct app_session *s = f->app;
	const uint8_t all[] = {f->app_proto, app_proto_in(f, TO_SERVER), app_proto_in(f, TO_CLIENT),
			       s ? s->proto_original : 0, s ? s->proto_expected : 0};

	for (size_t i = 0; i < sizeof(all); i++)
		lua_pushstring(L, all[i] == APP_UNKNOWN ? "unknown" : app_proto_names[all[i]]);
	return sizeof(all);
}

static int flow_has_alerts(lua_State *L)
{
	lua_pushboolean(L, (flow_here(L)->flags & FLOW_ALERTED) != 0);
	return 1;
}

static int flow_stats(lua_State *L)
{
	const struct flow *f = flow_here(L);

	for (unsigned d = 0; d < 2; d++) {
		lua_pushinteger(L, (lua_Integer)f->packets[d]);
		lua_pushinteger(L, (lua_Integer)f->bytes[d]);
	}
	return 4;
}

static int flow_tuple(lua_State *L)
{
	const struct flow *f = flow_here(L);

	return addresses_push(L, f->ip_version, &f->client, &f->server, f->ip_proto, f->client_port, f->server_port);
}

static int flow_timestamps(lua_State *L)
{
	const struct flow *f = flow_here(L);

	lua_pushinteger(L, (lua_Integer)(flow_cold(f)->start_ns / 1000000000u));
	lua_pushinteger(L, (lua_Integer)(f->last_ns / 1000000000u));
	lua_pushinteger(L, (lua_Integer)(flow_cold(f)->start_ns / 1000 % 1000000));
	lua_pushinteger(L, (lua_Integer)(f->last_ns / 1000 % 1000000));
	return 4;
}

static int flow_time(lua_State *L)
{
	return time_push(L, flow_cold(flow_here(L))->start_ns);
}

static const luaL_Reg flow_methods[] = {
	{"id", flow_id}, {"app_layer_proto", flow_proto}, {"has_alerts", flow_has_alerts}, {"stats", flow_stats},
	{"tuple", flow_tuple}, {"timestamps", flow_timestamps}, {"timestring_iso8601", flow_time}, {NULL, NULL}};

/* ---- suricata.rule ---- */

#define RULE_NUMBER(name, expression)                                                              \
	static int rule_##name(lua_State *L)                                                       \
	{                                                                                          \
		const struct rule *rule = script_of(L)->use->rule;                                 \
		lua_pushinteger(L, expression);                                                    \
		return 1;                                                                          \
	}

#define RULE_TEXT(name, expression)                                                                \
	static int rule_##name(lua_State *L)                                                       \
	{                                                                                          \
		static const char *const actions[] = {"alert", "pass", "drop", "reject",           \
						      "rejectdst", "rejectboth", "config"};        \
		const struct rule *rule = script_of(L)->use->rule;                                 \
		(void)actions;                                                                     \
		lua_pushstring(L, expression);                                                     \
		return 1;                                                                          \
	}

RULE_NUMBER(gid, rule->gid)
RULE_NUMBER(sid, rule->sid)
RULE_NUMBER(rev, rule->rev)
RULE_NUMBER(priority, rule->priority)
RULE_TEXT(msg, rule->msg ? rule->msg : "")
RULE_TEXT(class_description, rule->category ? rule->category : "")
RULE_TEXT(action, rule->action < sizeof(actions) / sizeof(*actions) ? actions[rule->action] : "alert")

static const luaL_Reg rule_methods[] = {
	{"gid", rule_gid}, {"sid", rule_sid}, {"rev", rule_rev}, {"priority", rule_priority}, {"msg", rule_msg},
	{"class_description", rule_class_description}, {"action", rule_action}, {NULL, NULL}};

/* ---- suricata.base64 ---- */

static int encode(lua_State *L, bool pad)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n, at = 0;
	const uint8_t *in = (const uint8_t *)luaL_checklstring(L, 1, &n);
	luaL_Buffer b;
	char *out = luaL_buffinitsize(L, &b, (n + 2) / 3 * 4);

	script_steps(L, (uint32_t)(n / 16));
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0) |
			     (i + 2 < n ? in[i + 2] : 0);
		size_t count = n - i < 3 ? n - i + 1 : 4;

		for (size_t k = 0; k < 4; k++)
			if (k < count)
				out[at++] = digits[v >> (18 - 6 * k) & 63];
			else if (pad)
				out[at++] = '=';
	}
	luaL_pushresultsize(&b, at);
	return 1;
}

static int base64_encode(lua_State *L)
{
	return encode(L, true);
}

static int base64_encode_nopad(lua_State *L)
{
	return encode(L, false);
}

static int decode(lua_State *L, bool skip)
{
	size_t n;
	const uint8_t *in = (const uint8_t *)luaL_checklstring(L, 1, &n);
	luaL_Buffer b;
	char *out = luaL_buffinitsize(L, &b, n / 4 * 3 + 3);

	script_steps(L, (uint32_t)(n / 16));
	luaL_pushresultsize(&b, base64_decode(in, (uint32_t)n, skip, (uint8_t *)out, (uint32_t)(n / 4 * 3 + 3)));
	return 1;
}

static int base64_decode_strict(lua_State *L)
{
	return decode(L, false);
}

static int base64_decode_loose(lua_State *L)
{
	return decode(L, true);
}

static const luaL_Reg base64_functions[] = {
	{"encode", base64_encode}, {"encode_nopad", base64_encode_nopad}, {"decode", base64_decode_strict},
	{"decode_nopad", base64_decode_strict}, {"decode_padopt", base64_decode_strict},
	{"decode_rfc2045", base64_decode_loose}, {"decode_rfc4648", base64_decode_strict}, {NULL, NULL}};

/* ---- suricata.hashlib ---- */

enum hash_kind { HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_KINDS };

static const char *const hash_names[] = {"md5", "sha1", "sha256"};
static const unsigned hash_lengths[] = {MD5_DIGEST_LENGTH, SHA_DIGEST_LENGTH, SHA256_DIGEST_LENGTH};

struct hasher {
	uint8_t kind;
	union {
		MD5_CTX md5;
		SHA_CTX sha1;
		SHA256_CTX sha256;
	} u;
};

static void hash_begin(struct hasher *h, unsigned kind)
{
	h->kind = (uint8_t)kind;
	if (kind == HASH_MD5)
		MD5_Init(&h->u.md5);
	else if (kind == HASH_SHA1)
		SHA1_Init(&h->u.sha1);
	else
		SHA256_Init(&h->u.sha256);
}

static void hash_add(lua_State *L, struct hasher *h, int at)
{
	size_t n;
	const char *data = luaL_checklstring(L, at, &n);

	script_steps(L, (uint32_t)(n / 4));
	if (h->kind == HASH_MD5)
		MD5_Update(&h->u.md5, data, n);
	else if (h->kind == HASH_SHA1)
		SHA1_Update(&h->u.sha1, data, n);
	else
		SHA256_Update(&h->u.sha256, data, n);
}

static int hash_end(lua_State *L, struct hasher *h, bool hex)
{
	uint8_t out[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH];
	unsigned n = hash_lengths[h->kind];

	if (h->kind == HASH_MD5)
		MD5_Final(out, &h->u.md5);
	else if (h->kind == HASH_SHA1)
		SHA1_Final(out, &h->u.sha1);
	else
		SHA256_Final(out, &h->u.sha256);
	hex_put(text, out, n);
	lua_pushlstring(L, hex ? text : (const char *)out, hex ? 2 * n : n);
	return 1;
}

/* Upvalues: kind; is it hexadecimal? */
static int hash_once(lua_State *L)
{
	struct hasher h;

	hash_begin(&h, (unsigned)lua_tointeger(L, lua_upvalueindex(1)));
	hash_add(L, &h, 1);
	return hash_end(L, &h, lua_toboolean(L, lua_upvalueindex(2)));
}

#define HASHER "hasher"

static int hash_new(lua_State *L)
{
	struct hasher *h = lua_newuserdatauv(L, sizeof(*h), 0);

	hash_begin(h, (unsigned)lua_tointeger(L, lua_upvalueindex(1)));
	luaL_setmetatable(L, HASHER);
	return 1;
}

static int hash_update(lua_State *L)
{
	hash_add(L, luaL_checkudata(L, 1, HASHER), 2);
	return 0;
}

static int hash_finalize(lua_State *L)
{
	return hash_end(L, luaL_checkudata(L, 1, HASHER), false);
}

static int hash_finalize_hex(lua_State *L)
{
	return hash_end(L, luaL_checkudata(L, 1, HASHER), true);
}

static void hashlib_push(lua_State *L)
{
	static const luaL_Reg methods[] = {{"update", hash_update}, {"finalize", hash_finalize},
					   {"finalize_to_hex", hash_finalize_hex}, {NULL, NULL}};
	char name[32];

	luaL_newmetatable(L, HASHER);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
	lua_newtable(L);
	for (unsigned kind = 0; kind < HASH_KINDS; kind++) {
		lua_pushinteger(L, kind);
		lua_pushcclosure(L, hash_new, 1);
		lua_setfield(L, -2, hash_names[kind]);
		for (int hex = 0; hex < 2; hex++) {
			lua_pushinteger(L, kind);
			lua_pushboolean(L, hex);
			lua_pushcclosure(L, hash_once, 2);
			snprintf(name, sizeof(name), "%s_%s", hash_names[kind], hex ? "hexdigest" : "digest");
			lua_setfield(L, -2, name);
		}
	}
}

/* ---- suricata.bytevar: what byte_extract and byte_math of the rule set ---- */

static const struct script_variable *variable_find(lua_State *L, const char *name)
{
	const struct script_use *use = script_of(L)->use;

	for (uint32_t i = 0; i < use->variable_count; i++)
		if (strcmp(use->variables[i].name, name) == 0)
			return &use->variables[i];
	luaL_error(L, "the rule sets no variable %s before the script", name);
	return NULL;
}

static int bytevar_map(lua_State *L)
{
	variable_find(L, luaL_checkstring(L, 2));
	return 0;
}

/* Upvalue: its number. */
static int bytevar_value(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)context(L)->s->chain.values[lua_tointeger(L, lua_upvalueindex(1))]);
	return 1;
}

static int bytevar_get(lua_State *L)
{
	const struct script_variable *v = variable_find(L, luaL_checkstring(L, 1));

	lua_newtable(L);
	lua_pushinteger(L, v->index);
	lua_pushcclosure(L, bytevar_value, 1);
	lua_setfield(L, -2, "value");
	return 1;
}

static const luaL_Reg bytevar_functions[] = {{"map", bytevar_map}, {"get", bytevar_get}, {NULL, NULL}};

/* ---- suricata.flowvar ---- */

/* Upvalue: the name. */
static int flowvar_value(lua_State *L)
{
	const char *name = lua_tostring(L, lua_upvalueindex(1));
	const struct flow *f = context(L)->f;
	const struct detect_flow *d = f ? flow_cold(f)->detect : NULL;

	for (uint32_t i = 0; d && i < d->var_count; i++)
		if (!d->vars[i].entropy && strcmp(d->vars[i].name, name) == 0) {
			lua_pushlstring(L, (const char *)d->vars[i].value, d->vars[i].len);
			return 1;
		}
	lua_pushnil(L);
	return 1;
}

static int flowvar_set(lua_State *L)
{
	const struct match_context *c = context(L);
	size_t n;
	const char *value = luaL_checklstring(L, 2, &n);
	lua_Integer wanted = luaL_optinteger(L, 3, (lua_Integer)n);

	if (wanted >= 0 && (size_t)wanted < n)
		n = (size_t)wanted;
	if (n > CAPTURE_MAX)
		n = CAPTURE_MAX;
	if (c->f)
		flow_variable_set(c->w, c->f, lua_tostring(L, lua_upvalueindex(1)), value, (uint32_t)n);
	return 0;
}

static int flowvar_register(lua_State *L)
{
	luaL_checkstring(L, 1);
	return 0;
}

static int flowvar_get(lua_State *L)
{
	luaL_checkstring(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, flowvar_value, 1);
	lua_setfield(L, -2, "value");
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, flowvar_set, 1);
	lua_setfield(L, -2, "set");
	return 1;
}

static const luaL_Reg flowvar_functions[] = {{"register", flowvar_register}, {"get", flowvar_get}, {NULL, NULL}};

/* ---- suricata.dataset: lists that rules of the set name ---- */

static struct list *list_of(lua_State *L)
{
	struct list *list;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "list");
	list = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return list;
}

static int dataset_get(lua_State *L)
{
	struct script *st = script_of(L);
	const struct detect_state *s = st->w->detect;
	const struct detect_program *p = s ? s->program : NULL;
	struct list *list = p ? lists_named(p->set->lists, luaL_checkstring(L, 2)) : NULL;

	if (!list && !st->loading)
		return script_nothing(L, "no rule names that list");
	lua_pushlightuserdata(L, list);
	lua_setfield(L, 1, "list");
	return 0;
}

static int dataset_add(lua_State *L)
{
	struct list *list = list_of(L);
	size_t n;
	const char *value = luaL_checklstring(L, 2, &n);

	if (!list)
		return script_nothing(L, "no rule names that list");
	switch (list_add(list, (const uint8_t *)value, (uint32_t)n, 0, NULL, 0)) {
	case LIST_NEW:
		lua_pushinteger(L, 1);
		return 1;
	case LIST_KNOWN:
		lua_pushinteger(L, 2);
		return 1;
	default:
		return script_nothing(L, "the list takes no more");
	}
}

static int dataset_new(lua_State *L)
{
	static const luaL_Reg methods[] = {{"get", dataset_get}, {"add", dataset_add}, {NULL, NULL}};

	luaL_newlib(L, methods);
	return 1;
}

static const luaL_Reg dataset_functions[] = {{"new", dataset_new}, {NULL, NULL}};

/* ---- suricata.log, .util, .config ---- */

static int ignored(lua_State *L)
{
	(void)L;
	return 0;
}

static int thread_info(lua_State *L)
{
	char name[24];

	snprintf(name, sizeof(name), "W#%02u", script_of(L)->w->id);
	lua_newtable(L);
	lua_pushinteger(L, script_of(L)->w->id);
	lua_setfield(L, -2, "id");
	lua_pushstring(L, name);
	lua_setfield(L, -2, "name");
	return 1;
}

static const luaL_Reg log_functions[] = {{"info", ignored}, {"notice", ignored}, {"warning", ignored},
					 {"error", ignored}, {"debug", ignored}, {"config", ignored},
					 {"perf", ignored}, {NULL, NULL}};
static const luaL_Reg util_functions[] = {{"thread_info", thread_info}, {NULL, NULL}};

bool script_library_push(lua_State *L, const char *name)
{
	static const struct {
		const char *name;
		const luaL_Reg *functions;
	} libraries[] = {{"suricata.base64", base64_functions}, {"suricata.bytevar", bytevar_functions},
			 {"suricata.flowvar", flowvar_functions}, {"suricata.dataset", dataset_functions},
			 {"suricata.log", log_functions}, {"suricata.util", util_functions}};

	if (strcmp(name, "suricata.packet") == 0)
		getter_push(L, "get", get_object, packet_methods);
	else if (strcmp(name, "suricata.flow") == 0)
		getter_push(L, "get", flow_get, flow_methods);
	else if (strcmp(name, "suricata.rule") == 0)
		getter_push(L, "get_rule", get_object, rule_methods);
	else if (strcmp(name, "suricata.hashlib") == 0)
		hashlib_push(L);
	else {
		for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
			if (strcmp(libraries[i].name, name) == 0) {
				lua_newtable(L);
				luaL_setfuncs(L, libraries[i].functions, 0);
				return true;
			}
		return false;
	}
	return true;
}

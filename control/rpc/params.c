/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of methods: checked once, against the table, before a method runs.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/base/when.h"
#include "control/contact/kinds.h"
#include "control/rpc/blocks.h"
#include "control/rpc/rpc_private.h"

#define PARAM_NAME_MAX 32

struct param_rule {
	char name[PARAM_NAME_MAX], type[PARAM_NAME_MAX];
	bool optional;
};

/* Reads the next rule of the table's text; false at its end. */
static bool next_rule(const char **at, struct param_rule *rule)
{
	const char *p = *at + strspn(*at, " ");
	size_t name = strcspn(p, ":? "), type;

	if (!*p)
		return false;
	*rule = (struct param_rule){0};
	memcpy(rule->name, p, name);
	p += name;
	rule->optional = *p == '?';
	p += rule->optional + 1;
	type = strcspn(p, " ");
	memcpy(rule->type, p, type);
	*at = p + type;
	return true;
}

static bool read_uint(const json_t *v, uint64_t *out)
{
	const char *text = json_string_value(v);
	char *end;

	if (json_is_integer(v)) {
		*out = (uint64_t)json_integer_value(v);
		return json_integer_value(v) >= 0;
	}
	if (!text || !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !*end && !errno;
}

static bool read_time(const json_t *v, uint64_t *ns)
{
	if (json_is_string(v))
		return time_parse(json_string_value(v), ns);
	if (!json_is_number(v) || json_number_value(v) < 0 || json_number_value(v) > 1.8e10)
		return false;
	*ns = (uint64_t)(json_number_value(v) * 1e6 + 0.5) * 1000;
	return true;
}

static bool read_bool(const json_t *v, bool *out)
{
	const char *text = json_string_value(v);

	if (json_is_boolean(v))
		*out = json_is_true(v);
	else if (text && (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0))
		*out = true;
	else if (text && (strcmp(text, "no") == 0 || strcmp(text, "false") == 0))
		*out = false;
	else
		return false;
	return true;
}

/* What a value of that type must be, for a person; NULL: it is. */
static const char *wrong(const json_t *v, const char *type)
{
	const char *text = json_string_value(v);
	struct addr_prefix prefix;
	struct addr a;
	uint64_t n;
	bool b;

	if (strcmp(type, "uint") == 0)
		return read_uint(v, &n) ? NULL : "a number";
	if (strcmp(type, "bool") == 0)
		return read_bool(v, &b) ? NULL : "true or false";
	if (strcmp(type, "time") == 0)
		return read_time(v, &n) ? NULL
					: "a time such as 2024-01-31T09:30:00, 2024-01-31 or 2h";
	if (strcmp(type, "list") == 0)
		return json_is_array(v) ? NULL : "a list";
	if (!text)
		return "a text";
	if (strcmp(type, "addr") == 0)
		return addr_parse(text, &a) ? NULL : "an IP address";
	if (strcmp(type, "prefix") == 0)
		return addr_prefix_parse(text, &prefix) == 0 ? NULL
							     : "an IP address or network";
	if (strcmp(type, "target") == 0)
		return kept_block_parse(text, &(struct kept_block){0}) == 0
			       ? NULL
			       : "an IP address, a network such as 10.0.0.0/8, or a flow such as "
				 "10.0.0.7:4711-203.0.113.5:443/tcp";
	if (strcmp(type, "kind") == 0)
		return indicator_kind_by_name(text) ? NULL : INDICATOR_KIND_NAMES;
	return NULL;
}

bool params_check(struct rpc_call *call, const struct rpc_method *method)
{
	const char *at = method->params;
	struct param_rule rule;
	const char *name;
	size_t known = 0;
	json_t *v;

	while (next_rule(&at, &rule)) {
		const char *must;

		v = json_object_get(call->params, rule.name);
		if (json_is_null(v))
			known++;
		if (!v || json_is_null(v)) {
			if (rule.optional)
				continue;
			rpc_fail(call, RPC_PARAMS, "%s: parameter %s is missing", method->name,
				 rule.name);
			return false;
		}
		known++;
		must = wrong(v, rule.type);
		if (must) {
			rpc_fail(call, RPC_PARAMS, "%s: parameter %s must be %s", method->name,
				 rule.name, must);
			return false;
		}
	}
	if (known == json_object_size(call->params))
		return true;
	json_object_foreach((json_t *)(uintptr_t)call->params, name, v) {
		bool found = false;

		for (at = method->params; !found && next_rule(&at, &rule);)
			found = strcmp(rule.name, name) == 0;
		if (!found) {
			rpc_fail(call, RPC_PARAMS, "%s: there is no parameter %.40s; it has: %s",
				 method->name, name, *method->params ? method->params : "none");
			return false;
		}
	}
	return true;
}

const char *param_text(const struct rpc_call *call, const char *name)
{
	return json_string_value(json_object_get(call->params, name));
}

uint64_t param_uint(const struct rpc_call *call, const char *name, uint64_t otherwise)
{
	uint64_t v;

	return read_uint(json_object_get(call->params, name), &v) ? v : otherwise;
}

bool param_bool(const struct rpc_call *call, const char *name)
{
	bool v;

	return read_bool(json_object_get(call->params, name), &v) && v;
}

bool param_time(const struct rpc_call *call, const char *name, uint64_t *ns)
{
	return read_time(json_object_get(call->params, name), ns);
}

int param_addr(const struct rpc_call *call, const char *name, struct addr *a)
{
	const char *text = param_text(call, name);

	return text ? addr_parse(text, a) : 0;
}

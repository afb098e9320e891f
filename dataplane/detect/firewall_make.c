/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Makes the tables of the firewall: rules by hook in the order of their files, policies from
 * firewall.policies. Everything must be as it is written: a firewall rule that cannot be judged, or a
 * policy that is not understood, is an error, since what was not meant would pass or be dropped.
 * Runs in the main thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/detect/bind.h"
#include "dataplane/detect/firewall.h"

#define PATH_BYTES 96
#define PREFIX "firewall.policies."

/* ---- lists ---- */

static bool list_append(uint32_t **list, uint32_t *count, uint32_t entry)
{
	uint32_t *more = realloc(*list, (*count + 1u) * sizeof(*more));

	if (!more)
		return false;
	*list = more;
	more[(*count)++] = entry;
	return true;
}

bool early_rules_make(struct detect_program *p)
{
	for (uint32_t i = 0; i < p->rule_count; i++) {
		uint32_t flags = p->rules[i].flags;
		unsigned hook = flags & RULE_PRE_FLOW ? DETECT_PRE_FLOW : DETECT_PRE_STREAM;

		if ((flags & (RULE_PRE_FLOW | RULE_PRE_STREAM)) && !p->rules[i].refused &&
		    !list_append(&p->early[hook].rules, &p->early[hook].count, i))
			return false;
	}
	return true;
}

/* ---- policies ---- */

/* Is it the key written with _ for -, or the other way round, in any mixture? */
static bool key_same(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

static const char *policy_text(const struct config_map *m, const char *level, const char *name)
{
	char key[PATH_BYTES];

	snprintf(key, sizeof(key), "%s%s%s", level, *level ? "." : "", name);
	for (size_t i = 0; i < m->count; i++)
		if (key_same(m->keys[i], key))
			return m->values[i];
	return NULL;
}

/* "drop:flow", also as the only item of a list. */
static bool policy_parse(const char *text, struct firewall_policy *out)
{
	static const struct {
		const char *text;
		struct firewall_policy policy;
	} rows[] = {
		{"accept:hook", {ACTION_ACCEPT, SCOPE_HOOK}},	  {"accept:tx", {ACTION_ACCEPT, SCOPE_TX}},
		{"accept:packet", {ACTION_ACCEPT, SCOPE_PACKET}}, {"accept:flow", {ACTION_ACCEPT, SCOPE_FLOW}},
		{"drop:packet", {ACTION_DROP, SCOPE_PACKET}},	  {"drop:flow", {ACTION_DROP, SCOPE_FLOW}},
	};
	size_t n;

	text += strspn(text, "[\"' ");
	n = strcspn(text, "]\"' ");
	if (text[n + strspn(text + n, "]\"' ")] != '\0')
		return false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strlen(rows[i].text) == n && memcmp(rows[i].text, text, n) == 0) {
			*out = rows[i].policy;
			return true;
		}
	return false;
}

struct policy_place {
	const char *levels[3]; /* the narrowest first; NULL: none */
	const char *name;
	bool app, flow;        /* may it be of a transaction, of a flow */
};

/* The narrowest setting, or what *out is. */
static bool policy_find(const struct config *c, const struct policy_place *place, struct firewall_policy *out,
			char *error, size_t size)
{
	const struct config_map *m = &c->firewall_policies;
	const char *text = policy_text(m, place->levels[0], place->name);

	for (unsigned i = 0; !text && i < 3; i++)
		if (place->levels[i])
			text = policy_text(m, place->levels[i], "default-policy");
	if (!text || (policy_parse(text, out) && (out->scope != SCOPE_TX || place->app) &&
		      (out->scope != SCOPE_FLOW || place->flow)))
		return true;
	snprintf(error, size, PREFIX "%s.%s: \"%s\" cannot be the policy there; write accept:hook, accept:packet%s%s "
		 "or drop:packet%s", place->levels[0], place->name, text, place->app ? ", accept:tx" : "",
		 place->flow ? ", accept:flow" : "", place->flow ? ", drop:flow" : "");
	return false;
}

static bool packet_policies(struct firewall *f, const struct config *c, char *error, size_t size)
{
	const struct policy_place filter = {{"packet", "", NULL}, "filter", false, true};
	const struct policy_place pre_flow = {{"packet", "", NULL}, "pre-flow", false, false};
	const struct policy_place pre_stream = {{"packet", "", NULL}, "pre-stream", false, true};

	f->filter = (struct firewall_policy){ACTION_DROP, SCOPE_PACKET};
	f->early[0] = f->early[1] = (struct firewall_policy){ACTION_ACCEPT, SCOPE_HOOK};
	return policy_find(c, &filter, &f->filter, error, size) &&
	       policy_find(c, &pre_flow, &f->early[DETECT_PRE_FLOW], error, size) &&
	       policy_find(c, &pre_stream, &f->early[DETECT_PRE_STREAM], error, size);
}

static bool app_make(struct firewall *f, const struct config *c, const struct proto *proto, unsigned d,
		     char *error, size_t size)
{
	struct firewall_app *app = &f->apps[proto->id][d];
	const char *name = strcmp(proto->name, "http") == 0 ? "http1" : proto->name;
	char level[PATH_BYTES];
	struct hook_list list;

	snprintf(level, sizeof(level), "app.%s", name);
	hook_list_make(proto, d, &list);
	for (unsigned i = 0; i < list.count; i++) {
		struct policy_place place = {{level, "app", ""}, list.hooks[i].name, true, true};

		app->hooks[i] = (struct firewall_hook){.progress = list.hooks[i].progress,
						       .policy = {ACTION_DROP, SCOPE_FLOW}};
		if (!policy_find(c, &place, &app->hooks[i].policy, error, size))
			return false;
	}
	app->count = list.count;
	return true;
}

/* Keys that name no level and no hook: nobody would notice that they do nothing. */
static bool policy_known(const char *key)
{
	static const char *const plain[] = {"default-policy", "packet.default-policy", "packet.filter",
					    "packet.pre-flow", "packet.pre-stream", "app.default-policy"};
	char other[PATH_BYTES];
	struct hook_list list;

	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (key_same(key, plain[i]))
			return true;
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++) {
		const struct proto *proto = app_protos[i];
		const char *name = proto ? proto->name : "";

		if (!proto)
			continue;
		if (strcmp(name, "http") == 0)
			name = "http1";
		snprintf(other, sizeof(other), "app.%s.default-policy", name);
		if (key_same(key, other))
			return true;
		for (unsigned d = 0; d < 2; d++) {
			hook_list_make(proto, d, &list);
			for (unsigned k = 0; k < list.count; k++) {
				snprintf(other, sizeof(other), "app.%s.%s", name, list.hooks[k].name);
				if (key_same(key, other))
					return true;
			}
		}
	}
	return false;
}

static bool policies_make(struct firewall *f, const struct config *c, char *error, size_t size)
{
	for (size_t i = 0; i < c->firewall_policies.count; i++)
		if (!policy_known(c->firewall_policies.keys[i])) {
			snprintf(error, size, PREFIX "%s: there is no such hook; write packet.filter, packet.pre_flow, "
				 "packet.pre_stream, app.PROTOCOL.HOOK, or default_policy", c->firewall_policies.keys[i]);
			return false;
		}
	if (!packet_policies(f, c, error, size))
		return false;
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++)
		for (unsigned d = 0; app_protos[i] && d < 2; d++)
			if (!app_make(f, c, app_protos[i], d, error, size))
				return false;
	return true;
}

/* ---- rules ---- */

/* Of a state that ends before what the rule asks for is there it would never hold in time. */
static bool binding_fits(struct binder *b, struct program_rule *r, const struct binding *binding,
			 const struct hook_list *list, int at)
{
	char reason[120];

	for (unsigned i = 0; i < binding->buffer_count; i++)
		for (unsigned k = (unsigned)at + 1; k < list->count; k++) {
			const struct program_proto *proto = b->program->protos[binding->app];

			if (binding->buffers[i].progress <= list->hooks[at].progress ||
			    list->hooks[k].progress != binding->buffers[i].progress)
				continue;
			snprintf(reason, sizeof(reason), "%s is there from hook %s on, not at %s",
				 proto->buffers[binding->buffers[i].buffer].source->name, list->hooks[k].name,
				 list->hooks[at].name);
			rule_refuse(b, r, reason);
			return false;
		}
	return true;
}

static bool app_rule_file(struct binder *b, struct firewall *f, uint32_t index)
{
	struct program_rule *r = &b->program->rules[index];

	for (unsigned i = 0; i < r->binding_count; i++) {
		const struct binding *binding = r->bindings[i];
		struct firewall_app *app = &f->apps[binding->app][binding->direction];
		struct hook_list list;
		int at;

		hook_list_make(app_protos[binding->app], binding->direction, &list);
		at = hook_find(app_protos[binding->app], &list, r->rule->hook, binding->direction);
		if (at < 0 || !binding_fits(b, r, binding, &list, at))
			continue;
		for (int k = 0; (r->flags & RULE_HOOKS_BEFORE) && k < at; k++)
			if (!list_append(&app->hooks[k].rules, &app->hooks[k].count, index | FIREWALL_AT_LATER_HOOK))
				return false;
		if (!list_append(&app->hooks[at].rules, &app->hooks[at].count, index))
			return false;
	}
	return true;
}

static bool rules_file(struct binder *b, struct firewall *f)
{
	for (uint32_t i = 0; i < f->rule_count; i++) {
		const struct program_rule *r = &b->program->rules[i];

		if (!r->refused && (r->flags & RULE_HAS_APP) && !app_rule_file(b, f, i))
			return false;
	}
	return true;
}

static bool refusal_tell(const struct detect_program *p, char *error, size_t size)
{
	for (uint32_t i = 0; i < p->refusal_count; i++) {
		const struct detect_refusal *no = &p->refusals[i];

		if (no->rule >= p->firewall->rule_count)
			continue;
		snprintf(error, size, "%s:%u: firewall rule %u cannot be judged: %s", no->file, no->line, no->sid,
			 no->reason);
		return true;
	}
	return false;
}

/* Every protocol has transactions to be judged, with rules or without. */
static bool protos_make(struct detect_program *p)
{
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++) {
		if (!app_protos[i] || p->protos[i])
			continue;
		p->protos[i] = calloc(1, sizeof(*p->protos[i]));
		if (!p->protos[i])
			return false;
		p->protos[i]->proto = app_protos[i];
	}
	return true;
}

bool firewall_make(struct binder *b, char *error, size_t error_size)
{
	struct detect_program *p = b->program;
	struct firewall *f = p->firewall = calloc(1, sizeof(*f));

	if (!f || !protos_make(p))
		return false;
	f->rule_count = b->firewall_count;
	return policies_make(f, p->config, error, error_size) && rules_file(b, f) &&
	       !refusal_tell(p, error, error_size);
}

void firewall_free(struct firewall *f)
{
	if (!f)
		return;
	for (unsigned i = 0; i < APP_PROTO_COUNT; i++)
		for (unsigned d = 0; d < 2; d++)
			for (unsigned k = 0; k < f->apps[i][d].count; k++)
				free(f->apps[i][d].hooks[k].rules);
	free(f);
}

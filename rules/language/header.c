/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The head of a rule: action, protocol, addresses, ports, direction; and the walk over nested sets
 * that addresses and ports share. Lists are walked with an explicit stack, so that hostile nesting
 * is a problem with a place and no depth of calls.
 */
#include "rules/language/header.h"

#include <stdio.h>

#include "rules/language/protocol.h"

/* One level of a walk: what is left of a list or of a variable's value. */
struct set_level {
	struct scan rest;
	bool excluded, list;
	int variable; /* index; -1: none */
};

struct set_stack {
	struct set_level levels[SET_DEPTH_MAX];
	int depth;
};

static bool set_push(struct set_walk *w, struct set_stack *stack, struct set_level level,
		     const char *at)
{
	if (stack->depth == SET_DEPTH_MAX)
		return draft_fail(w->d, w->place ? w->place : at, "nest less",
				  "%s lists and variables nest deeper than %d", w->what,
				  SET_DEPTH_MAX);
	stack->levels[stack->depth++] = level;
	return true;
}

static bool set_enter_variable(struct set_walk *w, struct set_stack *stack, struct scan *rest,
			       bool excluded)
{
	const char *at = rest->p++;
	struct scan name = *rest, value;
	int found = -1;

	while (rest->p < rest->end && !strchr(",[] \t", *rest->p))
		rest->p++;
	name.end = rest->p;
	for (size_t i = 0; i < w->variable_count; i++)
		if (scan_is(&name, w->names[i]))
			found = (int)i;
	if (found < 0)
		return draft_fail(w->d, w->place ? w->place : at,
				  "set it in the configuration under vars",
				  "%s variable $%.*s is not set", w->what, SCAN_ARG(&name));
	for (int i = 0; i < stack->depth; i++)
		if (stack->levels[i].variable == found)
			return draft_fail(w->d, w->place ? w->place : at,
					  "correct the variable in the configuration",
					  "%s variable $%.*s is made of itself", w->what,
					  SCAN_ARG(&name));
	value = (struct scan){w->values[found], w->values[found] + strlen(w->values[found])};
	if (!w->place)
		w->place = at;
	return set_push(w, stack, (struct set_level){value, excluded, false, found}, at);
}

/* Takes brackets that belong together off the list's text; s moves behind them. */
static bool set_brackets(struct set_walk *w, struct scan *s, struct scan *inside)
{
	int depth = 0;

	for (const char *p = s->p; p < s->end; p++) {
		if (*p == '[')
			depth++;
		if (*p == ']' && --depth == 0) {
			*inside = (struct scan){s->p + 1, p};
			s->p = p + 1;
			return true;
		}
	}
	return draft_fail(w->d, w->place ? w->place : s->p, "close the bracket",
			  "%s list has no closing bracket", w->what);
}

/* One item of the innermost level: plain, a list or a variable. */
static bool set_step(struct set_walk *w, struct set_stack *stack)
{
	struct set_level *top = &stack->levels[stack->depth - 1];
	struct scan *rest = &top->rest;
	bool excluded = top->excluded;
	struct scan item;

	if (++w->items > SET_ITEMS_MAX)
		return draft_fail(w->d, w->place, "use fewer or larger networks",
				  "more than %d items in one %s set", SET_ITEMS_MAX, w->what);
	while (scan_take(rest, '!')) {
		excluded = !excluded;
		w->negated_in_text = true;
	}
	scan_skip(rest);
	if (!scan_done(rest) && *rest->p == '[') {
		const char *at = rest->p;

		if (!set_brackets(w, rest, &item))
			return false;
		scan_trim(&item);
		if (scan_done(&item))
			return draft_fail(w->d, w->place ? w->place : at, "put something in it",
					  "%s list is empty", w->what);
		scan_take(rest, ',');
		return set_push(w, stack, (struct set_level){item, excluded, true, -1}, at);
	}
	if (!scan_done(rest) && *rest->p == '$') {
		struct set_level *level = top;

		if (!set_enter_variable(w, stack, rest, excluded))
			return false;
		scan_take(&level->rest, ',');
		return true;
	}
	item = scan_until(rest, ',');
	if (scan_done(&item))
		return draft_fail(w->d, w->place ? w->place : item.p, "remove the comma",
				  "%s list has an empty item", w->what);
	return w->item(w, &item, excluded);
}

bool set_walk(struct set_walk *w, struct scan text)
{
	struct set_stack stack = {.depth = 0};

	scan_trim(&text);
	if (!set_push(w, &stack, (struct set_level){text, false, false, -1}, text.p))
		return false;
	while (stack.depth) {
		struct set_level *top = &stack.levels[stack.depth - 1];

		scan_skip(&top->rest);
		if (scan_done(&top->rest)) {
			stack.depth--;
			if (top->variable >= 0 && stack.depth == 1)
				w->place = NULL;
			continue;
		}
		if (!set_step(w, &stack))
			return false;
	}
	return true;
}

struct action_row {
	const char *name;
	enum rule_action action;
};

static const struct action_row actions[] = {
	{"alert", ACTION_ALERT},
	{"pass", ACTION_PASS},
	{"drop", ACTION_DROP},
	{"reject", ACTION_REJECT},
	{"rejectsrc", ACTION_REJECT},
	{"rejectdst", ACTION_REJECT_DST},
	{"rejectboth", ACTION_REJECT_BOTH},
	{"config", ACTION_CONFIG},
};

/* The next word of the head; blanks inside brackets belong to it. */
static struct scan header_word(struct scan *s)
{
	struct scan word;
	int depth = 0;

	scan_skip(s);
	word = (struct scan){s->p, s->p};
	while (word.end < s->end && (depth > 0 || !char_blank(*word.end))) {
		if (*word.end == '[')
			depth++;
		else if (*word.end == ']')
			depth--;
		else if (*word.end == '(' && depth <= 0)
			break;
		word.end++;
	}
	s->p = word.end;
	return word;
}

struct scope_row {
	const char *name;
	enum rule_scope scope;
};

/* What a firewall rule does: accept, drop or config with a scope, then alert and pass as it may. */
static bool firewall_scope(struct draft *d, const struct scan *action, const struct scan *word)
{
	static const struct scope_row scopes[] = {{"packet", SCOPE_PACKET}, {"flow", SCOPE_FLOW}, {"hook", SCOPE_HOOK}, {"tx", SCOPE_TX}};
	size_t count = d->rule->action == ACTION_ACCEPT ? 4 : d->rule->action == ACTION_DROP ? 2 : 1;

	for (size_t i = 0; i < count; i++)
		if (scan_is_nocase(word, scopes[i].name)) {
			d->rule->scope = (uint8_t)scopes[i].scope;
			return true;
		}
	return draft_fail(d, scan_done(word) ? action->p : word->p,
			  count == 4   ? "write accept:packet, :flow, :hook or :tx"
			  : count == 2 ? "write drop:packet or :flow"
				       : "write config:packet",
			  scan_done(word) ? "action %.*s of a firewall rule has no scope"
					  : "action %.*s has no such scope",
			  SCAN_ARG(action));
}

static bool firewall_also(struct draft *d, struct scan word)
{
	struct scan name = scan_until(&word, ':');

	if (scan_is_nocase(&name, "alert") && scan_done(&word)) {
		d->seen |= SEEN_ALERT;
		d->rule->flags |= RULE_ALERT;
		return true;
	}
	if (scan_is_nocase(&name, "pass") && d->rule->action == ACTION_ACCEPT) {
		d->rule->pass_scope = scan_is_nocase(&word, "packet") ? SCOPE_PACKET
				      : scan_is_nocase(&word, "flow") ? SCOPE_FLOW
								      : SCOPE_DEFAULT;
		if (d->rule->pass_scope)
			return true;
	}
	return draft_fail(d, name.p, "add alert, or to accept pass:packet or pass:flow",
			  "\"%.*s\" cannot be done beside the first action", SCAN_ARG(&name));
}

static bool header_firewall_action(struct draft *d, struct scan word)
{
	struct scan first = scan_until(&word, ','), name = scan_until(&first, ':');

	d->rule->flags |= RULE_FIREWALL;
	if (scan_is_nocase(&name, "accept"))
		d->rule->action = ACTION_ACCEPT;
	else if (scan_is_nocase(&name, "drop"))
		d->rule->action = ACTION_DROP;
	else if (scan_is_nocase(&name, "config"))
		d->rule->action = ACTION_CONFIG;
	else
		return draft_fail(d, name.p, "use accept or drop; alert and pass may follow, as accept:hook,alert",
				  "\"%.*s\" is no action of firewall rules", SCAN_ARG(&name));
	if (!firewall_scope(d, &name, &first))
		return false;
	while (!scan_done(&word))
		if (!firewall_also(d, scan_until(&word, ',')))
			return false;
	return true;
}

static bool header_action(struct draft *d, struct scan word)
{
	struct scan name;

	if (d->l->firewall)
		return header_firewall_action(d, word);
	name = scan_until(&word, ':');

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (!scan_is_nocase(&name, actions[i].name))
			continue;
		d->rule->action = (uint8_t)actions[i].action;
		if (scan_done(&word))
			return true;
		if (actions[i].action == ACTION_ALERT ||
		    (actions[i].action == ACTION_CONFIG && !scan_is_nocase(&word, "packet")))
			return draft_fail(d, word.p, "remove the scope", "action %s has no scope",
					  actions[i].name);
		if (scan_is_nocase(&word, "packet"))
			d->rule->scope = SCOPE_PACKET;
		else if (scan_is_nocase(&word, "flow"))
			d->rule->scope = SCOPE_FLOW;
		else
			return draft_fail(d, word.p, "write :packet or :flow",
					  "\"%.*s\" is no scope of an action", SCAN_ARG(&word));
		return true;
	}
	if (scan_is_nocase(&name, "accept"))
		return draft_fail(d, name.p, "use pass, or put it into a file of firewall.rule_files",
				  "action accept belongs to firewall rules");
	return draft_fail(
		d, name.p,
		"use alert, pass, drop, reject, rejectsrc, rejectdst, rejectboth or config",
		"\"%.*s\" is no action", SCAN_ARG(&name));
}

/* A state of transactions: with it a rule is about them, whatever else it has. */
static bool header_app_hook(struct draft *d, const char *app, struct scan word)
{
	char names[HOOK_NAMES_BYTES];

	if (scan_take(&word, '<')) {
		if (!d->l->firewall || d->rule->action != ACTION_ACCEPT)
			return draft_fail(d, word.p - 1, "leave it out",
					  "< before a hook belongs to firewall rules that accept");
		d->rule->flags |= RULE_HOOKS_BEFORE;
	}
	if (!protocol_hook_known(app, &word, names, sizeof(names)))
		return draft_fail(d, word.p, names, "%s has no hook \"%.*s\"", app, SCAN_ARG(&word));
	d->rule->hook = draft_text(d, &word);
	d->rule->flags |= RULE_HAS_APP;
	return d->rule->hook || draft_no_memory(d);
}

static bool header_packet_hook(struct draft *d, const struct scan *word)
{
	static const struct {
		const char *name;
		uint32_t flags;
	} hooks[] = {{"all", 0},
		     {"flow_start", RULE_FLOW_START | RULE_NEEDS_FLOW},
		     {"pre_flow", RULE_PRE_FLOW | RULE_PACKET_ONLY},
		     {"pre_stream", RULE_PRE_STREAM | RULE_PACKET_ONLY}};

	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
		if (scan_is(word, hooks[i].name)) {
			d->rule->flags |= hooks[i].flags;
			return true;
		}
	return draft_fail(d, word->p, "use all, flow_start, pre_flow or pre_stream",
			  "\"%.*s\" is no hook of packets", SCAN_ARG(word));
}

/* Scopes that a hook cannot have. */
static bool firewall_hook_fits(struct draft *d, const struct scan *name, bool app, bool named)
{
	const struct rule *r = d->rule;

	if (!named)
		return draft_fail(d, name->p,
				  app ? "name the state of its transactions, as http1:request_headers"
				      : "write :all, :flow_start, :pre_flow or :pre_stream behind it",
				  "a firewall rule names its hook, \"%.*s\" has none", SCAN_ARG(name));
	if (r->scope == SCOPE_TX && !app)
		return draft_fail(d, name->p, "write accept:packet, :flow or :hook",
				  "accept:tx is for hooks of protocols, packets have no transaction");
	if ((r->flags & RULE_PRE_FLOW) && (r->scope == SCOPE_FLOW || r->pass_scope == SCOPE_FLOW))
		return draft_fail(d, name->p, "write :packet, or hook pre_stream",
				  "at pre_flow the packet has no flow yet");
	return true;
}

static bool header_protocol(struct draft *d, struct scan word)
{
	struct scan name = scan_until(&word, ':');
	const struct protocol_row *row = protocol_find(&name);
	bool named = !scan_done(&word);
	const char *app;

	if (!row)
		return draft_fail(d, name.p,
				  "use ip, tcp, udp, icmp or an application protocol such as http",
				  "\"%.*s\" is no protocol", SCAN_ARG(&name));
	d->rule->ip_protos = row->ip_protos;
	d->rule->ip_versions = row->ip_versions ? row->ip_versions : 3;
	d->rule->flags |= row->flags;
	d->proto_name = row->name;
	app = strcmp(row->name, "ssl") == 0 ? "tls" : row->name;
	if (named && !(row->app ? header_app_hook(d, app, word) : header_packet_hook(d, &word)))
		return false;
	if (d->l->firewall && !firewall_hook_fits(d, &name, row->app, named))
		return false;
	return !row->app || draft_apps(d, app, row->name);
}

static bool header_direction(struct draft *d, struct scan word)
{
	if (scan_is(&word, "->"))
		return true;
	if (scan_is(&word, "<>")) {
		d->rule->flags |= RULE_BIDIRECTIONAL;
		return true;
	}
	if (scan_is(&word, "=>")) {
		d->rule->flags |= RULE_TRANSACTIONAL;
		return true;
	}
	if (scan_is(&word, "<-"))
		return draft_fail(d, word.p, "swap the sides and write ->",
				  "direction <- does not exist");
	return draft_fail(d, word.p, "use ->, <> or =>", "\"%.*s\" is no direction",
			  SCAN_ARG(&word));
}

bool header_parse(struct draft *d, struct scan *rest)
{
	static const char *const names[] = {"action",          "protocol",  "source address",
					    "source port",     "direction", "destination address",
					    "destination port"};
	struct scan words[7];

	for (size_t i = 0; i < 7; i++) {
		words[i] = header_word(rest);
		if (scan_done(&words[i]))
			return draft_fail(d, words[i].p,
					  "write: action protocol source port -> destination port "
					  "(options)",
					  "the %s is missing", names[i]);
		if (i == 0 && !header_action(d, words[0]))
			return false;
		if (i == 1 && !header_protocol(d, words[1]))
			return false;
	}
	return header_direction(d, words[4]) && address_set_parse(d, &words[2], &d->rule->src) &&
	       port_set_parse(d, &words[3], &d->rule->sport) &&
	       address_set_parse(d, &words[5], &d->rule->dst) &&
	       port_set_parse(d, &words[6], &d->rule->dport);
}

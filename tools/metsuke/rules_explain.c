/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke rules explain: how a rule was understood. The explanation is JSON first; the text for
 * people says the same.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/compile/groups.h"
#include "rules/describe.h"
#include "tools/metsuke/rules_set.h"

#define SETS_MAX 256
#define TEXT_BYTES 2048
#define RANGES_SHOWN 8
#define RULES_SHOWN 10

/* ---- the head ---- */

/* The words of the head as written; brackets may hold blanks. */
struct head {
	char word[7][512];
};

static void head_split(const char *text, struct head *h)
{
	memset(h, 0, sizeof(*h));
	for (int i = 0; i < 7; i++) {
		size_t n = 0;
		int depth = 0;

		text += strspn(text, " \t");
		for (; *text && (depth || !strchr(" \t(", *text)); text++) {
			depth += (*text == '[') - (*text == ']');
			if (n + 1 < sizeof(h->word[i]))
				h->word[i][n++] = *text;
		}
	}
}

static json_t *side_json(const char *addresses, const char *ports, const struct addr_set *a,
			 const struct port_set *p)
{
	char sets[2][TEXT_BYTES];

	return json_pack("{s:s s:s s:s s:s}", "written", addresses, "addresses",
			 addr_set_describe(a, RANGES_SHOWN, sets[0], sizeof(sets[0])), "ports_written",
			 ports, "ports", port_set_describe(p, 4 * RANGES_SHOWN, sets[1], sizeof(sets[1])));
}

static json_t *bit_names(unsigned bits, const char *const *names, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		if (bits & 1u << i)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

static json_t *header_json(const struct rule *r)
{
	static const char *const transports[] = {"tcp", "udp", "icmp", "icmpv6", "sctp", "others"};
	static const char *const versions[] = {"IPv4", "IPv6"};
	static const char *const flags[] = {
		[2] = "no alert", [3] = "packets alone", [4] = "streams alone", [5] = "established",
		[6] = "not established", [7] = "stateless", [8] = "to server", [9] = "to client",
		[10] = "only packets put together from fragments", [11] = "no fragments"};
	json_t *state = json_array();
	struct head h;

	head_split(r->text, &h);
	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (flags[i] && (r->flags & 1u << i))
			json_array_append_new(state, json_string(flags[i]));
	return json_pack("{s:s s:s? s:s? s:o s:o s:o s:s s:o s:o}", "protocol", h.word[1], "app", r->app,
			 "hook", r->hook, "over", bit_names(r->ip_protos, transports, 6), "ip",
			 bit_names(r->ip_versions, versions, 2), "source",
			 side_json(h.word[2], h.word[3], &r->src, &r->sport), "direction", h.word[4],
			 "destination", side_json(h.word[5], h.word[6], &r->dst, &r->dport), "state", state);
}

/* ---- how it is found ---- */

static const char *direction_text(const struct rule *r)
{
	bool to_server = rule_has_direction(r, 0), to_client = rule_has_direction(r, 1);

	if (r->flags & RULE_TRANSACTIONAL)
		return "both directions of one transaction";
	return to_server && to_client ? "either direction" : to_server ? "to server" : "to client";
}

static void app_group_text(const struct rule *r, const struct group_prefilter *p, char *out, size_t size)
{
	char transforms[512] = "", one[256];
	size_t n = 0;

	if (!p->buffer) {
		snprintf(out, size, "tried on every transaction of %s, %s", r->app ? r->app : "its protocols",
			 direction_text(r));
		return;
	}
	for (uint32_t i = 0; i < p->buffer->transform_count && n < sizeof(transforms); i++)
		n += (size_t)snprintf(transforms + n, sizeof(transforms) - n, "%s%s", i ? ", " : " after ",
				      transform_describe(&p->buffer->transforms[i], one, sizeof(one)));
	snprintf(out, size, "literals of %s%s in transactions of %s, %s", p->buffer->name, transforms,
		 r->app ? r->app : "any protocol that has it", direction_text(r));
}

static void payload_group_text(const struct rule *r, bool literal, char *out, size_t size)
{
	unsigned use = rule_payload_use(r), direction = rule_has_direction(r, 0) ? 0 : 1;
	bool wide = rule_ports_wide(r, direction), tcp = r->ip_protos & RULE_TCP;
	char ports[512] = "any server port or many";

	if (!wide)
		snprintf(ports, sizeof(ports), "server ports ");
	if (!wide)
		port_set_describe(rule_server_ports(r, direction), RANGES_SHOWN, ports + 13,
				  sizeof(ports) - 13);
	snprintf(out, size, "%s %s, %s, of %s", literal ? "literals of the payload of" : "tried on the payload of",
		 !tcp || use == USE_PACKET ? "packets"
		 : use == USE_STREAM       ? "streams (and of TCP packets outside a stream)"
					   : "streams and of packets",
		 direction_text(r), ports);
}

static void group_text(const struct rule *r, const struct group_prefilter *p, char *out, size_t size)
{
	switch (rule_group_kind(r)) {
	case GROUP_BUFFER:
	case GROUP_APP_ALWAYS:
		app_group_text(r, p, out, size);
		break;
	case GROUP_IP_ONLY:
		snprintf(out, size, "addresses alone: first packet of each direction of a flow");
		break;
	case GROUP_PRE:
		snprintf(out, size, "tried on every packet, before it %s",
			 r->flags & RULE_PRE_FLOW ? "has a flow" : "is taken into its stream");
		break;
	case GROUP_EVENT:
		snprintf(out, size, "tried on every packet with a decoder or stream event");
		break;
	case GROUP_PACKET_ALWAYS:
		snprintf(out, size, "tried on every packet that its protocol and ports allow, %s",
			 direction_text(r));
		break;
	default:
		payload_group_text(r, p->buffer, out, size);
		break;
	}
}

static void prefilter_why(const struct rule *r, const struct group_prefilter_score *list, size_t count,
			  size_t best, char *out, size_t size)
{
	const struct group_prefilter *p = &list[best].prefilter;
	size_t next = count, n;
	char text[256];

	for (size_t i = 0; i < count; i++)
		if (i != best && (next == count || group_prefilter_worth(&list[i]) >
							   group_prefilter_worth(&list[next])))
			next = i;
	if (list[best].given)
		n = (size_t)snprintf(out, size, "the rule's fast_pattern says so");
	else if (next == count)
		n = (size_t)snprintf(out, size, "it is the only content that must be there");
	else
		n = (size_t)snprintf(out, size, "%s: worth %u; the next is \"%s\" of %s with %u",
				     group_prefilter_worth(&list[next]) == group_prefilter_worth(&list[best])
					     ? "none tells more, and it comes first"
					     : "it tells most",
				     group_prefilter_worth(&list[best]),
				     bytes_describe(list[next].prefilter.literal.data,
						    list[next].prefilter.literal.len, text, sizeof(text)),
				     list[next].prefilter.buffer->name, group_prefilter_worth(&list[next]));
	if (n < size && p->literal.len < p->content->pattern.len)
		snprintf(out + n, size - n, "; of its %u bytes the %u %s", p->content->pattern.len,
			 p->literal.len,
			 p->content->flags & CONTENT_FAST_CHOP ? "that it names" : "that tell most");
}

static json_t *prefilter_json(const struct rule *r)
{
	static struct group_prefilter_score list[PREFILTER_LIST_MAX];
	size_t count = group_prefilter_list(r, list, PREFILTER_LIST_MAX), best = 0;
	json_t *candidates = json_array(), *out;
	char text[TEXT_BYTES], why[TEXT_BYTES] = "no content must be there for it to match: negated ones, and "
						 "those of buffers that are not scanned, do not count";
	struct group_prefilter p = {0};

	for (size_t i = 0; i < count; i++) {
		const struct group_prefilter *c = &list[i].prefilter;

		if (group_prefilter_worth(&list[i]) > group_prefilter_worth(&list[best]))
			best = i;
		json_array_append_new(
			candidates,
			json_pack("{s:s s:s s:i s:I s:b}", "buffer", c->buffer->name, "literal",
				  bytes_describe(c->literal.data, c->literal.len, text, sizeof(text)), "bytes",
				  (int)c->literal.len, "worth", (json_int_t)group_prefilter_worth(&list[i]),
				  "fast_pattern", list[i].given));
	}
	if (count) {
		p = list[best].prefilter;
		prefilter_why(r, list, count, best, why, sizeof(why));
	}
	out = json_pack("{s:s? s:s? s:s s:o}", "buffer", p.buffer ? p.buffer->name : NULL, "literal",
			p.buffer ? bytes_describe(p.literal.data, p.literal.len, text, sizeof(text)) : NULL,
			"why", why, "candidates", candidates);
	group_text(r, &p, text, sizeof(text));
	json_object_set_new(out, "group", json_string(text));
	return out;
}

/* ---- what is checked, in order ---- */

static void checks_add(json_t *list, const struct ruleset *set, const char *on, const struct match *m,
		       uint32_t count)
{
	char text[TEXT_BYTES];

	for (uint32_t i = 0; i < count; i++)
		if (m[i].keyword != KEYWORD_flow)
			json_array_append_new(list, json_pack("{s:s s:s}", "on", on, "check",
							      match_describe(&m[i], set, text, sizeof(text))));
}

static void buffer_add(json_t *list, const struct ruleset *set, const struct rule_buffer *b)
{
	char on[TEXT_BYTES], one[256];
	size_t n = (size_t)snprintf(on, sizeof(on), "%s", b->name);

	for (uint32_t i = 0; i < b->transform_count && n < sizeof(on); i++)
		n += (size_t)snprintf(on + n, sizeof(on) - n, " %s",
				      transform_describe(&b->transforms[i], one, sizeof(one)));
	checks_add(list, set, on, b->matches, b->match_count);
}

static bool of_packet(const struct rule_buffer *b)
{
	return strcmp(b->name, "payload") == 0 || strcmp(b->name, "base64_data") == 0;
}

static json_t *checks_json(const struct ruleset *set, const struct rule *r)
{
	struct group_prefilter p = group_prefilter_choose(r);
	json_t *list = json_array();

	checks_add(list, set, rule_group_kind(r) == GROUP_APP_ALWAYS ? "packet and flow" : "packet",
		   r->packet_matches, r->packet_match_count);
	if (p.buffer)
		buffer_add(list, set, p.buffer);
	for (uint32_t i = 0; i < r->buffer_count; i++)
		if (&r->buffers[i] != p.buffer && !of_packet(&r->buffers[i]))
			buffer_add(list, set, &r->buffers[i]);
	checks_add(list, set, "transaction", r->app_matches, r->app_match_count);
	for (uint32_t i = 0; i < r->buffer_count; i++)
		if (&r->buffers[i] != p.buffer && of_packet(&r->buffers[i]))
			buffer_add(list, set, &r->buffers[i]);
	return list;
}

/* ---- rules that hang together ---- */

static bool sets_state(const struct match *m)
{
	if (m->keyword == KEYWORD_flowint)
		return m->u.flowint.command == FLOWINT_SET || m->u.flowint.command == FLOWINT_ADD ||
		       m->u.flowint.command == FLOWINT_SUBTRACT;
	return m->u.bits.command == BITS_SET || m->u.bits.command == BITS_TOGGLE;
}

static bool has_state(const struct match *m)
{
	return m->keyword == KEYWORD_flowbits || m->keyword == KEYWORD_xbits ||
	       m->keyword == KEYWORD_hostbits || m->keyword == KEYWORD_flowint;
}

/* Do both name the same bit or number? */
static bool same_state(const struct match *a, const struct match *b)
{
	if (a->keyword != b->keyword)
		return false;
	if (a->keyword == KEYWORD_flowint)
		return a->u.flowint.id == b->u.flowint.id;
	for (unsigned i = 0; i < a->u.bits.count; i++)
		for (unsigned k = 0; k < b->u.bits.count; k++)
			if (a->u.bits.ids[i] == b->u.bits.ids[k])
				return true;
	return false;
}

/* Rules of the set that set (or else ask for) what m is about. */
static json_t *related_json(const struct ruleset *set, const struct rule *self, const struct match *m,
			    bool setters)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->rule_count; i++) {
		const struct rule *r = set->rules[i];
		const struct match *of = setters ? r->post_matches : r->packet_matches;
		uint32_t count = setters ? r->post_match_count : r->packet_match_count;

		for (uint32_t k = 0; k < count; k++) {
			if (!has_state(&of[k]) || !same_state(m, &of[k]) ||
			    (setters && !sets_state(&of[k])) || r == self)
				continue;
			json_array_append_new(list, json_pack("{s:I s:I s:s}", "gid", (json_int_t)r->gid,
							      "sid", (json_int_t)r->sid, "msg", r->msg));
			break;
		}
	}
	return list;
}

static bool asks_for_unset(const struct match *m)
{
	return m->keyword == KEYWORD_flowint ? m->u.flowint.command == FLOWINT_NOTSET
					     : m->u.bits.command == BITS_ISNOTSET;
}

static json_t *depends_json(const struct ruleset *set, const struct rule *r)
{
	json_t *list = json_array(), *rules;
	char text[TEXT_BYTES];

	for (uint32_t i = 0; i < r->packet_match_count; i++) {
		const struct match *m = &r->packet_matches[i];

		if (!has_state(m))
			continue;
		rules = related_json(set, r, m, true);
		json_array_append_new(list,
				      json_pack("{s:s s:b s:o}", "condition",
						match_describe(m, set, text, sizeof(text)), "never",
						!json_array_size(rules) && !asks_for_unset(m), "rules",
						rules));
	}
	return list;
}

static json_t *needed_json(const struct ruleset *set, const struct rule *r)
{
	json_t *list = json_array(), *rules;
	char text[TEXT_BYTES];

	for (uint32_t i = 0; i < r->post_match_count; i++) {
		const struct match *m = &r->post_matches[i];

		if (!has_state(m))
			continue;
		rules = related_json(set, r, m, false);
		json_array_append_new(list, json_pack("{s:s s:o}", "sets",
						      match_describe(m, set, text, sizeof(text)), "rules",
						      rules));
	}
	return list;
}

/* ---- all of it ---- */

static json_t *list_json(const struct ruleset *set, const struct match *m, uint32_t count)
{
	json_t *list = json_array();
	char text[TEXT_BYTES];

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(match_describe(&m[i], set, text, sizeof(text))));
	return list;
}

/* Which rules a firewall rule stands among, and what it does beside its action. */
static json_t *firewall_json(const struct rule *r)
{
	char table[256], pass[64] = "";

	if (r->flags & RULE_PRE_FLOW)
		snprintf(table, sizeof(table), "packet:pre_flow");
	else if (r->flags & RULE_PRE_STREAM)
		snprintf(table, sizeof(table), "packet:pre_stream");
	else if (r->hook)
		snprintf(table, sizeof(table), "app:%s:%s%s", r->app ? r->app : "any", r->hook,
			 r->flags & RULE_HOOKS_BEFORE ? ", and passed at the hooks before it" : "");
	else
		snprintf(table, sizeof(table), "packet:filter");
	if (r->pass_scope)
		snprintf(pass, sizeof(pass), "pass:%s", rule_scope_name(r->pass_scope));
	return json_pack("{s:s s:b s:s}", "table", table, "alert", (r->flags & RULE_ALERT) != 0, "pass", pass);
}

static json_t *explain_json(const struct ruleset *set, const struct rule *r)
{
	json_t *o = json_pack("{s:I s:I s:I s:s s:s s:i s:s s:s s:i s:s? s:s s:I}", "gid", (json_int_t)r->gid,
			      "sid", (json_int_t)r->sid, "rev", (json_int_t)r->rev, "msg", r->msg, "file",
			      r->file, "line", (int)r->line, "text", r->text, "action",
			      rule_action_name(r->action), "priority", (int)r->priority, "classtype",
			      r->classtype, "category", r->category, "order", (json_int_t)r->index);

	json_object_set_new(o, "scope", json_string(rule_scope_name(r->scope)));
	if (r->flags & RULE_FIREWALL)
		json_object_set_new(o, "firewall", firewall_json(r));
	json_object_set_new(o, "header", header_json(r));
	json_object_set_new(o, "prefilter", prefilter_json(r));
	json_object_set_new(o, "checks", checks_json(set, r));
	json_object_set_new(o, "then", list_json(set, r->post_matches, r->post_match_count));
	json_object_set_new(o, "limits", list_json(set, r->thresholds, r->threshold_count));
	json_object_set_new(o, "depends_on", depends_json(set, r));
	json_object_set_new(o, "needed_by", needed_json(set, r));
	return o;
}

/* ---- for people ---- */

static const char *joined(const json_t *list)
{
	static char texts[4][256];
	static unsigned next;
	char *out = texts[next++ % 4];
	size_t i, n = 0;
	json_t *item;

	out[0] = '\0';
	json_array_foreach((json_t *)(uintptr_t)list, i, item)
		if (n < 256)
			n += (size_t)snprintf(out + n, 256 - n, "%s%s", i ? ", " : "",
					      json_string_value(item));
	return out;
}

static void print_side(const char *title, const json_t *side)
{
	const char *written = json_string_value(json_object_get(side, "written"));
	const char *addresses = json_string_value(json_object_get(side, "addresses"));
	const char *ports_written = json_string_value(json_object_get(side, "ports_written"));
	const char *ports = json_string_value(json_object_get(side, "ports"));

	printf("  %-12s%s", title, written);
	if (strcmp(written, addresses) != 0)
		printf(" = %s", addresses);
	printf("; port %s", ports_written);
	if (strcmp(ports_written, ports) != 0)
		printf(" = %s", ports);
	putchar('\n');
}

static void print_head(const json_t *o)
{
	const json_t *h = json_object_get(o, "header"), *state = json_object_get(h, "state");
	const json_t *firewall = json_object_get(o, "firewall");
	const char *app = json_string_value(json_object_get(h, "app"));

	printf("%s:%s rev %s  %s\n", cli_text(o, "gid"), cli_text(o, "sid"), cli_text(o, "rev"),
	       cli_text(o, "msg"));
	printf("  %-12s%s:%s\n", "file", cli_text(o, "file"), cli_text(o, "line"));
	printf("  %-12s%s%s%s, priority %s", "action", cli_text(o, "action"), *cli_text(o, "scope") ? ":" : "",
	       cli_text(o, "scope"), cli_text(o, "priority"));
	if (json_is_string(json_object_get(o, "classtype")))
		printf(" (%s)", cli_text(o, "classtype"));
	printf("; number %lld in the order of inspection\n",
	       (long long)json_integer_value(json_object_get(o, "order")) + 1);
	if (firewall)
		printf("  %-12stable %s%s%s%s\n", "firewall", cli_text(firewall, "table"),
		       *cli_text(firewall, "pass") ? "; also " : "", cli_text(firewall, "pass"),
		       json_is_true(json_object_get(firewall, "alert")) ? "; writes an alert" : "");
	printf("  %-12s%s", "protocol", cli_text(h, "protocol"));
	if (app && strcmp(app, cli_text(h, "protocol")) != 0)
		printf(" = %s", app);
	if (app)
		printf(" over %s", joined(json_object_get(h, "over")));
	printf(", %s\n", joined(json_object_get(h, "ip")));
	print_side("from", json_object_get(h, "source"));
	print_side(cli_text(h, "direction"), json_object_get(h, "destination"));
	if (json_array_size(state))
		printf("  %-12s%s\n", "flow", joined(state));
}

static void print_rules(const json_t *rules, const char *before)
{
	size_t i;
	json_t *r;

	json_array_foreach((json_t *)(uintptr_t)rules, i, r) {
		if (i == RULES_SHOWN) {
			printf("    … %zu more\n", json_array_size(rules) - i);
			break;
		}
		printf("    %s %s:%s %s\n", before, cli_text(r, "gid"), cli_text(r, "sid"), cli_text(r, "msg"));
	}
}

static void print_list(const char *title, const json_t *list)
{
	size_t i;
	json_t *item;

	if (json_array_size(list))
		printf("%s\n", title);
	json_array_foreach((json_t *)(uintptr_t)list, i, item)
		printf("  %s\n", json_string_value(item));
}

static void print_relations(const json_t *o)
{
	const json_t *depends = json_object_get(o, "depends_on"), *needed = json_object_get(o, "needed_by");
	size_t i;
	json_t *d;

	if (json_array_size(depends))
		puts("depends on");
	json_array_foreach((json_t *)(uintptr_t)depends, i, d) {
		printf("  %s\n", cli_text(d, "condition"));
		if (json_is_true(json_object_get(d, "never")))
			puts("    no other rule that loads sets it: the condition never holds");
		print_rules(json_object_get(d, "rules"), "set by");
	}
	if (json_array_size(needed))
		puts("needed by");
	json_array_foreach((json_t *)(uintptr_t)needed, i, d) {
		printf("  %s\n", cli_text(d, "sets"));
		if (!json_array_size(json_object_get(d, "rules")))
			puts("    no other rule asks for it");
		print_rules(json_object_get(d, "rules"), "asked for by");
	}
}

static void print_text(const json_t *o)
{
	const json_t *p = json_object_get(o, "prefilter");
	json_t *checks = json_object_get(o, "checks"), *c;
	size_t i;

	print_head(o);
	puts("found by");
	printf("  %-12s%s\n", "group", cli_text(p, "group"));
	if (json_is_string(json_object_get(p, "literal")))
		printf("  %-12s\"%s\" in %s\n", "literal", cli_text(p, "literal"), cli_text(p, "buffer"));
	else
		printf("  %-12snone\n", "literal");
	printf("  %-12s%s\n", "because", cli_text(p, "why"));
	puts("checked, in this order");
	puts("  1  head");
	json_array_foreach(checks, i, c)
		printf("  %-2zu %s: %s\n", i + 2, cli_text(c, "on"), cli_text(c, "check"));
	print_list("then", json_object_get(o, "then"));
	print_list("limits", json_object_get(o, "limits"));
	print_relations(o);
	printf("as written\n  %s\n", json_string_value(json_object_get(o, "text")));
}

int command_rules_explain(const struct cli_command *self, int argc, char **argv)
{
	const char *sets[SETS_MAX];
	struct cli_option o[] = {{"--config", 'c', true, NULL, NULL, 0, 0},
				 {"--set", 0, true, NULL, sets, SETS_MAX, 0},
				 {NULL, 0, false, NULL, NULL, 0, 0}};
	int count = cli_parse(self, o, argc, argv), status;
	struct ruleset_report report = {0};
	struct ruleset *set = NULL;
	const struct rule *r;
	struct config *c;
	json_t *explained;

	if (count < 1)
		return count < 0 ? EXIT_USAGE : cli_usage(self);
	c = config_new();
	status = c ? cli_config(c, o[0].value, sets, o[1].count) : EXIT_FAILED;
	if (!status)
		status = rules_set_files(c, argv + 1, count - 1);
	if (!status && !(set = rules_set_read(c, &report)))
		status = EXIT_FAILED;
	if (set) {
		r = rules_set_find(set, &report, argv[0]);
		status = r ? EXIT_GOOD : EXIT_FAILED;
		explained = r ? explain_json(set, r) : NULL;
		if (explained && cli_json)
			cli_print_json(explained);
		else if (explained)
			print_text(explained);
		json_decref(explained);
		ruleset_report_clear(&report);
		ruleset_free(set);
	}
	config_free(c);
	return status;
}

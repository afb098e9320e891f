/* SPDX-License-Identifier: BSD-3-Clause
 *
 * flow, flowbits, xbits, hostbits, flowint, stream_size: what a rule asks of, and leaves with, a
 * flow, a host or a transaction.
 */
#include <ctype.h>
#include <string.h>

#include "rules/language/draft.h"
#include "rules/language/parsers.h"

#define BITS_ANY_MAX 24 /* names in isset,a|b */

static bool flow_word(struct draft *d, const struct scan *word, uint32_t *flags)
{
	static const struct {
		const char *name;
		uint32_t flag, against;
	} words[] = {
		{"established", RULE_FLOW_ESTABLISHED,
		 RULE_FLOW_NOT_ESTABLISHED | RULE_FLOW_STATELESS},
		{"not_established", RULE_FLOW_NOT_ESTABLISHED,
		 RULE_FLOW_ESTABLISHED | RULE_FLOW_STATELESS},
		{"stateless", RULE_FLOW_STATELESS,
		 RULE_FLOW_ESTABLISHED | RULE_FLOW_NOT_ESTABLISHED},
		{"to_server", RULE_TO_SERVER, RULE_TO_CLIENT},
		{"from_client", RULE_TO_SERVER, RULE_TO_CLIENT},
		{"to_client", RULE_TO_CLIENT, RULE_TO_SERVER},
		{"from_server", RULE_TO_CLIENT, RULE_TO_SERVER},
		{"only_stream", RULE_STREAM_ONLY, RULE_PACKET_ONLY},
		{"no_stream", RULE_PACKET_ONLY, RULE_STREAM_ONLY},
		{"only_frag", RULE_ONLY_FRAG, RULE_NO_FRAG},
		{"no_frag", RULE_NO_FRAG, RULE_ONLY_FRAG},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!scan_is_nocase(word, words[i].name))
			continue;
		if (*flags & words[i].flag)
			return draft_fail(d, word->p, "remove one", "flow: %s stands twice",
					  words[i].name);
		if (*flags & words[i].against)
			return draft_fail(d, word->p, "keep one of the two",
					  "flow: %s contradicts what stands before", words[i].name);
		*flags |= words[i].flag;
		return true;
	}
	return draft_fail(d, word->p,
			  "use established, not_established, stateless, to_server, to_client, "
			  "from_server, from_client, only_stream, no_stream, only_frag or no_frag",
			  "flow: \"%.*s\" is not known", SCAN_ARG(word));
}

bool parse_flow(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	uint32_t flags = 0;
	unsigned count = 0;

	(void)row;
	if (d->seen & SEEN_FLOW)
		return draft_fail(d, NULL, "join them", "flow stands twice in the rule");
	d->seen |= SEEN_FLOW;
	while (!scan_done(arg)) {
		struct scan word = scan_until(arg, ',');

		if (++count > 3)
			return draft_fail(d, word.p, "remove some",
					  "flow has more than three words");
		if (!flow_word(d, &word, &flags))
			return false;
	}
	if ((d->rule->flags & RULE_TRANSACTIONAL) && (flags & (RULE_TO_SERVER | RULE_TO_CLIENT)))
		return draft_fail(d, NULL, "remove the direction",
				  "flow: a rule with => looks at both directions");
	if (flags & ~(uint32_t)(RULE_ONLY_FRAG | RULE_NO_FRAG))
		d->rule->flags |= RULE_NEEDS_FLOW;
	d->rule->flags |= flags;
	return true;
}

/* Names joined by `|`, numbered. */
static bool bits_names(struct draft *d, const struct keyword_row *row, struct scan names,
		       struct names *table, struct match_bits *b)
{
	uint32_t ids[BITS_ANY_MAX];
	bool several = b->command == BITS_ISSET || b->command == BITS_ISNOTSET;

	while (!scan_done(&names)) {
		struct scan name = scan_until(&names, '|');

		if (scan_done(&name))
			return draft_fail(d, name.p, "write a name", "%s: a name is empty",
					  row->name);
		for (const char *p = name.p; p < name.end; p++)
			if (char_blank(*p))
				return draft_fail(d, p, "use _ instead",
						  "%s: a blank inside the name", row->name);
		if (b->count == BITS_ANY_MAX)
			return draft_fail(d, name.p, "use fewer", "%s: more than %d names",
					  row->name, BITS_ANY_MAX);
		ids[b->count] = names_number(table, name.p, scan_left(&name));
		if (ids[b->count++] == NAMES_FULL)
			return draft_no_memory(d);
	}
	if (!b->count)
		return draft_fail(d, names.p, "write command,name", "%s: the name is missing",
				  row->name);
	if (b->count > 1 && !several)
		return draft_fail(d, NULL, "one keyword for each name",
				  "%s: several names go with isset and isnotset only", row->name);
	b->ids = arena_copy(d->l->arena, ids, b->count * sizeof(*ids));
	return b->ids || draft_no_memory(d);
}

static bool bits_command(struct draft *d, const struct keyword_row *row, struct scan word,
			 uint8_t *out)
{
	static const char *const commands[] = {"set", "unset", "toggle", "isset", "isnotset"};

	for (uint8_t i = 0; i < 5; i++)
		if (scan_is(&word, commands[i])) {
			*out = i;
			return true;
		}
	return draft_fail(d, word.p, "use set, unset, toggle, isset or isnotset",
			  "%s: \"%.*s\" is no command", row->name, SCAN_ARG(&word));
}

static bool bits_add(struct draft *d, const struct keyword_row *row, const struct match_bits *b)
{
	bool asks = b->command == BITS_ISSET || b->command == BITS_ISNOTSET;
	struct match *m = draft_add(d, asks ? &d->packet : &d->post, keyword_id(row));

	if (m)
		m->u.bits = *b;
	return m != NULL;
}

bool parse_flowbits(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_bits b = {.track = TRACK_FLOW};
	struct scan command = scan_until(arg, ',');

	if (scan_is(&command, "noalert")) {
		if (!scan_done(arg))
			return draft_fail(d, arg->p, "remove it", "flowbits:noalert has no name");
		d->rule->flags |= RULE_NOALERT;
		return true;
	}
	scan_trim(arg);
	if (!bits_command(d, row, command, &b.command) ||
	    !bits_names(d, row, *arg, &d->l->flowbits, &b))
		return false;
	d->rule->flags |= RULE_NEEDS_FLOW;
	return bits_add(d, row, &b);
}

bool parse_xbits(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const struct {
		const char *name;
		enum bits_track track;
	} tracks[] = {{"ip_src", TRACK_SRC},
		      {"ip_dst", TRACK_DST},
		      {"ip_pair", TRACK_PAIR},
		      {"tx", TRACK_TX}};
	struct match_bits b = {.track = UINT8_MAX, .expire_s = 30};
	struct scan command = scan_until(arg, ','), name = scan_until(arg, ',');
	uint64_t n;

	if (scan_is(&command, "noalert")) {
		d->rule->flags |= RULE_NOALERT;
		return true;
	}
	if (!bits_command(d, row, command, &b.command))
		return false;
	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), whole = part, word = scan_word(&part);

		scan_trim(&part);
		if (scan_is(&word, "track")) {
			for (size_t i = 0; i < sizeof(tracks) / sizeof(*tracks); i++)
				if (scan_is(&part, tracks[i].name))
					b.track = (uint8_t)tracks[i].track;
			if (b.track == UINT8_MAX)
				return draft_fail(d, part.p, "use ip_src, ip_dst, ip_pair or tx",
						  "xbits: \"%.*s\" cannot be tracked",
						  SCAN_ARG(&part));
		} else if (scan_is(&word, "expire") && scan_whole(part, UINT32_MAX, &n) && n) {
			b.expire_s = (uint32_t)n;
		} else {
			return draft_fail(d, whole.p, "write track …, expire N",
					  "xbits: \"%.*s\" is not understood", SCAN_ARG(&whole));
		}
	}
	if (b.track == UINT8_MAX)
		return draft_fail(d, NULL, "add track ip_src, ip_dst, ip_pair or tx",
				  "xbits: what to track is missing");
	return bits_names(d, row, name, &d->l->xbits, &b) && bits_add(d, row, &b);
}

bool parse_hostbits(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_bits b = {.track = TRACK_SRC, .expire_s = 300};
	struct scan command = scan_until(arg, ','), name = scan_until(arg, ','),
		    side = scan_until(arg, ',');

	if (!bits_command(d, row, command, &b.command))
		return false;
	if (scan_is(&side, "dst"))
		b.track = TRACK_DST;
	else if (scan_is(&side, "both"))
		b.track = TRACK_BOTH;
	else if (!scan_done(&side) && !scan_is(&side, "src"))
		return draft_fail(d, side.p, "use src, dst or both",
				  "hostbits: \"%.*s\" is none of them", SCAN_ARG(&side));
	return bits_names(d, row, name, &d->l->hostbits, &b) && bits_add(d, row, &b);
}

static bool flowint_operator(struct match_flowint *f, const struct scan *word)
{
	static const struct {
		const char *name;
		uint8_t command, op;
	} ops[] = {
		{"+", FLOWINT_ADD, 0},
		{"-", FLOWINT_SUBTRACT, 0},
		{"=", FLOWINT_SET, 0},
		{"==", FLOWINT_TEST, NUMBER_EQUAL},
		{"!=", FLOWINT_TEST, NUMBER_NOT_EQUAL},
		{"<", FLOWINT_TEST, NUMBER_LESS},
		{"<=", FLOWINT_TEST, NUMBER_LESS_EQUAL},
		{">", FLOWINT_TEST, NUMBER_GREATER},
		{">=", FLOWINT_TEST, NUMBER_GREATER_EQUAL},
		{"isset", FLOWINT_ISSET, 0},
		{"notset", FLOWINT_NOTSET, 0},
		{"isnotset", FLOWINT_NOTSET, 0},
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (scan_is(word, ops[i].name)) {
			f->command = ops[i].command;
			f->test.op = ops[i].op;
			return true;
		}
	return false;
}

bool parse_flowint(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan name = scan_until(arg, ','), op = scan_until(arg, ','),
		    value = scan_until(arg, ',');
	struct match_flowint f = {0};
	struct match *m;
	bool changes;
	uint64_t n;

	if (scan_done(&name) || !flowint_operator(&f, &op))
		return draft_fail(d, op.p,
				  "write name,operator,value; operators + - = == != < <= > >= "
				  "isset isnotset",
				  "flowint: \"%.*s\" is no operator", SCAN_ARG(&op));
	f.id = names_number(&d->l->flowints, name.p, scan_left(&name));
	if (f.command != FLOWINT_ISSET && f.command != FLOWINT_NOTSET) {
		if (scan_done(&value))
			return draft_fail(d, value.p, "write a number or a name",
					  "flowint: the value is missing");
		if (scan_whole(value, UINT32_MAX, &n)) {
			f.value = (uint32_t)n;
		} else if (isalpha((unsigned char)*value.p)) {
			f.value_is_variable = true;
			f.value = names_number(&d->l->flowints, value.p, scan_left(&value));
		} else {
			return draft_fail(d, value.p, "write a number up to 4294967295 or a name",
					  "flowint: \"%.*s\" is no value", SCAN_ARG(&value));
		}
		f.test.low = f.value;
	}
	changes = f.command == FLOWINT_ADD || f.command == FLOWINT_SUBTRACT ||
		  f.command == FLOWINT_SET;
	d->rule->flags |= RULE_NEEDS_FLOW;
	m = draft_add(d, changes ? &d->post : &d->packet, keyword_id(row));
	if (m)
		m->u.flowint = f;
	return m != NULL;
}

bool parse_stream_size(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const sides[] = {"server", "client", "both", "either"};
	static const struct {
		const char *name;
		enum number_op op;
	} ops[] = {{"<", NUMBER_LESS},        {">", NUMBER_GREATER},
		   {"=", NUMBER_EQUAL},       {"!=", NUMBER_NOT_EQUAL},
		   {"<=", NUMBER_LESS_EQUAL}, {">=", NUMBER_GREATER_EQUAL},
		   {"!", NUMBER_NOT_EQUAL}};
	struct scan side = scan_until(arg, ','), op = scan_until(arg, ',');
	struct match_stream_size s = {.side = UINT8_MAX, .test.op = UINT8_MAX};
	struct match *m;
	uint64_t n;

	for (uint8_t i = 0; i < 4; i++)
		if (scan_is(&side, sides[i]))
			s.side = i;
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (scan_is(&op, ops[i].name))
			s.test.op = (uint8_t)ops[i].op;
	if (s.side == UINT8_MAX || s.test.op == UINT8_MAX || !scan_whole(*arg, UINT32_MAX, &n))
		return draft_fail(d, side.p, "write client|server|both|either, operator, number",
				  "stream_size: \"%.*s\" is not understood",
				  (int)(arg->end - side.p), side.p);
	s.test.low = n;
	if (!(d->rule->ip_protos & RULE_TCP))
		return draft_fail(d, NULL, "use it in rules on tcp",
				  "stream_size: the rule's protocol has no streams");
	d->rule->flags |= RULE_NEEDS_FLOW;
	m = draft_add_row(d, row);
	if (m)
		m->u.stream_size = s;
	return m != NULL;
}

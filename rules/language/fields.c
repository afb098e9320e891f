/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on fields of packet headers that are no plain numbers, and on what decoders and the
 * stream engine noticed.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "dataplane/event/anomaly.h"
#include "rules/language/draft.h"
#include "rules/language/parsers.h"

/* A condition with a word as argument. */
static struct match *word_add(struct draft *d, const struct keyword_row *row,
			      const struct scan *text)
{
	struct match *m = draft_add_row(d, row);

	if (m && text) {
		m->u.word.text = draft_text(d, text);
		if (!m->u.word.text)
			draft_no_memory(d);
	}
	return m;
}

static int tcp_flag(char c)
{
	static const char letters[] = "FSRPAUEC";
	const char *at = strchr(letters, toupper((unsigned char)c));

	if (at && *at)
		return 1 << (at - letters);
	return c == '1' ? 0x80 : c == '2' ? 0x40 : c == '0' ? 0 : -1;
}

static bool tcp_flag_set(struct draft *d, struct scan part, struct match_tcp_flags *f, uint8_t *out)
{
	bool letters = false;

	for (; part.p < part.end; part.p++) {
		char c = *part.p;

		if (f && strchr("+*!", c)) {
			if (f->modifier)
				return draft_fail(d, part.p, "keep one",
						  "tcp.flags: two modifiers");
			f->modifier = (uint8_t)c;
			continue;
		}
		if (char_blank(c))
			continue;
		if (tcp_flag(c) < 0)
			return draft_fail(d, part.p, "use F S R P A U E C, 0 for none",
					  "tcp.flags: there is no flag %c", c);
		*out |= (uint8_t)tcp_flag(c);
		letters = true;
	}
	return letters || draft_fail(d, part.p, "name some", "tcp.flags: no flag is named");
}

bool parse_tcp_flags(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_tcp_flags f = {0};
	struct scan flags = scan_until(arg, ',');
	struct match *m;

	if (!(d->rule->ip_protos & RULE_TCP))
		return draft_fail(d, NULL, "use it in rules on tcp",
				  "%s: the rule's protocol has no flags", row->name);
	if (!tcp_flag_set(d, flags, &f, &f.flags))
		return false;
	scan_trim(arg);
	if (!scan_done(arg) && !tcp_flag_set(d, *arg, NULL, &f.ignore))
		return false;
	d->seen |= SEEN_PACKET_ONLY;
	m = draft_add_row(d, row);
	if (m)
		m->u.tcp_flags = f;
	return m != NULL;
}

/* IP protocols by their usual names (RFC 5237 registry). */
static int ip_proto_by_name(const struct scan *name)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protos[] = {{"icmp", 1},   {"igmp", 2},   {"ipip", 4},       {"ipencap", 4},
		      {"tcp", 6},    {"egp", 8},    {"igp", 9},        {"udp", 17},
		      {"dccp", 33},  {"ipv6", 41},  {"rsvp", 46},      {"gre", 47},
		      {"esp", 50},   {"ah", 51},    {"ipv6-icmp", 58}, {"icmpv6", 58},
		      {"icmp6", 58}, {"eigrp", 88}, {"ospf", 89},      {"pim", 103},
		      {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132},     {"udplite", 136}};

	for (size_t i = 0; i < sizeof(protos) / sizeof(*protos); i++)
		if (scan_is_nocase(name, protos[i].name))
			return protos[i].number;
	return -1;
}

bool parse_ip_proto(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct number_test test = {.op = NUMBER_EQUAL};
	struct match *m;
	uint64_t n;
	int by_name;

	scan_trim(arg);
	if (scan_take(arg, '<'))
		test.op = NUMBER_LESS;
	else if (scan_take(arg, '>'))
		test.op = NUMBER_GREATER;
	else if (scan_take(arg, '!'))
		test.op = NUMBER_NOT_EQUAL;
	scan_trim(arg);
	by_name = ip_proto_by_name(arg);
	if (by_name >= 0)
		n = (uint64_t)by_name;
	else if (!scan_whole(*arg, UINT8_MAX, &n))
		return draft_fail(d, arg->p, "write a number up to 255 or a name such as igmp",
				  "ip_proto: \"%.*s\" is no protocol", SCAN_ARG(arg));
	if (d->rule->ip_protos != RULE_ANY_PROTO)
		return draft_fail(d, NULL, "use it in rules on ip",
				  "ip_proto: the head of the rule names a protocol already");
	test.low = n;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = test;
	return m != NULL;
}

bool parse_l3_proto(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)row;
	scan_trim(arg);
	if (d->rule->ip_versions != 3)
		return draft_fail(d, NULL, "remove one",
				  "l3_proto: the rule names a version already");
	if (scan_is(arg, "ipv4") || scan_is(arg, "ip4"))
		d->rule->ip_versions = 1;
	else if (scan_is(arg, "ipv6") || scan_is(arg, "ip6"))
		d->rule->ip_versions = 2;
	else
		return draft_fail(d, arg->p, "write ipv4 or ipv6", "l3_proto: \"%.*s\" is neither",
				  SCAN_ARG(arg));
	return true;
}

/* IPv4 options; bits of u.word.bits: the option's type. "any" matches any. */
bool parse_ipopts(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const struct {
		const char *name;
		uint32_t type;
	} options[] = {{"rr", 0x07},    {"lsrr", 0x83}, {"ssrr", 0x89},   {"satid", 0x88},
		       {"sec", 0x82},   {"esec", 0x85}, {"rtralt", 0x94}, {"ts", 0x44},
		       {"cipso", 0x86}, {"qs", 0x19},   {"nop", 0x01},    {"eol", 0x00},
		       {"any", 0xffff}};
	struct match *m;

	scan_trim(arg);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (!scan_is_nocase(arg, options[i].name))
			continue;
		d->seen |= SEEN_PACKET_ONLY;
		m = word_add(d, row, arg);
		if (m)
			m->u.word.bits = options[i].type;
		return m != NULL;
	}
	return draft_fail(d, arg->p,
			  "use rr lsrr ssrr satid sec esec rtralt ts cipso qs nop eol or any",
			  "ipopts: \"%.*s\" is no option", SCAN_ARG(arg));
}

/* [!+*]MDR: M more fragments 1, D do not fragment 2, R reserved 4. */
bool parse_fragbits(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char letters[] = "MDR";
	uint32_t bits = 0;
	uint8_t modifier = 0;
	struct match *m;

	for (scan_trim(arg); !scan_done(arg); arg->p++) {
		const char *at = strchr(letters, toupper((unsigned char)*arg->p));

		if (strchr("!+*-", *arg->p) && !modifier)
			modifier = (uint8_t)*arg->p;
		else if (at && *at)
			bits |= 1u << (at - letters);
		else if (!char_blank(*arg->p))
			return draft_fail(d, arg->p, "use M, D and R, with ! + or * before",
					  "fragbits: there is no bit %c", *arg->p);
	}
	if (!bits)
		return draft_fail(d, NULL, "use M, D and R", "fragbits: no bit is named");
	d->seen |= SEEN_PACKET_ONLY;
	m = draft_add_row(d, row);
	if (m) {
		m->u.word.bits = bits;
		m->u.word.modifier = modifier;
	}
	return m != NULL;
}

bool parse_fragoffset(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct number_test test;
	struct match *m;

	if (!number_parse(d, row, arg, UINT16_MAX, &test))
		return false;
	d->seen |= SEEN_PACKET_ONLY;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = test;
	return m != NULL;
}

bool parse_flag(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)arg;
	return draft_imply(d, row) && draft_add_row(d, row) != NULL;
}

bool parse_csum(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	bool valid, invalid;
	struct match *m;

	scan_trim(arg);
	valid = scan_is_nocase(arg, "valid");
	invalid = scan_is_nocase(arg, "invalid");
	if (!valid && !invalid)
		return draft_fail(d, arg->p, "write valid or invalid", "%s: \"%.*s\" is neither",
				  row->name, SCAN_ARG(arg));
	m = word_add(d, row, arg);
	if (m)
		m->u.word.bits = valid;
	return m != NULL;
}

/* vlan.id:number[,any|all|layer] */
bool parse_vlan_id(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan number = scan_until(arg, ',');
	struct number_test test;
	struct match *m;

	if (!number_parse(d, row, &number, 4095, &test))
		return false;
	scan_trim(arg);
	test.which = scan_is(arg, "all") ? NUMBER_ALL : NUMBER_ANY;
	if (!scan_done(arg) && !scan_is(arg, "any") && !scan_is(arg, "all")) {
		int64_t layer;

		if (!scan_whole_signed(*arg, -3, 2, &layer))
			return draft_fail(d, arg->p, "write any, all or a layer from -3 to 2",
					  "vlan.id: \"%.*s\" is no layer", SCAN_ARG(arg));
		test.which = (int8_t)layer;
	}
	m = draft_add_row(d, row);
	if (m)
		m->u.number = test;
	return m != NULL;
}

/* rpc:program,version|*,procedure|* */
bool parse_rpc(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_rpc rpc = {{0}};
	struct match *m;

	for (int i = 0; i < RPC_FIELDS; i++) {
		struct scan part = scan_until(arg, ',');
		uint64_t n;

		scan_trim(&part);
		rpc.any[i] = i && (scan_is(&part, "*") || scan_done(&part));
		if (rpc.any[i])
			continue;
		if (!scan_whole(part, UINT32_MAX, &n))
			return draft_fail(d, part.p, "write program,version,procedure; * for any",
					  "rpc: \"%.*s\" is no number", SCAN_ARG(&part));
		rpc.values[i] = (uint32_t)n;
	}
	m = draft_add_row(d, row);
	if (m)
		m->u.rpc = rpc;
	return m != NULL;
}

/* name,value */
bool parse_variable(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan name = scan_until(arg, ',');
	struct match_variable v;
	struct match *m;

	scan_trim(arg);
	if (scan_left(arg) > 2 && *arg->p == '"' && arg->end[-1] == '"') {
		arg->p++;
		arg->end--;
	}
	if (scan_done(&name) || scan_done(arg))
		return draft_fail(d, name.p, "write name,value", "%s: name or value is missing",
				  row->name);
	if (keyword_id(row) == KEYWORD_flowvar)
		d->rule->flags |= RULE_NEEDS_FLOW;
	v.name = draft_text(d, &name);
	if (!v.name)
		return draft_no_memory(d);
	if (!bytes_parse(d, row, arg, &v.text))
		return false;
	m = draft_add_row(d, row);
	if (m)
		m->u.variable = v;
	return m != NULL;
}

static const char *const anomaly_names[ANOMALY_COUNT] = {
	[ANOMALY_none] = "",
#define ANOMALY(id, layer, name) [ANOMALY_##id] = name,
#include "dataplane/event/anomaly.def"
#undef ANOMALY
};

static const enum anomaly_layer anomaly_layers[ANOMALY_COUNT] = {
	[ANOMALY_none] = ANOMALY_DECODE,
#define ANOMALY(id, layer, name) [ANOMALY_##id] = ANOMALY_##layer,
#include "dataplane/event/anomaly.def"
#undef ANOMALY
};

static bool event_add(struct draft *d, const struct keyword_row *row, const struct scan *name,
		      enum anomaly_layer layer)
{
	for (uint16_t i = 1; i < ANOMALY_COUNT; i++) {
		struct match *m;

		if (anomaly_layers[i] != layer || !scan_is_nocase(name, anomaly_names[i]))
			continue;
		m = draft_add(d, &d->packet,
			      layer == ANOMALY_DECODE ? KEYWORD_decode_event
						      : KEYWORD_stream_event);
		if (!m)
			return false;
		m->u.event = (struct match_event){.id = i, .name = anomaly_names[i]};
		d->rule->flags |= layer == ANOMALY_DECODE ? RULE_DECODE_EVENT : RULE_NEEDS_FLOW;
		return true;
	}
	return draft_fail(d, name->p, "see the reference of anomaly events for the names",
			  "%s: there is no event \"%.*s\"", row->name, SCAN_ARG(name));
}

bool parse_decode_event(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	scan_trim(arg);
	scan_take_text(arg, "decoder.");
	if (scan_left(arg) > 7 && strncasecmp(arg->p, "stream.", 7) == 0) {
		arg->p += 7;
		return event_add(d, row, arg, ANOMALY_STREAM);
	}
	return event_add(d, row, arg, ANOMALY_DECODE);
}

bool parse_stream_event(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	scan_trim(arg);
	scan_take_text(arg, "stream.");
	return event_add(d, row, arg, ANOMALY_STREAM);
}

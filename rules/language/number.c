/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tests on numbers, and the keywords whose argument is one.
 */
#include "rules/language/draft.h"

#include <string.h>

#include "rules/language/parsers.h"

#define NUMBER_ADVICE "write N, !N, <N, <=N, >N, >=N, a-b, a<>b or &mask=N"

/* A number with an optional unit. */
static bool number_value(struct scan *s, uint64_t max, uint64_t *out)
{
	static const struct {
		const char *name;
		uint64_t factor;
	} units[] = {{"kib", 1024}, {"mib", 1 << 20}, {"gib", 1 << 30},
		     {"kb", 1024},  {"mb", 1 << 20},  {"gb", 1 << 30}};

	if (!scan_number(s, max, out))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		struct scan unit = {s->p, s->p + strlen(units[i].name)};

		if (unit.end > s->end || !scan_is_nocase(&unit, units[i].name))
			continue;
		if (*out > max / units[i].factor)
			return false;
		*out *= units[i].factor;
		s->p = unit.end;
		break;
	}
	return true;
}

static bool number_mask(struct scan *s, uint64_t max, bool negated, struct number_test *out)
{
	bool differs = negated;

	if (!scan_number(s, max, &out->low))
		return false;
	if (scan_take_text(s, "!="))
		differs = !differs;
	else if (!scan_take(s, '='))
		return false;
	out->op = differs ? NUMBER_NOT_MASK : NUMBER_MASK;
	return scan_number(s, max, &out->high);
}

/* The operator in front; NUMBER_EQUAL if there is none. */
static enum number_op number_operator(struct scan *s, bool negated)
{
	if (scan_take_text(s, "<="))
		return negated ? NUMBER_GREATER : NUMBER_LESS_EQUAL;
	if (scan_take_text(s, ">="))
		return negated ? NUMBER_LESS : NUMBER_GREATER_EQUAL;
	if (scan_take(s, '<'))
		return negated ? NUMBER_GREATER_EQUAL : NUMBER_LESS;
	if (scan_take(s, '>'))
		return negated ? NUMBER_LESS_EQUAL : NUMBER_GREATER;
	scan_take(s, '=');
	return negated ? NUMBER_NOT_EQUAL : NUMBER_EQUAL;
}

static bool number_is_vain(const struct number_test *t, uint64_t max)
{
	return (t->op == NUMBER_LESS && t->low == 0) ||
	       (t->op == NUMBER_GREATER && t->low >= max) ||
	       (t->op == NUMBER_LESS_EQUAL && t->low >= max) ||
	       (t->op == NUMBER_GREATER_EQUAL && t->low == 0);
}

bool number_parse(struct draft *d, const struct keyword_row *row, struct scan *arg, uint64_t max,
		  struct number_test *out)
{
	const char *at;
	bool negated;

	scan_trim(arg);
	at = arg->p;
	*out = (struct number_test){0};
	negated = scan_take(arg, '!');
	if (scan_take(arg, '&')) {
		if (!number_mask(arg, max, negated, out))
			goto bad;
	} else {
		out->op = (uint8_t)number_operator(arg, negated);
		if (!number_value(arg, max, &out->low))
			goto bad;
		if (scan_take_text(arg, "<>") || scan_take(arg, '-')) {
			if (out->op != NUMBER_EQUAL && out->op != NUMBER_NOT_EQUAL)
				goto bad;
			out->op = out->op == NUMBER_EQUAL ? NUMBER_BETWEEN : NUMBER_NOT_BETWEEN;
			if (!number_value(arg, max, &out->high))
				goto bad;
			if (out->high <= out->low + 1)
				return draft_fail(d, at, "both ends are outside: 5<>8 is 6 or 7",
						  "%s: no number lies between the two", row->name);
		}
	}
	scan_skip(arg);
	if (!scan_done(arg))
		goto bad;
	if (number_is_vain(out, max))
		return draft_fail(d, at, "correct the number",
				  "%s: the condition is always or never true", row->name);
	return true;
bad:
	return draft_fail(d, at, NUMBER_ADVICE, "%s: \"%.*s\" is no number up to %llu and no range",
			  row->name, (int)(arg->end - at), at, (unsigned long long)max);
}

/* Headers of packets that not every packet has: what the rule is then about. */
static bool number_implies(struct draft *d, const struct keyword_row *row)
{
	static const struct {
		enum keyword keyword;
		uint8_t ip_protos;
	} headers[] = {
		{KEYWORD_tcp_seq, RULE_TCP},    {KEYWORD_tcp_ack, RULE_TCP},
		{KEYWORD_tcp_window, RULE_TCP}, {KEYWORD_tcp_mss, RULE_TCP},
		{KEYWORD_tcp_wscale, RULE_TCP}, {KEYWORD_icmpv6_mtu, RULE_ICMP6},
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		if (headers[i].keyword != keyword_id(row))
			continue;
		if (!(d->rule->ip_protos & headers[i].ip_protos))
			return draft_fail(d, NULL, "change the protocol of the rule",
					  "%s: the rule's protocol has no such field", row->name);
	}
	return true;
}

static bool number_keyword(struct draft *d, const struct keyword_row *row, struct scan *arg,
			   uint64_t max)
{
	struct number_test test;
	struct match *m;

	if (!number_parse(d, row, arg, max, &test) || !draft_imply(d, row) ||
	    !number_implies(d, row))
		return false;
	if (row->place == PLACE_PACKET && strncmp(row->name, "flow.", 5) != 0)
		d->seen |= SEEN_PACKET_ONLY;
	if (strncmp(row->name, "flow.", 5) == 0)
		d->rule->flags |= RULE_NEEDS_FLOW;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = test;
	return m != NULL;
}

bool parse_u8(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return number_keyword(d, row, arg, UINT8_MAX);
}

bool parse_u16(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return number_keyword(d, row, arg, UINT16_MAX);
}

bool parse_u32(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return number_keyword(d, row, arg, UINT32_MAX);
}

bool parse_u64(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return number_keyword(d, row, arg, UINT64_MAX);
}

/* [to_server|to_client,]number: a direction is for rules with => */
bool parse_filesize(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan number = *arg, word = scan_until(&number, ',');
	uint8_t direction = 0;

	if (!scan_done(&number)) {
		direction = draft_direction(d, row, &word);
		if (!direction)
			return false;
		*arg = number;
	}
	if (!number_keyword(d, row, arg, UINT64_MAX))
		return false;
	d->app.items[d->app.count - 1].u.number.which = (int8_t)direction;
	return true;
}

/* Signed numbers are tested shifted by 2^31, so that the same tests serve. */
bool parse_i32(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	int64_t value;
	struct match *m;

	if (!scan_whole_signed(*arg, INT32_MIN, INT32_MAX, &value))
		return draft_fail(d, arg->p, "write one number", "%s: \"%.*s\" is no number",
				  row->name, SCAN_ARG(arg));
	if (!draft_imply(d, row))
		return false;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = (struct number_test){.op = NUMBER_EQUAL,
						   .low = (uint64_t)(value + (1LL << 31))};
	return m != NULL;
}

bool parse_dsize(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	if (d->seen & SEEN_DSIZE)
		return draft_fail(d, NULL, "use a range", "dsize stands twice in the rule");
	d->seen |= SEEN_DSIZE;
	return number_keyword(d, row, arg, UINT16_MAX);
}

bool parse_id(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return number_keyword(d, row, arg, UINT16_MAX);
}

bool parse_tos(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan text = *arg;
	uint64_t value;
	struct match *m;
	bool negated;

	scan_trim(&text);
	negated = scan_take(&text, '!');
	if (scan_take(&text, 'x')) { /* "x10" is hexadecimal too */
		value = 0;
		for (; !scan_done(&text); text.p++) {
			const char *digits = "0123456789abcdef", *at = strchr(digits, *text.p | 32);

			if (!at || (value = value << 4 | (uint64_t)(at - digits)) > 255)
				return draft_fail(d, arg->p, "write 0 to 255", "tos: no number");
		}
	} else if (!scan_whole(text, UINT8_MAX, &value)) {
		return draft_fail(d, arg->p, "write 0 to 255",
				  "tos: \"%.*s\" is no number up to 255", SCAN_ARG(arg));
	}
	d->seen |= SEEN_PACKET_ONLY;
	m = draft_add_row(d, row);
	if (m)
		m->u.number =
			(struct number_test){negated ? NUMBER_NOT_EQUAL : NUMBER_EQUAL, value, 0};
	return m != NULL;
}

bool parse_bsize(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct number_test test;
	struct match *m;

	if (!d->wanted && d->current < 0)
		return draft_fail(d, NULL, "put it behind a buffer such as http.uri",
				  "bsize: there is no buffer before it");
	if (!number_parse(d, row, arg, UINT64_MAX, &test))
		return false;
	m = draft_add_bytes(d, draft_buffer_current(d), KEYWORD_bsize);
	if (m)
		m->u.number = test;
	return m != NULL;
}

/* Length of the URI, whatever buffer is in use. */
bool parse_urilen(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan number = scan_until(arg, ',');
	enum keyword buffer = KEYWORD_http_uri;
	struct number_test test;
	struct match *m;
	int at, last = d->last_buffer;

	scan_trim(arg);
	if (scan_is(arg, "raw"))
		buffer = KEYWORD_http_uri_raw;
	else if (!scan_done(arg) && !scan_is(arg, "norm"))
		return draft_fail(d, arg->p, "write norm or raw", "urilen: \"%.*s\" is neither",
				  SCAN_ARG(arg));
	if (!number_parse(d, row, &number, UINT16_MAX, &test))
		return false;
	at = draft_buffer_named(d, &keyword_rows[buffer]);
	m = draft_add_bytes(d, at, KEYWORD_urilen);
	d->last_buffer = last >= 0 ? last : -1;
	if (m)
		m->u.number = test;
	return m != NULL;
}

/* [toserver|toclient|either,]number: one side alone is a keyword of its own. */
bool parse_flow_count(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	bool packets = keyword_id(row) == KEYWORD_flow_pkts;
	enum keyword keyword = keyword_id(row);
	struct number_test test;
	struct match *m;

	if (memchr(arg->p, ',', scan_left(arg))) {
		struct scan side = scan_until(arg, ',');

		if (scan_is(&side, "toserver"))
			keyword =
				packets ? KEYWORD_flow_pkts_toserver : KEYWORD_flow_bytes_toserver;
		else if (scan_is(&side, "toclient"))
			keyword =
				packets ? KEYWORD_flow_pkts_toclient : KEYWORD_flow_bytes_toclient;
		else if (!scan_is(&side, "either"))
			return draft_fail(d, side.p, "write toserver, toclient or either",
					  "%s: \"%.*s\" is no side", row->name, SCAN_ARG(&side));
	}
	if (!number_parse(d, row, arg, packets ? UINT32_MAX : UINT64_MAX, &test))
		return false;
	d->rule->flags |= RULE_NEEDS_FLOW;
	m = draft_add(d, &d->packet, keyword);
	if (m)
		m->u.number = test;
	return m != NULL;
}

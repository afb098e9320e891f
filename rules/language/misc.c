/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The remaining conditions on buffers (absent, entropy, asn1) and what a rule does when it matches
 * (filestore, bypass, config, nfq_set_mark).
 */
#include <string.h>

#include "rules/language/draft.h"
#include "rules/language/parsers.h"

static bool misc_word(struct draft *d, struct match *m, struct scan text)
{
	if (!m)
		return false;
	scan_trim(&text);
	m->u.word.text = draft_text(d, &text);
	return m->u.word.text || draft_no_memory(d);
}

/* absent[:or_else] is the first condition of its buffer. .bits: or_else. */
bool parse_absent(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match *m;
	bool or_else;

	(void)row;
	scan_trim(arg);
	or_else = scan_is(arg, "or_else");
	if (!scan_done(arg) && !or_else)
		return draft_fail(d, arg->p, "write or_else or nothing",
				  "absent: \"%.*s\" is unknown", SCAN_ARG(arg));
	if (!d->wanted)
		return draft_fail(d, NULL, "put it directly behind a buffer such as http.referer",
				  "absent: it is not the first condition of a buffer");
	m = draft_add_bytes(d, draft_buffer_current(d), KEYWORD_absent);
	if (m)
		m->u.word.bits = or_else;
	return m != NULL;
}

/* Up to ten digits before and behind a point. */
static bool decimal_read(struct scan *s, double *out)
{
	double unit = 1;
	bool digits = false, point = false;

	*out = 0;
	for (scan_skip(s); !scan_done(s); s->p++) {
		if (*s->p == '.' && !point) {
			point = true;
			continue;
		}
		if (*s->p < '0' || *s->p > '9')
			break;
		digits = true;
		*out = *out * 10 + (*s->p - '0');
		unit *= point ? 10 : 1;
	}
	*out /= unit;
	scan_skip(s);
	return digits && *out < 1e10;
}

/* N, !N, <N, <=N, >N, >=N, =N, !=N, a-b, !a-b */
static bool entropy_value(struct scan s, struct match_entropy *e)
{
	static const struct {
		const char *text;
		uint8_t op;
	} operators[] = {{"<=", NUMBER_LESS_EQUAL}, {">=", NUMBER_GREATER_EQUAL}, {"!=", NUMBER_NOT_EQUAL},
			 {"<", NUMBER_LESS}, {">", NUMBER_GREATER}, {"=", NUMBER_EQUAL}, {"!", NUMBER_NOT_EQUAL}};

	e->op = NUMBER_EQUAL;
	scan_skip(&s);
	for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++)
		if (scan_take_text(&s, operators[i].text)) {
			e->op = operators[i].op;
			break;
		}
	if (!decimal_read(&s, &e->low))
		return false;
	if (scan_take(&s, '-')) {
		if (e->op != NUMBER_EQUAL && e->op != NUMBER_NOT_EQUAL)
			return false;
		e->op = e->op == NUMBER_EQUAL ? NUMBER_BETWEEN : NUMBER_NOT_BETWEEN;
		if (!decimal_read(&s, &e->high) || e->high <= e->low)
			return false;
	}
	return scan_done(&s);
}

/* bytes N, offset N, value OP number */
bool parse_entropy(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_entropy e = {0};
	bool value = false;
	struct match *m;

	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), word = scan_word(&part);
		uint64_t n;

		if (scan_is(&word, "value") && !value && entropy_value(part, &e)) {
			value = true;
			continue;
		}
		if ((scan_is(&word, "bytes") || scan_is(&word, "offset")) && scan_whole(part, UINT32_MAX, &n)) {
			*(scan_is(&word, "bytes") ? &e.bytes : &e.offset) = (uint32_t)n;
			continue;
		}
		return draft_fail(d, word.p, "write value and < > <= >= = != a number, or a-b; bytes N; offset N",
				  "entropy: \"%.*s\" is not understood", SCAN_ARG(&word));
	}
	if (!value)
		return draft_fail(d, NULL, "add value", "entropy: the value is missing");
	m = draft_add_bytes(d, draft_buffer_current(d), keyword_id(row));
	if (m)
		m->u.entropy = e;
	return m != NULL;
}

static bool asn1_option(struct scan *word, struct scan part, struct match_asn1 *a)
{
	int64_t n;

	if (scan_is(word, "bitstring_overflow") && scan_done(&part))
		return a->bitstring_overflow = true;
	if (scan_is(word, "double_overflow") && scan_done(&part))
		return a->double_overflow = true;
	if (scan_is(word, "oversize_length") && scan_whole_signed(part, 1, UINT32_MAX, &n)) {
		a->oversize_length = (uint32_t)n;
		return a->oversize = true;
	}
	if ((scan_is(word, "absolute_offset") && scan_whole_signed(part, 0, UINT16_MAX, &n)) ||
	    (scan_is(word, "relative_offset") && scan_whole_signed(part, -UINT16_MAX, UINT16_MAX, &n))) {
		a->relative = scan_is(word, "relative_offset");
		a->offset = (int32_t)n;
		return true;
	}
	return false;
}

bool parse_asn1(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_asn1 a = {0};
	struct match *m;

	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), word = scan_word(&part);

		scan_trim(&part);
		if (!asn1_option(&word, part, &a))
			return draft_fail(d, word.p,
					  "use bitstring_overflow, double_overflow, oversize_length N, "
					  "absolute_offset N, relative_offset N",
					  "asn1: \"%.*s\" is not understood", SCAN_ARG(&word));
	}
	m = draft_add_bytes(d, draft_buffer_relative(d), keyword_id(row));
	if (m)
		m->u.asn1 = a;
	return m != NULL;
}

/* [request|to_server|response|to_client|both[,file|tx|ssn|flow]] */
bool parse_filestore(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const directions[] = {"request", "to_server", "response", "to_client",
						 "both"};
	static const char *const scopes[] = {"file", "tx", "ssn", "flow"};
	static const uint32_t scope_bits[] = {0, FILESTORE_TX, FILESTORE_FLOW, FILESTORE_FLOW};
	static const uint32_t ways[] = {FILESTORE_TO_SERVER, FILESTORE_TO_SERVER, FILESTORE_TO_CLIENT,
					FILESTORE_TO_CLIENT, FILESTORE_TO_SERVER | FILESTORE_TO_CLIENT};
	struct scan whole = *arg, direction = scan_until(arg, ','), scope = *arg;
	bool known = scan_done(&direction), scoped;
	uint32_t bits = 0;
	struct match *m;

	scan_trim(&scope);
	scoped = scan_done(&scope);
	for (size_t i = 0; i < 5; i++)
		if (scan_is(&direction, directions[i])) {
			known = true;
			bits |= ways[i];
		}
	for (size_t i = 0; i < 4; i++)
		if (scan_is(&scope, scopes[i])) {
			scoped = true;
			bits |= scope_bits[i];
		}
	if (!known || !scoped)
		return draft_fail(d, direction.p,
				  "write request, response or both, then file, tx or ssn",
				  "filestore: \"%.*s\" is not understood", SCAN_ARG(&whole));
	if (!draft_apps(d, "file", row->name))
		return false;
	d->seen |= SEEN_FILESTORE;
	d->rule->flags |= RULE_FILESTORE | RULE_HAS_APP;
	m = draft_add_row(d, row);
	if (!misc_word(d, m, whole))
		return false;
	m->u.word.bits = bits;
	return true;
}

bool parse_bypass(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)arg;
	d->rule->flags |= RULE_NEEDS_FLOW;
	return draft_add_row(d, row) != NULL;
}

/* config:logging disable, type tx|flow, scope tx|flow */
bool parse_config(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg;
	bool subsystem = false, type = false, scope = false;
	uint32_t bits = 0;
	struct match *m;

	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), word = scan_word(&part);

		scan_trim(&part);
		if (scan_is(&word, "tracking"))
			bits |= CONFIG_TRACKING;
		if (scan_is(&word, "type") && scan_is(&part, "flow"))
			bits |= CONFIG_FLOW_LOG;
		if (scan_is(&word, "scope") && !scan_is(&part, "tx"))
			bits |= CONFIG_WHOLE_FLOW;
		if ((scan_is(&word, "logging") || scan_is(&word, "tracking")) &&
		    scan_is(&part, "disable"))
			subsystem = true;
		else if (scan_is(&word, "type") && (scan_is(&part, "tx") || scan_is(&part, "flow")))
			type = true;
		else if (scan_is(&word, "scope") &&
			 (scan_is(&part, "tx") || scan_is(&part, "flow") ||
			  scan_is(&part, "packet")))
			scope = true;
		else
			return draft_fail(d, word.p,
					  "write logging disable, type tx|flow, scope tx|flow",
					  "config: \"%.*s\" is not understood", SCAN_ARG(&word));
	}
	if (!subsystem || !type || !scope)
		return draft_fail(d, NULL, "write logging disable, type tx|flow, scope tx|flow",
				  "config: a part is missing");
	if (d->rule->action != ACTION_CONFIG)
		return draft_fail(d, NULL, "begin the rule with config",
				  "config: the rule's action is not config");
	if ((bits & CONFIG_TRACKING) && !(d->rule->flags & RULE_PRE_FLOW))
		return draft_fail(d, NULL, "give the rule the hook pre_flow, as config:packet ip:pre_flow",
				  "config: tracking can be disabled before the packet has a flow only");
	m = draft_add_row(d, row);
	if (!misc_word(d, m, whole))
		return false;
	m->u.word.bits = bits;
	return true;
}

/* mark[/mask], hexadecimal with 0x or decimal */
bool parse_nfq_set_mark(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg, mark = scan_until(arg, '/');
	uint64_t n;

	scan_trim(arg);
	if (!scan_whole(mark, UINT32_MAX, &n) ||
	    (!scan_done(arg) && !scan_whole(*arg, UINT32_MAX, &n)))
		return draft_fail(d, mark.p, "write mark/mask", "nfq_set_mark: \"%.*s\" is no mark",
				  SCAN_ARG(&whole));
	draft_warn(d, NULL, "nfq_set_mark has no effect here: packets do not come from a netfilter queue");
	return misc_word(d, draft_add_row(d, row), whole);
}

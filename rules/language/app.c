/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Conditions on transactions that are no buffers: protocol, events, states, and the values of
 * single protocols, by number or by name.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/digit.h"
#include "rules/language/draft.h"
#include "rules/language/parsers.h"
#include "rules/language/protocol.h"

const char *const ike_attribute_names[IKE_ATTRIBUTE_COUNT] = {
	[1] = "alg_enc",
	[2] = "alg_hash",
	[3] = "alg_auth",
	[4] = "alg_dh",
	[5] = "sa_group_type",
	[6] = "sa_group_prime",
	[7] = "sa_group_generator_one",
	[8] = "sa_group_generator_two",
	[9] = "sa_group_curve_a",
	[10] = "sa_group_curve_b",
	[11] = "sa_life_type",
	[12] = "sa_life_duration",
	[13] = "alg_prf",
	[14] = "sa_key_length",
	[15] = "sa_field_size",
	[16] = "sa_group_order",
};

static struct match *app_word(struct draft *d, const struct keyword_row *row, struct scan text)
{
	struct match *m;

	scan_trim(&text);
	if (!draft_imply(d, row))
		return NULL;
	m = draft_add_row(d, row);
	if (!m)
		return NULL;
	m->u.word.text = draft_text(d, &text);
	m->u.word.negated = d->negated;
	if (!m->u.word.text)
		draft_no_memory(d);
	return m->u.word.text ? m : NULL;
}

static bool app_refuse(struct draft *d, const struct keyword_row *row, const struct scan *arg,
		       const char *advice)
{
	return draft_fail(d, arg->p, advice, "%s: \"%.*s\" is not understood", row->name,
			  scan_left(arg) > 80 ? 80 : (int)scan_left(arg), arg->p);
}

/* A word out of a list. */
static bool app_choice(struct draft *d, const struct keyword_row *row, struct scan *arg,
		       const char *const *words, size_t count, const char *advice)
{
	scan_trim(arg);
	for (size_t i = 0; i < count; i++)
		if (scan_is_nocase(arg, words[i])) {
			struct match *m = app_word(d, row, *arg);

			if (m)
				m->u.word.bits = (uint32_t)i;
			return m != NULL;
		}
	return app_refuse(d, row, arg, advice);
}

static int ike_attribute_find(const struct scan *name)
{
	for (int i = 0; i < IKE_ATTRIBUTE_COUNT; i++)
		if (ike_attribute_names[i] && scan_is(name, ike_attribute_names[i]))
			return i;
	return -1;
}

bool parse_app_layer_protocol(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const modes[] = {"direction", "to_server", "to_client",
					    "either",    "final",     "original"};
	struct match_app_proto p = {.negated = scan_take(arg, '!')};
	struct scan name = scan_until(arg, ','), mode = *arg;
	struct match *m;

	scan_trim(&mode);
	for (uint8_t i = 0; i < 6; i++)
		if (scan_is(&mode, modes[i]))
			p.mode = i;
	if (!scan_done(&mode) && !scan_is(&mode, modes[p.mode]))
		return app_refuse(d, row, &mode,
				  "use direction, to_server, to_client, either, final or original");
	if (scan_is(&name, "failed") || scan_is(&name, "unknown")) {
		p.name = scan_is(&name, "failed") ? "failed" : "unknown";
	} else {
		const struct protocol_row *found = protocol_app_find(&name);

		if (!found)
			return draft_fail(
				d, name.p, "use a protocol such as http, failed or unknown",
				"app-layer-protocol: \"%.*s\" is no protocol", SCAN_ARG(&name));
		p.name = found->name;
	}
	if (d->apps_set)
		return draft_fail(d, NULL, "remove it, or use a rule on tcp, udp or ip",
				  "app-layer-protocol: the rule is about %s already", d->apps);
	if ((d->seen & SEEN_APP_PROTOCOL) ||
	    (!p.negated && d->packet.count &&
	     d->packet.items[d->packet.count - 1].keyword == KEYWORD_app_layer_protocol))
		return draft_fail(d, NULL, "keep one", "app-layer-protocol stands twice");
	if (!p.negated)
		d->seen |= SEEN_APP_PROTOCOL;
	d->rule->flags |= RULE_NEEDS_FLOW;
	m = draft_add_row(d, row);
	if (m)
		m->u.app_proto = p;
	return m != NULL;
}

static const struct {
	const char *app, *name;
} event_names[] = {
#include "dataplane/app_event_index.def"
};

/* False: the protocol ("": their detection) has no event of that name. */
static bool event_known(struct draft *d, const char *app, const struct scan *name)
{
	for (size_t i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++)
		if (strcmp(event_names[i].app, app) == 0 && scan_is_nocase(name, event_names[i].name))
			return true;
	return draft_fail(d, name->p, "see the reference of anomaly events for the names",
			  "app-layer-event: %s%sthere is no event \"%.*s\"", app, *app ? ": " : "", SCAN_ARG(name));
}

/* protocol.event; an event of the protocol detection itself is one of the flow. */
bool parse_app_layer_event(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan proto = scan_until(arg, '.'), name = *arg;
	const struct protocol_row *found;
	struct match *m;
	const char *app;

	scan_trim(&name);
	if (scan_done(&name)) { /* applayer_… without a protocol */
		if (scan_left(&proto) < 9 || strncmp(proto.p, "applayer_", 9) != 0)
			return app_refuse(d, row, &proto, "write protocol.event");
		name = proto;
		app = "";
		if (!event_known(d, app, &name))
			return false;
		m = draft_add(d, &d->packet, keyword_id(row));
		d->rule->flags |= RULE_NEEDS_FLOW;
	} else {
		if (scan_is(&proto, "file"))
			return app_refuse(d, row, &proto, "name a protocol");
		found = protocol_app_find(&proto);
		if (!found)
			return draft_fail(d, proto.p, "use a protocol such as http or dns",
					  "app-layer-event: \"%.*s\" is no protocol",
					  SCAN_ARG(&proto));
		app = strcmp(found->name, "http1") == 0 ? "http" : found->name;
		if (!event_known(d, app, &name))
			return false;
		if (!draft_apps(d, strcmp(app, "http") == 0 ? "http1" : app, row->name))
			return false;
		m = draft_add_row(d, row);
	}
	if (!m)
		return false;
	m->u.event = (struct match_event){0, app, draft_text(d, &name)};
	return m->u.event.name || draft_no_memory(d);
}

bool parse_app_layer_state(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	char names[HOOK_NAMES_BYTES];
	struct scan state;

	scan_trim(arg);
	state = *arg;
	if (d->apps_set && (scan_take(&state, '<') || scan_take(&state, '>')))
		return protocol_hook_known(d->apps, &state, names, sizeof(names))
			       ? app_word(d, row, *arg) != NULL
			       : draft_fail(d, state.p, names, "app-layer-state: %s has no state \"%.*s\"", d->apps,
					    SCAN_ARG(&state));
	return app_refuse(d, row, arg, "write > or < and a state, in a rule on one protocol");
}

struct number_name {
	enum keyword keyword;
	const char *name;
	uint32_t value;
};

static const struct number_name number_names[] = {
#define NAME(keyword, name, value) {KEYWORD_##keyword, name, value},
#include "rules/language/number_names.def"
#undef NAME
};

/* By name (! negates), else by number. */
static bool name_number(struct draft *d, const struct keyword_row *row, struct scan *arg,
			keyword_parser *by_number)
{
	struct scan word = *arg;
	bool negated = scan_take(&word, '!'), named = false;
	struct match *m;

	scan_trim(&word);
	for (size_t i = 0; i < sizeof(number_names) / sizeof(*number_names); i++) {
		named |= number_names[i].keyword == keyword_id(row);
		if (number_names[i].keyword != keyword_id(row) ||
		    !scan_is_nocase(&word, number_names[i].name))
			continue;
		if (!draft_imply(d, row))
			return false;
		m = draft_add_row(d, row);
		if (m)
			m->u.number =
				(struct number_test){negated ? NUMBER_NOT_EQUAL : NUMBER_EQUAL,
						     number_names[i].value, 0};
		return m != NULL;
	}
	if (!scan_done(&word) && isalpha((unsigned char)*word.p))
		return draft_fail(d, word.p,
				  named ? "write the number, or one of the protocol's names"
					: "write the number",
				  "%s: \"%.*s\" is no name it knows", row->name, SCAN_ARG(&word));
	return by_number(d, row, arg);
}

bool parse_name_u8(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return name_number(d, row, arg, parse_u8);
}

bool parse_name_u16(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return name_number(d, row, arg, parse_u16);
}

bool parse_name_u32(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return name_number(d, row, arg, parse_u32);
}

/* As name_u32, but N<>M has both its ends in it. */
bool parse_procedure(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct number_test *test;

	if (!name_number(d, row, arg, parse_u32))
		return false;
	test = &d->app.items[d->app.count - 1].u.number;
	if (test->op != NUMBER_BETWEEN)
		return true;
	test->high++;
	if (test->low)
		test->low--;
	else
		*test = (struct number_test){NUMBER_LESS, test->high, 0, test->which};
	return true;
}

/* Names of bits, ! negates one; or a number with a mask. */
bool parse_bit_names(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	uint32_t bits = 0, mask = 0;
	struct match *m;
	struct scan whole = *arg;

	scan_trim(&whole);
	if (!scan_done(&whole) && strchr("&0123456789", *whole.p))
		return parse_u16(d, row, arg);
	while (!scan_done(arg)) {
		struct scan word = scan_until(arg, ',');
		bool negated = scan_take(&word, '!'), found = false;

		scan_trim(&word);
		for (size_t i = 0; i < sizeof(number_names) / sizeof(*number_names); i++) {
			if (number_names[i].keyword != keyword_id(row) ||
			    !scan_is_nocase(&word, number_names[i].name))
				continue;
			found = true;
			mask |= number_names[i].value;
			bits |= negated ? 0 : number_names[i].value;
		}
		if (!found)
			return app_refuse(d, row, &word,
					  "write names of flags, separated by commas");
	}
	if (!draft_imply(d, row))
		return false;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = (struct number_test){NUMBER_MASK, mask, bits, 0};
	return m != NULL;
}

bool parse_yes_no(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	return app_choice(d, row, arg, words, 8, "write yes or no");
}

bool parse_text(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return app_word(d, row, *arg) != NULL;
}

bool parse_ftp_mode(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const words[] = {"active", "passive"};

	return app_choice(d, row, arg, words, 2, "write active or passive");
}

bool parse_ftpdata_command(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	/* numbered as the commands of dataplane/app/ftp.h */
	static const char *const words[] = {"stor", "retr", "appe", "stou", "list", "nlst", "mlsd"};

	return app_choice(d, row, arg, words, 7, "write stor, retr, appe, stou, list, nlst or mlsd");
}

bool parse_tls_version(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const words[] = {"1.0", "1.1", "1.2", "1.3"};

	return app_choice(d, row, arg, words, 4, "write 1.0, 1.1, 1.2 or 1.3");
}

bool parse_tls_text(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	return app_word(d, row, *arg) != NULL;
}

bool parse_tls_store(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)arg;
	return draft_imply(d, row) && draft_add_row(d, row) != NULL;
}

/* Seconds since the epoch of a day (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t day_seconds(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
	uint64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return ((int64_t)(era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year) - 719468) * 86400;
}

/* YYYY[-MM[-DD[THH[:MM[:SS]]]]], UTC. */
static bool date_read(struct scan *s, uint64_t *seconds)
{
	static const struct {
		char before;
		uint64_t least, most;
	} parts[] = {{0, 1970, 9999}, {'-', 1, 12}, {'-', 1, 31}, {'T', 0, 23}, {':', 0, 59}, {':', 0, 60}};
	uint64_t v[] = {1970, 1, 1, 0, 0, 0};

	scan_trim(s);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (i && !scan_take(s, parts[i].before))
			break;
		if (!scan_number(s, parts[i].most, &v[i]) || v[i] < parts[i].least)
			return false;
	}
	*seconds = (uint64_t)day_seconds(v[0], v[1], v[2]) + v[3] * 3600 + v[4] * 60 + v[5];
	scan_trim(s);
	return true;
}

/* <, >, a<>b with dates */
bool parse_tls_date(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct number_test test = {.op = NUMBER_BETWEEN};
	struct scan whole = *arg;
	struct match *m;
	bool good;

	scan_trim(arg);
	if (scan_take(arg, '<'))
		test.op = NUMBER_LESS;
	else if (scan_take(arg, '>'))
		test.op = NUMBER_GREATER;
	good = date_read(arg, &test.low);
	if (good && test.op == NUMBER_BETWEEN)
		good = scan_take_text(arg, "<>") && date_read(arg, &test.high) && test.low < test.high;
	if (!good || !scan_done(arg))
		return app_refuse(d, row, &whole, "write for example >2026-01-31, or 2025<>2026-06-30T12:00");
	if (!draft_imply(d, row))
		return false;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = test;
	return m != NULL;
}

/* Comma-separated versions; bits of .bits as in the list, .mask those that are negated. */
bool parse_ssl_version(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const names[] = {"sslv2",  "sslv3",  "tls1.0",
					    "tls1.1", "tls1.2", "tls1.3"};
	uint32_t bits = 0, negated = 0;
	struct scan whole = *arg;
	struct match *m;

	while (!scan_done(arg)) {
		struct scan word = scan_until(arg, ',');
		bool not = scan_take(&word, '!'), found = false;

		scan_trim(&word);
		for (uint32_t i = 0; i < 6; i++)
			if (scan_is_nocase(&word, names[i])) {
				found = true;
				*(not ? &negated : &bits) |= 1u << i;
			}
		if (!found)
			return app_refuse(d, row, &word,
					  "use sslv2 sslv3 tls1.0 tls1.1 tls1.2 tls1.3");
	}
	m = app_word(d, row, whole);
	if (m) {
		m->u.word.bits = bits;
		m->u.word.mask = negated;
	}
	return m != NULL;
}

bool parse_ssl_state(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const names[] = {"client_hello", "server_hello", "client_keyx",
					    "server_keyx", "unknown"};
	uint32_t bits = 0, negated = 0;
	struct scan whole = *arg;
	struct match *m;

	while (!scan_done(arg)) {
		struct scan word = {arg->p, arg->p};
		bool not, found = false;

		while (word.end < arg->end && !strchr(",|", *word.end))
			word.end++;
		arg->p = word.end < arg->end ? word.end + 1 : arg->end;
		not = scan_take(&word, '!');
		scan_trim(&word);
		for (uint32_t i = 0; i < 5; i++)
			if (scan_is_nocase(&word, names[i])) {
				found = true;
				*(not ? &negated : &bits) |= 1u << i;
			}
		if (!found)
			return app_refuse(d, row, &word,
					  "use client_hello server_hello client_keyx "
					  "server_keyx unknown");
	}
	m = app_word(d, row, whole);
	if (m) {
		m->u.word.bits = bits;
		m->u.word.mask = negated;
	}
	return m != NULL;
}

static struct match *dce_match(struct draft *d, const struct keyword_row *row, struct scan whole)
{
	const char *text;
	struct match *m = app_word(d, row, whole);

	if (!m)
		return NULL;
	text = m->u.word.text;
	memset(&m->u, 0, sizeof(m->u));
	m->u.dce_iface.text = text;
	return m;
}

/* UUID[,op version][,any_frag]: of several versions the first. */
bool parse_dce_iface(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char signs[] = "=!<>";
	static const uint8_t ops[] = {NUMBER_EQUAL, NUMBER_NOT_EQUAL, NUMBER_LESS, NUMBER_GREATER};
	struct scan whole = *arg, uuid = scan_until(arg, ',');
	struct match_dce_iface iface = {.any_version = true};
	struct match *m;
	size_t digits = 0;

	for (const char *p = uuid.p; p < uuid.end; p++) {
		if (*p == '-')
			continue;
		if (hex_digit((uint8_t)*p) < 0)
			return app_refuse(d, row, &uuid, "write a UUID");
		if (digits < 32)
			iface.uuid[digits / 2] |= (uint8_t)(hex_digit((uint8_t)*p) << (digits % 2 ? 0 : 4));
		digits++;
	}
	if (digits != 32 || scan_left(&uuid) != 36)
		return app_refuse(d, row, &uuid, "write a UUID of 8-4-4-4-12 hex digits");
	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ',');
		const char *sign;
		uint64_t n;

		if (scan_is(&part, "any_frag"))
			continue;
		sign = scan_done(&part) ? NULL : memchr(signs, *part.p, sizeof(ops));
		if (!sign)
			return app_refuse(d, row, &part, "write =, <, > or ! and a version");
		part.p++;
		if (!scan_whole(part, UINT16_MAX, &n))
			return app_refuse(d, row, &part, "write a version up to 65535");
		if (iface.any_version)
			iface.version = (struct number_test){.op = ops[sign - signs], .low = n};
		iface.any_version = false;
	}
	m = dce_match(d, row, whole);
	if (!m)
		return false;
	iface.text = m->u.dce_iface.text;
	m->u.dce_iface = iface;
	return true;
}

bool parse_dce_opnum(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg;
	size_t most = scan_left(arg) / 2 + 1; /* a digit and a comma each */
	struct port_range *ranges = arena_alloc(d->l->arena, most * sizeof(*ranges));
	struct match *m;
	uint32_t count = 0;

	if (!ranges)
		return draft_no_memory(d);
	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), low = scan_until(&part, '-');
		uint64_t a, b;

		if (!scan_whole(low, UINT16_MAX, &a))
			return app_refuse(d, row, &low, "write numbers and ranges a-b");
		b = a;
		if (!scan_done(&part) && (!scan_whole(part, UINT16_MAX, &b) || b < a))
			return app_refuse(d, row, &low, "write numbers and ranges a-b");
		ranges[count++] = (struct port_range){(uint16_t)a, (uint16_t)b};
	}
	m = dce_match(d, row, whole);
	if (!m)
		return false;
	m->u.dce_opnum.ranges = ranges;
	m->u.dce_opnum.count = count;
	return true;
}

/* weak, or numbers and names: u.word.bits 1 for weak, else .mask has a bit for each number. */
bool parse_krb5_encryption(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg;
	uint32_t weak = 0, mask = 0;
	struct match *m;

	while (!scan_done(arg)) {
		struct scan word = scan_until(arg, ',');
		uint64_t n = UINT64_MAX;

		scan_trim(&word);
		if (scan_is_nocase(&word, "weak")) {
			weak = 1;
			continue;
		}
		for (size_t i = 0; i < sizeof(number_names) / sizeof(*number_names); i++)
			if (number_names[i].keyword == keyword_id(row) &&
			    scan_is_nocase(&word, number_names[i].name))
				n = number_names[i].value;
		if (n == UINT64_MAX && !scan_whole(word, 31, &n))
			return app_refuse(d, row, &word, "write weak, or kinds of encryption by name or number up to 31");
		mask |= 1u << n;
	}
	m = app_word(d, row, whole);
	if (m) {
		m->u.word.bits = weak;
		m->u.word.mask = mask;
	}
	return m != NULL;
}

/* value[,any|all|index] */
bool parse_ldap_indexed(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan value = scan_until(arg, ',');
	int64_t index = NUMBER_ANY;

	scan_trim(arg);
	if (scan_is(arg, "all"))
		index = NUMBER_ALL;
	else if (!scan_done(arg) && !scan_is(arg, "any") &&
		 !scan_whole_signed(*arg, INT8_MIN, NUMBER_ANY - 1, &index))
		return app_refuse(d, row, arg, "write any, all or an index from -128 to 99");
	if (!name_number(d, row, &value, parse_u32))
		return false;
	d->app.items[d->app.count - 1].u.number.which = (int8_t)index;
	return true;
}

/* NAME, or NAME and a condition on its value: u.number.which is the setting's number. */
bool parse_settings(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const names[] = {
		"SETTINGS_HEADER_TABLE_SIZE",	 "SETTINGS_ENABLE_PUSH",
		"SETTINGS_MAX_CONCURRENT_STREAMS", "SETTINGS_INITIAL_WINDOW_SIZE",
		"SETTINGS_MAX_FRAME_SIZE",	 "SETTINGS_MAX_HEADER_LIST_SIZE",
	};
	struct scan name;
	struct match *m;
	int8_t which = 0;

	scan_trim(arg);
	name = (struct scan){arg->p, arg->p};
	while (name.end < arg->end && (isalpha((unsigned char)*name.end) || *name.end == '_'))
		name.end++;
	for (int8_t i = 0; i < 6; i++)
		if (scan_is_nocase(&name, names[i]))
			which = i + 1;
	if (!which)
		return app_refuse(d, row, arg, "write a setting, SETTINGS_MAX_FRAME_SIZE for example");
	arg->p = name.end;
	scan_trim(arg);
	if (!scan_done(arg)) {
		if (!parse_u32(d, row, arg))
			return false;
		m = &d->app.items[d->app.count - 1];
		m->u.number.which = which;
		return true;
	}
	if (!draft_imply(d, row))
		return false;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = (struct number_test){NUMBER_GREATER_EQUAL, 0, 0, which};
	return m != NULL;
}

/* NAME=NUMBER: u.number.which is the attribute's number (RFC 2409, appendix A). */
bool parse_ike_attribute(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg, name = scan_until(arg, '=');
	struct match *m;
	uint64_t n;
	int which = ike_attribute_find(&name);

	scan_trim(arg);
	if (which < 0)
		return app_refuse(d, row, &name, "write an attribute such as alg_enc, alg_hash or sa_key_length");
	if (!scan_whole(*arg, UINT32_MAX, &n))
		return app_refuse(d, row, &whole, "write attribute=number");
	if (!draft_imply(d, row))
		return false;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = (struct number_test){NUMBER_EQUAL, n, 0, (int8_t)which};
	return m != NULL;
}

bool parse_dnp3_obj(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg, group = scan_until(arg, ',');
	uint64_t g, v;
	struct match *m;

	if (!scan_whole(group, UINT8_MAX, &g) || !scan_whole(*arg, UINT8_MAX, &v))
		return app_refuse(d, row, &whole, "write group,variation");
	if (!draft_imply(d, row))
		return false;
	m = draft_add_row(d, row);
	if (m)
		m->u.number = (struct number_test){NUMBER_EQUAL, g << 8 | v, 0, 0};
	return m != NULL;
}

/* frame:name or frame:protocol.name */
bool parse_frame(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	const char *prefix = "frame.";
	char name[160];

	scan_trim(arg);
	if (scan_left(arg) > 100 || scan_done(arg))
		return draft_fail(d, arg->p, "name a frame, such as smtp.command_line",
				  "frame: no such name");
	if (memchr(arg->p, '.', scan_left(arg)))
		snprintf(name, sizeof(name), "%s%.*s", prefix, SCAN_ARG(arg));
	else if (d->apps_set && !strchr(d->apps, ' '))
		snprintf(name, sizeof(name), "%s%.20s.%.*s", prefix, d->apps, SCAN_ARG(arg));
	else
		snprintf(name, sizeof(name), "%s%s.%.*s", prefix, d->proto_name, SCAN_ARG(arg));
	if (!protocol_frame_known(d->apps_set ? d->apps : NULL, name + strlen(prefix)))
		return draft_fail(d, arg->p, "name a frame of the rule's protocol, such as smtp.command_line (the records \"frame\" show them)",
				  "frame: there is no frame \"%.*s\"", SCAN_ARG(arg));
	return draft_stick(d, row, arena_text(d->l->arena, name, strlen(name)));
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keywords of industrial protocols whose arguments are more than a number: modbus, cip_service,
 * enip.revision. Forms are those of the reference's documentation.
 */
#include <string.h>

#include "rules/language/draft.h"
#include "rules/language/parsers.h"

static bool refuse(struct draft *d, const struct keyword_row *row, const struct scan *at, const char *advice)
{
	return draft_fail(d, at->p, advice, "%s: \"%.*s\" is not understood", row->name,
			  scan_left(at) > 80 ? 80 : (int)scan_left(at), at->p);
}

/* The condition with the argument as written; NULL: complained about. */
static struct match *match_add(struct draft *d, const struct keyword_row *row, struct scan whole, char **text)
{
	struct match *m;

	scan_trim(&whole);
	*text = draft_text(d, &whole);
	if (!*text) {
		draft_no_memory(d);
		return NULL;
	}
	if (!draft_imply(d, row))
		return NULL;
	m = draft_add_row(d, row);
	if (m)
		memset(&m->u, 0, sizeof(m->u));
	return m;
}

/* ---- modbus ---- */

/* A word and what follows it; false, and nothing taken, where another stands. */
static bool take_word(struct scan *s, const char *word)
{
	struct scan rest = *s, found;

	scan_skip(&rest);
	found = scan_word(&rest);
	if (!scan_is(&found, word))
		return false;
	*s = rest;
	scan_skip(s);
	return true;
}

/* N, <N, >N, N<>N */
static bool take_range(struct scan part, struct match_range *out)
{
	bool below = scan_take(&part, '<'), above = !below && scan_take(&part, '>');
	uint64_t low, high;

	scan_skip(&part);
	if (!scan_number(&part, UINT16_MAX, &low))
		return false;
	high = low;
	if (!below && !above && scan_take_text(&part, "<>") && !scan_number(&part, UINT16_MAX, &high))
		return false;
	scan_trim(&part);
	*out = (struct match_range){true, below ? 0 : (uint16_t)low, above ? UINT16_MAX : (uint16_t)high};
	return scan_done(&part);
}

static bool modbus_category(struct scan word, uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t bits;
	} categories[] = {
		{"assigned", 1}, {"unassigned", 2}, {"public", 3}, {"user", 4}, {"reserved", 8}, {"all", 15},
	};
	bool negated = scan_take(&word, '!');

	for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++)
		if (scan_is(&word, categories[i].name)) {
			*out = negated ? (uint8_t)~categories[i].bits : categories[i].bits;
			return true;
		}
	return false;
}

/* function N[, subfunction N] or function CATEGORY */
static bool modbus_function(struct draft *d, const struct keyword_row *row, struct scan *arg, struct match_modbus *m)
{
	struct scan part = scan_until(arg, ',');
	uint64_t n;

	if (!scan_whole(part, UINT8_MAX, &n)) {
		if (!modbus_category(part, &m->categories) || !scan_done(arg))
			return refuse(d, row, &part,
				      "write a function from 1 to 255, or assigned, unassigned, public, user, "
				      "reserved or all");
		return true;
	}
	if (!n)
		return refuse(d, row, &part, "write a function from 1 to 255");
	m->function = (uint8_t)n;
	if (scan_done(arg))
		return true;
	if (!take_word(arg, "subfunction") || !scan_whole(*arg, UINT16_MAX, &n))
		return refuse(d, row, arg, "write subfunction and its number");
	m->has_subfunction = true;
	m->subfunction = (uint16_t)n;
	return true;
}

/* access read|write [discretes|coils|input|holding][, address RANGE[, value RANGE]] */
static bool modbus_access(struct draft *d, const struct keyword_row *row, struct scan *arg, struct match_modbus *m)
{
	static const char *const tables[] = {"", "discretes", "coils", "input", "holding"};
	struct scan part = scan_until(arg, ',');

	m->by_access = true;
	m->writes = take_word(&part, "write");
	if (!m->writes && !take_word(&part, "read"))
		return refuse(d, row, &part, "write read or write");
	scan_trim(&part);
	while (m->table < 5 && !scan_is(&part, tables[m->table]))
		m->table++;
	if (m->table == 5)
		return refuse(d, row, &part, "write discretes, coils, input or holding");
	if (m->writes && (m->table == MODBUS_TABLE_DISCRETES || m->table == MODBUS_TABLE_INPUT))
		return refuse(d, row, &part, "discretes and input can only be read");
	if (scan_done(arg))
		return true;
	part = scan_until(arg, ',');
	if (!take_word(&part, "address") || !take_range(part, &m->address))
		return refuse(d, row, &part, "write address and N, <N, >N or N<>N");
	if (scan_done(arg))
		return true;
	scan_skip(arg);
	part = *arg;
	if (!m->writes || m->address.low != m->address.high)
		return refuse(d, row, &part, "a value is asked of one address that is written");
	if (!take_word(&part, "value") || !take_range(part, &m->value))
		return refuse(d, row, &part, "write value and N, <N, >N or N<>N");
	return true;
}

/* [unit RANGE,] function … or access …; a unit may stand alone */
bool parse_modbus(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_modbus modbus = {0};
	struct scan whole = *arg;
	struct match *m;
	bool more = true;
	char *text;

	if (take_word(arg, "unit")) {
		struct scan part = scan_until(arg, ',');

		if (!take_range(part, &modbus.unit))
			return refuse(d, row, &part, "write unit and N, <N, >N or N<>N");
		scan_skip(arg);
		more = !scan_done(arg);
	}
	if (more && take_word(arg, "function")) {
		if (!modbus_function(d, row, arg, &modbus))
			return false;
	} else if (more && take_word(arg, "access")) {
		if (!modbus_access(d, row, arg, &modbus))
			return false;
	} else if (more) {
		return refuse(d, row, arg, "begin with function, access or unit");
	}
	m = match_add(d, row, whole, &text);
	if (!m)
		return false;
	modbus.text = text;
	m->u.modbus = modbus;
	return true;
}

/* ---- EtherNet/IP ---- */

/* SERVICE[, CLASS[, [!]ATTRIBUTE]]: as in the reference an attribute with ! asks for nothing. */
bool parse_cip_service(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct match_cip_service cip = {0};
	struct scan whole = *arg, part = scan_until(arg, ',');
	struct match *m;
	uint64_t n;
	char *text;

	if (!scan_whole(part, INT8_MAX, &n))
		return refuse(d, row, &part, "write a service from 0 to 127");
	cip.service = (uint8_t)n;
	if (!scan_done(arg)) {
		part = scan_until(arg, ',');
		if (!scan_whole(part, UINT32_MAX, &n))
			return refuse(d, row, &part, "write the number of a class");
		cip.has_class = true;
		cip.cip_class = (uint32_t)n;
	}
	if (!scan_done(arg)) {
		part = *arg;
		cip.has_attribute = !scan_take(&part, '!');
		if (!scan_whole(part, UINT32_MAX, &n))
			return refuse(d, row, &part, "write the number of an attribute");
		cip.attribute = (uint32_t)n;
	}
	m = match_add(d, row, whole, &text);
	if (!m)
		return false;
	cip.text = text;
	m->u.cip_service = cip;
	return true;
}

bool parse_enip_revision(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan whole = *arg, major = scan_until(arg, '.');
	uint64_t high, low;
	struct match *m;
	char *text;

	if (!scan_whole(major, UINT8_MAX, &high) || !scan_whole(*arg, UINT8_MAX, &low))
		return refuse(d, row, &whole, "write major.minor");
	m = match_add(d, row, whole, &text);
	if (m)
		m->u.number = (struct number_test){NUMBER_EQUAL, high << 8 | low, 0, 0};
	return m != NULL;
}

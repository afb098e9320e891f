/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Values and their modifiers (Sigma Rules Specification, "Special field values", "Escaping";
 * appendix "Sigma Modifiers").
 *
 * A value passes through its modifiers in this order: dashes (windash), UTF-16, base64, then
 * where in the field it may stand. Text in base64 is compared with regard to case, because
 * another case is another text there. Each form a value can take is a pattern.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "control/behaviour/sigma_private.h"

#define FORMS_MAX 400

enum modifier {
	M_CONTAINS = 1 << 0,
	M_STARTSWITH = 1 << 1,
	M_ENDSWITH = 1 << 2,
	M_ALL = 1 << 3,
	M_RE = 1 << 4,
	M_I = 1 << 5,
	M_M = 1 << 6,
	M_S = 1 << 7,
	M_CIDR = 1 << 8,
	M_BASE64 = 1 << 9,
	M_BASE64OFFSET = 1 << 10,
	M_UTF16LE = 1 << 11,
	M_UTF16BE = 1 << 12,
	M_UTF16 = 1 << 13,
	M_CASED = 1 << 14,
	M_LT = 1 << 15,
	M_LTE = 1 << 16,
	M_GT = 1 << 17,
	M_GTE = 1 << 18,
	M_EXISTS = 1 << 19,
	M_FIELDREF = 1 << 20,
	M_WINDASH = 1 << 21,
	M_EXPAND = 1 << 22,
	M_NEQ = 1 << 23,
};

static const struct {
	const char *name;
	unsigned modifier;
} modifier_names[] = {
	{"contains", M_CONTAINS},
	{"startswith", M_STARTSWITH},
	{"endswith", M_ENDSWITH},
	{"all", M_ALL},
	{"re", M_RE},
	{"i", M_I},
	{"m", M_M},
	{"s", M_S},
	{"cidr", M_CIDR},
	{"base64", M_BASE64},
	{"wide", M_UTF16LE},
	{"base64offset", M_BASE64OFFSET},
	{"utf16le", M_UTF16LE},
	{"utf16be", M_UTF16BE},
	{"utf16", M_UTF16},
	{"cased", M_CASED},
	{"lt", M_LT},
	{"lte", M_LTE},
	{"gt", M_GT},
	{"gte", M_GTE},
	{"exists", M_EXISTS},
	{"fieldref", M_FIELDREF},
	{"windash", M_WINDASH},
	{"expand", M_EXPAND},
	{"neq", M_NEQ},
};

#define M_PLACE (M_CONTAINS | M_STARTSWITH | M_ENDSWITH)
#define M_NUMBER (M_LT | M_LTE | M_GT | M_GTE)
#define M_ENCODE (M_BASE64 | M_BASE64OFFSET | M_UTF16LE | M_UTF16BE | M_UTF16)
#define M_ONLY (M_RE | M_CIDR | M_NUMBER | M_EXISTS | M_FIELDREF) /* what a value is read as */

static bool one_bit(unsigned bits)
{
	return !(bits & (bits - 1));
}

static bool modifiers_read(struct reading *r, const yaml_node_t *key, const char *text,
			   unsigned *out)
{
	unsigned bits = 0;

	while (*text == '|') {
		size_t n = strcspn(++text, "|"), i = 0;
		const size_t all = sizeof(modifier_names) / sizeof(modifier_names[0]);

		while (i < all && (strlen(modifier_names[i].name) != n ||
				   memcmp(modifier_names[i].name, text, n) != 0))
			i++;
		if (i == all)
			return reading_fail(r, key, "the modifier %.*s is not known",
					    n > 40 ? 40 : (int)n, text);
		bits |= modifier_names[i].modifier;
		text += n;
	}
	if ((bits & (M_I | M_M | M_S)) && !(bits & M_RE))
		return reading_fail(r, key, "the modifiers i, m and s go with re alone");
	if (!one_bit(bits & M_PLACE) || !one_bit(bits & M_ONLY) ||
	    ((bits & M_ONLY & ~(unsigned)M_FIELDREF) && (bits & (M_PLACE | M_ENCODE | M_WINDASH))))
		return reading_fail(r, key, "two modifiers exclude each other");
	*out = bits;
	return true;
}

/* ---- a value as units: bytes, GLOB_MANY, GLOB_ONE ---- */

struct units {
	uint16_t unit[4 * VALUE_BYTES_MAX + 16];
	uint32_t len;
	bool wild;
};

/* A backslash takes the meaning from *, ? and itself (before one of these); before anything else
 * it is a backslash. */
static void units_of(struct units *u, const uint8_t *text, size_t len)
{
	u->len = 0;
	u->wild = false;
	for (size_t i = 0; i < len; i++) {
		uint16_t c = text[i];
		uint8_t next = i + 1 < len ? text[i + 1] : 0;

		if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
			c = next;
			i++;
		} else if (c == '*' || c == '?') {
			c = c == '*' ? GLOB_MANY : GLOB_ONE;
			u->wild = true;
		}
		if (c != GLOB_MANY || !u->len || u->unit[u->len - 1] != GLOB_MANY)
			u->unit[u->len++] = c;
	}
}

static void place(struct units *u, unsigned bits)
{
	if ((bits & (M_CONTAINS | M_ENDSWITH)) && (!u->len || u->unit[0] != GLOB_MANY)) {
		memmove(u->unit + 1, u->unit, u->len * sizeof(u->unit[0]));
		u->unit[0] = GLOB_MANY;
		u->len++;
	}
	if ((bits & (M_CONTAINS | M_STARTSWITH)) && (!u->len || u->unit[u->len - 1] != GLOB_MANY))
		u->unit[u->len++] = GLOB_MANY;
}

/* The cheapest pattern that means the same. */
static bool pattern_of(struct reading *r, const struct units *u, bool cased,
		       struct sigma_pattern *p)
{
	uint32_t from = 0, to = u->len, wild = 0;
	bool before = u->len && u->unit[0] == GLOB_MANY;
	bool after = u->len > 1 && u->unit[u->len - 1] == GLOB_MANY;
	uint8_t *text;
	uint16_t *glob;

	*p = (struct sigma_pattern){.cased = cased};
	from += before;
	to -= after;
	for (uint32_t i = from; i < to; i++)
		wild += u->unit[i] > 0xff;
	if (wild) {
		glob = reading_alloc(r, u->len * sizeof(*glob));
		if (!glob)
			return false;
		for (uint32_t i = 0; i < u->len; i++)
			glob[i] = !cased && u->unit[i] < 0x80 ? (uint16_t)tolower(u->unit[i])
							      : u->unit[i];
		p->kind = PATTERN_GLOB;
		p->glob = glob;
		p->len = u->len;
		return true;
	}
	p->kind = before && after ? PATTERN_CONTAINS
		  : before        ? PATTERN_SUFFIX
		  : after         ? PATTERN_PREFIX
				  : PATTERN_EXACT;
	text = reading_alloc(r, to - from);
	if (!text)
		return false;
	for (uint32_t i = from; i < to; i++)
		text[i - from] =
			(uint8_t)(!cased && u->unit[i] < 0x80 ? tolower(u->unit[i]) : u->unit[i]);
	p->text = text;
	p->len = to - from;
	return true;
}

/* ---- forms of a value ---- */

struct forms {
	struct sigma_pattern pattern[FORMS_MAX];
	uint32_t count;
};

static bool add_units(struct reading *r, const yaml_node_t *at, struct units *u, unsigned bits,
		      bool cased, struct forms *f)
{
	if (f->count == FORMS_MAX)
		return reading_fail(r, at, "the value has more than %d forms", FORMS_MAX);
	place(u, bits);
	return pattern_of(r, u, cased, &f->pattern[f->count++]);
}

static void set_bytes(struct units *u, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		u->unit[i] = ((const uint8_t *)bytes)[i];
	u->len = (uint32_t)len;
}

/* Three bytes become four digits, so the same bytes look different by where they stand: the
 * digits that depend on these bytes alone, for each of the three places. */
static bool add_offsets(struct reading *r, const yaml_node_t *at, const uint8_t *bytes, size_t len,
			unsigned bits, struct units *u, struct forms *f)
{
	static const unsigned first[] = {0, 2, 3}, last[] = {0, 3, 2};
	static _Thread_local uint8_t padded[2 * VALUE_BYTES_MAX + 8];
	static _Thread_local char text[3 * VALUE_BYTES_MAX + 16];

	for (unsigned shift = 0; shift < 3; shift++) {
		size_t n, cut = first[shift] + last[(len + shift) % 3];

		memset(padded, ' ', shift);
		memcpy(padded + shift, bytes, len);
		n = encode_base64(padded, len + shift, text);
		if (n <= cut)
			return reading_fail(r, at, "the value is too short for base64offset");
		set_bytes(u, text + first[shift], n - cut);
		if (!add_units(r, at, u, bits, true, f))
			return false;
	}
	return true;
}

static bool add_encoded(struct reading *r, const yaml_node_t *at, struct units *u, unsigned bits,
			struct forms *f)
{
	static _Thread_local uint8_t plain[VALUE_BYTES_MAX + 8], wide[2 * VALUE_BYTES_MAX + 8];
	static _Thread_local char text[3 * VALUE_BYTES_MAX + 16];
	const uint8_t *bytes = plain;
	size_t len = u->len;

	if (u->wild)
		return reading_fail(r, at, "a value with wildcards cannot be encoded");
	if (len > VALUE_BYTES_MAX)
		return reading_fail(r, at, "the value is too long to be encoded");
	for (size_t i = 0; i < len; i++)
		plain[i] = (uint8_t)u->unit[i];
	if (bits & (M_UTF16LE | M_UTF16BE | M_UTF16)) {
		len = encode_utf16(plain, len, bits & M_UTF16BE, bits & M_UTF16, wide);
		bytes = wide;
	}
	if (bits & M_BASE64OFFSET)
		return add_offsets(r, at, bytes, len, bits, u, f);
	if (bits & M_BASE64) {
		len = encode_base64(bytes, len, text);
		bytes = (const uint8_t *)text;
	}
	set_bytes(u, bytes, len);
	return add_units(r, at, u, bits, bits & (M_BASE64 | M_CASED), f);
}

static bool add_text(struct reading *r, const yaml_node_t *at, const uint8_t *text, size_t len,
		     unsigned bits, struct forms *f)
{
	static _Thread_local struct units u;
	char word[ADDR_TEXT_MAX], form[ADDR_TEXT_MAX];
	struct addr a;

	if (len > VALUE_BYTES_MAX)
		return reading_fail(r, at, "the value has more than %d bytes", VALUE_BYTES_MAX);
	units_of(&u, text, len);
	if (bits & M_ENCODE)
		return add_encoded(r, at, &u, bits, f);
	if (!add_units(r, at, &u, bits, bits & M_CASED, f))
		return false;
	/* Records print IPv6 addresses in full; rules mostly do not. */
	if (len >= sizeof(word) || (bits & M_PLACE) || !memchr(text, ':', len))
		return true;
	memcpy(word, text, len);
	word[len] = '\0';
	if (addr_parse(word, &a) != 6)
		return true;
	addr_format_long(&a, 6, form);
	set_bytes(&u, form, strlen(form));
	return add_units(r, at, &u, bits, false, f);
}

static const char *const dashes[] = {"-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95"};
#define DASHES (sizeof(dashes) / sizeof(dashes[0]))

/* Length of the dash at text, if an option may begin there: no word before, a word after. */
static size_t dash_at(const uint8_t *text, size_t len, size_t i)
{
	size_t n = 0;

	for (size_t d = 0; d < DASHES && !n; d++)
		if (len - i >= strlen(dashes[d]) &&
		    memcmp(text + i, dashes[d], strlen(dashes[d])) == 0)
			n = strlen(dashes[d]);
	if (!n || i + n >= len || (!isalnum(text[i + n]) && text[i + n] != '_'))
		return 0;
	return i && (isalnum(text[i - 1]) || text[i - 1] == '_') ? 0 : n;
}

/* The value with every choice of dash, as pySigma does it. */
static bool add_dashed(struct reading *r, const yaml_node_t *at, const uint8_t *text, size_t len,
		       unsigned bits, struct forms *f)
{
	static _Thread_local uint8_t form[VALUE_BYTES_MAX + 4 * WINDASH_MAX];
	unsigned count = 0, choices = 1;

	if (len > VALUE_BYTES_MAX)
		return reading_fail(r, at, "the value has more than %d bytes", VALUE_BYTES_MAX);
	for (size_t i = 0; i < len; i++)
		count += dash_at(text, len, i) > 0;
	if (count > WINDASH_MAX)
		return reading_fail(r, at, "windash: the value has more than %d dashes",
				    WINDASH_MAX);
	for (unsigned i = 0; i < count; i++)
		choices *= DASHES;
	for (unsigned choice = 0; choice < choices; choice++) {
		unsigned left = choice;
		size_t n = 0;

		for (size_t i = 0; i < len;) {
			size_t dash = dash_at(text, len, i);

			if (dash) {
				const char *other = dashes[left % DASHES];

				memcpy(form + n, other, strlen(other));
				n += strlen(other);
				left /= DASHES;
				i += dash;
			} else {
				form[n++] = text[i++];
			}
		}
		if (!add_text(r, at, form, n < VALUE_BYTES_MAX ? n : VALUE_BYTES_MAX, bits, f))
			return false;
	}
	return true;
}

/* ---- values that are no texts ---- */

static bool regex_of(struct reading *r, const yaml_node_t *at, unsigned bits,
		     struct sigma_pattern *p)
{
	struct sigma_set *set = r->set;
	uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
	pcre2_compile_context *limits;
	pcre2_code **more, *code;
	int error;
	size_t offset;

	if (at->data.scalar.length > VALUE_BYTES_MAX)
		return reading_fail(r, at, "the expression has more than %d bytes",
				    VALUE_BYTES_MAX);
	options |= bits & M_I ? PCRE2_CASELESS : 0;
	options |= bits & M_M ? PCRE2_MULTILINE : 0;
	options |= bits & M_S ? PCRE2_DOTALL : 0;
	if (set->regex_count == set->regex_cap) {
		uint32_t cap = set->regex_cap ? set->regex_cap * 2 : 64;

		more = realloc(set->regex, cap * sizeof(*more));
		if (!more)
			return reading_fail(r, at, "out of memory");
		set->regex = more;
		set->regex_cap = cap;
	}
	limits = pcre2_compile_context_create(NULL);
	if (limits)
		pcre2_set_parens_nest_limit(limits, 50);
	code = pcre2_compile(at->data.scalar.value, at->data.scalar.length, options, &error,
			     &offset, limits);
	pcre2_compile_context_free(limits);
	if (!code) {
		unsigned char text[128] = "";

		pcre2_get_error_message(error, text, sizeof(text));
		return reading_fail(r, at, "the expression is wrong at character %zu: %s",
				    offset + 1, (const char *)text);
	}
	set->regex[set->regex_count++] = code;
	if (!r->gave_up)
		r->gave_up = reading_alloc(r, sizeof(*r->gave_up));
	*p = (struct sigma_pattern){.kind = PATTERN_REGEX, .regex = code, .gave_up = r->gave_up};
	return r->gave_up != NULL;
}

static bool number_of(struct reading *r, const yaml_node_t *at, unsigned bits,
		      struct sigma_pattern *p)
{
	const char *text = scalar_text(at);
	char *end;

	p->number = strtod(text, &end);
	if (!*text || *end)
		return reading_fail(r, at, "\"%.60s\" is not a number", text);
	p->kind = bits & M_LT    ? PATTERN_LESS
		  : bits & M_LTE ? PATTERN_LESS_EQUAL
		  : bits & M_GT  ? PATTERN_GREATER
				 : PATTERN_GREATER_EQUAL;
	return true;
}

static bool field_of(struct reading *r, const yaml_node_t *at, unsigned bits,
		     struct sigma_pattern *p)
{
	struct sigma_field *other = reading_alloc(r, sizeof(*other));

	if (!other ||
	    !field_resolve(r, at, scalar_text(at), at->data.scalar.length, r->types, other))
		return false;
	p->kind = PATTERN_FIELD;
	p->cased = bits & M_CASED;
	p->other = other;
	p->within = bits & M_CONTAINS     ? PATTERN_CONTAINS
		    : bits & M_STARTSWITH ? PATTERN_PREFIX
		    : bits & M_ENDSWITH   ? PATTERN_SUFFIX
					  : PATTERN_EXACT;
	return true;
}

static bool special_of(struct reading *r, const yaml_node_t *at, unsigned bits,
		       struct sigma_pattern *p)
{
	const char *text = scalar_text(at);

	*p = (struct sigma_pattern){0};
	if (bits & M_RE)
		return regex_of(r, at, bits, p);
	if (bits & M_NUMBER)
		return number_of(r, at, bits, p);
	if (bits & M_FIELDREF)
		return field_of(r, at, bits, p);
	if (bits & M_CIDR) {
		p->kind = PATTERN_CIDR;
		return addr_prefix_parse(text, &p->cidr) == 0 ||
		       reading_fail(r, at, "\"%.60s\" is not a network", text);
	}
	p->kind = strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0
			  ? PATTERN_EXISTS
			  : PATTERN_NOT_EXISTS;
	return p->kind == PATTERN_EXISTS || strcasecmp(text, "false") == 0 ||
	       strcasecmp(text, "no") == 0 || reading_fail(r, at, "exists must be true or false");
}

static bool has_placeholder(const char *text)
{
	const char *from = strchr(text, '%'), *to = from ? strchr(from + 1, '%') : NULL;

	return to && to > from + 1;
}

static bool value_read(struct reading *r, const yaml_node_t *at, unsigned bits, bool keyword,
		       struct forms *f)
{
	const uint8_t *text;
	size_t len;

	f->count = 0;
	if (!at || at->type != YAML_SCALAR_NODE)
		return reading_fail(r, at, "a value is a text, a number, true, false or null");
	text = at->data.scalar.value;
	len = at->data.scalar.length;
	if (bits & M_ONLY) {
		if (keyword && !(bits & M_RE))
			return reading_fail(r, at, "this modifier needs the name of a field");
		return special_of(r, at, bits, &f->pattern[f->count++]);
	}
	if (scalar_plain_null(at) && !keyword) {
		f->pattern[f->count++] = (struct sigma_pattern){.kind = PATTERN_NULL};
		return true;
	}
	if ((bits & M_EXPAND) && has_placeholder((const char *)text))
		return reading_cannot(r, at,
				      "the placeholder in \"%.80s\" has no list of values here",
				      (const char *)text);
	if (keyword && !len)
		return reading_fail(r, at, "an empty keyword matches everything");
	if (bits & M_WINDASH)
		return add_dashed(r, at, text, len, bits, f);
	return add_text(r, at, text, len, bits, f);
}

bool item_read(struct reading *r, const yaml_node_t *key, const char *modifiers,
	       const struct sigma_field *field, const yaml_node_t *values, struct sigma_item *out)
{
	static _Thread_local struct forms forms;
	bool list = values->type == YAML_SEQUENCE_NODE, keyword = !field->paths;
	size_t count =
		list ? (size_t)(values->data.sequence.items.top - values->data.sequence.items.start)
		     : 1;
	struct sigma_value *value;
	unsigned bits = 0;

	if (!modifiers_read(r, key, modifiers, &bits))
		return false;
	if (keyword && !(bits & M_RE))
		bits |= bits & M_PLACE ? 0 : M_CONTAINS;
	if (!count || count > VALUES_MAX)
		return reading_fail(r, values,
				    "the list of values is empty or has more than %d members",
				    VALUES_MAX);
	value = reading_alloc(r, count * sizeof(*value));
	if (!value)
		return false;
	for (size_t i = 0; i < count; i++) {
		const yaml_node_t *at =
			list ? reading_node(r, values->data.sequence.items.start[i]) : values;
		struct sigma_pattern *form;

		if (!at || !value_read(r, at, bits, keyword, &forms))
			return false;
		form = reading_alloc(r, forms.count * sizeof(*form));
		if (!form)
			return false;
		memcpy(form, forms.pattern, forms.count * sizeof(*form));
		value[i] = (struct sigma_value){form, forms.count};
	}
	*out = (struct sigma_item){.field = field, .value = value, .values = (uint32_t)count};
	out->all = bits & M_ALL;
	out->differs = bits & M_NEQ;
	return true;
}

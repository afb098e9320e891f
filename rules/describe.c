/* SPDX-License-Identifier: BSD-3-Clause */
#include "rules/describe.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rules/holds.h"

/* Text that grows to the end of its memory and stops there. */
struct out {
	char *text;
	size_t size, len;
};

static void put(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct out *o, const char *format, ...)
{
	va_list args;
	int n;

	if (o->len + 1 >= o->size)
		return;
	va_start(args, format);
	n = vsnprintf(o->text + o->len, o->size - o->len, format, args);
	va_end(args);
	if (n > 0)
		o->len = o->len + (size_t)n < o->size ? o->len + (size_t)n : o->size - 1;
}

static struct out out_begin(char *text, size_t size)
{
	if (size)
		text[0] = '\0';
	return (struct out){text, size, 0};
}

const char *keyword_name_of(unsigned keyword)
{
	static const char *const names[KEYWORD_COUNT] = {
#define KEYWORD(id, name, aliases, parser, place, about, traits, doc) [KEYWORD_##id] = name,
#include "rules/language/keywords.def"
#undef KEYWORD
	};

	return keyword < KEYWORD_COUNT && names[keyword] ? names[keyword] : "";
}

static const char *parser_of(unsigned keyword)
{
	static const char *const parsers[KEYWORD_COUNT] = {
#define KEYWORD(id, name, aliases, parser, place, about, traits, doc) [KEYWORD_##id] = #parser,
#include "rules/language/keywords.def"
#undef KEYWORD
	};

	return keyword < KEYWORD_COUNT && parsers[keyword] ? parsers[keyword] : "";
}

const char *rule_action_name(unsigned action)
{
	static const char *const names[] = {"alert",   "pass",	   "drop",	 "reject",
					    "rejectdst", "rejectboth", "config", "accept"};

	return action < sizeof(names) / sizeof(*names) ? names[action] : "";
}

const char *rule_scope_name(unsigned scope)
{
	static const char *const names[] = {"", "packet", "flow", "hook", "tx"};

	return scope < sizeof(names) / sizeof(*names) ? names[scope] : "";
}

/* ---- bytes ---- */

static void put_bytes(struct out *o, const uint8_t *data, size_t len)
{
	bool hex = false;

	for (size_t i = 0; i < len; i++) {
		bool plain = data[i] < 127 && isprint(data[i]) && !strchr("\";\\|:", data[i]);

		if (plain != !hex) {
			put(o, "|");
			hex = !hex;
		} else if (hex && i) {
			put(o, " ");
		}
		if (hex)
			put(o, "%02x", data[i]);
		else
			put(o, "%c", data[i]);
	}
	if (hex)
		put(o, "|");
}

char *bytes_describe(const uint8_t *data, size_t len, char *text, size_t size)
{
	struct out o = out_begin(text, size);

	put_bytes(&o, data, len);
	return text;
}

/* ---- numbers ---- */

static void put_number(struct out *o, const struct rule_number *n)
{
	if (n->variable >= 0)
		put(o, "variable %d", n->variable + 1);
	else
		put(o, "%" PRId64, n->value);
}

/* What stands before the number; of a range before its first. */
static const char *number_sign(unsigned op)
{
	static const char *const signs[] = {
		[NUMBER_EQUAL] = "", [NUMBER_NOT_EQUAL] = "!", [NUMBER_LESS] = "<", [NUMBER_LESS_EQUAL] = "<=",
		[NUMBER_GREATER] = ">", [NUMBER_GREATER_EQUAL] = ">=", [NUMBER_BETWEEN] = "", [NUMBER_NOT_BETWEEN] = "!"};

	return op < sizeof(signs) / sizeof(*signs) && signs[op] ? signs[op] : "";
}

static void put_test(struct out *o, const struct number_test *t)
{
	if (t->op == NUMBER_BETWEEN || t->op == NUMBER_NOT_BETWEEN)
		put(o, "%s%" PRIu64 "<>%" PRIu64, number_sign(t->op), t->low, t->high);
	else if (t->op == NUMBER_MASK || t->op == NUMBER_NOT_MASK)
		put(o, "&0x%" PRIx64 "%s0x%" PRIx64, t->low, t->op == NUMBER_MASK ? "=" : "!=", t->high);
	else
		put(o, "%s%" PRIu64, number_sign(t->op), t->low);
	if (t->which == NUMBER_ANY || t->which == NUMBER_ALL)
		put(o, ",%s", t->which == NUMBER_ANY ? "any" : "all");
	else if (t->which)
		put(o, ",%d", t->which);
}

/* ---- conditions on bytes ---- */

static void put_place(struct out *o, const char *name, const struct rule_number *n)
{
	put(o, "; %s:", name);
	put_number(o, n);
}

static void put_content(struct out *o, const struct match_content *c)
{
	put(o, "content:%s\"", c->flags & CONTENT_NEGATED ? "!" : "");
	put_bytes(o, c->pattern.data, c->pattern.len);
	put(o, "\"");
	if (c->flags & CONTENT_NOCASE)
		put(o, "; nocase");
	if (c->flags & CONTENT_OFFSET)
		put_place(o, "offset", &c->offset);
	if ((c->flags & CONTENT_DEPTH) && !(c->flags & CONTENT_STARTSWITH))
		put_place(o, "depth", &c->depth);
	if (c->flags & CONTENT_DISTANCE)
		put_place(o, "distance", &c->distance);
	if (c->flags & CONTENT_WITHIN)
		put_place(o, "within", &c->within);
	if (c->flags & CONTENT_STARTSWITH)
		put(o, "; startswith");
	if (c->flags & CONTENT_ENDSWITH)
		put(o, "; endswith");
	if (c->flags & CONTENT_REPLACE) {
		put(o, "; replace:\"");
		put_bytes(o, c->replace.data, c->replace.len);
		put(o, "\"");
	}
}

static void put_pcre(struct out *o, const struct match_pcre *m)
{
	static const struct {
		char letter;
		uint32_t option;
	} options[] = {{'i', PCRE2_CASELESS}, {'s', PCRE2_DOTALL},	   {'m', PCRE2_MULTILINE},
		       {'x', PCRE2_EXTENDED}, {'A', PCRE2_ANCHORED}, {'E', PCRE2_DOLLAR_ENDONLY},
		       {'G', PCRE2_UNGREEDY}};

	put(o, "pcre:%s\"/%.*s/", m->flags & PCRE_NEGATED ? "!" : "", (int)m->pattern_len, m->pattern);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (m->options & options[i].option)
			put(o, "%c", options[i].letter);
	put(o, "%s\"", m->flags & PCRE_RELATIVE ? "R" : "");
}

static void put_byte_flags(struct out *o, const struct match_byte *m)
{
	if (m->multiplier > 1)
		put(o, ", multiplier %u", m->multiplier);
	if (m->flags & BYTE_RELATIVE)
		put(o, ", relative");
	if (m->flags & BYTE_LITTLE)
		put(o, ", little");
	if (m->flags & BYTE_STRING)
		put(o, ", string, %s", m->base == 8 ? "oct" : m->base == 10 ? "dec" : m->base == 16 ? "hex"
											     : "by prefix");
	if (m->flags & BYTE_DCE)
		put(o, ", dce");
	if (m->flags & BYTE_ALIGN)
		put(o, ", align %u", m->align ? m->align : 4);
	if (m->flags & BYTE_FROM_BEGINNING)
		put(o, ", from_beginning");
	if (m->flags & BYTE_FROM_END)
		put(o, ", from_end");
	if (m->post_offset)
		put(o, ", post_offset %d", m->post_offset);
	if (m->bitmask)
		put(o, ", bitmask 0x%x", m->bitmask);
}

static void put_byte(struct out *o, unsigned keyword, const struct match_byte *m)
{
	static const char *const ops[] = {"<", ">", "=", "<=", ">=", "&", "^"};

	put(o, "%s:", keyword_name_of(keyword));
	put_number(o, &m->count);
	if (keyword == KEYWORD_byte_test) {
		put(o, ", %s%s, ", m->flags & BYTE_NEGATED ? "!" : "", ops[m->op]);
		put_number(o, &m->value);
	}
	put(o, ", ");
	put_number(o, &m->offset);
	if (keyword == KEYWORD_byte_math) {
		put(o, ", %s ", m->op == '<' ? "<<" : m->op == '>' ? ">>" : (char[]){(char)m->op, 0});
		put_number(o, &m->value);
	}
	if (m->variable >= 0)
		put(o, ", into variable %d", m->variable + 1);
	put_byte_flags(o, m);
}

/* ---- state ---- */

static const char *track_name(unsigned track)
{
	static const char *const names[] = {"flow", "source", "destination", "either host", "pair of hosts",
					    "rule", "transaction"};

	return track < sizeof(names) / sizeof(*names) ? names[track] : "";
}

static void put_name(struct out *o, const char *const *names, uint32_t count, uint32_t id)
{
	if (names && id < count)
		put(o, "%s", names[id]);
	else
		put(o, "#%u", id);
}

static void put_bits(struct out *o, const struct match *m, const struct ruleset *set)
{
	static const char *const commands[] = {"set", "unset", "toggle", "isset", "isnotset"};
	const struct match_bits *b = &m->u.bits;
	const char *const *names = NULL;
	uint32_t count = 0;

	if (set) {
		bool flow = m->keyword == KEYWORD_flowbits, x = m->keyword == KEYWORD_xbits;

		names = flow ? set->flowbit_names : x ? set->xbit_names : set->hostbit_names;
		count = flow ? set->flowbit_count : x ? set->xbit_count : set->hostbit_count;
	}
	put(o, "%s:%s,", keyword_name_of(m->keyword), commands[b->command]);
	for (unsigned i = 0; i < b->count; i++) {
		put(o, "%s", i ? "|" : "");
		put_name(o, names, count, b->ids[i]);
	}
	if (m->keyword == KEYWORD_flowbits)
		return;
	put(o, ", of the %s", track_name(b->track));
	if (b->command == BITS_SET)
		put(o, ", for %u s", b->expire_s);
}

static void put_flowint(struct out *o, const struct match_flowint *f, const struct ruleset *set)
{
	static const char *const commands[] = {"", "+", "-", "=", "isset", "notset"};
	static const char *const tests[] = {"==", "!=", "<", "<=", ">", ">="};
	const char *const *names = set ? set->flowint_names : NULL;
	uint32_t count = set ? set->flowint_count : 0;

	put(o, "flowint:");
	put_name(o, names, count, f->id);
	put(o, ",%s", f->command == FLOWINT_TEST && f->test.op <= NUMBER_GREATER_EQUAL
			      ? tests[f->test.op]
			      : commands[f->command]);
	if (f->command == FLOWINT_ISSET || f->command == FLOWINT_NOTSET)
		return;
	put(o, ",");
	if (f->value_is_variable)
		put_name(o, names, count, f->value);
	else
		put(o, "%u", f->value);
}

static void put_threshold(struct out *o, const struct match_threshold *t)
{
	static const char *const types[] = {"limit", "threshold", "both", "backoff"};
	static const char *const what[] = {"detection_filter", "rate_filter", "suppress", "rate_limit"};

	if (t->type < THRESHOLD_DETECTION_FILTER)
		put(o, "threshold: type %s", types[t->type]);
	else
		put(o, "%s:", what[t->type - THRESHOLD_DETECTION_FILTER]);
	put(o, "%s track by %s", t->type < THRESHOLD_DETECTION_FILTER ? "," : "", track_name(t->track));
	if (t->type == THRESHOLD_SUPPRESS) {
		put(o, t->addresses.any ? "" : ", of some addresses");
		return;
	}
	if (t->type == THRESHOLD_RATE_LIMIT) {
		if (t->packets)
			put(o, ", %" PRIu64 " packets a second", t->rate);
		else
			put(o, ", %" PRIu64 " kbit/s", t->rate / 1000);
		return;
	}
	put(o, ", count %u", t->count);
	if (t->type == THRESHOLD_BACKOFF)
		put(o, ", multiplier %u", t->multiplier);
	else
		put(o, ", seconds %u", t->seconds);
	if (t->type == THRESHOLD_RATE_FILTER)
		put(o, ", then %s for %u s", rule_action_name(t->new_action), t->timeout_s);
}

static void put_tag(struct out *o, const struct match_tag *t)
{
	put(o, "tag:%s,", t->host ? "host" : "session");
	if (t->seconds)
		put(o, "%u,seconds", t->seconds);
	else if (t->bytes)
		put(o, "%u,bytes", t->bytes);
	else
		put(o, "%u,packets", t->packets);
	if (t->host)
		put(o, t->by_dst ? ",dst" : ",src");
}

/* ---- fields ---- */

static void put_letters(struct out *o, const char *letters, unsigned bits)
{
	for (unsigned i = 0; letters[i]; i++)
		if (bits & 1u << i)
			put(o, "%c", letters[i]);
	if (!bits)
		put(o, "0");
}

static void put_tcp_flags(struct out *o, const struct match_tcp_flags *f)
{
	put(o, "tcp.flags:");
	if (f->modifier)
		put(o, "%c", f->modifier);
	put_letters(o, "FSRPAUEC", f->flags);
	if (f->ignore) {
		put(o, ",");
		put_letters(o, "FSRPAUEC", f->ignore);
	}
}

static void put_app_proto(struct out *o, const struct match_app_proto *a)
{
	static const char *const modes[] = {"", ",to_server", ",to_client", ",either", ",final", ",original"};

	put(o, "app-layer-protocol:%s%s%s", a->negated ? "!" : "", a->name, a->mode < 6 ? modes[a->mode] : "");
}

static void put_word(struct out *o, const struct match *m)
{
	const char *text = m->u.word.text;

	put(o, "%s", keyword_name_of(m->keyword));
	if (m->keyword == KEYWORD_fragbits) {
		put(o, ":");
		if (m->u.word.modifier)
			put(o, "%c", m->u.word.modifier);
		put_letters(o, "MDR", m->u.word.bits);
	} else if (strcmp(parser_of(m->keyword), "csum") == 0) {
		put(o, ":%s", m->u.word.bits ? "valid" : "invalid");
	} else if (m->keyword == KEYWORD_absent) {
		put(o, "%s", m->u.word.bits ? ":or_else" : "");
	} else if (text && *text) {
		put(o, ":%s\"%s\"", m->u.word.negated ? "!" : "", text);
	} else if (m->u.word.bits || m->u.word.mask) {
		put(o, ":0x%x", m->u.word.bits);
		if (m->u.word.mask)
			put(o, " of 0x%x", m->u.word.mask);
	}
}

static void put_geoip(struct out *o, const struct match_geoip *g)
{
	static const char *const sides[] = {"any", "src", "dst", "both"};

	put(o, "geoip:%s", sides[g->side & 3]);
	for (unsigned i = 0; i < g->count; i++)
		put(o, ",%s%.2s", g->negated ? "!" : "", g->countries[i]);
}

static void put_rpc(struct out *o, const struct match_rpc *rpc)
{
	put(o, "rpc:");
	for (int i = 0; i < RPC_FIELDS; i++)
		if (rpc->any[i])
			put(o, "%s*", i ? "," : "");
		else
			put(o, "%s%u", i ? "," : "", rpc->values[i]);
}

static void put_asn1(struct out *o, const struct match_asn1 *a)
{
	const char *comma = "";

	put(o, "asn1:");
	if (a->bitstring_overflow)
		put(o, "bitstring_overflow"), comma = ", ";
	if (a->double_overflow)
		put(o, "%sdouble_overflow", comma), comma = ", ";
	if (a->oversize)
		put(o, "%soversize_length %u", comma, a->oversize_length), comma = ", ";
	if (a->relative || a->offset)
		put(o, "%s%s_offset %d", comma, a->relative ? "relative" : "absolute", a->offset);
}

static void put_entropy(struct out *o, const struct match_entropy *e)
{
	put(o, "entropy:value %s%g", number_sign(e->op), e->low);
	if (e->op == NUMBER_BETWEEN || e->op == NUMBER_NOT_BETWEEN)
		put(o, "-%g", e->high);
	if (e->bytes)
		put(o, ", bytes %u", e->bytes);
	if (e->offset)
		put(o, ", offset %u", e->offset);
}

static void put_iprep(struct out *o, const struct match_iprep *r)
{
	static const char *const sides[] = {"any", "src", "dst", "both"};

	put(o, "iprep:%s,#%u,", sides[r->side & 3], r->category);
	if (r->mode == IPREP_SCORE)
		put_test(o, &r->test);
	else
		put(o, r->mode == IPREP_ISSET ? "isset" : "isnotset");
}

static void put_variable(struct out *o, const struct match *m)
{
	put(o, "%s:%s,\"", keyword_name_of(m->keyword), m->u.variable.name);
	put_bytes(o, m->u.variable.text.data, m->u.variable.text.len);
	put(o, "\"");
}

static void put_dataset(struct out *o, const struct match *m)
{
	static const char *const commands[] = {"isset", "isnotset", "set", "unset"};

	put(o, "%s:%s", keyword_name_of(m->keyword), commands[m->u.dataset.command & 3]);
	if (m->u.dataset.context_key)
		put(o, ", context_key %s", m->u.dataset.context_key);
}

static void put_value(struct out *o, const struct match *m)
{
	const char *name = keyword_name_of(m->keyword);

	if (strcmp(parser_of(m->keyword), "i32") == 0) {
		put(o, "%s:%" PRId64, name, (int64_t)m->u.number.low - INT64_C(0x80000000));
	} else if (m->keyword == KEYWORD_ike_chosen_sa_attribute) {
		put(o, "%s:%s=%" PRIu64, name, ike_attribute_names[m->u.number.which], m->u.number.low);
	} else {
		put(o, "%s:", name);
		put_test(o, &m->u.number);
	}
}

static void put_other(struct out *o, const struct match *m)
{
	const char *name = keyword_name_of(m->keyword);

	switch (match_member(m->keyword)) {
	case MEMBER_number:
		put_value(o, m);
		break;
	case MEMBER_dce_iface:
		put(o, "%s:\"%s\"", name, m->u.dce_iface.text);
		break;
	case MEMBER_dce_opnum:
		put(o, "%s:\"%s\"", name, m->u.dce_opnum.text);
		break;
	case MEMBER_modbus:
		put(o, "%s:\"%s\"", name, m->u.modbus.text);
		break;
	case MEMBER_cip_service:
		put(o, "%s:\"%s\"", name, m->u.cip_service.text);
		break;
	case MEMBER_asn1:
		put_asn1(o, &m->u.asn1);
		break;
	case MEMBER_entropy:
		put_entropy(o, &m->u.entropy);
		break;
	case MEMBER_iprep:
		put_iprep(o, &m->u.iprep);
		break;
	case MEMBER_variable:
		put_variable(o, m);
		break;
	case MEMBER_dataset:
		put_dataset(o, m);
		break;
	case MEMBER_datarep:
		put(o, "%s:", name);
		put_test(o, &m->u.datarep.test);
		break;
	case MEMBER_word:
		put_word(o, m);
		break;
	default:
		put(o, "%s", name);
		break;
	}
}

static void put_isdataat(struct out *o, const struct match_isdataat *m)
{
	put(o, "isdataat:%s", m->negated ? "!" : "");
	put_number(o, &m->at);
	put(o, "%s", m->relative ? ",relative" : "");
}

static void put_stream_size(struct out *o, const struct match_stream_size *s)
{
	static const char *const sides[] = {"server", "client", "both", "either"};

	put(o, "stream_size:%s,", sides[s->side]);
	put_test(o, &s->test);
}

char *match_describe(const struct match *m, const struct ruleset *set, char *text, size_t size)
{
	struct out o = out_begin(text, size);

	switch (m->keyword) {
	case KEYWORD_content:
	case KEYWORD_uricontent:
		put_content(&o, &m->u.content);
		break;
	case KEYWORD_pcre:
		put_pcre(&o, &m->u.pcre);
		break;
	case KEYWORD_isdataat:
		put_isdataat(&o, &m->u.isdataat);
		break;
	case KEYWORD_byte_test:
	case KEYWORD_byte_jump:
	case KEYWORD_byte_extract:
	case KEYWORD_byte_math:
		put_byte(&o, m->keyword, &m->u.byte);
		break;
	case KEYWORD_base64_decode:
		put(&o, "base64_decode:bytes %u, offset %u%s", m->u.base64.bytes, m->u.base64.offset,
		    m->u.base64.relative ? ", relative" : "");
		break;
	case KEYWORD_flowbits:
	case KEYWORD_xbits:
	case KEYWORD_hostbits:
		put_bits(&o, m, set);
		break;
	case KEYWORD_flowint:
		put_flowint(&o, &m->u.flowint, set);
		break;
	case KEYWORD_stream_size:
		put_stream_size(&o, &m->u.stream_size);
		break;
	case KEYWORD_tcp_flags:
		put_tcp_flags(&o, &m->u.tcp_flags);
		break;
	case KEYWORD_threshold:
	case KEYWORD_detection_filter:
		put_threshold(&o, &m->u.threshold);
		break;
	case KEYWORD_tag:
		put_tag(&o, &m->u.tag);
		break;
	case KEYWORD_geoip:
		put_geoip(&o, &m->u.geoip);
		break;
	case KEYWORD_lua:
		put(&o, "lua:%s%s", m->u.script.negated ? "!" : "", m->u.script.use->name);
		break;
	case KEYWORD_rpc:
		put_rpc(&o, &m->u.rpc);
		break;
	case KEYWORD_app_layer_protocol:
		put_app_proto(&o, &m->u.app_proto);
		break;
	case KEYWORD_app_layer_event:
		put(&o, "app-layer-event:%s%s%s", m->u.event.proto ? m->u.event.proto : "",
		    m->u.event.proto ? "." : "", m->u.event.name);
		break;
	case KEYWORD_decode_event:
	case KEYWORD_stream_event:
		put(&o, "%s:%s", keyword_name_of(m->keyword), m->u.event.name);
		break;
	default:
		put_other(&o, m);
		break;
	}
	return text;
}

char *transform_describe(const struct transform *t, char *text, size_t size)
{
	static const char *const names[TRANSFORM_COUNT] = {
#define TRANSFORM(id, name, doc) [TRANSFORM_##id] = name,
#include "rules/language/transforms.def"
#undef TRANSFORM
	};
	struct out o = out_begin(text, size);

	put(&o, "%s", t->kind < TRANSFORM_COUNT && names[t->kind] ? names[t->kind] : "");
	if (t->argument.len) {
		put(&o, ":\"");
		put_bytes(&o, t->argument.data, t->argument.len);
		put(&o, "\"");
	}
	return text;
}

/* ---- sets ---- */

/* The prefix whose first and last address these are; -1: it is none. */
static int range_bits(const struct addr_range *r)
{
	unsigned bytes = r->ip_version == 4 ? 4 : 16, bits = 0, n = bytes * 8;

	while (bits < n && !((r->low.b[bits / 8] ^ r->high.b[bits / 8]) & 0x80 >> bits % 8))
		bits++;
	for (unsigned i = bits; i < n; i++)
		if ((r->low.b[i / 8] & 0x80 >> i % 8) || !(r->high.b[i / 8] & 0x80 >> i % 8))
			return -1;
	return (int)bits;
}

char *addr_set_describe(const struct addr_set *set, unsigned max, char *text, size_t size)
{
	struct out o = out_begin(text, size);
	char low[ADDR_TEXT_MAX], high[ADDR_TEXT_MAX];

	if (set->any)
		put(&o, "any");
	for (uint32_t i = 0; !set->any && i < set->count && i < max; i++) {
		const struct addr_range *r = &set->ranges[i];
		int bits = range_bits(r), all = r->ip_version == 4 ? 32 : 128;

		put(&o, "%s%s", i ? ", " : "", addr_format(&r->low, r->ip_version, low));
		if (bits < 0)
			put(&o, "-%s", addr_format(&r->high, r->ip_version, high));
		else if (bits < all)
			put(&o, "/%d", bits);
	}
	if (!set->any && set->count > max)
		put(&o, " … %u more", set->count - max);
	return text;
}

char *port_set_describe(const struct port_set *set, unsigned max, char *text, size_t size)
{
	struct out o = out_begin(text, size);

	if (set->any)
		put(&o, "any");
	for (uint32_t i = 0; !set->any && i < set->count && i < max; i++) {
		const struct port_range *r = &set->ranges[i];

		put(&o, "%s%u", i ? ", " : "", r->low);
		if (r->high != r->low)
			put(&o, ":%u", r->high);
	}
	if (!set->any && set->count > max)
		put(&o, " … %u more", set->count - max);
	return text;
}

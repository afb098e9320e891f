/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PDF (ISO 32000-1). Read as a run of tokens from its first byte to its last, without trust in
 * its cross-reference table: what is written there is seen wherever a reader would be led. Objects
 * in object streams (7.5.7) are read the same way once their filters are undone (pdf_filter.c). Names in disguise (#xx, 7.3.5)
 * are undone. Each byte is looked at once, each inflated byte once.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"
#include "control/analysis/pdf_filter.h"
#include "dataplane/base/digit.h"

#define HEADER_LOOK_BYTES 1024u /* readers take a header as late as that */
#define NAME_MAX_BYTES 64u
#define SCRIPT_REFS_MAX 64u
#define OBJECTS_MAX 100000u
#define URLS_MAX 20u
#define STRING_KEPT_MAX 4096u /* of what is no script */

enum name_flag {
	NAME_JS = 1 << 0,
	NAME_OPEN = 1 << 1,
	NAME_LAUNCH = 1 << 2,
	NAME_EMBEDDED = 1 << 3,
	NAME_OBJSTM = 1 << 5,
	NAME_URI = 1 << 6,
	NAME_ENCRYPT = 1 << 7,
	NAME_PREDICTOR = 1 << 8,
	NAME_XFA = 1 << 9,
	NAME_FILE = 1 << 10,
	NAME_ACROFORM = 1 << 11,
	NAME_COLUMNS = 1 << 12,
	NAME_COLORS = 1 << 13,
	NAME_BITS = 1 << 14,
	NAME_EARLY = 1 << 15,
};

static const struct {
	const char *name;
	uint32_t flag;
	bool telling; /* in disguise it says something */
} names[] = {
	{"JS", NAME_JS, true},           {"JavaScript", NAME_JS, true},
	{"OpenAction", NAME_OPEN, true}, {"AA", NAME_OPEN, true},
	{"Launch", NAME_LAUNCH, true},   {"EmbeddedFile", NAME_EMBEDDED, true},
	{"ObjStm", NAME_OBJSTM, false},  {"URI", NAME_URI, false},
	{"Encrypt", NAME_ENCRYPT, false}, {"XFA", NAME_XFA, false},
	{"Predictor", NAME_PREDICTOR, false}, {"Columns", NAME_COLUMNS, false},
	{"Colors", NAME_COLORS, false},  {"BitsPerComponent", NAME_BITS, false},
	{"EarlyChange", NAME_EARLY, false},
	{"F", NAME_FILE, false},         {"AcroForm", NAME_ACROFORM, false},
};

struct pdf {
	struct analysis *a;
	struct part *p;
	uint32_t seen;        /* of the whole file */
	uint32_t here;        /* since the last object began */
	struct pdf_chain chain; /* filters named since then */
	uint32_t last;        /* the name just read */
	uint64_t number[2];   /* the last two numbers: "12 0 obj", "12 0 R" */
	uint64_t object;      /* the one being read */
	uint64_t refs[SCRIPT_REFS_MAX]; /* objects that hold scripts */
	unsigned ref_count, urls, scripts, files;
	struct place {
		uint64_t object;
		uint32_t at;  /* of its stream's bytes in the file */
		uint32_t len;
		struct pdf_chain chain;
	} *place;
	uint32_t places, place_room;
	char launch[200];
};

bool pdf_is(const struct part *p)
{
	struct bytes head = {p->data.data, p->data.len < HEADER_LOOK_BYTES ? p->data.len : HEADER_LOOK_BYTES};

	return bytes_find(head, 0, "%PDF-", 5) != NULL;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0;
}

static bool is_delimiter(uint8_t c)
{
	return c && strchr("()<>[]{}/%", c) != NULL;
}

/* ---- names ---- */

static void take_filter(struct pdf *d, uint8_t filter)
{
	if (d->chain.count < PDF_FILTERS_MAX)
		d->chain.filter[d->chain.count++] = filter;
	else
		d->chain.too_many = true;
}

/* What a number says of the filters. */
static void take_parameter(struct pdf *d, uint64_t v)
{
	if (d->last == NAME_PREDICTOR)
		d->chain.predictor = v < UINT16_MAX ? (uint16_t)v : 0;
	else if (d->last == NAME_COLUMNS)
		d->chain.columns = v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
	else if (d->last == NAME_COLORS)
		d->chain.colors = v <= 32 ? (uint8_t)v : 0;
	else if (d->last == NAME_BITS)
		d->chain.bits = v <= 16 ? (uint8_t)v : 0;
	else if (d->last == NAME_EARLY)
		d->chain.late = v == 0;
	else
		return;
	d->last = 0;
}

static void take_name(struct pdf *d, struct bytes b, uint32_t *at)
{
	char name[NAME_MAX_BYTES];
	uint32_t n = 0;
	uint8_t filter;
	bool disguised = false;

	while (*at < b.len && !is_blank(b.data[*at]) && !is_delimiter(b.data[*at])) {
		uint8_t c = b.data[(*at)++];

		if (c == '#' && *at + 1 < b.len && hex_digit(b.data[*at]) >= 0 && hex_digit(b.data[*at + 1]) >= 0) {
			c = (uint8_t)(hex_digit(b.data[*at]) << 4 | hex_digit(b.data[*at + 1]));
			*at += 2;
			disguised |= isalnum(c) != 0;
		}
		if (n < NAME_MAX_BYTES - 1)
			name[n++] = (char)c;
	}
	name[n] = '\0';
	d->last = 0;
	filter = pdf_filter_named(name);
	if (filter)
		take_filter(d, filter);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i].name) != 0)
			continue;
		d->last = names[i].flag;
		d->here |= d->last;
		d->seen |= d->last;
		if (disguised && names[i].telling)
			part_reason(d->a, d->p, REASON_pdf_disguise, "/%s", name);
	}
}

/* ---- strings ---- */

static void put(uint8_t *out, uint32_t room, uint32_t *n, uint8_t c)
{
	if (*n < room)
		out[*n] = c;
	*n += *n < room;
}

/* ( … ) with what is escaped (7.3.4.2); at stands behind the opening. Returns the length in out. */
static uint32_t take_literal(struct bytes b, uint32_t *at, uint8_t *out, uint32_t room)
{
	static const char escapes[] = "nrtbf", meant[] = "\n\r\t\b\f";
	uint32_t n = 0, depth = 1;

	while (*at < b.len) {
		uint8_t c = b.data[(*at)++];

		if (c == '\\' && *at < b.len) {
			const char *e;

			c = b.data[(*at)++];
			if (c >= '0' && c <= '7') {
				unsigned v = c - '0';

				for (int i = 0; i < 2 && *at < b.len && b.data[*at] >= '0' && b.data[*at] <= '7'; i++)
					v = v * 8 + b.data[(*at)++] - '0';
				put(out, room, &n, (uint8_t)v);
			} else if (c != '\n' && c != '\r') {
				e = strchr(escapes, c);
				put(out, room, &n, e && c ? (uint8_t)meant[e - escapes] : c);
			}
			continue;
		}
		depth += c == '(';
		depth -= c == ')';
		if (!depth)
			break;
		put(out, room, &n, c);
	}
	return n;
}

static uint32_t take_hex_string(struct bytes b, uint32_t *at, uint8_t *out, uint32_t room)
{
	uint32_t n = 0;
	int high = -1, v;

	while (*at < b.len && b.data[*at] != '>') {
		v = hex_digit(b.data[(*at)++]);
		if (v < 0)
			continue;
		if (high >= 0)
			put(out, room, &n, (uint8_t)(high << 4 | v));
		high = high >= 0 ? -1 : v;
	}
	*at += *at < b.len;
	return n;
}

static void add_script(struct pdf *d, struct bytes text)
{
	char name[32];

	if (!text.len)
		return;
	snprintf(name, sizeof(name), "script %u", ++d->scripts);
	part_add(d->a, d->p, (struct bytes){(const uint8_t *)name, (uint32_t)strlen(name)}, "application/javascript", text);
}

static void take_string(struct pdf *d, struct bytes b, uint32_t *at, bool hex)
{
	static const uint32_t wanted = NAME_JS | NAME_URI | NAME_FILE;
	uint32_t most = d->last == NAME_JS ? UINT32_MAX : STRING_KEPT_MAX, left = b.len - *at;
	uint32_t room = !(d->last & wanted) ? 0 : left < most ? left : most, n;
	uint8_t *out = room ? malloc(room) : NULL;

	n = hex ? take_hex_string(b, at, out, out ? room : 0) : take_literal(b, at, out, out ? room : 0);
	if (n && d->last == NAME_JS) {
		add_script(d, (struct bytes){out, n});
	} else if (n && d->last == NAME_URI && d->urls++ < URLS_MAX) {
		part_fact_bytes(d->a, d->p, "url", out, n);
	} else if (n && d->last == NAME_FILE && d->here & NAME_LAUNCH) {
		snprintf(d->launch, sizeof(d->launch), "%.*s", (int)(n < 180 ? n : 180), (const char *)out);
	}
	free(out);
	d->last = 0;
}

/* ---- streams ---- */

static void read_tokens(struct pdf *d, struct bytes b, bool streams);

static void remember(struct pdf *d, uint32_t at, uint32_t len)
{
	if (d->places == d->place_room) {
		uint32_t room = d->place_room ? d->place_room * 2 : 256;
		struct place *more = room <= OBJECTS_MAX ? realloc(d->place, room * sizeof(*more)) : NULL;

		if (!more)
			return;
		d->place = more;
		d->place_room = room;
	}
	d->place[d->places++] = (struct place){d->object, at, len, d->chain};
}

/* A stream whose filter is said elsewhere (by reference) may still tell by itself: RFC 1950, 2.2. */
static bool looks_deflated(struct bytes raw)
{
	return raw.len > 2 && (raw.data[0] & 15) == 8 && (raw.data[0] << 8 | raw.data[1]) % 31 == 0;
}

/* The stream's bytes as they are meant, in a new buffer; data NULL: cannot be had. */
static struct bytes decoded(struct pdf *d, struct bytes raw, const struct pdf_chain *chain)
{
	const struct pdf_chain guess = {.count = 1, .filter = {PDF_FLATE}};
	enum reason_code code;
	struct bytes out;
	uint64_t room = analysis_room(d->a, raw.len, &code), work;
	bool whole, fine;

	fine = !chain->count && looks_deflated(raw) && pdf_decode(raw, &guess, room, &out, &whole, &work);
	if (!fine && !pdf_decode(raw, chain, room, &out, &whole, &work))
		return (struct bytes){NULL, 0};
	d->a->bytes += work;
	if (!whole) {
		d->a->incomplete = true;
		part_reason(d->a, d->p, code, "a stream of %u bytes", raw.len);
	}
	return out;
}

static void take_stream(struct pdf *d, struct bytes b, uint32_t *at)
{
	static const char close[] = "endstream";
	uint32_t here = d->here, from;
	const uint8_t *end;
	struct bytes raw, out;
	char name[32];

	*at += *at < b.len && b.data[*at] == '\r';
	*at += *at < b.len && b.data[*at] == '\n';
	from = *at;
	end = bytes_find(b, from, close, sizeof(close) - 1);
	raw = (struct bytes){b.data + from, end ? (uint32_t)(end - b.data) - from : b.len - from};
	*at = from + raw.len;
	remember(d, from, raw.len);
	if (!(here & (NAME_OBJSTM | NAME_EMBEDDED)))
		return;
	out = decoded(d, raw, &d->chain);
	if (here & NAME_OBJSTM && out.len) {
		read_tokens(d, out, false);
	} else if (out.len) {
		snprintf(name, sizeof(name), "embedded %u", ++d->files);
		part_add(d->a, d->p, (struct bytes){(const uint8_t *)name, (uint32_t)strlen(name)}, "", out);
	}
	free((void *)(uintptr_t)out.data);
}

/* ---- tokens ---- */

static void take_word(struct pdf *d, struct bytes b, uint32_t *at, bool streams)
{
	const uint8_t *word = b.data + *at;
	uint32_t from = *at, n;
	uint64_t v = 0;
	bool number = true;

	while (*at < b.len && !is_blank(b.data[*at]) && !is_delimiter(b.data[*at])) {
		uint8_t c = b.data[(*at)++];

		number &= c >= '0' && c <= '9';
		v = v < UINT32_MAX ? v * 10 + (c - '0') : v;
	}
	n = *at - from;
	if (!n) { /* a delimiter nobody waits for */
		(*at)++;
		return;
	}
	if (number) {
		d->number[0] = d->number[1];
		d->number[1] = v;
		take_parameter(d, v);
		return;
	}
	if (n == 1 && *word == 'R' && d->last == NAME_JS && d->ref_count < SCRIPT_REFS_MAX)
		d->refs[d->ref_count++] = d->number[0];
	if (n >= 3 && memcmp(word + n - 3, "obj", 3) == 0) { /* "obj", "endobj" */
		d->here = 0;
		d->chain = (struct pdf_chain){0};
		if (n == 3)
			d->object = d->number[0];
	}
	if (streams && n == 6 && memcmp(word, "stream", 6) == 0)
		take_stream(d, b, at);
	d->last = 0;
}

static void read_tokens(struct pdf *d, struct bytes b, bool streams)
{
	uint32_t at = 0;

	while (at < b.len && !analysis_over(d->a)) {
		uint8_t c = b.data[at];

		if (is_blank(c)) {
			at++;
		} else if (c == '%') {
			while (at < b.len && b.data[at] != '\n' && b.data[at] != '\r')
				at++;
		} else if (c == '/') {
			at++;
			take_name(d, b, &at);
		} else if (c == '(') {
			at++;
			take_string(d, b, &at, false);
		} else if (c == '<' && !(at + 1 < b.len && b.data[at + 1] == '<')) {
			at++;
			take_string(d, b, &at, true);
		} else if (is_delimiter(c)) {
			at += c == '<' ? 2 : 1;
		} else {
			take_word(d, b, &at, streams);
		}
	}
}

/* ---- the whole ---- */

static void take_scripts(struct pdf *d)
{
	for (unsigned i = 0; i < d->ref_count && !analysis_over(d->a); i++)
		for (uint32_t k = 0; k < d->places; k++) {
			struct bytes out;

			if (d->place[k].object != d->refs[i])
				continue;
			out = decoded(d, (struct bytes){d->p->data.data + d->place[k].at, d->place[k].len}, &d->place[k].chain);
			add_script(d, out);
			free((void *)(uintptr_t)out.data);
			break;
		}
}

void pdf_run(struct analysis *a, struct part *p)
{
	struct pdf d = {.a = a, .p = p};

	p->traits |= PART_DOCUMENT;
	read_tokens(&d, p->data, true);
	take_scripts(&d);
	free(d.place);
	if (d.seen & NAME_ENCRYPT)
		part_fact(a, p, "encrypted", "yes");
	if (d.seen & NAME_XFA)
		part_fact(a, p, "form", "XFA");
	else if (d.seen & NAME_ACROFORM)
		part_fact(a, p, "form", "AcroForm");
	if (d.urls)
		part_fact(a, p, "urls", "%u", d.urls);
	if (d.seen & NAME_JS) {
		part_reason_alone(a, p, REASON_pdf_script);
		if (d.seen & NAME_OPEN)
			part_reason_alone(a, p, REASON_pdf_script_auto);
	}
	if (d.seen & NAME_LAUNCH)
		part_reason(a, p, REASON_pdf_launch, "%s", d.launch);
}

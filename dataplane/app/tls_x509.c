/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A small reader of DER, and of certificates with it. Names are printed as the reference engine
 * prints them: relative names in the order of the certificate, joined by ", ", several attributes
 * of one by " + ", with the short names below or OID(1.2.3).
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/tls_x509.h"
#include "dataplane/base/put.h"


#define OID_TEXT_MAX 128

enum der_tag {
	DER_INTEGER = 0x02, DER_OID = 0x06, DER_UTF8 = 0x0c, DER_NUMERIC = 0x12, DER_PRINTABLE = 0x13,
	DER_T61 = 0x14, DER_VIDEOTEX = 0x15, DER_IA5 = 0x16, DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18, DER_GRAPHIC = 0x19, DER_VISIBLE = 0x1a, DER_GENERAL = 0x1b,
	DER_SEQUENCE = 0x30, DER_SET = 0x31, DER_OCTETS = 0x04, DER_BOOLEAN = 0x01,
};

/* ---- DER ---- */

struct der {
	uint8_t tag;
	struct cursor body;
};

/* Takes the next element. False: not DER, longer than what is left, or its tag and length are not
 * all there (then *cut: the reference engine calls that a wrong length, the others not DER). */
static bool der_next(struct cursor *c, struct der *out, bool *cut)
{
	uint32_t len;

	out->tag = cursor_u8(c);
	len = cursor_u8(c);
	*cut |= c->bad;
	if (c->bad || (out->tag & 0x1f) == 0x1f)
		return false;
	if (len & 0x80) {
		unsigned bytes = len & 0x7f;

		if (bytes == 0 || bytes > 4)
			return false;
		for (len = 0; bytes; bytes--)
			len = len << 8 | cursor_u8(c);
		*cut |= c->bad;
		if (c->bad)
			return false;
	}
	if (len > cursor_left(c))
		return false;
	out->body = cursor_sub(c, len);
	return true;
}

static bool der_expect(struct cursor *c, uint8_t tag, struct der *out, bool *cut)
{
	const uint8_t *next = cursor_peek(c, 1);

	return next && *next == tag && der_next(c, out, cut);
}

/* ---- text that grows ---- */

struct text_out {
	struct heap *heap;
	char *data;
	uint32_t len, cap;
	bool failed; /* memory, or X509_NAME_MAX */
};

static void text_add(struct text_out *t, const void *bytes, uint32_t len)
{
	if (t->failed || len > X509_NAME_MAX - t->len) {
		t->failed = true;
		return;
	}
	if (t->len + len > t->cap) {
		uint32_t cap = t->cap ? t->cap : 128;
		char *bigger;

		while (cap < t->len + len)
			cap *= 2;
		bigger = heap_realloc(t->heap, t->data, cap);
		if (!bigger) {
			t->failed = true;
			return;
		}
		t->data = bigger;
		t->cap = cap;
	}
	memcpy(t->data + t->len, bytes, len);
	t->len += len;
}

static void text_add_string(struct text_out *t, const char *s)
{
	text_add(t, s, (uint32_t)strlen(s));
}

/* ---- names ---- */

static const struct {
	uint8_t oid[12];
	uint8_t len;
	const char *name;
} attribute_names[] = {
	{{0x55, 4, 3}, 3, "CN"},
	{{0x55, 4, 4}, 3, "SN"},
	{{0x55, 4, 5}, 3, "serialNumber"},
	{{0x55, 4, 6}, 3, "C"},
	{{0x55, 4, 7}, 3, "L"},
	{{0x55, 4, 8}, 3, "ST"},
	{{0x55, 4, 9}, 3, "streetAddress"},
	{{0x55, 4, 10}, 3, "O"},
	{{0x55, 4, 11}, 3, "OU"},
	{{0x55, 4, 12}, 3, "title"},
	{{0x55, 4, 13}, 3, "description"},
	{{0x55, 4, 15}, 3, "businessCategory"},
	{{0x55, 4, 16}, 3, "postalAddress"},
	{{0x55, 4, 17}, 3, "postalCode"},
	{{0x55, 4, 20}, 3, "telephoneNumber"},
	{{0x55, 4, 41}, 3, "name"},
	{{0x55, 4, 42}, 3, "GN"},
	{{0x55, 4, 43}, 3, "initials"},
	{{0x55, 4, 44}, 3, "generationQualifier"},
	{{0x55, 4, 46}, 3, "dnQualifier"},
	{{0x55, 4, 65}, 3, "pseudonym"},
	{{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1}, 9, "Email"},
	{{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 2}, 9, "unstructuredName"},
	{{0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 1}, 11, "msJurisdictionLocality"},
	{{0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 2}, 11, "msJurisdictionStateOrProvince"},
	{{0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x3c, 2, 1, 3}, 11, "msJurisdictionCountry"},
	{{0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1}, 10, "UID"},
	{{0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25}, 10, "DC"},
};

/* X.690 8.19: base 128, the first two arcs in one number. */
static void add_oid(struct text_out *t, struct cursor c)
{
	char text[OID_TEXT_MAX];
	struct put p = put_to(text, sizeof(text));
	bool first = true;

	while (cursor_left(&c) && p.last - p.at > 23) {
		uint64_t arc = 0;
		uint8_t b;

		do {
			b = cursor_u8(&c);
			arc = arc << 7 | (b & 0x7f);
		} while (b & 0x80 && !c.bad && arc < 1ull << 56);
		if (first) {
			p = put_uint(p, arc < 40 ? 0 : arc < 80 ? 1 : 2);
			arc = arc < 80 ? arc % 40 : arc - 80;
		}
		p = put_uint(put_char(p, '.'), arc);
		first = false;
	}
	text_add_string(t, "OID(");
	text_add(t, text, (uint32_t)(p.at - text));
	text_add_string(t, ")");
}

static void add_attribute_name(struct text_out *t, const struct cursor *oid)
{
	size_t len = cursor_left(oid);

	for (size_t i = 0; i < sizeof(attribute_names) / sizeof(attribute_names[0]); i++) {
		if (attribute_names[i].len == len &&
		    memcmp(attribute_names[i].oid, oid->p, len) == 0) {
			text_add_string(t, attribute_names[i].name);
			return;
		}
	}
	add_oid(t, *oid);
}

static void add_attribute_value(struct text_out *t, const struct der *value)
{
	static const char digits[] = "0123456789ABCDEF";

	switch (value->tag) {
	case DER_UTF8:
	case DER_NUMERIC:
	case DER_PRINTABLE:
	case DER_T61:
	case DER_VIDEOTEX:
	case DER_IA5:
	case DER_GRAPHIC:
	case DER_VISIBLE:
	case DER_GENERAL:
		text_add(t, value->body.p, (uint32_t)cursor_left(&value->body));
		return;
	}
	for (struct cursor c = value->body; cursor_left(&c);) {
		uint8_t b = cursor_u8(&c);
		const char hex[2] = {digits[b >> 4], digits[b & 15]};

		text_add(t, hex, 2);
		if (t->failed)
			return;
	}
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { type OID, value } */
static bool read_name(struct heap *heap, struct cursor names, struct x509_text *out, bool *cut)
{
	struct text_out t = {.heap = heap};
	unsigned attributes = 0;
	struct der set, pair, oid, value;

	while (cursor_left(&names)) {
		bool first = true;

		if (!der_expect(&names, DER_SET, &set, cut))
			goto bad;
		while (cursor_left(&set.body)) {
			if (++attributes > X509_ATTRIBUTES_MAX ||
			    !der_expect(&set.body, DER_SEQUENCE, &pair, cut) ||
			    !der_expect(&pair.body, DER_OID, &oid, cut) ||
			    !der_next(&pair.body, &value, cut))
				goto bad;
			if (t.len)
				text_add_string(&t, first ? ", " : " + ");
			first = false;
			add_attribute_name(&t, &oid.body);
			text_add_string(&t, "=");
			add_attribute_value(&t, &value);
		}
	}
	if (!t.data) /* an empty name is a name */
		t.data = heap_alloc(heap, 1);
	if (t.failed || !t.data)
		goto bad;
	*out = (struct x509_text){t.data, t.len};
	return true;
bad:
	heap_free(heap, t.data);
	return false;
}

/* ---- numbers and times ---- */

static bool read_serial(struct heap *heap, const struct cursor *c, struct x509_text *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = cursor_left(c);

	if (!len || len > X509_SERIAL_MAX)
		return false;
	out->data = heap_alloc(heap, len * 3);
	if (!out->data)
		return false;
	for (size_t i = 0; i < len; i++) {
		out->data[i * 3] = digits[c->p[i] >> 4];
		out->data[i * 3 + 1] = digits[c->p[i] & 15];
		out->data[i * 3 + 2] = ':';
	}
	out->len = (uint32_t)(len * 3 - 1);
	return true;
}

static int two_digits(struct cursor *c)
{
	uint8_t tens = cursor_u8(c), ones = cursor_u8(c);

	if (c->bad || tens < '0' || tens > '9' || ones < '0' || ones > '9')
		return -1;
	return (tens - '0') * 10 + ones - '0';
}

/* Days since the epoch of a day of the Gregorian calendar (Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms"). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	int64_t era, doy, doe;
	int64_t yoe;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

/* UTCTime YYMMDDHHMM[SS]Z or GeneralizedTime YYYYMMDDHHMMSSZ. */
static bool read_time(struct cursor *c, int64_t *out)
{
	struct der time;
	bool cut = false;
	int year, century = -1, part[5];
	const uint8_t *sign;

	if (!der_next(c, &time, &cut))
		return false;
	if (time.tag == DER_GENERALIZED_TIME)
		century = two_digits(&time.body);
	else if (time.tag != DER_UTC_TIME)
		return false;
	year = two_digits(&time.body);
	for (unsigned i = 0; i < 4; i++)
		part[i] = two_digits(&time.body);
	sign = cursor_peek(&time.body, 1);
	part[4] = sign && *sign >= '0' && *sign <= '9' ? two_digits(&time.body) : 0;
	if (year < 0 || part[0] < 1 || part[0] > 12 || part[1] < 1 || part[1] > 31 || part[2] < 0 ||
	    part[2] > 23 || part[3] < 0 || part[3] > 59 || part[4] < 0 || part[4] > 60)
		return false;
	if (time.tag == DER_GENERALIZED_TIME && century < 0)
		return false;
	if (century < 0)
		century = year >= 50 ? 19 : 20;
	*out = days_from_civil(century * 100 + year, part[0], part[1]) * 86400 + part[2] * 3600 +
	       part[3] * 60 + part[4];
	/* RFC 5280 4.1.2.5: no other zone than Z */
	sign = cursor_take(&time.body, 1);
	return sign && *sign == 'Z' && !cursor_left(&time.body);
}

char *x509_time_format(int64_t seconds, char *text)
{
	int64_t days = seconds / 86400, rest = seconds % 86400, z, era, doe, yoe, doy, mp, y;
	struct put p;
	int d, m;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	z = days + 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	d = (int)(doy - (153 * mp + 2) / 5 + 1);
	m = (int)(mp < 10 ? mp + 3 : mp - 9);
	y = yoe + era * 400 + (m <= 2);
	p = put_char(put_digits(put_to(text, 32), y < 0 ? 0 : (uint64_t)y % 10000, 10, 4), '-');
	p = put_char(put_digits(put_char(put_digits(p, (unsigned)m, 10, 2), '-'), (unsigned)d, 10, 2), 'T');
	p = put_char(put_digits(p, (uint64_t)rest / 3600, 10, 2), ':');
	put_digits(put_char(put_digits(p, (uint64_t)rest / 60 % 60, 10, 2), ':'), (uint64_t)rest % 60, 10, 2);
	return text;
}

/* ---- extensions ---- */

static bool add_alt_name(struct heap *heap, struct x509 *x, const void *text, uint32_t len)
{
	if (x->alt_name_count == X509_ALT_NAMES_MAX)
		return true;
	if (x->alt_name_count == x->alt_name_cap) {
		uint32_t cap = x->alt_name_cap ? x->alt_name_cap * 2 : 8;
		void *bigger = heap_realloc(heap, x->alt_names, cap * sizeof(*x->alt_names));

		if (!bigger)
			return false;
		x->alt_names = bigger;
		x->alt_name_cap = cap;
	}
	x->alt_names[x->alt_name_count].data = heap_dup(heap, text, len ? len : 1);
	if (!x->alt_names[x->alt_name_count].data)
		return false;
	x->alt_names[x->alt_name_count++].len = len;
	return true;
}

/* GeneralName, context tags: 1 mail address, 2 DNS name, 6 URI, 7 address. */
static bool read_alt_names(struct heap *heap, struct x509 *x, struct cursor c)
{
	struct der names, name;
	bool cut = false;

	if (!der_expect(&c, DER_SEQUENCE, &names, &cut))
		return false;
	while (cursor_left(&names.body)) {
		uint32_t len;
		struct put p;
		char text[64];
		const uint8_t *b;

		if (!der_next(&names.body, &name, &cut))
			return false;
		len = (uint32_t)cursor_left(&name.body);
		b = name.body.p;
		switch (name.tag & 0x1f) {
		case 1:
		case 2:
		case 6:
			if (!add_alt_name(heap, x, b, len < X509_NAME_MAX ? len : X509_NAME_MAX))
				return false;
			break;
		case 7:
			if (len != 4 && len != 16)
				break;
			p = put_to(text, sizeof(text));
			for (uint32_t i = 0; len == 4 && i < 4; i++)
				p = put_uint(put_text(p, i ? "." : ""), b[i]);
			for (uint32_t i = 0; len == 16 && i < 16; i += 2)
				p = put_hex(put_text(p, i ? ":" : ""), get_be16(b + i), 1);
			if (!add_alt_name(heap, x, text, (uint32_t)strlen(text)))
				return false;
			break;
		}
	}
	return true;
}

static bool read_extensions(struct heap *heap, struct x509 *x, struct cursor c, bool *cut)
{
	static const uint8_t alt_name_oid[] = {0x55, 0x1d, 0x11};
	struct der list, ext, oid, value;

	if (!der_expect(&c, DER_SEQUENCE, &list, cut))
		return false;
	while (cursor_left(&list.body)) {
		if (!der_expect(&list.body, DER_SEQUENCE, &ext, cut) ||
		    !der_expect(&ext.body, DER_OID, &oid, cut) ||
		    !der_next(&ext.body, &value, cut))
			return false;
		if (value.tag == DER_BOOLEAN && !der_next(&ext.body, &value, cut))
			return false;
		if (value.tag != DER_OCTETS)
			return false;
		if (cursor_left(&oid.body) == sizeof(alt_name_oid) &&
		    memcmp(oid.body.p, alt_name_oid, sizeof(alt_name_oid)) == 0 &&
		    !read_alt_names(heap, x, value.body))
			return false;
	}
	return true;
}

/* ---- a certificate ---- */

static enum x509_status read_validity(struct cursor *c, struct x509 *x, bool *cut)
{
	struct der validity;

	if (!der_expect(c, DER_SEQUENCE, &validity, cut))
		return X509_BAD_VALIDITY;
	if (!read_time(&validity.body, &x->not_before) || !read_time(&validity.body, &x->not_after))
		return X509_BAD_DATE;
	return X509_GOOD;
}

/* TBSCertificate ::= [0] version, serial, algorithm, issuer, validity, subject, key, [1], [2],
 * [3] extensions */
static enum x509_status read_tbs(struct heap *heap, struct x509 *x, struct cursor c, bool *cut)
{
	enum x509_status status;
	struct der e;

	if (der_expect(&c, 0xa0, &e, cut)) {
		struct der version;

		if (!der_expect(&e.body, DER_INTEGER, &version, cut) ||
		    cursor_left(&version.body) > 4)
			return X509_BAD_VERSION;
	}
	if (!der_expect(&c, DER_INTEGER, &e, cut) || !read_serial(heap, &e.body, &x->serial))
		return X509_BAD_SERIAL;
	if (!der_expect(&c, DER_SEQUENCE, &e, cut))
		return X509_BAD_ALGORITHM;
	if (!der_expect(&c, DER_SEQUENCE, &e, cut))
		return X509_BAD_ISSUER;
	if (!read_name(heap, e.body, &x->issuer, cut))
		return X509_BAD_NAME;
	status = read_validity(&c, x, cut);
	if (status != X509_GOOD)
		return status;
	if (!der_expect(&c, DER_SEQUENCE, &e, cut))
		return X509_BAD_SUBJECT;
	if (!read_name(heap, e.body, &x->subject, cut))
		return X509_BAD_NAME;
	if (!der_expect(&c, DER_SEQUENCE, &e, cut))
		return X509_BAD_DER; /* the key */
	while (cursor_left(&c)) {
		if (!der_next(&c, &e, cut))
			return X509_BAD_DER;
		if (e.tag == 0xa3 && !read_extensions(heap, x, e.body, cut))
			return X509_BAD_EXTENSIONS;
	}
	return X509_GOOD;
}

enum x509_status x509_parse(struct heap *heap, struct x509 *x, const uint8_t *der, uint32_t len)
{
	struct cursor c = cursor_of(der, len);
	struct der certificate, tbs;
	bool cut = false;
	enum x509_status status;

	*x = (struct x509){0};
	if (!der_expect(&c, DER_SEQUENCE, &certificate, &cut) ||
	    !der_expect(&certificate.body, DER_SEQUENCE, &tbs, &cut))
		return cut ? X509_BAD_LENGTH : X509_BAD_DER;
	status = read_tbs(heap, x, tbs.body, &cut);
	return status != X509_GOOD && cut ? X509_BAD_LENGTH : status;
}

void x509_free(struct heap *heap, struct x509 *x)
{
	heap_free(heap, x->subject.data);
	heap_free(heap, x->issuer.data);
	heap_free(heap, x->serial.data);
	for (uint32_t i = 0; i < x->alt_name_count; i++)
		heap_free(heap, x->alt_names[i].data);
	heap_free(heap, x->alt_names);
	*x = (struct x509){0};
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/kinds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/digit.h"
#include "dataplane/base/url.h"

enum shape { SHAPE_NONE, SHAPE_NAME, SHAPE_URL, SHAPE_MAIL, SHAPE_IP, SHAPE_BYTES, SHAPE_TEXT };

static const struct kind_row {
	int kind;
	const char *name;
	enum shape shape;
	unsigned bytes; /* SHAPE_BYTES */
} rows[] = {
	{CONTACT_DOMAIN, "domain", SHAPE_NAME, 0},
	{CONTACT_IP, "ip", SHAPE_IP, 0},
	{INDICATOR_CIDR, "cidr", SHAPE_NONE, 0},
	{INDICATOR_IP_PORT, "ip_port", SHAPE_NONE, 0},
	{CONTACT_URL, "url", SHAPE_URL, 0},
	{CONTACT_SNI, "sni", SHAPE_NAME, 0},
	{CONTACT_JA3, "ja3", SHAPE_BYTES, 16},
	{CONTACT_JA4, "ja4", SHAPE_TEXT, 0},
	{CONTACT_CERT_SHA1, "cert_sha1", SHAPE_BYTES, 20},
	{CONTACT_CERT_SHA256, "cert_sha256", SHAPE_BYTES, 32},
	{CONTACT_FILE_MD5, "file_md5", SHAPE_BYTES, 16},
	{CONTACT_FILE_SHA1, "file_sha1", SHAPE_BYTES, 20},
	{CONTACT_FILE_SHA256, "file_sha256", SHAPE_BYTES, 32},
	{CONTACT_EMAIL, "email", SHAPE_MAIL, 0},
	{CONTACT_USER_AGENT, "user_agent", SHAPE_TEXT, 0},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct kind_row *row_of(int kind)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].kind == kind)
			return &rows[i];
	return NULL;
}

int indicator_kind_by_name(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].kind;
	return 0;
}

const char *indicator_kind_name(int kind)
{
	const struct kind_row *row = row_of(kind);

	return row ? row->name : "unknown";
}

static uint8_t *put_byte(uint8_t *at, uint8_t b)
{
	if (b <= 3) {
		*at++ = 2;
		b += 0x10;
	}
	*at++ = b;
	return at;
}

static uint8_t *put_text(uint8_t *at, const uint8_t *text, size_t len, bool lower)
{
	for (size_t i = 0; i < len; i++)
		at = put_byte(at, lower ? (uint8_t)tolower(text[i]) : text[i]);
	return at;
}

/* Labels from the last to the first. Final dots are nothing. */
static uint8_t *put_name(uint8_t *at, const uint8_t *name, size_t len)
{
	bool first = true;

	while (len && name[len - 1] == '.')
		len--;
	while (len) {
		size_t start = len;

		while (start && name[start - 1] != '.')
			start--;
		if (!first)
			*at++ = 1;
		at = put_text(at, name + start, len - start, true);
		first = false;
		len = start ? start - 1 : 0;
		if (start == 1)
			*at++ = 1; /* an empty first label: ".evil" */
	}
	return at;
}

static const uint8_t *find_byte(const uint8_t *p, size_t len, const char *set)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(set, p[i]) && p[i])
			return p + i;
	return NULL;
}

/* The one form of url.h. Cut as a whole, so that with and without a scheme it is cut alike. */
static size_t url_key(const uint8_t *v, size_t len, uint8_t *key)
{
	const uint8_t *end = v + len, *rest, *host_end, *at;
	uint8_t normal[VALUE_BYTES_MAX], *out;
	size_t host;

	for (size_t i = 0; i + 3 <= len && i < 12; i++) {
		if (memcmp(v + i, "://", 3) == 0) {
			v += i + 3;
			break;
		}
	}
	rest = find_byte(v, (size_t)(end - v), "/?#");
	if (!rest)
		rest = end;
	at = memrchr(v, '@', (size_t)(rest - v));
	v = at ? at + 1 : v;
	host_end = rest;
	at = memrchr(v, ':', (size_t)(rest - v));
	if (at && at > v && (memchr(v, ':', (size_t)(rest - v)) == at || at[-1] == ']'))
		host_end = at;
	host = (size_t)(host_end - v) < VALUE_BYTES_MAX - 1 ? (size_t)(host_end - v) : VALUE_BYTES_MAX - 1;
	out = put_name(key, v, host);
	*out++ = 3;
	out = put_text(out, normal,
		       url_rest(normal, VALUE_BYTES_MAX - host, rest, (size_t)(end - rest)), false);
	*out++ = 0;
	return (size_t)(out - key);
}

static size_t mail_key(const uint8_t *v, size_t len, uint8_t *key)
{
	const uint8_t *sign = memrchr(v, '@', len);
	size_t local = sign ? (size_t)(sign - v) : len;
	uint8_t *at = key;

	if (sign)
		at = put_name(at, sign + 1, len - local - 1);
	*at++ = 3;
	at = put_text(at, v, local, true);
	*at++ = 0;
	return (size_t)(at - key);
}

/* Hex digits, with or without colons. */
static size_t bytes_key(const uint8_t *v, size_t len, unsigned bytes, uint8_t *key)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		int d = hex_digit(v[i]);

		if (v[i] == ':' && n % 2 == 0)
			continue;
		if (d < 0 || n >= 2 * bytes)
			return 0;
		key[n / 2] = (uint8_t)(n % 2 ? key[n / 2] | d : d << 4);
		n++;
	}
	return n == 2 * bytes ? bytes : 0;
}

size_t value_key_addr(const uint8_t *addr, size_t len, uint8_t *key)
{
	if (len != 4 && len != 16)
		return 0;
	key[0] = len == 4 ? 4 : 6;
	memcpy(key + 1, addr, len);
	return len + 1;
}

static size_t ip_key(const uint8_t *v, size_t len, uint8_t *key)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;
	int version;

	if (len >= sizeof(text))
		return 0;
	memcpy(text, v, len);
	text[len] = '\0';
	version = addr_parse(text, &a);
	return version ? value_key_addr(a.b, version == 4 ? 4 : 16, key) : 0;
}

size_t value_key(int kind, const void *value, size_t len, uint8_t *key)
{
	const struct kind_row *row = row_of(kind);
	uint8_t *at = key;

	if (!row || !len)
		return 0;
	if (len > VALUE_BYTES_MAX - 1 && row->shape != SHAPE_URL)
		len = VALUE_BYTES_MAX - 1;
	switch (row->shape) {
	case SHAPE_NAME:
		at = put_name(key, value, len);
		if (at == key)
			return 0;
		*at++ = 0;
		return (size_t)(at - key);
	case SHAPE_URL:
		return url_key(value, len, key);
	case SHAPE_MAIL:
		return mail_key(value, len, key);
	case SHAPE_IP:
		return ip_key(value, len, key);
	case SHAPE_BYTES:
		return bytes_key(value, len, row->bytes, key);
	case SHAPE_TEXT:
		at = put_text(key, value, len, kind == CONTACT_JA4);
		*at++ = 0;
		return (size_t)(at - key);
	case SHAPE_NONE:
		break;
	}
	return 0;
}

size_t value_key_length(int kind, const uint8_t *key, size_t avail)
{
	const struct kind_row *row = row_of(kind);
	const uint8_t *end;
	size_t n = 0;

	if (!row || !avail)
		return 0;
	if (row->shape == SHAPE_IP) {
		n = key[0] == 4 ? 5 : key[0] == 6 ? 17 : 0;
	} else if (row->shape == SHAPE_BYTES) {
		n = row->bytes;
	} else {
		end = memchr(key, 0, avail);
		n = end ? (size_t)(end - key) + 1 : 0;
	}
	return n <= avail ? n : 0;
}

static void print_text(struct text *out, const uint8_t *key, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (key[i] == 2 && i + 1 < len) {
			i++;
			text_char(out, (char)(key[i] - 0x10));
		} else {
			text_char(out, (char)key[i]);
		}
	}
}

static void print_name(struct text *out, const uint8_t *key, size_t len)
{
	size_t end = len;

	for (;;) {
		size_t start = end;

		while (start && key[start - 1] != 1)
			start--;
		print_text(out, key + start, end - start);
		if (!start)
			return;
		text_char(out, '.');
		end = start - 1;
	}
}

void value_print(struct text *out, int kind, const uint8_t *key, size_t len)
{
	const struct kind_row *row = row_of(kind);
	const uint8_t *rest = memchr(key, 3, len);
	struct addr a = {{0}};
	char room[ADDR_TEXT_MAX];

	if (!row || !len)
		return;
	switch (row->shape) {
	case SHAPE_NAME:
		print_name(out, key, len - 1);
		break;
	case SHAPE_URL:
		if (rest) {
			print_name(out, key, (size_t)(rest - key));
			print_text(out, rest + 1, len - (size_t)(rest - key) - 2);
		}
		break;
	case SHAPE_MAIL:
		if (rest) {
			print_text(out, rest + 1, len - (size_t)(rest - key) - 2);
			if (rest > key)
				text_char(out, '@');
			print_name(out, key, (size_t)(rest - key));
		}
		break;
	case SHAPE_IP:
		memcpy(a.b, key + 1, len - 1 > 16 ? 16 : len - 1);
		text_str(out, addr_format(&a, key[0], room));
		break;
	case SHAPE_BYTES:
		text_hex(out, key, len);
		break;
	case SHAPE_TEXT:
		print_text(out, key, len - 1);
		break;
	case SHAPE_NONE:
		break;
	}
}

/* "192.0.2.1:443", "[2001:db8::1]:443". */
static bool endpoint_normal(const char *value, struct text *out)
{
	const char *colon = strrchr(value, ':');
	char text[ADDR_TEXT_MAX + 2], room[ADDR_TEXT_MAX];
	size_t n = colon ? (size_t)(colon - value) : 0;
	struct addr a;
	char *end;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	int version;

	if (!n || n >= sizeof(text) || !isdigit((unsigned char)colon[1]) || *end || !port ||
	    port > 65535)
		return false;
	memcpy(text, value, n);
	text[n] = '\0';
	if (text[0] == '[' && text[n - 1] == ']') {
		memmove(text, text + 1, n - 2);
		text[n - 2] = '\0';
	} else if (strchr(text, ':')) {
		return false;
	}
	version = addr_parse(text, &a);
	if (version)
		text_format(out, version == 4 ? "%s:%lu" : "[%s]:%lu", addr_format(&a, version, room),
			    port);
	return version != 0;
}

bool indicator_normal(int kind, const char *value, struct text *out)
{
	uint8_t key[VALUE_KEY_MAX];
	size_t len;

	if (kind == INDICATOR_CIDR) {
		struct addr_prefix p;
		char room[ADDR_TEXT_MAX];

		if (addr_prefix_parse(value, &p) != 0)
			return false;
		text_format(out, "%s/%u", addr_format(&p.addr, p.ip_version, room), p.bits);
		return true;
	}
	if (kind == INDICATOR_IP_PORT)
		return endpoint_normal(value, out);
	len = value_key(kind, value, strlen(value), key);
	if (len)
		value_print(out, kind, key, len);
	return len != 0;
}

static bool looks_like_name(const char *v)
{
	bool dot = false;

	for (; *v; v++) {
		dot |= *v == '.';
		if (!isalnum((unsigned char)*v) && !strchr("._-*", *v) && (unsigned char)*v < 0x80)
			return false;
	}
	return dot;
}

int indicator_guess(const char *v)
{
	static const int by_hex_length[][2] = {
		{32, CONTACT_FILE_MD5}, {40, CONTACT_FILE_SHA1}, {64, CONTACT_FILE_SHA256}};
	struct text normal = {0};
	struct addr_prefix p;
	struct addr a;

	if (addr_parse(v, &a))
		return CONTACT_IP;
	if (strchr(v, '/') && addr_prefix_parse(v, &p) == 0)
		return INDICATOR_CIDR;
	if (endpoint_normal(v, &normal)) {
		text_free(&normal);
		return INDICATOR_IP_PORT;
	}
	for (size_t i = 0; i < 3; i++)
		if (strlen(v) == (size_t)by_hex_length[i][0] &&
		    strspn(v, "0123456789abcdefABCDEF") == strlen(v))
			return by_hex_length[i][1];
	if (strchr(v, '@') && !strchr(v, '/'))
		return CONTACT_EMAIL;
	if (strchr(v, '/'))
		return CONTACT_URL;
	return looks_like_name(v) ? CONTACT_DOMAIN : 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See tls_hello.h.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls that keep their state in our memory */
#include "dataplane/app/tls_hello.h"
#include "dataplane/base/hex.h"

#include <openssl/sha.h>


enum extension {
	EXT_SNI = 0,
	EXT_GROUPS = 10,
	EXT_POINTS = 11,
	EXT_SIGNATURES = 13,
	EXT_ALPN = 16,
	EXT_TICKET = 35,
	EXT_EARLY_DATA = 42,
	EXT_VERSIONS = 43,
	EXT_ECH = 0xfe0d,
};

/* RFC 8701: 0x0a0a, 0x1a1a, … 0xfafa. */
bool tls_is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

static void list_add(struct tls_hello *h, struct hello_list *l, uint16_t v)
{
	if (l->count < HELLO_LIST_MAX)
		l->v[l->count++] = v;
	else
		h->flags |= HELLO_CUT;
}

/* ---- extensions ---- */

/* RFC 6066 3: list of (type 0, name). */
static void read_sni(struct tls_hello *h, struct cursor c)
{
	uint8_t type;
	uint32_t len;

	if (h->flags & HELLO_HAS_SNI) {
		h->flags |= HELLO_MULTIPLE_SNI;
		return;
	}
	h->flags |= HELLO_HAS_SNI;
	if (!cursor_left(&c))
		return;
	cursor_skip(&c, 2);
	type = cursor_u8(&c);
	len = cursor_be16(&c);
	if (c.bad || len > cursor_left(&c)) {
		h->flags |= HELLO_BAD_SNI_LENGTH;
		return;
	}
	if (type != 0) {
		h->flags |= HELLO_BAD_SNI_TYPE;
		return;
	}
	h->sni = (struct bytes){cursor_take(&c, len), len};
}

static void read_list16(struct tls_hello *h, struct hello_list *l, struct cursor c)
{
	struct cursor items = cursor_sub(&c, cursor_be16(&c));

	while (cursor_left(&items) >= 2)
		list_add(h, l, cursor_be16(&items));
}

static void read_points(struct tls_hello *h, struct cursor c)
{
	struct cursor items = cursor_sub(&c, cursor_u8(&c));

	while (cursor_left(&items))
		list_add(h, &h->points, cursor_u8(&items));
}

static void read_alpn(struct tls_hello *h, struct cursor c)
{
	struct cursor items = cursor_sub(&c, cursor_be16(&c));

	while (cursor_left(&items) && h->alpn_count < HELLO_ALPN_MAX) {
		uint32_t len = cursor_u8(&items);
		const uint8_t *name = cursor_take(&items, len);

		if (!name || !len)
			break;
		h->alpn[h->alpn_count++] = (struct bytes){name, len};
	}
}

static void read_versions(struct tls_hello *h, struct cursor c)
{
	struct cursor items;

	if (!h->client) {
		uint16_t v = cursor_be16(&c);

		if (!c.bad)
			h->selected_version = v;
		return;
	}
	items = cursor_sub(&c, cursor_u8(&c));
	h->highest_version = 0;
	while (cursor_left(&items) >= 2) {
		uint16_t v = cursor_be16(&items);

		/* TLS and its drafts from 16 on; others (experiments, GREASE) say nothing of the order */
		if ((v >> 8 == 3 || (v >> 8 == 0x7f && v >= TLS_FIRST_DRAFT)) && v > h->highest_version)
			h->highest_version = v;
	}
	if (!h->highest_version)
		h->highest_version = h->version;
}

static void read_extension(struct tls_hello *h, uint16_t type, struct cursor c)
{
	list_add(h, &h->extensions, type);
	switch (type) {
	case EXT_SNI:
		if (h->client)
			read_sni(h, c);
		break;
	case EXT_GROUPS:
		read_list16(h, &h->groups, c);
		break;
	case EXT_POINTS:
		read_points(h, c);
		break;
	case EXT_SIGNATURES:
		read_list16(h, &h->signatures, c);
		break;
	case EXT_ALPN:
		if (!h->alpn_count)
			read_alpn(h, c);
		break;
	case EXT_TICKET:
		if (cursor_left(&c))
			h->flags |= HELLO_HAS_TICKET;
		break;
	case EXT_EARLY_DATA:
		h->flags |= HELLO_EARLY_DATA;
		break;
	case EXT_VERSIONS:
		read_versions(h, c);
		break;
	case EXT_ECH:
		h->flags |= HELLO_ECH;
		break;
	}
}

bool tls_hello_parse(struct tls_hello *h, bool client, const uint8_t *message, uint32_t len)
{
	struct cursor c = cursor_of(message, len), part;
	bool early;

	/* the lists' entries need no zeros, their counts do */
	h->client = client;
	h->flags = 0;
	h->session_id = h->sni = (struct bytes){0};
	h->alpn_count = 0;
	h->ciphers.count = h->extensions.count = h->groups.count = h->points.count = 0;
	h->signatures.count = 0;
	h->version = h->selected_version = h->highest_version = cursor_be16(&c);
	h->random = cursor_take(&c, 32);
	/* drafts of 1.3 up to 21: fewer fields; the first ones say 0x0304 */
	early = !client && (h->version >> 8 == 0x7f || h->version == 0x0304);
	if (early && h->version == 0x0304)
		h->selected_version = TLS_EARLY_DRAFT;
	if (!early) {
		h->session_id.len = cursor_u8(&c);
		h->session_id.data = cursor_take(&c, h->session_id.len);
	}
	if (c.bad)
		return false;
	if (client) {
		part = cursor_sub(&c, cursor_be16(&c));
		while (cursor_left(&part) >= 2)
			list_add(h, &h->ciphers, cursor_be16(&part));
		cursor_skip(&c, cursor_u8(&c));
	} else {
		list_add(h, &h->ciphers, cursor_be16(&c));
		if (!early)
			cursor_skip(&c, 1);
	}
	if (c.bad)
		return false;
	if (cursor_left(&c) < 2)
		return true;
	part = cursor_sub(&c, cursor_be16(&c));
	if (c.bad) {
		h->flags |= HELLO_BAD_LENGTH;
		return true;
	}
	while (cursor_left(&part) >= 4) {
		uint16_t type = cursor_be16(&part);
		uint32_t size = cursor_be16(&part);
		struct cursor ext = cursor_sub(&part, size);

		if (part.bad) {
			h->flags |= HELLO_BAD_LENGTH;
			break;
		}
		read_extension(h, type, ext);
	}
	return true;
}

/* ---- JA3 ---- */

static char *put_number(char *at, unsigned v)
{
	char digits[8];
	int n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n)
		*at++ = digits[--n];
	return at;
}

static char *put_list(char *at, const struct hello_list *l)
{
	bool first = true;

	*at++ = ',';
	for (unsigned i = 0; i < l->count; i++) {
		if (tls_is_grease(l->v[i]))
			continue;
		if (!first)
			*at++ = '-';
		first = false;
		at = put_number(at, l->v[i]);
	}
	return at;
}

char *ja3_string(struct heap *heap, const struct tls_hello *h, uint32_t *len)
{
	uint32_t most = 16 + 6u * (h->ciphers.count + h->extensions.count + h->groups.count +
				   h->points.count);
	char *text = heap_alloc(heap, most), *at = text;

	if (!text)
		return NULL;
	at = put_number(at, h->version);
	at = put_list(at, &h->ciphers);
	at = put_list(at, &h->extensions);
	if (h->client) {
		at = put_list(at, &h->groups);
		at = put_list(at, &h->points);
	}
	*len = (uint32_t)(at - text);
	return text;
}

/* ---- JA4 ---- */

/* Heap sort: no memory, and no order of the input makes it slow. */
static void sort16(uint16_t *v, unsigned n)
{
	for (unsigned end = n, root = n / 2; end > 1;) {
		unsigned at;
		uint16_t x;

		if (root) {
			root--;
		} else {
			end--;
			x = v[end];
			v[end] = v[0];
			v[0] = x;
		}
		x = v[at = root];
		for (unsigned child; (child = 2 * at + 1) < end; at = child) {
			if (child + 1 < end && v[child + 1] > v[child])
				child++;
			if (v[child] <= x)
				break;
			v[at] = v[child];
		}
		v[at] = x;
	}
}

static void hash_list(SHA256_CTX *ctx, const uint16_t *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const char text[5] = {hex_char(v[i] >> 12), hex_char(v[i] >> 8), hex_char(v[i] >> 4), hex_char(v[i]), ','};

		SHA256_Update(ctx, text, i + 1 < n ? 5 : 4);
	}
}

static void hash_text(SHA256_CTX *ctx, char text[12])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256_Final(sum, ctx);
	hex_put(text, sum, 6);
}

static void put_version(char *text, uint16_t version)
{
	static const struct {
		uint16_t version;
		char text[3];
	} names[] = {{0x0304, "13"}, {0x0303, "12"}, {0x0302, "11"}, {0x0301, "10"}, {0x0300, "s3"},
		     {0x0002, "s2"}, {0xfeff, "d1"}, {0xfefd, "d2"}, {0xfefc, "d3"}};

	memcpy(text, "00", 2);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].version == version)
			memcpy(text, names[i].text, 2);
}

static bool alphanumeric(uint8_t b)
{
	return (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
}

static void put_alpn(char *text, const struct tls_hello *h)
{
	uint8_t first, last;

	memcpy(text, "00", 2);
	if (!h->alpn_count)
		return;
	first = h->alpn[0].data[0];
	last = h->alpn[0].data[h->alpn[0].len - 1];
	if (h->alpn[0].len == 2 && tls_is_grease((uint16_t)(first << 8 | last)))
		return;
	if (alphanumeric(first) && alphanumeric(last)) {
		text[0] = (char)first;
		text[1] = (char)last;
	} else {
		text[0] = hex_char(first >> 4);
		text[1] = hex_char(last);
	}
}

static void put_count(char *text, unsigned n)
{
	if (n > 99)
		n = 99;
	text[0] = (char)('0' + n / 10);
	text[1] = (char)('0' + n % 10);
}

void ja4_text(const struct tls_hello *h, char transport, char text[JA4_CHARS + 1])
{
	uint16_t v[HELLO_LIST_MAX];
	SHA256_CTX ctx;
	unsigned n = 0, extensions = 0;

	memcpy(text, "t00i000000_", 11);
	text[0] = transport;
	text[JA4_CHARS] = '\0';
	text[23] = '_';
	for (unsigned i = 0; h && i < h->ciphers.count; i++)
		if (!tls_is_grease(h->ciphers.v[i]))
			v[n++] = h->ciphers.v[i];
	sort16(v, n);
	SHA256_Init(&ctx);
	hash_list(&ctx, v, n);
	hash_text(&ctx, text + 11);
	if (h) {
		put_version(text + 1, h->highest_version);
		text[3] = h->flags & HELLO_HAS_SNI ? 'd' : 'i';
		put_count(text + 4, n);
		put_alpn(text + 8, h);
	}
	n = 0;
	for (unsigned i = 0; h && i < h->extensions.count; i++) {
		uint16_t type = h->extensions.v[i];

		if (tls_is_grease(type))
			continue;
		extensions++;
		if (type != EXT_SNI && type != EXT_ALPN)
			v[n++] = type;
	}
	put_count(text + 6, extensions);
	sort16(v, n);
	SHA256_Init(&ctx);
	hash_list(&ctx, v, n);
	SHA256_Update(&ctx, "_", 1);
	n = 0;
	for (unsigned i = 0; h && i < h->signatures.count; i++)
		if (!tls_is_grease(h->signatures.v[i]))
			v[n++] = h->signatures.v[i];
	hash_list(&ctx, v, n);
	hash_text(&ctx, text + 24);
}

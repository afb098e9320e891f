/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is shared: entries as STIX 2.1 indicators (STIX 2.1, 4.7), in the order of the versions in
 * which they were new. The id of an object is made of source, kind and value alone (UUIDv5 of a
 * SHA-1), so that the same entry is the same object whenever it is asked for.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/intel/row.h"
#include "control/store/bytes.h"

#define CURSOR_KEY_MAX 480

struct export
{
	struct walk *walk;
	struct intel_page *page;
	struct text *out, value, pattern, id;
};

/* The last object that was given: its key of the index, cut to CURSOR_KEY_MAX bytes, and how many
 * keys with that beginning were passed. As text: the bytes in hex, a dot, the number. It holds however
 * the index changes meanwhile, and says nothing that the object did not. */
struct cursor {
	uint8_t key[CURSOR_KEY_MAX];
	size_t len;
	uint64_t passed;
};

static void put_id(struct text *out, const char *source, struct slice key)
{
	static const uint8_t name_space[] = "metsuke indicator";
	uint8_t h[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned len = 0;

	if (!md || !EVP_DigestInit_ex(md, EVP_sha1(), NULL)) {
		out->failed = true;
	} else {
		EVP_DigestUpdate(md, name_space, sizeof(name_space));
		EVP_DigestUpdate(md, source, strlen(source) + 1);
		EVP_DigestUpdate(md, key.data, key.len);
		EVP_DigestFinal_ex(md, h, &len);
		h[6] = (uint8_t)((h[6] & 0x0f) | 0x50);
		h[8] = (uint8_t)((h[8] & 0x3f) | 0x80);
		text_str(out, "indicator--");
		for (int i = 0; i < 16; i++) {
			if (i == 4 || i == 6 || i == 8 || i == 10)
				text_char(out, '-');
			text_hex(out, h + i, 1);
		}
	}
	EVP_MD_CTX_free(md);
}

/* A string of a pattern: ' and \ are written with a \ before them. */
static void put_quoted(struct text *out, struct slice s)
{
	text_char(out, '\'');
	for (size_t i = 0; i < s.len; i++) {
		char c = ((const char *)s.data)[i];

		if (c == '\'' || c == '\\')
			text_char(out, '\\');
		text_char(out, c);
	}
	text_char(out, '\'');
}

static const char *path_of(int kind, bool six)
{
	switch (kind) {
	case CONTACT_DOMAIN:
	case CONTACT_SNI:
		return "domain-name:value";
	case CONTACT_IP:
	case INDICATOR_CIDR:
		return six ? "ipv6-addr:value" : "ipv4-addr:value";
	case CONTACT_URL:
		return "url:value";
	case CONTACT_FILE_MD5:
		return "file:hashes.MD5";
	case CONTACT_FILE_SHA1:
		return "file:hashes.'SHA-1'";
	case CONTACT_FILE_SHA256:
		return "file:hashes.'SHA-256'";
	case CONTACT_CERT_SHA1:
		return "x509-certificate:hashes.'SHA-1'";
	case CONTACT_CERT_SHA256:
		return "x509-certificate:hashes.'SHA-256'";
	case CONTACT_EMAIL:
		return "email-addr:value";
	case CONTACT_USER_AGENT:
		return "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'";
	default:
		return NULL; /* STIX has no words for it */
	}
}

static bool put_pattern(struct text *out, const struct group *g, struct slice value, bool below)
{
	const char *path = path_of(g->key[0], g->key[1] == 6);
	const uint8_t *key = g->key;

	if (key[0] == INDICATOR_IP_PORT) {
		struct text address = {0};

		value_print(&address, CONTACT_IP, key + 1, g->key_len - 3);
		text_str(out, "[network-traffic:dst_ref.value = ");
		put_quoted(out, (struct slice){address.data, address.len});
		text_format(out, " AND network-traffic:dst_port = %u]",
			    read_be16(key + g->key_len - 2));
		text_free(&address);
		return true;
	}
	if (!path)
		return false;
	text_format(out, "[%s %s ", path, key[0] == INDICATOR_CIDR ? "ISSUBSET" : "=");
	put_quoted(out, value);
	if (below) {
		struct text like = {0};

		text_format(&like, "%%.%.*s", (int)value.len, (const char *)value.data);
		text_format(out, " OR %s LIKE ", path);
		put_quoted(out, (struct slice){like.data, like.len});
		text_free(&like);
	}
	text_char(out, ']');
	return true;
}

/* RFC 3339 with milliseconds, as STIX wants it. */
static void put_stix_time(struct text *out, const char *key, uint64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char room[40];

	gmtime_r(&t, &tm);
	strftime(room, sizeof(room), "%Y-%m-%dT%H:%M:%S", &tm);
	json_key(out, key);
	text_format(out, "\"%s.%03uZ\"", room, (unsigned)(ms % 1000));
}

static bool may_share(const struct group_row *r)
{
	return !(r->row.flags & ROW_ALLOW) && tlp_may_leave(r->row.tlp) && !r->expired;
}

/* Two changes of an entry in one second are two versions of the object. */
static uint64_t modified_ms(const struct row *r)
{
	return r->added_s * 1000 + r->version % 1000;
}

static void write_object(struct export *x, const struct group_row *r)
{
	struct text *out = x->out;
	struct slice name = r->row.threat.len ? r->row.threat : r->row.family;
	uint64_t added_ms = modified_ms(&r->row);

	json_comma(out);
	text_char(out, '{');
	json_key_cstr(out, "type", "indicator");
	json_key_cstr(out, "spec_version", "2.1");
	json_key_cstr(out, "id", text_cstr(&x->id));
	put_stix_time(out, "created", added_ms);
	put_stix_time(out, "modified", added_ms);
	json_key(out, "name");
	if (name.len)
		json_put_string(out, name.data, name.len);
	else
		json_put_string(out, x->value.data, x->value.len);
	if (r->row.note.len) {
		json_key(out, "description");
		json_put_string(out, r->row.note.data, r->row.note.len);
	}
	json_key(out, "indicator_types");
	text_str(out, "[\"malicious-activity\"]");
	json_key_cstr(out, "pattern_type", "stix");
	json_key(out, "pattern");
	json_put_string(out, x->pattern.data, x->pattern.len);
	put_stix_time(out, "valid_from", r->row.first_ms ? r->row.first_ms : added_ms);
	if (r->row.until_ms)
		put_stix_time(out, "valid_until", r->row.until_ms);
	json_key_uint(out, "confidence", r->row.confidence);
	if (r->row.tlp) {
		json_key(out, "object_marking_refs");
		text_format(out, "[\"%s\"]", tlp_marking(r->row.tlp));
	}
	text_char(out, '}');
}

static void put_object(struct export *x, const struct group_row *r)
{
	const struct group *g = &x->walk->group;
	struct intel_page *page = x->page;
	struct intel_object o;

	text_clear(&x->value);
	text_clear(&x->pattern);
	text_clear(&x->id);
	intel_print(&x->value, (struct slice){g->key, g->key_len});
	if (!put_pattern(&x->pattern, g, (struct slice){x->value.data, x->value.len},
			 r->row.flags & ROW_BELOW))
		return;
	put_id(&x->id, r->source->name, (struct slice){g->key, g->key_len});
	o = (struct intel_object){text_cstr(&x->id), r->row.version, modified_ms(&r->row)};
	if (page->wants && !page->wants(page->arg, &o))
		return;
	if (x->out)
		write_object(x, r);
	page->count++;
	page->first = page->first ? page->first : o.version;
	page->last = o.version;
}

/* What one row of the index wrote, if it is to be shared and was new then. */
static int export_row(struct export *x, struct slice k, uint64_t version)
{
	const uint8_t *p = k.data;
	uint16_t number = read_be16(p + k.len - 2);
	int err = walk_at(x->walk, p + INDEX_HEAD, k.len - INDEX_HEAD - 2);

	for (size_t i = 0; err == 1 && i < x->walk->group.count; i++) {
		const struct group_row *r = &x->walk->group.rows[i];

		if (r->source->number != number || r->row.version > version || !may_share(r) ||
		    (x->page->source && strcmp(r->source->name, x->page->source) != 0))
			continue;
		put_object(x, r);
	}
	return err < 0 ? err : 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool cursor_read(struct cursor *c, const char *text)
{
	char *end;

	c->len = 0;
	for (; *text && *text != '.'; text += 2) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || c->len == CURSOR_KEY_MAX)
			return false;
		c->key[c->len++] = (uint8_t)(high << 4 | low);
	}
	if (c->len < INDEX_HEAD || c->key[0] != INDEX_MARK || hex_digit(text[0] ? text[1] : 0) < 0)
		return false;
	c->passed = strtoull(text + 1, &end, 10);
	return !*end;
}

/* Whether k is one of those that the cursor counts. */
static bool is_at(struct slice k, const struct cursor *c)
{
	return k.len >= c->len && memcmp(k.data, c->key, c->len) == 0 &&
	       (k.len == c->len || c->len == CURSOR_KEY_MAX);
}

/* Counts a key as passed. */
static void cursor_pass(struct cursor *c, struct slice k)
{
	if (c->len && is_at(k, c)) {
		c->passed++;
		return;
	}
	c->len = k.len < CURSOR_KEY_MAX ? k.len : CURSOR_KEY_MAX;
	memcpy(c->key, k.data, c->len);
	c->passed = 1;
}

static void cursor_write(const struct cursor *c, char *out, size_t size)
{
	struct text t = {0};

	text_hex(&t, c->key, c->len);
	text_format(&t, ".%llu", (unsigned long long)c->passed);
	snprintf(out, size, "%s", text_cstr(&t));
	text_free(&t);
}

/* at: behind which the page begins (len 0: at the first key). */
static int export_rows(struct export *x, struct store_iter *it, struct cursor *at)
{
	struct intel_page *page = x->page;
	struct cursor given = {.len = 0};
	int err = 0;

	if (at->len)
		store_iter_seek(it, at->key, at->len);
	else
		store_iter_first(it);
	for (uint64_t i = 0; i < at->passed && store_iter_valid(it); i++) {
		if (!is_at(store_iter_key(it), at))
			break;
		store_iter_next(it);
	}
	for (; !err && store_iter_valid(it); store_iter_next(it)) {
		struct slice k = store_iter_key(it);
		uint64_t version, before = page->count;

		if (k.len < INDEX_HEAD + 4 || k.len > INDEX_KEY_MAX)
			continue;
		version = read_be64((const uint8_t *)k.data + 1);
		if (page->count >= page->limit) {
			cursor_write(&given, page->cursor, sizeof(page->cursor));
			page->complete = version - 1;
			break;
		}
		cursor_pass(at, k);
		err = export_row(x, k, version);
		if (page->count > before)
			given = *at;
	}
	return err ? err : store_iter_status(it);
}

int intel_export_stix(struct intel *in, struct intel_page *page, struct text *json)
{
	struct export x = {.page = page, .out = json};
	uint8_t low[INDEX_HEAD] = {INDEX_MARK}, high[INDEX_HEAD] = {INDEX_MARK};
	struct slice from = {low, INDEX_HEAD}, to = {high, INDEX_HEAD};
	struct cursor at = {.len = 0};
	struct store_iter *it;
	int err;

	page->cursor[0] = '\0';
	page->count = page->first = page->last = 0;
	page->limit = page->limit ? page->limit : 1;
	if (page->next && !cursor_read(&at, page->next))
		return -EINVAL;
	err = walk_new(&x.walk, in, 0);
	if (err)
		return err;
	page->complete = x.walk->version;
	put_be64(low + 1, at.len ? read_be64(at.key + 1) : page->after_version + 1);
	put_be64(high + 1, x.walk->version + 1);
	it = store_iter_new(in->store, STORE_intel, x.walk->rows.snapshot, &from, &to);
	if (json)
		text_char(json, '[');
	err = it ? export_rows(&x, it, &at) : -ENOMEM;
	if (json)
		text_char(json, ']');
	if (it)
		store_iter_free(it);
	walk_free(x.walk);
	if (!err && (x.value.failed || x.pattern.failed || x.id.failed || (json && json->failed)))
		err = -ENOMEM;
	text_free(&x.value);
	text_free(&x.pattern);
	text_free(&x.id);
	return err;
}

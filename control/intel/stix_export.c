/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is shared: entries as STIX 2.1 indicators (STIX 2.1, 4.7), in the order of the versions in
 * which they were new. The id of an object is made of source, kind and value alone (UUIDv5 of a
 * SHA-1), so that the same entry is the same object whenever it is asked for.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "control/intel/row.h"
#include "control/store/bytes.h"

struct export
{
	struct walk *walk;
	const char *source;
	struct text *out, value, pattern;
	uint64_t limit, count;
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

static bool put_object(struct export *x, const struct group_row *r)
{
	const struct group *g = &x->walk->group;
	struct text *out = x->out;
	uint64_t added_ms = r->row.added_s * 1000;
	struct slice name = r->row.threat.len ? r->row.threat : r->row.family;

	text_clear(&x->value);
	text_clear(&x->pattern);
	intel_print(&x->value, (struct slice){g->key, g->key_len});
	if (!put_pattern(&x->pattern, g, (struct slice){x->value.data, x->value.len},
			 r->row.flags & ROW_BELOW))
		return false;
	json_comma(out);
	text_char(out, '{');
	json_key_cstr(out, "type", "indicator");
	json_key_cstr(out, "spec_version", "2.1");
	json_key(out, "id");
	text_char(out, '"');
	put_id(out, r->source->name, (struct slice){g->key, g->key_len});
	text_char(out, '"');
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
	return true;
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
		    (x->source && strcmp(r->source->name, x->source) != 0))
			continue;
		x->count += put_object(x, r);
	}
	return err < 0 ? err : 0;
}

/* A place inside a version, as a number: the highest bit, the version, how many of its rows were
 * passed. Where it is in the index is remembered; else those rows are passed again. */
#define INSIDE (1ull << 63)

static uint64_t cursor_of(uint64_t version, uint64_t passed)
{
	return INSIDE | (version & 0x7fffffff) << 32 | (passed & 0xffffffff);
}

static void place_keep(struct intel *in, uint64_t cursor, struct slice key)
{
	struct place *p;

	pthread_mutex_lock(&in->lock);
	p = &in->places[in->place_next++ % PLACES];
	p->cursor = cursor;
	memcpy(p->key, key.data, key.len);
	p->len = key.len;
	pthread_mutex_unlock(&in->lock);
}

static bool place_seek(struct intel *in, uint64_t cursor, struct store_iter *it)
{
	bool found = false;

	pthread_mutex_lock(&in->lock);
	for (int i = 0; i < PLACES && !found; i++) {
		found = in->places[i].cursor == cursor;
		if (found)
			store_iter_seek(it, in->places[i].key, in->places[i].len);
	}
	pthread_mutex_unlock(&in->lock);
	return found;
}

/* To the first row that is to be given: behind a version, or at a place inside one. Returns how
 * many rows of its version were passed. */
static uint64_t seek_after(struct intel *in, uint64_t after, struct store_iter *it)
{
	uint64_t passed = after & INSIDE ? after & 0xffffffff : 0;

	if (passed && place_seek(in, after, it))
		return passed;
	store_iter_first(it);
	for (uint64_t i = 0; i < passed && store_iter_valid(it); i++)
		store_iter_next(it);
	return passed;
}

static int export_rows(struct export *x, struct store_iter *it, uint64_t passed, uint64_t *next)
{
	uint64_t last = 0;
	int err = 0;

	for (; !err && store_iter_valid(it); store_iter_next(it)) {
		struct slice k = store_iter_key(it);
		uint64_t version;

		if (k.len < INDEX_HEAD + 4 || k.len > INDEX_KEY_MAX)
			continue;
		version = read_be64((const uint8_t *)k.data + 1);
		if (last && version != last)
			passed = 0;
		last = version;
		if (x->count >= x->limit) {
			*next = passed ? cursor_of(version, passed) : version - 1;
			if (passed)
				place_keep(x->walk->in, *next, k);
			break;
		}
		passed++;
		err = export_row(x, k, version);
	}
	return err ? err : store_iter_status(it);
}

int intel_export_stix(struct intel *in, const char *source, uint64_t after_version, uint64_t limit,
		      struct text *json, uint64_t *next)
{
	struct export x = {.source = source, .out = json, .limit = limit ? limit : 1};
	uint64_t first =
		after_version & INSIDE ? after_version >> 32 & 0x7fffffff : after_version + 1;
	uint8_t low[INDEX_HEAD] = {INDEX_MARK}, high[INDEX_HEAD] = {INDEX_MARK};
	struct slice from = {low, INDEX_HEAD}, to = {high, INDEX_HEAD};
	struct store_iter *it;
	int err = walk_new(&x.walk, in, 0);

	*next = 0;
	if (err)
		return err;
	put_be64(low + 1, first);
	put_be64(high + 1, x.walk->version + 1);
	it = store_iter_new(in->store, STORE_intel, x.walk->rows.snapshot, &from, &to);
	text_char(json, '[');
	if (it)
		err = export_rows(&x, it, seek_after(in, after_version, it), next);
	else
		err = -ENOMEM;
	text_char(json, ']');
	if (it)
		store_iter_free(it);
	walk_free(x.walk);
	text_free(&x.value);
	text_free(&x.pattern);
	return err ? err : json->failed ? -ENOMEM : 0;
}

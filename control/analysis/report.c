/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The report of an analysis as JSON. The tree is written without recursion.
 */
#include <string.h>

#include "control/analysis/analyser.h"

#define REPORT_VERSION 1
#define PLACE_LEVELS_MAX 64

static void put_hex(struct text *out, const char *key, const uint8_t *digest, size_t len)
{
	json_key(out, key);
	text_char(out, '"');
	text_hex(out, digest, len);
	text_char(out, '"');
}

static bool told_before(const struct part *p, const struct fact *f)
{
	for (const struct fact *e = p->facts; e != f; e = e->next)
		if (strcmp(e->name, f->name) == 0)
			return true;
	return false;
}

/* "name": ["value", …], in the order in which names first came. */
static void put_facts(struct text *out, const struct part *p)
{
	if (!p->facts)
		return;
	json_key(out, "facts");
	text_char(out, '{');
	for (const struct fact *f = p->facts; f; f = f->next) {
		if (told_before(p, f))
			continue;
		json_key(out, f->name);
		text_char(out, '[');
		for (const struct fact *e = f; e; e = e->next) {
			if (strcmp(e->name, f->name) != 0)
				continue;
			json_comma(out);
			json_put_cstr(out, e->value);
		}
		text_char(out, ']');
	}
	text_char(out, '}');
}

static void put_reason(struct text *out, enum reason_code code, uint8_t weight, const char *detail)
{
	json_key_cstr(out, "reason", reason_rows[code].name);
	json_key_uint(out, "weight", weight);
	json_key_cstr(out, "text", reason_rows[code].sentence);
	if (*detail)
		json_key_cstr(out, "detail", detail);
}

static void put_part_begin(struct text *out, const struct part *p)
{
	text_char(out, '{');
	json_key_cstr(out, "name", p->name);
	if (*p->declared)
		json_key_cstr(out, "declared", p->declared);
	json_key_cstr(out, "type", p->type);
	json_key_cstr(out, "magic", p->magic);
	if (*p->kind)
		json_key_cstr(out, "kind", p->kind);
	json_key_uint(out, "size", p->size);
	put_hex(out, "md5", p->md5, sizeof(p->md5));
	put_hex(out, "sha1", p->sha1, sizeof(p->sha1));
	put_hex(out, "sha256", p->sha256, sizeof(p->sha256));
	put_facts(out, p);
	if (p->reasons) {
		json_key(out, "reasons");
		text_char(out, '[');
		for (const struct reason *r = p->reasons; r; r = r->next) {
			json_comma(out);
			text_char(out, '{');
			put_reason(out, r->code, r->weight, r->detail);
			text_char(out, '}');
		}
		text_char(out, ']');
	}
}

static void put_tree(struct text *out, const struct part *root)
{
	const struct part *p = root;

	while (p) {
		if (p != root)
			json_comma(out);
		put_part_begin(out, p);
		if (p->first) {
			json_key(out, "parts");
			text_char(out, '[');
			p = p->first;
			continue;
		}
		text_char(out, '}');
		while (p != root && !p->next) {
			p = p->parent;
			text_str(out, "]}");
		}
		p = p == root ? NULL : p->next;
	}
}

/* invoice.zip/invoice.doc/ThisDocument */
static void put_place(struct text *out, const struct part *p)
{
	const struct part *way[PLACE_LEVELS_MAX];
	struct text place = {0};
	unsigned n = 0;

	for (; p && n < PLACE_LEVELS_MAX; p = p->parent)
		way[n++] = p;
	while (n) {
		text_str(&place, *way[n - 1]->name ? way[n - 1]->name : "(unnamed)");
		if (--n)
			text_str(&place, " › ");
	}
	json_key(out, "part");
	json_put_string(out, place.data ? (const char *)place.data : "", place.len);
	text_free(&place);
}

/* Of each reason where it weighs most, the heaviest first. */
static void put_reasons(struct text *out, const struct part *root)
{
	const struct reason *best[REASON_COUNT] = {0};
	const struct part *where[REASON_COUNT] = {0};

	for (const struct part *p = root; p; p = part_next(p))
		for (const struct reason *r = p->reasons; r; r = r->next)
			if (!best[r->code] || r->weight > best[r->code]->weight) {
				best[r->code] = r;
				where[r->code] = p;
			}
	json_key(out, "reasons");
	text_char(out, '[');
	for (int weight = 10; weight >= 0; weight--)
		for (unsigned i = 0; i < REASON_COUNT; i++) {
			if (!best[i] || best[i]->weight != weight)
				continue;
			json_comma(out);
			text_char(out, '{');
			put_reason(out, (enum reason_code)i, best[i]->weight, best[i]->detail);
			put_place(out, where[i]);
			text_char(out, '}');
		}
	text_char(out, ']');
}

void analysis_report(const struct analysis *a, struct text *out)
{
	text_char(out, '{');
	json_key_uint(out, "version", REPORT_VERSION);
	json_key_uint(out, "verdict", analysis_verdict(a));
	json_key_bool(out, "complete", !a->incomplete);
	json_key_uint(out, "parts", a->parts);
	json_key_uint(out, "unpacked", a->bytes);
	if (a->root) {
		put_reasons(out, a->root);
		json_key(out, "file");
		put_tree(out, a->root);
	}
	text_char(out, '}');
}

void analysis_report_failed(struct text *out, const char *name, uint64_t size, const char *sha256_hex,
			    enum reason_code code, const char *detail)
{
	text_char(out, '{');
	json_key_uint(out, "version", REPORT_VERSION);
	json_key_uint(out, "verdict", reason_rows[code].weight);
	json_key_bool(out, "complete", false);
	json_key_uint(out, "parts", 1);
	json_key_uint(out, "unpacked", 0);
	json_key(out, "reasons");
	text_str(out, "[{");
	put_reason(out, code, reason_rows[code].weight, detail);
	json_key_cstr(out, "part", name);
	text_str(out, "}]");
	json_key(out, "file");
	text_char(out, '{');
	json_key_cstr(out, "name", name);
	json_key_uint(out, "size", size);
	if (*sha256_hex)
		json_key_cstr(out, "sha256", sha256_hex);
	text_str(out, "}}");
}

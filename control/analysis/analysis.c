/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/analysis/analysis.h"

#include <magic.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/analysis/analyser.h"

#define TREE_BYTES_MAX (64ull << 20)
#define MAGIC_LOOK_BYTES (256u << 10)
#define RATIO_FROM_BYTES 1000000u
#define FORMAT_MAX 600

const struct analyser analysers[] = {
#define ANALYSER(name, doc) {#name, name##_is, name##_run},
#include "control/analysis/analysers.def"
#undef ANALYSER
	{NULL, NULL, NULL}};

const struct reason_row reason_rows[REASON_COUNT] = {
#define REASON(code, weight, sentence) {#code, weight, sentence},
#include "control/analysis/reasons.def"
#undef REASON
};

struct analysis *analysis_new(const struct analysis_limits *limits, const struct analysis_tools *tools)
{
	struct analysis *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->limits = *limits;
	a->tools = *tools;
	a->arena = arena_new(TREE_BYTES_MAX);
	if (!a->arena) {
		free(a);
		return NULL;
	}
	return a;
}

void analysis_free(struct analysis *a)
{
	if (!a)
		return;
	arena_free(a->arena);
	free(a);
}

void analysis_mailed(struct analysis *a)
{
	a->carrier |= PART_MAIL;
}

void analysis_stop(struct analysis *a)
{
	a->stopped = true;
}

const struct part *analysis_root(const struct analysis *a)
{
	return a->root;
}

/* ---- facts and reasons ---- */

static size_t utf8_bytes(const uint8_t *p, size_t left)
{
	size_t n = p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;

	if (p[0] >= 0xf5 || !n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

const char *analysis_text(struct analysis *a, const void *data, size_t len)
{
	const uint8_t *in = data;
	char *out = arena_alloc(a->arena, len + 1);
	size_t n;

	if (!out)
		return "";
	for (size_t i = 0; i < len; i += n) {
		n = in[i] >= 0x80 ? utf8_bytes(in + i, len - i) : 1;
		if (n > 1) {
			memcpy(out + i, in + i, n);
			continue;
		}
		out[i] = n && in[i] >= ' ' && in[i] != 127 ? (char)in[i] : '.';
		n = 1;
	}
	return out;
}

static void fact_add(struct analysis *a, struct part *p, const char *name, const char *value)
{
	struct fact *f;
	unsigned count = 0;

	for (f = p->facts; f; f = f->next) {
		if (strcmp(f->name, name) == 0 && strcmp(f->value, value) == 0)
			return;
		if (++count == FACTS_MAX)
			return;
	}
	f = arena_alloc(a->arena, sizeof(*f));
	if (!f)
		return;
	f->name = name;
	f->value = value;
	*p->facts_end = f;
	p->facts_end = &f->next;
}

void part_fact(struct analysis *a, struct part *p, const char *name, const char *format, ...)
{
	char text[FORMAT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fact_add(a, p, name, analysis_text(a, text, strlen(text)));
}

void part_fact_bytes(struct analysis *a, struct part *p, const char *name, const void *data, size_t len)
{
	fact_add(a, p, name, analysis_text(a, data, len < FACT_VALUE_MAX ? len : FACT_VALUE_MAX));
}

static void reason_add(struct analysis *a, struct part *p, enum reason_code code, uint8_t weight, const char *format,
		       va_list args)
{
	char text[FORMAT_MAX];
	struct reason *r;
	unsigned count = 0;

	vsnprintf(text, sizeof(text), format, args);
	for (r = p->reasons; r; r = r->next)
		if (++count == REASONS_MAX || (r->code == code && strcmp(r->detail, text) == 0))
			return;
	r = arena_alloc(a->arena, sizeof(*r));
	if (!r)
		return;
	r->code = code;
	r->weight = weight < 10 ? weight : 10;
	r->detail = analysis_text(a, text, strlen(text));
	*p->reasons_end = r;
	p->reasons_end = &r->next;
}

void part_reason(struct analysis *a, struct part *p, enum reason_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reason_add(a, p, code, reason_rows[code].weight, format, args);
	va_end(args);
}

void part_reason_alone(struct analysis *a, struct part *p, enum reason_code code)
{
	part_reason(a, p, code, "%s", "");
}

void part_reason_weighed(struct analysis *a, struct part *p, enum reason_code code, uint8_t weight,
			 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reason_add(a, p, code, weight, format, args);
	va_end(args);
}

bool part_has_reason(const struct part *p, enum reason_code code)
{
	for (const struct reason *r = p->reasons; r; r = r->next)
		if (r->code == code)
			return true;
	return false;
}

void analysis_password(struct analysis *a, const void *word, size_t len)
{
	if (!len || len > PASSWORD_BYTES_MAX || a->passwords == PASSWORDS_MAX)
		return;
	for (unsigned i = 0; i < a->passwords; i++)
		if (strlen(a->password[i]) == len && memcmp(a->password[i], word, len) == 0)
			return;
	a->password[a->passwords] = arena_text(a->arena, word, len);
	a->passwords += a->password[a->passwords] != NULL;
}

/* ---- limits ---- */

static void limit_reached(struct analysis *a, struct part *p, enum reason_code code, const char *detail)
{
	a->incomplete = true;
	part_reason(a, p, code, "%s", detail);
}

uint64_t analysis_room(const struct analysis *a, uint64_t packed, enum reason_code *code)
{
	uint64_t left = a->limits.total_bytes > a->bytes ? a->limits.total_bytes - a->bytes : 0;
	uint64_t room = a->limits.part_bytes, by_ratio = packed * a->limits.ratio;

	*code = REASON_limit_bytes;
	if (left < room)
		room = left;
	if (by_ratio < RATIO_FROM_BYTES)
		by_ratio = RATIO_FROM_BYTES;
	if (by_ratio < room) {
		room = by_ratio;
		*code = REASON_limit_ratio;
	}
	return room;
}

/* ---- parts ---- */

static void hash_part(struct part *p)
{
	EVP_Digest(p->data.data, p->data.len, p->md5, NULL, EVP_md5(), NULL);
	EVP_Digest(p->data.data, p->data.len, p->sha1, NULL, EVP_sha1(), NULL);
	EVP_Digest(p->data.data, p->data.len, p->sha256, NULL, EVP_sha256(), NULL);
}

static void tell_type(struct analysis *a, struct part *p)
{
	size_t len = p->data.len < MAGIC_LOOK_BYTES ? p->data.len : MAGIC_LOOK_BYTES;
	const char *words;

	p->type = p->magic = "";
	if (a->tools.mime && (words = magic_buffer(a->tools.mime, p->data.data, len)))
		p->type = analysis_text(a, words, strnlen(words, FACT_VALUE_MAX));
	if (a->tools.magic && (words = magic_buffer(a->tools.magic, p->data.data, len)))
		p->magic = analysis_text(a, words, strnlen(words, FACT_VALUE_MAX));
}

static void part_analyse(struct analysis *a, struct part *p)
{
	for (const struct analyser *w = analysers; w->name && !analysis_over(a); w++) {
		if (!w->is(p))
			continue;
		if (!*p->kind)
			p->kind = w->name;
		w->run(a, p);
	}
	name_judge(a, p);
	place_judge(a, p);
	lookup_part(a, p);
}

static struct part *part_new(struct analysis *a, struct part *parent, struct bytes name, const char *declared,
			     struct bytes data)
{
	static const uint8_t nothing[1];
	struct part *p = arena_alloc(a->arena, sizeof(*p));

	if (!p)
		return NULL;
	p->name = analysis_text(a, name.data ? name.data : nothing, name.len < PART_NAME_MAX ? name.len : PART_NAME_MAX);
	p->declared = analysis_text(a, declared, strnlen(declared, FACT_VALUE_MAX));
	p->kind = "";
	p->size = data.len;
	p->data = data.data ? data : (struct bytes){nothing, 0};
	p->parent = parent;
	p->depth = parent ? parent->depth + 1 : 0;
	p->above = parent ? parent->above | parent->traits : a->carrier;
	p->facts_end = &p->facts;
	p->reasons_end = &p->reasons;
	a->parts++;
	return p;
}

struct part *part_add(struct analysis *a, struct part *parent, struct bytes name, const char *declared,
		      struct bytes data)
{
	char detail[64];
	struct part *p;

	if (a->parts >= a->limits.parts) {
		snprintf(detail, sizeof(detail), "%u", a->limits.parts);
		limit_reached(a, parent, REASON_limit_parts, detail);
		return NULL;
	}
	if (parent->depth >= a->limits.depth) {
		snprintf(detail, sizeof(detail), "%u levels", a->limits.depth);
		limit_reached(a, parent, REASON_limit_depth, detail);
		return NULL;
	}
	if (analysis_over(a))
		return NULL;
	p = part_new(a, parent, name, declared, data);
	if (!p) {
		limit_reached(a, parent, REASON_limit_memory, "");
		return NULL;
	}
	if (parent->last)
		parent->last->next = p;
	else
		parent->first = p;
	parent->last = p;
	a->bytes += data.len;
	hash_part(p);
	tell_type(a, p);
	part_analyse(a, p);
	p->data = (struct bytes){NULL, 0};
	return p;
}

void analysis_run(struct analysis *a, const char *name, const char *declared, const void *data, size_t len)
{
	struct bytes named = {(const uint8_t *)name, (uint32_t)strlen(name)};

	if (len > UINT32_MAX)
		len = UINT32_MAX;
	a->root = part_new(a, NULL, named, declared, (struct bytes){data, (uint32_t)len});
	if (!a->root)
		return;
	hash_part(a->root);
	tell_type(a, a->root);
	part_analyse(a, a->root);
	lookup_clamd(a, a->root);
	if (a->stopped) {
		limit_reached(a, a->root, REASON_limit_time, "");
		part_fact(a, a->root, "seconds", "%u", a->limits.seconds);
	}
	a->root->data = (struct bytes){NULL, 0};
}

/* ---- verdict ---- */

const struct part *part_next(const struct part *p)
{
	if (p->first)
		return p->first;
	while (p && !p->next)
		p = p->parent;
	return p ? p->next : NULL;
}

unsigned analysis_verdict(const struct analysis *a)
{
	uint8_t weight[REASON_COUNT] = {0};
	double good = 1;

	for (const struct part *p = a->root; p; p = part_next(p))
		for (const struct reason *r = p->reasons; r; r = r->next)
			if (r->weight > weight[r->code])
				weight[r->code] = r->weight;
	for (unsigned i = 0; i < REASON_COUNT; i++)
		good *= 1 - weight[i] / 10.0;
	return (unsigned)lround(10 * (1 - good));
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/detect/expression.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SLOTS_FIRST 256
#define ERROR_TEXT_MAX 128

struct expression {
	uint64_t hash;
	char *pattern;
	uint32_t len, options;
	pcre2_code *code; /* NULL: the slot is free */
};

/* Open addressing, linear; at most half full. */
struct expressions {
	struct expression *slots;
	uint32_t mask, count;
};

struct expressions *expressions_new(void)
{
	struct expressions *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->mask = SLOTS_FIRST - 1;
	e->slots = calloc(SLOTS_FIRST, sizeof(*e->slots));
	if (!e->slots) {
		free(e);
		return NULL;
	}
	return e;
}

void expressions_free(struct expressions *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; i <= e->mask; i++) {
		pcre2_code_free(e->slots[i].code);
		free(e->slots[i].pattern);
	}
	free(e->slots);
	free(e);
}

/* Where it is, or could be put. */
static struct expression *slot_of(const struct expressions *e, uint64_t hash, const struct match_pcre *m)
{
	uint32_t at = (uint32_t)hash & e->mask;

	for (; e->slots[at].code; at = (at + 1) & e->mask) {
		const struct expression *x = &e->slots[at];

		if (m && x->hash == hash && x->options == m->options && x->len == m->pattern_len &&
		    memcmp(x->pattern, m->pattern, x->len) == 0)
			break;
	}
	return &e->slots[at];
}

static bool slots_double(struct expressions *e)
{
	struct expressions wider = {.mask = e->mask << 1 | 1, .count = e->count};

	wider.slots = calloc((size_t)wider.mask + 1, sizeof(*wider.slots));
	if (!wider.slots)
		return false;
	for (uint32_t i = 0; i <= e->mask; i++)
		if (e->slots[i].code)
			*slot_of(&wider, e->slots[i].hash, NULL) = e->slots[i];
	free(e->slots);
	*e = wider;
	return true;
}

static pcre2_code *compile(const struct match_pcre *m, char *error, size_t error_size)
{
	char why[ERROR_TEXT_MAX] = "";
	PCRE2_SIZE at;
	int rc;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)m->pattern, m->pattern_len, m->options, &rc, &at, NULL);

	if (!code) {
		pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, sizeof(why));
		snprintf(error, error_size, "pcre: %s at byte %zu", why, (size_t)at);
		return NULL;
	}
	/* An expression that cannot be translated to machine code is interpreted. */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	return code;
}

const pcre2_code *expression_get(struct expressions *e, const struct match_pcre *m, char *error,
				 size_t error_size)
{
	uint64_t hash = XXH3_64bits_withSeed(m->pattern, m->pattern_len, m->options);
	struct expression *slot = slot_of(e, hash, m), x = {hash, NULL, m->pattern_len, m->options, NULL};

	if (slot->code)
		return slot->code;
	snprintf(error, error_size, "not enough memory");
	if (e->count * 2 > e->mask && !slots_double(e))
		return NULL;
	x.pattern = malloc(x.len ? x.len : 1);
	if (!x.pattern)
		return NULL;
	memcpy(x.pattern, m->pattern, x.len);
	x.code = compile(m, error, error_size);
	if (!x.code) {
		free(x.pattern);
		return NULL;
	}
	e->count++;
	*slot_of(e, hash, NULL) = x;
	return x.code;
}

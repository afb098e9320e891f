/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the matches of a rule's buffer to a chain (chain.h). Runs when a rule set is bound.
 */
#include <stdio.h>

#include "dataplane/detect/chain.h"
#include "rules/arena.h"
#include "rules/holds.h"

static bool kind_of(const struct match *m, struct check *c)
{
	switch (m->keyword) {
	case KEYWORD_content:
		c->kind = CHECK_CONTENT;
		return true;
	case KEYWORD_pcre:
		c->kind = CHECK_PCRE;
		return true;
	case KEYWORD_isdataat:
		c->kind = CHECK_ISDATAAT;
		return true;
	case KEYWORD_byte_test:
		c->kind = CHECK_BYTE_TEST;
		return true;
	case KEYWORD_byte_jump:
		c->kind = CHECK_BYTE_JUMP;
		return true;
	case KEYWORD_byte_extract:
		c->kind = CHECK_BYTE_EXTRACT;
		return true;
	case KEYWORD_byte_math:
		c->kind = CHECK_BYTE_MATH;
		return true;
	case KEYWORD_bsize:
		c->kind = CHECK_SIZE;
		c->waits_for_end = true;
		return true;
	case KEYWORD_urilen:
		c->kind = CHECK_SIZE;
		return true;
	case KEYWORD_base64_decode:
		c->kind = CHECK_BASE64;
		return true;
	case KEYWORD_dataset:
		c->kind = CHECK_DATASET;
		return true;
	case KEYWORD_asn1:
		c->kind = CHECK_ASN1;
		return true;
	case KEYWORD_entropy:
		c->kind = CHECK_ENTROPY;
		return true;
	case KEYWORD_datarep:
		c->kind = CHECK_DATAREP;
		return true;
	default:
		return false;
	}
}

/* Is the condition about what follows the last match, so that another place of that is worth trying?
 * after_pcre: the one before is an expression, for which a distance alone counts too. */
static bool wants_retry(const struct match *m, bool after_pcre)
{
	uint32_t flags = m->u.content.flags;

	if (m->keyword != KEYWORD_content)
		return match_is_relative(m);
	/* Further on less follows, in which what must not be there may be missing. */
	return flags & (after_pcre || (flags & CONTENT_NEGATED) ? CONTENT_WITHIN | CONTENT_DISTANCE : CONTENT_WITHIN);
}

static void retries_mark(struct chain *chain)
{
	for (uint32_t i = 1; i < chain->count; i++) {
		for (uint32_t k = i; k-- > 0;) {
			struct check *before = &chain->checks[k];

			if (before->kind != CHECK_CONTENT && before->kind != CHECK_PCRE)
				continue;
			if (wants_retry(chain->checks[i].match, before->kind == CHECK_PCRE))
				before->retry = true;
			break;
		}
	}
}

/* A chain of contents alone matches wherever its bytes are shown. Shown with one byte
 * less than its longest content before the new ones, it cannot match without new bytes. */
static uint32_t reach_of(const struct chain *chain)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; i < chain->count; i++) {
		const struct check *c = &chain->checks[i];
		uint32_t flags = c->match->u.content.flags;

		if (c->kind != CHECK_CONTENT || (flags & CONTENT_NEGATED))
			return 0;
		if (!(flags & (CONTENT_DISTANCE | CONTENT_WITHIN)) &&
		    (flags & (CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_STARTSWITH)))
			return 0;
		if (i == 0 && (flags & (CONTENT_DISTANCE | CONTENT_WITHIN)))
			return 0;
		if (c->needle.len > longest)
			longest = c->needle.len;
	}
	return longest ? longest - 1 : 0;
}

/* The longest content that must be there. */
static const struct needle *must_of(const struct chain *chain)
{
	const struct needle *must = NULL;

	for (uint32_t i = 0; i < chain->count && !chain->or_else; i++) {
		const struct check *c = &chain->checks[i];

		if (c->kind == CHECK_CONTENT && !(c->match->u.content.flags & CONTENT_NEGATED) &&
		    (!must || c->needle.len > must->len))
			must = &c->needle;
	}
	return must;
}

/* The bytes that a content is looked for by, at *at. */
static void content_prepare(struct check *c, uint8_t **at)
{
	const struct match_content *m = &c->match->u.content;
	bool nocase = m->flags & CONTENT_NOCASE;

	for (uint32_t i = 0; i < m->pattern.len; i++)
		(*at)[i] = nocase ? fold_byte(m->pattern.data[i]) : m->pattern.data[i];
	c->needle = needle_make(*at, m->pattern.len, nocase);
	*at += m->pattern.len;
}

/* One block: the chain, its conditions, what the rule says of each, the bytes looked for. */
static struct chain *chain_join(struct arena *arena, const struct chain *draft)
{
	size_t bytes = sizeof(*draft) + draft->count * (sizeof(struct check) + sizeof(struct match));
	struct chain *chain;
	struct match *matches;
	uint8_t *patterns;

	for (uint32_t i = 0; i < draft->count; i++)
		if (draft->checks[i].kind == CHECK_CONTENT)
			bytes += draft->checks[i].match->u.content.pattern.len;
	chain = arena_alloc(arena, bytes);
	if (!chain)
		return NULL;
	*chain = *draft;
	chain->checks = (struct check *)(void *)(chain + 1);
	matches = (struct match *)(void *)(chain->checks + chain->count);
	patterns = (uint8_t *)(matches + chain->count);
	for (uint32_t i = 0; i < chain->count; i++) {
		struct check *c = &chain->checks[i];

		*c = draft->checks[i];
		matches[i] = *c->match;
		c->match = &matches[i];
		if (c->kind == CHECK_CONTENT)
			content_prepare(c, &patterns);
	}
	return chain;
}

static bool check_make(struct chain *draft, const struct match *m, struct expressions *all, char *error,
		       size_t error_size)
{
	struct check *c = &draft->checks[draft->count];

	*c = (struct check){.match = m};
	if (m->keyword == KEYWORD_absent) {
		draft->absent = true;
		draft->or_else = m->u.word.bits;
		return true;
	}
	draft->count++;
	if (!kind_of(m, c)) {
		snprintf(error, error_size, "a condition that cannot be judged on a buffer");
		return false;
	}
	if (c->kind == CHECK_CONTENT && m->u.content.pattern.len == 0) {
		snprintf(error, error_size, "a content is empty");
		return false;
	}
	if (c->kind == CHECK_DATASET &&
	    (m->u.dataset.command == DATASET_SET || m->u.dataset.command == DATASET_UNSET))
		draft->changes = true;
	if (c->kind == CHECK_CONTENT && (m->u.content.flags & CONTENT_REPLACE))
		draft->replaces = true;
	if (c->kind == CHECK_PCRE)
		c->code = expression_get(all, &m->u.pcre, error, error_size);
	return c->kind != CHECK_PCRE || c->code;
}

struct chain *chain_compile(const struct rule_buffer *buffer, const struct rule_buffer *base64, struct arena *arena,
			    struct expressions *all, char *error, size_t error_size)
{
	struct check checks[CHAIN_CHECKS_MAX];
	struct chain draft = {.checks = checks}, *chain;

	if (buffer->match_count > CHAIN_CHECKS_MAX) {
		snprintf(error, error_size, "more than %d conditions on one buffer",
			 CHAIN_CHECKS_MAX);
		return NULL;
	}
	for (uint32_t i = 0; i < buffer->match_count; i++) {
		uint32_t before = draft.count;

		if (!check_make(&draft, &buffer->matches[i], all, error, error_size))
			return NULL;
		if (draft.count > before && checks[before].kind == CHECK_BASE64 && base64 && !draft.base64) {
			draft.base64 = chain_compile(base64, NULL, arena, all, error, error_size);
			if (!draft.base64)
				return NULL;
		}
	}
	retries_mark(&draft);
	chain = chain_join(arena, &draft);
	if (!chain) {
		snprintf(error, error_size, "not enough memory");
		return NULL;
	}
	chain->reach = reach_of(chain);
	chain->must = must_of(chain);
	return chain;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the matches of a rule's buffer to a chain (chain.h). Runs when a rule set is bound.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/detect/chain.h"

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

	switch (m->keyword) {
	case KEYWORD_content:
		/* Further on less follows, in which what must not be there may be missing. */
		return flags & (after_pcre || (flags & CONTENT_NEGATED) ? CONTENT_WITHIN | CONTENT_DISTANCE
									: CONTENT_WITHIN);
	case KEYWORD_pcre:
		return m->u.pcre.flags & PCRE_RELATIVE;
	case KEYWORD_isdataat:
		return m->u.isdataat.relative;
	case KEYWORD_byte_test:
	case KEYWORD_byte_jump:
	case KEYWORD_byte_extract:
	case KEYWORD_byte_math:
		return m->u.byte.flags & BYTE_RELATIVE;
	case KEYWORD_base64_decode:
		return m->u.base64.relative;
	default:
		return false;
	}
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

static int content_prepare(struct check *c, char *error, size_t error_size)
{
	const struct match_content *m = &c->match->u.content;
	uint8_t *folded;

	if (m->pattern.len == 0) {
		snprintf(error, error_size, "a content is empty");
		return -1;
	}
	folded = malloc(m->pattern.len);
	if (!folded) {
		snprintf(error, error_size, "not enough memory");
		return -1;
	}
	for (uint32_t i = 0; i < m->pattern.len; i++)
		folded[i] = m->flags & CONTENT_NOCASE ? fold_byte(m->pattern.data[i])
						      : m->pattern.data[i];
	c->needle = needle_make(folded, m->pattern.len, m->flags & CONTENT_NOCASE);
	return 0;
}

static int check_prepare(struct check *c, struct expressions *all, char *error, size_t error_size)
{
	if (c->kind == CHECK_CONTENT)
		return content_prepare(c, error, error_size);
	if (c->kind != CHECK_PCRE)
		return 0;
	c->code = expression_get(all, &c->match->u.pcre, error, error_size);
	return c->code ? 0 : -1;
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

/* One block: the chain, its conditions, what the rule says of each, the bytes looked for. Takes the
 * chain; NULL: no memory, and it is still the caller's. */
static struct chain *chain_join(struct chain *chain)
{
	size_t bytes = sizeof(*chain) + chain->count * (sizeof(struct check) + sizeof(struct match));
	struct chain *joined;
	struct match *matches;
	uint8_t *patterns;

	for (uint32_t i = 0; i < chain->count; i++)
		bytes += chain->checks[i].needle.len;
	joined = malloc(bytes);
	if (!joined)
		return NULL;
	*joined = *chain;
	joined->checks = (struct check *)(void *)(joined + 1);
	matches = (struct match *)(void *)(joined->checks + chain->count);
	patterns = (uint8_t *)(matches + chain->count);
	for (uint32_t i = 0; i < chain->count; i++) {
		struct check *c = &joined->checks[i];

		*c = chain->checks[i];
		matches[i] = *c->match;
		c->match = &matches[i];
		if (c->needle.len)
			c->needle.pattern = memcpy(patterns, c->needle.pattern, c->needle.len);
		patterns += c->needle.len;
		free((void *)chain->checks[i].needle.pattern);
	}
	free(chain->checks);
	free(chain);
	return joined;
}

/* While it is being made. */
static void chain_parts_free(struct chain *chain)
{
	for (uint32_t i = 0; chain->checks && i < chain->count; i++)
		free((void *)chain->checks[i].needle.pattern);
	chain_free(chain->base64);
	free(chain->checks);
	free(chain);
}

struct chain *chain_compile(const struct rule_buffer *buffer, const struct rule_buffer *base64,
			    struct expressions *all, char *error, size_t error_size)
{
	struct chain *chain = calloc(1, sizeof(*chain)), *joined;

	snprintf(error, error_size, "not enough memory");
	if (!chain)
		return NULL;
	chain->checks = calloc(buffer->match_count + 1, sizeof(*chain->checks));
	if (!chain->checks)
		goto err;
	if (buffer->match_count > CHAIN_CHECKS_MAX) {
		snprintf(error, error_size, "more than %d conditions on one buffer",
			 CHAIN_CHECKS_MAX);
		goto err;
	}
	for (uint32_t i = 0; i < buffer->match_count; i++) {
		struct check *c = &chain->checks[chain->count];

		c->match = &buffer->matches[i];
		if (c->match->keyword == KEYWORD_absent) {
			chain->absent = true;
			chain->or_else = c->match->u.word.bits;
			continue;
		}
		if (!kind_of(c->match, c)) {
			snprintf(error, error_size, "a condition that cannot be judged on a buffer");
			goto err;
		}
		chain->count++;
		if (c->kind == CHECK_DATASET && (c->match->u.dataset.command == DATASET_SET ||
						 c->match->u.dataset.command == DATASET_UNSET))
			chain->changes = true;
		if (c->kind == CHECK_CONTENT && (c->match->u.content.flags & CONTENT_REPLACE))
			chain->replaces = true;
		if (check_prepare(c, all, error, error_size))
			goto err;
		if (c->kind == CHECK_BASE64 && base64 && !chain->base64) {
			chain->base64 = chain_compile(base64, NULL, all, error, error_size);
			if (!chain->base64)
				goto err;
		}
	}
	retries_mark(chain);
	chain->reach = reach_of(chain);
	joined = chain_join(chain);
	if (!joined) {
		snprintf(error, error_size, "not enough memory");
		goto err;
	}
	joined->must = must_of(joined);
	return joined;
err:
	chain_parts_free(chain);
	return NULL;
}

void chain_free(struct chain *chain)
{
	if (!chain)
		return;
	chain_free(chain->base64);
	free(chain);
}

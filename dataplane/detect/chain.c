/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs a chain of conditions over a buffer (see chain.h for the rules of retrying). No recursion:
 * one frame a condition says from which pointer it was entered and where a repeated search goes on.
 * Runs in the workers. chain_explain.c compiles this file a second time, with CHAIN_EXPLAIN: that one
 * notes where a chain failed, and this one pays nothing for it.
 */
#include "dataplane/detect/chain.h"

#include <string.h>

#define MATCH_PAIRS 16 /* groups of an expression whose places are told */

enum outcome {
	HIT,   /* go on with the next condition */
	MISS,  /* try an earlier one again */
	STOP,  /* the chain cannot match */
	NEVER, /* nor will it when bytes are added */
};

struct frame {
	uint32_t base;       /* pointer when the condition was entered */
	uint32_t resume;     /* CONTENT: where the next search starts; 0: the first search */
	uint32_t pcre_start; /* PCRE: likewise */
};

struct run {
	struct chain_scratch *scratch;
	const struct chain_input *in;
	uint32_t pointer;
	unsigned steps;
#ifdef CHAIN_EXPLAIN
	struct chain_progress *progress; /* NULL: what base64_decode decoded */
#endif
	struct frame frames[CHAIN_CHECKS_MAX];
};

static enum chain_result run_nested(struct chain_scratch *s, const struct chain *chain,
				    const struct chain_input *in);

/* Values read from the bytes can be anything; beyond this all are alike, and sums stay in range. */
#define VALUE_FAR (1ll << 40)

static int64_t number_of(const struct rule_number *n, const struct run *r)
{
	uint64_t v;

	if (n->variable < 0)
		return n->value;
	v = r->scratch->values[n->variable];
	return v > VALUE_FAR ? VALUE_FAR : (int64_t)v;
}

/* ---- contents ---- */

/* A limit counted from the buffer's start, in bytes of the window that is shown. False: the limit
 * lies before the window. */
static bool limit_in_window(const struct run *r, int64_t *depth)
{
	uint64_t start = r->in->offset;

	if (start == 0 || *depth < 0)
		return true;
	if ((uint64_t)*depth <= start)
		return false;
	if ((uint64_t)*depth < start + r->in->len)
		*depth -= (int64_t)start;
	return true;
}

/* The bytes in which the content may stand: [*from, *to). False: none. */
static bool content_window(const struct run *r, const struct match_content *c,
			   const struct frame *f, int64_t *from, int64_t *to)
{
	int64_t len = r->in->len, distance;

	if (c->flags & (CONTENT_DISTANCE | CONTENT_WITHIN)) {
		distance = c->flags & CONTENT_DISTANCE ? number_of(&c->distance, r) : 0;
		*from = (int64_t)f->base + distance;
		if (*from < 0)
			*from = 0;
		*to = len;
		if (c->flags & CONTENT_WITHIN) {
			int64_t end = (int64_t)f->base + number_of(&c->within, r) + distance;

			if (end < *to)
				*to = end;
			if (f->base == 0 && !limit_in_window(r, to))
				return false;
		}
	} else {
		*from = c->flags & CONTENT_OFFSET ? number_of(&c->offset, r) : 0;
		*to = 0;
		if (c->flags & CONTENT_DEPTH)
			*to = *from + number_of(&c->depth, r);
		else if (c->flags & CONTENT_STARTSWITH)
			*to = *from + c->pattern.len;
		if (*to && !limit_in_window(r, to))
			return false;
		if (*to == 0)
			*to = len;
	}
	if (*to > len)
		*to = len;
	if (f->resume)
		*from = f->resume;
	if (*from < 0)
		*from = 0;
	return *from <= *to && *to > 0;
}

static enum outcome content_run(struct run *r, const struct check *check, struct frame *f)
{
	const struct match_content *c = &check->match->u.content;
	bool negated = c->flags & CONTENT_NEGATED;
	bool relative = c->flags & (CONTENT_DISTANCE | CONTENT_WITHIN);
	const uint8_t *data = r->in->data, *at;
	int64_t from, to;

	if (!content_window(r, c, f, &from, &to))
		return negated ? HIT : MISS;
	if (c->flags & CONTENT_ENDSWITH) {
		if (to < (int64_t)r->in->len || to - from < (int64_t)check->needle.len)
			return negated ? HIT : MISS;
		from = to - check->needle.len;
	}
	at = needle_find(&check->needle, data + from, (size_t)(to - from));
	if (!at) {
		if (negated)
			return HIT;
		return relative ? MISS : STOP;
	}
	if (negated) {
		/* Nothing before it can change the answer of one that stands alone. */
		bool alone = !relative && !check->retry &&
			     !(c->flags & (CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_STARTSWITH));

		return alone ? STOP : MISS;
	}
	r->pointer = (uint32_t)(at - data) + check->needle.len;
	f->resume = r->pointer - (check->needle.len - 1);
	return HIT;
}

/* ---- the others ---- */

/* Looked for again further on, an expression captures anew. */
static void captures_note(struct chain_scratch *s, const struct match_pcre *m, const uint8_t *data,
			  const PCRE2_SIZE *at, uint32_t pairs)
{
	for (uint32_t i = 0; i < m->capture_count; i++) {
		const struct match_capture *what = &m->captures[i];
		const PCRE2_SIZE *pair = at + 2 * what->group;
		struct chain_capture *c = s->captures;
		uint32_t len;

		if (what->group >= pairs || pair[0] == PCRE2_UNSET)
			continue;
		while (c < s->captures + s->capture_count && c->what != what)
			c++;
		len = pair[1] - pair[0] < CAPTURE_MAX ? (uint32_t)(pair[1] - pair[0]) : CAPTURE_MAX;
		if (c == s->captures + CAPTURES_MAX || len > CAPTURE_TEXT_MAX - s->text_used)
			continue;
		*c = (struct chain_capture){what, s->text + s->text_used, len};
		memcpy(s->text + s->text_used, data + pair[0], len);
		s->text_used += len;
		if (c == s->captures + s->capture_count)
			s->capture_count++;
	}
}

static enum outcome pcre_run(struct run *r, const struct check *check, struct frame *f)
{
	const struct match_pcre *m = &check->match->u.pcre;
	uint32_t base = m->flags & PCRE_RELATIVE ? f->base : 0;
	uint32_t start = f->pcre_start > base ? f->pcre_start - base : 0;
	uint32_t len = r->in->len - base;
	PCRE2_SIZE *at;
	int rc;

	if (start > len)
		return m->flags & PCRE_NEGATED ? HIT : MISS;
	rc = pcre2_match(check->code, r->in->data + base, len, start, 0, r->scratch->match_data,
			 r->scratch->match_context);
	if (rc == PCRE2_ERROR_NOMATCH)
		return m->flags & PCRE_NEGATED ? HIT : MISS;
	if (rc < 0) {
		r->scratch->pcre_limits++;
		return MISS;
	}
	if (m->flags & PCRE_NEGATED)
		return MISS;
	at = pcre2_get_ovector_pointer(r->scratch->match_data);
	if (m->capture_count)
		captures_note(r->scratch, m, r->in->data + base, at, rc ? (uint32_t)rc : MATCH_PAIRS);
	r->pointer = base + (uint32_t)at[1];
	f->pcre_start = base + (uint32_t)at[0] + 1;
	return HIT;
}

static enum outcome isdataat_run(const struct run *r, const struct match_isdataat *m)
{
	int64_t at = number_of(&m->at, r);
	bool there;

	if (m->relative)
		there = (int64_t)r->pointer + at <= (int64_t)r->in->len;
	else
		there = at < (int64_t)r->in->len;
	return there != m->negated ? HIT : MISS;
}

/* bsize: on a buffer that still grows the answer may be open, or already no for good. */
static enum outcome size_run(const struct run *r, const struct check *check)
{
	const struct number_test *t = &check->match->u.number;
	uint64_t size = r->in->offset + r->in->len;

	if (!check->waits_for_end)
		return number_test_holds(t, size) ? HIT : MISS;
	if (r->in->end)
		return number_test_holds(t, size) ? HIT : NEVER;
	switch ((enum number_op)t->op) {
	case NUMBER_GREATER:
	case NUMBER_GREATER_EQUAL:
		return number_test_holds(t, size) ? HIT : MISS;
	case NUMBER_EQUAL:
	case NUMBER_LESS_EQUAL:
		return size > t->low ? NEVER : MISS;
	case NUMBER_LESS:
		return size >= t->low ? NEVER : MISS;
	case NUMBER_BETWEEN:
		return size >= t->high ? NEVER : MISS;
	default:
		return MISS;
	}
}

static enum outcome base64_check(struct run *r, const struct chain *chain, const struct check *check)
{
	const struct byte_input in = {r->in->data, r->in->len, r->pointer, r->scratch->values,
				      r->scratch->dce_big};
	struct chain_input decoded = {.data = r->scratch->base64, .end = true};

	decoded.len = base64_run(&check->match->u.base64, &in, r->scratch->base64, BASE64_MAX);
	if (!decoded.len)
		return MISS;
	if (!chain->base64)
		return HIT;
	return run_nested(r->scratch, chain->base64, &decoded) == CHAIN_YES ? HIT : MISS;
}

/* What it is is told of the flow, whether the rule matches or not. */
static enum outcome entropy_check(struct run *r, const struct match_entropy *m)
{
	struct chain_scratch *s = r->scratch;
	unsigned i = 0;
	double value;
	bool holds = entropy_run(m, r->in->data, r->in->len, &value);

	while (i < s->entropy_count && strcmp(s->entropies[i].buffer, m->buffer) != 0)
		i++;
	if (value >= 0 && i < ENTROPIES_MAX) {
		s->entropies[i] = (struct chain_entropy){m->buffer, value};
		s->entropy_count += i == s->entropy_count;
	}
	return holds ? HIT : MISS;
}

static enum outcome check_run(struct run *r, const struct chain *chain, const struct check *check,
			      struct frame *f)
{
	const struct byte_input in = {r->in->data, r->in->len, f->base, r->scratch->values,
				      r->scratch->dce_big};
	const struct match_byte *m = &check->match->u.byte;

	switch ((enum check_kind)check->kind) {
	case CHECK_CONTENT:
		return content_run(r, check, f);
	case CHECK_PCRE:
		return pcre_run(r, check, f);
	case CHECK_ISDATAAT:
		return isdataat_run(r, &check->match->u.isdataat);
	case CHECK_BYTE_TEST:
		return byte_test_run(m, &in) ? HIT : MISS;
	case CHECK_BYTE_JUMP:
		return byte_jump_run(m, &in, &r->pointer) ? HIT : MISS;
	case CHECK_BYTE_EXTRACT:
		return byte_extract_run(m, &in, &r->pointer) ? HIT : MISS;
	case CHECK_BYTE_MATH:
		return byte_math_run(m, &in, &r->pointer) ? HIT : MISS;
	case CHECK_SIZE:
		return size_run(r, check);
	case CHECK_BASE64:
		return base64_check(r, chain, check);
	case CHECK_DATASET:
		return dataset_run(r->scratch, &check->match->u.dataset, r->in->data, r->in->len) ? HIT : MISS;
	case CHECK_ASN1:
		return asn1_run(&check->match->u.asn1, r->in->data, r->in->len, r->pointer) ? HIT : STOP;
	case CHECK_ENTROPY:
		return entropy_check(r, &check->match->u.entropy);
	case CHECK_DATAREP:
		return datarep_run(&check->match->u.datarep, r->in->data, r->in->len) ? HIT : MISS;
	}
	return MISS;
}

/* The next earlier condition that may be tried again; -1 when there is none. */
static int retry_from(const struct chain *chain, int at)
{
	while (--at >= 0) {
		const struct check *c = &chain->checks[at];

		if (c->kind == CHECK_PCRE && c->retry && !(c->match->u.pcre.flags & PCRE_NEGATED))
			return at;
		if (c->kind == CHECK_CONTENT && !(c->match->u.content.flags & CONTENT_NEGATED))
			return c->retry ? at : -1;
	}
	return -1;
}

#ifdef CHAIN_EXPLAIN
/* The failure farthest down the chain; of several at one condition the first. */
static void progress_note(const struct run *r, const struct chain *chain, uint32_t at,
			  const struct frame *f)
{
	const struct check *check = &chain->checks[at];
	struct chain_progress *progress = r->progress;
	struct frame first = *f;

	if (!progress || (progress->check != UINT32_MAX && at <= progress->check))
		return;
	*progress = (struct chain_progress){.check = at, .pointer = f->base, .from = 1, .to = 0};
	first.resume = 0;
	if (check->kind == CHECK_CONTENT &&
	    !content_window(r, &check->match->u.content, &first, &progress->from, &progress->to)) {
		progress->from = 1;
		progress->to = 0;
	}
}
#endif

static enum chain_result chain_walk(struct run *r, const struct chain *chain)
{
	int i = 0, count = (int)chain->count;
	bool entering = true;

	while (i < count) {
		struct frame *f = &r->frames[i];
		enum outcome outcome;

		if (++r->steps > CHAIN_STEPS_MAX)
			return CHAIN_NO;
		if (entering)
			*f = (struct frame){.base = r->pointer};
		else
			r->pointer = f->base;
		outcome = check_run(r, chain, &chain->checks[i], f);
		if (outcome == HIT) {
			i++;
			entering = true;
			continue;
		}
#ifdef CHAIN_EXPLAIN
		progress_note(r, chain, (uint32_t)i, f);
#endif
		if (outcome != MISS)
			return outcome == NEVER ? CHAIN_NEVER : CHAIN_NO;
		i = retry_from(chain, i);
		if (i < 0)
			return CHAIN_NO;
		entering = false;
	}
	return CHAIN_YES;
}

/* base64_data holds no base64_decode of its own: this goes one level deep. */
static enum chain_result run_nested(struct chain_scratch *s, const struct chain *chain,
				    const struct chain_input *in)
{
	struct run r = {.scratch = s, .in = in};

	return chain_walk(&r, chain);
}

#ifdef CHAIN_EXPLAIN
enum chain_result chain_explain(struct chain_scratch *s, const struct chain *chain,
				const struct chain_input *in, struct chain_progress *progress)
{
	struct run r = {.scratch = s, .in = in, .progress = progress};
	enum chain_result result;

	progress->check = UINT32_MAX;
	result = chain_walk(&r, chain);
	if (result == CHAIN_YES || progress->check == UINT32_MAX)
		progress->check = chain->count;
	return result;
}

bool chain_places(struct chain_scratch *s, const struct chain *chain, const struct chain_input *in, uint32_t *ends)
{
	struct run r = {.scratch = s, .in = in};

	if (chain_walk(&r, chain) != CHAIN_YES)
		return false;
	for (uint32_t i = 0; i < chain->count; i++)
		ends[i] = i + 1 < chain->count ? r.frames[i + 1].base : r.pointer;
	return true;
}
#else
enum chain_result chain_run(struct chain_scratch *s, const struct chain *chain,
			    const struct chain_input *in)
{
	struct run r;

	r.scratch = s;
	r.in = in;
	r.pointer = 0;
	r.steps = 0;
	return chain_walk(&r, chain);
}

void chain_rule_begin(struct chain_scratch *s)
{
	s->context_count = s->capture_count = 0;
	s->text_used = s->text_kept;
}

void chain_rule_keep(struct chain_scratch *s)
{
	s->text_kept = s->text_used;
}

void chain_packet_begin(struct chain_scratch *s)
{
	s->text_kept = 0;
	s->entropy_count = 0;
	chain_rule_begin(s);
}

int chain_scratch_init(struct chain_scratch *s)
{
	s->match_data = pcre2_match_data_create(MATCH_PAIRS, NULL);
	s->match_context = pcre2_match_context_create(NULL);
	if (!s->match_data || !s->match_context) {
		chain_scratch_fini(s);
		return -1;
	}
	pcre2_set_match_limit(s->match_context, PCRE_MATCH_LIMIT);
	pcre2_set_depth_limit(s->match_context, PCRE_DEPTH_LIMIT);
	return 0;
}

void chain_scratch_fini(struct chain_scratch *s)
{
	pcre2_match_data_free(s->match_data);
	pcre2_match_context_free(s->match_context);
	s->match_data = NULL;
	s->match_context = NULL;
}
#endif

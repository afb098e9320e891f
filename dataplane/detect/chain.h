/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The conditions on one buffer as they are executed: contents, expressions, numbers read from the
 * bytes, in the order of the rule, with a pointer that each match may move. Compiled once
 * (chain_compile.c), run by the workers (chain.c).
 *
 * Retries are the reference's: when a condition fails, the content before it is looked for again
 * further on only if the next relative condition says so (within, isdataat, byte_*, pcre /R); an
 * expression always, when something relative follows it. A failed content that is not relative ends
 * the whole chain. Work is bounded by CHAIN_STEPS_MAX.
 */
#ifndef DETECT_CHAIN_H
#define DETECT_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/detect/expression.h"
#include "rules/lists/list.h"
#include "rules/rule.h"

struct arena; /* rules/arena.h */

#define CHAIN_CHECKS_MAX 128
#define CHAIN_STEPS_MAX 3000  /* the reference's recursion limit */
#define BASE64_MAX 65535
#define CONTEXTS_MAX 4        /* of an alert; further ones are left out */
#define ENTROPIES_MAX 8      /* buffers of one packet of which it is told */
#define CAPTURES_MAX 16       /* of a rule */
#define CAPTURE_TEXT_MAX 8192 /* bytes captured on one packet; what does not fit is left out */
#define CAPTURE_MAX 1024      /* bytes of one; more are cut off */
#define PCRE_MATCH_LIMIT 3500
#define PCRE_DEPTH_LIMIT 1500

enum check_kind {
	CHECK_CONTENT,
	CHECK_PCRE,
	CHECK_ISDATAAT,
	CHECK_BYTE_TEST,
	CHECK_BYTE_JUMP,
	CHECK_BYTE_EXTRACT,
	CHECK_BYTE_MATH,
	CHECK_SIZE,      /* bsize, urilen */
	CHECK_BASE64,    /* decodes; the rest of its work is chain.base64 */
	CHECK_DATASET,
	CHECK_DATAREP,
	CHECK_ENTROPY,
	CHECK_ASN1,
};

/* What is looked for. */
struct needle {
	const uint8_t *pattern; /* folded when nocase */
	uint32_t len;
	uint8_t rare[2];   /* places of its two rarest bytes */
	bool nocase;
};

struct check {
	uint8_t kind;      /* enum check_kind */
	bool retry;        /* look for it again when what follows fails */
	bool waits_for_end; /* SIZE: bsize, whose answer may need the whole buffer */
	const struct match *match;
	struct needle needle; /* CONTENT */
	const pcre2_code *code; /* PCRE; borrowed from the program's expressions */
};

/* One block with all that its checks point to, base64 left aside. */
struct chain {
	struct check *checks;
	uint32_t count;
	uint32_t reach;          /* bytes before the new ones that a match with new bytes can need,
				  * when nothing looks at absolute places; 0: not known */
	const struct needle *must; /* a content without which it cannot match; NULL: there is none */
	bool absent;             /* holds when the buffer is not there … */
	bool or_else;            /* … or when the checks hold */
	bool changes;            /* a list: to be run when all else holds */
	bool replaces;           /* contents, by replace.c when the rule has matched */
	struct chain *base64;    /* conditions on what base64_decode decodes */
};

/* What the list says of a value that was found in it: a member of the alert's context. */
struct chain_context {
	const char *key;
	const uint8_t *data;
	uint32_t len;
	bool json; /* an object; a text otherwise */
};

/* What an expression captured. */
struct chain_capture {
	const struct match_capture *what;
	const uint8_t *data; /* in scratch.text */
	uint32_t len;
};

/* What a worker needs to run chains. */
struct chain_scratch {
	pcre2_match_data *match_data;
	pcre2_match_context *match_context;
	uint8_t base64[BASE64_MAX + 1];
	uint64_t values[RULE_VARIABLES_MAX];
	uint64_t pcre_limits; /* runs that were stopped at a limit */
	uint64_t lists_full;  /* values that found no room */
	/* Of the packet in hand: what entropy was, the last of each buffer. */
	struct chain_entropy {
		const char *buffer; /* borrowed from the rule */
		double value;
	} entropies[ENTROPIES_MAX];
	unsigned entropy_count;
	/* Of the rule in hand; whoever runs its chains begins with none. */
	struct chain_context contexts[CONTEXTS_MAX];
	unsigned context_count;
	struct chain_capture captures[CAPTURES_MAX];
	unsigned capture_count;
	/* The captured bytes of the packet in hand; those before text_kept belong to rules that matched. */
	uint8_t text[CAPTURE_TEXT_MAX];
	uint32_t text_used, text_kept;
	bool dce_big;         /* numbers of the call in hand are big-endian */
};

struct chain_input {
	const uint8_t *data;
	uint32_t len;
	uint64_t offset; /* of data[0], when earlier bytes of the buffer are not shown */
	bool end;        /* nothing will be added */
};

enum chain_result {
	CHAIN_NO,
	CHAIN_YES,
	CHAIN_NEVER,     /* no, whatever may be added to the buffer */
};

/* In the arena; NULL and a sentence in error. What the rule's matches point to is borrowed, base64
 * (conditions on base64_data, or NULL) too, and so are the expressions (all: those of the program, which
 * must live as long). */
struct chain *chain_compile(const struct rule_buffer *buffer, const struct rule_buffer *base64, struct arena *arena,
			    struct expressions *all, char *error, size_t error_size);

int chain_scratch_init(struct chain_scratch *s);
void chain_scratch_fini(struct chain_scratch *s);

/* Before the chains of a rule; when it has matched; before those of a packet. */
void chain_rule_begin(struct chain_scratch *s);
void chain_rule_keep(struct chain_scratch *s);
void chain_packet_begin(struct chain_scratch *s);

enum chain_result chain_run(struct chain_scratch *s, const struct chain *chain,
			    const struct chain_input *in);

/* Where a chain failed that got as far as it could. */
struct chain_progress {
	uint32_t check;   /* the condition that did not hold; chain.count: all held */
	uint32_t pointer; /* when it was entered */
	int64_t from, to; /* CONTENT: the bytes in which it may stand; from > to: there are none */
};

/* As chain_run; slower, and fills *progress. */
enum chain_result chain_explain(struct chain_scratch *s, const struct chain *chain,
				const struct chain_input *in, struct chain_progress *progress);

/* As slow: where each condition's match ended, chain.count of them. False: it does not match. */
bool chain_places(struct chain_scratch *s, const struct chain *chain, const struct chain_input *in, uint32_t *ends);

/* ---- chain_bytes.c: numbers out of bytes; pointer is where the last match ended ---- */

struct byte_input {
	const uint8_t *data;
	uint32_t len;
	uint32_t pointer;
	uint64_t *values; /* variables */
	bool dce_big;     /* what `dce` stands for */
};

bool byte_test_run(const struct match_byte *m, const struct byte_input *in);
/* True and the new pointer. */
bool byte_jump_run(const struct match_byte *m, const struct byte_input *in, uint32_t *pointer);
bool byte_extract_run(const struct match_byte *m, const struct byte_input *in, uint32_t *pointer);
bool byte_math_run(const struct match_byte *m, const struct byte_input *in, uint32_t *pointer);
/* Up to out_size bytes, as far as there are digits; skip: bytes that are none, but not '=', are passed
 * over. Returns how many. */
uint32_t base64_decode(const uint8_t *data, uint32_t len, bool skip, uint8_t *out, uint32_t out_size);
/* Up to out_size bytes decoded of what stands there; 0: nothing. */
uint32_t base64_run(const struct match_base64 *m, const struct byte_input *in, uint8_t *out,
		    uint32_t out_size);
bool number_test_holds(const struct number_test *t, uint64_t v);

/* ---- asn1.c ---- */

bool asn1_run(const struct match_asn1 *m, const uint8_t *data, uint32_t len, uint32_t pointer);

/* ---- entropy.c ---- */

/* out: bits a byte; below 0: there are no such bytes. */
bool entropy_run(const struct match_entropy *m, const uint8_t *data, uint32_t len, double *out);

/* ---- chain_list.c: the whole buffer in a list ---- */

bool dataset_run(struct chain_scratch *s, const struct match_dataset *m, const uint8_t *data, uint32_t len);
bool datarep_run(const struct match_datarep *m, const uint8_t *data, uint32_t len);

/* ---- search.c ---- */

/* The pattern is borrowed; nocase: its letters are small ones. */
struct needle needle_make(const uint8_t *pattern, uint32_t len, bool nocase);
/* Its first place in data; NULL: none. */
const uint8_t *needle_find(const struct needle *n, const uint8_t *data, size_t len);

static inline uint8_t fold_byte(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

#endif

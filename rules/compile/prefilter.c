/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The literal by which a rule is found. Any content that must be there for the rule to match would
 * be right; the choice is about speed alone: rare, long, varied bytes in a buffer that is short or
 * seldom there. The author's fast_pattern is followed. Runs when a rule set is loaded.
 */
#include "rules/compile/groups.h"

#include <ctype.h>
#include <string.h>

/* Longest literal given to Hyperscan; of a longer content its rarest part of this length. More would
 * not make it rarer, and Hyperscan 5.4.0 misses some long literals of repeated bytes. */
#define LITERAL_MAX 24
#define CONTENT_MAX 256 /* of longer contents the first part is looked at */

/* Texts that are in most messages of the protocols we see: their bytes tell next to nothing. */
static const char *const common_texts[] = {
	"http://", "https://", "http/1.", "get ",        "post ",      "www.",     ".com",
	".php",    ".exe",     ".html",   ".asp",        "index",      "mozilla",  "user-agent",
	"host",    "accept",   "content", "content-type", "text/html", "application/", "windows nt",
	"gecko",   "compatible", "msie",  "connection",  "keep-alive", "referer",  "cookie",
	"charset", "<script",  "<html",   "</",          "=\"",        "javascript", "function",
	"200 ok",  "/images/", "length: ", "type: ",     "\r\n\r\n",   "?id=",     "&id=",
	"multipart/form-data", "form-data", "document.", "this program", "cn=",    "o=",
};

#define COMMON_TEXTS (sizeof(common_texts) / sizeof(*common_texts))

/* What one byte tells, in quarter bits, folded to lower case. */
static unsigned byte_worth(uint8_t c)
{
	if (c == 0)
		return 4;
	if (c == ' ' || c == 'e' || c == 't' || c == 'a' || c == 'o' || c == 'i' || c == 'n')
		return 12;
	if (c == 0xff || c == '\r' || c == '\n' || c == '/' || c == '.' || c == '=' || c == ':')
		return 12;
	if (islower(c) || isdigit(c))
		return 17;
	if (c < 0x80)
		return 20;
	return 26;
}

/* By first byte: the first such text + 1, and by text the next one + 1. Filled before main runs. */
static uint8_t common_first[256], common_next[COMMON_TEXTS];

__attribute__((constructor)) static void common_index(void)
{
	for (size_t i = COMMON_TEXTS; i-- > 0;) {
		uint8_t *first = &common_first[(uint8_t)*common_texts[i]];

		common_next[i] = *first;
		*first = (uint8_t)(i + 1);
	}
}

/* Marks bytes that belong to a common text. */
static void common_mark(const uint8_t *folded, uint32_t len, bool *common)
{
	for (uint32_t at = 0; at < len; at++)
		for (uint8_t i = common_first[folded[at]]; i; i = common_next[i - 1]) {
			const char *text = common_texts[i - 1];
			size_t n = strlen(text);

			if (n <= len - at && memcmp(folded + at, text, n) == 0)
				memset(common + at, 1, n);
		}
}

/* Zero and space are one where letters of both cases are. */
unsigned group_bytes_worth(const uint8_t *folded, uint32_t len)
{
	unsigned worth = 0;

	for (uint32_t i = 0; i < len; i++)
		worth += byte_worth(folded[i] == ' ' ? 0 : folded[i]) / (i > 0 && folded[i] == folded[i - 1] ? 2 : 1);
	return worth;
}

static unsigned literal_score(const struct bytes *b)
{
	uint8_t folded[LITERAL_MAX];
	bool common[LITERAL_MAX] = {false}, seen[256] = {false};
	uint32_t len = b->len < LITERAL_MAX ? b->len : LITERAL_MAX;
	unsigned score = 0;

	for (uint32_t i = 0; i < len; i++)
		folded[i] = (uint8_t)tolower(b->data[i]);
	common_mark(folded, len, common);
	for (uint32_t i = 0; i < len; i++) {
		unsigned worth = byte_worth(folded[i]);

		if (common[i])
			worth /= 5;
		if (seen[folded[i]])
			worth /= 2;
		if (i > 0 && folded[i] == folded[i - 1])
			worth /= 2;
		seen[folded[i]] = true;
		score += worth;
	}
	return score;
}

/* The window of LITERAL_MAX bytes that tells most. */
static uint32_t window_best(const struct bytes *b)
{
	uint8_t folded[CONTENT_MAX];
	bool common[CONTENT_MAX] = {false};
	unsigned worth[CONTENT_MAX], sum = 0, best_sum = 0;
	uint32_t len = b->len < CONTENT_MAX ? b->len : CONTENT_MAX, best = 0;

	for (uint32_t i = 0; i < len; i++)
		folded[i] = (uint8_t)tolower(b->data[i]);
	common_mark(folded, len, common);
	for (uint32_t i = 0; i < len; i++) {
		worth[i] = byte_worth(folded[i]) / (common[i] ? 5 : 1);
		if (i > 0 && folded[i] == folded[i - 1])
			worth[i] /= 2;
		sum += worth[i];
		if (i >= LITERAL_MAX)
			sum -= worth[i - LITERAL_MAX];
		if (i + 1 >= LITERAL_MAX && sum > best_sum) {
			best_sum = sum;
			best = i + 1 - LITERAL_MAX;
		}
	}
	return best;
}

static struct bytes literal_of(const struct match_content *c)
{
	struct bytes b = c->pattern;

	if ((c->flags & CONTENT_FAST_CHOP) && c->chop_length &&
	    (uint32_t)c->chop_offset + c->chop_length <= b.len) {
		b.data += c->chop_offset;
		b.len = c->chop_length;
	}
	if (b.len > LITERAL_MAX) {
		b.data += window_best(&b);
		b.len = LITERAL_MAX;
	}
	return b;
}

/* Buffers in which literals are told apart badly, or that are long. */
static unsigned buffer_weight(const struct rule_buffer *b)
{
	static const char *const poor[] = {"http.method", "http.stat_code", "http.stat_msg",
					   "http.protocol", "http.connection", "http.accept_enc"};

	for (size_t i = 0; i < sizeof(poor) / sizeof(*poor); i++)
		if (strcmp(b->name, poor[i]) == 0)
			return 1;
	if (strcmp(b->name, "http.header") == 0 || strcmp(b->name, "http.header_names") == 0 ||
	    strcmp(b->name, "http.start") == 0 || strcmp(b->name, "http.header.raw") == 0)
		return 6;
	return 8;
}

static bool buffer_usable(const struct rule *rule, const struct rule_buffer *b)
{
	if (strcmp(b->name, "base64_data") == 0)
		return false;
	/* Payload of a rule on transactions is looked at when the transaction is. */
	if ((rule->flags & RULE_HAS_APP) && strcmp(b->name, "payload") == 0)
		return false;
	/* "absent" makes a buffer that need not be there. */
	for (uint32_t i = 0; i < b->match_count; i++)
		if (b->matches[i].keyword == KEYWORD_absent)
			return false;
	/* Headers of packets are not scanned. */
	if (b->keyword == KEYWORD_ipv4_hdr || b->keyword == KEYWORD_ipv6_hdr ||
	    b->keyword == KEYWORD_tcp_hdr || b->keyword == KEYWORD_udp_hdr ||
	    b->keyword == KEYWORD_icmpv4_hdr || b->keyword == KEYWORD_icmpv6_hdr ||
	    b->keyword == KEYWORD_ip_src || b->keyword == KEYWORD_ip_dst)
		return false;
	return true;
}

size_t group_prefilter_list(const struct rule *rule, struct group_prefilter_score *out, size_t max)
{
	size_t n = 0;

	for (uint32_t i = 0; i < rule->buffer_count; i++) {
		const struct rule_buffer *b = &rule->buffers[i];

		for (uint32_t k = 0; buffer_usable(rule, b) && k < b->match_count; k++) {
			const struct match_content *c = &b->matches[k].u.content;
			struct bytes literal;
			bool given;

			if (n == max || b->matches[k].keyword != KEYWORD_content ||
			    (c->flags & CONTENT_NEGATED) || c->pattern.len == 0)
				continue;
			literal = literal_of(c);
			given = c->flags & (CONTENT_FAST_PATTERN | CONTENT_FAST_ONLY | CONTENT_FAST_CHOP);
			out[n++] = (struct group_prefilter_score){
				{b, c, literal}, literal_score(&literal), buffer_weight(b), given};
		}
	}
	return n;
}

unsigned group_prefilter_worth(const struct group_prefilter_score *s)
{
	return s->literal_score * s->buffer_weight + 1 + (s->given ? 1u << 24 : 0);
}

struct group_prefilter group_prefilter_choose(const struct rule *rule)
{
	struct group_prefilter_score list[PREFILTER_LIST_MAX];
	size_t count = group_prefilter_list(rule, list, PREFILTER_LIST_MAX);
	struct group_prefilter best = {NULL, NULL, {NULL, 0}};
	unsigned best_worth = 0;

	for (size_t i = 0; i < count; i++)
		if (group_prefilter_worth(&list[i]) > best_worth) {
			best_worth = group_prefilter_worth(&list[i]);
			best = list[i].prefilter;
		}
	return best;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a rule file: the reader's joining of lines, then each rule. What loads must hold
 * together; what does not must name a place inside the rule and a reason. Changes follow the grammar
 * three times out of four (mutator.c).
 */
#include <stdlib.h>
#include <string.h>

#include "rules/language/order.h"
#include "rules/language/reader.h"
#include "tests/support/rule_reader.h"

static void must(bool what)
{
	if (!what)
		abort();
}

static void check_set(const struct rule *r)
{
	must(r->src.count && r->dst.count && r->sport.count && r->dport.count);
	for (uint32_t i = 1; i < r->src.count; i++)
		must(r->src.ranges[i - 1].ip_version <= r->src.ranges[i].ip_version);
	for (uint32_t i = 1; i < r->sport.count; i++)
		must(r->sport.ranges[i - 1].high < r->sport.ranges[i].low);
}

static void check_variable(const struct rule *r, const struct rule_number *n)
{
	must(n->variable >= -1 && n->variable < (int)r->variable_count);
}

static void check_buffer(const struct rule *r, const struct rule_buffer *b)
{
	must(b->name && b->match_count && b->keyword < KEYWORD_COUNT);
	must(b->transform_count <= RULE_TRANSFORMS_MAX);
	for (uint32_t i = 0; i < b->match_count; i++) {
		const struct match *m = &b->matches[i];

		must(m->keyword < KEYWORD_COUNT);
		if (m->keyword == KEYWORD_content) {
			must(m->u.content.pattern.len && m->u.content.pattern.data);
			must((uint32_t)m->u.content.chop_offset + m->u.content.chop_length <=
			     m->u.content.pattern.len);
			check_variable(r, &m->u.content.offset);
			check_variable(r, &m->u.content.depth);
			check_variable(r, &m->u.content.distance);
			check_variable(r, &m->u.content.within);
		}
		if (m->keyword == KEYWORD_pcre)
			must(strlen(m->u.pcre.pattern) <= m->u.pcre.pattern_len);
	}
}

static void check_rule(const struct rule *r)
{
	must(r->sid && r->priority && r->msg && r->category && r->text);
	check_set(r);
	for (uint32_t i = 0; i < r->buffer_count; i++)
		check_buffer(r, &r->buffers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rule_reader *r;
	static unsigned runs;
	struct reader reader;
	struct rule *rules[64];
	size_t count = 0;

	if (runs++ % 256 == 0) {
		if (r)
			rule_reader_free(r);
		r = rule_reader_new();
	}
	if (reader_open_memory(&reader, (const char *)data, size))
		abort();
	while (reader_next(&reader) && count < 64) {
		const struct rule *rule;
		uint32_t line, column;

		r->language.firewall = reader.len % 2;
		rule = rule_reader_read(r, reader.text, reader.len);
		if (rule) {
			check_rule(rule);
			rules[count++] = (struct rule *)rule;
			continue;
		}
		if (r->draft.skip && !r->draft.problem_at)
			continue;
		must(r->draft.problem_at >= r->draft.text &&
		     r->draft.problem_at <= r->draft.text_end);
		must(r->draft.reason[0]);
		reader_place(&reader, (size_t)(r->draft.problem_at - r->draft.text), &line,
			     &column);
		must(line && column);
	}
	if (rules_order(rules, count, NULL))
		abort();
	reader_close(&reader);
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One rule against one record.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/behaviour/sigma_private.h"

#define RECORD_DEPTH_MAX 32 /* of a record, for keywords */

/* ---- texts ---- */

static inline uint8_t fold(uint8_t c, bool cased)
{
	return !cased && c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool equal(const uint8_t *text, const uint8_t *want, size_t len, bool cased)
{
	for (size_t i = 0; i < len; i++)
		if (fold(text[i], cased) != want[i])
			return false;
	return true;
}

static bool contains(const uint8_t *text, size_t len, const struct sigma_pattern *p)
{
	uint8_t first, other;

	if (!p->len)
		return true;
	if (len < p->len)
		return false;
	first = p->text[0];
	other = !p->cased && islower(first) ? (uint8_t)(first & ~0x20) : first;
	for (size_t i = 0; i + p->len <= len; i++)
		if ((text[i] == first || text[i] == other) &&
		    equal(text + i + 1, p->text + 1, p->len - 1, p->cased))
			return true;
	return false;
}

/* Bytes of the character at text. */
static size_t character(const uint8_t *text, size_t len)
{
	size_t n = 1;

	while (n < len && n < 4 && text[0] >= 0xc0 && (text[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* The last run of anything is made longer when what follows it does not fit: no more than length
 * of the text times length of the pattern steps. */
static bool glob(const uint8_t *text, size_t len, const struct sigma_pattern *p)
{
	size_t t = 0, retry_t = 0;
	uint32_t i = 0, retry = UINT32_MAX;

	while (t < len || i < p->len) {
		if (i < p->len && p->glob[i] == GLOB_MANY) {
			retry = ++i;
			retry_t = t;
			continue;
		}
		if (i < p->len && t < len) {
			if (p->glob[i] == GLOB_ONE) {
				t += character(text + t, len - t);
				i++;
				continue;
			}
			if (fold(text[t], p->cased) == p->glob[i]) {
				t++;
				i++;
				continue;
			}
		}
		if (retry == UINT32_MAX || retry_t >= len)
			return false;
		t = ++retry_t;
		i = retry;
	}
	return true;
}

static bool regex(const uint8_t *text, size_t len, const struct sigma_pattern *p)
{
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int n = PCRE2_ERROR_NOMEMORY;

	if (limits && data) {
		pcre2_set_match_limit(limits, REGEX_MATCH_LIMIT);
		pcre2_set_depth_limit(limits, REGEX_DEPTH_LIMIT);
		pcre2_set_heap_limit(limits, REGEX_HEAP_KIB);
		n = pcre2_match(p->regex, text, len, 0, 0, data, limits);
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(limits);
	if (n < 0 && n != PCRE2_ERROR_NOMATCH)
		atomic_fetch_add_explicit(p->gave_up, 1, memory_order_relaxed);
	return n >= 0;
}

static bool in_network(const void *text, size_t len, const struct addr_prefix *cidr)
{
	char word[ADDR_TEXT_MAX];
	struct addr a;
	int version;

	if (len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	version = addr_parse(word, &a);
	return version && addr_prefix_covers(cidr, &a, version);
}

static bool compares(const void *text, size_t len, const struct sigma_pattern *p)
{
	char word[64], *end;
	double v;

	if (!len || len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	v = strtod(word, &end);
	if (*end)
		return false;
	return p->kind == PATTERN_LESS         ? v < p->number
	       : p->kind == PATTERN_LESS_EQUAL ? v <= p->number
	       : p->kind == PATTERN_GREATER    ? v > p->number
					       : v >= p->number;
}

bool pattern_match(const struct sigma_pattern *p, const void *bytes, size_t len)
{
	const uint8_t *text = bytes;

	switch (p->kind) {
	case PATTERN_EXACT:
		return len == p->len && equal(text, p->text, len, p->cased);
	case PATTERN_PREFIX:
		return len >= p->len && equal(text, p->text, p->len, p->cased);
	case PATTERN_SUFFIX:
		return len >= p->len && equal(text + len - p->len, p->text, p->len, p->cased);
	case PATTERN_CONTAINS:
		return contains(text, len, p);
	case PATTERN_GLOB:
		return glob(text, len, p);
	case PATTERN_REGEX:
		return regex(text, len, p);
	case PATTERN_CIDR:
		return in_network(text, len, &p->cidr);
	case PATTERN_LESS:
	case PATTERN_LESS_EQUAL:
	case PATTERN_GREATER:
	case PATTERN_GREATER_EQUAL:
		return compares(text, len, p);
	case PATTERN_NULL:
	case PATTERN_EXISTS:
	case PATTERN_NOT_EXISTS:
	case PATTERN_FIELD:
		break; /* no matter of one text */
	}
	return false;
}

const char *value_text(const json_t *v, char room[32], size_t *len)
{
	if (json_is_string(v)) {
		*len = json_string_length(v);
		return json_string_value(v);
	}
	if (json_is_integer(v))
		*len = (size_t)snprintf(room, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		*len = (size_t)snprintf(room, 32, "%.15g", json_real_value(v));
	else if (json_is_boolean(v))
		*len = (size_t)snprintf(room, 32, "%s", json_is_true(v) ? "true" : "false");
	else
		return NULL;
	return room;
}

/* ---- items ---- */

/* What an item looks at: the values of its field. */
struct looked_at {
	const json_t *value[FIELD_VALUES_MAX];
	uint32_t count;
};

static bool one_of(const struct sigma_pattern *p, const struct looked_at *l)
{
	char room[32];
	size_t len;

	for (uint32_t i = 0; i < l->count; i++) {
		const char *text = value_text(l->value[i], room, &len);

		if (text && pattern_match(p, text, len))
			return true;
	}
	return false;
}

/* Compares with the values of another field of the record: as if they had been written in the
 * rule. */
static bool matches_field(const struct sigma_pattern *p, const struct looked_at *l,
			  const json_t *event)
{
	const json_t *other[64];
	uint32_t count = field_values(p->other, event, other, 64);
	uint8_t folded[VALUE_BYTES_MAX];
	char room[32];
	size_t len;

	for (uint32_t i = 0; i < count; i++) {
		const char *text = value_text(other[i], room, &len);
		struct sigma_pattern as = {.kind = p->within, .cased = p->cased, .text = folded};

		if (!text || len > sizeof(folded))
			continue;
		for (size_t k = 0; k < len; k++)
			folded[k] = fold((uint8_t)text[k], p->cased);
		as.len = (uint32_t)len;
		if (one_of(&as, l))
			return true;
	}
	return false;
}

static bool is_null(const struct looked_at *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (!json_is_null(l->value[i]))
			return false;
	return true;
}

static bool form_matches(const struct sigma_pattern *p, const struct looked_at *l,
			 const json_t *event)
{
	if (p->kind == PATTERN_NULL)
		return is_null(l);
	if (p->kind == PATTERN_EXISTS)
		return l->count > 0;
	if (p->kind == PATTERN_NOT_EXISTS)
		return l->count == 0;
	if (p->kind == PATTERN_FIELD)
		return matches_field(p, l, event);
	return one_of(p, l);
}

/* All texts and numbers of a record, however deep. */
static void whole_record(const json_t *event, struct looked_at *l)
{
	struct {
		const json_t *node;
		void *member;
		size_t next;
	} stack[RECORD_DEPTH_MAX];
	uint32_t depth = 1;

	stack[0].node = event;
	stack[0].member = json_object_iter((json_t *)(uintptr_t)event);
	stack[0].next = 0;
	while (depth && l->count < FIELD_VALUES_MAX) {
		json_t *node = (json_t *)(uintptr_t)stack[depth - 1].node, *value = NULL;

		if (json_is_object(node) && stack[depth - 1].member) {
			value = json_object_iter_value(stack[depth - 1].member);
			stack[depth - 1].member =
				json_object_iter_next(node, stack[depth - 1].member);
		} else if (json_is_array(node)) {
			value = json_array_get(node, stack[depth - 1].next++);
		}
		if (!value) {
			depth--;
		} else if (!json_is_object(value) && !json_is_array(value)) {
			l->value[l->count++] = value;
		} else if (depth < RECORD_DEPTH_MAX) {
			stack[depth].node = value;
			stack[depth].member = json_object_iter(value);
			stack[depth++].next = 0;
		}
	}
}

static bool item_matches(const struct sigma_item *item, const json_t *event)
{
	struct looked_at l;
	bool result = item->all;

	l.count = 0;
	if (item->field->paths)
		l.count = field_values(item->field, event, l.value, FIELD_VALUES_MAX);
	else
		whole_record(event, &l);
	for (uint32_t i = 0; i < item->values; i++) {
		const struct sigma_value *v = &item->value[i];
		bool any = false;

		for (uint32_t k = 0; k < v->forms && !any; k++)
			any = form_matches(&v->form[k], &l, event);
		if (any != item->all) {
			result = any;
			break;
		}
	}
	return result != item->differs;
}

static bool selection_matches(const struct sigma_selection *s, const json_t *event)
{
	for (uint32_t g = 0; g < s->groups; g++) {
		bool all = true;

		for (uint32_t i = 0; i < s->group[g].items && all; i++)
			all = item_matches(&s->group[g].item[i], event);
		if (all)
			return true;
	}
	return false;
}

bool sigma_match(const struct sigma_rule *rule, const json_t *event)
{
	const struct sigma_program *p = rule->program;
	bool value = false;

	for (uint32_t i = 0; p && i < p->steps;) {
		const struct sigma_step *s = &p->step[i++];

		if (s->kind == STEP_TEST)
			value = selection_matches(&p->selection[s->n], event);
		else if (s->kind == STEP_NOT)
			value = !value;
		else if (value == (s->kind == STEP_SKIP_IF_TRUE))
			i = s->n;
	}
	return value;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STIX patterns (STIX 2.1, 9): comparison expressions with AND, OR, NOT and parentheses in
 * observations, which are joined by AND, OR and FOLLOWEDBY. A value that is bad by itself becomes a
 * term: alone, or in OR. What needs several things together cannot be looked up value by value and
 * becomes a term with a reason; but an address AND a port are one value, the hashes of one file
 * each stand for it, and a protocol or a file's name beside a value narrows nothing that matters.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/intel/feed_private.h"

enum token {
	T_END,
	T_OPEN,
	T_CLOSE,
	T_LEFT,
	T_RIGHT,
	T_WORD,
	T_STRING,
	T_OPERATOR,
	T_COMMA,
	T_BAD
};
enum part { PART_VALUE, PART_PORT, PART_DETAIL, PART_BAD };

struct parser {
	struct pattern *p;
	const char *at, *end;
	enum token token;
	struct slice text; /* of the token; of a string: inside its quotes */
	const char *reason;
	int err;
	unsigned depth;
};

#define TOGETHER "joins by AND what can only be looked for apart"

void pattern_free(struct pattern *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->terms[i].value);
	free(p->terms);
	*p = (struct pattern){0};
}

static void fail(struct parser *s, const char *reason)
{
	if (!s->err) {
		s->err = -EPROTO;
		s->reason = reason;
	}
	s->token = T_END;
}

static void next(struct parser *s)
{
	const char *start;

	while (s->at < s->end && isspace((unsigned char)*s->at))
		s->at++;
	start = s->at;
	s->token = T_END;
	if (s->at == s->end || s->err)
		return;
	switch (*s->at++) {
	case '[':
		s->token = T_OPEN;
		return;
	case ']':
		s->token = T_CLOSE;
		return;
	case '(':
		s->token = T_LEFT;
		return;
	case ')':
		s->token = T_RIGHT;
		return;
	case ',':
		s->token = T_COMMA;
		return;
	case '=':
		s->token = T_OPERATOR;
		break;
	case '!':
	case '<':
	case '>':
		s->token = T_OPERATOR;
		if (s->at < s->end && (*s->at == '=' || *s->at == '>'))
			s->at++;
		break;
	case '\'':
		for (; s->at < s->end && *s->at != '\''; s->at++)
			if (*s->at == '\\')
				s->at++;
		if (s->at >= s->end) {
			s->at = s->end;
			fail(s, "has a string that does not end");
			return;
		}
		s->token = T_STRING;
		s->text = (struct slice){start + 1, (size_t)(s->at++ - start - 1)};
		return;
	default:
		/* A path has quotes and brackets of its own: a:b.'c-d'.e[*].f */
		s->token = T_WORD;
		for (s->at = start; s->at < s->end; s->at++) {
			if (*s->at == '\'') {
				const char *q =
					memchr(s->at + 1, '\'', (size_t)(s->end - s->at - 1));

				if (!q || s->at == start)
					break;
				s->at = q;
			} else if (*s->at == '[' && s->at > start) {
				const char *q = memchr(s->at, ']', (size_t)(s->end - s->at));

				if (!q)
					break;
				s->at = q;
			} else if (isspace((unsigned char)*s->at) || strchr("=!<>(),]", *s->at)) {
				break;
			}
		}
		if (s->at == start) {
			s->at++;
			fail(s, "has a sign that belongs to no pattern");
			return;
		}
	}
	s->text = (struct slice){start, (size_t)(s->at - start)};
}

static bool is_word(const struct parser *s, const char *word)
{
	return s->token == T_WORD && slice_is(s->text, word);
}

static struct pattern_term *add(struct parser *s, enum part part, int kind, struct slice value)
{
	struct pattern *p = s->p;
	struct pattern_term *t;

	if (p->count == PATTERN_TERMS_MAX) {
		fail(s, "has too many values");
		return NULL;
	}
	if (p->count == p->room) {
		size_t room = p->room ? p->room * 2 : 4;

		t = realloc(p->terms, room * sizeof(*t));
		if (!t) {
			s->err = -ENOMEM;
			return NULL;
		}
		p->terms = t;
		p->room = room;
	}
	t = &p->terms[p->count];
	*t = (struct pattern_term){.kind = kind, .part = part, .value = malloc(value.len + 1)};
	if (!t->value) {
		s->err = -ENOMEM;
		return NULL;
	}
	p->count++;
	/* \' and \\ stand for what follows. */
	size_t n = 0;
	const char *b = value.data;

	for (size_t i = 0; i < value.len; i++) {
		if (b[i] == '\\' && i + 1 < value.len && part != PART_BAD)
			i++;
		t->value[n++] = b[i];
	}
	t->value[n] = '\0';
	return t;
}

static void add_bad(struct parser *s, const char *reason, struct slice item)
{
	struct pattern_term *t = add(s, PART_BAD, 0, item);

	if (t)
		t->reason = reason;
}

/* Takes the terms from a mark on out, and puts one with a reason in their place. */
static void spoil(struct parser *s, size_t from, const char *reason)
{
	struct pattern *p = s->p;
	char *value = p->count > from ? strdup(p->terms[from].value) : NULL;

	for (size_t i = from; i < p->count; i++)
		free(p->terms[i].value);
	p->count = from;
	add_bad(s, reason, slice_of(value));
	free(value);
}

/* ---- what a path means ---- */

static const struct path_row {
	const char *path; /* in lower case, without quotes */
	enum part part;
	int kind;
} paths[] = {
	{"domain-name:value", PART_VALUE, CONTACT_DOMAIN},
	{"domain-name:resolves_to_refs[*].value", PART_VALUE, 0},
	{"ipv4-addr:value", PART_VALUE, CONTACT_IP},
	{"ipv6-addr:value", PART_VALUE, CONTACT_IP},
	{"url:value", PART_VALUE, CONTACT_URL},
	{"file:hashes.md5", PART_VALUE, CONTACT_FILE_MD5},
	{"file:hashes.sha-1", PART_VALUE, CONTACT_FILE_SHA1},
	{"file:hashes.sha1", PART_VALUE, CONTACT_FILE_SHA1},
	{"file:hashes.sha-256", PART_VALUE, CONTACT_FILE_SHA256},
	{"file:hashes.sha256", PART_VALUE, CONTACT_FILE_SHA256},
	{"email-addr:value", PART_VALUE, CONTACT_EMAIL},
	{"email-message:from_ref.value", PART_VALUE, CONTACT_EMAIL},
	{"email-message:sender_ref.value", PART_VALUE, CONTACT_EMAIL},
	{"network-traffic:dst_ref.value", PART_VALUE, 0},
	{"network-traffic:dst_port", PART_PORT, 0},
	{"network-traffic:extensions.http-request-ext.request_header.user-agent", PART_VALUE,
	 CONTACT_USER_AGENT},
	{"x509-certificate:hashes.sha-1", PART_VALUE, CONTACT_CERT_SHA1},
	{"x509-certificate:hashes.sha1", PART_VALUE, CONTACT_CERT_SHA1},
	{"x509-certificate:hashes.sha-256", PART_VALUE, CONTACT_CERT_SHA256},
	{"x509-certificate:hashes.sha256", PART_VALUE, CONTACT_CERT_SHA256},
	{"file:name", PART_DETAIL, 0},
	{"file:size", PART_DETAIL, 0},
	{"file:hashes.sha-512", PART_DETAIL, 0},
	{"file:hashes.ssdeep", PART_DETAIL, 0},
	{"file:hashes.tlsh", PART_DETAIL, 0},
	{"network-traffic:protocols[*]", PART_DETAIL, 0},
};

static const struct path_row *path_of(struct slice text)
{
	char path[128];
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = ((const char *)text.data)[i];

		if (c == '\'')
			continue;
		if (n + 1 >= sizeof(path))
			return NULL;
		path[n++] = (char)tolower((unsigned char)c);
	}
	path[n] = '\0';
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (strcmp(paths[i].path, path) == 0)
			return &paths[i];
	return NULL;
}

/* ---- comparisons ---- */

static void add_value(struct parser *s, const struct path_row *row, struct slice item, bool like)
{
	struct pattern_term *t;
	char *v;

	if (!row) {
		add_bad(s, "asks for something that is not looked for", item);
		return;
	}
	t = add(s, row->part, row->kind, s->text);
	v = t ? t->value : NULL;
	if (!t || !like || row->part != PART_VALUE)
		return;
	/* LIKE '%.evil.com' is a domain and all below it. */
	if (row->kind == CONTACT_DOMAIN && v[0] == '%' && v[1] == '.') {
		memmove(v, v + 2, strlen(v + 2) + 1);
		t->below = true;
	}
	if (strpbrk(v, "%_") && (row->kind != CONTACT_DOMAIN || strchr(v, '%')))
		spoil(s, s->p->count - 1, "matches with wildcards");
}

static void read_set(struct parser *s, const struct path_row *row, struct slice item)
{
	next(s);
	if (s->token != T_LEFT) {
		fail(s, "has IN without a set");
		return;
	}
	for (next(s); !s->err && s->token != T_RIGHT; next(s)) {
		if (s->token == T_COMMA)
			continue;
		if (s->token != T_STRING && s->token != T_WORD) {
			fail(s, "has a set that does not end");
			return;
		}
		add_value(s, row, item, false);
	}
	next(s);
}

static void read_comparison(struct parser *s)
{
	struct slice item = s->text;
	const struct path_row *row;
	size_t mark = s->p->count;
	bool negated = false, like = false, known = true;

	if (is_word(s, "NOT") || is_word(s, "EXISTS")) {
		negated = is_word(s, "NOT");
		next(s);
		if (is_word(s, "EXISTS"))
			next(s);
		next(s);
		add_bad(s, negated ? "says what is not" : "asks whether something exists", item);
		return;
	}
	row = path_of(item);
	next(s);
	if (is_word(s, "NOT")) {
		negated = true;
		next(s);
	}
	if (is_word(s, "IN")) {
		read_set(s, row, item);
	} else {
		if (s->token == T_OPERATOR)
			known = slice_is(s->text, "=");
		else if (is_word(s, "LIKE"))
			like = true;
		else if (!is_word(s, "ISSUBSET"))
			known = false;
		negated |= s->token == T_OPERATOR && slice_is(s->text, "!=");
		if (s->token != T_OPERATOR && s->token != T_WORD) {
			fail(s, "has a comparison without an operator");
			return;
		}
		next(s);
		if (s->token != T_STRING && s->token != T_WORD) {
			fail(s, "has a comparison without a value");
			return;
		}
		add_value(s, row, item, like);
		next(s);
	}
	if (s->err)
		return;
	if (negated)
		spoil(s, mark, "says what is not");
	else if (!known && row && row->part != PART_DETAIL)
		spoil(s, mark, "compares otherwise than by =, IN, LIKE or ISSUBSET");
}

/* ---- AND ---- */

static bool all_of(const struct pattern *p, size_t from, size_t to,
		   bool (*is)(const struct pattern_term *))
{
	for (size_t i = from; i < to; i++)
		if (!is(&p->terms[i]))
			return false;
	return to > from;
}

static bool is_port(const struct pattern_term *t)
{
	return t->part == PART_PORT;
}

static bool is_detail(const struct pattern_term *t)
{
	return t->part == PART_DETAIL;
}

static bool is_address(const struct pattern_term *t)
{
	return t->part == PART_VALUE && (t->kind == CONTACT_IP || t->kind == 0);
}

static bool is_file(const struct pattern_term *t)
{
	return t->part == PART_VALUE && t->kind >= CONTACT_FILE_MD5 &&
	       t->kind <= CONTACT_FILE_SHA256;
}

static void drop(struct pattern *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		free(p->terms[i].value);
	memmove(p->terms + from, p->terms + to, (p->count - to) * sizeof(*p->terms));
	p->count -= to - from;
}

/* Every address with the one port. */
static void join_port(struct parser *s, size_t from, size_t to, const char *port)
{
	for (size_t i = from; i < to; i++) {
		struct pattern_term *t = &s->p->terms[i];
		size_t n = strlen(t->value) + strlen(port) + 4;
		char *joined = malloc(n);

		if (!joined) {
			s->err = -ENOMEM;
			return;
		}
		snprintf(joined, n, strchr(t->value, ':') ? "[%s]:%s" : "%s:%s", t->value, port);
		free(t->value);
		t->value = joined;
		t->kind = INDICATOR_IP_PORT;
	}
}

/* Terms [from, middle) AND [middle, count). */
static void join(struct parser *s, size_t from, size_t middle)
{
	struct pattern *p = s->p;
	size_t end = p->count;
	bool left_port = all_of(p, from, middle, is_port),
	     right_port = all_of(p, middle, end, is_port);
	char *port;

	if (s->err || from == middle || middle == end)
		return;
	if (all_of(p, from, end, is_file))
		return;
	if (all_of(p, middle, end, is_detail)) {
		drop(p, middle, end);
		return;
	}
	if (all_of(p, from, middle, is_detail)) {
		drop(p, from, middle);
		return;
	}
	if (right_port && end - middle == 1 && all_of(p, from, middle, is_address)) {
		port = strdup(p->terms[middle].value);
		drop(p, middle, end);
		join_port(s, from, middle, port ? port : "");
		free(port);
		return;
	}
	if (left_port && middle - from == 1 && all_of(p, middle, end, is_address)) {
		port = strdup(p->terms[from].value);
		drop(p, from, middle);
		join_port(s, from, p->count, port ? port : "");
		free(port);
		return;
	}
	spoil(s, from, TOGETHER);
}

/* ---- expressions ---- */

static void read_or(struct parser *s, bool observations);

/* "WITHIN 5 SECONDS", "REPEATS 5 TIMES", "START t'…' STOP t'…'" behind an observation. */
static void read_qualifiers(struct parser *s, size_t mark)
{
	for (;;) {
		if (is_word(s, "REPEATS")) {
			next(s);
			next(s);
			spoil(s, mark, "asks for repetition");
		} else if (is_word(s, "WITHIN")) {
			next(s);
			next(s);
		} else if (is_word(s, "START") || is_word(s, "STOP")) {
			next(s); /* the t before the string */
			if (is_word(s, "t"))
				next(s);
		} else {
			return;
		}
		next(s);
	}
}

static void read_one(struct parser *s, bool observations)
{
	size_t mark = s->p->count;
	enum token open = s->token;

	if (s->err)
		return;
	if (++s->depth > PATTERN_DEPTH_MAX) {
		fail(s, "is nested too deeply");
		return;
	}
	if (open == T_LEFT || (observations && open == T_OPEN)) {
		next(s);
		read_or(s, observations && open == T_LEFT);
		if (!s->err && s->token != (open == T_LEFT ? T_RIGHT : T_CLOSE))
			fail(s, "has brackets that do not match");
		next(s);
		if (observations)
			read_qualifiers(s, mark);
	} else if (!observations && s->token == T_WORD) {
		read_comparison(s);
	} else {
		fail(s, "is not a pattern");
	}
	s->depth--;
}

static void read_and(struct parser *s, bool observations)
{
	size_t from = s->p->count;

	read_one(s, observations);
	while (!s->err && is_word(s, "AND")) {
		size_t middle = s->p->count;

		next(s);
		read_one(s, observations);
		if (observations && !s->err)
			spoil(s, from, TOGETHER);
		else
			join(s, from, middle);
	}
}

static void read_or(struct parser *s, bool observations)
{
	size_t from = s->p->count;

	read_and(s, observations);
	while (!s->err && (is_word(s, "OR") || (observations && is_word(s, "FOLLOWEDBY")))) {
		bool order = is_word(s, "FOLLOWEDBY");

		next(s);
		read_and(s, observations);
		if (order && !s->err)
			spoil(s, from, "asks for an order of events");
	}
}

int pattern_read(struct pattern *p, struct slice text, const char **reason)
{
	struct parser s = {.p = p, .at = text.data, .end = (const char *)text.data + text.len};

	*p = (struct pattern){0};
	next(&s);
	read_or(&s, true);
	if (!s.err && s.token != T_END)
		fail(&s, "goes on behind its end");
	*reason = s.reason;
	for (size_t i = 0; i < p->count && !s.err; i++) {
		struct pattern_term *t = &p->terms[i];

		if (t->part == PART_PORT || t->part == PART_DETAIL) {
			t->kind = 0;
			t->reason = "names no value that can be looked for";
		} else if (t->part == PART_VALUE) {
			t->reason = NULL;
		}
	}
	return s.err;
}

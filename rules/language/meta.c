/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Identity and texts of a rule: sid, msg, classtype, reference, metadata, requires …
 */
#include <string.h>

#include "rules/language/classes.h"
#include "rules/language/draft.h"
#include "rules/language/parsers.h"

/* The version of the language that requires is compared with: Suricata 8.0.6. */
static const uint64_t language_version[3] = {8, 0, 6};

static bool meta_number(struct draft *d, const struct keyword_row *row, struct scan *arg,
			uint32_t seen, uint64_t max, uint64_t *out)
{
	if (d->seen & seen)
		return draft_fail(d, NULL, "remove one", "%s stands twice in the rule", row->name);
	d->seen |= seen;
	if (!scan_whole(*arg, max, out))
		return draft_fail(d, arg->p, "write a whole number",
				  "%s: \"%.*s\" is no number up to %llu", row->name, SCAN_ARG(arg),
				  (unsigned long long)max);
	return true;
}

bool parse_sid(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	uint64_t n;

	if (!meta_number(d, row, arg, SEEN_SID, UINT32_MAX, &n))
		return false;
	if (!n)
		return draft_fail(d, arg->p, "use a number from 1 on",
				  "sid: 0 is no number of a rule");
	d->rule->sid = (uint32_t)n;
	return true;
}

bool parse_gid(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	uint64_t n;

	if (!meta_number(d, row, arg, SEEN_GID, UINT32_MAX, &n))
		return false;
	d->rule->gid = (uint32_t)n;
	return true;
}

bool parse_rev(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	uint64_t n;

	if (!meta_number(d, row, arg, SEEN_REV, UINT32_MAX, &n))
		return false;
	d->rule->rev = (uint32_t)n;
	return true;
}

bool parse_priority(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	uint64_t n;

	if (!meta_number(d, row, arg, SEEN_PRIORITY, 255, &n))
		return false;
	if (!n)
		return draft_fail(d, arg->p, "use 1 (highest) to 255", "priority: 0 is none");
	d->rule->priority = (uint8_t)n;
	return true;
}

bool parse_msg(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	char *text = arena_alloc(d->l->arena, scan_left(arg) + 1), *to = text;

	(void)row;
	if (!text)
		return draft_no_memory(d);
	for (const char *p = arg->p; p < arg->end; p++) {
		if (*p == '\\' && p + 1 < arg->end && strchr("\\\";:", p[1]))
			p++;
		*to++ = *p;
	}
	*to = '\0';
	d->rule->msg = text;
	return true;
}

bool parse_classtype(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	const char *text = "";
	uint8_t priority = 3;
	bool found;

	(void)row;
	scan_trim(arg);
	found = classes_find(d->l->classes, arg->p, scan_left(arg), &text, &priority);
	if (d->seen & SEEN_CLASSTYPE)
		draft_warn(d, NULL, "classtype stands twice; the more urgent one counts");
	d->rule->classtype = draft_text(d, arg);
	if (!d->rule->classtype)
		return draft_no_memory(d);
	if (!found)
		draft_warn(d, arg->p,
			   "classtype %.*s is not in the classification table: priority 3",
			   SCAN_ARG(arg));
	d->seen |= SEEN_CLASSTYPE;
	d->rule->category = text;
	if (!(d->seen & SEEN_PRIORITY))
		d->rule->priority = priority;
	return true;
}

bool parse_reference(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	struct scan key = scan_until(arg, ',');
	struct rule_reference *r;
	const char *prefix;
	char *url;
	size_t n;

	(void)row;
	scan_trim(arg);
	if (scan_done(&key) || scan_done(arg))
		return draft_fail(d, key.p, "write type,value such as url,example.org/page",
				  "reference: type or value is missing");
	if (d->rule->reference_count == DRAFT_REFERENCES_MAX)
		return draft_fail(d, NULL, "remove some", "more than %d references",
				  DRAFT_REFERENCES_MAX);
	prefix = classes_reference(d->l->classes, key.p, scan_left(&key));
	if (!prefix)
		draft_warn(d, key.p, "reference type %.*s is not in the reference table",
			   SCAN_ARG(&key));
	if (prefix && memmem(arg->p, scan_left(arg), "://", 3)) /* a whole one already */
		prefix = NULL;
	n = prefix ? strlen(prefix) : 0;
	url = arena_alloc(d->l->arena, n + scan_left(arg) + 1);
	if (!url)
		return draft_no_memory(d);
	memcpy(url, prefix ? prefix : "", n);
	memcpy(url + n, arg->p, scan_left(arg));
	r = &d->references[d->rule->reference_count++];
	*r = (struct rule_reference){draft_text(d, &key), url};
	return r->key || draft_no_memory(d);
}

bool parse_metadata(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)row;
	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), key = part;
		struct rule_metadata *m;

		while (part.p < part.end && !char_blank(*part.p))
			part.p++;
		key.end = part.p;
		scan_trim(&part);
		if (scan_done(&key) || scan_done(&part))
			continue;
		if (d->rule->metadata_count == DRAFT_METADATA_MAX)
			return draft_fail(d, part.p, "remove some", "more than %d metadata entries",
					  DRAFT_METADATA_MAX);
		m = &d->metadata[d->rule->metadata_count++];
		*m = (struct rule_metadata){draft_text(d, &key), draft_text(d, &part)};
		if (!m->key || !m->value)
			return draft_no_memory(d);
	}
	return true;
}

bool parse_target(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)row;
	scan_trim(arg);
	d->rule->flags &= ~(uint32_t)(RULE_TARGET_SRC | RULE_TARGET_DST);
	if (scan_is(arg, "src_ip"))
		d->rule->flags |= RULE_TARGET_SRC;
	else if (scan_is(arg, "dest_ip"))
		d->rule->flags |= RULE_TARGET_DST;
	else
		return draft_fail(d, arg->p, "write src_ip or dest_ip",
				  "target: \"%.*s\" is neither", SCAN_ARG(arg));
	return true;
}

bool parse_noalert(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)row;
	(void)arg;
	if (d->seen & SEEN_ALERT)
		return draft_fail(d, NULL, "keep one", "noalert and alert exclude each other");
	d->rule->flags |= RULE_NOALERT;
	return true;
}

bool parse_alert(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	(void)row;
	(void)arg;
	if (d->rule->flags & RULE_NOALERT)
		return draft_fail(d, NULL, "keep one", "noalert and alert exclude each other");
	d->seen |= SEEN_ALERT;
	d->rule->flags |= RULE_ALERT;
	return true;
}

/* version >= 7.0.3, or several parts with `|` */
static bool version_holds(struct draft *d, struct scan part, bool *holds)
{
	static const char *const ops[] = {">=", "<=", ">", "<"};
	struct scan at = part;
	uint64_t want[3] = {0};
	int op, difference = 0;

	for (op = 0; op < 4; op++)
		if (scan_take_text(&part, ops[op]))
			break;
	if (op == 4)
		return draft_fail(d, at.p, "write for example version >= 7.0.3",
				  "requires: the version has no >=, <=, > or <");
	for (int i = 0; i < 3; i++) {
		struct scan n = scan_until(&part, '.');

		while (n.end > n.p && i > 0 && memchr(n.p, '-', scan_left(&n)))
			n.end--;
		if (!scan_whole(n, UINT16_MAX, &want[i]))
			return draft_fail(d, n.p, "write for example version >= 7.0.3",
					  "requires: \"%.*s\" is no version", SCAN_ARG(&at));
		if (scan_done(&part))
			break;
	}
	for (int i = 0; i < 3 && !difference; i++)
		difference = (language_version[i] > want[i]) - (language_version[i] < want[i]);
	*holds = op == 0   ? difference >= 0
		 : op == 1 ? difference <= 0
		 : op == 2 ? difference > 0
			   : difference < 0;
	return true;
}

static bool versions_hold(struct draft *d, struct scan part, bool *holds)
{
	*holds = false;
	while (!scan_done(&part)) {
		struct scan all = scan_until(&part, '|');
		bool every = true;

		while (!scan_done(&all)) {
			struct scan one = scan_until(&all, '&');
			bool this_one = false;

			if (!version_holds(d, one, &this_one))
				return false;
			every &= this_one;
		}
		*holds |= every;
	}
	return true;
}

bool parse_requires(struct draft *d, const struct keyword_row *row, struct scan *arg)
{
	static const char *const features[] = {"output::file-store", "ja3", "ja4"};

	(void)row;
	while (!scan_done(arg)) {
		struct scan part = scan_until(arg, ','), word = scan_word(&part);
		bool holds = false;

		scan_trim(&part);
		if (scan_is(&word, "version")) {
			if (!versions_hold(d, part, &holds))
				return false;
		} else if (scan_is(&word, "keyword")) {
			holds = keyword_find(part.p, scan_left(&part)) != NULL;
		} else if (scan_is(&word, "feature")) {
			for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++)
				holds |= scan_is(&part, features[i]);
		} else {
			holds = false; /* a requirement we do not know cannot be met */
		}
		d->skip |= !holds;
	}
	return true;
}

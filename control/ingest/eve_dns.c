/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which messages of DNS an output has: requests, responses, and only those with a question of certain
 * types. Ingest thread.
 */
#include <string.h>
#include <strings.h>

#include "control/ingest/eve.h"

static bool is(struct bytes b, const char *word)
{
	return b.len == strlen(word) && memcmp(b.data, word, b.len) == 0;
}

/* Is the word one of "[a, aaaa]"? */
static bool listed(const char *list, struct bytes word)
{
	while (*list) {
		size_t n = strcspn(list, "[], ");

		if (n && n == word.len && strncasecmp(list, (const char *)word.data, n) == 0)
			return true;
		list += n + (list[n] != '\0');
	}
	return false;
}

/* Types of questions come before those of answers: in "queries", or in version 2 alone. */
static bool type_wanted(const char *list, const struct record_head *head)
{
	struct value_reader r;
	struct value v;
	bool many = false;

	value_reader_init(&r, head);
	while (value_next(&r, &v)) {
		if (v.close)
			continue;
		if (v.field == F_dns_queries)
			many = true;
		else if (v.field == F_dns_answers)
			return false;
		else if (v.field != F_dns_rrtype)
			continue;
		else if (listed(list, v.body))
			return true;
		else if (!many)
			return false;
	}
	return false;
}

bool eve_dns_wants(const struct eve_options *o, const struct record_head *head)
{
	struct value v;
	bool request;

	if (!record_find(head, F_dns_type, &v))
		return true;
	request = is(v.body, "request") || is(v.body, "query");
	if (request ? !o->dns_requests : !o->dns_responses)
		return false;
	return !o->dns_types || type_wanted(o->dns_types, head);
}

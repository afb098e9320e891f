/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An alert as a line of fast.log: time, rule, class, priority, protocol, addresses. Times are
 * UTC, as in EVE. Ingest thread.
 */
#include "control/ingest/fast.h"

#include <stdio.h>
#include <time.h>

static void put_time(struct text *out, uint64_t ts_ns)
{
	time_t seconds = (time_t)(ts_ns / 1000000000u);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	text_format(out, "%02d/%02d/%04d-%02d:%02d:%02d.%06u  ", tm.tm_mon + 1, tm.tm_mday,
		    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
		    (unsigned)(ts_ns / 1000 % 1000000));
}

/* One line whatever the rule says: control characters become spaces. */
static void put_text(struct text *out, const struct record_head *head, enum field_id field,
		     const char *otherwise)
{
	struct value v;

	if (!record_find(head, field, &v) || !v.body.len) {
		text_str(out, otherwise);
		return;
	}
	for (uint32_t i = 0; i < v.body.len; i++)
		text_char(out, v.body.data[i] < 0x20 ? ' ' : (char)v.body.data[i]);
}

static unsigned number(const struct record_head *head, enum field_id field)
{
	struct value v;

	return record_find(head, field, &v) ? (unsigned)v.n : 0;
}

static void put_end(struct text *out, const struct record_head *head, const struct addr *a,
		    uint16_t port)
{
	char room[ADDR_TEXT_MAX];

	/* ICMP: type and code stand where others have ports. */
	text_format(out, "%s:%u", addr_format_long(a, head->ip_version, room), port);
}

void fast_write(struct text *out, const struct record_head *head)
{
	char room[4];
	struct value v;
	bool blocked = record_find(head, F_alert_action, &v) && v.body.len == 7;
	bool ports = head->flags & (RECORD_HAS_PORTS | RECORD_HAS_ICMP);

	/* "blocked" and "allowed" are of one length: the letter tells. */
	blocked = blocked && v.body.data[0] == 'b';
	put_time(out, head->ts_ns);
	text_format(out, "%s[**] [%u:%u:%u] ", blocked ? "[Drop] " : "",
		    number(head, F_alert_gid), number(head, F_alert_signature_id),
		    number(head, F_alert_rev));
	put_text(out, head, F_alert_signature, "(null)"); /* a rule without msg */
	text_str(out, " [**] [Classification: ");
	put_text(out, head, F_alert_category, "(null)");
	text_format(out, "] [Priority: %u]", number(head, F_alert_severity));
	if (!head->ip_version)
		return;
	text_format(out, " {%s} ", eve_proto_name(head->ip_proto, room));
	put_end(out, head, &head->src, ports ? head->sport : 0);
	text_str(out, " -> ");
	put_end(out, head, &head->dst, ports ? head->dport : 0);
}

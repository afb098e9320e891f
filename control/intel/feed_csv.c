/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Comma-separated values (RFC 4180), with the habits of published lists: comments before the rows,
 * the last of which may name the columns; blanks before quotes. Which column is what is said by the
 * mapping ("value=2,threat=malware": numbers from 1, or names), or else by the names of the
 * columns, or else, for the value, by the first row that has one.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/intel/feed_private.h"

#define FIELDS_MAX 64

enum column {
	COL_VALUE,
	COL_KIND,
	COL_THREAT,
	COL_FAMILY,
	COL_CATEGORY,
	COL_NOTE,
	COL_CONFIDENCE,
	COL_SEVERITY,
	COL_TLP,
	COL_FIRST,
	COL_UNTIL,
	COL_PORT,
	COLUMNS
};

/* The name in mappings, then what lists call it. */
static const char *const names[COLUMNS][12] = {
	[COL_VALUE] = {"value", "ioc_value", "ioc", "indicator", "domain", "url", "ip", "dst_ip",
		       "sha256_hash", "sha1_hash", "md5_hash", "hostname"},
	[COL_KIND] = {"kind", "ioc_type", "type", "indicator_type"},
	[COL_THREAT] = {"threat", "threat_name", "listingreason", "signature", "threat_type"},
	[COL_FAMILY] = {"family", "malware_printable", "malware_family", "malware"},
	[COL_CATEGORY] = {"category"},
	[COL_NOTE] = {"note", "comment", "description", "reference"},
	[COL_CONFIDENCE] = {"confidence", "confidence_level"},
	[COL_SEVERITY] = {"severity", "threat_level"},
	[COL_TLP] = {"tlp"},
	[COL_FIRST] = {"first_seen", "first_seen_utc", "dateadded", "listingdate",
		       "first_seen(utc)"},
	[COL_UNTIL] = {"valid_until", "expires", "expiration"},
	[COL_PORT] = {"port", "dst_port", "dstport"},
};

struct row_of_csv {
	struct slice fields[FIELDS_MAX];
	size_t count;
	char text[FEED_LINE_MAX];
};

struct csv {
	struct reader *r;
	char separator;
	int at[COLUMNS]; /* field, or -1 */
	int value_kind;  /* of the value, from its column's name; 0 */
	bool settled;    /* at[COL_VALUE] is known */
};

/* One row. Returns the bytes taken; 0: a quote does not end. */
static size_t read_row(const struct csv *c, struct slice rest, struct row_of_csv *row,
		       uint64_t *newlines)
{
	const char *b = rest.data;
	size_t i = 0, used = 0, start, end = rest.len < FEED_LINE_MAX ? rest.len : FEED_LINE_MAX;

	row->count = 0;
	*newlines = 0;
	for (;;) {
		bool quoted;

		while (i < end && (b[i] == ' ' || (b[i] == '\t' && c->separator != '\t')))
			i++;
		quoted = i < end && b[i] == '"';
		i += quoted;
		start = used;
		while (i < end) {
			if (quoted && b[i] == '"') {
				if (i + 1 >= end || b[i + 1] != '"')
					break;
				i++;
			} else if (!quoted && (b[i] == c->separator || b[i] == '\n')) {
				break;
			}
			*newlines += b[i] == '\n';
			row->text[used++] = b[i++];
		}
		if (quoted && i == end)
			return 0;
		if (row->count < FIELDS_MAX)
			row->fields[row->count++] =
				trim((struct slice){row->text + start, used - start});
		while (quoted && i < end && b[i] != c->separator && b[i] != '\n')
			i++;
		if (i == end && end < rest.len)
			return 0;
		if (i == end || b[i++] == '\n')
			return i;
	}
}

static int column_by_name(struct slice name)
{
	for (int c = 0; c < COLUMNS; c++)
		for (size_t i = 0; i < 12 && names[c][i]; i++)
			if (slice_is(name, names[c][i]))
				return c;
	return -1;
}

/* Whether the row names columns; takes the names where the mapping has nothing. */
static bool read_header(struct csv *c, const struct row_of_csv *row)
{
	int found[COLUMNS], rank[COLUMNS];
	bool any = false;

	memset(found, 0xff, sizeof(found));
	memset(rank, 0, sizeof(rank));
	for (size_t f = 0; f < row->count; f++) {
		int col = column_by_name(row->fields[f]), n = 0;

		if (col < 0)
			continue;
		any |= col == COL_VALUE;
		while (!slice_is(row->fields[f], names[col][n]))
			n++;
		/* Of several the one that stands first in the table. */
		if (found[col] < 0 || n < rank[col]) {
			found[col] = (int)f;
			rank[col] = n;
			if (col == COL_VALUE)
				c->value_kind = feed_kind(row->fields[f]);
		}
	}
	if (!any || c->r->o->columns)
		return any;
	memcpy(c->at, found, sizeof(found));
	c->settled = true;
	return true;
}

/* "value=2,threat=malware name". Names need the row that names the columns. */
static int read_mapping(struct csv *c, const struct row_of_csv *header)
{
	const char *p = c->r->o->columns;

	while (*p) {
		size_t n = strcspn(p, ","), eq = strcspn(p, "=");
		struct slice name, what;
		int col, at = -1;

		if (eq >= n)
			break;
		name = trim((struct slice){p, eq});
		what = trim((struct slice){p + eq + 1, n - eq - 1});
		col = column_by_name(name);
		if (what.len && strspn(what.data, "0123456789") >= what.len)
			at = atoi(what.data) - 1;
		for (size_t f = 0; at < 0 && header && f < header->count; f++)
			if (header->fields[f].len == what.len &&
			    strncasecmp(header->fields[f].data, what.data, what.len) == 0)
				at = (int)f;
		if (col < 0 || at < 0 || at >= FIELDS_MAX) {
			snprintf(c->r->why, WHY_BYTES,
				 "its columns are not as the mapping has them: \"%.*s\"",
				 (int)(n < 100 ? n : 100), p);
			return -EPROTO;
		}
		c->at[col] = at;
		p += n + (p[n] == ',');
	}
	c->settled = c->at[COL_VALUE] >= 0;
	return 0;
}

static bool mapping_has_names(const char *p)
{
	for (; p && *p; p++)
		if (*p == '=' && !isdigit((unsigned char)p[1 + strspn(p + 1, " ")]))
			return true;
	return false;
}

static struct slice field(const struct csv *c, const struct row_of_csv *row, enum column col)
{
	int at = c->at[col];

	return at >= 0 && (size_t)at < row->count ? row->fields[at] : (struct slice){"", 0};
}

static void find_value(struct csv *c, const struct row_of_csv *row)
{
	for (size_t f = 0; f < row->count && !c->settled; f++) {
		char text[256];
		struct slice s = row->fields[f];

		if (!s.len || s.len >= sizeof(text))
			continue;
		memcpy(text, s.data, s.len);
		text[s.len] = '\0';
		if (strspn(text, "0123456789.") == s.len && !strchr(text, '.'))
			continue;
		if (indicator_guess(text)) {
			c->at[COL_VALUE] = (int)f;
			c->settled = true;
		}
	}
}

static void set_text(struct slice *to, struct slice from)
{
	if (from.len && !slice_is(from, "none") && !slice_is(from, "n/a"))
		*to = from;
}

static int give_row(struct csv *c, uint64_t where, struct slice line, const struct row_of_csv *row)
{
	struct intel_entry e = c->r->o->defaults;
	struct slice value, s, port = field(c, row, COL_PORT);
	char joined[96];

	find_value(c, row);
	value = field(c, row, COL_VALUE);
	if (!value.len)
		return feed_refuse(c->r, where, line, "has no value");
	s = field(c, row, COL_KIND);
	e.kind = c->r->o->kind ? c->r->o->kind : c->value_kind;
	if (s.len) {
		e.kind = feed_kind(s);
		if (!e.kind)
			return feed_refuse(c->r, where, line,
					   "is of a kind that is not looked for");
	}
	set_text(&e.threat, field(c, row, COL_THREAT));
	set_text(&e.family, field(c, row, COL_FAMILY));
	set_text(&e.category, field(c, row, COL_CATEGORY));
	set_text(&e.note, field(c, row, COL_NOTE));
	s = field(c, row, COL_CONFIDENCE);
	if (s.len && strspn(s.data, "0123456789") >= s.len && s.len < 4) {
		int n = atoi(s.data);

		e.confidence = (uint8_t)(n > 100 ? 100 : n);
	}
	s = field(c, row, COL_SEVERITY);
	e.severity = feed_severity(s) ? feed_severity(s) : e.severity;
	s = field(c, row, COL_TLP);
	e.tlp = feed_tlp(s) ? feed_tlp(s) : e.tlp;
	e.first_seen_ns = feed_time(field(c, row, COL_FIRST));
	e.valid_until_ns = feed_time(field(c, row, COL_UNTIL)) ? feed_time(field(c, row, COL_UNTIL))
							       : e.valid_until_ns;
	if (port.len && port.len < 6 && value.len < 64 && (e.kind == 0 || e.kind == CONTACT_IP)) {
		bool six = memchr(value.data, ':', value.len);

		snprintf(joined, sizeof(joined), six ? "[%.*s]:%.*s" : "%.*s:%.*s", (int)value.len,
			 (const char *)value.data, (int)port.len, (const char *)port.data);
		e.kind = INDICATOR_IP_PORT;
		value = slice_of(joined);
	}
	return feed_value(c->r, where, value, &e);
}

static struct slice first_line(struct slice rest)
{
	struct lines l = {.rest = rest};
	struct slice line = {"", 0};

	lines_next(&l, &line);
	return line;
}

static int read_rows(struct csv *c, struct row_of_csv *row, struct row_of_csv *header)
{
	struct slice rest = c->r->bytes;
	uint64_t number = 1, newlines;
	bool data = false, named = false; /* rows have begun; header is filled */
	int err = 0;

	while (rest.len && !err) {
		struct slice line = first_line(rest), text = trim(line);
		size_t taken = 0;
		bool comment = text.len && ((const char *)text.data)[0] == '#';

		if (comment && !data) {
			struct slice inner =
				trim((struct slice){(const char *)text.data + 1, text.len - 1});

			if (inner.len < FEED_LINE_MAX &&
			    memchr(inner.data, c->separator, inner.len) &&
			    read_row(c, inner, row, &newlines) && row->count > 1 &&
			    (read_header(c, row) || mapping_has_names(c->r->o->columns))) {
				memcpy(header->text, row->text, sizeof(row->text));
				header->count = row->count;
				for (size_t i = 0; i < row->count; i++)
					header->fields[i] = (struct slice){
						header->text + ((const char *)row->fields[i].data -
								row->text),
						row->fields[i].len};
				named = true;
			}
		}
		if (!comment && text.len) {
			taken = read_row(c, rest, row, &newlines);
			if (!taken) {
				err = feed_refuse(c->r, number, line,
						  "has a quote that does not end, or is too long");
				data = true;
			} else if (!data) {
				bool is_header = !named && (read_header(c, row) ||
							    mapping_has_names(c->r->o->columns));

				if (c->r->o->columns)
					err = read_mapping(c, is_header ? row
							      : named   ? header
									: NULL);
				if (!err && !is_header)
					err = give_row(c, number, line, row);
				data = true;
			} else {
				err = give_row(c, number, line, row);
			}
		}
		if (taken) {
			number += newlines + 1;
			rest = (struct slice){(const char *)rest.data + taken, rest.len - taken};
		} else {
			const char *end = memchr(rest.data, '\n', rest.len);
			size_t n = end ? (size_t)(end - (const char *)rest.data) + 1 : rest.len;

			number++;
			rest = (struct slice){(const char *)rest.data + n, rest.len - n};
		}
	}
	return err;
}

int feed_read_csv(struct reader *r)
{
	struct csv c = {.r = r, .separator = r->o->separator ? r->o->separator : ','};
	struct row_of_csv *rows = malloc(2 * sizeof(*rows));
	int err;

	if (!rows)
		return -ENOMEM;
	memset(c.at, 0xff, sizeof(c.at));
	err = read_rows(&c, &rows[0], &rows[1]);
	free(rows);
	return err;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hosts/row.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/store/bytes.h"

#define NETBIOS_NAME_BYTES 15
#define SECOND_NS 1000000000ull

/* ---- as it stands in the store ---- */

static uint8_t *put_text(uint8_t *at, const struct host_text *t)
{
	*at++ = t->len;
	memcpy(at, t->text, t->len);
	return at + t->len;
}

static bool get_text(struct cursor *c, struct host_text *t)
{
	const uint8_t *text;

	t->len = cursor_u8(c);
	text = cursor_take(c, t->len);
	if (text)
		memcpy(t->text, text, t->len);
	return text != NULL;
}

size_t row_encode(const struct host_row *r, uint8_t *value)
{
	uint8_t *at = put_be64(value, r->last_ns);

	at = put_be64(at, r->until_ns);
	at = put_be16(at, r->sources);
	*at++ = r->mac_source;
	*at++ = r->name_source;
	*at++ = r->user_source;
	memcpy(at, r->mac, 6);
	at = put_text(at + 6, &r->name);
	at = put_text(at, &r->user);
	return (size_t)(at - value);
}

bool row_decode(struct host_row *r, uint64_t from_ns, struct slice value)
{
	struct cursor c = cursor_of(value.data, value.len);
	const uint8_t *mac;

	memset(r, 0, sizeof(*r));
	r->from_ns = from_ns;
	r->last_ns = cursor_be64(&c);
	r->until_ns = cursor_be64(&c);
	r->sources = cursor_be16(&c);
	r->mac_source = cursor_u8(&c);
	r->name_source = cursor_u8(&c);
	r->user_source = cursor_u8(&c);
	mac = cursor_take(&c, 6);
	if (mac)
		memcpy(r->mac, mac, 6);
	return get_text(&c, &r->name) && get_text(&c, &r->user) && !c.bad;
}

static void copy_text(char *to, const struct host_text *from)
{
	memcpy(to, from->text, from->len);
	to[from->len] = '\0';
}

static uint64_t held_until(const struct host_row *r)
{
	return r->until_ns > r->last_ns + HOST_DAY_NS ? r->until_ns : r->last_ns + HOST_DAY_NS;
}

void row_to_at(const struct host_row *r, struct host_at *out)
{
	*out = (struct host_at){
		.from_ns = r->from_ns,
		.to_ns = r->last_ns,
		.until_ns = held_until(r),
		.has_mac = r->mac_source != 0,
		.sources = r->sources,
	};
	memcpy(out->mac, r->mac, 6);
	copy_text(out->name, &r->name);
	copy_text(out->user, &r->user);
}

/* ---- facts ---- */

static void text_from_value(struct host_text *t, const struct record_head *head, enum field_id f)
{
	struct value v;

	t->len = 0;
	if (!record_find(head, f, &v) || !v.body.len || v.body.len > HOST_NAME_MAX_BYTES)
		return;
	/* A zero byte would end the key of the name. */
	if (memchr(v.body.data, 0, v.body.len))
		return;
	t->len = (uint8_t)v.body.len;
	memcpy(t->text, v.body.data, v.body.len);
}

bool said_from_record(struct host_said *s, const struct record_head *head)
{
	struct value v;

	memset(s, 0, sizeof(*s));
	s->ts_ns = head->ts_ns;
	if (record_find(head, F_host_ip, &v)) {
		if (v.body.len != 4 && v.body.len != 16)
			return false;
		memcpy(s->addr.b, v.body.data, v.body.len);
		s->ip_version = v.body.len == 4 ? 4 : 6;
	}
	if (!record_find(head, F_host_source, &v) || !v.n || v.n >= HOST_SOURCE_COUNT)
		return false;
	s->source = (uint8_t)v.n;
	if (record_find(head, F_host_mac, &v) && v.body.len == 6) {
		s->has_mac = true;
		memcpy(s->mac, v.body.data, 6);
	}
	if (record_find(head, F_host_lease_s, &v))
		s->lease_s = (uint32_t)v.n;
	text_from_value(&s->name, head, F_host_name);
	text_from_value(&s->user, head, F_host_user);
	if (s->ip_version)
		return s->has_mac || s->name.len || s->user.len;
	memcpy(s->addr.b, s->mac, 6);
	return s->has_mac && s->name.len;
}

bool host_text_same(const struct host_text *a, const struct host_text *b)
{
	return a->len == b->len && strncasecmp(a->text, b->text, a->len) == 0;
}

static size_t first_label(const struct host_text *t)
{
	const char *dot = memchr(t->text, '.', t->len);

	return dot ? (size_t)(dot - t->text) : t->len;
}

/* "PC-1", "pc-1.example.com" and a NetBIOS name that was cut are one machine's. */
static bool same_name(const struct host_text *a, const struct host_text *b)
{
	size_t na = first_label(a), nb = first_label(b);

	if (na != nb && !(na == NETBIOS_NAME_BYTES && nb > na) &&
	    !(nb == NETBIOS_NAME_BYTES && na > nb))
		return false;
	return strncasecmp(a->text, b->text, na < nb ? na : nb) == 0;
}

/* A machine registers its own name in the way that users' are (suffix 03). */
static bool is_user(const struct host_row *r, const struct host_said *s)
{
	return s->user.len &&
	       !(s->source == HOST_NBNS && r->name.len && same_name(&r->name, &s->user));
}

/* ---- a fact against an interval ---- */

enum relation {
	SAME,      /* of the same machine: confirms it, may add to it */
	OTHER_MAC, /* another machine */
	OTHER_NAME,
	OTHER_USER,
	OVERRULED, /* a stronger source says otherwise */
};

static enum relation relation_of(const struct host_row *r, const struct host_said *s)
{
	/* A stronger source's name stays; machines are called differently here and there. */
	bool renamed = s->name.len && r->name.len && s->source >= r->name_source &&
		       !same_name(&s->name, &r->name);

	if (s->has_mac && r->mac_source && memcmp(s->mac, r->mac, 6) != 0 &&
	    (s->source == HOST_NBNS) == (r->mac_source == HOST_NBNS))
		return s->source < r->mac_source && s->ts_ns <= r->until_ns ? OVERRULED : OTHER_MAC;
	if (renamed)
		return OTHER_NAME;
	if (is_user(r, s) && r->user.len && !host_text_same(&s->user, &r->user)) {
		/* What looked like a user was the machine's own name. */
		if (r->user_source == HOST_NBNS && r->name.len && same_name(&r->name, &r->user))
			return SAME;
		return s->source >= r->user_source ? OTHER_USER : SAME;
	}
	return SAME;
}

/* NetBIOS tells the MAC of one of a machine's adapters, perhaps not of the one with this address:
 * any other source's is better. */
static unsigned mac_strength(unsigned source)
{
	return source == HOST_NBNS ? 0 : source;
}

/* Adds what the fact says of the interval's machine. */
static void merge(struct host_row *r, const struct host_said *s)
{
	uint64_t until = s->ts_ns + s->lease_s * SECOND_NS;

	if (s->ts_ns < r->from_ns)
		r->from_ns = s->ts_ns;
	if (s->ts_ns > r->last_ns)
		r->last_ns = s->ts_ns;
	if (until > r->until_ns)
		r->until_ns = until;
	r->sources |= (uint16_t)(1u << s->source);
	if (s->has_mac &&
	    (!r->mac_source || mac_strength(s->source) > mac_strength(r->mac_source))) {
		memcpy(r->mac, s->mac, 6);
		r->mac_source = s->source;
	}
	if (s->name.len && s->source > r->name_source) {
		r->name = s->name;
		r->name_source = s->source;
	}
	if (is_user(r, s) && s->source > r->user_source) {
		r->user = s->user;
		r->user_source = s->source;
	}
	if (r->user_source == HOST_NBNS && r->name.len && same_name(&r->name, &r->user)) {
		r->user.len = 0;
		r->user_source = 0;
	}
	r->changed = true;
}

/* ---- intervals ---- */

static struct host_row *insert(struct host_rows *rows, size_t at)
{
	if (rows->count == rows->cap) {
		size_t cap = rows->cap ? rows->cap * 2 : 8;
		struct host_row *bigger = realloc(rows->row, cap * sizeof(*bigger));

		if (!bigger)
			return NULL;
		rows->row = bigger;
		rows->cap = cap;
	}
	memmove(&rows->row[at + 1], &rows->row[at], (rows->count - at) * sizeof(*rows->row));
	rows->count++;
	memset(&rows->row[at], 0, sizeof(*rows->row));
	return &rows->row[at];
}

int rows_load(struct host_rows *rows, const struct host_row *r)
{
	struct host_row *copy = malloc(sizeof(*copy)), *slot;

	slot = copy ? insert(rows, rows->count) : NULL;
	if (!slot) {
		free(copy);
		return -ENOMEM;
	}
	*slot = *copy = *r;
	slot->stored = copy;
	slot->changed = false;
	return 0;
}

void rows_clear(struct host_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->row[i].stored);
	rows->count = 0;
}

void rows_free(struct host_rows *rows)
{
	rows_clear(rows);
	free(rows->row);
	*rows = (struct host_rows){0};
}

/* How many begin at that time or before. */
static size_t rows_until(const struct host_rows *rows, uint64_t ts_ns)
{
	size_t n = rows->count;

	while (n && rows->row[n - 1].from_ns > ts_ns)
		n--;
	return n;
}

/* What the machine is known as goes on when only its name or user changed. */
static void carry_on(struct host_row *r, const struct host_row *before, enum relation relation)
{
	if (relation != OTHER_NAME && relation != OTHER_USER)
		return;
	memcpy(r->mac, before->mac, 6);
	r->mac_source = before->mac_source;
	r->until_ns = before->until_ns;
	if (relation == OTHER_USER) {
		r->name = before->name;
		r->name_source = before->name_source;
	}
}

/* Nothing was seen at the end of the interval at i: the one behind it has cut it off there. */
static bool is_cut_off(const struct host_rows *rows, size_t i)
{
	return i + 1 < rows->count && rows->row[i].last_ns + 1 == rows->row[i + 1].from_ns;
}

/* Another one begins at ts_ns, within the interval at i. If that was seen afterwards, it goes on
 * behind the other one. */
static int split(struct host_rows *rows, size_t i, uint64_t ts_ns)
{
	struct host_row *tail;

	if (rows->row[i].last_ns < ts_ns)
		return 0;
	if (rows->row[i].last_ns > ts_ns && !is_cut_off(rows, i)) {
		tail = insert(rows, i + 1);
		if (!tail)
			return -ENOMEM;
		*tail = rows->row[i];
		tail->stored = NULL;
		tail->from_ns = tail->last_ns;
		tail->changed = true;
	}
	rows->row[i].last_ns = ts_ns - 1;
	rows->row[i].changed = true;
	return 0;
}

/* An interval that begins later is this machine's too, as far as it can be told: then it began at
 * the fact, which lies behind the n-1st (running: and within it). */
static bool began_earlier(struct host_rows *rows, size_t n, bool running, const struct host_said *s)
{
	struct host_row *before = n ? &rows->row[n - 1] : NULL, *r = &rows->row[n];

	if (n == rows->count || (before && before->from_ns == s->ts_ns) ||
	    (running && before->last_ns > s->ts_ns && !is_cut_off(rows, n - 1)) ||
	    r->from_ns - s->ts_ns > HOST_DAY_NS || relation_of(r, s) != SAME)
		return false;
	if (running && before->last_ns >= s->ts_ns) {
		before->last_ns = s->ts_ns - 1;
		before->changed = true;
	}
	merge(r, s);
	return true;
}

/* A new interval behind the n that begin before it, the last of which is running unless relation is
 * SAME. */
static int begin(struct host_rows *rows, size_t n, enum relation relation,
		 const struct host_said *s)
{
	bool running = relation != SAME;
	struct host_row *r, *stored, old = {0};

	if (began_earlier(rows, n, running, s))
		return 0;
	if (running && split(rows, n - 1, s->ts_ns) != 0)
		return -ENOMEM;
	if (running)
		old = rows->row[n - 1];
	if (running && old.from_ns == s->ts_ns) {
		/* two cannot begin at the same time: the later word holds */
		r = &rows->row[n - 1];
		stored = r->stored;
		memset(r, 0, sizeof(*r));
		r->stored = stored;
	} else {
		r = insert(rows, n);
		if (!r)
			return -ENOMEM;
	}
	r->from_ns = s->ts_ns;
	carry_on(r, &old, relation);
	merge(r, s);
	return 0;
}

int rows_apply(struct host_rows *rows, const struct host_said *s)
{
	size_t n = rows_until(rows, s->ts_ns);
	struct host_row *r = n ? &rows->row[n - 1] : NULL;
	enum relation relation;

	if (!r || s->ts_ns > held_until(r))
		return begin(rows, n, SAME, s);
	relation = relation_of(r, s);
	if (relation == OVERRULED)
		return 0;
	if (relation == SAME) {
		merge(r, s);
		return 0;
	}
	return begin(rows, n, relation, s);
}

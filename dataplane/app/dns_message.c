/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading DNS messages. One walker reads names; with a sink it also writes them down. Pointers
 * may point anywhere in the message, but only DNS_LABELS_MAX steps are taken for a name, so a
 * message costs at most that factor of its length. Runs in the worker that owns the flow.
 */
#include "dataplane/app/dns_message.h"
#include "dataplane/app/netbios.h"
#include "dataplane/base/put.h"

#include <strings.h>

#define BLOCK_BYTES 1024 /* of decoded names, at least */

struct dns_block {
	struct dns_block *next;
	uint32_t used, cap;
	uint8_t bytes[];
};

/* ---- memory ---- */

static uint8_t *arena_take(struct heap *heap, struct dns_message *m, uint32_t len)
{
	struct dns_block *b = m->blocks;
	uint8_t *at;

	if (!b || b->cap - b->used < len) {
		uint32_t cap = len > BLOCK_BYTES ? len : BLOCK_BYTES;

		if (m->memory_bytes + cap > DNS_MEMORY_MAX)
			return NULL;
		b = heap_alloc(heap, sizeof(*b) + cap);
		if (!b)
			return NULL;
		b->used = 0;
		b->cap = cap;
		b->next = m->blocks;
		m->blocks = b;
		m->memory_bytes += cap;
	}
	at = b->bytes + b->used;
	b->used += len;
	return at;
}

void dns_message_free(struct heap *heap, struct dns_message *m)
{
	while (m->blocks) {
		struct dns_block *next = m->blocks->next;

		heap_free(heap, m->blocks);
		m->blocks = next;
	}
	heap_free(heap, m->questions);
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		heap_free(heap, m->records[i]);
	*m = (struct dns_message){0};
}

static bool grow(struct heap *heap, void **array, uint32_t *cap, uint32_t count, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 4;
	void *bigger;

	if (count < *cap)
		return true;
	bigger = heap_realloc(heap, *array, more * size);
	if (!bigger)
		return false;
	*array = bigger;
	*cap = more;
	return true;
}

/* ---- names ---- */

struct name_out {
	uint8_t text[DNS_NAME_MAX];
	uint32_t len;
	uint8_t flags;
};

static void add_label(struct name_out *out, const uint8_t *label, uint32_t len)
{
	if (out->flags & DNS_NAME_TRUNCATED)
		return;
	if (out->len) {
		if (out->len == DNS_NAME_MAX) {
			out->flags |= DNS_NAME_TRUNCATED;
			return;
		}
		out->text[out->len++] = '.';
	}
	if (len > DNS_NAME_MAX - out->len) {
		len = DNS_NAME_MAX - out->len;
		out->flags |= DNS_NAME_TRUNCATED;
	}
	memcpy(out->text + out->len, label, len);
	out->len += len;
}

/* Reads the name at the cursor, which may point anywhere into message. out: NULL, or where the
 * text goes. The cursor ends behind the name. A name that loops, or has too many steps, is good up
 * to there if it had followed a pointer before, and bad otherwise. */
static bool read_name(struct cursor *c, struct bytes message, struct name_out *out)
{
	struct cursor at = *c;
	bool jumped = false;

	for (unsigned steps = 0;; steps++) {
		const uint8_t *b = cursor_peek(&at, 1);

		if (steps > DNS_LABELS_MAX) {
			out->flags |= DNS_NAME_LABELS;
			break;
		}
		if (!b) /* the end of the bytes ends the name */
			break;
		if (*b == 0) {
			cursor_skip(&at, 1);
			break;
		}
		if (*b < 0x40) {
			uint32_t len = cursor_u8(&at);
			const uint8_t *label = cursor_take(&at, len);

			if (!label)
				return false;
			add_label(out, label, len);
		} else if (*b >= 0xc0) {
			const uint8_t *pointer = at.p;
			uint32_t offset = cursor_be16(&at) & 0x3fff;

			if (at.bad || offset > message.len)
				return false;
			if (message.data + offset == pointer) {
				out->flags |= DNS_NAME_LOOP;
				if (!jumped)
					return false;
				break;
			}
			if (!jumped)
				*c = at;
			jumped = true;
			at = cursor_of(message.data, message.len);
			cursor_skip(&at, offset);
		} else {
			return false;
		}
	}
	if (out->flags & DNS_NAME_LABELS && !jumped)
		return false;
	if (!jumped)
		*c = at;
	return true;
}

/* In place: the text gets shorter. */
static void decode_netbios(struct name_out *out, struct dns_name *name)
{
	uint8_t plain[NETBIOS_NAME_BYTES];
	char text[NETBIOS_TEXT_BYTES];
	uint32_t len;

	if (!netbios_decode((struct bytes){out->text, out->len}, plain))
		return;
	len = netbios_text(plain, text);
	name->netbios = (uint8_t)len;
	name->suffix = plain[NETBIOS_NAME_BYTES - 1];
	memcpy(out->text, text, len);
	memmove(out->text + len, out->text + NETBIOS_ENCODED_BYTES, out->len - NETBIOS_ENCODED_BYTES);
	out->len -= NETBIOS_ENCODED_BYTES - len;
}

static bool take_name(struct heap *heap, struct dns_message *m, struct cursor *c,
		      struct dns_name *name)
{
	struct name_out out;
	uint8_t *text;

	out.len = 0;
	out.flags = 0;
	if (!read_name(c, m->copy, &out)) {
		m->name_flags |= out.flags;
		return false;
	}
	m->name_flags |= out.flags;
	name->flags = out.flags;
	name->netbios = 0;
	if (m->netbios)
		decode_netbios(&out, name);
	text = out.len ? arena_take(heap, m, out.len) : NULL;
	if (out.len && !text) {
		name->flags |= DNS_NAME_TRUNCATED;
		name->netbios = 0;
		m->name_flags |= DNS_NAME_TRUNCATED;
		return true;
	}
	if (text)
		memcpy(text, out.text, out.len);
	name->text = (struct bytes){text, out.len};
	return true;
}

/* ---- records ---- */

/* Reads what is in r->raw for the types that hold names. */
static bool read_data(struct heap *heap, struct dns_message *m, struct dns_record *r)
{
	struct cursor c = cursor_of(r->raw.data, r->raw.len);

	if (!r->raw.len)
		return true;
	switch (r->type) {
	case DNS_SRV:
		if (!cursor_skip(&c, 6))
			return false;
		return take_name(heap, m, &c, &r->target);
	case DNS_MX:
		if (!cursor_skip(&c, 2))
			return false;
		return take_name(heap, m, &c, &r->target);
	case DNS_CNAME:
	case DNS_NS:
	case DNS_PTR:
		return take_name(heap, m, &c, &r->target);
	case DNS_SOA:
		if (!take_name(heap, m, &c, &r->target) || !take_name(heap, m, &c, &r->second))
			return false;
		r->tail = (uint32_t)(c.p - r->raw.data);
		return cursor_left(&c) >= 20;
	case DNS_SSHFP:
		return r->raw.len >= 2;
	}
	return true;
}

static struct dns_record *add_record(struct heap *heap, struct dns_message *m, unsigned section)
{
	void *array = m->records[section];

	if (m->record_count[section] >= DNS_RECORDS_MAX)
		return NULL;
	if (!grow(heap, &array, &m->record_cap[section], m->record_count[section],
		  sizeof(struct dns_record)))
		return NULL;
	m->records[section] = array;
	return &m->records[section][m->record_count[section]++];
}

/* A TXT record is one entry for each of its strings. False: not even the first one is whole. */
static bool add_strings(struct heap *heap, struct dns_message *m, unsigned section,
			const struct dns_record *whole)
{
	struct cursor c = cursor_of(whole->raw.data, whole->raw.len);
	bool first = true;

	while (first || cursor_left(&c)) {
		uint32_t len = whole->raw.len ? cursor_u8(&c) : 0;
		const uint8_t *text = cursor_take(&c, len);
		struct dns_record *r;

		if (!text)
			return !first;
		r = add_record(heap, m, section);
		if (!r)
			return false;
		*r = *whole;
		r->raw = (struct bytes){text, len};
		first = false;
	}
	return true;
}

static bool read_section(struct heap *heap, struct dns_message *m, struct cursor *c,
			 unsigned section, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct dns_record r = {0}, *slot;
		uint32_t len;

		if (!take_name(heap, m, c, &r.name))
			return false;
		r.type = cursor_be16(c);
		r.class = cursor_be16(c);
		r.ttl = cursor_be32(c);
		len = cursor_be16(c);
		r.raw = (struct bytes){cursor_take(c, len), len};
		if (c->bad)
			return false;
		if (r.type == DNS_TXT && !m->netbios) {
			if (!add_strings(heap, m, section, &r))
				return false;
			continue;
		}
		if (!m->netbios && !read_data(heap, m, &r))
			return false;
		slot = add_record(heap, m, section);
		if (!slot)
			return false;
		*slot = r;
	}
	return true;
}

static bool read_questions(struct heap *heap, struct dns_message *m, struct cursor *c,
			   unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		void *array = m->questions;
		struct dns_question q = {0};

		if (!take_name(heap, m, c, &q.name))
			return false;
		q.type = cursor_be16(c);
		q.class = cursor_be16(c);
		if (c->bad || m->question_count >= DNS_RECORDS_MAX)
			return false;
		if (!grow(heap, &array, &m->question_cap, m->question_count, sizeof(q)))
			return false;
		m->questions = array;
		m->questions[m->question_count++] = q;
	}
	return true;
}

/* ---- messages ---- */

bool dns_header_valid(const uint8_t *data, uint32_t have, uint32_t len)
{
	uint32_t records = 0;

	if (have < DNS_HEADER_BYTES)
		return false;
	for (unsigned i = 4; i < DNS_HEADER_BYTES; i += 2)
		records += get_be16(data + i);
	return 2 * records <= len; /* no record is shorter */
}

static enum dns_status message_parse(struct heap *heap, struct dns_message *m, const uint8_t *data, uint32_t len)
{
	unsigned counts[DNS_SECTIONS], questions;
	struct cursor c;
	uint8_t *copy;

	if (!dns_header_valid(data, len, len))
		return DNS_NOT_DNS;
	copy = arena_take(heap, m, len);
	if (!copy)
		return DNS_NO_MEMORY;
	memcpy(copy, data, len);
	m->memory_bytes = 0; /* the copy does not count against the names */
	m->copy = (struct bytes){copy, len};
	c = cursor_of(copy, len);
	m->id = cursor_be16(&c);
	m->flags = cursor_be16(&c);
	questions = cursor_be16(&c);
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		counts[i] = cursor_be16(&c);
	if (!read_questions(heap, m, &c, questions))
		return DNS_MALFORMED;
	if (!read_section(heap, m, &c, DNS_ANSWER, counts[DNS_ANSWER]))
		return DNS_MALFORMED;
	if (!read_section(heap, m, &c, DNS_AUTHORITY, counts[DNS_AUTHORITY])) {
		m->bad_authorities = true;
		m->record_count[DNS_AUTHORITY] = 0;
	} else if (!read_section(heap, m, &c, DNS_ADDITIONAL, counts[DNS_ADDITIONAL])) {
		m->bad_additionals = true;
		m->record_count[DNS_ADDITIONAL] = 0;
	}
	return DNS_GOOD;
}

enum dns_status dns_message_parse(struct heap *heap, struct dns_message *m, const uint8_t *data,
				  uint32_t len)
{
	*m = (struct dns_message){0};
	return message_parse(heap, m, data, len);
}

enum dns_status dns_message_parse_netbios(struct heap *heap, struct dns_message *m, const uint8_t *data, uint32_t len)
{
	*m = (struct dns_message){.netbios = true};
	return message_parse(heap, m, data, len);
}

/* Moves past count records, looking at their names and lengths only. */
static bool skip_records(struct cursor *c, struct bytes message, unsigned count, bool strict)
{
	struct name_out out;

	for (unsigned i = 0; i < count; i++) {
		out.len = out.flags = 0;
		if (!read_name(c, message, &out) || !cursor_skip(c, 8))
			return false;
		if (strict && out.flags)
			return false;
		if (!cursor_skip(c, cursor_be16(c)))
			return false;
	}
	return !c->bad;
}

static bool skip_questions(struct cursor *c, struct bytes message, unsigned count, bool strict)
{
	struct name_out out;

	for (unsigned i = 0; i < count; i++) {
		uint16_t class;

		out.len = out.flags = 0;
		if (!read_name(c, message, &out) || !cursor_skip(c, 2))
			return false;
		class = cursor_be16(c);
		if (c->bad)
			return false;
		if (!strict)
			continue;
		if (out.flags || out.len > 255 || (class != 1 && class != 3 && class != 255))
			return false;
		for (uint32_t k = 0; k < out.len; k++)
			if (out.text[k] <= ' ' || out.text[k] > '~')
				return false;
	}
	return true;
}

bool dns_message_probe(const uint8_t *data, uint32_t have, uint32_t len)
{
	struct bytes message = {data, have};
	struct cursor c = cursor_of(data, have);

	if (!dns_header_valid(data, have, len))
		return false;
	if (have < len)
		return true;
	message.len = len;
	c = cursor_of(data, len);
	cursor_skip(&c, DNS_HEADER_BYTES);
	return skip_questions(&c, message, get_be16(data + 4), false) &&
	       skip_records(&c, message, get_be16(data + 6), false);
}

bool dns_message_probe_strict(const uint8_t *data, uint32_t len)
{
	const struct bytes message = {data, len};
	struct cursor c = cursor_of(data, len);
	unsigned opcode, questions;

	if (!dns_header_valid(data, len, len))
		return false;
	opcode = data[2] >> 3 & 0xf;
	questions = get_be16(data + 4);
	if (opcode > 5 || questions != 1 || data[3] & 0x40)
		return false;
	if (!(data[2] & 0x80) && (data[3] & 0x0f || get_be16(data + 6)))
		return false; /* a question with a result code, or with answers */
	cursor_skip(&c, DNS_HEADER_BYTES);
	if (!skip_questions(&c, message, questions, true))
		return false;
	for (unsigned i = 6; i < DNS_HEADER_BYTES; i += 2)
		if (!skip_records(&c, message, get_be16(data + i), true))
			return false;
	return cursor_left(&c) == 0;
}

/* ---- names of numbers ---- */

static const struct {
	uint16_t type;
	const char *name;
} type_names[] = {
	{1, "A"},          {2, "NS"},       {3, "MD"},         {4, "MF"},        {5, "CNAME"},
	{6, "SOA"},        {7, "MB"},       {8, "MG"},         {9, "MR"},        {10, "NULL"},
	{11, "WKS"},       {12, "PTR"},     {13, "HINFO"},     {14, "MINFO"},    {15, "MX"},
	{16, "TXT"},       {17, "RP"},      {18, "AFSDB"},     {19, "X25"},      {20, "ISDN"},
	{21, "RT"},        {22, "NSAP"},    {23, "NSAPPTR"},   {24, "SIG"},      {25, "KEY"},
	{26, "PX"},        {27, "GPOS"},    {28, "AAAA"},      {29, "LOC"},      {30, "NXT"},
	{33, "SRV"},       {34, "ATMA"},    {35, "NAPTR"},     {36, "KX"},       {37, "CERT"},
	{38, "A6"},        {39, "DNAME"},   {41, "OPT"},       {42, "APL"},      {43, "DS"},
	{44, "SSHFP"},     {45, "IPSECKEY"}, {46, "RRSIG"},    {47, "NSEC"},     {48, "DNSKEY"},
	{49, "DHCID"},     {50, "NSEC3"},   {51, "NSEC3PARAM"}, {52, "TLSA"},    {55, "HIP"},
	{59, "CDS"},       {60, "CDNSKEY"}, {65, "HTTPS"},     {99, "SPF"},      {249, "TKEY"},
	{250, "TSIG"},     {254, "MAILA"},  {255, "ANY"},      {256, "URI"},
};

const char *dns_type_name(uint16_t type, char *text)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (type_names[i].type == type)
			return type_names[i].name;
	put_uint(put_to(text, 8), type);
	return text;
}

int dns_type_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (strcasecmp(type_names[i].name, name) == 0)
			return type_names[i].type;
	return -1;
}

const char *dns_rcode_name(uint16_t flags, char *text)
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
		"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE",
	};
	unsigned rcode = flags & 0xf;

	if (rcode < sizeof(names) / sizeof(names[0]))
		return names[rcode];
	put_uint(put_to(text, 8), rcode);
	return text;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/posting.h"

#include <errno.h>
#include <stdlib.h>

#include "control/store/bytes.h"

#define POSTING_FORMAT 1
#define ROWS_MAX (1u << 26)

enum posting_flags {
	UNIT_MS = 1 << 0,
	UNIT_S = 1 << 1,
	ALL_ONE = 1 << 2,
	ONE_PORT = 1 << 3,
	PORTS = 1 << 4,
	BYTES = 1 << 5,
	LASTS = 1 << 6,
};

int contact_row_compare(const struct contact_row *a, const struct contact_row *b)
{
	if (a->ip_version != b->ip_version)
		return a->ip_version < b->ip_version ? -1 : 1;
	return memcmp(a->client.b, b->client.b, sizeof(a->client.b));
}

static void add_port(struct contact_row *row, uint16_t port)
{
	unsigned at = 0;

	while (at < row->port_count && row->port[at] < port)
		at++;
	if ((at < row->port_count && row->port[at] == port) || row->port_count == CONTACT_PORTS_MAX)
		return;
	memmove(row->port + at + 1, row->port + at, (row->port_count - at) * sizeof(*row->port));
	row->port[at] = port;
	row->port_count++;
}

void contact_row_add(struct contact_row *into, const struct contact_row *more)
{
	if (more->first_us < into->first_us)
		into->first_us = more->first_us;
	if (more->last_us > into->last_us)
		into->last_us = more->last_us;
	into->count += more->count;
	into->bytes_out += more->bytes_out;
	into->bytes_in += more->bytes_in;
	for (unsigned i = 0; i < more->port_count; i++)
		add_port(into, more->port[i]);
}

static void put_number(struct text *out, uint64_t v)
{
	uint8_t *at = text_room(out, VARINT_MAX);

	if (at)
		out->len += (size_t)(put_varint(at, v) - at);
}

static unsigned posting_flags_of(const struct contact_row *rows, size_t count)
{
	unsigned flags = ALL_ONE | ONE_PORT;
	bool ms = true, s = true;

	for (size_t i = 0; i < count; i++) {
		const struct contact_row *r = &rows[i];

		s = s && r->first_us % 1000000 == 0 && r->last_us % 1000000 == 0;
		ms = ms && r->first_us % 1000 == 0 && r->last_us % 1000 == 0;
		if (r->count != 1)
			flags &= ~(unsigned)ALL_ONE;
		if (r->last_us != r->first_us)
			flags |= LASTS;
		if (r->port_count != 1 || r->port[0] != rows[0].port[0])
			flags &= ~(unsigned)ONE_PORT;
		if (r->port_count)
			flags |= PORTS;
		if (r->bytes_out || r->bytes_in)
			flags |= BYTES;
	}
	if (flags & ONE_PORT)
		flags &= ~(unsigned)PORTS;
	return flags | (s ? UNIT_S : ms ? UNIT_MS : 0);
}

static uint64_t unit_us(unsigned flags)
{
	return flags & UNIT_S ? 1000000 : flags & UNIT_MS ? 1000 : 1;
}

static void put_clients(struct text *out, const struct contact_row *rows, size_t count, size_t v4)
{
	uint32_t last = 0;

	for (size_t i = 0; i < v4; i++) {
		uint32_t at = read_be32(rows[i].client.b);

		put_number(out, at - last);
		last = at;
	}
	for (size_t i = v4; i < count; i++) {
		uint8_t shared = 0;

		while (i > v4 && shared < 16 && rows[i].client.b[shared] == rows[i - 1].client.b[shared])
			shared++;
		text_char(out, (char)shared);
		text_bytes(out, rows[i].client.b + shared, 16u - shared);
	}
}

static unsigned bits_of(uint64_t v)
{
	return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

static void put_firsts(struct text *out, const struct contact_row *rows, size_t count, uint64_t unit)
{
	uint64_t least = UINT64_MAX, most = 0, word = 0;
	unsigned bits, have = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t v = rows[i].first_us / unit;

		least = v < least ? v : least;
		most = v > most ? v : most;
	}
	bits = bits_of(most - least);
	put_number(out, least);
	text_char(out, (char)bits);
	for (size_t i = 0; i < count; i++) {
		/* At most 37 bits a value and 7 left over: no overflow of 64. */
		word |= (rows[i].first_us / unit - least) << have;
		for (have += bits; have >= 8; have -= 8, word >>= 8)
			text_char(out, (char)word);
	}
	if (have)
		text_char(out, (char)word);
}

static void put_single(struct text *out, const struct contact_row *row, unsigned flags)
{
	uint64_t unit = unit_us(flags);

	text_char(out, (char)(0x80 | flags));
	text_bytes(out, row->client.b, 4);
	if (!(flags & ALL_ONE))
		put_number(out, row->count);
	put_number(out, row->first_us / unit);
	if (flags & LASTS)
		put_number(out, (row->last_us - row->first_us) / unit);
	if (flags & ONE_PORT)
		put_number(out, row->port[0]);
	if (flags & BYTES) {
		put_number(out, row->bytes_out);
		put_number(out, row->bytes_in);
	}
}

void posting_encode(struct text *out, const struct contact_row *rows, size_t count)
{
	unsigned flags = posting_flags_of(rows, count);
	uint64_t unit = unit_us(flags);
	size_t v4 = 0;

	if (count == 1 && rows[0].ip_version == 4 && !(flags & PORTS)) {
		put_single(out, rows, flags);
		return;
	}
	while (v4 < count && rows[v4].ip_version == 4)
		v4++;
	text_char(out, POSTING_FORMAT);
	text_char(out, (char)flags);
	put_number(out, count);
	put_number(out, v4);
	put_clients(out, rows, count, v4);
	for (size_t i = 0; i < count && !(flags & ALL_ONE); i++)
		put_number(out, rows[i].count);
	put_firsts(out, rows, count, unit);
	for (size_t i = 0; i < count && flags & LASTS; i++)
		put_number(out, (rows[i].last_us - rows[i].first_us) / unit);
	if (flags & ONE_PORT)
		put_number(out, rows[0].port[0]);
	for (size_t i = 0; i < count && flags & PORTS; i++) {
		put_number(out, rows[i].port_count);
		for (unsigned k = 0; k < rows[i].port_count; k++)
			put_number(out, rows[i].port[k]);
	}
	for (size_t i = 0; i < count && flags & BYTES; i++) {
		put_number(out, rows[i].bytes_out);
		put_number(out, rows[i].bytes_in);
	}
}

struct reader {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t number(struct reader *r)
{
	uint64_t v;

	if (!get_varint(&r->p, r->end, &v)) {
		r->bad = true;
		r->p = r->end;
		return 0;
	}
	return v;
}

static uint8_t byte(struct reader *r)
{
	if (r->p == r->end) {
		r->bad = true;
		return 0;
	}
	return *r->p++;
}

static void get_clients(struct reader *r, struct contact_row *rows, size_t count, size_t v4)
{
	uint32_t last = 0;

	for (size_t i = 0; i < v4; i++) {
		last += (uint32_t)number(r);
		put_be32(rows[i].client.b, last);
		rows[i].ip_version = 4;
	}
	for (size_t i = v4; i < count; i++) {
		unsigned shared = byte(r);

		rows[i].ip_version = 6;
		if (shared > 16 || (i == v4 && shared) || (size_t)(r->end - r->p) < 16 - shared) {
			r->bad = true;
			return;
		}
		if (shared)
			memcpy(rows[i].client.b, rows[i - 1].client.b, shared);
		memcpy(rows[i].client.b + shared, r->p, 16 - shared);
		r->p += 16 - shared;
	}
}

static void get_firsts(struct reader *r, struct contact_row *rows, size_t count, uint64_t unit)
{
	uint64_t least = number(r), word = 0;
	unsigned bits = byte(r), have = 0;

	if (bits > 48 || (size_t)(r->end - r->p) < (count * bits + 7) / 8) {
		r->bad = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		for (; have < bits; have += 8)
			word |= (uint64_t)*r->p++ << have;
		rows[i].first_us = (least + (word & ((1ull << bits) - 1))) * unit;
		word >>= bits;
		have -= bits;
	}
}

static void get_ports(struct reader *r, struct contact_row *rows, size_t count, unsigned flags)
{
	uint16_t one = flags & ONE_PORT ? (uint16_t)number(r) : 0;

	for (size_t i = 0; i < count && !r->bad; i++) {
		uint64_t n = flags & PORTS ? number(r) : 0;

		if (n > CONTACT_PORTS_MAX) {
			r->bad = true;
			return;
		}
		rows[i].port_count = (uint8_t)n;
		for (unsigned k = 0; k < n; k++)
			rows[i].port[k] = (uint16_t)number(r);
		if (flags & ONE_PORT) {
			rows[i].port_count = 1;
			rows[i].port[0] = one;
		}
	}
}

static void get_columns(struct reader *r, struct contact_row *rows, size_t count, size_t v4,
			unsigned flags)
{
	uint64_t unit = unit_us(flags);

	get_clients(r, rows, count, v4);
	for (size_t i = 0; i < count && !r->bad; i++)
		rows[i].count = flags & ALL_ONE ? 1 : number(r);
	if (!r->bad)
		get_firsts(r, rows, count, unit);
	for (size_t i = 0; i < count && !r->bad; i++)
		rows[i].last_us = rows[i].first_us + (flags & LASTS ? number(r) * unit : 0);
	if (!r->bad)
		get_ports(r, rows, count, flags);
	for (size_t i = 0; i < count && flags & BYTES && !r->bad; i++) {
		rows[i].bytes_out = number(r);
		rows[i].bytes_in = number(r);
	}
}

static void get_single(struct reader *r, struct contact_row *row, unsigned flags)
{
	uint64_t unit = unit_us(flags);

	row->ip_version = 4;
	for (int i = 0; i < 4; i++)
		row->client.b[i] = byte(r);
	row->count = flags & ALL_ONE ? 1 : number(r);
	row->first_us = number(r) * unit;
	row->last_us = row->first_us + (flags & LASTS ? number(r) * unit : 0);
	if (flags & ONE_PORT) {
		row->port_count = 1;
		row->port[0] = (uint16_t)number(r);
	}
	if (flags & BYTES) {
		row->bytes_out = number(r);
		row->bytes_in = number(r);
	}
}

/* n zeroed rows behind those that are there; NULL: out of memory. */
static struct contact_row *rows_room(struct contact_row **rows, size_t count, size_t *cap, size_t n)
{
	if (*cap - count < n) {
		size_t want = *cap + *cap / 2 + n + 64;
		struct contact_row *more = realloc(*rows, want * sizeof(*more));

		if (!more)
			return NULL;
		*rows = more;
		*cap = want;
	}
	memset(*rows + count, 0, n * sizeof(**rows));
	return *rows + count;
}

int posting_decode(struct slice in, struct contact_row **rows, size_t *count, size_t *cap)
{
	struct reader r = {.p = in.data, .end = (const uint8_t *)in.data + in.len};
	uint8_t format = byte(&r);
	bool single = format & 0x80;
	unsigned flags = single ? format & 0x7f : byte(&r);
	uint64_t n = single ? 1 : number(&r), v4 = single ? 1 : number(&r);
	struct contact_row *at;

	/* Every row has at least one byte: a count that lies does not make us allocate. */
	if (r.bad || (!single && format != POSTING_FORMAT) || v4 > n || n > ROWS_MAX || n > in.len)
		return -EPROTO;
	if (!n)
		return 0;
	at = rows_room(rows, *count, cap, n);
	if (!at)
		return -ENOMEM;
	if (single)
		get_single(&r, at, flags);
	else
		get_columns(&r, at, n, v4, flags);
	if (r.bad)
		return -EPROTO;
	*count += n;
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/block.h"

#include <errno.h>
#include <string.h>

#include "control/contact/column.h"
#include "control/store/bytes.h"

#define BLOCK_FORMAT 1
#define HOUR_US 3600000000ull
#define DAY_US (24 * HOUR_US)

enum block_flags {
	FLAG_MS = 1 << 0,
	FLAG_S = 1 << 1,
	FLAG_BYTES = 1 << 2,
	FLAG_ROUND = 1 << 3,
	FLAG_ONE_PORT = 1 << 4,
	FLAG_PORTS = 1 << 5,
	FLAG_V6 = 1 << 6,
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
	into->hours |= more->hours;
	into->count += more->count;
	into->bytes_out += more->bytes_out;
	into->bytes_in += more->bytes_in;
	for (unsigned i = 0; i < more->port_count; i++)
		add_port(into, more->port[i]);
}

/* ---- writing ---- */

static uint64_t unit_us(unsigned flags)
{
	return flags & FLAG_S ? 1000000 : flags & FLAG_MS ? 1000 : 1;
}

static uint64_t short_float(uint64_t v)
{
	unsigned e;

	if (v < 16)
		return v;
	e = 63 - (unsigned)__builtin_clzll(v); /* 4 and up */
	/* Rounded; a carry makes it the next exponent by itself. */
	v = (v >> (e - 4)) + (e > 4 ? v >> (e - 5) & 1 : 0);
	return (e - 3) * 16 + v - 16;
}

static uint64_t from_short_float(uint64_t s)
{
	uint64_t e = s / 16; /* of a malformed column it may be any number */

	if (s < 16)
		return s;
	return e > 60 ? UINT64_MAX : (16 + s % 16) << (e - 1);
}

static void put_number(struct text *out, uint64_t v)
{
	uint8_t *at = text_room(out, VARINT_MAX);

	if (at)
		out->len += (size_t)(put_varint(at, v) - at);
}

static unsigned flags_of(const struct block_row *rows, size_t count, enum block_unit unit, bool round)
{
	unsigned flags = unit == UNIT_S ? FLAG_S : unit == UNIT_MS ? FLAG_MS : 0;
	bool one_port = true, ports = false;

	for (size_t i = 0; i < count; i++) {
		const struct contact_row *r = &rows[i].row;

		if (r->bytes_out || r->bytes_in)
			flags |= FLAG_BYTES | (round ? FLAG_ROUND : 0u);
		if (r->ip_version == 6)
			flags |= FLAG_V6;
		one_port = one_port && r->port_count == 1 && r->port[0] == rows[0].row.port[0];
		ports = ports || r->port_count;
	}
	return flags | (one_port ? FLAG_ONE_PORT : ports ? FLAG_PORTS : 0u);
}

/* Lists, and the clients of their rows. Returns how many lists. */
static size_t put_lists(struct text *out, const struct block_row *rows, size_t count)
{
	uint64_t ids[BLOCK_ROWS] = {0}, lengths[BLOCK_ROWS] = {0}, firsts[BLOCK_ROWS] = {0}, steps[BLOCK_ROWS] = {0};
	size_t lists = 0, first_count = 0, step_count = 0;
	uint32_t last_id = 0, last_client = 0;

	for (size_t i = 0; i < count; i++) {
		const struct contact_row *r = &rows[i].row;
		uint32_t client = read_be32(r->client.b);
		bool begins = i == 0 || rows[i].id != rows[i - 1].id;

		if (begins) {
			ids[lists] = i == 0 ? rows[i].id : rows[i].id - last_id - 1;
			lengths[lists++] = 0;
			last_id = rows[i].id;
		} else {
			lengths[lists - 1]++;
		}
		if (r->ip_version != 4)
			continue;
		if (begins)
			firsts[first_count++] = client;
		else
			steps[step_count++] = client - last_client - 1;
		last_client = client;
	}
	put_number(out, lists);
	column_put(out, ids, lists);
	column_put(out, lengths, lists);
	put_number(out, first_count);
	column_put(out, firsts, first_count);
	column_put(out, steps, step_count);
	return lists;
}

static void put_times(struct text *out, const struct block_row *rows, size_t count, uint64_t unit)
{
	uint64_t firsts[BLOCK_ROWS] = {0}, counts[BLOCK_ROWS] = {0}, lasting[BLOCK_ROWS] = {0};
	struct bit_writer w = {.out = out};
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		firsts[i] = rows[i].row.first_us / unit;
		counts[i] = rows[i].row.count;
	}
	column_put(out, firsts, count);
	column_put(out, counts, count);
	for (size_t i = 0; i < count; i++) {
		uint64_t lasts = rows[i].row.last_us / unit - firsts[i];

		bits_put(&w, lasts != 0, 1);
		if (lasts)
			lasting[n++] = lasts;
	}
	bits_end(&w);
	column_put(out, lasting, n);
	/* The hours of first and last are known, with units too. */
	for (size_t i = 0; i < count; i++) {
		const struct contact_row *r = &rows[i].row;
		unsigned from = (unsigned)(r->first_us / HOUR_US), to = (unsigned)(r->last_us / HOUR_US);

		if (to > from + 1)
			bits_put(&w, r->hours >> (from + 1), to - from - 1);
	}
	bits_end(&w);
}

static void put_bytes(struct text *out, const struct block_row *rows, size_t count, bool round)
{
	uint64_t sent[BLOCK_ROWS] = {0}, got[BLOCK_ROWS] = {0};
	struct bit_writer w = {.out = out};
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct contact_row *r = &rows[i].row;
		bool any = r->bytes_out || r->bytes_in;

		bits_put(&w, any, 1);
		if (!any)
			continue;
		sent[n] = round ? short_float(r->bytes_out) : r->bytes_out;
		got[n++] = round ? short_float(r->bytes_in) : r->bytes_in;
	}
	bits_end(&w);
	column_put(out, sent, n);
	column_put(out, got, n);
}

static void put_ports(struct text *out, const struct block_row *rows, size_t count)
{
	uint64_t counts[BLOCK_ROWS] = {0};
	/* Rows have eight at most, but the blocks that have many are few. */
	uint64_t places[BLOCK_ROWS * CONTACT_PORTS_MAX] = {0};
	uint16_t distinct[BLOCK_ROWS * CONTACT_PORTS_MAX];
	size_t n = 0, kinds = 0;

	for (size_t i = 0; i < count; i++) {
		const struct contact_row *r = &rows[i].row;

		counts[i] = r->port_count;
		for (unsigned k = 0; k < r->port_count; k++) {
			size_t at = 0;

			while (at < kinds && distinct[at] != r->port[k])
				at++;
			if (at == kinds)
				distinct[kinds++] = r->port[k];
			places[n++] = at;
		}
	}
	put_number(out, kinds);
	for (size_t i = 0; i < kinds; i++)
		put_number(out, distinct[i]);
	column_put(out, counts, count);
	column_put(out, places, n);
}

static void put_v6(struct text *out, const struct block_row *rows, size_t count)
{
	struct bit_writer w = {.out = out};

	for (size_t i = 0; i < count; i++)
		bits_put(&w, rows[i].row.ip_version == 6, 1);
	bits_end(&w);
	for (size_t i = 0; i < count; i++)
		if (rows[i].row.ip_version == 6)
			text_bytes(out, rows[i].row.client.b, 16);
}

void block_encode(struct text *out, const struct block_row *rows, size_t count, enum block_unit unit,
		  bool round)
{
	unsigned flags = flags_of(rows, count, unit, round);

	text_char(out, BLOCK_FORMAT);
	text_char(out, (char)flags);
	put_number(out, count);
	if (flags & FLAG_V6)
		put_v6(out, rows, count);
	put_lists(out, rows, count);
	put_times(out, rows, count, unit_us(flags));
	if (flags & FLAG_BYTES)
		put_bytes(out, rows, count, flags & FLAG_ROUND);
	if (flags & FLAG_ONE_PORT)
		put_number(out, rows[0].row.port[0]);
	if (flags & FLAG_PORTS)
		put_ports(out, rows, count);
}

/* ---- reading ---- */

struct reader {
	const uint8_t *p, *end;
	struct block_row *rows;
	size_t count;
};

static bool number(struct reader *r, uint64_t most, uint64_t *v)
{
	return get_varint(&r->p, r->end, v) && *v <= most;
}

static bool column(struct reader *r, uint64_t *values, size_t count)
{
	return column_get(&r->p, r->end, values, count);
}

/* One bit for each row; *n: how many are set. */
static bool bitmap(struct reader *r, uint8_t *bit, size_t *n)
{
	size_t bytes = (r->count + 7) / 8;

	if ((size_t)(r->end - r->p) < bytes)
		return false;
	*n = 0;
	for (size_t i = 0; i < r->count; i++) {
		bit[i] = r->p[i / 8] >> (i % 8) & 1;
		*n += bit[i];
	}
	r->p += bytes;
	return true;
}

static bool get_v6(struct reader *r)
{
	uint8_t is6[BLOCK_ROWS];
	size_t n;

	if (!bitmap(r, is6, &n) || (size_t)(r->end - r->p) < 16 * n)
		return false;
	for (size_t i = 0; i < r->count; i++) {
		if (!is6[i])
			continue;
		r->rows[i].row.ip_version = 6;
		memcpy(r->rows[i].row.client.b, r->p, 16);
		r->p += 16;
	}
	return true;
}

static bool place_clients(struct reader *r, const uint64_t *firsts, size_t first_count,
			  const uint64_t *steps)
{
	size_t first = 0, step = 0;
	uint32_t client = 0;

	for (size_t i = 0; i < r->count; i++) {
		struct contact_row *row = &r->rows[i].row;
		bool begins = i == 0 || r->rows[i].id != r->rows[i - 1].id;

		if (row->ip_version == 6)
			continue;
		row->ip_version = 4;
		if (begins && first == first_count)
			return false;
		client = begins ? (uint32_t)firsts[first++] : client + 1 + (uint32_t)steps[step++];
		put_be32(row->client.b, client);
	}
	return true;
}

static bool get_lists(struct reader *r)
{
	uint64_t ids[BLOCK_ROWS], lengths[BLOCK_ROWS], firsts[BLOCK_ROWS], steps[BLOCK_ROWS];
	uint64_t lists, first_count;
	size_t row = 0, v4 = 0, begin4 = 0;
	uint32_t id = 0;

	if (!number(r, r->count, &lists) || !column(r, ids, lists) || !column(r, lengths, lists))
		return false;
	for (size_t i = 0; i < lists; i++) {
		/* Lists of one number twice would be one list to place_clients, with steps it has not. */
		if (ids[i] > UINT32_MAX || (i && ids[i] >= UINT32_MAX - id) ||
		    lengths[i] >= r->count - row)
			return false;
		id = i ? id + 1 + (uint32_t)ids[i] : (uint32_t)ids[i];
		begin4 += r->rows[row].row.ip_version != 6;
		for (uint64_t k = 0; k <= lengths[i]; k++) {
			v4 += r->rows[row].row.ip_version != 6;
			r->rows[row++].id = id;
		}
	}
	if (row != r->count || !number(r, r->count, &first_count) || first_count != begin4 ||
	    !column(r, firsts, first_count) || !column(r, steps, v4 - begin4))
		return false;
	return place_clients(r, firsts, first_count, steps);
}

static void get_hours(struct reader *r)
{
	struct bit_reader bits = {.p = r->p, .end = r->end};

	for (size_t i = 0; i < r->count; i++) {
		struct contact_row *row = &r->rows[i].row;
		unsigned from = (unsigned)(row->first_us / HOUR_US);
		unsigned to = (unsigned)(row->last_us / HOUR_US);

		row->hours = 1u << from | 1u << to;
		if (to > from + 1)
			row->hours |= (uint32_t)bits_get(&bits, to - from - 1) << (from + 1);
	}
	r->p = bits.p;
	if (bits.bad)
		r->end = NULL;
}

static bool get_times(struct reader *r, uint64_t unit)
{
	uint64_t v[BLOCK_ROWS];
	uint8_t lasts[BLOCK_ROWS];
	size_t n, at = 0;

	if (!column(r, v, r->count))
		return false;
	for (size_t i = 0; i < r->count; i++) {
		r->rows[i].row.first_us = v[i] * unit;
		if (v[i] >= DAY_US / unit)
			return false;
	}
	if (!column(r, v, r->count))
		return false;
	for (size_t i = 0; i < r->count; i++)
		r->rows[i].row.count = v[i];
	if (!bitmap(r, lasts, &n) || !column(r, v, n))
		return false;
	for (size_t i = 0; i < r->count; i++) {
		struct contact_row *row = &r->rows[i].row;

		if (lasts[i] && v[at] >= DAY_US / unit)
			return false;
		row->last_us = row->first_us + (lasts[i] ? v[at++] * unit : 0);
		if (row->last_us >= DAY_US)
			return false;
	}
	get_hours(r);
	return r->end != NULL;
}

static bool get_bytes(struct reader *r, bool round)
{
	uint64_t sent[BLOCK_ROWS], got[BLOCK_ROWS];
	uint8_t any[BLOCK_ROWS];
	size_t n, at = 0;

	if (!bitmap(r, any, &n) || !column(r, sent, n) || !column(r, got, n))
		return false;
	for (size_t i = 0; i < r->count; i++) {
		if (!any[i])
			continue;
		r->rows[i].row.bytes_out = round ? from_short_float(sent[at]) : sent[at];
		r->rows[i].row.bytes_in = round ? from_short_float(got[at]) : got[at];
		at++;
	}
	return true;
}

static bool get_ports(struct reader *r)
{
	uint64_t counts[BLOCK_ROWS], places[BLOCK_ROWS * CONTACT_PORTS_MAX], kinds, port;
	uint16_t distinct[BLOCK_ROWS * CONTACT_PORTS_MAX];
	size_t n = 0, at = 0;

	if (!number(r, BLOCK_ROWS * CONTACT_PORTS_MAX, &kinds))
		return false;
	for (size_t i = 0; i < kinds; i++) {
		if (!number(r, UINT16_MAX, &port))
			return false;
		distinct[i] = (uint16_t)port;
	}
	if (!column(r, counts, r->count))
		return false;
	for (size_t i = 0; i < r->count; i++) {
		if (counts[i] > CONTACT_PORTS_MAX)
			return false;
		n += counts[i];
	}
	if (!column(r, places, n))
		return false;
	for (size_t i = 0; i < r->count; i++) {
		r->rows[i].row.port_count = (uint8_t)counts[i];
		for (unsigned k = 0; k < counts[i]; k++, at++) {
			if (places[at] >= kinds)
				return false;
			r->rows[i].row.port[k] = distinct[places[at]];
		}
	}
	return true;
}

static bool get_one_port(struct reader *r)
{
	uint64_t port;

	if (!number(r, UINT16_MAX, &port))
		return false;
	for (size_t i = 0; i < r->count; i++) {
		r->rows[i].row.port_count = 1;
		r->rows[i].row.port[0] = (uint16_t)port;
	}
	return true;
}

int block_decode(struct slice in, struct block_row *rows, size_t *count)
{
	struct reader r = {.p = in.data, .end = (const uint8_t *)in.data + in.len, .rows = rows};
	unsigned flags;
	uint64_t n;

	*count = 0;
	if (in.len < 3 || r.p[0] != BLOCK_FORMAT)
		return -EPROTO;
	flags = r.p[1];
	r.p += 2;
	if (!number(&r, BLOCK_ROWS, &n) || !n)
		return -EPROTO;
	r.count = n;
	memset(rows, 0, n * sizeof(*rows));
	if ((flags & FLAG_V6 && !get_v6(&r)) || !get_lists(&r) || !get_times(&r, unit_us(flags)) ||
	    (flags & FLAG_BYTES && !get_bytes(&r, flags & FLAG_ROUND)) ||
	    (flags & FLAG_ONE_PORT && !get_one_port(&r)) || (flags & FLAG_PORTS && !get_ports(&r)))
		return -EPROTO;
	*count = n;
	return 0;
}

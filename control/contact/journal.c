/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/contact/journal.h"

#include "control/store/bytes.h"
#include "control/store/days.h"

enum journal_flags { CLIENT_6 = 1, HAS_COUNT = 2, HAS_PORT = 4, HAS_BYTES = 8 };

void journal_key(uint8_t *key, uint16_t day, uint16_t part, uint64_t number)
{
	put_be16(key, day);
	put_be16(key + 2, part);
	put_be64(key + 4, number);
}

static bool take_addr(struct contact_row *row, struct bytes b)
{
	if (b.len != 4 && b.len != 16)
		return false;
	memcpy(row->client.b, b.data, b.len);
	row->ip_version = b.len == 4 ? 4 : 6;
	return true;
}

bool journal_from_record(struct journal_entry *e, const struct record_head *head)
{
	struct bytes text = {0};
	struct value_reader r;
	struct value v;
	bool goes_on = false;
	int kind = 0;

	memset(&e->row, 0, sizeof(e->row));
	e->row.count = 1;
	value_reader_init(&r, head);
	while (value_next(&r, &v)) {
		if (v.close)
			continue;
		switch (v.field) {
		case F_contact_kind:
			kind = v.n < CONTACT_KIND_COUNT ? (int)v.n : 0;
			break;
		case F_contact_value:
			text = v.body;
			break;
		case F_contact_client:
			if (!take_addr(&e->row, v.body))
				return false;
			break;
		case F_contact_port:
			e->row.port[0] = (uint16_t)v.n;
			e->row.port_count = v.n != 0;
			break;
		case F_contact_count:
			e->row.count = v.n ? v.n : 1;
			break;
		case F_contact_goes_on:
			goes_on = v.n != 0;
			break;
		case F_contact_bytes_out:
			e->row.bytes_out = v.n;
			break;
		case F_contact_bytes_in:
			e->row.bytes_in = v.n;
			break;
		default:
			break;
		}
	}
	if (r.bad || !kind || !text.len || !e->row.ip_version)
		return false;
	/* One that was counted when it began: it only lasts longer. */
	if (goes_on)
		e->row.count = 0;
	e->row.first_us = e->row.last_us = head->ts_ns % DAY_NS / 1000;
	e->row.hours = 1u << (e->row.first_us / 3600000000u);
	e->value[0] = (uint8_t)kind;
	e->len = kind == CONTACT_IP ? value_key_addr(text.data, text.len, e->value + 1)
				    : value_key(kind, text.data, text.len, e->value + 1);
	if (!e->len)
		return false;
	e->len++;
	return true;
}

void journal_put(struct text *out, const struct journal_entry *e)
{
	const struct contact_row *row = &e->row;
	uint8_t head[2 + 16 + 7 * VARINT_MAX], *at = head;
	unsigned flags = 0, ip = row->ip_version == 6 ? 16 : 4;

	flags |= row->ip_version == 6 ? CLIENT_6 : 0u;
	flags |= row->count != 1 ? HAS_COUNT : 0u;
	flags |= row->port_count ? HAS_PORT : 0u;
	flags |= row->bytes_out || row->bytes_in ? HAS_BYTES : 0u;
	*at++ = e->value[0];
	*at++ = (uint8_t)flags;
	memcpy(at, row->client.b, ip);
	at = put_varint(at + ip, row->first_us);
	if (flags & HAS_COUNT)
		at = put_varint(at, row->count);
	if (flags & HAS_PORT)
		at = put_varint(at, row->port[0]);
	if (flags & HAS_BYTES) {
		at = put_varint(at, row->bytes_out);
		at = put_varint(at, row->bytes_in);
	}
	at = put_varint(at, e->len - 1);
	text_bytes(out, head, (size_t)(at - head));
	text_bytes(out, e->value + 1, e->len - 1);
}

static bool get_numbers(const uint8_t **p, const uint8_t *end, unsigned flags,
			struct contact_row *row, uint64_t *len)
{
	uint64_t v;

	if (!get_varint(p, end, &row->first_us))
		return false;
	if (row->first_us >= DAY_NS / 1000)
		return false;
	row->last_us = row->first_us;
	row->hours = 1u << (row->first_us / 3600000000u);
	row->count = 1;
	if (flags & HAS_COUNT && !get_varint(p, end, &row->count))
		return false;
	if (flags & HAS_PORT) {
		if (!get_varint(p, end, &v))
			return false;
		row->port[0] = (uint16_t)v;
		row->port_count = 1;
	}
	if (flags & HAS_BYTES &&
	    (!get_varint(p, end, &row->bytes_out) || !get_varint(p, end, &row->bytes_in)))
		return false;
	return get_varint(p, end, len);
}

bool journal_get(const uint8_t **p, const uint8_t *end, struct journal_entry *e)
{
	unsigned flags, ip;
	uint64_t len;

	if (end - *p < 2)
		return false;
	e->value[0] = (*p)[0];
	flags = (*p)[1];
	ip = flags & CLIENT_6 ? 16 : 4;
	*p += 2;
	if ((size_t)(end - *p) < ip)
		return false;
	memset(&e->row, 0, sizeof(e->row));
	memcpy(e->row.client.b, *p, ip);
	e->row.ip_version = ip == 16 ? 6 : 4;
	*p += ip;
	if (!get_numbers(p, end, flags, &e->row, &len) || !len || len > VALUE_KEY_MAX ||
	    (size_t)(end - *p) < len)
		return false;
	memcpy(e->value + 1, *p, len);
	e->len = 1 + len;
	*p += len;
	return true;
}

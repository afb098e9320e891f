/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store/event_row.h"

#include "control/store/bytes.h"
#include "control/store/days.h"

#define ROW_VERSION 1
#define ROW_HEAD_BYTES 20

void event_key(uint8_t *key, uint64_t ts_ns, uint8_t worker, uint64_t boot_id, uint64_t seq)
{
	put_be16(key, day_of(ts_ns));
	put_be64(key + 2, ts_ns);
	key[10] = worker;
	put_be32(key + 11, (uint32_t)boot_id);
	put_be64(key + 15, seq);
}

uint64_t event_key_time(const uint8_t *key)
{
	return read_be64(key + 2);
}

size_t event_key_from(uint8_t *key, uint64_t ts_ns)
{
	put_be16(key, day_of(ts_ns));
	put_be64(key + 2, ts_ns);
	return 10;
}

void event_value(struct text *out, const struct event_row *row)
{
	size_t ip = row->ip_version == 4 ? 4 : row->ip_version == 6 ? 16 : 0;
	uint8_t head[ROW_HEAD_BYTES] = {ROW_VERSION, row->ip_version, (uint8_t)row->type.len};

	put_be32(head + 4, row->sid);
	put_be16(head + 8, row->sport);
	put_be16(head + 10, row->dport);
	put_be64(head + 12, row->flow_id);
	text_bytes(out, head, sizeof(head));
	text_bytes(out, row->src.b, ip);
	text_bytes(out, row->dst.b, ip);
	text_bytes(out, row->type.data, row->type.len & 0xff);
	text_bytes(out, row->json.data, row->json.len);
}

bool event_read(struct event_row *row, struct slice key, struct slice value)
{
	const uint8_t *v = value.data;
	size_t ip, name, at = ROW_HEAD_BYTES;

	if (key.len != EVENT_KEY_BYTES || value.len < ROW_HEAD_BYTES || v[0] != ROW_VERSION)
		return false;
	ip = v[1] == 4 ? 4 : v[1] == 6 ? 16 : 0;
	name = v[2];
	if (value.len < at + 2 * ip + name)
		return false;
	*row = (struct event_row){
		.ts_ns = event_key_time(key.data),
		.ip_version = v[1],
		.sid = read_be32(v + 4),
		.sport = read_be16(v + 8),
		.dport = read_be16(v + 10),
		.flow_id = read_be64(v + 12),
	};
	memcpy(row->src.b, v + at, ip);
	memcpy(row->dst.b, v + at + ip, ip);
	at += 2 * ip;
	row->type = (struct slice){v + at, name};
	row->json = (struct slice){v + at + name, value.len - at - name};
	return true;
}

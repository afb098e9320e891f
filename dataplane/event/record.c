/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/event/record.h"

#include <string.h>

#define CLOSE_BYTES ((uint32_t)sizeof(struct value_head))

const char *const record_packet_source_names[PACKET_SOURCE_COUNT] = {
	[PACKET_WIRE] = "wire/pcap",
	[PACKET_TUNNEL] = "tunnel",
	[PACKET_DEFRAG] = "defrag",
	[PACKET_STREAM_FLUSH] = "stream (detect/log)",
	[PACKET_GRE] = "gre tunnel",
	[PACKET_IN_IPV4] = "ipv4 tunnel",
	[PACKET_IN_IPV6] = "ipv6 tunnel",
	[PACKET_TEREDO] = "teredo tunnel",
	[PACKET_GENEVE] = "geneve encapsulation",
	[PACKET_VXLAN] = "vxlan encapsulation",
	[PACKET_FLOW_TIMEOUT] = "stream (flow timeout)",
};

static uint32_t padded(uint32_t n)
{
	return (n + 7u) & ~7u;
}

void rec_begin_there(struct recorder *r, void *memory, uint32_t cap)
{
	*r = (struct recorder){
		.at = memory,
		.cap = cap > RECORD_MAX_BYTES ? RECORD_MAX_BYTES : cap & ~7u,
		.len = sizeof(struct record_head),
	};
}

void rec_begin(struct recorder *r, void *memory, uint32_t cap, const struct record_head *head)
{
	rec_begin_there(r, memory, cap);
	memcpy(r->at, head, sizeof(*head));
}

/* Room for `need` bytes beside what closing all open levels takes; NULL and truncated if not. */
static inline uint8_t *room(struct recorder *r, uint32_t need)
{
	uint8_t *at = r->at + r->len;

	if (r->truncated || r->cap - r->len < need + CLOSE_BYTES * r->depth) {
		r->truncated = true;
		return NULL;
	}
	r->len += need;
	return at;
}

uint8_t *rec_room(struct recorder *r, uint32_t bytes)
{
	uint8_t *at = room(r, bytes);

	if (at)
		r->len -= bytes;
	return at;
}

static void put_head(uint8_t *at, enum field_id f, bool wide, uint32_t n)
{
	struct value_head h = {.field = (uint16_t)f, .wide = wide, .n = n};

	memcpy(at, &h, sizeof(h));
}

static void put_wide(struct recorder *r, enum field_id f, uint64_t v)
{
	uint8_t *at = room(r, 16);

	if (!at)
		return;
	put_head(at, f, true, 8);
	memcpy(at + 8, &v, 8);
}

void rec_uint(struct recorder *r, enum field_id f, uint64_t v)
{
	uint8_t *at;

	if (v > UINT32_MAX) {
		put_wide(r, f, v);
		return;
	}
	at = room(r, 8);
	if (at)
		put_head(at, f, false, (uint32_t)v);
}

void rec_int(struct recorder *r, enum field_id f, int64_t v)
{
	put_wide(r, f, (uint64_t)v);
}

void rec_bool(struct recorder *r, enum field_id f, bool v)
{
	rec_uint(r, f, v);
}

void rec_float(struct recorder *r, enum field_id f, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, 8);
	put_wide(r, f, bits);
}

void rec_time(struct recorder *r, enum field_id f, uint64_t ns)
{
	put_wide(r, f, ns);
}

/* The value, and zeroes up to the next multiple of eight. Most are short: two moves that overlap, no call. */
static inline void put_padded(uint8_t *at, const uint8_t *data, uint32_t n)
{
	if (n & 7)
		memset(at + (n & ~7u), 0, 8);
	if (n > 16) {
		memcpy(at, data, n);
	} else if (n >= 8) {
		memcpy(at, data, 8);
		memcpy(at + n - 8, data + n - 8, 8);
	} else if (n >= 4) {
		memcpy(at, data, 4);
		memcpy(at + n - 4, data + n - 4, 4);
	} else {
		for (uint32_t i = 0; i < n; i++)
			at[i] = data[i];
	}
}

void rec_bytes(struct recorder *r, enum field_id f, const void *data, size_t len)
{
	uint32_t n = len > RECORD_MAX_BYTES ? RECORD_MAX_BYTES : (uint32_t)len;
	uint8_t *at = room(r, 8 + padded(n));

	if (!at)
		return;
	put_head(at, f, false, n);
	put_padded(at + 8, data, n);
}

/* Two bytes of the key's length, the key, the value. */
void rec_member(struct recorder *r, enum field_id f, struct bytes key, struct bytes value)
{
	uint32_t k = key.len < RECORD_KEY_MAX ? key.len : RECORD_KEY_MAX;
	uint32_t v = value.len < RECORD_MAX_BYTES ? value.len : RECORD_MAX_BYTES;
	uint32_t n = 2 + k + v;
	uint8_t *at = room(r, 8 + padded(n));

	if (!at)
		return;
	put_head(at, f, false, n);
	memset(at + 8 + (n & ~7u), 0, padded(n) - (n & ~7u));
	at[8] = (uint8_t)(k >> 8);
	at[9] = (uint8_t)k;
	if (k)
		memcpy(at + 10, key.data, k);
	if (v)
		memcpy(at + 10 + k, value.data, v);
}

void rec_addr(struct recorder *r, enum field_id f, const struct addr *a, int ip_version)
{
	rec_bytes(r, f, a->b, ip_version == 6 ? 16 : 4);
}

void rec_open(struct recorder *r, enum field_id f)
{
	uint8_t *at = room(r, 8 + CLOSE_BYTES);

	/* A level that does not fit stays closed: its fields do not fit either. */
	if (!at)
		return;
	r->len -= CLOSE_BYTES;
	r->depth++;
	put_head(at, f, false, 0);
}

void rec_close(struct recorder *r)
{
	/* After truncation rec_end closes what is open. */
	if (r->truncated || r->depth == 0)
		return;
	put_head(r->at + r->len, FIELD_NONE, false, 0);
	r->len += CLOSE_BYTES;
	r->depth--;
}

void rec_encoded(struct recorder *r, const void *values, uint32_t len)
{
	uint8_t *at = room(r, padded(len));

	if (at && len)
		memcpy(at, values, len);
}

uint32_t rec_end(struct recorder *r)
{
	struct record_head *head = (struct record_head *)(void *)r->at;
	bool truncated = r->truncated;

	r->truncated = false;
	while (r->depth)
		rec_close(r);
	r->truncated = truncated;
	head->length = r->len;
	if (truncated)
		head->flags |= RECORD_TRUNCATED;
	return r->len;
}

bool record_valid(const struct record_head *head, uint64_t avail)
{
	return avail >= sizeof(*head) && head->length >= sizeof(*head) && head->length % 8 == 0 &&
	       head->length <= RECORD_MAX_BYTES && head->length <= avail &&
	       head->type < RECORD_COUNT;
}

void value_reader_init(struct value_reader *r, const struct record_head *head)
{
	r->p = (const uint8_t *)head + sizeof(*head);
	r->end = (const uint8_t *)head + head->length;
	r->bad = false;
}

static bool value_bad(struct value_reader *r)
{
	r->bad = true;
	r->p = r->end;
	return false;
}

static bool kind_is_scalar(enum field_kind kind)
{
	return kind == KIND_UINT || kind == KIND_INT || kind == KIND_BOOL || kind == KIND_FLOAT ||
	       kind == KIND_TIME || kind == KIND_HIDDEN;
}

bool value_member(const struct value *v, struct bytes *key, struct bytes *value)
{
	struct cursor c = cursor_of(v->body.data, v->body.len);

	key->len = cursor_be16(&c);
	key->data = cursor_take(&c, key->len);
	*value = (struct bytes){c.p, (uint32_t)cursor_left(&c)};
	return !c.bad;
}

bool value_next(struct value_reader *r, struct value *out)
{
	struct value_head h;

	if (r->p >= r->end)
		return false;
	if (r->end - r->p < 8)
		return value_bad(r);
	memcpy(&h, r->p, 8);
	r->p += 8;
	if (h.field >= FIELD_COUNT)
		return value_bad(r);
	*out = (struct value){.field = h.field, .kind = field_rows[h.field].kind};
	if (h.field == FIELD_NONE) {
		out->close = true;
		return true;
	}
	if (out->kind == KIND_OBJECT || out->kind == KIND_ARRAY)
		return true;
	if (kind_is_scalar(out->kind) && !h.wide) {
		out->n = h.n;
		return true;
	}
	if ((uint64_t)(r->end - r->p) < (((uint64_t)h.n + 7) & ~7ull))
		return value_bad(r);
	out->body = (struct bytes){r->p, h.n};
	r->p += ((uint64_t)h.n + 7) & ~7ull;
	if (kind_is_scalar(out->kind)) {
		if (h.n != 8)
			return value_bad(r);
		memcpy(&out->n, out->body.data, 8);
		memcpy(&out->f, out->body.data, 8);
	}
	return true;
}

void value_skip_level(struct value_reader *r)
{
	struct value v;
	unsigned depth = 1;

	while (depth && value_next(r, &v)) {
		if (v.close)
			depth--;
		else if (v.kind == KIND_OBJECT || v.kind == KIND_ARRAY)
			depth++;
	}
}

bool record_find(const struct record_head *head, enum field_id f, struct value *out)
{
	struct value_reader r;

	value_reader_init(&r, head);
	while (value_next(&r, out))
		if (!out->close && out->field == f)
			return true;
	return false;
}

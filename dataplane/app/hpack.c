/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HPACK, see hpack.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/hpack.h"

#define RING_FIRST 16
#define HUFFMAN_BITS_MAX 30
#define HUFFMAN_END 256

struct hpack_entry {
	uint32_t name_len, value_len;
	uint8_t text[]; /* name, value */
};

static const struct {
	const char *name, *value;
} static_table[] = {
#define STATIC(name, value) {name, value},
#include "dataplane/app/hpack.def"
};

#define STATIC_COUNT (sizeof(static_table) / sizeof(static_table[0]))

static const uint16_t huffman_symbols[] = {
#define SYMBOL(n) n,
#include "dataplane/app/hpack.def"
};

static const uint8_t huffman_counts[HUFFMAN_BITS_MAX + 1] = {
#define LENGTH(bits, count) [bits] = count,
#include "dataplane/app/hpack.def"
};

void hpack_init(struct hpack *h)
{
	*h = (struct hpack){.bytes_max = HPACK_TABLE_DEFAULT};
}

/* ---- the dynamic table ---- */

static uint32_t entry_bytes(const struct hpack_entry *e)
{
	return e->name_len + e->value_len + HPACK_ENTRY_OVERHEAD;
}

static struct hpack_entry *entry_at(const struct hpack *h, uint32_t n)
{
	return h->ring[(h->newest + n) % h->cap];
}

static void evict(struct heap *heap, struct hpack *h, uint32_t room)
{
	while (h->count && h->bytes > room) {
		struct hpack_entry *oldest = entry_at(h, --h->count);

		h->bytes -= entry_bytes(oldest);
		heap_free(heap, oldest);
	}
}

void hpack_free(struct heap *heap, struct hpack *h)
{
	evict(heap, h, 0);
	heap_free(heap, h->ring);
	*h = (struct hpack){0};
}

static bool grow(struct heap *heap, struct hpack *h)
{
	uint32_t cap = h->cap ? h->cap * 2 : RING_FIRST;
	struct hpack_entry **ring = heap_alloc(heap, cap * sizeof(struct hpack_entry *));

	if (!ring)
		return false;
	for (uint32_t i = 0; i < h->count; i++)
		ring[i] = entry_at(h, i);
	heap_free(heap, h->ring);
	h->ring = ring;
	h->cap = cap;
	h->newest = 0;
	return true;
}

/* RFC 7541, 4.4: an entry beyond the table's size empties it. name may be that of an old entry. */
static void insert(struct heap *heap, struct hpack *h, struct bytes name, struct bytes value)
{
	uint32_t bytes = name.len + value.len + HPACK_ENTRY_OVERHEAD;
	struct hpack_entry *e = NULL;

	if (bytes <= h->bytes_max && (h->count < h->cap || grow(heap, h)))
		e = heap_alloc(heap, sizeof(*e) + name.len + value.len);
	if (e) {
		e->name_len = name.len;
		e->value_len = value.len;
		if (name.len)
			memcpy(e->text, name.data, name.len);
		if (value.len)
			memcpy(e->text + name.len, value.data, value.len);
	}
	evict(heap, h, e ? h->bytes_max - bytes : 0);
	if (!e)
		return;
	h->newest = (h->newest + h->cap - 1) % h->cap;
	h->ring[h->newest] = e;
	h->count++;
	h->bytes += bytes;
}

static bool lookup(const struct hpack *h, uint32_t index, struct bytes *name, struct bytes *value)
{
	const struct hpack_entry *e;

	if (index == 0 || index > STATIC_COUNT + h->count)
		return false;
	if (index <= STATIC_COUNT) {
		const char *n = static_table[index - 1].name, *v = static_table[index - 1].value;

		*name = (struct bytes){(const uint8_t *)n, (uint32_t)strlen(n)};
		*value = (struct bytes){(const uint8_t *)v, (uint32_t)strlen(v)};
		return true;
	}
	e = entry_at(h, index - (uint32_t)STATIC_COUNT - 1);
	*name = (struct bytes){e->text, e->name_len};
	*value = (struct bytes){e->text + e->name_len, e->value_len};
	return true;
}

/* ---- integers and strings ---- */

/* RFC 7541, 5.1 */
static enum hpack_kind integer(struct cursor *c, uint8_t first, unsigned prefix, uint32_t *out)
{
	uint64_t n = first & ((1u << prefix) - 1);

	if (n == (1u << prefix) - 1) {
		for (unsigned shift = 0;; shift += 7) {
			uint8_t b = cursor_u8(c);

			if (c->bad)
				return HPACK_CUT;
			if (shift > 28)
				return HPACK_TOO_BIG;
			n += (uint64_t)(b & 0x7f) << shift;
			if (!(b & 0x80))
				break;
		}
	}
	if (n > UINT32_MAX)
		return HPACK_TOO_BIG;
	*out = (uint32_t)n;
	return HPACK_FIELD;
}

/* RFC 7541, 5.2: the end is padded with the first bits of the end symbol, fewer than eight. */
static bool huffman(struct bytes in, uint8_t *out, uint32_t *out_len)
{
	uint32_t code = 0, first = 0, index = 0, n = 0;
	unsigned bits = 0;

	for (uint64_t at = 0; at < (uint64_t)in.len * 8; at++) {
		code = code << 1 | (in.data[at / 8] >> (7 - at % 8) & 1);
		first <<= 1;
		bits++;
		if (bits > HUFFMAN_BITS_MAX)
			return false;
		if (code - first < huffman_counts[bits]) {
			uint16_t symbol = huffman_symbols[index + code - first];

			if (symbol == HUFFMAN_END)
				return false;
			out[n++] = (uint8_t)symbol;
			code = first = index = bits = 0;
			continue;
		}
		first += huffman_counts[bits];
		index += huffman_counts[bits];
	}
	*out_len = n;
	return bits < 8 && code == (1u << bits) - 1;
}

struct decoding {
	struct cursor in;
	uint8_t *scratch; /* decoded strings, one behind the other */
};

static enum hpack_kind string(struct decoding *d, struct bytes *out)
{
	uint8_t first = cursor_u8(&d->in);
	enum hpack_kind kind;
	uint32_t len;

	*out = (struct bytes){NULL, 0};
	if (d->in.bad)
		return HPACK_CUT;
	kind = integer(&d->in, first, 7, &len);
	if (kind != HPACK_FIELD)
		return kind;
	out->data = cursor_take(&d->in, len);
	out->len = len;
	if (!out->data)
		return HPACK_CUT;
	if (!(first & 0x80))
		return HPACK_FIELD;
	if (!huffman(*out, d->scratch, &len))
		return HPACK_BAD_STRING;
	*out = (struct bytes){d->scratch, len};
	d->scratch += len;
	return HPACK_FIELD;
}

/* ---- fields ---- */

static enum hpack_kind literal(const struct hpack *h, struct decoding *d, uint8_t first,
			       unsigned prefix, struct hpack_field *f)
{
	enum hpack_kind kind, name_kind = HPACK_FIELD;
	struct bytes unused;
	uint32_t index;

	kind = integer(&d->in, first, prefix, &index);
	if (kind != HPACK_FIELD)
		return kind;
	if (index == 0)
		name_kind = string(d, &f->name);
	else if (!lookup(h, index, &f->name, &unused))
		name_kind = HPACK_NO_ENTRY;
	if (name_kind == HPACK_CUT || name_kind == HPACK_TOO_BIG)
		return name_kind;
	kind = string(d, &f->value);
	return kind == HPACK_FIELD ? name_kind : kind;
}

static enum hpack_kind size_update(struct heap *heap, struct hpack *h, struct decoding *d,
				   uint8_t first, struct hpack_field *f)
{
	enum hpack_kind kind = integer(&d->in, first, 5, &f->size);

	if (kind != HPACK_FIELD)
		return kind;
	h->bytes_max = f->size < HPACK_TABLE_MAX ? f->size : HPACK_TABLE_MAX;
	evict(heap, h, h->bytes_max);
	return HPACK_SIZE_UPDATE;
}

bool hpack_decode(struct heap *heap, struct hpack *h, const uint8_t *data, uint32_t len,
		  hpack_take *take, void *context)
{
	/* The shortest code has five bits. */
	uint8_t *scratch = heap_alloc(heap, (size_t)len * 8 / 5 + 1);
	struct decoding d = {.in = cursor_of(data, len), .scratch = scratch};
	struct hpack_field f = {.kind = HPACK_FIELD};

	if (!scratch)
		return false;
	while (cursor_left(&d.in) && f.kind != HPACK_CUT && f.kind != HPACK_TOO_BIG) {
		uint8_t first = cursor_u8(&d.in);
		bool keep = false;
		uint32_t index;

		f = (struct hpack_field){.kind = HPACK_FIELD};
		if (first & 0x80) {
			f.kind = integer(&d.in, first, 7, &index);
			if (f.kind == HPACK_FIELD && !lookup(h, index, &f.name, &f.value))
				f.kind = HPACK_NO_ENTRY;
		} else if (first & 0x40) {
			f.kind = literal(h, &d, first, 6, &f);
			keep = f.kind != HPACK_CUT && f.kind != HPACK_TOO_BIG;
		} else if (first & 0x20) {
			f.kind = size_update(heap, h, &d, first, &f);
		} else {
			f.kind = literal(h, &d, first, 4, &f);
		}
		take(context, &f);
		if (keep)
			insert(heap, h, f.name, f.value);
	}
	heap_free(heap, scratch);
	return true;
}

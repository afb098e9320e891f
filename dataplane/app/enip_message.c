/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a message of EtherNet/IP holds: items, messages of CIP in them, services packed in those by
 * multiple service packets and unconnected sends. See enip.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/enip.h"

struct cursor enip_items(const struct enip_message *m, uint32_t *count)
{
	struct cursor c = cursor_of(m->data.data, m->data.len);

	*count = 0;
	switch (m->command) {
	case ENIP_SEND_RR_DATA:
	case ENIP_SEND_UNIT_DATA:
		cursor_skip(&c, 6); /* interface handle, timeout */
		break;
	case ENIP_LIST_IDENTITY:
	case ENIP_LIST_SERVICES:
	case ENIP_LIST_INTERFACES:
		if (m->data.len) /* requests have none */
			break;
		return c;
	default:
		return cursor_of(m->data.data, 0);
	}
	*count = cursor_le16(&c);
	return c;
}

bool enip_item_next(const struct enip_message *m, struct cursor *items, uint32_t *count, struct enip_item *out)
{
	uint16_t len;

	if (!*count || items->bad)
		return false;
	--*count;
	out->start = (uint32_t)(items->p - m->data.data);
	out->type = cursor_le16(items);
	len = cursor_le16(items);
	if (m->cut && len > cursor_left(items) && !items->bad)
		len = (uint16_t)cursor_left(items); /* what is kept of it */
	out->data = cursor_sub(items, len);
	return !items->bad;
}

bool enip_item_find(const struct enip_message *m, uint16_t type, struct enip_item *out)
{
	uint32_t count;
	struct cursor items = enip_items(m, &count);

	for (unsigned i = 0; i < ENIP_ITEMS_MAX && enip_item_next(m, &items, &count, out); i++)
		if (out->type == type)
			return true;
	return false;
}

bool enip_item_cip(const struct enip_item *item, struct cip_message *out, bool *bad)
{
	struct cursor c = item->data;

	*bad = false;
	if (item->type == ENIP_ITEM_CONNECTED)
		cursor_le16(&c); /* sequence */
	else if (item->type != ENIP_ITEM_UNCONNECTED)
		return false;
	*bad = !cip_read(c, out);
	return !*bad;
}

bool enip_cip(const struct enip_message *m, struct cip_message *out)
{
	uint32_t count;
	struct cursor items = enip_items(m, &count);
	struct enip_item item;
	bool bad;

	if (m->command != ENIP_SEND_RR_DATA && m->command != ENIP_SEND_UNIT_DATA)
		return false;
	for (unsigned i = 0; i < ENIP_ITEMS_MAX && enip_item_next(m, &items, &count, &item); i++)
		if (enip_item_cip(&item, out, &bad))
			return true;
	return false;
}

bool cip_read(struct cursor c, struct cip_message *out)
{
	uint32_t words;

	*out = (struct cip_message){.start = c.p};
	out->service = cursor_u8(&c);
	out->response = out->service & CIP_RESPONSE;
	out->service &= ~CIP_RESPONSE;
	if (out->response) {
		cursor_u8(&c);
		out->status = cursor_u8(&c);
		words = cursor_u8(&c);
		out->extended.data = cursor_take(&c, (size_t)words * 2);
		out->extended.len = out->extended.data ? words * 2 : 0;
	} else {
		words = cursor_u8(&c);
		out->path = cursor_sub(&c, (size_t)words * 2);
	}
	out->body = c;
	return !c.bad;
}

/* ---- paths (volume 1, C-1.4) ---- */

#define PORT_EXTENDED 15      /* the number of the port follows */
#define LINK_EXTENDED 0x10    /* the link address has a length */
#define NETWORK_EXTENDED 0x10 /* so has the network segment */
#define SPECIAL_KEY 0x34      /* electronic key */
#define DATA_SYMBOL 0x91      /* extended symbol */

static void port_segment(struct cursor *path, struct cip_segment *out)
{
	const uint8_t *start = path->p - 1;
	uint8_t len = out->type & LINK_EXTENDED ? cursor_u8(path) : 1;

	if ((out->type & 0xf) == PORT_EXTENDED)
		cursor_le16(path);
	if (len == 1)
		out->value = cursor_u8(path);
	else
		cursor_skip(path, len);
	if ((path->p - start) & 1)
		cursor_u8(path); /* pad */
}

static void logical_segment(struct cursor *path, struct cip_segment *out)
{
	if (out->type == SPECIAL_KEY) {
		cursor_skip(path, cursor_u8(path) == 4 ? 8 : 0);
		return;
	}
	if (out->type & 3)
		cursor_u8(path); /* pad */
	switch (out->type & 3) {
	case 0:
		out->value = cursor_u8(path);
		break;
	case 1:
		out->value = cursor_le16(path);
		break;
	case 2:
		out->value = cursor_le32(path);
		break;
	default:
		path->bad = true;
	}
}

static void symbol_segment(struct cursor *path, struct cip_segment *out, uint8_t len)
{
	out->name = (struct bytes){cursor_take(path, len), len};
	/* In the extended form its length is one byte more. */
	if ((len & 1) == (out->type == DATA_SYMBOL))
		cursor_u8(path); /* pad */
}

bool cip_segment_next(struct cursor *path, struct cip_segment *out)
{
	if (!cursor_left(path) || path->bad)
		return false;
	*out = (struct cip_segment){.type = cursor_u8(path)};
	switch (out->type >> 5) {
	case 0:
		port_segment(path, out);
		break;
	case 1:
		logical_segment(path, out);
		break;
	case 2:
		out->value = cursor_u8(path);
		if (out->type & NETWORK_EXTENDED)
			cursor_skip(path, 2 * (size_t)out->value);
		break;
	case 3:
		symbol_segment(path, out, out->type & 0x1f);
		break;
	case 4:
		out->value = cursor_u8(path);
		if (out->type == DATA_SYMBOL)
			symbol_segment(path, out, (uint8_t)out->value);
		else
			cursor_skip(path, 2 * (size_t)out->value);
		break;
	default:
		path->bad = true; /* data types, reserved */
	}
	return !path->bad;
}

static bool path_has(struct cursor path, uint8_t kind, uint32_t value)
{
	struct cip_segment segment;

	for (unsigned i = 0; i < ENIP_SEGMENTS_MAX && cip_segment_next(&path, &segment); i++)
		if (segment.type >> 2 == kind && segment.value == value)
			return true;
	return false;
}

/* ---- services packed in others ---- */

/* Volume 1, 3-5.5.4: priority and time, ticks, how long the message is. Of other objects the service is another one,
 * and the answer is that of the message itself. */
static struct cip_list unconnected(const struct cip_message *m)
{
	struct cursor c = m->body;
	uint16_t len;
	const uint8_t *message;

	cursor_skip(&c, 2);
	len = cursor_le16(&c);
	message = cursor_take(&c, len);
	return (struct cip_list){.base = message, .end = message ? message + len : NULL, .left = 1};
}

struct cip_list cip_list(const struct cip_message *m)
{
	struct cip_list l = {.base = m->body.p, .end = m->body.end, .offsets = m->body, .multiple = true};

	if (m->service == CIP_UNCONNECTED_SEND && !m->response &&
	    path_has(m->path, CIP_CLASS, CIP_CONNECTION_MANAGER))
		return unconnected(m);
	if (m->service != CIP_MULTIPLE_SERVICE || !cursor_left(&m->body))
		return (struct cip_list){0};
	l.left = cursor_le16(&l.offsets);
	return l;
}

bool cip_list_next(struct cip_list *l, struct cip_message *out, bool *bad)
{
	uint32_t at = 0, len = (uint32_t)(l->end - l->base), next;

	*bad = false;
	if (!l->left)
		return false;
	l->left--;
	if (l->multiple) {
		at = cursor_le16(&l->offsets);
		next = l->left && cursor_peek(&l->offsets, 2) ? (uint32_t)(l->offsets.p[1] << 8 | l->offsets.p[0]) : len;
		len = next > at && next < len ? next : len;
	}
	*bad = l->offsets.bad || at >= len || !cip_read(cursor_of(l->base + at, len - at), out);
	return !*bad;
}

struct cip_walk cip_walk_of(const struct cip_message *m)
{
	return (struct cip_walk){.first = *m, .there = true};
}

struct cip_walk cip_walk(const struct enip_message *m)
{
	struct cip_message first;

	if (!m->there || !enip_cip(m, &first))
		return (struct cip_walk){.there = false};
	return cip_walk_of(&first);
}

/* What is packed in it comes next. */
static void walk_into(struct cip_walk *k, const struct cip_message *m)
{
	struct cip_list l = cip_list(m);

	if (!l.left)
		return;
	if (k->depth < ENIP_DEPTH_MAX)
		k->packed[k->depth++] = l;
	else
		k->crowded = true;
}

bool cip_walk_next(struct cip_walk *k, struct cip_message *out, unsigned *depth)
{
	bool bad = false;

	*depth = 0;
	if (!k->there)
		return false;
	if (!k->number++) {
		*out = k->first;
		walk_into(k, out);
		return true;
	}
	while (k->depth) {
		struct cip_list *l = &k->packed[k->depth - 1];

		if (l->left && k->number > ENIP_SERVICES_MAX + 1) {
			k->crowded = true;
			return false;
		}
		*depth = k->depth;
		if (cip_list_next(l, out, &bad)) {
			walk_into(k, out);
			return true;
		}
		k->bad |= bad;
		k->depth--;
	}
	return false;
}

bool cip_listed_attribute(const struct cip_message *m, uint32_t number, uint32_t *out)
{
	struct cursor c = m->body;
	uint16_t count = cursor_le16(&c);

	if (m->response || number >= count || number >= ENIP_ATTRIBUTES_MAX ||
	    (m->service != CIP_GET_ATTRIBUTE_LIST && (m->service != CIP_SET_ATTRIBUTE_LIST || number)))
		return false; /* where the next one to be set is depends on the class */
	cursor_skip(&c, (size_t)number * 2);
	*out = cursor_le16(&c);
	return !c.bad;
}

uint32_t cip_size(const struct cip_message *m)
{
	uint32_t size = (uint32_t)(m->body.p - m->start), left = (uint32_t)cursor_left(&m->body);
	struct cursor c = m->body;
	uint32_t count = cursor_le16(&c), more = 0;

	if (m->service == CIP_MULTIPLE_SERVICE)
		more = left;
	else if (!m->response && m->service == CIP_GET_ATTRIBUTE_LIST)
		more = 2 + 2 * count;
	else if (!m->response && m->service == CIP_SET_ATTRIBUTE_LIST)
		more = count ? 4 : 2;
	return size + (more < left ? more : left);
}

/* ---- well formed or not ---- */

static bool cip_valid(const struct cip_message *m)
{
	struct cip_segment segment;
	struct cursor path = m->path;
	uint32_t n;

	for (unsigned i = 0; i < ENIP_SEGMENTS_MAX && cip_segment_next(&path, &segment); i++)
		;
	if (path.bad)
		return false;
	if (m->response || (m->service != CIP_GET_ATTRIBUTE_LIST && m->service != CIP_SET_ATTRIBUTE_LIST))
		return true;
	path = m->body;
	n = cursor_le16(&path);
	return !path.bad && cursor_left(&path) >= (m->service == CIP_GET_ATTRIBUTE_LIST ? 2 * n : n ? 2 : 0);
}

static bool cip_all_valid(const struct cip_message *m, bool *crowded)
{
	struct cip_walk k = cip_walk_of(m);
	struct cip_message one;
	unsigned depth;

	while (cip_walk_next(&k, &one, &depth))
		if (!cip_valid(&one))
			return false;
	*crowded |= k.crowded;
	return !k.bad;
}

#define IDENTITY_BYTES 34 /* without the product's name */
#define SERVICES_BYTES 20

static bool item_valid(const struct enip_item *item, bool *crowded)
{
	struct cip_message cip;
	bool bad;

	if (item->type == ENIP_ITEM_IDENTITY)
		return cursor_left(&item->data) >= IDENTITY_BYTES;
	if (item->type == ENIP_ITEM_SERVICES)
		return cursor_left(&item->data) >= SERVICES_BYTES;
	if (!enip_item_cip(item, &cip, &bad))
		return !bad;
	return cip_all_valid(&cip, crowded);
}

bool enip_valid(struct enip_message *m)
{
	uint32_t count;
	struct cursor items = enip_items(m, &count);
	struct enip_item item;

	if (m->cut)
		return true;
	if (m->command == ENIP_REGISTER_SESSION)
		return m->data.len >= 4;
	for (unsigned i = 0; i < ENIP_ITEMS_MAX && enip_item_next(m, &items, &count, &item); i++)
		if (!item_valid(&item, &m->crowded))
			return false;
	return !items.bad;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a message of EtherNet/IP holds: items, messages of CIP in them, services packed in those (one
 * level: a packed one packs no more). See enip.h. Runs in the worker that owns the flow.
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
	if (!*count || items->bad)
		return false;
	--*count;
	out->start = (uint32_t)(items->p - m->data.data);
	out->type = cursor_le16(items);
	out->data = cursor_sub(items, cursor_le16(items));
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

/* Logical segments; others (ports, symbols, keys) end what is understood of a path. */
bool cip_segment_next(struct cursor *path, struct cip_segment *out)
{
	if (!cursor_left(path) || path->bad)
		return false;
	out->type = cursor_u8(path);
	if (out->type >> 5 != 1 || (out->type & 3) == 3) {
		path->bad = true;
		return false;
	}
	if (out->type & 3)
		cursor_u8(path); /* pad */
	out->value = (out->type & 3) == 0 ? cursor_u8(path) :
		     (out->type & 3) == 1 ? cursor_le16(path) :
					    cursor_le32(path);
	return !path->bad;
}

struct cip_list cip_list(const struct cip_message *m)
{
	struct cip_list l = {.base = m->body.p, .end = m->body.end, .offsets = m->body};

	if (m->service != CIP_MULTIPLE_SERVICE || !cursor_left(&m->body))
		return (struct cip_list){0};
	l.left = cursor_le16(&l.offsets);
	return l;
}

bool cip_list_next(struct cip_list *l, struct cip_message *out, bool *bad)
{
	uint16_t at;

	*bad = false;
	if (!l->left)
		return false;
	l->left--;
	at = cursor_le16(&l->offsets);
	*bad = l->offsets.bad || at >= l->end - l->base ||
	       !cip_read(cursor_of(l->base + at, (size_t)(l->end - l->base - at)), out);
	return !*bad;
}

struct cip_walk cip_walk(const struct enip_message *m)
{
	struct cip_walk k = {.there = false};

	k.there = m->there && enip_cip(m, &k.first);
	if (k.there)
		k.packed = cip_list(&k.first);
	return k;
}

bool cip_walk_next(struct cip_walk *k, struct cip_message *out)
{
	bool bad;

	if (!k->there || k->number > ENIP_SERVICES_MAX)
		return false;
	if (!k->number++) {
		*out = k->first;
		return true;
	}
	return cip_list_next(&k->packed, out, &bad);
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

static bool cip_all_valid(const struct cip_message *m)
{
	struct cip_list l = cip_list(m);
	struct cip_message packed;
	bool bad = false;

	if (!cip_valid(m))
		return false;
	for (unsigned i = 0; i < ENIP_SERVICES_MAX && cip_list_next(&l, &packed, &bad); i++)
		if (!cip_valid(&packed))
			return false;
	return !bad;
}

#define IDENTITY_BYTES 34 /* without the product's name */
#define SERVICES_BYTES 20

static bool item_valid(const struct enip_item *item)
{
	struct cip_message cip;
	bool bad;

	if (item->type == ENIP_ITEM_IDENTITY)
		return cursor_left(&item->data) >= IDENTITY_BYTES;
	if (item->type == ENIP_ITEM_SERVICES)
		return cursor_left(&item->data) >= SERVICES_BYTES;
	if (!enip_item_cip(item, &cip, &bad))
		return !bad;
	return cip_all_valid(&cip);
}

bool enip_valid(const struct enip_message *m)
{
	uint32_t count;
	struct cursor items = enip_items(m, &count);
	struct enip_item item;

	if (m->cut)
		return true;
	if (m->command == ENIP_REGISTER_SESSION)
		return m->data.len >= 4;
	for (unsigned i = 0; i < ENIP_ITEMS_MAX && enip_item_next(m, &items, &count, &item); i++)
		if (!item_valid(&item))
			return false;
	return !items.bad;
}

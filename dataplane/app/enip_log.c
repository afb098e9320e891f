/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of EtherNet/IP, see enip.h. Runs in the worker that owns the flow.
 */

#include "dataplane/app/enip.h"
#include "dataplane/app/number_name.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

enum table {
	TABLE_vendor,
	TABLE_device_type,
	TABLE_service,
	TABLE_status,
	TABLE_extended_status,
	TABLE_class,
	TABLE_encapsulation_status,
	TABLE_command,
};

static const struct number_name names[] = {
#define NAME(table, number, name) {TABLE_##table, number, name},
#include "dataplane/app/enip_names.def"
#undef NAME
};

static const char *name_of(enum table table, uint32_t number)
{
	return number_name(names, sizeof(names) / sizeof(names[0]), table, number);
}

/* Its name, or unknown-N. */
static void put_name(struct recorder *r, enum field_id field, enum table table, uint32_t number)
{
	const char *name = name_of(table, number);
	char text[24];

	put_uint(put_text(put_to(text, sizeof(text)), "unknown-"), number);
	rec_text(r, field, name ? name : text);
}

/* ---- CIP ---- */

static const char *segment_name(uint8_t type)
{
	switch (type >> 5) {
	case 0:
		return "port";
	case 3:
		return "symbol";
	case 4:
		return type == 0x91 ? "symbol" : NULL;
	default:
		break;
	}
	switch (type >> 2) {
	case CIP_CLASS:
		return "class";
	case CIP_INSTANCE:
		return "instance";
	case CIP_MEMBER:
		return "member";
	case CIP_POINT:
		return "connection_point";
	case CIP_ATTRIBUTE:
		return "attribute";
	default:
		return NULL;
	}
}

static void put_segment(struct recorder *r, const struct cip_segment *segment)
{
	const char *name = segment_name(segment->type);
	char text[24];

	put_uint(put_text(put_to(text, sizeof(text)), "unknown-"), segment->type);
	rec_open(r, F_enip_element);
	rec_text(r, F_enip_segment_type, name ? name : text);
	if (segment->name.data)
		rec_bytes(r, F_enip_name, segment->name.data, segment->name.len);
	else
		rec_uint(r, F_enip_value, segment->value);
	rec_close(r);
}

static void put_path(struct recorder *r, struct cursor path)
{
	struct cip_segment segment;
	bool has_class = false;
	uint32_t last = 0;

	if (!cursor_left(&path))
		return;
	rec_open(r, F_enip_path);
	for (unsigned i = 0; i < ENIP_SEGMENTS_MAX && cip_segment_next(&path, &segment); i++) {
		put_segment(r, &segment);
		if (segment.type >> 2 == CIP_CLASS) {
			has_class = true;
			last = segment.value;
		}
	}
	rec_close(r);
	if (has_class)
		put_name(r, F_enip_class_name, TABLE_class, last);
}

static void put_extended(struct recorder *r, const struct cip_message *m)
{
	uint32_t code;
	const char *name;

	if (!m->extended.len)
		return;
	rec_bytes(r, F_enip_status_extended, m->extended.data, m->extended.len);
	code = (uint32_t)(m->extended.data[1] << 8 | m->extended.data[0]);
	name = m->extended.len == 2 ? name_of(TABLE_extended_status, code) : NULL;
	if (name)
		rec_text(r, F_enip_status_extended_meaning, name);
}

static void put_cip(struct recorder *r, const struct cip_message *m)
{
	if (cip_list(m).left && m->service == CIP_UNCONNECTED_SEND)
		rec_text(r, F_enip_service, "Unconnected Send");
	else
		put_name(r, F_enip_service, TABLE_service, m->service);
	if (m->response) {
		put_name(r, F_enip_status, TABLE_status, m->status);
		put_extended(r, m);
	} else {
		put_path(r, m->path);
	}
}

/* How what is packed in it is shown: an array, or the one message. */
struct packed {
	bool one, open;
};

static void open_packed(struct recorder *r, struct packed *p)
{
	if (!p->one && !p->open)
		rec_open(r, F_enip_multiple);
	p->open = true;
	rec_open(r, p->one ? F_enip_embedded : F_enip_element);
}

static void put_all_cip(struct recorder *r, const struct enip_message *m)
{
	struct packed packed[ENIP_DEPTH_MAX + 1] = {{0}}; /* by depth: of what the message of that depth packs */
	struct cip_walk k = cip_walk(m);
	struct cip_message cip;
	unsigned depth, last = 0;

	if (!cip_walk_next(&k, &cip, &depth))
		return;
	rec_open(r, F_enip_cip);
	do {
		/* The messages that end here, and the arrays of those that packed them. */
		for (; k.number > 1 && last >= depth; last--) {
			if (packed[last].open && !packed[last].one)
				rec_close(r);
			rec_close(r);
		}
		if (depth)
			open_packed(r, &packed[depth - 1]);
		put_cip(r, &cip);
		packed[depth] = (struct packed){.one = cip.service == CIP_UNCONNECTED_SEND};
		last = depth;
	} while (cip_walk_next(&k, &cip, &depth));
	for (unsigned n = last + 1; n--;) {
		if (packed[n].open && !packed[n].one)
			rec_close(r);
		rec_close(r);
	}
}

/* ---- what the encapsulation says itself ---- */

static void put_session(struct recorder *r, const struct enip_message *m)
{
	struct cursor c = cursor_of(m->data.data, m->data.len);

	if (m->command != ENIP_REGISTER_SESSION || cursor_left(&c) < 4)
		return;
	rec_open(r, F_enip_register_session);
	rec_uint(r, F_enip_protocol_version, cursor_le16(&c));
	rec_uint(r, F_enip_session_options, cursor_le16(&c));
	rec_close(r);
}

static void put_services(struct recorder *r, const struct enip_message *m)
{
	struct enip_item item;

	if (m->command != ENIP_LIST_SERVICES || !enip_item_find(m, ENIP_ITEM_SERVICES, &item))
		return;
	rec_open(r, F_enip_list_services);
	rec_uint(r, F_enip_protocol_version, cursor_le16(&item.data));
	rec_uint(r, F_enip_capabilities, cursor_le16(&item.data));
	if (cursor_left(&item.data) >= 16)
		rec_bytes(r, F_enip_service_name, cursor_take(&item.data, 16), 16);
	rec_close(r);
}

/* Volume 2, 2-4.2.2 */
static void put_identity(struct recorder *r, const struct enip_message *m)
{
	struct enip_item item;
	struct cursor *c = &item.data;
	uint8_t major, len;
	const uint8_t *name;
	char text[16];

	if (m->command != ENIP_LIST_IDENTITY || !enip_item_find(m, ENIP_ITEM_IDENTITY, &item))
		return;
	rec_open(r, F_enip_identity);
	rec_uint(r, F_enip_protocol_version, cursor_le16(c));
	cursor_skip(c, 16); /* socket address */
	put_name(r, F_enip_vendor_id, TABLE_vendor, cursor_le16(c));
	put_name(r, F_enip_device_type, TABLE_device_type, cursor_le16(c));
	rec_uint(r, F_enip_product_code, cursor_le16(c));
	major = cursor_u8(c);
	put_uint(put_char(put_uint(put_to(text, sizeof(text)), major), '.'), cursor_u8(c));
	rec_text(r, F_enip_revision, text);
	rec_uint(r, F_enip_identity_status, cursor_le16(c));
	rec_uint(r, F_enip_serial, cursor_le32(c));
	len = cursor_u8(c);
	name = cursor_take(c, len);
	if (name)
		rec_bytes(r, F_enip_product_name, name, len);
	rec_uint(r, F_enip_state, cursor_u8(c));
	rec_close(r);
}

static void put_message(struct recorder *r, enum field_id object, const struct enip_message *m)
{
	if (!m->there)
		return;
	rec_open(r, object);
	put_name(r, F_enip_command, TABLE_command, m->command);
	put_name(r, F_enip_status, TABLE_encapsulation_status, m->status);
	if (m->options)
		rec_uint(r, F_enip_options, m->options);
	put_session(r, m);
	put_services(r, m);
	put_identity(r, m);
	put_all_cip(r, m);
	rec_close(r);
}

void enip_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	rec_open(r, F_enip_enip);
	put_message(r, F_enip_request, &enip_of(tx)->request);
	put_message(r, F_enip_response, &enip_of(tx)->response);
	rec_close(r);
}

void enip_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_enip, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	enip_alert_context(w, f, tx, r);
	emit_end(w);
}

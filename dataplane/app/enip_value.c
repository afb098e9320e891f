/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What rules see of EtherNet/IP, see enip.h. Values of the path belong to the request, those of the
 * status, of identities and of services to the response; as in the reference a rule may ask for the
 * former in both directions. Runs in the worker that owns the flow.
 */
#include "dataplane/app/enip.h"

static bool value_command(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	const struct enip_message *m = enip_message_of(tx, d);

	*out = m->command;
	return m->there;
}

static bool value_status(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	const struct enip_message *m = enip_message_of(tx, d);

	*out = m->status;
	return m->there;
}

static bool value_protocol_version(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
				   uint64_t *out)
{
	const struct enip_message *m = enip_message_of(tx, d);
	struct cursor c = cursor_of(m->data.data, m->data.len);
	struct enip_item item;

	if (enip_item_find(m, ENIP_ITEM_IDENTITY, &item) || enip_item_find(m, ENIP_ITEM_SERVICES, &item))
		c = item.data;
	else if (m->command != ENIP_REGISTER_SESSION)
		return false;
	*out = cursor_le16(&c);
	return !c.bad;
}

/* ---- CIP ---- */

/* Segments of one kind, of the request and of those packed in it. */
static bool nth_segment(struct tx *tx, uint8_t kind, unsigned instance, uint64_t *out)
{
	struct cip_walk k = cip_walk(&enip_of(tx)->request);
	struct cip_message cip;
	unsigned depth;

	while (instance < ENIP_VALUES_MAX && cip_walk_next(&k, &cip, &depth)) {
		struct cip_segment segment;
		uint32_t listed;

		for (unsigned i = 0; i < ENIP_SEGMENTS_MAX && cip_segment_next(&cip.path, &segment); i++)
			if (segment.type >> 2 == kind && !instance--) {
				*out = segment.value;
				return true;
			}
		for (uint32_t i = 0; kind == CIP_ATTRIBUTE && cip_listed_attribute(&cip, i, &listed); i++)
			if (!instance--) {
				*out = listed;
				return true;
			}
	}
	return false;
}

#define SEGMENT(name, kind)                                                                        \
	static bool value_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d, \
				 unsigned instance, uint64_t *out)                                 \
	{                                                                                          \
		return nth_segment(tx, kind, instance, out);                                       \
	}

SEGMENT(class, CIP_CLASS)
SEGMENT(instance, CIP_INSTANCE)
SEGMENT(attribute, CIP_ATTRIBUTE)

static bool value_cip_status(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			     unsigned instance, uint64_t *out)
{
	struct cip_walk k = cip_walk(&enip_of(tx)->response);
	struct cip_message cip;
	unsigned depth;

	while (cip_walk_next(&k, &cip, &depth))
		if (cip.response && !instance--) {
			*out = cip.status;
			return true;
		}
	return false;
}

static bool value_cip_extended(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			       unsigned instance, uint64_t *out)
{
	struct cip_walk k = cip_walk(&enip_of(tx)->response);
	struct cip_message cip;
	unsigned depth;

	while (cip_walk_next(&k, &cip, &depth))
		if (cip.response && cip.extended.len >= 2 && !instance--) {
			*out = (uint64_t)(cip.extended.data[1] << 8 | cip.extended.data[0]);
			return true;
		}
	return false;
}

/* ---- identity and services ---- */

/* A number of the response's first item of that type. */
static bool item_number(struct tx *tx, uint16_t type, uint32_t at, unsigned bytes, uint64_t *out)
{
	const struct enip_message *m = &enip_of(tx)->response;
	struct enip_item item;

	if (!m->there || !enip_item_find(m, type, &item))
		return false;
	cursor_skip(&item.data, at);
	*out = bytes == 4 ? cursor_le32(&item.data) : cursor_le16(&item.data);
	return !item.data.bad;
}

#define ITEM_NUMBER(name, type, at, bytes)                                                         \
	static bool value_##name(struct worker *w, struct flow *f, struct tx *tx, enum direction d, \
				 uint64_t *out)                                                    \
	{                                                                                          \
		return item_number(tx, type, at, bytes, out);                                      \
	}

ITEM_NUMBER(capabilities, ENIP_ITEM_SERVICES, 2, 2)
ITEM_NUMBER(vendor_id, ENIP_ITEM_IDENTITY, 18, 2)
ITEM_NUMBER(device_type, ENIP_ITEM_IDENTITY, 20, 2)
ITEM_NUMBER(product_code, ENIP_ITEM_IDENTITY, 22, 2)
ITEM_NUMBER(identity_status, ENIP_ITEM_IDENTITY, 26, 2)
ITEM_NUMBER(serial, ENIP_ITEM_IDENTITY, 28, 4)

/* Major in the upper byte, as the keyword has it. */
static bool value_revision(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	uint64_t n;

	if (!item_number(tx, ENIP_ITEM_IDENTITY, 24, 2, &n))
		return false;
	*out = (n & 0xff) << 8 | n >> 8;
	return true;
}

#define NAME_AT 32

static bool value_state(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out)
{
	const struct enip_message *m = &enip_of(tx)->response;
	struct enip_item item;

	if (!m->there || !enip_item_find(m, ENIP_ITEM_IDENTITY, &item))
		return false;
	cursor_skip(&item.data, NAME_AT);
	cursor_skip(&item.data, cursor_u8(&item.data));
	*out = cursor_u8(&item.data);
	return !item.data.bad;
}

static bool item_text(struct tx *tx, uint16_t type, struct buffer_view *out)
{
	const struct enip_message *m = &enip_of(tx)->response;
	struct enip_item item;
	uint32_t len = 16;

	if (!m->there || !enip_item_find(m, type, &item))
		return false;
	cursor_skip(&item.data, type == ENIP_ITEM_IDENTITY ? NAME_AT : 4);
	if (type == ENIP_ITEM_IDENTITY)
		len = cursor_u8(&item.data);
	return bytes_view((struct bytes){cursor_take(&item.data, len), len}, out);
}

static bool get_product_name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			     unsigned instance, struct buffer_view *out)
{
	return item_text(tx, ENIP_ITEM_IDENTITY, out);
}

static bool get_service_name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			     unsigned instance, struct buffer_view *out)
{
	return item_text(tx, ENIP_ITEM_SERVICES, out);
}

const struct proto_buffer enip_buffers[] = {
	{"enip.product_name", 0, 0, 1, get_product_name},
	{"enip.service_name", 0, 0, 1, get_service_name},
	{NULL},
};

const struct proto_value enip_values[] = {
	{.name = "enip_command", .to_server = 1, .to_client = 1, .get = value_command},
	{.name = "enip.status", .to_server = 1, .to_client = 1, .get = value_status},
	{.name = "enip.protocol_version", .to_server = 1, .to_client = 1, .get = value_protocol_version},
	{.name = "enip.cip_class", .to_server = 1, .to_client = 1, .get_multi = value_class},
	{.name = "enip.cip_instance", .to_server = 1, .to_client = 1, .get_multi = value_instance},
	{.name = "enip.cip_attribute", .to_server = 1, .to_client = 1, .get_multi = value_attribute},
	{.name = "enip.cip_status", .to_client = 1, .get_multi = value_cip_status},
	{.name = "enip.cip_extendedstatus", .to_client = 1, .get_multi = value_cip_extended},
	{.name = "enip.capabilities", .to_client = 1, .get = value_capabilities},
	{.name = "enip.vendor_id", .to_client = 1, .get = value_vendor_id},
	{.name = "enip.device_type", .to_client = 1, .get = value_device_type},
	{.name = "enip.product_code", .to_client = 1, .get = value_product_code},
	{.name = "enip.revision", .to_client = 1, .get = value_revision},
	{.name = "enip.identity_status", .to_client = 1, .get = value_identity_status},
	{.name = "enip.serial", .to_client = 1, .get = value_serial},
	{.name = "enip.state", .to_client = 1, .get = value_state},
	{NULL},
};

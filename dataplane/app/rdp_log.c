/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of RDP, see rdp.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/number_name.h"
#include "dataplane/app/rdp.h"
#include "dataplane/engine/emit.h"

enum table {
	TABLE_version,
	TABLE_build,
	TABLE_keyboard,
	TABLE_hint,
	TABLE_protocol,
	TABLE_error,
	TABLE_layout,
};

static const struct number_name names[] = {
#define NAME(table, number, name) {TABLE_##table, number, name},
#include "dataplane/app/rdp_names.def"
#undef NAME
};

static const char *name_of(enum table table, uint32_t number)
{
	return number_name(names, sizeof(names) / sizeof(names[0]), table, number);
}

static void put_name(struct recorder *r, enum field_id field, enum table table, uint32_t number)
{
	const char *name = name_of(table, number);

	rec_text(r, field, name ? name : "unknown");
}

/* The names of the bits that are set; nothing where none is. */
static void put_bits(struct recorder *r, enum field_id array, const char *const *bits, unsigned count, uint32_t v)
{
	bool any = false;

	for (unsigned i = 0; i < count; i++) {
		if (!(v >> i & 1) || !bits[i])
			continue;
		if (!any)
			rec_open(r, array);
		any = true;
		rec_text(r, F_rdp_flag, bits[i]);
	}
	if (any)
		rec_close(r);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void put_request(struct recorder *r, const struct rdp_tx *t)
{
	static const char *const flags[] = {"restricted_admin_mode_required", "redirected_authentication_mode_required",
					    NULL, "correlation_info_present"};

	rec_text(r, F_rdp_event_type, "initial_request");
	text_record(r, F_rdp_cookie, &t->cookie);
	if (t->has_flags)
		put_bits(r, F_rdp_flags, flags, COUNT(flags), t->flags);
}

static void put_confirm(struct recorder *r, const struct rdp_tx *t)
{
	static const char *const flags[] = {"extended_client_data", "dynvc_gfx", NULL, "restricted_admin",
					    "redirected_authentication"};

	rec_text(r, F_rdp_event_type, "initial_response");
	if (t->has_protocol) {
		put_bits(r, F_rdp_server_supports, flags, COUNT(flags), t->flags);
		put_name(r, F_rdp_protocol, TABLE_protocol, t->protocol);
	}
	if (t->has_error) {
		rec_uint(r, F_rdp_error_code, t->error);
		put_name(r, F_rdp_reason, TABLE_error, t->error);
	}
}

/* UTF-16 up to its end, as UTF-8; nothing where it is empty. */
static void put_wide(struct recorder *r, enum field_id field, struct cursor *c, uint32_t bytes)
{
	struct cursor text = cursor_sub(c, bytes);
	char out[256];
	uint32_t n = 0;
	uint16_t v;

	while (cursor_left(&text) >= 2 && (v = cursor_le16(&text)) && n + 3 <= sizeof(out)) {
		if (v < 0x80) {
			out[n++] = (char)v;
		} else if (v < 0x800) {
			out[n++] = (char)(0xc0 | v >> 6);
			out[n++] = (char)(0x80 | (v & 63));
		} else {
			out[n++] = (char)(0xe0 | v >> 12);
			out[n++] = (char)(0x80 | (v >> 6 & 63));
			out[n++] = (char)(0x80 | (v & 63));
		}
	}
	if (n)
		rec_bytes(r, field, out, n);
}

static unsigned depth_of(uint16_t high, uint16_t later, uint16_t first)
{
	static const uint8_t depths[] = {4, 8, 15, 16, 24};

	if (high == 4 || high == 8 || high == 15 || high == 16 || high == 24)
		return high;
	if (later >= 0xca00 && later <= 0xca04)
		return depths[later - 0xca00];
	return first == 0xca00 ? 4 : first == 0xca01 ? 8 : 0;
}

/* What clients have added over time: the data may end anywhere. */
static void put_more(struct recorder *r, struct cursor *c, uint32_t capabilities)
{
	static const char *const flags[] = {
		"support_errinfo_pdf",	      "want_32bpp_session",	    "support_statusinfo_pdu",
		"strong_asymmetric_keys",     NULL,			    "valid_connection_type",
		"support_monitor_layout_pdu", "support_netchar_autodetect", "support_dynvc_gfx_protocol",
		"support_dynamic_time_zone",  "support_heartbeat_pdu"};
	const char *hint;

	put_bits(r, F_rdp_capabilities, flags, COUNT(flags), capabilities);
	if (cursor_left(c) >= 64)
		put_wide(r, F_rdp_id, c, 64);
	if (cursor_left(c) < 2)
		return;
	hint = name_of(TABLE_hint, cursor_u8(c));
	cursor_u8(c);
	if (hint)
		rec_text(r, F_rdp_connection_hint, hint);
	cursor_le32(c); /* protocol that the server chose */
	if (cursor_left(c) >= 8) {
		rec_uint(r, F_rdp_physical_width, cursor_le32(c));
		rec_uint(r, F_rdp_physical_height, cursor_le32(c));
	}
	if (cursor_left(c) >= 2)
		rec_uint(r, F_rdp_orientation, cursor_le16(c));
	if (cursor_left(c) >= 8) {
		rec_uint(r, F_rdp_scale_factor, cursor_le32(c));
		rec_uint(r, F_rdp_device_scale_factor, cursor_le32(c));
	}
}

/* [MS-RDPBCGR] 2.2.1.3.2 */
static void put_client(struct recorder *r, const struct rdp_tx *t)
{
	struct cursor c = cursor_of(t->core.data, t->core.len), later;
	uint16_t first, high = 0, later_depth = 0, capabilities = 0;
	uint32_t layout, build, n;
	unsigned depth;

	if (!t->core.data)
		return;
	later = c;
	cursor_skip(&later, 128);
	if (!later.bad && cursor_left(&later) >= 2)
		later_depth = cursor_le16(&later);
	cursor_skip(&later, 6); /* product, serial number */
	if (!later.bad && cursor_left(&later) >= 2)
		high = cursor_le16(&later);
	rec_open(r, F_rdp_client);
	put_name(r, F_rdp_version, TABLE_version, cursor_le32(&c));
	rec_uint(r, F_rdp_desktop_width, cursor_le16(&c));
	rec_uint(r, F_rdp_desktop_height, cursor_le16(&c));
	first = cursor_le16(&c);
	depth = depth_of(high, later_depth, first);
	if (depth)
		rec_uint(r, F_rdp_color_depth, depth);
	cursor_le16(&c); /* secure access sequence */
	layout = cursor_le32(&c);
	build = cursor_le32(&c);
	put_name(r, F_rdp_keyboard_layout, TABLE_layout, layout & 0xffff);
	put_name(r, F_rdp_build, TABLE_build, build & 0xffff);
	put_wide(r, F_rdp_client_name, &c, 32);
	n = cursor_le32(&c);
	if (name_of(TABLE_keyboard, n))
		put_name(r, F_rdp_keyboard_type, TABLE_keyboard, n);
	n = cursor_le32(&c);
	if (n)
		rec_uint(r, F_rdp_keyboard_subtype, n);
	n = cursor_le32(&c);
	if (n)
		rec_uint(r, F_rdp_function_keys, n);
	put_wide(r, F_rdp_ime, &c, 64);
	cursor_le16(&c); /* later_depth */
	if (cursor_left(&c) >= 2)
		rec_uint(r, F_rdp_product_id, cursor_le16(&c));
	n = cursor_left(&c) >= 4 ? cursor_le32(&c) : 0;
	if (n)
		rec_uint(r, F_rdp_serial_number, n);
	cursor_skip(&c, 4); /* high, supported depths */
	if (cursor_left(&c) >= 2)
		capabilities = cursor_le16(&c);
	put_more(r, &c, capabilities);
	rec_close(r);
}

/* [MS-RDPBCGR] 2.2.1.3.4.1: a name of eight bytes, and options */
static void put_channels(struct recorder *r, const struct rdp_tx *t)
{
	struct cursor c = cursor_of(t->channels.data, t->channels.len);

	if (cursor_left(&c) < 12)
		return;
	rec_open(r, F_rdp_channels);
	for (unsigned i = 0; i < RDP_CHANNELS_MAX && cursor_left(&c) >= 12; i++) {
		const uint8_t *name = cursor_take(&c, 8);

		rec_bytes(r, F_rdp_channel, name, strnlen((const char *)name, 8));
		cursor_le32(&c);
	}
	rec_close(r);
}

void rdp_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct rdp_tx *t = rdp_of(tx);

	rec_open(r, F_rdp_rdp);
	rec_uint(r, F_rdp_tx_id, tx->id);
	switch ((enum rdp_kind)t->kind) {
	case RDP_REQUEST:
		put_request(r, t);
		break;
	case RDP_CONFIRM:
		put_confirm(r, t);
		break;
	case RDP_CONNECT:
		rec_text(r, F_rdp_event_type, "connect_request");
		put_client(r, t);
		put_channels(r, t);
		break;
	case RDP_CONNECTED:
		rec_text(r, F_rdp_event_type, "connect_response");
		break;
	case RDP_CERTIFICATES:
		rec_text(r, F_rdp_event_type, "tls_handshake");
		rec_open(r, F_rdp_serials);
		for (uint32_t at = 0;;) {
			struct bytes serial;

			if (!texts_next(&t->serials, &at, &serial))
				break;
			rec_bytes(r, F_rdp_serial, serial.data, serial.len);
		}
		rec_close(r);
		break;
	}
	rec_close(r);
}

void rdp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_rdp, f, rdp_of(tx)->direction, tx->id, p);

	if (!r)
		return;
	rdp_alert_context(w, f, tx, r);
	emit_end(w);
}

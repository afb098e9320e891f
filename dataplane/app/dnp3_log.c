/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of DNP3, see dnp3.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/dnp3.h"
#include "dataplane/engine/emit.h"

#define FUNCTION_CONFIRM 0
#define FUNCTION_UNSOLICITED 130

static const char *const indications[16] = {
	[8] = "all_stations",	    [9] = "class_1_events",    [10] = "class_2_events",
	[11] = "class_3_events",    [12] = "need_time",	       [13] = "local_control",
	[14] = "device_trouble",    [15] = "device_restart",   [0] = "no_func_code_support",
	[1] = "object_unknown",	    [2] = "parameter_error",   [3] = "event_buffer_overflow",
	[4] = "already_executing",  [5] = "config_corrupt",    [6] = "reserved_2",
	[7] = "reserved_1",
};

static uint64_t number(struct cursor *c, unsigned bytes)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < bytes; i++)
		n |= (uint64_t)cursor_u8(c) << 8 * i;
	return n;
}

static void put_float(struct recorder *r, enum field_id f, struct cursor *c, unsigned bytes)
{
	uint64_t bits = number(c, bytes);
	uint32_t low = (uint32_t)bits;
	double value;
	float single;

	if (bytes == 4) {
		memcpy(&single, &low, 4);
		value = (double)single;
	} else {
		memcpy(&value, &bits, 8);
	}
	rec_float(r, f, value);
}

static void put_steps(struct recorder *r, const struct dnp3_step *s, struct cursor *c)
{
	unsigned bit = 0;
	uint8_t flags = 0;
	uint32_t left;

	for (; s->kind != DNP3_END && !c->bad; s++) {
		switch (s->kind) {
		case DNP3_BIT:
			if (bit % 8 == 0)
				flags = cursor_u8(c);
			rec_uint(r, s->field, flags >> bit % 8 & ((1u << s->bytes) - 1));
			bit += s->bytes;
			break;
		case DNP3_UINT:
			rec_uint(r, s->field, number(c, s->bytes));
			break;
		case DNP3_INT:
			rec_int(r, s->field, s->bytes == 2 ? (int16_t)number(c, 2) : (int32_t)number(c, 4));
			break;
		case DNP3_FLOAT:
			put_float(r, s->field, c, s->bytes);
			break;
		case DNP3_TEXT:
			left = (uint32_t)cursor_left(c);
			rec_bytes(r, s->field, cursor_take(c, left), left);
			break;
		case DNP3_SKIP:
			cursor_skip(c, s->bytes);
			break;
		}
	}
}

static uint32_t take_prefix(struct cursor *c, uint8_t code)
{
	static const uint8_t bytes[8] = {0, 1, 2, 4, 1, 2, 4, 0};

	return (uint32_t)number(c, bytes[code]);
}

static void put_points(struct recorder *r, const struct dnp3_object *o, uint32_t *written)
{
	struct cursor c = o->points;
	const struct dnp3_step *steps;
	uint8_t packed;

	steps = dnp3_layout(o->group, o->variation, &packed);
	if (!cursor_left(&c) || !steps)
		return;
	rec_open(r, F_dnp3_points);
	for (uint32_t i = 0; i < o->count && !c.bad && (*written)++ < DNP3_POINTS_WRITTEN_MAX; i++) {
		uint32_t prefix = take_prefix(&c, o->prefix_code);
		struct cursor point = o->prefix_code >= 4 ? cursor_sub(&c, prefix) : c;

		rec_open(r, F_dnp3_element);
		rec_uint(r, F_dnp3_prefix, prefix);
		rec_uint(r, F_dnp3_index,
			 o->prefix_code >= 1 && o->prefix_code <= 3 ? prefix : o->start + i);
		if (o->prefix_code >= 4)
			rec_uint(r, F_dnp3_size, prefix);
		if (packed && !o->prefix_code)
			rec_uint(r, F_dnp3_state, o->points.p[i * packed / 8] >> i * packed % 8 & ((1u << packed) - 1));
		else if (dnp3_is_string(o->group) && o->prefix_code < 4)
			rec_bytes(r, F_dnp3_octet_string, cursor_take(&point, o->variation), o->variation);
		else
			put_steps(r, steps, &point);
		rec_close(r);
		if (o->prefix_code < 4 && !(packed && !o->prefix_code))
			c = point;
	}
	rec_close(r);
}

static void put_objects(struct recorder *r, const struct dnp3_tx *t)
{
	struct cursor c = dnp3_objects(t);
	struct dnp3_object o;
	uint32_t written = 0;

	if (!cursor_left(&c))
		return;
	rec_open(r, F_dnp3_objects);
	for (unsigned i = 0; i < DNP3_OBJECTS_MAX; i++) {
		enum dnp3_next next = dnp3_object_next(t, &c, &o);

		if (next == DNP3_NEXT_LAST || next == DNP3_NEXT_BAD)
			break;
		rec_open(r, F_dnp3_element);
		rec_uint(r, F_dnp3_group, o.group);
		rec_uint(r, F_dnp3_variation, o.variation);
		rec_uint(r, F_dnp3_qualifier, o.qualifier);
		rec_uint(r, F_dnp3_prefix_code, o.prefix_code);
		rec_uint(r, F_dnp3_range_code, o.range_code);
		rec_uint(r, F_dnp3_start, o.start);
		rec_uint(r, F_dnp3_stop, o.stop);
		rec_uint(r, F_dnp3_count, o.count);
		put_points(r, &o, &written);
		rec_close(r);
		if (next == DNP3_NEXT_UNKNOWN)
			break;
	}
	rec_close(r);
}

static void put_control(struct recorder *r, uint8_t c)
{
	rec_open(r, F_dnp3_control);
	rec_bool(r, F_dnp3_dir, c & 0x80);
	rec_bool(r, F_dnp3_pri, c & 0x40);
	rec_bool(r, F_dnp3_fcb, c & 0x20);
	rec_bool(r, F_dnp3_fcv, c & 0x10);
	rec_uint(r, F_dnp3_function_code, c & 15);
	rec_close(r);
}

static void put_application(struct recorder *r, const struct dnp3_tx *t)
{
	uint8_t c = t->data[0];

	rec_open(r, F_dnp3_application);
	rec_open(r, F_dnp3_control);
	rec_bool(r, F_dnp3_fir, c & 0x80);
	rec_bool(r, F_dnp3_fin, c & 0x40);
	rec_bool(r, F_dnp3_con, c & 0x20);
	rec_bool(r, F_dnp3_uns, c & 0x10);
	rec_uint(r, F_dnp3_sequence, c & 15);
	rec_close(r);
	rec_uint(r, F_dnp3_function_code, t->data[1]);
	put_objects(r, t);
	rec_bool(r, F_dnp3_complete, t->complete);
	rec_close(r);
}

static void put_members(struct recorder *r, const struct dnp3_tx *t)
{
	rec_open(r, F_dnp3_dnp3);
	rec_text(r, F_dnp3_type,
		 t->data && t->data[1] == FUNCTION_UNSOLICITED ? "unsolicited_response"
		 : t->direction == TO_SERVER		       ? "request"
							       : "response");
	put_control(r, t->link_control);
	rec_uint(r, F_dnp3_src, t->src);
	rec_uint(r, F_dnp3_dst, t->dst);
	if (t->data)
		put_application(r, t);
	if (t->data && dnp3_is_response(t) && t->len >= 4) {
		uint16_t bits = get_be16(t->data + 2);

		rec_open(r, F_dnp3_iin);
		if (bits) {
			rec_open(r, F_dnp3_indicators);
			for (unsigned i = 0; i < 16; i++)
				if (bits >> i & 1)
					rec_text(r, F_dnp3_indicator, indications[i]);
			rec_close(r);
		}
		rec_close(r);
	}
	rec_close(r);
}

void dnp3_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r;

	/* Confirmations say nothing of their own. */
	if (!dnp3_of(tx)->data || dnp3_of(tx)->data[1] == FUNCTION_CONFIRM)
		return;
	r = emit_flow(w, RECORD_dnp3, f, TO_SERVER, tx->id, p);
	if (!r)
		return;
	put_members(r, dnp3_of(tx));
	emit_end(w);
}

void dnp3_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	put_members(r, dnp3_of(tx));
}

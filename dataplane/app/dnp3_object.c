/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNP3: headers of objects (IEEE 1815-2012, 4.2.2.7) and the layout of their points. Runs in the
 * worker that owns the flow.
 */
#include "dataplane/app/dnp3.h"
#include "dataplane/event/fields.h"

#define GROUP_STRING 110 /* to the events of virtual terminals */
#define GROUP_TERMINAL_EVENT 113
#define STEPS_MAX 16

#define B(name) {DNP3_BIT, 1, F_dnp3_##name},
#define U(bytes, name) {DNP3_UINT, bytes, F_dnp3_##name},
#define I(bytes, name) {DNP3_INT, bytes, F_dnp3_##name},
#define F(bytes, name) {DNP3_FLOAT, bytes, F_dnp3_##name},
#define T(name) {DNP3_TEXT, 0, F_dnp3_##name},
#define S(bytes) {DNP3_SKIP, bytes, 0},
#define FLAGS_QUALITY B(online) B(restart) B(comm_lost) B(remote_forced) B(local_forced)
#define FLAGS_BINARY FLAGS_QUALITY B(chatter_filter) B(reserved) B(state)
#define FLAGS_DOUBLE FLAGS_QUALITY B(chatter_filter) {DNP3_BIT, 2, F_dnp3_state},
#define FLAGS_OUTPUT FLAGS_QUALITY B(reserved0) B(reserved1) B(state)
#define FLAGS_COUNTER FLAGS_QUALITY B(rollover) B(discontinuity) B(reserved0)
#define FLAGS_ANALOG FLAGS_QUALITY B(over_range) B(reference_err) B(reserved0)

static const struct layout {
	uint8_t group, variation;
	uint8_t packed;
	struct dnp3_step steps[STEPS_MAX];
} layouts[] = {
#define NOTHING(group, variation) {group, variation, 0, {{DNP3_END, 0, 0}}},
#define PACKED(group, variation, bits) {group, variation, bits, {{DNP3_BIT, bits, F_dnp3_state}}},
#define POINT(group, variation, steps) {group, variation, 0, {steps {DNP3_END, 0, 0}}},
#include "dataplane/app/dnp3_objects.def"
};

bool dnp3_is_string(uint8_t group)
{
	return group >= GROUP_STRING && group <= GROUP_TERMINAL_EVENT;
}

const struct dnp3_step *dnp3_layout(uint8_t group, uint8_t variation, uint8_t *packed)
{
	static const struct dnp3_step string[] = {T(octet_string) {DNP3_END, 0, 0}};

	*packed = 0;
	if (dnp3_is_string(group))
		return string;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (layouts[i].group == group && layouts[i].variation == variation) {
			*packed = layouts[i].packed;
			return layouts[i].steps;
		}
	return NULL;
}

static uint32_t number(struct cursor *c, unsigned code)
{
	return code == 0 ? cursor_u8(c) : code == 1 ? cursor_le16(c) : cursor_le32(c);
}

static bool read_range(struct cursor *c, struct dnp3_object *o)
{
	switch (o->range_code) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		o->start = number(c, o->range_code % 3u);
		o->stop = number(c, o->range_code % 3u);
		if (o->stop < o->start)
			return false;
		o->count = o->stop - o->start;
		o->count += o->count != UINT32_MAX;
		break;
	case 6:
		break;
	case 7:
	case 8:
	case 9:
		o->count = number(c, o->range_code - 7u);
		break;
	case 11:
		o->count = cursor_u8(c);
		break;
	default:
		return false;
	}
	return !c->bad;
}

/* Bytes of a point without its prefix; text has no size of its own. */
static uint32_t point_bytes(const struct dnp3_object *o, const struct dnp3_step *s)
{
	uint32_t bits = 0, bytes = 0;

	for (; s->kind != DNP3_END; s++) {
		if (s->kind == DNP3_BIT)
			bits += s->bytes;
		else
			bytes += s->bytes;
		if (s->kind == DNP3_TEXT && dnp3_is_string(o->group))
			bytes += o->variation;
	}
	return bytes + (bits + 7) / 8;
}

static const uint8_t prefix_bytes[8] = {0, 1, 2, 4, 1, 2, 4, 0};

/* Moves c past the points, which o->points gets. */
static enum dnp3_next take_points(struct cursor *c, struct dnp3_object *o)
{
	struct cursor begin = *c;
	const struct dnp3_step *steps;
	uint8_t packed;

	steps = dnp3_layout(o->group, o->variation, &packed);
	if (!steps && o->prefix_code < 4)
		return DNP3_NEXT_UNKNOWN;
	o->unknown = !steps;
	if (packed && !o->prefix_code) {
		cursor_skip(c, ((size_t)o->count * packed + 7) / 8);
	} else if (o->prefix_code >= 4) {
		for (uint32_t i = 0; i < o->count && !c->bad; i++)
			cursor_skip(c, number(c, o->prefix_code - 4u));
	} else {
		size_t each = prefix_bytes[o->prefix_code] + (packed ? 1 : point_bytes(o, steps));

		cursor_skip(c, each * o->count);
	}
	o->points = (struct cursor){.p = begin.p, .end = c->p};
	return c->bad ? DNP3_NEXT_BAD : DNP3_NEXT_GOOD;
}

/* Requests that name points without their data (4.4): to read, to freeze, to assign a class, of unsolicited
 * responses. With a size there are data all the same. */
static bool names_only(uint8_t function, const struct dnp3_object *o)
{
	switch (function) {
	case 1:
	case 7:
	case 8:
	case 9:
	case 10:
	case 20:
	case 21:
	case 22:
		return o->prefix_code < 4;
	default:
		return !o->variation && o->prefix_code < 4;
	}
}

enum dnp3_next dnp3_object_next(const struct dnp3_tx *t, struct cursor *c, struct dnp3_object *o)
{
	*o = (struct dnp3_object){0};
	if (!cursor_left(c))
		return DNP3_NEXT_LAST;
	o->group = cursor_u8(c);
	o->variation = cursor_u8(c);
	o->qualifier = cursor_u8(c);
	o->prefix_code = o->qualifier >> 4 & 7;
	o->range_code = o->qualifier & 15;
	if (c->bad || !read_range(c, o) || o->prefix_code == 7)
		return DNP3_NEXT_BAD;
	if (!o->count || (!o->variation && !o->prefix_code))
		return DNP3_NEXT_GOOD;
	if (!names_only(t->data[1], o))
		return take_points(c, o);
	return cursor_skip(c, (size_t)prefix_bytes[o->prefix_code] * o->count) ? DNP3_NEXT_GOOD : DNP3_NEXT_BAD;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TNEF, winmail.dat (MS-OXTNEF 2.1): attachments become parts, and so do messages attached to the message, which are
 * objects among their properties and TNEF, too.
 */
#include "control/analysis/analyser.h"
#include "dataplane/base/mapi.h"

#define SIGNATURE_BYTES "\x78\x9f\x3e\x22"
#define ATTRIBUTES_MAX 20000u
#define ATTACH_RENDERING 0x00069002u /* begins an attachment */
#define ATTACH_TITLE 0x00018010u
#define ATTACH_DATA 0x0006800fu
#define ATTACH_PROPERTIES 0x00069005u

bool tnef_is(const struct part *p)
{
	return bytes_begin(p->data, SIGNATURE_BYTES, 4);
}

/* The title is a short name: the long one is among the properties. */
static struct bytes long_name(struct bytes properties, uint8_t *out, uint32_t room)
{
	struct bytes value;
	uint16_t type;

	if (!mapi_find(cursor_of(properties.data, properties.len), MAPI_LONG_FILE_NAME, &type, &value))
		return (struct bytes){out, 0};
	return (struct bytes){out, mapi_text(type, value, out, room)};
}

void tnef_run(struct analysis *a, struct part *p)
{
	struct cursor c = cursor_of(p->data.data, p->data.len);
	struct bytes none = {p->data.data, 0}, name = none, data = none;
	uint8_t room[PART_NAME_MAX];
	bool there = false; /* data, of an attachment whose title may still come */

	p->traits |= PART_MAIL;
	cursor_skip(&c, 6);
	for (unsigned n = 0; n < ATTRIBUTES_MAX && cursor_left(&c) >= 11 && !analysis_over(a); n++) {
		uint32_t id, len;
		const uint8_t *body;

		cursor_u8(&c); /* of the message, or of an attachment */
		id = cursor_le32(&c);
		len = cursor_le32(&c);
		body = cursor_take(&c, len);
		cursor_le16(&c);
		if (!body) {
			part_reason(a, p, REASON_broken, "TNEF");
			break;
		}
		if (id == ATTACH_RENDERING) {
			if (there)
				part_add(a, p, name, "", data);
			there = false;
			name.len = 0;
		} else if (id == ATTACH_TITLE) {
			name = (struct bytes){body, len && body[len - 1] == 0 ? len - 1 : len};
		} else if (id == ATTACH_DATA) {
			if (there)
				part_add(a, p, name, "", data);
			there = true;
			data = (struct bytes){body, len};
		} else if (id == ATTACH_PROPERTIES) {
			struct bytes better = long_name((struct bytes){body, len}, room, sizeof(room)), object;

			name = better.len ? better : name;
			if (len && mapi_object(cursor_of(body, len), &object))
				part_add(a, p, name, "", object);
		}
	}
	if (there)
		part_add(a, p, name, "", data);
}

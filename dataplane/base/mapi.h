/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Properties of a message or an attachment as TNEF writes them (MS-OXTNEF 2.1.3.4). Any thread.
 */
#ifndef BASE_MAPI_H
#define BASE_MAPI_H

#include "dataplane/base/cursor.h"

#define MAPI_PROPERTIES_MAX 1024u
#define MAPI_VALUES_MAX 1024u       /* of one with several */
#define MAPI_ATTACHED_OBJECT 0x3701u
#define MAPI_LONG_FILE_NAME 0x3707u /* PidTagAttachLongFilename */

enum { MAPI_INT16 = 2, MAPI_BOOL = 11, MAPI_DOUBLE = 5, MAPI_CURRENCY = 6, MAPI_TIME7 = 7, MAPI_OBJECT = 13, MAPI_INT64 = 20,
       MAPI_STRING = 30, MAPI_UNICODE = 31, MAPI_TIME = 64, MAPI_GUID = 72, MAPI_BINARY = 258, MAPI_SEVERAL = 0x1000 };

/* One value; those of variable length have it before them, and are filled up to four bytes. */
static inline struct bytes mapi_value(struct cursor *c, uint16_t type)
{
	uint32_t len = 4;

	switch (type) {
	case MAPI_DOUBLE:
	case MAPI_CURRENCY:
	case MAPI_TIME7:
	case MAPI_INT64:
	case MAPI_TIME:
		len = 8;
		break;
	case MAPI_GUID:
		len = 16;
		break;
	case MAPI_OBJECT:
	case MAPI_STRING:
	case MAPI_UNICODE:
	case MAPI_BINARY:
		len = cursor_le32(c);
	}
	struct bytes value = {cursor_take(c, len), len};

	cursor_skip(c, -len & 3u);
	return value;
}

/* Passes over the name that properties from 0x8000 on have. */
static inline void mapi_skip_name(struct cursor *c)
{
	uint32_t len;

	cursor_skip(c, 16);
	if (!cursor_le32(c)) {
		cursor_skip(c, 4);
		return;
	}
	len = cursor_le32(c);
	cursor_skip(c, len);
	cursor_skip(c, -len & 3u);
}

/* Moves to the first value of that property; false: it is not there. */
static inline bool mapi_seek(struct cursor *c, uint16_t wanted, uint16_t *type)
{
	uint32_t count = cursor_le32(c);

	for (uint32_t i = 0; i < count && i < MAPI_PROPERTIES_MAX && !c->bad; i++) {
		uint16_t kind = cursor_le16(c), id = cursor_le16(c);
		bool variable;
		uint32_t values = 1;

		*type = kind & (uint16_t)~MAPI_SEVERAL;
		if (id >= 0x8000)
			mapi_skip_name(c);
		variable = *type == MAPI_OBJECT || *type == MAPI_STRING || *type == MAPI_UNICODE || *type == MAPI_BINARY;
		if (variable || kind & MAPI_SEVERAL)
			values = cursor_le32(c);
		if (id == wanted && values)
			return !c->bad;
		for (uint32_t v = 0; v < values && v < MAPI_VALUES_MAX && !c->bad; v++)
			mapi_value(c, *type);
	}
	return false;
}

/* The first value of that property, which may be cut off with the list; false: it is not there, or not whole. */
static inline bool mapi_find(struct cursor c, uint16_t wanted, uint16_t *type, struct bytes *value)
{
	if (!mapi_seek(&c, wanted, type))
		return false;
	*value = mapi_value(&c, *type);
	return !c.bad;
}

/* The object that is attached (PidTagAttachDataObject: its length, an interface's identifier, and the object, of a message
 * TNEF), of which *here are the bytes that are there; its length, 0: there is none. */
static inline uint32_t mapi_object(struct cursor c, struct bytes *here)
{
	uint16_t type;
	uint32_t len;

	if (!mapi_seek(&c, MAPI_ATTACHED_OBJECT, &type) || (type != MAPI_OBJECT && type != MAPI_BINARY))
		return 0;
	len = cursor_le32(&c);
	cursor_skip(&c, 16);
	if (c.bad || len <= 16)
		return 0;
	len -= 16;
	*here = (struct bytes){c.p, cursor_left(&c) < len ? (uint32_t)cursor_left(&c) : len};
	return len;
}

/* A text without its zeros as UTF-8 (of 8 bits: as it is); the length. */
static inline uint32_t mapi_text(uint16_t type, struct bytes in, uint8_t *out, uint32_t room)
{
	uint32_t n = 0;

	for (uint32_t i = 0; type != MAPI_UNICODE && i < in.len && in.data[i] && n < room; i++)
		out[n++] = in.data[i];
	for (uint32_t i = 0; type == MAPI_UNICODE && i + 1 < in.len && n + 4 <= room; i += 2) {
		uint32_t u = in.data[i] | (uint32_t)in.data[i + 1] << 8, low;

		if (!u)
			break;
		if (u >= 0xd800 && u < 0xdc00 && i + 3 < in.len) {
			low = in.data[i + 2] | (uint32_t)in.data[i + 3] << 8;
			if (low >= 0xdc00 && low < 0xe000) {
				u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
				i += 2;
			}
		}
		if (u < 0x80) {
			out[n++] = (uint8_t)u;
		} else if (u < 0x800) {
			out[n++] = (uint8_t)(0xc0 | u >> 6);
			out[n++] = (uint8_t)(0x80 | (u & 63));
		} else if (u < 0x10000) {
			out[n++] = (uint8_t)(0xe0 | u >> 12);
			out[n++] = (uint8_t)(0x80 | (u >> 6 & 63));
			out[n++] = (uint8_t)(0x80 | (u & 63));
		} else {
			out[n++] = (uint8_t)(0xf0 | u >> 18);
			out[n++] = (uint8_t)(0x80 | (u >> 12 & 63));
			out[n++] = (uint8_t)(0x80 | (u >> 6 & 63));
			out[n++] = (uint8_t)(0x80 | (u & 63));
		}
	}
	return n;
}

#endif

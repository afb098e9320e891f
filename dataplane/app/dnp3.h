/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNP3 (IEEE 1815-2012: 9 data link, 8 transport function, 4 application layer, annex A objects) over
 * TCP and UDP. Private to dnp3*.c. Each application message, put together from its segments, is a
 * transaction.
 */
#ifndef APP_DNP3_H
#define APP_DNP3_H

#include "dataplane/app/app.h"

#define DNP3_MESSAGE_MAX 16065      /* 63 segments of 255 bytes: more do not fit the sequence */
#define DNP3_TRANSACTIONS_MAX 500   /* waiting at once; one more is a flood */
#define DNP3_OBJECTS_MAX 2048       /* of a message */
#define DNP3_POINTS_MAX 16384       /* likewise */
#define DNP3_POINTS_WRITTEN_MAX 1024 /* in a record */

struct dnp3_tx {
	struct tx tx;
	uint8_t direction;
	uint8_t link_control;
	uint16_t dst, src;
	bool complete;     /* all of its objects were understood */
	uint32_t len;
	uint32_t next_object, next_at; /* value_object: which one is asked for next, and where it begins */
	uint8_t *data;     /* application layer: control, function, …; owned */
};

/* A header of objects, and where their points are. */
struct dnp3_object {
	uint8_t group, variation, qualifier, prefix_code, range_code;
	uint32_t start, stop, count;
	bool unknown;         /* what its points are; their size was said */
	struct cursor points; /* empty where none follow */
};

struct dnp3_step { /* of a point */
	uint8_t kind, bytes;
	uint16_t field;
};

enum dnp3_kind {
	DNP3_END,
	DNP3_BIT,    /* the next bits of a byte, lowest first; .bytes says how many */
	DNP3_UINT,   /* .bytes, little-endian */
	DNP3_INT,
	DNP3_FLOAT,
	DNP3_TEXT,   /* what is left of the point */
	DNP3_SKIP,   /* .bytes that are not shown */
};

static inline struct dnp3_tx *dnp3_of(struct tx *tx)
{
	return (struct dnp3_tx *)(void *)tx;
}

static inline bool dnp3_is_response(const struct dnp3_tx *t)
{
	return t->len > 1 && t->data[1] >= 129;
}

/* The objects: behind control and function, of a response behind the indications too. */
static inline struct cursor dnp3_objects(const struct dnp3_tx *t)
{
	uint32_t head = dnp3_is_response(t) ? 4 : 2;

	return cursor_of(t->data + (head < t->len ? head : t->len), head < t->len ? t->len - head : 0);
}

/* dnp3_object.c */
enum dnp3_next { DNP3_NEXT_GOOD, DNP3_NEXT_LAST, DNP3_NEXT_BAD, DNP3_NEXT_UNKNOWN };

enum dnp3_next dnp3_object_next(const struct dnp3_tx *t, struct cursor *c, struct dnp3_object *o);
/* Octet strings and virtual terminals: the variation is their length. */
bool dnp3_is_string(uint8_t group);
/* Steps of a point; NULL: the object is not known. packed: so many bits a point instead, or 0. */
const struct dnp3_step *dnp3_layout(uint8_t group, uint8_t variation, uint8_t *packed);

/* dnp3_log.c */
void dnp3_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void dnp3_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

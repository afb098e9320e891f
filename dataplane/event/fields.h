/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of every record and field that may cross an event ring: name, type, meaning. It is
 * put together from record/NAME.def, one file a record type. From it come the worker's encoder
 * (record.h), the EVE writer, the column names of a fleet store and the reference pages.
 *
 * Rows, in record/NAME.def:
 *   RECORD(name, CLASS, "meaning")            the EVE event_type is the name
 *   FIELD(record, field, KIND, "json key", "meaning")
 * Fields of an array's elements have a key too ("" for array elements without a key).
 */
#ifndef EVENT_FIELDS_H
#define EVENT_FIELDS_H

#include <stdint.h>

/* How a value stands in the ring, and how the EVE writer prints it. */
enum field_kind {
	KIND_UINT,      /* unsigned, up to 64 bits */
	KIND_INT,       /* signed, 64 bits */
	KIND_BOOL,
	KIND_FLOAT,     /* double */
	KIND_TEXT,      /* bytes that should be UTF-8; bad bytes are printed as \xNN */
	KIND_PRINTABLE, /* any bytes; what is not printable ASCII becomes '.' */
	KIND_BASE64,    /* any bytes, printed as base64 */
	KIND_HEX,       /* any bytes, printed as lower-case hex */
	KIND_HEXCOLON,  /* any bytes, printed as aa:bb:cc */
	KIND_MAC,       /* 6 bytes */
	KIND_ADDR,      /* 4 or 16 bytes */
	KIND_TIME,      /* ns since the epoch, printed as 2024-01-31T09:30:00.123456+0000 */
	KIND_MEMBER,    /* a member whose key comes from the traffic; key and value as TEXT */
	KIND_JSON,      /* one JSON value, printed as it is; only from our own tables */
	KIND_OBJECT,    /* fields until the matching close */
	KIND_ARRAY,     /* elements until the matching close */
	KIND_HIDDEN,    /* unsigned; for the control process, never printed */
};

/* What a full ring gives up first: CONTACT and ALERT are kept longest. */
enum record_class {
	CLASS_LOG,     /* protocol, flow, file records */
	CLASS_ALERT,   /* alerts, drops */
	CLASS_CONTACT, /* the memory behind Retro Scan */
	CLASS_CONTROL, /* begin and end of a capture, of a worker */
};

enum record_type {
#define RECORD(name, class, doc) RECORD_##name,
#define FIELD(record, field, kind, key, doc)
#include "record_index.def"
#undef RECORD
#undef FIELD
	RECORD_COUNT
};

enum field_id {
	FIELD_NONE,
#define RECORD(name, class, doc)
#define FIELD(record, field, kind, key, doc) F_##record##_##field,
#include "record_index.def"
#undef RECORD
#undef FIELD
	FIELD_COUNT
};

struct record_row {
	const char *name;
	enum record_class record_class;
	const char *doc;
};

struct field_row {
	enum record_type record;
	const char *name; /* "record.field" */
	enum field_kind kind;
	const char *key;
	const char *doc;
};

extern const struct record_row record_rows[RECORD_COUNT];
extern const struct field_row field_rows[FIELD_COUNT];

#endif

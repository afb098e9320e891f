/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Modbus over TCP (MODBUS Application Protocol 1.1b3, MODBUS Messaging on TCP/IP 1.0b). Private to
 * modbus*.c and to detect/, which compares requests with rules. A request and its response are a
 * transaction.
 */
#ifndef APP_MODBUS_H
#define APP_MODBUS_H

#include "dataplane/app/text.h"

#define MODBUS_HEADER_BYTES 6       /* transaction, protocol, length; unit and function follow */
#define MODBUS_LENGTH_MIN 2         /* of what the length counts: unit and function … */
#define MODBUS_LENGTH_MAX 254       /* … to all of the largest message */
#define MODBUS_TRANSACTIONS_MAX 1000 /* at half of them waiting the oldest gives way: a flood */
#define MODBUS_EXCEPTION 0x80       /* of the function of a response that refuses */

enum modbus_function {
	MODBUS_READ_COILS = 1,
	MODBUS_READ_EXCEPTION_STATUS = 7,
	MODBUS_DIAGNOSTIC = 8,
	MODBUS_EVENT_COUNTER = 11,
	MODBUS_EVENT_LOG = 12,
	MODBUS_REPORT_SERVER_ID = 17,
	MODBUS_READ_FILE = 20,
	MODBUS_WRITE_FILE = 21,
	MODBUS_READ_WRITE_REGISTERS = 23,
	MODBUS_READ_FIFO = 24,
	MODBUS_MEI = 43, /* encapsulated interface transport */
};

enum modbus_access {
	MODBUS_READ = 1 << 0,
	MODBUS_WRITE = 1 << 1,
	MODBUS_DISCRETES = 1 << 2,
	MODBUS_COILS = 1 << 3,
	MODBUS_INPUT = 1 << 4,
	MODBUS_HOLDING = 1 << 5,
	MODBUS_SINGLE = 1 << 6,
	MODBUS_MULTIPLE = 1 << 7,
};

/* MODBUS Application Protocol, 5: who assigned a function code. */
enum modbus_category {
	MODBUS_PUBLIC_ASSIGNED = 1 << 0,
	MODBUS_PUBLIC_UNASSIGNED = 1 << 1,
	MODBUS_USER_DEFINED = 1 << 2,
	MODBUS_RESERVED = 1 << 3,
};

enum modbus_error {
	MODBUS_BAD_VALUE = 1 << 0,
	MODBUS_BAD_LENGTH = 1 << 1,
	MODBUS_BAD_EXCEPTION = 1 << 2,
	MODBUS_BAD_FUNCTION = 1 << 3,
	MODBUS_BAD_PROTOCOL = 1 << 4,
};

/* What the bytes behind the function are. */
enum modbus_kind {
	MODBUS_EMPTY,
	MODBUS_IS_EXCEPTION,
	MODBUS_IS_DIAGNOSTIC,
	MODBUS_IS_MEI,
	MODBUS_READ_REQUEST,
	MODBUS_READ_RESPONSE,
	MODBUS_WRITE_REQUEST, /* of several: a quantity and data */
	MODBUS_WRITE_MASK,
	MODBUS_WRITE_OTHER,   /* of one; or the response to one of several: .value is the quantity */
	MODBUS_READ_WRITE,
	MODBUS_BYTES,
};

struct modbus_message {
	bool there;
	uint8_t unit, function;
	uint8_t access, category, errors; /* bits of the enums */
	uint8_t kind;                     /* enum modbus_kind */
	uint16_t transaction, protocol, length;
	uint16_t code;                    /* of an exception, a diagnostic's subfunction, the type of an MEI */
	uint16_t read_address, read_quantity;
	uint16_t address, quantity, value; /* of a write */
	uint16_t and_mask, or_mask;
	struct text data;                 /* owned */
};

struct modbus_tx {
	struct tx tx;
	struct modbus_message request, response;
};

static inline struct modbus_tx *modbus_of(struct tx *tx)
{
	return (struct modbus_tx *)(void *)tx;
}

/* modbus_message.c: one message, header and all, as that side sends it. data: of at least
 * MODBUS_HEADER_BYTES, and as many more as its length says unless that is out of bounds. */
void modbus_read(struct worker *w, struct modbus_message *m, enum direction d, const uint8_t *data,
		 uint32_t len);
/* Does the response belong to the request? What of it contradicts the request adds to its errors. */
bool modbus_answers(struct modbus_message *response, const struct modbus_message *request);
/* What it reads or writes, counted from 1 as the data model does (protocol addresses from 0): 65536 is the last. */
bool modbus_range(const struct modbus_message *m, uint32_t *first, uint32_t *last);
/* What it writes at that address, counted likewise. */
bool modbus_written(const struct modbus_message *m, uint32_t address, uint16_t *value);
/* NULL: none of the assigned ones. */
const char *modbus_function_name(uint8_t function);

/* modbus_log.c */
void modbus_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void modbus_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

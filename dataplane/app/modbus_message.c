/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A message of Modbus: what its bytes say, what is wrong with them, and whether two belong together.
 * See modbus.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/modbus.h"

#define BITS_MAX 2000      /* coils or inputs of a request */
#define REGISTERS_MAX 125  /* likewise */
#define READ_BYTES_MAX 250 /* of a response */
#define COIL_ON 0xff00

#define BITS (MODBUS_DISCRETES | MODBUS_COILS)

static const struct {
	const char *name;
	uint8_t access;
} functions[] = {
	[1] = {"RdCoils", MODBUS_READ | MODBUS_COILS},
	[2] = {"RdDiscreteInputs", MODBUS_READ | MODBUS_DISCRETES},
	[3] = {"RdHoldRegs", MODBUS_READ | MODBUS_HOLDING},
	[4] = {"RdInputRegs", MODBUS_READ | MODBUS_INPUT},
	[5] = {"WrSingleCoil", MODBUS_WRITE | MODBUS_COILS | MODBUS_SINGLE},
	[6] = {"WrSingleReg", MODBUS_WRITE | MODBUS_HOLDING | MODBUS_SINGLE},
	[7] = {"RdExcStatus", 0},
	[8] = {"Diagnostic", 0},
	[9] = {"Program484", 0},
	[10] = {"Poll484", 0},
	[11] = {"GetCommEventCtr", 0},
	[12] = {"GetCommEventLog", 0},
	[13] = {"ProgramController", 0},
	[14] = {"PollController", 0},
	[15] = {"WrMultCoils", MODBUS_WRITE | MODBUS_COILS | MODBUS_MULTIPLE},
	[16] = {"WrMultRegs", MODBUS_WRITE | MODBUS_HOLDING | MODBUS_MULTIPLE},
	[17] = {"ReportServerID", 0},
	[18] = {"Program884", 0},
	[19] = {"ResetCommLink", 0},
	[20] = {"RdFileRec", 0},
	[21] = {"WrFileRec", 0},
	[22] = {"MaskWrReg", MODBUS_WRITE | MODBUS_HOLDING},
	[23] = {"RdWrMultRegs", MODBUS_READ | MODBUS_WRITE | MODBUS_HOLDING | MODBUS_MULTIPLE},
	[24] = {"RdFIFOQueue", 0},
	[43] = {"MEI", 0},
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

const char *modbus_function_name(uint8_t function)
{
	return function < FUNCTIONS ? functions[function].name : NULL;
}

/* Of codes without a name: up to which code, whose they are. */
static uint8_t category_of_code(uint8_t code)
{
	static const struct {
		uint8_t below, category;
	} parts[] = {
		{1, 0},
		{9, MODBUS_PUBLIC_UNASSIGNED},
		{15, MODBUS_RESERVED},
		{41, MODBUS_PUBLIC_UNASSIGNED},
		{43, MODBUS_RESERVED},
		{65, MODBUS_PUBLIC_UNASSIGNED},
		{73, MODBUS_USER_DEFINED},
		{90, MODBUS_PUBLIC_UNASSIGNED},
		{92, MODBUS_RESERVED},
		{100, MODBUS_PUBLIC_UNASSIGNED},
		{111, MODBUS_USER_DEFINED},
		{125, MODBUS_PUBLIC_UNASSIGNED},
		{128, MODBUS_RESERVED},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (code < parts[i].below)
			return parts[i].category;
	return 0;
}

/* Subfunctions of diagnostics and types of MEI that are assigned. */
static bool code_assigned(const struct modbus_message *m)
{
	if (m->kind == MODBUS_IS_DIAGNOSTIC)
		return m->code <= 4 || (m->code >= 10 && m->code <= 21);
	return m->code == 13 || m->code == 14;
}

static uint8_t category_of(const struct modbus_message *m)
{
	uint8_t function = m->function & ~MODBUS_EXCEPTION;

	if (!modbus_function_name(function))
		return category_of_code(m->function);
	if (function != MODBUS_DIAGNOSTIC && function != MODBUS_MEI)
		return MODBUS_PUBLIC_ASSIGNED;
	if (m->kind != MODBUS_IS_DIAGNOSTIC && m->kind != MODBUS_IS_MEI)
		return 0;
	return code_assigned(m) ? MODBUS_PUBLIC_ASSIGNED : MODBUS_RESERVED;
}

/* ---- reading ---- */

static void take_data(struct worker *w, struct modbus_message *m, struct cursor *c)
{
	uint32_t len = (uint32_t)cursor_left(c);

	text_set(w, &m->data, (struct bytes){cursor_take(c, len), len});
}

static void read_exception(struct modbus_message *m, struct cursor *c)
{
	uint8_t function = m->function & ~MODBUS_EXCEPTION;
	/* Functions without an address, and most of them without a value. */
	bool no_address = (function > 6 && function < 15) || (function > 16 && function < 20);

	m->code = cursor_u8(c);
	m->kind = MODBUS_IS_EXCEPTION;
	if (m->code == 0 || m->code == 9 || m->code > 11 || (m->code == 2 && no_address) ||
	    (m->code == 3 && no_address && function != MODBUS_DIAGNOSTIC) ||
	    (m->code == 8 && function != MODBUS_READ_FILE && function != MODBUS_WRITE_FILE))
		m->errors |= MODBUS_BAD_EXCEPTION;
}

/* Data that a diagnostic's request may have (6.8.1). */
static bool diagnostic_good(const struct modbus_message *m)
{
	const uint8_t *data = m->data.data;

	if (m->data.len != 2)
		return true; /* told as a wrong length */
	switch (m->code) {
	case 0: /* return query data */
	case 4: /* force listen only mode */
		return true;
	case 1: /* restart communications */
		return data[1] == 0 && (data[0] == 0 || data[0] == 0xff);
	case 3: /* change ASCII input delimiter */
		return data[1] == 0;
	default:
		return !code_assigned(m) || (data[0] == 0 && data[1] == 0);
	}
}

static void read_diagnostic(struct worker *w, struct modbus_message *m, enum direction d, struct cursor *c)
{
	if (d == TO_SERVER && cursor_left(c) != 4)
		m->errors |= MODBUS_BAD_LENGTH;
	if (cursor_left(c) < 2) {
		m->errors |= MODBUS_BAD_LENGTH;
		return;
	}
	m->kind = MODBUS_IS_DIAGNOSTIC;
	m->code = cursor_be16(c);
	take_data(w, m, c);
	if (d == TO_SERVER && !diagnostic_good(m))
		m->errors |= MODBUS_BAD_VALUE;
}

static void read_mei(struct worker *w, struct modbus_message *m, struct cursor *c)
{
	if (!cursor_left(c)) {
		m->errors |= MODBUS_BAD_LENGTH;
		return;
	}
	m->kind = MODBUS_IS_MEI;
	m->code = cursor_u8(c);
	take_data(w, m, c);
}

static uint16_t quantity_max(const struct modbus_message *m)
{
	return m->access & BITS ? BITS_MAX : REGISTERS_MAX;
}

static void read_read_request(struct modbus_message *m, struct cursor *c)
{
	m->read_address = cursor_be16(c);
	m->read_quantity = cursor_be16(c);
	if (c->bad)
		return;
	m->kind = MODBUS_READ_REQUEST;
	if (!m->read_quantity || m->read_quantity > quantity_max(m))
		m->errors |= MODBUS_BAD_VALUE;
}

static void read_read_response(struct worker *w, struct modbus_message *m, struct cursor *c)
{
	uint8_t count;

	if (!cursor_left(c)) {
		m->errors |= MODBUS_BAD_LENGTH;
		return;
	}
	count = cursor_u8(c);
	if (!count || count > READ_BYTES_MAX || count != cursor_left(c))
		m->errors |= MODBUS_BAD_VALUE;
	m->kind = MODBUS_READ_RESPONSE;
	take_data(w, m, c);
}

static void read_write_several(struct worker *w, struct modbus_message *m, struct cursor *c)
{
	uint32_t count, wanted;

	m->quantity = cursor_be16(c);
	count = cursor_u8(c);
	if (c->bad)
		return;
	wanted = m->access & BITS ? (m->quantity + 7u) / 8 : 2u * m->quantity;
	if (!m->quantity || count != cursor_left(c))
		m->errors |= MODBUS_BAD_LENGTH;
	if (m->quantity > quantity_max(m) || count != wanted)
		m->errors |= MODBUS_BAD_VALUE;
	m->kind = m->kind == MODBUS_READ_REQUEST ? MODBUS_READ_WRITE : MODBUS_WRITE_REQUEST;
	take_data(w, m, c);
}

static void read_mask(struct modbus_message *m, struct cursor *c)
{
	m->and_mask = cursor_be16(c);
	m->or_mask = cursor_be16(c);
	if (!c->bad)
		m->kind = MODBUS_WRITE_MASK;
}

static void read_write_request(struct worker *w, struct modbus_message *m, struct cursor *c)
{
	m->address = cursor_be16(c);
	if (m->access & MODBUS_MULTIPLE) {
		read_write_several(w, m, c);
		return;
	}
	if (!(m->access & MODBUS_SINGLE)) {
		read_mask(m, c);
		return;
	}
	m->value = cursor_be16(c);
	if (c->bad)
		return;
	m->kind = MODBUS_WRITE_OTHER;
	if (m->access & MODBUS_COILS && m->value != 0 && m->value != COIL_ON)
		m->errors |= MODBUS_BAD_VALUE;
}

static void read_write_response(struct modbus_message *m, struct cursor *c)
{
	m->address = cursor_be16(c);
	if (!(m->access & (MODBUS_SINGLE | MODBUS_MULTIPLE))) {
		read_mask(m, c);
		return;
	}
	m->value = cursor_be16(c);
	if (c->bad)
		return;
	m->kind = MODBUS_WRITE_OTHER;
	if (m->access & MODBUS_MULTIPLE && (!m->value || m->value > quantity_max(m)))
		m->errors |= MODBUS_BAD_VALUE;
}

/* Functions whose data is taken as it is: how long it must be. */
static bool bytes_good(const struct modbus_message *m, enum direction d, size_t len)
{
	switch (m->function) {
	case MODBUS_READ_EXCEPTION_STATUS:
		return d == TO_SERVER ? len == 0 : len == 1;
	case MODBUS_EVENT_COUNTER:
		return d == TO_SERVER ? len == 0 : len == 4;
	case MODBUS_EVENT_LOG:
	case MODBUS_REPORT_SERVER_ID:
		return d == TO_CLIENT || len == 0;
	case MODBUS_READ_FILE:
	case MODBUS_WRITE_FILE:
		return d == TO_CLIENT || len > 0;
	case MODBUS_READ_FIFO:
		return d == TO_CLIENT || len == 2;
	default:
		return true;
	}
}

static void read_bytes(struct worker *w, struct modbus_message *m, enum direction d, struct cursor *c)
{
	if (!bytes_good(m, d, cursor_left(c)))
		m->errors |= MODBUS_BAD_LENGTH;
	m->kind = MODBUS_BYTES;
	take_data(w, m, c);
}

static void read_function(struct worker *w, struct modbus_message *m, enum direction d, struct cursor *c)
{
	if (d == TO_CLIENT && m->function & MODBUS_EXCEPTION) {
		read_exception(m, c);
		return;
	}
	if (!m->function || m->function & MODBUS_EXCEPTION)
		m->errors |= MODBUS_BAD_FUNCTION;
	if (m->function == MODBUS_DIAGNOSTIC)
		read_diagnostic(w, m, d, c);
	else if (m->function == MODBUS_MEI)
		read_mei(w, m, c);
	else if (!m->access)
		read_bytes(w, m, d, c);
	else if (d == TO_CLIENT && m->access & MODBUS_READ)
		read_read_response(w, m, c);
	else if (d == TO_CLIENT)
		read_write_response(m, c);
	else {
		if (m->access & MODBUS_READ)
			read_read_request(m, c);
		if (m->access & MODBUS_WRITE)
			read_write_request(w, m, c);
	}
}

void modbus_read(struct worker *w, struct modbus_message *m, enum direction d, const uint8_t *data,
		 uint32_t len)
{
	struct cursor c = cursor_of(data, len), body;

	m->there = true;
	m->transaction = cursor_be16(&c);
	m->protocol = cursor_be16(&c);
	m->length = cursor_be16(&c);
	if (m->protocol)
		m->errors |= MODBUS_BAD_PROTOCOL;
	if (m->length < MODBUS_LENGTH_MIN || m->length > MODBUS_LENGTH_MAX) {
		m->errors |= MODBUS_BAD_LENGTH;
		return;
	}
	body = cursor_sub(&c, m->length);
	m->unit = cursor_u8(&body);
	m->function = cursor_u8(&body);
	if (modbus_function_name(m->function & ~MODBUS_EXCEPTION))
		m->access = functions[m->function & ~MODBUS_EXCEPTION].access;
	c = body;
	read_function(w, m, d, &body);
	if (body.bad || cursor_left(&body))
		m->errors |= MODBUS_BAD_LENGTH;
	if (body.bad && m->kind == MODBUS_EMPTY) {
		m->kind = MODBUS_BYTES;
		take_data(w, m, &c);
	}
	m->category = category_of(m);
}

/* ---- two that belong together ---- */

/* Bytes that answer a request to read. */
static uint32_t answer_bytes(const struct modbus_message *request)
{
	if (request->access & BITS)
		return (request->read_quantity + 7u) / 8;
	return 2u * request->read_quantity;
}

static bool same_write(const struct modbus_message *a, const struct modbus_message *b)
{
	if (a->address != b->address)
		return false;
	if (a->kind == MODBUS_WRITE_MASK)
		return a->and_mask == b->and_mask && a->or_mask == b->or_mask;
	return a->value == (b->kind == MODBUS_WRITE_OTHER ? b->value : b->quantity);
}

bool modbus_answers(struct modbus_message *response, const struct modbus_message *request)
{
	if (response->transaction != request->transaction || response->unit != request->unit ||
	    ((response->function ^ request->function) & ~MODBUS_EXCEPTION))
		return false;
	if (response->kind == MODBUS_IS_EXCEPTION || response->category != MODBUS_PUBLIC_ASSIGNED)
		return true;
	switch (response->kind) {
	case MODBUS_READ_RESPONSE:
		if (request->kind != MODBUS_READ_REQUEST && request->kind != MODBUS_READ_WRITE)
			return request->errors & MODBUS_BAD_LENGTH;
		if (response->data.len != answer_bytes(request))
			response->errors |= MODBUS_BAD_VALUE;
		return true;
	case MODBUS_WRITE_OTHER:
	case MODBUS_WRITE_MASK:
		if (request->kind == MODBUS_BYTES)
			return request->errors & MODBUS_BAD_LENGTH;
		if (!same_write(response, request))
			response->errors |= MODBUS_BAD_VALUE;
		return true;
	case MODBUS_IS_DIAGNOSTIC:
	case MODBUS_IS_MEI:
		return request->kind == response->kind && request->code == response->code;
	default:
		return request->kind == MODBUS_BYTES || ((request->errors | response->errors) & MODBUS_BAD_LENGTH);
	}
}

/* ---- for rules ---- */

bool modbus_range(const struct modbus_message *m, uint32_t *first, uint32_t *last)
{
	uint32_t address = m->address, quantity = m->quantity;

	if (m->kind == MODBUS_READ_REQUEST) {
		address = m->read_address;
		quantity = m->read_quantity;
	} else if (m->kind == MODBUS_WRITE_OTHER || m->kind == MODBUS_WRITE_MASK) {
		quantity = 1;
	} else if (m->kind != MODBUS_WRITE_REQUEST && m->kind != MODBUS_READ_WRITE) {
		return false;
	}
	if (!quantity || address + quantity > UINT16_MAX + 1)
		return false;
	*first = address + 1;
	*last = address + quantity;
	return true;
}

bool modbus_written(const struct modbus_message *m, uint32_t address, uint16_t *value)
{
	uint32_t first, last, at;

	if (!modbus_range(m, &first, &last) || address < first || address > last)
		return false;
	if (m->kind == MODBUS_WRITE_OTHER) {
		*value = m->access & MODBUS_COILS ? m->value != 0 : m->value;
		return true;
	}
	if (m->kind != MODBUS_WRITE_REQUEST && m->kind != MODBUS_READ_WRITE)
		return false;
	at = address - first;
	if (m->access & MODBUS_COILS) { /* lowest bit first (6.11) */
		if (at / 8 >= m->data.len)
			return false;
		*value = m->data.data[at / 8] >> at % 8 & 1;
		return true;
	}
	if (2 * at + 2 > m->data.len)
		return false;
	*value = get_be16(m->data.data + 2 * at);
	return true;
}

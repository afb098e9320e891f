/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of Modbus, see modbus.h. Names are the reference's. Runs in the worker that owns the flow.
 */

#include "dataplane/app/modbus.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

struct bit_name {
	uint8_t bits;
	const char *name;
};

static const struct bit_name access_names[] = {
	{MODBUS_READ, "READ"},
	{MODBUS_WRITE, "WRITE"},
	{MODBUS_DISCRETES, "DISCRETES"},
	{MODBUS_COILS, "COILS"},
	{MODBUS_INPUT, "INPUT"},
	{MODBUS_HOLDING, "HOLDING"},
	{MODBUS_SINGLE, "SINGLE"},
	{MODBUS_MULTIPLE, "MULTIPLE"},
	{MODBUS_WRITE | MODBUS_SINGLE, "WRITE_SINGLE"},
	{MODBUS_WRITE | MODBUS_MULTIPLE, "WRITE_MULTIPLE"},
	{0, NULL},
};

static const struct bit_name category_names[] = {
	{MODBUS_PUBLIC_ASSIGNED, "PUBLIC_ASSIGNED"},
	{MODBUS_PUBLIC_UNASSIGNED, "PUBLIC_UNASSIGNED"},
	{MODBUS_USER_DEFINED, "USER_DEFINED"},
	{MODBUS_RESERVED, "RESERVED"},
	{0, NULL},
};

static const struct bit_name error_names[] = {
	{MODBUS_BAD_VALUE, "DATA_VALUE"},
	{MODBUS_BAD_LENGTH, "DATA_LENGTH"},
	{MODBUS_BAD_EXCEPTION, "EXC_CODE"},
	{MODBUS_BAD_FUNCTION, "FUNC_CODE"},
	{MODBUS_BAD_PROTOCOL, "PROTO_ID"},
	{0, NULL},
};

static const char *const exception_names[] = {
	[1] = "IllegalFunction",
	[2] = "IllegalDataAddr",
	[3] = "IllegalDataValue",
	[4] = "ServerDeviceFail",
	[5] = "Ack",
	[6] = "ServerDeviceBusy",
	[7] = "NegAck",
	[8] = "MemParityErr",
	[10] = "GatewayPathUnavailable",
	[11] = "GatewayTargetFailToResp",
};

static const char *const diagnostic_names[] = {
	[0] = "RetQueryData",
	[1] = "RestartCommOpt",
	[2] = "RetDiagReg",
	[3] = "ChangeInputDelimiter",
	[4] = "ForceListenOnlyMode",
	[10] = "ClearCtrDiagReg",
	[11] = "RetBusMsgCount",
	[12] = "RetBusCommErrCount",
	[13] = "RetBusExcErrCount",
	[14] = "RetServerMsgCount",
	[15] = "RetServerNoRespCount",
	[16] = "RetServerNAKCount",
	[17] = "RetServerBusyCount",
	[18] = "RetBusCharOverrunCount",
	[19] = "RetOverrunErrCount",
	[20] = "ClearOverrunCounterFlag",
	[21] = "GetClearPlusStats",
};

static const char *const mei_names[] = {
	[13] = "CANOpenGenRefReqResp",
	[14] = "RdDevId",
};

/* "READ | COILS", or "NONE". */
static void put_bits(struct recorder *r, enum field_id field, const struct bit_name *names, uint8_t bits)
{
	char text[128];
	struct put p = put_to(text, sizeof(text));

	for (; names->name; names++)
		if ((bits & names->bits) == names->bits)
			p = put_text(put_text(p, *text ? " | " : ""), names->name);
	rec_text(r, field, *text ? text : "NONE");
}

/* The object of a code that has a name, and what comes with it. */
static void put_code(struct recorder *r, enum field_id object, const struct modbus_message *m,
		     const char *const *names, size_t count, const char *otherwise)
{
	rec_open(r, object);
	rec_uint(r, F_modbus_raw, m->code);
	rec_text(r, F_modbus_code, m->code < count && names[m->code] ? names[m->code] : otherwise);
	if (m->kind != MODBUS_IS_EXCEPTION)
		text_record(r, F_modbus_data, &m->data);
	rec_close(r);
}

static void put_read(struct recorder *r, const struct modbus_message *m)
{
	rec_open(r, F_modbus_read);
	if (m->kind == MODBUS_READ_RESPONSE) {
		text_record(r, F_modbus_data, &m->data);
	} else {
		rec_uint(r, F_modbus_address, m->read_address);
		rec_uint(r, F_modbus_quantity, m->read_quantity);
	}
	rec_close(r);
}

static void put_write(struct recorder *r, const struct modbus_message *m)
{
	rec_open(r, F_modbus_write);
	rec_uint(r, F_modbus_address, m->address);
	if (m->kind == MODBUS_WRITE_MASK) {
		rec_uint(r, F_modbus_and_mask, m->and_mask);
		rec_uint(r, F_modbus_or_mask, m->or_mask);
	} else if (m->kind == MODBUS_WRITE_OTHER) {
		rec_uint(r, F_modbus_value, m->value);
	} else {
		rec_uint(r, F_modbus_quantity, m->quantity);
		text_record(r, F_modbus_data, &m->data);
	}
	rec_close(r);
}

static void put_body(struct recorder *r, const struct modbus_message *m)
{
#define COUNT(names) sizeof(names) / sizeof(names[0])
	switch ((enum modbus_kind)m->kind) {
	case MODBUS_EMPTY:
		break;
	case MODBUS_IS_EXCEPTION:
		put_code(r, F_modbus_exception, m, exception_names, COUNT(exception_names), "Unknown");
		break;
	case MODBUS_IS_DIAGNOSTIC:
		put_code(r, F_modbus_diagnostic, m, diagnostic_names, COUNT(diagnostic_names), "Reserved");
		break;
	case MODBUS_IS_MEI:
		put_code(r, F_modbus_mei, m, mei_names, COUNT(mei_names), "Unknown");
		break;
	case MODBUS_READ_REQUEST:
	case MODBUS_READ_RESPONSE:
		put_read(r, m);
		break;
	case MODBUS_READ_WRITE:
		put_read(r, m);
		put_write(r, m);
		break;
	case MODBUS_WRITE_REQUEST:
	case MODBUS_WRITE_MASK:
	case MODBUS_WRITE_OTHER:
		put_write(r, m);
		break;
	case MODBUS_BYTES:
		text_record(r, F_modbus_data, &m->data);
		break;
	}
#undef COUNT
}

static void put_message(struct recorder *r, enum field_id object, const struct modbus_message *m)
{
	const char *name = modbus_function_name(m->function & ~MODBUS_EXCEPTION);

	if (!m->there)
		return;
	rec_open(r, object);
	rec_uint(r, F_modbus_transaction_id, m->transaction);
	rec_uint(r, F_modbus_protocol_id, m->protocol);
	rec_uint(r, F_modbus_unit_id, m->unit);
	rec_uint(r, F_modbus_function_raw, m->function);
	rec_text(r, F_modbus_function_code, name ? name : "Unknown");
	put_bits(r, F_modbus_access_type, access_names, m->access);
	put_bits(r, F_modbus_category, category_names, m->category);
	put_bits(r, F_modbus_error_flags, error_names, m->errors);
	put_body(r, m);
	rec_close(r);
}

void modbus_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	rec_open(r, F_modbus_modbus);
	rec_uint(r, F_modbus_id, tx->id + 1);
	put_message(r, F_modbus_request, &modbus_of(tx)->request);
	put_message(r, F_modbus_response, &modbus_of(tx)->response);
	rec_close(r);
}

void modbus_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_modbus, f, TO_SERVER, tx->id, p);

	if (!r)
		return;
	modbus_alert_context(w, f, tx, r);
	emit_end(w);
}

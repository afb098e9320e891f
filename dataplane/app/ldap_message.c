/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LDAP messages, see ldap.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/ldap.h"

#define TAG_CONTROLS 0xa0
#define TAG_CLASS 0xc0
#define TAG_APPLICATION 0x40
#define TAG_NUMBER 0x1f

static const char *const op_names[LDAP_OPS] = {
	[LDAP_BIND_REQUEST] = "bind_request",
	[LDAP_BIND_RESPONSE] = "bind_response",
	[LDAP_UNBIND_REQUEST] = "unbind_request",
	[LDAP_SEARCH_REQUEST] = "search_request",
	[LDAP_SEARCH_ENTRY] = "search_result_entry",
	[LDAP_SEARCH_DONE] = "search_result_done",
	[LDAP_MODIFY_REQUEST] = "modify_request",
	[LDAP_MODIFY_RESPONSE] = "modify_response",
	[LDAP_ADD_REQUEST] = "add_request",
	[LDAP_ADD_RESPONSE] = "add_response",
	[LDAP_DEL_REQUEST] = "del_request",
	[LDAP_DEL_RESPONSE] = "del_response",
	[LDAP_MOD_DN_REQUEST] = "mod_dn_request",
	[LDAP_MOD_DN_RESPONSE] = "mod_dn_response",
	[LDAP_COMPARE_REQUEST] = "compare_request",
	[LDAP_COMPARE_RESPONSE] = "compare_response",
	[LDAP_ABANDON_REQUEST] = "abandon_request",
	[LDAP_SEARCH_REFERENCE] = "search_result_reference",
	[LDAP_EXTENDED_REQUEST] = "extended_request",
	[LDAP_EXTENDED_RESPONSE] = "extended_response",
	[LDAP_INTERMEDIATE_RESPONSE] = "intermediate_response",
};

bool ldap_op_known(uint8_t op)
{
	return op < LDAP_OPS && op_names[op];
}

const char *ldap_op_name(uint8_t op)
{
	return ldap_op_known(op) ? op_names[op] : "unknown";
}

bool ldap_is_request(uint8_t op)
{
	switch (op) {
	case LDAP_BIND_REQUEST:
	case LDAP_UNBIND_REQUEST:
	case LDAP_SEARCH_REQUEST:
	case LDAP_MODIFY_REQUEST:
	case LDAP_ADD_REQUEST:
	case LDAP_DEL_REQUEST:
	case LDAP_MOD_DN_REQUEST:
	case LDAP_COMPARE_REQUEST:
	case LDAP_ABANDON_REQUEST:
	case LDAP_EXTENDED_REQUEST:
		return true;
	default:
		return false;
	}
}

bool ldap_message_read(struct ldap_message *m)
{
	struct cursor c = cursor_of(m->raw, m->len), body, op;
	uint8_t tag;

	if (!ber_take(&c, BER_SEQUENCE, &body) || !ber_number(&body, BER_INTEGER, &m->id) ||
	    !ber_next(&body, &tag, &op) || (tag & TAG_CLASS) != TAG_APPLICATION)
		return false;
	m->op = tag & TAG_NUMBER;
	m->body = ber_rest(&op);
	m->controls = ber_bytes(&body, TAG_CONTROLS);
	return ldap_op_known(m->op);
}

static bool has_result(uint8_t op)
{
	return !ldap_is_request(op) && op != LDAP_SEARCH_ENTRY && op != LDAP_SEARCH_REFERENCE &&
	       op != LDAP_INTERMEDIATE_RESPONSE;
}

bool ldap_result_read(const struct ldap_message *m, struct ldap_result *out)
{
	out->rest = cursor_of(m->body.data, m->body.len);
	if (!has_result(m->op) || !ber_number(&out->rest, BER_ENUMERATED, &out->code))
		return false;
	out->dn = ber_bytes(&out->rest, BER_OCTETS);
	out->message = ber_bytes(&out->rest, BER_OCTETS);
	return out->dn.data && out->message.data;
}

struct bytes ldap_dn(const struct ldap_message *m)
{
	struct cursor c = cursor_of(m->body.data, m->body.len);
	struct ldap_result r;
	uint32_t version;

	switch (m->op) {
	case LDAP_DEL_REQUEST:
		return m->body;
	case LDAP_BIND_REQUEST:
		ber_number(&c, BER_INTEGER, &version);
		return ber_bytes(&c, BER_OCTETS);
	case LDAP_SEARCH_REQUEST:
	case LDAP_SEARCH_ENTRY:
	case LDAP_MODIFY_REQUEST:
	case LDAP_ADD_REQUEST:
	case LDAP_MOD_DN_REQUEST:
	case LDAP_COMPARE_REQUEST:
		return ber_bytes(&c, BER_OCTETS);
	default:
		return ldap_result_read(m, &r) ? r.dn : (struct bytes){NULL, 0};
	}
}

/* Of a search the asked ones stand behind seven other elements (4.5.1). */
static bool search_attributes(struct cursor *c, struct cursor *list)
{
	struct cursor skipped;
	uint8_t tag;

	for (unsigned i = 0; i < 7; i++)
		if (!ber_next(c, &tag, &skipped))
			return false;
	return ber_take(c, BER_SEQUENCE, list);
}

struct ldap_attributes ldap_attributes_of(const struct ldap_message *m)
{
	struct ldap_attributes a = {.op = m->op, .left = LDAP_ATTRIBUTES_MAX};
	struct cursor c = cursor_of(m->body.data, m->body.len);
	bool there = false;

	switch (m->op) {
	case LDAP_SEARCH_REQUEST:
		there = search_attributes(&c, &a.list);
		break;
	case LDAP_COMPARE_REQUEST:
		a.left = 1;
		ber_bytes(&c, BER_OCTETS);
		there = ber_take(&c, BER_SEQUENCE, &a.list);
		break;
	case LDAP_MODIFY_REQUEST:
	case LDAP_ADD_REQUEST:
	case LDAP_SEARCH_ENTRY:
		ber_bytes(&c, BER_OCTETS);
		there = ber_take(&c, BER_SEQUENCE, &a.list);
		break;
	}
	if (!there)
		a.left = 0;
	return a;
}

bool ldap_attribute_next(struct ldap_attributes *a, struct bytes *type, struct cursor *values)
{
	struct cursor one, change;
	uint32_t operation;

	*values = (struct cursor){0};
	if (!a->left)
		return false;
	a->left--;
	if (a->op == LDAP_SEARCH_REQUEST) {
		*type = ber_bytes(&a->list, BER_OCTETS);
	} else if (a->op == LDAP_COMPARE_REQUEST) {
		*type = ber_bytes(&a->list, BER_OCTETS);
		ber_take(&a->list, BER_SET, values);
	} else {
		if (!ber_take(&a->list, BER_SEQUENCE, &one))
			return false;
		change = one;
		if (a->op == LDAP_MODIFY_REQUEST &&
		    (!ber_number(&change, BER_ENUMERATED, &operation) || !ber_take(&change, BER_SEQUENCE, &one)))
			return false;
		*type = ber_bytes(&one, BER_OCTETS);
		ber_take(&one, BER_SET, values);
	}
	return type->data != NULL;
}

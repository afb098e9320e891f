/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of LDAP, see ldap.h. Runs in the worker that owns the flow.
 */

#include "dataplane/app/ldap.h"
#include "dataplane/app/ntlmssp.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define CONTROLS_MAX 32

static const char *const result_names[] = {
#define RESULT(code, name) [code] = name,
#include "dataplane/app/ldap_result.def"
#undef RESULT
};

static void put(struct recorder *r, enum field_id f, struct bytes b)
{
	if (b.data)
		rec_bytes(r, f, b.data, b.len);
}

static void put_number(struct recorder *r, enum field_id f, struct cursor *c, uint8_t tag)
{
	uint32_t n;

	if (ber_number(c, tag, &n))
		rec_uint(r, f, n);
}

static void put_flag(struct recorder *r, enum field_id f, struct cursor *c)
{
	uint32_t n;

	if (ber_number(c, BER_BOOLEAN, &n))
		rec_bool(r, f, n != 0);
}

static void put_values(struct recorder *r, enum field_id array, struct cursor values)
{
	struct bytes value;

	if (!cursor_left(&values))
		return;
	rec_open(r, array);
	for (unsigned i = 0; i < LDAP_VALUES_MAX; i++) {
		value = ber_bytes(&values, BER_OCTETS);
		if (!value.data)
			break;
		put(r, F_ldap_text, value);
	}
	rec_close(r);
}

/* Attributes with their values; the key of the name differs. */
static void put_attributes(struct recorder *r, const struct ldap_message *m, enum field_id name)
{
	struct ldap_attributes a = ldap_attributes_of(m);
	struct cursor values;
	struct bytes type;

	if (!ldap_attribute_next(&a, &type, &values))
		return;
	rec_open(r, F_ldap_attributes);
	do {
		if (m->op == LDAP_SEARCH_REQUEST) {
			put(r, F_ldap_text, type);
			continue;
		}
		rec_open(r, F_ldap_object);
		put(r, name, type);
		put_values(r, F_ldap_values, values);
		rec_close(r);
	} while (ldap_attribute_next(&a, &type, &values));
	rec_close(r);
}

static void put_search(struct recorder *r, const struct ldap_message *m, struct cursor c)
{
	struct bytes filter;

	rec_open(r, F_ldap_search_request);
	put(r, F_ldap_base_object, ber_bytes(&c, BER_OCTETS));
	put_number(r, F_ldap_scope, &c, BER_ENUMERATED);
	put_number(r, F_ldap_deref_alias, &c, BER_ENUMERATED);
	put_number(r, F_ldap_size_limit, &c, BER_INTEGER);
	put_number(r, F_ldap_time_limit, &c, BER_INTEGER);
	put_flag(r, F_ldap_types_only, &c);
	filter = ber_bytes(&c, 0x87);
	if (filter.data) {
		rec_open(r, F_ldap_filter);
		rec_text(r, F_ldap_type, "present");
		put(r, F_ldap_value, filter);
		rec_close(r);
	}
	put_attributes(r, m, F_ldap_type);
	rec_close(r);
}

static void put_ntlmssp(struct recorder *r, struct bytes credentials)
{
	static const struct ntlmssp_fields fields = {F_ldap_ntlmssp, F_ldap_domain, F_ldap_user, F_ldap_host,
						     F_ldap_ntlmssp_version};

	if (credentials.data)
		ntlmssp_record(r, &fields, credentials);
}

static void put_bind(struct recorder *r, struct cursor c)
{
	struct cursor sasl;
	struct bytes credentials;

	rec_open(r, F_ldap_bind_request);
	put_number(r, F_ldap_version, &c, BER_INTEGER);
	put(r, F_ldap_name, ber_bytes(&c, BER_OCTETS));
	if (ber_take(&c, 0xa3, &sasl)) {
		rec_open(r, F_ldap_sasl);
		put(r, F_ldap_mechanism, ber_bytes(&sasl, BER_OCTETS));
		credentials = ber_bytes(&sasl, BER_OCTETS);
		put(r, F_ldap_credentials, credentials);
		put_ntlmssp(r, credentials);
		rec_close(r);
	}
	rec_close(r);
}

static void put_modify(struct recorder *r, const struct ldap_message *m, struct cursor c)
{
	static const char *const operations[] = {"add", "delete", "replace", "increment"};
	struct ldap_attributes a = ldap_attributes_of(m);
	struct cursor changes, change, values;
	struct bytes type;

	rec_open(r, F_ldap_modify_request);
	put(r, F_ldap_object_name, ber_bytes(&c, BER_OCTETS));
	if (!ber_take(&c, BER_SEQUENCE, &changes))
		changes = (struct cursor){0};
	rec_open(r, F_ldap_changes);
	while (ldap_attribute_next(&a, &type, &values)) {
		uint32_t operation = 4;

		if (!ber_take(&changes, BER_SEQUENCE, &change))
			break;
		ber_number(&change, BER_ENUMERATED, &operation);
		rec_open(r, F_ldap_object);
		rec_text(r, F_ldap_operation, operation < 4 ? operations[operation] : "unknown");
		rec_open(r, F_ldap_modification);
		put(r, F_ldap_attribute_type, type);
		put_values(r, F_ldap_attribute_values, values);
		rec_close(r);
		rec_close(r);
	}
	rec_close(r);
	rec_close(r);
}

static void put_request(struct recorder *r, const struct ldap_message *m)
{
	struct cursor c = cursor_of(m->body.data, m->body.len), part;

	switch (m->op) {
	case LDAP_SEARCH_REQUEST:
		put_search(r, m, c);
		break;
	case LDAP_BIND_REQUEST:
		put_bind(r, c);
		break;
	case LDAP_MODIFY_REQUEST:
		put_modify(r, m, c);
		break;
	case LDAP_ADD_REQUEST:
		rec_open(r, F_ldap_add_request);
		put(r, F_ldap_entry, ber_bytes(&c, BER_OCTETS));
		put_attributes(r, m, F_ldap_name);
		rec_close(r);
		break;
	case LDAP_DEL_REQUEST:
		rec_open(r, F_ldap_del_request);
		put(r, F_ldap_dn, m->body);
		rec_close(r);
		break;
	case LDAP_MOD_DN_REQUEST:
		rec_open(r, F_ldap_mod_dn_request);
		put(r, F_ldap_entry, ber_bytes(&c, BER_OCTETS));
		put(r, F_ldap_new_rdn, ber_bytes(&c, BER_OCTETS));
		put_flag(r, F_ldap_delete_old_rdn, &c);
		put(r, F_ldap_new_superior, ber_bytes(&c, 0x80));
		rec_close(r);
		break;
	case LDAP_COMPARE_REQUEST:
		rec_open(r, F_ldap_compare_request);
		put(r, F_ldap_entry, ber_bytes(&c, BER_OCTETS));
		if (ber_take(&c, BER_SEQUENCE, &part)) {
			rec_open(r, F_ldap_attribute_value_assertion);
			put(r, F_ldap_description, ber_bytes(&part, BER_OCTETS));
			put(r, F_ldap_value, ber_bytes(&part, BER_OCTETS));
			rec_close(r);
		}
		rec_close(r);
		break;
	case LDAP_EXTENDED_REQUEST:
		rec_open(r, F_ldap_extended_request);
		put(r, F_ldap_name, ber_bytes(&c, 0x80));
		put(r, F_ldap_value, ber_bytes(&c, 0x81));
		rec_close(r);
		break;
	}
}

static void put_result(struct recorder *r, const struct ldap_message *m, enum field_id object)
{
	struct ldap_result result;
	char number[16];

	rec_open(r, object);
	if (ldap_result_read(m, &result)) {
		const char *name = result.code < sizeof(result_names) / sizeof(*result_names)
					   ? result_names[result.code]
					   : NULL;

		put_uint(put_to(number, sizeof(number)), result.code);
		rec_text(r, F_ldap_result_code, name ? name : number);
		put(r, F_ldap_matched_dn, result.dn);
		put(r, F_ldap_message, result.message);
		ber_bytes(&result.rest, 0xa3); /* referral */
		if (m->op == LDAP_BIND_RESPONSE)
			put(r, F_ldap_server_sasl_creds, ber_bytes(&result.rest, 0x87));
		if (m->op == LDAP_EXTENDED_RESPONSE) {
			put(r, F_ldap_name, ber_bytes(&result.rest, 0x8a));
			put(r, F_ldap_value, ber_bytes(&result.rest, 0x8b));
		}
	}
	rec_close(r);
}

static void put_response(struct recorder *r, const struct ldap_message *m)
{
	static const uint16_t results[LDAP_OPS] = {
		[LDAP_BIND_RESPONSE] = F_ldap_bind_response,
		[LDAP_SEARCH_DONE] = F_ldap_search_result_done,
		[LDAP_MODIFY_RESPONSE] = F_ldap_modify_response,
		[LDAP_ADD_RESPONSE] = F_ldap_add_response,
		[LDAP_DEL_RESPONSE] = F_ldap_del_response,
		[LDAP_MOD_DN_RESPONSE] = F_ldap_mod_dn_response,
		[LDAP_COMPARE_RESPONSE] = F_ldap_compare_response,
		[LDAP_EXTENDED_RESPONSE] = F_ldap_extended_response,
	};
	struct cursor c = cursor_of(m->body.data, m->body.len);

	if (results[m->op]) {
		put_result(r, m, results[m->op]);
	} else if (m->op == LDAP_SEARCH_ENTRY) {
		rec_open(r, F_ldap_search_result_entry);
		put(r, F_ldap_base_object, ber_bytes(&c, BER_OCTETS));
		put_attributes(r, m, F_ldap_type);
		rec_close(r);
	} else if (m->op == LDAP_INTERMEDIATE_RESPONSE) {
		rec_open(r, F_ldap_intermediate_response);
		put(r, F_ldap_name, ber_bytes(&c, 0x80));
		put(r, F_ldap_value, ber_bytes(&c, 0x81));
		rec_close(r);
	}
}

static void put_controls(struct recorder *r, struct bytes controls)
{
	struct cursor c, one;

	if (!controls.data)
		return;
	c = cursor_of(controls.data, controls.len);
	rec_open(r, F_ldap_controls);
	for (unsigned i = 0; i < CONTROLS_MAX && ber_take(&c, BER_SEQUENCE, &one); i++) {
		uint32_t critical = 0;

		rec_open(r, F_ldap_object);
		put(r, F_ldap_control_type, ber_bytes(&one, BER_OCTETS));
		ber_number(&one, BER_BOOLEAN, &critical);
		rec_bool(r, F_ldap_criticality, critical != 0);
		put(r, F_ldap_control_value, ber_bytes(&one, BER_OCTETS));
		rec_close(r);
	}
	rec_close(r);
}

static void put_members(struct recorder *r, const struct ldap_tx *t)
{
	rec_open(r, F_ldap_ldap);
	if (t->request) {
		rec_open(r, F_ldap_request);
		rec_uint(r, F_ldap_message_id, t->request->id);
		rec_text(r, F_ldap_operation, ldap_op_name(t->request->op));
		put_request(r, t->request);
		put_controls(r, t->request->controls);
		rec_close(r);
	}
	if (t->first) {
		rec_open(r, F_ldap_responses);
		for (const struct ldap_message *m = t->first; m; m = m->next) {
			rec_open(r, F_ldap_object);
			rec_text(r, F_ldap_operation, ldap_op_name(m->op));
			if (!t->request)
				rec_uint(r, F_ldap_message_id, m->id);
			put_response(r, m);
			put_controls(r, m->controls);
			rec_close(r);
		}
		rec_close(r);
	}
	rec_close(r);
}

void ldap_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	const struct ldap_tx *t = ldap_of(tx);
	struct recorder *r;

	if (!t->request && !t->first)
		return;
	r = emit_flow(w, RECORD_ldap, f, t->direction, tx->id, p);
	if (!r)
		return;
	put_members(r, t);
	emit_end(w);
}

void ldap_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	put_members(r, ldap_of(tx));
}

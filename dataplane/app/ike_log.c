/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of IKE, see ike.h. What the sides have chosen so far stands in the records of the messages
 * that follow. Runs in the worker that owns the flow.
 */

#include "dataplane/app/ike.h"
#include "dataplane/app/number_name.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

enum table {
	TABLE_v1_1 = 1, /* by the number of the attribute */
	TABLE_v1_2,
	TABLE_v1_3,
	TABLE_v1_4,
	TABLE_v1_11 = 11,
	TABLE_v1_payload = 20,
	TABLE_v2_payload,
	TABLE_v2_encryption,
	TABLE_v2_prf,
	TABLE_v2_integrity,
	TABLE_v2_dh,
	TABLE_v2_esn,
	TABLE_v2_notify,
};

static const struct number_name names[] = {
#define NAME(table, number, name) {TABLE_##table, number, name},
#include "dataplane/app/ike_names.def"
#undef NAME
};

static const char *name_of(unsigned table, unsigned number)
{
	return number_name(names, sizeof(names) / sizeof(names[0]), table, number);
}

/* ---- version 1 ---- */

/* By the number of the attribute (RFC 2409, appendix A); 0 for those that are not assigned. */
static const struct {
	enum field_id name, number, bytes;
} attribute_fields[] = {
	{F_ike_unknown, F_ike_unknown_number, F_ike_unknown_bytes},
	{F_ike_alg_enc, F_ike_alg_enc_number, F_ike_alg_enc_bytes},
	{F_ike_alg_hash, F_ike_alg_hash_number, F_ike_alg_hash_bytes},
	{F_ike_alg_auth, F_ike_alg_auth_number, F_ike_alg_auth_bytes},
	{F_ike_alg_dh, F_ike_alg_dh_number, F_ike_alg_dh_bytes},
	{F_ike_group_type, F_ike_group_type_number, F_ike_group_type_bytes},
	{F_ike_group_prime, F_ike_group_prime_number, F_ike_group_prime_bytes},
	{F_ike_generator_one, F_ike_generator_one_number, F_ike_generator_one_bytes},
	{F_ike_generator_two, F_ike_generator_two_number, F_ike_generator_two_bytes},
	{F_ike_curve_a, F_ike_curve_a_number, F_ike_curve_a_bytes},
	{F_ike_curve_b, F_ike_curve_b_number, F_ike_curve_b_bytes},
	{F_ike_life_type, F_ike_life_type_number, F_ike_life_type_bytes},
	{F_ike_life_duration, F_ike_life_duration_number, F_ike_life_duration_bytes},
	{F_ike_alg_prf, F_ike_alg_prf_number, F_ike_alg_prf_bytes},
	{F_ike_key_length, F_ike_key_length_number, F_ike_key_length_bytes},
	{F_ike_field_size, F_ike_field_size_number, F_ike_field_size_bytes},
	{F_ike_group_order, F_ike_group_order_number, F_ike_group_order_bytes},
};

#define ATTRIBUTES (sizeof(attribute_fields) / sizeof(attribute_fields[0]))

/* A key stands once in an object: of what is said twice the first. */
static void put_attributes(struct recorder *r, struct cursor c)
{
	struct ike_attribute a;
	uint32_t seen = 0;

	for (unsigned i = 0; i < IKE_ATTRIBUTES_MAX && ike1_attribute_next(&c, &a); i++) {
		unsigned type = a.type < ATTRIBUTES ? a.type : 0;
		const char *name = name_of(type, a.value);

		if (seen >> type & 1)
			continue;
		seen |= 1u << type;
		rec_text(r, attribute_fields[type].name, name ? name : "Unknown");
		if (a.has_number)
			rec_uint(r, attribute_fields[type].number, a.number);
		else
			rec_bytes(r, attribute_fields[type].bytes, a.bytes.data, a.bytes.len);
	}
}

static void put_transforms(struct recorder *r, enum field_id array, const struct ike_tx *t)
{
	struct cursor attributes;

	rec_open(r, array);
	for (uint32_t i = 0; i < IKE_TRANSFORMS_MAX && ike1_transform(t, i, &attributes); i++) {
		rec_open(r, F_ike_proposal);
		put_attributes(r, attributes);
		rec_close(r);
	}
	rec_close(r);
}

static void put_v1_chosen(struct recorder *r, const struct ike_state *s, const struct ike_tx *t)
{
	const struct text *chosen = &s->side[TO_CLIENT].transform;
	struct cursor second;

	if (chosen->data)
		put_attributes(r, cursor_of(chosen->data, chosen->len));
	if (t->direction == TO_CLIENT && ike1_transform(t, 1, &second))
		put_transforms(r, F_ike_server_proposals, t);
}

static void put_v1_payloads(struct recorder *r, const struct ike_tx *t)
{
	bool hidden = t->flags & IKE1_FLAG_ENCRYPTED;
	uint32_t types = hidden ? 0 : ike1_types(t);

	if (hidden && t->first < 32)
		types = 1u << t->first;
	for (unsigned i = 0; i < 32; i++) {
		const char *name = types >> i & 1 ? name_of(TABLE_v1_payload, i) : NULL;

		if (name)
			rec_text(r, F_ike_payload_type, name);
	}
}

static void put_v1_side(struct recorder *r, enum field_id object, const struct ike1_side *side, const struct ike_tx *t,
			enum direction d)
{
	struct cursor first;

	rec_open(r, object);
	if (side->key_exchange.len) {
		text_record(r, F_ike_key_exchange, &side->key_exchange);
		rec_uint(r, F_ike_key_exchange_length, side->key_exchange.len);
	}
	if (side->nonce.len) {
		text_record(r, F_ike_nonce, &side->nonce);
		rec_uint(r, F_ike_nonce_length, side->nonce.len);
	}
	if (d == TO_SERVER && t->direction == TO_SERVER && ike1_transform(t, 0, &first))
		put_transforms(r, F_ike_proposals, t);
	rec_close(r);
}

static void put_v1(struct recorder *r, const struct ike_state *s, const struct ike_tx *t)
{
	bool hidden = t->flags & IKE1_FLAG_ENCRYPTED;

	rec_open(r, F_ike_v1);
	if (s->has_doi)
		rec_uint(r, F_ike_doi, s->doi);
	rec_bool(r, F_ike_encrypted, hidden);
	if (!hidden) {
		put_v1_side(r, F_ike_client, &s->side[TO_SERVER], t, TO_SERVER);
		put_v1_side(r, F_ike_server, &s->side[TO_CLIENT], t, TO_CLIENT);
		texts_record(r, F_ike_vendors, F_ike_vendor, &t->vendors);
	}
	rec_close(r);
}

/* ---- version 2 ---- */

/* Its name, or what the reference makes of the number. */
static void put_name(struct recorder *r, enum field_id field, enum table table, const char *type, unsigned number)
{
	const char *name = name_of(table, number);
	char text[64];
	struct put p = put_uint(put_char(put_text(put_to(text, sizeof(text)), type), '('), number);

	put_char(put_hex(put_text(p, " / 0x"), number, 1), ')');
	rec_text(r, field, name ? name : text);
}

static void put_v2_chosen(struct recorder *r, const struct ike_state *s, const struct ike_tx *t)
{
	/* What stands there before the responder has said anything. */
	unsigned encryption = s->chosen[IKE2_ENCRYPTION] ? s->chosen[IKE2_ENCRYPTION] : 11;

	rec_text(r, F_ike_role, t->flags & IKE2_FLAG_INITIATOR ? "initiator" : "responder");
	if (t->flags & IKE2_FLAG_INITIATOR)
		return;
	put_name(r, F_ike_alg_enc, TABLE_v2_encryption, "IkeTransformEncType", encryption);
	put_name(r, F_ike_alg_auth, TABLE_v2_integrity, "IkeTransformAuthType", s->chosen[IKE2_INTEGRITY]);
	put_name(r, F_ike_alg_prf, TABLE_v2_prf, "IkeTransformPRFType", s->chosen[IKE2_PRF]);
	put_name(r, F_ike_alg_dh, TABLE_v2_dh, "IkeTransformDHType", s->chosen[IKE2_DH]);
	put_name(r, F_ike_alg_esn, TABLE_v2_esn, "IkeTransformESNType", s->chosen[IKE2_ESN]);
}

/* The type of the first payload and, of each, that of the next. */
static void put_v2_payloads(struct recorder *r, const struct ike_tx *t)
{
	struct cursor c = ike_body(t);
	uint8_t next = t->first;
	struct ike_payload p;

	if (t->broken)
		return;
	put_name(r, F_ike_payload_type, TABLE_v2_payload, "IkePayloadType", next);
	for (unsigned i = 0; i < IKE_PAYLOADS_MAX && ike_payload_next(&c, &next, &p); i++)
		put_name(r, F_ike_payload_type, TABLE_v2_payload, "IkePayloadType", next);
}

static void put_v2(struct recorder *r, const struct ike_tx *t)
{
	struct cursor c = ike_body(t);
	uint16_t notices[IKE_PAYLOADS_MAX];
	unsigned count = 0, errors = 0;
	uint8_t next = t->first;
	struct ike_payload p;

	while (!t->broken && count < IKE_PAYLOADS_MAX && ike_payload_next(&c, &next, &p)) {
		if (p.type != IKE2_NOTIFY)
			continue;
		cursor_be16(&p.body); /* protocol, size of the SPI */
		notices[count] = cursor_be16(&p.body);
		errors += notices[count++] < 16384;
	}
	rec_open(r, F_ike_v2);
	rec_uint(r, F_ike_errors, errors);
	if (count) {
		rec_open(r, F_ike_notices);
		for (unsigned i = 0; i < count; i++)
			put_name(r, F_ike_notice, TABLE_v2_notify, "NotifyType", notices[i]);
		rec_close(r);
	}
	rec_close(r);
}

/* ---- both ---- */

void ike_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	const struct ike_state *s = f->app->state;
	const struct ike_tx *t = ike_of(tx);

	rec_open(r, F_ike_ike);
	rec_uint(r, F_ike_major, t->major);
	rec_uint(r, F_ike_minor, t->minor);
	rec_bytes(r, F_ike_init_spi, t->spi[0], 8);
	rec_bytes(r, F_ike_resp_spi, t->spi[1], 8);
	rec_uint(r, F_ike_message_id, t->message_id);
	rec_uint(r, F_ike_exchange_type, t->exchange);
	if (t->major == 1)
		put_v1_chosen(r, s, t);
	else
		put_v2_chosen(r, s, t);
	rec_open(r, F_ike_payload);
	if (t->major == 1)
		put_v1_payloads(r, t);
	else
		put_v2_payloads(r, t);
	rec_close(r);
	if (t->major == 1)
		put_v1(r, s, t);
	else
		put_v2(r, t);
	rec_close(r);
}

void ike_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_ike, f, ike_of(tx)->direction, tx->id, p);

	if (!r)
		return;
	ike_alert_context(w, f, tx, r);
	emit_end(w);
}

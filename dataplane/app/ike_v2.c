/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Payloads of IKE version 2, see ike.h, and what is weak in what they propose. Runs in the worker that
 * owns the flow.
 */
#include "dataplane/app/ike.h"

/* Least bytes of a payload's body by its type, from IKE2_SA on (RFC 7296, 3.3 to 3.16). */
static const uint8_t least[] = {0, 4, 4, 4, 1, 1, 4, 0, 4, 4, 0, 4, 4, 0, 4, 4};

struct proposal {
	uint8_t protocol;
	struct cursor transforms;
};

static bool proposal_next(struct cursor *c, struct proposal *out)
{
	struct ike_payload p;
	uint8_t type = 0, spi_bytes;

	if (!ike_payload_next(c, &type, &p))
		return false;
	cursor_u8(&p.body); /* number */
	out->protocol = cursor_u8(&p.body);
	spi_bytes = cursor_u8(&p.body);
	cursor_u8(&p.body); /* how many transforms */
	cursor_skip(&p.body, spi_bytes);
	out->transforms = p.body;
	c->bad = c->bad || p.body.bad;
	return !c->bad;
}

static bool transform_next(struct cursor *c, struct ike2_choice *out)
{
	struct ike_payload p;
	uint8_t type = 0;

	if (!ike_payload_next(c, &type, &p))
		return false;
	out->type = cursor_u8(&p.body);
	cursor_u8(&p.body);
	out->id = cursor_be16(&p.body);
	c->bad = c->bad || p.body.bad;
	return !c->bad;
}

bool ike2_choice(const struct ike_tx *t, uint32_t number, struct ike2_choice *out)
{
	struct ike_payload sa;
	struct proposal p;

	if (!ike_payload_find(t, IKE2_SA, &sa))
		return false;
	for (unsigned i = 0; i < IKE_TRANSFORMS_MAX && proposal_next(&sa.body, &p); i++)
		while (transform_next(&p.transforms, out))
			if (!number--)
				return true;
	return false;
}

/* ---- what is weak ---- */

static bool aead(uint16_t encryption)
{
	return (encryption >= 14 && encryption <= 16) || (encryption >= 18 && encryption <= 20) ||
	       (encryption >= 25 && encryption <= 28);
}

/* RFC 8247 tells what is not to be used any more. -1: nothing is wrong with it. */
static int weakness(struct ike2_choice c)
{
	switch (c.type) {
	case IKE2_ENCRYPTION: /* DES and its like, up to NULL */
		return (c.id >= 1 && c.id <= 9) || c.id == 11 ? IKE_EVENT_WEAK_CRYPTO_ENC : -1;
	case IKE2_PRF: /* MD5, SHA-1 */
		return c.id == 0 ? IKE_EVENT_INVALID_PROPOSAL : c.id <= 2 ? IKE_EVENT_WEAK_CRYPTO_PRF : -1;
	case IKE2_INTEGRITY:
		return c.id >= 1 && c.id <= 7 ? IKE_EVENT_WEAK_CRYPTO_AUTH : -1;
	case IKE2_DH: /* groups up to 1536 bits, 1024 with a small subgroup */
		if (c.id == 0)
			return IKE_EVENT_INVALID_PROPOSAL;
		return c.id == 1 || c.id == 2 || c.id == 5 || c.id == 22 ? IKE_EVENT_WEAK_CRYPTO_DH : -1;
	case IKE2_ESN:
		return -1;
	default:
		return IKE_EVENT_UNKNOWN_PROPOSAL;
	}
}

static void judge(struct worker *w, struct flow *f, struct ike_state *s, struct ike_tx *t, struct proposal p)
{
	enum direction d = t->direction;
	bool has_dh = false, has_integrity = false, has_aead = false;
	struct ike2_choice c;

	for (unsigned i = 0; i < IKE_TRANSFORMS_MAX && transform_next(&p.transforms, &c); i++) {
		int event = weakness(c);

		if (event >= 0)
			tx_event(w, f, &t->tx, d, (unsigned)event);
		has_dh = has_dh || c.type == IKE2_DH;
		has_integrity = has_integrity || (c.type == IKE2_INTEGRITY && c.id);
		has_aead = has_aead || (c.type == IKE2_ENCRYPTION && aead(c.id));
		if (d == TO_CLIENT && c.type < IKE2_TRANSFORMS)
			s->chosen[c.type] = c.id;
	}
	if (!has_dh)
		tx_event(w, f, &t->tx, d, IKE_EVENT_WEAK_CRYPTO_NO_DH);
	if (p.protocol == IKE2_PROTOCOL_AH)
		tx_event(w, f, &t->tx, d, IKE_EVENT_NO_ENCRYPTION);
	if (!has_integrity && !has_aead)
		tx_event(w, f, &t->tx, d, IKE_EVENT_WEAK_CRYPTO_NO_AUTH);
}

/* Are all payloads whole? */
static bool well_formed(const struct ike_tx *t)
{
	struct cursor c = ike_body(t);
	uint8_t next = t->first;
	struct ike_payload p;

	for (unsigned i = 0; i < IKE_PAYLOADS_MAX && cursor_left(&c) && ike_payload_next(&c, &next, &p); i++) {
		size_t kind = (size_t)(p.type - IKE2_SA);

		if (p.type >= IKE2_SA && kind < sizeof(least) && cursor_left(&p.body) < least[kind])
			return false;
		if (p.type == IKE2_ENCRYPTED) /* what comes next is in it */
			return true;
		if (p.type == IKE2_SA) {
			struct proposal one;

			while (proposal_next(&p.body, &one)) {
				struct ike2_choice choice;

				while (transform_next(&one.transforms, &choice))
					;
				if (one.transforms.bad)
					return false;
			}
			if (p.body.bad)
				return false;
		}
	}
	return !c.bad;
}

bool ike2_take(struct worker *w, struct flow *f, struct ike_state *s, struct ike_tx *t)
{
	struct cursor c = ike_body(t);
	uint8_t next = t->first;
	struct ike_payload p;
	struct proposal one;

	if (!well_formed(t))
		return false;
	for (unsigned i = 0; i < IKE_PAYLOADS_MAX && ike_payload_next(&c, &next, &p); i++) {
		if (p.type == IKE2_ENCRYPTED)
			break;
		for (unsigned k = 0; p.type == IKE2_SA && k < IKE_TRANSFORMS_MAX && proposal_next(&p.body, &one); k++)
			judge(w, f, s, t, one);
	}
	return true;
}

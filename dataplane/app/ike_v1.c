/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Payloads of IKE version 1, see ike.h: proposals in a security association, transforms in those,
 * attributes in those. Runs in the worker that owns the flow.
 */
#include "dataplane/app/ike.h"
#include "dataplane/base/hex.h"

#define DOI_IPSEC 1
#define ATTRIBUTE_SHORT 0x8000 /* its value stands where others have their length */

/* Proposals of a security association; empty for other domains than IPsec. */
static struct cursor proposals_of(struct cursor sa)
{
	uint32_t doi = cursor_be32(&sa);

	cursor_be32(&sa); /* situation */
	return doi == DOI_IPSEC ? sa : cursor_of(sa.p, 0);
}

static struct cursor transforms_of(struct cursor proposal)
{
	uint8_t spi_bytes;

	cursor_skip(&proposal, 2); /* number, protocol */
	spi_bytes = cursor_u8(&proposal);
	cursor_u8(&proposal); /* how many transforms */
	cursor_skip(&proposal, spi_bytes);
	return proposal;
}

/* All transforms of a message, one after the other. */
struct walk {
	struct cursor payloads, proposals, transforms;
	uint8_t payload, proposal, transform; /* types of the next ones */
	unsigned looked_at;
	uint32_t types;
};

static struct walk walk_of(const struct ike_tx *t)
{
	struct cursor none = cursor_of(t->spi[0], 0);

	return (struct walk){.payloads = ike_body(t), .payload = t->first, .proposals = none, .transforms = none};
}

static void note_type(struct walk *k, uint8_t type)
{
	if (type < 32)
		k->types |= 1u << type;
}

/* False: no more. What is not whole ends its list; that of payloads is .payloads.bad then. */
static bool walk_next(struct walk *k, struct cursor *attributes)
{
	struct ike_payload p;

	while (k->looked_at++ < IKE_PAYLOADS_MAX + IKE_TRANSFORMS_MAX) {
		if (ike_payload_next(&k->transforms, &k->transform, &p)) {
			note_type(k, p.type);
			if (p.type != IKE1_TRANSFORM)
				continue;
			*attributes = p.body;
			cursor_skip(attributes, 4);
			return true;
		}
		if (ike_payload_next(&k->proposals, &k->proposal, &p)) {
			note_type(k, p.type);
			if (p.type == IKE1_PROPOSAL) {
				k->transforms = transforms_of(p.body);
				k->transform = IKE1_TRANSFORM;
			}
			continue;
		}
		if (!k->payload || !ike_payload_next(&k->payloads, &k->payload, &p))
			return false;
		note_type(k, p.type);
		if (p.type == IKE1_SA) {
			k->proposals = proposals_of(p.body);
			k->proposal = IKE1_PROPOSAL;
		}
	}
	return false;
}

bool ike1_transform(const struct ike_tx *t, uint32_t number, struct cursor *attributes)
{
	struct walk k = walk_of(t);

	do
		if (!walk_next(&k, attributes))
			return false;
	while (number--);
	return true;
}

uint32_t ike1_types(const struct ike_tx *t)
{
	struct walk k = walk_of(t);
	struct cursor attributes;

	note_type(&k, t->first);
	while (walk_next(&k, &attributes))
		;
	return k.types;
}

bool ike1_attribute_next(struct cursor *c, struct ike_attribute *out)
{
	uint16_t head;

	if (!cursor_left(c) || c->bad)
		return false;
	head = cursor_be16(c);
	*out = (struct ike_attribute){.type = head & ~ATTRIBUTE_SHORT, .value = cursor_be16(c)};
	if (head & ATTRIBUTE_SHORT) {
		out->has_number = true;
		out->number = out->value;
	} else if (out->value == 4) {
		out->has_number = true;
		out->number = cursor_be32(c);
	} else {
		out->bytes = (struct bytes){cursor_take(c, out->value), out->value};
	}
	return !c->bad;
}

/* ---- what stays ---- */

static void keep_vendor(struct worker *w, struct ike_tx *t, struct cursor body)
{
	char hex[512];
	size_t n = cursor_left(&body) < sizeof(hex) / 2 ? cursor_left(&body) : sizeof(hex) / 2;

	texts_add(w, &t->vendors, hex, (uint32_t)(hex_put(hex, body.p, n) - hex));
}

static void keep_transforms(struct worker *w, struct flow *f, struct ike_state *s, struct ike_tx *t)
{
	struct ike1_side *side = &s->side[t->direction];
	struct walk k = walk_of(t);
	struct cursor attributes;
	uint32_t before = side->transforms;

	while (walk_next(&k, &attributes)) {
		if (!side->transforms++)
			text_set(w, &side->transform,
				 (struct bytes){attributes.p, (uint32_t)cursor_left(&attributes)});
	}
	if (t->direction == TO_CLIENT && before <= 1 && side->transforms > 1)
		tx_event(w, f, &t->tx, TO_CLIENT, IKE_EVENT_MULTIPLE_SERVER_PROPOSAL);
}

/* A new security association begins a new exchange. */
static void forget(struct worker *w, struct ike1_side *side)
{
	text_free(w, &side->transform);
	side->transforms = 0;
}

bool ike1_take(struct worker *w, struct flow *f, struct ike_state *s, struct ike_tx *t)
{
	struct ike1_side *side = &s->side[t->direction];
	struct cursor c = ike_body(t);
	struct ike_payload p;
	uint8_t next = t->first;

	text_free(w, &side->key_exchange);
	text_free(w, &side->nonce);
	for (unsigned i = 0; next && i < IKE_PAYLOADS_MAX && ike_payload_next(&c, &next, &p); i++) {
		struct bytes bytes = {p.body.p, (uint32_t)cursor_left(&p.body)};

		switch (p.type) {
		case IKE1_SA:
			forget(w, side);
			s->has_doi = bytes.len >= 4;
			if (s->has_doi)
				s->doi = get_be32(bytes.data);
			break;
		case IKE1_KEY_EXCHANGE:
			text_set(w, &side->key_exchange, bytes);
			break;
		case IKE1_NONCE:
			text_set(w, &side->nonce, bytes);
			break;
		case IKE1_VENDOR:
			keep_vendor(w, t, p.body);
			break;
		}
	}
	keep_transforms(w, f, s, t);
	if (!c.bad && !next && cursor_left(&c))
		tx_event(w, f, &t->tx, t->direction, IKE_EVENT_PAYLOAD_EXTRA_DATA);
	return !c.bad;
}

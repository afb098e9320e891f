/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IKE over UDP: version 1 (RFC 2408 ISAKMP, RFC 2407 its use for IPsec, RFC 2409) and 2 (RFC 7296).
 * Private to ike*.c. Each message is a transaction. Payloads that are not encrypted are read from
 * the message's bytes each time they are asked for.
 */
#ifndef APP_IKE_H
#define APP_IKE_H

#include "dataplane/app/text.h"

#define IKE_HEADER_BYTES 28
#define IKE_TRANSACTIONS_MAX 256
#define IKE_PAYLOADS_MAX 64    /* of a message, looked at */
#define IKE_TRANSFORMS_MAX 128 /* likewise */
#define IKE_ATTRIBUTES_MAX 32  /* of a transform, likewise */
#define IKE_TYPES_MAX (IKE_PAYLOADS_MAX + 1)

enum ike_event {
#define EVENT(id, name) IKE_EVENT_##id,
#include "dataplane/event/app_event/ike.def"
#undef EVENT
};

/* Of version 1 (RFC 2408, 3.1). */
enum ike1_payload {
	IKE1_SA = 1,
	IKE1_PROPOSAL = 2,
	IKE1_TRANSFORM = 3,
	IKE1_KEY_EXCHANGE = 4,
	IKE1_NONCE = 10,
	IKE1_VENDOR = 13,
};

/* Of version 2 (RFC 7296, 3.2). */
enum ike2_payload {
	IKE2_SA = 33,
	IKE2_NOTIFY = 41,
	IKE2_ENCRYPTED = 46,
};

#define IKE1_FLAG_ENCRYPTED 0x01
#define IKE2_FLAG_INITIATOR 0x08
#define IKE2_PROTOCOL_AH 2

/* Types of transforms of version 2 (RFC 7296, 3.3.2). */
enum ike2_transform { IKE2_ENCRYPTION = 1, IKE2_PRF, IKE2_INTEGRITY, IKE2_DH, IKE2_ESN, IKE2_TRANSFORMS };

struct ike_tx {
	struct tx tx;
	uint8_t direction;
	uint8_t major, minor, exchange, flags;
	uint8_t first;          /* type of the first payload */
	bool broken;            /* its payloads are not well formed */
	uint32_t message_id;
	uint8_t spi[2][8];      /* of initiator and responder */
	char spi_hex[2][17];
	struct text body;       /* behind the header, unless encrypted; owned */
	struct texts vendors;   /* version 1, in hex */
};

/* What the sides of an exchange of version 1 have said last. */
struct ike1_side {
	struct text key_exchange, nonce;
	struct text transform;  /* attributes of the first one */
	uint32_t transforms;
};

struct ike_state {
	struct ike1_side side[2];
	bool has_doi;
	uint32_t doi;           /* domain of interpretation (RFC 2408) */
	uint16_t chosen[IKE2_TRANSFORMS]; /* version 2, by type: what the responder chose */
};

struct ike_payload {
	uint8_t type, next;
	struct cursor body;
};

/* An attribute of a transform (RFC 2408, 3.3). */
struct ike_attribute {
	uint16_t type;
	uint16_t value;      /* or length */
	bool has_number;
	uint32_t number;
	struct bytes bytes;  /* where it is no number */
};

/* A transform of version 2. */
struct ike2_choice {
	uint8_t type;
	uint16_t id;
};

static inline struct ike_tx *ike_of(struct tx *tx)
{
	return (struct ike_tx *)(void *)tx;
}

static inline struct cursor ike_body(const struct ike_tx *t)
{
	return cursor_of(t->body.data ? t->body.data : t->spi[0], t->body.len);
}

/* The next payload; type: of it, and then of the one that follows. False: no more (c->bad: it is not
 * whole). Both versions have the same generic header. */
bool ike_payload_next(struct cursor *c, uint8_t *type, struct ike_payload *out);
/* The first payload of that type; false: none. */
bool ike_payload_find(const struct ike_tx *t, uint8_t type, struct ike_payload *out);

/* ike_v1.c */
/* All that has state, events, and types of payloads. False: not well formed. */
bool ike1_take(struct worker *w, struct flow *f, struct ike_state *s, struct ike_tx *t);
/* Attributes of the message's transform of that number, in all proposals. */
bool ike1_transform(const struct ike_tx *t, uint32_t number, struct cursor *attributes);
bool ike1_attribute_next(struct cursor *c, struct ike_attribute *out);
/* Types of the payloads, packed ones too, a bit each. */
uint32_t ike1_types(const struct ike_tx *t);

/* ike_v2.c */
bool ike2_take(struct worker *w, struct flow *f, struct ike_state *s, struct ike_tx *t);
/* The transform of that number, in all proposals of the message. */
bool ike2_choice(const struct ike_tx *t, uint32_t number, struct ike2_choice *out);

/* ike_log.c */
void ike_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void ike_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

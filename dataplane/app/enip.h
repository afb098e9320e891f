/* SPDX-License-Identifier: BSD-3-Clause
 *
 * EtherNet/IP (The CIP Networks Library, volume 2, chapter 2: encapsulation; volume 1, chapters 2 and
 * 3 and appendices A and C: CIP) over TCP and UDP. Private to enip*.c and to detect/, which compares
 * CIP services with rules. A message and the one that answers it are a transaction; the session and the
 * sender's context tell which one does, of connected data its sequence number. What a message holds is
 * read from its bytes each time it is asked for.
 */
#ifndef APP_ENIP_H
#define APP_ENIP_H

#include "dataplane/app/text.h"

#define ENIP_HEADER_BYTES 24
#define ENIP_DATA_MAX 8192         /* of a message's data, kept; what is behind it is left out */
#define ENIP_TRANSACTIONS_MAX 512  /* at half of them the oldest one waits no longer */
#define ENIP_WAITING_MAX 64        /* messages after which one that was not answered will not be */
#define ENIP_ITEMS_MAX 16          /* of a message, looked at */
#define ENIP_SEGMENTS_MAX 32       /* of a path, likewise */
#define ENIP_SERVICES_MAX 64       /* packed in a message, likewise */
#define ENIP_DEPTH_MAX 4           /* of services packed in packed ones */
#define ENIP_ATTRIBUTES_MAX 64     /* of a list of them, likewise */
#define ENIP_VALUES_MAX 512        /* of one kind, shown to a rule */

enum enip_command {
	ENIP_NOP = 0,
	ENIP_LIST_SERVICES = 4,
	ENIP_LIST_IDENTITY = 0x63,
	ENIP_LIST_INTERFACES = 0x64,
	ENIP_REGISTER_SESSION = 0x65,
	ENIP_UNREGISTER_SESSION = 0x66,
	ENIP_SEND_RR_DATA = 0x6f,
	ENIP_SEND_UNIT_DATA = 0x70,
	ENIP_INDICATE_STATUS = 0x72,
	ENIP_CANCEL = 0x73,
};

enum enip_item_type {
	ENIP_ITEM_IDENTITY = 0x0c,
	ENIP_ITEM_CONNECTED = 0xb1,
	ENIP_ITEM_UNCONNECTED = 0xb2,
	ENIP_ITEM_SERVICES = 0x100,
};

enum cip_service {
	CIP_GET_ATTRIBUTE_LIST = 3,
	CIP_SET_ATTRIBUTE_LIST = 4,
	CIP_MULTIPLE_SERVICE = 10,
	CIP_UNCONNECTED_SEND = 0x52, /* of the connection manager */
	CIP_RESPONSE = 0x80, /* set in a response's service */
};

#define CIP_CONNECTION_MANAGER 6

/* The upper six bits of a logical segment's type. */
enum cip_segment_kind { CIP_CLASS = 8, CIP_INSTANCE = 9, CIP_MEMBER = 10, CIP_POINT = 11, CIP_ATTRIBUTE = 12 };

struct enip_message {
	bool there;
	bool cut;            /* its data was longer than what is kept */
	bool invalid;        /* its data is not what its command says */
	bool crowded;        /* more services are packed in it, or deeper, than are looked at */
	uint16_t command, length;
	uint32_t session, status, options;
	uint64_t context;    /* the sender's, which the answer repeats */
	struct text data;    /* behind the header; owned */
};

struct enip_tx {
	struct tx tx;
	struct enip_message request, response;
};

struct enip_item {
	uint16_t type;
	uint32_t start;      /* of the item, in the message's data */
	struct cursor data;
};

struct cip_segment {
	uint8_t type;
	uint32_t value;      /* of a logical one; a port's link address, if it is one byte */
	struct bytes name;   /* of a symbolic one; borrowed */
};

/* A request or response of CIP: a service, of an object that a path names, or with a status. */
struct cip_message {
	bool response;
	uint8_t service, status;
	const uint8_t *start;
	struct cursor path;     /* of a request: segments */
	struct bytes extended;  /* of a response: more about its status */
	struct cursor body;
};

/* The services packed in one. */
struct cip_list {
	const uint8_t *base, *end;
	struct cursor offsets; /* of a multiple service; else there is one, all of base … end */
	bool multiple;
	uint32_t left;
};

/* All messages of CIP in a message: the first and those packed in it, each before what is packed in it. */
struct cip_walk {
	struct cip_message first;
	struct cip_list packed[ENIP_DEPTH_MAX];
	unsigned depth;       /* lists that are open */
	uint32_t number;      /* of the next one */
	bool there;
	bool bad;             /* a packed one is not well formed */
	bool crowded;
};

static inline struct enip_tx *enip_of(struct tx *tx)
{
	return (struct enip_tx *)(void *)tx;
}

static inline const struct enip_message *enip_message_of(struct tx *tx, unsigned d)
{
	return d == TO_SERVER ? &enip_of(tx)->request : &enip_of(tx)->response;
}

/* enip_message.c */

/* The items of the message's data; an empty cursor where its command has none. */
struct cursor enip_items(const struct enip_message *m, uint32_t *count);
/* The next of count items; false at the end, or where it is not whole (items->bad). */
bool enip_item_next(const struct enip_message *m, struct cursor *items, uint32_t *count, struct enip_item *out);
/* The first item of that type. */
bool enip_item_find(const struct enip_message *m, uint16_t type, struct enip_item *out);
/* The CIP message of an item; false: it has none, or it is not well formed (c->bad in *bad). */
bool enip_item_cip(const struct enip_item *item, struct cip_message *out, bool *bad);
/* The first CIP message. */
bool enip_cip(const struct enip_message *m, struct cip_message *out);
bool cip_read(struct cursor c, struct cip_message *out);
bool cip_segment_next(struct cursor *path, struct cip_segment *out);
/* Those in a multiple service, or the one that an unconnected send carries; else empty. */
struct cip_list cip_list(const struct cip_message *m);
bool cip_list_next(struct cip_list *l, struct cip_message *out, bool *bad);
struct cip_walk cip_walk(const struct enip_message *m);
struct cip_walk cip_walk_of(const struct cip_message *m);
/* depth: how many the one is packed in. */
bool cip_walk_next(struct cip_walk *k, struct cip_message *out, unsigned *depth);
/* Attributes that a list of them names. */
bool cip_listed_attribute(const struct cip_message *m, uint32_t number, uint32_t *out);
/* Bytes that are understood: service, path, status, lists. */
uint32_t cip_size(const struct cip_message *m);
/* Is the data what the command says? Sets m->crowded. */
bool enip_valid(struct enip_message *m);

/* enip_log.c */
void enip_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void enip_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

/* enip_value.c */
extern const struct proto_buffer enip_buffers[];
extern const struct proto_value enip_values[];

#endif

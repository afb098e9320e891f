/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LDAP version 2 and 3 (RFC 4511, 4.1 and 4.2 to 4.13) over TCP, and over UDP (RFC 1798). Private to
 * ldap*.c. A request and the messages with its number that answer it are a transaction.
 */
#ifndef APP_LDAP_H
#define APP_LDAP_H

#include "dataplane/app/app.h"
#include "dataplane/app/ber.h"

#define LDAP_MESSAGE_MAX (256u << 10)     /* longer ones are not looked at */
#define LDAP_TRANSACTIONS_MAX 256
#define LDAP_RESPONSES_MAX 128            /* kept of a transaction; all are counted */
#define LDAP_RESPONSES_BYTES_MAX (512u << 10) /* likewise */
#define LDAP_ATTRIBUTES_MAX 256           /* looked at in a message */
#define LDAP_VALUES_MAX 256               /* written of an attribute */

/* The protocolOp's number (APPLICATION tag). */
enum ldap_op {
	LDAP_BIND_REQUEST,
	LDAP_BIND_RESPONSE,
	LDAP_UNBIND_REQUEST,
	LDAP_SEARCH_REQUEST,
	LDAP_SEARCH_ENTRY,
	LDAP_SEARCH_DONE,
	LDAP_MODIFY_REQUEST,
	LDAP_MODIFY_RESPONSE,
	LDAP_ADD_REQUEST,
	LDAP_ADD_RESPONSE,
	LDAP_DEL_REQUEST,
	LDAP_DEL_RESPONSE,
	LDAP_MOD_DN_REQUEST,
	LDAP_MOD_DN_RESPONSE,
	LDAP_COMPARE_REQUEST,
	LDAP_COMPARE_RESPONSE,
	LDAP_ABANDON_REQUEST,
	LDAP_SEARCH_REFERENCE = 19,
	LDAP_EXTENDED_REQUEST = 23,
	LDAP_EXTENDED_RESPONSE,
	LDAP_INTERMEDIATE_RESPONSE,
	LDAP_OPS
};

struct ldap_message {
	struct ldap_message *next;
	uint32_t id;
	uint32_t len;           /* of raw */
	uint8_t op;             /* enum ldap_op */
	struct bytes body;      /* the operation's contents, within raw */
	struct bytes controls;  /* likewise; NULL data: none */
	uint8_t raw[];
};

struct ldap_tx {
	struct tx tx;
	uint8_t direction;      /* of the first message */
	uint32_t id;
	struct ldap_message *request;            /* owned; NULL: not seen */
	struct ldap_message *first, *last;       /* responses, owned */
	uint32_t kept, kept_bytes, response_count;
};

/* LDAPResult, 4.1.9 */
struct ldap_result {
	uint32_t code;
	struct bytes dn, message;
	struct cursor rest;
};

static inline struct ldap_tx *ldap_of(struct tx *tx)
{
	return (struct ldap_tx *)(void *)tx;
}

/* ldap_message.c */
bool ldap_is_request(uint8_t op);
bool ldap_op_known(uint8_t op);
/* "search_request" */
const char *ldap_op_name(uint8_t op);
/* Takes m->raw apart. False: it is no message. */
bool ldap_message_read(struct ldap_message *m);
bool ldap_result_read(const struct ldap_message *m, struct ldap_result *out);
/* The name that the operation is about; NULL data: none. */
struct bytes ldap_dn(const struct ldap_message *m);
/* The message's attributes in turn: their type, and their values (empty where there are none); false: no more. */
struct ldap_attributes {
	struct cursor list;
	uint32_t op;
	unsigned left;
};
struct ldap_attributes ldap_attributes_of(const struct ldap_message *m);
bool ldap_attribute_next(struct ldap_attributes *a, struct bytes *type, struct cursor *values);

/* ldap_log.c */
void ldap_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void ldap_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

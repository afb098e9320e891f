/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The two hello messages of TLS (RFC 5246 7.4.1, RFC 8446 4.1) as lists, and the fingerprints made
 * of them: JA3 and JA3S (Salesforce, 2017), JA4 (FoxIO, 2023, the TLS client part only). Also for
 * hellos that another protocol carries. Runs in the worker that owns the flow.
 */
#ifndef APP_TLS_HELLO_H
#define APP_TLS_HELLO_H

#include "dataplane/base/cursor.h"
#include "dataplane/base/heap.h"

#define HELLO_LIST_MAX 1024 /* entries of each list; more are counted as cut */
#define HELLO_ALPN_MAX 32
#define TLS_EARLY_DRAFT 0x7f01 /* stands for all drafts of 1.3 before the 16th */
#define TLS_FIRST_DRAFT 0x7f10 /* the 16th */
#define SSLV2 0x0002
#define JA3_HASH_CHARS 32
#define JA4_CHARS 36

enum hello_flags {
	HELLO_HAS_SNI = 1 << 0,        /* the extension is there, whatever is in it */
	HELLO_MULTIPLE_SNI = 1 << 1,
	HELLO_BAD_SNI_TYPE = 1 << 2,
	HELLO_BAD_SNI_LENGTH = 1 << 3,
	HELLO_CUT = 1 << 4,            /* a list had more than HELLO_LIST_MAX entries */
	HELLO_BAD_LENGTH = 1 << 5,     /* an extension's length leaves the message */
	HELLO_HAS_TICKET = 1 << 6,     /* session ticket with something in it */
	HELLO_EARLY_DATA = 1 << 7,
	HELLO_ECH = 1 << 8,            /* encrypted_client_hello (RFC 9849, 5): the hello is an outer one, or GREASE */
};

struct hello_list {
	uint16_t v[HELLO_LIST_MAX];
	uint16_t count;
};

/* All bytes are borrowed from the message. */
struct tls_hello {
	bool client;
	uint16_t flags;             /* enum hello_flags */
	uint16_t version;           /* as in the message's first field */
	uint16_t selected_version;  /* server: supported_versions, or version */
	uint16_t highest_version;   /* client: the highest of supported_versions, or version */
	const uint8_t *random;      /* 32 bytes */
	struct bytes session_id;
	struct bytes sni;
	struct bytes alpn[HELLO_ALPN_MAX];
	unsigned alpn_count;
	struct hello_list ciphers;  /* server: the one chosen */
	struct hello_list extensions, groups, points, signatures;
};

/* message: after the 4 bytes of the handshake header. False: it ends early. */
bool tls_hello_parse(struct tls_hello *h, bool client, const uint8_t *message, uint32_t len);
bool tls_is_grease(uint16_t v);

/* The JA3 or JA3S string, in new memory of the heap (*len bytes, not terminated); NULL: memory. */
char *ja3_string(struct heap *heap, const struct tls_hello *h, uint32_t *len);
/* transport: 't' TCP, 'q' QUIC. h: NULL, a client hello was not seen. */
void ja4_text(const struct tls_hello *h, char transport, char text[JA4_CHARS + 1]);

#endif

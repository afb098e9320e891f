/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the TLS files of dataplane/app. tls.c follows the records, tls_handshake.c reads the
 * messages in them, tls_buffer.c shows rules what was found, tls_log.c writes it.
 */
#ifndef APP_TLS_H
#define APP_TLS_H

#include "dataplane/app/frame.h"
#include "dataplane/app/tls_hello.h"
#include "dataplane/app/tls_x509.h"

#define TLS_HANDSHAKE_MAX (512u * 1024) /* longest handshake message that is read */
#define TLS_CHAIN_MAX 16                /* certificates of a chain that are kept */
#define TLS_NAME_MAX 1024               /* server name and protocol names kept */

enum tls_event {
#define EVENT(id, name) TLS_EVENT_##id,
#include "dataplane/event/app_event/tls.def"
#undef EVENT
	TLS_EVENT_COUNT
};

/* Progress of a transaction towards the server and towards the client. */
enum tls_client_progress {
	TLS_CLIENT_HELLO = 1, TLS_CLIENT_CERT, TLS_CLIENT_HANDSHAKE_DONE, TLS_CLIENT_FINISHED,
};
enum tls_server_progress {
	TLS_SERVER_HELLO = 1, TLS_SERVER_CERT, TLS_SERVER_HELLO_DONE, TLS_SERVER_HANDSHAKE_DONE,
	TLS_SERVER_FINISHED,
};

enum tls_flags {
	TLS_CLIENT_HELLO_SEEN = 1 << 0,
	TLS_SERVER_HELLO_SEEN = 1 << 1,
	TLS_CLIENT_KEY_SEEN = 1 << 2,
	TLS_SERVER_KEY_SEEN = 1 << 3,
	TLS_RESUMED = 1 << 4,        /* the server took the client's session id */
	TLS_LOG_WITHOUT_CERT = 1 << 5, /* version 1.3 or SSLv2: none is to be seen */
	TLS_WANTS_CLIENT_CERT = 1 << 6,
	TLS_HEARTBEAT_CLIENT = 1 << 7, /* a heartbeat of the client is not answered yet */
	TLS_HEARTBEAT_SERVER = 1 << 8,
	TLS_HANDSHAKE_COMPLETE = 1 << 9,
	TLS_EARLY_DATA = 1 << 10,
	TLS_CLIENT_TICKET = 1 << 11, /* the client offers a session ticket */
	TLS_ALERTED = 1 << 12,       /* an alert in plain text */
	TLS_BROKEN = 1 << 13,        /* records could not be followed to the end */
	TLS_STORE = 1 << 14,         /* a rule wants the certificates kept … */
	TLS_STORED_CLIENT = 1 << 15, /* … those of the client are on their way */
	TLS_STORED_SERVER = 1 << 16,
	TLS_ECH = 1 << 17,           /* the client offers an encrypted hello: the name is that of the outer one */
};

/* Certificates that one side has shown. */
struct tls_certs {
	uint8_t *memory;               /* the chain as sent; owned */
	struct bytes chain[TLS_CHAIN_MAX]; /* within memory */
	unsigned count;
	bool good;                     /* the first one could be read: */
	struct x509 first;
	char fingerprint[60];          /* SHA-1, "aa:bb:…" */
};

struct tls_side {
	uint16_t version;   /* server: chosen; client: first field of its hello; 0 not known */
	uint16_t offered;   /* client: the highest version it offers */
	bool hello;
	uint8_t random[32];
	uint8_t session_id[32];
	uint8_t session_id_len;
	uint8_t alpn_count;
	struct bytes alpn[HELLO_ALPN_MAX]; /* within alpn_memory */
	uint8_t *alpn_memory;
	char *ja3;          /* JA3 of the client, JA3S of the server; owned; NULL none */
	uint32_t ja3_len;
	uint16_t *lists;    /* ciphers, extensions, signatures of the hello, without GREASE; owned; NULL: nobody wants them */
	uint16_t ciphers, extensions, signatures; /* how many of each */
	char ja3_hash[JA3_HASH_CHARS + 1];
	struct tls_certs certs;
};

struct tls_tx {
	struct tx tx;
	uint32_t flags;     /* enum tls_flags */
	uint8_t current;    /* TLS_*_SEEN of the packet in hand */
	struct tls_side side[2]; /* by direction: [TO_SERVER] is the client */
	uint8_t *sni;       /* owned */
	uint32_t sni_len;
	char ja4[JA4_CHARS + 1];
	uint32_t heartbeat_len; /* of an encrypted heartbeat that is not answered yet */
};

/* One direction's records. */
struct tls_stream {
	uint8_t type;          /* of the record at hand; 0: skip it */
	bool started;          /* a record has been seen */
	bool sslv2;            /* and it was one of SSLv2 */
	bool encrypted;        /* after ChangeCipherSpec, before version 1.3 */
	uint32_t record_left;  /* bytes of the record still to come */
	uint8_t *message;      /* a handshake message that is not whole yet */
	uint32_t message_len, message_cap;
	uint32_t message_skip; /* bytes of one that is too long */
};

struct tls_state {
	struct tls_tx *tx;     /* the only one; in the flow's list */
	struct tls_stream stream[2];
};

enum tls_encryption { TLS_TRACK, TLS_BYPASS, TLS_FULL };

enum tls_log_field {
	TLS_LOG_SUBJECT = 1 << 0, TLS_LOG_ISSUER = 1 << 1, TLS_LOG_RESUMED = 1 << 2,
	TLS_LOG_SERIAL = 1 << 3, TLS_LOG_FINGERPRINT = 1 << 4, TLS_LOG_SNI = 1 << 5,
	TLS_LOG_VERSION = 1 << 6, TLS_LOG_NOT_BEFORE = 1 << 7, TLS_LOG_NOT_AFTER = 1 << 8,
	TLS_LOG_CERTIFICATE = 1 << 9, TLS_LOG_CHAIN = 1 << 10, TLS_LOG_JA3 = 1 << 11,
	TLS_LOG_JA3S = 1 << 12, TLS_LOG_JA4 = 1 << 13, TLS_LOG_ALT_NAMES = 1 << 14,
	TLS_LOG_CLIENT = 1 << 15, TLS_LOG_CLIENT_CERTIFICATE = 1 << 16,
	TLS_LOG_CLIENT_CHAIN = 1 << 17, TLS_LOG_CLIENT_ALPNS = 1 << 18,
	TLS_LOG_SERVER_ALPNS = 1 << 19, TLS_LOG_CLIENT_HANDSHAKE = 1 << 20,
	TLS_LOG_SERVER_HANDSHAKE = 1 << 21, TLS_LOG_ECH = 1 << 22,
};

struct tls_config {
	enum tls_encryption encryption;
	bool ja3, ja4;
	bool log_resumed;
	uint32_t log_fields; /* enum tls_log_field */
};

static inline struct tls_tx *tls_of(struct tx *tx)
{
	return (struct tls_tx *)(void *)tx;
}

/* tls_handshake.c: one whole message (header of 4 bytes and body). False: it cannot be right. */
bool tls_handshake(struct worker *w, struct flow *f, struct tls_state *st, enum direction d,
		   const uint8_t *message, uint32_t len);
/* tls_buffer.c */
extern const struct proto_buffer tls_buffers[];
extern const struct proto_value tls_values[];
/* tls_log.c */
void tls_configure(const struct worker *w, void *memory);
/* tls_store.c: the chains of both sides go to the file store, those that are there now and those to come. */
void tls_store(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void tls_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void tls_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QUIC over UDP: version 1 (RFC 9000, 9001), version 2 (RFC 9369), changes of the version (RFC 9368),
 * IETF drafts from 23 on, and Google's versions in clear text (Q039 to Q046). Private to quic*.c.
 *
 * Only what precedes encryption proper is read: Initial packets, whose keys follow from the
 * client's first connection id, up to the two hello messages. Each hello, and each packet of
 * Google's versions, is a transaction.
 */
#ifndef APP_QUIC_H
#define APP_QUIC_H

#include "dataplane/app/app.h"
#include "dataplane/app/tls_hello.h"

#define QUIC_V1 1u
#define QUIC_V2 0x6b3343cfu
#define QUIC_CID_MAX 20
#define QUIC_HELLO_MAX 16384     /* bytes of CRYPTO frames put together, each direction */
#define QUIC_HELLO_USUAL 2048    /* room for the most usual ones, with post-quantum keys */
#define QUIC_VERSION_CHANGES_MAX 4 /* of a connection: keys are made anew */
#define QUIC_PACKET_MAX 4096     /* of an Initial packet: longer ones are not decrypted */
#define QUIC_FRAMES_MAX 2048     /* looked at in a packet, runs of padding as one */
#define QUIC_TRANSACTIONS_MAX 128
#define QUIC_TAGS_MAX 64         /* of a Google hello */
#define QUIC_CYU_MAX 512         /* characters of the CYU string */
#define QUIC_EXTENSIONS_MAX 64   /* written of a hello */
#define QUIC_NAME_MAX 1024
#define QUIC_HEX_MD5 32

enum quic_type { QUIC_INITIAL, QUIC_0RTT, QUIC_HANDSHAKE, QUIC_RETRY, QUIC_NEGOTIATION, QUIC_SHORT };

/* Keys of one direction of Initial packets (RFC 9001, 5.1). */
struct quic_keys {
	uint8_t key[16], iv[12], hp[16];
};

struct quic_packet {
	enum quic_type type;
	uint32_t version;
	bool google;               /* in clear text, version Q0xx */
	struct bytes dcid, scid;
	struct bytes whole;        /* from the first byte to the end of the payload */
	uint32_t number_at;        /* offset of the (protected) packet number; google: of the frames */
};

struct quic_tx {
	struct tx tx;
	uint8_t direction;
	uint32_t version;
	uint8_t version_bytes[4];
	struct bytes sni, ua;      /* owned */
	char *ja3;                 /* client's JA3, server's JA3S; owned; NULL: none */
	uint32_t ja3_len;
	char ja3_hash[JA3_HASH_CHARS + 1];
	char ja4[JA4_CHARS + 1];
	char *cyu;                 /* owned; NULL: none */
	uint32_t cyu_len;
	char cyu_hash[QUIC_HEX_MD5 + 1];
	uint8_t *hello;            /* owned; the hello's message, for the record; NULL: none */
	uint32_t hello_len;
	bool client;
	bool ech; /* the hello offers an encrypted one: the name is that of the outer one */
};

static inline struct quic_tx *quic_of(struct tx *tx)
{
	return (struct quic_tx *)(void *)tx;
}

/* quic_crypto.c */
/* Of a worker, w->quic: contexts of libcrypto, which allocate nothing once they are made. */
struct quic_ciphers {
	struct evp_cipher_ctx_st *gcm, *ecb;
};
/* 0, or -1 when memory is out. */
int quic_ciphers_new(struct worker *w);
void quic_ciphers_free(struct worker *w);
/* Keys of the client and the server by the client's first destination id. False: the version's salt is
 * not known. */
bool quic_keys_make(struct quic_keys keys[2], uint32_t version, struct bytes dcid);
/* Removes the protection of an Initial packet (RFC 9001, 5.3, 5.4). out: QUIC_PACKET_MAX bytes for
 * the frames. False: it is too short or long, or not what the keys are for. */
bool quic_decrypt(struct quic_ciphers *c, const struct quic_keys *keys, const struct quic_packet *p, uint8_t *out, uint32_t *len);

/* quic_google.c: the frames of a packet in clear text. */
void quic_google_frames(struct worker *w, struct quic_tx *t, struct bytes frames);

/* quic_log.c */
void quic_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void quic_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

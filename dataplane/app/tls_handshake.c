/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handshake messages of TLS: hellos and certificates. What rules and records need is copied
 * into the transaction, fingerprints are made, contacts are noted.
 * Runs in the worker that owns the flow.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the calls that keep their state in our memory */
#include "dataplane/app/tls.h"

#include <openssl/sha.h>

#include "dataplane/app/digest.h"
#include "dataplane/app/host.h"
#include "dataplane/app/service.h"
#include "dataplane/base/hex.h"
#include "dataplane/engine/contact.h"
#include "dataplane/engine/emit.h"

enum handshake_type {
	HELLO_REQUEST = 0, CLIENT_HELLO = 1, SERVER_HELLO = 2, HELLO_VERIFY = 3,
	NEW_SESSION_TICKET = 4, END_OF_EARLY_DATA = 5, HELLO_RETRY_REQUEST = 6, ENCRYPTED_EXTENSIONS = 8, CERTIFICATE = 11,
	SERVER_KEY_EXCHANGE = 12, CERTIFICATE_REQUEST = 13, SERVER_HELLO_DONE = 14,
	CERTIFICATE_VERIFY = 15, CLIENT_KEY_EXCHANGE = 16, FINISHED = 20, CERTIFICATE_URL = 21,
	CERTIFICATE_STATUS = 22, KEY_UPDATE = 24, NEXT_PROTOCOL = 67, MESSAGE_HASH = 254,
};

/* ---- hellos ---- */

/* RFC 8446 4.1.3: the random of a HelloRetryRequest. */
static const uint8_t retry_random[32] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static void keep_alpn(struct worker *w, struct tls_side *side, const struct tls_hello *h)
{
	uint32_t total = 0;
	uint8_t *at;

	for (unsigned i = 0; i < h->alpn_count; i++)
		total += h->alpn[i].len;
	if (!total || side->alpn_memory)
		return;
	at = side->alpn_memory = heap_alloc(&w->heap, total);
	if (!at)
		return;
	for (unsigned i = 0; i < h->alpn_count; i++) {
		memcpy(at, h->alpn[i].data, h->alpn[i].len);
		side->alpn[i] = (struct bytes){at, h->alpn[i].len};
		at += h->alpn[i].len;
	}
	side->alpn_count = (uint8_t)h->alpn_count;
}

static uint16_t put_list(uint16_t *to, const struct hello_list *l)
{
	uint16_t n = 0;

	for (unsigned i = 0; i < l->count; i++)
		if (!tls_is_grease(l->v[i]))
			to[n++] = l->v[i];
	return n;
}

static void keep_lists(struct worker *w, struct tls_side *side, const struct tls_hello *h)
{
	unsigned most = h->ciphers.count + h->extensions.count + h->signatures.count;

	if (side->lists || !most)
		return;
	side->lists = heap_alloc(&w->heap, most * sizeof(*side->lists));
	if (!side->lists)
		return;
	side->ciphers = put_list(side->lists, &h->ciphers);
	side->extensions = put_list(side->lists + side->ciphers, &h->extensions);
	side->signatures = put_list(side->lists + side->ciphers + side->extensions, &h->signatures);
}

static void keep_hello(struct worker *w, struct tls_side *side, const struct tls_hello *h, bool ja3)
{
	side->hello = true;
	side->version = h->client ? h->version : h->selected_version;
	side->offered = h->highest_version;
	memcpy(side->random, h->random, sizeof(side->random));
	if (h->session_id.len && h->session_id.len <= sizeof(side->session_id)) {
		memcpy(side->session_id, h->session_id.data, h->session_id.len);
		side->session_id_len = (uint8_t)h->session_id.len;
	}
	keep_alpn(w, side, h);
	if (!ja3 || side->ja3)
		return;
	side->ja3 = ja3_string(&w->heap, h, &side->ja3_len);
	if (side->ja3)
		md5_hex(w, side->ja3, side->ja3_len, side->ja3_hash);
}

static void note_sni(struct worker *w, struct flow *f, struct tls_tx *t, const struct tls_hello *h)
{
	uint32_t len = h->sni.len < TLS_NAME_MAX ? h->sni.len : TLS_NAME_MAX;
	uint8_t lower[TLS_NAME_MAX];

	if (h->flags & HELLO_MULTIPLE_SNI)
		tx_event(w, f, &t->tx, TO_SERVER, TLS_EVENT_MULTIPLE_SNI_EXTENSIONS);
	if (h->flags & HELLO_BAD_SNI_TYPE)
		tx_event(w, f, &t->tx, TO_SERVER, TLS_EVENT_INVALID_SNI_TYPE);
	if (h->flags & HELLO_BAD_SNI_LENGTH)
		tx_event(w, f, &t->tx, TO_SERVER, TLS_EVENT_INVALID_SNI_LENGTH);
	if (!len || t->sni)
		return;
	t->sni = heap_dup(&w->heap, h->sni.data, len);
	if (!t->sni)
		return;
	t->sni_len = len;
	for (uint32_t i = 0; i < len; i++)
		lower[i] = t->sni[i] >= 'A' && t->sni[i] <= 'Z' ? t->sni[i] | 0x20 : t->sni[i];
	emit_contact(w, f, CONTACT_SNI, lower, len);
	service_host(w, f, (const char *)lower, len);
	service_hello(w, f, (struct bytes){lower, len}, h->alpn_count > 0);
}

static bool client_hello(struct worker *w, struct flow *f, struct tls_tx *t, const uint8_t *body,
			 uint32_t len)
{
	const struct tls_config *c = app_config(w, APP_tls);
	struct tls_hello h;

	if (!tls_hello_parse(&h, true, body, len))
		return false;
	t->current |= TLS_CLIENT_HELLO_SEEN;
	if (t->flags & TLS_CLIENT_HELLO_SEEN && t->side[TO_SERVER].hello)
		return true; /* the second one, after a HelloRetryRequest */
	t->flags |= TLS_CLIENT_HELLO_SEEN;
	if (h.flags & HELLO_HAS_TICKET)
		t->flags |= TLS_CLIENT_TICKET;
	if (h.flags & HELLO_EARLY_DATA)
		t->flags |= TLS_EARLY_DATA;
	if (h.flags & HELLO_BAD_LENGTH)
		tx_event(w, f, &t->tx, TO_SERVER, TLS_EVENT_HANDSHAKE_INVALID_LENGTH);
	if (h.flags & HELLO_ECH)
		t->flags |= TLS_ECH;
	keep_hello(w, &t->side[TO_SERVER], &h, c->ja3);
	if (c->log_fields & TLS_LOG_CLIENT_HANDSHAKE)
		keep_lists(w, &t->side[TO_SERVER], &h);
	note_sni(w, f, t, &h);
	if (t->side[TO_SERVER].ja3)
		emit_contact(w, f, CONTACT_JA3, t->side[TO_SERVER].ja3_hash, JA3_HASH_CHARS);
	if (c->ja4) {
		ja4_text(&h, 't', t->ja4);
		emit_contact(w, f, CONTACT_JA4, t->ja4, JA4_CHARS);
	}
	if (t->tx.progress[TO_SERVER] < TLS_CLIENT_HELLO)
		t->tx.progress[TO_SERVER] = TLS_CLIENT_HELLO;
	return true;
}

static bool server_hello(struct worker *w, struct flow *f, struct tls_tx *t, const uint8_t *body,
			 uint32_t len)
{
	const struct tls_config *c = app_config(w, APP_tls);
	const struct tls_side *client = &t->side[TO_SERVER];
	struct tls_side *server = &t->side[TO_CLIENT];
	struct tls_hello h;

	if (!tls_hello_parse(&h, false, body, len))
		return false;
	t->current |= TLS_SERVER_HELLO_SEEN;
	if (memcmp(h.random, retry_random, sizeof(retry_random)) == 0) {
		server->version = h.selected_version;
		t->flags |= TLS_LOG_WITHOUT_CERT;
		return true;
	}
	t->flags |= TLS_SERVER_HELLO_SEEN;
	if (h.flags & HELLO_BAD_LENGTH)
		tx_event(w, f, &t->tx, TO_CLIENT, TLS_EVENT_HANDSHAKE_INVALID_LENGTH);
	keep_hello(w, server, &h, c->ja3);
	if (c->log_fields & TLS_LOG_SERVER_HANDSHAKE)
		keep_lists(w, server, &h);
	if (server->version >= 0x0304)
		t->flags |= TLS_LOG_WITHOUT_CERT;
	if (client->session_id_len && client->session_id_len == server->session_id_len &&
	    memcmp(client->session_id, server->session_id, client->session_id_len) == 0)
		t->flags |= TLS_RESUMED;
	if (t->tx.progress[TO_CLIENT] < TLS_SERVER_HELLO)
		t->tx.progress[TO_CLIENT] = TLS_SERVER_HELLO;
	return true;
}

/* ---- certificates ---- */

/* "0f:3a:…" */
static void hex_colons(char *out, const uint8_t *sum, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		out = hex_put(out, &sum[i], 1);
		*out++ = i + 1 < len ? ':' : '\0';
	}
}

static void fingerprint(struct worker *w, struct flow *f, struct tls_certs *certs, enum direction d)
{
	const struct bytes *der = &certs->chain[0];
	uint8_t sum[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH];

	digest(w, DIGEST_SHA1, der->data, der->len, sum);
	hex_colons(certs->fingerprint, sum, SHA_DIGEST_LENGTH);
	if (d == TO_SERVER)
		return;
	hex_put(text, sum, SHA_DIGEST_LENGTH);
	emit_contact(w, f, CONTACT_CERT_SHA1, text, 2 * SHA_DIGEST_LENGTH);
	digest(w, DIGEST_SHA256, der->data, der->len, sum);
	hex_put(text, sum, SHA256_DIGEST_LENGTH);
	emit_contact(w, f, CONTACT_CERT_SHA256, text, 2 * SHA256_DIGEST_LENGTH);
}

static enum tls_event x509_event(enum x509_status status)
{
	static const uint8_t events[] = {
		[X509_BAD_DER] = TLS_EVENT_INVALID_CERTIFICATE,
		[X509_BAD_LENGTH] = TLS_EVENT_CERTIFICATE_INVALID_LENGTH,
		[X509_BAD_VERSION] = TLS_EVENT_CERTIFICATE_INVALID_VERSION,
		[X509_BAD_SERIAL] = TLS_EVENT_CERTIFICATE_INVALID_SERIAL,
		[X509_BAD_ALGORITHM] = TLS_EVENT_CERTIFICATE_INVALID_ALGORITHMIDENTIFIER,
		[X509_BAD_NAME] = TLS_EVENT_CERTIFICATE_INVALID_X509NAME,
		[X509_BAD_ISSUER] = TLS_EVENT_CERTIFICATE_INVALID_ISSUER,
		[X509_BAD_SUBJECT] = TLS_EVENT_CERTIFICATE_INVALID_SUBJECT,
		[X509_BAD_VALIDITY] = TLS_EVENT_CERTIFICATE_INVALID_VALIDITY,
		[X509_BAD_DATE] = TLS_EVENT_CERTIFICATE_INVALID_DATE,
		[X509_BAD_EXTENSIONS] = TLS_EVENT_CERTIFICATE_INVALID_EXTENSIONS,
		[X509_NO_MEMORY] = TLS_EVENT_INVALID_CERTIFICATE,
	};

	return events[status];
}

/* Certificate list of version 1.2 and before: 3 bytes of length, then for each 3 bytes of length
 * and the DER. */
static bool certificate(struct worker *w, struct flow *f, struct tls_tx *t, enum direction d,
			const uint8_t *body, uint32_t len)
{
	struct tls_certs *certs = &t->side[d].certs;
	struct cursor c;
	enum x509_status status;

	if (certs->memory || !len)
		return true;
	certs->memory = heap_dup(&w->heap, body, len);
	if (!certs->memory)
		return true;
	c = cursor_of(certs->memory, len);
	if (cursor_be24(&c) > cursor_left(&c) || c.bad)
		return true; /* of another length than its message: what follows the message tells */
	c.end = c.p + (len >= 3 ? (body[0] << 16 | body[1] << 8 | body[2]) : 0);
	while (cursor_left(&c) && certs->count < TLS_CHAIN_MAX) {
		uint32_t size = cursor_be24(&c);
		const uint8_t *der = cursor_take(&c, size);

		if (!der) {
			tx_event(w, f, &t->tx, d, TLS_EVENT_INVALID_CERTIFICATE);
			return false;
		}
		certs->chain[certs->count++] = (struct bytes){der, size};
	}
	if (certs->count && certs->chain[0].len) {
		status = x509_parse(&w->heap, &certs->first, certs->chain[0].data,
				    certs->chain[0].len);
		certs->good = status == X509_GOOD;
		fingerprint(w, f, certs, d);
		if (status != X509_GOOD) {
			tx_event(w, f, &t->tx, d, x509_event(status));
			return false;
		}
		if (d == TO_SERVER)
			host_certificate(w, f, &certs->first);
		if (certs->first.subject.data)
			service_subject(w, f, certs->first.subject.data, certs->first.subject.len);
		if (d == TO_CLIENT && certs->first.subject.data && certs->first.issuer.data)
			service_relay(w, f, (struct bytes){(const uint8_t *)certs->first.subject.data, certs->first.subject.len},
				      (struct bytes){(const uint8_t *)certs->first.issuer.data, certs->first.issuer.len});
	}
	if (d == TO_SERVER && t->tx.progress[d] < TLS_CLIENT_CERT)
		t->tx.progress[d] = TLS_CLIENT_CERT;
	if (d == TO_CLIENT && t->tx.progress[d] < TLS_SERVER_CERT)
		t->tx.progress[d] = TLS_SERVER_CERT;
	return true;
}

/* ---- messages ---- */

bool tls_handshake(struct worker *w, struct flow *f, struct tls_state *st, enum direction d,
		   const uint8_t *message, uint32_t len)
{
	struct tls_tx *t = st->tx;
	const uint8_t *body = message + 4;

	len -= 4;
	switch (message[0]) {
	case CLIENT_HELLO:
		return d != TO_SERVER || client_hello(w, f, t, body, len);
	case SERVER_HELLO:
		return d != TO_CLIENT || server_hello(w, f, t, body, len);
	case CERTIFICATE:
		return certificate(w, f, t, d, body, len);
	case CERTIFICATE_REQUEST:
		if (d == TO_CLIENT)
			t->flags |= TLS_WANTS_CLIENT_CERT;
		return true;
	case SERVER_KEY_EXCHANGE:
		t->flags |= TLS_SERVER_KEY_SEEN;
		t->current |= TLS_SERVER_KEY_SEEN;
		return true;
	case CLIENT_KEY_EXCHANGE:
		t->flags |= TLS_CLIENT_KEY_SEEN;
		t->current |= TLS_CLIENT_KEY_SEEN;
		return true;
	case SERVER_HELLO_DONE:
		if (d == TO_CLIENT && t->tx.progress[d] < TLS_SERVER_HELLO_DONE)
			t->tx.progress[d] = TLS_SERVER_HELLO_DONE;
		return len == 0;
	case HELLO_REQUEST:
		return len == 0;
	case HELLO_VERIFY:
	case NEW_SESSION_TICKET:
	case END_OF_EARLY_DATA:
	case HELLO_RETRY_REQUEST: /* drafts of 1.3 */
	case ENCRYPTED_EXTENSIONS:
	case CERTIFICATE_VERIFY:
	case FINISHED:
	case CERTIFICATE_URL:
	case CERTIFICATE_STATUS:
	case KEY_UPDATE:
	case NEXT_PROTOCOL:
	case MESSAGE_HASH:
		return true;
	}
	tx_event(w, f, &t->tx, d, TLS_EVENT_INVALID_SSL_RECORD);
	return false;
}

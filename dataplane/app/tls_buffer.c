/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What rules may inspect of a TLS connection. Each side's facts are seen in its own direction.
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/tls.h"

static bool view(const void *data, uint32_t len, struct buffer_view *out)
{
	*out = (struct buffer_view){.data = data, .len = len, .complete = true};
	return data != NULL;
}

static const struct tls_side *side_of(struct tx *tx, enum direction d)
{
	return &tls_of(tx)->side[d];
}

static bool get_sni(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		    unsigned instance, struct buffer_view *out)
{
	return instance == 0 && view(tls_of(tx)->sni, tls_of(tx)->sni_len, out);
}

static bool get_subject(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			unsigned instance, struct buffer_view *out)
{
	const struct x509_text *t = &side_of(tx, d)->certs.first.subject;

	return instance == 0 && view(t->data, t->len, out);
}

static bool get_issuer(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, struct buffer_view *out)
{
	const struct x509_text *t = &side_of(tx, d)->certs.first.issuer;

	return instance == 0 && view(t->data, t->len, out);
}

static bool get_serial(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, struct buffer_view *out)
{
	const struct x509_text *t = &side_of(tx, d)->certs.first.serial;

	return instance == 0 && view(t->data, t->len, out);
}

static bool get_fingerprint(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			    unsigned instance, struct buffer_view *out)
{
	const struct tls_certs *c = &side_of(tx, d)->certs;

	return instance == 0 && c->fingerprint[0] &&
	       view(c->fingerprint, (uint32_t)strlen(c->fingerprint), out);
}

static bool get_certs(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      unsigned instance, struct buffer_view *out)
{
	const struct tls_certs *c = &side_of(tx, d)->certs;

	return instance < c->count && view(c->chain[instance].data, c->chain[instance].len, out);
}

static bool get_alt_name(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			 unsigned instance, struct buffer_view *out)
{
	const struct x509 *x = &side_of(tx, d)->certs.first;

	return instance < x->alt_name_count &&
	       view(x->alt_names[instance].data, x->alt_names[instance].len, out);
}

static bool get_alpn(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		     unsigned instance, struct buffer_view *out)
{
	const struct tls_side *s = side_of(tx, d);

	return instance < s->alpn_count && view(s->alpn[instance].data, s->alpn[instance].len, out);
}

static bool get_random(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		       unsigned instance, struct buffer_view *out)
{
	const struct tls_side *s = side_of(tx, d);

	return instance == 0 && s->hello && view(s->random, sizeof(s->random), out);
}

static bool get_random_time(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			    unsigned instance, struct buffer_view *out)
{
	const struct tls_side *s = side_of(tx, d);

	return instance == 0 && s->hello && view(s->random, 4, out);
}

static bool get_random_bytes(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			     unsigned instance, struct buffer_view *out)
{
	const struct tls_side *s = side_of(tx, d);

	return instance == 0 && s->hello && view(s->random + 4, sizeof(s->random) - 4, out);
}

static bool get_ja3_hash(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			 unsigned instance, struct buffer_view *out)
{
	const struct tls_side *s = side_of(tx, d);

	return instance == 0 && s->ja3 && view(s->ja3_hash, JA3_HASH_CHARS, out);
}

static bool get_ja3_string(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			   unsigned instance, struct buffer_view *out)
{
	const struct tls_side *s = side_of(tx, d);

	return instance == 0 && view(s->ja3, s->ja3_len, out);
}

static bool get_ja4(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		    unsigned instance, struct buffer_view *out)
{
	const struct tls_tx *t = tls_of(tx);

	return instance == 0 && t->ja4[0] && t->side[TO_SERVER].hello &&
	       view(t->ja4, JA4_CHARS, out);
}

/* Progress at which a side's hello, and its certificates, are there. */
#define HELLO_TS .to_server = TLS_CLIENT_HELLO
#define HELLO_TC .to_client = TLS_SERVER_HELLO
#define CERT_BOTH .to_server = TLS_CLIENT_CERT, .to_client = TLS_SERVER_CERT

const struct proto_buffer tls_buffers[] = {
	{.name = "tls.sni", HELLO_TS, .get = get_sni},
	{.name = "tls.cert_subject", CERT_BOTH, .get = get_subject},
	{.name = "tls.cert_issuer", CERT_BOTH, .get = get_issuer},
	{.name = "tls.cert_serial", CERT_BOTH, .get = get_serial},
	{.name = "tls.cert_fingerprint", CERT_BOTH, .get = get_fingerprint},
	{.name = "tls.certs", .flags = BUFFER_MULTI, CERT_BOTH, .get = get_certs},
	{.name = "tls.subjectaltname", .flags = BUFFER_MULTI, .to_client = TLS_SERVER_CERT,
	 .get = get_alt_name},
	{.name = "tls.alpn", .flags = BUFFER_MULTI, HELLO_TS, HELLO_TC, .get = get_alpn},
	{.name = "tls.random", HELLO_TS, HELLO_TC, .get = get_random},
	{.name = "tls.random_time", HELLO_TS, HELLO_TC, .get = get_random_time},
	{.name = "tls.random_bytes", HELLO_TS, HELLO_TC, .get = get_random_bytes},
	{.name = "ja3.hash", HELLO_TS, .get = get_ja3_hash},
	{.name = "ja3.string", HELLO_TS, .get = get_ja3_string},
	{.name = "ja3s.hash", HELLO_TC, .get = get_ja3_hash},
	{.name = "ja3s.string", HELLO_TC, .get = get_ja3_string},
	{.name = "ja4.hash", HELLO_TS, .get = get_ja4},
	{.name = NULL},
};

static bool get_version(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			uint64_t *out)
{
	*out = side_of(tx, d)->version;
	return *out != 0;
}

/* Bits: 1 client hello, 2 server hello, 4 client key exchange, 8 server key exchange. */
static bool get_state(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
		      uint64_t *out)
{
	*out = tls_of(tx)->current;
	return true;
}

static bool get_chain_len(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  uint64_t *out)
{
	*out = side_of(tx, d)->certs.count;
	return *out != 0;
}

static bool get_not_before(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			   uint64_t *out)
{
	*out = (uint64_t)side_of(tx, d)->certs.first.not_before;
	return side_of(tx, d)->certs.good;
}

static bool get_not_after(struct worker *w, struct flow *f, struct tx *tx, enum direction d,
			  uint64_t *out)
{
	*out = (uint64_t)side_of(tx, d)->certs.first.not_after;
	return side_of(tx, d)->certs.good;
}

const struct proto_value tls_values[] = {
	{.name = "tls.version", HELLO_TS, HELLO_TC, .get = get_version},
	{.name = "ssl_version", HELLO_TS, HELLO_TC, .get = get_version},
	{.name = "ssl_state", HELLO_TS, HELLO_TC, .get = get_state},
	{.name = "tls.cert_chain_len", CERT_BOTH, .get = get_chain_len},
	{.name = "tls_cert_notbefore", CERT_BOTH, .get = get_not_before},
	{.name = "tls_cert_notafter", CERT_BOTH, .get = get_not_after},
	{.name = NULL},
};

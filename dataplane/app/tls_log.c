/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tls record, and the tls object of an alert. Which fields: eve.types.tls.extended (yes),
 * eve.types.tls.custom (a list, instead), eve.types.tls.session-resumption (yes).
 * Runs in the worker that owns the flow.
 */
#include "dataplane/app/tls.h"

#include <strings.h>

#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

#define BASIC_FIELDS (TLS_LOG_SUBJECT | TLS_LOG_ISSUER | TLS_LOG_RESUMED)
#define EXTENDED_FIELDS                                                                            \
	(BASIC_FIELDS | TLS_LOG_SERIAL | TLS_LOG_FINGERPRINT | TLS_LOG_SNI | TLS_LOG_VERSION |     \
	 TLS_LOG_NOT_BEFORE | TLS_LOG_NOT_AFTER | TLS_LOG_JA3 | TLS_LOG_JA3S | TLS_LOG_JA4 |       \
	 TLS_LOG_ALT_NAMES | TLS_LOG_CLIENT | TLS_LOG_CLIENT_ALPNS | TLS_LOG_SERVER_ALPNS | TLS_LOG_ECH)

/* ---- options ---- */

static const struct {
	const char *name;
	uint32_t field;
} field_names[] = {
	{"subject", TLS_LOG_SUBJECT},
	{"issuer", TLS_LOG_ISSUER},
	{"session_resumed", TLS_LOG_RESUMED},
	{"serial", TLS_LOG_SERIAL},
	{"fingerprint", TLS_LOG_FINGERPRINT},
	{"sni", TLS_LOG_SNI},
	{"version", TLS_LOG_VERSION},
	{"not_before", TLS_LOG_NOT_BEFORE},
	{"not_after", TLS_LOG_NOT_AFTER},
	{"certificate", TLS_LOG_CERTIFICATE},
	{"chain", TLS_LOG_CHAIN},
	{"ja3", TLS_LOG_JA3},
	{"ja3s", TLS_LOG_JA3S},
	{"ja4", TLS_LOG_JA4},
	{"subjectaltname", TLS_LOG_ALT_NAMES},
	{"client", TLS_LOG_CLIENT},
	{"client_certificate", TLS_LOG_CLIENT_CERTIFICATE},
	{"client_chain", TLS_LOG_CLIENT_CHAIN},
	{"client_alpns", TLS_LOG_CLIENT_ALPNS},
	{"server_alpns", TLS_LOG_SERVER_ALPNS},
	{"client_handshake", TLS_LOG_CLIENT_HANDSHAKE},
	{"server_handshake", TLS_LOG_SERVER_HANDSHAKE},
	{"ech", TLS_LOG_ECH},
};

static uint32_t custom_fields(const char *list)
{
	uint32_t fields = 0;

	for (const char *at = list; *at;) {
		size_t n = strcspn(at, " ,[]\"'");

		for (size_t i = 0; i < sizeof(field_names) / sizeof(field_names[0]); i++)
			if (strlen(field_names[i].name) == n &&
			    strncasecmp(field_names[i].name, at, n) == 0)
				fields |= field_names[i].field;
		at += n + strspn(at + n, " ,[]\"'");
	}
	return fields;
}

static bool option_on(const struct worker *w, const char *name)
{
	const char *v = app_option(w, APP_tls, name);

	return !v || (strcasecmp(v, "no") != 0 && strcasecmp(v, "false") != 0 &&
		      strcasecmp(v, "off") != 0);
}

void tls_configure(const struct worker *w, void *memory)
{
	struct tls_config *c = memory;
	const char *v = app_option(w, APP_tls, "encryption-handling");

	if (v && strcasecmp(v, "full") == 0)
		c->encryption = TLS_FULL;
	else if (v && strcasecmp(v, "bypass") == 0)
		c->encryption = TLS_BYPASS;
	c->ja3 = option_on(w, "ja3-fingerprints");
	c->ja4 = option_on(w, "ja4-fingerprints");
	c->log_fields = EXTENDED_FIELDS;
	c->log_resumed = true;
	if (!w->config)
		return;
	if (!config_map_bool(&w->config->eve_types, "tls.extended", true))
		c->log_fields = BASIC_FIELDS;
	v = config_map_get(&w->config->eve_types, "tls.custom");
	if (v)
		c->log_fields = custom_fields(v);
	if (!config_map_bool(&w->config->eve_types, "tls.ja4", true))
		c->log_fields &= ~(uint32_t)TLS_LOG_JA4;
	c->log_resumed = config_map_bool(&w->config->eve_types, "tls.session-resumption", true);
}

/* ---- values ---- */

static void write_version(struct recorder *r, enum field_id field, uint16_t v)
{
	static const struct {
		uint16_t version;
		const char *name;
	} names[] = {
		{0, "UNDETERMINED"}, {0x0002, "SSLv2"}, {0x0300, "SSLv3"}, {0x0301, "TLSv1"},
		{0x0302, "TLS 1.1"}, {0x0303, "TLS 1.2"}, {0x0304, "TLS 1.3"},
		{0xfb17, "TLS 1.3 draft-fb-23"}, {0xfb1a, "TLS 1.3 draft-fb-26"},
	};
	char text[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].version == v) {
			rec_text(r, field, names[i].name);
			return;
		}
	}
	if (v > 0x7f00 && v < 0x7f10)
		put_text(put_to(text, sizeof(text)), "TLS 1.3 draft-<16");
	else if (v >> 8 == 0x7f && v <= 0x7f1c)
		put_uint(put_text(put_to(text, sizeof(text)), "TLS 1.3 draft-"), v & 0xff);
	else
		put_uint(put_to(text, sizeof(text)), v);
	rec_text(r, field, text);
}

static void write_text(struct recorder *r, enum field_id field, const struct x509_text *t)
{
	if (t->data)
		rec_bytes(r, field, t->data, t->len);
}

static void write_ja3(struct recorder *r, enum field_id object, const struct tls_side *side)
{
	if (!side->ja3)
		return;
	rec_open(r, object);
	rec_bytes(r, F_tls_ja3_hash, side->ja3_hash, JA3_HASH_CHARS);
	rec_bytes(r, F_tls_ja3_string, side->ja3, side->ja3_len);
	rec_close(r);
}

static void write_alpns(struct recorder *r, enum field_id array, const struct tls_side *side)
{
	if (!side->alpn_count)
		return;
	rec_open(r, array);
	for (unsigned i = 0; i < side->alpn_count; i++)
		rec_bytes(r, F_tls_item, side->alpn[i].data, side->alpn[i].len);
	rec_close(r);
}

static void write_chain(struct recorder *r, const struct tls_certs *certs)
{
	if (!certs->count)
		return;
	rec_open(r, F_tls_chain);
	for (unsigned i = 0; i < certs->count; i++)
		rec_bytes(r, F_tls_chain_item, certs->chain[i].data, certs->chain[i].len);
	rec_close(r);
}

static void write_list(struct recorder *r, enum field_id array, const uint16_t *v, uint16_t count)
{
	if (!count)
		return;
	rec_open(r, array);
	for (unsigned i = 0; i < count; i++)
		rec_uint(r, F_tls_number, v[i]);
	rec_close(r);
}

static void write_handshake(struct recorder *r, enum field_id object, const struct tls_side *side, bool client)
{
	if (!side->lists)
		return;
	rec_open(r, object);
	write_version(r, F_tls_handshake_version, client ? side->offered : side->version);
	if (client)
		write_list(r, F_tls_ciphers, side->lists, side->ciphers);
	else
		rec_uint(r, F_tls_cipher, side->ciphers ? side->lists[0] : 0);
	write_list(r, F_tls_exts, side->lists + side->ciphers, side->extensions);
	if (client)
		write_list(r, F_tls_sig_algs, side->lists + side->ciphers + side->extensions, side->signatures);
	rec_close(r);
}

static void write_certificate(struct recorder *r, const struct tls_certs *certs)
{
	if (certs->count)
		rec_bytes(r, F_tls_certificate, certs->chain[0].data, certs->chain[0].len);
}

static void write_alt_names(struct recorder *r, const struct x509 *x)
{
	if (!x->alt_name_count)
		return;
	rec_open(r, F_tls_subjectaltname);
	for (uint32_t i = 0; i < x->alt_name_count; i++)
		rec_bytes(r, F_tls_item, x->alt_names[i].data, x->alt_names[i].len);
	rec_close(r);
}

static void write_times(struct recorder *r, uint32_t fields, const struct tls_certs *certs)
{
	char text[32];

	if (!certs->good)
		return;
	if (fields & TLS_LOG_NOT_BEFORE)
		rec_text(r, F_tls_notbefore, x509_time_format(certs->first.not_before, text));
	if (fields & TLS_LOG_NOT_AFTER)
		rec_text(r, F_tls_notafter, x509_time_format(certs->first.not_after, text));
}

static void write_client(struct recorder *r, uint32_t fields, const struct tls_certs *certs)
{
	if (!certs->count)
		return;
	rec_open(r, F_tls_client);
	write_text(r, F_tls_subject, &certs->first.subject);
	write_text(r, F_tls_issuerdn, &certs->first.issuer);
	if (certs->fingerprint[0])
		rec_text(r, F_tls_fingerprint, certs->fingerprint);
	write_text(r, F_tls_serial, &certs->first.serial);
	write_times(r, TLS_LOG_NOT_BEFORE | TLS_LOG_NOT_AFTER, certs);
	if (fields & TLS_LOG_CLIENT_CERTIFICATE)
		write_certificate(r, certs);
	if (fields & TLS_LOG_CLIENT_CHAIN)
		write_chain(r, certs);
	rec_close(r);
}

static void write_object(struct recorder *r, const struct flow *f, uint32_t fields,
			 const struct tls_tx *t)
{
	const struct tls_side *client = &t->side[TO_SERVER], *server = &t->side[TO_CLIENT];
	const struct tls_certs *certs = &server->certs;

	rec_open(r, F_tls_tls);
	if (f->app && f->app->proto_original != APP_UNKNOWN)
		rec_text(r, F_tls_from_proto, app_proto_names[f->app->proto_original]);
	if (fields & TLS_LOG_SUBJECT)
		write_text(r, F_tls_subject, &certs->first.subject);
	if (fields & TLS_LOG_ISSUER)
		write_text(r, F_tls_issuerdn, &certs->first.issuer);
	if (fields & TLS_LOG_RESUMED && t->flags & TLS_RESUMED && !certs->first.subject.data &&
	    t->flags & TLS_SERVER_HELLO_SEEN && !(t->flags & TLS_LOG_WITHOUT_CERT))
		rec_bool(r, F_tls_session_resumed, true);
	if (fields & TLS_LOG_SERIAL)
		write_text(r, F_tls_serial, &certs->first.serial);
	if (fields & TLS_LOG_FINGERPRINT && certs->fingerprint[0])
		rec_text(r, F_tls_fingerprint, certs->fingerprint);
	if (fields & TLS_LOG_SNI && t->sni)
		rec_bytes(r, F_tls_sni, t->sni, t->sni_len);
	if (fields & TLS_LOG_VERSION)
		write_version(r, F_tls_version, server->version ? server->version : client->offered);
	write_times(r, fields, certs);
	if (fields & TLS_LOG_CERTIFICATE)
		write_certificate(r, certs);
	if (fields & TLS_LOG_CHAIN)
		write_chain(r, certs);
	if (fields & TLS_LOG_ALT_NAMES)
		write_alt_names(r, &certs->first);
	if (fields & TLS_LOG_JA3)
		write_ja3(r, F_tls_ja3, client);
	if (fields & TLS_LOG_JA3S)
		write_ja3(r, F_tls_ja3s, server);
	if (fields & TLS_LOG_JA4 && t->ja4[0])
		rec_bytes(r, F_tls_ja4, t->ja4, JA4_CHARS);
	if (fields & TLS_LOG_CLIENT)
		write_client(r, fields, &client->certs);
	if (fields & TLS_LOG_CLIENT_ALPNS)
		write_alpns(r, F_tls_client_alpns, client);
	if (fields & TLS_LOG_SERVER_ALPNS)
		write_alpns(r, F_tls_server_alpns, server);
	if (fields & TLS_LOG_CLIENT_HANDSHAKE)
		write_handshake(r, F_tls_client_handshake, client, true);
	if (fields & TLS_LOG_SERVER_HANDSHAKE)
		write_handshake(r, F_tls_server_handshake, server, false);
	if (fields & TLS_LOG_ECH && t->flags & TLS_ECH)
		rec_bool(r, F_tls_ech, true);
	rec_close(r);
}

/* A connection of which neither a certificate nor the reason for its absence was seen has none,
 * unless something went wrong or the server never spoke TLS. */
static bool worth_a_record(const struct flow *f, const struct tls_config *c, const struct tls_tx *t)
{
	const struct tls_side *server = &t->side[TO_CLIENT];

	if (server->certs.first.subject.data && server->certs.first.issuer.data)
		return true;
	if (t->flags & TLS_RESUMED)
		return c->log_resumed;
	if (t->flags & TLS_SERVER_HELLO_SEEN && server->version == SSLV2)
		return false; /* its certificates are not looked at */
	if (t->flags & (TLS_LOG_WITHOUT_CERT | TLS_ALERTED | TLS_BROKEN | TLS_HANDSHAKE_COMPLETE))
		return true;
	if ((f->tcp_flags[TO_SERVER] | f->tcp_flags[TO_CLIENT]) & TCP_RST)
		return false;
	return t->flags & TLS_CLIENT_HELLO_SEEN && (!server->version || server->version == SSLV2);
}

void tls_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	const struct tls_config *c = app_config(w, APP_tls);
	const struct tls_tx *t = tls_of(tx);
	struct recorder *r;

	if (t->flags & TLS_STORE)
		tls_store(w, f, tx, p);
	if (!worth_a_record(f, c, t))
		return;
	r = emit_flow(w, RECORD_tls, f, TO_SERVER, RECORD_NO_TX, p);
	if (!r)
		return;
	write_object(r, f, c->log_fields, t);
	emit_end(w);
}

void tls_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	write_object(r, f, EXTENDED_FIELDS, tls_of(tx));
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of QUIC. Runs in the worker that owns the flow.
 */

#include "dataplane/app/quic.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

/* IANA "TLS ExtensionType Values"; the long name of ALPN is not used in EVE. */
static const char *extension_name(uint16_t type)
{
	static const char *const names[] = {
		[0] = "server_name",
		[1] = "max_fragment_length",
		[2] = "client_certificate_url",
		[3] = "trusted_ca_keys",
		[4] = "truncated_hmac",
		[5] = "status_request",
		[6] = "user_mapping",
		[7] = "client_authz",
		[8] = "server_authz",
		[9] = "cert_type",
		[10] = "supported_groups",
		[11] = "ec_point_formats",
		[12] = "srp",
		[13] = "signature_algorithms",
		[14] = "use_srtp",
		[15] = "heartbeat",
		[16] = "alpn",
		[17] = "status_request_v2",
		[18] = "signed_certificate_timestamp",
		[19] = "client_certificate_type",
		[20] = "server_certificate_type",
		[21] = "padding",
		[22] = "encrypt_then_mac",
		[23] = "extended_master_secret",
		[24] = "token_binding",
		[25] = "cached_info",
		[27] = "compress_certificate",
		[28] = "record_size_limit",
		[35] = "session_ticket",
		[41] = "pre_shared_key",
		[42] = "early_data",
		[43] = "supported_versions",
		[44] = "cookie",
		[45] = "psk_key_exchange_modes",
		[47] = "certificate_authorities",
		[48] = "oid_filters",
		[49] = "post_handshake_auth",
		[50] = "signature_algorithms_cert",
		[51] = "key_share",
		[57] = "quic_transport_parameters",
	};

	if (type == 0xff01)
		return "renegotiation_info";
	if (type == 0xffa5)
		return "quic_transport_parameters_draft";
	return type < sizeof(names) / sizeof(*names) ? names[type] : NULL;
}

static void write_extension(struct recorder *r, const struct tls_hello *h, uint16_t type)
{
	const char *name = extension_name(type);

	rec_open(r, F_quic_extension);
	if (name)
		rec_text(r, F_quic_name, name);
	rec_uint(r, F_quic_type, type);
	if ((type == 0 && h->sni.len) || (type == 16 && h->alpn_count)) {
		rec_open(r, F_quic_values);
		if (type == 0)
			rec_bytes(r, F_quic_value, h->sni.data, h->sni.len);
		for (unsigned i = 0; type == 16 && i < h->alpn_count; i++)
			rec_bytes(r, F_quic_value, h->alpn[i].data, h->alpn[i].len);
		rec_close(r);
	}
	rec_close(r);
}

static void write_extensions(struct recorder *r, const struct quic_tx *t)
{
	struct tls_hello h;

	if (!t->hello || !tls_hello_parse(&h, t->client, t->hello + 4, t->hello_len - 4))
		return;
	rec_open(r, F_quic_extensions);
	for (unsigned i = 0; i < h.extensions.count && i < QUIC_EXTENSIONS_MAX; i++)
		write_extension(r, &h, h.extensions.v[i]);
	rec_close(r);
}

static void write_pair(struct recorder *r, enum field_id object, const char *hash, uint32_t hash_len,
		       const char *string, uint32_t len)
{
	rec_open(r, object);
	rec_bytes(r, F_quic_hash, hash, hash_len);
	rec_bytes(r, F_quic_string, string, len);
	rec_close(r);
}

static void write_version(struct recorder *r, const struct quic_tx *t)
{
	bool text = true;
	char number[16];

	for (unsigned i = 0; i < 4; i++)
		text = text && t->version_bytes[i] > ' ' && t->version_bytes[i] < 127;
	put_uint(put_to(number, sizeof(number)), t->version);
	if (text)
		rec_bytes(r, F_quic_version, t->version_bytes, 4);
	else
		rec_text(r, F_quic_version, number);
}

static void write_members(struct recorder *r, const struct quic_tx *t)
{
	rec_open(r, F_quic_quic);
	write_version(r, t);
	if (t->sni.len)
		rec_bytes(r, F_quic_sni, t->sni.data, t->sni.len);
	if (t->ua.len)
		rec_bytes(r, F_quic_ua, t->ua.data, t->ua.len);
	if (t->cyu) {
		rec_open(r, F_quic_cyu);
		write_pair(r, F_quic_cyu_one, t->cyu_hash, QUIC_HEX_MD5, t->cyu, t->cyu_len);
		rec_close(r);
	}
	if (t->ja3)
		write_pair(r, t->client ? F_quic_ja3 : F_quic_ja3s, t->ja3_hash, JA3_HASH_CHARS, t->ja3,
			   t->ja3_len);
	if (t->ja4[0])
		rec_bytes(r, F_quic_ja4, t->ja4, JA4_CHARS);
	if (t->ech)
		rec_bool(r, F_quic_ech, true);
	write_extensions(r, t);
	rec_close(r);
}

void quic_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_quic, f, quic_of(tx)->direction, tx->id, p);

	if (!r)
		return;
	write_members(r, quic_of(tx));
	emit_end(w);
}

void quic_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	write_members(r, quic_of(tx));
}

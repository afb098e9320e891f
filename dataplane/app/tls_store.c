/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Certificate chains that rules want kept (tls.store): a record in the bulk ring for each side that has
 * shown one, which the files process makes a PEM file of. Runs in the worker that owns the flow.
 */
#include "dataplane/app/tls.h"
#include "dataplane/engine/emit.h"

static void text_add(struct recorder *r, enum field_id field, const struct x509_text *t)
{
	if (t->data)
		rec_bytes(r, field, t->data, t->len);
}

static void chain_send(struct worker *w, const struct flow *f, const struct tx *tx, enum direction d,
		       const struct tls_certs *c, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_certificates, f, d, tx->id, p);

	if (!r)
		return;
	text_add(r, F_certificates_subject, &c->first.subject);
	text_add(r, F_certificates_issuerdn, &c->first.issuer);
	rec_text(r, F_certificates_fingerprint, c->fingerprint);
	rec_open(r, F_certificates_chain);
	for (unsigned i = 0; i < c->count; i++)
		rec_bytes(r, F_certificates_certificate, c->chain[i].data, c->chain[i].len);
	rec_close(r);
	emit_end_bulk(w);
}

void tls_store(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	static const uint32_t stored[] = {[TO_SERVER] = TLS_STORED_CLIENT, [TO_CLIENT] = TLS_STORED_SERVER};
	struct tls_tx *t = tls_of(tx);

	t->flags |= TLS_STORE;
	for (unsigned d = 0; d < 2; d++) {
		const struct tls_certs *c = &t->side[d].certs;

		if (!c->count || t->flags & stored[d])
			continue;
		t->flags |= stored[d];
		chain_send(w, f, tx, (enum direction)d, c, p);
	}
}

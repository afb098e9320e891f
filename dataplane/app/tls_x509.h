/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What rules and records need of an X.509 certificate (RFC 5280), read from its DER encoding
 * (X.690) with bounds everywhere: no recursion, nothing of the signature or the key.
 * Runs in the worker that owns the flow.
 */
#ifndef APP_TLS_X509_H
#define APP_TLS_X509_H

#include "dataplane/base/cursor.h"
#include "dataplane/base/heap.h"

#define X509_NAME_MAX 16384     /* bytes of a printed name */
#define X509_ATTRIBUTES_MAX 256 /* attributes of a name */
#define X509_ALT_NAMES_MAX 256  /* alternative names kept */
#define X509_SERIAL_MAX 64      /* bytes of a serial number */

enum x509_status {
	X509_GOOD,
	X509_BAD_DER,
	X509_BAD_LENGTH,    /* an element says it is longer than what it is in */
	X509_BAD_VERSION,
	X509_BAD_SERIAL,
	X509_BAD_ALGORITHM,
	X509_BAD_NAME,      /* encoding of a name's parts */
	X509_BAD_ISSUER,
	X509_BAD_SUBJECT,
	X509_BAD_VALIDITY,
	X509_BAD_DATE,
	X509_BAD_EXTENSIONS,
	X509_NO_MEMORY,
};

struct x509_text {
	char *data; /* not terminated; owned */
	uint32_t len;
};

struct x509 {
	struct x509_text subject, issuer; /* "C=US, O=Example, CN=example.com" */
	struct x509_text serial;          /* "0A:BC" */
	int64_t not_before, not_after;    /* seconds since the epoch */
	struct x509_text *alt_names;      /* DNS names, mail addresses, URIs, addresses as text */
	uint32_t alt_name_count, alt_name_cap;
};

/* Fills *x. What could be read before a fault stays; x509_free is due in any case. */
enum x509_status x509_parse(struct heap *heap, struct x509 *x, const uint8_t *der, uint32_t len);
void x509_free(struct heap *heap, struct x509 *x);
/* "2015-02-12T18:07:27": text holds 32 bytes. Returns text. */
char *x509_time_format(int64_t seconds, char *text);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a client may be remembered to have contacted. The numbers stand in the store: never
 * renumber, only append.
 */
#ifndef EVENT_CONTACT_H
#define EVENT_CONTACT_H

enum contact_kind {
	CONTACT_DOMAIN = 1, /* a name asked of DNS, an HTTP host; lower case, no final dot */
	CONTACT_IP = 2,     /* server address, from the first packet of a flow; 4 or 16 bytes */
	CONTACT_URL = 3,    /* as base/url.h has it: no scheme, no port */
	CONTACT_SNI = 4,    /* TLS server name, lower case */
	CONTACT_JA3 = 5,    /* 32 hex digits */
	CONTACT_JA4 = 6,    /* text */
	CONTACT_CERT_SHA1 = 7,   /* 40 hex digits, of the server's own certificate */
	CONTACT_CERT_SHA256 = 8, /* 64 hex digits */
	CONTACT_FILE_MD5 = 9,    /* 32 hex digits */
	CONTACT_FILE_SHA1 = 10,  /* 40 hex digits */
	CONTACT_FILE_SHA256 = 11, /* 64 hex digits */
	CONTACT_EMAIL = 12,      /* mail address, lower case */
	CONTACT_USER_AGENT = 13,
	CONTACT_KIND_COUNT
};

#endif

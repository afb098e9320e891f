/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NTLMSSP (MS-NLMP 2.2.1.3): who logs on, by the AUTHENTICATE message, bare or within SPNEGO, in whatever protocol
 * carries it. Any thread.
 */
#ifndef APP_NTLMSSP_H
#define APP_NTLMSSP_H

#include "dataplane/base/cursor.h"
#include "dataplane/event/record.h"

#define NTLMSSP_TEXT_MAX 1024  /* names, in bytes of UTF-8 */
#define NTLMSSP_VERSION_CHARS 32

#define NTLMSSP_BLOB_MAX 4096  /* of a message in base64, what is decoded of it */
#define NTLMSSP_LOGON_BASE64 "TlRMTVNTUAAD" /* how an AUTHENTICATE message begins in base64 */

enum ntlmssp_found { NTLMSSP_NONE, NTLMSSP_OTHER, NTLMSSP_MALFORMED, NTLMSSP_AUTHENTICATE };

/* Names are borrowed from the message, in UTF-16 where .unicode says so. */
struct ntlmssp {
	struct bytes domain, user, host;
	bool unicode, has_version;
	uint8_t major, minor, revision;
	uint16_t build;
};

/* Of a record: the object, and in it. */
struct ntlmssp_fields {
	enum field_id object, domain, user, host, version;
};

enum ntlmssp_found ntlmssp_read(struct bytes blob, struct ntlmssp *out);
/* One of its names in UTF-8, zeros left out; returns its length. */
uint32_t ntlmssp_text(struct bytes name, bool unicode, uint8_t out[NTLMSSP_TEXT_MAX]);
/* "10.0 build 19041 rev 15" */
void ntlmssp_version(const struct ntlmssp *n, char out[NTLMSSP_VERSION_CHARS]);
/* The object, if the message is one of a logon. */
void ntlmssp_record(struct recorder *r, const struct ntlmssp_fields *fields, struct bytes blob);
/* Likewise of a message in base64. */
void ntlmssp_record_base64(struct recorder *r, const struct ntlmssp_fields *fields, struct bytes text);

#endif

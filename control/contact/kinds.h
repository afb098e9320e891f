/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kinds of contacts and indicators, and their values as keys of the store.
 *
 * A value's key sorts so that what belongs together lies together:
 *   domain, sni    labels reversed, each but the first after 0x01, then 0x00: "com\1evil\1www\0",
 *                  so a name and its subdomains are one range
 *   url            host as above without the 0x00, 0x03, the rest (dataplane/base/url.h), 0x00
 *   email          domain as above without the 0x00, 0x03, what stands before the @, 0x00
 *   ip             4 or 6 (1 byte), then 4 or 16 bytes, so a network is one range
 *   hashes, ja3    the bytes themselves, of known length
 *   ja4, agent     the text, 0x00
 * In texts the bytes 0x00 to 0x03 stand as 0x02 and the byte + 0x10. Any thread.
 */
#ifndef CONTROL_CONTACT_KINDS_H
#define CONTROL_CONTACT_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/base/text.h"
#include "dataplane/event/contact.h"

#define INDICATOR_CIDR 64 /* indicators only; the others are enum contact_kind */
#define INDICATOR_IP_PORT 65 /* likewise: "192.0.2.1:443" */

#define INDICATOR_KIND_NAMES                                                                       \
	"one of domain ip cidr ip_port url sni ja3 ja4 cert_sha1 cert_sha256 file_md5 file_sha1 "          \
	"file_sha256 email user_agent"

#define VALUE_BYTES_MAX 1024 /* longer values are cut */
#define VALUE_KEY_MAX (2 * VALUE_BYTES_MAX + 2)

/* 0: there is no such kind. */
int indicator_kind_by_name(const char *name);
const char *indicator_kind_name(int kind); /* "unknown" */

/* The key of a value as records and users write it (texts in any case, hashes in hex, addresses
 * as text). Returns its length; 0: not a value of that kind. key: VALUE_KEY_MAX. */
size_t value_key(int kind, const void *value, size_t len, uint8_t *key);
/* Likewise, for addresses as 4 or 16 bytes. */
size_t value_key_addr(const uint8_t *addr, size_t len, uint8_t *key);
/* Length of the key of that kind at the start of key; 0: malformed. */
size_t value_key_length(int kind, const uint8_t *key, size_t avail);
/* Appends the value as people write it. */
void value_print(struct text *out, int kind, const uint8_t *key, size_t len);

/* Keys that an indicator matches: [from, to). */
struct value_range {
	int kind; /* enum contact_kind */
	uint8_t from[VALUE_KEY_MAX + 1], to[VALUE_KEY_MAX + 1];
	size_t from_len, to_len;
	bool exact; /* one key: from */
	bool below; /* from is a name's key (its last byte 0), and all below the name */
};

#define VALUE_RANGES_MAX 2

/* The value in the one way in which it is kept ("EVIL.example." is evil.example). */
bool indicator_normal(int kind, const char *value, struct text *out);
/* The kind that a value looks like: 0 when it could be none. */
int indicator_guess(const char *value);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of NetBIOS: 16 bytes, the last of which says what the name is for; encoded in messages of the name service.
 */
#ifndef APP_NETBIOS_H
#define APP_NETBIOS_H

#include "dataplane/base/cursor.h"

#define NETBIOS_NAME_BYTES 16
#define NETBIOS_ENCODED_BYTES 32
#define NETBIOS_TEXT_BYTES (NETBIOS_NAME_BYTES - 1 + sizeof("<20>")) /* of a text, with its zero byte */

/* First-level encoding (RFC 1001, 14.1): each half of a byte is a letter from 'A' on. A scope may follow behind a dot.
 * name holds NETBIOS_NAME_BYTES. False: it is not so encoded. */
bool netbios_decode(struct bytes encoded, uint8_t *name);
/* Without what it is filled up with: blanks, and zeros as in "*". */
struct bytes netbios_trimmed(const uint8_t *name);
/* "PC1<20>"; text holds NETBIOS_TEXT_BYTES. Returns its length. */
uint32_t netbios_text(const uint8_t *name, char *text);
/* What a name with that last byte is for, "file_server"; group: many hosts have it. NULL: nobody says. */
const char *netbios_service(uint8_t suffix, bool group);

#endif

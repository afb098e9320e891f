/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to nbns*.c: the name service of NetBIOS.
 */
#ifndef APP_NBNS_H
#define APP_NBNS_H

#include "dataplane/app/dns.h"

enum nbns_type { NBNS_A = 1, NBNS_NS = 2, NBNS_NULL = 10, NBNS_NB = 0x20, NBNS_NBSTAT = 0x21 };

/* OPCODE (RFC 1002, 4.2.1.1); 15 is Microsoft's ([MS-NBTE], 2.2.2). */
enum nbns_opcode {
	NBNS_QUERY = 0,
	NBNS_REGISTRATION = 5,
	NBNS_RELEASE = 6,
	NBNS_WACK = 7,
	NBNS_REFRESH = 8,
	NBNS_REFRESH_ALT = 9,
	NBNS_MULTIHOMED = 15,
};

enum {
	NBNS_RESERVED = 0x0060,  /* of NM_FLAGS */
	NBNS_BROADCAST = 0x0010, /* likewise */
	NBNS_GROUP = 0x8000,     /* of NB_FLAGS and NAME_FLAGS: the name is many hosts' */
	NB_ENTRY_BYTES = 6,      /* NB_FLAGS, address (4.2.1.3) */
	STATUS_ENTRY_BYTES = 18, /* name, NAME_FLAGS (4.2.18) */
};

static inline unsigned nbns_opcode_of(const struct dns_message *m)
{
	return m->flags >> 11 & 0xf;
}

/* The status of a host (4.2.18): how many of its names are there, a count before them. */
static inline uint32_t nbns_status_names(const struct dns_record *rr)
{
	uint32_t room = rr->raw.len ? (rr->raw.len - 1) / STATUS_ENTRY_BYTES : 0, count = rr->raw.len ? rr->raw.data[0] : 0;

	return count < room ? count : room;
}

static inline const uint8_t *nbns_status_name(const struct dns_record *rr, uint32_t n)
{
	return rr->raw.data + 1 + (size_t)n * STATUS_ENTRY_BYTES;
}

/* nbns_log.c: proto.log, proto.alert_context. */
void nbns_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void nbns_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

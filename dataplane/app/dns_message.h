/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A DNS message taken apart (RFC 1035, 2782, 4255, 6891). Used by dns.c and by whatever else
 * carries DNS messages. Names are decoded into memory of the message; all of it is bounded.
 * Runs in the worker that owns the flow.
 */
#ifndef APP_DNS_MESSAGE_H
#define APP_DNS_MESSAGE_H

#include "dataplane/app/app.h"
#include "dataplane/base/cursor.h"
#include "dataplane/base/heap.h"
#include "dataplane/event/record.h"

#define DNS_HEADER_BYTES 12
#define DNS_NAME_MAX 1025        /* longer names are cut there: DNS_NAME_TRUNCATED */
#define DNS_LABELS_MAX 255       /* labels and pointers of one name */
#define DNS_RECORDS_MAX 8192     /* questions and records of one message, each string of a TXT too */
#define DNS_MEMORY_MAX (1u << 20) /* decoded names of one message; names beyond it are empty */

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_NULL = 10, DNS_PTR = 12, DNS_MX = 15,
	DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33, DNS_OPT = 41, DNS_SSHFP = 44,
};

enum dns_header_flags {
	DNS_QR = 0x8000, DNS_AA = 0x0400, DNS_TC = 0x0200, DNS_RD = 0x0100, DNS_RA = 0x0080,
	DNS_Z = 0x0040, DNS_AD = 0x0020, DNS_CD = 0x0010,
};

enum dns_name_flags {
	DNS_NAME_TRUNCATED = 1 << 0,
	DNS_NAME_LOOP = 1 << 1,   /* a pointer to itself */
	DNS_NAME_LABELS = 1 << 2, /* more than DNS_LABELS_MAX */
};

struct dns_name {
	struct bytes text; /* labels with dots between, case kept, no final dot */
	uint8_t flags;     /* enum dns_name_flags */
	uint8_t netbios;   /* bytes of text that are a name of NetBIOS, "PC1<20>", a scope behind them; 0: it is none */
	uint8_t suffix;    /* the last byte of that name */
};

struct dns_question {
	struct dns_name name;
	uint16_t type, class;
};

struct dns_record {
	struct dns_name name;
	uint16_t type, class;
	uint32_t ttl;
	struct bytes raw;       /* the rdata, within the message's own copy; TXT: one string of it */
	struct dns_name target; /* CNAME, NS, PTR, MX, SRV, SOA: the name in it */
	struct dns_name second; /* SOA: responsible person */
	uint32_t tail;          /* offset in raw after the names (SOA) */
};

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_SECTIONS };

struct dns_message {
	uint16_t id, flags;
	struct dns_question *questions;
	struct dns_record *records[DNS_SECTIONS];
	uint32_t question_count, question_cap;
	uint32_t record_count[DNS_SECTIONS], record_cap[DNS_SECTIONS];
	bool bad_authorities, bad_additionals;
	uint8_t name_flags;     /* of all names together */
	bool netbios;           /* dns_message_parse_netbios has read it */
	/* memory */
	struct dns_block *blocks;
	uint32_t memory_bytes;
	struct bytes copy;      /* the message */
};

struct dns_tx {
	struct tx tx;
	uint8_t direction; /* the message's: as the packet went */
	struct dns_message m;
};

enum dns_status {
	DNS_GOOD,
	DNS_NOT_DNS,     /* the header cannot be right */
	DNS_MALFORMED,   /* questions or answers end early, or cannot be read */
	DNS_NO_MEMORY,
};

/* Could these 12 bytes begin a message of len bytes? */
bool dns_header_valid(const uint8_t *data, uint32_t have, uint32_t len);
/* Fills *m (any content before). Whatever the status, dns_message_free is due afterwards. */
enum dns_status dns_message_parse(struct heap *heap, struct dns_message *m, const uint8_t *data,
				  uint32_t len);
/* Likewise a message of the name service of NetBIOS (RFC 1002, 4.2): names are decoded, data of records is left as it
 * is, since types mean something else there. */
enum dns_status dns_message_parse_netbios(struct heap *heap, struct dns_message *m, const uint8_t *data, uint32_t len);
void dns_message_free(struct heap *heap, struct dns_message *m);
/* Walks the message without keeping anything: would dns_message_parse call it good? A message of
 * which only the first `have` bytes are there is judged by its header. */
bool dns_message_probe(const uint8_t *data, uint32_t have, uint32_t len);
/* Stricter, for ports that promise nothing: one question or more, known class, sane names, no
 * bytes left over. */
bool dns_message_probe_strict(const uint8_t *data, uint32_t len);

/* "A", "HTTPS", "257": text holds 8 bytes. Returns text or a constant. */
const char *dns_type_name(uint16_t type, char *text);
const char *dns_rcode_name(uint16_t flags, char *text);
/* The type's number by its EVE name, or -1. */
int dns_type_by_name(const char *name);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A record: what a worker says about its packets, as it stands in an event ring.
 *
 * Layout: struct record_head, then values. Each value is an 8-byte struct value_head; then, for
 * kinds with a body, the body padded with zeros to a multiple of 8. OBJECT and ARRAY open a level
 * that a value with field FIELD_NONE closes. A record is at most RECORD_MAX_BYTES; what does not
 * fit is left out, levels are always closed, and RECORD_TRUNCATED is set.
 *
 * Writer: a worker (rec_*). Reader: the control process (value_*), which trusts the lengths no
 * more than it must: a reader never leaves the record.
 */
#ifndef EVENT_RECORD_H
#define EVENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/cursor.h"
#include "dataplane/event/fields.h"

#define RECORD_MAX_BYTES (512u * 1024)
#define RECORD_KEY_MAX 1024
#define RECORD_NO_TX UINT64_MAX

enum record_flags {
	RECORD_TRUNCATED = 1 << 0,
	RECORD_HAS_PORTS = 1 << 1, /* sport and dport mean something */
	RECORD_HAS_ICMP = 1 << 2,
	RECORD_TO_CLIENT = 1 << 3, /* direction of the packet or transaction within its flow */
	RECORD_HAS_DIRECTION = 1 << 4,
	RECORD_HAS_MACS = 1 << 5,
};

/* Where the packet came from; EVE's pkt_src. */
enum record_packet_source {
	PACKET_WIRE,         /* "wire/pcap" */
	PACKET_TUNNEL,       /* names below are EVE's own, see record_packet_source_names */
	PACKET_DEFRAG,
	PACKET_STREAM_FLUSH, /* made when a payload is inspected no more */
	PACKET_FLOW_TIMEOUT,
	PACKET_GRE,
	PACKET_IN_IPV4,
	PACKET_IN_IPV6,
	PACKET_TEREDO,
	PACKET_GENEVE,
	PACKET_VXLAN,
	PACKET_SOURCE_COUNT
};

struct record_head {
	uint32_t length;      /* of the whole record, a multiple of 8 */
	uint16_t type;        /* enum record_type */
	uint16_t flags;       /* enum record_flags */
	uint64_t seq;         /* of this worker's ring, from 1, never reused within a boot */
	uint64_t ts_ns;       /* packet time, ns since the epoch */
	uint64_t flow_id;     /* 0: no flow */
	uint64_t flow_start_ns;
	uint64_t tx_id;       /* RECORD_NO_TX: none */
	uint64_t packet_number; /* from 1 in the capture; 0: live */
	struct addr src, dst; /* as the event's direction has them */
	uint16_t sport, dport; /* host order; ICMP: type and code */
	uint16_t vlan[3];
	uint8_t vlan_count;
	uint8_t ip_version;   /* 4, 6; 0: not IP */
	uint8_t ip_proto;
	uint8_t app_proto;    /* index into proto_names (app_proto.h), 0 unknown */
	uint8_t worker;
	uint8_t packet_source; /* enum record_packet_source */
	uint8_t port_index;   /* index into the configured ports */
	uint8_t src_mac[6], dst_mac[6];
	uint8_t reserved;
	uint16_t ether_type;  /* host order; of packets with MACs, else 0 */
};
_Static_assert(sizeof(struct record_head) % 8 == 0, "records stay aligned");
_Static_assert(sizeof(struct record_head) == 120, "layout of the ring");

struct value_head {
	uint16_t field; /* enum field_id; FIELD_NONE closes a level */
	uint16_t wide;  /* 1: an 8-byte body follows (integers beyond 32 bits, floats, times) */
	uint32_t n;     /* small integers and booleans: the value; bodies: length in bytes */
};

/* ---- writing: worker ---- */

struct recorder {
	uint8_t *at;    /* record under construction; 8-byte aligned */
	uint32_t len;
	uint32_t cap;   /* at most RECORD_MAX_BYTES */
	uint16_t depth; /* open levels; room for their closes is kept */
	bool truncated;
};

/* Starts a record in `memory` (cap bytes, owned by the caller). The head is copied. */
void rec_begin(struct recorder *r, void *memory, uint32_t cap, const struct record_head *head);
/* Likewise, where the head stands in memory already. */
void rec_begin_there(struct recorder *r, void *memory, uint32_t cap);
void rec_uint(struct recorder *r, enum field_id f, uint64_t v);
void rec_int(struct recorder *r, enum field_id f, int64_t v);
void rec_bool(struct recorder *r, enum field_id f, bool v);
void rec_float(struct recorder *r, enum field_id f, double v);
void rec_time(struct recorder *r, enum field_id f, uint64_t ns);
/* TEXT, PRINTABLE, BASE64, HEX, HEXCOLON, MAC, JSON. */
void rec_bytes(struct recorder *r, enum field_id f, const void *data, size_t len);
/* MEMBER: a key and its text; the key is cut at RECORD_KEY_MAX. */
void rec_member(struct recorder *r, enum field_id f, struct bytes key, struct bytes value);
static inline void rec_text(struct recorder *r, enum field_id f, const char *text)
{
	rec_bytes(r, f, text, strlen(text)); /* here, where compilers know the length of most */
}
void rec_addr(struct recorder *r, enum field_id f, const struct addr *a, int ip_version);
void rec_open(struct recorder *r, enum field_id f); /* OBJECT or ARRAY */
void rec_close(struct recorder *r);
/* Appends values that were encoded earlier with the same functions (a rule's fixed part). */
void rec_encoded(struct recorder *r, const void *values, uint32_t len);
/* Where few values are written of which it is known how many bytes they take at most, heads included: asked for once,
 * then rec_put_*, each of which returns where the next one goes, then rec_filled. NULL: there is no room, and the record
 * is truncated. */
uint8_t *rec_room(struct recorder *r, uint32_t bytes);
static inline void rec_filled(struct recorder *r, const uint8_t *end)
{
	r->len = (uint32_t)(end - r->at);
}

static inline uint8_t *rec_put_head(uint8_t *at, enum field_id f, bool wide, uint32_t n)
{
	const struct value_head h = {.field = (uint16_t)f, .wide = wide, .n = n};

	memcpy(at, &h, sizeof(h));
	return at + sizeof(h);
}

static inline uint8_t *rec_put_time(uint8_t *at, enum field_id f, uint64_t ns)
{
	at = rec_put_head(at, f, true, 8);
	memcpy(at, &ns, 8);
	return at + 8;
}

/* At most 16 bytes. */
static inline uint8_t *rec_put_uint(uint8_t *at, enum field_id f, uint64_t v)
{
	if (v > UINT32_MAX)
		return rec_put_time(at, f, v);
	return rec_put_head(at, f, false, (uint32_t)v);
}

/* At most 24 bytes. */
static inline uint8_t *rec_put_addr(uint8_t *at, enum field_id f, const struct addr *a, int ip_version)
{
	size_t bytes = ip_version == 6 ? 16 : 8; /* of IPv4's, four are zero */

	at = rec_put_head(at, f, false, ip_version == 6 ? 16 : 4);
	memcpy(at, a->b, 8);
	memcpy(at + bytes - 8, a->b + bytes - 8, 8);
	return at + bytes;
}

/* Closes open levels, sets the length. Returns it. */
uint32_t rec_end(struct recorder *r);

/* ---- reading: control ---- */

struct value {
	enum field_id field;
	enum field_kind kind;
	uint64_t n;         /* integers, booleans, times */
	double f;
	struct bytes body;  /* borrowed from the record */
	bool close;         /* end of a level; the other members mean nothing */
};

struct value_reader {
	const uint8_t *p, *end;
	bool bad; /* malformed: reading stops */
};

/* False if the head or length cannot be right for the `avail` bytes. */
bool record_valid(const struct record_head *head, uint64_t avail);
void value_reader_init(struct value_reader *r, const struct record_head *head);
/* The two parts of a MEMBER's body; false: malformed. */
bool value_member(const struct value *v, struct bytes *key, struct bytes *value);
/* False at the end of the record, or when it is malformed (.bad). */
bool value_next(struct value_reader *r, struct value *out);
/* Skips the rest of the level whose opening value was just read. */
void value_skip_level(struct value_reader *r);
/* First value of field f at any level; false if there is none. */
bool record_find(const struct record_head *head, enum field_id f, struct value *out);

extern const char *const record_packet_source_names[PACKET_SOURCE_COUNT];

#endif

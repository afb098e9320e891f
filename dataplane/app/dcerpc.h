/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DCE/RPC (C706, MS-RPCE): messages of the connection-oriented protocol, wherever they travel (TCP,
 * SMB pipes), and what rules and records ask of a call. Knows no transport. A call is a request and
 * its response; fragments of either are put together here, up to DCERPC_STUB_MAX bytes.
 */
#ifndef APP_DCERPC_H
#define APP_DCERPC_H

#include "dataplane/app/frame.h"
#include "dataplane/app/ntlmssp.h"

#define DCERPC_HEADER_BYTES 16
#define DCERPC_FRAGMENT_MAX 65535
#define DCERPC_STUB_MAX (1u << 20)   /* of one direction of one call; the rest is not kept */
#define DCERPC_STUBS_MAX (16u << 20) /* of all live calls of a flow */
#define DCERPC_INTERFACES_MAX 256    /* of one association; further ones are not remembered */
#define DCERPC_LOGON_MAX 4096        /* bytes of a logon that are kept; of longer ones nothing is */

enum dcerpc_type {
	DCERPC_REQUEST = 0,
	DCERPC_PING = 1,
	DCERPC_RESPONSE = 2,
	DCERPC_FAULT = 3,
	DCERPC_CANCEL_ACK = 10,
	DCERPC_BIND = 11,
	DCERPC_BINDACK = 12,
	DCERPC_BINDNAK = 13,
	DCERPC_ALTER_CONTEXT = 14,
	DCERPC_ALTER_CONTEXT_RESP = 15,
	DCERPC_AUTH3 = 16,
	DCERPC_TYPE_LAST = 20,
};

enum dcerpc_flags {
	DCERPC_FIRST_FRAGMENT = 1 << 0,
	DCERPC_LAST_FRAGMENT = 1 << 1,
	DCERPC_HAS_OBJECT = 1 << 7, /* which stays in the stub data, as rules expect it */
};

struct dcerpc_header {
	uint8_t version, minor;
	uint8_t type;  /* enum dcerpc_type */
	uint8_t flags; /* enum dcerpc_flags */
	bool little;   /* byte order of numbers */
	uint16_t fragment_bytes, auth_bytes; /* the header is counted */
	uint32_t call_id;
};

/* One presentation context: an interface under a number. */
struct dcerpc_interface {
	uint16_t context;
	uint16_t version, minor;
	uint16_t result, reason;
	uint16_t batch;   /* the bind it came with */
	bool acked;       /* result and reason are there */
	uint8_t uuid[16]; /* in the order in which it is written */
};

/* Who logged on (NTLMSSP, within SPNEGO or bare): shared by the association and its calls. */
struct dcerpc_logon {
	uint32_t users; /* how many hold it */
	uint32_t len;
	uint8_t blob[];
};

/* What an association (a connection, a pipe) has agreed on. */
struct dcerpc_association {
	struct dcerpc_interface *interfaces;
	uint32_t count, cap;
	uint16_t batch;   /* of the last bind */
	struct dcerpc_logon *logon; /* NULL: nobody, or not seen */
	/* Bytes of a response between header and stub data that are not shown: over TCP rules are
	 * written for stub data that begins right behind the header, in pipes for the true one. */
	uint8_t response_skip;
};

struct dcerpc_stub {
	uint8_t *data;
	uint32_t len, cap;
};

struct dcerpc_call {
	uint32_t call_id;
	uint16_t opnum, context, batch;
	uint8_t request_type, response_type; /* enum dcerpc_type; mean something if .seen is set */
	bool seen[2], done[2], lost[2];      /* by direction */
	bool little;
	bool has_interface;
	struct dcerpc_interface interface;   /* the request's, where it is known */
	struct dcerpc_logon *logon;          /* as whom it was made; NULL: not known */
	uint32_t fragments[2];
	struct dcerpc_stub stub[2];
	uint32_t *stub_bytes;                /* of the flow: a counter in its state, which outlives calls */
};

/* False: these 16 bytes are no header. */
bool dcerpc_header_read(struct dcerpc_header *h, const uint8_t *data);
/* Is it something a client says? */
bool dcerpc_is_request(uint8_t type);
/* "BINDACK"; NULL: no such type. */
const char *dcerpc_type_name(uint8_t type);

/* A whole fragment (header and body) into a call and its association. d: TO_SERVER for what a client
 * says. True: the direction of the call is complete with it. */
bool dcerpc_call_take(struct worker *w, struct dcerpc_association *a, struct dcerpc_call *call,
		      const struct dcerpc_header *h, enum direction d, const uint8_t *data,
		      uint32_t len);
/* A whole fragment of a client: who logs on by it (MS-RPCE, 2.2.2.11, 3.3.1.5.2.2)? Bind, alter_context and AUTH3, which
 * belongs to no call. */
void dcerpc_logon_take(struct worker *w, struct dcerpc_association *a, const struct dcerpc_header *h,
		       const uint8_t *data, uint32_t len);
/* Of a record of a call: the object that says who makes it, if that is known. */
void dcerpc_logon_record(struct recorder *r, const struct ntlmssp_fields *fields, const struct dcerpc_call *call);
/* Would the fragment belong to this call? */
bool dcerpc_call_fits(const struct dcerpc_call *call, const struct dcerpc_header *h,
		      enum direction d);
void dcerpc_call_free(struct worker *w, struct dcerpc_call *call);
void dcerpc_stub_append(struct worker *w, struct dcerpc_call *call, enum direction d,
			const uint8_t *data, uint32_t len);
void dcerpc_association_free(struct worker *w, struct dcerpc_association *a);
/* From the wire to the order in which it is written. */
void dcerpc_uuid_read(uint8_t uuid[16], const uint8_t *wire, bool little);
void dcerpc_uuid_text(char text[37], const uint8_t uuid[16]);

/* Buffer dcerpc.stub_data: of a direction that is complete. */
bool dcerpc_stub_view(const struct dcerpc_call *call, enum direction d, struct buffer_view *out);

#endif

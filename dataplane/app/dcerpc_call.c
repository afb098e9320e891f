/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DCE/RPC messages and calls, see dcerpc.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/dcerpc.h"
#include "dataplane/base/put.h"


#define STUB_FIRST_BYTES 256
#define FRAGMENTS_MAX 0xffffffu
#define NDR_LITTLE 0x10

/* Is it a type of the protocol over connections? */
static bool type_connected(uint8_t type)
{
	return type == DCERPC_REQUEST || type == DCERPC_RESPONSE || type == DCERPC_FAULT ||
	       (type >= DCERPC_BIND && type <= DCERPC_TYPE_LAST);
}

bool dcerpc_header_read(struct dcerpc_header *h, const uint8_t *data)
{
	struct cursor c = cursor_of(data, DCERPC_HEADER_BYTES);
	uint8_t order, floats;
	uint16_t reserved;

	h->version = cursor_u8(&c);
	h->minor = cursor_u8(&c);
	h->type = cursor_u8(&c);
	h->flags = cursor_u8(&c);
	order = cursor_u8(&c);
	floats = cursor_u8(&c);
	reserved = cursor_be16(&c);
	h->little = order & NDR_LITTLE;
	h->fragment_bytes = h->little ? cursor_le16(&c) : cursor_be16(&c);
	h->auth_bytes = h->little ? cursor_le16(&c) : cursor_be16(&c);
	h->call_id = h->little ? cursor_le32(&c) : cursor_be32(&c);
	return h->version == 5 && h->minor <= 1 && type_connected(h->type) && !(order & 0xee) &&
	       floats <= 3 && !reserved && h->fragment_bytes >= DCERPC_HEADER_BYTES;
}

bool dcerpc_is_request(uint8_t type)
{
	return type == DCERPC_REQUEST || type == DCERPC_BIND || type == DCERPC_ALTER_CONTEXT ||
	       type == DCERPC_AUTH3 || type == 18 || type == 19;
}

const char *dcerpc_type_name(uint8_t type)
{
	static const char *const names[] = {
		"REQUEST", "PING", "RESPONSE", "FAULT", "WORKING", "NOCALL", "REJECT", "ACK",
		"CL_CANCEL", "FACK", "CANCEL_ACK", "BIND", "BINDACK", "BINDNAK", "ALTER_CONTEXT",
		"ALTER_CONTEXT_RESP", "AUTH3", "SHUTDOWN", "CO_CANCEL", "ORPHANED", "RTS",
	};

	return type < sizeof(names) / sizeof(*names) ? names[type] : NULL;
}

void dcerpc_uuid_read(uint8_t uuid[16], const uint8_t *wire, bool little)
{
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (unsigned i = 0; i < 16; i++)
		uuid[i] = wire[little ? order[i] : i];
}

void dcerpc_uuid_text(char text[37], const uint8_t u[16])
{
	struct put p = put_to(text, 37);

	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			p = put_char(p, '-');
		p = put_hex(p, u[i], 2);
	}
}

/* ---- stub data ---- */

void dcerpc_stub_append(struct worker *w, struct dcerpc_call *call, enum direction d,
			const uint8_t *data, uint32_t len)
{
	struct dcerpc_stub *stub = &call->stub[d];

	if (len > DCERPC_STUB_MAX - stub->len)
		len = DCERPC_STUB_MAX - stub->len;
	if (len > DCERPC_STUBS_MAX - *call->stub_bytes)
		len = DCERPC_STUBS_MAX - *call->stub_bytes;
	if (!len)
		return;
	if (stub->len + len > stub->cap) {
		uint32_t cap = stub->cap ? stub->cap : STUB_FIRST_BYTES;
		uint8_t *bigger;

		while (cap < stub->len + len)
			cap *= 2;
		bigger = heap_realloc(&w->heap, stub->data, cap);
		if (!bigger) {
			w->counters->app_memcap++;
			return;
		}
		stub->data = bigger;
		stub->cap = cap;
	}
	memcpy(stub->data + stub->len, data, len);
	stub->len += len;
	*call->stub_bytes += len;
}

bool dcerpc_stub_view(const struct dcerpc_call *call, enum direction d, struct buffer_view *out)
{
	const struct dcerpc_stub *stub = &call->stub[d];

	if (!stub->len)
		return false;
	*out = (struct buffer_view){.data = stub->data, .len = stub->len, .complete = true};
	return true;
}

static void logon_put(struct worker *w, struct dcerpc_logon **logon)
{
	if (*logon && --(*logon)->users == 0)
		heap_free(&w->heap, *logon);
	*logon = NULL;
}

void dcerpc_call_free(struct worker *w, struct dcerpc_call *call)
{
	logon_put(w, &call->logon);
	*call->stub_bytes -= call->stub[TO_SERVER].len + call->stub[TO_CLIENT].len;
	heap_free(&w->heap, call->stub[TO_SERVER].data);
	heap_free(&w->heap, call->stub[TO_CLIENT].data);
}

/* ---- interfaces ---- */

void dcerpc_association_free(struct worker *w, struct dcerpc_association *a)
{
	heap_free(&w->heap, a->interfaces);
	logon_put(w, &a->logon);
}

void dcerpc_logon_take(struct worker *w, struct dcerpc_association *a, const struct dcerpc_header *h,
		       const uint8_t *data, uint32_t len)
{
	struct dcerpc_logon *logon;
	struct ntlmssp n;
	struct bytes blob;

	if ((h->type != DCERPC_BIND && h->type != DCERPC_ALTER_CONTEXT && h->type != DCERPC_AUTH3) ||
	    h->auth_bytes > len || h->auth_bytes > DCERPC_LOGON_MAX)
		return;
	blob = (struct bytes){data + len - h->auth_bytes, h->auth_bytes};
	if (ntlmssp_read(blob, &n) != NTLMSSP_AUTHENTICATE || !n.user.len) /* without a user: anonymous */
		return;
	logon = heap_alloc(&w->heap, sizeof(*logon) + blob.len);
	if (!logon) {
		w->counters->app_memcap++;
		return;
	}
	logon->users = 1;
	logon->len = blob.len;
	memcpy(logon->blob, blob.data, blob.len);
	logon_put(w, &a->logon);
	a->logon = logon;
}

void dcerpc_logon_record(struct recorder *r, const struct ntlmssp_fields *fields, const struct dcerpc_call *call)
{
	if (call->logon)
		ntlmssp_record(r, fields, (struct bytes){call->logon->blob, call->logon->len});
}

static struct dcerpc_interface *interface_add(struct worker *w, struct dcerpc_association *a)
{
	if (a->count == a->cap) {
		uint32_t cap = a->cap ? a->cap * 2 : 4;
		struct dcerpc_interface *bigger;

		if (cap > DCERPC_INTERFACES_MAX)
			return NULL;
		bigger = heap_realloc(&w->heap, a->interfaces, cap * sizeof(*bigger));
		if (!bigger) {
			w->counters->app_memcap++;
			return NULL;
		}
		a->interfaces = bigger;
		a->cap = cap;
	}
	a->interfaces[a->count] = (struct dcerpc_interface){0};
	return &a->interfaces[a->count++];
}

static uint16_t read16(struct cursor *c, bool little)
{
	return little ? cursor_le16(c) : cursor_be16(c);
}

/* Contexts that a client asks for. A bind begins anew; an alter_context adds. */
static void bind_take(struct worker *w, struct dcerpc_association *a, struct dcerpc_call *call,
		      const struct dcerpc_header *h, struct cursor c)
{
	unsigned n;

	if (h->type == DCERPC_BIND)
		a->count = 0;
	call->batch = ++a->batch;
	cursor_skip(&c, 8);
	n = cursor_u8(&c);
	cursor_skip(&c, 3);
	for (; n > 0 && !c.bad; n--) {
		struct dcerpc_interface one = {.batch = a->batch}, *kept;
		const uint8_t *uuid;
		unsigned syntaxes;

		one.context = read16(&c, h->little);
		syntaxes = cursor_u8(&c);
		cursor_skip(&c, 1);
		uuid = cursor_take(&c, 16);
		one.version = read16(&c, h->little);
		one.minor = read16(&c, h->little);
		if (!uuid || c.bad)
			break;
		dcerpc_uuid_read(one.uuid, uuid, h->little);
		kept = interface_add(w, a);
		if (!kept)
			break;
		*kept = one;
		cursor_skip(&c, 20u * syntaxes);
	}
}

/* The server's answers, in the order of the contexts of the last bind. */
static void bind_ack_take(struct dcerpc_association *a, const struct dcerpc_header *h,
			  struct cursor c, const uint8_t *start)
{
	uint32_t at = 0;
	unsigned n;

	cursor_skip(&c, 8);
	cursor_skip(&c, read16(&c, h->little));
	cursor_skip(&c, (4 - (size_t)(c.p - start) % 4) % 4);
	n = cursor_u8(&c);
	cursor_skip(&c, 3);
	while (at < a->count && a->interfaces[at].batch != a->batch)
		at++;
	for (; n > 0 && at < a->count; n--, at++) {
		uint16_t result = read16(&c, h->little), reason = read16(&c, h->little);

		cursor_skip(&c, 20);
		if (c.bad)
			break;
		a->interfaces[at].result = result;
		a->interfaces[at].reason = reason;
		a->interfaces[at].acked = true;
	}
}

/* The interface that a context number stands for: the latest one accepted. */
static void interface_find(const struct dcerpc_association *a, struct dcerpc_call *call)
{
	for (uint32_t i = a->count; i-- > 0;) {
		const struct dcerpc_interface *one = &a->interfaces[i];

		if (one->context != call->context || !one->acked || one->result)
			continue;
		call->interface = *one;
		call->has_interface = true;
		return;
	}
}

/* ---- calls ---- */

bool dcerpc_call_fits(const struct dcerpc_call *call, const struct dcerpc_header *h,
		      enum direction d)
{
	if (call->call_id != h->call_id || call->done[d])
		return false;
	if (d == TO_SERVER)
		return call->seen[d] && call->request_type == h->type;
	if (call->seen[d] && call->response_type != h->type && h->type != DCERPC_FAULT)
		return false;
	if (!call->seen[TO_SERVER] || h->type == DCERPC_FAULT)
		return true;
	switch (call->request_type) {
	case DCERPC_BIND:
		return h->type == DCERPC_BINDACK || h->type == DCERPC_BINDNAK;
	case DCERPC_ALTER_CONTEXT:
		return h->type == DCERPC_ALTER_CONTEXT_RESP;
	default:
		return h->type == DCERPC_RESPONSE;
	}
}

bool dcerpc_call_take(struct worker *w, struct dcerpc_association *a, struct dcerpc_call *call,
		      const struct dcerpc_header *h, enum direction d, const uint8_t *data,
		      uint32_t len)
{
	struct cursor c = cursor_of(data, len);

	cursor_skip(&c, DCERPC_HEADER_BYTES);
	call->call_id = h->call_id;
	call->seen[d] = true;
	if (d == TO_SERVER)
		call->request_type = h->type;
	else
		call->response_type = h->type;
	if (call->fragments[d] < FRAGMENTS_MAX)
		call->fragments[d]++;
	switch (h->type) {
	case DCERPC_BIND:
	case DCERPC_ALTER_CONTEXT:
		call->little = h->little;
		bind_take(w, a, call, h, c);
		return call->done[d] = true;
	case DCERPC_BINDACK:
	case DCERPC_ALTER_CONTEXT_RESP:
		bind_ack_take(a, h, c, data);
		return call->done[d] = true;
	case DCERPC_REQUEST:
		cursor_skip(&c, 4);
		call->context = read16(&c, h->little);
		call->opnum = read16(&c, h->little);
		call->little = h->little;
		interface_find(a, call);
		if (a->logon && !call->logon) {
			call->logon = a->logon;
			call->logon->users++;
		}
		break;
	case DCERPC_RESPONSE:
		cursor_skip(&c, a->response_skip);
		break;
	default:
		return call->done[d] = true;
	}
	dcerpc_stub_append(w, call, d, c.p, (uint32_t)cursor_left(&c));
	if (h->flags & DCERPC_LAST_FRAGMENT)
		call->done[d] = true;
	return call->done[d];
}

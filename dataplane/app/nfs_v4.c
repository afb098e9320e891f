/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compounds of NFS version 4, see nfs.h. Each operation must be understood for the next one to be
 * found: one that is not ends what is looked at. Runs in the worker that owns the flow.
 */
#include "dataplane/app/nfs.h"

enum {
	COMPOUND = 1,
	OP_ACCESS = 3,
	OP_CLOSE = 4,
	OP_COMMIT = 5,
	OP_CREATE = 6,
	OP_DELEGPURGE = 7,
	OP_DELEGRETURN = 8,
	OP_GETATTR = 9,
	OP_GETFH = 10,
	OP_LINK = 11,
	OP_LOOKUP = 15,
	OP_LOOKUPP = 16,
	OP_OPEN = 18,
	OP_OPEN_CONFIRM = 20,
	OP_OPEN_DOWNGRADE = 21,
	OP_PUTFH = 22,
	OP_PUTPUBFH = 23,
	OP_PUTROOTFH = 24,
	OP_READ = 25,
	OP_READDIR = 26,
	OP_READLINK = 27,
	OP_REMOVE = 28,
	OP_RENAME = 29,
	OP_RENEW = 30,
	OP_RESTOREFH = 31,
	OP_SAVEFH = 32,
	OP_SETATTR = 34,
	OP_SETCLIENTID = 35,
	OP_SETCLIENTID_CONFIRM = 36,
	OP_WRITE = 38,
	OP_DESTROY_SESSION = 44,
	OP_SEQUENCE = 53,
	OP_RECLAIM_COMPLETE = 58,
};

/* How what is opened is named (RFC 8881, 18.16). */
enum {
	CLAIM_NAME,
	CLAIM_PREVIOUS,
	CLAIM_DELEGATE_CUR,
	CLAIM_DELEGATE_PREV,
	CLAIM_HANDLE,
	CLAIM_DELEGATE_CUR_HANDLE,
	CLAIM_DELEGATE_PREV_HANDLE,
};

enum { DELEGATE_NONE, DELEGATE_READ, DELEGATE_WRITE, DELEGATE_NONE_WHY };

#define STATEID_BYTES 16
#define CHANGE_BYTES 20 /* change_info4 */
#define TAG_MAX 1024
#define FILE_SYNC 2
#define DIRECTORY_LINK 5
#define BLOCK_DEVICE 3
#define CHARACTER_DEVICE 4
#define EXCLUSIVE 2
#define EXCLUSIVE_1 3
#define OPAQUE_MAX NFS_RECORD_KEPT

static void skip_bitmap(struct cursor *c)
{
	cursor_skip(c, (size_t)cursor_be32(c) * 4);
}

static void skip_attributes(struct cursor *c)
{
	skip_bitmap(c);
	nfs_opaque(c, OPAQUE_MAX);
}

static void skip_opaques(struct cursor *c, unsigned count)
{
	while (count--)
		nfs_opaque(c, OPAQUE_MAX);
}

/* ---- calls ---- */

/* What the operations before have said. */
struct walk {
	struct nfs_message *m;
	struct nfs_call *call;
	struct bytes handle, name;
	uint32_t main; /* the operation that makes the transaction; 0: none */
};

static void open_arguments(struct walk *k, struct cursor *c)
{
	uint32_t how, claim;

	cursor_skip(c, 12); /* sequence, access, deny */
	cursor_be64(c);     /* client */
	nfs_opaque(c, OPAQUE_MAX);
	if (cursor_be32(c)) { /* it is to be made */
		how = cursor_be32(c);
		if (how >= EXCLUSIVE)
			cursor_be64(c);
		if (how != EXCLUSIVE)
			skip_attributes(c);
	}
	claim = cursor_be32(c);
	if (claim == CLAIM_PREVIOUS)
		cursor_be32(c);
	else if (claim > CLAIM_DELEGATE_PREV_HANDLE)
		c->bad = true;
	if (claim == CLAIM_DELEGATE_CUR || claim == CLAIM_DELEGATE_CUR_HANDLE)
		cursor_skip(c, STATEID_BYTES);
	if (claim == CLAIM_NAME || claim == CLAIM_DELEGATE_CUR || claim == CLAIM_DELEGATE_PREV)
		k->name = nfs_opaque(c, NFS_NAME_MAX);
}

static void create_arguments(struct walk *k, struct cursor *c)
{
	uint32_t type = cursor_be32(c);

	if (type == DIRECTORY_LINK)
		nfs_opaque(c, OPAQUE_MAX);
	else if (type == BLOCK_DEVICE || type == CHARACTER_DEVICE)
		cursor_be64(c);
	k->name = nfs_opaque(c, NFS_NAME_MAX);
	skip_attributes(c);
	k->main = OP_CREATE;
}

static void write_arguments(struct walk *k, struct cursor *c)
{
	struct nfs_message *m = k->m;
	uint64_t offset;
	uint32_t stable, len;

	cursor_skip(c, STATEID_BYTES);
	offset = cursor_be64(c);
	stable = cursor_be32(c);
	len = cursor_be32(c);
	if (c->bad || len > NFS_RECORD_MAX) {
		c->bad = true;
		return;
	}
	m->body = *c;
	if (k->handle.len && len)
		nfs_file_data(m, OP_WRITE, k->handle, offset, len, stable == FILE_SYNC);
	cursor_skip(c, (len + 3u) & ~3u);
}

static void read_arguments(struct walk *k, struct cursor *c)
{
	struct nfs_call *call = k->call;
	uint64_t offset;

	cursor_skip(c, STATEID_BYTES);
	offset = cursor_be64(c);
	cursor_be32(c);
	call->kind = NFS_READ;
	if (call->reads == NFS_READS_MAX)
		return;
	if (!call->reads)
		text_set(k->m->w, &call->handle, k->handle);
	else if (call->handle.len != k->handle.len || memcmp(call->handle.data, k->handle.data, k->handle.len) != 0)
		offset = UINT64_MAX;
	call->offset[call->reads++] = offset;
}

/* False: not understood. */
static bool call_operation(struct walk *k, struct cursor *c, uint32_t op)
{
	switch (op) {
	case OP_ACCESS:
	case OP_RECLAIM_COMPLETE:
		cursor_be32(c);
		return true;
	case OP_CLOSE:
		cursor_skip(c, 4 + STATEID_BYTES);
		nfs_file_commit(k->m, k->handle);
		return true;
	case OP_COMMIT:
		cursor_skip(c, 12);
		nfs_file_commit(k->m, k->handle);
		return true;
	case OP_CREATE:
		create_arguments(k, c);
		return true;
	case OP_DELEGPURGE:
	case OP_RENEW:
		cursor_be64(c);
		return true;
	case OP_DELEGRETURN:
	case OP_DESTROY_SESSION:
	case OP_SETCLIENTID_CONFIRM:
		cursor_skip(c, 16);
		return true;
	case OP_GETATTR:
		skip_bitmap(c);
		return true;
	case OP_LINK:
		nfs_opaque(c, NFS_NAME_MAX);
		return true;
	case OP_LOOKUP:
		k->name = nfs_opaque(c, NFS_NAME_MAX);
		return true;
	case OP_OPEN:
		open_arguments(k, c);
		return true;
	case OP_OPEN_CONFIRM:
		cursor_skip(c, STATEID_BYTES + 4);
		return true;
	case OP_OPEN_DOWNGRADE:
		cursor_skip(c, STATEID_BYTES + 12);
		return true;
	case OP_PUTFH:
		k->handle = nfs_opaque(c, NFS_HANDLE_MAX);
		return true;
	case OP_READ:
		read_arguments(k, c);
		return true;
	case OP_READDIR:
		cursor_skip(c, 24);
		skip_bitmap(c);
		return true;
	case OP_REMOVE:
		k->name = nfs_opaque(c, NFS_NAME_MAX);
		k->main = OP_REMOVE;
		return true;
	case OP_RENAME:
		skip_opaques(c, 2);
		return true;
	case OP_SETATTR:
		cursor_skip(c, STATEID_BYTES);
		skip_attributes(c);
		return true;
	case OP_SETCLIENTID:
		cursor_be64(c);
		nfs_opaque(c, OPAQUE_MAX);
		cursor_be32(c);
		skip_opaques(c, 2);
		cursor_be32(c);
		return true;
	case OP_WRITE:
		write_arguments(k, c);
		return true;
	case OP_SEQUENCE:
		cursor_skip(c, 32);
		return true;
	case OP_GETFH:
	case OP_LOOKUPP:
	case OP_PUTPUBFH:
	case OP_PUTROOTFH:
	case OP_READLINK:
	case OP_RESTOREFH:
	case OP_SAVEFH:
		return true;
	default:
		return false;
	}
}

/* The data of a wrapped message (RFC 2203, 5.3.3.4.2); of an encrypted one nothing. */
static struct cursor unwrapped(struct cursor c, uint32_t service)
{
	uint32_t len;

	if (service == 1 || !service)
		return c;
	len = cursor_be32(&c);
	cursor_be32(&c); /* sequence */
	if (service != 2 || len < 4)
		return cursor_of(c.p, 0);
	if (len - 4 < cursor_left(&c))
		c.end = c.p + (len - 4);
	return c;
}

void nfs4_call(struct nfs_message *m)
{
	struct cursor c = unwrapped(m->body, m->gss_service);
	struct walk k = {.m = m, .call = nfs_call_add(m, NFS_OTHER)};
	uint32_t count;

	k.call->integrity = m->gss_service == 2;
	if (m->procedure != COMPOUND || !cursor_left(&c) || m->gss_procedure)
		return;
	nfs_opaque(&c, TAG_MAX);
	cursor_be32(&c); /* minor version */
	count = cursor_be32(&c);
	for (uint32_t i = 0; i < count && i < NFS_OPERATIONS_MAX && !c.bad; i++)
		if (!call_operation(&k, &c, cursor_be32(&c)))
			break;
	text_set(m->w, &k.call->name, k.name);
	if (k.main)
		nfs_call_tx(m, k.main, k.name, k.main == OP_CREATE ? k.handle : (struct bytes){NULL, 0});
	if (c.bad && !m->cut)
		nfs_event_set(m, NFS_EVENT_MALFORMED_DATA);
}

/* ---- replies ---- */

struct replies {
	struct nfs_message *m;
	struct nfs_call *call;
	bool opened, has_status;
	uint32_t status;
};

static void skip_access(struct cursor *c)
{
	cursor_skip(c, 12);
	nfs_opaque(c, OPAQUE_MAX);
}

static void open_results(struct cursor *c)
{
	uint32_t delegation, why;

	cursor_skip(c, STATEID_BYTES + CHANGE_BYTES + 4);
	skip_bitmap(c);
	delegation = cursor_be32(c);
	if (delegation == DELEGATE_NONE)
		return;
	if (delegation == DELEGATE_NONE_WHY) {
		why = cursor_be32(c);
		if (why == 1 || why == 2) /* others have it, resources are out: will the server say when that is over? */
			cursor_be32(c);
		return;
	}
	cursor_skip(c, STATEID_BYTES + 4);
	if (delegation == DELEGATE_WRITE)
		cursor_skip(c, 12); /* how much may be written */
	skip_access(c);
}

static void read_results(struct replies *k, struct cursor *c)
{
	struct nfs_message *m = k->m;
	struct nfs_call *call = k->call;
	bool last = cursor_be32(c) != 0;
	uint32_t len = cursor_be32(c);
	uint64_t offset = call->answered < call->reads ? call->offset[call->answered++] : UINT64_MAX;

	if (c->bad || len > NFS_RECORD_MAX) {
		c->bad = true;
		return;
	}
	m->body = *c;
	if (call->handle.len && offset != UINT64_MAX)
		nfs_file_data(m, OP_READ, text_bytes(&call->handle), offset, len, last);
	cursor_skip(c, (len + 3u) & ~3u);
}

static bool reply_operation(struct replies *k, struct cursor *c, uint32_t op)
{
	uint32_t status = cursor_be32(c);

	if (op == OP_CREATE || op == OP_REMOVE) {
		k->has_status = true;
		k->status = status;
	}
	if (status) {
		if (op == OP_SETATTR)
			skip_bitmap(c);
		return op == OP_SETATTR; /* it is the last one */
	}
	switch (op) {
	case OP_ACCESS:
	case OP_COMMIT:
		cursor_be64(c);
		return true;
	case OP_CLOSE:
	case OP_OPEN_CONFIRM:
	case OP_OPEN_DOWNGRADE:
	case OP_SETCLIENTID:
	case OP_WRITE:
		cursor_skip(c, 16);
		return true;
	case OP_CREATE:
		cursor_skip(c, CHANGE_BYTES);
		skip_bitmap(c);
		return true;
	case OP_GETATTR:
		skip_attributes(c);
		return true;
	case OP_GETFH: {
		struct bytes handle = nfs_opaque(c, NFS_HANDLE_MAX);

		if (k->opened && handle.data)
			nfs_name_add(k->m, handle, text_bytes(&k->call->name));
		return true;
	}
	case OP_LINK:
	case OP_REMOVE:
		cursor_skip(c, CHANGE_BYTES);
		return true;
	case OP_OPEN:
		open_results(c);
		k->opened = true;
		return true;
	case OP_READ:
		read_results(k, c);
		return true;
	case OP_RENAME:
		cursor_skip(c, 2 * (size_t)CHANGE_BYTES);
		return true;
	case OP_SETATTR:
		skip_bitmap(c);
		return true;
	case OP_SEQUENCE:
		cursor_skip(c, 36);
		return true;
	case OP_LOOKUP:
		k->opened = true; /* the name may be told by a handle now */
		return true;
	case OP_DELEGPURGE:
	case OP_DELEGRETURN:
	case OP_DESTROY_SESSION:
	case OP_LOOKUPP:
	case OP_PUTFH:
	case OP_PUTPUBFH:
	case OP_PUTROOTFH:
	case OP_RECLAIM_COMPLETE:
	case OP_RENEW:
	case OP_RESTOREFH:
	case OP_SAVEFH:
	case OP_SETCLIENTID_CONFIRM:
		return true;
	default:
		return false;
	}
}

void nfs4_reply(struct nfs_message *m, struct nfs_call *call)
{
	struct cursor c = unwrapped(m->body, call->integrity ? 2 : 0);
	struct replies k = {.m = m, .call = call};
	uint32_t count;

	if (call->procedure != COMPOUND || m->accepted || m->rpc_status || !cursor_left(&c))
		return;
	cursor_be32(&c); /* status */
	nfs_opaque(&c, TAG_MAX);
	count = cursor_be32(&c);
	for (uint32_t i = 0; i < count && i < NFS_OPERATIONS_MAX && !c.bad; i++)
		if (!reply_operation(&k, &c, cursor_be32(&c)))
			break;
	if (k.has_status)
		nfs_reply_tx(m, k.status, (struct bytes){NULL, 0});
	if (c.bad && !m->cut)
		nfs_event_set(m, NFS_EVENT_MALFORMED_DATA);
}

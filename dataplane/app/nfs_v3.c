/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls and replies of NFS versions 2 and 3, see nfs.h. Runs in the worker that owns the flow.
 */
#include "dataplane/app/nfs.h"

#define HANDLE2_BYTES 32
#define ATTRIBUTES2_BYTES 68 /* RFC 1094, 2.3.5 */
#define ATTRIBUTES3_BYTES 84 /* RFC 1813, 2.6 */
#define LISTED_MAX 4096      /* entries of a directory looked at */

/* What the arguments begin with, and what the call is. */
enum arguments { ARGS_NONE, ARGS_HANDLE, ARGS_NAME, ARGS_RENAME, ARGS_READ, ARGS_WRITE, ARGS_LOOKUP };

struct procedure {
	uint8_t arguments, kind;
};

static const struct procedure procedures2[] = {
	[1] = {ARGS_HANDLE, NFS_OTHER},  /* getattr */
	[4] = {ARGS_LOOKUP, NFS_NAMES},
	[6] = {ARGS_READ, NFS_READ},
	[8] = {ARGS_WRITE, NFS_WRITE},
	[9] = {ARGS_NAME, NFS_NAMES},    /* create */
	[10] = {ARGS_NAME, NFS_OTHER},   /* remove */
	[11] = {ARGS_RENAME, NFS_OTHER},
	[13] = {ARGS_NAME, NFS_OTHER},   /* symlink */
	[14] = {ARGS_NAME, NFS_NAMES},   /* mkdir */
	[15] = {ARGS_NAME, NFS_OTHER},   /* rmdir */
	[17] = {ARGS_NONE, NFS_OTHER},
};

static const struct procedure procedures3[] = {
	[1] = {ARGS_HANDLE, NFS_OTHER},  /* getattr */
	[3] = {ARGS_LOOKUP, NFS_NAMES},
	[4] = {ARGS_HANDLE, NFS_OTHER},  /* access */
	[6] = {ARGS_READ, NFS_READ},
	[7] = {ARGS_WRITE, NFS_WRITE},
	[8] = {ARGS_NAME, NFS_NAMES},    /* create */
	[9] = {ARGS_NAME, NFS_NAMES},    /* mkdir */
	[10] = {ARGS_NAME, NFS_OTHER},   /* symlink */
	[11] = {ARGS_NAME, NFS_OTHER},   /* mknod */
	[12] = {ARGS_NAME, NFS_OTHER},   /* remove */
	[13] = {ARGS_NAME, NFS_OTHER},   /* rmdir */
	[14] = {ARGS_RENAME, NFS_OTHER},
	[17] = {ARGS_HANDLE, NFS_NAMES}, /* readdirplus */
	[21] = {ARGS_HANDLE, NFS_COMMIT},
};

#define READDIRPLUS 17
#define FILE_SYNC 2 /* the server is to keep it before it answers: nothing will be committed */

static struct procedure procedure_of(const struct nfs_message *m)
{
	const struct procedure none = {ARGS_NONE, NFS_OTHER};
	size_t count2 = sizeof(procedures2) / sizeof(none), count3 = sizeof(procedures3) / sizeof(none);

	if (m->version == 2)
		return m->procedure < count2 ? procedures2[m->procedure] : none;
	return m->procedure < count3 ? procedures3[m->procedure] : none;
}

static struct bytes take_handle(struct nfs_message *m, uint32_t version)
{
	if (version == 2)
		return (struct bytes){cursor_take(&m->body, HANDLE2_BYTES), HANDLE2_BYTES};
	return nfs_opaque(&m->body, NFS_HANDLE_MAX);
}

static void take_write(struct nfs_message *m, struct bytes handle)
{
	uint64_t offset;
	uint32_t stable = 0, len;

	if (m->version == 2) {
		cursor_be32(&m->body);
		offset = cursor_be32(&m->body);
		cursor_be32(&m->body);
	} else {
		offset = cursor_be64(&m->body);
		cursor_be32(&m->body);
		stable = cursor_be32(&m->body);
	}
	len = cursor_be32(&m->body);
	if (m->body.bad || len > NFS_RECORD_MAX)
		m->body.bad = true;
	else
		nfs_file_data(m, m->procedure, handle, offset, len, stable == FILE_SYNC);
}

void nfs3_call(struct nfs_message *m)
{
	struct procedure p = procedure_of(m);
	struct nfs_call *call = nfs_call_add(m, p.kind);
	struct bytes handle = {NULL, 0}, name = {NULL, 0}, to = {NULL, 0};
	struct nfs_tx *t;

	if (p.arguments != ARGS_NONE)
		handle = take_handle(m, m->version);
	if (p.arguments == ARGS_NAME || p.arguments == ARGS_RENAME || p.arguments == ARGS_LOOKUP)
		name = nfs_opaque(&m->body, NFS_NAME_MAX);
	else
		name = nfs_name_of(m->s, handle);
	if (p.arguments == ARGS_RENAME) {
		take_handle(m, m->version);
		to = nfs_opaque(&m->body, NFS_NAME_MAX);
	}
	if (p.arguments == ARGS_READ)
		call->offset[0] = m->version == 2 ? cursor_be32(&m->body) : cursor_be64(&m->body);
	text_set(m->w, &call->name, name);
	text_set(m->w, &call->handle, handle);
	if (p.kind == NFS_WRITE)
		take_write(m, handle);
	else if (p.kind == NFS_COMMIT)
		nfs_file_commit(m, handle);
	if (p.kind != NFS_READ && p.kind != NFS_WRITE && p.kind != NFS_COMMIT) {
		if (p.arguments == ARGS_LOOKUP)
			handle = (struct bytes){NULL, 0}; /* the directory's; the reply has the one that is meant */
		t = nfs_call_tx(m, m->procedure, name, handle);
		if (t && to.data) {
			t->renames = true;
			text_set(m->w, &t->name_to, to);
		}
	}
	if (m->body.bad)
		nfs_event_set(m, NFS_EVENT_MALFORMED_DATA);
}

/* ---- replies ---- */

static void skip_attributes3(struct cursor *c)
{
	if (cursor_be32(c))
		cursor_skip(c, ATTRIBUTES3_BYTES);
}

static void take_read(struct nfs_message *m, struct nfs_call *call)
{
	bool last = false;
	uint32_t len, size = 0;

	if (call->version == 2) {
		cursor_skip(&m->body, 20);
		size = cursor_be32(&m->body);
		cursor_skip(&m->body, ATTRIBUTES2_BYTES - 24);
	} else {
		skip_attributes3(&m->body);
		cursor_be32(&m->body); /* count */
		last = cursor_be32(&m->body) != 0;
	}
	len = cursor_be32(&m->body);
	if (m->body.bad || len > NFS_RECORD_MAX) {
		m->body.bad = true;
		return;
	}
	if (call->version == 2)
		last = call->offset[0] + len >= size;
	nfs_file_data(m, call->procedure, text_bytes(&call->handle), call->offset[0], len, last);
}

/* RFC 1813, 3.3.17 */
static void take_list(struct nfs_message *m)
{
	struct cursor c = m->body;

	skip_attributes3(&c);
	cursor_be64(&c); /* verifier */
	for (unsigned i = 0; i < LISTED_MAX && cursor_be32(&c); i++) {
		struct bytes name, handle = {NULL, 0};

		cursor_be64(&c); /* number of the file */
		name = nfs_opaque(&c, NFS_NAME_MAX);
		cursor_be64(&c); /* cookie */
		skip_attributes3(&c);
		if (cursor_be32(&c))
			handle = nfs_opaque(&c, NFS_HANDLE_MAX);
		if (!c.bad)
			nfs_name_add(m, handle, name);
	}
	m->body.bad = c.bad && !m->cut;
}

static struct bytes take_made(struct nfs_message *m, const struct nfs_call *call)
{
	struct bytes handle = {NULL, 0};
	/* Those that make something say first whether they tell its handle. */
	bool tells = call->version == 2 || call->procedure == 3 || cursor_be32(&m->body);

	if (tells)
		handle = take_handle(m, call->version);
	if (handle.data)
		nfs_name_add(m, handle, text_bytes(&call->name));
	return handle;
}

void nfs3_reply(struct nfs_message *m, struct nfs_call *call)
{
	uint32_t status = m->accepted || cursor_left(&m->body) < 4 ? 0 : cursor_be32(&m->body);
	struct bytes handle = {NULL, 0};
	bool fine = !m->accepted && !m->rpc_status && !status && call->procedure;

	if (fine && call->kind == NFS_READ)
		take_read(m, call);
	else if (fine && call->kind == NFS_NAMES && call->version == 3 && call->procedure == READDIRPLUS)
		take_list(m);
	else if (fine && call->kind == NFS_NAMES)
		handle = take_made(m, call);
	nfs_reply_tx(m, status, handle);
	if (m->body.bad)
		nfs_event_set(m, NFS_EVENT_MALFORMED_DATA);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records of NFS, see nfs.h. Runs in the worker that owns the flow.
 */

#include <zlib.h>

#include "dataplane/app/nfs.h"
#include "dataplane/app/number_name.h"
#include "dataplane/base/put.h"
#include "dataplane/engine/emit.h"

enum table { TABLE_v2, TABLE_v3, TABLE_v4, TABLE_status, TABLE_auth, TABLE_rpc };

static const struct number_name names[] = {
#define NAME(table, number, name) {TABLE_##table, number, name},
#include "dataplane/app/nfs_names.def"
#undef NAME
};

/* Its name, or the number. */
static void put_name(struct recorder *r, enum field_id field, enum table table, uint32_t number)
{
	const char *name = number_name(names, sizeof(names) / sizeof(names[0]), table, number);
	char text[16];

	put_uint(put_to(text, sizeof(text)), number);
	rec_text(r, field, name ? name : text);
}

static void put_rpc(struct recorder *r, const struct nfs_tx *t)
{
	rec_open(r, F_nfs_rpc);
	rec_uint(r, F_nfs_xid, t->xid);
	put_name(r, F_nfs_status, TABLE_rpc, t->rpc_status);
	put_name(r, F_nfs_auth_type, TABLE_auth, t->auth);
	if (t->auth == 1) {
		rec_open(r, F_nfs_creds);
		rec_bytes(r, F_nfs_machine_name, t->machine.data, t->machine.len);
		rec_uint(r, F_nfs_uid, t->uid);
		rec_uint(r, F_nfs_gid, t->gid);
		rec_close(r);
	}
	rec_close(r);
}

static void put_file(struct recorder *r, const struct nfs_tx *t)
{
	rec_open(r, t->way == TO_SERVER ? F_nfs_write : F_nfs_read);
	rec_bool(r, F_nfs_first, t->first);
	rec_bool(r, F_nfs_last, t->last);
	rec_uint(r, F_nfs_last_xid, t->last_xid);
	rec_uint(r, F_nfs_chunks, t->chunk_count);
	rec_close(r);
}

static void put_members(struct recorder *r, const struct nfs_tx *t)
{
	char hash[16];

	rec_open(r, F_nfs_nfs);
	rec_uint(r, F_nfs_version, t->version);
	put_name(r, F_nfs_procedure, t->version == 2 ? TABLE_v2 : t->version == 3 ? TABLE_v3 : TABLE_v4, t->procedure);
	rec_bytes(r, F_nfs_filename, t->name.data, t->name.len);
	if (t->handle.len) {
		put_hex(put_to(hash, sizeof(hash)), crc32(0, t->handle.data, t->handle.len), 1);
		rec_text(r, F_nfs_hhash, hash);
	}
	rec_uint(r, F_nfs_id, t->tx.id + 1);
	rec_bool(r, F_nfs_file_tx, t->is_file);
	rec_text(r, F_nfs_type, "response");
	put_name(r, F_nfs_status, TABLE_status, t->status);
	if (t->is_file)
		put_file(r, t);
	if (t->renames) {
		rec_open(r, F_nfs_rename);
		rec_bytes(r, F_nfs_from, t->name.data, t->name.len);
		rec_bytes(r, F_nfs_to, t->name_to.data, t->name_to.len);
		rec_close(r);
	}
	rec_close(r);
}

void nfs_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	put_rpc(r, nfs_of(tx));
	put_members(r, nfs_of(tx));
}

/* Attributes are asked for all the time; as in the reference nobody is told. */
void nfs_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	const struct nfs_tx *t = nfs_of(tx);
	struct recorder *r;

	if (t->version <= 3 && t->procedure == 1)
		return;
	r = emit_flow(w, RECORD_nfs, f, TO_CLIENT, tx->id, p);
	if (!r)
		return;
	nfs_alert_context(w, f, tx, r);
	emit_end(w);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NFS over TCP and UDP: versions 2 (RFC 1094), 3 (RFC 1813), 4.0 and 4.1 (RFC 7530, RFC 5661), in remote
 * procedure calls (RFC 5531) whose values are XDR (RFC 4506). Private to nfs*.c. A call and its reply
 * are a transaction; all calls that read or write one file are one, which has the file.
 */
#ifndef APP_NFS_H
#define APP_NFS_H

#include "dataplane/app/chunks.h"
#include "dataplane/app/text.h"

#define NFS_TRANSACTIONS_MAX 256
#define NFS_FILES_MAX 16        /* open at once in a flow; the oldest gives way */
#define NFS_CALLS_MAX 64        /* whose replies are waited for; likewise */
#define NFS_NAMES_MAX 128       /* of handles, remembered; likewise */
#define NFS_HANDLE_MAX 128
#define NFS_NAME_MAX 1024
#define NFS_HEAD_BYTES 4096     /* of a record with file data that are there at once */
#define NFS_RECORD_KEPT 65536   /* of another record; what is behind it is left out */
#define NFS_RECORD_MAX (16u << 20)
#define NFS_OPERATIONS_MAX 64   /* of a compound */
#define NFS_READS_MAX 8         /* of a compound; data of more is left out */

/* Version 3 (RFC 1813); those of version 2 and 4 are made these where they are the same thing. */
enum nfs_kind {
	NFS_OTHER,
	NFS_READ,
	NFS_WRITE,
	NFS_COMMIT, /* or a file is closed */
	NFS_NAMES,  /* replies name handles: a directory is listed, a name is looked up or made */
};

enum nfs_event {
#define EVENT(id, name) NFS_EVENT_##id,
#include "dataplane/event/app_event/nfs.def"
#undef EVENT
};

enum nfs_progress { NFS_NOTHING, NFS_BEGUN, NFS_DONE };

struct nfs_tx {
	struct tx tx;
	uint8_t version;
	uint32_t procedure, xid;
	uint32_t auth, uid, gid;
	struct text machine, name, name_to, handle;
	bool renames;
	uint32_t rpc_status, status;
	bool is_file, first, last;
	uint8_t way;            /* of the file: enum direction */
	uint32_t last_xid, chunk_count;
	struct chunks body;
};

/* A call whose reply is waited for. */
struct nfs_call {
	uint32_t xid;           /* with .version 0: no entry */
	uint8_t version, kind;  /* enum nfs_kind */
	bool integrity;         /* the reply is wrapped (RFC 2203, 5.3.3.4.2) */
	uint32_t procedure;
	uint8_t reads, answered; /* version 4: offsets in use, and of those with data */
	uint64_t offset[NFS_READS_MAX]; /* UINT64_MAX: of another handle */
	struct text name, handle;
};

struct nfs_name {
	struct text handle, name;
};

/* File data of the record in hand that is still to come. */
struct nfs_way {
	uint32_t record_left;   /* of the record */
	uint32_t data_left;     /* of it, file data, which comes first */
	uint64_t data_at;       /* its place in the file */
	struct text handle;     /* whose */
	bool data_last;         /* the file ends with it */
	bool lost;              /* bytes were missing */
	/* a record in several fragments is put together first */
	bool joining, rest;     /* record_left is of a fragment; it is not the last */
	uint32_t joined_bytes;  /* of the record so far, kept or not */
	struct text joined;     /* NFS_RECORD_KEPT of them */
};

struct nfs_state {
	struct nfs_way way[2];
	struct nfs_call calls[NFS_CALLS_MAX];
	struct nfs_name names[NFS_NAMES_MAX];
	uint32_t next_call, next_name;
};

/* One remote procedure call, or a reply. */
struct nfs_message {
	struct worker *w;
	struct flow *f;
	struct nfs_state *s;
	enum direction d;
	uint32_t xid;
	uint32_t version, procedure;       /* of a call */
	uint32_t auth, uid, gid;
	uint32_t gss_procedure, gss_service;
	struct bytes machine;
	uint32_t rpc_status, accepted;     /* of a reply */
	struct cursor body;
	uint32_t cut;                      /* bytes of the record that are not there (yet) */
};

static inline struct nfs_tx *nfs_of(struct tx *tx)
{
	return (struct nfs_tx *)(void *)tx;
}

/* An opaque of XDR, at most max; data NULL: it is not whole, or longer (c->bad). */
struct bytes nfs_opaque(struct cursor *c, uint32_t max);

/* nfs.c */
struct nfs_tx *nfs_tx_new(struct nfs_message *m);
void nfs_event_set(struct nfs_message *m, unsigned event);

/* nfs_file.c */
struct nfs_call *nfs_call_add(struct nfs_message *m, uint8_t kind);
struct nfs_call *nfs_call_find(struct nfs_state *s, uint32_t xid);
void nfs_call_free(struct worker *w, struct nfs_call *c);
void nfs_name_add(struct nfs_message *m, struct bytes handle, struct bytes name);
struct bytes nfs_name_of(const struct nfs_state *s, struct bytes handle);
/* File data of the message, of which only the first bytes may be there; the rest is waited for. last:
 * the file ends with it. */
void nfs_file_data(struct nfs_message *m, uint32_t procedure, struct bytes handle, uint64_t offset, uint32_t len,
		   bool last);
/* More of the data of the record in hand; NULL: it is missing. */
void nfs_file_more(struct worker *w, struct flow *f, struct nfs_state *s, enum direction d, const uint8_t *data,
		   uint32_t len);
/* The file that is written is whole. */
void nfs_file_commit(struct nfs_message *m, struct bytes handle);
void nfs_calls_free(struct worker *w, struct nfs_state *s);

/* nfs_v3.c: versions 2 and 3 */
void nfs3_call(struct nfs_message *m);
void nfs3_reply(struct nfs_message *m, struct nfs_call *call);
/* nfs_v4.c */
void nfs4_call(struct nfs_message *m);
void nfs4_reply(struct nfs_message *m, struct nfs_call *call);
/* The transaction of a call, done but for the reply. */
struct nfs_tx *nfs_call_tx(struct nfs_message *m, uint32_t procedure, struct bytes name, struct bytes handle);
void nfs_reply_tx(struct nfs_message *m, uint32_t status, struct bytes handle);

/* nfs_log.c */
void nfs_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void nfs_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

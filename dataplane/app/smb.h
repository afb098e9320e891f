/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the SMB parser share (MS-CIFS, MS-SMB, MS-SMB2). smb.c cuts the stream into
 * records and keeps transactions; smb1.c and smb2.c read records, smb_unpack.c compressed ones; smb_open.c follows open files and
 * pipes; smb_auth.c reads NTLMSSP; smb_log.c writes; smb_name.c knows names.
 *
 * A command is a transaction, its response found by the message's number. Reads and writes of an
 * open file are one transaction a direction, from the first of them to the close; what goes through
 * a pipe is one a remote procedure call. Other reads, writes and queries are none.
 */
#ifndef APP_SMB_H
#define APP_SMB_H

#include "dataplane/app/dcerpc.h"
#include "dataplane/app/ntlmssp.h"
#include "dataplane/app/file.h"

#define SMB_TRANSACTIONS_MAX 1024
#define SMB_RECORD_MAX (256u * 1024)  /* longer ones are skipped, but for the data of reads and writes */
#define SMB_PACKED_MAX (1088u * 1024) /* compressed ones, which are gathered: of reads and writes of 1 MiB */
#define SMB_UNPACKED_MAX (8320u * 1024) /* what comes out of one: reads and writes of 8 MiB */
#define SMB_UNPACKED_FREE (64u << 20) /* of a flow, and then so many times what goes in: */
#define SMB_UNPACKED_RATIO 100u
#define SMB_CHAIN_MAX 64              /* parts of a compressed message */
#define SMB_HEAD_BYTES 256            /* of a record, from which on data may be passed on as it comes */
#define SMB_OPENS_MAX 256             /* files and pipes of a flow; the one unused longest goes */
#define SMB_TREES_MAX 64
#define SMB_READS_MAX 256             /* reads whose response is awaited */
#define SMB_HELD_BYTES (8u << 20)     /* of a file, in front of bytes that are not there yet: some large reads */
#define SMB_HELD_COUNT 64
#define SMB_HELD_ALL_BYTES (8u << 20) /* of all files of a flow */
#define SMB_TEXT_MAX NTLMSSP_TEXT_MAX             /* names, in bytes of UTF-8 */
#define SMB_DIALECTS_MAX 64
#define SMB_COMPOUND_MAX 128          /* messages in one record */
#define SMB_FID_BYTES 16

#define SMB_STATUS_SUCCESS 0u
#define SMB_STATUS_PENDING 0x103u
#define SMB_STATUS_BUFFER_OVERFLOW 0x80000005u
#define SMB_STATUS_MORE_PROCESSING 0xc0000016u

enum smb_event {
#define EVENT(id, name) SMB_EVENT_##id,
#include "dataplane/event/app_event/smb.def"
#undef EVENT
	SMB_EVENT_COUNT
};

enum smb_kind {
	SMB_GENERIC,
	SMB_NEGOTIATE,
	SMB_SESSION,
	SMB_TREE,
	SMB_CREATE,
	SMB_FILE,
	SMB_RENAME,
	SMB_SET_INFO,
	SMB_IOCTL,
	SMB_CALL
};

/* What identifies a message. */
struct smb_head {
	uint8_t version;     /* 1 or 2 */
	bool dos;            /* status is class << 16 | code */
	bool unicode;        /* SMB1: texts are UTF-16 */
	bool related;        /* SMB2: belongs to the message before it in the record */
	uint16_t command;
	uint32_t status;
	uint32_t tree;
	uint64_t message, session;
};

struct smb_negotiate {
	uint8_t client_guid[16], server_guid[16];
	bool has_client_guid;
	uint32_t max_read, max_write;
	uint16_t dialect_count;
	uint16_t dialects[SMB_DIALECTS_MAX]; /* SMB2 */
	struct bytes names[SMB_DIALECTS_MAX]; /* SMB1; owned */
};

enum smb_session_text {
	SMB_DOMAIN,
	SMB_USER,
	SMB_HOST,
	SMB_CLIENT_OS,
	SMB_CLIENT_LM,
	SMB_SERVER_OS,
	SMB_SERVER_LM,
	SMB_REALM,
	SMB_SERVICE, /* parts of the name end with NUL */
	SMB_SESSION_TEXTS
};

struct smb_session {
	bool ntlmssp, has_version, client_says, server_says, kerberos;
	uint8_t major, minor, revision;
	uint16_t build;
	struct bytes text[SMB_SESSION_TEXTS]; /* owned; UTF-8 */
};

struct smb_create {
	uint32_t disposition;
	bool directory, delete_on_close;
	uint32_t created, accessed, modified, changed; /* seconds since the epoch */
	uint64_t size;
};

struct smb_open;

struct smb_tx {
	struct tx tx;
	uint8_t kind;              /* enum smb_kind */
	bool answered;             /* head.status is that of the response */
	bool pipe;                 /* SMB_TREE: of pipes */
	uint8_t share_type;        /* SMB_TREE, SMB2 */
	bool delete_on_close;      /* SMB_SET_INFO */
	uint8_t file_direction;    /* SMB_FILE */
	uint16_t subcommand, level; /* SMB_SET_INFO of SMB1 */
	uint32_t function;         /* SMB_IOCTL */
	struct smb_head head;
	uint8_t fid[SMB_FID_BYTES];
	struct bytes name;         /* owned: file or share; SMB_RENAME: the old one */
	struct bytes name2;        /* owned: SMB_FILE the share, SMB_RENAME the new name */
	struct bytes service[2];   /* owned: SMB_TREE of SMB1, by direction */
	struct smb_negotiate *negotiate;
	struct smb_session *session;
	struct smb_create *create;
	struct dcerpc_call *call;
	struct dcerpc_interface *interfaces; /* SMB_CALL, a bind: what was agreed on */
	uint32_t interface_count;
	struct smb_open *open;     /* SMB_FILE: borrowed; NULL once it is closed */
};

/* Bytes of a file that came before those in front of them. */
struct smb_held {
	struct smb_held *next; /* ascending */
	uint64_t offset;
	uint32_t len, cap;
	uint8_t *data;
};

/* An open file or pipe. */
struct smb_open {
	struct smb_open *prev, *next; /* latest used first */
	uint8_t fid[SMB_FID_BYTES];
	bool pipe;                    /* known to be one */
	bool file;                    /* known to be on a disk */
	bool closing;                 /* the close was asked for, but reads or the file's own number are still to come */
	uint64_t size;                /* of the file when it was opened; 0: not known */
	struct bytes name, share;     /* owned */
	struct smb_way {              /* one direction of its bytes */
		struct smb_tx *tx;    /* SMB_FILE */
		struct file *body;
		uint64_t at;          /* the next byte */
		struct smb_held *held;
		uint32_t held_count, held_bytes;
		uint8_t *pending;     /* pipe: a fragment that is not whole */
		uint32_t pending_len, pending_cap;
	} way[2];
	struct dcerpc_association association;
};

struct smb_tree {
	uint32_t tree;
	uint64_t session;
	bool pipe;
	struct bytes name; /* owned */
};

struct smb_read {
	uint64_t message, offset;
	uint8_t fid[SMB_FID_BYTES];
	uint32_t tree;
	uint64_t session;
};

/* Until the server says which number an open file has, it has one made of the message that opens it. */
static inline void smb_fid_early(uint8_t fid[SMB_FID_BYTES], uint64_t message)
{
	memset(fid, 0xff, SMB_FID_BYTES);
	memcpy(fid, &message, sizeof(message));
}

static inline bool smb_fid_is_early(const uint8_t *fid)
{
	static const uint8_t mark[SMB_FID_BYTES - 8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return memcmp(fid + 8, mark, sizeof(mark)) == 0;
}

struct smb_state {
	struct worker *w; /* of the call in hand, like f */
	struct flow *f;
	uint16_t dialect;      /* SMB2; 0: none */
	struct bytes dialect1; /* SMB1: its name; owned */
	uint32_t max_read, max_write;
	struct smb_side {
		uint64_t end;     /* offset at which the record that is not whole yet ends; 0: none */
		uint64_t skip_to; /* bytes before this offset are not looked at */
		uint64_t data_to; /* bytes before this offset are data of .open */
		uint64_t data_at; /* position of the next of them in the file */
		struct smb_open *open;
		bool gap;         /* the next record must be found first */
		uint8_t last_fid[SMB_FID_BYTES]; /* of the message before, in a compound or chain */
	} side[2];
	struct smb_open *opens; /* latest used first */
	uint32_t open_count;
	uint32_t held_bytes;    /* of all of them */
	uint32_t stub_bytes;    /* of live calls */
	struct smb_tree trees[SMB_TREES_MAX];
	uint32_t tree_count, tree_next;
	bool early;             /* messages have been about files whose number was not known yet */
	bool overrun;           /* no room for one more transaction: parsing ends */
	struct smb_read *reads; /* SMB_READS_MAX, a ring; made with the first */
	uint32_t read_next;
	uint64_t packed, unpacked; /* bytes of compressed messages */
};

/* Where the data of a read or write begin within a record, and what they are. */
struct smb_data {
	struct smb_open *open;
	uint64_t offset;     /* in the file */
	uint32_t start, len; /* in the record */
};

/* ---- smb.c ---- */

static inline struct smb_tx *smb_of(struct tx *tx)
{
	return (struct smb_tx *)(void *)tx;
}

static inline bool smb_good_status(uint32_t status)
{
	return status == SMB_STATUS_SUCCESS || status == SMB_STATUS_BUFFER_OVERFLOW;
}

/* Bytes that a message says are at an offset from its header; what is beyond its end is cut. */
static inline struct bytes smb_part(const uint8_t *message, uint32_t message_len, uint32_t offset,
				    uint32_t len)
{
	if (offset > message_len)
		return (struct bytes){message, 0};
	if (len > message_len - offset)
		len = message_len - offset;
	return (struct bytes){message + offset, len};
}

/* A transaction begun by the message; NULL: no memory, or too many. */
struct smb_tx *smb_tx_new(struct smb_state *s, const struct smb_head *h, enum smb_kind kind);
/* The one that a response belongs to, which gets its status; NULL: none. */
struct smb_tx *smb_tx_answer(struct smb_state *s, const struct smb_head *h);
/* A direction of it, or both, is complete. */
void smb_tx_done(struct smb_state *s, struct smb_tx *t, enum direction d);
void smb_tx_done_both(struct smb_state *s, struct smb_tx *t);
/* Its response was read; a call goes on until its own bytes have come, unless the status is bad. */
void smb_tx_answered(struct smb_state *s, struct smb_tx *t, uint32_t status);
void smb_status(struct smb_tx *t, const struct smb_head *h);
/* Noted on the latest transaction, if there is one. */
void smb_event(struct smb_state *s, enum direction d, enum smb_event e);
/* A copy as UTF-8, without zero bytes; len: of the text as sent. */
void smb_text(struct smb_state *s, struct bytes *out, const uint8_t *data, uint32_t len,
	      bool unicode);
void smb_copy(struct smb_state *s, struct bytes *out, struct bytes in);
/* Windows time as seconds since the epoch. */
uint32_t smb_seconds(uint64_t filetime);

/* ---- smb1.c, smb2.c: one record (without the NetBIOS header) ---- */

void smb1_record(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len);
void smb2_record(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len);
/* From the beginning of a record of `whole` bytes: is it a read or write whose data may be taken as
 * they come? Then what it begins is begun, and *data says where they are. */
bool smb1_data_start(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len,
		     uint32_t whole, struct smb_data *out);
bool smb2_data_start(struct smb_state *s, enum direction d, const uint8_t *data, uint32_t len,
		     uint32_t whole, struct smb_data *out);

/* ---- smb_unpack.c ---- */

enum smb_unpacked { SMB_UNPACKED, SMB_UNPACK_BAD, SMB_UNPACK_LARGE };

/* A record in a compression transform header. *out: on the worker's heap, the caller frees it. */
enum smb_unpacked smb_unpack(struct smb_state *s, const uint8_t *data, uint32_t len, struct bytes *out);

/* ---- smb_open.c ---- */

struct smb_open *smb_open_find(struct smb_state *s, const uint8_t *fid);
/* Made if it is not there. NULL: no memory. */
struct smb_open *smb_open_get(struct smb_state *s, const uint8_t *fid, const struct smb_head *h);
/* One that a response has opened, by the message that asked for it: what has come before gets its number. */
struct smb_open *smb_open_settle(struct smb_state *s, const uint8_t *fid, const struct smb_tx *create);
/* Ends what was going on with it, and forgets it. */
void smb_open_close(struct smb_state *s, struct smb_open *o, bool whole);
/* The client asks for that: done at once, unless something of it is still to come. */
void smb_open_close_asked(struct smb_state *s, struct smb_open *o);
/* The answer to it. */
void smb_open_close_answered(struct smb_state *s, const uint8_t *fid);
void smb_opens_free(struct smb_state *s);
/* Bytes of a file at that position; d: the way they go. */
void smb_file_data(struct smb_state *s, struct smb_open *o, enum direction d, uint64_t offset,
		   const uint8_t *data, uint32_t len);
/* Makes sure that there is a transaction for them. */
bool smb_file_begin(struct smb_state *s, struct smb_open *o, enum direction d,
		    const struct smb_head *h);
/* What a read or a write carries: bytes of a file, or of a pipe. */
void smb_data_take(struct smb_state *s, struct smb_open *o, enum direction d,
		   const struct smb_head *h, uint64_t offset, struct bytes data);
/* Of a record of `whole` bytes that begins with a header of so many and of which len are there: may its
 * data be taken as they come? Then the file is begun. */
bool smb_data_begin(struct smb_state *s, enum direction d, const struct smb_head *h,
		    const struct smb_data *what, uint32_t header, const uint8_t *data, uint32_t len,
		    uint32_t whole);
/* Bytes through a pipe. False: they are no remote procedure call. */
bool smb_pipe_data(struct smb_state *s, struct smb_open *o, enum direction d,
		   const struct smb_head *h, const uint8_t *data, uint32_t len);
/* Do the bytes begin like a remote procedure call? */
bool smb_pipe_like(const uint8_t *data, uint32_t len);
struct smb_tree *smb_tree_find(struct smb_state *s, const struct smb_head *h);
void smb_tree_set(struct smb_state *s, const struct smb_head *h, const struct smb_tx *t);
void smb_trees_free(struct smb_state *s);
void smb_read_note(struct smb_state *s, const struct smb_head *h, const uint8_t *fid,
		   uint64_t offset);
/* The read that a response belongs to, which is forgotten. */
bool smb_read_take(struct smb_state *s, const struct smb_head *h, struct smb_read *out);

/* ---- smb_auth.c ---- */

/* A security blob of a session setup. */
void smb_auth(struct smb_state *s, struct smb_session *session, enum direction d,
	      const uint8_t *data, uint32_t len);

/* ---- smb_log.c ---- */

void smb_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void smb_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

/* ---- smb_name.c ---- */

const char *smb_status_name(uint32_t status);                 /* NULL: not known */
const char *smb_dos_name(unsigned class, unsigned code);      /* NULL: not known */
const char *smb1_command_name(unsigned command, char *scratch); /* scratch: 16 bytes */
const char *smb2_command_name(unsigned command, char *scratch);
const char *smb2_dialect_name(unsigned dialect, char *scratch);
const char *smb_function_name(uint32_t function, char *scratch);

#endif

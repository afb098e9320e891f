/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The client/server protocol of MySQL and MariaDB (MySQL Server documentation, "Client/Server Protocol";
 * MariaDB documentation, "Client/Server Protocol"). Private to mysql*.c.
 *
 * A transaction is the login, from the server's greeting to its verdict, or a command and what the
 * server says to it: an answer, results with their rows, a list. Rows are counted; rows of text are kept,
 * up to a limit, where a rule looks at them. Where TLS is agreed on it is followed; compression is undone.
 */
#ifndef APP_MYSQL_H
#define APP_MYSQL_H

#include "dataplane/app/app_state.h"
#include "dataplane/app/content.h"
#include "dataplane/app/text.h"

#define MYSQL_PACKET_MAX (64u << 10)  /* of a packet is looked at; the rest is passed over */
#define MYSQL_TRANSACTIONS_MAX 1024
#define MYSQL_STATEMENTS_MAX 64       /* prepared ones remembered in a flow; the oldest gives way */
#define MYSQL_STATEMENT_BYTES_MAX 4096
#define MYSQL_ATTRIBUTES_MAX 32
#define MYSQL_ROWS_MAX 1024           /* kept of a transaction */
#define MYSQL_ROWS_BYTES_MAX (64u << 10)
#define MYSQL_PACK_HEAD_BYTES 7       /* before a compressed packet */
#define MYSQL_LOGIN 256               /* beside the numbers of commands */
#define MYSQL_PACKET_FULL 0xffffffu   /* of this length: it goes on in the next */

enum mysql_command_number {
#define MYSQL_COMMAND(number, name, reply) MYSQL_COMMAND_##name = (number),
#include "dataplane/app/mysql_commands.def"
#undef MYSQL_COMMAND
};

enum mysql_capability {
	MYSQL_CAN_DATABASE = 1 << 3,
	MYSQL_CAN_COMPRESS = 1 << 5,
	MYSQL_CAN_41 = 1 << 9,
	MYSQL_CAN_TLS = 1 << 11,
	MYSQL_CAN_SECURE = 1 << 15,
	MYSQL_CAN_PLUGIN = 1 << 19,
	MYSQL_CAN_ATTRIBUTES = 1 << 20,
	MYSQL_CAN_LONG_SECRET = 1 << 21,
	MYSQL_CAN_NO_EOF = 1 << 24,
	MYSQL_CAN_NO_METADATA = 1 << 25,
	MYSQL_CAN_ZSTD = 1 << 26,
	MYSQL_CAN_QUERY_ATTRIBUTES = 1 << 27,
};

enum mysql_event {
#define EVENT(id, name) MYSQL_EVENT_##id,
#include "dataplane/event/app_event/mysql.def"
#undef EVENT
};

/* What the server says to a command; for one in hand, what its next packet is. */
enum mysql_reply {
	MYSQL_REPLY_NONE,
	MYSQL_REPLY_AUTH,    /* the login goes on, or its verdict */
	MYSQL_REPLY_SIMPLE,
	MYSQL_REPLY_TEXT,
	MYSQL_REPLY_RESULT,  /* an answer, or the number of columns */
	MYSQL_REPLY_PREPARE,
	MYSQL_REPLY_LIST,    /* packets up to an end */
	MYSQL_REPLY_COLUMNS, /* `left` of them */
	MYSQL_REPLY_ROWS,
	MYSQL_REPLY_INFILE,  /* the client's turn: the file it was asked for */
};

struct mysql_command {
	uint8_t number, reply; /* enum mysql_reply */
	const char *name;
};

struct mysql_tx {
	struct tx tx;
	uint16_t command;  /* number, or MYSQL_LOGIN */
	uint8_t reply;     /* enum mysql_reply */
	bool tls, compressed, logged_in;
	bool end_seen;     /* of the columns */
	bool has_affected, has_columns, has_error, has_rows, has_statement;
	uint32_t left;
	uint32_t statement;
	uint64_t affected, columns, rows, file_bytes;
	uint16_t error;
	struct text user, database, plugin, text, file;
	struct text error_state, error_message;
	struct texts attributes; /* name, value, … */
	struct texts kept;       /* rows */
};

struct mysql_statement {
	uint32_t id;
	struct text text;
};

struct mysql_state {
	uint32_t server_can, client_can;
	bool login_sent, blind; /* blind: what comes cannot be read */
	bool packed;            /* from here on packets are compressed */
	struct text version;
	struct mysql_side {
		bool lost;
		bool longer;    /* the packet before goes on in the next */
		uint32_t skip;  /* bytes of a packet that are not looked at */
		uint32_t begun; /* bytes missing of the packet that is waited for */
		struct mysql_pack {
			uint8_t head[MYSQL_PACK_HEAD_BYTES];
			uint8_t have;  /* of head */
			uint32_t left; /* of the packet that is being unpacked */
			struct content_decoder *decoder; /* owned; NULL: it is not compressed */
			struct app_pending kept;         /* the beginning of a packet inside */
		} pack;
	} side[2];
	struct mysql_statement statements[MYSQL_STATEMENTS_MAX];
	uint32_t statement_next;
};

struct mysql_config {
	bool keep_rows;
};

static inline struct mysql_tx *mysql_of(struct tx *tx)
{
	return (struct mysql_tx *)(void *)tx;
}

/* Have both ends said so? */
static inline bool mysql_both(const struct mysql_state *s, uint32_t capability)
{
	return s->server_can & s->client_can & capability;
}

/* mysql_reply.c */
/* A number of variable length; false: none is there, or it stands for NULL. */
bool mysql_number(struct cursor *c, uint64_t *out);
/* Bytes with such a number before them; data NULL where there are none. */
struct bytes mysql_string(struct cursor *c);
/* Bytes up to the next NUL, which is moved past. */
struct bytes mysql_name(struct cursor *c);
/* How many bytes of the server's packet, whose first is `first`, are to be looked at. */
uint32_t mysql_reply_wanted(struct worker *w, const struct mysql_tx *t, uint32_t len, uint8_t first);
/* A packet of the server: the first bytes of it, len in all. False: it cannot be one here. */
bool mysql_reply_take(struct worker *w, struct flow *f, struct mysql_state *s, struct mysql_tx *t,
		      struct cursor c, uint32_t len);

/* mysql.c: packets, with nothing around them. */
struct parse_result mysql_packets(struct worker *w, struct flow *f, struct mysql_state *s, enum direction d,
				  const struct app_input *in);

/* mysql_unpack.c */
struct parse_result mysql_unpack(struct worker *w, struct flow *f, struct mysql_state *s, enum direction d,
				 const struct app_input *in);
void mysql_unpack_clear(struct worker *w, struct mysql_state *s);

/* mysql_log.c */
const struct mysql_command *mysql_command_find(uint8_t number);
void mysql_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void mysql_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Redis: the serialization protocol RESP, versions 2 and 3, and inline commands (Redis documentation,
 * "Redis serialization protocol specification"). Private to redis*.c.
 *
 * A transaction is a command and its reply; replies answer commands in their order. What a server pushes
 * (messages of channels, MONITOR) belongs to no command. Values of any size pass: their first bytes are kept,
 * nothing waits for their end. Behind a request for replication nothing is read: a copy of the data base
 * follows, and commands in the other direction.
 */
#ifndef APP_REDIS_H
#define APP_REDIS_H

#include "dataplane/app/app.h"
#include "dataplane/app/text.h"

#define REDIS_LINE_MAX 4096
#define REDIS_DEPTH_MAX 16          /* aggregates in aggregates */
#define REDIS_WORDS_MAX 32          /* kept of a command */
#define REDIS_WORDS_BYTES_MAX 4096
#define REDIS_VALUE_MAX 1024        /* bytes kept of a reply's first value */
#define REDIS_TRANSACTIONS_MAX 1024

enum redis_event {
#define EVENT(id, name) REDIS_EVENT_##id,
#include "dataplane/event/app_event/redis.def"
#undef EVENT
};

/* Reads one direction element by element, in pieces of any size. */
struct redis_reader {
	uint64_t left[REDIS_DEPTH_MAX]; /* elements to come of each open aggregate */
	unsigned depth;
	uint64_t bulk;  /* bytes to come of a string, CR LF included; 0: none is open */
	bool skip_line; /* rest of a long one */
	bool lost;
};

struct redis_element {
	uint8_t type;      /* its first byte */
	bool first;        /* of its message */
	bool last;         /* with it the message ends */
	uint64_t number;   /* length, count */
	struct bytes text; /* a line, or as much of a string as is there, borrowed */
	bool more;         /* text goes on what the last call gave */
	bool closed;       /* no more of it will come */
};

enum redis_read { REDIS_ELEMENT, REDIS_WAIT, REDIS_WRONG };

struct redis_tx {
	struct tx tx;
	uint32_t expected;      /* replies */
	uint64_t words;         /* of the command, kept or not */
	struct texts kept;      /* of them, the first ones */
	struct text command;    /* kept words with blanks between */
	struct text word;       /* the one in hand */
	bool open;              /* the command is not complete */
	/* the reply */
	uint8_t type;           /* its first byte; 0: none */
	uint64_t number;
	bool value_done, replied;
	struct text value;
};

struct redis_config {
	bool log_passwords;
};

struct redis_state {
	struct redis_reader reader[2];
	struct redis_tx *asking; /* its command is not complete */
	uint8_t reply;           /* first byte of the reply in hand */
	uint8_t word[16];        /* begin of the first value in it */
	uint8_t word_len;
	bool word_done;
	uint8_t pushing;         /* type of what the server says unasked; 0: it answers */
	bool subscribed;
	bool silent, skip_next;  /* the client asked for no replies, for none to the next command */
	bool blind;
};

static inline struct redis_tx *redis_of(struct tx *tx)
{
	return (struct redis_tx *)(void *)tx;
}

/* redis_read.c: the next element, or the next part of a string; moves c. */
enum redis_read redis_read(struct redis_reader *r, struct cursor *c, struct redis_element *out);
void redis_reader_reset(struct redis_reader *r);

/* redis_log.c */
void redis_configure(const struct worker *w, void *config);
void redis_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void redis_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to syslog*.c: one message taken apart, its record.
 */
#ifndef APP_SYSLOG_H
#define APP_SYSLOG_H

#include "dataplane/app/app.h"
#include "dataplane/base/cursor.h"

#define SYSLOG_MESSAGE_MAX 8192 /* bytes kept of a message (RFC 5425, 4.3.1) */
#define SYSLOG_PRIORITY_MAX 191 /* 23 facilities, 8 severities (RFC 5424, 6.2.1) */

enum syslog_event {
#define EVENT(id, name) SYSLOG_EVENT_##id,
#include "dataplane/event/app_event/syslog.def"
#undef EVENT
};

enum syslog_format {
	SYSLOG_PLAIN, /* neither of both: all is text */
	SYSLOG_BSD,   /* RFC 3164, and what is like it */
	SYSLOG_IETF,  /* RFC 5424 */
};

enum syslog_flaw {
	SYSLOG_NO_PRIORITY = 1 << 0,
	SYSLOG_BAD_PRIORITY = 1 << 1,
	SYSLOG_BAD_HEADER = 1 << 2,
	SYSLOG_BAD_STRUCTURED = 1 << 3,
};

/* Parts of the bytes it was read from; data NULL: not there, or said to be not known ("-"). */
struct syslog_message {
	enum syslog_format format;
	uint8_t flaws;     /* enum syslog_flaw */
	bool has_priority;
	uint8_t priority;
	uint16_t version;  /* SYSLOG_IETF */
	struct bytes timestamp, hostname, appname, procid, msgid, structured, text;
};

struct syslog_tx {
	struct tx tx;
	uint8_t direction;
	bool truncated;
	uint8_t *bytes;    /* owned: the message's parts are in it */
	struct syslog_message m;
};

static inline struct syslog_tx *syslog_of(struct tx *tx)
{
	return (struct syslog_tx *)(void *)tx;
}

/* ---- syslog_message.c ---- */

/* "<34>": its length, 0: it is none. *number: NULL, or where its value goes, which may be too large for a priority. */
uint32_t syslog_priority(struct bytes b, unsigned *number);
/* Does a version (RFC 5424) or a date (RFC 3164) stand there, behind the priority? */
bool syslog_dated(struct bytes b);
void syslog_read(struct syslog_message *m, struct bytes b);
/* The next element of structured data at *c: its name, its parameters in *params. False: there is none, or it is
 * not well formed. */
bool syslog_element(struct cursor *c, struct bytes *id, struct cursor *params);
/* The next parameter of it: name, and value with its escapes. */
bool syslog_param(struct cursor *c, struct bytes *name, struct bytes *value);

/* ---- syslog_log.c: proto.log, proto.alert_context ---- */
void syslog_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void syslog_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SMTP (RFC 5321, with STARTTLS, PIPELINING, CHUNKING), private to smtp*.c.
 *
 * A mail is a transaction: from the first command after the last one until its end is accepted, or
 * RSET, or STARTTLS. Commands wait in a queue for their replies, as a client may send several at
 * once. The bytes of the mail go through the MIME parser as they come.
 */
#ifndef APP_SMTP_H
#define APP_SMTP_H

#include "dataplane/app/dot.h"
#include "dataplane/app/file.h"
#include "dataplane/app/frame.h"
#include "dataplane/app/mail_note.h"
#include "dataplane/app/mime.h"
#include "dataplane/app/text.h"
#include "dataplane/app/packed.h"

#define SMTP_LINE_MAX 4096        /* a longer command or reply is not looked at */
#define SMTP_COMMANDS_MAX 8192    /* waiting for their replies */
#define SMTP_RECIPIENTS_MAX 1024  /* kept of a mail */
#define SMTP_HEADERS_MAX 256      /* kept of a mail */
#define SMTP_HEADER_BYTES_MAX (128u * 1024)
#define SMTP_URLS_MAX 256
#define SMTP_ATTACHMENTS_MAX 256  /* names kept */
#define SMTP_TRANSACTIONS_MAX 256 /* live at once */

/* Progress of both directions of a transaction. */
enum smtp_progress { SMTP_NOTHING, SMTP_COMMANDS, SMTP_CONTENT, SMTP_DONE };

enum smtp_event {
#define EVENT(id, name) SMTP_EVENT_##id,
#include "dataplane/event/app_event/smtp.def"
#undef EVENT
	SMTP_EVENT_COUNT
};

enum smtp_command { SMTP_STARTTLS, SMTP_DATA, SMTP_BDAT, SMTP_DATA_END, SMTP_RSET, SMTP_OTHER };

struct smtp_tx {
	struct tx tx;
	struct smtp_state *state;
	struct text helo, mail_from; /* data NULL: not seen */
	struct text logon;         /* of NTLM, in base64 as sent; data NULL: none */
	struct texts rcpt_to;
	bool content;              /* DATA or BDAT was seen: there is an email object */
	bool content_done;
	bool bdat;                 /* its content comes in chunks that are read, and is complete with content_done */
	struct mime *mime;         /* while the content is read */
	struct file *file;         /* the attachment being read */
	struct packed *packed;     /* what it itself is; NULL: nothing that holds others */
	bool packed_over;
	struct file *whole;        /* NULL: mails are no files (file_bodies) */
	struct mail_note note;     /* for the analysis of attachments */
	uint32_t anomalies_seen;
	uint32_t header_bytes;
	struct texts header_names, header_values; /* of the mail itself, in order */
	struct texts attachments, urls;
};

struct smtp_line {
	uint8_t *data;             /* SMTP_LINE_MAX, made on first need */
	uint32_t len;
	bool too_long;             /* rest of the line is thrown away */
	bool cr;                   /* the line just taken ended with CR LF */
};

struct smtp_state {
	struct worker *w;          /* of the call in hand */
	struct flow *f;
	struct smtp_tx *tx;        /* current; NULL: the next command makes one */
	struct text helo, logon;
	struct smtp_line line[2];
	uint8_t *commands;         /* queue: first … count */
	uint32_t command_first, command_count, command_cap;
	uint8_t current;           /* enum smtp_command, the latest */
	bool in_data;              /* DATA: content until the dot; STARTTLS: nothing to read */
	bool early;                /* content came, or will, before the answer to DATA */
	bool data_waits;           /* for the answer to DATA */
	bool doubtful;             /* the end of the mail is none if the client goes on with what is no command */
	bool first_reply, multiline, pipelining;
	bool starttls;             /* accepted: the protocol changes after this call */
	struct dot_reader dot;     /* DATA */
	uint64_t bdat_left;
	bool bdat_last;
	uint64_t line_at[2];       /* where the line in hand began in its stream */
	uint64_t data_frame, data_frame_at; /* of the content in hand; 0: none */
};

extern const char *const smtp_event_names[];
extern const struct proto_buffer smtp_buffers[];

/* smtp.c */
void smtp_event(struct smtp_state *s, enum smtp_event e);

/* smtp_mail.c */
void smtp_mail_begin(struct smtp_state *s);
/* Is what comes in chunks (BDAT) read as a mail too? Otherwise it is passed over (app.smtp.mime.decode_bdat). */
bool smtp_mail_in_chunks(const struct smtp_state *s);
/* Is what comes before the answer to DATA read as one? (app.smtp.mime.decode_early) */
bool smtp_mail_early(const struct smtp_state *s);
void smtp_mail_data(struct smtp_state *s, const uint8_t *data, uint32_t len);
void smtp_mail_gap(struct smtp_state *s, uint64_t len);
void smtp_mail_end(struct smtp_state *s, bool complete);
void smtp_mail_free(struct worker *w, struct smtp_tx *tx);
/* The first header of that name (lower case); data NULL: none. */
struct bytes smtp_mail_header(const struct smtp_tx *tx, const char *name);

/* smtp_log.c */
void smtp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void smtp_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);
void smtp_contacts(struct smtp_state *s, struct bytes address);

#endif

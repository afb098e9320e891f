/* SPDX-License-Identifier: BSD-3-Clause
 *
 * FTP (RFC 959, 2428 EPRT and EPSV, 4217 AUTH TLS), private to ftp*.c and those who ask about its
 * transactions. A command with its reply is a transaction; what the server says unasked (its
 * greeting) is one without command. A data connection is expected (expect.h) once a file is asked
 * for; it is a flow of protocol ftp-data with one transaction.
 */
#ifndef APP_FTP_H
#define APP_FTP_H

#include "dataplane/app/line.h"
#include "dataplane/app/text.h"

#define FTP_LINE_MAX 4096
#define FTP_REPLY_LINES_MAX 256 /* kept of one reply */
#define FTP_TRANSACTIONS_MAX 1024
#define FTP_CODE_CHARS 3

/* Progress of both directions: a command was read; its reply is complete. */
enum ftp_progress { FTP_NOTHING, FTP_COMMAND, FTP_REPLIED };

enum ftp_mode { FTP_MODE_NONE, FTP_ACTIVE, FTP_PASSIVE };

enum ftp_event {
#define EVENT(id, name) FTP_EVENT_##id,
#include "dataplane/event/app_event/ftp.def"
#undef EVENT
	FTP_EVENT_COUNT,
};

struct ftp_tx {
	struct tx tx;
	struct text command, data;
	struct texts codes, replies;
	uint16_t dynamic_port; /* 0: none */
	uint8_t mode;          /* enum ftp_mode */
	bool command_cut, reply_cut, replied;
};

/* What a data connection is for, as the words of ftpdata_command are numbered. FTP_DATA(word, command,
 * bytes are a file, which the client sends) */
#define FTP_DATA_COMMANDS                                                                          \
	FTP_DATA(stor, "STOR", true, true)                                                         \
	FTP_DATA(retr, "RETR", true, false)                                                        \
	FTP_DATA(appe, "APPE", true, true)                                                         \
	FTP_DATA(stou, "STOU", true, true)                                                         \
	FTP_DATA(list, "LIST", false, false)                                                       \
	FTP_DATA(nlst, "NLST", false, false)                                                       \
	FTP_DATA(mlsd, "MLSD", false, false)

enum ftp_data_command {
#define FTP_DATA(word, command, file, upload) FTP_DATA_##word,
	FTP_DATA_COMMANDS
#undef FTP_DATA
	FTP_DATA_COMMAND_COUNT
};

struct ftp_data_row {
	const char *command;
	bool file, upload;
};
extern const struct ftp_data_row ftp_data_rows[FTP_DATA_COMMAND_COUNT];

/* Detail of an expectation: the command, and in the last bit the direction of its bytes in the data flow. */
#define FTP_DATA_DETAIL(command, direction) (uint8_t)((command) << 1 | (direction))

extern const struct proto_buffer ftp_buffers[];
extern const struct proto_value ftp_values[];

/* ftp_log.c */
void ftp_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void ftp_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

/* ftp_port.c: the port of a data connection as commands and replies say it; 0: none is said. */
uint16_t ftp_port_of_numbers(struct bytes text, struct addr *address); /* h1,h2,h3,h4,p1,p2 */
uint16_t ftp_port_of_extended(struct bytes text);                      /* |1|address|port| */

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PostgreSQL's protocol 3 (PostgreSQL documentation, "Frontend/Backend Protocol": 55.2 flow, 55.7
 * message formats, 55.8 error fields). Private to pgsql*.c.
 *
 * A transaction is a request of the client and what the server says to it: SSL request, startup, each
 * step of a logon, a query, an extended query up to its Sync, a run of COPY data, the end. Rows and
 * COPY data are counted, not kept.
 */
#ifndef APP_PGSQL_H
#define APP_PGSQL_H

#include "dataplane/app/app.h"
#include "dataplane/app/text.h"

#define PGSQL_MESSAGE_MAX (64u << 10) /* of a message is looked at; the rest is passed over */
#define PGSQL_TRANSACTIONS_MAX 1024
#define PGSQL_PARAMETERS_MAX 64
#define PGSQL_TEXTS_BYTES_MAX (64u << 10) /* parameters kept of a transaction */

enum pgsql_request {
	PGSQL_NONE, /* the server spoke first */
	PGSQL_SSL,
	PGSQL_GSS,
	PGSQL_STARTUP,
	PGSQL_CANCEL,
	PGSQL_PASSWORD,
	PGSQL_SASL_INITIAL,
	PGSQL_SASL_RESPONSE,
	PGSQL_QUERY,
	PGSQL_EXTENDED, /* Parse … Sync */
	PGSQL_COPY,
	PGSQL_TERMINATE,
	PGSQL_OTHER,
};

/* Kinds of authentication message R (its first number). */
enum { PGSQL_AUTH_OK = 0, PGSQL_AUTH_CLEARTEXT = 3, PGSQL_AUTH_MD5 = 5, PGSQL_AUTH_SSPI = 9,
       PGSQL_AUTH_SASL = 10, PGSQL_AUTH_SASL_CONTINUE = 11, PGSQL_AUTH_SASL_FINAL = 12 };

struct pgsql_copy {
	uint64_t messages, bytes;
};

struct pgsql_tx {
	struct tx tx;
	uint8_t request;          /* enum pgsql_request */
	bool copy_done, copy_failed;
	uint16_t major, minor;    /* startup */
	struct text text;         /* query, password, SASL data */
	struct text mechanism;    /* SASL */
	struct texts parameters;  /* startup: name, value, … */
	struct pgsql_copy copy_in;
	uint32_t cancel_pid, cancel_key;
	/* what the server said */
	uint8_t ssl;              /* 0 nothing, 'S', 'N' */
	int32_t auth;             /* last kind of R, or -1 */
	bool responded;
	bool has_key, has_fields, has_rows, has_copy_in, has_copy_out, has_notification;
	uint32_t pid, key, notification_pid;
	uint16_t fields, copy_in_columns, copy_out_columns;
	uint64_t rows, row_bytes;
	struct pgsql_copy copy_out;
	struct text auth_data, completed, error, channel, payload; /* error: fields as sent */
	struct texts status;      /* ParameterStatus: name, value, … */
};

struct pgsql_config {
	bool log_passwords;
};

static inline struct pgsql_tx *pgsql_of(struct tx *tx)
{
	return (struct pgsql_tx *)(void *)tx;
}

/* pgsql_log.c */
void pgsql_configure(const struct worker *w, void *config);
void pgsql_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void pgsql_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);

#endif

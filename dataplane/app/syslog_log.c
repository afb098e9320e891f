/* SPDX-License-Identifier: BSD-3-Clause
 *
 * syslog: the record of a message. Runs in the worker.
 */
#include "dataplane/app/syslog.h"

#include "dataplane/engine/emit.h"

#define ELEMENTS_MAX 32
#define PARAMS_MAX 64  /* of all elements together */
#define VALUE_MAX 1024 /* bytes of a value that has escapes */

/* RFC 5424, 6.2.1, by the names of their constants; 12 to 15 have none there. */
static const char *const facilities[] = {
	"kern",     "user",   "mail",   "daemon", "auth",   "syslog", "lpr",    "news",
	"uucp",     "cron",   "authpriv", "ftp",  "ntp",    "audit",  "alert",  "clock",
	"local0",   "local1", "local2", "local3", "local4", "local5", "local6", "local7",
};
static const char *const severities[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};

static void write_bytes(struct recorder *r, enum field_id field, struct bytes b)
{
	if (b.data)
		rec_bytes(r, field, b.data, b.len);
}

/* 6.3.3: a backslash stands before a quote, a bracket and itself. */
static void write_value(struct recorder *r, struct bytes value)
{
	uint8_t plain[VALUE_MAX];
	uint32_t n = 0;

	if (!value.len || !memchr(value.data, '\\', value.len)) {
		rec_bytes(r, F_syslog_value, value.data, value.len);
		return;
	}
	for (uint32_t i = 0; i < value.len && n < VALUE_MAX; i++) {
		if (value.data[i] == '\\' && i + 1 < value.len &&
		    (value.data[i + 1] == '"' || value.data[i + 1] == ']' || value.data[i + 1] == '\\'))
			i++;
		plain[n++] = value.data[i];
	}
	rec_bytes(r, F_syslog_value, plain, n);
}

static void write_params(struct recorder *r, struct cursor c, unsigned *left)
{
	struct bytes name, value;
	bool open = false;

	for (; *left && syslog_param(&c, &name, &value); (*left)--) {
		if (!open)
			rec_open(r, F_syslog_params);
		open = true;
		rec_open(r, F_syslog_param);
		write_bytes(r, F_syslog_name, name);
		write_value(r, value);
		rec_close(r);
	}
	if (open)
		rec_close(r);
}

static void write_structured(struct recorder *r, struct bytes b)
{
	struct cursor c = cursor_of(b.data, b.len), params;
	unsigned left = PARAMS_MAX;
	struct bytes id;

	if (!b.data)
		return;
	rec_open(r, F_syslog_structured_data);
	for (unsigned i = 0; i < ELEMENTS_MAX && syslog_element(&c, &id, &params); i++) {
		rec_open(r, F_syslog_element);
		write_bytes(r, F_syslog_id, id);
		write_params(r, params, &left);
		rec_close(r);
	}
	rec_close(r);
}

void syslog_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r)
{
	static const char *const formats[] = {
		[SYSLOG_PLAIN] = "plain", [SYSLOG_BSD] = "rfc3164", [SYSLOG_IETF] = "rfc5424",
	};
	const struct syslog_message *m = &syslog_of(tx)->m;

	rec_open(r, F_syslog_syslog);
	rec_text(r, F_syslog_format, formats[m->format]);
	if (m->format == SYSLOG_IETF)
		rec_uint(r, F_syslog_version, m->version);
	if (m->has_priority) {
		rec_uint(r, F_syslog_priority, m->priority);
		rec_text(r, F_syslog_facility, facilities[m->priority >> 3]);
		rec_text(r, F_syslog_severity, severities[m->priority & 7]);
	}
	write_bytes(r, F_syslog_timestamp, m->timestamp);
	write_bytes(r, F_syslog_hostname, m->hostname);
	write_bytes(r, F_syslog_appname, m->appname);
	write_bytes(r, F_syslog_procid, m->procid);
	write_bytes(r, F_syslog_msgid, m->msgid);
	write_structured(r, m->structured);
	write_bytes(r, F_syslog_message, m->text);
	if (syslog_of(tx)->truncated)
		rec_bool(r, F_syslog_truncated, true);
	rec_close(r);
}

void syslog_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p)
{
	struct recorder *r = emit_flow(w, RECORD_syslog, f, syslog_of(tx)->direction, tx->id, p);

	if (!r)
		return;
	syslog_alert_context(w, f, tx, r);
	emit_end(w);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a finding reads as webhook, mail, syslog line and sighting.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "control/courier/notify.h"
#include "control/intel/tlp.h"

#define SYSLOG_PRIORITY 84 /* facility authpriv (10), severity warning (4) */
#define HOST_MAX 255
#define QUOTED_LINE_MAX 76

const char *notify_sensor(const struct config *c)
{
	static _Thread_local char host[256];

	if (*c->sensor_name)
		return c->sensor_name;
	if (gethostname(host, sizeof(host) - 1) != 0)
		return "metsuke";
	return host;
}

/* The sensor's name as a host's: it may be any text, and stands where a blank would end the field
 * (RFC 5424, 6.2.4; RFC 5322, 3.6.4). */
static void put_host(struct text *out, const char *name)
{
	size_t n = strlen(name) < HOST_MAX ? strlen(name) : HOST_MAX;

	for (size_t i = 0; i < n; i++) {
		unsigned char b = (unsigned char)name[i];
		bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
			      (b >= '0' && b <= '9');
		bool dot = b == '.' && i && i + 1 < n && name[i - 1] != '.';

		text_char(out, letter || dot ? (char)b : '-');
	}
}

static const char *member(const json_t *f, const char *key)
{
	const char *s = json_string_value(json_object_get(f, key));

	return s ? s : "";
}

static long long number(const json_t *f, const char *key)
{
	return (long long)json_integer_value(json_object_get(f, key));
}

void notify_webhook_body(struct text *out, const struct config *c, const json_t *findings)
{
	char *text = json_dumps(findings, JSON_COMPACT | JSON_PRESERVE_ORDER);

	text_char(out, '{');
	json_key_cstr(out, "event_type", "retro");
	json_key_cstr(out, "sensor", notify_sensor(c));
	json_key(out, "findings");
	text_str(out, text ? text : "[]");
	text_char(out, '}');
	free(text);
}

/* ---- mail ---- */

static void put_date(struct text *out, uint64_t ns)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t at = (time_t)(ns / 1000000000u);
	struct tm tm;

	gmtime_r(&at, &tm);
	text_format(out, "%.3s, %02d %.3s %04d %02d:%02d:%02d +0000", days + 3 * tm.tm_wday, tm.tm_mday,
		    months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* A value that came from the network, on one line of a mail. */
static void put_plain(struct text *out, const char *s)
{
	for (; *s; s++)
		text_char(out, (unsigned char)*s < 32 || *s == 127 ? '.' : *s);
}

static void put_line(struct text *out, const char *name, const char *value)
{
	if (!*value)
		return;
	text_format(out, "  %-10s ", name);
	put_plain(out, value);
	text_str(out, "\r\n");
}

static void put_finding(struct text *out, const json_t *f)
{
	text_str(out, "Client ");
	put_plain(out, member(f, "client"));
	if (*member(f, "host")) {
		text_str(out, " (");
		put_plain(out, member(f, "host"));
		text_char(out, ')');
	}
	text_str(out, " contacted ");
	put_plain(out, member(f, "indicator"));
	text_str(out, "\r\n");
	put_line(out, "kind", member(f, "kind"));
	put_line(out, "known as", member(f, "threat"));
	put_line(out, "family", member(f, "family"));
	put_line(out, "source", member(f, "source"));
	put_line(out, "first", member(f, "first"));
	put_line(out, "last", member(f, "last"));
	text_format(out, "  %-10s %lld on %lld days\r\n", "contacts", number(f, "count"),
		    number(f, "days"));
	put_line(out, "MAC", member(f, "mac"));
	put_line(out, "user", member(f, "user"));
	text_format(out, "  %-10s metsuke retro finding %lld\r\n\r\n", "more", number(f, "id"));
}

static void put_encoded_word(struct text *out, const char *s)
{
	text_str(out, "=?UTF-8?B?");
	text_base64(out, s, strlen(s));
	text_str(out, "?=");
}

/* RFC 2045, 6.7: lines of at most 76 characters, whatever their length was. text: lines with CRLF. */
static void put_quoted_printable(struct text *out, const struct text *text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t column = 0;

	for (size_t i = 0; i < text->len; i++) {
		uint8_t b = text->data[i];
		bool ends = i + 1 == text->len || text->data[i + 1] == '\r';
		bool plain = (b > 32 && b < 127 && b != '=') || (b == ' ' && !ends);

		if (b == '\r' || b == '\n') {
			text_char(out, (char)b);
			column = 0;
			continue;
		}
		if (column + (plain ? 1 : 3) > QUOTED_LINE_MAX - 1) {
			text_str(out, "=\r\n");
			column = 0;
		}
		if (plain) {
			text_char(out, (char)b);
		} else {
			text_char(out, '=');
			text_char(out, hex[b >> 4]);
			text_char(out, hex[b & 15]);
		}
		column += plain ? 1 : 3;
	}
}

static void put_subject(struct text *out, const struct config *c, const json_t *findings)
{
	const json_t *first = json_array_get(findings, 0);
	size_t n = json_array_size(findings);
	struct text subject = {0};

	text_format(&subject, "[%s] ", notify_sensor(c));
	if (n == 1)
		text_format(&subject, "%s contacted %.80s", member(first, "client"),
			    member(first, "indicator"));
	else
		text_format(&subject, "%zu retro findings, the first: %s contacted %.60s", n,
			    member(first, "client"), member(first, "indicator"));
	text_str(out, "Subject: ");
	/* In pieces that are legal words (RFC 2047, 2: at most 75 characters, 76 in a line). */
	for (size_t at = 0; at < subject.len;) {
		char piece[40];
		size_t take = subject.len - at < 39 ? subject.len - at : 39;

		while (take > 1 && at + take < subject.len &&
		       (subject.data[at + take] & 0xc0) == 0x80)
			take--;
		memcpy(piece, subject.data + at, take);
		piece[take] = '\0';
		if (at)
			text_str(out, "\r\n ");
		put_encoded_word(out, piece);
		at += take;
	}
	text_str(out, "\r\n");
	text_free(&subject);
}

void notify_mail_body(struct text *out, const struct config *c, const json_t *findings,
		      uint64_t now_ns)
{
	struct text body = {0};
	const json_t *f;
	size_t i;

	text_str(out, "Date: ");
	put_date(out, now_ns);
	text_format(out, "\r\nFrom: <%s>\r\nTo: ", c->notify_mail_from);
	for (i = 0; i < c->notify_mail_to.count; i++)
		text_format(out, "%s<%s>", i ? ",\r\n " : "", c->notify_mail_to.items[i]);
	text_str(out, "\r\n");
	put_subject(out, c, findings);
	text_format(out, "Message-ID: <%llx.%lld@", (unsigned long long)now_ns,
		    number(json_array_get(findings, 0), "id"));
	put_host(out, notify_sensor(c));
	text_str(out, ">\r\n");
	text_str(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		      "Content-Transfer-Encoding: quoted-printable\r\nAuto-Submitted: auto-generated\r\n\r\n");
	json_array_foreach((json_t *)(uintptr_t)findings, i, f)
		put_finding(&body, f);
	put_quoted_printable(out, &body);
	out->failed |= body.failed;
	text_free(&body);
}

/* ---- syslog ---- */

/* PARAM-VALUE (RFC 5424, 6.3.3). */
static void put_param(struct text *out, const char *name, const char *value)
{
	if (!*value)
		return;
	text_format(out, " %s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\' || *value == ']')
			text_char(out, '\\');
		text_char(out, (unsigned char)*value < 32 ? '.' : *value);
	}
	text_char(out, '"');
}

void notify_syslog_body(struct text *out, const struct config *c, const json_t *f, uint64_t now_ns)
{
	static const char *const params[] = {"client", "host", "mac", "user", "kind", "indicator",
					     "threat", "family", "source", "first", "last"};
	time_t at = (time_t)(now_ns / 1000000000u);
	char date[32];
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	/* 32473 is the enterprise number for examples and private use (RFC 5612). */
	text_format(out, "<%d>1 %s ", SYSLOG_PRIORITY, date);
	put_host(out, notify_sensor(c));
	text_format(out, " metsuke %d retro [retro@32473", (int)getpid());
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		put_param(out, params[i], member(f, params[i]));
	text_format(out, " count=\"%lld\" days=\"%lld\" id=\"%lld\"] ", number(f, "count"),
		    number(f, "days"), number(f, "id"));
	put_plain(out, member(f, "client"));
	text_str(out, " contacted ");
	put_plain(out, member(f, "indicator"));
}

/* ---- sharing ---- */

/* A UUID that is the same for the same thing: version 8 (RFC 9562, 5.8), by two seeds of XXH3. */
static void put_uuid(struct text *out, const char *type, const char *a, const char *b)
{
	struct text name = {0};
	uint64_t high, low;

	text_format(&name, "%s\n%s\n%s", type, a, b);
	high = XXH3_64bits_withSeed(name.data, name.len, 1);
	low = XXH3_64bits_withSeed(name.data, name.len, 2);
	high = (high & ~0xf000ull) | 0x8000;
	low = (low & ~(3ull << 62)) | 2ull << 62;
	text_format(out, "\"%s--%08x-%04x-%04x-%04x-%012llx\"", type, (unsigned)(high >> 32),
		    (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
		    (unsigned long long)(low & 0xffffffffffffull));
	text_free(&name);
}

/* STIX writes times with a Z (RFC 3339). */
static void put_time(struct text *out, const char *key, const char *eve_time)
{
	json_key(out, key);
	text_format(out, "\"%.23sZ\"", eve_time);
}

/* A pattern's string literal (STIX 2.1, 9.3). */
static void put_quoted(struct text *pattern, const char *value)
{
	text_char(pattern, '\'');
	for (; *value; value++) {
		if (*value == '\'' || *value == '\\')
			text_char(pattern, '\\');
		text_char(pattern, *value);
	}
	text_char(pattern, '\'');
}

static void put_pattern(struct text *out, const char *kind, const char *value)
{
	static const struct {
		const char *kind, *path;
	} paths[] = {
		{"domain", "domain-name:value"}, {"sni", "domain-name:value"},
		{"url", "url:value"}, {"email", "email-addr:value"},
		{"file_md5", "file:hashes.MD5"}, {"file_sha1", "file:hashes.'SHA-1'"},
		{"file_sha256", "file:hashes.'SHA-256'"},
		{"cert_sha1", "x509-certificate:hashes.'SHA-1'"},
		{"cert_sha256", "x509-certificate:hashes.'SHA-256'"},
		{"ip", "ipv4-addr:value"}, {"cidr", "ipv4-addr:value"},
	};
	const char *path = "x-metsuke:value";
	struct text pattern = {0};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (strcmp(kind, paths[i].kind) == 0)
			path = paths[i].path;
	if (strchr(value, ':') && strncmp(path, "ipv4", 4) == 0)
		path = "ipv6-addr:value";
	text_format(&pattern, "[%s = ", path);
	put_quoted(&pattern, value);
	text_char(&pattern, ']');
	json_key(out, "pattern");
	json_put_string(out, pattern.data, pattern.len);
	text_free(&pattern);
}

static void put_marking(struct text *out, const char *marking)
{
	if (!marking)
		return;
	json_key(out, "object_marking_refs");
	text_format(out, "[\"%s\"]", marking);
}

/* The client stays here: another site learns that it was sighted, when and how often. */
static void put_sighting(struct text *out, const struct config *c, const json_t *f)
{
	const char *kind = member(f, "kind"), *indicator = member(f, "indicator");
	const char *sensor = notify_sensor(c), *marking = tlp_marking(notify_tlp(f));
	long long count = number(f, "count");
	char which[96];

	/* Findings may begin at the same time. */
	snprintf(which, sizeof(which), "%.40s %lld", member(f, "first"), number(f, "id"));
	json_comma(out);
	text_str(out, "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":");
	put_uuid(out, "indicator", kind, indicator);
	put_time(out, "created", member(f, "found"));
	put_time(out, "modified", member(f, "found"));
	json_key_cstr(out, "name", *member(f, "threat") ? member(f, "threat") : indicator);
	put_pattern(out, kind, indicator);
	json_key_cstr(out, "pattern_type", "stix");
	put_time(out, "valid_from", member(f, "first"));
	json_key_uint(out, "confidence", (uint64_t)number(f, "score"));
	put_marking(out, marking);
	text_str(out, "},{\"type\":\"sighting\",\"spec_version\":\"2.1\",\"id\":");
	put_uuid(out, "sighting", sensor, which);
	put_time(out, "created", member(f, "found"));
	put_time(out, "modified", member(f, "found"));
	put_time(out, "first_seen", member(f, "first"));
	put_time(out, "last_seen", member(f, "last"));
	/* STIX 2.1, 5.2: 0 to 999,999,999. */
	json_key_uint(out, "count", count < 0 ? 0 : count > 999999999 ? 999999999 : (uint64_t)count);
	json_key(out, "sighting_of_ref");
	put_uuid(out, "indicator", kind, indicator);
	json_key_cstr(out, "description", sensor);
	put_marking(out, marking);
	text_char(out, '}');
}

void notify_share_body(struct text *out, const struct config *c, const json_t *findings)
{
	const json_t *f;
	size_t i;

	text_str(out, "{\"objects\":[");
	json_array_foreach((json_t *)(uintptr_t)findings, i, f)
		put_sighting(out, c, f);
	text_str(out, "]}");
}

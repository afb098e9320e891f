/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A message of SIP: RFC 3261, 7 and 20, 25.1. Pure functions.
 */
#include "dataplane/app/sip.h"

#include <strings.h>

static const char *const methods[] = {
	"INVITE", "ACK",     "OPTIONS", "BYE",   "CANCEL",  "REGISTER", "INFO",
	"PRACK",  "PUBLISH", "UPDATE",  "REFER", "MESSAGE", "NOTIFY",   "SUBSCRIBE",
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

static bool is_version(struct bytes b)
{
	return b.len == 7 && memcmp(b.data, "SIP/", 4) == 0 && b.data[4] >= '0' && b.data[4] <= '9' &&
	       b.data[5] == '.' && b.data[6] >= '0' && b.data[6] <= '9';
}

/* Up to the next blank of rest, which moves behind it. */
static struct bytes word_take(struct bytes *rest)
{
	const uint8_t *blank = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
	struct bytes word = {rest->data, blank ? (uint32_t)(blank - rest->data) : rest->len};
	uint32_t used = word.len + (blank != NULL);

	rest->data += used;
	rest->len -= used;
	return word;
}

static bool is_method(struct bytes b)
{
	for (unsigned i = 0; i < METHODS; i++)
		if (b.len == strlen(methods[i]) && memcmp(b.data, methods[i], b.len) == 0)
			return true;
	return false;
}

static bool is_code(struct bytes b)
{
	return b.len == 3 && b.data[0] >= '1' && b.data[0] <= '6' && b.data[1] >= '0' &&
	       b.data[1] <= '9' && b.data[2] >= '0' && b.data[2] <= '9';
}

enum sip_line sip_line_read(struct bytes line, struct sip_tx *tx)
{
	struct bytes rest = line, first = word_take(&rest), second = word_take(&rest);

	if (is_version(first) && is_code(second)) {
		if (tx) {
			tx->version = first;
			tx->code = second;
			tx->reason = rest;
		}
		return SIP_RESPONSE;
	}
	if (!is_method(first) || !second.len || !is_version(rest))
		return SIP_NO_LINE;
	if (tx) {
		tx->request = true;
		tx->method = first;
		tx->uri = second;
		tx->version = rest;
	}
	return SIP_REQUEST;
}

bool sip_line_possible(const uint8_t *data, uint32_t len)
{
	uint32_t n = len < 8 ? len : 8;

	if (memcmp(data, "SIP/2.0 ", n) == 0)
		return true;
	for (unsigned i = 0; i < METHODS; i++) {
		uint32_t m = (uint32_t)strlen(methods[i]);

		if (memcmp(data, methods[i], len < m ? len : m) == 0 && (len <= m || data[m] == ' '))
			return true;
	}
	return false;
}

uint32_t sip_head_length(const uint8_t *data, uint32_t len)
{
	for (uint32_t at = 0; at < len;) {
		const uint8_t *lf = memchr(data + at, '\n', len - at);
		uint32_t end;

		if (!lf)
			return 0;
		end = (uint32_t)(lf - data) + 1;
		if (end - at == 1 || (end - at == 2 && data[at] == '\r'))
			return end;
		at = end;
	}
	return 0;
}

static struct bytes trimmed(struct bytes b)
{
	while (b.len && (b.data[0] == ' ' || b.data[0] == '\t' || b.data[0] == '\r' || b.data[0] == '\n')) {
		b.data++;
		b.len--;
	}
	while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t' ||
			 b.data[b.len - 1] == '\r' || b.data[b.len - 1] == '\n'))
		b.len--;
	return b;
}

/* The size of a line with those that continue it (RFC 3261, 7.3.1). */
static uint32_t with_folded(struct bytes headers, uint32_t at, uint32_t size)
{
	while (at + size < headers.len && (headers.data[at + size] == ' ' || headers.data[at + size] == '\t')) {
		const uint8_t *lf = memchr(headers.data + at + size, '\n', headers.len - at - size);

		size = lf ? (uint32_t)(lf - headers.data) + 1 - at : headers.len - at;
	}
	return size;
}

bool sip_header(struct bytes headers, const char *name, char compact, unsigned n, struct bytes *out)
{
	uint32_t len = (uint32_t)strlen(name), at = 0;

	for (unsigned i = 0; i < SIP_HEADERS_MAX && at < headers.len; i++) {
		const uint8_t *line = headers.data + at, *lf = memchr(line, '\n', headers.len - at);
		uint32_t size = lf ? (uint32_t)(lf - line) + 1 : headers.len - at;
		const uint8_t *colon;
		struct bytes title;

		size = with_folded(headers, at, size);
		colon = memchr(line, ':', size);
		at += size;
		if (!colon)
			continue;
		title = trimmed((struct bytes){line, (uint32_t)(colon - line)});
		if (!(title.len == len && strncasecmp((const char *)title.data, name, len) == 0) &&
		    !(compact && title.len == 1 && (title.data[0] | 0x20) == compact))
			continue;
		if (n-- > 0)
			continue;
		*out = trimmed((struct bytes){colon + 1, size - (uint32_t)(colon + 1 - line)});
		return true;
	}
	return false;
}

bool sip_content_length(struct bytes headers, uint64_t *out)
{
	struct bytes b;

	*out = 0;
	if (!sip_header(headers, "content-length", 'l', 0, &b) || !b.len || b.len > 10)
		return false;
	for (uint32_t i = 0; i < b.len; i++) {
		if (b.data[i] < '0' || b.data[i] > '9')
			return false;
		*out = *out * 10 + (b.data[i] - '0');
	}
	return true;
}

/* RFC 3261, 7.3.1: a line that begins with a blank continues the one before. */
static void unfold(uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i + 1 < len; i++) {
		if (data[i] != '\n' || (data[i + 1] != ' ' && data[i + 1] != '\t'))
			continue;
		data[i] = ' ';
		if (i && data[i - 1] == '\r')
			data[i - 1] = ' ';
	}
}

bool sip_message_read(struct sip_tx *tx)
{
	uint8_t *data = tx->message.data;
	uint32_t len = tx->message.len, head = sip_head_length(data, len);
	const uint8_t *lf = len ? memchr(data, '\n', len) : NULL;
	uint32_t line = lf ? (uint32_t)(lf - data) : len;
	struct bytes type;

	if (!head)
		head = len;
	tx->line = (struct bytes){data, line && lf && data[line - 1] == '\r' ? line - 1 : line};
	if (sip_line_read(tx->line, tx) == SIP_NO_LINE)
		return false;
	line = lf ? line + 1 : len;
	unfold(data + line, head - line);
	tx->headers = (struct bytes){data + line, head - line};
	tx->body = (struct bytes){data + head, len - head};
	tx->sdp = tx->body.len && sip_header(tx->headers, "content-type", 'c', 0, &type) &&
		  type.len >= 15 && strncasecmp((const char *)type.data, "application/sdp", 15) == 0;
	return true;
}

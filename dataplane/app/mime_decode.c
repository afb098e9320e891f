/* SPDX-License-Identifier: BSD-3-Clause
 *
 * MIME: base64 and quoted-printable (RFC 2045, 6.7 and 6.8), byte by byte, and the search for URLs
 * in decoded text. Bad input never stops it: what cannot be decoded is an anomaly and is left out
 * (base64) or handed on as it is (quoted-printable).
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/mime_decode.h"
#include "dataplane/base/digit.h"

#include <strings.h>

/* ---- URLs ---- */

static bool url_ends(uint8_t c)
{
	return c <= ' ' || c == '\'' || c == '"' || c == '<' || c == '>' || c == ']';
}

static bool scheme_wanted(const struct mime *m)
{
	for (const char *at = m->schemes; *at;) {
		size_t n;

		at += strspn(at, "[], ");
		n = strcspn(at, "[], ");
		if (n == m->word_len && strncasecmp(at, (const char *)m->word, n) == 0)
			return true;
		at += n;
	}
	return false;
}

static void url_done(struct mime *m)
{
	if (m->in_url && m->url_len && m->ops->url)
		m->ops->url(m->ctx, (struct bytes){m->word, m->word_len},
			    (struct bytes){m->url, m->url_len});
	m->in_url = false;
	m->word_len = m->colon = 0;
	m->url_len = 0;
}

static void url_start(struct mime *m)
{
	/* Letters before it that are none of the scheme's: "xhttp" is looked at from its end. */
	for (uint8_t skip = 0; skip < m->word_len; skip++) {
		uint8_t word[sizeof(m->word)];
		uint8_t len = m->word_len, rest = (uint8_t)(len - skip);

		memcpy(word, m->word, len);
		memmove(m->word, word + skip, rest);
		m->word_len = rest;
		if (scheme_wanted(m)) {
			if (!m->url)
				m->url = heap_alloc(&m->w->heap, MIME_URL_MAX);
			m->in_url = m->url != NULL;
			m->url_len = 0;
			return;
		}
		memcpy(m->word, word, len);
		m->word_len = len;
	}
	m->word_len = 0;
}

static void url_byte(struct mime *m, uint8_t c)
{
	static const char mark[] = "://";

	if (m->in_url) {
		if (url_ends(c))
			url_done(m);
		else if (m->url_len < MIME_URL_MAX)
			m->url[m->url_len++] = c;
		return;
	}
	if (c == (uint8_t)mark[m->colon] && m->word_len) {
		if (++m->colon == 3) {
			m->colon = 0;
			url_start(m);
		}
		return;
	}
	if (m->colon)
		m->word_len = m->colon = 0;
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
		if (m->word_len == sizeof(m->word))
			memmove(m->word, m->word + 1, --m->word_len);
		m->word[m->word_len++] = c;
	} else {
		m->word_len = 0;
	}
}

/* ---- output ---- */

static void hand_out(struct mime *m, const uint8_t *data, uint32_t len)
{
	if (m->inner) {
		mime_data(m->inner, data, len);
		m->anomalies |= m->inner->anomalies;
	} else if (m->uu != UU_OFF)
		mime_uu(m, data, len);
	else
		m->ops->part_data(m->ctx, data, len);
}

static void out_flush(struct mime *m)
{
	if (m->out_len)
		hand_out(m, m->out, m->out_len);
	m->out_len = 0;
}

static bool wants_urls(const struct mime *m)
{
	return !(m->flags & (MIME_RAW | MIME_NO_URLS)) &&
	       (m->type == MIME_TEXT_PLAIN || m->type == MIME_TEXT_HTML);
}

static void out_byte(struct mime *m, uint8_t c)
{
	m->out[m->out_len++] = c;
	if (wants_urls(m))
		url_byte(m, c);
	if (m->out_len == MIME_OUT_BYTES)
		out_flush(m);
}

/* ---- encodings ---- */

#define QP_BLANKS_MAX 1000

static void base64_byte(struct mime *m, uint8_t c)
{
	int v = base64_digit(c);

	if (c == '\r' || c == '\n' || c == ' ' || c == '\t')
		return;
	if (c == '=') {
		/* The end; what follows it may be another run (files joined by careless tools). */
		if (m->quantum_len == 2)
			out_byte(m, (uint8_t)(m->quantum >> 4));
		if (m->quantum_len == 3) {
			out_byte(m, (uint8_t)(m->quantum >> 10));
			out_byte(m, (uint8_t)(m->quantum >> 2));
		}
		m->quantum = m->quantum_len = 0;
		return;
	}
	if (v < 0) {
		m->anomalies |= MIME_INVALID_BASE64;
		return;
	}
	m->quantum = m->quantum << 6 | (uint32_t)v;
	if (++m->quantum_len == 4) {
		out_byte(m, (uint8_t)(m->quantum >> 16));
		out_byte(m, (uint8_t)(m->quantum >> 8));
		out_byte(m, (uint8_t)m->quantum);
		m->quantum = m->quantum_len = 0;
	}
}

/* The bytes held are no escape: they stand for themselves. */
static void qp_give(struct mime *m)
{
	for (unsigned i = 0; i < m->qp_len; i++)
		out_byte(m, m->qp[i]);
	for (unsigned i = 0; i < m->qp_blanks; i++)
		out_byte(m, ' ');
	m->qp_len = 0;
	m->qp_blanks = 0;
}

static void qp_begin(struct mime *m, uint8_t c)
{
	if (c == '=')
		m->qp[m->qp_len++] = c;
	else
		out_byte(m, c);
}

static void qp_byte(struct mime *m, uint8_t c)
{
	if (m->qp_len == 0) {
		qp_begin(m, c);
		return;
	}
	/* "=" at the end of a line, but for blanks that were added on the way (RFC 2045, 6.7, 3): it goes on in the next. */
	if (c == '\n' && (m->qp_len == 1 || m->qp[1] == '\r')) {
		m->qp_len = 0;
		m->qp_blanks = 0;
		return;
	}
	if ((c == ' ' || c == '\t') && m->qp_len == 1 && m->qp_blanks < QP_BLANKS_MAX) {
		m->qp_blanks++;
		return;
	}
	if (m->qp_len == 1 && (c == '\r' || (hex_digit(c) >= 0 && !m->qp_blanks))) {
		m->qp[m->qp_len++] = c;
		return;
	}
	if (m->qp_len == 2 && hex_digit(m->qp[1]) >= 0 && hex_digit(c) >= 0) {
		out_byte(m, (uint8_t)(hex_digit(m->qp[1]) << 4 | hex_digit(c)));
		m->qp_len = 0;
		return;
	}
	m->anomalies |= MIME_INVALID_QP;
	qp_give(m);
	qp_begin(m, c);
}

void mime_decode_begin(struct mime *m)
{
	m->quantum = m->quantum_len = 0;
	m->qp_len = 0;
	m->qp_blanks = 0;
	m->out_len = 0;
	m->in_url = false;
	m->word_len = m->colon = 0;
	mime_uu_begin(m);
}

void mime_decode(struct mime *m, const uint8_t *data, uint32_t len)
{
	if (m->encoding == MIME_BASE64) {
		for (uint32_t i = 0; i < len; i++)
			base64_byte(m, data[i]);
	} else if (m->encoding == MIME_QP) {
		for (uint32_t i = 0; i < len; i++)
			qp_byte(m, data[i]);
	} else {
		out_flush(m);
		hand_out(m, data, len);
		for (uint32_t i = 0; wants_urls(m) && i < len; i++)
			url_byte(m, data[i]);
		return;
	}
	out_flush(m);
}

bool mime_decode_end(struct mime *m)
{
	if (m->encoding == MIME_BASE64 && m->quantum_len) {
		if (m->quantum_len == 1)
			m->anomalies |= MIME_INVALID_BASE64;
		base64_byte(m, '=');
	}
	if (m->qp_len) {
		m->anomalies |= MIME_INVALID_QP;
		m->qp_len = 0;
	}
	out_flush(m);
	url_done(m);
	return m->uu == UU_OFF || mime_uu_end(m);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Headers of HTTP/1 by name. A request and its answer are asked some twenty times, most often for what is not there: a set
 * of 64 bits by length, first and last byte of the names says so at once. libhtp's own look-up folds and compares each
 * name from its first byte. Runs in a worker.
 */
#include "dataplane/app/http.h"

#include <strings.h>

#define ALL_NAMES UINT64_MAX

/* Letters fold; what else comes out alike is told apart by comparing. */
static uint64_t bit_of(const uint8_t *name, size_t len)
{
	return len ? 1ull << (((name[0] | 0x20) * 5u + (name[len - 1] | 0x20) * 11u + (unsigned)len) % 64) : 1;
}

static bool equal_without_nuls(const uint8_t *sent, size_t len, const char *name, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = sent[i];

		if (!c)
			continue;
		if (at == n || (c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (uint8_t)name[at])
			return false;
		at++;
	}
	return at == n;
}

static bool is_named(const bstr *sent, const char *name, size_t n, bool nuls)
{
	const uint8_t *p = bstr_ptr(sent);
	size_t len = bstr_len(sent);

	if (nuls)
		return equal_without_nuls(p, len, name, n);
	return len == n && strncasecmp((const char *)p, name, n) == 0;
}

static void names_note(struct http_names *seen, const htp_table_t *headers, uint32_t count)
{
	for (; seen->count < count; seen->count++) {
		const htp_header_t *h = htp_table_get_index(headers, seen->count, NULL);
		size_t len = h ? bstr_len(h->name) : 0;

		if (!h)
			continue;
		if (memchr(bstr_ptr(h->name), 0, len))
			seen->bits = ALL_NAMES;
		seen->bits |= bit_of(bstr_ptr(h->name), len);
	}
}

struct bytes http_field(struct http_tx *tx, enum direction d, const char *name)
{
	const htp_table_t *headers = d == TO_SERVER ? tx->htp->request_headers : tx->htp->response_headers;
	uint32_t count = headers ? (uint32_t)htp_table_size(headers) : 0;
	struct http_names *seen = &tx->names_seen[d];
	size_t n = strlen(name);

	if (seen->count < count)
		names_note(seen, headers, count);
	if (!(seen->bits & bit_of((const uint8_t *)name, n)))
		return (struct bytes){NULL, 0};
	for (uint32_t i = 0; i < count; i++) {
		const htp_header_t *h = htp_table_get_index(headers, i, NULL);

		if (h && is_named(h->name, name, n, seen->bits == ALL_NAMES))
			return http_bytes(h->value);
	}
	return (struct bytes){NULL, 0};
}

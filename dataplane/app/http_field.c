/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Headers of HTTP/1 by name. libhtp's own look-up folds and compares each name from its first byte, and a request and
 * its answer are asked some twenty times: here the length decides first. Runs in a worker.
 */
#include "dataplane/app/http.h"

#include <strings.h>

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

static bool is_named(const bstr *sent, const char *name, size_t n)
{
	const uint8_t *p = bstr_ptr(sent);
	size_t len = bstr_len(sent);

	if (len < n)
		return false;
	if (len == n)
		return (p[0] | 0x20) == name[0] && strncasecmp((const char *)p, name, n) == 0;
	return (!p[0] || (p[0] | 0x20) == name[0]) && memchr(p, 0, len) && equal_without_nuls(p, len, name, n);
}

const htp_header_t *http_header(const htp_table_t *headers, const char *name)
{
	size_t n = strlen(name), count = headers ? htp_table_size(headers) : 0;

	for (size_t i = 0; i < count; i++) {
		const htp_header_t *h = htp_table_get_index(headers, i, NULL);

		if (h && is_named(h->name, name, n))
			return h;
	}
	return NULL;
}

struct bytes http_field(const htp_table_t *headers, const char *name)
{
	const htp_header_t *h = http_header(headers, name);

	return http_bytes(h ? h->value : NULL);
}

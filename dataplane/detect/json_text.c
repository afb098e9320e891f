/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Texts as JSON has them (RFC 8259), for the few members of records that are written ready made.
 */
#include <stdio.h>

#include "dataplane/detect/program.h"

#define ESCAPE_MAX 7 /* \\u0000, and the closing quote */

size_t json_text(char *out, size_t size, const void *text, size_t len, bool raw)
{
	const unsigned char *t = text;
	size_t n = 0;

	if (n < size)
		out[n++] = '"';
	for (size_t i = 0; i < len && n + ESCAPE_MAX < size; i++) {
		if (t[i] == '"' || t[i] == '\\') {
			out[n++] = '\\';
			out[n++] = (char)t[i];
		} else if (t[i] < 0x20 || (!raw && t[i] >= 0x7f)) {
			n += (size_t)snprintf(out + n, size - n, "\\u%04x", t[i]);
		} else {
			out[n++] = (char)t[i];
		}
	}
	if (n < size)
		out[n++] = '"';
	return n;
}

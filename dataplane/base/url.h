/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The one form of a URL in which traffic and indicators are compared: host in lower case without final
 * dot, then what url_rest makes of the rest; no scheme, user, port or fragment. Any process, any
 * thread.
 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include <stddef.h>
#include <stdint.h>

/* Path and query, normalised (RFC 3986, 6.2.2.1, 6.2.2.2, 6.2.3): begins with '/', has no fragment,
 * unreserved characters are not escaped, other escapes are in upper case, '%' is one. rest: all behind host and
 * port, may be empty. Stops where there is no room; returns the length. A second time changes
 * nothing. */
size_t url_rest(uint8_t *to, size_t room, const uint8_t *rest, size_t len);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Media types of TAXII 2.1 (1.6.8.1): application/taxii+json, with version=2.1 or without a version.
 * HTTP thread.
 */
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "control/http/http_private.h"

#define TYPE "application/taxii+json"

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* The parameter at p, up to the next ";" or ",", if it is that of the version: is it 2.1? */
static bool version_fits(const char *p)
{
	size_t n;

	p = skip_blanks(p);
	if (strncasecmp(p, "version", 7) != 0)
		return true;
	p = skip_blanks(p + 7);
	if (*p != '=')
		return true;
	p = skip_blanks(p + 1);
	p += *p == '"';
	n = strcspn(p, "\",; \t");
	return n == 3 && memcmp(p, "2.1", 3) == 0;
}

/* One media type or range, up to the next ",". */
static bool type_fits(const char *p, bool range)
{
	size_t n = strcspn(p, ",; \t");
	bool fits = n == strlen(TYPE) && strncasecmp(p, TYPE, n) == 0;

	if (range && ((n == 3 && memcmp(p, "*/*", 3) == 0) ||
		      (n == 13 && strncasecmp(p, "application/*", 13) == 0)))
		return true;
	for (p += n; fits; p++) {
		p += strcspn(p, ",;");
		if (*p != ';')
			break;
		fits = version_fits(p + 1);
	}
	return fits;
}

bool taxii_media(struct http_request *r, const char *accept, const char *sent, bool has_body)
{
	bool fits = !accept; /* whoever says nothing takes what there is */

	for (const char *p = accept; p && !fits;) {
		p = skip_blanks(p);
		fits = type_fits(p, true);
		p += strcspn(p, ",");
		p = *p ? p + 1 : NULL;
	}
	if (!fits)
		http_fail(r, MHD_HTTP_NOT_ACCEPTABLE, "answers are " TAXII_MEDIA ": accept that");
	else if (has_body && (!sent || !type_fits(skip_blanks(sent), false)))
		http_fail(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "send " TAXII_MEDIA);
	else
		return true;
	return false;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * HTTP/1: finding it, by the first word of a request or response. Runs in a worker of the dataplane
 * process.
 */
#include "dataplane/app/http.h"

static const char *const methods[] = {
	"GET", "PUT", "POST", "HEAD", "TRACE", "OPTIONS", "CONNECT", "DELETE", "PATCH", "PROPFIND",
	"PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "CHECKOUT", "UNCHECKOUT", "CHECKIN",
	"UPDATE", "LABEL", "REPORT", "MKWORKSPACE", "MKACTIVITY", "MERGE", "INVALID",
	"VERSION-CONTROL", "BASELINE-CONTROL",
};

static const char *const versions[] = {"HTTP/0.9", "HTTP/1.0", "HTTP/1.1"};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Does data begin with word (MORE: as far as it goes), whatever the case? */
static enum probe_result begins(const uint8_t *data, uint32_t len, const char *word)
{
	for (uint32_t i = 0; word[i]; i++) {
		if (i == len)
			return PROBE_MORE;
		if (lower(data[i]) != lower((uint8_t)word[i]))
			return PROBE_NO;
	}
	return PROBE_YES;
}

static enum probe_result probe_request(const uint8_t *data, uint32_t len)
{
	enum probe_result best = PROBE_NO;

	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		uint32_t n = (uint32_t)strlen(methods[i]);
		enum probe_result r = begins(data, len, methods[i]);

		if (r == PROBE_YES && len > n && data[n] != ' ' && data[n] != '\t')
			r = PROBE_NO;
		else if (r == PROBE_YES && len == n)
			r = PROBE_MORE;
		if (r == PROBE_YES)
			return r;
		if (r == PROBE_MORE)
			best = r;
	}
	return best;
}

static enum probe_result probe_response(const uint8_t *data, uint32_t len)
{
	enum probe_result best = PROBE_NO;

	for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		enum probe_result r = begins(data, len, versions[i]);

		if (r == PROBE_YES)
			return r;
		if (r == PROBE_MORE)
			best = r;
	}
	return best;
}

enum probe_result http_probe(const struct probe_input *in)
{
	bool to_server = in->direction == TO_SERVER;
	enum probe_result here, there;

	if (in->len == 0)
		return PROBE_MORE;
	here = (to_server ? probe_request : probe_response)(in->data, in->len);
	if (here == PROBE_YES)
		return here;
	there = (to_server ? probe_response : probe_request)(in->data, in->len);
	if (there == PROBE_YES)
		return PROBE_YES_REVERSED;
	return here == PROBE_MORE || there == PROBE_MORE ? PROBE_MORE : PROBE_NO;
}

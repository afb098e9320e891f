/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests to the HTTP server over its socket: head and token are right, so that what is fuzzed is
 * behind the door. Input: a byte that chooses method and path, one that chooses headers, a line for
 * "*" and the query (bytes that may not stand there are escaped), then the body. Every request is
 * answered with JSON, none with a fault of the server; what was posted is counted to the last object.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/base/when.h"
#include "control/intel/intel.h"
#include "control/jobs/versions.h"
#include "tests/support/site.h"

#define C "/taxii2/api/collections/"
#define LINE_MAX_BYTES 2000

static const struct {
	const char *method, *path; /* "*": the line up to "?" */
} routes[] = {
	{"POST", C "sightings/objects/"}, {"GET", C "all/objects/"}, {"GET", C "all/manifest/"},
	{"GET", C "all/objects/*"}, {"GET", C "all/objects/*/versions/"}, {"GET", C "*"},
	{"GET", C "*/objects/"}, {"GET", "/taxii2/api/status/*"}, {"POST", "/api/v1/intel/lookup"},
	{"GET", "/api/v1/intel/lookup"}, {"GET", "/taxii2/*"}, {"POST", C "*/objects/"},
};

static struct site *site;
static struct site_answer answer;
static int connection = -1;

static void end(void)
{
	if (connection >= 0)
		close(connection);
	text_free(&answer.body);
	site_free(site);
}

static void begin(void)
{
	static const char *const names[] = {"a.test", "b.test", "evil.example.com", "192.0.2.7"};
	struct intel_result result;

	site = site_new();
	atexit(end);
	for (int n = 0; n < 4; n++) {
		struct intel_entry e = {.kind = n < 3 ? CONTACT_DOMAIN : CONTACT_IP, .confidence = 80,
					.severity = 3, .value = {names[n], strlen(names[n])}};
		struct intel_change *c;

		if (intel_change_begin(site->desk.intel, "list", INTEL_ADD, &c) != 0 ||
		    intel_change_entry(c, &e) != 0 || intel_change_publish(c, &result) != 0)
			abort();
		if (n != 2)
			version_note(site->desk.store, intel_version(site->desk.intel), wall_clock_ns());
	}
}

static void put_escaped(struct text *out, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c > ' ' && c < 127 && c != '#')
			text_char(out, (char)c);
		else
			text_format(out, "%%%02x", c);
	}
}

static void put_path(struct text *out, const char *path, const char *line, size_t n)
{
	const char *mark = memchr(line, '?', n);
	size_t name = mark ? (size_t)(mark - line) : n;

	for (; *path; path++) {
		if (*path == '*')
			put_escaped(out, line, name);
		else
			text_char(out, *path);
	}
	if (mark)
		put_escaped(out, mark, n - name);
}

static void put_head(struct text *out, bool lookup, uint8_t flags, size_t body)
{
	text_format(out, " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n",
		    lookup ? SITE_LOOKUP : SITE_SHARE);
	/* Mostly right: a wrong one ends here. */
	if ((flags & 0x1f) != 0x1f)
		text_str(out, SITE_TAXII);
	else
		text_str(out, "Accept: text/html;q=0.1, application/taxii+json; version=\"2.0\"\r\n");
	if ((flags & 0xe0) != 0xe0)
		text_str(out, "Content-Type: application/taxii+json;version=2.1\r\n");
	text_format(out, "Content-Length: %zu\r\n\r\n", body);
}

/* On the connection that there is, or on a new one when it was ended. */
static void ask(const struct text *request)
{
	static const struct linger at_once = {.l_onoff = 1};

	for (int try = 0; try < 200; try++) {
		if (connection < 0) {
			connection = site_connect(site);
			setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		}
		if (send(connection, request->data, request->len, MSG_NOSIGNAL) ==
		    (ssize_t)request->len)
			site_read(connection, &answer);
		else
			answer.status = 0;
		if (!answer.status || strcasecmp(site_header(&answer, "Connection"), "close") == 0) {
			close(connection);
			connection = -1;
		}
		if (answer.status)
			return;
		usleep(1000);
	}
}

static json_int_t figure(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* The status resource that was answered, until the job is over. */
static void follow(void)
{
	struct text request = {0};
	json_t *o = NULL;

	do {
		json_decref(o);
		o = json_loadb((char *)answer.body.data, answer.body.len, 0, NULL);
		if (figure(o, "total_count") != figure(o, "success_count") +
		    figure(o, "failure_count") + figure(o, "pending_count"))
			abort();
		text_clear(&request);
		text_format(&request, "GET /taxii2/api/status/%s/",
			    json_string_value(json_object_get(o, "id")));
		put_head(&request, false, 0, 0);
		ask(&request);
		if (answer.status != 200)
			abort();
	} while (strcmp(json_string_value(json_object_get(o, "status")), "complete") != 0);
	json_decref(o);
	text_free(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data + 2, *end;
	struct text request = {0};
	size_t route, n;
	json_t *o;
	bool post;

	if (size < 2)
		return 0;
	if (!site)
		begin();
	route = data[0] % (sizeof(routes) / sizeof(routes[0]));
	post = routes[route].method[0] == 'P';
	size -= 2;
	end = memchr(line, '\n', size);
	n = end ? (size_t)(end - line) : size;
	text_format(&request, "%s ", routes[route].method);
	put_path(&request, routes[route].path, line, n < LINE_MAX_BYTES ? n : LINE_MAX_BYTES);
	size = end && post ? size - n - 1 : 0;
	put_head(&request, strstr(routes[route].path, "/api/v1") != NULL, data[1], size);
	text_bytes(&request, end ? end + 1 : "", size);
	ask(&request);
	text_free(&request);
	if (!answer.status || answer.status == 500)
		abort();
	/* What is no request is refused by the library, in its own words. */
	o = json_loadb((char *)answer.body.data, answer.body.len, JSON_DECODE_ANY, NULL);
	if (!o && strncmp(site_header(&answer, "Content-Type"), "application/", 12) == 0)
		abort();
	json_decref(o);
	if (answer.status == 202)
		follow();
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/http*.c: requests and responses in, buffers, records and events out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/file.h"
#include "tests/unit/app/http_talk.h"

static const char request[] =
	"GET /a/./b/../c//d%2fe\\f%41%20G/%u0041?q=%41%2541+z HTTP/1.1\r\n"
	"Host: WWW.Example.com:8080\r\n"
	"User-Agent:  agent x \r\n"
	"Cookie: a=b\r\n"
	"Accept: one\r\n"
	"Accept: two\r\n"
	"Referer: http://ref/\r\n"
	"\r\n";

static const char response[] =
	"HTTP/1.1 301 Moved\r\n"
	"Server: srv\r\n"
	"Content-Type: text/html; charset=x\r\n"
	"Set-Cookie: c=d\r\n"
	"Location: /there\r\n"
	"Content-Length: 5\r\n"
	"\r\n"
	"hello";

/* Every buffer of a request and its response. */
static void buffers(void **state)
{
	struct harness *h = open_http(NULL);

	harness_tcp_open(h, TO_SERVER, request, sizeof(request) - 1);
	assert_buffer(h, TO_SERVER, "http.uri", "/a/c/d/e/fA G/A?q=A%41+z");
	assert_buffer(h, TO_SERVER, "http.uri.raw", "/a/./b/../c//d%2fe\\f%41%20G/%u0041?q=%41%2541+z");
	assert_buffer(h, TO_SERVER, "http.method", "GET");
	assert_buffer(h, TO_SERVER, "http.protocol", "HTTP/1.1");
	assert_buffer(h, TO_SERVER, "http.host", "www.example.com");
	assert_buffer(h, TO_SERVER, "http.host.raw", "WWW.Example.com:8080");
	assert_buffer(h, TO_SERVER, "http.user_agent", "agent x");
	assert_buffer(h, TO_SERVER, "http.cookie", "a=b");
	assert_buffer(h, TO_SERVER, "http.accept", "one, two");
	assert_buffer(h, TO_SERVER, "http.header",
		      "Host: WWW.Example.com:8080\r\nUser-Agent: agent x\r\nAccept: one, two\r\n"
		      "Referer: http://ref/\r\n");
	assert_buffer(h, TO_SERVER, "http.header_names",
		      "\r\nHost\r\nUser-Agent\r\nCookie\r\nAccept\r\nReferer\r\n\r\n");
	assert_buffer(h, TO_SERVER, "http.header.raw", strchr(request, '\n') + 1);
	assert_buffer(h, TO_SERVER, "http.start",
		      "GET /a/./b/../c//d%2fe\\f%41%20G/%u0041?q=%41%2541+z HTTP/1.1\r\n"
		      "Host: WWW.Example.com:8080\r\nUser-Agent: agent x\r\nCookie: a=b\r\n"
		      "Accept: one, two\r\nReferer: http://ref/\r\n\r\n");
	assert_string_equal(harness_text(h, TO_SERVER, "http.request_header", 1), "User-Agent: agent x");
	assert_null(harness_text(h, TO_SERVER, "http.request_header", 5));
	assert_buffer(h, TO_SERVER, "http.request_body", NULL);

	harness_tcp_open(h, TO_CLIENT, response, sizeof(response) - 1);
	assert_buffer(h, TO_CLIENT, "http.stat_code", "301");
	assert_buffer(h, TO_CLIENT, "http.stat_msg", "Moved");
	assert_buffer(h, TO_CLIENT, "http.response_line", "HTTP/1.1 301 Moved\r\n");
	assert_buffer(h, TO_CLIENT, "http.cookie", "c=d");
	assert_buffer(h, TO_CLIENT, "http.server", "srv");
	assert_buffer(h, TO_CLIENT, "http.location", "/there");
	assert_buffer(h, TO_CLIENT, "http.content_len", "5");
	assert_buffer(h, TO_CLIENT, "http.content_type", "text/html; charset=x");
	assert_buffer(h, TO_CLIENT, "http.response_body", "hello");
	assert_buffer(h, TO_CLIENT, "file.data", "hello");
	assert_buffer(h, TO_CLIENT, "http.response_header", "Server: srv");
	harness_done(h);
	harness_free(h);
}

/* The records: http with all its members, fileinfo with the body's. */
static void records(void **state)
{
	struct harness *h = open_http(NULL);

	up(h, request);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 0);
	down(h, response);
	assert_int_equal(harness_count(h, "\"http\":{\"hostname\":\"WWW.Example.com\",\"http_port\":8080,"), 2);
	assert_int_equal(harness_count(h, "\"http_user_agent\":\"agent x\",\"http_content_type\":\"text/html\","
					  "\"http_refer\":\"http://ref/\",\"http_method\":\"GET\","
					  "\"protocol\":\"HTTP/1.1\",\"status\":301,"
					  "\"redirect\":\"/there\",\"length\":5}"), 2);
	assert_int_equal(harness_count(h, "\"fileinfo\":{\"filename\":\"/a/c/d/e/fA G/A\",\"gaps\":false,"
					  "\"state\":\"CLOSED\",\"stored\":false,\"size\":5,\"tx_id\":0}"), 1);
	assert_non_null(strstr(h->contacts, "1 www.example.com\n"));
	assert_non_null(strstr(h->contacts, "3 www.example.com/a/./b/"));
	assert_non_null(strstr(h->contacts, "13 agent x\n"));
	harness_free(h);
}

/* The same bytes one by one give the same records. */
static void one_byte_segments(void **state)
{
	struct harness *whole = open_http(NULL), *pieces = open_http(NULL);

	up(whole, request);
	down(whole, response);
	harness_tcp_steps(pieces, TO_SERVER, request, sizeof(request) - 1, 1);
	harness_tcp_steps(pieces, TO_CLIENT, response, sizeof(response) - 1, 1);
	assert_string_equal(whole->out, pieces->out);
	harness_free(whole);
	harness_free(pieces);
}

/* Several requests at once, answered in order; chunks; a last request without an answer. */
static void pipelined(void **state)
{
	struct harness *h = open_http(NULL);

	up(h, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
	      "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	assert_int_equal(harness_count(h, "\"url\":\"/1\""), 2);
	assert_int_equal(harness_count(h, "\"size\":5,\"tx_id\":0"), 1);
	down(h, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(harness_count(h, "\"url\":\"/2\""), 1);
	assert_int_equal(harness_count(h, "\"url\":\"/3\""), 0);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"url\":\"/3\""), 1);
	harness_free(h);
}

static void response_alone(void **state)
{
	struct harness *h = open_http(NULL);

	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_int_equal(harness_count(h, "\"url\":\"/libhtp::request_uri_not_seen\""), 2);
	assert_int_equal(harness_count(h, "UNABLE_TO_MATCH_RESPONSE_TO_REQUEST"), 1);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 1);
	harness_free(h);
}

/* A multipart as a whole is a file, where such are wanted, and so is what a GET brings. */
static void bodies(void **state)
{
	static const char *const settings[] = {"file_bodies=yes", NULL};

	for (unsigned wanted = 0; wanted < 2; wanted++) {
		struct harness *h = open_http(wanted ? settings : NULL);

		up(h, "POST /wsman HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/encrypted; boundary=\"XX\"\r\n"
		      "Content-Length: 29\r\n\r\n--XX\r\nA: b\r\n\r\nsecret\r\n--XX--\r\n");
		down(h, "HTTP/1.1 204 No Content\r\n\r\n");
		assert_int_equal(harness_count(h, "\"filename\":\"/wsman\",\"gaps\":false,\"state\":\"CLOSED\","
						  "\"stored\":false,\"size\":29"), wanted);
		up(h, "GET /odd HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
		down(h, "HTTP/1.1 204 No Content\r\n\r\n");
		assert_int_equal(harness_count(h, "\"filename\":\"/odd\""), wanted);
		up(h, "POST /form HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: 67\r\n\r\n"
		      "--XX\r\nContent-Disposition: form-data; filename=\"a.b\"\r\n\r\n1\r\n--XX--\r\n");
		down(h, "HTTP/1.1 204 No Content\r\n\r\n");
		assert_int_equal(harness_count(h, "\"filename\":\"a.b\""), 1);
		assert_int_equal(harness_count(h, "\"filename\":\"/form\""), wanted);
		harness_free(h);
	}
}

/* Parts of an upload with names are files; the body is a buffer, not a file. */
static void multipart(void **state)
{
	static const char post[] =
		"POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
		"Content-Length: 268\r\n\r\n"
		"--XX\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nvalue\r\n"
		"--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=\"one.bin\"\r\n"
		"Content-Type: application/octet-stream\r\n\r\n12\r\n--X\r\n34\r\n"
		"--XX\r\nContent-Disposition: form-data; name=\"b\"; filename=\"two\"\r\n\r\n2\r\n--XX--\r\n";
	struct harness *h = open_http(NULL);
	size_t head = (size_t)(strstr(post, "--XX\r\n") - post);
	char sized[1024];

	snprintf(sized, sizeof(sized), "%s", post);
	snprintf(strstr(sized, "268"), 4, "%3zu", sizeof(post) - 1 - head);
	strstr(sized, "Content-Length: ")[19] = '\r';
	harness_tcp_open(h, TO_SERVER, sized, sizeof(post) - 1);
	assert_string_equal(harness_text(h, TO_SERVER, "file.data", 0), "12\r\n--X\r\n34");
	assert_string_equal(harness_text(h, TO_SERVER, "file.data", 1), "2");
	assert_null(harness_text(h, TO_SERVER, "file.data", 2));
	assert_string_equal(harness_text(h, TO_SERVER, "http.request_body", 0), post + head);
	harness_done(h);
	down(h, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 2);
	assert_int_equal(harness_count(h, "\"filename\":\"one.bin\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":11"), 1);
	assert_int_equal(harness_count(h, "\"filename\":\"two\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":1,"), 1);
	harness_free(h);
}

/* A response whose headers are lost: bytes behind an empty line are its body, half a line is none. */
static void gap_in_headers(void **state)
{
	static const char *const rests[] = {"a\nb\nrest of a line\r\rfourteen bytes", "a\n\r\rb\rhalf a line"};

	for (unsigned i = 0; i < 2; i++) {
		struct harness *h = open_http(NULL);

		up(h, "GET /image HTTP/1.0\r\nHost: a\r\n\r\n");
		down(h, "HTTP/1.0 200 OK");
		harness_gap(h, TO_CLIENT, 4380);
		down(h, rests[i]);
		harness_end(h, TO_CLIENT);
		harness_end(h, TO_SERVER);
		harness_finish(h);
		assert_int_equal(harness_count(h, "\"filename\":\"/image\",\"gaps\":false,\"state\":\"CLOSED\","
						  "\"stored\":false,\"size\":14"), i == 0);
		assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), i == 0);
		harness_free(h);
	}
}

/* Missing bytes in a body are counted; missing bytes in headers end the parsing. */
/* Answers whose beginning was lost: each is its request's, whole as far as it came, and no later one is another's. */
static void heads_lost(void **state)
{
	static const uint8_t tail[4200] = "tail\r\n\r\n";
	struct harness *h = open_http(NULL);

	(void)state;
	up(h, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
	up(h, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_gap(h, TO_CLIENT, 1400);
	down(h, "line\r\n\r\nmore");
	harness_gap(h, TO_CLIENT, 10);
	down(h, " and more");
	up(h, "GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_gap(h, TO_CLIENT, 700);
	down(h, "\r\nno line");
	up(h, "GET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnone");
	up(h, "GET /5 HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_gap(h, TO_CLIENT, 300);
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	up(h, "GET /6 HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_gap(h, TO_CLIENT, 300);
	down(h, "the last");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"filename\":\"/1\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":5,"), 1);
	assert_int_equal(harness_count(h, "\"filename\":\"/2\",\"gaps\":true,\"state\":\"TRUNCATED\",\"stored\":false,\"size\":31,"), 1);
	assert_int_equal(harness_count(h, "\"filename\":\"/3\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":9,"), 1);
	assert_int_equal(harness_count(h, "\"filename\":\"/4\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":4,"), 1);
	assert_int_equal(harness_count(h, "\"filename\":\"/5\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":2,"), 1);
	assert_int_equal(harness_count(h, "\"filename\":\"/6\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":8,"), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 6);
	harness_free(h);
	/* Met midway. */
	h = open_http(NULL);
	h->flow.flags |= FLOW_MIDSTREAM;
	up(h, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_tcp(h, TO_CLIENT, tail, sizeof(tail));
	up(h, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	assert_int_equal(harness_count(h, "\"filename\":\"/1\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":4200,"), 1);
	assert_int_equal(harness_count(h, "\"filename\":\"/2\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":2,"), 1);
	harness_free(h);
	/* More than one request waits, and the flow ends. */
	h = open_http(NULL);
	up(h, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_gap(h, TO_CLIENT, 1400);
	down(h, "tail of the first");
	harness_gap(h, TO_CLIENT, 1400);
	harness_gap(h, TO_CLIENT, 1400);
	down(h, "tail of the second");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"size\":17,"), 1);
	assert_int_equal(harness_count(h, "\"size\":18,"), 1);
	harness_free(h);
}

static void gaps(void **state)
{
	struct harness *h = open_http(NULL);

	up(h, "GET /g HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n12345");
	harness_gap(h, TO_CLIENT, 10);
	down(h, "67890");
	assert_int_equal(harness_count(h, "\"gaps\":true,\"state\":\"TRUNCATED\",\"stored\":false,\"size\":20"), 1);
	harness_free(h);

	h = open_http(NULL);
	up(h, "GET /g HTTP/1.1\r\nHo");
	harness_gap(h, TO_SERVER, 10);
	up(h, "\r\n\r\n");
	harness_finish(h);
	harness_free(h);
}

/* What servers and browsers take, and libhtp does not. */
static void lenient(void **state)
{
	struct harness *h = open_http(NULL);

	/* a second 100 */
	up(h, "POST /u HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n");
	down(h, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
	up(h, "x");
	down(h, "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(harness_count(h, "100_CONTINUE_ALREADY_SEEN"), 1);
	assert_int_equal(harness_count(h, "\"status\":201"), 1);
	/* a body of more bytes than a signed number holds */
	harness_clear(h);
	up(h, "POST /long HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n"
	      "GET /inside HTTP/1.1\r\n\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"filename\":\"/long\",\"gaps\":false,\"state\":\"TRUNCATED\","
					  "\"stored\":false,\"size\":24"), 1);
	harness_free(h);
	h = open_http(NULL);
	/* a line in front of the status line is no body */
	harness_clear(h);
	up(h, "GET /dir HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, " junk\r\nHTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"n.txt\"\r\n"
		"Content-Length: 3\r\n\r\nabc");
	assert_int_equal(harness_count(h, "\"filename\":\"n.txt\",\"gaps\":false,\"state\":\"CLOSED\","
					  "\"stored\":false,\"size\":3"), 1);
	harness_free(h);
	/* whom an URI without a path is for */
	h = open_http(NULL);
	up(h, "OPTIONS sip:probe@edge.test HTTP/1.1\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_int_equal(harness_count(h, "\"hostname\":\"probe@edge.test\",\"url\":\"sip:probe@edge.test\""), 1);
	assert_int_equal(harness_count(h, "\"fileinfo\""), 0);
	harness_free(h);
	/* no protocol, but more than white space: not HTTP/0.9 */
	h = open_http(NULL);
	up(h, "GET /\r\nHost: h\r\n\r\n");
	assert_int_equal(harness_count(h, "REQUEST_LINE_MISSING_PROTOCOL"), 1);
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_int_equal(harness_count(h, "\"hostname\":\"h\""), 2);
	harness_free(h);
}

/* Behind a CONNECT: empty lines are nobody's, and the next protocol counts its own transactions. */
static void connect_then_http(void **state)
{
	struct harness *h = open_http(NULL);

	up(h, "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n\n");
	down(h, "HTTP/1.1 200 OK\r\n\r\n");
	up(h, "GET /in HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(harness_count(h, "\"tx_id\":0,\"http\":{\"hostname\":\"h\",\"url\":\"/in\""), 1);
	harness_free(h);
}

/* Which headers the record shows, and how much. */
static void log_options(void **state)
{
	static const char *const dump[] = {"eve.types.http.dump_all_headers=request", NULL};
	static const char *const custom[] = {"eve.types.http.custom=[accept, Set_Cookie,referer]", NULL};
	static const char *const basic[] = {"eve.types.http.extended=no", NULL};
	struct harness *h = open_http(dump);

	up(h, request);
	down(h, response);
	assert_int_equal(harness_count(h, "\"request_headers\":[{\"name\":\"Host\",\"value\":\"WWW.Example.com:8080\"},"), 1);
	assert_int_equal(harness_count(h, "\"response_headers\""), 0);
	harness_free(h);

	h = open_http(custom);
	up(h, request);
	down(h, response);
	assert_int_equal(harness_count(h, "\"request_headers\":[{\"name\":\"Accept\",\"value\":\"one, two\"}]"), 1);
	assert_int_equal(harness_count(h, "\"response_headers\":[{\"name\":\"Set-Cookie\",\"value\":\"c=d\"}]"), 1);
	harness_free(h);

	h = open_http(basic);
	up(h, request);
	down(h, response);
	assert_int_equal(harness_count(h, "\"http_content_type\":\"text/html\"}}"), 1);
	harness_free(h);
}

/* A path is no host. */
static void connect_to_path(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);
	const char request[] = "CONNECT / HTTP/1.1\r\n\r\n";

	harness_tcp_open(h, TO_SERVER, request, sizeof(request) - 1);
	assert_null(harness_text(h, TO_SERVER, "http.host", 0));
	harness_done(h);
	down(h, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"http_method\":\"CONNECT\""), 1);
	assert_int_equal(harness_count(h, "\"hostname\""), 0);
	harness_free(h);
}

/* In the wire: of a flow that a rule dropped what was not complete is not written. */
static void dropped_half_way(void **state)
{
	struct harness *h = harness_new(6, 80, NULL);

	h->w.in_the_wire = true;
	up(h, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
	up(h, "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
	h->flow.flags |= FLOW_DROP;
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 1);
	harness_free(h);
}

/* After a CONNECT that was granted the bytes are another protocol's: here HTTP again. */
static void tunnel(void **state)
{
	struct harness *h = open_http(NULL);

	up(h, "CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n");
	down(h, "HTTP/1.1 200 Connected\r\n\r\n");
	assert_int_equal(harness_count(h, "\"http_method\":\"CONNECT\""), 1);
	up(h, "GET /inside HTTP/1.1\r\nHost: i\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(harness_count(h, "\"url\":\"/inside\""), 1);
	harness_free(h);
}

/* A first look waits for its minimum; later ones show what is new and some of what was before. */
static void windows(void **state)
{
	static const char *const settings[] = {
		"app.http.response_body_minimal_inspect_size=100",
		"app.http.response_body_inspect_window=40", NULL};
	struct harness *h = open_http(settings);
	struct buffer_view v;
	char piece[61];
	struct tx *tx;

	memset(piece, 'a', 60);
	piece[60] = 0;
	up(h, "GET /w HTTP/1.1\r\nHost: h\r\n\r\n");
	harness_tcp_open(h, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 41);
	harness_tcp_open(h, TO_CLIENT, piece, 60);
	tx = h->flow.app->first;
	assert_false(file_view(&h->w, &h->flow, tx, TO_CLIENT, 0, &v));
	harness_tcp_open(h, TO_CLIENT, piece, 60);
	assert_true(file_view(&h->w, &h->flow, tx, TO_CLIENT, 0, &v));
	assert_int_equal(v.len, 120);
	assert_true(file_view(&h->w, &h->flow, tx, TO_CLIENT, 0, &v));
	file_inspected(&h->w, tx, TO_CLIENT);
	assert_false(file_view(&h->w, &h->flow, tx, TO_CLIENT, 0, &v));
	harness_tcp_open(h, TO_CLIENT, piece, 20);
	assert_true(file_view(&h->w, &h->flow, tx, TO_CLIENT, 0, &v));
	assert_int_equal(v.offset, 100);
	assert_int_equal(v.len, 40);
	file_inspected(&h->w, tx, TO_CLIENT);
	harness_tcp_open(h, TO_CLIENT, piece, 60);
	assert_true(file_view(&h->w, &h->flow, tx, TO_CLIENT, 0, &v));
	assert_int_equal(v.offset, 130);
	assert_int_equal(v.len, 70);
	assert_false(v.complete);
	harness_done(h);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"stored\":false,\"size\":200"), 1);
	harness_free(h);
}

static void hashes(void **state)
{
	static const char *const settings[] = {"file_hashes=md5,sha1,sha256", "file_magic=yes", NULL};
	struct harness *h = open_http(settings);

	up(h, "GET /h HTTP/1.1\r\nHost: h\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
	assert_int_equal(harness_count(h, "\"md5\":\"900150983cd24fb0d6963f7d28e17f72\""), 1);
	assert_int_equal(harness_count(h, "\"sha1\":\"a9993e364706816aba3e25717850c26c9cd0d89d\""), 1);
	assert_int_equal(harness_count(h, "\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""), 1);
	assert_int_equal(harness_count(h, "\"magic\":\"ASCII text"), 1);
	assert_non_null(strstr(h->contacts, "9 900150983cd24fb0d6963f7d28e17f72\n"));
	harness_free(h);
}

/* What is wrong has a name. */
static void events(void **state)
{
	static const struct {
		const char *request, *response, *event;
	} cases[] = {
		{"GET / HTTP/1.1\r\n\r\n", NULL, "MISSING_HOST_HEADER"},
		{"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", NULL, "HOST_HEADER_AMBIGUOUS"},
		{"GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", NULL, "REQUEST_FIELD_MISSING_COLON"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NULL,
		 "INVALID_REQUEST_CHUNK_LEN"},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 2xx OK\r\n\r\n", "RESPONSE_INVALID_STATUS"},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		 "HTTP/1.1 200 OK\r\nContent-Encoding: wild\r\nContent-Length: 1\r\n\r\nx",
		 "ABNORMAL_CE_HEADER"},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", NULL,
		 "DUPLICATE_CONTENT_LENGTH_FIELD_IN_REQUEST"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness *h = open_http(NULL);

		up(h, cases[i].request);
		if (cases[i].response)
			down(h, cases[i].response);
		harness_finish(h);
		if (harness_count(h, cases[i].event) != 1)
			fail_msg("%s not in %s", cases[i].event, h->out);
		harness_free(h);
	}
}

/* A body that goes until the connection ends is whole then, but not where the stream is followed no more. */
static void cut_off(void **state)
{
	static const char ask[] = "GET /a HTTP/1.0\r\n\r\n", answer[] = "HTTP/1.0 200 OK\r\n\r\nabc";

	(void)state;
	for (unsigned cut = 0; cut < 2; cut++) {
		struct harness *h = harness_new(6, 80, NULL);

		harness_tcp(h, TO_SERVER, ask, sizeof(ask) - 1);
		harness_tcp(h, TO_CLIENT, answer, sizeof(answer) - 1);
		if (cut)
			harness_cut(h, TO_CLIENT);
		else
			harness_end(h, TO_CLIENT);
		assert_int_equal(harness_count(h, "\"state\":\"TRUNCATED\""), cut);
		assert_int_equal(harness_count(h, "\"state\":\"CLOSED\""), !cut);
		harness_free(h);
	}
}

/* More requests than may live at once: an event, and the flow is left alone. */
static void too_many(void **state)
{
	struct harness *h = open_http(NULL);
	static const char one[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

	for (int i = 0; i < 600; i++)
		up(h, one);
	harness_finish(h);
	assert_int_equal(harness_count(h, "TOO_MANY_TRANSACTIONS"), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"http\""), 512);
	harness_free(h);
}

/* file_store.force: bytes go to the bulk ring as they come, and the record says what became of them. */
static void stored_files(void **state)
{
	static const char *const settings[] = {"file_store.enabled=yes", "file_store.force=yes",
					       "file_store.max_file=8", NULL};
	struct harness *h = open_http(settings);

	up(h, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	down(h, "lo");
	assert_int_equal(harness_count(h, "\"event_type\":\"file_part\""), 2);
	assert_int_equal(harness_count(h, "\"data\":\"hel\""), 1);
	assert_int_equal(harness_count(h, "\"stored\":true"), 2); /* in the bulk ring and for people */
	harness_clear(h);
	up(h, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world");
	assert_int_equal(harness_count(h, "\"data\":\"hello, w\""), 1); /* max_file */
	assert_int_equal(harness_count(h, "\"file_id\":2"), 2);
	harness_clear(h);
	h->bulk_is_full = true;
	up(h, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
	down(h, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	assert_int_equal(harness_count(h, "\"stored\":false"), 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_files),
		cmocka_unit_test(log_options), cmocka_unit_test(lenient), cmocka_unit_test(connect_then_http),
		cmocka_unit_test(connect_to_path), cmocka_unit_test(dropped_half_way),
		cmocka_unit_test(buffers),
		cmocka_unit_test(records),
		cmocka_unit_test(one_byte_segments),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(response_alone),
		cmocka_unit_test(multipart),
		cmocka_unit_test(bodies),
		cmocka_unit_test(gaps),
		cmocka_unit_test(heads_lost),
		cmocka_unit_test(gap_in_headers),
		cmocka_unit_test(tunnel),
		cmocka_unit_test(windows),
		cmocka_unit_test(hashes),
		cmocka_unit_test(events),
		cmocka_unit_test(too_many),
		cmocka_unit_test(cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The HTTP server: who may ask what, decided by the head alone; how much may be sent; errors as one
 * sentence in JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/site.h"

#define LOOKUP "/api/v1/intel/lookup"

static struct site *site;
static struct site_answer answer;

static int setup(void **state)
{
	site = site_new();
	return 0;
}

static int teardown(void **state)
{
	text_free(&answer.body);
	site_free(site);
	return 0;
}

/* That status, and JSON with a sentence in which the word is. */
static void refused(unsigned status, const char *word)
{
	json_t *o;
	const char *title;

	assert_int_equal(answer.status, status);
	assert_string_not_equal(site_header(&answer, "Content-Type"), "text/html");
	o = json_loadb((char *)answer.body.data, answer.body.len, 0, NULL);
	title = json_string_value(json_object_get(o, "title"));
	assert_non_null(title);
	assert_non_null(strstr(title, word));
	json_decref(o);
}

/* Only the head of a request; the answer must come although no body does. */
static void only_head(const char *head, const char *token)
{
	struct text out = {0};
	int fd = site_connect(site);

	text_format(&out, "%s\r\nHost: site\r\n", head);
	if (token)
		text_format(&out, "Authorization: Bearer %s\r\n", token);
	text_str(&out, "\r\n");
	send(fd, out.data, out.len, MSG_NOSIGNAL);
	site_read(fd, &answer);
	close(fd);
	text_free(&out);
}

static void test_the_head_decides(void **state)
{
	only_head("POST " LOOKUP " HTTP/1.1\r\nContent-Length: 8000000", NULL);
	refused(401, "token");
	assert_string_equal(site_header(&answer, "WWW-Authenticate"), "Bearer");
	only_head("POST /nothing HTTP/1.1\r\nContent-Length: 8000000", NULL);
	refused(401, "token");
	only_head("POST /nothing HTTP/1.1\r\nContent-Length: 8000000", SITE_LOOKUP);
	refused(404, "nothing here");
	only_head("DELETE " LOOKUP " HTTP/1.1\r\nContent-Length: 1000", SITE_LOOKUP);
	refused(405, "is for");
	only_head("POST /taxii2/api/collections/sightings/objects/ HTTP/1.1\r\nContent-Length: 1000",
		  SITE_LOOKUP);
	refused(403, "may not");
	only_head("POST " LOOKUP " HTTP/1.1\r\nContent-Length: 1048577", SITE_LOOKUP);
	refused(413, "1048576 bytes");
	only_head("GET /api/v1/status HTTP/1.1\r\nContent-Length: 10", SITE_LOOKUP);
	refused(413, "no body");
	assert_int_equal(site_ask(site, "GET", "/api/v1/status", SITE_LOOKUP, "", NULL, &answer), 200);
}

static void test_chunks_are_counted(void **state)
{
	static char chunk[65536];
	int fd = site_connect(site), sent = 0;

	memset(chunk, ' ', sizeof(chunk));
	dprintf(fd, "POST " LOOKUP " HTTP/1.1\r\nHost: site\r\nTransfer-Encoding: chunked\r\n"
		    "Authorization: Bearer " SITE_LOOKUP "\r\n\r\n");
	for (int i = 0; i < 40 && sent >= 0; i++) {
		dprintf(fd, "10000\r\n");
		sent = (int)send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);
		dprintf(fd, "\r\n");
	}
	dprintf(fd, "0\r\n\r\n");
	site_read(fd, &answer);
	close(fd);
	refused(413, "1048576 bytes");
}

/* Four envelopes of 8 MiB are all that is held at a time. */
static void test_bodies_of_all_together(void **state)
{
	static const char head[] =
		"POST /taxii2/api/collections/sightings/objects/ HTTP/1.1\r\nHost: site\r\n"
		"Authorization: Bearer " SITE_SHARE "\r\nAccept: application/taxii+json;version=2.1\r\n"
		"Content-Type: application/taxii+json;version=2.1\r\nExpect: 100-continue\r\n"
		"Content-Length: 8388608\r\n\r\n";
	int fd[5];

	for (int i = 0; i < 5; i++) {
		char line[64] = "";

		fd[i] = site_connect(site);
		send(fd[i], head, sizeof(head) - 1, MSG_NOSIGNAL);
		if (i == 4)
			break;
		assert_true(recv(fd[i], line, sizeof(line) - 1, 0) > 0);
		assert_non_null(strstr(line, " 100 "));
	}
	site_read(fd[4], &answer);
	refused(503, "come again");
	assert_string_equal(site_header(&answer, "Retry-After"), "5");
	for (int i = 0; i < 5; i++)
		close(fd[i]);
	/* Those that went give back what was theirs. */
	for (int i = 0; i < 100; i++) {
		if (site_ask(site, "POST", LOOKUP, SITE_LOOKUP, "", "{\"values\":[\"a.test\"]}", &answer) ==
		    200)
			break;
		usleep(20000);
	}
	assert_int_equal(answer.status, 200);
}

static void test_errors_are_a_sentence(void **state)
{
	site_ask(site, "GET", LOOKUP, SITE_LOOKUP, "", NULL, &answer);
	refused(400, "value");
	site_ask(site, "GET", LOOKUP "?value=a.test&kind=none", SITE_LOOKUP, "", NULL, &answer);
	refused(400, "kind");
	site_ask(site, "POST", LOOKUP, SITE_LOOKUP, "", "{\"values\":", &answer);
	refused(400, "values");
	site_ask(site, "GET", LOOKUP "?value=a.test", "no-such-token-at-all", "", NULL, &answer);
	refused(401, "token");
	site_ask(site, "DELETE", "/api/v1/status", SITE_LOOKUP, "", NULL, &answer);
	refused(405, "GET");
	assert_string_equal(site_header(&answer, "Allow"), "GET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_head_decides),
		cmocka_unit_test(test_chunks_are_counted),
		cmocka_unit_test(test_bodies_of_all_together),
		cmocka_unit_test(test_errors_are_a_sentence),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/imap.c, mail.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "tests/unit/app/harness.h"

#define MAIL                                                                                       \
	"From: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"     \
	"Content-Disposition: attachment; filename=\"x.txt\"\r\n\r\ncontent\r\n--b--\r\n"

static void client(struct harness *h, const char *text)
{
	harness_tcp(h, TO_SERVER, text, strlen(text));
}

static void server(struct harness *h, const char *text)
{
	harness_tcp(h, TO_CLIENT, text, strlen(text));
}

static void session(void **state)
{
	struct harness *h = harness_new(6, 8143, NULL);

	(void)state;
	server(h, "* OK [CAPABILITY IMAP4rev1] ready\r\n");
	assert_int_equal(h->flow.app_proto, APP_imap);
	client(h, "a1 login joe {6}\r\n");
	server(h, "+ go\r\n");
	client(h, "secret\r\n");
	server(h, "* CAPABILITY X\r\na1 OK in\r\n");
	client(h, "a2 NOOP\r\na3 uid search all\r\n");
	server(h, "a3 NO what\r\na2 OK\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"imap\""), 4);
	assert_non_null(strstr(h->out, "\"imap\":{\"status\":\"OK\",\"text\":\"[CAPABILITY IMAP4rev1] ready\"}"));
	assert_non_null(strstr(h->out, "\"imap\":{\"tag\":\"a1\",\"command\":\"LOGIN\",\"status\":\"OK\","
				       "\"text\":\"in\"}"));
	assert_non_null(strstr(h->out, "\"tag\":\"a3\",\"command\":\"SEARCH\",\"status\":\"NO\""));
	assert_int_equal(harness_count(h, "secret"), 0);
	harness_free(h);
}

static void mails(void **state)
{
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "* 1 FETCH (FLAGS () BODY[] {%zu}\r\n" MAIL " UID 5)\r\n"
			 "* 2 FETCH (BODY[HEADER] {4}\r\nabcd)\r\na1 OK done\r\n", strlen(MAIL));

	(void)state;
	for (size_t step = 1; step < 2000; step = step * 3 + 1) {
		struct harness *h = harness_new(6, 143, NULL);

		server(h, "* OK ready\r\n");
		client(h, "a1 FETCH 1 BODY[]\r\n");
		harness_tcp_steps(h, TO_CLIENT, text, (size_t)n, step);
		assert_int_equal(harness_count(h, "\"filename\":\"x.txt\",\"gaps\":false,\"state\":\"CLOSED\""), 1);
		assert_int_equal(harness_count(h, "\"size\":7"), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"imap\""), 2);
		harness_free(h);
	}
}

/* One mail in several literals: pieces that several commands ask for, header and text, a part's header and the part. */
static void pieces(void **state)
{
	static const char part[] = "* 7 FETCH (BODY[2.MIME] {72}\r\nContent-Disposition: attachment; filename=p.bin\r\nX: abcdefghijklmnop\r\n\r\n"
				   " ENVELOPE {3}\r\nabc body[2] {4}\r\n1234)\r\n"
				   "* 7 FETCH (BODY[2.MIME] {72}\r\nContent-Disposition: attachment; filename=q.bin\r\nX: abcdefghijklmnop\r\n\r\n"
				   " BODY[3] {4}\r\n1234)\r\nb OK\r\n";
	static const char binary[] = "* 7 FETCH (BODY[3.MIME] {86}\r\nContent-Disposition: attachment; filename=p.bin\r\n"
				     "Content-Transfer-Encoding: base64\r\n\r\n BINARY[3] ~{4}\r\n1234)\r\nb OK\r\n";
	uint32_t cut = 100, head = (uint32_t)(strstr(MAIL, "--b") - MAIL);
	char text[2048];

	for (size_t step = 1; step < 2000; step = step * 3 + 1) {
		struct harness *h = harness_new(6, 143, NULL);

		server(h, "* OK ready\r\n");
		client(h, "a UID FETCH 5 (UID BODY.PEEK[]<0.100>)\r\n");
		snprintf(text, sizeof(text), "* 7 FETCH (UID 5 BODY[]<0> {%u}\r\n%.100s)\r\na OK done\r\n", cut, MAIL);
		harness_tcp_steps(h, TO_CLIENT, text, strlen(text), step);
		assert_int_equal(harness_count(h, "\"event_type\":\"imap\""), 1);
		client(h, "b NOOP\r\n");
		server(h, "b OK\r\n");
		client(h, "a UID FETCH 5 (UID BODY.PEEK[]<100.100>)\r\n");
		snprintf(text, sizeof(text), "* 7 FETCH (UID 5 BODY[]<%u> {%zu}\r\n%s)\r\na OK done\r\n", cut, strlen(MAIL) - cut, MAIL + cut);
		harness_tcp_steps(h, TO_CLIENT, text, strlen(text), step);
		assert_int_equal(harness_count(h, "\"filename\":\"x.txt\",\"gaps\":false,\"state\":\"CLOSED\""), 1);
		assert_int_equal(harness_count(h, "\"size\":7"), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"imap\""), 4);
		/* the rest does not come: another message's does */
		client(h, "a UID FETCH 5 (UID BODY.PEEK[]<0.100>)\r\n");
		snprintf(text, sizeof(text), "* 7 FETCH (UID 5 BODY[]<0> {%u}\r\n%.100s)\r\na OK done\r\n"
			 "* 8 FETCH (BODY[]<%u> {%zu}\r\n%s)\r\n", cut, MAIL, cut, strlen(MAIL) - cut, MAIL + cut);
		harness_tcp_steps(h, TO_CLIENT, text, strlen(text), step);
		assert_int_equal(harness_count(h, "\"event_type\":\"imap\""), 5);
		assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 1);
		harness_free(h);

		h = harness_new(6, 143, NULL);
		server(h, "* OK ready\r\n");
		client(h, "b FETCH 7 (BODY[HEADER] BODY[TEXT])\r\n");
		snprintf(text, sizeof(text), "* 7 FETCH (BODY[HEADER] {%u}\r\n%.*s BODY[TEXT] {%zu}\r\n%s)\r\nb OK\r\n", head, (int)head, MAIL,
			 strlen(MAIL) - head, MAIL + head);
		harness_tcp_steps(h, TO_CLIENT, text, strlen(text), step);
		assert_int_equal(harness_count(h, "\"filename\":\"x.txt\",\"gaps\":false,\"state\":\"CLOSED\""), 1);
		harness_clear(h);
		client(h, "b FETCH 7 (BODY[2.MIME] ENVELOPE BODY[2])\r\n");
		harness_tcp_steps(h, TO_CLIENT, part, strlen(part), step);
		assert_int_equal(harness_count(h, "\"filename\":\"p.bin\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":4"), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 1);
		harness_clear(h);
		client(h, "b FETCH 7 (BODY[2.MIME] BINARY[2])\r\n");
		harness_tcp_steps(h, TO_CLIENT, binary, strlen(binary), step);
		assert_int_equal(harness_count(h, "\"filename\":\"p.bin\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":4"), 1);
		harness_free(h);
	}
}

/* Parts without their headers: one in base64, text, a short one, one that comes decoded, one in two pieces. */
static void parts(void **state)
{
	static const char text[] = "* 7 FETCH (BODY[2] {84}\r\nMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAx\r\nMjM0NTY3ODkw\r\n"
				   " BODY[1] {13}\r\nPlain text it BODY[3] {4}\r\nYWJj BINARY[1.4] {3}\r\nxyz)\r\na OK\r\n"
				   "* 7 FETCH (BODY[5]<0> {62}\r\nMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Nj)\r\n"
				   "* 7 FETCH (BODY[5]<62> {6}\r\nc4\r\nOQ)\r\n* 7 FETCH (BODY[6]<3> {2}\r\nab)\r\nb OK\r\n";

	for (size_t step = 1; step < 2000; step = step * 3 + 1) {
		struct harness *h = harness_new(6, 143, NULL);

		server(h, "* OK ready\r\n");
		client(h, "a FETCH 7 (BODY.PEEK[2] BODY.PEEK[1] BODY[3] BINARY[1.4])\r\nb FETCH 7 (BODY[5]<0.62>)\r\n");
		harness_tcp_steps(h, TO_CLIENT, text, sizeof(text) - 1, step);
		harness_finish(h);
		assert_int_equal(harness_count(h, "\"filename\":\"BODY[2]\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":60"), 1);
		assert_int_equal(harness_count(h, "\"filename\":\"BODY[1.4]\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":3"), 1);
		assert_int_equal(harness_count(h, "\"filename\":\"BODY[5]\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":49"), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 3);
		assert_int_equal(harness_count(h, "\"event_type\":\"imap\""), 3);
		harness_free(h);
	}
}

/* A mail that the client stores, with a hole in it. */
/* Where mails as a whole are files, so is what is fetched of one alone, as it came. */
static void alone(void **state)
{
	static const char *const settings[] = {"file_bodies=yes", NULL};
	static const char text[] = "* 1 FETCH (FLAGS () BODY[HEADER.FIELDS (FROM SUBJECT)] {21}\r\nSubject: nothing\r\n\r\n\r)\r\n"
				   "* 2 FETCH (RFC822.HEADER {13}\r\nFrom: me\r\n\r\n\r RFC822.TEXT {0}\r\n)\r\n"
				   "a1 OK done\r\n";

	(void)state;
	for (size_t step = 1; step < 2000; step = step * 3 + 1) {
		for (unsigned wanted = 0; wanted < 2; wanted++) {
			struct harness *h = harness_new(6, 143, wanted ? settings : NULL);

			server(h, "* OK ready\r\n");
			client(h, "a1 FETCH 1:2 X\r\n");
			harness_tcp_steps(h, TO_CLIENT, text, sizeof(text) - 1, step);
			assert_int_equal(harness_count(h, "\"filename\":\"rawmsg\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":21"), wanted);
			assert_int_equal(harness_count(h, "\"filename\":\"rawmsg\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":13"), wanted);
			assert_int_equal(harness_count(h, "\"event_type\":\"imap\""), 2);
			server(h, "* 3 FETCH (BODY[HEADER] {100}\r\nFrom");
			harness_finish(h);
			assert_int_equal(harness_count(h, "\"state\":\"TRUNCATED\",\"stored\":false,\"size\":4"), wanted);
			harness_free(h);
		}
	}
}

/* A session whose beginning was not seen. */
static void midway(void **state)
{
	static const char *const settings[] = {"stream.midstream=yes", NULL};
	static const struct {
		const char *client, *server;
		unsigned is;
	} rows[] = {
		{"DONE\r\n", "16 OK IDLE completed\r\n", 1}, {"DONE\r\n", "* 5 EXISTS\r\n", 1},
		{"A4 UID FETCH 7 BODY[]\r\n", "* 7 FETCH (UID 7 BODY[] {4}\r\nab\r\n)\r\n", 1},
		{"DONE\r\n", "what else\r\n", 0}, {"DONE\r\n", "* what else\r\n", 0}, {"DONE\r\n", "16 OK\n", 0},
		{"DONE\r\n", "\r\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned step = 1; step < 100; step += 98) {
			struct harness *h = harness_new(6, 143, settings), *other = harness_new(6, 144, settings);

			client(h, rows[i].client);
			harness_tcp_steps(h, TO_CLIENT, rows[i].server, strlen(rows[i].server), step);
			assert_int_equal(h->flow.app_proto == APP_imap, rows[i].is);
			client(other, rows[i].client);
			server(other, rows[i].server);
			assert_int_not_equal(other->flow.app_proto, APP_imap);
			harness_free(h);
			harness_free(other);
		}
	}
}

static void append(void **state)
{
	struct harness *h = harness_new(6, 143, NULL);
	char text[200];

	(void)state;
	client(h, "a0 CAPABILITY\r\n");
	assert_int_equal(h->flow.app_proto, APP_imap);
	snprintf(text, sizeof(text), "a1 APPEND Sent (\\Seen) {%zu+}\r\n", strlen(MAIL));
	client(h, text);
	harness_tcp(h, TO_SERVER, MAIL, strlen(MAIL) - 12);
	harness_gap(h, TO_SERVER, 2);
	harness_tcp(h, TO_SERVER, MAIL + strlen(MAIL) - 10, 10);
	client(h, "\r\na2 LOGOUT\r\n");
	server(h, "a1 OK\r\na2 OK\r\n");
	assert_int_equal(harness_count(h, "\"fileinfo\":{\"filename\":\"x.txt\",\"gaps\":true"), 1);
	assert_int_equal(harness_count(h, "\"command\":\"LOGOUT\",\"status\":\"OK\""), 1);
	harness_free(h);
}

/* The text packed, as what follows the one before in the same stream. */
static size_t pack(z_stream *z, const char *text, uint8_t *out, size_t room)
{
	z->next_in = (Bytef *)(uintptr_t)text;
	z->avail_in = (uInt)strlen(text);
	z->next_out = out;
	z->avail_out = (uInt)room;
	assert_int_equal(deflate(z, Z_SYNC_FLUSH), Z_OK);
	return room - z->avail_out;
}

/* Compressed from the answer on, in both directions, which is in the segment with what follows; then a hole. */
static void compressed(void **state)
{
	char text[2048];

	for (size_t step = 1; step < 2000; step = step * 3 + 1) {
		struct harness *h = harness_new(6, 143, NULL);
		z_stream z[2] = {{0}, {0}};
		uint8_t out[4096];
		size_t n;

		for (int d = 0; d < 2; d++)
			assert_int_equal(deflateInit2(&z[d], 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
		server(h, "* OK ready\r\n");
		client(h, "a COMPRESS DEFLATE\r\n");
		n = (size_t)snprintf((char *)out, sizeof(out), "a OK on\r\n");
		n += pack(&z[1], "* OK more\r\n", out + n, sizeof(out) - n);
		harness_tcp_steps(h, TO_CLIENT, out, n, step);
		n = pack(&z[0], "b FETCH 1 BODY[]\r\n", out, sizeof(out));
		harness_tcp_steps(h, TO_SERVER, out, n, step);
		snprintf(text, sizeof(text), "* 1 FETCH (BODY[] {%zu}\r\n" MAIL ")\r\nb OK done\r\n", strlen(MAIL));
		n = pack(&z[1], text, out, sizeof(out));
		harness_tcp_steps(h, TO_CLIENT, out, n, step);
		assert_int_equal(harness_count(h, "\"filename\":\"x.txt\",\"gaps\":false,\"state\":\"CLOSED\""), 1);
		assert_int_equal(harness_count(h, "\"event_type\":\"imap\""), 3);
		harness_gap(h, TO_CLIENT, 10);
		harness_tcp_steps(h, TO_CLIENT, out, n, step);
		harness_finish(h);
		assert_int_equal(harness_count(h, "anomaly"), 0);
		for (int d = 0; d < 2; d++)
			deflateEnd(&z[d]);
		harness_free(h);
	}
}

static void starts_tls(void **state)
{
	struct harness *h = harness_new(6, 143, NULL);

	(void)state;
	server(h, "* OK ready\r\n");
	client(h, "a1 STARTTLS\r\n");
	server(h, "a1 OK go\r\n");
	assert_int_equal(h->flow.app->proto_expected, APP_tls);
	harness_free(h);
}

static void many(void **state)
{
	struct harness *h = harness_new(6, 143, NULL);

	(void)state;
	server(h, "* OK ready\r\n");
	for (unsigned i = 0; i < 500; i++)
		client(h, "a1 IDLE\r\n");
	assert_true(h->flow.app->live <= 64);
	harness_free(h);
	h = harness_new(6, 143, NULL);
	client(h, "GET CAPABILITY HTTP/1.1\r\n\r\n");
	assert_int_equal(h->flow.app_proto, APP_http);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session),    cmocka_unit_test(mails), cmocka_unit_test(alone), cmocka_unit_test(midway), cmocka_unit_test(append), cmocka_unit_test(pieces), cmocka_unit_test(parts),
		cmocka_unit_test(starts_tls), cmocka_unit_test(compressed), cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

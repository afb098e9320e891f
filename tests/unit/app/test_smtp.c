/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/smtp*.c: sessions in, records and files out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/file.h"
#include "tests/unit/app/harness.h"

static void up(struct harness *h, const char *text)
{
	harness_tcp(h, TO_SERVER, text, strlen(text));
}

static void down(struct harness *h, const char *text)
{
	harness_tcp(h, TO_CLIENT, text, strlen(text));
}

static const char mail[] =
	"From: A <a@example.org>\r\nTo: b@example.org, \"C, D\" <c@example.org>\r\nSubject: s\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	"--b\r\nContent-Type: text/plain\r\n\r\nsee http://one.example/x and https://two.example/y\r\n..dots\r\n"
	"--b\r\nContent-Disposition: attachment; filename=n.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	"aGVsbG8=\r\n--b--\r\n";

static struct harness *greeted(const char *const *settings)
{
	struct harness *h = harness_new(6, 25, settings);

	down(h, "220 mail.example ESMTP\r\n");
	up(h, "EHLO me.example\r\n");
	down(h, "250-mail.example\r\n250 STARTTLS\r\n");
	return h;
}

/* One mail: envelope, content, attachment. Then another one in the same session. */
static void session(void **state)
{
	struct harness *h = greeted(NULL);

	up(h, "MAIL FROM:<a@example.org> SIZE=10\r\n");
	down(h, "250 ok\r\n");
	up(h, "RCPT TO:<b@example.org>\r\n");
	down(h, "250 ok\r\n");
	up(h, "DATA\r\n");
	down(h, "354 go\r\n");
	harness_tcp_open(h, TO_SERVER, mail, sizeof(mail) - 1);
	assert_string_equal(harness_text(h, TO_SERVER, "file.data", 0), "hello");
	assert_string_equal(harness_text(h, TO_SERVER, "smtp.helo", 0), "me.example");
	assert_string_equal(harness_text(h, TO_SERVER, "smtp.rcpt_to", 0), "<b@example.org>");
	assert_string_equal(harness_text(h, TO_SERVER, "email.subject", 0), "s");
	harness_done(h);
	up(h, ".\r\n");
	assert_int_equal(harness_count(h, "\"filename\":\"n.bin\",\"gaps\":false,\"state\":\"CLOSED\","
					  "\"stored\":false,\"size\":5,\"tx_id\":0"), 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"smtp\""), 1);
	down(h, "250 queued\r\n");
	assert_int_equal(harness_count(h, "\"smtp\":{\"helo\":\"me.example\",\"mail_from\":\"<a@example.org>\","
					  "\"rcpt_to\":[\"<b@example.org>\"]},\"email\":{\"status\":\"PARSE_DONE\","
					  "\"from\":\"A <a@example.org>\",\"to\":[\"b@example.org\","
					  "\"\\u0022C, D\\u0022 <c@example.org>\"],\"attachment\":[\"n.bin\"],"
					  "\"url\":[\"one.example/x\",\"two.example/y\"]}"), 2);
	up(h, "MAIL FROM:<second@example.org>\r\n");
	down(h, "250 ok\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"tx_id\":1,\"smtp\":{\"helo\":\"me.example\","
					  "\"mail_from\":\"<second@example.org>\"}"), 1);
	assert_non_null(strstr(h->contacts, "12 b@example.org\n"));
	harness_free(h);
}

/* All of a session in single bytes. */
static void one_byte_segments(void **state)
{
	struct harness *h = harness_new(6, 25, NULL);

	harness_tcp_steps(h, TO_CLIENT, "220 x SMTP\r\n", 12, 1);
	harness_tcp_steps(h, TO_SERVER, "HELO m\r\nMAIL FROM:<a@b>\r\nDATA\r\n", 31, 1);
	harness_tcp_steps(h, TO_CLIENT, "250 x\r\n250 x\r\n354 x\r\n", 21, 1);
	harness_tcp_steps(h, TO_SERVER, mail, sizeof(mail) - 1, 1);
	harness_tcp_steps(h, TO_SERVER, ".\r\nQUIT\r\n", 9, 1);
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"size\":5,\"tx_id\":0"), 1);
	assert_int_equal(harness_count(h, "\"url\":[\"one.example/x\",\"two.example/y\"]"), 2);
	harness_free(h);
}

/* A client that does not wait for the answer to DATA, whole or in any cut. */
static void early(void **state)
{
	static const char first[] = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
	static const char answers[] = "250 ok\r\n250 ok\r\n354 go\r\n";

	(void)state;
	for (unsigned step = 1; step < 1000; step += 333) {
		for (unsigned split = 0; split < 2; split++) {
			struct harness *h = greeted(NULL);

			harness_tcp_steps(h, TO_SERVER, first, sizeof(first) - 1, step);
			harness_tcp_steps(h, TO_SERVER, mail, 100, step);
			if (split)
				down(h, answers);
			harness_tcp_steps(h, TO_SERVER, mail + 100, sizeof(mail) - 101, step);
			up(h, ".\r\n");
			if (!split)
				down(h, answers);
			down(h, "250 taken\r\n");
			up(h, "MAIL FROM:<e@f>\r\n");
			harness_finish(h);
			assert_int_equal(harness_count(h, "\"filename\":\"n.bin\",\"gaps\":false,\"state\":\"CLOSED\","), 1);
			assert_int_equal(harness_count(h, "\"from\":\"A <a@example.org>\""), 2); /* with the file */
			assert_int_equal(harness_count(h, "INVALID_PIPELINED_SEQUENCE"), 1);
			assert_int_equal(harness_count(h, "\"mail_from\":\"<e@f>\""), 1);
			harness_free(h);
		}
	}
}

/* All at once, even before the greeting. */
static void at_once(void **state)
{
	struct harness *h = harness_new(6, 25, NULL);

	(void)state;
	up(h, "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nFrom: t@u\r\n");
	down(h, "220 m ESMTP\r\n250 m\r\n250 ok\r\n250 ok\r\n354 go\r\n");
	up(h, "To: v@w\r\n\r\nbody\r\n.\r\n\r\nQUIT\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"from\":\"t@u\",\"to\":[\"v@w\"]"), 1);
	assert_int_equal(harness_count(h, "REJECTED"), 0);
	assert_int_equal(harness_count(h, "\"event_type\":\"smtp\""), 1);
	harness_free(h);
}

/* What came was no mail: the server says so, and commands are commands again. */
static void early_rejected(void **state)
{
	struct harness *h = greeted(NULL);

	(void)state;
	up(h, "DATA\r\nSubject: none\r\nMAIL FROM:<a@b>\r\n");
	down(h, "503 no\r\n500 what\r\n250 ok\r\n");
	up(h, "RCPT TO:<c@d>\r\nDATA\r\n");
	down(h, "250 ok\r\n354 go\r\n");
	up(h, "From: t@u\r\n\r\n.\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"from\":\"t@u\""), 1);
	assert_int_equal(harness_count(h, "DATA_COMMAND_REJECTED"), 1);
	harness_free(h);

	/* commands before the answer stay ones */
	h = greeted(NULL);
	up(h, "DATA\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	down(h, "503 no\r\n250 ok\r\n250 ok\r\n354 go\r\n");
	up(h, "From: t@u\r\n\r\n.\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"mail_from\":\"<a@b>\""), 1);
	assert_int_equal(harness_count(h, "\"from\":\"t@u\""), 1);
	harness_free(h);
}

static void bdat(void **state)
{
	struct harness *h = greeted(NULL);

	up(h, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 63\r\n"
	      "Content-Disposition: attachment; filename=f\r\nSubject: x\r\n\r\n1234BDAT 2 LAST\r\n56QUIT\r\n");
	down(h, "250 a\r\n250 b\r\n250 c\r\n250 d\r\n221 e\r\n");
	harness_finish(h);
	assert_int_equal(harness_count(h, "\"filename\":\"f\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":6"), 1);
	harness_free(h);
}

/* Chunks that end anywhere, with blanks behind LAST; several mails at once in one connection. */
static void chunks(void **state)
{
	static const char content[] = "Content-Disposition: attachment; filename=f\r\nSubject: x\r\n\r\n.\r\n..56";
	char text[4096];

	for (size_t step = 1; step < sizeof(content); step++) {
		struct harness *h = greeted(NULL);
		size_t n = 0;

		for (unsigned mail = 0; mail < 2; mail++) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "MAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\n");
			for (size_t at = 0; at < sizeof(content) - 1; at += step) {
				size_t len = sizeof(content) - 1 - at < step ? sizeof(content) - 1 - at : step;

				n += (size_t)snprintf(text + n, sizeof(text) - n, "BDAT %zu%s\r\n%.*s", len,
						      at + len == sizeof(content) - 1 && mail ? " last  " : "", (int)len, content + at);
			}
			if (!mail)
				n += (size_t)snprintf(text + n, sizeof(text) - n, "bdat 0 LAST\r\n");
		}
		for (size_t at = 0; at < n; at += step)
			harness_tcp(h, TO_SERVER, text + at, n - at < step ? n - at : step);
		harness_finish(h);
		assert_int_equal(harness_count(h, "\"filename\":\"f\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":7"), 2);
		assert_int_equal(harness_count(h, "\"event_type\":\"smtp\""), 2);
		harness_free(h);
	}
}

/* Several mails in one connection, all that may be said at once in segments of any size. */
static void several(void **state)
{
	char text[1024];

	for (size_t step = 1; step < 600; step = step * 2 + 1) {
		struct harness *h = harness_new(6, 25, NULL);
		size_t n = 0;

		down(h, "220 m ESMTP\r\n");
		up(h, "EHLO me.example\r\n");
		down(h, "250-m\r\n250 PIPELINING\r\n");
		for (char mail = 'a'; mail < 'd'; mail++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "MAIL FROM:<%c@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nContent-Disposition: attachment; "
					      "filename=%c\r\n\r\n..%c\r\n.\r\n", mail, mail, mail);
		harness_tcp_steps(h, TO_SERVER, text, n, step);
		down(h, "250 a\r\n250 b\r\n354 c\r\n250 d\r\n250 a\r\n250 b\r\n354 c\r\n250 d\r\n250 a\r\n250 b\r\n354 c\r\n250 d\r\n");
		harness_finish(h);
		for (char mail = 'a'; mail < 'd'; mail++) {
			snprintf(text, sizeof(text), "\"mail_from\":\"<%c@b>\",\"rcpt_to\":[\"<c@d>\"]},\"email\":{\"status\":\"PARSE_DONE\",\"attachment\":[\"%c\"]},"
				 "\"fileinfo\":{\"filename\":\"%c\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":2", mail, mail, mail);
			assert_int_equal(harness_count(h, text), 1);
		}
		assert_int_equal(harness_count(h, "\"event_type\":\"smtp\""), 3);
		harness_free(h);
	}
}

#define ATTACHED "Content-Disposition: attachment; filename=f\r\n\r\n123\r\n"

/* A dot between line ends that not every server takes for an end: more of the mail follows it, or a command, or the answer. */
static void doubtful_end(void **state)
{
	static const char *const ends[] = {"\n.\n", "\n.\r\n", "\r\n.\n"};
	char text[1024];

	for (unsigned i = 0; i < 3; i++) {
		for (size_t step = 1; step < 200; step = step * 2 + 1) {
			struct harness *h = greeted(NULL);

			up(h, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
			down(h, "250 a\r\n250 b\r\n354 c\r\n");
			snprintf(text, sizeof(text), "Content-Type: multipart/mixed; boundary=b\r\n\r\nMail me%s--b\r\n" ATTACHED "--b--\r\n.\r\nQUIT\r\n", ends[i]);
			harness_tcp_steps(h, TO_SERVER, text, strlen(text), step);
			down(h, "250 d\r\n221 e\r\n");
			harness_finish(h);
			assert_int_equal(harness_count(h, "\"filename\":\"f\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":3"), 1);
			assert_int_equal(harness_count(h, "\"event\":"), 0);
			harness_free(h);

			h = greeted(NULL);
			up(h, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
			down(h, "250 a\r\n250 b\r\n354 c\r\n");
			snprintf(text, sizeof(text), "From: one\r\n\r\nx%sMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", ends[i]);
			harness_tcp_steps(h, TO_SERVER, text, strlen(text), step);
			down(h, "250 a\r\n250 b\r\n250 c\r\n354 d\r\n");
			snprintf(text, sizeof(text), "From: two\r\n\r\nx%s", ends[i]);
			harness_tcp_steps(h, TO_SERVER, text, strlen(text), step);
			down(h, "250 d\r\n");
			up(h, "what\r\n");
			harness_finish(h);
			assert_int_equal(harness_count(h, "\"from\":\"one\""), 1);
			assert_int_equal(harness_count(h, "\"from\":\"two\""), 1);
			assert_int_equal(harness_count(h, "\"event\":"), 0);
			harness_free(h);
		}
	}
}

/* Parts that readers offer to save without a name of theirs are files where files are analysed, and only there. */
static void nameless(void **state)
{
	static const char *const analysed[] = {"file_analysis.enabled=yes", NULL};

	for (unsigned on = 0; on < 2; on++) {
		struct harness *h = greeted(on ? analysed : NULL);

		up(h, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
		down(h, "250 a\r\n250 b\r\n354 c\r\n");
		up(h, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nwords\r\n--b\r\n"
		      "Content-Type: application/hta\r\n\r\n123\r\n--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment\r\n\r\n4567\r\n"
		      "--b--\r\n.\r\n");
		harness_finish(h);
		assert_int_equal(harness_count(h, "\"fileinfo\":{"), 4 * on); /* each in the bulk ring, too */
		assert_int_equal(harness_count(h, "\"size\":3,"), 2 * on);
		assert_int_equal(harness_count(h, "\"size\":4,"), 2 * on);
		assert_int_equal(harness_count(h, "\"attachment\""), 0);
		harness_free(h);
	}
}

static const char tnef_mail[] = "Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	/* signature, key; message class; rendering data, title "a.exe", data "MZ123"; rendering data, data "x", title "b";
	 * rendering data, title "A~1.EXE", data "yy", properties with the long name "\u00e4.exe" */
	"eJ8+IgEAAQiAAQADAAAAaXBtAAACApAGAAIAAAAAAAAAAhCAAQAGAAAAYS5leGUAAAACD4AGAAUAAABNWjEyMwAAAgKQBgACAAAA\r\n"
	"AAAAAAIPgAYAAQAAAHgAAAIQgAEAAgAAAGIAAAACApAGAAAAAAAAAAIQgAEACAAAAEF+MS5FWEUAAAACD4AGAAIAAAB5eQAAAgWQ\r\n"
	"BgAkAAAAAgAAAAMAIQ4BAAAAHwAHNwEAAAAMAAAA5AAuAGUAeABlAAAAAAA=\r\n";

/* What is attached in a winmail.dat becomes files; cut in one, that is one cut off. */
static void tnef(void **state)
{
	for (size_t step = 1; step < sizeof(tnef_mail); step = step * 2 + 1) {
		struct harness *h = greeted(NULL);

		up(h, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
		down(h, "250 a\r\n250 b\r\n354 c\r\n");
		harness_tcp_steps(h, TO_SERVER, tnef_mail, sizeof(tnef_mail) - 1, step);
		up(h, ".\r\n");
		harness_finish(h);
		assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), 4);
		assert_int_equal(harness_count(h, "\"filename\":\"winmail.dat\",\"gaps\":false,\"state\":\"CLOSED\""), 1);
		assert_int_equal(harness_count(h, "\"filename\":\"a.exe\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":5"), 1);
		assert_int_equal(harness_count(h, "\"filename\":\"b\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":1"), 1);
		assert_int_equal(harness_count(h, "\"attachment\":[\"winmail.dat\"]"), 5);
		assert_int_equal(harness_count(h, "\"filename\":\"\\u00c3\\u00a4.exe\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":2"), 1);
		harness_free(h);
	}
	for (size_t len = 0; len < sizeof(tnef_mail); len++) {
		struct harness *h = greeted(NULL);

		up(h, "DATA\r\n");
		down(h, "354 c\r\n");
		harness_tcp(h, TO_SERVER, tnef_mail, len);
		if (len & 1)
			harness_gap(h, TO_SERVER, 3);
		up(h, ".\r\n");
		harness_free(h); /* asks whether all was given back */
	}
}

/* A message attached to a message, a winmail.dat in one, mails that are signed (tests/support/samples.py), and one that is encrypted. */
static const char packed_message[] =
	"eJ8+IgAAAgKQBgAOAAAAAgAAAAAAAAAAAAAAAAACAAIQgAEABwAAAFJlOiBpdADuAQIFkAYAcAAAAAMAAAADACEOAQAAAA0AATcB\r\n"
	"AAAAUAAAAAcDAgAAAAAAwAAAAAAAAEZ4nz4iAAACApAGAA4AAAAAAAAAAAAAAAAAAAAAAAAAAhCAAQAGAAAAYS5leGUA0QECD4AG\r\n"
	"AAUAAABNWjEyMz0BAwAFNwUAAACUCQ==\r\n";
static const char packed_nested[] =
	"eJ8+IgAAAgKQBgAOAAAAAAAAAAAAAAAAAAAAAAAAAAIQgAEADAAAAHdpbm1haWwuZGF0AFgEAg+ABgBAAAAAeJ8+IgAAAgKQBgAO\r\n"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAIQgAEABgAAAGEuZXhlANEBAg+ABgAFAAAATVoxMjM9AXIH\r\n";
static const char packed_is_signed[] =
	"MIICEQYJKoZIhvcNAQcCoIICAjCCAf4CAQExDzANBglghkgBZQMEAgEFADBMBgkqhkiG9w0BBwGgPwQ9Q29udGVudC1UeXBlOiBh\r\n"
	"cHBsaWNhdGlvbi9vY3RldC1zdHJlYW07IG5hbWU9YS5leGUNCg0KTVoxMjMNCqCB3zCB3GNlcnRpZmljYXRlY2VydGlmaWNhdGVj\r\n"
	"ZXJ0aWZpY2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0\r\n"
	"ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZWNlcnRpZmlj\r\n"
	"YXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGUxgbcwgbRzaWduZXJzaWduZXJzaWduZXJzaWdu\r\n"
	"ZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJz\r\n"
	"aWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWduZXJzaWdu\r\n"
	"ZXJzaWduZXI=\r\n";
static const char packed_pieces[] =
	"MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglghkgBZQMEAgEFADCABgkqhkiG9w0BBwGggCSABAlDb250ZW50LVQECXlwZTogYXBw\r\n"
	"bAQJaWNhdGlvbi9vBAljdGV0LXN0cmUECWFtOyBuYW1lPQQJYS5leGUNCg0KBAdNWjEyMw0KAAAAAAAAoIHfMIHcY2VydGlmaWNh\r\n"
	"dGVjZXJ0aWZpY2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZp\r\n"
	"Y2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZWNlcnRp\r\n"
	"ZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZWNlcnRpZmljYXRlY2VydGlmaWNhdGVjZXJ0aWZpY2F0ZTGBtzCBtHNpZ25lcnNp\r\n"
	"Z25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25l\r\n"
	"cnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNpZ25lcnNp\r\n"
	"Z25lcnNpZ25lcnNpZ25lcnNpZ25lcgAAAAAAAA==\r\n";
static const char packed_enveloped[] =
	"MHIGCSqGSIb3DQEHA6BlMGMCAQAxQzBBAgEABDxrZXlrZXlrZXlrZXlrZXlrZXlrZXlrZXlrZXlrZXlrZXlrZXlrZXlrZXlrZXlr\r\n"
	"ZXlrZXlrZXlrZXlrZXkwGQYJKoZIhvcNAQcBMAQGAmCGgAZzZWNyZXQ=\r\n";

static void packed(void **state)
{
	static const struct {
		const char *name, *base64;
		unsigned files;
		bool encrypted;
	} rows[] = {
		{"winmail.dat", packed_message, 2, false}, {"winmail.dat", packed_nested, 3, false}, {"smime.p7m", packed_is_signed, 2, false},
		{"smime.p7m", packed_pieces, 2, false}, {"smime.p7m", packed_enveloped, 1, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char mail[4096];
		size_t n = (size_t)snprintf(mail, sizeof(mail), "Content-Type: application/x; name=%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s",
					    rows[i].name, rows[i].base64);

		for (size_t step = 1; step < n; step = step * 3 + 1) {
			struct harness *h = greeted(NULL);

			up(h, "DATA\r\n");
			down(h, "354 c\r\n");
			harness_tcp_steps(h, TO_SERVER, mail, n, step);
			up(h, ".\r\n");
			harness_finish(h);
			assert_int_equal(harness_count(h, "\"event_type\":\"fileinfo\""), rows[i].files);
			assert_int_equal(harness_count(h, "\"filename\":\"a.exe\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":5"), !rows[i].encrypted);
			assert_int_equal(harness_count(h, "\"encrypted\":true"), rows[i].encrypted);
			harness_free(h);
		}
		for (size_t len = 0; len < n; len += 1 + len % 3) {
			struct harness *h = greeted(NULL);

			up(h, "DATA\r\n");
			down(h, "354 c\r\n");
			harness_tcp(h, TO_SERVER, mail, len);
			if (len & 1)
				harness_gap(h, TO_SERVER, 4);
			harness_tcp(h, TO_SERVER, mail + len, n - len);
			if (len & 2)
				up(h, ".\r\n");
			harness_free(h);
		}
	}
}

static void starttls(void **state)
{
	struct harness *h = greeted(NULL);

	up(h, "STARTTLS\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"smtp\""), 0);
	down(h, "220 go ahead\r\n");
	assert_int_equal(harness_count(h, "\"event_type\":\"smtp\""), 1);
	assert_null(h->flow.app->proto);
	assert_int_equal(h->flow.app->proto_expected, APP_tls);
	harness_free(h);
}

static void rset(void **state)
{
	struct harness *h = greeted(NULL);

	up(h, "MAIL FROM:<a@b>\r\n");
	down(h, "250 ok\r\n");
	up(h, "RSET\r\n");
	down(h, "250 ok\r\n");
	assert_int_equal(harness_count(h, "\"mail_from\":\"<a@b>\""), 1);
	harness_free(h);
}

static void events(void **state)
{
	static const struct {
		const char *first, *second, *third, *event;
	} cases[] = {
		{"EHLO x\r\n", NULL, NULL, "NO_SERVER_WELCOME_MESSAGE"},
		{"EHLO x\r\nEHLO y\r\n", NULL, NULL, "DUPLICATE_FIELDS"},
		{"EHLO x\r\n", "220 SMTP\r\n999 no\r\n", NULL, "INVALID_REPLY"},
		{"EHLO x\r\nSTARTTLS\r\n", "250 a\r\n454 no\r\n", NULL, "TLS_REJECTED"},
		{"EHLO x\r\nDATA\r\n", "250 a\r\n550 no\r\n", NULL, "DATA_COMMAND_REJECTED"},
		{"EHLO x\r\nDATA\r\nNOOP\r\n", NULL, NULL, "INVALID_PIPELINED_SEQUENCE"},
		{"EHLO x\r\nDATA\r\n", "250 a\r\n354 b\r\n",
		 "Content-Transfer-Encoding: base64\r\n\r\n*\r\n.\r\n", "MIME_INVALID_BASE64"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct harness *h = harness_new(6, 25, NULL);

		up(h, cases[i].first);
		if (cases[i].second)
			down(h, cases[i].second);
		if (cases[i].third)
			up(h, cases[i].third);
		harness_finish(h);
		if (harness_count(h, cases[i].event) != 1)
			fail_msg("%s: %s", cases[i].event, h->out);
		harness_free(h);
	}
}

/* Bytes missing inside an attachment; a command that never ends. */
static void gaps_and_long_lines(void **state)
{
	struct harness *h = greeted(NULL);
	char line[5000];

	up(h, "DATA\r\n");
	down(h, "354 go\r\n");
	up(h, "Content-Disposition: attachment; filename=f\r\n\r\nabc");
	harness_gap(h, TO_SERVER, 100);
	up(h, "def\r\n.\r\n");
	assert_int_equal(harness_count(h, "\"gaps\":true,\"state\":\"TRUNCATED\",\"stored\":false,\"size\":106"), 1);
	memset(line, 'x', sizeof(line));
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	up(h, "NOOP\r\n");
	harness_tcp_steps(h, TO_SERVER, line, sizeof(line), 100);
	harness_finish(h);
	assert_int_equal(harness_count(h, "TRUNCATED_LINE"), 1);
	harness_free(h);
}

static void raw(void **state)
{
	static const char *const settings[] = {"app.smtp.raw_extraction=yes", NULL};
	struct harness *h = greeted(settings);

	up(h, "DATA\r\n");
	down(h, "354 go\r\n");
	up(h, "Subject: x\r\n\r\nbody\r\n.\r\n");
	assert_int_equal(harness_count(h, "\"filename\":\"rawmsg\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":20"), 1);
	harness_free(h);
}

/* Mails are files, too: as they came, with their attachments apart. */
static void bodies(void **state)
{
	static const char *const settings[] = {"file_bodies=yes", NULL};
	struct harness *h = greeted(settings);

	up(h, "DATA\r\n");
	down(h, "354 go\r\n");
	up(h, "Content-Disposition: attachment; filename=\"a.txt\"\r\n\r\n..body\r\n.\r\n");
	assert_int_equal(harness_count(h, "\"filename\":\"rawmsg\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,\"size\":60"), 1);
	assert_int_equal(harness_count(h, "\"filename\":\"a.txt\",\"gaps\":false,\"state\":\"CLOSED\",\"stored\":false,"), 1);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session), cmocka_unit_test(one_byte_segments),
		cmocka_unit_test(early), cmocka_unit_test(at_once), cmocka_unit_test(early_rejected),
		cmocka_unit_test(bdat), cmocka_unit_test(chunks), cmocka_unit_test(tnef), cmocka_unit_test(packed), cmocka_unit_test(nameless), cmocka_unit_test(several), cmocka_unit_test(doubtful_end),
		cmocka_unit_test(starttls), cmocka_unit_test(rset), cmocka_unit_test(events),
		cmocka_unit_test(gaps_and_long_lines), cmocka_unit_test(raw), cmocka_unit_test(bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

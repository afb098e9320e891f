/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages to and from the courier there and back, what notifications read like, the file of
 * tokens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/courier/message.h"
#include "control/courier/notify.h"
#include "control/http/http_private.h"

static struct config config = {.sensor_name = "sensor", .notify_mail_from = "m@example.org"};

static void requests_there_and_back(void **state)
{
	const char *const headers[] = {"A: 1", "B: 2", NULL}, *const to[] = {"x@example.org", NULL};
	const struct courier_request r = {.kind = COURIER_MAIL,
					  .url = "smtp://mx",
					  .token = "t",
					  .headers = headers,
					  .from = "m@example.org",
					  .to = to,
					  .max_bytes = 1u << 20,
					  .timeout_s = 9};
	char *text = message_of_request(&r, 77, "/ca.pem");
	struct courier_order o;

	assert_non_null(text);
	assert_true(message_read_request(&o, text, strlen(text)));
	assert_int_equal(o.id, 77);
	assert_int_equal(o.r.kind, COURIER_MAIL);
	assert_string_equal(o.r.url, "smtp://mx");
	assert_string_equal(o.headers[1], "B: 2");
	assert_null(o.headers[2]);
	assert_string_equal(o.to[0], "x@example.org");
	assert_string_equal(o.ca, "/ca.pem");
	assert_int_equal(o.r.max_bytes, 1u << 20);
	assert_int_equal(o.r.timeout_s, 9);
	message_order_free(&o);
	free(text);
}

static void wrong_requests(void **state)
{
	static const char *const wrong[] = {
		"",
		"[]",
		"{}",
		"{\"kind\":\"fetch\"}",
		"{\"kind\":\"no\",\"url\":\"u\"}",
		"{\"kind\":1,\"url\":\"u\"}",
		"{\"kind\":\"fetch\",\"url\":7}",
		"{\"kind\":\"fetch\",\"url\":\"u\",\"id\":-1}",
		"{\"kind\":\"fetch\",\"url\":\"u\",\"id\":\"7\"}",
		"{\"kind\":\"fetch\",\"url\":\"u\",\"timeout\":86401}",
		"{\"kind\":\"fetch\",\"url\":\"u\",\"headers\":\"A: 1\"}",
		"{\"kind\":\"fetch\",\"url\":\"u\",\"headers\":[\"A: 1\\r\\nB: 2\"]}",
		"{\"kind\":\"fetch\",\"url\":\"u\",\"etag\":\"a\\r\\nB: 2\"}",
		"{\"kind\":\"mail\",\"url\":\"u\",\"from\":\"a\\nRCPT TO:<b>\"}",
		"{\"kind\":\"fetch\",\"kind\":\"post\",\"url\":\"u\"}",
	};
	struct courier_order o;
	char many[1024];
	int len = snprintf(many, sizeof(many),
			   "{\"kind\":\"fetch\",\"url\":\"u\",\"headers\":[\"a\"");

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(message_read_request(&o, wrong[i], strlen(wrong[i])));
	for (int i = 1; i < MESSAGE_HEADERS_MAX + 1; i++)
		len += snprintf(many + len, sizeof(many) - (size_t)len, ",\"a\"");
	snprintf(many + len, sizeof(many) - (size_t)len, "]}");
	assert_false(message_read_request(&o, many, strlen(many)));
}

static void answers(void **state)
{
	struct courier_answer a = {.status = -ETIMEDOUT,
				   .http = 304,
				   .bytes = 5,
				   .etag = "e",
				   .next = "n",
				   .error = "late"},
			      b;
	static const char *const wrong[] = {"",
					    "[]",
					    "{\"status\":1}",
					    "{\"status\":-4096}",
					    "{\"http\":1000}",
					    "{\"bytes\":-1}",
					    "{\"id\":[]}"};
	char *text = message_of_answer(&a, 3);
	uint64_t id = 0;

	assert_true(message_read_answer(&b, &id, text, strlen(text)));
	assert_int_equal(id, 3);
	assert_int_equal(b.status, -ETIMEDOUT);
	assert_int_equal(b.http, 304);
	assert_int_equal(b.body_fd, -1);
	assert_string_equal(b.etag, "e");
	assert_string_equal(b.error, "late");
	free(text);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(message_read_answer(&b, &id, wrong[i], strlen(wrong[i])));
}

static json_t *findings(void)
{
	json_t *f =
		json_loads("[{\"id\":1,\"client\":\"10.0.0.1\",\"host\":\"a\\r\\nBcc: x\","
			   "\"kind\":\"domain\",\"indicator\":\"a\\\"]\\\\\\r\\nb\",\"count\":-1,"
			   "\"first\":\"2026-01-01T00:00:00.000000+0000\"},"
			   "{\"id\":2,\"client\":\"10.0.0.2\",\"kind\":\"domain\","
			   "\"indicator\":\"b\",\"count\":2,\"tlp\":\"green\","
			   "\"first\":\"2026-01-01T00:00:00.000000+0000\"}]",
			   0, NULL);

	assert_non_null(f);
	return f;
}

static void mail_and_syslog(void **state)
{
	json_t *f = findings();
	struct text t = {0};

	notify_mail_body(&t, &config, f, 0);
	text_char(&t, '\0');
	assert_non_null(strstr((char *)t.data, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"));
	assert_null(strstr((char *)t.data, "\nBcc"));
	for (size_t i = 0; i < t.len; i++)
		if (t.data[i] == '\n')
			assert_true(i && t.data[i - 1] == '\r');
	text_free(&t);
	t = (struct text){0};
	notify_syslog_body(&t, &config, json_array_get(f, 0), 0);
	text_char(&t, '\0');
	assert_int_equal(strncmp((char *)t.data, "<84>1 1970-01-01T00:00:00Z ", 27), 0);
	assert_non_null(strstr((char *)t.data, "indicator=\"a\\\"\\]\\\\..b\""));
	assert_null(strpbrk((char *)t.data, "\r\n"));
	text_free(&t);
	json_decref(f);
}

/* RFC 2045, 6.7, undone. */
static void unquote(char *text)
{
	char *to = text;

	for (const char *at = text; *at;) {
		unsigned byte;

		if (strncmp(at, "=\r\n", 3) == 0) {
			at += 3;
		} else if (*at == '=' && sscanf(at + 1, "%2X", &byte) == 1) {
			*to++ = (char)byte;
			at += 3;
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
}

/* Values as long as they may be, and bytes of any kind: no line is longer than mail allows (RFC 5322,
 * 2.1.1), none is broken so that it could not be read again. */
static void long_mails(void **state)
{
	char indicator[1400], wanted[1500];
	json_t *f = json_array();
	struct text t = {0};
	size_t start = 0;

	for (size_t i = 0; i < sizeof(indicator) - 1; i++)
		indicator[i] = "ab=. c"[i % 6];
	indicator[sizeof(indicator) - 1] = '\0';
	json_array_append_new(f, json_pack("{s:i s:s s:s s:s}", "id", 1, "client", "10.0.0.1",
					   "indicator", indicator, "threat", "M\xc3\xbcll "));
	notify_mail_body(&t, &config, f, 0);
	text_char(&t, '\0');
	for (size_t i = 1; i < t.len; i++) {
		assert_true(t.data[i] < 128);
		if (t.data[i] != '\n')
			continue;
		assert_in_range(i - 1 - start, 0, 76);
		/* Blanks at an end are lost on the way. */
		assert_true(t.data[i - 2] != ' ' || (char *)t.data + i < strstr((char *)t.data, "\r\n\r\n"));
		start = i + 1;
	}
	assert_non_null(strstr((char *)t.data, "Content-Transfer-Encoding: quoted-printable\r\n"));
	unquote(strstr((char *)t.data, "\r\n\r\n"));
	snprintf(wanted, sizeof(wanted), " contacted %s\r\n", indicator);
	assert_non_null(strstr(strstr((char *)t.data, "\r\n\r\n"), wanted));
	assert_non_null(strstr((char *)t.data, "M\xc3\xbcll "));
	text_free(&t);
	json_decref(f);
}

/* Whatever stands in sensor.name. */
static void odd_sensor_names(void **state)
{
	static const char *const names[] = {"a b\r\nBcc: x\t<y>", "\xc3\xbc@\"\\\x7f", "..", "<84>1 - -"};
	json_t *f = findings();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct config c = {.sensor_name = (char *)(uintptr_t)names[i],
				   .notify_mail_from = "m@example.org"};
		struct text mail = {0}, line = {0};
		char *id, host[300];

		notify_mail_body(&mail, &c, f, 0);
		text_char(&mail, '\0');
		assert_null(strstr((char *)mail.data, "\nBcc"));
		id = strstr((char *)mail.data, "Message-ID: <0.1@");
		assert_non_null(id);
		id += strlen("Message-ID: <0.1@");
		assert_true(strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
			    strcspn(id, ">"));
		assert_true(*id != '.' && *id != '>');
		notify_syslog_body(&line, &c, json_array_get(f, 0), 0);
		text_char(&line, '\0');
		assert_int_equal(sscanf((char *)line.data, "<84>1 1970-01-01T00:00:00Z %299s metsuke ",
					host), 1);
		assert_non_null(strstr((char *)line.data, " metsuke "));
		assert_true(strncmp(strchr((char *)line.data + 27, ' '), " metsuke ", 9) == 0);
		for (const char *at = host; *at; at++)
			assert_in_range(*at, 33, 126);
		text_free(&mail);
		text_free(&line);
	}
	json_decref(f);
}

static const char *of(const json_t *objects, size_t i, const char *key)
{
	const json_t *o = json_array_get(objects, i);

	return json_string_value(key ? json_object_get(o, key) : o);
}

static void share(void **state)
{
	json_t *f = findings(), *o, *objects;
	struct text t = {0};

	notify_share_body(&t, &config, f);
	o = json_loadb((char *)t.data, t.len, 0, NULL);
	objects = json_object_get(o, "objects");
	assert_int_equal(json_array_size(objects), 4);
	assert_string_equal(of(objects, 1, "sighting_of_ref"), of(objects, 0, "id"));
	assert_string_not_equal(of(objects, 1, "id"), of(objects, 3, "id"));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(objects, 1), "count")),
			 0);
	assert_null(json_object_get(json_array_get(objects, 0), "object_marking_refs"));
	for (size_t i = 2; i < 4; i++)
		assert_string_equal(
			of(json_object_get(json_array_get(objects, i), "object_marking_refs"), 0,
			   NULL),
			"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb");
	json_decref(o);
	text_free(&t);
	json_decref(f);
}

static struct http_tokens *tokens_of(const char *text)
{
	char path[] = "/tmp/tokens-XXXXXX";
	int fd = mkstemp(path);
	struct http_tokens *t;

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	t = tokens_read(path);
	unlink(path);
	return t;
}

static void tokens(void **state)
{
	struct http_tokens *t = tokens_of("# c\n\n0123456789abcdef share site-b\n");
	enum http_role role = ROLE_ANY;
	char comment[1200];

	assert_non_null(t);
	assert_string_equal(tokens_find(t, "0123456789abcdef", &role), "site-b");
	assert_int_equal(role, ROLE_SHARE);
	assert_null(tokens_find(t, "0123456789abcdeg", &role));
	tokens_free(t);
	assert_null(tokens_read("/nonexistent/tokens"));
	assert_null(tokens_of("short share x\n"));
	assert_null(tokens_of("0123456789abcdef root x\n"));
	assert_null(tokens_of("0123456789abcdef share\n"));
	/* What follows the buffer's end is no line of its own. */
	memset(comment, '#', 1023);
	snprintf(comment + 1023, sizeof(comment) - 1023, "0123456789abcdef admin x\n");
	assert_null(tokens_of(comment));
}

/* One descriptor is meant to ride along; of two, one is kept and none stays open unseen. */
static void two_descriptors(void **state)
{
	int pair[2], fds[2] = {dup(0), dup(0)}, got, next;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(fds))];
	} control = {.room = {0}};
	struct iovec iov = {(void *)(uintptr_t) "{}", 2};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	char text[MESSAGE_BYTES_MAX];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fds)),
					.cmsg_level = SOL_SOCKET,
					.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.head), fds, sizeof(fds));
	assert_int_equal(sendmsg(pair[0], &m, 0), 2);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(message_receive(pair[1], text, &got, 1000), 2);
	assert_true(got >= 0);
	close(got);
	next = dup(0);
	assert_true(next <= got); /* the least that is free */
	assert_int_equal(next, fds[0]);
	close(next);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_there_and_back),
		cmocka_unit_test(wrong_requests),
		cmocka_unit_test(answers),
		cmocka_unit_test(mail_and_syslog),
		cmocka_unit_test(long_mails),
		cmocka_unit_test(odd_sensor_names),
		cmocka_unit_test(share),
		cmocka_unit_test(tokens),
		cmocka_unit_test(two_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

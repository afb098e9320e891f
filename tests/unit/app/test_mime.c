/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/mime*.c: messages in pieces of any size give the same leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/mime.h"

struct seen {
	char text[65536]; /* "[name|data]" a part, "{url}" a URL */
	size_t len;
};

static void add(struct seen *s, const char *before, const void *data, size_t len, const char *after)
{
	int n = snprintf(s->text + s->len, sizeof(s->text) - s->len, "%s%.*s%s", before, (int)len,
			 (const char *)data, after);

	s->len += (size_t)n;
	assert_true(s->len < sizeof(s->text));
}

static void part_begin(void *ctx, struct bytes name, enum mime_type type)
{
	add(ctx, "[", name.data, name.len, "|");
}

static void part_data(void *ctx, const uint8_t *data, uint32_t len)
{
	add(ctx, "", data, len, "");
}

static void part_end(void *ctx, bool complete)
{
	add(ctx, "", "", 0, complete ? "]" : "...");
}

static const struct mime_ops ops = {.part_begin = part_begin, .part_data = part_data, .part_end = part_end};

static struct worker w;

static uint32_t run(const char *message, uint32_t flags, size_t step, struct seen *s)
{
	size_t len = strlen(message);
	struct mime m;

	memset(s, 0, sizeof(*s));
	mime_init(&m, &w, &ops, s, flags);
	if (flags & MIME_RAW)
		mime_set_boundary(&m, (struct bytes){(const uint8_t *)"b", 1});
	for (size_t at = 0; at < len; at += step)
		mime_data(&m, (const uint8_t *)message + at, (uint32_t)(len - at < step ? len - at : step));
	mime_end(&m, true);
	mime_free(&m);
	assert_int_equal(w.heap.used_bytes, 0);
	return m.anomalies;
}

static void expect(const char *message, uint32_t flags, const char *parts)
{
	struct seen s;

	for (size_t step = 1; step < 40; step += 1 + step / 3) {
		run(message, flags, step, &s);
		assert_string_equal(s.text, parts);
	}
	run(message, flags, strlen(message), &s);
	assert_string_equal(s.text, parts);
}

static void structure(void **state)
{
	expect("Subject: x\r\n\r\nline 1\r\nline 2\r\n", 0, "[|line 1\r\nline 2]");
	expect("Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n"
	       "--b\r\nContent-Type: text/plain\r\n\r\none\r\n"
	       "--b\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n"
	       "--in\r\n\r\ntwo\r\n--in\r\nContent-Disposition: attachment; filename=f.txt\r\n\r\nthree\r\n--in--\r\n"
	       "epilogue\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
	       "Content-Type: application/x; name=\"deep\"\r\n\r\nfour\r\n--b--\r\nend\r\n",
	       0, "[|one][|two][f.txt|three][deep|four]");
	/* an outer boundary closes the inner levels */
	expect("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	       "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n",
	       0, "[|x][|y]");
	/* parts of a digest are messages unless they say something else; what is in those is not */
	expect("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\none\r\n--b\r\n\r\n"
	       "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\ntwo\r\n--in\r\n"
	       "Content-Type: a/b; name=f\r\n\r\nthree\r\n--in--\r\n--b\r\nContent-Type: text/plain\r\n\r\nfour\r\n--b--\r\n",
	       0, "[|one][|two][f|three][|four]");
	/* what only looks like a boundary; bare line feeds */
	expect("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--\n-b\n--c\n--b--\n", 0, "[|--\n-b\n--c]");
	/* of two boundaries that begin alike the one that stands there alone counts, whichever is the inner one */
	expect("Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n"
	       "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--bb\r\n\r\ny\r\n--bb--\r\n", 0, "[|x][|y]");
	/* a blank before the colon, a comment behind the type */
	expect("Content-Type : multipart/mixed (b; c); boundary=b\r\n\r\n--b\r\nContent-Disposition\t: attachment; filename=g\r\n\r\nx\r\n--b--\r\n", 0,
	       "[g|x]");
	/* headers that a boundary ends, the mail's own and a part's */
	expect("Content-Type: multipart/mixed; boundary=b\r\n--b\r\nContent-Type: a/b; name=\"f\"\r\n--b\r\n"
	       "-X: y\r\n--Y: z\r\nContent-Disposition: attachment; filename=g\r\n\r\nx\r\n--b--\r\n", 0, "[g|x]");
	/* a boundary of what is no multipart */
	expect("Content-Type: application/x-y; boundary=b; name=f\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n", 0,
	       "[f|x\r\n--b\r\n\r\ny\r\n--b--]");
	/* no end: what is there is given */
	expect("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n", 0, "[|x]");
}

static void encodings(void **state)
{
	expect("Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a\r\n\r\n"
	       "aGVs\r\nbG8g\r\nd29ybGQ=\r\n", 0, "[a|hello world]");
	expect("Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc =E4=zz=\r\n", 0, "[|a=bc \xe4=zz]");
	expect("--b\r\nContent-Disposition: form-data; filename=\"q\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	       "aGVs\r\n--b--\r\n", MIME_RAW, "[q|aGVs]");
	expect("Content-Transfer-Encoding: base64\r\n\r\naGVs\r\n", MIME_NO_BASE64, "[|aGVs]");
	/* junk, runs that end with padding in the middle, no padding */
	expect("Content-Transfer-Encoding: base64\r\n\r\naG!Vs-b\r\nG8=\r\n*IHdvcmxk\r\nYQ==Yg\r\n", 0, "[|hello worldab]");
	/* words around the coding */
	expect("Content-Transfer-Encoding: \"BASE64\"\r\n\r\naGVs\r\n", 0, "[|hel]");
	expect("Content-Transfer-Encoding: base64; x=y\r\n\r\naGVs\r\n", 0, "[|hel]");
	expect("Content-Transfer-Encoding: base64 (b)\r\n\r\naGVs\r\n", 0, "[|hel]");
	/* what looks like an escape before one; blanks behind a soft break */
	expect("Content-Transfer-Encoding: quoted-printable\r\n\r\n==41=4=42= \t\r\nC= D=\n\nE=3d\r\n", 0, "[|=A=4BC= D\nE=]");
}

/* Messages within a mail: as they are, coded as a whole, only said to be, and the first of several pieces. */
static void messages(void **state)
{
	static const char inner[] = "Q29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ7IGJvdW5kYXJ5PWMNCg0KLS1jDQpDb250ZW50\r\n"
				    "LURpc3Bvc2l0aW9uOiBhdHRhY2htZW50OyBmaWxlbmFtZT1mDQoNCnR3bw0KLS1jLS0NCg==\r\n";
	char text[1024];

	snprintf(text, sizeof(text), "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n"
		 "Content-Transfer-Encoding: base64\r\n\r\n%s--b\r\n\r\nthree\r\n--b--\r\n", inner);
	expect(text, 0, "[f|two][|three]");
	snprintf(text, sizeof(text), "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n%s", inner);
	expect(text, 0, "[f|two]");
	expect("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTogYg0KDQp4", 0, "[|x]");
	expect("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nSubject: x\r\n\r\none\r\n", 0, "[|one]");
	expect("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\none\r\n", 0, "[|one]");
	expect("Content-Type: message/partial; id=\"a@b\"; number=1; total=2\r\n\r\nContent-Type: a/b; name=f\r\n\r\none\r\n", 0, "[f|one]");
	expect("Content-Type: message/partial; id=\"a@b\"; number=2; total=2\r\n\r\nX: y\r\n\r\none\r\n", 0, "[|X: y\r\n\r\none]");
}

/* Files in text, a part that is coded so as a whole, and what only looks like either. */
static void uuencode(void **state)
{
	expect("Subject: x\r\n\r\nhello\r\nbegin 644 a b.txt\r\n#0V%T\r\n`\r\nend\r\nbye\r\n", 0, "[|hello\r\n][a b.txt|Cat][|bye]");
	expect("Content-Type: text/plain\n\nbegin 644 a\n#0V%T\n#0V%T\n \nend\nbegin 0755 b\n\"2&D\n`\nend\n", 0, "[|][a|CatCat][b|Hi]");
	expect("Content-Transfer-Encoding: quoted-printable\r\n\r\nbegin 644 a\r\n#0V%=\r\nT\r\n`\r\nend\r\n", 0, "[|][a|Cat]");
	expect("Content-Transfer-Encoding: x-uuencode\r\nContent-Disposition: attachment; filename=f\r\n\r\nbegin 644 g\r\n#0V%T\r\n`\r\nend\r\nrest\r\n", 0, "[f|Cat]");
	/* cut: at the end of the message, and by a boundary */
	expect("\r\nbegin 644 a\r\n#0V%T\r\n#0V", 0, "[|][a|Cat...");
	expect("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nbegin 644 a\r\n#0V%T\r\n--b--\r\n", 0, "[|][a|Cat...");
	/* none */
	expect("\r\nbegin the day\r\nbegin 644 with\r\nall of this, and more than a line of code has\r\nbegin 644 x", 0,
	       "[|begin the day\r\nbegin 644 with\r\nall of this, and more than a line of code has\r\nbegin 644 x]");
	expect("Content-Disposition: attachment; filename=f.uue\r\n\r\nbegin 644 a\r\n#0V%T\r\n`\r\nend\r\n", 0, "[f.uue|begin 644 a\r\n#0V%T\r\n`\r\nend]");
}

static void parameters(void **state)
{
	static const struct {
		const char *header, *value;
	} cases[] = {
		{"attachment; filename=x.txt", "x.txt"},
		{"attachment; filename=\"a;b\\\"c\"", "a;b\\\"c"},
		{"attachment; x=y; FileName = z", "z"},
		{"attachment; x; filename=\t\"z\"", "z"},
		{"attachment; filename=\"z\".txt; x=y", "z"},
		{"attachment; filename*=iso-8859-1''%E4", "\xc3\xa4"},
		{"attachment; filename*1*=%E4; filename*0*=ISO-8859-1'de'%E4; filename*2=.x", "\xc3\xa4\xc3\xa4.x"},
		{"attachment; filename*=iso-8859-2''%E4", "\xe4"},
		{"attachment; filename*=%41'b", "A'b"},
		{"attachment; FILENAME=z ; q=1", "z"},
		{"attachment; filename*0=\"one\"; filename*1=two; filename*2*=%20three", "onetwo three"},
		{"attachment; filename*=UTF-8'en'na%C3%AFve%20x", "na\xc3\xafve x"},
		{"attachment; filename*1=two", ""},
		{"attachment", ""},
		{"attachment; filename=", ""},
	};
	uint8_t out[64];
	bool cut;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes h = {(const uint8_t *)cases[i].header, (uint32_t)strlen(cases[i].header)};
		uint32_t n = mime_parameter(h, "filename", out, sizeof(out) - 1, &cut);

		out[n] = 0;
		assert_string_equal((char *)out, cases[i].value);
		assert_false(cut);
	}
	assert_int_equal(mime_parameter((struct bytes){(const uint8_t *)"a; filename=12345", 17}, "filename",
					out, 3, &cut), 3);
	assert_true(cut);
}

/* Names in encoded words, in one or several, of one charset or another; what only looks like it. */
static void words(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"=?utf-8?Q?inv=6Fice_1.exe?=", "invoice 1.exe"},
		{"=?UTF-8?B?ZXZpbA==?= =?utf-8?b?LmV4ZQ==?=", "evil.exe"},
		{"a =?utf-8?Q?b?= c", "a b c"},
		{"=?iso-8859-1?Q?=E4.doc?=", "\xc3\xa4.doc"},
		{"=?koi8-r?B?xQ==?=", "\xc5"},
		{"=?ISO-8859-1*de?Q?=E4?=", "\xc3\xa4"},
		{"=?iso-8859-13?Q?=E4?=", "\xe4"},
		{"=?utf-8?X?a?=", "=?utf-8?X?a?="},
		{"=?utf-8?Q?open", "=?utf-8?Q?open"},
		{"=?", "=?"},
		{"=?utf-8?Q?=4?=", "=4"},
	};
	uint8_t out[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t n = mime_words((struct bytes){(const uint8_t *)cases[i].in, (uint32_t)strlen(cases[i].in)}, out, sizeof(out));

		assert_int_equal(n, strlen(cases[i].out));
		assert_memory_equal(out, cases[i].out, n);
	}
	assert_int_equal(mime_words((struct bytes){(const uint8_t *)"abcdef", 6}, out, 3), 3);
	expect("Content-Disposition: attachment; filename=\"=?utf-8?B?ZXZpbC5leGU=?=\"\r\n\r\nx\r\n", 0, "[evil.exe|x]");
	expect("Content-Disposition: attachment; filename=\"a.txt\"; filename*=utf-8''evil.exe\r\n\r\nx\r\n", 0, "[evil.exe|x]");
	expect("Content-Disposition: attachment; filename=\"a.txt\"; filename*0=ev; filename*1=il.exe\r\n\r\nx\r\n", 0, "[evil.exe|x]");
	/* two names of one part */
	expect("Content-Type: a/b; name=a.txt\r\nContent-Disposition: attachment; filename=evil.exe\r\n\r\nx\r\n", 0, "[evil.exe|x]");
	expect("Content-Disposition: attachment; filename=evil.exe\r\nContent-Type: a/b; name=a.txt\r\n\r\nx\r\n", 0, "[evil.exe|x]");
	expect("Content-Type: a/b; name=a.txt\r\nContent-Disposition: attachment\r\n\r\nx\r\n", 0, "[a.txt|x]");
	expect("--b\r\nContent-Disposition: form-data; filename=\"=?utf-8?Q?q?=\"\r\n\r\nx\r\n--b--\r\n", MIME_RAW, "[=?utf-8?Q?q?=|x]");
}

static void anomalies(void **state)
{
	struct seen s;
	char message[4096];

	assert_int_equal(run("Content-Transfer-Encoding: base64\r\n\r\na*b\r\n", 0, 100, &s) & MIME_INVALID_BASE64,
			 MIME_INVALID_BASE64);
	assert_int_equal(run("Content-Transfer-Encoding: quoted-printable\r\n\r\n=zz\r\n", 0, 100, &s),
			 MIME_INVALID_QP);
	snprintf(message, sizeof(message), "Subject: %03000d\r\n\r\n", 1);
	assert_int_equal(run(message, 0, 7, &s), MIME_LONG_HEADER_VALUE | MIME_LONG_LINE);
	snprintf(message, sizeof(message), "%0100d: x\r\n\r\n", 1);
	assert_int_equal(run(message, 0, 7, &s), MIME_LONG_HEADER_NAME);
	snprintf(message, sizeof(message), "Content-Disposition: attachment; filename=%0300d\r\n\r\n", 1);
	assert_int_equal(run(message, 0, 7, &s) & MIME_LONG_NAME, MIME_LONG_NAME);
}

/* Levels beyond the limit are an anomaly; time does not grow with them. */
static void deep(void **state)
{
	size_t room = 1 << 20, at = 0;
	char *message = malloc(room);
	struct seen s;

	for (int i = 0; i < 2000; i++)
		at += (size_t)snprintf(message + at, room - at,
				       "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
	assert_true(run(message, 0, 1000, &s) & MIME_TOO_DEEP);
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure), cmocka_unit_test(encodings),
		cmocka_unit_test(messages), cmocka_unit_test(uuencode), cmocka_unit_test(parameters), cmocka_unit_test(words),
		cmocka_unit_test(anomalies), cmocka_unit_test(deep),
	};

	if (heap_init(&w.heap, 16 << 20) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/base/cms.h"

#define PKCS7 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
#define SMIME "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01"
#define DATA_OF(s) s, sizeof(s) - 1

static char content[200];
static size_t content_len;

static void take(void *context, const uint8_t *data, uint32_t len)
{
	assert_in_range(len, 1, sizeof(content) - 1 - content_len);
	memcpy(content + content_len, data, len);
	content_len += len;
	content[content_len] = 0;
}

static struct cms read_in(const void *data, size_t len, size_t step)
{
	struct cms c = {0};

	content_len = content[0] = 0;
	for (size_t at = 0; at < len; at += step)
		cms_data(&c, (const uint8_t *)data + at, (uint32_t)(step < len - at ? step : len - at), take, NULL);
	return c;
}

static const struct {
	const char *data;
	size_t len;
	enum cms_kind kind;
	const char *content;
	bool whole;
} rows[] = {
	/* DER; what stands behind the content does not matter */
	{DATA_OF("\x30\x27" PKCS7 "\2\xa0\x1a\x30\x18\2\1\1\x31\0\x30\x11" PKCS7 "\1\xa0\2\4\0\xa0\0"), CMS_SIGNED, "", true},
	{DATA_OF("\x30\x2a" PKCS7 "\2\xa0\x1d\x30\x1b\2\1\1\x31\0\x30\x14" PKCS7 "\1\xa0\5\4\3" "abc\x31\0"), CMS_SIGNED, "abc", true},
	{DATA_OF("\x30\x81\x2b" PKCS7 "\2\xa0\x82\0\x1c\x30\x1a\2\1\1\x31\0\x30\x13" PKCS7 "\1\xa0\4\4\2" "ab\x31\0"), CMS_SIGNED, "ab", true},
	/* BER, octets in pieces of pieces */
	{DATA_OF("\x30\x80" PKCS7 "\2\xa0\x80\x30\x80\2\1\1\x31\x80\x30\0\0\0\x30\x80" PKCS7 "\1\xa0\x80\x24\x80\4\2" "ab\4\0\x24\4\4\2" "cd"
		 "\x24\x80\4\1" "e\0\0\0\0\0\0\0\0"), CMS_SIGNED, "abcde", true},
	/* detached, cut off, longer than what it is in, deeper than can be */
	{DATA_OF("\x30\x25" PKCS7 "\2\xa0\x18\x30\x16\2\1\1\x31\0\x30\x0d" PKCS7 "\1\x31\0\0"), CMS_SIGNED, "", false},
	{DATA_OF("\x30\x80" PKCS7 "\2\xa0\x80\x30\x80\2\1\1\x31\0\x30\x80" PKCS7 "\1\xa0\x80\x24\x80\4\4" "ab"), CMS_SIGNED, "ab", false},
	{DATA_OF("\x30\x2a" PKCS7 "\2\xa0\x1d\x30\x1b\2\1\1\x31\0\x30\x14" PKCS7 "\1\xa0\5\4\4" "abcd"), CMS_SIGNED, "", false},
	{DATA_OF("\x30\x80" PKCS7 "\2\xa0\x80\x30\x80\2\1\1\x31\0\x30\x80" PKCS7 "\1\xa0\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80\x24\x80"
		 "\x24\x80\x24\x80\4\2" "ab"), CMS_SIGNED, "", false},
	/* compressed, encrypted, others */
	{DATA_OF("\x30\x80" SMIME "\x09\xa0\x80\x30\x80\2\1\0\x30\0\x30\x80" PKCS7 "\1\xa0\x80\4\2" "zz\0\0"), CMS_COMPRESSED, "zz", true},
	{DATA_OF("\x30\x80" PKCS7 "\3\xa0\x80\x30\x80\2\1\0\x31\0\x30\x80" PKCS7 "\1\xa0\x80\4\2" "zz"), CMS_ENCRYPTED, "", false},
	{DATA_OF("\x30\x80" PKCS7 "\6"), CMS_ENCRYPTED, "", false},
	{DATA_OF("\x30\x80" SMIME "\x17"), CMS_ENCRYPTED, "", false},
	{DATA_OF("\x30\x80" PKCS7 "\1\xa0\5\4\3" "abc"), CMS_OTHER, "", false},
	{DATA_OF("\x30\x80\6\x0c\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17\1"), CMS_OTHER, "", false},
	{DATA_OF("\x31\x80" PKCS7 "\2\xa0\5\4\3" "abc"), CMS_UNKNOWN, "", false},
	{DATA_OF("\x30\x85\1\1\1\1\1"), CMS_UNKNOWN, "", false},
	{DATA_OF("\x30\x80\x1f\1\1"), CMS_UNKNOWN, "", false},
	{DATA_OF("\0\0\0\0"), CMS_UNKNOWN, "", false},
	{DATA_OF("\x30\0\x30\0"), CMS_UNKNOWN, "", false},
};

static void kinds_and_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t step = 1; step < 100; step = step * 2 + 1) {
			struct cms c = read_in(rows[i].data, rows[i].len, step);

			if (c.kind != rows[i].kind || strcmp(content, rows[i].content) != 0 || c.whole != rows[i].whole)
				fail_msg("row %zu, step %zu: kind %u, content '%s', whole %d", i, step, c.kind, content, c.whole);
		}
}

static void gaps(void **state)
{
	(void)state;
	for (size_t len = 0; len < rows[1].len; len++)
		for (uint64_t gap = 1; gap < 50; gap++) {
			struct cms c = read_in(rows[1].data, len, 1000);
			size_t at = rows[1].len - 5;

			assert_int_equal(cms_gap(&c, gap), len >= at && len < at + 3 && gap <= at + 3 - len);
			if (len + gap < rows[1].len)
				cms_data(&c, (const uint8_t *)rows[1].data + len + gap, (uint32_t)(rows[1].len - len - gap), take, NULL);
			assert_true(content_len <= 3);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(kinds_and_content), cmocka_unit_test(gaps)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

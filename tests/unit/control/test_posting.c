/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Posting lists there and back, keys of values there and back, day sets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/contact/kinds.h"
#include "control/contact/posting.h"
#include "control/store/days.h"

static unsigned seed = 7;

static uint64_t draw(uint64_t below)
{
	return ((uint64_t)rand_r(&seed) << 31 ^ (uint64_t)rand_r(&seed)) % below;
}

static int order(const void *a, const void *b)
{
	return contact_row_compare(a, b);
}

static size_t make_rows(struct contact_row *rows, size_t n, unsigned shape)
{
	uint64_t unit = shape & 1 ? 1000000 : shape & 2 ? 1000 : 1;
	size_t kept = 0;

	memset(rows, 0, n * sizeof(*rows));
	for (size_t i = 0; i < n; i++) {
		struct contact_row *r = &rows[i];

		r->ip_version = shape & 4 && draw(3) == 0 ? 6 : 4;
		for (int k = 0; k < (r->ip_version == 4 ? 4 : 16); k++)
			r->client.b[k] = (uint8_t)(k < 2 ? 10 : draw(256));
		r->count = shape & 8 ? 1 : draw(1000);
		r->first_us = draw(86400000000ull / unit) * unit;
		r->last_us = r->first_us;
		if (r->count > 1)
			r->last_us += draw((86400000000ull - r->first_us) / unit) * unit;
		if (shape & 16)
			r->port_count = 1, r->port[0] = 443;
		else if (shape & 32)
			for (r->port_count = (uint8_t)draw(5), kept = 0; kept < r->port_count; kept++)
				r->port[kept] = (uint16_t)(kept * 1000 + draw(1000));
		if (shape & 64)
			r->bytes_out = draw(1ull << 40), r->bytes_in = draw(1ull << 50);
	}
	qsort(rows, n, sizeof(*rows), order);
	kept = 0;
	for (size_t i = 0; i < n; i++)
		if (!kept || contact_row_compare(&rows[kept - 1], &rows[i]) != 0)
			rows[kept++] = rows[i];
	return kept;
}

static void test_round_trip(void **state)
{
	struct contact_row *rows = calloc(600, sizeof(*rows)), *back = NULL;
	size_t cap = 0;

	for (unsigned shape = 0; shape < 128; shape++) {
		for (int k = 0; k < 20; k++) {
			size_t n = make_rows(rows, k < 5 ? 1 : 1 + draw(500), shape), count = 0;
			struct text out = {0};

			posting_encode(&out, rows, n);
			assert_false(out.failed);
			assert_int_equal(posting_decode((struct slice){out.data, out.len}, &back,
							&count, &cap),
					 0);
			assert_int_equal(count, n);
			assert_memory_equal(back, rows, n * sizeof(*rows));
			/* Cut short anywhere it is refused or shorter, never read beyond. */
			for (size_t cut = 0; cut < out.len && cut < 80; cut++) {
				uint8_t *copy = malloc(cut ? cut : 1);

				memcpy(copy, out.data, cut);
				count = 0;
				assert_int_equal(posting_decode((struct slice){copy, cut}, &back,
								&count, &cap),
						 -EPROTO);
				free(copy);
			}
			text_free(&out);
		}
	}
	free(rows);
	free(back);
}

/* A list of 200 clients of one /16, one contact each at some second: the common popular name. */
static void test_size(void **state)
{
	struct contact_row *rows = calloc(2000, sizeof(*rows));
	size_t n = make_rows(rows, 2000, 1 | 8 | 16), many = make_rows(rows, 2000, 0 | 16);
	struct text out = {0};

	make_rows(rows, 2000, 1 | 8 | 16);
	posting_encode(&out, rows, n);
	print_message("one contact each, to the second: %.2f bytes a contact\n",
		      (double)out.len / (double)n);
	assert_true(out.len < 8 * n);
	text_clear(&out);
	many = make_rows(rows, 2000, 16);
	posting_encode(&out, rows, many);
	print_message("many contacts each, to the microsecond: %.2f bytes a contact\n",
		      (double)out.len / (double)many);
	text_free(&out);
	free(rows);
}

static void key_is(int kind, const char *value, const char *want)
{
	uint8_t key[VALUE_KEY_MAX];
	size_t n = value_key(kind, value, strlen(value), key);
	struct text out = {0};

	if (!want) {
		assert_int_equal(n, 0);
		return;
	}
	assert_true(n > 0);
	assert_int_equal(value_key_length(kind, key, n), n);
	value_print(&out, kind, key, n);
	assert_string_equal(text_cstr(&out), want);
	text_free(&out);
}

static void test_keys(void **state)
{
	key_is(CONTACT_DOMAIN, "WWW.Evil.Example.", "www.evil.example");
	key_is(CONTACT_DOMAIN, "localhost", "localhost");
	key_is(CONTACT_DOMAIN, ".", NULL);
	key_is(CONTACT_DOMAIN, "", NULL);
	key_is(CONTACT_SNI, "a\x01" "b.c\x02", "a\x01" "b.c\x02");
	key_is(CONTACT_URL, "http://Evil.Example/A?b=C", "evil.example/A?b=C");
	key_is(CONTACT_URL, "evil.example", "evil.example");
	key_is(CONTACT_IP, "192.0.2.1", "192.0.2.1");
	key_is(CONTACT_IP, "2001:DB8::1", "2001:db8::1");
	key_is(CONTACT_IP, "evil", NULL);
	key_is(CONTACT_JA3, "E7D705A3286E19EA42F587B344EE6865", "e7d705a3286e19ea42f587b344ee6865");
	key_is(CONTACT_JA3, "e7d705", NULL);
	key_is(CONTACT_CERT_SHA1, "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd",
	       "aabbccddeeff00112233445566778899aabbccdd");
	key_is(CONTACT_EMAIL, "Some.One@Mail.Example", "some.one@mail.example");
	key_is(CONTACT_JA4, "t13d1516h2_8daaf6152771_02713d6af862",
	       "t13d1516h2_8daaf6152771_02713d6af862");
}

static bool covers(int kind, const char *indicator, int contact_kind, const char *value)
{
	struct value_range *r = calloc(VALUE_RANGES_MAX, sizeof(*r));
	unsigned n = indicator_ranges(kind, indicator, r);
	uint8_t key[VALUE_KEY_MAX];
	size_t len = value_key(contact_kind, value, strlen(value), key);
	bool in = false;

	assert_true(n > 0);
	for (unsigned i = 0; i < n; i++) {
		size_t a = len < r[i].from_len ? len : r[i].from_len;
		size_t b = len < r[i].to_len ? len : r[i].to_len;
		int low = memcmp(key, r[i].from, a), high = memcmp(key, r[i].to, b);

		if (r[i].kind == contact_kind && (low > 0 || (low == 0 && len >= r[i].from_len)) &&
		    (high < 0 || (high == 0 && len < r[i].to_len)))
			in = true;
	}
	free(r);
	return in;
}

static void test_ranges(void **state)
{
	assert_true(covers(CONTACT_DOMAIN, "evil.com", CONTACT_DOMAIN, "evil.com"));
	assert_true(covers(CONTACT_DOMAIN, "evil.com", CONTACT_DOMAIN, "a.b.evil.com"));
	assert_true(covers(CONTACT_DOMAIN, "evil.com", CONTACT_SNI, "www.evil.com"));
	assert_false(covers(CONTACT_DOMAIN, "evil.com", CONTACT_DOMAIN, "notevil.com"));
	assert_false(covers(CONTACT_DOMAIN, "evil.com", CONTACT_DOMAIN, "evil.com.good.org"));
	assert_false(covers(CONTACT_DOMAIN, "evil.com", CONTACT_DOMAIN, "evil-x.com"));
	assert_false(covers(CONTACT_DOMAIN, "evil.com", CONTACT_DOMAIN, "com"));
	assert_false(covers(CONTACT_SNI, "evil.com", CONTACT_SNI, "www.evil.com"));
	assert_true(covers(INDICATOR_CIDR, "192.0.2.0/24", CONTACT_IP, "192.0.2.255"));
	assert_false(covers(INDICATOR_CIDR, "192.0.2.0/24", CONTACT_IP, "192.0.3.0"));
	assert_true(covers(INDICATOR_CIDR, "0.0.0.0/0", CONTACT_IP, "255.255.255.255"));
	assert_false(covers(INDICATOR_CIDR, "0.0.0.0/0", CONTACT_IP, "::1"));
	assert_true(covers(INDICATOR_CIDR, "2001:db8::/32", CONTACT_IP, "2001:db8:ffff::1"));
	assert_int_equal(indicator_guess("198.51.100.7"), CONTACT_IP);
	assert_int_equal(indicator_guess("198.51.100.0/24"), INDICATOR_CIDR);
	assert_int_equal(indicator_guess("evil.example"), CONTACT_DOMAIN);
	assert_int_equal(indicator_guess("evil.example/x"), CONTACT_URL);
	assert_int_equal(indicator_guess("what is this"), 0);
}

static void test_days(void **state)
{
	uint8_t a[] = {0, 1, 0, 3, 1, 0}, b[] = {0, 2, 0, 3}, out[10];
	uint8_t want[] = {0, 1, 0, 2, 0, 3, 1, 0};

	assert_int_equal(days_unite(a, 6, b, 4, out), 8);
	assert_memory_equal(out, want, 8);
	assert_int_equal(days_unite(NULL, 0, b, 4, out), 4);
	assert_int_equal(days_unite(a, 5, NULL, 0, out), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_size),
		cmocka_unit_test(test_keys),	   cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

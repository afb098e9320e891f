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

#include "control/contact/block.h"
#include "control/contact/column.h"
#include "control/contact/kinds.h"
#include "control/store/days.h"

static unsigned seed = 7;

static uint64_t draw(uint64_t below)
{
	return ((uint64_t)rand_r(&seed) << 31 ^ (uint64_t)rand_r(&seed)) % below;
}

static int order(const void *a, const void *b)
{
	const struct block_row *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return contact_row_compare(&x->row, &y->row);
}

/* Rows of one shape each: one list, a list a row, IPv6 between, bytes, many ports. */
static size_t make_rows(struct block_row *rows, size_t n, unsigned shape, uint64_t unit)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct contact_row *r = &rows[i].row;
		uint64_t first = draw(86400000000ull / unit), last = first;

		memset(&rows[i], 0, sizeof(rows[i]));
		rows[i].id = shape == 0 ? 7 : shape == 1 ? (uint32_t)(3 * i + 1) : (uint32_t)draw(60);
		r->ip_version = shape == 3 && draw(3) == 0 ? 6 : 4;
		for (unsigned k = 0; k < (r->ip_version == 6 ? 16u : 4u); k++)
			r->client.b[k] = (uint8_t)draw(k < 2 ? 2 : 256);
		if (draw(2))
			last += draw(86400000000ull / unit - first);
		r->first_us = first * unit;
		r->last_us = last * unit;
		r->hours = 1u << (r->first_us / 3600000000u) | 1u << (r->last_us / 3600000000u);
		for (uint64_t h = r->first_us / 3600000000u + 1; h < r->last_us / 3600000000u; h++)
			r->hours |= (uint32_t)draw(2) << h;
		r->count = draw(4) ? draw(20) : draw(1ull << 40);
		if (shape >= 4) {
			r->bytes_out = draw(3) ? draw(1ull << 40) : 0;
			r->bytes_in = draw(1ull << 50);
		}
		r->port_count = (uint8_t)(shape == 5 ? draw(CONTACT_PORTS_MAX + 1) : shape != 2);
		for (unsigned k = 0; k < r->port_count; k++)
			r->port[k] = (uint16_t)(shape == 5 ? 1000 * k + draw(1000) : 443);
	}
	qsort(rows, n, sizeof(*rows), order);
	for (size_t i = 0; i < n; i++)
		if (!kept || order(&rows[kept - 1], &rows[i]) != 0)
			rows[kept++] = rows[i];
	return kept;
}

static void test_columns(void **state)
{
	static uint64_t values[1000], got[1000];

	for (unsigned round = 0; round < 200; round++) {
		struct text out = {0};
		size_t n = (size_t)draw(1000);
		const uint8_t *p;

		for (size_t i = 0; i < n; i++)
			values[i] = draw(50) ? draw(1ull << draw(20)) : draw(UINT64_MAX) << draw(3);
		if (round % 7 == 0 && n)
			values[0] = UINT64_MAX;
		column_put(&out, values, n);
		p = out.data;
		assert_true(column_get(&p, out.data + out.len, got, n));
		assert_ptr_equal(p, out.data + out.len);
		assert_memory_equal(values, got, n * sizeof(*got));
		text_free(&out);
	}
}

static void test_round_trip(void **state)
{
	static const uint64_t units[] = {1, 1000, 1000000};
	static struct block_row rows[BLOCK_ROWS], got[BLOCK_ROWS];

	for (unsigned round = 0; round < 600; round++) {
		unsigned unit = round % 3;
		size_t n = make_rows(rows, 1 + (size_t)draw(BLOCK_ROWS), round % 6, units[unit]), count;
		struct text out = {0};

		block_encode(&out, rows, n, (enum block_unit)unit, false);
		assert_int_equal(block_decode((struct slice){out.data, out.len}, got, &count), 0);
		assert_int_equal(count, n);
		for (size_t i = 0; i < n; i++)
			assert_memory_equal(&rows[i], &got[i], sizeof(rows[i]));
		text_free(&out);
	}
}

/* Whole seconds are those that have begun; bytes are within 3.2 percent. */
static void test_round(void **state)
{
	static struct block_row rows[BLOCK_ROWS], got[BLOCK_ROWS];
	size_t n = make_rows(rows, BLOCK_ROWS, 4, 1), count;
	struct text out = {0};

	block_encode(&out, rows, n, UNIT_S, true);
	assert_int_equal(block_decode((struct slice){out.data, out.len}, got, &count), 0);
	assert_int_equal(count, n);
	for (size_t i = 0; i < n; i++) {
		const struct contact_row *a = &rows[i].row, *b = &got[i].row;

		assert_int_equal(b->first_us, a->first_us / 1000000 * 1000000);
		assert_int_equal(b->last_us, a->last_us / 1000000 * 1000000);
		assert_int_equal(b->hours, a->hours);
		assert_true(b->bytes_in <= a->bytes_in + a->bytes_in / 31 + 1);
		assert_true(b->bytes_in + b->bytes_in / 31 + 1 >= a->bytes_in);
	}
	print_message("%zu rows with bytes: %.1f bytes a row\n", n, (double)out.len / (double)n);
	text_free(&out);
}

/* Cut, or with a wrong byte: refused or read, never beyond. */
static void test_malformed(void **state)
{
	static struct block_row rows[BLOCK_ROWS], got[BLOCK_ROWS];
	struct text out = {0};
	size_t count;

	block_encode(&out, rows, make_rows(rows, 200, 5, 1), UNIT_US, false);
	for (size_t i = 0; i < out.len; i++) {
		uint8_t *copy = malloc(i ? i : 1), byte = out.data[i];

		memcpy(copy, out.data, i);
		assert_int_equal(block_decode((struct slice){copy, i}, got, &count), -EPROTO);
		free(copy);
		out.data[i] ^= (uint8_t)(1 + draw(255));
		block_decode((struct slice){out.data, out.len}, got, &count);
		out.data[i] = byte;
	}
	text_free(&out);
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
	key_is(CONTACT_URL, "evil.example", "evil.example/");
	key_is(CONTACT_URL, "https://u:p@Evil.Example:8443?q=1#frag", "evil.example/?q=1");
	key_is(CONTACT_URL, "http://[2001:db8::1]:80/x", "[2001:db8::1]/x");
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

/* A URL is one, however it is written (RFC 3986, 6.2.2, 6.2.3). */
static void test_urls(void **state)
{
	static const char *const rows[][2] = {
		{"http://evil.example/%7Ea", "evil.example/~a"},
		{"http://evil.example/~a", "evil.example/~a"},
		{"evil.example/%7ea?%41=%2f", "evil.example/~a?A=%2F"},
		{"http://evil.example:80/", "evil.example/"},
		{"https://evil.example:443", "evil.example/"},
		{"HTTPS://EVIL.example.:443/%00", "evil.example/%00"},
		{"http://[2001:db8::1]:80/%2e", "[2001:db8::1]/."},
	};
	char with[1600] = "https://evil.example:443/", without[1600] = "evil.example/";
	uint8_t key[VALUE_KEY_MAX], same[VALUE_KEY_MAX];
	size_t n;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		key_is(CONTACT_URL, rows[i][0], rows[i][1]);
	/* too long: cut at the same place with a scheme and without */
	memset(with + strlen(with), 'a', 1500);
	memset(without + strlen(without), 'a', 1500);
	n = value_key(CONTACT_URL, with, strlen(with), key);
	assert_int_equal(value_key(CONTACT_URL, without, strlen(without), same), n);
	assert_memory_equal(key, same, n);
	/* nothing but a host, and that too long */
	memset(with, 'a', 1500);
	assert_in_range(value_key(CONTACT_URL, with, 1500, key), VALUE_BYTES_MAX, VALUE_KEY_MAX);
	memset(with, 1, 1500);
	assert_in_range(value_key(CONTACT_URL, with, 1500, key), VALUE_BYTES_MAX, VALUE_KEY_MAX);
}

static void guessed(const char *value, int kind)
{
	assert_int_equal(indicator_guess(value), kind);
}

static void test_guess(void **state)
{
	guessed("198.51.100.7", CONTACT_IP);
	guessed("198.51.100.0/24", INDICATOR_CIDR);
	guessed("198.51.100.7:443", INDICATOR_IP_PORT);
	guessed("[2001:db8::1]:443", INDICATOR_IP_PORT);
	guessed("2001:db8::1", CONTACT_IP);
	guessed("evil.example", CONTACT_DOMAIN);
	guessed("evil.example/x", CONTACT_URL);
	guessed("what is this", 0);
}

static void normal_is(int kind, const char *value, const char *want)
{
	struct text out = {0};

	assert_int_equal(indicator_normal(kind, value, &out), want != NULL);
	if (want)
		assert_string_equal(text_cstr(&out), want);
	text_free(&out);
}

static void test_normal(void **state)
{
	normal_is(INDICATOR_IP_PORT, "192.0.2.1:443", "192.0.2.1:443");
	normal_is(INDICATOR_IP_PORT, "[2001:DB8::1]:443", "[2001:db8::1]:443");
	normal_is(INDICATOR_IP_PORT, "192.0.2.1:0", NULL);
	normal_is(INDICATOR_IP_PORT, "192.0.2.1:65536", NULL);
	normal_is(INDICATOR_IP_PORT, "192.0.2.1", NULL);
	normal_is(INDICATOR_CIDR, "192.0.2.0/24", "192.0.2.0/24");
	normal_is(CONTACT_DOMAIN, "EVIL.example.", "evil.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_round), cmocka_unit_test(test_malformed), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_urls),		cmocka_unit_test(test_guess), cmocka_unit_test(test_normal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/krb5.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

/* DER, built from the inside. */
struct der {
	uint8_t bytes[512];
	size_t len;
};

static struct der text(uint8_t tag, const char *t)
{
	struct der d = {{tag, (uint8_t)strlen(t)}, 2 + strlen(t)};

	memcpy(d.bytes + 2, t, strlen(t));
	return d;
}

static struct der number(uint8_t v)
{
	return (struct der){{2, 1, v}, 3};
}

static struct der join(struct der a, struct der b)
{
	memcpy(a.bytes + a.len, b.bytes, b.len);
	a.len += b.len;
	return a;
}

static struct der wrap(uint8_t tag, struct der d)
{
	size_t head = d.len < 128 ? 2 : 3;

	memmove(d.bytes + head, d.bytes, d.len);
	d.bytes[0] = tag;
	d.bytes[1] = head == 2 ? (uint8_t)d.len : 0x81;
	if (head == 3)
		d.bytes[2] = (uint8_t)d.len;
	d.len += head;
	return d;
}

static struct der at(unsigned n, struct der d)
{
	return wrap((uint8_t)(0xa0 + n), d);
}

static struct der name(const char *a, const char *b)
{
	struct der parts = text(0x1b, a);

	if (b)
		parts = join(parts, text(0x1b, b));
	return wrap(0x30, join(at(0, number(1)), at(1, wrap(0x30, parts))));
}

static struct der encrypted(uint8_t kind)
{
	return wrap(0x30, join(at(0, number(kind)), at(2, text(4, "xx"))));
}

static struct der request(void)
{
	struct der body = join(join(at(0, text(3, "abcd")), at(1, name("joe", NULL))),
			       join(at(2, text(0x1b, "EX.LOCAL")), at(3, name("krbtgt", "EX.LOCAL"))));

	return wrap(0x6a, wrap(0x30, join(join(at(1, number(5)), at(2, number(10))), at(4, wrap(0x30, body)))));
}

static struct der reply(uint8_t ticket)
{
	struct der t = wrap(0x61, wrap(0x30, join(join(at(0, number(5)), at(1, text(0x1b, "EX.LOCAL"))),
						  join(at(2, name("host", "a")), at(3, encrypted(ticket))))));

	return wrap(0x6b, wrap(0x30, join(join(join(at(0, number(5)), at(1, number(11))),
					       join(at(3, text(0x1b, "EX.LOCAL")), at(4, name("joe", NULL)))),
					  join(at(5, t), at(6, encrypted(18))))));
}

static struct der error(void)
{
	return wrap(0x7e, wrap(0x30, join(join(join(at(0, number(5)), at(1, number(30))), at(6, number(25))),
					  join(at(9, text(0x1b, "EX.LOCAL")), at(10, name("krbtgt", "EX.LOCAL"))))));
}

static void udp(struct harness *h, enum direction d, struct der m)
{
	harness_udp(h, d, m.bytes, m.len);
}

static struct der framed(struct der m)
{
	struct der f = {{0, 0, (uint8_t)(m.len >> 8), (uint8_t)m.len}, 4};

	return join(f, m);
}

static void datagrams(void **state)
{
	struct harness *h = harness_new(17, 8800, NULL);
	struct der m = reply(23);
	uint64_t v = 0;

	(void)state;
	udp(h, TO_SERVER, request());
	assert_int_equal(h->flow.app_proto, APP_krb5);
	udp(h, TO_CLIENT, error());
	assert_non_null(strstr(h->out, "\"krb5\":{\"msg_type\":\"KRB_AS_REQ\",\"cname\":\"joe\",\"realm\":\"EX.LOCAL\","
				       "\"sname\":\"krbtgt/EX.LOCAL\",\"encryption\":\"<none>\","
				       "\"weak_encryption\":false}"));
	assert_non_null(strstr(h->out, "\"krb5\":{\"msg_type\":\"KRB_ERROR\",\"failed_request\":\"KRB_AS_REQ\","
				       "\"error_code\":\"KDC_ERR_PREAUTH_REQUIRED\",\"cname\":\"<empty>\""));
	harness_udp_open(h, TO_CLIENT, m.bytes, m.len);
	assert_string_equal(harness_text(h, TO_CLIENT, "krb5.sname", 1), "a");
	assert_null(harness_text(h, TO_CLIENT, "krb5.cname", 1));
	assert_true(harness_value(h->flow.app->proto, "krb5.ticket_encryption")
			    ->get(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, &v));
	assert_int_equal(v, 23);
	harness_done(h);
	assert_non_null(strstr(h->out, "\"encryption\":\"aes256-cts-hmac-sha1-96\",\"weak_encryption\":false,"
				       "\"ticket_encryption\":\"rc4-hmac\",\"ticket_weak_encryption\":true}"));
	harness_free(h);
}

static void stream(void **state)
{
	struct harness *h = harness_new(6, 8800, NULL);
	struct der two = join(framed(request()), framed(request()));

	(void)state;
	harness_tcp_steps(h, TO_SERVER, two.bytes, two.len, 1);
	assert_int_equal(harness_count(h, "\"msg_type\":\"KRB_AS_REQ\""), 2);
	/* too long: passed over, with a hole in it */
	harness_tcp(h, TO_SERVER, "\0\2\0\0abcd", 8);
	harness_gap(h, TO_SERVER, 0x20000 - 4);
	harness_tcp(h, TO_SERVER, two.bytes, two.len);
	assert_int_equal(harness_count(h, "\"msg_type\":\"KRB_AS_REQ\""), 4);
	harness_gap(h, TO_SERVER, 1);
	harness_tcp(h, TO_SERVER, two.bytes, two.len);
	assert_int_equal(harness_count(h, "\"msg_type\":\"KRB_AS_REQ\""), 4);
	harness_free(h);
}

/* Cut or changed anywhere: never more than an event. */
static void broken(void **state)
{
	struct der m = reply(18);

	(void)state;
	for (size_t n = 1; n < m.len; n++) {
		struct harness *h = harness_new(17, 88, NULL);

		udp(h, TO_SERVER, request());
		harness_udp(h, TO_CLIENT, m.bytes, n);
		m.bytes[n] ^= 0x81;
		udp(h, TO_CLIENT, m);
		m.bytes[n] ^= 0x81;
		assert_true(harness_count(h, "\"event\":\"malformed_data\"") >= 1);
		harness_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams),
		cmocka_unit_test(stream),
		cmocka_unit_test(broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

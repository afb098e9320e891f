/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/ssh.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/app/harness.h"

#define CLIENT_BANNER "SSH-2.0-Client_1.2 a comment\r\n"
#define SERVER_BANNER "SSH-1.99-Server_3\r\n"

static const char *const with_hassh[] = {"app.ssh.hassh=yes", NULL};

struct message {
	uint8_t bytes[1024];
	size_t len;
};

static void put_be32(struct message *m, uint32_t v)
{
	for (int i = 3; i >= 0; i--)
		m->bytes[m->len++] = (uint8_t)(v >> 8 * i);
}

/* KEXINIT that offers k; c1, c2; m1, m2; z1, z2. */
static struct message kexinit(void)
{
	static const char *const lists[10] = {"k", "host", "c1", "c2", "m1", "m2", "z1", "z2", "", ""};
	struct message m = {0};

	put_be32(&m, 0);
	m.bytes[m.len++] = 4;
	m.bytes[m.len++] = 20;
	m.len += 16;
	for (unsigned i = 0; i < 10; i++) {
		put_be32(&m, (uint32_t)strlen(lists[i]));
		memcpy(m.bytes + m.len, lists[i], strlen(lists[i]));
		m.len += strlen(lists[i]);
	}
	m.len += 1 + 4 + 4;
	m.bytes[3] = (uint8_t)(m.len - 4);
	return m;
}

static void text(struct harness *h, enum direction d, const char *t)
{
	harness_tcp(h, d, t, strlen(t));
}

static void send_message(struct harness *h, enum direction d, const struct message *m)
{
	harness_tcp(h, d, m->bytes, m->len);
}

static void newkeys(struct harness *h, enum direction d)
{
	harness_tcp(h, d, "\0\0\0\x0c\x0a\x15\0\0\0\0\0\0\0\0\0\0", 16);
}

/* Without HASSH both banners are enough for the record; behind both NEWKEYS the stream is left. */
static void banners(void **state)
{
	struct harness *h = harness_new(6, 2222, NULL);
	struct message kex = kexinit();

	(void)state;
	text(h, TO_SERVER, CLIENT_BANNER);
	assert_int_equal(h->flow.app_proto, APP_ssh);
	assert_int_equal(harness_count(h, "\"ssh\":{"), 0);
	text(h, TO_CLIENT, SERVER_BANNER);
	assert_non_null(strstr(h->out,
			       "\"ssh\":{\"client\":{\"proto_version\":\"2.0\",\"software_version\":"
			       "\"Client_1.2\"},\"server\":{\"proto_version\":\"1.99\","
			       "\"software_version\":\"Server_3\"}}"));
	send_message(h, TO_SERVER, &kex);
	send_message(h, TO_CLIENT, &kex);
	newkeys(h, TO_CLIENT);
	assert_int_equal(h->stream_stops, 0);
	newkeys(h, TO_SERVER);
	assert_int_equal(h->stream_stops, 1);
	assert_int_equal(harness_count(h, "\"event_type\":\"ssh\""), 1);
	harness_free(h);
}

/* MD5 of "k;c1;m1;z1" and "k;c2;m2;z2", in segments of one byte. */
static void hassh(void **state)
{
	struct harness *h = harness_new(6, 22, with_hassh);
	struct message kex = kexinit();

	(void)state;
	harness_tcp_steps(h, TO_SERVER, CLIENT_BANNER, strlen(CLIENT_BANNER), 1);
	harness_tcp_steps(h, TO_CLIENT, SERVER_BANNER, strlen(SERVER_BANNER), 1);
	harness_tcp_steps(h, TO_SERVER, kex.bytes, kex.len - 1, 1);
	harness_tcp_open(h, TO_SERVER, kex.bytes + kex.len - 1, 1);
	assert_string_equal(harness_text(h, TO_SERVER, "ssh.hassh.string", 0), "k;c1;m1;z1");
	assert_string_equal(harness_text(h, TO_SERVER, "ssh.software", 0), "Client_1.2");
	assert_string_equal(harness_text(h, TO_SERVER, "ssh.proto", 0), "2.0");
	harness_done(h);
	harness_tcp_steps(h, TO_CLIENT, kex.bytes, kex.len, 1);
	assert_non_null(strstr(h->out, "\"hassh\":{\"hash\":\"dd40933168f18f8a21ff43d3399175d8\","
				       "\"string\":\"k;c1;m1;z1\"}"));
	assert_non_null(strstr(h->out, "\"hassh\":{\"hash\":\"ef2009dcd463afbe99c5888867b06e53\","
				       "\"string\":\"k;c2;m2;z2\"}"));
	harness_free(h);
}

/* What a server says before its banner is no banner; a client may say nothing. */
static void before_the_banner(void **state)
{
	struct harness *h = harness_new(6, 22, NULL);

	(void)state;
	text(h, TO_SERVER, CLIENT_BANNER);
	text(h, TO_CLIENT, "welcome\r\nto this\r\n" SERVER_BANNER);
	assert_int_equal(harness_count(h, "Server_3"), 1);
	harness_reset(h, 22);
	harness_clear(h);
	text(h, TO_CLIENT, SERVER_BANNER);
	text(h, TO_SERVER, "hello\r\n");
	harness_end(h, TO_SERVER);
	assert_int_equal(harness_count(h, "\"event\":\"invalid_banner\""), 1);
	harness_free(h);
}

static void long_banner(void **state)
{
	struct harness *h = harness_new(6, 22, NULL);
	char line[400] = "SSH-2.0-";

	(void)state;
	memset(line + 8, 'x', sizeof(line) - 8);
	harness_tcp(h, TO_SERVER, line, sizeof(line));
	text(h, TO_SERVER, "yyy\n");
	newkeys(h, TO_SERVER);
	text(h, TO_CLIENT, "SSH-2.0-\n");
	newkeys(h, TO_CLIENT);
	assert_int_equal(harness_count(h, "\"event\":\"long_banner\""), 1);
	assert_int_equal(harness_count(h, "xxx\"},\"server\":{\"proto_version\":\"2.0\"}"), 1);
	assert_int_equal(h->stream_stops, 1);
	harness_free(h);
}

/* A hole inside a packet is passed over; one that hides a header ends the following. */
static void holes(void **state)
{
	struct harness *h = harness_new(6, 22, NULL);
	struct message kex = kexinit();

	(void)state;
	text(h, TO_SERVER, CLIENT_BANNER);
	text(h, TO_CLIENT, SERVER_BANNER);
	harness_tcp(h, TO_SERVER, kex.bytes, 20);
	harness_gap(h, TO_SERVER, (uint32_t)kex.len - 20);
	newkeys(h, TO_SERVER);
	harness_gap(h, TO_CLIENT, 100);
	assert_int_equal(h->stream_stops, 1);
	harness_free(h);
}

static void broken(void **state)
{
	struct harness *h = harness_new(6, 22, with_hassh);

	(void)state;
	text(h, TO_SERVER, CLIENT_BANNER);
	harness_tcp(h, TO_SERVER, "\0\0\0\1\0\0", 6);
	assert_int_equal(harness_count(h, "\"event\":\"invalid_record\""), 1);
	harness_reset(h, 22);
	text(h, TO_SERVER, CLIENT_BANNER);
	harness_tcp(h, TO_SERVER, "\0\1\xff\xff\0\x14", 6);
	text(h, TO_CLIENT, SERVER_BANNER);
	harness_end(h, TO_SERVER);
	harness_end(h, TO_CLIENT);
	assert_int_equal(harness_count(h, "\"event\":\"long_kex_record\""), 1);
	harness_reset(h, 22);
	text(h, TO_SERVER, CLIENT_BANNER);
	harness_tcp(h, TO_SERVER, "\0\0\0\x20\x04\x14" "0123456789abcdef" "\0\xff\xff\xff" "0123456789", 36);
	assert_null(harness_text(h, TO_SERVER, "ssh.hassh", 0)); /* lists that do not fit give none */
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(banners),           cmocka_unit_test(hassh),
		cmocka_unit_test(before_the_banner), cmocka_unit_test(long_banner),
		cmocka_unit_test(holes),             cmocka_unit_test(broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

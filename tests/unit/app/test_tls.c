/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/tls.c and its parts: tls_handshake.c, tls_hello.c, tls_x509.c, tls_log.c,
 * tls_buffer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/digest.h"
#include "dataplane/app/tls_hello.h"
#include "dataplane/app/tls_x509.h"
#include "tests/unit/app/harness.h"

/* Self-signed: C=XX, O=Example Ltd, CN=www.example.com, emailAddress=root@example.com; serial 0abc;
 * alternative names www.example.com, example.net, 192.0.2.1. */
static const char certificate_hex[] =
	"30820231308201d6a00302010202020abc300a06082a8648ce3d040302305e310b300906035504061302"
	"585831143012060355040a0c0b4578616d706c65204c74643118301606035504030c0f7777772e657861"
	"6d706c652e636f6d311f301d06092a864886f70d0109011610726f6f74406578616d706c652e636f6d30"
	"1e170d3236313132333034353431325a170d3336313132303034353431325a305e310b30090603550406"
	"1302585831143012060355040a0c0b4578616d706c65204c74643118301606035504030c0f7777772e65"
	"78616d706c652e636f6d311f301d06092a864886f70d0109011610726f6f74406578616d706c652e636f"
	"6d3059301306072a8648ce3d020106082a8648ce3d030107034200046f781b0b08485719c94c2ca7c84d"
	"1d42b82b4d90fe64da95dbc89966e641e359bbea2da1106b4dc064c177a132b07ed65644963889d151bd"
	"4da208befb6969baa38183308180301d0603551d0e04160414c08fd2885e669a2fd4caebc1880afbfd17"
	"79242b301f0603551d23041830168014c08fd2885e669a2fd4caebc1880afbfd1779242b300f0603551d"
	"130101ff040530030101ff302d0603551d1104263024820f7777772e6578616d706c652e636f6d820b65"
	"78616d706c652e6e65748704c0000201300a06082a8648ce3d04030203490030460221008959c3f14b8c"
	"22ba31959df57860e41f4c07515944486f9e0f7f832332ec6c55022100a5bc7b7d2980c634f796d32c98"
	"1bf0d675b2f80243e7dd17b388a423e0db28dd";

/* ---- building messages ---- */

struct message {
	uint8_t b[1 << 16];
	size_t len;
};

static void put(struct message *m, const void *data, size_t len)
{
	memcpy(m->b + m->len, data, len);
	m->len += len;
}

static void put_hex(struct message *m, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	put(m, data, len);
	free(data);
}

static void put_number(struct message *m, unsigned bytes, uint64_t v)
{
	while (bytes--)
		m->b[m->len++] = (uint8_t)(v >> 8 * bytes);
}

/* A handshake message of this type in records of at most `split` bytes. */
static struct message *record(unsigned type, const struct message *body, size_t split)
{
	struct message *whole = calloc(1, sizeof(*whole)), *out = calloc(1, sizeof(*out));

	put_number(whole, 1, type);
	put_number(whole, 3, body->len);
	put(whole, body->b, body->len);
	for (size_t at = 0; at < whole->len; at += split) {
		size_t n = whole->len - at < split ? whole->len - at : split;

		put_hex(out, "160301");
		put_number(out, 2, n);
		put(out, whole->b + at, n);
	}
	free(whole);
	return out;
}

/* Extensions: server name www.Example.com, ALPN h2 and http/1.1, groups 23 24 25, points 0. */
#define EXTENSIONS                                                                                 \
	"0000 0014 0012 00 000f 7777772e4578616d706c652e636f6d"                                    \
	"000a 0008 0006 0017 0018 0019"                                                            \
	"000b 0002 01 00"                                                                          \
	"0010 000e 000c 02 6832 08 687474702f312e31"

static struct message *client_hello(const char *extensions, size_t split)
{
	struct message *body = calloc(1, sizeof(*body)), *ext = calloc(1, sizeof(*ext)), *out;

	put_hex(body, "0303");
	for (unsigned i = 0; i < 32; i++)
		put_number(body, 1, i);
	put_hex(body, "00 0004 002f 0a0a 01 00");
	put_hex(ext, extensions);
	put_number(body, 2, ext->len);
	put(body, ext->b, ext->len);
	out = record(1, body, split);
	free(body);
	free(ext);
	return out;
}

static struct message *server_hello(const char *version, const char *session, const char *extensions)
{
	struct message *body = calloc(1, sizeof(*body)), *ext = calloc(1, sizeof(*ext)), *out;

	put_hex(body, version);
	for (unsigned i = 0; i < 32; i++)
		put_number(body, 1, 0x80 + i);
	put_hex(body, session);
	put_hex(body, "002f 00");
	put_hex(ext, extensions);
	put_number(body, 2, ext->len);
	put(body, ext->b, ext->len);
	out = record(2, body, 16384);
	free(body);
	free(ext);
	return out;
}

static struct message *certificates(size_t split)
{
	struct message *body = calloc(1, sizeof(*body)), *out;
	size_t len;
	uint8_t *der = unhex(certificate_hex, &len);

	put_number(body, 3, 2 * (len + 3));
	for (unsigned i = 0; i < 2; i++) {
		put_number(body, 3, len);
		put(body, der, len);
	}
	out = record(11, body, split);
	free(body);
	free(der);
	return out;
}

static void send(struct harness *h, enum direction d, struct message *m, size_t step)
{
	harness_tcp_steps(h, d, m->b, m->len, step);
	free(m);
}

static void send_hex(struct harness *h, enum direction d, const char *hex)
{
	size_t len;
	uint8_t *data = unhex(hex, &len);

	harness_tcp(h, d, data, len);
	free(data);
}

/* ---- fingerprints: published examples ---- */

static void list_set(struct hello_list *l, const uint16_t *v, unsigned n)
{
	memcpy(l->v, v, n * sizeof(*v));
	l->count = (uint16_t)n;
}

/* The examples of github.com/salesforce/ja3. */
static void ja3_examples(void **state)
{
	static const uint16_t ciphers[] = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4};
	static const uint16_t extensions[] = {0, 10, 11}, groups[] = {23, 24, 25}, points[] = {0};
	static const uint16_t server_extensions[] = {65281, 0, 11, 35, 5, 16}, chosen[] = {47};
	struct harness *h = harness_new(6, 443, NULL);
	struct tls_hello *hello = calloc(1, sizeof(*hello));
	char hash[JA3_HASH_CHARS + 1], *text;
	struct worker no_memo = {0};
	uint32_t len;

	(void)state;
	hello->client = true;
	hello->version = 769;
	list_set(&hello->ciphers, ciphers, 12);
	list_set(&hello->extensions, extensions, 3);
	list_set(&hello->groups, groups, 3);
	list_set(&hello->points, points, 1);
	text = ja3_string(&h->w.heap, hello, &len);
	assert_memory_equal(text, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
			    len);
	for (unsigned i = 0; i < 3; i++) { /* made, kept, and looked up beside what is not kept */
		md5_hex(i % 2 ? &no_memo : &h->w, text, len, hash);
		assert_string_equal(hash, "ada70206e40642a3e4461f35503241d5");
	}
	heap_free(&h->w.heap, text);
	memset(hello, 0, sizeof(*hello));
	hello->version = 769;
	list_set(&hello->ciphers, chosen, 1);
	list_set(&hello->extensions, server_extensions, 6);
	text = ja3_string(&h->w.heap, hello, &len);
	assert_memory_equal(text, "769,47,65281-0-11-35-5-16", len);
	heap_free(&h->w.heap, text);
	free(hello);
	harness_free(h);
}

/* The example of github.com/FoxIO-LLC/ja4, technical details of JA4. */
static void ja4_example(void **state)
{
	static const uint16_t ciphers[] = {0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
					   0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
					   0x0035};
	static const uint16_t extensions[] = {0x2a2a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017,
					      0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01,
					      0x000b, 0x000a, 0x0015, 0x3a3a};
	static const uint16_t signatures[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806,
					      0x0601};
	struct tls_hello *hello = calloc(1, sizeof(*hello));
	char text[JA4_CHARS + 1];

	(void)state;
	hello->client = true;
	hello->highest_version = 0x0304;
	hello->flags = HELLO_HAS_SNI;
	hello->alpn[0] = (struct bytes){(const uint8_t *)"h2", 2};
	hello->alpn_count = 1;
	list_set(&hello->ciphers, ciphers, 16);
	list_set(&hello->extensions, extensions, 18);
	list_set(&hello->signatures, signatures, 8);
	ja4_text(hello, 't', text);
	assert_string_equal(text, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	/* a protocol name that is no text */
	hello->alpn[0] = (struct bytes){(const uint8_t *)"\xab\xcd", 2};
	ja4_text(hello, 'q', text);
	assert_memory_equal(text, "q13d1516ad_", 11);
	ja4_text(NULL, 't', text);
	assert_string_equal(text, "t00i000000_e3b0c44298fc_d2e2adf7177b");
	free(hello);
}

/* ---- certificates ---- */

static void x509_fields(void **state)
{
	struct harness *h = harness_new(6, 443, NULL);
	struct x509 x;
	size_t len;
	uint8_t *der = unhex(certificate_hex, &len);
	char text[32];

	(void)state;
	assert_int_equal(x509_parse(&h->w.heap, &x, der, (uint32_t)len), X509_GOOD);
	assert_int_equal(x.subject.len, strlen("C=XX, O=Example Ltd, CN=www.example.com, "
					       "Email=root@example.com"));
	assert_memory_equal(x.subject.data,
			    "C=XX, O=Example Ltd, CN=www.example.com, Email=root@example.com",
			    x.subject.len);
	assert_int_equal(x.issuer.len, x.subject.len);
	assert_memory_equal(x.serial.data, "0A:BC", x.serial.len);
	assert_int_equal(x.alt_name_count, 3);
	assert_memory_equal(x.alt_names[1].data, "example.net", 11);
	assert_memory_equal(x.alt_names[2].data, "192.0.2.1", 9);
	assert_string_equal(x509_time_format(x.not_before, text), "2026-11-23T04:54:12");
	assert_string_equal(x509_time_format(x.not_after, text), "2036-11-20T04:54:12");
	assert_string_equal(x509_time_format(951782400, text), "2000-02-29T00:00:00");
	assert_string_equal(x509_time_format(-1, text), "1969-12-31T23:59:59");
	x509_free(&h->w.heap, &x);
	/* cut anywhere, it is refused, and nothing is lost */
	for (size_t n = 0; n < len - 80; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, der, n);
		assert_int_not_equal(x509_parse(&h->w.heap, &x, copy, (uint32_t)n), X509_GOOD);
		x509_free(&h->w.heap, &x);
		free(copy);
	}
	free(der);
	harness_free(h);
}

/* ---- connections ---- */

static void whole(struct harness *h, size_t split, size_t step)
{
	send(h, TO_SERVER, client_hello(EXTENSIONS, split), step);
	send(h, TO_CLIENT, server_hello("0303", "00", "0010 0005 0003 02 6832"), step);
	send(h, TO_CLIENT, certificates(split), step);
}

/* A handshake of version 1.2: the record, contacts, whatever the records and segments. */
static void version_1_2(void **state)
{
	static const size_t splits[] = {16384, 700, 50, 1}, steps[] = {65536, 100, 7, 1};

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct harness *h = harness_new(6, 8443, NULL);

		whole(h, splits[i / 4], steps[i % 4]);
		assert_int_equal(h->flow.app_proto, APP_tls);
		assert_int_equal(harness_count(h, "\"event_type\":\"tls\""), 1);
		assert_int_equal(harness_count(h, "anomaly"), 0);
		assert_non_null(strstr(h->out, "\"subject\":\"C=XX, O=Example Ltd, CN=www.example.com, "
					       "Email=root@example.com\""));
		assert_non_null(strstr(h->out, "\"serial\":\"0A:BC\",\"fingerprint\":\"62:25:33:4c:"));
		assert_non_null(strstr(h->out, "\"sni\":\"www.Example.com\",\"version\":\"TLS 1.2\""));
		assert_non_null(strstr(h->out, "\"string\":\"771,47,0-10-11-16,23-24-25,0\""));
		assert_non_null(strstr(h->out, "\"string\":\"771,47,16\""));
		assert_non_null(strstr(h->out, "\"ja4\":\"t12d0104h2_"));
		assert_non_null(strstr(h->out, "\"client_alpns\":[\"h2\",\"http/1.1\"]"));
		assert_non_null(strstr(h->out, "\"server_alpns\":[\"h2\"]"));
		assert_non_null(strstr(h->out, "\"subjectaltname\":[\"www.example.com\","));
		assert_non_null(strstr(h->contacts, "4 www.example.com\n"));
		assert_non_null(strstr(h->contacts, "7 6225334ced8d7a6ed7faee453c3765e114136d9e\n"));
		/* application data ends the watch */
		send_hex(h, TO_SERVER, "140303000101 1703030002abcd");
		assert_int_equal(h->stream_stops, 1);
		assert_true(h->flow.flags & FLOW_NO_PAYLOAD);
		harness_free(h);
	}
}

/* The certificate of a client says who it is; that of a server nothing of a host of ours. */
static void client_certificate(void **state)
{
	struct harness *h = harness_new(6, 8443, NULL);

	(void)state;
	whole(h, 16384, 65536);
	assert_int_equal(harness_count(h, "host "), 0);
	send(h, TO_SERVER, certificates(16384), 65536);
	assert_non_null(strstr(h->out, "host 10.0.0.0 name www.example.com source 2\n"));
	harness_free(h);
}

/* What rules see, each side in its direction. */
static void buffers(void **state)
{
	static const char *const full[] = {"app.tls.encryption-handling=full", NULL};
	struct harness *h = harness_new(6, 443, full);
	const struct proto_value *length;
	uint64_t n;

	(void)state;
	whole(h, 16384, 65536);
	length = harness_value(h->flow.app->proto, "tls.cert_chain_len");
	assert_string_equal(harness_text(h, TO_SERVER, "tls.sni", 0), "www.Example.com");
	assert_string_equal(harness_text(h, TO_CLIENT, "tls.cert_serial", 0), "0A:BC");
	assert_null(harness_text(h, TO_SERVER, "tls.cert_serial", 0));
	assert_non_null(harness_text(h, TO_CLIENT, "tls.certs", 1));
	assert_null(harness_text(h, TO_CLIENT, "tls.certs", 2));
	assert_string_equal(harness_text(h, TO_SERVER, "tls.alpn", 1), "http/1.1");
	assert_string_equal(harness_text(h, TO_CLIENT, "tls.subjectaltname", 1), "example.net");
	assert_string_equal(harness_text(h, TO_CLIENT, "ja3s.string", 0), "771,47,16");
	assert_non_null(harness_text(h, TO_SERVER, "ja3.hash", 0));
	assert_non_null(harness_text(h, TO_SERVER, "ja4.hash", 0));
	assert_true(length->get(&h->w, &h->flow, h->flow.app->last, TO_CLIENT, &n));
	assert_int_equal(n, 2);
	send_hex(h, TO_SERVER, "140303000101 1703030002abcd");
	assert_int_equal(h->stream_stops, 0);
	harness_free(h);
}

/* 1.3 shows no certificate, a resumed session none either; an unanswered hello is told of, unless
 * it was answered by a reset. */
static void without_certificate(void **state)
{
	struct harness *h = harness_new(6, 443, NULL);

	(void)state;
	send(h, TO_SERVER, client_hello(EXTENSIONS "002b 0005 04 0304 0303", 16384), 65536);
	send(h, TO_CLIENT, server_hello("0303", "00", "002b 0002 0304"), 65536);
	send_hex(h, TO_CLIENT, "140303000101 1703030002abcd");
	assert_int_equal(harness_count(h, "\"version\":\"TLS 1.3\""), 1);
	assert_int_equal(harness_count(h, "session_resumed"), 0);
	harness_free(h);

	h = harness_new(6, 443, NULL);
	send(h, TO_SERVER, client_hello(EXTENSIONS "0023 0002 abcd", 16384), 65536);
	send(h, TO_CLIENT, server_hello("0303", "00", "ff01 0001 00"), 65536);
	send_hex(h, TO_CLIENT, "140303000101 1603030004ffffffff");
	send_hex(h, TO_SERVER, "140303000101 1703030002abcd");
	assert_int_equal(harness_count(h, "\"session_resumed\":true"), 1);
	harness_free(h);

	for (int reset = 0; reset < 2; reset++) {
		h = harness_new(6, 443, NULL);
		send(h, TO_SERVER, client_hello(EXTENSIONS, 16384), 65536);
		h->flow.flags |= FLOW_CLOSED;
		h->flow.tcp_flags[TO_CLIENT] |= reset ? TCP_RST : TCP_FIN;
		harness_finish(h);
		assert_int_equal(harness_count(h, "\"event_type\":\"tls\""), !reset);
		harness_free(h);
	}
}

/* An encrypted hello is told of; the numbers of both hellos only to who asks for them, without GREASE. */
static void hellos_in_numbers(void **state)
{
	static const char *const custom[] = {"eve.types.tls.custom=[client_handshake,server_handshake,ech]", NULL};

	(void)state;
	for (int asked = 0; asked < 2; asked++) {
		struct harness *h = harness_new(6, 443, asked ? custom : NULL);

		send(h, TO_SERVER, client_hello("7a7a 0000 000d 0004 0002 0403 fe0d 0002 0000 002b 0005 04 0304 0303", 16384), 65536);
		send(h, TO_CLIENT, server_hello("0303", "00", "002b 0002 0304"), 65536);
		send_hex(h, TO_CLIENT, "140303000101 1703030002abcd");
		assert_int_equal(harness_count(h, "\"ech\":true"), 1);
		assert_int_equal(harness_count(h, "\"client_handshake\":{\"version\":\"TLS 1.3\",\"ciphers\":["), asked);
		assert_int_equal(harness_count(h, "\"exts\":[13,65037,43],\"sig_algs\":[1027]}"), asked);
		assert_int_equal(harness_count(h, "\"server_handshake\":{\"version\":\"TLS 1.3\",\"cipher\":47,\"exts\":[43]}"), asked);
		harness_free(h);
	}
}

/* A chain that says it is longer than its message: the session goes on, and has its record. */
static void certificate_cut(void **state)
{
	struct harness *h = harness_new(6, 443, NULL);

	(void)state;
	send(h, TO_SERVER, client_hello(EXTENSIONS, 16384), 65536);
	send(h, TO_CLIENT, server_hello("0303", "00", "ff01 0001 00"), 65536);
	send_hex(h, TO_CLIENT, "160303000c 0b 000008 001000 000ffd 3082");
	send_hex(h, TO_CLIENT, "140303000101 1703030002abcd");
	assert_int_equal(harness_count(h, "anomaly"), 0);
	assert_int_equal(harness_count(h, "\"event_type\":\"tls\""), 1);
	assert_int_equal(harness_count(h, "\"version\":\"TLS 1.2\""), 1);
	harness_free(h);
}

static const struct {
	const char *hex, *event;
} broken[] = {
	{"16030100", NULL},
	{"1605010004deadbeef", "INVALID_RECORD_VERSION"},
	{"1903010004deadbeef", "INVALID_RECORD_TYPE"},
	{"1603017000", "INVALID_RECORD_LENGTH"},
	{"160301000463000000", "INVALID_HANDSHAKE_MESSAGE"},
	{"1803010013 01 4000 00000000000000000000000000000000", "OVERFLOW_HEARTBEAT_MESSAGE"},
	{"1803010013 01 0000 00000000000000000000000000000000", "HEARTBEAT_MESSAGE"},
	{"1803010003 01 0000", "INVALID_HEARTBEAT_MESSAGE"},
};

static void events(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct harness *h = harness_new(6, 443, NULL);

		send(h, TO_SERVER, client_hello(EXTENSIONS, 16384), 65536);
		send_hex(h, TO_SERVER, broken[i].hex);
		if (broken[i].event)
			assert_true(harness_count(h, broken[i].event) >= 1);
		else
			assert_int_equal(harness_count(h, "anomaly"), 0);
		harness_free(h);
	}
}

/* The hello of SSLv2 that asks for TLS, answered with TLS. */
static void sslv2_hello(void **state)
{
	struct harness *h = harness_new(6, 443, NULL);

	(void)state;
	send_hex(h, TO_SERVER, "801c 01 0301 0003 0000 0010 00002f 000102030405060708090a0b0c0d0e0f");
	send(h, TO_CLIENT, server_hello("0301", "00", ""), 65536);
	send(h, TO_CLIENT, certificates(16384), 65536);
	assert_int_equal(harness_count(h, "\"version\":\"TLSv1\""), 1);
	assert_int_equal(harness_count(h, "anomaly"), 0);
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ja3_examples),
		cmocka_unit_test(ja4_example),
		cmocka_unit_test(x509_fields),
		cmocka_unit_test(version_1_2),
		cmocka_unit_test(client_certificate),
		cmocka_unit_test(buffers),
		cmocka_unit_test(without_certificate),
		cmocka_unit_test(hellos_in_numbers),
		cmocka_unit_test(events),
		cmocka_unit_test(certificate_cut),
		cmocka_unit_test(sslv2_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

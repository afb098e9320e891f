/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dataplane/app/host.c, host_names.c, host_krb5.c, host_tls.c: bytes in, facts out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/app/host.h"
#include "dataplane/app/tls_x509.h"
#include "tests/unit/app/harness.h"

#define SECOND 1000000000ull

/* A datagram from 10.0.0.5 as the decoder leaves it, in memory of its exact size. */
static void datagram_cut(struct harness *h, uint16_t sport, uint16_t dport, const char *hex,
			 size_t cut)
{
	size_t len;
	uint8_t *bytes = unhex(hex, &len), *copy;
	struct packet p = {.flags = PACKET_IP | PACKET_L4,
			   .ip_version = 4,
			   .ip_proto = 17,
			   .sport = sport,
			   .dport = dport,
			   .ttl = 64};

	len -= cut < len ? cut : len;
	copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	memcpy(p.src.b, (uint8_t[]){10, 0, 0, 5}, 4);
	memcpy(p.dst.b, (uint8_t[]){10, 0, 0, 255}, 4);
	p.payload = copy;
	p.payload_len = (uint32_t)len;
	assert_true(host_may_say(&p));
	host_packet(&h->w, &p);
	free(bytes);
	free(copy);
}

static void datagram(struct harness *h, uint16_t sport, uint16_t dport, const char *hex)
{
	datagram_cut(h, sport, dport, hex, 0);
}

/* No prefix of it is read beyond its end; whatever it says. */
static void all_cuts(uint16_t sport, uint16_t dport, const char *hex)
{
	struct harness *h = harness_new(17, 1, NULL);

	for (size_t cut = 1; cut < strlen(hex) / 2; cut++)
		datagram_cut(h, sport, dport, hex, cut);
	harness_free(h);
}

static void arp_from(struct harness *h, uint8_t opcode, uint8_t mac, uint8_t ip)
{
	uint8_t b[28] = {0, 1, 8, 0, 6, 4, 0, opcode, 2, 0, 0, 0, 0, mac, 10, 0, 0, ip};
	struct packet p = {.flags = PACKET_ARP, .l3 = b, .l3_len = 28};

	if (!ip)
		memset(b + 14, 0, 4);
	assert_true(host_may_say(&p));
	host_packet(&h->w, &p);
}

static void arp(void **state)
{
	struct harness *h = harness_new(17, 1, NULL);

	(void)state;
	arp_from(h, 1, 1, 0); /* a probe: no address yet */
	arp_from(h, 3, 1, 9); /* RARP */
	assert_string_equal(h->out, "");
	arp_from(h, 1, 1, 5);
	assert_string_equal(h->out, "host 10.0.0.5 mac 02:00:00:00:00:01 source 1\n");
	harness_clear(h);
	for (unsigned i = 0; i < 1000; i++) {
		h->w.now_ns += SECOND / 10;
		arp_from(h, 2, 1, 5);
	}
	assert_string_equal(h->out, ""); /* said already */
	h->w.now_ns += HOST_REFRESH_NS;
	arp_from(h, 2, 1, 5);
	assert_int_equal(harness_count(h, "host 10.0.0.5"), 1);
	harness_free(h);
}

/* An address that goes from one machine to another and back is told each time, but two that quarrel
 * about it fill nothing. */
static void changes(void **state)
{
	struct harness *h = harness_new(17, 1, NULL);

	(void)state;
	arp_from(h, 1, 1, 5);
	arp_from(h, 1, 2, 5);
	arp_from(h, 1, 1, 5);
	assert_int_equal(harness_count(h, "host 10.0.0.5"), 3);
	for (unsigned i = 0; i < 1000; i++)
		arp_from(h, 1, (uint8_t)(i % 2), 5);
	assert_int_equal(harness_count(h, "host 10.0.0.5"), HOST_CHANGES_MAX);
	assert_true(h->counters.app_hosts_refused > 0);
	harness_free(h);
}

/* A flood of made-up addresses is cut off. */
static void flood(void **state)
{
	struct harness *h = harness_new(17, 1, NULL);
	struct host_fact f = {.ip_version = 4, .has_mac = true, .mac = {2, 1}, .source = HOST_ARP};

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		memcpy(f.ip.b, (uint8_t[]){10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i},
		       4);
		h->w.now_ns += 1000;
		host_note(&h->w, f);
	}
	/* A tenth of a second: what may come at once, and a hundred. */
	assert_in_range(h->counters.app_hosts_facts, HOST_RECORDS_BURST, HOST_RECORDS_BURST + 101);
	assert_int_equal(h->counters.app_hosts_facts + h->counters.app_hosts_refused, 100000);
	harness_free(h);
}

static void inside_only(void **state)
{
	static const char *const settings[] = {
		"vars.addresses.HOME_NET=[10.0.0.0/8,192.168.0.0/16,!10.0.0.128/25]", NULL};
	static const char *const own[] = {"vars.addresses.HOME_NET=10.0.0.0/8",
					  "home_nets=[192.0.2.0/24]", NULL};
	struct harness *h = harness_new(17, 1, settings);
	struct host_fact f = {.ip_version = 4, .has_mac = true, .mac = {2, 1}, .source = HOST_ARP};

	(void)state;
	arp_from(h, 1, 1, 5);
	arp_from(h, 1, 1, 200);
	memcpy(f.ip.b, (uint8_t[]){192, 0, 2, 1}, 4);
	host_note(&h->w, f);
	memcpy(f.ip.b, (uint8_t[]){224, 0, 0, 251}, 4);
	host_note(&h->w, f);
	assert_string_equal(h->out, "host 10.0.0.5 mac 02:00:00:00:00:01 source 1\n");
	harness_free(h);
	h = harness_new(17, 1, own);
	arp_from(h, 1, 1, 5);
	memcpy(f.ip.b, (uint8_t[]){192, 0, 2, 1}, 4);
	host_note(&h->w, f);
	assert_string_equal(h->out, "host 192.0.2.1 mac 02:01:00:00:00:00 source 1\n");
	harness_free(h);
}

static void neighbours(void **state)
{
	struct harness *h = harness_new(17, 1, NULL);
	uint8_t b[24] = {0x20, 1, 0x0d, 0xb8, [15] = 7, 2, 1, 2, 0, 0, 0, 0, 9};
	struct packet p = {.flags = PACKET_IP | PACKET_L4,
			   .ip_version = 6,
			   .ip_proto = 58,
			   .icmp_type = 136,
			   .ttl = 255,
			   .payload = b,
			   .payload_len = 24};

	(void)state;
	assert_true(host_may_say(&p));
	host_packet(&h->w, &p);
	assert_string_equal(h->out, "host 2001:db8::7 mac 02:00:00:00:00:09 source 1\n");
	harness_clear(h);
	h->w.now_ns += HOST_REFRESH_NS;
	p.ttl = 64; /* from beyond this link */
	host_packet(&h->w, &p);
	p.ttl = 255;
	p.payload_len = 23;
	host_packet(&h->w, &p);
	b[17] = 0; /* an option of no length */
	p.payload_len = 24;
	host_packet(&h->w, &p);
	assert_string_equal(h->out, "");
	harness_free(h);
}

/* ---- NetBIOS ---- */

/* "PC1", then the suffix as two letters */
#define PC1(suffix) "20 464145444442434143414341434143414341434143414341434143414341" suffix "00"
#define REGISTRATION "0001 2910 0001 0000 0000 0001"
#define NB_TAIL(flags) "0020 0001 c00c 0020 0001 000493e0 0006" flags "0a000006"

static void netbios(void **state)
{
	struct harness *h = harness_new(17, 1, NULL);

	(void)state;
	datagram(h, 137, 137, REGISTRATION PC1("4141") NB_TAIL("0000"));
	assert_string_equal(h->out, "host 10.0.0.6 name PC1 source 3\n");
	harness_clear(h);
	/* the same as a file server: nothing new */
	datagram(h, 137, 137, REGISTRATION PC1("4341") NB_TAIL("0000"));
	/* a group; a browser */
	datagram(h, 137, 137, REGISTRATION PC1("4141") NB_TAIL("8000"));
	datagram(h, 137, 137, REGISTRATION PC1("424f") NB_TAIL("0000"));
	/* released */
	datagram(h, 137, 137, "0001 3010 0001 0000 0000 0001" PC1("4141") NB_TAIL("0000"));
	assert_string_equal(h->out, "");
	/* a user */
	datagram(h, 137, 137, REGISTRATION PC1("4144") NB_TAIL("0000"));
	assert_string_equal(h->out, "host 10.0.0.6 user PC1 source 3\n");
	harness_clear(h);
	/* a positive answer; a negative one */
	datagram(h, 137, 137,
		 "0001 8580 0000 0001 0000 0000" PC1("4141") "0020 0001 00000000"
							     "000c 6000 0a000007 6000 0a000008");
	assert_string_equal(h->out, "host 10.0.0.7 name PC1 source 3\n"
				    "host 10.0.0.8 name PC1 source 3\n");
	harness_clear(h);
	datagram(h, 137, 137,
		 "0001 8583 0000 0001 0000 0000" PC1("4141") "0020 0001 00000000"
							     "0006 6000 0a000009");
	assert_string_equal(h->out, "");
	harness_free(h);
	all_cuts(137, 137, REGISTRATION PC1("4141") NB_TAIL("0000"));
}

#define STAR                                                                                       \
	"20 434b"                                                                                  \
	"414141414141414141414141414141414141414141414141414141414141"                             \
	"00"

static void netbios_status(void **state)
{
	static const char answer[] =
		"0001 8400 0000 0001 0000 0000" STAR "0021 0001 00000000 0049 03"
		"504331"
		"202020202020202020202020"
		"00 0400"
		"574f524b"
		"2020202020202020202020"
		"00 8400"
		"424f42"
		"202020202020202020202020"
		"03 0400"
		"020000000007"
		"00000000000000000000000000";
	struct harness *h = harness_new(17, 1, NULL);

	(void)state;
	datagram(h, 137, 1025, answer);
	assert_string_equal(h->out,
			    "host 10.0.0.5 mac 02:00:00:00:00:07 name PC1 user BOB source 3\n");
	harness_free(h);
	all_cuts(137, 1025, answer);
}

/* ---- multicast DNS, LLMNR ---- */

#define PC1_LOCAL "03 706331 05 6c6f63616c 00"

static void multicast_dns(void **state)
{
	static const char answer[] =
		"0000 8400 0000 0001 0000 0001" PC1_LOCAL "0001 8001 00000078 0004 0a000005"
		"c00c 001c 8001 00000078 0010 20010db8000000000000000000000005";
	struct harness *h = harness_new(17, 1, NULL);

	(void)state;
	datagram(h, 5353, 5353, answer);
	assert_string_equal(h->out, "host 10.0.0.5 name pc1 source 4\n"
				    "host 2001:db8::5 name pc1 source 4\n");
	harness_clear(h);
	/* a question; a goodbye; a service's name; not .local */
	datagram(h, 5353, 5353, "0000 0000 0001 0000 0000 0000" PC1_LOCAL "0001 0001");
	datagram(h, 5353, 5353,
		 "0000 8400 0000 0001 0000 0000" PC1_LOCAL "0001 8001 00000000 0004 0a000009");
	datagram(h, 5353, 5353,
		 "0000 8400 0000 0001 0000 0000 04 5f746370" PC1_LOCAL
		 "0001 8001 00000078 0004 0a000009");
	datagram(h, 5353, 5353,
		 "0000 8400 0000 0001 0000 0000 03 706331 03 636f6d 00"
		 "0001 8001 00000078 0004 0a000009");
	assert_string_equal(h->out, "");
	harness_free(h);
	all_cuts(5353, 5353, answer);
}

static void llmnr(void **state)
{
	static const char answer[] = "1234 8000 0001 0001 0000 0000 03 706331 00 0001 0001"
				     "c00c 0001 0001 0000001e 0004 0a000005";
	struct harness *h = harness_new(17, 1, NULL);

	(void)state;
	datagram(h, 5355, 50000, answer);
	assert_string_equal(h->out, "host 10.0.0.5 name pc1 source 4\n");
	harness_clear(h);
	/* an address that is not the sender's */
	datagram(h, 5355, 50000,
		 "1234 8000 0001 0001 0000 0000 03 706331 00 0001 0001"
		 "c00c 0001 0001 0000001e 0004 0a000009");
	assert_string_equal(h->out, "");
	harness_free(h);
	all_cuts(5355, 50000, answer);
}

/* ---- Kerberos ---- */

/* AS-REQ, options, cname "bob", realm, address of type NetBIOS "PC1" */
#define AS_BOB                                                                                     \
	"6a533051a103020105a20302010aa4453043a00703050040810010a110300ea003020101a1073005"         \
	"1b03626f62a2071b05434f52502ea91d301b3019a003020114a11204105043312020202020202020"         \
	"2020202020"
/* cname "PC1$", no address */
#define AS_PC1                                                                                     \
	"6a353033a103020105a20302010aa4273025a00703050040810010a111300fa003020101a1083006"         \
	"1b0450433124a2071b05434f52502e"

static void kerberos(void **state)
{
	struct harness *h = harness_new(17, 1, NULL);

	(void)state;
	datagram(h, 40000, 88, AS_BOB);
	assert_string_equal(h->out, "host 10.0.0.5 name PC1 user bob source 5\n");
	harness_clear(h);
	datagram(h, 40000, 88, AS_PC1);
	assert_string_equal(h->out, "host 10.0.0.5 name PC1 source 5\n");
	harness_clear(h);
	/* a TGS-REQ; a length beyond the end; one without an end */
	datagram(h, 40000, 88,
		 "6c"
		 "03 300100");
	datagram(h, 40000, 88, "6a 84 ffffffff 30");
	datagram(h, 40000, 88, "6a 80 3080 a480");
	assert_string_equal(h->out, "");
	harness_free(h);
	all_cuts(40000, 88, AS_BOB);
	all_cuts(40000, 88, AS_PC1);
}

/* Over TCP with four bytes of length before it, in pieces of any size. */
static void kerberos_over_tcp(void **state)
{
	size_t len;
	uint8_t *bytes = unhex("00000055" AS_BOB, &len);

	(void)state;
	for (size_t step = 1; step <= len; step++) {
		struct harness *h = harness_new(6, 88, NULL);

		memcpy(h->flow.client.b, (uint8_t[]){10, 0, 0, 5}, 4);
		harness_tcp_steps(h, TO_SERVER, bytes, len, step);
		harness_tcp(h, TO_SERVER, "more", 4);
		assert_int_equal(harness_count(h, "host 10.0.0.5 name PC1 user bob source 5\n"), 1);
		assert_int_equal(h->counters.app_hosts_facts, 1);
		assert_int_equal(h->flow.app_proto, APP_krb5);
		harness_free(h);
	}
	free(bytes);
}

/* ---- certificates ---- */

static void certificate(struct harness *h, const char *subject, const char *const *names)
{
	struct x509_text alt[8];
	struct x509 x = {.subject = {(char *)(uintptr_t)subject, (uint32_t)strlen(subject)},
			 .alt_names = alt};

	for (; names && *names; names++)
		alt[x.alt_name_count++] =
			(struct x509_text){(char *)(uintptr_t)*names, (uint32_t)strlen(*names)};
	harness_clear(h);
	host_certificate(&h->w, &h->flow, &x);
}

static void certificates(void **state)
{
	static const char *const both[] = {"https://x/",      "10.0.0.1",        "bob@example.com",
					   "pc1.example.com", "pc2.example.com", NULL};
	struct harness *h = harness_new(6, 443, NULL);

	(void)state;
	certificate(h, "C=US, CN=Bob Example", NULL);
	assert_string_equal(h->out, "host 10.0.0.0 user Bob Example source 2\n");
	certificate(h, "CN=pc1.example.com, O=x", NULL);
	assert_string_equal(h->out, "host 10.0.0.0 name pc1.example.com source 2\n");
	certificate(h, "C=US, CN=x", both);
	assert_string_equal(h->out,
			    "host 10.0.0.0 name pc1.example.com user bob@example.com source 2\n");
	certificate(h, "C=US, OU=CN=x", NULL);
	assert_string_equal(h->out, "");
	certificate(h, "", NULL);
	assert_string_equal(h->out, "");
	harness_free(h);
}

/* What is not a name does not come out. */
static void names_cleaned(void **state)
{
	struct harness *h = harness_new(17, 1, NULL);
	struct host_fact f = {.ip_version = 4, .source = HOST_MDNS};
	uint8_t long_name[300];

	(void)state;
	memcpy(f.ip.b, (uint8_t[]){10, 0, 0, 5}, 4);
	memset(long_name, 'a', sizeof(long_name));
	f.name = (struct bytes){(const uint8_t *)"a\nb", 3};
	host_note(&h->w, f);
	f.name = (struct bytes){(const uint8_t *)" ..", 3};
	host_note(&h->w, f);
	f.name = (struct bytes){long_name, sizeof(long_name)};
	host_note(&h->w, f);
	assert_string_equal(h->out, "");
	f.name = (struct bytes){(const uint8_t *)"pc1. \0", 6};
	host_note(&h->w, f);
	assert_string_equal(h->out, "host 10.0.0.5 name pc1 source 4\n");
	host_worker_reset(&h->w);
	host_note(&h->w, f);
	assert_int_equal(harness_count(h, "pc1"), 2);
	harness_free(h);
}

static void switched_off(void **state)
{
	static const char *const settings[] = {"contacts.enabled=no", NULL};
	struct harness *h = harness_new(17, 1, settings);

	(void)state;
	arp_from(h, 1, 1, 5);
	assert_string_equal(h->out, "");
	harness_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp),
		cmocka_unit_test(changes),
		cmocka_unit_test(flood),
		cmocka_unit_test(inside_only),
		cmocka_unit_test(neighbours),
		cmocka_unit_test(netbios),
		cmocka_unit_test(netbios_status),
		cmocka_unit_test(multicast_dns),
		cmocka_unit_test(llmnr),
		cmocka_unit_test(kerberos),
		cmocka_unit_test(kerberos_over_tcp),
		cmocka_unit_test(certificates),
		cmocka_unit_test(names_cleaned),
		cmocka_unit_test(switched_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control/capture/pcapng.c: files as libpcap reads them, and read back after a break at any byte
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include <pcap/pcap.h>

#include "control/capture/pcapng.h"

static const uint8_t data[] = "fourteen bytes and a few more";

static void make(struct text *out, unsigned packets)
{
	struct pcapng_interface i = {1, 0, "afxdp:eth1", "udp"};
	struct text options = {0};

	pcapng_section(out);
	pcapng_interface(out, &i);
	i = (struct pcapng_interface){101, 96, "afxdp:eth2", NULL};
	pcapng_interface(out, &i);
	pcapng_comment(&options, "alert 1:5:3 deep", 16);
	for (unsigned k = 0; k < packets; k++) {
		struct pcapng_packet p = {k % 2, 1700000000123456789ull + k, (uint32_t)sizeof(data) - k, 1500, data, 10 + k,
					  options.data, k ? options.len : 0};

		pcapng_packet(out, &p);
	}
	assert_false(out->failed);
	text_free(&options);
}

static int in_memory(const struct text *t, size_t len)
{
	int fd = memfd_create("pcapng", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, t->data, len), len);
	return fd;
}

static void libpcap_reads_it(void **state)
{
	char error[PCAP_ERRBUF_SIZE];
	struct text t = {0};
	struct pcap_pkthdr *head;
	const u_char *bytes;
	FILE *f;
	pcap_t *p;

	text_clear(&t);
	pcapng_section(&t);
	pcapng_interface(&t, &(struct pcapng_interface){1, 0, "x", "udp"});
	pcapng_packet(&t, &(struct pcapng_packet){0, 1700000000123456789ull, sizeof(data), 1500, data, 7, NULL, 0});
	f = fmemopen(t.data, t.len, "rb");
	p = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, error);
	assert_non_null(p);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(p, &head, &bytes), 1);
	assert_int_equal(head->ts.tv_sec, 1700000000);
	assert_int_equal(head->ts.tv_usec, 123456789);
	assert_int_equal(head->len, 1500);
	assert_int_equal(head->caplen, sizeof(data));
	assert_memory_equal(bytes, data, sizeof(data));
	assert_int_equal(pcap_next_ex(p, &head, &bytes), PCAP_ERROR_BREAK);
	pcap_close(p);
	text_free(&t);
}

static void broken_at_any_byte(void **state)
{
	struct text t = {0};
	struct pcapng_found found;
	uint64_t length = 0, last = 0;

	make(&t, 3);
	for (size_t cut = 0; cut <= t.len; cut++) {
		int fd = in_memory(&t, cut), err = pcapng_read_back(fd, &found);

		assert_int_equal(err, 0);
		assert_true(found.length <= cut && found.length >= length && found.last_id >= last);
		length = found.length;
		last = found.last_id;
		close(fd);
	}
	assert_int_equal(length, t.len);
	assert_int_equal(last, 12);
	assert_int_equal(found.interfaces, 2);
	assert_string_equal(found.interface[1].name, "afxdp:eth2");
	assert_int_equal(found.interface[1].link_type, 101);
	text_free(&t);
}

/* Each byte changed: nothing is read beyond what is there, and what is no file of ours is refused. */
static void damaged(void **state)
{
	struct text t = {0};
	struct pcapng_found found;

	make(&t, 3);
	for (size_t i = 0; i < t.len; i++) {
		int fd, err;

		t.data[i] ^= 0xff;
		fd = in_memory(&t, t.len);
		err = pcapng_read_back(fd, &found);
		assert_true(err == 0 || (err == -71 && i < 4) || (err == -71 && i < 8));
		assert_true(found.length <= t.len);
		close(fd);
		t.data[i] ^= 0xff;
	}
	text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libpcap_reads_it),
		cmocka_unit_test(broken_at_any_byte),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any packet to the observers of hosts. The first byte says which: NetBIOS, mDNS, LLMNR, Kerberos
 * over UDP and (cut in two by the second byte) over TCP, ARP, neighbour discovery. What must hold:
 * nothing is read outside the packet, all memory comes back, names that come out are clean.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/app/host.h"
#include "tests/unit/app/harness.h"

#define RECORDS_KEPT (1u << 19)
#define ARP_BYTES 28

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_packet(struct harness *h, unsigned which, const uint8_t *bytes, size_t len)
{
	static const uint16_t ports[4][2] = {{NBNS_PORT, NBNS_PORT},
					     {MDNS_PORT, MDNS_PORT},
					     {LLMNR_PORT, 40000},
					     {40000, KRB5_PORT}};
	struct packet p = {.flags = PACKET_IP | PACKET_L4,
			   .ip_version = 4,
			   .ip_proto = 17,
			   .src.b = {10, 0, 0, 5},
			   .ttl = 255,
			   .payload = bytes,
			   .payload_len = (uint32_t)len};

	if (which < 4) {
		p.sport = ports[which][0];
		p.dport = ports[which][1];
	} else if (which == 4) {
		if (len < ARP_BYTES)
			return;
		p = (struct packet){.flags = PACKET_ARP, .l3 = bytes, .l3_len = ARP_BYTES};
	} else {
		p.ip_proto = 58;
		p.ip_version = 6;
		p.icmp_type = which & 1 ? 135 : 136;
	}
	if (!host_may_say(&p))
		abort();
	host_packet(&h->w, &p);
}

static void one_stream(struct harness *h, const uint8_t *bytes, size_t len)
{
	size_t first = len ? bytes[0] : 0;

	if (first > len)
		first = len;
	harness_reset(h, KRB5_PORT);
	if (first)
		harness_tcp(h, TO_SERVER, bytes, first);
	if (len > first)
		harness_tcp(h, TO_SERVER, bytes + first, len - first);
	harness_reset(h, KRB5_PORT);
}

/* Text of a line each: nothing that a packet says may break one. */
static void check(struct harness *h)
{
	for (size_t i = 0; i < h->out_len; i++)
		if ((uint8_t)h->out[i] < ' ' && h->out[i] != '\n')
			abort();
	if (h->out_len > RECORDS_KEPT)
		harness_clear(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct harness *h;
	uint8_t *copy;

	if (!h)
		h = harness_new(6, KRB5_PORT, NULL);
	if (!size)
		return 0;
	h->w.now_ns += 1000000000ull;
	copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	if (data[0] % 8 == 7)
		one_stream(h, copy, size - 1);
	else
		one_packet(h, data[0] % 8, copy, size - 1);
	free(copy);
	check(h);
	if (h->w.heap.used_bytes)
		abort();
	return 0;
}

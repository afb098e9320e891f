/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a frame of any link type. Byte 0 chooses the link type, byte 1 the settings, the
 * rest are frames, each after its length in two bytes. What plain.c makes of a frame is what the loop makes
 * of it.
 */
#include <stdlib.h>

#include "dataplane/packet/link.h"
#include "dataplane/packet/packet.h"
#include "tests/support/packet_worker.h"

static const uint16_t link_types[] = {
	LINKTYPE_ETHERNET, LINKTYPE_RAW,       LINKTYPE_IPV4, LINKTYPE_NULL,
	LINKTYPE_PPP,      LINKTYPE_LINUX_SLL, LINKTYPE_LOOP, LINKTYPE_LINUX_SLL2,
	LINKTYPE_C_HDLC,   LINKTYPE_PPP_ETHER, 147,           LINKTYPE_ETHERNET,
	LINKTYPE_PPI, LINKTYPE_FRELAY, LINKTYPE_PPP_HDLC, LINKTYPE_IEEE802_11, LINKTYPE_IEEE802_11_RADIOTAP,
	LINKTYPE_NFLOG, LINKTYPE_ARCNET, LINKTYPE_ARCNET_LINUX,
};

static volatile unsigned sink;

static void must(bool what)
{
	if (!what)
		abort();
}

static void within(const struct packet *p, const uint8_t *at, uint32_t len)
{
	must(!at || (at >= p->data && at <= p->data + p->len && len <= p->len - (at - p->data)));
	for (uint32_t i = 0; at && i < len; i++)
		sink += at[i];
}

static void check(struct packet *p, unsigned index)
{
	within(p, p->l3, p->l3_len);
	within(p, p->l4, 0);
	within(p, p->payload, p->payload_len);
	within(p, p->icmp_inner, p->icmp_inner_len);
	must(p->vlan_count <= PACKET_VLAN_MAX);
	must(p->event_count <= PACKET_EVENTS_MAX);
	must(!(p->flags & PACKET_IP) || (p->l3 && (p->ip_version == 4 || p->ip_version == 6)));
	must(!(p->flags & PACKET_L4) || (p->l4 && (p->flags & PACKET_IP)));
	must(!p->outer == (index == 0));
	for (unsigned layer = CHECKSUM_IPV4; layer <= CHECKSUM_ICMPV6; layer++)
		packet_checksum_ok(p, layer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const settings[] = {"defrag.trackers=16", "defrag.max_frags=64", NULL};
	static const char *const unchecked[] = {"defrag.trackers=16", "defrag.max_frags=64",
						"checksums=ignore", NULL};
	static struct packet_worker *workers[2], *loops[2];
	struct packet_worker *pw, *loop;
	unsigned link_type;

	if (size < 2)
		return 0;
	if (!workers[0]) {
		workers[0] = packet_worker_new(unchecked);
		workers[1] = packet_worker_new(settings);
		loops[0] = packet_worker_new(unchecked);
		loops[1] = packet_worker_new(settings);
		packet_worker_no_plain(loops[0]);
		packet_worker_no_plain(loops[1]);
	}
	link_type = link_types[data[0] % (sizeof(link_types) / sizeof(link_types[0]))];
	pw = workers[data[1] & 1];
	loop = loops[data[1] & 1];
	pw->w.in_the_wire = loop->w.in_the_wire = data[1] & 2;
	decode_worker_reset(&pw->w);
	decode_worker_reset(&loop->w);
	data += 2;
	size -= 2;
	for (uint64_t ts = 1; size > 2; ts += 1000000000) {
		size_t len = (size_t)(data[0] << 8 | data[1]);
		uint8_t *frame;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		/* A block of its own, so that reading past it is seen. */
		frame = malloc(len + 1);
		must(frame);
		memcpy(frame, data, len);
		frame = realloc(frame, len ? len : 1);
		packet_worker_frame(pw, frame, (uint32_t)len, link_type, ts);
		packet_worker_frame(loop, frame, (uint32_t)len, link_type, ts);
		must(packet_worker_same(pw, loop));
		for (unsigned i = 0; i < pw->count; i++)
			check(pw->out[i], i);
		packet_worker_done(pw);
		packet_worker_done(loop);
		free(frame);
		data += len;
		size -= len;
	}
	return 0;
}

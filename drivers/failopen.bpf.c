/* SPDX-License-Identifier: BSD-3-Clause
 *
 * XDP program of an interface that is one side of a pair: while the engine beats, frames go to its
 * AF_XDP socket; when it does not, straight out of the other side. While it beats, so do frames of flows
 * that it has released (failopen_flows), counted for it. Its name, and that of the first map,
 * are those by which libxdp knows a program of AF_XDP sockets: it then adds its sockets to the map and
 * leaves the program where it is.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "drivers/failopen_shared.h"

#define QUEUES 64
#define FRAGMENT 0x3fff /* more fragments, or an offset */
#define FIN_SYN_RST 0x07

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, QUEUES);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct failopen_state);
	__uint(max_entries, 1);
} failopen_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct failopen_count);
	__uint(max_entries, 1);
} failopen_count SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct port_flow);
	__type(value, struct port_flow_count);
	__uint(max_entries, PORT_FLOWS);
} failopen_flows SEC(".maps");

static __always_inline int engine_beats(const struct failopen_state *s)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 beats = s->beats;

	if (!beats)
		return 0;
	for (__u32 i = 0; i < FAILOPEN_BEATS; i++) {
		if (i >= beats)
			break;
		/* One from the future was written by another core a moment ago. */
		if (now > s->beat_ns[i] && now - s->beat_ns[i] > s->max_age_ns)
			return 0;
	}
	return 1;
}

/* ---- released flows ---- */

struct vlan_tag {
	__be16 tci, next;
};

/* What the program needs of a frame. */
struct frame {
	struct port_flow key;
	__u8 from_high;
	__u8 tcp_flags;
};

/* The ends in their order: a is the sender. */
static __always_inline void ends(struct frame *f, const __u8 *a, const __u8 *b, __u32 len, __be16 a_port, __be16 b_port)
{
	int order = 0;

	for (__u32 i = 0; i < len && !order; i++)
		order = (int)a[i] - (int)b[i];
	if (!order)
		order = (int)bpf_ntohs(a_port) - (int)bpf_ntohs(b_port);
	f->from_high = order > 0;
	__builtin_memcpy(f->key.low, f->from_high ? b : a, len);
	__builtin_memcpy(f->key.high, f->from_high ? a : b, len);
	f->key.low_port = f->from_high ? b_port : a_port;
	f->key.high_port = f->from_high ? a_port : b_port;
}

/* 1: a frame that may be of a released flow. Tunnels, fragments and further headers go to the engine. */
static __always_inline int frame_read(struct xdp_md *ctx, struct frame *f)
{
	__u8 *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = (void *)at;
	const struct udphdr *l4; /* ports stand there in TCP too */
	const struct iphdr *ip;
	const struct ipv6hdr *ip6;
	__be16 type;

	__builtin_memset(f, 0, sizeof(*f));
	if ((void *)(eth + 1) > (void *)end)
		return 0;
	type = eth->h_proto;
	at += sizeof(*eth);
#pragma unroll
	for (int i = 0; i < PORT_FLOW_VLANS; i++) {
		const struct vlan_tag *tag = (void *)at;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > (void *)end)
			return 0;
		f->key.vlan[i] = bpf_ntohs(tag->tci) & 0xfff;
		f->key.vlan_count = i + 1;
		type = tag->next;
		at += sizeof(*tag);
	}
	ip = (void *)at;
	ip6 = (void *)at;
	if (type == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip + 1) > (void *)end || ip->ihl != 5 || ip->frag_off & bpf_htons(FRAGMENT))
			return 0;
		f->key.ip_version = 4;
		f->key.ip_proto = ip->protocol;
		at += sizeof(*ip);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		if ((void *)(ip6 + 1) > (void *)end)
			return 0;
		f->key.ip_version = 6;
		f->key.ip_proto = ip6->nexthdr;
		at += sizeof(*ip6);
	} else {
		return 0;
	}
	l4 = (void *)at;
	if ((void *)(l4 + 1) > (void *)end)
		return 0;
	if (f->key.ip_proto == IPPROTO_TCP) {
		if ((void *)(at + sizeof(struct tcphdr)) > (void *)end)
			return 0;
		f->tcp_flags = at[13];
	} else if (f->key.ip_proto != IPPROTO_UDP) {
		return 0;
	}
	if (f->key.ip_version == 4)
		ends(f, (void *)&ip->saddr, (void *)&ip->daddr, 4, l4->source, l4->dest);
	else
		ends(f, (void *)&ip6->saddr, (void *)&ip6->daddr, 16, l4->source, l4->dest);
	return 1;
}

/* 1: it is forwarded here. What begins or ends a session is the engine's to see, and all that comes after. */
static __always_inline int released(struct xdp_md *ctx)
{
	struct port_flow_count *count;
	struct frame f;

	if (!frame_read(ctx, &f))
		return 0;
	count = bpf_map_lookup_elem(&failopen_flows, &f.key);
	if (!count || count->stopped)
		return 0;
	if (f.tcp_flags & FIN_SYN_RST) {
		count->stopped = 1;
		return 0;
	}
	__sync_fetch_and_add(&count->packets[f.from_high & 1], 1);
	__sync_fetch_and_add(&count->bytes[f.from_high & 1], ctx->data_end - ctx->data);
	count->last_ns = bpf_ktime_get_ns();
	return 1;
}

SEC("xdp")
int xsk_def_prog(struct xdp_md *ctx)
{
	__u32 zero = 0, queue = ctx->rx_queue_index;
	struct failopen_state *s = bpf_map_lookup_elem(&failopen_state, &zero);
	struct failopen_count *count;

	if (!s)
		return XDP_PASS;
	if (engine_beats(s) && bpf_map_lookup_elem(&xsks_map, &queue)) {
		if (s->forward && released(ctx))
			return bpf_redirect(s->forward, 0);
		return bpf_redirect_map(&xsks_map, queue, XDP_DROP);
	}
	if (!s->peer)
		return XDP_DROP;
	count = bpf_map_lookup_elem(&failopen_count, &zero);
	if (count) {
		count->packets++;
		count->bytes += ctx->data_end - ctx->data;
	}
	return bpf_redirect(s->peer, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
/* libxdp asks for it. */
__uint(xsk_prog_version, 1) SEC("xdp_metadata");

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * XDP program of an interface that is one side of a pair: while the engine beats, frames go to its
 * AF_XDP socket; when it does not, straight out of the other side. Its name, and that of the first map,
 * are those by which libxdp knows a program of AF_XDP sockets: it then adds its sockets to the map and
 * leaves the program where it is.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "drivers/failopen_shared.h"

#define QUEUES 64

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

SEC("xdp")
int xsk_def_prog(struct xdp_md *ctx)
{
	__u32 zero = 0, queue = ctx->rx_queue_index;
	struct failopen_state *s = bpf_map_lookup_elem(&failopen_state, &zero);
	struct failopen_count *count;

	if (!s)
		return XDP_PASS;
	if (engine_beats(s) && bpf_map_lookup_elem(&xsks_map, &queue))
		return bpf_redirect_map(&xsks_map, queue, XDP_DROP);
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

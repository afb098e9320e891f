/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A sequence of operations on TCP sessions. Byte 0 chooses the settings; then each operation is
 * eight bytes: what, flags, number (relative to what the sender would say next), acknowledgement
 * (likewise), length, window, and two more for options. Nothing may be left behind, bytes go up
 * once and in order, the raw window shows them once.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/lab.h"

#define OP_BYTES 8

static const char *const settings[][5] = {
	{"mode=tap", "flow.max=4", "app_heap=1m", NULL},
	{"mode=inline", "flow.max=4", "app_heap=1m", NULL},
	{"stream.midstream=yes", "flow.max=4", "stream.reassembly.max_held=8", "app_heap=40k", NULL},
	{"stream.async_oneside=yes", "stream.midstream=yes", "flow.max=4", "app_heap=1m", NULL},
	{"host_os_policy.solaris=0.0.0.0/0", "stream.reassembly.depth=3k", "flow.max=4",
	 "stream.memcap_policy=ignore", NULL},
	{"host_os_policy.last=192.0.2.0/24", "stream.reassembly.urgent=inline", "flow.max=4",
	 "stream.reassembly.chunk=64", NULL},
	{"mode=inline", "stream.memcap_policy=ignore", "stream.reassembly.max_held=16",
	 "app_heap=20k", NULL},
};
#define LABS (sizeof(settings) / sizeof(settings[0]))

static void must(bool what)
{
	if (!what)
		abort();
}

struct peer {
	uint32_t next; /* the number it would send next */
};

/* 0…255 as a distance: mostly near, some far, some wrapping. */
static uint32_t distance(uint8_t b)
{
	static const uint32_t far[] = {0x80000000u, 0x7fffffffu, 65535, 65536, 0x40000000u,
				       0xffff0000u, 4096,        100000};

	if (b < 128)
		return b;
	if (b < 240)
		return (uint32_t)-(int32_t)(b - 128);
	return far[b & 7];
}

static uint8_t flags_of(uint8_t b)
{
	static const uint8_t usual[] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH,
					TCP_ACK | TCP_FIN, TCP_RST, TCP_RST | TCP_ACK,
					TCP_ACK | TCP_URG};

	return b < 224 ? usual[b & 7] : (uint8_t)(b * 37);
}

static void op_tcp(struct lab *l, const uint8_t *op, struct peer *peers)
{
	static uint8_t text[4096];
	enum direction d = op[0] & 1 ? TO_CLIENT : TO_SERVER;
	struct peer *own = &peers[d], *other = &peers[!d];
	uint32_t len = op[4] < 200 ? op[4] : (op[4] - 199u) * 60;
	struct lab_tcp t = {
		.d = d,
		.flags = flags_of(op[1]),
		.seq = own->next + distance(op[2]),
		.ack = other->next + distance(op[3]),
		.data = text,
		.len = len,
		.window = op[5] == 0 ? -1 : op[5] < 128 ? op[5] * 64 : 65535,
		.has_ts = op[6] & 1,
		.has_scale = op[6] & 2,
		.has_tfo = op[6] & 4,
		.has_md5 = op[6] & 8,
		.scale = op[6] >> 4,
		.ts = op[7],
		.urgent = op[7],
	};

	memset(text, op[6] & 0x20 ? 'a' + op[7] % 26 : 'e', len);
	lab_tcp(l, &t);
	if ((op[0] & 8) == 0)
		own->next = t.seq + len + ((t.flags & (TCP_SYN | TCP_FIN)) != 0);
}

static void op_other(struct lab *l, const uint8_t *op)
{
	switch (op[1] % 6) {
	case 0:
		lab_wait(l, op[2]);
		flow_timers(&l->w, l->w.now_ns, op[3]);
		break;
	case 1:
		l->client_port = 40000 + op[2] % 8;
		break;
	case 2:
		l->stop_at = op[2] % 4;
		break;
	case 3:
		if (l->flow && flow_cold(l->flow)->id)
			stream_raw_off(&l->w, l->flow, op[2] & 1);
		break;
	case 4:
		if (l->flow && flow_cold(l->flow)->id)
			stream_raw_flush(l->flow, op[2] & 1);
		break;
	case 5:
		l->frames = op[2] & 1;
		l->inspect = op[2] & 2;
		stream_lookback(&l->w, op[3] * 8);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lab *labs[LABS];
	struct peer peers[2] = {{1000}, {5000}};
	struct lab *l;
	bool one_flow = true;

	if (size < 1 + OP_BYTES)
		return 0;
	l = labs[data[0] % LABS];
	if (!l)
		l = labs[data[0] % LABS] = lab_new(settings[data[0] % LABS]);
	if (data[0] & 0x80) {
		peers[0].next = 0xfffffff0u;
		peers[1].next = 0xffffff00u;
	}
	lab_clear(l);
	l->frames = data[0] & 0x40;
	l->inspect = true;
	l->stop_at = 0;
	l->client_port = 40000;
	l->quiet = false;
	data++;
	size--;
	for (unsigned i = 0; i < 400 && size >= OP_BYTES; i++, data += OP_BYTES, size -= OP_BYTES) {
		if (data[0] >= 0xf0) {
			op_other(l, data);
			one_flow &= data[1] % 6 == 4;
		} else {
			op_tcp(l, data, peers);
		}
		if (l->side[0].up_len > LAB_UP_BYTES / 2 || l->side[1].up_len > LAB_UP_BYTES / 2)
			break;
	}
	lab_end(l);
	must(l->counters.flow_active == 0);
	must(l->w.heap.used_bytes == 0);
	must(l->held == 0);
	/* with one flow what went up can be followed */
	if (one_flow && l->record_count == 1) {
		must(!l->side[0].out_of_step && !l->side[1].out_of_step);
		must(!l->raw_broken);
		must(l->side[0].starts <= 1 && l->side[1].starts <= 1);
	}
	return 0;
}

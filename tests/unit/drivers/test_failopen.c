/* SPDX-License-Identifier: BSD-3-Clause
 *
 * drivers/failopen.bpf.c, run by the kernel (BPF_PROG_TEST_RUN) on frames made here: which go to the engine, which
 * are forwarded, and what is counted. Takes the right to load programs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "drivers/failopen_shared.h"

#define SYN 2
#define FIN 1
#define ACK 16

static const unsigned char object[] = {
#include "failopen_object.h"
};

static struct bpf_object *loaded;
static int program, state_map, flows_map, sockets_map;
static uint8_t frame[2048];
static uint32_t frame_len;

static int load(void **unused)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "failopen");
	int socket_fd = socket(AF_XDP, SOCK_RAW, 0);
	uint32_t zero = 0;

	(void)unused;
	loaded = bpf_object__open_mem(object, sizeof(object), &options);
	if (socket_fd < 0 || !loaded || bpf_object__load(loaded) != 0) {
		program = -1; /* each test is skipped */
		return 0;
	}
	program = bpf_program__fd(bpf_object__find_program_by_name(loaded, "xsk_def_prog"));
	state_map = bpf_object__find_map_fd_by_name(loaded, "failopen_state");
	flows_map = bpf_object__find_map_fd_by_name(loaded, "failopen_flows");
	sockets_map = bpf_object__find_map_fd_by_name(loaded, "xsks_map");
	return bpf_map_update_elem(sockets_map, &zero, &socket_fd, 0);
}

static int unload(void **unused)
{
	(void)unused;
	bpf_object__close(loaded);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- frames ---- */

struct conversation {
	const char *name;
	uint8_t ip_version, proto, tags;
};

static void put(const void *bytes, uint32_t n)
{
	memcpy(frame + frame_len, bytes, n);
	frame_len += n;
}

static void put16(unsigned v)
{
	put((uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

/* From the client, 10.0.0.9 or fd00::9 port 40000, or to it from .3, port 80. */
static void make(const struct conversation *c, bool from_client, uint8_t flags)
{
	uint8_t ends[2][16] = {{10, 0, 0, 9}, {10, 0, 0, 3}};
	uint32_t size = c->ip_version == 4 ? 4 : 16;

	if (c->ip_version == 6)
		for (unsigned i = 0; i < 2; i++) {
			memset(ends[i], 0, 16);
			ends[i][0] = 0xfd;
			ends[i][15] = i ? 3 : 9;
		}
	memset(frame, 0, sizeof(frame));
	frame_len = 12;
	for (unsigned i = 0; i < c->tags; i++) {
		put16(0x8100);
		put16(0xa000 + 7 + i); /* a priority, and the VLAN */
	}
	put16(c->ip_version == 4 ? 0x0800 : 0x86dd);
	if (c->ip_version == 4) {
		put((uint8_t[]){0x45, 0, 0, 100, 0, 1, 0x40, 0, 64, c->proto, 0, 0}, 12);
	} else {
		put((uint8_t[]){0x60, 0, 0, 0, 0, 60, c->proto, 64}, 8);
	}
	put(ends[!from_client], size);
	put(ends[from_client], size);
	put16(from_client ? 40000 : 80);
	put16(from_client ? 80 : 40000);
	if (c->proto == 6)
		put((uint8_t[]){0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0}, 16);
	else
		put((uint8_t[]){0, 68, 0, 0}, 4);
	frame_len += 60;
}

/* As the engine says it: the server has the lower address. */
static struct port_flow key_of(const struct conversation *c)
{
	struct port_flow key = {.low_port = 80 << 8, .high_port = (40000 >> 8) | (40000 & 0xff) << 8,
				.ip_version = c->ip_version, .ip_proto = c->proto, .vlan_count = c->tags};

	for (unsigned i = 0; i < c->tags; i++)
		key.vlan[i] = (uint16_t)(7 + i);
	if (c->ip_version == 4) {
		memcpy(key.low, (uint8_t[]){10, 0, 0, 3}, 4);
		memcpy(key.high, (uint8_t[]){10, 0, 0, 9}, 4);
	} else {
		key.low[0] = key.high[0] = 0xfd;
		key.low[15] = 3;
		key.high[15] = 9;
	}
	return key;
}

static uint32_t run(void)
{
	uint8_t out[2048];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = frame_len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(program, &o), 0);
	return o.retval;
}

/* The engine lives, or has not beaten for longer than it may. */
static void engine(bool lives, uint32_t peer, uint32_t forward)
{
	struct failopen_state state = {
		.version = FAILOPEN_VERSION, .peer = peer, .forward = forward, .beats = 1, .max_age_ns = 60000000000ull};
	uint32_t zero = 0;

	state.beat_ns[0] = lives ? now_ns() : now_ns() - 61000000000ull;
	assert_int_equal(bpf_map_update_elem(state_map, &zero, &state, 0), 0);
}

static void release(const struct port_flow *key)
{
	struct port_flow_count none = {0};

	assert_int_equal(bpf_map_update_elem(flows_map, key, &none, 0), 0);
}

static struct port_flow_count counted(const struct port_flow *key)
{
	struct port_flow_count c;

	assert_int_equal(bpf_map_lookup_elem(flows_map, key, &c), 0);
	return c;
}

#define NEEDS_PROGRAM()                                                                            \
	do {                                                                                       \
		if (program < 0)                                                                   \
			skip();                                                                    \
	} while (0)

static const struct conversation conversations[] = {
	{"TCP", 4, 6, 0},	    {"UDP", 4, 17, 0},	       {"TCP over IPv6", 6, 6, 0},
	{"UDP over IPv6", 6, 17, 0}, {"TCP in a VLAN", 4, 6, 1}, {"UDP over IPv6, two tags", 6, 17, 2},
};

/* Counted by direction, whichever address is the lower; others are not touched. */
static void released_flows(void **unused)
{
	NEEDS_PROGRAM();
	engine(true, 1, 1);
	for (unsigned i = 0; i < sizeof(conversations) / sizeof(conversations[0]); i++) {
		const struct conversation *c = &conversations[i];
		struct port_flow key = key_of(c);
		struct port_flow_count count;
		uint64_t before = now_ns();

		release(&key);
		for (unsigned k = 0; k < 3; k++) {
			make(c, true, ACK);
			assert_int_equal(run(), XDP_REDIRECT);
		}
		make(c, false, ACK);
		assert_int_equal(run(), XDP_REDIRECT);
		count = counted(&key);
		assert_int_equal(count.packets[0], 1);
		assert_int_equal(count.packets[1], 3);
		assert_int_equal(count.bytes[0], frame_len);
		assert_int_equal(count.bytes[1], 3 * frame_len);
		assert_true(count.last_ns >= before && count.last_ns <= now_ns());
		assert_int_equal(bpf_map_delete_elem(flows_map, &key), 0);
	}
}

static void ends_go_to_the_engine(void **unused)
{
	static const uint8_t flags[] = {SYN, SYN | ACK, FIN | ACK, 4};
	struct port_flow key = key_of(&conversations[0]);

	NEEDS_PROGRAM();
	engine(true, 1, 1);
	for (unsigned i = 0; i < sizeof(flags); i++) {
		release(&key);
		make(&conversations[0], true, flags[i]);
		run();
		make(&conversations[0], false, ACK); /* and so does what follows */
		run();
		assert_int_equal(counted(&key).packets[0] + counted(&key).packets[1], 0);
		assert_int_equal(counted(&key).stopped, 1);
	}
	assert_int_equal(bpf_map_delete_elem(flows_map, &key), 0);
}

/* Fragments, options, other VLANs, cut frames: what is not surely of the flow. */
static void what_is_not_the_flow(void **unused)
{
	struct port_flow key = key_of(&conversations[0]);

	NEEDS_PROGRAM();
	engine(true, 1, 1);
	release(&key);
	make(&conversations[0], true, ACK);
	frame[14 + 6] = 0x20; /* more fragments */
	run();
	make(&conversations[0], true, ACK);
	frame[14 + 7] = 1; /* an offset */
	run();
	make(&conversations[0], true, ACK);
	frame[14] = 0x46; /* an option */
	run();
	make(&conversations[4], true, ACK);
	run();
	make(&conversations[1], true, ACK);
	run();
	for (uint32_t len = 14; len < 14 + 20 + 20; len++) {
		make(&conversations[0], true, ACK);
		frame_len = len;
		run();
	}
	assert_int_equal(counted(&key).packets[1], 0);
	make(&conversations[0], true, ACK);
	run();
	assert_int_equal(counted(&key).packets[1], 1);
	assert_int_equal(bpf_map_delete_elem(flows_map, &key), 0);
}

/* Without the engine nothing is counted as of a flow: the frame passes, or is dropped where that is asked for. */
static void without_the_engine(void **unused)
{
	struct port_flow key = key_of(&conversations[0]);

	NEEDS_PROGRAM();
	release(&key);
	make(&conversations[0], true, ACK);
	engine(false, 1, 1);
	assert_int_equal(run(), XDP_REDIRECT);
	engine(false, 0, 1);
	assert_int_equal(run(), XDP_DROP);
	engine(true, 1, 0); /* no flow is to be forwarded */
	assert_int_equal(run(), XDP_REDIRECT);
	assert_int_equal(counted(&key).packets[1], 0);
	assert_int_equal(bpf_map_delete_elem(flows_map, &key), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(released_flows),
		cmocka_unit_test(ends_go_to_the_engine),
		cmocka_unit_test(what_is_not_the_flow),
		cmocka_unit_test(without_the_engine),
	};

	return cmocka_run_group_tests(tests, load, unload);
}

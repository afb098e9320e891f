/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames for tests, put together header by header from the outside in; lengths and IPv4 checksums
 * are set by frame_done.
 */
#ifndef TEST_FRAMES_H
#define TEST_FRAMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/link.h"
#include "dataplane/packet/packet.h"
#include "tests/support/packet_worker.h"

#define FRAME_BYTES 70000
#define FRAME_HEADERS 16

struct frame {
	uint8_t b[FRAME_BYTES];
	uint32_t len;
	uint32_t ip4[FRAME_HEADERS], ip6[FRAME_HEADERS], udp[FRAME_HEADERS];
	unsigned ip4_count, ip6_count, udp_count;
};

static inline void frame_start(struct frame *f)
{
	f->len = f->ip4_count = f->ip6_count = f->udp_count = 0;
}

static inline uint8_t *frame_add(struct frame *f, const void *bytes, uint32_t n)
{
	uint8_t *at = f->b + f->len;

	assert_true(f->len + n <= FRAME_BYTES);
	if (bytes)
		memcpy(at, bytes, n);
	else
		memset(at, 0, n);
	f->len += n;
	return at;
}

/* BYTES("\x01\x02") */
#define FRAME_BYTES_OF(f, text) frame_add(f, text, sizeof(text) - 1)

static inline void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

static inline void frame_ethernet(struct frame *f, unsigned type)
{
	uint8_t *h = FRAME_BYTES_OF(f, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02\0\0");

	put16(h + 12, type);
}

static inline uint8_t *frame_ipv4(struct frame *f, unsigned proto, unsigned id, unsigned fragment)
{
	uint8_t *h;

	f->ip4[f->ip4_count++] = f->len;
	h = FRAME_BYTES_OF(f, "\x45\0\0\0\0\0\0\0\x40\0\0\0\x0a\x01\x02\x03\x0a\x04\x05\x06");
	h[9] = (uint8_t)proto;
	put16(h + 4, id);
	put16(h + 6, fragment);
	return h;
}

static inline uint8_t *frame_ipv6(struct frame *f, unsigned next)
{
	uint8_t *h;

	f->ip6[f->ip6_count++] = f->len;
	h = frame_add(f, NULL, 40);
	h[0] = 0x60;
	h[6] = (uint8_t)next;
	h[7] = 64;
	memcpy(h + 8, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	memcpy(h + 24, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
	return h;
}

static inline uint8_t *frame_udp(struct frame *f, unsigned sport, unsigned dport)
{
	uint8_t *h;

	f->udp[f->udp_count++] = f->len;
	h = frame_add(f, NULL, 8);
	put16(h, sport);
	put16(h + 2, dport);
	return h;
}

static inline uint8_t *frame_tcp(struct frame *f, unsigned sport, unsigned dport, unsigned flags)
{
	uint8_t *h = frame_add(f, NULL, 20);

	put16(h, sport);
	put16(h + 2, dport);
	put32(h + 4, 1000);
	put32(h + 8, 2000);
	h[12] = 0x50;
	h[13] = (uint8_t)flags;
	put16(h + 14, 8192);
	return h;
}

/* Everything reaches to the end of the frame. */
static inline void frame_done(struct frame *f)
{
	for (unsigned i = 0; i < f->udp_count; i++)
		put16(f->b + f->udp[i] + 4, f->len - f->udp[i]);
	for (unsigned i = 0; i < f->ip6_count; i++)
		put16(f->b + f->ip6[i] + 4, f->len - f->ip6[i] - 40);
	for (unsigned i = f->ip4_count; i-- > 0;) {
		uint8_t *h = f->b + f->ip4[i];

		put16(h + 2, f->len - f->ip4[i]);
		put16(h + 10, 0);
		put16(h + 10, (uint16_t)~checksum_fold(checksum_add(0, h, (h[0] & 15) * 4u)));
	}
}

static inline unsigned frame_run(struct packet_worker *pw, struct frame *f, unsigned link_type)
{
	return packet_worker_frame(pw, f->b, f->len, link_type, 1000000000);
}

/* As Ethernet, lengths set; the packets are in pw->out. */
static inline unsigned frame_go(struct packet_worker *pw, struct frame *f)
{
	frame_done(f);
	return frame_run(pw, f, LINKTYPE_ETHERNET);
}

/* Each test has a worker of its own in *state, which does not look at checksums. */
static inline int worker_setup(void **state)
{
	static const char *const settings[] = {"checksums=ignore", NULL};

	*state = packet_worker_new(settings);
	return 0;
}

static inline int worker_teardown(void **state)
{
	packet_worker_free(*state);
	return 0;
}

#define PACKET_TEST(name) cmocka_unit_test_setup_teardown(name, worker_setup, worker_teardown)

/* One malformed frame: what it must be said to be. */
struct bad_case {
	enum anomaly_id event;
	bool invalid; /* counted as such */
	unsigned link_type;
	const char *bytes;
	uint32_t len;
};

#define BAD(event, invalid, link_type, bytes)                                                      \
	{                                                                                          \
		ANOMALY_##event, invalid, link_type, bytes, sizeof(bytes) - 1                      \
	}

static inline void check_bad_cases(struct packet_worker *pw, const struct bad_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool found = false;
		uint64_t before = pw->counters.decoder_invalid;
		unsigned count = packet_worker_frame(pw, cases[i].bytes, cases[i].len,
						     cases[i].link_type, 1);

		for (unsigned k = 0; k < count; k++)
			found |= packet_has_event(pw->out[k], cases[i].event);
		if (!found)
			fail_msg("no event %s", anomaly_rows[cases[i].event].name);
		if (pw->counters.decoder_invalid - before != cases[i].invalid)
			fail_msg("%s: invalid is not %d", anomaly_rows[cases[i].event].name,
				 cases[i].invalid);
	}
}

#endif

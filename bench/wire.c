/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metsuke-bench-wire PORT_A PORT_B: sends frames into port A and takes them from port B, with an engine
 * in the wire between the two. A trial for each line on standard input, "SIZE FRAMES RATE", and one line of
 * JSON for each; bench/rfc2544 asks. One thread, which polls: give it a core of its own.
 *
 * SIZE is the frame with its FCS, as RFC 2544 counts (0: IMIX, 64, 594 and 1,518 bytes as 7:4:1); RATE is in
 * frames a second, 0: as fast as the port takes them. A frame that the port does not take at its time is
 * lost at the sender (not_taken): a wire does not wait either.
 *
 * Each frame carries its number and the time-stamp counter. It is a datagram of one of FLOWS flows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "dataplane/event/latency.h"
#include "drivers/eal.h"
#include "drivers/frame.h"
#include "drivers/port.h"

#define BURST 32u
#define FLOWS 256u
#define FRAMES 16384u
#define FCS_BYTES 4u
#define ETHERNET 14u
#define IP_UDP 28u
#define DRAIN_S 0.2          /* nothing came for so long: nothing will */
#define FRAMES_MAX 2000000000ull

struct stamp { /* behind the UDP header: the least frame has room for 18 bytes */
	uint32_t mark, number;
	uint64_t tsc;
};

struct trial {
	uint32_t size;
	uint64_t frames, rate;
	uint64_t sent, not_taken, received, foreign, late; /* late: of an earlier trial, or out of order */
	uint64_t next;               /* number of the next frame */
	uint64_t latency[LATENCY_BUCKETS], latency_max_ns, latency_sum_ns;
	double seconds;
};

struct tester {
	struct rte_mempool *pool;
	struct port *a, *b;
	uint64_t hz;
	uint32_t mark;               /* of the trial in hand */
	uint64_t expected;           /* least number that may come in order */
};

static uint32_t size_of(const struct trial *t, uint64_t number)
{
	static const uint16_t imix[12] = {64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 64, 594};

	return (t->size ? t->size : imix[number % 12]) - FCS_BYTES;
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void ip_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum & 0xffff);
}

/* An IPv4 datagram without a UDP checksum, from 198.18.0.0/24 to 198.19.0.1 (RFC 2544, C.2.2). */
static void fill(uint8_t *frame, uint32_t len, uint64_t number)
{
	static const uint8_t head[ETHERNET + IP_UDP] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0,
		198, 18, 0, 0, 198, 19, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0};
	uint8_t *ip = frame + ETHERNET;

	memcpy(frame, head, sizeof(head));
	put16(ip + 2, len - ETHERNET);
	ip[15] = (uint8_t)(1 + number % FLOWS / 8);
	put16(ip + 20, 10000 + (uint32_t)(number % FLOWS));
	put16(ip + 24, len - ETHERNET - 20);
	ip_checksum(ip);
}

static unsigned make(struct tester *x, struct trial *t, struct rte_mbuf **frames, unsigned n)
{
	uint64_t now = rte_rdtsc();

	if (rte_pktmbuf_alloc_bulk(x->pool, frames, n) != 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		uint32_t len = size_of(t, t->next);
		uint8_t *at = (uint8_t *)rte_pktmbuf_append(frames[i], (uint16_t)len);
		struct stamp stamp = {x->mark, (uint32_t)t->next, now};

		fill(at, len, t->next++);
		memcpy(at + ETHERNET + IP_UDP, &stamp, sizeof(stamp));
	}
	return n;
}

static void took(struct tester *x, struct trial *t, const struct rte_mbuf *m, uint64_t now)
{
	struct stamp stamp;
	uint64_t ns;

	if (rte_pktmbuf_data_len(m) < ETHERNET + IP_UDP + sizeof(stamp)) {
		t->foreign++;
		return;
	}
	memcpy(&stamp, rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHERNET + IP_UDP), sizeof(stamp));
	if (stamp.mark != x->mark) {
		t->foreign++;
		return;
	}
	if (stamp.number < x->expected)
		t->late++;
	else
		x->expected = stamp.number + 1;
	ns = (uint64_t)((double)(now - stamp.tsc) * 1e9 / (double)x->hz);
	t->received++;
	t->latency[latency_bucket(ns)]++;
	t->latency_sum_ns += ns;
	if (ns > t->latency_max_ns)
		t->latency_max_ns = ns;
}

static unsigned take(struct tester *x, struct trial *t)
{
	struct rte_mbuf *frames[BURST];
	unsigned n = port_rx_burst(x->b, 0, frames, BURST);
	uint64_t now = n ? rte_rdtsc() : 0;

	for (unsigned i = 0; i < n; i++)
		took(x, t, frames[i], now);
	if (n)
		rte_pktmbuf_free_bulk(frames, n);
	return n;
}

/* So many are due by now. */
static uint64_t due(const struct tester *x, const struct trial *t, uint64_t start)
{
	double seconds = (double)(rte_rdtsc() - start) / (double)x->hz;
	uint64_t n = t->rate ? (uint64_t)(seconds * (double)t->rate) + 1 : t->frames;

	return n < t->frames ? n : t->frames;
}

static void run(struct tester *x, struct trial *t)
{
	uint64_t start = rte_rdtsc(), quiet;
	struct rte_mbuf *frames[BURST];

	x->mark++;
	x->expected = 0;
	while (t->next < t->frames) {
		uint64_t n = due(x, t, start) - t->next;
		unsigned made = n ? make(x, t, frames, n < BURST ? (unsigned)n : BURST) : 0;
		unsigned gone = made ? port_tx_burst(x->a, 0, frames, (uint16_t)made) : 0;

		t->sent += gone;
		t->not_taken += made - gone;
		if (made > gone)
			rte_pktmbuf_free_bulk(frames + gone, made - gone);
		take(x, t);
	}
	t->seconds = (double)(rte_rdtsc() - start) / (double)x->hz;
	quiet = rte_rdtsc();
	while ((double)(rte_rdtsc() - quiet) < DRAIN_S * (double)x->hz)
		if (take(x, t))
			quiet = rte_rdtsc();
		else
			rte_pause();
}

/* A bucket's bound may lie beyond the greatest. */
static uint64_t quantile(const struct trial *t, uint64_t of_million)
{
	uint64_t ns = latency_quantile(t->latency, of_million);

	return ns < t->latency_max_ns ? ns : t->latency_max_ns;
}

static void print(const struct trial *t)
{
	printf("{\"size\":%u,\"offered\":%" PRIu64 ",\"rate\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"not_taken\":%" PRIu64
	       ",\"received\":%" PRIu64 ",\"out_of_order\":%" PRIu64 ",\"foreign\":%" PRIu64 ",\"seconds\":%.6f",
	       t->size, t->frames, t->rate, t->sent, t->not_taken, t->received, t->late, t->foreign, t->seconds);
	if (t->received)
		printf(",\"latency_ns\":{\"mean\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p99_9\":%" PRIu64
		       ",\"max\":%" PRIu64 "}",
		       t->latency_sum_ns / t->received, quantile(t, 500000), quantile(t, 990000), quantile(t, 999000),
		       t->latency_max_ns);
	printf("}\n");
	fflush(stdout);
}

static int open_ports(struct tester *x, char **uris)
{
	struct eal_options o = {.pages = EAL_PAGES_AUTO, .frames = FRAMES};
	char error[PORT_ERROR_BYTES];
	bool huge;

	if (eal_start(&o, &huge, error) != 0 || !(x->pool = eal_frames_new("tester", FRAMES, error))) {
		fprintf(stderr, "metsuke-bench-wire: %s\n", error);
		return 1;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct port_config c = {.index = (uint8_t)i, .rx_queues = 1, .tx_queues = 1, .pool = x->pool};
		struct port *p = port_open(uris[i], &c, error);

		if (!p) {
			fprintf(stderr, "metsuke-bench-wire: %s\n", error);
			return 1;
		}
		*(i ? &x->b : &x->a) = p;
	}
	x->hz = rte_get_tsc_hz();
	x->mark = (uint32_t)rte_rdtsc();
	return 0;
}

int main(int argc, char **argv)
{
	struct tester x = {0};
	struct trial t;
	char line[128];

	if (argc != 3) {
		fprintf(stderr, "usage: metsuke-bench-wire PORT_A PORT_B; then SIZE FRAMES RATE a line on standard input\n");
		return 2;
	}
	if (open_ports(&x, argv + 1) != 0)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		memset(&t, 0, sizeof(t));
		if (sscanf(line, "%" SCNu32 " %" SCNu64 " %" SCNu64, &t.size, &t.frames, &t.rate) != 3 ||
		    (t.size && (t.size < 64 || t.size > 1518)) || t.frames > FRAMES_MAX) {
			fprintf(stderr, "metsuke-bench-wire: SIZE (0, 64 to 1518) FRAMES RATE, not %s", line);
			return 2;
		}
		run(&x, &t);
		print(&t);
	}
	port_close(x.a);
	port_close(x.b);
	eal_frames_free(x.pool);
	eal_stop();
	return 0;
}

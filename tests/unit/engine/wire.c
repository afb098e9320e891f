/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/engine/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/engine/home.h"
#include "dataplane/engine/image.h"
#include "dataplane/flow/flow.h"
#include "drivers/frame.h"

#define ETHERNET 14u
#define IPV4 20u
#define UDP 8u
#define TCP 20u

#define must(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static struct config *config_make(const char *const *settings)
{
	struct config *c = config_new();
	char path[128], error[256];

	must(c);
	c->checksums = CHECKSUMS_IGNORE;
	for (; settings && *settings; settings++) {
		const char *equal = strchr(*settings, '=');

		snprintf(path, sizeof(path), "%.*s", (int)(equal - *settings), *settings);
		must(config_set(c, path, equal + 1, error, sizeof(error)) == 0);
	}
	return c;
}

struct wire *wire_open(const char *const *settings, int indicators)
{
	struct wire *w = calloc(1, sizeof(*w));
	struct engine *e = &w->engine;
	char error[512];
	int pair[2];

	must(w);
	w->boot = (struct boot){.purpose = BOOT_INSPECT, .worker_count = 1, .stop = 1};
	w->boot.event_ring_fd[0] = ring_create("events", 16 << 20, 1);
	w->boot.bulk_ring_fd[0] = ring_create("bulk", 1 << 20, 1);
	w->boot.packet_ring_fd[0] = ring_create("packets", 8 << 20, 1);
	w->boot.counters_fd = counters_create(1);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	w->boot.dataplane_channel = pair[0];
	w->channel = pair[1];
	e->boot = &w->boot;
	e->config = config_make(settings);
	e->shared = counters_attach(w->boot.counters_fd);
	e->home = home_new(e->config, error, sizeof(error));
	must(e->home);
	e->lane_count = 1;
	must(posix_memalign((void **)&e->rcu, 64, rte_rcu_qsbr_get_memsize(1)) == 0);
	rte_rcu_qsbr_init(e->rcu, 1);
	rte_rcu_qsbr_thread_register(e->rcu, 0);
	pthread_mutex_init(&e->error_lock, NULL);
	if (indicators >= 0)
		atomic_store(&e->indicators, image_open(indicators, error, sizeof(error)));
	must(lane_new(e, 0) == 0 && lane_modules_new(e->lanes[0]) == 0);
	w->lane = e->lanes[0];
	w->counters = w->lane->w.counters;
	must(ring_attach(&w->ring, w->boot.event_ring_fd[0]) == 0);
	w->ns = 1700000000000000000ull;
	w->client = "10.0.0.5";
	w->server = "198.51.100.7";
	w->client_port = 40000;
	w->server_port = 80;
	return w;
}

void wire_close(struct wire *w)
{
	flow_end_all(&w->lane->w);
	lane_modules_free(w->lane);
	ring_detach(&w->ring);
	close(w->boot.event_ring_fd[0]);
	close(w->boot.bulk_ring_fd[0]);
	close(w->boot.counters_fd);
	close(w->boot.dataplane_channel);
	close(w->channel);
	engine_close(&w->engine);
	free(w);
}

static void put_be16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put_be32(uint8_t *at, uint32_t v)
{
	put_be16(at, v >> 16);
	put_be16(at + 2, v);
}

/* Ethernet and IPv4 around `transport` bytes, which begin at *l4. */
static struct rte_mbuf *frame(struct wire *w, bool to_server, uint8_t proto, size_t transport,
			      uint8_t **l4)
{
	uint32_t len = (uint32_t)(ETHERNET + IPV4 + transport);
	struct rte_mbuf *m = frame_new(len);
	uint8_t *b = rte_pktmbuf_mtod(m, uint8_t *);
	struct addr a;

	memset(b, 0, len);
	b[12] = 8;
	b[14] = 0x45;
	put_be16(b + 16, len - ETHERNET);
	b[22] = 64;
	b[23] = proto;
	must(addr_parse(to_server ? w->client : w->server, &a) == 4);
	memcpy(b + 26, a.b, 4);
	must(addr_parse(to_server ? w->server : w->client, &a) == 4);
	memcpy(b + 30, a.b, 4);
	*l4 = b + ETHERNET + IPV4;
	put_be16(*l4, to_server ? w->client_port : w->server_port);
	put_be16(*l4 + 2, to_server ? w->server_port : w->client_port);
	*frame_info(m) = (struct frame_info){
		.ts_ns = w->ns,
		.wire_len = len,
		.link_type = 1,
		.port_index = !to_server,
	};
	w->ns += 1000000;
	return m;
}

static bool run(struct wire *w, struct rte_mbuf *m)
{
	const struct counters *c = w->counters;
	uint64_t accepted = c->ips_accepted, drops = 0;

	pipeline_burst(w->lane, &m, 1);
	lane_quiescent(w->lane);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		drops += c->drop[i];
	must(c->port_rx_packets == c->port_tx_packets + drops);
	/* There is no port to send it to. */
	return c->ips_accepted > accepted;
}

bool wire_udp(struct wire *w, bool to_server, const void *data, size_t len)
{
	uint8_t *l4;
	struct rte_mbuf *m = frame(w, to_server, 17, UDP + len, &l4);

	put_be16(l4 + 4, (uint32_t)(UDP + len));
	if (len)
		memcpy(l4 + UDP, data, len);
	return run(w, m);
}

bool wire_unreachable(struct wire *w)
{
	uint8_t *l4, *quoted;
	struct rte_mbuf *m = frame(w, false, 1, 8 + IPV4 + UDP, &l4);

	memset(l4, 0, 8);
	l4[0] = 3;
	l4[1] = 3;
	quoted = l4 + 8;
	quoted[0] = 0x45;
	put_be16(quoted + 2, IPV4 + UDP);
	quoted[8] = 64;
	quoted[9] = 17;
	memcpy(quoted + 12, l4 - 4, 4);
	memcpy(quoted + 16, l4 - 8, 4);
	put_be16(quoted + IPV4, w->client_port);
	put_be16(quoted + IPV4 + 2, w->server_port);
	put_be16(quoted + IPV4 + 4, UDP);
	return run(w, m);
}

bool wire_tcp(struct wire *w, bool to_server, uint8_t flags, const void *data, size_t len)
{
	uint8_t *l4;
	struct rte_mbuf *m = frame(w, to_server, 6, TCP + len, &l4);

	put_be32(l4 + 4, w->seq[!to_server]);
	put_be32(l4 + 8, flags & TCP_ACK ? w->seq[to_server] : 0);
	l4[12] = 0x50;
	l4[13] = flags;
	put_be16(l4 + 14, 0xffff);
	if (len)
		memcpy(l4 + TCP, data, len);
	w->seq[!to_server] += (uint32_t)len + !!(flags & (TCP_SYN | TCP_FIN));
	return run(w, m);
}

bool wire_handshake(struct wire *w)
{
	bool syn, both, ack;

	w->seq[0] = 1000;
	w->seq[1] = 5000;
	syn = wire_tcp(w, true, TCP_SYN, NULL, 0);
	both = wire_tcp(w, false, TCP_SYN | TCP_ACK, NULL, 0);
	ack = wire_tcp(w, true, TCP_ACK, NULL, 0);
	return syn && both && ack;
}

bool wire_say(struct wire *w, const char *text)
{
	bool went_on = wire_tcp(w, true, TCP_ACK | TCP_PSH, text, strlen(text));

	/* on a tap nothing is looked at before its receiver has it */
	if (!w->lane->w.in_the_wire)
		wire_tcp(w, false, TCP_ACK, NULL, 0);
	return went_on;
}

bool wire_ask(struct wire *w, const char *name)
{
	static const uint8_t head[12] = {0x12, 0x34, 1, 0, 0, 1};
	static const uint8_t tail[5] = {0, 0, 1, 0, 1};
	uint8_t message[512];
	size_t n = sizeof(head);

	memcpy(message, head, n);
	while (*name) {
		size_t label = strcspn(name, ".");

		message[n++] = (uint8_t)label;
		memcpy(message + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	memcpy(message + n, tail, sizeof(tail));
	return wire_udp(w, true, message, n + sizeof(tail));
}

size_t wire_hello_make(const char *name, uint8_t m[512])
{
	size_t len = strlen(name), body = 2 + 32 + 1 + 4 + 2 + 2 + 9 + len;
	uint8_t *at = m + 9;

	memset(m, 0, 512);
	m[0] = 22;
	m[1] = 3;
	m[2] = 1;
	put_be16(m + 3, (uint32_t)(4 + body));
	m[5] = 1;
	put_be16(m + 7, (uint32_t)body);
	put_be16(at, 0x0303);
	at += 2 + 32 + 1; /* no session */
	put_be16(at, 2);
	put_be16(at + 2, 0xc02f);
	put_be16(at + 4, 0x0100); /* no compression */
	put_be16(at + 6, (uint32_t)(9 + len));
	at += 8; /* server_name */
	put_be16(at + 2, (uint32_t)(5 + len));
	put_be16(at + 4, (uint32_t)(3 + len));
	put_be16(at + 7, (uint32_t)len);
	memcpy(at + 9, name, len);
	return 9 + body;
}

bool wire_hello(struct wire *w, const char *name)
{
	uint8_t bytes[512];

	return wire_tcp(w, true, TCP_ACK | TCP_PSH, bytes, wire_hello_make(name, bytes));
}

const struct record_head *wire_next(struct wire *w, enum record_type type)
{
	for (;;) {
		uint64_t avail;
		const struct record_head *r = ring_peek(&w->ring, w->read, &avail);

		if (!avail)
			return NULL;
		must(record_valid(r, avail));
		w->read += r->length;
		if (r->type == type)
			return r;
	}
}

const char *wire_text(const struct record_head *r, enum field_id field)
{
	static char text[2048];
	struct value v;
	struct addr a = {0};

	text[0] = '\0';
	if (!record_find(r, field, &v))
		return text;
	if (v.kind == KIND_ADDR) {
		memcpy(a.b, v.body.data, v.body.len);
		return addr_format(&a, v.body.len == 16 ? 6 : 4, text);
	}
	snprintf(text, sizeof(text), "%.*s", (int)v.body.len, (const char *)v.body.data);
	return text;
}

uint64_t wire_number(const struct record_head *r, enum field_id field)
{
	struct value v;

	return record_find(r, field, &v) ? v.n : 0;
}

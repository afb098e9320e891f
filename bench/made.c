/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames are Ethernet, IPv4, UDP or TCP with right checksums. Which flow a packet belongs to is drawn
 * by a hash of its number (spread), or follows from it (kinds whose flows come and go).
 */
#include "bench/made.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bytes.h"
#include "bench/made_idle.h"

#define ETHERNET 14u
#define IP 20u
#define UDP 8u
#define TCP 20u
#define SIZE_LEAST 60u
#define SIZE_MOST 1514u
#define LIVE_STEP_NS 100       /* ten million packets a second */
#define UDP_NEW_S 30u          /* flow.timeouts.udp.new, unless set */
#define TCP_NEW_S 60u
#define CLIENTS 0x0a000000u    /* 10.0.0.0/8 */
#define SERVERS 0x64400000u    /* 100.64.0.0/10 */
#define SYN 0x02u
#define IDLE_OPEN_S 560u       /* so long it takes to open all: less than flow.timeouts.tcp.established */

struct made_packet {
	uint32_t client, server;
	uint16_t client_port, server_port;
	bool to_client;
};

struct made_kind {
	const char *name;
	uint8_t proto;
	uint64_t flows, packets; /* unless told */
	uint32_t per;
	void (*plan)(struct made *m);
	void (*packet)(const struct made *m, uint64_t number, struct made_packet *out);
};

static uint64_t mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15ull;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ull;
	v = (v ^ v >> 27) * 0x94d049bb133111ebull;
	return v ^ v >> 31;
}

/* The flow of a number: sixteen million clients, then other ports of theirs. */
static void flow_of(uint64_t flow, struct made_packet *out)
{
	uint64_t h = mix(flow);

	out->client = CLIENTS | (uint32_t)(flow * 0x9e3779b1u & 0xffffff);
	out->server = SERVERS | (uint32_t)(h & 0xffff);
	out->client_port = (uint16_t)(32768 + (flow >> 24) % 32768);
	out->server_port = (uint16_t)(20000 + (h >> 16) % 4096);
	out->to_client = false;
}

/* ---- spread: all flows stay open, packets come for any of them ---- */

static void spread_plan(struct made *m)
{
	m->warm = 2 * m->flows;
	m->step_ns = LIVE_STEP_NS;
}

static uint64_t spread_number(const struct made *m, uint64_t number, bool *to_client)
{
	uint64_t h = mix(number);

	if (number < m->warm) { /* there, and back after a while */
		*to_client = number >= m->flows;
		return number % m->flows;
	}
	*to_client = h & 1;
	return (uint64_t)(((unsigned __int128)h * m->flows) >> 64);
}

static void spread_packet(const struct made *m, uint64_t number, struct made_packet *out)
{
	bool to_client;

	flow_of(spread_number(m, number, &to_client), out);
	out->to_client = to_client;
}

/* Flows whose addresses and ports cancel out in a hash that adds or xors them; ends that differ by
 * their order alone. */
static void collide_packet(const struct made *m, uint64_t number, struct made_packet *out)
{
	bool to_client;
	uint64_t flow = spread_number(m, number, &to_client);
	uint32_t a = (uint32_t)(flow >> 2) & 0xffff, b = (uint32_t)(flow >> 18) & 0x3fff;

	out->to_client = to_client;
	out->client = 0x0a000000u + a;
	out->client_port = (uint16_t)(1024 + b);
	if (flow & 1) { /* sums are the same in all flows */
		out->server = 0x0b00ffffu - a;
		out->server_port = (uint16_t)(40000 - b);
	} else { /* exclusive ors are */
		out->server = 0x0c000000u ^ a;
		out->server_port = (uint16_t)(0x8000 ^ out->client_port);
	}
	if (flow & 2) { /* and the other way round */
		uint32_t swap = out->client_port;

		out->client_port = out->server_port;
		out->server_port = (uint16_t)swap;
	}
}

/* ---- churn: flows of `per` packets, as many begin as time out ---- */

static void churn_plan(struct made *m)
{
	uint64_t live_ns = (uint64_t)(m->per == 1 ? UDP_NEW_S : 10 * UDP_NEW_S) * 1000000000u;

	m->step_ns = live_ns / (m->flows * m->per);
	m->warm = m->flows * m->per + m->flows * m->per / 16;
}

/* The packets of a flow come as far from each other as 1,024 others. */
static void churn_packet(const struct made *m, uint64_t number, struct made_packet *out)
{
	uint64_t turn = number % m->per, flow = number / m->per + (uint64_t)1024 * m->per - 1024 * turn;

	flow_of(flow, out);
	out->to_client = turn & 1;
}

/* ---- syn: a flood from senders that do not exist ---- */

static void syn_plan(struct made *m)
{
	m->warm = m->flows;
	m->step_ns = LIVE_STEP_NS;
}

static void syn_packet(const struct made *m, uint64_t number, struct made_packet *out)
{
	uint64_t h = mix(number);

	out->client = (uint32_t)h;
	out->client_port = (uint16_t)(h >> 32);
	out->server = SERVERS | 1;
	out->server_port = 443;
	out->to_client = false;
}

/* ---- idle: sessions that open, talk once, and are idle (made_idle.c) ---- */

static void idle_plan(struct made *m)
{
	uint32_t least = made_idle_size(m->talk);

	m->per = made_idle_steps(m->talk);
	m->packets = m->flows * m->per;
	m->step_ns = IDLE_OPEN_S * 1000000000ull / m->packets;
	if (m->size < least)
		m->size = least;
}

static void idle_packet(const struct made *m, uint64_t number, struct made_packet *out)
{
	flow_of(number / m->per, out);
}

static const struct made_kind kinds[] = {
	{"spread", 17, 1000000, 16000000, 1, spread_plan, spread_packet},
	{"collide", 17, 1000000, 16000000, 1, spread_plan, collide_packet},
	{"churn", 17, 1000000, 4000000, 2, churn_plan, churn_packet},
	{"syn", 6, 1000000, 4000000, 1, syn_plan, syn_packet},
	{"idle", 6, 40000, 240000, 6, idle_plan, idle_packet},
};

static uint32_t header_bytes(const struct made *m)
{
	return ETHERNET + IP + (m->kind->proto == 17 ? UDP : TCP);
}

/* Worked out once: it is the same in every packet. */
static void text_sum(struct made *m)
{
	uint32_t len = m->size - header_bytes(m), letters = (uint32_t)strlen(m->text);

	for (uint32_t i = 0; letters && i < len; i++)
		m->text_sum += (uint32_t)(uint8_t)m->text[i % letters] << (i & 1 ? 0 : 8);
}

/* ---- names ---- */

bool made_is(const char *name)
{
	return strncmp(name, "made:", 5) == 0;
}

static bool talk_option(struct made *m, const char *name)
{
	for (const struct made_talk *t = made_talks; t->name; t++)
		if (strcmp(t->name, name) == 0)
			m->talk = t;
	return strcmp(m->talk->name, name) == 0;
}

static bool option(struct made *m, const char *key, const char *value)
{
	char *end;
	uint64_t n = strtoull(value, &end, 10);

	if (strcmp(key, "talk") == 0)
		return talk_option(m, value);
	if (strcmp(key, "text") == 0) {
		snprintf(m->text, sizeof(m->text), "%s", value);
		return *value && strlen(value) < sizeof(m->text);
	}
	if (*end || n == 0 || n > (uint64_t)1 << 40)
		return false;
	if (strcmp(key, "flows") == 0)
		m->flows = n;
	else if (strcmp(key, "packets") == 0)
		m->packets = n;
	else if (strcmp(key, "per") == 0 && n <= 1024)
		m->per = (uint32_t)n;
	else if (strcmp(key, "size") == 0 && n >= SIZE_LEAST + 4 && n <= SIZE_MOST + 4)
		m->size = (uint32_t)n - 4;
	else
		return false;
	return true;
}

int made_parse(struct made *m, const char *name, char error[MADE_ERROR_BYTES])
{
	char text[200], *at = text, *word;

	memset(m, 0, sizeof(*m));
	m->talk = made_talks;
	snprintf(text, sizeof(text), "%s", name + 5);
	word = strsep(&at, ",");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(word, kinds[i].name) == 0)
			m->kind = &kinds[i];
	if (!m->kind) {
		snprintf(error, MADE_ERROR_BYTES, "made:%s: there is no such traffic; there is spread, collide, "
			 "churn, syn, idle", word);
		return -1;
	}
	m->flows = m->kind->flows;
	m->packets = m->kind->packets;
	m->per = m->kind->per;
	m->size = SIZE_LEAST;
	while ((word = strsep(&at, ",")) != NULL) {
		char *equals = strchr(word, '=');

		if (equals)
			*equals = '\0';
		if (!equals || !option(m, word, equals + 1)) {
			snprintf(error, MADE_ERROR_BYTES, "%s: %s is not one of flows=N, packets=N, per=N (of a flow), "
				 "size=64 … 1518, text=WORD (less than 32 letters), talk=words, http or kept", name, word);
			return -1;
		}
	}
	m->kind->plan(m);
	text_sum(m);
	return 0;
}

/* ---- bytes ---- */

/* What is always the same: the ports, addresses and checksums follow. */
static void put_template(const struct made *m, uint8_t *frame)
{
	static const uint8_t head[ETHERNET + IP] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64};

	memcpy(frame, head, sizeof(head));
	memset(frame + sizeof(head), 0, m->size - sizeof(head));
	for (uint32_t at = header_bytes(m), n = (uint32_t)strlen(m->text); n && at < m->size; at += n)
		memcpy(frame + at, m->text, n < m->size - at ? n : m->size - at);
	put16(frame + ETHERNET + 2, m->size - ETHERNET);
	frame[ETHERNET + 9] = m->kind->proto;
}

uint64_t made_frame(const struct made *m, uint64_t number, unsigned worker, uint8_t *frame)
{
	uint8_t *ip = frame + ETHERNET, *l4 = ip + IP;
	uint32_t len = m->size - ETHERNET - IP, src, dst, addresses, sum, sport, dport;
	struct made_packet p;

	m->kind->packet(m, number, &p);
	p.server ^= worker << 20;
	if (m->kind->packet == idle_packet) {
		made_idle_frame(m->talk, number, p.client, p.server, m->size, frame);
		return number * m->step_ns;
	}
	put_template(m, frame);
	src = p.to_client ? p.server : p.client;
	dst = p.to_client ? p.client : p.server;
	sport = p.to_client ? p.server_port : p.client_port;
	dport = p.to_client ? p.client_port : p.server_port;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	addresses = (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff);
	sum = 0x4500 + (m->size - ETHERNET) + 0x4000 + (64u << 8 | m->kind->proto) + addresses;
	put16(ip + 10, checksum_of(sum));
	put16(l4, sport);
	put16(l4 + 2, dport);
	sum = addresses + m->kind->proto + len + sport + dport + m->text_sum;
	if (m->kind->proto == 17) {
		put16(l4 + 4, len);
		sum = checksum_of(sum + len);
		put16(l4 + 6, sum ? sum : 0xffff);
	} else {
		put32(l4 + 4, (uint32_t)mix(number));
		put16(l4 + 12, 5u << 12 | SYN);
		put16(l4 + 14, 64240);
		sum += ((uint32_t)mix(number) >> 16) + ((uint32_t)mix(number) & 0xffff) + (5u << 12 | SYN) + 64240;
		put16(l4 + 16, checksum_of(sum));
	}
	return number * m->step_ns;
}

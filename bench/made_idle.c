/* SPDX-License-Identifier: BSD-3-Clause
 *
 * made:idle: TCP sessions that open one after the other, say something to each other once, and are idle from then on.
 * Frames are of one size; what a packet has no bytes for is padding.
 */
#include "bench/made_idle.h"

#include <string.h>

#include "bench/bytes.h"

#define ETHERNET 14u
#define IP 20u
#define TCP 20u
#define SYN 0x02u
#define PSH 0x08u
#define ACK 0x10u
#define ISN_CLIENT 1000u
#define ISN_SERVER 9000u

#define REQUEST "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: metsuke-bench\r\nAccept: */*\r\n\r\n"
#define RESPONSE                                                                                                     \
	"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n"

const struct made_talk made_talks[] = {
	{"words", 20000, {"hello\n", "yes?"}, false},
	{"http", 80, {REQUEST, RESPONSE}, false},
	{"kept", 80, {REQUEST, RESPONSE}, true},
	{NULL, 0, {NULL, NULL}, false},
};

/* What each packet of a session is: who sends it, how, and how much was said before. */
static const struct {
	uint8_t flags;
	bool to_client, says;
	uint8_t client_done, server_done; /* 1: its SYN, 2: its bytes too */
	bool probe; /* of the byte before */
} steps[] = {
	{SYN, false, false, 0, 0},
	{SYN | ACK, true, false, 1, 0},
	{ACK, false, false, 1, 1},
	{PSH | ACK, false, true, 1, 1},
	{PSH | ACK, true, true, 2, 1},
	{ACK, false, false, 2, 2},
	{ACK, false, false, 2, 2, true},
	{ACK, true, false, 2, 2},
};

static uint32_t sum_over(const uint8_t *at, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += (uint32_t)at[i] << (i & 1 ? 0 : 8);
	return sum;
}

/* The number of the byte that comes after so much. */
static uint32_t number_after(uint32_t isn, uint8_t done, const char *said)
{
	return isn + (done > 0) + (done > 1 ? (uint32_t)strlen(said) : 0);
}

unsigned made_idle_steps(const struct made_talk *talk)
{
	return sizeof(steps) / sizeof(steps[0]) - (talk->probed ? 0 : 2);
}

uint32_t made_idle_size(const struct made_talk *talk)
{
	size_t longest = strlen(talk->said[0]) > strlen(talk->said[1]) ? strlen(talk->said[0]) : strlen(talk->said[1]);

	return ETHERNET + IP + TCP + (uint32_t)longest;
}

void made_idle_frame(const struct made_talk *talk, uint64_t number, uint32_t client, uint32_t server, uint32_t size,
		     uint8_t *frame)
{
	static const uint8_t head[ETHERNET] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
	unsigned step = (unsigned)(number % made_idle_steps(talk));
	bool back = steps[step].to_client;
	const char *said = steps[step].says ? talk->said[back] : "";
	uint32_t len = (uint32_t)strlen(said);
	uint32_t seq[2] = {number_after(ISN_CLIENT, steps[step].client_done, talk->said[0]),
			   number_after(ISN_SERVER, steps[step].server_done, talk->said[1])};
	uint8_t *ip = frame + ETHERNET, *tcp = ip + IP;

	memcpy(frame, head, sizeof(head));
	memset(ip, 0, size - ETHERNET);
	ip[0] = 0x45;
	put16(ip + 2, IP + TCP + len);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, back ? server : client);
	put32(ip + 16, back ? client : server);
	put16(ip + 10, checksum_of(sum_over(ip, IP)));
	put16(tcp, back ? talk->port : 40000);
	put16(tcp + 2, back ? 40000 : talk->port);
	put32(tcp + 4, seq[back] - steps[step].probe);
	put32(tcp + 8, steps[step].flags & ACK ? seq[!back] : 0);
	put16(tcp + 12, 5u << 12 | steps[step].flags);
	put16(tcp + 14, 64240);
	memcpy(tcp + TCP, said, len);
	put16(tcp + 16, checksum_of(sum_over(ip + 12, 8) + 6 + TCP + len + sum_over(tcp, TCP + len)));
}

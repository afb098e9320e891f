/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker with a flow table and TCP, without ports, parsers and rules: packets are put together
 * here, and what goes up to the parsers is written down. Not thread-safe.
 */
#ifndef SUPPORT_LAB_H
#define SUPPORT_LAB_H

#include "dataplane/engine/worker.h"
#include "dataplane/flow/flow.h"
#include "dataplane/packet/packet.h"
#include "dataplane/stream/stream.h"

#define LAB_UP_BYTES (1u << 18)
#define LAB_FRAMES 8192

struct lab_side {
	/* what went up: the bytes, "[gap N]" for a hole, "[end]" for the end */
	char up[LAB_UP_BYTES];
	size_t up_len;
	uint64_t offset;   /* the next to be expected */
	unsigned starts, ends, cuts, gaps, calls;
	bool out_of_step;  /* an offset that was not the one after the last, or bytes after the end */
};

struct lab_record {
	struct record_head head;
	uint64_t packets[2], bytes[2];
	char state[16], reason[16], tcp_state[16], tcp_flags[4];
};

/* The last netflow record of a direction. */
struct lab_netflow {
	uint64_t packets, bytes, least_ttl, most_ttl;
	uint16_t sport;
};

struct lab {
	struct worker w;
	struct config *config;
	struct counters counters;
	struct lab_side side[2], view;
	struct packet *p;      /* the last packet: its events, flags, verdict */
	struct packet keep;
	/* the conversation that lab_tcp and lab_udp speak in */
	struct addr client, server;
	uint16_t client_port, server_port;
	uint16_t window;       /* of the packets made */
	uint8_t ttl;           /* likewise; 0: 64 */
	struct flow *flow;     /* of the last packet */
	/* records */
	struct lab_record records[1024];
	unsigned record_count, contacts;
	struct lab_netflow netflow[2];
	unsigned netflow_count;
	unsigned detects;      /* calls on pseudo packets */
	bool inspect;          /* look at the raw stream after every packet, as rules do */
	bool quiet;            /* write nothing down */
	char raw[2][LAB_UP_BYTES]; /* what was shown as fresh, holes as '|' */
	size_t raw_len[2];
	bool raw_broken;       /* a window that did not follow on the last */
	/* frames: held counts, so that a leak shows */
	bool frames;
	int held;
	uint32_t turn_at;      /* app_stream turns the flow round at this call, 0 never */
	uint32_t stop_at;      /* app_stream stops the stream at this call */
	bool wakeful;          /* else flows that may rest do so for a moment after each of their packets */
	unsigned rests;        /* how often they did */
};

/* settings: "path=value" texts, ended by NULL; or NULL. Aborts when one is wrong. */
struct lab *lab_new(const char *const *settings);
/* Ends all flows; aborts when anything was left behind. */
void lab_free(struct lab *l);
/* Ends all flows: what that hands on and writes can be looked at. */
void lab_end(struct lab *l);
void lab_clear(struct lab *l);

struct lab_tcp {
	enum direction d;
	uint8_t flags;
	uint32_t seq, ack;
	const void *data;
	uint32_t len;
	uint16_t urgent;
	int32_t window;       /* 0: the lab's; -1: zero */
	uint32_t ts, ts_echo; /* with has_ts */
	bool has_ts, has_scale, has_tfo, has_md5;
	uint8_t scale;
};

/* One packet through flow and stream; the result is l->p. */
void lab_tcp(struct lab *l, const struct lab_tcp *t);
void lab_udp(struct lab *l, enum direction d, uint32_t len);
void lab_icmp(struct lab *l, enum direction d, uint8_t type, uint8_t code);
/* Any packet made by the caller. */
void lab_packet(struct lab *l, struct packet *p);
void lab_wait(struct lab *l, double seconds);
/* SYN, SYN/ACK, ACK with these first numbers. */
void lab_open(struct lab *l, uint32_t client_isn, uint32_t server_isn);

/* Text: a segment of the client or server with ACK. */
void lab_say(struct lab *l, enum direction d, uint32_t seq, uint32_t ack, const char *text);
bool lab_event(const struct lab *l, enum anomaly_id id);
/* How often since the start or lab_clear. */
uint64_t lab_events(const struct lab *l, enum anomaly_id id);
/* What went up. */
const char *lab_given(struct lab *l, enum direction d);
/* The same and, on a tap, what waits for nothing but its acknowledgement. Borrowed until the next call. */
const char *lab_up(struct lab *l, enum direction d);
const char *lab_raw(struct lab *l, enum direction d);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One worker of the engine, without ports, that a test sends packets through; what it writes is read
 * back from its ring. After every packet: packets in = packets out + drops. Not thread-safe; one at
 * a time.
 */
#ifndef ENGINE_TEST_WIRE_H
#define ENGINE_TEST_WIRE_H

#include "dataplane/engine/engine.h"
#include "dataplane/event/ring.h"

struct wire {
	struct engine engine;
	struct boot boot;
	struct lane *lane;
	struct counters *counters;
	int channel;              /* control's end of the command channel */
	struct ring ring;
	uint64_t read;            /* of the ring */
	uint64_t ns;              /* time of the next packet */
	/* the conversation that the calls below speak in */
	const char *client, *server;
	uint16_t client_port, server_port;
	uint32_t seq[2];          /* TCP: next, of the client and of the server */
};

/* settings: "path=value", ended by NULL; or NULL. indicators: a memfd, or -1; not taken. */
struct wire *wire_open(const char *const *settings, int indicators);
void wire_close(struct wire *w);

/* One packet; true: it went on. */
bool wire_udp(struct wire *w, bool to_server, const void *data, size_t len);
bool wire_tcp(struct wire *w, bool to_server, uint8_t flags, const void *data, size_t len);
/* The server's word that the client's datagram did not arrive: ICMP, port unreachable. */
bool wire_unreachable(struct wire *w);
/* SYN, SYN/ACK, ACK from new sequence numbers; true: all went on. */
bool wire_handshake(struct wire *w);
/* The client's bytes; true: they went on. On a tap the server acknowledges them. */
bool wire_say(struct wire *w, const char *text);
/* A question for an address of the name, in a datagram. */
bool wire_ask(struct wire *w, const char *name);
/* A ClientHello that names the server; its bytes alone. */
size_t wire_hello_make(const char *name, uint8_t bytes[512]);
bool wire_hello(struct wire *w, const char *name);

/* The next record of the type, or NULL. Borrowed until the next call. */
const struct record_head *wire_next(struct wire *w, enum record_type type);
/* Its field as text ("" if it is not there), or as number. Borrowed until the next call. */
const char *wire_text(const struct record_head *r, enum field_id field);
uint64_t wire_number(const struct record_head *r, enum field_id field);

#endif

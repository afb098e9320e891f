/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to dataplane/app: what app.c, probe.c and tx.c share. Runs in the worker that owns the
 * flow.
 */
#ifndef APP_APP_STATE_H
#define APP_APP_STATE_H

#include "dataplane/app/app.h"
#include "dataplane/app/sctp.h"

#define UDP_LEAST_MAX 255
#define PORTS_WANTED_BITS 4096
#define APP_FIRST_DATA_SENT 3 /* app_session.first_data: a parser has had bytes */

enum app_mode { APP_MODE_OFF, APP_MODE_DETECT, APP_MODE_FULL };

struct app_state {
	uint8_t mode_tcp[APP_PROTO_COUNT], mode_udp[APP_PROTO_COUNT]; /* enum app_mode */
	uint8_t made[APP_PROTO_COUNT];
	/* bits by enum app_proto: whose probes are asked, by transport; of a datagram, by its first byte and by its
	 * length, up to which none of them is longer than that */
	uint64_t probed[APP_TRANSPORTS], probed_sctp;
	uint64_t udp_first[256], udp_long[UDP_LEAST_MAX + 1];
	uint64_t udp_ported; /* of those that want a port */
	/* A bit for each port that a probe or a signature wants, modulo its size: hardly any flow has one of them. */
	uint64_t ports_wanted[PORTS_WANTED_BITS / 64];
	struct service_sieve *services; /* service.c */
	void *config[APP_PROTO_COUNT]; /* of proto.config_bytes */
	uint32_t tx_limit[APP_PROTO_COUNT]; /* app_tx_limit */
	uint32_t frame_rules[APP_PROTO_COUNT]; /* frame.c: types that rules look at, a bit each */
	bool frame_log;                        /* frame.c: all are recorded */
};

/* Its bytes come in order (TCP, SCTP), not as datagrams that stand for themselves. */
static inline bool app_ordered(const struct flow *f)
{
	return f->ip_proto == 6 || f->ip_proto == IP_PROTO_SCTP;
}

static inline enum app_mode app_mode_of(const struct worker *w, const struct flow *f, unsigned proto)
{
	return app_ordered(f) ? w->apps->mode_tcp[proto] : w->apps->mode_udp[proto];
}

static inline void app_port_want(struct app_state *a, unsigned port)
{
	a->ports_wanted[port % PORTS_WANTED_BITS / 64] |= 1ull << (port % 64);
}

/* False: no probe or signature that wants a port can mean the flow. */
static inline bool app_port_wanted(const struct app_state *a, uint16_t client, uint16_t server)
{
	return (a->ports_wanted[client % PORTS_WANTED_BITS / 64] >> (client % 64) & 1) ||
	       (a->ports_wanted[server % PORTS_WANTED_BITS / 64] >> (server % 64) & 1);
}

static inline enum app_transport app_transport_of(const struct flow *f)
{
	return app_ordered(f) ? APP_OVER_TCP : APP_OVER_UDP;
}

static inline uint8_t *app_proto_slot(struct app_session *s, enum direction d)
{
	return d == TO_SERVER ? &s->proto_ts : &s->proto_tc;
}

static inline bool app_known(unsigned proto)
{
	return proto != APP_UNKNOWN && proto != APP_FAILED;
}

/* app.c: the flow's session, made if need be; NULL: no memory, and the flow is not parsed. */
struct app_session *app_session_of(struct worker *w, struct flow *f);
/* Bytes, a gap or the end for the flow's parser. */
void app_feed(struct worker *w, struct flow *f, struct packet *p, enum direction d,
	      const struct app_input *in);
/* Appends to what is kept of a direction, at most limit bytes in all. Returns how many bytes were
 * taken; 0 too when memory is out. */
uint32_t app_keep(struct worker *w, struct app_pending *keep, const uint8_t *data, uint32_t len,
		  uint32_t limit, uint64_t offset);
void app_keep_free(struct worker *w, struct app_pending *keep);
/* All that the flow's session has is given back, but not the session. */
void app_session_clear(struct worker *w, struct flow *f);
/* No more parsing on this flow. */
void app_stop(struct worker *w, struct flow *f);
/* The flow speaks this; starts its parser. False: nothing to feed. */
bool app_start(struct worker *w, struct flow *f, struct packet *p, enum app_proto id);
void app_note(struct flow *f, enum app_event e);

/* probe.c: bytes of a direction whose protocol is not known. */
void app_probe_anew(struct app_session *s);
void app_probe_stream(struct worker *w, struct flow *f, struct packet *p, enum direction d,
		      const struct app_input *in);
void app_probe_datagram(struct worker *w, struct flow *f, struct packet *p);
/* Once the protocols' modes are known: which probes may say anything but no. */
void app_probes_sieve(struct app_state *a);

/* port.c: a protocol was found; looking for one has ended without any. Both may note what they think of the port. */
void app_port_found(const struct worker *w, struct flow *f, enum app_proto proto);
void app_port_failed(struct worker *w, struct flow *f);

/* tx.c */
/* Writes what is to be written, frees what is done with. all: as if everything had ended. */
void tx_settle(struct worker *w, struct flow *f, struct packet *p, bool all);
/* No parser will move them on: all are complete in both directions. */
void tx_end_all(struct flow *f);
void tx_free_all(struct worker *w, struct flow *f);

#endif

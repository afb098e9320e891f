/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to dataplane/app: what app.c, probe.c and tx.c share. Runs in the worker that owns the
 * flow.
 */
#ifndef APP_APP_STATE_H
#define APP_APP_STATE_H

#include "dataplane/app/app.h"

#define APP_FIRST_DATA_SENT 3 /* app_session.first_data: a parser has had bytes */

enum app_mode { APP_MODE_OFF, APP_MODE_DETECT, APP_MODE_FULL };

struct app_state {
	uint8_t mode_tcp[APP_PROTO_COUNT], mode_udp[APP_PROTO_COUNT]; /* enum app_mode */
	uint8_t made[APP_PROTO_COUNT];
	void *config[APP_PROTO_COUNT]; /* of proto.config_bytes */
	uint32_t tx_limit[APP_PROTO_COUNT]; /* app_tx_limit */
	uint32_t frame_rules[APP_PROTO_COUNT]; /* frame.c: types that rules look at, a bit each */
	bool frame_log;                        /* frame.c: all are recorded */
};

static inline enum app_mode app_mode_of(const struct worker *w, const struct flow *f, unsigned proto)
{
	return f->ip_proto == 6 ? w->apps->mode_tcp[proto] : w->apps->mode_udp[proto];
}

static inline enum app_transport app_transport_of(const struct flow *f)
{
	return f->ip_proto == 6 ? APP_OVER_TCP : APP_OVER_UDP;
}

static inline uint8_t *app_proto_slot(struct app_session *s, enum direction d)
{
	return d == TO_SERVER ? &s->proto_ts : &s->proto_tc;
}

static inline bool app_known(unsigned proto)
{
	return proto != APP_UNKNOWN && proto != APP_FAILED;
}

/* app.c: bytes, a gap or the end for the flow's parser. */
void app_feed(struct worker *w, struct flow *f, struct packet *p, enum direction d,
	      const struct app_input *in);
/* Appends to what is kept of a direction, at most limit bytes in all. Returns how many bytes were
 * taken; 0 too when memory is out. */
uint32_t app_keep(struct worker *w, struct app_pending *keep, const uint8_t *data, uint32_t len,
		  uint32_t limit, uint64_t offset);
void app_keep_free(struct worker *w, struct app_pending *keep);
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

/* tx.c */
/* Writes what is to be written, frees what is done with. all: as if everything had ended. */
void tx_settle(struct worker *w, struct flow *f, struct packet *p, bool all);
/* No parser will move them on: all are complete in both directions. */
void tx_end_all(struct flow *f);
void tx_free_all(struct worker *w, struct flow *f);

#endif

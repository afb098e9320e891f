/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Services that are only identified: by their first bytes (one table, service_signature.def) or by
 * the host's name. What is found stands in the field "service" of flow and contact records, never
 * in app_proto, and only while no protocol with a parser was found. Private to dataplane/app but for
 * service_record. Runs in the worker that owns the flow.
 */
#ifndef APP_SERVICE_H
#define APP_SERVICE_H

#include "dataplane/app/app.h"
#include "dataplane/event/service.h"

struct recorder;

/* How much a signature says; a surer one replaces what was found. */
enum service_sureness {
	SERVICE_GUESS = 1, /* little, but on the service's port */
	SERVICE_LIKELY,    /* a form with lengths that agree, or some bytes */
	SERVICE_SURE,      /* bytes that nothing else begins with */
};

/* What is remembered between the pieces of a flow. */
struct service_talk {
	struct {
		uint32_t source;
		uint16_t number;
		bool seen;
	} rtp[2];       /* the datagram before, by direction */
	bool socks;     /* a proxy and its client, or both sides of XMPP, have not agreed yet */
	bool over;      /* of XMPP: they will not */
	bool led_on;    /* they have: what follows is probed anew */
	uint32_t hello[2]; /* bytes of what they agree with, by direction; 0: not known yet */
	char *target;   /* "host:port"; owned */
};

/* The first bytes of a direction, or a datagram. */
struct service_look {
	struct worker *w;
	struct flow *f;
	enum direction d;
	const uint8_t *data;
	uint32_t len;
};

typedef bool service_shape(const struct service_look *l);

/* TCP: all bytes of the direction so far; UDP: a datagram. */
void service_look(struct worker *w, struct flow *f, enum direction d, const uint8_t *data, uint32_t len);
/* More bytes are wanted although no protocol is to be found. */
bool service_waits(const struct flow *f);
/* A proxy has let its client through: true once, with how many bytes of each direction were about that. */
bool service_leads_on(struct flow *f, uint32_t hello[2]);
/* The host's name as the client gave it, lower case; a hello with one, and whether it offers protocols; subject and
 * issuer of a server's certificate. */
void service_host(struct worker *w, struct flow *f, const char *name, uint32_t len);
void service_relay(struct worker *w, struct flow *f, struct bytes subject, struct bytes issuer);
void service_hello(struct worker *w, struct flow *f, struct bytes name, bool alpn);
void service_subject(struct worker *w, struct flow *f, const char *name, uint32_t len);
/* A protocol was found: it is none of the services. */
void service_forget(struct flow *f);
void service_free(struct worker *w, struct flow *f);
/* service, service_target: as far as they are known, for the top of a flow record. */
void service_record(struct recorder *r, const struct flow *f);
/* Likewise for an alert, whose flow may be NULL: only where a proxy leads elsewhere. */
void service_record_target(struct recorder *r, const struct flow *f);

/* Works out which signatures are worth a look. 0, or -1 when memory is out. */
int service_worker_new(struct worker *w);
void service_worker_free(struct worker *w);
/* NULL: no memory. */
struct service_talk *service_talk_of(struct worker *w, struct flow *f);
/* service_socks.c: has the client said where to, and the proxy let it through? */
void service_socks(const struct service_look *l);
/* Likewise: have they agreed upon TLS? */
void service_xmpp(const struct service_look *l);

/* service_tor.c */
bool service_is_tor_relay(struct bytes subject, struct bytes issuer);
bool service_is_tor_client(struct bytes sni, bool alpn);

/* service_shape.c */
#define MAGIC(...)
#define HOST(...)
#define SUBJECT(...)
#define SHAPE(service, ip_proto, way, function, from, to, low, high, sureness) service_shape service_is_##function;
#include "dataplane/app/service_signature.def"
#undef MAGIC
#undef HOST
#undef SUBJECT
#undef SHAPE

#endif

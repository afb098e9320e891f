/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS, private to dns*.c and mdns.c, whose messages are the same: events, what rules see, parts of
 * records; options of DNS, made at start, read by the worker.
 */
#ifndef APP_DNS_H
#define APP_DNS_H

#include "dataplane/app/dns_message.h"

#define DNS_PORTS_MAX 8
#define DNS_TRANSACTIONS_MAX 500

enum dns_event {
#define EVENT(id, name) DNS_EVENT_##id,
#include "dataplane/event/app_event/dns.def"
#undef EVENT
};

extern const char *const dns_events[]; /* proto.events */

/* What of eve.types.dns concerns us, and the ports at which less has to look like DNS. */
struct dns_config {
	uint16_t ports[2][DNS_PORTS_MAX]; /* UDP, TCP; 0 behind the last */
	bool requests, responses, detailed, grouped, filtered, version_2;
	uint8_t wanted[65536 / 8]; /* filtered: bit by type */
};

/* proto.configure. */
void dns_configure(const struct worker *w, void *memory);

static inline bool dns_type_wanted(const struct dns_config *c, uint16_t type)
{
	return !c->filtered || c->wanted[type / 8] >> type % 8 & 1;
}

static inline struct dns_tx *dns_of(struct tx *tx)
{
	return (struct dns_tx *)(void *)tx;
}

/* dns.c: a transaction of one message m, complete, its events noted; takes m's memory. NULL at the limit. */
struct tx *dns_tx_new(struct worker *w, struct flow *f, enum direction d, struct dns_message *m);
void dns_tx_free(struct worker *w, struct flow *f, struct tx *tx); /* proto.tx_free */
/* An event about bytes that make no transaction: of the last one. */
void dns_event_on_last(struct worker *w, struct flow *f, enum direction d, enum dns_event e);

/* dns_log.c: proto.log, proto.alert_context; and values of resource records as fields, of which those inside
 * an object are the ones of record/dns.def. */
void dns_log(struct worker *w, struct flow *f, struct tx *tx, const struct packet *p);
void dns_alert_context(struct worker *w, struct flow *f, struct tx *tx, struct recorder *r);
void dns_write_name(struct recorder *r, enum field_id text, enum field_id truncated,
		    const struct dns_name *name);
void dns_write_soa(struct recorder *r, enum field_id object, const struct dns_record *rr);
void dns_write_srv(struct recorder *r, enum field_id object, const struct dns_record *rr);
void dns_write_sshfp(struct recorder *r, enum field_id object, const struct dns_record *rr);
void dns_write_options(struct recorder *r, enum field_id array, const struct dns_record *rr);
/* text: the field instead of addr where the data is no address. */
void dns_write_address(struct recorder *r, enum field_id addr, enum field_id text,
		       const struct dns_record *rr);

/* dns_buffer.c: proto.buffers, proto.values; proto_buffer.get of names of a message that went in d. */
extern const struct proto_buffer dns_buffers[];
extern const struct proto_value dns_values[];

typedef bool dns_get(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		     struct buffer_view *out);
dns_get dns_get_question, dns_get_answer, dns_get_authority, dns_get_additional, dns_get_response;

#endif

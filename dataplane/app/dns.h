/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DNS, private to dns*.c, mdns.c, llmnr.c and nbns*.c, whose messages are the same: events, what rules see, parts of
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

/* What a header should not have: flags, and operations from one on. */
struct dns_header_rules {
	uint16_t reserved;
	uint8_t opcode;
};
extern const struct dns_header_rules dns_header_rules; /* DNS's own */

/* dns.c: a transaction of one message m, complete, its events noted; takes m's memory. NULL at the limit. */
struct tx *dns_tx_new(struct worker *w, struct flow *f, enum direction d, struct dns_message *m,
		      const struct dns_header_rules *rules);
/* A transaction without a message (dns_has_message), for the event that one cannot be read. */
void dns_tx_malformed(struct worker *w, struct flow *f, enum direction d);
static inline bool dns_has_message(struct tx *tx)
{
	return dns_of(tx)->m.copy.data != NULL;
}
void dns_tx_free(struct worker *w, struct flow *f, struct tx *tx); /* proto.tx_free */
/* An event about bytes that make no transaction: of the last one. */
void dns_event_on_last(struct worker *w, struct flow *f, enum direction d, enum dns_event e);

/* Messages over TCP, each behind its length of two bytes (RFC 1035, 4.2.2): proto.state, proto.parse. Of a message
 * `take` says whether it is one. */
struct dns_state {
	bool gap[2]; /* bytes were lost: the next message must be found first */
};
typedef bool dns_take_message(struct worker *w, struct flow *f, enum direction d, const uint8_t *data, uint32_t len);
struct parse_result dns_stream(struct worker *w, struct flow *f, struct dns_state *st, enum direction d,
			       const struct app_input *in, dns_take_message *take);

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

/* dns_link.c: the record of multicast DNS and of LLMNR. */
struct dns_flag_name {
	uint16_t bits; /* 0: there are no more */
	const char *name;
};
/* Those of them that are set; nothing where none is. */
void dns_write_flags(struct recorder *r, enum field_id array, enum field_id one, uint16_t flags,
		     const struct dns_flag_name *names);
struct dns_link_form {
	enum field_id object;
	const struct dns_flag_name *flags;
	bool ttl; /* of each resource record */
};
void dns_link_record(struct recorder *r, const struct dns_message *m, const struct dns_link_form *form);

/* dns_buffer.c: proto.buffers, proto.values; proto_buffer.get of names of a message that went in d. */
extern const struct proto_buffer dns_buffers[];
extern const struct proto_value dns_values[];

typedef bool dns_get(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
		     struct buffer_view *out);
dns_get dns_get_question, dns_get_answer, dns_get_authority, dns_get_additional, dns_get_response;
typedef bool dns_get_number(struct worker *w, struct flow *f, struct tx *tx, enum direction d, uint64_t *out);
dns_get_number dns_get_opcode, dns_get_rcode;

#endif

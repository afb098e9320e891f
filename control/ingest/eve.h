/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A record of the event ring as a line of EVE JSON. Which fields there are and how they are
 * printed is said by the field table alone (dataplane/event/fields.h): a new record or field
 * needs no change here. The line begins as Suricata's do: timestamp, flow_id, …, then what the
 * record holds, in the order in which the worker wrote it.
 *
 * Ingest thread; eve_options are immutable after they are made.
 */
#ifndef CONTROL_INGEST_EVE_H
#define CONTROL_INGEST_EVE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/base/text.h"
#include "dataplane/event/config.h"
#include "dataplane/event/record.h"

/* The client that X-Forwarded-For names: a field "xff" more, or in place of the address. */
enum eve_xff_mode { EVE_XFF_OFF, EVE_XFF_EXTRA, EVE_XFF_OVERWRITE };

struct eve_xff_options {
	enum eve_xff_mode mode;
	bool reverse; /* behind a reverse proxy the last address of the list is meant, else the first */
};

/* One output's choice of records and of what they carry. */
struct eve_options {
	bool enabled[RECORD_COUNT]; /* by record type */
	bool stats, stats_no_zeros;
	bool community_id, ethernet, pcap_filename, suricata_version;
	uint16_t community_id_seed;
	bool payload, payload_printable, packet, verdict; /* of alerts */
	bool http_body, http_body_printable; /* likewise */
	struct eve_xff_options xff[RECORD_COUNT]; /* of alerts, http and fileinfo */
	uint64_t payload_max; /* bytes of payload printed */
	bool drop_verdict, anomaly_packet;
	bool anomaly_decode, anomaly_stream, anomaly_applayer;
	bool app_layer, flow, rule_metadata, rule_reference; /* context in alerts */
	bool tagged_packets;
	char **interfaces; /* names by port_index; NULL offline */
	unsigned interface_count;
	bool dns_requests, dns_responses;
	char *dns_types;   /* list of the types of questions that are written; NULL: all */
	char *host;        /* NULL: not printed */
};

/* The options of the main file (name NULL: eve.types) or of eve.files.NAME.types. Returns new;
 * NULL when out of memory. live: there are interfaces, and a host's name if none is configured. */
struct eve_options *eve_options_new(const struct config *c, const char *name, bool live);
void eve_options_free(struct eve_options *o);
/* Whether both print the same line for every record. */
bool eve_options_same_lines(const struct eve_options *a, const struct eve_options *b);

/* As EVE names it; a number without a name is printed into room (4 bytes). */
const char *eve_proto_name(uint8_t proto, char *room);
/* eve_dns.c: the output's choice among records of DNS. */
bool eve_dns_wants(const struct eve_options *o, const struct record_head *head);
/* Whether the output has this record. */
bool eve_wants(const struct eve_options *o, const struct record_head *head);
/* Appends the record as one JSON object, without a newline. False: the record was malformed;
 * what could be read of it was written, and the object is complete JSON in any case. capture: the
 * file that the packets come from, NULL if there is none or it is not known. */
bool eve_write(struct text *out, const struct eve_options *o, const struct record_head *head,
	       const char *capture);

#define EVE_XFF_MAX 46 /* bytes of an address as text */
/* eve_xff.c: the client's address as X-Forwarded-For of the record's request has it; false: none, or
 * not asked for. */
bool eve_xff(char room[EVE_XFF_MAX], const struct eve_options *o, const struct record_head *head);

/* Appends `"community_id":"1:…"` of the flow (https://github.com/corelight/community-id-spec);
 * nothing for protocols without one. Any direction of the flow gives the same id. */
void eve_community_id(struct text *out, const struct record_head *head, uint16_t seed);
/* The id alone, terminated, at most 32 bytes; false if there is none. */
bool community_id(char *id, const struct record_head *head, uint16_t seed);

#endif

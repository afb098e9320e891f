/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What packets say of hosts: which machine (MAC, name) and user has an address. Observers only:
 * they change nothing of what a flow is taken for, what rules see and what is logged.
 *
 * ARP (RFC 826) and neighbour discovery (RFC 4861) come from the decoder; NetBIOS names (RFC 1002),
 * mDNS (RFC 6762), LLMNR (RFC 4795) and Kerberos (RFC 4120) are looked at by port; DHCP and TLS
 * hand on what their parsers found.
 *
 * A fact that did not change is written once in five minutes. An address for which facts of one
 * kind change more than HOST_CHANGES_MAX times in that time, and a worker that learns more than
 * HOST_RECORDS_PER_S, write no more (counter app_layer.hosts.refused): a flood fills no ring. All
 * memory is taken at start. Runs in the worker.
 */
#ifndef APP_HOST_H
#define APP_HOST_H

#include "dataplane/engine/emit.h"

#define HOST_REFRESH_NS (300 * 1000000000ull)
#define HOST_CHANGES_MAX 8 /* of one address and kind within HOST_REFRESH_NS */
#define HOST_RECORDS_PER_S 1000
#define HOST_RECORDS_BURST 4096
#define HOST_FACTS 16384 /* remembered; the ones not seen for longest give way */
#define HOST_NAME_BYTES 255
#define KRB5_MESSAGE_MAX 4096 /* of a request over TCP that is looked at */

#define KRB5_PORT 88
#define NBNS_PORT 137
#define MDNS_PORT 5353
#define LLMNR_PORT 5355

struct flow;
struct app_pending;
struct app_input;
struct x509;

/* 0, or -1 when memory is out. Without it (w->hosts NULL) nothing is noted. */
int host_worker_new(struct worker *w);
void host_worker_free(struct worker *w);
/* Between captures: nothing is known. */
void host_worker_reset(struct worker *w);

/* Writes the fact unless it is known, is not of an inside host, or says nothing: names with control
 * characters and empty ones are left out, dots at the end cut. Without an address (ip_version 0) it
 * is the name of a MAC address. */
void host_note(struct worker *w, struct host_fact fact);

/* Could a datagram on these say something? */
static inline bool host_ports(uint16_t sport, uint16_t dport)
{
	return sport == NBNS_PORT || dport == NBNS_PORT || sport == MDNS_PORT || sport == LLMNR_PORT ||
	       dport == KRB5_PORT;
}

/* Could the packet? Cheap, for every packet. */
static inline bool host_may_say(const struct packet *p)
{
	if (p->ip_proto == 17)
		return host_ports(p->sport, p->dport);
	return p->flags & PACKET_ARP ||
	       (p->ip_proto == 58 && (p->icmp_type == 135 || p->icmp_type == 136));
}

void host_packet(struct worker *w, const struct packet *p);
/* Bytes of a client on port 88 over TCP, kept: what came before of them and was kept. */
void host_stream(struct worker *w, const struct flow *f, const struct app_pending *kept,
		 const struct app_input *in);
/* The certificate that a client has shown. */
void host_certificate(struct worker *w, const struct flow *f, const struct x509 *x);

/* host_names.c: one datagram each. */
void host_nbns(struct worker *w, const struct packet *p);
void host_mdns(struct worker *w, const struct packet *p);
void host_llmnr(struct worker *w, const struct packet *p);
/* host_krb5.c */
void host_krb5(struct worker *w, const struct packet *p);
/* One message of a client at that address. */
void host_krb5_message(struct worker *w, const struct addr *client, int ip_version,
		       const uint8_t *data, uint32_t len);

#endif

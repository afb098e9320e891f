/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of hosts in NetBIOS name service, multicast DNS and LLMNR. All three are DNS messages to
 * look at, and dns_message.c takes them apart within its limits; a message that it finds bad is
 * left alone. Runs in the worker.
 */
#include <strings.h>

#include "dataplane/app/host.h"
#include "dataplane/app/nbns.h"
#include "dataplane/app/netbios.h"

enum { CLASS_IN = 1 };
enum { SUFFIX_WORKSTATION = 0x00, SUFFIX_USER = 0x03, SUFFIX_SERVER = 0x20 };

#define NBNS_ADDRESSES_MAX 8 /* of one record that are noted */
#define MDNS_FACTS_MAX 16    /* of one message */

/* What the last byte of the name says about the others. */
static bool nbns_fill(struct host_fact *fact, const uint8_t *name)
{
	switch (name[NETBIOS_NAME_BYTES - 1]) {
	case SUFFIX_WORKSTATION:
	case SUFFIX_SERVER:
		fact->name = (struct bytes){name, NETBIOS_NAME_BYTES - 1};
		return true;
	case SUFFIX_USER:
		fact->user = (struct bytes){name, NETBIOS_NAME_BYTES - 1};
		return true;
	default:
		return false;
	}
}

/* NB record (4.2.1.3): NB_FLAGS and address, again and again. */
static void nbns_addresses(struct worker *w, const struct dns_record *r, struct bytes encoded)
{
	struct cursor c = cursor_of(r->raw.data, r->raw.len);
	struct host_fact fact = {.ip_version = 4, .source = HOST_NBNS};
	uint8_t name[NETBIOS_NAME_BYTES];

	if (r->type != NBNS_NB || !netbios_decode(encoded, name) || !nbns_fill(&fact, name))
		return;
	for (unsigned i = 0; i < NBNS_ADDRESSES_MAX && cursor_left(&c) >= 6; i++) {
		uint16_t flags = cursor_be16(&c);

		memcpy(fact.ip.b, cursor_take(&c, 4), 4);
		if (!(flags & NBNS_GROUP))
			host_note(w, fact);
	}
}

/* The data of an answer with one NBSTAT record and nothing before it. DNS has another use for the
 * number, so that dns_message.c would read it as what it is not. */
static bool nbns_status_data(const struct packet *p, struct cursor *data)
{
	struct cursor c = cursor_of(p->payload, p->payload_len);
	uint16_t flags, questions, answers;
	uint8_t len;

	cursor_skip(&c, 2);
	flags = cursor_be16(&c);
	questions = cursor_be16(&c);
	answers = cursor_be16(&c);
	cursor_skip(&c, 4);
	if (!(flags & DNS_QR) || flags & 15 || questions || answers != 1)
		return false;
	while ((len = cursor_u8(&c)) && len < 0x40)
		cursor_skip(&c, len);
	if (len >= 0x40)
		cursor_skip(&c, 1); /* a pointer */
	if (cursor_be16(&c) != NBNS_NBSTAT)
		return false;
	cursor_skip(&c, 6);
	*data = cursor_sub(&c, cursor_be16(&c));
	return !data->bad;
}

/* NBSTAT record (4.2.18): a count, names with NAME_FLAGS, then statistics that begin with the MAC.
 */
static void nbns_status(struct worker *w, const struct packet *p, struct cursor c)
{
	struct host_fact fact = {.ip = p->src, .ip_version = p->ip_version, .source = HOST_NBNS};
	unsigned count = cursor_u8(&c);
	const uint8_t *mac;

	for (unsigned i = 0; i < count && !c.bad; i++) {
		const uint8_t *name = cursor_take(&c, NETBIOS_NAME_BYTES);
		uint16_t flags = cursor_be16(&c);

		if (c.bad)
			return;
		if (flags & NBNS_GROUP)
			continue;
		if (name[NETBIOS_NAME_BYTES - 1] == SUFFIX_WORKSTATION && !fact.name.len)
			nbns_fill(&fact, name);
		else if (name[NETBIOS_NAME_BYTES - 1] == SUFFIX_USER &&
			 (!fact.name.len || memcmp(name, fact.name.data, fact.name.len) != 0))
			nbns_fill(&fact, name);
	}
	mac = cursor_take(&c, 6);
	if (mac) {
		fact.has_mac = true;
		memcpy(fact.mac, mac, 6);
	}
	host_note(w, fact);
}

static void nbns_message(struct worker *w, const struct dns_message *m)
{
	unsigned opcode = m->flags >> 11 & 15;
	bool response = m->flags & DNS_QR, registers;

	registers = opcode == NBNS_REGISTRATION || opcode == NBNS_REFRESH ||
		    opcode == NBNS_REFRESH_ALT || opcode == NBNS_MULTIHOMED;
	if (m->flags & 15)
		return; /* refused */
	if (!response && registers && m->question_count == 1 &&
	    m->record_count[DNS_ADDITIONAL] == 1) {
		nbns_addresses(w, &m->records[DNS_ADDITIONAL][0], m->questions[0].name.text);
	} else if (response && (registers || opcode == NBNS_QUERY) &&
		   m->record_count[DNS_ANSWER] == 1) {
		const struct dns_record *r = &m->records[DNS_ANSWER][0];

		nbns_addresses(w, r, r->name.text);
	}
}

void host_nbns(struct worker *w, const struct packet *p)
{
	struct dns_message m;
	struct cursor status;

	if (nbns_status_data(p, &status)) {
		nbns_status(w, p, status);
		return;
	}
	if (dns_message_parse(&w->heap, &m, p->payload, p->payload_len) == DNS_GOOD)
		nbns_message(w, &m);
	dns_message_free(&w->heap, &m);
}

/* ---- multicast DNS, LLMNR ---- */

/* An address record of class IN; mDNS uses the top bit of the class (RFC 6762, 10.2). A lifetime of
 * zero takes the name back (10.1). */
static bool address_of(const struct dns_record *r, struct host_fact *fact)
{
	if ((r->class & 0x7fff) != CLASS_IN || !r->ttl)
		return false;
	if (r->type == DNS_A && r->raw.len == 4)
		fact->ip_version = 4;
	else if (r->type == DNS_AAAA && r->raw.len == 16)
		fact->ip_version = 6;
	else
		return false;
	memcpy(fact->ip.b, r->raw.data, r->raw.len);
	return true;
}

/* "host.local" → "host". Names of more labels are of services. */
static bool local_name(struct bytes name, struct bytes *host)
{
	static const char local[] = ".local";
	const uint32_t n = sizeof(local) - 1;

	if (name.len <= n || strncasecmp((const char *)name.data + name.len - n, local, n) != 0)
		return false;
	*host = (struct bytes){name.data, name.len - n};
	return !memchr(host->data, '.', host->len);
}

static void host_answers(struct worker *w, const struct packet *p, bool multicast_dns)
{
	static const enum dns_section sections[] = {DNS_ANSWER, DNS_ADDITIONAL};
	unsigned facts = 0;
	struct dns_message m;
	bool good = dns_message_parse(&w->heap, &m, p->payload, p->payload_len) == DNS_GOOD &&
		    m.flags & DNS_QR && !(m.flags >> 11 & 15) && !(m.flags & 15);

	for (unsigned s = 0; good && s < (multicast_dns ? 2 : 1); s++) {
		for (uint32_t i = 0; i < m.record_count[sections[s]]; i++) {
			const struct dns_record *r = &m.records[sections[s]][i];
			struct host_fact fact = {.source = HOST_MDNS, .name = r->name.text};

			if (!address_of(r, &fact) || facts >= MDNS_FACTS_MAX)
				continue;
			if (multicast_dns && !local_name(r->name.text, &fact.name))
				continue;
			/* LLMNR: whoever has a name answers for it himself. */
			if (!multicast_dns && fact.ip_version == p->ip_version &&
			    !addr_equal(&fact.ip, &p->src))
				continue;
			facts++;
			host_note(w, fact);
		}
	}
	dns_message_free(&w->heap, &m);
}

void host_mdns(struct worker *w, const struct packet *p)
{
	host_answers(w, p, true);
}

void host_llmnr(struct worker *w, const struct packet *p)
{
	host_answers(w, p, false);
}

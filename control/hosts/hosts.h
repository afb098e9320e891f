/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The host table: which machine (MAC, name) and user had an address, and when. Fed by host records
 * of the dataplane (DHCP, ARP, NetBIOS, mDNS, Kerberos, TLS client certificates), so that an
 * answer about last month names the machine that had the address then.
 *
 * Family host: key  'a' | 4 or 6 | address | start (8, ns, big endian): an interval of the address
 *                   'm' | MAC (6) | start | 4 or 6 | address
 *                   'n' | name in lower case | 0 | start | 4 or 6 | address
 *                   'u' | user in lower case | 0 | start | 4 or 6 | address
 *              value of 'a': see row.h; of the others: empty. They are for finding 'a'.
 *                   'k' | MAC (6); value: time (8, ns), name: how a machine called itself last when
 *                   it asked for an address (DHCP)
 *
 * An interval lasts while the same machine has the address. Another MAC begins a new one, and so
 * does another name or user; what was not known before is put into the running one. A weaker
 * source (enum host_source) does not prevail over a stronger one: while a lease runs, ARP with
 * another MAC is left out; a NetBIOS name does not replace that of DHCP. An interval that was not
 * confirmed for a day, or for its lease if that is longer, is over: the next fact begins a new one.
 *
 * Nothing is kept in memory between commits: a batch's facts are put into the intervals as the
 * store has them, and the changed ones into the same batch as the position in the ring. So each
 * fact counts once, whatever is killed when.
 *
 * Threads: hosts_stage, hosts_record, hosts_committed and hosts_forget by ingest, as contacts.h;
 * hosts_expire by the keeper; reading by any, inside store_enter.
 * Errors: 0, or -errno as store.h has it; -ENOMEM.
 */
#ifndef CONTROL_HOSTS_HOSTS_H
#define CONTROL_HOSTS_HOSTS_H

#include "control/base/text.h"
#include "control/store/store.h"
#include "dataplane/base/addr.h"
#include "dataplane/event/config.h"
#include "dataplane/event/host.h"
#include "dataplane/event/record.h"

struct hosts;

#define HOST_NAME_MAX_BYTES 255
#define HOSTS_STAGED_MAX 8192 /* facts of one batch; more make it commit */

struct host_at {
	uint64_t from_ns, to_ns; /* first and last time it was seen with the address */
	uint64_t until_ns; /* it may have had it until then: lease, or a day; at least to_ns */
	uint8_t mac[6];
	bool has_mac;
	uint16_t sources; /* bit by enum host_source: who said so */
	char name[HOST_NAME_MAX_BYTES + 1], user[HOST_NAME_MAX_BYTES + 1]; /* "" unknown */
};

int hosts_new(struct hosts **out, struct store *s, const struct config *config);
void hosts_free(struct hosts *h);

/* A host record of a ring: gathered, put into the batch, then counted in or forgotten. Malformed
 * ones are left out. 0; -EAGAIN: commit first. */
int hosts_stage(struct hosts *h, const struct record_head *head);
void hosts_record(struct hosts *h, struct store_batch *b);
void hosts_committed(struct hosts *h);
void hosts_forget(struct hosts *h);

/* Who had the address at that time: the interval around it, else the nearest before it within the
 * lease or a day. 1: found, 0: not known, -errno. */
int hosts_find(struct hosts *h, const struct addr *a, int ip_version, uint64_t ts_ns,
	       struct host_at *out);
/* The addresses that a machine (name, or MAC as aa:bb:…) or user had: calls back for each interval,
 * oldest first; a call that returns not 0 ends it. "pc" finds "pc.example.com" too. */
int hosts_by_name(struct hosts *h, const char *name,
		  int (*call)(void *arg, const struct addr *a, int ip_version,
			      const struct host_at *at),
		  void *arg);
/* JSON array of intervals, newest first. text: an address, MAC, name or user; NULL: all. at_ns:
 * only those that held then; 0: of any time. */
int hosts_list(struct hosts *h, const char *text, uint64_t at_ns, uint64_t limit,
	       struct text *json);
/* Drops intervals that ended before. */
int hosts_expire(struct hosts *h, uint64_t before_ns);

/* "aa:bb:cc:dd:ee:ff", "AA-BB-…" or "aabb.ccdd.eeff" → 6 bytes. */
bool host_mac_parse(const char *text, uint8_t *mac);
/* text holds 18 bytes. Returns text. */
char *host_mac_format(const uint8_t *mac, char *text);
/* "dhcp", "arp", …; NULL for a number that is none. */
const char *host_source_name(unsigned source);

#endif

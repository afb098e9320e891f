/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The host table: which machine (MAC, name) and user had an address, and when. Fed by host records
 * of the dataplane (DHCP, ARP, NetBIOS, mDNS, Kerberos, TLS client certificates), so that an
 * answer about last month names the machine that had the address then.
 *
 * Family host: key  'a' | 4 or 6 | address | start (8, ns, big endian): an interval of the address
 *                   'n' | name in lower case | 0 | start | 4 or 6 | address
 *                   'm' | MAC (6) | start | 4 or 6 | address
 *              value of 'a': last (ns), source, MAC, name, user; of the others: empty.
 * An interval lasts while the same machine has the address: another MAC (or, where no MAC is
 * known, another name) begins a new one; a name or user learnt later is put into it.
 *
 * Threads: hosts_stage, hosts_record, hosts_committed and hosts_forget by ingest, as contacts.h;
 * reading by any, inside store_enter.
 */
#ifndef CONTROL_HOSTS_HOSTS_H
#define CONTROL_HOSTS_HOSTS_H

#include "control/base/text.h"
#include "control/store/store.h"
#include "dataplane/base/addr.h"
#include "dataplane/event/config.h"
#include "dataplane/event/record.h"

struct hosts;

#define HOST_NAME_MAX_BYTES 255

struct host_at {
	uint64_t from_ns, to_ns; /* the interval */
	uint8_t mac[6];
	bool has_mac;
	char name[HOST_NAME_MAX_BYTES + 1], user[HOST_NAME_MAX_BYTES + 1]; /* "" unknown */
};

int hosts_new(struct hosts **out, struct store *s, const struct config *config);
void hosts_free(struct hosts *h);

/* A host record of a ring: gathered, put into the batch, then counted in or forgotten. */
int hosts_stage(struct hosts *h, const struct record_head *head);
void hosts_record(struct hosts *h, struct store_batch *b);
void hosts_committed(struct hosts *h);
void hosts_forget(struct hosts *h);

/* Who had the address at that time: the interval around it, else the nearest before it within the
 * lease or a day. 1: found, 0: not known, -errno. */
int hosts_find(struct hosts *h, const struct addr *a, int ip_version, uint64_t ts_ns,
	       struct host_at *out);
/* The addresses that a machine (name, or MAC as aa:bb:…) had: calls back for each interval. */
int hosts_by_name(struct hosts *h, const char *name,
		  int (*call)(void *arg, const struct addr *a, int ip_version,
			      const struct host_at *at),
		  void *arg);
/* JSON array of intervals, newest first. */
int hosts_list(struct hosts *h, const char *text, uint64_t limit, struct text *json);
/* Drops intervals that ended before. */
int hosts_expire(struct hosts *h, uint64_t before_ns);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading lists of indicators. A reader turns bytes of one format into entries and refusals; for
 * each item that it finds it calls exactly one of the two, so that given = entries + refused.
 * It keeps no more than one item in memory where the format allows (plain, hosts, csv), and is
 * bounded by FEED_BYTES_MAX where it does not (JSON).
 *
 * Formats: plain (a value a line; comments # ; //; "*.x", ".x", "||x^" mean subdomains too),
 * hosts (0.0.0.0 name …), csv (RFC 4180; columns by mapping), stix (STIX 2.1 bundle or TAXII
 * envelope: indicator objects with pattern_type "stix", their malware and threat-actor
 * relations, TLP markings), misp (event JSON, array of events, or a feed's manifest names them).
 * FEED_AUTO looks at the first bytes.
 *
 * Any thread; nothing is kept.
 */
#ifndef CONTROL_INTEL_FEED_H
#define CONTROL_INTEL_FEED_H

#include "control/intel/entry.h"

enum feed_format { FEED_AUTO, FEED_PLAIN, FEED_HOSTS, FEED_CSV, FEED_STIX, FEED_MISP };

#define FEED_BYTES_MAX (512u << 20)
#define FEED_LINE_MAX 65536

struct feed_options {
	enum feed_format format;
	int kind;            /* of all values; 0: guessed for each, from its shape */
	bool below;          /* domains mean their subdomains too, whatever they look like */
	const char *columns; /* csv: "value=2,kind=3,threat=header name,…"; NULL: by header names */
	char separator;      /* csv: ',' unless set */
	struct intel_entry defaults; /* what the list does not say */
};

struct feed_sink {
	void *arg;
	/* Nonzero ends the reading, and is returned. */
	int (*entry)(void *arg, const struct intel_entry *e);
	/* where: line number, or index of the object; item: the line or value (cut); reason: a
	 * sentence's end ("is not a domain name"). */
	int (*refused)(void *arg, uint64_t where, struct slice item, const char *reason);
};

/* 0; -EPROTO: not of that format at all (why: a sentence, 256 bytes); what a callback returned. */
int feed_read(const struct feed_options *o, struct slice bytes, const struct feed_sink *sink,
	      char *why);
/* A MISP feed's manifest.json: calls back for each event, which is the file UUID.json beside it.
 * timestamp: seconds, of its last change. 0; -EPROTO and why; what the callback returned. */
int feed_misp_manifest(struct slice bytes,
		       int (*call)(void *arg, const char *uuid, uint64_t timestamp), void *arg,
		       char *why);
/* Format names: "auto", "plain", …; -1: there is none such. */
int feed_format_by_name(const char *name);
const char *feed_format_name(enum feed_format f);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Feeds that are fetched on a schedule. Configured as intel.feeds.NAME.KEY:
 *   url            http(s): a list; a TAXII 2.1 collection; a folder of MISP events
 *   format         auto plain hosts csv stix misp (feed.h), taxii, misp-feed      auto
 *   interval       between two fetches                                            1h
 *   mode           replace: what does not come again is taken out; add            replace
 *   kind, columns, separator, subdomains, allow, threat, family, category, confidence, severity,
 *   tlp            what the list does not say itself (feed.h)
 *   max_bytes      of an answer                                                   64m
 *   timeout        for an answer                                                  60
 *   token_file     file with a bearer token
 *   user, password_file   basic authentication
 * A list is fetched with the ETag and date of the last time; of a collection or folder only what is
 * new. What was configured otherwise than the last time is fetched at once, and whole. A feed that fails keeps what it had, and is tried again after one minute, two, four, … its interval.
 *
 * A server may take its time: nothing is held while it does. What is to be done at the store is done
 * in a turn that is asked for (struct fetch_turn).
 *
 * Thread: that of jobs which wait for the outside.
 */
#ifndef CONTROL_INTEL_FETCH_H
#define CONTROL_INTEL_FETCH_H

#include <stdatomic.h>

#include "control/courier/courier.h"
#include "control/intel/intel.h"

struct fetcher;

/* All borrowed. What is wrong in the configuration is said, and that feed left out. NULL: out of
 * memory. */
struct fetcher *fetcher_new(const struct config *config, struct intel *in, struct courier *courier);
void fetcher_free(struct fetcher *f);
/* When the next feed is due (CLOCK_REALTIME, ns); UINT64_MAX: there is none. */
uint64_t fetcher_next_due_ns(struct fetcher *f);
/* The store, alone among those that change intelligence. */
struct fetch_turn {
	void *arg;
	int (*enter)(void *arg); /* 0, or -errno: the fetch ends with it */
	void (*leave)(void *arg);
	/* Inside, after a feed's list was published; before: the version until then. 0 or -errno. */
	int (*published)(void *arg, uint64_t before);
};

/* Fetches that feed (-ENOENT: there is none such), or with NULL all that are due. Appends a JSON
 * array: feed, status (loaded, same, failed), given, loaded, refused, fresh, removed, error. A feed
 * that fails does not fail the whole. 0, -ECANCELED, -errno. */
int fetcher_run(struct fetcher *f, const char *name, uint64_t now_ns, const atomic_bool *stop,
		const struct fetch_turn *turn, struct text *report);

#endif

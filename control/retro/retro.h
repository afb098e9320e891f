/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Retro Scan, first form: who contacted an indicator, since when, how often; and what of all
 * that is kept as findings.
 *
 * Family finding: key  the indicator's (intel.h) | client: 4 or 6, address; value: the row's JSON.
 * Thread: rpc; inside store_enter.
 */
#ifndef CONTROL_RETRO_RETRO_H
#define CONTROL_RETRO_RETRO_H

#include "control/contact/contacts.h"
#include "control/contact/kinds.h"
#include "control/store/store.h"
#include "dataplane/base/addr.h"

struct intel;

struct retro_found {
	uint64_t clients, fresh; /* clients found; of which not found before */
};

/* Appends a JSON array, a row a client, the oldest contact first, at most limit. 0; -EINVAL: not a
 * value of the kind; or -errno. */
int retro_indicator(struct store *s, struct contacts *c, int kind, const char *value,
		    uint64_t limit, struct text *out);
/* Likewise, and keeps the rows as findings. */
int retro_find(struct store *s, struct contacts *c, int kind, const char *value, struct text *out,
	       struct retro_found *found);
/* What a client contacted: all of it, or what an indicator matches. Oldest first, limit rows. */
int retro_client(struct intel *in, struct contacts *c, const struct addr *client, int ip_version,
		 bool all, uint64_t limit, struct text *out);
/* Looks every indicator up and keeps what is found. */
int retro_scan(struct store *s, struct intel *in, struct contacts *c, uint64_t *indicators,
	       struct retro_found *found);
/* Appends the findings as an array. */
int retro_findings(struct store *s, uint64_t limit, struct text *out);
/* Takes the findings of an indicator out. 0 or -errno. */
int retro_forget(struct store *s, int kind, const char *value);

#endif

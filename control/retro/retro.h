/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who had been there: questions asked of the memory of contacts, by indicator and by client.
 * Threads: rpc and jobs; inside store_enter.
 */
#ifndef CONTROL_RETRO_RETRO_H
#define CONTROL_RETRO_RETRO_H

#include "control/base/text.h"
#include "control/contact/query.h"
#include "control/jobs/desk.h"

/* One client, over all that an indicator matched. */
#define RETRO_NAMES_MAX 10
#define RETRO_DAYS_MAX 1200 /* of the history of a row; older days are summed into first and last */
struct retro_row {
	struct addr client;
	int ip_version;
	uint64_t first_ns, last_ns, count, bytes_out, bytes_in;
	uint32_t days, hours;
	uint16_t port[CONTACT_PORTS_MAX];
	unsigned port_count;
	uint32_t value[RETRO_NAMES_MAX]; /* numbers in the result: what was contacted */
	unsigned value_count;
	size_t hit, hit_count;           /* in struct retro_rows.hits, one for each day */
};

struct retro_rows {
	struct retro_row *row; /* the oldest contact first */
	size_t count;
	struct contact_hit *hits;
};

/* Sums a finished result's rows by client. 0 or -ENOMEM. */
int retro_rows_make(struct retro_rows *out, const struct contact_result *r);
void retro_rows_free(struct retro_rows *rows);
/* Appends the members of a row, without braces: client, host, mac, user, kind, indicator, first,
 * last, count, days, hours, bytes, ports, contacted, history. d->hosts may be NULL. */
void retro_row_put(struct text *out, struct desk *d, const struct contact_result *r,
		   const struct retro_row *row, const struct contact_hit *hits, int kind,
		   struct slice indicator);
/* Row i of a finished result alone, its days in r->hits. */
void retro_row_of_sum(struct retro_row *row, const struct contact_result *r, size_t i);

/* A JSON array, a row a client, the oldest contact first, at most limit; the first has "first_client".
 * 0; -EINVAL: not a value of the kind; or -errno. */
int retro_indicator(struct desk *d, int kind, const char *value, bool below,
		    const struct contact_window *window, uint64_t limit, struct text *out);
/* What a client contacted: all of it, or what is known to be bad (each row with "intel"). */
int retro_client(struct desk *d, const struct addr *client, int ip_version, bool all,
		 const struct contact_window *window, uint64_t limit, struct text *out);

#endif

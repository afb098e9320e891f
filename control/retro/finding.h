/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Findings: clients that were found to have contacted what became known later. One for each
 * (indicator, client); a later scan brings its figures up to date and keeps its state.
 *
 * Family finding:
 *   'f' | indicator's key (intel_key) | 4 or 6 | address    the finding, JSON
 *   'i' | id (8, big endian)                                the key above
 *   'm' | indicator's key | 4 or 6 | address                to be announced in EVE (ingest_post)
 * Members: id, client, host, mac, user, kind, indicator, below, source, threat, family, category,
 * tlp, score, severity, version, first, last, count, days, hours, bytes_out, bytes_in, ports,
 * contacted, history (days with contact), whole_address (retro.indicator), found, run, state, withdrawn, changes.
 * state: new, acknowledged, false_positive, resolved. withdrawn: the intelligence no longer says
 * that it is bad. changes: [{time, by, what, note}], the last FINDING_CHANGES_MAX.
 *
 * Threads: writing by jobs (offline: the only one); reading by any, inside store_enter.
 */
#ifndef CONTROL_RETRO_FINDING_H
#define CONTROL_RETRO_FINDING_H

#include <jansson.h>

#include "control/intel/intel.h"
#include "control/jobs/desk.h"
#include "control/retro/retro.h"

#define FINDING_KEY_MAX (1 + INTEL_KEY_MAX + 17)
#define FINDING_CHANGES_MAX 50

struct finding_stats {
	uint64_t found, fresh; /* (indicator, client) pairs; of which not known before */
};

/* What a scan writes, a batch at a time. */
struct finding_writer;
int finding_writer_new(struct finding_writer **out, struct desk *d, uint64_t run);
/* One row of a scan. 0 or -errno. */
int finding_put(struct finding_writer *w, const struct intel_verdict *v,
		const struct contact_result *r, const struct retro_rows *rows, size_t i);
/* Makes durable what was put, announces what is new, frees. 0 or -errno. */
int finding_writer_end(struct finding_writer *w, struct finding_stats *out);

/* Announces again what was not written to EVE before the process ended. Before any scan. */
int findings_announce(struct desk *d);
/* Asks the intelligence about every finding anew: withdrawn, or bad again. 0 or -errno. */
int findings_judge(struct desk *d, const atomic_bool *stop, uint64_t *changed);

struct finding_filter {
	const char *state, *client, *indicator; /* NULL: any */
	bool withdrawn;                         /* those too */
	uint64_t since_ns;                      /* found since */
	uint64_t limit;
};
/* Appends a JSON array, the oldest contact first. */
int findings_list(struct desk *d, const struct finding_filter *f, struct text *out);
/* New reference to the finding; NULL and *err (-ENOENT). */
json_t *finding_get(struct desk *d, uint64_t id, int *err);
/* Sets the state; who and note go into its changes. -ENOENT, -EINVAL (no such state). */
int finding_set_state(struct desk *d, uint64_t id, const char *state, const char *who,
		      const char *note);
/* How many findings, by state that counts: not withdrawn. */
int findings_count(struct desk *d, uint64_t *all, uint64_t *open);

#endif

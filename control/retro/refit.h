/* SPDX-License-Identifier: BSD-3-Clause
 *
 * New rules over what is stored: behaviour rules (Sigma) over the records of a time window, YARA
 * rules over the facts of files that were seen. What cannot be judged from that is said, rule by
 * rule.
 *
 * Result: {"rules": n, "judged": n, "not_judged": [{"rule", "file", "line", "reason"}],
 * "events": n, "unreadable": n, "seconds": s, "cancelled": bool, "left_out": n, "matches":
 * [{"rule", "id", "level", "kind", "file", "line", "tags", "count", "first", "last", "hosts":
 * [addresses], "hosts_more": n, "samples": [EVE records]}]}. events: records looked at; left_out:
 * matches not counted because a limit of the correlations was reached; kind: sigma or yara;
 * hosts_more: there if not all addresses are listed.
 *
 * A rule may both match and be listed in not_judged: a YARA rule that some files' hashes decide
 * and others' do not. Matches come by level, then by count.
 *
 * Thread: any one, inside store_enter; the store is only read, through iterators.
 */
#ifndef CONTROL_RETRO_REFIT_H
#define CONTROL_RETRO_REFIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/base/text.h"
#include "control/store/store.h"

#define REFIT_FILES_MAX 1000
#define REFIT_SAMPLES_DEFAULT 5
#define REFIT_HOSTS_MAX 200          /* addresses kept for a rule; "hosts_more" counts the others */
#define REFIT_SAMPLE_BYTES_MAX 65536 /* a longer record is no sample */
#define REFIT_SAMPLES_BYTES_MAX (16u << 20) /* of all rules */

struct refit_file {
	const char *name; /* as its owner calls it; ends in .yml, .yaml, .yar or .yara */
	const char *text;
	size_t len;
};

struct refit_progress {
	double part;     /* of the window, by time: 0 to 1 */
	uint64_t events; /* looked at */
	uint64_t matches;
	double events_per_s;
	double eta_s; /* until the end; 0: not known yet */
};

struct refit_options {
	const struct refit_file *files; /* borrowed */
	uint32_t file_count;
	uint64_t since_ns, until_ns; /* [since, until]; until 0: no end */
	uint32_t samples;            /* for each rule; 0: REFIT_SAMPLES_DEFAULT */
	/* Called about four times a second; may be NULL. */
	void (*progress)(void *arg, const struct refit_progress *p);
	void *arg;
	const atomic_bool *cancel; /* may be NULL; true: ends soon, with what there is */
};

/* Appends the result. 0, -EINVAL (no file, or too many), -ENOMEM, or the store's error with its
 * sentence in store_error(). */
int refit_run(struct store *s, const struct refit_options *o, struct text *result);

#endif

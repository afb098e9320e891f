/* SPDX-License-Identifier: BSD-3-Clause
 *
 * threshold.config: limits that users put on rules from outside, in the format of the reference:
 *   suppress gen_id 1, sig_id 2002087[, track by_src|by_dst|by_either, ip 10.0.0.0/8]
 *   threshold gen_id 1, sig_id 0, type limit|threshold|both, track by_src, count 5, seconds 60
 *   event_filter …                    the same as threshold
 *   rate_filter gen_id 1, sig_id N, track by_rule, count N, seconds N, new_action drop, timeout N
 *   rate_limit gen_id 1, sig_id N, track by_flow|by_src|by_dst|by_both|by_rule, kbps|pps N
 * sig_id 0: every rule of that gen_id; gen_id 0: every rule.
 *
 * rate_limit is our own: in the wire what the rule matches passes up to that rate (1000 bits, or packets, a
 * second) and is dropped beyond it, instead of what a drop or reject rule would do. by_flow and whatever a drop
 * would take the whole flow for hold the flow from the match on, both directions; else the packets that match.
 * Flows and packets of one source (destination, pair, rule) share the rate. Rules that pass cannot be limited.
 */
#ifndef LANGUAGE_THRESHOLD_CONFIG_H
#define LANGUAGE_THRESHOLD_CONFIG_H

#include "rules/arena.h"
#include "rules/ruleset.h"

struct draft;

/* Adds the file's limits to the rules' own. A wrong line is a problem in the report (a warning: the
 * rules load), and the other lines count. 0; -errno and a sentence when the file cannot be read.
 * d: any draft of the set; it is reset. */
int thresholds_attach(struct draft *d, struct rule *const *rules, size_t count, const char *file,
		      struct ruleset_report *report, char *error, size_t error_size);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rule sets as the CLI reads them: files that were named, else those of the configuration, else those
 * that come with the engine.
 */
#ifndef METSUKE_RULES_SET_H
#define METSUKE_RULES_SET_H

#include "rules/ruleset.h"
#include "tools/metsuke/cli.h"

/* The rule files of the configuration; where it names none, those beside the build or installed.
 * 0, or an exit status after printing. */
int rules_set_default(struct config *c);
/* Puts files (count > 0) in place of the configuration's. */
int rules_set_files(struct config *c, char *const *files, int count);
/* Files of firewall rules (count > 0) in place of the configuration's, and the firewall on. */
int rules_set_firewall(struct config *c, const char *const *files, int count);
/* Reads what the configuration names, without databases. NULL after printing. report: may be NULL. */
struct ruleset *rules_set_read(const struct config *c, struct ruleset_report *report);
/* As above, for files. */
struct ruleset *rules_set_read_files(const struct config *c, char *const *files, int count,
				     struct ruleset_report *report);
/* "2024001" or "1:2024001". False: it is neither. */
bool rules_set_id(const char *text, uint32_t *gid, uint32_t *sid);
/* NULL after printing that, and why, there is no such rule. */
const struct rule *rules_set_find(const struct ruleset *set, const struct ruleset_report *report,
				  const char *id);

#endif

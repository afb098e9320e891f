/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Match and post functions, one for each row of match.def: match_packet.c headers, match_flow.c the
 * flow, match_app.c transactions, bits.c and tag.c state that rules set.
 */
#ifndef DETECT_MATCH_H
#define DETECT_MATCH_H

#include "dataplane/detect/program.h"

#define MATCH(keyword) bool match_##keyword(const struct match_context *c, const struct match *m);
#define POST(keyword) bool post_##keyword(const struct match_context *c, const struct match *m);
#include "dataplane/detect/match.def"
#undef MATCH
#undef POST

/* match_app.c: files of the direction in hand, those left aside that the rule is done with. */
const struct file *match_files(const struct match_context *c);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the scans of growing buffers found, of a direction of a transaction (kept.c).
 */
#ifndef DETECT_KEPT_H
#define DETECT_KEPT_H

#include "dataplane/detect/program.h"

struct kept;

/* Of the list what is kept of this buffer, made if need be; NULL: nothing, since it is whole, nameless or memory
 * is out. */
struct kept *kept_get(struct worker *w, struct kept **list, unsigned buffer, const struct buffer_view *view);
/* The view is about to be scanned: rules whose literal it shows once more become candidates. Returns how
 * many bytes need not be searched; 0: all must be. */
uint32_t kept_show(struct detect_state *s, struct kept *k, const struct buffer_view *view);
/* A literal of the rule begins there. */
void kept_note(struct kept *k, uint32_t rule, uint64_t start);
void kept_free(struct worker *w, struct kept **list);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sorts more pairs of key and value than memory should hold: runs of SORTER_RUN_BYTES are sorted in
 * memory and written to a file without a name, then merged. Pairs with the same key come out in the
 * order in which they went in. One thread.
 */
#ifndef CONTROL_INTEL_SORTER_H
#define CONTROL_INTEL_SORTER_H

#include "control/store/store.h"

#define SORTER_RUN_BYTES (48u << 20)
#define SORTER_READ_BYTES (256u << 10) /* buffer of a run while merging */

struct sorter;

/* dir: where the file is made, if one is needed; borrowed until sorter_free. NULL: no memory. */
struct sorter *sorter_new(const char *dir);
void sorter_free(struct sorter *s);
/* 0, -ENOMEM, -ENOSPC, -EIO. */
int sorter_add(struct sorter *s, struct slice key, struct slice value);
uint64_t sorter_count(const struct sorter *s);
/* Ends adding; then sorter_next gives 1 and a pair (borrowed until the next call), 0, or -errno. */
int sorter_sort(struct sorter *s);
int sorter_next(struct sorter *s, struct slice *key, struct slice *value);

#endif

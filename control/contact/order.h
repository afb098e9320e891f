/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The values of a table in the order of their keys. Any thread.
 */
#ifndef CONTROL_CONTACT_ORDER_H
#define CONTROL_CONTACT_ORDER_H

#include <pthread.h>

#include "control/contact/table.h"

/* The numbers of the table's first `count` values, by key. Nobody changes the table meanwhile. Returns
 * new (free), NULL: out of memory. */
uint32_t *order_values(const struct contact_table *t, uint32_t count);
/* Likewise of all values of a table that may grow, which the lock guards and a reference keeps. The
 * lock is held on entry and exit, but not while it sorts. Values that come meanwhile are left out. */
uint32_t *order_growing(const struct contact_table *t, pthread_mutex_t *lock, uint32_t *count);

#endif

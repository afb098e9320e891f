/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_CONTACT_CONTACTS_H
#define CONTROL_CONTACT_CONTACTS_H
#include <stddef.h>
#include "control/store/store.h"
#include "dataplane/event/record.h"
struct contacts;
static inline void contacts_stage(struct contacts *c, const struct record_head *head) {}
static inline void contacts_record(struct contacts *c, struct store_batch *b) {}
static inline void contacts_committed(struct contacts *c) {}
static inline void contacts_forget(struct contacts *c) {}
static inline int contacts_reload(struct contacts *c) { return 0; }
static inline size_t contacts_staged_bytes(const struct contacts *c) { return 0; }
#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The disk that the store may take (store.budget), shared out to contacts, alerts and protocol
 * records (store.share.*). A class that takes more than its share loses its oldest days, whole; the
 * newest day of a class stays, whatever it takes. Keeper thread, inside store_enter.
 *
 * What counts is what is live in files: a day that was dropped counts no longer, although
 * compaction may give the last of its disk back only later. So nothing is dropped twice for one
 * excess.
 */
#ifndef CONTROL_PROCESS_BUDGET_H
#define CONTROL_PROCESS_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "control/base/text.h"
#include "control/contact/contacts.h"
#include "control/store/store.h"

enum budget_class { BUDGET_CONTACTS, BUDGET_ALERTS, BUDGET_EVENTS, BUDGET_CLASS_COUNT };

struct budget {
	struct store *store;       /* borrowed */
	struct contacts *contacts; /* borrowed; NULL: there are none to be dropped */
	uint64_t bytes;            /* 0: nine tenths of the file system, as large as it is then */
	uint64_t percent[BUDGET_CLASS_COUNT];
	bool said[BUDGET_CLASS_COUNT], said_size;
};

void budget_init(struct budget *b, struct store *s, struct contacts *c,
		 const struct config *config);
/* Drops what is beyond. 0 or -errno. */
int budget_keep(struct budget *b);
/* How it stands, as a JSON object: bytes, and the classes with percent, allowed_bytes, used_bytes,
 * oldest_day (not there: nothing is stored). Any thread, on a budget of its own. */
void budget_put(const struct budget *b, struct text *out);

#endif

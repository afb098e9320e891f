/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A list in one format. The first byte chooses options. Every entry must be one that the store
 * would take, and the reader must end.
 */
#include <stdint.h>
#include <stdlib.h>

#include "control/contact/kinds.h"
#include "control/intel/feed.h"
#include "control/intel/intel.h"

static int on_entry(void *arg, const struct intel_entry *e)
{
	uint8_t key[INTEL_KEY_MAX];
	size_t len = intel_key(e->kind, e->value.data, e->value.len, key);
	struct text printed = {0};

	if (!len || len > sizeof(key))
		abort();
	intel_print(&printed, (struct slice){key, len});
	/* What is printed is the same indicator again. */
	if (!printed.len && e->kind != CONTACT_URL)
		abort();
	text_free(&printed);
	return 0;
}

static int on_refused(void *arg, uint64_t where, struct slice item, const char *reason)
{
	struct text json = {0};

	if (!reason || !*reason)
		abort();
	json_put_string(&json, item.data, item.len);
	text_free(&json);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed_options o = {.format = FUZZ_FORMAT};
	const struct feed_sink sink = {NULL, on_entry, on_refused};
	char why[256];

	if (!size)
		return 0;
	o.format = data[0] & 1 ? FEED_AUTO : FUZZ_FORMAT;
	o.below = data[0] & 2;
	o.defaults.allow = data[0] & 4;
	o.kind = data[0] & 8 ? CONTACT_DOMAIN : 0;
	o.columns = data[0] & 16 ? "value=2,threat=Name" : NULL;
	o.separator = data[0] & 128 ? ';' : 0;
	feed_read(&o, (struct slice){data + 1, size - 1}, &sink, why);
	return 0;
}

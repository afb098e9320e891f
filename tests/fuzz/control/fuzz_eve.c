/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What might stand in a ring: records to EVE lines (which must be JSON), contacts to journal
 * entries, posting lists and event rows as they might stand in a damaged store.
 */
#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "control/contact/journal.h"
#include "control/contact/block.h"
#include "control/ingest/eve.h"
#include "control/store/event_row.h"
#include "dataplane/event/config.h"

static struct eve_options *plain, *full;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const keys[] = {"eve.types.alert.payload", "eve.types.alert.packet",
					   "eve.types.alert.payload_printable",
					   "eve.types.alert.verdict", "eve.ethernet"};
	struct config *c = config_new();
	char error[200];

	plain = eve_options_new(c, NULL, false);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		config_set(c, keys[i], "yes", error, sizeof(error));
	full = eve_options_new(c, NULL, false);
	config_free(c);
	return plain && full ? 0 : -1;
}

/* Ready-made members come from our own tables alone; here they are left out. */
static bool has_ready_made(const struct record_head *head)
{
	struct value_reader r;
	struct value v;

	value_reader_init(&r, head);
	while (value_next(&r, &v))
		if (!v.close && v.kind == KIND_JSON)
			return true;
	return false;
}

static void write_line(const struct eve_options *o, const struct record_head *head)
{
	struct text out = {0};
	json_t *line;

	eve_write(&out, o, head, "a.pcap");
	if (!out.failed && !has_ready_made(head)) {
		line = json_loadb((char *)out.data, out.len, JSON_DECODE_INT_AS_REAL, NULL);
		/* What jansson does not take: NUL in strings, too deep a nesting. */
		if (!line && !memmem(out.data, out.len, "\\u0000", 6))
			abort();
		json_decref(line);
	}
	text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct journal_entry entry;
	static struct block_row rows[BLOCK_ROWS];
	size_t count = 0, padded = (size + 7) & ~(size_t)7;
	struct record_head *head = aligned_alloc(8, padded ? padded : 8);
	const uint8_t *p = data;
	struct event_row row;
	struct text out = {0};

	memcpy(head, data, size);
	if (size >= sizeof(*head)) {
		head->length = (uint32_t)(size & ~(size_t)7);
		if (record_valid(head, size)) {
			write_line(plain, head);
			write_line(full, head);
			if (journal_from_record(&entry, head))
				journal_put(&out, &entry);
		}
	}
	while (journal_get(&p, data + size, &entry))
		;
	block_decode((struct slice){data, size}, rows, &count);
	if (size > EVENT_KEY_BYTES)
		event_read(&row, (struct slice){data, EVENT_KEY_BYTES},
			   (struct slice){data + EVENT_KEY_BYTES, size - EVENT_KEY_BYTES});
	text_free(&out);
	free(head);
	return 0;
}

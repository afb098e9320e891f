/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The whole buffer looked up in a list of the rule set, or put into it: dataset and datarep. Lists are
 * shared by all workers, without locks (rules/lists/list.h). Runs in the workers.
 */
#include "dataplane/detect/chain.h"

static void context_note(struct chain_scratch *s, const char *key, const struct list_entry *e)
{
	if (s->context_count < CONTEXTS_MAX)
		s->contexts[s->context_count++] = 
			(struct chain_context){key, e->bytes + e->len, e->context_len, true};
}

bool dataset_run(struct chain_scratch *s, const struct match_dataset *m, const uint8_t *data, uint32_t len)
{
	const struct list_entry *e;

	if (!len)
		return false;
	switch ((enum dataset_command)m->command) {
	case DATASET_SET:
		switch (list_add(m->list, data, len, 0, NULL, 0)) {
		case LIST_NEW:
			return true;
		case LIST_FULL:
			s->lists_full++;
			return false;
		default:
			return false;
		}
	case DATASET_UNSET:
		return list_remove(m->list, data, len);
	default:
		e = list_find(m->list, data, len);
		if (e && m->command == DATASET_ISSET && m->context_key)
			context_note(s, m->context_key, e);
		return (e != NULL) == (m->command == DATASET_ISSET);
	}
}

bool datarep_run(const struct match_datarep *m, const uint8_t *data, uint32_t len)
{
	const struct list_entry *e = list_find(m->list, data, len);

	return e && number_test_holds(&m->test, e->reputation);
}

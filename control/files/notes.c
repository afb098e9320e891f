/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/files/notes.h"

#include <stdlib.h>
#include <string.h>

struct notes {
	struct record_head *slot[NOTES_MAX]; /* by transaction; who comes later stays */
};

struct notes *notes_new(void)
{
	return calloc(1, sizeof(struct notes));
}

void notes_free(struct notes *n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < NOTES_MAX; i++)
		free(n->slot[i]);
	free(n);
}

static unsigned place_of(const struct record_head *head)
{
	uint64_t mix = (head->flow_id * 31 + head->tx_id) * 31 + head->worker;

	return (unsigned)((mix ^ mix >> 17) % NOTES_MAX);
}

void notes_keep(struct notes *n, const struct record_head *note)
{
	struct record_head *copy = malloc(note->length);
	unsigned i = place_of(note);

	if (!copy)
		return;
	memcpy(copy, note, note->length);
	free(n->slot[i]);
	n->slot[i] = copy;
}

const struct record_head *notes_find(const struct notes *n, const struct record_head *file)
{
	const struct record_head *note = n->slot[place_of(file)];

	return note && note->flow_id == file->flow_id && note->tx_id == file->tx_id && note->worker == file->worker ? note : NULL;
}

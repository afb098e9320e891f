/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records that the control process itself writes. Posted by any thread, read by the ingest
 * thread, kept until the commit that holds them is durable.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/ingest/ingest_private.h"

int ingest_post(struct ingest *in, const struct record_head *record, const void *marker,
		size_t marker_len)
{
	struct ingest_posted *p = calloc(1, sizeof(*p)), **at;

	if (!p || marker_len > sizeof(p->marker) || !(p->record = malloc(record->length))) {
		free(p);
		return -ENOMEM;
	}
	memcpy(p->record, record, record->length);
	memcpy(p->marker, marker, marker_len);
	p->marker_len = marker_len;
	pthread_mutex_lock(&in->posted_lock);
	for (at = &in->posted; *at; at = &(*at)->next)
		;
	*at = p;
	pthread_mutex_unlock(&in->posted_lock);
	return 0;
}

void posted_read(struct ingest *in)
{
	struct ingest_posted *p, **end = &in->in_batch;

	if (!__atomic_load_n(&in->posted, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&in->posted_lock);
	p = in->posted;
	__atomic_store_n(&in->posted, NULL, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&in->posted_lock);
	while (*end)
		end = &(*end)->next;
	*end = p;
	for (; p; p = p->next) {
		ingest_record(in, OWN_WORKER, p->record);
		if (p->marker_len)
			store_batch_delete(in->setup.store, in->batch, STORE_finding, p->marker,
					   p->marker_len);
		in->uncommitted++;
	}
}

static void free_list(struct ingest_posted *p)
{
	while (p) {
		struct ingest_posted *next = p->next;

		free(p->record);
		free(p);
		p = next;
	}
}

void posted_committed(struct ingest *in)
{
	free_list(in->in_batch);
	in->in_batch = NULL;
}

void posted_forget(struct ingest *in)
{
	struct ingest_posted **end = &in->in_batch;

	while (*end)
		end = &(*end)->next;
	pthread_mutex_lock(&in->posted_lock);
	*end = in->posted;
	in->posted = in->in_batch;
	pthread_mutex_unlock(&in->posted_lock);
	in->in_batch = NULL;
}

void posted_free(struct ingest *in)
{
	free_list(in->posted);
	free_list(in->in_batch);
	pthread_mutex_destroy(&in->posted_lock);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/sink.h"

#include <string.h>
#include <time.h>

#define WAIT_NS 200000

static void keep_free_make(struct sink *s)
{
	s->keep_free[CLASS_LOG] = s->event.size_bytes / 4;
	s->keep_free[CLASS_ALERT] = s->keep_free[CLASS_CONTACT] = s->event.size_bytes / 20;
	s->keep_free[CLASS_CONTROL] = 0;
}

/* Offline: waits until the consumer has made room. The only sleep of a worker with a record in
 * hand. NULL when the process is to end. */
static void *reserve_waiting(struct worker *w, struct ring *r, uint32_t len)
{
	const struct sink *s = w->sink;
	const struct timespec pause = {.tv_nsec = WAIT_NS};
	void *at;

	w->counters->record_waited++;
	while (!(at = ring_reserve(r, len, 0))) {
		if (*s->stop)
			return NULL;
		nanosleep(&pause, NULL);
	}
	return at;
}

#define AHEAD_BYTES 1024u
#define LINE 64u

/* The lines that the records after this one will be written to are on their way: a ring is larger than any cache. It is
 * mapped twice in a row, so they are there. */
static inline void fetch_ahead(const uint8_t *at, uint32_t len)
{
	for (uint32_t i = AHEAD_BYTES; i < AHEAD_BYTES + len; i += LINE)
		__asm__ volatile("prefetchw %0" : : "m"(at[i]));
}

static bool put(struct worker *w, struct ring *r, const struct record_head *record, uint64_t keep)
{
	void *at = ring_reserve(r, record->length, keep);

	if (!at && w->offline && record->length <= r->size_bytes)
		at = reserve_waiting(w, r, record->length);
	if (!at) {
		r->shared->lost[record->type]++;
		w->counters->record_lost++;
		return false;
	}
	if (r->size_bytes > AHEAD_BYTES + record->length)
		fetch_ahead(at, record->length);
	memcpy(at, record, record->length);
	r->shared->last_seq = record->seq;
	ring_commit(r, record->length);
	w->counters->record_written++;
	return true;
}

static void put_captured(struct sink *s, const struct record_head *record)
{
	if (s->capture_room - s->capture_bytes < record->length)
		return;
	memcpy(s->capture + s->capture_bytes, record, record->length);
	s->capture_bytes += record->length;
}

static void event_sink(struct worker *w, const struct record_head *record)
{
	struct sink *s = w->sink;

	if (s->capture)
		put_captured(s, record);
	else
		put(w, &s->event, record, w->offline ? 0 : s->keep_free[record_rows[record->type].record_class]);
}

static bool bulk_sink(struct worker *w, const struct record_head *record)
{
	return put(w, &((struct sink *)w->sink)->bulk, record, 0);
}

static bool packet_sink(struct worker *w, const struct record_head *record)
{
	return put(w, &((struct sink *)w->sink)->packet, record, 0);
}

int sink_open(struct worker *w, struct sink *s, const struct sink_rings *fd, const volatile uint32_t *stop)
{
	int err = ring_attach(&s->event, fd->event);

	if (err == 0 && fd->bulk >= 0)
		err = ring_attach(&s->bulk, fd->bulk);
	if (err == 0 && fd->packet >= 0)
		err = ring_attach(&s->packet, fd->packet);
	if (err) {
		sink_close(s);
		return err;
	}
	keep_free_make(s);
	s->stop = stop;
	w->sink = s;
	w->record_sink = event_sink;
	w->bulk_sink = fd->bulk >= 0 ? bulk_sink : NULL;
	w->packet_sink = fd->packet >= 0 ? packet_sink : NULL;
	w->record_seq = s->event.shared->last_seq;
	if (fd->bulk >= 0 && s->bulk.shared->last_seq > w->record_seq)
		w->record_seq = s->bulk.shared->last_seq;
	if (fd->packet >= 0 && s->packet.shared->last_seq > w->record_seq)
		w->record_seq = s->packet.shared->last_seq;
	return 0;
}

void sink_close(struct sink *s)
{
	ring_detach(&s->event);
	ring_detach(&s->bulk);
	ring_detach(&s->packet);
}

void sink_capture_begin(struct worker *w, void *memory, uint64_t room)
{
	struct sink *s = w->sink;

	s->capture = memory;
	s->capture_room = room;
	s->capture_bytes = 0;
}

uint64_t sink_capture_end(struct worker *w)
{
	struct sink *s = w->sink;

	s->capture = NULL;
	return s->capture_bytes;
}

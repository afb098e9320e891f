/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Merges captures by time: a binary heap of captures, ordered by the time of the frame each has
 * in hand; at equal times the capture given first comes first, so the order never varies.
 */
#include "drivers/capture.h"

#include <stdlib.h>

#include "drivers/frame.h"

struct source {
	struct capture *capture;
	struct rte_mbuf *frame; /* next one; NULL: not read yet */
	size_t index;
};

struct capture_merge {
	struct source *heap;
	size_t count;        /* sources that still have frames; heap[0 … count) */
	size_t unread;       /* sources not looked at yet: heap[count … count + unread) */
	uint64_t packets;
	uint64_t bytes_done; /* of the captures that have ended */
};

struct capture_merge *capture_merge_new(struct capture *const *captures, size_t count)
{
	struct capture_merge *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->heap = calloc(count ? count : 1, sizeof(*m->heap));
	if (!m->heap) {
		free(m);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		m->heap[i] = (struct source){.capture = captures[i], .index = i};
	m->unread = count;
	return m;
}

static void source_close(struct capture_merge *m, struct source *s)
{
	m->bytes_done += capture_bytes_done(s->capture);
	if (s->frame)
		frame_free(s->frame);
	capture_close(s->capture);
}

void capture_merge_free(struct capture_merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->count + m->unread; i++)
		source_close(m, &m->heap[i]);
	free(m->heap);
	free(m);
}

static bool earlier(const struct source *a, const struct source *b)
{
	uint64_t at = frame_info(a->frame)->ts_ns, bt = frame_info(b->frame)->ts_ns;

	return at < bt || (at == bt && a->index < b->index);
}

static void swap(struct source *a, struct source *b)
{
	struct source t = *a;

	*a = *b;
	*b = t;
}

static void sift_up(struct capture_merge *m, size_t i)
{
	for (; i && earlier(&m->heap[i], &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&m->heap[i], &m->heap[(i - 1) / 2]);
}

static void sift_down(struct capture_merge *m)
{
	size_t i = 0, least;

	for (;; i = least) {
		least = i;
		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < m->count; k++)
			if (earlier(&m->heap[k], &m->heap[least]))
				least = k;
		if (least == i)
			return;
		swap(&m->heap[i], &m->heap[least]);
	}
}

/* Reads the first frame of one capture that has not been looked at. */
static enum capture_status admit(struct capture_merge *m, char *error)
{
	struct source *s = &m->heap[m->count];
	enum capture_status status = capture_next(s->capture, &s->frame, error);

	m->unread--;
	if (status == CAPTURE_FRAME) {
		sift_up(m, m->count++);
		return CAPTURE_FRAME;
	}
	source_close(m, s);
	*s = m->heap[m->count + m->unread];
	return status;
}

enum capture_status capture_merge_next(struct capture_merge *m, struct rte_mbuf **frame,
				       char *error)
{
	enum capture_status status;
	struct source *top = &m->heap[0];

	while (m->unread)
		if (admit(m, error) == CAPTURE_CUT)
			return CAPTURE_CUT;
	if (m->count == 0)
		return CAPTURE_END;
	if (!top->frame) {
		/* Its frame went out with the last call. */
		status = capture_next(top->capture, &top->frame, error);
		if (status != CAPTURE_FRAME) {
			source_close(m, top);
			*top = m->heap[--m->count];
		}
		if (m->count)
			sift_down(m);
		if (status == CAPTURE_CUT)
			return CAPTURE_CUT;
		if (m->count == 0)
			return CAPTURE_END;
	}
	*frame = top->frame;
	top->frame = NULL;
	frame_info(*frame)->number = ++m->packets;
	return CAPTURE_FRAME;
}

uint64_t capture_merge_bytes_done(const struct capture_merge *m)
{
	uint64_t sum = m->bytes_done;

	for (size_t i = 0; i < m->count + m->unread; i++)
		sum += capture_bytes_done(m->heap[i].capture);
	return sum;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The window of a file that rules look at (buffer file.data and the HTTP bodies).
 *
 * On a tap a first look waits for limits.inspect_min bytes (or the end, or limits.content_limit), so
 * that patterns see one long piece instead of many short ones; until then all is kept, and each look
 * is at all of it. Later looks are at the new bytes and enough old ones to make inspect_window, or a
 * quarter of that when there are plenty of new ones; older bytes are let go. In the wire there is no
 * waiting. Bytes are kept once, and only what a later look can still show: the window never holds
 * more than WINDOW_MAX, however slowly detect comes by.
 *
 * Runs in a worker of the dataplane process.
 */
#include "dataplane/app/file.h"

#define WINDOW_MAX (1u << 20)
#define WINDOW_STEP 4096u

void file_window_append(struct worker *w, struct file *file, const uint8_t *data, uint32_t len);

/* Lets go of the first n bytes. */
static void window_cut(struct file_window *win, uint32_t n)
{
	memmove(win->data, win->data + n, win->len - n);
	win->len -= n;
	win->start += n;
}

/* Lets go of what no later look will show. */
static void window_prune(struct file *file)
{
	struct file_window *win = &file->window;
	uint64_t keep_from;

	if (win->inspected <= file->limits.inspect_min)
		return;
	keep_from = win->inspected > file->limits.inspect_window
			    ? win->inspected - file->limits.inspect_window
			    : 0;
	/* Moving bytes for every small piece would cost more than the memory is worth. */
	if (keep_from > win->start + WINDOW_STEP && keep_from - win->start >= win->len / 2)
		window_cut(win, keep_from - win->start < win->len ? (uint32_t)(keep_from - win->start)
								  : win->len);
}

static bool window_room(struct worker *w, struct file_window *win, uint32_t len)
{
	uint32_t need = win->len + len, cap = win->cap ? win->cap : WINDOW_STEP;
	uint8_t *moved;

	if (need <= win->cap)
		return true;
	/* A first, small piece is most often the whole. */
	if (win->cap == 0 && need < WINDOW_STEP)
		cap = need;
	while (cap < need)
		cap *= 2;
	moved = heap_realloc(&w->heap, win->data, cap);
	if (!moved)
		return false;
	win->data = moved;
	win->cap = cap;
	return true;
}

/* file->size is still the size before these bytes. */
void file_window_append(struct worker *w, struct file *file, const uint8_t *data, uint32_t len)
{
	struct file_window *win = &file->window;

	window_prune(file);
	if (win->len == 0) {
		win->start = file->size;
	} else if (win->start + win->len != file->size) {
		/* A gap: what is before it cannot be joined with what is behind. */
		win->start = file->size;
		win->len = 0;
	}
	if (len > WINDOW_MAX) {
		data += len - WINDOW_MAX;
		win->start += len - WINDOW_MAX;
		len = WINDOW_MAX;
	}
	if (win->len + len > WINDOW_MAX) {
		/* Nobody looks. Half goes at once, so that the next bytes do not move all again. */
		window_cut(win, win->len < WINDOW_MAX / 2 + len ? win->len
								: win->len + len - WINDOW_MAX / 2);
		win->lost = true;
	}
	if (!window_room(w, win, len)) {
		win->start += win->len + len;
		win->len = 0;
		win->lost = true;
		return;
	}
	memcpy(win->data + win->len, data, len);
	win->len += len;
}

bool file_view_one(struct worker *w, struct file *file, struct buffer_view *out)
{
	struct file_window *win = &file->window;
	const struct file_limits *l = &file->limits;
	bool complete = file->state != FILE_OPEN;
	uint64_t end = win->start + win->len, from = win->start, fresh;

	if (win->inspected >= file->size && (!complete || win->end_inspected))
		return false;
	if (!complete && !w->in_the_wire && file->size < l->inspect_min &&
	    (l->content_limit == 0 || file->size < l->content_limit))
		return false;
	if (win->inspected > l->inspect_min) {
		fresh = end > win->inspected ? end - win->inspected : 0;
		if (fresh < l->inspect_window)
			from = end > l->inspect_window ? end - l->inspect_window : 0;
		else
			from = win->inspected - l->inspect_window / 4;
		if (from < win->start)
			from = win->start;
	}
	if (from > end)
		from = end;
	out->data = win->data ? win->data + (from - win->start) : (const uint8_t *)"";
	out->len = (uint32_t)(end - from);
	out->offset = from;
	out->complete = complete;
	out->source = file->number;
	win->viewed = true;
	win->end_viewed |= complete;
	return true;
}

bool file_view(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned instance,
	       struct buffer_view *out)
{
	unsigned left = instance;

	for (struct file *file = file_view_from(w, FILE_VIEW_DATA, tx, d, &left); file; file = file->next)
		if (!(file->flags & FILE_HIDDEN) && file_view_one(w, file, out) && left-- == 0)
			return file_view_found(w, FILE_VIEW_DATA, tx, file, instance);
	return false;
}

void file_inspected(struct worker *w, struct tx *tx, enum direction d)
{
	for (struct file *file = tx->files[d]; file; file = file->next) {
		struct file_window *win = &file->window;

		if (win->viewed)
			win->inspected = file->size;
		win->end_inspected |= win->end_viewed;
		win->viewed = win->end_viewed = false;
	}
}

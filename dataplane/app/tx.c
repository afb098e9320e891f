/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transactions: a list per flow, oldest first. One is written when it has come far enough and
 * freed when it is complete, written and inspected in both directions. Live ones are bounded by
 * proto.max_transactions. Runs in the worker that owns the flow.
 */
#include "dataplane/app/app_state.h"

#include "dataplane/app/file.h"
#include "dataplane/detect/detect.h"
#include "dataplane/engine/emit.h"

static void unlink_tx(struct app_session *s, struct tx *tx)
{
	if (tx->prev)
		tx->prev->next = tx->next;
	else
		s->first = tx->next;
	if (tx->next)
		tx->next->prev = tx->prev;
	else
		s->last = tx->prev;
	if (s->waiting == tx)
		s->waiting = tx->next;
	s->live--;
}

static void free_tx(struct worker *w, struct flow *f, struct tx *tx)
{
	unlink_tx(f->app, tx);
	if (tx->detect[TO_SERVER] || tx->detect[TO_CLIENT])
		detect_tx_free(w, tx);
	if (tx->files[TO_SERVER] || tx->files[TO_CLIENT])
		file_free_all(w, tx);
	if (f->app->proto->tx_free)
		f->app->proto->tx_free(w, f, tx);
	heap_free(&w->heap, tx);
}

static bool reached(const struct tx *tx, const uint8_t *progress)
{
	return tx->ended || (tx->progress[TO_SERVER] >= progress[TO_SERVER] &&
			     tx->progress[TO_CLIENT] >= progress[TO_CLIENT]);
}

static bool to_be_written(const struct proto *proto, const struct tx *tx)
{
	if (tx->logged)
		return false;
	return reached(tx, proto->log_at[0] || proto->log_at[1] ? proto->log_at : proto->done);
}

/* Nobody will ask for it any more. */
static bool finished(const struct worker *w, const struct flow *f, const struct tx *tx)
{
	if (!tx->logged || !reached(tx, f->app->proto->done))
		return false;
	if (!w->detect || f->flags & (FLOW_PASS | FLOW_DROP | FLOW_BYPASSED))
		return true;
	return tx->inspected_done[TO_SERVER] && tx->inspected_done[TO_CLIENT];
}

/* The record stands in the direction of the packet in hand: on a tap that is the one that
 * acknowledges the bytes with the event. */
static void write_events(struct worker *w, struct flow *f, struct tx *tx, struct packet *p)
{
	const struct proto *proto = f->app->proto;

	for (; tx->events_logged < tx->event_count; tx->events_logged++) {
		enum direction d = p && !(p->flags & PACKET_PSEUDO)
					   ? (enum direction)p->direction
					   : (enum direction)tx->event_direction[tx->events_logged];
		struct recorder *r = emit_flow(w, RECORD_anomaly, f, d, tx->id, p);

		if (!r)
			continue;
		rec_open(r, F_anomaly_anomaly);
		rec_text(r, F_anomaly_app_proto, proto->name);
		rec_text(r, F_anomaly_type, "applayer");
		rec_text(r, F_anomaly_event, proto->events[tx->events[tx->events_logged]]);
		rec_text(r, F_anomaly_layer, "proto_parser");
		rec_close(r);
		emit_end(w);
	}
}

static void write_tx(struct worker *w, struct flow *f, struct tx *tx, struct packet *p)
{
	tx->logged = 1;
	/* Of a flow that is dropped the rest did not happen. */
	if (tx->ended && (f->flags & FLOW_DROP) && w->in_the_wire)
		return;
	if (f->app->proto->log && !tx->log_off && !(f->flags & FLOW_TX_LOG_OFF))
		f->app->proto->log(w, f, tx, p);
}

static bool write_files(struct worker *w, struct flow *f, struct tx *tx, struct packet *p)
{
	if (!tx->files[TO_SERVER] && !tx->files[TO_CLIENT])
		return true;
	if (tx->ended && (f->flags & FLOW_DROP) && w->in_the_wire)
		return true;
	/* Datagrams have no end at which a file would be cut off: one that was not closed says nothing of its size. */
	if (tx->ended && f->ip_proto != 17) {
		file_close_all(w, tx, TO_SERVER, FILE_TRUNCATED);
		file_close_all(w, tx, TO_CLIENT, FILE_TRUNCATED);
	}
	return file_log(w, f, tx, p);
}

void tx_settle(struct worker *w, struct flow *f, struct packet *p, bool all)
{
	struct app_session *s = f->app;
	bool waiting = false;
	struct tx *next;

	if (s->ended[TO_SERVER] && s->ended[TO_CLIENT])
		all = true;
	for (struct tx *tx = s->first; tx; tx = next) {
		next = tx->next;
		if (all)
			tx->ended = 1;
		/* detect has had its look at this packet's direction, if there is a detect */
		if (p && tx->progress[p->direction] >= s->proto->done[p->direction] &&
		    !(tx->held >> p->direction & 1))
			tx->inspected_done[p->direction] = 1;
		if (!tx->logged && tx->events_logged < tx->event_count)
			write_events(w, f, tx, p);
		if (to_be_written(s->proto, tx))
			write_tx(w, f, tx, p);
		if (!write_files(w, f, tx, p))
			waiting = true; /* for detect */
		else if (finished(w, f, tx))
			free_tx(w, f, tx);
		else if (tx->logged)
			waiting = true; /* for detect */
	}
	if (s->crowded && s->live < app_tx_limit(w, s->proto->id) / 2)
		s->crowded = 0;
	s->dirty = waiting;
}

void tx_end_all(struct flow *f)
{
	struct app_session *s = f->app;

	for (struct tx *tx = s->first; tx; tx = tx->next)
		for (unsigned d = 0; d < 2; d++)
			if (tx->progress[d] < s->proto->done[d])
				tx->progress[d] = s->proto->done[d];
	s->changed[TO_SERVER] = s->changed[TO_CLIENT] = 1;
}

void tx_free_all(struct worker *w, struct flow *f)
{
	while (f->app->first)
		free_tx(w, f, f->app->first);
}

/* Room for one more: the oldest that is complete and written goes, inspected or not. */
static bool make_room(struct worker *w, struct flow *f)
{
	struct app_session *s = f->app;
	struct tx *tx = s->first;

	if (tx && tx->logged && reached(tx, s->proto->done)) {
		file_log(w, f, tx, NULL); /* none waits any longer */
		free_tx(w, f, tx);
		return true;
	}
	return false;
}

/* What one packet brings that fills a gap is looked at when it is in; until then there is room for it. */
static bool has_room(struct worker *w, struct flow *f)
{
	const struct app_session *s = f->app;
	uint32_t limit = app_tx_limit(w, s->proto->id), most = s->proto->gives_way ? 2 * limit : limit;

	while (s->live >= most && make_room(w, f))
		;
	return s->live < most || (s->proto->in_bursts && s->live < most + APP_BURST_MAX);
}

struct tx *tx_new(struct worker *w, struct flow *f, size_t size)
{
	struct app_session *s = f->app;
	struct tx *tx;

	if (!has_room(w, f)) {
		if (s->last)
			tx_event(w, f, s->last, TO_SERVER, s->proto->too_many_event);
		return NULL;
	}
	tx = heap_zalloc(&w->heap, size);
	if (!tx) {
		w->counters->app_memcap++;
		return NULL;
	}
	tx->id = s->tx_count++;
	tx->prev = s->last;
	if (s->last)
		s->last->next = tx;
	else
		s->first = tx;
	s->last = tx;
	if (!s->waiting)
		s->waiting = tx;
	s->live++;
	w->counters->app_tx[app_transport_of(f)][s->proto->id]++;
	return tx;
}

void tx_event(struct worker *w, struct flow *f, struct tx *tx, enum direction d, unsigned event)
{
	for (unsigned i = 0; i < tx->event_count; i++)
		if (tx->events[i] == event && tx->event_direction[i] == d)
			return;
	if (tx->event_count == TX_EVENTS_MAX)
		return;
	tx->events[tx->event_count] = (uint16_t)event;
	tx->event_direction[tx->event_count++] = (uint8_t)d;
	f->app->dirty = f->app->changed[d] = 1;
}

void tx_finish(struct flow *f, struct tx *tx)
{
	for (unsigned d = 0; d < 2; d++)
		tx->progress[d] = f->app->proto->done[d];
	f->app->changed[TO_SERVER] = f->app->changed[TO_CLIENT] = 1;
	f->app->dirty = 1;
}

/* What no longer waits never does again, so that they are passed over once. */
struct tx *tx_waiting(const struct flow *f)
{
	struct app_session *s = f->app;

	while (s->waiting && s->waiting->progress[TO_CLIENT] == s->proto->done[TO_CLIENT])
		s->waiting = s->waiting->next;
	return s->waiting;
}

void tx_make_way(struct worker *w, struct flow *f, enum direction d)
{
	struct app_session *s = f->app;
	struct tx *oldest = s->live >= app_tx_limit(w, s->proto->id) ? tx_waiting(f) : NULL;

	if (!oldest)
		return;
	if (!s->crowded)
		tx_event(w, f, oldest, d, s->proto->too_many_event);
	s->crowded = 1;
	tx_finish(f, oldest);
}

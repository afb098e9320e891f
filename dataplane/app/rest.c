/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A session of a flow that rests (flow/README.md, Rest), written in few bytes: most of its words are zero. The parser's
 * state is written with it where the protocol says that nothing points into it (proto.state_rest), and so is what is
 * kept of a direction; of that nothing where the raw window has the same bytes. What is large stays where it is. While
 * transactions are open, or frames are followed, the session stays as it is. Worker thread only.
 */
#include "dataplane/app/app_state.h"

#include <string.h>

#include "dataplane/base/pack.h"
#include "dataplane/stream/stream.h"

#define SESSION_WORDS (sizeof(struct app_session) / 8)
#define STATE_WORDS_MAX 352u /* of a state that is written */
#define KEPT_BYTES_MAX 256u  /* of a direction that are written */
#define SHOWN_BYTES_MAX 4096u /* … that are found again in the raw window */
_Static_assert(sizeof(struct app_session) % 8 == 0, "whole words");
_Static_assert(1 + PACK_WORDS_MAX(SESSION_WORDS) + PACK_WORDS_MAX(STATE_WORDS_MAX) +
			       2 * (PACK_NUMBER_MAX + KEPT_BYTES_MAX) <=
		       APP_PACKED_MAX,
	       "room for all of it");

/* Where the bytes kept of a direction are. */
enum kept {
	KEPT_NOT,     /* there are none */
	KEPT_WRITTEN, /* behind the session */
	KEPT_SHOWN,   /* in the raw window */
	KEPT_BLOCK,   /* where they were */
};

enum session_written {
	HAS_STATE = 1 << 4,    /* the parser's state is written; the lower bits are enum kept of the two directions */
	HAS_NO = 1 << 5,       /* what probes said no to, as the difference from what all did: 1 << direction of this */
};

static enum kept kept_where(const struct flow *f, enum direction d)
{
	const struct app_pending *keep = &f->app->pending[d];
	const uint8_t *shown;

	if (!keep->len)
		return KEPT_NOT;
	shown = keep->len <= SHOWN_BYTES_MAX ? stream_kept(f, d, keep->offset, keep->len) : NULL;
	if (shown && memcmp(shown, keep->data, keep->len) == 0)
		return KEPT_SHOWN;
	return keep->len <= KEPT_BYTES_MAX ? KEPT_WRITTEN : KEPT_BLOCK;
}

bool app_state_moves(struct worker *w, void *state)
{
	(void)w;
	(void)state;
	return true;
}

static unsigned state_words(const struct proto *proto)
{
	return (proto->state_bytes + 7) / 8;
}

static bool state_written(struct worker *w, const struct app_session *s)
{
	return s->state && s->proto->state_rest && state_words(s->proto) <= STATE_WORDS_MAX &&
	       s->proto->state_rest(w, s->state);
}

static uint8_t *state_pack(uint8_t *at, const struct app_session *s)
{
	uint64_t whole[STATE_WORDS_MAX];

	whole[state_words(s->proto) - 1] = 0;
	memcpy(whole, s->state, s->proto->state_bytes);
	return pack_words(at, whole, state_words(s->proto));
}

static uint64_t all_probes(const struct worker *w)
{
	return w->apps->probed[APP_OVER_TCP];
}

bool app_may_pack(const struct flow *f)
{
	const struct app_session *s = f->app;

	return f->ip_proto == 6 && !s->live && !s->frames && !s->announced;
}

uint8_t *app_pack(struct worker *w, const struct flow *f, uint8_t *at)
{
	struct app_session s = *f->app;
	unsigned has = state_written(w, &s) ? HAS_STATE : 0;
	enum kept where[2];

	for (unsigned d = 0; d < 2; d++) {
		struct app_pending *keep = &s.pending[d];

		where[d] = kept_where(f, (enum direction)d);
		has |= (unsigned)where[d] << 2 * d;
		if (where[d] != KEPT_BLOCK) {
			keep->data = NULL;
			keep->cap = 0;
		}
		if (s.no[d]) {
			has |= HAS_NO << d;
			s.no[d] ^= all_probes(w);
		}
	}
	s.state = has & HAS_STATE ? NULL : s.state;
	*at++ = (uint8_t)has;
	at = pack_words(at, &s, SESSION_WORDS);
	if (has & HAS_STATE)
		at = state_pack(at, f->app);
	for (unsigned d = 0; d < 2; d++)
		if (where[d] == KEPT_WRITTEN)
			at = pack_bytes(at, f->app->pending[d].data, s.pending[d].len);
	return at;
}

void app_put_away(struct worker *w, struct flow *f)
{
	struct app_session *s = f->app;

	for (unsigned d = 0; d < 2; d++)
		if (kept_where(f, (enum direction)d) != KEPT_BLOCK)
			heap_free(&w->heap, s->pending[d].data);
	if (state_written(w, s))
		heap_free(&w->heap, s->state);
	heap_free(&w->heap, s);
	f->app = NULL;
}

/* False: no memory. */
static bool kept_unpack(struct worker *w, const uint8_t **at, const struct flow *f, enum direction d, enum kept where)
{
	struct app_pending *keep = &f->app->pending[d];
	const uint8_t *from;

	if (where == KEPT_NOT || where == KEPT_BLOCK)
		return true;
	from = where == KEPT_SHOWN ? stream_kept(f, d, keep->offset, keep->len) : *at;
	if (where == KEPT_WRITTEN)
		*at += keep->len;
	keep->data = from ? heap_dup(&w->heap, from, keep->len) : NULL;
	keep->cap = keep->data ? keep->len : 0;
	return keep->data != NULL;
}

/* False: no memory. */
static bool state_unpack(struct worker *w, const uint8_t **at, struct app_session *s)
{
	uint64_t whole[STATE_WORDS_MAX];

	unpack_words(at, whole, state_words(s->proto));
	s->state = heap_dup(&w->heap, whole, s->proto->state_bytes);
	return s->state != NULL;
}

/* Without all of it the parser cannot go on. */
static void give_up(struct worker *w, struct flow *f, struct app_session *own)
{
	w->counters->app_memcap++;
	if (!f->app->state)
		f->app->proto = NULL;
	app_stop(w, f);
	if (f->app != own)
		return;
	app_session_clear(w, f);
	f->app = NULL;
}

const uint8_t *app_unpack(struct worker *w, struct flow *f, const uint8_t *at)
{
	unsigned has = *at++;
	struct app_session own, *s = heap_alloc(&w->heap, sizeof(*s));
	bool whole = s != NULL;

	f->app = s ? s : &own;
	s = f->app;
	unpack_words(&at, s, SESSION_WORDS);
	for (unsigned d = 0; d < 2; d++)
		if (has & HAS_NO << d)
			s->no[d] ^= all_probes(w);
	if (has & HAS_STATE)
		whole &= state_unpack(w, &at, s);
	for (unsigned d = 0; d < 2; d++)
		whole &= kept_unpack(w, &at, f, (enum direction)d, (enum kept)(has >> 2 * d & 3));
	if (!whole)
		give_up(w, f, &own);
	return at;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rpc/blocks.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/base/text.h"

#define LINE_MAX_BYTES 160

static const char key[] = "blocks";

static bool same_prefix(const struct addr_prefix *a, const struct addr_prefix *b)
{
	return a->ip_version == b->ip_version && a->bits == b->bits && addr_equal(&a->addr, &b->addr);
}

int kept_block_parse(const char *text, struct kept_block *out)
{
	memset(&out->prefix, 0, sizeof(out->prefix));
	memset(&out->flow, 0, sizeof(out->flow));
	return block_flow_parse(text, &out->flow) == 0 ? 0 : addr_prefix_parse(text, &out->prefix);
}

char *kept_block_format(const struct kept_block *b, char *text)
{
	char room[ADDR_TEXT_MAX];

	if (b->flow.ip_version)
		return block_flow_format(&b->flow, text);
	snprintf(text, KEPT_BLOCK_TEXT_MAX, "%s/%u", addr_format(&b->prefix.addr, b->prefix.ip_version, room),
		 b->prefix.bits);
	return text;
}

static struct kept_block *find(struct kept_blocks *k, const struct kept_block *like)
{
	for (size_t i = 0; i < k->count; i++)
		if (same_prefix(&k->block[i].prefix, &like->prefix) && block_flow_equal(&k->block[i].flow, &like->flow))
			return &k->block[i];
	return NULL;
}

static bool put(struct kept_blocks *k, const struct kept_block *b)
{
	struct kept_block *at = find(k, b), *more;

	if (at) {
		*at = *b;
		return true;
	}
	if (k->count == KEPT_BLOCKS_MAX)
		return false;
	if (k->count == k->room) {
		more = realloc(k->block, (k->room * 2 + 16) * sizeof(*more));
		if (!more)
			return false;
		k->block = more;
		k->room = k->room * 2 + 16;
	}
	k->block[k->count++] = *b;
	return true;
}

static void read_lines(struct kept_blocks *k, const char *text)
{
	char what[LINE_MAX_BYTES];
	struct kept_block b;
	int used = 0;

	while (sscanf(text, "%127s %" SCNu64 " %" SCNu64 " %n", what, &b.expires_ns, &b.rate_bps, &used) == 3) {
		if (kept_block_parse(what, &b) == 0)
			put(k, &b);
		text += used;
	}
}

bool kept_blocks_read(struct kept_blocks *k, struct store *s)
{
	struct text value = {0};
	int found;

	if (k->read)
		return true;
	if (!s || !store_enter(s))
		return false;
	found = store_get(s, STORE_meta, key, sizeof(key) - 1, NULL, &value);
	store_leave(s);
	if (found == 1)
		read_lines(k, text_cstr(&value));
	text_free(&value);
	k->read = found >= 0;
	return k->read;
}

/* ---- writing: a thread of its own, so that a store that stalls does not stop who answers on the socket ---- */

struct kept_writer {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	struct store *store;
	struct text wanted;       /* to be written; empty when there is nothing newer */
	uint64_t asked, finished; /* how often */
	bool failed, stop;        /* the last one */
};

static int write_text(struct store *s, const struct text *value)
{
	int err;

	if (value->failed || !store_enter(s))
		return -1;
	err = store_put(s, STORE_meta, key, sizeof(key) - 1, value->data ? (const void *)value->data : "", value->len);
	store_leave(s);
	return err;
}

static void *write_on(void *arg)
{
	struct kept_writer *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop || w->finished != w->asked) {
		struct text value = w->wanted;
		uint64_t asked = w->asked;
		bool failed;

		if (w->finished == asked) {
			pthread_cond_wait(&w->wake, &w->lock);
			continue;
		}
		w->wanted = (struct text){0};
		pthread_mutex_unlock(&w->lock);
		failed = write_text(w->store, &value) != 0;
		text_free(&value);
		pthread_mutex_lock(&w->lock);
		w->finished = asked;
		w->failed = failed;
		pthread_cond_signal(&w->done);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static struct kept_writer *writer_new(struct store *s)
{
	struct kept_writer *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w)
		return NULL;
	w->store = s;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, NULL);
	pthread_cond_init(&w->done, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&w->thread, NULL, write_on, w) == 0)
		return w;
	free(w);
	return NULL;
}

static void writer_free(struct kept_writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->done);
	pthread_mutex_destroy(&w->lock);
	text_free(&w->wanted);
	free(w);
}

/* Takes the text. */
static enum kept write_and_wait(struct kept_writer *w, struct text *value)
{
	struct timespec until;
	enum kept kept;
	uint64_t mine;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += KEPT_WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&w->lock);
	text_free(&w->wanted);
	w->wanted = *value;
	mine = ++w->asked;
	pthread_cond_signal(&w->wake);
	while (w->finished < mine && !err)
		err = pthread_cond_timedwait(&w->done, &w->lock, &until);
	kept = w->finished < mine ? KEPT_LATER : w->failed ? KEPT_NOT : KEPT_STORED;
	pthread_mutex_unlock(&w->lock);
	return kept;
}

static enum kept write_all(struct kept_blocks *k, struct store *s)
{
	char room[KEPT_BLOCK_TEXT_MAX];
	struct text value = {0};

	for (size_t i = 0; i < k->count; i++) {
		const struct kept_block *b = &k->block[i];

		text_format(&value, "%s %" PRIu64 " %" PRIu64 "\n", kept_block_format(b, room), b->expires_ns, b->rate_bps);
	}
	if (s && !k->writer)
		k->writer = writer_new(s);
	if (k->writer)
		return write_and_wait(k->writer, &value);
	text_free(&value);
	return KEPT_NOT;
}

enum kept kept_blocks_add(struct kept_blocks *k, struct store *s, const struct kept_block *b)
{
	return kept_blocks_read(k, s) && put(k, b) ? write_all(k, s) : KEPT_NOT;
}

bool kept_blocks_has(struct kept_blocks *k, struct store *s, const struct kept_block *b)
{
	return kept_blocks_read(k, s) && find(k, b);
}

enum kept kept_blocks_remove(struct kept_blocks *k, struct store *s, const struct kept_block *b)
{
	struct kept_block *at;

	if (!kept_blocks_read(k, s))
		return KEPT_NOT;
	at = find(k, b);
	if (!at)
		return KEPT_STORED;
	*at = k->block[--k->count];
	return write_all(k, s);
}

void kept_blocks_expire(struct kept_blocks *k, uint64_t now_ns)
{
	for (size_t i = 0; i < k->count;)
		if (k->block[i].expires_ns && k->block[i].expires_ns <= now_ns)
			k->block[i] = k->block[--k->count];
		else
			i++;
}

void kept_blocks_free(struct kept_blocks *k)
{
	writer_free(k->writer);
	free(k->block);
	memset(k, 0, sizeof(*k));
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/flowdump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/engine/engine.h"
#include "dataplane/flow/flow.h"

/* More than any flow record takes. */
#define RECORD_ROOM 1024u

struct flowdump_share {
	uint8_t *memory;
	uint64_t room, bytes, limit, count;
	_Atomic bool done;
};

struct flowdump {
	struct engine *engine;
	struct flowdump_share shares[MAX_WORKERS];
};

static void dump_free(struct flowdump *d)
{
	for (unsigned i = 0; i < d->engine->lane_count; i++)
		free(d->shares[i].memory);
	free(d);
}

struct flowdump *flowdump_start(struct engine *e, uint64_t limit)
{
	struct flowdump *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->engine = e;
	limit = limit && limit < FLOWDUMP_LANE_MAX ? limit : FLOWDUMP_LANE_MAX;
	for (unsigned i = 0; i < e->lane_count; i++) {
		struct flowdump_share *s = &d->shares[i];

		s->limit = limit;
		s->room = limit * RECORD_ROOM;
		s->memory = malloc(s->room);
		if (!s->memory) {
			dump_free(d);
			return NULL;
		}
	}
	for (unsigned i = 0; i < e->lane_count; i++)
		atomic_store_explicit(&e->lanes[i]->dump, &d->shares[i], memory_order_release);
	return d;
}

static bool dump_one(struct worker *w, struct flow *f, void *arg)
{
	struct flowdump_share *s = arg;

	flow_record(w, f);
	return ++s->count < s->limit;
}

void flowdump_lane(struct lane *l)
{
	struct flowdump_share *s = atomic_load_explicit(&l->dump, memory_order_acquire);

	if (!s)
		return;
	sink_capture_begin(&l->w, s->memory, s->room);
	flow_walk(&l->w, dump_one, s);
	s->bytes = sink_capture_end(&l->w);
	atomic_store(&l->dump, NULL);
	atomic_store_explicit(&s->done, true, memory_order_release);
}

bool flowdump_ready(struct flowdump *d)
{
	for (unsigned i = 0; i < d->engine->lane_count; i++)
		if (!atomic_load_explicit(&d->shares[i].done, memory_order_acquire) &&
		    !atomic_load(&d->engine->lanes[i]->finished))
			return false;
	return true;
}

static int write_all(int fd, const uint8_t *at, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, at, bytes);

		if (n < 0)
			return -errno;
		at += n;
		bytes -= (uint64_t)n;
	}
	return 0;
}

int flowdump_finish(struct flowdump *d, uint64_t *count)
{
	int fd = memfd_create("metsuke-flows", 0), err = fd < 0 ? -errno : 0;

	*count = 0;
	for (unsigned i = 0; i < d->engine->lane_count && !err; i++) {
		struct flowdump_share *s = &d->shares[i];

		atomic_store(&d->engine->lanes[i]->dump, NULL);
		if (!atomic_load(&s->done))
			continue;
		err = write_all(fd, s->memory, s->bytes);
		*count += s->count;
	}
	dump_free(d);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

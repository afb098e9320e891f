/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "drivers/capture.h"
#include "drivers/frame.h"
#include "dataplane/packet/link.h"

#define ADDRESSES_AT 26u  /* in a frame of Ethernet and IPv4 */
#define REORDER_REACH 16u /* frames */
#define HUGE_BYTES ((size_t)2 << 20)
#define KEYS_OF_WORKER 4099u
#define MADE_BEGIN_NS (1700000000ull * 1000000000)
#define GAP_NS (86400ull * 1000000000) /* between two loops, at least: longer than any timeout */
/* Loops begin at the same place in a second, and in a tick of the engine's timers (2^30 ns): what they bring is the same then. */
#define STEP_NS ((1ull << 21) * 1000000000)

static uint64_t step_after(uint64_t taken_ns)
{
	return (taken_ns + GAP_NS + STEP_NS - 1) / STEP_NS * STEP_NS;
}

static int add_frame(struct traffic *t, struct rte_mbuf *m)
{
	if (t->count == t->room) {
		size_t room = t->room ? t->room * 2 : 65536;
		struct rte_mbuf **more = realloc(t->frames, room * sizeof(m));

		if (!more)
			return -1;
		t->frames = more;
		t->room = room;
	}
	t->frames[t->count++] = m;
	t->bytes += frame_info(m)->wire_len;
	return 0;
}

static int made_load(struct traffic *t, const char *name, char *error)
{
	if (made_parse(&t->made, name, error) != 0)
		return -1;
	t->is_made = true;
	t->warm = t->made.warm;
	t->count = t->made.warm + t->made.packets;
	t->bytes = t->count * t->made.size;
	t->step_ns = step_after(t->count * t->made.step_ns);
	return 0;
}

static int capture_load(struct traffic *t, const char *path, char *error)
{
	struct capture *c = capture_open(path, error);
	enum capture_status status;
	uint64_t first = UINT64_MAX, last = 0;
	struct rte_mbuf *m;

	if (!c)
		return -1;
	while ((status = capture_next(c, &m, error)) == CAPTURE_FRAME) {
		uint64_t ts = frame_info(m)->ts_ns;

		first = RTE_MIN(first, ts);
		last = RTE_MAX(last, ts);
		if (add_frame(t, m) != 0) {
			snprintf(error, CAPTURE_ERROR_BYTES, "no memory for the capture %s", path);
			frame_free(m);
			capture_close(c);
			return -1;
		}
	}
	capture_close(c);
	if (status == CAPTURE_CUT)
		return -1;
	if (t->count == 0) {
		snprintf(error, CAPTURE_ERROR_BYTES, "the capture %s holds no packet", path);
		return -1;
	}
	t->step_ns = step_after(last - first);
	return 0;
}

int traffic_load(struct traffic *t, const char *path, char *error)
{
	return made_is(path) ? made_load(t, path, error) : capture_load(t, path, error);
}

/* The addresses of Ethernet with IPv4, in order; 0: another frame. */
static uint64_t hosts_of(const struct rte_mbuf *m)
{
	const uint8_t *b = frame_data(m);
	uint64_t hosts;

	if (frame_len(m) < ADDRESSES_AT + 8 || b[12] != 8 || b[13] != 0)
		return 0;
	memcpy(&hosts, b + ADDRESSES_AT, 8);
	return hosts;
}

void traffic_reorder(struct traffic *t, unsigned percent)
{
	uint32_t state = 1;

	for (size_t i = 0; percent && t->frames && i < t->count; i++) {
		uint64_t hosts = hosts_of(t->frames[i]);
		size_t k = i + 1;

		state = state * 1664525u + 1013904223u;
		if (!hosts || (state >> 16) % 100 >= percent)
			continue;
		while (k < t->count && k < i + REORDER_REACH && hosts_of(t->frames[k]) != hosts)
			k++;
		if (k < t->count && k < i + REORDER_REACH) {
			struct rte_mbuf *m = t->frames[i];
			uint64_t ts_ns = frame_info(m)->ts_ns;

			frame_info(m)->ts_ns = frame_info(t->frames[k])->ts_ns;
			frame_info(t->frames[k])->ts_ns = ts_ns;
			t->frames[i] = t->frames[k];
			t->frames[k] = m;
		}
	}
}

bool traffic_plan(struct traffic *t, const struct address_map *m)
{
	if (t->is_made)
		return true;
	t->plans = calloc(t->count, sizeof(*t->plans));
	for (size_t i = 0; t->plans && i < t->count; i++) {
		const struct rte_mbuf *f = t->frames[i];

		if (!readdress_plan(m, frame_data(f), frame_len(f),
				    frame_info((struct rte_mbuf *)(uintptr_t)f)->link_type,
				    &t->plans[i])) {
			memset(&t->plans[i], 0, sizeof(t->plans[i]));
			t->fixed++;
		}
	}
	return t->plans != NULL;
}

void traffic_free(struct traffic *t)
{
	for (size_t i = 0; t->frames && i < t->count; i++)
		frame_free(t->frames[i]);
	free(t->frames);
	free(t->plans);
	memset(t, 0, sizeof(*t));
}

static size_t slot_bytes(const struct rte_mbuf *m)
{
	size_t bytes = sizeof(struct rte_mbuf) + sizeof(struct frame_info) + frame_len(m);

	return RTE_ALIGN_CEIL(bytes, (size_t)RTE_CACHE_LINE_SIZE);
}

static uint8_t *pages(size_t bytes, enum traffic_pages *kind)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS, prot = PROT_READ | PROT_WRITE;
	void *at = mmap(NULL, bytes, prot, flags | MAP_HUGETLB, -1, 0);

	*kind = PAGES_HUGE;
	if (at != MAP_FAILED)
		return at;
	at = mmap(NULL, bytes, prot, flags, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	*kind = madvise(at, bytes, MADV_HUGEPAGE) == 0 ? PAGES_TRANSPARENT : PAGES_SMALL;
	return at;
}

static struct rte_mbuf *copy_frame(uint8_t *at, const struct rte_mbuf *from)
{
	const size_t head = sizeof(struct rte_mbuf) + sizeof(struct frame_info);
	struct rte_mbuf *m = (struct rte_mbuf *)(void *)at;

	memcpy(at, from, head);
	memcpy(at + head, frame_data(from), frame_len(from));
	m->buf_addr = at + head;
	m->data_off = 0;
	rte_mbuf_refcnt_set(m, 1);
	return m;
}

static size_t copy_frames(const struct traffic *t)
{
	return t->is_made ? MADE_FRAMES : t->count;
}

/* The i-th frame that a copy has; of made traffic a buffer for one. NULL: no memory. */
static struct rte_mbuf *copied(const struct traffic *t, size_t i)
{
	return t->is_made ? frame_new(t->made.size) : t->frames[i];
}

static int copy_fill(struct traffic_copy *c)
{
	const struct traffic *t = c->traffic;
	uint8_t *at = c->memory;

	for (size_t i = 0; i < copy_frames(t); i++) {
		struct rte_mbuf *m = copied(t, i);

		if (!m)
			return -ENOMEM;
		frame_info(m)->link_type = t->is_made ? LINKTYPE_ETHERNET : frame_info(m)->link_type;
		frame_info(m)->wire_len = t->is_made ? t->made.size : frame_info(m)->wire_len;
		c->frames[i] = copy_frame(at, m);
		at += slot_bytes(m);
		if (t->is_made)
			frame_free(m);
	}
	return 0;
}

int traffic_copy_new(struct traffic_copy *c, const struct traffic *t, unsigned worker)
{
	size_t bytes = 0;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; !t->is_made && i < t->count; i++)
		bytes += slot_bytes(t->frames[i]);
	if (t->is_made)
		bytes = MADE_FRAMES * RTE_ALIGN_CEIL(sizeof(struct rte_mbuf) + sizeof(struct frame_info) +
						     t->made.size, (size_t)RTE_CACHE_LINE_SIZE);
	c->traffic = t;
	c->worker = worker;
	c->first_key = worker * KEYS_OF_WORKER;
	c->memory_bytes = RTE_ALIGN_CEIL(bytes, HUGE_BYTES);
	c->frames = calloc(copy_frames(t), sizeof(*c->frames));
	c->memory = pages(c->memory_bytes, &c->pages);
	if (!c->frames || !c->memory || copy_fill(c) != 0) {
		traffic_copy_free(c);
		return -ENOMEM;
	}
	return 0;
}

void traffic_copy_free(struct traffic_copy *c)
{
	if (c->memory)
		munmap(c->memory, c->memory_bytes);
	free(c->frames);
	c->memory = NULL;
	c->frames = NULL;
}

/* Loop 0 is the capture as it was, for every worker. */
static uint16_t key_of(const struct traffic_copy *c, uint64_t loop)
{
	return loop ? readdress_key(loop + c->first_key) : 0;
}

static void capture_take(struct traffic_copy *c, size_t first, unsigned n, struct rte_mbuf **out)
{
	const struct readdress *plans = c->traffic->plans + first;
	uint16_t difference = key_of(c, c->loop) ^ (c->loop ? key_of(c, c->loop - 1) : 0);
	uint64_t step = c->loop ? c->traffic->step_ns : 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = c->frames[first + i];

		frame_info(m)->ts_ns += step;
		if (difference && plans[i].version)
			readdress_move(&plans[i], rte_pktmbuf_mtod(m, uint8_t *), difference);
		rte_mbuf_refcnt_set(m, 2);
		out[i] = m;
	}
}

static void made_take(struct traffic_copy *c, size_t first, unsigned n, struct rte_mbuf **out)
{
	const struct traffic *t = c->traffic;
	uint64_t start_ns = MADE_BEGIN_NS + c->loop * t->step_ns;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = c->frames[(first + i) % MADE_FRAMES];

		frame_info(m)->ts_ns = start_ns + made_frame(&t->made, first + i, c->worker,
							     rte_pktmbuf_mtod(m, uint8_t *));
		rte_mbuf_refcnt_set(m, 2);
		out[i] = m;
	}
}

void traffic_take(struct traffic_copy *c, size_t first, unsigned n, struct rte_mbuf **out)
{
	if (c->traffic->is_made)
		made_take(c, first, n, out);
	else
		capture_take(c, first, n, out);
}

void traffic_next(struct traffic_copy *c)
{
	c->loop++;
}

size_t traffic_held(const struct traffic_copy *c)
{
	size_t held = 0;

	for (size_t i = 0; i < copy_frames(c->traffic); i++)
		held += rte_mbuf_refcnt_read(c->frames[i]) != 1;
	return held;
}

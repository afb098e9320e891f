/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/engine/recent.h"

#include <stdlib.h>
#include <string.h>

#define CHAINS 8192u       /* flows share one when their ids do */
#define STEPS_MAX 16384u   /* along a chain: an elephant beside the flow costs no more */
#define LEAST_BYTES 65536u

struct recent {
	uint64_t size;  /* of memory */
	uint64_t next;  /* position of the next packet */
	uint64_t last[CHAINS];
	uint8_t memory[] __attribute__((aligned(8)));
};

struct recent *recent_new(uint64_t bytes)
{
	struct recent *r;

	bytes &= ~(uint64_t)7;
	if (bytes < LEAST_BYTES)
		return NULL;
	r = malloc(sizeof(*r) + bytes);
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r) + bytes); /* and every page is there before the first packet */
	r->size = bytes;
	for (unsigned i = 0; i < CHAINS; i++)
		r->last[i] = RECENT_NONE;
	return r;
}

static struct recent_packet *at(const struct recent *r, uint64_t position)
{
	return (struct recent_packet *)(void *)(uintptr_t)(r->memory + position % r->size);
}

static bool is_there(const struct recent *r, uint64_t position)
{
	return position != RECENT_NONE && r->next - position <= r->size;
}

static unsigned chain_of(uint64_t flow)
{
	return (unsigned)(flow * 0x9e3779b97f4a7c15ull >> 51) % CHAINS;
}

void recent_put(struct recent *r, const struct recent_packet *head, const uint8_t *data)
{
	uint64_t need = (sizeof(*head) + head->len + 7) & ~7ull, room = r->size - r->next % r->size;
	struct recent_packet *p;
	unsigned chain;

	if (need > r->size)
		return;
	if (need > room) /* the rest of the block stays unused */
		r->next += room;
	p = at(r, r->next);
	memcpy(p, head, sizeof(*head));
	memcpy(p->data, data, head->len);
	p->taken = false;
	p->earlier = RECENT_NONE;
	if (head->flow) {
		chain = chain_of(head->flow);
		p->earlier = r->last[chain];
		r->last[chain] = r->next;
	}
	r->next += need;
}

unsigned recent_take(struct recent *r, uint64_t flow, uint64_t *positions, unsigned most)
{
	uint64_t position = r->last[chain_of(flow)];
	unsigned n = 0;

	for (unsigned step = 0; flow && n < most && step < STEPS_MAX && is_there(r, position); step++) {
		struct recent_packet *p = at(r, position);

		if (p->flow == flow && !p->taken) {
			p->taken = true;
			positions[n++] = position;
		}
		position = p->earlier;
	}
	for (unsigned i = 0; i < n / 2; i++) {
		uint64_t swap = positions[i];

		positions[i] = positions[n - 1 - i];
		positions[n - 1 - i] = swap;
	}
	return n;
}

const struct recent_packet *recent_at(const struct recent *r, uint64_t position)
{
	return at(r, position);
}
